"""Parameters by component, before and after relabelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.labels.by_component import ByComponent, by_component
from mcmix.report.plots.histograms import MOST_COLUMNS, NARROWEST, ROW_HEIGHT, mean_of, numbers
from mcmix.report.plots.sources import named, own_names
from mcmix.report.plots.style import (
    INK,
    MOST_PANELS,
    PALETTE,
    canvas,
    component_colour,
    few_ticks,
    footnote,
    name_below,
    root,
    tidy,
)
from mcmix.report.statistics import hpd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SAMPLED = "#8A9097"  # outline of draws under the names that they were sampled with
STRIP = 0.8  # inches
TAIL = 0.001  # of the draws, left out on either side where limits are chosen
WIDEST = 6.0  # a row has one scale while this is at most so many times as wide as each of its components


def components(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    label: str | None = None,
    method: str = "auto",
    alpha: float = 0.05,
    bins: int = 40,
    figure: Figure | SubFigure | None = None,
    **bars: Any,
) -> Figure:
    """Plot the posterior of every parameter component by component, as sampled and relabelled.

    Parameters
    ----------
    m : MCMC, or arviz.InferenceData or xarray.DataTree from ``mc.relabel``
        A sampler relabels its own draws.
    names : str or iterable of str, optional
        Variables; when left out, as many of those that belong to components as fit into 60 panels.
    label : str, optional
        Which label vector's components, where there are several.
    method : str
        Of relabelling, where `m` is a sampler; see ``mc.relabel``.
    alpha : float in (0, 1)
        The marked interval, the shortest one, holds a share 1 - alpha of the relabelled draws.
    bins : int
        Bars over what a component covers.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure by default.
    **bars
        Restyles the bars of the relabelled draws: anything that ``Axes.stairs`` takes.

    Returns
    -------
    Figure
        A row for each parameter (two or more beyond six components) and a panel for each component: filled the draws
        under their new names, outlined those as sampled, all chains together; above, mean and interval of the former.

    Raises
    ------
    ModelError
        If no components are exchangeable, draws were not relabelled, or a name is no parameter of components.

    Notes
    -----
    A row has one scale while components are readable on it. Else each panel has its own, and a strip above it shows
    all draws as sampled on the common scale, with a mark in the component's colour where its panel lies.

    Examples
    --------
    >>> components(m, ["mu", "sd"])  # doctest: +SKIP
    """
    found = named(m, method, needed=True)
    rows, left_out = _chosen(by_component(found, label, own_names(m, found)), names)
    lines = [line for row in rows for line in _lines(row)]
    heights = [ROW_HEIGHT if line.together else ROW_HEIGHT + STRIP for line in lines]
    widest = max(line.columns for line in lines)
    made = canvas(figure, sum(heights) + 0.6)
    places = iter(made.add_gridspec(len(lines), 1, height_ratios=heights))
    for line in lines:
        _draw_line(line, next(places), max(line.columns, min(widest, NARROWEST)), alpha, bins, bars)
    _legend(made, str(arviz_bridge.attributes_of(found).get("relabelling", "")))
    footnote(made, left_out)
    return root(made.axes[0])


def _chosen(rows: Sequence[ByComponent], names: str | Iterable[str] | None) -> tuple[list[ByComponent], str]:
    """What to draw, and what was left out for its size; of equal numbers (symmetric matrices) the first."""
    rows = [row for i, row in enumerate(rows) if not any(_same(row, other) for other in rows[:i])]
    if names is None:
        return _fitting(rows)
    asked = [names] if isinstance(names, str) else list(names)
    known = list(dict.fromkeys(v for row in rows for v in row.variables))
    unknown = [n for n in asked if n not in known]
    if unknown or not asked:
        came = ", ".join(map(repr, unknown)) or "none"
        raise ModelError(
            f"components: names expected some of {', '.join(known)}, got {came}; facets draws any variable"
        )
    found = list(dict.fromkeys(i for n in asked for i, row in enumerate(rows) if n in row.variables))
    panels = sum(len(rows[i].labels) for i in found)
    if panels > MOST_PANELS:
        raise ModelError(f"components: expected at most {MOST_PANELS} panels, got {panels}; name fewer variables")
    return [rows[i] for i in found], ""


def _same(row: ByComponent, other: ByComponent) -> bool:
    return row.variables == other.variables and np.array_equal(row.after, other.after, equal_nan=True)


def _fitting(rows: Sequence[ByComponent]) -> tuple[list[ByComponent], str]:
    """Variables in their order while there is room, all numbers of a variable or none."""
    kept: list[ByComponent] = []
    left_out = []
    for first in dict.fromkeys(row.variables[0] for row in rows):
        own = [row for row in rows if row.variables[0] == first]
        panels = sum(len(row.labels) for row in own)
        if sum(len(row.labels) for row in kept) + panels <= MOST_PANELS:
            kept += own
        else:
            left_out.append(f"{first} ({panels} panels)")
    if not kept:
        raise ModelError(f"components: expected at most {MOST_PANELS} panels, got {', '.join(left_out)}; see facets")
    return kept, ", ".join(left_out)


class Line(NamedTuple):
    """Panels side by side: some components of one number, `columns` of them in a full line.

    `own` are limits by component, `whole` those of all draws; `together` says whether the latter serve all panels.
    """

    row: ByComponent
    shown: list[int]
    columns: int
    own: list[tuple[float, float]]
    whole: tuple[float, float]
    together: bool


def _lines(row: ByComponent) -> list[Line]:
    """A row's components, at most six side by side: eight are four and four."""
    k = len(row.labels)
    length = -(-k // -(-k // MOST_COLUMNS))
    own = [_ends(row.after[:, :, j]) for j in range(k)]
    every = [*own, *(_ends(row.before[:, :, j]) for j in range(k))]
    whole = min(low for low, _ in every), max(high for _, high in every)
    together = whole[1] - whole[0] <= WIDEST * min(high - low for low, high in own)
    return [Line(row, list(range(i, min(i + length, k))), length, own, whole, together) for i in range(0, k, length)]


def _draw_line(line: Line, place: Any, columns: int, alpha: float, bins: int, bars: dict[str, Any]) -> None:
    """Panels of one line; above them, where each has a scale of its own, the draws as sampled on the common one."""
    if line.together:
        grid = place.subgridspec(1, columns).subplots(squeeze=False)
    else:
        grid = place.subgridspec(2, columns, height_ratios=(STRIP, ROW_HEIGHT)).subplots(squeeze=False)
    for column, k in enumerate(line.shown):
        _panel(grid[-1, column], line, k, alpha, bins, bars)
        few_ticks(grid[-1, column], columns)
        name_below(grid[-1, column], line.row.labels[k], columns)
        if not line.together:
            _strip(grid[0, column], line, k, bins)
            few_ticks(grid[0, column], columns)
    for empty in grid[:, len(line.shown) :].flat:
        empty.set_axis_off()


def _strip(axes: Axes, line: Line, k: int, bins: int) -> None:
    """Draws as sampled over all that components cover, with a mark where the relabelled ones lie."""
    edges = np.linspace(*line.whole, 2 * bins + 1)
    before = line.row.before[:, :, k]
    axes.stairs(np.histogram(before[np.isfinite(before)], edges)[0], edges, color=SAMPLED, fill=True, alpha=0.7)
    (low, high), least = line.own[k], 0.015 * (line.whole[1] - line.whole[0])
    middle, reach = (low + high) / 2, max((high - low) / 2, least)
    axes.plot(
        [middle - reach, middle + reach], [1.08, 1.08], transform=axes.get_xaxis_transform(), clip_on=False,
        color=_colour(line.row, k), linewidth=5, solid_capstyle="butt",
    )  # fmt: skip
    axes.set_xlim(line.whole)
    axes.set_ylim(bottom=0)
    tidy(axes, baseline_only=True)
    axes.tick_params(labelsize=7)


def _ends(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -0.5, 0.5
    if not np.issubdtype(finite.dtype, np.floating):
        return float(finite.min()) - 0.5, float(finite.max()) + 0.5
    low, high = np.quantile(finite, [TAIL, 1.0 - TAIL])
    margin = 0.06 * (high - low) if high > low else 0.5
    return float(low - margin), float(high + margin)


def _panel(axes: Axes, line: Line, k: int, alpha: float, bins: int, bars: dict[str, Any]) -> None:
    row, limits = line.row, line.whole if line.together else line.own[k]
    before, after = (x[:, :, k][np.isfinite(x[:, :, k])] for x in (row.before, row.after))
    edges = _edges(line.own[k], limits, bins, after)
    filled: dict[str, Any] = {"color": _colour(row, k), "alpha": 0.55, "fill": True, **bars}
    axes.stairs(np.histogram(after, edges)[0], edges, **filled)
    axes.stairs(np.histogram(before, edges)[0], edges, color=SAMPLED, linewidth=1.1)
    mean, (low, high) = _mean(after, row), hpd(row.after[:, :, [k]], alpha)[:, 0]
    axes.axvline(mean, color=INK, linewidth=1.2)
    axes.plot([low, high], [0, 0], color=INK, linewidth=4, solid_capstyle="butt", clip_on=False, zorder=3)
    axes.set_title(numbers(mean, low, high), fontsize=9, color=INK)
    axes.set_xlim(limits)
    axes.set_ylim(bottom=0)
    tidy(axes, baseline_only=True)


def _mean(values: np.ndarray, row: ByComponent) -> float:
    """Mean; of angles the circular one, where the row shows it."""
    mean = mean_of(values, row.circular)
    turns = np.round((np.mean(values) - mean) / (2.0 * np.pi)) if row.circular and values.size else 0.0
    return float(mean + 2.0 * np.pi * turns)


def _colour(row: ByComponent, k: int) -> str:
    return PALETTE[0] if len(row.labels) == 1 else component_colour(k)


def _edges(own: tuple[float, float], limits: tuple[float, float], bins: int, values: np.ndarray) -> np.ndarray:
    """As many bars over a component's own range as was asked for, and on in both directions up to the limits."""
    if not np.issubdtype(values.dtype, np.floating) and limits[1] - limits[0] <= 4 * bins:
        return np.arange(limits[0], limits[1] + 1.0)
    step = (own[1] - own[0]) / bins
    count = int(np.clip(np.ceil((limits[1] - limits[0]) / step), bins, 8 * bins))
    return np.linspace(*limits, count + 1)


def _legend(figure: Any, method: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    said = f"relabelled ({method})" if method else "relabelled"
    handles = [
        Line2D([], [], color=SAMPLED, label="as sampled"),
        Patch(facecolor=component_colour(0), alpha=0.55, label=f"{said}, with mean and interval"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)


__all__ = ["components"]
