"""Derivatives of rows' log densities as something that a pass adds up."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from mcmix.kernels import scores as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made
from mcmix.steps.accumulators import Accumulator, Kernels, Memory
from mcmix.steps.base import Chain, Plan
from mcmix.steps.passes import AllRows
from mcmix.structure.expression import Expression, broadcast_to, constant, leaf, reduce
from mcmix.structure.gradients import NoDerivative, gradient
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.rewrite import substitute


class Scores(Accumulator):
    """Sums over a factor's rows of derivatives by whatever tells the rows' parameters, by label.

    Parameters
    ----------
    s : SeparableFactor
        Without finite sufficient statistics.
    label : LabelVector
    data : AllRows
        The rows that are gone over.

    Raises
    ------
    NoDerivative
        If rows depend on unknowns in a way that has no derivative here.

    Notes
    -----
    Under label k a row's log density is f(row; e_1(k), e_2(k), ...), where the numbers e_j(k) are the same for all
    rows. What is added up are r df/de_j with r the responsibility; :attr:`complete` hands it on to what the e_j are
    made of.
    """

    kernels = Kernels(kernels.add_scores, kernels.expect_scores)

    def __init__(self, s: SeparableFactor, label: LabelVector, data: AllRows):
        self.s, self.label = s, label
        self.slot = leaf(("score of", s.factor), ())
        rows = data.under(s, self.slot)
        self.entries = _entries(rows, self.slot)
        self.n_rows, self.n_units = rows.shape[0], data.n_units
        self.slopes = _slopes(rows, self.entries)
        self.data = data

    # Sums over all rows and over weighted ones in their place are the same sums, and have one place.

    def __hash__(self) -> int:
        return hash((Scores, self.s.factor))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and other.s.factor is self.s.factor

    @property
    def complete(self) -> Expression:
        """A scalar whose derivatives by unknowns are those of the rows' log density, labels summed out."""
        total, values = constant(0.0), constant(self.label.values)
        for j, entry in enumerate(self.entries):
            of_each = substitute(entry, {self.slot: values})
            total = total + reduce("sum", leaf(("score", self.s.factor, j), (self.label.n_labels,)) * of_each)
        return total

    def places(self) -> dict[Hashable, int]:
        """Sums by label, for each number that rows depend on."""
        return {("score", self.s.factor, j): self.label.n_labels for j in range(len(self.entries))}

    def reads(self) -> list[Hashable]:
        """The unknowns that tell the rows' parameters."""
        return list(dict.fromkeys(x.extra for own in self.slopes for x in own.leaves if x is not self.slot))

    def compile(self, plan: Plan) -> None:
        """The row program of the derivatives."""
        plan.layout.place(self.slot.extra, 1)
        rows = [broadcast_to(x, (self.n_rows,)) for x in self.slopes]
        self.program = plan.rows(rows, self.n_rows, ("score rows", self.s.factor, self.data))

    def told(self, memory: Memory) -> np.ndarray:
        """What its kernels read."""
        assert isinstance(memory, Chain)
        fields = {"units": 0, "offsets": 0}
        if self.s.units is not None:
            offsets = np.searchsorted(self.s.units, np.arange(self.n_units + 1)).astype(np.int64)
            units = np.ascontiguousarray(self.s.units, dtype=np.int64)
            memory.kept += [offsets, units]
            fields = {"units": address_of(units), "offsets": address_of(offsets)}
        return made(
            kernels.SCORES,
            **memory.bound(self.program).named,
            component=memory.address(self.slot.extra),
            result=memory.address(("score rows", self.s.factor, self.data)),
            derivatives=len(self.entries),
            sums=memory.address(("score", self.s.factor, 0)),
            **fields,
        )


def _entries(rows: Expression, slot: Expression) -> list[Expression]:
    """The numbers, the same for all rows, through which rows depend on unknowns: the largest such parts."""
    found: dict[Expression, None] = {}
    seen, waiting = {rows}, [rows]
    while waiting:
        part = waiting.pop()
        if not part.leaves - {slot}:
            continue
        if part.shape != rows.shape:
            if part.size != 1:
                raise NoDerivative("a table that is looked up by row has no derivative here")
            found[part] = None
        elif part.op == "leaf":
            raise NoDerivative("unknown values by row have no derivative here")
        else:
            waiting += [a for a in reversed(part.arguments) if a not in seen]
            seen.update(part.arguments)
    if found and rows.size == 1:
        raise NoDerivative("a single row cannot be told from what all rows share")
    return list(found)


def _slopes(rows: Expression, entries: list[Expression]) -> list[Expression]:
    """Derivative of each row's log density by each of the numbers that rows share."""
    by_row = [leaf(("entry", j), rows.shape) for j in range(len(entries))]
    apart = substitute(rows, dict(zip(entries, by_row, strict=True)))
    back = dict(zip(by_row, entries, strict=True))
    return [substitute(x, back) for x in gradient(reduce("sum", apart), by_row)]


__all__ = ["Scores"]
