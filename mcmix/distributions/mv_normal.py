"""Multivariate normal distributions: by precision, by covariance, or by the covariance's lower Cholesky factor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.linalg

from mcmix.distributions.family import Event, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.matrices import applied, below, inverse, outer
from mcmix.kernels.events import cholesky, solved_below
from mcmix.kernels.vectors import BY_COVARIANCE, BY_FACTOR, BY_PRECISION

HALF_LOG_TWO_PI = 0.9189385332046727


def prepare_precision(mean, precision, unused, d, work):  # type: ignore[no-untyped-def]
    """Cholesky factor of the precision, and the log density at the mean after it."""
    work[d * d] = cholesky(precision, work, d) - d * HALF_LOG_TWO_PI


def precision_logpdf(x, mean, precision, unused, d, work):  # type: ignore[no-untyped-def]
    """-|L' (x - mean)|^2 / 2 with precision = L L'."""
    if not work[d * d] == work[d * d]:
        return -math.inf
    total = 0.0
    for j in range(d):
        part = 0.0
        for i in range(j, d):
            part += work[i * d + j] * (x[i] - mean[i])
        total += part * part
    return work[d * d] - 0.5 * total


def prepare_covariance(mean, covariance, unused, d, work):  # type: ignore[no-untyped-def]
    """Cholesky factor of the covariance, and the log density at the mean after it."""
    work[d * d] = -cholesky(covariance, work, d) - d * HALF_LOG_TWO_PI


def prepare_factor(mean, factor, unused, d, work):  # type: ignore[no-untyped-def]
    """The factor as it is, and the log density at the mean after it."""
    total = 0.0
    for i in range(d):
        for j in range(d):
            work[i * d + j] = factor[i * d + j]
        total += math.log(factor[i * d + i]) if factor[i * d + i] > 0.0 else math.nan
    work[d * d] = -total - d * HALF_LOG_TWO_PI


def factor_logpdf(x, mean, covariance, unused, d, work):  # type: ignore[no-untyped-def]
    """-|y|^2 / 2 with L y = x - mean."""
    if not work[d * d] == work[d * d]:
        return -math.inf
    y = work[d * d + 1 :]
    for i in range(d):
        y[i] = x[i] - mean[i]
    solved_below(work, y, d)
    total = 0.0
    for i in range(d):
        total += y[i] * y[i]
    return work[d * d] - 0.5 * total


def draw_by_precision(rng: np.random.Generator, size: Any, mean: Any, precision: Any) -> np.ndarray:
    """Draws: mean + L'^-1 times standard normals, precision = L L'."""
    factor = np.swapaxes(np.linalg.cholesky(precision), -1, -2)
    noise = rng.standard_normal(size)
    if factor.ndim == 2:
        flat = scipy.linalg.solve_triangular(factor, noise.reshape(-1, factor.shape[-1]).T)
        return np.asarray(mean + flat.T.reshape(noise.shape))
    return np.asarray(mean + np.linalg.solve(factor, noise[..., None])[..., 0])


def draw_by_covariance(rng: np.random.Generator, size: Any, mean: Any, covariance: Any) -> np.ndarray:
    """Draws: mean + L times standard normals, covariance = L L'."""
    return draw_by_factor(rng, size, mean, np.linalg.cholesky(covariance))


def draw_by_factor(rng: np.random.Generator, size: Any, mean: Any, factor: Any) -> np.ndarray:
    """Draws: mean + L times standard normals."""
    return np.asarray(mean + np.einsum("...ij,...j->...i", factor, rng.standard_normal(size)))


def log_root_determinant(matrix: Any) -> Any:
    """Half the log determinant of each matrix in a stack: a log density at the mean without its constant."""
    mean = np.zeros(matrix.shape[-1])
    return MV_NORMAL.log_density(mean, mean, matrix) + matrix.shape[-1] * HALF_LOG_TWO_PI


def score(x: Any, mean: Any, precision: Any) -> tuple[Any, ...]:
    """Derivatives by value, mean and precision: with u = x - mean, -P u, P u and (P**-1 - u u') / 2.

    By a symmetric matrix they are so that the change of the density is the sum of all products with entries' changes.
    """
    about = x - mean
    pull = applied(precision, about)
    return -pull, pull, 0.5 * (inverse(precision) - outer(about, about))


def covariance_score(x: Any, mean: Any, covariance: Any) -> tuple[Any, ...]:
    """Derivatives by value, mean and covariance: with v = C**-1 (x - mean), -v, v and (v v' - C**-1) / 2."""
    precision = inverse(covariance)
    pull = applied(precision, x - mean)
    return -pull, pull, 0.5 * (outer(pull, pull) - precision)


def factor_score(x: Any, mean: Any, factor: Any) -> tuple[Any, ...]:
    """Derivatives by value, mean and factor L: with v = (L L')**-1 (x - mean), -v, v and tril(v v' L) - diag(1 / L)."""
    pull = applied(inverse(factor, from_factor=True), x - mean)
    own = np.eye(factor.shape[-1])
    whitened = np.sum(factor * pull[..., :, None], axis=-2)
    return -pull, pull, below(outer(pull, whitened)) - own / (factor * own + (1.0 - own))


