"""What a pass adds up: one contiguous stretch of a chain's memory for everything of a label vector.

Counts and sums are doubles that add up, so zero is zeros, and plus, minus and merging are those of the stretch,
whatever stands in it. Only how a tile's rows are added is an accumulator's own: two kernels, for rows of known labels
and for rows that count with a power each, their responsibilities (:data:`mcmix.kernels.tiles.ACCUMULATOR`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mcmix.kernels import accumulators as kernels
from mcmix.kernels.base import AddressedKernel
from mcmix.kernels.records import made
from mcmix.kernels.tiles import ACCUMULATOR
from mcmix.steps.layout import Layout
from mcmix.structure.cells import Cells
from mcmix.structure.label_vectors import LabelVector, SeparableFactor


class Memory(Protocol):
    """Where sums stand: a chain."""

    def view(self, key: Hashable) -> np.ndarray:
        """The doubles of a place."""
        ...

    def address(self, key: Hashable) -> int:
        """Where a place is."""
        ...


@dataclass(frozen=True)
class Kernels:
    """How a tile is added: with known labels, with responsibilities, and what completes the sums at the end."""

    add: AddressedKernel
    add_weighted: AddressedKernel
    finish: AddressedKernel | None = None

    def record(self, told: int) -> np.ndarray:
        """As a pass reads it; `told` is what the kernels get beside the pass."""
        finish = 0 if self.finish is None else self.finish.address
        return made(ACCUMULATOR, add=self.add.address, add_weighted=self.add_weighted.address, finish=finish, told=told)


UNITS = Kernels(kernels.count_units, kernels.expect_units)
MOMENTS = Kernels(kernels.add_moments, kernels.expect_moments)
PRODUCTS = Kernels(kernels.add_products, kernels.expect_products, kernels.mirror_products)


def places_of(s: SeparableFactor, cells: Cells) -> dict[Hashable, int]:
    """Where a factor's counts and sums go, by key, and how many doubles each takes."""
    node, size, width = s.factor, cells.size, cells.width
    found: dict[Hashable, int] = {("count", node): size}
    for j, squared in enumerate(cells.squares):
        found["sum", node, j] = size * width
        if squared:
            found["square", node, j] = size * width * width
    return found


class Accumulator(ABC):
    """Something that a pass adds up beside the counts and sums of its rows: of labels, of pairs of labels, scores.

    A distribution of labels, or whoever compiles a pass, hands it in; its places are part of the pass's stretch.
    """

    kernels: Kernels

    @abstractmethod
    def places(self) -> dict[Hashable, int]:
        """Keys of its places, and how many doubles each takes."""

    @abstractmethod
    def told(self, memory: Memory) -> np.ndarray:
        """A record (whole numbers) for its kernels, with addresses in this memory."""


@dataclass(eq=False)
class Sums:
    """The stretch of memory that one pass adds to.

    Parameters
    ----------
    label : LabelVector
    factors : sequence of SeparableFactor
    others : sequence of Accumulator
    """

    label: LabelVector
    factors: Sequence[SeparableFactor]
    others: Sequence[Accumulator] = ()
    key: Hashable = field(init=False)

    def __post_init__(self) -> None:
        self.key = ("accumulated", self.label.node)

    def parts(self) -> dict[Hashable, int]:
        """Everything in the stretch, in order."""
        found: dict[Hashable, int] = {("units", self.label.node): self.label.n_labels}
        for s in self.factors:
            if s.cells is not None:
                found |= places_of(s, s.cells)
        for one in self.others:
            found |= one.places()
        return found

    def place(self, layout: Layout) -> None:
        """Give the stretch its place; other steps' programs read its parts by their keys."""
        parts = self.parts()
        layout.place(self.key, sum(parts.values()))
        layout.share(self.key, parts)

    def of(self, memory: Memory) -> np.ndarray:
        """The stretch, to read and write."""
        return memory.view(self.key)

    def zero(self, memory: Memory) -> None:
        """Nothing added."""
        self.of(memory)[:] = 0.0

    def add(self, memory: Memory, other: np.ndarray) -> None:
        """Add what another pass over other rows has collected."""
        self.of(memory)[:] += other

    def subtract(self, memory: Memory, other: np.ndarray) -> None:
        """Take rows away that were added."""
        self.of(memory)[:] -= other

    def merge(self, memory: Memory, parts: Iterable[np.ndarray]) -> None:
        """What passes over parts of the rows have collected, added in the parts' order: the same on any machine."""
        self.zero(memory)
        for part in parts:
            self.add(memory, part)


__all__ = ["MOMENTS", "PRODUCTS", "UNITS", "Accumulator", "Kernels", "Memory", "Sums", "places_of"]
