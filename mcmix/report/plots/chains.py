"""Chains against draws, with the distribution of each chain beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.report.plots.sources import draws_in
from mcmix.report.plots.style import canvas, chain_colour, fitted_name, footnote, root, shown, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_POINTS = 1000  # of one chain in a trace; a screen shows no more
ROW_HEIGHT = 1.35  # inches
NAMES = 5  # names have this part of the width


def trace(
    m: Any, names: str | Iterable[str] | None = None, *, figure: Figure | SubFigure | None = None, **line: Any
) -> Figure:
    """Plot the chains of each element, and their histograms on the same scale.

    Parameters
    ----------
    m : MCMC, arviz.InferenceData, xarray.DataTree, path, or mapping of str to array_like
        Draws: of a sampler, of an ArviZ object (what ``mc.relabel`` returns) or its file, or by name.
    names : str or iterable of str, optional
        Variables (``"mu"``) or elements (``"mu[0]"``). When left out, every variable of at most 12 elements; the
        figure says what it leaves out.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure by default.
    **line
        Restyles the lines: anything that ``Axes.plot`` takes, such as ``linewidth`` or ``alpha``.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a name is not among the draws, or more than 60 elements are asked for.

    Examples
    --------
    >>> trace(m, ["mu", "p"], linewidth=0.3)  # doctest: +SKIP
    """
    parts, left_out = shown(draws_in(m), names)
    rows = [(label, part.draws[:, :, i], part.circular) for part in parts for i, label in enumerate(part.labels)]
    figure = canvas(figure, ROW_HEIGHT * len(rows) + 0.6)
    grid = figure.subplots(len(rows), 2, sharex="col", sharey="row", squeeze=False, width_ratios=(4, 1))
    for (label, chains, circular), (left, right) in zip(rows, grid, strict=True):
        _lines(left, label, chains, line, circular)
        _histograms(right, chains)
    grid[-1, 0].set_xlabel("draw")
    grid[-1, 1].set_xlabel("share of draws")
    _legend(figure, grid[0, 0])
    footnote(figure, left_out)
    return root(grid[0, 0])


def _lines(axes: Axes, label: str, chains: np.ndarray, line: dict[str, Any], circular: bool = False) -> None:
    step = -(-chains.shape[1] // MOST_POINTS)
    positions = np.arange(0, chains.shape[1], step)
    for i, chain in enumerate(chains):
        style = {"color": chain_colour(i), "linewidth": 0.6, "alpha": 0.8, "label": f"{i}", **line}
        axes.plot(*(broken(positions, chain[::step]) if circular else (positions, chain[::step])), **style)
    name = fitted_name(label, NAMES)
    axes.set_ylabel(name["text"], fontsize=name["fontsize"], rotation=0, ha="right", va="center")
    axes.margins(x=0.01)
    tidy(axes)


def broken(positions: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A line of angles, interrupted where it leaves the picture at one end and comes back at the other.

    Examples
    --------
    >>> broken(np.arange(3), np.array([0.1, 3.0, -3.0]))[1].tolist()
    [0.1, 3.0, nan, -3.0]
    """
    jumps = np.flatnonzero(np.abs(np.diff(angles)) > np.pi) + 1
    return np.insert(positions.astype(float), jumps, np.nan), np.insert(np.asarray(angles, float), jumps, np.nan)


def _histograms(axes: Axes, chains: np.ndarray) -> None:
    values = chains[np.isfinite(chains)].astype(float)
    edges = np.histogram_bin_edges(values, bins=40)
    for i, chain in enumerate(chains):
        counts, _ = np.histogram(chain[np.isfinite(chain)], bins=edges)
        axes.stairs(counts / chains.shape[1], edges, orientation="horizontal", color=chain_colour(i), linewidth=1.1)
    axes.set_xticks([])
    tidy(axes)
    axes.tick_params(left=False, labelleft=False)


def _legend(figure: Any, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if 1 < len(handles) <= 8:
        legend = figure.legend(
            handles, labels, title="chain", loc="outside upper right", ncols=len(handles), frameon=False, fontsize=9
        )
        for handle in legend.get_lines():
            handle.set(linewidth=2.5, alpha=1)
