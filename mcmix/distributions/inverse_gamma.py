"""Inverse gamma: the distribution of one over a gamma variable, with shape and scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import is_shape, log_gamma, log_of, plain
from mcmix.kernels.elementary import log
from mcmix.kernels.special import log_gamma_above, log_gamma_below


def logpdf(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log density of one value; it falls to zero (minus infinity here) at x = 0."""
    if not is_shape(shape) or not 0.0 < scale < math.inf or not x > 0.0:
        return -math.inf
    return shape * math.log(scale) - log_gamma(shape) - (shape + 1.0) * log(x) - scale / x


def log_cdf(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log mass up to x: that of a gamma variable above 1 / x."""
    if not is_shape(shape) or not 0.0 < scale < math.inf or not x > 0.0:
        return -math.inf
    return log_gamma_above(shape, scale / x)


def log_survival(x, shape, scale):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not is_shape(shape) or not 0.0 < scale < math.inf:
        return -math.inf
    return log_gamma_below(shape, scale / x) if x > 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, shape: Any, scale: Any) -> np.ndarray:
    """Draws of the given size; with tiny shapes, those beyond the largest double stay just there."""
    limits = np.finfo(float)
    reciprocal = np.maximum(rng.gamma(shape, 1.0 / np.asarray(scale), size), limits.tiny)
    return np.asarray(1.0 / reciprocal)


def reciprocal_of(values: np.ndarray) -> np.ndarray:
    """One over the data; a zero gives infinity quietly."""
    with np.errstate(divide="ignore"):
        return 1.0 / plain(values)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from the sums of 1/x and log x."""
    shape, scale = parameters["shape"], parameters["scale"]
    constant = shape * np.log(scale) - gammaln(shape)
    return sums.n * constant - (shape + 1.0) * sums.total(1) - scale * sums.total(0)


def scale_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the scale: count times shape, and the sum of reciprocals."""
    return sums.n * parameters["shape"], sums.total(0)


def score(x: Any, shape: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    by_x = (scale / x - shape - 1.0) / x
    return by_x, np.log(scale) - digamma(shape) - np.log(x), shape / scale - 1.0 / x


INVERSE_GAMMA = Family(
    name="InverseGamma",
    parameters=(Parameter("shape", "positive", alias="alpha"), Parameter("scale", "positive", alias="beta")),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="log",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives={"mean": Alternative("scale", lambda mean, others: (others["shape"] - 1.0) * mean)},
    statistics=Statistics(
        columns=(Column(reciprocal_of), Column(log_of)),
        log_likelihood=log_likelihood,
        messages={"scale": Message("gamma", scale_message)},
    ),
    summary="Inverse gamma distribution on x > 0, density proportional to x**(-shape - 1) exp(-scale / x).",
)
