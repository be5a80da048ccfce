"""Maps between a variable's own range and coordinates without bounds, with their Jacobians, one table for all kinds.

Log and logit per element, log ratios for simplexes, log-Cholesky factors for matrices, partial correlations for
correlation matrices. `mcmix.sampling.unconstrained` has the twin in NumPy.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import inline

IDENTITY, LOG, LOGIT, UPPER, SIMPLEX, POSITIVE_DEFINITE, CORRELATION, CIRCLE = range(8)


@inline
def wrapped(y, low, high):
    """The point of (low, high], the ends one point, on which y falls when the line is wound round the circle."""
    if low < y <= high:
        return y
    period = high - low
    turned = y - period * math.floor((y - low) / period)
    return turned if low < turned <= high else high


@inline
def to_free(kind, x, low, high):
    """From a variable's own range to the whole line, on which a circle repeats itself."""
    if kind == IDENTITY or kind == CIRCLE:
        return x
    if kind == LOGIT:
        return math.log((x - low) / (high - x))
    return math.log(x - low) if kind != UPPER else math.log(high - x)


@inline
def from_free(kind, y, low, high):
    """Back from the whole line."""
    if kind == IDENTITY:
        return y
    if kind == CIRCLE:
        return wrapped(y, low, high)
    if kind == LOGIT:
        return low + (high - low) / (1.0 + math.exp(-y))
    return low + math.exp(y) if kind != UPPER else high - math.exp(y)


@inline
def log_jacobian(kind, y, low, high):
    """Log of the derivative of `from_free`."""
    if kind == IDENTITY or kind == CIRCLE:
        return 0.0
    if kind == LOGIT:
        # log of (high - low) s(y) s(-y), with s(y) s(-y) = exp(-|y|) / (1 + exp(-|y|))**2: nothing overflows.
        return math.log(high - low) - abs(y) - 2.0 * math.log1p(math.exp(-abs(y)))
    # |d exp(y) / dy| = exp(y), whichever of the two ends is the bound
    return y


@inline
def inside(kind, x, low, high):
    """Whether a value can be: functions are not asked about others; of a bounded range, ends come from rounding."""
    if kind == IDENTITY or kind == CIRCLE:
        return low <= x <= high
    return low < x < high


@inline
def free_size(kind, n, k):
    """Free coordinates of n entries: fewer for simplexes of k entries and for matrices with k rows."""
    if kind == SIMPLEX:
        return n - n // k
    if kind == POSITIVE_DEFINITE:
        return n // (k * k) * (k * (k + 1) // 2)
    if kind == CORRELATION:
        return n // (k * k) * (k * (k - 1) // 2)
    return n


@inline
def numbers_to_free(kind, variable, free, lows, highs, n, k):
    """Free coordinates of a whole variable that has no matrices."""
    if kind == SIMPLEX:
        at = 0
        for start in range(0, n, k):
            for i in range(start, start + k - 1):
                free[at] = variable[i] - variable[start + k - 1]
                at += 1
    else:
        for i in range(n):
            free[i] = to_free(kind, variable[i], lows[i], highs[i])


