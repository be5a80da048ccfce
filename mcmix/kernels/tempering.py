"""Swaps of whole states between chains that see the likelihood at different powers."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.random import standard_exponential

# Of each level: program, instructions, address of its answer, memory of its chain, address of its power.
LEVEL_PROGRAM, LEVEL_LENGTH, LEVEL_ANSWER, LEVEL_MEMORY, LEVEL_POWER = range(5)
LEVEL_WIDTH = 5

# The numbers of a ladder of M levels: calls, trips; of each level the power, the log likelihood, and whether its state
# comes from the hottest; of each pair of neighbours the gap of log powers, proposals, acceptances.
CALLS, TRIPS, POWERS = 0, 1, 2
GAIN, HALF_LIFE, DECAY = 0.5, 20.0, 0.7  # of the steps by which gaps follow acceptance


def numbers_size(n_levels: int) -> int:
    """Doubles that a ladder keeps."""
    return POWERS + 3 * n_levels + 3 * (n_levels - 1)


@inline
def _exchange(slot, first, second):
    """Swap the states of two levels, stretch by stretch."""
    levels, stretches = integers(slot[3], slot[2] * LEVEL_WIDTH), integers(slot[5], 2 * slot[4])
    for s in range(slot[4]):
        start, n = stretches[2 * s], stretches[2 * s + 1]
        one = floats(levels[first * LEVEL_WIDTH + LEVEL_MEMORY] + 8 * start, n)
        other = floats(levels[second * LEVEL_WIDTH + LEVEL_MEMORY] + 8 * start, n)
        for i in range(n):
            one[i], other[i] = other[i], one[i]


@inline
def _log_ratio(power, logs, i):
    """Of a swap between level i and the next: powers change places."""
    ratio = (power[i] - power[i + 1]) * (logs[i + 1] - logs[i])
    return ratio if ratio == ratio else -math.inf


@inline
def _follow(power, logs, gaps, n_levels, calls):
    """Move the gaps between log powers towards equal acceptance; the hottest power stays where it is."""
    whole, mean = 0.0, 0.0
    for i in range(n_levels - 1):
        whole += gaps[i]
        mean += math.exp(min(0.0, _log_ratio(power, logs, i))) / (n_levels - 1)
    gain = GAIN / (1.0 + calls / HALF_LIFE) ** DECAY
    moved = 0.0
    for i in range(n_levels - 1):
        gaps[i] *= math.exp(gain * (math.exp(min(0.0, _log_ratio(power, logs, i))) - mean))
        moved += gaps[i]
    for i in range(n_levels - 1):
        gaps[i] *= whole / moved


@step_kernel
def swap_levels(words, reals, stream):
    """Propose swaps between levels 0 and 1, 2 and 3, .. or 1 and 2, 3 and 4, .. in turn.

    The log ratio is the difference of powers times the difference of complete-data log likelihoods at power one. Taking
    even and odd pairs in turn leaves the product of all levels' laws as it is, and carries states faster than random
    pairs (Okabe et al. 2001; Syed et al. 2022). While tuning, gaps follow the acceptance of all pairs.

    0 tuning, 1 machine, 2 M levels, 3 their table, 4 stretches of memory that are a state, 5 their table (start,
    length), 6 whether gaps may follow. Reals: the ladder's numbers.
    """
    slot = integers(words, 7)
    n_levels, tuning = slot[2], slot[0] != 0
    levels, numbers = integers(slot[3], n_levels * LEVEL_WIDTH), floats(reals, POWERS + 6 * n_levels - 3)
    power, logs, returning = numbers[POWERS:], numbers[POWERS + n_levels :], numbers[POWERS + 2 * n_levels :]
    gaps = numbers[POWERS + 3 * n_levels :]
    proposed, accepted = gaps[n_levels - 1 :], gaps[2 * (n_levels - 1) :]
    for i in range(n_levels):
        level = levels[i * LEVEL_WIDTH :]
        status = call(slot[1], (level[LEVEL_PROGRAM], level[LEVEL_LENGTH], 0, 1))
        if status != 0:
            return status
        logs[i] = floats(level[LEVEL_ANSWER], 1)[0]
    if tuning and slot[6] != 0:
        _follow(power, logs, gaps, n_levels, numbers[CALLS])
        for i in range(1, n_levels):
            power[i] = power[i - 1] * math.exp(-gaps[i - 1])
            floats(levels[i * LEVEL_WIDTH + LEVEL_POWER], 1)[0] = power[i]
    for i in range(int(numbers[CALLS]) % 2, n_levels - 1, 2):
        taken = -standard_exponential(stream) < _log_ratio(power, logs, i)
        proposed[i] += 1.0
        if taken:
            accepted[i] += 1.0
            _exchange(slot, i, i + 1)
            returning[i], returning[i + 1] = returning[i + 1], returning[i]
    returning[n_levels - 1] = 1.0
    numbers[TRIPS] += returning[0]
    returning[0] = 0.0
    numbers[CALLS] += 1.0
    if tuning:  # counted is what the ladder does once it stands
        numbers[TRIPS] = 0.0
        for i in range(n_levels - 1):
            proposed[i], accepted[i] = 0.0, 0.0
    return 0


__all__ = ["CALLS", "LEVEL_WIDTH", "POWERS", "TRIPS", "numbers_size", "swap_levels"]
