"""Cells: groups of rows with equal parameters, for which sums stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mcmix.distributions.family import Column, Family, Sums
from mcmix.errors import TraceError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.numbers import shared_doubles
from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, as_expression, constant, elementwise, leaf
from mcmix.structure.label_vectors import Cells, LabelVector, SeparableFactor
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, follow_rows, substitute
from mcmix.structure.sources import decided_by, derived
from mcmix.structure.walks import folded, ordered

MOST_CELLS = 65536


MOST_GROUPS = 512  # of rows of vectors: each has a matrix of products


def row_elements(factor: Factor) -> Expression:
    """Log density per row: of a distribution with a family as it is, of a user's sum what is summed."""
    elements = factor.elements
    if elements.op == "sum" and elements.shape == () and elements.arguments[0].ndim == 1:
        elements = elements.arguments[0]
    if elements.ndim != 1:
        raise NotSeparable(f"its log density has shape {elements.shape} instead of one entry per row")
    return elements


def _at_labels(rows: Expression, label: LabelVector, at: np.ndarray) -> list[Expression]:
    """The parameters of rows of vectors for other labels than the rows' own."""
    values = constant(at)
    replacements = {label.variable: values, **replaced_look_ups(rows, label.variable, values)}
    return [substitute(p, replacements) for p in rows.arguments[1:]]


def without_labels(factor: Factor) -> Cells | None:
    """Cells of a factor that touches no unknown labels: known groups only, sums known once and for all."""
    try:
        return cells_of(SeparableFactor(factor, row_elements(factor), [], None))
    except NotSeparable:
        return None


def cells_of(s: SeparableFactor) -> Cells | None:
    """Cells of a separable factor, or None where its parameters vary by row in another way."""
    family, rows = s.factor.family, s.rows
    if rows.op == "events":
        return _vector_cells(s)
    if family is None or family.statistics is None or rows.op != "density" or len(s.labels) > 2:
        return None
    x, parameters = rows.arguments[0], rows.arguments[1:]
    if not x.is_constant or x.shape != rows.shape:
        return None
    try:
        groupings = groupings_of(parameters, rows.shape[0], s)
    except NotSeparable:
        return None
    return _assembled(s, x, parameters, groupings)


def groupings_of(parameters: tuple[Expression, ...], count: int, s: SeparableFactor) -> list[Expression]:
    """The known index vectors through which the parameters' rows look tables up."""
    leaves = {label.variable for label in s.labels}
    found: dict[Expression, None] = {}

    def on_part(part: Expression) -> bool:
        if part in leaves or (part.op == "take" and part.arguments[0] in leaves):
            return False
        if part.op == "take" and part.arguments[1].is_constant and part.arguments[1].shape == (count,):
            found[part.arguments[1]] = None
            return False
        varies = part.is_constant and np.unique(np.asarray(part.known)).size > 1
        if varies and part.kind == "int" and part.shape == (count,):
            found[part] = None  # whole numbers by row (columns, exposures) put rows into groups
            return False
        if part.op == "leaf" or varies:
            raise NotSeparable("parameters vary by row")
        return True

    for parameter in parameters:
        if parameter.shape == (count,):
            follow_rows(parameter, count, on_part)
        elif parameter.size != 1:
            raise NotSeparable("parameters have another shape than the rows")
    return list(found)


def _assembled(
    s: SeparableFactor, x: Expression, parameters: tuple[Expression, ...], groupings: list[Expression]
) -> Cells | None:
    groups, group_index = _grouped(groupings)
    n_groups = 1 if groups is None else int(groups.max()) + 1
    # Cell number in mixed radix: the known group counts fastest, then the labels.
    size, strides = n_groups, dict[LabelVector, int]()
    for label in reversed(s.labels):
        strides[label] = size
        size *= label.n_labels
    # With more cells than rows, sums by cell would be longer than the data that they stand for.
    if size > MOST_CELLS or (groups is not None and size > max(len(x), 64)):
        return None
    replacements = _per_cell(s, size, strides, groupings, group_index, n_groups)
    names = [p.name for p in s.factor.family.parameters]  # type: ignore[union-attr]
    per_cell = {}
    for name, parameter in zip(names, parameters, strict=True):
        flattened = constant_rows_as_scalars(parameter, len(x)) if parameter.shape == (len(x),) else parameter
        per_cell[name] = substitute(flattened, replacements)
    return _with_sums(s, x, size, strides, groups, per_cell)


