"""Cumulative probabilities where no family has them: integrals of densities and sums of masses, the mass checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mcmix.errors import ModelError

PANELS = 256  # of the stretch of the data, to begin with
TAIL_PANELS = 16
REFINEMENTS = 40  # halvings of panels on which the density is no smooth function: a jump is cornered by as many
TOLERANCE = 1e-6  # of the whole mass
MOST_NUMBERS = 2**20  # whole numbers over which a mass is summed
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
# A function's last two coefficients in Legendre polynomials on a panel, from its values at the nodes: of a smooth one,
# nearly nothing.
ROUGHNESS = np.polynomial.legendre.legvander(NODES, 7)[:, 6:] * WEIGHTS[:, None] * np.array([13.0, 15.0]) / 2.0

Curves = Callable[[np.ndarray], Iterator[np.ndarray]]  # points -> log density (or log mass) there at each draw


@dataclass(frozen=True)
class Stretch:
    """Where a distribution puts its mass: the ends of its support (perhaps infinite) and the range of the data within.

    Coordinates u from 0 to 3 run over it: [0, 1] below the data, [1, 2] along them, [2, 3] above.
    """

    lower: float
    low: float
    high: float
    upper: float

    def position(self, x: np.ndarray) -> np.ndarray:
        """Coordinates of points; those beyond the ends go to the ends."""
        width = self.high - self.low
        x = np.clip(x, self.lower, self.upper)
        along = 1.0 + (x - self.low) / width
        with np.errstate(invalid="ignore", divide="ignore"):
            below = 1.0 - _into(self.low - x, self.low - self.lower, width)
            above = 2.0 + _into(x - self.high, self.upper - self.high, width)
        return np.where(x < self.low, below, np.where(x > self.high, above, along))

    def point(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points at coordinates strictly within, and their derivatives by these."""
        width = self.high - self.low
        below, slope_below = _out(1.0 - u, self.low - self.lower, width)
        above, slope_above = _out(u - 2.0, self.upper - self.high, width)
        x = np.where(u < 1.0, self.low - below, np.where(u > 2.0, self.high + above, self.low + (u - 1.0) * width))
        return x, np.where(u < 1.0, slope_below, np.where(u > 2.0, slope_above, width))


def _into(distance: np.ndarray, whole: float, width: float) -> np.ndarray:
    """A distance beyond the data as a share of [0, 1]."""
    if whole == 0.0:
        return np.zeros_like(distance)
    if np.isfinite(whole):
        return distance / whole
    return np.where(np.isinf(distance), 1.0, distance / (distance + width))


def _out(share: np.ndarray, whole: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `_into`, and its slope."""
    if np.isfinite(whole):
        return share * whole, np.full_like(share, whole)
    rest = np.where((share >= 0.0) & (share < 1.0), 1.0 - share, 1.0)
    return width * share / rest, width / rest**2


def integrated(curves: Curves, at: np.ndarray, stretch: Stretch, data: np.ndarray, name: str) -> Iterator[np.ndarray]:
    """P(X <= x) at each draw, from densities, by Gauss and Legendre's rule on panels that have the points as edges.

    Panels are halved where the mean density is rough.

    Parameters
    ----------
    curves : callable
    at : ndarray, shape (points,)
    stretch : Stretch
    data : ndarray
        Edges of panels stand at their quantiles too, where the density is.
    name : str

    Yields
    ------
    ndarray, shape (points,)

    Raises
    ------
    ModelError
        If the density does not integrate to one.
    """
    places = stretch.position(at)
    edges = _edges(stretch, data, places)
    for _ in range(REFINEMENTS):
        widths = np.diff(edges)
        u = edges[:-1, None] + 0.5 * widths[:, None] * (1.0 + NODES)
        x, slope = stretch.point(u.ravel())
        weights = 0.5 * widths[:, None] * slope.reshape(u.shape)
        found, mean = [], np.zeros(u.shape)
        for logs in curves(x):
            values = np.exp(logs).reshape(u.shape) * weights
            upto = np.concatenate([[0.0], np.cumsum(values @ WEIGHTS)])
            found.append(np.minimum(upto[np.searchsorted(edges, places)], 1.0))
            mean += values
        mean /= len(found)
        rough = np.abs(mean @ ROUGHNESS).sum(axis=1)
        if rough.sum() <= TOLERANCE:
            break
        poor = rough > 0.5 * TOLERANCE / len(rough)
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[:-1] + edges[1:])[poor]]))
    mass = float((mean @ WEIGHTS).sum())
    if abs(mass - 1.0) <= 4.0 * TOLERANCE:
        return iter(found)
    raise ModelError(
        f"{name}: expected a density that integrates to one, got {mass:.6g}; its distribution is not "
        f"normalised, or too spiky "
        "for integrals here"
    )


def _edges(stretch: Stretch, data: np.ndarray, places: np.ndarray) -> np.ndarray:
    tails = [s for s, whole in ((0.0, stretch.low - stretch.lower), (2.0, stretch.upper - stretch.high)) if whole > 0.0]
    parts = [np.linspace(1.0, 2.0, PANELS + 1), stretch.position(np.quantile(data, np.linspace(0.0, 1.0, PANELS // 4)))]
    parts += [s + np.linspace(0.0, 1.0, TAIL_PANELS + 1) for s in tails]
    return np.unique(np.concatenate([*parts, places]))


def summed(curves: Curves, at: np.ndarray, stretch: Stretch, name: str) -> Iterator[np.ndarray]:
    """P(X <= x) at each draw, from masses of whole numbers; the window grows until it holds all mass but 1e-9.

    Raises
    ------
    ModelError
        If more than 2**20 numbers would be needed.
    """
    top = np.max(at[np.isfinite(at)], initial=stretch.high)
    low, high = np.floor(stretch.low), np.floor(min(max(stretch.high, top), stretch.upper))
    while high - low < MOST_NUMBERS:
        numbers = np.arange(low, high + 1.0)
        found, mass = [], 0.0
        places = np.searchsorted(numbers, np.floor(at), side="right")
        for logs in curves(numbers):
            upto = np.concatenate([[0.0], np.cumsum(np.exp(logs))])
            found.append(np.minimum(upto[places], 1.0))
            mass += upto[-1]
        mass /= len(found)
        closed = low <= stretch.lower and high >= stretch.upper
        if mass > 1.0 - 1e-9 or closed:
            if abs(mass - 1.0) > TOLERANCE:
                break
            return iter(found)
        width = high - low + 8.0
        low, high = max(low - width, stretch.lower), min(high + width, stretch.upper)
    raise ModelError(
        f"{name}: expected masses that sum to one over whole numbers within {MOST_NUMBERS} of the data, got {mass:.6g}"
    )


__all__ = ["Stretch", "integrated", "summed"]
