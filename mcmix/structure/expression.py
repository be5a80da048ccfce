"""Symbolic arrays: what a user's NumPy function does, recorded as a graph.

An :class:`Expression` stands where an array would and records operators, NumPy functions and indexing. Equal
expressions are one object (they are interned), constants fold at once, and everything it cannot record raises
:class:`~mcmix.errors.TraceError`; the caller then falls back to calling the user's function as written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from mcmix.distributions.matrices import positive_inverse
from mcmix.errors import TraceError
from mcmix.structure.sources import decided_by, derived
from mcmix.structure.symbols import (  # noqa: F401  (who works with expressions finds all of them here)
    BINARY,
    ELEMENTWISE,
    REDUCTIONS,
    UNARY,
    YES_OR_NO,
    Expression,
    _make,
    constant,
    leaf,
)

LONGEST_PRODUCT = 256  # factors of a running product
DEEPEST = 64  # functions of functions of ... through which look-ups and lists are moved down when they are made


class _Nesting(threading.local):
    """How far below an expression the making of another one has come."""

    level = 0

    @property
    def ends(self) -> bool:
        """Whether it goes no further down: what is deeper stays as it is, which is right and only less simple."""
        return self.level >= DEEPEST

    def __enter__(self) -> None:
        self.level += 1

    def __exit__(self, *error: Any) -> None:
        self.level -= 1


_nesting = _Nesting()


def as_expression(value: Any) -> Expression:
    """Arrays, numbers and (nested) lists that may hold expressions, as one expression."""
    if isinstance(value, Expression):
        return value
    written = getattr(value, "expression", None)  # an array into which symbolic values were written
    if isinstance(written, Expression):
        return written
    if isinstance(value, (list, tuple)) and holds_expression(value):
        return stack([as_expression(v) for v in value])
    try:
        return constant(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise TraceError(f"works with {type(value).__name__}, which is no array") from error


def holds_expression(value: Any) -> bool:
    """Whether a nested list holds a symbolic value."""
    if isinstance(value, (list, tuple)):
        return any(holds_expression(v) for v in value)
    return isinstance(value, Expression)


def elementwise(name: str, *arguments: Any) -> Expression:
    """Apply an elementwise function with NumPy's broadcasting."""
    parts = tuple(as_expression(a) for a in arguments)
    try:
        shape = np.broadcast_shapes(*[p.shape for p in parts])
    except ValueError as error:
        raise TraceError(
            f"combines shapes {' and '.join(str(p.shape) for p in parts)}, which do not broadcast"
        ) from error
    if all(p.is_constant for p in parts):
        if name == "multiply" and (same := _times_one(parts, shape)) is not None:
            return same
        with np.errstate(all="ignore"):
            return derived(name, partial(elementwise, name), ELEMENTWISE[name](*[p.value for p in parts]), parts)
    if name == "reciprocal" and parts[0].kind == "int":
        return _make("trunc", (elementwise("divide", 1.0, parts[0]),), shape, None, "int")  # as NumPy does
    simpler = _simplified(name, parts, shape)
    if simpler is not None:
        return simpler
    return _make(name, parts, shape, None, _kind_of(name, parts))


def _times_one(parts: tuple[Expression, ...], shape: tuple[int, ...]) -> Expression | None:
    """Known doubles that are multiplied with one: they themselves, not a copy of all rows."""
    for one, x in (parts, parts[::-1]):
        if x.shape == shape and x.size > 1 and x.value is not None and x.value.dtype == np.float64 and _is(one, 1.0):
            return x
    return None


def _kind_of(name: str, parts: tuple[Expression, ...]) -> str:
    if name in YES_OR_NO:
        return "bool"
    whole = all(p.kind in ("int", "bool") for p in parts[-2:])
    return (
        "int"
        if whole
        and name
        in (
            "add",
            "subtract",
            "multiply",
            "negative",
            "absolute",
            "floor_divide",
            "remainder",
            "where",
            "maximum",
            "minimum",
        )
        else "float"
    )


def is_everywhere(x: Expression, number: float) -> bool:
    """Whether every entry is known to be this number."""
    return x.is_constant and bool(np.all(x.known == number))


