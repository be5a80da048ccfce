"""Descriptors as records: what a kernel is told, by name on both sides of the border.

A record is a NumPy structured type whose fields are whole numbers (int64): addresses, sizes, flags. Python fills one by
name, where a mistake is an error at once; a kernel sees it by address and reads its fields by name, each a plain load.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels import interpreted
from mcmix.kernels.base import COMPILED

STEP = ("tuning", "machine")  # with these every step's record begins
RUN = (*STEP, "program", "length")  # and most go on with the program that they run

_WORD = np.dtype(np.int64).itemsize


def record(*names: str) -> np.dtype:
    """The type of a record with these fields, all int64.

    Raises
    ------
    ValueError
        If a name stands twice, or is one of NumPy's own for records (`data`, `size`, `sum`, ...): it would be read
        instead of the field where kernels run as Python.
    """
    for name in names:
        if names.count(name) > 1 or hasattr(np.record, name):
            raise ValueError(f"record: expected names of its own for fields, got {name!r}; choose another")
    return np.dtype([(name, np.int64) for name in names])


TUNED = record(STEP[0])  # with this field every step's record begins, also that of a step in Python


def width(kind: np.dtype) -> int:
    """Whole numbers in a record."""
    return kind.itemsize // _WORD


def made(kind: np.dtype, /, **fields: int) -> np.ndarray:
    """A filled record, as an array of int64.

    Raises
    ------
    TypeError
        If a field is missing, unknown or no whole number; it is named.
    """
    names = kind.names or ()
    try:
        values = [fields[name] for name in names]
    except KeyError:
        missing = [name for name in names if name not in fields]
        raise TypeError(f"record: expected a value for each field, got none for {', '.join(missing)}") from None
    return _words(names, values) if len(fields) == len(names) else partly(kind, **fields)


def partly(kind: np.dtype, /, **fields: int) -> np.ndarray:
    """As `made`, where fields that are not named are 0: absent.

    Raises
    ------
    TypeError
        If a field is unknown or no whole number; it is named.
    """
    names = kind.names or ()
    values = [fields.pop(name, 0) for name in names]
    if fields:
        raise TypeError(f"record: expected fields among {', '.join(names)}; got {', '.join(fields)}")
    return _words(names, values)


def _words(names: Sequence[str], values: Sequence[Any]) -> np.ndarray:
    try:
        return np.fromiter(map(operator.index, values), np.int64, len(values))
    except TypeError:
        return np.array([_whole(name, value) for name, value in zip(names, values, strict=True)], dtype=np.int64)


def _whole(name: str, value: Any) -> int:
    """A whole number or a flag of NumPy's."""
    try:
        return int(value) if isinstance(value, np.bool_) else operator.index(value)
    except TypeError as error:
        raise TypeError(f"record: expected a whole number for {name}, got {value!r}") from error


def table(kind: np.dtype, rows: Sequence[np.ndarray]) -> np.ndarray:
    """Records one after another in memory, shape (rows, width)."""
    return np.array(rows, dtype=np.int64).reshape(-1, width(kind))


def seen(kind: np.dtype, words: np.ndarray) -> Any:
    """A filled record (or a kernel's) over the same memory, to read and write its fields by name."""
    return words.view(kind).view(np.recarray)[0]


if COMPILED:
    from numba import types
    from numba.extending import intrinsic

    @intrinsic
    def record_at(typingctx: Any, address: Any, kind: Any) -> Any:
        """The record of a kind at an address."""

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(kind.dtype))

        return kind.dtype(types.int64, kind), codegen

    @intrinsic
    def record_in(typingctx: Any, address: Any, j: Any, kind: Any) -> Any:
        """Record j of a table that starts at an address."""

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start, number, _ = arguments
            place = builder.add(start, builder.mul(number, number.type(kind.dtype.size)))
            return builder.inttoptr(place, context.get_value_type(kind.dtype))

        return kind.dtype(types.int64, types.int64, kind), codegen

else:
    record_at, record_in = interpreted.record_at, interpreted.record_in


__all__ = ["RUN", "STEP", "TUNED", "made", "partly", "record", "record_at", "record_in", "seen", "table", "width"]
