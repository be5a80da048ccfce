"""Models that differ in the number of their components alone, and how many of these hold units in their draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from mcmix.api.cluster_sizes import cluster_sizes, counted
from mcmix.api.partitions import kept_or_drawn
from mcmix.errors import McmixError
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.diagnosis.mixing import effective_for_mean
from mcmix.report.evidence.occupied_shares import SharedEvidence, from_shares, log_partition_weights
from mcmix.structure.component_tables import component_tables
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.evaluate import evaluate
from mcmix.structure.unknown_number import number_of
from mcmix.traces.memory import Draws

LOOKED_AT = 3  # draws at which two models must say the same of a component
MOST_LABELS = 2 * 10**7  # units times draws whose labels are drawn again
CLOSE = 1e-9  # relative difference of log densities that are the same


@dataclass(frozen=True)
class Exchangeable:
    """A mixture of exchangeable components under symmetric weights.

    Attributes
    ----------
    m : MCMC or Posterior
    block : LabelBlock
    weights : Stochastic
    concentration : float
        Of each component.
    probabilities : ndarray, shape (capacity,)
        Of 1, 2, .. components; where their number is known, 1 for that.
    """

    m: Any
    block: LabelBlock
    weights: Stochastic
    concentration: float
    probabilities: np.ndarray

    @property
    def capacity(self) -> int:
        """Components that there may be."""
        return len(self.probabilities)

    def log_weights(self, most: int) -> np.ndarray:
        """Log V(K, t) of t = 1 .. most, averaged over the prior on K."""
        n = self.block.label.n_units
        numbers = np.flatnonzero(self.probabilities) + 1
        each = [log_partition_weights(n, int(k), self.concentration, most) for k in numbers]
        return np.asarray(logsumexp(each, axis=0, b=self.probabilities[numbers - 1][:, None]))

    def clusters(self, kept: Draws) -> np.ndarray:
        """How many components hold units at each draw, shape (chains, draws)."""
        label = self.block.label
        sizes = cluster_sizes(kept, label.node.name, self.capacity, label.lowest)
        if sizes is None:
            step = -(-kept.n_draws * kept.n_chains * label.n_units // MOST_LABELS)
            some = Draws({n: x[:, ::step] for n, x in kept.variables.items()}, angles=kept.angles)
            labels = kept_or_drawn(self.m, some, label.node, "compare")
            sizes = counted(labels, self.capacity, label.lowest).reshape(some.n_chains, some.n_draws, -1)
        return np.asarray((sizes > 0).sum(-1))


def exchangeable(m: Any) -> Exchangeable | None:
    """What a sampler's mixture is; None where it is no such mixture."""
    structure = m.assembled.structure
    if len(structure.blocks) != 1:
        return None
    block = structure.blocks[0]
    unknown = number_of(block, structure)
    node = block.label.node
    if node.mask is not None or not component_tables(block, structure).whole or block.log_weights is None:
        return None
    weights = unknown.weights if unknown is not None else _weights_of(block)
    if weights is None:
        return None
    of_each = m.assembled.recording.own_factor(weights).parameters["concentration"]
    if of_each.leaves:
        return None
    values = np.unique(np.round(evaluate(of_each, {}), 12))
    if len(values) != 1:
        return None
    known = np.arange(1, block.label.n_labels + 1) == block.label.n_labels
    probabilities = known.astype(float) if unknown is None else unknown.node.probabilities
    return Exchangeable(m, block, weights, float(values[0]), probabilities)


def _weights_of(block: LabelBlock) -> Stochastic | None:
    assert block.log_weights is not None
    nodes = [leaf.extra for leaf in block.log_weights.leaves]
    alone = nodes[0] if len(nodes) == 1 else None
    is_dirichlet = isinstance(alone, Stochastic) and alone.family is not None and alone.family.name == "Dirichlet"
    return alone if is_dirichlet else None


def alike(first: Exchangeable, second: Exchangeable, draws: Draws) -> bool:
    """Whether two mixtures say the same of a component, of everything that components share, and of a unit.

    Asked at some draws of the first: every component of both is put where its first one is.
    """
    if first.concentration != second.concentration or _names(first) != _names(second):
        return False
    flat = {n: x.reshape(-1, *x.shape[2:]) for n, x in draws.variables.items()}
    at = np.unique(np.linspace(0, len(next(iter(flat.values()))) - 1, LOOKED_AT).astype(int))
    return all(_same(_said(first, flat, i), _said(second, flat, i)) for i in at)


