"""The pass over the data, in two flavours: hard (draw every label) and soft (weigh every label).

Rows are cut into blocks of fixed size, each with its own random stream, and blocks into tiles that fit the cache. On a
tile, factors add log densities into a scratch of shape (K, tile) (`tiles`), the law of the labels consumes it,
accumulators collect sums.
"""

from __future__ import annotations

import math

from numba import njit

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.base import words as states
from mcmix.kernels.gaps import GAPS, draw_gaps
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import STREAM_WORDS, fill_uniforms
from mcmix.kernels.records import record_at, record_in
from mcmix.kernels.tiles import (
    COLUMN,
    FACTOR,
    PASS,
    VECTORS,
    WORKSPACE_ROWS,
    exp_of_nonpositive,
    finish_vectors,
    load_vectors,
    prepare_vectors,
    tile_logs,
    vectors_at,
)
from mcmix.kernels.vectors import add_row_products

BLOCK = 64 * TILE
MOST_MASKED = 8  # up to so many cells, masked vector sums beat scattered ones
IMPOSSIBLE_ROW, NOT_A_NUMBER_ROW = 30, 31


@njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _masked_sums(cell, value, n, k):
    """Count, sum and sum of squares of the values whose cell is k; sums may be regrouped into vectors."""
    count, total, squares = 0.0, 0.0, 0.0
    for i in range(n):
        inside = 1.0 if cell[i] == k else 0.0
        kept = inside * value[i]
        count += inside
        total += kept
        squares += kept * value[i]
    return count, total, squares


@inline
def _draw_two(scratch, uniforms, label, m):
    """Labels for K = 2 with one exponential a row; the comparison is the general one, term for term."""
    first, second = scratch[:m], scratch[TILE : TILE + m]
    bad = 0
    for i in range(m):
        difference = second[i] - first[i]
        small = exp_of_nonpositive(-abs(difference))
        bad += 1 if small != small else 0
        reached = small if difference > 0.0 else 1.0
        label[i] = 1.0 if reached < uniforms[i] * (1.0 + small) else 0.0
    return bad


