"""Coefficients below a link: a normal proposal from the local approximation, block by block, and slices on an ellipse.

Rows with counts, or with yes and no, say of their linear predictor e a log density l(e); about a point it is a
parabola of slope l'(e) and curvature -l''(e), so that rows there are as normal ones of precision -l'' and working value
e - l' / l''. The normal law of the coefficients that this gives with their prior is the proposal (Gamerman 1997,
"Sampling from the posterior distribution in generalized linear mixed models"), and the one back from the proposed point
is made there anew for the Hastings ratio. A row belongs to one block, so blocks are proposed and accepted on their own.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import AddressedKernel, call, floats, inline, integers, step_kernel
from mcmix.kernels.coefficients import _add_row, _made_whole, _met, _trouble
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.machine import BAD_INDEX, TILE
from mcmix.kernels.random import standard_exponential, standard_normal, uniform
from mcmix.kernels.special import log_normal_cdf

# What a row's log density is in its linear predictor, with two numbers of the row, (first, second):
# first e - second exp(e); first log p(e) + second log(1 - p(e)) for logit and probit; first e - second e**2 / 2.
LOG, LOGIT, PROBIT, IDENTITY = range(4)

# Descriptor: 1 machine, 2 program of the prior, 3 its instructions, then addresses and sizes by these names.
(COEFFICIENTS, BLOCKS, BLOCK_SIZES, CHILDREN, CHILD_TABLE, PRECISION, ENTRIES, LINEAR, ORDER, ROW_STARTS, TARGETS,
 WORK, PASS, BLOCK_OF, HERE, THERE, AWAY, MATRICES, MEANS, BY_BLOCK, FACTOR, TURN, COUNTER) = range(4, 27)  # fmt: skip
WIDTH = 27

# A child as in `coefficients`: its columns are the two numbers of a row, the known part of its predictor, then slope
# and number of each term.
CHILD_PROGRAM, CHILD_LENGTH, CHILD_ROWS, CHILD_TERMS, CHILD_COLUMNS, CHILD_LINK = range(6)
CHILD_WIDTH = 6

# Per block, at BY_BLOCK: log density of its rows here, there and away, log density of the proposal, refusals in a row;
# of slices: the level, whether it still turns, and the ends and the present one of its angles.
VALUE_HERE, VALUE_THERE, VALUE_AWAY, FORWARD, REFUSALS, LEVEL, TURNS, LOW, HIGH, ANGLE = range(10)
PER_BLOCK = 10

SLICE_SHARE = 1.0 / 32.0  # of sweeps that move along an ellipse: where proposals are refused for long, those still move
MOST_REFUSALS = 3  # in a row, before a block is moved along an ellipse while tuning
MOST_TURNS = 200
FAR = 1000.0  # standard deviations from where on the ratio of Mills is its asymptote


@inline
def _times(count, x):
    """A count times a log density: nothing counted nothing says."""
    return count * x if count != 0.0 else 0.0


@inline
def _softplus(x):
    """log(1 + exp(x))."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


@inline
def _counts(first, second, e):
    """Poisson: log density, slope and curvature."""
    mean = second * math.exp(e) if second != 0.0 else 0.0
    return _times(first, e) - mean, first - mean, mean


@inline
def _odds(first, second, e):
    """Logit of the probability: log density, slope and curvature; also of negative binomial counts."""
    yes, no = 1.0 / (1.0 + math.exp(-e)), 1.0 / (1.0 + math.exp(e))
    value = -_times(first, _softplus(-e)) - _times(second, _softplus(e))
    return value, first * no - second * yes, (first + second) * yes * no


@inline
def _mills(e):
    """Density over mass of the standard normal law below e, and minus the slope of that."""
    if e < -FAR:
        return -e - 1.0 / e, 1.0
    ratio = math.exp(-0.5 * e * e - 0.9189385332046727 - log_normal_cdf(e))
    return ratio, ratio * (ratio + e)


@inline
def _normal_scores(first, second, e):
    """Probit: log density, slope and curvature (the observed one: it stays above nought far out on the wrong side)."""
    value = _times(first, log_normal_cdf(e)) + _times(second, log_normal_cdf(-e))
    (up, bend_up), (down, bend_down) = _mills(e), _mills(-e)
    return value, first * up - second * down, first * bend_up + second * bend_down


@inline
def _row(link, first, second, e):
    """Log density of a row in its linear predictor, slope and curvature."""
    if link == LOG:
        return _counts(first, second, e)
    if link == LOGIT:
        return _odds(first, second, e)
    if link == PROBIT:
        return _normal_scores(first, second, e)
    return first * e - 0.5 * second * e * e, first - second * e, second


