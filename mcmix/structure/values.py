"""Which values a discrete variable may have."""

from __future__ import annotations

import numpy as np

from mcmix.nodes.constraints import as_array
from mcmix.nodes.distribution import Distribution, holds_nodes, shape_of


def values_of(node: Distribution) -> np.ndarray | None:
    """The finite set of values of a discrete distribution, where it is known."""
    if node.family.values is None:
        return None
    parents = node.canonical_parents
    known = {name: np.unique(as_array(p)) for name, p in parents.items() if not holds_nodes(p)}
    return node.family.values({name: shape_of(p) for name, p in parents.items()}, known)
