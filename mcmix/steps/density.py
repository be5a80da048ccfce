"""Steps that need nothing but the log density: slice, adaptive Metropolis, enumeration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.kernels import block_steps, transforms
from mcmix.kernels import density_steps as kernels
from mcmix.kernels.base import AddressedKernel, address_of
from mcmix.kernels.records import made, table
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.accumulators import Accumulator
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.layout import BoundProgram
from mcmix.steps.rows_by_label import accumulators_of
from mcmix.steps.targets import (
    MOST_ENUMERATED,
    Piece,
    _own_functions,
    bounds_of,
    events_of,
    is_discrete,
    joint_target,
    keeps_total,
    moves_as_block,
    piece_of,
    target_of,
    transform_of,
    values_of,
)
from mcmix.structure.contributions import Structure
from mcmix.structure.walks import ordered

MOST_ONE_BY_ONE = 8  # longer vectors whose elements cannot be evaluated alone move as a block
REPEATS_AT_START = 15  # moves of a walk over rows by label in one round of a start
MOST_TERMS = 2**18  # of one evaluation for each part of a variable: up to here its parts move one after another


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
            self.transform = transforms.IDENTITY

    def compile(self, plan: Plan) -> None:
        """The target's program, and places for bounds and counters."""
        expression = self.target.expression
        if self.target.single:
            self.program = plan.compiled([(expression, None)], tile_rows=self.n)
        else:
            self.program = plan.compiled([(expression, None)])
        for key, n in (("lower", self.n), ("upper", self.n), ("counter", 2), ("work", self.workspace)):
            plan.layout.place((key, self), n)

    def accumulators(self) -> Sequence[Accumulator]:
        """Rows in the order of their labels, where the log density goes over these."""
        return accumulators_of(self.target.by_label)

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

    def called(
        self,
        chain: Chain,
        kernel: AddressedKernel,
        reals: np.ndarray | None = None,
        tuned: bool = False,
        **own: int,
    ) -> Call:
        """A call of one of the kernels, with what its record has beyond what all have."""
        chain.view(("lower", self))[:], chain.view(("upper", self))[:] = self.lower, self.upper
        if self.workspace == 3:
            chain.view(("work", self))[2] = self.own_functions
        bound = chain.bound(self.program)
        fields = {
            **bound.named,
            "count": self.n,
            "variable": chain.address(self.node),
            "answer": bound.answer,
            "single": self.target.single,
            "transform": self.transform,
            "lower": chain.address(("lower", self)),
            "upper": chain.address(("upper", self)),
            "counters": chain.address(("counter", self)),
            "workspace": chain.address(("work", self)),
        }
        return kernel_call(self, kernel, fields | own, reals, tuned)

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        each = "one element's terms" if self.target.single else f"{self.target.size} terms"
        if self.target.single and self.target.by_label:
            each = ", ".join(found.told for found in self.target.by_label)
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
        value = np.atleast_1d(chain.layout.rows.value_of(self.node))
        spread = np.std(value.astype(float)) if self.transform == transforms.IDENTITY else 1.0
        widths = np.full(self.n, max(float(spread), 1.0) if self.width is None else self.width)
        return [self.called(chain, kernels.slice_elements, widths, tuned=True)]

    def carry(self, learned: np.ndarray, larger: np.ndarray) -> None:
        """Widths of the elements that there were, and their mean for others."""
        larger[:] = learned.mean()
        larger[: learned.size] = learned


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
        # By seedings, rows know where their component is, and its parameters begin anywhere in the prior: a walk with
        # few steps would not be there when labels are weighed again.
        self.repeats_at_start = REPEATS_AT_START if self.target.by_label else 1
        self.scales = np.full(self.n, scale) if proposal_sd is None else scale * np.broadcast_to(proposal_sd, self.n)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        whole = is_discrete(self.node)
        scales = np.append(self.scales, 0.0)
        return [self.called(chain, kernels.metropolis_elements, scales, tuned=True, whole=whole)]

    def carry(self, learned: np.ndarray, larger: np.ndarray) -> None:
        """Scales of the elements that there were, and their mean for others; the count of moves."""
        larger[:] = learned[:-1].mean()
        larger[: learned.size - 1], larger[-1] = learned[:-1], learned[-1]

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
        return [self.called(chain, kernels.transfer_counts, reals, tuned=True, entries=self.node.state_shape[-1])]


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
    kernel = block_steps.metropolis_block

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
        self.target, self.by_label = joint_target(self.variables, structure)
        self.own_functions = _own_functions(self.variables, structure)
        self.terms = max(x.size for x in ordered(self.target))
        self.groups = [self.pieces]
        alone = events_of(self.pieces[0]) if len(self.pieces) == 1 and covariance is None else []
        # Proposals of one block of d numbers move each by about 2.38 / sqrt(d) deviations, so smaller blocks mix
        # faster.
        if 1 < len(alone) <= MOST_TERMS // self.terms:
            self.groups = [[piece] for piece in alone]
        self.n, self.d = sum(p.size for p in self.groups[0]), sum(p.free for p in self.groups[0])
        self.factor = 0.3 * np.eye(self.d) if covariance is None else self._factor(covariance)

    def accumulators(self) -> Sequence[Accumulator]:
        """Rows in the order of their labels, where the log density goes over these."""
        return accumulators_of(self.by_label)

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
        pieces = table(block_steps.PIECE, [self._piece(chain, i, p) for i, p in enumerate(group)])
        chain.kept.append(pieces)
        fields = {
            **bound.named,
            "count": self.n,
            "answer": bound.answer,
            "pieces": address_of(pieces),
            "n_pieces": len(group),
            "free": self.d,
            "counters": chain.address(("counter", self)),
            "workspace": chain.address(("work", self, g)),
        }
        return kernel_call(self, self.kernel, fields, self._tuning(), tuned=True)

    def _piece(self, chain: Chain, i: int, p: Piece) -> np.ndarray:
        places = {"variable": p.node, "lower": ("lower", self, i), "upper": ("upper", self, i)}
        found = {name: chain.address(key) + 8 * p.first for name, key in places.items()}
        return made(block_steps.PIECE, count=p.size, transform=p.transform, entries=p.entries, **found)

    def _tuning(self) -> np.ndarray:
        """What the kernel adapts, at the start."""
        # The optimal scale for a normal target in d dimensions (Gelman, Roberts and Gilks 1996, "Efficient Metropolis
        # jumping rules").
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
    kernel = block_steps.slice_block

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
        return [self.called(chain, kernels.enumerate_elements, choices=self.n_values)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.n} x {self.n_values} evaluations of {self.target.size} terms"
