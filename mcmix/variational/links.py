"""How the parameters of a distribution depend on the unknowns: what a cell looks up, and where its message goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.links import Affine, affine, power
from mcmix.structure.recording import Recording
from mcmix.variational.posteriors import Moments, Posterior, certain

EVENT_AXES = {"vector": 1, "dirichlet": 1, "wishart": 2, "inverse wishart": 2}


class NotConjugate(Exception):
    """Why a distribution's parameter lets no closed form through."""


@dataclass(eq=False)
class Link:
    """One parameter of a distribution, an entry per cell.

    Attributes
    ----------
    kind : str
        Kind of message the parameter takes, or "known".
    known : Moments or None
        Of a parameter that is known.
    posterior : Posterior or None
        Of the unknown that is looked up.
    rows : ndarray of int, shape (cells,)
        Which element of the unknown.
    slope, offset : ndarray, shape (cells,)
        normal: slope times the element plus offset; gamma and wishart: slope times the element; beta: a slope of -1
        is the complement.
    """

    kind: str
    known: Moments | None
    posterior: Posterior | None = None
    rows: Any = None
    slope: Any = 1.0
    offset: Any = 0.0

    def tiled(self, times: int) -> Link:
        """The same link of several starts side by side."""
        if times == 1:
            return self
        if self.posterior is None:
            assert self.known is not None
            return Link(self.kind, Moments(*[repeated(part, times) for part in (self.known.first, self.known.second)]))
        rows = (self.rows + self.posterior.items * np.arange(times)[:, None]).ravel()
        slope, offset = (x if np.ndim(x) == 0 else np.tile(x, times) for x in (self.slope, self.offset))
        return Link(self.kind, None, self.posterior, rows, slope, offset)

    def moments(self) -> Moments:
        """Expectations per cell."""
        if self.known is not None:
            return self.known
        assert self.posterior is not None
        m = self.posterior.moments.at(self.rows)
        if self.kind == "normal":
            # `second` is the variance of a mean, but the expected logarithm (log determinant) of a precision.
            return Moments(self.slope * m.first + self.offset, self.slope**2 * m.second)
        if self.kind == "gamma":
            return Moments(self.slope * m.first, np.log(self.slope) + m.second)
        if self.kind == "wishart" and np.any(self.slope != 1.0):
            times = np.broadcast_to(self.slope, m.second.shape)
            return Moments(times[:, None, None] * m.first, m.first.shape[-1] * np.log(times) + m.second)
        if self.kind == "beta":
            same = np.asarray(self.slope) > 0.0
            return Moments(np.where(same, m.first, m.second), np.where(same, m.second, m.first))
        return m

    def collected(self, first: Any, second: Any, n: int) -> tuple[Any, Any]:
        """Messages per cell as messages to each of n elements of the unknown."""
        if self.kind == "normal":
            # (t, t y) about a + b v is (t b**2, t b (y - a)) about v, as in structure.conjugacy.
            first, second = self.slope**2 * first, self.slope * (second - first * self.offset)
        elif self.kind == "gamma":
            second = self.slope * second
        elif self.kind == "wishart":
            second = np.reshape(self.slope, (-1, 1, 1)) * second
        elif self.kind == "beta":
            same = np.asarray(self.slope) > 0.0
            first, second = np.where(same, first, second), np.where(same, second, first)
        return _gathered(first, self.rows, n), _gathered(second, self.rows, n)


def repeated(x: Any, times: int) -> Any:
    """An array's entries (first axis) several times over."""
    return None if x is None else np.concatenate([np.atleast_1d(x)] * times)


def _gathered(x: Any, rows: np.ndarray, n: int) -> Any:
    if x is None:
        return None
    x = np.broadcast_to(x, rows.shape) if np.ndim(x) == 0 else np.asarray(x)
    if x.ndim == 1:
        return np.bincount(rows, x, n)
    total = np.zeros((n, *x.shape[1:]))
    np.add.at(total, rows, x)
    return total


