"""Exact draws of variables whose full conditional is in a known family."""

from __future__ import annotations

import numpy as np

from mcmix.kernels import gibbs
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure.conjugacy import Conjugate, conjugate
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import constant

KERNELS = {
    "normal": gibbs.draw_normal,
    "gamma": gibbs.draw_gamma,
    "beta": gibbs.draw_beta,
    "dirichlet": gibbs.draw_dirichlet,
}


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Conjugate conditionals only."""
    found = conjugate(node, structure)
    return found.reason if isinstance(found, Conjugate) else None


class ConjugateGibbs(Step):
    """Draws a variable from its full conditional: the prior's natural parameters plus one message per child."""

    name = "conjugate Gibbs"

    def __init__(self, variables: list[Stochastic], structure: Structure, conditional: Conjugate | None = None):
        found = conjugate(variables[0], structure) if conditional is None else conditional
        if not isinstance(found, Conjugate):
            raise TypeError(f"{variables[0].name}: no conjugate conditional ({found})")
        super().__init__(variables, found.reason)
        self.conditional = found
        self.alone = structure.is_forward_sampled(variables[0])

    def compile(self, plan: Plan) -> None:
        """One program computes natural parameters and bounds."""
        c = self.conditional
        parts = [c.first, c.second if c.second is not None else constant(np.zeros(c.first.size)), c.lower, c.upper]
        keys = [("natural", self, i) for i in range(4)]
        self.keys = keys
        self.program = plan.compiled([(p, k) for p, k in zip(parts, keys, strict=True)])

    def bind(self, chain: Chain) -> list[Call]:
        """One call: run the program, draw."""
        node, n = self.variables[0], self.conditional.first.size
        first, second, lower, upper = (chain.address(k) for k in self.keys)
        fields = {**chain.bound(self.program).named, "count": n, "first": first, "out": chain.address(node)}
        if self.conditional.kind == "dirichlet":
            fields["entries"] = node.shape[-1]
        else:
            fields |= {"second": second, "lower": lower, "upper": upper, "alone": int(self.alone)}
        return [kernel_call(self, KERNELS[self.conditional.kind], fields, np.array([self.conditional.exponent]))]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.conditional.first.size} exact draws"
