"""The fitted density over the data it was fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.sources import data_title
from mcmix.report.plots.style import DATA, PALETTE, canvas, component_colour, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 400  # of the grid; the band is a few hundred draws on it
MOST_WHOLE = 60  # different whole numbers that still get a bar each


def density(
    m: Any,
    name: str | None = None,
    *,
    axes: Axes | None = None,
    grid: np.ndarray | None = None,
    bins: np.ndarray | int | None = None,
    n_draws: int = 200,
    probability: float = 0.95,
    components: bool = False,
    **line: Any,
) -> Figure:
    """Plot the data as a histogram, and over it the posterior mean of the predictive density with a band.

    Values with masses of their own (:class:`mcmix.HurdleGamma`) are told in the legend; bars and curve are of the rest,
    of which the area is its share of all rows.

    Parameters
    ----------
    m : object
        With ``observed_data() -> dict`` of name to one-dimensional array, ``predictive_density(name, grid,
        n_draws=...) -> (n_draws, n_grid)`` and ``is_discrete(name) -> bool``; for `components` also
        ``component_densities(name, grid, n_draws=...) -> (n_draws, n_components, n_grid)``, each times its weight.
    name : str, optional
        The observed node; may be left out where there is one.
    axes : Axes, optional
        Where to draw; a new figure by default.
    grid : ndarray, shape (n_grid,), optional
        Where to evaluate the density, in units of the data; whole numbers for discrete data.
    bins : int or ndarray of edges, optional
        Of the histogram.
    n_draws : int
        Posterior draws behind mean and band.
    probability : float in (0, 1)
        Of the band, at each point by itself.
    components : bool
        Add each component's share as a dashed line. It is a mean over draws, so it means something only
        while the labels keep their sense from draw to draw.
    **line
        Restyles the line of the mean: anything that ``Axes.plot`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If the name is not an observed one-dimensional node, or is left out where several are.

    Examples
    --------
    >>> density(m, "y", components=True)  # doctest: +SKIP
    """
    name, data = _observed(m, name)
    whole = bool(m.is_discrete(name))
    masses = m.point_masses(name) if hasattr(m, "point_masses") else ()
    rows, data = data, _between(name, data, masses)
    points = np.asarray(grid) if grid is not None else _whole_grid(data) if whole else _grid(data)
    points = points[~np.isin(points, masses)]
    target = axes if axes is not None else canvas(None, 4.2).subplots()
    _histogram(target, data, _edges(data, whole) if bins is None else bins, whole and bins is None, len(rows))
    _band(target, points, m.predictive_density(name, points, n_draws=n_draws), probability, whole, line)
    for mass in masses:
        _point(target, rows, mass, m.predictive_density(name, np.array([mass]), n_draws=n_draws), probability)
    if components:
        _components(target, points, m.component_densities(name, points, n_draws=n_draws))
    target.set(xlabel=data_title(m, name), ylabel="probability" if whole else "density")
    target.set_ylim(bottom=0)
    _legend(target)
    tidy(target)
    return root(target)


def _observed(m: Any, name: str | None) -> tuple[str, np.ndarray]:
    if (rows := getattr(m, "rows", None)) is not None:  # what only looks like a sampler has none
        rows.refuse_weighted("a picture of the data")
    observed = m.observed_data()
    if name is None and len(observed) != 1:
        raise ModelError(f"say which observed node to draw: expected one of {', '.join(observed) or 'nothing'}")
    name = next(iter(observed)) if name is None else name
    if name not in observed:
        raise ModelError(f"no observed node {name!r}: expected one of {', '.join(observed)}")
    data = np.asarray(observed[name])
    if data.ndim != 1 or not data.size:
        raise ModelError(f"{name}: expected data of shape (rows,) to draw a density over, got {data.shape}")
    known = data[np.isfinite(np.asarray(data, dtype=float))]  # missing entries are nowhere
    if not known.size:
        raise ModelError(f"{name}: expected data to draw a density over, got missing entries only")
    return name, known


def _between(name: str, data: np.ndarray, masses: tuple[float, ...]) -> np.ndarray:
    """Data without those at point masses."""
    found = data[~np.isin(data, masses)]
    if not found.size:
        raise ModelError(f"{name}: expected some data beside the point masses to draw a density over, got none")
    return found


def _point(axes: Axes, rows: np.ndarray, mass: float, curves: np.ndarray, probability: float) -> None:
    """A mark where rows have a mass of its own; what it is and what is predicted stands in the legend."""
    low, high = np.quantile(curves, [(1 - probability) / 2, (1 + probability) / 2])
    told = f"at {mass:g}: data {(rows == mass).mean():.2f}, predicted {curves.mean():.2f} ({low:.2f} to {high:.2f})"
    axes.plot([mass], [0.0], marker="^", markersize=8, linestyle="none", color=PALETTE[0], label=told, clip_on=False)


def _grid(data: np.ndarray) -> np.ndarray:
    low, high = _ends(data)
    margin = 0.06 * (high - low)
    return np.linspace(low - margin, high + margin, POINTS)


def _whole_grid(data: np.ndarray) -> np.ndarray:
    low, high = int(data.min()), int(data.max())
    step = max(1, (high - low) // POINTS)
    return np.arange(low, high + 1, step)


def _ends(data: np.ndarray) -> tuple[float, float]:
    low, high = float(data.min()), float(data.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _edges(data: np.ndarray, whole: bool) -> np.ndarray:
    """Edges of 10 to 80 bars; whole numbers keep to the middle of a bar.

    Half the width of Freedman and Diaconis, and no wider than the range in twice the root of the rows: several modes
    make the quartiles lie far apart.
    """
    low, high = _ends(data)
    if whole:
        low, high = float(data.min()), float(data.max())
        step = np.ceil((high - low + 1) / MOST_WHOLE)
        return np.arange(low - 0.5, high + 0.5 + step, step)
    first, third = np.percentile(data, [25, 75])
    half = min((third - first) / data.size ** (1 / 3), (high - low) / (2.0 * data.size**0.5))
    width = max(half, (high - low) / 80)
    return np.linspace(low, high, int(np.clip((high - low) / width, 10, 80)) + 1)


def _histogram(axes: Axes, data: np.ndarray, edges: np.ndarray | int, single: bool, rows: int) -> None:
    heights, marks = np.histogram(data, bins=edges, density=True)
    heights = heights * (len(data) / rows)
    widths = np.diff(marks)
    gap = 0.8 if single and widths[0] == 1 else 1.0  # one bar for each whole number stands apart
    axes.bar(
        marks[:-1] + widths / 2,
        heights,
        gap * widths,
        color=DATA,
        edgecolor="white",
        linewidth=0.5,
        label=f"data (n = {rows})",
    )


def _band(
    axes: Axes, points: np.ndarray, curves: np.ndarray, probability: float, whole: bool, line: dict[str, Any]
) -> None:
    low, high = np.quantile(curves, [(1 - probability) / 2, (1 + probability) / 2], axis=0)
    mean, label = curves.mean(axis=0), f"{100 * probability:g} % band"
    style: dict[str, Any] = {"color": PALETTE[0], "linewidth": 1.8, "label": "posterior mean", **line}
    if whole and len(points) <= MOST_WHOLE:
        axes.vlines(points, low, high, color=style["color"], alpha=0.4, linewidth=4, label=label)
        axes.plot(points, mean, **{"marker": "o", "markersize": 4, "linestyle": "none", **style})
        return
    axes.fill_between(points, low, high, color=style["color"], alpha=0.25, linewidth=0, label=label)
    axes.plot(points, mean, **style)


def _components(axes: Axes, points: np.ndarray, curves: np.ndarray) -> None:
    few = curves.shape[1] < len(PALETTE)
    for k, curve in enumerate(curves.mean(axis=0)):
        label = f"component {k}" if few else "components" if k == 0 else None
        axes.plot(points, curve, linestyle="--", linewidth=1.2, color=component_colour(k), label=label)


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: not labels[i].startswith("data"))  # bars would come last
    axes.legend([handles[i] for i in order], [labels[i] for i in order], frameon=False, fontsize=9)
