"""Factors cut into parts that are alike: rows with and without missing entries, columns of a table.

A full value looks known and missing entries up in one array, known ones first. A factor of many rows is cut by which of
the nodes with missing entries a row meets: known rows keep their constants (and so their counts and sums), missing rows
look at the unknown entries alone. A table of independent columns that depends on labels is one factor per column.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy.special import gammaln

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure import expression as ex
from mcmix.structure.by_label import merged_masks
from mcmix.structure.expression import Expression, constant, elementwise, gather
from mcmix.structure.label_vectors import label_candidates
from mcmix.structure.opened import opened
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.rewrite import NotSeparable, chosen_rows, permuted_rows
from mcmix.structure.walks import ordered

MOST_PARTS = 8
MOST_COLUMNS = 512


def cut(recording: Recording) -> None:
    """Cut every factor that meets partly missing data into its rows of one kind; once."""
    if recording.is_cut:
        return
    recording.is_cut, recording.written = True, recording.factors
    leaves = {leaf: n for n, leaf in recording.leaves.items() if n.mask is not None}
    candidates = {c.variable: c for c in label_candidates(recording)}
    recording.factors = [part for f in recording.factors for part in merged_masks(f, recording, candidates)]
    labels = set(candidates)
    whole = [opened(_by_category(f), labels) for f in recording.factors]
    recording.factors = [part for f in whole for part in _columns(f, labels)]
    if leaves:
        recording.factors = [part for f in recording.factors for part in _parts(f, leaves)]


def _columns(factor: Factor, labels: set[Expression]) -> list[Factor]:
    """A factor per column of a complete table whose rows depend on labels."""
    elements, x = factor.elements, factor.x
    if not _is_elementwise(factor) or elements.ndim != 2 or x is None or not x.is_constant:
        return [factor]
    if not elements.leaves & labels or elements.shape[1] > MOST_COLUMNS:
        return [factor]
    places = np.arange(elements.size).reshape(elements.shape)
    return [_at_places(factor, np.ascontiguousarray(column)) for column in places.T]


def _by_category(factor: Factor) -> Factor:
    """Known rows of counts with weights of their own, written category by category."""
    p, x = factor.parameters.get("probabilities"), factor.x
    if factor.family is None or factor.family.name != "Multinomial" or p is None or x is None or not x.is_constant:
        return factor
    trials = factor.parameters["trials"]
    if p.ndim != 2 or p.is_constant or p.shape != x.shape or not trials.is_constant:
        return factor
    if all(part.op != "sum" for part in ordered(factor.elements)):  # written so already
        return factor
    return replace(factor, elements=by_category(np.asarray(x.known, dtype=float), p, np.asarray(trials.known)))


def by_category(x: np.ndarray, probabilities: Expression, trials: np.ndarray | None = None) -> Expression:
    """Multinomial log mass of rows of counts as a sum over categories, each elementwise in the rows.

    Parameters
    ----------
    x : ndarray, shape (rows, categories)
    probabilities : Expression, shape (rows, categories)
    trials : ndarray, optional
        What each row should sum to; else every total is possible.
    """
    possible = np.all((x >= 0) & (x == np.round(x)), axis=1)
    if trials is not None:
        possible = possible & (x.sum(1) == trials)
    counts = np.where(possible[:, None], x, 0.0)
    # log n! - sum_j log x_j! + sum_j x_j log p_j, with 0 log 0 = 0
    ways = gammaln(counts.sum(1) + 1.0) - gammaln(counts + 1.0).sum(1)
    terms = [elementwise("xlogy", counts[:, j].copy(), probabilities[..., j]) for j in range(x.shape[1])]
    return _summed([constant(np.where(possible, ways, -np.inf)), *terms])


def _summed(terms: list[Expression]) -> Expression:
    """The sum of many terms, in pairs: a thousand of them nest ten deep, not a thousand."""
    while len(terms) > 1:
        pairs = [elementwise("add", a, b) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + terms[len(terms) - len(terms) % 2 :]
    return terms[0]


def _parts(factor: Factor, leaves: dict[Expression, Stochastic]) -> list[Factor]:
    if not factor.elements.leaves & set(leaves) or _has_gaps(factor):
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


def _has_gaps(factor: Factor) -> bool:
    """Whether rows of vectors have missing coordinates: these belong to all rows together."""
    return factor.elements.op == "events" and isinstance(factor.node, Stochastic) and factor.node.mask is not None


def _as_rows(factor: Factor) -> Factor | None:
    """The factor with one element per row; arrays of independent elements are laid out as one row each."""
    elements = factor.elements
    if elements.op == "sum" and elements.shape == () and elements.arguments[0].ndim == 1:
        return replace(factor, elements=elements.arguments[0])
    if elements.ndim == 1:
        return factor
    if elements.ndim == 0 or not _is_elementwise(factor):
        return None
    return _at_places(factor, np.arange(elements.size))


def _is_elementwise(factor: Factor) -> bool:
    """Whether a factor's elements are independent numbers, each made from its own entry of the value."""
    x, elements = factor.x, factor.elements
    return x is not None and x.shape == elements.shape and (elements.op == "density" or elements.op in ex.ELEMENTWISE)


