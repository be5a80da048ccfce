"""Moves that part the rows of one component between two, join two components, or do both at once.

A proposal is made as by Jain and Neal (2007), "Splitting and merging components of a nonconjugate Dirichlet process
mixture model", Bayesian Analysis 2: a launch state that knows nothing of how the rows stand now (two of them say which
others are near; a few scans of a Gibbs sampler with labels of two components) tells how to draw labels and parameters,
and how likely the present ones were to be drawn. Where parameters are drawn exactly, they cancel, as if summed out.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers, step_of
from mcmix.kernels.component_draws import (
    copy_parameters,
    draw_parameters,
    exchange_parameters,
    parameters_size,
    put_parameters,
)
from mcmix.kernels.random import standard_exponential, uniform
from mcmix.kernels.records import STEP, record, record_at, record_in
from mcmix.kernels.rows_of_two import (
    PAIR,
    SUMS,
    add_rows,
    clear_sums,
    copy_sums,
    exchange_sums,
    join_sums,
    label_rows,
    part_by_nearest,
    sums_size,
)

# Labels of so many units from the lowest up, numbers of units by label, and how many labels are in use (0: all). The
# target's program and its answer; a record of PAIR; variables of components; shares of kinds of moves, in thousandths:
# splits, and merges; the rest are both at once. Which columns' sums tell how close components are, and their inverse
# variances (`closeness`, at most D of them). The workspace: three stretches of units, K + 1 places, and 8 components'
# parameters and 3 components' sums.
SPLIT_MERGE = record(
    *STEP, "units", "capacity", "lowest", "out", "counts", "number", "target", "target_length", "answer", "pair",
    "variables", "n_variables", "scans", "splits", "merges", "means", "n_means", "scales", "order", "places",
    "room", "counters",
)  # fmt: skip
MEAN = record("total", "count", "width", "first", "step")  # sums of a column: K times width doubles, of which one is it

NEARLY = 0.01  # squared distance, in variances of a column, below which components are as close as can be
FAILED = -math.inf


# -------------------------------------------------------------------- where things stand


@helper()
def _sort(task):
    """Rows by label, and where each label's begin."""
    capacity, n = task.capacity, task.units
    labels, order = floats(task.out, n), integers(task.order, n)
    places = integers(task.places, 2 * capacity + 1)
    next_of = places[capacity + 1 :]
    for k in range(capacity + 1):
        places[k] = 0
    for i in range(n):
        places[int(labels[i]) - task.lowest + 1] += 1
    for k in range(capacity):
        places[k + 1] += places[k]
        next_of[k] = places[k]
    for i in range(n):
        k = int(labels[i]) - task.lowest
        order[next_of[k]] = i
        next_of[k] += 1


@inline
def _rows(task):
    """Rows that are looked at, and on which side each is."""
    n = task.units
    return integers(task.order + 8 * n, n), floats(task.order + 16 * n, n)


@inline
def _copy_rows(task, k, at, side):
    """Add component k's rows to those that are looked at, from `at` on; how many there are then."""
    places, order = integers(task.places, task.capacity + 1), integers(task.order, task.units)
    rows, sides = _rows(task)
    for i in range(places[k], places[k + 1]):
        rows[at], sides[at] = order[i], side
        at += 1
    return at


@inline
def _parameters(task, slot):
    """Where parameters of a component are kept."""
    return task.room + 8 * slot * parameters_size(task.variables, task.n_variables)


@inline
def _sums(task, slot):
    """Where sums of a component are kept."""
    return _parameters(task, 8) + 8 * slot * sums_size(record_at(task.pair, PAIR))


@inline
def _keep(task, slot, k):
    """Keep component k as it is."""
    copy_parameters(task.variables, task.n_variables, k, _parameters(task, slot), True)
    copy_sums(record_at(task.pair, PAIR), k, _sums(task, slot), True)


@inline
def _restore(task, slot, k):
    """Put component k as it was."""
    copy_parameters(task.variables, task.n_variables, k, _parameters(task, slot), False)
    copy_sums(record_at(task.pair, PAIR), k, _sums(task, slot), False)


@inline
def _target(task):
    """Log density of everything that moves; minus infinity where it has none."""
    if call(task.machine, (task.target, task.target_length, 0, 0)) != 0:
        return FAILED
    found = floats(task.answer, 1)[0]
    return found if found == found else FAILED


# -------------------------------------------------------------------- proposals

# Slots of parameters: three components as they were, launch states of a split (two) and of a merge (two).
_SPLIT_0, _SPLIT_1, _MERGED_0, _MERGED_1 = 3, 4, 5, 6


