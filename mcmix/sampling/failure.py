"""Which node is to blame when a log density is not a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.nodes.node import Node, short
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.density import BlockMetropolis, DensityStep
from mcmix.structure.evaluate import evaluate
from mcmix.structure.evidence import Structure


def culprit(structure: Structure, chain: Chain, step: DensityStep | BlockMetropolis) -> str:
    """The nodes whose log density is NaN at the value that a step tried, and their parents' values, in words."""
    leaves = {key: chain.view(key).reshape(leaf.shape) for key, leaf in structure.recording.leaves.items()}
    for node, state in step.tried(chain).items():
        leaves[node] = np.reshape(state, structure.recording.leaves[node].shape)
    found = [
        f.node for f in structure.recording.factors if f.family is None and np.isnan(evaluate(f.elements, leaves)).any()
    ]
    return "".join(_told(node, structure, leaves) for node in found)


def _told(node: Node, structure: Structure, leaves: dict[Stochastic, np.ndarray]) -> str:
    values: dict[str, Any] = {}
    for name, parent in node.parents.items():
        known = isinstance(parent, Node) and parent in structure.recording.values
        values[name] = evaluate(structure.recording.values[parent], leaves) if known else parent
    shown = ", ".join(
        f"{name} = {short(np.asarray(v)) if isinstance(v, np.ndarray) else v}" for name, v in values.items()
    )
    return f" (the logp of {node.name} returned NaN with parents {shown})"
