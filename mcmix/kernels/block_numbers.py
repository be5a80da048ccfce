"""How many ways there are to part units into blocks, weighted by the blocks' sizes: generalised Stirling numbers."""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.base import kernel

STEPS = 8  # units between two looks at the exponents; a number grows by at most a factor t with each unit


@kernel
def log_block_numbers(n, discount, out):
    """Logarithms of S(n, t) / (1 - discount)_(n - 1) for t = 1 .. out.shape[0], minus infinity for t above n.

    S(m + 1, t) = (m - discount t) S(m, t) + S(m, t - 1), S(1, 1) = 1: no term is negative for a discount below 1. Each
    number is a mantissa in [1/2, 1) or so and an exponent of its own, so that neither end of a row is lost.
    """
    most = min(n, out.shape[0])
    mantissa, shift = np.zeros(most), np.ones(most)  # shift: 2 to the exponent of t - 1 minus that of t
    exponent = np.zeros(most, dtype=np.int64)
    mantissa[0] = 1.0
    for m in range(1, n):
        unit = 1.0 / (m - discount)
        if m < most:  # the first partition into m + 1 blocks
            mantissa[m], power = math.frexp(mantissa[m - 1] * unit)
            exponent[m] = exponent[m - 1] + power
            shift[m] = math.ldexp(1.0, -power)
        for t in range(min(m, most) - 1, 0, -1):
            mantissa[t] = (m - discount * (t + 1)) * unit * mantissa[t] + unit * shift[t] * mantissa[t - 1]
        if m % STEPS == 0:
            for t in range(1, min(m + 1, most)):
                mantissa[t], power = math.frexp(mantissa[t])
                exponent[t] += power
                shift[t] = math.ldexp(1.0, int(max(min(exponent[t - 1] - exponent[t], 900), -900)))
    out[:] = -np.inf
    for t in range(most):
        out[t] = math.log(mantissa[t]) + exponent[t] * math.log(2.0)


@kernel
def combined(weights, values, rows, out):
    """Rows of `out` as sums of `values` (points, most) with `weights` (rows, points): quicker than threads of BLAS."""
    for i in range(rows.shape[0]):
        row = out[rows[i]]
        row[:] = 0.0
        for j in range(values.shape[0]):
            weight = weights[i, j]
            for t in range(values.shape[1]):
                row[t] += weight * values[j, t]


__all__ = ["combined", "log_block_numbers"]
