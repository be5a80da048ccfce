"""Cauchy: location (the median) and scale (half the distance between the quartiles)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.kernels.base import inline
from mcmix.kernels.elementary import log

LOG_PI = math.log(math.pi)

# Beyond this many scales, 1 + z**2 is z**2 to the last bit of a double.
FAR = 1e8


def logpdf(x, location, scale):  # type: ignore[no-untyped-def]
    """Log density of one value."""
    if not 0.0 < scale < math.inf or not abs(location) < math.inf:
        return -math.inf
    distance = abs(x - location)
    near, square = distance < FAR * scale, (distance / scale) * (distance / scale)
    rounded = 1.0 + square
    found = log(rounded if near else distance)  # one logarithm near the location and far from it
    close = square if rounded == 1.0 else found * (square / (rounded - 1.0))
    return -LOG_PI - math.log(scale) - close if near else math.log(scale) - LOG_PI - 2.0 * found


@inline
def log_above(distance, scale):  # type: ignore[no-untyped-def]
    """Log mass above a point, by its signed distance from the location: the angle under which it is seen, over pi."""
    if distance < 0.0:
        return math.log1p(-math.atan2(scale, -distance) / math.pi)
    if distance == math.inf:
        return -math.inf
    if distance < FAR * scale:
        return math.log(math.atan2(scale, distance) / math.pi)
    return math.log(scale) - math.log(distance) - LOG_PI


def log_cdf(x, location, scale):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_above(location - x, scale) if 0.0 < scale < math.inf and abs(location) < math.inf else -math.inf


def log_survival(x, location, scale):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_above(x - location, scale) if 0.0 < scale < math.inf and abs(location) < math.inf else -math.inf


def draw(rng: np.random.Generator, size: Any, location: Any, scale: Any) -> np.ndarray:
    """Draws of the given size, from a uniform angle."""
    location, scale = np.broadcast_arrays(location, scale)
    quarter = np.full(scale.shape, 0.5 * math.pi)
    return np.asarray(location + scale * np.tan(rng.uniform(-quarter, quarter, size)))


def score(x: Any, location: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - location
    spread = scale * scale + distance * distance
    by_x = -2.0 * distance / spread
    return by_x, -by_x, 1.0 / scale - 2.0 * scale / spread


CAUCHY = Family(
    name="Cauchy",
    parameters=(Parameter("location", "real", alias="alpha"), Parameter("scale", "positive", alias="beta")),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    summary="Cauchy distribution on the real line, density 1 / (pi scale (1 + ((x - location) / scale)**2)).",
)
