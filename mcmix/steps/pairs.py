"""The step that draws labels of units that are seen in pairs, one after another."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import svds

from mcmix.kernels import pairs as kernels
from mcmix.kernels.base import address_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call
from mcmix.structure.contributions import Structure
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.pairs import Pairs, pairs_of

DENSE = 500  # units up to which all singular vectors are found at once


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Labels that two units of each pair look something up by."""
    label = next((c for c in structure.non_factorising if c.node is node), None)
    return "units are seen in pairs" if label is not None and pairs_of(label, structure) is not None else None


class PairedLabels(Step):
    """Draws the label of each unit given those of all others: stochastic block models.

    Nowicki and Snijders (2001), "Estimation and prediction for stochastic blockstructures", JASA 96.
    """

    name = "labels of pairs"
    label_vector: LabelVector
    names_may_stick = True

    def __init__(self, variables: list[Stochastic], structure: Structure, reason: str = ""):
        label = next((c for c in structure.non_factorising if c.node is variables[0]), None)
        found = None if label is None else pairs_of(label, structure)
        if label is None or found is None:
            raise TypeError(f"{variables[0].name}: no labels of units that are seen in pairs")
        super().__init__(variables, f"{reason or 'units are seen in pairs'} ({found.factor.node.name})")
        self.label_vector, self.pairs = label, found

    def compile(self, plan: Plan) -> None:
        """Log weights, and the table of pairs."""
        found, k = self.pairs, self.label_vector.n_labels
        self.program = plan.compiled([(found.log_weights, ("weights", self)), (found.table, ("table", self))])
        self.n_values = found.table.size // (k * k)
        plan.layout.place(("room", self), (2 * self.n_values + 1) * k)
        self.lists = _by_unit(found, self.label_vector.n_units)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        label = self.label_vector
        starts, others, kinds = self.lists
        chain.kept.append(self.lists)
        fields = {
            **chain.bound(self.program).named,
            "units": label.n_units,
            "labels": label.n_labels,
            "values": self.n_values,
            "lowest": label.lowest,
            "out": chain.address(label.node),
            "starts": address_of(starts),
            "others": address_of(others),
            "kinds": address_of(kinds),
            "weights": chain.address(("weights", self)),
            "table": chain.address(("table", self)),
            "room": chain.address(("room", self)),
        }
        return [kernel_call(self, kernels.draw_paired_labels, fields)]

    def seeded_by(self) -> np.ndarray:
        """Coordinates in which units that are alike lie together: leading singular vectors of the pairs."""
        return embedding(self.pairs, self.label_vector.n_units, self.label_vector.n_labels)

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{len(self.pairs.first)} pairs of {self.label_vector.n_units} units, twice"


def embedding(pairs: Pairs, n: int, k: int) -> np.ndarray:
    """The leading left singular vectors of the units' values in pairs, each times its singular value.

    Sussman, Tang, Fishkind and Priebe (2012), "A consistent adjacency spectral embedding for stochastic blockmodel
    graphs", JASA 107.
    """
    values = np.asarray(pairs.factor.x.known, dtype=float)  # type: ignore[union-attr]
    matrix = coo_array((values, (pairs.first, pairs.second)), shape=(n, n)).tocsr()
    matrix = matrix + matrix.T
    if n <= DENSE:
        left, sizes, _ = np.linalg.svd(matrix.toarray())
    else:
        left, sizes, _ = svds(matrix, k=min(k, n - 1), v0=np.ones(n))
    order = np.argsort(-sizes)[:k]
    return np.asarray(left[:, order] * sizes[order])


def _by_unit(pairs: Pairs, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of each unit, one after another: where they start, the other unit, and what kind of pair."""
    unit = np.concatenate([pairs.first, pairs.second])
    other = np.concatenate([pairs.second, pairs.first])
    kind = np.concatenate([2 * pairs.numbers, 2 * pairs.numbers + 1])
    order = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[order], np.arange(n + 1))
    found = (np.ascontiguousarray(x, dtype=np.int64) for x in (starts, other[order], kind[order]))
    return tuple(found)  # type: ignore[return-value]


__all__ = ["PairedLabels", "competence"]