@inline
def _law(slot):
    """Where precision matrices and linear parts of the normal approximation are made."""
    return floats(slot[MATRICES], slot[ENTRIES]), floats(slot[MEANS], slot[COEFFICIENTS])


@inline
def _add_child(slot, child, which, with_products):
    """Add what the rows of a child say at a point."""
    m, rows, terms = slot[COEFFICIENTS], child[CHILD_ROWS], child[CHILD_TERMS]
    columns = floats(child[CHILD_COLUMNS], (3 + 2 * terms) * TILE)
    order, row_starts, block_of = integers(slot[ORDER], m), integers(slot[ROW_STARTS], m), integers(slot[BLOCK_OF], m)
    point, (precision, linear) = floats(slot[HERE + which], m), _law(slot)
    by_block = floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    slopes, places = floats(slot[WORK], terms), integers(slot[WORK] + 8 * terms, terms)
    for start in range(0, rows, TILE):
        tile = min(TILE, rows - start)
        status = call(slot[1], (child[CHILD_PROGRAM], child[CHILD_LENGTH], start, tile))
        if status != 0:
            return status
        for i in range(tile):
            n = _met(columns[TILE:], order, m, terms, i, slopes, places)
            if n < 0:
                return BAD_INDEX
            if n == 0:
                continue
            own = 0.0
            for a in range(n):
                own += slopes[a] * point[places[a]]
            value, slope, bend = _row(child[CHILD_LINK], columns[i], columns[TILE + i], columns[2 * TILE + i] + own)
            by_block[PER_BLOCK * block_of[places[0]] + VALUE_HERE + which] += value
            if with_products == 0:
                continue
            for a in range(n):
                linear[places[a]] += (slope + bend * own) * slopes[a]
            _add_row(bend, slopes, places, n, row_starts, precision)
    return 0


def _weigh(words, which, with_products):
    """Log density of all rows, block by block, at a point; on demand the normal approximation there."""
    slot = integers(words, WIDTH)
    by_block = floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    for b in range(slot[BLOCKS]):
        by_block[PER_BLOCK * b + VALUE_HERE + which] = 0.0
    if with_products != 0:
        precision, linear = _law(slot)
        precision[:] = floats(slot[PRECISION], slot[ENTRIES])
        linear[:] = floats(slot[LINEAR], slot[COEFFICIENTS])
    for j in range(slot[CHILDREN]):
        child = integers(slot[CHILD_TABLE] + 8 * CHILD_WIDTH * j, CHILD_WIDTH)
        status = _add_child(slot, child, which, with_products)
        if status != 0:
            return status
    return 0


weigh_rows = AddressedKernel(_weigh, 3)


@inline
def _prior_at(slot, v, first, matrix, d):
    """Log prior density of a block at v, up to a constant; either entry of a pair holds a part of it."""
    precision = floats(slot[PRECISION] + 8 * matrix, d * d)
    linear = floats(slot[LINEAR] + 8 * first, d)
    total = 0.0
    for i in range(d):
        total += linear[i] * v[first + i]
        for j in range(d):
            share = 0.5 if i == j else 1.0
            total -= share * precision[i * d + j] * v[first + i] * v[first + j]
    return total


@inline
def _mean_of(matrix, linear, factor, d):
    """Turn a linear part into the mean; log determinant of the factor, or NaN where there is no normal law."""
    _made_whole(matrix, d)
    logs = cholesky(matrix, factor, d)
    if logs == logs:
        solved_below(factor, linear, d)
        solved_above(factor, linear, d)
    return logs


@inline
def _is_number(slot):
    """Whether the log density is a number here, for each block."""
    by_block = floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    for b in range(slot[BLOCKS]):
        if by_block[PER_BLOCK * b + VALUE_HERE] != by_block[PER_BLOCK * b + VALUE_HERE]:
            return False
    return True


@inline
def _propose(slot, stream):
    """Draw each block from the normal approximation here; where there is none, the block stays."""
    here, there = floats(slot[HERE], slot[COEFFICIENTS]), floats(slot[THERE], slot[COEFFICIENTS])
    matrices, linears = _law(slot)
    sizes, by_block = integers(slot[BLOCK_SIZES], slot[BLOCKS]), floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    first, matrix = 0, 0
    for b in range(slot[BLOCKS]):
        d = sizes[b]
        factor, mean = floats(slot[FACTOR], d * d), linears[first : first + d]
        logs = _mean_of(matrices[matrix : matrix + d * d], mean, factor, d)
        by_block[PER_BLOCK * b + FORWARD] = logs
        there[first : first + d] = here[first : first + d]
        if logs == logs:
            move = floats(slot[WORK], d)
            for i in range(d):
                move[i] = standard_normal(stream)
                by_block[PER_BLOCK * b + FORWARD] -= 0.5 * move[i] * move[i]
            solved_above(factor, move, d)
            for i in range(d):
                there[first + i] = mean[i] + move[i]
        first += d
        matrix += d * d


