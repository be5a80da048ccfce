"""Ranks of each chain's draws among all draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from mcmix.errors import ModelError
from mcmix.report.plots.sources import draws_in
from mcmix.report.plots.style import DATA, INK, canvas, chain_colour, fitted_name, footnote, root, shown, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLUMNS = 3
CHAIN_HEIGHT = 0.36  # inches
ROOM = 2.2  # a chain's share of its panel, in expected heights of a bar
TIES = 20_260_730  # seed of the order among equal draws, so that a figure is the same every time


def ranks(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    bins: int = 20,
    probability: float = 0.95,
    figure: Figure | SubFigure | None = None,
    **bars: Any,
) -> Figure:
    """Plot the histogram of each chain's ranks among the draws of all chains, element by element.

    Chains that agree are flat; one that lies higher than the others leans to the right, one that is narrower bulges.

    Parameters
    ----------
    m : MCMC, arviz.InferenceData, xarray.DataTree, path, or mapping of str to array_like
        Draws; relabelled ones (from ``mc.relabel``) where components are exchangeable.
    names : str or iterable of str, optional
        Variables (``"mu"``) or elements (``"mu[0]"``). When left out, every variable of at most 12 elements; the
        figure says what it leaves out.
    bins : int
        Bars of each chain.
    probability : float in (0, 1)
        Of the grey band: a bar of independent draws lies in it so often.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure by default.
    **bars
        Restyles the bars: anything that ``Axes.bar`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a name is not among the draws, or more than 60 elements are asked for.

    Notes
    -----
    Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), "Rank-normalization, folding, and localization", section
    4.4. Equal draws stand in random order, so that whole numbers are flat too. One chain is parted into its halves. The
    band is the normal approximation to the hypergeometric distribution of a bar; correlated draws leave it more often.

    Examples
    --------
    >>> ranks(mc.relabel(m), "mu")  # doctest: +SKIP
    """
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 2:
        raise ModelError(f"ranks: bins expected a whole number of at least 2, got {bins!r}")
    if not 0.0 < probability < 1.0:
        raise ModelError(f"ranks: probability expected a number between 0 and 1, got {probability!r}")
    parts, left_out = shown(draws_in(m), names)
    elements = [(label, part.draws[:, :, i]) for part in parts for i, label in enumerate(part.labels)]
    halves = elements[0][1].shape[0] == 1
    chains = 2 if halves else elements[0][1].shape[0]
    n_columns = min(COLUMNS, len(elements))
    n_rows = -(-len(elements) // n_columns)
    made = canvas(figure, (CHAIN_HEIGHT * chains + 0.75) * n_rows + 0.5)
    grid = made.subplots(n_rows, n_columns, squeeze=False, sharex=True, sharey=True)
    for (label, draws), axes in zip(elements, grid.flat, strict=False):
        axes.set_title(**_titled(label, n_columns))
        _panel(axes, _halves(draws) if halves else draws, int(bins), probability, bars)
    for axes in grid.flat[len(elements) :]:
        axes.set_axis_off()
    _outside(grid, len(elements), "half of the chain" if halves else "chain")
    made.suptitle(f"ranks among all draws; {100 * probability:g} % band of independent draws", fontsize=9, color=INK)
    footnote(made, left_out)
    return root(grid[0, 0])


def rank_counts(draws: np.ndarray, bins: int) -> np.ndarray:
    """How many draws of each chain have ranks in each of so many equal parts of all ranks.

    Parameters
    ----------
    draws : ndarray, shape (chains, draws)
    bins : int

    Returns
    -------
    ndarray, shape (chains, bins)

    Examples
    --------
    >>> rank_counts(np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]), 2).tolist()
    [[4, 0], [0, 4]]
    """
    tied = np.random.default_rng(TIES).random(draws.size)
    order = np.lexsort((tied, draws.ravel()))
    places = np.empty(draws.size, dtype=np.int64)
    places[order] = np.arange(draws.size)
    parts = (places * bins // draws.size).reshape(draws.shape)
    return np.array([np.bincount(chain, minlength=bins) for chain in parts])


def _titled(label: str, columns: int) -> dict[str, Any]:
    fitted = fitted_name(label, columns)
    return {"label": fitted["text"], "fontsize": fitted["fontsize"], "color": INK}


def _halves(draws: np.ndarray) -> np.ndarray:
    middle = draws.shape[1] // 2
    return np.stack([draws[0, :middle], draws[0, middle : 2 * middle]]) if middle else draws


def _panel(axes: Axes, draws: np.ndarray, bins: int, probability: float, bars: dict[str, Any]) -> None:
    chains, n = draws.shape
    bins = max(1, min(bins, chains * n))
    heights = rank_counts(draws, bins) * (bins / n)  # 1 is what is expected
    spread = np.sqrt((1 - 1 / bins) * (bins / n) * (chains - 1) * n / max(chains * n - 1, 1))
    reach = float(norm.ppf(0.5 + probability / 2) * spread)
    middle = (np.arange(bins) + 0.5) / bins
    for chain, own in enumerate(heights):
        base = (chains - 1 - chain) * ROOM
        style: dict[str, Any] = {"color": chain_colour(chain), "alpha": 0.75, "width": 0.86 / bins, **bars}
        axes.axhspan(base + max(1.0 - reach, 0.0), base + 1.0 + reach, color=DATA, alpha=0.6, linewidth=0, zorder=0)
        axes.bar(middle, np.minimum(own, ROOM - 0.05), bottom=base, **style)
        axes.axhline(base + 1.0, color=INK, linewidth=0.6, linestyle=":")
        axes.axhline(base, color=INK, linewidth=0.5)
    axes.set_yticks([(chains - 1 - chain) * ROOM + 1.0 for chain in range(chains)], map(str, range(chains)))
    axes.set(xlim=(0, 1), ylim=(0, chains * ROOM))
    tidy(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False)


def _outside(grid: np.ndarray, panels: int, what: str) -> None:
    """Labels at the edge of the grid alone."""
    n_columns = grid.shape[1]
    for column in range(n_columns):
        lowest = grid[(panels - 1 - column) // n_columns, column]
        lowest.set_xlabel("rank / number of draws")
        lowest.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel(what)


__all__ = ["ranks"]
