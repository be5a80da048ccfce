"""New rows of data as a user hands them in, for predictions: checked, and as one object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.names import in_columns
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import with_gaps
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.columns import Column
from mcmix.structure.rows import Rows


def new_rows(data: Sequence[Stochastic], covariates: Sequence[Covariates], given: Any) -> Rows:
    """New rows of some nodes: as many of each, of the width that the node's own rows have.

    Parameters
    ----------
    data : sequence of Stochastic
    covariates : sequence of Covariates
        Those of which a new row has its own.
    given : array_like, mapping of name or node to array_like, or Rows
        NaN for what is missing. An array alone is enough where one node is meant.

    Returns
    -------
    Rows
        Of shape (rows,) or (rows, columns) as the node has it.

    Raises
    ------
    ModelError
        If one is missing, or of another width or number of rows.

    Examples
    --------
    >>> import mcmix as mc
    >>> y = mc.Normal("y", 0, 1, value=[0.5, 1.5], observed=True)
    >>> new_rows([y], [], [1.0, 2.0, 3.0])
    <Rows: y (3) float64>
    """
    if isinstance(given, Rows):
        return given
    values = _by_name([*data, *covariates], covariates, given)
    columns = [_column(n, values[n.name]) for n in data]
    columns += [Column(c, c.rows_like(values[c.name])) for c in covariates]
    if len({c.n_rows for c in columns}) > 1:
        listed = ", ".join(f"{c.name} {c.n_rows}" for c in columns)
        raise ModelError(f"new rows: expected the same number for every node, got {listed}")
    return Rows(columns)


def some_rows(rows: Rows, size: int) -> Rows:
    """Rows up to a number of them: the last one again and again; where there are none, any that is possible."""
    if rows.n_rows:
        return rows.taken(np.minimum(np.arange(size), rows.n_rows - 1))
    return some_rows(Rows(Column(n, _any_row(c)) for n, c in rows.items()), size)


def _any_row(column: Column) -> np.ndarray:
    node = column.node
    return node.held[:1] if isinstance(node, Covariates) else np.zeros((1, *column.shape[1:]))


def _by_name(nodes: Sequence[Node], covariates: Sequence[Covariates], given: Any) -> dict[str, Any]:
    """What was given, by name: one value for each node."""
    names = [n.name for n in nodes]
    values = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
    values = {key.name if isinstance(key, Node) else key: value for key, value in values.items()}
    if set(values) != set(names) or (len(names) > 1 and not isinstance(given, Mapping)):
        why = _difference(values, names, covariates, isinstance(given, Mapping))
        raise ModelError(f"new rows: expected a value for each of {', '.join(names)}, by name{why}")
    return values


def _difference(
    values: Mapping[Any, Any], names: Sequence[str], covariates: Sequence[Covariates], by_name: bool
) -> str:
    """What is wrong with the names, where covariates are among those that are expected."""
    if not covariates:
        return ""
    own = ", ".join(c.name for c in covariates)
    if not by_name:
        return f": new rows have their own covariates ({own})"
    missing = [n for n in names if n not in values]
    unknown = [str(n) for n in values if n not in names]
    parts = [f"{', '.join(missing)} missing"] * bool(missing) + [f"{', '.join(unknown)} unknown"] * bool(unknown)
    return f" ({own}: covariates), got {' and '.join(parts)}"


def _column(node: Stochastic, value: Any) -> Column:
    vectors = isinstance(node, Distribution) and node.family.event_ndim == 1
    columns = node.shape if vectors and len(node.shape) == 1 else node.shape[1:]
    if len(columns) > 1:
        raise ModelError(f"{node.name}: new rows are served for numbers and vectors, got rows of shape {columns}")
    value = in_columns(f"new rows: {node.name}", node.columns, value)
    x = with_gaps(f"new rows: {node.name}", value)
    width = columns[0] if columns else 1
    x = x.reshape(-1, 1) if width == 1 and x.ndim <= 1 else np.atleast_2d(x)
    if x.ndim != 2 or x.shape[1] != width:
        raise ModelError(f"new rows: {node.name} expected {width} columns, got shape {np.shape(value)}")
    if np.isinf(x).any():
        raise ModelError(f"new rows: {node.name} expected finite numbers, or NaN for what is missing, got infinity")
    found = x if columns else x[:, 0]
    missing = np.isnan(found)
    return Column(node, found, missing if missing.any() else None)


__all__ = ["new_rows", "some_rows"]
