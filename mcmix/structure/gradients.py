"""Derivatives of expressions, as expressions: reverse accumulation over what was recorded.

What a scalar expression depends on gets, from the scalar down to the leaves, the derivative of the scalar by it (its
adjoint); an operation hands its own on to its arguments by the chain rule (Griewank and Walther 2008, "Evaluating
derivatives", section 3.2). The answer is made of the same operations and is compiled like any other expression, so
nothing is called from Python while a chain runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from scipy import special

from mcmix.distributions import matrices
from mcmix.structure import expression as ex
from mcmix.structure.expression import Expression, as_expression, constant, gather, reduce, reshape
from mcmix.structure.walks import ordered


class NoDerivative(Exception):
    """Something between a log density and a variable has no derivative here; the message says what."""


Rule = Callable[[Expression, Expression], Sequence[Any]]  # (operation, its adjoint) -> those of its arguments


def gradient(total: Expression, variables: Sequence[Expression]) -> list[Expression]:
    """Derivatives of a single number by some leaves, all others held.

    Parameters
    ----------
    total : Expression, shape ()
    variables : sequence of Expression
        Leaves, or parts that stand for them: nothing below them is looked at.

    Returns
    -------
    list of Expression
        One for each variable, of its shape.

    Raises
    ------
    NoDerivative
        If a variable is reached through an operation that has none; it says which.

    Examples
    --------
    >>> from mcmix.structure.evaluate import evaluate
    >>> from mcmix.structure.expression import leaf
    >>> x = leaf("x", (3,))
    >>> [by_x] = gradient((x * x).sum(), [x])
    >>> evaluate(by_x, {"x": np.array([1.0, 2.0, 3.0])})
    array([2., 4., 6.])
    """
    below = _reaching(total, variables)
    adjoint: dict[Expression, Expression] = {total: constant(1.0)}
    for part in reversed(ordered(total, set())):
        if part not in adjoint or part not in below or part in set(variables):
            continue
        for argument, own in zip(part.arguments, _handed_down(part, adjoint[part]), strict=True):
            if argument in below and own is not None:
                found = _summed_to(as_expression(own), argument)
                adjoint[argument] = found if argument not in adjoint else adjoint[argument] + found
    return [ex.broadcast_to(adjoint.get(v, constant(0.0)), v.shape) for v in variables]


def _reaching(total: Expression, variables: Collection[Expression]) -> set[Expression]:
    """The parts through which some variable is reached."""
    found = set(variables)
    for part in ordered(total):
        if part not in found and any(a in found for a in part.arguments):
            found.add(part)
    return found


def _handed_down(part: Expression, adjoint: Expression) -> Sequence[Any]:
    if part.op in ("density", "events"):
        return _of_density(part, adjoint)
    rule = _RULES.get(part.op)
    if rule is None:
        what = f"the function {part.extra[1]}, which is called as written," if part.op == "python" else part.op
        raise NoDerivative(f"{what} has no derivative here")
    return rule(part, adjoint)


def _summed_to(adjoint: Expression, argument: Expression) -> Expression:
    """The adjoint of an argument that was repeated to a larger shape: summed over its repetitions."""
    if adjoint.shape == argument.shape:
        return adjoint
    if argument.size == 1:
        return reshape(reduce("sum", adjoint), argument.shape)
    if adjoint.size == 1:
        raise AssertionError("an adjoint has the shape of its operation")
    places = ex.places_of(argument, adjoint.shape, np.arange(adjoint.size))
    return reshape(ex.scatter(reshape(adjoint, (-1,)), places, argument.size), argument.shape)


def _of_density(part: Expression, adjoint: Expression) -> Sequence[Any]:
    """By the family's own derivatives."""
    family = part.extra
    if family.score is None:
        raise NoDerivative(f"the density of {family.name} has no derivative here")
    axes = [family.event_ndim, *(p.event_ndim for p in family.parameters)]
    above = _whole(part, adjoint) if any(axes) else adjoint
    slopes = zip(family.score(*part.arguments), axes, strict=True)
    return [None if isinstance(d, float) and d == 0.0 else _beside(above, n) * d for d, n in slopes]


def _beside(adjoint: Expression, axes: int) -> Expression:
    """The adjoint of events, to be multiplied by derivatives by all of an event's entries."""
    return reshape(adjoint, (*adjoint.shape, *[1] * axes)) if axes else adjoint


