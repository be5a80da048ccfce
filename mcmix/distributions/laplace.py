"""Laplace, the double exponential: mean and rate (one over the scale)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Alternative, Family, Parameter, Support
from mcmix.kernels.base import inline

LOG_TWO = math.log(2.0)


def logpdf(x, mean, rate):  # type: ignore[no-untyped-def]
    """Log density of one value."""
    if not 0.0 < rate < math.inf or not abs(mean) < math.inf:
        return -math.inf
    return math.log(rate) - LOG_TWO - rate * abs(x - mean)


@inline
def log_below(distance):  # type: ignore[no-untyped-def]
    """Log mass up to a point, by its signed distance from the mean in scales."""
    return distance - LOG_TWO if distance < 0.0 else math.log1p(-0.5 * math.exp(-distance))


def log_cdf(x, mean, rate):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_below(rate * (x - mean)) if 0.0 < rate < math.inf and abs(mean) < math.inf else -math.inf


def log_survival(x, mean, rate):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_below(rate * (mean - x)) if 0.0 < rate < math.inf and abs(mean) < math.inf else -math.inf


def draw(rng: np.random.Generator, size: Any, mean: Any, rate: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.laplace(mean, 1.0 / np.asarray(rate), size))


def score(x: Any, mean: Any, rate: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - mean
    side = rate * np.sign(distance)
    return -side, side, 1.0 / rate - np.abs(distance)


LAPLACE = Family(
    name="Laplace",
    parameters=(Parameter("mean", "real", alias="mu"), Parameter("rate", "positive", alias="tau")),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives={"scale": Alternative("rate", lambda scale, others: 1.0 / scale)},
    summary=(
        "Laplace distribution on the real line, density ``rate / 2 exp(-rate |x - mean|)``;"
        " the variance is 2 / rate**2."
    ),
)
