"""Inverse Wishart distribution of symmetric positive definite matrices: the conjugate prior of a normal covariance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.distributions.family import Event, Family, Parameter, Support
from mcmix.distributions.matrices import inverse, product
from mcmix.distributions.mv_normal import log_root_determinant
from mcmix.distributions.wishart import bartlett, by_degrees, enough_degrees
from mcmix.kernels.events import cholesky, solved_below, wishart_constant


def prepare(degrees, scale, unused, d, work):  # type: ignore[no-untyped-def]
    """Cholesky factor of the scale in the second matrix, and the log of the normalising constant after it."""
    work[2 * d * d] = wishart_constant(degrees[0], cholesky(scale, work[d * d :], d), d)


def logpdf(x, degrees, scale, unused, d, work):  # type: ignore[no-untyped-def]
    """-(n + d + 1) / 2 log|X| - tr(S X^-1) / 2: the trace is the squared size of L^-1 K, X = L L', S = K K'."""
    logs = cholesky(x, work, d)
    if not (logs == logs and work[2 * d * d] == work[2 * d * d]):
        return -math.inf
    column, trace = work[2 * d * d + 1 :], 0.0
    for j in range(d):
        for i in range(d):
            column[i] = work[d * d + i * d + j] if i >= j else 0.0
        solved_below(work, column, d)
        for i in range(d):
            trace += column[i] * column[i]
    return work[2 * d * d] - (degrees[0] + d + 1.0) * logs - 0.5 * trace


def score(x: Any, degrees: Any, scale: Any) -> tuple[Any, ...]:
    """Derivatives by value, degrees of freedom n and scale S.

    By value (X**-1 S X**-1 - (n + d + 1) X**-1) / 2, by scale (n S**-1 - X**-1) / 2.
    """
    d, back = x.shape[-1], inverse(x)
    n = degrees[..., None, None]
    logs = log_root_determinant(scale) - log_root_determinant(x)
    return (
        0.5 * (product(product(back, scale), back) - (n + d + 1.0) * back),
        by_degrees(degrees, d, logs),
        0.5 * (n * inverse(scale) - back),
    )


def draw(rng: np.random.Generator, size: Any, degrees: Any, scale: Any) -> np.ndarray:
    """Draws: B' B with A B = L', scale = L L' and A the factor of Bartlett's decomposition (Smith and Hocking 1972).

    Examples
    --------
    >>> found = draw(np.random.default_rng(1), (20000, 2, 2), 7.0, [[4.0, 1.0], [1.0, 2.0]])
    >>> (found.mean(0) * (7.0 - 2 - 1)).round(1)
    array([[4., 1.],
           [1., 2.]])
    """
    batch, d = tuple(size)[:-2], np.shape(scale)[-1]
    factor = bartlett(rng, batch, degrees, d)
    turned = np.swapaxes(np.linalg.cholesky(scale), -1, -2)
    root = np.linalg.solve(factor, np.broadcast_to(turned, factor.shape))
    return np.asarray(np.swapaxes(root, -1, -2) @ root)


INVERSE_WISHART = Family(
    name="InverseWishart",
    parameters=(Parameter("degrees_of_freedom", "positive"), Parameter("scale", "positive definite")),
    support=Support(positive_definite=True),
    draw=draw,
    event=Event(prepare, logpdf),
    score=score,
    check=enough_degrees,
    event_ndim=2,
    summary=(
        "Inverse Wishart distribution of a covariance matrix X with n degrees of freedom and a scale S: "
        "density proportional to"
        " ``|X|**(-(n + d + 1) / 2) exp(-tr(S X**-1) / 2)``, mean S / (n - d - 1) where n > d + 1. Under it,"
        " the covariance of normal rows (MvNormalCov) is drawn exactly."
    ),
)
