"""What a pass adds up, tile by tile: numbers of units, moments of columns about a shift, products of vectors.

All of it is sums, so memory alone says what zero, plus, minus and merging are (:mod:`mcmix.steps.accumulators`); a
kernel only adds the rows of a tile, each with weight one and in the cell of its label, or with its responsibilities.
"""

from __future__ import annotations

from mcmix.kernels.base import call, floats, helper, inline, integers, tile_of
from mcmix.kernels.gaps import GAPS, tile_at
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record_at, record_in
from mcmix.kernels.tiles import (
    ACCUMULATOR,
    CELL,
    COLUMN,
    FACTOR,
    LABEL,
    PASS,
    SPARE,
    lane,
    scratch_of,
)
from mcmix.kernels.vectors import add_row_products, add_weighted_products, mirrored

MOST_MASKED = 8  # up to so many cells, masked vector sums beat scattered ones
LEAST = 1e-300  # responsibilities up to it come from log densities more than 690 below the highest: they add nothing
REGROUPED = {"contract", "reassoc", "nsz"}  # sums may be regrouped into vectors


# -------------------------------------------------------------------- what the pass does with them


@inline
def clear(task):
    """Zero everything that the pass adds to."""
    for j in range(task.n_accumulators):
        one = record_in(task.accumulators, j, ACCUMULATOR)
        sums = floats(one.stretch, one.length)
        for i in range(one.length):
            sums[i] = 0.0


@inline
def collect(task, words, first, m):
    """Add a tile's units, whose labels are in their lane."""
    for j in range(task.n_accumulators):
        one = record_in(task.accumulators, j, ACCUMULATOR)
        call(one.add, (one.told, words, first, m))


@inline
def collect_weighted(task, words, first, m):
    """Add a tile's units, each under every label with its responsibility in the scratch."""
    for j in range(task.n_accumulators):
        one = record_in(task.accumulators, j, ACCUMULATOR)
        call(one.add_weighted, (one.told, words, first, m))


@inline
def finish(task):
    """Complete what is collected in part."""
    for j in range(task.n_accumulators):
        one = record_in(task.accumulators, j, ACCUMULATOR)
        if one.finish != 0:
            call(one.finish, (one.told, 0, 0, 0))


# -------------------------------------------------------------------- rows and cells


@inline
def rows_of_units(factor, first_unit, m):
    """First row and end of the rows that m units own."""
    if factor.offsets == 0:
        return first_unit, first_unit + m
    offsets = integers(factor.offsets, first_unit + m + 1)
    return offsets[first_unit], offsets[first_unit + m]


@inline
def cells_of(factor, label, cell, first_unit, m, row, n):
    """Cell number of each of n rows from `row` on, from the tile's labels and known groups."""
    stride = factor.stride
    if factor.offsets == 0:
        for i in range(n):
            cell[i] = label[i] * stride
    else:
        units = integers(factor.units, row + n)
        for i in range(n):
            cell[i] = label[units[row + i] - first_unit] * stride
    if factor.groups != 0:
        groups = floats(factor.groups, row + n)
        for i in range(n):
            cell[i] += groups[row + i]
    if factor.other != 0:
        other = floats(factor.other, first_unit + m)
        if factor.offsets == 0:
            for i in range(n):
                cell[i] += (other[row + i] - factor.other_lowest) * factor.other_stride
        else:
            units = integers(factor.units, row + n)
            for i in range(n):
                cell[i] += (other[units[row + i]] - factor.other_lowest) * factor.other_stride


# -------------------------------------------------------------------- numbers of units


@helper(REGROUPED)
def _masked_sums(cell, value, n, k):
    """Count, sum and sum of squares of the values whose cell is k."""
    # Without branches, so that it becomes vector instructions.
    count, total, squares = 0.0, 0.0, 0.0
    for i in range(n):
        inside = 1.0 if cell[i] == k else 0.0
        kept = inside * value[i]
        count += inside
        total += kept
        squares += kept * value[i]
    return count, total, squares


@tile_of(PASS)
def count_units(told, words, first, m):
    """Units by label."""
    task = record_at(words, PASS)
    label, counts = lane(task, LABEL), floats(task.counts, task.labels)
    if task.labels <= MOST_MASKED:
        for k in range(task.labels):
            count, _, _ = _masked_sums(label, label, m, k)
            counts[k] += count
    else:
        for i in range(m):
            counts[int(label[i])] += 1.0
    return 0


