"""How many units each component has, draw by draw, from kept labels: the names of components do not matter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcmix.report.diagnosis.facts import LabelFacts

BLOCK_VALUES = 1 << 18  # labels counted at a time
COMPARED = 32  # components up to which comparing labels with each of them is the quicker way to count


@dataclass(frozen=True)
class Occupancy:
    """Units by component.

    Attributes
    ----------
    counts : ndarray, shape (chains, draws, K)
    thinned : bool
        Whether these are some draws only, evenly spaced.
    """

    counts: np.ndarray
    thinned: bool

    @cached_property
    def occupied(self) -> np.ndarray:
        """Components with at least one unit, shape (chains, draws)."""
        return np.asarray((self.counts > 0).sum(axis=-1))

    @cached_property
    def entropy(self) -> np.ndarray:
        """Entropy of the labels in nats, shape (chains, draws): 0 where all units are in one component."""
        # in ascending order: chains that name components differently add up the same numbers in the same order
        counts = np.sort(self.counts, axis=-1)
        shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
        return np.asarray((shares * np.log(1.0 / np.where(shares > 0, shares, 1.0))).sum(axis=-1))


def occupancy(labels: np.ndarray, facts: LabelFacts, most_draws: int | None = None) -> Occupancy:
    """Count kept labels.

    Parameters
    ----------
    labels : ndarray of int, shape (chains, draws, units)
    facts : LabelFacts
    most_draws : int, optional
        Draws of each chain that are counted; by default all.

    Examples
    --------
    >>> labels = np.array([[[0, 0, 1], [0, 0, 0]]])
    >>> found = occupancy(labels, LabelFacts(0, np.zeros(2, int)))
    >>> found.occupied.tolist(), found.entropy.round(3).tolist()
    ([[2, 1]], [[0.637, 0.0]])
    """
    chains, draws, units = labels.shape
    kept = np.unique(np.linspace(0, draws - 1, min(draws, most_draws or draws)).round().astype(int))
    counts = np.empty((chains, len(kept), facts.n_components), dtype=np.int64)
    step = max(1, BLOCK_VALUES // max(1, units))
    for chain in range(chains):
        for start in range(0, len(kept), step):
            chosen = kept[start : start + step]
            counts[chain, start : start + step] = _counted(labels[chain, chosen], facts)
    return Occupancy(counts + facts.known, len(kept) < draws)


def _counted(labels: np.ndarray, facts: LabelFacts) -> np.ndarray:
    """Units by component in each row, shape (rows, K)."""
    rows, k = len(labels), facts.n_components
    if k <= COMPARED:
        return np.stack([_sums(labels == facts.lowest + j) for j in range(k)], axis=1)
    cells = labels + (np.arange(rows)[:, None] * k - facts.lowest)
    return np.bincount(cells.ravel(), minlength=rows * k).reshape(rows, k)


def _sums(bits: np.ndarray) -> np.ndarray:
    """Ones in each row: eight bytes are added at a time, so many that none of them comes to 256."""
    whole = bits.shape[1] // 8 * 8
    words = np.ascontiguousarray(bits[:, :whole]).view(np.uint64)
    parts = [words[:, i : i + 255].sum(axis=1) for i in range(0, words.shape[1], 255)]
    found = bits[:, whole:].sum(axis=1)
    for part in parts:
        found += part[:, None].view(np.uint8).sum(axis=1, dtype=found.dtype)
    return np.asarray(found)
