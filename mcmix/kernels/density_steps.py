"""Moves that need nothing but the log density of one variable given the rest: slice, Metropolis, enumeration.

The log density is a program of the machine: it reads the variable in the chain's memory and leaves one number at a
known place (for programs that serve single elements, the sum of that element's terms).

Descriptor (whole numbers): 0 tuning flag, 1 machine, 2 program, 3 instructions, 4 elements, 5 address of the variable,
6 address of the log density, 7 whether the program serves single elements, 8 transform, 9 lower and 10 upper bound
(addresses), 11 step or category count, 12 counters' address, 13 workspace.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.gibbs import COLLAPSED, SMALLEST_SCALE
from mcmix.kernels.random import standard_exponential, standard_normal, uniform

IDENTITY, LOG, LOGIT, UPPER, SIMPLEX = 0, 1, 2, 3, 4
MOST_STEPS = 200
NOT_A_NUMBER, LOST = 20, 21


@inline
def to_free(kind, x, low, high):
    """From a variable's own range to the whole line."""
    if kind == IDENTITY:
        return x
    if kind == LOGIT:
        return math.log((x - low) / (high - x))
    return math.log(x - low) if kind != UPPER else math.log(high - x)


@inline
def from_free(kind, y, low, high):
    """Back from the whole line."""
    if kind == IDENTITY:
        return y
    if kind == LOGIT:
        return low + (high - low) / (1.0 + math.exp(-y))
    return low + math.exp(y) if kind != UPPER else high - math.exp(y)


@inline
def log_jacobian(kind, y, low, high):
    """Log of the derivative of `from_free`."""
    if kind == IDENTITY:
        return 0.0
    if kind == LOGIT:
        return math.log(high - low) - abs(y) - 2.0 * math.log1p(math.exp(-abs(y)))
    return y


@inline
def _collapsed(kind, x, low, floor):
    """Whether a positive variable has run into zero (or infinity): a posterior that cannot be normalised."""
    return (kind == LOG or kind == LOGIT) and low == 0.0 and not (floor < x < 1.0 / floor)


@inline
def _density_at(slot, variable, i, y, low, high, answer):
    """Log density in the free coordinate of element i at y; minus infinity for NaN's sake is never hidden."""
    x = from_free(slot[8], y, low, high)
    variable[i] = x
    if slot[8] != IDENTITY and not (low < x < high):  # rounded onto an end
        return -math.inf
    if slot[8] == IDENTITY and not (low <= x <= high):  # functions are not asked about values that cannot be
        return -math.inf
    if call(slot[1], (slot[2], slot[3], i if slot[7] != 0 else 0, 1)) != 0:
        return -math.inf
    return answer[0] + log_jacobian(slot[8], y, low, high)


@step_kernel
def slice_elements(words, reals, stream):
    """One slice move per element, stepping out and shrinking, in the free coordinate (Neal 2003, figures 3 and 5).

    reals: a width per element; while tuning they follow the mean distance moved.
    """
    slot = integers(words, 14)
    n = slot[4]
    width, variable, answer = floats(reals, n), floats(slot[5], n), floats(slot[6], 1)
    lows, highs = floats(slot[9], n), floats(slot[10], n)
    for i in range(n):
        low, high = lows[i], highs[i]
        before = variable[i]
        now = to_free(slot[8], before, low, high)
        start = _density_at(slot, variable, i, now, low, high, answer)
        if not start > -math.inf:
            if _collapsed(slot[8], variable[i], low, 1e-100):
                return COLLAPSED
            return NOT_A_NUMBER if start != start else LOST
        level = start - standard_exponential(stream)
        left = now - width[i] * uniform(stream)
        right = left + width[i]
        steps = int(MOST_STEPS * uniform(stream))
        for _ in range(steps):
            if not _density_at(slot, variable, i, left, low, high, answer) > level:
                break
            left -= width[i]
        for _ in range(MOST_STEPS - 1 - steps):
            if not _density_at(slot, variable, i, right, low, high, answer) > level:
                break
            right += width[i]
        y = now
        while True:
            y = left + (right - left) * uniform(stream)
            if y == now:  # shrunk onto the present value
                variable[i] = before
                break
            if _density_at(slot, variable, i, y, low, high, answer) > level:
                break
            if y < now:
                left = y
            else:
                right = y
        if _collapsed(slot[8], variable[i], low, SMALLEST_SCALE):
            return COLLAPSED
        if slot[0] != 0:
            width[i] += 0.05 * (2.5 * abs(y - now) - width[i])
    return 0


