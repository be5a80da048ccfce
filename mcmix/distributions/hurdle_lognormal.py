"""Hurdle lognormal: zero with a probability of its own, else a lognormal amount (expenses, catches by weight).

Aitchison (1955), "On the distribution of a positive random variable having a discrete probability mass at the origin".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions import lognormal
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.point_masses import (
    log_beyond_beside_zero,
    log_up_to_beside_zero,
    score_beside_zero,
    statistics_beside_zero,
)
from mcmix.distributions.special import times_log, times_log_complement
from mcmix.distributions.zero_mass import with_zeros
from mcmix.kernels.base import inline

lognormal_logpdf, lognormal_log_cdf, lognormal_log_survival = map(
    inline, (lognormal.logpdf, lognormal.log_cdf, lognormal.log_survival)
)


@inline
def are_parameters(zero_probability, precision):  # type: ignore[no-untyped-def]
    """Whether parameters are within their constraints."""
    return 0.0 <= zero_probability <= 1.0 and 0.0 < precision < math.inf


def logpdf(x, zero_probability, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass of zero, log density (per unit of x, not of log x) of one value above it."""
    if not are_parameters(zero_probability, precision):
        return -math.inf
    if x == 0.0:
        return times_log(1.0, zero_probability)
    return times_log_complement(1.0, zero_probability) + lognormal_logpdf(x, mean, precision)


def log_cdf(x, zero_probability, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not are_parameters(zero_probability, precision) or not x >= 0.0:
        return -math.inf
    below, above = lognormal_log_cdf(x, mean, precision), lognormal_log_survival(x, mean, precision)
    return log_up_to_beside_zero(zero_probability, below, above)


def log_survival(x, zero_probability, mean, precision):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not are_parameters(zero_probability, precision):
        return -math.inf
    return log_beyond_beside_zero(zero_probability, lognormal_log_survival(x, mean, precision)) if x >= 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, mean: Any, precision: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, mean, precision = np.broadcast_arrays(zero_probability, mean, precision)
    return with_zeros(rng, size, zero_probability, lognormal.draw(rng, size, mean, precision))


def score(x: Any, zero_probability: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return score_beside_zero(lognormal.LOGNORMAL, x, zero_probability, mean, precision)


HURDLE_LOGNORMAL = Family(
    name="HurdleLognormal",
    parameters=(Parameter("zero_probability", "probability", alias="psi"), *lognormal.LOGNORMAL.parameters),
    support=Support(lower=0.0, atoms=(0.0,)),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    alternatives=lognormal.LOGNORMAL.alternatives,
    statistics=statistics_beside_zero(lognormal.LOGNORMAL),
    summary=(
        "Distribution of data on x >= 0 with exact zeros: zero with zero_probability, otherwise log x is normal; mean "
        "and precision (one over the variance) are those of log x."
    ),
)
