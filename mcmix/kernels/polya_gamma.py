"""Polya-Gamma numbers, which make logistic rows normal ones given them.

Polson, Scott and Windle (2013), "Bayesian inference for logistic models using Polya-Gamma latent variables", Journal of
the American Statistical Association 108, theorem 1: the logistic likelihood of a row with linear predictor psi is,
given omega ~ PG(1, psi), that of a normal row with precision omega and value (y - 1/2) / omega.
"""

from __future__ import annotations

import math

from mcmix.kernels.base import helper, inline
from mcmix.kernels.random import standard_exponential, standard_normal, uniform

CUT = 0.64  # where the series for small and large values change over
SQUARED_PI = math.pi * math.pi


@inline
def _coefficient(n, x):
    """Term n of the alternating series of the density at x (their equation 13)."""
    half = n + 0.5
    if x > CUT:
        return math.pi * half * math.exp(-0.5 * half * half * SQUARED_PI * x)
    return math.pi * half * (2.0 / (math.pi * x)) ** 1.5 * math.exp(-2.0 * half * half / x)


@inline
def _normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@inline
def _short(stream, tilt):
    """An inverse normal number with mean 1 / tilt and shape 1, given that it is at most CUT (algorithms 2 and 3)."""
    if tilt * CUT < 1.0:
        while True:
            first, second = standard_exponential(stream), standard_exponential(stream)
            if first * first > 2.0 * second / CUT:
                continue
            root = 1.0 + CUT * first
            x = CUT / (root * root)
            if uniform(stream) <= math.exp(-0.5 * tilt * tilt * x):
                return x
    mean = 1.0 / tilt
    while True:
        y = standard_normal(stream)
        y *= y
        # Michael, Schucany and Haas (1976), "Generating random variates using transformations with multiple roots"
        x = mean + 0.5 * mean * mean * y - 0.5 * mean * math.sqrt(4.0 * mean * y + mean * mean * y * y)
        if uniform(stream) > mean / (mean + x):
            x = mean * mean / x
        if x <= CUT:
            return x


@helper()
def polya_gamma(stream, psi):
    """A draw from PG(1, psi) (their section 4: Devroye's method of alternating series)."""
    tilt = 0.5 * abs(psi)
    rate = 0.125 * SQUARED_PI + 0.5 * tilt * tilt
    far = 0.5 * math.pi / rate * math.exp(-rate * CUT)
    root = 1.0 / math.sqrt(CUT)
    near = 2.0 * math.exp(-tilt) * _normal_cdf(root * (CUT * tilt - 1.0))
    # exp(2 tilt) times a normal tail: both exponents in one, where the first would overflow
    tail = _normal_cdf(-root * (CUT * tilt + 1.0))
    near += 2.0 * math.exp(tilt + math.log(tail)) if tail > 0.0 else 0.0
    while True:
        if uniform(stream) * (far + near) < far:
            x = CUT + standard_exponential(stream) / rate
        else:
            x = _short(stream, tilt)
        total = _coefficient(0, x)
        level = uniform(stream) * total
        n = 0
        while True:
            n += 1
            if n % 2 == 1:
                total -= _coefficient(n, x)
                if level <= total:
                    return 0.25 * x
            else:
                total += _coefficient(n, x)
                if level > total:
                    break


__all__ = ["polya_gamma"]
