"""Groups over the columns of a table: which columns tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.report.plots.style import PALETTE, SMALL, WIDTH, component_colour, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS = 40
FEW_COLUMNS = 8  # that a small figure has room for
MARKS = "osD^vP*X"


def profile(centres: np.ndarray, columns: Sequence[str], groups: Sequence[str], axis: str) -> Figure:
    """Plot where each group lies in each column.

    Parameters
    ----------
    centres : ndarray, shape (columns, groups)
        NaN where nothing is to be drawn.
    columns, groups : sequence of str
        Their names; columns from left to right, 40 at most.
    axis : str
        What the numbers are.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = profile(np.array([[0.2, 0.8], [0.9, 0.1]]), ["first", "second"], ["A", "B"], "share of ones")
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['A', 'B']
    """
    shown = min(len(columns), MOST_COLUMNS)
    from mcmix.report.plots.figures import notebook_figure

    figure = notebook_figure(*SMALL if shown <= FEW_COLUMNS else (WIDTH, 3.6))
    axes = figure.subplots()
    few = len(groups) <= len(PALETTE) - 1
    places = np.arange(shown)
    for k, name in enumerate(groups):
        nudge = 0.08 * (k - (len(groups) - 1) / 2)
        mark = MARKS[k % len(MARKS)]
        label = name if few or k < 14 else None
        axes.plot(places + nudge, centres[:shown, k], mark, color=component_colour(k), markersize=7, label=label)
    axes.set_xticks(places, columns[:shown], **_turned(columns[:shown]))
    axes.grid(axis="x", linewidth=0.4)
    axes.set(ylabel=axis, xlim=(-0.6, shown - 0.4))
    axes.legend(title="group", frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    tidy(axes)
    return figure


def _turned(names: Sequence[str]) -> dict[str, Any]:
    """Names that would touch one another lean."""
    wide = len(names) * max(map(len, names)) > (45 if len(names) <= FEW_COLUMNS else 90)
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if wide else {}


__all__ = ["profile"]
