"""What every node of a model is: a name, parents by keyword, children, and a current value."""

from __future__ import annotations

import itertools
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.axes import Axes
from mcmix.notebook import shown

LONGEST_NAME = 240  # of a node that is named after what it is made of: chains of operators would fill memory with names

_created = itertools.count()


class Node:
    """A named quantity of a model.

    Parameters
    ----------
    name : str
    parents : mapping of str to anything
        Nodes, constants, and lists, tuples, dicts or arrays that hold nodes.
    doc : str
    trace : bool
        Whether draws of it are kept by default.

    Examples
    --------
    >>> import mcmix as mc
    >>> x = mc.Normal("x", 0.0, 1.0, value=0.5)
    >>> doubled = 2.0 * x
    >>> isinstance(doubled, mc.Node), float(doubled.value), sorted(p.name for p in doubled.extended_parents)
    (True, 1.0, ['x'])
    """

    __array_priority__ = 1000
    __pandas_priority__ = 5000  # pandas leaves an operator to whom has more than its frames (4000)
    __array_ufunc__: Any = None  # set by mcmix.nodes.operators
    _reduced: Any = None  # set by mcmix.nodes.lineage
    _held: Any = staticmethod(dict)  # set by mcmix.nodes.containers: parents in what nobody changes

    def __init__(self, name: str, parents: Mapping[str, Any], doc: str = "", trace: bool = True):
        if not isinstance(name, str) or not name:
            raise ModelError(f"a node's name: expected a non-empty string, got {name!r}")
        self.__name__ = name
        self.created = next(_created)
        self.made_at = _caller()
        self.__doc__ = doc
        self.trace_by_default = trace
        self.parents: dict[str, Any] = self._held(parents)
        self.children: weakref.WeakSet[Node] = weakref.WeakSet()
        self.depth = 0
        for parent in self.parent_nodes:
            parent.children.add(self)
            self.depth = max(self.depth, parent.depth + 1)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """How to copy a node: as any object, but that a deep one brings its ancestors along in a flat list."""
        return self._reduced(super().__reduce_ex__(protocol))

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: nothing that is known weakly, neither children, who ask for it, nor a sampler."""
        known_weakly = (weakref.ref, weakref.WeakSet)
        found_again = ("made_at", "_seen_parents")
        return {k: v for k, v in self.__dict__.items() if k not in found_again and not isinstance(v, known_weakly)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.children = weakref.WeakSet()
        for parent in self.parent_nodes:
            parent.children.add(self)

    def __copy__(self) -> Any:
        """The same node under another object, which is nobody's child."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    if TYPE_CHECKING:  # operators, look-ups and arrays' methods are set in a loop by mcmix.nodes.operators

        def _operation(self, other: Any) -> Node: ...

        def _one_sided(self) -> Node: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _operation
        __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _operation
        __matmul__ = __rmatmul__ = __lt__ = __le__ = __gt__ = __ge__ = _operation
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _operation
        __neg__ = __pos__ = __abs__ = __invert__ = _one_sided

        def __getitem__(self, index: Any) -> Node: ...

        def __iter__(self) -> Iterator[Node]: ...

        def __len__(self) -> int: ...

        # NumPy's functions take nodes by their protocols; where a type checker asks for arrays, nodes are as good
        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray: ...

        def _of_array(self, *arguments: Any, **keywords: Any) -> Node: ...

        sum = mean = prod = max = min = cumsum = dot = ravel = squeeze = clip = transpose = reshape = _of_array
        astype = _of_array
        T: Node

    @property
    def name(self) -> str:
        """The node's name."""
        return self.__name__

    @property
    def parent_nodes(self) -> list[Node]:
        """The nodes among and inside the parents, each once, in order."""
        if self._seen_parents is None or self._seen_parents[0] is not self.parents:
            self._seen_parents = self.parents, list(dict.fromkeys(nodes_in(list(self.parents.values()))))
        return list(self._seen_parents[1])

    @property
    def extended_parents(self) -> set[Node]:
        """The nearest ancestors that are random: what this node depends on, seen through deterministics."""
        return _nearest(self, lambda node: node.parent_nodes, lambda node: node.is_random)

    @property
    def extended_children(self) -> set[Node]:
        """The nearest random descendants and potentials, seen through deterministics."""
        return _nearest(self, lambda node: node.children, lambda node: node.is_random or node.is_potential)

    @property
    def coparents(self) -> set[Node]:
        """Random nodes with which it shares a child."""
        return {p for child in self.extended_children for p in child.extended_parents} - {self}

    @property
    def moral_neighbors(self) -> set[Node]:
        """Random parents, children and coparents."""
        return self.extended_parents | self.extended_children | self.coparents

    @property
    def markov_blanket(self) -> set[Node]:
        """Itself and its moral neighbours."""
        return self.moral_neighbors | {self}

    @property
    def keep_trace(self) -> bool:
        """Whether draws of it are kept by default."""
        return self.trace_by_default

    axes: Axes | None = None  # names that the program gives to its axes
    made_at: tuple[str, int] | None = None  # file and line of the program that made it
    _seen_parents: tuple[Any, list[Node]] | None = None
    is_random = False
    is_yes_or_no = False  # whether it is a variable of yes and no, or entries of one
    is_circular = False  # whether values are angles: a fact of a distribution, which functions of it do not have
    verbose = -1  # PyMC 2's level of talk, for programs that read it
    beyond_room: float = float("nan")  # what stands in draws for components that there was no room for
    plot: bool | None = None  # whether PyMC 2's Matplot draws it; None: where it has few elements
    is_potential = False
    sampler: Any = None  # a weak reference to the MCMC object that sampled it last

    def _sampled(self) -> Any:
        found = self.sampler() if self.sampler is not None else None
        if found is None:
            raise ModelError(f"{self.name}: no draws; call MCMC(...).sample() first, and keep the MCMC object")
        return found

    @property
    def trace(self) -> Any:
        """Draws from the MCMC object that sampled it last: ``node.trace()``, ``node.trace[-1]``."""
        return self._sampled().trace(self.name)

    def stats(self, **options: Any) -> Any:
        """Mean, standard deviation, quantiles and more of its draws; see :meth:`MCMC.stats`."""
        return self._sampled().stats([self.name], **options)[self.name]

    def summary(self, **options: Any) -> Any:
        """Summary of its draws, one row per element; see :meth:`MCMC.summary`."""
        return self._sampled().summary([self.name], **options)

    @property
    def value(self) -> Any:
        """Current value."""
        raise NotImplementedError

    @property
    def version(self) -> Any:
        """Changes whenever the value may have changed."""
        return tuple(n.version for n in sorted(self.extended_parents, key=lambda n: n.created))

    @property
    def is_behind(self) -> bool:
        """Whether its value is still to be made, or to be made again, and needs the parents' values for that."""
        return False

    def catch_up(self) -> None:
        """Make the value, that of the parents being known."""

    def parent_values(self) -> dict[str, Any]:
        """Current values of the parents, containers filled in."""
        return {key: value_of(parent) for key, parent in self.parents.items()}

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        """Identity, as nodes are kept in sets; a comparison with numbers is a mistake that must not pass for False."""
        if isinstance(other, (int, float, np.ndarray, np.generic)):
            raise TypeError(
                f"{self.name} == {short(other)}: == asks whether two names stand for one node; write "
                f"np.equal({self.name}, {short(other)}) for a node that compares values"
            )
        return self is other

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self.name}: whether it is true is not known before a chain runs; decide with np.where, or in a "
            "@deterministic function"
        )

    def __float__(self) -> float:
        raise TypeError(
            f"{self.name}: a node is no number, and its present one would not follow it; write {self.name}.value for "
            "the number, numpy functions (np.exp) for nodes"
        )

    __int__ = __complex__ = __float__

    def _describe(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __repr__(self) -> str:
        return f"<{self._describe()}>"

    def _repr_html_(self) -> str:
        return shown(self, {"parent": list(self.parents), "value": [short(v) for v in self.parents.values()]})


def _caller() -> tuple[str, int] | None:
    """File and line from which this package was called; cheap enough for a hundred thousand nodes."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("mcmix."):
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def place_of(node: Node) -> str:
    """Where a node was made, in words; nothing where that is not known."""
    return "" if node.made_at is None else f", made at {os.path.basename(node.made_at[0])}:{node.made_at[1]}"


def nodes_in(value: Any, inside: frozenset[int] = frozenset()) -> Iterator[Node]:
    """Every node in a value: itself, or inside lists, tuples, sets, dicts and arrays of objects.

    A container that holds itself (``locals()`` stored in a variable) is walked once.
    """
    if isinstance(value, Node):
        yield value
        return
    if id(value) in inside:
        return
    items: Any = ()
    if isinstance(value, Mapping):
        items = list(value.values())
    elif isinstance(value, (list, tuple)):
        items = value
    elif isinstance(value, (set, frozenset)):
        items = sorted(value, key=lambda item: getattr(item, "created", -1))  # not in the order of this process
    elif isinstance(value, np.ndarray) and value.dtype == object:
        items = value.ravel()
    for item in items:
        yield from nodes_in(item, inside | {id(value)})


def in_turn(
    node: Node, is_known: Callable[[Node], bool], parents: Callable[[Node], Iterable[Node]] | None = None
) -> Iterator[Node]:
    """Whatever is not known of a node and its ancestors, parents first; each is known once the next is asked for.

    This is the only walk from nodes to what they are made of: no function calls itself for a parent, so that a chain
    may be as long as memory allows.
    """
    waiting = [(node, False)]
    while waiting:
        here, ready = waiting.pop()
        if ready:
            yield here
        elif not is_known(here):
            waiting.append((here, True))
            above = here.parent_nodes if parents is None else list(parents(here))
            waiting += [(parent, False) for parent in reversed(above)]


def settle(node: Node) -> None:
    """Bring the values of a node and of its ancestors up to date, parents first."""
    for here in in_turn(node, lambda n: not n.is_behind):
        here.catch_up()


def _nearest(node: Node, beside: Callable[[Node], Iterable[Node]], stops: Callable[[Node], bool]) -> set[Node]:
    """The first nodes on every way from a node at which something is true."""
    found, seen, waiting = set[Node](), set[Node](), deque([node])
    while waiting:
        for other in beside(waiting.popleft()):
            if stops(other):
                found.add(other)
            elif other not in seen:
                seen.add(other)
                waiting.append(other)
    return found


def abridged(text: str) -> str:
    """A text that stands for an expression, its middle left out where it is long."""
    half = (LONGEST_NAME - 5) // 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]} ... {text[-half:]}"


def holds_nodes(value: Any) -> bool:
    """Whether there is a node in it."""
    return next(nodes_in(value), None) is not None


def mapped(value: Any, function: Any, join: Any = np.array) -> Any:
    """The same structure of containers with every node replaced by `function(node)`; arrays go through `join`."""
    if isinstance(value, Node):
        return function(value)
    if isinstance(value, Mapping):
        return {key: mapped(item, function, join) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return _alike(value, [mapped(item, function, join) for item in value]) if holds_nodes(value) else value
    if isinstance(value, (set, frozenset)) and holds_nodes(value):
        return {mapped(item, function, join) for item in value}
    if isinstance(value, np.ndarray) and value.dtype == object and holds_nodes(value):
        return join([mapped(item, function, list) for item in value])
    return value


def _alike(container: Any, items: list[Any]) -> Any:
    """A list, tuple or named tuple of the same kind with other items."""
    return (
        type(container)(*items)
        if hasattr(container, "_fields")
        else getattr(container, "plain", type(container))(items)
    )


def value_of(value: Any) -> Any:
    """Current value of a node or of a container of nodes."""
    return mapped(value, lambda node: node.value)


def shape_of(value: Any) -> tuple[int, ...]:
    """Shape of a parent's value; that of a look-up is known without making its rows."""
    if isinstance(value, Node) and hasattr(value, "shape"):
        return tuple(value.shape)
    return np.shape(value_of(value))


def short(value: Any) -> str:
    """How a parent is shown: nodes by name, arrays by shape when they are long."""
    if isinstance(value, Node):
        return value.name
    if isinstance(value, (list, tuple)) and holds_nodes(value):
        return "[" + ", ".join(short(v) for v in value) + "]"
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"array of shape {value.shape}"
    return np.array2string(value, separator=", ", precision=6) if isinstance(value, np.ndarray) else str(value)
