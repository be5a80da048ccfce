"""The pass over the data, in two flavours: hard (draw every label) and soft (weigh every label).

Rows are cut into blocks of fixed size, each with its own random stream, and blocks into tiles that fit the cache. On a
tile, factors add log densities into a scratch of shape (K, tile), a label law consumes it, accumulators collect sums.

Descriptor of a pass (whole numbers): see the names PASS_*; of a factor: see the names FACTOR_*; addresses are absolute,
0 where absent. `mcmix.steps.labels` fills them in.
"""

from __future__ import annotations

import math

from numba import njit

from mcmix.kernels.base import bits_of, call, double_of, floats, inline, integers, step_kernel, words
from mcmix.kernels.gaps import GAP_INTEGRATED, GAP_WIDTH, add_marginals, draw_gaps, load_tile, prepare_gaps, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import STREAM_WORDS, fill_uniforms
from mcmix.kernels.vectors import add_row_products, add_vector_logs, mirrored, whiten

BLOCK = 64 * TILE

(PASS_TUNING, PASS_MACHINE, PASS_PRELUDE, PASS_PRELUDE_LENGTH, PASS_UNITS, PASS_LABELS, PASS_LOG_WEIGHTS, PASS_OUT,
 PASS_LOWEST, PASS_FACTORS, PASS_FACTOR_TABLE, PASS_STREAMS, PASS_WORKSPACE, PASS_COUNTS, PASS_UNIT_LOG,
 PASS_MEMBERSHIP, PASS_COLLECT, PASS_POWER, PASS_ACTIVE, PASS_TEMPERED, PASS_TEMPERATURE) = range(21)  # fmt: skip
PASS_WIDTH = 22

(FACTOR_KIND, FACTOR_DENSITY, FACTOR_X, FACTOR_A, FACTOR_A_STEP, FACTOR_B, FACTOR_B_STEP, FACTOR_C, FACTOR_C_STEP,
 FACTOR_PROGRAM, FACTOR_LENGTH, FACTOR_SLOT, FACTOR_RESULT, FACTOR_UNITS, FACTOR_OFFSETS, FACTOR_COLUMNS,
 FACTOR_COLUMN_TABLE, FACTOR_COUNT, FACTOR_CELLS, FACTOR_STRIDE, FACTOR_GROUPS, FACTOR_OTHER, FACTOR_OTHER_STRIDE,
 FACTOR_OTHER_LOWEST, FACTOR_DIMENSION, FACTOR_ROWS, FACTOR_WHITENED, FACTOR_BY,
 FACTOR_GAPS) = range(29)  # fmt: skip
FACTOR_WIDTH = 29
TABLE, PROGRAM, VECTORS = 0, 1, 2  # vectors: x column by column, A and B tables of means and matrices

# A column of a statistic: its data, the address of its shift, where sums go, where sums of squares go (or 0).
COLUMN_DATA, COLUMN_SHIFT, COLUMN_SUM, COLUMN_SQUARE = 0, 1, 2, 3
COLUMN_WIDTH = 4

MOST_MASKED = 8  # up to so many cells, masked vector sums beat scattered ones
WORKSPACE_ROWS = 7  # besides the K rows of the scratch

IMPOSSIBLE_ROW, NOT_A_NUMBER_ROW = 30, 31

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number kept in the low bits


def workspace_size(n_labels: int) -> int:
    """Doubles of workspace that a pass over n_labels needs."""
    return (n_labels + WORKSPACE_ROWS) * TILE


@inline
def exp_of_nonpositive(x):
    """Exponential for x <= 0, to 1e-14, in plain arithmetic that vectorises; about 1e-308 below -708; NaN stays NaN."""
    x = -708.0 if x < -708.0 else x
    shifted = x * _LOG2_E + _MAGIC
    whole = shifted - _MAGIC
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    p = 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * double_of((bits_of(shifted) << 52) + 0x3FF0000000000000)


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
def prepare_vectors(slot):
    """Whiten every component of every vector factor: once a pass."""
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        if factor[FACTOR_KIND] != VECTORS:
            continue
        d, n_labels = factor[FACTOR_DIMENSION], slot[PASS_LABELS]
        table = floats(factor[FACTOR_WHITENED], n_labels * (d * d + d + 1) + d * d)
        offsets, constants = table[n_labels * d * d :], table[n_labels * (d * d + d) :]
        work, shift = table[n_labels * (d * d + d + 1) :], floats(factor[FACTOR_C], d)
        for k in range(n_labels):
            constants[k] = whiten(
                factor[FACTOR_BY],
                floats(factor[FACTOR_A] + 8 * k * factor[FACTOR_A_STEP], d),
                floats(factor[FACTOR_B] + 8 * k * factor[FACTOR_B_STEP], d * d),
                shift,
                table[k * d * d :],
                offsets[k * d :],
                work,
                d,
            )
        if factor[FACTOR_GAPS] != 0:
            prepare_gaps(integers(factor[FACTOR_GAPS], GAP_WIDTH), table, offsets, n_labels, d)


