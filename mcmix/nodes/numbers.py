"""What users hand in, as an array of numbers: the one place that says what a number is."""

from __future__ import annotations

import datetime
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.names import columns_of

_DATES = "dates; count the days from one of them: (dates - dates.min()) / np.timedelta64(1, 'D')"
_SPANS = "time differences; divide them by a unit: value / np.timedelta64(1, 's')"
_COMPLEX = "complex numbers; take .real, .imag or np.abs of them"
_TEXT = "text; turn it into numbers first, with np.asarray(value, float) where every entry reads as one"
_NODES = "a node inside of a table; put the node first (node * table), or take table.to_numpy() beside it"
_RECORDS = "records; take one of their fields: value['name']"
_OF_KIND = {"M": _DATES, "m": _SPANS, "c": _COMPLEX, "U": _TEXT, "S": _TEXT, "T": _TEXT, "V": _RECORDS}
_OF_TYPE: tuple[tuple[tuple[type, ...], str], ...] = (
    ((str, bytes), _TEXT),
    ((complex, np.complexfloating), _COMPLEX),
    ((datetime.timedelta, np.timedelta64), _SPANS),  # NumPy's is one of its whole numbers
    ((datetime.date, datetime.time, np.datetime64), _DATES),
)


def as_numbers(name: str, value: Any) -> np.ndarray:
    """A value as an array of numbers (a masked array stays one); None and pandas' NA become NaN.

    Parameters
    ----------
    name : str
        Of the node, or of what the value is for: every refusal begins with it.
    value : array_like

    Raises
    ------
    ModelError
        If it holds something else (dates, time differences, complex numbers, text), rows of different lengths, or
        numbers beyond those of double precision.

    Examples
    --------
    >>> as_numbers("y", [1.5, None, 2])
    array([1.5, nan, 2. ])
    >>> as_numbers("y", np.array(["2020-01-01"], "M8[D]"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mcmix.errors.ModelError: y: expected an array of numbers, got [datetime.date(2020, 1, 1)]: dates; count the days ...
    """
    _refuse_containers(name, value)
    try:
        array = value if np.ma.isMaskedArray(value) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name}: expected an array of numbers, got {_shown(value)}") from error
    kind = array.dtype.kind
    if kind in "iub" or (kind == "f" and array.dtype.itemsize <= 8):
        return array
    if kind in _OF_KIND:
        raise ModelError(f"{name}: expected an array of numbers, got {_shown(array.tolist())}: {_OF_KIND[kind]}")
    if kind == "O":
        array = _of_columns(name, array, columns_of(value))
    return _doubles(name, array, value)


def with_gaps(name: str, value: Any) -> np.ndarray:
    """As doubles, NaN where an entry is masked or absent."""
    return np.ma.filled(as_numbers(name, value).astype(float), np.nan)


def as_held(value: np.ndarray, dtype: np.dtype[Any]) -> Any:
    """Numbers as a node keeps them, read-only: of its type, but single precision and memory maps stay what they are.

    A memory map of that type is not copied, everything else is, so that nobody can write into it afterwards.

    Examples
    --------
    >>> as_held(np.array([1.0, 2.0], np.float32), np.dtype(float)).dtype.name
    'float32'
    """
    data = np.ma.getdata(value)
    stays = data.ndim > 0 and (data.dtype == dtype or (data.dtype.kind == "f" and dtype.type is np.float64))
    mapped = stays and is_mapped(data)
    single = stays and data.dtype.itemsize < 8
    found = data.view() if mapped else np.array(data, dtype=None if single else dtype)
    found.flags.writeable = False
    return found if found.ndim else found[()]


