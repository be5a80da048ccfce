"""Hinton diagrams: squares whose area is the value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, WIDTH, canvas, component_colour, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_UNITS = 60
MOST_SQUARES = 20_000


def hinton(
    source: Any,
    *,
    label: Any = None,
    ax: Axes | None = None,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> Figure:
    """Plot a matrix as squares whose areas are its values; of a result, the memberships of its units.

    Parameters
    ----------
    source : array_like, or VB or MCMC
        Numbers, shape (n,) or (n, m); or an object with ``memberships(label=...) -> (units, K)``.
    label : node or name, optional
        Of a result with several label vectors, which.
    ax : Axes, optional
        Where to draw; a new figure by default.
    rows, columns : sequence of str, optional
        Names beside and below the squares.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If it is no matrix of finite numbers, or has too many of them to be seen.

    Notes
    -----
    The largest value fills its place; of memberships, a probability of one does. Negative values are hollow. Of a
    result's units at most 60 are shown, evenly spaced and put in the order of their components, which are rows; an
    MCMC's labels are as sampled.

    Examples
    --------
    >>> hinton(q["w"].mean)  # doctest: +SKIP
    """
    given, names, of_result = source, ("column", "row"), hasattr(source, "memberships")
    if of_result:
        given, names = _memberships(source, label), ("units, in the order of their components", "component")
    try:
        values = np.atleast_2d(np.asarray(given, dtype=float))
    except (TypeError, ValueError) as error:
        raise ModelError(f"hinton: expected numbers or a result, got {type(source).__name__}") from error
    if values.ndim != 2 or not values.size or values.size > MOST_SQUARES or not np.isfinite(values).all():
        raise ModelError(
            f"hinton: expected a matrix of 1 to {MOST_SQUARES} finite numbers, got shape {np.shape(given)}"
            + ("" if np.isfinite(values).all() else " with NaN or infinity")
        )
    height = float(np.clip(WIDTH * 0.8 * values.shape[0] / values.shape[1], 1.0, 8.0)) + 0.6
    target = ax if ax is not None else canvas(None, height).subplots()
    largest = 1.0 if of_result else float(np.abs(values).max())
    _squares(target, values, largest or 1.0, coloured=of_result)
    _ticks(target, values.shape, rows, columns)
    target.set(xlabel=names[0], ylabel=names[1])
    if of_result and columns is None:
        target.set_xticks([])  # their order says nothing about which units they are
    if np.ndim(given) == 1 and rows is None:
        target.set(ylabel="", yticks=[])
    return root(target)


def _memberships(result: Any, label: Any) -> np.ndarray:
    """Components by units, some units, those of one component together."""
    shares = np.asarray(result.memberships(label=label))
    few = np.unique(np.linspace(0, len(shares) - 1, min(len(shares), MOST_UNITS)).round().astype(int))
    return shares[few[np.argsort(shares[few].argmax(1), kind="stable")]].T


def _squares(axes: Axes, values: np.ndarray, largest: float, coloured: bool) -> None:
    from matplotlib.patches import Rectangle

    for i, j in np.argwhere(values != 0.0):
        side = 0.94 * np.sqrt(abs(values[i, j]) / largest)
        colour = component_colour(int(i)) if coloured else PALETTE[0]
        fill = colour if values[i, j] > 0.0 else "none"
        corner = (float(j - side / 2), float(i - side / 2))
        axes.add_patch(Rectangle(corner, side, side, facecolor=fill, edgecolor=colour, linewidth=0.6))


def _ticks(axes: Axes, shape: tuple[int, int], rows: Sequence[str] | None, columns: Sequence[str] | None) -> None:
    for given, count, what in ((rows, shape[0], "rows"), (columns, shape[1], "columns")):
        if given is not None and len(given) != count:
            raise ModelError(f"hinton: {what} expected {count} names, got {len(given)}")
    axes.set(xlim=(-0.6, shape[1] - 0.4), ylim=(shape[0] - 0.4, -0.6), aspect="equal")
    for axis, given, count in ((axes.yaxis, rows, shape[0]), (axes.xaxis, columns, shape[1])):
        step = max(1, -(-count // 20))
        axis.set_ticks(range(0, count, 1 if given is not None else step))
        if given is not None:
            axis.set_ticklabels([str(name) for name in given])
    tidy(axes)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.spines[["left", "bottom"]].set_linewidth(0.5)


__all__ = ["hinton"]
