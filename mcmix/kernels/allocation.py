"""Rows go from one component to another one by one, and on in the same direction until one does not.

Ascolani and Zanella (2025), "Mixing times of data-augmentation and non-reversible Gibbs samplers for mixtures",
arXiv 2510.03226: of a pair of components, with a direction that is part of the state, any row of the one is proposed to
the other; refused, the direction turns round. Weights are summed out, parameters stay where they are.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, step_of
from mcmix.kernels.random import standard_exponential, uniform
from mcmix.kernels.records import RUN, record, record_at
from mcmix.kernels.rows_of_two import PAIR, add_rows, weigh_rows
from mcmix.kernels.split_proposals import copy_rows, looked_at, sort_rows

# The program leaves the concentration of each component, or one for all. Labels of so many units from the lowest up,
# numbers of units by label, how many labels are in use (0: all); a record of PAIR; a direction for each pair of
# components; how many pairs are picked. Room: four stretches of units, and 2 K + 1 places.
ALLOCATION = record(
    *RUN, "units", "capacity", "lowest", "out", "counts", "number", "alphas", "n_alphas", "pair", "directions", "tries",
    "order", "places", "counters",
)  # fmt: skip
NOT_A_NUMBER_ROW = 31


@inline
def _concentration(task, k):
    return floats(task.alphas, task.n_alphas)[k if task.n_alphas > 1 else 0]


@inline
def _log_ratio(n_from, n_to, a_from, a_to, odds):
    """Of the target, and of picking this row on the way back to picking it now, where one row goes.

    Dirichlet-multinomial: (n' + a') / (n - 1 + a); any of n rows is picked, and any of n' + 1 on the way back.
    """
    return math.log((n_to + a_to) * n_from / ((n_from - 1.0 + a_from) * (n_to + 1.0))) + odds


@inline
def _swap(rows, odds, i, j):
    rows[i], rows[j] = rows[j], rows[i]
    odds[i], odds[j] = odds[j], odds[i]


@helper()
def _go(task, odds, n, n_a, a, b, least, stream):
    """Some moves, as many as there are rows on average; the first n_a rows are a's. How many are a's afterwards."""
    rows, _ = looked_at(task)
    place = a * task.capacity + b
    directions, counters = floats(task.directions, task.capacity * task.capacity), floats(task.counters, 2)
    first, second, forward = _concentration(task, a), _concentration(task, b), directions[place] >= 0.0
    # Not n of them: that many bring n_a to n - n_a where all are accepted, which is how rows were parted before.
    for _ in range(int(2.0 * n * uniform(stream)) + 1):
        n_b = n - n_a
        if (n_a if forward else n_b) <= least:
            forward = not forward
            continue
        counters[0] += 1.0
        if forward:
            i = min(int(uniform(stream) * n_a), n_a - 1)
            ratio = _log_ratio(n_a, n_b, first, second, odds[i])
        else:
            i = n_a + min(int(uniform(stream) * n_b), n_b - 1)
            ratio = _log_ratio(n_b, n_a, second, first, -odds[i])
        if not (ratio >= 0.0 or ratio > -standard_exponential(stream)):
            forward = not forward
            continue
        counters[1] += 1.0
        if forward:
            n_a -= 1
            _swap(rows, odds, i, n_a)
        else:
            _swap(rows, odds, i, n_a)
            n_a += 1
    directions[place] = 1.0 if forward else -1.0
    return n_a


@helper()
def _allocate(task, a, b, stream):
    """Move rows between two components; 0 where it went well."""
    pair, n_units = record_at(task.pair, PAIR), task.units
    rows, sides = looked_at(task)
    odds = floats(task.order + 24 * n_units, n_units)
    before = copy_rows(task, a, 0, 0.0)
    n = copy_rows(task, b, before, 1.0)
    least = 0 if task.number == 0 else 1
    if n == 0 or (least > 0 and (before == 0 or before == n)):
        return 0
    if not weigh_rows(pair, rows, odds, n, a, b):
        return NOT_A_NUMBER_ROW
    n_a = _go(task, odds, n, before, a, b, least, stream)
    labels = floats(task.out, n_units)
    for i in range(n):
        sides[i] = 0.0 if i < n_a else 1.0
        labels[rows[i]] = task.lowest + (a if i < n_a else b)
    add_rows(pair, rows, sides, n, a, b)
    return 0


@step_of(ALLOCATION)
def allocate_rows(words, reals, stream):
    """Pick pairs of the components that there are, and move rows between these."""
    task = record_at(words, ALLOCATION)
    status = call(task.machine, (task.program, task.length, 0, 0))
    in_use = task.capacity if task.number == 0 else int(floats(task.number, 1)[0])
    for _ in range(task.tries):
        if status != 0 or in_use < 2:
            return status
        a = min(int(uniform(stream) * in_use), in_use - 1)
        b = min(int(uniform(stream) * (in_use - 1)), in_use - 2)
        b += 1 if b >= a else 0
        sort_rows(task)
        status = _allocate(task, min(a, b), max(a, b), stream)
    return status


__all__ = ["ALLOCATION", "allocate_rows"]
