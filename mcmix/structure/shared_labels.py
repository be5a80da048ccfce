"""Labels that are drawn given one another, such as the states of a hidden chain, and the tables that follow them.

No expression shows which tables permute with such labels, so their shapes are asked: a table that only happens to be as
long is among them too. A permutation of all is therefore a proposal, which the ratio of the joint densities judges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.table_reading import Tables
from mcmix.structure.values import values_of


@dataclass(frozen=True)
class SharedLabels:
    """Labels that mean the same components.

    Attributes
    ----------
    vectors : list of Stochastic
        Those of label blocks.
    single : list of Stochastic
        Single labels that no label update draws.
    axes : list of (Stochastic, tuple of int)
        Unknowns with one entry for each component along some axes.
    """

    vectors: list[Stochastic]
    single: list[Stochastic]
    axes: list[tuple[Stochastic, tuple[int, ...]]]

    def by_shape(self, n_components: int) -> Tables:
        """The numbers of each component: its row, along the first of these axes."""
        found = Tables()
        for node, axes in self.axes:
            order = np.moveaxis(np.arange(np.prod(node.state_shape, dtype=int)).reshape(node.state_shape), axes[0], 0)
            for column in order.reshape(n_components, -1).T.tolist():
                found.add([(node, element) for element in column], order.shape[1:])
        return found


def shared_labels(block: LabelBlock, structure: Structure) -> SharedLabels:
    """The labels that are drawn given one another with those of a block, and what follows them."""
    lowest, n_labels = block.label.lowest, block.label.n_labels
    like = [b.label for b in structure.blocks if b.given_others]
    vectors: list[Stochastic] = [v.node for v in like if (v.lowest, v.n_labels) == (lowest, n_labels)]
    others = [n for n in structure.recording.leaves if n not in set(vectors)]
    single = [n for n in others if not n.state_shape and _takes(n, lowest, n_labels)]
    free = [n for n in others if n not in structure.apart | structure.held]
    axes = [(n, _component_axes(n, n_labels)) for n in free]
    return SharedLabels(vectors, single, [(n, own) for n, own in axes if own])


def _takes(node: Stochastic, lowest: int, n_labels: int) -> bool:
    """Whether a variable has so many values from the lowest up."""
    values = values_of(node) if isinstance(node, Distribution) else None
    return values is not None and (int(values[0]), len(values)) == (lowest, n_labels)


def _component_axes(node: Stochastic, n_labels: int) -> tuple[int, ...]:
    """Axes of an unknown that may be those of the components: the first, and the last of a simplex."""
    shape = node.state_shape
    if np.dtype(node.dtype).kind in "iub" or not shape or node.mask is not None:
        return ()
    first = {0} if shape[0] == n_labels else set[int]()
    simplex = isinstance(node, Distribution) and node.family.support.simplex
    return tuple(sorted(first | ({len(shape) - 1} if simplex and shape[-1] == n_labels else set[int]())))


__all__ = ["SharedLabels", "shared_labels"]
