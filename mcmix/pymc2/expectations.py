"""PyMC 2's expected values, ``normal_expval(mu, tau)``: the mean of each distribution at plain parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import gamma, log_ndtr

from mcmix.pymc2.functions import DIRICHLET, _named, _names, _parameters
from mcmix.pymc2.table import ROWS, Row


def _location(location: Any, *unused: Any) -> Any:
    return location


def _categorical(p: np.ndarray) -> Any:
    return p @ np.arange(p.shape[-1])


def _inverse_gamma(alpha: Any, beta: Any) -> Any:
    return beta / np.where(alpha > 1.0, alpha - 1.0, 0.0)


def _skew_normal(mu: Any, tau: Any, alpha: Any) -> Any:
    return mu + np.sqrt(2.0 / np.pi / tau) * alpha / np.hypot(1.0, alpha)


def _student_t(location: Any, precision: Any, degrees_of_freedom: Any) -> Any:
    return np.where(degrees_of_freedom > 1.0, location, np.nan)


def _truncated_normal(mu: Any, tau: Any, a: Any, b: Any) -> Any:
    """By the tail in which the interval lies, so that far ones are not nought by nought."""
    low, high = (a - mu) * np.sqrt(tau), (b - mu) * np.sqrt(tau)
    sign = np.where(low > 0.0, -1.0, 1.0)
    low, high = np.where(low > 0.0, -high, low), np.where(low > 0.0, -low, high)
    top = log_ndtr(high)
    mass = -np.expm1(log_ndtr(low) - top)
    heights = [np.exp(-0.5 * np.square(z) - 0.5 * np.log(2.0 * np.pi) - top) for z in (low, high)]
    return mu + sign * (heights[0] - heights[1]) / mass / np.sqrt(tau)


# what a distribution without a mean is given: infinity where the integral is infinite, NaN where there is none
_MEANS: Mapping[str, Callable[..., Any]] = {
    "bernoulli": _location,
    "beta": lambda alpha, beta: alpha / (alpha + beta),
    "betabin": lambda alpha, beta, n: n * alpha / (alpha + beta),
    "binomial": lambda n, p: n * p,
    "categorical": _categorical,
    "cauchy": lambda alpha, beta: np.full(np.broadcast_shapes(np.shape(alpha), np.shape(beta)), np.nan),
    "chi2": _location,
    "dirichlet": lambda theta: theta / np.sum(theta, axis=-1, keepdims=True),
    "discrete_uniform": lambda lower, upper: (lower + upper) / 2.0,
    "exponential": lambda beta: 1.0 / beta,
    "gamma": lambda alpha, beta: alpha / beta,
    "geometric": lambda p: 1.0 / p,
    "half_cauchy": lambda alpha, beta: np.full(np.broadcast_shapes(np.shape(alpha), np.shape(beta)), np.inf),
    "half_normal": lambda tau: np.sqrt(2.0 / (np.pi * tau)),
    "inverse_gamma": _inverse_gamma,
    "laplace": _location,
    "logistic": _location,
    "lognormal": lambda mu, tau: np.exp(mu + 0.5 / tau),
    "multinomial": lambda n, p: n[..., None] * p if np.ndim(n) else n * p,
    "mv_normal": _location,
    "mv_normal_chol": _location,
    "mv_normal_cov": _location,
    "negative_binomial": _location,
    "noncentral_t": _student_t,
    "normal": _location,
    "poisson": _location,
    "skew_normal": _skew_normal,
    "t": _student_t,
    "truncated_normal": _truncated_normal,
    "uniform": lambda lower, upper: (lower + upper) / 2.0,
    "von_mises": _location,
    "weibull": lambda alpha, beta: beta * gamma(1.0 + 1.0 / alpha),
    "wishart": lambda n, Tau: n * np.linalg.inv(Tau),  # noqa: N803  PyMC 2's name
    "wishart_cov": lambda n, C: n * C,  # noqa: N803
}


def expectation(row: Row) -> Callable[..., Any]:
    """The mean of a distribution, by position and keyword as its log density takes the parameters."""
    mean = _MEANS[row.stem]

    def expected(*parameters: Any, **keywords: Any) -> Any:
        values = _parameters(row, f"{row.stem}_expval", parameters, keywords)
        with np.errstate(divide="ignore"):
            found = np.asarray(mean(*[np.asarray(v, dtype=float) for v in values]))
        return found[()] if found.ndim == 0 else found

    what = f"Expected value of the {row.name} distribution; NaN or infinity without one (an angle: the mean direction)."
    return _named(expected, f"{row.stem}_expval", what, _names(row), {})


EXPECTATIONS = {f"{row.stem}_expval": expectation(row) for row in (*ROWS, DIRICHLET)}
