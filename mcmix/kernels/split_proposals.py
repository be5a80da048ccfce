"""Proposals that part the rows of one component between two, and that join two components, with their densities.

A proposal is made as by Jain and Neal (2007), "Splitting and merging components of a nonconjugate Dirichlet process
mixture model", Bayesian Analysis 2: a launch state that knows nothing of how the rows stand now (two of them say which
others are near; a few scans of a Gibbs sampler with labels of two components) tells how to draw labels and parameters,
and how likely the present ones were to be drawn. Where parameters are drawn exactly, they cancel, as if summed out.

Two components that share rows without any boundary are hardly ever what a launch state would make of these rows. To
join them is the way back from parting rows by lot, and needs their sums alone; after Wang and Russell (2015), "A smart-
dumb/dumb-smart algorithm for efficient split-merge MCMC", UAI.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers
from mcmix.kernels.component_draws import (
    copy_parameters,
    draw_parameters,
    parameters_size,
    put_parameters,
)
from mcmix.kernels.random import uniform
from mcmix.kernels.records import STEP, record, record_at
from mcmix.kernels.rows_of_two import (
    PAIR,
    add_rows,
    clear_sums,
    copy_sums,
    join_sums,
    label_rows,
    part_by_nearest,
    sums_size,
)

# Labels of so many units from the lowest up, numbers of units by label, and how many labels are in use (0: all). The
# target's program and its answer; the same of the part of it that is how units are parted, where names of components
# say something (0: they do not). A record of PAIR; variables of components, scans of a launch state, and those that
# make draws forget where they began (0: they are exact); shares of kinds of moves. Which columns' sums tell how close
# components are, and their inverse variances. Room: three stretches of units, 2 K + 1 places, and 8 components'
# parameters with 5 components' sums.
SPLIT_MERGE = record(
    *STEP, "units", "capacity", "lowest", "out", "counts", "number", "target", "target_length", "answer", "mass",
    "mass_length", "mass_answer", "pair", "variables", "n_variables", "scans", "forgets", "kinds", "means", "n_means",
    "scales", "order", "places", "room", "counters",
)  # fmt: skip

FAILED = -math.inf


# -------------------------------------------------------------------- where things stand


@helper()
def sort_rows(task):
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


@helper()
def rename(task, named):
    """Labels of all units by their components' new places; named: what stands at each place."""
    capacity = task.capacity
    places, labels = integers(task.places, capacity), floats(task.out, task.units)
    for k in range(capacity):
        places[named[k]] = k
    for i in range(task.units):
        labels[i] = task.lowest + places[int(labels[i]) - task.lowest]


@inline
def looked_at(task):
    """Rows that are looked at, and on which side each is."""
    n = task.units
    return integers(task.order + 8 * n, n), floats(task.order + 16 * n, n)


@inline
def copy_rows(task, k, at, side):
    """Add component k's rows to those that are looked at, from `at` on; how many there are then."""
    places, order = integers(task.places, task.capacity + 1), integers(task.order, task.units)
    rows, sides = looked_at(task)
    for i in range(places[k], places[k + 1]):
        rows[at], sides[at] = order[i], side
        at += 1
    return at


@inline
def kept_parameters(task, slot):
    """Where parameters of a component are kept."""
    return task.room + 8 * slot * parameters_size(task.variables, task.n_variables)


@inline
def kept_sums(task, slot):
    """Where sums of a component are kept."""
    return kept_parameters(task, 8) + 8 * slot * sums_size(record_at(task.pair, PAIR))


@inline
def keep(task, slot, k):
    """Keep component k as it is."""
    copy_parameters(task.variables, task.n_variables, k, kept_parameters(task, slot), True)
    copy_sums(record_at(task.pair, PAIR), k, kept_sums(task, slot), True)


@inline
def restore(task, slot, k):
    """Put component k as it was."""
    copy_parameters(task.variables, task.n_variables, k, kept_parameters(task, slot), False)
    copy_sums(record_at(task.pair, PAIR), k, kept_sums(task, slot), False)