@inline
def _tuned(scale, accepted, target, count):
    """Robbins-Monro: the log scale follows the acceptance rate (Andrieu and Thoms 2008, algorithm 4)."""
    return scale * math.exp(math.pow(count + 1.0, -0.6) * (accepted - target))


@step_kernel
def metropolis_elements(words, reals, stream):
    """One random-walk Metropolis move per element in the free coordinate; integers step by rounded amounts.

    reals: a scale per element, then a count of moves. counters: proposals, acceptances.
    11: 1 for whole numbers.
    """
    slot = integers(words, 14)
    n = slot[4]
    scale, variable, answer = floats(reals, n + 1), floats(slot[5], n), floats(slot[6], 1)
    lows, highs, counter = floats(slot[9], n), floats(slot[10], n), floats(slot[12], 2)
    for i in range(n):
        low, high = lows[i], highs[i]
        before = variable[i]
        now = to_free(slot[8], before, low, high)
        start = _density_at(slot, variable, i, now, low, high, answer)
        variable[i] = before
        if start != start:
            return COLLAPSED if _collapsed(slot[8], before, low, 1e-100) else NOT_A_NUMBER
        step = scale[i] * standard_normal(stream)
        if slot[11] != 0:
            step = math.floor(step) if step < 0.0 else math.ceil(step)
        change = _density_at(slot, variable, i, now + step, low, high, answer) - start
        accepted = change > -standard_exponential(stream)
        if not accepted:
            variable[i] = before
        if _collapsed(slot[8], variable[i], low, SMALLEST_SCALE):
            return COLLAPSED
        counter[0] += 1.0
        counter[1] += 1.0 if accepted else 0.0
        if slot[0] != 0:
            scale[i] = _tuned(scale[i], 1.0 if accepted else 0.0, 0.44, scale[n])
    if slot[0] != 0:
        scale[n] += 1.0
    return 0


@inline
def _all_to_free(kind, variable, free, lows, highs, n, k):
    """Free coordinates of a whole variable; k - 1 of them for each simplex of k logarithms."""
    if kind == SIMPLEX:
        at = 0
        for start in range(0, n, k):
            for i in range(start, start + k - 1):
                free[at] = variable[i] - variable[start + k - 1]
                at += 1
    else:
        for i in range(n):
            free[i] = to_free(kind, variable[i], lows[i], highs[i])


