"""Cauchy: location (the median) and scale (half the distance between the quartiles)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import log_one_plus

LOG_PI = math.log(math.pi)

# Beyond this many scales, 1 + z**2 is z**2 to the last bit of a double.
FAR = 1e8


def logpdf(x, location, scale):  # type: ignore[no-untyped-def]
    """Log density of one value."""
    if not 0.0 < scale < math.inf or not abs(location) < math.inf:
        return -math.inf
    distance = abs(x - location)
    if distance < FAR * scale:
        ratio = distance / scale
        return -LOG_PI - math.log(scale) - log_one_plus(ratio * ratio)
    return math.log(scale) - LOG_PI - 2.0 * math.log(distance)


def draw(rng: np.random.Generator, size: Any, location: Any, scale: Any) -> np.ndarray:
    """Draws of the given size, from a uniform angle."""
    location, scale = np.broadcast_arrays(location, scale)
    quarter = np.full(scale.shape, 0.5 * math.pi)
    return np.asarray(location + scale * np.tan(rng.uniform(-quarter, quarter, size)))


CAUCHY = Family(
    name="Cauchy",
    parameters=(Parameter("location", "real", alias="alpha"), Parameter("scale", "positive", alias="beta")),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    summary="Cauchy law on the real line, density 1 / (pi scale (1 + ((x - location) / scale)**2)).",
)
