"""Expressions at many points at once: what `structure.evaluate` says of one point, with a leading axis for points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.structure.evaluate import value_of
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression
from mcmix.structure.walks import ordered


def evaluate_many(
    x: Expression, leaves: Mapping[Any, np.ndarray], known: dict[Expression, np.ndarray] | None = None
) -> np.ndarray:
    """Values of an expression.

    Parameters
    ----------
    x : Expression
    leaves : mapping
        Values of each leaf by its key, shape (points, ...), or (1, ...) where they are the same at all points.
    known : dict, optional
        Values found so far, shared between calls with the same leaves.

    Returns
    -------
    ndarray, shape (points, *shape of x), or (1, *shape of x)

    Examples
    --------
    >>> from mcmix.structure.expression import leaf
    >>> a = leaf("a", (2,))
    >>> evaluate_many(a * a + 1.0, {"a": np.array([[1.0, 2.0], [3.0, 4.0]])})
    array([[ 2.,  5.],
           [10., 17.]])
    """
    known = {} if known is None else known
    with np.errstate(all="ignore"):
        for part in ordered(x):
            if part not in known:
                found = _values(part, [known[a] for a in part.arguments], leaves)
                known[part] = np.reshape(found, (len(found), *part.shape))
    return known[x]


def _values(x: Expression, arguments: list[np.ndarray], leaves: Mapping[Any, np.ndarray]) -> np.ndarray:
    if x.op == "constant":
        return np.asarray(x.known)[None]
    if x.op == "leaf":
        return np.asarray(leaves[x.extra])
    if x.op in ELEMENTWISE:
        return np.asarray(ELEMENTWISE[x.op](*aligned(arguments, x.ndim)))
    if x.op in REDUCTIONS:
        return np.asarray(REDUCTIONS[x.op](np.reshape(arguments[0], (-1, *x.extra)), axis=2))
    return _OTHERS.get(x.op, _one_by_one)(x, arguments)


def aligned(arguments: Sequence[np.ndarray], axes: int, own_axes: Sequence[int] | None = None) -> list[np.ndarray]:
    """Arguments with axes of length one after the first, so that they broadcast: `axes` shared ones, and their own."""
    found = []
    for a, own in zip(arguments, own_axes or [0] * len(arguments), strict=True):
        shape = a.shape[1:]
        found.append(np.reshape(a, (len(a), *[1] * (axes + own - len(shape)), *shape)))
    return found


def event_axes(x: Expression) -> list[int]:
    """How many axes of each argument of a density of events belong to one event."""
    return [x.extra.event_ndim, *[p.event_ndim for p in x.extra.parameters]]


def _one_by_one(x: Expression, arguments: list[np.ndarray]) -> np.ndarray:
    """What has no form for many points, a user's function first of all."""
    points = max(len(a) for a in arguments)
    wide = [np.broadcast_to(a, (points, *a.shape[1:])) for a in arguments]
    return np.stack([np.asarray(value_of(x, [a[i] for a in wide], {}), dtype=float) for i in range(points)])


def _looked_up(x: Expression, arguments: list[np.ndarray]) -> np.ndarray:
    table = np.reshape(arguments[0], (len(arguments[0]), -1))
    positions = np.reshape(arguments[1], (len(arguments[1]), -1)).astype(int)
    if len(positions) == 1:
        return table[:, positions[0]]
    return table[0][positions] if len(table) == 1 else np.take_along_axis(table, positions, 1)


def _product(x: Expression, arguments: list[np.ndarray]) -> np.ndarray:
    left, right = arguments
    return (left if left.ndim > 2 else left[:, None, :]) @ (right if right.ndim > 2 else right[:, :, None])


def _side_by_side(x: Expression, arguments: list[np.ndarray]) -> np.ndarray:
    points = max(len(a) for a in arguments)
    flat = [np.reshape(a, (len(a), -1)) for a in arguments]
    return np.concatenate([np.broadcast_to(a, (points, a.shape[1])) for a in flat], axis=1)


_OTHERS: dict[str, Callable[[Expression, list[np.ndarray]], np.ndarray]] = {
    "take": _looked_up,
    "reshape": lambda x, a: a[0],
    "concatenate": _side_by_side,
    "matmul": _product,
    "density": lambda x, a: np.asarray(x.extra.logpdf(*aligned(a, x.ndim))),
    "events": lambda x, a: np.asarray(x.extra.logpdf(*aligned(a, x.ndim, event_axes(x)))),
    "inverse": lambda x, a: np.asarray(value_of(x, a, {})),
}


__all__ = ["aligned", "evaluate_many", "event_axes"]
