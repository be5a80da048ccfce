"""Hurdle negative binomial: zero with a probability of its own, else a negative binomial count above zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions import negative_binomial
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import LARGEST, is_shape, times_log, times_log_complement
from mcmix.distributions.zero_mass import first_arrival, log_complement_of_exp, log_no_count, with_zeros
from mcmix.kernels.base import inline

BELOW_ONE = float(np.nextafter(1.0, 0.0))

negative_binomial_logpdf = inline(negative_binomial.logpdf)


def logpdf(x, zero_probability, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of one count."""
    if not 0.0 <= zero_probability <= 1.0 or not 0.0 < mean < LARGEST or not is_shape(dispersion):
        return -math.inf
    log_rest = times_log_complement(1.0, zero_probability)
    constant = log_rest - log_complement_of_exp(log_no_count(mean, dispersion))
    at_zero = times_log(1.0, zero_probability)
    return at_zero if x == 0.0 else constant + negative_binomial_logpdf(x, mean, dispersion)


def draw_above_zero(rng: np.random.Generator, size: Any, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Negative binomial draws given that they are above zero.

    The count is the total of a Poisson number of logarithmic draws (Quenouille, 1949). Given that there is a first
    one, at a time inside the interval, what comes in the time left is negative binomial again with less dispersion.
    """
    ratio = mean / dispersion
    length = dispersion * np.log1p(ratio)
    left = np.maximum(1.0 - first_arrival(rng, size, length) / length, 0.0)
    first = rng.logseries(np.minimum(mean / (mean + dispersion), BELOW_ONE), size)
    return np.asarray(first + rng.poisson(rng.gamma(dispersion * left, ratio, size)))


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, mean: Any, dispersion: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, mean, dispersion = np.broadcast_arrays(zero_probability, mean, dispersion)
    return with_zeros(rng, size, zero_probability, draw_above_zero(rng, size, mean, dispersion))


def score(x: Any, zero_probability: Any, mean: Any, dispersion: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    zero = np.equal(x, 0.0)
    counts = negative_binomial.score(x, mean, dispersion)
    log_growth, total = np.log1p(mean / dispersion), mean + dispersion
    none = np.exp(-dispersion * log_growth)
    by_none = -dispersion / total, mean / total - log_growth  # of the log mass at zero
    by_share = np.where(zero, 1.0 / zero_probability, -1.0 / (1.0 - zero_probability))
    odds = none / (1.0 - none)
    by_mean, by_dispersion = (
        np.where(zero, 0.0, other + odds * own) for own, other in zip(by_none, counts[1:], strict=True)
    )
    return 0.0, by_share, by_mean, by_dispersion


HURDLE_NEGATIVE_BINOMIAL = Family(
    name="HurdleNegativeBinomial",
    parameters=(
        Parameter("zero_probability", "probability", alias="psi"),
        Parameter("mean", "positive", alias="mu"),
        Parameter("dispersion", "positive", alias="alpha"),
    ),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    dtype=int,
    summary=(
        "Hurdle negative binomial distribution of a count: zero with zero_probability, otherwise negative "
        "binomial given that"
        " it is not zero; mean and dispersion are those before zeros are taken out."
    ),
)
