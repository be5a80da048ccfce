"""A distribution given that its value lies between bounds."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mcmix.distributions.bounds import draw_between, log_mass_between, with_bounds
from mcmix.distributions.family import Family, Support


@cache
def truncated(family: Family) -> Family:
    """The family of a distribution's values between `lower` and `upper`, both included.

    The density is that of the distribution over P(lower <= X <= upper), and nothing outside. Where even the log of that
    mass is minus infinity, the density is nothing too.

    Parameters
    ----------
    family : Family
        With cumulative functions.

    Returns
    -------
    Family
        Its parameters, then `lower` and `upper`, which may be infinite.
    """

    def expression(x: Any, *parameters: Any) -> Any:
        *own, lower, upper = parameters
        with np.errstate(all="ignore"):
            # In logs: far in a tail the mass underflows, while log density less log mass stays a plain number.
            mass = log_mass_between(family, tuple(own), lower, upper)
            density = family.log_density(x, *own) - mass
            inside = np.logical_and(np.logical_and(np.less_equal(lower, x), np.less_equal(x, upper)), mass > -np.inf)
            return np.where(inside, density, -np.inf)

    def draw(rng: np.random.Generator, size: Any, *parameters: Any) -> np.ndarray:
        *own, lower, upper = parameters
        return draw_between(family, rng, size, tuple(own), lower, upper).astype(family.dtype)

    made = Family(
        name=f"Truncated{family.name}",
        parameters=with_bounds(family),
        support=Support("lower", "upper", discrete=family.support.discrete, atoms=family.support.atoms),
        draw=draw,
        expression=expression,
        dtype=family.dtype,
        summary=f"{family.name} distribution between bounds, both included, its mass there scaled to one.",
    )
    return made.made_by(truncated, family)
