"""The observed data of a model as one object: its columns, which are missing, how they fall into blocks.

A recording asks its rows for every observed value, never a node. The same model on other rows (simulated data,
replicates, some rows of all, new rows) is the same nodes with another :class:`Rows`, and no node changes for it.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels.labels import BLOCK
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.columns import Column, of_node, with_values

_kept: weakref.WeakValueDictionary[tuple[int, int], Column] = weakref.WeakValueDictionary()


class Rows(Mapping[Node, Column]):
    """The observed data of a model: a column for each data node and each node of covariates.

    Parameters
    ----------
    columns : iterable of Column
        One for each node.

    Raises
    ------
    ModelError
        If two columns are of one node.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> from mcmix.structure.rows import Rows
    >>> mu = mc.Normal("mu", 0, 1)
    >>> y = mc.Normal("y", mu, 1, value=np.array([0.5, 1.5, 2.5]), observed=True)
    >>> rows = Rows.of(mc.Model([mu]))
    >>> rows
    <Rows: y (3) float64>
    >>> other = rows.with_values({"y": [5.0, 6.0, 7.0]})
    >>> other["y"].known, y.value
    (array([5., 6., 7.]), array([0.5, 1.5, 2.5]))
    """

    def __init__(self, columns: Iterable[Column]):
        listed = list(columns)
        self._columns: dict[Node, Column] = {c.node: c for c in listed}
        if len(self._columns) < len(listed):
            names = ", ".join(c.name for c in listed)
            raise ModelError(f"rows: expected one column for each node, got {names}")

    @classmethod
    def of(cls, model: Model) -> Rows:
        """The data that a model's nodes hold; asked again, the same columns.

        Parameters
        ----------
        model : Model

        Returns
        -------
        Rows
        """
        return cls(_column_of(n) for n in model.ordered() if holds_known(n))

    __eq__, __hash__ = object.__eq__, object.__hash__  # two rows are the same where they are one object

    # ---------------------------------------------------------------- a mapping of nodes to columns

    def __getitem__(self, key: Node | str) -> Column:
        """The column of a node, given as itself or by name."""
        return self._columns[key if isinstance(key, Node) else self.node_named(key)]

    def __contains__(self, key: object) -> bool:
        return any(n.name == key for n in self._columns) if isinstance(key, str) else key in self._columns

    def column_of(self, node: Node) -> Column | None:
        """The column of a node, if it has one."""
        return self._columns.get(node)

    def __iter__(self) -> Iterator[Node]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def node_named(self, name: str) -> Node:
        """The node of this name.

        Raises
        ------
        ModelError
            If there is none, or several; the names are listed.
        """
        found = [n for n in self._columns if n.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelError(f"rows: {len(found)} nodes are named {name!r}; say which by the node itself")
        raise ModelError(f"rows: expected names of columns ({self._names() or 'there are none'}), got {name!r}")

    def _names(self) -> str:
        return ", ".join(n.name for n in self._columns)

    def __repr__(self) -> str:
        told = [repr(c)[len("<Column ") : -1] for c in self.values()]
        return f"<Rows: {', '.join(told) or 'none'}>"

    # ---------------------------------------------------------------- other rows

    def with_values(self, values: Mapping[Any, Any]) -> Rows:
        """The same columns with other values for some of them.

        Parameters
        ----------
        values : mapping of node or name to array_like
            Each of the shape that its column has. Of a column with missing entries these stay missing, and what stands
            there is not looked at.

        Returns
        -------
        Rows

        Raises
        ------
        ModelError
            If a name is unknown, or values have another shape, are no numbers, are infinite or missing where the model
            has none missing.
        SupportError
            If a node's distribution cannot produce them.
        """
        if not isinstance(values, Mapping):
            raise ModelError(f"rows: expected values by name, {{name: array}}, got {type(values).__name__}")
        self.refuse_weighted("rows")
        changed = {self[key].node: value for key, value in values.items() if self._is_asked(key)}
        return Rows(with_values(c, changed[n]) if n in changed else c for n, c in self.items())

    def _is_asked(self, key: Any) -> bool:
        if isinstance(key, str) or key in self._columns:
            return True
        raise ModelError(f"rows: expected nodes with data ({self._names() or 'there are none'}), got {key!r}")

    def only(self, *keys: Node | str) -> Rows:
        """Some of the columns."""
        return Rows(self[key] for key in keys)

    def taken(self, index: Any) -> Rows:
        """Some of the rows of every column, in some order: views for a slice, copies else.

        Parameters
        ----------
        index : slice, or ndarray of int or bool

        Raises
        ------
        ModelError
            If the columns have different numbers of rows, or the index is beyond them.
        """
        n_rows = self.n_rows
        try:
            places = index if isinstance(index, slice) else np.arange(n_rows)[np.asarray(index)]
        except IndexError as error:
            raise ModelError(f"rows: expected positions among {n_rows} rows, got {index!r}") from error
        return Rows(c.taken(places) for c in self.values())

    # ---------------------------------------------------------------- blocks

    @property
    def n_rows(self) -> int:
        """The number of rows, which all columns share.

        Raises
        ------
        ModelError
            If they do not; :meth:`only` chooses some.
        """
        counts = {c.name: c.n_rows for c in self.values()}
        if len(set(counts.values())) != 1:
            listed = ", ".join(f"{name} {n}" for name, n in counts.items()) or "no column"
            raise ModelError(f"rows: expected columns of one number of rows, got {listed}; choose some with only(...)")
        return next(iter(counts.values()))

    @property
    def blocks(self) -> list[slice]:
        """The rows in blocks of the size that the pass over the data has, as slices."""
        n_rows = self.n_rows
        return [slice(start, min(start + BLOCK, n_rows)) for start in range(0, n_rows, BLOCK)]

    def block(self, number: int) -> Rows:
        """The rows of one block, as views."""
        blocks = self.blocks
        if not -len(blocks) <= number < len(blocks):
            raise ModelError(f"rows: expected the number of one of {len(blocks)} blocks, got {number}")
        return self.taken(blocks[number])

    def refuse_weighted(self, what: str, given: bool = True) -> None:
        """Refuse rows that stand for many, where rows are needed one by one.

        Parameters
        ----------
        what : str
            Who needs them.
        given : bool
            Refuse those whose weights came with the data, too.

        Raises
        ------
        ModelError
        """
        weighted = [c for c in self.values() if c.weights is not None]
        own = [c.name for c in weighted if c.node.rows_given]  # type: ignore[attr-defined]
        if own and given:
            raise ModelError(
                f"{what}: expected rows that count once each, got weights= of {', '.join(own)}; where these are whole "
                "numbers, data with repeated rows (np.repeat(x, weights, axis=0)) say the same"
            )
        names = [c.name for c in weighted if c.name not in own]
        if names:
            raise ModelError(
                f"{what}: expected data row by row, got rows that stand for those on disk ({', '.join(names)}); "
                "mc.classify and mc.predictive take the blocks of a file as new rows, and value=mc.OnDisk(...).read() "
                "has all rows in memory"
            )

    def refuse_on_disk(self, what: str) -> None:
        """Refuse rows that are read from a file in each iteration, where sums over all of them are needed afterwards.

        Raises
        ------
        ModelError
        """
        names = [c.name for c in self.values() if c.on_disk is not None]
        if names:
            raise ModelError(
                f"{what}: expected data in memory, got rows that stay on disk ({', '.join(names)}); pass "
                "value=mc.OnDisk(...).read() to have them in memory"
            )

    # ---------------------------------------------------------------- what a model asks

    @property
    def are_own(self) -> bool:
        """Whether these are the values that the nodes hold themselves."""
        return all(c.is_own for c in self.values())

    @property
    def others(self) -> dict[Node, Any]:
        """Values by node of the columns that are not the nodes' own; any number stands where an entry is missing."""
        return {n: c.known for n, c in self.items() if not c.is_own}

    def refuse_other_shapes(self, model: Model) -> None:
        """Refuse rows that are not, node by node and in shape, those of a model.

        Raises
        ------
        ModelError
        """
        for node in model.ordered():
            if not holds_known(node):
                continue
            if node not in self._columns:
                raise ModelError(f"rows: expected a column for {node.name}, got {self._names() or 'none'}")
            shape, wanted = self._columns[node].shape, node.shape  # type: ignore[attr-defined]
            if shape != wanted:
                raise ModelError(
                    f"rows: {node.name} expected shape {wanted}, as the model has it, got {shape}; a model is "
                    "recorded on as many rows as it was written for"
                )

    def value_of(self, node: Node) -> Any:
        """A node's value where these are its data: missing entries are those of the node's present value."""
        column = self._columns.get(node)
        if column is None or column.is_own:
            return node.value
        if column.missing is None:
            return column.known
        return column.completed(np.asarray(node.value)[column.missing])


def holds_known(node: Node) -> bool:
    """Whether a node has a column: data, objects and those with missing entries included, and covariates."""
    return isinstance(node, Covariates) or (isinstance(node, Stochastic) and node.holds_data)


def _column_of(node: Any) -> Column:
    """The column of a node's own data; the same as long as anybody holds it."""
    held = node.held
    key = id(node), id(held)
    found = _kept.get(key)
    if found is None or found.node is not node or found.values is not held:
        found = _kept[key] = of_node(node)
    return found


__all__ = ["Rows", "holds_known"]
