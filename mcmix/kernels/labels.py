"""The pass over the data that draws labels, and the one that only collects for labels as they stand.

Rows are cut into blocks of fixed size, each with its own random stream, and blocks into tiles that fit the cache. On a
tile, factors add log densities into a scratch of shape (K, tile) (`tiles`), the distribution of the labels turns them
into labels, accumulators add to counts and sums. A distribution whose labels depend on one another looks at all tiles
in their order first (`ahead`), and then draws from the last to the first.
"""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.accumulators import clear, collect, finish
from mcmix.kernels.base import AddressedKernel, address_of, apart, call, floats, helper, inline, run, step_of
from mcmix.kernels.base import words as states
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import STREAM_WORDS, fill_uniforms
from mcmix.kernels.records import record_at, record_in
from mcmix.kernels.tiles import (
    COUNT,
    DRAW,
    FACTOR,
    LABEL,
    PASS,
    UNIFORMS,
    address_of_factor,
    has_gaps,
    lane,
    load,
    prepare,
    scratch_of,
    tile_logs,
)

BLOCK = 64 * TILE
IMPOSSIBLE_ROW, NOT_A_NUMBER_ROW = 30, 31


@helper({"contract"})
def _trouble(task, words, space, first, m):
    """What is wrong with a tile in which some row has no proper total."""
    status = tile_logs(task, words, space, first, m, 0)
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


@helper({"contract"})
def _draw_missing(task, words, first, m, stream):
    """Draw the missing coordinates of a tile's rows, given their labels; whether it went well."""
    for j in range(task.n_factors):
        factor = record_in(task.factors, j, FACTOR)
        if factor.complete != 0:
            if call(factor.complete, (address_of_factor(task, j), words, first, m, stream)) != 0:
                return False
    return True


@helper({"contract"})
def _look_ahead(task, words, space):
    """Show every tile's log densities to the labels' distribution, in order."""
    for first in range(0, task.units, TILE):
        m = min(TILE, task.units - first)
        status = tile_logs(task, words, space, first, m, 0)
        if status != 0:
            return status
        if call(task.ahead, (task.distribution, words, first, m)) != 0:
            return _trouble(task, words, space, first, m)
    return 0


@inline
def _draw_tile(task, words, stream, space, first, m):
    """Labels and missing coordinates of one tile, and what they add to the sums."""
    if task.ahead == 0 or has_gaps(task):
        status = tile_logs(task, words, space, first, m, 0)
        if status != 0:
            return status
    label = lane(task, LABEL)
    fill_uniforms(states(stream, STREAM_WORDS), lane(task, UNIFORMS), m)
    if call(task.draw, (task.distribution, words, first, m)) != 0:
        return _trouble(task, words, space, first, m)
    drawn = floats(task.out, task.units)
    for i in range(m):
        drawn[first + i] = task.lowest + label[i]
    if not _draw_missing(task, words, first, m, stream):
        return NOT_A_NUMBER_ROW
    if task.collect != 0:
        collect(task, words, first, m)
    return 0


@step_of(PASS)
def hard_pass(words, reals, stream):
    """Draw every label from its full conditional and collect counts and sums in the same pass."""
    task = record_at(words, PASS)
    status = call(task.machine, (task.prelude, task.prelude_length, 0, 0))
    if status != 0:
        return status
    if task.parts != 0:
        return call(task.parts, (DRAW, 0, 0))
    space = scratch_of(task)
    prepare(task, words)
    clear(task)
    if task.ahead != 0:
        status = _look_ahead(task, words, space)
        if status != 0:
            return status
    n_tiles = (task.units - task.begin + TILE - 1) // TILE
    for number in range(n_tiles):
        # Labels that depend on one another: filter forward (`ahead`), then draw backward (Chib 1996, "Calculating
        # posterior distributions and modal estimates in Markov mixture models").
        first = task.begin + TILE * (number if task.ahead == 0 else n_tiles - 1 - number)
        # A block's stream depends on its number alone, not on how many blocks there are.
        stream = task.streams + 8 * STREAM_WORDS * (first // BLOCK)
        status = _draw_tile(task, words, stream, space, first, min(TILE, task.units - first))
        if status != 0:
            return status
    finish(task)
    return 0


@step_of(PASS)
def count_labels(words, reals, stream):
    """Collect counts and sums for the labels as they stand, without drawing."""
    task = record_at(words, PASS)
    n_units = task.units
    if task.parts != 0:
        return call(task.parts, (COUNT, 0, 0))
    label, drawn = lane(task, LABEL), floats(task.out, n_units)
    clear(task)
    for first in range(task.begin, n_units, TILE):
        m = min(TILE, n_units - first)
        for i in range(m):
            label[i] = drawn[first + i] - task.lowest
        load(task, words, first, m)
        collect(task, words, first, m)
    finish(task)
    return 0


def pass_by(streams, units, passes, space):
    """Draw from the streams of units' blocks what so many hard passes draw without gaps, and forget it."""
    out = floats(space, TILE)
    for begin in range(0, units, BLOCK):
        stream = states(streams + 8 * STREAM_WORDS * (begin // BLOCK), STREAM_WORDS)
        end = min(begin + BLOCK, units)
        for _ in range(passes):
            for first in range(begin, end, TILE):
                fill_uniforms(stream, out, min(TILE, end - first))
    return 0


_PASS_BY = AddressedKernel(pass_by, 4)


def go_on(streams: np.ndarray, n_units: int, passes: int) -> None:
    """Bring the streams of units' blocks to where they stand after so many passes that draw one label for each unit.

    Parameters
    ----------
    streams : ndarray of uint64, shape (blocks, STREAM_WORDS)
        Of these units' blocks; they are advanced.
    n_units, passes : int
    """
    space = apart(TILE)
    run(_PASS_BY.address, address_of(streams), n_units, passes, address_of(space))


def n_blocks(n_units: int) -> int:
    """Number of blocks that units are cut into."""
    return (n_units + BLOCK - 1) // BLOCK


__all__ = ["count_labels", "go_on", "hard_pass", "n_blocks"]
