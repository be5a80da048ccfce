"""Mixtures in the plane: components as ellipses, and the predictive density, over the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.components import Components, NormalComponents, table_of
from mcmix.report.plots.sources import title_of
from mcmix.report.plots.style import DATA, INK, PALETTE, canvas, component_colour, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 5000  # of the data that are drawn; a screen shows no more
MOST_NAMED = 8  # components in a legend
FAINTEST = 0.15  # opacity of a component with hardly any weight
MASSES = (0.5, 0.8, 0.95)


def ellipses(
    result: Any,
    scale: float = 2.0,
    node: Any = None,
    dims: tuple[int, int] = (0, 1),
    draws: int = 50,
    *,
    like: np.ndarray | None = None,
    ax: Axes | None = None,
    names: tuple[str, str] | None = None,
    **points: Any,
) -> Figure:
    """Plot the data, and normal components as ellipses over them.

    Parameters
    ----------
    result : VB or MCMC
        An object with ``model``, ``memberships() -> (rows, K)`` and ``start() -> dict`` (VB: one ellipse per component,
        at the posterior means), or with ``draws() -> Draws`` (MCMC: those of a number of draws, thin and transparent).
    scale : float
        Standard deviations from the centre to the edge.
    node : str or node, optional
        The data; may be left out where there is one.
    dims : pair of int
        The columns to draw. Of components with more of them, the marginal distribution in these two.
    draws : int
        Of an MCMC, over how many kept draws the ellipses are taken.
    like : ndarray, shape (rows, K), optional
        Of an MCMC, probabilities of the rows' components under some names, such as ``mc.classify(m).probabilities``:
        components then have these names' order and colours.
    ax : Axes, optional
        Where to draw; a new figure by default.
    names : pair of str, optional
        Of the two axes; by default those of the columns, with units, where the data came as a DataFrame.
    **points
        Restyles the data: anything that ``Axes.scatter`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If the rows are not normal given one label, or the arguments do not fit.

    Notes
    -----
    The heavier a component, the less transparent its ellipse; one that holds less than half a row is left out. Points
    mix the colours of the components by their membership probabilities. Means over draws would be wrong where labels
    switch: each draw's components take the colours of those of the most probable draw with which they share most
    points. At most 5000 rows are drawn, evenly spaced.

    Examples
    --------
    >>> ellipses(q, scale=2)  # doctest: +SKIP
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0.0 < scale < np.inf:
        raise ModelError(f"ellipses: scale expected a positive number, got {scale!r}")
    distribution, data = table_of(result.model, result.rows, node, "ellipses")
    pair = _two(dims, data.shape[1], "ellipses")
    chosen = _few(len(data))
    by_draw = _samples(result)
    drawn, shares = (
        _by_draw(result, distribution, data[chosen], draws, None if like is None else like[chosen])
        if by_draw
        else _at_means(result, distribution, chosen)
    )
    target = ax if ax is not None else canvas(None, 5.4).subplots()
    colours = _colours(drawn[0].weights if like is None else -np.arange(like.shape[1]))
    _points(target, data[chosen][:, pair], _mixed(shares, colours), points)
    least = 0.5 / len(data)
    for components in drawn:
        _outlines(target, components, scale, pair, colours, least, many=by_draw)
    _limits(target, data[:, pair], drawn, scale, pair)
    _named(target, distribution, pair, names)
    if by_draw:
        followed = "; colours follow the most probable one" if like is None else ""
        target.set_title(f"{scale:g}-sigma ellipses of {len(drawn)} draws{followed}", fontsize=9, color=INK)
    elif len(target.patches) <= MOST_NAMED:
        target.legend(frameon=False, fontsize=9)
    tidy(target)
    return root(target)


def density2d(
    result: Any,
    node: Any = None,
    dims: tuple[int, int] = (0, 1),
    *,
    points: int = 90,
    ax: Axes | None = None,
    names: tuple[str, str] | None = None,
) -> Figure:
    """Plot the posterior predictive density of a new row in two columns, with the data on top.

    Parameters
    ----------
    result : VB or MCMC
        An object with ``model`` and ``predict_logpdf(new)``.
    node, dims, ax, names
        As for :func:`ellipses`. Of rows with more than two columns an MCMC shows the marginal density of these two (of
        normal vectors and tables of columns); VB has none.
    points : int
        Of the grid, along each axis.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If the data are no table of continuous columns, or the marginal density is not to be had.

    Notes
    -----
    The lines enclose the regions of highest density that hold 50, 80 and 95 per cent of the mass on the grid, which
    reaches a quarter of the data's range beyond them on all sides.

    Examples
    --------
    >>> density2d(m)  # doctest: +SKIP
    """
    distribution, data = table_of(result.model, result.rows, node, "density2d")
    pair = _two(dims, data.shape[1], "density2d")
    if distribution.family is not None and distribution.family.support.discrete:
        raise ModelError(
            f"density2d: {distribution.name} expected continuous columns, got counts ({distribution.family.name})"
        )
    if data.shape[1] > 2 and not _samples(result):
        raise ModelError(
            f"density2d: {distribution.name} has {data.shape[1]} columns, and VB has no marginal density of two of "
            "them; expected an MCMC result, or two columns"
        )
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 2:
        raise ModelError(f"density2d: points expected a whole number of at least 2, got {points!r}")
    axes = [_axis(data[:, j], points) for j in pair]
    rows = np.full((points * points, data.shape[1]), np.nan)
    rows[:, pair] = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    heights = np.exp(result.predict_logpdf(rows)).reshape(points, points)
    target = ax if ax is not None else canvas(None, 5.4).subplots()
    image = target.pcolormesh(*axes, heights, cmap="Blues", shading="gouraud", rasterized=True)
    root(target).colorbar(image, ax=target, label="posterior predictive density", pad=0.02).outline.set_visible(False)
    chosen = _few(len(data))
    target.scatter(data[chosen, pair[0]], data[chosen, pair[1]], s=9, color=INK, alpha=0.7, linewidth=0, zorder=3)
    _contours(target, axes, heights)
    _named(target, distribution, pair, names)
    tidy(target)
    return root(target)


# -------------------------------------------------------------------- what is drawn


def _samples(result: Any) -> bool:
    """Whether it holds draws of a chain; VB draws on request only, and says where its means are."""
    return not hasattr(result, "start")


def _two(dims: Any, width: int, what: str) -> list[int]:
    try:
        pair = [int(j) for j in dims]
    except (TypeError, ValueError):
        pair = []
    if len(pair) != 2 or pair[0] == pair[1] or not all(-width <= j < width for j in pair):
        raise ModelError(f"{what}: dims expected two different columns of 0 to {width - 1}, got {dims!r}")
    return [j % width for j in pair]


def _few(rows: int) -> np.ndarray:
    return np.unique(np.linspace(0, rows - 1, min(rows, MOST_POINTS)).round().astype(int))


def _at_means(result: Any, distribution: Stochastic, chosen: np.ndarray) -> tuple[list[Components], np.ndarray]:
    """The components at the posterior means, and the rows' memberships."""
    components = NormalComponents(result.model, result.rows, distribution)
    values = result.start()
    shares = np.ones((len(chosen), 1))
    if components.label is not None:
        shares = np.asarray(result.memberships(label=components.label.node))[chosen]
    return [components.at({n: values[n] for n in components.needed})], shares


def _by_draw(
    result: Any, distribution: Stochastic, x: np.ndarray, most: int, like: np.ndarray | None = None
) -> tuple[list[Components], np.ndarray]:
    """The components of thinned draws, named alike, the reference first; and the rows' mean memberships."""
    if isinstance(most, bool) or not isinstance(most, (int, np.integer)) or most < 1:
        raise ModelError(f"ellipses: draws expected a whole number of at least 1, got {most!r}")
    kept, components = result.draws(), NormalComponents(result.model, result.rows, distribution)
    absent = [n.name for n in components.needed if n.name not in kept.variables]
    if absent:
        raise ModelError(f"ellipses needs the draws of {', '.join(absent)}, which were not kept")
    positions = kept.thinned(int(most))[: int(most)]
    best = np.unravel_index(np.argmax(kept.statistics["lp"]), kept.statistics["lp"].shape)

    def at(position: Any) -> Components:
        return components.at({n: kept.variables[n.name][tuple(position)] for n in components.needed})

    complete = ~np.isnan(x).any(axis=1)
    reference = at(best)
    first = reference.shares(x[complete]) if like is None else like[complete]
    drawn, total = [], np.zeros((len(x), components.n_components))
    for position in positions:
        own = at(position)
        shares = own.shares(x[complete])
        order = _like(first, shares)
        drawn.append(Components(own.weights[order], own.means[order], own.covariances[order]))
        total[complete] += shares[:, order]
    return drawn, total / len(positions)


def _like(reference: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """For each component of the reference, the one with which it shares most points."""
    return np.asarray(linear_sum_assignment(-reference.T @ shares)[1])


# -------------------------------------------------------------------- how


def _colours(weights: np.ndarray) -> np.ndarray:
    """A colour per component, the heaviest first, so that those that matter differ; shape (K, 3)."""
    from matplotlib.colors import to_rgb

    ranks = np.argsort(np.argsort(-weights, kind="stable"), kind="stable")
    return np.array([to_rgb(component_colour(int(rank))) for rank in ranks])


def _mixed(shares: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Colours of points by membership; grey where none is known."""
    from matplotlib.colors import to_rgb

    known = shares.sum(1, keepdims=True) > 0.0
    return np.where(known, np.clip(shares @ colours, 0.0, 1.0), to_rgb(DATA))


def _points(axes: Axes, x: np.ndarray, colours: np.ndarray, given: dict[str, Any]) -> None:
    style: dict[str, Any] = {"s": 16, "linewidth": 0.3, "edgecolor": "white", "zorder": 2, **given}
    if not {"c", "color"} & set(given):
        style["c"] = colours
    axes.scatter(x[:, 0], x[:, 1], **style)


def _outlines(
    axes: Axes, drawn: Components, scale: float, pair: list[int], colours: np.ndarray, least: float, many: bool
) -> None:
    from matplotlib.patches import Ellipse

    for k in np.flatnonzero(drawn.weights >= least):
        values, vectors = np.linalg.eigh(drawn.covariances[k][np.ix_(pair, pair)])
        width, height = 2.0 * scale * np.sqrt(np.maximum(values[::-1], 0.0))
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        strength = FAINTEST + (1.0 - FAINTEST) * drawn.weights[k] / drawn.weights.max()
        patch = Ellipse(tuple(drawn.means[k][pair]), width, height, angle=angle)
        line = (*colours[k], 0.35 * strength if many else strength)
        inside = (*colours[k], 0.0 if many else 0.18 * strength)
        patch.set(facecolor=inside, edgecolor=line, linewidth=0.8 if many else 2.0, zorder=3 if many else 1.5)
        if not many:
            patch.set_label(f"weight {drawn.weights[k]:.2f}")
        axes.add_patch(patch)


def _limits(axes: Axes, x: np.ndarray, drawn: list[Components], scale: float, pair: list[int]) -> None:
    """Room for the data and for components of some weight, which may reach a quarter of the data's range beyond."""
    low, high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    span = np.where(high > low, high - low, 1.0)
    lowest, highest = low.copy(), high.copy()
    for one in drawn:
        heavy = one.weights > 0.05
        reach = scale * np.sqrt(np.diagonal(one.covariances, axis1=1, axis2=2))[heavy][:, pair]
        lowest = np.minimum(lowest, (one.means[heavy][:, pair] - reach).min(0, initial=np.inf))
        highest = np.maximum(highest, (one.means[heavy][:, pair] + reach).max(0, initial=-np.inf))
    lowest, highest = np.maximum(lowest, low - 0.25 * span), np.minimum(highest, high + 0.25 * span)
    axes.set_xlim(lowest[0] - 0.04 * span[0], highest[0] + 0.04 * span[0])
    axes.set_ylim(lowest[1] - 0.04 * span[1], highest[1] + 0.04 * span[1])


def _axis(x: np.ndarray, points: int) -> np.ndarray:
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    margin = 0.25 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, points)


def _contours(axes: Axes, at: list[np.ndarray], heights: np.ndarray) -> None:
    """Lines around the highest densities that hold given shares of the mass on the grid."""
    ordered = np.sort(heights, axis=None)[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    found = {ordered[np.searchsorted(mass, share)]: f"{100 * share:g} %" for share in sorted(MASSES, reverse=True)}
    levels = sorted(found)
    if len(levels) < len(MASSES) or levels[0] <= heights.min() or levels[-1] >= heights.max():
        return  # a grid that is too coarse to tell them apart
    lines = axes.contour(*at, heights, levels=levels, colors=PALETTE[1], linewidths=(0.8, 1.2, 1.6), zorder=2)
    axes.clabel(lines, fmt=found, fontsize=8, inline=True)


def _named(axes: Axes, distribution: Stochastic, pair: list[int], names: Any) -> None:
    if names is not None and (isinstance(names, str) or len(names) != 2):
        raise ModelError(f"names expected two, one for each axis, got {names!r}")
    labels = [title_of(distribution, distribution.name, j) for j in pair] if names is None else list(names)
    axes.set(xlabel=labels[0], ylabel=labels[1])


__all__ = ["density2d", "ellipses"]
