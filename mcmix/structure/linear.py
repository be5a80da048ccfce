"""Linear predictors: a parameter as a known part plus coefficients times what is known or held while they are drawn.

Read off the expression, whatever the spelling: sums and differences, products with anything free of the coefficients,
look-ups, sums over an axis, matrix products, lists and choices. Coefficients of several variables are numbered through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, constant, elementwise
from mcmix.structure.opened import places_of_addends
from mcmix.structure.rewrite import rebuilt
from mcmix.structure.walks import ordered

MOST_TERMS = 512  # coefficients that one row meets

Indexing = Callable[[Expression], Expression]


@dataclass(frozen=True)
class Term:
    """slope * coefficient[index], element by element; both broadcast to the shape of what they are part of."""

    slope: Expression
    index: Expression


@dataclass(frozen=True)
class Linear:
    """offset + the sum of the terms; an offset of None is nought."""

    offset: Expression | None
    terms: tuple[Term, ...]


class _NotLinear(Exception):
    """The coefficients come in by something else."""


def linear(x: Expression, starts: Mapping[Expression, int]) -> Linear | None:
    """Read x as a linear predictor of some leaves, or None.

    Parameters
    ----------
    x : Expression
    starts : mapping of leaf to int
        The number of each leaf's first element among all coefficients.
    """
    leaves, read = set(starts), dict[Expression, Linear]()
    try:
        for part in ordered(x):
            if part in starts:
                numbers = np.arange(starts[part], starts[part] + part.size).reshape(part.shape)
                read[part] = Linear(None, (Term(constant(1.0), constant(numbers)),))
            elif part.leaves & leaves:
                read[part] = _merged(_step(part, read))
            else:
                read[part] = Linear(part, ())
    except _NotLinear:
        return None
    return read[x]


def _step(x: Expression, read: Mapping[Expression, Linear]) -> Linear:
    """What an operation makes of its arguments."""
    known = [read[a] for a in x.arguments]
    free = [not k.terms for k in known]
    if x.op in ("add", "subtract"):
        return _sum(known[0], known[1] if x.op == "add" else _times(known[1], constant(-1.0)))
    if x.op == "negative":
        return _times(known[0], constant(-1.0))
    # A product of two coefficients is not linear in them together; with one of them held it would be.
    if x.op == "multiply" and any(free):
        return _times(known[free.index(False)], x.arguments[free.index(True)])
    if x.op == "divide" and free[1]:
        return _times(known[0], x.arguments[1], "divide")
    if x.op == "where" and free[0]:
        return _chosen(x.arguments[0], known[1], known[2])
    if x.op == "reshape":
        return _moved(x, known[0], lambda p: ex.reshape(p, x.shape))
    if x.op == "take" and free[1]:
        return _moved(x, known[0], lambda p: _looked_up(p, x.arguments[1]))
    if x.op == "concatenate":
        return _joined(x, known)
    if x.op == "sum" and x.extra[1] <= MOST_TERMS:
        return _summed(x, known[0])
    if x.op == "matmul" and any(free) and x.extra[1] <= MOST_TERMS:
        return _product(x, known)
    raise _NotLinear


def _merged(found: Linear) -> Linear:
    """Terms with one index are one term."""
    slopes: dict[Expression, Expression] = {}
    for t in found.terms:
        index = _one(t.index)
        # a v + b v = (a + b) v: fewer terms, so fewer cross products in every sweep.
        slopes[index] = elementwise("add", slopes[index], t.slope) if index in slopes else t.slope
    if len(slopes) > MOST_TERMS:
        raise _NotLinear
    return replace(found, terms=tuple(Term(slope, index) for index, slope in slopes.items()))


def _one(index: Expression) -> Expression:
    """The number of a coefficient that all rows share."""
    if not index.is_constant:
        return index
    known = np.ravel(index.known)
    return constant(int(known[0])) if (known == known[0]).all() else index


def _sum(a: Linear, b: Linear) -> Linear:
    if a.offset is None or b.offset is None:
        return Linear(b.offset if a.offset is None else a.offset, a.terms + b.terms)
    return Linear(elementwise("add", a.offset, b.offset), a.terms + b.terms)


def _times(a: Linear, factor: Expression, how: str = "multiply") -> Linear:
    offset = None if a.offset is None else elementwise(how, a.offset, factor)
    return Linear(offset, tuple(Term(elementwise(how, t.slope, factor), t.index) for t in a.terms))


def _moved(x: Expression, a: Linear, how: Indexing) -> Linear:
    """The same indexing of everything that goes with x's argument element by element."""
    shape = x.arguments[0].shape

    def moved(p: Expression) -> Expression:
        return ex.reshape(p, ()) if p.size == 1 else how(_full(p, shape))

    offset = None if a.offset is None else moved(a.offset)
    return Linear(offset, tuple(Term(moved(t.slope), moved(t.index)) for t in a.terms))


