"""What a mixture estimator's model is of: rows of one distribution, or a table whose columns have one each.

Both make the data nodes of given rows and of complete ones, put rows as the model is asked about them, and draw rows
given parameters and labels. Rows are a table of numbers, NaN where missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import mcmix as mc
from mcmix.api.default_priors import components
from mcmix.api.mixed.kinds import VECTOR, Holding
from mcmix.api.mixed.model import by_name, complete, nodes, numbers, parameters_of, side_by_side
from mcmix.api.mixed.seen import columns_by_name, holdings
from mcmix.distributions.family import Family
from mcmix.distributions.table import FAMILIES
from mcmix.nodes.model import parents_given
from mcmix.nodes.node import Node
from mcmix.nodes.row_weights import counting, standing_for
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.frames import table_frame

Drawn = Mapping[str, np.ndarray]


class OneDistribution:
    """Rows of one distribution: of vectors, or of columns that are independent given the component.

    Parameters
    ----------
    family : Family
    fixed : mapping of str to number
        Parameters that are known.
    """

    def __init__(self, family: Family, fixed: Mapping[str, Any]):
        self.family, self.fixed = family, dict(fixed)

    def nodes(self, rows: np.ndarray, label: Any, k: Any, counts: np.ndarray | None) -> list[Stochastic]:
        """The data given the labels; missing cells of few values would be labels too, so that they are left out."""
        parameters = self.parameters(rows, k, counts)
        if not np.isnan(rows).any() or self.family.values is None or self.family.event_ndim:
            return [counting(self._data(rows, label, parameters), label, counts)]
        return [self._column(j, rows[:, j], label, parameters) for j in range(rows.shape[1])]

    def complete(self, rows: np.ndarray, label: Any, k: Any, counts: np.ndarray | None) -> list[Stochastic]:
        """The same of as many complete rows."""
        whole = np.where(np.isnan(rows), np.nanmax(rows, 0), rows)
        return [self._data(whole, label, self.parameters(whole, k, counts))]

    def put(self, rows: np.ndarray) -> Any:
        """Rows as the model is asked about them."""
        return rows

    def drawn(self, rng: np.random.Generator, rows: np.ndarray, k: Any, drawn: Drawn, labels: np.ndarray) -> Any:
        """Rows of components, each at a draw of its own."""
        own = self.parameters(rows, k, None)
        parameters = [_at(own.get(p.name, p.default), drawn, labels) for p in self.family.parameters]
        shape = (len(labels), rows.shape[1]) if self._in_columns(rows) else (len(labels),)
        return np.asarray(self.family.draw(rng, shape, *parameters), dtype=float).reshape(len(labels), -1)

    def parameters(self, rows: np.ndarray, k: Any, counts: np.ndarray | None) -> dict[str, Any]:
        """Parameters of the components, by name: new nodes, and known numbers."""
        return components(self.family.name, standing_for(rows, counts), k, self.fixed)

    def _in_columns(self, rows: np.ndarray) -> bool:
        """Whether the model's data are a table: vectors, or numbers in several columns."""
        return self.family.event_ndim == 1 or rows.shape[1] > 1

    def _data(self, rows: np.ndarray, label: Any, parameters: Mapping[str, Any]) -> Any:
        looked_up = {n: p[label] if isinstance(p, Node) else p for n, p in parameters.items()}
        value = rows if self._in_columns(rows) else rows[:, 0]
        return getattr(mc, self.family.name)("rows", **looked_up, value=value, observed=True)

    def _column(self, j: int, values: np.ndarray, label: Any, parameters: Mapping[str, Any]) -> Any:
        """The cells of a column that are there."""
        there = np.flatnonzero(~np.isnan(values))
        own = {n: p[:, j][label[there]] if isinstance(p, Node) else p for n, p in parameters.items()}
        return getattr(mc, self.family.name)(f"rows {j}", **own, value=values[there], observed=True)


class MixedColumns:
    """A table whose columns have a distribution each, by what they hold.

    Parameters
    ----------
    table : DataFrame
    distributions, correlated, fixed
        As of :func:`mcmix.from_frame`.
    """

    def __init__(
        self,
        table: Any,
        distributions: Mapping[str, Any] | None,
        correlated: Sequence[Sequence[str]],
        fixed: Mapping[str, Any] | None,
    ):
        self.held: list[Holding] = holdings(table, distributions, correlated, fixed)

    @property
    def names(self) -> list[str]:
        """The columns, in the order of the model's rows."""
        return [c for h in self.held for c in h.columns]

    def rows(self, table: Any) -> np.ndarray:
        """A table as numbers side by side, shape (rows, columns)."""
        return side_by_side(numbers(self.held, columns_by_name(table, "X")))

    def nodes(self, rows: np.ndarray, label: Any, k: Any, counts: np.ndarray | None) -> list[Stochastic]:
        """The data of the cells that are there."""
        return nodes(self.held, by_name(self.held, rows), label, k, counts)

    def complete(self, rows: np.ndarray, label: Any, k: Any, counts: np.ndarray | None) -> list[Stochastic]:
        """The same of as many complete rows."""
        return nodes(self.held, complete(by_name(self.held, rows)), label, k, None)

    def put(self, rows: np.ndarray) -> Any:
        """Rows as the model is asked about them: by column."""
        return by_name(self.held, rows)

    def drawn(self, rng: np.random.Generator, rows: np.ndarray, k: Any, drawn: Drawn, labels: np.ndarray) -> Any:
        """A table of rows of components, each at a draw of its own."""
        found: dict[str, np.ndarray] = {}
        for h, x in zip(self.held, by_name(self.held, rows).values(), strict=True):
            family, own = FAMILIES[h.distribution], parameters_of(h, x, k)
            parameters = [_at(own.get(p.name, p.default), drawn, labels) for p in family.parameters]
            shape = (len(labels), len(h.columns)) if h.kind == VECTOR else (len(labels),)
            values = np.asarray(family.draw(rng, shape, *parameters)).reshape(len(labels), -1)
            found |= {c: h.entries(values[:, j]) for j, c in enumerate(h.columns)}
        return table_frame(found, range(len(labels)))


def _at(parameter: Any, drawn: Drawn, labels: np.ndarray) -> Any:
    """A parameter of the components that labels name, each at a draw of its own."""
    if not isinstance(parameter, Node):
        return parameter
    values = {n: drawn[n.name] for n in (parameter, *parameter.extended_parents) if n.name in drawn}
    make: Callable[..., Any] = getattr(parameter, "function", lambda: None)
    whole = values[parameter] if parameter in values else make(**parents_given(parameter, values))
    return whole[np.arange(len(labels)), labels]


__all__ = ["MixedColumns", "OneDistribution"]
