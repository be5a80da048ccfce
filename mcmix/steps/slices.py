"""Slices of the units of a label update whose components have no end."""

from __future__ import annotations

import numpy as np

from mcmix.kernels import sliced_labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import seen
from mcmix.kernels.tiles import PASS
from mcmix.nodes.room import Room
from mcmix.steps.base import Call, Chain, Step, kernel_call, words
from mcmix.steps.layout import Program
from mcmix.structure.component_tables import ComponentTables
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.open_sticks import OpenSticks
from mcmix.structure.sliced_weights import SlicedWeights

_LABELS = (PASS.names or ()).index("labels")


def sliced(step: Step, block: LabelBlock, counted: np.ndarray, chain: Chain) -> Call:
    """A call that draws slices, and lets a pass, told by its record, weigh the labels that these reach."""
    distribution, label = block.distribution, block.label
    assert isinstance(distribution, SlicedWeights)
    chain.view(distribution.levels)[: label.n_labels - 1] = 1.0  # before a run all are reached
    fields = {
        "slices": chain.address(distribution.slices),
        "levels": chain.address(distribution.levels),
        "capacity": label.n_labels,
        "out": chain.address(label.node),
        "units": label.n_units,
        "lowest": label.lowest,
        "streams": int(seen(PASS, counted).streams),
        "labels": address_of(counted) + counted.itemsize * _LABELS,
        "growth": chain.address(("growth", step)),
    }
    return kernel_call(step, kernels.draw_slices, fields, np.array([kernels.IN_FRONT]), tuned=True)


def names_exchanged(step: Step, found: OpenSticks, tables: ComponentTables, program: Program, chain: Chain) -> Call:
    """A call that exchanges names of components, given the weights that its program leaves."""
    label, capacity = found.block.label, tables.capacity - 1
    own = [table[:capacity] for table in tables.families if table[0][0] is not found.sticks]
    families = words(*[chain.address(v) + 8 * k for table in own for v, k in table])
    chain.kept.append(families)
    fields = {
        **chain.bound(program).named,
        "capacity": capacity,
        "weights": chain.address(("log weights", step)),
        "counts": chain.address(("units", label.node)),
        "families": address_of(families),
        "n_families": len(own),
        "out": chain.address(label.node),
        "units": label.n_units,
        "lowest": label.lowest,
        "workspace": chain.address(("names", step)),
        "counters": chain.address(("exchange", step)),
    }
    return kernel_call(step, kernels.exchange_names, fields)


def said_of_slices(block: LabelBlock, room: Room) -> str:
    """How components without end are drawn, in words."""
    return (
        f"among the components of {room.name}, which have no end, that slices reach; names exchanged; room for "
        f"{room.capacity} components, more when a chain needs it"
    )


__all__ = ["names_exchanged", "said_of_slices", "sliced"]
