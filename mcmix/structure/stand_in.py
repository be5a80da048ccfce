"""NumPy's stand-in while a function is recorded.

``numpy.array([p, 1 - p])`` cannot be intercepted by the values inside: NumPy asks each for a plain array. So a function
is recorded with ``numpy`` in its globals and closure replaced by an object that answers ``array`` and ``asarray`` of
symbolic values itself and passes everything else on. ``table[z]`` of a plain array cannot be intercepted either: where
it is asked for, arrays in globals and closure are replaced by constants. The user's function is not touched.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mcmix.errors import YesOrNoIndex
from mcmix.structure.canvas import canvas
from mcmix.structure.expression import Expression, as_expression, constant, holds_expression


def _array(value: Any, dtype: Any = None, *rest: Any, **keywords: Any) -> Any:
    if not (isinstance(value, Expression) or holds_expression(value)):
        return np.array(value, dtype, *rest, **keywords)
    made = as_expression(value)
    return made if dtype is None else made.astype(dtype)


def _made(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes an array: the array notices symbolic writes."""

    def make(*arguments: Any, **keywords: Any) -> Any:
        made = function(*arguments, **keywords)
        return canvas(made) if type(made) is np.ndarray else made

    return make


def _empty(*arguments: Any, **keywords: Any) -> Any:
    return canvas(np.zeros(*arguments, **keywords))


_MAKERS = {
    "empty": _empty,
    **{name: _made(getattr(np, name)) for name in ("zeros", "ones", "full", "zeros_like", "ones_like", "full_like")},
    "empty_like": _made(np.zeros_like),
}


class _NumpyStandIn(types.ModuleType):
    """NumPy, but for the functions that turn values into arrays, and those that make arrays to write into."""

    array = staticmethod(_array)
    asarray = staticmethod(_array)
    asanyarray = staticmethod(_array)
    ascontiguousarray = staticmethod(_array)

    def __getattr__(self, name: str) -> Any:
        return _MAKERS[name] if name in _MAKERS else getattr(np, name)


_STAND_IN = _NumpyStandIn("numpy")
_REPLACED = {id(np): _STAND_IN, id(np.array): _array, id(np.asarray): _array}
_REPLACED |= {id(getattr(np, name)): maker for name, maker in _MAKERS.items()}


def recordable(function: Callable[..., Any], wrap_arrays: bool = False) -> Callable[..., Any]:
    """The same function with NumPy's stand-in; functions that are not plain Python come back as they are.

    Parameters
    ----------
    function : callable
    wrap_arrays : bool
        Whether arrays of numbers among its globals and closure become constants, which symbolic values can look up in.
    """
    if isinstance(function, partial):
        arguments = [_seen(x, wrap_arrays) for x in function.args]
        return partial(recordable(function.func, wrap_arrays), *arguments, **function.keywords)
    if not isinstance(function, types.FunctionType):
        return function
    scope, contents = function.__globals__, [_content(cell) for cell in function.__closure__ or ()]
    named = {name: scope[name] for name in _names(function.__code__) if name in scope}
    found = {name: _seen(value, wrap_arrays) for name, value in named.items()}
    inside = [_seen(content, wrap_arrays) for content in contents]
    if all(found[name] is named[name] for name in found) and all(a is b for a, b in zip(inside, contents, strict=True)):
        return function
    scope = {**scope, **found}
    closure = tuple(
        cell if new is old else types.CellType(new)
        for cell, new, old in zip(function.__closure__ or (), inside, contents, strict=True)
    )
    made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, closure or None)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def called(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call a function with symbolic values; where plain arrays around it stop it, with constants in their place."""
    try:
        return recordable(function)(*arguments, **keywords)
    except YesOrNoIndex:
        raise
    except Exception:  # noqa: BLE001  anything may go wrong in a user's function fed with symbols
        return recordable(function, True)(*arguments, **keywords)


def _names(code: types.CodeType) -> set[str]:
    """Global names in a function's code, and in that of the functions and comprehensions inside it."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _seen(value: Any, wrap_arrays: bool) -> Any:
    """What a recorded function sees in the place of something of its surroundings."""
    if wrap_arrays and type(value) is np.ndarray and value.ndim and value.dtype.kind in "iufb":
        return constant(value)
    return _REPLACED.get(id(value), value)
