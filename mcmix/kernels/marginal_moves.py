"""Moves of parameters with the labels summed out: trajectories and independent proposals, in free coordinates."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers, step_of
from mcmix.kernels.independence import (
    GROUP,
    bring_to_order,
    find_order,
    is_ordered,
    log_proposal,
    picked,
    propose,
)
from mcmix.kernels.marginal import (
    ASKED,
    DENSITY,
    DIFFERENCE,
    KNOWN,
    POSTERIOR,
    SINCE,
    TARGET,
    TRIED,
    WHOLE,
    WORKSPACE_ROWS,
    bring,
    numbers_of,
    room_of,
    take,
    weighed,
)
from mcmix.kernels.random import standard_exponential, standard_normal, uniform
from mcmix.kernels.records import record_at, record_in

NOT_FINITE = 41  # a gradient at the chain's own point

# What is learned, one number each, before the mean (d) and the factor (d, d) of the metric, and half the mean square of
# jumps in coordinates in which the metric is one (d): one minus the autocorrelation, where the metric is right. Behind
# them stand the tables of proposals (:mod:`mcmix.kernels.independence`), for all unknowns and for one component's, and
# points where the chain was in burn-in, for those who fit proposals to them.
LOG_STEP, MEAN_LOG_STEP, SLACK, ANCHOR, TUNED, LEARNED, MOVES = range(7)
# How often independent proposals are accepted, how many make a sweep, how often a sweep has trajectories; how many
# points were kept, and every so-manieth sweep one is; sweeps of burn-in; effective draws for each evaluation, by kinds
# of moves.
ACCEPTED, TRIES, OFTEN, POINTS_KEPT, STRIDE, SWEEPS, BY_TRAJECTORIES, BY_PROPOSALS = range(7, 15)
# Whether the metric stays; how many label updates a sweep has, where these go on beside the moves.
FIXED, REPEATS = range(15, 17)
STATE = 17
MOST_MOVES = 20.0  # that make a sweep
ENOUGH = 0.6  # of one minus the autocorrelation, which moves of a sweep are to reach
GRADIENTS, ROWS = 20.0, 30_000.0  # of a sweep: as many gradients at most as go over so many rows, or a few
MEMORY = 0.02  # weight of the last jump
QUICKER = 0.04  # of the last proposal
MOST_TRIES = 10.0  # independent proposals of a sweep
MISSED = 0.1  # of sweeps, in which every one of them may be refused
RARELY = 0.25  # of sweeps have trajectories, where proposals are worth more
GOOD, HARDLY = 0.8, 0.1  # where so many proposals are accepted, so many sweeps have
SURE = 100.0  # sweeps of burn-in with trajectories in each
NEARLY_EMPTY = 20.0  # units that a component expects at most, for its parameters to be drawn anew
POINTS = 20.0  # for each direction, that a metric is worth which comes from curvature
PATH = 3.5  # length of the longest trajectory, in standard deviations
MOST_STEPS = 32
SHORT, SHORTER = 0.15, 0.15  # so often steps are that much smaller
WANTED = 0.85  # acceptance
TOLERATED = 1e-3  # nats between weighted rows and all of them
LARGEST_ERROR = 1000.0  # of the energy, beyond which a trajectory is given up


@inline
def _evaluate(task, words):
    """Log density at the trajectory's position, minus infinity where it cannot be; its gradient is left beside it."""
    asked = task.workspace + 8 * (WORKSPACE_ROWS * task.free + ASKED)
    call(task.evaluate, (words, asked, 0))
    return floats(asked, 1)[0]


@inline
def _more_room(task):
    """Room for the order of components, where the chain is in that order, and a proposal."""
    d = task.free
    room = floats(task.workspace + 48 * d, 3 * d)
    return room[:d], room[d : 2 * d], room[2 * d :]


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


@helper()
def _trajectory(task, words, factor, start, size, steps):
    """Leapfrog steps from where the chain is; the change of the energy, minus infinity where it was given up."""
    here, slope, position, gradient, momentum, _ = room_of(task)
    d = task.free
    for i in range(d):
        position[i], gradient[i] = here[i], slope[i]
    before, density = 0.5 * _square(momentum, d), start
    for _ in range(steps):
        _kick(factor, gradient, momentum, 0.5 * size, d)
        _drift(factor, momentum, position, size, d)
        density = _evaluate(task, words)
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


@helper()
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
    memory[BY_TRAJECTORIES] = least / each


@helper()
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


