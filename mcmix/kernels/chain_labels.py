"""Labels that follow a Markov chain: filter forward, draw or smooth backward, and count what follows what.

Filtered probabilities are kept up to a factor for each unit: only ratios within a unit are read. They shrink by what a
unit says at most, and are brought back to one where they become small, so that no division stands between two units.

Baum, Petrie, Soules and Weiss (1970), "A maximization technique occurring in the statistical analysis of probabilistic
functions of Markov chains"; Chib (1996), "Calculating posterior distributions and modal estimates in Markov mixture
models", Journal of Econometrics 75, section 2.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import floats, inline, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record, record_at
from mcmix.kernels.tiles import (
    HIGHEST,
    LABEL,
    PASS,
    TOTAL,
    UNIFORMS,
    exp_of_nonpositive,
    lane,
    scratch_of,
)

# Addresses: probabilities of the first state and of the next one (K, K); 1 for the first unit of each sequence, else 0;
# filtered probabilities (units, K), and for each unit the highest of its log densities and the total of its filtered
# probabilities before they were brought back; smoothed probabilities of the unit behind this one, and behind the tile;
# counts of pairs (K, K) and of first states (K).
CHAIN = record(
    "initial", "transitions", "begins", "filtered", "highest", "totals", "behind", "behind_tile", "pairs", "firsts",
)  # fmt: skip

SMALL = 1e-100  # total of filtered probabilities below which they are brought back to one


@inline
def _relative_of_two(scratch, highest, first, m):
    """As `_relative` for two states, with one exponential a unit."""
    bad, ones, twos = 0, scratch[:m], scratch[TILE : TILE + m]
    for i in range(m):
        difference = twos[i] - ones[i]
        # a state that is impossible stays so: it must not open a way that there is not
        small = exp_of_nonpositive(-abs(difference))
        small = small if abs(difference) < math.inf else 0.0
        top = twos[i] if difference > 0.0 else ones[i]
        ones[i] = small if difference > 0.0 else 1.0
        twos[i] = 1.0 if difference > 0.0 else small
        highest[first + i] = top
        bad += 0 if -math.inf < top < math.inf and difference == difference else 1
    return bad


@inline
def _relative(scratch, highest, first, m, k):
    """Turn a tile's log densities into densities relative to each unit's highest; units without one count."""
    bad = 0
    for i in range(m):
        highest[first + i] = scratch[i]
    for j in range(1, k):
        row = scratch[j * TILE : j * TILE + m]
        for i in range(m):
            highest[first + i] = row[i] if row[i] > highest[first + i] else highest[first + i]
    for j in range(k):
        row = scratch[j * TILE : j * TILE + m]
        for i in range(m):
            difference = row[i] - highest[first + i]
            relative = exp_of_nonpositive(difference)
            row[i] = relative if difference > -math.inf else 0.0
    for i in range(m):
        bad += 1 if not -math.inf < highest[first + i] < math.inf else 0
    return bad


@inline
def _filter_two(scratch, begins, initial, a, filtered, totals, first, m):
    """As `_filter` for two states, stretch by stretch of one sequence, with everything in registers."""
    a00, a01, a10, a11, bad = a[0], a[1], a[2], a[3], 0
    ones, twos = scratch[:m], scratch[TILE : TILE + m]
    f0, f1 = 1.0, 1.0
    if first > 0:
        f0, f1 = filtered[2 * first - 2], filtered[2 * first - 1]
    i = 0
    while i < m:
        end = i + 1
        while end < m and begins[first + end] == 0.0:
            end += 1
        if begins[first + i] != 0.0:  # as if the unit before had told the first state's probabilities
            f0, f1 = initial[0] * ones[i], initial[1] * twos[i]
            total = f0 + f1
            bad += 0 if total > 0.0 else 1
            totals[first + i], filtered[2 * (first + i)], filtered[2 * (first + i) + 1] = total, f0, f1
            i += 1
        for t in range(i, end):
            # densities are multiplied with the transitions first: two operations stand between two units
            own0, own1 = ones[t], twos[t]
            f0, f1 = f0 * (a00 * own0) + f1 * (a10 * own0), f0 * (a01 * own1) + f1 * (a11 * own1)
            total = f0 + f1
            totals[first + t] = total
            if not total >= SMALL:
                bad += 0 if total > 0.0 else 1
                f0, f1 = f0 / total, f1 / total
            filtered[2 * (first + t)], filtered[2 * (first + t) + 1] = f0, f1
        i = end
    return bad


@inline
def _filter(scratch, begins, initial, a, filtered, totals, first, m, k):
    """Filtered probabilities of a tile's units, up to a factor each; how many units are impossible."""
    bad = 0
    for i in range(m):
        own, total = (first + i) * k, 0.0
        start = begins[first + i] != 0.0
        for j in range(k):
            ahead_of = initial[j]
            if not start:
                ahead_of = 0.0
                for other in range(k):
                    ahead_of += filtered[own - k + other] * a[other * k + j]
            filtered[own + j] = ahead_of * scratch[j * TILE + i]
            total += filtered[own + j]
        totals[first + i] = total
        if not total >= SMALL:
            bad += 0 if total > 0.0 else 1
            for j in range(k):
                filtered[own + j] /= total
    return bad


