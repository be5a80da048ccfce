"""The number of components given how labels part the rows, names for the occupied ones, and weights of as many.

Tables have room for `capacity` components; the first K, a whole number in a chain's memory, are in use. Fruehwirth-
Schnatter, Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping sampling", Bayesian
Analysis 16, algorithm 1: steps 3 and 4, with names of components that are drawn as well.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.growth import FULL, forget_uniform, kept_uniform, may_grow
from mcmix.kernels.label_moves import swap
from mcmix.kernels.random import log_gamma_draw, uniform
from mcmix.kernels.records import RUN, STEP, record, record_at

# Where K is, and where a pass reads how many labels it weighs.
LIMIT = record(*STEP, "number", "labels")
# The program leaves log p(K) Gamma(K a_K) / Gamma(n + K a_K) for K = 1 .. most, and a_K: one, or one for each K.
# Units by label; labels of so many units from the lowest up; of each family of parameters the addresses of its entries;
# the kernel and the record that collect sums for labels as they stand; the workspace has `most` + capacity doubles;
# where the number of occupied components goes; what is kept while tables get room for more (GROWTH).
TELESCOPE = record(
    *RUN, "capacity", "most", "number", "counts", "log_masses", "concentrations", "n_concentrations", "out", "units",
    "lowest", "families", "n_families", "collect", "collected", "workspace", "clusters", "growth",
)  # fmt: skip
# The program leaves the concentration; units by label, K, and where log weights go, `capacity` of them.
WEIGHTS_IN_USE = record(*RUN, "capacity", "number", "counts", "concentration", "out")


@step_of(LIMIT)
def limit_labels(words, reals, stream):
    """Let a pass weigh the labels of the components that there are."""
    task = record_at(words, LIMIT)
    integers(task.labels, 1)[0] = int(floats(task.number, 1)[0])
    return 0


@inline
def _log_rising_of_occupied(counts, capacity, a):
    """Sum of log Gamma(n_k + a) / Gamma(a) over occupied components."""
    total = 0.0
    for k in range(capacity):
        if counts[k] > 0.0:
            total += math.lgamma(counts[k] + a) - math.lgamma(a)
    return total


@inline
def _drawn_number(task, counts, occupied, masses, stream):
    """K from p(K | partition), the product of log_masses, K! / (K - K+)! and the rising factorials; 0: no number."""
    capacity, most = task.capacity, _most(task)
    logs, a = floats(task.log_masses, most), floats(task.concentrations, task.n_concentrations)
    highest, names = -math.inf, 0.0
    for k in range(occupied, most + 1):
        # names: log of K! / (K - K+)!, up to a constant
        names += math.log(k / (k - occupied)) if k > occupied else 0.0
        masses[k - 1] = logs[k - 1] + names
        if task.n_concentrations > 1:  # else the same for every K
            masses[k - 1] += _log_rising_of_occupied(counts, capacity, a[k - 1])
        highest = max(highest, masses[k - 1])
    total = 0.0
    for k in range(occupied, most + 1):
        masses[k - 1] = math.exp(masses[k - 1] - highest)
        total += masses[k - 1]
    if not (highest > -math.inf and total < math.inf):
        return 0
    level, last = total * kept_uniform(task.growth, stream), occupied
    for k in range(occupied, most + 1):
        if masses[k - 1] > 0.0:
            last = k
            level -= masses[k - 1]
            if level <= 0.0:
                return k
    return last


@inline
def _most(task):
    """The largest number that may be drawn: none beyond the tables before a run, when nobody can give them room."""
    return task.most if may_grow(task.growth) else task.capacity


@inline
def _exchange(families, n_families, capacity, content, j, k):
    """Exchange what belongs to two names; content: whose name each was before."""
    swap(families, n_families, capacity, j, k)
    content[j], content[k] = content[k], content[j]


@inline
def _empty_below(counts, content, end, stream):
    """One of the names below `end` that no unit has, each as likely; there is one."""
    empty = 0
    for j in range(end):
        empty += 1 if counts[int(content[j])] == 0.0 else 0
    wanted = min(int(uniform(stream) * empty), empty - 1)
    for j in range(end):
        if counts[int(content[j])] == 0.0:
            if wanted == 0:
                return j
            wanted -= 1
    return 0


@inline
def _renamed(task, counts, content, before, after, stream):
    """Names of occupied components go from any of the first `before` to any of the first `after`; how many moved.

    Each injection is as likely before; a name that is added takes the component of any name up to it (Durstenfeld 1964,
    "Random permutation"), a name that is taken away hands its component to any empty one: so each is after.
    """
    families, capacity = integers(task.families, task.n_families * task.capacity), task.capacity
    moved = 0
    for k in range(before, after):
        j = min(int(uniform(stream) * (k + 1)), k)
        if counts[int(content[j])] > 0.0:
            _exchange(families, task.n_families, capacity, content, j, k)
            moved += 1
    for k in range(before - 1, after - 1, -1):
        if counts[int(content[k])] > 0.0:
            j = _empty_below(counts, content, k, stream)
            _exchange(families, task.n_families, capacity, content, j, k)
            moved += 1
    return moved


@step_of(TELESCOPE)
def telescope(words, reals, stream):
    """Draw the number of components given the partition, weights summed out, and names of the occupied ones."""
    task = record_at(words, TELESCOPE)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    capacity = task.capacity
    counts, work = floats(task.counts, capacity), floats(task.workspace, task.most + capacity)
    content, number = work[task.most :], floats(task.number, 1)
    occupied = 0
    for k in range(capacity):
        content[k] = k
        occupied += 1 if counts[k] > 0.0 else 0
    floats(task.clusters, 1)[0] = occupied
    chosen = _drawn_number(task, counts, occupied, work, stream)
    if chosen == 0:
        return NOT_A_NUMBER
    if chosen > capacity:  # drawn once: it is the same number when tables have room for it
        return FULL
    forget_uniform(task.growth)
    moved = _renamed(task, counts, content, int(number[0]), chosen, stream)
    number[0] = chosen
    if moved == 0:
        return 0
    for k in range(capacity):
        work[int(content[k])] = k  # the new name of each
    labels = floats(task.out, task.units)
    for i in range(task.units):
        labels[i] = task.lowest + work[int(labels[i]) - task.lowest]
    return call(task.collect, (task.collected, 0, stream))


@step_of(WEIGHTS_IN_USE)
def draw_weights_in_use(words, reals, stream):
    """Draw log weights of the first K components given the numbers of units; the others weigh nothing."""
    task = record_at(words, WEIGHTS_IN_USE)
    status = call(task.machine, (task.program, task.length, 0, 0))
    capacity = task.capacity
    n, a = int(floats(task.number, 1)[0]), floats(task.concentration, 1)[0]
    counts, out = floats(task.counts, capacity), floats(task.out, capacity)
    highest = -math.inf
    for k in range(n):
        out[k] = log_gamma_draw(stream, counts[k] + a)
        highest = max(highest, out[k])
    total = 0.0
    for k in range(n):
        total += math.exp(out[k] - highest)
    for k in range(n):
        out[k] -= highest + math.log(total)
    for k in range(n, capacity):
        out[k] = -math.inf
    return status


__all__ = ["draw_weights_in_use", "limit_labels", "telescope"]
