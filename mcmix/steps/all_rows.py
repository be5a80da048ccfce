"""The rows that a pass goes over, as it asks them."""

from __future__ import annotations

import numpy as np

from mcmix.structure.cells import looked_up
from mcmix.structure.expression import Expression, broadcast_to
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.rewrite import substitute


class AllRows:
    """The rows that a pass goes over: those of the model, one by one.

    Attributes
    ----------
    weights : ndarray, shape (units,), or None
        How many rows each stands for, in passes that weigh labels instead of drawing them.
    """

    weights: np.ndarray | None = None

    def __init__(self, label: LabelVector):
        self.label = label

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

    def under(self, s: SeparableFactor, slot: Expression) -> Expression:
        """Log density of a factor's rows under the one label that stands at a leaf."""
        variable = self.label.variable
        x = substitute(s.rows, {variable: slot, **dict.fromkeys(looked_up(s.rows, variable), slot)})
        return x if x.ndim else broadcast_to(x, s.rows.shape)  # a single row, in which nothing else has one


__all__ = ["AllRows"]
