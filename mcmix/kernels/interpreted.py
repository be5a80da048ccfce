"""Kernels as the Python that they are, where numba's JIT is disabled: for debuggers, coverage, and one kind of test.

Memory is seen by address all the same, kernels are called by numbers handed out here, NumPy's samplers by ctypes: the
same draws as compiled, some thousand times slower.
"""

from __future__ import annotations

import ctypes
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

FIRST = 1 << 20  # numbers of kernels start here: 0 means absent
_functions: dict[int, Callable[..., int]] = {}


@dataclass(frozen=True)
class Registered:
    """A function that can be called by number."""

    address: int


def registered(function: Callable[..., int]) -> Registered:
    """Hand out a number for a kernel or a callback."""
    address = FIRST + len(_functions)
    _functions[address] = forgiving(function)
    return Registered(address)


def call(address: int, arguments: tuple[int, ...]) -> int:
    """Call a kernel by its number, with the machine's arithmetic: overflow wraps, division by zero is infinite."""
    return _functions[int(address)](*arguments)


def _seen(kind: Any, address: int, n: int) -> np.ndarray:
    size = np.dtype(kind).itemsize * max(int(n), 0)
    return np.frombuffer((ctypes.c_char * size).from_address(int(address)), dtype=kind)


def floats(address: int, n: int) -> np.ndarray:
    """The n doubles at an address."""
    return _seen(np.float64, address, n)


def integers(address: int, n: int) -> np.ndarray:
    """The n whole numbers at an address."""
    return _seen(np.int64, address, n)


def words(address: int, n: int) -> np.ndarray:
    """The n unsigned words at an address."""
    return _seen(np.uint64, address, n)


def bytes_at(address: int, n: int) -> np.ndarray:
    """The n bytes at an address."""
    return _seen(np.uint8, address, n)


def shorts_at(address: int, n: int) -> np.ndarray:
    """The n short whole numbers at an address."""
    return _seen(np.uint16, address, n)


def record_at(address: int, kind: np.dtype) -> Any:
    """The record of a kind at an address."""
    return _seen(kind, address, 1).view(np.recarray)[0]


def record_in(address: int, j: int, kind: np.dtype) -> Any:
    """Record j of a table that starts at an address."""
    return record_at(address + j * kind.itemsize, kind)


def bits_of(number: float) -> int:
    """The bits of a double as a whole number."""
    return int(struct.unpack("<q", struct.pack("<d", number))[0])


def double_of(bits: int) -> float:
    """The double that has these bits."""
    return float(struct.unpack("<d", struct.pack("<Q", int(bits) & 0xFFFFFFFFFFFFFFFF))[0])


def sampler(function: Any, n_numbers: int) -> Callable[..., float]:
    """One of NumPy's C samplers: a bit generator's address and some doubles in, a double out."""
    function.argtypes = [ctypes.c_void_p, *[ctypes.c_double] * n_numbers]
    function.restype = ctypes.c_double
    return lambda stream, *numbers: float(function(int(stream), *numbers))


def forgiving(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function's `math` answer with infinities and NaN, as compiled code does, where Python's raises."""
    if function.__globals__.get("math") is math:
        function.__globals__["math"] = MATH
    return np.errstate(all="ignore")(function)


def _lenient(name: str) -> Callable[..., float]:
    plain, numpy_name = getattr(math, name), _NUMPY.get(name, name)

    def lenient(*arguments: float) -> float:
        try:
            return float(plain(*arguments))
        except (ValueError, OverflowError):
            if name in ("lgamma", "gamma"):
                return math.inf
            return float(getattr(np, numpy_name)(*map(np.float64, arguments)))

    return lenient


_NUMPY = {"asin": "arcsin", "acos": "arccos", "atanh": "arctanh", "acosh": "arccosh", "pow": "power"}
_RAISING = ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "lgamma", "gamma", "sin", "cos", "tan", "sinh",
            "cosh", "asin", "acos", "pow", "fmod")  # fmt: skip
MATH = SimpleNamespace(**{k: v for k, v in vars(math).items() if not k.startswith("_")})
for _name in _RAISING:
    setattr(MATH, _name, _lenient(_name))
