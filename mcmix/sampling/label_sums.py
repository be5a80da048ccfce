"""Sums over labels: label vectors that meet in a factor, with all that depends on them, a log density for each unit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain, Plan
from mcmix.steps.passes import AllRows, Pass
from mcmix.structure.cells import looked_up
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, constant
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import substitute
from mcmix.structure.shown import shown_parts

RowsOf = Callable[[LabelBlock], AllRows]


class Point(Protocol):
    """Where densities are asked for: a chain's memory, and its values by leaf."""

    chain: Chain

    def leaves(self) -> dict[Any, np.ndarray]:
        """The present point by leaf."""

    def check(self) -> None:
        """Raise what a user's function raised."""


def is_data(factor: Factor, recording: Recording) -> bool:
    """Whether a factor is the distribution of data; the rows whose own value is missing are none."""
    node = factor.node
    if not isinstance(node, Stochastic) or not node.holds_data:
        return False
    return node.holds_object or factor.x is not recording.leaves.get(node)


def observed_places(factor: Factor) -> np.ndarray:
    """Which elements (flattened) of a factor of data are about something observed.

    Raises
    ------
    ModelError
        If entries were drawn for what is missing, and cannot be told from the rest.
    """
    node, size = factor.node, int(np.prod(factor.elements.shape, dtype=int))
    places = np.arange(size)
    drawn = (
        isinstance(node, Stochastic) and node.mask is not None and any(x.extra is node for x in factor.elements.leaves)
    )
    if not drawn:
        return places
    assert isinstance(node, Stochastic)
    if factor.family is None or factor.family.event_ndim or factor.elements.shape != node.shape:
        raise ModelError(
            f"log_likelihood: {node.name} has missing entries that cannot be integrated out of its distribution, so "
            "its rows have no density of what is known of them; leave the rows with missing entries out"
        )
    return places[~np.asarray(node.mask).ravel()]


def connected(blocks: Sequence[LabelBlock]) -> list[list[LabelBlock]]:
    """Label blocks that meet in a factor, together."""
    found: list[list[LabelBlock]] = []
    for block in blocks:
        met = [g for g in found if any(set(block.factors) & set(other.factors) for other in g)]
        found = [g for g in found if g not in met] + [[*[b for g in met for b in g], block]]
    return found


class LabelSum:
    """Label vectors that meet in a factor (mostly one), with all that depends on them.

    Parameters
    ----------
    blocks : list of LabelBlock
    plan : Plan
    rows_of : callable, optional
        From the block of the only label vector to the rows that are gone over in the place of all.
    """

    def __init__(self, blocks: list[LabelBlock], plan: Plan, rows_of: RowsOf | None = None):
        self.blocks = blocks
        self.labels = [b.label for b in blocks]
        self.factors = list(dict.fromkeys(s for b in blocks for s in b.factors))
        recording = plan.structure.recording
        own = [recording.own_factor(label.node) for label in self.labels]
        self.served: set[Factor] = {s.factor for s in self.factors} | set(own)
        self.data = [s for s in self.factors if is_data(s.factor, recording)]
        self.has_data = bool(self.data)
        self.name = " and ".join(dict.fromkeys(s.factor.node.name for s in self._named()))
        self.observed = self._observed()
        given = [s for s in self.factors if not is_data(s.factor, recording)]
        needs_rest = self.has_data and any(s.factor not in own for s in given)  # label distributions alone sum to one
        self._all = _summed(blocks, self.factors, plan, rows_of)
        self._given = _summed(blocks, given, plan, rows_of) if needs_rest else None

    @property
    def leaves(self) -> set[Expression]:
        """Leaves that its factors and weights depend on."""
        weights = [b.log_weights.leaves for b in self.blocks if b.log_weights is not None]
        weights += [x.leaves for b in self.blocks for x, _ in b.distribution.prelude()]
        return set[Expression]().union(*weights, *[s.rows.leaves for s in self.factors])

    def _named(self) -> list[SeparableFactor]:
        """Data on the labels; the labels themselves where nothing else was observed."""
        nodes = [label.node for label in self.labels]
        return [s for s in self.data if s.factor.node not in nodes] or self.data

    def _observed(self) -> np.ndarray:
        """Whether anything of a unit was observed, shape (units,)."""
        found = np.zeros(self.labels[0].n_units, dtype=bool)
        for s in self.data:
            rows = _observed_rows(s)
            found[rows if s.units is None else s.units[rows]] = True
        return found

    def pointwise(self, at: Point) -> np.ndarray:
        """Log likelihood of each unit of which something was observed."""
        logs = self._all.unit_logs(at) - (0.0 if self._given is None else self._given.unit_logs(at))
        return np.asarray(logs[self.observed] if logs.shape == self.observed.shape else logs)

    def bind(self, chain: Chain) -> None:
        """Point what is compiled to a chain's memory."""
        self._all.bind(chain)
        if self._given is not None:
            self._given.bind(chain)

    def joint(self, at: Point) -> float:
        """Log density of all its factors, summed over labels."""
        return self._all.total(at)

    def likelihood(self, at: Point) -> float:
        """As above, of its data given the rest."""
        return self.joint(at) - (0.0 if self._given is None else self._given.total(at))

    def most_probable(self, at: Point) -> dict[Stochastic, np.ndarray]:
        """The most probable labels of each unit, by label vector."""
        return self._all.most_probable(at)

    def unit_logs(self, at: Point) -> np.ndarray:
        """Log density of each unit, all factors together."""
        return self._all.unit_logs(at)

    def add_shares(self, at: Point, node: Stochastic, out: np.ndarray) -> None:
        """Add each unit's label probabilities to `out`."""
        self._all.add_shares(at, node, out)