@inline
def _all_from_free(kind, variable, free, lows, highs, n, k):
    """Set the whole variable from free coordinates; return the log-Jacobian (minus infinity beyond an end)."""
    total = 0.0
    if kind == SIMPLEX:
        for j in range(n // k):
            total += _simplex_from_free(variable[j * k :], free[j * (k - 1) :], k)
        return total
    for i in range(n):
        variable[i] = from_free(kind, free[i], lows[i], highs[i])
        if kind != IDENTITY and not (lows[i] < variable[i] < highs[i]):
            return -math.inf
        total += log_jacobian(kind, free[i], lows[i], highs[i])
    return total


@inline
def _simplex_from_free(variable, free, k):
    """Logs of one simplex from log ratios to its last entry; the Jacobian is their product (Aitchison 1986)."""
    highest = 0.0
    for i in range(k - 1):
        highest = max(highest, free[i])
    mass = math.exp(-highest)
    for i in range(k - 1):
        mass += math.exp(free[i] - highest)
    total = 0.0
    for i in range(k):
        variable[i] = (free[i] if i < k - 1 else 0.0) - highest - math.log(mass)
        total += variable[i]
    return total


@step_kernel
def metropolis_block(words, reals, stream):
    """Adaptive Metropolis on all elements at once, in the free coordinates (Haario et al. 2001, scaled as above).

    11: entries of one simplex.
    reals: log scale, count, mean (d), lower Cholesky factor (d, d). workspace: kept (n), now, noise, proposal (d each).
    While tuning, mean and factor follow the history (rank-one updates of the factor), the scale the acceptance rate.
    """
    slot = integers(words, 14)
    n = slot[4]
    k = slot[11]
    d = n - n // k if slot[8] == SIMPLEX else n
    memory, variable, answer = floats(reals, 2 + d + d * d), floats(slot[5], n), floats(slot[6], 1)
    lows, highs, counter, work = floats(slot[9], n), floats(slot[10], n), floats(slot[12], 2), floats(slot[13], 4 * n)
    now, noise, proposal = work[n:], work[2 * n :], work[3 * n :]
    _all_to_free(slot[8], variable, now, lows, highs, n, k)
    jacobian = _all_from_free(slot[8], variable, now, lows, highs, n, k)
    for i in range(n):
        work[i] = variable[i]
    status = call(slot[1], (slot[2], slot[3], 0, 1))
    if status != 0:
        return status
    start = answer[0] + jacobian
    if start != start:
        return NOT_A_NUMBER
    for i in range(d):
        noise[i] = standard_normal(stream)
    for i in range(d):
        step = 0.0
        for j in range(i + 1):
            step += memory[2 + d + i * d + j] * noise[j]
        proposal[i] = now[i] + math.exp(memory[0]) * step
    jacobian = _all_from_free(slot[8], variable, proposal, lows, highs, n, k)
    accepted = False
    if jacobian > -math.inf and call(slot[1], (slot[2], slot[3], 0, 1)) == 0:
        accepted = answer[0] + jacobian - start > -standard_exponential(stream)
    if not accepted:
        for i in range(n):
            variable[i] = work[i]
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    if slot[0] != 0:
        memory[0] += math.pow(memory[1] + 1.0, -0.6) * ((1.0 if accepted else 0.0) - (0.234 if d > 1 else 0.44))
        _learn(memory, proposal if accepted else now, noise, d)
    return 0


@inline
def _learn(memory, free, work, d):
    """Move mean and covariance factor towards the present point (rank-one Cholesky update, shrinking weight)."""
    memory[1] += 1.0
    weight = max(1.0 / (memory[1] + 10.0), 1e-4)
    for i in range(d):
        work[i] = math.sqrt(weight) * (free[i] - memory[2 + i])
        memory[2 + i] += weight * (free[i] - memory[2 + i])
    for i in range(d):
        for j in range(i + 1):
            memory[2 + d + i * d + j] *= math.sqrt(1.0 - weight)
    for j in range(d):
        at = 2 + d + j * d + j
        pivot, x = memory[at], work[j]
        radius = math.sqrt(pivot * pivot + x * x)
        cosine, sine = radius / pivot, x / pivot
        memory[at] = radius
        for i in range(j + 1, d):
            below = 2 + d + i * d + j
            memory[below] = (memory[below] + sine * work[i]) / cosine
            work[i] = cosine * work[i] - sine * memory[below]


@step_kernel
def enumerate_elements(words, reals, stream):
    """Draw each element of a discrete variable from its full conditional by trying every value.

    11: number of values, from the lower bound up. workspace: that many doubles.
    """
    slot = integers(words, 14)
    n, k = slot[4], slot[11]
    variable, answer, lows, weight = floats(slot[5], n), floats(slot[6], 1), floats(slot[9], n), floats(slot[13], k)
    for i in range(n):
        highest = -math.inf
        for j in range(k):
            variable[i] = lows[i] + j
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
        for j in range(k):
            total += math.exp(weight[j] - highest)
        level, chosen, reached = uniform(stream) * total, 0, math.exp(weight[0] - highest)
        while reached < level and chosen < k - 1:
            chosen += 1
            reached += math.exp(weight[chosen] - highest)
        variable[i] = lows[i] + chosen
    return 0