@inline
def target_of(task):
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
    rows, sides = looked_at(task)
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
    copy_parameters(task.variables, task.n_variables, a, kept_parameters(task, _SPLIT_0), True)
    copy_parameters(task.variables, task.n_variables, b, kept_parameters(task, _SPLIT_1), True)
    join_sums(pair, a, b)
    for _ in range(task.forgets):
        failed += draw_parameters(machine, task.variables, task.n_variables, a, b if both else -1, stream)
    copy_parameters(task.variables, task.n_variables, a, kept_parameters(task, _MERGED_0), True)
    copy_parameters(task.variables, task.n_variables, b, kept_parameters(task, _MERGED_1), True)
    return share if failed == failed else failed


@inline
def _two_of(rows, n, stream):
    """Two of n rows, each ordered pair as likely."""
    one = min(int(uniform(stream) * n), n - 1)
    other = min(int(uniform(stream) * (n - 1)), n - 2)
    other += 1 if other >= one else 0
    return rows[one], rows[other]


@inline
def _put_launch(task, slot, a, b):
    """Parameters of a launch state."""
    copy_parameters(task.variables, task.n_variables, a, kept_parameters(task, slot), False)
    copy_parameters(task.variables, task.n_variables, b, kept_parameters(task, slot + 1), False)


