"""What a sampler's label vectors and their components are: see :class:`mcmix.report.labels.roles.LabelRoles`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.report.labels.roles import LabelRoles
from mcmix.steps.plan import CompiledModel
from mcmix.structure.component_tables import ComponentTables
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.open_sticks import OpenSticks


def roles_of(m: Any) -> dict[str, LabelRoles]:
    """Roles of every label vector of a model, by name."""
    compiled: CompiledModel = m.assembled
    blocks = {b.label.node.name: b for b in compiled.label_blocks}
    data = {name: [n.name for n in _data_nodes(b, compiled)] for name, b in blocks.items()}
    found = [*compiled.structure.numbers, *compiled.structure.open_sticks]
    numbers = {n.block.label.node.name: n.node.name for n in found}
    tables = compiled.component_tables
    roles = {name: _roles(t, data.get(name, []), numbers.get(name, "")) for name, t in tables.items()}
    return roles | {s.block.label.node.name: _without_end(roles[s.block.label.node.name], s) for s in _open(compiled)}


def _open(compiled: CompiledModel) -> list[OpenSticks]:
    return list(compiled.structure.open_sticks)


def _without_end(roles: LabelRoles, found: OpenSticks) -> LabelRoles:
    """Components without end are alike but for their weights, which go by names that mean nothing."""
    own = [table for table in roles.tables if table[0][0] != found.sticks.name]
    return replace(roles, tables=own, classes=[list(range(roles.n_components))], why="")


def _roles(tables: ComponentTables, data: list[str], number: str) -> LabelRoles:
    """Component tables by name; what could be read where nothing could be shown is of no use without the model."""
    shown = not tables.unseen
    return LabelRoles(
        tables.label.node.name,
        tables.label.lowest,
        tables.capacity,
        [[(v.name, element) for v, element in table] for table in tables.tables if shown],
        [v.name for v in tables.complements if shown],
        tables.classes,
        tables.told_apart,
        tables.shared_with,
        data,
        number,
        [v.name for v in tables.squares if shown],
    )


def _data_nodes(block: LabelBlock, compiled: CompiledModel) -> list[Stochastic]:
    """Complete data with one row of numbers for each unit of a label vector."""
    nodes = [n for n in compiled.model.data_nodes if n.mask is None and n.shape[:1] == block.label.node.shape[:1]]
    own = {s.factor.node for s in block.factors if s.units is None}
    return [n for n in nodes if n in own and np.asarray(n.value).dtype.kind in "fiub"]


def rows_in(observed: Mapping[str, np.ndarray], roles: LabelRoles, angles: Collection[str] = ()) -> np.ndarray | None:
    """Rows of numbers that unknown labels part, one for each unit, shape (N, D); an angle is a point on the circle."""
    if not roles.data or not all(name in observed for name in roles.data):
        return None
    tables = {n: np.asarray(observed[n], dtype=float).reshape(len(observed[n]), -1) for n in roles.data}
    rows = np.column_stack([np.hstack([np.cos(x), np.sin(x)]) if n in angles else x for n, x in tables.items()])
    known = observed.get(roles.name)  # NaN where a label is unknown
    return rows if known is None else rows[np.isnan(np.asarray(known, dtype=float))]


__all__ = ["roles_of", "rows_in"]
