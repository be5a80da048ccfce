"""Steps that need nothing but the log density: slice, adaptive Metropolis, enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mcmix.kernels import density_steps as kernels
from mcmix.nodes.law import Law
from mcmix.nodes.node import holds_nodes
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure.evaluate import ordered
from mcmix.structure.evidence import Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce
from mcmix.structure.rewrite import NotSeparable, follow_rows

MOST_ENUMERATED = 512  # values of a discrete variable that are all tried
CHEAP = 4096  # elements of a log density up to which slice sampling's many evaluations are worth their price
MOST_ONE_BY_ONE = 8  # longer vectors whose elements cannot be evaluated alone move as a block


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


def target_of(node: Stochastic, structure: Structure, whole: bool = False) -> Target:
    """Everything that depends on a variable, added up; per element where elements stand alone, unless `whole`."""
    leaf = structure.recording.leaves[node]
    parts = [e.elements for e in structure.about(node)]
    cost = max(max(x.size for x in ordered(p)) for p in parts)
    if not whole and leaf.ndim == 1 and all(_aligned(p, leaf) for p in parts):
        total = parts[0]
        for p in parts[1:]:
            total = elementwise("add", total, p)
        return Target(total, True, 1)
    total = constant(0.0)
    for p in parts:
        total = elementwise("add", total, reduce("sum", p))
    return Target(total, False, cost)


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
    if isinstance(node, Law):
        for end, out in ((node.family.support.lower, lower), (node.family.support.upper, upper)):
            if not isinstance(end, str):
                out[:] = end
            elif not holds_nodes(node.parents[end]):
                out[:] = np.ravel(node.state_of(np.broadcast_to(np.asarray(node.parents[end], float), node.shape)))
    return lower, upper


def transform_of(node: Stochastic, lower: np.ndarray, upper: np.ndarray) -> int:
    """The one transform of the variable's support to the whole line."""
    if isinstance(node, Law) and node.family.support.simplex:
        return kernels.SIMPLEX
    if is_discrete(node):
        return kernels.IDENTITY
    low, high = np.isfinite(lower).all(), np.isfinite(upper).all()
    if low and high:
        return kernels.LOGIT
    return kernels.LOG if low else (kernels.UPPER if high else kernels.IDENTITY)


def is_discrete(node: Stochastic) -> bool:
    """Whether it takes whole numbers only."""
    return np.dtype(node.dtype).kind in "iub"


def values_of(node: Stochastic) -> tuple[int, int] | None:
    """(lowest value, number of values) of a discrete variable with few values, else None."""
    if not is_discrete(node) or not isinstance(node, Law):
        return None
    if node.family.name == "Categorical":
        from mcmix.nodes.law import as_array, value_of

        return 0, int(np.shape(as_array(value_of(node.parents["probabilities"])))[-1])
    lower, upper = bounds_of(node)
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        return None
    count = int(upper.max() - lower.min()) + 1
    return (int(lower.min()), count) if count <= MOST_ENUMERATED else None


class DensityStep(Step):
    """Base of the steps that evaluate a target."""

    as_a_whole = False

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str):
        super().__init__(variables, reason)
        self.node = self.variables[0]
        self.target = target_of(self.node, structure, self.as_a_whole)
        self.n = int(np.prod(self.node.state_shape, dtype=int))
        self.lower, self.upper = bounds_of(self.node)
        self.transform = transform_of(self.node, self.lower, self.upper)

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
        return 1

    def slots(self, chain: Chain, extra: int = 0) -> list[int]:
        """The descriptor after its first two words."""
        chain.view(("lower", self))[:], chain.view(("upper", self))[:] = self.lower, self.upper
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

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, structure, reason or "chosen by the user")
        if is_discrete(self.node) or self.transform == kernels.SIMPLEX:
            raise TypeError(f"{self.node.name}: slice sampling moves continuous variables other than simplexes")

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        spread = np.std(np.atleast_1d(self.node.value).astype(float)) if self.transform == kernels.IDENTITY else 1.0
        widths = np.full(self.n, max(float(spread), 1.0))
        return [kernel_call(self, kernels.slice_elements, self.slots(chain), widths, tuned=True)]


class Metropolis(DensityStep):
    """Random-walk Metropolis, element by element, with scales that follow the acceptance rate while tuning."""

    name = "adaptive Metropolis"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, structure, reason or "chosen by the user")
        if self.transform == kernels.SIMPLEX:
            raise TypeError(f"{self.node.name}: a simplex moves as a block; use AdaptiveMetropolis")

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        scales = np.append(np.ones(self.n), 0.0)
        return [
            kernel_call(
                self, kernels.metropolis_elements, self.slots(chain, int(is_discrete(self.node))), scales, tuned=True
            )
        ]

    def counters(self) -> list[object]:
        """Proposals and acceptances."""
        return [("counter", self)]


class AdaptiveMetropolis(DensityStep):
    """Metropolis on all elements at once; the proposal's covariance follows the history while tuning."""

    name = "adaptive Metropolis, block"
    as_a_whole = True

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, structure, reason or "chosen by the user")
        if is_discrete(self.node):
            raise TypeError(
                f"{self.node.name}: the block step moves continuous variables; use Metropolis for whole numbers"
            )

    @property
    def workspace(self) -> int:
        """Kept value, present point, noise, proposal."""
        return 4 * self.n

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        entries = self.node.shape[-1] if self.transform == kernels.SIMPLEX else 1
        d = self.n - self.n // entries if self.transform == kernels.SIMPLEX else self.n
        reals = np.concatenate([[np.log(2.38 / np.sqrt(max(d, 1))), 0.0], np.zeros(d), (0.3 * np.eye(d)).ravel()])
        return [kernel_call(self, kernels.metropolis_block, self.slots(chain, entries), reals, tuned=True)]

    def counters(self) -> list[object]:
        """Proposals and acceptances."""
        return [("counter", self)]


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
