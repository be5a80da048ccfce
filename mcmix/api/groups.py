"""The groups that a mixture found, in the data's own units: how large, how typical, how spread, which rows doubtful.

Nothing here asks for the distribution: a group's mean and standard deviation are those of the rows, each counted by the
probability that it belongs to the group, in every draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

import numpy as np

from mcmix.api.memberships import Memberships, memberships_with
from mcmix.distributions.circle import mean_direction, wrapped
from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.plots.shares import DOUBT
from mcmix.report.plots.sources import title_of

DRAWS, FEW_DRAWS = 400, 100  # over which moments are averaged; of many rows
MANY_ROWS = 200_000
NOBODY = 1e-6  # rows in a group, on average, of which no moments are told
DEGREES = (180.0 / np.pi, "degrees")


@dataclass(frozen=True)
class Column:
    """A column of the data by group.

    Attributes
    ----------
    title : str
        With its unit, where it has one.
    means, deviations : ndarray, shape (draws, K)
        Of the rows of each group, in the data's units; NaN where a group has no rows.
    kind : {"number", "binary", "angle"}
        Of angles, circular means and standard deviations; the mean of zeros and ones is the share of ones.
    overall : tuple of float
        Mean and standard deviation of the whole column.
    turn : float
        Of angles, what a full circle is.
    """

    title: str
    means: np.ndarray
    deviations: np.ndarray
    kind: str
    overall: tuple[float, float]
    turn: float = 2.0 * np.pi

    @property
    def typical(self) -> np.ndarray:
        """Posterior mean of each group's mean, shape (K,)."""
        if self.kind == "angle":
            scale = 2.0 * np.pi / self.turn
            return np.asarray(_angles_as_usual(mean_direction(scale * self.means, axis=0) / scale, self.turn))
        return np.asarray(self.means.mean(axis=0))

    @property
    def spread(self) -> np.ndarray:
        """Posterior mean of each group's standard deviation, shape (K,)."""
        return np.asarray(self.deviations.mean(axis=0))

    @property
    def contrast(self) -> np.ndarray:
        """How far each group's mean is from the whole column's, in its standard deviations, shape (K,)."""
        away = self.typical - self.overall[0]
        if self.kind == "angle":
            away = (away + self.turn / 2) % self.turn - self.turn / 2
        return np.abs(away) / self.overall[1] if self.overall[1] > 0 else np.zeros(len(away))


def _angles_as_usual(x: np.ndarray, turn: float) -> np.ndarray:
    """Degrees from 0 to 360 as compasses have them; radians stay from -pi to pi."""
    return x % turn if turn == 360.0 else x


@dataclass(frozen=True)
class Groups:
    """What there is to say of the groups.

    Attributes
    ----------
    shares : ndarray, shape (draws, K)
        Of the rows.
    memberships : Memberships
    columns : list of Column
    """

    shares: np.ndarray
    memberships: Memberships
    columns: list[Column] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """A letter for each component, in their order: letters cannot be taken for counting from 0 or from 1."""
        return [letters(k) for k in range(self.shares.shape[1])]

    @property
    def doubtful(self) -> np.ndarray:
        """Rows whose group has a probability below 95 %, shape (rows,)."""
        return np.asarray(self.memberships.probabilities.max(axis=1) < 1.0 - DOUBT)

    @property
    def sizes(self) -> np.ndarray:
        """Rows whose most probable group each one is, shape (K,)."""
        return np.bincount(self.memberships.classes, minlength=len(self.names))


def letters(k: int) -> str:
    """The name of group k, counted from 0.

    Examples
    --------
    >>> letters(0), letters(25), letters(26)
    ('A', 'Z', 'AA')
    """
    first, last = divmod(k, 26)
    return (letters(first - 1) if first else "") + ascii_uppercase[last]


def groups_of(m: Any, calls: str = "last", units: Mapping[str, tuple[float, str]] | None = None) -> Groups:
    """The groups of a sampler's first label vector.

    Parameters
    ----------
    m : MCMC
        After sampling.
    calls : {"last", "all"}
    units : mapping of str to (float, str), optional
        By data node: what its numbers are multiplied with, and the unit they then have.

    Returns
    -------
    Groups

    Raises
    ------
    ModelError
        If there are no labels, or components cannot be named.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = groups_of(m.sample(1500, 500, seed=1))
    >>> np.sort(found.columns[0].typical.round().astype(int)).tolist(), found.sizes.tolist()
    ([0, 9], [50, 50])
    """
    sums = [_Sums(title, x, kind, *rest) for title, x, kind, *rest in _columns(m, units or {})]
    rows = len(sums[0].x) if sums else 0
    totals: list[np.ndarray] = []

    def seen(p: np.ndarray) -> None:
        totals.append(p.mean(axis=0))
        for s in sums:
            s.add(p)

    found = memberships_with(m, DRAWS if rows <= MANY_ROWS else FEW_DRAWS, calls, seen)
    return Groups(np.array(totals), found, [s.column() for s in sums])


