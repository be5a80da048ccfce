"""Von Mises: an angle about a location, more closely the higher the concentration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import i0e, i1e

from mcmix.distributions.family import Column, Family, Parameter, Statistics, Sums, Support
from mcmix.distributions.special import LARGEST
from mcmix.kernels.base import inline, unrolled
from mcmix.kernels.elementary import squared_sine

LOG_TWO_PI = math.log(2.0 * math.pi)

# From here on the expansion for large arguments is exact to rounding; below, the power series is.
LARGE = 30.0

# Angles beyond are brought back by whole turns first: neighbouring doubles are a ten-millionth apart there.
FAR_ROUND = 1e9


@unrolled
def bessel_series(value):  # type: ignore[no-untyped-def]
    """Bessel function I0 for 0 <= value <= 30, to 1e-15: the power series, Abramowitz and Stegun 9.6.12."""
    square = 0.25 * value * value
    total = 1.0
    for m in range(45, 0, -1):
        total = 1.0 + square * (total * (1.0 / (m * m)))
    return total


@unrolled
def bessel_expansion(value):  # type: ignore[no-untyped-def]
    """sqrt(2 pi value) exp(-value) I0(value) for value >= 30, to 1e-15: Abramowitz and Stegun 9.7.1."""
    reciprocal = 1.0 / value
    total = 1.0
    for m in range(20, 0, -1):
        total = 1.0 + reciprocal * (total * ((2.0 * m - 1.0) * (2.0 * m - 1.0) / (8.0 * m)))
    return total


@inline
def log_scaled_bessel(value):  # type: ignore[no-untyped-def]
    """log(exp(-value) I0(value)) for value >= 0."""
    if value < LARGE:
        return math.log(bessel_series(value)) - value
    return math.log(bessel_expansion(value)) - 0.5 * (LOG_TWO_PI + math.log(value))


def logpdf(x, location, concentration):  # type: ignore[no-untyped-def]
    """Log density of one angle; 1 - cos of the distance is taken as twice the squared sine of its half."""
    if not 0.0 <= concentration < LARGEST or not abs(location) < math.inf or not abs(x) <= math.pi:
        return -math.inf
    # cos(d) - 1 = -2 sin(d / 2)**2: near the location, cos(d) - 1 would lose half of its digits.
    centre = location if abs(location) < FAR_ROUND else np.fmod(location, 2.0 * math.pi)
    return -2.0 * concentration * squared_sine(0.5 * (x - centre)) - LOG_TWO_PI - log_scaled_bessel(concentration)


def draw(rng: np.random.Generator, size: Any, location: Any, concentration: Any) -> np.ndarray:
    """Draws of the given size."""
    return np.asarray(np.clip(rng.vonmises(location, concentration, size), -math.pi, math.pi))


def score(x: Any, location: Any, concentration: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter."""
    distance = x - location
    side = concentration * np.sin(distance)
    return -side, side, np.cos(distance) - i1e(concentration) / i0e(concentration)


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from the sums of the angles' cosines and sines."""
    location, concentration = parameters["location"], parameters["concentration"]
    along = np.cos(location) * sums.total(0) + np.sin(location) * sums.total(1)
    # exp(-c) I0(c) in the place of I0(c): the sum of (cos of the distance - 1) meets it without large numbers.
    return concentration * (along - sums.n) - sums.n * (LOG_TWO_PI + np.log(i0e(concentration)))


VON_MISES = Family(
    name="VonMises",
    parameters=(
        Parameter("location", "real", alias="mu"),
        Parameter("concentration", "nonnegative", alias="kappa"),
    ),
    support=Support(-math.pi, math.pi, circular=True),
    draw=draw,
    scalar_logpdf=logpdf,
    score=score,
    smooth="line",
    statistics=Statistics(columns=(Column(np.cos), Column(np.sin)), log_likelihood=log_likelihood),
    summary=(
        "Von Mises distribution of an angle in [-pi, pi], density proportional to exp(concentration cos(x - location));"
        " a concentration of 0 is the uniform distribution. -pi and pi are one point: whatever follows "
        "this distribution moves, and is"
        " summarised, on the circle."
    ),
)
