"""Rows of vectors with missing coordinates in the pass: integrated out of densities, drawn once labels are known.

With P the precision of a component, M the missing coordinates of a row and any stand-in for them, let r be the entries
M of P (x - mean) and P_MM = L L'. The density of the other coordinates is that of the whole row times (2 pi)^(|M| / 2)
exp(|v|^2 / 2) / |L|, with v = L^-1 r; and given those, the missing ones are the stand-in plus L'^-1 (noise - v), noise
standard normal (Rue and Held 2005, theorem 2.5). Neither costs more than a few products of a row's own size.

Rows with gaps are visited by tile and, inside it, by pattern, so that a Cholesky factor serves every row of its pattern
in a tile.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import floats, helper, inline, integers
from mcmix.kernels.machine import TILE
from mcmix.kernels.random import LANES, fill_uniforms
from mcmix.kernels.records import record

# Where each tile's rows with gaps start, the rows, and of each the number of its pattern, its first missing entry and
# how many; the coordinates of all missing entries, and the entries themselves (row after row); shared workspace;
# whether they are integrated out of the hard pass too.
GAPS = record("tiles", "rows", "patterns", "starts", "counts", "coordinates", "entries", "workspace", "integrated")

TWO_PI = 6.283185307179586
HALF_LOG_TWO_PI = 0.9189385332046727


def space_size(n_labels: int, d: int) -> int:
    """Doubles of workspace: a tile by column and by row, noise, and precisions and linear terms of all components."""
    return 3 * d * TILE + 2 * LANES + n_labels * (d * d + d) + d * d + d


@inline
def _rows_of(gap, d):
    """The tile by column and by row, and room for noise."""
    space = floats(gap.workspace, 3 * d * TILE + 2 * LANES)
    return space, space[d * TILE :], space[2 * d * TILE :]


@inline
def _components_of(gap, d, n_labels):
    """Precisions, linear terms, room for a factor and a vector."""
    size = n_labels * (d * d + d) + d * d + d
    precisions = floats(gap.workspace + 8 * (3 * d * TILE + 2 * LANES), size)
    linear = precisions[n_labels * d * d :]
    factor = linear[n_labels * d :]
    return precisions, linear, factor, factor[d * d :]


@inline
def _listed(gap, first):
    """Rows with gaps of a tile: first and end of their list, rows, patterns, first entries and numbers of entries."""
    tiles = integers(gap.tiles + 8 * (first // TILE), 2)
    end = tiles[1]
    rows, patterns = integers(gap.rows, end), integers(gap.patterns, end)
    return tiles[0], end, rows, patterns, integers(gap.starts, end), integers(gap.counts, end)


@inline
def tile_at(gap, d):
    """The rows of the tile that was loaded last, column by column, TILE apart."""
    return floats(gap.workspace, d * TILE)


@helper()
def prepare_gaps(gap, whitening, offsets, n_labels, d):
    """Precision P = W' W and linear term P (mean - shift) = -W' c of every component: once a pass."""
    precisions, linear, _, _ = _components_of(gap, d, n_labels)
    for k in range(n_labels):
        w, precision = whitening[k * d * d :], precisions[k * d * d :]
        for i in range(d):
            linear[k * d + i] = 0.0
            for j in range(d):
                precision[i * d + j] = 0.0
        for a in range(d):
            for i in range(d):
                left = w[a * d + i]
                if left != 0.0:
                    linear[k * d + i] -= left * offsets[k * d + a]
                    for j in range(d):
                        precision[i * d + j] += left * w[a * d + j]


@helper()
def load_tile(gap, columns, shift, rows, first, m, d, drawn):
    """Copy a tile's rows, with zeros or the drawn entries in their gaps, by column and (those with gaps) by row."""
    tile, by_row, _ = _rows_of(gap, d)
    for j in range(d):
        for i in range(m):
            tile[j * TILE + i] = columns[j * rows + first + i]
    start, end, rows_at, _, starts, counts = _listed(gap, first)
    for g in range(start, end):
        i = rows_at[g] - first
        if drawn:
            missing = integers(gap.coordinates + 8 * starts[g], counts[g])
            entries = floats(gap.entries + 8 * starts[g], counts[g])
            for a in range(counts[g]):
                tile[missing[a] * TILE + i] = entries[a] - shift[missing[a]]
        for j in range(d):
            by_row[i * d + j] = tile[j * TILE + i]


@helper({"contract", "reassoc", "nsz"})
def _product(row, x, d):
    total = 0.0
    for j in range(d):
        total += row[j] * x[j]
    return total


@inline
def _residual(precision, linear, x, missing, count, d, v):
    """Entries M of P (x - mean)."""
    for a in range(count):
        v[a] = _product(precision[missing[a] * d :], x, d) - linear[missing[a]]


@inline
def _factored(precision, missing, count, d, factor):
    """Cholesky factor of P_MM with the reciprocals of its diagonal, and its log determinant (NaN: there is none)."""
    logs, product = 0.0, 1.0
    for a in range(count):
        row = precision[missing[a] * d :]
        for b in range(a + 1):
            entry = row[missing[b]]
            for c in range(b):
                entry -= factor[a * count + c] * factor[b * count + c]
            if b < a:
                factor[a * count + b] = entry * factor[b * count + b]
            else:
                if not entry > 0.0:
                    return math.nan
                # Reciprocals, so that the solves for every row of the pattern multiply instead of dividing.
                factor[a * count + a] = 1.0 / math.sqrt(entry)
                product *= entry
        # A running product saves logarithms; it is taken before it leaves the range of doubles.
        if not 1e-100 < product < 1e100:
            logs += math.log(product)
            product = 1.0
    return 0.5 * (logs + math.log(product))


