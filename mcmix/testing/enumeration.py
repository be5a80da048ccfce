"""The exact posterior of a small model: a sum over its discrete unknowns, integrals over the continuous ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.testing.exact import Block, Joint
from mcmix.testing.grid import Grid
from mcmix.testing.marginals import marginals_of

MOST_REFINEMENTS = 4


@dataclass(frozen=True, repr=False, eq=False)
class Enumeration:
    """An exact posterior.

    Attributes
    ----------
    labels : dict of str to ndarray, shape (combinations, ...)
        Every combination of the values of the discrete unknowns, by name.
    probabilities : ndarray, shape (combinations,)
    supports : dict of str to ndarray
        The values that an entry of a discrete unknown may take.
    marginals : dict of str to ndarray of Marginal
        Of each number of each continuous unknown, in its shape (of data, the missing entries).
    log_evidence : float
        Log of the joint density, summed and integrated over all unknowns.
    error : float
        How much log evidences of combinations changed at most when every other point was left out.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> z = mc.Categorical("z", [0.5, 0.5])
    >>> y = mc.Normal("y", 2.0 * z, 1.0, value=2.0, observed=True)
    >>> mcmix.testing.enumerated([y]).probabilities.round(3).tolist()
    [0.119, 0.881]
    """

    labels: dict[str, np.ndarray]
    probabilities: np.ndarray
    supports: dict[str, np.ndarray]
    marginals: dict[str, np.ndarray]
    log_evidence: float
    error: float

    def memberships(self, name: str) -> np.ndarray:
        """Probability of each value of each entry of a discrete unknown, shape (..., values)."""
        hot = self.labels[name][..., None] == self.supports[name]
        return np.tensordot(self.probabilities, hot, 1)

    def partitions(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """How a vector of labels parts its units, shape (partitions, units), and how probably, shape (partitions,).

        Groups are numbered in the order of their first units.
        """
        distinct, which = np.unique(parted(self.labels[name]), axis=0, return_inverse=True)
        return distinct, np.bincount(np.ravel(which), self.probabilities, len(distinct))

    def mean(self, name: str) -> np.ndarray:
        """Posterior mean of a continuous unknown, in its shape."""
        return self._each(name, lambda m: m.mean)

    def sd(self, name: str) -> np.ndarray:
        """Posterior standard deviation of each number."""
        return self._each(name, lambda m: m.sd)

    def quantiles(self, name: str, shares: Any) -> np.ndarray:
        """Values below which these shares lie, shape ``(..., *shape of shares)``."""
        return self._each(name, lambda m: m.quantiles(np.asarray(shares, dtype=float)))

    def cdf(self, name: str, values: Any) -> np.ndarray:
        """Probability of each number to lie below its value; `values` has the unknown's shape."""
        pairs = zip(self.marginals[name].ravel(), np.ravel(np.asarray(values, dtype=float)), strict=True)
        return np.reshape([float(m.cdf(v)) for m, v in pairs], self.marginals[name].shape)

    def _each(self, name: str, function: Any) -> np.ndarray:
        found = np.array([function(m) for m in self.marginals[name].ravel()])
        return found.reshape((*self.marginals[name].shape, *found.shape[1:]))

    def __repr__(self) -> str:
        listed = ", ".join([*self.labels, *self.marginals])
        return (
            f"<exact posterior of {listed}: {len(self.probabilities)} combinations of discrete unknowns, log evidence "
            f"{self.log_evidence:.6g}>"
        )


def parted(labels: np.ndarray) -> np.ndarray:
    """Labels (..., units) numbered anew in the order of their first units."""
    same = labels[..., :, None] == labels[..., None, :]
    first = same.argmax(-1)  # the first unit with the same label
    starts = first == np.arange(labels.shape[-1])
    return np.asarray(np.take_along_axis(np.cumsum(starts, axis=-1) - 1, first, axis=-1))


def enumerated(model: Any, *, tolerance: float = 1e-3) -> Enumeration:
    """The exact posterior of a small model.

    Parameters
    ----------
    model : Model, or anything a Model takes
        Its discrete unknowns have finitely many values, at most some 20,000 combinations in all. Once they are given,
        at most three continuous numbers may stand in factors together (K means with one hyperparameter are K + 1, and
        too many from three components on; without one, each mean stands alone).
    tolerance : float
        The grids are refined until log evidences of combinations change by no more when every other point is left
        out; what is left of the error is about the square of that.

    Returns
    -------
    Enumeration

    Raises
    ------
    ModelError
        If the model is too large, with the number that is, and what to do; if a density does not fall off towards
        infinity; if refinement goes on changing the answer.

    Notes
    -----
    Densities are the recorded expressions, evaluated by NumPy; nothing of what samples is used. Continuous unknowns
    are integrated over by the trapezoidal rule in coordinates without bounds, block by block: numbers that meet in no
    factor given the discrete unknowns are independent.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=3)
    >>> mu = mc.Normal("mu", 0, 0.1, size=2)
    >>> y = mc.Normal("y", mu[z], 1.0, value=[0.0, 0.5, 4.0], observed=True)
    >>> exact = mcmix.testing.enumerated([y])
    >>> exact.partitions("z")[0]
    array([[0, 0, 0],
           [0, 0, 1],
           [0, 1, 0],
           [0, 1, 1]])
    >>> exact.partitions("z")[1].round(3)
    array([0.112, 0.797, 0.026, 0.065])
    >>> exact.mean("w").round(6)
    array([0.5, 0.5])
    """
    joint = Joint(model if isinstance(model, Model) else Model(model))
    logs, error = joint.constants(), 0.0
    grids: list[tuple[Block, Grid]] = []
    for block in joint.blocks():
        grid, evidence, change = _integrated(joint, block, tolerance)
        grids.append((block, grid))
        logs[block.rows] += evidence
        error = max(error, change)
    total = float(logsumexp(logs))
    if not np.isfinite(total):
        raise ModelError("expected data that the model can make, got a joint density of zero everywhere")
    probabilities = np.exp(logs - total)
    named = {n.name: c for n, c in joint.combinations.items()}
    supports = {n.name: v for n, v in joint.supports.items()}
    return Enumeration(named, probabilities, supports, marginals_of(joint, grids, probabilities), total, error)


def _integrated(joint: Joint, block: Block, tolerance: float) -> tuple[Grid, np.ndarray, float]:
    """A grid that is fine enough, log integrals of each combination on it, and how far they had changed."""
    grid = joint.region(block)
    for _ in range(MOST_REFINEMENTS):
        joint.affordable(block, grid)
        logs = joint.logs(block, block.rows, grid.points) + grid.log_weights
        evidence = logsumexp(logs, axis=1)
        coarse = logsumexp(logs[:, grid.halved], axis=1) + len(block.coordinates) * np.log(2.0)
        seen = np.isfinite(evidence)
        change = float(np.abs(evidence[seen] - coarse[seen]).max(initial=0.0))
        if change <= tolerance:
            return grid, evidence, change
        grid = grid.refined()
    names = ", ".join(joint.view.names[i] for i in block.coordinates)
    raise ModelError(f"{names}: refined grids go on changing the integral, by {change:.2g} at last; is there a jump?")


__all__ = ["Enumeration", "enumerated", "parted"]
