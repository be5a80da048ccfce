"""Histogram facets: one row per variable, one column per element."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmix.distributions.circle import mean_direction
from mcmix.report.elements import Elements
from mcmix.report.plots.sources import draws_in
from mcmix.report.plots.style import INK, PALETTE, canvas, component_colour, footnote, name_below, root, shown, tidy
from mcmix.report.statistics import hpd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_COLUMNS = 6
NARROWEST = 3  # a panel is at least a third of the figure wide unless its variable fills the row
ROW_HEIGHT = 2.2  # inches
SPREAD = 1.5  # elements share their scale while together they span at most so many times the widest of them


class Panel(NamedTuple):
    """One element, ready to be drawn: `limits` are its own, (low, high) with a margin, `mean` may be circular."""

    label: str
    values: np.ndarray
    interval: np.ndarray
    limits: tuple[float, float]
    colour: str
    mean: float


def facets(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    alpha: float = 0.05,
    bins: int = 40,
    figure: Figure | SubFigure | None = None,
    **bars: Any,
) -> Figure:
    """Plot the posterior of each element as a histogram, all chains together, with its mean and interval.

    Parameters
    ----------
    m : MCMC, arviz.InferenceData, xarray.DataTree, path, or mapping of str to array_like
        Draws: of a sampler, of an ArviZ object (what ``mc.relabel`` returns) or its file, or by name.
    names : str or iterable of str, optional
        Variables or elements; every variable of at most 12 elements when left out.
    alpha : float in (0, 1)
        The marked interval, the shortest one, holds a share 1 - alpha of the draws.
    bins : int
        Bars in each panel.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure by default.
    **bars
        Restyles the bars: anything that ``Axes.stairs`` takes, such as ``color`` or ``alpha``.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a name is not among the draws, or more than 60 elements are asked for.

    Notes
    -----
    The elements of a variable share their scale while that leaves each of them readable: two centres far apart do
    not. Variables of more than six elements go on in a further row. Above each panel stand mean and interval. Angles
    are shown about their circular mean, across the seam where they lie there.

    Examples
    --------
    >>> facets(m, ["mu", "sd"])  # doctest: +SKIP
    """
    parts, left_out = shown(draws_in(m), names)
    variables = [_rows(_panels(part, alpha)) for part in parts]
    widest = max(len(rows[0]) for rows in variables)
    total = sum(map(len, variables))
    figure = canvas(figure, ROW_HEIGHT * total + 0.3)
    places = iter(figure.add_gridspec(total, 1))
    for rows in variables:
        columns = max(len(rows[0]), min(widest, NARROWEST))
        for row in rows:
            _draw_row(row, next(places).subgridspec(1, columns).subplots(squeeze=False)[0], bins, bars)
    footnote(figure, left_out)
    return root(figure.axes[0])


def _panels(part: Elements, alpha: float) -> list[Panel]:
    intervals = hpd(part.draws, alpha)
    alone = part.labels == [part.name]
    colours = [PALETTE[0] if alone else component_colour(position) for position in part.positions]
    values = [part.draws[:, :, i][np.isfinite(part.draws[:, :, i])] for i in range(len(part.labels))]
    limits = [_limits(one) for one in values]
    means = [mean_of(one, part.circular) for one in values]
    return [Panel(*fields) for fields in zip(part.labels, values, intervals.T, limits, colours, means, strict=True)]


def mean_of(values: np.ndarray, circular: bool = False) -> float:
    """Mean of draws, of angles the circular one; NaN of none."""
    if not values.size:
        return float("nan")
    return float(mean_direction(values) if circular else values.mean())


def _rows(panels: list[Panel]) -> list[list[Panel]]:
    count = -(-len(panels) // MOST_COLUMNS)
    length = -(-len(panels) // count)  # eight are four and four, not six and two
    return [panels[i : i + length] for i in range(0, len(panels), length)]


def _draw_row(row: list[Panel], line: Any, bins: int, bars: dict[str, Any]) -> None:
    low, high = min(panel.limits[0] for panel in row), max(panel.limits[1] for panel in row)
    together = high - low <= SPREAD * max(panel.limits[1] - panel.limits[0] for panel in row)
    for axes, panel in zip(line, row, strict=False):
        _draw(axes, panel, bins, bars)
        name_below(axes, panel.label, len(line))
        axes.set_xlim(*((low, high) if together else panel.limits))
    for empty in line[len(row) :]:
        empty.set_axis_off()


def _draw(axes: Axes, panel: Panel, bins: int, bars: dict[str, Any]) -> None:
    counts, edges = np.histogram(panel.values, bins=_edges(panel, bins))
    axes.stairs(counts, edges, **{"color": panel.colour, "alpha": 0.5, "fill": True, **bars})
    axes.axvline(panel.mean, color=INK, linewidth=1.2)
    axes.plot(panel.interval, [0, 0], color=INK, linewidth=4, solid_capstyle="butt", clip_on=False, zorder=3)
    axes.set_title(numbers(panel.mean, *panel.interval), fontsize=9, color=INK)
    axes.set_ylim(bottom=0)
    tidy(axes, baseline_only=True)


def numbers(mean: float, low: float, high: float) -> str:
    """Mean and interval with as many decimals as the interval's width supports.

    Examples
    --------
    >>> numbers(0.71812, 0.6796, 0.7576)
    '0.718 [0.680, 0.758]'
    """
    width = high - low
    decimals = 1 - int(np.floor(np.log10(width / 2))) if np.isfinite(width) and width > 0 else -1
    plain = 0 <= decimals <= 5 and max(abs(low), abs(high)) < 1e6
    form = f"z.{decimals}f" if plain else ".3g"  # z: no minus before a zero
    return f"{mean:{form}} [{low:{form}}, {high:{form}}]"


def _edges(panel: Panel, bins: int) -> np.ndarray:
    low, high = panel.limits
    if np.issubdtype(panel.values.dtype, np.floating) or high - low > bins:
        return np.linspace(low, high, bins + 1)
    return np.arange(low, high + 1)  # whole numbers: one bar each


def _limits(finite: np.ndarray) -> tuple[float, float]:
    if not finite.size:
        return -0.5, 0.5
    low, high = float(finite.min()), float(finite.max())
    whole = not np.issubdtype(finite.dtype, np.floating)
    margin = 0.5 if whole or low == high else 0.02 * (high - low)
    return low - margin, high + margin
