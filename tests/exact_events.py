"""Textbook log densities of vectors and matrices in 50 digits, as tests/exact_densities.py has them of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from mpmath import mp, mpf

from tests.exact_densities import SHAPES, times


@dataclass(frozen=True)
class ExactEvent:
    """The same for vectors and matrices.

    Attributes
    ----------
    terms : callable
        (x, *parameters), numbers and matrices of many digits -> terms.
    values : tuple of tuples
        (x, *parameters), arrays.
    rounding : callable, optional
        (x, *parameters) as arrays -> what the rounding of a Cholesky factor may do to the terms, in units of EPSILON
        times the squared dimension. A factor L of P in doubles is one of P + E, where E is EPSILON |P| at most but for
        a small multiple of the dimension: logs of determinants move with the trace of P^-1 E, that is with the
        condition number, and quadratic forms with what E or P^-1 E P^-1 does to their vectors.
    """

    terms: Callable[..., list[Any]]
    values: tuple[tuple[Any, ...], ...]
    rounding: Callable[..., float] = lambda *values: 0.0


def many_digits(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arrays as vectors (columns) and matrices of many digits."""
    return tuple(mp.matrix(np.asarray(v, float).tolist()) if np.ndim(v) else mpf(float(v)) for v in values)


def log_determinant(matrix: Any) -> Any:
    return mp.log(mp.det(matrix))


def trace_of_product(a: Any, b: Any) -> list[Any]:
    """Its summands."""
    return [a[i, j] * b[j, i] for i in range(a.rows) for j in range(a.cols)]


def quadratic(matrix: Any, vector: Any) -> Any:
    return (vector.T * matrix * vector)[0]


def mv_normal(x: Any, mean: Any, precision: Any) -> list[Any]:
    return [log_determinant(precision) / 2, -x.rows * mp.log(2 * mp.pi) / 2, -quadratic(precision, x - mean) / 2]


def mv_normal_cov(x: Any, mean: Any, covariance: Any) -> list[Any]:
    return mv_normal(x, mean, covariance**-1)


def mv_normal_chol(x: Any, mean: Any, factor: Any) -> list[Any]:
    return mv_normal(x, mean, (factor * factor.T) ** -1)


def wishart_constant(n: Any, d: int) -> list[Any]:
    gammas = [-mp.loggamma((n - j) / 2) for j in range(d)]
    return [-n * d * mp.log(2) / 2, -d * (d - 1) * mp.log(mp.pi) / 4, *gammas]


def wishart(x: Any, n: Any, inverse_scale: Any) -> list[Any]:
    powers = [n * log_determinant(inverse_scale) / 2, (n - x.rows - 1) * log_determinant(x) / 2]
    return [*powers, *wishart_constant(n, x.rows), *[-t / 2 for t in trace_of_product(inverse_scale, x)]]


def wishart_cov(x: Any, n: Any, scale: Any) -> list[Any]:
    return wishart(x, n, scale**-1)


def inverse_wishart(x: Any, n: Any, scale: Any) -> list[Any]:
    powers = [n * log_determinant(scale) / 2, -(n + x.rows + 1) * log_determinant(x) / 2]
    return [*powers, *wishart_constant(n, x.rows), *[-t / 2 for t in trace_of_product(scale, x**-1)]]


def lkj(x: Any, concentration: Any, dimension: Any) -> list[Any]:
    """With the constant of the onion method, as in tests/family_examples.py."""
    d = int(dimension)
    last = concentration + mpf(d - 1) / 2
    gammas = [
        g for k in range(1, d) for g in (mp.loggamma(last), -k * mp.log(mp.pi) / 2, -mp.loggamma(last - mpf(k) / 2))
    ]
    return [(concentration - 1) * log_determinant(x), *gammas]


def dirichlet(x: Any, concentration: Any) -> list[Any]:
    powers = [times(a - 1, mp.log, w) for w, a in zip(x, concentration, strict=True)]
    return [*powers, mp.loggamma(mp.fsum(concentration)), *[-mp.loggamma(a) for a in concentration]]


def multinomial(x: Any, trials: Any, probabilities: Any) -> list[Any]:
    powers = [times(k, mp.log, p) for k, p in zip(x, probabilities, strict=True)]
    return [mp.loggamma(trials + 1), *[-mp.loggamma(k + 1) for k in x], *powers]


def categorical(x: Any, probabilities: Any) -> list[Any]:
    return [mp.log(probabilities[int(x)])]


CONDITIONS = (1.0, 1e3, 1e6)


