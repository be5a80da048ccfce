"""Labels drawn one by one with weights summed out, and parameters too where rows are normal with conjugate priors.

Neal (2000), "Markov chain sampling methods for Dirichlet process mixture models", JCGS 9: algorithm 3 where parameters
are summed out, algorithm 8 (components without rows standing at draws from their prior) where they are given.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers, shorts_at, step_of
from mcmix.kernels.events import LOG_PI, cholesky, solved_below
from mcmix.kernels.labels import NOT_A_NUMBER_ROW
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import uniform
from mcmix.kernels.records import RUN, record, record_at, record_in
from mcmix.kernels.split_proposals import rename
from mcmix.kernels.tiles import PASS, prepare, scratch_of, tile_logs

# How weights were before they were summed out: a Dirichlet draw (`first` has a concentration for each, or one for all);
# one of as many as an unknown number says, that summed out too (`second` has log V_n(t) for t = 0 .. K); sticks
# (`first` and `second` are their beta priors).
DIRICHLET, UNKNOWN, STICKS = range(3)
# The program leaves these; a record of PASS that weighs rows by parameters that are given, or (0) what rows of each
# factor say with parameters summed out. Room: 3 K + 1 doubles, and 2 K whole numbers.
COLLAPSED = record(
    *RUN, "units", "capacity", "lowest", "out", "counts", "number", "prior", "first", "n_first", "second", "given",
    "predictors", "n_predictors", "collect", "collected", "room", "places",
)  # fmt: skip
# Normal rows of dimension d: values column by column (or which of few values each has), about a shift; where
# their prior stands (degrees of freedom, or the precision of rows where that is known; the mean's precision, relative
# to that of rows where that is not known; the mean; the inverse scale matrix); the state of each component, and of one
# without rows.
PREDICTOR = record(
    "known", "x", "rows", "numbers", "dimension", "shift", "freedom", "relative", "centre", "scale", "states", "work",
)  # fmt: skip


@inline
def state_size(d):
    """Doubles of a component's state: relative precision, degrees of freedom, constant, mean, factor."""
    return 4 + d + d * d


# -------------------------------------------------------------------- what rows say of the next one


@inline
def _row(one, i, x):
    """Row i, as it stands: vectors about the shift, numbers about zero."""
    if one.numbers != 0:
        x[0] = floats(one.x, 65536)[shorts_at(one.numbers + 2 * i, 1)[0]]
    else:
        for j in range(one.dimension):
            x[j] = floats(one.x + 8 * (one.rows * j + i), 1)[0]


@inline
def _settle(one, state):
    """What the density of the next row needs: of a t distribution, or of a normal one where precisions are known."""
    d, kappa, freedom = one.dimension, state[0], state[1]
    if one.known != 0:  # N(m, 1 / P + 1 / t), P the precision of the mean
        state[3] = 1.0 / (1.0 / kappa + 1.0 / freedom)
        state[2] = 0.5 * math.log(state[3]) - 0.5 * (LOG_PI + math.log(2.0))
        return
    factor, total = state[4 + d :], 0.0
    for j in range(d):
        total -= math.log(factor[j * d + j])
    state[3] = kappa / (kappa + 1.0)
    total += math.lgamma(0.5 * (freedom + 1.0)) - math.lgamma(0.5 * (freedom + 1.0 - d))
    state[2] = total + 0.5 * d * (math.log(state[3]) - LOG_PI)


@helper()
def _start(one, state):
    """A component without rows."""
    d, failed = one.dimension, False
    shift, centre = floats(one.shift, d), floats(one.centre, d)
    for j in range(d):
        state[4 + j] = centre[j] - shift[j]
    state[0], state[1] = floats(one.relative, 1)[0], floats(one.freedom, 1)[0]
    if one.known == 0:
        logs = cholesky(floats(one.scale, d * d), state[4 + d :], d)
        failed = logs != logs
    _settle(one, state)
    return failed