@helper()
def _launch(task, start, n, a, b, first, second, both, stream):
    """Launch states of n rows: apart under a and b, and together under a (b then as without rows, if `both`).

    What stands there of a and b may be anything: draws without rows come first. Returns the share of b in the first
    state, NaN where that failed. Sums are afterwards those of a merge.
    """
    pair, machine = record_at(task.pair, PAIR), task.machine
    rows, sides = _rows(task)
    rows, sides = rows[start:], sides[start:]
    clear_sums(pair, a)
    clear_sums(pair, b)
    failed = draw_parameters(machine, task.variables, task.n_variables, a, b, stream)
    part_by_nearest(pair, rows, sides, n, first, second)
    share = 0.5
    for scan in range(task.scans):
        add_rows(pair, rows, sides, n, a, b)
        failed += draw_parameters(machine, task.variables, task.n_variables, a, b, stream)
        if failed != failed:
            return failed
        share = 1.0
        for i in range(n):
            share += sides[i]
        share /= n + 2.0
        if scan + 1 < task.scans:
            failed += label_rows(pair, rows, sides, n, a, b, share, first, second, True, stream)
    copy_parameters(task.variables, task.n_variables, a, _parameters(task, _SPLIT_0), True)
    copy_parameters(task.variables, task.n_variables, b, _parameters(task, _SPLIT_1), True)
    join_sums(pair, a, b)
    for _ in range(task.scans):
        failed += draw_parameters(machine, task.variables, task.n_variables, a, b if both else -1, stream)
    copy_parameters(task.variables, task.n_variables, a, _parameters(task, _MERGED_0), True)
    copy_parameters(task.variables, task.n_variables, b, _parameters(task, _MERGED_1), True)
    return share if failed == failed else failed


@inline
def _put_launch(task, slot, a, b):
    """Parameters of a launch state."""
    copy_parameters(task.variables, task.n_variables, a, _parameters(task, slot), False)
    copy_parameters(task.variables, task.n_variables, b, _parameters(task, slot + 1), False)


@helper()
def _part(task, start, n, a, b, kept_a, kept_b, both, stream):
    """Part n rows of component a between a and b; log of how likely the way back is, less that of the way.

    Where `both`, b is a component without rows before, whose parameters the way back draws too.
    """
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = _rows(task)
    rows, sides = rows[start:], sides[start:]
    one = min(int(uniform(stream) * n), n - 1)
    other = min(int(uniform(stream) * (n - 1)), n - 2)
    other += 1 if other >= one else 0
    first, second = rows[one], rows[other]
    share = _launch(task, start, n, a, b, first, second, both, stream)
    if share != share:
        return FAILED
    back = put_parameters(
        machine, variables, count, a, b if both else -1, _parameters(task, kept_a), _parameters(task, kept_b)
    )
    _put_launch(task, _SPLIT_0, a, b)
    way = label_rows(pair, rows, sides, n, a, b, share, first, second, True, stream)
    add_rows(pair, rows, sides, n, a, b)
    way += draw_parameters(machine, variables, count, a, b, stream)
    on_other = 0.0
    for i in range(n):
        on_other += sides[i]
    # the way back picks these two rows as one of each component
    chosen = math.log(n * (n - 1.0)) - math.log((n - on_other) * on_other)
    found = back - way + chosen
    return found if found == found else FAILED


@helper()
def _join(task, start, n, n_a, a, b, kept_a, kept_b, both, stream):
    """Join n rows, of which the first n_a are component a's and the rest b's, under a; logs as for `_part`.

    Where `both`, b is left without rows, its parameters drawn from what they are then.
    """
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = _rows(task)
    rows, sides = rows[start:], sides[start:]
    first = rows[min(int(uniform(stream) * n_a), n_a - 1)]
    second = rows[n_a + min(int(uniform(stream) * (n - n_a)), n - n_a - 1)]
    share = _launch(task, start, n, a, b, first, second, both, stream)
    if share != share:
        return FAILED
    for i in range(n):
        sides[i] = 0.0 if i < n_a else 1.0
    _put_launch(task, _SPLIT_0, a, b)
    back = label_rows(pair, rows, sides, n, a, b, share, first, second, False, stream)
    copy_sums(pair, a, _sums(task, kept_a), False)
    copy_sums(pair, b, _sums(task, kept_b), False)
    back += put_parameters(machine, variables, count, a, b, _parameters(task, kept_a), _parameters(task, kept_b))
    join_sums(pair, a, b)
    _put_launch(task, _MERGED_0, a, b)
    way = draw_parameters(machine, variables, count, a, b if both else -1, stream)
    for i in range(n):
        sides[i] = 0.0
    found = back - way + math.log(n_a * (n - n_a)) - math.log(n * (n - 1.0))
    return found if found == found else FAILED


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
    change = _target(task) - before + ratio if ratio > FAILED else FAILED
    accepted = change > -standard_exponential(stream)
    counters[1] += 1.0 if accepted else 0.0
    return accepted


