"""Log densities of many rows from few weighted ones, where these say what all of them say.

Of a model with one vector of labels, whose rows need of the data only sums of smooth functions, some hundreds of
weighted rows stand for a million (:mod:`mcmix.steps.weighted`). Whether they do is seen at the points that decide: the
highest of those asked about, and some of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from mcmix.sampling.marginal import Marginal
from mcmix.steps.weighted import Weighted, WeightedLevels

MANY_UNITS = 10_000  # from which on few rows are looked for
FIRST_LEVEL = 2  # of weighted rows that is tried
NATS = 1e-4  # by which few rows may differ from all of them
LOOKED_AT = 4  # of many points, of the highest and again of the others
NEAR = 30.0  # nats below the highest point, farther from which a difference changes nothing


class FewRows(Marginal):
    """A marginal whose log density and likelihood are told from few weighted rows, where these say what all say.

    Which rows serve is settled where many points are asked about; single points are served by the same. All that is
    asked about single units looks at all of them. Parameters and attributes are those of
    :class:`mcmix.sampling.marginal.Marginal`.

    Attributes
    ----------
    level : int
        How often the bins of the weighted rows were halved; it grows where these do not say what all rows say.
    """

    level = FIRST_LEVEL
    _fewer: Marginal | None = None

    @property
    def is_short(self) -> bool:
        """Whether few rows serve."""
        return self._fewer is not None

    def log_density(self) -> float:
        """As of all rows."""
        return super().log_density() if self._fewer is None else self._here(self._fewer, Marginal.log_density)

    def log_likelihood(self) -> float:
        """As of all rows."""
        return super().log_likelihood() if self._fewer is None else self._here(self._fewer, Marginal.log_likelihood)

    def _along(self, go: Callable[[int], None], count: int, asked: Callable[[Marginal], float]) -> np.ndarray:
        if count and self._fewer is None:
            self._fewer = self._over_weighted(self.level)
        while (few := self._fewer) is not None:
            found = super()._along(go, count, lambda whole, few=few: whole._here(few, asked))  # type: ignore[misc]
            if self._agrees(found, go, asked):
                return found
            self.level += 1
            self._fewer = self._over_weighted(self.level)
        return super()._along(go, count, asked)

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
        levels = self._levels
        rows = None if levels is None else levels.level(0 if levels.exact else level)
        return None if rows is None else self._over(rows)

    @cached_property
    def _levels(self) -> WeightedLevels | None:
        """How rows may be replaced by few; None where they are not many, or not those of one vector of labels."""
        if len(self._groups) != 1 or len(self.label_vectors) != 1 or self.label_vectors[0].n_units < MANY_UNITS:
            return None
        found = WeightedLevels(self._groups[0].blocks[0])
        return None if found.why_not else found

    def some_units(self, chosen: np.ndarray) -> Marginal | None:
        """The marginal of some units alone; None where they cannot be looked at by themselves."""
        return None if self._levels is None else self._over(self._levels.some(chosen))

    def _over(self, rows: Weighted) -> Marginal:
        return Marginal(self.recording, rows_of=lambda block: rows)


__all__ = ["FewRows"]
