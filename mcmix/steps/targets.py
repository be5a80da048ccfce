"""What a step needs to know of a variable: its log density, its ends, its transform, its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcmix.kernels import transforms as kernels
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import holds_nodes, shape_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.by_component import RowsByLabel, by_element, of_components, rows_by_label
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.rewrite import NotSeparable, follow_rows
from mcmix.structure.walks import ordered

MOST_ENUMERATED = 512  # values of a discrete variable that are all tried


@dataclass(frozen=True)
class Target:
    """Log density of a variable given the rest, as an expression.

    Attributes
    ----------
    expression : Expression
        Scalar, or one entry per element of the variable when `single`.
    single : bool
        Element i of the expression is all that depends on element i of the variable.
    size : int
        Largest number of elements in any part of it: what one evaluation costs.
    by_label : tuple of RowsByLabel
        Rows that it goes over component by component: their order is kept up to date by the label update.
    """

    expression: Expression
    single: bool
    size: int
    by_label: tuple[RowsByLabel, ...] = ()


def target_of(node: Stochastic, structure: Structure) -> Target:
    """Everything that depends on a variable, added up; per element where elements stand alone."""
    leaf, about = structure.recording.leaves[node], structure.about(node)
    alone = _single(about, leaf, structure) if leaf.ndim == 1 else None
    if alone is not None:
        return alone
    cost = max(max(x.size for x in ordered(e.elements)) for e in about)
    total, used = constant(0.0), []
    for e in about:
        own = of_components(e, structure, leaf)
        used += [] if own is None else [rows_by_label(e, structure)]
        total = elementwise("add", total, reduce("sum", e.elements if own is None else own))
    return Target(total, False, cost, tuple(u for u in used if u is not None))


def _single(about: Sequence[Contribution], leaf: Expression, structure: Structure) -> Target | None:
    """The target of each element by itself, where elements stand alone."""
    total, used = constant(0.0), list[RowsByLabel]()
    for e in about:
        own = by_element(e, structure, leaf)
        if own is None and not _aligned(e.elements, leaf):
            return None
        found = rows_by_label(e, structure) if own is not None else None
        used += [] if found is None else [found]
        total = elementwise("add", total, e.elements if own is None else own)
    return Target(total, True, max([u.size for u in used], default=1), tuple(used))


def joint_target(nodes: Sequence[Stochastic], structure: Structure) -> tuple[Expression, tuple[RowsByLabel, ...]]:
    """Log density of several variables given the rest: everything that depends on any of them, added up.

    And the rows that it goes over component by component.
    """
    total, used = constant(0.0), list[RowsByLabel]()
    for e in dict.fromkeys(e for node in nodes for e in structure.about(node)):
        own = of_components(e, structure)
        found = rows_by_label(e, structure) if own is not None else None
        used += [] if found is None else [found]
        total = elementwise("add", total, reduce("sum", e.elements if own is None else own))
    return total, tuple(used)


def _aligned(part: Expression, leaf: Expression) -> bool:
    """Whether element i of a density depends on element i of the variable and on no other."""
    if part.shape != leaf.shape:
        return False

    def on_part(x: Expression) -> bool:
        if x is leaf:
            return False
        if x.op == "take" and (
            leaf in x.leaves or x.arguments[0].shape == leaf.shape and x.arguments[0].op not in ("leaf", "constant")
        ):
            raise NotSeparable("looked up")
        if any(a.size == 1 and a.shape != leaf.shape and leaf in a.leaves for a in x.arguments):
            raise NotSeparable("all elements enter")
        return True

    try:
        follow_rows(part, leaf.size, on_part)
    except NotSeparable:
        return False
    return all(x.op != "python" and (x.shape != leaf.shape or x.op != "cumsum") for x in ordered(part))


def bounds_of(node: Stochastic) -> tuple[np.ndarray, np.ndarray]:
    """Known ends of a variable's range, one per element (infinite where they depend on other unknowns)."""
    n = int(np.prod(node.state_shape, dtype=int))
    lower, upper = np.full(n, -np.inf), np.full(n, np.inf)
    if node.is_circular:
        return lower.clip(-np.pi), upper.clip(None, np.pi)
    if isinstance(node, Distribution):
        for end, out in ((node.family.support.lower, lower), (node.family.support.upper, upper)):
            if not isinstance(end, str):
                out[:] = end
            elif not holds_nodes(node.parents[end]):
                out[:] = np.ravel(node.state_of(np.broadcast_to(np.asarray(node.parents[end], float), node.shape)))
        if node.family.name == "Categorical":  # beyond these values, look-ups would find the next row's
            upper[:] = shape_of(node.parents["probabilities"])[-1] - 1
    return lower, upper


