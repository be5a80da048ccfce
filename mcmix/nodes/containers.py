"""Lists, tuples, sets, dicts and arrays that hold nodes: read like what they are, changed by nobody.

A parent such as ``[p, 1 - p]`` becomes one of these, so that changing the list afterwards cannot change the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.nodes.node import Node, holds_nodes, nodes_in, value_of


class Contained:
    """What all containers of nodes offer."""

    @property
    def nodes(self) -> list[Node]:
        """The nodes inside, each once, in order."""
        return list(dict.fromkeys(nodes_in(self)))

    @property
    def value(self) -> Any:
        """The same structure with the nodes' current values."""
        return value_of(self)

    @property
    def stochastics(self) -> list[Node]:
        """Unknown random nodes."""
        return [n for n in self.nodes if n.is_random and not getattr(n, "observed", False)]

    @property
    def observed_stochastics(self) -> list[Node]:
        """Data."""
        return [n for n in self.nodes if n.is_random and getattr(n, "observed", False)]

    @property
    def deterministics(self) -> list[Node]:
        """Functions of other nodes."""
        return [n for n in self.nodes if not n.is_random and not n.is_potential]

    @property
    def potentials(self) -> list[Node]:
        """Factors without a value."""
        return [n for n in self.nodes if n.is_potential]

    @property
    def variables(self) -> list[Node]:
        """Everything that has a value."""
        return [n for n in self.nodes if not n.is_potential]

    @property
    def logp(self) -> float:
        """Log density of the random nodes and potentials inside."""
        return float(sum(n.logp for n in self.nodes if n.is_random or n.is_potential))  # type: ignore[attr-defined]


def _refuse(self: Any, *unused: Any, **also: Any) -> Any:
    raise NotImplementedError(
        f"a {type(self).__name__} of nodes does not change, as the model is built on it: make a new one, and new "
        "nodes on it"
    )


def _frozen(cls: type) -> type:
    """Let every method that changes a container refuse."""
    names = ["append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "setdefault",
             "popitem", "add", "discard", "fill", "put", "resize", "itemset", "__setitem__", "__delitem__",
             "__iadd__", "__imul__", "__ior__"]  # fmt: skip
    for name in names:
        if hasattr(cls, name):
            setattr(cls, name, _refuse)
    cls.__reduce_ex__ = _rebuilt  # type: ignore[assignment]
    return cls


def _rebuilt(self: Any, protocol: Any) -> Any:
    """How to copy what does not change after it was made: it is made again."""
    return type(self), (np.array(self, dtype=object) if isinstance(self, np.ndarray) else self.plain(self),)


@_frozen
class ListContainer(Contained, list):
    """A list of nodes (and anything else)."""

    plain = list


class TupleContainer(Contained, tuple):
    """A tuple of nodes."""

    plain = tuple
    __slots__ = ()


class SetContainer(Contained, frozenset):
    """A set of nodes."""

    plain = set


@_frozen
class DictContainer(Contained, dict):
    """A dict of nodes; entries are attributes too."""

    plain = dict

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"no entry {name!r}; there are {', '.join(map(str, self))}")


@_frozen
class ArrayContainer(Contained, np.ndarray):
    """An array of objects, some of which are nodes."""

    def __new__(cls, array: Any) -> ArrayContainer:
        """A read-only copy."""
        made = np.array(array, dtype=object).view(cls)
        made.flags.writeable = False
        return made

    @property
    def value(self) -> Any:
        """Current values: numbers where they make an array, else objects entry by entry."""
        try:
            return value_of(self)
        except ValueError:  # entries of different shapes
            found = np.empty(self.shape, dtype=object)
            for place in np.ndindex(*self.shape):
                found[place] = value_of(self[place])
            return found


class ObjectContainer(Contained):
    """Nodes among the attributes of an object or module; only these are looked at."""

    def __init__(self, source: Any):
        found = {k: Container(v) for k, v in vars(source).items() if not k.startswith("__") and holds_nodes(v)}
        self.__dict__.update(found)

    @property
    def nodes(self) -> list[Node]:
        """The nodes inside, each once, in order."""
        return list(dict.fromkeys(nodes_in(dict(vars(self)))))

    @property
    def value(self) -> Any:
        """Current values by attribute."""
        return value_of(dict(vars(self)))


def Container(source: Any) -> Any:  # noqa: N802  (PyMC 2's name)
    """A container of the kind that fits: lists, tuples, sets, dicts, object arrays, modules, objects.

    Nodes, and whatever holds none, come back as they are.

    Examples
    --------
    >>> import mcmix as mc
    >>> a, b = mc.Normal("a", 0, 1, value=1.0), mc.Normal("b", 0, 1, value=2.0)
    >>> mc.Container([a, (b, 3)]).value
    [np.float64(1.0), (np.float64(2.0), 3)]
    """
    if isinstance(source, (Node, Contained)):
        return source
    if isinstance(source, (Mapping, list, tuple, set, frozenset, np.ndarray)):
        return contained(source)
    return ObjectContainer(source) if hasattr(source, "__dict__") else source


def contained(value: Any) -> Any:
    """The same value with containers of nodes frozen; what holds no nodes stays as it is."""
    if isinstance(value, (Node, Contained)) or not holds_nodes(value):
        return value
    if isinstance(value, Mapping):
        return DictContainer({k: contained(v) for k, v in value.items()})
    if isinstance(value, list):
        return ListContainer([contained(v) for v in value])
    if isinstance(value, tuple):
        return value if hasattr(value, "_fields") else TupleContainer([contained(v) for v in value])
    if isinstance(value, (set, frozenset)):
        return SetContainer(value)
    return ArrayContainer(value)


def _held(parents: Mapping[str, Any]) -> DictContainer:
    """A node's parents, frozen."""
    return DictContainer({key: contained(parent) for key, parent in parents.items()})


Node._held = staticmethod(_held)
