"""Zero-inflated negative binomial: with a probability a structural zero, else a negative binomial count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions import negative_binomial
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import LARGEST, is_shape, times_log_complement
from mcmix.distributions.zero_mass import log_inflated, log_no_count, with_zeros
from mcmix.kernels.base import inline

negative_binomial_logpdf = inline(negative_binomial.logpdf)


def logpdf(x, zero_probability, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of one count."""
    if not 0.0 <= zero_probability <= 1.0 or not 0.0 <= mean < LARGEST or not is_shape(dispersion):
        return -math.inf
    at_zero = log_inflated(zero_probability, log_no_count(mean, dispersion))
    log_rest = times_log_complement(1.0, zero_probability)
    return at_zero if x == 0.0 else log_rest + negative_binomial_logpdf(x, mean, dispersion)


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, mean: Any, dispersion: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, mean, dispersion = np.broadcast_arrays(zero_probability, mean, dispersion)
    return with_zeros(rng, size, zero_probability, negative_binomial.draw(rng, size, mean, dispersion))


def score(x: Any, zero_probability: Any, mean: Any, dispersion: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    zero, rest = np.equal(x, 0.0), 1.0 - zero_probability
    counts = negative_binomial.score(x, mean, dispersion)
    log_growth, total = np.log1p(mean / dispersion), mean + dispersion
    none = np.exp(-dispersion * log_growth)
    by_none = -dispersion / total, mean / total - log_growth  # of the log mass at zero
    at_zero = zero_probability + rest * none
    share = rest * none / at_zero
    by_share = np.where(zero, (1.0 - none) / at_zero, -1.0 / rest)
    by_mean, by_dispersion = (
        np.where(zero, share * own, other) for own, other in zip(by_none, counts[1:], strict=True)
    )
    return 0.0, by_share, by_mean, by_dispersion


ZERO_INFLATED_NEGATIVE_BINOMIAL = Family(
    name="ZeroInflatedNegativeBinomial",
    parameters=(
        Parameter("zero_probability", "probability", alias="psi"),
        Parameter("mean", "nonnegative", alias="mu"),
        Parameter("dispersion", "positive", alias="alpha"),
    ),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    dtype=int,
    summary=(
        "Zero-inflated negative binomial distribution of a count: zero_probability is that of a structural zero;"
        " otherwise the count has the mean, the variance mean + mean**2 / dispersion, and may be zero too."
    ),
)
