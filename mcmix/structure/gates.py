"""Weights by row that are a softmax of linear predictors: which coefficients belong to which class, and their design.

What a function of the user's makes of covariates is not followed through its operations but asked: log weights less
their mean over classes are linear in the coefficients of a softmax, so unit vectors show the design, and random points
whether that was all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression

MOST_COEFFICIENTS = 256
NEAR = 1e-8  # by which what is linear may be off, in rounding
POINTS = 2  # at which it is looked at


@dataclass(eq=False)
class Gate:
    """Weights by row as a softmax of linear predictors.

    Attributes
    ----------
    block : LabelBlock
    nodes : list of Stochastic
        What has coefficients, each with a normal prior.
    places : list of (Stochastic, int)
        The variable and the element of each coefficient, class by class.
    starts : ndarray of int, shape (K + 1,)
        Where each class's coefficients begin; those of a class of reference are none.
    design : ndarray, shape (rows, coefficients)
    offsets : ndarray, shape (rows, K), or None
        Predictors where all coefficients are zero; None where these are zero too.
    """

    block: LabelBlock
    nodes: list[Stochastic]
    places: list[tuple[Stochastic, int]]
    starts: np.ndarray
    design: np.ndarray
    offsets: np.ndarray | None

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.starts) - 1

    @cached_property
    def is_alike(self) -> bool:
        """Whether all classes have coefficients of the same design, so that they may change places."""
        sizes = np.diff(self.starts)
        if self.offsets is not None or (sizes != sizes[0]).any() or not sizes[0]:
            return False
        own = [self.design[:, a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        return all(np.allclose(x, own[0], rtol=1e-9, atol=NEAR) for x in own)


def gate_of(block: LabelBlock, structure: Structure) -> Gate | None:
    """The gate of a block's labels, if their weights vary by row in that way; found once for a block."""
    if structure.gates is None:
        structure.gates = {}
    if block.label.node not in structure.gates:
        structure.gates[block.label.node] = _gate_of(block, structure)
    found: Gate | None = structure.gates[block.label.node]
    return found


def gate_with(node: Stochastic, structure: Structure) -> Gate | None:
    """The gate that a variable has coefficients of, if it may be drawn with it."""
    found = next((g for b in structure.blocks if (g := gate_of(b, structure)) is not None and node in g.nodes), None)
    return None if found is None or any(n in structure.apart | structure.held for n in found.nodes) else found


def _gate_of(block: LabelBlock, structure: Structure) -> Gate | None:
    own = structure.recording.own_factor(block.label.node)
    weights = own.parameters.get("probabilities")
    shape = (block.label.n_units, block.label.n_labels)
    if not block.distribution.by_row or block.label.column is not None or weights is None or weights.shape != shape:
        return None
    nodes = _with_normal_priors(weights, structure)
    if nodes is None or any(
        e.factor is not own and e.factor.node not in nodes for n in nodes for e in structure.about(n)
    ):
        return None
    return _asked(block, weights, nodes, structure)


def _with_normal_priors(weights: Expression, structure: Structure) -> list[Stochastic] | None:
    """The unknowns that weights are made of, in order, where all have normal priors, number by number."""
    found = [n for n, leaf in structure.recording.leaves.items() if leaf in weights.leaves]
    size = sum(structure.recording.leaves[n].size for n in found)
    plain = all(isinstance(n, Distribution) and n.family.name == "Normal" and n.mask is None for n in found)
    return found if plain and 0 < size <= MOST_COEFFICIENTS else None


class _Asked:
    """Log weights less their mean over classes, as a function of all coefficients."""

    def __init__(self, weights: Expression, nodes: list[Stochastic], structure: Structure):
        self.weights, self.leaves = weights, [structure.recording.leaves[n] for n in nodes]
        self.ends = np.cumsum([0, *[leaf.size for leaf in self.leaves]])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        given = {
            leaf.extra: values[a:b].reshape(leaf.shape)
            for leaf, a, b in zip(self.leaves, self.ends[:-1], self.ends[1:], strict=True)
        }
        with np.errstate(all="ignore"):
            logs = np.log(evaluate(self.weights, given))
        return np.asarray(logs - logs.mean(1, keepdims=True))


