"""Mixtures that the command line knows, each with a weak prior on the scale of the data. A new one is a row below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import mcmix as mc
from mcmix.errors import ModelError

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Kind:
    """A distribution of the components.

    Attributes
    ----------
    columns : str
        What the columns must hold, in words.
    fits : callable
        Whether given numbers (without the missing ones) are such.
    several : bool
        Whether it is a distribution of vectors.
    parameters : callable
        From rows and number of components: the distribution, and the nodes of its parameters.
    prior : str
        In words.
    """

    columns: str
    fits: Callable[[np.ndarray], bool]
    several: bool
    parameters: Callable[[np.ndarray, int], tuple[Any, list[Any]]]
    prior: str


def _normal(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    """About as in Richardson and Green (1997), "On Bayesian analysis of mixtures with an unknown number of components".

    Their rate of the precisions has a prior of its own, under which many rows of one rounded value make the posterior
    improper; here it is known.
    """
    middle, width = (x.max() + x.min()) / 2, np.ptp(x)
    precision = mc.Gamma("precision", 2.0, width**2 / 50.0, size=k)
    return mc.Normal, [mc.Normal("mean", middle, 1.0 / width**2, size=k), precision]


def _student_t(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    _, (mean, precision) = _normal(x, k)
    return mc.StudentT, [mean, precision, 4.0]


def _lognormal(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    return mc.Lognormal, _normal(np.log(x), k)[1]


def _poisson(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    return mc.Poisson, [mc.Gamma("mean", 1.0, 1.0 / max(x.mean(), 0.1), size=k)]


def _exponential(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    return mc.Exponential, [mc.Gamma("rate", 1.0, x.mean(), size=k)]


def _vectors(x: np.ndarray, k: int) -> tuple[Any, list[Any]]:
    d, variances = x.shape[1], np.nanvar(x, axis=0)
    mean = mc.MvNormal("mean", np.nanmean(x, axis=0), np.diag(1.0 / np.ptp(_filled(x), axis=0) ** 2), size=k)
    degrees = d + 2.0  # the prior mean of a covariance is then the inverse scale itself
    return mc.MvNormal, [mean, mc.Wishart("precision", degrees, np.diag(variances / 10), size=k)]


def _filled(x: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(x), np.nanmean(x, axis=0), x)


def _always(x: np.ndarray) -> bool:
    return True


def _counts(x: np.ndarray) -> bool:
    return bool((x >= 0).all() and np.array_equal(x, np.round(x)))


_SCALE = (
    "means ~ Normal about the middle of the data, sd their range R; precisions ~ Gamma(2, R^2 / 50), which expects "
    "sds of about R / 10"
)
KINDS = {
    "normal": Kind("numbers", _always, False, _normal, _SCALE),
    "student-t": Kind("numbers", _always, False, _student_t, f"{_SCALE}; 4 degrees of freedom"),
    "lognormal": Kind("positive numbers", lambda x: bool((x > 0).all()), False, _lognormal, f"of the logs: {_SCALE}"),
    "poisson": Kind("counts from 0", _counts, False, _poisson, "means ~ Exponential about the mean of the data"),
    "exponential": Kind(
        "positive numbers", lambda x: bool((x > 0).all()), False, _exponential, "rates ~ Exponential with mean 1 / mean"
    ),
    "vectors": Kind(
        "numbers",
        _always,
        True,
        _vectors,
        "mean vectors ~ MvNormal about the mean of the data, sds their ranges; precisions ~ Wishart(D + 2) for which a "
        "covariance is a tenth of the data's variances on average",
    ),
}


def kind_of(distribution: str, columns: list[str], x: np.ndarray) -> Kind:
    """The kind of mixture for a distribution's name and the columns, or a refusal.

    Parameters
    ----------
    distribution : str
    columns : list of str
    x : ndarray, shape (rows, columns)
        NaN where missing.
    """
    several = len(columns) > 1
    if several and distribution != "normal":
        raise ModelError(
            f"--distribution {distribution} is for one column, got {len(columns)} ({', '.join(columns)}); "
            f"choose one with --columns, or "
            "take --distribution normal"
        )
    kind = KINDS["vectors" if several else distribution]
    known = x[~np.isnan(x)]
    if not kind.fits(known):
        raise ModelError(
            f"--distribution {distribution}: column {columns[0]!r} expected {kind.columns}, got values "
            f"from {known.min():g}"
        )
    return kind


def mixture(kind: Kind, frame: DataFrame, k: int, name: str) -> mc.MCMC:
    """A sampler of a mixture of k components of one kind; columns keep their names."""
    rows = frame if kind.several else frame[frame.columns[0]]
    distribution, parameters = kind.parameters(rows.to_numpy(), k)
    if k == 1:  # one component has no weights to be unknown
        return mc.MCMC([distribution(name, *[_alone(p) for p in parameters], value=rows, observed=True)])
    weights = mc.Dirichlet("weight", np.ones(k))
    label = mc.Categorical("label", weights, size=len(rows))  # a node of its own, so that draws of it are kept
    return mc.MCMC([mc.Mixture(name, label, distribution, *parameters, value=rows, observed=True)])


def _alone(parameter: Any) -> Any:
    return parameter if isinstance(parameter, float) else parameter[0]
