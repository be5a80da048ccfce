"""A model: the nodes that belong together."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from subprocess import SubprocessError
from typing import Any
from unicodedata import category

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.axes import together
from mcmix.nodes.deterministic import Deterministic, Potential
from mcmix.nodes.lineage import Lineage
from mcmix.nodes.node import Node, in_turn, mapped, nodes_in, place_of, short
from mcmix.nodes.stochastic import Stochastic

NO_VALUES: Mapping[Node, Any] = types.MappingProxyType({})
MOST_DRAWN = 60  # nodes of a graph in a notebook


class Model:
    """The nodes of a model: what is listed, the data and potentials below it, and every ancestor of these.

    Parameters
    ----------
    input : node, list, tuple, set, dict or module
        Modules, dicts (``locals()``) and objects are searched for nodes and containers of nodes, nothing else.
    name : str, optional
    dims : mapping of node name to (str or tuple of str), optional
        Names of the axes of some nodes, beside those that nodes were given themselves.
    coords : mapping of str to array_like, optional
        Labels along axes, by their names.

    Raises
    ------
    ModelError
        If two traced nodes have one name, there is no node at all, or names of axes do not fit the nodes' shapes.

    Examples
    --------
    >>> import mcmix as mc
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=[0.3, 0.1], observed=True)
    >>> mc.Model([mu])
    <Model: 1 unknown (mu), data y>
    """

    def __init__(
        self,
        input: Any = (),  # noqa: A002
        name: str | None = None,
        verbose: int = -1,
        *,
        dims: Mapping[str, Any] | None = None,
        coords: Mapping[str, Any] | None = None,
    ):
        self.name = name
        listed = list(dict.fromkeys(_listed(input)))
        if not listed:
            raise ModelError("a model expects nodes (a list, a dict, a module, locals()), got none")
        self.listed = listed
        self.nodes = _collected(listed)
        self._refuse_doubles()
        self._refuse_names()
        self.generations = _generations(self.nodes)
        before: tuple[Any, Any] = input._named if isinstance(input, Model) else ({}, {})
        self._named: tuple[Any, Any] = (
            {**before[0], **_by_name_or_none("dims", dims)},
            {**before[1], **_by_name_or_none("coords", coords)},
        )
        self.axes, self.coords = together(self.nodes, *self._named)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: first all nodes, parents before children, as chains of them may be long."""
        return {"lineage": Lineage(self.ordered()), **self.__dict__}

    def __setstate__(self, held: dict[str, Any]) -> None:
        self.__dict__.update({k: v for k, v in held.items() if k != "lineage"})

    # ---------------------------------------------------------------- kinds of nodes

    @property
    def stochastics(self) -> list[Stochastic]:
        """Unknown random nodes, parents before children."""
        return [n for n in self.ordered() if isinstance(n, Stochastic) and not n.observed]

    @property
    def observed_stochastics(self) -> list[Stochastic]:
        """Data nodes."""
        return [n for n in self.ordered() if isinstance(n, Stochastic) and n.observed]

    @property
    def data_nodes(self) -> list[Stochastic]:
        """Nodes that hold numbers as data, those with missing entries included (their missing part is unknown)."""
        return [n for n in self.ordered() if isinstance(n, Stochastic) and n.holds_data and not n.holds_object]

    @property
    def holds_data(self) -> bool:
        """Whether anything is observed, numbers or objects, in part or whole."""
        return any(isinstance(n, Stochastic) and n.holds_data for n in self.nodes)

    @property
    def angles(self) -> frozenset[str]:
        """Names of unknowns and data on a circle."""
        return frozenset(n.name for n in self.ordered() if n.is_circular)

    @property
    def deterministics(self) -> list[Deterministic]:
        """Functions of other nodes."""
        return [n for n in self.ordered() if isinstance(n, Deterministic)]

    @property
    def potentials(self) -> list[Potential]:
        """Factors that are no distribution of a variable."""
        return [n for n in self.ordered() if isinstance(n, Potential)]

    @property
    def variables(self) -> list[Node]:
        """Everything that has a value."""
        return [n for n in self.ordered() if not isinstance(n, Potential)]

    def ordered(self) -> Iterator[Node]:
        """All nodes, parents before children, in the order of listing within a generation."""
        for generation in self.generations:
            yield from generation

    @property
    def left_out(self) -> list[Node]:
        """Data and potentials that depend on unknowns of the model but were neither listed nor lie below what was."""
        own = set(self.nodes)
        return [n for n in _descendants(self.stochastics) if _speaks(n) and n not in own]

    def get_node(self, name: str) -> Node:
        """The node with this name.

        Raises
        ------
        KeyError
            If there is none; the names are listed.
        """
        for node in self.ordered():
            if node.name == name:
                return node
        raise KeyError(f"no node named {name!r}; there are {', '.join(sorted(n.name for n in self.nodes))}")

    # ---------------------------------------------------------------- values

    @property
    def value(self) -> dict[str, Any]:
        """Current values by name."""
        return {n.name: n.value for n in self.variables}

    @property
    def logp(self) -> float:
        """Log density of everything at the current values."""
        return float(sum(n.logp for n in self.ordered() if isinstance(n, (Stochastic, Potential))))

    def draw_from_prior(self) -> dict[str, Any]:
        """Draw every unknown that can be drawn given its parents, parents first; return the values by name."""
        for node in self.stochastics:
            if node.can_draw:
                node.random()
        return self.value

    def draw_with(self, rng: np.random.Generator, data: Mapping[Node, Any] = NO_VALUES) -> dict[Stochastic, Any]:
        """Draw the unknowns with a given generator without touching the nodes' own values.

        Parameters
        ----------
        rng : numpy.random.Generator
        data : mapping of Node to value, optional
            Other values of data and covariates than the nodes' own; any number where an entry is missing.
        """
        drawn: dict[Node, Any] = dict(data)
        for node in self.stochastics:
            value = _drawn(node, rng, parents_given(node, drawn), data.get(node))
            drawn[node] = value
        return {n: np.asarray(drawn[n]) for n in self.stochastics}

    def prior_predictive(self, n: int = 500, seed: Any = None, names: Any = None) -> dict[str, np.ndarray]:
        """Draws of the unknowns and replicates of the data, all from their distributions, parents first.

        The nodes' own values, and the data, stay as they are. Potentials are no distributions: they are left aside.

        Parameters
        ----------
        n : int
            Draws.
        seed : int, SeedSequence or Generator, optional
            The same seed gives the same draws (a user's own random() must take ``rng`` for that).
        names : str, node or sequence of these, optional
            By default every unknown that is traced, and every data node.

        Returns
        -------
        dict of str to ndarray, shape ``(n, *shape of the node)``

        Raises
        ------
        ModelError
            If a node that is needed cannot be drawn, a name is unknown, or the arrays would exceed 1 GiB.
        """
        from mcmix.nodes.ancestral import prior_predictive
        from mcmix.nodes.resizing import with_ample_rooms

        with with_ample_rooms(list(self.ordered())):
            return prior_predictive(self.ordered(), n, seed, names)

    # ---------------------------------------------------------------- looks

    def __repr__(self) -> str:
        unknown = ", ".join(n.name for n in self.stochastics)
        data = ", ".join(n.name for n in self.data_nodes)
        return f"<Model: {len(self.stochastics)} unknown ({unknown})" + (f", data {data}>" if data else ", no data>")

    def _repr_html_(self) -> str:
        from html import escape

        drawn = self._drawn()
        if drawn is not None:
            return f"<p><b>{escape(repr(self))}</b></p>{drawn}"
        rows = "".join(
            f"<tr><td style='text-align:left'><code>{escape(line)}</code></td></tr>" for line in str(self).splitlines()
        )
        return f"<table>{rows}</table>"

    def __str__(self) -> str:
        lines = []
        for node in self.ordered():
            parents = ", ".join(f"{k}={short(v)}" for k, v in node.parents.items())
            lines.append(f"{node.name} {_sign(node)} {_kind(node)}({parents})")
        return "\n".join(lines)

    def graph(self) -> Any:
        """The model as a graph.

        Returns
        -------
        graphviz.Source or str
            A drawing where the graphviz package is installed, else text, one line per node. The source is
            ``str(model.graph_source())`` in both cases.
        """
        try:
            import graphviz
        except ImportError:
            return str(self)
        return graphviz.Source(self.graph_source())

    def _drawn(self) -> str | None:
        """The graph as SVG; None where nothing here draws it, or nobody could read it."""
        if len(self.nodes) > MOST_DRAWN:
            return None
        try:
            import graphviz

            drawing: str = graphviz.Source(self.graph_source()).pipe(format="svg", encoding="utf-8")
        except (ImportError, OSError, RuntimeError, SubprocessError):  # no package, no program, one that fails
            return None
        return drawing[drawing.index("<svg") :]

    def graph_source(self) -> str:
        """The graph in graphviz's language: ellipses are random (grey: data), boxes functions, diamonds potentials."""
        from mcmix.nodes.graph import source

        return source(list(self.ordered()))

    def _refuse_names(self) -> None:
        """Refuse names of variables that no file can hold."""
        for node in self.nodes:
            if not isinstance(node, Stochastic) and not node.trace_by_default:
                continue
            wrong = next((c for c in node.name if c == "\0" or category(c) == "Cs"), None)
            if wrong is not None or not node.name.strip(". "):
                came = "only dots or blanks" if wrong is None else f"the character {wrong!a}"
                raise ModelError(
                    f"a node's name expected letters that can be written, so that files can hold it, got "
                    f"{node.name!a} with {came}; rename it"
                )

    def _refuse_doubles(self) -> None:
        seen: dict[str, Node] = {}
        for node in self.nodes:
            if not node.trace_by_default and not isinstance(node, Stochastic):
                continue
            other = seen.setdefault(node.name, node)
            if other is not node:
                raise ModelError(
                    f"expected one name per node, got two nodes named {node.name!r} ({other!r}{place_of(other)}, and "
                    f"{node!r}{place_of(node)}); rename one{_in_a_loop(other, node)}"
                )


