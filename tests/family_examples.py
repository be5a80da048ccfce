"""Example parameters of every family, the distribution that scipy gives for them, and where to compare the two.

A new family needs one row in `EXAMPLES`; the tests that run over all families fail until it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import gammaln


@dataclass(frozen=True)
class Example:
    """What tests need to know about one family.

    Parameters
    ----------
    parameters : tuple of tuples
        Sets of canonical parameters inside their constraints, the most usual first.
    distribution : callable
        (*parameters) -> object with scipy's `logpdf` or `logpmf`, `cdf`, `mean` and `var`.
    points : tuple of float
        Where log densities are compared: edges, bulk and far tails; some lie off the support of some parameters.
    outside : tuple of float
        Off the support whatever the parameters.
    border : tuple of tuples
        Sets of parameters on the border of their constraints that are still legal.
    broken : tuple of tuples
        Sets of parameters that break a constraint.
    known : tuple of str
        Parameters that the finite statistics take as known constants.
    """

    parameters: tuple[tuple[Any, ...], ...]
    law: Callable[..., Any]
    points: tuple[float, ...] = ()
    outside: tuple[float, ...] = ()
    border: tuple[tuple[Any, ...], ...] = ()
    broken: tuple[tuple[Any, ...], ...] = ()
    known: tuple[str, ...] = ()


class CutCauchy:
    """Cauchy distribution cut off below zero, from scipy's Cauchy."""

    def __init__(self, location: float, scale: float):
        self.whole = stats.cauchy(location, scale)

    def logpdf(self, x: Any) -> Any:
        """Log density, renormalised by the mass above zero."""
        return np.where(np.asarray(x) >= 0.0, self.whole.logpdf(x) - self.whole.logsf(0.0), -np.inf)

    def cdf(self, x: Any) -> Any:
        """Mass between zero and x."""
        below = self.whole.cdf(0.0)
        return (self.whole.cdf(np.maximum(x, 0.0)) - below) / (1.0 - below)

    def mean(self) -> float:
        """No mean exists."""
        return float("nan")

    def var(self) -> float:
        """No variance exists."""
        return float("nan")


class HalfStudent:
    """Absolute value of scipy's Student t."""

    def __init__(self, freedom: float, scale: float):
        self.freedom, self.scale, self.whole = freedom, scale, stats.t(freedom, 0.0, scale)

    def logpdf(self, x: Any) -> Any:
        """Log density."""
        return np.where(np.asarray(x) >= 0.0, np.log(2.0) + self.whole.logpdf(x), -np.inf)

    def cdf(self, x: Any) -> Any:
        """Mass up to x: an F distribution's of the squared ratio, or the density at zero times x where that
        underflows.
        """
        ratio = np.maximum(x, 0.0) / self.scale
        near = 2.0 * stats.t(self.freedom).pdf(0.0) * ratio
        return np.where(ratio < 1e-30, near, stats.f(1.0, self.freedom).cdf(ratio * ratio))

    def sf(self, x: Any) -> Any:
        """Mass above x: far out by its power distribution, where scipy's squares overflow."""
        ratio = np.maximum(x, 0.0) / self.scale
        standard = stats.t(self.freedom)
        far = 2.0 * standard.sf(1e10) * np.maximum(ratio / 1e10, 1.0) ** -self.freedom
        return np.where(ratio > 1e10, far, 2.0 * standard.sf(np.minimum(ratio, 1e10)))

    def ppf(self, q: Any) -> Any:
        """Point below which a share lies."""
        return self.whole.isf(0.5 - 0.5 * np.asarray(q))

    def isf(self, q: Any) -> Any:
        """Point above which a share lies."""
        return self.whole.isf(0.5 * np.asarray(q))

    def mean(self) -> float:
        """Not compared."""
        return float("nan")

    def var(self) -> float:
        """Not compared."""
        return float("nan")


class CircleLaw:
    """Von Mises distribution on [-pi, pi]; scipy's lives on the whole line, wrapped around."""

    def __init__(self, location: float, concentration: float):
        self.whole = stats.vonmises(concentration, location)

    def logpdf(self, x: Any) -> Any:
        """Log density, on one turn only."""
        return np.where(np.abs(x) <= np.pi, self.whole.logpdf(x), -np.inf)

    def cdf(self, x: Any) -> Any:
        """Mass between -pi and x."""
        return self.whole.cdf(x) - self.whole.cdf(-np.pi)

    def mean(self) -> float:
        """Not compared: the mean on the line depends on where the circle is cut."""
        return float("nan")

    def var(self) -> float:
        """Not compared."""
        return float("nan")


