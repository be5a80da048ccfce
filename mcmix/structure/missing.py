"""Factors cut into parts that are alike: rows with and without missing entries, columns of a table.

A full value looks known and missing entries up in one array, known ones first. A factor of many rows is cut by which of
the nodes with missing entries a row meets: known rows keep their constants (and so their counts and sums), missing rows
look at the unknown entries alone. A table of independent columns that hangs on labels is one factor per column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.evaluate import ordered
from mcmix.structure.expression import Expression, gather
from mcmix.structure.labels import label_candidates
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import NotSeparable, permuted_rows

MOST_PARTS = 8
MOST_COLUMNS = 512


def cut(recording: Recording) -> None:
    """Cut every factor that meets partly missing data into its rows of one kind."""
    leaves = {leaf: n for n, leaf in recording.leaves.items() if n.mask is not None}
    labels = {c.variable for c in label_candidates(recording)}
    recording.factors = [part for f in recording.factors for part in _columns(f, labels)]
    if leaves:
        recording.factors = [part for f in recording.factors for part in _parts(f, leaves)]


def _columns(factor: Factor, labels: set[Expression]) -> list[Factor]:
    """A factor per column of a complete table whose rows hang on labels."""
    elements, x = factor.elements, factor.x
    if elements.ndim != 2 or elements.op != "density" or x is None or not x.is_constant:
        return [factor]
    if not elements.leaves & labels or elements.shape[1] > MOST_COLUMNS:
        return [factor]
    places = np.arange(elements.size).reshape(elements.shape)
    return [_at_places(factor, np.ascontiguousarray(column)) for column in places.T]


def _parts(factor: Factor, leaves: dict[Expression, Stochastic]) -> list[Factor]:
    if not factor.elements.leaves & set(leaves):
        return [factor]
    whole = _as_rows(factor)
    if whole is None:
        return [factor]
    kinds = _kinds(whole, leaves)
    found = np.unique(kinds)
    if found.size == 1 or found.size > MOST_PARTS:
        return [factor]
    try:
        return [_rows(whole, np.flatnonzero(kinds == kind)) for kind in found]
    except NotSeparable:
        return [factor]


def _as_rows(factor: Factor) -> Factor | None:
    """The factor with one element per row; arrays of independent elements are laid out as one row each."""
    elements = factor.elements
    if elements.op == "sum" and elements.shape == () and elements.arguments[0].ndim == 1:
        return replace(factor, elements=elements.arguments[0])
    if elements.ndim == 1:
        return factor
    if elements.ndim == 0 or elements.op != "density" or factor.x is None:
        return None
    return _at_places(factor, np.arange(elements.size))


def _at_places(factor: Factor, places: np.ndarray) -> Factor:
    """The factor of independent elements at some places of its (flattened) table, one row each."""
    elements = factor.elements

    def flat(a: Expression) -> Expression:
        own = ex.places_of(a, elements.shape, places)
        return ex.reshape(a, ()) if own is None else gather(a, own)

    parts = [flat(a) for a in elements.arguments]
    named = dict(zip(factor.parameters, parts[1:], strict=True))
    return replace(factor, elements=ex.density(elements.extra, parts[0], parts[1:]), x=parts[0], parameters=named)


def _kinds(whole: Factor, leaves: dict[Expression, Stochastic]) -> np.ndarray:
    """A number per row: which partly missing arrays it meets at a missing entry.

    Rows whose own value is missing are of one kind, so that they stay together and can be drawn together.
    """
    rows = whole.elements
    kinds, own = np.zeros(rows.size, dtype=np.int64), np.zeros(rows.size, dtype=bool)
    for positions, table in _meetings(rows, leaves):
        missing = positions >= table.arguments[0].size
        kinds = 2 * kinds + missing
        if leaves[table.arguments[1]] is whole.node:
            own |= missing
    return np.where(own, -1, kinds)


def _meetings(rows: Expression, leaves: dict[Expression, Stochastic]) -> Iterable[tuple[np.ndarray, Expression]]:
    """Per look-up in an array of known and missing entries: the positions, and that array."""
    parts = ordered(rows)
    tables = {part.arguments[0] for part in parts if part.op == "take"}
    for part in parts:
        if part.size != rows.size or part.shape[:1] != rows.shape:  # one entry per row, with or without more axes
            continue
        if _is_completed(part, leaves) and part not in tables:  # a table's own order is not that of the rows
            yield np.arange(part.size), part
        elif part.op == "take" and part.arguments[1].is_constant and _is_completed(part.arguments[0], leaves):
            yield np.ravel(part.arguments[1].known), part.arguments[0]


def _is_completed(x: Expression, leaves: dict[Expression, Stochastic]) -> bool:
    return x.op == "concatenate" and len(x.arguments) == 2 and x.arguments[1] in leaves


def _rows(factor: Factor, chosen: np.ndarray) -> Factor:
    """The factor of some of the rows."""
    count = factor.elements.size
    if factor.elements.op == "events":
        elements = permuted_rows(factor.elements, count, chosen)
        if elements.op != "events":
            raise NotSeparable("nothing in them is unknown")
        named = dict(zip(factor.parameters, elements.arguments[1:], strict=True))
        return replace(factor, elements=elements, x=elements.arguments[0], parameters=named)

    def at(x: Expression) -> Expression:
        return permuted_rows(x, count, chosen) if x.shape == (count,) else x

    return replace(
        factor,
        elements=at(factor.elements),
        x=None if factor.x is None else at(factor.x),
        parameters={name: at(p) for name, p in factor.parameters.items()},
    )
