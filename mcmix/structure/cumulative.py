"""New rows weighed by their distribution's cumulative probability instead of its density.

A cumulative distribution is a family whose "log density" at x is log P(X <= x). In the place of the distribution of new
rows it goes through the same sum over labels, and what comes out is the log of the mixture's cumulative probability.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from mcmix.distributions.bounds import known, log_mass_between
from mcmix.distributions.family import Family, Parameter
from mcmix.distributions.mv_normal import MV_NORMAL_COV
from mcmix.distributions.normal import NORMAL
from mcmix.distributions.truncated_normal import TRUNCATED_NORMAL
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.mixture import Component, MixtureOfDistributions
from mcmix.nodes.stochastic import Stochastic
from mcmix.nodes.wrapped import Censored, Truncated
from mcmix.structure import expression as ex
from mcmix.structure.expression import as_expression, constant
from mcmix.structure.other_rows import OtherRows
from mcmix.structure.recording import Factor


class CumulativeRows(OtherRows):
    """As :class:`OtherRows`, with log P(X <= x) in the place of each distribution's log density.

    Rows of vectors are given with one coordinate, NaN elsewhere: the distribution is that coordinate's own.
    """

    def _weighed(self, node: Stochastic) -> Stochastic:
        """The node with its cumulative distribution, which it must have; see :func:`cumulative`."""
        found = cumulative(node)
        assert found is not None
        return found

    def _add_data(self, node: Stochastic, x: np.ndarray) -> None:
        if isinstance(node, Distribution) and node.family.vectors is not None:
            self._add_patterns(node, x, ~np.isnan(x))
        else:
            super()._add_data(node, x)

    def _place(self, factor: Factor, rows: np.ndarray | None) -> None:
        if factor.family is MV_NORMAL_COV:
            mean, covariance = factor.parameters.values()
            one = [mean[..., 0], 1.0 / covariance[..., 0, 0]]
            assert factor.x is not None
            x = constant(np.ascontiguousarray(factor.x.known[:, 0]))
            elements = as_expression(ex.density(NORMAL.cumulative, x, one))
            factor = Factor(factor.node, elements, NORMAL.cumulative, x, dict(zip(("mean", "precision"), one)))  # noqa: B905
        super()._place(factor, rows)


def cumulative(node: Stochastic) -> Stochastic | None:
    """The node with a cumulative distribution in the place of its own, or None where that is not known in closed form.

    Rows of normal vectors come back as they are: the distribution of one coordinate is a normal one.
    """
    if isinstance(node, MixtureOfDistributions):
        families = [_cumulative_family(c.family, None) for c in node.components]
        if None in families:
            return None
        same = copy(node)
        same.components = [Component(f, c.parents) for f, c in zip(families, node.components, strict=True) if f]
        same.logp_function = same._log_density
        return same
    if isinstance(node, Censored):
        node = node.of_values
    if not isinstance(node, Distribution):
        return None
    if node.family.vectors is not None:
        return node
    family = _cumulative_family(node.family, node.inner if isinstance(node, Truncated) else None)
    if family is None:
        return None
    distribution = copy(node)
    distribution.family = family
    return distribution


def _cumulative_family(family: Family, inner: Family | None) -> Family | None:
    if family is TRUNCATED_NORMAL:
        inner = NORMAL
    if inner is not None:
        return _truncated_cumulative(inner, family.parameters)
    return family.cumulative if family.is_cumulative else None


@cache
def _truncated_cumulative(family: Family, parameters: tuple[Parameter, ...]) -> Family:
    """Of a distribution between bounds: the mass from the lower bound to x, over that between the bounds."""

    def expression(x: Any, *values: Any) -> Any:
        *own, lower, upper = values
        with np.errstate(all="ignore"):
            whole = log_mass_between(family, tuple(own), lower, upper)
            part = log_mass_between(family, tuple(own), lower, np.minimum(known(x), known(upper)))
            return np.where(np.less(x, lower), -np.inf, np.minimum(part - whole, 0.0))

    name = f"Truncated{family.name} cumulative"
    return replace(family, name=name, parameters=parameters, scalar_logpdf=None, expression=expression, statistics=None)


__all__ = ["CumulativeRows", "cumulative"]
