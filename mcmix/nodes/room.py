"""Room for components whose number has no end: it begins small, and is made larger where a chain needs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.node import Node

FIRST_ROOM = 16  # components that there is room for to begin with
MOST_ROOM = 2**14  # beyond which a chain is taken to have gone astray
FIRST_ROOM_OF_MANY = 65  # the same where units are so many that starts try larger numbers


class Room(Node):
    """A node that others take as their size: there is room for `capacity` components.

    Attributes
    ----------
    grows : bool
        Whether that is only where it begins.
    given_room : bool
        Whether the user said where.
    first_room : int
        Where that is.
    """

    grows = False
    given_room = False
    first_room = FIRST_ROOM

    @property
    def capacity(self) -> int:
        """Components that arrays have room for at present."""
        raise NotImplementedError

    @property
    def instead(self) -> str:
        """What gives it an end, in words."""
        return "give it an end"

    def take_room(self, capacity: int) -> None:
        """Have room for so many from now on; who has this size is told by :func:`mcmix.nodes.resizing.take_rooms`."""
        raise NotImplementedError

    @property
    def end(self) -> int | None:
        """Components at most, where it can be said."""
        return None

    @property
    def ample(self) -> int:
        """Components that a draw from the prior has room for."""
        raise NotImplementedError

    def larger(self, capacity: int) -> int:
        """The next larger room.

        Raises
        ------
        ModelError
            If that would be beyond all measure.
        """
        if capacity >= MOST_ROOM:
            raise ModelError(
                f"{self.name}: components expected to be some, got a chain that looks at more than {MOST_ROOM}: a "
                f"concentration or discount so large makes nearly every row a component of its own; {self.instead}"
            )
        return 2 * capacity


def checked_room(name: str, room: Any, least: int) -> int:
    """How much room there is to begin with.

    Raises
    ------
    ModelError
        If that is no whole number, or too small.
    """
    if room is None:
        return FIRST_ROOM
    if isinstance(room, (bool, np.bool_)) or not isinstance(room, (int, np.integer)) or room < least:
        raise ModelError(f"{name}: room expected a whole number of at least {least}, got {room!r}")
    return int(room)


def rooms_of(nodes: Iterable[Node]) -> list[Room]:
    """Those of some nodes whose room grows."""
    return [n for n in nodes if isinstance(n, Room) and n.grows]


def refuse_rooms(rooms: Iterable[Room], what: str) -> None:
    """Refuse numbers of components that have no end.

    Raises
    ------
    ModelError
        If there is one; it is named, and what gives it an end.
    """
    for room in rooms:
        raise ModelError(f"{what} expected a largest number of components, got none for {room.name}; {room.instead}")


def room_in(name: str, size: Any, value: Any) -> Room | None:
    """The node, of a room that grows, that is a variable's size or its first part.

    Raises
    ------
    ModelError
        If it stands behind others, or the variable has a start value: nobody can say of how many components.
    """
    parts = list(size) if isinstance(size, (tuple, list)) else [size]
    found = [n for n in parts if isinstance(n, Room) and n.grows]
    if found and found[0] is not parts[0]:
        raise ModelError(f"{name}: size expected {found[0].name} first, as in size=({found[0].name}, 3), got {size!r}")
    if found and value is not None:
        raise ModelError(
            f"{name}: expected no value=, since the number of components of {found[0].name} has no end; "
            f"{found[0].instead}"
        )
    return found[0] if found else None


__all__ = ["FIRST_ROOM", "FIRST_ROOM_OF_MANY", "Room", "checked_room", "refuse_rooms", "room_in", "rooms_of"]
