"""Arrays that a recorded function makes and writes into: ``out = np.empty(n); out[:s] = early; out[s:] = late``.

Such an array stays a plain one until something symbolic is written into it, or written at a symbolic place; from then
on it stands for an expression, and every write makes the next.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.expression import (
    Expression,
    as_expression,
    broadcast_to,
    concatenate,
    constant,
    elementwise,
    gather,
)


class Canvas(np.ndarray):
    """An array that remembers symbolic writes."""

    expression: Expression | None = None

    def __setitem__(self, index: Any, value: Any) -> None:
        if self.expression is None and not _symbolic(index) and not _symbolic(value):
            super().__setitem__(index, value)
            return
        before = self.expression if self.expression is not None else constant(np.array(self, dtype=float))
        self.expression = _written(before, index, value)

    def __getitem__(self, index: Any) -> Any:
        if self.expression is None and not _symbolic(index):
            return np.asarray(self)[index]
        return self._now()[index]

    def __iter__(self) -> Any:
        return iter(self._now()) if self.expression is not None else iter(np.asarray(self))

    def _now(self) -> Expression:
        return self.expression if self.expression is not None else constant(np.array(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        parts = [revealed(x) for x in inputs]
        if "out" in keywords:
            raise TraceError(f"writes the answer of {ufunc.__name__} into an array")
        return getattr(ufunc, method)(*parts, **keywords)

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        return function(*[revealed(a) for a in arguments], **{k: revealed(v) for k, v in keywords.items()})

    def _refuse(self, *unused: Any) -> Any:
        raise TraceError("changes an array in place")

    __iadd__ = __isub__ = __imul__ = __itruediv__ = __ipow__ = _refuse


def canvas(array: np.ndarray) -> Canvas:
    """A canvas with an array's contents."""
    return np.array(array).view(Canvas)


def revealed(value: Any) -> Any:
    """What a canvas stands for: an expression, or a plain array; containers are looked into."""
    if isinstance(value, Canvas):
        return value.expression if value.expression is not None else np.asarray(value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, Canvas) for v in value):
        return type(value)([revealed(v) for v in value])
    return value


def _symbolic(value: Any) -> bool:
    if isinstance(value, slice):
        return any(_symbolic(end) for end in (value.start, value.stop, value.step))
    if isinstance(value, (list, tuple)):
        return any(_symbolic(v) for v in value)
    return isinstance(value, Expression) or (isinstance(value, Canvas) and value.expression is not None)


def _written(before: Expression, index: Any, value: Any) -> Expression:
    new = as_expression(revealed(value))
    if not _symbolic(index):
        return _at_known_places(before, index, new)
    if before.ndim != 1:
        raise TraceError("writes at symbolic places of an array with several axes")
    where = _chosen(before.size, index)
    if new.size != 1 and new.shape != before.shape:
        raise TraceError("writes several values at places that are not known")
    if new.size != 1 and isinstance(index, slice):
        raise TraceError("writes several values at places that are not known")
    return elementwise("where", where, new, before)


def _at_known_places(before: Expression, index: Any, new: Expression) -> Expression:
    places = np.arange(before.size).reshape(before.shape)
    chosen = places[index]
    positions = places.copy().ravel()
    positions[np.ravel(chosen)] = before.size + np.arange(chosen.size)
    both = concatenate([before.ravel(), broadcast_to(new, chosen.shape).ravel()])
    return gather(both, positions.reshape(before.shape))


def _chosen(n: int, index: Any) -> Expression:
    """Which of n places a symbolic slice, mask or position stands for."""
    places = np.arange(n)
    if isinstance(index, slice):
        if index.step not in (None, 1):
            raise TraceError("writes with a step from a symbolic place")
        first = elementwise("greater_equal", places, _counted(index.start, n, 0))
        return elementwise("and", first, elementwise("less", places, _counted(index.stop, n, n)))
    where = as_expression(revealed(index))
    if where.kind == "bool" and where.shape == (n,):
        return where
    if where.size != 1:
        raise TraceError("writes at several symbolic places")
    return elementwise("equal", places, _counted(where, n, 0))


def _counted(end: Any, n: int, default: int) -> Any:
    """An end of a slice, negative ones counted from the back."""
    if end is None:
        return default
    return elementwise("where", elementwise("less", end, 0), elementwise("add", end, n), end)
