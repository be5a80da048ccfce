"""Few rows with weights in the place of many: what the log likelihood, labels summed out, needs of them.

That is sums over rows of functions of a row. Of equal values one stands for all, exactly. Of different ones, each bin's
points are replaced by the nodes and weights of the Gauss quadrature of their own distribution, which keep the sum of
every polynomial of degree 2 q - 1 over the bin, and so that of a smooth function to rounding: Golub and Welsch (1969),
"Calculation of Gauss quadrature rules"; the idea of likelihood-preserving summaries is that of DuMouchel and others
(1999), "Squashing flat files flatter".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.kernels.bins import STEPS

ORDER = 6  # nodes of a bin: 12 moments
SAMPLE = 512  # entries that are looked at to see whether values are tied
ROWS_OF_A_VALUE = 4  # on average, from which on one value stands for them
MOST_VALUES = 4096
LEAST = 1e-12  # of a row: lighter nodes are rounding
GONE = 1e-12  # mean square of a monic polynomial on a bin of width two, from which down it vanishes on its points
FLAT = 1e-13  # a squared norm, beside the one before, below which a bin's points are exhausted


@dataclass(frozen=True)
class WeightedRows:
    """Values, and how many rows each stands for.

    Attributes
    ----------
    values : ndarray, shape (rows,) or (rows, 2)
    weights : ndarray, shape (rows,)
        Negative ones may be among them where rows are points of the plane.
    exact : bool
        Whether they are the data's distinct values: sums of any function are kept.
    on_disk : OnDisk or None
        All rows, where these are but some of them.
    """

    values: np.ndarray
    weights: np.ndarray
    exact: bool
    on_disk: Any = None

    @property
    def n_rows(self) -> int:
        """Number of weighted rows."""
        return len(self.values)


def distinct(x: np.ndarray, weights: np.ndarray | None = None) -> WeightedRows:
    """The distinct values of a column and how often each stands there, or how much weight they have together.

    Examples
    --------
    >>> rows = distinct(np.array([2.0, 0.0, 2.0]))
    >>> rows.values.tolist(), rows.weights.tolist()
    ([0.0, 2.0], [1.0, 2.0])
    """
    values, places, counts = np.unique(x, return_inverse=True, return_counts=True)
    counts = counts if weights is None else np.bincount(places, weights)
    return WeightedRows(values.astype(float), counts.astype(float), True)


def few_values(x: np.ndarray, discrete: bool) -> np.ndarray | None:
    """The distinct values of a column, ascending, where they are few beside its entries, else None.

    Of reals some are looked at first: a column without ties is not sorted.

    Examples
    --------
    >>> few_values(np.array([3, 1, 1, 3, 1, 3, 3, 1]), True)
    array([1., 3.])
    """
    some = x[:: max(1, len(x) // SAMPLE)]
    if not discrete and 2 * len(np.unique(some)) > len(some):
        return None
    found = np.unique(x).astype(float)
    return found if len(found) <= min(len(x) // ROWS_OF_A_VALUE, MOST_VALUES) else None


def quadrature(x: np.ndarray, width: float, order: int = ORDER, weights: np.ndarray | None = None) -> WeightedRows:
    """Nodes and weights of the Gauss quadrature of each bin's points.

    Parameters
    ----------
    x : ndarray, shape (N,)
        In any order, finite.
    width : float
        Of a bin.
    order : int
        Most nodes of a bin; bins with no more points stay as they are.
    weights : ndarray, shape (N,), optional
        How many rows each stands for.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=10_000)
    >>> rows = quadrature(x, 0.5)
    >>> rows.n_rows < 100, bool(abs((rows.weights * np.sin(rows.values)).sum() - np.sin(x).sum()) < 1e-8)
    (True, True)
    """
    weights = np.ones(len(x)) if weights is None else weights
    bins = np.floor((x - x.min()) / width).astype(np.int64)
    present, bins, counts = np.unique(bins, return_inverse=True, return_counts=True)
    few = counts <= order
    alone = few[bins]
    if alone.all():
        return WeightedRows(x.astype(float), weights, False)
    renumbered = np.cumsum(~few) - 1
    inside = ~alone
    nodes, shares = _gauss(x[inside], weights[inside], renumbered[bins[inside]], width, order)
    return WeightedRows(np.concatenate([x[alone], nodes]), np.concatenate([weights[alone], shares]), False)


def _gauss(x: np.ndarray, weights: np.ndarray, bins: np.ndarray, width: float, order: int) -> tuple[np.ndarray, ...]:
    """Nodes and weights of all bins at once: a three-term recurrence of polynomials orthogonal on each bin's points."""
    counts = np.bincount(bins, weights)
    centre = np.bincount(bins, weights * x) / counts
    t = (x - centre[bins]) / width
    before, now, norm, previous = np.zeros_like(t), np.ones_like(t), counts, counts
    matrix = np.zeros((len(counts), order, order))
    live = np.ones((len(counts), order), dtype=bool)
    for k in range(order):
        diagonal = np.bincount(bins, weights * t * now * now) / norm
        matrix[:, k, k] = np.where(live[:, k], diagonal, 0.0)
        if k + 1 == order:
            break
        side = 0.0 if k == 0 else (norm / previous)[bins]
        after = (t - diagonal[bins]) * now - side * before
        found = np.bincount(bins, weights * after * after)
        # Points of few distinct values have that many nodes; beyond, what is left is rounding.
        live[:, k + 1] = live[:, k] & (found > FLAT * norm)
        ratio = np.where(live[:, k + 1], found / norm, 0.0)
        matrix[:, k, k + 1] = matrix[:, k + 1, k] = np.sqrt(ratio)
        previous, norm = norm, np.where(live[:, k + 1], found, 1.0)
        before, now = now, np.where(live[:, k + 1][bins], after, 0.0)
    places, shares = _nodes(matrix, counts)
    kept = shares > LEAST
    return (centre[:, None] + width * places)[kept], shares[kept]


