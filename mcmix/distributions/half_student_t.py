"""Half-t: the absolute value of a Student t variable about zero, with degrees of freedom and a scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import is_shape, log_rising
from mcmix.distributions.student_t import FAR, LOG_PI, LOG_TWO, NEARLY_NORMAL, log_above, log_of_spread
from mcmix.kernels.base import inline
from mcmix.kernels.special import log_beta_below, log_of_mass


def logpdf(x, degrees_of_freedom, scale):  # type: ignore[no-untyped-def]
    """Log density of one value x >= 0: twice that of the t distribution."""
    if not 0.0 < scale < math.inf or not is_shape(degrees_of_freedom) or not 0.0 <= x < math.inf:
        return -math.inf
    ratio = x / scale * (1.0 / math.sqrt(degrees_of_freedom))
    log_spread = log_of_spread(ratio, x, -2.0 * math.log(scale) - math.log(degrees_of_freedom))
    constant = log_rising(0.5 * degrees_of_freedom, 0.5) - 0.5 * (math.log(degrees_of_freedom) + LOG_PI)
    return LOG_TWO + constant - math.log(scale) - 0.5 * (degrees_of_freedom + 1.0) * log_spread


@inline
def log_below(z, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass between 0 and z > 0, scale one: a beta distribution's mass (Abramowitz and Stegun 26.7.1)."""
    if degrees_of_freedom > NEARLY_NORMAL:
        return log_of_mass(math.erf(math.sqrt(0.5) * z), math.erfc(math.sqrt(0.5) * z))
    ratio = z / math.sqrt(degrees_of_freedom)
    if ratio < FAR:
        share = ratio * ratio / (1.0 + ratio * ratio)
        return log_beta_below(0.5, 0.5 * degrees_of_freedom, share, 1.0 / (1.0 + ratio * ratio))
    return math.log1p(-math.exp(LOG_TWO + log_above(z, degrees_of_freedom)))


def log_cdf(x, degrees_of_freedom, scale):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < scale < math.inf or not is_shape(degrees_of_freedom) or not x > 0.0:
        return -math.inf
    return log_below(x / scale, degrees_of_freedom) if x < math.inf else 0.0


def log_survival(x, degrees_of_freedom, scale):  # type: ignore[no-untyped-def]
    """Log mass above x: twice that of the t distribution."""
    if not 0.0 < scale < math.inf or not is_shape(degrees_of_freedom) or not x < math.inf:
        return -math.inf
    return min(LOG_TWO + log_above(x / scale, degrees_of_freedom), 0.0) if x > 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, degrees_of_freedom: Any, scale: Any) -> np.ndarray:
    """Draws of the given size.

    Examples
    --------
    >>> bool((draw(np.random.default_rng(1), 4, 3.0, [0.1, 1.0, 10.0, 100.0]) > 0).all())
    True
    """
    freedom, scale = np.broadcast_arrays(degrees_of_freedom, scale)
    return np.asarray(np.abs(rng.standard_t(freedom, size)) * scale)


def score(x: Any, degrees_of_freedom: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    n, ratio = degrees_of_freedom, (x / scale) * (x / scale) / degrees_of_freedom
    weight = (n + 1.0) / (n * (1.0 + ratio))
    by_freedom = digamma(0.5 * n + 0.5) - digamma(0.5 * n) - 1.0 / n - np.log1p(ratio) + weight * ratio
    return -weight * x / (scale * scale), 0.5 * by_freedom, (weight * n * ratio - 1.0) / scale


HALF_STUDENT_T = Family(
    name="HalfStudentT",
    parameters=(Parameter("degrees_of_freedom", "positive"), Parameter("scale", "positive")),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    summary="Half-t distribution of x >= 0 (Gelman 2006, for scales), density proportional to "
    "(1 + (x / scale)**2 / degrees_of_freedom)**(-(degrees_of_freedom + 1) / 2).",
)
