"""Means over draws of arrays that are not kept, and their Monte Carlo errors from means of consecutive batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

BATCHES = 20  # of draws, from whose means errors are read
Seen = Callable[[np.ndarray], None]


def averaged(
    shares: Iterator[np.ndarray], order: np.ndarray, seen: Seen | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error, from means of consecutive batches."""
    batch = batches(len(order))
    found = _BatchMeans()
    for i, (p, names) in enumerate(zip(shares, order, strict=True)):
        own = p[:, names]
        found.add(own, is_last=i + 1 == len(batch) or batch[i + 1] != batch[i])
        if seen is not None:
            seen(own)
    return found.mean, found.error


class _BatchMeans:
    """The mean of arrays that come one by one, and its standard error from means of batches; no batch is kept."""

    def __init__(self) -> None:
        self._total = self._own = self._middle = self._squares = np.zeros(())
        self._count = self._size = self._batches = 0

    def add(self, x: np.ndarray, is_last: bool) -> None:
        """Add an array; `is_last` of its batch."""
        if self._size:
            self._own += x
        else:
            self._own = x.copy()
        self._size += 1
        if is_last:
            self._close()

    def _close(self) -> None:
        self._total = self._total + self._own
        self._count, self._batches = self._count + self._size, self._batches + 1
        off = self._own / self._size - self._middle  # Welford's sums of squares
        self._middle = self._middle + off / self._batches
        self._squares = self._squares + off**2 * (1.0 - 1.0 / self._batches)
        self._size = 0

    @property
    def mean(self) -> np.ndarray:
        """Of all."""
        return self._total / self._count

    @property
    def error(self) -> np.ndarray:
        """Its standard error; NaN of a single batch."""
        if self._batches < 2:
            return np.full(self._total.shape, np.nan)
        return np.asarray(np.sqrt(self._squares / (self._batches - 1) / self._batches))


def batches(n: int) -> np.ndarray:
    """The batch of each of n draws."""
    return np.arange(n) * min(BATCHES, n) // n


__all__ = ["BATCHES", "Seen", "averaged", "batches"]
