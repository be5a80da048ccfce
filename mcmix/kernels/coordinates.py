"""Missing coordinates of multivariate normal rows, drawn from their exact conditional given the others.

With the precision P split into missing (m) and other (o) coordinates, x_m given x_o is normal with precision P_mm and
mean mean_m - P_mm^-1 P_mo (x_o - mean_o) (Rue and Held 2005, theorem 2.5).
"""

from __future__ import annotations

from mcmix.kernels.base import call, floats, inline, integers, step_kernel
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.random import standard_normal

BY_PRECISION, BY_COVARIANCE, BY_FACTOR = range(3)


@inline
def _precision_of(kind, matrix, work, d):
    """The precision matrix in the first d * d doubles of work; whether there is one."""
    precision, factor, column = work[: d * d], work[d * d : 2 * d * d], work[2 * d * d :]
    if kind == BY_PRECISION:
        for i in range(d * d):
            precision[i] = matrix[i]
        return True
    if kind == BY_FACTOR:
        for i in range(d * d):
            factor[i] = matrix[i]
    else:
        logs = cholesky(matrix, factor, d)
        if logs != logs:
            return False
    for j in range(d):
        for i in range(d):
            column[i] = 1.0 if i == j else 0.0
        solved_below(factor, column, d)
        solved_above(factor, column, d)
        for i in range(d):
            precision[i * d + j] = column[i]
    return True


@inline
def _draw_row(stream, precision, x, mean, missing, m, d, work):
    """Draw the m missing coordinates of one row in place; whether its precision is one."""
    block, shift = work[: m * m], work[m * m : m * m + m]
    for i in range(m):
        for j in range(m):
            block[i * m + j] = precision[missing[i] * d + missing[j]]
        shift[i] = 0.0
        for j in range(d):
            known = True
            for k in range(m):
                known = known and missing[k] != j
            if known:
                shift[i] -= precision[missing[i] * d + j] * (x[j] - mean[j])
    factor = work[m * m + m : 2 * m * m + m]
    logs = cholesky(block, factor, m)
    if logs != logs:
        return False
    solved_below(factor, shift, m)
    for i in range(m):
        shift[i] += standard_normal(stream)
    solved_above(factor, shift, m)
    for i in range(m):
        x[missing[i]] = mean[missing[i]] + shift[i]
    return True


@step_kernel
def draw_missing_coordinates(words, reals, stream):
    """One exact draw of all missing coordinates, row by row.

    2, 3 program of means and matrices; 4 rows with gaps, 5 dimension, 6 address of the missing entries, 7 address of
    the rows' known values (rows, d), 8 address of the numbers of missing coordinates (ascending, row after row) and 9
    of how many each row has, 10 and 11 means and their step, 12 and 13 matrices and their step, 14 kind, 15 workspace.
    """
    slot = integers(words, 16)
    rows, d = slot[4], slot[5]
    status = call(slot[1], (slot[2], slot[3], 0, 1))
    if status != 0:
        return status
    counts, values, work = integers(slot[9], rows), floats(slot[7], rows * d), floats(slot[15], 4 * d * d + 4 * d)
    at = 0
    for r in range(rows):
        m = counts[r]
        mean, matrix = floats(slot[10] + 8 * r * slot[11], d), floats(slot[12] + 8 * r * slot[13], d * d)
        if (r == 0 or slot[13] != 0) and not _precision_of(slot[14], matrix, work, d):
            return NOT_A_NUMBER
        x = values[r * d : (r + 1) * d]
        missing, entries = integers(slot[8] + 8 * at, m), floats(slot[6] + 8 * at, m)
        if not _draw_row(stream, work, x, mean, missing, m, d, work[2 * d * d + d :]):
            return NOT_A_NUMBER
        for i in range(m):
            entries[i] = x[missing[i]]
        at += m
    return 0
