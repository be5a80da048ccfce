"""Labels that are independent of one another given all else: one draw, or K responsibilities, for each unit by itself.

With shared weights, weights by row and labels known for some units alike: what differs between these stands in the log
densities of a tile already.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import inline, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record_at
from mcmix.kernels.tiles import CELL, HIGHEST, LABEL, PASS, TOTAL, UNIFORMS, exp_of_nonpositive, lane, scratch_of


@inline
def _draw_two(scratch, uniforms, label, m):
    """Labels for K = 2 with one exponential a row; the comparison is the general one, term for term."""
    first, second = scratch[:m], scratch[TILE : TILE + m]
    bad = 0
    for i in range(m):
        difference = second[i] - first[i]
        small = exp_of_nonpositive(-abs(difference))
        bad += 1 if small != small or first[i] == math.inf or second[i] == math.inf else 0
        # Weights relative to the larger one: P(label 0) = reached / (1 + small).
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
        # A row that no label explains has -inf - (-inf) = NaN here, which its total shows below.
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
def labels_of_tile(task, m):
    """A label for each unit of the tile, from its log densities and a uniform; how many have no proper total."""
    uniforms, label = lane(task, UNIFORMS), lane(task, LABEL)
    if task.labels == 2:
        return _draw_two(scratch_of(task), uniforms, label, m)
    return _draw_many(scratch_of(task), uniforms, label, lane(task, CELL), m, task.labels)


@tile_of(PASS)
def draw(told, words, first, m):
    """Labels of a tile's units."""
    return labels_of_tile(record_at(words, PASS), m)


@inline
def responsibilities(task, m):
    """Turn log densities into responsibilities; the units' total is their sum before that (highest taken out).

    A unit that no label explains gets equal ones: nothing that is no number may enter sums, out of which a start could
    not come any more. The highest log density tells such units.
    """
    scratch, highest, total, n_labels = scratch_of(task), lane(task, HIGHEST), lane(task, TOTAL), task.labels
    first_row = scratch[:m]
    for i in range(m):
        highest[i] = first_row[i]
        total[i] = 0.0
    for k in range(1, n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            highest[i] = row[i] if row[i] > highest[i] else highest[i]
    for k in range(n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            row[i] = exp_of_nonpositive(row[i] - highest[i] if -math.inf < highest[i] < math.inf else 0.0)
            total[i] += row[i]
    for k in range(n_labels):
        row = scratch[k * TILE : k * TILE + m]
        for i in range(m):
            row[i] /= total[i]


@tile_of(PASS)
def expect(told, words, first, m):
    """Responsibilities of a tile's units."""
    responsibilities(record_at(words, PASS), m)
    return 0


__all__ = ["draw", "expect", "labels_of_tile", "responsibilities"]