def _names(e: Exchangeable) -> set[str]:
    return {n.name for n in _asked(e)}


def _asked(e: Exchangeable) -> list[Stochastic]:
    """Nodes whose distributions are compared: all but the labels, their weights and their number."""
    apart = {e.block.label.node, e.weights} | {n.node for n in e.m.assembled.structure.numbers}
    return [n for n in e.m.model.stochastics if n not in apart] + list(e.m.model.data_nodes)


def _said(e: Exchangeable, flat: Mapping[str, np.ndarray], i: int) -> dict[str, np.ndarray]:
    """Log density of each node: of the first entry of what components have, of every unit of data."""
    recording, tables = e.m.assembled.recording, component_tables(e.block, e.m.assembled.structure)
    by_component = {v for table in tables.tables for v, _ in table} - {e.weights}
    leaves: dict[Any, Any] = {node: np.asarray(recording.rows[node].known) for node in recording.rows}
    for node in recording.leaves:
        if node is e.block.label.node:
            leaves[node] = np.full(node.shape, e.block.label.lowest, dtype=float)
        elif node in by_component:
            one = flat[node.name][i, :1]
            leaves[node] = np.repeat(one, node.shape[0], axis=0)
        elif node.name in flat and node is not e.weights and node not in leaves:
            leaves[node] = flat[node.name][i]
    found = {}
    for node in _asked(e):
        elements = [evaluate(f.elements, leaves) for f in recording.factors if f.node is node]
        found[node.name] = elements[0][:1] if node in by_component else np.concatenate([np.ravel(x) for x in elements])
    return found


def _same(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> bool:
    return all(
        np.size(x) == np.size(second[n]) and np.allclose(np.ravel(x), np.ravel(second[n]), rtol=CLOSE, atol=CLOSE)
        for n, x in first.items()
    )


@dataclass(frozen=True)
class OccupiedEvidence:
    """Evidence of models whose components are alike, from shares of draws by number of clusters.

    Attributes
    ----------
    names : list
        Of the models.
    shared : SharedEvidence
        Of these, in their order.
    """

    names: list[Any]
    shared: SharedEvidence

    def beside(self, anchor: Any, log: float, error: float) -> dict[Any, tuple[float, float]]:
        """Log evidence of every model and its error, where that of one of them is known otherwise."""
        at = self.names.index(anchor)
        logs = log + self.shared.logs - self.shared.logs[at]
        errors = [float(np.hypot(error, self.shared.error(i, at))) for i in range(len(self.names))]
        return {n: (float(x), e) for n, x, e in zip(self.names, logs, errors, strict=True) if np.isfinite(x)}


def occupied_evidence(models: Mapping[Any, Any], calls: str) -> OccupiedEvidence | None:
    """The same for all models that are like the first that is such a mixture; None where there is but one."""
    found = {name: e for name, m in models.items() if (e := exchangeable(m)) is not None and e.capacity > 1}
    if len(found) < 2:
        return None
    reference = next(iter(found.values()))
    try:
        draws = reference.m.draws(calls)
        same = [name for name, e in found.items() if e is reference or alike(reference, e, draws)]
        if len(same) < 2:
            return None
        numbers = [found[name].clusters(found[name].m.draws(calls)) for name in same]
    except (McmixError, KeyError):  # draws of something that is needed were not kept
        return None
    most = max(found[name].capacity for name in same)
    shares = np.array([np.bincount(x.ravel(), minlength=most + 1)[1:] / x.size for x in numbers])
    logs = np.array([found[name].log_weights(most) for name in same])
    return OccupiedEvidence(same, from_shares(logs, shares, [_effective(x) for x in numbers]))


def _effective(numbers: np.ndarray) -> float:
    """Effective draws of the number of clusters; of one that never changes, as many as there are."""
    found = float(effective_for_mean(numbers[None].astype(float))[0])
    return found if np.isfinite(found) else float(numbers.size)


__all__ = ["Exchangeable", "OccupiedEvidence", "alike", "exchangeable", "occupied_evidence"]
