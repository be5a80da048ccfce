"""One of the K! alike parts of the space of components: that in which components stand closest to fixed points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mcmix.report.labels.components import Components
from mcmix.report.labels.methods import settled, to_points


@dataclass(frozen=True)
class Domain:
    """The part of the space where no exchange of components brings them closer to the points.

    Every point outside has exactly one permutation that lies inside (ties aside), so that an integral over the whole
    space of what no exchange changes is K! times the integral over the part.

    Attributes
    ----------
    components : Components
        That it was made from.
    scale : ndarray, shape (F,)
    points : ndarray, shape (K, F)
    """

    components: Components
    scale: np.ndarray
    points: np.ndarray

    @classmethod
    def of(cls, c: Components) -> Domain:
        """Around the mean of relabelled draws, numbers in units of their spread within a name."""
        features, points = settled(c)
        stacked = c.stacked(c.tables)
        flat = features.reshape(-1, features.shape[-1])
        raw = stacked.reshape(-1, features.shape[-1])
        spread = raw.std(axis=0)
        own = np.where(spread > 0, spread, 1.0) / np.where(flat.std(axis=0) > 0, flat.std(axis=0), 1.0)
        return cls(c, own, points + raw.mean(axis=0) / own)

    def order(self, tables: Mapping[str, np.ndarray]) -> np.ndarray:
        """The permutation that brings each of several points inside, shape (n, K)."""
        stacked = self.components.stacked(tables) / self.scale
        return to_points(self.components, stacked, self.points)

    def holds(self, tables: Mapping[str, np.ndarray]) -> np.ndarray:
        """Whether points lie inside, shape (n,)."""
        return np.asarray((self.order(tables) == np.arange(self.components.n_components)).all(axis=1))


__all__ = ["Domain"]
