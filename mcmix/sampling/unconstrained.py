"""The continuous unknowns of a model as one flat vector without bounds, and the Jacobian of going there and back.

The twin, in NumPy and over any number of points at once, of the transforms in `mcmix.kernels.transforms`. Four
scales occur: *values* are what users see, *kept* values are what a chain's memory holds (logarithms for simplexes),
*free* coordinates have no bounds, and *own* coordinates are as many numbers on the variable's own scale: all elements,
a simplex without its last weight, the lower triangle of a symmetric matrix, what is below the diagonal of a correlation
matrix. Of data with missing entries, the variable
is those entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels.transforms import CIRCLE
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.transforms import TRANSFORMS, OpenedCircle, Transform, _blocks
from mcmix.steps.targets import bounds_of, is_discrete, transform_of


class Unconstrained:
    """Flat view of continuous variables; leading axes of every array are points, treated alike.

    Parameters
    ----------
    nodes : sequence of Stochastic
        Continuous.
    centres : mapping of Stochastic to array_like, optional
        Directions opposite to which circles are cut open; other angles may go round any number of times.

    Raises
    ------
    ModelError
        If one is discrete.

    Examples
    --------
    >>> import mcmix as mc
    >>> sd, w = mc.HalfNormal("sd", 1.0), mc.Dirichlet("w", [1, 1, 1])
    >>> view = Unconstrained([sd, w])
    >>> view.free({sd: np.array(1.0), w: np.array([0.25, 0.25, 0.5])}).round(3)
    array([ 0.   , -0.693, -0.693])
    """

    def __init__(self, nodes: Sequence[Stochastic], centres: Mapping[Stochastic, Any] | None = None):
        self.transforms: list[Transform] = []
        self.size = 0
        for node in nodes:
            if is_discrete(node):
                raise ModelError(f"{node.name}: expected a continuous variable, got whole numbers")
            kind = transform_of(node, *bounds_of(node))
            if kind == CIRCLE and node in (centres or {}):
                self.transforms.append(OpenedCircle(node, self.size, np.asarray((centres or {})[node])))
            else:
                self.transforms.append(TRANSFORMS[kind](node, self.size))
            self.size = self.transforms[-1].last
        self.bounded = np.array([b for s in self.transforms for b in s.bounded], dtype=bool)

    @property
    def nodes(self) -> list[Stochastic]:
        """The variables, in order."""
        return [s.node for s in self.transforms]

    @property
    def names(self) -> list[str]:
        """A name for each own coordinate: ``sd``, ``mu[1]``, ``w[0, 2]``."""
        found = []
        for s in self.transforms:
            where = [", ".join(map(str, place)) for place in s.places()]
            found += [s.node.name + (f"[{w}]" if w else "") for w in where]
        return found

    def where(self, node: Stochastic) -> np.ndarray:
        """Positions of a variable's coordinates."""
        return next(np.arange(s.first, s.last) for s in self.transforms if s.node is node)

    # ---------------------------------------------------------------- free coordinates

    def free(self, values: Mapping[Stochastic, Any]) -> np.ndarray:
        """Free coordinates (..., size) of values (..., *shape) by variable; infinite at an end of a support."""
        return np.concatenate([s.to_free(np.asarray(values[s.node], dtype=float)) for s in self.transforms], axis=-1)

    def kept(self, free: np.ndarray) -> dict[Stochastic, np.ndarray]:
        """What a chain keeps, by variable, from free coordinates (..., size)."""
        return {s.node: s.to_kept(free[..., s.first : s.last]) for s in self.transforms}

    def values(self, free: np.ndarray) -> dict[Stochastic, np.ndarray]:
        """Values by variable from free coordinates (..., size)."""
        kept = self.kept(free)
        return {s.node: s.values(kept[s.node]) for s in self.transforms}

    def log_jacobian(self, free: np.ndarray) -> np.ndarray:
        """Log determinant (...) of the derivatives of own by free coordinates.

        Added to a log density over own coordinates it gives the log density over free ones.
        """
        parts = [s.log_jacobian(free[..., s.first : s.last]) for s in self.transforms]
        return np.sum(parts, axis=0) if parts else np.zeros(free.shape[:-1])

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """Derivatives of own by free coordinates at one point, shape (size, size)."""
        return _blocks([s.jacobian(free[s.first : s.last]) for s in self.transforms])

    def inside(self, kept: Mapping[Stochastic, np.ndarray]) -> np.ndarray:
        """Whether kept values lie inside every known support (...)."""
        return np.all([s.inside(np.asarray(kept[s.node])) for s in self.transforms], axis=0)

    # ---------------------------------------------------------------- own coordinates

    def own(self, values: Mapping[Stochastic, Any]) -> np.ndarray:
        """Own coordinates (..., size) of values by variable."""
        return np.concatenate([s.own(np.asarray(values[s.node], dtype=float)) for s in self.transforms], axis=-1)

    def from_own(self, own: np.ndarray) -> dict[Stochastic, np.ndarray]:
        """Values by variable from own coordinates (..., size)."""
        return {s.node: s.from_own(own[..., s.first : s.last]) for s in self.transforms}

    def kept_from(self, values: Mapping[Stochastic, np.ndarray]) -> dict[Stochastic, np.ndarray]:
        """What a chain keeps, from values by variable."""
        return {s.node: s.kept(values[s.node]) for s in self.transforms}


__all__ = ["Unconstrained"]
