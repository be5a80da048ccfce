"""The layouts that PyMC 2's users know: trace, autocorrelation and histogram of each element; a forest of intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.report.arviz_bridge import autocorrelation as correlations
from mcmix.report.arviz_measures import rhat
from mcmix.report.plots.chains import MOST_POINTS, _legend, broken
from mcmix.report.plots.histograms import SPREAD, mean_of, numbers
from mcmix.report.plots.style import INK, PALETTE, canvas, chain_colour, footnote, root, shown, tidy
from mcmix.report.statistics import hpd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

ROW_HEIGHT = 1.7  # inches
FOREST_ROW = 0.32


def overview(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    common_scale: bool = True,
    max_lag: int = 100,
    bins: int = 40,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Plot for each element its chains, their autocorrelation, and a histogram of all draws with mean and interval.

    Parameters
    ----------
    m : object with ``draws() -> Draws``
    names : str or iterable of str, optional
        Variables or elements; every variable of at most 12 elements when left out.
    common_scale : bool
        Draw the elements of a variable on one scale, where that leaves each of them readable.
    max_lag : int
    bins : int
    figure : Figure or SubFigure, optional

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a name is not among the draws, or more than 60 elements are asked for.
    """
    parts, left_out = shown(m.draws(), names)
    rows = [(part, i) for part in parts for i in range(len(part.labels))]
    figure = canvas(figure, ROW_HEIGHT * len(rows) + 0.6)
    grid = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(4, 2, 2))
    for (part, i), (left, middle, right) in zip(rows, grid, strict=True):
        limits = _common_limits(part.draws, i) if common_scale else _limits(part.draws[:, :, i])
        _lines(left, part.draws[:, :, i], limits, part.circular)
        left.set_ylabel(part.labels[i], rotation=0, ha="right", va="center")
        _stems(middle, part.draws[:, :, i], max_lag)
        _histogram(right, part.draws[:, :, i], limits, bins, part.circular)
    for axes, text in zip(grid[-1], ("draw", "lag", "value"), strict=True):
        axes.set_xlabel(text)
    grid[0, 0].set_title("chains", fontsize=9, color=INK)
    grid[0, 1].set_title("autocorrelation", fontsize=9, color=INK)
    _legend(figure, grid[0, 0])
    footnote(figure, left_out)
    return root(grid[0, 0])