@inline
def numbers_from_free(kind, variable, free, lows, highs, n, k):
    """Set such a variable from free coordinates; return the log-Jacobian (minus infinity beyond an end)."""
    total = 0.0
    if kind == SIMPLEX:
        for j in range(n // k):
            total += simplex_from_free(variable[j * k :], free[j * (k - 1) :], k)
        return total
    for i in range(n):
        variable[i] = from_free(kind, free[i], lows[i], highs[i])
        if kind != IDENTITY and not inside(kind, variable[i], lows[i], highs[i]):
            return -math.inf
        total += log_jacobian(kind, free[i], lows[i], highs[i])
    return total


@inline
def all_to_free(kind, variable, free, lows, highs, n, k):
    """Free coordinates of a whole variable."""
    if kind == POSITIVE_DEFINITE:
        for j in range(n // (k * k)):
            matrix_to_free(variable[j * k * k :], free[j * (k * (k + 1) // 2) :], k)
    elif kind == CORRELATION:
        for j in range(n // (k * k)):
            correlation_to_free(variable[j * k * k :], free[j * (k * (k - 1) // 2) :], k)
    else:
        numbers_to_free(kind, variable, free, lows, highs, n, k)


@inline
def all_from_free(kind, variable, free, lows, highs, n, k):
    """Set the whole variable from free coordinates; return the log-Jacobian (minus infinity beyond an end)."""
    total = 0.0
    if kind == POSITIVE_DEFINITE:
        for j in range(n // (k * k)):
            total += matrix_from_free(variable[j * k * k :], free[j * (k * (k + 1) // 2) :], k)
        return total
    if kind == CORRELATION:
        for j in range(n // (k * k)):
            total += correlation_from_free(variable[j * k * k :], free[j * (k * (k - 1) // 2) :], k)
        return total
    return numbers_from_free(kind, variable, free, lows, highs, n, k)


@inline
def matrix_to_free(matrix, free, k):
    """Lower Cholesky factor by rows, its diagonal as logarithms (Pinheiro and Bates 1996, log-Cholesky)."""
    for i in range(k):
        for j in range(i + 1):
            total = matrix[i * k + j]
            for m in range(j):
                left = free[i * (i + 1) // 2 + m]
                right = free[j * (j + 1) // 2 + m] if i != j else left
                total -= left * right
            if i == j:
                free[i * (i + 1) // 2 + i] = 0.5 * math.log(total)
            else:
                free[i * (i + 1) // 2 + j] = total / math.exp(free[j * (j + 1) // 2 + j])


@inline
def matrix_from_free(matrix, free, k):
    """A matrix from its log-Cholesky factor; the Jacobian is 2**k prod L_ii**(k + 1 - i), i = 0 .. k - 1, with logs."""
    total = k * math.log(2.0)
    for i in range(k):
        total += (k + 1 - i) * free[i * (i + 1) // 2 + i]
        for j in range(i + 1):
            entry = 0.0
            for m in range(j + 1):
                left, right = free[i * (i + 1) // 2 + m], free[j * (j + 1) // 2 + m]
                if m == i:
                    left = math.exp(left)
                if m == j:
                    right = math.exp(right)
                entry += left * right
            matrix[i * k + j] = entry
            matrix[j * k + i] = entry
    return total


@inline
def correlation_to_free(matrix, free, k):
    """Inverse hyperbolic tangents of the partial correlations of entries i and j < i given 0 .. j - 1, row by row.

    Row i of the lower Cholesky factor, of length one, is a point in these angles (Lewandowski, Kurowicka and Joe 2009,
    section 3.2, the C-vine): entry j is the partial correlation times the length of the rest of the row from j on.
    """
    for i in range(1, k):
        for j in range(i):
            entry, rest = matrix[i * k + j], 1.0
            for m in range(j):
                above = free[j * (j - 1) // 2 + m]
                entry -= free[i * (i - 1) // 2 + m] * above
                rest -= above * above
            free[i * (i - 1) // 2 + j] = entry / math.sqrt(max(rest, 1e-32))
    for i in range(1, k):  # only now: rows further down needed this one's factor
        at, rest = i * (i - 1) // 2, 1.0
        for j in range(i):
            rest -= free[at + j] * free[at + j]
        rest = max(rest, 1e-32)
        for j in range(i - 1, -1, -1):
            entry = free[at + j]
            free[at + j] = math.asinh(entry / math.sqrt(rest))
            rest += entry * entry


@inline
def correlation_from_free(matrix, free, k):
    """A correlation matrix from such coordinates y; the Jacobian is the product of sech(y_ij)**(k - j), as a logarithm.

    That is (1 - p**2)**((k - 2 - j) / 2) from the partial correlations p = tanh(y) to the correlations (the same paper,
    equation 11), times 1 - p**2 from y to p.
    """
    total = 0.0
    for i in range(k):
        rest = 1.0
        for j in range(i):
            y = free[i * (i - 1) // 2 + j]
            log_sech = math.log(2.0) - abs(y) - math.log1p(math.exp(-2.0 * abs(y)))
            total += (k - j) * log_sech
            matrix[i * k + j] = rest * math.tanh(y)
            rest *= math.exp(log_sech)
        matrix[i * k + i] = rest
    for i in range(k):  # the factor stands in the lower triangle: its products go into the upper one
        for j in range(i):
            entry = 0.0
            for m in range(j + 1):
                entry += matrix[i * k + m] * matrix[j * k + m]
            matrix[j * k + i] = entry
    for i in range(k):
        matrix[i * k + i] = 1.0
        for j in range(i):
            matrix[i * k + j] = matrix[j * k + i]
    return total


@inline
def simplex_from_free(variable, free, k):
    """Logs of one simplex from log ratios to its last entry; the Jacobian is their product (Aitchison 1986)."""
    highest = 0.0
    for i in range(k - 1):
        highest = max(highest, free[i])
    mass = math.exp(-highest)
    for i in range(k - 1):
        mass += math.exp(free[i] - highest)
    total = 0.0
    for i in range(k):
        variable[i] = (free[i] if i < k - 1 else 0.0) - highest - math.log(mass)
        total += variable[i]
    return total
