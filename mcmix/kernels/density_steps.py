"""Moves that need nothing but the log density of one variable given the rest: slice, Metropolis, enumeration.

The log density is a program of the machine: it reads the variable in the chain's memory and leaves one number at a
known place (for programs that serve single elements, the sum of that element's terms).

Descriptor (whole numbers): 0 tuning flag, 1 machine, 2 program, 3 instructions, 4 elements, 5 address of the variable,
6 address of the log density, 7 whether the program serves single elements, 8 transform, 9 lower and 10 upper bound
(addresses), 11 step or category count, 12 counters' address, 13 workspace. Slice and Metropolis note in the workspace
where a log density was no number (element, value) if its third entry asks for it.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.gibbs import COLLAPSED, SMALLEST_SCALE
from mcmix.kernels.random import standard_exponential, standard_normal, uniform

IDENTITY, LOG, LOGIT, UPPER, SIMPLEX, POSITIVE_DEFINITE, CORRELATION, CIRCLE = range(8)
PIECE_WIDTH = 6  # of a block: address, entries, transform, entries of one simplex or matrix row, lower, upper bounds
MOST_STEPS = 200
LARGEST_LOG_SCALE = 10.0  # of proposals that go round a circle: where it is flat, nothing else would hold them
NOT_A_NUMBER, LOST = 20, 21


@inline
def wrapped(y, low, high):
    """The point of (low, high], the ends one point, on which y falls when the line is wound round the circle."""
    if low < y <= high:
        return y
    period = high - low
    turned = y - period * math.floor((y - low) / period)
    return turned if low < turned <= high else high


@inline
def _shortest_way(gap, period):
    """A difference of two points of a circle by the shorter way round; as it is where there is no period."""
    return gap - period * math.floor(gap / period + 0.5) if period > 0.0 else gap


@inline
def _steps_out(width, period):
    """How often an interval may grow: on a circle it never reaches beyond its own other end."""
    return max(1, int(period / width)) if period > 0.0 else MOST_STEPS


@inline
def to_free(kind, x, low, high):
    """From a variable's own range to the whole line, on which a circle repeats itself."""
    if kind == IDENTITY or kind == CIRCLE:
        return x
    if kind == LOGIT:
        return math.log((x - low) / (high - x))
    return math.log(x - low) if kind != UPPER else math.log(high - x)


@inline
def from_free(kind, y, low, high):
    """Back from the whole line."""
    if kind == IDENTITY:
        return y
    if kind == CIRCLE:
        return wrapped(y, low, high)
    if kind == LOGIT:
        return low + (high - low) / (1.0 + math.exp(-y))
    return low + math.exp(y) if kind != UPPER else high - math.exp(y)


@inline
def log_jacobian(kind, y, low, high):
    """Log of the derivative of `from_free`."""
    if kind == IDENTITY or kind == CIRCLE:
        return 0.0
    if kind == LOGIT:
        return math.log(high - low) - abs(y) - 2.0 * math.log1p(math.exp(-abs(y)))
    return y


@inline
def _inside(kind, x, low, high):
    """Whether a value can be: functions are not asked about others; of a bounded range, ends come from rounding."""
    if kind == IDENTITY or kind == CIRCLE:
        return low <= x <= high
    return low < x < high


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
def _density_at(slot, variable, i, y, low, high, answer):
    """Log density in the free coordinate of element i at y; minus infinity for NaN's sake is never hidden."""
    x = from_free(slot[8], y, low, high)
    variable[i] = x
    if not _inside(slot[8], x, low, high):
        return -math.inf
    if call(slot[1], (slot[2], slot[3], i if slot[7] != 0 else 0, 1)) != 0:
        return -math.inf
    return answer[0] + log_jacobian(slot[8], y, low, high)