@tile_of(PASS)
def expect_units(told, words, first, m):
    """Expected units by label."""
    task = record_at(words, PASS)
    shares, counts = scratch_of(task), floats(task.counts, task.labels)
    for k in range(task.labels):
        weight = shares[k * TILE :]
        for i in range(m):
            counts[k] += weight[i]
    return 0


# -------------------------------------------------------------------- moments of columns


@inline
def _add_moments(factor, cell, centred, row, n):
    """Counts, sums and sums of squares of n rows, by cell."""
    size = factor.cells
    counts = floats(factor.counts, size)
    masked = size <= MOST_MASKED
    if not masked:
        for i in range(n):
            counts[int(cell[i])] += 1.0
    for j in range(factor.n_columns):
        column = record_in(factor.columns, j, COLUMN)
        data, shift = floats(column.values + 8 * row, n), floats(column.shift, 1)[0]
        sums = floats(column.sums, size)
        squares = floats(column.squares, size)
        for i in range(n):
            # About a shift near the data: S2 - S1**2 / n of values far from zero is a small difference of large
            # numbers.
            centred[i] = data[i] - shift
        if masked:
            for k in range(size):
                count, total, square = _masked_sums(cell, centred, n, k)
                if j == 0:
                    counts[k] += count
                sums[k] += total
                if column.squares != 0:
                    squares[k] += square
        else:
            for i in range(n):
                sums[int(cell[i])] += centred[i]
            if column.squares != 0:
                for i in range(n):
                    squares[int(cell[i])] += centred[i] * centred[i]


@tile_of(PASS)
def add_moments(told, words, first, m):
    """Moments of the rows of m units."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    label, cell, centred = lane(task, LABEL), lane(task, CELL), lane(task, SPARE)
    start, end = rows_of_units(factor, first, m)
    while start < end:
        n = min(TILE, end - start)
        cells_of(factor, label, cell, first, m, start, n)
        _add_moments(factor, cell, centred, start, n)
        start += n
    return 0


@helper(REGROUPED)
def _weighted_sums(weight, data, shift, n):
    """Sums of weights, weighted values about a shift, and weighted squares."""
    count, total, squares = 0.0, 0.0, 0.0
    for i in range(n):
        value = data[i] - shift
        count += weight[i]
        total += weight[i] * value
        squares += weight[i] * value * value
    return count, total, squares


@inline
def _expect_one_cell(factor, weight, k, row, n):
    """Weighted moments where all rows of a tile fall into one cell."""
    counts = floats(factor.counts, factor.cells)
    for j in range(factor.n_columns):
        column = record_in(factor.columns, j, COLUMN)
        data, shift = floats(column.values + 8 * row, n), floats(column.shift, 1)[0]
        count, total, squares = _weighted_sums(weight, data, shift, n)
        floats(column.sums + 8 * k, 1)[0] += total
        if column.squares != 0:
            floats(column.squares + 8 * k, 1)[0] += squares
        if j == 0:
            counts[k] += count


@inline
def _expect_moments(factor, weight, cell, first_unit, row, n):
    """Weighted moments of n rows, by cell."""
    if factor.offsets == 0 and factor.groups == 0 and factor.other == 0:
        _expect_one_cell(factor, weight, int(cell[0]), row, n)
        return
    size = factor.cells
    counts = floats(factor.counts, size)
    grouped = factor.offsets != 0
    units = integers(factor.units, row + n)
    for i in range(n):
        counts[int(cell[i])] += weight[units[row + i] - first_unit if grouped else i]
    for j in range(factor.n_columns):
        column = record_in(factor.columns, j, COLUMN)
        data, shift = floats(column.values + 8 * row, n), floats(column.shift, 1)[0]
        sums, squares = floats(column.sums, size), floats(column.squares, size)
        for i in range(n):
            w = weight[units[row + i] - first_unit if grouped else i]
            value = data[i] - shift
            sums[int(cell[i])] += w * value
            if column.squares != 0:
                squares[int(cell[i])] += w * value * value


@inline
def _same_label(label, k, m):
    """Every unit of the tile under label k."""
    for i in range(m):
        label[i] = k


@inline
def _nobody(weight, m):
    """Whether no unit of a tile belongs to a label: emptied components cost no sums."""
    for i in range(m):
        if not weight[i] <= LEAST:
            return False
    return True


@tile_of(PASS)
def expect_moments(told, words, first, m):
    """Expected moments of the rows of m units."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    shares, label, cell = scratch_of(task), lane(task, CELL), lane(task, SPARE)
    for k in range(task.labels):
        if _nobody(shares[k * TILE :], m):
            continue
        _same_label(label, k, m)
        start, end = rows_of_units(factor, first, m)
        while start < end:
            n = min(TILE, end - start)
            cells_of(factor, label, cell, first, m, start, n)
            _expect_moments(factor, shares[k * TILE :], cell, first, start, n)
            start += n
    return 0


