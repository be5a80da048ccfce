"""Log densities from the textbook formulas, in 50 digits, and far-out values to compare them at.

Each row of `SCALAR_DISTRIBUTIONS` (and of `EVENT_DISTRIBUTIONS` in tests/exact_events.py) is one family's own formula
as a list of terms: their sum is the log density, the sum of their sizes is what its accuracy is measured by. Gamma
functions that belong together (a beta function, a binomial coefficient) are one term, so that their cancellation is the
package's to avoid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from mpmath import mp, mpf

DIGITS = 50

Values = tuple[float, ...]


@dataclass(frozen=True)
class Exact:
    """One family's textbook formula.

    Attributes
    ----------
    terms : callable
        (x, *parameters), numbers of many digits -> the terms whose sum is the log density.
    values : tuple of tuples
        Where it is compared: (x, *parameters).
    """

    terms: Callable[..., list[Any]]
    values: tuple[Values, ...]


def evaluated(terms: Callable[..., list[Any]], values: tuple[Any, ...]) -> tuple[float, float]:
    """The log density, and the sum of the sizes of its terms."""
    with mp.workdps(DIGITS):
        found = terms(*[mpf(v) if np.ndim(v) == 0 else v for v in values])
        return float(mp.fsum(found)), float(mp.fsum(abs(t) for t in found))


# -------------------------------------------------------------------- terms


def log_beta(a: Any, b: Any) -> Any:
    """Log of the beta function; what cancels needs more digits than the answer has."""
    with mp.extradps(20):
        return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_choose(n: Any, k: Any) -> Any:
    """Log of a binomial coefficient."""
    return -mp.log(n + 1) - log_beta(n - k + 1, k + 1)


def times(weight: Any, logarithm: Callable[[Any], Any], value: Any) -> Any:
    """Weight times a logarithm, nothing where the weight is."""
    return weight * logarithm(value) if weight else mpf(0)


def minus(p: Any) -> Any:
    """log(1 - p)."""
    return mp.log1p(-p)


def normal(x: Any, mean: Any, precision: Any) -> list[Any]:
    return [mp.log(precision) / 2, -mp.log(2 * mp.pi) / 2, -precision * (x - mean) ** 2 / 2]


def lognormal(x: Any, mean: Any, precision: Any) -> list[Any]:
    # the distance is a difference of logs: the two halves of the square's slope in them are terms of this formula
    distance = mp.log(x) - mean
    cross = precision * distance * mp.log(x) / 2, -precision * distance * mean / 2
    return [mp.log(precision) / 2, -mp.log(2 * mp.pi) / 2, -mp.log(x), -cross[0], -cross[1]]


def log_normal_mass(z: Any) -> Any:
    """Log of the standard normal distribution function."""
    return mp.log(mp.erfc(-z / mp.sqrt(2)) / 2) if z < 0 else mp.log1p(-mp.erfc(z / mp.sqrt(2)) / 2)


def truncated_normal(x: Any, mean: Any, precision: Any, lower: Any, upper: Any) -> list[Any]:
    a, b = ((end - mean) * mp.sqrt(precision / 2) for end in (lower, upper))
    if a + b > 0:
        a, b = -b, -a
    with mp.workdps(4 * DIGITS):  # a narrow stretch of a far tail
        mass = (mp.erfc(-b) - mp.erfc(-a)) / 2
    return [*normal(x, mean, precision), -mp.log(mass)]


def skew_normal(x: Any, location: Any, precision: Any, skewness: Any) -> list[Any]:
    z = mp.sqrt(precision) * (x - location)
    return [mp.log(2), *normal(x, location, precision), log_normal_mass(skewness * z)]


def student_t(x: Any, location: Any, precision: Any, freedom: Any) -> list[Any]:
    constant = -log_beta(freedom / 2, mpf(1) / 2) + mp.log(precision / freedom) / 2
    return [constant, -(freedom + 1) / 2 * mp.log1p(precision * (x - location) ** 2 / freedom)]


def half_student_t(x: Any, freedom: Any, scale: Any) -> list[Any]:
    return [mp.log(2), *student_t(x, mpf(0), 1 / scale**2, freedom)]


def cauchy(x: Any, location: Any, scale: Any) -> list[Any]:
    return [-mp.log(mp.pi), -mp.log(scale), -mp.log1p(((x - location) / scale) ** 2)]


def half_cauchy(x: Any, location: Any, scale: Any) -> list[Any]:
    above = mp.atan2(scale, -location) / mp.pi
    return [*cauchy(x, location, scale), -mp.log(above)]


def logistic(x: Any, location: Any, rate: Any) -> list[Any]:
    z = rate * abs(x - location)
    return [mp.log(rate), -z, -2 * mp.log1p(mp.exp(-z))]


def gamma(x: Any, shape: Any, rate: Any) -> list[Any]:
    return [shape * mp.log(rate), -mp.loggamma(shape), (shape - 1) * mp.log(x), -rate * x]


def inverse_gamma(x: Any, shape: Any, scale: Any) -> list[Any]:
    return [shape * mp.log(scale), -mp.loggamma(shape), -(shape + 1) * mp.log(x), -scale / x]


def chi_squared(x: Any, freedom: Any) -> list[Any]:
    return gamma(x, freedom / 2, mpf(1) / 2)


def weibull(x: Any, shape: Any, scale: Any) -> list[Any]:
    return [mp.log(shape / scale), (shape - 1) * mp.log(x / scale), -((x / scale) ** shape)]


def beta(x: Any, a: Any, b: Any) -> list[Any]:
    return [-log_beta(a, b), times(a - 1, mp.log, x), times(b - 1, minus, x)]


def von_mises(x: Any, location: Any, concentration: Any) -> list[Any]:
    bessel = mp.besseli(0, concentration)
    return [concentration * mp.cos(x - location), -mp.log(2 * mp.pi), -mp.log(bessel)]


def bernoulli(x: Any, p: Any) -> list[Any]:
    return [mp.log(p) if x else minus(p)]


def binomial(x: Any, n: Any, p: Any) -> list[Any]:
    return [log_choose(n, x), times(x, mp.log, p), times(n - x, minus, p)]


def geometric(x: Any, p: Any) -> list[Any]:
    return [mp.log(p), times(x - 1, minus, p)]


def poisson(x: Any, mean: Any) -> list[Any]:
    return [x * mp.log(mean), -mean, -mp.loggamma(x + 1)]


def negative_binomial(x: Any, mean: Any, dispersion: Any) -> list[Any]:
    ways = -mp.log(x) - log_beta(x, dispersion) if x else mpf(0)
    return [ways, -x * mp.log1p(dispersion / mean), -dispersion * mp.log1p(mean / dispersion)]


def beta_binomial(x: Any, a: Any, b: Any, n: Any) -> list[Any]:
    return [log_choose(n, x), log_beta(x + a, n - x + b), -log_beta(a, b)]


def inflated(law: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Zeros of their own beside those of a distribution."""

    def terms(x: Any, extra: Any, *parameters: Any) -> list[Any]:
        if x:
            return [minus(extra), *law(x, *parameters)]
        with mp.workdps(700):  # the sum of 1e-300 and numbers near 1
            return [mp.log(extra + (1 - extra) * mp.exp(mp.fsum(law(x, *parameters))))]

    return terms


