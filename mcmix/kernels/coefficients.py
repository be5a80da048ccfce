"""Exact draws of coefficients of linear predictors: cross products in one pass over the rows, then one draw a block."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import IMPOSSIBLE, NOT_A_NUMBER
from mcmix.kernels.machine import BAD_INDEX, TILE
from mcmix.kernels.random import standard_normal

# Descriptor: 1 machine, 2 program of the prior, 3 its instructions, then addresses and sizes by these names.
(COEFFICIENTS, BLOCKS, BLOCK_SIZES, CHILDREN, CHILD_TABLE, PRECISION, ENTRIES, LINEAR, ORDER, ROW_STARTS, TARGETS,
 WORK) = range(4, 16)  # fmt: skip
WIDTH = 16

# A child: its row program, instructions, rows, terms, and the address of its columns, TILE doubles each: the precision
# of a row, that times what is left of its value, then slope and number of each term; and whether cross products are
# gathered, not known already.
CHILD_PROGRAM, CHILD_LENGTH, CHILD_ROWS, CHILD_TERMS, CHILD_COLUMNS, CHILD_CROSS = range(6)
CHILD_WIDTH = 6


@inline
def _met(columns, order, m, terms, i, slopes, places):
    """The coefficients that a row meets: their slopes and places; returns how many, or -1 where one does not exist."""
    n = 0
    for t in range(terms):
        slope = columns[(2 + 2 * t) * TILE + i]
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
        for b in range(a):
            both = 2.0 if places[b] == at else 1.0
            precision[start + places[b]] += both * scaled * slopes[b]
        precision[start + at] += scaled * slopes[a]


@inline
def _add_child(slot, child):
    """Add all rows of a child to the prior's precision and linear part."""
    m, rows, terms = slot[COEFFICIENTS], child[CHILD_ROWS], child[CHILD_TERMS]
    columns = floats(child[CHILD_COLUMNS], (2 + 2 * terms) * TILE)
    order, row_starts = integers(slot[ORDER], m), integers(slot[ROW_STARTS], m)
    precision, linear = floats(slot[PRECISION], slot[ENTRIES]), floats(slot[LINEAR], m)
    slopes, places = floats(slot[WORK], terms), integers(slot[WORK] + 8 * terms, terms)
    for first in range(0, rows, TILE):
        tile = min(TILE, rows - first)
        status = call(slot[1], (child[CHILD_PROGRAM], child[CHILD_LENGTH], first, tile))
        if status != 0:
            return status
        for i in range(tile):
            n = _met(columns, order, m, terms, i, slopes, places)
            if n < 0:
                return BAD_INDEX
            for a in range(n):
                linear[places[a]] += columns[TILE + i] * slopes[a]
            if child[CHILD_CROSS] != 0:
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
def _draw_block(matrix, linear, factor, d, stream):
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


@step_kernel
def draw_coefficients(words, reals, stream):
    """Draw coefficients block by block from their prior and all rows that hang on them."""
    slot = integers(words, WIDTH)
    status = call(slot[1], (slot[2], slot[3], 0, 0))
    if status != 0:
        return status
    for j in range(slot[CHILDREN]):
        status = _add_child(slot, integers(slot[CHILD_TABLE] + 8 * CHILD_WIDTH * j, CHILD_WIDTH))
        if status != 0:
            return status
    sizes = integers(slot[BLOCK_SIZES], slot[BLOCKS])
    targets = integers(slot[TARGETS], slot[COEFFICIENTS])
    matrix, first = slot[PRECISION], 0
    for k in range(slot[BLOCKS]):
        d = sizes[k]
        linear = floats(slot[LINEAR] + 8 * first, d)
        status = _draw_block(floats(matrix, d * d), linear, floats(slot[WORK], d * d), d, stream)
        if status != 0:
            return status
        for i in range(d):
            floats(targets[first + i], 1)[0] = linear[i]
        matrix += 8 * d * d
        first += d
    return 0


__all__ = ["draw_coefficients"]
