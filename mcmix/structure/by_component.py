"""Log densities of rows, component by component: each needs only the rows that have its label.

Where no sums stand for the rows of a mixture, the log density of a component's parameter is a sum over rows. Rows of
other components say nothing about it, so rows are kept in the order of their labels (steps/rows_by_label.py), and a sum
goes over one stretch of them. Of rows that take few values, how often each stands in a component says it all.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.cells import looked_up
from mcmix.structure.expression import Expression, constant, leaf
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, follow_rows, substitute
from mcmix.structure.sources import decided_by
from mcmix.structure.tempering import POWER
from mcmix.structure.walks import ordered
from mcmix.structure.weighted_rows import few_values

if TYPE_CHECKING:
    from mcmix.structure.contributions import Contribution, Structure

MOST_COLUMNS = 6  # known columns of a factor that are put into the order of labels in every sweep
FEWEST_COUNTED = 256  # rows from which on it is worth looking for equal ones
MOST_COMPONENTS = 64  # whose sums are written out one by one where a variable enters several of them


@dataclass(frozen=True, eq=False)
class FewValues:
    """The distinct values of a column of known numbers.

    Attributes
    ----------
    column : Expression
    values : ndarray, shape (values,)
        Ascending.
    numbers : ndarray of short whole numbers, shape (rows,)
        Which of them each row has.
    """

    column: Expression
    values: np.ndarray
    numbers: np.ndarray

    @property
    def replacements(self) -> dict[Expression, Expression]:
        """The values in the place of the column, of its type."""
        kinds = {"int": np.int64, "bool": np.bool_}
        return {self.column: constant(self.values.astype(kinds.get(self.column.kind, np.float64)))}


@dataclass(eq=False)
class RowsByLabel:
    """A factor's rows, stretch by stretch.

    Attributes
    ----------
    separable : SeparableFactor
    label : LabelVector
    columns : list of Expression, shape (rows,)
        Known numbers of the rows, in the order of the data.
    few : FewValues or None
        The distinct values of the only column, where these are few: rows then stay where they are, and are counted.
    slot : Expression
        The leaf at which the label of the present stretch stands.
    rows : Expression
        Log density of the rows in the order of labels, or of the distinct values times their counts, under that label.
    bounds : Expression or None
        Leaf of the first row of each stretch and the end of the last one.
    """

    separable: SeparableFactor
    label: LabelVector
    columns: list[Expression]
    few: FewValues | None
    slot: Expression
    rows: Expression
    bounds: Expression | None

    @property
    def factor(self) -> Factor:
        """Whose rows these are."""
        return self.separable.factor

    @property
    def elements(self) -> Expression:
        """Log density of each component's rows, shape (K,), for programs that compute one element at a time."""
        parts = (self.rows,) if self.bounds is None else (self.rows, self.bounds)
        return ex._make("by label", parts, (self.label.n_labels,), (self.slot, tuple(self.label.values.tolist())))

    def of(self, number: int) -> Expression:
        """Log density of the rows of one component, by its place among the labels' values."""
        rows = substitute(self.rows, {self.slot: constant(int(self.label.values[number]))})
        if self.bounds is None:
            return ex.reduce("sum", rows)
        return ex._make("of label", (rows, self.bounds), (), number)

    def whole(self, variables: frozenset[Expression] | None = None) -> Expression:
        """Log density of all rows, or of those components' that depend on some variables."""
        total: Expression = constant(0.0)
        for number in range(self.label.n_labels):
            own = self.of(number)
            if variables is None or variables & own.leaves:
                total = ex.elementwise("add", total, own)
        return total

    @property
    def size(self) -> int:
        """Terms of a sum over all components, or over one where rows are counted."""
        return self.rows.size

    @property
    def told(self) -> str:
        """What an evaluation goes over, in words."""
        if self.few is not None:
            return f"{len(self.few.values)} distinct values of {self.factor.node.name}"
        return f"the rows of {self.factor.node.name} in one component"


def rows_by_label(e: Contribution, structure: Structure) -> RowsByLabel | None:
    """How evidence over rows can be asked for component by component, or None; the answer is one object."""
    if e.over not in ("rows", "whole"):
        return None
    if e.factor not in structure.by_label:
        structure.by_label[e.factor] = _found(e, structure)
    return structure.by_label[e.factor]


def of_components(e: Contribution, structure: Structure, variable: Expression | None = None) -> Expression | None:
    """Evidence over rows written as one sum for each component that a variable enters; None where it cannot be."""
    found = rows_by_label(e, structure)
    if found is None or found.label.n_labels > MOST_COMPONENTS:
        return None
    total = found.whole(None if variable is None else frozenset([variable]))
    return total * POWER if e.tempered else total


def exact_of(e: Contribution, kept: Collection[RowsByLabel]) -> Expression:
    """Log density of a factor at power one, over the rows that a label update keeps by label where it does."""
    own = next((found for found in kept if found.factor is e.factor), None)
    return e.exact if own is None or own.label.n_labels > MOST_COMPONENTS else own.whole()


def by_element(e: Contribution, structure: Structure, variable: Expression) -> Expression | None:
    """Evidence over rows with one entry for each element of a variable; None where one enters several stretches."""
    found = rows_by_label(e, structure)
    if found is None or not reads_own_element(found, variable):
        return None
    return found.elements * POWER if e.tempered else found.elements


def reads_own_element(found: RowsByLabel, variable: Expression) -> bool:
    """Whether component k depends on element k of a variable and on no other."""
    if variable.shape != (found.label.n_labels,) or found.label.lowest != 0:
        return False
    waiting, seen = [found.rows], set[Expression]()
    while waiting:
        part = waiting.pop()
        if part in seen or variable not in part.leaves:
            continue
        seen.add(part)
        if part is variable:
            return False
        if part.op == "take" and part.arguments[1] is found.slot and part.arguments[0].shape == variable.shape:
            if not _entry_by_entry(part.arguments[0], variable):
                return False
            continue
        waiting += part.arguments
    return True


