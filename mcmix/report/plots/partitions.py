"""Figures of partitions: how often rows share a component, and how many components are occupied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 40  # rows whose names can be read beside the matrix


def _numbers(matrix: Any) -> np.ndarray:
    try:
        return np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        came = f"got {type(matrix).__name__}; mc.similarity(m) makes one of a run"
        raise ModelError(f"similarity: expected a square matrix, {came}") from None


def similarity(
    matrix: Any, partition: Any = None, *, names: Any = None, ax: Axes | None = None, **image: Any
) -> Figure:
    """Plot how often each two rows share a component, rows in the order of a partition.

    Parameters
    ----------
    matrix : array_like, shape (N, N)
        From ``mc.similarity``.
    partition : Partition or array_like of int, shape (N,), optional
        Rows of a cluster stand together, clusters are framed; inside a cluster those that are surest come first.
    names : sequence of str, optional
        Of the rows; shown for at most 40.
    ax : Axes, optional
        Where to draw; a new figure by default.
    **image
        Restyles the image: anything that ``Axes.imshow`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If the matrix is not square, or the partition is of other rows.

    Examples
    --------
    >>> similarity(mc.similarity(m), mc.partition(m))  # doctest: +SKIP
    """
    values = _numbers(matrix)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ModelError(f"similarity: expected a square matrix, got shape {values.shape}")
    labels = np.asarray(getattr(partition, "labels", np.zeros(len(values), int) if partition is None else partition))
    if labels.shape != (len(values),):
        raise ModelError(f"similarity: expected a partition of {len(values)} rows, got shape {labels.shape}")
    own = np.array([values[i, labels == labels[i]].mean() for i in range(len(values))])
    order = np.lexsort((-own, labels))
    target = ax if ax is not None else canvas(None, 6.0).subplots()
    style: dict[str, Any] = {"cmap": "cividis", "vmin": 0.0, "vmax": 1.0, "interpolation": "nearest", **image}
    shown = target.imshow(values[np.ix_(order, order)], **style)
    if partition is not None:
        _frames(target, np.bincount(labels))
    bar = root(target).colorbar(shown, ax=target, shrink=0.8, label="share of draws in one component")
    bar.outline.set_visible(False)
    _names(target, order, names)
    return root(target)


def _frames(target: Axes, sizes: np.ndarray) -> None:
    """A square around each cluster."""
    start = -0.5
    for size in sizes[sizes > 0]:
        end = start + size
        target.plot([start, end, end, start, start], [start, start, end, end, start], color=PALETTE[1], linewidth=1.5)
        start = end


def _names(target: Axes, order: np.ndarray, names: Any) -> None:
    target.set(xlabel="rows, by cluster", ylabel="rows, by cluster")
    if names is None or len(order) > MOST_NAMED:
        target.set_xticks([])
        target.set_yticks([])
        return
    listed = [str(names[i]) for i in order]
    target.set_xticks(np.arange(len(order)), listed, rotation=90, fontsize=8)
    target.set_yticks(np.arange(len(order)), listed, fontsize=8)


def occupied(probabilities: Any, *, ax: Axes | None = None, **bars: Any) -> Figure:
    """Plot the posterior of the number of occupied components.

    Parameters
    ----------
    probabilities : array_like, shape (k + 1,)
        From ``mc.occupied``.
    ax : Axes, optional
    **bars
        Restyles the bars: anything that ``Axes.bar`` takes.

    Returns
    -------
    Figure

    Examples
    --------
    >>> occupied(mc.occupied(m))  # doctest: +SKIP
    """
    values = np.asarray(probabilities, dtype=float)
    if values.ndim != 1 or not values.size or not np.isclose(values.sum(), 1.0):
        raise ModelError(f"occupied: expected probabilities of 0, 1, .. components, got shape {values.shape}")
    target = ax if ax is not None else canvas(None, 3.2).subplots()
    seen = np.flatnonzero(values > 0)
    numbers = np.arange(max(seen[0] - 1, 0), seen[-1] + 2)
    padded = np.pad(values, (0, max(0, numbers[-1] + 1 - values.size)))
    target.bar(numbers, padded[numbers], **{"color": PALETTE[0], "width": 0.8, **bars})
    for k in seen:
        target.annotate(f"{values[k]:.2f}", (k, values[k]), ha="center", va="bottom", fontsize=9, color=INK)
    target.set_xticks(numbers)
    target.set(xlabel="occupied components", ylabel="posterior probability")
    tidy(target)
    return root(target)


__all__ = ["occupied", "similarity"]
