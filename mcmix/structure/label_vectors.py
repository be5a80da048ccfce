"""Label vectors, factors whose rows depend on them one at a time, and the cells that such rows fall into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.distributions.family import Sums
from mcmix.nodes.distribution import Distribution
from mcmix.structure.columns import Column
from mcmix.structure.expression import Expression
from mcmix.structure.recording import Factor, Recording
from mcmix.structure.values import values_of


@dataclass(frozen=True, eq=False)
class LabelVector:
    """An unknown vector of labels.

    Attributes
    ----------
    node : Distribution
    variable : Expression
        Its leaf.
    values : ndarray, shape (K,)
        The possible values, ascending, one apart.
    column : Column or None
        Where labels are data for some units.
    """

    node: Distribution
    variable: Expression
    values: np.ndarray
    column: Column | None = None

    @property
    def n_units(self) -> int:
        """Number of labels."""
        return self.variable.size

    @property
    def n_labels(self) -> int:
        """Number of possible values K."""
        return len(self.values)

    @property
    def lowest(self) -> int:
        """The smallest value."""
        return int(self.values[0])

    @property
    def known_counts(self) -> np.ndarray:
        """Number of units whose label is data, for each value: such units are in no draw."""
        known = np.zeros(0) if self.column is None else self.column.seen
        return np.bincount(known.astype(int) - self.lowest, minlength=self.n_labels)


@dataclass(eq=False)
class SeparableFactor:
    """A factor whose rows depend on labels one at a time.

    Attributes
    ----------
    factor : Factor
    rows : Expression, shape (R,)
        Log density per row, rows ordered by unit.
    labels : list of LabelVector
    units : ndarray of int, shape (R,), or None
        Which unit each row belongs to, ascending; None when row i is unit i.
    cells : Cells or None
        Set where sums over cells can stand for rows.
    order : ndarray or None
        Permutation that was applied to the rows.
    gaps : Expression or None
        The leaf of the rows' missing coordinates, where the rows are vectors and nothing else depends on it: they are
        integrated out, or drawn with the labels.
    given_others : bool
        Whether it is read as rows of one label alone, given other labels that belong to other units of the same rows.
    few_values : list or None
        What :func:`mcmix.structure.by_component.few_values_of` found, once it was asked.
    """

    factor: Factor
    rows: Expression
    labels: list[LabelVector]
    units: np.ndarray | None
    cells: Cells | None = None
    order: np.ndarray | None = None
    gaps: Expression | None = None
    given_others: bool = False
    few_values: list[Any] | None = None


@dataclass(eq=False)
class Cells:
    """Groups of rows that share parameters: the product of labels and known groups.

    Attributes
    ----------
    size : int
    strides : dict of LabelVector to int
        A row's cell is the sum over label vectors of stride times label number, plus its group.
    groups : ndarray of int, shape (R,), or None
    parameters : dict of str to Expression
        One entry per cell, or one for all.
    sums : Sums
        Counts and sums per cell: leaves that the hard pass fills, or constants without unknown labels.
    columns : list of Expression
        The statistic's columns of the data, known.
    width : int
        Numbers in one entry of a column (the square of it in its products): 1, or the dimension of vectors.
    """

    size: int
    strides: dict[LabelVector, int]
    groups: np.ndarray | None
    parameters: dict[str, Expression]
    sums: Sums
    columns: list[Expression] = field(default_factory=list)
    squares: list[bool] = field(default_factory=list)
    width: int = 1


def label_candidates(recording: Recording) -> list[LabelVector]:
    """Unknown vectors of discrete variables with finitely many values."""
    found = []
    for node, variable in recording.leaves.items():
        values = values_of(node) if isinstance(node, Distribution) and len(node.state_shape) == 1 else None
        if values is not None:
            assert isinstance(node, Distribution)
            found.append(LabelVector(node, variable, values, recording.rows.column_of(node)))
    return found
