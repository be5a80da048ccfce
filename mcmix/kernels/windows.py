"""Exact draws of a discrete variable from some of its values at a time, where a log density is dear.

Descriptor as in :mod:`mcmix.kernels.density_steps`. The values stand on a circle. A window is so many of them, each so
far from the next; where it begins is drawn so that every value in it would have led to it with the same probability,
so a draw from the full conditional restricted to the window leaves the full conditional as it is. Windows of neighbours
and windows across the whole range take turns at random: the one refines what the other finds.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, integers, step_kernel
from mcmix.kernels.density_steps import LOST, NOT_A_NUMBER
from mcmix.kernels.random import uniform


@step_kernel
def enumerate_windows(words, reals, stream):
    """Draw each element of a discrete variable from its full conditional, restricted to a window round its value.

    11: number of values, from the lower bound up. reals: values in a window. workspace: that many doubles.
    """
    slot = integers(words, 14)
    n, k, size = slot[4], slot[11], int(floats(reals, 1)[0])
    variable, answer, lows, weight = floats(slot[5], n), floats(slot[6], 1), floats(slot[9], n), floats(slot[13], size)
    for i in range(n):
        apart = 1 if uniform(stream) < 0.5 else k // size
        first = int(variable[i] - lows[i]) - apart * min(int(size * uniform(stream)), size - 1)
        highest = -math.inf
        for j in range(size):
            variable[i] = lows[i] + (first + j * apart) % k
            status = call(slot[1], (slot[2], slot[3], i if slot[7] != 0 else 0, 1))
            if status != 0:
                return status
            weight[j] = answer[0]
            if weight[j] != weight[j]:
                return NOT_A_NUMBER
            highest = max(highest, weight[j])
        if highest == -math.inf:
            return LOST
        total = 0.0
        for j in range(size):
            total += math.exp(weight[j] - highest)
        level, chosen, reached = uniform(stream) * total, 0, math.exp(weight[0] - highest)
        while reached < level and chosen < size - 1:
            chosen += 1
            reached += math.exp(weight[chosen] - highest)
        variable[i] = lows[i] + (first + chosen * apart) % k
    return 0
