"""A mean and a precision in one exact draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.vector_gibbs import VectorGibbs
from mcmix.structure.conjugacy import Conjugate
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import constant
from mcmix.structure.joint_priors import Joint, joint_of
from mcmix.structure.vector_conjugacy import VectorConjugate


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Precisions of normal-Wishart and normal-gamma pairs."""
    found = joint_of(node, structure)
    return found.reason if found is not None and found.precision is node else None


def with_precision(node: Stochastic, structure: Structure) -> str | None:
    """Means of such pairs."""
    found = joint_of(node, structure)
    return f"drawn with {found.precision.name}, given it" if found is not None and found.mean is node else None


class JointGibbs(Step):
    """Draws a precision with its mean integrated out, and at once the mean given the precision."""

    name = "joint conjugate Gibbs"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        found = joint_of(variables[0], structure)
        if found is None:
            raise TypeError(f"{variables[0].name}: no precision of a normal-Wishart or normal-gamma pair")
        super().__init__(variables, reason or found.reason)
        self.parts = _steps(found, structure)

    def compile(self, plan: Plan) -> None:
        """Both parts."""
        for part in self.parts:
            part.compile(plan)

    def bind(self, chain: Chain) -> list[Call]:
        """Precision first, the mean directly after it."""
        calls = [call for part in self.parts for call in part.bind(chain)]
        return [Call(c.kernel, c.words, c.reals, self, c.tuned) for c in calls]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return " and ".join(part.cost for part in self.parts)


def _steps(found: Joint, structure: Structure) -> list[Step]:
    if found.precision.family.event_ndim:
        matrices = VectorConjugate("wishart", found.first, found.second, found.reason)
        return [VectorGibbs([found.precision], structure, conditional=matrices), VectorGibbs([found.mean], structure)]
    n = found.first.size
    ends = constant(np.zeros(n)), constant(np.full(n, np.inf))
    numbers = Conjugate("gamma", found.first, found.second, *ends, 1.0, found.reason)
    return [ConjugateGibbs([found.precision], structure, numbers), ConjugateGibbs([found.mean], structure)]


class DrawnAlong(Step):
    """A variable that the step of another draws along: nothing is left to do."""

    name = "drawn along"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str):
        super().__init__(variables, reason)

    def compile(self, plan: Plan) -> None:
        """Nothing."""

    def bind(self, chain: Chain) -> list[Call]:
        """No call of its own."""
        return []
