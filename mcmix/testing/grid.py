"""Integrals of smooth functions of a few numbers by the trapezoidal rule.

On the whole line the rule converges faster than any power of the step for integrands that fall off fast (Trefethen and
Weideman 2014, "The exponentially convergent trapezoidal rule", SIAM Review 56). Coordinates are centre + scale sinh(t),
so that heavy tails fall off fast too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcmix.errors import ModelError

DEPTH = 30.0  # log integrands so far below their highest value are left out
LOOKS = {1: 201, 2: 41, 3: 17}  # points of each axis while the region is sought
POINTS = {1: 257, 2: 97, 3: 41}  # and when it is integrated over: odd, so that every other one is a grid too
MOST_LOOKS = 60
KEPT = 0.7  # a region that shrinks no further than to this share is good enough

LogIntegrand = Callable[[np.ndarray], np.ndarray]  # (points, axes) -> (functions, points)


@dataclass(frozen=True)
class Grid:
    """A tensor grid in t, and the points that belong to it.

    Attributes
    ----------
    centre, scale, low, high : ndarray, shape (axes,)
    per_axis : int
    """

    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    per_axis: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each axis."""
        return (self.per_axis,) * len(self.low)

    @property
    def step(self) -> np.ndarray:
        """Between points, in t."""
        return np.asarray((self.high - self.low) / (self.per_axis - 1))

    @property
    def _t(self) -> np.ndarray:
        axes = [np.linspace(a, b, self.per_axis) for a, b in zip(self.low, self.high, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))

    @property
    def points(self) -> np.ndarray:
        """Shape (points, axes)."""
        return self.centre + self.scale * np.sinh(self._t)

    @property
    def log_weights(self) -> np.ndarray:
        """What each point stands for, shape (points,)."""
        t = np.abs(self._t)
        log_cosh = t + np.log1p(np.exp(-2.0 * t)) - np.log(2.0)
        return np.asarray((log_cosh + np.log(self.scale) + np.log(self.step)).sum(1))

    @property
    def halved(self) -> np.ndarray:
        """Which points belong to the grid of every other one."""
        every_other = np.arange(self.per_axis) % 2 == 0
        return np.asarray(np.stack(np.meshgrid(*[every_other] * len(self.low), indexing="ij")).all(0).ravel())

    def refined(self) -> Grid:
        """With half the step."""
        return Grid(self.centre, self.scale, self.low, self.high, 2 * self.per_axis - 1)


def region(log_integrand: LogIntegrand, centre: np.ndarray, scale: np.ndarray, what: str) -> Grid:
    """The grid outside which no function of several has anything to speak of.

    Raises
    ------
    ModelError
        If there is no end of it.
    """
    axes = len(centre)
    low, high = np.full(axes, -4.0), np.full(axes, 4.0)
    for _ in range(MOST_LOOKS):
        look = Grid(centre, scale, low, high, LOOKS[axes])
        alive = _alive(log_integrand(look.points) + look.log_weights).reshape(look.shape)
        first, last = np.array([_ends(alive, axis) for axis in range(axes)]).T
        width, step = high - low, look.step
        open_below, open_above = first == 0, last == look.per_axis - 1
        wanted_low = np.where(open_below, low - 0.5 * width, low + (first - 1) * step)
        wanted_high = np.where(open_above, high + 0.5 * width, low + (last + 1) * step)
        good = not (open_below | open_above).any() and (wanted_high - wanted_low > KEPT * width).all()
        low, high = wanted_low, wanted_high
        if good:
            return Grid(centre, scale, low, high, POINTS[axes])
        if max(-low.min(), high.max()) > 700.0:
            break
    raise ModelError(f"{what}: its density does not fall off towards infinity; is a prior improper?")


def _alive(logs: np.ndarray) -> np.ndarray:
    """Points where some function is not far below its highest value."""
    logs = np.where(np.isnan(logs), -np.inf, logs)
    highest = logs.max(1, keepdims=True)
    if not np.isfinite(highest).any():
        return np.ones(logs.shape[1], dtype=bool)  # nothing seen yet: look further out
    return np.asarray(((logs > highest - DEPTH) & np.isfinite(highest)).any(0))


def _ends(alive: np.ndarray, axis: int) -> tuple[int, int]:
    others = tuple(a for a in range(alive.ndim) if a != axis)
    found = np.flatnonzero(alive.any(axis=others))
    return int(found[0]), int(found[-1])


__all__ = ["Grid", "LogIntegrand", "region"]
