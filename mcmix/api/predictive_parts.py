"""What a predictive distribution answers with, and what is read off the rows that it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.mixture import MixtureOfDistributions
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import with_gaps
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import shown
from mcmix.structure.columns import Column


class Band(NamedTuple):
    """A curve with its uncertainty: at each point by itself, the mean over draws between two quantiles of them."""

    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, repr=False)
class LogScore:
    """Log predictive density of new rows.

    Attributes
    ----------
    rows, errors : ndarray, shape (rows,)
        Of each row, in nats, and its Monte Carlo standard error.
    total, error : float
        Their sum, and its Monte Carlo standard error (rows share the draws).
    standard_error : float
        How the total would vary with other rows of the same origin: sqrt(rows) times the rows' standard deviation.
    """

    rows: np.ndarray
    errors: np.ndarray
    total: float
    error: float
    standard_error: float

    def __repr__(self) -> str:
        n = len(self.rows)
        return (
            f"<LogScore of {n} rows: total {self.total:.2f} (Monte Carlo error {self.error:.2g}, standard error over "
            f"rows {self.standard_error:.2g}), mean {self.total / max(n, 1):.3f}>"
        )

    def _repr_html_(self) -> str:
        table: dict[str, list[object]] = {
            "log score": ["total", "mean of a row"],
            "nats": [self.total, self.total / max(len(self.rows), 1)],
            "Monte Carlo error": [self.error, self.error / max(len(self.rows), 1)],
            "standard error over rows": [self.standard_error, self.standard_error / max(len(self.rows), 1)],
        }
        return shown(f"Log predictive density of {len(self.rows)} rows", table)


def _width(node: Stochastic) -> int | None:
    """Columns of a row, or None where a row is a number."""
    vectors = isinstance(node, Distribution) and node.family.event_ndim == 1
    columns = node.shape if vectors and len(node.shape) == 1 else node.shape[1:]
    return int(np.prod(columns)) if columns else None


def _row_of(column: Column, width: int | None) -> np.ndarray:
    """One row of the data, what is missing in it included."""
    rows = column.with_gaps().reshape((-1,) if width is None else (-1, width))
    complete = np.flatnonzero(~np.isnan(rows.reshape(len(rows), -1)).any(axis=1))
    return rows[[complete[0] if complete.size else 0]]


def _support(node: Stochastic) -> tuple[float, float]:
    """Ends of the values that a node can take, where they are known numbers; else infinite."""
    families = [c.family for c in node.components] if isinstance(node, MixtureOfDistributions) else [node.family]
    ends = [(f.support.lower, f.support.upper) if f is not None else (-np.inf, np.inf) for f in families]
    lower = min(-np.inf if isinstance(low, str) else float(low) for low, _ in ends)
    upper = max(np.inf if isinstance(high, str) else float(high) for _, high in ends)
    return lower, upper


def _key(key: Any) -> Any:
    return key.name if isinstance(key, Node) else key


def _count(points: Any) -> int:
    first: Any = next(iter(points.values())) if isinstance(points, Mapping) else points
    return len(np.atleast_1d(first))


def _numbers(value: Any, what: str) -> np.ndarray:
    return with_gaps(what, value)


def _shaped(values: np.ndarray, shape: Sequence[int] | None) -> Any:
    return values if shape is None else np.asarray(values).reshape(shape)[()]


def _data(m: Any, name: Any) -> Stochastic:
    data = {n.name: n for n in m.model.data_nodes}
    key = name.name if isinstance(name, Node) else name
    if not isinstance(key, str) or key not in data:
        raise ModelError(f"predictive: expected a data node among {', '.join(data) or 'none'}, got {key!r}")
    return data[key]
