"""Tables of how labels of draws meet other labels, and sums of data by label: one pass over the labels of each draw."""

from __future__ import annotations

from mcmix.kernels.base import kernel


@kernel
def cross_tables(labels, pivot, out):
    """Count units by (label in the draw, label in the pivot): labels (draws, units), out (draws, K, K), zeroed."""
    for s in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            out[s, labels[s, i], pivot[i]] += 1.0


@kernel
def shared_tables(labels, weights, out):
    """Add each unit's row of `weights`, shape (units, K), to its label in the draw: out (draws, K, K), zeroed."""
    for s in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            k = labels[s, i]
            for j in range(weights.shape[1]):
                out[s, k, j] += weights[i, j]


@kernel
def sums_by_label(labels, data, count, total, square):
    """Counts, sums and sums of squares of rows by label: data (units, D), out (draws, K), (draws, K, D) twice."""
    for s in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            k = labels[s, i]
            count[s, k] += 1.0
            for d in range(data.shape[1]):
                total[s, k, d] += data[i, d]
                square[s, k, d] += data[i, d] * data[i, d]


@kernel
def add_relabelled(labels, names, out):
    """Count each unit's label under new names: names (draws, K) from old to new, out (units, K)."""
    for s in range(labels.shape[0]):
        for i in range(labels.shape[1]):
            out[i, names[s, labels[s, i]]] += 1.0


__all__ = ["add_relabelled", "cross_tables", "shared_tables", "sums_by_label"]
