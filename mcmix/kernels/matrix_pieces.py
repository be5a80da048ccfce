"""Free coordinates of matrices among those of several variables, and derivatives by them.

Kernels of their own, so that models without matrices compile nothing of it.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import AddressedKernel, floats, inline
from mcmix.kernels.block_steps import PIECE
from mcmix.kernels.records import record_at
from mcmix.kernels.transforms import CORRELATION, POSITIVE_DEFINITE, all_from_free, all_to_free, free_size


def to_free(told, out):
    """Free coordinates of a piece (`told`) into `out`."""
    piece = record_at(told, PIECE)
    n, k = piece.count, piece.entries
    bounds = floats(piece.lower, n)
    free = floats(out, free_size(piece.transform, n, k))
    all_to_free(piece.transform, floats(piece.variable, n), free, bounds, bounds, n, k)
    return 0


def from_free(told, given, jacobian):
    """Set a piece from free coordinates; the log-Jacobian is left where `jacobian` says."""
    piece = record_at(told, PIECE)
    n, k = piece.count, piece.entries
    bounds = floats(piece.lower, n)
    free = floats(given, free_size(piece.transform, n, k))
    total = all_from_free(piece.transform, floats(piece.variable, n), free, bounds, bounds, n, k)
    floats(jacobian, 1)[0] = total
    return 0


@inline
def _from_factor(free, slopes, gradient, k):
    """By the log-Cholesky factor L of X = L L', from derivatives G by the entries of X: (G + G') L, and by logs.

    The log-Jacobian has (k + 1 - i) times the logarithm of entry i of the diagonal.
    """
    for i in range(k):
        for j in range(i + 1):
            total = 0.0
            for m in range(j, k):
                entry = free[m * (m + 1) // 2 + j]
                entry = math.exp(entry) if m == j else entry
                total += (slopes[i * k + m] + slopes[m * k + i]) * entry
            if i == j:
                total = total * math.exp(free[i * (i + 1) // 2 + i]) + (k + 1.0 - i)
            gradient[i * (i + 1) // 2 + j] = total


@inline
def _log_sech(y):
    return math.log(2.0) - abs(y) - math.log1p(math.exp(-2.0 * abs(y)))


@inline
def _from_partial(free, slopes, gradient, k):
    """By the partial correlations' inverse tangents y, from derivatives G by the entries of R = L L'.

    Entry (i, j) of L is tanh(y_ij) times sech(y_im) for all m < j; the log-Jacobian is (k - j) log sech(y_ij). Rows of
    L keep their length, so that derivatives by the diagonal of R have no say: L is kept there and below, G + G' above.
    """
    for i in range(k):
        rest = 1.0
        for j in range(i):
            slopes[j * k + i] += slopes[i * k + j]
            y = free[i * (i - 1) // 2 + j]
            slopes[i * k + j] = rest * math.tanh(y)
            rest *= math.exp(_log_sech(y))
        slopes[i * k + i] = rest
    for i in range(1, k):
        tail, rest = 0.0, slopes[i * k + i]
        for j in range(i, -1, -1):
            by_entry = 0.0
            for m in range(j, k):
                if m != i:
                    by_entry += slopes[min(i, m) * k + max(i, m)] * slopes[m * k + j]
            if j < i:
                y = free[i * (i - 1) // 2 + j]
                own = by_entry * rest * math.exp(_log_sech(y))
                gradient[i * (i - 1) // 2 + j] = own - math.tanh(y) * (tail + (k - j))
                rest *= math.exp(-_log_sech(y))
            tail += by_entry * slopes[i * k + j]


def pull_back(told, given, entries, out):
    """Derivatives by free coordinates, the log-Jacobian's added, from those by all entries, which are used up."""
    piece = record_at(told, PIECE)
    n, k = piece.count, piece.entries
    size = free_size(piece.transform, k * k, k)
    for j in range(n // (k * k)):
        free, gradient = floats(given + 8 * j * size, size), floats(out + 8 * j * size, size)
        slopes = floats(entries + 8 * j * k * k, k * k)
        if piece.transform == POSITIVE_DEFINITE:
            _from_factor(free, slopes, gradient, k)
        else:
            _from_partial(free, slopes, gradient, k)
    return 0


MATRICES = (POSITIVE_DEFINITE, CORRELATION)
matrices_to_free = AddressedKernel(to_free, 2, reads=PIECE)
matrices_from_free = AddressedKernel(from_free, 3, reads=PIECE)
matrices_pulled_back = AddressedKernel(pull_back, 4, reads=PIECE)


__all__ = ["MATRICES", "matrices_from_free", "matrices_pulled_back", "matrices_to_free"]
