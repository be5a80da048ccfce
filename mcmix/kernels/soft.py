"""The soft pass: weigh every label of every unit instead of drawing one. Same record as the hard pass."""

from __future__ import annotations

import math

from mcmix.kernels.accumulators import clear, collect_weighted, finish
from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record_at
from mcmix.kernels.tiles import (
    HIGHEST,
    PASS,
    TOTAL,
    WEIGH,
    has_gaps,
    lane,
    prepare,
    scratch_of,
    tile_logs,
)


@inline
def _temper(scratch, power, m, n_labels):
    """Multiply log weights: deterministic annealing."""
    # Ueda and Nakano 1998, "Deterministic annealing EM algorithm"
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
            # log sum_k exp(l_k) = highest + log sum_k exp(l_k - highest)
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
def _logs(task, words, space, first, m):
    """Log densities of a tile, at the power of the pass."""
    status = tile_logs(task, words, space, first, m, 1)
    if task.power != 0:
        _temper(space, floats(task.power, 1)[0], m, task.labels)
    return status


@step_of(PASS)
def soft_pass(words, reals, stream):
    """Weigh every label of every unit instead of drawing one.

    Log weights may count a power (`power`), and units not at all (`active`, ones and zeros). Writes the log density of
    each unit with its label summed out (`unit_logs`; given the units before it where labels depend on one another),
    adds the label probabilities to `memberships` (units, K), and collects expected counts and sums, each where its
    address is given.
    """
    task = record_at(words, PASS)
    n_units = task.units
    status = call(task.machine, (task.prelude, task.prelude_length, 0, 0))
    if status != 0:
        return status
    if task.parts != 0:
        return call(task.parts, (WEIGH, 0, 0))
    space, highest, total = scratch_of(task), lane(task, HIGHEST), lane(task, TOTAL)
    prepare(task, words)
    if task.collect != 0:
        clear(task)
    n_tiles = (n_units - task.begin + TILE - 1) // TILE
    if task.ahead != 0:
        for number in range(n_tiles):
            first = task.begin + TILE * number
            m = min(TILE, n_units - first)
            status = _logs(task, words, space, first, m)
            if status != 0:
                return status
            call(task.ahead, (task.distribution, words, first, m))
    again = task.ahead == 0 or has_gaps(task)
    for number in range(0, n_tiles, max(1, task.every) if task.ahead == 0 else 1):
        first = task.begin + TILE * (number if task.ahead == 0 else n_tiles - 1 - number)
        m = min(TILE, n_units - first)
        status = _logs(task, words, space, first, m) if again else 0
        if status != 0:
            return status
        status = call(task.expect, (task.distribution, words, first, m))
        if status != 0:
            return status
        _report(task, space, highest, total, first, m)
        if task.active != 0:
            _leave_out(task, space, first, m)
        if task.collect != 0:
            collect_weighted(task, words, first, m)
    if task.collect != 0:
        finish(task)
    return 0
