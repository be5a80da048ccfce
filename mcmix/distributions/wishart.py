"""Wishart distributions of symmetric positive definite matrices: by inverse scale (PyMC 2's Wishart) or by scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Event, Family, Parameter, Support
from mcmix.distributions.matrices import inverse, product
from mcmix.distributions.mv_normal import log_root_determinant
from mcmix.kernels.events import cholesky, solved_below, wishart_constant


def prepare_inverse_scale(degrees, inverse_scale, unused, d, work):  # type: ignore[no-untyped-def]
    """Log of the normalising constant, with the inverse scale's determinant (Dawid 1981 writes the distribution so)."""
    work[2 * d * d] = wishart_constant(degrees[0], cholesky(inverse_scale, work, d), d)


def inverse_scale_logpdf(x, degrees, inverse_scale, unused, d, work):  # type: ignore[no-untyped-def]
    """(n - d - 1) / 2 log|X| - tr(T X) / 2, T the inverse scale."""
    logs = cholesky(x, work, d)
    if not (logs == logs and work[2 * d * d] == work[2 * d * d]):
        return -math.inf
    trace = 0.0
    for i in range(d):
        for j in range(d):
            trace += inverse_scale[i * d + j] * x[j * d + i]
    return work[2 * d * d] + (degrees[0] - d - 1.0) * logs - 0.5 * trace


def prepare_scale(degrees, scale, unused, d, work):  # type: ignore[no-untyped-def]
    """Cholesky factor of the scale in the second matrix, and the log of the normalising constant after it."""
    work[2 * d * d] = wishart_constant(degrees[0], -cholesky(scale, work[d * d :], d), d)


def scale_logpdf(x, degrees, scale, unused, d, work):  # type: ignore[no-untyped-def]
    """(n - d - 1) / 2 log|X| - tr(C^-1 X) / 2: the trace is the squared size of L^-1 K, C = L L', X = K K'."""
    logs = cholesky(x, work, d)
    if not (logs == logs and work[2 * d * d] == work[2 * d * d]):
        return -math.inf
    column, trace = work[2 * d * d + 1 :], 0.0
    for j in range(d):
        for i in range(d):
            column[i] = work[i * d + j] if i >= j else 0.0
        solved_below(work[d * d :], column, d)
        for i in range(d):
            trace += column[i] * column[i]
    return work[2 * d * d] + (degrees[0] - d - 1.0) * logs - 0.5 * trace


def by_degrees(degrees: Any, d: int, log_roots: Any) -> Any:
    """Derivative by the degrees of freedom, `log_roots` the logs of the roots of the determinants that count them."""
    constant = np.sum(digamma(0.5 * (degrees[..., None] - np.arange(float(d)))), axis=-1)
    return log_roots - 0.5 * d * math.log(2.0) - 0.5 * constant


def score(x: Any, degrees: Any, inverse_scale: Any) -> tuple[Any, ...]:
    """Derivatives by value, degrees of freedom n and inverse scale T.

    By value ((n - d - 1) X**-1 - T) / 2, by inverse scale (n T**-1 - X) / 2.
    """
    d = x.shape[-1]
    n = degrees[..., None, None]
    logs = log_root_determinant(x) + log_root_determinant(inverse_scale)
    return (
        0.5 * ((n - d - 1.0) * inverse(x) - inverse_scale),
        by_degrees(degrees, d, logs),
        0.5 * (n * inverse(inverse_scale) - x),
    )


def scale_score(x: Any, degrees: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives by value, degrees of freedom n and scale C; by the last (C**-1 X C**-1 - n C**-1) / 2."""
    d, back = x.shape[-1], inverse(scale)
    n = degrees[..., None, None]
    logs = log_root_determinant(x) - log_root_determinant(scale)
    return (
        0.5 * ((n - d - 1.0) * inverse(x) - back),
        by_degrees(degrees, d, logs),
        0.5 * (product(product(back, x), back) - n * back),
    )


def bartlett(rng: np.random.Generator, batch: tuple[int, ...], degrees: Any, d: int) -> np.ndarray:
    """Lower factors A of Bartlett's decomposition, shape (*batch, d, d): A A' is Wishart with the identity as scale."""
    factor = np.zeros((*batch, d, d))
    below = np.tril_indices(d, -1)
    factor[..., below[0], below[1]] = rng.standard_normal((*batch, len(below[0])))
    # A_ii**2 is chi-square with n - i degrees of freedom, i = 0 .. d - 1.
    freedom = np.asarray(degrees, float)[..., None] - np.arange(d)
    diagonal = np.sqrt(rng.chisquare(np.broadcast_to(freedom, (*batch, d))))
    factor[..., np.arange(d), np.arange(d)] = diagonal
    return factor


def draw_by_scale(rng: np.random.Generator, size: Any, degrees: Any, scale: Any) -> np.ndarray:
    """Draws by Bartlett's decomposition (Smith and Hocking 1972): L A A' L' with scale = L L'."""
    root = np.linalg.cholesky(scale) @ bartlett(rng, tuple(size)[:-2], degrees, np.shape(scale)[-1])
    return np.asarray(root @ np.swapaxes(root, -1, -2))


def draw_by_inverse_scale(rng: np.random.Generator, size: Any, degrees: Any, inverse_scale: Any) -> np.ndarray:
    """Draws with scale one over the inverse scale."""
    inverse = np.linalg.inv(inverse_scale)
    return draw_by_scale(rng, size, degrees, 0.5 * (inverse + np.swapaxes(inverse, -1, -2)))


def enough_degrees(known: Mapping[str, np.ndarray]) -> str | None:
    """The complaint about too few degrees of freedom, if they are known."""
    degrees = known.get("degrees_of_freedom")
    matrix = known.get("inverse_scale", known.get("scale"))
    if degrees is None or matrix is None or (degrees > matrix.shape[-1] - 1).all():
        return None
    return (
        f"degrees_of_freedom expected above {matrix.shape[-1] - 1} for matrices with {matrix.shape[-1]} rows, "
        f"got {degrees.min():g}"
    )


def _family(name: str, matrix: Parameter, event: Event, draw: Any, score: Any, summary: str) -> Family:
    return Family(
        name=name,
        parameters=(Parameter("degrees_of_freedom", "positive", alias="n"), matrix),
        support=Support(positive_definite=True),
        draw=draw,
        event=event,
        score=score,
        check=enough_degrees,
        event_ndim=2,
        summary=summary,
    )


WISHART = _family(
    "Wishart",
    Parameter("inverse_scale", "positive definite", alias="Tau"),
    Event(prepare_inverse_scale, inverse_scale_logpdf),
    draw_by_inverse_scale,
    score,
    "Wishart distribution of a precision matrix X with n degrees of freedom and an inverse scale T: "
    "density proportional to "
    "``|X|**((n - d - 1) / 2) exp(-tr(T X) / 2)``, mean n T**-1.",
)
WISHART_COV = _family(
    "WishartCov",
    Parameter("scale", "positive definite", alias="C"),
    Event(prepare_scale, scale_logpdf),
    draw_by_scale,
    scale_score,
    "Wishart distribution of a matrix X with n degrees of freedom and a scale C: density proportional to "
    "``|X|**((n - d - 1) / 2) exp(-tr(C**-1 X) / 2)``, mean n C.",
)
