"""What a pass adds up: one contiguous stretch of a chain's memory for everything of a label vector.

Counts and sums are doubles that add up, so zero is zeros, and plus, minus and merging are those of the stretch,
whatever stands in it. Only how a tile's rows are added is an accumulator's own: two kernels, for rows of known labels
and for rows that count with a power each, their responsibilities (:data:`mcmix.kernels.tiles.ACCUMULATOR`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mcmix.kernels import accumulators as kernels
from mcmix.steps.layout import Layout
from mcmix.structure.accumulator import Accumulator, Kernels, Memory
from mcmix.structure.label_vectors import LabelVector, SeparableFactor

UNITS = Kernels(kernels.count_units, kernels.expect_units)
MOMENTS = Kernels(kernels.add_moments, kernels.expect_moments)
PRODUCTS = Kernels(kernels.add_products, kernels.expect_products, kernels.mirror_products)


class InCells(Protocol):
    """What counts and sums are kept for: :class:`mcmix.structure.cells.Cells`, or what says the same of them."""

    @property
    def size(self) -> int:
        """How many cells."""
        ...

    @property
    def width(self) -> int:
        """Numbers in an entry of a column."""
        ...

    @property
    def squares(self) -> Sequence[bool]:
        """Which columns are squared, too."""
        ...


def places_of(rows: Hashable, cells: InCells) -> dict[Hashable, int]:
    """Where counts and sums of rows go, by key, and how many doubles each takes."""
    size, width = cells.size, cells.width
    found: dict[Hashable, int] = {("count", rows): size}
    for j, squared in enumerate(cells.squares):
        found["sum", rows, j] = size * width
        if squared:
            found["square", rows, j] = size * width * width
    return found


@dataclass(eq=False)
class Sums:
    """What one pass adds to: a stretch of memory for everything of its label vector.

    Factors that several label vectors share have their sums in the stretch of the first of these.

    Parameters
    ----------
    label : LabelVector
    factors : sequence of SeparableFactor
    others : sequence of Accumulator
    """

    label: LabelVector
    factors: Sequence[SeparableFactor]
    others: Sequence[Accumulator] = ()

    @property
    def units(self) -> Hashable:
        """Key of the numbers of units."""
        return "units", self.label.node

    def parts(self) -> dict[Hashable, dict[Hashable, int]]:
        """Stretches by key, one for each accumulator, and the parts of each with their doubles, in order."""
        found: dict[Hashable, dict[Hashable, int]] = {stretch_of(self.units): {self.units: self.label.n_labels}}
        found |= {stretch_of(s.factor): places_of(s.factor, s.cells) for s in self.factors if s.cells is not None}
        return found | {stretch_of(one): one.places() for one in self.others}

    def place(self, layout: Layout) -> None:
        """Give everything its place, one behind the other; other steps' programs read the parts by their keys."""
        new = {key: parts for key, parts in self.parts().items() if key not in layout.places}
        whole = ("accumulated", self.label.node)
        layout.place(whole, sum(sum(parts.values()) for parts in new.values()))
        layout.share(whole, {key: sum(parts.values()) for key, parts in new.items()})
        for key, parts in new.items():
            layout.share(key, parts)
        for one in self.others:
            for key, size in one.beside().items():
                layout.place(key, size)

    def stretch(self, memory: Memory, of: Any) -> np.ndarray:
        """What one accumulator adds to: of numbers of units (``sums.units``), a factor's rows, or another one."""
        return memory.view(stretch_of(of))

    def scale(self, memory: Memory, share: float) -> None:
        """Count as if a share of the rows had been seen alone."""
        for key in self.parts():
            memory.view(key)[:] *= share

    def of(self, memory: Memory) -> np.ndarray:
        """All of it, one after another: a copy."""
        return np.concatenate([memory.view(key) for key in self.parts()])

    def put(self, memory: Memory, sums: np.ndarray) -> None:
        """Put what :meth:`of` gave back."""
        at = 0
        for key in self.parts():
            view = memory.view(key)
            view[:] = sums[at : at + view.size]
            at += view.size

    def zero(self, memory: Memory) -> None:
        """Nothing added."""
        self.put(memory, np.zeros(self.of(memory).size))

    def add(self, memory: Memory, other: np.ndarray) -> None:
        """Add what another pass over other rows has collected."""
        self.put(memory, self.of(memory) + other)

    def subtract(self, memory: Memory, other: np.ndarray) -> None:
        """Take rows away that were added."""
        # Exact for counts of whole numbers; of sums, rounding stays.
        self.put(memory, self.of(memory) - other)

    def merge(self, memory: Memory, parts: Iterable[np.ndarray]) -> None:
        """What passes over parts of the rows have collected, added in the parts' order: the same on any machine."""
        self.zero(memory)
        for part in parts:
            self.add(memory, part)


def stretch_of(what: Any) -> Hashable:
    """Key of what an accumulator adds to: numbers of units, a factor's rows, or another one."""
    return "stretch", what


__all__ = [
    "MOMENTS", "PRODUCTS", "UNITS", "Accumulator", "InCells", "Kernels", "Memory", "Sums", "places_of", "stretch_of",
]  # fmt: skip
