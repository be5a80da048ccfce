"""Groups of rows by k-means: good enough to start from."""

from __future__ import annotations

from typing import Any

import numpy as np

LLOYD_ROUNDS = 5
AT_ONCE = 65_536  # rows whose distances are looked at together


def k_means(x: np.ndarray, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Centres of a few rounds of k-means from greedy k-means++ seeds, shape (K, columns)."""
    centres = _seeds(x, n_labels, rng)
    for _ in range(LLOYD_ROUNDS):
        closest = nearest(x, centres)
        counts = np.bincount(closest, minlength=n_labels)
        for column in range(x.shape[1]):
            sums = np.bincount(closest, x[:, column], n_labels)
            centres[counts > 0, column] = sums[counts > 0] / counts[counts > 0]
    return centres


def _seeds(x: np.ndarray, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Each next centre is the best of a few rows drawn with probability proportional to squared distance."""
    # 2 + log K candidates are usual for the greedy rule.
    tries = 2 + int(np.log(n_labels))
    centres = [x[rng.integers(len(x))]]
    distance = ((x - centres[0]) ** 2).sum(1)
    for _ in range(n_labels - 1):
        total = distance.sum()
        weights = distance / total if total > 0.0 else None
        candidates = x[rng.choice(len(x), tries, p=weights)]
        reduced = np.minimum(distance, ((x[None] - candidates[:, None]) ** 2).sum(2))
        best = int(reduced.sum(1).argmin())
        centres.append(candidates[best])
        distance = reduced[best]
    return np.array(centres)


def nearest(points: Any, centres: np.ndarray) -> np.ndarray:
    """Number of the nearest centre for each point; some rows and one centre at a time."""
    found = np.zeros(len(points), np.int64)
    for start in range(0, len(points), AT_ONCE):
        found[start : start + AT_ONCE] = _nearest(points[start : start + AT_ONCE], centres)
    return found


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    best, found = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for k, centre in enumerate(centres):
        distance = ((points - centre) ** 2).sum(1)
        closer = distance < best
        best[closer], found[closer] = distance[closer], k
    return found


__all__ = ["k_means", "nearest"]