@inline
def _below(factor, v, count):
    """Solve L v = v in place."""
    for a in range(count):
        total = v[a]
        for b in range(a):
            total -= factor[a * count + b] * v[b]
        v[a] = total * factor[a * count + a]


@inline
def _above(factor, v, count):
    """Solve L' v = v in place."""
    for a in range(count - 1, -1, -1):
        total = v[a]
        for b in range(a + 1, count):
            total -= factor[b * count + a] * v[b]
        v[a] = total * factor[a * count + a]


@helper()
def add_marginals(gap, out, first, d, k, n_labels):
    """Take the gaps' part out of the log densities of a tile's rows under component k."""
    _, by_row, _ = _rows_of(gap, d)
    precisions, linear, factor, v = _components_of(gap, d, n_labels)
    precision, mean_part = precisions[k * d * d :], linear[k * d :]
    start, end, rows_at, patterns, starts, counts = _listed(gap, first)
    before, logs = -1, 0.0
    for g in range(start, end):
        count, i = counts[g], rows_at[g] - first
        missing = integers(gap.coordinates + 8 * starts[g], count)
        # Rows of a tile are listed pattern by pattern.
        if patterns[g] != before:
            logs = _factored(precision, missing, count, d, factor)
            before = patterns[g]
        if logs != logs:
            out[i] = -math.inf
            continue
        _residual(precision, mean_part, by_row[i * d :], missing, count, d, v)
        _below(factor, v, count)
        total = 0.0
        for a in range(count):
            total += v[a] * v[a]
        # log p(observed) = log p(all) - log p(missing | observed). At the stand-ins the last is log |L| - |v|**2 / 2 -
        # |M| / 2 log(2 pi).
        out[i] += 0.5 * total - logs + count * HALF_LOG_TWO_PI


@helper()
def _fill_normals(state, noise, n):
    """Standard normals from pairs of uniforms (Box and Muller 1958)."""
    even = n + n % 2
    fill_uniforms(state, noise, even)
    for a in range(0, even, 2):
        radius, angle = math.sqrt(-2.0 * math.log(noise[a])), TWO_PI * noise[a + 1]
        noise[a], noise[a + 1] = radius * math.cos(angle), radius * math.sin(angle)


@helper()
def draw_gaps(gap, shift, label, state, first, d, n_labels):
    """Draw the missing coordinates of a tile's rows, given labels, into the tile and the entries; whether it went."""
    tile, by_row, noise = _rows_of(gap, d)
    precisions, linear, factor, v = _components_of(gap, d, n_labels)
    start, end, rows_at, _, starts, counts = _listed(gap, first)
    needed = 0
    for g in range(start, end):
        needed += counts[g]
    _fill_normals(state, noise, needed)
    used = 0
    for g in range(start, end):
        count, i = counts[g], rows_at[g] - first
        k = int(label[i])
        missing = integers(gap.coordinates + 8 * starts[g], count)
        entries = floats(gap.entries + 8 * starts[g], count)
        logs = _factored(precisions[k * d * d :], missing, count, d, factor)
        if logs != logs:
            return False
        _residual(precisions[k * d * d :], linear[k * d :], by_row[i * d :], missing, count, d, v)
        _below(factor, v, count)
        for a in range(count):
            # Stand-in + L'**-1 (noise - L**-1 r): mean stand-in - P_MM**-1 r, covariance P_MM**-1.
            v[a] = noise[used + a] - v[a]
        used += count
        _above(factor, v, count)
        for a in range(count):
            j = missing[a]
            tile[j * TILE + i] = by_row[i * d + j] + v[a]
            entries[a] = tile[j * TILE + i] + shift[j]
    return True


@helper()
def expect_gaps(gap, weight, squares, first, d, k, n_labels):
    """Put expected coordinates under component k into a tile's gaps; add their weighted covariances to the products."""
    tile, by_row, column = _rows_of(gap, d)
    precisions, linear, factor, v = _components_of(gap, d, n_labels)
    precision = precisions[k * d * d :]
    start, end, rows_at, patterns, starts, counts = _listed(gap, first)
    for g in range(start, end):
        count, i = counts[g], rows_at[g] - first
        missing = integers(gap.coordinates + 8 * starts[g], count)
        logs = _factored(precision, missing, count, d, factor)
        if logs != logs:
            continue
        _residual(precision, linear[k * d :], by_row[i * d :], missing, count, d, v)
        _below(factor, v, count)
        _above(factor, v, count)
        for a in range(count):
            # E(x_M | x_O) = stand-in - P_MM**-1 r
            tile[missing[a] * TILE + i] = by_row[i * d + missing[a]] - v[a]
        # E(x x') = E(x) E(x)' + Cov(x), and Cov(x_M | x_O) = P_MM**-1: without it, variances would be too small (the
        # E-step of a normal distribution with missing data; Little and Rubin 2002, "Statistical analysis with missing
        # data").
        for b in range(count):
            for a in range(count):
                column[a] = 1.0 if a == b else 0.0
            _below(factor, column, count)
            _above(factor, column, count)
            for a in range(b, count):
                squares[missing[a] * d + missing[b]] += weight[i] * column[a]