def is_mapped(array: Any) -> bool:
    """Whether an array is a view of a file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


def is_double(held: Any) -> bool:
    """Whether what is kept is what is computed with: everything but floating numbers of another precision or order."""
    return not isinstance(held, np.ndarray) or held.dtype.kind != "f" or held.dtype == float


def as_doubles(held: np.ndarray) -> np.ndarray:
    """What is kept as everything computes with it: the same array, or a copy in double precision, which is shared."""
    return held if is_double(held) else shared_doubles(held)


_doubles_of: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()
_made_of: weakref.WeakValueDictionary[int, np.ndarray] = weakref.WeakValueDictionary()


def shared_doubles(array: np.ndarray) -> np.ndarray:
    """Known numbers as doubles one after another, as kernels read them: the same array where it is so already.

    Else a copy. Of an array that nobody can write into it is one for all who ask (nodes, cells, programs, every chain),
    and goes when nobody holds it.
    """
    if array.dtype == float and array.flags.c_contiguous:
        return array
    key = id(array)
    found = _doubles_of.get(key) if _made_of.get(key) is array else None
    if found is None:
        found = np.ascontiguousarray(array, dtype=float)
        if not array.flags.writeable:
            found.flags.writeable = False
            _doubles_of[key], _made_of[key] = found, array
    return found


def as_number(name: str, what: str, answer: Any) -> float:
    """One number, such as a log density that a function returned.

    Raises
    ------
    ModelError
        If it is nothing, several numbers, or none.
    """
    if type(answer) is float or (isinstance(answer, np.float64) and answer.ndim == 0):
        return float(answer)
    if answer is None:
        raise ModelError(f"{name}: {what} expected to return one number, got None; is a return statement missing?")
    found = as_numbers(f"{name}: {what} expected to return one number", answer)
    if found.ndim:
        raise ModelError(f"{name}: {what} expected to return one number, got an array of shape {found.shape}; sum it")
    return float(found)


def _refuse_containers(name: str, value: Any) -> None:
    """Refuse what holds numbers but is no array of them yet."""
    if isinstance(value, np.ndarray):
        return
    if hasattr(value, "data_vars"):
        listed = ", ".join(map(repr, list(value.data_vars)[:5]))
        raise ModelError(
            f"{name}: expected an array of numbers, got an xarray Dataset; take one of its arrays, {listed}"
        )
    if hasattr(value, "collect_schema") and not hasattr(value, "shape"):
        raise ModelError(f"{name}: expected an array of numbers, got a lazy frame; call its .collect() first")


def _of_columns(name: str, array: np.ndarray, columns: Sequence[Any] | None) -> np.ndarray:
    """Objects that are numbers; of a table each column by itself, so that a refusal names it."""
    if columns is None or array.ndim != 2 or np.ma.isMaskedArray(array):
        return _of_objects(name, array)
    parts = [_of_objects(f"{name}: column {c!r}", array[:, j]) for j, c in enumerate(columns)]
    return np.stack(parts, axis=1) if parts else array


def _of_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Objects that are numbers, NaN where one says that it is absent."""
    data, masked = np.ma.getdata(array), np.ma.getmaskarray(array)
    for kind in {type(x) for x in data[~masked]}:
        wrong = next((said for types, said in _OF_TYPE if issubclass(kind, types)), None)
        if kind.__name__ == "NaTType":
            wrong = _DATES
        if wrong is not None:
            first = next(x for x in data[~masked] if type(x) is kind)
            raise ModelError(f"{name}: expected an array of numbers, got {_shown(first)}: {wrong}")
    if any(hasattr(x, "parents") for x in data[~masked][:1]):
        raise ModelError(f"{name}: expected an array of numbers, got {_shown(data[~masked][0])}: {_NODES}")
    known = np.where(masked | np.asarray(_absent(data), dtype=bool), np.nan, data)
    return np.ma.array(known, mask=masked) if np.ma.isMaskedArray(array) else known


_absent = np.frompyfunc(lambda x: x is None or type(x).__name__ == "NAType", 1, 1)  # pandas' NA equals nothing


def _doubles(name: str, array: np.ndarray, value: Any) -> np.ndarray:
    """In double precision, or a refusal where that has no such numbers."""
    try:
        with np.errstate(over="ignore"):
            found = array.astype(float)
    except OverflowError as error:
        raise ModelError(f"{name}: {_BEYOND}, got {_shown(value)}") from error
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{name}: expected an array of numbers, got {_shown(value)} (data that are no numbers go into a "
            "@stochastic with observed=True, dtype=object)"
        ) from error
    beyond = np.isinf(np.ma.getdata(found)) & (np.abs(np.ma.getdata(array)) != np.inf)
    if (beyond & ~np.ma.getmaskarray(found)).any():
        raise ModelError(f"{name}: {_BEYOND}, got {_shown(np.ma.getdata(array)[beyond].ravel()[0])}")
    return found


_BEYOND = "expected numbers within those of double precision (up to 1.8e308; another unit helps)"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


__all__ = ["as_doubles", "as_held", "as_number", "as_numbers", "is_double", "is_mapped", "shared_doubles", "with_gaps"]
