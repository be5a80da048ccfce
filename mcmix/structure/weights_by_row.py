"""Weights by row whose unknowns change places with components: softmaxes of predictors, proportions by document.

Whether they do is asked of the recorded function, not read off its operations: when the entries of all unknowns that it
is made of are put in another order along their axes of components, weights must come in that order, at random points.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.points import is_log_kept
from mcmix.structure.table_reading import Table

NEAR = 1e-9  # relative, by which weights may be off in rounding
POINTS = 2  # at which they are looked at
MOST_ENTRIES = 100_000  # of unknowns that are looked at

Axes = Mapping[Stochastic, int]


def tables_of_weights_by_row(block: LabelBlock, structure: Structure) -> dict[Stochastic, list[Table]]:
    """By unknown, the tables whose entries change places with the components; empty where weights by row do not.

    Found once for a block.
    """
    if structure.weights_by_row is None:
        structure.weights_by_row = {}
    label = block.label.node
    if label not in structure.weights_by_row:
        structure.weights_by_row[label] = _found(block, structure)
    found: dict[Stochastic, list[Table]] = structure.weights_by_row[label]
    return found


def _found(block: LabelBlock, structure: Structure) -> dict[Stochastic, list[Table]]:
    weights = structure.recording.own_factor(block.label.node).parameters.get("probabilities")
    k = block.label.n_labels
    if not block.distribution.by_row or weights is None or weights.shape != (block.label.n_units, k):
        return {}
    nodes = [n for n, leaf in structure.recording.leaves.items() if leaf in weights.leaves]
    shapes = [structure.recording.leaves[n].shape for n in nodes]
    plain = all(np.dtype(n.dtype).kind == "f" for n in nodes) and len(nodes) == len(weights.leaves)
    if not nodes or not plain or any(k not in shape for shape in shapes) or sum(map(np.prod, shapes)) > MOST_ENTRIES:
        return {}
    for last in (True, False):  # where both axes are as long as there are components
        axes = {n: _axis(shape, k, last) for n, shape in zip(nodes, shapes, strict=True)}
        if _change_places(weights, axes, k, structure):
            return {n: _tables(n, axes[n], structure) for n in nodes}
    return {}


def _axis(shape: tuple[int, ...], k: int, last: bool) -> int:
    found = [a for a, size in enumerate(shape) if size == k]
    return found[-1 if last else 0]


def _change_places(weights: Expression, axes: Axes, k: int, structure: Structure) -> bool:
    """Whether weights change places as the entries do: one round of all, and the first two."""
    rng = np.random.default_rng(29)
    orders = [np.roll(np.arange(k), 1), np.array([1, 0, *range(2, k)])]
    for _ in range(POINTS):
        values = {n: _some_value(n, structure, rng) for n in axes}
        before = evaluate(weights, values)
        for order in orders:
            after = evaluate(weights, {n: np.take(x, order, axes[n]) for n, x in values.items()})
            if not (np.isfinite(before).all() and np.allclose(after, before[:, order], rtol=NEAR, atol=0.0)):
                return False
    return True


def _some_value(node: Stochastic, structure: Structure, rng: np.random.Generator) -> np.ndarray:
    """A value of what is sampled of a node: the logs of simplexes, positive numbers where these alone can be."""
    shape = structure.recording.leaves[node].shape
    if is_log_kept(node):
        return np.log(rng.dirichlet(np.ones(shape[-1]), size=shape[:-1]))
    support = node.family.support if isinstance(node, Distribution) else None
    if support is not None and support.lower == 0.0:
        return rng.beta(2.0, 2.0, shape) if support.upper == 1.0 else rng.gamma(2.0, 1.0, shape)
    return rng.normal(size=shape)


def _tables(node: Stochastic, axis: int, structure: Structure) -> list[Table]:
    shape = structure.recording.leaves[node].shape
    numbers = np.moveaxis(np.arange(np.prod(shape)).reshape(shape), axis, -1).reshape(-1, shape[axis])
    return [[(node, int(i)) for i in row] for row in numbers]


__all__ = ["tables_of_weights_by_row"]
