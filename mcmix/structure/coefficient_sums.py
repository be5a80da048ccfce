"""What rows say of coefficients by sums: made once where nothing changes them, or in the pass of their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.coefficient_group import Coefficients
from mcmix.structure.contributions import Structure
from mcmix.structure.cross_products import CrossProducts, cross_products, known_parts
from mcmix.structure.expression import Expression, constant, elementwise, scatter
from mcmix.structure.meetings import Child

# -------------------------------------------------------------------- rows whose cross products are known numbers


def add_known_products(group: Coefficients) -> None:
    """Let what all rows share of their precision stand before cross products of a known design, made once."""
    for child in group.children:
        weight, places = known_parts(child.weight), _known_places(child, group)
        if weight is None or len(weight) != 1 or places is None or not all(t.slope.is_constant for t in child.terms):
            continue
        ((shared, precisions),) = weight.items()
        slopes = np.stack([np.broadcast_to(t.slope.known, (child.rows,)).astype(float) for t in child.terms])
        alike = np.ndim(precisions) == 0 and precisions == 1.0
        # sum_i w r_i d_i d_i' with known r and d
        known = _lower_entries(group, places, slopes if alike else slopes * precisions, slopes)
        group.precision = elementwise("add", group.precision, elementwise("multiply", shared, known))
        group.known.add(child)
        _add_known_sums(group, child, places, slopes)


def _known_places(child: Child, group: Coefficients) -> np.ndarray | None:
    """Where the coefficients of each row stand, shape (terms, rows), or (terms, 1) where all rows have the same."""
    if not all(t.index.is_constant for t in child.terms):
        return None
    rows = child.rows if any(t.index.size > 1 for t in child.terms) else 1
    numbers = np.stack([np.broadcast_to(np.ravel(t.index.known), (rows,)).astype(np.int64) for t in child.terms])
    return group.order[numbers] if numbers.min() >= 0 and numbers.max() < group.size else None


def _add_known_sums(group: Coefficients, child: Child, places: np.ndarray, slopes: np.ndarray) -> None:
    """Where rows have known values, times numbers for all of them, their products with the design are made once."""
    rest = known_parts(child.rest)
    if rest is None:
        return
    for shared, values in rest.items():
        known = np.zeros(group.size)
        if places.shape[1] == 1:
            np.add.at(known, places[:, 0], slopes @ np.broadcast_to(values, (child.rows,)))
        else:
            for place, slope in zip(places, slopes, strict=True):
                known += np.bincount(place, slope * values, group.size)
        group.linear = elementwise("add", group.linear, elementwise("multiply", shared, known))
    group.summed.add(child)


def _lower_entries(group: Coefficients, places: np.ndarray, weighted: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Products of terms of all rows in the blocks' matrices, in one of the two entries of each pair."""
    found, (row, column) = np.zeros(group.precision.size), np.tril_indices(len(places))
    if places.shape[1] == 1:
        _enter(group, found, places[row, 0], places[column, 0], row != column, (weighted @ slopes.T)[row, column])
        return found
    for i, j in zip(row, column, strict=True):  # rows of one pair at a time
        _enter(group, found, places[i], places[j], i != j, weighted[i] * slopes[j])
    return found


def _enter(
    group: Coefficients, found: np.ndarray, left: np.ndarray, right: np.ndarray, differ: object, products: np.ndarray
) -> None:
    """Add products of pairs of terms where their coefficients stand."""
    low, high, block = np.minimum(left, right), np.maximum(left, right), np.repeat(range(len(group.sizes)), group.sizes)
    # Two different terms of one coefficient: (a + b)**2 has 2 a b on the diagonal.
    twice = np.where((low == high) & np.asarray(differ), 2.0, 1.0)
    one = block[low] == block[high]  # elsewhere no row has both
    np.add.at(found, (group.row_starts[high] + low)[one], (products * twice)[one])


# -------------------------------------------------------------------- rows whose sums the pass of their labels makes


def add_collected_products(group: Coefficients, structure: Structure) -> None:
    """Let what only labels tell stand before sums of known columns by label."""
    for child in group.read_when_drawn:
        found = cross_products(child, group.size, structure) if child not in group.known else None
        if found is not None:
            group.collected[child] = found
            places = group.order[found.numbers]
            _add_products_by_label(group, found, places)
            _add_sums_by_label(group, found, places)


def _add_products_by_label(group: Coefficients, found: CrossProducts, places: np.ndarray) -> None:
    """Slopes by slopes: one of the two entries of each pair, for each label."""
    row, column = np.tril_indices(len(places))
    low, high = np.sort(np.stack([places[row], places[column]]), axis=0)
    # Two different terms of one coefficient: (a + b)**2 has 2 a b on the diagonal.
    times = np.where((row != column)[:, None] & (low == high), 2.0, 1.0)
    block = np.repeat(np.arange(len(group.sizes)), group.sizes)
    times = np.where(block[low] == block[high], times, 0.0)  # no row has coefficients of two blocks
    entries = np.where(times > 0.0, group.row_starts[high] + low, 0)
    pairs = [elementwise("multiply", found.slopes[i], found.slopes[j]) for i, j in zip(row, column, strict=True)]
    scales = [elementwise("multiply", found.weight, pair) for pair in pairs]
    more = _by_label(found, scales, found.place(row, column), times, entries, group.precision.size)
    group.precision = elementwise("add", group.precision, more)


def _add_sums_by_label(group: Coefficients, found: CrossProducts, places: np.ndarray) -> None:
    """Slopes by values."""
    p, n = len(places), len(found.rests)
    slope, value = np.repeat(np.arange(p), n), np.tile(np.arange(n), p)
    scales = [elementwise("multiply", found.slopes[i], found.rests[j]) for i, j in zip(slope, value, strict=True)]
    entries = places[slope]
    more = _by_label(found, scales, found.place(slope, p + value), np.ones(entries.shape), entries, group.size)
    group.linear = elementwise("add", group.linear, more)


def _by_label(
    found: CrossProducts,
    scales: Sequence[Expression],
    sums: np.ndarray,
    times: np.ndarray,
    entries: np.ndarray,
    size: int,
) -> Expression:
    """Sums by label (shape (pairs, K)), each times its pair's scale, added at entries of a vector."""
    of_scale: dict[Expression, list[int]] = {}
    for i, scale in enumerate(scales):
        of_scale.setdefault(scale, []).append(i)
    total = constant(0.0)
    for scale, pairs in of_scale.items():
        there = times[pairs] > 0.0
        label = np.broadcast_to(np.arange(found.label.n_labels), there.shape)[there]
        by_label = scale if scale.size == 1 else ex.gather(scale, label)
        values = elementwise("multiply", by_label, ex.gather(found.sums, sums[pairs][there]))
        values = elementwise("multiply", values, times[pairs][there])
        total = elementwise("add", total, scatter(values, entries[pairs][there], size))
    return total


__all__ = ["add_collected_products", "add_known_products"]
