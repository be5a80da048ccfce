"""Symbolic arrays as objects: what they are, when two are one, and what they refuse.

What is made of them is in :mod:`mcmix.structure.expression`; :mod:`mcmix.structure.array_methods` lets them stand
where NumPy's arrays would.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.special

from mcmix.errors import TraceError
from mcmix.structure.reads import note_read
from mcmix.structure.walks import ordered

LONGEST_ITERATION = 256
MOST_LEAVES = 12  # that an expression notes when it is made; more are collected when somebody asks
LONGEST_TEXT = 2000
SHORT = 64  # constants of up to so many numbers are one where the numbers are

UNARY: dict[str, Callable[..., Any]] = {
    "negative": np.negative, "absolute": np.absolute, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "square": np.square, "reciprocal": np.reciprocal, "log1p": np.log1p, "expm1": np.expm1, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "arctan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "floor": np.floor, "ceil": np.ceil, "sign": np.sign, "gammaln": scipy.special.gammaln,
    "expit": scipy.special.expit, "logit": scipy.special.logit, "not": np.logical_not, "log2": np.log2,
    "log10": np.log10, "arcsin": np.arcsin, "arccos": np.arccos, "erf": scipy.special.erf, "rint": np.rint,
    "trunc": np.trunc, "ndtr": scipy.special.ndtr, "log_ndtr": scipy.special.log_ndtr,
    "digamma": scipy.special.digamma, "i0e": scipy.special.i0e, "i1e": scipy.special.i1e,
}  # fmt: skip
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "power": np.power,
    "maximum": np.maximum, "minimum": np.minimum, "remainder": np.remainder, "floor_divide": np.floor_divide,
    "arctan2": np.arctan2, "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal, "and": np.logical_and,
    "or": np.logical_or, "xlogy": scipy.special.xlogy, "logaddexp": np.logaddexp,
}  # fmt: skip
ELEMENTWISE: dict[str, Any] = {**UNARY, **BINARY, "where": np.where}
REDUCTIONS: dict[str, Callable[..., Any]] = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}
YES_OR_NO = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "and", "or", "not"}

UFUNC_NAMES = {function: name for name, function in {**UNARY, **BINARY}.items()}
UFUNC_NAMES |= {
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.invert: "not",
    np.fabs: "absolute",
    scipy.special.loggamma: "gammaln",
}

_interned: weakref.WeakValueDictionary[Any, Expression] = weakref.WeakValueDictionary()


class Expression:
    """A symbolic array. Build one with :func:`constant`, :func:`leaf` or by using others in NumPy code.

    Attributes
    ----------
    op : str
        ``constant``, ``leaf``, an elementwise function by name, ``take`` (gather from the flattened first argument at
        the positions in the second), ``sum`` ... (reduce one axis or all), ``cumsum``, ``matmul``, ``concatenate``
        (of flattened arguments), ``reshape``, ``density``, ``events``,
        ``scatter``, ``inverse`` (of symmetric positive definite matrices), ``python``.
    arguments : tuple of Expression
    shape : tuple of int
    extra : hashable
        What else the operation needs (an axis, a leaf's key, a family).
    kind : {"float", "int", "bool"}
        Decides only how indexing reads it: masks are not positions.
    source : Column, Recipe or None
        Of a constant: which column of the data it is, or how it was made of columns; see
        :mod:`mcmix.structure.sources`.
    """

    __slots__ = ("op", "arguments", "shape", "extra", "kind", "value", "source", "__weakref__", "_leaves")
    __array_priority__ = 1000
    _looked_up: Any  # what is made of many expressions is set by the modules that make it: indexing, array_functions
    _taken_along: Any
    _functions: ClassVar[dict[Any, Callable[..., Any]]]
    op: str
    arguments: tuple[Expression, ...]
    shape: tuple[int, ...]
    extra: Any
    kind: str
    value: np.ndarray | None
    source: Any
    _leaves: frozenset[Expression] | None

    if TYPE_CHECKING:  # operators and methods are set by array_methods

        def _operation(self, other: Any) -> Any: ...

        def _one_sided(self) -> Any: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _operation
        __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __matmul__ = _operation
        __neg__ = __abs__ = _one_sided

        def _method(self, *arguments: Any, **keywords: Any) -> Any: ...

        sum = prod = max = min = mean = cumsum = dot = take = reshape = ravel = flatten = squeeze = copy = astype = (
            _method
        )

    # ---------------------------------------------------------------- what an array has

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type that the value will have."""
        return np.dtype({"float": float, "int": int, "bool": bool}[self.kind])

    @property
    def leaves(self) -> frozenset[Expression]:
        """The leaves that it depends on; collected at the first request where there are many."""
        if self._leaves is None:
            self._leaves = _collected(self)
        return self._leaves

    @property
    def known(self) -> np.ndarray:
        """The value of a constant; who looks at one that was made of data is noted while a model is recorded."""
        if self.source is not None:
            note_read(self.source)
        if self.value is None:
            raise TypeError(f"{self!r} is not known before a chain runs")
        return self.value

    @property
    def is_constant(self) -> bool:
        """Known already."""
        return self.op == "constant"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a scalar expression")
        return self.shape[0]

    def __iter__(self) -> Iterator[Expression]:
        if not self.shape:
            raise TypeError("iteration over a scalar expression")
        if self.shape[0] > LONGEST_ITERATION:
            raise TraceError(f"loops over {self.shape[0]} elements one by one")
        return iter([self[i] for i in range(self.shape[0])])

    def __repr__(self) -> str:
        texts: dict[Expression, str] = {}
        for part in ordered(self):
            text = part._shown([texts[a] for a in part.arguments])
            texts[part] = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ..."
        return texts[self]

    def _shown(self, arguments: list[str]) -> str:
        if self.is_constant:
            return f"constant{self.value!r}" if self.size < 6 else f"constant{self.shape}"
        inner = ", ".join(arguments)
        return f"{self.op}[{self.extra}]({inner})" if self.op in ("leaf", "python") else f"{self.op}({inner})"

    def __hash__(self) -> int:
        return id(self)

    def _no(self, what: str) -> Any:
        raise TraceError(what)

    def __bool__(self) -> bool:
        return bool(self._no("decides on a value (if, while, and, or)"))

    def __float__(self) -> float:
        return float(self._no("asks for the number behind a value (float)"))

    def __int__(self) -> int:
        return int(self._no("asks for the number behind a value (int)"))

    def __index__(self) -> int:
        if self.is_constant and self.value is not None and self.size == 1:
            return int(self.known.reshape(()))
        return int(self._no("uses a value as a position in something that cannot be recorded"))

    def __array__(self, *unused: Any, **keywords: Any) -> np.ndarray:
        return np.asarray(self._no("turns values into a plain array; numpy.stack can be recorded"))

    def __setitem__(self, index: Any, value: Any) -> None:
        self._no("writes into an array")

    def __getitem__(self, index: Any) -> Any:

        return index.looked_up_in(self) if has_unknown_length(index) else self._looked_up(index)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(f"uses the attribute '{name}' of a value")


def has_unknown_length(value: Any) -> bool:
    """Whether it is rows that an unknown slice or mask picks: these know themselves what they do beside others."""
    return getattr(type(value), "has_unknown_length", False)


# -------------------------------------------------------------------- building


def _make(
    op: str, arguments: tuple[Expression, ...], shape: tuple[int, ...], extra: Any = None, kind: str = "float"
) -> Expression:
    key = (op, tuple(id(a) for a in arguments), shape, extra, kind)
    found = _interned.get(key)
    if found is not None:
        return found
    made = object.__new__(Expression)
    made.op, made.arguments, made.shape, made.extra, made.kind, made.value = (
        op,
        arguments,
        tuple(shape),
        extra,
        kind,
        None,
    )
    made.source = None
    made._leaves = frozenset([made]) if op == "leaf" else _noted(arguments)
    _interned[key] = made
    return made


def _noted(arguments: tuple[Expression, ...]) -> frozenset[Expression] | None:
    """The leaves of an expression, where there are few; sums of thousands would hold thousands of long lists."""
    if len(arguments) > MOST_LEAVES:
        return None
    found: frozenset[Expression] = frozenset()
    for a in arguments:
        if a._leaves is None:
            return None
        found = a._leaves if found <= a._leaves else found if a._leaves <= found else found | a._leaves
    return found if len(found) <= MOST_LEAVES or any(found is a._leaves for a in arguments) else None


def _collected(x: Expression) -> frozenset[Expression]:
    found, seen, waiting = set[Expression](), {x}, [x]
    while waiting:
        part = waiting.pop()
        if part._leaves is not None:
            found |= part._leaves
            continue
        for a in part.arguments:
            if a not in seen:
                seen.add(a)
                waiting.append(a)
    return frozenset(found)


def constant(value: Any, source: Any = None) -> Expression:
    """A known array; `source` says how it was made of columns of data, if it was."""
    array = np.ascontiguousarray(value)
    if array.dtype.kind not in "fiub":
        raise TraceError(f"works with values of type {array.dtype}")
    kind = {"f": "float", "b": "bool"}.get(array.dtype.kind, "int")
    shape = np.shape(value)
    key = _key_of(value, array, shape, source)
    found = _interned.get(key)
    if found is not None and (array.size <= SHORT or found.value is value):
        return found
    made = object.__new__(Expression)
    made.op, made.arguments, made.shape, made.extra, made.kind = "constant", (), shape, None, kind
    made.value, made.source, made._leaves = (
        (value if isinstance(value, np.ndarray) and array.size > SHORT else array.reshape(shape)),
        source,
        frozenset(),
    )
    _interned[key] = made
    if source is not None:
        for column in source.columns:
            column.constants[id(made)] = made
    return made


def _key_of(value: Any, array: np.ndarray, shape: tuple[int, ...], source: Any) -> tuple[Any, ...]:
    """What two constants that are one have in common: short ones their numbers, long ones the array itself."""
    return "constant", array.tobytes() if array.size <= SHORT else id(value), shape, array.dtype.str, id(source)


def renumber(x: Expression, value: np.ndarray) -> None:
    """Give a constant other numbers of the same shape and type, for everybody who holds it."""
    for numbers in (x.value, value):
        key = _key_of(numbers, np.ascontiguousarray(numbers), x.shape, x.source)
        if numbers is value:
            x.value = value
            _interned[key] = x
        elif _interned.get(key) is x:
            del _interned[key]


def leaf(key: Any, shape: tuple[int, ...], kind: str = "float") -> Expression:
    """A value that is known only when a chain runs; `key` says which."""
    return _make("leaf", (), tuple(shape), key, kind)
