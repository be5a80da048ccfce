"""The pass of a label vector over the data, compiled: what to weigh rows by, and where counts and sums go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels import gaps as gap_kernels
from mcmix.kernels import streams, tiles, vectors
from mcmix.kernels.base import address_of
from mcmix.nodes.numbers import shared_doubles
from mcmix.steps import parts
from mcmix.steps.accumulators import Accumulator, Sums
from mcmix.steps.all_rows import AllRows
from mcmix.steps.base import Chain, Plan
from mcmix.steps.bound_pass import BoundPass
from mcmix.steps.gaps import GapLayout
from mcmix.steps.parts import Hand, InParts, Parts, n_parts
from mcmix.steps.row_factors import ColumnSums, RowFactor
from mcmix.steps.rows_by_label import OrderedRows, ValueCounts
from mcmix.structure.by_component import FewValues, RowsByLabel, few_values_of, under_values
from mcmix.structure.cells import Cells, missing_in
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.expression import Expression, leaf
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.structure.rewrite import row_by_row, substitute
from mcmix.structure.tempering import POWER_KEY


class Pass:
    """The compiled pass of a label block over the data; hard and soft flavours share it."""

    def __init__(
        self,
        block: LabelBlock,
        number: int,
        integrated: bool | None = None,
        others: Sequence[Accumulator] = (),
        data: AllRows | None = None,
    ):
        self.block = block
        self.data = data if data is not None else AllRows.of(block)
        self.number = number
        self.others = [*block.distribution.accumulators(), *others]
        self.sums = Sums(block.label, block.factors, self.others)
        self.integrated = integrated  # whether missing coordinates are, by default where that is cheap
        self.gaps: dict[SeparableFactor, GapLayout] = {}
        # With tables of K parameters the family's own density weighs a tile; None: parameters vary by row, and a row
        # program is run for each label.
        self.tables: dict[SeparableFactor, list[Expression] | None] = {
            s: parameter_tables(s, block.label) for s in block.factors
        }
        self.programs: dict[SeparableFactor, Any] = {}
        self.n_parts = 1  # stretches of the rows that threads may share out among themselves
        self.told: list[Any] = []  # keys of what these parts are told
        self.centred: dict[SeparableFactor, tuple[np.ndarray, np.ndarray]] = {}
        self.renumber()

    @property
    def label(self) -> Any:
        """The label vector."""
        return self.block.label

    @property
    def rows_by_label(self) -> list[RowsByLabel]:
        """Factors whose rows are kept in the order of labels, or counted by value, for programs that ask for that."""
        return [one.found for one in self.others if isinstance(one, (OrderedRows, ValueCounts))]

    def also(self, one: Accumulator) -> None:
        """Add something else up, before sums have their places."""
        self.others += [one]
        self.sums = Sums(self.label, self.block.factors, self.others)

    def renumber(self) -> None:
        """What all chains share of the rows' numbers: those of vectors about their mean."""
        self.centred = {s: self.data.centred(s) for s in self.block.factors if s.rows.op == "events"}

    def compile(self, plan: Plan) -> None:
        """The prelude (tables and whatever rows share) and one row program per factor that needs it."""
        plan.layout.place(("component", self), 1)
        plan.layout.place(("workspace", self), tiles.workspace_size(self.label.n_labels))
        for s in self.block.factors:
            if s.rows.op == "events":
                d = s.rows.arguments[0].shape[1]
                plan.layout.place(("whitened", self, s), vectors.table_size(self.label.n_labels, d))
                if s.gaps is not None:
                    self.gaps[s] = GapLayout(missing_in(s), self.integrated)
                    plan.layout.place(("gaps", self, s), gap_kernels.space_size(self.label.n_labels, d))
            elif (few := self._few(s)) is not None:
                plan.layout.place(("values", self, s), self.label.n_labels * len(few.values))
        prelude: list[tuple[Expression, Any]] = []
        if self.block.log_weights is not None:
            prelude.append((self.block.log_weights, ("log weights", self)))
        prelude += self.block.distribution.prelude()
        for key, size in self.block.distribution.places().items():
            plan.layout.place(key, size)
        row_expressions = {}
        for s in self.block.factors:
            tables = self.tables[s]
            if tables is None:
                row_expressions[s] = self._hoisted(s, prelude)
            else:
                prelude += [(t, ("table", self, s, i)) for i, t in enumerate(tables)]
        self.prelude = plan.compiled(prelude, private=True)
        for s, x in row_expressions.items():
            self.programs[s] = plan.compiled([(x, None)], tile_rows=x.shape[0])
        self._see_parts(plan, [key for _, key in prelude], list(row_expressions.values()))

    def _see_parts(self, plan: Plan, computed: Sequence[Any], rows: Sequence[Expression]) -> None:
        """What parts of the rows are told: what the prelude computes, and unknowns that row programs look up."""
        read = dict.fromkeys(x.extra for rows_of in rows for x in rows_of.leaves)
        read.pop(("component", self), None)  # the kernels say which label it is
        read |= dict.fromkeys(key for one in self.others for key in one.reads())
        read |= {POWER_KEY: None} if self.block.tempered else {}
        self.told = list(dict.fromkeys([*computed, *read]))
        small = all(plan.layout.places[key][1] < self.data.n_units for key in read)
        own = self.block.distribution.draw is not None or self.block.distribution.expect is not None
        plain = not own and not self.block.given_others
        complete = not any(s.gaps is not None for s in self.block.factors)
        compiled = not any(program.python for program in self.programs.values())
        self.n_parts = n_parts(self.data.n_units) if small and plain and complete and compiled else 1

    @property
    def n_logs(self) -> int:
        """Numbers that add up to the log density of all units in a pass that weighs: one for each unit, or part."""
        return self.data.n_units if self.n_parts == 1 else self.n_parts

    def _hoisted(self, s: SeparableFactor, prelude: list[tuple[Expression, Any]]) -> Expression:
        """The rows' log density as a function of one label, with all that rows share moved to the prelude."""
        slot = leaf(("component", self), ())
        few = self._few(s)
        x = self.data.under(s, slot) if few is None else under_values(s, self.label, slot, few)
        replaced: dict[Expression, Expression] = {}

        seen, waiting = {x}, [x]
        while waiting:
            part = waiting.pop()
            shared = slot not in part.leaves and part.op not in ("leaf", "constant")
            # Free of the label and not by row: the same for all K labels and all tiles, so it is computed once a pass.
            if shared and (part.shape != x.shape or not row_by_row(part)):
                key = ("shared", self, s, len(replaced))
                replaced.setdefault(part, leaf(key, part.shape, part.kind))
                if replaced[part].extra == key:
                    prelude.append((part, key))
                continue
            waiting += [a for a in reversed(part.arguments) if a not in seen]
            seen.update(part.arguments)
        return substitute(x, replaced)

    def place_sums(self, plan: Plan) -> None:
        """Places of counts and sums: other steps' programs read them, so they come before any is compiled."""
        self.sums.place(plan.layout)
        for s in self.block.factors:
            if s.cells is not None:
                plan.layout.place(("shifts", s.factor), max(len(s.cells.columns), s.cells.width))

    # ---------------------------------------------------------------- binding

    def bound(self, chain: Chain) -> BoundPass:
        """The pass over one chain's memory."""
        prelude, length = chain.bound(self.prelude).words
        labels = {
            "out": chain.address(self.label.node),
            "streams": address_of(chain.row_streams(self.label.node, self.number, self.data.n_units)),
        }
        found = self.bound_over(chain, self.others, prelude=prelude, prelude_length=length, **labels)
        if self.n_parts > 1:
            rest = [one for one in self.others if not one.places()]
            last = [(one.kernels.finish.address, self._kept_by(chain, one)) for one in rest if one.kernels.finish]
            sums, n = list(self.sums.parts()), self.data.n_units
            found.divide(
                InParts(
                    found.record,
                    chain,
                    self.told,
                    sums,
                    lambda width: Parts(n, parts.PART, width, lambda: self._hand(chain, labels)),
                    last,
                    None if self.others or self.data.weights is not None else self.label.node,
                )
            )
        chain.kept.append(found)
        return found

    def _hand(self, chain: Chain, labels: dict[str, int]) -> Hand:
        """What a thread goes over parts of the rows with; labels stay where the chain has them."""
        own = Chain(chain.layout, streams.nobody(), chain)
        adding = [one for one in self.others if one.places()]  # the others look at all labels at once
        return Hand(self.bound_over(own, adding, **labels).record, own, self.told, list(self.sums.parts()))

    def bound_over(self, memory: Chain, others: Sequence[Accumulator], **fields: int) -> BoundPass:
        """All that is told of rows, parameters and sums in one memory."""
        hot = self.block.tempered  # the kernel takes these first
        factors = [self._factor(s, memory) for s in [*hot, *(s for s in self.block.factors if s not in hot)]]
        found = BoundPass.made(
            factors,
            self.sums.stretch(memory, self.sums.units),
            [one.kernels.record(self._kept_by(memory, one), self.sums.stretch(memory, one)) for one in others],
            stream=memory.stream,
            units=self.data.n_units,
            active=0 if self.data.weights is None else address_of(self.data.weights),
            log_weights=memory.address(("log weights", self)) if self.block.log_weights is not None else 0,
            lowest=self.label.lowest,
            workspace=memory.address(("workspace", self)),
            **self._distribution(memory),
            **fields,
            tempered=len(hot),
            temperature=memory.address(POWER_KEY) if hot else 0,
        )
        memory.kept.append(found)
        return found

    def _kept_by(self, memory: Chain, one: Accumulator) -> int:
        """Address of what an accumulator's kernels are told, which the memory keeps."""
        told = one.told(memory)
        memory.kept.append(told)
        return address_of(told)

    def _distribution(self, chain: Chain) -> dict[str, int]:
        """The kernels of the labels' distribution, and what they are told."""
        found = self.block.distribution
        told = found.record(chain.address)
        if told is not None:
            chain.kept.append(told)
        kernels = {name: k.address for name in ("ahead", "draw", "expect") if (k := getattr(found, name)) is not None}
        return kernels | ({} if told is None else {"distribution": address_of(told)})

    def _factor(self, s: SeparableFactor, chain: Chain) -> RowFactor:
        """What one factor weighs and adds, in one chain's memory."""
        found = self._weighed(s, chain).of_units(s.units, self.data.n_units)
        if s.cells is not None:
            self._collected(found, s, s.cells, chain)
        chain.kept += found.kept
        return found

    def _weighed(self, s: SeparableFactor, chain: Chain) -> RowFactor:
        tables = self.tables[s]
        if tables is None:
            bound = chain.bound(self.programs[s])
            found = RowFactor().by_program(bound.named, chain.address(("component", self)), bound.answer)
            return self._over_values(found, s, chain)
        if s.rows.op == "events":
            return self._vectors(s, tables, chain)
        parameters = [(chain.address(("table", self, s, i)), step) for i, step in enumerate(self.steps_of(s, tables))]
        density = s.rows.extra.density.address
        if self._few(s) is not None:
            return self._over_values(RowFactor().by_density(density, 0, parameters), s, chain)
        return RowFactor().by_density(density, self._column(self.data.values(s), chain), parameters)

    def steps_of(self, s: SeparableFactor, tables: Sequence[Expression]) -> list[int]:
        """Doubles from a component's entry of each table to the next one's."""
        if s.rows.op == "events":
            d = self.centred[s][0].shape[0]
            return [size if t.size > size else 0 for t, size in zip(tables, (d, d * d), strict=True)]
        return [int(t.size > 1 or t.shape == (self.label.n_labels,)) for t in tables]

    def _few(self, s: SeparableFactor) -> FewValues | None:
        """The rows' distinct values, where log densities are looked up."""
        return few_values_of(s) if self.data.weights is None else None

    def _over_values(self, found: RowFactor, s: SeparableFactor, chain: Chain) -> RowFactor:
        few = self._few(s)
        if few is None:
            return found
        return found.over_values(few.values, few.numbers, chain.address(("values", self, s)))

    def _vectors(self, s: SeparableFactor, tables: list[Expression], chain: Chain) -> RowFactor:
        """Rows of vectors: data column by column about a shift, means, matrices, room for the whitened ones."""
        columns, shift = self.centred[s]
        parameters = [(chain.address(("table", self, s, i)), step) for i, step in enumerate(self.steps_of(s, tables))]
        whitened = chain.address(("whitened", self, s))
        found = RowFactor().by_vectors(s.rows.extra.vectors, columns, shift, parameters, whitened)
        if s.gaps is not None:
            found.with_gaps(self.gaps[s].record(chain.address(s.factor.node), chain.address(("gaps", self, s))))
        return found

    def _column(self, x: Expression, chain: Chain) -> int:
        """Where a column of doubles stands: that of the data itself, memory map or not, where it is one already.

        Kernels need doubles one after another, so a column of another type or order is copied, once for all chains and
        cells. One of single precision was converted before, when its values were first asked for (`Column.known`).
        """
        if x.op == "leaf":
            return chain.address(x.extra)
        array = shared_doubles(x.known)
        chain.kept.append(array)
        return address_of(array)

    def _collected(self, found: RowFactor, s: SeparableFactor, cells: Cells, chain: Chain) -> None:
        """Where counts and sums go, and how a row's cell is found."""
        node = s.factor
        vectors = cells.width > 1 or s.rows.op == "events"  # one column, whose sums of squares are products
        if vectors:
            columns = [ColumnSums(chain.view(("sum", node, 0)), chain.view(("square", node, 0)))]
        else:
            columns = self._columns(s, cells, chain)
        found.collects(chain.view(("count", node)), columns, cells.strides[self.label], self.sums.stretch(chain, node))
        if cells.groups is not None and not vectors:
            found.in_groups(cells.groups)
        for other, stride in cells.strides.items():
            if other is not self.label and not vectors:
                found.beside(chain.address(other.node), stride, other.lowest)

    def _columns(self, s: SeparableFactor, cells: Cells, chain: Chain) -> list[ColumnSums]:
        node, shifts = s.factor, chain.view(("shifts", s.factor))
        shifts[: len(cells.columns)] = [shift.value for shift in cells.sums.shifts]
        return [
            ColumnSums(
                chain.view(("sum", node, j)),
                chain.view(("square", node, j)) if cells.squares[j] else None,
                column,
                shifts[j : j + 1],
            )
            for j, column in enumerate(self.data.columns(s))
        ]


__all__ = ["AllRows", "BoundPass", "Pass"]