def _at_places(factor: Factor, places: np.ndarray) -> Factor:
    """The factor of independent elements at some places of its (flattened) table, one row each."""
    elements, whole = factor.elements, factor.places_of(places)
    if elements.op != "density":
        return _table_at(factor, places, whole)

    def flat(a: Expression) -> Expression:
        own = ex.places_of(a, elements.shape, places)
        return ex.reshape(a, ()) if own is None else gather(a, own)

    parts = [flat(a) for a in elements.arguments]
    named = dict(zip(factor.parameters, parts[1:], strict=True))
    made = ex.density(elements.extra, parts[0], parts[1:])
    return replace(factor, elements=made, x=parts[0], parameters=named, places=whole)


def _table_at(factor: Factor, places: np.ndarray, whole: np.ndarray) -> Factor:
    """As :func:`_at_places`, where the log density is written as an expression: categories and their like."""
    assert factor.x is not None and factor.family is not None
    axes = {p.name: p.event_ndim for p in factor.family.parameters}
    named = {name: _events_at(p, axes[name], factor.elements.shape, places) for name, p in factor.parameters.items()}
    x = gather(factor.x, places)
    return replace(factor, elements=gather(factor.elements, places), x=x, parameters=named, places=whole)


def _events_at(p: Expression, axes: int, shape: tuple[int, ...], places: np.ndarray) -> Expression:
    """A parameter at some places of the (flattened) table; what all share as it is."""
    event = p.shape[p.ndim - axes :]
    size = int(np.prod(event, dtype=int))
    if p.size == size:
        return ex.reshape(p, event)
    fronts = np.broadcast_to(np.arange(p.size // size).reshape(p.shape[: p.ndim - axes]), shape).ravel()[places]
    entries = fronts[:, None] * size + np.arange(size)
    return ex.reshape(gather(p, entries.ravel()), (len(places), *event))


def _kinds(whole: Factor, leaves: dict[Expression, Stochastic]) -> np.ndarray:
    """A number per row: which partly missing arrays it meets at a missing entry.

    Rows whose own value is missing are of one kind, so that they stay together and can be drawn together.
    """
    rows = whole.elements
    kinds, own = np.zeros(rows.size, dtype=np.int64), np.zeros(rows.size, dtype=bool)
    for positions, table in _meetings(rows, leaves):
        missing = positions >= table.arguments[0].size
        # A binary digit for each look-up.
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
        whole = factor.places_of(chosen)
        return replace(factor, elements=elements, x=elements.arguments[0], parameters=named, places=whole)

    def at(x: Expression, axes: int) -> Expression:
        if x.shape[:1] != (count,) or x.ndim != 1 + axes:
            return x
        return chosen_rows(x, count, chosen) if axes else permuted_rows(x, count, chosen)

    family = factor.family
    axes = {} if family is None else {p.name: p.event_ndim for p in family.parameters}
    return replace(
        factor,
        elements=at(factor.elements, 0),
        x=None if factor.x is None else at(factor.x, 0 if family is None else family.event_ndim),
        parameters={name: at(p, axes.get(name, 0)) for name, p in factor.parameters.items()},
        places=factor.places_of(chosen),
    )
