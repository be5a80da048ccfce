"""Log densities of rows in their linear predictor, with slope and curvature: counts, odds, probits, normals."""

from __future__ import annotations

import math

from mcmix.kernels.base import inline
from mcmix.kernels.special import log_normal_cdf

# What a row's log density is in its linear predictor, with two numbers of the row, (first, second):
# first e - second exp(e); first log p(e) + second log(1 - p(e)) for logit and probit; first e - second e**2 / 2.
LOG, LOGIT, PROBIT, IDENTITY = range(4)


FAR = 1000.0  # standard deviations from where on the ratio of Mills is its asymptote


@inline
def _times(count, x):
    """A count times a log density: nothing counted nothing says."""
    return count * x if count != 0.0 else 0.0


@inline
def _softplus(x):
    """log(1 + exp(x))."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@inline
def _counts(first, second, e):
    """Poisson: log density, slope and curvature."""
    mean = second * math.exp(e) if second != 0.0 else 0.0
    return _times(first, e) - mean, first - mean, mean


@inline
def _odds(first, second, e):
    """Logit of the probability: log density, slope and curvature; also of negative binomial counts."""
    # Each from its own exponential: 1 - yes has no digits left for large e.
    yes, no = 1.0 / (1.0 + math.exp(-e)), 1.0 / (1.0 + math.exp(e))
    value = -_times(first, _softplus(-e)) - _times(second, _softplus(e))
    return value, first * no - second * yes, (first + second) * yes * no


@inline
def _mills(e):
    """Density over mass of the standard normal distribution below e, and minus the slope of that."""
    # phi / Phi = -e - 1 / e + O(e**-3). Nearer, both are taken as logarithms: as numbers they underflow below -38.
    if e < -FAR:
        return -e - 1.0 / e, 1.0
    ratio = math.exp(-0.5 * e * e - 0.9189385332046727 - log_normal_cdf(e))
    # With r = phi / Phi: (log Phi)'' = -r (r + e).
    return ratio, ratio * (ratio + e)


@inline
def _normal_scores(first, second, e):
    """Probit: log density, slope and curvature (the observed one: it stays above nought far out on the wrong side)."""
    value = _times(first, log_normal_cdf(e)) + _times(second, log_normal_cdf(-e))
    (up, bend_up), (down, bend_down) = _mills(e), _mills(-e)
    return value, first * up - second * down, first * bend_up + second * bend_down


@inline
def _row(link, first, second, e):
    """Log density of a row in its linear predictor, slope and curvature."""
    if link == LOG:
        return _counts(first, second, e)
    if link == LOGIT:
        return _odds(first, second, e)
    if link == PROBIT:
        return _normal_scores(first, second, e)
    return first * e - 0.5 * second * e * e, first - second * e, second
