"""Numbers added up in bins: moments of each bin's own distribution, in one pass over numbers that nobody keeps."""

from __future__ import annotations

import math

import numpy as np

from mcmix.kernels.base import kernel

MOMENTS = 12  # of a bin: what six nodes need

# Monic Legendre polynomials: p[l + 1] = t p[l] - STEPS[l] p[l - 1].
STEPS = np.array([l * l / (4.0 * l * l - 1.0) for l in range(MOMENTS)])  # noqa: E741  as the books name it


@kernel
def add_to_bins(x, low, width, steps, table, outside):
    """Add to each bin's moments, table (bins, MOMENTS), by monic Legendre polynomials over the bin.

    Returns how many numbers lie in no bin; their positions are put into `outside`. Numbers are finite.
    """
    n_bins, missed = table.shape[0], 0
    for i in range(x.size):
        place = (x[i] - low) / width
        if not (0.0 <= place < n_bins):
            outside[missed] = i
            missed += 1
            continue
        b = int(math.floor(place))
        t = 2.0 * (place - b) - 1.0
        before, now = 0.0, 1.0
        for j in range(table.shape[1]):
            table[b, j] += now
            before, now = now, t * now - steps[j] * before
    return missed


__all__ = ["MOMENTS", "STEPS", "add_to_bins"]
