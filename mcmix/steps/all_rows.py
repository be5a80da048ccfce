"""The rows that a pass goes over, as it asks them."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.nodes.row_weights import are_whole
from mcmix.steps.gaps import columns_about
from mcmix.structure.cells import looked_up
from mcmix.structure.columns import Column
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.expression import Expression, broadcast_to
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.rewrite import substitute


class AllRows:
    """The rows that a pass goes over: those of the model, one by one.

    Attributes
    ----------
    weights : ndarray, shape (units,), or None
        How many rows each stands for, in passes that weigh labels instead of drawing them.
    counted : bool
        Whether rows are those that they stand for, and no nodes near them.
    whole : bool
        Whether all are whole numbers that came with the data: numbers of rows, each with a label of its own.
    """

    def __init__(self, label: LabelVector, column: Column | None = None):
        self.label = label
        self.weights = None if column is None else column.weights
        node: Any = None if self.weights is None or column is None else column.node
        self.counted: bool = node is not None and node.rows_counted
        self.whole = node is not None and node.rows_given and are_whole(node.row_weights)

    @classmethod
    def of(cls, block: LabelBlock) -> AllRows:
        """Those of a label block."""
        columns = [s.factor.column for s in block.factors if s.factor.column is not None]
        return cls(block.label, next((c for c in columns if c.weights is not None), None))

    @property
    def total(self) -> float:
        """Rows that are stood for."""
        return float(self.n_units) if self.weights is None else float(self.weights.sum())

    @property
    def n_units(self) -> int:
        """Number of rows, or of groups of rows with a label each."""
        return self.label.n_units

    def values(self, s: SeparableFactor) -> Expression:
        """What a family's density is asked about, row by row."""
        return s.rows.arguments[0]

    def columns(self, s: SeparableFactor) -> list[np.ndarray]:
        """The statistic's columns of a factor."""
        assert s.cells is not None
        return [np.asarray(c.value) for c in s.cells.columns]

    def centred(self, s: SeparableFactor) -> tuple[np.ndarray, np.ndarray]:
        """Rows of vectors as columns about the mean of all that is known; and that mean."""
        return columns_about(s)

    def under(self, s: SeparableFactor, slot: Expression) -> Expression:
        """Log density of a factor's rows under the one label that stands at a leaf."""
        variable = self.label.variable
        x = substitute(s.rows, {variable: slot, **dict.fromkeys(looked_up(s.rows, variable), slot)})
        return x if x.ndim else broadcast_to(x, s.rows.shape)  # a single row, in which nothing else has one


__all__ = ["AllRows"]