@helper()
def _change(one, i, k, sign):
    """Add row i to component k (sign 1), or take it away (sign -1): the factor by a rank-one update."""
    d = one.dimension
    state, x = floats(one.states + 8 * k * state_size(d), state_size(d)), floats(one.work, 2 * d)
    _row(one, i, x)
    kappa = state[0]
    state[0] += sign * (state[1] if one.known != 0 else 1.0)
    # m' = m + (x - m) / kappa', S' = S + kappa / kappa' (x - m)(x - m)'; taken away, kappa' and kappa change places
    weight = sign * (state[1] if one.known != 0 else 1.0) / state[0]
    scale = kappa / state[0]
    for j in range(d):
        x[j] -= state[4 + j]
        state[4 + j] += weight * x[j]
        x[j] *= math.sqrt(scale)
    if one.known == 0:
        state[1] += sign
        _rank_one(state[4 + d :], x, sign, d)
    _settle(one, state)


@inline
def _rank_one(factor, x, sign, d):
    """Cholesky factor of L L' + sign x x' in the place of L (Golub and Van Loan 2013, section 6.5.4); x is used up."""
    for k in range(d):
        diagonal = factor[k * d + k]
        square = diagonal * diagonal + sign * x[k] * x[k]
        new = math.sqrt(max(square, 1e-30 * diagonal * diagonal))  # below zero by rounding alone
        cosine, sine = new / diagonal, x[k] / diagonal
        factor[k * d + k] = new
        for j in range(k + 1, d):
            factor[j * d + k] = (factor[j * d + k] + sign * sine * x[j]) / cosine
            x[j] = cosine * x[j] - sine * factor[j * d + k]


@inline
def _log_next(one, state, x, y):
    """Log density of one more row, given those of a component."""
    d, distance = one.dimension, 0.0
    for j in range(d):
        y[j] = x[j] - state[4 + j]
    if one.known != 0:
        return state[2] - 0.5 * state[3] * y[0] * y[0]
    solved_below(state[4 + d :], y, d)
    for j in range(d):
        distance += y[j] * y[j]
    return state[2] - 0.5 * (state[1] + 1.0) * math.log1p(state[3] * distance)


@helper()
def _weigh_next(task, i, logs, end):
    """Log densities of row i under each component that has rows, and under none, parameters summed out."""
    counts, capacity = floats(task.counts, task.capacity), task.capacity
    for k in range(end):
        logs[k] = 0.0
    empty = 0.0
    for j in range(task.n_predictors):
        one = record_in(task.predictors, j, PREDICTOR)
        d = one.dimension
        size, work = state_size(d), floats(one.work, 2 * d)
        _row(one, i, work)
        for k in range(end):
            if counts[k] > 0.0:
                logs[k] += _log_next(one, floats(one.states + 8 * k * size, size), work, work[d:])
        empty += _log_next(one, floats(one.states + 8 * capacity * size, size), work, work[d:])
    for k in range(end):
        if counts[k] == 0.0:
            logs[k] = empty


@helper()
def _begin(task):
    """States of all components by their rows as they are."""
    labels = floats(task.out, task.units)
    for j in range(task.n_predictors):
        one = record_in(task.predictors, j, PREDICTOR)
        size = state_size(one.dimension)
        for k in range(task.capacity + 1):
            if _start(one, floats(one.states + 8 * k * size, size)):
                return False
    for i in range(task.units):
        _all_change(task, i, int(labels[i]) - task.lowest, 1.0)
    return True


@inline
def _all_change(task, i, k, sign):
    """Row i of all factors goes to component k, or from there."""
    for j in range(task.n_predictors):
        one = record_in(task.predictors, j, PREDICTOR)
        size = state_size(one.dimension)
        if sign < 0.0 and floats(task.counts, task.capacity)[k] == 0.0:
            _start(one, floats(one.states + 8 * k * size, size))  # its last row
        else:
            _change(one, i, k, sign)


# -------------------------------------------------------------------- what labels say of the next one


@helper()
def _weights(task, weights, end, occupied):
    """Prior weights of a unit's labels given those of all others, up to a factor."""
    counts = floats(task.counts, task.capacity)
    first = floats(task.first, task.n_first)
    if task.prior == DIRICHLET:
        for k in range(end):
            weights[k] = counts[k] + first[k if task.n_first > 1 else 0]
        return
    if task.prior == UNKNOWN:
        logs = floats(task.second, task.capacity + 1)
        # n_k + a of a component with units; a V_n(t + 1) / V_n(t) of a new one, whatever its name
        new = 0.0
        if occupied < task.capacity:
            new = first[0] * math.exp(logs[occupied + 1] - logs[occupied]) / (task.capacity - occupied)
        for k in range(end):
            weights[k] = counts[k] + first[0] if counts[k] > 0.0 else new
        return
    second = floats(task.second, task.n_first)
    after, rest = task.units - 1.0, 1.0
    for k in range(end - 1):
        after -= counts[k]
        come, gone = first[k] + counts[k], second[k] + after
        weights[k] = rest * come / (come + gone)
        rest *= gone / (come + gone)
    weights[end - 1] = rest


