"""Coefficients below a link: moves along a normal distribution near the rows' own, by blocks, and slices.

Rows with counts, or with yes and no, say of their linear predictor e a log density l(e); about a point it is a
parabola of slope l'(e) and curvature -l''(e), so that rows there are as normal ones of precision -l'' and working value
e - l' / l'' (iterated weighted least squares: Gamerman 1997, "Sampling from the posterior distribution in generalized
linear mixed models"). Its fixed point, the mode, with the curvature there is a normal distribution that does not depend
on where the coefficients are. A Hamiltonian step turns them by a quarter about it, which draws them anew from a normal
density, and two half kicks by the gradient of what the density is beside it correct for the rest (Shahbaba, Lan,
Johnson and Neal 2014, "Split Hamiltonian Monte Carlo"); the error of the energy decides. A row belongs to one block, so
blocks move on their own.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import AddressedKernel, call, floats, helper, inline, integers, step_of
from mcmix.kernels.coefficients import _add_row, _copy, _made_whole, _met, _prior_at, _prior_gradient, _trouble
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.link_functions import _row
from mcmix.kernels.machine import BAD_INDEX, TILE
from mcmix.kernels.random import standard_exponential, standard_normal, uniform
from mcmix.kernels.records import RUN, record, record_at, record_in

# What the step is told: addresses and sizes. `here`, `there` and `away` are the points that a pass may be asked about.
TASK = record(
    *RUN, "coefficients", "blocks", "block_sizes", "children", "child_table", "precision", "entries", "linear", "order",
    "row_starts", "targets", "work", "row_pass", "block_of", "here", "there", "away", "modes", "steps", "momenta",
    "matrices", "factors", "means", "by_block", "factor", "turn", "counter",
)  # fmt: skip
AT_HERE, AT_THERE, AT_AWAY = range(3)

# A child as in `coefficients`: its columns are the two numbers of a row, the known part of its predictor, then slope
# and number of each term.
CHILD = record("program", "length", "rows", "terms", "columns", "link")

# Per block, at BY_BLOCK: log density of its rows here, there and away; the log density at the best point on the way to
# the mode, and how far that is (SOUGHT, FOUND, or NOWHERE: no normal distribution); the energy here, refusals in a row;
# of slices: the level, whether it still turns, and the ends and the present one of its angles.
VALUE_HERE, VALUE_THERE, VALUE_AWAY, BEST, SEARCH, ENERGY, REFUSALS, LEVEL, TURNS, LOW, HIGH, ANGLE = range(12)
PER_BLOCK = 12
SOUGHT, FOUND, NOWHERE = 0.0, 1.0, 2.0

VALUES, PRODUCTS, GRADIENT = range(3)  # what a pass over the rows makes

SLICE_SHARE = 1.0 / 32.0  # of sweeps that move along an ellipse: where proposals are refused for long, those still move
MOST_REFUSALS = 3  # in a row, before a block is moved along an ellipse while tuning
MOST_TURNS = 200
MOST_NEWTON = 40  # passes over the rows on the way to the mode
NEAR = 0.1  # squared length of a step, in the precision of its end, after which the mode is found
QUARTER = 0.5 * math.pi
FORGETTING = 0.05  # weight of the last point in the mean, from where the mode is sought


@inline
def _point(task, which):
    """Where the coefficients of a point stand."""
    if which == AT_HERE:
        return task.here
    return task.there if which == AT_THERE else task.away


@inline
def _distribution(task):
    """Where precision matrices and linear parts of the normal approximation are made."""
    return floats(task.matrices, task.entries), floats(task.means, task.coefficients)


@inline
def _add_child(task, child, which, makes):
    """Add what the rows of a child say at a point."""
    m, rows, terms = task.coefficients, child.rows, child.terms
    columns = floats(child.columns, (3 + 2 * terms) * TILE)
    order, row_starts, block_of = integers(task.order, m), integers(task.row_starts, m), integers(task.block_of, m)
    point, (precision, linear) = floats(_point(task, which), m), _distribution(task)
    by_block = floats(task.by_block, PER_BLOCK * task.blocks)
    slopes, places = floats(task.work, terms), integers(task.work + 8 * terms, terms)
    for start in range(0, rows, TILE):
        tile = min(TILE, rows - start)
        status = call(task.machine, (child.program, child.length, start, tile))
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
            value, slope, bend = _row(child.link, columns[i], columns[TILE + i], columns[2 * TILE + i] + own)
            # All coefficients of a row are in one block, so its first one tells which.
            by_block[PER_BLOCK * block_of[places[0]] + VALUE_HERE + which] += value
            if makes == GRADIENT:
                for a in range(n):
                    linear[places[a]] += slope * slopes[a]
            if makes == PRODUCTS:
                for a in range(n):
                    # Precision bend times working value own + slope / bend: P**-1 h is then the point of the next
                    # Newton step.
                    linear[places[a]] += (slope + bend * own) * slopes[a]
                _add_row(bend, slopes, places, n, row_starts, precision)
    return 0


def _weigh(words, which, makes):
    """Log density of all rows, block by block, at a point; on demand the normal distribution there, or the gradient."""
    task = record_at(words, TASK)
    by_block = floats(task.by_block, PER_BLOCK * task.blocks)
    for b in range(task.blocks):
        by_block[PER_BLOCK * b + VALUE_HERE + which] = 0.0
    precision, linear = _distribution(task)
    if makes == PRODUCTS:
        _copy(precision, floats(task.precision, task.entries), 0, task.entries)
    if makes != VALUES:
        _copy(linear, floats(task.linear, task.coefficients), 0, task.coefficients)
    for j in range(task.children):
        child = record_in(task.child_table, j, CHILD)
        status = _add_child(task, child, which, makes)
        if status != 0:
            return status
    return 0


weigh_rows = AddressedKernel(_weigh, 3)


@inline
def _mean_of(matrix, linear, factor, d):
    """Turn a linear part into the mean; log determinant of the factor, or NaN where there is no normal distribution."""
    _made_whole(matrix, d)
    logs = cholesky(matrix, factor, d)
    if logs == logs:
        solved_below(factor, linear, d)
        solved_above(factor, linear, d)
    return logs


@inline
def _is_number(task):
    """Whether the log density is a number here, for each block."""
    by_block = floats(task.by_block, PER_BLOCK * task.blocks)
    for b in range(task.blocks):
        if by_block[PER_BLOCK * b + VALUE_HERE] != by_block[PER_BLOCK * b + VALUE_HERE]:
            return False
    return True


@helper({"contract"})
def _begin(task, reals):
    """Where modes are sought from: the mean of past points if there is one, else that of the prior."""
    m = task.coefficients
    away, past = floats(task.away, m), floats(reals, m + 1)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, matrix = 0, 0
    for b in range(task.blocks):
        d = sizes[b]
        by_block[PER_BLOCK * b + BEST], by_block[PER_BLOCK * b + SEARCH] = -math.inf, SOUGHT
        # Where the search starts must not depend on the present point. Else the mode that it finds could depend on it
        # too, and the proposal back would be from another normal distribution: the ratio would not be exact.
        if past[m] > 0.0:
            _copy(away, past, first, d)
        else:
            own, centre = floats(task.matrices, d * d), away[first : first + d]
            _copy(own, floats(task.precision + 8 * matrix, d * d), 0, d * d)
            _copy(centre, floats(task.linear + 8 * first, d), 0, d)
            if not _mean_of(own, centre, floats(task.factor, d * d), d) > -math.inf:
                return _trouble(own, d)
        first += d
        matrix += d * d
    return 0


@helper({"contract"})
def _advance(task):
    """One step of Newton for each block whose mode is sought, halved where the last went down; how many are left."""
    m = task.coefficients
    away, modes, steps = floats(task.away, m), floats(task.modes, m), floats(task.steps, m)
    (matrices, means), factors = _distribution(task), floats(task.factors, task.entries)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, matrix, left = 0, 0, 0
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + SEARCH] == SOUGHT:
            value = by_block[own + VALUE_AWAY] + _prior_at(task, away, first, matrix, d)
            # The slack is for rounding: at the mode the sum over rows may come out a little lower than before.
            if value >= by_block[own + BEST] - 1e-9 * abs(value) and value > -math.inf:
                factor, mean = floats(task.factor, d * d), means[first : first + d]
                logs = _mean_of(matrices[matrix : matrix + d * d], mean, factor, d)
                if logs == logs and abs(logs) < math.inf:
                    by_block[own + BEST] = value
                    _copy(factors[matrix:], factor, 0, d * d)
                    _copy(modes, away, first, d)
                    for i in range(d):
                        steps[first + i] = mean[i] - away[first + i]
                    # step' P step, the squared Newton decrement
                    if -2.0 * _distance(factor, steps[first : first + d], floats(task.work, d), d) < NEAR:
                        by_block[own + SEARCH] = FOUND
                        _copy(modes, means, first, d)
                else:
                    value = math.nan
            if not value >= by_block[own + BEST] - 1e-9 * abs(value):
                for i in range(first, first + d):
                    steps[i] *= 0.5
            if by_block[own + BEST] == -math.inf:
                by_block[own + SEARCH] = NOWHERE
            if by_block[own + SEARCH] == SOUGHT:
                for i in range(first, first + d):
                    away[i] = modes[i] + steps[i]
                left += 1
        first += d
        matrix += d * d
    return left


@inline
def _distance(factor, x, work, d):
    """L' x for a lower factor L, and -1/2 of its square."""
    total = 0.0
    for i in range(d):
        work[i] = 0.0
        for j in range(i, d):
            work[i] += factor[j * d + i] * x[j]
        total -= 0.5 * work[i] * work[i]
    return total


