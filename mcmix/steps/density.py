"""Steps that need nothing but the log density: slice, adaptive Metropolis, enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcmix.kernels import density_steps as kernels
from mcmix.kernels.base import address_of
from mcmix.nodes.law import Law
from mcmix.nodes.node import holds_nodes, shape_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.program import BoundProgram
from mcmix.structure.evaluate import ordered
from mcmix.structure.evidence import Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.rewrite import NotSeparable, follow_rows

MOST_ENUMERATED = 512  # values of a discrete variable that are all tried
MOST_ONE_BY_ONE = 8  # longer vectors whose elements cannot be evaluated alone move as a block
MOST_TERMS = 2**18  # of one evaluation for each part of a variable: up to here its parts move one after another


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
    """

    expression: Expression
    single: bool
    size: int


def target_of(node: Stochastic, structure: Structure) -> Target:
    """Everything that depends on a variable, added up; per element where elements stand alone."""
    leaf = structure.recording.leaves[node]
    parts = [e.elements for e in structure.about(node)]
    cost = max(max(x.size for x in ordered(p)) for p in parts)
    if leaf.ndim == 1 and all(_aligned(p, leaf) for p in parts):
        total = parts[0]
        for p in parts[1:]:
            total = elementwise("add", total, p)
        return Target(total, True, 1)
    total = constant(0.0)
    for p in parts:
        total = elementwise("add", total, reduce("sum", p))
    return Target(total, False, cost)


def joint_target(nodes: Sequence[Stochastic], structure: Structure) -> Expression:
    """Log density of several variables given the rest: everything that depends on any of them, added up."""
    total = constant(0.0)
    for e in dict.fromkeys(e for node in nodes for e in structure.about(node)):
        total = elementwise("add", total, reduce("sum", e.elements))
    return total


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
    if isinstance(node, Law):
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
    if isinstance(node, Law) and node.family.support.simplex:
        return kernels.SIMPLEX
    if isinstance(node, Law) and node.family.support.positive_definite:
        return kernels.POSITIVE_DEFINITE
    if isinstance(node, Law) and node.family.support.correlation:
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
    support = node.family.support if isinstance(node, Law) else None
    return support is not None and (support.simplex or support.positive_definite or support.correlation)


def is_discrete(node: Stochastic) -> bool:
    """Whether it takes whole numbers only."""
    return np.dtype(node.dtype).kind in "iub"


def keeps_total(node: Stochastic) -> bool:
    """Whether it is made of vectors of counts with a given total: an entry cannot change alone."""
    return is_discrete(node) and isinstance(node, Law) and node.family.event_ndim > 0


def values_of(node: Stochastic) -> tuple[int, int] | None:
    """(lowest value, number of values) of a discrete variable with few values, else None."""
    if not is_discrete(node) or not isinstance(node, Law) or keeps_total(node):
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


class DensityStep(Step):
    """Base of the steps that evaluate a target."""

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str, own_scale: bool = False):
        super().__init__(variables, reason)
        self.node = self.variables[0]
        self.target = target_of(self.node, structure)
        self.own_functions = _own_functions(self.variables, structure)
        self.n = int(np.prod(self.node.state_shape, dtype=int))
        self.lower, self.upper = bounds_of(self.node)
        self.transform = transform_of(self.node, self.lower, self.upper)
        if own_scale and not self.node.is_circular:  # angles are on their own scale anyway, and stay on their circle
            self.transform = kernels.IDENTITY

    def compile(self, plan: Plan) -> None:
        """The target's program, and places for bounds and counters."""
        expression = self.target.expression
        if self.target.single:
            self.program = plan.compiled([(expression, None)], tile_rows=self.n)
        else:
            self.program = plan.compiled([(expression, None)])
        for key, n in (("lower", self.n), ("upper", self.n), ("counter", 2), ("work", self.workspace)):
            plan.layout.place((key, self), n)

    @property
    def workspace(self) -> int:
        """Doubles of workspace."""
        return 3

    def tried(self, chain: Chain) -> dict[Stochastic, np.ndarray]:
        """The value at which the log density was no number."""
        place, value, _ = chain.view(("work", self))[:3]
        state = chain.view(self.node).copy()
        state[int(place)] = value
        return {self.node: state}

    def slots(self, chain: Chain, extra: int = 0) -> list[int]:
        """The descriptor after its first two words."""
        chain.view(("lower", self))[:], chain.view(("upper", self))[:] = self.lower, self.upper
        if self.workspace == 3:
            chain.view(("work", self))[2] = self.own_functions
        bound = chain.bound(self.program)
        answer = chain.memory.ctypes.data + 8 * bound.outputs[0]
        places = [chain.address((key, self)) for key in ("lower", "upper")]
        single = int(self.target.single)
        return [*bound.words, self.n, chain.address(self.node), answer, single, self.transform, *places, extra,
                                chain.address(("counter", self)), chain.address(("work", self))]  # fmt: skip

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        each = "one element's terms" if self.target.single else f"{self.target.size} terms"
        return f"{self.n} x {each} per evaluation"


