"""Distributions of which some values are not known: only that they lie beyond a bound, or between two bounds."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mcmix.distributions.bounds import just_below, known, log_mass_of_bin, with_bounds
from mcmix.distributions.family import Family, Parameter, Support


@cache
def censored(family: Family) -> Family:
    """The family of a distribution's values, those at or beyond a bound standing for all that lie there.

    The log density of x is log P(X <= lower) where x <= lower, log P(X >= upper) where x >= upper, and that of the
    distribution in between.

    Parameters
    ----------
    family : Family
        With cumulative functions.

    Returns
    -------
    Family
        Its parameters, then `lower` and `upper`, which may be infinite (no censoring on that side).
    """

    def expression(x: Any, *parameters: Any) -> Any:
        *own, lower, upper = parameters
        low, high = np.less_equal(known(x), known(lower)), np.greater_equal(known(x), known(upper))
        with np.errstate(all="ignore"):
            answer = family.log_density(x, *own)
            if not _is_never(high):
                above = family.survival.log_density(just_below(family, upper), *own)
                answer = np.where(high, above, answer)
            if not _is_never(low):
                answer = np.where(low, family.cumulative.log_density(lower, *own), answer)
        return answer

    def draw(rng: np.random.Generator, size: Any, *parameters: Any) -> np.ndarray:
        *own, lower, upper = parameters
        if family.support.discrete:
            lower, upper = np.floor(lower), np.ceil(upper)
        columns = np.broadcast_shapes(*[np.shape(p) for p in parameters]) if size is None else size
        return np.clip(family.draw(rng, columns, *own), lower, upper).astype(family.dtype)

    made = Family(
        name=f"Censored{family.name}",
        parameters=with_bounds(family),
        support=Support(discrete=family.support.discrete, atoms=family.support.atoms),
        draw=draw,
        expression=expression,
        dtype=family.dtype,
        summary=f"{family.name} distribution of which values beyond bounds are only known to be there.",
    )
    return made.made_by(censored, family)


@cache
def binned(family: Family) -> Family:
    """The family of values that are known to lie between two bounds, both included.

    The log density is log P(least <= X <= most), that of the distribution at x where the bounds are one value. A value
    x stands for its stretch wherever somebody wants a number (starts, pictures).

    Parameters
    ----------
    family : Family
        With cumulative functions.

    Returns
    -------
    Family
        Its parameters, then `least` and `most`, which may be infinite.
    """

    def expression(x: Any, *parameters: Any) -> Any:
        *own, least, most = parameters
        low, high = known(least), known(most)
        exact = np.equal(low, high)
        if _is_never(exact):
            return log_mass_of_bin(family, tuple(own), low, high)
        wide = np.where(exact, low - 0.5, low), np.where(exact, high + 0.5, high)
        return np.where(exact, family.log_density(x, *own), log_mass_of_bin(family, tuple(own), *wide))

    def draw(rng: np.random.Generator, size: Any, *parameters: Any) -> np.ndarray:
        columns = np.broadcast_shapes(*[np.shape(p) for p in parameters]) if size is None else size
        return family.draw(rng, columns, *parameters[:-2])

    made = Family(
        name=f"Binned{family.name}",
        parameters=(*family.parameters, Parameter("least", "bound"), Parameter("most", "bound")),
        support=Support(discrete=family.support.discrete, atoms=family.support.atoms),
        draw=draw,
        expression=expression,
        dtype=family.dtype,
        summary=f"{family.name} distribution of values that are only known to lie between bounds.",
    )
    return made.made_by(binned, family)


def _is_never(condition: Any) -> bool:
    """Whether a condition is known to hold nowhere: the other side's mass need not be computed then."""
    return isinstance(condition, (np.ndarray, np.bool_)) and not np.any(condition)
