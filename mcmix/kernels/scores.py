"""Derivatives of rows' log densities, added up by label: what a gradient needs where no finite sums say it."""

from __future__ import annotations

from mcmix.kernels.accumulators import rows_of_units
from mcmix.kernels.base import call, floats, inline, integers, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record, record_at
from mcmix.kernels.tiles import LABEL, PASS, lane, scratch_of

# A row program that reads the label from a place and leaves so many derivatives of a tile's rows, a tile of each behind
# the other; units of rows and where each unit's rows start (0: a row a unit); sums by derivative and label.
SCORES = record("program", "length", "component", "result", "derivatives", "units", "offsets", "sums")


@inline
def _add(task, told, k, row, n, weight, first):
    """The derivatives of n rows under label k, each times the weight of its unit."""
    floats(told.component, 1)[0] = task.lowest + k
    status = call(task.machine, (told.program, told.length, row, n))
    if status != 0:
        return status
    sums = floats(told.sums, told.derivatives * task.labels)
    units = integers(told.units, row + n)
    for j in range(told.derivatives):
        slope, total = floats(told.result + 8 * TILE * j, n), 0.0
        for i in range(n):
            share = weight[i] if told.offsets == 0 else weight[units[row + i] - first]
            if share != 0.0:  # where a row cannot be, its derivative may be no number
                total += share * slope[i]
        sums[j * task.labels + k] += total
    return 0


@inline
def _add_rows(task, told, k, weight, first, m):
    start, end = rows_of_units(told, first, m)
    while start < end:
        n = min(TILE, end - start)
        status = _add(task, told, k, start, n, weight, first)
        if status != 0:
            return status
        start += n
    return 0


@tile_of(PASS)
def expect_scores(told, words, first, m):
    """Derivatives of a tile's rows under every label, each with its responsibility."""
    task, own, shares = record_at(words, PASS), record_at(told, SCORES), scratch_of(record_at(words, PASS))
    for k in range(task.labels):
        status = _add_rows(task, own, k, shares[k * TILE :], first, m)
        if status != 0:
            return status
    return 0


@tile_of(PASS)
def add_scores(told, words, first, m):
    """Derivatives of a tile's rows under the labels that they have."""
    task, own = record_at(words, PASS), record_at(told, SCORES)
    label, weight = lane(task, LABEL), scratch_of(task)
    for k in range(task.labels):
        for i in range(m):
            weight[i] = 1.0 if label[i] == k else 0.0
        status = _add_rows(task, own, k, weight, first, m)
        if status != 0:
            return status
    return 0


__all__ = ["SCORES", "add_scores", "expect_scores"]
