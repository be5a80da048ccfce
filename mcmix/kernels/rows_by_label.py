"""Rows in the order of their labels, and how often each value stands under each label: what a pass keeps of rows."""

from __future__ import annotations

from mcmix.kernels.base import floats, inline, integers, shorts_at, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import record, record_at
from mcmix.kernels.tiles import LABEL, PASS, lane, scratch_of

# Labels of units from the lowest on, and how many there may be; rows, and the unit of each (0: row i is unit i);
# columns, and where each goes, one after another; where the first rows of stretches are; room for whole numbers, one a
# label.
ORDER = record(
    "labels", "lowest", "n_labels", "rows", "units", "columns", "n_columns", "sorted_columns", "bounds", "places"
)  # fmt: skip

# How many values there are, which of them each row has (short whole numbers), and where counts go, label by label.
VALUES = record("n_values", "numbers", "counts")


@tile_of(PASS)
def nothing_to_add(told, words, first, m):
    """Rows are put in order once all labels are there."""
    return 0


@inline
def _label_of(own, label, i):
    """Number of a row's label; before labels are drawn for the first time, whatever stands there counts as one."""
    unit = i if own.units == 0 else integers(own.units, own.rows)[i]
    k = int(label[unit]) - own.lowest
    return k if 0 <= k < own.n_labels else 0


@tile_of(PASS)
def order_rows(told, words, first, m):
    """Put the columns of a factor's rows into the order of their labels: a counting sort, rows of a label as they were.

    Whatever the pass drew or weighed, the order is that of the labels as they stand.
    """
    own = record_at(told, ORDER)
    n, n_labels = own.rows, own.n_labels
    label, bounds, places = floats(own.labels, n), floats(own.bounds, n_labels + 1), integers(own.places, n_labels)
    for k in range(n_labels):
        places[k] = 0
    for i in range(n):
        places[_label_of(own, label, i)] += 1
    start = 0
    for k in range(n_labels):
        bounds[k] = start
        start += places[k]
        places[k] = int(bounds[k])
    bounds[n_labels] = start
    columns = integers(own.columns, own.n_columns)
    if own.n_columns == 1:
        column, into = floats(columns[0], n), floats(own.sorted_columns, n)
        for i in range(n):
            k = _label_of(own, label, i)
            at = places[k]
            places[k] = at + 1
            into[at] = column[i]
        return 0
    for i in range(n):
        k = _label_of(own, label, i)
        at = places[k]
        places[k] = at + 1
        for j in range(own.n_columns):
            floats(own.sorted_columns + 8 * (j * n + at), 1)[0] = floats(columns[j] + 8 * i, 1)[0]
    return 0


@tile_of(PASS)
def count_values(told, words, first, m):
    """Count the values of a tile's rows under the labels of their units."""
    task, own = record_at(words, PASS), record_at(told, VALUES)
    label, n_values = lane(task, LABEL), own.n_values
    numbers, counts = shorts_at(own.numbers, task.units), floats(own.counts, task.labels * n_values)
    for i in range(m):
        counts[int(label[i]) * n_values + numbers[first + i]] += 1.0
    return 0


@tile_of(PASS)
def expect_values(told, words, first, m):
    """Count the values of a tile's rows under each label with the responsibilities of their units."""
    task, own = record_at(words, PASS), record_at(told, VALUES)
    shares, n_values = scratch_of(task), own.n_values
    numbers, counts = shorts_at(own.numbers, task.units), floats(own.counts, task.labels * n_values)
    for k in range(task.labels):
        for i in range(m):
            counts[k * n_values + numbers[first + i]] += shares[k * TILE + i]
    return 0


__all__ = ["ORDER", "VALUES", "count_values", "expect_values", "nothing_to_add", "order_rows"]
