"""Moves of parameters with the labels summed out: Hamiltonian Monte Carlo in free coordinates.

The target is the log posterior of the continuous unknowns, summed over all labels. Its value is what a soft pass leaves
of each unit, added up, and what a program says of priors. Its gradient is that of the complete-data log density at the
expected counts and sums that the pass leaves (Fisher's identity), which the same program computes.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.block_steps import PIECE, block_from_free, block_to_free
from mcmix.kernels.random import standard_exponential, standard_normal, uniform
from mcmix.kernels.records import RUN, record, record_at, record_in
from mcmix.kernels.transforms import CIRCLE, IDENTITY, LOG, LOGIT, SIMPLEX

# The program leaves what it says of priors at `answer`, of counts and sums at `complete`, and derivatives by all
# entries of all pieces, one after another, at `slopes`. `soft` is the kernel of the pass `weighing`, which leaves so
# many units' log densities. Values of unknowns are copied from the chain (`copies`), whose own stay until a move is
# accepted: the last `moved` of them.
# Where few weighted rows stand for many, the pass over all of them is `whole`, and both are compared every so many
# moves (`check`, 0: never).
TARGET = record(
    *RUN, "answer", "complete", "slopes", "pieces", "n_pieces", "free", "count", "soft", "weighing", "unit_logs",
    "units", "whole", "whole_logs", "whole_units", "check", "copies", "n_copies", "moved", "counters",
    "workspace", "told",
)  # fmt: skip
COPIED = record("source", "target", "seen", "count")  # `seen`: the values that were copied last, part of a saved state

NOT_FINITE = 41  # a gradient at the chain's own point

# What is learned, one number each, before the mean (d) and the factor (d, d) of the metric, and half the mean square of
# jumps in coordinates in which the metric is one (d): one minus the autocorrelation, where the metric is right.
LOG_STEP, MEAN_LOG_STEP, SLACK, ANCHOR, TUNED, LEARNED, MOVES = range(7)
STATE = 7
MOST_MOVES = 20.0  # that make a sweep
ENOUGH = 0.6  # of one minus the autocorrelation, which moves of a sweep are to reach
GRADIENTS, ROWS = 20.0, 30_000.0  # of a sweep: as many gradients at most as go over so many rows, or a few
MEMORY = 0.02  # weight of the last jump
POINTS = 20.0  # for each direction, that a metric is worth which comes from curvature
WORKSPACE_ROWS = 6  # of d numbers: see `_room`
# Behind them: the log density where the chain is, whether it is known, moves since the last check, whether all rows are
# weighed, the largest difference between the two that was seen, in nats, the log density by the variables, not by their
# free coordinates, where the chain is and where it was asked for last, and which weighted rows these are (0: all rows).
DENSITY, KNOWN, SINCE, WHOLE, DIFFERENCE, POSTERIOR, TRIED, LEVEL = range(8)
NUMBERS = 8

PATH = 3.5  # length of the longest trajectory, in standard deviations
MOST_STEPS = 32
SHORT, SHORTER = 0.15, 0.15  # so often steps are that much smaller
WANTED = 0.85  # acceptance
TOLERATED = 1e-3  # nats between weighted rows and all of them
LARGEST_ERROR = 1000.0  # of the energy, beyond which a trajectory is given up


@inline
def _bring(task):
    """Copy the chain's values; whether any has changed since they were copied last."""
    changed = False
    for j in range(task.n_copies):
        one = record_in(task.copies, j, COPIED)
        source, target, seen = floats(one.source, one.count), floats(one.target, one.count), floats(one.seen, one.count)
        for i in range(one.count):
            changed = changed or source[i] != seen[i]
            target[i] = seen[i] = source[i]
    return changed


@inline
def _take(task):
    """Give the chain the values of what was moved."""
    for j in range(task.n_copies - task.moved, task.n_copies):
        one = record_in(task.copies, j, COPIED)
        source, target, seen = floats(one.source, one.count), floats(one.target, one.count), floats(one.seen, one.count)
        for i in range(one.count):
            source[i] = seen[i] = target[i]


@inline
def _slope(kind, y, by_x, low, high):
    """Derivative by a free coordinate, from that by the variable; that of the log-Jacobian added."""
    if kind == IDENTITY or kind == CIRCLE:
        return by_x
    if kind == LOGIT:
        share = 1.0 / (1.0 + math.exp(-y))
        return by_x * (high - low) * share * (1.0 - share) + 1.0 - 2.0 * share
    return (by_x if kind == LOG else -by_x) * math.exp(y) + 1.0