@step_kernel
def slice_elements(words, reals, stream):
    """One slice move per element, stepping out and shrinking, in the free coordinate (Neal 2003, figures 3 and 5).

    On a circle the log density is the periodic one on the line, and what it leaves invariant there, wound round, is
    left invariant too; intervals are no longer than the circle.

    reals: a width per element; while tuning they follow the mean distance moved.
    """
    slot = integers(words, 14)
    n = slot[4]
    width, variable, answer = floats(reals, n), floats(slot[5], n), floats(slot[6], 1)
    lows, highs, work = floats(slot[9], n), floats(slot[10], n), floats(slot[13], 3)
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
        period = high - low if slot[8] == CIRCLE else 0.0
        width[i] = min(width[i], period) if period > 0.0 else width[i]
        left = now - width[i] * uniform(stream)
        right = left + width[i]
        most = _steps_out(width[i], period)
        steps = int(most * uniform(stream))
        for _ in range(steps):
            found = _density_at(slot, variable, i, left, low, high, answer)
            if _refused(work, found, i, variable[i]):
                variable[i] = before
                return NOT_A_NUMBER
            if not found > level:
                break
            left -= width[i]
        for _ in range(most - 1 - steps):
            found = _density_at(slot, variable, i, right, low, high, answer)
            if _refused(work, found, i, variable[i]):
                variable[i] = before
                return NOT_A_NUMBER
            if not found > level:
                break
            right += width[i]
        y = now
        while True:
            y = left + (right - left) * uniform(stream)
            if y == now:  # shrunk onto the present value
                variable[i] = before
                break
            found = _density_at(slot, variable, i, y, low, high, answer)
            if _refused(work, found, i, variable[i]):
                variable[i] = before
                return NOT_A_NUMBER
            if found > level:
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
    lows, highs, counter, work = floats(slot[9], n), floats(slot[10], n), floats(slot[12], 2), floats(slot[13], 3)
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
        if _refused(work, change, i, variable[i]):
            variable[i] = before
            return NOT_A_NUMBER
        accepted = change > -standard_exponential(stream)
        if not accepted:
            variable[i] = before
        if _collapsed(slot[8], variable[i], low, SMALLEST_SCALE):
            return COLLAPSED
        counter[0] += 1.0
        counter[1] += 1.0 if accepted else 0.0
        if slot[0] != 0:
            scale[i] = _tuned(scale[i], 1.0 if accepted else 0.0, 0.44, scale[n])
            scale[i] = min(scale[i], high - low) if slot[8] == CIRCLE else scale[i]
    if slot[0] != 0:
        scale[n] += 1.0
    return 0


@step_kernel
def transfer_counts(words, reals, stream):
    """Metropolis moves of counts between the entries of a vector, whose total stays as it is.

    For each entry another one of its vector is chosen evenly, and a whole number of either sign goes from that to this;
    the opposite number is as likely, so the proposal is symmetric.

    reals: a scale for all, then a count of moves. counters: proposals, acceptances. 11: entries of one vector.
    """
    slot = integers(words, 14)
    n, entries = slot[4], slot[11]
    scale, variable, answer = floats(reals, 2), floats(slot[5], n), floats(slot[6], 1)
    counter, work = floats(slot[12], 2), floats(slot[13], 3)
    for i in range(n if entries > 1 else 0):
        first = i - i % entries
        other = first + (i - first + 1 + int((entries - 1) * uniform(stream))) % entries
        step = scale[0] * standard_normal(stream)
        step = math.floor(step) if step < 0.0 else math.ceil(step)
        accepted = False
        if variable[i] + step >= 0.0 and variable[other] - step >= 0.0:
            here, there = variable[i], variable[other]
            start = answer[0] if call(slot[1], (slot[2], slot[3], 0, 1)) == 0 else -math.inf
            if start != start:
                return NOT_A_NUMBER
            variable[i], variable[other] = here + step, there - step
            change = (answer[0] if call(slot[1], (slot[2], slot[3], 0, 1)) == 0 else -math.inf) - start
            if _refused(work, change, i, variable[i]):
                variable[i], variable[other] = here, there
                return NOT_A_NUMBER
            accepted = change > -standard_exponential(stream)
            if not accepted:
                variable[i], variable[other] = here, there
        counter[0] += 1.0
        counter[1] += 1.0 if accepted else 0.0
        if slot[0] != 0:
            scale[0] = _tuned(scale[0], 1.0 if accepted else 0.0, 0.44, scale[1] / n)
            scale[1] += 1.0
    return 0


@inline
def free_size(kind, n, k):
    """Free coordinates of n entries: fewer for simplexes of k entries and for matrices with k rows."""
    if kind == SIMPLEX:
        return n - n // k
    if kind == POSITIVE_DEFINITE:
        return n // (k * k) * (k * (k + 1) // 2)
    if kind == CORRELATION:
        return n // (k * k) * (k * (k - 1) // 2)
    return n


