"""How many units each component holds, draw by draw: as it was recorded, else counted from labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.structure.unknown_number import units_of
from mcmix.traces.memory import Draws


def cluster_sizes(draws: Draws, label: str, capacity: int, lowest: int = 0) -> np.ndarray | None:
    """Units by component at each draw; None where neither these numbers nor the labels were kept.

    Parameters
    ----------
    draws : Draws
    label : str
        Name of the label vector.
    capacity : int
        Components that its table has room for.
    lowest : int
        Its first label.

    Returns
    -------
    ndarray, shape (chains, draws, capacity), or None

    Examples
    --------
    >>> labels = np.array([[[0, 0, 2], [1, 1, 1]]])
    >>> cluster_sizes(Draws({"z": labels}), "z", 3).tolist()
    [[[2, 0, 1], [0, 3, 0]]]
    """
    recorded: Any = draws.statistics.get(units_of(label))
    if recorded is not None:
        return np.asarray(recorded)
    if label not in draws.variables:
        return None
    labels = np.asarray(draws.variables[label])
    return counted(labels, capacity, lowest)


def counted(labels: np.ndarray, capacity: int, lowest: int = 0) -> np.ndarray:
    """Units by component, shape (..., capacity), of labels, shape (..., units)."""
    flat = labels.reshape(-1, labels.shape[-1]).astype(np.int64) - lowest
    places = flat + capacity * np.arange(len(flat))[:, None]
    return np.bincount(places.ravel(), minlength=capacity * len(flat)).reshape(*labels.shape[:-1], capacity)


__all__ = ["cluster_sizes", "counted"]