@inline
def _pull_back(task, free, gradient):
    """Derivatives by free coordinates from those by all entries, which stand at `slopes`."""
    at, entry, slopes = 0, 0, floats(task.slopes, task.count)
    for j in range(task.n_pieces):
        piece = record_in(task.pieces, j, PIECE)
        n, k, kind = piece.count, piece.entries, piece.transform
        if kind == SIMPLEX:
            # Entries are logs; with those of log ratios to the last one, d log w_i / d y_j = [i = j] - w_j, and the
            # log-Jacobian is the sum of all logs.
            variable = floats(piece.variable, n)
            for start in range(0, n, k):
                total = 0.0
                for i in range(k):
                    total += slopes[entry + start + i] + 1.0
                for i in range(k - 1):
                    gradient[at] = slopes[entry + start + i] + 1.0 - math.exp(variable[start + i]) * total
                    at += 1
        else:
            lows, highs = floats(piece.lower, n), floats(piece.upper, n)
            for i in range(n):
                gradient[at] = _slope(kind, free[at], slopes[entry + i], lows[i], highs[i])
                at += 1
        entry += n


@inline
def _numbers(task):
    """What stands behind the rows of the workspace."""
    return floats(task.workspace + 8 * WORKSPACE_ROWS * task.free, NUMBERS)


@inline
def _weighed(task, whole):
    """Log likelihood where the unknowns are, labels summed out; counts and sums are left for the program."""
    if call(task.soft, (task.whole if whole else task.weighing, 0, 0)) != 0:
        return -math.inf
    total, units = 0.0, task.whole_units if whole else task.units
    logs = floats(task.whole_logs if whole else task.unit_logs, units)
    for i in range(units):
        total += logs[i]
    return total


@inline
def _evaluate(task, free, gradient):
    """Log density of free coordinates, labels summed out; its gradient. Minus infinity where it cannot be."""
    jacobian = block_from_free(task.pieces, task.n_pieces, free)
    if not jacobian > -math.inf:
        return -math.inf
    total = _weighed(task, _numbers(task)[WHOLE] != 0.0)
    if not total > -math.inf:
        return -math.inf
    if call(task.machine, (task.program, task.length, 0, 1)) != 0:
        return -math.inf
    total += floats(task.answer, 1)[0]
    _numbers(task)[TRIED] = total
    total += jacobian
    _pull_back(task, free, gradient)
    for i in range(task.free):
        if not abs(gradient[i]) < math.inf:
            return -math.inf
    return total if total < math.inf else -math.inf


@inline
def _room(task):
    """Where the chain is (d), its gradient, the trajectory's position, gradient and momentum, room for work."""
    d = task.free
    room = floats(task.workspace, WORKSPACE_ROWS * d)
    return room[:d], room[d : 2 * d], room[2 * d : 3 * d], room[3 * d : 4 * d], room[4 * d : 5 * d], room[5 * d :]


@inline
def _kick(factor, gradient, momentum, size, d):
    """Momentum, in coordinates in which the metric is one, after a push by the gradient."""
    for i in range(d):
        push = 0.0
        for j in range(i, d):
            push += factor[j * d + i] * gradient[j]
        momentum[i] += size * push


@inline
def _drift(factor, momentum, position, size, d):
    for i in range(d):
        way = 0.0
        for j in range(i + 1):
            way += factor[i * d + j] * momentum[j]
        position[i] += size * way


@inline
def _square(x, d):
    total = 0.0
    for i in range(d):
        total += x[i] * x[i]
    return total


@inline
def _trajectory(task, factor, start, size, steps):
    """Leapfrog steps from where the chain is; the change of the energy, minus infinity where it was given up."""
    here, slope, position, gradient, momentum, _ = _room(task)
    d = task.free
    for i in range(d):
        position[i], gradient[i] = here[i], slope[i]
    before, density = 0.5 * _square(momentum, d), start
    for _ in range(steps):
        _kick(factor, gradient, momentum, 0.5 * size, d)
        _drift(factor, momentum, position, size, d)
        density = _evaluate(task, position, gradient)
        if not density - start - 0.5 * _square(momentum, d) + before > -LARGEST_ERROR:
            return -math.inf, density
        _kick(factor, gradient, momentum, 0.5 * size, d)
    return density - start - 0.5 * _square(momentum, d) + before, density