def _by_name_or_none(what: str, given: Any) -> dict[Any, Any]:
    """What was given by name, or nothing."""
    if given is not None and not isinstance(given, Mapping):
        raise ModelError(f"model: {what}= expected a mapping by name, got {given!r}")
    return dict(given or {})


def _in_a_loop(one: Node, other: Node) -> str:
    """What to do about two nodes of one name: those of one line come from a loop, others often from a notebook."""
    if one.made_at is not None and one.made_at == other.made_at:
        return ": in a loop, put its number into the name, f'{name}{i}'"
    return " (after running a notebook cell twice, run the cells that use it again too)"


def _drawn(node: Stochastic, rng: np.random.Generator, parents: dict[str, Any], known: Any = None) -> Any:
    """A start value: drawn where the node can be drawn; known entries of data stay as they are, or as they are said."""
    if not node.can_draw and node.mask is None:
        return node.value
    state = node.state_of(node.start_given(rng, parents, known))
    return node.completed(state) if known is None else np.where(np.asarray(node.mask), node.completed(state), known)


def parents_given(node: Node, values: Mapping[Node, Any]) -> dict[str, Any]:
    """The parents' values where some nodes take given values instead of their own."""
    found: dict[Node, Any] = {}

    def is_known(here: Node) -> bool:
        return here is not node and (here in values or here in found or not isinstance(here, Deterministic))

    def resolve(parent: Node) -> Any:
        return values[parent] if parent in values else found[parent] if parent in found else parent.value

    for here in in_turn(node, is_known):
        arguments = {key: mapped(parent, resolve) for key, parent in here.parents.items()}
        if here is node:
            return arguments
        assert isinstance(here, Deterministic)
        found[here] = here.function(**arguments)
    raise AssertionError("a node is never its own ancestor")


