"""Means and precisions that are drawn together: normal-Wishart and normal-gamma pairs.

Where a mean's own precision is a multiple of the precision of its rows, that precision has a conjugate distribution
with the mean integrated out (Bishop 2006, "Pattern recognition and machine learning", section 2.3.6). Precision first
and the mean given it are then one exact draw of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node
from mcmix.structure import expression as ex
from mcmix.structure.conjugacy import prior_of_powers
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, scatter
from mcmix.structure.links import affine, power
from mcmix.structure.vector_conjugacy import NotConjugate, natural_prior, scaled_rows

PAIRS = {"Wishart": "MvNormal", "WishartCov": "MvNormal", "Gamma": "Normal", "Exponential": "Normal"}


@dataclass(frozen=True, eq=False)
class Joint:
    """A mean and a precision that are drawn together.

    Attributes
    ----------
    mean, precision : Distribution
    first, second : Expression
        Natural parameters of the precision with the mean integrated out.
    relative : Expression
        The mean's precision in units of the rows': one number, or one for each pair.
    """

    mean: Distribution
    precision: Distribution
    first: Expression
    second: Expression
    relative: Expression

    @property
    def reason(self) -> str:
        """Why they are."""
        return f"{self.precision.family.name} precision, {self.mean.name} integrated out, then that given it"


def joint_of(node: Node, structure: Structure) -> Joint | None:
    """The pair that a mean or a precision is part of, if there is one."""
    if not isinstance(node, Distribution) or node.mask is not None or structure.is_forward_sampled(node):
        return None
    if node.family.name in PAIRS:
        return _pair(node, structure)
    if node.family.name not in PAIRS.values():
        return None
    own = structure.recording.own_factor(node)
    above = [n for n, leaf in structure.recording.leaves.items() if leaf in own.parameters["precision"].leaves]
    found = [_pair(n, structure) for n in above if isinstance(n, Distribution) and n.family.name in PAIRS]
    return next((pair for pair in found if pair is not None and pair.mean is node), None)


def _pair(precision: Distribution, structure: Structure) -> Joint | None:
    mean = _mean_above(precision, structure)
    if mean is None or structure.is_forward_sampled(precision) or precision.mask is not None:
        return None
    if {mean, precision} & structure.apart:
        return None
    recording = structure.recording
    own = recording.own_factor(precision), recording.own_factor(mean)
    children = [e for e in structure.about(precision) if e.factor not in own]
    others = [e for e in structure.about(mean) if e.factor not in own]
    # Rows that see only one of the two would leave a marginal of the precision that is not of its family.
    if not children or {id(e) for e in children} != {id(e) for e in others}:
        return None
    try:
        read = _vectors if precision.family.event_ndim else _numbers
        return Joint(mean, precision, *read(mean, precision, children, structure))
    except NotConjugate:
        return None


def _mean_above(precision: Distribution, structure: Structure) -> Distribution | None:
    """The only unknown mean whose own precision depends on this one."""
    leaf, distribution = structure.recording.leaves[precision], PAIRS[precision.family.name]
    nodes = [e.factor.node for e in structure.about(precision) if e.factor.node is not precision]
    means = [
        n
        for n in nodes
        if isinstance(n, Distribution) and n.family.name == distribution and n in structure.recording.leaves
    ]
    found = [n for n in means if n.mask is None and _through(n, leaf, structure) == ["precision"]]
    return found[0] if len(found) == 1 else None


def _through(node: Distribution, leaf: Expression, structure: Structure) -> list[str]:
    """Its parameters that depend on a leaf."""
    return [p for p, x in structure.recording.own_factor(node).parameters.items() if leaf in x.leaves]


@dataclass(frozen=True)
class _Rows:
    """Statistics of each element's own rows, about a shift."""

    n: Any
    total: Any
    squares: Any
    shift: Any


def _vectors(
    mean: Distribution, precision: Distribution, children: list[Contribution], structure: Structure
) -> tuple[Expression, ...]:
    recording = structure.recording
    mu, matrix = recording.leaves[mean], recording.leaves[precision]
    own = recording.own_factor(mean)
    d = mean.shape[-1]
    n = matrix.size // (d * d)
    _same_rows(scaled_rows(own.parameters["precision"], matrix, mean.name)[0], n)
    if len(children) != 1:
        raise NotConjugate("several nodes depend on both")
    (e,) = children
    if e.factor.family is None or e.factor.family.name != "MvNormal" or e.sums is None:
        raise NotConjugate(f"{e.factor.node.name} is no normal distribution with sums")
    for v, name in ((mu, "mean"), (matrix, "precision")):
        rows, scale = scaled_rows(e.parameters[name], v, e.factor.node.name)
        _same_rows(rows, n)
        if not (scale.is_constant and np.all(scale.known == 1.0)):
            raise NotConjugate("a multiple of it")
    weight = _per_item(scaled_rows(own.parameters["precision"], matrix, mean.name)[1], n)
    first, second = natural_prior(precision, recording.own_factor(precision).parameters, n)
    centre = _stack(own.parameters["mean"], n, d)
    count, total, products = e.sums.n, e.sums.sums[0], e.sums.squares[0]
    count = ex.broadcast_to(ex.reshape(ex.as_expression(count), (-1,)), (n,))
    total, products = ex.reshape(ex.as_expression(total), (n, d)), ex.reshape(ex.as_expression(products), (n, d, d))
    average = total / _not_zero(count)[:, None]
    about = average + e.sums.shifts[0] - centre
    # Sums are about the shift, so this difference of squares loses few digits.
    spread = products - total[:, :, None] * average[:, None, :]
    # With mean ~ N(m, (w T)**-1) integrated out, the inverse scale of T gains S + w n / (w + n) (average - m)(average -
    # m)', S the products about the average, and the power of |T| gains n / 2.
    share = weight * count / (weight + count)
    more = spread + share[:, None, None] * (about[:, :, None] * about[:, None, :])
    return elementwise("add", first, 0.5 * count), elementwise("add", second, more), weight


