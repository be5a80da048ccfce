"""Zero-one-inflated beta: a share that may be exactly 0 or exactly 1, else beta.

Ospina and Ferrari (2010), "Inflated beta distributions".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mcmix.distributions.beta import BETA
from mcmix.distributions.beta import draw as draw_between
from mcmix.distributions.family import Column, Family, Message, Parameter, Statistics, Sums, Support
from mcmix.distributions.point_masses import (
    INSIDE,
    at_points,
    columns_between,
    is_one,
    messages_between,
    sums_between,
)
from mcmix.distributions.special import weighted
from mcmix.distributions.zero_mass import is_zero

BORDERS = (0.0, 1.0)


def expression(x: Any, border_probability: Any, one_probability: Any, alpha: Any, beta: Any) -> Any:
    """Log mass of 0 and of 1, log density of values in between; arrays or symbolic values."""
    border = at_points(x, BORDERS)
    with np.errstate(all="ignore"):
        side = np.where(np.equal(x, 1.0), np.log(one_probability), np.log1p(-one_probability))
        between = np.log1p(-border_probability) + BETA.log_density(np.where(border, INSIDE, x), alpha, beta)
        found = np.where(border, np.log(border_probability) + side, between)
    return np.where(_are_parameters(border_probability, one_probability, alpha, beta), found, -np.inf)


def _are_parameters(border_probability: Any, one_probability: Any, alpha: Any, beta: Any) -> Any:
    """Whether they are within their constraints."""
    found = np.logical_and(np.greater(alpha, 0.0), np.greater(beta, 0.0))
    for p in (border_probability, one_probability):
        found = np.logical_and(found, np.logical_and(np.less_equal(0.0, p), np.less_equal(p, 1.0)))
    return found


def log_cdf(x: Any, border_probability: Any, one_probability: Any, alpha: Any, beta: Any) -> Any:
    """Log mass up to x."""
    parameters = border_probability, one_probability, alpha, beta
    found = _log_tail(x, border_probability, 1.0 - one_probability, one_probability, (BETA.cumulative, BETA.survival),
                      alpha, beta)  # fmt: skip
    found = np.where(np.less(x, 0.0), -np.inf, np.where(np.greater_equal(x, 1.0), 0.0, found))
    return np.where(_are_parameters(*parameters), found, -np.inf)


def log_survival(x: Any, border_probability: Any, one_probability: Any, alpha: Any, beta: Any) -> Any:
    """Log mass above x."""
    parameters = border_probability, one_probability, alpha, beta
    found = _log_tail(x, border_probability, one_probability, 1.0 - one_probability, (BETA.survival, BETA.cumulative),
                      alpha, beta)  # fmt: skip
    found = np.where(np.less(x, 0.0), 0.0, np.where(np.greater_equal(x, 1.0), -np.inf, found))
    return np.where(_are_parameters(*parameters), found, -np.inf)


def _log_tail(
    x: Any, border: Any, own_side: Any, other_side: Any, tails: tuple[Family, Family], alpha: Any, beta: Any
) -> Any:
    """Log mass of the border on this side and of what lies between it and x: from the other tail where that is less."""
    with np.errstate(all="ignore"):
        part, rest = (t.log_density(x, alpha, beta) for t in tails)
        missing = border * other_side + (1.0 - border) * np.exp(rest)
        point = border * own_side
        plain = np.where(
            np.greater(point, 0.0), np.log(point + (1.0 - border) * np.exp(part)), np.log1p(-border) + part
        )
        return np.where(np.less(missing, 0.5), np.log1p(-missing), plain)


def draw(
    rng: np.random.Generator, size: Any, border_probability: Any, one_probability: Any, alpha: Any, beta: Any
) -> np.ndarray:
    """Draws of the given size."""
    border, one, alpha, beta = np.broadcast_arrays(border_probability, one_probability, alpha, beta)
    shares = draw_between(rng, size, alpha, beta)
    at_border, at_one = (rng.binomial(1, p, size) == 1 for p in (border, one))
    return np.asarray(np.where(at_border, np.where(at_one, 1.0, 0.0), shares))


def log_likelihood(sums: Sums, parameters: Mapping[str, Any]) -> Any:
    """Sum of log densities from the zeros, the ones, and the sums of log x and log(1 - x) of what is in between."""
    assert BETA.statistics is not None
    border, one = parameters["border_probability"], parameters["one_probability"]
    zeros, ones, others = sums.total(0), sums.total(1), sums_between(sums, 2)
    apart = weighted(zeros + ones, np.log, border) + weighted(others.n, np.log1p, -border)
    sides = weighted(ones, np.log, one) + weighted(zeros, np.log1p, -one)
    return apart + sides + BETA.statistics.log_likelihood(others, parameters)


def border_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability of a border: rows there, and others."""
    at_border = sums.total(0) + sums.total(1)
    return at_border, sums.n - at_border


def one_message(sums: Sums, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
    """Beta message to the probability that a border is 1: ones, and zeros."""
    return sums.total(1), sums.total(0)


@dataclass(frozen=True, eq=False, repr=False)
class BorderedFamily(Family):
    """A family whose cumulative functions are expressions: with four parameters it has no elementwise kernel."""

    @cached_property
    def cumulative(self) -> Family:
        """Stand-in whose "log density" at x is log P(X <= x)."""
        return replace(self, name=f"{self.name} cumulative", expression=log_cdf, statistics=None)

    @cached_property
    def survival(self) -> Family:
        """Stand-in whose "log density" at x is log P(X > x)."""
        return replace(self, name=f"{self.name} survival", expression=log_survival, statistics=None)

    @property
    def is_cumulative(self) -> bool:
        """They are known here."""
        return True


ZERO_ONE_INFLATED_BETA = BorderedFamily(
    name="ZeroOneInflatedBeta",
    parameters=(
        Parameter("border_probability", "probability"),
        Parameter("one_probability", "probability"),
        *BETA.parameters,
    ),
    support=Support(0.0, 1.0, atoms=BORDERS),
    draw=draw,
    expression=expression,
    statistics=Statistics(
        columns=(Column(is_zero, shifted=False), Column(is_one, shifted=False), *columns_between(BETA, BORDERS)),
        log_likelihood=log_likelihood,
        messages={
            "border_probability": Message("beta", border_message),
            "one_probability": Message("beta", one_message),
            **messages_between(BETA, 2),
        },
    ),
    summary=(
        "Distribution of shares in data, some exactly 0 or 1: at one of these borders with border_probability, there 1 "
        "with one_probability and else 0; otherwise Beta(alpha, beta) in between."
    ),
)