def _full(p: Expression, shape: tuple[int, ...]) -> Expression:
    return p if p.shape == shape else ex.broadcast_to(p, shape)


def _looked_up(table: Expression, index: Expression) -> Expression:
    """table[index]; a known table of one number, or of numbers in a row, needs no look-up."""
    if table.is_constant and not index.is_constant:
        known = np.ravel(table.known)
        if (known == known[0]).all():
            return constant(known[0])
        if np.array_equal(known, np.arange(known.size) + known[0]):
            return elementwise("add", index, known[0])
    return ex.gather(table, index)


def _chosen(condition: Expression, yes: Linear, no: Linear) -> Linear:
    """One of two: the t-th term of either in one place."""
    zero = constant(0.0)
    offset = elementwise("where", condition, *[zero if a.offset is None else a.offset for a in (yes, no)])
    return Linear(offset, tuple(_choice(condition, *pair) for pair in _padded([yes, no])))


def _choice(condition: Expression, yes: Term, no: Term) -> Term:
    return Term(*(elementwise("where", condition, a, b) for a, b in ((yes.slope, no.slope), (yes.index, no.index))))


def _padded(parts: Sequence[Linear]) -> list[tuple[Term, ...]]:
    """The t-th terms of all parts together, for each t; where a part has fewer, nothing times some coefficient."""
    most = max(len(p.terms) for p in parts)
    nothing = Term(constant(0.0), next(t.index for p in parts for t in p.terms))
    some = Term(constant(0.0), constant(_first_number(nothing.index)))
    return [tuple(p.terms[t] if t < len(p.terms) else some for p in parts) for t in range(most)]


def _first_number(index: Expression) -> int:
    """A coefficient that there is."""
    return int(np.ravel(index.known)[0]) if index.is_constant else 0


def _joined(x: Expression, known: Sequence[Linear]) -> Linear:
    """A list: the t-th term of every entry in one place."""
    sizes = [a.size for a in x.arguments]

    def together(parts: Sequence[Expression]) -> Expression:
        flat = [
            p if p.size == n else ex.broadcast_to(p, a.shape) for p, n, a in zip(parts, sizes, x.arguments, strict=True)
        ]
        return ex.concatenate([ex.reshape(p, (n,)) for p, n in zip(flat, sizes, strict=True)])

    offset = together([constant(0.0) if k.offset is None else k.offset for k in known])
    terms = [Term(together([t.slope for t in at]), together([t.index for t in at])) for at in _padded(known)]
    return Linear(offset, tuple(terms))


def _summed(x: Expression, a: Linear) -> Linear:
    """A sum over an axis: a term for each of its entries."""
    shape = x.arguments[0].shape
    offset = None if a.offset is None else rebuilt(x, [_full(a.offset, shape)])
    places = places_of_addends(x)
    found = []
    for t in a.terms:
        slope, index = (p if p.size == 1 else _full(p, shape) for p in (t.slope, t.index))
        for at in places:
            found.append(Term(*(ex.reshape(p, ()) if p.size == 1 else ex.gather(p, at) for p in (slope, index))))
    return Linear(offset, tuple(found))


def _product(x: Expression, known: Sequence[Linear]) -> Linear:
    """A matrix product in which one side is free of coefficients: a term for each j of sum_j left[i, j] right[j, k]."""
    (outer, length, inner), (left, right) = x.extra, x.arguments
    on_right = bool(known[1].terms)
    a, other = (known[1], left) if on_right else (known[0], right)
    shape = (length, inner) if on_right else (outer, length)
    own = ex.reshape(other, (outer, length) if on_right else (length, inner))
    found = []
    for t in a.terms:
        slope, index = (ex.reshape(_full(p, (right if on_right else left).shape), shape) for p in (t.slope, t.index))
        for j in range(length):
            at = (_row if on_right else _column)(slope, j), (_row if on_right else _column)(index, j)
            times = elementwise("multiply", at[0], _column(own, j) if on_right else _row(own, j))
            found.append(Term(*(ex.reshape(_full(p, (outer, inner)), x.shape) for p in (times, at[1]))))
    return Linear(_product_of_offset(x, a, on_right), tuple(found))


def _row(x: Expression, j: int) -> Expression:
    width = x.shape[1]
    return ex.gather(x, np.arange(j * width, (j + 1) * width).reshape(1, width))


def _column(x: Expression, j: int) -> Expression:
    rows, width = x.shape
    return ex.gather(x, (np.arange(rows) * width + j).reshape(rows, 1))


def _product_of_offset(x: Expression, a: Linear, on_right: bool) -> Expression | None:
    if a.offset is None:
        return None
    left, right = x.arguments
    return ex.matmul(left, _full(a.offset, right.shape)) if on_right else ex.matmul(_full(a.offset, left.shape), right)


__all__ = ["Linear", "Term", "linear"]
