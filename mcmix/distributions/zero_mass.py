"""Mass at zero, shared by the counts with extra zeros (zero-inflated) and those with zeros apart (hurdle).

Logs of masses near 1 and of masses near 0 both matter here: the first for counts that are almost surely zero, the
second for means at which a Poisson zero is out of reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Sums
from mcmix.distributions.special import log_one_plus, plain
from mcmix.kernels.base import inline

MINUS_LOG_TWO = -math.log(2.0)


@inline
def complement_of_exp(value):  # type: ignore[no-untyped-def]
    """1 - exp(value) for value <= 0, exact to rounding near zero too.

    Near zero the ratio of value to the log of the rounded exp undoes that rounding (Higham, 2002, "Accuracy and
    stability of numerical algorithms", section 1.14.1).
    """
    rounded = math.exp(value)
    if value < MINUS_LOG_TWO:
        return 1.0 - rounded
    return -value if rounded == 1.0 else (1.0 - rounded) * (value / math.log(rounded))


@inline
def log_complement_of_exp(value):  # type: ignore[no-untyped-def]
    """log(1 - exp(value)) for value < 0: the log mass above zero where value is the log mass at zero.

    Maechler (2012), "Accurately computing log(1 - exp(-|a|))".
    """
    return log_one_plus(-math.exp(value)) if value < MINUS_LOG_TWO else math.log(complement_of_exp(value))


@inline
def log_inflated(extra, log_zero):  # type: ignore[no-untyped-def]
    """log(extra + (1 - extra) exp(log_zero)): the mass at zero with the structural zeros, 0 <= extra <= 1."""
    if extra == 0.0:
        return log_zero
    above = (1.0 - extra) * complement_of_exp(log_zero)
    return log_one_plus(-above) if above < 0.5 else math.log(extra + (1.0 - extra) * math.exp(log_zero))


@inline
def log_no_count(mean, dispersion):  # type: ignore[no-untyped-def]
    """Log mass at zero of the negative binomial, for mean >= 0 and dispersion > 0; 0 for a mean of 0 only."""
    ratio = mean / dispersion
    if ratio < 1e-17:
        return -mean
    if mean < dispersion:
        return -mean * (log_one_plus(ratio) / ratio)
    return -dispersion * (math.log(mean + dispersion) - math.log(dispersion))


def is_zero(values: Any) -> Any:
    """One for each zero of the data, else nothing; arrays or symbolic values."""
    return np.where(np.equal(plain(values), 0.0), 1.0, 0.0)


ZEROS_AND_SUM = (Column(is_zero, shifted=False), Column(plain, shifted=False))


def zero_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability of zero: the zeros, and the other rows."""
    return sums.total(0), sums.n - sums.total(0)


def first_arrival(rng: np.random.Generator, size: Any, length: Any) -> np.ndarray:
    """Time of the first of the arrivals, one per unit of time, that fall before `length`, given that there is one.

    Counts above zero follow from it: the rest of the arrivals are Poisson with the time that is left.
    """
    time = -np.log1p(rng.uniform(np.zeros(np.shape(length)), 1.0, size) * np.expm1(-np.asarray(length)))
    return np.asarray(np.minimum(time, length))


def with_zeros(rng: np.random.Generator, size: Any, zero_probability: Any, counts: np.ndarray) -> np.ndarray:
    """The counts, each put to zero with its probability."""
    return np.asarray(np.where(rng.binomial(1, zero_probability, size) == 1, 0, counts))
