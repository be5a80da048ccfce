"""Beta: two shapes, alpha for the pull towards 1 and beta for the pull towards 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import (
    is_shape,
    log_beta,
    log_complement_of,
    log_of,
    times_log,
    times_log_complement,
)
from mcmix.kernels.special import log_beta_below

BELOW_ONE = float(np.nextafter(1.0, 0.0))


def logpdf(x, alpha, beta):  # type: ignore[no-untyped-def]
    """Log density of one value in [0, 1]; minus infinity at an end whose shape is not 1."""
    if not is_shape(alpha) or not is_shape(beta) or not 0.0 <= x <= 1.0:
        return -math.inf
    return times_log(alpha - 1.0, x) + times_log_complement(beta - 1.0, x) - log_beta(alpha, beta)


def log_cdf(x, alpha, beta):  # type: ignore[no-untyped-def]
    """Log mass up to x."""
    return log_beta_below(alpha, beta, x, 1.0 - x) if is_shape(alpha) and is_shape(beta) else -math.inf


def log_survival(x, alpha, beta):  # type: ignore[no-untyped-def]
    """Log mass above x: that of the mirrored distribution below."""
    return log_beta_below(beta, alpha, 1.0 - x, x) if is_shape(alpha) and is_shape(beta) else -math.inf


def draw(rng: np.random.Generator, size: Any, alpha: Any, beta: Any) -> np.ndarray:
    """Draws of the given size, kept off 0 and 1, where rounding would put draws with tiny shapes."""
    return np.asarray(np.clip(rng.beta(alpha, beta, size), np.finfo(float).tiny, BELOW_ONE))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from the sums of log x and log(1 - x)."""
    alpha, beta = parameters["alpha"], parameters["beta"]
    constant = gammaln(alpha + beta) - gammaln(alpha) - gammaln(beta)
    return sums.n * constant + (alpha - 1.0) * sums.total(0) + (beta - 1.0) * sums.total(1)


def beta_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """To beta, alpha being 1: the density is beta (1 - x)**(beta - 1)."""
    return sums.n, -sums.total(1)


def alpha_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """To alpha, beta being 1: the density is alpha x**(alpha - 1)."""
    return sums.n, -sums.total(0)


def score(x: Any, alpha: Any, beta: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    both = digamma(alpha + beta)
    log_x, log_rest = np.log(x), np.log1p(-x)
    by_x = (alpha - 1.0) / x - (beta - 1.0) / (1.0 - x)
    return by_x, log_x - digamma(alpha) + both, log_rest - digamma(beta) + both


BETA = Family(
    name="Beta",
    parameters=(Parameter("alpha", "positive"), Parameter("beta", "positive")),
    support=Support(0.0, 1.0),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="logit",
    scalar_log_cdf=log_cdf,
    scalar_log_survival=log_survival,
    statistics=Statistics(
        columns=(Column(log_of), Column(log_complement_of)),
        log_likelihood=log_likelihood,
        messages={
            "alpha": Message("gamma", alpha_message, {"beta": 1.0}),
            "beta": Message("gamma", beta_message, {"alpha": 1.0}),
        },
    ),
    summary="Beta distribution on [0, 1], density proportional to x**(alpha - 1) (1 - x)**(beta - 1).",
)