def one_group(m: Any, units: Mapping[str, tuple[float, str]] | None = None) -> Groups:
    """All rows as one group, of a model without labels."""
    sums = [_Sums(title, x, kind, *rest) for title, x, kind, *rest in _columns(m, units or {})]
    every = np.ones((len(sums[0].x) if sums else 0, 1))
    for s in sums:
        s.add(every)
    return Groups(np.ones((1, 1)), Memberships(every, np.zeros_like(every), "one"), [s.column() for s in sums])


class _Sums:
    """Adds up a column's moments by group, draw by draw."""

    def __init__(self, title: str, x: np.ndarray, kind: str, factor: float):
        self.title, self.kind, self.factor = title, kind, factor
        self.known = ~np.isnan(x)
        self.x = x
        self.about = float(x[self.known].mean()) if kind != "angle" and self.known.any() else 0.0
        filled = np.where(self.known, x - self.about, 0.0)
        first = [np.cos(filled), np.sin(filled)] if kind == "angle" else [filled, filled**2]
        self.table = np.column_stack([self.known, *(c * self.known for c in first)]).astype(float)
        self.means: list[np.ndarray] = []
        self.deviations: list[np.ndarray] = []

    def add(self, p: np.ndarray) -> None:
        mean, deviation = self._moments(*(p.T @ self.table).T)
        self.means.append(mean)
        self.deviations.append(deviation)

    def _moments(self, n: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = np.where(n > NOBODY, n, np.nan)
        first, second = first / n, second / n
        if self.kind == "angle":
            length = np.minimum(np.hypot(first, second), 1.0)
            return self.factor * np.arctan2(second, first), self.factor * np.sqrt(-2.0 * np.log(length) + 0.0)
        return self.factor * (self.about + first), self.factor * np.sqrt(np.maximum(second - first**2, 0.0))

    def column(self) -> Column:
        whole = self._moments(*self.table.sum(axis=0)[:, None])
        overall = (float(whole[0][0]), float(whole[1][0]))
        turn = 2.0 * np.pi * self.factor
        return Column(self.title, np.array(self.means), np.array(self.deviations), self.kind, overall, round(turn, 12))


def _columns(m: Any, units: Mapping[str, tuple[float, str]]) -> list[tuple[str, np.ndarray, str, float]]:
    """Title, numbers, kind and factor of every column of data that labels part, one row for each unit."""
    found = []
    observed = m.observed_data()
    for node in _nodes(m):
        factor, unit = units.get(node.name, (1.0, ""))
        table = np.asarray(observed[node.name], dtype=float).reshape(node.shape[0], -1)
        for j, x in enumerate(table.T):
            title = title_of(node, node.name, j if table.shape[1] > 1 or len(node.shape) > 1 else None)
            found.append((_with_unit(title, unit), wrapped(x) if node.is_circular else x, _kind(node), factor))
    return found


def _with_unit(title: str, unit: str) -> str:
    return f"{title.partition(' (')[0]} ({unit})" if unit else title


def _kind(node: Stochastic) -> str:
    if node.is_circular:
        return "angle"
    return "binary" if node.family is not None and node.family.name == "Bernoulli" else "number"


def _nodes(m: Any) -> Sequence[Stochastic]:
    """Data with one row for each unit of the first label vector (all data, without labels)."""
    blocks = m.assembled.label_blocks
    labels = set(m.assembled.labels)
    own = {s.factor.node for s in blocks[0].factors if s.units is None} if blocks else set(m.model.data_nodes)
    rows = blocks[0].label.node.shape[:1] if blocks else None
    return [
        n
        for n in m.model.data_nodes
        if n in own and n not in labels and 1 <= len(n.shape) <= 2 and rows in (None, n.shape[:1]) and _is_numeric(n)
    ]


def _is_numeric(node: Stochastic) -> bool:
    category = node.family is not None and node.family.name == "Categorical"
    return np.asarray(node.value).dtype.kind in "fiub" and not category


def groups_or_reason(m: Any, calls: str, units: Mapping[str, tuple[float, str]]) -> tuple[Groups | None, str]:
    """The groups, or why there are none to tell of; the reason is empty where there are no labels at all."""
    if not m.assembled.label_blocks:
        return None, ""
    try:
        return groups_of(m, calls, units), ""
    except ModelError as error:
        return None, str(error)


__all__ = ["DEGREES", "Column", "Groups", "groups_of", "groups_or_reason", "letters", "one_group"]
