"""Exact draws of a discrete variable from some of its values at a time, where a log density is dear.

The values stand on a circle. A window is so many of them, each so far from the next; where it begins is drawn so that
every value in it would have led to it with the same probability, so a draw from the full conditional restricted to the
window leaves the full conditional as it is. Windows of neighbours and windows across the whole range take turns at
random: the one refines what the other finds.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, step_of
from mcmix.kernels.density_steps import CHOICES, LOST, NOT_A_NUMBER
from mcmix.kernels.random import uniform
from mcmix.kernels.records import record_at


@step_of(CHOICES)
def enumerate_windows(words, reals, stream):
    """Draw each element of a discrete variable from its full conditional, restricted to a window round its value.

    reals: values in a window. workspace: that many doubles.
    """
    task = record_at(words, CHOICES)
    n, k, size = task.count, task.choices, int(floats(reals, 1)[0])
    variable, answer = floats(task.variable, n), floats(task.answer, 1)
    lows, weight = floats(task.lower, n), floats(task.workspace, size)
    for i in range(n):
        # size * apart <= k, so no value is in a window twice.
        apart = 1 if uniform(stream) < 0.5 else k // size
        # The present value takes each of the window's places with the same probability.
        first = int(variable[i] - lows[i]) - apart * min(int(size * uniform(stream)), size - 1)
        highest = -math.inf
        for j in range(size):
            variable[i] = lows[i] + (first + j * apart) % k
            status = call(task.machine, (task.program, task.length, i if task.single != 0 else 0, 1))
            if status != 0:
                return status
            weight[j] = answer[0]
            if weight[j] != weight[j]:
                return NOT_A_NUMBER
            highest = max(highest, weight[j])
        if highest == -math.inf:
            return LOST
        # Weights relative to the highest: exp of a log density alone would underflow.
        total = 0.0
        for j in range(size):
            total += math.exp(weight[j] - highest)
        level, chosen, reached = uniform(stream) * total, 0, math.exp(weight[0] - highest)
        while reached < level and chosen < size - 1:
            chosen += 1
            reached += math.exp(weight[chosen] - highest)
        variable[i] = lows[i] + (first + chosen * apart) % k
    return 0
