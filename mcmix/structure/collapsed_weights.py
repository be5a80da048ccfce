"""Weights summed out of labels that are drawn one by one: what all other labels say of one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.component_moves import NotMoved, concentrations, log_of_sum
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.expression import Expression, constant
from mcmix.structure.sticks import sticks
from mcmix.structure.unknown_number import UnknownNumber, number_of


@dataclass(frozen=True, eq=False)
class CollapsedWeights:
    """The prior of weights that are summed out.

    Attributes
    ----------
    kind : {"dirichlet", "unknown", "sticks"}
    nodes : list of Stochastic
        What must be drawn anew once labels are.
    first : Expression
        Concentrations of a Dirichlet prior, one or K; of sticks the first parameters of their beta priors.
    second : Expression
        Of sticks the second ones; log V_n(t) for t = 0 .. K, where the number of components is unknown.
    """

    kind: str
    nodes: list[Stochastic]
    first: Expression
    second: Expression


def collapsed_weights(block: LabelBlock, structure: Structure, given: bool) -> CollapsedWeights:
    """The prior of a label block's weights.

    Parameters
    ----------
    block : LabelBlock
    structure : Structure
    given : bool
        Whether parameters are given: the number of components is then given as well, where it is unknown.

    Raises
    ------
    NotMoved
        If weights are drawn in another way.
    """
    number = number_of(block, structure)
    if number is not None and (given or number.is_dynamic):
        return CollapsedWeights("dirichlet", [], number.concentration, constant(0.0))
    if number is not None:
        return CollapsedWeights("unknown", [], number.concentration, _log_coefficients(number))
    found = _sticks(block, structure)
    if found is not None:
        return found
    nodes, first = concentrations(block, structure)
    return CollapsedWeights("dirichlet", nodes, first, constant(0.0))


def _log_coefficients(number: UnknownNumber) -> Expression:
    """Log V_n(t), the sum over K of p(K) K! / (K - t)! Gamma(K a) / Gamma(n + K a), for t = 0 .. capacity."""
    k, t = np.arange(1.0, number.most + 1.0), np.arange(number.capacity + 1.0)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = np.where(k >= t, gammaln(k + 1.0) - gammaln(np.maximum(k - t, 0.0) + 1.0), -np.inf)
    each = [log_of_sum(number.log_masses + constant(row)) for row in ways]
    return ex.reshape(ex.concatenate([ex.reshape(x, (1,)) for x in each]), (len(each),))


def _sticks(block: LabelBlock, structure: Structure) -> CollapsedWeights | None:
    """Beta priors of sticks that are broken one after another."""
    assert block.log_weights is not None
    nodes = [n for n, leaf in structure.recording.leaves.items() if leaf in block.log_weights.leaves]
    found = conjugate(nodes[0], structure) if len(nodes) == 1 else None
    if not isinstance(found, Conjugate) or found.kind != "beta":
        return None
    leaf = structure.recording.leaves[nodes[0]]
    powers = sticks(structure.recording.own_factor(block.label.node).parameters["probabilities"], leaf, leaf)
    k = block.label.n_labels
    if powers is None or powers[0].shape != (k, k - 1):
        raise NotMoved(f"{nodes[0].name}: weights are no sticks")
    if not (np.array_equal(powers[0], np.eye(k, k - 1)) and np.array_equal(powers[1], np.tri(k, k - 1, -1))):
        raise NotMoved(f"{nodes[0].name}: sticks are broken in another order than that of the labels")
    assert found.second is not None
    first, second = (
        p + 1.0 - block.counts @ power for p, power in zip((found.first, found.second), powers, strict=True)
    )
    return CollapsedWeights("sticks", nodes, first, second)


__all__ = ["CollapsedWeights", "collapsed_weights"]
