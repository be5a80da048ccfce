"""Distributions around distributions: values known only to lie beyond a bound, and values that lie between bounds."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from mcmix.distributions.bounds import renamed
from mcmix.distributions.censored import binned, censored
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.distributions.truncated import truncated
from mcmix.errors import ModelError, SupportError
from mcmix.nodes.bins import checked_bins, places_in, refuse_shared_ends
from mcmix.nodes.constraints import as_array
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import holds_nodes, short
from mcmix.nodes.positions import COMMON, parents_of


class _Bounded(Distribution):
    """What both have in common: a distribution's own parameters by its own names, and the bounds."""

    inner: Family

    def __init__(
        self,
        name: str,
        distribution: type[Distribution],
        *parameters: Any,
        lower: Any = None,
        upper: Any = None,
        **keywords: Any,
    ):
        self.inner = _family_of(name, distribution, type(self).__name__)
        common = {k: keywords.pop(k) for k in COMMON if k in keywords}
        own = parents_of(self.inner, name, parameters, keywords)
        low, high = self._bounds(-np.inf if lower is None else lower, np.inf if upper is None else upper)
        _check_bounds(name, low, high)
        self.family = self._derived()
        super().__init__(name, **{renamed(k): v for k, v in own.items()}, lower=low, upper=high, **common)

    def _bounds(self, lower: Any, upper: Any) -> tuple[Any, Any]:
        return lower, upper

    def _derived(self) -> Family:
        raise NotImplementedError


class Censored(_Bounded):
    """Data of a distribution, some of which are only known to lie at or beyond a bound.

    A value at or above `upper` counts as "somewhere at or above upper" and contributes the log of that probability, a
    value at or below `lower` as "somewhere at or below lower"; those in between contribute their density.

    Parameters
    ----------
    name : str
    distribution : distribution class
        Such as ``mc.Weibull``; one with cumulative functions.
    *parameters
        The distribution's own, by position or by its keywords, ``sigma=`` and the like included; they may depend on
        labels.
    lower, upper : array_like or node, optional
        One bound for all values or one each; infinite or left out for none.
    between : tuple of two array_like, optional
        In the place of `value`, `lower` and `upper`: values of which each is only known to lie between two numbers of
        its own, both included; infinite ones leave a side open, and where both are one number the value is known.
        With ``weights=``, a histogram: ``between=(edges[:-1], edges[1:]), weights=counts``.
    value : array_like
        The data.
    **keywords
        The distribution's parameters, and ``size``, ``trace`` and so on as for every distribution.

    Raises
    ------
    TypeError
        If `distribution` is no distribution class or has no cumulative functions.
    ModelError
        If a number of `between` is missing (the row is named) or its shapes differ, or there are no
        data: values beyond a bound cannot be sampled.
    SupportError
        If a lower bound is not below the upper one, bins of a histogram of whole numbers overlap, or the distribution
        cannot produce an uncensored value, or none in
        a row's bin.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> days, follow_up = np.array([1.3, 4.0, 2.2, 5.0]), np.array([6.0, 4.0, 6.0, 5.0])
    >>> rate = mc.Gamma("rate", 1.0, 1.0)
    >>> y = mc.Censored("y", mc.Exponential, rate, upper=follow_up, value=days, observed=True)
    """

    def __init__(
        self,
        name: str,
        distribution: type[Distribution],
        *parameters: Any,
        observed: bool = True,
        between: Any = None,
        **keywords: Any,
    ):
        if between is not None and observed:
            self._set_between(name, distribution, parameters, between, keywords)
            return
        if not observed:
            raise ModelError(
                f"{name}: a censored distribution is a distribution of data; pass value=..., observed=True"
            )
        super().__init__(name, distribution, *parameters, observed=True, **keywords)

    def _derived(self) -> Family:
        return censored(self.inner)

    @property
    def in_bins(self) -> bool:
        """Whether rows are known to lie between two numbers each."""
        return "most" in self.parents

    @property
    def of_values(self) -> Distribution:
        """The distribution of a value that is seen, which new rows in the place of bins have."""
        if not self.in_bins:
            return self
        seen = copy(self)
        seen.family = self.inner
        seen.parents = {k: v for k, v in self.parents.items() if k not in ("least", "most")}
        return seen

    def _set_between(self, name: str, distribution: Any, parameters: Any, between: Any, keywords: Any) -> None:
        extra = sorted({"lower", "upper", "value", "size", "plates"} & keywords.keys())
        if extra:
            raise TypeError(f"{name}: between= says all that is known of the values; got {', '.join(extra)} beside it")
        self.inner = _family_of(name, distribution, type(self).__name__)
        least, most = checked_bins(name, between, self.inner)
        common = {k: keywords.pop(k) for k in COMMON if k in keywords}
        if common.get("weights") is not None:
            refuse_shared_ends(name, least, most, self.inner)
        own = parents_of(self.inner, name, parameters, keywords)
        self.family = binned(self.inner)
        Distribution.__init__(
            self, name, **own, least=least, most=most, value=places_in(least, most, self.inner), observed=True, **common
        )

    def check_value(self, value: Any, ignored: np.ndarray | None = None) -> None:
        """Refuse missing entries, and uncensored ones outside the support; see :meth:`Distribution.check_value`."""
        if self.in_bins:  # bins, which were checked
            return
        if ignored is not None and np.any(ignored):
            raise ModelError(f"{self.name}: a censored value cannot be missing; leave its row out")
        super().check_value(value)
        if any(holds_nodes(self.parents[end]) for end in ("lower", "upper")):
            return
        values = np.asarray(value, dtype=float)
        seen = (values > as_array(self.parents["lower"])) & (values < as_array(self.parents["upper"]))
        ends = (self.inner.support.lower, self.inner.support.upper)
        lower, upper = (self._limit(renamed(e) if isinstance(e, str) else e, self.parents) for e in ends)
        wrong = np.zeros(values.shape, dtype=bool)
        for limit, is_beyond in ((lower, np.less), (upper, np.greater)):
            if limit is not None:
                wrong |= seen & is_beyond(values, limit)
        if wrong.any():
            self._refuse_support(values, wrong, lower, upper)


