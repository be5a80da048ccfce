"""The predictive distribution function over that of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.plots.style import INK, PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 300
MOST_WHOLE = 1000  # different whole numbers that each get a step


def cumulative(
    distribution: Any, *, axes: Axes | None = None, grid: Any = None, probability: float = 0.95, **line: Any
) -> Figure:
    """Plot P(new row <= x) with its band, and the share of the data that lies at or below x.

    Where the model fits, the steps of the data stay close to the line; unlike a histogram's, they depend on no bins.

    Parameters
    ----------
    distribution : Predictive
        From ``mc.predictive``, of rows that are numbers (or of one column).
    axes : Axes, optional
        Where to draw; a new figure by default.
    grid : array_like, optional
        Points, in units of the data.
    probability : float in (0, 1)
        Of the band: draws whose distribution function lies in it, at each point by itself.
    **line
        Restyles the line of the mean: anything that ``Axes.plot`` takes.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If it is no such distribution.

    Examples
    --------
    >>> cumulative(mc.predictive(m))  # doctest: +SKIP
    """
    if not hasattr(distribution, "cdf_band"):
        raise ModelError(f"cumulative: expected what mc.predictive returns, got {type(distribution).__name__}")
    data = np.sort(distribution.data)
    points = _grid(data, distribution.is_discrete) if grid is None else np.sort(np.ravel(np.asarray(grid, dtype=float)))
    band = distribution.cdf_band(points, probability)
    target = axes if axes is not None else canvas(None, 4.2).subplots()
    style: dict[str, Any] = {"color": PALETTE[0], "linewidth": 1.8, "label": "posterior mean", **line}
    step: Any = "post" if distribution.is_discrete else None
    draw: dict[str, Any] = {"drawstyle": "steps-post"} if distribution.is_discrete else {}
    ends = min(points[0], data[0]), max(points[-1], data[-1])
    shares = np.concatenate([np.arange(data.size + 1) / data.size, [1.0]])
    steps = np.concatenate([ends[:1], data, ends[1:]])
    target.step(steps, shares, where="post", color=INK, linewidth=1.0, label=f"data (n = {data.size})")
    target.fill_between(
        points,
        band.low,
        band.high,
        step=step,
        color=style["color"],
        alpha=0.25,
        linewidth=0,
        label=f"{100 * probability:g} % band",
    )
    target.plot(points, band.mean, **draw, **style)
    target.set(
        xlabel=getattr(distribution, "axis_title", distribution.title),
        ylabel="probability of at most x",
        ylim=(-0.02, 1.02),
    )
    target.legend(frameon=False, fontsize=9)
    tidy(target)
    return root(target)


def _grid(data: np.ndarray, whole: bool) -> np.ndarray:
    low, high = float(data[0]), float(data[-1])
    if whole:
        step = max(1.0, np.ceil((high - low) / MOST_WHOLE))
        return np.arange(low - 1.0, high + 2.0, step)
    margin = 0.06 * (high - low) if high > low else 0.5
    return np.linspace(low - margin, high + margin, POINTS)


__all__ = ["cumulative"]
