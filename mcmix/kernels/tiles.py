"""The densities of a tile of rows under every label, and the records that tell a pass what to do.

Factors add log densities into a scratch of shape (K, TILE): by a family's kernel, by a program of the machine, or for
rows of vectors. Addresses are absolute, 0 where absent; `mcmix.steps.labels` fills records in.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import bits_of, call, double_of, floats, inline, integers
from mcmix.kernels.gaps import GAPS, add_marginals, load_tile, prepare_gaps, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import STEP, record, record_at, record_in
from mcmix.kernels.vectors import add_vector_logs, whiten

# The prelude, a program; K labels from the lowest value up, of so many units, and where they go; addresses of log
# weights, factors, random streams and workspace; the kernels of the labels' distribution (`ahead` is 0 where tiles need
# no first look in their order) and its own record; accumulators, and the stretch of memory that they add to; where
# counts, log densities of units and label probabilities go; whether anything is collected; addresses of the power of a
# soft pass and of the units that count in it; so many factors come first and count a temperature.
PASS = record(
    *STEP, "prelude", "prelude_length", "units", "labels", "log_weights", "out", "lowest", "factors", "n_factors",
    "streams", "workspace", "ahead", "draw", "expect", "distribution", "accumulators", "n_accumulators", "region",
    "region_length", "counts", "unit_logs", "memberships", "collect", "power", "active", "tempered", "temperature",
)  # fmt: skip

# By a family's density: values and three parameters, with the steps from label to label. By a program: where it reads
# its component and leaves results. Vectors: values column by column, means, matrices (by what they are) and the shift
# as parameters, where they are whitened, missing coordinates. Units of rows, and where each unit's rows start. Where
# cells' counts and columns' sums go, and how a row's cell is made from its label, known groups and another label.
FACTOR = record(
    "kind", "density", "x", "first", "first_step", "second", "second_step", "third", "third_step", "program", "length",
    "component", "result", "units", "offsets", "columns", "n_columns", "counts", "cells", "stride", "groups", "other",
    "other_stride", "other_lowest", "dimension", "rows", "whitened", "by", "gaps",
)  # fmt: skip
PARAMETERS = ("first", "second", "third")
TABLE, PROGRAM, VECTORS = 0, 1, 2  # kinds of factors

COLUMN = record("values", "shift", "sums", "squares")  # of a statistic; squares may be absent

# What a pass adds up, each by three kernels (0: nothing to finish) and by what they are told of it beside the pass:
# ``add(told, pass, first, m)`` for m units of known labels, ``add_weighted(...)`` for their responsibilities,
# ``finish(told)`` at the end.
ACCUMULATOR = record("add", "add_weighted", "finish", "told")

# Lanes of a tile after the K rows of the scratch. A kernel of the labels' distribution reads uniforms and writes labels
# (numbers 0 .. K-1), or turns the scratch into responsibilities and writes the units' highest log density and total.
UNIFORMS, LABEL, CELL, SPARE = 1, 2, 3, 4
HIGHEST, TOTAL = 1, 2
WORKSPACE_ROWS = 7  # besides the K rows of the scratch

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


@inline
def lane(task, number):
    """Memory for one number a unit of the tile, and whatever comes behind it in the workspace."""
    place = task.workspace + 8 * TILE * (task.labels + number)
    return floats(place, TILE * (WORKSPACE_ROWS - number))


@inline
def scratch_of(task):
    """Log densities of the tile's units under each label, shape (K, TILE), flat; later their responsibilities."""
    return floats(task.workspace, (task.labels + WORKSPACE_ROWS) * TILE)


@inline
def prepare_vectors(task):
    """Whiten every component of every vector factor: once a pass."""
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.kind != VECTORS:
            continue
        d, n_labels = factor.dimension, task.labels
        table = floats(factor.whitened, n_labels * (d * d + d + 1) + d * d)
        offsets, constants = table[n_labels * d * d :], table[n_labels * (d * d + d) :]
        work, shift = table[n_labels * (d * d + d + 1) :], floats(factor.third, d)
        for k in range(n_labels):
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
        if factor.gaps != 0:
            prepare_gaps(record_at(factor.gaps, GAPS), table, offsets, n_labels, d)


@inline
def vectors_at(factor, row):
    """Where rows of vectors from `row` on stand: columns, their length, and the place of the first row in them.

    Rows with gaps are read from the tile that was loaded last.
    """
    d, rows = factor.dimension, factor.rows
    if factor.gaps != 0:
        return tile_of(record_at(factor.gaps, GAPS), d), TILE, row % TILE
    return floats(factor.x, rows * d), rows, row


