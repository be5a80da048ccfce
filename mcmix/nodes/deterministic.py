"""Nodes that are functions of their parents, and the operators that make them."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError, ZeroProbability
from mcmix.nodes.node import Node, holds_nodes, mapped, nodes_in, shape_of, short, value_of


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
    ):
        super().__init__(name, parents, doc or "", trace)
        self.plot = plot
        self.function = eval
        self._cached: tuple[Any, Any] | None = None

    @property
    def value(self) -> Any:
        """Value at the parents' current values; computed again only when one of them changed."""
        version = self.version
        if self._cached is None or self._cached[0] != version:
            self._cached = (version, _plain(self._answer()))
        return self._cached[1]

    def _answer(self) -> Any:
        """What the function returns; its errors say which node they come from."""
        try:
            answer = self.function(**self.parent_values())
        except Exception as error:
            if isinstance(error, ValueError) and "read-only" in str(error):
                raise ModelError(
                    f"{self.name}: its function changes an argument in place; let it work on a copy (x = x.copy())"
                ) from error
            error.add_note(f"in the function of the deterministic node {self.name!r}")
            raise
        if answer is None:
            raise ModelError(f"{self.name}: its function returned None; is a return statement missing?")
        return answer

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the current value."""
        return np.shape(self.value)

    def _describe(self) -> str:
        return f"Deterministic({self.name!r}, shape {np.shape(self.value)})"


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
        if isinstance(answer, (bool, np.bool_)):
            raise ModelError(f"{self.name}: {YES_OR_NO_POTENTIAL}")
        if answer is None or np.ndim(answer):
            raise ModelError(f"{self.name}: a potential expected to return one number, got {short(answer)}")
        return float(answer)

    @property
    def value(self) -> Any:
        """A potential has no value."""
        raise AttributeError(f"potential {self.name!r} has a logp and no value")


# -------------------------------------------------------------------- operators

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "and": "&",
    "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "ne": "!=",
    "matmul": "@",
}  # fmt: skip
_FUNCTIONS = {"and": operator.and_, "or": operator.or_}


def _as_operand(value: Any) -> Any:
    return np.array(value) if isinstance(value, list) and not holds_nodes(value) else value


def _binary(symbol: str, function: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    def method(self: Node, other: Any) -> Any:
        left, right = (_as_operand(other), self) if swapped else (self, _as_operand(other))
        text = f"({short(left)} {symbol} {short(right)})"
        parents = {"left": left, "right": right}
        return Deterministic(
            lambda left, right: function(_array(left), _array(right)), text, text, parents, trace=False
        )

    return method


def _array(value: Any) -> Any:
    return np.array(value) if isinstance(value, (list, tuple)) and not _symbolic(value) else value


def _symbolic(value: Any) -> bool:
    return any(not isinstance(v, (int, float, complex, np.generic, np.ndarray, list, tuple)) for v in value)


def _unary(symbol: str, function: Callable[[Any], Any]) -> Any:
    def method(self: Node) -> Any:
        return Deterministic(
            lambda value: function(value),
            f"{symbol}{self.name}",
            f"{symbol}({self.name})",
            {"value": self},
            trace=False,
        )

    return method


def _refused(symbol: str) -> Any:
    def method(self: Node, other: Any) -> Any:
        raise NotImplementedError(
            f"{self.name!r} {symbol} ...: nodes do not change in place; write a new node, "
            f"e.g. y = {self.name} {symbol[:-1]} ..."
        )

    return method


class Index(Deterministic):
    """An element or a look-up: ``x[index]``, with nodes allowed on either side.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1, size=2, value=[3.0, 4.0])
    >>> float(mu[1].value)
    4.0
    """

    def __init__(self, name: str, x: Any, index: Any, doc: str = "", **keywords: Any):
        text = f"{short(x)}[{short(index)}]"

        def look_up(x: Any, index: Any) -> Any:
            try:
                return _look_up(x, index)
            except IndexError as error:
                raise ModelError(f"{name}: the look-up {text} goes out of range ({error})") from error

        super().__init__(look_up, doc or text, name, {"x": x, "index": index}, **keywords)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value, known without looking every row up where labels are looked up in a table."""
        if self.takes_rows:
            return (*shape_of(self.parents["index"]), *shape_of(self.parents["x"])[1:])
        return np.shape(self.value)

    @property
    def takes_rows(self) -> bool:
        """Whether whole-number labels, one per row, pick entries along the first axis of a table."""
        x, index = self.parents["x"], self.parents["index"]
        whole = isinstance(index, Node) and index.is_random and np.dtype(getattr(index, "dtype", bool)).kind in "iu"
        return whole and len(shape_of(x)) > 0

    def _describe(self) -> str:
        return f"Index({self.name!r}, shape {self.shape})"


