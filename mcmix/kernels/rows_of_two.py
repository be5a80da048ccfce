"""The rows of two components, brought together tile by tile: weighed under both, labelled, and added up.

A pass of two labels (:data:`mcmix.kernels.tiles.PASS`) over one tile does the work, so whatever weighs and adds rows in
a sweep does it here, and what it costs goes by the rows of the two components alone.
"""

from __future__ import annotations

import math

from mcmix.kernels.accumulators import clear, collect, finish
from mcmix.kernels.base import call, floats, helper, inline, integers, shorts_at
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import uniform
from mcmix.kernels.records import record, record_at, record_in, width
from mcmix.kernels.tiles import FACTOR, LABEL, PASS, lane, prepare, scratch_of, tile_logs

# The pass of two labels and its log weights; the factors as they are told of all components, of which it has copies.
# Columns of the data and where a tile of them goes; columns that say which of two rows another one is closer to. Sums
# of the two labels and where those of all components stand.
PAIR = record(
    "two", "log_weights", "factors", "prelude", "prelude_length", "columns", "n_columns", "near", "n_near", "sums",
    "n_sums",
)  # fmt: skip
SOURCE = record("source", "target", "short")  # of doubles, or of whole numbers of 16 bits
NEAR = record("values", "scale")  # a column, and where the inverse of its variance stands
SUMS = record("own", "every", "entries")  # doubles of a label

_FIRST, _SECOND, _THIRD = ((FACTOR.names or ()).index(x) for x in ("first", "second", "third"))
_WIDTH = width(FACTOR)


@inline
def _gather(pair, rows, m):
    """Bring a tile of rows to where the pass of two labels reads them."""
    for j in range(pair.n_columns):
        column = record_in(pair.columns, j, SOURCE)
        if column.short != 0:
            for i in range(m):
                shorts_at(column.target + 2 * i, 1)[0] = shorts_at(column.source + 2 * rows[i], 1)[0]
        else:
            target = floats(column.target, m)
            for i in range(m):
                target[i] = floats(column.source + 8 * rows[i], 1)[0]


@inline
def _tell(pair, a, b):
    """Let label 0 of the pass be component a, and label 1 component b."""
    task = record_at(pair.two, PASS)
    for j in range(task.n_factors):
        whole, own = integers(pair.factors + 8 * _WIDTH * j, _WIDTH), integers(task.factors + 8 * _WIDTH * j, _WIDTH)
        for at in (_FIRST, _SECOND, _THIRD):  # an address, and the step from label to label behind it
            own[at], own[at + 1] = whole[at] + 8 * whole[at + 1] * a, whole[at + 1] * (b - a)


@helper()
def _ready(pair, a, b, share):
    """Compute what the two components' parameters say; share: of component b among the units."""
    task, weights = record_at(pair.two, PASS), floats(pair.log_weights, 2)
    status = call(task.machine, (pair.prelude, pair.prelude_length, 0, 0))
    _tell(pair, a, b)
    weights[0], weights[1] = math.log1p(-share), math.log(share)
    prepare(task, pair.two)
    return status


@helper()
def label_rows(pair, rows, sides, n, a, b, share, first, second, drawn, stream):
    """Weigh n rows under components a and b; draw on which side each is, or look where it is; the log probability.

    Rows `first` and `second` stay on sides 0 and 1. NaN where a row has no proper probability.
    """
    task, total = record_at(pair.two, PASS), 0.0
    if _ready(pair, a, b, share) != 0:
        return math.nan
    scratch = scratch_of(task)
    for start in range(0, n, TILE):
        m = min(TILE, n - start)
        _gather(pair, rows[start:], m)
        if tile_logs(task, pair.two, scratch, 0, m, 0) != 0:
            return math.nan
        for i in range(m):
            odds = scratch[TILE + i] - scratch[i]
            row = rows[start + i]
            if row == first or row == second:
                sides[start + i] = 0.0 if row == first else 1.0
                continue
            # log(1 + exp(|odds|)) in both cases: log p(0) = -log(1 + exp(odds))
            if drawn:
                sides[start + i] = 1.0 if uniform(stream) * (1.0 + math.exp(-odds)) < 1.0 else 0.0
            against = odds if sides[start + i] == 0.0 else -odds
            total -= against + math.log1p(math.exp(-against)) if against > 0.0 else math.log1p(math.exp(against))
    return total


