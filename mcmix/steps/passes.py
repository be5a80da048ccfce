"""The pass of a label vector over the data, compiled: what to weigh rows by, and where counts and sums go."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.kernels import gaps as gap_kernels
from mcmix.kernels import tiles, vectors
from mcmix.kernels.base import address_of
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.records import made, partly, table
from mcmix.steps.base import Chain, Plan
from mcmix.steps.gaps import GapLayout, columns_about
from mcmix.structure.cells import Cells, looked_up, missing_in
from mcmix.structure.evidence import LabelBlock
from mcmix.structure.expression import Expression, broadcast_to, leaf
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.structure.rewrite import row_by_row, substitute
from mcmix.structure.tempering import POWER_KEY


class Pass:
    """The compiled pass of a label block over the data; hard and soft flavours share it."""

    def __init__(self, block: LabelBlock, number: int, integrated: bool | None = None):
        self.block = block
        self.number = number
        self.integrated = integrated  # whether missing coordinates are, by default where that is cheap
        self.gaps: dict[SeparableFactor, GapLayout] = {}
        self.tables: dict[SeparableFactor, list[Expression] | None] = {
            s: parameter_tables(s, block.label) for s in block.factors
        }
        self.programs: dict[SeparableFactor, Any] = {}
        self.centred: dict[SeparableFactor, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def label(self) -> Any:
        """The label vector."""
        return self.block.label

    def compile(self, plan: Plan) -> None:
        """The prelude (tables and whatever rows share) and one row program per factor that needs it."""
        plan.layout.place(("component", self), 1)
        plan.layout.place(("workspace", self), tiles.workspace_size(self.label.n_labels))
        for s in self.block.factors:
            if s.rows.op == "events":
                d = s.rows.arguments[0].shape[1]
                plan.layout.place(("whitened", self, s), vectors.table_size(self.label.n_labels, d))
                self.centred[s] = columns_about(s)
                if s.gaps is not None:
                    self.gaps[s] = GapLayout(missing_in(s), self.integrated)
                    plan.layout.place(("gaps", self, s), gap_kernels.space_size(self.label.n_labels, d))
        prelude: list[tuple[Expression, Any]] = []
        if self.block.log_weights is not None:
            prelude.append((self.block.log_weights, ("log weights", self)))
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

    def _hoisted(self, s: SeparableFactor, prelude: list[tuple[Expression, Any]]) -> Expression:
        """The rows' log density as a function of one label, with all that rows share moved to the prelude."""
        slot = leaf(("component", self), ())
        variable = self.label.variable
        x = substitute(s.rows, {variable: slot, **dict.fromkeys(looked_up(s.rows, variable), slot)})
        x = x if x.ndim else broadcast_to(x, s.rows.shape)  # a single row, in which nothing else has one
        replaced: dict[Expression, Expression] = {}

        seen, waiting = {x}, [x]
        while waiting:
            part = waiting.pop()
            shared = slot not in part.leaves and part.op not in ("leaf", "constant")
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
        plan.layout.place(("units", self.label.node), self.label.n_labels)
        for s in self.block.factors:
            if s.cells is not None:
                node = s.factor
                plan.layout.place(("count", node), s.cells.size)
                size, width = s.cells.size, s.cells.width
                plan.layout.place(("shifts", node), max(len(s.cells.columns), width))
                for j, squared in enumerate(s.cells.squares):
                    plan.layout.place(("sum", node, j), size * width)
                    if squared:
                        plan.layout.place(("square", node, j), size * width * width)

    # ---------------------------------------------------------------- binding

    def descriptor(self, chain: Chain) -> np.ndarray:
        """The pass's record for one chain."""
        hot = self.block.tempered  # the kernel takes these first
        ordered = [*hot, *(s for s in self.block.factors if s not in hot)]
        factors = table(tiles.FACTOR, [self._factor(s, chain) for s in ordered])
        prelude, length = chain.bound(self.prelude).words
        streams = chain.row_streams(self.label.node, self.number, self.label.n_units)
        out = partly(
            tiles.PASS,
            machine=MACHINE.address,
            prelude=prelude,
            prelude_length=length,
            units=self.label.n_units,
            labels=self.label.n_labels,
            log_weights=chain.address(("log weights", self)) if self.block.log_weights is not None else 0,
            out=chain.address(self.label.node),
            lowest=self.label.lowest,
            factors=address_of(factors),
            n_factors=len(factors),
            streams=address_of(streams),
            workspace=chain.address(("workspace", self)),
            counts=chain.address(("units", self.label.node)),
            collect=True,
            tempered=len(hot),
            temperature=chain.address(POWER_KEY) if hot else 0,
        )
        chain.kept += [factors, streams, out]
        return out

    def _factor(self, s: SeparableFactor, chain: Chain) -> np.ndarray:
        sums = {} if s.cells is None else self._sums(s, s.cells, chain)
        return partly(tiles.FACTOR, **self._density(s, chain), **self._units(s, chain), **sums)

    def _density(self, s: SeparableFactor, chain: Chain) -> dict[str, int]:
        tables = self.tables[s]
        if tables is None:
            bound, component = chain.bound(self.programs[s]), chain.address(("component", self))
            return {"kind": tiles.PROGRAM, **bound.named, "component": component, "result": bound.answer}
        if s.rows.op == "events":
            return self._vectors(s, tables, chain)
        found = {"kind": tiles.TABLE, "density": s.rows.extra.density.address}
        found["x"] = self._column(s.rows.arguments[0], chain)
        for i, name in enumerate(tiles.PARAMETERS):
            j = min(i, len(tables) - 1)
            found[name] = chain.address(("table", self, s, j))
            found[f"{name}_step"] = tables[j].size > 1 or tables[j].shape == (self.label.n_labels,)
        return found

    def _vectors(self, s: SeparableFactor, tables: list[Expression], chain: Chain) -> dict[str, int]:
        """Rows of vectors: data column by column about a shift, means, matrices, room for the whitened ones."""
        columns, shift = self.centred[s]
        d, n = columns.shape
        found = {"kind": tiles.VECTORS, "by": s.rows.extra.vectors, "dimension": d, "rows": n}
        found |= {"x": address_of(columns), "third": address_of(shift)}
        for i, (name, size) in enumerate((("first", d), ("second", d * d))):
            found[name] = chain.address(("table", self, s, i))
            found[f"{name}_step"] = size if tables[i].size > size else 0
        found["whitened"] = chain.address(("whitened", self, s))
        if s.gaps is not None:
            gaps = self.gaps[s].record(chain.address(s.factor.node), chain.address(("gaps", self, s)))
            found["gaps"] = address_of(gaps)
            chain.kept.append(gaps)
        return found

    def _column(self, x: Expression, chain: Chain) -> int:
        """Where a column of doubles stands: that of the data itself, memory map or not, where it is one already.

        Kernels need doubles one after another, so here a column of another type or order is copied, once a chain. One
        of single precision was converted before, when its values were first asked for (`Column.known`), and is shared.
        """
        if x.op == "leaf":
            return chain.address(x.extra)
        array = np.ascontiguousarray(x.value, dtype=float)
        chain.kept.append(array)
        return address_of(array)

    def _units(self, s: SeparableFactor, chain: Chain) -> dict[str, int]:
        if s.units is None:
            return {}
        offsets = np.searchsorted(s.units, np.arange(self.label.n_units + 1)).astype(np.int64)
        units = np.ascontiguousarray(s.units, dtype=np.int64)
        chain.kept += [offsets, units]
        return {"units": address_of(units), "offsets": address_of(offsets)}

    def _sums(self, s: SeparableFactor, cells: Cells, chain: Chain) -> dict[str, int]:
        """Where counts and sums go, and how a row's cell is found."""
        node = s.factor
        if cells.width > 1 or s.rows.op == "events":  # one column of vectors, whose sums of squares are products
            sums, products = chain.address(("sum", node, 0)), chain.address(("square", node, 0))
            columns = table(tiles.COLUMN, [partly(tiles.COLUMN, sums=sums, squares=products)])
            others: dict[str, int] = {}
        else:
            columns = table(tiles.COLUMN, self._columns(s, cells, chain))
            others = self._others(cells, chain)
        chain.kept.append(columns)
        return {
            "columns": address_of(columns),
            "n_columns": len(columns),
            "counts": chain.address(("count", node)),
            "cells": cells.size,
            "stride": cells.strides[self.label],
            **others,
        }

    def _columns(self, s: SeparableFactor, cells: Cells, chain: Chain) -> list[np.ndarray]:
        node, shifts = s.factor, chain.address(("shifts", s.factor))
        chain.view(("shifts", node))[: len(cells.columns)] = cells.sums.shifts
        chain.kept.append(cells.columns)
        return [
            made(
                tiles.COLUMN,
                values=address_of(column),
                shift=shifts + 8 * j,
                sums=chain.address(("sum", node, j)),
                squares=chain.address(("square", node, j)) if cells.squares[j] else 0,
            )
            for j, column in enumerate(cells.columns)
        ]

    def _others(self, cells: Cells, chain: Chain) -> dict[str, int]:
        """Known groups, and another label vector."""
        found: dict[str, int] = {}
        if cells.groups is not None:
            groups = np.ascontiguousarray(cells.groups, dtype=float)
            chain.kept.append(groups)
            found["groups"] = address_of(groups)
        for other, stride in cells.strides.items():
            if other is not self.label:
                found |= {"other": chain.address(other.node), "other_stride": stride, "other_lowest": other.lowest}
        return found


__all__ = ["Pass"]
