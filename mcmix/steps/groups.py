"""Where free coordinates of components are, as kernels are told; and the order that components are brought to."""

from __future__ import annotations

import numpy as np

from mcmix.kernels.base import address_of
from mcmix.kernels.independence import GROUP
from mcmix.kernels.records import made, table
from mcmix.steps.basins import Components


class Groups:
    """Groups of free coordinates, one of each component; those of weights last.

    Parameters
    ----------
    parts : Components or None
        Where components are, if it is known.

    Attributes
    ----------
    n_components : int
        0 where it is not known.
    exchangeable : bool
        Whether the posterior is the same at all orders of components, so that they may be brought to one.
    redrawn : bool
        Whether there is one group of weights beside others: parameters of components with small weights can be drawn
        anew.
    plain : list of ndarray, shape (K,)
        Of each group but those of weights.
    told : ndarray
        The table that kernels read.
    """

    def __init__(self, parts: Components | None):
        self.plain = [_whole(p) for p in [*parts.lines, *parts.bounded]] if parts is not None else []
        weights = [_whole(p) for p in parts.simplexes] if parts is not None else []
        self.n_components = parts.n_components if parts is not None and self.plain else 0
        self.exchangeable = bool(self.n_components and parts is not None and not parts.named)
        self.redrawn = bool(self.n_components and len(weights) == 1)
        self._places = [*self.plain, *weights] if self.n_components else []
        rows = [
            made(GROUP, places=address_of(p), simplex=int(i >= len(self.plain))) for i, p in enumerate(self._places)
        ]
        self.told = table(GROUP, rows)

    @property
    def width(self) -> int:
        """Numbers of one component, its weight apart."""
        return len(self.plain)

    def of_each(self, point: np.ndarray) -> list[np.ndarray]:
        """Each component's free coordinates at a point, its weight apart."""
        return [point[[p[k] for p in self.plain]] for k in range(self.n_components)]

    def with_component(self, k: int, point: np.ndarray, own: np.ndarray) -> np.ndarray:
        """A point where component k's free coordinates are these."""
        found = point.copy()
        found[[p[k] for p in self.plain]] = own
        return found

    def order_map(self, point: np.ndarray) -> np.ndarray:
        """The matrix that brings components to the order of their entries of the first group at a point."""
        n, found = self.n_components, np.eye(point.size)
        order = np.argsort(point[self._places[0]], kind="stable")
        for where in self._places:
            found[where] = 0.0
            for k in range(len(where)):
                if order[k] < len(where):
                    found[where[k], where[order[k]]] += 1.0
                if len(where) < n and order[-1] < n - 1:  # log ratios to the last weight, whose own is zero
                    found[where[k], where[order[-1]]] -= 1.0
        return found

    def widths(self, factor: np.ndarray) -> np.ndarray:
        """Standard deviations of free coordinates, those of one group alike, from a covariance's Cholesky factor."""
        found = np.sqrt((factor**2).sum(axis=1))
        for places in self._places:
            found[places] = np.median(found[places])
        return np.asarray(found)


def _whole(places: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(places, dtype=np.int64)


__all__ = ["Groups"]
