"""A second look at kept draws: soft passes, predictive densities, log priors. Nothing here changes a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.node import Node
from mcmix.nodes.plate import members_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.plan import CompiledModel
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.labels import parameter_tables
from mcmix.structure.recording import Factor
from mcmix.traces.memory import Draws


class Replay:
    """Puts kept draws back into a chain's memory, one after another.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws

    Raises
    ------
    ModelError
        If an unknown that is needed was not kept.
    """

    def __init__(self, compiled: CompiledModel, draws: Draws):
        self.compiled, self.draws = compiled, draws
        self.chain = Chain(compiled.plan.layout, streams.nobody())
        there = [n for n in compiled.model.stochastics if n.name in draws.variables]
        self.nodes = [
            n for n in there if compiled.on_disk(n) is None
        ]  # others are labels of more rows than a chain has
        self.absent = [n for n in compiled.model.stochastics if n.name not in draws.variables]

    def at(self, positions: np.ndarray) -> Iterator[dict[Any, np.ndarray]]:
        """Each draw in turn: it is in memory, and its leaves are yielded by key."""
        for chain, draw in positions:
            leaves: dict[Any, np.ndarray] = {}
            for node in self.nodes:
                value = np.asarray(self.draws.variables[node.name][chain, draw], dtype=float)
                self.chain.put(node, value)
            kept = set(self.nodes)
            for node, leaf in (self.compiled.recording.leaves | self.compiled.structure.recording.leaves).items():
                if kept.issuperset(members_of(node)):
                    leaves[node] = self.chain.view(node).reshape(leaf.shape).copy()
            yield leaves

    def require(self, nodes: Sequence[Stochastic], what: str) -> None:
        """Refuse when one of these was not kept."""
        missing = [n.name for n in nodes if n in self.absent]
        if missing:
            raise ModelError(
                f"{what} needs the draws of {', '.join(missing)}, which were not kept; sample with trace=[...]"
            )


def with_known_labels(label: LabelVector, shares: np.ndarray) -> np.ndarray:
    """Label probabilities of every unit, from those of the unknown or of all: known labels are certain."""
    if label.column is None or label.column.missing is None:
        return shares
    mask = label.column.missing.ravel()
    full = (np.asarray(label.column.known).reshape(-1, 1) == label.values).astype(float)
    full[mask] = shares if len(shares) == mask.sum() else shares[mask]
    return full


def log_prior(compiled: CompiledModel, draws: Draws) -> dict[str, np.ndarray]:
    """Log prior density of every kept unknown except labels, per element (one number for a simplex).

    Data have none, not even where entries are missing or labels are known for some units: the distribution of what is
    missing is part of the data's distribution.

    Returns
    -------
    dict of str to ndarray, shape (chains, draws, *shape of the log density)
    """
    replay = Replay(compiled, draws)
    positions = draws.thinned(draws.n_chains * draws.n_draws)
    apart: set[Node] = {b.label.node for b in compiled.label_blocks} | {c.node for c in compiled.non_factorising_labels}
    apart |= set(compiled.model.data_nodes)
    factors = [f for f in compiled.recording.factors if f.node in replay.nodes and f.node not in apart]
    factors = [f for f in factors if not {x.extra for x in f.elements.leaves} & set(replay.absent)]
    at_once = {
        f.node.name: f for f in factors if f.family is not None and all(p.is_constant for p in f.parameters.values())
    }
    one_by_one = {f.node.name: f for f in factors if f.node.name not in at_once}
    answers = {name: _prior_at_once(f, draws.variables[name]) for name, f in at_once.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in one_by_one}
    for leaves in replay.at(positions) if one_by_one else ():
        known: dict[Expression, np.ndarray] = {}
        for name, f in one_by_one.items():
            found[name].append(evaluate(f.elements, leaves, known))
    shape = (draws.n_chains, draws.n_draws)
    return answers | {name: np.reshape(values, (*shape, *np.shape(values[0]))) for name, values in found.items()}


def _prior_at_once(factor: Factor, values: np.ndarray) -> np.ndarray:
    """A prior with known parameters, over all draws in one call."""
    assert factor.family is not None
    return factor.family.logpdf(values, *[p.value for p in factor.parameters.values()])


# -------------------------------------------------------------------- densities of new rows


def component_densities(
    compiled: CompiledModel, draws: Draws, node: Stochastic, grid: np.ndarray, n_draws: int
) -> np.ndarray:
    """Weighted density of each component at new values of a data node, at thinned draws.

    Returns
    -------
    ndarray, shape (n_draws, K, grid); K is 1 without labels.

    Raises
    ------
    ModelError
        If the node's parameters vary by row or group: a new row would need its own.
    """
    factor = compiled.recording.factor_of(node)
    weights, tables = _predictive(compiled, factor)
    replay = Replay(compiled, draws)
    assert factor.family is not None
    out = []
    for leaves in replay.at(draws.thinned(n_draws)):
        known: dict[Expression, np.ndarray] = {}
        parameters = [np.atleast_1d(evaluate(t, leaves, known))[:, None] for t in tables]
        mass = np.zeros(1) if weights is None else evaluate(weights, leaves, known)
        logs = factor.family.logpdf(grid[None, :], *parameters)
        out.append(np.exp(np.broadcast_to(logs, (len(mass), len(grid))) + mass[:, None]))
    return np.array(out)


def _predictive(compiled: CompiledModel, factor: Factor) -> tuple[Expression | None, list[Expression]]:
    """Log weights over labels (None without) and each parameter as a table over them."""
    for block in compiled.structure.blocks:
        for s in block.factors:
            tables = parameter_tables(s, block.label) if s.factor is factor else None
            if tables is not None and block.log_weights is not None and s.units is None:
                return block.log_weights, tables
    parameters = list(factor.parameters.values())
    if factor.family is not None and factor.family.scalar_logpdf is not None and all(p.size == 1 for p in parameters):
        return None, parameters
    raise ModelError(
        f"{factor.node.name}: a density for new rows needs parameters that depend on one label alone, "
        "not on the row or its group"
    )
