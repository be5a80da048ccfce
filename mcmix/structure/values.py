"""Which values a discrete variable may have."""

from __future__ import annotations

import numpy as np

from mcmix.nodes.law import Law

MOST_VALUES = 4096  # a discrete variable with more values is no label


def values_of(node: Law) -> np.ndarray | None:
    """The finite set of values of a discrete law, where it is known."""
    from mcmix.nodes.constraints import as_array
    from mcmix.nodes.law import holds_nodes, shape_of

    name = node.family.name
    if name == "Categorical":
        return np.arange(shape_of(node.parents["probabilities"])[-1])
    if name == "Bernoulli":
        return np.arange(2)
    ends = {"DiscreteUniform": ("lower", "upper"), "Binomial": (None, "trials")}.get(name)
    if ends is None or any(e is not None and holds_nodes(node.parents[e]) for e in ends):
        return None
    low, high = (np.unique(as_array(node.parents[e])) if e else np.zeros(1) for e in ends)
    if low.size != 1 or high.size != 1 or high[0] - low[0] >= MOST_VALUES:
        return None
    return np.arange(int(low[0]), int(high[0]) + 1)
