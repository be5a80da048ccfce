"""Prior against posterior, element by element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mcmix.distributions.circle import from_direction, mean_direction
from mcmix.errors import ModelError
from mcmix.report.elements import Elements
from mcmix.report.plots.fitted import MOST_WHOLE
from mcmix.report.plots.histograms import MOST_COLUMNS, NARROWEST, ROW_HEIGHT, mean_of, numbers
from mcmix.report.plots.prior_draws import WHAT, drawn_prior, given_prior
from mcmix.report.plots.sources import draws_in, is_sampler, named, own_names, roles_in
from mcmix.report.plots.style import (
    INK,
    PALETTE,
    canvas,
    component_colour,
    few_ticks,
    footnote,
    name_below,
    root,
    shown,
    tidy,
)
from mcmix.report.statistics import hpd
from mcmix.traces.memory import Draws

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NEAR = 4.0  # the prior is shown whole while most of it spans at most so many times what the posterior does
MOST = 0.98  # of the prior, in that
BESIDE = 0.6  # room on either side of the posterior, in its widths, where the prior is not shown whole
HIGHEST = 3.0  # of the picture, in heights of the posterior
FEWEST = 8  # prior draws in view that make an outline


class Panel(NamedTuple):
    """One element: draws of both kinds, and the limits of its axis. No prior draws where there is no way to draw.

    `alone` where the variable has no other element.
    """

    label: str
    colour: str
    posterior: np.ndarray
    prior: np.ndarray | None
    limits: tuple[float, float]
    alone: bool
    circular: bool = False


def prior_posterior(
    m: Any,
    names: str | Iterable[str] | None = None,
    *,
    method: str = "auto",
    alpha: float = 0.05,
    bins: int = 40,
    draws: int = 2000,
    seed: Any = 0,
    figure: Figure | SubFigure | None = None,
    **bars: Any,
) -> Figure:
    """Plot the posterior of each element as bars and its prior as an outline.

    Parameters
    ----------
    m : MCMC, or arviz.InferenceData or xarray.DataTree with a prior group
        A sampler draws its prior anew, and relabels its posterior where components are exchangeable.
    names : str or iterable of str, optional
        Variables or elements; when left out, every variable of at most 12 elements that has a prior.
    method : str
        Of relabelling, where `m` is a sampler; see ``mc.relabel``.
    alpha : float in (0, 1)
        The marked interval, the shortest one, holds a share 1 - alpha of the posterior draws.
    bins : int
        Bars of the posterior.
    draws : int
        From the prior of a sampler; an ArviZ object brings its own.
    seed : int or SeedSequence
        Of these draws.
    figure : Figure or SubFigure, optional
        Where to draw; a new figure by default.
    **bars
        Restyles the posterior's bars: anything that ``Axes.stairs`` takes.

    Returns
    -------
    Figure
        Both as densities on one scale, a peak of the prior cut off at three times the posterior's height. Where the
        prior is far wider than the posterior, the panel shows the surroundings of the posterior and says which share of
        the prior is in view.

    Raises
    ------
    ModelError
        If nothing has a prior that can be drawn, or a name is not among the draws.

    Notes
    -----
    The prior of a component is that under any name: relabelling in an order gives the first one another. Potentials
    are no distributions; they are left aside. Panels of what cannot be drawn from its prior show the posterior alone.

    Examples
    --------
    >>> prior_posterior(m, ["mu", "sd"])  # doctest: +SKIP
    """
    found = named(m, method, needed=False)
    called = own_names(m, found)
    kept = draws_in(found)
    angles = frozenset(called.get(n, n) for n in kept.angles)
    posterior = Draws({called.get(n, n): x for n, x in kept.variables.items()}, angles=angles)
    roles = roles_in(found)
    labels = {called.get(n, n) for n in roles}
    whose = {(called.get(n, n), i): k for r in roles.values() for table in r.tables for k, (n, i) in enumerate(table)}
    prior = drawn_prior(m, posterior, names, labels, draws, seed) if is_sampler(m) else given_prior(found)
    if not prior:
        raise ModelError(
            f"{WHAT}: expected a prior to compare with, got none: give a sampler whose distributions can "
            f"be drawn, or an ArviZ "
            "object with a prior group (to_arviz(prior=True))"
        )
    without = []
    if names is None:
        data = {n.name for n in m.model.data_nodes} if is_sampler(m) else set()
        without = [f"{n} (no prior to draw from)" for n in posterior.variables if n not in {*prior, *labels, *data}]
        some = {n: x for n, x in posterior.variables.items() if n in prior and n not in labels}
        posterior = Draws(some, angles=angles)
    parts, left_out = shown(posterior, names)
    rows = _packed([row for part in parts for row in _rows(_panels(part, prior, whose))])
    widest = max(map(len, rows))
    made = canvas(figure, (ROW_HEIGHT + 0.1) * len(rows) + 0.5)
    places = iter(made.add_gridspec(len(rows), 1))
    for row in rows:
        grid = next(places).subgridspec(1, max(len(row), min(widest, NARROWEST))).subplots(squeeze=False)[0]
        for axes, panel in zip(grid, row, strict=False):
            _draw(axes, panel, alpha, bins, bars)
            few_ticks(axes, len(grid))
            name_below(axes, panel.label, len(grid))
        for empty in grid[len(row) :]:
            empty.set_axis_off()
    _legend(made)
    footnote(made, ", ".join(filter(None, [left_out, *without])))
    return root(made.axes[0])


# -------------------------------------------------------------------- panels


def _panels(part: Elements, prior: dict[str, np.ndarray], whose: Mapping[tuple[str, int], int]) -> list[Panel]:
    """Elements in the colours of their components, as far as these are known."""
    alone = part.labels == [part.name]
    own = prior.get(part.name)
    flat = None if own is None else own.reshape(len(own), -1)
    if own is not None and flat is not None and max(part.positions) >= flat.shape[1]:
        raise ModelError(f"{WHAT}: {part.name} has shape {own.shape[1:]} in the prior group, unlike in the posterior")
    panels = []
    for i, (label, position) in enumerate(zip(part.labels, part.positions, strict=True)):
        posterior = part.draws[:, :, i]
        draws = None if flat is None else np.asarray(flat[:, position], dtype=float)
        if draws is not None and part.circular:  # about the same direction as the posterior
            centre = mean_direction(posterior)
            draws = centre + from_direction(draws, centre)
        limits = _limits(posterior[np.isfinite(posterior)], draws)
        k = whose.get((part.name, position), None if alone else position)
        colour = PALETTE[0] if k is None else component_colour(k)
        panels.append(Panel(label, colour, posterior, draws, limits, alone, part.circular))
    return panels


def _rows(panels: list[Panel]) -> list[list[Panel]]:
    count = -(-len(panels) // MOST_COLUMNS)
    length = -(-len(panels) // count)
    return [panels[i : i + length] for i in range(0, len(panels), length)]


def _packed(rows: list[list[Panel]]) -> list[list[Panel]]:
    """Rows, single panels that follow each other side by side."""
    found: list[list[Panel]] = []
    for row in rows:
        if found and len(row) == 1 and len(found[-1]) < NARROWEST and all(p.alone for p in [*found[-1], *row]):
            found[-1] = [*found[-1], *row]
        else:
            found.append(row)
    return found


def _limits(posterior: np.ndarray, prior: np.ndarray | None) -> tuple[float, float]:
    """All of both where the prior is not much wider, else the surroundings of the posterior."""
    low, high = (float(posterior.min()), float(posterior.max())) if posterior.size else (-0.5, 0.5)
    width = high - low if high > low else 1.0
    finite = np.empty(0) if prior is None else prior[np.isfinite(prior)]
    if prior is None or not finite.size:
        return low - 0.05 * width, high + 0.05 * width
    whole = np.isfinite(prior).mean() >= MOST
    outer = np.quantile(finite, [(1 - MOST) / 2, (1 + MOST) / 2])
    lowest, highest = min(low, outer[0]), max(high, outer[1])
    if whole and highest - lowest <= NEAR * width:
        margin = 0.02 * (highest - lowest)
        return float(max(lowest, finite.min()) - margin), float(min(highest, max(finite.max(), high)) + margin)
    return max(low - BESIDE * width, _edge(finite, low, min)), min(high + BESIDE * width, _edge(finite, high, max))


def _edge(finite: np.ndarray, end: float, which: Any) -> float:
    """Where the prior's own draws end: no room is shown beyond."""
    return float(which(which(finite), end))


