"""What weighs the rows of a factor under every label, a kernel for each kind: only what a model has is compiled.

By a family's density with a table of parameters, by a row program of the machine, as normal vectors, as normal vectors
with missing coordinates. All add to a scratch of shape (K, TILE), several rows of a unit to its one entry.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, shorts_at, tile_of, weigher_of, words
from mcmix.kernels.gaps import GAPS, add_marginals, draw_gaps, expect_gaps, load_tile, prepare_gaps, tile_at
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import STREAM_WORDS
from mcmix.kernels.records import record_at
from mcmix.kernels.tiles import COLUMN, FACTOR, LABEL, PASS, lane, scratch_of
from mcmix.kernels.vectors import add_vector_logs, whiten


@inline
def _rows_of_tile(factor, first, m):
    """First row and end of the rows that m units with several rows own, and the unit of each row."""
    offsets = integers(factor.offsets, first + m + 1)
    return offsets[first], offsets[first + m], integers(factor.units, offsets[first + m])


@inline
def _add_to_units(result, scratch, target, units, start, n, first):
    """Add rows' log densities to their units' entries."""
    for i in range(n):
        scratch[target + units[start + i] - first] += result[i]


# -------------------------------------------------------------------- by a family's density


@inline
def _density(factor, k, out, row, n):
    """Log densities of rows under the parameters of label k, by the family's kernel, added at an address."""
    call(
        factor.density,
        (
            out,
            n,
            factor.x + 8 * row,
            1,
            factor.first + 8 * k * factor.first_step,
            0,
            factor.second + 8 * k * factor.second_step,
            0,
            factor.third + 8 * k * factor.third_step,
            0,
        ),
    )


@weigher_of(PASS)
def weigh_by_density(told, words, first, m, soft):
    """Rows with parameters from tables over the labels."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    if factor.offsets == 0:
        for k in range(task.labels):
            _density(factor, k, task.workspace + 8 * k * TILE, first, m)
        return 0
    scratch, work = scratch_of(task), lane(task, 0)
    first_row, end, units = _rows_of_tile(factor, first, m)
    for k in range(task.labels):
        start = first_row
        while start < end:
            n = min(TILE, end - start)
            for i in range(n):
                work[i] = 0.0
            _density(factor, k, task.workspace + 8 * (task.labels * TILE), start, n)
            _add_to_units(work, scratch, k * TILE, units, start, n, first)
            start += n
    return 0


# -------------------------------------------------------------------- by a table over few values


@inline
def _program(task, factor, k, row, n):
    """Evaluate the factor's row program for label k."""
    floats(factor.component, 1)[0] = task.lowest + k
    return call(task.machine, (factor.program, factor.length, row, n))


@tile_of(PASS)
def prepare_values(told, words, first, m):
    """Log densities of the distinct values of a factor's rows under every label: once a pass."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    n = factor.n_values
    logs = floats(factor.table, task.labels * n)
    for i in range(task.labels * n):
        logs[i] = 0.0
    for k in range(task.labels):
        _density(factor, k, factor.table + 8 * k * n, 0, n)
    return 0


@tile_of(PASS)
def prepare_values_by_program(told, words, first, m):
    """As `prepare_values`, by a row program over the distinct values."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    n = factor.n_values
    logs = floats(factor.table, task.labels * n)
    for k in range(task.labels):
        for start in range(0, n, TILE):
            count = min(TILE, n - start)
            status = _program(task, factor, k, start, count)
            if status != 0:
                return status
            result = floats(factor.result, count)
            for i in range(count):
                logs[k * n + start + i] = result[i]
    return 0


@weigher_of(PASS)
def weigh_values(told, words, first, m, soft):
    """Rows that take few values: looked up."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    scratch, n = scratch_of(task), factor.n_values
    numbers = shorts_at(factor.numbers + 2 * first, m)
    for k in range(task.labels):
        logs = floats(factor.table + 8 * k * n, n)
        for i in range(m):
            scratch[k * TILE + i] += logs[numbers[i]]
    return 0


# -------------------------------------------------------------------- by a row program


@weigher_of(PASS)
def weigh_by_program(told, words, first, m, soft):
    """Rows with parameters that vary by row."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    scratch = scratch_of(task)
    if factor.offsets == 0:
        for k in range(task.labels):
            status = _program(task, factor, k, first, m)
            if status != 0:
                return status
            result = floats(factor.result, m)
            for i in range(m):
                scratch[k * TILE + i] += result[i]
        return 0
    first_row, end, units = _rows_of_tile(factor, first, m)
    for k in range(task.labels):
        start = first_row
        while start < end:
            n = min(TILE, end - start)
            status = _program(task, factor, k, start, n)
            if status != 0:
                return status
            _add_to_units(floats(factor.result, n), scratch, k * TILE, units, start, n, first)
            start += n
    return 0


# -------------------------------------------------------------------- normal vectors


@inline
def _whitened(factor, n_labels):
    """Whitening matrices of all components, their offsets and constants, and room for work."""
    d = factor.dimension
    table = floats(factor.whitened, n_labels * (d * d + d + 1) + d * d)
    offsets, constants = table[n_labels * d * d :], table[n_labels * (d * d + d) :]
    return table, offsets, constants, table[n_labels * (d * d + d + 1) :]


