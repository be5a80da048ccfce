"""Where constants of a recording come from: columns of data, and what was computed of these.

A constant that is folded from others would else be numbers and nothing more, and the same model on other data would
have to be recorded anew. A :class:`Recipe` remembers the computation without keeping what lies between.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from mcmix.structure.reads import note_read
from mcmix.structure.symbols import Expression, constant
from mcmix.structure.walks import folded, ordered

_recipes: weakref.WeakValueDictionary[Any, Recipe] = weakref.WeakValueDictionary()


class Recipe:
    """How a constant was made of columns.

    Attributes
    ----------
    again : callable
        Makes it of other parts: takes constants in their order, answers a constant.
    parts : tuple of Column, Recipe or Expression
        What it was made of; plain constants stand as they are.
    columns : frozenset of Column
        All columns below it.
    """

    __slots__ = ("again", "parts", "columns", "__weakref__")

    def __init__(self, again: Callable[..., Expression], parts: tuple[Any, ...]):
        self.again, self.parts = again, parts
        self.columns: frozenset[Any] = frozenset().union(*[columns_of(p) for p in parts])


def columns_of(part: Any) -> frozenset[Any]:
    """The columns that a part of a recipe was made of; a plain constant was made of none."""
    return frozenset() if isinstance(part, Expression) else part.columns


def derived(key: Hashable, again: Callable[..., Expression], value: Any, parts: Sequence[Expression]) -> Expression:
    """A constant that was computed of others.

    Parameters
    ----------
    key : hashable
        What was done: the same for what does the same.
    again : callable
        Does it with other parts.
    value : array_like
        What came out.
    parts : sequence of Expression
        Constants.
    """
    if all(p.source is None for p in parts):
        return constant(value)
    return constant(value, _recipe(key, again, tuple(p if p.source is None else p.source for p in parts)))


def _recipe(key: Hashable, again: Callable[..., Expression], parts: tuple[Any, ...]) -> Recipe:
    whole = key, tuple(map(id, parts))
    found = _recipes.get(whole)
    if found is None:
        found = _recipes[whole] = Recipe(again, parts)
    return found


def decided_by(*parts: Expression) -> None:
    """Note that something is written as it is because of the numbers that these constants have."""
    for part in parts:
        note_read(part.source)


def decided_by_all(x: Expression) -> None:
    """As :func:`decided_by`, for every constant below an expression."""
    decided_by(*[part for part in ordered(x) if part.is_constant])


def column_leaf(column: Any) -> Expression:
    """The observed values of a column: a constant that knows whose it is."""
    return constant(column.known, column)


def remade(source: Any, rows: Mapping[Any, Any], done: dict[Any, Expression]) -> Expression:
    """The constant with this source, made of the columns that other rows have for the same nodes."""

    def below(part: Any) -> Sequence[Any]:
        return part.parts if isinstance(part, Recipe) and part not in done else ()

    def make(part: Any, made: list[Expression]) -> Expression:
        if part not in done:
            done[part] = part.again(*made) if isinstance(part, Recipe) else _as_it_is(part, rows)
        return done[part]

    return folded(source, below, make)


def _as_it_is(part: Any, rows: Mapping[Any, Any]) -> Expression:
    return part if isinstance(part, Expression) else column_leaf(rows[part.node])


__all__ = ["Recipe", "column_leaf", "columns_of", "decided_by", "decided_by_all", "derived", "remade"]
