"""How many components there are, and the weights of as many: of arrays with room for more, the first K are in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import gammaln

from mcmix.distributions.dirichlet import draw_log
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import on_simplex, plain


def log_mass(x: Any, probabilities: Any) -> Any:
    """Log probability of x = 1, 2, .. components; plain numbers are checked."""
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities)
    if not isinstance(x, np.ndarray):
        return logs[x - 1]
    inside = (x >= 1) & (x <= probabilities.shape[-1]) & (x == np.floor(x))
    return np.where(inside, logs[np.where(inside, x, 1).astype(int) - 1], -np.inf)


def draw_number(rng: np.random.Generator, size: Any, probabilities: Any) -> np.ndarray:
    """Drawn numbers of components."""
    p = plain(probabilities)
    return np.asarray(rng.choice(np.arange(1, len(p) + 1), size=size, p=p / p.sum()))


def _has_mass(value: np.ndarray, known: Mapping[str, np.ndarray]) -> str | None:
    """The complaint about numbers that the prior rules out."""
    p = known.get("probabilities")
    if p is None or np.isfinite(log_mass(value, p)).all():
        return None
    possible = np.flatnonzero(p) + 1
    return f"expected a number of components with a prior probability, from {possible[0]} to {possible[-1]}, " + (
        f"got {np.ravel(value)[~np.isfinite(np.ravel(log_mass(value, p)))][0]:g}"
    )


def log_density(x: Any, concentration: Any, number: Any) -> Any:
    """Log density of weights of which `number` are in use: a symmetric Dirichlet distribution of these.

    Which of the places are in use does not enter for symbolic values, so that no place is told from another; plain ones
    are checked to be the first.
    """
    if all(isinstance(v, np.ndarray) for v in (x, concentration, number)):
        return _checked(x, concentration, number)
    return np.sum(_powers(x, concentration), axis=-1) + _constant(concentration, number)


def _powers(x: Any, concentration: Any) -> Any:
    """(concentration - 1) log w of the weights in use, 0 for the others."""
    with np.errstate(divide="ignore"):
        logs = np.log(x)
    inside = np.greater(logs, -np.inf)
    return np.where(inside, (concentration - 1.0) * np.where(inside, logs, 0.0), 0.0)


def _constant(concentration: Any, number: Any) -> Any:
    return gammaln(concentration * number) - number * gammaln(concentration)


def _checked(x: np.ndarray, concentration: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Log density, minus infinity where the weights or parameters are not what they must be."""
    places = np.arange(x.shape[-1])
    a, k = np.asarray(concentration)[..., None], np.asarray(number)[..., None]
    proper = on_simplex(x) & np.all((x == 0.0) | (places < k), axis=-1) & (concentration > 0.0)
    with np.errstate(all="ignore"):
        density = np.sum(_powers(x, a), axis=-1) + _constant(concentration, number)
    return np.where(proper & ~np.isnan(density), density, -np.inf)


def draw_weights(rng: np.random.Generator, size: Any, concentration: Any, number: Any) -> np.ndarray:
    """Drawn weights; `size` ends with the places, of which the first `number` (all, if there are fewer) get some."""
    shape = tuple(np.atleast_1d(size))
    found = np.zeros(shape)
    of_each = np.broadcast_to(plain(number), shape[:-1])
    concentrations = np.broadcast_to(plain(concentration), shape[:-1])
    for at in np.ndindex(shape[:-1]):
        k = min(int(of_each[at]), shape[-1])
        found[(*at, slice(k))] = np.exp(draw_log(rng, (k,), concentrations[at]))
    return found


NUMBER_OF_COMPONENTS = Family(
    name="NumberOfComponents",
    parameters=(Parameter("probabilities", "simplex"),),
    support=Support(lower=1.0, discrete=True),
    draw=draw_number,
    expression=log_mass,
    check_value=_has_mass,
    dtype=int,
    summary="Distribution of a number of components 1, 2, .., each with its own probability.",
)

COMPONENT_WEIGHTS = Family(
    name="ComponentWeights",
    parameters=(Parameter("concentration", "positive"), Parameter("number", "count")),
    support=Support(0.0, 1.0, simplex=True),
    draw=draw_weights,
    expression=log_density,
    event_ndim=1,
    summary="Symmetric Dirichlet distribution of the weights of an unknown number of components; others weigh nothing.",
)

__all__ = ["COMPONENT_WEIGHTS", "NUMBER_OF_COMPONENTS"]
