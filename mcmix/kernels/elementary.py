"""Logarithm and exponential in plain arithmetic: the compiler makes vectors of it, as it never does of the C library's.

They are as exact as those (a unit or two in the last place), and answer as those do at zero and at infinity.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import bits_of, double_of, inline

LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
LOG2_E = 1.4426950408889634

ONE_OVER_PI = 1.0 / math.pi
# pi in three parts, the first two so short that their products with whole numbers below 2**31 are exact
PI_FIRST, PI_SECOND, PI_THIRD = 3.141592025756836, 6.278328328335192e-07, 1.2446744343793227e-13
ROOT_HALF = math.sqrt(0.5)
LARGEST_EXPONENT = 709.782712893384  # the log of the largest double

_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 0x3FF0000000000000
_FRACTION = 0x000FFFFFFFFFFFFF
_TWO_52_BITS = 0x4330000000000000
_TWO_52 = 4503599627370496.0
_SMALLEST_NORMAL = 2.2250738585072014e-308
_TWO_54 = 18014398509481984.0
_MAGIC = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number kept in the low bits


@inline
def log(x):
    """Natural logarithm; minus infinity at 0, no number below.

    x = 2**k m with m in [sqrt(1/2), sqrt(2)) and, with s = (m - 1) / (m + 1), log m = 2 atanh s by the minimax
    polynomial of Sun's fdlibm (e_log.c), error below one unit in the last place.
    """
    tiny = x < _SMALLEST_NORMAL
    scaled = x * _TWO_54 if tiny else x
    moved = bits_of(scaled) + (_ONE_BITS - _ROOT_HALF_BITS)
    k = double_of((moved >> 52) | _TWO_52_BITS) - _TWO_52 - (1077.0 if tiny else 1023.0)
    f = double_of((moved & _FRACTION) + _ROOT_HALF_BITS) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (0.3999999999940941908 + w * (0.2222219843214978396 + w * 0.1531383769920937332))
    odd = 0.6666666666666735130 + w * (0.2857142874366239149 + w * (0.1818357216161805012 + w * 0.1479819860511658591))
    half = 0.5 * f * f
    found = k * LN2_HIGH - ((half - (s * (half + (even + z * odd)) + k * LN2_LOW)) - f)
    if not x > 0.0:
        found = -math.inf if x == 0.0 else math.nan
    return found if x < math.inf or x != x else x


@inline
def exp(x):
    """Exponential; 0 below -708 (where the C library's is less than 1e-307), infinity above 709.78.

    exp(x) = 2**n exp(r) with |r| <= log(2) / 2, and exp(r) by its series; log(2) is subtracted in two parts, so that r
    keeps its digits.
    """
    above = x > 709.0
    kept = x - 1.0 if above else x
    kept = -708.0 if kept < -708.0 else kept
    kept = 709.0 if kept > 709.0 else kept
    shifted = kept * LOG2_E + _MAGIC
    whole = shifted - _MAGIC
    r = (kept - whole * LN2_HIGH) - whole * LN2_LOW
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 0.0001984126984126984
    p = p * r + 0.001388888888888889
    p = p * r + 0.008333333333333333
    p = p * r + 0.041666666666666664
    p = p * r + 0.16666666666666666
    p = p * r + 0.5
    found = ((p * r) * r + r + 1.0) * double_of((bits_of(shifted) << 52) + _ONE_BITS)
    found = 0.0 if x < -708.0 else found
    large = found * math.e if x < LARGEST_EXPONENT else math.inf
    return large if above else found


@inline
def scaled_normal_tail(u):
    """exp(u**2) erfc(u) / 2 for u >= 0: the normal mass beyond u sqrt(2), without its exponential.

    (1 + 2 u) exp(u**2) erfc(u) is smooth in y = (u - 3.75) / (u + 3.75), which takes [0, inf) to [-1, 1) (Shepherd and
    Laframboise 1981, "Chebyshev approximation of (1 + 2x) exp(x**2) erfc x in 0 <= x < inf"); its series in Chebyshev
    polynomials up to degree 22, written out in powers of y, is exact to 3e-16.
    """
    y = 1.0 - 7.5 / (u + 3.75)
    p = -2.623107347133476e-09
    p = p * y - 1.9551358868985616e-09
    p = p * y + 3.197926671666804e-08
    p = p * y + 1.879082322370048e-08
    p = p * y - 2.4857126248016745e-07
    p = p * y - 5.084465378687302e-08
    p = p * y + 1.7419821586224816e-06
    p = p * y - 9.792625707303523e-07
    p = p * y - 1.1438048033346894e-05
    p = p * y + 2.2387565714911816e-05
    p = p * y + 5.164652974177416e-05
    p = p * y - 0.00029015535246077655
    p = p * y + 0.000293714378044958
    p = p * y + 0.0017556261651970652
    p = p * y - 0.009746579683265262
    p = p * y + 0.02836227737211114
    p = p * y - 0.05869339857664934
    p = p * y + 0.09230432116428125
    p = p * y - 0.10880393014244462
    p = p * y + 0.08227673848999506
    p = p * y + 0.0035854154854790257
    p = p * y - 0.14024059858554525
    p = p * y + 1.2375126308378275
    return 0.5 * p / (1.0 + 2.0 * u)


@inline
def log_normal_mass(x):
    """Log of the standard normal distribution function, its relative error near rounding on both sides."""
    tail, half = scaled_normal_tail(ROOT_HALF * abs(x)), 0.5 * x * x
    beyond = -tail * exp(-half)
    # One logarithm for both sides: of the tail's factor below zero, of one less the tail above.
    rounded = 1.0 + beyond
    found = log(rounded if x > 0.0 else tail)
    above = beyond if rounded == 1.0 else found * (beyond / (rounded - 1.0))
    return above if x > 0.0 else found - half


@inline
def squared_sine(x):
    """sin(x)**2, for |x| up to 1e9 to some 1e-16: x less the nearest multiple of pi, in three parts, and the series."""
    whole = (x * ONE_OVER_PI + _MAGIC) - _MAGIC
    r = ((x - whole * PI_FIRST) - whole * PI_SECOND) - whole * PI_THIRD
    z = r * r
    p = -8.22063524662433e-18
    p = p * z + 2.8114572543455206e-15
    p = p * z - 7.647163731819816e-13
    p = p * z + 1.6059043836821613e-10
    p = p * z - 2.505210838544172e-08
    p = p * z + 2.7557319223985893e-06
    p = p * z - 0.0001984126984126984
    p = p * z + 0.008333333333333333
    p = p * z - 0.16666666666666666
    sine = r + r * (z * p)
    return sine * sine


__all__ = ["LARGEST_EXPONENT", "exp", "log", "log_normal_mass", "scaled_normal_tail", "squared_sine"]
