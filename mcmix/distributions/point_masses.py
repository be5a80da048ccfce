"""Point masses at ends of a continuous distribution: what families with them share.

The base measure is length plus one at each of these points, so that the "density" of a point is its mass, and
elsewhere that of the distribution in between times the probability of lying there. Columns of statistics have nothing
at the points, so sums of all rows are those of the rows in between, once rows at the points are counted out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Column, Family, Message, Statistics, Sums
from mcmix.distributions.special import log_one_plus, plain, times_log_complement, weighted
from mcmix.distributions.zero_mass import is_zero, zero_message
from mcmix.kernels.base import inline

INSIDE = 0.5  # of every support here: what stands for a point mass where only the rows in between are looked at


@inline
def log_mass_with_point(point, between, log_part, rest):  # type: ignore[no-untyped-def]
    """log(point + between exp(log_part)): a point's mass, and a part of that in between; `rest` is what misses to 1."""
    if rest < 0.5:
        return log_one_plus(-rest)
    return math.log(point + between * math.exp(log_part)) if point > 0.0 else math.log(between) + log_part


def is_one(values: Any) -> Any:
    """One for each 1 of the data, else nothing; arrays or symbolic values."""
    return np.where(np.equal(plain(values), 1.0), 1.0, 0.0)


def at_points(x: Any, points: tuple[float, ...]) -> Any:
    """Where values are among some points; arrays or symbolic values."""
    found = np.equal(x, points[0])
    for point in points[1:]:
        found = np.logical_or(found, np.equal(x, point))
    return found


def columns_between(inner: Family, points: tuple[float, ...]) -> tuple[Column, ...]:
    """The columns of the distribution in between, nothing at the points."""
    assert inner.statistics is not None
    return tuple(Column(_between(c.transform, points), c.square, shifted=False) for c in inner.statistics.columns)


def _between(transform: Callable[[Any], Any], points: tuple[float, ...]) -> Callable[[Any], Any]:
    def transformed(values: Any) -> Any:
        x = plain(values)
        there = at_points(x, points)
        return np.where(there, 0.0, transform(np.where(there, INSIDE, x)))

    return transformed


def sums_between(sums: Sums, points: int) -> Sums:
    """The sums of the rows in between, behind as many columns that count rows at points."""
    n = sums.n
    for j in range(points):
        n = n - sums.total(j)
    return Sums(n, sums.sums[points:], sums.squares[points:], sums.shifts[points:], sums.alone)


def messages_between(inner: Family, points: int) -> dict[str, Message]:
    """The messages of the distribution in between, from the rows there."""
    assert inner.statistics is not None
    return {
        name: Message(m.kind, lambda s, p, m=m: m.natural(sums_between(s, points), p), m.where)  # type: ignore[misc]
        for name, m in inner.statistics.messages.items()
    }


def statistics_beside_zero(inner: Family) -> Statistics:
    """Statistics of zeros with a probability of their own, and of a positive distribution else."""
    assert inner.statistics is not None
    own = inner.statistics

    def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
        zeros, others, probability = sums.total(0), sums_between(sums, 1), parameters["zero_probability"]
        apart = weighted(zeros, np.log, probability) + weighted(others.n, np.log1p, -probability)
        return apart + own.log_likelihood(others, parameters)

    return Statistics(
        columns=(Column(is_zero, shifted=False), *columns_between(inner, (0.0,))),
        log_likelihood=log_likelihood,
        messages={"zero_probability": Message("beta", zero_message), **messages_between(inner, 1)},
    )


def score_beside_zero(inner: Family, x: Any, zero_probability: Any, *parameters: Any) -> tuple[Any, ...]:
    """Derivatives of the log density by the value and by each parameter, zeros apart."""
    assert inner.score is not None
    zero = np.equal(x, 0.0)
    by_value, *others = inner.score(np.where(zero, INSIDE, x), *parameters)
    by_share = np.where(zero, 1.0 / zero_probability, -1.0 / (1.0 - zero_probability))
    return np.where(zero, 0.0, by_value), by_share, *(np.where(zero, 0.0, o) for o in others)


@inline
def log_up_to_beside_zero(zero_probability, log_below, log_above):  # type: ignore[no-untyped-def]
    """Log mass of zeros and of what lies up to some value above, from the log masses in between on both sides of it."""
    others = 1.0 - zero_probability
    return log_mass_with_point(zero_probability, others, log_below, others * math.exp(log_above))


@inline
def log_beyond_beside_zero(zero_probability, log_above):  # type: ignore[no-untyped-def]
    """Log mass above some value of at least zero."""
    return times_log_complement(1.0, zero_probability) + log_above