@inline
def vectors_at(factor, row):
    """Where rows of vectors from `row` on stand: columns, their length, and the place of the first row in them.

    Rows with gaps are read from the tile that was loaded last.
    """
    d, rows = factor[FACTOR_DIMENSION], factor[FACTOR_ROWS]
    if factor[FACTOR_GAPS] != 0:
        return tile_of(integers(factor[FACTOR_GAPS], GAP_WIDTH), d), TILE, row % TILE
    return floats(factor[FACTOR_X], rows * d), rows, row


@inline
def load_vectors(factor, first, m, drawn):
    """Bring a tile's rows with their gaps to where `vectors_at` finds them: filled by what was drawn, or with zeros."""
    d, rows = factor[FACTOR_DIMENSION], factor[FACTOR_ROWS]
    columns, shift = floats(factor[FACTOR_X], rows * d), floats(factor[FACTOR_C], d)
    load_tile(integers(factor[FACTOR_GAPS], GAP_WIDTH), columns, shift, rows, first, m, d, drawn)


@inline
def _vectors(slot, factor, k, out, row, n, work, integrated):
    """Log densities of rows of vectors under component k, their gaps integrated out or as they are filled."""
    d, n_labels = factor[FACTOR_DIMENSION], slot[PASS_LABELS]
    table = floats(factor[FACTOR_WHITENED], n_labels * (d * d + d + 1))
    offset, constant = table[n_labels * d * d + k * d :], table[n_labels * (d * d + d) + k]
    columns, rows, place = vectors_at(factor, row)
    y, distance = work[5 * TILE :], work[6 * TILE :]
    by, whitening = factor[FACTOR_BY], table[k * d * d :]
    add_vector_logs(by, out, columns, rows, place, n, whitening, offset, constant, y, distance, d)
    if integrated and constant > -math.inf:
        add_marginals(integers(factor[FACTOR_GAPS], GAP_WIDTH), out, row, d, k, n_labels)


@inline
def finish_vectors(slot):
    """Complete the products of vector factors: they are collected below the diagonal."""
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        if factor[FACTOR_KIND] == VECTORS and factor[FACTOR_COUNT] != 0:
            d, size = factor[FACTOR_DIMENSION], factor[FACTOR_CELLS]
            column = integers(factor[FACTOR_COLUMN_TABLE], COLUMN_WIDTH)
            mirrored(floats(column[COLUMN_SQUARE], size * d * d), size, d)


@inline
def _add_rows(slot, factor, scratch, k, first_unit, m, work, integrated):
    """Add one factor's log densities under label k to scratch[k]; factors with many rows per unit go through `work`."""
    target = k * TILE
    if factor[FACTOR_OFFSETS] == 0:
        if factor[FACTOR_KIND] == TABLE:
            _density(factor, k, slot[PASS_WORKSPACE] + 8 * target, first_unit, m)
        elif factor[FACTOR_KIND] == VECTORS:
            _vectors(slot, factor, k, scratch[target:], first_unit, m, work, integrated)
        else:
            status = _program(slot, factor, k, first_unit, m)
            if status != 0:
                return status
            result = floats(factor[FACTOR_RESULT], m)
            for i in range(m):
                scratch[target + i] += result[i]
        return 0
    offsets = integers(factor[FACTOR_OFFSETS], first_unit + m + 1)
    units = integers(factor[FACTOR_UNITS], offsets[first_unit + m])
    start, end = offsets[first_unit], offsets[first_unit + m]
    while start < end:
        n = min(TILE, end - start)
        if factor[FACTOR_KIND] != PROGRAM:
            for i in range(n):
                work[i] = 0.0
            if factor[FACTOR_KIND] == TABLE:
                _density(factor, k, slot[PASS_WORKSPACE] + 8 * (slot[PASS_LABELS] * TILE), start, n)
            else:
                _vectors(slot, factor, k, work, start, n, work, False)
            result = work
        else:
            status = _program(slot, factor, k, start, n)
            if status != 0:
                return status
            result = floats(factor[FACTOR_RESULT], n)
        for i in range(n):
            scratch[target + units[start + i] - first_unit] += result[i]
        start += n
    return 0