def _asked(block: LabelBlock, weights: Expression, nodes: list[Stochastic], structure: Structure) -> Gate | None:
    asked = _Asked(weights, nodes, structure)
    size = int(asked.ends[-1])
    at_zero = asked(np.zeros(size))
    changes = [asked(np.eye(size)[e]) - at_zero for e in range(size)]
    # Of two classes either may own a coefficient; which one is seen by the axis of as many entries, of which there may
    # be two.
    made = [_made(block, nodes, asked, at_zero, changes, turned) for turned in (False, True)]
    found = [g for g in made if g is not None]
    return next((g for g in found if g.is_alike), next(iter(found), None))


def _made(
    block: LabelBlock,
    nodes: list[Stochastic],
    asked: _Asked,
    at_zero: np.ndarray,
    changes: list[np.ndarray],
    turned: bool,
) -> Gate | None:
    owners, columns = [], []
    for e, change in enumerate(changes):
        found = _class_of(change, _place_in(nodes, asked.ends, e, block.label.n_labels, turned))
        if found is None:
            return None
        owners.append(found[0])
        columns.append(found[1])
    order = np.argsort(owners, kind="stable")
    design = np.ascontiguousarray(np.column_stack(columns)[:, order])
    starts = np.searchsorted(np.array(owners)[order], np.arange(block.label.n_labels + 1))
    every = [(n, i) for n, leaf in zip(nodes, asked.leaves, strict=True) for i in range(leaf.size)]
    offsets = None if np.abs(at_zero).max() < NEAR else at_zero
    made = Gate(block, nodes, [every[e] for e in order], starts.astype(np.int64), design, offsets)
    return made if _is_all(made, asked, at_zero, order) else None


def _place_in(nodes: list[Stochastic], ends: np.ndarray, e: int, n_labels: int, turned: bool) -> int:
    """Which class a coefficient is likely to be of, by where it stands along an axis of as many entries; else -1."""
    which = int(np.searchsorted(ends, e, side="right")) - 1
    shape = nodes[which].shape
    axes = [a for a in range(len(shape)) if shape[a] == n_labels]
    axis = next(iter(reversed(axes) if turned else axes), None)
    return -1 if axis is None else int(np.unravel_index(e - ends[which], shape)[axis])


def _class_of(change: np.ndarray, likely: int) -> tuple[int, np.ndarray] | None:
    """The one class whose predictor a coefficient changes, and by how much in each row; None where it is not one."""
    n_labels = change.shape[1]
    if not np.isfinite(change).all():
        return None
    # of class k alone: x (1 - 1 / K) there, -x / K elsewhere
    fitting = []
    for k in range(n_labels):
        others = np.delete(change, k, axis=1)
        if np.abs(others - others[:, :1]).max() < NEAR:
            fitting.append(k)
    if not fitting:
        return None
    k = likely if likely in fitting else fitting[-1]
    return k, change[:, k] - np.delete(change, k, axis=1)[:, 0]


def _is_all(gate: Gate, asked: _Asked, at_zero: np.ndarray, order: np.ndarray) -> bool:
    """Whether weights at some other points are those of the gate."""
    rng = np.random.default_rng(17)
    for _ in range(POINTS):
        values = rng.normal(size=len(order))
        predictors = np.stack(
            [gate.design[:, a:b] @ values[order][a:b] for a, b in zip(gate.starts[:-1], gate.starts[1:], strict=True)],
            1,
        )
        expected = at_zero + predictors - predictors.mean(1, keepdims=True)
        if not np.allclose(asked(values), expected, rtol=1e-6, atol=1e-6):
            return False
    return True


__all__ = ["Gate", "gate_of", "gate_with"]
