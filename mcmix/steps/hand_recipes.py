"""What a hand is made of where rows come from elsewhere than a model: numbers and a family, no expressions, no nodes.

The model that a chain runs computes all parameters of its components before rows are gone over, so whoever goes over
rows needs to know neither the model nor any function of the user's: a recipe goes to other processes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.kernels import tiles, vectors
from mcmix.kernels.base import address_of, apart
from mcmix.kernels.streams import nobody
from mcmix.steps.accumulators import places_of, stretch_of
from mcmix.steps.base import Chain
from mcmix.steps.bound_pass import BoundPass
from mcmix.steps.layout import Layout
from mcmix.steps.parts import Hand
from mcmix.steps.passes import Pass
from mcmix.steps.row_factors import ColumnSums, RowFactor

_FIELDS = tiles.PASS.names or ()
_STREAMS, _OUT, _SHARES = map(_FIELDS.index, ("streams", "out", "memberships"))
_NOTHING = np.zeros(0)
_ROWS, _UNITS, _WEIGHTS, _WORKSPACE, _WHITENED, _SHIFTS = "rows", "units", "weights", "workspace", "whitened", "shifts"


@dataclass(frozen=True)
class Recipe:
    """Rows of one factor under independent labels with shared weights, which parameters see as counts and sums.

    Attributes
    ----------
    family : Family
        Of a row.
    n_labels, lowest : int
        Labels, and the value of the first.
    tables : tuple of (int, int)
        Doubles of each of the family's parameters, and the step from component to component in it.
    size, stride, width : int
        Cells of the sums, by how many the next label's is further, and the numbers in an entry of a column.
    squares : tuple of bool
        Which columns of the statistic are squared.
    shifts : ndarray, shape (columns,), or (d,) of vectors
        What rows are taken about.
    vectors : bool
    """

    family: Family
    n_labels: int
    lowest: int
    tables: tuple[tuple[int, int], ...]
    size: int
    stride: int
    width: int
    squares: tuple[bool, ...]
    shifts: np.ndarray
    vectors: bool

    @cached_property
    def sums(self) -> dict[Hashable, dict[Hashable, int]]:
        """Stretches of sums by key, and the parts of each, in order."""
        own = places_of(_ROWS, self)
        return {stretch_of(_UNITS): {_UNITS: self.n_labels}, stretch_of(_ROWS): own}

    @property
    def n_sums(self) -> int:
        """Doubles of all sums."""
        return sum(sum(parts.values()) for parts in self.sums.values())

    @property
    def label_type(self) -> np.dtype[Any]:
        """The smallest that holds the number of a label, counted from 0."""
        return np.dtype(np.uint8 if self.n_labels <= 256 else np.uint16)

    @property
    def told(self) -> list[Hashable]:
        """Places of what the rows look at."""
        return [_WEIGHTS, *(("table", i) for i in range(len(self.tables)))]

    @cached_property
    def layout(self) -> Layout:
        """Where everything stands in a hand's memory."""
        found = Layout()
        found.place(_WEIGHTS, self.n_labels)
        for i, (size, _) in enumerate(self.tables):
            found.place(("table", i), size)
        found.place(_WORKSPACE, tiles.workspace_size(self.n_labels))
        found.place(_SHIFTS, max(len(self.shifts), 1))
        if self.vectors:
            found.place(_WHITENED, vectors.table_size(self.n_labels, self.width))
        for key, parts in self.sums.items():
            found.place(key, sum(parts.values()))
            found.share(key, parts)
        return found

    def hand(self, window: Window) -> RowsHand:
        """A hand that goes over the rows in a window."""
        memory = Chain(self.layout, nobody())
        memory.view(_SHIFTS)[: len(self.shifts)] = self.shifts
        stretch = memory.view(stretch_of(_ROWS))
        factor = self._weighed(memory, window).collects(
            memory.view(("count", _ROWS)), self._columns(memory, window), self.stride, stretch
        )
        bound = BoundPass.made(
            [factor],
            memory.view(_UNITS),
            log_weights=memory.address(_WEIGHTS),
            lowest=self.lowest,
            workspace=memory.address(_WORKSPACE),
        )
        memory.kept += [bound, *factor.kept]
        return RowsHand(bound.record, memory, self.told, list(self.sums), window, self.lowest)

    def _weighed(self, memory: Chain, window: Window) -> RowFactor:
        parameters = [(memory.address(("table", i)), step) for i, (_, step) in enumerate(self.tables)]
        if self.vectors:
            by, whitened = self.family.vectors, memory.address(_WHITENED)
            assert by is not None
            return RowFactor().by_vectors(by, window.values, memory.view(_SHIFTS), parameters, whitened)
        return RowFactor().by_density(self.family.density.address, address_of(window.values), parameters)

    def _columns(self, memory: Chain, window: Window) -> list[ColumnSums]:
        square = [memory.view(("square", _ROWS, j)) if squared else None for j, squared in enumerate(self.squares)]
        sums = [memory.view(("sum", _ROWS, j)) for j in range(len(self.squares))]
        if self.vectors:
            return [ColumnSums(sums[0], square[0])]
        shifts = memory.view(_SHIFTS)
        return [ColumnSums(sums[j], square[j], column, shifts[j : j + 1]) for j, column in enumerate(window.columns)]


