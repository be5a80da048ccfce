"""Coefficients of weights by row, drawn given labels: normal given Polya-Gamma numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.kernels import gates as kernels
from mcmix.kernels.base import address_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call, words
from mcmix.structure import expression as ex
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression
from mcmix.structure.gates import Gate, gate_with


def competence(node: Stochastic, structure: Structure) -> str | None:
    """The first of the variables whose coefficients weights by row are made of."""
    found = gate_with(node, structure)
    if found is None or found.nodes[0] is not node:
        return None
    return f"weights of {found.block.label.node.name} are a softmax of linear predictors"


def with_others(node: Stochastic, structure: Structure) -> str | None:
    """All others."""
    found = gate_with(node, structure)
    return f"drawn with {found.nodes[0].name}" if found is not None and found.nodes[0] is not node else None


class GateGibbs(Step):
    """Draws coefficients of weights by row class after class: normal, given Polya-Gamma numbers of the rows.

    Polson, Scott and Windle (2013), "Bayesian inference for logistic models using Polya-Gamma latent variables".
    """

    name = "Polya-Gamma Gibbs"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        found = gate_with(variables[0], structure)
        if found is None:
            raise TypeError(f"{variables[0].name}: no coefficient of weights by row that are a softmax")
        super().__init__(variables, reason or competence(found.nodes[0], structure) or "")
        self.gate: Gate = found
        self._prior = _prior(found, structure)

    def compile(self, plan: Plan) -> None:
        """The program of the prior."""
        first, second = self._prior
        self.program = plan.compiled([(first, ("precision", self)), (second, ("linear", self))])
        widest = int(np.diff(self.gate.starts).max())
        plan.layout.place(("work", self), 2 * widest * widest + widest)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        gate, label = self.gate, self.gate.block.label
        targets = words(*[chain.address(node) + 8 * element for node, element in gate.places])
        kept = [targets, gate.starts, gate.design, gate.offsets]
        chain.kept += kept
        fields = {
            **chain.bound(self.program).named,
            "rows": label.n_units,
            "classes": gate.classes,
            "coefficients": len(gate.places),
            "starts": address_of(gate.starts),
            "design": address_of(gate.design),
            "offsets": 0 if gate.offsets is None else address_of(np.ascontiguousarray(gate.offsets)),
            "precision": chain.address(("precision", self)),
            "linear": chain.address(("linear", self)),
            "targets": address_of(targets),
            "labels": chain.address(label.node),
            "lowest": label.lowest,
            "shifted": gate.is_alike,
            "workspace": chain.address(("work", self)),
        }
        return [kernel_call(self, kernels.draw_gate, fields)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        gate = self.gate
        return f"{len(gate.design)} rows x {gate.classes} classes, each with {len(gate.places)} coefficients"


def _prior(gate: Gate, structure: Structure) -> tuple[Expression, Expression]:
    """Precision, and precision times mean, of each coefficient, class by class."""
    firsts: list[Expression] = []
    seconds: list[Expression] = []
    starts: dict[Stochastic, int] = {}
    for node in gate.nodes:
        own = structure.recording.own_factor(node).parameters
        shape = structure.recording.leaves[node].shape
        precision, mean = (
            own[name] if own[name].shape == shape else ex.broadcast_to(own[name], shape)
            for name in ("precision", "mean")
        )
        starts[node] = sum(x.size for x in firsts)
        firsts.append(ex.reshape(precision, (-1,)))
        seconds.append(ex.reshape(ex.elementwise("multiply", precision, mean), (-1,)))
    order = np.array([starts[node] + element for node, element in gate.places])
    return ex.gather(ex.concatenate(firsts), order), ex.gather(ex.concatenate(seconds), order)


__all__ = ["GateGibbs", "competence", "with_others"]