@inline
def _draw_many(scratch, uniforms, label, highest, m, n_labels):
    """Labels for any K: the number of partial sums below the uniform's share of the total.

    Returns the number of rows whose total is not a number: one that is impossible under every label, or has a NaN. The
    scratch holds partial sums afterwards.
    """
    before = scratch[:m]
    for i in range(m):
        highest[i] = before[i]
    for k in range(1, n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            highest[i] = row[i] if row[i] > highest[i] else highest[i]
    for i in range(m):
        before[i] = exp_of_nonpositive(before[i] - highest[i])
        label[i] = 0.0
    for k in range(1, n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            row[i] = before[i] + exp_of_nonpositive(row[i] - highest[i])
        before = row
    bad = 0
    for i in range(m):
        uniforms[i] *= before[i]
        bad += 1 if before[i] != before[i] else 0
    for k in range(n_labels - 1):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            label[i] += 1.0 if row[i] < uniforms[i] else 0.0
    return bad


@inline
def _trouble(task, space, work, first, m):
    """What is wrong with a tile in which some row has no proper total."""
    status = tile_logs(task, space, work, first, m, False)
    for i in range(m):
        highest = -math.inf
        for k in range(task.labels):
            value = space[k * TILE + i]
            if value != value or value == math.inf:
                return NOT_A_NUMBER_ROW
            highest = max(highest, value)
        if highest == -math.inf:
            return IMPOSSIBLE_ROW
    return status if status != 0 else NOT_A_NUMBER_ROW


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


@inline
def _collect_vectors(factor, counts, cell, x, row, n):
    """Add n rows of vectors to counts, sums and products."""
    d, size = factor.dimension, factor.cells
    column = record_at(factor.columns, COLUMN)
    sums, squares = floats(column.sums, size * d), floats(column.squares, size * d * d)
    columns, rows, place = vectors_at(factor, row)
    for i in range(n):
        k = int(cell[i])
        counts[k] += 1.0
        add_row_products(columns, rows, place + i, sums[k * d :], squares[k * d * d :], x, d)


@inline
def _collect(factor, cell, centred, row, n):
    """Add n rows to a factor's counts and sums."""
    size = factor.cells
    counts = floats(factor.counts, size)
    if factor.kind == VECTORS:
        _collect_vectors(factor, counts, cell, centred, row, n)
        return
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


@inline
def clear(task):
    """Zero every count and sum that the pass collects."""
    if task.counts != 0:
        counts = floats(task.counts, task.labels)
        for k in range(task.labels):
            counts[k] = 0.0
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        size = factor.cells
        if factor.counts == 0:
            continue
        counts = floats(factor.counts, size)
        for k in range(size):
            counts[k] = 0.0
        width = factor.dimension if factor.kind == VECTORS else 1
        for c in range(factor.n_columns):
            column = record_in(factor.columns, c, COLUMN)
            sums = floats(column.sums, size * width)
            for k in range(size * width):
                sums[k] = 0.0
            if column.squares != 0:
                squares = floats(column.squares, size * width * width)
                for k in range(size * width * width):
                    squares[k] = 0.0


@inline
def _collect_tile(task, label, cell, centred, first_unit, m):
    """Counts and sums of a tile whose labels (numbers 0 .. K-1) are known."""
    if task.counts != 0:
        counts = floats(task.counts, task.labels)
        if task.labels <= MOST_MASKED:
            for k in range(task.labels):
                count, _, _ = _masked_sums(label, label, m, k)
                counts[k] += count
        else:
            for i in range(m):
                counts[int(label[i])] += 1.0
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.counts == 0:
            continue
        start, end = rows_of_units(factor, first_unit, m)
        while start < end:
            n = min(TILE, end - start)
            cells_of(factor, label, cell, first_unit, m, start, n)
            _collect(factor, cell, centred, start, n)
            start += n


@inline
def _draw_missing(task, label, state, first):
    """Draw the missing coordinates of a tile's rows of vectors, given their labels; whether it went well."""
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.kind == VECTORS and factor.gaps != 0:
            d = factor.dimension
            gap, shift = record_at(factor.gaps, GAPS), floats(factor.third, d)
            if not draw_gaps(gap, shift, label, state, first, d, task.labels):
                return False
    return True


@step_of(PASS)
def hard_pass(words, reals, stream):
    """Draw every label from its full conditional and collect counts and sums in the same pass."""
    task = record_at(words, PASS)
    n_labels, n_units = task.labels, task.units
    status = call(task.machine, (task.prelude, task.prelude_length, 0, 0))
    if status != 0:
        return status
    space = floats(task.workspace, (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    uniforms, label, cell, centred = work[TILE:], work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    drawn = floats(task.out, n_units)
    prepare_vectors(task)
    clear(task)
    for block in range((n_units + BLOCK - 1) // BLOCK):
        state = states(task.streams + 8 * STREAM_WORDS * block, STREAM_WORDS)
        for first in range(block * BLOCK, min((block + 1) * BLOCK, n_units), TILE):
            m = min(TILE, n_units - first)
            status = tile_logs(task, space, work, first, m, False)
            if status != 0:
                return status
            fill_uniforms(state, uniforms, m)
            if n_labels == 2:
                bad = _draw_two(space, uniforms, label, m)
            else:
                bad = _draw_many(space, uniforms, label, cell, m, n_labels)
            if bad != 0:
                return _trouble(task, space, work, first, m)
            for i in range(m):
                drawn[first + i] = task.lowest + label[i]
            if not _draw_missing(task, label, state, first):
                return NOT_A_NUMBER_ROW
            if task.collect != 0:
                _collect_tile(task, label, cell, centred, first, m)
    finish_vectors(task)
    return 0


@step_of(PASS)
def count_labels(words, reals, stream):
    """Collect counts and sums for the labels as they stand, without drawing."""
    task = record_at(words, PASS)
    n_units, n_labels = task.units, task.labels
    space = floats(task.workspace, (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    label, cell, centred = work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    drawn = floats(task.out, n_units)
    clear(task)
    for first in range(0, n_units, TILE):
        m = min(TILE, n_units - first)
        for i in range(m):
            label[i] = drawn[first + i] - task.lowest
        for j in range(task.n_factors):
            factor = record_in(task.factors, j, FACTOR)
            if factor.kind == VECTORS and factor.gaps != 0:
                load_vectors(factor, first, m, True)
        _collect_tile(task, label, cell, centred, first, m)
    finish_vectors(task)
    return 0


def n_blocks(n_units: int) -> int:
    """Number of blocks that units are cut into."""
    return (n_units + BLOCK - 1) // BLOCK


__all__ = ["count_labels", "hard_pass", "n_blocks"]
