"""All that has the size of a number of components takes another one: storage that grows, and goes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node
from mcmix.nodes.number_of_components import ComponentWeights
from mcmix.nodes.room import Room, rooms_of
from mcmix.nodes.stochastic import Clock


def take_rooms(nodes: Iterable[Node], rooms: Mapping[Room, int]) -> None:
    """Give rooms, and all that has their size, so many components; values are drawn anew when somebody asks.

    Parameters
    ----------
    nodes : iterable of Node
        Of a model, parents before children.
    rooms : mapping of Room to int
        Components that there is to be room for.
    """
    changed = [room for room, n in rooms.items() if n != room.capacity]
    for room in changed:
        room.take_room(rooms[room])
    if not changed:
        return
    Clock.now += 1
    for node in nodes:
        if isinstance(node, Distribution) and not node.holds_data:
            node.take_shape(_shape(node))


def _shape(node: Distribution) -> tuple[int, ...]:
    """The shape that a variable's size says, or else its parameters, which may have another one now."""
    if isinstance(node, ComponentWeights):
        return (node.number.capacity,)
    n_axes = len(node.shape) - len(node.event_shape)
    batch, entries = node.shape[:n_axes], node.shape[n_axes:]
    if node.room is not None:
        return (node.room.capacity, *batch[1:], *entries)
    told = node.parameters_shape()
    other = len(told) == len(batch) and any(n not in (1, m) for n, m in zip(told, batch, strict=True))
    return (*told, *entries) if other else node.shape


@contextmanager
def with_ample_rooms(nodes: Sequence[Node]) -> Iterator[None]:
    """Meanwhile there is room for whatever is drawn from the prior."""
    before = {room: room.capacity for room in rooms_of(nodes)}
    take_rooms(nodes, {room: room.ample for room in before})
    try:
        yield
    finally:
        take_rooms(nodes, before)


__all__ = ["take_rooms", "with_ample_rooms"]
