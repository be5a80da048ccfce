"""The log posterior with the labels summed out, and its gradient, in free coordinates.

The target is the log posterior of the continuous unknowns, summed over all labels. Its value is what a soft pass leaves
of each unit, added up, and what a program says of priors. Its gradient is that of the complete-data log density at the
expected counts and sums that the pass leaves (Fisher's identity), which the same program computes.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.block_steps import PIECE
from mcmix.kernels.records import RUN, record, record_at, record_in, width
from mcmix.kernels.transforms import (
    CIRCLE,
    CORRELATION,
    IDENTITY,
    LOG,
    LOGIT,
    POSITIVE_DEFINITE,
    SIMPLEX,
    free_size,
    numbers_from_free,
    numbers_to_free,
)

# The program leaves what it says of priors at `answer`, of counts and sums at `complete`, and derivatives by all
# entries of all pieces, one after another, at `slopes`. `soft` is the kernel of the pass `weighing`, which leaves so
# many units' log densities. Values of unknowns are copied from the chain (`copies`), whose own stay until a move is
# accepted: the last `moved` of them.
# Where few weighted rows stand for many, the pass over all of them is `whole`, and both are compared every so many
# moves (`check`, 0: never). `evaluate` and `locate` are the kernels that evaluate, and that find the chain's free
# coordinates, for moves. `groups` say where those of `components` are (0: it is not known), of simplexes last. So many
# numbers of the tables of proposals, for all unknowns and for one component's, and so many points of burn-in, are kept.
# `lenient`: where the chain's own point has no finite gradient, other steps move it on. Matrices have kernels of their
# own; their numbers are 0 where there are none.
TARGET = record(
    *RUN, "answer", "complete", "slopes", "pieces", "n_pieces", "free", "count", "soft", "weighing", "unit_logs",
    "units", "whole", "whole_logs", "whole_units", "check", "evaluate", "locate", "copies", "n_copies", "moved",
    "counters", "workspace", "told", "groups", "n_groups", "components", "exchangeable", "proposals", "redraws",
    "history", "lenient", "matrices_to_free", "matrices_from_free", "matrices_pulled_back",
)  # fmt: skip
COPIED = record("source", "target", "seen", "count")  # `seen`: the values that were copied last, part of a saved state

WORKSPACE_ROWS = 9  # of d numbers: see `room_of`, and `_more_room` of the moves
# Behind them: the log density where the chain is, whether it is known, moves since the last check, whether all rows are
# weighed, the largest difference between the two that was seen, in nats, the log density by the variables, not by their
# free coordinates, where the chain is and where it was asked for last, which weighted rows these are (0: all rows), and
# the log density that was asked for last.
DENSITY, KNOWN, SINCE, WHOLE, DIFFERENCE, POSTERIOR, TRIED, LEVEL, ASKED, JACOBIAN = range(10)
NUMBERS = 10
POSITION, SLOPE = 2, 3  # rows of the workspace
_PIECE_WIDTH = width(PIECE)


@inline
def _row(task, number, at):
    """Address of a place in a row of the workspace."""
    return task.workspace + 8 * (number * task.free + at)


@inline
def _is_matrix(kind):
    return kind == POSITIVE_DEFINITE or kind == CORRELATION


@inline
def _block_to_free(task, kept):
    """Free coordinates of all unknowns, into the trajectory's position; their entries are copied to `kept`."""
    at, entry, free = 0, 0, floats(_row(task, POSITION, 0), task.free)
    for j in range(task.n_pieces):
        piece = record_in(task.pieces, j, PIECE)
        n, k, kind = piece.count, piece.entries, piece.transform
        variable = floats(piece.variable, n)
        for i in range(n):
            kept[entry + i] = variable[i]
        if _is_matrix(kind):
            call(task.matrices_to_free, (task.pieces + 8 * _PIECE_WIDTH * j, _row(task, POSITION, at)))
        else:
            numbers_to_free(kind, variable, free[at:], floats(piece.lower, n), floats(piece.upper, n), n, k)
        at += free_size(kind, n, k)
        entry += n


@inline
def _block_from_free(task):
    """Set all unknowns from the trajectory's position; return the log-Jacobian of all."""
    at, total, free = 0, 0.0, floats(_row(task, POSITION, 0), task.free)
    for j in range(task.n_pieces):
        piece = record_in(task.pieces, j, PIECE)
        n, k, kind = piece.count, piece.entries, piece.transform
        if _is_matrix(kind):
            found = _row(task, WORKSPACE_ROWS, JACOBIAN)
            told = task.pieces + 8 * _PIECE_WIDTH * j
            call(task.matrices_from_free, (told, _row(task, POSITION, at), found))
            total += floats(found, 1)[0]
        else:
            lows, highs = floats(piece.lower, n), floats(piece.upper, n)
            total += numbers_from_free(kind, floats(piece.variable, n), free[at:], lows, highs, n, k)
        at += free_size(kind, n, k)
    return total


