"""Coefficients of linear predictors below links: moves along the normal approximation at their mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels import link_functions
from mcmix.kernels import linked as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made, table
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.steps.layout import Program
from mcmix.structure.coefficients import Coefficients, coefficients_of
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression, constant, leaf
from mcmix.structure.linked import LinkedChild
from mcmix.structure.meetings import Child
from mcmix.structure.rewrite import hoisted

LINKS = {
    "log": link_functions.LOG,
    "logit": link_functions.LOGIT,
    "probit": link_functions.PROBIT,
    "identity": link_functions.IDENTITY,
}
PLACES = (
    "precision", "linear", "work", "here", "there", "away", "modes", "steps", "momenta", "matrices", "factors", "means",
    "by_block", "factor", "turn", "counter",
)  # fmt: skip


def competence(node: Stochastic, structure: Structure) -> str | None:
    """The first of the variables that are proposed together."""
    found = coefficients_of(node, structure)
    return found.reason if found is not None and found.linked and found.nodes[0] is node else None


class LinkedCoefficients(Step):
    """Moves all coefficients of a block at once along the normal distribution at the mode of their conditional.

    Newton finds that distribution in one pass over the rows or a few, from where the coefficients were while tuning; a
    pass here and one at the proposal give the exact ratio of a split Hamiltonian step. In one sweep of 32, chosen at
    random, and while tuning where proposals keep being refused, a slice along an ellipse takes its place.
    """

    name = "Metropolis-Hastings, normal proposal"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        found = coefficients_of(variables[0], structure)
        if found is None or not found.linked:
            raise TypeError(f"{variables[0].name}: no coefficient with a normal prior of a predictor below a link")
        super().__init__(variables, reason or found.reason)
        self.group: Coefficients = found
        self.row_programs: list[Program] = []

    def compile(self, plan: Plan) -> None:
        """One program for the prior and what rows share, one for the rows of each child."""
        group = self.group
        self.sizes = np.ascontiguousarray(group.sizes, dtype=np.int64)
        prelude: dict[Expression, Any] = {}
        rows = [self._rows_of(child, prelude) for child in group.children]
        prior = [(group.precision, ("precision", self)), (group.linear, ("linear", self))]
        self.prelude = plan.compiled([*prelude.items(), *prior])
        self.row_programs = [
            plan.rows(x, child.rows, ("columns", self, j))
            for j, (x, child) in enumerate(zip(rows, group.children, strict=True))
        ]
        m, largest = group.size, int(self.sizes.max())
        terms = max(len(child.terms) for child in group.children)
        places = dict.fromkeys(("here", "there", "away", "modes", "steps", "momenta", "means"), m)
        places |= dict.fromkeys(("matrices", "factors"), int((self.sizes**2).sum()))
        places |= {"by_block": kernels.PER_BLOCK * len(self.sizes), "factor": largest**2, "turn": 2 * m}
        places |= {"counter": 2, "work": max(m, 2 * terms)}
        for name, size in places.items():
            plan.layout.place((name, self), size)

    def _rows_of(self, child: Child, prelude: dict[Expression, Any]) -> list[Expression]:
        """A child's columns, with all that rows share moved to the prelude."""

        def whole(part: Expression) -> Expression:
            key = prelude.setdefault(part, ("shared", self, len(prelude)))
            return leaf(key, part.shape, part.kind)

        offset = child.offset if isinstance(child, LinkedChild) else constant(0.0)
        parts = [child.rest, child.weight, offset, *(p for t in child.terms for p in (t.slope, t.index))]
        return [hoisted(p, (child.rows,), whole) for p in parts]

    def bind(self, chain: Chain) -> list[Call]:
        """One call: prior, rows here, proposals, rows there."""
        group = self.group
        order, starts = (np.ascontiguousarray(p, dtype=np.int64) for p in (group.order, group.row_starts))
        block_of = np.repeat(np.arange(len(self.sizes)), self.sizes)
        children = table(kernels.CHILD, [self._child(j, chain) for j in range(len(group.children))])
        targets = self._targets(chain)
        chain.kept += [order, starts, children, targets, block_of]
        program, length = chain.bound(self.prelude).words
        fields = dict(
            program=program, length=length, coefficients=group.size, blocks=len(self.sizes),
            block_sizes=address_of(self.sizes), children=len(children), child_table=address_of(children),
            entries=int((self.sizes**2).sum()), order=address_of(order), row_starts=address_of(starts),
            targets=address_of(targets), row_pass=kernels.weigh_rows.address, block_of=address_of(block_of),
        )  # fmt: skip
        fields |= {name: chain.address((name, self)) for name in PLACES}
        return [kernel_call(self, kernels.propose_coefficients, fields, np.zeros(group.size + 1), tuned=True)]

    def _child(self, j: int, chain: Chain) -> np.ndarray:
        child = self.group.children[j]
        link = LINKS[child.link] if isinstance(child, LinkedChild) else link_functions.IDENTITY
        program, length = chain.bound(self.row_programs[j]).words
        columns = chain.address(("columns", self, j))
        return made(
            kernels.CHILD, program=program, length=length, rows=child.rows, terms=len(child.terms), columns=columns,
            link=link,
        )  # fmt: skip

    def _targets(self, chain: Chain) -> np.ndarray:
        """Where each coefficient stands in the chain's memory, in the order of the blocks."""
        places = [
            chain.address(n) + 8 * np.arange(v.size) for n, v in zip(self.group.nodes, self.group.starts, strict=True)
        ]
        targets = np.zeros(self.group.size, dtype=np.int64)
        targets[self.group.order] = np.concatenate(places)
        return targets

    def counters(self) -> list[object]:
        """Proposals and acceptances, of blocks."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        rows = " + ".join(f"{c.rows} rows x {len(c.terms)} coefficients" for c in self.group.children)
        return f"3 or more times {rows}, {len(self.sizes)} proposals of up to {int(self.sizes.max())}"


__all__ = ["LinkedCoefficients", "competence"]
