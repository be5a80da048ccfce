"""From the log density of one vector or matrix to the kernel that adds it for many events.

A family with vector or matrix parameters writes two plain functions over flat arrays: ``prepare(a, b, c, d, work)``
looks at one set of parameters (a Cholesky factor, a normalising constant), ``logpdf(x, a, b, c, d, work)`` at one event
of dimension d. Parameters that all events share are prepared once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.kernels.base import AddressedKernel, address_of, call, floats, inline, kernel

MAXIMAL_PARAMETERS = 3
LOG_TWO, LOG_PI = 0.6931471805599453, 1.1447298858494002


def work_size(d: int) -> int:
    """Doubles of workspace for events of dimension d: two matrices and a few numbers."""
    return 2 * d * d + 2 * d + 4


@inline
def cholesky(matrix, factor, d):
    """Lower Cholesky factor, row by row; returns its log determinant, or NaN where there is none."""
    total = 0.0
    for i in range(d):
        for j in range(i + 1):
            entry = matrix[i * d + j]
            for m in range(j):
                entry -= factor[i * d + m] * factor[j * d + m]
            if i == j:
                # Written so that NaN fails as well.
                if not entry > 0.0:
                    return math.nan
                factor[i * d + i] = math.sqrt(entry)
                total += math.log(factor[i * d + i])
            else:
                factor[i * d + j] = entry / factor[j * d + j]
    return total


@inline
def solved_below(factor, y, d):
    """Solve L y = y in place, for a lower factor L."""
    for i in range(d):
        for j in range(i):
            y[i] -= factor[i * d + j] * y[j]
        y[i] /= factor[i * d + i]


@inline
def solved_above(factor, y, d):
    """Solve L' y = y in place, for a lower factor L."""
    for i in range(d - 1, -1, -1):
        for j in range(i + 1, d):
            y[i] -= factor[j * d + i] * y[j]
        y[i] /= factor[i * d + i]


@inline
def positive_inverse(matrix, from_factor, out, work, d):
    """Inverse of a symmetric positive definite matrix, or of L L' from the lower factor L; NaN where there is none.

    work: a matrix and a column.
    """
    factor, column = work, work[d * d :]
    if from_factor:
        logs = 0.0
        for i in range(d * d):
            factor[i] = matrix[i]
        for i in range(d):
            logs += math.log(matrix[i * d + i]) if matrix[i * d + i] > 0.0 else math.nan
    else:
        logs = cholesky(matrix, factor, d)
    if logs != logs:
        for i in range(d * d):
            out[i] = math.nan
        return
    for j in range(d):
        for i in range(d):
            column[i] = 1.0 if i == j else 0.0
        solved_below(factor, column, d)
        solved_above(factor, column, d)
        for i in range(j, d):
            out[i * d + j] = column[i]
            out[j * d + i] = column[i]


@inline
def wishart_constant(n, logs, d):
    """Log normalising constant of a Wishart distribution with n degrees, `logs` the log of its factor's determinant."""
    # |L|**n / (2**(n d / 2) pi**(d (d - 1) / 4) prod_j gamma((n - j) / 2)), j = 0 .. d - 1: the multivariate gamma
    # function.
    constant = n * logs - 0.5 * n * d * LOG_TWO - 0.25 * d * (d - 1) * LOG_PI
    for j in range(d):
        constant -= math.lgamma(0.5 * (n - j))
    return constant if n > d - 1 else math.nan


def event_kernel(name: str, prepare: Callable[..., None], logpdf: Callable[..., float]) -> AddressedKernel:
    """Addressed kernel that adds log densities of n events to `out`.

    Parameters
    ----------
    name : str
        Distinguishes the variants in numba's disk cache.
    prepare, logpdf : callable
        As above, restricted to what numba compiles.

    Returns
    -------
    AddressedKernel
        Takes (out, n, d, size, work, x, a, a_step, b, b_step, c, c_step): events stand `size` doubles apart, each
        parameter its step apart (0: shared by all). Unused parameters may point anywhere readable.
    """
    prepared, density = inline(prepare), inline(logpdf)

    def add_events(out, n, d, size, work, x, a, a_step, b, b_step, c, c_step):
        total, room = floats(out, n), floats(work, 2 * d * d + 2 * d + 4)
        value = floats(x, n * size)
        most = d * d  # numbers in one set of parameters
        first, second = floats(a, (n - 1) * a_step + most), floats(b, (n - 1) * b_step + most)
        third = floats(c, (n - 1) * c_step + most)
        shared = a_step == 0 and b_step == 0 and c_step == 0
        for i in range(n):
            if i == 0 or not shared:
                prepared(first[i * a_step :], second[i * b_step :], third[i * c_step :], d, room)
            total[i] += density(
                value[i * size :], first[i * a_step :], second[i * b_step :], third[i * c_step :], d, room
            )
        return 0

    return AddressedKernel(add_events, 12, variant=name)


@kernel
def _call_once(address, words):
    """Call an event kernel with a tuple of twelve words."""
    return call(address, words)


def event_densities(
    density: AddressedKernel, x: np.ndarray, parameters: Sequence[np.ndarray], d: int, size: int
) -> np.ndarray:
    """Log density of each event; contiguous arrays, parameters of one event or of as many as x."""
    n = x.size // size if size else 0
    out, work = np.zeros(n), np.zeros(work_size(d))
    words: list[Any] = [address_of(out), n, d, size, address_of(work), address_of(x)]
    for p, shared in [(q, q.ndim == 1) for q in parameters] + [(work, True)] * (MAXIMAL_PARAMETERS - len(parameters)):
        words += [address_of(p), 0 if shared else p.shape[1]]
    if n:
        _call_once(density.address, tuple(words))
    return out
