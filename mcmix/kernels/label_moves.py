"""Moves that exchange whole components, and labels that cannot be drawn one by one."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.random import standard_exponential, uniform
from mcmix.kernels.records import RUN, record, record_at

# The program's answer is the log ratio's part that changes. Of each family the addresses of its K entries, of each
# complement its address.
TRANSPOSITION = record(*RUN, "answer", "labels", "families", "n_families", "complements", "n_complements", "counters")
# The program leaves a log density for each of `count` units in `rows`, the second one that of everything in `joint`.
# K labels from the lowest value up; the workspace has K n + 2 n doubles; counters: proposals and acceptances of the
# block, then of units alone.
NON_FACTORISING = record(
    *RUN, "count", "labels", "lowest", "variable", "rows", "joint_program", "joint_length", "joint", "workspace",
    "counters",
)  # fmt: skip

NOT_A_NUMBER = 20


@inline
def swap(families, n_families, n_labels, j, k):
    """Exchange entries j and k of every family: a table of addresses, one row of K per family."""
    for f in range(n_families):
        first, second = floats(families[f * n_labels + j], 1), floats(families[f * n_labels + k], 1)
        first[0], second[0] = second[0], first[0]


@inline
def _complement(addresses, n, kept):
    """Replace probabilities of label 0 by their complements; what they were stands in `kept`."""
    for i in range(n):
        value = floats(addresses[i], 1)
        kept[i] = value[0]
        value[0] = 1.0 - value[0]


@step_of(TRANSPOSITION)
def transpose_components(words, reals, stream):
    """Exchange two components, accepted with the change of everything that is not invariant under it.

    The hard pass must follow at once: labels and sums still speak of the old order. reals: room for complements.
    """
    task = record_at(words, TRANSPOSITION)
    n_labels, answer, counter = task.labels, floats(task.answer, 1), floats(task.counters, 2)
    families = integers(task.families, task.n_families * n_labels)
    complements, kept = integers(task.complements, task.n_complements), floats(reals, task.n_complements)
    # Every ordered pair j != k is as likely: the proposal is symmetric, and its own inverse.
    j = min(int(uniform(stream) * n_labels), n_labels - 1)
    k = min(int(uniform(stream) * (n_labels - 1)), n_labels - 2)
    k += 1 if k >= j else 0
    status = call(task.machine, (task.program, task.length, 0, 1))
    before = answer[0]
    swap(families, task.n_families, n_labels, j, k)
    _complement(complements, task.n_complements, kept)
    status = max(status, call(task.machine, (task.program, task.length, 0, 1)))
    # Only what changes under the exchange is in the answer: likelihood and label prior of the block do not.
    accepted = status == 0 and answer[0] - before > -standard_exponential(stream)
    if not accepted:
        swap(families, task.n_families, n_labels, j, k)
        for i in range(task.n_complements):  # as it was: 1 - (1 - p) is p only but for rounding
            floats(complements[i], 1)[0] = kept[i]
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    return status


MOST_ALONE = 64  # units tried alone per sweep where the block move is accepted rarely
FLOOR = -600.0  # a label that looks impossible alone keeps a small chance to be proposed


@inline
def _table(task, labels, table):
    """Log probabilities of each unit's labels, from evaluating the model with one label everywhere; shape (K, n)."""
    n, n_labels = task.count, task.labels
    answer = floats(task.rows, n)
    for k in range(n_labels):
        for i in range(n):
            labels[i] = task.lowest + k
        status = call(task.machine, (task.program, task.length, 0, 1))
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
            # The floor keeps every label proposable: with q = 0 for a possible label the chain would not reach it.
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


@inline
def _some_alone(task, labels, work, joint, counter, now, tries, stream):
    """Moves of single units, proposed half from the table and half uniformly, each with the exact ratio."""
    n, n_labels = task.count, task.labels
    for _ in range(tries):
        i = min(int(uniform(stream) * n), n - 1)
        before = labels[i]
        by_table = uniform(stream) < 0.5  # the table may hold a label for hopeless that the others make likely
        k = _drawn(stream, work, n, n_labels, i) if by_table else min(int(uniform(stream) * n_labels), n_labels - 1)
        # Both kinds of proposal are chosen without a look at the state, so each may have its own ratio.
        if k == int(before - task.lowest):
            continue
        labels[i] = task.lowest + k
        status = call(task.machine, (task.joint_program, task.joint_length, 0, 1))
        if status != 0:
            return status
        ratio = joint[0] - now
        if by_table:
            ratio += work[int(before - task.lowest) * n + i] - work[k * n + i]
        counter[2] += 1.0
        if ratio > -standard_exponential(stream):
            now = joint[0]
            counter[3] += 1.0
        else:
            labels[i] = before
    return 0


@step_of(NON_FACTORISING)
def non_factorising_labels(words, reals, stream):
    """Labels whose rows may depend on each other: propose all from a table, accept by the exact ratio.

    An independence Metropolis step (Tierney 1994): always accepted where rows are independent. Then some units alone.
    reals: units tried alone per sweep (as often as needed while tuning), proposals and acceptances while tuning.
    """
    task = record_at(words, NON_FACTORISING)
    n, n_labels = task.count, task.labels
    labels, joint = floats(task.variable, n), floats(task.joint, 1)
    counter, tuning = floats(task.counters, 4), floats(reals, 3)
    work = floats(task.workspace, n_labels * n + 2 * n)
    kept, proposed = work[n_labels * n :], work[n_labels * n + n :]
    for i in range(n):
        kept[i] = labels[i]
    status = _table(task, labels, work)
    if status != 0:
        return status
    change = 0.0
    for i in range(n):
        k = _drawn(stream, work, n, n_labels, i)
        proposed[i] = task.lowest + k
        # log q(old) - log q(new), the Hastings correction of an independence proposal q
        change += work[int(kept[i] - task.lowest) * n + i] - work[k * n + i]
        labels[i] = kept[i]
    status = call(task.machine, (task.joint_program, task.joint_length, 0, 1))
    now = joint[0]
    if status != 0 or now != now:
        return status if status != 0 else NOT_A_NUMBER
    for i in range(n):
        labels[i] = proposed[i]
    status = call(task.machine, (task.joint_program, task.joint_length, 0, 1))
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
    if task.tuning != 0:
        tuning[1] += 1.0
        tuning[2] += 1.0 if accepted else 0.0
        tuning[0] = 1.0 if tuning[2] > 0.5 * tuning[1] else float(min(n, MOST_ALONE))
    return _some_alone(task, labels, work, joint, counter, now, int(tuning[0]), stream)
