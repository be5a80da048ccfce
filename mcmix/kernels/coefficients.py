"""Exact draws of coefficients of linear predictors: cross products in one pass over the rows, then one draw a block."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import IMPOSSIBLE, NOT_A_NUMBER
from mcmix.kernels.machine import BAD_INDEX, TILE
from mcmix.kernels.random import standard_normal
from mcmix.kernels.records import RUN, record, record_at, record_in

# The program is that of the prior. Precision (so many entries in all blocks) and linear part are its results; order,
# row starts and targets have a number for each coefficient.
COEFFICIENTS = record(
    *RUN, "coefficients", "blocks", "block_sizes", "children", "n_children", "precision", "entries", "linear", "order",
    "row_starts", "targets", "workspace",
)  # fmt: skip

# A child: its row program, rows, terms, and the address of its columns, TILE doubles each: the precision of a row, that
# times what is left of its value, then slope and number of each term; and whether cross products are gathered, not
# known already.
CHILD = record("program", "length", "rows", "terms", "columns", "crossed")


@inline
def _copy(into, source, first, n):
    """Copy n numbers from one place on: assignments of slices compile their words for shapes that differ, too."""
    for i in range(first, first + n):
        into[i] = source[i]


@inline
def _met(columns, order, m, terms, i, slopes, places):
    """The coefficients that a row meets: their slopes and places; returns how many, or -1 where one does not exist."""
    n = 0
    for t in range(terms):
        slope = columns[(2 + 2 * t) * TILE + i]
        # Terms that this row's labels switch off have slope 0. Left out, they keep a row inside the block of its
        # coefficients.
        if slope != 0.0:
            number = int(columns[(3 + 2 * t) * TILE + i])
            if number < 0 or number >= m:
                return -1
            slopes[n], places[n] = slope, order[number]
            n += 1
    return n


@inline
def _add_row(weight, slopes, places, n, row_starts, precision):
    """Add a row's cross products: one of the two entries of each pair, twice where both are one coefficient."""
    for a in range(n):
        at, scaled = places[a], weight * slopes[a]
        start = row_starts[at]
        # Entries (i, j) and (j, i) each hold a part of w d_i d_j; `_made_whole` adds them before a factor is taken. Two
        # terms of one coefficient meet on the diagonal: (d_a + d_b)**2 has 2 d_a d_b.
        for b in range(a):
            both = 2.0 if places[b] == at else 1.0
            precision[start + places[b]] += both * scaled * slopes[b]
        precision[start + at] += scaled * slopes[a]


@inline
def _add_child(task, child):
    """Add all rows of a child to the prior's precision and linear part."""
    m, rows, terms = task.coefficients, child.rows, child.terms
    columns = floats(child.columns, (2 + 2 * terms) * TILE)
    order, row_starts = integers(task.order, m), integers(task.row_starts, m)
    precision, linear = floats(task.precision, task.entries), floats(task.linear, m)
    slopes, places = floats(task.workspace, terms), integers(task.workspace + 8 * terms, terms)
    for first in range(0, rows, TILE):
        tile = min(TILE, rows - first)
        status = call(task.machine, (child.program, child.length, first, tile))
        if status != 0:
            return status
        for i in range(tile):
            n = _met(columns, order, m, terms, i, slopes, places)
            if n < 0:
                return BAD_INDEX
            for a in range(n):
                # h += w (y - o) d, of which w (y - o) is the column
                linear[places[a]] += columns[TILE + i] * slopes[a]
            if child.crossed != 0:
                _add_row(columns[i], slopes, places, n, row_starts, precision)
    return 0


@inline
def _made_whole(matrix, d):
    """Both entries of each pair, of which either holds a part: the diagonal is whole."""
    for i in range(d):
        for j in range(i):
            matrix[i * d + j] += matrix[j * d + i]
            matrix[j * d + i] = matrix[i * d + j]


@inline
def _trouble(matrix, d):
    """Why a block has no draw."""
    for i in range(d * d):
        if matrix[i] != matrix[i] or abs(matrix[i]) == math.inf:
            return NOT_A_NUMBER
    return IMPOSSIBLE


@inline
def draw_block(matrix, linear, factor, d, stream):
    """Draw from exp(-v' P v / 2 + h' v) into h (Rue and Held 2005, algorithm 2.5)."""
    _made_whole(matrix, d)
    logs = cholesky(matrix, factor, d)
    if logs != logs:
        return _trouble(matrix, d)
    solved_below(factor, linear, d)
    for i in range(d):
        linear[i] += standard_normal(stream)
    solved_above(factor, linear, d)
    for i in range(d):
        if linear[i] != linear[i]:
            return NOT_A_NUMBER
    return 0


@step_of(COEFFICIENTS)
def draw_coefficients(words, reals, stream):
    """Draw coefficients block by block from their prior and all rows that depend on them."""
    task = record_at(words, COEFFICIENTS)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    for j in range(task.n_children):
        status = _add_child(task, record_in(task.children, j, CHILD))
        if status != 0:
            return status
    sizes = integers(task.block_sizes, task.blocks)
    targets = integers(task.targets, task.coefficients)
    matrix, first = task.precision, 0
    for k in range(task.blocks):
        d = sizes[k]
        linear = floats(task.linear + 8 * first, d)
        status = draw_block(floats(matrix, d * d), linear, floats(task.workspace, d * d), d, stream)
        if status != 0:
            return status
        for i in range(d):
            floats(targets[first + i], 1)[0] = linear[i]
        matrix += 8 * d * d
        first += d
    return 0


__all__ = ["draw_block", "draw_coefficients"]


@inline
def _prior_at(task, v, first, matrix, d):
    """Log prior density of a block at v, up to a constant; either entry of a pair holds a part of it."""
    precision = floats(task.precision + 8 * matrix, d * d)
    linear = floats(task.linear + 8 * first, d)
    total = 0.0
    for i in range(d):
        total += linear[i] * v[first + i]
        for j in range(d):
            # -v' P v / 2: an off-diagonal entry stands for both of its pair.
            share = 0.5 if i == j else 1.0
            total -= share * precision[i * d + j] * v[first + i] * v[first + j]
    return total


@inline
def _prior_gradient(task, v, gradient, first, matrix, d):
    """Turn the linear parts of prior and rows at v into the gradient of the log density."""
    precision = floats(task.precision + 8 * matrix, d * d)
    for i in range(d):
        for j in range(d):
            gradient[first + i] -= (precision[i * d + j] if i == j else 0.0) * v[first + j]
            if i != j:
                gradient[first + i] -= (precision[i * d + j] + precision[j * d + i]) * v[first + j]
