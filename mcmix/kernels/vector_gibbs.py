"""Exact draws of vectors and matrices from their natural parameters."""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, inline, step_of
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import IMPOSSIBLE, NOT_A_NUMBER
from mcmix.kernels.random import standard_gamma, standard_normal
from mcmix.kernels.records import RUN, record, record_at

# So many draws of a dimension d from two natural parameters; the workspace has 3 d * d + d doubles.
VECTORS = record(*RUN, "count", "dimension", "first", "second", "out", "workspace")


@inline
def _broken(matrix, d):
    """Why a matrix has no Cholesky factor."""
    for i in range(d * d):
        if matrix[i] != matrix[i] or abs(matrix[i]) == math.inf:
            return NOT_A_NUMBER
    return IMPOSSIBLE


@step_of(VECTORS)
def draw_vectors(words, reals, stream):
    """Vectors with density proportional to exp(-v' P v / 2 + h' v): P is `first`, h `second` (Rue and Held 2005)."""
    task = record_at(words, VECTORS)
    n, d = task.count, task.dimension
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    factor = floats(task.workspace, d * d)
    for k in range(n):
        precision, linear = floats(task.first + 8 * k * d * d, d * d), floats(task.second + 8 * k * d, d)
        out = floats(task.out + 8 * k * d, d)
        # P = L L'. Solving L w = h and then L' v = w + noise gives v = P**-1 h + L'**-1 noise, whose covariance is (L
        # L')**-1.
        logs = cholesky(precision, factor, d)
        if logs != logs:
            return _broken(precision, d)
        for i in range(d):
            out[i] = linear[i]
        solved_below(factor, out, d)
        for i in range(d):
            out[i] += standard_normal(stream)
        solved_above(factor, out, d)
    return 0


@inline
def _fill_bartlett(lower, freedom, stream, d):
    """Bartlett's factor A: standard normals below the diagonal, roots of chi-squares with n - i degrees on it."""
    for i in range(d):
        for j in range(d):
            if j < i:
                lower[i * d + j] = standard_normal(stream)
            elif j == i:
                # A chi-square with m degrees of freedom is twice a gamma draw of shape m / 2.
                lower[i * d + j] = math.sqrt(2.0 * standard_gamma(stream, 0.5 * (freedom - i)))
            else:
                lower[i * d + j] = 0.0


@inline
def _fill_squares(rows, out, d):
    """The products of all pairs of rows: rows times its transpose."""
    for i in range(d):
        for j in range(i + 1):
            total = 0.0
            for m in range(d):
                total += rows[i * d + m] * rows[j * d + m]
            out[i * d + j] = total
            out[j * d + i] = total


@step_of(VECTORS)
def draw_matrices(words, reals, stream):
    """Wishart matrices, density proportional to |X|**f exp(-tr(T X) / 2): f is `first`, T `second`.

    Bartlett's decomposition (Smith and Hocking 1972): X = B B' with B = L'**-1 A, T = L L', A lower triangular with
    standard normals below the diagonal and roots of chi-squares with n - i degrees of freedom on it, i = 0 .. d - 1;
    n = 2 f + d + 1.
    """
    task = record_at(words, VECTORS)
    n, d = task.count, task.dimension
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    work = floats(task.workspace, 3 * d * d + d)
    factor, lower, column = work, work[d * d :], work[2 * d * d :]
    powers = floats(task.first, n)
    for k in range(n):
        inverse, out = floats(task.second + 8 * k * d * d, d * d), floats(task.out + 8 * k * d * d, d * d)
        # f = (n - d - 1) / 2
        freedom = 2.0 * powers[k] + d + 1.0
        logs = cholesky(inverse, factor, d)
        # There is a density for n > d - 1 only.
        if logs != logs or not freedom > d - 1.0:
            return _broken(inverse, d)
        _fill_bartlett(lower, freedom, stream, d)
        for j in range(d):
            for i in range(d):
                column[i] = lower[i * d + j]
            # Column j of B = L'**-1 A takes the place of column j of A.
            solved_above(factor, column, d)
            for i in range(d):
                lower[i * d + j] = column[i]
        _fill_squares(lower, out, d)
    return 0


@step_of(VECTORS)
def draw_inverse_matrices(words, reals, stream):
    """Inverse Wishart matrices, density proportional to |X|**-f exp(-tr(S X**-1) / 2): f is `first`, S `second`.

    X is the inverse of a Wishart matrix W = L'**-1 A A' L**-1 with S = L L' and Bartlett's A (see `draw_matrices`), so
    X = B' B with A B = L': no inverse is formed. A has n = 2 f - d - 1 degrees of freedom.
    """
    task = record_at(words, VECTORS)
    n, d = task.count, task.dimension
    status = call(task.machine, (task.program, task.length, 0, 0))
    if status != 0:
        return status
    work = floats(task.workspace, 3 * d * d + d)
    factor, lower, turned = work, work[d * d :], work[2 * d * d :]
    powers = floats(task.first, n)
    for k in range(n):
        scale, out = floats(task.second + 8 * k * d * d, d * d), floats(task.out + 8 * k * d * d, d * d)
        # f = (n + d + 1) / 2
        freedom = 2.0 * powers[k] - d - 1.0
        logs = cholesky(scale, factor, d)
        if logs != logs or not freedom > d - 1.0:
            return _broken(scale, d)
        _fill_bartlett(lower, freedom, stream, d)
        for j in range(d):
            for i in range(d):
                # Row j of `turned` becomes column j of B, as column j of L' is row j of L. Products of these rows are
                # B' B.
                turned[j * d + i] = factor[j * d + i] if i <= j else 0.0
            solved_below(lower, turned[j * d :], d)
        _fill_squares(turned, out, d)
    return 0
