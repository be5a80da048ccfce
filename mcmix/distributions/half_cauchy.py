"""Half-Cauchy: a Cauchy distribution with location and scale, cut off below zero.

With a = atan2(scale, -location), the angle under which the half-line is seen, the density on x >= 0 is
1 / (a scale (1 + ((x - location) / scale)**2)): the factor pi of the Cauchy density cancels with that of its mass
above zero, a / pi.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import log_one_plus
from mcmix.kernels.base import inline
from mcmix.kernels.special import log_share

# Beyond this many scales, 1 + z**2 is z**2 and a small angle is its tangent, to the last bit of a double.
FAR = 1e8


def logpdf(x, location, scale):  # type: ignore[no-untyped-def]
    """Log density of one value x >= 0 under the Cauchy distribution cut off (not folded) at zero."""
    if not 0.0 < scale < math.inf or not 0.0 <= x < math.inf or not abs(location) < math.inf:
        return -math.inf
    distance = abs(x - location)
    if distance < FAR * scale:
        log_spread = math.log(scale) + log_one_plus((distance / scale) * (distance / scale))
    else:
        log_spread = 2.0 * math.log(distance) - math.log(scale)
    if -location < FAR * scale:
        return -log_spread - math.log(math.atan2(scale, -location))
    return -log_spread - math.log(scale) + math.log(-location)


@inline
def angle_below(x, location, scale):  # type: ignore[no-untyped-def]
    """Angle under which the stretch from 0 to x >= 0 is seen: from the cross and dot products of its two ends."""
    start, end = -location / scale, (x - location) / scale
    return math.atan2(x / scale, 1.0 + start * end)


def log_cdf(x, location, scale):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < scale < math.inf or not abs(location) < math.inf or not x > 0.0:
        return -math.inf
    return log_share(angle_below(x, location, scale), math.atan2(scale, x - location)) if x < math.inf else 0.0


def log_survival(x, location, scale):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 < scale < math.inf or not abs(location) < math.inf or not x < math.inf:
        return -math.inf
    return log_share(math.atan2(scale, x - location), angle_below(x, location, scale)) if x > 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, location: Any, scale: Any) -> np.ndarray:
    """Draws of the given size, from a uniform angle."""
    angle = np.arctan2(scale, -np.asarray(location, dtype=float))
    drawn = angle - rng.uniform(0.0, angle, size)  # above 0, where the tangent has its zero
    return np.asarray(np.maximum(location + scale / np.tan(drawn), 0.0))


def score(x: Any, location: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - location
    spread, about_zero = scale * scale + distance * distance, scale * scale + location * location
    angle = np.arctan2(scale, -location)
    by_x = -2.0 * distance / spread
    by_scale = 1.0 / scale - 2.0 * scale / spread + location / (about_zero * angle)
    return by_x, -by_x - scale / (about_zero * angle), by_scale


HALF_CAUCHY = Family(
    name="HalfCauchy",
    parameters=(
        Parameter("location", "real", alias="alpha", default=0.0),
        Parameter("scale", "positive", alias="beta"),
    ),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    summary="Cauchy distribution cut off at x >= 0, density proportional to 1 / (1 + ((x - location) / scale)**2).",
)
