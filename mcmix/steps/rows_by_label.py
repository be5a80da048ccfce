"""Rows by label as what a pass keeps: columns in the order of labels, or counts of their values under each label."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcmix.kernels import rows_by_label as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made
from mcmix.nodes.numbers import shared_doubles
from mcmix.steps.accumulators import Accumulator, Kernels, Memory
from mcmix.structure.by_component import FewValues, RowsByLabel
from mcmix.structure.label_vectors import LabelVector


@dataclass(frozen=True)
class OrderedRows(Accumulator):
    """A factor's known columns in the order of labels: beside the sums, since rows do not add up.

    Parameters
    ----------
    found : RowsByLabel
    """

    found: RowsByLabel
    kernels = Kernels(kernels.nothing_to_add, kernels.nothing_to_add, kernels.order_rows)

    @property
    def label(self) -> LabelVector:  # type: ignore[override]
        """Whose pass keeps them."""
        return self.found.label

    def places(self) -> dict[Hashable, int]:
        """No sums."""
        return {}

    def beside(self) -> dict[Hashable, int]:
        """The columns one after another, where stretches begin, and room for the sort."""
        factor, rows, labels = self.found.factor, self.found.size, self.label.n_labels
        columns: dict[Hashable, int] = {("rows by label", factor, j): rows for j in range(len(self.found.columns))}
        return columns | {("bounds of labels", factor): labels + 1, ("places in order", factor): labels}

    @cached_property
    def _units(self) -> np.ndarray | None:
        units = self.found.separable.units
        return None if units is None else np.ascontiguousarray(units, dtype=np.int64)

    def told(self, memory: Memory) -> np.ndarray:
        """Where labels and columns are, and where they go."""
        factor, columns = self.found.factor, self._columns()
        return made(
            kernels.ORDER,
            labels=memory.address(self.label.node),
            lowest=self.label.lowest,
            n_labels=self.label.n_labels,
            rows=self.found.size,
            units=0 if self._units is None else address_of(self._units),
            columns=address_of(columns),
            n_columns=len(columns),
            sorted_columns=memory.address(("rows by label", factor, 0)),
            bounds=memory.address(("bounds of labels", factor)),
            places=memory.address(("places in order", factor)),
        )

    def _columns(self) -> np.ndarray:
        """Addresses of the columns, which are kept: those of other rows, where the model was put on these."""
        doubles = [shared_doubles(np.asarray(c.value)) for c in self.found.columns]
        addresses = np.array([address_of(c) for c in doubles])
        self.__dict__.setdefault("_kept", []).append((doubles, addresses))
        return addresses


@dataclass(frozen=True)
class ValueCounts(Accumulator):
    """How often each distinct value of a factor's rows stands under each label.

    Parameters
    ----------
    found : RowsByLabel
    """

    found: RowsByLabel
    kernels = Kernels(kernels.count_values, kernels.expect_values)

    @property
    def label(self) -> LabelVector:  # type: ignore[override]
        """Whose pass counts them."""
        return self.found.label

    def places(self) -> dict[Hashable, int]:
        """A count for each label and value."""
        return {("counts of values", self.found.factor): self.label.n_labels * len(self._few.values)}

    @property
    def _few(self) -> FewValues:
        assert self.found.few is not None
        return self.found.few

    def told(self, memory: Memory) -> np.ndarray:
        """Which value each row has, and where counts are."""
        return made(
            kernels.VALUES,
            n_values=len(self._few.values),
            numbers=address_of(self._few.numbers),
            counts=memory.address(("counts of values", self.found.factor)),
        )


def accumulators_of(rows: Sequence[RowsByLabel]) -> list[Accumulator]:
    """What a pass must keep for programs that go over rows by label."""
    return [OrderedRows(r) if r.few is None else ValueCounts(r) for r in rows]


__all__ = ["OrderedRows", "ValueCounts", "accumulators_of"]