@helper()
def weigh_rows(pair, rows, odds, n, a, b):
    """Log odds of component b against component a of n rows, whatever the components' weights; whether all have any."""
    task, proper = record_at(pair.two, PASS), True
    if _ready(pair, a, b, 0.5) != 0:
        return False
    scratch = scratch_of(task)
    for start in range(0, n, TILE):
        m = min(TILE, n - start)
        _gather(pair, rows[start:], m)
        if tile_logs(task, pair.two, scratch, 0, m, 0) != 0:
            return False
        for i in range(m):
            odds[start + i] = scratch[TILE + i] - scratch[i]
            proper = proper and odds[start + i] == odds[start + i]
    return proper


@helper()
def add_rows(pair, rows, sides, n, a, b):
    """Sums of n rows by side, put in the place of those of components a and b."""
    task = record_at(pair.two, PASS)
    clear(task)
    label = lane(task, LABEL)
    for start in range(0, n, TILE):
        m = min(TILE, n - start)
        _gather(pair, rows[start:], m)
        for i in range(m):
            label[i] = sides[start + i]
        collect(task, pair.two, 0, m)
    finish(task)
    for j in range(pair.n_sums):
        one = record_in(pair.sums, j, SUMS)
        own = floats(one.own, 2 * one.entries)
        first, second = (
            floats(one.every + 8 * a * one.entries, one.entries),
            floats(one.every + 8 * b * one.entries, one.entries),
        )
        for i in range(one.entries):
            first[i], second[i] = own[i], own[one.entries + i]


@helper()
def part_by_nearest(pair, rows, sides, n, first, second):
    """Each of n rows goes to the side of the one of two rows that it is closer to."""
    for i in range(n):
        sides[i] = 0.0
    for j in range(pair.n_near):
        column = record_in(pair.near, j, NEAR)
        scale = floats(column.scale, 1)[0]
        x, y = floats(column.values + 8 * first, 1)[0], floats(column.values + 8 * second, 1)[0]
        # |v - x|**2 - |v - y|**2, up to its scale
        for i in range(n):
            v = floats(column.values + 8 * rows[i], 1)[0]
            sides[i] += scale * (y - x) * (2.0 * v - x - y)
    for i in range(n):
        sides[i] = 1.0 if sides[i] > 0.0 else 0.0
        if rows[i] == first or rows[i] == second:
            sides[i] = 0.0 if rows[i] == first else 1.0


# -------------------------------------------------------------------- sums of single components


@inline
def sums_size(pair):
    """Doubles of one component's sums."""
    total = 0
    for j in range(pair.n_sums):
        total += record_in(pair.sums, j, SUMS).entries
    return total


@helper()
def copy_sums(pair, k, place, there):
    """Copy a component's sums to a place, or back from there."""
    at = 0
    for j in range(pair.n_sums):
        one = record_in(pair.sums, j, SUMS)
        own, kept = floats(one.every + 8 * k * one.entries, one.entries), floats(place + 8 * at, one.entries)
        for i in range(one.entries):
            if there:
                kept[i] = own[i]
            else:
                own[i] = kept[i]
        at += one.entries


@helper()
def join_sums(pair, a, b):
    """Add component b's sums to those of component a, and leave none."""
    for j in range(pair.n_sums):
        one = record_in(pair.sums, j, SUMS)
        own, other = (
            floats(one.every + 8 * a * one.entries, one.entries),
            floats(one.every + 8 * b * one.entries, one.entries),
        )
        for i in range(one.entries):
            own[i] += other[i]
            other[i] = 0.0


@helper()
def clear_sums(pair, k):
    """No rows."""
    for j in range(pair.n_sums):
        one = record_in(pair.sums, j, SUMS)
        own = floats(one.every + 8 * k * one.entries, one.entries)
        for i in range(one.entries):
            own[i] = 0.0


@helper()
def exchange_sums(pair, j, k):
    """Exchange the sums of two components."""
    for s in range(pair.n_sums):
        one = record_in(pair.sums, s, SUMS)
        own, other = (
            floats(one.every + 8 * j * one.entries, one.entries),
            floats(one.every + 8 * k * one.entries, one.entries),
        )
        for i in range(one.entries):
            own[i], other[i] = other[i], own[i]


__all__ = [
    "NEAR", "PAIR", "SOURCE", "SUMS", "add_rows", "clear_sums", "copy_sums", "exchange_sums", "join_sums", "label_rows",
    "part_by_nearest", "sums_size", "weigh_rows",
]  # fmt: skip
