"""Exact draws of vectors and matrices whose full conditional is normal, Wishart or inverse Wishart."""

from __future__ import annotations

from collections.abc import Sequence

from mcmix.kernels import vector_gibbs as kernels
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure.contributions import Structure
from mcmix.structure.vector_conjugacy import VectorConjugate, vector_conjugate

KERNELS = {
    "vector": kernels.draw_vectors,
    "wishart": kernels.draw_matrices,
    "inverse wishart": kernels.draw_inverse_matrices,
}


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Conjugate conditionals only."""
    found = vector_conjugate(node, structure)
    return found.reason if isinstance(found, VectorConjugate) else None


class VectorGibbs(Step):
    """Draws vectors or matrices from the prior's natural parameters plus one message per child."""

    name = "conjugate Gibbs"

    def __init__(
        self,
        variables: Sequence[Stochastic],
        structure: Structure,
        reason: str = "",
        conditional: VectorConjugate | None = None,
    ):
        found = vector_conjugate(variables[0], structure) if conditional is None else conditional
        if not isinstance(found, VectorConjugate):
            raise TypeError(f"{variables[0].name}: no conjugate conditional ({found})")
        super().__init__(variables, reason or found.reason)
        self.conditional = found
        self.d = self.variables[0].shape[-1]
        self.n = found.first.shape[0]

    def compile(self, plan: Plan) -> None:
        """One program computes the natural parameters."""
        parts = (self.conditional.first, self.conditional.second)
        self.program = plan.compiled([(p, ("natural", self, i)) for i, p in enumerate(parts)])
        plan.layout.place(("work", self), 3 * self.d * self.d + self.d)

    def bind(self, chain: Chain) -> list[Call]:
        """One call: run the program, draw."""
        first, second = (chain.address(("natural", self, i)) for i in range(2))
        fields = {
            **chain.bound(self.program).named,
            "count": self.n,
            "dimension": self.d,
            "first": first,
            "second": second,
            "out": chain.address(self.variables[0]),
            "workspace": chain.address(("work", self)),
        }
        return [kernel_call(self, KERNELS[self.conditional.kind], fields)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        kind = "vectors" if self.conditional.kind == "vector" else "matrices"
        return f"{self.n} exact draws of {kind} of dimension {self.d}"
