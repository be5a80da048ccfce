"""Conjugate conditionals of vectors and matrices: normal means, Wishart precisions, inverse Wishart covariances.

The same idea as in :mod:`mcmix.structure.conjugacy`, with one natural parameter per vector or matrix instead of one per
number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.distributions.matrices import inverse
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node
from mcmix.structure import expression as ex
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, scatter
from mcmix.structure.links import affine
from mcmix.structure.tempering import times_power

KINDS = {
    "MvNormal": "vector",
    "MvNormalCov": "vector",
    "MvNormalChol": "vector",
    "Wishart": "wishart",
    "WishartCov": "wishart",
    "InverseWishart": "inverse wishart",
}
# What a matrix distribution says of a matrix above it, (distribution, kind): the parameter, and whether by its inverse
# or as it is.
_MATRICES_ABOVE = {
    ("Wishart", "wishart"): ("inverse_scale", False),
    ("InverseWishart", "wishart"): ("scale", True),
    ("WishartCov", "inverse wishart"): ("scale", False),
}


@dataclass(frozen=True, eq=False)
class VectorConjugate:
    """A full conditional of vectors or matrices.

    Attributes
    ----------
    kind : {"vector", "wishart", "inverse wishart"}
    first, second : Expression
        Natural parameters in the sense of :class:`mcmix.distributions.family.Message`; shapes (n, d, d) and (n, d) of
        vectors, (n,) and (n, d, d) of matrices.
    reason : str
    """

    kind: str
    first: Expression
    second: Expression
    reason: str


class NotConjugate(Exception):
    """Why there is none."""


def vector_conjugate(node: Node, structure: Structure) -> VectorConjugate | str:
    """The conjugate conditional of an unknown vector or matrix (or several of them), or why there is none."""
    if not isinstance(node, Distribution) or node.family.name not in KINDS or node.mask is not None:
        return "its distribution is no normal distribution of vectors and no Wishart or inverse Wishart distribution"
    if structure.is_forward_sampled(node):
        return "no data depend on it"
    try:
        return _read(node, KINDS[node.family.name], structure)
    except NotConjugate as reason:
        return str(reason)


def _read(node: Distribution, kind: str, structure: Structure) -> VectorConjugate:
    recording = structure.recording
    v, own = recording.leaves[node], recording.own_factor(node)
    if any(v in p.leaves for p in own.parameters.values()):
        raise NotConjugate("its distribution depends on itself")
    axes = node.family.event_ndim
    n = v.size // int(np.prod(v.shape[v.ndim - axes :], dtype=int))
    children = [e for e in structure.about(node) if e.factor is not own]
    first, second = natural_prior(node, own.parameters, n)
    for e in children:
        more = _message(e, kind, v, n)
        first, second = elementwise("add", first, more[0]), elementwise("add", second, more[1])
    names = ", ".join(dict.fromkeys(e.factor.node.name for e in children))
    return VectorConjugate(kind, first, second, f"conjugate: {node.family.name} prior with {names}")


def natural_prior(node: Distribution, parameters: Any, n: int) -> tuple[Expression, Expression]:
    """Natural parameters of the prior, one set per vector or matrix."""
    d = node.event_shape[-1]
    if node.family.name in _PRECISIONS:
        precision, mean = _PRECISIONS[node.family.name](parameters), parameters["mean"]
        # h = P m
        linear = ex.reduce("sum", precision * mean[..., None, :], -1)
        return _stacked(precision, n, (d, d)), _stacked(linear, n, (d,))
    degrees = parameters["degrees_of_freedom"]
    # |X|**(-(n + d + 1) / 2) exp(-tr(S X**-1) / 2)
    if node.family.name == "InverseWishart":
        return _stacked(0.5 * (degrees + (d + 1.0)), n, ()), _stacked(parameters["scale"], n, (d, d))
    # |X|**((n - d - 1) / 2) exp(-tr(T X) / 2)
    matrix = inverse(parameters["scale"]) if node.family.name == "WishartCov" else parameters["inverse_scale"]
    return _stacked(0.5 * (degrees - (d + 1.0)), n, ()), _stacked(matrix, n, (d, d))


_PRECISIONS: dict[str, Callable[[Any], Any]] = {
    "MvNormal": lambda parameters: parameters["precision"],
    "MvNormalCov": lambda parameters: inverse(parameters["covariance"]),
    "MvNormalChol": lambda parameters: inverse(parameters["factor"], from_factor=True),
}


def _stacked(x: Any, n: int, event: tuple[int, ...]) -> Expression:
    """One entry per vector or matrix."""
    part = ex.as_expression(x)
    size = int(np.prod(event, dtype=int))
    if part.size == n * size:
        return ex.reshape(part, (n, *event))
    return ex.broadcast_to(ex.reshape(part, (1, *event)) if part.size == size else part, (n, *event))


def _message(e: Contribution, kind: str, v: Expression, n: int) -> tuple[Expression, Expression]:
    """What one child says, gathered per vector or matrix."""
    name, family = e.factor.node.name, e.factor.family
    if e.factor.x is not None and v in e.factor.x.leaves:
        raise NotConjugate(f"{name} has it as its value")
    touching = [p for p, x in e.parameters.items() if v in x.leaves]
    above = _MATRICES_ABOVE.get((family.name, kind)) if family is not None else None
    if above is not None and touching == [above[0]]:
        first, second = _matrix_message(e, v, n, *above)
        return times_power(first, e.tempered), times_power(second, e.tempered)
    message = family.statistics.messages.get(touching[0]) if family and family.statistics and touching else None
    if len(touching) != 1 or message is None or message.kind != kind or e.sums is None:
        raise NotConjugate(f"{name} has no {kind} message to its {' and '.join(touching) or 'parameters'}")
    others = {p: x for p, x in e.parameters.items() if p != touching[0]}
    first, second = (ex.as_expression(m) for m in message.natural(e.sums, others))
    rows, scale = scaled_rows(e.parameters[touching[0]], v, name)
    count = int(np.prod(e.elements.shape, dtype=int))
    if kind in _TIMES:
        second = elementwise(_TIMES[kind], second, scale)
    elif not ex.is_everywhere(scale, 1.0):
        raise NotConjugate(f"{name}'s mean is a multiple of it")
    return _gathered(first, rows, count, n), _gathered(second, rows, count, n)


# What a factor c does to the message when the child's matrix is c times this one: tr(S c X) and tr(S (c X)**-1).
_TIMES = {"wishart": "multiply", "inverse wishart": "divide"}


def _matrix_message(
    e: Contribution, v: Expression, n: int, parameter: str, inverted: bool
) -> tuple[Expression, Expression]:
    """What matrices X with n degrees of freedom say of a matrix T above them.

    Wishart matrices of their inverse scale: |T|**(n / 2) exp(-tr(T X) / 2); inverse Wishart ones of their scale: the
    same with X**-1; Wishart ones of their scale: |T|**(-n / 2) exp(-tr(T**-1 X) / 2), an inverse Wishart distribution
    of T.
    """
    name, x, d = e.factor.node.name, e.factor.x, v.shape[-1]
    assert x is not None
    rows, scale = scaled_rows(e.parameters[parameter], v, name)
    count = x.size // (d * d)
    # n / 2 either way: `first` is the power f of |X|**f in a Wishart, of |X|**-f in an inverse Wishart distribution.
    first = _stacked(0.5 * e.parameters["degrees_of_freedom"], count, ())
    matrices = ex.reshape(ex.inverse(x) if inverted else x, (count, d, d))
    second = elementwise(_TIMES[KINDS[v.extra.family.name]], matrices, scale)
    return _gathered(first, rows, count, n), _gathered(second, rows, count, n)


def scaled_rows(parameter: Expression, v: Expression, name: str) -> tuple[np.ndarray, Expression]:
    """Which of the vectors or matrices each entry of a parameter is, and times what: a number, or shape (entries, ...).

    Raises
    ------
    NotConjugate
        If the parameter is no look-up of whole vectors or matrices, each times a number.
    """
    link = affine(parameter, v, v)
    if link is None or not link.index.is_constant or not ex.is_everywhere(link.offset, 0.0):
        raise NotConjugate(f"{name}'s parameter is no plain look-up of it")
    size = _event_size(parameter, v)
    index = np.asarray(link.index.known).reshape(-1, size)
    rows = index[:, 0] // size
    # Every entry of the parameter must be one whole vector or matrix, in its own order.
    if not np.array_equal(index, rows[:, None] * size + np.arange(size)):
        raise NotConjugate(f"{name}'s parameter takes it apart")
    return rows, _one_for_each(link.slope, parameter, v, name)


def _one_for_each(slope: Expression, parameter: Expression, v: Expression, name: str) -> Expression:
    """The slope as one number for each vector or matrix, with as many axes as those."""
    if slope.size == 1:
        return ex.reshape(slope, ())
    axes = v.extra.family.event_ndim
    if slope.is_constant and np.all(np.asarray(slope.known) == np.ravel(slope.known)[0]):
        return constant(np.ravel(slope.known)[0])
    wide = slope.shape[slope.ndim - axes :]
    if slope.ndim < axes or any(length != 1 for length in wide):
        raise NotConjugate(f"{name}'s parameter multiplies its parts by different numbers")
    count = parameter.size // int(np.prod(v.shape[v.ndim - axes :], dtype=int))
    return ex.reshape(
        ex.broadcast_to(slope, (*parameter.shape[: parameter.ndim - axes], *[1] * axes)), (count, *[1] * axes)
    )


def _event_size(parameter: Expression, v: Expression) -> int:
    """Numbers in one vector or matrix."""
    axes = 1 if v.ndim == 1 else (2 if v.shape[-1] == v.shape[-2] and parameter.shape[-2:] == v.shape[-2:] else 1)
    node = v.extra
    axes = node.family.event_ndim if isinstance(node, Distribution) else axes
    return int(np.prod(v.shape[v.ndim - axes :], dtype=int))


def _gathered(x: Expression, rows: np.ndarray, count: int, n: int) -> Expression:
    """Sum of the messages to each vector or matrix; without an axis of their own they are all to the same one."""
    each = x.shape[1:] if x.shape[:1] == (count,) else x.shape
    size = int(np.prod(each, dtype=int))
    wide = ex.broadcast_to(x, (count, *each)) if x.shape != (count, *each) else x
    rows = np.broadcast_to(rows, (count,))
    positions = rows[:, None] * size + np.arange(size)
    return ex.reshape(scatter(ex.reshape(wide, (-1,)), np.ascontiguousarray(positions.ravel()), n * size), (n, *each))
