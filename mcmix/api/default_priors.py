"""Priors on the scale of the data for the parameters of a mixture's components. A new distribution is a row of PRIORS.

They are weak and proper, and keep the posterior proper whatever the data: a scale's prior vanishes faster than any
power where components shrink onto equal values. Where the data have several columns, each has parameters of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError

FREEDOM = 4.0  # degrees of freedom of a Student t, which data tell little of


@dataclass(frozen=True)
class Scale:
    """Where the data lie: a number for each column, and the shape of what belongs to components.

    Attributes
    ----------
    low, high, mean, square : ndarray, shape (D,), or float
        Least and largest value, mean, and mean of the squares; a single column has numbers.
    size : tuple of int
        ``(K,)``, or ``(K, D)`` where there are several columns; K may be a number of components that is unknown.
    of : str
        What parameters are called after, where there are others beside them.
    """

    low: Any
    high: Any
    mean: Any
    square: Any
    size: tuple[Any, ...]
    of: str = ""

    def called(self, parameter: str) -> str:
        """The name of a parameter's node."""
        return f"{self.of} {parameter}".strip()

    @property
    def middle(self) -> Any:
        """Half way between the ends."""
        return (self.low + self.high) / 2.0

    @property
    def width(self) -> Any:
        """From end to end; 1 where all values are the same."""
        found = np.asarray(self.high - self.low, dtype=float)
        return np.where(found > 0.0, found, 1.0)[()]

    @property
    def typical(self) -> Any:
        """The mean of positive numbers; a tenth where all are zero."""
        return np.maximum(self.mean, 0.1)


@dataclass(frozen=True)
class Prior:
    """What a distribution's parameters have as their prior.

    Attributes
    ----------
    parameters : callable
        From the scale of the data to nodes and numbers, by the parameters' names.
    words : str
        The same for a reader.
    fixed : tuple of str
        Parameters that must be known.
    fits : callable, optional
        Whether numbers can be such data, beyond what the distribution's support says.
    alone : bool
        Whether it serves one column only.
    complete : bool
        Whether several columns must be complete.
    """

    parameters: Callable[[Scale], dict[str, Any]]
    words: str
    fixed: tuple[str, ...] = ()
    fits: Callable[[np.ndarray], bool] | None = None
    alone: bool = False
    complete: bool = False


def scale_of(x: np.ndarray, k: Any, of: str = "") -> Scale:
    """The scale of data, shape (rows, D), NaN where missing."""
    low, high, mean, square = np.nanmin(x, 0), np.nanmax(x, 0), np.nanmean(x, 0), np.nanmean(x**2, 0)
    if x.shape[1] > 1:
        return Scale(low, high, mean, square, (k, x.shape[1]), of)
    return Scale(float(low[0]), float(high[0]), float(mean[0]), float(square[0]), (k,), of)


# -------------------------------------------------------------------- by kind of parameter


def _centre(name: str, s: Scale) -> Any:
    return mc.Normal(s.called(name), s.middle, 1.0 / s.width**2, size=s.size)


def _precision(s: Scale) -> Any:
    return mc.Gamma(s.called("precision"), 2.0, s.width**2 / 50.0, size=s.size)


def _rate(s: Scale) -> Any:
    return mc.Gamma(s.called("rate"), 2.0, s.width / 5.0, size=s.size)


def _breadth(size_of_it: Any, s: Scale) -> Any:
    return mc.InverseGamma(s.called("scale"), 2.0, size_of_it, size=s.size)


def _shape(name: str, s: Scale) -> Any:
    return mc.Gamma(s.called(name), 2.0, 0.2, size=s.size)


def _share(name: str, s: Scale) -> Any:
    return mc.Beta(s.called(name), 1.0, 1.0, size=s.size)


def _mean(s: Scale) -> Any:
    return mc.Gamma(s.called("mean"), 1.0, 1.0 / s.typical, size=s.size)


def _on_a_line(s: Scale, centre: str = "location") -> dict[str, Any]:
    return {centre: _centre(centre, s), "precision": _precision(s)}


