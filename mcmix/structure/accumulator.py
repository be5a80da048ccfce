"""Something that a pass adds up: where it stands in memory, and the kernels that add a tile of rows to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mcmix.kernels.base import AddressedKernel, address_of
from mcmix.kernels.records import made
from mcmix.kernels.tiles import ACCUMULATOR
from mcmix.structure.label_vectors import LabelVector


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

    def record(self, told: int, sums: np.ndarray | None) -> np.ndarray:
        """As a pass reads it.

        Parameters
        ----------
        told : int
            What the kernels get beside the pass.
        sums : ndarray or None
            What they add to, one stretch of memory that the pass zeroes; None where somebody else does.
        """
        return made(
            ACCUMULATOR,
            add=self.add.address,
            add_weighted=self.add_weighted.address,
            finish=0 if self.finish is None else self.finish.address,
            told=told,
            stretch=0 if sums is None else address_of(sums),
            length=0 if sums is None else sums.size,
        )


class Accumulator(ABC):
    """Something that a pass adds up beside the counts and sums of its rows: of labels, of pairs of labels, scores.

    A distribution of labels, a step that draws from its sums, or whoever compiles a pass, hands it in; its places are
    part of the pass's stretch.

    Attributes
    ----------
    label : LabelVector
        Whose pass adds it up, where it is a step's.
    whole_at_starts : bool
        Whether starts leave it as the labels make it, where they shrink counts and sums: other steps read the same rows
        one by one, and see all of them.
    """

    kernels: Kernels
    label: LabelVector
    whole_at_starts = False

    @abstractmethod
    def places(self) -> dict[Hashable, int]:
        """Keys of its places, and how many doubles each takes."""

    def beside(self) -> dict[Hashable, int]:
        """Keys of what it keeps beside sums, which is neither zeroed nor scaled, and how many doubles each takes."""
        return {}

    def reads(self) -> Sequence[Hashable]:
        """Keys of places that its kernels read beside rows, labels and what the pass computes."""
        return ()

    @abstractmethod
    def told(self, memory: Memory) -> np.ndarray:
        """A record (whole numbers) for its kernels, with addresses in this memory."""


__all__ = ["Accumulator", "Kernels", "Memory"]