@helper({"contract"})
def _find_modes(words, task, reals):
    """The normal distribution of each block at its mode, whatever the present point is."""
    status, left = _begin(task, reals), 1
    for _ in range(MOST_NEWTON):
        if status != 0 or left == 0:
            break
        status = call(task.row_pass, (words, AT_AWAY, PRODUCTS))
        left = _advance(task)
    return status


@inline
def _kick(task, v, momentum, first, matrix, d, place):
    """Half a kick by the gradient of what the density at v is beside the normal one; `place` gets v's own coordinate.

    Everything is in coordinates in which that distribution is the standard one.
    """
    m = task.coefficients
    factor, modes = floats(task.factors + 8 * matrix, d * d), floats(task.modes, m)
    _, gradient = _distribution(task)
    _prior_gradient(task, v, gradient, first, matrix, d)
    # With z = L' (v - mode) the normal part of the log density is -z' z / 2, so the rest has gradient L**-1 grad + z
    # there. The step has length pi / 2, a kick half of that.
    own, away = gradient[first : first + d], floats(task.away, m)
    solved_below(factor, own, d)
    for i in range(first, first + d):
        away[i] = v[i] - modes[i]
    _distance(factor, away[first : first + d], place, d)
    for i in range(d):
        momentum[first + i] += 0.5 * QUARTER * (own[i] + place[i])


