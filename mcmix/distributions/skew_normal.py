"""Skew normal: location, precision-like 1 / scale**2, and skewness (0 gives the normal distribution).

Azzalini (1985), "A class of distributions which includes the normal ones", in his parameters, the scale's inverse
square in place of the scale.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import log_ndtr

from mcmix.distributions.family import Alternative, Family, Parameter, Support
from mcmix.kernels.elementary import log_normal_mass

LOG_TWO_PI = math.log(2.0 * math.pi)
LOG_TWO_OVER_PI = math.log(2.0 / math.pi)


def logpdf(x, location, precision, skewness):  # type: ignore[no-untyped-def]
    """Log density of one value: the normal one, and the log of twice the mass on the side of the skewness."""
    if not 0.0 < precision < math.inf or not abs(skewness) < math.inf:
        return -math.inf
    z = math.sqrt(precision) * (x - location)
    if not abs(z) < math.inf:
        return -math.inf
    return 0.5 * (math.log(precision) + LOG_TWO_OVER_PI) - 0.5 * (z * z) + log_normal_mass(skewness * z)


def draw(rng: np.random.Generator, size: Any, location: Any, precision: Any, skewness: Any) -> np.ndarray:
    """Draws of the given size: a folded and a plain normal draw, weighted by the skewness (Henze, 1986)."""
    location, precision, skewness = np.broadcast_arrays(location, precision, skewness)
    centre, length = np.zeros(location.shape), np.hypot(1.0, skewness)
    folded, plain = np.abs(rng.normal(centre, 1.0, size)), rng.normal(centre, 1.0, size)
    return np.asarray(location + (skewness * folded + plain) / length / np.sqrt(precision))


def score(x: Any, location: Any, precision: Any, skewness: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    root = np.sqrt(precision)
    z = root * (x - location)
    t = skewness * z
    hazard = np.exp(-0.5 * t * t - 0.5 * LOG_TWO_PI - log_ndtr(t))  # of the normal distribution
    by_z = skewness * hazard - z
    return root * by_z, -root * by_z, 0.5 * (1.0 + by_z * z) / precision, z * hazard


SKEW_NORMAL = Family(
    name="SkewNormal",
    parameters=(
        Parameter("location", "real", alias="mu"),
        Parameter("precision", "positive", alias="tau"),
        Parameter("skewness", "real", alias="alpha"),
    ),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    alternatives={
        "scale": Alternative("precision", lambda scale, others: 1.0 / scale**2),
        "sigma": Alternative("precision", lambda sigma, others: 1.0 / sigma**2),
    },
    summary=(
        "Skew normal distribution on the real line: with z = sqrt(precision) (x - location), density"
        " 2 sqrt(precision) phi(z) Phi(skewness z), phi and Phi the standard normal density and distribution function;"
        " precision is 1 / scale**2, the inverse variance only where skewness is 0."
    ),
)
