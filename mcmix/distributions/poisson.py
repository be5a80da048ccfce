"""Poisson: mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import LARGEST, is_whole, log_gamma, minus_log_factorial, plain, times_log, weighted
from mcmix.kernels.special import log_gamma_above, log_gamma_below


def logpdf(x, mean):  # type: ignore[no-untyped-def]
    """Log mass of one count; a mean of 0 puts all mass on 0."""
    if not 0.0 <= mean < math.inf or not is_whole(x) or not x >= 0.0:
        return -math.inf
    return times_log(x, mean) - mean - log_gamma(x + 1.0)


def log_cdf(x, mean):  # type: ignore[no-untyped-def]
    """Log mass of counts up to x: that of the first arrivals beyond x taking longer (Abramowitz and Stegun 26.4.21)."""
    if not 0.0 <= mean < math.inf or not x >= 0.0:
        return -math.inf
    return log_gamma_above(np.floor(x) + 1.0, mean) if x < LARGEST else 0.0


def log_survival(x, mean):  # type: ignore[no-untyped-def]
    """Log mass of counts above x."""
    if not 0.0 <= mean < math.inf or not x < LARGEST:
        return -math.inf
    return log_gamma_below(np.floor(x) + 1.0, mean) if x >= 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, mean: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.poisson(mean, size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from count and sum, without the factorials of the data."""
    mean = parameters["mean"]
    return weighted(sums.total(0), np.log, mean) - sums.n * mean


def mean_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the mean: the sum, and the count."""
    return sums.total(0), sums.n


def score(x: Any, mean: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return 0.0, x / mean - 1.0


POISSON = Family(
    name="Poisson",
    parameters=(Parameter("mean", "nonnegative", alias="mu"),),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    base=minus_log_factorial,
    statistics=Statistics(
        columns=(Column(plain, shifted=False),),
        log_likelihood=log_likelihood,
        messages={"mean": Message("gamma", mean_message)},
    ),
    dtype=int,
    summary="Poisson distribution of a count, mass mean**x exp(-mean) / x!.",
)
