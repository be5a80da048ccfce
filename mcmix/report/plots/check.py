"""Posterior predictive check: data beside replicates of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.plots.fitted import MOST_WHOLE, _edges
from mcmix.report.plots.sources import container_in, data_title
from mcmix.report.plots.style import DATA, INK, PALETTE, canvas, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHAT = "predictive_check"
LINES = 60  # replicates that are drawn one by one
MOST_COLUMNS = 12
POINTS = 400  # of a cumulative curve
FAR = 8.0  # of a statistic, in widths of its middle half beyond that
TAIL = 0.001  # of the replicates, on either side, for which an axis is not stretched
KINDS = ("histogram", "cumulative")


def predictive_check(
    m: Any,
    name: str | None = None,
    statistic: Callable[[np.ndarray], Any] | None = None,
    *,
    kind: str = "histogram",
    draws: int | None = None,
    bins: Any = None,
    seed: Any = 0,
    figure: Any = None,
    **line: Any,
) -> Figure:
    """Plot the data beside replicates of them from the posterior, or a statistic of both.

    Parameters
    ----------
    m : MCMC, or arviz.InferenceData or xarray.DataTree with the groups posterior_predictive and observed_data
        A sampler draws replicates anew: of new units, with new labels.
    name : str, optional
        The observed node; may be left out where there is one.
    statistic : callable, optional
        Given data as an array, shape (rows,) without the missing entries (or (rows, columns), missing entries NaN),
        returns one number, such as ``np.max``: the figure then shows it of replicates and data.
    kind : {"histogram", "cumulative"}
        Without a statistic: counts per bar, or the share of rows at or below each value.
    draws : int, optional
        Replicates: 60, or 1000 for a statistic. Of an ArviZ object, as many of its own, evenly spaced.
    bins : int or ndarray of edges, optional
        Of the histogram; by default from the data.
    seed : int or SeedSequence
        Of a sampler's replicates.
    figure : Figure, optional
        Where to draw; a new one by default.
    **line
        Restyles the replicates: their lines (anything that ``Axes.plot`` takes), or the bars of
        their statistic (``Axes.stairs``).

    Returns
    -------
    Figure
        A panel for each column, 12 at most. Entries that are missing in the data are left out of replicates too.

    Raises
    ------
    ModelError
        If there are no data or replicates, the name is unknown, or a statistic is no number.

    Examples
    --------
    >>> predictive_check(m, statistic=np.max)  # doctest: +SKIP
    """
    if kind not in KINDS:
        raise ModelError(f"{WHAT}: kind expected one of {', '.join(KINDS)}, got {kind!r}")
    if statistic is not None and not callable(statistic):
        raise ModelError(f"{WHAT}: statistic expected a function of the data, got {statistic!r}")
    wanted = (LINES if statistic is None else 1000) if draws is None else draws
    if isinstance(wanted, bool) or not isinstance(wanted, (int, np.integer)) or wanted < 2:
        raise ModelError(f"{WHAT}: draws expected a whole number of at least 2, got {draws!r}")
    name, data, replicates, whole = _from(m, name, int(wanted), seed)
    replicates = np.where(np.isnan(data), np.nan, replicates) if np.isnan(data).any() else replicates
    if statistic is not None:
        return _of_statistic(data, replicates, statistic, data_title(m, name), figure, line)
    columns = data.reshape(len(data), -1).T if data.ndim > 1 else data[None]
    if len(columns) > MOST_COLUMNS:
        raise ModelError(f"{WHAT}: {name} has {len(columns)} columns, more than {MOST_COLUMNS}; look at a statistic")
    copies = replicates.reshape(len(replicates), len(data), -1)
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    made = canvas(figure, 4.0 if len(columns) == 1 else 2.5 * down + 0.5)
    grid = made.subplots(down, across, squeeze=False)
    draw = _cumulative if kind == "cumulative" else _histograms
    for j, (values, axes) in enumerate(zip(columns, grid.flat, strict=False)):
        draw(axes, values[~np.isnan(values)], copies[:, ~np.isnan(values), j], whole, bins, line)
        axes.set_xlabel(data_title(m, name, None if data.ndim == 1 else j))
        tidy(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of rows at or below" if kind == "cumulative" else "rows")
    for empty in grid.flat[len(columns) :]:
        empty.set_axis_off()
    _legend(made, grid[0, 0], len(columns))
    return root(grid[0, 0])


# -------------------------------------------------------------------- data and replicates


def _from(m: Any, name: str | None, n: int, seed: Any) -> tuple[str, np.ndarray, np.ndarray, bool]:
    """Name, data (rows, ...), replicates (n, rows, ...), and whether they are whole numbers."""
    sampler = hasattr(m, "posterior_predictive") and callable(m.posterior_predictive)
    found = None if sampler else container_in(m)
    observed = m.observed_data() if sampler else arviz_bridge.observed_of(found)
    stored = {} if sampler else arviz_bridge.group_of(found, "posterior_predictive")
    if not sampler and not stored:
        raise ModelError(
            f"{WHAT}: expected replicates, got an ArviZ object without the group posterior_predictive; give the "
            "sampler, or to_arviz(posterior_predictive=True)"
        )
    there = [n for n in observed if sampler or n in stored]
    name = _one_of(name, there)
    data = np.asarray(observed[name])
    if data.dtype.kind not in "fiub" or not data.size:
        raise ModelError(f"{WHAT}: {name}: expected data that are numbers, got shape {data.shape} of {data.dtype}")
    data = np.atleast_1d(data).astype(float)
    if sampler:
        copies = np.asarray(m.posterior_predictive(n, seed, [name])[name])
        whole = bool(m.is_discrete(name))
    else:
        whole = stored[name].dtype.kind in "iub"
        copies = stored[name].reshape(-1, *stored[name].shape[2:])
        copies = copies[np.unique(np.linspace(0, len(copies) - 1, min(len(copies), n)).round().astype(int))]
    copies = copies.reshape(len(copies), *data.shape) if copies[0].size == data.size else copies
    if copies.shape[1:] != data.shape:
        raise ModelError(f"{WHAT}: {name}: replicates have shape {copies.shape[1:]}, the data {data.shape}")
    return name, data, copies.astype(float), whole


def _one_of(name: str | None, there: list[str]) -> str:
    listed = ", ".join(there) or "nothing"
    if name is None and len(there) != 1:
        raise ModelError(f"{WHAT}: say which observed node to draw: expected one of {listed}")
    if name is not None and name not in there:
        raise ModelError(f"{WHAT}: no observed node {name!r} with replicates: expected one of {listed}")
    return there[0] if name is None else name


# -------------------------------------------------------------------- what is drawn


def _histograms(axes: Axes, data: np.ndarray, copies: np.ndarray, whole: bool, bins: Any, line: dict[str, Any]) -> None:
    """Counts per bar; the range is the data's, with the tails of replicates while these reach less than as far."""
    edges = np.histogram_bin_edges(data, bins=bins) if bins is not None else _wide_edges(data, copies, whole)
    style: dict[str, Any] = {"color": PALETTE[0], "linewidth": 0.7, "alpha": 0.35, **line}
    counts = np.histogram(data, edges)[0]
    middle = edges[:-1] + np.diff(edges) / 2
    for i, copy in enumerate(copies):  # lines from bar to bar: outlines of steps on steps are a lattice
        label = f"{len(copies)} replicates" if i == 0 else None
        axes.plot(middle, np.histogram(copy, edges)[0], **{"label": label, **style})
    axes.bar(middle, counts, np.diff(edges), color=DATA, zorder=0)
    axes.stairs(counts, edges, color=INK, linewidth=1.5, label=f"data (n = {data.size})")
    beyond = np.mean((copies < edges[0]) | (copies > edges[-1]))
    if beyond >= 0.001:
        said = f"{100 * beyond:.2g} % of replicated rows beyond"
        axes.set_title(said, fontsize=8, color=INK, loc="left")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)


