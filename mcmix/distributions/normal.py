"""Normal: mean and precision (one over the variance)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.kernels.base import inline
from mcmix.kernels.special import log_complement, log_normal_cdf

LOG_TWO_PI = math.log(2.0 * math.pi)

# Between bounds closer than this, in standard deviations, masses below them differ too little to be subtracted.
NARROW = 1.0
POINTS, PARTS = np.polynomial.legendre.leggauss(16)


def logpdf(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log density of one value; `precision` is one over the variance."""
    if not precision > 0.0:
        return -math.inf
    distance = x - mean
    return 0.5 * (math.log(precision) - 1.8378770664093453) - 0.5 * (precision * distance * distance)


def log_cdf(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < precision < math.inf:
        return -math.inf
    return log_normal_cdf((x - mean) * math.sqrt(precision))


def log_survival(x, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 < precision < math.inf:
        return -math.inf
    return log_normal_cdf((mean - x) * math.sqrt(precision))


@inline
def log_narrow(width, middle):  # type: ignore[no-untyped-def]
    """Log mass of the standard normal distribution on a stretch over which its density changes little.

    Gauss and Legendre's rule for the density over that at the middle of the stretch; sixteen points leave nothing of
    its error in a double where width (1 + |middle|) is below 1.
    """
    total = 0.0
    for i in range(POINTS.size):
        away = 0.5 * width * POINTS[i]
        total += PARTS[i] * math.exp(-away * (middle + 0.5 * away))
    return math.log(0.5 * width * total) - 0.5 * (middle * middle + LOG_TWO_PI)


def log_interval(lower, mean, precision, upper):  # type: ignore[no-untyped-def]
    """Log mass between two bounds, as exact for a narrow stretch as for a tail."""
    if not 0.0 < precision < math.inf or not lower < upper:
        return -math.inf
    root = math.sqrt(precision)
    left, right, width = (lower - mean) * root, (upper - mean) * root, (upper - lower) * root
    if left + right > 0.0:
        left, right = -right, -left
    if width * (1.0 + abs(right)) < NARROW:
        return log_narrow(width, 0.5 * (left + right)) if width > 0.0 else -math.inf
    most = log_normal_cdf(right)
    return most + log_complement(log_normal_cdf(left) - most) if most > -math.inf else -math.inf


def flow(x: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """How the quantile at x moves with each parameter."""
    return 1.0, -0.5 * (x - mean) / precision


def draw(rng: np.random.Generator, size: Any, mean: Any, precision: Any) -> np.ndarray:
    """Draws of the given size."""
    return rng.normal(mean, 1.0 / np.sqrt(precision), size)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from count, sum and sum of squares."""
    precision = parameters["precision"]
    squares = sums.squared_distance(0, parameters["mean"])
    return 0.5 * sums.n * (np.log(precision) - LOG_TWO_PI) - 0.5 * precision * squares


def mean_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Normal message to the mean: total precision, and precision times the sum."""
    precision = parameters["precision"]
    return sums.n * precision, precision * sums.total(0)


def precision_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the precision: half the count, half the squared distances from the mean."""
    return 0.5 * sums.n, 0.5 * sums.squared_distance(0, parameters["mean"])


def score(x: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - mean
    return -precision * distance, precision * distance, 0.5 / precision - 0.5 * distance * distance


NORMAL = Family(
    name="Normal",
    parameters=(Parameter("mean", "real", alias="mu"), Parameter("precision", "positive", alias="tau")),
    support=Support(),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    scalar_log_interval=log_interval,
    flow=flow,
    alternatives={
        "sigma": Alternative("precision", lambda sigma, others: 1.0 / sigma**2),
        "variance": Alternative("precision", lambda variance, others: 1.0 / variance),
    },
    statistics=Statistics(
        columns=(Column(lambda y: y, square=True),),
        log_likelihood=log_likelihood,
        messages={"mean": Message("normal", mean_message), "precision": Message("gamma", precision_message)},
    ),
    summary="Normal distribution on the real line with a mean and a precision (one over the variance).",
)
