"""A factor of a pass as it stands for the rows of two components, which are brought together a tile at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.kernels import rows_of_two as pairs
from mcmix.kernels import split_merge as kernels
from mcmix.kernels.base import address_of, apart
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import made, seen, table
from mcmix.kernels.tiles import FACTOR, PASS
from mcmix.steps.base import Chain
from mcmix.steps.bound_pass import BoundPass
from mcmix.steps.row_factors import ColumnSums, RowFactor
from mcmix.structure.label_vectors import LabelVector


def pair_of(
    label: LabelVector, chain: Chain, bound: BoundPass, workspace: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What brings the rows of two components together, and what says how close components are.

    Parameters
    ----------
    label : LabelVector
    chain : Chain
        Keeps alive what addresses are told of.
    bound : BoundPass
        That of the label update, in the chain's memory.
    workspace : int
        Address of what a pass of two labels needs.

    Returns
    -------
    ndarray
        A :data:`mcmix.kernels.rows_of_two.PAIR`.
    ndarray
        Records of columns whose means are compared, a row each.
    ndarray
        Their inverse variances.
    """
    own = [OfTwo(f, label.n_labels) for f in bound.factors]
    counts, weights = apart(2), apart(2)
    two = BoundPass.made([one.factor for one in own], counts, stream=chain.stream)
    told = seen(PASS, bound.record)
    alone = seen(PASS, two.record)
    for name in ("tempered", "temperature", "lowest"):
        setattr(alone, name, getattr(told, name))
    alone.units, alone.log_weights, alone.workspace = TILE, address_of(weights), workspace
    whole = table(FACTOR, [f.record() for f in bound.factors])
    columns = table(pairs.SOURCE, [r for one in own for r in one.sources])
    near = table(pairs.NEAR, [r for one in own for r in one.near])
    units = made(pairs.SUMS, own=address_of(counts), every=chain.address(("units", label.node)), entries=1)
    sums = table(pairs.SUMS, [units, *(r for one in own for r in one.sums)])
    means = table(kernels.MEAN, [r for one in own for r in one.means])
    scales = np.concatenate([one.scales for one in own])
    chain.kept += [own, two, whole, columns, near, sums, counts, weights]
    pair = made(
        pairs.PAIR,
        two=address_of(two.record),
        log_weights=address_of(weights),
        factors=address_of(whole),
        prelude=told.prelude,
        prelude_length=told.prelude_length,
        columns=address_of(columns),
        n_columns=len(columns),
        near=address_of(near),
        n_near=len(near),
        sums=address_of(sums),
        n_sums=len(sums),
    )
    return pair, means, scales


class OfTwo:
    """A factor of a pass as it stands for the rows of two components, a tile at a time.

    Parameters
    ----------
    whole : RowFactor
        As it is told of all components.
    capacity : int
        Components.
    """

    def __init__(self, whole: RowFactor, capacity: int):
        self.factor = RowFactor(dict(whole.fields), [whole])
        self.sources: list[np.ndarray] = []
        self.near: list[np.ndarray] = []
        self.means: list[np.ndarray] = []
        self.sums: list[np.ndarray] = []
        self.scales = np.zeros(0)
        # Counts, sums and products stand in one stretch of memory, which the pass zeroes.
        sizes = [1, *(x.size // capacity for c in whole.columns for x in (c.sums, c.squares) if x is not None)]
        self.stretch, self.used = apart(2 * sum(sizes)), 0
        fields = self.factor.fields
        self.all_counts = fields["counts"]
        if "whitened" in fields:
            self._vectors(whole)
        else:
            self._numbers(whole)

    def _numbers(self, whole: RowFactor) -> None:
        fields = self.factor.fields
        if "numbers" in fields:
            fields["numbers"] = self._source(fields["numbers"], np.uint16)
        else:
            fields["x"] = self._source(fields["x"])
        counts = self._summed(self.all_counts, 1)
        columns = []
        for column in whole.columns:
            values = _values(column)
            place = self._source(address_of(values), array=True)
            sums = self._summed(address_of(column.sums), 1)
            squares = None if column.squares is None else self._summed(address_of(column.squares), 1)
            columns.append(ColumnSums(sums, squares, place, column.shift))
            self._close(values, column.sums, 1, 0)
        self.factor.collects(counts, columns, 1, self.stretch[: self.used])

    def _vectors(self, whole: RowFactor) -> None:
        fields, (column,) = self.factor.fields, whole.columns
        d, n = fields["dimension"], fields["rows"]
        rows = next(x for x in whole.kept if isinstance(x, np.ndarray) and x.shape == (d, n))
        tile = apart((d, TILE))
        for j in range(d):
            self._add_source(address_of(rows) + 8 * n * j, address_of(tile) + 8 * TILE * j, False)
            self._close(rows[j], column.sums, d, j)
        fields["x"], fields["rows"] = address_of(tile), TILE
        assert column.squares is not None
        counts = self._summed(self.all_counts, 1)
        sums, products = self._summed(address_of(column.sums), d), self._summed(address_of(column.squares), d * d)
        self.factor.kept.append(tile)
        self.factor.collects(counts, [ColumnSums(sums, products)], 1, self.stretch[: self.used])

    def _summed(self, whole: int, entries: int) -> np.ndarray:
        """Room for sums of two labels, which stand for those of all components at an address."""
        own = self.stretch[self.used : self.used + 2 * entries]
        self.used += own.size
        self.sums.append(made(pairs.SUMS, own=address_of(own), every=whole, entries=entries))
        return own

    def _source(self, address: int, kind: Any = np.float64, array: bool = False) -> Any:
        tile = apart(TILE, kind)
        self.factor.kept.append(tile)
        self._add_source(address, address_of(tile), kind is np.uint16)
        return tile if array else address_of(tile)

    def _add_source(self, source: int, target: int, short: bool) -> None:
        self.sources.append(made(pairs.SOURCE, source=source, target=target, short=short))

    def _close(self, values: np.ndarray, sums: np.ndarray, width: int, first: int) -> None:
        """A column whose means say how close components are, and rows."""
        spread = float(np.var(values))
        if not 0.0 < spread < np.inf:
            return
        self.scales = np.append(self.scales, 1.0 / spread)
        scale = np.array([1.0 / spread])
        self.factor.kept += [values, scale]
        self.near.append(made(pairs.NEAR, values=address_of(values), scale=address_of(scale)))
        self.means.append(
            made(kernels.MEAN, total=address_of(sums), count=self.all_counts, width=width, first=first, step=0)
        )


def _values(column: ColumnSums) -> np.ndarray:
    assert column.values is not None
    return column.values


__all__ = ["OfTwo", "pair_of"]
