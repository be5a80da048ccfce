"""Hurdle gamma: zero with a probability of its own, else a gamma amount (rain of a day, claims of a year)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions import gamma
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.point_masses import (
    log_beyond_beside_zero,
    log_up_to_beside_zero,
    score_beside_zero,
    statistics_beside_zero,
)
from mcmix.distributions.special import is_shape, times_log, times_log_complement
from mcmix.distributions.zero_mass import with_zeros
from mcmix.kernels.base import inline

gamma_logpdf, gamma_log_cdf, gamma_log_survival = map(inline, (gamma.logpdf, gamma.log_cdf, gamma.log_survival))


@inline
def are_parameters(zero_probability, shape, rate):  # type: ignore[no-untyped-def]
    """Whether parameters are within their constraints."""
    return 0.0 <= zero_probability <= 1.0 and is_shape(shape) and 0.0 < rate < math.inf


def logpdf(x, zero_probability, shape, rate):  # type: ignore[no-untyped-def]
    """Log mass of zero, log density of one value above it."""
    if not are_parameters(zero_probability, shape, rate):
        return -math.inf
    if x == 0.0:
        return times_log(1.0, zero_probability)
    return times_log_complement(1.0, zero_probability) + gamma_logpdf(x, shape, rate)


def log_cdf(x, zero_probability, shape, rate):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not are_parameters(zero_probability, shape, rate) or not x >= 0.0:
        return -math.inf
    below, above = gamma_log_cdf(x, shape, rate), gamma_log_survival(x, shape, rate)
    return log_up_to_beside_zero(zero_probability, below, above)


def log_survival(x, zero_probability, shape, rate):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not are_parameters(zero_probability, shape, rate):
        return -math.inf
    return log_beyond_beside_zero(zero_probability, gamma_log_survival(x, shape, rate)) if x >= 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, shape: Any, rate: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, shape, rate = np.broadcast_arrays(zero_probability, shape, rate)
    return with_zeros(rng, size, zero_probability, gamma.draw(rng, size, shape, rate))


def score(x: Any, zero_probability: Any, shape: Any, rate: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return score_beside_zero(gamma.GAMMA, x, zero_probability, shape, rate)


HURDLE_GAMMA = Family(
    name="HurdleGamma",
    parameters=(Parameter("zero_probability", "probability", alias="psi"), *gamma.GAMMA.parameters),
    support=Support(lower=0.0, atoms=(0.0,)),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives=gamma.GAMMA.alternatives,
    statistics=statistics_beside_zero(gamma.GAMMA),
    summary=(
        "Distribution of data on x >= 0 with exact zeros: zero with zero_probability, otherwise gamma with that shape "
        "and rate; the mean of values above zero is shape / rate."
    ),
)