class Window:
    """Some rows in memory, as kernels read them.

    Parameters
    ----------
    recipe : Recipe
    rows : int
        At most.

    Attributes
    ----------
    values : ndarray, shape (rows,) or (d, rows)
        Numbers, or the columns of vectors about the shift.
    columns : list of ndarray, shape (rows,)
        Of the statistic; numbers themselves where it has them as they are.
    """

    def __init__(self, recipe: Recipe, rows: int):
        self._shift = recipe.shifts if recipe.vectors else None
        self.values = apart((recipe.width, rows)) if recipe.vectors else apart(rows)
        statistics = None if recipe.vectors else recipe.family.statistics
        self._transforms = [] if statistics is None else [c.transform for c in statistics.columns]
        self.columns = [self.values if self._is_same(t) else apart(rows) for t in self._transforms]

    def _is_same(self, transform: Callable[[Any], Any]) -> bool:
        return bool(np.shares_memory(np.asarray(transform(self.values[:1])), self.values[:1]))

    def read(self, block: np.ndarray, first: int = 0) -> int:
        """Take rows as they are on disk, from a place in the window on; returns how many."""
        n = len(block)
        if self._shift is not None:
            np.subtract(block.T, self._shift[:, None], out=self.values[:, first : first + n])
            return n
        values = self.values[first : first + n]
        values[:] = block
        for column, transform in zip(self.columns, self._transforms, strict=True):
            if column is not self.values:
                column[first : first + n] = transform(values)
        return n


class RowsHand(Hand):
    """A hand over rows in a window, which forgets the labels that it draws unless somebody takes them.

    Parameters
    ----------
    record, memory, told, sums
        As of every :class:`Hand`.
    window : Window
    lowest : int
        Value of the first label.
    """

    def __init__(
        self,
        record: np.ndarray,
        memory: Chain,
        told: list[Hashable],
        sums: list[Hashable],
        window: Window,
        lowest: int,
    ):
        super().__init__(record, memory, told, sums)
        self.window, self._lowest, self._labels = window, lowest, np.zeros(0)

    def draw(
        self, kind: int, first: int, end: int, streams: int, sums: np.ndarray, labels: np.ndarray | None = None
    ) -> int:
        """Go over rows of the window, whose first block's random stream is at an address; returns the status.

        With `labels`, shape (end - first,), they are written there, counted from 0.
        """
        if self._labels.size < end - first:
            self._labels = apart(end - first)
        self.record[_OUT] = address_of(self._labels) - 8 * first  # kernels count from the first of the window
        self.record[_STREAMS] = streams
        status = self.run(kind, first, end, sums)
        if labels is not None and status == 0:
            np.subtract(self._labels[: end - first], self._lowest, out=labels, casting="unsafe")
        return status

    def weigh(self, first: int, end: int, shares: np.ndarray) -> int:
        """Add each row's responsibilities to an array, shape (end - first, K); returns the status."""
        self.record[_SHARES] = address_of(shares) - shares.strides[0] * first
        status = self.run(tiles.WEIGH, first, end, _NOTHING)
        self.record[_SHARES] = 0
        return status


def recipe_of(p: Pass) -> Recipe:
    """What a hand of a pass is made of.

    Parameters
    ----------
    p : Pass
        Of one factor in cells by its label alone, whose parameters stand in tables, and that adds up nothing else
        (:func:`mcmix.steps.from_disk.why_rows`).
    """
    (s,) = p.block.factors
    tables, cells = p.tables[s], s.cells
    assert tables is not None and cells is not None
    is_vectors = s.rows.op == "events"
    shifts = p.centred[s][1] if is_vectors else np.array([shift.value for shift in cells.sums.shifts], dtype=float)
    return Recipe(
        s.rows.extra,
        p.label.n_labels,
        p.label.lowest,
        tuple((max(t.size, 1), step) for t, step in zip(tables, p.steps_of(s, tables), strict=True)),
        cells.size,
        cells.strides[p.label],
        cells.width,
        tuple(map(bool, cells.squares)),
        shifts,
        is_vectors,
    )


__all__ = ["Recipe", "RowsHand", "Window", "recipe_of"]
