"""The partition with the least expected loss, by a greedy search from many starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.kernels import partitions as kernels
from mcmix.report.partitions.losses import distances, gain_of

MOST_SWEEPS = 100
MOST_NUMBERS = 2**26  # entries of the tables that a search keeps
SEARCHED = 1000  # draws that the search sees; what it finds is judged on all


@dataclass(frozen=True)
class Found:
    """A partition and its expected loss over the draws."""

    labels: np.ndarray
    loss: float


def least(labels: np.ndarray, loss: str, n_starts: int, most_clusters: int, seed: np.random.SeedSequence) -> Found:
    """Search from units in random order, and from the best of the draws.

    Parameters
    ----------
    labels : ndarray of int, shape (S, N)
        From 0.
    loss : {"vi", "binder"}
    n_starts : int
        Random orders.
    most_clusters : int
    seed : SeedSequence

    Notes
    -----
    Dahl, Johnson and Mueller (2022), "Search algorithms and loss functions for Bayesian clustering": units go one after
    another to the cluster that adds least, then all are taken up again in turn until none moves.
    """
    rng = np.random.default_rng(seed)
    most_clusters = min(most_clusters, labels.shape[1])
    seen = _thinned(labels, most_clusters)
    starts: list[np.ndarray | None] = [None] * n_starts
    drawn = [seen[i] for i in rng.choice(len(seen), min(len(seen), 100), replace=False)]
    starts += sorted(drawn, key=lambda c: float(distances(c, seen, loss).mean()))[: max(1, n_starts // 4)]
    ends = [_descended(start, seen, loss, most_clusters, rng) for start in starts]
    best = min(ends, key=lambda c: float(distances(c, seen, loss).mean()))
    return Found(_renumbered(best), float(distances(best, labels, loss).mean()))


def _thinned(labels: np.ndarray, most_clusters: int) -> np.ndarray:
    room = MOST_NUMBERS // (most_clusters * (int(labels.max()) + 1))
    at_most = max(10, min(SEARCHED, room))
    kept = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), at_most)).round().astype(int))
    return np.ascontiguousarray(labels[kept])


def _descended(
    start: np.ndarray | None, labels: np.ndarray, loss: str, most: int, rng: np.random.Generator
) -> np.ndarray:
    n = labels.shape[1]
    estimate, sizes = np.full(n, -1, dtype=np.int64), np.zeros(most, dtype=np.int64)
    tables = np.zeros((most, len(labels), int(labels.max()) + 1), dtype=np.int32)
    gain = gain_of(loss, n)
    clusters = np.zeros(0, dtype=np.int64) if start is None else np.unique(start, return_inverse=True)[1]
    if clusters.max(initial=-1) < most:
        for unit, cluster in enumerate(clusters):
            estimate[unit] = cluster
            kernels.place(unit, int(cluster), 1, labels, sizes, tables)
    for _ in range(MOST_SWEEPS):
        before = estimate.copy()
        kernels.allocated(rng.permutation(n), labels, gain, estimate, sizes, tables, most)
        if np.array_equal(before, estimate):
            break
    return estimate


def _renumbered(labels: np.ndarray) -> np.ndarray:
    """Clusters numbered from 0, the largest first, of like ones that which appears first."""
    values, first, numbers, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(values))
    return rank[numbers]


__all__ = ["Found", "least"]
