"""A permutation of components that several label vectors share, such as the states of a hidden chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels.base import python_callback
from mcmix.kernels.driver import run_machine
from mcmix.kernels.machine import MACHINE, PYTHON_FAILED
from mcmix.kernels.records import TUNED, made
from mcmix.steps.base import Call, Chain, Plan, Step
from mcmix.steps.passes import Pass
from mcmix.structure.component_tables import ComponentTables
from mcmix.structure.expression import Expression


class SharedPermutation(Step):
    """Exchanges two components in all labels that mean them, and in every table with a row for each component.

    One transposition of coordinates is proposed a sweep: it is its own inverse and changes no volume, so that it is
    accepted with the ratio of the joint densities (Metropolis). Which tables follow is read off their shapes; where one
    that only happens to be as long is among them, the move is refused by that ratio and nothing else is lost.

    Parameters
    ----------
    passes : sequence of Pass
        Of the labels that mean the same components.
    tables : ComponentTables
        Theirs.
    joint : Expression
        Log density of everything, at the power of a tempered chain.
    """

    name = "label permutation move"
    may_refuse_for_ever = True  # as that of a label update: where priors tell components apart, no swap is right

    def __init__(self, passes: Sequence[Pass], tables: ComponentTables, joint: Expression):
        super().__init__([p.label.node for p in passes], "labels that depend on one another share their components")
        assert tables.together is not None
        self.passes, self.joint = list(passes), joint
        self.lowest, self.n_labels = tables.label.lowest, tables.capacity
        self.labels = [*self.variables, *tables.together.single]
        self.axes = tables.together.axes

    def compile(self, plan: Plan) -> None:
        """The joint density."""
        self.program = plan.compiled([(self.joint, None)])
        plan.layout.place(("counter", self), 2)

    def bind(self, chain: Chain) -> list[Call]:
        """One call: exchange, collect, compare, and go back if refused."""
        bound, passes = chain.bound(self.program), [p.bound(chain) for p in self.passes]
        answer = chain.memory[bound.outputs[0] :]
        counter = chain.view(("counter", self))

        def density() -> float:
            return float(answer[0]) if run_machine(MACHINE, *bound.words) == 0 else -np.inf

        def run(*unused: int) -> int:
            if chain.error is not None:  # the run is ending
                return 0
            try:
                pair = chain.rng.choice(self.n_labels, 2, replace=False)
                before = density()
                kept = chain.memory.copy()
                self._exchange(chain, *pair)
                for p in passes:
                    p.collect()
                accepted = density() - before > -chain.rng.exponential()
                if not accepted:
                    chain.memory[:] = kept
                counter[:] += [1.0, float(accepted)]
            except BaseException as error:  # noqa: BLE001  handed to the loop, which raises it
                chain.report(error)
                return PYTHON_FAILED
            return 0

        callback, address = python_callback(run, 3)
        chain.kept.append(callback)
        return [Call(address, made(TUNED, tuning=0), np.zeros(1), self)]

    def _exchange(self, chain: Chain, i: int, j: int) -> None:
        for node in self.labels:
            values = chain.view(node)
            first, second = values == self.lowest + i, values == self.lowest + j
            values[first], values[second] = self.lowest + j, self.lowest + i
        order = np.arange(self.n_labels)
        order[[i, j]] = j, i
        for node, axes in self.axes:
            table = chain.view(node).reshape(node.state_shape)
            for axis in axes:
                table[:] = np.take(table, order, axis=axis)

    def counters(self) -> list[Any]:
        """Proposals and acceptances."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return "2 evaluations of everything"


__all__ = ["SharedPermutation"]
