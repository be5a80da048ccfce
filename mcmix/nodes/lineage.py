"""How deep chains of nodes are copied and pickled: ancestors first, in a flat list.

Pickling goes from a node to its parents, from these to theirs, and would end at Python's limit of nested calls after
some hundred. So a node that stands deep brings along a list of ancestors, one for each so many generations, those
without ancestors first: whoever copies the list finds most of the way below each of them copied already.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from typing import Any

from mcmix.nodes.node import Node

GENERATIONS = 24  # that a copy follows from child to parent before it must meet a node that is copied already

_flat = threading.local()  # the list of ancestors that is being copied, if one is: nodes in it need none of their own


def reduced(node: Node, usual: Any) -> Any:
    """What ``__reduce_ex__`` answers for a node."""
    if node.depth < GENERATIONS or _is_under_way() or not _begins_a_stretch(node):
        return usual
    function, arguments, *rest = usual
    above = sorted(filter(_begins_a_stretch, _above(node)), key=lambda n: (n.depth, n.created))
    return _made, (Lineage(above), function, *arguments), *rest


def _made(lineage: Any, function: Any, *arguments: Any) -> Any:
    """A node after its ancestors."""
    return function(*arguments)


def _is_under_way() -> bool:
    return getattr(_flat, "lineage", _nothing)() is not None


def _nothing() -> None:
    return None


class Lineage:
    """Nodes that a copy makes first, parents before children; of the copy, a list."""

    def __init__(self, nodes: Iterable[Node]):
        self.nodes = list(nodes)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return list, (), None, iter([_End(self, True), *self.nodes, _End(self, False)])


class _End:
    """Begin or end of a list of ancestors: whoever copies it passes it at the right time."""

    def __init__(self, lineage: Lineage, begins: bool):
        self.lineage, self.begins = lineage, begins

    def __reduce_ex__(self, protocol: Any) -> Any:
        _flat.lineage = weakref.ref(self.lineage) if self.begins else _nothing  # weak: a copy may fail half way
        return bool, (self.begins,)


def _begins_a_stretch(node: Node) -> bool:
    """Whether a way up from a node passes into an earlier stretch of generations: no way does so unseen."""
    own = node.depth // GENERATIONS
    return any(parent.depth // GENERATIONS < own for parent in node.parent_nodes)


def _above(node: Node) -> set[Node]:
    found, waiting = set[Node](), [node]
    while waiting:
        for parent in waiting.pop().parent_nodes:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found


Node._reduced = reduced