class ExtraZeros:
    """A mixture of a structural zero and one of scipy's distributions of counts."""

    def __init__(self, extra: float, counts: Any):
        self.extra, self.counts = extra, counts

    def logpmf(self, x: Any) -> Any:
        """Log mass, the two sources of zeros added."""
        from_counts = np.log1p(-self.extra) + self.counts.logpmf(x)
        return np.where(np.asarray(x) == 0.0, np.logaddexp(np.log(self.extra), from_counts), from_counts)

    def cdf(self, x: Any) -> Any:
        """Mass up to x."""
        return np.where(np.asarray(x) >= 0.0, self.extra, 0.0) + (1.0 - self.extra) * self.counts.cdf(x)

    def mean(self) -> Any:
        """Mean."""
        return (1.0 - self.extra) * self.counts.mean()

    def var(self) -> Any:
        """Variance, from the second moment."""
        return (1.0 - self.extra) * (self.counts.var() + self.counts.mean() ** 2) - self.mean() ** 2


class ZerosApart(ExtraZeros):
    """Zero with a probability of its own, else one of scipy's distributions of counts given that it is above zero."""

    def __init__(self, zero: float, counts: Any):
        super().__init__(zero, counts)
        self.above = counts.sf(0)
        self.share = (1.0 - zero) / self.above

    def logpmf(self, x: Any) -> Any:
        """Log mass."""
        above = np.log1p(-self.extra) - np.log(self.above) + self.counts.logpmf(x)
        return np.where(np.asarray(x) == 0.0, np.log(self.extra), above)

    def cdf(self, x: Any) -> Any:
        """Mass up to x."""
        below = self.extra + self.share * (self.counts.cdf(x) - self.counts.cdf(0))
        return np.where(np.asarray(x) >= 0.0, below, 0.0)

    def mean(self) -> Any:
        """Mean."""
        return self.share * self.counts.mean()

    def var(self) -> Any:
        """Variance, from the second moment."""
        return self.share * (self.counts.var() + self.counts.mean() ** 2) - self.mean() ** 2


class PointsApart:
    """Points with masses of their own at the ends of one of scipy's continuous distributions, which has the rest."""

    def __init__(self, masses: dict[float, float], between: Any):
        self.masses, self.between = masses, between
        self.share = 1.0 - sum(masses.values())
        self.low = masses.get(0.0, 0.0)
        self.high = masses.get(1.0, 0.0)

    def logpdf(self, x: Any) -> Any:
        """Log mass at the points, log density elsewhere."""
        found = np.log(self.share) + self.between.logpdf(x)
        for point, mass in self.masses.items():
            found = np.where(np.asarray(x) == point, np.log(mass), found)
        return found

    def cdf(self, x: Any) -> Any:
        """Mass up to x."""
        x = np.asarray(x)
        up_to = sum(np.where(x >= point, mass, 0.0) for point, mass in self.masses.items())
        return np.where((x >= 1.0) & (1.0 in self.masses), 1.0, up_to + self.share * self.between.cdf(x))

    def sf(self, x: Any) -> Any:
        """Mass above x."""
        x = np.asarray(x)
        above = sum(np.where(x < point, mass, 0.0) for point, mass in self.masses.items())
        return np.where(x < 0.0, 1.0, above + self.share * self.between.sf(x))

    def ppf(self, q: Any) -> Any:
        """Point below which a share lies."""
        return self.between.ppf(np.clip((np.asarray(q) - self.low) / self.share, 0.0, 1.0))

    def isf(self, q: Any) -> Any:
        """Point above which a share lies."""
        return self.between.isf(np.clip((np.asarray(q) - self.high) / self.share, 0.0, 1.0))

    def mean(self) -> Any:
        """Mean."""
        return self.high + self.share * self.between.mean()

    def var(self) -> Any:
        """Variance, from the second moment."""
        squares = self.high + self.share * (self.between.var() + self.between.mean() ** 2)
        return squares - self.mean() ** 2


