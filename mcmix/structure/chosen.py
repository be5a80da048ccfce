"""Rows that an unknown slice or mask picks, ``value[:s]``, ``x[z == 0]``: how many is known to the chain alone.

All rows are carried along together with the mask; elementwise functions and densities go on with all of them, and a sum
counts the rows inside. What needs to know how many rows there are cannot be recorded, and is called as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.canvas import _chosen as places_of_slice
from mcmix.structure.expression import (
    Expression,
    as_expression,
    density,
    elementwise,
    event_density,
    reduce,
    reshape,
)
from mcmix.structure.symbols import UFUNC_NAMES


class ChosenRows:
    """Those rows of an array for which a mask holds.

    Parameters
    ----------
    rows : Expression, shape (n, ...)
        All of them.
    mask : Expression of yes and no, shape (n,)
    """

    __array_priority__ = 2000
    has_unknown_length = True

    def __init__(self, rows: Expression, mask: Expression):
        self.rows, self.mask = rows, mask

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.rows.ndim

    @property
    def size(self) -> Expression:
        """Number of elements."""
        return reduce("sum", self.mask) * (self.rows.size // max(self.mask.size, 1))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type that the values will have."""
        return self.rows.dtype

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise TraceError(f"uses the attribute '{name}' of rows whose number is not known")

    def _refuse(self, *unused: Any, **also: Any) -> Any:
        raise TraceError("works on rows whose number is not known in a way that cannot be recorded")

    __len__ = __iter__ = __bool__ = __float__ = __int__ = __index__ = __array__ = __setitem__ = _refuse

    def __getitem__(self, index: Any) -> ChosenRows:
        """The same rows of a column, ``rows[:, j]``."""
        parts = list(index) if isinstance(index, tuple) else [index]
        if parts[0] is Ellipsis and len(parts) == self.ndim:
            parts[0] = slice(None)
        whole = isinstance(parts[0], slice) and parts[0] == slice(None)
        if not whole or any(p is None or p is Ellipsis for p in parts):
            self._refuse()
        return ChosenRows(self.rows[tuple(parts)], self.mask)

    # ---------------------------------------------------------------- elementwise

    def _applied(self, name: str, arguments: Sequence[Any]) -> ChosenRows:
        return ChosenRows(elementwise(name, *[self._beside(a, self.ndim) for a in arguments]), self.mask)

    def _beside(self, value: Any, ndim: int) -> Expression:
        """An operand that goes with every row alike, or with these same rows."""
        if isinstance(value, ChosenRows):
            if value.mask is not self.mask or value.ndim != ndim:
                raise TraceError("brings rows of different unknown slices or masks together")
            return value.rows
        x = as_expression(value)
        if x.ndim > ndim or (x.ndim == ndim and x.shape[0] != 1):
            raise TraceError(f"combines rows whose number is not known with a value of shape {x.shape}")
        return x

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method == "reduce" and ufunc is np.add:
            return self.sum(keywords.get("axis", 0))
        if method != "__call__" or keywords or ufunc not in UFUNC_NAMES:
            raise TraceError(f"calls {getattr(ufunc, '__name__', ufunc)} of rows whose number is not known")
        return self._widest(inputs)._applied(UFUNC_NAMES[ufunc], inputs)

    def _widest(self, values: Sequence[Any]) -> ChosenRows:
        return max((v for v in values if isinstance(v, ChosenRows)), key=lambda v: v.ndim)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        if function not in (np.sum, np.mean, np.size) or not isinstance(arguments[0], ChosenRows):
            self._refuse()
        rows, *rest = arguments
        return rows.size if function is np.size else getattr(rows, function.__name__)(*rest, **keywords)

    def _density_of(self, family: Any, x: Any, parameters: Sequence[Any]) -> ChosenRows:
        """How families record a density of rows or parameters whose number is not known."""
        axes = [family.event_ndim, *[p.event_ndim for p in family.parameters]]
        values = list(zip((x, *parameters), axes, strict=True))
        front = max(v.ndim - n for v, n in values if isinstance(v, ChosenRows))
        parts = [self._beside(v, front + n) for v, n in values]
        made = density(family, parts[0], parts[1:]) if family.event is None else None
        return ChosenRows(event_density(family, parts[0], parts[1:]) if made is None else made, self.mask)

    def looked_up_in(self, table: Expression) -> ChosenRows:
        """``table[rows]``."""
        return ChosenRows(table[self.rows], self.mask)

    # ---------------------------------------------------------------- sums

    def sum(self, axis: Any = None, **_: Any) -> Any:
        """Sum over all elements or one axis; over none, nought."""
        if isinstance(axis, (int, np.integer)) and axis % self.ndim != 0:
            return ChosenRows(reduce("sum", self.rows, axis), self.mask)
        counted = reshape(self.mask, (-1,) + (1,) * (self.ndim - 1))
        # A choice, not a product with the mask: rows outside may be infinite or NaN, and 0 times those is NaN.
        return reduce("sum", elementwise("where", counted, self.rows, 0.0), axis)

    def mean(self, axis: Any = None, **_: Any) -> Any:
        """Mean over all elements or one axis."""
        if isinstance(axis, (int, np.integer)) and axis % self.ndim != 0:
            return ChosenRows(self.rows.mean(axis), self.mask)
        return self.sum(axis) / (self.size if axis is None else reduce("sum", self.mask))


