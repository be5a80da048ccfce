"""How many of equal rows get which label, drawn at once: one multinomial draw for each distinct value.

A soft pass over distinct values, in which the numbers of rows by label stand for responsibilities: whatever is added up
by responsibility is then added up as it is for labels that were drawn row by row.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import floats, helper, inline, tile_of
from mcmix.kernels.independent_labels import responsibilities
from mcmix.kernels.labels import IMPOSSIBLE_ROW, NOT_A_NUMBER_ROW
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import beta_draw, uniform
from mcmix.kernels.records import record, record_at
from mcmix.kernels.tiles import HIGHEST, PASS, lane, scratch_of

COUNTED = record("stream", "weights")  # of random numbers; how many rows each value stands for
ONE_BY_ONE = 16.0  # rows up to which each is drawn by itself


@helper()
def binomial(stream, n, p):
    """How many of n rows, each with chance p.

    Of n uniforms the one in place a of their order is a beta variable; whichever side of it p lies on, only uniforms on
    one side are still to be asked (Relles 1972, "A simple algorithm for generating binomial random variables when N is
    large"; Ahrens and Dieter 1974).
    """
    total = 0.0
    while n >= ONE_BY_ONE:
        if p <= 0.0 or p >= 1.0:
            break
        place = 1.0 + math.floor(0.5 * n)
        split = beta_draw(stream, place, n + 1.0 - place)
        if split >= p:
            n, p = place - 1.0, p / split
        else:
            total += place
            n, p = n - place, (p - split) / (1.0 - split)
    if p >= 1.0:
        return total + n
    for _ in range(int(n) if p > 0.0 else 0):
        total += 1.0 if uniform(stream) <= p else 0.0
    return total


@inline
def _split(stream, scratch, i, left, n_labels):
    """Share a value's rows out: one binomial draw after another, each of the rows that are left."""
    rest = 1.0
    for k in range(n_labels - 1):
        share = scratch[k * TILE + i]
        drawn = binomial(stream, left, min(share / rest, 1.0)) if rest > 0.0 else left
        scratch[k * TILE + i] = drawn
        left, rest = left - drawn, rest - share
    scratch[(n_labels - 1) * TILE + i] = left


@tile_of(PASS)
def draw_counts(told, words, first, m):
    """Turn log densities of a tile of values into numbers of rows by label."""
    task, own = record_at(words, PASS), record_at(told, COUNTED)
    scratch, n_labels, highest = scratch_of(task), task.labels, lane(task, HIGHEST)
    weights = floats(own.weights + 8 * first, m)
    responsibilities(task, m)
    for i in range(m):
        if highest[i] == -math.inf:
            return IMPOSSIBLE_ROW
        total = 0.0
        for k in range(n_labels):
            total += scratch[k * TILE + i]
        if total != total:
            return NOT_A_NUMBER_ROW
        _split(own.stream, scratch, i, weights[i], n_labels)
    return 0


__all__ = ["COUNTED", "binomial", "draw_counts"]