class Slice(DensityStep):
    """Slice sampling, element by element, in the unconstrained coordinate (Neal 2003)."""

    name = "slice"

    def __init__(
        self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", width: float | None = None
    ):
        super().__init__(variables, structure, reason or "chosen by the user", own_scale=width is not None)
        if is_discrete(self.node) or moves_as_block(self.node):
            raise TypeError(
                f"{self.node.name}: slice sampling moves numbers on a line, no whole ones, simplexes, matrices"
            )
        self.width = width

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        spread = np.std(np.atleast_1d(self.node.value).astype(float)) if self.transform == kernels.IDENTITY else 1.0
        widths = np.full(self.n, max(float(spread), 1.0) if self.width is None else self.width)
        return [kernel_call(self, kernels.slice_elements, self.slots(chain), widths, tuned=True)]


class ElementMetropolis(DensityStep):
    """Random-walk Metropolis, element by element, with scales that follow the acceptance rate while tuning.

    With `proposal_sd` the walk goes on the variable's own scale; without, on that of its unconstrained coordinate.
    """

    name = "adaptive Metropolis"

    def __init__(
        self,
        variables: Sequence[Stochastic],
        structure: Structure,
        reason: str = "",
        scale: float = 1.0,
        proposal_sd: np.ndarray | None = None,
    ):
        super().__init__(variables, structure, reason or "chosen by the user", own_scale=proposal_sd is not None)
        if moves_as_block(self.node):
            raise TypeError(f"{self.node.name}: its elements move as a block; use AdaptiveMetropolis")
        if keeps_total(self.node) and not isinstance(self, TransferMetropolis):
            raise TypeError(f"{self.node.name}: counts with a given total do not move one by one")
        self.scales = np.full(self.n, scale) if proposal_sd is None else scale * np.broadcast_to(proposal_sd, self.n)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        discrete = int(is_discrete(self.node))
        scales = np.append(self.scales, 0.0)
        return [kernel_call(self, kernels.metropolis_elements, self.slots(chain, discrete), scales, tuned=True)]

    def counters(self) -> list[object]:
        """Proposals and acceptances."""
        return [("counter", self)]


class TransferMetropolis(ElementMetropolis):
    """Metropolis for vectors of counts with a given total: some go from one entry to another."""

    name = "adaptive Metropolis, transfers"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", scale: float = 1.0):
        if not keeps_total(variables[0]):
            raise TypeError(f"{variables[0].name}: no vectors of counts with a given total")
        super().__init__(variables, structure, reason, scale)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        reals = np.array([self.scales[0] if self.n else 1.0, 0.0])
        return [kernel_call(self, kernels.transfer_counts, self.slots(chain, self.node.state_shape[-1]), reals, True)]


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
    axes = node.family.event_ndim if isinstance(node, Law) and moves_as_block(node) else 0
    size = int(np.prod(node.state_shape[len(node.state_shape) - axes :], dtype=int)) if axes else piece.size
    starts = range(0, piece.size, size) if size else ()
    return [
        replace(piece, lower=piece.lower[i : i + size], upper=piece.upper[i : i + size], first=i) for i in starts
    ] or [piece]


def on_sums_of_vectors(node: Stochastic, structure: Structure) -> bool:
    """Whether all that hangs on a variable is sums of rows of vectors: it is part of means or covariances.

    Evaluating that is cheap however many rows there are, and each component hangs on few of the variable's elements.
    """
    below = [e for e in structure.about(node) if e.factor.node is not node]
    return all(e.over == "cells" and e.factor.family is not None and e.factor.family.vectors is not None for e in below)


