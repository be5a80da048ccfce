"""Moves of all entries of one or several variables, in their free coordinates: adaptive Metropolis, slices in turn."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.density_steps import LOST, NOT_A_NUMBER
from mcmix.kernels.random import standard_exponential, standard_normal
from mcmix.kernels.records import RUN, record, record_at, record_in
from mcmix.kernels.slices import slice_coordinate, tuned_width
from mcmix.kernels.transforms import CIRCLE, IDENTITY, all_from_free, all_to_free, free_size

# Entries of all pieces, address of the log density, the table of pieces, their free coordinates, counters, workspace.
BLOCK = record(*RUN, "count", "answer", "pieces", "n_pieces", "free", "counters", "workspace")
# One variable or a part of it: its address, entries, transform, entries of one simplex or matrix row, and bounds.
PIECE = record("variable", "count", "transform", "entries", "lower", "upper")

LARGEST_LOG_SCALE = 10.0  # of proposals that go round a circle: where it is flat, nothing else would hold them


@inline
def _block_to_free(pieces, n_pieces, free, kept):
    """Free coordinates of several variables, one after another; their entries are copied to `kept`."""
    at, entry = 0, 0
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        n = piece.count
        variable = floats(piece.variable, n)
        for i in range(n):
            kept[entry + i] = variable[i]
        lows, highs = floats(piece.lower, n), floats(piece.upper, n)
        all_to_free(piece.transform, variable, free[at:], lows, highs, n, piece.entries)
        at += free_size(piece.transform, n, piece.entries)
        entry += n


@inline
def _block_from_free(pieces, n_pieces, free):
    """Set several variables from free coordinates; return the log-Jacobian of all."""
    at, total = 0, 0.0
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        n = piece.count
        lows, highs = floats(piece.lower, n), floats(piece.upper, n)
        total += all_from_free(piece.transform, floats(piece.variable, n), free[at:], lows, highs, n, piece.entries)
        at += free_size(piece.transform, n, piece.entries)
    return total


@inline
def _periods(pieces, n_pieces, period):
    """Length of the circle on which each free coordinate moves, 0 where it moves on a line; whether any does not."""
    at, some = 0, False
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        lows, highs = floats(piece.lower, piece.count), floats(piece.upper, piece.count)
        for i in range(free_size(piece.transform, piece.count, piece.entries)):
            period[at] = highs[i] - lows[i] if piece.transform == CIRCLE else 0.0
            some = some or period[at] > 0.0
            at += 1
    return some


@inline
def _within(pieces, n_pieces):
    """Whether values that move on their own scale lie inside their bounds: functions are not asked about others."""
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        if piece.transform == IDENTITY:
            lows, highs = floats(piece.lower, piece.count), floats(piece.upper, piece.count)
            variable = floats(piece.variable, piece.count)
            for i in range(piece.count):
                if not (lows[i] <= variable[i] <= highs[i]):
                    return False
    return True


@inline
def _put_back(pieces, n_pieces, kept):
    """Undo a rejected move, bit for bit."""
    entry = 0
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        variable = floats(piece.variable, piece.count)
        for i in range(piece.count):
            variable[i] = kept[entry + i]
        entry += piece.count


@inline
def _exchange(pieces, n_pieces, kept):
    """Go back, and leave the entries that were tried in `kept`."""
    entry = 0
    for j in range(n_pieces):
        piece = record_in(pieces, j, PIECE)
        variable = floats(piece.variable, piece.count)
        for i in range(piece.count):
            variable[i], kept[entry + i] = kept[entry + i], variable[i]
        entry += piece.count


@inline
def _told(density, flag, pieces, n_pieces, kept):
    """Whether a log density that is no number ends the run; what was tried is then left in `kept`.

    The flag counts, so that it is seen which of a step's calls it was.
    """
    if density == density or flag[0] == 0.0:
        return False
    _exchange(pieces, n_pieces, kept)
    flag[0] += 1.0
    return True


@inline
def _shortest_way(gap, period):
    """A difference of two points of a circle by the shorter way round; as it is where there is no period."""
    return gap - period * math.floor(gap / period + 0.5) if period > 0.0 else gap


@step_of(BLOCK)
def metropolis_block(words, reals, stream):
    """Adaptive Metropolis on all entries of a few variables at once, in their free coordinates (Haario et al. 2001).

    reals: log scale, count, mean (d), lower Cholesky factor (d, d). workspace: entries (n), now, noise, proposal (d).
    While tuning, mean and factor follow the history (rank-one updates of the factor), the scale the acceptance rate.
    """
    task = record_at(words, BLOCK)
    n, pieces, n_pieces, d = task.count, task.pieces, task.n_pieces, task.free
    memory, answer, counter = floats(reals, 2 + d + d * d), floats(task.answer, 1), floats(task.counters, 2)
    kept, free = floats(task.workspace, n + 3 * d), floats(task.workspace + 8 * n, 3 * d)
    now, noise, proposal = free[:d], free[d : 2 * d], free[2 * d :]
    _block_to_free(pieces, n_pieces, now, kept)
    jacobian = _block_from_free(pieces, n_pieces, now)
    status = call(task.machine, (task.program, task.length, 0, 1))
    if status != 0:
        return status
    # The density of free coordinates y = f(x): log p(x(y)) + log |dx / dy|.
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
    jacobian = _block_from_free(pieces, n_pieces, proposal)
    accepted = False
    possible = jacobian > -math.inf and _within(pieces, n_pieces)
    if possible and call(task.machine, (task.program, task.length, 0, 1)) == 0:
        change = answer[0] + jacobian - start
        if _told(change, floats(task.workspace + 8 * (n + 3 * d), 1), pieces, n_pieces, kept):
            return NOT_A_NUMBER
        accepted = change > -standard_exponential(stream)
    if not accepted:
        _put_back(pieces, n_pieces, kept)
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    if task.tuning != 0:
        # Robbins-Monro towards the optimal acceptance rates: 0.234 for many dimensions (Roberts, Gelman and Gilks
        # 1997), 0.44 for one.
        memory[0] += math.pow(memory[1] + 1.0, -0.6) * ((1.0 if accepted else 0.0) - (0.234 if d > 1 else 0.44))
        free, period = (proposal, now) if accepted else (now, proposal)
        if _periods(pieces, n_pieces, period):
            memory[0] = min(memory[0], LARGEST_LOG_SCALE)
        _learn(memory, free, noise, period, d)
    return 0


@inline
def _learn(memory, free, work, period, d):
    """Move mean and covariance factor towards the present point (rank-one Cholesky update, shrinking weight).

    On a circle the mean goes the shorter way, so that a posterior across the seam is as narrow as anywhere else.
    """
    memory[1] += 1.0
    weight = max(1.0 / (memory[1] + 10.0), 1e-4)
    for i in range(d):
        gap = _shortest_way(free[i] - memory[2 + i], period[i])
        work[i] = math.sqrt(weight) * gap
        memory[2 + i] += weight * gap
    for i in range(d):
        for j in range(i + 1):
            # Covariance (1 - w) C + w g g': shrink the factor, then update it by one rank with plane rotations.
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


@inline
def _block_density(task, free, answer):
    """Log density in the free coordinates of a block; the variables are left there."""
    jacobian = _block_from_free(task.pieces, task.n_pieces, free)
    if not jacobian > -math.inf or not _within(task.pieces, task.n_pieces):
        return -math.inf
    if call(task.machine, (task.program, task.length, 0, 1)) != 0:
        return -math.inf
    return answer[0] + jacobian


@inline
def _coordinate_density(where, y):
    task, free, i, answer, _, _ = where
    free[i] = y
    return _block_density(task, free, answer)


@inline
def _coordinate_refused(where, found):
    task, _, _, _, flag, kept = where
    return _told(found, flag, task.pieces, task.n_pieces, kept)


@step_of(BLOCK)
def slice_block(words, reals, stream):
    """One slice move per free coordinate of a block, in turn.

    Record and workspace are those of `metropolis_block`. reals: a width per coordinate, tuned.
    """
    task = record_at(words, BLOCK)
    n, pieces, n_pieces, d = task.count, task.pieces, task.n_pieces, task.free
    width, answer, flag = floats(reals, d), floats(task.answer, 1), floats(task.workspace + 8 * (n + 3 * d), 1)
    kept, free = floats(task.workspace, n), floats(task.workspace + 8 * n, d)
    period = floats(task.workspace + 8 * (n + d), d)
    _periods(pieces, n_pieces, period)
    _block_to_free(pieces, n_pieces, free, kept)
    start = _block_density(task, free, answer)
    if not start > -math.inf:
        return NOT_A_NUMBER if start != start else LOST
    for i in range(d):
        now = free[i]
        width[i] = min(width[i], period[i]) if period[i] > 0.0 else width[i]
        where = (task, free, i, answer, flag, kept)
        y, start, ended = slice_coordinate(
            _coordinate_density, _coordinate_refused, where, now, start, width[i], period[i], stream
        )
        if ended:
            return NOT_A_NUMBER
        free[i] = y
        if task.tuning != 0:
            width[i] = tuned_width(width[i], y - now)
    _block_from_free(pieces, n_pieces, free)
    return 0
