"""What a recording consists of: factors, values, leaves, and the rows that it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.nodes.node import Node
from mcmix.nodes.plate import Plate
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.columns import Column
from mcmix.structure.expression import Expression, reduce
from mcmix.structure.points import Point
from mcmix.structure.reads import note_read
from mcmix.structure.rows import Rows


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of the joint density.

    Attributes
    ----------
    node : Stochastic or Potential
    elements : Expression
        Log density, one entry per element where the distribution has a family, else a scalar.
    family : Family or None
    x : Expression or None
        The value, as the user sees it.
    parameters : dict of str to Expression
        By canonical name.
    places : ndarray of int or None
        Where its elements stand among those of the node, flattened; all of them, in turn, where None.
    column : Column or None
        The observed values of the node, if it has any.
    """

    node: Node
    elements: Expression
    family: Family | None = None
    x: Expression | None = None
    parameters: dict[str, Expression] = field(default_factory=dict)
    places: np.ndarray | None = None
    column: Column | None = None

    @property
    def data(self) -> np.ndarray:
        """All observed values of the node, in its shape; any number stands where one is missing."""
        assert self.column is not None
        note_read(self.column)
        return np.asarray(self.column.known)

    @property
    def total(self) -> Expression:
        """Log density, summed."""
        return reduce("sum", self.elements)

    def touches(self, variable: Expression) -> bool:
        """Whether the factor depends on a leaf."""
        return variable in self.elements.leaves

    def places_of(self, own: np.ndarray) -> np.ndarray:
        """Where some of its elements (flattened) stand among those of the node."""
        return own if self.places is None else self.places[own]


@dataclass
class Recording:
    """All of a model as expressions.

    Attributes
    ----------
    leaves : dict of Stochastic to Expression
        The unknowns' places in a chain's memory. Simplexes are kept as logarithms: `values` holds what users see.
    values : dict of Node to Expression
    factors : list of Factor
    opaque : dict of Node to str
        Functions that could not be recorded, and why.
    is_cut : bool
        Whether factors are in parts that are alike already.
    plates : dict of Node to Plate
        Of each unknown that was gathered with like ones, what it is part of.
    rows : Rows
        The observed data: nothing else says what was observed.
    decided_by : set of Column
        Those whose numbers say how something is written: on other rows it is to be recorded anew.
    written : list of Factor or None
        The factors before they were cut.
    """

    leaves: dict[Stochastic, Expression] = field(default_factory=dict)
    values: dict[Node, Expression] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    opaque: dict[Node, str] = field(default_factory=dict)
    is_cut: bool = False
    plates: dict[Node, Plate] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    rows: Rows = field(default_factory=lambda: Rows(()))
    decided_by: set[Column] = field(default_factory=set)
    written: list[Factor] | None = None
    _of_nodes: Any = (None, 0, {})

    def factors_of(self, node: Node) -> list[Factor]:
        """The factors that a node contributes, in order."""
        if self._of_nodes[0] is not self.factors or self._of_nodes[1] != len(self.factors):
            found: dict[Node, list[Factor]] = {}
            for f in self.factors:
                found.setdefault(f.node, []).append(f)
            self._of_nodes = self.factors, len(self.factors), found
        return self._of_nodes[2][node]

    def factor_of(self, node: Node) -> Factor:
        """The factor that a node contributes (of data with missing entries: that of the known rows)."""
        return self.factors_of(node)[0]

    def own_factor(self, node: Stochastic) -> Factor:
        """The factor whose value is what is sampled of a node."""
        leaf = self.leaves[node]
        own = self.factors_of(node)
        return next((f for f in own if f.x is not None and leaf in f.x.leaves), own[0])

    def object_of(self, node: Stochastic) -> Any:
        """Data that are an object: what is recorded with them belongs to them alone."""
        self.decided_by.add(self.rows[node])
        return self.rows.value_of(node)

    def sampled(self, node: Stochastic) -> Expression:
        """What is sampled of a node, on the scale that users see."""
        return self.leaves[node] if node.mask is not None else self.values[node]


__all__ = ["Factor", "Recording"]
