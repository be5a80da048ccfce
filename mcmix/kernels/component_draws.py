"""Parameters of single components from their conjugate conditionals: draws, and how likely a draw was.

What draws all components at once (`gibbs`, `vector_gibbs`) draws one, told of its entries alone. Densities are
complete, so that a proposal can be weighed against its reverse.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import call, floats, helper, inline, integers
from mcmix.kernels.events import LOG_PI, LOG_TWO, cholesky, solved_below
from mcmix.kernels.records import record, record_in, width
from mcmix.kernels.vectors import HALF_LOG_TWO_PI

NORMAL, GAMMA, BETA, VECTOR, WISHART, INVERSE_WISHART = range(6)

# One for each variable: the program that leaves natural parameters of all components; the kernel that draws, what it is
# told, and at which words of that it reads addresses (0: nowhere); of what kind, and of what dimension; numbers of a
# component, and doubles that natural parameters take of each; where all these stand; room for work, 3 d * d + d.
VARIABLE = record(
    "program", "length", "draw", "told", "reals", "kind", "dimension", "entries", "first_step", "second_step", "first",
    "second", "lower", "upper", "out", "first_at", "second_at", "lower_at", "upper_at", "out_at", "workspace",
)  # fmt: skip
VARIABLE_WIDTH = width(VARIABLE)


@inline
def parameters_size(variables, n):
    """Doubles of one component's parameters."""
    total = 0
    for j in range(n):
        total += record_in(variables, j, VARIABLE).entries
    return total


@helper()
def copy_parameters(variables, n, k, place, there):
    """Copy a component's parameters to a place, or back from there."""
    at = 0
    for j in range(n):
        one = record_in(variables, j, VARIABLE)
        size = one.entries
        own, kept = floats(one.out + 8 * k * size, size), floats(place + 8 * at, size)
        for i in range(size):
            if there:
                kept[i] = own[i]
            else:
                own[i] = kept[i]
        at += size


@inline
def exchange_parameters(variables, n, j, k):
    """Exchange the parameters of two components."""
    for v in range(n):
        one = record_in(variables, v, VARIABLE)
        first, second = (
            floats(one.out + 8 * j * one.entries, one.entries),
            floats(one.out + 8 * k * one.entries, one.entries),
        )
        for i in range(one.entries):
            first[i], second[i] = second[i], first[i]


@inline
def _draw(one, k, stream):
    """Draw component k's numbers, its natural parameters being there."""
    told, size = integers(one.told, 16), one.entries
    told[one.first_at] = one.first + 8 * k * one.first_step
    told[one.out_at] = one.out + 8 * k * size
    told[one.second_at] = one.second + 8 * k * one.second_step
    if one.lower_at != 0:
        told[one.lower_at], told[one.upper_at] = one.lower + 8 * k * size, one.upper + 8 * k * size
    return call(one.draw, (one.told, one.reals, stream))


@inline
def _log_normal(first, second, x, n):
    total = 0.0
    for i in range(n):
        away = x[i] - second[i] / first[i]
        total += 0.5 * math.log(first[i]) - HALF_LOG_TWO_PI - 0.5 * first[i] * away * away
    return total


@inline
def _log_gamma(first, second, x, n, power):
    """Of v with t = v**power from a gamma distribution of shape first + 1 and rate second."""
    total = 0.0
    for i in range(n):
        shape, log_v = first[i] + 1.0, math.log(x[i])
        total += shape * math.log(second[i]) - math.lgamma(shape) + math.log(abs(power))
        total += (shape * power - 1.0) * log_v - second[i] * math.exp(power * log_v)
    return total


@inline
def _log_beta(first, second, x, n):
    total = 0.0
    for i in range(n):
        a, b = first[i] + 1.0, second[i] + 1.0
        total += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        total += first[i] * math.log(x[i]) + second[i] * math.log1p(-x[i])
    return total


@inline
def _log_vector(precision, linear, x, work, d):
    """Of a normal vector with density proportional to exp(-v' P v / 2 + h' v)."""
    # P = L L' and the mean P**-1 h: the quadratic form is |L' v - L**-1 h|**2
    factor, y = work, work[d * d :]
    logs = cholesky(precision, factor, d)
    if logs != logs:
        return logs
    for i in range(d):
        y[i] = linear[i]
    solved_below(factor, y, d)
    distance = 0.0
    for i in range(d):
        away = -y[i]
        for j in range(i, d):
            away += factor[j * d + i] * x[j]
        distance += away * away
    return logs - d * HALF_LOG_TWO_PI - 0.5 * distance


