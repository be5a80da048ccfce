"""Which node is to blame when a log density is not a number, and which rows when there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.nodes.node import Node, short
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.density import BlockMetropolis, DensityStep
from mcmix.steps.passes import Pass
from mcmix.steps.plan import CompiledModel
from mcmix.structure.contributions import Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.recording import Factor

MOST_ROWS = 3  # that are named


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


def impossible_rows(compiled: CompiledModel, chain: Chain) -> str:
    """The rows of data without a density at a chain's present point, under any label: ``y[2] = 0, y[7] = 1``."""
    leaves = {key: chain.view(key).reshape(leaf.shape) for key, leaf in compiled.structure.recording.leaves.items()}
    found = [row for p in compiled.label_passes for row in _rows_of_pass(p, chain)]
    drawn = {b.label.variable for b in compiled.structure.blocks}
    for factor in compiled.structure.recording.factors:
        if not factor.elements.leaves & drawn and isinstance(factor.node, Stochastic) and factor.node.holds_data:
            found += _rows_of(factor, _bad(factor, leaves))
    found = list(dict.fromkeys(found))
    return ", ".join(found[:MOST_ROWS]) + (f" and {len(found) - MOST_ROWS} more" if len(found) > MOST_ROWS else "")


def _bad(factor: Factor, leaves: dict[Stochastic, np.ndarray]) -> np.ndarray:
    """Which of a factor's elements have no finite log density."""
    try:
        return np.flatnonzero(~np.isfinite(evaluate(factor.elements, leaves)))
    except Exception:  # noqa: BLE001  a user's function at a bad point
        return np.zeros(0, dtype=np.int64)


def _rows_of_pass(p: Pass, chain: Chain) -> list[str]:
    """Rows of the units that no label explains."""
    logs = np.zeros(p.label.n_units)
    if p.bound(chain).weigh(unit_logs=logs) != 0:
        return []
    units = np.flatnonzero(~np.isfinite(logs))
    found = []
    for s in p.block.factors if units.size else ():
        rows = units if s.units is None else np.flatnonzero(np.isin(s.units, units))
        data = isinstance(s.factor.node, Stochastic) and s.factor.node.holds_data
        found += _rows_of(s.factor, rows if s.order is None else s.order[rows]) if data else []
    return found


def _rows_of(factor: Factor, rows: np.ndarray) -> list[str]:
    """Elements of data by name, place and value; missing ones have none that could be told."""
    node = factor.node
    assert isinstance(node, Stochastic)
    value, events = factor.data, 0 if factor.family is None else factor.family.event_ndim
    table = value.shape[: value.ndim - events]
    if factor.places is None and factor.elements.ndim == 1 and factor.elements.size != int(np.prod(table, dtype=int)):
        return []  # parts of which nobody knows where they stand
    found = []
    for place in rows if factor.places is None else factor.places[rows]:
        at = np.unravel_index(int(place), table)
        if node.mask is None or not np.any(node.mask[at]):
            name = f"{node.name}[{', '.join(map(str, at))}]" if at else node.name
            found.append(f"{name} = {value[at]:g}" if not events else f"{name} = {short(value[at])}")
    return found
