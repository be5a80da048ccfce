"""Independent labels whose components have no end: each is drawn among those that a slice reaches."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

import numpy as np

from mcmix.kernels import sliced_labels as kernels
from mcmix.kernels.records import made
from mcmix.structure.expression import Expression
from mcmix.structure.label_distributions import SharedWeights
from mcmix.structure.label_vectors import LabelVector


class SlicedWeights(SharedWeights):
    """Labels with shared weights, the last of which is that of all components for which there is no room.

    Parameters
    ----------
    label : LabelVector
    log_weights : Expression, shape (K,)
    """

    draw = kernels.draw

    def __init__(self, label: LabelVector, log_weights: Expression):
        super().__init__(label, log_weights)
        self.slices, self.levels = ("slices", label.node), ("levels", label.node)

    def places(self) -> Mapping[Hashable, int]:
        """Slices of the units, and levels of the components."""
        return {self.slices: kernels.room_for_slices(self.label.n_units), self.levels: self.label.n_labels + 1}

    def record(self, address: Callable[[Hashable], int]) -> np.ndarray:
        """Where these stand."""
        return made(kernels.SLICED, slices=address(self.slices), levels=address(self.levels))


__all__ = ["SlicedWeights"]
