"""Label vectors and what depends on them row by row.

A label vector is an unknown vector of discrete variables with finitely many values. A factor is *separable* in it when
row i of the factor depends on the vector only through one of its entries; then all entries can be drawn at once from
their full conditionals. Where, beyond labels and known groupings of rows, nothing in the parameters varies by row, the
rows fall into *cells* with equal parameters, and sums over each cell stand for the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcmix.errors import ModelError, TraceError
from mcmix.structure.cells import (
    cells_of,
    constant_rows_as_scalars,
    groupings_of,
    replaced_look_ups,
    row_elements,
    vector_tables,
)
from mcmix.structure.evaluate import ordered
from mcmix.structure.expression import Expression, constant
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, exposed, follow_rows, permuted_rows, substitute


class DifferentUnits(NotSeparable):
    """Rows depend on two label vectors that belong to different units: each separates given the other."""


# -------------------------------------------------------------------- finding label vectors


# -------------------------------------------------------------------- separating factors


def separate(
    factor: Factor,
    labels: Mapping[Expression, LabelVector],
    gaps: Expression | None = None,
    given_others: bool = False,
) -> SeparableFactor:
    """Show that a factor is separable in the label vectors it touches.

    Parameters
    ----------
    factor : Factor
    labels : mapping of leaf to LabelVector
    gaps : Expression, optional
        The leaf of missing coordinates that this factor alone depends on, through its value alone.
    given_others : bool
        Whether other labels that the factor touches are left out of `labels`: these rows are weighed given them, and no
        sums stand for them.

    Raises
    ------
    NotSeparable
        With the reason in words.
    """
    rows = exposed(row_elements(factor), set(labels))
    count = rows.shape[0]
    uses: dict[LabelVector, np.ndarray | None] = {}

    def on_part(part: Expression) -> bool:
        if part in labels:
            _use(uses, labels[part], None)
            return False
        if part.op == "take" and part.arguments[0] in labels:
            index = part.arguments[1]
            if not index.is_constant:
                raise NotSeparable("labels are looked up at positions that are themselves unknown")
            positions = np.asarray(index.known).astype(np.int64)
            if positions.size != count:
                raise NotSeparable("one row depends on several labels of the same vector")
            _use(uses, labels[part.arguments[0]], positions.reshape(count))
            return False
        if part.op == "take" and part.arguments[0].leaves & set(labels):
            raise NotSeparable("a table that is looked up depends on the labels")
        if any(a.size == 1 and a.leaves & set(labels) and a.shape[:1] != (count,) for a in part.arguments):
            raise NotSeparable("every row depends on a function of all labels")
        return bool(part.leaves & set(labels))

    follow_rows(rows, count, on_part)
    if rows.op != "events" and any(part.op == "events" for part in ordered(rows)):
        raise NotSeparable("the log density of vectors is part of a larger one")
    return _sorted_by_unit(factor, rows, uses, gaps, given_others)


def _use(uses: dict[LabelVector, np.ndarray | None], label: LabelVector, units: np.ndarray | None) -> None:
    if units is not None and len(units) == label.n_units and np.array_equal(units, np.arange(label.n_units)):
        units = None
    if label in uses and not _same_units(uses[label], units):
        raise NotSeparable("one row depends on several labels of the same vector")
    uses[label] = units


def _same_units(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and np.array_equal(a, b))


def _sorted_by_unit(
    factor: Factor,
    rows: Expression,
    uses: dict[LabelVector, np.ndarray | None],
    gaps: Expression | None,
    given_others: bool,
) -> SeparableFactor:
    maps = list(uses.values())
    if not all(_same_units(maps[0], other) for other in maps):
        raise DifferentUnits("two label vectors belong to different units of the same rows")
    units = maps[0] if maps else None
    if rows.op == "events" and len(uses) > 1:
        raise NotSeparable("rows of vectors depend on two label vectors")
    order = None
    if units is not None and (np.diff(units) < 0).any():
        if rows.op == "events":
            raise NotSeparable("rows of vectors are not in the order of their labels")
        order = np.argsort(units, kind="stable")
        rows, units = permuted_rows(rows, rows.shape[0], order), units[order]
    if gaps is not None and units is not None:
        raise NotSeparable("rows of vectors with missing coordinates share labels")
    made = SeparableFactor(factor, rows, list(uses), units, order=order, gaps=gaps, given_others=given_others)
    try:
        made.cells = None if given_others else cells_of(made)
        for label in made.labels:
            parameter_tables(made, label)
    except TraceError as error:
        listed = " and ".join(f"{label.node.name} (values up to {label.values[-1]})" for label in made.labels)
        raise ModelError(f"{factor.node.name}: with the labels {listed}, one {error}") from error
    return made


def parameter_tables(s: SeparableFactor, label: LabelVector) -> list[Expression] | None:
    """The parameters of a family as tables over one label's values (shape (K,), or one number), or None."""
    rows = s.rows
    if s.labels == [label] and rows.op == "events":
        return vector_tables(s, label)
    if s.labels != [label] or rows.op != "density" or rows.arguments[0].shape != rows.shape:
        return None
    if rows.arguments[0].op not in ("constant", "leaf"):
        return None
    try:
        if groupings_of(rows.arguments[1:], rows.shape[0], s):
            return None
    except NotSeparable:
        return None
    values = constant(label.values)
    replacements = {label.variable: values, **replaced_look_ups(rows, label.variable, values)}
    count = rows.shape[0]
    flattened = [constant_rows_as_scalars(p, count) if p.shape == (count,) else p for p in rows.arguments[1:]]
    return [substitute(p, replacements) for p in flattened]


# -------------------------------------------------------------------- cells
