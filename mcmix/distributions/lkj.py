"""LKJ distribution of correlation matrices (Lewandowski, Kurowicka and Joe 2009, Journal of Multivariate Analysis 100).

The partial correlations of i and j > i given 0 .. i - 1 (a C-vine) are independent under it, each a beta distribution
with both shapes concentration + (d - 2 - i) / 2 stretched to (-1, 1); draws and the normalising constant come from
them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import digamma

from mcmix.distributions.family import Event, Family, Parameter, Support
from mcmix.distributions.matrices import inverse
from mcmix.distributions.mv_normal import log_root_determinant
from mcmix.kernels.events import cholesky

LOG_TWO = 0.6931471805599453
OFF_DIAGONAL = 1e-8  # how far from one the diagonal may be for rounding's sake

# Draws keep their partial correlations so far from 1: a matrix with rounded ones has no Cholesky factor.
NEAREST_TO_ONE = 1e-10


def prepare(concentration, dimension, unused, d, work):  # type: ignore[no-untyped-def]
    """Log of the normalising constant: a beta function for each partial correlation (equations 11 and 16)."""
    constant = 0.0
    for i in range(d - 1):
        # d - 1 - i partial correlations given i others. Each is beta(shape, shape) on (-1, 1), with constant 2**(2
        # shape - 1) B(shape, shape).
        shape = concentration[0] + 0.5 * (d - 2 - i)
        each = (2.0 * shape - 1.0) * LOG_TWO + 2.0 * math.lgamma(shape) - math.lgamma(2.0 * shape)
        constant -= (d - 1 - i) * each
    work[2 * d * d] = constant if concentration[0] > 0.0 and dimension[0] == d else math.nan


def logpdf(x, concentration, dimension, unused, d, work):  # type: ignore[no-untyped-def]
    """(concentration - 1) log|R|, with respect to the entries below the diagonal."""
    logs = cholesky(x, work, d)
    if not (logs == logs and work[2 * d * d] == work[2 * d * d]):
        return -math.inf
    for i in range(d):
        if abs(x[i * d + i] - 1.0) > OFF_DIAGONAL:
            return -math.inf
    return work[2 * d * d] + 2.0 * (concentration[0] - 1.0) * logs


def score(x: Any, concentration: Any, dimension: Any) -> tuple[Any, ...]:
    """Derivatives by value, as if all its entries could change, and by concentration."""
    d = x.shape[-1]
    constant: Any = 0.0
    for i in range(d - 1):
        shape = concentration + 0.5 * (d - 2 - i)
        constant = constant + (d - 1 - i) * 2.0 * (LOG_TWO + digamma(shape) - digamma(2.0 * shape))
    by_value = (concentration - 1.0)[..., None, None] * inverse(x)
    return by_value, 2.0 * log_root_determinant(x) - constant, 0.0


def from_partial(partial: np.ndarray, rest: np.ndarray, d: int) -> np.ndarray:
    """Correlation matrices from the partial correlations of a C-vine.

    Parameters
    ----------
    partial, rest : ndarray, shape (..., d (d - 1) / 2)
        Partial correlations p of i and j < i given 0 .. j - 1, row by row, and the roots of 1 - p**2.
    d : int

    Returns
    -------
    ndarray, shape (..., d, d)
    """
    factor = factor_from_partial(partial, rest, d)
    found = factor @ np.swapaxes(factor, -1, -2)
    diagonal = np.arange(d)
    found[..., diagonal, diagonal] = 1.0
    return np.asarray(found)


def factor_from_partial(partial: np.ndarray, rest: np.ndarray, d: int) -> np.ndarray:
    """The lower Cholesky factors of the same: rows of length one."""
    below = np.tril_indices(d, -1)
    factor = np.zeros((*partial.shape[:-1], d, d))
    factor[..., below[0], below[1]] = partial
    lengths = np.ones(factor.shape)
    lengths[..., below[0], below[1]] = rest
    left = np.ones(factor.shape)
    left[..., 1:] = np.cumprod(lengths, axis=-1)[..., :-1]
    diagonal = np.arange(d)
    factor[..., diagonal, diagonal] = 1.0
    return np.asarray(factor * left)


def draw(rng: np.random.Generator, size: Any, concentration: Any, dimension: Any) -> np.ndarray:
    """Draws by independent partial correlations (the vine method of section 2).

    Examples
    --------
    >>> found = draw(np.random.default_rng(1), (20000, 3, 3), 2.0, 3)
    >>> float((found[:, 0, 1] ** 2).mean().round(2))  # a beta(2.5, 2.5) distribution on (-1, 1) has variance 1 / 6
    0.17
    """
    batch, d = tuple(size)[:-2], tuple(size)[-1]
    columns = np.tril_indices(d, -1)[1]
    shape = np.asarray(concentration, float)[..., None] + 0.5 * (d - 2 - columns)
    shape = np.broadcast_to(shape, (*batch, len(columns)))
    end = 1.0 - NEAREST_TO_ONE
    partial = np.clip(2.0 * rng.beta(shape, shape) - 1.0, -end, end)
    return from_partial(partial, np.sqrt((1.0 - partial) * (1.0 + partial)), d)


LKJ = Family(
    name="LKJ",
    parameters=(Parameter("concentration", "positive"), Parameter("dimension", "count")),
    support=Support(correlation=True),
    draw=draw,
    event=Event(prepare, logpdf),
    score=score,
    event_ndim=2,
    dimension="dimension",
    summary=(
        "Distribution of correlation matrices R with `dimension` rows (a known whole number): density proportional to"
        " ``|R|**(concentration - 1)``, so that 1 is uniform and more draws towards the identity; each correlation is a"
        " beta distribution with both shapes concentration + dimension / 2 - 1, stretched to (-1, 1). "
        "With scales s beside it,"
        " ``s[:, None] * R * s[None, :]`` is a covariance."
    ),
)
