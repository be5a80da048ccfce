"""Which numbers of a model stand in one factor together, once its discrete unknowns are given.

Each element of each factor gets a mask with one bit for every free coordinate that it depends on, carried through the
expression from its leaves. Coordinates that meet in no element are independent given the discrete unknowns, so that an
integral over all of them is a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.sampling.unconstrained import Unconstrained
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression
from mcmix.structure.walks import ordered
from mcmix.testing.many_points import aligned, event_axes

MOST_BITS = 63


def masks_of(view: Unconstrained) -> dict[Any, np.ndarray]:
    """Per variable the coordinates that each of its entries depends on, shape (1, *shape of the variable)."""
    found = {}
    for s in view.transforms:
        own = 0 if s.alone else s.node.family.event_ndim
        shape = s.node.state_shape
        plates = shape[: len(shape) - own]
        count = int(np.prod(plates, dtype=int))
        each = (s.last - s.first) // max(count, 1)  # none where a simplex has one weight
        bits = [((1 << each) - 1) << (s.first + i * each) for i in range(count)]
        masks = np.array(bits, dtype=np.uint64).reshape((*plates, *[1] * own))
        found[s.node] = np.broadcast_to(masks, shape)[None]
    return found


def touched(x: Expression, masks: Mapping[Any, np.ndarray], values: Mapping[Expression, np.ndarray]) -> np.ndarray:
    """Masks of an expression's elements, shape (points, *shape of x), or (1, *shape of x).

    Parameters
    ----------
    x : Expression
    masks : mapping
        Of leaves, by key; others depend on no coordinate.
    values : mapping
        Of every part of x at the points in question: where a table is looked up is read off them.
    """
    known: dict[Expression, np.ndarray] = {}
    for part in ordered(x):
        found = _masks(part, [known[a] for a in part.arguments], masks, values)
        known[part] = np.reshape(found, (len(found), *part.shape))
    return known[x]


def _masks(
    x: Expression, arguments: list[np.ndarray], masks: Mapping[Any, np.ndarray], values: Mapping[Expression, np.ndarray]
) -> np.ndarray:
    if not arguments:
        return masks.get(x.extra, np.zeros((1, *x.shape), np.uint64)) if x.op == "leaf" else _none(x)
    if x.op in ELEMENTWISE or x.op == "density":
        return _united(aligned(arguments, x.ndim))
    if x.op == "events":
        own_axes = event_axes(x)
        wide = aligned(arguments, x.ndim, own_axes)
        return _united([_rest(a, own) for a, own in zip(wide, own_axes, strict=True)])
    if x.op in REDUCTIONS:
        return np.bitwise_or.reduce(np.reshape(arguments[0], (-1, *x.extra)), axis=2)
    if x.op == "reshape":
        return arguments[0]
    if x.op == "concatenate":
        points = max(len(a) for a in arguments)
        return np.concatenate([np.broadcast_to(_flat(a), (points, _flat(a).shape[1])) for a in arguments], axis=1)
    if x.op == "take":
        return _looked_up(arguments, values[x.arguments[1]])
    return np.broadcast_to(_whole(arguments).reshape(-1, *[1] * x.ndim), (len(_whole(arguments)), *x.shape))


def _none(x: Expression) -> np.ndarray:
    return np.zeros((1, *x.shape), np.uint64)


def _flat(a: np.ndarray) -> np.ndarray:
    return np.reshape(a, (len(a), -1))


def _rest(a: np.ndarray, axes: int) -> np.ndarray:
    """United over the last axes."""
    return np.bitwise_or.reduce(np.reshape(a, (*a.shape[: a.ndim - axes], -1)), axis=-1)


def _united(arguments: list[np.ndarray]) -> np.ndarray:
    found = arguments[0]
    for a in arguments[1:]:
        found = found | a
    return found


def _whole(arguments: list[np.ndarray]) -> np.ndarray:
    """All that any element of any argument depends on, shape (points,)."""
    return _united([np.bitwise_or.reduce(_flat(a), axis=1) for a in arguments])


def _looked_up(arguments: list[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """The entries that are looked up; of a table looked up at unknown places, all of them."""
    table, index = _flat(arguments[0]), _flat(arguments[1])
    places = _flat(positions).astype(int)
    points = max(len(table), len(index), len(places))
    wide = np.broadcast_to(table, (points, table.shape[1]))
    found = np.take_along_axis(wide, np.broadcast_to(places, (points, places.shape[1])), 1)
    everything = np.bitwise_or.reduce(wide, axis=1, keepdims=True)
    return np.where(index > 0, everything, found) | index


def components(masks: np.ndarray) -> tuple[int, ...]:
    """Coordinates that belong together, as masks, ascending; `masks` are those of all elements."""
    found: list[int] = []
    for mask in {int(m) for m in masks if m}:
        met = [f for f in found if f & mask]
        found = [f for f in found if not f & mask] + [mask | sum(met)]
    return tuple(sorted(found))


def coordinates_of(mask: int) -> list[int]:
    """Numbers of the bits that are set."""
    return [i for i in range(MOST_BITS) if mask >> i & 1]


__all__ = ["MOST_BITS", "components", "coordinates_of", "masks_of", "touched"]
