"""What each entry of an array is made of, with a component's own numbers written alike whichever component it is.

Two components are alike to a sum over entries where the entries that see only the one are made as those that see only
the other: exchanging them then leaves the sum as it is. How an entry is made is a number: entries made alike have the
same one (hash-consing), so arrays of entries are arrays of numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression
from mcmix.structure.walks import ordered

Places = Mapping[Expression, Mapping[int, tuple[int, int]]]  # leaf -> element -> (table, component)
MOST_ENTRIES = 2_000_000  # of an array that is looked at entry by entry
_NONE = -1  # sees no component


class Tokens(NamedTuple):
    """How each entry is made, and the component whose numbers it sees (-1: none, below: several), in its shape."""

    made: np.ndarray
    seen: np.ndarray


class Makings:
    """Numbers for ways of making an entry, and for sets of components that one entry sees."""

    def __init__(self, places: Places):
        self.places = places
        self._numbers: dict[Hashable, int] = {}
        self._sets: dict[frozenset[int], int] = {}
        self._members: list[frozenset[int]] = []
        self._done: dict[Expression, Tokens | None] = {}

    def number(self, way: Hashable) -> int:
        """The same for the same way."""
        return self._numbers.setdefault(way, len(self._numbers))

    def components(self, seen: int) -> frozenset[int]:
        """The components that an entry sees."""
        if seen >= 0:
            return frozenset([seen])
        return self._members[-2 - seen] if seen < _NONE else frozenset()

    def together(self, operation: Hashable, rows: Tokens) -> Tokens:
        """One entry for each row of entries (axis 1)."""
        way = {key: self.number((operation, key)) for key in {row.tobytes() for row in rows.made}}
        made = np.array([way[row.tobytes()] for row in rows.made], dtype=np.int64)
        return Tokens(made, self._seen(rows.seen))

    def _seen(self, rows: np.ndarray) -> np.ndarray:
        if not rows.shape[1]:
            return np.full(len(rows), _NONE, dtype=np.int64)
        highest = rows.max(axis=1)
        found = np.where((rows == highest[:, None]) | (rows == _NONE), 0, 1).any(axis=1)
        several = np.flatnonzero(found | (rows < _NONE).any(axis=1))
        answer = highest.astype(np.int64)
        for i in several:
            answer[i] = self._set(frozenset[int]().union(*[self.components(int(s)) for s in np.unique(rows[i])]))
        return answer

    def _set(self, members: frozenset[int]) -> int:
        if len(members) < 2:
            return next(iter(members), _NONE)
        if members not in self._sets:
            self._sets[members] = -2 - len(self._members)
            self._members.append(members)
        return self._sets[members]

    def of(self, x: Expression) -> Tokens | None:
        """A token for each entry of an array; None where components enter in a way that is not known."""
        for part in ordered(x, self._done):
            self._done[part] = self._made(part)
        return self._done[x]

    def _made(self, x: Expression) -> Tokens | None:
        if x.is_constant:
            values, which = np.unique(np.ravel(x.known), return_inverse=True)
            numbers = np.array([self.number(float(v)) for v in values], dtype=np.int64)
            return _alone(numbers[np.ravel(which)].reshape(x.shape))
        if x.op == "leaf":
            return self._of_leaf(x)
        parts = [self._done[a] for a in x.arguments]
        known = [p for p in parts if p is not None]
        found = self._joined(x, known) if len(known) == len(parts) else None
        if found is None and not x.leaves & set(self.places):  # whatever it is, no component enters
            return self._opaque(x)
        return found

    def _joined(self, x: Expression, parts: Sequence[Tokens]) -> Tokens | None:
        operation = (x.op, _hashable(x.extra))
        if x.op in ELEMENTWISE or x.op == "density":
            return _shaped(self.together(operation, _side_by_side(parts)), x.shape)
        if x.op == "events":
            return _shaped(self.together(operation, _side_by_side(self._events(x, parts))), x.shape)
        if x.op in REDUCTIONS:
            return self._reduced(x, parts[0])
        if x.op == "take" and x.arguments[1].is_constant:
            at = np.ravel(x.arguments[1].known).astype(int)
            return Tokens(*(p.ravel()[at].reshape(x.shape) for p in parts[0]))
        if x.op == "reshape":
            return Tokens(*(p.reshape(x.shape) for p in parts[0]))
        if x.op == "concatenate":
            return Tokens(*(np.concatenate([p[i].ravel() for p in parts]).reshape(x.shape) for i in (0, 1)))
        return None

    def _reduced(self, x: Expression, part: Tokens) -> Tokens:
        """Sums and their like along one axis, or of everything: what they are made of, in any order."""
        rows = Tokens(*(np.moveaxis(p.reshape(x.extra), 1, 2).reshape(-1, x.extra[1]) for p in part))
        # Sums do not depend on the order of what they add: sorted, rows of the same entries are the same way of making.
        ordered = Tokens(np.sort(rows.made, axis=1), np.ascontiguousarray(rows.seen))
        return _shaped(self.together(x.op, ordered), x.shape)

    def _events(self, x: Expression, parts: Sequence[Tokens]) -> list[Tokens]:
        """For the vectors or matrices of a distribution and its parameters: one token for each event."""
        axes = [x.extra.event_ndim, *[p.event_ndim for p in x.extra.parameters]]
        found = []
        for part, n in zip(parts, axes, strict=True):
            front = part.made.shape[: part.made.ndim - n]
            rows = Tokens(*(p.reshape(int(np.prod(front, dtype=int)), -1) for p in part))
            found.append(_shaped(self.together("event", rows), front))
        return found

    def _of_leaf(self, x: Expression) -> Tokens:
        found = self._opaque(x)
        for i, (table, k) in self.places.get(x, {}).items():
            # One number for a table, whichever component's entry it is: so components that are used alike have equal
            # tokens.
            found.made.flat[i], found.seen.flat[i] = self.number(("own", table)), k
        return found

    def _opaque(self, x: Expression) -> Tokens:
        """Entries of something that is what it is, whichever component looks at it."""
        numbers = np.array([self.number((id(x), i)) for i in range(x.size)], dtype=np.int64)
        return _alone(numbers.reshape(x.shape))


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
        How the entries of each component are made; the same way has the same key in all arrays of the same places.
    apart : set of int
        Components that meet others in one entry, or in something that is not seen through.
    """
    return _own_entries(x, Makings(places), n_components)


