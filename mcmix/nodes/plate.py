"""Many like nodes as one: what a loop over nodes means to the sampler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic


class Plate(Distribution):
    """Nodes of one family and one shape, their values one after another along the first axis.

    It stands for its members while steps are chosen and programs compiled. The members keep their names, their traces
    and their places in a chain's memory, each a stretch of the plate's.

    Parameters
    ----------
    members : sequence of Distribution
        At least one; of one family, one shape, all data or all unknown.
    parents : mapping of str to anything
        Parameters of the family: an array where all are numbers, else anything that holds nodes and has their shape.
    """

    def __init__(self, members: Sequence[Distribution], parents: Mapping[str, Any]):
        first, last = members[0], members[-1]
        self.__name__ = f"{first.name} ... {last.name} ({len(members)} nodes)"
        self.family, self.members = first.family, tuple(members)
        self.parents = dict(parents)
        self.event_shape = first.event_shape
        front = first.shape[: len(first.shape) - len(self.event_shape)]
        self._shape = (len(members) * int(np.prod(front, dtype=int)), *self.event_shape)
        self.dtype, self.observed = first.dtype, first.observed
        self.created, self.trace_by_default, self.verbose = first.created, False, -1
        self.mask = self.held = self.given = self._value = self.last_value = None

    @property  # type: ignore[misc]  # what it stands for is set node by node
    def value(self) -> Any:
        """The members' values."""
        return np.concatenate([np.reshape(n.value, (-1, *self.event_shape)) for n in self.members])

    @property
    def canonical_parents(self) -> dict[str, Any]:
        """Parameters by the family's names."""
        return dict(self.parents)

    @property
    def can_draw(self) -> bool:
        """Whether all of its members can be drawn."""
        return all(n.can_draw for n in self.members)


def members_of(node: Stochastic) -> tuple[Stochastic, ...]:
    """The nodes that users wrote: a plate's members, or the node itself."""
    return node.members if isinstance(node, Plate) else (node,)


__all__ = ["Plate", "members_of"]