@helper({"contract"})
def _propose(task, stream):
    """Kick and turn each block by a quarter about its mode; where it has no normal distribution, the block stays."""
    m = task.coefficients
    here, there, modes = floats(task.here, m), floats(task.there, m), floats(task.modes, m)
    momenta, place = floats(task.momenta, m), floats(task.work, m)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, matrix = 0, 0
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        _copy(there, here, first, d)
        if by_block[own + SEARCH] != NOWHERE:
            factor = floats(task.factors + 8 * matrix, d * d)
            # Minus the Hamiltonian: log density less half of the squared momentum.
            by_block[own + ENERGY] = by_block[own + VALUE_HERE] + _prior_at(task, here, first, matrix, d)
            for i in range(first, first + d):
                momenta[i] = standard_normal(stream)
                by_block[own + ENERGY] -= 0.5 * momenta[i] * momenta[i]
            _kick(task, here, momenta, first, matrix, d, place)
            for i in range(d):  # a quarter turn: place and momentum change parts
                there[first + i] = momenta[first + i]
                momenta[first + i] = -place[i]
            solved_above(factor, there[first : first + d], d)
            for i in range(first, first + d):
                there[i] += modes[i]
        first += d
        matrix += d * d


@helper({"contract"})
def _accept(task, stream):
    """Move the blocks whose energy is kept well enough; those refused are counted."""
    m = task.coefficients
    here, there, momenta = floats(task.here, m), floats(task.there, m), floats(task.momenta, m)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    counter = floats(task.counter, 2)
    first, matrix = 0, 0
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        accepted = False
        if by_block[own + SEARCH] != NOWHERE:
            # The quarter turn keeps the energy of the normal part exactly; only what the kicks leave over is an error.
            change = by_block[own + VALUE_THERE] + _prior_at(task, there, first, matrix, d) - by_block[own + ENERGY]
            _kick(task, there, momenta, first, matrix, d, floats(task.work, m))
            for i in range(first, first + d):
                change -= 0.5 * momenta[i] * momenta[i]
            # The log of a uniform number is minus a standard exponential one.
            accepted = change > -standard_exponential(stream)
        counter[0] += 1.0
        if accepted:
            counter[1] += 1.0
            _copy(here, there, first, d)
        by_block[own + REFUSALS] = 0.0 if accepted else by_block[own + REFUSALS] + 1.0
        first += d
        matrix += d * d


