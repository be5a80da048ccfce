"""Exact draws from conjugate conditionals, given natural parameters that a program computes.

Each kernel runs the program, then draws `count` elements from their `first` and `second` natural parameters within
their `lower` and `upper` bounds to where `out` says.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.random import (
    beta_draw,
    log_gamma_draw,
    standard_exponential,
    standard_normal,
    truncated_standard_normal,
    uniform,
)
from mcmix.kernels.records import RUN, record, record_at

# `alone`: whether nothing else depends on what is drawn.
CONJUGATE = record(*RUN, "count", "first", "second", "lower", "upper", "out", "alone")
WEIGHTS = record(*RUN, "count", "first", "out", "entries")  # of one simplex

WELL, COLLAPSED, IMPOSSIBLE, NOT_A_NUMBER = 0, 10, 11, 12
SMALLEST_SCALE = 1e-140
TRIES = 200
WINDOW = 1400.0  # in log v: the range of doubles
NEXT_TO_ZERO, NEXT_TO_ONE = 5e-324, 0.9999999999999999


@step_of(CONJUGATE)
def draw_normal(words, reals, stream):
    """Draw each element from exp(-first v**2 / 2 + second v), within its bounds; flat ones uniformly."""
    task = record_at(words, CONJUGATE)
    status = call(task.machine, (task.program, task.length, 0, 0))
    n = task.count
    precision, linear = floats(task.first, n), floats(task.second, n)
    low, high = floats(task.lower, n), floats(task.upper, n)
    out = floats(task.out, n)
    for i in range(n):
        if precision[i] != precision[i] or linear[i] != linear[i] or not low[i] <= high[i]:
            return NOT_A_NUMBER
        # mean = second / first, variance = 1 / first
        if precision[i] > 0.0:
            mean, scale = linear[i] / precision[i], 1.0 / math.sqrt(precision[i])
            if low[i] == -math.inf and high[i] == math.inf:
                out[i] = mean + scale * standard_normal(stream)
            else:
                x = mean + scale * truncated_standard_normal(stream, (low[i] - mean) / scale, (high[i] - mean) / scale)
                # mean + scale * z may round beyond a bound that z itself keeps to.
                out[i] = min(max(x, low[i]), high[i])
        elif low[i] > -math.inf and high[i] < math.inf:
            out[i] = low[i] + (high[i] - low[i]) * uniform(stream)
        else:
            return IMPOSSIBLE
    return status


@inline
def _sliced_gamma(stream, v, shape, rate, power, low, high):
    """One slice move of v = t**(1/power) under t**(shape - 1) exp(-rate t) dt within [low, high] (Neal 2003).

    On the scale of log v. The window is placed at random around the present value, as wide as doubles go, and cut at
    the bounds.
    """
    now = math.log(v)
    # A window that is placed evenly round the present point is as likely from any point inside it: the move is
    # reversible.
    bottom = now - WINDOW * uniform(stream)
    top = bottom + WINDOW
    bottom = max(bottom, math.log(low)) if low > 0.0 else bottom
    top = min(top, math.log(high)) if high < math.inf else top
    # With u = log v and t = exp(power u): t**(shape - 1) exp(-rate t) dt = exp(shape power u - rate exp(power u)) du,
    # up to a factor. The slice's log height is the log density minus a standard exponential.
    level = shape * power * now - rate * math.exp(power * now) - standard_exponential(stream)
    if level != level:
        return level
    while True:
        x = bottom + (top - bottom) * uniform(stream)
        if shape * power * x - rate * math.exp(power * x) >= level:
            return math.exp(x)
        if x < now:
            bottom = x
        else:
            top = x


@step_of(CONJUGATE)
def draw_gamma(words, reals, stream):
    """Draw each element v with t = v**power from t**first exp(-second t) dt, within bounds on v. reals: power.

    Rejection from the gamma distribution where that distribution exists and the bounds hold most of it; else (a
    component with no or one row under a flat prior) a slice move over the bounded range. A scale that runs into the
    floor stops the chain; what nothing depends on (a missing entry, while its shape is tiny still) is kept off 0.
    """
    task = record_at(words, CONJUGATE)
    power = floats(reals, 1)[0]
    status = call(task.machine, (task.program, task.length, 0, 0))
    n = task.count
    first, second = floats(task.first, n), floats(task.second, n)
    low, high = floats(task.lower, n), floats(task.upper, n)
    out = floats(task.out, n)
    for i in range(n):
        # t**first exp(-second t) is a gamma distribution of shape first + 1 and rate second.
        shape, rate = first[i] + 1.0, second[i]
        drawn = False
        if shape > 0.0 and rate > 0.0:
            for _ in range(TRIES):
                # In logs: a gamma draw of small shape underflows to zero, and a negative power of it to infinity.
                v = math.exp((log_gamma_draw(stream, shape) - math.log(rate)) / power)
                if low[i] <= v <= high[i]:
                    out[i], drawn = v, True
                    break
        if not drawn:
            # Without a rate the density of u = log v is exp(shape power u): it cannot be normalised upwards (no
            # distribution), or not towards v = 0 (the scale of a component whose values are all equal).
            if rate == 0.0 and shape * power > 0.0 and low[i] == 0.0 and high[i] == math.inf:
                return IMPOSSIBLE
            if rate == 0.0 and shape * power < 0.0 and low[i] == 0.0:
                return COLLAPSED
            out[i] = _flat_or_sliced(stream, out[i], shape, rate, power, low[i], high[i])
        if task.alone != 0:
            out[i] = min(max(out[i], SMALLEST_SCALE), 1.0 / SMALLEST_SCALE)
        elif not (out[i] > SMALLEST_SCALE and out[i] < 1.0 / SMALLEST_SCALE):
            return COLLAPSED
    return status


@inline
def _flat_or_sliced(stream, v, shape, rate, power, low, high):
    """No information beyond a uniform prior on v: draw from it; else a slice move."""
    # exp(u) du = dv
    if rate == 0.0 and shape * power == 1.0 and high < math.inf:
        return low + (high - low) * uniform(stream)
    return _sliced_gamma(stream, v, shape, rate, power, low, high)


@step_of(CONJUGATE)
def draw_beta(words, reals, stream):
    """Draw each element from v**first (1 - v)**second within its bounds."""
    task = record_at(words, CONJUGATE)
    status = call(task.machine, (task.program, task.length, 0, 0))
    n = task.count
    first, second = floats(task.first, n), floats(task.second, n)
    low, high = floats(task.lower, n), floats(task.upper, n)
    out = floats(task.out, n)
    for i in range(n):
        drawn = False
        for _ in range(TRIES):
            # A draw of exactly 0 or 1 would make log v or log(1 - v) infinite wherever it is used next.
            v = min(max(beta_draw(stream, first[i] + 1.0, second[i] + 1.0), NEXT_TO_ZERO), NEXT_TO_ONE)
            if low[i] <= v <= high[i]:
                out[i], drawn = v, True
                break
        if not drawn:
            out[i] = _sliced_beta(stream, out[i], first[i], second[i], low[i], high[i])
        if out[i] != out[i]:
            return NOT_A_NUMBER
    return status


@inline
def _sliced_beta(stream, v, first, second, low, high):
    """One slice move under v**first (1 - v)**second within [low, high]."""
    level = first * math.log(v) + second * math.log1p(-v) - standard_exponential(stream)
    if level != level:
        return level
    bottom, top = max(low, 0.0), min(high, 1.0)
    while True:
        x = bottom + (top - bottom) * uniform(stream)
        if 0.0 < x < 1.0 and first * math.log(x) + second * math.log1p(-x) >= level:
            return x
        if x < v:
            bottom = x
        else:
            top = x


@step_of(WEIGHTS)
def draw_dirichlet(words, reals, stream):
    """Draw log weights from the product of w_k**first_k, simplex by simplex."""
    task = record_at(words, WEIGHTS)
    status = call(task.machine, (task.program, task.length, 0, 0))
    n, k = task.count, task.entries
    first, out = floats(task.first, n), floats(task.out, n)
    for start in range(0, n, k):
        # Gamma draws of shapes first + 1, divided by their sum, are a Dirichlet draw. The sum is taken in logs, so that
        # weights that underflow as numbers keep their logarithms.
        highest = -math.inf
        for j in range(start, start + k):
            out[j] = log_gamma_draw(stream, first[j] + 1.0)
            highest = max(highest, out[j])
        total = 0.0
        for j in range(start, start + k):
            total += math.exp(out[j] - highest)
        for j in range(start, start + k):
            out[j] -= highest + math.log(total)
    return status