@inline
def _backward(factor, v, mean, work, d):
    """-1/2 of the squared distance of v from a mean, by the factor of the precision."""
    total = 0.0
    for i in range(d):
        work[i] = 0.0
        for j in range(i, d):
            work[i] += factor[j * d + i] * (v[j] - mean[j])
        total -= 0.5 * work[i] * work[i]
    return total


@inline
def _accept(slot, stream):
    """Move the blocks whose proposals pass the exact ratio; those refused are counted."""
    here, there = floats(slot[HERE], slot[COEFFICIENTS]), floats(slot[THERE], slot[COEFFICIENTS])
    matrices, linears = _law(slot)
    sizes, by_block = integers(slot[BLOCK_SIZES], slot[BLOCKS]), floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    counter = floats(slot[COUNTER], 2)
    first, matrix = 0, 0
    for b in range(slot[BLOCKS]):
        d, own = sizes[b], PER_BLOCK * b
        factor, mean = floats(slot[FACTOR], d * d), linears[first : first + d]
        logs = _mean_of(matrices[matrix : matrix + d * d], mean, factor, d)
        ratio = by_block[own + VALUE_THERE] - by_block[own + VALUE_HERE] + logs - by_block[own + FORWARD]
        ratio += _backward(factor, here[first : first + d], mean, floats(slot[WORK], d), d)
        ratio += _prior_at(slot, there, first, matrix, d) - _prior_at(slot, here, first, matrix, d)
        accepted = ratio > -standard_exponential(stream)
        counter[0] += 1.0
        if accepted:
            counter[1] += 1.0
            here[first : first + d] = there[first : first + d]
        by_block[own + REFUSALS] = 0.0 if accepted else by_block[own + REFUSALS] + 1.0
        first += d
        matrix += d * d


@inline
def _ellipses(slot, stream):
    """Centre and second axis of each block's ellipse, both from the prior, and its slice; 0 where all is well."""
    m = slot[COEFFICIENTS]
    centres, axes = floats(slot[TURN], m), floats(slot[TURN] + 8 * m, m)
    matrices, _ = _law(slot)
    sizes, by_block = integers(slot[BLOCK_SIZES], slot[BLOCKS]), floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    first, matrix = 0, 0
    for b in range(slot[BLOCKS]):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + TURNS] != 0.0:
            factor, prior = floats(slot[FACTOR], d * d), matrices[matrix : matrix + d * d]
            prior[:] = floats(slot[PRECISION] + 8 * matrix, d * d)
            _made_whole(prior, d)
            if not cholesky(prior, factor, d) > -math.inf:
                return _trouble(prior, d)
            centre, axis = centres[first : first + d], axes[first : first + d]
            centre[:] = floats(slot[LINEAR] + 8 * first, d)
            solved_below(factor, centre, d)
            solved_above(factor, centre, d)
            for i in range(d):
                axis[i] = standard_normal(stream)
            solved_above(factor, axis, d)
            by_block[own + LEVEL] = by_block[own + VALUE_HERE] - standard_exponential(stream)
            by_block[own + ANGLE] = 2.0 * math.pi * uniform(stream)
            by_block[own + LOW] = by_block[own + ANGLE] - 2.0 * math.pi
            by_block[own + HIGH] = by_block[own + ANGLE]
        first += d
        matrix += d * d
    return 0


@inline
def _turn(slot):
    """Blocks that still turn at their present angle, there."""
    m = slot[COEFFICIENTS]
    centres, axes = floats(slot[TURN], m), floats(slot[TURN] + 8 * m, m)
    here, there = floats(slot[HERE], m), floats(slot[THERE], m)
    block_of, by_block = integers(slot[BLOCK_OF], m), floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    for i in range(m):
        own = PER_BLOCK * block_of[i]
        there[i] = here[i]
        if by_block[own + TURNS] != 0.0:
            angle = by_block[own + ANGLE]
            there[i] = centres[i] + (here[i] - centres[i]) * math.cos(angle) + axes[i] * math.sin(angle)


