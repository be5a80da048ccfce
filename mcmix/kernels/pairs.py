"""Labels of units that are seen in pairs: each drawn given all others, from a table of log densities of pairs."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, integers, step_of
from mcmix.kernels.labels import IMPOSSIBLE_ROW, NOT_A_NUMBER_ROW
from mcmix.kernels.random import uniform
from mcmix.kernels.records import RUN, record, record_at

# The program leaves log weights (K) and log densities (values, K, K) of a pair whose first and second unit have these
# labels. Of unit i, entries starts[i] to starts[i + 1] are its pairs: the other unit, and twice the number of the
# pair's value, one more where it is the second. Room: (2 values + 1) K doubles.
PAIRS = record(
    *RUN, "units", "labels", "values", "lowest", "out", "starts", "others", "kinds", "weights", "table", "room",
)  # fmt: skip


@step_of(PAIRS)
def draw_paired_labels(words, reals, stream):
    """Draw the label of each unit given those of all others."""
    task = record_at(words, PAIRS)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    k, n, n_values = task.labels, task.units, task.values
    labels, starts = floats(task.out, n), integers(task.starts, n + 1)
    others, kinds = integers(task.others, starts[n]), integers(task.kinds, starts[n])
    weights, table = floats(task.weights, k), floats(task.table, n_values * k * k)
    counts, logs = floats(task.room, 2 * n_values * k), floats(task.room + 16 * n_values * k, k)
    for i in range(n):
        for j in range(2 * n_values * k):
            counts[j] = 0.0
        for e in range(starts[i], starts[i + 1]):
            counts[kinds[e] * k + int(labels[others[e]] - task.lowest)] += 1.0
        for a in range(k):
            logs[a] = weights[a]
        for u in range(n_values):
            for b in range(k):
                first, second = counts[2 * u * k + b], counts[(2 * u + 1) * k + b]
                if first > 0.0:
                    for a in range(k):
                        logs[a] += first * table[(u * k + a) * k + b]
                if second > 0.0:
                    for a in range(k):
                        logs[a] += second * table[(u * k + b) * k + a]
        highest, total = -math.inf, 0.0
        for a in range(k):
            if logs[a] != logs[a]:
                return NOT_A_NUMBER_ROW
            highest = max(highest, logs[a])
        if highest == -math.inf:
            return IMPOSSIBLE_ROW
        for a in range(k):
            total += math.exp(logs[a] - highest)
            logs[a] = total
        level, new = uniform(stream) * total, 0
        while new < k - 1 and logs[new] < level:
            new += 1
        labels[i] = task.lowest + new
    return 0


__all__ = ["PAIRS", "draw_paired_labels"]
