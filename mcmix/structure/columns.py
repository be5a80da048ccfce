"""One column of observed data: the values of a node as they were given, and what is missing among them."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates, checked_covariates
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.missing import missing_entries
from mcmix.nodes.names import in_columns, one_column
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import as_doubles, as_held, as_numbers, is_mapped
from mcmix.nodes.stochastic import Stochastic, refuse_non_finite


class Column:
    """The observed values of one node.

    Parameters
    ----------
    node : Stochastic or Covariates
    values : ndarray, or any object
        Of any type of numbers; single precision and memory maps stay what they are, and nothing is copied.
    missing : ndarray of bool, optional
        Where entries are missing; what stands there in `values` is not looked at.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> y = mc.Normal("y", 0, 1, value=np.array([1.0, 3.0], np.float32), observed=True)
    >>> Column(y, y.held)
    <Column y (2) float32>
    >>> Column(y, y.held).seen
    array([1., 3.])
    """

    def __init__(self, node: Node, values: Any, missing: np.ndarray | None = None):
        self.node, self.values, self.missing = node, values, missing
        self.constants: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def __reduce__(self) -> Any:
        return Column, (self.node, self.values, self.missing)

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def columns(self) -> frozenset[Column]:
        """Itself: what constants of a recording were made of."""
        return frozenset((self,))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values; an object has none."""
        return () if self.is_object else np.shape(self.values)

    @property
    def n_rows(self) -> int:
        """Entries along the first axis; a single number is one row."""
        return self.shape[0] if self.shape else 1

    @property
    def is_object(self) -> bool:
        """Whether it is an object, which nothing but the node's own log density looks into."""
        return bool(getattr(self.node, "holds_object", False))

    @property
    def is_own(self) -> bool:
        """Whether these are the values that the node holds itself."""
        return self.values is self.node.held  # type: ignore[attr-defined]

    @property
    def weights(self) -> np.ndarray | None:
        """How many rows each value stands for, shape (rows,); None where it is one."""
        return self.node.row_weights if self.is_own and isinstance(self.node, Stochastic) else None

    @property
    def on_disk(self) -> Any:
        """All rows, where the values are some of them to begin with; else None."""
        return self.node.on_disk if self.is_own and isinstance(self.node, Stochastic) else None

    @property
    def known(self) -> Any:
        """The values as everything computes with them: doubles, or whole numbers as they are.

        That is the one place where numbers of single precision, or of another byte order, are copied; the copy is
        shared by all who hold it, and goes when nobody does. What is in doubles already is not copied.
        """
        if self.is_own:
            return self.node.known  # type: ignore[attr-defined]
        return self.values if self.is_object else as_doubles(self.values)

    @property
    def seen(self) -> np.ndarray:
        """The entries that are known, one after another, as doubles."""
        known = np.asarray(self.known, dtype=float)
        return known.ravel() if self.missing is None else known[~self.missing]

    def take(self, other: Column) -> None:
        """Hold the values of another column of the same node, shape and type from now on."""
        self.values = other.values

    def completed(self, entries: Any) -> np.ndarray:
        """The values with their missing entries filled in (leading axes, such as draws, are kept)."""
        known, own = np.asarray(self.known), np.asarray(entries)
        if self.missing is None:
            return own
        full = np.empty((*own.shape[:-1], *known.shape), dtype=np.result_type(own.dtype, known.dtype))
        full[...] = known
        full[..., self.missing] = own
        return full

    def with_gaps(self) -> np.ndarray:
        """The values as doubles, NaN where an entry is missing."""
        known = np.asarray(self.known, dtype=float)
        return known if self.missing is None else np.where(self.missing, np.nan, known)

    def shown(self) -> np.ndarray:
        """The values as they are reported: NaN where an entry is missing, else as everything computes with them."""
        return np.asarray(self.known) if self.missing is None else self.with_gaps()

    def taken(self, index: Any) -> Column:
        """The column of some of its rows: a view for a slice."""
        if self.is_object or not self.shape:
            return self
        return Column(self.node, self.values[index], None if self.missing is None else self.missing[index])

    def __repr__(self) -> str:
        kind = type(self.values).__name__ if self.is_object else np.asarray(self.values).dtype.name
        size = " x ".join(map(str, self.shape)) or "one number"
        size = "object" if self.is_object else size
        mapped = ", memory map" if is_mapped(self.values) else ""
        gaps = "" if self.missing is None else f", {int(self.missing.sum())} missing"
        return f"<Column {self.name} ({size}) {kind}{mapped}{gaps}>"


def of_node(node: Any) -> Column:
    """The column of a node's own values."""
    return Column(node, node.held, getattr(node, "mask", None))


def with_values(column: Column, value: Any) -> Column:
    """The column with other values of the same shape.

    Raises
    ------
    ModelError
        If they have another shape, are no numbers, or infinite or missing where the column has none missing.
    SupportError
        If the node's distribution cannot produce them.
    """
    node = column.node
    if column.is_object:
        return Column(node, value)
    named = getattr(node, "data_names", None)
    ordered = in_columns(f"rows: {node.name}", named.columns if named else None, value)
    array = as_numbers(f"rows: {node.name}", ordered)
    array = one_column(value, array) if len(column.shape) == 1 else array
    if np.shape(array) != column.shape:
        raise ModelError(f"rows: {node.name} expected shape {column.shape}, got shape {np.shape(array)}")
    if isinstance(node, Covariates):
        return Column(node, _like(node, checked_covariates(f"rows: {node.name}", array)))
    assert isinstance(node, Stochastic)
    _refuse_missing(column, array)
    plain = _filled(column, array)
    refuse_non_finite(f"rows: {node.name}", plain)
    if isinstance(node, Distribution):
        node.check_value(plain, column.missing)
    return Column(node, as_held(plain, node.dtype), column.missing)


def _refuse_missing(column: Column, array: np.ndarray) -> None:
    """Refuse missing entries where the model has none."""
    missing = missing_entries(column.name, array)
    if missing is None or (column.missing is not None and not (missing & ~column.missing).any()):
        return
    where = np.argwhere(np.atleast_1d(missing if column.missing is None else missing & ~column.missing))[0]
    raise ModelError(
        f"rows: {column.name} expected numbers where the model has no missing entries, got one missing at "
        f"{tuple(map(int, where))}; write the model with data that are missing there"
    )


def _filled(column: Column, array: np.ndarray) -> np.ndarray:
    """The values, with a known one of theirs where entries are missing."""
    plain = np.ma.getdata(array)
    if column.missing is None:
        return plain
    return np.where(column.missing, plain[~column.missing].ravel()[0], plain)


def _like(node: Covariates, array: np.ndarray) -> np.ndarray:
    """Covariates as whole numbers where the node has such.

    Raises
    ------
    ModelError
        If they are not whole.
    """
    if node.held.dtype.kind not in "iub":
        return array if array.dtype.kind == "f" else array.astype(float)
    if (array != np.round(array)).any():
        wrong = array[array != np.round(array)].ravel()[0]
        raise ModelError(f"rows: {node.name} expected whole numbers, as the model has them, got {wrong:g}")
    return array.astype(node.held.dtype, copy=False)


__all__ = ["Column", "of_node", "with_values"]
