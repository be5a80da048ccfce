"""Few weighted points in the place of many points of the plane, cell by cell.

The sum of a smooth function over a cell's points is that of the polynomial through its values at nodes, so each node's
weight is the sum of its Lagrange polynomial over the points: Trefethen (2013), "Approximation theory and approximation
practice", chapters 4 and 5, for the nodes and the barycentric formula. Weights may be negative; sums of functions of a
row ask for no more. In one dimension `weighted_rows` needs fewer nodes for the same.
"""

from __future__ import annotations

import numpy as np

from mcmix.kernels.cells import add_lagrange_weights
from mcmix.structure.weighted_rows import WeightedRows

ORDER = 8  # nodes of a cell in each direction
NOTHING = 1e-12  # rows that a node stands for, from which on it counts


def nodes_of(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev nodes of the first kind on (-1, 1), and their barycentric weights."""
    angle = (2.0 * np.arange(order) + 1.0) * np.pi / (2.0 * order)
    return np.cos(angle), (-1.0) ** np.arange(order) * np.sin(angle)


def by_cells(x: np.ndarray, widths: np.ndarray, order: int = ORDER) -> WeightedRows:
    """Nodes and weights of the cells' points.

    Parameters
    ----------
    x : ndarray, shape (N, 2)
        Finite.
    widths : ndarray, shape (2,)
        Of a cell.
    order : int
        Nodes in each direction; points of cells with no more than all nodes stay as they are.

    Returns
    -------
    WeightedRows
        With values of shape (rows, 2).

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(100_000, 2))
    >>> rows = by_cells(x, np.array([1.0, 1.0]))
    >>> found, expected = (rows.weights * np.cos(rows.values).prod(1)).sum(), np.cos(x).prod(1).sum()
    >>> rows.n_rows < 5_000, bool(abs(found - expected) < 1e-4)
    (True, True)
    """
    low = x.min(0)
    places = np.floor((x - low) / widths).astype(np.int64)
    side = int(places[:, 1].max()) + 1
    keys, cells, counts = np.unique(places[:, 0] * side + places[:, 1], return_inverse=True, return_counts=True)
    many = counts > order * order
    if not many.any():
        return WeightedRows(np.asarray(x, dtype=float), np.ones(len(x)), False)
    renumbered = np.where(many, np.cumsum(many) - 1, -1)[cells]
    nodes, barycentric = nodes_of(order)
    shares = np.zeros((int(many.sum()), order, order))
    add_lagrange_weights(np.ascontiguousarray(x, dtype=float), low, widths, renumbered, nodes, barycentric, shares)
    corner = low + widths * np.column_stack(np.divmod(keys[many], side))
    within = 0.5 * widths * (nodes[:, None] + 1.0)
    first, second = (np.add.outer(corner[:, j], within[:, j]) for j in (0, 1))
    values = np.stack(np.broadcast_arrays(first[:, :, None], second[:, None, :]), axis=-1).reshape(-1, 2)
    weights, alone = shares.ravel(), renumbered < 0
    kept = np.abs(weights) > NOTHING
    return WeightedRows(
        np.concatenate([x[alone], values[kept]]), np.concatenate([np.ones(alone.sum()), weights[kept]]), False
    )


__all__ = ["ORDER", "by_cells", "nodes_of"]
