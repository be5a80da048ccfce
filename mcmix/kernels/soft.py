"""The soft pass: weigh every label of every unit instead of drawing one. Same descriptor as the hard pass."""

from __future__ import annotations

import math

from numba import njit

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.gaps import GAP_WIDTH, expect_gaps
from mcmix.kernels.labels import (
    COLUMN_DATA,
    COLUMN_SHIFT,
    COLUMN_SQUARE,
    COLUMN_SUM,
    COLUMN_WIDTH,
    FACTOR_CELLS,
    FACTOR_COLUMN_TABLE,
    FACTOR_COLUMNS,
    FACTOR_COUNT,
    FACTOR_DIMENSION,
    FACTOR_GAPS,
    FACTOR_GROUPS,
    FACTOR_KIND,
    FACTOR_OFFSETS,
    FACTOR_OTHER,
    FACTOR_UNITS,
    FACTOR_WIDTH,
    PASS_ACTIVE,
    PASS_COLLECT,
    PASS_COUNTS,
    PASS_FACTOR_TABLE,
    PASS_FACTORS,
    PASS_LABELS,
    PASS_MACHINE,
    PASS_MEMBERSHIP,
    PASS_POWER,
    PASS_PRELUDE,
    PASS_PRELUDE_LENGTH,
    PASS_UNIT_LOG,
    PASS_UNITS,
    PASS_WIDTH,
    PASS_WORKSPACE,
    VECTORS,
    WORKSPACE_ROWS,
    cells_of,
    clear,
    exp_of_nonpositive,
    finish_vectors,
    prepare_vectors,
    rows_of_units,
    tile_logs,
    vectors_at,
)
from mcmix.kernels.machine import TILE
from mcmix.kernels.vectors import add_weighted_products