class BlockMetropolis(Step):
    """Metropolis on all entries of one or several variables; the proposal's covariance follows while tuning.

    The simplexes or matrices of one variable move one after another, each with a proposal of its own, where evaluating
    the log density as often is cheap: together they would move less the more there are.

    Parameters
    ----------
    covariance : ndarray, shape (d, d), optional
        Of the proposal at the start, on the variables' own scale; without it, a ball in the free coordinates.
    """

    name = "adaptive Metropolis, block"
    kernel = kernels.metropolis_block

    def __init__(
        self,
        variables: Sequence[Stochastic],
        structure: Structure,
        reason: str = "",
        covariance: np.ndarray | None = None,
    ):
        super().__init__(variables, reason or "chosen by the user")
        for node in self.variables:
            if is_discrete(node):
                raise TypeError(f"{node.name}: the block step moves continuous variables; use DiscreteMetropolis")
        self.pieces = [piece_of(node, covariance is not None) for node in self.variables]
        self.target = joint_target(self.variables, structure)
        self.own_functions = _own_functions(self.variables, structure)
        self.terms = max(x.size for x in ordered(self.target))
        self.groups = [self.pieces]
        alone = events_of(self.pieces[0]) if len(self.pieces) == 1 and covariance is None else []
        if 1 < len(alone) <= MOST_TERMS // self.terms:
            self.groups = [[piece] for piece in alone]
        self.n, self.d = sum(p.size for p in self.groups[0]), sum(p.free for p in self.groups[0])
        self.factor = 0.3 * np.eye(self.d) if covariance is None else self._factor(covariance)

    def _factor(self, covariance: np.ndarray) -> np.ndarray:
        names = ", ".join(v.name for v in self.variables)
        if covariance.shape != (self.d, self.d):
            raise TypeError(f"{names}: cov expected shape {(self.d, self.d)}, got {covariance.shape}")
        if not np.allclose(covariance, covariance.T):
            raise TypeError(f"{names}: cov expected symmetric, got {covariance.tolist()}")
        try:
            return np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            smallest = np.linalg.eigvalsh(covariance)[0]
            raise TypeError(
                f"{names}: cov expected positive definite, its smallest eigenvalue is {smallest:g}"
            ) from error

    def compile(self, plan: Plan) -> None:
        """The target's program, and places for bounds, counters and workspace."""
        self.program = plan.compiled([(self.target, None)])
        for i, piece in enumerate(self.pieces):
            plan.layout.place(("lower", self, i), piece.size)
            plan.layout.place(("upper", self, i), piece.size)
        plan.layout.place(("counter", self), 2)
        for g in range(len(self.groups)):
            plan.layout.place(("work", self, g), self.n + 3 * self.d + 1)

    def tried(self, chain: Chain) -> dict[Stochastic, np.ndarray]:
        """The values at which the log density was no number."""
        works = [chain.view(("work", self, g)) for g in range(len(self.groups))]
        failed = max(range(len(works)), key=lambda g: works[g][-1])  # the kernel counts there
        found, at = {}, 0
        for p in self.groups[failed]:
            state = chain.view(p.node).copy()
            state[p.first : p.first + p.size] = works[failed][at : at + p.size]
            found[p.node] = state
            at += p.size
        return found

    def bind(self, chain: Chain) -> list[Call]:
        """One call for each group of what moves together."""
        for i, p in enumerate(self.pieces):
            chain.view(("lower", self, i))[:], chain.view(("upper", self, i))[:] = p.lower, p.upper
        bound = chain.bound(self.program)
        return [self._bound(chain, bound, g, group) for g, group in enumerate(self.groups)]

    def _bound(self, chain: Chain, bound: BoundProgram, g: int, group: list[Piece]) -> Call:
        chain.view(("work", self, g))[-1] = self.own_functions
        table = []
        for i, p in enumerate(group):
            places = [chain.address(key) + 8 * p.first for key in (p.node, ("lower", self, i), ("upper", self, i))]
            table.append([places[0], p.size, p.transform, p.entries, *places[1:]])
        pieces = np.array(table, dtype=np.int64)
        chain.kept.append(pieces)
        answer = chain.memory.ctypes.data + 8 * bound.outputs[0]
        places = [chain.address(("counter", self)), chain.address(("work", self, g))]
        slots = [*bound.words, self.n, address_of(pieces), answer, len(group), self.d, 0, 0, 0, *places]
        return kernel_call(self, self.kernel, slots, self._tuning(), tuned=True)

    def _tuning(self) -> np.ndarray:
        """What the kernel adapts, at the start."""
        scale = np.log(2.38 / np.sqrt(max(self.d, 1)))
        return np.concatenate([[scale, 0.0], np.zeros(self.d), self.factor.ravel()])

    def counters(self) -> list[object]:
        """Proposals and acceptances."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{len(self.groups)} x {self.terms} terms"


class BlockSlice(BlockMetropolis):
    """Slice sampling of each free coordinate in turn, of variables whose elements cannot move one by one (Neal 2003).

    For matrices it costs more evaluations than Metropolis moves of all coordinates, and needs no covariance of them.
    """

    name = "slice, free coordinates"
    kernel = kernels.slice_block

    def _tuning(self) -> np.ndarray:
        """A width for each coordinate."""
        return np.ones(max(self.d, 1))

    def counters(self) -> list[object]:
        """Nothing is rejected."""
        return []

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{len(self.groups) * self.d} x {self.terms} terms per evaluation"


class Enumeration(DensityStep):
    """Exact draw of each element of a discrete variable: every value is tried."""

    name = "enumeration"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, structure, reason or "chosen by the user")
        found = values_of(self.node)
        if found is None:
            raise TypeError(
                f"{self.node.name}: enumeration needs a discrete variable with at most {MOST_ENUMERATED} known values"
            )
        self.lowest, self.n_values = found
        self.lower = np.full(self.n, float(self.lowest))

    @property
    def workspace(self) -> int:
        """One weight per value."""
        return values_of(self.node)[1]  # type: ignore[index]

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        return [kernel_call(self, kernels.enumerate_elements, self.slots(chain, self.n_values))]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.n} x {self.n_values} evaluations of {self.target.size} terms"