def _binary(name: str, swapped: bool = False) -> Callable[[ChosenRows, Any], ChosenRows]:
    def method(self: ChosenRows, other: Any) -> ChosenRows:
        both = (other, self) if swapped else (self, other)
        return self._widest(both)._applied(name, both)

    return method


for _symbol, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "mod": "remainder",
    "floordiv": "floor_divide", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "eq": "equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(ChosenRows, f"__{_symbol}__", _binary(_name))
    if _symbol not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(ChosenRows, f"__r{_symbol}__", _binary(_name, swapped=True))
for _symbol, _name in {"neg": "negative", "abs": "absolute"}.items():
    setattr(ChosenRows, f"__{_symbol}__", lambda self, _name=_name: self._applied(_name, (self,)))
ChosenRows.__hash__ = object.__hash__  # type: ignore[method-assign]


def chosen_rows(x: Expression, parts: Sequence[Any]) -> ChosenRows:
    """``x[parts]``, where the first is a slice with an unknown end or an unknown mask, and the others are columns.

    Raises
    ------
    TraceError
        If the ends are no whole numbers, the mask does not fit, or there is more that is not known.
    """
    first, *others = parts
    if not x.shape or any(_is_unknown(p) or p is None or p is Ellipsis for p in others):
        raise TraceError("indexes with several unknown slices or masks")
    if isinstance(first, Expression):
        if first.shape != x.shape[:1]:
            raise TraceError("indexes with a mask of values of another shape than the first axis")
        mask = first
    else:
        if any(isinstance(e, Expression) and (e.size != 1 or e.kind != "int") for e in (first.start, first.stop)):
            raise TraceError("has a slice whose end is no whole number")
        mask = places_of_slice(x.shape[0], _with_scalar_ends(first))
    return ChosenRows(x[(slice(None), *others)] if others else x, mask)


def _with_scalar_ends(part: slice) -> slice:
    start, stop = (reshape(e, ()) if isinstance(e, Expression) else e for e in (part.start, part.stop))
    return slice(start, stop, part.step)


def _is_unknown(part: Any) -> bool:
    if isinstance(part, slice):
        return any(isinstance(e, Expression) for e in (part.start, part.stop, part.step))
    return isinstance(part, (Expression, ChosenRows))


def picks_rows(parts: Sequence[Any]) -> bool:
    """Whether an index starts with an unknown slice, or an unknown mask."""
    first = parts[0] if parts else None
    if isinstance(first, slice):
        return _is_unknown(first)
    return isinstance(first, Expression) and first.kind == "bool"


__all__ = ["ChosenRows", "chosen_rows", "picks_rows"]