@helper()
def _move(task, words, memory, numbers, stream):
    """One trajectory of random length, accepted or not; where it is rejected the unknowns are brought back."""
    here, slope, position, gradient, momentum, work = room_of(task)
    d, counter, factor = task.free, floats(task.counters, 2), memory[STATE + task.free :]
    for i in range(d):
        momentum[i] = standard_normal(stream)
    size = math.exp(memory[LOG_STEP] if task.tuning != 0 else memory[MEAN_LOG_STEP]) * (0.9 + 0.2 * uniform(stream))
    rare = uniform(stream) < SHORT  # small steps now and then: out of narrow places, where usual ones are refused
    size = size * SHORTER if rare else size
    most = min(max(PATH / size, 1.0), MOST_STEPS)
    steps = 1 + int(most * uniform(stream))
    change, density = _trajectory(task, words, factor, numbers[DENSITY], size, steps)
    counter[0] += 1.0
    if change > -standard_exponential(stream):
        counter[1] += 1.0
        for i in range(d):
            work[i] = position[i] - here[i]
            here[i], slope[i] = position[i], gradient[i]
        numbers[DENSITY], numbers[POSTERIOR] = density, numbers[TRIED]
        take(task)
    else:
        bring(task)
        for i in range(d):
            work[i] = 0.0
    if task.tuning != 0:
        _see_jump(memory, work, d, task.units)
        if not rare:
            _follow(memory, math.exp(min(change, 0.0)))
        if memory[FIXED] == 0.0:
            _learn(memory, here, work, d)


@helper()
def _in_order(task, here, order, out):
    """Where the chain is, components in their order."""
    for i in range(task.free):
        out[i] = here[i]
    if task.exchangeable == 0:
        return
    find_order(task.groups, task.components, here, order)
    bring_to_order(task.groups, task.n_groups, task.components, here, order, out, False)


@inline
def _choose(memory, units):
    """How many independent proposals make a sweep, and how often it has trajectories: by what an evaluation buys.

    Independent proposals of which a share a is accepted are worth at most a / (2 - a) draws each (Liu 1996, section 3:
    where the refused ones are as refused everywhere).
    """
    a = memory[ACCEPTED]
    memory[BY_PROPOSALS] = a / (2.0 - a)
    memory[TRIES], memory[OFTEN] = 1.0, 1.0
    if memory[BY_PROPOSALS] > memory[BY_TRAJECTORIES]:
        wanted = math.log(MISSED) / math.log1p(-min(a, 0.99))
        memory[TRIES] = max(min(math.ceil(wanted), MOST_TRIES, max(ROWS / units, GRADIENTS)), 1.0)
        memory[OFTEN] = RARELY if a < GOOD else HARDLY


@helper()
def _try(task, words, memory, table, numbers, stream):
    """One independent proposal, accepted or not; where it is refused the unknowns are brought back."""
    here, slope, position, gradient, _, work = room_of(task)
    order, ordered, drawn = _more_room(task)
    d, n, change = task.free, task.components, -math.inf
    _in_order(task, here, order, ordered)
    propose(table, d, drawn, work, stream)
    if task.exchangeable == 0 or is_ordered(task.groups, n, drawn):
        change = log_proposal(table, d, ordered, work) - log_proposal(table, d, drawn, work)
        for i in range(d):
            position[i] = drawn[i]
        if task.exchangeable != 0:
            bring_to_order(task.groups, task.n_groups, n, drawn, order, position, True)
    change = _accepted_at(task, words, numbers, change, stream)
    if task.tuning != 0:
        memory[ACCEPTED] += QUICKER * (math.exp(min(change, 0.0)) - memory[ACCEPTED])


@helper()
def _accepted_at(task, words, numbers, change, stream):
    """Go to the trajectory's position or stay; returns the log ratio. `change`: that of proposals, of the way back."""
    here, slope, position, gradient, _, _ = room_of(task)
    counter, density = floats(task.counters, 2), 0.0
    if change > -math.inf:
        density = _evaluate(task, words)
        change += density - numbers[DENSITY]
    counter[0] += 1.0
    if change > -standard_exponential(stream):
        counter[1] += 1.0
        for i in range(task.free):
            here[i], slope[i] = position[i], gradient[i]
        numbers[DENSITY], numbers[POSTERIOR] = density, numbers[TRIED]
        take(task)
    else:
        bring(task)
    return change


@helper()
def _redraw(task, words, table, numbers, stream):
    """Draw the parameters of a component that is nearly empty anew, from what they may be without data.

    Whether one is, and which, is said by the weights, which stay: the move is its own way back.
    """
    here, _, position, _, _, work = room_of(task)
    order, now, drawn = _more_room(task)
    least = NEARLY_EMPTY / task.whole_units
    k = picked(task.groups, task.n_groups, task.components, here, least, order, stream)
    if k < 0:
        return
    for i in range(task.free):
        position[i] = here[i]
    width = task.n_groups - 1
    propose(table, width, drawn, work, stream)
    for g in range(width):
        place = integers(record_in(task.groups, g, GROUP).places, task.components)[k]
        now[g], position[place] = here[place], drawn[g]
    change = log_proposal(table, width, now, work) - log_proposal(table, width, drawn, work)
    _accepted_at(task, words, numbers, change, stream)


