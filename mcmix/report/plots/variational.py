"""The bound of a variational fit, iteration by iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EARLY = 3  # iterations whose bounds may fall below the picture: the first steps are far larger than the rest


def bound(q: Any, *, ax: Axes | None = None, **line: Any) -> Figure:
    """Plot the bound at each iteration, with marks where other starts ended.

    Parameters
    ----------
    q : VB
        An object with ``bound``, shape (iterations,), and ``restart_bounds``, shape (starts,), both in nats.
    ax : Axes, optional
        Where to draw; a new figure by default.
    **line
        Restyles the line: anything that ``Axes.plot`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If there were no iterations yet.

    Notes
    -----
    The first three iterations may fall below the picture, which would otherwise show nothing but them.

    Examples
    --------
    >>> bound(q)  # doctest: +SKIP
    """
    values, ends = np.asarray(q.bound, dtype=float), np.asarray(q.restart_bounds, dtype=float)
    if not values.size:
        raise ModelError("bound: there are no iterations yet; call update() first")
    target = ax if ax is not None else canvas(None, 3.6).subplots()
    style: dict[str, Any] = {"color": PALETTE[0], "linewidth": 1.8, "label": f"kept start: {values[-1]:.2f}", **line}
    target.plot(np.arange(1, values.size + 1), values, **style)
    if ends.size:
        right = np.full(ends.size, values.size)
        marks: dict[str, Any] = {
            "marker": "_",
            "s": 160,
            "color": PALETTE[1],
            "linewidth": 1.5,
            "zorder": 3,
            "clip_on": False,
        }
        target.scatter(right, ends, label=f"where {ends.size} starts ended", **marks)
    shown = np.concatenate([values[min(EARLY, values.size - 1) :], ends])
    room = 0.06 * (shown.max() - shown.min()) or 1.0
    target.set_ylim(shown.min() - room, shown.max() + room)
    target.margins(x=0.02)
    target.set(xlabel="iteration", ylabel="lower bound (nats)")
    target.legend(frameon=False, fontsize=9, loc="lower right", bbox_to_anchor=(0.97, 0.02))
    tidy(target)
    return root(target)


__all__ = ["bound"]
