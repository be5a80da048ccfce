"""Nodes that are functions of their parents, and potentials."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError, YesOrNoIndex, ZeroProbability
from mcmix.nodes.axes import axes_from
from mcmix.nodes.node import Node, settle
from mcmix.nodes.numbers import as_number
from mcmix.nodes.stochastic import Clock

_stamps = itertools.count()


class Deterministic(Node):
    """A function of its parents.

    Parameters
    ----------
    eval : callable
        Called with the parents' values by keyword; returns the value.
    doc, name : str
    parents : mapping of str to anything
    trace : bool
        Whether draws of it are kept. Values with one entry per row of data are kept only when asked for by name.
    dims : str or tuple of str, optional
        Names of the axes of the value; a model refuses those that do not fit it.
    coords : mapping of str to array_like, optional
        Labels along these axes, by name.

    Examples
    --------
    >>> import mcmix as mc
    >>> sd = mc.Uniform("sd", 0, 100, value=2.0)
    >>> tau = mc.Deterministic(eval=lambda sd: 1 / sd**2, doc="precision", name="tau", parents={"sd": sd})
    >>> float(tau.value)
    0.25
    """

    def __init__(
        self,
        eval: Callable[..., Any],
        doc: str,
        name: str,
        parents: Mapping[str, Any],
        dtype: Any = None,
        trace: bool = True,
        cache_depth: int = 2,
        plot: Any = None,
        verbose: int = -1,
        jacobians: Any = None,
        jacobian_formats: Any = None,
        dims: Any = None,
        coords: Mapping[str, Any] | None = None,
    ):
        super().__init__(name, parents, doc or "", trace)
        self.axes = axes_from(name, dims, coords)
        self.plot, self.verbose = plot, verbose
        self.function = eval
        self._cached: Computed | None = None

    @property
    def value(self) -> Any:
        """Value at the parents' current values; computed again only when one of them changed."""
        if self.is_behind:
            settle(self)
        assert self._cached is not None
        return self._cached.value

    @property
    def is_behind(self) -> bool:
        """Whether any random node changed since the value was computed, or found to hold."""
        return self._cached is None or self._cached.looked_at != Clock.now

    def catch_up(self) -> None:
        """Compute the value again where a parent has changed."""
        now = Clock.now
        seen = [_stamp_of(parent) for parent in self.parent_nodes]
        if self._cached is None or self._cached.seen != seen:
            self._cached = Computed(next(_stamps), seen, _plain(self._answer()))
        self._cached.looked_at = now

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_cached": None}  # it goes by stamps, which go by addresses

    def _answer(self) -> Any:
        """What the function returns; its errors say which node they come from."""
        try:
            answer = self.function(**self.parent_values())
        except Exception as error:
            if isinstance(error, IndexError) and any(n.is_yes_or_no for n in self.parent_nodes):
                raise YesOrNoIndex(self.name) from error
            if isinstance(error, ValueError) and "read-only" in str(error):
                raise ModelError(
                    f"{self.name}: its function changes an argument in place; let it work on a copy (x = x.copy())"
                ) from error
            told = _what_does_not_fit(error, self)
            if told is not None:
                raise ModelError(told) from error
            error.add_note(f"in the function of the deterministic node {self.name!r}")
            raise
        if answer is None:
            raise ModelError(f"{self.name}: its function returned None; is a return statement missing?")
        return answer

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the current value."""
        value = self.value
        try:
            return np.shape(value)
        except ValueError as error:
            raise ModelError(f"{self.name}: its function returned rows of different lengths") from error

    def _describe(self) -> str:
        return f"Deterministic({self.name!r}, shape {np.shape(self.value)})"


class Computed:
    """A value that was computed, of which parents, and when it was last found to hold.

    Parameters
    ----------
    stamp : int
        Its own: nothing else that was computed has the same.
    seen : list
        The parents' stamps.
    value : anything
    """

    __slots__ = ("stamp", "seen", "value", "looked_at")

    def __init__(self, stamp: int, seen: list[Any], value: Any):
        self.stamp, self.seen, self.value = stamp, seen, value
        self.looked_at = -1


def _stamp_of(parent: Node) -> Any:
    """What changes with a parent's value, the parent being up to date."""
    computed = getattr(parent, "_cached", None)
    return (id(parent), computed.stamp) if isinstance(computed, Computed) else parent.version