@inline
def _density(factor, k, out, row, n):
    """Log densities of rows under the parameters of label k, by the family's kernel."""
    call(
        factor[FACTOR_DENSITY],
        (
            out,
            n,
            factor[FACTOR_X] + 8 * row,
            1,
            factor[FACTOR_A] + 8 * k * factor[FACTOR_A_STEP],
            0,
            factor[FACTOR_B] + 8 * k * factor[FACTOR_B_STEP],
            0,
            factor[FACTOR_C] + 8 * k * factor[FACTOR_C_STEP],
            0,
        ),
    )


@inline
def _program(slot, factor, k, row, n):
    """Evaluate the factor's row program for label k."""
    floats(factor[FACTOR_SLOT], 1)[0] = slot[PASS_LOWEST] + k
    return call(slot[PASS_MACHINE], (factor[FACTOR_PROGRAM], factor[FACTOR_LENGTH], row, n))


@inline
def tile_logs(slot, scratch, work, first_unit, m, soft):
    """Unnormalised log probabilities of every label for the units of a tile: scratch, shape (K, TILE).

    The soft pass always integrates missing coordinates out, the hard pass where the factor says so.
    """
    n_labels, tempered = slot[PASS_LABELS], slot[PASS_TEMPERED]
    weights = floats(slot[PASS_LOG_WEIGHTS], n_labels)
    for k in range(n_labels):
        start = weights[k] if slot[PASS_LOG_WEIGHTS] != 0 and tempered == 0 else 0.0
        for i in range(m):
            scratch[k * TILE + i] = start
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        gaps = factor[FACTOR_KIND] == VECTORS and factor[FACTOR_GAPS] != 0
        integrated = gaps and (soft or integers(factor[FACTOR_GAPS], GAP_WIDTH)[GAP_INTEGRATED] != 0)
        if gaps:
            load_vectors(factor, first_unit, m, not integrated)
        for k in range(n_labels):
            status = _add_rows(slot, factor, scratch, k, first_unit, m, work, integrated)
            if status != 0:
                return status
        if j + 1 == tempered:
            _cool(slot, weights, scratch, m)
    return 0


@inline
def _cool(slot, weights, scratch, m):
    """Let what the first factors said count the power of a tempered chain, and add the labels' own weights."""
    power = floats(slot[PASS_TEMPERATURE], 1)[0]
    for k in range(slot[PASS_LABELS]):
        start = weights[k] if slot[PASS_LOG_WEIGHTS] != 0 else 0.0
        for i in range(m):
            scratch[k * TILE + i] = start + power * scratch[k * TILE + i]


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
def _trouble(slot, space, work, first, m):
    """What is wrong with a tile in which some row has no proper total."""
    status = tile_logs(slot, space, work, first, m, False)
    for i in range(m):
        highest = -math.inf
        for k in range(slot[PASS_LABELS]):
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
    if factor[FACTOR_OFFSETS] == 0:
        return first_unit, first_unit + m
    offsets = integers(factor[FACTOR_OFFSETS], first_unit + m + 1)
    return offsets[first_unit], offsets[first_unit + m]


