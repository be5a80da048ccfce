"""Indexing of symbolic arrays: known positions become gathers, positions that are values become look-ups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mcmix.errors import TraceError, YesOrNoIndex
from mcmix.structure.chosen import chosen_rows, picks_rows
from mcmix.structure.expression import Expression, as_expression, elementwise, gather, holds_expression, reshape
from mcmix.structure.sources import decided_by, derived

_NOWHERE = -(2**40)  # a position outside any table


def index(x: Expression, position: Any) -> Any:
    """``x[position]``."""
    listed = list(position) if isinstance(position, tuple) else [position]
    parts = [p.value if isinstance(p, Expression) and p.is_constant else p for p in listed]
    parts = [as_expression(p) if isinstance(p, (list, tuple)) and holds_expression(p) else p for p in parts]
    if any(isinstance(p, Expression) and _says_yes_or_no(p) for p in parts):
        raise YesOrNoIndex("a look-up")
    if picks_rows(parts):
        return chosen_rows(x, parts)
    if not any(isinstance(p, Expression) for p in parts):
        return gather(x, _places(x.shape, listed, isinstance(position, tuple)))
    return _index_by_values(x, [_with_source(p, own) for p, own in zip(parts, listed, strict=True)])


def _with_source(part: Any, listed: Any) -> Any:
    """A known position as the constant that it was, where it is made of data."""
    made_of_data = isinstance(listed, Expression) and listed.source is not None and listed.kind != "bool"
    return listed if made_of_data and not isinstance(part, Expression) else part


def _places(shape: tuple[int, ...], listed: list[Any], is_tuple: bool) -> Expression:
    """Which elements of an array known positions pick, also where these are made of data."""
    known = [p for p in listed if isinstance(p, Expression)]
    parts = [p.value if isinstance(p, Expression) else p for p in listed]
    found = np.arange(math.prod(shape)).reshape(shape)[tuple(parts) if is_tuple else parts[0]]
    places = np.ascontiguousarray(found).reshape(np.shape(found))
    decided_by(*[p for p in known if p.kind == "bool"])  # how many a mask picks goes by its numbers

    def again(*other: Expression) -> Expression:
        rest = iter(other)
        return _places(shape, [next(rest) if isinstance(p, Expression) else p for p in listed], is_tuple)

    return derived(object(), again, places, known)


def _says_yes_or_no(position: Expression) -> bool:
    """Whether it is a variable of yes and no, or entries of one; a comparison is a mask that somebody meant."""
    waiting = [position]
    while waiting:
        part = waiting.pop()
        if part.op in ("reshape", "take", "concatenate"):
            waiting += part.arguments[: 1 if part.op == "take" else None]
        elif part.op == "leaf" and part.kind == "bool":
            return True
    return False


def _index_by_values(x: Expression, parts: list[Any]) -> Expression:
    """Positions that are themselves values: whole numbers per axis from the front, full slices for the rest."""
    parts = parts + [slice(None)] * (x.ndim - len(parts))
    if len(parts) > x.ndim or any(isinstance(p, Expression) and p.kind == "bool" for p in parts):
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
    inner_axes = [None, *x.shape[1 : len(indices)]]  # beyond the first axis, any length is a row's own
    indices = [i if n is None else _inside_row(i, n) for i, n in zip(indices, inner_axes, strict=True)]
    for index, length in reversed(list(zip(indices, x.shape, strict=False))):
        term = elementwise("multiply", index, stride) if stride != 1 else index
        position = term if position is None else elementwise("add", term, position)
        stride *= length
    if rest:
        inner = np.arange(int(np.prod(rest, dtype=int))).reshape(rest)
        position = elementwise("add", reshape(position, position.shape + (1,) * len(rest)), inner)
    return gather(x, position)


def _inside_row(index: Expression, length: int) -> Expression:
    """An index into an inner axis; beyond that axis it is sent out of the whole table, not into the next row."""
    if index.is_constant or spans(index, length):
        return index
    inside = elementwise("and", elementwise("greater_equal", index, 0), elementwise("less", index, length))
    return elementwise("where", inside, index, _NOWHERE)


def spans(index: Expression, length: int) -> bool:
    """Whether what is looked up with is known to lie on an axis: finitely many values, all of them on it."""
    waiting = [index]
    while waiting:
        part = waiting.pop()
        if part.op in ("reshape", "take", "concatenate"):
            waiting += part.arguments[: None if part.op == "concatenate" else 1]
        elif not _spans_at_once(part, length):
            return False
    return True


def _spans_at_once(index: Expression, length: int) -> bool:
    if index.is_constant:
        known = np.asarray(index.known)
        return bool(known.size == 0 or (known.min() >= 0 and known.max() < length))
    values = _values_of(index.extra) if index.op == "leaf" else None
    return values is not None and bool(values[0] >= 0 and values[-1] < length)


def _values_of(key: Any) -> np.ndarray | None:
    from mcmix.nodes.distribution import Distribution
    from mcmix.structure.values import values_of

    return values_of(key) if isinstance(key, Distribution) else None


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


Expression._looked_up, Expression._taken_along = index, take_along