@helper({"contract"})
def _ellipses(task, stream):
    """Centre and second axis of each block's ellipse, both from the prior, and its slice; 0 where all is well."""
    m = task.coefficients
    centres, axes = floats(task.turn, m), floats(task.turn + 8 * m, m)
    matrices, _ = _distribution(task)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, matrix = 0, 0
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + TURNS] != 0.0:
            factor, prior = floats(task.factor, d * d), matrices[matrix : matrix + d * d]
            _copy(prior, floats(task.precision + 8 * matrix, d * d), 0, d * d)
            _made_whole(prior, d)
            if not cholesky(prior, factor, d) > -math.inf:
                return _trouble(prior, d)
            centre, axis = centres[first : first + d], axes[first : first + d]
            _copy(centre, floats(task.linear + 8 * first, d), 0, d)
            solved_below(factor, centre, d)
            solved_above(factor, centre, d)
            for i in range(d):
                axis[i] = standard_normal(stream)
            solved_above(factor, axis, d)
            # The slice is one of the likelihood alone: the ellipse is made of prior draws, which accounts for the
            # prior.
            by_block[own + LEVEL] = by_block[own + VALUE_HERE] - standard_exponential(stream)
            by_block[own + ANGLE] = 2.0 * math.pi * uniform(stream)
            by_block[own + LOW] = by_block[own + ANGLE] - 2.0 * math.pi
            by_block[own + HIGH] = by_block[own + ANGLE]
        first += d
        matrix += d * d
    return 0


@helper({"contract"})
def _turn(task):
    """Blocks that still turn at their present angle, there."""
    m = task.coefficients
    centres, axes = floats(task.turn, m), floats(task.turn + 8 * m, m)
    here, there = floats(task.here, m), floats(task.there, m)
    block_of, by_block = integers(task.block_of, m), floats(task.by_block, PER_BLOCK * task.blocks)
    for i in range(m):
        own = PER_BLOCK * block_of[i]
        there[i] = here[i]
        if by_block[own + TURNS] != 0.0:
            angle = by_block[own + ANGLE]
            # v(t) = m + (v - m) cos t + nu sin t, with nu from the prior about its mean m; t = 0 is the present point.
            there[i] = centres[i] + (here[i] - centres[i]) * math.cos(angle) + axes[i] * math.sin(angle)


@helper({"contract"})
def _settle(task, stream):
    """Move the blocks that are on their slices, and shorten the others' angles; how many still turn."""
    m = task.coefficients
    here, there = floats(task.here, m), floats(task.there, m)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, left = 0, 0
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + TURNS] != 0.0:
            if by_block[own + VALUE_THERE] > by_block[own + LEVEL]:
                _copy(here, there, first, d)
                by_block[own + TURNS] = 0.0
            else:
                # The bracket shrinks towards angle 0, which is on the slice: the loop ends.
                end = LOW if by_block[own + ANGLE] < 0.0 else HIGH
                by_block[own + end] = by_block[own + ANGLE]
                by_block[own + ANGLE] = by_block[own + LOW] + uniform(stream) * (
                    by_block[own + HIGH] - by_block[own + LOW]
                )
                left += 1
        first += d
    return left


