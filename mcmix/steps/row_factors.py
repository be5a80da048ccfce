"""One factor of a pass over the data, put together from arrays: how its rows are weighed, and where they add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.kernels import row_factors as kernels
from mcmix.kernels import tiles
from mcmix.kernels.base import address_of
from mcmix.kernels.records import partly, table
from mcmix.steps.accumulators import MOMENTS, PRODUCTS, Kernels


@dataclass(frozen=True)
class ColumnSums:
    """A statistic's column of the data, and where its sums go.

    Attributes
    ----------
    sums : ndarray
        By cell; of vectors, a vector for each.
    squares : ndarray or None
        Sums of squares, or of products of vectors.
    values : ndarray, shape (rows,), or None
        Absent for vectors, whose factor has the columns.
    shift : ndarray, shape (1,), or None
        What values are taken about.
    """

    sums: np.ndarray
    squares: np.ndarray | None = None
    values: np.ndarray | None = None
    shift: np.ndarray | None = None

    def record(self) -> np.ndarray:
        """As kernels read it."""
        own = {"values": self.values, "shift": self.shift, "sums": self.sums, "squares": self.squares}
        return partly(tiles.COLUMN, **{name: address_of(x) for name, x in own.items() if x is not None})


@dataclass(eq=False)
class RowFactor:
    """What a pass is told of one factor.

    Attributes
    ----------
    fields : dict of str to int
        Of :data:`mcmix.kernels.tiles.FACTOR`; those that are absent are 0.
    kept : list
        What must stay alive with it.
    adds : list of ndarray
        Counts and sums that it adds to.
    stretch : ndarray or None
        The one stretch of memory in which these stand; None where they are arrays of their own.
    columns : list of ColumnSums
        What is added up of the rows.
    """

    fields: dict[str, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    adds: list[np.ndarray] = field(default_factory=list)
    stretch: np.ndarray | None = None
    columns: list[ColumnSums] = field(default_factory=list)

    @property
    def kernels(self) -> Kernels | None:
        """What adds its rows, if anything does."""
        if "counts" not in self.fields:
            return None
        return PRODUCTS if "whitened" in self.fields else MOMENTS

    def record(self) -> np.ndarray:
        """As kernels read it."""
        if "weigh" not in self.fields:
            weigh = kernels.weigh_by_program if "program" in self.fields else kernels.weigh_by_density
            self.fields["weigh"] = weigh.address
        return partly(tiles.FACTOR, **self.fields)

    # ---------------------------------------------------------------- how rows are weighed

    def by_density(self, density: int, x: int, parameters: Sequence[tuple[int, int]]) -> RowFactor:
        """By a density kernel: its address, that of the values, and (address, step by label) of each parameter."""
        self.fields |= {"density": density, "x": x}
        return self._parameters(parameters)

    def over_values(self, values: np.ndarray, numbers: np.ndarray, place: int) -> RowFactor:
        """The same, of rows that take few values: which of them each row has, and where their log densities go."""
        by_program = "program" in self.fields
        prepare = kernels.prepare_values_by_program if by_program else kernels.prepare_values
        self.kept += [values, numbers]
        self.fields |= {"weigh": kernels.weigh_values.address, "prepare": prepare.address, "x": address_of(values)}
        self.fields |= {"numbers": address_of(numbers), "n_values": len(values), "table": place}
        return self

    def by_program(self, program: dict[str, int], component: int, result: int) -> RowFactor:
        """By a row program, which reads the label from a place and leaves a tile's results at another."""
        self.fields |= {**program, "component": component, "result": result}
        return self

    def by_vectors(
        self, by: int, columns: np.ndarray, shift: np.ndarray, parameters: Sequence[tuple[int, int]], whitened: int
    ) -> RowFactor:
        """As normal vectors, column by column about a shift: (address, step by label) of means and of matrices."""
        d, n = columns.shape
        self.fields |= {"weigh": kernels.weigh_vectors.address, "prepare": kernels.prepare_vectors.address}
        self.fields |= {"by": by, "x": address_of(columns), "dimension": d, "rows": n, "whitened": whitened}
        self.kept += [columns, shift]
        return self._parameters([*parameters, (address_of(shift), 0)])

    def with_gaps(self, record: np.ndarray) -> RowFactor:
        """Missing coordinates of vectors: a filled :data:`mcmix.kernels.gaps.GAPS`."""
        self.kept.append(record)
        own = {
            "weigh": kernels.weigh_vectors_with_gaps,
            "prepare": kernels.prepare_vectors_with_gaps,
            "load": kernels.load_gaps,
            "complete": kernels.draw_missing,
            "expect_gaps": kernels.expect_missing,
        }
        self.fields |= {name: kernel.address for name, kernel in own.items()} | {"gaps": address_of(record)}
        return self

    def _parameters(self, parameters: Sequence[tuple[int, int]]) -> RowFactor:
        """Where fewer are needed the last stands for the rest: kernels are handed three."""
        for i, name in enumerate(tiles.PARAMETERS):
            address, step = parameters[min(i, len(parameters) - 1)]
            self.fields |= {name: address, f"{name}_step": step}
        return self

    # ---------------------------------------------------------------- which rows, and where they add up

    def of_units(self, units: np.ndarray | None, n_units: int) -> RowFactor:
        """Which unit each row belongs to, ascending; None where row i is unit i."""
        if units is not None:
            # Rows of unit u are offsets[u] .. offsets[u + 1] - 1, as in a sparse matrix by rows.
            offsets = np.searchsorted(units, np.arange(n_units + 1)).astype(np.int64)
            units = np.ascontiguousarray(units, dtype=np.int64)
            self.kept += [offsets, units]
            self.fields |= {"units": address_of(units), "offsets": address_of(offsets)}
        return self

    def collects(
        self, counts: np.ndarray, columns: Sequence[ColumnSums], stride: int, stretch: np.ndarray | None = None
    ) -> RowFactor:
        """Where counts (one for each cell) and columns' sums go; a row's cell is its label times the stride."""
        self.stretch, self.columns = stretch, list(columns)
        listed = table(tiles.COLUMN, [c.record() for c in columns])
        self.kept += [listed, *columns]
        self.adds += [counts, *(x for c in columns for x in (c.sums, c.squares) if x is not None)]
        self.fields |= {"columns": address_of(listed), "n_columns": len(listed), "counts": address_of(counts)}
        self.fields |= {"cells": counts.size, "stride": stride}
        return self

    def in_groups(self, groups: np.ndarray) -> RowFactor:
        """Known groups, which number the cells of a label."""
        groups = np.ascontiguousarray(groups, dtype=float)
        self.kept.append(groups)
        self.fields["groups"] = address_of(groups)
        return self

    def beside(self, labels: int, stride: int, lowest: int) -> RowFactor:
        """Another label vector that numbers the cells as well: where it stands, and its lowest value."""
        self.fields |= {"other": labels, "other_stride": stride, "other_lowest": lowest}
        return self


__all__ = ["ColumnSums", "RowFactor"]
