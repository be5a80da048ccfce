"""Draws of a model from its distributions, parents first, without touching the nodes' own values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.node import Node, in_turn, mapped, short
from mcmix.nodes.stick_breaking import StickBreaking
from mcmix.nodes.stochastic import Stochastic
from mcmix.screen import say

MOST_BYTES = 2**30


def drawn_forward(
    wanted: Iterable[Stochastic], given: Mapping[Any, Any], rng: np.random.Generator, fixed: Collection[Node] = ()
) -> dict[Node, Any]:
    """Draw some nodes and whichever ancestors they need, parents first.

    Parameters
    ----------
    wanted : iterable of Stochastic
    given : mapping of Node to value
        Values that are taken as they are.
    rng : numpy.random.Generator
    fixed : collection of Node
        Nodes that stay at their own present values where they are needed.

    Returns
    -------
    dict of Node to value
        Everything that was given, drawn or computed on the way.

    Raises
    ------
    ModelError
        If a node that is needed has no way to draw itself.
    """
    values: dict[Node, Any] = dict(given)

    def found(node: Node) -> Any:
        if node in fixed:
            return node.value
        parents = {key: mapped(parent, values.__getitem__) for key, parent in node.parents.items()}
        if isinstance(node, Deterministic):
            return node.function(**parents)
        assert isinstance(node, Stochastic)
        if not node.can_draw:
            raise ModelError(f"{node.name}: expected a way to draw it, got none; give it a random() function")
        drawn = np.asarray(node.draw_given(rng, parents))
        return drawn if drawn.ndim else drawn[()]

    for node in wanted:
        for here in in_turn(node, values.__contains__, lambda n: [] if n in fixed else n.parent_nodes):
            values[here] = found(here)
    return values


def prior_predictive(
    nodes: Iterable[Node], n: int, seed: Any, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Draws of unknowns and data of a model, parents before children; see :meth:`Model.prior_predictive`."""
    if not (isinstance(n, (int, np.integer)) and n >= 1):
        raise ModelError(f"prior_predictive: n expected a whole number of at least 1, got {n!r}")
    everything = [v for v in nodes if isinstance(v, Stochastic)]
    usual = [v for v in everything if v.trace_by_default or v.holds_data]
    chosen = usual if names is None else chosen_nodes(everything, names, "prior_predictive")
    chosen = drawable(chosen, names is not None, "prior_predictive")
    refuse_size(n, chosen, "prior_predictive")
    rng = generator(seed, "prior_predictive")
    out = buffers(n, chosen)
    for i in range(n):
        values = drawn_forward(chosen, {}, rng)
        refuse_last(values)
        for node in chosen:
            out[node.name][i] = values[node]
    return out


def refuse_last(values: Mapping[Node, Any]) -> None:
    """Refuse draws in which a unit belongs to a component of a process without end for which there was no room.

    Raises
    ------
    ModelError
    """
    for node, drawn in values.items():
        weights = node.parents.get("probabilities") if isinstance(node, Stochastic) else None
        if isinstance(weights, StickBreaking) and weights.grows and np.max(drawn) >= weights.capacity - 1:
            raise ModelError(
                f"prior_predictive: {node.name} expected one of the first {weights.capacity - 1} components of "
                f"{weights.name}, got a later one; {weights.instead}"
            )


def chosen_nodes(nodes: Sequence[Stochastic], names: Sequence[str] | str | None, what: str) -> list[Stochastic]:
    """Nodes by name or as nodes.

    Raises
    ------
    ModelError
        If there is none; the names are listed.
    """
    known = {n.name: n for n in nodes}
    asked = [names] if isinstance(names, (str, Node)) else list(names or [])
    keys = [n.name if isinstance(n, Node) else str(n) for n in asked]
    unknown = [k for k in keys if k not in known]
    if unknown or not keys:
        raise ModelError(f"{what}: names expected some of {', '.join(known)}, got {', '.join(unknown) or 'none'}")
    return [known[k] for k in dict.fromkeys(keys)]


def drawable(nodes: Sequence[Stochastic], asked: bool, what: str, stops: Collection[Node] = ()) -> list[Stochastic]:
    """Those that can be drawn, ancestors (up to `stops`) included; the others are named.

    Raises
    ------
    ModelError
        If one was asked for, or nothing remains.
    """
    fine = set[Node]()
    bad = {n: culprit for n in nodes if (culprit := _cannot(n, stops, fine)) is not None}
    good = [n for n in nodes if n not in bad]
    if not bad:
        return good
    culprits = ", ".join(dict.fromkeys(c.name for c in bad.values()))
    reason = f"no way to draw {culprits}; give it a random() function"
    if asked or not good:
        raise ModelError(f"{what}: {', '.join(n.name for n in bad)}: {reason}")
    say(f"{what}: left out {', '.join(n.name for n in bad)}: {reason}", error=True)
    return good


def _cannot(node: Node, stops: Collection[Node], fine: set[Node]) -> Node | None:
    """The first node that cannot be drawn among a node and the ancestors that it needs; `fine` are seen already."""
    waiting, seen = [node], set[Node]()
    while waiting:
        here = waiting.pop()
        if here in seen or here in fine or (here in stops and here is not node):
            continue
        seen.add(here)
        if isinstance(here, Stochastic) and not here.can_draw:
            return here
        waiting += here.parent_nodes
    fine |= seen
    return None


def refuse_size(n: int, nodes: Sequence[Stochastic], what: str) -> None:
    """Refuse arrays beyond 1 GiB.

    Raises
    ------
    ModelError
        With the size and what takes most of it.
    """
    sizes = {node: n * int(np.prod(node.shape, dtype=int)) * node.dtype.itemsize for node in nodes}
    total = sum(sizes.values())
    if total > MOST_BYTES:
        largest = max(sizes, key=sizes.__getitem__)
        raise ModelError(
            f"{what}: {n} draws would take {total / 2**30:.1f} GiB (most of it {largest.name}, shape "
            f"{short(largest.shape)}), more than 1 GiB; ask for fewer draws, or for some names=[...]"
        )


def buffers(n: int, nodes: Sequence[Stochastic]) -> dict[str, np.ndarray]:
    """One array (n, *shape) per node, of its type."""
    return {node.name: np.empty((n, *node.shape), dtype=node.dtype) for node in nodes}


def generator(seed: Any, what: str) -> np.random.Generator:
    """A generator from a seed as NumPy takes it, or a refusal."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{what}: seed expected a whole number of at least 0, got {seed!r}") from error


__all__ = ["drawn_forward", "prior_predictive"]
