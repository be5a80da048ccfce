"""What each entry of an array is made of, with a component's own numbers written alike whichever component it is.

Two components are alike to a sum over entries where the entries that see only the one are made as those that see only
the other: exchanging them then leaves the sum as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mcmix.structure.expression import ELEMENTWISE, Expression

Places = Mapping[Expression, Mapping[int, tuple[int, int]]]  # leaf -> element -> (table, component)
MOST_ENTRIES = 50_000  # of an array that is looked at entry by entry


class Token(NamedTuple):
    """How an entry is made, and which components' numbers it sees."""

    made: Hashable
    seen: frozenset[int]


def own_entries(x: Expression, places: Places, n_components: int) -> tuple[list[Counter[Hashable]], set[int]]:
    """Of a log density that is the sum of its entries: those that see one component, by component.

    Parameters
    ----------
    x : Expression
    places : mapping
        Where the components' numbers stand.
    n_components : int

    Returns
    -------
    own : list of Counter
        How the entries of each component are made.
    apart : set of int
        Components that meet others in one entry, or in something that is not seen through.
    """
    own: list[Counter[Hashable]] = [Counter() for _ in range(n_components)]
    apart: set[int] = set()
    for term in _terms(x):
        if not term.leaves & set(places):
            continue
        entries = tokens(term, places) if term.size <= MOST_ENTRIES else None
        if entries is None:
            apart |= touched(term, places)
            continue
        for token in entries.ravel():
            if len(token.seen) > 1:
                apart |= token.seen
            for k in token.seen:
                own[k][token.made] += 1
    return own, apart


def _terms(x: Expression) -> Iterator[Expression]:
    """Parts whose entries together have the sum of x's."""
    if x.op == "sum" and x.shape == ():
        yield from _terms(x.arguments[0])
    elif x.op == "add" and all(a.shape == x.shape for a in x.arguments):
        for a in x.arguments:
            yield from _terms(a)
    else:
        yield x


def tokens(x: Expression, places: Places) -> np.ndarray | None:
    """A token for each entry of an array, in its shape; None where components enter in a way that is not known."""
    if x.is_constant:
        return _array([Token(float(v), frozenset()) for v in np.ravel(x.known)], x.shape)
    if x.op == "leaf":
        return _array([_of_leaf(x, i, places) for i in range(x.size)], x.shape)
    parts = [tokens(a, places) for a in x.arguments]
    known = [p for p in parts if p is not None]
    if len(known) == len(parts):
        if x.op in ELEMENTWISE or x.op == "density":
            return _joined((x.op, x.extra), np.broadcast_arrays(*known))
        if x.op == "events":
            return _joined((x.op, x.extra), np.broadcast_arrays(*_events(x, known)))
        if x.op == "take" and x.arguments[1].is_constant:
            return _array(list(known[0].ravel()[np.ravel(x.arguments[1].known).astype(int)]), x.shape)
        if x.op == "reshape":
            return known[0].reshape(x.shape)
        if x.op == "concatenate":
            return np.concatenate([p.ravel() for p in known]).reshape(x.shape)
    if x.leaves & set(places):
        return None
    return _array([Token((id(x), i), frozenset()) for i in range(x.size)], x.shape)


def touched(x: Expression, places: Places) -> set[int]:
    """Components that something depends on, as far as look-ups at known places tell."""
    if x in places:
        return {k for _, k in places[x].values()}
    if x.op == "take" and x.arguments[0] in places and x.arguments[1].is_constant:
        own = places[x.arguments[0]]
        return {own[i][1] for i in np.ravel(x.arguments[1].known).astype(int).tolist() if i in own}
    return {k for a in x.arguments if a.leaves & set(places) for k in touched(a, places)}


def _of_leaf(x: Expression, i: int, places: Places) -> Token:
    place = places.get(x, {}).get(i)
    return Token((id(x), i), frozenset()) if place is None else Token(("own", place[0]), frozenset([place[1]]))


def _events(x: Expression, parts: list[np.ndarray]) -> list[np.ndarray]:
    """For the vectors or matrices of a law and its parameters: one token for each event."""
    axes = [x.extra.event_ndim, *[p.event_ndim for p in x.extra.parameters]]
    return [_together(part, n) for part, n in zip(parts, axes, strict=True)]


def _together(part: np.ndarray, axes: int) -> np.ndarray:
    front = part.shape[: part.ndim - axes]
    rows = part.reshape(int(np.prod(front, dtype=int)), -1)
    return _array([_one("event", row) for row in rows], front)


def _joined(operation: Hashable, parts: Sequence[Any]) -> np.ndarray:
    shape = parts[0].shape
    return _array([_one(operation, row) for row in zip(*[p.ravel() for p in parts], strict=True)], shape)


def _one(operation: Hashable, row: Any) -> Token:
    return Token((operation, *[t.made for t in row]), frozenset().union(*[t.seen for t in row]))


def _array(found: list[Token], shape: tuple[int, ...]) -> np.ndarray:
    out = np.empty(len(found), dtype=object)
    out[:] = [None] * len(found)
    for i, token in enumerate(found):  # a named tuple would be taken for a row
        out[i] = token
    return out.reshape(shape)


__all__ = ["Places", "Token", "own_entries", "tokens", "touched"]
