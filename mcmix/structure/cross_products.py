"""Rows of linear predictors as known columns times what only their label tells: sums by label stand for all of them.

With precision w_k r_i, slopes f_k s_i and what is left of the value g_k v_i in row i of label k, the rows' part of the
normal equations is w_k f_k f_k' sum r_i s_i s_i' and f_k g_k sum s_i v_i. The sums are of known numbers: once the
labels are drawn nothing can change them, whatever else moves in the sweep.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.errors import TraceError
from mcmix.nodes.numbers import shared_doubles
from mcmix.structure.cells import constant_rows_as_scalars, groupings_of, replaced_look_ups
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression, constant, elementwise, leaf, reshape
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.meetings import Child
from mcmix.structure.rewrite import NotSeparable, exposed, substitute
from mcmix.structure.walks import folded

MOST_SUMS = 4_000_000  # of one child: a long table of sums would be no summary
MOST_PARTS = 16  # known columns that the values of rows are a sum of

ONE = constant(1.0)
Parts = dict[Expression, Any]  # known numbers by row, or one for all, by what they are multiplied with


@dataclass(eq=False)
class CrossProducts:
    """What a pass adds up for the coefficients in the rows of a child.

    Attributes
    ----------
    label : LabelVector
    units : ndarray of int, shape (rows,), or None
        Which unit each row belongs to, ascending; None where row i is unit i.
    left : list of ndarray, shape (rows,)
        Known part of each slope.
    right : list of ndarray, shape (rows,)
        The same times the known part of the precision, then the known columns that values are made of.
    slopes : list of Expression, shape (K,) or ()
        The other part of each slope, by label.
    weight : Expression
        That of the precision.
    rests : list of Expression
        That of each column of values, the precision counted in.
    numbers : ndarray of int, shape (slopes, K)
        Which coefficient each slope belongs to.
    sums : Expression, shape (K * left * right,)
        Leaf that the pass fills. A slope meets itself and those before it, and all columns of values.
    """

    label: LabelVector
    units: np.ndarray | None
    left: list[np.ndarray]
    right: list[np.ndarray]
    slopes: list[Expression]
    weight: Expression
    rests: list[Expression]
    numbers: np.ndarray
    sums: Expression = field(init=False)

    def __post_init__(self) -> None:
        self.sums = leaf(self.key, (self.label.n_labels * len(self.left) * len(self.right),))

    @property
    def key(self) -> Hashable:
        """Of its place in a chain's memory."""
        return "cross products", self

    def place(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Where sums of two columns are, for every label: shape (..., K)."""
        label, (p, q) = np.arange(self.label.n_labels), (len(self.left), len(self.right))
        return np.asarray((label * p + np.asarray(left)[..., None]) * q + np.asarray(right)[..., None])


def cross_products(child: Child, size: int, structure: Structure) -> CrossProducts | None:
    """A child's rows as known columns by one label vector, or None; `size` coefficients there are."""
    found = _by_one_label(child, structure)
    if found is None:
        return None
    reader = _Reader(*found, child.rows)
    weight, rest = reader.parts(child.weight), reader.parts(child.rest)
    slopes = [reader.parts(t.slope) for t in child.terms]
    numbers = [reader.whole_numbers(t.index, size) for t in child.terms]
    if weight is None or rest is None or any(s is None or len(s) != 1 for s in [weight, *slopes]):
        return None
    if any(n is None for n in numbers):
        return None
    return _assembled(reader, weight, rest, [s for s in slopes if s is not None], np.stack(numbers))  # type: ignore[arg-type]


def _by_one_label(child: Child, structure: Structure) -> tuple[SeparableFactor, LabelVector] | None:
    """The rows as the pass of one label vector sees them, where they depend on that one alone.

    Rows of two label vectors are drawn again by the pass of either: their sums would be right after the last one only.
    """
    own = child.contribution
    found = [(s, b.label) for b in structure.blocks for s in b.factors if s.factor is own.factor]
    if len(found) != 1 or own.over != "rows" or own.elements.shape != (child.rows,):
        return None
    s, label = found[0]
    return None if s.given_others or s.labels != [label] or s.rows.shape != (child.rows,) else (s, label)


def _assembled(
    reader: _Reader, weight: Parts, rest: Parts, slopes: Sequence[Parts], numbers: np.ndarray
) -> CrossProducts | None:
    """Columns in the order of the pass's rows; None where there would be too many sums."""
    if reader.label.n_labels * len(slopes) * (len(slopes) + len(rest)) > MOST_SUMS:
        return None
    ((of_weight, precision),) = weight.items()
    known = [next(iter(s.values())) for s in slopes]
    left = [reader.column(s) for s in known]
    alike = np.ndim(precision) == 0 and precision == 1.0
    right = left if alike else [reader.column(precision * s) for s in known]
    values = [reader.column(v) for v in rest.values()]
    factors = [next(iter(s)) for s in slopes]
    units = reader.separable.units
    return CrossProducts(reader.label, units, left, [*right, *values], factors, of_weight, list(rest), numbers)


class _Apart:
    """Takes numbers by row apart: what is known by row, and what is one number for all rows."""

    def parts(self, x: Expression) -> Parts | None:
        """X as a sum of products of such a number and a known column, or None."""
        return folded(x, self._below, self._made)

    def table(self, x: Expression) -> Expression | None:
        """X where it is one number for all."""
        return reshape(x, ()) if x.size == 1 else None

    def _below(self, x: Expression) -> Sequence[Expression]:
        return () if x.is_constant or x.op not in _TAKEN_APART or self.table(x) is not None else x.arguments

    def _made(self, x: Expression, parts: list[Parts | None]) -> Parts | None:
        if x.is_constant:
            return {ONE: x.known if x.shape else float(x.known)}
        table = self.table(x)
        if table is not None:
            return {table: 1.0}
        if x.op not in _TAKEN_APART or any(p is None for p in parts):
            return None
        found = _TAKEN_APART[x.op](*[p for p in parts if p is not None])
        return None if found is None or len(found) > MOST_PARTS else found


def known_parts(x: Expression) -> Parts | None:
    """Numbers by row as a sum of products of one number for all rows and a known column, or None."""
    return _Apart().parts(x)


class _Reader(_Apart):
    """Takes numbers by row apart: what is known by row, and what only the label tells."""

    def __init__(self, separable: SeparableFactor, label: LabelVector, rows: int):
        self.separable, self.label, self.rows = separable, label, rows
        self._tables: dict[Expression, Expression | None] = {}

    def column(self, known: Any) -> np.ndarray:
        """Known numbers as a column of doubles, in the order of the pass; one that is so already is no copy."""
        whole = np.broadcast_to(known, (self.rows,)) if np.ndim(known) == 0 else np.asarray(known)
        return shared_doubles(whole if self.separable.order is None else whole[self.separable.order])

    def parts(self, x: Expression) -> Parts | None:
        """X as a sum of products of a table by label and a known column, or None."""
        return super().parts(exposed(x, {self.label.variable}))

    def whole_numbers(self, x: Expression, size: int) -> np.ndarray | None:
        """What each label looks up, where nothing else tells and there is such a coefficient."""
        table = self.table(exposed(x, {self.label.variable}))
        if table is None or not table.is_constant:
            return None
        found = np.broadcast_to(np.asarray(table.known), (self.label.n_labels,)).astype(np.int64)
        return found if found.min() >= 0 and found.max() < size else None

    def table(self, x: Expression) -> Expression | None:
        """X by label, or one number for all; None where it goes by row in another way."""
        if x not in self._tables:
            self._tables[x] = self._by_label(x)
        return self._tables[x]

    def _by_label(self, x: Expression) -> Expression | None:
        values, variable = constant(self.label.values), self.label.variable
        try:
            if groupings_of((x,), self.rows, self.separable):
                return None
            flat = constant_rows_as_scalars(x, self.rows) if x.shape == (self.rows,) else x
            found = substitute(flat, {variable: values, **replaced_look_ups(flat, variable, values)})
        except (NotSeparable, TraceError):
            return None
        if found.size == 1:
            return reshape(found, ())
        return found if found.shape == (self.label.n_labels,) else None


def _sum(a: Parts, b: Parts, sign: float = 1.0) -> Parts:
    found = dict(a)
    for table, known in b.items():
        own = known if sign == 1.0 else sign * known
        found[table] = found[table] + own if table in found else own
    return found


def _product(a: Parts, b: Parts, how: str = "multiply") -> Parts | None:
    if how == "divide" and len(b) != 1:
        return None
    found: Parts = {}
    for left, known in a.items():
        for right, other in b.items():
            found = _sum(found, {elementwise(how, left, right): _times(known, other, how)})
    return found


def _times(a: Any, b: Any, how: str) -> Any:
    """Known numbers times, or over, known ones: what is multiplied with one is no copy."""
    if np.ndim(b) == 0 and b == 1.0:
        return a
    if how == "multiply" and np.ndim(a) == 0 and a == 1.0:
        return b
    with np.errstate(all="ignore"):
        return a * b if how == "multiply" else a / b


def _squared(a: Parts) -> Parts | None:
    return _product(a, a) if len(a) == 1 else None


def _power(a: Parts, exponent: Parts) -> Parts | None:
    """A known whole power of one product."""
    known = exponent.get(ONE)
    if len(a) != 1 or len(exponent) != 1 or known is None or np.ndim(known) or float(known) not in (2.0, -1.0, -2.0):
        return None
    squared = _squared(a) if abs(float(known)) == 2.0 else a
    return squared if squared is None or known > 0 else _product({ONE: 1.0}, squared, "divide")


_TAKEN_APART: Mapping[str, Callable[..., Parts | None]] = {
    "add": _sum,
    "subtract": lambda a, b: _sum(a, b, -1.0),
    "negative": lambda a: _sum({}, a, -1.0),
    "multiply": _product,
    "divide": lambda a, b: _product(a, b, "divide"),
    "square": _squared,
    "reciprocal": lambda a: _product({ONE: 1.0}, a, "divide"),
    "power": _power,
}


__all__ = ["CrossProducts", "cross_products", "known_parts"]