def _observed_rows(s: SeparableFactor) -> np.ndarray:
    """Rows of a factor of data of which something was observed, as they stand in it."""
    node, count = s.factor.node, s.rows.shape[0]
    if isinstance(node, Stochastic) and node.mask is not None and s.factor.x is None:  # labels that are known
        return np.flatnonzero(~np.asarray(node.mask).ravel())
    if s.gaps is None:
        places = observed_places(s.factor)
        return places if s.order is None else np.flatnonzero(np.isin(s.order, places))
    assert isinstance(node, Stochastic)
    seen = ~np.asarray(node.mask).reshape(-1, node.shape[-1])
    rows = np.arange(count) if s.factor.places is None else s.factor.places
    return np.flatnonzero(seen[rows].any(axis=1))


def _summed(
    blocks: list[LabelBlock], factors: list[SeparableFactor], plan: Plan, rows_of: RowsOf | None
) -> _OneVector | _Product:
    if len(blocks) == 1:
        return _OneVector(blocks[0], factors, plan, None if rows_of is None else rows_of(blocks[0]))
    chained = [b.label.node.name for b in blocks if b.distribution.ahead is not None]
    if chained:
        raise ModelError(
            f"{', '.join(chained)}: labels that depend on one another are summed out where their data look at one "
            "label vector alone, got several; compute from trace(...) what is wanted given the labels"
        )
    return _Product(blocks, factors)


class _OneVector:
    """The sum over one label vector, by the soft pass."""

    def __init__(self, block: LabelBlock, factors: list[SeparableFactor], plan: Plan, rows: AllRows | None):
        number, own = plan.structure.blocks.index(block), replace(block, factors=factors, tempered=[], tables=None)
        self.compiled = Pass(own, number, integrated=True, data=rows)
        self.compiled.place_sums(plan)
        self.compiled.compile(plan)

    def bind(self, chain: Chain) -> None:
        n_units, label = self.compiled.data.n_units, self.compiled.label
        self._logs, self._shares = np.zeros(n_units), np.zeros((n_units, label.n_labels))
        self._pass = self.compiled.bound(chain)

    def unit_logs(self, at: Point, shares: np.ndarray | None = None) -> np.ndarray:
        status = self._pass.weigh(self._logs, shares)
        at.check()
        return self._logs if status == 0 else np.full(1, -np.inf)

    def total(self, at: Point) -> float:
        """Log density of all units together; a row that stands for several counts as often."""
        return float(self.unit_logs(at).sum())

    def add_shares(self, at: Point, node: Stochastic, out: np.ndarray) -> None:
        self.unit_logs(at, out)

    def most_probable(self, at: Point) -> dict[Stochastic, np.ndarray]:
        self._shares[:] = 0.0
        self.add_shares(at, self.compiled.label.node, self._shares)
        return {self.compiled.label.node: self.compiled.label.values[self._shares.argmax(1)]}


