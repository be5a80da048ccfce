"""Discrete uniform: the whole numbers from lower to upper, both included."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import is_whole, whole_numbers
from mcmix.kernels.special import log_share


def logpdf(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log mass of one whole number; the ends must be whole too."""
    if not is_whole(lower) or not is_whole(upper) or not is_whole(x) or not lower <= x <= upper:
        return -math.inf
    return -math.log(upper - lower + 1.0)


def log_cdf(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log mass of whole numbers up to x."""
    if not is_whole(lower) or not is_whole(upper) or not lower <= upper:
        return -math.inf
    return log_share(np.floor(x) + 1.0 - lower, upper - np.floor(x))


def log_survival(x, lower, upper):  # type: ignore[no-untyped-def]
    """Log mass of whole numbers above x."""
    if not is_whole(lower) or not is_whole(upper) or not lower <= upper:
        return -math.inf
    return log_share(upper - np.floor(x), np.floor(x) + 1.0 - lower)


def draw(rng: np.random.Generator, size: Any, lower: Any, upper: Any) -> np.ndarray:
    """Draws of the given size."""
    first, last = np.asarray(lower).astype(np.int64), np.asarray(upper).astype(np.int64)
    return np.asarray(rng.integers(first, last, size, endpoint=True))


DISCRETE_UNIFORM = Family(
    name="DiscreteUniform",
    parameters=(Parameter("lower", "real"), Parameter("upper", "real")),
    support=Support("lower", "upper", discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    values=lambda shapes, known: whole_numbers(known.get("lower"), known.get("upper")),
    dtype=int,
    summary="Uniform distribution on the whole numbers from lower to upper, both included.",
)
