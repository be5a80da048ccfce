"""One model laid out with different room for components: each layout is made once, for whichever chain needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mcmix.errors import McmixError, ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.resizing import take_rooms
from mcmix.nodes.room import FIRST_ROOM_OF_MANY, Room, rooms_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Step

Rooms = dict[Room, int]


class ByRoom:
    """Layouts of a model by the room that they have.

    Parameters
    ----------
    model : Model
    lay_out : callable
        The compiled model with the room that nodes have at present.
    """

    def __init__(self, model: Model, lay_out: Callable[[], Any]):
        self._model, self._lay_out, self._lock = model, lay_out, threading.Lock()
        self._found: dict[tuple[int, ...], Any] = {}

    def keep(self, compiled: Any) -> None:
        """Remember a layout."""
        self._found[tuple(compiled.rooms.values())] = compiled

    @contextmanager
    def shown(self, rooms: Rooms) -> Iterator[Any]:
        """The compiled model with so much room, made at the first request; nodes have it, and nobody changes that."""
        key = tuple(rooms.values())
        with self._lock:
            show(self._model, rooms)
            if key not in self._found:
                self._found[key] = self._lay_out()
            yield self._found[key]

    def at(self, rooms: Rooms) -> Any:
        """The compiled model with so much room."""
        with self.shown(rooms) as found:
            return found

    def largest(self, several: Sequence[Rooms]) -> Any:
        """The compiled model with room for the components of all."""
        return self.at({room: max(one[room] for one in several) for room in several[0]})


def present_rooms(model: Model) -> Rooms:
    """The room that a model's nodes have at present, where it grows."""
    return {room: room.capacity for room in rooms_of(model.ordered())}


def begin(model: Model) -> None:
    """Let a model's nodes have the room that they begin with."""
    take_rooms(model.ordered(), {room: room.first_room for room in rooms_of(model.ordered())})


def show(model: Model, rooms: Mapping[Room, int]) -> None:
    """Let a model's nodes have the room that a compiled one has."""
    if any(room.capacity != n for room, n in rooms.items()):
        take_rooms(model.ordered(), rooms)


def refuse_fixed(
    model: Model, rooms: Rooms, record: Callable[[], Any], of_components: Mapping[Room, Sequence[Stochastic]]
) -> None:
    """Refuse a model that cannot be laid out with more room, before any chain needs it.

    Parameters
    ----------
    model : Model
    rooms : dict of Room to int
    record : callable
        Records the model with the room that nodes have.
    of_components : mapping of Room to variables
        What components have.

    Raises
    ------
    ModelError
        If something has as many entries as there is room for now, and no size that says so.
    """
    more = rooms | {room: room.larger(rooms[room]) for room in open_rooms(rooms)}
    if more == rooms:
        return
    try:
        take_rooms(model.ordered(), more)
        record()
        for room, variables in of_components.items():
            for v in variables:
                if v.shape[:1] != (room.capacity,):
                    raise ModelError(f"{v.name} stays one of shape {v.shape}")
    except (McmixError, ValueError, TypeError, IndexError) as error:
        names = ", ".join(room.name for room in rooms)
        raise ModelError(
            f"{names}: a model whose number of components has no end expected to fit any number, but with "
            f"{', '.join(map(str, more.values()))} in the place of {', '.join(map(str, rooms.values()))} it does not "
            f"({error}); give whatever components have size={names}, or {next(iter(rooms)).instead}"
        ) from error
    finally:
        take_rooms(model.ordered(), rooms)


def with_first_rooms(compiled: Any) -> Any:
    """A model with the room that chains begin with: more than small models have, where starts try many components."""
    numbers = [n for n in compiled.structure.numbers if n.node.grows and not n.node.given_room and not n.has_few_units]
    wanted = {n.node: min(FIRST_ROOM_OF_MANY, n.most) for n in numbers if n.capacity < FIRST_ROOM_OF_MANY}
    return compiled.by_room.at(compiled.rooms | wanted) if wanted else compiled


def fill(model: Model) -> None:
    """Let a model's nodes have room for as many components as there may be, where that can be said."""
    take_rooms(model.ordered(), all_rooms(model))


def all_rooms(model: Model) -> Rooms:
    """Room for as many components as there may be, where that can be said."""
    return {room: room.end for room in rooms_of(model.ordered()) if room.end is not None}


def open_rooms(rooms: Rooms) -> list[Room]:
    """Those of which a chain may need more."""
    return [room for room, n in rooms.items() if room.end is None or n < room.end]


def fixed_by(steps: Sequence[Step], tempered: bool) -> str:
    """What cannot go on in a memory with more room, in words; nothing where all can."""
    fixed = [s for s in steps if s.in_python or not s.can_grow]
    return f"{fixed[0].name} of {fixed[0].variables[0].name}" if fixed else "tempering=" if tempered else ""


__all__ = [
    "ByRoom",
    "Rooms",
    "all_rooms",
    "begin",
    "fill",
    "fixed_by",
    "open_rooms",
    "present_rooms",
    "refuse_fixed",
    "show",
    "with_first_rooms",
]
