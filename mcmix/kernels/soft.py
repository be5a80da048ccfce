"""The soft pass: weigh every label of every unit instead of drawing one. Same record as the hard pass."""

from __future__ import annotations

import math

from numba import njit

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.gaps import GAPS, expect_gaps
from mcmix.kernels.labels import cells_of, clear, rows_of_units
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record_at, record_in
from mcmix.kernels.tiles import (
    COLUMN,
    FACTOR,
    PASS,
    VECTORS,
    WORKSPACE_ROWS,
    exp_of_nonpositive,
    finish_vectors,
    prepare_vectors,
    tile_logs,
    vectors_at,
)
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
def _report(task, scratch, highest, total, first, m):
    """Write the log density of each unit and add its label probabilities."""
    n_labels = task.labels
    if task.unit_logs != 0:
        out = floats(task.unit_logs, first + m)
        for i in range(m):
            out[first + i] = highest[i] + math.log(total[i]) if highest[i] > -math.inf else -math.inf
    if task.memberships != 0:
        membership = floats(task.memberships, (first + m) * n_labels)
        for k in range(n_labels):
            for i in range(m):
                membership[(first + i) * n_labels + k] += scratch[k * TILE + i] if highest[i] > -math.inf else math.nan


@inline
def _leave_out(task, scratch, first, m):
    """Units that say nothing count for nothing: neither in the log density nor in the sums."""
    active = floats(task.active, first + m)
    if task.unit_logs != 0:
        out = floats(task.unit_logs, first + m)
        for i in range(m):
            out[first + i] *= active[first + i]
    for k in range(task.labels):
        for i in range(m):
            scratch[k * TILE + i] *= active[first + i]


@inline
def _collect_weighted(task, weight, label, cell, first_unit, m, k):
    """Expected counts and sums: every unit counts for label k with its probability."""
    if task.counts != 0:
        counts = floats(task.counts, task.labels)
        for i in range(m):
            counts[k] += weight[i]
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.counts == 0:
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
def _collect_vectors_weighted(factor, weight, cell, first_unit, row, n):
    """Add n weighted rows of vectors, all of one cell, to its count, sums and products; `cell` is overwritten."""
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
    if factor.gaps != 0:
        labels = factor.cells  # rows with gaps have one cell a label
        expect_gaps(record_at(factor.gaps, GAPS), weight, squares, row, d, k, labels)
    columns, rows, place = vectors_at(factor, row)
    add_weighted_products(columns, rows, place, n, each, weighted, sums, squares, d)


@inline
def _collect_rows_weighted(factor, weight, cell, first_unit, row, n):
    """Add n weighted rows to a factor's counts and sums."""
    if factor.kind == VECTORS:
        _collect_vectors_weighted(factor, weight, cell, first_unit, row, n)
        return
    if factor.offsets == 0 and factor.groups == 0 and factor.other == 0:
        _collect_one_cell(factor, weight, int(cell[0]), row, n)
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


@step_of(PASS)
def soft_pass(words, reals, stream):
    """Weigh every label of every unit instead of drawing one.

    Log weights may count a power (`power`), and units not at all (`active`, ones and zeros). Writes the log density of
    each unit with its label summed out (`unit_logs`), adds the label probabilities to `memberships` (units, K), and
    collects expected counts and sums, each where its address is given.
    """
    task = record_at(words, PASS)
    n_labels, n_units = task.labels, task.units
    status = call(task.machine, (task.prelude, task.prelude_length, 0, 0))
    if status != 0:
        return status
    space = floats(task.workspace, (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    highest, total, label, cell = work[TILE:], work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    prepare_vectors(task)
    if task.collect != 0:
        clear(task)
    for first in range(0, n_units, TILE):
        m = min(TILE, n_units - first)
        status = tile_logs(task, space, work, first, m, True)
        if status != 0:
            return status
        if task.power != 0:
            _temper(space, floats(task.power, 1)[0], m, n_labels)
        _weigh(space, highest, total, m, n_labels)
        _report(task, space, highest, total, first, m)
        if task.active != 0:
            _leave_out(task, space, first, m)
        if task.collect != 0:
            for k in range(n_labels):
                for i in range(m):
                    label[i] = k
                _collect_weighted(task, space[k * TILE :], label, cell, first, m, k)
    if task.collect != 0:
        finish_vectors(task)
    return 0