def _of_inverse(part: Expression, adjoint: Expression) -> Sequence[Any]:
    """By a symmetric matrix -Y A Y, Y the inverse and A the adjoint; by the factor L of one, its product with 2 L."""
    above = _whole(part, adjoint)
    own = -matrices.product(matrices.product(part, above), part)
    if not part.extra:
        return (own,)
    factor = part.arguments[0]
    return (matrices.below(matrices.product(own, factor) + matrices.turned_product(own, factor)),)


# -------------------------------------------------------------------- operations that move entries


def _whole(part: Expression, adjoint: Expression) -> Expression:
    """The adjoint in the operation's shape: entries that are all equal may stand once."""
    return ex.broadcast_to(adjoint, part.shape)


def _taken(part: Expression, adjoint: Expression) -> Sequence[Any]:
    table, positions = part.arguments
    back = ex.scatter(reshape(_whole(part, adjoint), (-1,)), reshape(positions, (-1,)), table.size)
    return reshape(back, table.shape), None


def _summed(part: Expression, adjoint: Expression) -> Sequence[Any]:
    return (_spread(part, adjoint),)


def _spread(part: Expression, adjoint: Expression) -> Expression:
    """One number for each that was reduced, repeated along the axis."""
    outer, length, inner = part.extra
    places = np.arange(outer * inner).reshape(outer, 1, inner)
    flat = reshape(_whole(part, adjoint), (-1,))
    shape = part.arguments[0].shape
    return gather(flat, np.ascontiguousarray(np.broadcast_to(places, (outer, length, inner)).reshape(shape)))


def _joined(part: Expression, adjoint: Expression) -> Sequence[Any]:
    ends = np.cumsum([0, *[a.size for a in part.arguments]])
    flat = reshape(_whole(part, adjoint), (-1,))
    return [
        gather(flat, np.arange(start, start + a.size).reshape(a.shape))
        for start, a in zip(ends, part.arguments, strict=False)
    ]


def _scattered(part: Expression, adjoint: Expression) -> Sequence[Any]:
    values, positions = part.arguments
    shape = np.broadcast_shapes(values.shape, positions.shape)
    return ex.broadcast_to(gather(_whole(part, adjoint), positions), shape), None


def _accumulated(part: Expression, adjoint: Expression) -> Sequence[Any]:
    """Each entry is part of all later sums."""
    outer, length, inner = part.extra
    turned = np.arange(part.size).reshape(outer, length, inner)[:, ::-1]
    later = ex._make(
        "cumsum", (gather(_whole(part, adjoint), turned.reshape(part.shape).copy()),), part.shape, part.extra
    )
    return (gather(later, turned.reshape(part.shape).copy()),)


def _product_of_matrices(part: Expression, adjoint: Expression) -> Sequence[Any]:
    left, right = part.arguments
    rows, length, columns = part.extra
    x, y = reshape(left, (rows, length)), reshape(right, (length, columns))
    above = reshape(_whole(part, adjoint), (rows, columns))
    return (
        reshape(ex.matmul(above, ex.transpose(y)), left.shape),
        reshape(ex.matmul(ex.transpose(x), above), right.shape),
    )


def _whole_product(part: Expression, adjoint: Expression) -> Sequence[Any]:
    value = ex.broadcast_to(part, ()) if part.shape == () else part
    return (_spread(part, adjoint * value) / part.arguments[0],)


def _extreme(part: Expression, adjoint: Expression) -> Sequence[Any]:
    x = part.arguments[0]
    return (np.where(np.equal(x, _spread(part, part)), _spread(part, adjoint), 0.0),)


# -------------------------------------------------------------------- elementwise functions


def _one(derivative: Callable[[Any, Any], Any]) -> Rule:
    """Of one argument: derivative(argument, value)."""
    return lambda part, adjoint: (adjoint * derivative(part.arguments[0], part),)


def _two(by_first: Callable[[Any, Any, Any], Any], by_second: Callable[[Any, Any, Any], Any]) -> Rule:
    """Of two arguments: derivatives(first, second, value)."""

    def rule(part: Expression, adjoint: Expression) -> Sequence[Any]:
        x, y = part.arguments
        return adjoint * by_first(x, y, part), adjoint * by_second(x, y, part)

    return rule


