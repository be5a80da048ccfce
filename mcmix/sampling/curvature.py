"""Gradients and Hessians by finite differences, with steps that fit the density."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FINEST = 1e-14  # step relative to a coordinate, below which it would be lost in rounding
FULL_CURVATURE = 60  # coordinates up to which mixed derivatives are taken


def stencil(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Central differences with so many points: offsets, and weights of the first and the second derivative."""
    offsets = np.arange(order) - order // 2
    # Weights w with sum_k w_k k**p = 0 for every power p but the derivative's own, where it is p!.
    powers = np.vander(offsets, increasing=True).T.astype(float)
    first, second = np.linalg.solve(powers, np.eye(order)[1:3].T * [1.0, 2.0]).T
    return offsets, first, second


@dataclass
class Curvature:
    """Value and derivatives at a point, in coordinates stretched so that each axis has curvature about -1.

    Attributes
    ----------
    value : float
    gradient : ndarray, shape (d,)
    hessian : ndarray, shape (d, d)
    scales : ndarray, shape (d,)
        Free coordinates per stretched one: about a conditional standard deviation.
    """

    value: float
    gradient: np.ndarray
    hessian: np.ndarray
    scales: np.ndarray

    @property
    def finite(self) -> bool:
        """Whether there are derivatives."""
        return bool(np.isfinite(self.gradient).all() and np.isfinite(self.hessian).all())

    def newton(self) -> tuple[np.ndarray, float]:
        """Where to step (stretched), uphill whatever the signs of the curvature, and what that would gain."""
        values, vectors = np.linalg.eigh(self.hessian)
        slopes = vectors.T @ self.gradient
        # Absolute curvatures: along an axis that curves upwards, plain Newton would go down to a saddle.
        size = np.maximum(np.abs(values), 1e-6)
        gain = 0.5 * float(np.sum(slopes**2 / size))
        step = np.clip(slopes / size, -100.0, 100.0)
        saddle = values > 1e-3
        step[saddle & (np.abs(slopes) < 1e-3)] = 1.0  # off a saddle, to either side
        return vectors @ step, (np.inf if saddle.any() else gain)


def curvature(target: Any, at: np.ndarray, bounded: np.ndarray, eps: float, order: int) -> Curvature:
    """Derivatives by central differences whose steps lower the density by about `eps` along each axis.

    With that the truncation error is of relative size eps**((order - 1) / 2) whatever the scales are, and rounding
    takes about 1e-15 |log density| / eps.
    """
    value = target(at)
    steps = _steps(target, at, value, bounded, eps)
    if not np.isfinite(steps).all():
        return Curvature(value, np.full(at.size, np.nan), np.full((at.size, at.size), np.nan), steps)
    scales = steps / np.sqrt(2.0 * eps)
    offsets, first, second = stencil(order)
    unit = np.sqrt(2.0 * eps)
    axes = np.diag(steps)
    with np.errstate(invalid="ignore"):
        lines = _along(target, at, value, axes, offsets)
        hessian = np.diag(lines @ second) / unit**2
        i, j = np.tril_indices(at.size if at.size <= FULL_CURVATURE else 0, -1)
        if i.size:
            sums, differences = (_along(target, at, value, d, offsets) for d in (axes[i] + axes[j], axes[i] - axes[j]))
            # Second derivatives along e_i + e_j and e_i - e_j differ by 4 f_ij.
            hessian[i, j] = hessian[j, i] = (sums - differences) @ second / (4.0 * unit**2)
        return Curvature(value, lines @ first / unit, hessian, scales)


def _at(target: Any, points: np.ndarray) -> np.ndarray:
    """Log density at points (n, size)."""
    return target.many(points) if hasattr(target, "many") else np.array([target(p) for p in points])


def _along(target: Any, at: np.ndarray, value: float, directions: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Log density at steps along directions (n, size) from a point, shape (n, steps)."""
    found = np.full((len(directions), offsets.size), value)
    for column, k in enumerate(offsets):
        if k != 0:
            found[:, column] = _at(target, at + k * directions)
    return found


def _steps(target: Any, at: np.ndarray, value: float, bounded: np.ndarray, eps: float) -> np.ndarray:
    """Steps along axes that lower the density by about eps (both sides averaged); NaN where rounding hides it."""
    size = np.maximum(1.0, np.abs(at))
    most, steps = np.where(bounded, 1.0, 1e3 * size), np.where(bounded, 1e-2, 1e-3 * size)
    open_ = np.arange(at.size)
    for _ in range(40):
        moves = steps[open_, None] * np.eye(at.size)[open_]
        drop = value - 0.5 * (_at(target, at + moves) + _at(target, at - moves))
        with np.errstate(invalid="ignore"):
            good = ((eps / 3.0 < drop) & (drop < 3.0 * eps)) | ((drop <= eps) & (steps[open_] == most[open_]))
        open_, drop = open_[~good], drop[~good]
        steps[open_] = np.minimum(steps[open_] * [_factor(d, eps) for d in drop], most[open_])
        hidden = steps[open_] < FINEST * np.abs(at[open_])
        # So steep that the step would vanish in rounding: no derivative rather than one that is made of noise.
        steps[open_[hidden]] = np.nan
        open_ = open_[~hidden]
        if not open_.size:
            break
    return steps


def _factor(drop: float, eps: float) -> float:
    """By how much to change a step that lowers the density by so much."""
    factor = np.sqrt(eps / drop) if 0.0 < drop < np.inf else (0.1 if drop > 0.0 else 10.0)
    return float(min(max(factor, 0.1), 10.0))


def gradient(target: Any, at: np.ndarray, bounded: np.ndarray, eps: float, order: int) -> np.ndarray:
    """First derivatives by central differences."""
    value = target(at)
    offsets, first, _ = stencil(order)
    steps = _steps(target, at, value, bounded, eps)
    with np.errstate(invalid="ignore"):
        found = _along(target, at, value, np.diag(steps), offsets) @ first / steps
    return np.where(np.isfinite(found), found, 0.0)
