"""Negative binomial: mean and dispersion; the variance is mean + mean**2 / dispersion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import FEW, LARGEST, is_shape, is_whole, log_beta, log_gamma, log_one_plus, log_rising
from mcmix.kernels.special import log_beta_below, log_gamma_above, log_gamma_below

# Beyond so many times the mean, a dispersion is as good as infinite: log masses differ from a Poisson distribution's by
# ((x - mean)**2 - x) / (2 dispersion).
NEARLY_POISSON = 1e30


def logpdf(x, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of one count; smooth up to the Poisson distribution that a large dispersion approaches."""
    if not 0.0 <= mean < LARGEST or not is_shape(dispersion) or not is_whole(x) or not x >= 0.0:
        return -math.inf
    if mean == 0.0:
        return 0.0 if x == 0.0 else -math.inf
    log_total = math.log(mean + dispersion)
    # x log p + r log(1 - p) with p = mean / (mean + r); each log from the ratio that is below one.
    log_share = -log_one_plus(dispersion / mean) if dispersion < mean else math.log(mean) - log_total
    log_growth = log_one_plus(mean / dispersion) if mean < dispersion else log_total - math.log(dispersion)
    if x < FEW or x < dispersion:
        ways = log_rising(dispersion, x) - log_gamma(x + 1.0)
    else:  # the two log gammas are larger than what is left of them
        ways = -math.log(x) - log_beta(x, dispersion)
    return ways + x * log_share - dispersion * log_growth


def log_cdf(x, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of counts up to x, from the beta distribution (Abramowitz and Stegun 26.5.26)."""
    if not 0.0 <= mean < LARGEST or not is_shape(dispersion) or not x >= 0.0:
        return -math.inf
    if not x < LARGEST:
        return 0.0
    if dispersion > NEARLY_POISSON * max(mean, 1.0):
        return log_gamma_above(np.floor(x) + 1.0, mean)
    total = mean + dispersion
    return log_beta_below(dispersion, np.floor(x) + 1.0, dispersion / total, mean / total)


def log_survival(x, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of counts above x."""
    if not 0.0 <= mean < LARGEST or not is_shape(dispersion) or not x < LARGEST:
        return -math.inf
    if not x >= 0.0:
        return 0.0
    if dispersion > NEARLY_POISSON * max(mean, 1.0):
        return log_gamma_below(np.floor(x) + 1.0, mean)
    total = mean + dispersion
    return log_beta_below(np.floor(x) + 1.0, dispersion, mean / total, dispersion / total)


def draw(rng: np.random.Generator, size: Any, mean: Any, dispersion: Any) -> np.ndarray:
    """Draws of the given size: Poisson draws whose means are gamma draws."""
    means = rng.gamma(dispersion, np.asarray(mean) / np.asarray(dispersion), size)
    return np.asarray(rng.poisson(means))


def score(x: Any, mean: Any, dispersion: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    total = mean + dispersion
    by_dispersion = digamma(x + dispersion) - digamma(dispersion) - np.log1p(mean / dispersion) + (mean - x) / total
    return 0.0, x / mean - (x + dispersion) / total, by_dispersion


NEGATIVE_BINOMIAL = Family(
    name="NegativeBinomial",
    parameters=(Parameter("mean", "nonnegative", alias="mu"), Parameter("dispersion", "positive", alias="alpha")),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    dtype=int,
    summary=(
        "Negative binomial distribution of a count: Poisson with a gamma mean of shape dispersion;"
        " the variance is mean + mean**2 / dispersion."
    ),
)
