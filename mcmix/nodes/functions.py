"""Deterministic nodes of usual kinds: completed weights, linear combinations, links."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.special

from mcmix.errors import ModelError, ZeroProbability
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, holds_nodes
from mcmix.nodes.numbers import as_numbers


class CompletedDirichlet(Deterministic):
    """All weights of a simplex: a Dirichlet's as they are, others with one minus their sum appended.

    Parameters
    ----------
    name : str
    D : node
        A Dirichlet (its value has all K weights here), or K - 1 weights of your own.

    Examples
    --------
    >>> import mcmix as mc
    >>> w = mc.Dirichlet("w", [1, 1, 1], value=[0.2, 0.3, 0.5])
    >>> mc.CompletedDirichlet("all", w).value.shape
    (3,)
    """

    def __init__(self, name: str, D: Any, doc: str = "", **keywords: Any):  # noqa: N803  (PyMC 2's name)
        full = getattr(D, "full", D)
        complete = isinstance(full, Distribution) and full.family.support.simplex
        function = _as_it_is if complete else _completed
        super().__init__(function, doc or f"all weights of {getattr(D, 'name', name)}", name, {"D": full}, **keywords)


def _as_it_is(D: Any) -> Any:  # noqa: N803
    return D


def _completed(D: Any) -> Any:  # noqa: N803
    return np.append(D, 1.0 - np.sum(D))


class LinearCombination(Deterministic):
    """The sum of the products x[i] @ y[i].

    Parameters
    ----------
    name : str
    x, y : sequences of numbers, arrays and nodes, equally long

    Raises
    ------
    ModelError
        If they are not.

    Examples
    --------
    >>> import mcmix as mc
    >>> slope = mc.Normal("slope", 0, 1, value=2.0)
    >>> line = mc.LinearCombination("line", [1.0, np.arange(3.0)], [5.0, slope])
    >>> line.value
    array([5., 7., 9.])
    """

    def __init__(self, name: str, x: Sequence[Any], y: Sequence[Any], doc: str = "", **keywords: Any):
        if len(x) != len(y):
            raise ModelError(f"{name}: expected as many factors x as y, got {len(x)} and {len(y)}")
        for i, factor in enumerate([*x, *y]):
            if not holds_nodes(factor):
                as_numbers(f"{name}: factor {i % max(len(x), 1)} of {'y' if i >= len(x) else 'x'}", factor)
        text = doc or "sum of x[i] @ y[i]"
        super().__init__(_combined, text, name, {"x": list(x), "y": list(y)}, **keywords)


def _combined(x: Sequence[Any], y: Sequence[Any]) -> Any:
    total: Any = 0.0
    for a, b in zip(x, y, strict=True):
        total = total + (a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else np.dot(a, b))
    return total


def _logit(theta: Any) -> Any:
    return scipy.special.logit(theta)


def _expit(ltheta: Any) -> Any:
    return scipy.special.expit(ltheta)


class Logit(Deterministic):
    """Log odds of a probability.

    Examples
    --------
    >>> import mcmix as mc
    >>> float(mc.Logit("odds", mc.Beta("p", 1, 1, value=0.5)).value)
    0.0
    """

    def __init__(self, name: str, theta: Any, doc: str = "", **keywords: Any):
        super().__init__(_logit, doc or "log odds", name, {"theta": theta}, **keywords)


class InvLogit(Deterministic):
    """The probability that has given log odds.

    Examples
    --------
    >>> import mcmix as mc
    >>> float(mc.InvLogit("p", mc.Normal("odds", 0, 1, value=0.0)).value)
    0.5
    """

    def __init__(self, name: str, ltheta: Any, doc: str = "", **keywords: Any):
        super().__init__(_expit, doc or "probability", name, {"ltheta": ltheta}, **keywords)


def equal(a: Any, b: Any) -> Any:
    """A node that compares values; ``==`` between nodes asks whether they are one.

    Examples
    --------
    >>> import mcmix as mc
    >>> z = mc.Categorical("z", [0.5, 0.5], value=[0, 1, 1])
    >>> mc.equal(z, 1).value.tolist()
    [False, True, True]
    """
    return np.equal(a, b)


def pfunc(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that calling it with nodes makes a deterministic node.

    Examples
    --------
    >>> import mcmix as mc
    >>> @mc.pfunc
    ... def half(x):
    ...     return x / 2
    >>> float(half(mc.Normal("x", 0, 1, value=3.0)).value), half(3)
    (1.5, 1.5)
    """

    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        if not holds_nodes([arguments, keywords]):
            return function(*arguments, **keywords)
        name = f"{function.__name__}({', '.join(_shown(a) for a in (*arguments, *keywords.values()))})"

        def apply(arguments: Any, keywords: Any) -> Any:
            return function(*arguments, **keywords)

        parents = {"arguments": list(arguments), "keywords": dict(keywords)}
        return Deterministic(apply, function.__doc__ or name, name, parents, trace=False)

    wrapped.__name__, wrapped.__doc__ = getattr(function, "__name__", "function"), function.__doc__
    return wrapped


def _shown(value: Any) -> str:
    return value.name if isinstance(value, Node) else str(value)


def robust_init(cls: Callable[..., Any], tries: int, *arguments: Any, **keywords: Any) -> Any:
    """Make a node, redrawing its unknown parents until its value is possible.

    Raises
    ------
    ZeroProbability
        If no try succeeds.

    Examples
    --------
    >>> import mcmix as mc
    >>> width = mc.Uniform("width", 0.0, 10.0)
    >>> x = mc.robust_init(mc.Uniform, 100, "x", 0.0, width, value=2.0, observed=True)
    >>> bool(width.value >= 2.0)
    True
    """
    node = cls(*arguments, **keywords)
    for _ in range(tries):
        try:
            _ = node.logp
            return node
        except ZeroProbability:
            for parent in sorted(node.extended_parents, key=operator.attrgetter("name")):
                if not parent.observed and parent.can_draw:
                    parent.random()
    raise ZeroProbability(f"{node.name}: impossible at {tries} draws of its parents")
