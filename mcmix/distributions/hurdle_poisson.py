"""Hurdle Poisson: zero with a probability of its own, else a Poisson count given that it is above zero.

Mullahy (1986), "Specification and testing of some modified count data models".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import (
    is_whole,
    log_gamma,
    minus_log_factorial,
    times_log,
    times_log_complement,
    weighted,
)
from mcmix.distributions.zero_mass import ZEROS_AND_SUM, first_arrival, log_complement_of_exp, with_zeros, zero_message


def logpdf(x, zero_probability, mean):  # type: ignore[no-untyped-def]
    """Log mass of one count."""
    if not 0.0 <= zero_probability <= 1.0 or not 0.0 < mean < math.inf or not is_whole(x) or not x >= 0.0:
        return -math.inf
    log_rest = times_log_complement(1.0, zero_probability)
    constant = log_rest - mean - log_complement_of_exp(-mean)
    return times_log(1.0, zero_probability) if x == 0.0 else constant + x * math.log(mean) - log_gamma(x + 1.0)


def draw(rng: np.random.Generator, size: Any, zero_probability: Any, mean: Any) -> np.ndarray:
    """Draws of the given size."""
    zero_probability, mean = np.broadcast_arrays(zero_probability, mean)
    counts = 1 + rng.poisson(mean - first_arrival(rng, size, mean))
    return with_zeros(rng, size, zero_probability, counts)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from the number of zeros, of other counts and their sum, without the factorials."""
    probability, mean = parameters["zero_probability"], parameters["mean"]
    zeros, total = sums.total(0), sums.total(1)
    others = sums.n - zeros
    above = total * np.log(mean) - others * (mean + np.log(-np.expm1(-mean)))
    return weighted(zeros, np.log, probability) + weighted(others, np.log1p, -probability) + above


def score(x: Any, zero_probability: Any, mean: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    zero = np.equal(x, 0.0)
    by_share = np.where(zero, 1.0 / zero_probability, -1.0 / (1.0 - zero_probability))
    return 0.0, by_share, np.where(zero, 0.0, x / mean - 1.0 - 1.0 / np.expm1(mean))


HURDLE_POISSON = Family(
    name="HurdlePoisson",
    parameters=(
        Parameter("zero_probability", "probability", alias="psi"),
        Parameter("mean", "positive", alias="mu"),
    ),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    base=minus_log_factorial,
    statistics=Statistics(
        columns=ZEROS_AND_SUM,
        log_likelihood=log_likelihood,
        messages={"zero_probability": Message("beta", zero_message)},
    ),
    dtype=int,
    summary=(
        "Hurdle Poisson distribution of a count: zero with zero_probability, otherwise Poisson given that "
        "it is not zero;"
        " mean is that of the Poisson distribution before zeros are taken out."
    ),
)