class _Product:
    """The sum over the product of several label vectors' values, evaluated with NumPy."""

    def __init__(self, blocks: list[LabelBlock], factors: list[SeparableFactor]):
        self.blocks, self.labels = blocks, [b.label for b in blocks]
        grids = np.meshgrid(*[label.values for label in self.labels], indexing="ij")
        self.combinations = np.column_stack([g.ravel() for g in grids])
        self.rows = [
            [(s, x, shown) for s in factors for x, shown in shown_rows(s, with_labels(s, self._named(c)))]
            for c in self.combinations
        ]

    def _named(self, combination: np.ndarray) -> dict[LabelVector, int]:
        return dict(zip(self.labels, combination.tolist(), strict=True))

    def bind(self, chain: Chain) -> None:
        """Nothing is compiled."""

    def _logs(self, at: Point) -> np.ndarray:
        """Log density of each unit under each combination, shape (combinations, units)."""
        leaves, known, n = at.leaves(), dict[Expression, np.ndarray](), self.labels[0].n_units
        found = []
        for combination, rows in zip(self.combinations, self.rows, strict=True):
            total = np.zeros(n)
            for block, value in zip(self.blocks, combination, strict=True):
                if block.log_weights is not None:
                    total = total + evaluate(block.log_weights, leaves, known)[int(value) - block.label.lowest]
            for s, x, shown in rows:
                logs = np.zeros(s.rows.shape[0])
                logs[shown] = evaluate(x, leaves, known)
                total = total + (logs if s.units is None else np.bincount(s.units, logs, n))
            found.append(total)
        return np.array(found)

    def unit_logs(self, at: Point) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.logaddexp.reduce(self._logs(at), axis=0)

    def total(self, at: Point) -> float:
        return float(self.unit_logs(at).sum())

    def add_shares(self, at: Point, node: Stochastic, out: np.ndarray) -> None:
        j = [label.node for label in self.labels].index(node)  # type: ignore[arg-type]
        logs = self._logs(at)
        highest = logs.max(0)
        shares = np.exp(logs - np.where(np.isfinite(highest), highest, 0.0))
        shares /= shares.sum(0)
        for values, share in zip(self.combinations, shares, strict=True):
            out[:, values[j] - self.labels[j].lowest] += share

    def most_probable(self, at: Point) -> dict[Stochastic, np.ndarray]:
        best = self.combinations[self._logs(at).argmax(0)]
        return {label.node: best[:, j] for j, label in enumerate(self.labels)}


def shown_rows(s: SeparableFactor, x: Expression) -> list[tuple[Expression, np.ndarray]]:
    """Log densities of what rows show, and which rows these are: all but those of vectors with missing coordinates."""
    if s.gaps is None or x.op != "events":
        return [(x, np.arange(s.rows.shape[0]))]
    named = dict(zip([p.name for p in x.extra.parameters], x.arguments[1:], strict=True))
    parts = shown_parts(replace(s.factor, elements=x, family=x.extra, x=x.arguments[0], parameters=named))
    return [(part.elements, rows) for part, rows in parts]


def with_labels(s: SeparableFactor, values: Mapping[LabelVector, int]) -> Expression:
    """The rows' log density with each label vector at one value for all units."""
    replacements: dict[Expression, Expression] = {}
    for label, value in values.items():
        number = constant(int(value))  # a whole number: it may be part of a position
        replacements |= {label.variable: number, **dict.fromkeys(looked_up(s.rows, label.variable), number)}
    return substitute(s.rows, replacements)


__all__ = ["LabelSum", "RowsOf", "connected", "is_data", "observed_places", "shown_rows", "with_labels"]