def negative_binomial(mean: float, dispersion: float) -> Any:
    """scipy's distribution in our parameters."""
    return stats.nbinom(dispersion, dispersion / (dispersion + mean))


def truncated_normal(mean: float, precision: float, lower: float, upper: float) -> Any:
    """scipy's distribution in our parameters."""
    scale = precision**-0.5
    return stats.truncnorm((lower - mean) / scale, (upper - mean) / scale, mean, scale)


REAL_LINE = (-1e10, -1e3, -7.5, -1.0, -1e-3, 0.0, 1e-8, 0.4, 1.0, 3.25, 40.0, 1e4, 1e12)
HALF_LINE = (1e-12, 1e-5, 0.03, 0.5, 1.0, 2.75, 30.0, 1e3, 1e7)
UNIT_INTERVAL = (0.0, 1e-300, 1e-20, 1e-4, 0.2, 0.5, 0.875, 1.0 - 1e-9, float(np.nextafter(1.0, 0.0)), 1.0)
COUNTS = (0.0, 1.0, 2.0, 3.0, 7.0, 8.0, 25.0, 400.0, 1e5)
OFF_COUNTS = (-1.0, -1e-9, 0.5, 2.999999, -1e300, float("inf"), float("-inf"))
OFF_HALF_LINE = (-5e-324, -1e-9, -1.0, -1e300, float("-inf"), float("inf"))

