"""What the variational engine says of labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one
from mcmix.errors import ModelError
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.stochastic import Stochastic
from mcmix.variational.convergence import Tolerance
from mcmix.variational.passes import LabelPass

ANNEALED = 50  # iterations of annealing unless told


class LabelPosterior:
    """The approximate posterior of a vector of labels.

    Attributes
    ----------
    node : Stochastic
    probabilities : ndarray, shape (units, K)
    """

    def __init__(self, node: Stochastic, probabilities: np.ndarray):
        self.node, self.probabilities = node, probabilities

    def __repr__(self) -> str:
        return f"<LabelPosterior of {self.node.name}: {self.probabilities.shape[0]} units>"


def _powers(annealing: Any, restarts: int | None) -> np.ndarray:
    """The powers that the likelihood counts, one per iteration before the last stretch."""
    if annealing is None:
        return np.zeros(0)
    first, n = annealing if isinstance(annealing, tuple) else (annealing, ANNEALED)
    if not (isinstance(first, (int, float)) and 0.0 < first < 1.0):
        raise ModelError(f"update: annealing expected a power between 0 and 1, or such a pair, got {annealing!r}")
    if restarts not in (None, 1):
        raise ModelError("update: restarts and annealing are two ways from poor starts; use one of them")
    return np.asarray(first ** (1.0 - np.arange(at_least_one(n, "annealing", "update")) / n))


def _tolerance(nats: Any, tol: Any) -> Tolerance:
    """When an update is to stop."""
    for name, x in (("nats", nats), ("tol", tol)):
        if not (name == "tol" and x is None or isinstance(x, (int, float)) and x >= 0):
            raise ModelError(f"update: {name} expected a number of at least 0, got {x!r}")
    return Tolerance(float(nats), None if tol is None else float(tol))


def _numbers_of(p: LabelPass, value: Any) -> np.ndarray:
    """Labels as numbers 0 .. K-1, of the units that are unknown."""
    node = p.label.node
    array = np.asarray(as_numbers(f"initialize_from_value: {node.name}", value))
    if array.shape != node.shape:
        raise ModelError(f"initialize_from_value: {node.name} expected shape {node.shape}, got {array.shape}")
    array = array[np.asarray(node.mask)] if node.mask is not None else array
    if not np.isin(array, p.label.values).all():
        raise ModelError(f"initialize_from_value: {node.name} expected labels of {p.label.values[0]} to "
                         f"{p.label.values[-1]}")  # fmt: skip
    return np.asarray(np.ravel(array) - p.label.lowest, dtype=np.int64)
