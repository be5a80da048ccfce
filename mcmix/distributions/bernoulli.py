"""Bernoulli: the probability of a one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import plain, times_log, times_log_complement, weighted


def logpdf(x, probability):  # type: ignore[no-untyped-def]
    """Log mass of one value, 0 or 1."""
    if not 0.0 <= probability <= 1.0 or not (x == 0.0 or x == 1.0):
        return -math.inf
    return times_log(x, probability) + times_log_complement(1.0 - x, probability)


def log_cdf(x, probability):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    if not 0.0 <= probability <= 1.0 or not x >= 0.0:
        return -math.inf
    return times_log_complement(1.0, probability) if x < 1.0 else 0.0


def log_survival(x, probability):  # type: ignore[no-untyped-def]
    """Log mass above x."""
    if not 0.0 <= probability <= 1.0 or not x < 1.0:
        return -math.inf
    return times_log(1.0, probability) if x >= 0.0 else 0.0


def draw(rng: np.random.Generator, size: Any, probability: Any) -> np.ndarray:
    """Draws of the given size, bool."""
    return np.asarray(rng.binomial(1, probability, size), dtype=bool)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from the count and the number of ones."""
    probability, ones = parameters["probability"], sums.total(0)
    return weighted(ones, np.log, probability) + weighted(sums.n - ones, np.log1p, -probability)


def probability_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability: ones and zeros."""
    ones = sums.total(0)
    return ones, sums.n - ones


def score(x: Any, probability: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return 0.0, x / probability - (1.0 - x) / (1.0 - probability)


BERNOULLI = Family(
    name="Bernoulli",
    parameters=(Parameter("probability", "probability", alias="p"),),
    support=Support(0.0, 1.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    statistics=Statistics(
        columns=(Column(plain, shifted=False),),
        log_likelihood=log_likelihood,
        messages={"probability": Message("beta", probability_message)},
    ),
    values=lambda shapes, known: np.arange(2),
    dtype=bool,
    summary="Bernoulli distribution of a bool, mass probability for true (1) and 1 - probability for false (0).",
)