EXAMPLES: dict[str, Example] = {
    "Normal": Example(
        parameters=((0.3, 1.7), (-2.0, 0.01), (30.0, 400.0)),
        law=lambda mean, precision: stats.norm(mean, precision**-0.5),
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "Uniform": Example(
        parameters=((-1.0, 2.5), (0.0, 1e-6), (1e3, 1e9)),
        law=lambda lower, upper: stats.uniform(lower, upper - lower),
        points=(*REAL_LINE, 2.5, 1e3, 1e9),
        outside=(float("inf"), float("-inf")),
        broken=((1.0, 1.0), (1.0, 0.5), (float("-inf"), float("inf"))),
    ),
    "Bernoulli": Example(
        parameters=((0.3,), (1e-20,), (0.999,)),
        law=stats.bernoulli,
        points=(0.0, 1.0),
        outside=(-1.0, 0.5, 2.0, 1e-300, float("inf")),
        border=((0.0,), (1.0,)),
        broken=((-1e-9,), (1.0 + 1e-9,)),
    ),
    "Beta": Example(
        parameters=((2.5, 0.7), (1.0, 1.0), (0.02, 30.0), (1.0, 4.0), (3.0, 1.0), (800.0, 1e3)),
        law=stats.beta,
        points=UNIT_INTERVAL,
        outside=(-1e-300, 1.0 + 1e-12, -5.0, float("inf"), float("-inf")),
        broken=((0.0, 1.0), (1.0, 0.0), (-2.0, 1.0)),
    ),
    "Binomial": Example(
        parameters=((8.0, 0.35), (25.0, 1e-12), (400.0, 0.98), (1.0, 0.5)),
        law=stats.binom,
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((8.0, 0.0), (8.0, 1.0), (0.0, 0.4)),
        broken=((8.5, 0.3), (-1.0, 0.3), (8.0, -0.1), (8.0, 1.1)),
        known=("trials",),
    ),
    "Gamma": Example(
        parameters=((2.5, 0.8), (1.0, 3.0), (0.05, 1e-3), (300.0, 40.0)),
        law=lambda shape, rate: stats.gamma(shape, scale=1.0 / rate),
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, -1.0)),
    ),
    "InverseGamma": Example(
        parameters=((3.5, 0.8), (1.0, 3.0), (0.05, 1e-3), (300.0, 40.0)),
        law=lambda shape, scale: stats.invgamma(shape, scale=scale),
        points=HALF_LINE,
        outside=(*OFF_HALF_LINE, 0.0),
        broken=((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, -1.0)),
    ),
    "Exponential": Example(
        parameters=((0.8,), (1e-4,), (1e5,)),
        law=lambda rate: stats.expon(scale=1.0 / rate),
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0,), (-1.0,)),
    ),
    "Poisson": Example(
        parameters=((3.2,), (1e-8,), (1e5,)),
        law=stats.poisson,
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0,),),
        broken=((-1e-9,),),
    ),
    "NegativeBinomial": Example(
        parameters=((3.2, 1.5), (40.0, 0.02), (0.01, 7.0), (1e4, 30.0)),
        law=negative_binomial,
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 2.0),),
        broken=((-1.0, 1.0), (1.0, 0.0), (1.0, -1.0)),
    ),
    "Lognormal": Example(
        parameters=((0.3, 2.5), (-2.0, 30.0), (10.0, 0.5)),
        law=lambda mean, precision: stats.lognorm(precision**-0.5, scale=np.exp(mean)),
        points=HALF_LINE,
        outside=(*OFF_HALF_LINE, 0.0),
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "HalfNormal": Example(
        parameters=((0.8,), (1e-6,), (1e4,)),
        law=lambda precision: stats.halfnorm(scale=precision**-0.5),
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0,), (-1.0,)),
    ),
    "HalfCauchy": Example(
        parameters=((0.0, 2.5), (3.0, 0.5), (-4.0, 0.7), (-1e5, 1.0), (1e4, 0.1)),
        law=CutCauchy,
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "StudentT": Example(
        parameters=((0.3, 1.7, 4.5), (-2.0, 0.01, 0.6), (10.0, 400.0, 30.0), (0.0, 1.0, 1.0)),
        law=lambda location, precision, freedom: stats.t(freedom, location, precision**-0.5),
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, -1.0, 1.0), (0.0, 1.0, -1.0)),
    ),
    "HalfStudentT": Example(
        parameters=((4.5, 0.8), (0.6, 10.0), (30.0, 1e-3), (1.0, 1e4)),
        law=HalfStudent,
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0, 1.0), (-1.0, 1.0), (3.0, 0.0), (3.0, -1.0)),
    ),
    "DiscreteUniform": Example(
        parameters=((0.0, 8.0), (-3.0, 25.0), (7.0, 7.0)),
        law=lambda lower, upper: stats.randint(lower, upper + 1.0),
        points=(*COUNTS, -3.0, -4.0, 26.0),
        outside=(0.5, 2.999999, -2.5, float("inf"), float("-inf")),
        broken=((3.0, 2.0), (0.5, 3.0), (0.0, 3.5)),
    ),
    "Categorical": Example(
        parameters=(((0.2, 0.5, 0.3),), ((0.0, 1.0),), ((0.05,) * 20,)),
        law=lambda probabilities: stats.rv_discrete(values=(np.arange(len(probabilities)), probabilities)),
        points=(0.0, 1.0, 2.0, 5.0),
        outside=(-1.0, 0.5, 20.0, float("inf")),
        broken=(((0.2, 0.2),), ((-0.5, 1.5),)),
    ),
    "Dirichlet": Example(
        parameters=(((2.0, 0.5, 3.0),), ((1.0, 1.0),), ((0.1,) * 5,)),
        law=lambda concentration: stats.dirichlet(concentration),
        broken=(((0.0, 1.0),), ((-1.0, 3.0),)),
    ),
    "Weibull": Example(
        parameters=((1.7, 2.5), (1.0, 3.0), (0.3, 1e-3), (30.0, 1e3)),
        law=lambda shape, scale: stats.weibull_min(shape, scale=scale),
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, -1.0)),
    ),
    "Laplace": Example(
        parameters=((0.3, 1.7), (-2.0, 0.01), (30.0, 400.0)),
        law=lambda mean, rate: stats.gennorm(1.0, mean, 1.0 / rate),  # its `laplace` takes logs of underflown densities
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "Cauchy": Example(
        parameters=((0.3, 1.7), (-2.0, 0.01), (30.0, 400.0)),
        law=stats.cauchy,
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "Logistic": Example(
        parameters=((0.3, 1.7), (-2.0, 0.01), (30.0, 400.0)),
        law=lambda location, rate: stats.logistic(location, 1.0 / rate),
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0), (0.0, -1.0)),
    ),
    "SkewNormal": Example(
        parameters=((0.3, 1.7, 2.0), (-2.0, 0.01, -0.6), (30.0, 400.0, 0.0), (0.0, 1.0, 25.0)),
        law=lambda location, precision, skewness: stats.skewnorm(skewness, location, precision**-0.5),
        points=REAL_LINE,
        outside=(float("inf"), float("-inf")),
        broken=((0.0, 0.0, 1.0), (0.0, -1.0, 1.0)),
    ),
    "Chi2": Example(
        parameters=((3.5,), (2.0,), (0.1,), (600.0,)),
        law=stats.chi2,
        points=(0.0, *HALF_LINE),
        outside=OFF_HALF_LINE,
        broken=((0.0,), (-1.0,)),
    ),
    "VonMises": Example(
        parameters=((0.3, 1.7), (-2.0, 0.01), (3.1, 35.0), (7.0, 400.0)),
        law=CircleLaw,
        points=(-np.pi, -3.0, -1.2, -1e-9, 0.0, 0.29, 0.5, 2.0, np.pi),
        outside=(float("inf"), float("-inf"), 3.2, -1e10, -3.1416),
        border=((0.3, 0.0),),
        broken=((0.0, -1e-9), (0.0, float("inf"))),
    ),
    "Geometric": Example(
        parameters=((0.3,), (1e-4,), (0.999,)),
        law=stats.geom,
        points=COUNTS,
        outside=(*OFF_COUNTS, 0.0),
        border=((1.0,),),
        broken=((0.0,), (-1e-9,), (1.0 + 1e-9,)),
    ),
    "BetaBinomial": Example(
        parameters=((2.5, 0.7, 8.0), (1.0, 1.0, 25.0), (0.02, 30.0, 400.0), (1e3, 800.0, 25.0)),
        law=lambda alpha, beta, trials: stats.betabinom(trials, alpha, beta),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((2.0, 3.0, 0.0),),
        broken=((0.0, 1.0, 8.0), (1.0, 0.0, 8.0), (1.0, 1.0, 8.5), (1.0, 1.0, -1.0)),
    ),
    "ZeroInflatedPoisson": Example(
        parameters=((0.3, 3.2), (1e-8, 0.02), (0.999, 40.0), (1e-20, 60.0)),
        law=lambda extra, mean: ExtraZeros(extra, stats.poisson(mean)),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 3.2), (1.0, 3.2), (0.4, 0.0)),
        broken=((-1e-9, 1.0), (1.0 + 1e-9, 1.0), (0.5, -1e-9)),
    ),
    "ZeroInflatedBinomial": Example(
        parameters=((0.3, 8.0, 0.35), (1e-9, 25.0, 1e-4), (0.9, 400.0, 0.98)),
        law=lambda extra, trials, probability: ExtraZeros(extra, stats.binom(trials, probability)),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 8.0, 0.3), (1.0, 8.0, 0.3), (0.4, 8.0, 0.0), (0.4, 8.0, 1.0), (0.4, 0.0, 0.3)),
        broken=((-0.1, 8.0, 0.3), (1.1, 8.0, 0.3), (0.5, 8.5, 0.3), (0.5, -1.0, 0.3), (0.5, 8.0, 1.1)),
        known=("trials",),
    ),
    "ZeroInflatedNegativeBinomial": Example(
        parameters=((0.3, 3.2, 1.5), (1e-9, 40.0, 0.02), (0.9, 1e3, 30.0)),
        law=lambda extra, mean, dispersion: ExtraZeros(extra, negative_binomial(mean, dispersion)),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 3.2, 1.5), (1.0, 3.2, 1.5), (0.4, 0.0, 1.5)),
        broken=((-0.1, 1.0, 1.0), (1.1, 1.0, 1.0), (0.5, -1.0, 1.0), (0.5, 1.0, 0.0)),
    ),
    "HurdlePoisson": Example(
        parameters=((0.3, 3.2), (1e-8, 0.02), (0.999, 40.0), (0.5, 1e-3)),
        law=lambda zero, mean: ZerosApart(zero, stats.poisson(mean)),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 3.2), (1.0, 3.2)),
        broken=((-1e-9, 1.0), (1.0 + 1e-9, 1.0), (0.5, 0.0), (0.5, -1.0)),
    ),
    "HurdleNegativeBinomial": Example(
        parameters=((0.3, 3.2, 1.5), (1e-9, 40.0, 0.02), (0.9, 1e3, 30.0), (0.5, 0.02, 7.0)),
        law=lambda zero, mean, dispersion: ZerosApart(zero, negative_binomial(mean, dispersion)),
        points=COUNTS,
        outside=OFF_COUNTS,
        border=((0.0, 3.2, 1.5), (1.0, 3.2, 1.5)),
        broken=((-0.1, 1.0, 1.0), (1.1, 1.0, 1.0), (0.5, 0.0, 1.0), (0.5, 1.0, 0.0)),
    ),
    "HurdleGamma": Example(
        parameters=((0.15, 2.5, 0.8), (1e-8, 0.02, 4.0), (0.999, 40.0, 1e3), (0.5, 1e3, 1.0)),
        law=lambda zero, shape, rate: PointsApart({0.0: zero}, stats.gamma(shape, scale=1.0 / rate)),
        points=(0.0, *HALF_LINE),
        outside=(-1.0, -1e-9, float("inf"), float("-inf")),
        border=((0.0, 2.5, 0.8), (1.0, 2.5, 0.8)),
        broken=((-1e-9, 1.0, 1.0), (1.0 + 1e-9, 1.0, 1.0), (0.5, 0.0, 1.0), (0.5, 1.0, -1.0)),
    ),
    "HurdleLognormal": Example(
        parameters=((0.15, 0.3, 1.7), (1e-8, -2.0, 0.01), (0.999, 5.0, 400.0)),
        law=lambda zero, mean, precision: PointsApart({0.0: zero}, stats.lognorm(precision**-0.5, scale=np.exp(mean))),
        points=(0.0, *HALF_LINE),
        outside=(-1.0, -1e-9, float("-inf")),
        border=((0.0, 0.3, 1.7), (1.0, 0.3, 1.7)),
        broken=((-1e-9, 1.0, 1.0), (1.0 + 1e-9, 1.0, 1.0), (0.5, 1.0, 0.0), (0.5, 1.0, -1.0)),
    ),
    "ZeroOneInflatedBeta": Example(
        parameters=((0.15, 0.4, 2.0, 3.0), (1e-8, 0.999, 0.5, 0.7), (0.9, 1e-9, 40.0, 1.0), (0.3, 0.5, 200.0, 800.0)),
        law=lambda border, one, alpha, beta: PointsApart(
            {0.0: border * (1.0 - one), 1.0: border * one}, stats.beta(alpha, beta)
        ),
        points=(0.0, 1e-9, 1e-3, 0.1, 0.25, 0.5, 0.8, 0.999, 1.0),
        outside=(-1.0, -1e-9, 1.0 + 1e-9, 3.0, float("inf"), float("-inf")),
        border=((0.0, 0.4, 2.0, 3.0), (1.0, 0.4, 2.0, 3.0), (0.4, 0.0, 2.0, 3.0), (0.4, 1.0, 2.0, 3.0)),
        broken=(
            (-0.1, 0.5, 1.0, 1.0),
            (1.1, 0.5, 1.0, 1.0),
            (0.5, -0.1, 1.0, 1.0),
            (0.5, 1.1, 1.0, 1.0),
            (0.5, 0.5, 0.0, 1.0),
            (0.5, 0.5, 1.0, -1.0),
        ),
    ),
    "TruncatedNormal": Example(
        parameters=((0.3, 1.7, -0.5, 2.0), (-2.0, 0.01, 25.0, 60.0), (30.0, 400.0, 0.0, 29.5)),
        law=truncated_normal,
        points=(*REAL_LINE, 1.5, 2.0, 25.0, 29.4, 31.0, 59.0),
        outside=(float("inf"), float("-inf"), -1.0, 60.5),
        border=((0.3, 1.7, float("-inf"), 2.0), (0.3, 1.7, -0.5, float("inf"))),
        broken=((0.0, 0.0, -1.0, 5.0), (0.0, -1.0, -1.0, 5.0), (0.0, 1.0, 2.0, -1.0)),
    ),
}


