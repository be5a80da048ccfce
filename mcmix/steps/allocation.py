"""The step that moves rows between two components in one direction until a row stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import allocation as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.tiles import workspace_size
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.two_components import pair_of
from mcmix.structure.component_moves import NotMoved, concentrations, refuse_rows
from mcmix.structure.component_tables import component_tables
from mcmix.structure.contributions import Structure
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.unknown_number import number_of


class NonReversibleLabels(Step):
    """Moves rows between pairs of components one by one, on in the same direction until one stays; weights summed out.

    Where components overlap so much that numbers of rows go up and down by chance alone, that takes as many iterations
    as there are rows by label updates, and few by this.

    Parameters
    ----------
    variables : list of Stochastic
        A vector of labels.
    structure : Structure
    pairs : int, optional
        Pairs of components in an iteration, by default half as many as there are components.

    Notes
    -----
    Ascolani and Zanella (2025), "Mixing times of data-augmentation and non-reversible Gibbs samplers for mixtures",
    arXiv 2510.03226, parameters given. The direction of each pair is part of a chain's state.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(size=50)
    >>> z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=50)
    >>> m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 1, size=2)[z], 1.0, value=x, observed=True)])
    >>> m.use_step_method(mc.NonReversibleLabels, z)
    >>> m.step_method_dict[z][-1].name
    'non-reversible label moves'
    """

    name = "non-reversible label moves"
    needs_labels = True
    beside_others = True
    after_labels = 1
    may_refuse_for_ever = True
    can_grow = False  # directions of pairs of components

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = "", pairs: int = 0):
        super().__init__(list(variables), reason or "asked for by the user")
        block = structure.block_of(variables[0])
        if block is None:
            raise TypeError(f"{variables[0].name}: expected labels that are drawn one by one")
        if isinstance(pairs, bool) or not isinstance(pairs, (int, np.integer)) or pairs < 0:
            raise TypeError(f"pairs expected a whole number from 1 on, got {pairs!r}")
        self.block, self.number = block, number_of(block, structure)
        try:
            refuse_rows(block, component_tables(block, structure))
            nodes, self.concentrations = concentrations(block, structure)
        except NotMoved as why:
            raise TypeError(f"{variables[0].name}: rows are not moved between two components: {why}") from why
        self.after = [ConjugateGibbs([v], structure) for v in nodes]
        self.pairs = int(pairs) or max(1, block.n_seeds // 2)
        self.pass_: Any = None
        self.note = "weights summed out, parameters given"

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Keep the pass of the label update."""
        self.pass_ = passes[self.block.label]

    def compile(self, plan: Plan) -> None:
        """Concentrations, directions, and room."""
        for step in self.after:
            step.compile(plan)
        self.program = plan.compiled([(self.concentrations, ("concentrations", self))])
        n, capacity = self.block.label.n_units, self.block.label.n_labels
        plan.layout.place(("order", self), 4 * n + 2 * capacity + 1)
        plan.layout.place(("directions", self), capacity * capacity)
        plan.layout.place(("two", self), workspace_size(2))
        plan.layout.place(("counter", self), 2)

    def bind(self, chain: Chain) -> list[Call]:
        """One call, and the draws of the weights that were summed out."""
        label, bound = self.block.label, self.pass_.bound(chain)
        pair, _, _ = pair_of(label, chain, bound, chain.address(("two", self)))
        chain.kept += [pair, bound]
        order = chain.address(("order", self))
        fields = {
            **chain.bound(self.program).named,
            "units": label.n_units,
            "capacity": label.n_labels,
            "lowest": label.lowest,
            "out": chain.address(label.node),
            "counts": chain.address(("units", label.node)),
            "number": 0 if self.number is None else chain.address(self.number.node),
            "alphas": chain.address(("concentrations", self)),
            "n_alphas": self.concentrations.size,
            "pair": address_of(pair),
            "directions": chain.address(("directions", self)),
            "tries": self.pairs,
            "order": order,
            "places": order + 32 * label.n_units,
            "counters": chain.address(("counter", self)),
        }
        after = [call for step in self.after for call in step.bind(chain)]
        own = kernel_call(self, kernels.allocate_rows, fields)
        return [own, *(Call(c.kernel, c.words, c.reals, self, c.tuned) for c in after)]

    def counters(self) -> list[Any]:
        """Of rows that were proposed."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.pairs} pairs of components: their rows twice"


__all__ = ["NonReversibleLabels"]