@helper({"contract"})
def _slice(words, task, stream):
    """Move marked blocks along ellipses through prior draws (Murray, Adams and MacKay 2010, figure 2)."""
    status = call(task.row_pass, (words, 0, VALUES))
    if status == 0:
        status = _ellipses(task, stream) if _is_number(task) else NOT_A_NUMBER
    left = 1
    for _ in range(MOST_TURNS):
        if status != 0 or left == 0:
            break
        _turn(task)
        status = call(task.row_pass, (words, 1, VALUES))
        left = _settle(task, stream)
    return status


@inline
def _mark(task, refusals):
    """Mark the blocks that were refused so often in a row; whether there are some."""
    by_block, some = floats(task.by_block, PER_BLOCK * task.blocks), False
    for b in range(task.blocks):
        marked = by_block[PER_BLOCK * b + REFUSALS] >= refusals
        by_block[PER_BLOCK * b + TURNS] = 1.0 if marked else 0.0
        some = some or marked
    return some


@helper({"contract"})
def _moved(words, task, reals, stream):
    """One proposal for all blocks."""
    status = _find_modes(words, task, reals)
    if status == 0:
        status = call(task.row_pass, (words, 0, GRADIENT))
    if status == 0 and not _is_number(task):
        status = NOT_A_NUMBER
    if status != 0:
        return status
    _propose(task, stream)
    status = call(task.row_pass, (words, 1, GRADIENT))
    if status == 0:
        _accept(task, stream)
    return status


@inline
def _remember(task, reals):
    """Add the present point to the mean of past ones; early ones are forgotten."""
    m = task.coefficients
    past, here = floats(reals, m + 1), floats(task.here, m)
    past[m] += 1.0
    for i in range(m):
        past[i] += max(1.0 / past[m], FORGETTING) * (here[i] - past[i])


@helper({"contract"})
def _restart(task, reals):
    """While tuning, begin anew at the mode where a block was refused for long, and seek modes from the prior again."""
    here, modes = floats(task.here, task.coefficients), floats(task.modes, task.coefficients)
    sizes, by_block = integers(task.block_sizes, task.blocks), floats(task.by_block, PER_BLOCK * task.blocks)
    first, some = 0, False
    for b in range(task.blocks):
        d, own = sizes[b], PER_BLOCK * b
        if by_block[own + REFUSALS] >= MOST_REFUSALS:
            some = True
            if by_block[own + SEARCH] == FOUND:
                _copy(here, modes, first, d)
                by_block[own + REFUSALS] = 0.0
        first += d
    if some:
        floats(reals, task.coefficients + 1)[task.coefficients] = 0.0
    return some


@step_of(TASK)
def propose_coefficients(words, reals, stream):
    """Move coefficients below links: by a proposal in most sweeps, along ellipses in some, chosen evenly at random.

    While tuning, blocks that were refused several times in a row go to their modes, or along ellipses where none is
    found: starts may lie where no normal distribution is near the density.

    reals: the mean of past points, learned while tuning, and how many they are.
    """
    task = record_at(words, TASK)
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    targets, here = integers(task.targets, task.coefficients), floats(task.here, task.coefficients)
    for i in range(task.coefficients):
        here[i] = floats(targets[i], 1)[0]
    sliced = uniform(stream) < SLICE_SHARE
    status = 0 if sliced else _moved(words, task, reals, stream)
    again = status == 0 and task.tuning != 0 and not sliced and _restart(task, reals)
    if status == 0 and _mark(task, 0.0 if sliced else MOST_REFUSALS) and (sliced or task.tuning != 0):
        status = _slice(words, task, stream)
    if status != 0:
        return status
    if task.tuning != 0 and not again:
        _remember(task, reals)
    for i in range(task.coefficients):
        floats(targets[i], 1)[0] = here[i]
    return 0


__all__ = ["PER_BLOCK", "propose_coefficients", "weigh_rows"]
