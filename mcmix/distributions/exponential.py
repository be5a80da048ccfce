"""Exponential: rate (one over the mean)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import plain
from mcmix.kernels.special import log_complement


def logpdf(x, rate):  # type: ignore[no-untyped-def]
    """Log density of one value."""
    if not 0.0 < rate < math.inf or not x >= 0.0:
        return -math.inf
    return math.log(rate) - rate * x


def log_cdf(x, rate):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < rate < math.inf or not x > 0.0:
        return -math.inf
    return log_complement(-rate * x)


def log_survival(x, rate):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 < rate < math.inf:
        return -math.inf
    return -rate * x if x > 0.0 else 0.0


def log_interval(lower, rate, upper):  # type: ignore[no-untyped-def]
    """Log mass between two bounds: that above the lower one, times that of as long a stretch from 0 on."""
    least = max(lower, 0.0)
    if not 0.0 < rate < math.inf or not upper > least:
        return -math.inf
    return -rate * least + log_complement(-rate * (upper - least))


def flow(x: Any, rate: Any) -> tuple[Any, ...]:
    """How the quantile at x moves with the rate."""
    return (-x / rate,)


def draw(rng: np.random.Generator, size: Any, rate: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.exponential(1.0 / np.asarray(rate), size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from count and sum."""
    rate = parameters["rate"]
    return sums.n * np.log(rate) - rate * sums.total(0)


def rate_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the rate: the count, and the sum."""
    return sums.n, sums.total(0)


def score(x: Any, rate: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return -rate, 1.0 / rate - x


EXPONENTIAL = Family(
    name="Exponential",
    parameters=(Parameter("rate", "positive", alias="beta"),),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    scalar_log_interval=log_interval,
    flow=flow,
    alternatives={
        "scale": Alternative("rate", lambda scale, others: 1.0 / scale),
        "mean": Alternative("rate", lambda mean, others: 1.0 / mean),
    },
    statistics=Statistics(
        columns=(Column(plain),),
        log_likelihood=log_likelihood,
        messages={"rate": Message("gamma", rate_message)},
    ),
    summary="Exponential distribution on x >= 0, density rate exp(-rate x); the mean is 1 / rate.",
)
