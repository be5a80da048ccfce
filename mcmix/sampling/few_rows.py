"""Log densities of many rows from few weighted ones, where these say what all of them say.

Of a model with one vector of labels, whose rows need of the data only sums of smooth functions, some hundreds of
weighted rows stand for a million (:mod:`mcmix.steps.weighted`). Whether they do is seen at the points that decide: the
highest of those asked about, and some of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np

from mcmix.sampling.marginal import Marginal
from mcmix.steps.weighted import Levels, Weighted, WeightedLevels
from mcmix.structure.expression import constant, density
from mcmix.structure.recorded import Factor, Recording

MANY_UNITS = 10_000  # from which on few rows are looked for
FIRST_LEVEL = 2  # of weighted rows that is tried
NATS = 1e-4  # by which few rows may differ from all of them
LOOKED_AT = 4  # of many points, of the highest and again of the others
NEAR = 30.0  # nats below the highest point, farther from which a difference changes nothing


class FewRows(Marginal):
    """A marginal whose log density and likelihood are told from few weighted rows, where these say what all say.

    Which rows serve is settled where many points are asked about; single points, and points that are not to be
    compared, are served by the same. All that is asked about single units looks at all of them. Parameters and
    attributes are those of :class:`mcmix.sampling.marginal.Marginal`.

    Attributes
    ----------
    level : int
        How often the bins of the weighted rows were halved; it grows where these do not say what all rows say.
    """

    level = FIRST_LEVEL
    _fewer: Marginal | None = None

    @property
    def is_short(self) -> bool:
        """Whether few rows serve, or sums of the rows do."""
        return self._fewer is not None or (isinstance(self._rows, _OfOne) and self._rows.is_summed)

    def log_density(self) -> float:
        """As of all rows."""
        return super().log_density() if self._fewer is None else self._here(self._fewer, Marginal.log_density)

    def log_likelihood(self) -> float:
        """As of all rows."""
        return super().log_likelihood() if self._fewer is None else self._here(self._fewer, Marginal.log_likelihood)

    def _along(self, go: Callable[[int], None], count: int, asked: Callable[[Marginal], float]) -> np.ndarray:
        few = self._fewer
        return super()._along(go, count, asked if few is None else lambda whole: self._here(few, asked))

    def _compared(self, go: Callable[[int], None], count: int, asked: Callable[[Marginal], float]) -> np.ndarray:
        if count and self._fewer is None:
            self._fewer = self._over_weighted(self.level)
        while self._fewer is not None:
            found = self._along(go, count, asked)
            if self._agrees(found, go, asked):
                return found
            self.level += 1
            self._fewer = self._over_weighted(self.level)
        return self._along(go, count, asked)

    def _agrees(self, found: np.ndarray, go: Callable[[int], None], asked: Callable[[Marginal], float]) -> bool:
        """Whether all rows say the same at the points that decide."""
        order = np.argsort(-found, kind="stable")
        near = order[found[order] > found[order[0]] - NEAR]
        others = near[np.linspace(0, len(near) - 1, LOOKED_AT).astype(int)] if len(near) else near
        some = np.unique([*near[:LOOKED_AT], *others]).astype(int)
        exact = super()._along(lambda i: go(int(some[i])), len(some), asked)
        return bool((np.abs(exact - found[some]) <= NATS).all())

    def _here(self, few: Marginal, asked: Callable[[Marginal], float]) -> float:
        """What is asked, of few rows at the present point."""
        for node in self.recording.leaves:
            if node not in self.labels:
                few.chain.view(node)[:] = self.chain.view(node)
        return asked(few)

    def _over_weighted(self, level: int) -> Marginal | None:
        return None if self._rows is None else self._rows.at(level)

    def some_units(self, chosen: np.ndarray) -> Marginal | None:
        """The marginal of some units alone; None where they cannot be looked at by themselves."""
        return None if self._rows is None else self._rows.some(chosen)

    @cached_property
    def _rows(self) -> _OfLabels | _OfOne | None:
        """How rows may be replaced by others; None where they are not many, or not those of one distribution."""
        if len(self._groups) == 1 and len(self.label_vectors) == 1 and not self._by_row:
            block = self._groups[0].blocks[0]
            found = WeightedLevels(block) if block.label.n_units >= MANY_UNITS else None
            return None if found is None or found.why_not else _OfLabels(self.recording, found)
        if not self._groups and len(self._by_row) == 1 and _is_simple(self._by_row[0]):
            return _OfOne(self.recording, self._by_row[0])
        return None


class _OfLabels:
    """Other rows of the one vector of labels."""

    def __init__(self, recording: Recording, levels: WeightedLevels):
        self.recording, self.levels = recording, levels

    def at(self, level: int) -> Marginal | None:
        """Weighted ones; None where there are none."""
        rows = self.levels.level(0 if self.levels.exact else level)
        return None if rows is None else self._over(rows)

    def some(self, chosen: np.ndarray) -> Marginal:
        """Those of some units alone."""
        return self._over(self.levels.some(chosen))

    def _over(self, rows: Weighted) -> Marginal:
        return Marginal(self.recording, rows_of=lambda block: rows)


class _OfOne:
    """Other rows of data that share all their parameters, without labels."""

    def __init__(self, recording: Recording, factor: Factor):
        self.recording, self.factor = recording, factor
        self.x = np.asarray(factor.elements.arguments[0].known, dtype=float)
        self.is_summed = factor.family is not None and factor.family.statistics is not None
        self.levels = None if self.is_summed else Levels(self.x, factor.elements.extra)

    def at(self, level: int) -> Marginal | None:
        """Weighted ones; None where there are none, or sums do as well."""
        found = None if self.levels is None else self.levels.level(0 if self.levels.exact else level)
        return None if found is None else self._on(found[0].values, found[0].weights)

    def some(self, chosen: np.ndarray) -> Marginal:
        """Some of them alone."""
        return self._on(self.x[chosen], np.ones(len(chosen)))

    def _on(self, values: np.ndarray, weights: np.ndarray) -> Marginal:
        old = self.factor
        x = constant(np.ascontiguousarray(values))
        logs = density(old.elements.extra, x, old.elements.arguments[1:])
        new = replace(old, elements=logs * weights, family=None, x=x, parameters={}, places=None, column=None)
        return Marginal(replace(self.recording, factors=[new if f is old else f for f in self.recording.factors]))


def _is_simple(factor: Factor) -> bool:
    """Whether its rows are many known numbers that share all their parameters."""
    x = factor.elements
    if x.op != "density" or x.ndim != 1 or x.size < MANY_UNITS or getattr(factor.node, "mask", None) is not None:
        return False
    return x.arguments[0].is_constant and all(p.size == 1 for p in x.arguments[1:])


__all__ = ["FewRows"]