def _is(value: Expression, number: float) -> bool:
    # What data are by chance decides nothing: on other rows it is another number.
    if value.value is None or value.size != 1 or value.source is not None:
        return False
    return float(value.value.reshape(())) == number


def _simplified(name: str, parts: tuple[Expression, ...], shape: tuple[int, ...]) -> Expression | None:
    """Identities that save work without changing a result."""
    first = parts[0]
    if name == "log" and first.op == "exp":  # weights are kept as logarithms
        return first.arguments[0]
    if name == "exp" and first.op == "log":
        return first.arguments[0]
    if name == "where" and first.kind == "bool" and not first.is_constant and first.shape == shape and len(shape) == 1:
        if all(p.size == 1 for p in parts[1:]):  # a look-up in [no, yes]
            return gather(concatenate([reshape(p, (1,)) for p in reversed(parts[1:])]), first)
    if name == "where" and first.is_constant and len(shape) == 1 and all(p.size == 1 for p in parts[1:]):
        return gather(
            concatenate([reshape(p, (1,)) for p in parts[1:]]), broadcast_to(elementwise("where", first, 0, 1), shape)
        )
    if len(parts) == 2 and first.kind != "bool" and parts[1].kind != "bool":
        second = parts[1]
        if first.shape == shape and (
            name in ("multiply", "divide", "power")
            and _is(second, 1.0)
            or name in ("add", "subtract")
            and _is(second, 0.0)
        ):
            return first if first.kind == "float" or second.kind == "int" else None
        if second.shape == shape and (name == "multiply" and _is(first, 1.0) or name == "add" and _is(first, 0.0)):
            return second if second.kind == "float" or first.kind == "int" else None
    return None


def where(condition: Any, yes: Any = None, no: Any = None) -> Expression:
    """Choose elements by a condition."""
    if yes is None or no is None:
        raise TraceError("uses numpy.where to find positions")
    return elementwise("where", condition, yes, no)


def reshape(value: Any, shape: Any, **_: Any) -> Expression:
    """Same elements in another shape."""
    x = as_expression(value)
    wanted = np.empty(x.shape, dtype=np.int8).reshape(shape).shape
    if wanted == x.shape:
        return x
    if x.is_constant:
        return derived(
            ("reshape", wanted), partial(reshape, shape=wanted), np.reshape(np.asarray(x.value), wanted), [x]
        )
    if x.op == "reshape":
        return reshape(x.arguments[0], wanted)
    if x.op == "take":
        return gather(x.arguments[0], reshape(x.arguments[1], wanted))
    pushed = x.op in ELEMENTWISE and x.size > 1 and not _nesting.ends
    if pushed and all(a.size == 1 or a.shape == x.shape for a in x.arguments):
        with _nesting:
            return elementwise(x.op, *[reshape(a, () if a.size == 1 else wanted) for a in x.arguments])
    return _make("reshape", (x,), wanted, None, x.kind)


def gather(table: Any, positions: Any) -> Expression:
    """Elements of the flattened table at whole-number positions; the result has the positions' shape."""
    x, index = as_expression(table), _bare_index(as_expression(positions))
    if index.is_constant and index.kind == "bool":  # no and yes as positions 0 and 1, never as a mask
        index = elementwise("where", index, 1, 0)
    known = index.value
    if known is not None and index.size and not (0 <= known.min() and known.max() < x.size):
        decided_by(index)
        raise TraceError(f"looks up position {known.max():g} in a table of {x.size}")
    if known is not None and x.value is not None:
        return derived("take", gather, np.reshape(x.value, -1)[known], [x, index])
    if known is not None and index.size == x.size and np.array_equal(np.ravel(known), np.arange(x.size)):
        decided_by(index)
        return reshape(x, index.shape)
    if x.op == "reshape":
        return gather(x.arguments[0], index)
    if x.op == "take" and known is not None and x.arguments[1].is_constant:
        return gather(x.arguments[0], gather(x.arguments[1], index))
    if known is not None and not _nesting.ends and (x.op == "take" or x.op in ELEMENTWISE and index.size <= x.size):
        with _nesting:
            return _gather_below(x, index)
    if x.op == "concatenate" and known is not None:
        return _gather_from_parts(x, index)
    return _make("take", (x, index), index.shape, None, x.kind)


