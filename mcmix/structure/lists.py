"""Lists of symbolic values that a recorded function looks up in: ``means[z]`` where means is a list of nodes."""

from __future__ import annotations

from typing import Any

from mcmix.structure.expression import Expression, as_expression, holds_expression


def _entry(values: Any, index: Any) -> Any:
    """The entry at an unknown place, all entries being alike; None where the place is known."""
    if isinstance(index, Expression) and not index.is_constant and index.kind == "int" and index.shape == ():
        return as_expression(list(values))[index]
    return None


class SymbolicList(list[Any]):
    """A list whose entry at an unknown place can be asked for."""

    def __getitem__(self, index: Any) -> Any:
        found = _entry(self, index)
        return super().__getitem__(index) if found is None else found


class SymbolicTuple(tuple[Any, ...]):
    """A tuple whose entry at an unknown place can be asked for."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        found = _entry(self, index)
        return super().__getitem__(index) if found is None else found


def looked_up(value: Any) -> Any:
    """The same, lists and tuples of symbolic values such that unknown places can be looked up in them."""
    if isinstance(value, dict):
        return {k: looked_up(v) for k, v in value.items()}
    if type(value) not in (list, tuple) or not holds_expression(value):
        return value
    return (SymbolicList if type(value) is list else SymbolicTuple)(map(looked_up, value))


__all__ = ["SymbolicList", "SymbolicTuple", "looked_up"]
