"""Partitions of units: how often pairs share a cluster, distances to draws, and the search for the least expected loss.

Both losses have one form. With g(n) = n**2 (Binder) or n log n (variation of information), and clusters of sizes n_a in
one partition, m_b in the other, n_ab in both, the distance is sum g(n_a) + sum g(m_b) - 2 sum g(n_ab), up to a factor.
Moving one unit changes two terms of each sum, which is what the search lives on.
"""

from __future__ import annotations

from mcmix.kernels.base import kernel


@kernel
def together(labels, first, last, out):
    """Share of draws in which units first .. last - 1 share a label with each unit: labels (N, S), out (rows, N)."""
    n, s = labels.shape
    for i in range(first, last):
        one = labels[i]
        for j in range(n):
            other = labels[j]
            count = 0
            for t in range(s):
                count += 1 if one[t] == other[t] else 0
            out[i - first, j] = count / s


@kernel
def distances(estimate, labels, gain, table, out):
    """Distance of a partition to each draw, labels (S, N); gain is g at 0 .. N, table a workspace of (K, K)."""
    n = labels.shape[1]
    for s in range(labels.shape[0]):
        table[:] = 0
        for i in range(n):
            table[estimate[i], labels[s, i]] += 1
        total = 0.0
        for a in range(table.shape[0]):
            whole = 0
            for b in range(table.shape[1]):
                whole += table[a, b]
                total -= 2.0 * gain[table[a, b]]
            total += gain[whole]
        for b in range(table.shape[1]):
            whole = 0
            for a in range(table.shape[0]):
                whole += table[a, b]
            total += gain[whole]
        out[s] = total


@kernel
def place(unit, cluster, change, labels, sizes, tables):
    """Put a unit into a cluster (change = 1) or take it out (change = -1): tables (K, S, K), labels (S, N)."""
    sizes[cluster] += change
    for s in range(labels.shape[0]):
        tables[cluster, s, labels[s, unit]] += change


@kernel
def best_cluster(unit, labels, sizes, tables, gain, n_open):
    """The cluster among the first n_open that adds least to the expected loss when a unit goes there."""
    best, least = 0, 0.0
    for a in range(n_open):
        shared = 0.0
        for s in range(labels.shape[0]):
            count = tables[a, s, labels[s, unit]]
            shared += gain[count + 1] - gain[count]
        # Change of the expected loss: g(n_a + 1) - g(n_a) - 2 E(g(n_ab + 1) - g(n_ab)); terms of the draws' own
        # clusters are the same wherever the unit goes.
        added = gain[sizes[a] + 1] - gain[sizes[a]] - 2.0 * shared / labels.shape[0]
        if a == 0 or added < least - 1e-12:
            best, least = a, added
    return best


@kernel
def allocated(order, labels, gain, estimate, sizes, tables, most):
    """Put units one after another where they add least; `estimate` holds -1 for units that are nowhere yet."""
    for j in range(order.shape[0]):
        unit = order[j]
        if estimate[unit] >= 0:
            place(unit, estimate[unit], -1, labels, sizes, tables)
        n_open, empty = 0, -1
        for a in range(most):  # clusters in use, and the first that is not
            if sizes[a] > 0:
                n_open = a + 1
            elif empty < 0:
                empty = a
        if empty >= 0 and empty >= n_open:
            n_open = empty + 1
        chosen = best_cluster(unit, labels, sizes, tables, gain, n_open)
        estimate[unit] = chosen
        place(unit, chosen, 1, labels, sizes, tables)


__all__ = ["allocated", "best_cluster", "distances", "place", "together"]
