"""Covariates: known numbers of each row of data, remembered by name so that new rows can bring their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.axes import check_axes
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.names import columns_of, in_columns, names_of, one_column
from mcmix.nodes.node import Node
from mcmix.nodes.numbers import as_doubles, as_held, as_numbers


class Covariates(Deterministic):
    """Known numbers of each row of data: a design matrix, exposures, the groups of rows.

    To the sampler it is the array, and everything that is seen through for arrays is seen through for it. For new rows
    it is handed in anew, by name, beside their data.

    Parameters
    ----------
    name : str
    value : array_like, shape (rows, ...)
        Finite numbers; whole ones stay whole, so that they can be indices. A frame keeps its two axes, also where it
        has one column, and its names; new rows that come as a frame are taken by these names.
    dims, coords : optional
        Names of the axes, and labels along them, as for :class:`Stochastic`.

    Raises
    ------
    ModelError
        If it holds something else, or a missing entry, or is no array.

    Notes
    -----
    An array is copied once, in its own precision; a memory map is not, so that its file must not change.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> X = mc.Covariates("X", np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]]))
    >>> beta = mc.Normal("beta", 0, 0.1, size=2)
    >>> m = mc.MCMC([mc.Normal("y", X @ beta, 4.0, value=[0.1, 1.9, 4.2, 5.8], observed=True)])
    >>> found = m.sample(600, 100, seed=1).predict_logpdf({"y": [8.0, 0.0], "X": [[1.0, 4.0], [1.0, 4.0]]})
    >>> bool(found[0] > found[1])
    True
    """

    def __init__(
        self, name: str, value: Any, doc: str = "", *, dims: Any = None, coords: Mapping[str, Any] | None = None
    ):
        self.held = checked_covariates(name, value)
        self.data_names = names_of(value)
        if not self.held.ndim:
            raise ModelError(f"{name}: covariates expected a row for each row of data, got a single number")
        super().__init__(self._given, doc or "covariates", name, {}, trace=False, dims=dims, coords=coords)
        check_axes(name, self.axes, self.shape)

    def _given(self) -> np.ndarray:
        return self.known

    @property
    def value(self) -> np.ndarray:
        """The array."""
        return self.known

    @property
    def known(self) -> np.ndarray:
        """The array as everything computes with it: doubles, or whole numbers; a copy of single precision is shared."""
        return as_doubles(self.held)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.held.shape

    def rows_like(self, value: Any) -> np.ndarray:
        """Covariates of new rows: as many columns, of the same kind.

        Raises
        ------
        ModelError
            If they are of another width, or not finite, or not whole where these are.
        """
        columns, came = self.shape[1:], np.shape(value)
        ordered = in_columns(f"new rows: {self.name}", self.data_names.columns, value)
        if not columns and columns_of(value) is not None:
            ordered = one_column(value, np.asarray(ordered))
        x = checked_covariates(f"new rows: {self.name}", ordered)
        if not columns and x.ndim == 0 or columns == (1,) and x.ndim <= 1:
            x = x.reshape(-1, *columns)
        if x.ndim == len(columns) and x.shape == columns and columns:
            x = x[None]
        if x.shape[1:] != columns or x.ndim != 1 + len(columns):
            wanted = f"rows of {columns[0]} columns" if len(columns) == 1 else f"rows of shape {columns}"
            raise ModelError(
                f"new rows: {self.name} expected {wanted if columns else 'a number a row'}, got shape {came}"
            )
        whole = self.held.dtype.kind in "iub"
        if whole and (x != np.round(x)).any():
            raise ModelError(
                f"new rows: {self.name} expected whole numbers, as those of the data, got {x.ravel()[0]:g}"
            )
        return np.ascontiguousarray(x, dtype=self.held.dtype if whole else float)


def checked_covariates(name: str, value: Any) -> np.ndarray:
    """Finite numbers in a read-only array: whole ones as such, single precision and memory maps as they are."""
    found = as_numbers(name, value)
    whole = found.dtype.kind in "iub"
    array = np.asarray(as_held(found, found.dtype if whole else np.dtype(float)))
    if np.ma.getmaskarray(found).any() or not (whole or np.isfinite(array).all()):
        raise ModelError(
            f"{name}: covariates expected finite numbers, got a missing or infinite one; leave such rows out, or make "
            "the missing numbers unknowns with a distribution of their own"
        )
    return array


def covariates_of(nodes: Iterable[Node], rows: int) -> list[Covariates]:
    """Covariates that some nodes depend on and that have so many rows, in the order of creation."""
    found, waiting = dict[Node, None](), list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += node.parent_nodes
    own = [n for n in found if isinstance(n, Covariates) and n.shape[0] == rows]
    return sorted(own, key=lambda n: n.created)


__all__ = ["Covariates", "checked_covariates", "covariates_of"]
