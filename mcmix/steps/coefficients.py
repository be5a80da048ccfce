"""Exact draws of coefficients of linear predictors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels import coefficients as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made, table
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.accumulators import Accumulator
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call, words
from mcmix.steps.cross_products import CrossProductSums
from mcmix.steps.layout import Program
from mcmix.structure.coefficients import Coefficients, coefficients_of
from mcmix.structure.contributions import Structure
from mcmix.structure.design import refuse_collinear
from mcmix.structure.expression import Expression, leaf
from mcmix.structure.meetings import Child
from mcmix.structure.rewrite import hoisted


def competence(node: Stochastic, structure: Structure) -> str | None:
    """The first of the variables that are drawn together."""
    found = coefficients_of(node, structure)
    return found.reason if found is not None and not found.linked and found.nodes[0] is node else None


def with_others(node: Stochastic, structure: Structure) -> str | None:
    """All others."""
    found = coefficients_of(node, structure)
    return f"drawn with {found.nodes[0].name}" if found is not None and found.nodes[0] is not node else None


class CoefficientGibbs(Step):
    """Draws all coefficients that meet in rows at once: jointly normal, from cross products gathered in one pass."""

    name = "conjugate Gibbs"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        found = coefficients_of(variables[0], structure)
        if found is None or found.linked:
            raise TypeError(f"{variables[0].name}: no coefficient with a normal prior of a linear predictor")
        # Collinear columns under flat priors have no proper posterior; in rounding, the Cholesky factor might exist all
        # the same.
        refuse_collinear(found, structure)
        super().__init__(variables, reason or found.reason)
        self.group: Coefficients = found
        # Of the others cross products and sums stand ready: the prior's program counts them already.
        self.children = found.read_when_drawn
        self.row_programs: list[Program] = []

    def accumulators(self) -> list[Accumulator]:
        """Cross products by label."""
        return [CrossProductSums(found) for found in self.group.collected.values()]

    def compile(self, plan: Plan) -> None:
        """One program for the prior and what rows share, one for the rows of each child."""
        self.sizes = np.ascontiguousarray(self.group.sizes, dtype=np.int64)
        prelude: dict[Expression, Any] = {}
        rows = [self._rows_of(child, prelude) for child in self.children]
        prior = [(self.group.precision, ("precision", self)), (self.group.linear, ("linear", self))]
        self.prelude = plan.compiled([*prelude.items(), *prior])
        self.row_programs = [
            plan.rows(x, child.rows, ("columns", self, j))
            for j, (x, child) in enumerate(zip(rows, self.children, strict=True))
        ]
        most = max([len(child.terms) for child in self.children], default=0)
        plan.layout.place(("work", self), max(int(self.sizes.max()) ** 2, 2 * most))

    def _rows_of(self, child: Child, prelude: dict[Expression, Any]) -> list[Expression]:
        """A child's columns, with all that rows share moved to the prelude."""

        def whole(part: Expression) -> Expression:
            key = prelude.setdefault(part, ("shared", self, len(prelude)))
            return leaf(key, part.shape, part.kind)

        parts = [child.weight, child.rest, *(p for t in child.terms for p in (t.slope, t.index))]
        return [hoisted(p, (child.rows,), whole) for p in parts]

    def bind(self, chain: Chain) -> list[Call]:
        """One call: prior, rows, draws."""
        group = self.group
        order, starts = (np.ascontiguousarray(p, dtype=np.int64) for p in (group.order, group.row_starts))
        children = table(kernels.CHILD, [self._child(j, chain) for j in range(len(self.children))])
        targets = self._targets(chain)
        chain.kept += [order, starts, children, targets]
        fields = {
            **chain.bound(self.prelude).named,
            "coefficients": group.size,
            "blocks": len(self.sizes),
            "block_sizes": address_of(self.sizes),
            "children": address_of(children),
            "n_children": len(children),
            "precision": chain.address(("precision", self)),
            "entries": (self.sizes**2).sum(),
            "linear": chain.address(("linear", self)),
            "order": address_of(order),
            "row_starts": address_of(starts),
            "targets": address_of(targets),
            "workspace": chain.address(("work", self)),
        }
        return [kernel_call(self, kernels.draw_coefficients, fields)]

    def _child(self, j: int, chain: Chain) -> np.ndarray:
        child = self.children[j]
        return made(
            kernels.CHILD,
            **chain.bound(self.row_programs[j]).named,
            rows=child.rows,
            terms=len(child.terms),
            columns=chain.address(("columns", self, j)),
            crossed=child not in self.group.known,
        )

    def _targets(self, chain: Chain) -> np.ndarray:
        """Where each coefficient stands in the chain's memory, in the order of the blocks."""
        places = [
            chain.address(n) + 8 * np.arange(v.size) for n, v in zip(self.group.nodes, self.group.starts, strict=True)
        ]
        targets = words(*[0] * self.group.size)
        targets[self.group.order] = np.concatenate(places)
        return targets

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        parts = [f"{c.rows} rows x {len(c.terms)} coefficients" for c in self.children]
        if self.group.collected:
            many = sum(c.rows for c in self.group.collected)
            parts.append(f"sums of {many} rows that the label update makes")
        rows = " + ".join(parts) or "sums made once"
        return f"{rows}, {len(self.sizes)} exact draws of up to {int(self.sizes.max())}"


__all__ = ["CoefficientGibbs", "competence", "with_others"]
