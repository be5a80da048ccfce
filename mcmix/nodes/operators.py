"""Operators, look-ups and NumPy functions on nodes: each makes a node that is a function of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from mcmix.errors import ModelError, YesOrNoIndex
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.node import Node, abridged, holds_nodes, nodes_in, shape_of, short
from mcmix.nodes.numbers import as_numbers

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "and": "&",
    "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "ne": "!=",
    "matmul": "@",
}  # fmt: skip
_FUNCTIONS = {"and": operator.and_, "or": operator.or_}
ARRAY_METHODS = ("sum", "mean", "prod", "max", "min", "cumsum", "dot", "ravel", "squeeze", "clip", "transpose")


_CONSTANTS = (list, str, bytes, complex, np.ndarray, np.generic)


def _as_operand(text: str, value: Any) -> Any:
    """A constant beside a node: numbers, lists of them as arrays."""
    labelled = hasattr(value, "__array__") and not isinstance(value, (Node, np.ndarray, np.generic))
    if not (labelled or isinstance(value, _CONSTANTS)) or holds_nodes(value):
        return value
    numbers = as_numbers(text, value)
    return np.array(numbers) if labelled or isinstance(value, list) else value


def _of_one(function: Callable[[Any], Any], value: Any) -> Any:  # named functions, so that models can be pickled
    return function(value)


def _of_two(function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    return function(_array(left), _array(right))


def _of_several(function: Callable[..., Any], options: Mapping[str, Any], /, **values: Any) -> Any:
    return function(*values.values(), **options)


def _of_any(function: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
    return function(*arguments, **keywords)


def _binary(symbol: str, function: Callable[[Any, Any], Any], swapped: bool = False) -> Any:
    def method(self: Node, other: Any) -> Any:
        operand = _as_operand(f"{self.name} {symbol} ...", other)
        left, right = (operand, self) if swapped else (self, operand)
        text = abridged(f"({short(left)} {symbol} {short(right)})")
        parents = {"left": left, "right": right}
        return Deterministic(partial(_of_two, function), text, text, parents, trace=False)

    return method


def _array(value: Any) -> Any:
    return np.array(value) if isinstance(value, (list, tuple)) and not _symbolic(value) else value


def _symbolic(value: Any) -> bool:
    return any(not isinstance(v, (int, float, complex, np.generic, np.ndarray, list, tuple)) for v in value)


def _unary(symbol: str, function: Callable[[Any], Any]) -> Any:
    def method(self: Node) -> Any:
        text = abridged(f"{symbol}({self.name})")
        return Deterministic(partial(_of_one, function), text, text, {"value": self}, trace=False)

    return method


def _refused(symbol: str) -> Any:
    def method(self: Node, other: Any) -> Any:
        raise NotImplementedError(
            f"{self.name!r} {symbol} ...: nodes do not change in place; write a new node, "
            f"e.g. y = {self.name} {symbol[:-1]} ..."
        )

    return method


def elementwise_parents(node: Node) -> list[Node] | None:
    """The nodes that an operator or a NumPy function works on entry by entry; None of every other node."""
    how = getattr(node, "function", None)
    if not isinstance(how, partial) or how.func not in (_of_one, _of_two, _of_several):
        return None
    crosses = how.args[0] is operator.matmul or getattr(how.args[0], "signature", None) is not None
    return None if crosses else node.parent_nodes


class Index(Deterministic):
    """An element or a look-up: ``x[index]``, with nodes allowed on either side.

    ``node[index]`` makes one, also where the index is a node. ``array[node]`` cannot: NumPy asks nobody before it
    refuses an index that is no number. Write ``mc.Index("name", array, node)``, or look up inside a function:
    ``mc.Lambda("name", lambda node=node: array[node])``. A variable of yes and no (Bernoulli) is no index, as NumPy
    would read it as a mask: ``table[1 * b]`` is a look-up, ``table[np.equal(b, 1)]`` a mask.

    Raises
    ------
    ModelError
        If the index is a variable of yes and no; if a look-up goes out of range, when its value is asked for.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1, size=2, value=[3.0, 4.0])
    >>> float(mu[1].value)
    4.0
    """

    def __init__(self, name: str, x: Any, index: Any, doc: str = "", **keywords: Any):
        text = abridged(f"{short(x)}[{short(index)}]")
        if any(n.is_yes_or_no for n in nodes_in(index)):
            raise YesOrNoIndex(name if name == text else f"{name}: {text}")
        what = f"{name}: the look-up {text}"
        super().__init__(partial(_looked_up, what), doc or text, name, {"x": x, "index": index}, **keywords)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value, known without looking every row up where labels are looked up in a table."""
        indices: list[Any] = []
        table: Any = self
        while isinstance(table, Index) and table._has_labels:  # a look-up in a look-up in ...
            indices.append(table.parents["index"])
            table = table.parents["x"]
        shape = shape_of(table) if indices else ()
        for index in reversed(indices):
            shape = (*shape_of(index), *shape[1:]) if shape else ()
        return shape or np.shape(self.value)

    @property
    def is_yes_or_no(self) -> bool:  # type: ignore[override]
        """Whether it shows entries of a variable of yes and no."""
        table = self.parents["x"]
        while isinstance(table, Index):
            table = table.parents["x"]
        return isinstance(table, Node) and table.is_yes_or_no

    @property
    def takes_rows(self) -> bool:
        """Whether whole-number labels, one per row, pick entries along the first axis of a table."""
        return self._has_labels and len(shape_of(self.parents["x"])) > 0

    @property
    def _has_labels(self) -> bool:
        index = self.parents["index"]
        return isinstance(index, Node) and index.is_random and np.dtype(getattr(index, "dtype", bool)).kind in "iu"

    def _describe(self) -> str:
        return f"Index({self.name!r}, shape {self.shape})"


