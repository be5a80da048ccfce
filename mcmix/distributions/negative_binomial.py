"""Negative binomial: mean and dispersion; the variance is mean + mean**2 / dispersion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import LARGEST, is_shape, is_whole, log_gamma, log_one_plus, log_rising


def logpdf(x, mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass of one count; smooth up to the Poisson law that a large dispersion approaches."""
    if not 0.0 <= mean < LARGEST or not is_shape(dispersion) or not is_whole(x) or not x >= 0.0:
        return -math.inf
    if mean == 0.0:
        return 0.0 if x == 0.0 else -math.inf
    log_total = math.log(mean + dispersion)
    log_growth = log_one_plus(mean / dispersion) if mean < dispersion else log_total - math.log(dispersion)
    return log_rising(dispersion, x) - log_gamma(x + 1.0) + x * (math.log(mean) - log_total) - dispersion * log_growth


def draw(rng: np.random.Generator, size: Any, mean: Any, dispersion: Any) -> np.ndarray:
    """Draws of the given size: Poisson draws whose means are gamma draws."""
    means = rng.gamma(dispersion, np.asarray(mean) / np.asarray(dispersion), size)
    return np.asarray(rng.poisson(means))


NEGATIVE_BINOMIAL = Family(
    name="NegativeBinomial",
    parameters=(Parameter("mean", "nonnegative", alias="mu"), Parameter("dispersion", "positive", alias="alpha")),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    scalar_logpdf=logpdf,
    dtype=int,
    summary=(
        "Negative binomial law of a count: Poisson with a gamma mean of shape dispersion;"
        " the variance is mean + mean**2 / dispersion."
    ),
)
