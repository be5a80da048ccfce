"""Missing coordinates of multivariate normal data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.kernels import coordinates as kernels
from mcmix.kernels.base import address_of
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure import expression as ex
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression, gather

KINDS = {
    "MvNormal": kernels.BY_PRECISION,
    "MvNormalCov": kernels.BY_COVARIANCE,
    "MvNormalChol": kernels.BY_FACTOR,
}


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Rows of a multivariate normal whose missing coordinates nothing else depends on."""
    if node.mask is None or not isinstance(node, Distribution) or node.family.name not in KINDS:
        return None
    own = structure.recording.own_factor(node)
    leaf = structure.recording.leaves[node]
    if any(e.factor is not own for e in structure.about(node)) or any(
        leaf in p.leaves for p in own.parameters.values()
    ):
        return None
    return f"normal given the other coordinates of its {int(node.mask.reshape(-1, node.shape[-1]).any(1).sum())} rows"


class MissingCoordinates(Step):
    """Draws the missing coordinates of each row jointly from their conditional normal distribution."""

    name = "conditional normal"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, reason)
        node = self.variables[0]
        assert isinstance(node, Distribution) and node.mask is not None
        self.d = node.shape[-1]
        self.mask = node.mask.reshape(-1, self.d)
        self.rows = np.flatnonzero(self.mask.any(1))
        self.kind = KINDS[node.family.name]
        self.factor = structure.recording.own_factor(node)
        mean, matrix = self.factor.parameters.values()
        batch = node.shape[:-1]
        self.mean, self.matrix = self._of_rows(mean, 1, batch), self._of_rows(matrix, 2, batch)

    def _of_rows(self, x: Expression, axes: int, batch: tuple[int, ...]) -> Expression:
        """A parameter at the rows with gaps, or shared by all."""
        own = x.shape[x.ndim - axes :]
        size = int(np.prod(own, dtype=int))
        if x.size == size:
            return x
        places = np.broadcast_to(np.arange(x.size).reshape(x.shape), (*batch, *own)).reshape(-1, size)
        return gather(ex.reshape(x, (-1,)), np.ascontiguousarray(places[self.rows]))

    def compile(self, plan: Plan) -> None:
        """Means and matrices, and room for rows and factors."""
        outputs = [(self.mean, ("mean", self)), (self.matrix, ("matrix", self))]
        self.program = plan.compiled(outputs)
        plan.layout.place(("rows", self), len(self.rows) * self.d)
        plan.layout.place(("work", self), 4 * self.d * self.d + 4 * self.d)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        node, d = self.variables[0], self.d
        known = np.asarray(self.factor.data, dtype=float).reshape(-1, d)[self.rows]
        chain.view(("rows", self))[:] = known.ravel()
        coordinates = np.ascontiguousarray(np.nonzero(self.mask[self.rows])[1], dtype=np.int64)
        counts = np.ascontiguousarray(self.mask[self.rows].sum(1), dtype=np.int64)
        chain.kept += [coordinates, counts]
        steps = [x.size // len(self.rows) if x.size > n else 0 for x, n in ((self.mean, d), (self.matrix, d * d))]
        fields = {
            **chain.bound(self.program).named,
            "rows": len(self.rows),
            "dimension": d,
            "entries": chain.address(node),
            "known": chain.address(("rows", self)),
            "coordinates": address_of(coordinates),
            "counts": address_of(counts),
            "means": chain.address(("mean", self)),
            "mean_step": steps[0],
            "matrices": chain.address(("matrix", self)),
            "matrix_step": steps[1],
            "kind": self.kind,
            "workspace": chain.address(("work", self)),
        }
        return [kernel_call(self, kernels.draw_missing_coordinates, fields)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{int(self.mask.sum())} exact draws in {len(self.rows)} rows"
