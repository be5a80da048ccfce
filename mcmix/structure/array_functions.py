"""The NumPy functions that can be recorded beside the elementwise ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure.expression import (
    Expression,
    as_expression,
    broadcast_to,
    concatenate,
    constant,
    cumulative_product,
    cumulative_sum,
    elementwise,
    matmul,
    reduce,
    reshape,
    stack,
    transpose,
    where,
)
from mcmix.structure.indexing import take_along, take_along_axis

MOST_PRODUCTS = 50_000_000  # of einsum


def _hstack(values: Sequence[Any]) -> Expression:
    parts = [reshape(v, as_expression(v).shape or (1,)) for v in values]
    return concatenate(parts, 0 if parts[0].ndim < 2 else 1)


def _vstack(values: Sequence[Any]) -> Expression:
    return stack(values) if as_expression(values[0]).ndim == 1 else concatenate(values, 0)


def _reduction(name: str) -> Callable[..., Expression]:
    return lambda x, axis=None, **keywords: reduce(name, x, axis, keywords.get("keepdims", False))


def _expanded(x: Any, axis: Any) -> Expression:
    return reshape(x, np.expand_dims(np.empty(as_expression(x).shape, np.int8), axis).shape)


def _clip(x: Any, low: Any, high: Any) -> Expression:
    return elementwise("minimum", elementwise("maximum", x, low), high)


def _full_like(value: Any, number: Any) -> Expression:
    return constant(np.full(as_expression(value).shape, float(number)))


def _einsum(subscripts: Any, *operands: Any, **keywords: Any) -> Expression:
    """``numpy.einsum`` of one or two arrays: the product with an axis for each letter, summed over those that go."""
    parts = [as_expression(x) for x in operands]
    letters, out = _letters(subscripts, parts, keywords)
    lengths = {a: n for own, x in zip(letters, parts, strict=True) for a, n in zip(own, x.shape, strict=True)}
    axes = [*out, *(a for a in lengths if a not in out)]
    if math.prod(lengths.values()) > MOST_PRODUCTS:
        raise TraceError("einsum makes too large a table of products")
    first, *more = (_with_axes(x, own, axes) for own, x in zip(letters, parts, strict=True))
    product = elementwise("multiply", first, more[0]) if more else first
    shape = tuple(lengths[a] for a in out)
    return product if len(axes) == len(out) else reduce("sum", reshape(product, (*shape, -1)), -1)


def _letters(subscripts: Any, parts: Sequence[Expression], keywords: Any) -> tuple[list[str], str]:
    """The letters of each operand, and of the answer."""
    if not isinstance(subscripts, str) or set(keywords) - {"optimize"} or not 1 <= len(parts) <= 2:
        raise TraceError("calls einsum in a way that is not among the recorded ones")
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    letters = left.split(",")
    plain = all(own.isalpha() or not own for own in [*letters, out])
    if (
        not plain
        or [len(own) for own in letters] != [x.ndim for x in parts]
        or any(len(set(o)) < len(o) for o in letters)
    ):
        raise TraceError(f"calls einsum with {subscripts!r}, which is not among the recorded ones")
    met = "".join(letters)
    return letters, out if arrow else "".join(sorted(a for a in set(met) if met.count(a) == 1))


def _with_axes(x: Expression, own: str, axes: Sequence[str]) -> Expression:
    """X with its axes in the order of all axes, of length one where it has none."""
    order = [own.index(a) for a in axes if a in own]
    turned = x if order == sorted(order) else transpose(x, order)
    lengths = iter(turned.shape)
    return reshape(turned, tuple(next(lengths) if a in own else 1 for a in axes))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: where, np.reshape: reshape, np.ravel: lambda x, **_: reshape(x, (-1,)), np.transpose: transpose,
    np.stack: stack, np.concatenate: concatenate, np.hstack: _hstack,
    np.vstack: _vstack,
    np.append: lambda a, b: concatenate([reshape(a, (-1,)), reshape(b, (-1,))]),
    np.column_stack: lambda v: stack(v, axis=1), np.broadcast_to: broadcast_to, np.take: take_along,
    np.sum: _reduction("sum"),
    np.prod: _reduction("prod"),
    np.max: _reduction("max"),
    np.min: _reduction("min"),
    np.any: lambda x, axis=None, **_: reduce("max", elementwise("not_equal", x, 0), axis),
    np.all: lambda x, axis=None, **_: reduce("min", elementwise("not_equal", x, 0), axis),
    np.mean: lambda x, axis=None, **k: as_expression(x).mean(axis), np.cumsum: cumulative_sum, np.dot: matmul,
    np.cumprod: cumulative_product,
    np.clip: _clip,
    np.zeros_like: lambda x, **_: _full_like(x, 0.0), np.ones_like: lambda x, **_: _full_like(x, 1.0),
    np.full_like: lambda x, number, **_: _full_like(x, number), np.shape: lambda x: as_expression(x).shape,
    np.size: lambda x: as_expression(x).size, np.ndim: lambda x: as_expression(x).ndim,
    np.expand_dims: _expanded,
    np.squeeze: lambda x, **_: as_expression(x).squeeze(),
    np.atleast_1d: lambda x: reshape(x, as_expression(x).shape or (1,)),
    np.take_along_axis: take_along_axis, np.einsum: _einsum,
    np.diff: lambda x: as_expression(x)[1:] - as_expression(x)[:-1],
}  # fmt: skip

Expression._functions = FUNCTIONS
