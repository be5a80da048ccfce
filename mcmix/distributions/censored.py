"""A distribution of which values beyond bounds are known only to be beyond them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mcmix.distributions.bounds import just_below, known, with_bounds
from mcmix.distributions.family import Family, Support


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


def _is_never(condition: Any) -> bool:
    """Whether a condition is known to hold nowhere: the other side's mass need not be computed then."""
    return isinstance(condition, (np.ndarray, np.bool_)) and not np.any(condition)