def _from_sums(sums: Sums, mean: Any, precision: Any, at_mean: Any) -> Any:
    """Sum of log densities from count n, sums and products of rows about a shift: all constants included.

    With m the mean about the shift: n times the log density at the mean, minus half of tr(P S) - 2 (P m)' s + n m' P m.
    """
    about = mean - sums.shifts[0]
    weighted = applied(precision, about)
    # tr(P S) as the sum of all products of entries: both matrices are symmetric.
    trace = np.sum(np.sum(precision * sums.squares[0], axis=-1), axis=-1)
    rest = np.sum(weighted * (sums.n[..., None] * about - 2.0 * sums.sums[0]), axis=-1)
    return sums.n * at_mean - 0.5 * (trace + rest)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities of rows with a precision."""
    mean, precision = parameters["mean"], parameters["precision"]
    return _from_sums(sums, mean, precision, MV_NORMAL.log_density(mean, mean, precision))


def covariance_log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities of rows with a covariance; minus infinity where that has no inverse."""
    mean, covariance = parameters["mean"], parameters["covariance"]
    at_mean = MV_NORMAL_COV.log_density(mean, mean, covariance)
    return np.where(at_mean > -math.inf, _from_sums(sums, mean, inverse(covariance), at_mean), -math.inf)


def factor_log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities of rows with a covariance's factor; minus infinity where its diagonal is not positive."""
    mean, factor = parameters["mean"], parameters["factor"]
    at_mean = MV_NORMAL_CHOL.log_density(mean, mean, factor)
    precision = inverse(factor, from_factor=True)
    return np.where(at_mean > -math.inf, _from_sums(sums, mean, precision, at_mean), -math.inf)


def _to_mean(sums: Sums, precision: Any) -> tuple[Any, Any]:
    """Vector message to the mean: n P, and P times the sum of the rows."""
    total = sums.sums[0] + sums.n[..., None] * sums.shifts[0]
    return sums.n[..., None, None] * precision, applied(precision, total)


def mean_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Vector message to the mean of rows with a precision."""
    return _to_mean(sums, parameters["precision"])


def mean_message_by_covariance(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Vector message to the mean of rows with a covariance."""
    return _to_mean(sums, inverse(parameters["covariance"]))


def mean_message_by_factor(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Vector message to the mean of rows with a covariance's factor."""
    return _to_mean(sums, inverse(parameters["factor"], from_factor=True))


def matrix_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Half the count, and products of the rows about the mean: to a precision (Wishart) or covariance (inverse)."""
    about = parameters["mean"] - sums.shifts[0]
    cross = outer(sums.sums[0], about)
    turned = outer(about, sums.sums[0])
    own = sums.n[..., None, None] * outer(about, about)
    return 0.5 * sums.n, sums.squares[0] - cross - turned + own


def _family(
    name: str,
    matrix: Parameter,
    event: Event,
    draw: Any,
    vectors: int,
    score: Any,
    summary: str,
    statistics: Statistics | None = None,
) -> Family:
    return Family(
        name=name,
        parameters=(Parameter("mean", "vector", alias="mu"), matrix),
        support=Support(),
        draw=draw,
        event=event,
        score=score,
        vectors=vectors,
        statistics=statistics,
        event_ndim=1,
        summary=summary,
    )


MV_NORMAL = _family(
    "MvNormal",
    Parameter("precision", "positive definite", alias="tau"),
    Event(prepare_precision, precision_logpdf),
    draw_by_precision,
    BY_PRECISION,
    score,
    "Multivariate normal distribution with a mean vector and a precision matrix (the inverse of the covariance).",
    Statistics(
        columns=(),
        log_likelihood=log_likelihood,
        messages={"mean": Message("vector", mean_message), "precision": Message("wishart", matrix_message)},
    ),
)
MV_NORMAL_COV = _family(
    "MvNormalCov",
    Parameter("covariance", "positive definite", alias="C"),
    Event(prepare_covariance, factor_logpdf),
    draw_by_covariance,
    BY_COVARIANCE,
    covariance_score,
    "Multivariate normal distribution with a mean vector and a covariance matrix.",
    Statistics(
        columns=(),
        log_likelihood=covariance_log_likelihood,
        messages={
            "mean": Message("vector", mean_message_by_covariance),
            "covariance": Message("inverse wishart", matrix_message),
        },
    ),
)
MV_NORMAL_CHOL = _family(
    "MvNormalChol",
    Parameter("factor", "lower factor", alias="sig"),
    Event(prepare_factor, factor_logpdf),
    draw_by_factor,
    BY_FACTOR,
    factor_score,
    "Multivariate normal distribution with a mean vector and the lower Cholesky factor of its covariance.",
    Statistics(
        columns=(),
        log_likelihood=factor_log_likelihood,
        messages={"mean": Message("vector", mean_message_by_factor)},
    ),
)
