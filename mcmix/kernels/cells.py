"""What each node of a cell stands for: sums of Lagrange polynomials over the cells' points."""

from __future__ import annotations

import numpy as np

from mcmix.kernels.base import inline, kernel


@inline
def _polynomials(t, nodes, barycentric, out):
    """All Lagrange polynomials at a place, by the barycentric formula; at a node, one of them is 1."""
    total = 0.0
    for a in range(nodes.size):
        if t == nodes[a]:
            for b in range(nodes.size):
                out[b] = 1.0 if a == b else 0.0
            return
        out[a] = barycentric[a] / (t - nodes[a])
        total += out[a]
    for a in range(nodes.size):
        out[a] /= total


@kernel
def add_lagrange_weights(x, low, widths, cells, nodes, barycentric, out):
    """Add the points (n, 2) of each cell to the weights of its nodes, out (cells, q, q).

    Cells are numbered by point, -1 for points that belong to none; nodes lie on (-1, 1), which is stretched to a cell.
    """
    q = nodes.size
    first, second = np.empty(q), np.empty(q)
    for i in range(x.shape[0]):
        cell = cells[i]
        if cell < 0:
            continue
        for axis in range(2):
            place = (x[i, axis] - low[axis]) / widths[axis]
            t = 2.0 * (place - np.floor(place)) - 1.0
            _polynomials(t, nodes, barycentric, first if axis == 0 else second)
        for a in range(q):
            for b in range(q):
                out[cell, a, b] += first[a] * second[b]


__all__ = ["add_lagrange_weights"]
