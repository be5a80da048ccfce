"""The cheapest permutation of each draw, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import linear_sum_assignment

from mcmix.report.labels.components import BLOCK

FORBIDDEN = 1e12  # times the largest cost: never chosen while another permutation is left


def assigned(costs: np.ndarray, forbidden: np.ndarray) -> np.ndarray:
    """The permutation with the least total cost for each of several draws.

    Parameters
    ----------
    costs : ndarray, shape (draws, K, K)
        Of giving component k the name j.
    forbidden : ndarray of bool, shape (K, K)

    Returns
    -------
    ndarray of int, shape (draws, K)
        Which component gets name j.

    Notes
    -----
    Where the cheapest name of every component is a different one, that is the answer; else SciPy's solver of the
    assignment problem (Crouse 2016).

    Examples
    --------
    >>> assigned(np.array([[[1.0, 0.0], [0.5, 1.0]]]), np.zeros((2, 2), bool)).tolist()
    [[1, 0]]
    """
    barred = np.where(forbidden, FORBIDDEN * max(1.0, float(np.abs(costs).max(initial=0.0))), costs)
    names = barred.argmin(axis=2)
    n = costs.shape[1]
    plain = (np.sort(names, axis=1) == np.arange(n)).all(axis=1)
    for s in np.flatnonzero(~plain):
        names[s] = linear_sum_assignment(barred[s])[1]
    return np.argsort(names, axis=1)


def over_blocks(costs_of: Callable[[slice], np.ndarray], n_draws: int, forbidden: np.ndarray) -> np.ndarray:
    """Permutations of all draws, some at a time: the costs of all never stand side by side."""
    slices = [slice(start, min(start + BLOCK, n_draws)) for start in range(0, n_draws, BLOCK)]
    return np.concatenate([assigned(costs_of(part), forbidden) for part in slices])


def one_by_one(tables: Iterator[np.ndarray], forbidden: np.ndarray) -> np.ndarray:
    """Permutations of draws whose costs come one after another."""
    return np.concatenate([assigned(costs[None], forbidden) for costs in tables])


def names_of(permutations: np.ndarray) -> np.ndarray:
    """New name of each old component: the inverse permutations."""
    return np.argsort(permutations, axis=1)


__all__ = ["assigned", "names_of", "one_by_one", "over_blocks"]