@inline
def _weigh(scratch, highest, total, m, n_labels):
    """Turn log weights into probabilities; `total` becomes their sum before that (highest taken out).

    A unit that no label explains gets equal ones: nothing that is no number may enter sums, out of which a start could
    not come any more. `highest` tells such units.
    """
    first = scratch[:m]
    for i in range(m):
        highest[i] = first[i]
        total[i] = 0.0
    for k in range(1, n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            highest[i] = row[i] if row[i] > highest[i] else highest[i]
    for k in range(n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            row[i] = exp_of_nonpositive(row[i] - (highest[i] if highest[i] > -math.inf else 0.0))
            total[i] += row[i]
    for k in range(n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            row[i] /= total[i]


@inline
def _temper(scratch, power, m, n_labels):
    """Multiply log weights: deterministic annealing."""
    if power != 1.0:
        for k in range(n_labels):
            for i in range(m):
                scratch[k * TILE + i] *= power


@inline
def _report(slot, scratch, highest, total, first, m):
    """Write the log density of each unit and add its label probabilities."""
    n_labels = slot[PASS_LABELS]
    if slot[PASS_UNIT_LOG] != 0:
        out = floats(slot[PASS_UNIT_LOG], first + m)
        for i in range(m):
            out[first + i] = highest[i] + math.log(total[i]) if highest[i] > -math.inf else -math.inf
    if slot[PASS_MEMBERSHIP] != 0:
        membership = floats(slot[PASS_MEMBERSHIP], (first + m) * n_labels)
        for k in range(n_labels):
            for i in range(m):
                membership[(first + i) * n_labels + k] += scratch[k * TILE + i] if highest[i] > -math.inf else math.nan


@inline
def _leave_out(slot, scratch, first, m):
    """Units that say nothing count for nothing: neither in the log density nor in the sums."""
    active = floats(slot[PASS_ACTIVE], first + m)
    if slot[PASS_UNIT_LOG] != 0:
        out = floats(slot[PASS_UNIT_LOG], first + m)
        for i in range(m):
            out[first + i] *= active[first + i]
    for k in range(slot[PASS_LABELS]):
        for i in range(m):
            scratch[k * TILE + i] *= active[first + i]


@inline
def _collect_weighted(slot, weight, label, cell, first_unit, m, k):
    """Expected counts and sums: every unit counts for label k with its probability."""
    if slot[PASS_COUNTS] != 0:
        counts = floats(slot[PASS_COUNTS], slot[PASS_LABELS])
        for i in range(m):
            counts[k] += weight[i]
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        if factor[FACTOR_COUNT] == 0:
            continue
        start, end = rows_of_units(factor, first_unit, m)
        while start < end:
            n = min(TILE, end - start)
            cells_of(factor, label, cell, first_unit, m, start, n)
            _collect_rows_weighted(factor, weight, cell, first_unit, start, n)
            start += n


@njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _weighted_sums(weight, data, shift, n):
    """Sums of weights, weighted values about a shift, and weighted squares; sums may be regrouped into vectors."""
    count, total, squares = 0.0, 0.0, 0.0
    for i in range(n):
        value = data[i] - shift
        count += weight[i]
        total += weight[i] * value
        squares += weight[i] * value * value
    return count, total, squares


@inline
def _collect_one_cell(factor, weight, k, row, n):
    """As below, where all rows of a tile fall into one cell."""
    counts = floats(factor[FACTOR_COUNT], factor[FACTOR_CELLS])
    for j in range(factor[FACTOR_COLUMNS]):
        column = integers(factor[FACTOR_COLUMN_TABLE] + 8 * COLUMN_WIDTH * j, COLUMN_WIDTH)
        data, shift = floats(column[COLUMN_DATA] + 8 * row, n), floats(column[COLUMN_SHIFT], 1)[0]
        count, total, squares = _weighted_sums(weight, data, shift, n)
        floats(column[COLUMN_SUM] + 8 * k, 1)[0] += total
        if column[COLUMN_SQUARE] != 0:
            floats(column[COLUMN_SQUARE] + 8 * k, 1)[0] += squares
        if j == 0:
            counts[k] += count


@inline
def _collect_vectors_weighted(factor, weight, cell, first_unit, row, n):
    """Add n weighted rows of vectors, all of one cell, to its count, sums and products; `cell` is overwritten."""
    d, k = factor[FACTOR_DIMENSION], int(cell[0])
    column = integers(factor[FACTOR_COLUMN_TABLE], COLUMN_WIDTH)
    sums, squares = floats(column[COLUMN_SUM] + 8 * k * d, d), floats(column[COLUMN_SQUARE] + 8 * k * d * d, d * d)
    grouped = factor[FACTOR_OFFSETS] != 0
    units = integers(factor[FACTOR_UNITS], row + n)
    total = 0.0
    each, weighted = cell[TILE:], cell[2 * TILE :]
    for i in range(n):
        each[i] = weight[units[row + i] - first_unit if grouped else i]
        total += each[i]
    floats(factor[FACTOR_COUNT] + 8 * k, 1)[0] += total
    if factor[FACTOR_GAPS] != 0:
        labels = factor[FACTOR_CELLS]  # rows with gaps have one cell a label
        expect_gaps(integers(factor[FACTOR_GAPS], GAP_WIDTH), weight, squares, row, d, k, labels)
    columns, rows, place = vectors_at(factor, row)
    add_weighted_products(columns, rows, place, n, each, weighted, sums, squares, d)


@inline
def _collect_rows_weighted(factor, weight, cell, first_unit, row, n):
    """Add n weighted rows to a factor's counts and sums."""
    if factor[FACTOR_KIND] == VECTORS:
        _collect_vectors_weighted(factor, weight, cell, first_unit, row, n)
        return
    if factor[FACTOR_OFFSETS] == 0 and factor[FACTOR_GROUPS] == 0 and factor[FACTOR_OTHER] == 0:
        _collect_one_cell(factor, weight, int(cell[0]), row, n)
        return
    size = factor[FACTOR_CELLS]
    counts = floats(factor[FACTOR_COUNT], size)
    grouped = factor[FACTOR_OFFSETS] != 0
    units = integers(factor[FACTOR_UNITS], row + n)
    for i in range(n):
        counts[int(cell[i])] += weight[units[row + i] - first_unit if grouped else i]
    for j in range(factor[FACTOR_COLUMNS]):
        column = integers(factor[FACTOR_COLUMN_TABLE] + 8 * COLUMN_WIDTH * j, COLUMN_WIDTH)
        data, shift = floats(column[COLUMN_DATA] + 8 * row, n), floats(column[COLUMN_SHIFT], 1)[0]
        sums, squares = floats(column[COLUMN_SUM], size), floats(column[COLUMN_SQUARE], size)
        for i in range(n):
            w = weight[units[row + i] - first_unit if grouped else i]
            value = data[i] - shift
            sums[int(cell[i])] += w * value
            if column[COLUMN_SQUARE] != 0:
                squares[int(cell[i])] += w * value * value


@step_kernel
def soft_pass(descriptor, reals, stream):
    """Weigh every label of every unit instead of drawing one.

    Log weights may count a power (PASS_POWER), and units not at all (PASS_ACTIVE, ones and zeros). Writes the log
    density of each unit with its label summed out (PASS_UNIT_LOG), adds the label probabilities to PASS_MEMBERSHIP
    (units, K), and collects expected counts and sums, each where its address is given.
    """
    slot = integers(descriptor, PASS_WIDTH)
    n_labels, n_units = slot[PASS_LABELS], slot[PASS_UNITS]
    status = call(slot[PASS_MACHINE], (slot[PASS_PRELUDE], slot[PASS_PRELUDE_LENGTH], 0, 0))
    if status != 0:
        return status
    space = floats(slot[PASS_WORKSPACE], (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    highest, total, label, cell = work[TILE:], work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    prepare_vectors(slot)
    if slot[PASS_COLLECT] != 0:
        clear(slot)
    for first in range(0, n_units, TILE):
        m = min(TILE, n_units - first)
        status = tile_logs(slot, space, work, first, m, True)
        if status != 0:
            return status
        if slot[PASS_POWER] != 0:
            _temper(space, floats(slot[PASS_POWER], 1)[0], m, n_labels)
        _weigh(space, highest, total, m, n_labels)
        _report(slot, space, highest, total, first, m)
        if slot[PASS_ACTIVE] != 0:
            _leave_out(slot, space, first, m)
        if slot[PASS_COLLECT] != 0:
            for k in range(n_labels):
                for i in range(m):
                    label[i] = k
                _collect_weighted(slot, space[k * TILE :], label, cell, first, m, k)
    if slot[PASS_COLLECT] != 0:
        finish_vectors(slot)
    return 0
