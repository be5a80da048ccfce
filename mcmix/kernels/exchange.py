"""Moves that exchange whole components, and labels that cannot be drawn one by one.

Descriptors are stated at each kernel; word 0 is the tuning flag, word 1 the machine.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.random import standard_exponential, uniform

NOT_A_NUMBER = 20


@inline
def _swap(families, n_families, n_labels, j, k):
    """Exchange entries j and k of every family: a table of addresses, one row of K per family."""
    for f in range(n_families):
        first, second = floats(families[f * n_labels + j], 1), floats(families[f * n_labels + k], 1)
        first[0], second[0] = second[0], first[0]


@inline
def _complement(addresses, n):
    """Replace probabilities of label 0 by their complements."""
    for i in range(n):
        value = floats(addresses[i], 1)
        value[0] = 1.0 - value[0]


@step_kernel
def transpose_components(words, reals, stream):
    """Exchange two components, accepted with the change of everything that is not invariant under it.

    2 program, 3 instructions, 4 address of its answer, 5 K, 6 families, 7 table of addresses, 8 complements, 9 their
    addresses, 10 counters. The hard pass must follow at once: labels and sums still speak of the old order.
    """
    slot = integers(words, 11)
    n_labels, answer, counter = slot[5], floats(slot[4], 1), floats(slot[10], 2)
    families, complements = integers(slot[7], slot[6] * n_labels), integers(slot[9], slot[8])
    j = min(int(uniform(stream) * n_labels), n_labels - 1)
    k = min(int(uniform(stream) * (n_labels - 1)), n_labels - 2)
    k += 1 if k >= j else 0
    status = call(slot[1], (slot[2], slot[3], 0, 1))
    before = answer[0]
    _swap(families, slot[6], n_labels, j, k)
    _complement(complements, slot[8])
    status = max(status, call(slot[1], (slot[2], slot[3], 0, 1)))
    accepted = status == 0 and answer[0] - before > -standard_exponential(stream)
    if not accepted:
        _swap(families, slot[6], n_labels, j, k)
        _complement(complements, slot[8])
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    return status


MOST_ALONE = 64  # units tried alone per sweep where the block move is accepted rarely
FLOOR = -600.0  # a label that looks impossible alone keeps a small chance to be proposed


@inline
def _table(slot, labels, table):
    """Log probabilities of each unit's labels, from evaluating the model with one label everywhere; shape (K, n)."""
    n, n_labels = slot[4], slot[5]
    answer = floats(slot[8], n)
    for k in range(n_labels):
        for i in range(n):
            labels[i] = slot[6] + k
        status = call(slot[1], (slot[2], slot[3], 0, 1))
        if status != 0:
            return status
        for i in range(n):
            table[k * n + i] = answer[i]
    for i in range(n):
        highest = -math.inf
        for k in range(n_labels):
            if table[k * n + i] > highest:
                highest = table[k * n + i]
        total = 0.0
        for k in range(n_labels):
            value = table[k * n + i] - highest if highest > -math.inf else 0.0
            table[k * n + i] = value if value > FLOOR else FLOOR
            total += math.exp(table[k * n + i])
        for k in range(n_labels):
            table[k * n + i] -= math.log(total)
    return 0


@inline
def _drawn(stream, table, n, n_labels, i):
    """One label for unit i from the table."""
    level, reached = uniform(stream), 0.0
    for k in range(n_labels - 1):
        reached += math.exp(table[k * n + i])
        if reached >= level:
            return k
    return n_labels - 1


@step_kernel
def entangled_labels(words, reals, stream):
    """Labels whose rows may depend on each other: propose all from a table, accept by the exact ratio.

    An independence Metropolis step (Tierney 1994): always accepted where rows are independent. Then some units alone.
    2, 3 program of the table (answer in 8), 4 units, 5 K, 6 lowest value, 7 labels, 9, 10 program of the joint density
    (answer in 11), 12 workspace (K n + 2 n), 13 counters (block: proposals, acceptances; alone: the same).
    reals: units tried alone per sweep (as often as needed while tuning), proposals and acceptances while tuning.
    """
    slot = integers(words, 14)
    n, n_labels = slot[4], slot[5]
    labels, joint, counter, tuning = floats(slot[7], n), floats(slot[11], 1), floats(slot[13], 4), floats(reals, 3)
    work = floats(slot[12], n_labels * n + 2 * n)
    kept, proposed = work[n_labels * n :], work[n_labels * n + n :]
    for i in range(n):
        kept[i] = labels[i]
    status = _table(slot, labels, work)
    if status != 0:
        return status
    change = 0.0
    for i in range(n):
        k = _drawn(stream, work, n, n_labels, i)
        proposed[i] = slot[6] + k
        change += work[int(kept[i] - slot[6]) * n + i] - work[k * n + i]
        labels[i] = kept[i]
    status = call(slot[1], (slot[9], slot[10], 0, 1))
    now = joint[0]
    if status != 0 or now != now:
        return status if status != 0 else NOT_A_NUMBER
    for i in range(n):
        labels[i] = proposed[i]
    status = call(slot[1], (slot[9], slot[10], 0, 1))
    if status != 0:
        return status
    accepted = joint[0] + change - now > -standard_exponential(stream)
    if accepted:
        now = joint[0]
    else:
        for i in range(n):
            labels[i] = kept[i]
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    if slot[0] != 0:
        tuning[1] += 1.0
        tuning[2] += 1.0 if accepted else 0.0
        tuning[0] = 1.0 if tuning[2] > 0.5 * tuning[1] else float(min(n, MOST_ALONE))
    for _ in range(int(tuning[0])):
        i = min(int(uniform(stream) * n), n - 1)
        before = labels[i]
        by_table = uniform(stream) < 0.5  # the table may hold a label for hopeless that the others make likely
        k = _drawn(stream, work, n, n_labels, i) if by_table else min(int(uniform(stream) * n_labels), n_labels - 1)
        if k == int(before - slot[6]):
            continue
        labels[i] = slot[6] + k
        status = call(slot[1], (slot[9], slot[10], 0, 1))
        if status != 0:
            return status
        ratio = joint[0] - now
        if by_table:
            ratio += work[int(before - slot[6]) * n + i] - work[k * n + i]
        counter[2] += 1.0
        if ratio > -standard_exponential(stream):
            now = joint[0]
            counter[3] += 1.0
        else:
            labels[i] = before
    return 0
