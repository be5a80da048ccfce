"""Which element of which variable is whose: a table with one entry for each component, read off its expression.

Tables are vectors with one entry per component, rows of a table of vectors or matrices, lists of one variable per
component, known numbers, and functions of such tables entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.contributions import Structure
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import ELEMENTWISE, Expression
from mcmix.structure.rewrite import substitute

Table = list[tuple[Stochastic, int]]  # the variable and the element that hold each component's number


class Unreadable(Exception):
    """Why something that the label looks up is no table of components, in words."""


@dataclass(eq=False)
class Tables:
    """What was read.

    Attributes
    ----------
    tables : list of list of (Stochastic, int)
        One for each number that a component has of its own.
    shapes : dict of Stochastic to tuple
        Of what a variable holds for one component: () for a number, (d,) for a vector, (d, d) for a matrix.
    complements : list of Stochastic
        Scalar probabilities of component 0 of two.
    counted : bool
        Whether weights stay where they are, because they are known and differ, or are made of other unknowns in a way
        that is no table (sticks that are broken): numbers of units then change places with the components, and what the
        weights say of these numbers is part of a ratio.
    known : list of ndarray, shape (K, n)
        Known numbers that differ between components.
    squares : list of Stochastic
        Variables of shape (K, K) of which both axes are components: rows and columns change places together. Their
        diagonals are tables.
    """

    tables: list[Table] = field(default_factory=list)
    shapes: dict[Stochastic, tuple[int, ...]] = field(default_factory=dict)
    complements: list[Stochastic] = field(default_factory=list)
    counted: bool = False
    known: list[np.ndarray] = field(default_factory=list)
    squares: list[Stochastic] = field(default_factory=list)

    @property
    def variables(self) -> list[Stochastic]:
        """Every variable that holds something of a component."""
        return list(dict.fromkeys([v for table in self.tables for v, _ in table] + self.complements))

    def merge(self, other: Tables) -> None:
        """Note all that was read elsewhere."""
        for table in other.tables:
            self.add(table)
        self.shapes |= other.shapes
        self.complements += other.complements
        self.known += other.known
        self.squares += other.squares

    def add(self, table: Table, shape: tuple[int, ...] = ()) -> None:
        """Note a table once, as a part of what its variables hold for one component."""
        for variable, _ in table:
            self.shapes[variable] = max(shape, self.shapes.get(variable, ()), key=len)
        if table not in self.tables:
            self.tables.append(table)

    def add_list(self, variables: Sequence[Stochastic]) -> None:
        """A list of variables, one for each label: each of their numbers is a table of its own."""
        shape = variables[0].state_shape
        for j in range(int(np.prod(shape, dtype=int))):
            self.add([(v, j) for v in variables], shape)

    def add_known(self, rows: np.ndarray) -> None:
        """Known numbers, one row for each component: they matter where they differ."""
        if not np.array_equal(rows, np.broadcast_to(rows[0], rows.shape), equal_nan=True):
            self.known.append(np.asarray(rows, dtype=float))


def read_square(x: Expression, n_labels: int, structure: Structure, found: Tables) -> None:
    """Note a matrix of which both axes are components: an unknown one, or known numbers.

    Raises
    ------
    Unreadable
        If it is made in another way.
    """
    while x.leaves and len(x.arguments) == 1 and (x.op in ELEMENTWISE or x.op == "reshape"):
        x = x.arguments[0]  # entry by entry, as probabilities from their logs
    node = next((n for n, leaf in structure.recording.leaves.items() if leaf is x), None)
    if node is not None:
        found.squares.append(node)
        found.add([(node, k * n_labels + k) for k in range(n_labels)])
    elif x.leaves:
        raise Unreadable(f"a table of pairs is made by {x.op}")
    elif not is_alike(evaluate(x, {})):
        found.add_known(np.arange(n_labels)[:, None])


def is_alike(matrix: np.ndarray) -> bool:
    """Whether a (K, K) matrix stays as it is however rows and columns change places together."""
    beside = matrix[~np.eye(len(matrix), dtype=bool)]
    return len(np.unique(np.diagonal(matrix))) == 1 and len(np.unique(beside)) <= 1


def unshaped(x: Expression) -> Expression:
    """What was brought into another shape."""
    return x.arguments[0] if x.op == "reshape" else x


def read_table(x: Expression, n_labels: int, structure: Structure, found: Tables) -> None:
    """Note the leaves of a table over components, which permutes along when they do.

    Raises
    ------
    Unreadable
        If it is made in another way.
    """
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    waiting = [x]
    while waiting:
        part = waiting.pop()
        if part.op == "reshape" and part.shape == (n_labels,) and _is_column(part, n_labels, nodes):
            waiting.append(part.arguments[0])  # a column kept as one
        elif part.op in ELEMENTWISE and part.shape == (n_labels,) and part.leaves:
            waiting += reversed(part.arguments)
        else:
            _table_of_leaves(part, n_labels, structure, found, nodes)


def _is_column(x: Expression, n_labels: int, nodes: Mapping[Expression, Stochastic]) -> bool:
    return bool(x.leaves) and x not in nodes and x.arguments[0].shape[:1] == (n_labels,)


def _table_of_leaves(
    x: Expression, n_labels: int, structure: Structure, found: Tables, nodes: Mapping[Expression, Stochastic]
) -> None:
    """As :func:`read_table`, for what is no function of other tables."""
    if x.size == 1 and x.shape != (n_labels,):
        return
    if x.ndim > 1 and x.shape[0] == n_labels:
        _table_of_events(x, n_labels, structure, found)
        return
    if x.shape != (n_labels,):
        raise Unreadable(f"a table has shape {x.shape} instead of one entry per label")
    if not x.leaves:
        found.add_known(evaluate(x, {})[:, None])
    elif x in nodes:
        found.add([(nodes[x], k) for k in range(n_labels)])
    elif x.op == "take" and x.arguments[0] in nodes and x.arguments[1].is_constant:  # a column of a table
        found.add([(nodes[x.arguments[0]], int(k)) for k in x.arguments[1].known])
    elif x.op == "concatenate" and all(a.size == 1 for a in x.arguments):
        found.add_list([nodes[leaf] for leaf in _alike(x.arguments, set(nodes))])
    else:
        raise Unreadable(f"a table is made by {x.op}")


def _table_of_events(x: Expression, n_labels: int, structure: Structure, found: Tables) -> None:
    """A table of vectors or matrices: each of its numbers is a table of its own."""
    nodes = {leaf: node for node, leaf in structure.recording.leaves.items()}
    waiting = [x]
    while waiting:
        part = waiting.pop()
        if part.op in ELEMENTWISE and part.leaves and not _is_list(part, n_labels):
            same = [a.ndim == part.ndim and a.shape[0] == n_labels for a in part.arguments]
            if any(a.leaves and not s for a, s in zip(part.arguments, same, strict=True)):
                raise Unreadable("a table is made of a whole variable")
            waiting += [a for a, s in zip(reversed(part.arguments), reversed(same), strict=True) if s]
        else:
            _table_of_vectors(part, n_labels, found, nodes)


def _table_of_vectors(x: Expression, n_labels: int, found: Tables, nodes: Mapping[Expression, Stochastic]) -> None:
    """As :func:`_table_of_events`, for what is no function of other tables."""
    size = x.size // n_labels
    if not x.leaves:
        found.add_known(np.reshape(evaluate(x, {}), (n_labels, size)))
    elif x in nodes:
        for j in range(size):
            found.add([(nodes[x], k * size + j) for k in range(n_labels)], x.shape[1:])
    elif _is_list(x, n_labels):
        found.add_list([nodes[leaf] for leaf in _alike(unshaped(x).arguments, set(nodes))])
    else:
        raise Unreadable(f"a table is made by {x.op}")


def _is_list(x: Expression, n_labels: int) -> bool:
    """Whether a table of vectors or matrices is a list of variables, one for each label, side by side."""
    parts = unshaped(x)
    return parts.op == "concatenate" and len(parts.arguments) == n_labels and _equal_sizes(parts.arguments)


def _equal_sizes(parts: Sequence[Expression]) -> bool:
    return len({p.size for p in parts}) == 1


def _alike(parts: Sequence[Expression], known: set[Expression]) -> list[Expression]:
    """The one variable in each part, where all parts are the same function of theirs."""
    leaves = [next(iter(p.leaves)) if len(p.leaves) == 1 else None for p in parts]
    if any(leaf is None or leaf not in known for leaf in leaves) or len(set(leaves)) != len(parts):
        raise Unreadable("a list that is looked up is no list of like variables")
    found = [leaf for leaf in leaves if leaf is not None]
    if len({leaf.shape for leaf in found}) > 1:
        raise Unreadable("a list that is looked up is one of variables of different shapes")
    # Equal expressions are one object, so parts that are the same function of their variables have one skeleton.
    skeletons = {substitute(unshaped(p), {v: found[0]}) for p, v in zip(parts, found, strict=True)}
    if len(skeletons) > 1:
        raise Unreadable("a table is made of different functions of its variables")
    return found


__all__ = ["Table", "Tables", "Unreadable", "is_alike", "read_square", "read_table", "unshaped"]
