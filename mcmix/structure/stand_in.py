"""NumPy's stand-in while a function is recorded.

``numpy.array([p, 1 - p])`` cannot be intercepted by the values inside: NumPy asks each for a plain array. So a function
is recorded with ``numpy`` in its globals and closure replaced by an object that answers ``array`` and ``asarray`` of
symbolic values itself and passes everything else on. The user's function is not touched.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mcmix.structure.canvas import canvas
from mcmix.structure.expression import Expression, as_expression, holds_expression


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


def recordable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with NumPy's stand-in; functions that are not plain Python come back as they are."""
    if isinstance(function, partial):
        arguments = [_REPLACED.get(id(x), x) for x in function.args]
        return partial(recordable(function.func), *arguments, **function.keywords)
    if not isinstance(function, types.FunctionType):
        return function
    names = function.__code__.co_names
    found = {name: function.__globals__[name] for name in names if id(function.__globals__.get(name)) in _REPLACED}
    if not found and not any(id(_content(cell)) in _REPLACED for cell in function.__closure__ or ()):
        return function
    scope = {**function.__globals__, **{name: _REPLACED[id(value)] for name, value in found.items()}}
    closure = tuple(_replaced(cell) for cell in function.__closure__ or ())
    made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, closure or None)
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _replaced(cell: types.CellType) -> types.CellType:
    content = _content(cell)
    return types.CellType(_REPLACED[id(content)]) if id(content) in _REPLACED else cell
