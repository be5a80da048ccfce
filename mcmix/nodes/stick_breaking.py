"""Weights by stick-breaking: a Dirichlet or Pitman-Yor process, whole or cut after so many components."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.errors import ModelError
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import node_class
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import as_numbers
from mcmix.nodes.room import Room, checked_room

_BETA: Family = FAMILIES["Beta"]
AMPLE = 512  # components of a draw from the prior; where one belongs to another still, that is refused


class StickBreaking(Room, Deterministic):
    """Weights of a Dirichlet process (or Pitman-Yor process) mixture, which may be cut after `size` components.

    Component k takes a share v_k of what the ones before it have left: w_k = v_k (1 - v_1) ... (1 - v_{k-1}), with v_k
    from Beta(1 - discount, concentration + k discount). Given labels the shares are drawn exactly, and so is a
    concentration with a Gamma prior where there is no discount.

    Without a `size` there are components without end: give the weights as the size of whatever components have,
    ``mu = mc.Normal("mu", 0, 0.01, size=w)``. Arrays have room for those that slices of an iteration look at, and get
    more when a chain needs it; the last entry of the weights is that of all components for which there is no room. With
    a `size` the last component takes the rest, and the model is another one, close to it.

    Parameters
    ----------
    name : str
    concentration : float or node
        Above 0 (with a discount: above minus it). Large values give many components of similar weights; of n units,
        about ``concentration * log(1 + n / concentration)`` components are occupied.
    discount : float or node
        From 0 (Dirichlet process) to below 1: power-law sizes of clusters.
    size : int, optional
        Components at most. :meth:`truncation_error` says what that costs: take so many that it is small.
    room : int, optional
        Without a `size`, components that there is room for to begin with: no limit.

    Attributes
    ----------
    sticks : node
        The shares v, named ``<name>_sticks``.
    capacity : int
        Components that arrays have room for: `size`, where that was given.

    Raises
    ------
    ModelError
        If a number is outside its range, or `size` or `room` is no whole number of at least 2.

    Notes
    -----
    Sethuraman (1994), "A constructive definition of Dirichlet priors", Statistica Sinica 4; Ishwaran and James (2001),
    "Gibbs sampling methods for stick-breaking priors", JASA 96: the blocked sampler and the error of cutting. Walker
    (2007), "Sampling the Dirichlet mixture model with slices", Communications in Statistics 36; Kalli, Griffin and
    Walker (2011), "Slice sampling mixture models", Statistics and Computing 21: the sampler without a cut.

    Components are not exchangeable (earlier ones are larger before the data), but their names still mean little:
    :func:`mcmix.partition`, :func:`mcmix.occupied` and predictive densities need none.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-5.0, 5.0], 25), 1.0)
    >>> alpha = mc.Gamma("alpha", 2, 4)
    >>> w = mc.StickBreaking("w", alpha)
    >>> z, mu = mc.Categorical("z", w, size=50), mc.Normal("mu", 0, 0.05, size=w)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(2000, 500, seed=1)
    >>> int(mc.occupied(m).argmax())
    2
    >>> mc.StickBreaking("u", 0.5, size=15).truncation_error(50) < 1e-4
    True
    """

    beyond_room = 0.0

    def __init__(
        self,
        name: str,
        concentration: Any,
        discount: Any = 0.0,
        *,
        size: Any = None,
        room: Any = None,
        doc: str = "",
        **keywords: Any,
    ):
        if size is not None and (
            isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)) or size < 2
        ):
            raise ModelError(f"{name}: size expected a whole number of at least 2, got {size!r}")
        if size is not None and room is not None:
            raise ModelError(f"{name}: expected a size, or room to begin with, got both")
        _check(name, concentration, discount)
        self.concentration, self.discount = concentration, discount
        self.grows, self.given_room = size is None, room is not None
        self.first_room = self._capacity = checked_room(name, room, 2) if size is None else int(size)
        alpha = 1.0 if _is_zero(discount) else 1.0 - discount
        self._later = _later(name, concentration, discount, self.capacity)
        self.sticks = node_class(_BETA)(f"{name}_sticks", alpha, self._later, size=self.capacity - 1)
        self.sticks.beyond_room = 1.0  # what was left then was one component's
        told = doc or "weights by stick-breaking" + ("" if size is None else f" of {size} components")
        super().__init__(_weights, told, name, {"sticks": self.sticks}, **keywords)

    @property
    def capacity(self) -> int:
        """Components that arrays have room for."""
        return self._capacity

    @property
    def ample(self) -> int:
        """Components that a draw from the prior has room for."""
        return AMPLE

    @property
    def instead(self) -> str:
        """What gives it an end."""
        return f"give {self.name} an end: size="

    def take_room(self, capacity: int) -> None:
        """Have room for so many components; sticks are as many, but for the last."""
        self._capacity = capacity
        if isinstance(self._later, Later):
            self._later.take(capacity)
        elif isinstance(self._later, np.ndarray):
            self._later = _later(self.name, self.concentration, self.discount, capacity)
            self.sticks.parents = self.sticks._held({**self.sticks.parents, "beta": self._later})
        self.sticks.take_shape((capacity - 1,))

    @property
    def expected_rest(self) -> float:
        """Expected weight of the last component before the data, at the present concentration and discount.

        What a process that is not cut gives to all components from there on.
        """
        alpha, d = (
            float(np.asarray(x.value if isinstance(x, Node) else x)) for x in (self.concentration, self.discount)
        )
        j = np.arange(1.0, np.size(self.sticks.value) + 1.0)
        return float(np.prod((alpha + j * d) / (1.0 + alpha + (j - 1.0) * d)))

    def truncation_error(self, n: int) -> float:
        """How far, at most, the distribution of n units is from that of a process that is not cut, in total variation.

        Parameters
        ----------
        n : int
            Units.

        Returns
        -------
        float
            ``2 n`` times :attr:`expected_rest`, or 1 (Ishwaran and James 2001, theorem 2, its expectation bounded).
        """
        return min(1.0, 2.0 * n * self.expected_rest)


class Later(Deterministic):
    """Second parameters of sticks where there is a discount: concentration + k discount, k = 1, 2, .."""

    def __init__(self, name: str, concentration: Any, discount: Any, capacity: int):
        parents = {"concentration": concentration, "discount": discount, "k": np.arange(1.0, capacity)}
        super().__init__(_of_later, "concentration + k discount", name, parents, trace=False)

    def take(self, capacity: int) -> None:
        """Be those of so many components, but for the last."""
        self.parents = self._held({**self.parents, "k": np.arange(1.0, capacity)})
        self._cached = None


def _of_later(concentration: Any, discount: Any, k: Any) -> Any:
    return concentration + discount * k


def _later(name: str, concentration: Any, discount: Any, capacity: int) -> Any:
    """Second parameters of the sticks."""
    if _is_zero(discount):
        return concentration
    if isinstance(concentration, Node) or isinstance(discount, Node):
        return Later(f"{name}_later", concentration, discount, capacity)
    return _of_later(concentration, discount, np.arange(1.0, capacity))


def _weights(sticks: Any) -> Any:
    return np.append(sticks, 1.0) * np.append(1.0, np.cumprod(1.0 - sticks))


def _is_zero(x: Any) -> bool:
    return not isinstance(x, Node) and float(x) == 0.0


def _check(name: str, concentration: Any, discount: Any) -> None:
    """Refuse known numbers outside their range."""
    known = [None if isinstance(x, Node) else as_numbers(name, x) for x in (concentration, discount)]
    for what, x in zip(("concentration", "discount"), known, strict=True):
        if x is not None and np.size(x) != 1:
            raise ModelError(f"{name}: {what} expected one number or node, got shape {np.shape(x)}")
    if known[1] is not None and not 0.0 <= float(known[1]) < 1.0:
        raise ModelError(f"{name}: discount expected from 0 to below 1, got {discount!r}")
    least = 0.0 if known[1] is None else 0.0 - float(known[1])
    if known[0] is not None and not least < float(known[0]) < np.inf:
        raise ModelError(f"{name}: concentration expected a finite number above {least:g}, got {concentration!r}")


__all__ = ["StickBreaking"]
