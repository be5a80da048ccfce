"""Bins: rows that are only known to lie between two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.errors import ModelError, SupportError
from mcmix.nodes.numbers import as_numbers


def checked_bins(name: str, between: Any, family: Family | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers for each row, in their order.

    Parameters
    ----------
    name : str
        Of the data, for errors.
    between : tuple of two array_like
        One row's numbers, or shape (rows,), of which one may be a single number; they may be infinite.
    family : Family, optional
        What must be able to produce a value in each bin.

    Returns
    -------
    least, most : ndarray
        Of one shape, no wider than the support where that is known.

    Raises
    ------
    ModelError
        If they are not two, a number is missing or no number, or shapes do not fit.
    SupportError
        If a lower bound is above the upper one, or no value of the distribution lies between: the row is named.

    Examples
    --------
    >>> checked_bins("y", ([0, 1], [1, float("inf")]))
    (array([0., 1.]), array([ 1., inf]))
    """
    if not isinstance(between, (tuple, list)) or len(between) != 2:
        raise ModelError(f"{name}: between= expected two arrays, (lower, upper), got {type(between).__name__}")
    low, high = (_numbers(f"{name}: between= {side}", b) for side, b in zip(("lower", "upper"), between, strict=True))
    try:
        low, high = (np.array(b) for b in np.broadcast_arrays(low, high))
    except ValueError as error:
        raise ModelError(f"{name}: between= expected one shape, got {low.shape} and {high.shape}") from error
    _refuse_rows(name, low > high, low, high, "a lower bound of at most the upper one")
    if family is not None:
        low, high = _within(family, low, high)
        empty = np.ceil(low) > np.floor(high) if family.support.discrete else low > high
        _refuse_rows(name, empty, low, high, f"bins that hold some value of {family.name}")
    return low, high


def _numbers(name: str, given: Any) -> np.ndarray:
    found = as_numbers(name, given)
    missing = np.ma.getmaskarray(found)
    values = np.array(np.ma.getdata(found), dtype=float)
    missing = missing | np.isnan(values)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise ModelError(f"{name} expected numbers, got a missing one in row {row}; write -inf or inf for an open side")
    return values


def _refuse_rows(name: str, wrong: np.ndarray, low: np.ndarray, high: np.ndarray, wanted: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        came = f"{np.ravel(low)[row]:g} and {np.ravel(high)[row]:g} in row {row}"
        raise SupportError(f"{name}: between= expected {wanted}, got {came}")


def _within(family: Family, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds no wider than the support where its ends are numbers; bins outside of it stay as they are."""
    for end, side in ((family.support.lower, low), (family.support.upper, high)):
        if not isinstance(end, str):
            inside = (high >= end) if side is low else (low <= end)
            side[inside] = (np.maximum if side is low else np.minimum)(side, end)[inside]
    ends = [-np.inf if isinstance(e, str) else e for e in (family.support.lower,)]
    high[high < ends[0]] = -np.inf  # then the bin holds nothing
    return low, high


def refuse_shared_ends(name: str, least: np.ndarray, most: np.ndarray, family: Family) -> None:
    """Refuse a histogram of whole numbers in which one number belongs to two bins.

    Raises
    ------
    SupportError
        If so: rows and bins are named.
    """
    order = np.lexsort((most.ravel(), least.ravel()))
    low, high = np.ceil(least.ravel()[order]), np.floor(most.ravel()[order])
    shared = (low[1:] <= high[:-1]) if family.support.discrete else np.zeros(max(low.size - 1, 0), dtype=bool)
    if shared.any():
        at = int(np.flatnonzero(shared)[0])
        raise SupportError(
            f"{name}: counts of bins of {family.name} expected bins that share no whole number, as both ends belong "
            f"to a bin, got {low[at]:g} to {high[at]:g} in row {order[at]} and {low[at + 1]:g} to {high[at + 1]:g} "
            f"in row {order[at + 1]}; write between=(edges[:-1], edges[1:] - 1)"
        )


def places_in(least: np.ndarray, most: np.ndarray, family: Family) -> np.ndarray:
    """A number inside each bin, for whoever wants one: the middle, or one beside the end that is finite.

    Examples
    --------
    >>> from mcmix.distributions.table import FAMILIES
    >>> places_in(np.array([0.0, 3.0]), np.array([1.0, np.inf]), FAMILIES["Gamma"])
    array([0.5, 3.5])
    """
    low, high = np.where(np.isfinite(least), least, most - 1.0), np.where(np.isfinite(most), most, least + 1.0)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    middle = np.where(least == most, least, 0.5 * low + 0.5 * high)
    return np.asarray(np.maximum(np.floor(middle), np.ceil(low)) if family.support.discrete else middle)


__all__ = ["checked_bins", "places_in", "refuse_shared_ends"]
