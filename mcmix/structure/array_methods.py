"""Symbolic arrays where NumPy's would stand: operators, methods, and the doors of NumPy's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.expression import (
    as_expression,
    cumulative_product,
    cumulative_sum,
    density,
    elementwise,
    event_density,
    inverse,
    matmul,
    reduce,
    reshape,
    transpose,
)
from mcmix.structure.symbols import UFUNC_NAMES, Expression, _make, has_unknown_length


class _Methods:
    """What arrays offer, each set as a method of symbolic arrays below."""

    @property
    def T(self: Any) -> Any:  # noqa: N802  (NumPy's name)
        """Transposed."""
        return transpose(self)

    def sum(self: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
        """Sum over all elements or one axis."""
        return reduce("sum", self, axis, keepdims)

    def prod(self: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
        """Product over all elements or one axis."""
        return reduce("prod", self, axis, keepdims)

    def max(self: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
        """Largest over all elements or one axis."""
        return reduce("max", self, axis, keepdims)

    def min(self: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
        """Smallest over all elements or one axis."""
        return reduce("min", self, axis, keepdims)

    def mean(self: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
        """Mean over all elements or one axis."""
        total = reduce("sum", self, axis, keepdims)
        return total / (self.size / max(total.size, 1))

    def cumsum(self: Any, axis: int | None = None) -> Expression:
        """Running sum along an axis."""
        return cumulative_sum(self, axis)

    def cumprod(self: Any, axis: int | None = None) -> Expression:
        """Running product along an axis."""
        return cumulative_product(self, axis)

    def dot(self: Any, other: Any) -> Expression:
        """Matrix product."""
        return matmul(self, other)

    def take(self: Any, indices: Any, axis: int | None = None) -> Expression:
        """Elements at positions along an axis."""
        return self._taken_along(indices, axis)

    def reshape(self: Any, *shape: Any) -> Expression:
        """Same elements in another shape."""
        return reshape(self, shape[0] if len(shape) == 1 and not np.isscalar(shape[0]) else shape)

    def ravel(self: Any) -> Expression:
        """Flattened."""
        return reshape(self, (-1,))

    flatten = ravel

    def squeeze(self: Any) -> Expression:
        """Without axes of length one."""
        return reshape(self, tuple(n for n in self.shape if n != 1))

    def copy(self: Any) -> Expression:
        """The same: expressions never change."""
        return self

    def astype(self: Any, kind: Any, **_: Any) -> Expression:
        """Another type; a float becomes an int by truncation."""
        wanted = np.dtype(kind).kind
        if wanted == "f" or (wanted in "iu" and self.kind in ("int", "bool")):
            return self if wanted == "f" or self.kind == "int" else elementwise("add", self, 0)
        if wanted in "iu":
            return _make("trunc", (self,), self.shape, None, "int")
        return self._no(f"converts to {np.dtype(kind)}")

    def _density_of(self: Any, family: Any, x: Any, parameters: Sequence[Any]) -> Expression:
        """How families, which know nothing of expressions, record a density with a symbolic argument."""
        return density(family, x, parameters) if family.event is None else event_density(family, x, parameters)

    def _inverse_of(self: Any, from_factor: bool) -> Expression:
        """How families record the inverse of symbolic matrices."""
        return inverse(self, from_factor)

    def __array_ufunc__(self: Any, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if any(map(has_unknown_length, inputs)):
            return NotImplemented
        if method == "reduce" and ufunc is np.add:
            return reduce("sum", as_expression(inputs[0]), keywords.get("axis", 0), keywords.get("keepdims", False))
        if ufunc is np.matmul and method == "__call__":
            return matmul(*inputs)
        if method != "__call__" or keywords or (ufunc not in UFUNC_NAMES and ufunc is not np.positive):
            raise TraceError(f"calls {getattr(ufunc, '__name__', ufunc)}, which is not among the recorded functions")
        return inputs[0] if ufunc is np.positive else elementwise(UFUNC_NAMES[ufunc], *inputs)

    def __array_function__(self: Any, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function not in Expression._functions:
            name = getattr(function, "__name__", function)
            raise TraceError(f"calls numpy.{name}, which is not among the recorded functions")
        return Expression._functions[function](*arguments, **keywords)


def _operator(name: str, swapped: bool = False) -> Any:
    def method(self: Expression, other: Any) -> Any:
        if has_unknown_length(other):
            return NotImplemented
        return elementwise(name, other, self) if swapped else elementwise(name, self, other)

    return method


for _symbol, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "power",
    "mod": "remainder",
    "floordiv": "floor_divide",
    "and": "and",
    "or": "or",
}.items():
    setattr(Expression, f"__{_symbol}__", _operator(_name))
    setattr(Expression, f"__r{_symbol}__", _operator(_name, swapped=True))
for _symbol, _name in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(Expression, f"__{_symbol}__", _operator(_name))
setattr(Expression, "__matmul__", lambda self, other: matmul(self, other))  # noqa: B010
setattr(Expression, "__rmatmul__", lambda self, other: matmul(other, self))  # noqa: B010
setattr(Expression, "__neg__", lambda self: elementwise("negative", self))  # noqa: B010
setattr(Expression, "__pos__", lambda self: self)  # noqa: B010
setattr(Expression, "__abs__", lambda self: elementwise("absolute", self))  # noqa: B010
setattr(Expression, "__invert__", lambda self: elementwise("not", self))  # noqa: B010

for _name, _value in vars(_Methods).items():
    if callable(_value) or isinstance(_value, property):
        setattr(Expression, _name, _value)