def _bare_index(index: Expression) -> Expression:
    """Whole or yes/no values as positions: 1 * z, z + 0 and z.astype(int) are z."""
    while True:
        if index.op == "trunc" and index.arguments[0].kind != "float":
            index = index.arguments[0]
            continue
        pairs = (index.arguments, index.arguments[::-1]) if index.op in ("multiply", "add") else ()
        neutral = 1.0 if index.op == "multiply" else 0.0
        bare = [b for a, b in pairs if _is(a, neutral) and b.shape == index.shape and b.kind != "float"]
        if not bare:
            return index
        index = bare[0]


def _gather_below(x: Expression, index: Expression) -> Expression:
    """Take elements before computing with them: fewer are computed, and look-ups by labels stay visible."""
    if x.op == "take":
        return gather(x.arguments[0], gather(x.arguments[1], index))

    places = [_places_in(a, x.shape, index) for a in x.arguments]
    parts = [reshape(a, ()) if p is None else gather(a, p) for a, p in zip(x.arguments, places, strict=True)]
    return broadcast_to(elementwise(x.op, *parts), index.shape)


def _places_in(a: Expression, shape: tuple[int, ...], index: Expression) -> Expression | None:
    """As :func:`places_of`, of known positions that may be made of data."""
    places = places_of(a, shape, np.asarray(index.value))
    again: Any = partial(_places_in, a, shape)
    return None if places is None else derived(("places", a.shape, shape), again, places, [index])


def places_of(a: Expression, shape: tuple[int, ...], positions: np.ndarray) -> np.ndarray | None:
    """Which elements of an operand stand at positions of the (flattened) result; None for a single number."""
    if a.size == 1:
        return None
    places = np.broadcast_to(np.arange(a.size).reshape(a.shape), shape)
    return np.reshape(places.reshape(-1)[positions], np.shape(positions))


def _gather_from_parts(x: Expression, index: Expression) -> Expression:
    """Positions in a concatenation that all fall into one part need only that part."""
    start, positions = 0, np.asarray(index.value)
    for part in x.arguments:
        if positions.size and positions.min() >= start and positions.max() < start + part.size:
            decided_by(index)
            return gather(part, positions - start)
        start += part.size
    return _make("take", (x, index), index.shape, None, x.kind)


def broadcast_to(value: Any, shape: Any, **_: Any) -> Expression:
    """Repeat along new or length-one axes."""
    x = as_expression(value)
    wanted = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if x.shape == wanted:
        return x
    return gather(x, np.broadcast_to(np.arange(x.size).reshape(x.shape), wanted).copy())


def transpose(value: Any, axes: Any = None) -> Expression:
    """Permute the axes."""
    x = as_expression(value)
    if x.ndim < 2:
        return x
    return gather(x, np.ascontiguousarray(np.transpose(np.arange(x.size).reshape(x.shape), axes)))


def stack(values: Sequence[Any], axis: int = 0, **_: Any) -> Expression:
    """Join along a new axis."""
    parts = [as_expression(v) for v in values]
    if len({p.shape for p in parts}) > 1:
        raise TraceError("stacks values of different shapes: " + ", ".join(str(p.shape) for p in parts))
    joined = reshape(concatenate([reshape(p, (-1,)) for p in parts]), (len(parts), *parts[0].shape))
    if axis == 0 or joined.ndim == 1:
        return joined
    positions = np.moveaxis(np.arange(joined.size).reshape(joined.shape), 0, axis)
    return gather(joined, np.ascontiguousarray(positions))


def concatenate(values: Sequence[Any], axis: int | None = 0, **_: Any) -> Expression:
    """Join along an axis."""
    parts = [as_expression(v) for v in values]
    if all(p.is_constant for p in parts):
        known = np.concatenate([np.atleast_1d(np.asarray(p.value)) for p in parts], axis)
        return derived(("concatenate", axis), lambda *other: concatenate(other, axis), known, parts)
    same_table = _pieces_of_one_table(parts)
    if same_table is not None and (axis is None or all(p.ndim == 1 for p in parts)):
        return same_table
    same_function = _like_functions(parts)
    if same_function is not None:
        return same_function
    kind = "float" if any(p.kind == "float" for p in parts) else parts[0].kind
    flat = _make("concatenate", tuple(reshape(p, (-1,)) for p in parts), (sum(p.size for p in parts),), None, kind)
    if axis is None or all(p.ndim == 1 for p in parts):
        return flat
    ends = np.cumsum([0, *[p.size for p in parts]])
    blocks = [np.arange(s, s + p.size).reshape(p.shape) for s, p in zip(ends, parts, strict=False)]
    return gather(flat, np.ascontiguousarray(np.concatenate(blocks, axis)))


