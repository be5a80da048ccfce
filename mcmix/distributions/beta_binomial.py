"""Beta-binomial: successes in a number of trials whose common probability is a beta draw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import FEW, is_shape, is_whole, log_beta, log_choose, log_rising


def logpdf(x, alpha, beta, trials):  # type: ignore[no-untyped-def]
    """Log mass of one count of successes; smooth up to the binomial distribution that large shapes approach."""
    if not is_shape(alpha) or not is_shape(beta) or not is_whole(trials) or not is_whole(x) or not 0.0 <= x <= trials:
        return -math.inf
    ways = log_choose(trials, x)
    # For large shapes, log betas are large numbers with a small difference; rising factorials are that difference.
    if trials < FEW or min(alpha, beta) > trials:
        return ways + log_rising(alpha, x) + log_rising(beta, trials - x) - log_rising(alpha + beta, trials)
    return ways + log_beta(x + alpha, trials - x + beta) - log_beta(alpha, beta)


def draw(rng: np.random.Generator, size: Any, alpha: Any, beta: Any, trials: Any) -> np.ndarray:
    """Draws of the given size: binomial draws, each with a beta draw of its own."""
    alpha, beta, trials = np.broadcast_arrays(alpha, beta, trials)
    return np.asarray(rng.binomial(trials.astype(np.int64), rng.beta(alpha, beta, size), size))


def score(x: Any, alpha: Any, beta: Any, trials: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    both = digamma(alpha + beta) - digamma(trials + alpha + beta)
    by_alpha = digamma(x + alpha) - digamma(alpha) + both
    return 0.0, by_alpha, digamma(trials - x + beta) - digamma(beta) + both, 0.0


BETA_BINOMIAL = Family(
    name="BetaBinomial",
    parameters=(
        Parameter("alpha", "positive"),
        Parameter("beta", "positive"),
        Parameter("trials", "count", alias="n"),
    ),
    support=Support(0.0, "trials", discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    dtype=int,
    summary=(
        "Beta-binomial distribution of successes in trials: binomial with a probability drawn once for all trials from"
        " Beta(alpha, beta), mass C(trials, x) B(x + alpha, trials - x + beta) / B(alpha, beta)."
    ),
)