class Truncated(_Bounded):
    """A distribution given that its value lies between bounds, both included: its density over the mass between them.

    Parameters
    ----------
    name : str
    distribution : distribution class
        Such as ``mc.Gamma``; one with cumulative functions.
    *parameters
        The distribution's own, by position or by its keywords, ``sigma=`` and the like included; they may depend on
        labels.
    lower, upper : array_like or node, optional
        One bound for all values or one each; infinite or left out for none.
    **keywords
        The distribution's parameters, and ``value``, ``observed``, ``size`` and so on as for every distribution.

    Raises
    ------
    TypeError
        If `distribution` is no distribution class or has no cumulative functions.
    SupportError
        If a lower bound is not below the upper one, or a value lies outside of the bounds.

    Examples
    --------
    >>> import mcmix as mc
    >>> shape = mc.Truncated("shape", mc.Gamma, 2.0, 1.0, lower=1.0)
    >>> bool(shape.value >= 1.0)
    True
    """

    def _bounds(self, lower: Any, upper: Any) -> tuple[Any, Any]:
        """The bounds, no wider than the support where both are numbers: steps look at them for the range."""
        ends = self.inner.support
        if not isinstance(ends.lower, str) and not holds_nodes(lower):
            lower = np.maximum(lower, ends.lower)
        if not isinstance(ends.upper, str) and not holds_nodes(upper):
            upper = np.minimum(upper, ends.upper)
        return lower, upper

    def _derived(self) -> Family:
        return truncated(self.inner)


def _family_of(node: str, distribution: Any, wrapper: str) -> Family:
    """The family of a distribution class; one with cumulative functions."""
    if not (
        isinstance(distribution, type)
        and issubclass(distribution, Distribution)
        and isinstance(getattr(distribution, "family", None), Family)
    ):
        raise TypeError(
            f"{node}: {wrapper} expected a distribution class such as mc.Normal before its parameters, got "
            f"{distribution!r}"
        )
    if not distribution.family.is_cumulative:
        having = ", ".join(sorted(f.name for f in FAMILIES.values() if f.is_cumulative))
        raise TypeError(
            f"{node}: {wrapper} needs P(X <= x), which {distribution.family.name} does not have here; "
            f"these distributions have it: "
            f"{having}, and those from mc.from_scipy"
        )
    return distribution.family


def _check_bounds(node: str, lower: Any, upper: Any) -> None:
    """Refuse known bounds that leave nothing between them."""
    if holds_nodes(lower) or holds_nodes(upper):
        return
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    try:
        wrong = np.any(low >= high)
    except ValueError as error:
        shapes = f"{low.shape} and {high.shape}"
        raise ModelError(f"{node}: expected bounds whose shapes broadcast, got {shapes}") from error
    if wrong:
        raise SupportError(f"{node}: lower expected below upper, got {short(low)} and {short(high)}")
