"""Binomial: number of trials and the probability of success in each.

The finite statistics hold for rows that share one known number of trials: they leave out the binomial coefficients,
which depend on the data and on the trials. Where trials are unknown or vary by row, use the density.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import (
    is_whole,
    log_choose,
    minus_log_factorial,
    plain,
    times_log,
    times_log_complement,
    weighted,
    whole_numbers,
)
from mcmix.kernels.special import log_beta_below


def logpdf(x, trials, probability):  # type: ignore[no-untyped-def]
    """Log mass of one count of successes."""
    if not 0.0 <= probability <= 1.0 or not is_whole(trials) or not is_whole(x) or not 0.0 <= x <= trials:
        return -math.inf
    return log_choose(trials, x) + times_log(x, probability) + times_log_complement(trials - x, probability)


def log_cdf(x, trials, probability):  # type: ignore[no-untyped-def]
    """Log mass of counts up to x, from the beta distribution (Abramowitz and Stegun 26.5.24)."""
    if not 0.0 <= probability <= 1.0 or not is_whole(trials) or not trials >= 0.0 or not x >= 0.0:
        return -math.inf
    if x >= trials:
        return 0.0
    return log_beta_below(trials - np.floor(x), np.floor(x) + 1.0, 1.0 - probability, probability)


def log_survival(x, trials, probability):  # type: ignore[no-untyped-def]
    """Log mass of counts above x."""
    if not 0.0 <= probability <= 1.0 or not is_whole(trials) or not trials >= 0.0 or not x < trials:
        return -math.inf
    if not x >= 0.0:
        return 0.0
    return log_beta_below(np.floor(x) + 1.0, trials - np.floor(x), probability, 1.0 - probability)


def draw(rng: np.random.Generator, size: Any, trials: Any, probability: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.binomial(np.asarray(trials).astype(np.int64), probability, size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses as a function of the probability, for known trials (see the top of this file)."""
    probability, successes = parameters["probability"], sums.total(0)
    failures = sums.n * parameters["trials"] - successes
    return weighted(successes, np.log, probability) + weighted(failures, np.log1p, -probability)


def probability_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability: successes and failures."""
    successes = sums.total(0)
    return successes, sums.n * parameters["trials"] - successes


def score(x: Any, trials: Any, probability: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return 0.0, 0.0, x / probability - (trials - x) / (1.0 - probability)


BINOMIAL = Family(
    name="Binomial",
    parameters=(Parameter("trials", "count", alias="n"), Parameter("probability", "probability", alias="p")),
    support=Support(0.0, "trials", discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    base=minus_log_factorial,
    values=lambda shapes, known: whole_numbers(np.zeros(1), known.get("trials")),
    statistics=Statistics(
        columns=(Column(plain, shifted=False),),
        log_likelihood=log_likelihood,
        messages={"probability": Message("beta", probability_message)},
        known=("trials",),
    ),
    dtype=int,
    summary=(
        "Binomial distribution of successes in trials, mass C(trials, x) probability**x (1 - "
        "probability)**(trials - x)."
    ),
)
