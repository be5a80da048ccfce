"""Walks over what is made of parts, without recursion: expressions may be a hundred thousand operations deep."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, Protocol, TypeVar


class _Made(Protocol):
    """What is made of arguments."""

    arguments: tuple[Any, ...]


Key = TypeVar("Key")
Result = TypeVar("Result")
Part = TypeVar("Part", bound=_Made)


def folded(root: Key, below: Callable[[Key], Sequence[Key]], make: Callable[[Key, list[Result]], Result]) -> Result:
    """What is made of something and of what was made of everything below it, each once; nothing calls itself.

    Parameters
    ----------
    root : hashable
    below : callable
        What must be made before something, in order.
    make : callable
        Makes something, given what was made of what is below it.
    """
    made: dict[Key, Result] = {}
    waiting: list[tuple[Key, Sequence[Key] | None]] = [(root, None)]
    while waiting:
        here, parts = waiting.pop()
        if here in made:
            continue
        if parts is None and (parts := below(here)):
            waiting.append((here, parts))
            waiting += [(part, None) for part in reversed(parts)]
        else:
            made[here] = make(here, [made[part] for part in parts])
    return made[root]


def ordered(x: Part, known: Container[Part] = ()) -> list[Part]:
    """An expression and everything below it that is not known, arguments first, each once."""
    found: dict[Part, None] = {}
    waiting = [(x, False)]
    while waiting:
        part, ready = waiting.pop()
        if part in found or part in known:
            continue
        if ready or not part.arguments:
            found[part] = None
        else:
            waiting.append((part, True))
            waiting += [(a, False) for a in reversed(part.arguments)]
    return list(found)


__all__ = ["folded", "ordered"]