def autocorrelation(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    max_lag: int = 100,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Plot the autocorrelation of each element, a line per chain; arguments as for :func:`overview`."""
    parts, left_out = shown(m.draws(), names)
    rows = [(part.labels[i], part.draws[:, :, i]) for part in parts for i in range(len(part.labels))]
    n_columns = min(len(rows), 3)
    n_rows = -(-len(rows) // n_columns)
    figure = canvas(figure, (ROW_HEIGHT + 0.3) * n_rows + 0.6)
    grid = figure.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for (label, draws), axes in zip(rows, grid.flat, strict=False):
        _stems(axes, draws, max_lag)
        axes.set_title(label, fontsize=10, color=INK)
        axes.set_xlabel("lag")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("autocorrelation")
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    footnote(figure, left_out)
    return root(grid[0, 0])


def forest(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    alpha: float = 0.05,
    quartiles: bool = True,
    with_rhat: bool = True,
    title: str | None = None,
    x_label: str = "value",
    x_range: tuple[float, float] | None = None,
    labels: Iterable[str] | None = None,
    line_at: float | None = 0.0,
    figure: Figure | SubFigure | None = None,
) -> Figure:
    """Plot the interval of each element on one scale, a line per chain with its median, and R-hat beside them.

    Parameters
    ----------
    m : object with ``draws() -> Draws``
    names : str or iterable of str, optional
    alpha : float in (0, 1)
        The interval, the shortest one, holds a share 1 - alpha of the draws.
    quartiles : bool
        Add a thicker line from the first to the third quartile.
    with_rhat : bool
        Where there are several chains.
    title, x_label, x_range, labels : optional
    line_at : float, optional
        A thin upright line, drawn where it lies among the intervals.
    figure : Figure or SubFigure, optional

    Returns
    -------
    Figure
    """
    parts, left_out = shown(m.draws(), names)
    rows = [(part.labels[i], part.draws[:, :, i].astype(float)) for part in parts for i in range(len(part.labels))]
    texts = [label for label, _ in rows] if labels is None else list(labels)
    n_chains = rows[0][1].shape[0]
    figure = canvas(figure, FOREST_ROW * len(rows) * max(1.0, 0.5 * n_chains) + 1.2)
    beside = with_rhat and n_chains > 1
    axes, *rest = figure.subplots(1, 1 + beside, squeeze=False, sharey=True, width_ratios=(5, 1) if beside else (1,))[0]
    for row, (_, draws) in enumerate(rows):
        _intervals(axes, draws, row, alpha, quartiles)
    axes.set_yticks(range(len(rows)), texts)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=x_label)
    if x_range is not None:
        axes.set_xlim(*x_range)
    low, high = axes.get_xlim()
    if line_at is not None and low < line_at < high:
        axes.axvline(line_at, color=INK, linewidth=0.6, linestyle=":", zorder=0)
    of_chains = f" of {n_chains} chains, the first on top" if n_chains > 1 else ""
    usual = f"{100 * (1 - alpha):g} % HPD intervals{of_chains}"
    axes.set_title(usual if title is None else title, fontsize=10, color=INK)
    tidy(axes)
    for other in rest:
        _rhats(other, [draws for _, draws in rows], [part.circular for part in parts for _ in part.labels])
    footnote(figure, left_out)
    return root(axes)


def _limits(draws: np.ndarray) -> tuple[float, float]:
    finite = draws[np.isfinite(draws)].astype(float)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (-0.5, 0.5)
    margin = 0.02 * (high - low) if high > low else 0.5
    return low - margin, high + margin


def _common_limits(draws: np.ndarray, element: int) -> tuple[float, float]:
    """Limits of all elements together, or the element's own where it would be a thin line on that scale."""
    together = _limits(draws)
    each = [_limits(draws[:, :, i]) for i in range(draws.shape[2])]
    readable = together[1] - together[0] <= SPREAD * max(high - low for low, high in each)
    return together if readable else each[element]


def _lines(axes: Axes, draws: np.ndarray, limits: tuple[float, float], circular: bool) -> None:
    step = -(-draws.shape[1] // MOST_POINTS)
    for i, chain in enumerate(draws):
        style: dict[str, Any] = {"color": chain_colour(i), "linewidth": 0.6, "alpha": 0.8, "label": f"{i}"}
        line = np.arange(0, len(chain), step), chain[::step]
        axes.plot(*(broken(*line) if circular else line), **style)
    axes.set_ylim(*limits)
    axes.margins(x=0.01)
    tidy(axes)


def _stems(axes: Axes, draws: np.ndarray, max_lag: int) -> None:
    found = correlations(draws, max_lag)
    alone = len(found) == 1
    for i, chain in enumerate(found):
        lags = np.arange(len(chain))
        if alone:
            axes.vlines(lags, 0.0, chain, color=chain_colour(i), linewidth=1.2)
        else:
            axes.plot(lags, chain, color=chain_colour(i), linewidth=1.0)
    axes.axhline(0.0, color=INK, linewidth=0.6)
    lowest = np.nanmin(found) if np.isfinite(found).any() else 0.0
    axes.set_ylim(min(-0.2, 1.1 * lowest), 1.05)
    tidy(axes)


def _histogram(axes: Axes, draws: np.ndarray, limits: tuple[float, float], bins: int, circular: bool) -> None:
    values = draws[np.isfinite(draws)]
    whole = values.dtype.kind != "f" and np.ptp(values) <= bins
    if whole and values.size:
        edges = np.arange(values.min() - 0.5, values.max() + 1.0)
    else:
        edges = np.histogram_bin_edges(values.astype(float), bins)
    counts, edges = np.histogram(values, edges)
    axes.stairs(counts, edges, color=PALETTE[0], alpha=0.5, fill=True)
    mean, (low, high) = mean_of(values, circular), hpd(draws, 0.05)
    axes.axvline(mean, color=INK, linewidth=1.2)
    axes.plot([low, high], [0, 0], color=INK, linewidth=4, solid_capstyle="butt", clip_on=False, zorder=3)
    axes.set_title(numbers(mean, float(low), float(high)), fontsize=9, color=INK)
    axes.set_xlim(min(limits[0], edges[0]), max(limits[1], edges[-1]))
    axes.set_ylim(bottom=0)
    tidy(axes, baseline_only=True)


def _intervals(axes: Axes, draws: np.ndarray, row: int, alpha: float, quartiles: bool) -> None:
    places = row + (np.zeros(1) if len(draws) == 1 else np.linspace(-0.25, 0.25, len(draws)))
    for i, (chain, at) in enumerate(zip(draws, places, strict=True)):
        low, high = hpd(chain[None], alpha)
        first, median, third = np.percentile(chain, [25, 50, 75])
        colour = chain_colour(i)
        axes.plot([low, high], [at, at], color=colour, linewidth=1.2)
        if quartiles:
            axes.plot([first, third], [at, at], color=colour, linewidth=4, solid_capstyle="butt")
        axes.plot(median, at, marker="o", markersize=4.5, color="white", markeredgecolor=colour, zorder=3)


def _rhats(axes: Axes, rows: list[np.ndarray], circular: list[bool]) -> None:
    values = [float(rhat(draws, of_angles)) for draws, of_angles in zip(rows, circular, strict=True)]
    axes.axvline(1.0, color=INK, linewidth=0.6, linestyle=":", zorder=0)
    axes.plot(values, range(len(rows)), marker="o", markersize=5, linestyle="none", color=INK)
    finite = [v for v in values if np.isfinite(v)]
    axes.set(xlabel="R-hat", xlim=(0.98, max([1.1, *finite]) + 0.02))
    axes.tick_params(left=False)
    tidy(axes)
