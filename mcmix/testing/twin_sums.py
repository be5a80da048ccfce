"""Counts and sums that a label update has collected, against those of the labels that it has drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcmix.steps.base import Chain
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.label_vectors import LabelVector, SeparableFactor

ROUNDING = 1e-9  # of sums, as a share of the sum of sizes


def wrong_sums(block: LabelBlock, chain: Chain, labels: np.ndarray) -> list[str]:
    """What is wrong with the numbers that the pass has collected for these labels."""
    label, wrong = block.label, []
    units = chain.view(("units", label.node))
    if not np.array_equal(units, np.bincount(labels, minlength=label.n_labels)):
        wrong.append(f"{label.node.name}: counts {units} are not those of the labels")
    for s in block.factors:
        if s.cells is not None:
            wrong += [f"{s.factor.node.name}: {what} are wrong" for what in _wrong_cells(s, chain, labels, label)]
    return wrong


def _wrong_cells(s: SeparableFactor, chain: Chain, labels: np.ndarray, label: LabelVector) -> Iterator[str]:
    cells = s.cells
    assert cells is not None
    cell = _cells(s, chain, labels, label)
    hot = cell == np.arange(cells.size)[:, None]
    if not np.array_equal(chain.view(("count", s.factor)), hot.sum(1)):
        yield "counts per cell"
    for j, column in enumerate(cells.columns):
        about = np.reshape(np.asarray(column.known) - np.asarray(cells.sums.shifts[j].known), (len(cell), -1))
        if not _same(chain.view(("sum", s.factor, j)), hot @ about, hot @ np.abs(about)):
            yield f"sums of column {j}"
        if cells.squares[j]:
            products = np.einsum("cn,ni,nj->cij", hot, about, about)
            sizes = np.einsum("cn,ni,nj->cij", hot, np.abs(about), np.abs(about))
            if not _same(chain.view(("square", s.factor, j)), products, sizes):
                yield f"products of column {j}"


def _cells(s: SeparableFactor, chain: Chain, labels: np.ndarray, label: LabelVector) -> np.ndarray:
    """Each row's cell: by its labels and known groups."""
    cells = s.cells
    assert cells is not None
    rows = np.arange(len(labels)) if s.units is None else s.units
    found = np.zeros(len(rows), dtype=int) if cells.groups is None else cells.groups.copy()
    for other, stride in cells.strides.items():
        numbers = labels if other is label else chain.view(other.node).astype(int) - other.lowest
        found = found + stride * numbers[rows]
    return np.asarray(found)


def _same(found: np.ndarray, exact: np.ndarray, sizes: np.ndarray) -> bool:
    return bool(np.all(np.abs(found - exact.ravel()) <= ROUNDING * (1e-300 + sizes.ravel())))


__all__ = ["wrong_sums"]
