"""Where recordings are compared with the functions themselves: at the present values, and a little beside them.

What was computed at a point is kept for the nodes below, if it is small: a model of many small nodes would else compute
all that is above a node again for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, in_turn, mapped, nodes_in
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.evaluate import value_of
from mcmix.structure.expression import Expression
from mcmix.structure.rows import Rows
from mcmix.structure.walks import ordered

SHIFTS = (0.0, 0.013)
MOST_KEPT = 4096  # numbers of one value that is kept


def is_log_kept(node: Node) -> bool:
    """Whether a variable's state is its logarithm (weights, which may be smaller than any double)."""
    return isinstance(node, Distribution) and node.family.support.simplex


class Point:
    """Values of all unknowns: their present ones, continuous ones pushed by a share of themselves.

    Parameters
    ----------
    leaves : dict of Stochastic to Expression
        The unknowns, and how they stand in a chain's memory; more may come.
    shift : float
    rows : Rows
        The data.
    """

    def __init__(self, leaves: Mapping[Stochastic, Expression], shift: float, rows: Rows):
        self.leaves = leaves
        self.shift = shift
        self.rows = rows
        self._values: dict[Node, Any] = {}
        self._known: dict[Expression, np.ndarray] = {}

    def __getitem__(self, node: Stochastic) -> np.ndarray:
        """The value of an unknown as it stands in a chain's memory."""
        return _kept(node, self._moved(node), self.leaves)

    def answer(self, function: Callable[..., Any], parents: Mapping[str, Any], read_only: bool = False) -> np.ndarray:
        """What a function answers at this point."""
        found = self._values_of(nodes_in(list(parents.values())), read_only)
        with np.errstate(all="ignore"):
            answer = function(**{k: mapped(p, lambda n: _own_copy(found[n], read_only)) for k, p in parents.items()})
        return np.asarray(answer, dtype=np.float64)

    def recorded(self, x: Expression) -> np.ndarray:
        """What an expression says at this point."""
        fresh = ordered(x, self._known)
        for part in fresh:
            with np.errstate(all="ignore"):
                found = value_of(part, [self._known[a] for a in part.arguments], self)  # type: ignore[arg-type]
                self._known[part] = np.reshape(found, part.shape)
        answer = self._known[x]
        for part in fresh:
            if part is not x or part.size > MOST_KEPT:
                del self._known[part]
        return answer

    def _values_of(self, nodes: Any, read_only: bool) -> dict[Node, Any]:
        """Values as users' functions see them, of nodes and of what these are made of."""
        found: dict[Node, Any] = {}
        for node in nodes:
            for here in in_turn(node, lambda n: n in found or n in self._values, self._parents):
                found[here] = self._value(here, found, read_only)
                if _is_kept(here, found[here]):
                    self._values[here] = found[here]
            found[node] = self._values.get(node, found.get(node))
        return found

    def _parents(self, node: Node) -> list[Node]:
        return [] if isinstance(node, Stochastic) else node.parent_nodes

    def _value(self, node: Node, found: Mapping[Node, Any], read_only: bool) -> Any:
        """A node's value; whole numbers stay whole."""
        if isinstance(node, Stochastic) and node in self.leaves:
            value = self._moved(node)
            return _read_only(value) if read_only else value if np.ndim(value) else np.asarray(value)[()]
        if isinstance(node, Stochastic) or node in self.rows:
            return self.rows.value_of(node)
        assert isinstance(node, Deterministic)

        def of(parent: Node) -> Any:
            return _own_copy(self._values[parent] if parent in self._values else found[parent], False)

        return node.function(**{k: mapped(p, of) for k, p in node.parents.items()})

    def _moved(self, node: Stochastic) -> np.ndarray:
        """The node's value, for continuous ones pushed a little (inside a simplex: towards its centre)."""
        value, shift = np.asarray(self.rows.value_of(node)), self.shift
        if value.dtype.kind != "f" or shift == 0.0:
            return value
        if is_log_kept(node):
            return np.asarray((value + shift) / (1.0 + shift * value.shape[-1]))
        moved = value * (1.0 + shift) + shift * (value == 0.0)
        return moved if node.mask is None else self.rows[node].completed(moved[node.mask])


def _is_kept(node: Node, value: Any) -> bool:
    """Whether a value is worth keeping: functions of others, small, and nothing that may change."""
    plain = isinstance(value, (int, float, np.generic)) or (isinstance(value, np.ndarray) and value.dtype != object)
    return isinstance(node, Deterministic) and plain and np.size(value) <= MOST_KEPT


def _own_copy(value: Any, read_only: bool) -> Any:
    """A value that a function may write into without anybody else's seeing it; unless it must not write at all."""
    return value.copy() if not read_only and isinstance(value, np.ndarray) and value.flags.writeable else value


def _read_only(value: np.ndarray) -> Any:
    seen = value.view()
    seen.flags.writeable = False
    return seen if seen.ndim else seen[()]


def _kept(node: Stochastic, value: np.ndarray, leaves: Mapping[Stochastic, Expression]) -> np.ndarray:
    """A value as it stands in a chain's memory, or whole where the recording has all of it as unknown."""
    state = value if leaves[node].shape == np.shape(value) else node.state_of(value)
    with np.errstate(divide="ignore"):  # weights that stand at zero have logarithms too
        return np.log(value) if is_log_kept(node) else np.asarray(state)
