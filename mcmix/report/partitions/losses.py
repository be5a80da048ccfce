"""Distances between partitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import comb, xlogy

from mcmix.errors import ModelError
from mcmix.kernels import partitions as kernels

GAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "binder": lambda n: n**2.0,
    "vi": lambda n: xlogy(n, n),
}


MOST_LOOKED_UP = 65_536  # from the least label to the greatest


def gain_of(loss: str, n: int) -> np.ndarray:
    """Values of g at 0 .. n, in the units of the loss: shares of pairs (Binder), nats (variation of information)."""
    if not isinstance(loss, str) or loss not in GAINS:
        raise ModelError(f"loss: expected one of {', '.join(map(repr, GAINS))}, got {loss!r}")
    scale = float(n) ** 2 if loss == "binder" else float(n)
    return GAINS[loss](np.arange(n + 2.0)) / scale


def compact(labels: np.ndarray) -> np.ndarray:
    """Labels renumbered from 0, so that tables are small: draw by draw where there are many different ones.

    Examples
    --------
    >>> compact(np.array([[5, 2, 5], [9, 9, 9]])).tolist()
    [[1, 0, 1], [2, 2, 2]]
    """
    found, n_values = _ranked(np.asarray(labels))
    if n_values > 256 and found.ndim == 2:
        found = np.stack([np.unique(row, return_inverse=True)[1] for row in found])
    return np.ascontiguousarray(found.astype(np.min_scalar_type(int(found.max()))))


def _ranked(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Each label's place among the different ones in their order, and how many these are."""
    whole = labels.dtype.kind in "iu" and labels.size > 0
    low, high = (int(labels.min()), int(labels.max())) if whole else (0, MOST_LOOKED_UP)
    if high - low < MOST_LOOKED_UP:  # no sorting of what may be billions
        seen = np.zeros(high - low + 1, dtype=bool)
        for row in labels.reshape(-1, labels.shape[-1]) if labels.ndim else labels[None]:
            seen[row - low] = True
        table = (np.cumsum(seen) - 1).astype(np.min_scalar_type(int(seen.sum())))
        same = low == 0 and seen.all() and labels.dtype == table.dtype
        return labels if same else table[labels - low], int(seen.sum())
    values, numbers = np.unique(labels, return_inverse=True)
    return numbers.reshape(labels.shape), len(values)


def distances(estimate: np.ndarray, labels: np.ndarray, loss: str) -> np.ndarray:
    """Distance of one partition to each of several.

    Parameters
    ----------
    estimate : ndarray of int, shape (N,)
    labels : ndarray of int, shape (S, N)
        From 0.
    loss : {"vi", "binder"}

    Returns
    -------
    ndarray, shape (S,)
        Variation of information in nats (Meila 2007); Binder's loss as the share of ordered pairs of units that are
        together in one partition and apart in the other.
    """
    k = max(int(labels.max()), int(estimate.max())) + 1
    out, table = np.zeros(len(labels)), np.zeros((k, k), dtype=np.int64)
    kernels.distances(estimate.astype(np.int64), labels, gain_of(loss, labels.shape[1]), table, out)
    return np.maximum(out, 0.0)  # rounding


def variation_of_information(first: np.ndarray, second: np.ndarray) -> float:
    """What two partitions do not know of each other, in nats: 0 where they are the same.

    Meila (2007), "Comparing clusterings: an information based distance".

    Examples
    --------
    >>> float(round(variation_of_information([0, 0, 1, 1], [1, 1, 0, 0]), 12))
    0.0
    >>> round(variation_of_information([0, 0, 0, 0], [0, 0, 1, 1]), 6)
    0.693147
    """
    one, other = _pair(first, second)
    return float(distances(one, other[None], "vi")[0])


def adjusted_rand(first: np.ndarray, second: np.ndarray) -> float:
    """Agreement of two partitions over pairs of units: 1 where they are the same, 0 on average by chance.

    Hubert and Arabie (1985), "Comparing partitions".

    Examples
    --------
    >>> adjusted_rand([0, 0, 1, 1], ["b", "b", "a", "a"])
    1.0
    """
    one, other = _pair(first, second)
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1.0)
    both, rows, columns = (comb(x, 2).sum() for x in (table, table.sum(1), table.sum(0)))
    expected, most = rows * columns / max(comb(one.size, 2), 1.0), 0.5 * (rows + columns)
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ModelError(f"expected two partitions of the same units, got shapes {one.shape} and {other.shape}")
    return compact(one), compact(other)


__all__ = ["adjusted_rand", "compact", "distances", "gain_of", "variation_of_information"]