@inline
def load_vectors(factor, first, m, drawn):
    """Bring a tile's rows with their gaps to where `vectors_at` finds them: filled by what was drawn, or with zeros."""
    d, rows = factor.dimension, factor.rows
    columns, shift = floats(factor.x, rows * d), floats(factor.third, d)
    load_tile(record_at(factor.gaps, GAPS), columns, shift, rows, first, m, d, drawn)


@inline
def has_gaps(task):
    """Whether some factor's rows of vectors have missing coordinates: a tile of these is loaded to be read."""
    found = False
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        found = found or (factor.kind == VECTORS and factor.gaps != 0)
    return found


@inline
def _vectors(task, factor, k, out, row, n, work, integrated):
    """Log densities of rows of vectors under component k, their gaps integrated out or as they are filled."""
    d, n_labels = factor.dimension, task.labels
    table = floats(factor.whitened, n_labels * (d * d + d + 1))
    offset, constant = table[n_labels * d * d + k * d :], table[n_labels * (d * d + d) + k]
    columns, rows, place = vectors_at(factor, row)
    y, distance = work[5 * TILE :], work[6 * TILE :]
    by, whitening = factor.by, table[k * d * d :]
    add_vector_logs(by, out, columns, rows, place, n, whitening, offset, constant, y, distance, d)
    if integrated and constant > -math.inf:
        add_marginals(record_at(factor.gaps, GAPS), out, row, d, k, n_labels)


@inline
def _add_rows(task, factor, scratch, k, first_unit, m, work, integrated):
    """Add one factor's log densities under label k to scratch[k]; factors with many rows per unit go through `work`."""
    target = k * TILE
    if factor.offsets == 0:
        if factor.kind == TABLE:
            _density(factor, k, task.workspace + 8 * target, first_unit, m)
        elif factor.kind == VECTORS:
            _vectors(task, factor, k, scratch[target:], first_unit, m, work, integrated)
        else:
            status = _program(task, factor, k, first_unit, m)
            if status != 0:
                return status
            result = floats(factor.result, m)
            for i in range(m):
                scratch[target + i] += result[i]
        return 0
    offsets = integers(factor.offsets, first_unit + m + 1)
    units = integers(factor.units, offsets[first_unit + m])
    start, end = offsets[first_unit], offsets[first_unit + m]
    while start < end:
        n = min(TILE, end - start)
        if factor.kind != PROGRAM:
            for i in range(n):
                work[i] = 0.0
            if factor.kind == TABLE:
                _density(factor, k, task.workspace + 8 * (task.labels * TILE), start, n)
            else:
                _vectors(task, factor, k, work, start, n, work, False)
            result = work
        else:
            status = _program(task, factor, k, start, n)
            if status != 0:
                return status
            result = floats(factor.result, n)
        for i in range(n):
            scratch[target + units[start + i] - first_unit] += result[i]
        start += n
    return 0


@inline
def _density(factor, k, out, row, n):
    """Log densities of rows under the parameters of label k, by the family's kernel."""
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


@inline
def _program(task, factor, k, row, n):
    """Evaluate the factor's row program for label k."""
    floats(factor.component, 1)[0] = task.lowest + k
    return call(task.machine, (factor.program, factor.length, row, n))


@inline
def tile_logs(task, scratch, work, first_unit, m, soft):
    """Unnormalised log probabilities of every label for the units of a tile: scratch, shape (K, TILE).

    The soft pass always integrates missing coordinates out, the hard pass where the factor says so.
    """
    n_labels, tempered = task.labels, task.tempered
    weights = floats(task.log_weights, n_labels)
    for k in range(n_labels):
        start = weights[k] if task.log_weights != 0 and tempered == 0 else 0.0
        for i in range(m):
            scratch[k * TILE + i] = start
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        gaps = factor.kind == VECTORS and factor.gaps != 0
        integrated = gaps and (soft or record_at(factor.gaps, GAPS).integrated != 0)
        if gaps:
            load_vectors(factor, first_unit, m, not integrated)
        for k in range(n_labels):
            status = _add_rows(task, factor, scratch, k, first_unit, m, work, integrated)
            if status != 0:
                return status
        if j + 1 == tempered:
            _cool(task, weights, scratch, m)
    return 0


@inline
def _cool(task, weights, scratch, m):
    """Let what the first factors said count the power of a tempered chain, and add the labels' own weights."""
    power = floats(task.temperature, 1)[0]
    for k in range(task.labels):
        start = weights[k] if task.log_weights != 0 else 0.0
        for i in range(m):
            scratch[k * TILE + i] = start + power * scratch[k * TILE + i]