@tile_of(PASS)
def ahead(told, words, first, m):
    """Filter a tile: what the units so far say of each unit's state."""
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, n, scratch = task.labels, task.units, scratch_of(task)
    begins, initial, a = floats(chain.begins, n), floats(chain.initial, k), floats(chain.transitions, k * k)
    filtered, totals = floats(chain.filtered, n * k), floats(chain.totals, n)
    if k == 2:
        bad = _relative_of_two(scratch, floats(chain.highest, n), first, m)
        return bad + _filter_two(scratch, begins, initial, a, filtered, totals, first, m)
    bad = _relative(scratch, floats(chain.highest, n), first, m, k)
    return bad + _filter(scratch, begins, initial, a, filtered, totals, first, m, k)


@inline
def _draw_two(begins, a, filtered, uniforms, label, behind, first, m, n):
    """As `draw` for two states: what each state behind would make of a unit is compared first, for all units alike.

    Only a choice between two answers then waits for the unit behind.
    """
    a00, a01, a10, a11 = a[0], a[1], a[2], a[3]
    for i in range(m):
        t = first + i
        f0, f1 = filtered[2 * t], filtered[2 * t + 1]
        free = t + 1 == n or begins[t + 1] != 0.0
        first_of = 1.0 if f0 * a00 < uniforms[i] * (f0 * a00 + f1 * a10) else 0.0
        second_of = 1.0 if f0 * a01 < uniforms[i] * (f0 * a01 + f1 * a11) else 0.0
        alone = 1.0 if f0 < uniforms[i] * (f0 + f1) else 0.0
        label[i] = alone if free else first_of
        uniforms[i] = alone if free else second_of
    for back in range(m):
        i = m - 1 - back
        behind = uniforms[i] if behind != 0.0 else label[i]
        label[i] = behind


@tile_of(PASS)
def draw(told, words, first, m):
    """States of a tile's units from the last to the first, given the one behind the tile."""
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, n = task.labels, task.units
    begins, a, filtered = floats(chain.begins, n), floats(chain.transitions, k * k), floats(chain.filtered, n * k)
    uniforms, label, drawn = lane(task, UNIFORMS), lane(task, LABEL), floats(task.out, n)
    end = first + m
    # the state behind the tile; beyond the last unit, and before a sequence begins, nothing is known of what follows
    behind = int(drawn[end] - task.lowest) if end < n else 0
    if k == 2:
        _draw_two(begins, a, filtered, uniforms, label, float(behind), first, m, n)
        return 0
    for back in range(m):
        t = end - 1 - back
        free = t + 1 == n or begins[t + 1] != 0.0
        total = 0.0
        for j in range(k):
            total += filtered[t * k + j] * (1.0 if free else a[j * k + behind])
        level, reached, found = uniforms[t - first] * total, 0.0, 0
        for j in range(k - 1):
            reached += filtered[t * k + j] * (1.0 if free else a[j * k + behind])
            found += 1 if reached < level else 0
        label[t - first] = found
        behind = found
    return 0


@inline
def _kept_before(filtered, begins, t, k):
    """Total of the filtered probabilities that a unit's were made from."""
    if begins[t] != 0.0:
        return 1.0
    found = 0.0
    for j in range(k):
        found += filtered[(t - 1) * k + j]
    return found