def _chosen(part: Expression, adjoint: Expression) -> Sequence[Any]:
    condition = part.arguments[0]
    above = _whole(part, adjoint)
    return None, np.where(condition, above, 0.0), np.where(condition, 0.0, above)


def _power(part: Expression, adjoint: Expression) -> Sequence[Any]:
    x, y = part.arguments
    by_base = adjoint * y * x ** (y - 1.0)
    return by_base, None if y.is_constant else adjoint * part * np.log(x)


def _no_slope(part: Expression, adjoint: Expression) -> Sequence[Any]:
    return [None for _ in part.arguments]


def _normal_density(x: Any) -> Any:
    return np.exp(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi))


_RULES: dict[str, Rule] = {
    "take": _taken,
    "reshape": lambda part, adjoint: (reshape(_whole(part, adjoint), part.arguments[0].shape),),
    "sum": _summed,
    "prod": _whole_product,
    "max": _extreme,
    "min": _extreme,
    "concatenate": _joined,
    "scatter": _scattered,
    "cumsum": _accumulated,
    "matmul": _product_of_matrices,
    "inverse": _of_inverse,
    "where": _chosen,
    "power": _power,
    "add": lambda part, adjoint: (adjoint, adjoint),
    "subtract": lambda part, adjoint: (adjoint, -adjoint),
    "multiply": _two(lambda x, y, v: y, lambda x, y, v: x),
    "divide": _two(lambda x, y, v: 1.0 / y, lambda x, y, v: -v / y),
    "maximum": _two(lambda x, y, v: np.where(x >= y, 1.0, 0.0), lambda x, y, v: np.where(x >= y, 0.0, 1.0)),
    "minimum": _two(lambda x, y, v: np.where(x <= y, 1.0, 0.0), lambda x, y, v: np.where(x <= y, 0.0, 1.0)),
    "arctan2": _two(lambda y, x, v: x / (x * x + y * y), lambda y, x, v: -y / (x * x + y * y)),
    "logaddexp": _two(lambda x, y, v: np.exp(x - v), lambda x, y, v: np.exp(y - v)),
    "xlogy": _two(lambda x, y, v: np.log(y), lambda x, y, v: x / y),
    "negative": lambda part, adjoint: (-adjoint,),
    "absolute": _one(lambda x, v: np.sign(x)),
    "exp": _one(lambda x, v: v),
    "log": _one(lambda x, v: 1.0 / x),
    "log2": _one(lambda x, v: 1.0 / (x * np.log(2.0))),
    "log10": _one(lambda x, v: 1.0 / (x * np.log(10.0))),
    "sqrt": _one(lambda x, v: 0.5 / v),
    "square": _one(lambda x, v: 2.0 * x),
    "reciprocal": _one(lambda x, v: -v * v),
    "log1p": _one(lambda x, v: 1.0 / (1.0 + x)),
    "expm1": _one(lambda x, v: v + 1.0),
    "sin": _one(lambda x, v: np.cos(x)),
    "cos": _one(lambda x, v: -np.sin(x)),
    "tan": _one(lambda x, v: 1.0 + v * v),
    "tanh": _one(lambda x, v: 1.0 - v * v),
    "arctan": _one(lambda x, v: 1.0 / (1.0 + x * x)),
    "arcsin": _one(lambda x, v: 1.0 / np.sqrt(1.0 - x * x)),
    "arccos": _one(lambda x, v: -1.0 / np.sqrt(1.0 - x * x)),
    "sinh": _one(lambda x, v: np.cosh(x)),
    "cosh": _one(lambda x, v: np.sinh(x)),
    "gammaln": _one(lambda x, v: special.digamma(x)),
    "i0e": _one(lambda x, v: special.i1e(x) - np.sign(x) * v),
    "expit": _one(lambda x, v: v * (1.0 - v)),
    "logit": _one(lambda x, v: 1.0 / (x * (1.0 - x))),
    "erf": _one(lambda x, v: 2.0 / np.sqrt(np.pi) * np.exp(-x * x)),
    "ndtr": _one(lambda x, v: _normal_density(x)),
    "log_ndtr": _one(lambda x, v: np.exp(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi) - v)),
    **dict.fromkeys(
        ("floor", "ceil", "rint", "trunc", "sign", "floor_divide", "less", "less_equal", "greater", "greater_equal",
         "equal", "not_equal", "and", "or", "not"),
        _no_slope,
    ),
}  # fmt: skip


__all__ = ["NoDerivative", "gradient"]
