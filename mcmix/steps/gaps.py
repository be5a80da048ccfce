"""Rows of vectors with missing coordinates, laid out for the pass."""

from __future__ import annotations

import numpy as np

from mcmix.kernels.base import address_of, apart
from mcmix.kernels.gaps import GAPS
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import made
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.cells import known_mean, rows_with_gaps
from mcmix.structure.contributions import Structure
from mcmix.structure.label_vectors import SeparableFactor

MOST_TIMES = 4.0  # integrating out may cost so many times the densities of complete rows


class GapLayout:
    """Where missing coordinates are, sorted by tile and pattern.

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, d)
        True where a coordinate is missing.
    integrated : bool, optional
        Whether the hard pass integrates them out; by default where that is cheap enough (see `is_cheap`).
    """

    def __init__(self, mask: np.ndarray, integrated: bool | None = None):
        rows = np.flatnonzero(mask.any(1))
        patterns = np.unique(np.packbits(mask[rows], axis=1), axis=0, return_inverse=True)[1].ravel()
        counts = mask[rows].sum(1)
        starts = np.cumsum(counts) - counts
        order = np.lexsort((rows, patterns, rows // TILE))
        tiles = np.searchsorted(rows[order] // TILE, np.arange(-(-len(mask) // TILE) + 1))
        coordinates = np.nonzero(mask[rows])[1]
        listed = {
            "tiles": tiles,
            "rows": rows[order],
            "patterns": patterns[order],
            "starts": starts[order],
            "counts": counts[order],
            "coordinates": coordinates,
        }
        self.arrays = {name: np.ascontiguousarray(a, dtype=np.int64) for name, a in listed.items()}
        self.integrated = is_cheap(mask) if integrated is None else integrated

    def record(self, entries: int, workspace: int) -> np.ndarray:
        """What the pass is told, given the addresses of the entries' values and of workspace."""
        listed = {name: address_of(a) for name, a in self.arrays.items()}
        return made(GAPS, **listed, entries=entries, workspace=workspace, integrated=self.integrated)


def is_cheap(mask: np.ndarray) -> bool:
    """Whether integrating gaps out costs at most MOST_TIMES the densities of complete rows.

    Counted in operations: a squared distance takes d * d / 2 of them side by side; a gap of m coordinates m * d for
    its residual and about m**3 / 6 for a Cholesky factor, shared by rows of one pattern in a tile.
    """
    d, gaps = mask.shape[1], mask[mask.any(1)]
    tiles = np.flatnonzero(mask.any(1)) // TILE
    keys = np.column_stack([tiles.astype(np.uint32).view(np.uint8).reshape(len(gaps), -1), np.packbits(gaps, axis=1)])
    factors = np.unique(keys, axis=0, return_index=True)[1]
    each, shared = gaps.sum(1).astype(float), gaps[factors].sum(1).astype(float)
    residuals, cholesky = (0.25 * d * each + each**2 + 5.0).sum(), (shared**3 / 6.0 + 20.0 * shared).sum()
    return bool(residuals + cholesky <= MOST_TIMES * len(mask) * (d * d / 12.0 + 3.0))


def columns_about(s: SeparableFactor) -> tuple[np.ndarray, np.ndarray]:
    """Rows of vectors as columns about the mean of what is known, gaps as zeros; and that mean."""
    data, mask = rows_with_gaps(s)
    shift = np.ascontiguousarray(known_mean(data, mask))
    columns = apart(data.shape[::-1])
    np.subtract(data.T, shift[:, None], out=columns)
    if mask is not None:
        columns[mask.T] = 0.0
    return columns, shift


def gap_node(node: Stochastic, structure: Structure) -> Stochastic | None:
    """The label vector whose pass draws the missing coordinates of a node, if one does."""
    found = (b.label.node for b in structure.blocks for s in b.factors if s.gaps is not None and s.factor.node is node)
    return next(found, None)


def competence(node: Stochastic, structure: Structure) -> str | None:
    """Missing coordinates of rows on labels."""
    label = gap_node(node, structure)
    return None if label is None else f"drawn with {label.name}, given the label and the other coordinates"
