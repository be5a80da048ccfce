"""Where the components of a mixture start: seedings that are good, and different from chain to chain.

A seeding is k-means from a small random subsample of the rows, seeded by the greedy rule of k-means++ (Arthur and
Vassilvitskii 2007). A pool of seedings is drawn from the run's seed, whatever the number of chains; those that fit the
data much worse than the best are dropped, and the rest are put into an order in which each differs most from the ones
before it. Chain i takes seeding i: on a posterior with several modes, chains start in different ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.k_means import k_means, nearest
from mcmix.steps.passes import Pass
from mcmix.structure.cells import rows_with_gaps
from mcmix.structure.label_vectors import LabelVector, SeparableFactor

POOL = 8
PER_LABEL = 25  # rows of a subsample per label
FEWEST = 50
JUDGED_ON = 4000  # rows on which seedings are compared
TOLERATED = 1.25  # times the best within-cluster sum of squares


@dataclass(frozen=True)
class Pool:
    """Seedings of one label vector, in the order in which chains take them.

    Attributes
    ----------
    features : Features
    centres : list of ndarray, shape (K, columns)
    share : float
        Rows of a subsample as a fraction of all: how strong a start's belief may be.
    """

    features: Features
    centres: list[np.ndarray]
    share: float
    _groups: dict[int, tuple[np.ndarray, list[np.ndarray]]] = field(default_factory=dict, repr=False)

    def grouped(self, chain: int, k: int, rng: np.random.Generator) -> np.ndarray:
        """Label numbers 0 .. k-1 of all units: those of the chain's seeding, the nearest joined until k are left."""
        number = chain % len(self.centres)
        if number not in self._groups:
            closest = nearest(self.features, self.centres[number])
            counts = np.bincount(closest, minlength=len(self.centres[number]))
            self._groups[number] = closest, joined(self.centres[number], counts)
        closest, groups = self._groups[number]
        return rng.permutation(k)[groups[min(k, len(groups)) - 1][closest]]

    def labels(self, chain: int, rng: np.random.Generator) -> np.ndarray:
        """Label numbers 0 .. K-1 of all units for a chain: its seeding, components in random order."""
        centres = self.centres[chain % len(self.centres)]
        return nearest(self.features, centres[rng.permutation(len(centres))])


def share_of(p: Pass) -> float:
    """Rows of a subsample as a fraction of all."""
    return _share(p.block.n_seeds, p.label.n_units)


def _share(n_labels: int, n_units: int) -> float:
    return min(1.0, max(FEWEST, PER_LABEL * n_labels) / n_units)


def non_factorising_pool(
    label: LabelVector, data: Sequence[np.ndarray], sequence: np.random.SeedSequence
) -> Pool | None:
    """Seedings for labels whose dependence on data is not seen through: from data with one entry per label."""
    n = label.n_units
    fitting = [x.reshape(n, -1) for x in data if x.ndim and x.shape[0] == n]
    if not fitting:
        return None
    known = Features([(np.asarray(x, dtype=float), None) for x in fitting])
    return pool_from(known, label.n_labels, _share(label.n_labels, n), sequence)


def pool(p: Pass, sequence: np.random.SeedSequence) -> Pool | None:
    """Seedings for a label vector, or None where no data column depends on it."""
    x = features(p)
    return None if x is None else pool_from(x, p.block.n_seeds, share_of(p), sequence)


def pool_from(x: Features, n_labels: int, share: float, sequence: np.random.SeedSequence) -> Pool:
    """Seedings from features."""
    rng = np.random.default_rng(sequence)
    size = max(1, round(share * len(x)))
    judged = x[rng.choice(len(x), min(JUDGED_ON, len(x)), replace=False)]
    found = [k_means(x[rng.choice(len(x), size, replace=False)], n_labels, rng) for _ in range(POOL)]
    costs = np.array([_cost(judged, centres) for centres in found])
    good = [found[i] for i in np.argsort(costs, kind="stable") if costs[i] <= TOLERATED * costs.min()]
    return Pool(x, _most_different_first(good), share)