def all_entries(
    arrays: Sequence[Expression], places: Places, n_components: int
) -> tuple[list[Counter[Hashable]], set[int]]:
    """As :func:`own_entries`, of several arrays whose entries are all added."""
    makings, apart = Makings(places), set[int]()
    own: list[Counter[Hashable]] = [Counter() for _ in range(n_components)]
    for x in arrays:
        more, alone = _own_entries(x, makings, n_components)
        apart |= alone
        for total, counter in zip(own, more, strict=True):
            total.update(counter)
    return own, apart


def _own_entries(x: Expression, makings: Makings, n_components: int) -> tuple[list[Counter[Hashable]], set[int]]:
    own: list[Counter[Hashable]] = [Counter() for _ in range(n_components)]
    apart: set[int] = set()
    for term in _terms(x):
        if not term.leaves & set(makings.places):
            continue
        entries = makings.of(term) if _largest(term) <= MOST_ENTRIES else None
        if entries is None:
            apart |= touched(term, makings.places)
            continue
        pairs, counts = np.unique(np.stack([entries.seen.ravel(), entries.made.ravel()]), axis=1, return_counts=True)
        for seen, made, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
            components = makings.components(seen)
            apart |= components if len(components) > 1 else set()
            for k in components:
                own[k][made] += count
    return own, apart


def _terms(x: Expression) -> Iterator[Expression]:
    """Parts whose entries together have the sum of x's."""
    waiting = [x]
    while waiting:
        part = waiting.pop()
        if part.op == "sum" and part.shape == ():
            waiting.append(part.arguments[0])
        elif part.op == "add" and all(a.shape == part.shape for a in part.arguments):
            waiting += reversed(part.arguments)
        else:
            yield part


def touched(x: Expression, places: Places) -> set[int]:
    """Components that something depends on, as far as look-ups at known places tell."""
    found, seen, waiting = set[int](), {x}, [x]
    while waiting:
        part = waiting.pop()
        own = _touched_at_once(part, places)
        found |= own or set()
        more = [a for a in part.arguments if a not in seen] if own is None else []
        seen.update(more)
        waiting += more
    return found


def _touched_at_once(x: Expression, places: Places) -> set[int] | None:
    """Components that a leaf, or a known look-up in one, has; None for anything else."""
    if x in places:
        return {k for _, k in places[x].values()}
    if x.op == "take" and x.arguments[0] in places and x.arguments[1].is_constant:
        own = places[x.arguments[0]]
        return {own[i][1] for i in np.ravel(x.arguments[1].known).astype(int).tolist() if i in own}
    return None


def _largest(x: Expression) -> int:
    """Entries of the largest array that something is made of."""
    return max(part.size for part in ordered(x))


def _alone(made: np.ndarray) -> Tokens:
    return Tokens(made, np.full(made.shape, _NONE, dtype=np.int64))


def _shaped(tokens: Tokens, shape: tuple[int, ...]) -> Tokens:
    return Tokens(tokens.made.reshape(shape), tokens.seen.reshape(shape))


def _side_by_side(parts: Sequence[Tokens]) -> Tokens:
    """Entries that belong together in rows, one for each entry of the common shape."""
    made = np.broadcast_arrays(*[p.made for p in parts])
    seen = np.broadcast_arrays(*[p.seen for p in parts])
    return Tokens(*(np.ascontiguousarray(np.stack([a.ravel() for a in x], axis=1)) for x in (made, seen)))


def _hashable(extra: object) -> Hashable:
    try:
        hash(extra)
    except TypeError:
        return id(extra)
    return extra


__all__ = ["Makings", "Places", "Tokens", "all_entries", "own_entries", "touched"]