@helper()
def _write(task, start, n, a, b):
    """Labels of n rows by their sides."""
    rows, sides = _rows(task)
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


@helper()
def _split(task, stream):
    """Split a component; whether it was accepted."""
    occupied, in_use = _occupied(task), _in_use(task)
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    n = _copy_rows(task, a, 0, 0.0)
    beyond = occupied == in_use
    if n < 2 or occupied == task.capacity:
        return False
    b = in_use if beyond else _one_of(task, in_use, False, _picked(in_use - occupied, stream), -1, -1)
    before = _target(task)
    _keep(task, 0, a)
    _keep(task, 1, b)
    ratio = _part(task, 0, n, a, b, 0, 1, True, stream)
    if ratio > FAILED:
        # any component is as likely to be picked, here and on the way back, where b is picked to go with it
        ratio += math.log(task.merges) - math.log(task.splits)
        ratio += _log_chosen(task, a, b) - math.log(occupied + 1.0) + math.log(occupied)
    if not _accepted(task, before, ratio, stream):
        _restore(task, 0, a)
        _restore(task, 1, b)
        return False
    _write(task, 0, n, a, b)
    if beyond:  # any of the components that there are then may be the new one
        floats(task.number, 1)[0] = in_use + 1.0
        _exchange(task, _picked(in_use + 1, stream), b)
    return True


@helper()
def _merge(task, stream):
    """Merge two components; whether it was accepted."""
    occupied = _occupied(task)
    if occupied < 2:
        return False
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    b = _near(task, a, stream)
    ratio = math.log(task.splits) - math.log(task.merges)
    ratio -= _log_chosen(task, a, b) - math.log(occupied) + math.log(occupied - 1.0)
    before = _target(task)
    _keep(task, 0, a)
    _keep(task, 1, b)
    n_a = _copy_rows(task, a, 0, 0.0)
    n = _copy_rows(task, b, n_a, 1.0)
    ratio += _join(task, 0, n, n_a, a, b, 0, 1, True, stream)
    if not _accepted(task, before, ratio, stream):
        _restore(task, 0, a)
        _restore(task, 1, b)
        return False
    _write(task, 0, n, a, b)
    return True


@helper()
def _merge_and_split(task, stream):
    """Merge two components and split a third one, under the name that was left; whether it was accepted."""
    occupied = _occupied(task)
    if occupied < 3:
        return False
    a = _one_of(task, task.capacity, True, _picked(occupied, stream), -1, -1)
    b = _near(task, a, stream)
    c = _one_of(task, task.capacity, True, _picked(occupied - 2, stream), a, b)
    ratio = -_log_chosen(task, a, b)
    before = _target(task)
    _keep(task, 0, a)
    _keep(task, 1, b)
    _keep(task, 2, c)
    n_a = _copy_rows(task, a, 0, 0.0)
    n_ab = _copy_rows(task, b, n_a, 1.0)
    n = _copy_rows(task, c, n_ab, 0.0)
    if n - n_ab < 2:
        return False
    ratio += _join(task, 0, n_ab, n_a, a, b, 0, 1, False, stream)
    if ratio > FAILED:
        ratio += _part(task, n_ab, n - n_ab, c, b, 2, 1, False, stream)
    if ratio > FAILED:
        ratio += _log_chosen(task, c, b)
    if not _accepted(task, before, ratio, stream):
        _restore(task, 0, a)
        _restore(task, 1, b)
        _restore(task, 2, c)
        return False
    _write(task, 0, n_ab, a, b)
    _write(task, n_ab, n - n_ab, c, b)
    return True


@step_of(SPLIT_MERGE)
def split_and_merge(words, reals, stream):
    """Try some moves, each a split, a merge, or both at once. reals: how many on average, and while tuning."""
    task = record_at(words, SPLIT_MERGE)
    wanted = floats(reals, 2)[1 if task.tuning != 0 else 0]
    tries = int(wanted + 1.0 - uniform(stream))
    if tries == 0:
        return 0
    _sort(task)
    for _ in range(tries):
        kind = 1000.0 * uniform(stream)
        if kind < task.splits:
            moved = _split(task, stream)
        elif kind < task.splits + task.merges:
            moved = _merge(task, stream)
        else:
            moved = _merge_and_split(task, stream)
        if moved:
            _sort(task)
    return 0


__all__ = ["MEAN", "SPLIT_MERGE", "SUMS", "split_and_merge"]
