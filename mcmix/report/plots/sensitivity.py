"""Quantities against a hyperparameter, panel by panel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, MOST_PANELS, PALETTE, canvas, root, tidy
from mcmix.report.sensitivity.refits import EVIDENCE, PROBABILITY, Refits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
PANEL_HEIGHT = 2.1  # inches
DECADES = 1.0  # over which positive values are spread before the axis is logarithmic


def refits(found: Any, quantities: Iterable[str] | str | None = None, *, figure: Figure | None = None) -> Figure:
    """Plot what refits over a grid found against the hyperparameter, a panel for each quantity.

    Parameters
    ----------
    found : Refits
        From ``mc.refit``.
    quantities : str or iterable of str, optional
        Which; all by default.
    figure : Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    Figure
        Dots are posterior means, bars 90 % intervals; of the log evidence, Monte Carlo intervals. Values that are
        spread over more than a decade stand on a logarithmic axis.

    Raises
    ------
    ModelError
        If it is no Refits, its values are no numbers, or a quantity is unknown.

    Examples
    --------
    >>> refits(mc.refit(model, [0.1, 1.0, 10.0], iter=2000, burn=500))  # doctest: +SKIP
    """
    if not isinstance(found, Refits):
        raise ModelError(f"refits: expected what mc.refit returns, got {type(found).__name__}")
    shown = _chosen(found, quantities)
    values = _values(found)
    n_columns = min(COLUMNS, len(shown))
    n_rows = -(-len(shown) // n_columns)
    canvas_ = canvas(figure, PANEL_HEIGHT * n_rows + 0.6)
    grid = canvas_.subplots(n_rows, n_columns, squeeze=False, sharex=True)
    for quantity, axes in zip(shown, grid.flat, strict=False):
        _panel(axes, found, quantity, values)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for column in range(n_columns):
        lowest = grid[(len(shown) - 1 - column) // n_columns, column]
        lowest.set_xlabel(found.name)
        lowest.tick_params(labelbottom=True)
    words = f"posterior means with {100 * PROBABILITY:g} % intervals"
    if EVIDENCE in shown:
        words += ", and the log evidence with its Monte Carlo interval"
    canvas_.suptitle(words, fontsize=9, color=INK)
    return root(grid[0, 0])


def _chosen(found: Refits, quantities: Iterable[str] | str | None) -> list[str]:
    asked = (
        [quantities] if isinstance(quantities, str) else list(found.quantities if quantities is None else quantities)
    )
    unknown = [q for q in asked if q not in found.quantities]
    if unknown or not asked:
        raise ModelError(f"refits: expected quantities among {', '.join(found.quantities)}, got {unknown or 'none'}")
    if len(asked) > MOST_PANELS:
        raise ModelError(f"refits: expected at most {MOST_PANELS} quantities, got {len(asked)}; name some")
    return asked


def _values(found: Refits) -> np.ndarray:
    try:
        return np.asarray(found.values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"refits: expected values that are numbers, got {found.values!r}") from error


def _panel(axes: Axes, found: Refits, quantity: str, values: np.ndarray) -> None:
    rows = found.table[found.table["quantity"] == quantity]
    mean, low, high = (rows[c].to_numpy(dtype=float) for c in ("mean", "low", "high"))
    known = np.isfinite(mean)
    bars = np.where(np.isfinite([low, high]), np.abs(np.array([low, high]) - mean), 0.0)
    colour = PALETTE[1] if quantity == EVIDENCE else PALETTE[0]
    order = np.argsort(values)
    axes.plot(values[order], mean[order], color=colour, linewidth=1.0, alpha=0.5)
    axes.errorbar(values[known], mean[known], yerr=bars[:, known], color=colour, fmt="o", markersize=4, capsize=3)
    if (values > 0).all() and values.max() > 10**DECADES * values.min():
        axes.set_xscale("log")
    axes.margins(x=0.08)
    axes.set_title(f"{quantity} (nats)" if quantity == EVIDENCE else quantity, fontsize=9, color=INK)
    if not known.any():
        axes.text(0.5, 0.5, "not available", transform=axes.transAxes, ha="center", color=INK, fontsize=9)
    tidy(axes)


__all__ = ["refits"]