@inline
def _drawn(weights, logs, end, stream):
    """A label with probability proportional to its weight times the density; -1 where there is none."""
    highest = -math.inf
    for k in range(end):
        highest = max(highest, logs[k]) if weights[k] > 0.0 else highest
    total = 0.0
    for k in range(end):
        total += weights[k] * math.exp(logs[k] - highest) if weights[k] > 0.0 else 0.0
        logs[k] = total
    if not (highest > -math.inf and total < math.inf):
        return -1
    level, found = total * uniform(stream), end - 1
    for k in range(end):
        if level <= logs[k]:
            return k
    return found


# -------------------------------------------------------------------- the step


@helper()
def _draw_label(task, i, weights, logs, end, occupied, given, stream):
    """Draw a unit's label; how many components have units then, -1 where it has no proper density."""
    counts, labels = floats(task.counts, task.capacity), floats(task.out, task.units)
    now = int(labels[i]) - task.lowest
    counts[now] -= 1.0
    occupied -= 1 if counts[now] == 0.0 else 0
    if not given:
        _all_change(task, i, now, -1.0)
        _weigh_next(task, i, logs, end)
    _weights(task, weights, end, occupied)
    new = _drawn(weights, logs, end, stream)
    if new < 0:
        return -1
    occupied += 1 if counts[new] == 0.0 else 0
    counts[new] += 1.0
    labels[i] = task.lowest + new
    if not given:
        _all_change(task, i, new, 1.0)
    return occupied


@helper()
def _shuffle(task, occupied, stream):
    """Names of components with units become any of the first ones, and as many are in use as there must be."""
    places, counts = integers(task.places, 2 * task.capacity), floats(task.counts, task.capacity)
    named, number = places[task.capacity :], floats(task.number, 1)
    in_use, at = max(int(number[0]), occupied), 0
    number[0] = in_use
    for k in range(task.capacity):
        if counts[k] > 0.0:
            named[at], at = k, at + 1
    back = task.capacity - 1
    for k in range(task.capacity):
        if counts[k] == 0.0:
            named[back], back = k, back - 1
    for k in range(in_use - 1, 0, -1):
        j = min(int(uniform(stream) * (k + 1)), k)
        named[j], named[k] = named[k], named[j]
    rename(task, named)


@step_of(COLLAPSED)
def draw_collapsed(words, reals, stream):
    """Draw each unit's label given all others', weights summed out, and parameters where none are given."""
    task = record_at(words, COLLAPSED)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    capacity, n = task.capacity, task.units
    room, counts, given = floats(task.room, 3 * capacity + 1), floats(task.counts, capacity), task.given != 0
    logs, occupied, end = room[capacity:], 0, capacity
    if task.number != 0 and task.prior == DIRICHLET:
        end = int(floats(task.number, 1)[0])
    for k in range(capacity):
        occupied += 1 if counts[k] > 0.0 else 0
    if given:
        rows = record_at(task.given, PASS)
        scratch = scratch_of(rows)
        status = call(rows.machine, (rows.prelude, rows.prelude_length, 0, 0))
        prepare(rows, task.given)
    elif not _begin(task):
        return NOT_A_NUMBER_ROW
    for start in range(0, n, TILE):
        m = min(TILE, n - start)
        if given:
            status = max(status, tile_logs(rows, task.given, scratch, start, m, 0))
            if status != 0:
                return status
        for i in range(m):
            if given:
                for k in range(end):
                    logs[k] = scratch[k * TILE + i]
            occupied = _draw_label(task, start + i, room, logs, end, occupied, given, stream)
            if occupied < 0:
                return NOT_A_NUMBER_ROW
    if task.prior == UNKNOWN:
        _shuffle(task, occupied, stream)
    return call(task.collect, (task.collected, 0, stream))


__all__ = ["COLLAPSED", "DIRICHLET", "PREDICTOR", "STICKS", "UNKNOWN", "draw_collapsed", "state_size"]
