"""Weibull: shape and scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import LARGEST, SMALLEST, is_shape
from mcmix.kernels.base import inline
from mcmix.kernels.elementary import exp, log
from mcmix.kernels.special import log_complement

# exp of more than this overflows; the density there is below any double, and so is its log.
LARGEST_EXPONENT = 709.7

# Below exp of this, 1 - exp(-t) is t to the last bit of a double.
SMALL_EXPONENT = -37.0


@inline
def log_ratio(x, scale):  # type: ignore[no-untyped-def]
    """log(x / scale) for positive numbers, exact to rounding where the two are close, and where both logs are large."""
    gap, quotient = (x - scale) / scale, x / scale
    close, plain = abs(gap) < 0.5, SMALLEST < quotient < LARGEST
    rounded = 1.0 + gap
    found = log(rounded if close else (quotient if plain else x))  # one logarithm for all three
    near = gap if rounded == 1.0 else found * (gap / (rounded - 1.0))
    return near if close else (found if plain else found - math.log(scale))


def logpdf(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log density of one value; minus infinity at 0 unless the shape is 1."""
    if not is_shape(shape) or not is_shape(scale) or not 0.0 <= x < math.inf:
        return -math.inf
    constant = math.log(shape) - math.log(scale)
    ratio = log_ratio(x, scale)
    exponent = shape * ratio
    inside = constant + (shape - 1.0) * ratio - exp(exponent) if exponent < LARGEST_EXPONENT else -math.inf
    return inside if x > 0.0 else (constant if shape == 1.0 else -math.inf)


def log_cdf(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log mass up to x: log(1 - exp(-t)) with t = (x / scale)**shape."""
    if not is_shape(shape) or not is_shape(scale) or not x > 0.0:
        return -math.inf
    exponent = shape * log_ratio(x, scale)
    if exponent < SMALL_EXPONENT:
        return exponent
    return log_complement(-math.exp(exponent)) if exponent < LARGEST_EXPONENT else 0.0


def log_survival(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log mass above x: minus (x / scale)**shape."""
    if not is_shape(shape) or not is_shape(scale):
        return -math.inf
    if not x > 0.0:
        return 0.0
    exponent = shape * log_ratio(x, scale)
    return -math.exp(exponent) if exponent < LARGEST_EXPONENT else -math.inf


log_below, log_above = map(inline, (log_cdf, log_survival))


def log_interval(lower, shape, scale, upper):  # type: ignore[no-untyped-def]
    """Log mass between two bounds, from the growth of (x / scale)**shape between them."""
    if not lower > 0.0 or not upper < math.inf:
        return log_above(lower, shape, scale) if lower > 0.0 else log_below(upper, shape, scale)
    if not is_shape(shape) or not is_shape(scale) or not upper > lower:
        return -math.inf
    exponent, growth = shape * log_ratio(lower, scale), shape * log_ratio(upper, lower)
    if exponent > LARGEST_EXPONENT:
        return -math.inf
    above = math.exp(exponent)
    return -above + log_complement(-above * math.expm1(growth) if growth < LARGEST_EXPONENT else -math.inf)


def flow(x: Any, shape: Any, scale: Any) -> tuple[Any, ...]:
    """How the quantile at x moves with each parameter."""
    return -x * np.log(x / scale) / shape, x / scale


def draw(rng: np.random.Generator, size: Any, shape: Any, scale: Any) -> np.ndarray:
    """Draws of the given size, kept off 0 and infinity, where rounding would put draws with tiny shapes."""
    limits = np.finfo(float)
    shape, scale = np.broadcast_arrays(shape, scale)
    with np.errstate(over="ignore"):
        return np.asarray(np.clip(scale * rng.weibull(shape, size), limits.tiny, limits.max))


def score(x: Any, shape: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    log_x = np.log(x / scale)
    power = np.exp(shape * log_x)
    by_x = (shape - 1.0 - shape * power) / x
    return by_x, 1.0 / shape + log_x - log_x * power, shape * (power - 1.0) / scale


WEIBULL = Family(
    name="Weibull",
    parameters=(Parameter("shape", "positive", alias="alpha"), Parameter("scale", "positive", alias="beta")),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="log",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    scalar_log_interval=log_interval,
    flow=flow,
    summary="Weibull distribution on x >= 0, density proportional to x**(shape - 1) exp(-(x / scale)**shape).",
)