@inline
def bring(task):
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
def take(task):
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
def _pull_back(task):
    """Derivatives by the trajectory's free coordinates from those by all entries, which stand at `slopes`."""
    at, entry, slopes = 0, 0, floats(task.slopes, task.count)
    free, gradient = floats(_row(task, POSITION, 0), task.free), floats(_row(task, SLOPE, 0), task.free)
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
        elif _is_matrix(kind):
            told, own = task.pieces + 8 * _PIECE_WIDTH * j, task.slopes + 8 * entry
            call(task.matrices_pulled_back, (told, _row(task, POSITION, at), own, _row(task, SLOPE, at)))
            at += free_size(kind, n, k)
        else:
            lows, highs = floats(piece.lower, n), floats(piece.upper, n)
            for i in range(n):
                gradient[at] = _slope(kind, free[at], slopes[entry + i], lows[i], highs[i])
                at += 1
        entry += n


@inline
def numbers_of(task):
    """What stands behind the rows of the workspace."""
    return floats(task.workspace + 8 * WORKSPACE_ROWS * task.free, NUMBERS)


@inline
def weighed(task, whole):
    """Log likelihood where the unknowns are, labels summed out; counts and sums are left for the program."""
    if call(task.soft, (task.whole if whole else task.weighing, 0, 0)) != 0:
        return -math.inf
    total, units = 0.0, task.whole_units if whole else task.units
    logs = floats(task.whole_logs if whole else task.unit_logs, units)
    for i in range(units):
        total += logs[i]
    return total


@inline
def _evaluate(task):
    """Log density where the trajectory is, labels summed out; its gradient. Minus infinity where it cannot be."""
    jacobian = _block_from_free(task)
    if not jacobian > -math.inf:
        return -math.inf
    total = weighed(task, numbers_of(task)[WHOLE] != 0.0)
    if not total > -math.inf:
        return -math.inf
    if call(task.machine, (task.program, task.length, 0, 1)) != 0:
        return -math.inf
    total += floats(task.answer, 1)[0]
    numbers_of(task)[TRIED] = total
    total += jacobian
    _pull_back(task)
    gradient = floats(_row(task, SLOPE, 0), task.free)
    for i in range(task.free):
        if not abs(gradient[i]) < math.inf:
            return -math.inf
    return total if total < math.inf else -math.inf


@inline
def room_of(task):
    """Where the chain is (d), its gradient, the trajectory's position, gradient and momentum, room for work."""
    d = task.free
    room = floats(task.workspace, WORKSPACE_ROWS * d)
    return (
        room[:d], room[d : 2 * d], room[2 * d : 3 * d], room[3 * d : 4 * d], room[4 * d : 5 * d], room[5 * d : 6 * d]
    )  # fmt: skip


@step_of(TARGET)
def compare_rows(words, reals, stream):
    """By how many nats weighted rows differ from all of them where trajectories are, into `reals`."""
    task = record_at(words, TARGET)
    floats(reals, 1)[0] = math.inf
    if _block_from_free(task) > -math.inf:
        floats(reals, 1)[0] = abs(weighed(task, True) - weighed(task, False))
    return 0


@step_of(TARGET)
def evaluate_marginal(words, reals, stream):
    """Log density and gradient at the free coordinates in the workspace (the trajectory's), which stay there.

    The log density is left at the first place of `reals`.
    """
    task = record_at(words, TARGET)
    floats(reals, 1)[0] = _evaluate(task)
    return 0


@step_of(TARGET)
def evaluate_complete(words, reals, stream):
    """As `evaluate_marginal`, of the complete-data log density at the counts and sums as they stand."""
    task = record_at(words, TARGET)
    answer = floats(reals, 1)
    answer[0] = _block_from_free(task)
    if answer[0] > -math.inf and call(task.machine, (task.program, task.length, 0, 1)) == 0:
        answer[0] += floats(task.answer, 1)[0] + floats(task.complete, 1)[0]
        _pull_back(task)
    return 0


@step_of(TARGET)
def where_the_chain_is(words, reals, stream):
    """Copy the chain's values; their free coordinates are left where those of trajectories are."""
    task = record_at(words, TARGET)
    bring(task)
    _block_to_free(task, floats(task.told, task.count))
    return 0


@step_of(TARGET)
def give_to_the_chain(words, reals, stream):
    """Give the chain the values at the free coordinates where those of trajectories are."""
    task = record_at(words, TARGET)
    _block_from_free(task)
    take(task)
    return 0


__all__ = [
    "ASKED", "COPIED", "DENSITY", "DIFFERENCE", "KNOWN", "LEVEL", "NUMBERS", "POSTERIOR", "SINCE", "TARGET", "TRIED",
    "WHOLE", "WORKSPACE_ROWS", "bring", "compare_rows", "evaluate_complete", "evaluate_marginal", "give_to_the_chain",
    "numbers_of", "room_of", "take", "weighed", "where_the_chain_is",
]  # fmt: skip
