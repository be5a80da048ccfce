"""Chi-squared: degrees of freedom; a gamma distribution with half of them as its shape and the rate 1/2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from mcmix.distributions.family import Column, Family, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import is_shape, log_gamma, log_of, plain, times_log
from mcmix.kernels.special import log_gamma_above, log_gamma_below

LOG_TWO = math.log(2.0)


def logpdf(x, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log density of one value; minus infinity at 0 unless there are two degrees of freedom."""
    if not is_shape(degrees_of_freedom) or not 0.0 <= x < math.inf:
        return -math.inf
    half = 0.5 * degrees_of_freedom
    return times_log(half - 1.0, x) - 0.5 * x - half * LOG_TWO - log_gamma(half)


def log_cdf(x, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_gamma_below(0.5 * degrees_of_freedom, 0.5 * x) if is_shape(degrees_of_freedom) else -math.inf


def log_survival(x, degrees_of_freedom):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_gamma_above(0.5 * degrees_of_freedom, 0.5 * x) if is_shape(degrees_of_freedom) else -math.inf


def draw(rng: np.random.Generator, size: Any, degrees_of_freedom: Any) -> np.ndarray:
    """Draws of the given size, kept off 0, where rounding would put draws with few degrees of freedom."""
    return np.asarray(np.maximum(rng.chisquare(degrees_of_freedom, size), np.finfo(float).tiny))


def minus_half(values: np.ndarray) -> np.ndarray:
    """The part of the log density that depends on the data alone."""
    return np.asarray(-0.5 * plain(values))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from count and the sum of log x, without half the sum of x."""
    half = 0.5 * parameters["degrees_of_freedom"]
    return (half - 1.0) * sums.total(0) - sums.n * (half * LOG_TWO + gammaln(half))


def score(x: Any, degrees_of_freedom: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    half = 0.5 * degrees_of_freedom
    return (half - 1.0) / x - 0.5, 0.5 * (np.log(x) - LOG_TWO - digamma(half))


CHI_SQUARED = Family(
    name="Chi2",
    parameters=(Parameter("degrees_of_freedom", "positive", alias="nu"),),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="log",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    base=minus_half,
    statistics=Statistics(columns=(Column(log_of),), log_likelihood=log_likelihood),
    summary="Chi-squared distribution on x >= 0, density proportional to x**(degrees_of_freedom / 2 - 1) exp(-x / 2).",
)