def _like_functions(parts: Sequence[Expression]) -> Expression | None:
    """[f(a), f(b), ...] of single numbers as f([a, b, ...])."""
    pieces = [p.arguments[0] if p.op == "reshape" else p for p in parts]
    first = pieces[0]
    if len(parts) < 2 or first.op not in ELEMENTWISE or any(p.op != first.op or p.size != 1 for p in pieces):
        return None
    if _nesting.ends:
        return None
    columns = list(zip(*[p.arguments for p in pieces], strict=True))
    with _nesting:
        joined = [c[0] if all(a is c[0] for a in c) else concatenate([reshape(a, (1,)) for a in c]) for c in columns]
    return broadcast_to(elementwise(first.op, *joined), (len(parts),))


def _pieces_of_one_table(parts: Sequence[Expression]) -> Expression | None:
    """Known look-ups of one table, joined: one look-up."""
    pieces = [p.arguments[0] if p.op == "reshape" else p for p in parts]
    if any(
        p.op != "take" or p.arguments[0] is not pieces[0].arguments[0] or not p.arguments[1].is_constant for p in pieces
    ):
        return None
    return gather(pieces[0].arguments[0], concatenate([reshape(p.arguments[1], (-1,)) for p in pieces]))


def reduce(name: str, value: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Expression:
    """Reduce all elements or one axis."""
    x = as_expression(value)
    if x.is_constant:
        again = partial(reduce, name, axis=axis, keepdims=keepdims)
        return derived((name, axis, keepdims), again, REDUCTIONS[name](x.value, axis=axis, keepdims=keepdims), [x])
    if axis is None or x.ndim == 1:
        shape = (1,) * x.ndim if keepdims else ()
        whole = x if x.size == 1 else _make(name, (x,), (), (1, x.size, 1), x.kind if x.kind != "bool" else "int")
        return reshape(whole, shape)
    if not isinstance(axis, (int, np.integer)):
        raise TraceError("reduces several axes at once")
    axis = int(axis) % x.ndim
    outer, inner = int(np.prod(x.shape[:axis], dtype=int)), int(np.prod(x.shape[axis + 1 :], dtype=int))
    shape = (*x.shape[:axis], *([1] if keepdims else []), *x.shape[axis + 1 :])
    return _make(name, (x,), shape, (outer, x.shape[axis], inner), x.kind if x.kind != "bool" else "int")


def cumulative_sum(value: Any, axis: int | None = None, **_: Any) -> Expression:
    """Running sum along an axis (of the flattened array without one)."""
    x = as_expression(value)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    if x.is_constant:
        return derived(("cumsum", axis), partial(cumulative_sum, axis=axis), np.cumsum(np.asarray(x.value), axis), [x])
    axis = axis % x.ndim
    outer, inner = int(np.prod(x.shape[:axis], dtype=int)), int(np.prod(x.shape[axis + 1 :], dtype=int))
    return _make("cumsum", (x,), x.shape, (outer, x.shape[axis], inner), x.kind)


def cumulative_product(value: Any, axis: int | None = None, **_: Any) -> Expression:
    """Running product along an axis (of the flattened array without one), written out."""
    x = as_expression(value)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    if x.is_constant:
        again = partial(cumulative_product, axis=axis)
        return derived(("cumprod", axis), again, np.cumprod(np.asarray(x.value), axis), [x])
    axis = axis % x.ndim
    if x.shape[axis] > LONGEST_PRODUCT:
        raise TraceError(f"multiplies more than {LONGEST_PRODUCT} numbers one after another")
    positions = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, 0)
    parts: list[Expression] = []
    for own in positions:
        here = gather(x, own)
        parts.append(elementwise("multiply", parts[-1], here) if parts else here)
    return stack(parts, axis)