# Vector and matrix distributions: sets of parameters, SciPy's distribution, the mean; test_vector_distributions.py runs
# over them.
_COVER = np.array([[2.0, 0.9, -0.3], [0.9, 1.5, 0.2], [-0.3, 0.2, 0.7]])
_WIDE = np.array([[4.0, -1.0], [-1.0, 9.0]])


@dataclass(frozen=True)
class VectorExample:
    """What tests need to know about one distribution of vectors or matrices."""

    parameters: tuple[tuple[Any, ...], ...]
    law: Callable[..., Any]
    mean: Callable[..., Any]
    broken: tuple[tuple[Any, ...], ...] = ()


def _transposed(law: Any) -> Any:
    """SciPy's Wishart wants the draws on the last axis."""

    class Distribution:
        def logpdf(self, x: Any) -> Any:
            return law.logpdf(np.moveaxis(np.asarray(x), 0, -1))

    return Distribution()


class CorrelationLaw:
    """LKJ distribution, with the constant that the onion method leads to: other gamma functions than those of the
    vine.
    """

    def __init__(self, concentration: float, dimension: int):
        self.concentration, self.d = concentration, dimension

    def logpdf(self, x: Any) -> Any:
        """Log density."""
        last = self.concentration + 0.5 * (self.d - 1)
        k = np.arange(1, self.d)
        constant = np.sum(gammaln(last) - 0.5 * k * np.log(np.pi) - gammaln(last - 0.5 * k))
        return constant + (self.concentration - 1.0) * np.linalg.slogdet(x)[1]