def _listed(source: Any) -> Iterator[Node]:
    """Nodes in what the user passed; of modules and objects only attributes that are nodes or containers of nodes."""
    if isinstance(source, Model):
        yield from source.listed
    elif isinstance(source, (Node, Mapping, list, tuple, set, frozenset, np.ndarray)):
        yield from nodes_in(source)
    elif isinstance(source, types.ModuleType) or hasattr(source, "__dict__"):
        yield from nodes_in(vars(source))
    elif isinstance(source, Iterable):
        yield from nodes_in(list(source))


def _collected(listed: list[Node]) -> list[Node]:
    """Listed nodes, the data and potentials below them, and the ancestors of all these."""
    below = [c for c in _descendants(listed) if _speaks(c)]
    found: dict[Node, None] = {}
    waiting = deque([*listed, *below])
    while waiting:
        node = waiting.popleft()
        if node not in found:
            found[node] = None
            waiting += node.parent_nodes
    return list(found)


def _speaks(node: Node) -> bool:
    """Whether it says something about its ancestors: data, or a potential."""
    return isinstance(node, Potential) or bool(getattr(node, "holds_data", False))


def _descendants(nodes: Iterable[Node]) -> list[Node]:
    """Everything below some nodes, one node after the other, in an order that does not depend on the process."""
    found: dict[Node, None] = {}
    for node in nodes:
        waiting = deque(_by_name(node.children))
        while waiting:
            child = waiting.popleft()
            if child not in found:
                found[child] = None
                waiting += _by_name(child.children)
    return list(found)


def _by_name(nodes: Iterable[Node]) -> list[Node]:
    """A set in an order that does not depend on the process."""
    return sorted(nodes, key=lambda n: (n.name, n.created))


def _generations(nodes: list[Node]) -> list[list[Node]]:
    """Parents before children: generation g needs only generations below g."""
    depth: dict[Node, int] = {}
    for node in nodes:
        for here in in_turn(node, depth.__contains__):
            depth[here] = 1 + max((depth[p] for p in here.parent_nodes), default=-1)
    found: list[list[Node]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in nodes:
        found[depth[node]].append(node)
    return found


def _sign(node: Node) -> str:
    return "~" if isinstance(node, Stochastic) else ("=" if isinstance(node, Deterministic) else "*")


def _kind(node: Node) -> str:
    return type(node).__name__ + (" data" if getattr(node, "holds_data", False) else "")
