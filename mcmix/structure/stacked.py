"""Like expressions as one: [f(a, x), f(b, y), ...] as f([a, b, ...], [x, y, ...])."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from mcmix.errors import TraceError
from mcmix.structure import expression as ex
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression, constant
from mcmix.structure.sources import derived
from mcmix.structure.walks import ordered

_FOLLOWED = {"take", "reshape", "concatenate", "density", "events", "inverse", "cumsum"}


class NotAlike(Exception):
    """Expressions differ in more than constants and look-ups, or in a way that cannot be stacked."""


class Signatures:
    """Numbers for how an expression is built, whatever its constants are: equal for expressions that can be stacked.

    Parameters
    ----------
    leaf_kind : callable
        What stands for a leaf: equal for leaves that may stand in each other's place.
    """

    def __init__(self, leaf_kind: Callable[[Expression], Hashable] = id):
        self.leaf_kind = leaf_kind
        self._numbers: dict[Hashable, int] = {}
        self._of: dict[Expression, int] = {}

    def of(self, x: Expression) -> int:
        """The number of an expression."""
        for part in ordered(x) if x not in self._of else ():
            if part not in self._of:
                self._of[part] = self._numbers.setdefault(self._way(part), len(self._numbers))
        return self._of[x]

    def _way(self, x: Expression) -> Hashable:
        if x.is_constant:
            return "constant", x.shape, x.kind == "bool"
        if x.op == "leaf":
            return "leaf", x.shape, x.kind, self.leaf_kind(x)
        if x.op not in ELEMENTWISE and x.op not in REDUCTIONS and x.op not in _FOLLOWED:
            return "only itself", id(x)
        return x.op, x.shape, x.extra, tuple(self._of[a] for a in x.arguments)


def stacked(parts: Sequence[Expression]) -> Expression:
    """Expressions of one signature along a new first axis.

    Returns
    -------
    Expression of shape (n, *shape); the one expression itself, of shape (*shape), where all parts are the same.

    Raises
    ------
    NotAlike
        If they cannot be stacked.
    """
    return _Stack(len(parts)).of(tuple(parts))


class _Stack:
    """Stacks columns of like parts, each once."""

    def __init__(self, n: int):
        self.n = n
        self._done: dict[tuple[Expression, ...], Expression] = {}

    def of(self, parts: tuple[Expression, ...]) -> Expression:
        """Arguments first, without recursion: expressions may be deep."""
        waiting = [(parts, False)]
        while waiting:
            column, ready = waiting.pop()
            if column in self._done:
                continue
            below = [] if ready else self._below(column)
            if below:
                waiting.append((column, True))
                waiting += [(c, False) for c in below]
            else:
                self._done[column] = self._made(column)
        return self._done[parts]

    def _below(self, column: tuple[Expression, ...]) -> list[tuple[Expression, ...]]:
        first = column[0]
        if all(p is first for p in column) or first.is_constant:
            return []
        if any(p.op != first.op or p.shape != first.shape or len(p.arguments) != len(first.arguments) for p in column):
            raise NotAlike
        return [tuple(c) for c in zip(*[p.arguments for p in column], strict=True)]

    def _made(self, column: tuple[Expression, ...]) -> Expression:
        first = column[0]
        if all(p is first for p in column):
            return first
        if first.is_constant:
            return _constants(column)
        if first.op == "leaf":
            raise NotAlike
        parts = [self._done[c] for c in zip(*[p.arguments for p in column], strict=True)]
        try:
            return self._rebuilt(first, parts)
        except TraceError as error:
            raise NotAlike from error

    def _rebuilt(self, x: Expression, parts: list[Expression]) -> Expression:
        n, old = self.n, x.arguments
        if x.op in ELEMENTWISE:
            return ex.elementwise(x.op, *[self._beside(p, a, x.ndim) for p, a in zip(parts, old, strict=True)])
        if x.op == "density":
            wide = [self._beside(p, a, x.ndim) for p, a in zip(parts, old, strict=True)]
            return ex.density(x.extra, wide[0], wide[1:])
        if x.op == "events":
            axes = [x.extra.event_ndim, *[p.event_ndim for p in x.extra.parameters]]
            wide = [self._beside(p, a, x.ndim + e) for p, a, e in zip(parts, old, axes, strict=True)]
            return ex.event_density(x.extra, wide[0], wide[1:])
        if x.op == "take":
            return self._looked_up(x, *parts)
        if x.op == "reshape":
            return ex.reshape(self._whole(parts[0], old[0]), (n, *x.shape))
        if x.op == "concatenate":
            rows = [ex.reshape(self._whole(p, a), (n, a.size)) for p, a in zip(parts, old, strict=True)]
            return ex.concatenate(rows, axis=1)
        if x.op == "inverse":
            return ex.inverse(self._whole(parts[0], old[0]), x.extra)
        if x.op in REDUCTIONS or x.op == "cumsum":
            outer, length, inner = x.extra
            below = self._whole(parts[0], old[0])
            return ex._make(x.op, (below,), (n, *x.shape), (n * outer, length, inner), x.kind)
        raise NotAlike

    def _looked_up(self, x: Expression, table: Expression, positions: Expression) -> Expression:
        old = x.arguments[0]
        if table is old:
            return ex.gather(table, positions)
        starts = np.arange(self.n).reshape(-1, *[1] * x.ndim) * old.size
        return ex.gather(table, ex.elementwise("add", self._whole(positions, x.arguments[1]), constant(starts)))

    def _beside(self, part: Expression, old: Expression, ndim: int) -> Expression:
        """A stacked operand with the axes that the others have and it has not; one that all share as it is."""
        return part if part is old else ex.reshape(part, (self.n, *[1] * (ndim - old.ndim), *old.shape))

    def _whole(self, part: Expression, old: Expression) -> Expression:
        """A stacked operand, repeated where all share it."""
        return ex.broadcast_to(part, (self.n, *old.shape)) if part is old else part


def _constants(column: tuple[Expression, ...]) -> Expression:
    """Known arrays along a new axis; one for all where they are equal."""
    if any(not p.is_constant or p.shape != column[0].shape for p in column):
        raise NotAlike
    known = np.stack([np.asarray(p.value) for p in column])
    return derived("stack", lambda *other: _constants(other), known, column)


__all__ = ["NotAlike", "Signatures", "stacked"]
