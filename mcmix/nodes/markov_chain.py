"""Hidden Markov labels: the state of each unit depends on the state of the one before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.errors import ModelError, SupportError
from mcmix.nodes.constraints import as_array
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import holds_nodes, shape_of


class MarkovChain(Distribution):
    """States of units in their order, each drawn given the state before it: the labels of a hidden Markov model.

    Use it as any label vector: ``mc.Normal("y", mu[z], tau[z], value=x, observed=True)``. All states are drawn at once
    (forward filtering, backward sampling), and weighed at once where they are summed out.

    Parameters
    ----------
    name : str
    initial : array_like or node, shape (K,)
        Probabilities of the first state of each sequence.
    transitions : array_like or node, shape (K, K)
        Row j has the probabilities of the state that follows state j. ``mc.Dirichlet("P", np.ones((K, K)))`` makes K
        unknown rows; large concentrations on the diagonal make states stay (sticky), zero probabilities rule moves out
        (left to right).
    size : int, optional
        Units of all sequences together; may be left out where `lengths` says it.
    lengths : sequence of int, optional
        Units of each sequence, one after another; by default all units are one sequence.
    value, observed, trace, doc
        As for every distribution; with `observed` and NaN or masked entries, the states of some units are known.

    Attributes
    ----------
    lengths : ndarray of int
    states : int
        K.

    Raises
    ------
    ModelError
        If lengths do not add up to the size, or shapes do not fit.
    SupportError
        If a row of known transitions does not sum to one.

    Notes
    -----
    Baum, Petrie, Soules and Weiss (1970) for the recursions; Chib (1996), "Calculating posterior distributions and
    modal estimates in Markov mixture models", Journal of Econometrics 75, for drawing all states at once.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> rng = np.random.default_rng(1)
    >>> truth = np.repeat([0, 1, 0, 1], 50)
    >>> x = rng.normal(4.0 * truth, 1.0)
    >>> P = mc.Dirichlet("P", [[8.0, 1.0], [1.0, 8.0]])
    >>> z = mc.MarkovChain("z", [0.5, 0.5], P, size=200)
    >>> mu = mc.Normal("mu", [0.0, 4.0], 1.0)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(1000, 200, seed=1)
    >>> bool(np.mean((m.trace("z")[:].mean(0) > 0.5) == truth) > 0.95)
    True
    """

    family = MARKOV_CHAIN

    def __init__(
        self,
        name: str,
        initial: Any,
        transitions: Any,
        size: int | None = None,
        *,
        lengths: Any = None,
        value: Any = None,
        **keywords: Any,
    ):
        self.lengths = _lengths(name, size, lengths, value)
        _check_shapes(name, initial, transitions)
        super().__init__(name, initial, transitions, self.lengths.astype(float), value=value, **keywords)

    @property
    def states(self) -> int:
        """How many states there are."""
        return shape_of(self.parents["transitions"])[-1]

    def _event_shape(self) -> tuple[int, ...]:
        return (int(self.lengths.sum()),)

    @property
    def _may_be_incomplete(self) -> bool:
        return True  # states of some units are known

    def _parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {}  # all of them belong to one event

    def _upper_limit(self) -> Any:
        return self.states - 1


def _lengths(name: str, size: Any, lengths: Any, value: Any) -> np.ndarray:
    """Units of each sequence, from whatever says them."""
    units = np.shape(value)[0] if size is None and value is not None and np.ndim(value) == 1 else size
    if units is None and lengths is None:
        raise ModelError(f"{name}: expected size= (units in a row) or lengths= (units of each sequence), got neither")
    if units is not None and (isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1):
        raise ModelError(f"{name}: size expected a whole number of at least 1, got {units!r}")
    given = np.asarray([units] if lengths is None else lengths)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iu" or (given < 1).any():
        raise ModelError(
            f"{name}: lengths expected whole numbers of at least 1, one for each sequence, got {lengths!r}"
        )
    if units is not None and int(given.sum()) != units:
        raise ModelError(f"{name}: lengths expected to add up to {units} units, got {int(given.sum())}")
    return given.astype(np.int64)


def _check_shapes(name: str, initial: Any, transitions: Any) -> None:
    shape, first = shape_of(transitions), shape_of(initial)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ModelError(f"{name}: transitions expected a square table, a row for each state, got shape {shape}")
    if first != shape[:1]:
        raise ModelError(f"{name}: initial expected {shape[0]} probabilities, one for each state, got shape {first}")
    for what, given in (("transitions", transitions), ("initial", initial)):
        if holds_nodes(given):
            continue
        sums = np.atleast_2d(np.asarray(as_array(given), dtype=float))
        off = np.flatnonzero((np.abs(sums.sum(-1) - 1.0) > 1e-6) | (sums < 0.0).any(-1))
        if off.size:
            which = f"row {off[0]} of {what}" if what == "transitions" else what
            raise SupportError(f"{name}: {which} expected probabilities that sum to 1, got {sums[off[0]].tolist()}")


__all__ = ["MarkovChain"]
