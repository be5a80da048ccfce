"""PyMC 2's module of distributions: their classes, log densities, draws and expected values, by the same names."""

from __future__ import annotations

from typing import Any

from mcmix.pymc2 import functions, old_distributions
from mcmix.pymc2.expectations import EXPECTATIONS
from mcmix.pymc2.from_data import Impute, stochastic_from_data

_FOUND: dict[str, Any] = {**old_distributions.DISTRIBUTIONS, **functions.LIKES, **functions.DRAWS, **EXPECTATIONS}
_FOUND |= {
    name: getattr(old_distributions, name)
    for name in (
        "Dirichlet", "DiscreteUninformative", "OneOverX", "Uninformative", "discrete_uninformative_like",
        "one_over_x_like", "stochastic_from_dist", "uninformative_like",
    )
}  # fmt: skip
_FOUND |= {"Impute": Impute, "ImputeMissing": Impute, "stochastic_from_data": stochastic_from_data}
globals().update(_FOUND)

__all__ = sorted(_FOUND)
