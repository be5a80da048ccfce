"""Weights by stick-breaking: a Dirichlet or Pitman-Yor process, cut after so many components."""

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

_BETA: Family = FAMILIES["Beta"]


class StickBreaking(Deterministic):
    """Weights of a Dirichlet process (or Pitman-Yor process) mixture, cut after `size` components.

    Component k takes a share v_k of what the ones before it have left: w_k = v_k (1 - v_1) ... (1 - v_{k-1}), with v_k
    from Beta(1 - discount, concentration + k discount); the last one takes the rest. Given labels the shares are drawn
    exactly, and so is a concentration with a Gamma prior where there is no discount.

    Parameters
    ----------
    name : str
    concentration : float or node
        Above 0 (with a discount: above minus it). Large values give many components of similar weights; of n units,
        about ``concentration * log(1 + n / concentration)`` components are occupied.
    discount : float or node
        From 0 (Dirichlet process) to below 1: power-law sizes of clusters.
    size : int
        Components at most. :meth:`truncation_error` says what that costs: take so many that it is small.

    Attributes
    ----------
    sticks : node
        The shares v, named ``<name>_sticks``.

    Raises
    ------
    ModelError
        If a number is outside its range, or `size` is no whole number of at least 2.

    Notes
    -----
    Sethuraman (1994), "A constructive definition of Dirichlet priors", Statistica Sinica 4; Ishwaran and James (2001),
    "Gibbs sampling methods for stick-breaking priors", JASA 96: the blocked sampler and the error of cutting.

    Components are not exchangeable (earlier ones are larger before the data), but their names still mean little:
    :func:`mcmix.partition`, :func:`mcmix.occupied` and predictive densities need none.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-5.0, 5.0], 25), 1.0)
    >>> alpha = mc.Gamma("alpha", 2, 4)
    >>> w = mc.StickBreaking("w", alpha, size=15)
    >>> z, mu = mc.Categorical("z", w, size=50), mc.Normal("mu", 0, 0.05, size=15)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], marginal_moves=False)
    >>> {s.step for s in m.sample(2000, 500, seed=1).explain().steps if "w_sticks" in s.variables}
    {'conjugate Gibbs'}
    >>> mc.StickBreaking("u", 0.5, size=15).truncation_error(50) < 1e-4
    True
    """

    def __init__(
        self, name: str, concentration: Any, discount: Any = 0.0, *, size: Any, doc: str = "", **keywords: Any
    ):
        if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)) or size < 2:
            raise ModelError(f"{name}: size expected a whole number of at least 2, got {size!r}")
        _check(name, concentration, discount)
        self.concentration, self.discount = concentration, discount
        beta = concentration if _is_zero(discount) else concentration + discount * np.arange(1.0, size)
        alpha = 1.0 if _is_zero(discount) else 1.0 - discount
        self.sticks = node_class(_BETA)(f"{name}_sticks", alpha, beta, size=int(size) - 1)
        told = doc or f"weights of {size} components by stick-breaking"
        super().__init__(_weights, told, name, {"sticks": self.sticks}, **keywords)

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
