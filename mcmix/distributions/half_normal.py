"""Half-normal: the absolute value of a normal variable with mean zero and a precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Alternative, Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import plain
from mcmix.kernels.special import log_normal_cdf, log_of_mass

LOG_TWO_OVER_PI = math.log(2.0 / math.pi)
LOG_TWO = math.log(2.0)
ROOT_HALF = math.sqrt(0.5)


def logpdf(x, precision):  # type: ignore[no-untyped-def]
    """Log density of one value; `precision` is that of the normal distribution before folding."""
    if not 0.0 < precision < math.inf or not x >= 0.0:
        return -math.inf
    return 0.5 * (math.log(precision) + LOG_TWO_OVER_PI) - 0.5 * (precision * x * x)


def log_cdf(x, precision):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 < precision < math.inf:
        return -math.inf
    z = ROOT_HALF * (x * math.sqrt(precision))
    return log_of_mass(math.erf(z), math.erfc(z)) if z > 0.0 else -math.inf


def log_survival(x, precision):  # type: ignore[no-untyped-def]
    """Log mass above x: twice that of the normal distribution."""
    if not 0.0 < precision < math.inf:
        return -math.inf
    z = ROOT_HALF * (x * math.sqrt(precision))
    if z > 1.0:
        return LOG_TWO + log_normal_cdf(-x * math.sqrt(precision))
    return math.log1p(-math.erf(z)) if z > 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, precision: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(np.abs(rng.normal(0.0, 1.0 / np.sqrt(precision), size)))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from count and sum of squares."""
    precision = parameters["precision"]
    return 0.5 * sums.n * (np.log(precision) + LOG_TWO_OVER_PI) - 0.5 * precision * sums.squared_distance(0, 0.0)


def precision_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Gamma message to the precision: half the count, half the sum of squares."""
    return 0.5 * sums.n, 0.5 * sums.squared_distance(0, 0.0)


def score(x: Any, precision: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return -precision * x, 0.5 / precision - 0.5 * x * x


HALF_NORMAL = Family(
    name="HalfNormal",
    parameters=(Parameter("precision", "positive", alias="tau"),),
    support=Support(lower=0.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives={"sigma": Alternative("precision", lambda sigma, others: 1.0 / sigma**2)},
    statistics=Statistics(
        columns=(Column(plain, square=True, shifted=False),),
        log_likelihood=log_likelihood,
        messages={"precision": Message("gamma", precision_message)},
    ),
    summary="Half-normal distribution on x >= 0, density proportional to exp(-precision x**2 / 2).",
)
