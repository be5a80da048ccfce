"""A family made of a distribution of scipy.stats: exact, and as slow as a call of SciPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support


@dataclass(frozen=True, eq=False)
class ScipyFamily(Family):
    """A family whose log density is a method of a SciPy distribution; it has no kernel and is called as it is.

    Parameters
    ----------
    distribution : rv_continuous or rv_discrete
    method : str
        ``logpdf``, ``logpmf``, ``logcdf`` or ``logsf``.
    """

    distribution: Any = None
    method: str = ""

    @cached_property
    def cumulative(self) -> Family:
        """Stand-in whose "log density" at x is log P(X <= x)."""
        return replace(self, name=f"{self.name} cumulative", method="logcdf")

    @cached_property
    def survival(self) -> Family:
        """Stand-in whose "log density" at x is log P(X > x)."""
        return replace(self, name=f"{self.name} survival", method="logsf")

    @property
    def is_cumulative(self) -> bool:
        """SciPy knows them for all its distributions."""
        return True

    def logpdf(self, x: Any, *parameters: Any) -> np.ndarray:
        """Log density of each value, broadcast over x and the parameters; minus infinity where SciPy has no number."""
        with np.errstate(all="ignore"):
            answer = np.asarray(getattr(self.distribution, self.method)(np.asarray(x), *parameters), dtype=float)
        return np.where(answer < np.inf, answer, -np.inf)  # NaN, and densities without bound (see `times_log`)


def scipy_family(distribution: Any, is_discrete: bool) -> ScipyFamily:
    """The family of a distribution: its shapes in SciPy's order and names, then loc and, if continuous, scale."""
    shapes = [name.strip() for name in (distribution.shapes or "").split(",") if name.strip()]
    parameters = [Parameter(name, "real") for name in shapes] + [Parameter("loc", "real", default=0.0)]
    if not is_discrete:
        parameters.append(Parameter("scale", "positive", default=1.0))
    dtype = int if is_discrete else float

    def draw(rng: np.random.Generator, size: Any, *given: Any) -> np.ndarray:
        shape = np.broadcast_shapes(*[np.shape(p) for p in given]) if size is None else size
        numbers = [_whole(p) for p in given] if is_discrete else given
        return np.asarray(distribution.rvs(*numbers, size=shape, random_state=rng), dtype=dtype)

    made = ScipyFamily(
        name=distribution.name or "Scipy",
        parameters=tuple(parameters),
        support=Support(discrete=is_discrete),
        draw=draw,
        dtype=dtype,
        summary=f"SciPy's ``{distribution.name}``, called as it is.",
        distribution=distribution,
        method="logpmf" if is_discrete else "logpdf",
    )
    return made.made_by(scipy_family, distribution, is_discrete)


def _whole(value: Any) -> np.ndarray:
    """Whole numbers as such: SciPy's draws of counts refuse 12.0 marbles."""
    array = np.asarray(value)
    return array.astype(np.int64) if np.all(array == np.floor(array)) else array