def transform_of(node: Stochastic, lower: np.ndarray, upper: np.ndarray) -> int:
    """The one transform of the variable's support to the whole line."""
    if isinstance(node, Distribution) and node.family.support.simplex:
        return kernels.SIMPLEX
    if isinstance(node, Distribution) and node.family.support.positive_definite:
        return kernels.POSITIVE_DEFINITE
    if isinstance(node, Distribution) and node.family.support.correlation:
        return kernels.CORRELATION
    if is_discrete(node):
        return kernels.IDENTITY
    if node.is_circular:
        return kernels.CIRCLE
    low, high = np.isfinite(lower).all(), np.isfinite(upper).all()
    if low and high:
        return kernels.LOGIT
    return kernels.LOG if low else (kernels.UPPER if high else kernels.IDENTITY)


def moves_as_block(node: Stochastic) -> bool:
    """Whether its elements cannot move one by one: simplexes, symmetric positive definite and correlation matrices."""
    support = node.family.support if isinstance(node, Distribution) else None
    return support is not None and (support.simplex or support.positive_definite or support.correlation)


def is_discrete(node: Stochastic) -> bool:
    """Whether it takes whole numbers only."""
    return np.dtype(node.dtype).kind in "iub"


def keeps_total(node: Stochastic) -> bool:
    """Whether it is made of vectors of counts with a given total: an entry cannot change alone."""
    return is_discrete(node) and isinstance(node, Distribution) and node.family.event_ndim > 0


def values_of(node: Stochastic) -> tuple[int, int] | None:
    """(lowest value, number of values) of a discrete variable with few values, else None."""
    if not is_discrete(node) or not isinstance(node, Distribution) or keeps_total(node):
        return None
    if node.family.name == "Categorical":
        return 0, int(shape_of(node.parents["probabilities"])[-1])
    lower, upper = bounds_of(node)
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        return None
    count = int(upper.max() - lower.min()) + 1
    return (int(lower.min()), count) if count <= MOST_ENUMERATED else None


def _own_functions(nodes: Sequence[Stochastic], structure: Structure) -> float:
    """1 where a user's own log density decides: one that is no number is a mistake to be told, else 0."""
    return float(any(e.factor.family is None for node in nodes for e in structure.about(node)))


@dataclass(frozen=True)
class Piece:
    """One variable of a block, or one of its events: transform, bounds, entries of one of its simplexes or matrix rows.

    `first` is where it starts among the variable's elements.
    """

    node: Stochastic
    transform: int
    lower: np.ndarray
    upper: np.ndarray
    entries: int
    first: int = 0

    @property
    def size(self) -> int:
        """Numbers in a chain's memory."""
        return len(self.lower)

    @property
    def free(self) -> int:
        """Free coordinates."""
        size = getattr(kernels.free_size, "py_func", kernels.free_size)  # as plain Python: nothing to compile here
        return int(size(self.transform, self.size, self.entries))

    def place(self, entry: int) -> int | None:
        """Which free coordinate is an entry's own, of numbers and of matrices: row by row below the diagonal there.

        None for entries above a diagonal, and for that of a correlation matrix.
        """
        if self.transform not in (kernels.POSITIVE_DEFINITE, kernels.CORRELATION):
            return entry
        d, beside = self.entries, int(self.transform == kernels.CORRELATION)
        matrix, within = divmod(entry, d * d)
        i, j = divmod(within, d)
        own = self.free // (self.size // (d * d))
        return matrix * own + (i - beside) * (i - beside + 1) // 2 + j if j <= i - beside else None


def piece_of(node: Stochastic, own_scale: bool = False) -> Piece:
    """How a variable takes part in a block; on its own scale or in free coordinates."""
    lower, upper = bounds_of(node)
    transform = transform_of(node, lower, upper)
    if own_scale and not moves_as_block(node) and not node.is_circular:
        transform = kernels.IDENTITY
    return Piece(node, transform, lower, upper, node.state_shape[-1] if moves_as_block(node) else 1)


def events_of(piece: Piece) -> list[Piece]:
    """One piece for each simplex or matrix of a variable; others as they are."""
    node = piece.node
    axes = node.family.event_ndim if isinstance(node, Distribution) and moves_as_block(node) else 0
    size = int(np.prod(node.state_shape[len(node.state_shape) - axes :], dtype=int)) if axes else piece.size
    starts = range(0, piece.size, size) if size else ()
    return [
        replace(piece, lower=piece.lower[i : i + size], upper=piece.upper[i : i + size], first=i) for i in starts
    ] or [piece]


def on_sums_of_vectors(node: Stochastic, structure: Structure) -> bool:
    """Whether all that depends on a variable is sums of rows of vectors: it is part of means or covariances.

    Evaluating that is cheap however many rows there are, and each component depends on few of the variable's elements.
    """
    below = [e for e in structure.about(node) if e.factor.node is not node]
    return all(e.over == "cells" and e.factor.family is not None and e.factor.family.vectors is not None for e in below)
