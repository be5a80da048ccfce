"""Quantiles from a cumulative probability that may be asked at many points at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

POINTS = 33  # at which one look divides a bracket
FINE = 1e-12  # of the first bracket, or of the quantile itself: where the search ends
WIDENINGS = 60
ROUNDING = 1e-12  # a probability within this of q has reached it


def quantiles(
    cdf: Callable[[np.ndarray], np.ndarray],
    q: np.ndarray,
    low: float,
    high: float,
    whole: bool,
    ends: tuple[float, float],
) -> np.ndarray:
    """The smallest x with cdf(x) >= q, for each q.

    Every look asks the function once, for all q together: a bracket is divided into 32 parts, and the one in which q
    lies is kept.

    Parameters
    ----------
    cdf : callable
        Points (n,) -> probabilities (n,), non-decreasing.
    q : ndarray, shape (n,)
        Strictly between 0 and 1.
    low, high : float
        A first guess at where the mass is.
    whole : bool
        Whether values are whole numbers.
    ends : (float, float)
        Of the support; they may be infinite.
    """
    low, high = _bracket(cdf, q, low, high, ends)
    if whole:
        return _whole_quantiles(cdf, q, np.floor(low) - 1.0, np.ceil(high))
    left, right, rows = np.full(q.shape, low), np.full(q.shape, high), np.arange(len(q))
    enough = FINE * (high - low)
    while (right - left > np.maximum(enough, FINE * np.abs(right))).any():
        grid = left[:, None] + (right - left)[:, None] * np.linspace(0.0, 1.0, POINTS)
        reached = cdf(grid.ravel()).reshape(grid.shape) >= q[:, None]
        at = np.clip((~reached).sum(axis=1), 1, POINTS - 1)
        left, right = grid[rows, at - 1], grid[rows, at]
    return np.where(cdf(left) >= q, left, right)  # a mass at the lower end is reached at once


def _bracket(
    cdf: Callable[[np.ndarray], np.ndarray], q: np.ndarray, low: float, high: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """Points below and above all quantiles, farther and farther out."""
    width = max(high - low, 1e-6 * max(abs(low), abs(high), 1e-300))
    for _ in range(WIDENINGS):
        below, above = cdf(np.array([low, high]))
        if below < q.min() and above >= q.max():
            break
        low = max(low - width, ends[0]) if below >= q.min() else low
        high = min(high + width, ends[1]) if above < q.max() else high
        if (low == ends[0] or below < q.min()) and (high == ends[1] or above >= q.max()):
            break
        width *= 2.0
    return low, high


def _whole_quantiles(cdf: Callable[[np.ndarray], np.ndarray], q: np.ndarray, low: float, high: float) -> np.ndarray:
    left, right = np.full(q.shape, low), np.full(q.shape, high)  # the answer lies in (left, right]
    while (right - left > 1.0).any():
        grid = np.floor(left[:, None] + (right - left)[:, None] * np.linspace(0.0, 1.0, POINTS))
        reached = cdf(grid.ravel()).reshape(grid.shape) >= q[:, None] - ROUNDING
        at = np.clip((~reached).sum(axis=1), 1, POINTS - 1)
        rows = np.arange(len(q))
        left, right = grid[rows, at - 1], grid[rows, at]
    return right


__all__ = ["quantiles"]
