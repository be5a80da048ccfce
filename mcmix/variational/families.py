"""What the engine must know of a family: its expected log density, and its predictive distribution.

The log density of each family, averaged over the posterior of its parameters, is linear in the sufficient statistics:
coefficients of one of three forms (:mod:`mcmix.kernels.expected`) say all of it, up to a base that depends on the data
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

from mcmix.distributions.family import Family, Sums
from mcmix.kernels import expected as kernels
from mcmix.kernels.base import AddressedKernel
from mcmix.variational.posteriors import Moments

LOG_TWO_PI = float(np.log(2.0 * np.pi))
Coefficients = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Form:
    """One of the three forms: its kernel, itself on arrays, and its sum over rows from their statistics."""

    kernel: AddressedKernel
    value: Callable[..., Any]
    total: Callable[[Coefficients, Sums], Any]


QUADRATIC = Form(
    kernels.QUADRATIC,
    kernels.quadratic,
    lambda k, sums: k[0] * sums.n - 0.5 * k[1] * sums.squared_distance(0, k[2]),
)
LINEAR = Form(kernels.LINEAR, kernels.linear, lambda k, sums: k[0] * sums.n + k[1] * sums.total(0))
WITH_LOG = Form(
    kernels.WITH_LOG,
    lambda x, a, b, c: a + b * x + c * np.log(x),
    lambda k, sums: k[0] * sums.n + k[1] * sums.total(0) + k[2] * sums.total(1),
)


@dataclass(frozen=True)
class Expected:
    """The expected log density of a family of numbers.

    Attributes
    ----------
    form : Form
    coefficients : callable
        Moments by parameter -> three arrays over cells.
    base : callable
        (x, moments by parameter) -> the part that depends on the data alone, per row.
    """

    form: Form
    coefficients: Callable[[Mapping[str, Moments]], Coefficients]
    base: Callable[[np.ndarray, Mapping[str, Moments]], Any]


def _normal(m: Mapping[str, Moments]) -> Coefficients:
    mean, precision = m["mean"], m["precision"]
    # E log N(x; m, 1 / t) = (E log t - log(2 pi) - E t Var m) / 2 - E t (x - E m)**2 / 2, for independent m and t
    constant = 0.5 * (precision.second - LOG_TWO_PI - precision.first * mean.second)
    return constant, precision.first, mean.first


def _poisson(m: Mapping[str, Moments]) -> Coefficients:
    return -m["mean"].first, m["mean"].second, 0.0


def _exponential(m: Mapping[str, Moments]) -> Coefficients:
    return m["rate"].second, -m["rate"].first, 0.0


def _gamma(m: Mapping[str, Moments]) -> Coefficients:
    shape, rate = m["shape"].first, m["rate"]
    # a E log b - log gamma(a) - E b x + (a - 1) log x
    return shape * rate.second - gammaln(shape), -rate.first, shape - 1.0


def _bernoulli(m: Mapping[str, Moments]) -> Coefficients:
    p = m["probability"]
    # E log(1 - p) + x (E log p - E log(1 - p)): `first` and `second` of a probability are the two expected logs.
    return p.second, p.first - p.second, 0.0


def _binomial(m: Mapping[str, Moments]) -> Coefficients:
    p = m["probability"]
    return m["trials"].first * p.second, p.first - p.second, 0.0


def _geometric(m: Mapping[str, Moments]) -> Coefficients:
    p = m["probability"]
    # E log p + (x - 1) E log(1 - p), x = 1, 2, ..
    return p.first - p.second, p.second, 0.0


def _no_base(x: np.ndarray, m: Mapping[str, Moments]) -> Any:
    return np.zeros(np.shape(x))


def _ways(x: np.ndarray, m: Mapping[str, Moments]) -> Any:
    trials = np.ravel(m["trials"].first)[0]
    return gammaln(trials + 1.0) - gammaln(x + 1.0) - gammaln(trials - x + 1.0)


EXPECTED: dict[str, Expected] = {
    "Normal": Expected(QUADRATIC, _normal, _no_base),
    "Lognormal": Expected(QUADRATIC, _normal, lambda x, m: -np.log(x)),
    "Poisson": Expected(LINEAR, _poisson, lambda x, m: -gammaln(x + 1.0)),
    "Exponential": Expected(LINEAR, _exponential, _no_base),
    "Gamma": Expected(WITH_LOG, _gamma, _no_base),
    "Bernoulli": Expected(LINEAR, _bernoulli, _no_base),
    "Binomial": Expected(LINEAR, _binomial, _ways),
    "Geometric": Expected(LINEAR, _geometric, _no_base),
}


def kind_of(family: Family, parameter: str) -> str:
    """The kind of message a parameter takes; "known" where there is none."""
    statistics = family.statistics
    if family.name in ("Categorical", "Multinomial"):
        return "dirichlet" if parameter == "probabilities" else "known"
    message = statistics.messages.get(parameter) if statistics is not None else None
    return "known" if message is None or message.where else message.kind


def messages(family: Family, parameter: str, sums: Sums, m: Mapping[str, Moments]) -> tuple[Any, Any]:
    """Natural parameters that rows send to one parameter, averaged over the posterior of the others.

    Messages are linear in the others but for squared distances from a mean, which grow by its variance.
    """
    assert family.statistics is not None
    message = family.statistics.messages[parameter]
    first, second = message.natural(sums, {name: x.first for name, x in m.items() if name != parameter})
    if message.kind == "wishart":
        # E sum_i (x_i - m)(x_i - m)' = sum_i (x_i - E m)(x_i - E m)' + n Cov m
        second = second + np.asarray(sums.n)[:, None, None] * m["mean"].second
    elif parameter == "precision" and "mean" in m:
        second = second + 0.5 * sums.n * m["mean"].second
    return first, second


def vector_constant(m: Mapping[str, Moments]) -> Any:
    """What the expected log density of a vector has besides the density at the expected parameters."""
    precision = m["precision"]
    gap = precision.second - np.linalg.slogdet(precision.first)[1]
    return 0.5 * (gap - np.sum(precision.first * m["mean"].second, axis=(-2, -1)))


def vector_total(m: Mapping[str, Moments], sums: Sums) -> Any:
    """Expected log density of rows of vectors, from their count, sums and products about a shift."""
    precision, n = m["precision"], np.asarray(sums.n)
    about = m["mean"].first - sums.shifts[0]
    cross = sums.sums[0][:, :, None] * about[:, None, :]
    # sum_i (x_i - m)(x_i - m)' with everything taken about the shift
    products = sums.squares[0] - cross - np.swapaxes(cross, -1, -2)
    products = products + n[:, None, None] * (about[:, :, None] * about[:, None, :] + m["mean"].second)
    d = about.shape[-1]
    return 0.5 * (n * (precision.second - d * LOG_TWO_PI) - np.sum(precision.first * products, axis=(-2, -1)))


def vector_logs(x: np.ndarray, m: Mapping[str, Moments], known: np.ndarray | None = None) -> np.ndarray:
    """Expected log density of new rows under each cell, shape (rows, cells).

    Where only some coordinates are `known`, the exponential of it is integrated over the others, as the pass does.
    """
    if known is not None and not known.all():
        return _partial_logs(x, m, known)
    factor = np.linalg.cholesky(m["precision"].first)
    constants = 0.5 * (m["precision"].second - x.shape[1] * LOG_TWO_PI)
    constants = constants - 0.5 * np.sum(m["precision"].first * m["mean"].second, axis=(-2, -1))
    columns = [
        c - 0.5 * np.sum(((x - mean) @ f) ** 2, axis=1)
        for c, mean, f in zip(constants, m["mean"].first, factor, strict=True)
    ]
    return np.stack(columns, axis=1)


def _partial_logs(x: np.ndarray, m: Mapping[str, Moments], known: np.ndarray) -> np.ndarray:
    """As above: the precision of the known coordinates is what is left of the whole after a block is taken out."""
    gone, d = ~known, x.shape[1]
    columns = []
    for k, precision in enumerate(m["precision"].first):
        block, cross = precision[np.ix_(gone, gone)], precision[np.ix_(known, gone)]
        # Schur complement: the precision of the known coordinates once the others are integrated out.
        left = precision[np.ix_(known, known)] - cross @ np.linalg.solve(block, cross.T)
        constant = 0.5 * (m["precision"].second[k] - np.sum(precision * m["mean"].second[k]) - d * LOG_TWO_PI)
        constant += 0.5 * (gone.sum() * LOG_TWO_PI - np.linalg.slogdet(block)[1])
        about = x[:, known] - m["mean"].first[k][known]
        columns.append(constant - 0.5 * np.einsum("ri,ij,rj->r", about, left, about))
    return np.stack(columns, axis=1)


__all__ = ["EXPECTED", "Expected", "kind_of", "messages", "vector_constant", "vector_logs", "vector_total"]