def _not_zero(count: Any) -> Expression:
    """Counts to divide by: without rows their sum is zero, whatever it is divided by."""
    return elementwise("where", elementwise("greater", count, 0.0), count, 1.0)


def _per_item(scale: Expression, n: int) -> Expression:
    return ex.broadcast_to(scale, (n,)) if scale.size == 1 and scale.ndim == 0 else ex.reshape(scale, (n,))


def _stack(x: Expression, n: int, d: int) -> Expression:
    return ex.reshape(x, (n, d)) if x.size == n * d else ex.broadcast_to(ex.reshape(x, (1, d)), (n, d))


def _same_rows(rows: np.ndarray, n: int) -> None:
    if not np.array_equal(np.ravel(rows), np.arange(n)):
        raise NotConjugate("they do not go together one by one")


def _numbers(
    mean: Distribution, precision: Distribution, children: list[Contribution], structure: Structure
) -> tuple[Expression, ...]:
    recording = structure.recording
    mu, tau = recording.leaves[mean], recording.leaves[precision]
    own, n = recording.own_factor(mean), tau.size
    if mu.size != n:
        raise NotConjugate("one mean for each precision is asked for")
    link = power(own.parameters["precision"], tau, tau)
    if link is None or link.exponent != 1.0 or not _plain_index(link.index, n) or not _all(link.mask, 1.0):
        raise NotConjugate("its own precision is no multiple of it")
    weight = ex.reshape(ex.broadcast_to(link.factor, mean.shape), (n,)) if link.factor.size > 1 else link.factor
    rows = _gathered(children, mu, tau, n)
    prior = prior_of_powers(precision, recording.own_factor(precision).parameters)
    centre = ex.reshape(ex.broadcast_to(own.parameters["mean"], mean.shape), (n,))
    average = rows.total / _not_zero(rows.n)
    about = average + rows.shift - centre
    # As for vectors: half of sum_i (x_i - average)**2 + w n / (w + n) (average - m)**2 is added to the rate.
    share = weight * rows.n / (weight + rows.n)
    squares = rows.squares - rows.total * average + share * about * about
    first, second = (ex.reshape(ex.broadcast_to(ex.as_expression(p), precision.shape), (n,)) for p in prior)
    return elementwise("add", first, 0.5 * rows.n), elementwise("add", second, 0.5 * squares), ex.as_expression(weight)


def _gathered(children: list[Contribution], mu: Expression, tau: Expression, n: int) -> _Rows:
    """The statistics of all children by element: every element's rows come from one child."""
    seen = np.zeros(n, bool)
    n_rows: Any = constant(np.zeros(n))
    total, squares, shift = n_rows, n_rows, n_rows
    for e in children:
        place = _place(e, mu, tau)
        if seen[place].any() or np.unique(place).size != place.size:
            raise NotConjugate("several rows of sums belong to one element")
        seen[place] = True
        columns = [e.sums.n, e.sums.sums[0], e.sums.squares[0], e.sums.shifts[0]]  # type: ignore[union-attr]
        parts = [_spread(x, place, n) for x in columns]
        n_rows, total, squares, shift = n_rows + parts[0], total + parts[1], squares + parts[2], shift + parts[3]
    return _Rows(n_rows, total, squares, shift)


def _spread(x: Any, place: np.ndarray, n: int) -> Expression:
    part = ex.as_expression(x)
    flat = ex.reshape(part, (-1,)) if part.size == place.size else ex.broadcast_to(part, place.shape)
    return scatter(flat, constant(place), n)


def _place(e: Contribution, mu: Expression, tau: Expression) -> np.ndarray:
    """Which element each cell of a child depends on, the same of both."""
    if e.factor.family is None or e.factor.family.name != "Normal" or e.sums is None or e.over != "cells":
        raise NotConjugate(f"{e.factor.node.name} is no normal distribution with sums")
    by_mean, by_precision = affine(e.parameters["mean"], mu, mu), power(e.parameters["precision"], tau, tau)
    if by_mean is None or by_precision is None or by_precision.exponent != 1.0:
        raise NotConjugate("no look-up of both")
    plain = _all(by_mean.slope, 1.0) and _all(by_mean.offset, 0.0) and _all(by_precision.factor, 1.0)
    if not plain or not _all(by_precision.mask, 1.0):
        raise NotConjugate("no plain look-up of both")
    if not (by_mean.index.is_constant and by_precision.index.is_constant):
        raise NotConjugate("looked up at unknown places")
    first, second = np.ravel(by_mean.index.known), np.ravel(by_precision.index.known)
    if not np.array_equal(first, second):
        raise NotConjugate("they do not go together one by one")
    return np.asarray(first, dtype=np.int64)


def _plain_index(index: Expression, n: int) -> bool:
    return index.is_constant and np.array_equal(np.ravel(index.known), np.arange(n))


def _all(x: Expression, number: float) -> bool:
    return x.is_constant and bool(np.all(x.known == number))


__all__ = ["Joint", "joint_of"]