def _looked_up(what: str, /, x: Any, index: Any) -> Any:
    try:
        return _look_up(x, index)
    except IndexError as error:
        raise ModelError(f"{what} goes out of range ({error})") from error


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
    return Index(abridged(f"{self.name}[{_index_text(index)}]"), self, index, trace=False)


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
    return iter([self[i] for i in range(shape[0])])


def _length(self: Node) -> int:
    return len(self.value)


def _ufunc(self: Node, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
    """A NumPy function of nodes is a deterministic node."""
    if method != "__call__" or "out" in keywords:
        raise TypeError(f"numpy.{ufunc.__name__}.{method} of a node is not supported; write a @deterministic function")
    arguments = {f"x{i}": _as_operand(f"{ufunc.__name__}(...)", x) for i, x in enumerate(inputs)}
    text = abridged(f"{ufunc.__name__}({', '.join(short(x) for x in inputs)})")
    return Deterministic(partial(_of_several, ufunc, keywords), text, text, arguments, trace=False)


def _array_function(self: Node, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
    """A NumPy function of nodes is a deterministic node."""
    text = abridged(f"{function.__name__}({', '.join(short(x) for x in arguments)})")
    parents = {"arguments": list(arguments), "keywords": dict(keywords)}
    return Deterministic(partial(_of_any, function), text, text, parents, trace=False)


def _as_numpy(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Node, *arguments: Any, **keywords: Any) -> Any:
        return function(self, *arguments, **keywords)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"As ``numpy.{name}(node)``: a node."
    return method


def _reshaped(self: Node, *shape: Any) -> Any:
    """As ``numpy.reshape(node, shape)``: a node."""
    return np.reshape(self, shape[0] if len(shape) == 1 else shape)


def _transposed(self: Node) -> Any:
    """As ``numpy.transpose(node)``: a node."""
    return np.transpose(self)


def _converted(self: Node, dtype: Any) -> Deterministic:
    """The value in another type: a node."""
    name = abridged(f"{self.name}.astype({np.dtype(dtype)})")
    return Deterministic(partial(_of_type, np.dtype(dtype)), name, name, {"value": self}, trace=False)


def _of_type(dtype: np.dtype[Any], value: Any) -> Any:
    return (value if hasattr(value, "astype") else np.asarray(value)).astype(dtype)


for _name in ARRAY_METHODS:
    setattr(Node, _name, _as_numpy(_name))
for _name, _value in {"reshape": _reshaped, "T": property(_transposed), "astype": _converted}.items():
    setattr(Node, _name, _value)
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

__all__ = ["Index", "elementwise_parents", "stacked"]
