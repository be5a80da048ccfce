"""Sums inside a row, written row by row.

``np.sum(X * beta[z], axis=1)`` and ``X @ beta`` add up a row's own products: nothing of another row comes in. Written
as one term for each covariate, ``X[:, 0] * beta[z, 0] + X[:, 1] * beta[z, 1] + ...``, every operation keeps row i with
row i, which is what the separation of labels looks for, and what programs can run tile by tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, constant, elementwise
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, entry_of_row, rebuilt
from mcmix.structure.walks import ordered

MOST_ADDENDS = 64  # covariates of a row that are written out


def opened(factor: Factor, labels: set[Expression]) -> Factor:
    """A factor of many rows whose sums inside a row are written out, where labels stand in them."""
    elements = factor.elements
    rows = elements.arguments[0] if elements.op == "sum" and elements.shape == () else elements
    if rows.ndim != 1 or rows.size < 2 or not rows.leaves & labels:
        return factor
    done: dict[Expression, Expression] = {}
    try:
        for part in ordered(elements):
            made = rebuilt(part, [done[a] for a in part.arguments])
            done[part] = _written_out(made, rows.size) if made.leaves & labels else made
    except (NotSeparable, TraceError):
        return factor
    if done[elements] is elements:
        return factor
    named = {name: done.get(p, p) for name, p in factor.parameters.items()}
    x = factor.x if factor.x is None else done.get(factor.x, factor.x)
    return replace(factor, elements=done[elements], x=x, parameters=named)


def _written_out(x: Expression, rows: int) -> Expression:
    """A part with one number a row, where it is a sum inside the row that labels stand in."""
    if x.size != rows or x.shape[:1] != (rows,) or x.op not in ("take", "sum", "matmul"):
        return x
    if x.op == "take":
        table = x.arguments[0]
        found = entry_of_row(*x.arguments) if table.op == "matmul" and table.extra[1] <= MOST_ADDENDS else None
        return x if found is None else _with_single_numbers(found, rows)
    if x.extra[1] > MOST_ADDENDS:
        return x
    terms = _products(x) if x.op == "matmul" else _addends(x)
    return ex.reshape(_with_single_numbers(_total(terms), rows), x.shape)


def _with_single_numbers(x: Expression, rows: int) -> Expression:
    """X with known rows that are all equal as one number, such as the column of a table that is looked up."""
    done: dict[Expression, Expression] = {}
    for part in ordered(x):
        if part.is_constant and part.shape == (rows,) and (part.known == part.known[0]).all():
            done[part] = constant(part.known[0])
        elif part.op in ex.ELEMENTWISE:
            done[part] = rebuilt(part, [done[a] for a in part.arguments])
        elif part.op == "take":  # a table stays whole
            done[part] = ex.gather(part.arguments[0], done[part.arguments[1]])
        else:
            done[part] = part
    return done[x] if done[x].shape == x.shape else x


def _addends(x: Expression) -> list[Expression]:
    """What a sum over one axis adds up, one row after another."""
    return [ex.gather(x.arguments[0], np.ravel(at)) for at in places_of_addends(x)]


def places_of_addends(x: Expression) -> list[np.ndarray]:
    """Where what a sum over one axis adds up stands in its (flattened) argument, each of the sum's shape."""
    outer, length, inner = x.extra
    first = np.arange(outer)[:, None] * length * inner + np.arange(inner)
    return [np.ascontiguousarray(np.reshape(first + j * inner, x.shape)) for j in range(length)]


def _products(x: Expression) -> list[Expression]:
    """What a product of a table and a vector, or of a vector and a table, adds up."""
    outer, length, inner = x.extra
    left, right = x.arguments
    found = []
    for j in range(length):
        row = np.arange(outer) * length + j if outer > 1 or left.ndim == 2 else np.array(j)
        column = j * inner + np.arange(inner) if inner > 1 or right.ndim == 2 else np.array(j)
        found.append(elementwise("multiply", ex.gather(left, row), ex.gather(right, column)))
    return found


def _total(terms: Sequence[Expression]) -> Expression:
    """The sum of several terms, in pairs, so that many of them do not nest deep."""
    waiting = list(terms) or [constant(0.0)]
    while len(waiting) > 1:
        pairs = [elementwise("add", a, b) for a, b in zip(waiting[::2], waiting[1::2], strict=False)]
        waiting = pairs + waiting[len(waiting) - len(waiting) % 2 :]
    return waiting[0]


__all__ = ["opened", "places_of_addends"]
