"""Expected log densities for the soft pass: the logarithm of a density, averaged over an approximate posterior.

For a conjugate family this average is linear in the sufficient statistics of a row, so that three functions serve all
families of numbers. Coefficients are ready-made arrays over the labels; nothing here checks a support.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import AddressedKernel, floats
from mcmix.kernels.densities import density_kernel


def quadratic(x, a, b, c):
    """A normal distribution's: constant, precision and centre."""
    return a - 0.5 * (b * (x - c) * (x - c))


def linear(x, a, b, c):
    """Constant and slope."""
    return a + b * x


def with_log(x, a, b, c):
    """Of gamma rows: constant, slope, and the factor of log x; a row at 0 is impossible unless the factor is 0."""
    if x > 0.0:
        return a + b * x + c * math.log(x)
    return a + b * x if c == 0.0 else -math.inf


def add_looked_up(out, n, x, x_step, a, a_step, b, b_step, c, c_step):
    """Add the entry of a table that each (whole) number of x names; `b` holds the length of the table."""
    total, position = floats(out, n), floats(x, n)
    table = floats(a, int(floats(b, 1)[0]))
    for i in range(n):
        total[i] += table[int(position[i])]
    return 0


QUADRATIC = density_kernel("expected quadratic", quadratic, 3)
LINEAR = density_kernel("expected linear", linear, 3)
WITH_LOG = density_kernel("expected with log", with_log, 3)
LOOKED_UP = AddressedKernel(add_looked_up, 10, variant="expected looked up")
