"""Dirichlet: a full simplex of K weights from K concentrations.

Weights live as logs wherever concentrations may be tiny: a gamma draw with shape 1e-5 is almost always an exact zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from mcmix.distributions.bounds import known
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import SMALLEST, on_simplex, plain


def expression(x: Any, concentration: Any) -> Any:
    """Log density of each simplex (last axis K), with respect to its first K - 1 entries.

    Plain arrays are checked; a zero weight is right there too, and in data whose concentration is unknown. Symbolic
    weights must lie inside.
    """
    if isinstance(x, np.ndarray) and isinstance(concentration, np.ndarray):
        return _checked(x, concentration)
    values = known(x)
    if isinstance(values, np.ndarray) and np.any(values == 0.0):
        return np.sum(_at_ends(values, concentration), axis=-1) + _constant(concentration)
    return np.sum((concentration - 1.0) * np.log(x), axis=-1) + _constant(concentration)


def _at_ends(x: np.ndarray, concentration: Any) -> Any:
    """Logs of the powers of known weights, some of them zero: see `times_log`."""
    logs = np.log(np.where(x > 0.0, x, 1.0))
    return np.where(x > 0.0, (concentration - 1.0) * logs, np.where(np.equal(concentration, 1.0), 0.0, -np.inf))


def _constant(concentration: Any) -> Any:
    """Log of one over the integral of the powers."""
    return gammaln(np.sum(concentration, axis=-1)) - np.sum(gammaln(concentration), axis=-1)


def _checked(x: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    """Log density, minus infinity where the weights or concentrations are not what they must be."""
    proper = np.all((concentration > 0.0) & (concentration < np.inf), axis=-1) & on_simplex(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.sum(_at_ends(x, concentration), axis=-1) + _constant(concentration)
    return np.where(proper & ~np.isnan(density), density, -np.inf)


def draw_log(rng: np.random.Generator, size: Any, concentration: Any) -> np.ndarray:
    """Draw weights as logs, right for concentrations of any smallness.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int, tuple or None
        Shape of the answer, its last axis the K weights; None for that of the concentration.
    concentration : array_like
        Broadcast against `size`.

    Notes
    -----
    A gamma variable with shape a is one with shape a + 1 times a uniform to the power 1/a (Marsaglia and Tsang, 2000,
    "A simple method for generating gamma variables"), and minus the log of a uniform is a standard exponential.
    """
    shape = np.maximum(plain(concentration), SMALLEST)
    shape = shape if size is None else np.broadcast_to(shape, size)
    logs = np.log(rng.standard_gamma(shape + 1.0)) - rng.standard_exponential(shape.shape) / shape
    logs = logs - np.max(logs, axis=-1, keepdims=True)  # logs may be huge: the sum is exact about the largest
    return np.asarray(logs - logsumexp(logs, axis=-1, keepdims=True))


def draw(rng: np.random.Generator, size: Any, concentration: Any) -> np.ndarray:
    """Drawn weights; sizes as in :func:`draw_log`. Weights below the smallest double are zero."""
    return np.asarray(np.exp(draw_log(rng, size, concentration)))


DIRICHLET = Family(
    name="Dirichlet",
    parameters=(Parameter("concentration", "positive vector", alias="theta"),),
    support=Support(0.0, 1.0, simplex=True),
    draw=draw,
    expression=expression,
    event_ndim=1,
    summary=(
        "Dirichlet distribution of K weights that sum to 1, density proportional to the product of "
        "w**(concentration - 1)."
    ),
)