@inline
def cells_of(factor, label, cell, first_unit, m, row, n):
    """Cell number of each of n rows from `row` on, from the tile's labels and known groups."""
    stride = factor[FACTOR_STRIDE]
    if factor[FACTOR_OFFSETS] == 0:
        for i in range(n):
            cell[i] = label[i] * stride
    else:
        units = integers(factor[FACTOR_UNITS], row + n)
        for i in range(n):
            cell[i] = label[units[row + i] - first_unit] * stride
    if factor[FACTOR_GROUPS] != 0:
        groups = floats(factor[FACTOR_GROUPS], row + n)
        for i in range(n):
            cell[i] += groups[row + i]
    if factor[FACTOR_OTHER] != 0:
        other = floats(factor[FACTOR_OTHER], first_unit + m)
        if factor[FACTOR_OFFSETS] == 0:
            for i in range(n):
                cell[i] += (other[row + i] - factor[FACTOR_OTHER_LOWEST]) * factor[FACTOR_OTHER_STRIDE]
        else:
            units = integers(factor[FACTOR_UNITS], row + n)
            for i in range(n):
                cell[i] += (other[units[row + i]] - factor[FACTOR_OTHER_LOWEST]) * factor[FACTOR_OTHER_STRIDE]


@inline
def _collect_vectors(factor, counts, cell, x, row, n):
    """Add n rows of vectors to counts, sums and products."""
    d, size = factor[FACTOR_DIMENSION], factor[FACTOR_CELLS]
    column = integers(factor[FACTOR_COLUMN_TABLE], COLUMN_WIDTH)
    sums, squares = floats(column[COLUMN_SUM], size * d), floats(column[COLUMN_SQUARE], size * d * d)
    columns, rows, place = vectors_at(factor, row)
    for i in range(n):
        k = int(cell[i])
        counts[k] += 1.0
        add_row_products(columns, rows, place + i, sums[k * d :], squares[k * d * d :], x, d)


@inline
def _collect(factor, cell, centred, row, n):
    """Add n rows to a factor's counts and sums."""
    size = factor[FACTOR_CELLS]
    counts = floats(factor[FACTOR_COUNT], size)
    if factor[FACTOR_KIND] == VECTORS:
        _collect_vectors(factor, counts, cell, centred, row, n)
        return
    masked = size <= MOST_MASKED
    if not masked:
        for i in range(n):
            counts[int(cell[i])] += 1.0
    for j in range(factor[FACTOR_COLUMNS]):
        column = integers(factor[FACTOR_COLUMN_TABLE] + 8 * COLUMN_WIDTH * j, COLUMN_WIDTH)
        data, shift = floats(column[COLUMN_DATA] + 8 * row, n), floats(column[COLUMN_SHIFT], 1)[0]
        sums = floats(column[COLUMN_SUM], size)
        squares = floats(column[COLUMN_SQUARE], size)
        for i in range(n):
            centred[i] = data[i] - shift
        if masked:
            for k in range(size):
                count, total, square = _masked_sums(cell, centred, n, k)
                if j == 0:
                    counts[k] += count
                sums[k] += total
                if column[COLUMN_SQUARE] != 0:
                    squares[k] += square
        else:
            for i in range(n):
                sums[int(cell[i])] += centred[i]
            if column[COLUMN_SQUARE] != 0:
                for i in range(n):
                    squares[int(cell[i])] += centred[i] * centred[i]


@inline
def clear(slot):
    """Zero every count and sum that the pass collects."""
    if slot[PASS_COUNTS] != 0:
        counts = floats(slot[PASS_COUNTS], slot[PASS_LABELS])
        for k in range(slot[PASS_LABELS]):
            counts[k] = 0.0
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        size = factor[FACTOR_CELLS]
        if factor[FACTOR_COUNT] == 0:
            continue
        counts = floats(factor[FACTOR_COUNT], size)
        for k in range(size):
            counts[k] = 0.0
        width = factor[FACTOR_DIMENSION] if factor[FACTOR_KIND] == VECTORS else 1
        for c in range(factor[FACTOR_COLUMNS]):
            column = integers(factor[FACTOR_COLUMN_TABLE] + 8 * COLUMN_WIDTH * c, COLUMN_WIDTH)
            sums = floats(column[COLUMN_SUM], size * width)
            for k in range(size * width):
                sums[k] = 0.0
            if column[COLUMN_SQUARE] != 0:
                squares = floats(column[COLUMN_SQUARE], size * width * width)
                for k in range(size * width * width):
                    squares[k] = 0.0