def link(x: Expression, kind: str, cells: int, recording: Recording, posteriors: dict[Any, Posterior]) -> Link:
    """Read a parameter, given as one entry per cell or one for all.

    Raises
    ------
    NotConjugate
        In words, where it is no look-up of one unknown.
    """
    axes = EVENT_AXES.get(kind, 0)
    event = x.shape[x.ndim - axes :]
    if not x.leaves:
        value = np.asarray(evaluate(x, {}), dtype=float)
        return Link(kind, certain(kind, np.broadcast_to(value, (cells, *event)) if value.ndim == axes else value))
    names = " and ".join(sorted(leaf.extra.name for leaf in x.leaves if hasattr(leaf.extra, "name")))
    if kind == "known":
        raise NotConjugate(f"it must be known, and depends on {names}")
    if len(x.leaves) != 1:
        raise NotConjugate(f"it depends on {names} at once")
    (leaf,) = x.leaves
    posterior = posteriors.get(leaf.extra)
    if posterior is None:
        raise NotConjugate(f"it depends on {names}, which has no factor of its own")
    if posterior.kind != kind:
        raise NotConjugate(f"it takes a {kind} message, and {names} has a {posterior.kind} posterior")
    v = recording.sampled(leaf.extra)
    if kind == "gamma":
        return _scaled(x, v, leaf, posterior, cells, names)
    link = affine(x, v, leaf)
    if link is None or not link.index.is_constant or not link.slope.is_constant or not link.offset.is_constant:
        raise NotConjugate(f"it is no look-up of {names}")
    return _linear(link, kind, posterior, cells, int(np.prod(event, dtype=int)), names)


def _scaled(x: Expression, v: Expression, leaf: Expression, posterior: Posterior, cells: int, names: str) -> Link:
    link = power(x, v, leaf)
    if link is None or not (link.index.is_constant and link.factor.is_constant and link.mask.is_constant):
        raise NotConjugate(f"it is no look-up of {names}")
    slope = np.broadcast_to(np.ravel(link.factor.known).astype(float), (cells,))
    if link.exponent != 1.0 or not np.all(link.mask.known == 1.0) or not (slope > 0.0).all():
        raise NotConjugate(f"it is no positive multiple of {names}")
    return Link("gamma", None, posterior, _rows(link.index.known, cells, 1), slope)


def _linear(link: Affine, kind: str, posterior: Posterior, cells: int, size: int, names: str) -> Link:
    index = np.asarray(link.index.known)
    slope, offset = (np.ravel(p.known).astype(float) for p in (link.slope, link.offset))
    plain = bool(np.all(slope == 1.0) and np.all(offset == 0.0))
    if kind == "normal":
        return Link(kind, None, posterior, _rows(index, cells, 1), *(_per(p, cells) for p in (slope, offset)))
    if kind == "beta" and (plain or np.all((slope == -1.0) & (offset == 1.0) | (slope == 1.0) & (offset == 0.0))):
        return Link(kind, None, posterior, _rows(index, cells, 1), _per(slope, cells))
    if kind == "wishart" and np.all(offset == 0.0):
        each = np.broadcast_to(link.slope.known, index.shape).reshape(-1, size).astype(float)
        if (each == each[:, :1]).all() and (each > 0.0).all():
            return Link(kind, None, posterior, _rows(index, cells, size), _per(each[:, 0], cells))
    if not plain:
        raise NotConjugate(f"it is a function of {names}")
    return Link(kind, None, posterior, _rows(index, cells, size))


def _per(x: np.ndarray, cells: int) -> np.ndarray:
    return np.broadcast_to(x, (cells,)) if x.size == 1 else x.reshape(cells)


def _rows(index: np.ndarray, cells: int, size: int) -> np.ndarray:
    """Which element each cell is, where an element consists of `size` numbers that stay together."""
    table = np.asarray(index, dtype=np.int64).reshape(-1, size)
    rows = table[:, 0] // size
    if not np.array_equal(table, rows[:, None] * size + np.arange(size)):
        raise NotConjugate("it takes a vector or matrix apart")
    return np.broadcast_to(rows, (cells,)) if rows.size == 1 else rows.reshape(cells)


__all__ = ["Link", "NotConjugate", "link", "repeated"]