def hurdle(law: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Zeros apart, and a distribution given that it is above zero."""

    def terms(x: Any, zero: Any, *parameters: Any) -> list[Any]:
        if not x:
            return [mp.log(zero)]
        above = -mp.expm1(mp.fsum(law(mpf(0), *parameters)))
        return [minus(zero), *law(x, *parameters), -mp.log(above)]

    return terms


def zero_apart(law: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Zeros apart, and a positive continuous distribution."""
    return lambda x, zero, *parameters: [minus(zero), *law(x, *parameters)] if x else [mp.log(zero)]


def borders_apart(x: Any, border: Any, one: Any, a: Any, b: Any) -> list[Any]:
    if x in (0, 1):
        return [mp.log(border), mp.log(one) if x else minus(one)]
    return [minus(border), *beta(x, a, b)]


def with_zeros(rows: tuple[Values, ...]) -> tuple[Values, ...]:
    """Each row with some probabilities of zero behind its x, and a zero with each of the probabilities."""
    found = tuple((x, p, *parameters) for (x, *parameters), p in product(rows, PROBABILITIES[::2]))
    return (*found, *((0.0, p, *rows[0][1:]) for p in PROBABILITIES))


# -------------------------------------------------------------------- where


RATIOS = (1e-8, 1e-3, 0.3, 1.0, 6.5, 38.0, 1e3, 1e8)
SCALES = (1e-6, 1.0, 3e5)
SHAPES = (1e-3, 0.3, 1.0, 2.5, 40.0, 1e6)
PROBABILITIES = (1e-300, 1e-16, 1e-3, 0.5, 0.999, 1.0 - 2.0**-53)
COUNTS = (0.0, 1.0, 2.0, 9.0, 249.0, 250.0, 1e5, 1e9)
MEANS = (1e-300, 1e-8, 0.3, 4.0, 1e3, 1e9)


def around(locations: tuple[float, ...] = (0.0, -3.7, 1e5), scales: Values = SCALES) -> Iterator[tuple[Values, float]]:
    """(x, location), scale: on both sides of the location."""
    for location, scale, ratio, side in product(locations, scales, RATIOS, (-1.0, 1.0)):
        yield (location + side * ratio * scale, location), scale
    yield (1.0, 1.0), 0.5


def by_precision() -> tuple[Values, ...]:
    return tuple((*pair, 1.0 / scale**2) for pair, scale in around())


def by_rate() -> tuple[Values, ...]:
    return tuple((*pair, 1.0 / scale) for pair, scale in around())


def by_scale() -> tuple[Values, ...]:
    return tuple((*pair, scale) for pair, scale in around())


def above_zero(inverted: bool = False) -> tuple[Values, ...]:
    """x, shape, and a scale or rate in whose units x is far out."""
    cases = product(SHAPES, (1e-290, *SCALES), RATIOS)
    return tuple((ratio * scale, shape, 1.0 / scale if inverted else scale) for shape, scale, ratio in cases)


def counts_below() -> tuple[Values, ...]:
    """x, trials, probability."""
    pairs = [(x, n) for x in COUNTS for n in (*COUNTS, x + 1.0, 2.0 * x) if x <= n]
    pairs += [(n - 1.0, n) for n in COUNTS[1:]]
    return tuple((x, n, p) for (x, n), p in product(pairs, PROBABILITIES))


LOCATIONS_OF_CUT = (0.0, 2.0, -2.0, 1e5, -1e5, -1e9)
ANGLES = (-3.0, -1.5, -1e-8, 0.0, 1e-3, 0.7, 3.14)
STRETCHES = ((-1.0, 2.0), (0.0, 1e-8), (5.0, 5.5), (30.0, 31.0), (-1e3, -999.999), (0.5, np.inf), (-np.inf, -40.0))
SHARES = (0.0, 0.3, 1.0)


def between() -> Iterator[Values]:
    """x, mean, precision and the bounds, which lie some scales from the mean."""
    for (low, high), mean, scale in product(STRETCHES, (0.0, -3.7), SCALES):
        lower, upper = mean + scale * low, mean + scale * high
        for share in SHARES:
            inside = lower + share * (upper - lower) if np.isfinite(upper - lower) else max(lower, -1e300)
            yield min(inside, upper), mean, scale**-2, lower, upper


def whole(parameters: tuple[Values, ...]) -> tuple[Values, ...]:
    """Every count with every one of some columns of parameters."""
    return tuple(product(COUNTS, *parameters))


SCALAR_LAWS: dict[str, Exact] = {
    "Normal": Exact(normal, by_precision()),
    "Uniform": Exact(
        lambda x, lower, upper: [-mp.log(upper - lower)],
        tuple((x, x - s * r, x + s) for x in (0.0, -3.7, 1e5) for s in (1e-3, 1.0, 3e5) for r in (0.0, 1e-3, 1e8)),
    ),
    "Bernoulli": Exact(bernoulli, tuple(product((0.0, 1.0), PROBABILITIES))),
    "Beta": Exact(beta, tuple(product((1e-300, 1e-9, 0.1, 0.5, 0.9, 1.0 - 2.0**-53), SHAPES, SHAPES))),
    "Binomial": Exact(binomial, counts_below()),
    "Gamma": Exact(gamma, above_zero(inverted=True)),
    "InverseGamma": Exact(inverse_gamma, above_zero()),
    "Exponential": Exact(
        lambda x, rate: [mp.log(rate), -rate * x], tuple((r * s, 1.0 / s) for r, s in product(RATIOS, SCALES))
    ),
    "Poisson": Exact(poisson, whole((MEANS,))),
    "NegativeBinomial": Exact(negative_binomial, whole((MEANS, SHAPES))),
    "Lognormal": Exact(
        lognormal,
        tuple(product((1e-300, 1e-8, 0.999, 1.0, 2.7, 1e8, 1e300), (0.0, -3.7, 600.0), (1e-12, 1.0, 1e6))),
    ),
    "HalfNormal": Exact(
        lambda x, precision: [mp.log(2), *normal(x, mpf(0), precision)],
        tuple((r * s, s**-2) for r, s in product((0.0, *RATIOS), SCALES)),
    ),
    "HalfCauchy": Exact(
        half_cauchy, tuple((r * s, m, s) for r, m, s in product((0.0, *RATIOS), LOCATIONS_OF_CUT, SCALES))
    ),
    "StudentT": Exact(student_t, tuple((*row, f) for row in by_precision() for f in SHAPES)),
    "HalfStudentT": Exact(half_student_t, tuple((r * s, f, s) for r, f, s in product((0.0, *RATIOS), SHAPES, SCALES))),
    "DiscreteUniform": Exact(
        lambda x, lower, upper: [-mp.log(upper - lower + 1)],
        tuple((x, x - a, x + b) for x, a, b in product((0.0, 7.0, -1e9), COUNTS, COUNTS)),
    ),
    "Weibull": Exact(weibull, above_zero()),
    "Laplace": Exact(lambda x, mean, rate: [mp.log(rate), -mp.log(2), -rate * abs(x - mean)], by_rate()),
    "Cauchy": Exact(cauchy, by_scale()),
    "Logistic": Exact(logistic, by_rate()),
    "SkewNormal": Exact(skew_normal, tuple((*row, a) for row in by_precision() for a in (0.0, -0.7, 30.0))),
    "Chi2": Exact(chi_squared, tuple(product((1e-300, *RATIOS), SHAPES))),
    "VonMises": Exact(von_mises, tuple(product(ANGLES, (0.0, 0.7, -7.0, 1e3), (0.0, 1e-8, 0.5, 29.9, 30.1, 1e6)))),
    "Geometric": Exact(geometric, tuple(product(COUNTS[1:], PROBABILITIES))),
    "BetaBinomial": Exact(
        beta_binomial, tuple((x, a, b, n) for x, n, _ in counts_below()[::6] for a, b in product(SHAPES, SHAPES))
    ),
    "ZeroInflatedPoisson": Exact(inflated(poisson), whole((PROBABILITIES, MEANS))),
    "ZeroInflatedBinomial": Exact(
        inflated(binomial), tuple((x, e, n, p) for x, n, p in counts_below() for e in (1e-300, 0.3, 1.0 - 2.0**-53))
    ),
    "ZeroInflatedNegativeBinomial": Exact(inflated(negative_binomial), whole(((1e-300, 0.3), MEANS, SHAPES))),
    "HurdlePoisson": Exact(hurdle(poisson), whole((PROBABILITIES, MEANS))),
    "HurdleNegativeBinomial": Exact(hurdle(negative_binomial), whole(((1e-300, 0.3), MEANS, SHAPES))),
    "HurdleGamma": Exact(zero_apart(gamma), with_zeros(above_zero(inverted=True)[::3])),
    "HurdleLognormal": Exact(
        zero_apart(lognormal),
        with_zeros(tuple(product((1e-300, 1e-8, 1.0, 2.7, 1e300), (0.0, -3.7, 600.0), (1e-12, 1.0, 1e6)))),
    ),
    "ZeroOneInflatedBeta": Exact(
        borders_apart,
        tuple(product((0.0, 1e-300, 0.1, 1.0 - 2.0**-53, 1.0), (1e-300, 0.3), PROBABILITIES[:3], SHAPES[:3], SHAPES)),
    ),
    "TruncatedNormal": Exact(truncated_normal, tuple(between())),
}