def _lognormal(s: Scale) -> dict[str, Any]:
    low, high = np.log(s.low), np.log(s.high)
    return _on_a_line(Scale(low, high, (low + high) / 2.0, 0.0, s.size, s.of), "mean")


def _gamma(s: Scale) -> dict[str, Any]:
    shape, mean = _shape("shape", s), mc.InverseGamma(s.called("mean"), 2.0, s.mean, size=s.size)
    return {"shape": shape, "rate": shape / mean}


def _inverse_gamma(s: Scale) -> dict[str, Any]:
    shape, centre = _shape("shape", s), mc.InverseGamma(s.called("centre"), 2.0, s.mean, size=s.size)
    return {"shape": shape, "scale": shape * centre}


def _beta(s: Scale) -> dict[str, Any]:
    mean, total = _share("mean", s), mc.Gamma(s.called("total"), 2.0, 0.1, size=s.size)
    return {"alpha": mean * total, "beta": (1.0 - mean) * total}


def _categorical(s: Scale) -> dict[str, Any]:
    categories = int(np.max(s.high)) + 1
    return {"probabilities": mc.Dirichlet(s.called("probabilities"), np.ones(max(categories, 2)), size=s.size)}


def _circle(s: Scale) -> dict[str, Any]:
    location = mc.VonMises(s.called("location"), 0.0, 0.01, size=s.size)
    return {"location": location, "concentration": _shape("concentration", s)}


def _student(s: Scale) -> dict[str, Any]:
    return _on_a_line(s) | {"degrees_of_freedom": FREEDOM}


def _skewed(s: Scale) -> dict[str, Any]:
    return _on_a_line(s) | {"skewness": mc.Normal(s.called("skewness"), 0.0, 0.1, size=s.size)}


def _overdispersed(s: Scale) -> dict[str, Any]:
    return {"mean": _mean(s), "dispersion": _shape("dispersion", s)}


def _with_zeros(inner: Callable[[Scale], dict[str, Any]]) -> Callable[[Scale], dict[str, Any]]:
    return lambda s: {"zero_probability": _share("zero_probability", s), **inner(s)}


def _with_borders(s: Scale) -> dict[str, Any]:
    return {name: _share(name, s) for name in ("border_probability", "one_probability")} | _beta(s)


def _probability(s: Scale) -> dict[str, Any]:
    return {"probability": _share("probability", s)}


def are_positive(x: np.ndarray) -> bool:
    """Whether all are above 0."""
    return bool((x > 0.0).all())


def are_shares(x: np.ndarray) -> bool:
    """Whether all are between 0 and 1, and neither."""
    return bool(((x > 0.0) & (x < 1.0)).all())


def are_amounts(x: np.ndarray) -> bool:
    """Whether all are at least 0, and some above."""
    return bool((x >= 0.0).all() and (x > 0.0).any())


def are_shares_with_borders(x: np.ndarray) -> bool:
    """Whether all are from 0 to 1, and some in between."""
    return bool(((x >= 0.0) & (x <= 1.0)).all() and ((x > 0.0) & (x < 1.0)).any())


WANTED: dict[Any, str] = {
    are_positive: "above 0",
    are_shares: "between 0 and 1, both left out",
    are_amounts: "of at least 0, some of them above",
    are_shares_with_borders: "from 0 to 1, some of them in between",
}