def _nodes(matrix: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss quadratures from matrices of recurrences: Golub and Welsch (1969)."""
    places, vectors = np.linalg.eigh(matrix)
    return places, vectors[:, 0, :] ** 2 * counts[:, None]


def from_moments(moments: np.ndarray, low: float, width: float, order: int = ORDER) -> WeightedRows:
    """Nodes and weights of the Gauss quadrature of each bin's points, of which moments alone are known.

    Parameters
    ----------
    moments : ndarray, shape (bins, 2 order)
        Sums over each bin's points of monic Legendre polynomials on the bin, as :mod:`mcmix.kernels.bins` adds them up.
    low, width : float
        Where the first bin begins, and how wide each is.
    order : int
        Nodes of a bin.

    Notes
    -----
    The modified Chebyshev algorithm (Gautschi 2004, "Orthogonal Polynomials: Computation and Approximation", section
    2.1.7), which is well-conditioned where points are spread over the bin; where they are so few that the next
    polynomial vanishes on them, there are no more nodes.
    """
    present = np.flatnonzero(moments[:, 0] > 0.0)
    nu = moments[present] / moments[present, :1]
    steps = STEPS[: 2 * order]
    matrix = np.zeros((len(present), order, order))
    live, before, now = np.ones(len(present), bool), np.zeros_like(nu), nu
    matrix[:, 0, 0] = nu[:, 1]
    beta = np.ones(len(present))
    for k in range(1, order):
        after = np.zeros_like(nu)
        last, at = 2 * order - k, slice(k, 2 * order - k)
        after[:, at] = now[:, k + 1 : last + 1] - matrix[:, k - 1, k - 1, None] * now[:, at]
        after[:, at] += steps[at] * now[:, k - 1 : last - 1] - (beta[:, None] * before[:, at] if k > 1 else 0.0)
        live = live & (after[:, k] > GONE)
        norm = np.where(live, after[:, k], 1.0)
        beta = norm / np.where(live, now[:, k - 1], 1.0)
        own = after[:, k + 1] / norm - now[:, k] / np.where(live, now[:, k - 1], 1.0)
        matrix[:, k, k] = np.where(live, own, 0.0)
        matrix[:, k, k - 1] = matrix[:, k - 1, k] = np.where(live, np.sqrt(beta), 0.0)
        before, now = now, after
    places, shares = _nodes(matrix, moments[present, 0])
    kept = shares > LEAST
    return WeightedRows((low + width * (present[:, None] + 0.5 * (places + 1.0)))[kept], shares[kept], False)


__all__ = ["ORDER", "SAMPLE", "WeightedRows", "distinct", "few_values", "from_moments", "quadrature"]
