"""Coefficients that are drawn together: which, in which blocks, and what is said of them beside rows yet to be read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.cross_products import CrossProducts
from mcmix.structure.expression import Expression, constant
from mcmix.structure.linked import LinkedChild
from mcmix.structure.meetings import Child


@dataclass(eq=False)
class Coefficients:
    """Variables that are drawn together.

    Attributes
    ----------
    nodes : list of Stochastic
    starts : dict of leaf to int
        The number of each variable's first element among all.
    children : list of Child
    order : ndarray of int, shape (m,)
        Where each element stands once those of a block are neighbours.
    sizes : ndarray of int
        Elements in each block.
    precision, linear : Expression
        Of the prior: the blocks' matrices, flattened, one after another; the linear part in the blocks' order. The
        precision counts rows whose cross products are known numbers, and stands in one of the two entries of each pair.
    known : set of Child
        Those rows.
    summed : set of Child
        Those of them that the linear part counts too, so that nothing is left of them to look at in a sweep.
    collected : dict of Child to CrossProducts
        Rows that precision and linear part count by sums that the pass of their labels makes.
    flat : ndarray of bool, shape (m,)
        Elements whose prior is flat.
    """

    nodes: list[Stochastic]
    starts: dict[Expression, int]
    children: list[Child] = field(default_factory=list)
    order: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    precision: Expression = field(default_factory=lambda: constant(0.0))
    linear: Expression = field(default_factory=lambda: constant(0.0))
    flat: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    known: set[Child] = field(default_factory=set)
    summed: set[Child] = field(default_factory=set)
    collected: dict[Child, CrossProducts] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return sum(leaf.size for leaf in self.starts)

    @property
    def read_when_drawn(self) -> list[Child]:
        """Rows that are looked at when the coefficients are drawn: no sums of theirs stand ready."""
        return [c for c in self.children if c not in self.summed and c not in self.collected]

    @property
    def linked(self) -> list[LinkedChild]:
        """Rows below a link: with some of them, the conditional of the coefficients is no normal distribution."""
        return [c for c in self.children if isinstance(c, LinkedChild)]

    @property
    def row_starts(self) -> np.ndarray:
        """For the coefficient at each place: where its row of its block's matrix would start at place nought."""
        firsts = np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes)
        matrices = np.repeat(np.cumsum(self.sizes**2) - self.sizes**2, self.sizes)
        wide = np.repeat(self.sizes, self.sizes)
        # Entry (i, j) of a block is at row_starts[i] + j with j counted among all coefficients, so the block's first is
        # taken off here, once.
        return np.asarray(matrices + (np.arange(self.size) - firsts) * wide - firsts)

    @property
    def reason(self) -> str:
        """Why they are drawn together."""
        names = ", ".join(dict.fromkeys(c.contribution.factor.node.name for c in self.children))
        with_others = f", {' and '.join(n.name for n in self.nodes)} in one draw" if len(self.nodes) > 1 else ""
        if self.linked:
            links = " and ".join(dict.fromkeys(c.name for c in self.linked))
            return f"coefficients of a linear predictor of {names} below a {links} link{with_others}"
        return f"conjugate: coefficients of a linear predictor of {names}, normal given the rest{with_others}"

    def name_of(self, element: int) -> str:
        """A coefficient as the user would write it."""
        for node, (leaf, start) in zip(self.nodes, self.starts.items(), strict=True):
            if start <= element < start + leaf.size:
                place = np.unravel_index(element - start, leaf.shape) if leaf.shape else ()
                return f"{node.name}[{', '.join(str(int(i)) for i in place)}]" if leaf.shape else node.name
        raise IndexError(element)


__all__ = ["Coefficients"]
