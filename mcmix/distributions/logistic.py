"""Logistic: location (the mean) and rate (one over the scale)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Alternative, Family, Parameter, Support
from mcmix.distributions.special import log_one_plus
from mcmix.kernels.base import inline
from mcmix.kernels.elementary import exp
from mcmix.kernels.special import log_complement


def logpdf(x, location, rate):  # type: ignore[no-untyped-def]
    """Log density of one value, written in the distance from the location because it is symmetric about it."""
    if not 0.0 < rate < math.inf or not abs(location) < math.inf:
        return -math.inf
    distance = rate * abs(x - location)
    return math.log(rate) - distance - 2.0 * log_one_plus(exp(-distance))


@inline
def log_below(distance):  # type: ignore[no-untyped-def]
    """Log mass up to a point, by its signed distance from the location in scales."""
    return min(distance, 0.0) - math.log1p(math.exp(-abs(distance)))


def log_cdf(x, location, rate):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_below(rate * (x - location)) if 0.0 < rate < math.inf and abs(location) < math.inf else -math.inf


def log_survival(x, location, rate):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_below(rate * (location - x)) if 0.0 < rate < math.inf and abs(location) < math.inf else -math.inf


def log_interval(lower, location, rate, upper):  # type: ignore[no-untyped-def]
    """Log mass between two bounds: S(b) S(-a) (1 - exp(a - b)), with S the standard distribution function."""
    if not 0.0 < rate < math.inf or not abs(location) < math.inf or not upper > lower:
        return -math.inf
    outside = log_below(rate * (upper - location)) + log_below(rate * (location - lower))
    return outside + log_complement(-rate * (upper - lower))


def flow(x: Any, location: Any, rate: Any) -> tuple[Any, ...]:
    """How the quantile at x moves with each parameter."""
    return 1.0, -(x - location) / rate


def draw(rng: np.random.Generator, size: Any, location: Any, rate: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.logistic(location, 1.0 / np.asarray(rate), size))


def score(x: Any, location: Any, rate: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - location
    side = np.tanh(0.5 * rate * distance)
    return -rate * side, rate * side, 1.0 / rate - distance * side


LOGISTIC = Family(
    name="Logistic",
    parameters=(Parameter("location", "real", alias="mu"), Parameter("rate", "positive", alias="tau")),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    scalar_log_interval=log_interval,
    flow=flow,
    alternatives={"scale": Alternative("rate", lambda scale, others: 1.0 / scale)},
    summary=(
        "Logistic distribution on the real line, distribution function 1 / (1 + exp(-rate (x - location)));"
        " the variance is pi**2 / (3 rate**2)."
    ),
)