VECTOR_EXAMPLES: dict[str, VectorExample] = {
    "Multinomial": VectorExample(
        ((10, np.array([0.2, 0.3, 0.5])), (1, np.array([0.9, 0.1])), (40, np.array([0.25, 0.0, 0.75]))),
        lambda n, p: stats.multinomial(n, p),
        lambda n, p: n * p,
    ),
    "MvNormal": VectorExample(
        ((np.array([1.0, -2.0, 0.5]), np.linalg.inv(_COVER)), (np.zeros(2), np.linalg.inv(_WIDE))),
        lambda m, p: stats.multivariate_normal(m, np.linalg.inv(p)),
        lambda m, p: m,
        broken=((np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]])),),
    ),
    "MvNormalCov": VectorExample(
        ((np.array([1.0, -2.0, 0.5]), _COVER), (np.zeros(2), _WIDE), (np.array([3.0]), np.array([[0.25]]))),
        lambda m, c: stats.multivariate_normal(m, c),
        lambda m, c: m,
        broken=((np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]])),),
    ),
    "MvNormalChol": VectorExample(
        ((np.array([1.0, -2.0, 0.5]), np.linalg.cholesky(_COVER)), (np.zeros(2), np.linalg.cholesky(_WIDE))),
        lambda m, f: stats.multivariate_normal(m, f @ f.T),
        lambda m, f: m,
        broken=((np.zeros(2), np.array([[1.0, 0.0], [2.0, -1.0]])),),
    ),
    "Wishart": VectorExample(
        ((5.0, np.linalg.inv(_COVER)), (2.5, _WIDE)),
        lambda n, t: _transposed(stats.wishart(n, np.linalg.inv(t))),
        lambda n, t: n * np.linalg.inv(t),
        broken=((0.5, _WIDE), (5.0, -_WIDE)),
    ),
    "WishartCov": VectorExample(
        ((5.0, _COVER), (2.5, _WIDE)),
        lambda n, c: _transposed(stats.wishart(n, c)),
        lambda n, c: n * c,
        broken=((0.5, _WIDE), (5.0, -_WIDE)),
    ),
    "InverseWishart": VectorExample(
        ((7.0, _COVER), (4.5, _WIDE)),
        lambda n, s: _transposed(stats.invwishart(n, s)),
        lambda n, s: s / (n - len(s) - 1.0),
        broken=((0.5, _WIDE), (5.0, -_WIDE)),
    ),
    "LKJ": VectorExample(
        ((1.0, 3), (2.5, 2), (0.7, 5)),
        CorrelationLaw,
        lambda concentration, dimension: np.eye(dimension),
        broken=((0.0, 2), (-1.0, 2)),
    ),
}


def example_of(name: str) -> Example:
    """The example row of a family.

    Raises
    ------
    LookupError
        If the family has none.
    """
    if name not in EXAMPLES:
        raise LookupError(f"family {name!r} has no example parameters: add a row to EXAMPLES in {__file__}")
    return EXAMPLES[name]