def _wide_edges(data: np.ndarray, copies: np.ndarray, whole: bool) -> np.ndarray:
    """Edges of the data's histogram, gone on to where replicates end, half of the data's range further at most."""
    edges = _edges(data, whole)
    step, room = edges[1] - edges[0], 0.5 * (edges[-1] - edges[0])
    ends = np.quantile(copies, [TAIL, 1.0 - TAIL])
    low, high = max(float(ends[0]), edges[0] - room), min(float(ends[1]), edges[-1] + room)
    before = max(0, int(np.ceil((edges[0] - low) / step - 1e-9)))
    after = max(0, int(np.ceil((high - edges[-1]) / step - 1e-9)))
    if whole and edges.size > MOST_WHOLE:
        before = after = 0
    return edges[0] + step * np.arange(-before, edges.size + after)


def _cumulative(axes: Axes, data: np.ndarray, copies: np.ndarray, whole: bool, bins: Any, line: dict[str, Any]) -> None:
    """Shares at or below points over the data's range and a part of the replicates' beyond."""
    low, high = float(data.min()), float(data.max())
    room = 0.25 * (high - low) or 0.5
    ends = np.quantile(copies, [TAIL, 1.0 - TAIL])
    low, high = max(float(ends[0]), low - room), min(float(ends[1]), high + room)
    low, high = min(low, float(data.min())), max(high, float(data.max()))
    style: dict[str, Any] = {
        "color": PALETTE[0], "linewidth": 0.7, "alpha": 0.35, "drawstyle": "steps-post", **line,
    }  # fmt: skip
    points = np.linspace(low, high, POINTS)
    if whole and high - low <= POINTS:
        points = np.arange(np.floor(low) - 1, np.ceil(high) + 2)
    for i, copy in enumerate(copies):
        shares = np.searchsorted(np.sort(copy), points, side="right") / copy.size
        axes.plot(points, shares, **{"label": f"{len(copies)} replicates" if i == 0 else None, **style})
    ordered = np.sort(data)
    steps = np.concatenate([[points[0]], ordered, [points[-1]]])
    shares = np.concatenate([[0.0], np.arange(1, data.size + 1) / data.size, [1.0]])
    axes.step(steps, shares, where="post", color=INK, linewidth=1.5, label=f"data (n = {data.size})")
    axes.set(ylim=(-0.02, 1.02), xlim=(points[0], points[-1]))


