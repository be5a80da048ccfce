"""Cross products of known columns by label, as what a pass adds up."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from mcmix.kernels import cross_products as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import partly
from mcmix.steps.accumulators import Accumulator, Kernels, Memory
from mcmix.structure.cross_products import CrossProducts


class CrossProductSums(Accumulator):
    """Sums that the coefficients of components are drawn from.

    Parameters
    ----------
    found : CrossProducts
    """

    kernels = Kernels(kernels.add_cross_products, kernels.expect_cross_products)
    whole_at_starts = True  # what precisions are drawn from goes over the rows

    def __init__(self, found: CrossProducts):
        self.found, self.label = found, found.label
        self._left, self._right = (np.array([address_of(c) for c in side]) for side in (found.left, found.right))
        self._units, self._offsets = self._of_units()

    def _of_units(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Unit of each row, and where each unit's rows start, as in a sparse matrix by rows."""
        units, n = self.found.units, self.label.n_units
        if units is None:
            return None, None
        offsets = np.searchsorted(units, np.arange(n + 1)).astype(np.int64)
        return np.ascontiguousarray(units, dtype=np.int64), offsets

    def places(self) -> dict[Hashable, int]:
        """One matrix for each label."""
        return {self.found.key: self.found.sums.size}

    def told(self, memory: Memory) -> np.ndarray:
        """Where columns and sums are, and which rows are whose."""
        return partly(
            kernels.CROSS_PRODUCTS,
            left=address_of(self._left),
            n_left=self._left.size,
            right=address_of(self._right),
            n_right=self._right.size,
            sums=memory.address(self.found.key),
            units=0 if self._units is None else address_of(self._units),
            offsets=0 if self._offsets is None else address_of(self._offsets),
        )


__all__ = ["CrossProductSums"]
