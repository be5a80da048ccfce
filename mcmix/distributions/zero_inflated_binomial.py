"""Zero-inflated binomial: with a probability a structural zero, else the successes in a number of trials.

As for the binomial distribution, the finite statistics hold for rows that share one known number of trials and leave
out the binomial coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions import binomial
from mcmix.distributions.family import Family, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import is_whole, minus_log_factorial, times_log_complement, weighted
from mcmix.distributions.zero_mass import ZEROS_AND_SUM, log_inflated, with_zeros
from mcmix.kernels.base import inline

binomial_logpdf = inline(binomial.logpdf)


def logpdf(x, zero_probability, trials, probability):  # type: ignore[no-untyped-def]
    """Log mass of one count of successes."""
    if not 0.0 <= zero_probability <= 1.0 or not 0.0 <= probability <= 1.0 or not is_whole(trials) or not trials >= 0.0:
        return -math.inf
    if x == 0.0:
        return log_inflated(zero_probability, times_log_complement(trials, probability))
    return times_log_complement(1.0, zero_probability) + binomial_logpdf(x, trials, probability)


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, trials: Any, probability: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, trials, probability = np.broadcast_arrays(zero_probability, trials, probability)
    return with_zeros(rng, size, zero_probability, rng.binomial(trials.astype(np.int64), probability, size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from the number of zeros, of other counts and their sum, for known trials."""
    extra, trials, probability = parameters["zero_probability"], parameters["trials"], parameters["probability"]
    zeros, successes = sums.total(0), sums.total(1)
    others = sums.n - zeros
    with np.errstate(divide="ignore"):
        at_zero = np.logaddexp(np.log(extra), np.log1p(-extra) + weighted(trials, np.log1p, -probability))
    log_mass = weighted(zeros, lambda log_mass: log_mass, at_zero) + weighted(others, np.log1p, -extra)
    log_mass = log_mass + weighted(successes, np.log, probability)
    return log_mass + weighted(others * trials - successes, np.log1p, -probability)


def score(x: Any, zero_probability: Any, trials: Any, probability: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    zero, none = np.equal(x, 0.0), np.exp(trials * np.log1p(-probability))
    rest, failure = 1.0 - zero_probability, 1.0 - probability
    at_zero = zero_probability + rest * none
    by_share = np.where(zero, (1.0 - none) / at_zero, -1.0 / rest)
    by_count = x / probability - (trials - x) / failure
    return 0.0, by_share, 0.0, np.where(zero, -rest * none * trials / (failure * at_zero), by_count)


ZERO_INFLATED_BINOMIAL = Family(
    name="ZeroInflatedBinomial",
    parameters=(
        Parameter("zero_probability", "probability", alias="psi"),
        Parameter("trials", "count", alias="n"),
        Parameter("probability", "probability", alias="p"),
    ),
    support=Support(0.0, "trials", discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    base=minus_log_factorial,
    statistics=Statistics(columns=ZEROS_AND_SUM, log_likelihood=log_likelihood, known=("trials",)),
    dtype=int,
    summary=(
        "Zero-inflated binomial distribution of successes in trials: zero_probability is that of a structural zero;"
        " otherwise the count is binomial, and may be zero too."
    ),
)
