"""Lognormal: mean and precision (one over the variance) of the log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions import normal
from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.normal import LOG_TWO_PI, mean_message, precision_message
from mcmix.distributions.special import log_of
from mcmix.kernels.base import inline
from mcmix.kernels.elementary import log
from mcmix.kernels.special import log_normal_cdf

LARGEST_LOG = 709.0

log_between = inline(normal.log_interval)


def logpdf(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log density of one value (per unit of x, not of log x); it falls to zero at x = 0."""
    if not 0.0 < precision < math.inf or not x > 0.0:
        return -math.inf
    log_x = log(x)
    distance = log_x - mean
    return 0.5 * (math.log(precision) - LOG_TWO_PI) - log_x - 0.5 * (precision * distance * distance)


def log_cdf(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < precision < math.inf or not x > 0.0:
        return -math.inf
    return log_normal_cdf((math.log(x) - mean) * math.sqrt(precision))


def log_survival(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 < precision < math.inf:
        return -math.inf
    return log_normal_cdf((mean - math.log(x)) * math.sqrt(precision)) if x > 0.0 else 0.0


def log_interval(lower, mean, precision, upper):  # type: ignore[no-untyped-def]
    """Log mass between two bounds: that of the normal distribution between their logs."""
    if not upper > 0.0:
        return -math.inf
    return log_between(math.log(lower) if lower > 0.0 else -math.inf, mean, precision, math.log(upper))


def flow(x: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """How the quantile at x moves with each parameter."""
    return x, -0.5 * x * (np.log(x) - mean) / precision


def draw(rng: np.random.Generator, size: Any, mean: Any, precision: Any) -> np.ndarray:
    """Draws of the given size; logs beyond what a double holds stay at its limits."""
    logs = rng.normal(mean, 1.0 / np.sqrt(precision), size)
    return np.asarray(np.exp(np.clip(logs, -LARGEST_LOG + 1.0, LARGEST_LOG)))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from count, sum and sum of squares of the logs."""
    precision = parameters["precision"]
    squares = sums.squared_distance(0, parameters["mean"])
    return 0.5 * sums.n * (np.log(precision) - LOG_TWO_PI) - sums.total(0) - 0.5 * precision * squares


def score(x: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = np.log(x) - mean
    return -(1.0 + precision * distance) / x, precision * distance, 0.5 / precision - 0.5 * distance * distance


LOGNORMAL = Family(
    name="Lognormal",
    parameters=(Parameter("mean", "real", alias="mu"), Parameter("precision", "positive", alias="tau")),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="log",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    scalar_log_interval=log_interval,
    flow=flow,
    alternatives={
        "sigma": Alternative("precision", lambda sigma, others: 1.0 / sigma**2),
        "variance": Alternative("precision", lambda variance, others: 1.0 / variance),
    },
    statistics=Statistics(
        columns=(Column(log_of, square=True),),
        log_likelihood=log_likelihood,
        messages={"mean": Message("normal", mean_message), "precision": Message("gamma", precision_message)},
    ),
    summary=(
        "Distribution on x > 0 of which log x is normal; mean and precision (one over the variance) are those of log x."
    ),
)
