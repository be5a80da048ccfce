"""The step that draws labels one by one with weights summed out, and parameters where that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import collapsed as kernels
from mcmix.kernels import labels as label_kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import partly, seen, table
from mcmix.kernels.tiles import PASS
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.joint_gibbs import JointGibbs
from mcmix.steps.row_factors import RowFactor
from mcmix.steps.telescope import limited
from mcmix.structure.collapsed_weights import CollapsedWeights, collapsed_weights
from mcmix.structure.component_moves import NotMoved, refuse_endless, refuse_labels, refuse_rows, variables_of
from mcmix.structure.component_tables import component_tables
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.expression import Expression, constant
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.predictive_rows import NextRow, next_row
from mcmix.structure.unknown_number import number_of

_PRIORS = {"dirichlet": kernels.DIRICHLET, "unknown": kernels.UNKNOWN, "sticks": kernels.STICKS}


class CollapsedLabels(Step):
    """Draws labels one by one given all others, weights summed out, and parameters where rows are normal.

    Parameters
    ----------
    variables : list of Stochastic
        A vector of labels.
    structure : Structure
    given : bool, optional
        Whether parameters are given, and components without rows stand at draws from their prior; by default where
        they cannot be integrated out.

    Notes
    -----
    Neal (2000), "Markov chain sampling methods for Dirichlet process mixture models", JCGS 9: algorithm 3, and with
    parameters given algorithm 8, its auxiliary components all those that have no rows. For mixtures of finite mixtures
    with coefficients V_n(t) as by Miller and Harrison (2018), "Mixture models with a prior on the number of
    components", JASA 113. Parameters that were integrated out are drawn given the labels before anything asks for them.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-9.0, 9.0], 25), 1.0)
    >>> K = mc.NumberOfComponents("K", most=10)
    >>> z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=K), size=50)
    >>> m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 0.01, size=K)[z], 1.0, value=x, observed=True)])
    >>> m.use_step_method(mc.CollapsedLabels, z)
    >>> m.step_method_dict[z][1].name
    'collapsed label update'
    """

    name = "collapsed label update"
    needs_labels = True
    beside_others = True
    after_labels = 1

    def __init__(
        self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", given: bool | None = None
    ):
        super().__init__(list(variables), reason or "asked for by the user")
        node = variables[0]
        block = structure.block_of(node)
        if block is None:
            raise TypeError(f"{node.name}: expected labels that are drawn one by one")
        if given is not None and not isinstance(given, (bool, np.bool_)):
            raise TypeError(f"given expected True or False, got {given!r}")
        self.block, self.number = block, number_of(block, structure)
        try:
            refuse_endless(block)
            refuse_labels(block, component_tables(block, structure))
            self.rows = [] if given else self._rows(block, structure, given is None)
            self.given = not self.rows
            self.weights: CollapsedWeights = collapsed_weights(block, structure, self.given)
            refuse = refuse_labels if self.given else refuse_rows
            refuse(block, component_tables(block, structure))
        except NotMoved as why:
            raise TypeError(f"{node.name}: labels are not drawn with weights summed out: {why}") from why
        drawn = [_step(one, structure) for one in self.rows]
        self.after: list[Any] = [*(ConjugateGibbs([v], structure) for v in self.weights.nodes), *drawn]
        self.pass_: Any = None
        self.note = "weights summed out, parameters " + ("given" if self.given else "too")

    def _rows(self, block: LabelBlock, structure: Structure, or_given: bool) -> list[NextRow]:
        """What rows say of the next one, factor by factor; nothing where parameters are given instead."""
        try:
            variables = variables_of(block, component_tables(block, structure), structure)
            found = [next_row(s, variables, structure) for s in block.factors]
            taken = [v for one in found for v in one.variables]
            if len(set(taken)) < len(taken) or set(taken) != set(variables):
                raise NotMoved("several factors tell of one parameter")
        except NotMoved:
            if or_given:
                return []
            raise
        return found

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Keep the pass of the label update."""
        self.pass_ = passes[self.block.label]

    def compile(self, plan: Plan) -> None:
        """Priors, and room."""
        for step in self.after:
            step.compile(plan)
        outputs: list[tuple[Expression, Any]] = [
            (self.weights.first, ("first", self)),
            (self.weights.second, ("second", self)),
        ]
        for j, one in enumerate(self.rows):
            parts = {"freedom": one.freedom, "relative": one.relative, "centre": one.centre, "scale": one.scale}
            outputs += [(constant(0.0) if x is None else x, (name, self, j)) for name, x in parts.items()]
            size = kernels.state_size(one.dimension)
            plan.layout.place(("states", self, j), (self.block.label.n_labels + 1) * size)
            plan.layout.place(("work", self, j), 2 * one.dimension)
        self.program = plan.compiled(outputs)
        plan.layout.place(("room", self), 5 * self.block.label.n_labels + 1)

    def bind(self, chain: Chain) -> list[Call]:
        """One call, and the draws of what was summed out."""
        label, bound = self.block.label, self.pass_.bound(chain)
        told = seen(PASS, bound.record)
        told.log_weights = 0
        listed = table(
            kernels.PREDICTOR,
            [self._predictor(j, f, chain) for j, f in enumerate(bound.factors)] if self.rows else [],
        )
        chain.kept += [bound, listed]
        room = chain.address(("room", self))
        fields = {
            **chain.bound(self.program).named,
            "units": label.n_units,
            "capacity": label.n_labels,
            "lowest": label.lowest,
            "out": chain.address(label.node),
            "counts": chain.address(("units", label.node)),
            "number": 0 if self.number is None else chain.address(self.number.node),
            "prior": _PRIORS[self.weights.kind],
            "first": chain.address(("first", self)),
            "n_first": self.weights.first.size,
            "second": chain.address(("second", self)),
            "given": address_of(bound.record) if self.given else 0,
            "predictors": address_of(listed) if self.rows else 0,
            "n_predictors": len(self.rows),
            "collect": label_kernels.count_labels.address,
            "collected": address_of(bound.record),
            "room": room,
            "places": room + 8 * (3 * label.n_labels + 1),
        }
        # With parameters given the number of components is, too; else any component may get units.
        is_limited = self.number is not None and self.weights.kind == "dirichlet"
        calls = [limited(self, self.number, bound.record, chain)] if is_limited and self.number is not None else []
        calls.append(kernel_call(self, kernels.draw_collapsed, fields))
        after = [call for step in self.after for call in step.bind(chain)]
        return [*calls, *(Call(c.kernel, c.words, c.reals, self, c.tuned) for c in after)]

    def _predictor(self, j: int, factor: RowFactor, chain: Chain) -> np.ndarray:
        """One factor's rows and prior."""
        one = self.rows[j]
        fields, d = factor.fields, one.dimension
        vectors = "whitened" in fields
        zero = np.zeros(1)
        chain.kept += [zero, factor]
        return partly(
            kernels.PREDICTOR,
            known=one.known,
            x=fields["x"],
            rows=fields.get("rows", 0),
            numbers=fields.get("numbers", 0),
            dimension=d,
            shift=fields["third"] if vectors else address_of(zero),
            states=chain.address(("states", self, j)),
            work=chain.address(("work", self, j)),
            **{name: chain.address((name, self, j)) for name in ("freedom", "relative", "centre", "scale")},
        )

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        k = self.number.node.name if self.number is not None else str(self.block.label.n_labels)
        return f"{self.block.label.n_units} rows x {k} labels, one after another"


def _step(one: NextRow, structure: Structure) -> Step:
    """What draws parameters that were integrated out."""
    if one.known:
        return ConjugateGibbs(one.variables, structure)
    return JointGibbs(one.variables[:1], structure)


__all__ = ["CollapsedLabels"]
