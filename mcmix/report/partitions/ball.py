"""How sure a point estimate of a partition is: the draws nearest to it that hold a given probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.notebook import shown
from mcmix.report.partitions.losses import distances

NAMES = {"vi": "variation of information", "binder": "Binder loss"}
ROUNDING = 1e-12  # distances that differ less are equal


@dataclass(frozen=True)
class Ball:
    """A credible ball around a partition.

    Attributes
    ----------
    probability : float
        What was asked for; `held` is what the ball holds (at least that).
    held : float
    radius : float
        In units of the loss.
    loss : {"vi", "binder"}
    horizontal : ndarray of int, shape (n, N)
        Drawn partitions in the ball that are farthest from the estimate.
    upper : ndarray of int, shape (n, N)
        Of those with fewest clusters, the farthest.
    lower : ndarray of int, shape (n, N)
        Of those with most clusters, the farthest.
    """

    probability: float
    held: float
    radius: float
    loss: str
    horizontal: np.ndarray
    upper: np.ndarray
    lower: np.ndarray

    def __repr__(self) -> str:
        fewest, most = (len(np.unique(bound[0])) for bound in (self.upper, self.lower))
        clusters = f"{fewest} clusters throughout" if fewest == most else f"{fewest} to {most} clusters"
        return f"<{self.probability:.0%} credible ball ({NAMES[self.loss]} <= {self.radius:.3g}): {clusters}>"

    def _repr_html_(self) -> str:
        bounds = {"horizontal": self.horizontal, "upper": self.upper, "lower": self.lower}
        clusters = [len(np.unique(bound[0])) for bound in bounds.values()]
        counts = [len(bound) for bound in bounds.values()]
        return shown(str(self).strip("<>"), {"bound": list(bounds), "partitions": counts, "clusters": clusters})


def ball(estimate: np.ndarray, labels: np.ndarray, loss: str, probability: float) -> Ball:
    """The credible ball of an estimate, from draws of shape (S, N).

    Wade and Ghahramani (2018), "Bayesian cluster analysis: point estimation and credible balls", section 4.
    """
    away = distances(estimate, labels, loss)
    radius = float(np.sort(away)[int(np.ceil(probability * len(away))) - 1])
    inside = np.flatnonzero(away <= radius + ROUNDING)
    clusters = np.array([len(np.unique(row)) for row in labels[inside]])
    bounds = [inside, inside[clusters == clusters.min()], inside[clusters == clusters.max()]]
    farthest = [_different(labels[b[away[b] >= away[b].max() - ROUNDING]]) for b in bounds]
    return Ball(probability, len(inside) / len(away), radius, loss, *farthest)


def _different(labels: np.ndarray) -> np.ndarray:
    """Each partition once, clusters numbered in order of appearance."""
    canonical = []
    for row in labels:
        _, first, numbers = np.unique(row, return_index=True, return_inverse=True)
        canonical.append(np.argsort(np.argsort(first))[numbers])
    return np.unique(np.array(canonical), axis=0)


__all__ = ["Ball", "ball"]
