"""Student t: location, precision-like 1 / scale**2, and degrees of freedom."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Alternative, Family, Parameter, Support
from mcmix.distributions.special import is_shape, log_rising
from mcmix.kernels.base import inline
from mcmix.kernels.elementary import log
from mcmix.kernels.special import log_beta_below, log_normal_cdf

LOG_PI = math.log(math.pi)

# Beyond this ratio, 1 + ratio**2 is ratio**2 to the last bit of a double.
FAR = 1e8

LOG_TWO = math.log(2.0)

# Beyond so many degrees of freedom the masses are the normal distribution's: their logs differ by z**4 / (4 degrees).
NEARLY_NORMAL = 1e12


@inline
def log_of_spread(ratio, distance, log_ratio):  # type: ignore[no-untyped-def]
    """log(1 + ratio**2), far out distance**2 exp(log_ratio): one logarithm near the location and far from it."""
    near, square = ratio < FAR, ratio * ratio
    rounded = 1.0 + square
    found = log(rounded if near else distance)
    close = square if rounded == 1.0 else found * (square / (rounded - 1.0))
    return close if near else 2.0 * found + log_ratio


def logpdf(x, location, precision, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log density of one value; `precision` is 1 / scale**2, the inverse variance only in the normal limit."""
    if not 0.0 < precision < math.inf or not is_shape(degrees_of_freedom):
        return -math.inf
    log_ratio = math.log(precision) - math.log(degrees_of_freedom)
    distance = abs(x - location)
    ratio = distance * math.sqrt(precision) * (1.0 / math.sqrt(degrees_of_freedom))
    log_spread = log_of_spread(ratio, distance, log_ratio)
    # log gamma((n + 1) / 2) - log gamma(n / 2) without their difference: both are huge for many degrees of freedom.
    constant = log_rising(0.5 * degrees_of_freedom, 0.5) + 0.5 * (log_ratio - LOG_PI)
    return constant - 0.5 * (degrees_of_freedom + 1.0) * log_spread


@inline
def log_above(z, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass above z of the standard distribution: half a beta distribution's mass (Abramowitz and Stegun 26.7.1)."""
    if degrees_of_freedom > NEARLY_NORMAL:
        return log_normal_cdf(-z)
    half = 0.5 * degrees_of_freedom
    ratio = abs(z) / math.sqrt(degrees_of_freedom)
    if ratio < FAR:
        rest = ratio * ratio / (1.0 + ratio * ratio)
        log_tail = log_beta_below(half, 0.5, 1.0 / (1.0 + ratio * ratio), rest) - LOG_TWO
    else:  # the leading term in 1 / ratio**2
        constant = log_rising(half, 0.5) - math.log(half) - 0.5 * LOG_PI - LOG_TWO
        log_tail = constant - degrees_of_freedom * math.log(ratio)
    return log_tail if z > 0.0 else math.log1p(-math.exp(log_tail))


def log_cdf(x, location, precision, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < precision < math.inf or not is_shape(degrees_of_freedom):
        return -math.inf
    return log_above((location - x) * math.sqrt(precision), degrees_of_freedom)


def log_survival(x, location, precision, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 < precision < math.inf or not is_shape(degrees_of_freedom):
        return -math.inf
    return log_above((x - location) * math.sqrt(precision), degrees_of_freedom)


def draw(rng: np.random.Generator, size: Any, location: Any, precision: Any, degrees_of_freedom: Any) -> np.ndarray:
    """Draws of the given size."""
    location, precision, freedom = np.broadcast_arrays(location, precision, degrees_of_freedom)
    return np.asarray(location + rng.standard_t(freedom, size) / np.sqrt(precision))


def score(x: Any, location: Any, precision: Any, degrees_of_freedom: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance, n = x - location, degrees_of_freedom
    ratio = precision * distance * distance / n
    weight = (n + 1.0) / (n * (1.0 + ratio))  # the precision of a row given its distance, on average
    by_freedom = digamma(0.5 * n + 0.5) - digamma(0.5 * n) - 1.0 / n - np.log1p(ratio) + weight * ratio
    by_x = -weight * precision * distance
    return by_x, -by_x, 0.5 / precision - 0.5 * weight * distance * distance, 0.5 * by_freedom


STUDENT_T = Family(
    name="StudentT",
    parameters=(
        Parameter("location", "real", alias="mu"),
        Parameter("precision", "positive", alias="lam"),
        Parameter("degrees_of_freedom", "positive", alias="nu"),
    ),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives={
        "scale": Alternative("precision", lambda scale, others: 1.0 / scale**2),
        "sigma": Alternative("precision", lambda sigma, others: 1.0 / sigma**2),
    },
    summary=(
        "Student t distribution about a location, density proportional to"
        " (1 + precision (x - location)**2 / degrees_of_freedom)**(-(degrees_of_freedom + 1) / 2);"
        " precision is 1 / scale**2."
    ),
)