# -------------------------------------------------------------------- products of vectors


@inline
def _vectors_at(factor, row):
    """Where rows of vectors from `row` on stand: columns, their length, and the place of the first row in them.

    Rows with gaps are read from the tile that was loaded last.
    """
    d, rows = factor.dimension, factor.rows
    if factor.gaps != 0:
        return tile_at(record_at(factor.gaps, GAPS), d), TILE, row % TILE
    return floats(factor.x, rows * d), rows, row


@inline
def _add_products(factor, cell, x, row, n):
    """Counts, sums and products of n rows of vectors, by cell."""
    d, size = factor.dimension, factor.cells
    column, counts = record_at(factor.columns, COLUMN), floats(factor.counts, size)
    sums, squares = floats(column.sums, size * d), floats(column.squares, size * d * d)
    columns, rows, place = _vectors_at(factor, row)
    for i in range(n):
        k = int(cell[i])
        counts[k] += 1.0
        add_row_products(columns, rows, place + i, sums[k * d :], squares[k * d * d :], x, d)


@tile_of(PASS)
def add_products(told, words, first, m):
    """Products of the rows of m units."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    label, cell, x = lane(task, LABEL), lane(task, CELL), lane(task, SPARE)
    start, end = rows_of_units(factor, first, m)
    while start < end:
        n = min(TILE, end - start)
        cells_of(factor, label, cell, first, m, start, n)
        _add_products(factor, cell, x, start, n)
        start += n
    return 0


@inline
def _expect_products(told, words, weight, cell, first_unit, row, n):
    """Add n weighted rows of vectors, all of one cell, to its count, sums and products; `cell` is overwritten."""
    factor = record_at(told, FACTOR)
    d, k = factor.dimension, int(cell[0])
    column = record_at(factor.columns, COLUMN)
    sums, squares = floats(column.sums + 8 * k * d, d), floats(column.squares + 8 * k * d * d, d * d)
    grouped = factor.offsets != 0
    units = integers(factor.units, row + n)
    total = 0.0
    each, weighted = cell[TILE:], cell[2 * TILE :]
    for i in range(n):
        each[i] = weight[units[row + i] - first_unit if grouped else i]
        total += each[i]
    floats(factor.counts + 8 * k, 1)[0] += total
    if factor.expect_gaps != 0:
        call(factor.expect_gaps, (told, words, row, k))
    columns, rows, place = _vectors_at(factor, row)
    add_weighted_products(columns, rows, place, n, each, weighted, sums, squares, d)


@tile_of(PASS)
def expect_products(told, words, first, m):
    """Expected products of the rows of m units."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    shares, label, cell = scratch_of(task), lane(task, CELL), lane(task, SPARE)
    for k in range(task.labels):
        if _nobody(shares[k * TILE :], m):
            continue
        _same_label(label, k, m)
        start, end = rows_of_units(factor, first, m)
        while start < end:
            n = min(TILE, end - start)
            cells_of(factor, label, cell, first, m, start, n)
            _expect_products(told, words, shares[k * TILE :], cell, first, start, n)
            start += n
    return 0


@tile_of(PASS)
def mirror_products(told, unused, first, m):
    """Complete the products: they are collected below the diagonal."""
    factor = record_at(told, FACTOR)
    d, size = factor.dimension, factor.cells
    mirrored(floats(record_at(factor.columns, COLUMN).squares, size * d * d), size, d)
    return 0


__all__ = [
    "add_moments", "add_products", "clear", "collect", "collect_weighted", "count_units", "expect_moments",
    "expect_products", "expect_units", "finish", "mirror_products",
]  # fmt: skip
