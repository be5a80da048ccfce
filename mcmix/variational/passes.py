"""The soft pass of one label vector: expected log densities in, responsibilities and expected statistics out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.errors import ZeroProbability
from mcmix.kernels.base import address_of
from mcmix.steps.bound_pass import BoundPass
from mcmix.structure.cells import missing_in
from mcmix.structure.label_vectors import LabelVector
from mcmix.variational.chain_weights import ChainWeights
from mcmix.variational.posteriors import IMPOSSIBLE
from mcmix.variational.statements import Labelled, Weights

AnyWeights = Weights | ChainWeights | np.ndarray


class LabelPass:
    """A label vector with everything that depends on it.

    Parameters
    ----------
    label : LabelVector
    weights : Weights, ChainWeights or ndarray, shape (K,)
        The distribution of the labels, or their known log weights.
    statements : sequence of Labelled
    starts : int
        Starts side by side: their passes run one after another and share all but coefficients and statistics.

    Attributes
    ----------
    counts : ndarray, shape (starts * K,)
        Expected number of units per label.
    every : int
        Passes look at evenly spaced tiles of units, as if there were no others: a quick look, and no bound.
    """

    def __init__(self, label: LabelVector, weights: AnyWeights, statements: Sequence[Labelled], starts: int = 1):
        self.label, self.weights, self.statements = label, weights, list(statements)
        n, k = label.n_units, label.n_labels
        self.every = 1
        self.counts = np.zeros(starts * k) if isinstance(weights, np.ndarray) else weights.counts
        self.base = sum(s.base for s in self.statements)
        self._logs, self._labels, self._unit_logs = np.zeros((starts, k)), np.zeros(n), np.zeros(n)
        self._counted = label.node.row_weights
        self._power = np.ones(1)
        self._active = _active(self.statements) if self._counted is None else self._counted
        if isinstance(weights, ChainWeights):  # units without data stand between others
            self._active = None
        self._kept: list[np.ndarray] = []
        self._passes = [self._bound(start) for start in range(starts)]

    def _bound(self, start: int) -> BoundPass:
        factors = [row for s in self.statements for row in s.rows[start]]
        counts = self.counts.reshape(len(self._logs), -1)[start]
        others: list[np.ndarray] = []
        chain: dict[str, int] = {}
        if isinstance(self.weights, ChainWeights):
            told = self.weights.told(start)
            self._kept.append(told)
            others.append(self.weights.accumulator(start, told))
            chain = {**self.weights.fields, "distribution": address_of(told)}
        return BoundPass.over_arrays(
            factors, self._labels, self._logs[start], counts, self._power, self._active, others, **chain
        )

    def run(self, running: Sequence[int]) -> np.ndarray:
        """Weigh all labels at the present moments; returns the sum of the units' log totals by start.

        Parameters
        ----------
        running : sequence of int
            The starts to serve; the others keep their statistics and get NaN.

        Raises
        ------
        ZeroProbability
            If a unit has no label with positive weight.
        """
        self._refresh()
        totals = np.full(len(self._passes), np.nan)
        self._unit_logs[:] = 0.0  # those of units that are not looked at stay so
        for start in running:
            status = self._passes[start].weigh(self._unit_logs, collect=True, every=self.every)
            totals[start] = self._unit_logs.sum() + self.power * self.base
            lowest = 0.5 * self.power * IMPOSSIBLE
            if status != 0 or not lowest < totals[start] < np.inf:
                bad = np.flatnonzero(~((self._unit_logs > lowest) & (self._unit_logs < np.inf)))
                where = f"unit {bad[0]}" if bad.size else "a unit"
                raise ZeroProbability(f"{self.label.node.name}: no label explains {where}; see the data and weights")
        return totals

    @property
    def collected(self) -> list[np.ndarray]:
        """All that it adds up, label by label along the first axis: the arrays themselves."""
        return [self.counts, *[x for s in self.statements for x in s.collected]]

    @property
    def power(self) -> float:
        """At which densities and weights of labels count."""
        return float(self._power[0])

    @power.setter
    def power(self, power: float) -> None:
        self._power[0] = power

    def collect(self, numbers: np.ndarray, start: int = 0) -> None:
        """Counts and sums as if the labels (numbers 0 .. K-1) were known."""
        self._labels[:] = numbers
        self._passes[start].collect()

    def shares(self, every: int = 1) -> np.ndarray:
        """Probability of each label for each unit under the only start, shape (units, K).

        Zeros for units of tiles that are not looked at, with `every` as in :attr:`every`.
        """
        self._refresh()
        out = np.zeros((self.label.n_units, self.label.n_labels))
        self._passes[0].weigh(self._unit_logs, out, every=every)
        if self._active is not None and self._counted is None:  # nothing is known of them but the weights
            weights = self.log_weights()
            out[self._active == 0.0] = np.exp(weights - np.logaddexp.reduce(weights))
        return out

    def log_weights(self) -> np.ndarray:
        """Expected log weights at the present moments, shape (K,), or of all starts one after another."""
        return self.weights if isinstance(self.weights, np.ndarray) else self.weights.log_weights()

    def _refresh(self) -> None:
        self._logs[:] = self.log_weights().reshape(-1, self.label.n_labels)
        if isinstance(self.weights, ChainWeights):
            self.weights.refresh(self.power)
        for s in self.statements:
            s.refresh()


def _active(statements: Sequence[Labelled]) -> np.ndarray | None:
    """One for each unit of which something is known, zero for the others; None where there are no others.

    The label of a unit without data is left out of the factors like any unknown that no data depend on.
    """
    gone = [missing_in(s.s).all(1) if s.s.gaps is not None else None for s in statements]
    if not gone or any(g is None for g in gone):
        return None
    idle = np.logical_and.reduce(gone)  # type: ignore[arg-type]
    return np.ascontiguousarray(~idle, dtype=float) if idle.any() else None


__all__ = ["LabelPass"]