@inline
def _follow(memory, accepted):
    """Dual averaging of the log step size (Hoffman and Gelman 2014, section 3.2, with their constants)."""
    memory[TUNED] += 1.0
    count = memory[TUNED]
    memory[SLACK] += (WANTED - accepted - memory[SLACK]) / (count + 10.0)
    memory[LOG_STEP] = memory[ANCHOR] - math.sqrt(count) / 0.05 * memory[SLACK]
    memory[MEAN_LOG_STEP] += math.pow(count, -0.75) * (memory[LOG_STEP] - memory[MEAN_LOG_STEP])


@inline
def _see_jump(memory, way, d, units):
    """How far moves go in each direction, and how many of them make a sweep."""
    factor, jumps, least = memory[STATE + d :], memory[STATE + d + d * d :], 1.0
    for i in range(d):
        rest = way[i]
        for j in range(i):
            rest -= factor[i * d + j] * way[j]
        way[i] = rest / factor[i * d + i]
        jumps[i] += MEMORY * (0.5 * way[i] * way[i] - jumps[i])
        least = min(least, jumps[i])
    # no more than a sweep is worth: trajectories of short steps are many gradients each
    each = 0.5 * min(PATH / math.exp(memory[MEAN_LOG_STEP]), MOST_STEPS) + 0.5
    worth = max(ROWS / units, GRADIENTS) / each
    memory[MOVES] = max(min(ENOUGH / max(least, 1e-6), MOST_MOVES, worth), 1.0)


@inline
def _learn(memory, here, work, d):
    """Move mean and covariance factor towards where the chain is, what is recent counting more.

    Plane rotations update the factor by one rank, as in `block_steps.metropolis_block`.
    """
    memory[LEARNED] += 1.0
    weight = 2.0 / (memory[LEARNED] + POINTS * (d + 1.0))  # d directions are not known from fewer points
    for i in range(d):
        gap = here[i] - memory[STATE + i]
        work[i] = math.sqrt(weight * (1.0 - weight)) * gap
        memory[STATE + i] += weight * gap
    factor = memory[STATE + d :]
    for i in range(d):
        for j in range(i + 1):
            factor[i * d + j] *= math.sqrt(1.0 - weight)
    for j in range(d):
        pivot, x = factor[j * d + j], work[j]
        radius = math.sqrt(pivot * pivot + x * x)
        cosine, sine = radius / pivot, x / pivot
        factor[j * d + j] = radius
        for i in range(j + 1, d):
            factor[i * d + j] = (factor[i * d + j] + sine * work[i]) / cosine
            work[i] = cosine * work[i] - sine * factor[i * d + j]


@inline
def _check(task, numbers):
    """Compare weighted rows with all of them where the chain is; from a difference on, all are weighed."""
    numbers[SINCE] += 1.0
    if task.check == 0 or numbers[WHOLE] != 0.0 or numbers[SINCE] < task.check:
        return
    numbers[SINCE] = 0.0
    difference = abs(_weighed(task, True) - _weighed(task, False))
    numbers[DIFFERENCE] = max(numbers[DIFFERENCE], difference)
    if not difference <= TOLERATED:
        numbers[WHOLE], numbers[KNOWN] = 1.0, 0.0


@step_of(TARGET)
def compare_rows(words, reals, stream):
    """By how many nats weighted rows differ from all of them where trajectories are, into `reals`."""
    task = record_at(words, TARGET)
    _, _, position, _, _, _ = _room(task)
    floats(reals, 1)[0] = math.inf
    if block_from_free(task.pieces, task.n_pieces, position) > -math.inf:
        floats(reals, 1)[0] = abs(_weighed(task, True) - _weighed(task, False))
    return 0


@step_of(TARGET)
def evaluate_marginal(words, reals, stream):
    """Log density and gradient at the free coordinates in the workspace (the trajectory's), which stay there.

    The log density is left at the first place of `reals`.
    """
    task = record_at(words, TARGET)
    _, _, position, gradient, _, _ = _room(task)
    floats(reals, 1)[0] = _evaluate(task, position, gradient)
    return 0