_CENTRE = "N(middle of the data, sd their range R)"
_LINE = f"locations {_CENTRE}, precisions Gamma(2, R^2 / 50), which expects sds of about R / 10"
_RATE = f"locations {_CENTRE}, rates Gamma(2, R / 5)"
_SHAPE = "Gamma(2, 0.2)"
_MEAN = "means exponential about the mean of the data"
_SHARE = "uniform probabilities"
_ZEROS = "uniform probabilities of extra zeros"
_APART = "uniform probabilities of zeros"
PRIORS: dict[str, Prior] = {
    "Normal": Prior(lambda s: _on_a_line(s, "mean"), _LINE),
    "StudentT": Prior(_student, f"{_LINE}; {FREEDOM:g} degrees of freedom"),
    "SkewNormal": Prior(_skewed, f"{_LINE}; skewness N(0, precision 0.1)"),
    "TruncatedNormal": Prior(lambda s: _on_a_line(s, "mean"), f"{_LINE}; known bounds, none unless given", alone=True),
    "Laplace": Prior(lambda s: {"mean": _centre("mean", s), "rate": _rate(s)}, _RATE),
    "Logistic": Prior(lambda s: {"location": _centre("location", s), "rate": _rate(s)}, _RATE),
    "Cauchy": Prior(
        lambda s: {"location": _centre("location", s), "scale": _breadth(s.width / 10.0, s)},
        f"locations {_CENTRE}, scales InverseGamma(2, R / 10)",
    ),
    "Lognormal": Prior(_lognormal, f"of the logs: {_LINE}", fits=are_positive),
    "Gamma": Prior(_gamma, f"shapes {_SHAPE}, means InverseGamma(2, mean of the data)", fits=are_positive),
    "InverseGamma": Prior(
        _inverse_gamma, f"shapes {_SHAPE}, scale / shape InverseGamma(2, mean of the data)", fits=are_positive
    ),
    "Weibull": Prior(
        lambda s: {"shape": _shape("shape", s), "scale": _breadth(s.mean, s)},
        f"shapes {_SHAPE}, scales InverseGamma(2, mean of the data)",
        fits=are_positive,
    ),
    "Exponential": Prior(
        lambda s: {"rate": mc.Gamma(s.called("rate"), 1.0, s.typical, size=s.size)},
        "rates exponential about 1 / mean of the data",
    ),
    "HalfNormal": Prior(
        lambda s: {"precision": mc.Gamma(s.called("precision"), 1.0, np.maximum(s.square, 1e-12), size=s.size)},
        "precisions exponential about 1 / mean square of the data",
    ),
    "HalfCauchy": Prior(
        lambda s: {"location": 0.0, "scale": _breadth(s.typical, s)}, "scales InverseGamma(2, mean of the data)"
    ),
    "HalfStudentT": Prior(
        lambda s: {"degrees_of_freedom": FREEDOM, "scale": _breadth(s.typical, s)},
        f"scales InverseGamma(2, mean of the data); {FREEDOM:g} degrees of freedom",
    ),
    "Chi2": Prior(
        lambda s: {"degrees_of_freedom": mc.Gamma(s.called("degrees_of_freedom"), 2.0, 2.0 / s.mean, size=s.size)},
        "degrees of freedom Gamma(2, 2 / mean of the data)",
        fits=are_positive,
    ),
    "Beta": Prior(_beta, "means uniform, alpha + beta Gamma(2, 0.1)", fits=are_shares),
    "VonMises": Prior(_circle, f"locations VonMises(0, 0.01), concentrations {_SHAPE}"),
    "Poisson": Prior(lambda s: {"mean": _mean(s)}, _MEAN),
    "NegativeBinomial": Prior(_overdispersed, f"{_MEAN}, dispersions {_SHAPE}"),
    "Geometric": Prior(_probability, _SHARE),
    "ZeroInflatedPoisson": Prior(_with_zeros(lambda s: {"mean": _mean(s)}), f"{_MEAN}, {_ZEROS}"),
    "ZeroInflatedNegativeBinomial": Prior(_with_zeros(_overdispersed), f"{_MEAN}, dispersions {_SHAPE}, {_ZEROS}"),
    "HurdlePoisson": Prior(_with_zeros(lambda s: {"mean": _mean(s)}), f"{_MEAN}, {_ZEROS}"),
    "HurdleNegativeBinomial": Prior(_with_zeros(_overdispersed), f"{_MEAN}, dispersions {_SHAPE}, {_ZEROS}"),
    "HurdleGamma": Prior(
        _with_zeros(_gamma),
        f"shapes {_SHAPE}, means above 0 InverseGamma(2, mean of the data there), {_APART}",
        fits=are_amounts,
    ),
    "HurdleLognormal": Prior(_with_zeros(_lognormal), f"of the logs above 0: {_LINE}; {_APART}", fits=are_amounts),
    "ZeroOneInflatedBeta": Prior(
        _with_borders,
        "uniform probabilities of a border, and that it is 1; in between means uniform, alpha + beta Gamma(2, 0.1)",
        fits=are_shares_with_borders,
    ),
    "Bernoulli": Prior(_probability, _SHARE),
    "Binomial": Prior(_probability, _SHARE, fixed=("trials",)),
    "BetaBinomial": Prior(_beta, "means uniform, alpha + beta Gamma(2, 0.1)", fixed=("trials",)),
    "ZeroInflatedBinomial": Prior(_with_zeros(_probability), f"{_SHARE}, {_ZEROS}", fixed=("trials",)),
    "Categorical": Prior(_categorical, "probabilities uniform", complete=True),
}


