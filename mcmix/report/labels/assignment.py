"""The cheapest permutation of each draw, exactly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.optimize import linear_sum_assignment

from mcmix.report.labels.components import BLOCK

ON_THREADS = 64  # components from which a problem is worth a thread
MOST_THREADS = 8
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
    barred = costs
    if forbidden.any():
        barred = np.where(forbidden, FORBIDDEN * max(1.0, float(np.abs(costs).max(initial=0.0))), costs)
    names = barred.argmin(axis=2)
    n = costs.shape[1]
    hard = np.flatnonzero(~(np.sort(names, axis=1) == np.arange(n)).all(axis=1))

    def solve(rows: np.ndarray) -> None:
        for s in rows:
            names[s] = linear_sum_assignment(barred[s])[1]

    if n < ON_THREADS or len(hard) < 2:
        solve(hard)
    else:  # the solver lets other threads run
        parts = np.array_split(hard, min(MOST_THREADS, os.cpu_count() or 1))
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(solve, parts))
    return np.argsort(names, axis=1)


def over_blocks(
    costs_of: Callable[[slice], np.ndarray], n_draws: int, forbidden: np.ndarray, level: bool = False
) -> np.ndarray:
    """Permutations of all draws, some at a time: the costs of all never stand side by side.

    With `level`, what the names of the first draws cost on top of each other is taken off everywhere: that changes no
    permutation, since all names are given in each, and leaves the solver less to do where some names are dear.
    """
    slices = [slice(start, min(start + BLOCK, n_draws)) for start in range(0, n_draws, BLOCK)]
    first = costs_of(slices[0])
    found = [assigned(first, forbidden)]
    dear = prices(first, found[0]) if level and len(slices) > 1 else np.zeros(len(forbidden))
    return np.concatenate([*found, *[assigned(costs_of(part) - dear, forbidden) for part in slices[1:]]])


def prices(costs: np.ndarray, order: np.ndarray) -> np.ndarray:
    """A price for each name at which, on average, every component is cheapest at the name that it has, shape (K,).

    The dual of the assignment problem of the mean costs in order: shortest paths by Bellman and Ford, from either end,
    and the middle between them.
    """
    mean = np.take_along_axis(costs, order[:, :, None], axis=1).mean(axis=0)
    dearer = mean - np.diag(mean)[:, None]
    low, high = np.zeros(len(mean)), np.zeros(len(mean))
    for _ in range(len(mean)):
        low = np.minimum(low, (low[:, None] + dearer).min(axis=0))
        high = np.maximum(high, (high - dearer).max(axis=1))
    return 0.5 * (low + high)


def one_by_one(tables: Iterator[np.ndarray], forbidden: np.ndarray) -> np.ndarray:
    """Permutations of draws whose costs come one after another."""
    return np.concatenate([assigned(costs[None], forbidden) for costs in tables])


def names_of(permutations: np.ndarray) -> np.ndarray:
    """New name of each old component: the inverse permutations."""
    return np.argsort(permutations, axis=1)


__all__ = ["assigned", "names_of", "one_by_one", "over_blocks", "prices"]