@inline
def _all_to_free(kind, variable, free, lows, highs, n, k):
    """Free coordinates of a whole variable."""
    if kind == SIMPLEX:
        at = 0
        for start in range(0, n, k):
            for i in range(start, start + k - 1):
                free[at] = variable[i] - variable[start + k - 1]
                at += 1
    elif kind == POSITIVE_DEFINITE:
        for j in range(n // (k * k)):
            _matrix_to_free(variable[j * k * k :], free[j * (k * (k + 1) // 2) :], k)
    elif kind == CORRELATION:
        for j in range(n // (k * k)):
            _correlation_to_free(variable[j * k * k :], free[j * (k * (k - 1) // 2) :], k)
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
    if kind == POSITIVE_DEFINITE:
        for j in range(n // (k * k)):
            total += _matrix_from_free(variable[j * k * k :], free[j * (k * (k + 1) // 2) :], k)
        return total
    if kind == CORRELATION:
        for j in range(n // (k * k)):
            total += _correlation_from_free(variable[j * k * k :], free[j * (k * (k - 1) // 2) :], k)
        return total
    for i in range(n):
        variable[i] = from_free(kind, free[i], lows[i], highs[i])
        if kind != IDENTITY and not _inside(kind, variable[i], lows[i], highs[i]):
            return -math.inf
        total += log_jacobian(kind, free[i], lows[i], highs[i])
    return total


@inline
def _matrix_to_free(matrix, free, k):
    """Lower Cholesky factor by rows, its diagonal as logarithms (Pinheiro and Bates 1996, log-Cholesky)."""
    for i in range(k):
        for j in range(i + 1):
            total = matrix[i * k + j]
            for m in range(j):
                left = free[i * (i + 1) // 2 + m]
                right = free[j * (j + 1) // 2 + m] if i != j else left
                total -= left * right
            if i == j:
                free[i * (i + 1) // 2 + i] = 0.5 * math.log(total)
            else:
                free[i * (i + 1) // 2 + j] = total / math.exp(free[j * (j + 1) // 2 + j])


@inline
def _matrix_from_free(matrix, free, k):
    """A matrix from its log-Cholesky factor; the Jacobian is 2**k prod L_ii**(k + 1 - i), i = 0 .. k - 1, with logs."""
    total = k * math.log(2.0)
    for i in range(k):
        total += (k + 1 - i) * free[i * (i + 1) // 2 + i]
        for j in range(i + 1):
            entry = 0.0
            for m in range(j + 1):
                left, right = free[i * (i + 1) // 2 + m], free[j * (j + 1) // 2 + m]
                if m == i:
                    left = math.exp(left)
                if m == j:
                    right = math.exp(right)
                entry += left * right
            matrix[i * k + j] = entry
            matrix[j * k + i] = entry
    return total


@inline
def _correlation_to_free(matrix, free, k):
    """Inverse hyperbolic tangents of the partial correlations of entries i and j < i given 0 .. j - 1, row by row.

    Row i of the lower Cholesky factor, of length one, is a point in these angles (Lewandowski, Kurowicka and Joe 2009,
    section 3.2, the C-vine): entry j is the partial correlation times the length of the rest of the row from j on.
    """
    for i in range(1, k):
        for j in range(i):
            entry, rest = matrix[i * k + j], 1.0
            for m in range(j):
                above = free[j * (j - 1) // 2 + m]
                entry -= free[i * (i - 1) // 2 + m] * above
                rest -= above * above
            free[i * (i - 1) // 2 + j] = entry / math.sqrt(max(rest, 1e-32))
    for i in range(1, k):  # only now: rows further down needed this one's factor
        at, rest = i * (i - 1) // 2, 1.0
        for j in range(i):
            rest -= free[at + j] * free[at + j]
        rest = max(rest, 1e-32)
        for j in range(i - 1, -1, -1):
            entry = free[at + j]
            free[at + j] = math.asinh(entry / math.sqrt(rest))
            rest += entry * entry


@inline
def _correlation_from_free(matrix, free, k):
    """A correlation matrix from such coordinates y; the Jacobian is the product of sech(y_ij)**(k - j), as a logarithm.

    That is (1 - p**2)**((k - 2 - j) / 2) from the partial correlations p = tanh(y) to the correlations (the same paper,
    equation 11), times 1 - p**2 from y to p.
    """
    total = 0.0
    for i in range(k):
        rest = 1.0
        for j in range(i):
            y = free[i * (i - 1) // 2 + j]
            log_sech = math.log(2.0) - abs(y) - math.log1p(math.exp(-2.0 * abs(y)))
            total += (k - j) * log_sech
            matrix[i * k + j] = rest * math.tanh(y)
            rest *= math.exp(log_sech)
        matrix[i * k + i] = rest
    for i in range(k):  # the factor stands in the lower triangle: its products go into the upper one
        for j in range(i):
            entry = 0.0
            for m in range(j + 1):
                entry += matrix[i * k + m] * matrix[j * k + m]
            matrix[j * k + i] = entry
    for i in range(k):
        matrix[i * k + i] = 1.0
        for j in range(i):
            matrix[i * k + j] = matrix[j * k + i]
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


@inline
def _block_to_free(pieces, n_pieces, free, kept):
    """Free coordinates of several variables, one after another; their entries are copied to `kept`."""
    at, entry = 0, 0
    for j in range(n_pieces):
        piece = pieces[PIECE_WIDTH * j : PIECE_WIDTH * (j + 1)]
        n = piece[1]
        variable = floats(piece[0], n)
        for i in range(n):
            kept[entry + i] = variable[i]
        _all_to_free(piece[2], variable, free[at:], floats(piece[4], n), floats(piece[5], n), n, piece[3])
        at += free_size(piece[2], n, piece[3])
        entry += n


@inline
def _block_from_free(pieces, n_pieces, free):
    """Set several variables from free coordinates; return the log-Jacobian of all."""
    at, total = 0, 0.0
    for j in range(n_pieces):
        piece = pieces[PIECE_WIDTH * j : PIECE_WIDTH * (j + 1)]
        n = piece[1]
        lows, highs = floats(piece[4], n), floats(piece[5], n)
        total += _all_from_free(piece[2], floats(piece[0], n), free[at:], lows, highs, n, piece[3])
        at += free_size(piece[2], n, piece[3])
    return total


@inline
def _periods(pieces, n_pieces, period):
    """Length of the circle on which each free coordinate moves, 0 where it moves on a line; whether any does not."""
    at, some = 0, False
    for j in range(n_pieces):
        piece = pieces[PIECE_WIDTH * j : PIECE_WIDTH * (j + 1)]
        lows, highs = floats(piece[4], piece[1]), floats(piece[5], piece[1])
        for i in range(free_size(piece[2], piece[1], piece[3])):
            period[at] = highs[i] - lows[i] if piece[2] == CIRCLE else 0.0
            some = some or period[at] > 0.0
            at += 1
    return some


@inline
def _within(pieces, n_pieces):
    """Whether values that move on their own scale lie inside their bounds: functions are not asked about others."""
    for j in range(n_pieces):
        piece = pieces[PIECE_WIDTH * j : PIECE_WIDTH * (j + 1)]
        if piece[2] == IDENTITY:
            variable, lows, highs = floats(piece[0], piece[1]), floats(piece[4], piece[1]), floats(piece[5], piece[1])
            for i in range(piece[1]):
                if not (lows[i] <= variable[i] <= highs[i]):
                    return False
    return True


@inline
def _put_back(pieces, n_pieces, kept):
    """Undo a rejected move, bit for bit."""
    entry = 0
    for j in range(n_pieces):
        variable = floats(pieces[PIECE_WIDTH * j], pieces[PIECE_WIDTH * j + 1])
        for i in range(pieces[PIECE_WIDTH * j + 1]):
            variable[i] = kept[entry + i]
        entry += pieces[PIECE_WIDTH * j + 1]


@inline
def _exchange(pieces, n_pieces, kept):
    """Go back, and leave the entries that were tried in `kept`."""
    entry = 0
    for j in range(n_pieces):
        variable = floats(pieces[PIECE_WIDTH * j], pieces[PIECE_WIDTH * j + 1])
        for i in range(pieces[PIECE_WIDTH * j + 1]):
            variable[i], kept[entry + i] = kept[entry + i], variable[i]
        entry += pieces[PIECE_WIDTH * j + 1]


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


@step_kernel
def metropolis_block(words, reals, stream):
    """Adaptive Metropolis on all entries of a few variables at once, in their free coordinates (Haario et al. 2001).

    4 entries in all, 5 table of variables (PIECE_WIDTH words each), 7 number of variables, 8 free coordinates d.
    reals: log scale, count, mean (d), lower Cholesky factor (d, d). workspace: entries (n), now, noise, proposal (d).
    While tuning, mean and factor follow the history (rank-one updates of the factor), the scale the acceptance rate.
    """
    slot = integers(words, 14)
    n, n_pieces, d = slot[4], slot[7], slot[8]
    memory, pieces, answer = floats(reals, 2 + d + d * d), integers(slot[5], PIECE_WIDTH * n_pieces), floats(slot[6], 1)
    counter, kept, free = floats(slot[12], 2), floats(slot[13], n + 3 * d), floats(slot[13] + 8 * n, 3 * d)
    now, noise, proposal = free[:d], free[d : 2 * d], free[2 * d :]
    _block_to_free(pieces, n_pieces, now, kept)
    jacobian = _block_from_free(pieces, n_pieces, now)
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
    jacobian = _block_from_free(pieces, n_pieces, proposal)
    accepted = False
    if jacobian > -math.inf and _within(pieces, n_pieces) and call(slot[1], (slot[2], slot[3], 0, 1)) == 0:
        change = answer[0] + jacobian - start
        if _told(change, floats(slot[13] + 8 * (n + 3 * d), 1), pieces, n_pieces, kept):
            return NOT_A_NUMBER
        accepted = change > -standard_exponential(stream)
    if not accepted:
        _put_back(pieces, n_pieces, kept)
    counter[0] += 1.0
    counter[1] += 1.0 if accepted else 0.0
    if slot[0] != 0:
        memory[0] += math.pow(memory[1] + 1.0, -0.6) * ((1.0 if accepted else 0.0) - (0.234 if d > 1 else 0.44))
        free, period = (proposal, now) if accepted else (now, proposal)
        if _periods(pieces, n_pieces, period):
            memory[0] = min(memory[0], LARGEST_LOG_SCALE)
        _learn(memory, free, noise, period, d)
    return 0


@inline
def _block_density(slot, pieces, free, answer):
    """Log density in the free coordinates of a block; the variables are left there."""
    jacobian = _block_from_free(pieces, slot[7], free)
    if not jacobian > -math.inf or not _within(pieces, slot[7]) or call(slot[1], (slot[2], slot[3], 0, 1)) != 0:
        return -math.inf
    return answer[0] + jacobian


@step_kernel
def slice_block(words, reals, stream):
    """One slice move per free coordinate of a block, in turn, stepping out and shrinking (Neal 2003, figures 3 and 5).

    Descriptor and workspace are those of `metropolis_block`. reals: a width per coordinate; while tuning they follow
    the mean distance moved.
    """
    slot = integers(words, 14)
    n, n_pieces, d = slot[4], slot[7], slot[8]
    width, pieces, answer = floats(reals, d), integers(slot[5], PIECE_WIDTH * n_pieces), floats(slot[6], 1)
    kept, free, flag = floats(slot[13], n), floats(slot[13] + 8 * n, d), floats(slot[13] + 8 * (n + 3 * d), 1)
    period = floats(slot[13] + 8 * (n + d), d)
    _periods(pieces, n_pieces, period)
    _block_to_free(pieces, n_pieces, free, kept)
    start = _block_density(slot, pieces, free, answer)
    if not start > -math.inf:
        return NOT_A_NUMBER if start != start else LOST
    for i in range(d):
        now = free[i]
        level = start - standard_exponential(stream)
        width[i] = min(width[i], period[i]) if period[i] > 0.0 else width[i]
        left = now - width[i] * uniform(stream)
        right = left + width[i]
        most = _steps_out(width[i], period[i])
        steps = int(most * uniform(stream))
        for _ in range(steps):
            free[i] = left
            found = _block_density(slot, pieces, free, answer)
            if _told(found, flag, pieces, n_pieces, kept):
                return NOT_A_NUMBER
            if not found > level:
                break
            left -= width[i]
        for _ in range(most - 1 - steps):
            free[i] = right
            found = _block_density(slot, pieces, free, answer)
            if _told(found, flag, pieces, n_pieces, kept):
                return NOT_A_NUMBER
            if not found > level:
                break
            right += width[i]
        while True:
            y = left + (right - left) * uniform(stream)
            if y == now:  # shrunk onto the present value
                break
            free[i] = y
            found = _block_density(slot, pieces, free, answer)
            if _told(found, flag, pieces, n_pieces, kept):
                return NOT_A_NUMBER
            if found > level:
                start = found
                break
            if y < now:
                left = y
            else:
                right = y
        free[i] = y
        if slot[0] != 0:
            width[i] += 0.05 * (2.5 * abs(y - now) - width[i])
    _block_from_free(pieces, n_pieces, free)
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
