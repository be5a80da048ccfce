"""The plain meaning of an expression: NumPy on known leaves. The machine's twin, and the judge of every recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.matrices import positive_inverse
from mcmix.structure.expression import ELEMENTWISE, REDUCTIONS, Expression
from mcmix.structure.walks import ordered


def evaluate(x: Expression, leaves: Mapping[Any, Any], known: dict[Expression, np.ndarray] | None = None) -> np.ndarray:
    """Value of an expression.

    Parameters
    ----------
    x : Expression
    leaves : mapping
        Value of each leaf by its key.
    known : dict, optional
        Values found so far, shared between calls with the same leaves.

    Returns
    -------
    ndarray of x's shape
    """
    known = {} if known is None else known
    for part in ordered(x, known):
        with np.errstate(all="ignore"):
            known[part] = np.reshape(value_of(part, [known[a] for a in part.arguments], leaves), part.shape)
    return known[x]


def value_of(x: Expression, arguments: list[np.ndarray], leaves: Mapping[Any, Any]) -> Any:
    """Value of one operation, given those of its arguments."""
    if x.op == "constant":
        return x.value
    if x.op == "leaf":
        return np.asarray(leaves[x.extra])
    if x.op in ELEMENTWISE:
        return ELEMENTWISE[x.op](*arguments)
    if x.op in REDUCTIONS or x.op == "cumsum":
        function: Callable[..., Any] = np.cumsum if x.op == "cumsum" else REDUCTIONS[x.op]
        return function(np.reshape(arguments[0], x.extra), axis=1)
    return _OTHERS[x.op](x, arguments)


def _scattered(x: Expression, arguments: list[np.ndarray]) -> np.ndarray:
    values, positions = np.broadcast_arrays(*arguments)
    return np.bincount(np.ravel(positions).astype(int), np.ravel(values), x.size)


_OTHERS: dict[str, Callable[[Expression, list[np.ndarray]], Any]] = {
    "take": lambda x, a: np.ravel(a[0])[a[1].astype(int)],
    "reshape": lambda x, a: np.reshape(a[0], x.shape),
    "concatenate": lambda x, a: np.concatenate([np.ravel(p) for p in a]),
    "matmul": lambda x, a: a[0] @ a[1],
    "density": lambda x, a: x.extra.logpdf(*a),
    "events": lambda x, a: x.extra.logpdf(*a),
    "scatter": _scattered,
    "inverse": lambda x, a: positive_inverse(a[0], x.extra),
    "python": lambda x, a: x.extra[0](*a),
}