def _legend(figure: Any, axes: Axes, panels: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    where: dict[str, Any] = {"loc": "outside upper right", "ncols": 2} if panels > 1 else {"loc": "outside upper right"}
    legend = figure.legend(handles[::-1], labels[::-1], frameon=False, fontsize=9, **{"ncols": 2, **where})
    for handle in legend.get_lines() + legend.get_patches():
        handle.set(alpha=1, linewidth=1.5)


def _of_statistic(
    data: np.ndarray, copies: np.ndarray, statistic: Callable[[np.ndarray], Any], title: str, figure: Any, bars: Any
) -> Figure:
    own = _number(statistic, data)
    found = np.array([_number(statistic, copy) for copy in copies])
    if not np.isfinite(found).any() or not np.isfinite(own):
        raise ModelError(f"{WHAT}: the statistic is not finite: of the data it is {own:g}")
    finite = found[np.isfinite(found)]
    above = float(np.mean(finite >= own))
    called = getattr(statistic, "__name__", "statistic")
    called = "statistic" if called == "<lambda>" else called
    made = canvas(figure, 3.4)
    axes = made.subplots()
    counts, edges = _bars(finite, own)
    style: dict[str, Any] = {"color": PALETTE[0], "alpha": 0.5, "label": f"{finite.size} replicates", **bars}
    axes.stairs(counts, edges, **{"fill": True, **style})
    axes.axvline(own, color=PALETTE[1], linewidth=2.0, label=f"data: {own:.4g}")
    beyond = 1.0 - counts.sum() / finite.size
    note = f"; {100 * beyond:.2g} % beyond the picture" if beyond > 0 else ""
    axes.set_title(f"{100 * above:.3g} % of replicates at or above the data{note}", fontsize=9, color=INK, loc="left")
    axes.set(xlabel=f"{called} of {title}", ylabel="replicates")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    tidy(axes)
    return root(axes)


def _number(statistic: Callable[[np.ndarray], Any], values: np.ndarray) -> float:
    known = values[~np.isnan(values)] if values.ndim == 1 else values
    try:
        answer = np.asarray(statistic(known.copy()), dtype=float)
    except Exception as error:  # whatever a user's function raises
        raise ModelError(f"{WHAT}: the statistic failed at data of shape {known.shape}: {error}") from error
    if answer.size != 1:
        raise ModelError(f"{WHAT}: statistic expected to return one number, got shape {answer.shape}")
    return float(answer.reshape(()))


def _bars(found: np.ndarray, own: float) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges; whole numbers get a bar each where there are few, and far tails are left out."""
    low, high = float(found.min()), float(found.max())
    first, third = np.quantile(found, [0.25, 0.75])
    room = FAR * (third - first)
    if room > 0:
        low, high = max(low, first - room), min(high, third + room)
    if np.array_equal(found, np.round(found)) and high - low <= MOST_WHOLE:
        edges = np.arange(np.ceil(low) - 0.5, np.floor(high) + 1.0)
    else:
        edges = np.linspace(low, high, 41) if high > low else np.array([low - 0.5, low + 0.5])
    return np.histogram(found, edges)[0], edges


__all__ = ["predictive_check"]
