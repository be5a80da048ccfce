"""PyMC 2's nodes made from data: a distribution estimated from draws, and data with gaps as one node for each entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.missing import missing_entries
from mcmix.nodes.node import shape_of
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.stochastic import Stochastic


def stochastic_from_data(
    name: str,
    data: Any,
    lower: float = -np.inf,
    upper: float = np.inf,
    value: Any = None,
    observed: bool = False,
    trace: bool = True,
    verbose: int = -1,
    debug: bool = False,
) -> Stochastic:
    """A random number whose density is a kernel estimate from data: the posterior of one study as the next one's prior.

    Parameters
    ----------
    name : str
    data : array_like, shape (n,)
        Draws, such as a trace.
    lower, upper : float
        The density is cut there, and what is left has mass one.
    value, observed, trace, verbose : optional
        As for every distribution.
    debug : optional
        Accepted for PyMC 2's sake.

    Raises
    ------
    ModelError
        If the data are no vector of two different finite numbers or more, or lie outside the bounds.

    Examples
    --------
    >>> import numpy as np, mcmix.pymc2 as pymc
    >>> earlier = np.random.RandomState(1).normal(3.0, 1.0, 500)
    >>> mu = pymc.stochastic_from_data("mu", earlier, lower=0.0, value=2.5)
    >>> bool(abs(mu.logp - pymc.normal_like(2.5, 3.0, 1.0)) < 0.2)
    True
    """
    from scipy.stats import gaussian_kde

    draws = np.asarray(as_numbers(name, data), dtype=float)
    if draws.ndim != 1 or np.unique(draws).size < 2 or not np.isfinite(draws).all():
        raise ModelError(f"{name}: expected a vector of finite numbers, not all alike, got shape {draws.shape}")
    density = gaussian_kde(draws)
    mass = float(density.integrate_box_1d(lower, upper))
    if not mass > 1e-6:
        raise ModelError(f"{name}: expected data between the bounds {lower} and {upper}, got {draws.min():g} to "
                         f"{draws.max():g}")  # fmt: skip

    def logp(value: Any) -> Any:
        if np.any(np.less(value, lower) | np.greater(value, upper)):
            return -np.inf
        return np.sum(density.logpdf(np.ravel(value))) - np.size(value) * np.log(mass)

    def random(rng: np.random.Generator) -> Any:
        while True:
            found = float(density.resample(1, seed=rng)[0, 0])
            if lower <= found <= upper:
                return found

    return Stochastic(logp, "kernel density estimate", name, {}, random, trace, value, float, observed=observed,
                      verbose=verbose)  # fmt: skip


def Impute(name: str, dist_class: Any, imputable: Any, **parents: Any) -> np.ndarray:  # noqa: N802  (PyMC 2's name)
    """One node for each entry of data: those that are there observed, those that are missing unknown.

    ``dist_class(name, ..., value=masked, observed=True)`` is one node for all of them, and much faster.

    Parameters
    ----------
    name : str
        Entries are called ``name[0]``, ``name[1]`` ...
    dist_class : distribution class
        Of single numbers.
    imputable : array_like
        Data; masked, None and NaN where missing.
    **parents
        By keyword; those of the data's shape are taken entry by entry.

    Returns
    -------
    ndarray of nodes, of the data's shape

    Examples
    --------
    >>> import mcmix.pymc2 as pymc
    >>> rate = pymc.Exponential("rate", 1.0, value=2.0)
    >>> y = pymc.Impute("y", pymc.Poisson, [3, None, 4], mu=rate)
    >>> [node.observed for node in y], y[1].name
    ([True, False, True], 'y[1]')
    """
    values = as_numbers(name, imputable)
    missing = missing_entries(name, values)
    missing = np.zeros(np.shape(values), dtype=bool) if missing is None else missing
    nodes = np.empty(np.shape(values), dtype=object)
    for place in np.ndindex(*nodes.shape):
        given: dict[str, Any] = {k: _entry(p, place, nodes.shape) for k, p in parents.items()}
        if not missing[place]:
            given |= {"value": np.ma.getdata(values)[place], "observed": True}
        nodes[place] = dist_class(f"{name}[{', '.join(map(str, place))}]", **given)
    return nodes


def _entry(parent: Any, place: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """What of a parent belongs to one entry."""
    if shape_of(parent) != shape or isinstance(parent, Mapping):
        return parent
    if isinstance(parent, (list, tuple)):
        parent = np.array([*parent], dtype=object) if len(shape) == 1 else np.asarray(parent)
    return parent[place if len(place) > 1 else place[0]]


__all__ = ["Impute", "stochastic_from_data"]
