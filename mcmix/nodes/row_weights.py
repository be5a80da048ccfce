"""Weights of rows: how often each counts, as powers of what it says of the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.numbers import as_numbers

MOST = 1_000_000  # repeated rows that are made


def checked_weights(name: str, weights: Any, n_rows: int) -> np.ndarray:
    """One weight for each row, as doubles.

    Parameters
    ----------
    name : str
        Of the data, for errors.
    weights : array_like, shape (rows,)
    n_rows : int

    Raises
    ------
    ModelError
        If they are not one for each row, one is negative, missing or infinite (the row is named), or all are zero.

    Examples
    --------
    >>> checked_weights("y", [2, 1, 0.5], 3)
    array([2. , 1. , 0.5])
    """
    found = as_numbers(f"{name}: weights", weights)
    absent = np.ma.getmaskarray(found)
    given = np.array(np.ma.getdata(found), dtype=float)
    if given.shape != (n_rows,):
        raise ModelError(f"{name}: weights expected one number for each of {n_rows} rows, got shape {given.shape}")
    wrong = absent | ~np.isfinite(given) | (given < 0.0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        came = "a missing one" if absent[row] else f"{given[row]:g}"
        raise ModelError(f"{name}: weights expected finite numbers of at least 0, got {came} in row {row}")
    if not given.any():
        raise ModelError(f"{name}: weights expected some above 0, got zeros alone")
    given.flags.writeable = False
    return given


def checked_powers(node: Any, weights: Any) -> np.ndarray:
    """Powers of a node's elements, in a shape that broadcasts against these.

    Parameters
    ----------
    node : Distribution
        Data, complete.
    weights : array_like, shape (rows,)

    Raises
    ------
    ModelError
        If the node is no data, entries of it are missing, or weights are wrong: see :func:`checked_weights`.
    """
    _refuse_incomplete(node)
    plates = node.shape[: len(node.shape) - len(node.event_shape)]
    found = checked_weights(node.name, weights, plates[0] if plates else 1)
    return found.reshape(found.shape + (1,) * (len(plates) - 1)) if plates else found.reshape(())


def counting(node: Any, labels: Any, weights: Any) -> Any:
    """Let each row of data, and its label with it, count so often.

    Parameters
    ----------
    node : Stochastic
        Data, complete.
    labels : Stochastic
        A label for each row, which nothing else looks at.
    weights : array_like, shape (rows,), or None
        None for as it is.

    Returns
    -------
    Stochastic
        The node.

    Raises
    ------
    ModelError
        If it is no data, entries are missing, rows stay on disk, or weights are wrong: see :func:`checked_weights`.
    """
    if weights is None:
        return node
    if node.row_weights is not None or node.on_disk is not None:
        raise ModelError(f"{node.name}: weights= expected data in memory; of rows on disk each counts once")
    _refuse_incomplete(node)
    node.row_weights = labels.row_weights = checked_weights(node.name, weights, node.shape[0])
    node.rows_counted = node.rows_given = labels.rows_given = True
    return node


def standing_for(rows: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """As many rows as there are for their weights, from which scales of the data can be read.

    Repeated rows where weights are whole numbers; else rows at even steps of the weights added up.

    Examples
    --------
    >>> standing_for(np.array([1.0, 5.0]), np.array([2.0, 1.0])).tolist()
    [1.0, 1.0, 5.0]
    """
    if counts is None:
        return rows
    ends = np.cumsum(counts)
    steps = int(ends[-1]) if are_whole(counts) and ends[-1] <= MOST else min(10 * len(rows), MOST)
    return np.asarray(rows[np.searchsorted(ends, (np.arange(steps) + 0.5) * (ends[-1] / steps))])


def are_whole(weights: np.ndarray) -> bool:
    """Whether they are whole numbers, which say how many equal rows there are."""
    return bool((weights == np.floor(weights)).all())


def _refuse_incomplete(node: Any) -> None:
    """Refuse weights of what is no data, or not complete.

    Raises
    ------
    ModelError
    """
    if not node.observed:
        why = "entries of it are missing; leave such rows out" if node.mask is not None else "it is no data"
        raise ModelError(f"{node.name}: weights= expected complete data (value=..., observed=True), but {why}")


__all__ = ["are_whole", "checked_powers", "checked_weights", "counting", "standing_for"]
