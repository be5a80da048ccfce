"""Moves that part the rows of one component between two, join two components, or do both at once.

What is proposed stands in :mod:`mcmix.kernels.split_proposals`; here are the choice of components, which has its way
back as well, the ratio, and the names of components where these say how large they are.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers, step_of
from mcmix.kernels.component_draws import exchange_parameters
from mcmix.kernels.events import LOG_TWO
from mcmix.kernels.random import standard_exponential, uniform
from mcmix.kernels.records import record, record_at, record_in
from mcmix.kernels.rows_of_two import PAIR, exchange_sums
from mcmix.kernels.split_proposals import (
    FAILED,
    SPLIT_MERGE,
    copy_rows,
    join_rows,
    keep,
    looked_at,
    part_rows,
    pool_rows,
    redivide_rows,
    rename,
    restore,
    scatter_rows,
    sort_rows,
    target_of,
)  # fmt: skip

MEAN = record("total", "count", "width", "first", "step")  # sums of a column: K times width doubles, of which one is it

# Kinds of moves, each with the one that goes back: one component parted (by a launch state, or by lot), two joined, and
# two joined while a third one is parted; or the rows of two divided anew.
SPLIT, MERGE, SCATTER, POOL, MERGE_SPLIT, POOL_SPLIT, MERGE_SCATTER, REDIVIDE = range(8)
KINDS = 8
BACK = (MERGE, SPLIT, POOL, SCATTER, MERGE_SPLIT, MERGE_SCATTER, POOL_SPLIT, REDIVIDE)

NEARLY = 0.01  # squared distance, in variances of a column, below which components are as close as can be


# -------------------------------------------------------------------- which components


@inline
def _nearness(task, a, b):
    """How close two components with units are, by the means of their columns."""
    distance = 0.0
    for j in range(task.n_means):
        one = record_in(task.means, j, MEAN)
        total, count = floats(one.total, one.width * task.capacity), floats(one.count, task.capacity)
        away = total[a * one.width + one.first] / count[a] - total[b * one.width + one.first] / count[b]
        distance += away * away * floats(task.scales, task.n_means)[j]
    return 1.0 / (NEARLY + distance / max(task.n_means, 1))


@helper()
def _log_chosen(task, a, b):
    """Log probability of choosing component b to be merged with a, by how close they are."""
    counts, total = floats(task.counts, task.capacity), 0.0
    for k in range(task.capacity):
        if k != a and counts[k] > 0.0:
            total += _nearness(task, a, k)
    return math.log(_nearness(task, a, b)) - math.log(total)


@helper()
def _near(task, a, stream):
    """A component with units beside a, the likelier the closer it is."""
    counts, total = floats(task.counts, task.capacity), 0.0
    for k in range(task.capacity):
        if k != a and counts[k] > 0.0:
            total += _nearness(task, a, k)
    level, found = total * uniform(stream), -1
    for k in range(task.capacity):
        if k != a and counts[k] > 0.0:
            found = k
            level -= _nearness(task, a, k)
            if level <= 0.0:
                return found
    return found


@inline
def _occupied(task):
    """How many components have units."""
    counts, total = floats(task.counts, task.capacity), 0
    for k in range(task.capacity):
        total += 1 if counts[k] > 0.0 else 0
    return total


@helper()
def _one_of(task, end, occupied, number, a, b):
    """The component with units (or without any) that has so many of its kind below it, a and b (or -1) apart."""
    counts = floats(task.counts, task.capacity)
    for k in range(end):
        if (counts[k] > 0.0) == occupied and k != a and k != b:
            if number == 0:
                return k
            number -= 1
    return -1


@helper()
def _log_named(task, b):
    """Log probability of giving a new component the name b, as many times as there are names, b among these."""
    if task.mass == 0:
        return 0.0  # any of them
    counts, below, above = floats(task.counts, task.capacity), 0, 0
    for k in range(task.capacity):
        if counts[k] == 0.0:
            below += 1 if k < b else 0
            above += 1 if k > b else 0
    # each is taken with probability 1/2, the last one for certain: names in front hold more units
    return math.log(below + above + 1.0) - LOG_TWO * (below + (1 if above > 0 else 0))


@helper()
def _name(task, in_use, occupied, stream):
    """A name for a new component."""
    if task.mass == 0:
        return _one_of(task, in_use, False, _picked(in_use - occupied, stream), -1, -1)
    number, rest = 0, in_use - occupied
    while number < rest - 1 and uniform(stream) < 0.5:
        number += 1
    return _one_of(task, in_use, False, number, -1, -1)


@inline
def _picked(n, stream):
    return min(int(uniform(stream) * n), n - 1)


@inline
def _in_use(task):
    """Components that there are."""
    return task.capacity if task.number == 0 else int(floats(task.number, 1)[0])


# -------------------------------------------------------------------- moves


@inline
def _accepted(task, before, ratio, stream):
    counters = floats(task.counters, 2)
    counters[0] += 1.0
    change = target_of(task) - before + ratio if ratio > FAILED else FAILED
    accepted = change > -standard_exponential(stream)
    counters[1] += 1.0 if accepted else 0.0
    return accepted


@helper()
def _write(task, start, n, a, b):
    """Labels of n rows by their sides."""
    rows, sides = looked_at(task)
    labels = floats(task.out, task.units)
    for i in range(start, start + n):
        labels[rows[i]] = task.lowest + (a if sides[i] == 0.0 else b)


@helper()
def _exchange(task, j, k):
    """Exchange the names of two components."""
    if j == k:
        return
    exchange_parameters(task.variables, task.n_variables, j, k)
    exchange_sums(record_at(task.pair, PAIR), j, k)
    labels = floats(task.out, task.units)
    for i in range(task.units):
        if labels[i] == task.lowest + j:
            labels[i] = task.lowest + k
        elif labels[i] == task.lowest + k:
            labels[i] = task.lowest + j


@inline
def _log_back(task, kind):
    """Log of how much likelier the kind of move that goes back is than this one."""
    kinds = integers(task.kinds, KINDS)
    return math.log(kinds[BACK[kind]]) - math.log(kinds[kind])


@helper()
def _apart(task, kind, stream):
    """Part the rows of a component between it and one without rows; whether that was accepted."""
    occupied, in_use = _occupied(task), _in_use(task)
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    n = copy_rows(task, a, 0, 0.0)
    beyond = occupied == in_use
    if n < 2 or occupied == task.capacity:
        return False
    b = in_use if beyond else _name(task, in_use, occupied, stream)
    named = _log_named(task, b)
    before = target_of(task)
    keep(task, 0, a)
    keep(task, 1, b)
    if kind == SPLIT:
        ratio = part_rows(task, 0, n, a, b, 0, 1, True, stream)
    else:
        ratio = scatter_rows(task, 0, n, a, b, 0, 1, True, stream)
    if ratio > FAILED:
        # any component is as likely to be picked, here and on the way back, where b is picked to go with it
        ratio += _log_back(task, kind) + _log_chosen(task, a, b) - math.log(occupied + 1.0) + math.log(occupied)
        ratio -= named
    if not _accepted(task, before, ratio, stream):
        restore(task, 0, a)
        restore(task, 1, b)
        return False
    _write(task, 0, n, a, b)
    if beyond:  # any of the components that there are then may be the new one
        floats(task.number, 1)[0] = in_use + 1.0
        _exchange(task, _picked(in_use + 1, stream), b)
    return True


@helper()
def _together(task, kind, stream):
    """Join the rows of two components; whether that was accepted."""
    occupied = _occupied(task)
    if occupied < 2:
        return False
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    b = _near(task, a, stream)
    ratio = _log_back(task, kind) - _log_chosen(task, a, b) + math.log(occupied) - math.log(occupied - 1.0)
    before = target_of(task)
    keep(task, 0, a)
    keep(task, 1, b)
    n_a = copy_rows(task, a, 0, 0.0)
    n = copy_rows(task, b, n_a, 1.0)
    if kind == MERGE:
        ratio += join_rows(task, 0, n, n_a, a, b, 0, 1, True, stream)
    else:
        ratio += pool_rows(task, 0, n, n_a, a, b, 0, 1, True, stream)
    ratio += _log_named(task, b) if ratio > FAILED else 0.0
    if not _accepted(task, before, ratio, stream):
        restore(task, 0, a)
        restore(task, 1, b)
        return False
    _write(task, 0, n, a, b)
    return True


@helper()
def _at_once(task, kind, stream):
    """Join two components and part a third one, under the name that was left; whether that was accepted."""
    occupied = _occupied(task)
    if occupied < 3:
        return False
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    b = _near(task, a, stream)
    c = _one_of(task, task.capacity, True, _picked(occupied - 2, stream), a, b)
    n_a = copy_rows(task, a, 0, 0.0)
    n_ab = copy_rows(task, b, n_a, 1.0)
    n = copy_rows(task, c, n_ab, 0.0)
    if n - n_ab < 2:
        return False
    ratio = _log_back(task, kind) - _log_chosen(task, a, b)
    before = target_of(task)
    keep(task, 0, a)
    keep(task, 1, b)
    keep(task, 2, c)
    if kind == POOL_SPLIT:
        ratio += pool_rows(task, 0, n_ab, n_a, a, b, 0, 1, False, stream)
    else:
        ratio += join_rows(task, 0, n_ab, n_a, a, b, 0, 1, False, stream)
    if ratio > FAILED and kind == MERGE_SCATTER:
        ratio += scatter_rows(task, n_ab, n - n_ab, c, b, 2, 1, False, stream)
    elif ratio > FAILED:
        ratio += part_rows(task, n_ab, n - n_ab, c, b, 2, 1, False, stream)
    if ratio > FAILED:
        ratio += _log_chosen(task, c, b)
    if not _accepted(task, before, ratio, stream):
        restore(task, 0, a)
        restore(task, 1, b)
        restore(task, 2, c)
        return False
    _write(task, 0, n_ab, a, b)
    _write(task, n_ab, n - n_ab, c, b)
    return True


@helper()
def _anew(task, stream):
    """Divide the rows of two components anew; whether that was accepted."""
    occupied = _occupied(task)
    if occupied < 2:
        return False
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    b = _near(task, a, stream)
    ratio, before = -_log_chosen(task, a, b), target_of(task)
    keep(task, 0, a)
    keep(task, 1, b)
    n_a = copy_rows(task, a, 0, 0.0)
    n = copy_rows(task, b, n_a, 1.0)
    ratio += redivide_rows(task, n, n_a, a, b, 0, 1, stream)
    if ratio > FAILED:
        ratio += _log_chosen(task, a, b)
    if not _accepted(task, before, ratio, stream):
        restore(task, 0, a)
        restore(task, 1, b)
        return False
    _write(task, 0, n, a, b)
    return True


@helper()
def _reorder(task, stream):
    """Exchange names of components, where these say how large they are (Papaspiliopoulos and Roberts 2008)."""
    capacity, moved = task.capacity, False
    counts, answer = floats(task.counts, capacity), floats(task.mass_answer, 1)
    named = integers(task.places, 2 * capacity + 1)[capacity + 1 :]
    for k in range(capacity):
        named[k] = k
    call(task.machine, (task.mass, task.mass_length, 0, 0))
    before = answer[0]
    for _ in range(2 * capacity):
        j, k = _picked(capacity, stream), _picked(capacity, stream)
        if counts[j] == counts[k]:
            continue
        counts[j], counts[k] = counts[k], counts[j]
        call(task.machine, (task.mass, task.mass_length, 0, 0))
        accepted = answer[0] - before > -standard_exponential(stream)
        counts[j], counts[k] = counts[k], counts[j]
        if accepted:
            before, moved = answer[0], True
            exchange_parameters(task.variables, task.n_variables, j, k)
            exchange_sums(record_at(task.pair, PAIR), j, k)
            named[j], named[k] = named[k], named[j]
    if moved:
        rename(task, named)


@inline
def _drawn_kind(task, stream):
    """A kind of move, by the kinds' shares."""
    kinds, total = integers(task.kinds, KINDS), 0.0
    for j in range(KINDS):
        total += kinds[j]
    level = total * uniform(stream)
    for j in range(KINDS - 1):
        level -= kinds[j]
        if level <= 0.0:
            return j
    return KINDS - 1


@step_of(SPLIT_MERGE)
def split_and_merge(words, reals, stream):
    """Try some moves, each of a kind, once names are in order. reals: how many on average, and while tuning."""
    task = record_at(words, SPLIT_MERGE)
    wanted = floats(reals, 2)[1 if task.tuning != 0 else 0]
    tries = int(wanted + 1.0 - uniform(stream))
    if tries == 0:
        return 0
    if task.mass != 0:
        _reorder(task, stream)
    sort_rows(task)
    for _ in range(tries):
        kind = _drawn_kind(task, stream)
        if kind == SPLIT or kind == SCATTER:
            moved = _apart(task, kind, stream)
        elif kind == MERGE or kind == POOL:
            moved = _together(task, kind, stream)
        elif kind == REDIVIDE:
            moved = _anew(task, stream)
        else:
            moved = _at_once(task, kind, stream)
        by_kind = floats(task.counters, 2 + 2 * KINDS)[2 + 2 * kind :]
        by_kind[0] += 1.0
        if moved:
            by_kind[1] += 1.0
            sort_rows(task)
    return 0


__all__ = ["KINDS", "MEAN", "SPLIT_MERGE", "split_and_merge"]
