"""Steps for label vectors: the hard pass, and the exact way for labels that are non-factorising."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import label_moves as exchange_kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.growth import GROWTH_SIZE
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain, Plan, Step, kernel_call, words
from mcmix.steps.from_disk import bound_to_disk, on_disk_of
from mcmix.steps.passes import Pass
from mcmix.steps.slices import names_exchanged, said_of_slices, sliced
from mcmix.steps.telescope import limited
from mcmix.steps.weighted import distinct_rows
from mcmix.structure.by_component import few_values_of
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.expression import Expression, constant, elementwise, reduce, reshape
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.open_sticks import open_sticks_of
from mcmix.structure.unknown_number import number_of


class LabelGibbs(Step):
    """Draws all labels at once from their full conditionals, gathering counts and sums in the same pass over the data.

    Where something outside the likelihood tells components apart, the label permutation move comes first: it swaps two
    components, accepted with the full ratio of the joint, so that no chain stays in a label-swapped mode.
    """

    name = "label update"
    may_refuse_for_ever = True

    def __init__(self, variables: list[Stochastic], structure: Structure):
        block = structure.block_of(variables[0])
        if block is None:
            raise TypeError(f"{variables[0].name}: not a label vector whose rows separate")
        super().__init__(variables, _why(block))
        self.block = block
        self.label_vector = block.label
        self.label_pass = Pass(block, structure.blocks.index(block))
        self.tables = component_tables(block, structure)
        self.number = number_of(block, structure)
        self.names_may_stick = self.tables.names_may_stick
        self.open_sticks = open_sticks_of(block, structure)
        self.swaps = self.tables.swaps and self.open_sticks is None
        self.note = _said_of_components(self.tables) if self.number is None else "components that there are alone"
        if self.open_sticks is not None:
            self.room = self.open_sticks.node
            self.note = said_of_slices(block, self.open_sticks.node)
        self.on_disk = on_disk_of(block)
        rows = self.label_pass.data
        self.by_number = rows.whole and not self.tables.swaps and block.log_weights is not None
        self.is_drawn = self.on_disk is not None or rows.weights is None or self.by_number
        _refuse_rows_elsewhere(self)
        values = rows if self.by_number else None
        if self.number is None and self.open_sticks is None and not (self.by_number or self.swaps):
            values = distinct_rows(block)
        self.by_counts = None if values is None else Pass(block, self.label_pass.number, data=values)

    def compile(self, plan: Plan) -> None:
        """The pass, and the ratio of the label permutation move."""
        self.label_pass.compile(plan)
        if self.by_counts is not None:
            self.by_counts.compile(plan)
        if self.swaps:
            self.ratio_program = plan.compiled([(self.tables.target, None)])
            plan.layout.place(("exchange", self), 2)
        if self.open_sticks is not None:
            plan.layout.place(("growth", self), GROWTH_SIZE)
            plan.layout.place(("exchange", self), 2)
            plan.layout.place(("names", self), 2 * self.block.label.n_labels)
            assert self.block.log_weights is not None
            self.weights_program = plan.compiled([(self.block.log_weights, ("log weights", self))])

    def bind(self, chain: Chain) -> list[Call]:
        """The label permutation move first (the pass must follow it at once), then the pass."""
        calls = [self._permutation_move(chain)] if self.swaps else []
        if self.on_disk is not None:
            return [*calls, bound_to_disk(self.label_pass, chain, self.on_disk).call(self)]
        bound = self.label_pass.bound(chain)
        calls += [] if self.number is None else [limited(self, self.number, bound.record, chain)]
        if self.open_sticks is not None:
            calls += [
                names_exchanged(self, self.open_sticks, self.tables, self.weights_program, chain),
                sliced(self, self.block, bound.record, chain),
            ]
        own = bound.call(self)
        if self.by_counts is not None and self.by_counts.data.weights is not None:
            own.by_counts = self.by_counts.bound(chain).counting(self.by_counts.data.weights, self)
        return [own.by_counts] if self.by_number and own.by_counts is not None else [*calls, own]

    def _permutation_move(self, chain: Chain) -> Call:
        tables, n_labels = self.tables, self.tables.capacity
        moved = [chain.address(v) + 8 * k for table in tables.families for v, k in table]
        counts = [chain.address(("units", self.block.label.node)) + 8 * k for k in range(n_labels)]
        families = words(*moved, *(counts if tables.counts_move else ()))
        complements = words(*[chain.address(v) for v in tables.complements])
        bound = chain.bound(self.ratio_program)
        chain.kept += [families, complements]
        fields = {
            **bound.named,
            "answer": bound.answer,
            "labels": n_labels,
            "families": address_of(families),
            "n_families": len(families) // n_labels,
            "complements": address_of(complements),
            "n_complements": len(complements),
            "counters": chain.address(("exchange", self)),
        }
        kept = np.zeros(max(len(complements), 1))
        found = kernel_call(self, exchange_kernels.transpose_components, fields, kept)
        found.reads_labels = True
        return found

    def counters(self) -> list[Any]:
        """Of the label permutation move."""
        return [("exchange", self)] if self.swaps or self.open_sticks is not None else []

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        label = self.block.label
        if not self.is_drawn:
            return "nothing: rows have weights, and labels are summed out"
        rows = sum(s.rows.size for s in self.block.factors)
        if self.on_disk is not None:
            return f"{len(self.on_disk)} rows x {label.n_labels} labels, read from {self.on_disk.source}"
        if self.by_number:
            return f"{rows} rows x {label.n_labels} labels; of each row's number as many as get a label, at once"
        labels = label.n_labels if self.number is None else f"{self.number.node.name} of {label.n_labels}"
        labels = labels if self.open_sticks is None else "as many as slices reach"
        parts = self.label_pass.n_parts
        shared = f", in {parts} parts that threads share out" if parts > 1 else ""
        return f"{max(rows, label.n_units)} rows x {labels} labels{shared}"


def _refuse_rows_elsewhere(step: LabelGibbs) -> None:
    """Refuse an unknown number of components of rows that are not all in memory: names of components are drawn."""
    number = step.number or step.open_sticks
    if number is not None and (step.on_disk is not None or step.label_pass.data.weights is not None):
        raise ModelError(
            f"{number.node.name}: an unknown number of components expected all rows, and their labels, in memory; "
            "take a known number for rows on disk, or with weights"
        )


def _why(block: LabelBlock) -> str:
    kinds = []
    for s in block.factors:
        own = "sums per component" if s.cells is not None else "row by row"
        few = few_values_of(s)
        own += f", {len(few.values)} distinct values looked up" if few is not None else ""
        own += ", missing coordinates drawn with the labels" if s.gaps is not None else ""
        kinds.append(f"{s.factor.node.name} {own}" + (", several rows per label" if s.units is not None else ""))
    return "each row depends on one label" + (f" ({'; '.join(kinds)})" if kinds else "")


def _said_of_components(tables: ComponentTables) -> str:
    """Whether components are exchangeable, and what is done where they are not quite."""
    if tables.whole:
        return f"components are exchangeable; {tables.reason}"
    if tables.swaps:
        return f"plus a component-swap (Metropolis) move, because {tables.reason}"
    if tables.together is not None:
        return f"components are swapped in all label vectors that share them at once: {tables.reason}"
    return f"components are not swapped: {tables.reason}"


class NonFactorisingLabels(Step):
    """Labels whose rows may depend on each other: independence Metropolis from a table of K evaluations."""

    name = "non-factorising labels"
    label_vector: LabelVector
    names_may_stick = True

    def __init__(self, variables: list[Stochastic], structure: Structure):
        label = next((c for c in structure.non_factorising if c.node is variables[0]), None)
        if label is None:
            raise TypeError(f"{variables[0].name}: its rows separate; the label update serves it")
        super().__init__(
            variables, f"not separable by row ({structure.non_factorising[label]}); K + 1 evaluations of everything"
        )
        self.label_vector = label
        about = [e.elements for e in structure.about(variables[0])]
        rows: Expression = constant(np.zeros(label.n_units))
        joint: Expression = constant(0.0)
        for x in about:
            joint = elementwise("add", joint, reduce("sum", x))
            if x.ndim and x.shape[0] == label.n_units:  # several columns count together
                rows = elementwise("add", rows, reduce("sum", reshape(x, (label.n_units, -1)), 1) if x.ndim > 1 else x)
        self.rows, self.joint = rows, joint

    def compile(self, plan: Plan) -> None:
        """Programs of the table and of the joint density."""
        n, k = self.label_vector.n_units, self.label_vector.n_labels
        self.row_program = plan.compiled([(self.rows, ("rows", self))])
        self.joint_program = plan.compiled([(self.joint, ("joint", self))])
        plan.layout.place(("work", self), k * n + 2 * n)
        plan.layout.place(("counter", self), 4)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        rows, joint = chain.bound(self.row_program), chain.bound(self.joint_program)
        fields = {
            **rows.named,
            "count": self.label_vector.n_units,
            "labels": self.label_vector.n_labels,
            "lowest": self.label_vector.lowest,
            "variable": chain.address(self.label_vector.node),
            "rows": chain.address(("rows", self)),
            "joint_program": joint.words[0],
            "joint_length": joint.words[1],
            "joint": chain.address(("joint", self)),
            "workspace": chain.address(("work", self)),
            "counters": chain.address(("counter", self)),
        }
        return [
            kernel_call(self, exchange_kernels.non_factorising_labels, fields, np.array([16.0, 0.0, 0.0]), tuned=True)
        ]

    def counters(self) -> list[Any]:
        """Of the block move."""
        return [("counter", self)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        most = self.label_vector.n_labels + 2 + min(self.label_vector.n_units, exchange_kernels.MOST_ALONE)
        return f"{self.label_vector.n_labels + 2} to {most} evaluations of {self.label_vector.n_units} rows"


__all__ = ["NonFactorisingLabels", "LabelGibbs"]
