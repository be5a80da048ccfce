"""SciPy's special functions in kernels, and logs of tail masses built on them that do not underflow.

SciPy offers its C functions through `scipy.special.cython_special` as capsules that state their signature. As with
NumPy's samplers (`mcmix.kernels.random`), their addresses are registered as symbols when this module is imported, so
that machine code from the disk cache finds them by name: whoever calls one of these must import this module.

SciPy's tail masses are doubles and end at 1e-308. Where they come near that, the functions here go on with the log of
the leading factor and a series or continued fraction, which converges fast so far out.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import llvmlite.binding
import numpy as np
from numba import types
from scipy import special
from scipy.special import cython_special

from mcmix.kernels.base import COMPILED, inline

SMALLEST_MASS = 1e-290  # below this SciPy's masses lose digits, then all of themselves
MOST_TERMS = 2000  # of a series or continued fraction
SETTLED = 1e-16

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype, _capsule_name.argtypes = ctypes.c_char_p, [ctypes.py_object]


def _external(name: str, n_numbers: int) -> Any:
    """SciPy's C function that takes `n_numbers` doubles (and a flag of Cython's own) and returns a double.

    A function for several types has a capsule for each, `__pyx_fuse_0log_ndtr` and so on, in an order that changes
    between versions of SciPy: the right one is known by its signature.
    """
    if not COMPILED:
        return lambda *numbers: float(getattr(special, name)(*numbers[:n_numbers]))
    signature = f"double ({'double, ' * n_numbers}int __pyx_skip_dispatch)".encode()
    for key, capsule in cython_special.__pyx_capi__.items():
        bare = key.removeprefix("__pyx_fuse_").lstrip("0123456789") if key.startswith("__pyx_fuse_") else key
        if bare == name and _capsule_name(capsule) == signature:
            symbol = f"mcmix_scipy_{name}"
            llvmlite.binding.add_symbol(symbol, _capsule_pointer(capsule, signature))
            return types.ExternalFunction(symbol, types.float64(*[types.float64] * n_numbers, types.int32))
    raise ImportError(f"this SciPy has no C function {name} of {n_numbers} doubles in scipy.special.cython_special")


_ndtr = _external("ndtr", 1)
_log_ndtr = _external("log_ndtr", 1)
_gammainc = _external("gammainc", 2)
_gammaincc = _external("gammaincc", 2)
_betainc = _external("betainc", 3)
_betaincc = _external("betaincc", 3)
_betaln = _external("betaln", 2)
_gammaln = _external("gammaln", 1)
_psi = _external("psi", 1)
_i0e = _external("i0e", 1)
_i1e = _external("i1e", 1)
_NO_DISPATCH = np.int32(0)


@inline
def normal_cdf(x):
    """Standard normal distribution function."""
    return _ndtr(x, _NO_DISPATCH)


@inline
def log_normal_cdf(x):
    """Log of the standard normal distribution function, accurate in both tails."""
    return _log_ndtr(x, _NO_DISPATCH)


@inline
def digamma(x):
    """Derivative of the log of the gamma function."""
    return _psi(x, _NO_DISPATCH)


@inline
def scaled_bessel_0(x):
    """Modified Bessel function of order 0, times exp(-|x|)."""
    return _i0e(x, _NO_DISPATCH)


@inline
def scaled_bessel_1(x):
    """Modified Bessel function of order 1, times exp(-|x|)."""
    return _i1e(x, _NO_DISPATCH)


@inline
def log_of_mass(mass, complement):
    """Log of a mass in (0, 1] of which the complement is known too: of 1 - complement where that is more exact."""
    # Near one a mass has few digits of its distance to one; its complement has them all.
    return math.log(mass) if mass < 0.5 else math.log1p(-complement)


@inline
def log_share(part, rest):
    """Log of part / (part + rest): 0 where nothing is left, minus infinity where there is no part."""
    if not rest > 0.0 or part == math.inf:
        return 0.0
    if not part > 0.0 or rest == math.inf:
        return -math.inf
    return math.log(part / (part + rest)) if part < rest else math.log1p(-rest / (part + rest))


@inline
def log_complement(value):
    """log(1 - exp(value)) for a log mass, value <= 0 (Maechler 2012, "Accurately computing log(1 - exp(-|a|))")."""
    if not value < 0.0:
        return -math.inf
    return math.log1p(-math.exp(value)) if value < -0.6931471805599453 else math.log(-math.expm1(value))


# -------------------------------------------------------------------- gamma


@inline
def log_gamma_below(shape, x):
    """Log mass below x of a gamma distribution with rate 1: log of the regularised incomplete gamma function P."""
    if not x > 0.0:
        return -math.inf
    if x == math.inf:
        return 0.0
    below = _gammainc(shape, x, _NO_DISPATCH)
    if below > SMALLEST_MASS:
        return log_of_mass(below, _gammaincc(shape, x, _NO_DISPATCH))
    return min(_log_power(shape, x) - math.log(shape) + math.log(_lower_series(shape, x)), 0.0)


@inline
def log_gamma_above(shape, x):
    """Log mass above x of a gamma distribution with a shape and rate 1: log of the complement Q."""
    if not x > 0.0:
        return 0.0
    if x == math.inf:
        return -math.inf
    above = _gammaincc(shape, x, _NO_DISPATCH)
    if above > SMALLEST_MASS:
        return log_of_mass(above, _gammainc(shape, x, _NO_DISPATCH))
    return min(_log_power(shape, x) + math.log(_upper_fraction(shape, x)), 0.0)


@inline
def _log_power(shape, x):
    """Log of x**shape exp(-x) / gamma(shape); large shapes through Stirling's formula, whose big terms cancel."""
    if shape < 1e5:
        return shape * math.log(x) - x - _gammaln(shape, _NO_DISPATCH)
    # x = shape (1 + gap): with Stirling's log gamma the terms of size `shape` cancel on paper, and what is left is
    # shape (log(1 + gap) - gap) + log(shape) / 2 - log(2 pi) / 2 - 1 / (12 shape).
    gap = (x - shape) / shape
    growth = math.log1p(gap) - gap if abs(gap) < 0.5 else math.log(x) - math.log(shape) - gap
    return shape * growth + 0.5 * math.log(shape) - 0.9189385332046727 - 1.0 / (12.0 * shape)


