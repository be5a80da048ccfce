"""How a parameter of a child depends on a variable: read off the expression, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, constant, elementwise
from mcmix.structure.walks import folded


@dataclass(frozen=True)
class Affine:
    """parameter = slope * v[index] + offset, element by element; a slope of zero means no dependence there."""

    slope: Expression
    offset: Expression
    index: Expression


@dataclass(frozen=True)
class Power:
    """parameter = factor * v[index]**exponent where `mask` is one; elements with mask zero do not depend on v.

    `folded` is whether an even power lies below another one, as in sqrt(v**2): then |v| stands in the place of v.
    """

    factor: Expression
    exponent: float
    index: Expression
    mask: Expression
    folded: bool = False


def affine(x: Expression, v: Expression, leaf: Expression) -> Affine | None:
    """Read x as an affine look-up of v (`leaf` is what v is made of), or None."""
    return _read(x, v, leaf, _affine_step, Affine(constant(1.0), constant(0.0), _identity(v)))


def power(x: Expression, v: Expression, leaf: Expression) -> Power | None:
    """Read x as a multiple of a power of an element of v, or None."""
    return _read(x, v, leaf, _power_step, Power(constant(1.0), 1.0, _identity(v), constant(1.0)))


def _identity(v: Expression) -> Expression:
    return constant(np.arange(v.size).reshape(v.shape))


def _read(x: Expression, v: Expression, leaf: Expression, step: Callable[..., Any], own: Any) -> Any:
    """Walk down to v; `step` combines what was read below each operation."""

    def below(part: Expression) -> list[Expression]:
        return [] if part is v else [a for a in part.arguments if leaf in a.leaves]

    def make(part: Expression, found: list[Any]) -> Any:
        if part is v:
            return own
        if not found or any(r is None for r in found):
            return None
        rest = iter(found)
        return step(part, [next(rest) if leaf in a.leaves else None for a in part.arguments])

    return folded(x, below, make)


def _moved(x: Expression, part: Expression, how: Callable[[Expression], Expression]) -> Expression:
    """Apply an indexing operation on `x` to something that goes with it element by element (or is one number)."""
    return part if part.size == 1 else how(part)


def _affine_step(x: Expression, read: list[Affine | None]) -> Affine | None:
    known = [r for r in read if r is not None]
    one = known[0]
    if x.op == "reshape":
        return _reindexed(x, one, lambda p: ex.reshape(p, x.shape))
    if x.op == "take":
        return _reindexed(x, one, lambda p: ex.gather(p, x.arguments[1])) if read[1] is None else None
    if x.op == "negative":
        return Affine(-one.slope, -one.offset, one.index)
    if x.op in ("add", "subtract"):
        return _affine_sum(x, read)
    if x.op == "multiply" and len(known) == 1:
        free = x.arguments[1] if read[1] is None else x.arguments[0]
        return Affine(one.slope * free, one.offset * free, one.index)
    if x.op == "divide" and read[1] is None:
        return Affine(one.slope / x.arguments[1], one.offset / x.arguments[1], one.index)
    if x.op == "concatenate":
        return _affine_join(x, read)
    return None


def _reindexed(x: Expression, link: Affine, how: Callable[[Expression], Expression]) -> Affine:
    table = x.arguments[0]
    index = link.index if link.index.shape == table.shape else ex.broadcast_to(link.index, table.shape)
    slope, offset = (
        p if p.size == 1 or p.shape == table.shape else ex.broadcast_to(p, table.shape)
        for p in (link.slope, link.offset)
    )
    return Affine(_moved(x, slope, how), _moved(x, offset, how), how(index))


def _affine_sum(x: Expression, read: list[Affine | None]) -> Affine | None:
    sign = 1.0 if x.op == "add" else -1.0
    left, right = read
    if left is not None and right is not None:
        # v[i] + v[j] of different entries has no conditional for one entry alone: that is a case for `coefficients`.
        if left.index is not right.index:
            return None
        return Affine(left.slope + sign * right.slope, left.offset + sign * right.offset, left.index)
    if left is not None:
        return Affine(left.slope, elementwise(x.op, left.offset, x.arguments[1]), left.index)
    assert right is not None
    return Affine(sign * right.slope, elementwise(x.op, x.arguments[0], right.offset), right.index)


def _affine_join(x: Expression, read: list[Affine | None]) -> Affine:
    slopes, offsets, indices = [], [], []
    for part, link in zip(x.arguments, read, strict=True):
        slopes.append(_full(link.slope if link else constant(0.0), part.size))
        offsets.append(_full(link.offset if link else part, part.size))
        indices.append(_full(link.index if link else constant(0), part.size))
    return Affine(ex.concatenate(slopes), ex.concatenate(offsets), ex.concatenate(indices))


def _full(x: Expression, n: int) -> Expression:
    return ex.reshape(x, (n,)) if x.size == n else ex.broadcast_to(x, (n,))


def _power_step(x: Expression, read: list[Power | None]) -> Power | None:
    known = [r for r in read if r is not None]
    one = known[0]
    if x.op == "reshape":
        return _power_reindexed(x, one, lambda p: ex.reshape(p, x.shape))
    if x.op == "take":
        return _power_reindexed(x, one, lambda p: ex.gather(p, x.arguments[1])) if read[1] is None else None
    if x.op in ("square", "sqrt", "reciprocal"):
        return _raised(one, {"square": 2.0, "sqrt": 0.5, "reciprocal": -1.0}[x.op])
    if x.op == "power" and read[1] is None and x.arguments[1].is_constant and x.arguments[1].size == 1:
        return _raised(one, float(np.asarray(x.arguments[1].known).reshape(())))
    if x.op == "multiply" and len(known) == 1:
        free = x.arguments[1] if read[1] is None else x.arguments[0]
        return replace(one, factor=one.factor * free)
    if x.op == "divide" and len(known) == 1:
        if read[1] is None:
            return replace(one, factor=one.factor / x.arguments[1])
        return replace(one, factor=x.arguments[0] / one.factor, exponent=-one.exponent)
    if x.op == "concatenate":
        return _power_join(x, read)
    return None


def _raised(link: Power, exponent: float) -> Power | None:
    if exponent == 0.0:
        return None
    folded = link.folded or (link.exponent % 2.0 == 0.0 and exponent % 1.0 != 0.0)
    return replace(link, factor=link.factor**exponent, exponent=link.exponent * exponent, folded=folded)


def _power_reindexed(x: Expression, link: Power, how: Callable[[Expression], Expression]) -> Power:
    table = x.arguments[0]
    index = link.index if link.index.shape == table.shape else ex.broadcast_to(link.index, table.shape)
    factor, mask = (
        p if p.size == 1 or p.shape == table.shape else ex.broadcast_to(p, table.shape)
        for p in (link.factor, link.mask)
    )
    return replace(link, factor=_moved(x, factor, how), index=how(index), mask=_moved(x, mask, how))


def _power_join(x: Expression, read: list[Power | None]) -> Power | None:
    exponents = {r.exponent for r in read if r is not None}
    # One list with v and v**2 in it is no power of v.
    if len(exponents) > 1:
        return None
    factors, indices, masks = [], [], []
    for part, link in zip(x.arguments, read, strict=True):
        factors.append(_full(link.factor if link else constant(1.0), part.size))
        indices.append(_full(link.index if link else constant(0), part.size))
        masks.append(_full(link.mask if link else constant(0.0), part.size))
    folded = any(r is not None and r.folded for r in read)
    return Power(ex.concatenate(factors), exponents.pop(), ex.concatenate(indices), ex.concatenate(masks), folded)