@inline
def _collect_tile(slot, label, cell, centred, first_unit, m):
    """Counts and sums of a tile whose labels (numbers 0 .. K-1) are known."""
    if slot[PASS_COUNTS] != 0:
        counts = floats(slot[PASS_COUNTS], slot[PASS_LABELS])
        if slot[PASS_LABELS] <= MOST_MASKED:
            for k in range(slot[PASS_LABELS]):
                count, _, _ = _masked_sums(label, label, m, k)
                counts[k] += count
        else:
            for i in range(m):
                counts[int(label[i])] += 1.0
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        if factor[FACTOR_COUNT] == 0:
            continue
        start, end = rows_of_units(factor, first_unit, m)
        while start < end:
            n = min(TILE, end - start)
            cells_of(factor, label, cell, first_unit, m, start, n)
            _collect(factor, cell, centred, start, n)
            start += n


@inline
def _draw_missing(slot, label, state, first):
    """Draw the missing coordinates of a tile's rows of vectors, given their labels; whether it went well."""
    for j in range(slot[PASS_FACTORS]):
        factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
        if factor[FACTOR_KIND] == VECTORS and factor[FACTOR_GAPS] != 0:
            d = factor[FACTOR_DIMENSION]
            gap, shift = integers(factor[FACTOR_GAPS], GAP_WIDTH), floats(factor[FACTOR_C], d)
            if not draw_gaps(gap, shift, label, state, first, d, slot[PASS_LABELS]):
                return False
    return True


@step_kernel
def hard_pass(descriptor, reals, stream):
    """Draw every label from its full conditional and collect counts and sums in the same pass."""
    slot = integers(descriptor, PASS_WIDTH)
    n_labels, n_units = slot[PASS_LABELS], slot[PASS_UNITS]
    status = call(slot[PASS_MACHINE], (slot[PASS_PRELUDE], slot[PASS_PRELUDE_LENGTH], 0, 0))
    if status != 0:
        return status
    space = floats(slot[PASS_WORKSPACE], (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    uniforms, label, cell, centred = work[TILE:], work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    drawn = floats(slot[PASS_OUT], n_units)
    prepare_vectors(slot)
    clear(slot)
    for block in range((n_units + BLOCK - 1) // BLOCK):
        state = words(slot[PASS_STREAMS] + 8 * STREAM_WORDS * block, STREAM_WORDS)
        for first in range(block * BLOCK, min((block + 1) * BLOCK, n_units), TILE):
            m = min(TILE, n_units - first)
            status = tile_logs(slot, space, work, first, m, False)
            if status != 0:
                return status
            fill_uniforms(state, uniforms, m)
            if n_labels == 2:
                bad = _draw_two(space, uniforms, label, m)
            else:
                bad = _draw_many(space, uniforms, label, cell, m, n_labels)
            if bad != 0:
                return _trouble(slot, space, work, first, m)
            for i in range(m):
                drawn[first + i] = slot[PASS_LOWEST] + label[i]
            if not _draw_missing(slot, label, state, first):
                return NOT_A_NUMBER_ROW
            if slot[PASS_COLLECT] != 0:
                _collect_tile(slot, label, cell, centred, first, m)
    finish_vectors(slot)
    return 0


@step_kernel
def count_labels(descriptor, reals, stream):
    """Collect counts and sums for the labels as they stand, without drawing."""
    slot = integers(descriptor, PASS_WIDTH)
    n_units, n_labels = slot[PASS_UNITS], slot[PASS_LABELS]
    space = floats(slot[PASS_WORKSPACE], (n_labels + WORKSPACE_ROWS) * TILE)
    work = space[n_labels * TILE :]
    label, cell, centred = work[2 * TILE :], work[3 * TILE :], work[4 * TILE :]
    drawn = floats(slot[PASS_OUT], n_units)
    clear(slot)
    for first in range(0, n_units, TILE):
        m = min(TILE, n_units - first)
        for i in range(m):
            label[i] = drawn[first + i] - slot[PASS_LOWEST]
        for j in range(slot[PASS_FACTORS]):
            factor = integers(slot[PASS_FACTOR_TABLE] + 8 * FACTOR_WIDTH * j, FACTOR_WIDTH)
            if factor[FACTOR_KIND] == VECTORS and factor[FACTOR_GAPS] != 0:
                load_vectors(factor, first, m, True)
        _collect_tile(slot, label, cell, centred, first, m)
    finish_vectors(slot)
    return 0


def n_blocks(n_units: int) -> int:
    """Number of blocks that units are cut into."""
    return (n_units + BLOCK - 1) // BLOCK


__all__ = ["count_labels", "hard_pass", "n_blocks", "workspace_size"]