def components(name: str, x: np.ndarray, k: Any, fixed: Mapping[str, Any], of: str = "") -> dict[str, Any]:
    """Parameters of the components of a mixture, by name: nodes with priors, and known numbers.

    Parameters
    ----------
    name : str
        Of a distribution among PRIORS, or ``"MvNormal"``.
    x : ndarray, shape (rows, D)
        NaN where missing.
    k : int or NumberOfComponents
    fixed : mapping of str to number
        Parameters that are known; they have no prior.
    of : str
        What the nodes are called after, such as the column: ``"height mean"``; by default ``"mean"``.

    Raises
    ------
    ModelError
        If a parameter that must be known is not, or the data cannot be such.
    """
    if name == "MvNormal":
        return _vectors(x, k, of)
    prior = PRIORS[name]
    absent = [p for p in prior.fixed if p not in fixed]
    if absent:
        raise ModelError(f"fixed: {name} expected known {', '.join(absent)}, as fixed={{'{absent[0]}': ...}}, got none")
    if prior.alone and x.shape[1] > 1:
        raise ModelError(f"{name}: expected one column, got {x.shape[1]}; fit them one by one")
    if prior.complete and x.shape[1] > 1 and np.isnan(x).any():
        raise ModelError(f"{name}: expected complete rows, got missing cells; make missing a category of its own")
    known = x[~np.isnan(x)]
    if prior.fits is not None and not prior.fits(known):
        raise ModelError(f"{name}: expected numbers {WANTED[prior.fits]}, got {known.min():g} to {known.max():g}")
    between = np.where(np.isin(x, FAMILIES[name].support.atoms), np.nan, x)  # points with masses say nothing of scales
    return {**prior.parameters(scale_of(between, k, of)), **fixed}


VECTORS = (
    "mean vectors MvNormal about the mean of the data, sds their ranges; precisions Wishart with D + 2 degrees of "
    "freedom, which expect covariances of a tenth of the data's variances"
)


def _vectors(x: np.ndarray, k: Any, of: str = "") -> dict[str, Any]:
    d, variances = x.shape[1], np.nanvar(x, axis=0)
    spans = np.nanmax(x, axis=0) - np.nanmin(x, axis=0)
    widths, variances = np.where(spans > 0.0, spans, 1.0), np.where(variances > 0.0, variances, 1.0)
    mean = mc.MvNormal(f"{of} mean".strip(), np.nanmean(x, axis=0), np.diag(1.0 / widths**2), size=k)
    return {
        "mean": mean,
        "precision": mc.Wishart(f"{of} precision".strip(), d + 2.0, np.diag(variances / 10.0), size=k),
    }


PRIOR_IN_WORDS = "1 + beta-negative-binomial(1, 4, 3)"


def weakly_informative() -> Any:
    """A prior of a number of components that nobody knows: few are likelier than many, with a heavy tail.

    One less than the number is beta-negative-binomial (1, 4, 3), so that the number has mean 2: Fruehwirth-Schnatter,
    Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping sampling", section 2.
    """
    from scipy import stats  # slow to import, and asked for by few

    return stats.betanbinom(1, 4, 3, loc=1)


__all__ = [
    "PRIORS",
    "VECTORS",
    "are_amounts",
    "are_positive",
    "are_shares",
    "are_shares_with_borders",
    "components",
    "scale_of",
    "PRIOR_IN_WORDS",
    "weakly_informative",
]