def _draw(axes: Axes, panel: Panel, alpha: float, bins: int, bars: dict[str, Any]) -> None:
    values = panel.posterior[np.isfinite(panel.posterior)]
    edges = _edges(values, panel.limits, bins)
    heights = np.histogram(values, edges)[0] / max(values.size, 1) / np.diff(edges)
    axes.stairs(heights, edges, **{"color": panel.colour, "alpha": 0.5, "fill": True, **bars})
    seen = _outline(axes, panel, np.issubdtype(values.dtype, np.floating))
    low, high = hpd(panel.posterior[:, :, None], alpha)[:, 0]
    axes.plot([low, high], [0, 0], color=INK, linewidth=4, solid_capstyle="butt", clip_on=False, zorder=3)
    title = numbers(mean_of(values, panel.circular), low, high)
    axes.set_title(title + (f"\n{seen}" if seen else ""), fontsize=9, color=INK)
    axes.set_xlim(panel.limits)
    top = axes.get_ylim()[1]
    axes.set_ylim(0, min(top, HIGHEST * heights.max()) if heights.max() > 0 else top)
    tidy(axes, baseline_only=True)


def _edges(values: np.ndarray, limits: tuple[float, float], bins: int) -> np.ndarray:
    """Bars of the posterior, on its own range."""
    if not values.size:
        return np.linspace(*limits, bins + 1)
    low, high = float(values.min()), float(values.max())
    if not np.issubdtype(values.dtype, np.floating) and high - low <= bins:
        return np.arange(low - 0.5, high + 1.0)
    return np.linspace(low, high, bins + 1) if high > low else np.linspace(low - 0.5, high + 0.5, bins + 1)


def _outline(axes: Axes, panel: Panel, continuous: bool) -> str:
    """The prior in view as a density of all of it; what is to be said of the rest."""
    if panel.prior is None:
        return "no prior to draw from"
    low, high = panel.limits
    inside = panel.prior[(panel.prior >= low) & (panel.prior <= high)]
    share = inside.size / panel.prior.size
    if inside.size >= FEWEST:
        count = int(np.clip(1.5 * np.sqrt(inside.size), 4, 40))
        low, high = max(low, float(inside.min())), min(high, float(inside.max()))
        whole = not continuous and high - low <= MOST_WHOLE
        edges = np.arange(low - 0.5, high + 1.0) if whole else np.linspace(low, max(high, low + 1e-12), count + 1)
        heights = np.histogram(inside, edges)[0] / panel.prior.size / np.diff(edges)
        axes.stairs(heights, edges, color=INK, linewidth=1.3)
    if share >= MOST:
        return ""
    return f"prior: {100 * share:.2g} % in view" if inside.size >= FEWEST else "prior: hardly any in view"


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INK, linewidth=1.3, label="prior"),
        Patch(facecolor=PALETTE[0], alpha=0.5, label="posterior, with mean and interval"),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False, fontsize=9)


__all__ = ["prior_posterior"]