def _grouped(groupings: list[Expression]) -> tuple[np.ndarray | None, list[np.ndarray]]:
    """One group number per row from several index vectors, and each index vector's value per group."""
    if not groupings:
        return None, []
    table = np.column_stack([np.asarray(g.known).ravel() for g in groupings])
    distinct, groups = np.unique(table, axis=0, return_inverse=True)
    return np.ravel(groups).astype(np.int64), list(distinct.T)


def _per_cell(
    s: SeparableFactor,
    size: int,
    strides: dict[LabelVector, int],
    groupings: list[Expression],
    group_index: list[np.ndarray],
    n_groups: int,
) -> dict[Expression, Expression]:
    cell = np.arange(size)
    replacements = {
        g: constant(np.ascontiguousarray(v[cell % n_groups])) for g, v in zip(groupings, group_index, strict=True)
    }
    for label, stride in strides.items():
        values = constant(label.values[(cell // stride) % label.n_labels])
        replacements[label.variable] = values
        if s.units is not None:
            replacements |= replaced_look_ups(s.rows, label.variable, values)
    return replacements


def replaced_look_ups(x: Expression, variable: Expression, values: Expression) -> dict[Expression, Expression]:
    """The values of all cells in the place of every look-up by position, with as many axes as that has."""
    return {p: ex.reshape(values, (values.size, *[1] * (p.ndim - 1))) for p in looked_up(x, variable)}


def looked_up(x: Expression, variable: Expression) -> list[Expression]:
    """Every look-up of a variable by position inside x."""
    return [p for p in ordered(x) if p.op == "take" and p.arguments[0] is variable]


def constant_rows_as_scalars(x: Expression, count: int) -> Expression:
    """Row constants that are all equal, as one number (look-up positions stay)."""

    def below(part: Expression) -> Sequence[Expression]:
        if part.op in ex.ELEMENTWISE:
            return part.arguments
        return part.arguments[1:] if part.op == "take" and part.arguments[1].op in ex.ELEMENTWISE else ()

    def make(part: Expression, made: list[Expression]) -> Expression:
        if part.is_constant and part.shape == (count,) and np.unique(np.asarray(part.known)).size == 1:
            return constant(np.asarray(part.known).ravel()[0])
        if part.op in ex.ELEMENTWISE:
            return elementwise(part.op, *made)
        return ex.gather(part.arguments[0], made[0]) if made else part

    return folded(x, below, make)


def missing_in(s: SeparableFactor) -> np.ndarray:
    """Where coordinates are missing in rows of vectors, shape (rows, d)."""
    node = s.factor.node
    assert isinstance(node, Distribution) and node.mask is not None
    return np.asarray(node.mask)


def rows_with_gaps(s: SeparableFactor) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows of vectors, and where coordinates are missing in them (any number stands there), or None.

    Who keeps what was computed of complete rows computes it again when these get other numbers
    (:mod:`mcmix.steps.renumbered`).
    """
    if s.gaps is None:
        return shared_doubles(np.asarray(s.rows.arguments[0].value)), None
    assert isinstance(s.factor.node, Distribution)
    return np.asarray(s.factor.data, dtype=float), missing_in(s)


def known_mean(data: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Mean of what is known in each column; 0 where nothing is."""
    if mask is None:
        return np.asarray(data.mean(0))
    return np.where(mask, 0.0, data).sum(0) / np.maximum((~mask).sum(0), 1)


def _vector_cells(s: SeparableFactor) -> Cells | None:
    """Cells of rows of vectors: one per label (or one for all, without labels)."""
    family, x = s.factor.family, s.rows.arguments[0]
    if family is None or s.rows.extra is not family or family.statistics is None:
        return None
    if not x.is_constant and s.gaps is None:
        return None
    data = _vectors(x) if s.gaps is None else constant(rows_with_gaps(s)[0])
    if not s.labels:
        return _known_vector_cells(s, data, family)
    parameters = vector_tables(s, s.labels[0])
    size, strides = s.labels[0].n_labels, {s.labels[0]: 1}
    # Products about the columns' means: about zero, a variance far smaller than the squared mean would be lost in
    # rounding.
    mask, d = None if s.gaps is None else missing_in(s), data.shape[1]
    shift = _mean(data) if mask is None else constant(known_mean(np.asarray(data.value), mask))
    named = dict(zip([p.name for p in family.parameters], parameters, strict=True))
    places = [leaf(("count", s.factor), (size,)), leaf(("sum", s.factor, 0), (size, d))]
    sums = Sums(places[0], (places[1],), (leaf(("square", s.factor, 0), (size, d, d)),), (shift,))
    return Cells(size, strides, None, named, sums, [data], [True], d)


def _vectors(x: Expression) -> Expression:
    """Known rows of vectors as doubles."""
    if x.kind == "float":
        return x
    return derived("doubles", _vectors, np.asarray(x.value, dtype=float), [x])


def _mean(x: Expression) -> Expression:
    """Mean of known rows."""
    return derived("mean of rows", _mean, np.asarray(x.value).mean(0), [x])


def _known_vector_cells(s: SeparableFactor, data: Expression, family: Family) -> Cells | None:
    """Cells of rows of vectors without unknown labels: one for all, or one per known group of look-ups."""
    found = _known_groups(list(s.rows.arguments[1:]), [p.event_ndim for p in family.parameters], len(data))
    if found is None:
        return None
    groups, parameters = found
    size, shift = (1 if groups is None else int(groups.max()) + 1), _mean(data)
    cell = np.zeros(len(data), np.int64) if groups is None else groups
    counts = np.bincount(cell, minlength=size).astype(float)
    about = elementwise("subtract", data, shift)
    totals = _by_group(about, cell, size, lambda rows: rows.sum(0))
    products = _by_group(about, cell, size, lambda rows: rows.T @ rows)
    sums = Sums(constant(counts), (totals,), (products,), (shift,))
    named = dict(zip([p.name for p in family.parameters], parameters, strict=True))
    return Cells(size, {}, groups, named, sums, [data], [True], data.shape[1])


def _by_group(x: Expression, cell: np.ndarray, size: int, summed: Callable[[np.ndarray], np.ndarray]) -> Expression:
    """A sum over the known rows of each group."""
    known = np.stack([summed(np.asarray(x.value)[cell == g]) for g in range(size)])
    return derived(object(), lambda other: _by_group(other, cell, size, summed), known, [x])


def _known_groups(
    parameters: list[Expression], axes: list[int], count: int
) -> tuple[np.ndarray | None, list[Expression]] | None:
    """Rows with the same parameters, by a number each (None: all), and each parameter by group."""
    wide = [p for p, n in zip(parameters, axes, strict=True) if p.ndim != n]
    if not wide:
        return None, parameters
    if not all(p.op == "take" and p.arguments[1].is_constant and p.shape[:1] == (count,) for p in wide):
        return None
    keys = np.column_stack([np.asarray(p.arguments[1].known).reshape(count, -1)[:, 0] for p in wide])
    first, groups = np.unique(keys, axis=0, return_index=True, return_inverse=True)[1:]
    groups = np.ravel(groups).astype(np.int64)
    if len(first) > MOST_GROUPS or not all(_same_by_group(p, first, groups) for p in wide):
        return None
    by_group = [
        p if p.ndim == n else ex.gather(p.arguments[0], np.asarray(p.arguments[1].known)[first])
        for p, n in zip(parameters, axes, strict=True)
    ]
    return groups, by_group


def _same_by_group(x: Expression, first: np.ndarray, groups: np.ndarray) -> bool:
    positions = np.asarray(x.arguments[1].known)
    return bool(np.array_equal(positions, positions[first][groups]))


def _with_sums(
    s: SeparableFactor,
    x: Expression,
    size: int,
    strides: dict[LabelVector, int],
    groups: np.ndarray | None,
    parameters: dict[str, Expression],
) -> Cells | None:
    statistics = s.factor.family.statistics  # type: ignore[union-attr]
    assert statistics is not None
    if any(not parameters[name].is_constant for name in statistics.known):
        return None
    try:
        columns = [_column(spec, x) for spec in statistics.columns]
    except NotSeparable:
        decided_by(x)
        return None
    # About the mean, so that S2 - S1**2 / n loses few digits; plain sums where a family asks for those (counts).
    shifts = tuple(
        _mean(c) if spec.shifted else constant(0.0) for c, spec in zip(columns, statistics.columns, strict=True)
    )
    squares = [spec.square for spec in statistics.columns]
    if s.labels:
        key = s.factor
        sums = Sums(
            leaf(("count", key), (size,)),
            tuple(leaf(("sum", key, j), (size,)) for j in range(len(columns))),
            tuple(leaf(("square", key, j), (size,)) if q else None for j, q in enumerate(squares)),
            shifts,
        )
    else:
        sums = _known_sums(columns, squares, shifts, groups, size, len(x))
    return Cells(size, strides, groups, parameters, sums, columns, squares)


def _column(spec: Column, x: Expression) -> Expression:
    """A statistic's column of known rows.

    Raises
    ------
    NotSeparable
        If it is not finite somewhere: no sums stand for such rows.
    """
    with np.errstate(all="ignore"):
        known = np.ascontiguousarray(spec.transform(shared_doubles(np.asarray(x.value))), dtype=float)
    if not np.isfinite(known).all():
        raise NotSeparable("a statistic of the rows is not finite")
    return derived(("statistic", id(spec)), lambda other: _column(spec, other), known, [x])


def _known_sums(
    columns: list[Expression],
    squares: list[bool],
    shifts: tuple[Expression, ...],
    groups: np.ndarray | None,
    size: int,
    count: int,
) -> Sums:
    where = np.zeros(count, np.int64) if groups is None else groups
    about = [elementwise("subtract", c, shift) for c, shift in zip(columns, shifts, strict=True)]
    return Sums(
        as_expression(np.bincount(where, minlength=size).astype(float)),
        tuple(_by_cell(c, where, size) for c in about),
        tuple(
            _by_cell(elementwise("multiply", c, c), where, size) if q else None
            for c, q in zip(about, squares, strict=True)
        ),
        shifts,
    )


def _by_cell(x: Expression, where: np.ndarray, size: int) -> Expression:
    """Sums of known numbers over the rows of each cell."""
    known = np.bincount(where, np.asarray(x.value), size)
    return derived(object(), lambda other: _by_cell(other, where, size), known, [x])


def vector_tables(s: SeparableFactor, label: LabelVector) -> list[Expression]:
    """Means and matrices as tables over one label's values, shape (K, ...), or shared by all.

    Raises
    ------
    NotSeparable
        If they vary by row in another way, or the values are unknown: there is no row-by-row density of vectors.
    """
    rows, family = s.rows, s.rows.extra
    _refuse_other_rows(rows, label)
    found = _at_labels(rows, label, label.values)
    for table, p in zip(found, family.parameters, strict=True):
        if table.ndim != p.event_ndim and table.shape[: table.ndim - p.event_ndim] != (label.n_labels,):
            raise NotSeparable(f"the {p.name} varies by row")
    if family.vectors is None or not (rows.arguments[0].is_constant or s.gaps is not None):
        raise NotSeparable(f"rows of {family.name} are seen through as data only")
    return found


def _refuse_other_rows(rows: Expression, label: LabelVector) -> None:
    """Refuse parameters in which something beside the label goes by row, such as a known group or a covariate.

    Labels of a number that is no axis of anything else do not fit beside it. As many rows as labels would fit beside
    one value of every label, and each row would stand for a label.
    """
    axes = {n for p in rows.arguments[1:] for part in ordered(p) for n in part.shape}
    other = next(n for n in range(2, len(axes) + 4) if n not in axes | {label.n_labels})
    try:
        _at_labels(rows, label, np.resize(label.values, other))
    except TraceError as error:
        for value in label.values:  # one alone fits beside anything, unless it is beyond a table
            _at_labels(rows, label, np.array([value]))
        raise NotSeparable("parameters of vectors vary by row beside the label") from error
