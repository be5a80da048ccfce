"""Gamma: shape and rate (one over the scale)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import is_shape, log_gamma, log_of, plain, times_log
from mcmix.kernels.special import log_gamma_above, log_gamma_below


def logpdf(x, shape, rate):  # type: ignore[no-untyped-def]
    """Log density of one value; minus infinity at 0 unless the shape is 1."""
    if not is_shape(shape) or not 0.0 < rate < math.inf or not 0.0 <= x < math.inf:
        return -math.inf
    return shape * math.log(rate) - log_gamma(shape) + times_log(shape - 1.0, x) - rate * x


def log_cdf(x, shape, rate):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_gamma_below(shape, rate * x) if is_shape(shape) and 0.0 < rate < math.inf else -math.inf


def log_survival(x, shape, rate):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_gamma_above(shape, rate * x) if is_shape(shape) and 0.0 < rate < math.inf else -math.inf


def draw(rng: np.random.Generator, size: Any, shape: Any, rate: Any) -> np.ndarray:
    """Draws of the given size, kept off 0, where rounding would put draws with tiny shapes."""
    return np.asarray(np.maximum(rng.gamma(shape, 1.0 / np.asarray(rate), size), np.finfo(float).tiny))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from the sums of x and log x."""
    shape, rate = parameters["shape"], parameters["rate"]
    constant = shape * np.log(rate) - gammaln(shape)
    return sums.n * constant + (shape - 1.0) * sums.total(1) - rate * sums.total(0)


def rate_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the rate: count times shape, and the sum."""
    return sums.n * parameters["shape"], sums.total(0)


def score(x: Any, shape: Any, rate: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return (shape - 1.0) / x - rate, np.log(rate) - digamma(shape) + np.log(x), shape / rate - x


GAMMA = Family(
    name="Gamma",
    parameters=(Parameter("shape", "positive", alias="alpha"), Parameter("rate", "positive", alias="beta")),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="log",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives={
        "scale": Alternative("rate", lambda scale, others: 1.0 / scale),
        "mean": Alternative("rate", lambda mean, others: others["shape"] / mean),
    },
    statistics=Statistics(
        columns=(Column(plain), Column(log_of)),
        log_likelihood=log_likelihood,
        messages={"rate": Message("gamma", rate_message)},
    ),
    summary=(
        "Gamma distribution on x >= 0, density proportional to x**(shape - 1) exp(-rate x); the mean is shape / rate."
    ),
)