@inline
def _lower_series(shape, x):
    """Sum of x**n / ((shape + 1) ... (shape + n)), Abramowitz and Stegun 6.5.29, the rest as a geometric series."""
    total, term, ratio = 1.0, 1.0, 0.0
    for n in range(1, MOST_TERMS):
        ratio = x / (shape + n)
        term *= ratio
        total += term
        if term < SETTLED * total:
            return total
    return total + term * ratio / (1.0 - ratio) if ratio < 1.0 else total


@inline
def _upper_fraction(shape, x):
    """Legendre's continued fraction for exp(x) x**-shape gamma(shape, x), Abramowitz and Stegun 6.5.31.

    Evaluated by Lentz's method, for x beyond the shape.
    """
    b = x + 1.0 - shape
    c, d = 1e300, 1.0 / b
    fraction = d
    for n in range(1, MOST_TERMS):
        a = n * (shape - n)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        fraction *= c * d
        if abs(c * d - 1.0) < SETTLED:
            break
    return fraction


# -------------------------------------------------------------------- beta


@inline
def log_beta_below(alpha, beta, x, rest):
    """Log mass below x of a beta distribution; `rest` is 1 - x, given apart because one of the two may be tiny.

    The log of the regularised incomplete beta function I_x(alpha, beta). The mass above is that of the mirrored
    distribution: swap the shapes, and x with the rest.
    """
    if not x > 0.0:
        return -math.inf
    if not rest > 0.0:
        return 0.0
    below = _beta_mass(alpha, beta, x, rest, True)
    if below > SMALLEST_MASS:
        above = _beta_mass(alpha, beta, x, rest, False)
        return log_of_mass(below, above if above == above else 1.0 - below)
    power = alpha * math.log(x) + beta * math.log(rest) - math.log(alpha) - _betaln(alpha, beta, _NO_DISPATCH)
    answer = min(power + math.log(_beta_fraction(alpha, beta, x)), 0.0)
    if answer == answer and below == below:
        return answer
    return 0.0 if x * (alpha + beta) > alpha else -math.inf  # shapes beyond 1e100: all mass sits on the mean


@inline
def _beta_mass(alpha, beta, x, rest, is_below):
    """Mass of a beta distribution below (or above) x, from the smaller of x and the rest."""
    if x < rest:
        return _betainc(alpha, beta, x, _NO_DISPATCH) if is_below else _betaincc(alpha, beta, x, _NO_DISPATCH)
    return _betaincc(beta, alpha, rest, _NO_DISPATCH) if is_below else _betainc(beta, alpha, rest, _NO_DISPATCH)


@inline
def _beta_fraction(alpha, beta, x):
    """Continued fraction of the incomplete beta function, Abramowitz and Stegun 26.5.8, by Lentz's method.

    For x well below the mean.
    """
    c, d = 1.0, 1.0 / (1.0 - (alpha + beta) * x / (alpha + 1.0))
    fraction = d
    for n in range(1, MOST_TERMS):
        even = n * (beta - n) * x / ((alpha + 2.0 * n - 1.0) * (alpha + 2.0 * n))
        d = 1.0 / (1.0 + even * d)
        c = 1.0 + even / c
        fraction *= c * d
        odd = -(alpha + n) * (alpha + beta + n) * x / ((alpha + 2.0 * n) * (alpha + 2.0 * n + 1.0))
        d = 1.0 / (1.0 + odd * d)
        c = 1.0 + odd / c
        fraction *= c * d
        if abs(c * d - 1.0) < SETTLED:
            break
    return fraction
