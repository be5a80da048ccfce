"""Numbers on a circle: angles in (-pi, pi], the seam being the place where -pi and pi meet; NumPy only.

The circular mean, the mean resultant length and the circular standard deviation are those of Mardia and Jupp (2000),
"Directional statistics", sections 2.2 and 2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PARTS = 72  # of a circle, in which angles are counted to see where they leave it free


def wrapped(x: Any, lower: Any = -np.pi, upper: Any = np.pi) -> np.ndarray:
    """The point of (lower, upper], whose ends are one point, for each number; what lies there stays bit for bit.

    Parameters
    ----------
    x : array_like
    lower, upper : array_like
        Ends of the circle, cut open.

    Returns
    -------
    ndarray
        NaN where a number is not finite.

    Examples
    --------
    >>> wrapped([3.0, 4.0, -np.pi]).round(3).tolist()
    [3.0, -2.283, 3.142]
    """
    values, period = np.asarray(x, dtype=float), np.asarray(upper) - np.asarray(lower)
    with np.errstate(invalid="ignore"):
        turned = values - period * np.floor((values - lower) / period)
    turned = np.where((turned > lower) & (turned <= upper) | np.isnan(turned), turned, upper)
    return np.where((values > lower) & (values <= upper), values, turned)


def _resultant(x: np.ndarray, axis: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.mean(np.cos(x), axis=axis), np.mean(np.sin(x), axis=axis)


def mean_direction(x: np.ndarray, axis: Any = None) -> np.ndarray:
    """Circular mean along axes, in (-pi, pi]: the direction of the sum of unit vectors.

    Examples
    --------
    >>> round(float(mean_direction(np.array([3.0, -3.0]))), 3)
    3.142
    """
    cosine, sine = _resultant(np.asarray(x, dtype=float), axis)
    return wrapped(np.arctan2(sine, cosine))


def circular_deviation(x: np.ndarray, axis: Any = None) -> np.ndarray:
    """Circular standard deviation along axes, in radians: the root of -2 log of the mean resultant length.

    Nearly that of a line where angles lie close together, infinite where their unit vectors cancel.
    """
    cosine, sine = _resultant(np.asarray(x, dtype=float), axis)
    with np.errstate(divide="ignore"):
        return np.sqrt(-2.0 * np.log(np.minimum(np.hypot(cosine, sine), 1.0)) + 0.0)


def from_direction(x: np.ndarray, centre: Any) -> np.ndarray:
    """Signed angles from a direction, by the shorter way, in (-pi, pi]: numbers on a line, cut open opposite to it."""
    return wrapped(np.asarray(x, dtype=float) - centre)


def unrolled(x: np.ndarray, axis: Any = None) -> np.ndarray:
    """Angles as numbers on a line about their circular mean, cut open opposite to it; those beyond a seam go on.

    Examples
    --------
    >>> unrolled(np.array([3.0, -3.0, 3.1])).round(3).tolist()
    [3.0, 3.283, 3.1]
    """
    values = np.asarray(x, dtype=float)
    centre = mean_direction(values, axis)
    centre = centre if axis is None else np.expand_dims(centre, axis)
    return centre + from_direction(values, centre)


def opened(x: np.ndarray) -> np.ndarray:
    """Angles as numbers from the place where the fewest of them lie, so that they can be put into an order.

    The place is the middle of the widest stretch, or else of the first, with the fewest angles, to 5 degrees.

    Examples
    --------
    >>> bool(np.diff(opened(np.array([3.0, -3.0, 0.5])))[0] > 0)
    True
    """
    values = np.asarray(x, dtype=float)
    counts = np.histogram(values, bins=PARTS, range=(-np.pi, np.pi))[0]
    cut = -np.pi + 2.0 * np.pi * _emptiest(counts) / PARTS
    return wrapped(values, cut, cut + 2.0 * np.pi)


def _emptiest(counts: np.ndarray) -> float:
    """Middle of the longest run of the smallest count, round the circle, in parts of it."""
    least = counts == counts.min()
    if least.all():
        return 0.0
    start = int(np.argmin(least))  # a part that is not of a run
    turned = np.roll(least, -start)
    edges = np.diff(np.concatenate([[False], turned, [False]]).astype(int))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    longest = int(np.argmax(last - first))
    return start + 0.5 * float(first[longest] + last[longest])


__all__ = ["circular_deviation", "from_direction", "mean_direction", "opened", "unrolled", "wrapped"]
