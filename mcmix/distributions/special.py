"""Small functions that several families share: scalar ones that compiled densities inline, and a few on arrays.

The scalar ones replace calls of the C library: where a term depends on parameters alone, the compiler moves plain
arithmetic and `math.log` out of the loop over rows, but never a call of `lgamma` or `log1p`; and of plain arithmetic,
which the logarithm and the exponential of :mod:`mcmix.kernels.elementary` are, it makes vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import gammaln

from mcmix.kernels.base import inline
from mcmix.kernels.elementary import log

# Shapes, degrees of freedom and counts outside (SMALLEST, LARGEST) are refused: products of them with a logarithm, and
# differences of such products, would overflow into NaN.
SMALLEST = 1e-300
LARGEST = 1e300

MOST_WHOLE_NUMBERS = 4096  # that are worth a list

SIMPLEX_TOLERANCE = 1e-8

# Log gammas of counts below this lose no digit that matters to what is left of their differences.
FEW = 250.0


@inline
def is_shape(value):  # type: ignore[no-untyped-def]
    """Whether a positive parameter is in the range where log gamma terms stay finite."""
    return SMALLEST < value < LARGEST


@inline
def is_whole(value):  # type: ignore[no-untyped-def]
    """Whether a double is a whole number (of a size that keeps log gamma terms finite)."""
    # np.floor stays a double; math.floor would become an int64 in compiled code and wrap beyond 2**63.
    return abs(value) < LARGEST and np.floor(value) == value


@inline
def log_one_plus(value):  # type: ignore[no-untyped-def]
    """log(1 + value) for finite value > -1, exact to rounding near zero too.

    The ratio of value to what is left of it in 1 + value undoes the rounding of that sum (Goldberg, 1991, "What every
    computer scientist should know about floating-point arithmetic", theorem 4).
    """
    rounded = 1.0 + value
    return value if rounded == 1.0 else log(rounded) * (value / (rounded - 1.0))


@inline
def times_log(weight, value):  # type: ignore[no-untyped-def]
    """Weight times log(value) for value >= 0; at 0 nothing for weight 0, else minus infinity.

    For negative weights that is not the limit: a density without bound at an end counts as nought there. Of all
    versions of that density, which differ in a set without mass, it is the one under which an end that was recorded is
    no observation of this distribution, and sums of log densities stay free of infinity less infinity.
    """
    if value > 0.0:
        return weight * log(value)
    return 0.0 if weight == 0.0 else -math.inf


@inline
def times_log_complement(weight, value):  # type: ignore[no-untyped-def]
    """Weight times log(1 - value) for value <= 1; at 1 as `times_log` at 0."""
    if value < 1.0:
        return weight * log_one_plus(-value)
    return 0.0 if weight == 0.0 else -math.inf


@inline
def stirling_rest(value):  # type: ignore[no-untyped-def]
    """Remainder of Stirling's formula for log gamma, for value >= 8, to 1e-16.

    The series in Bernoulli numbers, Abramowitz and Stegun 6.1.40, cut after eight terms.
    """
    r = 1.0 / value
    s = r * r
    tail = s * (1.0 / 1188.0 - s * (691.0 / 360360.0 - s * (1.0 / 156.0 - s * (3617.0 / 122400.0))))
    return r * (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0) + s * tail)))


@inline
def log_gamma(value):  # type: ignore[no-untyped-def]
    """Log of the gamma function for value > 0; absolute error some 1e-15 times the larger of 10 and the answer.

    Stirling's formula at value + 8 for small values, less the log of the eight factors climbed; no branches, so
    that the compiler can move it out of a loop.
    """
    small = value < 8.0
    pair = value * (value + 7.0)  # the factors i and 7 - i multiply to pair + i (7 - i)
    climbed = pair * (pair + 6.0) * (pair + 10.0) * (pair + 12.0) if small else 1.0
    high = value + 8.0 if small else value
    return (high - 0.5) * math.log(high) - high + 0.9189385332046727 + stirling_rest(high) - math.log(climbed)


@inline
def log_rising(start, rise):  # type: ignore[no-untyped-def]
    """log(gamma(start + rise) / gamma(start)) for start > 0, rise >= 0, without cancellation for a large start.

    For a large start the two Stirling formulas are subtracted on paper: the big terms meet in one log(1 + rise/start).
    """
    if start < 8.0:
        return log_gamma(start + rise) - log_gamma(start)
    rest = stirling_rest(start + rise) - stirling_rest(start)
    return rise * math.log(start) + ((start + rise - 0.5) * log_one_plus(rise / start) - rise) + rest


@inline
def log_beta(one, other):  # type: ignore[no-untyped-def]
    """Log of the beta function of two positive numbers, of which one may be far larger than the answer.

    Three log gammas would leave the rounding of the largest one: 1e-6 where an argument is 1e9.
    """
    small, large = min(one, other), max(one, other)
    return log_gamma(small) - log_rising(large, small)


@inline
def log_choose(n, k):  # type: ignore[no-untyped-def]
    """Log of the number of ways to choose k of n, whole numbers 0 <= k <= n."""
    if n < FEW:  # cheaper, since the first of them does not depend on the row
        return log_gamma(n + 1.0) - log_gamma(k + 1.0) - log_gamma(n - k + 1.0)
    small = min(k, n - k)
    return log_rising(n - small + 1.0, small) - log_gamma(small + 1.0)


def plain(values: Any) -> Any:
    """Float copy (or view) of the data: a column of a sufficient statistic. Symbolic values pass as they are."""
    numeric = isinstance(values, (np.ndarray, np.generic, list, tuple, int, float))
    return np.asarray(values, dtype=float) if numeric else values


def log_of(values: Any) -> Any:
    """Natural logs of data >= 0; a zero gives minus infinity quietly."""
    with np.errstate(divide="ignore"):
        return np.log(plain(values))


def log_complement_of(values: Any) -> Any:
    """log(1 - data) for data <= 1; a one gives minus infinity quietly."""
    with np.errstate(divide="ignore"):
        return np.log1p(-plain(values))


def minus_log_factorial(counts: np.ndarray) -> np.ndarray:
    """-log(count!) of each count, the costly part of a count's log mass that depends on the data alone."""
    return np.asarray(-gammaln(plain(counts) + 1.0))


def weighted(weight: Any, logarithm: Callable[[Any], Any], value: Any) -> Any:
    """Weight times logarithm(value), nothing where the weight is 0; numbers, arrays or symbolic values.

    Without the exception, a probability of exactly 0 or 1 that fits the data would give 0 times minus infinity.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.equal(weight, 0.0), 0.0, weight * logarithm(value))


def on_simplex(weights: np.ndarray) -> np.ndarray:
    """Whether each row (last axis) has no negative entry and sums to one, but for rounding."""
    sums_to_one = np.abs(np.sum(weights, axis=-1) - 1.0) <= SIMPLEX_TOLERANCE
    return np.asarray(np.all(weights >= 0.0, axis=-1) & sums_to_one)


def whole_numbers(lower: np.ndarray | None, upper: np.ndarray | None) -> np.ndarray | None:
    """Whole numbers between ends, both included; None where an end is unknown, varies by element or is too far away."""
    if lower is None or upper is None or lower.size != 1 or upper.size != 1:
        return None
    return np.arange(int(lower[0]), int(upper[0]) + 1) if upper[0] - lower[0] < MOST_WHOLE_NUMBERS else None