@step_of(TARGET)
def evaluate_complete(words, reals, stream):
    """As `evaluate_marginal`, of the complete-data log density at the counts and sums as they stand."""
    task = record_at(words, TARGET)
    _, _, position, gradient, _, _ = _room(task)
    answer = floats(reals, 1)
    answer[0] = block_from_free(task.pieces, task.n_pieces, position)
    if answer[0] > -math.inf and call(task.machine, (task.program, task.length, 0, 1)) == 0:
        answer[0] += floats(task.answer, 1)[0] + floats(task.complete, 1)[0]
        _pull_back(task, position, gradient)
    return 0


@step_of(TARGET)
def where_the_chain_is(words, reals, stream):
    """Copy the chain's values; their free coordinates are left where those of trajectories are."""
    task = record_at(words, TARGET)
    _, _, position, _, _, work = _room(task)
    _bring(task)
    block_to_free(task.pieces, task.n_pieces, position, floats(task.told, task.count))
    return 0


@step_of(TARGET)
def give_to_the_chain(words, reals, stream):
    """Give the chain the values at the free coordinates where those of trajectories are."""
    task = record_at(words, TARGET)
    _, _, position, _, _, _ = _room(task)
    block_from_free(task.pieces, task.n_pieces, position)
    _take(task)
    return 0


@inline
def _move(task, memory, numbers, stream):
    """One trajectory of random length, accepted or not; where it is rejected the unknowns are brought back."""
    here, slope, position, gradient, momentum, work = _room(task)
    d, counter, factor = task.free, floats(task.counters, 2), memory[STATE + task.free :]
    for i in range(d):
        momentum[i] = standard_normal(stream)
    size = math.exp(memory[LOG_STEP] if task.tuning != 0 else memory[MEAN_LOG_STEP]) * (0.9 + 0.2 * uniform(stream))
    rare = uniform(stream) < SHORT  # small steps now and then: out of narrow places, where usual ones are refused
    size = size * SHORTER if rare else size
    most = min(max(PATH / size, 1.0), MOST_STEPS)
    steps = 1 + int(most * uniform(stream))
    change, density = _trajectory(task, factor, numbers[DENSITY], size, steps)
    counter[0] += 1.0
    if change > -standard_exponential(stream):
        counter[1] += 1.0
        for i in range(d):
            work[i] = position[i] - here[i]
            here[i], slope[i] = position[i], gradient[i]
        numbers[DENSITY], numbers[POSTERIOR] = density, numbers[TRIED]
        _take(task)
    else:
        _bring(task)
        for i in range(d):
            work[i] = 0.0
    if task.tuning != 0:
        _see_jump(memory, work, d, task.units)
        if not rare:
            _follow(memory, math.exp(min(change, 0.0)))
        _learn(memory, here, work, d)


@step_of(TARGET)
def hamiltonian_move(words, reals, stream):
    """Trajectories of random length (Neal 2011, "MCMC using Hamiltonian dynamics"), each accepted or not.

    reals: what is learned while tuning (STATE numbers, the metric's mean and factor). workspace: `_room`. Where no
    other step has moved anything since, the gradient of the last call stands.
    """
    task = record_at(words, TARGET)
    d = task.free
    memory = floats(reals, STATE + 2 * d + d * d)
    here, slope, _, _, _, _ = _room(task)
    numbers = _numbers(task)
    changed = _bring(task)
    _check(task, numbers)
    if changed or numbers[KNOWN] == 0.0:
        block_to_free(task.pieces, task.n_pieces, here, floats(task.told, task.count))
        numbers[DENSITY] = _evaluate(task, here, slope)
        if not numbers[DENSITY] > -math.inf:
            return NOT_FINITE
        numbers[KNOWN], numbers[POSTERIOR] = 1.0, numbers[TRIED]
    for _ in range(int(memory[MOVES])):
        _move(task, memory, numbers, stream)
    return 0


__all__ = [
    "ANCHOR", "COPIED", "DIFFERENCE", "ENOUGH", "LEARNED", "LEVEL", "LOG_STEP", "MEAN_LOG_STEP", "MOVES", "NOT_FINITE",
    "NUMBERS",
    "POINTS", "POSTERIOR", "STATE", "TARGET", "WHOLE", "WORKSPACE_ROWS", "compare_rows", "evaluate_complete",
    "evaluate_marginal", "give_to_the_chain", "hamiltonian_move", "where_the_chain_is",
]  # fmt: skip