_OF_SHAPES = ("could not be broadcast", "matmul: Input operand", "not aligned")
_OF_TEXT = ("dtype('<U", "multiply sequence by non-int", "and 'str'", "'str' and")


def _what_does_not_fit(error: Exception, node: Deterministic) -> str | None:
    """What NumPy says of arrays that do not go together, such as a design matrix and labels, with the node's name."""
    said = str(error)
    if isinstance(error, ValueError) and any(words in said for words in _OF_SHAPES):
        found = [
            (name, np.shape(value)) for name, value in node.parent_values().items() if isinstance(value, np.ndarray)
        ]
        shapes = "".join(f", {name} has shape {shape}" for name, shape in found)
        return (
            f"{node.name}: its function combines arrays whose shapes do not fit: {said.strip()}{shapes}; what goes by "
            "row, such as a design matrix, needs a row for each row of data or label"
        )
    if isinstance(error, TypeError) and any(words in said for words in _OF_TEXT):
        return (
            f"{node.name}: its function expected numbers, got text in an array that it works with ({said.strip()}); "
            "turn it into numbers first, with np.asarray(values, float), or into a column of noughts and ones for each "
            "word"
        )
    return None


def _plain(value: Any) -> Any:
    """Zero-dimensional arrays as numbers, arrays read-only."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return value[()]
        if value.dtype != object:
            value = value.view()
            value.flags.writeable = False
    return value


def parents_from_defaults(function: Callable[..., Any], what: str) -> dict[str, Any]:
    """The parents of a decorated function: its arguments' defaults.

    Raises
    ------
    ModelError
        If an argument has no default; it is named.
    """
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            raise ModelError(
                f"{what}: expected a default value (the parent) for every argument, got none for {name!r}; "
                f"write {name}=<node or constant>"
            )
        found[name] = parameter.default
    return found


class Lambda(Deterministic):
    """A deterministic from a lambda whose arguments' defaults are the parents.

    Examples
    --------
    >>> import mcmix as mc
    >>> sd = mc.Uniform("sd", 0, 100, value=2.0)
    >>> float(mc.Lambda("tau", lambda sd=sd: 1 / sd**2).value)
    0.25
    """

    def __init__(self, name: str, lam_fun: Callable[..., Any], doc: str = "", **keywords: Any):
        super().__init__(lam_fun, doc, name, parents_from_defaults(lam_fun, name), **keywords)


YES_OR_NO_POTENTIAL = (
    "a potential expected to return a log density, got yes or no; write np.where(condition, 0.0, -np.inf)"
)


class Potential(Node):
    """A factor of the joint density that is no distribution of a variable: a constraint or a soft preference.

    Parameters
    ----------
    logp : callable
        Called with the parents' values by keyword; returns a log density (minus infinity forbids).
    doc, name : str
    parents : mapping of str to anything

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, 1.0, value=2.0)
    >>> near = mc.Potential(lambda x: -abs(x - 1.0), "a preference for 1", "near", {"x": x})
    >>> float(near.logp)
    -1.0
    """

    is_potential = True

    def __init__(
        self,
        logp: Callable[..., float],
        doc: str,
        name: str,
        parents: Mapping[str, Any],
        cache_depth: int = 2,
        plot: Any = None,
        verbose: int = -1,
        logp_partial_gradients: Any = None,
    ):
        super().__init__(name, parents, doc or "", trace=False)
        self.verbose = verbose
        self.function = logp

    @property
    def logp(self) -> float:
        """Log density at the parents' current values."""
        return self.log_density(self.parent_values())

    def log_density(self, parents: Mapping[str, Any]) -> float:
        """Log density at given values of the parents; minus infinity where impossible.

        Raises
        ------
        ModelError
            If the function answers yes or no, several numbers, or nothing.
        """
        try:
            answer = self.function(**parents)
        except ZeroProbability:
            return -np.inf
        except IndexError as error:
            if any(n.is_yes_or_no for n in self.parent_nodes):
                raise YesOrNoIndex(self.name) from error
            raise
        if isinstance(answer, (bool, np.bool_)):
            raise ModelError(f"{self.name}: {YES_OR_NO_POTENTIAL}")
        return as_number(self.name, "a potential", answer)

    @property
    def value(self) -> Any:
        """A potential has no value."""
        raise AttributeError(f"potential {self.name!r} has a logp and no value")


__all__ = ["Deterministic", "Lambda", "Potential", "parents_from_defaults"]
