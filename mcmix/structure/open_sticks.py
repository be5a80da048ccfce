"""Sticks without an end: whose weights they are, and what factors say of others.

A Dirichlet or Pitman-Yor process has components without end. Tables have room for some of them; the last weight is that
of all others, and no unit has its label: slices (:mod:`mcmix.kernels.sliced_labels`) say how many components an
iteration looks at, and tables get room for as many. Two things are integrated out of what factors say of others, and
drawn again before anything looks at them:

- sticks behind the last component with units;
- parameters of components without units, where these are then drawn exactly from their prior.

So nothing that others are told depends on how much room there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcmix.errors import ModelError
from mcmix.nodes.room import Room
from mcmix.nodes.stick_breaking import StickBreaking
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.component_tables import component_tables
from mcmix.structure.contributions import Contribution, LabelBlock, Structure
from mcmix.structure.expression import Expression, elementwise
from mcmix.structure.label_distributions import SharedWeights
from mcmix.structure.sliced_weights import SlicedWeights
from mcmix.structure.sticks import behind
from mcmix.structure.unknown_number import drawn_exactly, of_seen


@dataclass(frozen=True, eq=False)
class OpenSticks:
    """Sticks without an end, and the labels that are drawn with their weights.

    Attributes
    ----------
    node : StickBreaking
    block : LabelBlock
    """

    node: StickBreaking
    block: LabelBlock

    @property
    def sticks(self) -> Stochastic:
        """The shares that are broken off."""
        return self.node.sticks


def with_open_sticks(structure: Structure) -> Structure:
    """The structure with its sticks without an end found, and what its factors then say.

    Raises
    ------
    ModelError
        If their weights have another part in the model than to be those of one vector of unknown labels; the node is
        named.
    """
    values = structure.recording.values
    nodes = [n for n in values if isinstance(n, StickBreaking) and n.grows and n.sticks in structure.recording.leaves]
    structure.open_sticks = [_found(node, structure) for node in nodes]
    for found in structure.open_sticks:
        assert found.block.log_weights is not None
        found.block.beyond = 1
        found.block.distribution = SlicedWeights(found.block.label, found.block.log_weights)
        found.block.n_seeds = min(found.block.n_seeds, found.block.label.n_labels - 1)
        _sum_out(found, structure)
    if nodes:
        structure.conjugates.clear()  # messages were those of all components
    return structure


def open_sticks_of(block: LabelBlock, structure: Structure) -> OpenSticks | None:
    """The sticks without an end whose weights a label vector is drawn with, if it is."""
    found: OpenSticks | None = next((s for s in structure.open_sticks if s.block is block), None)
    return found


def of_components(structure: Structure) -> dict[Room, list[Stochastic]]:
    """What components have of which there is no largest number, by what says how many there is room for."""
    found = {n.node: (n.block, n.weights) for n in structure.numbers if n.node.grows}
    found |= {s.node: (s.block, s.sticks) for s in structure.open_sticks}
    tables = {room: (component_tables(block, structure), apart) for room, (block, apart) in found.items()}
    return {room: [v for v in t.variables if v is not apart] for room, (t, apart) in tables.items()}


def _found(node: StickBreaking, structure: Structure) -> OpenSticks:
    sticks = node.sticks
    below = [e.factor for e in structure.about(sticks) if e.factor.node is not sticks]
    weights = structure.recording.values[node]
    blocks = [
        b
        for b in structure.blocks
        if isinstance(b.distribution, SharedWeights)
        and structure.recording.own_factor(b.label.node).parameters.get("probabilities") is weights
    ]
    told = ", ".join(dict.fromkeys(f.node.name for f in below)) or "nothing that data depend on"
    if (
        len(blocks) != 1
        or any(f.node is not blocks[0].label.node for f in below)
        or structure.is_forward_sampled(sticks)
    ):
        raise ModelError(
            f"{node.name}: weights of components without end expected one label vector, mc.Categorical('z', "
            f"{node.name}, size=n), each of whose rows depends on its own label, and nothing else below them; got "
            f"{told}. For another use, {node.instead}"
        )
    _refuse_known(node, blocks[0], structure)
    return OpenSticks(node, blocks[0])


def _refuse_known(node: StickBreaking, block: LabelBlock, structure: Structure) -> None:
    """Refuse labels that name components, steps of the user's, and rows that are not in memory."""
    label, tables = block.label, component_tables(block, structure)
    asked = {label.node, node.sticks} & structure.apart
    why = (
        "labels that are known name components"
        if label.column is not None
        else tables.unseen
        or ("known numbers tell components apart" if not tables.likelihood_allows_all else "")
        or (f"{', '.join(tables.shared_with)} looks up the same components" if tables.shared_with else "")
        or (f"{', '.join(n.name for n in asked)} has a step of yours" if asked else "")
    )
    if why:
        raise ModelError(f"{node.name}: components without end are drawn by slices, but {why}; {node.instead}")


# -------------------------------------------------------------------- what factors say


def _sum_out(found: OpenSticks, structure: Structure) -> None:
    """Let priors of sticks and components say to others what those say that units need."""
    block = found.block
    own = structure.recording.own_factor(found.sticks)
    exact = [v for v in component_tables(block, structure).variables if v is not found.sticks]
    priors = {structure.recording.own_factor(n) for n in drawn_exactly(exact, structure)}
    occupied, needed = elementwise("greater", block.counts, 0), _needed(block)

    def as_others_see(e: Contribution) -> Contribution:
        if e.factor is own:
            return of_seen(e, needed)
        return of_seen(e, occupied) if e.factor in priors else e

    structure.contributions = [as_others_see(e) for e in structure.contributions]


def _needed(block: LabelBlock) -> Expression:
    """Whether a stick is broken for some unit: one for its component, or for one behind it."""
    return elementwise("greater", block.counts[:-1] + behind(block.counts), 0)


__all__ = ["OpenSticks", "of_components", "open_sticks_of", "with_open_sticks"]
