"""What a table or series says beside its numbers: names of its axes, labels of rows and columns, units.

Whose kind it is, is seen by what it has: an array with ``dims`` is xarray's, a table with ``column_names`` is Arrow's,
one with ``columns`` is that of pandas or polars, and what has only a ``name`` is a series. None of these packages is
imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmix.errors import ModelError


class DataNames(NamedTuple):
    """What a data frame, series or labelled array says of its values beside the numbers.

    Attributes
    ----------
    index : ndarray or None
        Row labels.
    columns : tuple of str, or None
        Names of the columns; of a series, its own name.
    units : tuple of (str or None), or None
        Of each column, from ``attrs["units"]``: a text, or texts by column.
    axes : tuple of (str or None)
        Names of the axes, as far as the data have them: of a frame those of its index and of its columns, of an xarray
        array its dimensions.
    """

    index: Any = None
    columns: tuple[str, ...] | None = None
    units: tuple[str | None, ...] | None = None
    axes: tuple[str | None, ...] = ()


def names_of(value: Any) -> DataNames:
    """Row labels, column names, units and names of axes that a labelled array, data frame or series brings along.

    Examples
    --------
    >>> from pandas import DataFrame, Index
    >>> frame = DataFrame({"speed": [1.0], "mass": [2.0]}, index=Index(["a"], name="car"))
    >>> frame.attrs["units"] = {"speed": "km/s"}
    >>> names_of(frame)[1:]
    (('speed', 'mass'), ('km/s', None), ('car', None))
    >>> names_of(frame["mass"])[1:], names_of([1.0])[1:]
    ((('mass',), None, ('car',)), (None, None, ()))
    """
    if isinstance(value, np.ndarray) or not hasattr(value, "shape"):
        return DataNames()
    if hasattr(value, "dims") and hasattr(value, "coords"):
        return _of_labelled_array(value)
    index = getattr(value, "index", None)
    index = None if index is None or callable(index) else index
    listed = columns_of(value)
    columns: list[Any] = [getattr(value, "name", None)] if listed is None else listed
    axes = [getattr(index, "name", None), *([getattr(value.columns, "name", None)] if listed is not None else [])]
    return DataNames(
        None if index is None else np.asarray(index),
        _as_text(columns),
        _units_of(value, columns),
        tuple(None if a is None else str(a) for a in axes) if any(a is not None for a in axes) else (),
    )


def columns_of(value: Any) -> list[Any] | None:
    """Names of a table's columns, whatever they are; None of what is no table."""
    listed: Any = getattr(value, "column_names", None)  # Arrow's tables, whose `columns` are the data
    if listed is None:
        listed = getattr(value, "columns", None)
    is_table = listed is not None and not callable(listed) and len(getattr(value, "shape", ())) == 2
    return list(listed) if is_table and not isinstance(value, np.ndarray) else None


def one_column(value: Any, array: np.ndarray) -> np.ndarray:
    """The column of a table that has a single one, as a vector; everything else as it is.

    Examples
    --------
    >>> from pandas import DataFrame
    >>> frame = DataFrame({"speed": [1.0, 2.0]})
    >>> one_column(frame, frame.to_numpy()), one_column([[1.0]], np.array([[1.0]]))
    (array([1., 2.]), array([[1.]]))
    """
    return array[:, 0] if columns_of(value) is not None and np.shape(array)[1:] == (1,) else array


def in_columns(name: str, columns: Sequence[str] | None, value: Any) -> Any:
    """A table of new rows with its columns as those of the data: found by name, whatever their order.

    What has no names, or is for data that have none, is left as it is.

    Raises
    ------
    ModelError
        If a column is not there.
    """
    listed = columns_of(value)
    there = None if listed is None else _as_text(listed)
    if columns is None or there is None or there == tuple(columns) or len(columns) == len(there) == 1:
        return value
    missing = [c for c in columns if c not in there]
    if missing:
        raise ModelError(
            f"{name}: expected columns {', '.join(columns)}, as the data have, got {', '.join(there)}; rename them, or "
            "pass the numbers alone (.to_numpy())"
        )
    return np.asarray(value)[:, [there.index(c) for c in columns]]


def plain_labels(labels: Any) -> np.ndarray:
    """Labels in a form that files can hold: numbers, dates and text as they are, anything else as text."""
    array = labels if isinstance(labels, np.ndarray) else np.asarray(labels)
    if array.dtype.kind in "fiubmMU":
        return array
    return np.array([" ".join(map(str, v)) if isinstance(v, tuple) else str(v) for v in array])


def only_count(labels: Any) -> bool:
    """Whether labels are no names: 0, 1, 2, ..."""
    array = np.asarray(labels)
    return array.dtype.kind in "iu" and bool(np.array_equal(array, np.arange(array.size)))


def _of_labelled_array(value: Any) -> DataNames:
    """The names of an xarray array; a dimension that was only counted (``dim_0``) has none."""
    axes = tuple(None if str(d).startswith("dim_") else str(d) for d in value.dims)
    labels = [np.asarray(value.coords[d].values) if d in value.coords else None for d in value.dims]
    columns = [value.name] if len(axes) == 1 else [None] if len(axes) < 2 or labels[1] is None else list(labels[1])
    return DataNames(
        labels[0] if labels else None,
        _as_text(columns),
        _units_of(value, columns),
        axes if any(a is not None for a in axes) else (),
    )


def _as_text(columns: Sequence[Any]) -> tuple[str, ...] | None:
    """Names of columns as text; numbers that only count are no names."""
    if list(columns) == list(range(len(columns))) or any(c is None or c == "" for c in columns):
        return None
    return tuple(", ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in columns)


def _units_of(value: Any, columns: Sequence[Any]) -> tuple[str | None, ...] | None:
    """Units of columns, as ``attrs`` says them; those of a frame hold for a series taken from it."""
    attributes = getattr(value, "attrs", None)
    given = attributes.get("units") if isinstance(attributes, Mapping) else None
    if not isinstance(given, (str, Mapping)):
        return None
    found = [given if isinstance(given, str) else given.get(c) for c in columns]
    texts = tuple(str(unit) if unit else None for unit in found)
    return texts if any(texts) else None


__all__ = ["DataNames", "columns_of", "in_columns", "names_of", "one_column", "only_count", "plain_labels"]