@helper()
def _check(task, numbers):
    """Compare weighted rows with all of them where the chain is; from a difference on, all are weighed."""
    numbers[SINCE] += 1.0
    if task.check == 0 or numbers[WHOLE] != 0.0 or numbers[SINCE] < task.check:
        return
    numbers[SINCE] = 0.0
    difference = abs(weighed(task, True) - weighed(task, False))
    numbers[DIFFERENCE] = max(numbers[DIFFERENCE], difference)
    if not difference <= TOLERATED:
        numbers[WHOLE], numbers[KNOWN] = 1.0, 0.0


@helper()
def _exchange(task, words, numbers, stream):
    """Let two components trade all that they have, where it matters which is which: a move that is its own way back."""
    here, _, position, _, _, _ = room_of(task)
    order, _, _ = _more_room(task)
    n = task.components
    j = min(int(n * uniform(stream)), n - 1)
    k = min(int((n - 1) * uniform(stream)), n - 2)
    k += 1 if k >= j else 0
    for i in range(n):
        order[i] = k if i == j else j if i == k else i
    for i in range(task.free):
        position[i] = here[i]
    bring_to_order(task.groups, task.n_groups, n, here, order, position, False)
    _accepted_at(task, words, numbers, 0.0, stream)


@inline
def _keep_point(task, memory, history):
    """Now and then in burn-in keep where the chain is, components in their order."""
    memory[SWEEPS] += 1.0
    if memory[SWEEPS] % memory[STRIDE] != 0.0:
        return
    here, _, _, _, _, _ = room_of(task)
    order, _, _ = _more_room(task)
    row = int(memory[POINTS_KEPT]) % task.history
    _in_order(task, here, order, history[row * task.free : (row + 1) * task.free])
    memory[POINTS_KEPT] += 1.0


@step_of(TARGET)
def marginal_move(words, reals, stream):
    """Independent proposals, then trajectories of random length (Neal 2011, "MCMC using Hamiltonian dynamics").

    Each is accepted or not. reals: what is learned while tuning (STATE numbers, the metric's mean and factor, jumps,
    the tables of proposals, points of burn-in). Where no other step has moved anything since, the gradient of the last
    call stands.
    """
    task = record_at(words, TARGET)
    d, learned = task.free, STATE + 2 * task.free + task.free * task.free
    memory = floats(reals, learned)
    table = floats(reals + 8 * learned, task.proposals)
    alone = floats(reals + 8 * (learned + task.proposals), task.redraws)
    here, slope, position, gradient, _, _ = room_of(task)
    numbers = numbers_of(task)
    changed = bring(task)
    _check(task, numbers)
    if changed or numbers[KNOWN] == 0.0:
        call(task.locate, (words, 0, 0))
        numbers[DENSITY] = _evaluate(task, words)
        for i in range(d):
            here[i], slope[i] = position[i], gradient[i]
        if not numbers[DENSITY] > -math.inf:
            numbers[KNOWN] = 0.0
            return 0 if task.lenient != 0 else NOT_FINITE
        numbers[KNOWN], numbers[POSTERIOR] = 1.0, numbers[TRIED]
    moves = int(memory[MOVES]) if memory[REPEATS] == 1.0 else 1
    if task.proposals > 0 and table[0] > 0.0:
        for _ in range(int(memory[TRIES])):
            _try(task, words, memory, table, numbers, stream)
        if memory[OFTEN] < 1.0:
            early = task.tuning != 0 and memory[SWEEPS] < SURE
            moves = 1 if early or uniform(stream) < memory[OFTEN] else 0
        if task.tuning != 0:
            _choose(memory, task.units)
    for _ in range(moves):
        _move(task, words, memory, numbers, stream)
    if task.components > 1 and task.exchangeable == 0:
        _exchange(task, words, numbers, stream)
    if task.redraws > 0 and alone[0] > 0.0:
        _redraw(task, words, alone, numbers, stream)
    if task.tuning != 0 and task.history > 0:
        _keep_point(task, memory, floats(reals + 8 * (learned + task.proposals + task.redraws), task.history * d))
    return 0


__all__ = [
    "ACCEPTED", "ANCHOR", "BY_PROPOSALS", "BY_TRAJECTORIES", "ENOUGH", "FIXED", "GOOD", "LEARNED", "LOG_STEP",
    "MEAN_LOG_STEP", "MOVES", "NOT_FINITE", "OFTEN", "POINTS", "POINTS_KEPT", "REPEATS", "STATE", "STRIDE",
    "SWEEPS", "TRIES", "marginal_move",
]  # fmt: skip
