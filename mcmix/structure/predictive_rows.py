"""What the rows of a component say of the next one, parameters integrated out: normal rows, conjugate priors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.component_moves import NotMoved
from mcmix.structure.conjugacy import Conjugate, conjugate, prior_of_powers
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression
from mcmix.structure.joint_priors import Joint, joint_of
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.links import affine
from mcmix.structure.vector_conjugacy import natural_prior


@dataclass(frozen=True, eq=False)
class NextRow:
    """The prior of a component's normal rows, as whoever adds rows up one by one needs it; entry 0 is any component's.

    Attributes
    ----------
    factor : SeparableFactor
    variables : list of Stochastic
        What is integrated out.
    known : bool
        Whether the precision of the rows is known.
    dimension : int
    freedom : Expression
        Degrees of freedom of the precision's Wishart distribution; or the precision of the rows, where it is known.
    relative : Expression
        Precision of the mean: in units of the rows', where that is not known.
    centre : Expression
        The mean's own mean.
    scale : Expression or None
        Inverse scale matrix of the Wishart distribution.
    """

    factor: SeparableFactor
    variables: list[Stochastic]
    known: bool
    dimension: int
    freedom: Expression
    relative: Expression
    centre: Expression
    scale: Expression | None


def next_row(s: SeparableFactor, variables: list[Stochastic], structure: Structure) -> NextRow:
    """The prior of a factor's rows with the parameters that components have of their own integrated out.

    Raises
    ------
    NotMoved
        If it is none of those that are known.
    """
    if s.cells is None:
        raise NotMoved(f"{s.factor.node.name} has no sums")
    own = [v for v in variables if any(structure.recording.leaves[v] in p.leaves for p in s.cells.parameters.values())]
    pairs = [pair for v in own if (pair := joint_of(v, structure)) is not None]
    if len(own) == 2 and len(pairs) == 2 and {pairs[0].mean, pairs[0].precision} == set(own):
        return _of_pair(s, pairs[0], structure)
    if len(own) == 1 and s.factor.family is not None and s.factor.family.name == "Normal":
        return _of_mean(s, own[0], structure)
    names = ", ".join(v.name for v in own)
    raise NotMoved(f"what components have ({names}) is no mean and precision that can be integrated out of normal rows")


def _of_pair(s: SeparableFactor, pair: Joint, structure: Structure) -> NextRow:
    own = structure.recording.own_factor(pair.precision).parameters
    n = pair.first.shape[0]
    d = pair.precision.shape[-1] if pair.precision.family.event_ndim else 1
    if pair.precision.family.event_ndim:
        power, scale = natural_prior(pair.precision, own, n)
        # |T|**f exp(-tr(S T) / 2) has 2 f + d + 1 degrees of freedom
        freedom = 2.0 * power + (d + 1.0)
    else:
        first, second = prior_of_powers(pair.precision, own)
        # a gamma distribution of shape a and rate b is a Wishart distribution of 2 a degrees of freedom, scale 2 b
        freedom, scale = 2.0 * (ex.as_expression(first) + 1.0), 2.0 * ex.as_expression(second)
    centre = structure.recording.own_factor(pair.mean).parameters["mean"]
    variables: list[Stochastic] = [pair.precision, pair.mean]
    return NextRow(s, variables, False, d, freedom, pair.relative, centre, scale)


def _of_mean(s: SeparableFactor, node: Stochastic, structure: Structure) -> NextRow:
    assert s.cells is not None
    found, leaf = conjugate(node, structure), structure.recording.leaves[node]
    own, precision = structure.recording.own_factor(node).parameters, s.cells.parameters["precision"]
    normal = isinstance(node, Distribution) and node.family.name == "Normal"
    link = affine(s.cells.parameters["mean"], leaf, leaf)
    plain = link is not None and ex.is_everywhere(link.slope, 1.0) and ex.is_everywhere(link.offset, 0.0)
    plain = plain and link is not None and link.index.is_constant
    if not (normal and plain and isinstance(found, Conjugate) and found.kind == "normal" and precision.size == 1):
        raise NotMoved(f"{node.name} is no mean of normal rows of one precision")
    assert link is not None
    if not np.array_equal(np.ravel(link.index.known), np.arange(leaf.size)):
        raise NotMoved(f"{node.name} is looked up in another way than component by component")
    return NextRow(s, [node], True, 1, precision, own["precision"], own["mean"], None)


__all__ = ["NextRow", "next_row"]