def matrix_of(condition: float, d: int = 4, size: float = 1.0, seed: int = 3) -> np.ndarray:
    """A symmetric positive definite matrix of a condition number."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    found = size * (turn * np.geomspace(1.0, condition, d)) @ turn.T
    return (found + found.T) / 2


def correlation_of(condition: float, d: int = 4) -> np.ndarray:
    """A correlation matrix, about as badly conditioned."""
    rho = 1.0 - d / (condition + d)
    return np.full((d, d), rho) + (1.0 - rho) * np.eye(d)


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Symmetric to the last bit: kernels read one triangle."""
    found = np.linalg.inv(matrix)
    return (found + found.T) / 2


def norm(matrix: Any) -> float:
    return float(np.linalg.norm(matrix, 2))


def rows_of_vectors(of: Callable[[np.ndarray], np.ndarray]) -> tuple[tuple[Any, ...], ...]:
    """x, mean, matrix: matrices of all sizes and conditions, x far out."""
    mean, direction = np.array([1e3, -2.0, 0.0, 1e-3]), np.array([1.0, -0.5, 2.0, 0.3])
    cases = product(CONDITIONS, (1e-6, 1.0, 1e6), (1e-8, 1.0, 1e8))
    return tuple((mean + r * s**0.5 * direction, mean, of(matrix_of(c, size=s))) for c, s, r in cases)


def pairs_of_matrices(degrees: tuple[float, ...] = (4.0, 3.1, 50.0, 1e6)) -> tuple[tuple[Any, ...], ...]:
    """x, degrees of freedom, matrix."""
    cases = product(CONDITIONS, CONDITIONS, degrees, (1e-6, 1e6))
    return tuple((matrix_of(a, size=s, seed=4), n, matrix_of(b)) for a, b, n, s in cases)


def of_precision(x: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> float:
    return float(np.linalg.cond(precision) + norm(precision) * np.sum((x - mean) ** 2))


def of_covariance(x: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    form = float((x - mean) @ np.linalg.solve(covariance, x - mean))
    return float(np.linalg.cond(covariance) * (1.0 + form))


def of_factor(x: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> float:
    form = float(np.sum(np.linalg.solve(factor, x - mean) ** 2))
    return float(np.linalg.cond(factor) * (1.0 + form))


def of_determinants(x: np.ndarray, n: float, matrix: np.ndarray) -> float:
    return float(n * (np.linalg.cond(x) + np.linalg.cond(matrix)))


def of_wishart_cov(x: np.ndarray, n: float, scale: np.ndarray) -> float:
    trace = norm(np.linalg.inv(scale)) * norm(x) * np.linalg.cond(scale)
    return of_determinants(x, n, scale) + float(trace)


def of_inverse_wishart(x: np.ndarray, n: float, scale: np.ndarray) -> float:
    return of_determinants(x, n, scale) + float(norm(np.linalg.inv(x)) * norm(scale) * np.linalg.cond(x))


WEIGHTS = (
    np.array([1e-300, 0.25, 0.75]),
    np.array([1.0 - 2.0**-53, 1e-16, 1e-100]),
    np.array([0.2, 0.3, 0.5]),
)
TRIALS = (np.array([0, 0, 1]), np.array([3, 4, 5]), np.array([1, 10**9, 7]), np.array([10**9, 10**9, 10**9]))

EVENT_LAWS: dict[str, ExactEvent] = {
    "MvNormal": ExactEvent(mv_normal, rows_of_vectors(inverse), of_precision),
    "MvNormalCov": ExactEvent(mv_normal_cov, rows_of_vectors(np.asarray), of_covariance),
    "MvNormalChol": ExactEvent(mv_normal_chol, rows_of_vectors(np.linalg.cholesky), of_factor),
    "Wishart": ExactEvent(wishart, pairs_of_matrices(), of_determinants),
    "WishartCov": ExactEvent(wishart_cov, pairs_of_matrices(), of_wishart_cov),
    "InverseWishart": ExactEvent(inverse_wishart, pairs_of_matrices(), of_inverse_wishart),
    "LKJ": ExactEvent(
        lkj,
        tuple((correlation_of(c, d), e, d) for c, d, e in product(CONDITIONS, (2, 4), (1e-3, 1.0, 2.5, 1e6))),
        lambda x, concentration, d: float(abs(concentration - 1.0) * np.linalg.cond(x)),
    ),
    "Dirichlet": ExactEvent(dirichlet, tuple((w, np.array(a)) for w in WEIGHTS for a in product(SHAPES, repeat=3))),
    "Multinomial": ExactEvent(multinomial, tuple((x, float(x.sum()), w) for x in TRIALS for w in WEIGHTS)),
    "Categorical": ExactEvent(categorical, tuple((k, w) for w in WEIGHTS for k in range(3))),
}
