"""Missing coordinates of multivariate normal rows, drawn from their exact conditional given the others.

With the precision P split into missing (m) and other (o) coordinates, x_m given x_o is normal with precision P_mm and
mean mean_m - P_mm^-1 P_mo (x_o - mean_o) (Rue and Held 2005, theorem 2.5).
"""

from __future__ import annotations

from mcmix.kernels.base import call, floats, inline, integers, step_of
from mcmix.kernels.events import cholesky, solved_above, solved_below
from mcmix.kernels.gibbs import NOT_A_NUMBER
from mcmix.kernels.random import standard_normal
from mcmix.kernels.records import RUN, record, record_at

# The program is that of means and matrices. Rows with gaps, their dimension, where the missing entries go, the rows'
# known values (rows, d), the numbers of missing coordinates (ascending, row after row) and how many each row has, means
# and matrices with the steps from row to row, what kind the matrices are.
MISSING = record(
    *RUN, "rows", "dimension", "entries", "known", "coordinates", "counts", "means", "mean_step", "matrices",
    "matrix_step", "kind", "workspace",
)  # fmt: skip

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


@step_of(MISSING)
def draw_missing_coordinates(words, reals, stream):
    """One exact draw of all missing coordinates, row by row."""
    task = record_at(words, MISSING)
    rows, d = task.rows, task.dimension
    status = call(task.machine, (task.program, task.length, 0, 1))
    if status != 0:
        return status
    counts, values = integers(task.counts, rows), floats(task.known, rows * d)
    work = floats(task.workspace, 4 * d * d + 4 * d)
    at = 0
    for r in range(rows):
        m = counts[r]
        mean = floats(task.means + 8 * r * task.mean_step, d)
        matrix = floats(task.matrices + 8 * r * task.matrix_step, d * d)
        if (r == 0 or task.matrix_step != 0) and not _precision_of(task.kind, matrix, work, d):
            return NOT_A_NUMBER
        x = values[r * d : (r + 1) * d]
        missing, entries = integers(task.coordinates + 8 * at, m), floats(task.entries + 8 * at, m)
        if not _draw_row(stream, work, x, mean, missing, m, d, work[2 * d * d + d :]):
            return NOT_A_NUMBER
        for i in range(m):
            entries[i] = x[missing[i]]
        at += m
    return 0
