"""Geometric: the number of trials up to and with the first success, each of the same probability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import is_whole, plain, times_log_complement, weighted
from mcmix.kernels.special import log_complement


def logpdf(x, probability):  # type: ignore[no-untyped-def]
    """Log mass of one count x >= 1; without a chance of success there is no distribution."""
    if not 0.0 < probability <= 1.0 or not is_whole(x) or not x >= 1.0:
        return -math.inf
    return math.log(probability) + times_log_complement(x - 1.0, probability)


def log_cdf(x, probability):  # type: ignore[no-untyped-def]
    """Log mass of counts up to x: one of the first x trials succeeds."""
    if not 0.0 < probability <= 1.0 or not x >= 1.0:
        return -math.inf
    return log_complement(times_log_complement(np.floor(x), probability))


def log_survival(x, probability):  # type: ignore[no-untyped-def]
    """Log mass of counts above x: the first x trials fail."""
    if not 0.0 < probability <= 1.0:
        return -math.inf
    return times_log_complement(np.floor(x), probability) if x >= 1.0 else 0.0


def draw(rng: np.random.Generator, size: Any, probability: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(rng.geometric(probability, size))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log masses from count and sum."""
    probability = parameters["probability"]
    failures = sums.total(0) - sums.n
    return weighted(sums.n, np.log, probability) + weighted(failures, np.log1p, -probability)


def probability_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability: a success for each row, and the failures before them."""
    return sums.n, sums.total(0) - sums.n


def score(x: Any, probability: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    return 0.0, 1.0 / probability - (x - 1.0) / (1.0 - probability)


GEOMETRIC = Family(
    name="Geometric",
    parameters=(Parameter("probability", "probability", alias="p"),),
    support=Support(lower=1.0, discrete=True),
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
    dtype=int,
    summary=(
        "Geometric distribution of the trials to the first success, x >= 1, mass probability (1 - "
        "probability)**(x - 1)."
    ),
)
