"""Steps for an unknown number of components: the number with the weights summed out, and the weights given it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.kernels import labels as label_kernels
from mcmix.kernels import telescope as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.growth import GROWTH_SIZE
from mcmix.kernels.tiles import PASS
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call, words
from mcmix.structure.contributions import Structure
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.unknown_number import UnknownNumber, clusters_of, units_of

_LABELS = (PASS.names or ()).index("labels")


def number_drawn(node: Stochastic, structure: Structure) -> str | None:
    """Unknown numbers of components."""
    found = next((n for n in structure.numbers if n.node is node), None)
    return None if found is None else f"given how {found.block.label.node.name} parts the rows, weights summed out"


def weights_drawn(node: Stochastic, structure: Structure) -> str | None:
    """Weights of as many components."""
    found = next((n for n in structure.numbers if n.weights is node), None)
    return None if found is None else f"conjugate: Dirichlet prior of {found.node.name} weights"


class Telescoping(Step):
    """Draws the number of components given the partition of the rows, then names for the occupied components.

    Weights are summed out, and components without units do not enter: any number of them may come or go. Names are
    drawn anew, each with its parameters, so that all numberings stay as likely.

    Fruehwirth-Schnatter, Malsiner-Walli and Gruen (2021), "Generalized mixtures of finite mixtures and telescoping
    sampling", Bayesian Analysis 16.
    """

    name = "telescoping"
    needs_labels = True
    after_labels = 2

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, reason or "chosen by the user")
        self.number = _number(variables[0], [n.node for n in structure.numbers], structure)
        self.tables = self.number.tables(structure)
        self.passed: Any = None
        node = self.number.node
        self.note = f"prior {node.prior}" + (f", {node.beyond:.2g} of it cut off" if node.beyond else "")
        if node.grows:
            self.room = node
            self.note += f"; room for {node.capacity} components, more when a chain needs it"

    def given_passes(self, passes: Mapping[LabelVector, Any]) -> None:
        """Keep the pass that counts the labels."""
        self.passed = passes[self.number.block.label]

    def compile(self, plan: Plan) -> None:
        """What the posterior of the number is made of, and room for it."""
        number = self.number
        self.program = plan.compiled(
            [(number.log_masses, ("log masses", self)), (number.concentrations, ("concentrations", self))]
        )
        plan.layout.place(("work", self), number.most + number.capacity)
        plan.layout.place(("growth", self), GROWTH_SIZE)
        plan.layout.place(("clusters", self), 1)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        number, counted = self.number, self.passed.bound(chain).record
        tables = [table for table in self.tables.tables if table[0][0] is not number.weights]
        families = words(*[chain.address(v) + 8 * k for table in tables for v, k in table])
        chain.kept += [families, counted]
        label = number.block.label
        fields = {
            **chain.bound(self.program).named,
            "capacity": number.capacity,
            "most": number.most,
            "number": chain.address(number.node),
            "counts": chain.address(("units", label.node)),
            "log_masses": chain.address(("log masses", self)),
            "concentrations": chain.address(("concentrations", self)),
            "n_concentrations": number.concentrations.size,
            "out": chain.address(label.node),
            "units": label.n_units,
            "lowest": label.lowest,
            "families": address_of(families),
            "n_families": len(tables),
            "collect": label_kernels.count_labels.address,
            "collected": address_of(counted),
            "workspace": chain.address(("work", self)),
            "clusters": chain.address(("clusters", self)),
            "growth": chain.address(("growth", self)),
        }
        return [kernel_call(self, kernels.telescope, fields)]

    def statistics(self) -> dict[str, tuple[Any, tuple[int, ...]]]:
        """The number of clusters, and how many units each component holds."""
        label = self.number.block.label.node
        return {
            clusters_of(label.name): (("clusters", self), ()),
            units_of(label.name): (("units", label), (self.number.capacity,)),
        }

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.number.most} masses, and the rows' sums where names change"


class WeightsInUse(Step):
    """Draws the weights of the components that there are, given the numbers of units; others weigh nothing."""

    name = "conjugate Gibbs"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, reason or "chosen by the user")
        self.number = _number(variables[0], [n.weights for n in structure.numbers], structure)

    def compile(self, plan: Plan) -> None:
        """The concentration."""
        self.program = plan.compiled([(self.number.concentration, ("concentration", self))])

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        number = self.number
        fields = {
            **chain.bound(self.program).named,
            "capacity": number.capacity,
            "number": chain.address(number.node),
            "counts": chain.address(("units", number.block.label.node)),
            "concentration": chain.address(("concentration", self)),
            "out": chain.address(number.weights),
        }
        return [kernel_call(self, kernels.draw_weights_in_use, fields)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.number.node.name} exact draws"


def limited(step: Step, number: UnknownNumber, counted: np.ndarray, chain: Chain) -> Call:
    """A call that lets a pass, told by its record, weigh the labels of the components that there are."""
    fields = {"number": chain.address(number.node), "labels": address_of(counted) + counted.itemsize * _LABELS}
    return kernel_call(step, kernels.limit_labels, fields)


def _number(node: Stochastic, nodes: Sequence[Stochastic], structure: Structure) -> UnknownNumber:
    if node not in nodes:
        raise TypeError(f"{node.name}: no unknown number of components, and no weights of so many")
    found: UnknownNumber = structure.numbers[list(nodes).index(node)]
    return found


__all__ = ["Telescoping", "WeightsInUse", "limited", "number_drawn", "weights_drawn"]