def _entry_by_entry(table: Expression, variable: Expression) -> bool:
    """Whether entry k of a table depends on element k of a variable alone."""

    def on_part(part: Expression) -> bool:
        if part is variable:
            return False
        if part.op == "take" and variable in part.leaves:
            raise NotSeparable("looked up")
        if any(a.shape != variable.shape and variable in a.leaves for a in part.arguments):
            raise NotSeparable("all elements enter")
        return variable in part.leaves

    try:
        follow_rows(table, variable.size, on_part)
    except NotSeparable:
        return False
    return True


def _found(e: Contribution, structure: Structure) -> RowsByLabel | None:
    parts = [(b, s) for b in structure.blocks for s in b.factors if s.factor is e.factor]
    if len(parts) != 1:
        return None
    block, s = parts[0]
    if s.labels != [block.label] or s.given_others or s.gaps is not None or s.cells is not None:
        return None
    try:
        return _made(s, block.label)
    except NotSeparable:
        return None


def _made(s: SeparableFactor, label: LabelVector) -> RowsByLabel:
    columns = _columns(s, label)
    slot = leaf(("label of the stretch", s.factor), (), "int")
    under = {label.variable: slot, **dict.fromkeys(looked_up(s.rows, label.variable), slot)}
    few = few_values_of(s)
    if few is not None:
        return _counted(s, label, columns, few, slot)
    count = s.rows.shape[0]
    ordered_columns = [leaf(("rows by label", s.factor, j), (count,), c.kind) for j, c in enumerate(columns)]
    rows = substitute(s.rows, {**under, **dict(zip(columns, ordered_columns, strict=True))})
    if rows.shape != (count,):
        raise NotSeparable("all rows of a component are alike")
    bounds = leaf(("bounds of labels", s.factor), (label.n_labels + 1,))
    return RowsByLabel(s, label, columns, None, slot, rows, bounds)


def _counted(
    s: SeparableFactor,
    label: LabelVector,
    columns: list[Expression],
    few: FewValues,
    slot: Expression,
) -> RowsByLabel:
    values = few.values
    density = under_values(s, label, slot, few)
    counts = leaf(("counts of values", s.factor), (label.n_labels * len(values),))
    first = ex.elementwise("multiply", slot - label.lowest if label.lowest else slot, len(values))
    own = ex.gather(counts, ex.elementwise("add", first, constant(np.arange(len(values)))))
    # A value that is not there may be impossible: nothing times minus infinity would be no number.
    rows = ex.elementwise("where", ex.elementwise("greater", own, 0.0), density, 0.0) * own
    return RowsByLabel(s, label, columns, few, slot, rows, None)


def _columns(s: SeparableFactor, label: LabelVector) -> list[Expression]:
    """Known numbers of the rows.

    Raises
    ------
    NotSeparable
        If rows are made of anything else than these and look-ups by label, or stand for components as well.
    """
    count = s.rows.shape[0]
    if count == label.n_labels or count < 2:
        raise NotSeparable("as many rows as components")
    found: dict[Expression, None] = {}

    def on_part(part: Expression) -> bool:
        if part is label.variable or (part.op == "take" and part.arguments[0] is label.variable):
            return False
        if part.is_constant:
            found[part] = None
            return False
        if part.op == "leaf" or (part.op == "take" and label.variable in part.arguments[0].leaves):
            raise NotSeparable("unknown numbers of rows")
        return True

    follow_rows(s.rows, count, on_part)
    tables = [p.arguments[0] for p in ordered(s.rows) if p.op == "take"]
    if not found or len(found) > MOST_COLUMNS or any(t in found for t in tables):
        raise NotSeparable("too many columns")
    return list(found)


def few_values_of(s: SeparableFactor) -> FewValues | None:
    """The distinct values of a factor's known rows, where all that varies by row is the value, and they are few."""
    if s.few_values is None:
        s.few_values = [_few_values(s)]
    return s.few_values[0]


def under_values(s: SeparableFactor, label: LabelVector, slot: Expression, few: FewValues) -> Expression:
    """Log density of the distinct values of a factor's rows under the one label that stands at a leaf."""
    under = {label.variable: slot, **dict.fromkeys(looked_up(s.rows, label.variable), slot)}
    found = substitute(s.rows, {**under, **few.replacements})
    return found if found.shape == few.values.shape else ex.broadcast_to(found, few.values.shape)


def _few_values(s: SeparableFactor) -> FewValues | None:
    if s.units is not None or s.rows.shape[0] < FEWEST_COUNTED or len(s.labels) != 1 or s.rows.op == "events":
        return None
    try:
        columns = _columns(s, s.labels[0])
    except NotSeparable:
        return None
    if len(columns) != 1:
        return None
    x = np.asarray(columns[0].value)
    found = few_values(x, columns[0].kind != "float")
    if found is None:
        return None
    decided_by(columns[0])
    numbers = np.searchsorted(found, x).astype(np.uint16)
    # Programs tell whole tables from rows by their length: one more value that stands nowhere keeps these apart.
    alike = any(len(found) in p.shape for p in ordered(s.rows))
    return FewValues(columns[0], np.append(found, found[-1]) if alike else found, numbers)


__all__ = [
    "FewValues",
    "RowsByLabel",
    "by_element",
    "exact_of",
    "few_values_of",
    "of_components",
    "rows_by_label",
    "under_values",
]
