"""Missing entries of data: where they are, and a stand-in value for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError


def missing_entries(name: str, value: Any) -> np.ndarray | None:
    """Where data are missing: masked entries and NaN.

    Returns
    -------
    ndarray of bool, or None
        None where nothing is missing.
    """
    array = value if np.ma.isMaskedArray(value) else np.asarray(value)
    where = np.ma.getmaskarray(array).copy()
    if np.ma.getdata(array).dtype.kind == "f":
        where |= np.isnan(np.ma.getdata(array))
    return where if where.any() else None


def without_missing(name: str, value: Any, mask: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Data with a known value of theirs in the place of each missing entry: it is never looked at.

    Raises
    ------
    ModelError
        If every entry is missing.
    """
    data = np.ma.getdata(value) if np.ma.isMaskedArray(value) else np.asarray(value)
    if mask.all():
        raise ModelError(f"{name}: expected data, got {mask.size} missing entries and nothing else; leave observed out")
    return np.where(mask, data[~mask].ravel()[0], data)