@inline
def _whiten(task, factor):
    """Whiten every component."""
    d, shift = factor.dimension, floats(factor.third, factor.dimension)
    table, offsets, constants, work = _whitened(factor, task.labels)
    for k in range(task.labels):
        constants[k] = whiten(
            factor.by,
            floats(factor.first + 8 * k * factor.first_step, d),
            floats(factor.second + 8 * k * factor.second_step, d * d),
            shift,
            table[k * d * d :],
            offsets[k * d :],
            work,
            d,
        )


@tile_of(PASS)
def prepare_vectors(told, words, first, m):
    """Whiten every component of a factor of vectors: once a pass."""
    _whiten(record_at(words, PASS), record_at(told, FACTOR))
    return 0


@inline
def _vectors(task, factor, k, out, columns, rows, place, n):
    """Log densities of rows of vectors under component k."""
    d, n_labels = factor.dimension, task.labels
    table, offsets, constants, _ = _whitened(factor, n_labels)
    work = lane(task, 0)
    y, distance = work[5 * TILE :], work[6 * TILE :]
    add_vector_logs(
        factor.by, out, columns, rows, place, n, table[k * d * d :], offsets[k * d :], constants[k], y, distance, d
    )


@weigher_of(PASS)
def weigh_vectors(told, words, first, m, soft):
    """Rows of normal vectors without missing coordinates."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    scratch, work = scratch_of(task), lane(task, 0)
    columns = floats(factor.x, factor.rows * factor.dimension)
    if factor.offsets == 0:
        for k in range(task.labels):
            _vectors(task, factor, k, scratch[k * TILE :], columns, factor.rows, first, m)
        return 0
    first_row, end, units = _rows_of_tile(factor, first, m)
    for k in range(task.labels):
        start = first_row
        while start < end:
            n = min(TILE, end - start)
            for i in range(n):
                work[i] = 0.0
            _vectors(task, factor, k, work, columns, factor.rows, start, n)
            _add_to_units(work, scratch, k * TILE, units, start, n, first)
            start += n
    return 0


# -------------------------------------------------------------------- normal vectors with missing coordinates


@tile_of(PASS)
def prepare_vectors_with_gaps(told, words, first, m):
    """As `prepare_vectors`, and what integrates missing coordinates out."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    _whiten(task, factor)
    table, offsets, _, _ = _whitened(factor, task.labels)
    prepare_gaps(record_at(factor.gaps, GAPS), table, offsets, task.labels, factor.dimension)
    return 0


@inline
def _load(factor, first, m, drawn):
    """Bring a tile's rows to where they are read: filled by what was drawn, or with zeros."""
    d, rows = factor.dimension, factor.rows
    columns, shift = floats(factor.x, rows * d), floats(factor.third, d)
    load_tile(record_at(factor.gaps, GAPS), columns, shift, rows, first, m, d, drawn)


@tile_of(PASS)
def load_gaps(told, words, first, m):
    """A tile's rows, filled by what was drawn."""
    _load(record_at(told, FACTOR), first, m, True)
    return 0


@weigher_of(PASS)
def weigh_vectors_with_gaps(told, words, first, m, soft):
    """Rows of normal vectors of which coordinates are missing: integrated out, or as they were drawn."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    gap, d, scratch = record_at(factor.gaps, GAPS), factor.dimension, scratch_of(task)
    # Responsibilities always integrate missing entries out; a label update may condition on drawn ones.
    integrated = soft != 0 or gap.integrated != 0
    _load(factor, first, m, not integrated)
    _, _, constants, _ = _whitened(factor, task.labels)
    for k in range(task.labels):
        _vectors(task, factor, k, scratch[k * TILE :], tile_at(gap, d), TILE, first % TILE, m)
        # A component without a Cholesky factor has log density minus infinity already.
        if integrated and constants[k] > -math.inf:
            add_marginals(gap, scratch[k * TILE :], first, d, k, task.labels)
    return 0


@weigher_of(PASS)
def draw_missing(told, pass_words, first, m, state):
    """Draw the missing coordinates of a tile's rows, given their labels, with a stream; 0 where it went well."""
    task, factor = record_at(pass_words, PASS), record_at(told, FACTOR)
    d, gap = factor.dimension, record_at(factor.gaps, GAPS)
    stream, shift = words(state, STREAM_WORDS), floats(factor.third, d)
    return 0 if draw_gaps(gap, shift, lane(task, LABEL), stream, first, d, task.labels) else 1


@tile_of(PASS)
def expect_missing(told, words, first, label):
    """What the missing coordinates of a tile's rows are expected to be under a label, and what their products lack."""
    task, factor = record_at(words, PASS), record_at(told, FACTOR)
    d, labels = factor.dimension, factor.cells  # rows with gaps have one cell a label
    products = floats(record_at(factor.columns, COLUMN).squares + 8 * label * d * d, d * d)
    weight = scratch_of(task)[label * TILE :]
    expect_gaps(record_at(factor.gaps, GAPS), weight, products, first, d, label, labels)
    return 0


__all__ = [
    "draw_missing", "expect_missing", "load_gaps", "prepare_values", "prepare_values_by_program", "prepare_vectors",
    "prepare_vectors_with_gaps", "weigh_by_density", "weigh_by_program", "weigh_values", "weigh_vectors",
    "weigh_vectors_with_gaps",
]  # fmt: skip