def _look_up(x: Any, index: Any) -> Any:
    if isinstance(x, (list, tuple)):
        x = np.array(x) if not _symbolic(x) else stacked(x)
    yes_or_no = isinstance(index, (np.ndarray, np.bool_)) and index.dtype == bool
    if yes_or_no and isinstance(x, np.ndarray) and np.shape(index) != x.shape[: np.ndim(index)]:
        raise ModelError(
            f"look-up by yes/no values of shape {np.shape(index)} in a table of shape {x.shape}: NumPy reads them as a "
            "mask; write table[1 * index], or np.where(index, table[1], table[0])"
        )
    return x[index]


def stacked(values: Any) -> Any:
    """A list of symbolic values as one."""
    return np.stack([*values])


def _get(self: Node, index: Any) -> Index:
    return Index(f"{self.name}[{_index_text(index)}]", self, index, trace=False)


def _index_text(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(_index_text(i) for i in index)
    if isinstance(index, slice):
        ends = ["" if e is None else short(e) for e in (index.start, index.stop)]
        return ":".join(ends if index.step is None else [*ends, short(index.step)])
    return short(index)


def _iterate(self: Node) -> Any:
    shape = np.shape(self.value)
    if not shape:
        raise TypeError(f"{self.name!r} is a scalar node and cannot be iterated")
    return iter([self[i] for i in range(shape[0])])  # type: ignore[index]


def _length(self: Node) -> int:
    return len(self.value)


def _ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
    """A NumPy function of nodes is a deterministic node."""
    if method != "__call__" or "out" in keywords:
        raise TypeError(f"numpy.{ufunc.__name__}.{method} of a node is not supported; write a @deterministic function")
    arguments = {f"x{i}": _as_operand(x) for i, x in enumerate(inputs)}
    text = f"{ufunc.__name__}({', '.join(short(x) for x in inputs)})"
    return Deterministic(lambda **values: ufunc(*values.values(), **keywords), text, text, arguments, trace=False)


def _array_function(self: Node, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
    """A NumPy function of nodes is a deterministic node."""
    text = f"{function.__name__}({', '.join(short(x) for x in arguments)})"

    def apply(arguments: Any, keywords: Any) -> Any:
        return function(*arguments, **keywords)

    return Deterministic(apply, text, text, {"arguments": list(arguments), "keywords": dict(keywords)}, trace=False)


for _name, _symbol in _SYMBOLS.items():
    _function = _FUNCTIONS.get(_name) or getattr(operator, _name)
    setattr(Node, f"__{_name}__", _binary(_symbol, _function))
    if _name not in ("lt", "le", "gt", "ge", "ne"):
        setattr(Node, f"__r{_name}__", _binary(_symbol, _function, swapped=True))
        setattr(Node, f"__i{_name}__", _refused(f"{_symbol}="))
for _name, _symbol in {"neg": "-", "abs": "abs", "invert": "~", "pos": "+"}.items():
    setattr(Node, f"__{_name}__", _unary(_symbol, getattr(operator, _name)))


def _divided(self: Node, other: Any) -> tuple[Any, Any]:
    return self // other, self % other


def _dividing(self: Node, other: Any) -> tuple[Any, Any]:
    return other // self, other % self


for _name, _method in {
    "divmod": _divided,
    "rdivmod": _dividing,
    "getitem": _get,
    "iter": _iterate,
    "len": _length,
    "array_ufunc": _ufunc,
    "array_function": _array_function,
}.items():
    setattr(Node, f"__{_name}__", _method)

__all__ = ["Deterministic", "Index", "Lambda", "Potential", "mapped", "nodes_in", "parents_from_defaults", "value_of"]