@inline
def _log_wishart(power, inverse, x, work, d):
    """|X|**f exp(-tr(T X) / 2) times |T|**(n / 2) / (2**(n d / 2) Gamma_d(n / 2)), with n = 2 f + d + 1."""
    n = 2.0 * power + d + 1.0
    log_t = cholesky(inverse, work, d)
    log_x = cholesky(x, work, d)
    trace = 0.0
    for i in range(d * d):
        trace += inverse[i] * x[i]
    return 2.0 * power * log_x - 0.5 * trace + n * log_t - _log_constant(n, d)


@inline
def _log_inverse_wishart(power, scale, x, work, d):
    """|X|**-f exp(-tr(S X**-1) / 2) times |S|**(n / 2) / (2**(n d / 2) Gamma_d(n / 2)), with n = 2 f - d - 1."""
    n = 2.0 * power - d - 1.0
    factor, root, column = work, work[d * d :], work[2 * d * d :]
    log_s = cholesky(scale, root, d)
    log_x = cholesky(x, factor, d)
    # tr(S X**-1) = |L_x**-1 L_s|**2
    trace = 0.0
    for j in range(d):
        for i in range(d):
            column[i] = root[i * d + j] if i >= j else 0.0
        solved_below(factor, column, d)
        for i in range(d):
            trace += column[i] * column[i]
    return -2.0 * power * log_x - 0.5 * trace + n * log_s - _log_constant(n, d)


@inline
def _log_constant(n, d):
    """Log of 2**(n d / 2) times the multivariate gamma function at n / 2."""
    total = 0.5 * n * d * LOG_TWO + 0.25 * d * (d - 1) * LOG_PI
    for i in range(d):
        total += math.lgamma(0.5 * (n - i))
    return total


@inline
def _log_density(one, k):
    """How likely a draw is that stands as component k's numbers, its natural parameters being there."""
    n, d = one.entries, one.dimension
    x = floats(one.out + 8 * k * n, n)
    first = floats(one.first + 8 * k * one.first_step, one.first_step)
    second = floats(one.second + 8 * k * one.second_step, one.second_step)
    work = floats(one.workspace, 3 * d * d + d)
    if one.kind == NORMAL:
        return _log_normal(first, second, x, n)
    if one.kind == GAMMA:
        return _log_gamma(first, second, x, n, floats(one.reals, 1)[0])
    if one.kind == BETA:
        return _log_beta(first, second, x, n)
    if one.kind == VECTOR:
        return _log_vector(first, second, x, work, d)
    if one.kind == WISHART:
        return _log_wishart(first[0], second, x, work, d)
    return _log_inverse_wishart(first[0], second, x, work, d)


@inline
def _put(one, k, place):
    """Component k's numbers from a place."""
    own, kept = floats(one.out + 8 * k * one.entries, one.entries), floats(place, one.entries)
    for i in range(one.entries):
        own[i] = kept[i]


@helper()
def draw_parameters(machine, variables, n, a, b, stream):
    """Draw the parameters of components a and b (-1: of none), variable by variable; log density, NaN if it failed.

    Each is drawn given what stands there of those that come later, as in a scan of a Gibbs sampler.
    """
    total = 0.0
    for j in range(n):
        one = record_in(variables, j, VARIABLE)
        if call(machine, (one.program, one.length, 0, 0)) != 0 or _draw(one, a, stream) != 0:
            return math.nan
        total += _log_density(one, a)
        if b >= 0:
            if _draw(one, b, stream) != 0:
                return math.nan
            total += _log_density(one, b)
    return total


@helper()
def put_parameters(machine, variables, n, a, b, first, second):
    """Put parameters of a and b (-1: of none) that stand at two places; how likely it was to draw them so."""
    total, at = 0.0, 0
    for j in range(n):
        one = record_in(variables, j, VARIABLE)
        if call(machine, (one.program, one.length, 0, 0)) != 0:
            return math.nan
        _put(one, a, first + 8 * at)
        total += _log_density(one, a)
        if b >= 0:
            _put(one, b, second + 8 * at)
            total += _log_density(one, b)
        at += one.entries
    return total


__all__ = [
    "BETA", "GAMMA", "INVERSE_WISHART", "NORMAL", "VARIABLE", "VECTOR", "WISHART", "copy_parameters",
    "draw_parameters", "exchange_parameters", "parameters_size", "put_parameters",
]  # fmt: skip
