"""Labels of components without end: a slice for each unit says which of them its label is drawn from.

Unit i has a slice u_i, uniform below the level of its label's component; levels are the same for the components in
front, and fall from there on. Given slices, labels are drawn among the components whose levels reach them, with weights
w_k / level_k: few components, and exactly those of the process without end. Slices are drawn anew in each iteration, so
that nothing else need know them.

Kalli, Griffin and Walker (2011), "Slice sampling mixture models", Statistics and Computing 21, equations 7 to 9, after
Walker (2007), "Sampling the Dirichlet mixture model with slices", Communications in Statistics 36.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_of, tile_of, words
from mcmix.kernels.growth import FULL, GROWTH_SIZE, may_grow
from mcmix.kernels.independent_labels import labels_of_tile
from mcmix.kernels.label_moves import swap
from mcmix.kernels.labels import BLOCK
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import LANES, STREAM_WORDS, fill_uniforms, standard_exponential, uniform
from mcmix.kernels.records import RUN, STEP, record, record_at
from mcmix.kernels.tiles import PASS, scratch_of

FALL = 0.5  # from the level of a component to that of the next one
# Components that have the highest level: so many, or as many as had units while tuning and a few more.
IN_FRONT, MARGIN, LEARNED = 6.0, 2.0, 0.02
TRIES = 2  # new names for each component that has units

# Slices of the units; levels of the components that there is room for, 0 of the last, which stands for all others, and
# then the level of the first of these.
SLICED = record("slices", "levels")
# The same; how many components there is room for; labels of so many units from the lowest up; their blocks' streams;
# where the pass reads how many labels it weighs; what is kept while tables get more room.
SLICES = record(
    *STEP, "slices", "levels", "capacity", "out", "units", "lowest", "streams", "labels", "growth",
)  # fmt: skip

# Names of components: log weights and counts by name, addresses of what components have (a row for each number), labels
# of so many units from the lowest up, and room for two numbers for each component.
NAMES = record(
    *RUN, "capacity", "weights", "counts", "families", "n_families", "out", "units", "lowest", "workspace", "counters",
)  # fmt: skip


def room_for_slices(units: int) -> int:
    """Doubles that slices take: uniforms are drawn some at a time."""
    return units + LANES


@inline
def _occupied(task, counts, own):
    """How many components have units; their names are in `own`."""
    n = 0
    for k in range(task.capacity):
        if counts[k] > 0.0:
            own[n] = k
            n += 1
    return n


@step_of(NAMES)
def exchange_names(told, reals, stream):
    """Exchange names of components given the weights, each of those with units with any other (all but the last).

    Units take their components along: labels, counts and parameters change places, weights stay. Papaspiliopoulos and
    Roberts (2008), "Retrospective Markov chain Monte Carlo methods for Dirichlet process hierarchical models",
    Biometrika 95, the first of their moves; sums by label must be collected anew.
    """
    task = record_at(told, NAMES)
    status = call(task.machine, (task.program, task.length, 0, 0))
    capacity = task.capacity
    weights, counts, room = (
        floats(task.weights, capacity),
        floats(task.counts, capacity),
        floats(task.workspace, 2 * capacity),
    )
    families, named, own = integers(task.families, task.n_families * capacity), room[:capacity], room[capacity:]
    counters, moved, n = floats(task.counters, 2), False, _occupied(task, counts, own)
    for k in range(capacity):
        named[k] = k  # which name was that of the component that has this one
    for _ in range(TRIES * n):
        place = min(int(uniform(stream) * n), n - 1)
        j, k = int(own[place]), min(int(uniform(stream) * capacity), capacity - 1)
        if j == k:
            continue
        counters[0] += 1.0
        if (counts[j] - counts[k]) * (weights[k] - weights[j]) > -standard_exponential(stream):
            counters[1] += 1.0
            moved = True
            for i in range(n):
                if int(own[i]) == k:
                    own[i] = j
            own[place] = k
            counts[j], counts[k] = counts[k], counts[j]
            named[j], named[k] = named[k], named[j]
            swap(families, task.n_families, capacity, j, k)
    if moved:
        for k in range(capacity):
            own[int(named[k])] = k
        labels = floats(task.out, task.units)
        for i in range(task.units):
            labels[i] = task.lowest + own[int(labels[i]) - task.lowest]
    return status


@inline
def _draw(task, slices, levels):
    """Slices of all units, each below the level of its component."""
    labels = floats(task.out, task.units)
    for first in range(0, task.units, TILE):
        m = min(TILE, task.units - first)
        own = slices[first:]
        fill_uniforms(words(task.streams + 8 * STREAM_WORDS * (first // BLOCK), STREAM_WORDS), own, m)
        for i in range(m):
            own[i] *= levels[int(labels[first + i]) - task.lowest]


@inline
def _set_levels(levels, capacity, front):
    """Levels of components; that of the last one is that of all others, and its label is nobody's."""
    level = 1.0
    for k in range(capacity):
        level *= FALL if k > front else 1.0
        levels[k] = level
    levels[capacity], levels[capacity - 1] = level, 0.0


@inline
def _last_name(task):
    """The last name of a component that has units."""
    labels, last = floats(task.out, task.units), 0.0
    for i in range(task.units):
        last = max(last, labels[i])
    return last - task.lowest


@step_of(SLICES)
def draw_slices(told, reals, stream):
    """Draw slices, and tell the pass how many components they reach. reals: components in front, learned while tuning.

    Where these are reached, nothing is lost: slices stay, and are not drawn again when the kernel is called with more
    room. Before a run, when nobody gives room, slices end above them.
    """
    task = record_at(told, SLICES)
    last = task.capacity - 1
    slices, levels = floats(task.slices, task.units + LANES), floats(task.levels, task.capacity + 1)
    kept, front = floats(task.growth, GROWTH_SIZE), floats(reals, 1)
    if kept[1] == 0.0 and task.tuning != 0:
        front[0] += LEARNED * (max(IN_FRONT, _last_name(task) + MARGIN) - front[0])
    _set_levels(levels, task.capacity, front[0])
    if kept[1] == 0.0:
        _draw(task, slices, levels)
        kept[1] = 1.0
    least = math.inf
    for i in range(task.units):
        least = min(least, slices[i])
    if levels[task.capacity] >= least and may_grow(task.growth):
        return FULL
    kept[1] = 0.0
    reached = 1
    for k in range(1, last):
        reached += 1 if levels[k] >= least else 0
    integers(task.labels, 1)[0] = reached
    return 0


@tile_of(PASS)
def draw(told, words, first, m):
    """Labels of a tile's units, among the components that their slices reach."""
    task, own = record_at(words, PASS), record_at(told, SLICED)
    scratch, slices, n = scratch_of(task), floats(own.slices, task.units)[first:], task.labels
    levels = floats(own.levels, n)
    for k in range(n):
        row, level = scratch[k * TILE : k * TILE + m], levels[k]
        log_level = math.log(level) if level > 0.0 else 0.0
        for i in range(m):
            row[i] = row[i] - log_level if level > 0.0 and level >= slices[i] else -math.inf
    return labels_of_tile(task, m)


__all__ = ["FALL", "IN_FRONT", "NAMES", "SLICED", "SLICES", "draw", "draw_slices", "exchange_names", "room_for_slices"]
