"""Moves that need nothing but the log density of one variable given the rest: slice, Metropolis, enumeration.

The log density is a program of the machine: it reads the variable in the chain's memory and leaves one number at a
known place (for programs that serve single elements, the sum of that element's terms). Moves of whole blocks are in
`block_steps`.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.gibbs import COLLAPSED, SMALLEST_SCALE
from mcmix.kernels.random import standard_exponential, standard_normal, uniform
from mcmix.kernels.records import RUN, record, record_at
from mcmix.kernels.slices import slice_coordinate, tuned_width
from mcmix.kernels.transforms import CIRCLE, LOG, LOGIT, from_free, inside, log_jacobian, to_free

# Addresses of the variable and of the log density, whether the program serves single elements, one of the transforms,
# addresses of bounds, counters and workspace. Slice and Metropolis note in the workspace where a log density was no
# number (element, value) if its third entry asks for it.
_ELEMENTS = (*RUN, "count", "variable", "answer", "single", "transform", "lower", "upper", "counters", "workspace")
ELEMENTS = record(*_ELEMENTS)
METROPOLIS = record(*_ELEMENTS, "whole")  # whether only whole numbers are
TRANSFERS = record(*_ELEMENTS, "entries")  # of one vector
CHOICES = record(*_ELEMENTS, "choices")  # number of values, from the lower bound up

NOT_A_NUMBER, LOST = 20, 21


@inline
def _collapsed(kind, x, low, floor):
    """Whether a positive variable has run into zero (or infinity): a posterior that cannot be normalised."""
    return (kind == LOG or kind == LOGIT) and low == 0.0 and not (floor < x < 1.0 / floor)


@inline
def _refused(work, density, i, x):
    """Whether a log density that is no number ends the run (functions of the user's); where it was is noted."""
    if density == density or work[2] == 0.0:
        return False
    work[0], work[1] = i, x
    return True


@inline
def _density_at(task, variable, i, y, low, high, answer):
    """Log density in the free coordinate of element i at y; minus infinity for NaN's sake is never hidden."""
    x = from_free(task.transform, y, low, high)
    variable[i] = x
    if not inside(task.transform, x, low, high):
        return -math.inf
    if call(task.machine, (task.program, task.length, i if task.single != 0 else 0, 1)) != 0:
        return -math.inf
    return answer[0] + log_jacobian(task.transform, y, low, high)


@inline
def _element_density(where, y):
    task, variable, i, low, high, answer, _ = where
    return _density_at(task, variable, i, y, low, high, answer)


@inline
def _element_refused(where, found):
    _, variable, i, _, _, _, work = where
    return _refused(work, found, i, variable[i])


@step_of(ELEMENTS)
def slice_elements(words, reals, stream):
    """One slice move per element, in its free coordinate; reals: a width per element, tuned."""
    task = record_at(words, ELEMENTS)
    n = task.count
    width, variable, answer = floats(reals, n), floats(task.variable, n), floats(task.answer, 1)
    lows, highs, work = floats(task.lower, n), floats(task.upper, n), floats(task.workspace, 3)
    for i in range(n):
        low, high = lows[i], highs[i]
        before = variable[i]
        now = to_free(task.transform, before, low, high)
        start = _density_at(task, variable, i, now, low, high, answer)
        if not start > -math.inf:
            if _collapsed(task.transform, variable[i], low, 1e-100):
                return COLLAPSED
            return NOT_A_NUMBER if start != start else LOST
        period = high - low if task.transform == CIRCLE else 0.0
        width[i] = min(width[i], period) if period > 0.0 else width[i]
        where = (task, variable, i, low, high, answer, work)
        y, _, ended = slice_coordinate(_element_density, _element_refused, where, now, start, width[i], period, stream)
        if ended or y == now:
            variable[i] = before
        if ended:
            return NOT_A_NUMBER
        if _collapsed(task.transform, variable[i], low, SMALLEST_SCALE):
            return COLLAPSED
        if task.tuning != 0:
            width[i] = tuned_width(width[i], y - now)
    return 0


@inline
def _tuned(scale, accepted, target, count):
    """Robbins-Monro: the log scale follows the acceptance rate (Andrieu and Thoms 2008, algorithm 4)."""
    return scale * math.exp(math.pow(count + 1.0, -0.6) * (accepted - target))


@step_of(METROPOLIS)
def metropolis_elements(words, reals, stream):
    """One random-walk Metropolis move per element in the free coordinate; integers step by rounded amounts.

    reals: a scale per element, then a count of moves. counters: proposals, acceptances.
    """
    task = record_at(words, METROPOLIS)
    n = task.count
    scale, variable, answer = floats(reals, n + 1), floats(task.variable, n), floats(task.answer, 1)
    lows, highs = floats(task.lower, n), floats(task.upper, n)
    counter, work = floats(task.counters, 2), floats(task.workspace, 3)
    for i in range(n):
        low, high = lows[i], highs[i]
        before = variable[i]
        now = to_free(task.transform, before, low, high)
        start = _density_at(task, variable, i, now, low, high, answer)
        variable[i] = before
        if start != start:
            return COLLAPSED if _collapsed(task.transform, before, low, 1e-100) else NOT_A_NUMBER
        step = scale[i] * standard_normal(stream)
        if task.whole != 0:
            # Away from zero: a rounded step of 0 would be no move, yet count as accepted.
            step = math.floor(step) if step < 0.0 else math.ceil(step)
        change = _density_at(task, variable, i, now + step, low, high, answer) - start
        if _refused(work, change, i, variable[i]):
            variable[i] = before
            return NOT_A_NUMBER
        accepted = change > -standard_exponential(stream)
        if not accepted:
            variable[i] = before
        if _collapsed(task.transform, variable[i], low, SMALLEST_SCALE):
            return COLLAPSED
        counter[0] += 1.0
        counter[1] += 1.0 if accepted else 0.0
        if task.tuning != 0:
            # 0.44 is the optimal acceptance rate in one dimension (Gelman, Roberts and Gilks 1996).
            scale[i] = _tuned(scale[i], 1.0 if accepted else 0.0, 0.44, scale[n])
            scale[i] = min(scale[i], high - low) if task.transform == CIRCLE else scale[i]
    if task.tuning != 0:
        scale[n] += 1.0
    return 0


@step_of(TRANSFERS)
def transfer_counts(words, reals, stream):
    """Metropolis moves of counts between the entries of a vector, whose total stays as it is.

    For each entry another one of its vector is chosen evenly, and a whole number of either sign goes from that to this;
    the opposite number is as likely, so the proposal is symmetric.

    reals: a scale for all, then a count of moves. counters: proposals, acceptances.
    """
    task = record_at(words, TRANSFERS)
    n, entries = task.count, task.entries
    scale, variable, answer = floats(reals, 2), floats(task.variable, n), floats(task.answer, 1)
    counter, work = floats(task.counters, 2), floats(task.workspace, 3)
    for i in range(n if entries > 1 else 0):
        first = i - i % entries
        other = first + (i - first + 1 + min(int((entries - 1) * uniform(stream)), entries - 2)) % entries
        step = scale[0] * standard_normal(stream)
        step = math.floor(step) if step < 0.0 else math.ceil(step)
        accepted = False
        if variable[i] + step >= 0.0 and variable[other] - step >= 0.0:
            here, there = variable[i], variable[other]
            start = answer[0] if call(task.machine, (task.program, task.length, 0, 1)) == 0 else -math.inf
            if start != start:
                return NOT_A_NUMBER
            variable[i], variable[other] = here + step, there - step
            change = (answer[0] if call(task.machine, (task.program, task.length, 0, 1)) == 0 else -math.inf) - start
            if _refused(work, change, i, variable[i]):
                variable[i], variable[other] = here, there
                return NOT_A_NUMBER
            accepted = change > -standard_exponential(stream)
            if not accepted:
                variable[i], variable[other] = here, there
        counter[0] += 1.0
        counter[1] += 1.0 if accepted else 0.0
        if task.tuning != 0:
            scale[0] = _tuned(scale[0], 1.0 if accepted else 0.0, 0.44, scale[1] / n)
            scale[1] += 1.0
    return 0


@step_of(CHOICES)
def enumerate_elements(words, reals, stream):
    """Draw each element of a discrete variable from its full conditional by trying every value.

    workspace: a double for each value.
    """
    task = record_at(words, CHOICES)
    n, k = task.count, task.choices
    variable, answer = floats(task.variable, n), floats(task.answer, 1)
    lows, weight = floats(task.lower, n), floats(task.workspace, k)
    for i in range(n):
        highest = -math.inf
        for j in range(k):
            variable[i] = lows[i] + j
            status = call(task.machine, (task.program, task.length, i if task.single != 0 else 0, 1))
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