def matmul(left: Any, right: Any, **_: Any) -> Expression:
    """Matrix product of vectors and matrices."""
    x, y = as_expression(left), as_expression(right)
    if x.ndim == 0 or y.ndim == 0:
        return elementwise("multiply", x, y)
    if x.is_constant and y.is_constant:
        return derived("matmul", matmul, np.matmul(np.asarray(x.value), np.asarray(y.value)), [x, y])
    if x.ndim > 2 or y.ndim > 2 or x.shape[-1] != y.shape[0]:
        raise TraceError(f"multiplies matrices of shapes {x.shape} and {y.shape}")
    sizes = (x.shape[0] if x.ndim == 2 else 1, y.shape[0], y.shape[1] if y.ndim == 2 else 1)
    shape = (*x.shape[:-1], *y.shape[1:])
    return _make("matmul", (x, y), shape, sizes)


def density(family: Any, x: Any, parameters: Sequence[Any]) -> Expression:
    """Log density of each element of x under a family with scalar parameters, as a call where it has no kernel."""
    parts = tuple(as_expression(v) for v in (x, *parameters))
    shape = np.broadcast_shapes(*[p.shape for p in parts])
    if family.scalar_logpdf is None:
        return python(family.logpdf, parts, shape, "float", family.name)
    return _make("density", parts, shape, family)


def event_density(family: Any, x: Any, parameters: Sequence[Any]) -> Expression:
    """Log density of each event (vector or matrix) of x under a family with vector or matrix parameters."""
    parts = tuple(as_expression(v) for v in (x, *parameters))
    if all(p.is_constant for p in parts):
        known = family.logpdf(*[p.value for p in parts])
        return derived(("events", id(family)), lambda y, *own: event_density(family, y, own), known, parts)
    shape = family.batch_shape(parts[0].shape, [p.shape for p in parts[1:]])
    return _make("events", parts, shape, family)


def inverse(value: Any, from_factor: bool = False) -> Expression:
    """Inverse of each symmetric positive definite matrix in a stack, or of L L' from each lower factor L.

    Parameters
    ----------
    value : array_like or Expression, shape (..., d, d)
    from_factor : bool
        Whether the matrices are the lower factors L.

    Returns
    -------
    Expression of the same shape; NaN where a matrix has no Cholesky factor, or a factor no positive diagonal.

    Raises
    ------
    TraceError
        If the last two axes are no square.
    """
    x = as_expression(value)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise TraceError(f"inverts a matrix of shape {x.shape}")
    if x.is_constant:
        known = positive_inverse(np.asarray(x.value), from_factor)
        return derived(("inverse", from_factor), partial(inverse, from_factor=from_factor), known, [x])
    return _make("inverse", (x,), x.shape, from_factor)


def scatter(values: Any, positions: Any, size: int) -> Expression:
    """Vector of length `size`: the sum of the values at each position."""
    x, index = as_expression(values), as_expression(positions)
    shape, known = np.broadcast_shapes(x.shape, index.shape), index.value
    whole = known is not None and index.size == size and index.shape == shape
    if known is not None and whole and np.array_equal(np.ravel(known), np.arange(size)):
        decided_by(index)
        return reshape(broadcast_to(x, shape), (size,))
    if size == 1 and index.is_constant:
        return reshape(reduce("sum", broadcast_to(x, shape) if x.shape != shape else x), (1,))
    if x.value is not None and known is not None:
        weights = np.broadcast_to(np.asarray(x.value, float), shape).ravel()
        found = np.bincount(np.broadcast_to(known, shape).ravel(), weights, size)
        return derived(("scatter", size), partial(scatter, size=size), found, [x, index])
    return _make("scatter", (x, index), (size,), None)


def python(
    function: Callable[..., Any], arguments: Sequence[Any], shape: tuple[int, ...], kind: str, label: str
) -> Expression:
    """A function that could not be recorded, called as written whenever its value is needed."""
    parts = tuple(as_expression(a) for a in arguments)
    return _make("python", parts, tuple(shape), (function, label), kind)
