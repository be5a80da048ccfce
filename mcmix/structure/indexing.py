"""Indexing of symbolic arrays: known positions become gathers, positions that are values become look-ups."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.expression import Expression, as_expression, elementwise, gather, holds_expression, reshape


def index(x: Expression, position: Any) -> Expression:
    """``x[position]``."""
    index = position
    if isinstance(index, Expression) and index.is_constant:
        index = index.value
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [p.value if isinstance(p, Expression) and p.is_constant else p for p in parts]
    parts = [as_expression(p) if isinstance(p, (list, tuple)) and holds_expression(p) else p for p in parts]
    if not any(isinstance(p, Expression) for p in parts):
        positions = np.arange(x.size).reshape(x.shape)[tuple(parts) if isinstance(index, tuple) else parts[0]]
        return gather(x, np.ascontiguousarray(positions).reshape(np.shape(positions)))
    return _index_by_values(x, parts)


def _index_by_values(x: Expression, parts: list[Any]) -> Expression:
    """Positions that are themselves values: whole numbers per axis from the front, full slices for the rest."""
    parts = parts + [slice(None)] * (x.ndim - len(parts))
    if len(parts) > x.ndim or any(isinstance(p, Expression) and p.kind == "bool" and x.ndim != 1 for p in parts):
        raise TraceError("indexes with a mask of values")
    if any(isinstance(p, Expression) and p.kind == "bool" for p in parts):
        raise TraceError("indexes with a mask of values")
    advanced = [isinstance(p, Expression) or not isinstance(p, slice) for p in parts]
    count = sum(advanced)
    if any(advanced[count:]) or any(p != slice(None) for p in parts[count:]):
        raise TraceError("mixes slices and values in one index")
    return _gather_front(x, [as_expression(p) for p in parts[:count]])


def _gather_front(x: Expression, indices: list[Expression]) -> Expression:
    rest = x.shape[len(indices) :]
    stride = int(np.prod(rest, dtype=int))
    position: Any = None
    for index, length in reversed(list(zip(indices, x.shape, strict=False))):
        term = elementwise("multiply", index, stride) if stride != 1 else index
        position = term if position is None else elementwise("add", term, position)
        stride *= length
    if rest:
        inner = np.arange(int(np.prod(rest, dtype=int))).reshape(rest)
        position = elementwise("add", reshape(position, position.shape + (1,) * len(rest)), inner)
    return gather(x, position)


def take_along(value: Any, indices: Any, axis: int | None = None, **_: Any) -> Expression:
    """``numpy.take`` along the first axis, or of the flattened array."""
    x = as_expression(value)
    if axis is None:
        return gather(x, indices)
    if axis % x.ndim != 0:
        raise TraceError("takes along an axis other than the first")
    return index(x, as_expression(indices))


def take_along_axis(values: Any, indices: Any, axis: int = -1, **_: Any) -> Expression:
    """One element of the last axis per row, as ``numpy.take_along_axis`` with one index a row."""
    x, index = as_expression(values), as_expression(indices)
    if axis not in (-1, x.ndim - 1):
        raise TraceError("takes along an axis other than the last")
    rows = np.arange(x.size // x.shape[-1]).reshape((*x.shape[:-1], 1)) * x.shape[-1]
    return gather(x, elementwise("add", rows, index))
