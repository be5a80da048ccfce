"""Rows of vectors in the pass: whitening once per component and sweep, squared distances tile by tile.

Data stand column by column, (D, rows), about a fixed shift. With W the whitening matrix of a component (W' W is its
precision, W triangular) and c = -W (mean - shift), a row's squared distance is |W x + c|^2. Nothing of size rows x
components x D is ever made.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import helper, inline
from mcmix.kernels.events import cholesky
from mcmix.kernels.machine import TILE

BY_PRECISION, BY_COVARIANCE, BY_FACTOR = range(3)
HALF_LOG_TWO_PI = 0.9189385332046727


def table_size(n_labels: int, d: int) -> int:
    """Doubles for whitening matrices, offsets and constants of all components, and workspace for one."""
    return n_labels * (d * d + d + 1) + d * d


@inline
def _inverted(factor, inverse, d):
    """Inverse of a lower triangular matrix; entries above the diagonal are zero."""
    for j in range(d):
        for i in range(d):
            entry = 1.0 if i == j else 0.0
            if i >= j:
                for m in range(j, i):
                    entry -= factor[i * d + m] * inverse[m * d + j]
                inverse[i * d + j] = entry / factor[i * d + i]
            else:
                inverse[i * d + j] = 0.0


@inline
def whiten(kind, mean, matrix, shift, whitening, offset, work, d):
    """Fill W and c of one component; returns the log density at its mean (minus infinity without a Cholesky factor)."""
    if kind == BY_FACTOR:
        logs = 0.0
        for i in range(d):
            for j in range(d):
                work[i * d + j] = matrix[i * d + j]
            logs += math.log(matrix[i * d + i]) if matrix[i * d + i] > 0.0 else math.nan
    else:
        logs = cholesky(matrix, work, d)
    if logs != logs:
        for i in range(d * d):
            whitening[i] = 0.0
        for i in range(d):
            offset[i] = 0.0
        return -math.inf
    if kind == BY_PRECISION:
        for i in range(d):
            for j in range(d):
                # P = L L': W = L', and W' W = P.
                whitening[i * d + j] = work[j * d + i] if j >= i else 0.0
    else:
        # S = L L': W = L**-1, W' W = S**-1, and log |W| = -log |L|.
        _inverted(work, whitening, d)
        logs = -logs
    for i in range(d):
        total = 0.0
        for j in range(d):
            total -= whitening[i * d + j] * (mean[j] - shift[j])
        offset[i] = total
    # log |W| - d / 2 log(2 pi): the log density where W x + c = 0.
    return logs - d * HALF_LOG_TWO_PI


@helper({"contract", "reassoc", "nsz"})
def _add_products(y, whitening, columns, rows, row, start, end, n):
    """Y += sum over columns of weight times column, four columns at a time."""
    i = start
    while i + 3 < end:
        a, b, c, e = whitening[i], whitening[i + 1], whitening[i + 2], whitening[i + 3]
        first, second = columns[i * rows + row :], columns[(i + 1) * rows + row :]
        third, fourth = columns[(i + 2) * rows + row :], columns[(i + 3) * rows + row :]
        for r in range(n):
            y[r] += a * first[r] + b * second[r] + c * third[r] + e * fourth[r]
        i += 4
    while i < end:
        a, first = whitening[i], columns[i * rows + row :]
        for r in range(n):
            y[r] += a * first[r]
        i += 1


@inline
def add_vector_logs(kind, out, columns, rows, row, n, whitening, offset, constant, y, distance, d):
    """Add the log densities of n rows under one component to `out`."""
    for r in range(n):
        distance[r] = 0.0
    for i in range(d):
        for r in range(n):
            y[r] = offset[i]
        start, end = (i, d) if kind == BY_PRECISION else (0, i + 1)
        _add_products(y, whitening[i * d :], columns, rows, row, start, end, n)
        for r in range(n):
            distance[r] += y[r] * y[r]
    for r in range(n):
        out[r] += constant - 0.5 * distance[r]


@inline
def add_row_products(columns, rows, row, sums, squares, x, d):
    """Add one row to a cell's sums and (lower triangle of) products."""
    for i in range(d):
        x[i] = columns[i * rows + row]
        sums[i] += x[i]
    for i in range(d):
        left = x[i]
        for j in range(i + 1):
            squares[i * d + j] += left * x[j]


@helper({"contract", "reassoc", "nsz"})
def _dot(left, right, n):
    total = 0.0
    for r in range(n):
        total += left[r] * right[r]
    return total


@inline
def add_weighted_products(columns, rows, row, n, weight, weighted, sums, squares, d):
    """Add n weighted rows to one cell's sums and (lower triangle of) products."""
    for i in range(d):
        left = columns[i * rows + row :]
        for r in range(n):
            weighted[r] = weight[r] * left[r]
        total = 0.0
        for r in range(n):
            total += weighted[r]
        sums[i] += total
        for j in range(i + 1):
            squares[i * d + j] += _dot(weighted, columns[j * rows + row :], n)


@inline
def mirrored(squares, size, d):
    """Copy lower triangles to upper ones."""
    for k in range(size):
        for i in range(d):
            for j in range(i):
                squares[k * d * d + j * d + i] = squares[k * d * d + i * d + j]


__all__ = ["TILE", "add_row_products", "add_vector_logs", "add_weighted_products", "mirrored", "table_size", "whiten"]
