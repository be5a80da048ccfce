"""Cross products of rows, by label: known columns times known columns, added up in the pass that draws the labels."""

from __future__ import annotations

from mcmix.kernels.accumulators import REGROUPED, rows_of_units
from mcmix.kernels.base import floats, helper, inline, integers, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record, record_at
from mcmix.kernels.tiles import CELL, LABEL, PASS, SPARE, lane, scratch_of
from mcmix.kernels.vectors import _dot

# Tables of addresses of columns, and how many each has: a slope of a row meets those before it, itself, and what comes
# behind the slopes on the other side. For each label a matrix (left, right) of sums. Units of rows, and where each
# unit's rows start, where rows are not units.
CROSS_PRODUCTS = record("left", "n_left", "right", "n_right", "sums", "units", "offsets")
MOST_MASKED = 12  # up to so many labels, masked sums beat scattered ones
WIDEST = 2 * TILE  # columns of a row that are held at once


@helper(REGROUPED)
def _weigh(weight, left, weighted, n):
    """Weighted rows of a column."""
    for i in range(n):
        weighted[i] = weight[i] * left[i]


@helper(REGROUPED)
def _four_dots(left, first, second, third, fourth, n):
    """Four at once, so that the left side is read once."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        a += left[i] * first[i]
        b += left[i] * second[i]
        c += left[i] * third[i]
        d += left[i] * fourth[i]
    return a, b, c, d


@inline
def _add_dots(sums, weighted, rights, start, end, row, n):
    """Add the products of one weighted column with those from `start` to `end`."""
    u = start
    while u + 3 < end:
        a, b, c, d = _four_dots(
            weighted,
            floats(rights[u] + 8 * row, n),
            floats(rights[u + 1] + 8 * row, n),
            floats(rights[u + 2] + 8 * row, n),
            floats(rights[u + 3] + 8 * row, n),
            n,
        )
        sums[u] += a
        sums[u + 1] += b
        sums[u + 2] += c
        sums[u + 3] += d
        u += 4
    while u < end:
        sums[u] += _dot(weighted, floats(rights[u] + 8 * row, n), n)
        u += 1


@inline
def _add_weighted(own, k, weight, weighted, row, n):
    """Add n rows, each with its weight, to the sums of label k."""
    p, q = own.n_left, own.n_right
    lefts, rights = integers(own.left, p), integers(own.right, q)
    for t in range(p):
        _weigh(weight, floats(lefts[t] + 8 * row, n), weighted, n)
        sums = floats(own.sums + 8 * (k * p + t) * q, q)
        _add_dots(sums, weighted, rights, 0, t + 1, row, n)
        _add_dots(sums, weighted, rights, p, q, row, n)


@inline
def _scatter(own, label, x, row, n):
    """Add n rows, each to the sums of its own label."""
    p, q = own.n_left, own.n_right
    lefts, rights = integers(own.left, p), integers(own.right, q)
    for i in range(n):
        place = 8 * (row + i)
        for u in range(q):
            x[u] = floats(rights[u] + place, 1)[0]
        sums = floats(own.sums + 8 * int(label[i]) * p * q, p * q)
        for t in range(p):
            slope = floats(lefts[t] + place, 1)[0]
            for u in range(t + 1):
                sums[t * q + u] += slope * x[u]
            for u in range(p, q):
                sums[t * q + u] += slope * x[u]


@inline
def _add(task, own, label, row, n):
    """Add n rows of known labels."""
    spare = lane(task, SPARE)
    if task.labels > MOST_MASKED and own.n_right <= WIDEST:
        _scatter(own, label, spare, row, n)
        return
    # Rows of other labels weigh nothing: without branches, and so in vector instructions.
    for k in range(task.labels):
        for i in range(n):
            spare[i] = 1.0 if label[i] == k else 0.0
        _add_weighted(own, k, spare, spare[TILE:], row, n)


@inline
def _of_rows(own, by_unit, first, row, n, found):
    """What stands for units of a tile, for each of n rows."""
    units = integers(own.units, row + n)
    for i in range(n):
        found[i] = by_unit[units[row + i] - first]


@tile_of(PASS)
def add_cross_products(told, words, first, m):
    """Cross products of the rows of m units."""
    task, own = record_at(words, PASS), record_at(told, CROSS_PRODUCTS)
    label, cell = lane(task, LABEL), lane(task, CELL)
    start, end = rows_of_units(own, first, m)
    while start < end:
        n = min(TILE, end - start)
        if own.offsets == 0:
            _add(task, own, label, start, n)
        else:
            _of_rows(own, label, first, start, n, cell)
            _add(task, own, cell, start, n)
        start += n
    return 0


@tile_of(PASS)
def expect_cross_products(told, words, first, m):
    """Expected cross products of the rows of m units."""
    task, own = record_at(words, PASS), record_at(told, CROSS_PRODUCTS)
    shares, spare = scratch_of(task), lane(task, SPARE)
    start, end = rows_of_units(own, first, m)
    while start < end:
        n = min(TILE, end - start)
        for k in range(task.labels):
            weight = shares[k * TILE :]
            if own.offsets == 0:
                _add_weighted(own, k, weight, spare[TILE:], start, n)
            else:
                _of_rows(own, weight, first, start, n, spare)
                _add_weighted(own, k, spare, spare[TILE:], start, n)
        start += n
    return 0


__all__ = ["CROSS_PRODUCTS", "add_cross_products", "expect_cross_products"]
