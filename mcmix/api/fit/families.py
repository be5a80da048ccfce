"""Distributions that the command line knows, each with a weak prior on the scale of the data. A new one is a row below.

Parameters are functions of the data, one column or a table of several (an axis more), and of the size of what is
unknown; ``of`` says what a parameter is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.api.default_priors import are_positive, are_shares

Names = Callable[[str], str]
Size = tuple[int, ...]


@dataclass(frozen=True)
class Choice:
    """A distribution of the components.

    Attributes
    ----------
    holds : str
        What a column must hold, in words.
    fits : callable
        Whether given numbers (without the missing ones) are such.
    parameters : callable
        From the data (NaN where missing), a size and names: the distribution, its parameters in its order, and
        parameters by keyword.
    prior : str
        In words.
    when : str
        For what data it is the one to take; the command's help shows it.
    """

    holds: str
    fits: Callable[[np.ndarray], bool]
    parameters: Callable[[np.ndarray, Size, Names], Made]
    prior: str
    when: str


@dataclass(frozen=True)
class Made:
    """A distribution with the nodes of its parameters."""

    distribution: Any
    parameters: list[Any]
    keywords: dict[str, Any]


def _made(distribution: Any, *parameters: Any, **keywords: Any) -> Made:
    return Made(distribution, list(parameters), keywords)


# -------------------------------------------------------------------- priors on the scale of the data


def _span(x: np.ndarray) -> tuple[Any, Any]:
    """Middle and width of the data, for each column."""
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    return (low + high) / 2, high - low


def _centre(x: np.ndarray, size: Size, name: str) -> Any:
    middle, width = _span(x)
    return mc.Normal(name, middle, 1.0 / width**2, size=size)


def _on_log_scale(x: np.ndarray, size: Size, name: str) -> Any:
    """A positive number about as large as the data are."""
    middle, width = _span(np.log(x))
    return mc.Lognormal(name, middle, 1.0 / np.maximum(width, 0.1) ** 2, size=size)


def _count_mean(x: np.ndarray, size: Size, of: Names) -> Any:
    return mc.Gamma(of("mean"), 1.0, 1.0 / np.maximum(np.nanmean(x, axis=0), 0.1), size=size)


# -------------------------------------------------------------------- distributions


def _normal(x: np.ndarray, size: Size, of: Names) -> Made:
    """About as in Richardson and Green (1997), "On Bayesian analysis of mixtures with an unknown number of components".

    Their rate of the precisions has a prior of its own, under which many rows of one rounded value make the posterior
    improper; here it is known.
    """
    precision = mc.Gamma(of("precision"), 2.0, _span(x)[1] ** 2 / 50.0, size=size)
    return _made(mc.Normal, _centre(x, size, of("mean")), precision)


def _student_t(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.StudentT, *_normal(x, size, of).parameters, 4.0)


def _skew_normal(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.SkewNormal, *_normal(x, size, of).parameters, mc.Normal(of("skewness"), 0.0, 0.1, size=size))


def _laplace(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Laplace, _centre(x, size, of("mean")), mc.Gamma(of("rate"), 2.0, _span(x)[1] / 7.0, size=size))


def _logistic(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Logistic, _centre(x, size, of("mean")), mc.Gamma(of("rate"), 2.0, _span(x)[1] / 9.0, size=size))


def _lognormal(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Lognormal, *_normal(np.log(x), size, of).parameters)


def _gamma(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Gamma, mc.Gamma(of("shape"), 1.0, 0.05, size=size), mean=_on_log_scale(x, size, of("mean")))


def _weibull(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Weibull, mc.Gamma(of("shape"), 2.0, 0.5, size=size), _on_log_scale(x, size, of("scale")))


def _exponential(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Exponential, mc.Gamma(of("rate"), 1.0, np.nanmean(x, axis=0), size=size))


def _half_normal(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.HalfNormal, mc.Gamma(of("precision"), 1.0, np.nanmean(x**2, axis=0), size=size))


def _poisson(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Poisson, _count_mean(x, size, of))


def _negative_binomial(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.NegativeBinomial, _count_mean(x, size, of), mc.Gamma(of("dispersion"), 1.0, 0.1, size=size))


def _zero_inflated(distribution: Any, inner: Callable[..., Made]) -> Callable[[np.ndarray, Size, Names], Made]:
    def made(x: np.ndarray, size: Size, of: Names) -> Made:
        zeros = mc.Beta(of("zero_probability"), 1.0, 1.0, size=size)
        return _made(distribution, zeros, *inner(x, size, of).parameters)

    return made


def _beta(x: np.ndarray, size: Size, of: Names) -> Made:
    shapes = [mc.Gamma(of(name), 1.0, 0.05, size=size) for name in ("alpha", "beta")]
    return _made(mc.Beta, *shapes)


def _von_mises(x: np.ndarray, size: Size, of: Names) -> Made:
    concentration = mc.Gamma(of("concentration"), 1.0, 0.1, size=size)
    return _made(mc.VonMises, mc.VonMises(of("direction"), 0.0, 0.0, size=size), concentration)


def _bernoulli(x: np.ndarray, size: Size, of: Names) -> Made:
    return _made(mc.Bernoulli, mc.Beta(of("probability"), 1.0, 1.0, size=size))


def vectors(x: np.ndarray, k: int, of: Names) -> Made:
    """Normal vectors with a full covariance by component, for the table x (rows, columns)."""
    d, variances = x.shape[1], np.nanvar(x, axis=0)
    mean = mc.MvNormal(of("mean"), np.nanmean(x, axis=0), np.diag(1.0 / np.ptp(_filled(x), axis=0) ** 2), size=k)
    degrees = d + 2.0  # the prior mean of a covariance is then the inverse scale itself
    return _made(mc.MvNormal, mean, mc.Wishart(of("precision"), degrees, np.diag(variances / 10), size=k))


def _filled(x: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), np.nanmean(x, axis=0), x)


# -------------------------------------------------------------------- what columns can be


def _always(x: np.ndarray) -> bool:
    return True


def is_whole(x: np.ndarray) -> bool:
    """Whether all are counts: whole numbers from 0."""
    return bool((x >= 0).all() and np.array_equal(x, np.round(x)))


def is_binary(x: np.ndarray) -> bool:
    """Whether all are 0 or 1."""
    return bool(np.isin(x, (0.0, 1.0)).all())


def _turns(x: np.ndarray) -> bool:
    return bool((np.abs(x) <= np.pi * (1 + 1e-9)).all())


_SCALE = (
    "means ~ Normal about the middle of the data, sd their range R; precisions ~ Gamma(2, R^2 / 50), which expects "
    "sds of about R / 10"
)
_RATES = "centres ~ Normal about the middle of the data, sd their range R; rates ~ Gamma(2), for sds of about R / 10"
_MEANS = "means ~ Exponential about the mean of the data"
_ZEROS = "probabilities of a zero beside the others ~ Uniform(0, 1)"
_LOGS = "~ Lognormal about the middle of the data's logs, sd their range"
VECTORS_PRIOR = (
    "mean vectors ~ MvNormal about the mean of the data, sds their ranges; precisions ~ Wishart(D + 2) for which a "
    "covariance is a tenth of the data's variances on average"
)
CHOICES = {
    "normal": Choice("numbers", _always, _normal, _SCALE, "any numbers; several columns with covariances"),
    "student-t": Choice(
        "numbers", _always, _student_t, f"{_SCALE}; 4 degrees of freedom", "numbers with outliers in the groups"
    ),
    "skew-normal": Choice(
        "numbers", _always, _skew_normal, f"{_SCALE}; skewness ~ Normal(0, sd 3.2)", "numbers, groups that lean aside"
    ),
    "laplace": Choice("numbers", _always, _laplace, _RATES, "numbers, sharp peaks with heavy tails"),
    "logistic": Choice("numbers", _always, _logistic, _RATES, "numbers, tails between normal and Laplace"),
    "lognormal": Choice(
        "positive numbers", are_positive, _lognormal, f"of the logs: {_SCALE}", "positive numbers, long right tails"
    ),
    "gamma": Choice(
        "positive numbers", are_positive, _gamma, f"shapes ~ Exponential(mean 20); means {_LOGS}", "waits, amounts"
    ),
    "weibull": Choice(
        "positive numbers", are_positive, _weibull, f"shapes ~ Gamma(2, 1/2); scales {_LOGS}", "lifetimes, wind speeds"
    ),
    "exponential": Choice(
        "positive numbers", are_positive, _exponential, "rates ~ Exponential with mean 1 / mean", "times between events"
    ),
    "half-normal": Choice(
        "positive numbers", are_positive, _half_normal, "precisions ~ Exponential, mean 1 / mean square",
        "sizes of errors",
    ),
    "poisson": Choice("counts from 0", is_whole, _poisson, _MEANS, "counts, variance about the mean in each group"),
    "negative-binomial": Choice(
        "counts from 0", is_whole, _negative_binomial, f"{_MEANS}; dispersions ~ Exponential(mean 10)",
        "counts, variance above the mean within groups",
    ),
    "zero-inflated-poisson": Choice(
        "counts from 0", is_whole, _zero_inflated(mc.ZeroInflatedPoisson, _poisson), f"{_MEANS}; {_ZEROS}",
        "counts with too many zeros in the groups",
    ),
    "zero-inflated-negative-binomial": Choice(
        "counts from 0", is_whole, _zero_inflated(mc.ZeroInflatedNegativeBinomial, _negative_binomial),
        f"{_MEANS}; dispersions ~ Exponential(mean 10); {_ZEROS}", "both of these",
    ),
    "beta": Choice(
        "proportions between 0 and 1 (neither itself)", are_shares, _beta, "alpha, beta ~ Exponential(mean 20)",
        "shares, rates, probabilities",
    ),
    "von-mises": Choice(
        "angles", _turns, _von_mises, "directions uniform on the circle; concentrations ~ Exponential(mean 10)",
        "directions, times of day; --unit says degrees or radians",
    ),
    "bernoulli": Choice(
        "0 and 1 alone", is_binary, _bernoulli, "probabilities of a 1 ~ Uniform(0, 1)", "several yes/no items"
    ),
}  # fmt: skip
