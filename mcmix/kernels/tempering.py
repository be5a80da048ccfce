"""Swaps of whole states between chains that see the likelihood at different powers."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.random import standard_exponential
from mcmix.kernels.records import STEP, record, record_at, record_in

SWAPS = record(*STEP, "levels", "n_levels", "stretches", "n_stretches", "follow")  # whether gaps may follow
LEVEL = record("program", "length", "answer", "memory", "power")  # of the log likelihood; addresses in its chain
STRETCH = record("start", "length")  # doubles of a chain's memory that belong to its state

# The numbers of a ladder of M levels: calls, trips; of each level the power, the log likelihood, and whether its state
# comes from the hottest; of each pair of neighbours the gap of log powers, proposals, acceptances.
CALLS, TRIPS, POWERS = 0, 1, 2
GAIN, HALF_LIFE, DECAY = 0.5, 20.0, 0.7  # of the steps by which gaps follow acceptance


def numbers_size(n_levels: int) -> int:
    """Doubles that a ladder keeps."""
    return POWERS + 3 * n_levels + 3 * (n_levels - 1)


@inline
def _exchange(task, first, second):
    """Swap the states of two levels, stretch by stretch."""
    here, there = record_in(task.levels, first, LEVEL), record_in(task.levels, second, LEVEL)
    for s in range(task.n_stretches):
        stretch = record_in(task.stretches, s, STRETCH)
        one = floats(here.memory + 8 * stretch.start, stretch.length)
        other = floats(there.memory + 8 * stretch.start, stretch.length)
        for i in range(stretch.length):
            one[i], other[i] = other[i], one[i]


@inline
def _log_ratio(power, logs, i):
    """Of a swap between level i and the next: powers change places."""
    # For powers b and log likelihoods l: (b_i - b_j) (l_j - l_i). Priors cancel (Geyer 1991, "Markov chain Monte Carlo
    # maximum likelihood").
    ratio = (power[i] - power[i + 1]) * (logs[i + 1] - logs[i])
    # Two impossible states give infinity less infinity: not swapped.
    return ratio if ratio == ratio else -math.inf


@inline
def _follow(power, logs, gaps, n_levels, calls):
    """Move the gaps between log powers towards equal acceptance; the hottest power stays where it is."""
    whole, mean = 0.0, 0.0
    for i in range(n_levels - 1):
        whole += gaps[i]
        mean += math.exp(min(0.0, _log_ratio(power, logs, i))) / (n_levels - 1)
    # Robbins-Monro: with an exponent in (1/2, 1] the sum of steps diverges, that of their squares does not.
    gain = GAIN / (1.0 + calls / HALF_LIFE) ** DECAY
    moved = 0.0
    # A pair that is accepted more often than the mean can stand further apart. Expected acceptance has less noise than
    # whether a swap was taken.
    for i in range(n_levels - 1):
        gaps[i] *= math.exp(gain * (math.exp(min(0.0, _log_ratio(power, logs, i))) - mean))
        moved += gaps[i]
    # The sum of gaps is kept, and with it the hottest power.
    for i in range(n_levels - 1):
        gaps[i] *= whole / moved


@step_of(SWAPS)
def swap_levels(words, reals, stream):
    """Propose swaps between levels 0 and 1, 2 and 3, .. or 1 and 2, 3 and 4, .. in turn.

    The log ratio is the difference of powers times the difference of complete-data log likelihoods at power one. Taking
    even and odd pairs in turn leaves the product of all levels' distributions as it is, and carries states faster than
    random pairs (Okabe et al. 2001; Syed et al. 2022). While tuning, gaps follow the acceptance of all pairs.

    reals: the ladder's numbers.
    """
    task = record_at(words, SWAPS)
    n_levels, tuning = task.n_levels, task.tuning != 0
    numbers = floats(reals, POWERS + 6 * n_levels - 3)
    power, logs, returning = numbers[POWERS:], numbers[POWERS + n_levels :], numbers[POWERS + 2 * n_levels :]
    gaps = numbers[POWERS + 3 * n_levels :]
    proposed, accepted = gaps[n_levels - 1 :], gaps[2 * (n_levels - 1) :]
    for i in range(n_levels):
        level = record_in(task.levels, i, LEVEL)
        status = call(task.machine, (level.program, level.length, 0, 1))
        if status != 0:
            return status
        logs[i] = floats(level.answer, 1)[0]
    if tuning and task.follow != 0:
        _follow(power, logs, gaps, n_levels, numbers[CALLS])
        for i in range(1, n_levels):
            power[i] = power[i - 1] * math.exp(-gaps[i - 1])
            floats(record_in(task.levels, i, LEVEL).power, 1)[0] = power[i]
    for i in range(int(numbers[CALLS]) % 2, n_levels - 1, 2):
        taken = -standard_exponential(stream) < _log_ratio(power, logs, i)
        proposed[i] += 1.0
        if taken:
            accepted[i] += 1.0
            _exchange(task, i, i + 1)
            returning[i], returning[i + 1] = returning[i + 1], returning[i]
    # A state carries a mark from the hottest level down; its arrival at level 0 ends a round trip.
    returning[n_levels - 1] = 1.0
    numbers[TRIPS] += returning[0]
    returning[0] = 0.0
    numbers[CALLS] += 1.0
    if tuning:  # counted is what the ladder does once it stands
        numbers[TRIPS] = 0.0
        for i in range(n_levels - 1):
            proposed[i], accepted[i] = 0.0, 0.0
    return 0


__all__ = ["CALLS", "LEVEL", "POWERS", "STRETCH", "TRIPS", "numbers_size", "swap_levels"]
