"""The step that splits and merges components: what its kernel is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import component_draws as draws
from mcmix.kernels import split_merge as kernels
from mcmix.kernels.base import address_of, apart
from mcmix.kernels.gibbs import CONJUGATE
from mcmix.kernels.records import partly, seen, table
from mcmix.kernels.tiles import workspace_size
from mcmix.kernels.vector_gibbs import VECTORS
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call, words
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.joint_gibbs import JointGibbs
from mcmix.steps.two_components import pair_of
from mcmix.steps.vector_gibbs import VectorGibbs
from mcmix.structure import expression as ex
from mcmix.structure.component_moves import NotMoved, Weighed, weighed
from mcmix.structure.component_tables import component_tables
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Structure
from mcmix.structure.joint_priors import joint_of
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.unknown_number import SEEDS_OF_FEW, number_of
from mcmix.structure.vector_conjugacy import VectorConjugate, vector_conjugate

SCANS = 3
WHILE_TUNING = 2  # tries in an iteration of burn-in, at least
SHARE, SHARE_OF_TUNING = 0.2, 1.0  # tries' work beside that of the label update, and while burning in
MOST = 10  # tries in an iteration
# Densities of a row that would take as long as what a try does beside weighing rows: programs, more of it for vectors;
# and exchanging names, for each of these.
BESIDE_ROWS, BESIDE_VECTORS, FOR_EACH_NAME = 4000, 12_000, 700
# Of 100 proposals: splits, merges, parted and joined by lot, two joined and a third one parted in three ways, two
# divided anew.
SHARES = (30, 20, 5, 25, 10, 8, 2, 0)
OF_KNOWN_NUMBER = (10, 10, 5, 10, 15, 20, 5, 25)  # where a component without units is rare

_KINDS = {
    "normal": draws.NORMAL,
    "gamma": draws.GAMMA,
    "beta": draws.BETA,
    "vector": draws.VECTOR,
    "wishart": draws.WISHART,
    "inverse wishart": draws.INVERSE_WISHART,
}


class SplitMerge(Step):
    """Splits components and merges them, beside the label update, with weights summed out.

    Parameters
    ----------
    variables : list of Stochastic
        A vector of labels.
    structure : Structure
    tries : float, optional
        Proposals in an iteration on average, 0 for none. By default as many as take a fifth of the work of the label
        update, and two or more while burning in.

    Notes
    -----
    Jain and Neal (2007), "Splitting and merging components of a nonconjugate Dirichlet process mixture model", Bayesian
    Analysis 2. Which components are merged goes by how close they are; other moves merge two and split a third one, or
    divide the rows of two anew, and so serve where their number is known.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-9.0, 0.0, 9.0], 50), 1.0)
    >>> z = mc.Categorical("z", mc.Dirichlet("w", np.ones(6)), size=150)
    >>> mu = mc.Normal("mu", 0, 0.01, size=6)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], marginal_moves=False)
    >>> m.use_step_method(mc.SplitMerge, z)
    >>> m.step_method_dict[z][-1].name
    'split and merge'
    """

    name = "split and merge"
    needs_labels = True
    beside_others = True
    after_labels = 1
    may_refuse_for_ever = True

    def __init__(
        self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", tries: float | None = None
    ):
        super().__init__(list(variables), reason or "asked for by the user")
        block = structure.block_of(variables[0])
        if block is None:
            raise TypeError(f"{variables[0].name}: expected labels that are drawn one by one")
        if tries is not None and (isinstance(tries, bool) or not 0.0 <= tries < np.inf):
            raise TypeError(f"tries expected a number from 0 on, got {tries!r}")
        self.block, self.number = block, number_of(block, structure)
        try:
            self.weighed: Weighed = weighed(block, structure)
            self.drawn = [_drawn(v, block.label.n_labels, structure) for v in self.weighed.variables]
        except NotMoved as why:
            raise TypeError(f"{variables[0].name}: components are not split and merged: {why}") from why
        self.after = [ConjugateGibbs([v], structure) for v in self.weighed.weights]
        self.pass_: Any = None
        self.names_tell = self.number is None and not component_tables(block, structure).whole
        self.leaves = structure.recording.leaves
        self.tries = self._worth(SHARE) if tries is None else float(tries)
        self.while_tuning = max(self._worth(SHARE_OF_TUNING), WHILE_TUNING) if tries is None else self.tries
        self.note = "accepted with the exact ratio, weights summed out"

    def _worth(self, share: float) -> float:
        """How many tries an iteration takes a share of its work for, if a component has as many rows as another."""
        block = self.block
        k = block.n_seeds if self.number is not None else block.label.n_labels
        rows = len(block.factors) * block.label.n_units
        beside = BESIDE_VECTORS if any(s.rows.op == "events" for s in block.factors) else BESIDE_ROWS
        beside += FOR_EACH_NAME * block.label.n_labels if self.names_tell else 0
        found = share * (rows * k + 0.25 * BESIDE_ROWS) / (beside + 4.0 * rows / k * (SCANS + 2))
        return float(np.clip(found, 0.02, MOST))

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Keep the pass of the label update."""
        self.pass_ = passes[self.block.label]

    def compile(self, plan: Plan) -> None:
        """Natural parameters of what components have, the target, and room."""
        for step in [*self.drawn, *self.after]:
            step.compile(plan)
        self.target = plan.compiled([(self.weighed.target, ("target", self))])
        self.mass = plan.compiled([(self.weighed.mass, ("mass", self))])
        capacity = self.block.label.n_labels
        entries = sum(int(np.prod(v.shape[1:], dtype=int)) for v in self.weighed.variables)
        sums = sum(plan.layout.places[key][1] // capacity for key in self._sums())
        plan.layout.place(("order", self), 3 * self.block.label.n_units + 2 * capacity + 1)
        plan.layout.place(("room", self), 8 * entries + 5 * sums)
        plan.layout.place(("two", self), workspace_size(2))
        plan.layout.place(("counters", self), 2 + 2 * kernels.KINDS)  # of all, then kind by kind
        plan.layout.share(("counters", self), {("counter", self): 2, ("by kind", self): 2 * kernels.KINDS})

    @property
    def is_open(self) -> bool:
        """Whether components without units are many: their number is unknown, or sticks are cut."""
        return self.number is not None or any(s.conditional.kind == "beta" for s in self.after)

    @property
    def _is_one_draw(self) -> bool:
        """Whether a component's parameters are drawn at once, so that a draw does not know where they were."""
        leaves = {self.leaves[v] for v in self.weighed.variables}
        above: set[Any] = set()
        for step in self.drawn:
            parts = [step.conditional.first, step.conditional.second]
            if any(p is not None and (p.leaves & leaves) - above for p in parts):
                return False
            above |= {self.leaves[v] for v in step.variables}
        return True

    def _sums(self) -> list[Any]:
        """Keys of everything that is added up by label."""
        return [key for parts in self.pass_.sums.parts().values() for key in parts]

    # ---------------------------------------------------------------- binding

    def bind(self, chain: Chain) -> list[Call]:
        """One call, and the draws of the weights that were summed out."""
        label, n = self.block.label, self.block.label.n_units
        kinds = words(*(SHARES if self.is_open else OF_KNOWN_NUMBER))
        bound = self.pass_.bound(chain)
        pair, means, scales = pair_of(self.block.label, chain, bound, chain.address(("two", self)))
        listed = table(draws.VARIABLE, [self._variable(step, chain) for step in self.drawn])
        target, mass = chain.bound(self.target), chain.bound(self.mass)
        chain.kept += [pair, means, scales, listed, bound, kinds]
        order = chain.address(("order", self))
        fields = {
            "units": n,
            "capacity": label.n_labels - self.block.beyond,
            "lowest": label.lowest,
            "out": chain.address(label.node),
            "counts": chain.address(("units", label.node)),
            "number": 0 if self.number is None else chain.address(self.number.node),
            "target": target.words[0],
            "target_length": target.words[1],
            "answer": chain.address(("target", self)),
            "mass": mass.words[0] if self.names_tell else 0,
            "mass_length": mass.words[1],
            "mass_answer": chain.address(("mass", self)),
            "pair": address_of(pair),
            "variables": address_of(listed),
            "n_variables": len(listed),
            "scans": SCANS,
            "forgets": 0 if self._is_one_draw else SCANS,
            "kinds": address_of(kinds),
            "means": address_of(means),
            "n_means": len(means),
            "scales": address_of(scales),
            "order": order,
            "places": order + 24 * n,
            "room": chain.address(("room", self)),
            "counters": chain.address(("counter", self)),
        }
        calls = [
            kernel_call(self, kernels.split_and_merge, fields, np.array([self.tries, self.while_tuning]), tuned=True)
        ]
        after = [call for step in self.after for call in step.bind(chain)]
        return [*calls, *(Call(c.kernel, c.words, c.reals, self, c.tuned) for c in after)]

    def _variable(self, step: ConjugateGibbs | VectorGibbs, chain: Chain) -> np.ndarray:
        """One variable of the components, told to what draws it."""
        (call,) = step.bind(chain)
        capacity, conditional = self.block.label.n_labels, step.conditional
        vectors = isinstance(step, VectorGibbs)
        kind = VECTORS if vectors else CONJUGATE
        own = seen(kind, call.words)
        assert conditional.second is not None
        first, second = conditional.first.size // capacity, conditional.second.size // capacity
        entries = int(np.prod(step.variables[0].shape[1:], dtype=int))
        names = list(kind.names or ())
        places = [name for name in ("first", "second", "lower", "upper", "out") if name in names]
        told = apart(len(call.words), np.int64)
        told[:] = call.words
        alone = seen(kind, told)
        alone.program, alone.length, alone.count = 0, 0, 1 if vectors else entries
        dimension = step.d if isinstance(step, VectorGibbs) else 1
        work = apart(3 * dimension * dimension + dimension)
        chain.kept += [told, call, work]
        return partly(
            draws.VARIABLE,
            program=own.program,
            length=own.length,
            draw=call.kernel,
            told=address_of(told),
            reals=address_of(call.reals),
            kind=_KINDS[conditional.kind],
            dimension=dimension,
            entries=entries,
            first_step=first,
            second_step=second,
            workspace=address_of(work),
            **{name: getattr(own, name) for name in places},
            **{f"{name}_at": names.index(name) for name in places},
        )  # fmt: skip

    def counters(self) -> list[Any]:
        """Of all proposals."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.tries:.2g} proposals, each some {SCANS + 2} times the rows of two components"


def _drawn(node: Stochastic, capacity: int, structure: Structure) -> ConjugateGibbs | VectorGibbs:
    """What draws a variable of the components exactly, given what else these have.

    Raises
    ------
    NotMoved
        If nothing does.
    """
    pair = joint_of(node, structure)
    if pair is not None and pair.precision is node:
        step: Any = JointGibbs([node], structure).parts[0]
    elif isinstance(found := conjugate(node, structure), Conjugate) and found.kind != "dirichlet":
        step = ConjugateGibbs([node], structure)
    elif isinstance(vector_conjugate(node, structure), VectorConjugate):
        step = VectorGibbs([node], structure)
    else:
        raise NotMoved(f"{node.name} has no conjugate conditional")
    if isinstance(step, VectorGibbs) and step.n != capacity:
        raise NotMoved(f"{node.name} has several vectors or matrices for a component")
    if isinstance(step, ConjugateGibbs) and not _unbounded(step.conditional):
        raise NotMoved(f"{node.name} has bounds")
    return step


def _unbounded(c: Conjugate) -> bool:
    """Whether bounds cut nothing off."""
    lowest = {"normal": -np.inf, "gamma": 0.0, "beta": 0.0}[c.kind]
    highest = 1.0 if c.kind == "beta" else np.inf
    return bool(ex.is_everywhere(c.lower, lowest) and ex.is_everywhere(c.upper, highest))


def with_moves_of_components(asked: Sequence[Step], structure: Structure) -> list[Step]:
    """Steps that were asked for, and those that serve an unknown number of components or sticks that are broken."""
    taken = {v for step in asked for v in step.variables}
    found = [_by_default(b.label.node, structure) for b in structure.blocks if b.label.node not in taken]
    wanted = [s for s in asked if not isinstance(s, SplitMerge) or s.tries > 0]
    wanted += [step for step in found if step is not None]
    for step in wanted:
        if isinstance(step, SplitMerge) and step.is_open and step.number is None:
            # sticks that are cut have room for many components, of which most are soon without units
            step.block.n_seeds = min(step.block.n_seeds, SEEDS_OF_FEW)
    return wanted


def _by_default(node: Stochastic, structure: Structure) -> SplitMerge | None:
    """Where more or fewer components hold units as the data say: their number is unknown, or sticks are cut.

    One stick is the share of the first of two components.
    """
    try:
        step = SplitMerge([node], structure, "the number of components is open")
    except TypeError:
        return None
    several = step.number is not None or step.block.beyond > 0 or step.block.label.n_labels > 2
    return step if step.is_open and several else None


__all__ = ["SplitMerge", "with_moves_of_components"]