@helper()
def part_rows(task, start, n, a, b, kept_a, kept_b, both, stream):
    """Part n rows of component a between a and b; log of how likely the way back is, less that of the way.

    Where `both`, b is a component without rows before, whose parameters the way back draws too.
    """
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = looked_at(task)
    rows, sides = rows[start:], sides[start:]
    first, second = _two_of(rows, n, stream)
    share = _launch(task, start, n, a, b, first, second, both, stream)
    if share != share:
        return FAILED
    back = put_parameters(
        machine, variables, count, a, b if both else -1, kept_parameters(task, kept_a), kept_parameters(task, kept_b)
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
def join_rows(task, start, n, n_a, a, b, kept_a, kept_b, both, stream):
    """Join n rows, of which the first n_a are component a's and the rest b's, under a; logs as for `_part`.

    Where `both`, b is left without rows, its parameters drawn from what they are then.
    """
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = looked_at(task)
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
    copy_sums(pair, a, kept_sums(task, kept_a), False)
    copy_sums(pair, b, kept_sums(task, kept_b), False)
    back += put_parameters(
        machine, variables, count, a, b, kept_parameters(task, kept_a), kept_parameters(task, kept_b)
    )
    join_sums(pair, a, b)
    _put_launch(task, _MERGED_0, a, b)
    way = draw_parameters(machine, variables, count, a, b if both else -1, stream)
    for i in range(n):
        sides[i] = 0.0
    found = back - way + math.log(n_a * (n - n_a)) - math.log(n * (n - 1.0))
    return found if found == found else FAILED


@helper()
def redivide_rows(task, n, n_a, a, b, kept_a, kept_b, stream):
    """Divide n rows anew, of which the first n_a are component a's and the rest b's; logs as for `part_rows`.

    A launch state says how likely the way back is, and another one draws the way: on the way back they change places.
    """
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = looked_at(task)
    first = rows[min(int(uniform(stream) * n_a), n_a - 1)]
    second = rows[n_a + min(int(uniform(stream) * (n - n_a)), n - n_a - 1)]
    share = _launch(task, 0, n, a, b, first, second, False, stream)
    if share != share:
        return FAILED
    for i in range(n):
        sides[i] = 0.0 if i < n_a else 1.0
    _put_launch(task, _SPLIT_0, a, b)
    back = label_rows(pair, rows, sides, n, a, b, share, first, second, False, stream)
    copy_sums(pair, a, kept_sums(task, kept_a), False)
    copy_sums(pair, b, kept_sums(task, kept_b), False)
    now, other = kept_parameters(task, kept_a), kept_parameters(task, kept_b)
    back += put_parameters(machine, variables, count, a, b, now, other)
    first, second = _two_of(rows, n, stream)
    share = _launch(task, 0, n, a, b, first, second, False, stream)
    if share != share:
        return FAILED
    _put_launch(task, _SPLIT_0, a, b)
    way = label_rows(pair, rows, sides, n, a, b, share, first, second, True, stream)
    add_rows(pair, rows, sides, n, a, b)
    way += draw_parameters(machine, variables, count, a, b, stream)
    on_other = 0.0
    for i in range(n):
        on_other += sides[i]
    # one row of each component was picked for the first launch state, and is on the way back; any two for the second
    found = back - way + math.log(n_a * (n - n_a)) - math.log((n - on_other) * on_other)
    return found if found == found else FAILED


@helper()
def _forget(task, a, b, stream):
    """Bring parameters of a and b (-1: of none) to where their sums alone say, wherever they stand; NaN: it failed."""
    if task.forgets == 0:
        return 0.0
    pair, failed = record_at(task.pair, PAIR), 0.0
    copy_sums(pair, a, kept_sums(task, 3), True)
    clear_sums(pair, a)
    if b >= 0:
        copy_sums(pair, b, kept_sums(task, 4), True)
        clear_sums(pair, b)
    for scan in range(task.forgets + 1):
        failed += draw_parameters(task.machine, task.variables, task.n_variables, a, b, stream)
        if scan == 0:  # without rows: a draw from the prior
            copy_sums(pair, a, kept_sums(task, 3), False)
            if b >= 0:
                copy_sums(pair, b, kept_sums(task, 4), False)
    return failed


@inline
def _log_lot(n_a, n_b):
    """How likely n_a and n_b units are to go where they are by a lot whose share is uniform."""
    return math.lgamma(n_a + 1.0) + math.lgamma(n_b + 1.0) - math.lgamma(n_a + n_b + 2.0)


@helper()
def scatter_rows(task, start, n, a, b, kept_a, kept_b, both, stream):
    """Part n rows of component a by lot; logs as for `_part`."""
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    rows, sides = looked_at(task)
    rows, sides = rows[start:], sides[start:]
    failed = _forget(task, a, b if both else -1, stream)
    back = put_parameters(
        machine, variables, count, a, b if both else -1, kept_parameters(task, kept_a), kept_parameters(task, kept_b)
    )
    share, on_other = uniform(stream), 0.0
    for i in range(n):
        sides[i] = 1.0 if uniform(stream) < share else 0.0
        on_other += sides[i]
    if on_other == 0.0 or on_other == n:
        return FAILED
    add_rows(pair, rows, sides, n, a, b)
    failed += _forget(task, a, b, stream)
    way = draw_parameters(machine, variables, count, a, b, stream)
    found = back - way - _log_lot(n - on_other, on_other) + 0.0 * failed
    return found if found == found else FAILED


@helper()
def pool_rows(task, start, n, n_a, a, b, kept_a, kept_b, both, stream):
    """Join the rows of a and b as if they had been parted by lot; logs as for `_part`. Sums are all it needs."""
    pair, machine, variables, count = record_at(task.pair, PAIR), task.machine, task.variables, task.n_variables
    _, sides = looked_at(task)
    failed = _forget(task, a, b, stream)
    back = put_parameters(machine, variables, count, a, b, kept_parameters(task, kept_a), kept_parameters(task, kept_b))
    join_sums(pair, a, b)
    failed += _forget(task, a, b if both else -1, stream)
    way = draw_parameters(machine, variables, count, a, b if both else -1, stream)
    for i in range(start, start + n):
        sides[i] = 0.0
    found = back - way + _log_lot(n_a, n - n_a) + 0.0 * failed
    return found if found == found else FAILED


__all__ = [
    "FAILED", "SPLIT_MERGE", "copy_rows", "join_rows", "keep", "looked_at", "part_rows", "pool_rows",
    "redivide_rows", "rename", "restore", "scatter_rows", "sort_rows", "target_of",
]  # fmt: skip
