"""Data in files: read block by block, and given to a model as few weighted rows where these say what all rows say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.family import Family
from mcmix.errors import ModelError
from mcmix.nodes.mixture import LAZY
from mcmix.structure import streamed as streaming
from mcmix.structure.row_sources import Source, is_lazy, source_of
from mcmix.structure.weighted_rows import WeightedRows

BLOCK = 2**21  # rows that are in memory at a time
STAND_INS = 2**16  # rows that chains whose labels are drawn from the file begin with


class OnDisk:
    """Data that stay in their file, as the ``value=`` of an observed node.

    Of a :func:`Mixture` with weights, whose rows are single numbers, one pass over the file makes few weighted rows:
    the distinct values, or Gauss quadratures of narrow bins. They are the node's data from then on, labels are summed
    out, and the file is not read again until :meth:`blocks` is asked for. Of vectors, and with ``weighted=False``, the
    labels of all rows are drawn from the file in each iteration, block by block, where parameters need counts and sums
    alone. Elsewhere, and of up to 262,144 rows, the file is read into memory, in the type that it has on disk; of an
    ``.npy`` file it is a memory map.

    Parameters
    ----------
    source : path, or array-like
        An ``.npy`` file; a Parquet or Arrow file, or a folder of these (with pyarrow); a ``pyarrow.dataset``; or
        anything with a shape and a type that gives rows when sliced: a Zarr array, an HDF5 dataset, a memory map, a
        Dask array (which may also be the ``value=`` of a mixture as it is).
    column : str or sequence of str, optional
        Of a table: one column, or several, which are the entries of vectors.
    weighted : bool, optional
        Whether few weighted rows are to stand for all: by default where they can, with True or a refusal that says
        why not, with False never.

    Raises
    ------
    ModelError
        If there is no such file or column, if a column holds text or has nulls, or if numbers are not finite: where,
        is said.

    Notes
    -----
    Weighted rows keep sums of smooth functions of a row to rounding as long as no component is much narrower than a
    thousandth of where 98 % of the rows lie; a chain that starts where that does not hold is refused. Golub and Welsch
    (1969), "Calculation of Gauss quadrature rules".

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np, mcmix as mc
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "rows.npy"
    >>> rng = np.random.default_rng(1)
    >>> np.save(path, rng.normal(4.0 * rng.integers(2, size=300_000)).astype(np.float32))
    >>> w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, sigma=10.0, size=2)
    >>> y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=mc.OnDisk(path), observed=True)
    >>> y.value.size < 100_000, round(y.row_weights.sum())
    (True, 300000)
    """

    def __init__(self, source: Any, column: str | Sequence[str] | None = None, *, weighted: bool | None = None):
        self.weighted = weighted
        self._source: Source = source_of(source, column)
        self._print = self._source.fingerprint()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all rows together."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the numbers on disk."""
        return self._source.dtype

    @property
    def source(self) -> str:
        """The file, and the column where there are several, in words."""
        return self._source.name

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<OnDisk {self.source} ({' x '.join(map(str, self.shape))}) {self.dtype}>"

    @property
    def lazy(self) -> Any:
        """The Dask array that the rows are in; None where they are in something else."""
        return self._source.lazy

    def blocks(self, rows: int = BLOCK, first: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """All rows in their order, so many at a time, read when they are asked for; or those from `first` to `end`.

        Raises
        ------
        ModelError
            If the file is not what it was, or what it holds are no numbers.
        """
        if not (isinstance(rows, (int, np.integer)) and rows >= 1):
            raise ModelError(f"{self.source}: blocks expected a whole number of rows of at least 1, got {rows!r}")
        self.refuse_changed()
        return self._source.blocks(int(rows), first, len(self) if end is None else end)

    def some(self, rows: int) -> np.ndarray:
        """About so many rows from all over the file."""
        return self._source.some(rows)

    def refuse_changed(self) -> None:
        """Refuse a file that has changed since it was opened.

        Raises
        ------
        ModelError
        """
        if self._source.fingerprint() != self._print:
            raise ModelError(
                f"{self.source}: the file has changed since it was opened; make the model anew, with mc.OnDisk(...) of "
                "the file as it is"
            )

    def read(self) -> np.ndarray:
        """All rows, in memory or as a memory map."""
        self.refuse_changed()
        return self._source.read()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        found = self.read()
        return found if dtype is None else found.astype(dtype, copy=bool(copy))

    def rows_for(self, name: str, family: Family) -> WeightedRows | None:
        """What stands for all rows of a mixture's component family; None where they are read into memory.

        Parameters
        ----------
        name : str
            Of the node.
        family : Family

        Raises
        ------
        ModelError
            If a row is no finite number, or if weighted rows were asked for and cannot be had.
        SupportError
            If a row lies outside the support.
        """
        found: WeightedRows | str = "labels are to be drawn"
        if self.weighted is not False:
            found = "rows are vectors" if len(self.shape) > 1 else streaming.streamed(name, self, family)
            if isinstance(found, WeightedRows):
                return found
        if self.weighted:
            raise ModelError(f"{name}: weighted rows cannot stand for those of {self.source}: {found}")
        return self._some_of_all(name, family)

    def _some_of_all(self, name: str, family: Family) -> WeightedRows | None:
        """Rows to begin with, where sums of rows are all that is needed and there are many rows."""
        vectors = family.vectors is not None and len(self.shape) == 2
        sums = family.statistics is not None and not family.event_ndim and len(self.shape) == 1
        if len(self) <= streaming.FEW or not (vectors or sums):
            return None
        streaming.refuse_wrong(name, self, family)
        some = np.ascontiguousarray(self.some(STAND_INS), dtype=float)
        return WeightedRows(some, np.full(len(some), len(self) / len(some)), False, self)


LAZY.append(lambda value: OnDisk(value) if is_lazy(value) else None)

__all__ = ["BLOCK", "OnDisk"]
