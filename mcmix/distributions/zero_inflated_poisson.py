"""Zero-inflated Poisson: with a probability a structural zero, else a Poisson count (Lambert, 1992)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import (
    is_whole,
    log_gamma,
    minus_log_factorial,
    times_log,
    times_log_complement,
    weighted,
)
from mcmix.distributions.zero_mass import ZEROS_AND_SUM, log_inflated, with_zeros


def logpdf(x, zero_probability, mean):  # type: ignore[no-untyped-def]
    """Log mass of one count; a mean of 0 or a zero probability of 1 puts all mass on 0."""
    if not 0.0 <= zero_probability <= 1.0 or not 0.0 <= mean < math.inf or not is_whole(x) or not x >= 0.0:
        return -math.inf
    at_zero = log_inflated(zero_probability, -mean)
    log_rest = times_log_complement(1.0, zero_probability)
    return at_zero if x == 0.0 else log_rest + times_log(x, mean) - mean - log_gamma(x + 1.0)


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, mean: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, mean = np.broadcast_arrays(zero_probability, mean)
    return with_zeros(rng, size, zero_probability, rng.poisson(mean, size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from the number of zeros, of other counts and their sum, without the factorials."""
    extra, mean = parameters["zero_probability"], parameters["mean"]
    zeros, total = sums.total(0), sums.total(1)
    others = sums.n - zeros
    with np.errstate(divide="ignore"):
        at_zero = np.logaddexp(np.log(extra), np.log1p(-extra) - mean)
    on_zeros = weighted(zeros, lambda log_mass: log_mass, at_zero)
    return on_zeros + weighted(others, np.log1p, -extra) - others * mean + weighted(total, np.log, mean)


def score(x: Any, zero_probability: Any, mean: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    zero, none = np.equal(x, 0.0), np.exp(-mean)
    rest = 1.0 - zero_probability
    at_zero = zero_probability + rest * none
    by_share = np.where(zero, (1.0 - none) / at_zero, -1.0 / rest)
    return 0.0, by_share, np.where(zero, -rest * none / at_zero, x / mean - 1.0)


ZERO_INFLATED_POISSON = Family(
    name="ZeroInflatedPoisson",
    parameters=(
        Parameter("zero_probability", "probability", alias="psi"),
        Parameter("mean", "nonnegative", alias="mu"),
    ),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    base=minus_log_factorial,
    statistics=Statistics(columns=ZEROS_AND_SUM, log_likelihood=log_likelihood),
    dtype=int,
    summary=(
        "Zero-inflated Poisson distribution of a count: zero_probability is that of a structural zero;"
        " otherwise the count is Poisson with the mean, and may be zero too."
    ),
)
