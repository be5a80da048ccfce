"""Uniform: lower and upper end of a closed interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.kernels.special import log_share


def logpdf(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log density of one value; both ends belong to the interval."""
    width = upper - lower
    if not 0.0 < width < math.inf or not lower <= x <= upper:
        return -math.inf
    return -math.log(width)


def log_cdf(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_share(x - lower, upper - x) if 0.0 < upper - lower < math.inf else -math.inf


def log_survival(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    return log_share(upper - x, x - lower) if 0.0 < upper - lower < math.inf else -math.inf


def draw(rng: np.random.Generator, size: Any, lower: Any, upper: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.uniform(lower, upper, size))


def score(x: Any, lower: Any, upper: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    width = upper - lower
    return 0.0, 1.0 / width, -1.0 / width


UNIFORM = Family(
    name="Uniform",
    parameters=(Parameter("lower", "real"), Parameter("upper", "real")),
    support=Support("lower", "upper"),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    summary="Uniform distribution on the closed interval from lower to upper, density 1 / (upper - lower).",
)