@inline
def _settle(slot, stream):
    """Move the blocks that are on their slices, and shorten the others' angles; how many still turn."""
    m = slot[COEFFICIENTS]
    here, there = floats(slot[HERE], m), floats(slot[THERE], m)
    sizes, by_block = integers(slot[BLOCK_SIZES], slot[BLOCKS]), floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS])
    first, left = 0, 0
    for b in range(slot[BLOCKS]):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + TURNS] != 0.0:
            if by_block[own + VALUE_THERE] > by_block[own + LEVEL]:
                here[first : first + d] = there[first : first + d]
                by_block[own + TURNS] = 0.0
            else:
                end = LOW if by_block[own + ANGLE] < 0.0 else HIGH
                by_block[own + end] = by_block[own + ANGLE]
                by_block[own + ANGLE] = by_block[own + LOW] + uniform(stream) * (
                    by_block[own + HIGH] - by_block[own + LOW]
                )
                left += 1
        first += d
    return left


@inline
def _slice(words, slot, stream):
    """Move marked blocks along ellipses through prior draws (Murray, Adams and MacKay 2010, figure 2)."""
    status = call(slot[PASS], (words, 0, 0))
    if status == 0:
        status = _ellipses(slot, stream) if _is_number(slot) else NOT_A_NUMBER
    left = 1
    for _ in range(MOST_TURNS):
        if status != 0 or left == 0:
            break
        _turn(slot)
        status = call(slot[PASS], (words, 1, 0))
        left = _settle(slot, stream)
    return status


@inline
def _mark(slot, refusals):
    """Mark the blocks that were refused so often in a row; whether there are some."""
    by_block, some = floats(slot[BY_BLOCK], PER_BLOCK * slot[BLOCKS]), False
    for b in range(slot[BLOCKS]):
        marked = by_block[PER_BLOCK * b + REFUSALS] >= refusals
        by_block[PER_BLOCK * b + TURNS] = 1.0 if marked else 0.0
        some = some or marked
    return some


@inline
def _step(slot, which):
    """Put the mean of each block's normal approximation away; a block without one stays."""
    point, away = floats(slot[HERE + which], slot[COEFFICIENTS]), floats(slot[AWAY], slot[COEFFICIENTS])
    (matrices, linears), sizes = _law(slot), integers(slot[BLOCK_SIZES], slot[BLOCKS])
    first, matrix = 0, 0
    for b in range(slot[BLOCKS]):
        d = sizes[b]
        mean = linears[first : first + d]
        logs = _mean_of(matrices[matrix : matrix + d * d], mean, floats(slot[FACTOR], d * d), d)
        away[first : first + d] = mean if logs == logs else point[first : first + d]
        first += d
        matrix += d * d


@inline
def _approximate(words, slot, which, steps):
    """The normal approximation that so many steps of Newton from a point end in: towards the mode, whatever the point.

    Its mean is where the last step ends, its precision that of the point before.
    """
    status, at = call(slot[PASS], (words, which, 1)), which
    for _ in range(steps - 1):
        if status != 0:
            break
        _step(slot, at)
        at = AWAY - HERE
        status = call(slot[PASS], (words, at, 1))
    return status


@inline
def _moved(words, slot, steps, stream):
    """One proposal for all blocks."""
    status = _approximate(words, slot, 0, steps)
    if status == 0 and not _is_number(slot):
        status = NOT_A_NUMBER
    if status != 0:
        return status
    _propose(slot, stream)
    status = _approximate(words, slot, 1, steps)
    if status == 0:
        _accept(slot, stream)
    return status


@step_kernel
def propose_coefficients(words, reals, stream):
    """Move coefficients below links: by a proposal in most sweeps, along ellipses in some, chosen evenly at random.

    While tuning, blocks that were refused several times in a row go along ellipses too: starts may lie where no
    normal law is near the density.

    reals: steps of Newton.
    """
    slot = integers(words, WIDTH)
    status = call(slot[1], (slot[2], slot[3], 0, 0))
    if status != 0:
        return status
    targets, here = integers(slot[TARGETS], slot[COEFFICIENTS]), floats(slot[HERE], slot[COEFFICIENTS])
    for i in range(slot[COEFFICIENTS]):
        here[i] = floats(targets[i], 1)[0]
    sliced = uniform(stream) < SLICE_SHARE
    status = 0 if sliced else _moved(words, slot, int(floats(reals, 1)[0]), stream)
    if status == 0 and _mark(slot, 0.0 if sliced else MOST_REFUSALS) and (sliced or slot[0] != 0):
        status = _slice(words, slot, stream)
    if status != 0:
        return status
    for i in range(slot[COEFFICIENTS]):
        floats(targets[i], 1)[0] = here[i]
    return 0


__all__ = ["IDENTITY", "LOG", "LOGIT", "PER_BLOCK", "PROBIT", "propose_coefficients", "weigh_rows"]