@inline
def _following(a, filtered, behind, t, k, j):
    """What the smoothed state of the next unit says of state j, relative to what the filter expected: sum over states.

    Source: the backward recursion of the smoother, p(z_t = j | all) = f_j sum_i a_ji s_i / sum_l f_l a_li.
    """
    found = 0.0
    for i in range(k):
        expected = 0.0
        for other in range(k):
            expected += filtered[t * k + other] * a[other * k + i]
        found += a[j * k + i] * behind[i] / expected if behind[i] > 0.0 else 0.0
    return found


@tile_of(PASS)
def expect(told, words, first, m):
    """Smoothed probabilities of a tile's units, from the last to the first, and their log densities given the past."""
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, n, scratch = task.labels, task.units, scratch_of(task)
    begins, a, filtered = floats(chain.begins, n), floats(chain.transitions, k * k), floats(chain.filtered, n * k)
    behind, behind_tile = floats(chain.behind, k), floats(chain.behind_tile, k)
    highest, total = lane(task, HIGHEST), lane(task, TOTAL)
    highest_of, totals = floats(chain.highest, n), floats(chain.totals, n)
    for j in range(k):
        behind_tile[j] = behind[j]
    for back in range(m):
        i = m - 1 - back
        t = first + i
        highest[i], total[i] = highest_of[t], totals[t] / _kept_before(filtered, begins, t, k)
        free = t + 1 == n or begins[t + 1] != 0.0
        whole = 0.0
        for j in range(k):
            own = filtered[t * k + j] * (1.0 if free else _following(a, filtered, behind, t, k, j))
            scratch[j * TILE + i] = own
            whole += own
        for j in range(k):
            scratch[j * TILE + i] = scratch[j * TILE + i] / whole if whole > 0.0 else 1.0 / k
        for j in range(k):
            behind[j] = scratch[j * TILE + i]
    return 0


@inline
def _count_two(drawn, begins, lowest, pairs, firsts, first, m, n):
    """As `count_pairs` for two states, by sums that need no look-up."""
    both, before, after, moves, began, ones = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for t in range(first, first + m):
        began += begins[t]
        ones += begins[t] * (drawn[t] - lowest)
    for t in range(first, min(first + m, n - 1)):
        follows, own, follower = 1.0 - begins[t + 1], drawn[t] - lowest, drawn[t + 1] - lowest
        moves += follows
        before += follows * own
        after += follows * follower
        both += follows * own * follower
    firsts[0] += began - ones
    firsts[1] += ones
    pairs[0] += moves - before - after + both
    pairs[1] += after - both
    pairs[2] += before - both
    pairs[3] += both


@tile_of(PASS)
def count_pairs(told, words, first, m):
    """Add a tile's known states: first ones of sequences, and which follows which."""
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, n = task.labels, task.units
    drawn, begins = floats(task.out, n), floats(chain.begins, n)
    pairs, firsts = floats(chain.pairs, k * k), floats(chain.firsts, k)
    if k == 2:
        _count_two(drawn, begins, task.lowest, pairs, firsts, first, m, n)
        return 0
    for t in range(first, first + m):
        own = int(drawn[t] - task.lowest)
        if begins[t] != 0.0:
            firsts[own] += 1.0
        if t + 1 < n and begins[t + 1] == 0.0:
            pairs[own * k + int(drawn[t + 1] - task.lowest)] += 1.0
    return 0


@tile_of(PASS)
def expect_pairs(told, words, first, m):
    """Add a tile's smoothed probabilities of first states and of pairs."""
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, n, scratch = task.labels, task.units, scratch_of(task)
    begins, a, filtered = floats(chain.begins, n), floats(chain.transitions, k * k), floats(chain.filtered, n * k)
    pairs, firsts, behind_tile = floats(chain.pairs, k * k), floats(chain.firsts, k), floats(chain.behind_tile, k)
    for i in range(m):
        t = first + i
        for j in range(k):
            firsts[j] += scratch[j * TILE + i] if begins[t] != 0.0 else 0.0
        if t + 1 == n or begins[t + 1] != 0.0:
            continue
        for j in range(k):
            behind = scratch[j * TILE + i + 1] if i + 1 < m else behind_tile[j]
            expected = 0.0
            for other in range(k):
                expected += filtered[t * k + other] * a[other * k + j]
            for other in range(k if behind > 0.0 else 0):
                pairs[other * k + j] += filtered[t * k + other] * a[other * k + j] * behind / expected
    return 0


__all__ = ["CHAIN", "ahead", "count_pairs", "draw", "expect", "expect_pairs"]