class Features:
    """One standardised column per column of data that depends on a label, averaged over a unit's rows.

    Rows are standardised when they are asked for, so that no second copy of the data is made. Missing coordinates of
    vectors count as their column's mean.

    Parameters
    ----------
    tables : sequence of (ndarray of shape (units, columns), ndarray of bool or None)
        Data, and where they are missing.
    """

    def __init__(self, tables: Sequence[tuple[np.ndarray, np.ndarray | None]]):
        self.tables = list(tables)
        self.scales = [[_centre_and_spread(*column) for column in _columns_of(*t)] for t in self.tables]

    def __len__(self) -> int:
        return len(self.tables[0][0])

    def __getitem__(self, rows: Any) -> np.ndarray:
        parts = []
        for (table, mask), scales in zip(self.tables, self.scales, strict=True):
            centre, spread = np.array(scales).T
            part = (table[rows] - centre) / spread
            parts.append(part if mask is None else np.where(mask[rows], 0.0, part))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


def _columns_of(table: np.ndarray, mask: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    for j in range(table.shape[1]):
        yield table[:, j], None if mask is None else mask[:, j]


def _centre_and_spread(x: np.ndarray, missing: np.ndarray | None) -> tuple[float, float]:
    known = x if missing is None else x[~missing]
    spread = float(np.std(known)) if known.size else 0.0
    return float(np.mean(known)) if known.size else 0.0, spread if spread > 0.0 else 1.0


def features(p: Pass) -> Features | None:
    """The features of a label vector's units, or None where no data column depends on it."""
    tables = [t for t in (_table_of(s, p) for s in p.block.factors) if t is not None]
    return Features(tables) if tables else None


def _table_of(s: SeparableFactor, p: Pass) -> tuple[np.ndarray, np.ndarray | None] | None:
    """A factor's data by unit and column, and where they are missing."""
    x = s.rows.arguments[0] if s.rows.op == "density" else s.factor.x
    if s.rows.op == "events" and (s.gaps is not None or (x is not None and x.is_constant)):
        table, mask = rows_with_gaps(s)
        if s.units is None:
            return table, mask
        return np.column_stack([_of_units(column, s, p) for column in table.T]), None
    if x is None or not x.is_constant or x.size != s.rows.size:
        return None
    values = np.asarray(x.value, dtype=float).ravel()
    lines = [np.cos(values), np.sin(values)] if _holds_angles(s) else [values]
    return np.column_stack([_of_units(line, s, p) for line in lines]), None


def _holds_angles(s: SeparableFactor) -> bool:
    """Whether a factor's data are angles: seedings see them as points on the circle."""
    return isinstance(s.factor.node, Stochastic) and s.factor.node.is_circular


def _of_units(values: np.ndarray, s: SeparableFactor, p: Pass) -> np.ndarray:
    """Means over the rows of each unit."""
    if s.units is None:
        return values
    counts = np.bincount(s.units, minlength=p.label.n_units)
    return np.asarray(np.bincount(s.units, values, p.label.n_units) / np.maximum(counts, 1))


def joined(centres: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Which of 1, 2, .. groups each centre is in, where the two are joined that cost the least squared distance.

    Ward (1963), "Hierarchical grouping to optimize an objective function", JASA 58.

    Examples
    --------
    >>> joined(np.array([[0.0], [9.0], [0.1]]), np.array([5, 5, 5]))[1].tolist()
    [0, 1, 0]
    """
    points, sizes, group = centres.astype(float), counts + 1e-9, np.arange(len(centres))
    found = [group]
    while len(points) > 1:
        squared = ((points[:, None] - points[None]) ** 2).sum(2) * sizes[:, None] * sizes / (sizes[:, None] + sizes)
        squared[np.tril_indices(len(points))] = np.inf
        i, j = np.unravel_index(squared.argmin(), squared.shape)
        points[i] = (sizes[i] * points[i] + sizes[j] * points[j]) / (sizes[i] + sizes[j])
        sizes[i] += sizes[j]
        points, sizes = np.delete(points, j, axis=0), np.delete(sizes, j)
        group = np.where(group == j, i, group - (group > j))
        found.append(group)
    return found[::-1]


def _cost(x: np.ndarray, centres: np.ndarray) -> float:
    """Within-cluster sum of squares."""
    return float(((x - centres[nearest(x, centres)]) ** 2).sum())


def _most_different_first(found: list[np.ndarray]) -> list[np.ndarray]:
    """The best seeding, then always the one farthest from those chosen (components in sorted order)."""
    points = np.array([centres[np.lexsort(centres.T[::-1])].ravel() for centres in found])
    order, distance = [0], ((points - points[0]) ** 2).sum(1)
    while len(order) < len(points):
        distance[order] = -1.0
        order.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[order[-1]]) ** 2).sum(1))
    return [found[i] for i in order]
