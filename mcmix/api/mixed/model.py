"""The data nodes of a table's columns, all of which share the label of a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.api.default_priors import components
from mcmix.api.mixed.kinds import VECTOR, Holding
from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.nodes.row_weights import counting, standing_for
from mcmix.nodes.stochastic import Stochastic

Columns = Mapping[str, np.ndarray]


def numbers(held: Sequence[Holding], table: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The numbers of each, shape (rows,) or (rows, columns), by the names of their data; NaN where missing.

    Raises
    ------
    ModelError
        If a column is not there, or an entry cannot be; it is named.
    """
    found = {}
    for h in held:
        absent = [c for c in h.columns if c not in table]
        if absent:
            raise ModelError(f"expected columns {', '.join(c for h in held for c in h.columns)}, got no {absent[0]!r}")
        parts = [_of_one(h, c, table[c]) for c in h.columns]
        found[h.name] = np.column_stack(parts) if h.kind == VECTOR else parts[0]
    return found


def _of_one(h: Holding, name: str, column: Any) -> np.ndarray:
    return Holding((name,), h.kind, h.distribution, h.categories, h.factor).numbers(column)


def nodes(held: Sequence[Holding], values: Columns, labels: Any, k: Any, counts: np.ndarray | None = None) -> list[Any]:
    """A data node for each holding, with priors on the scale of the data.

    Missing entries (at random) say nothing: a node has the rows that are there. Coordinates of vectors that are missing
    are integrated out.

    Parameters
    ----------
    held : sequence of Holding
    values : mapping of str to ndarray
    labels : node
        A label for each row.
    k : int or NumberOfComponents
    counts : ndarray, shape (rows,), optional
        How often each row counts, of complete rows.
    """
    return [_node(h, values[h.name], labels, k, counts) for h in held]


def _node(h: Holding, x: np.ndarray, labels: Any, k: Any, counts: np.ndarray | None) -> Stochastic:
    parameters = parameters_of(h, x, k, counts)
    seen = ~np.isnan(x) if x.ndim == 1 else ~np.isnan(x).all(axis=1)
    where = labels if seen.all() else labels[np.flatnonzero(seen)]
    looked_up = {n: p[where] if isinstance(p, Node) else p for n, p in parameters.items()}
    made = getattr(mc, h.distribution)(h.name, **looked_up, value=x[seen], observed=True, trace=False)
    return counting(made, labels, counts)


def parameters_of(h: Holding, x: np.ndarray, k: Any, counts: np.ndarray | None = None) -> dict[str, Any]:
    """Parameters of the components, by name: new nodes, and known numbers.

    Raises
    ------
    ModelError
        If the data cannot be of the distribution; the column is named.
    """
    rows = standing_for(x if x.ndim > 1 else x[:, None], counts)
    if h.categories is not None and h.distribution == "Categorical":  # one that is not in the data is possible too
        rows = np.vstack([rows, [[len(h.categories) - 1.0]]])
    try:
        return components(h.distribution, rows, k, h.known, h.name)
    except ModelError as error:
        raise ModelError(f"column {h.name!r}: {error}") from error


def by_name(held: Sequence[Holding], rows: np.ndarray) -> dict[str, np.ndarray]:
    """The values of each, from a table of all of them side by side, shape (rows, columns)."""
    ends = np.cumsum([len(h.columns) for h in held])
    parts = np.split(rows, ends[:-1], axis=1)
    return {h.name: part if h.kind == VECTOR else part[:, 0] for h, part in zip(held, parts, strict=True)}


def side_by_side(values: Columns) -> np.ndarray:
    """A table of all values, shape (rows, columns)."""
    return np.column_stack(list(values.values()))


def complete(values: Columns) -> dict[str, np.ndarray]:
    """The same values with something that can be in the place of what is missing."""
    return {name: np.where(np.isnan(x), np.nanmax(x, axis=0), x) for name, x in values.items()}


__all__ = ["by_name", "complete", "nodes", "numbers", "parameters_of", "side_by_side"]
