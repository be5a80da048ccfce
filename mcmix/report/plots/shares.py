"""Which component rows belong to, and which of them are doubtful."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.names import names_of
from mcmix.report.plots.sources import numbers_from, titled
from mcmix.report.plots.style import INK, PALETTE, canvas, component_colour, root, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOUBT = 0.05  # a row is called doubtful when its class has less than the rest of this
MOST_COLUMNS = 900  # of stacked shares: a screen shows no more, rows beyond are averaged
MOST_DOTS = 2000
MOST_BINS = 60  # of a column, over which curves are averaged
ROUGH = 0.1  # how much a row's probabilities differ from its neighbour's where the column does not decide them
MOST_NAMED = 14  # components in a legend
HATCHES = ("", "////", "....", "xxxx")  # where colours come round again
LINES = ("-", "--", ":", "-.")


def memberships(
    found: Any,
    *,
    against: Any = None,
    name: str | None = None,
    doubt: float = DOUBT,
    figure: Any = None,
    **style: Any,
) -> Figure:
    """Plot the probabilities that rows belong to components.

    Parameters
    ----------
    found : Memberships, or array_like of shape (rows, K)
        From ``mc.classify``.
    against : array_like, shape (rows,), optional
        A number for each row, such as a column of the data: probabilities are then drawn over it.
    name : str, optional
        Of that number, on its axis; by default the name and unit of a pandas Series.
    doubt : float in (0, 1)
        Rows whose class has a probability below 1 - doubt are marked.
    figure : Figure, optional
        Where to draw; a new one by default.
    **style
        Restyles the areas (anything that ``Axes.stackplot`` takes), or with `against` the curves (``Axes.plot``).

    Returns
    -------
    Figure
        Rows by class, the surest of each class first: above all rows, below the doubtful ones alone. With `against`,
        dots for the rows (2000 at most) and ticks below for doubtful ones; curves join the dots where the column
        decides the probabilities, else they are means over parts of the axis with as many rows each.

    Raises
    ------
    ModelError
        If there are no probabilities, or `against` has not one finite number for each row.

    Examples
    --------
    >>> memberships(mc.classify(m))  # doctest: +SKIP
    """
    shares = _shares(found)
    if isinstance(doubt, bool) or not isinstance(doubt, (int, float)) or not 0.0 < doubt < 1.0:
        raise ModelError(f"memberships: doubt expected a number between 0 and 1, got {doubt!r}")
    doubtful = shares.max(axis=1) < 1.0 - doubt
    if against is not None:
        return _over(shares, doubtful, against, name, doubt, figure, style)
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    some = bool(doubtful.any()) and not doubtful.all()
    made = canvas(figure, 5.0 if some else 3.2)
    grid = made.subplots(1 + some, 1, squeeze=False)[:, 0]
    _stacked(grid[0], shares[order], style)
    _classes(grid[0], shares[order])
    grid[0].set_title(
        _told(doubtful, doubt), fontsize=9, color=INK, loc="left", pad=10 if some else None
    )  # above marks
    if some:
        chosen = order[doubtful[order]]
        _marks(grid[0], np.flatnonzero(doubtful[order]) + 0.5)
        _stacked(grid[1], shares[chosen], style)
        _classes(grid[1], shares[chosen])
        grid[1].set_title("these alone", fontsize=9, color=INK, loc="left")
    _legend(made, grid[0], shares.shape[1])
    return root(grid[0])


def _shares(found: Any) -> np.ndarray:
    given = getattr(found, "probabilities", found)
    try:
        shares = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"memberships: expected what mc.classify returns, got {type(found).__name__}") from error
    if shares.ndim != 2 or not shares.size or not np.isfinite(shares).all():
        raise ModelError(
            "memberships: expected what mc.classify returns, or probabilities of shape (rows, K), got "
            f"{type(found).__name__} of shape {shares.shape}"
        )
    if (shares < -1e-9).any() or not np.allclose(shares.sum(axis=1), 1.0, atol=1e-6):
        raise ModelError("memberships: expected probabilities that sum to 1 in each row")
    return shares


def _told(doubtful: np.ndarray, doubt: float) -> str:
    n = int(doubtful.sum())
    share = f"{n / doubtful.size:.1%}" if n else "none"
    what = f"{n} of {doubtful.size} rows doubtful ({share})" if n else f"none of {doubtful.size} rows doubtful"
    return f"{what}: class below {100 * (1 - doubt):g} %"


# -------------------------------------------------------------------- rows by class


def _stacked(axes: Axes, shares: np.ndarray, style: dict[str, Any]) -> None:
    """Shares side by side, each row as wide as the others."""
    n, k = shares.shape
    starts = np.unique(np.linspace(0, n, min(n, MOST_COLUMNS) + 1).round().astype(int))
    means = np.add.reduceat(shares, starts[:-1], axis=0) / np.diff(starts)[:, None]
    areas: dict[str, Any] = {
        "colors": [component_colour(j) for j in range(k)], "step": "post", "linewidth": 0, **style,
    }  # fmt: skip
    drawn = axes.stackplot(starts, np.vstack([means, means[-1:]]).T, **areas)
    for j, area in enumerate(drawn):
        cycle = j // (len(PALETTE) - 1)
        if cycle:
            area.set(hatch=HATCHES[cycle % len(HATCHES)], edgecolor="white")
    axes.set(xlim=(0, n), ylim=(0, 1), yticks=(0, 0.5, 1), ylabel="probability")
    tidy(axes)


def _classes(axes: Axes, shares: np.ndarray) -> None:
    """Bounds between classes, and their names and sizes where there is room."""
    sizes = np.bincount(shares.argmax(axis=1), minlength=shares.shape[1])
    ends = np.cumsum(sizes)
    for end in ends[:-1]:
        if 0 < end < len(shares):
            axes.axvline(end, color="white", linewidth=1.5)
    kept = [j for j in range(sizes.size) if sizes[j] / len(shares) >= 0.035]
    wide = all(sizes[j] / len(shares) >= 0.09 for j in kept)
    texts = [f"{j} ({sizes[j]})" if wide else f"{j}" for j in kept]
    axes.set_xticks([ends[j] - sizes[j] / 2 for j in kept], texts)
    axes.set_xlabel("rows, by class (with their number)" if wide else "rows, by class")
    axes.tick_params(axis="x", length=0)


def _marks(axes: Axes, places: np.ndarray) -> None:
    axes.plot(
        places, np.full(places.size, 1.02), linestyle="none", marker="|", markersize=5, color=INK,
        transform=axes.get_xaxis_transform(), clip_on=False, markeredgewidth=0.6,
    )  # fmt: skip


def _legend(figure: Any, axes: Axes, k: int) -> None:
    from matplotlib.patches import Patch

    if k > MOST_NAMED:
        return
    cycles = [j // (len(PALETTE) - 1) % len(HATCHES) for j in range(k)]
    handles = [
        Patch(facecolor=component_colour(j), hatch=HATCHES[c], edgecolor="white", linewidth=0, label=str(j))
        for j, c in enumerate(cycles)
    ]
    figure.legend(
        handles=handles, title="component", loc="outside right upper", frameon=False, fontsize=9, title_fontsize=9
    )


# -------------------------------------------------------------------- over a column


def _over(
    shares: np.ndarray, doubtful: np.ndarray, against: Any, name: str | None, doubt: float, figure: Any, style: Any
) -> Figure:
    x = numbers_from("memberships: against", against)
    if x.size != len(shares):
        raise ModelError(f"memberships: against expected {len(shares)} numbers, one for each row, got {x.size}")
    made = canvas(figure, 4.0)
    axes = made.subplots()
    order = np.argsort(x, kind="stable")
    few = np.unique(np.linspace(0, x.size - 1, min(x.size, MOST_DOTS)).round().astype(int))
    rough = x.size > 1 and float(np.abs(np.diff(shares[order], axis=0)).sum(axis=1).mean()) > ROUGH
    for k in range(shares.shape[1]):
        cycle = k // (len(PALETTE) - 1)
        colour = component_colour(k)
        axes.scatter(x[order][few], shares[order, k][few], s=6, color=colour, alpha=0.35, linewidth=0)
        line: dict[str, Any] = {
            "color": colour, "linewidth": 1.8, "label": str(k), "linestyle": LINES[cycle % len(LINES)], **style,
        }  # fmt: skip
        axes.plot(*(_means(x[order], shares[order, k]) if rough else (x[order][few], shares[order, k][few])), **line)
    places = x[doubtful]
    axes.plot(
        places, np.full(places.size, -0.045), linestyle="none", marker="|", markersize=6, markeredgewidth=0.6, color=INK
    )
    _, columns, units, _ = names_of(against)
    axes.set(ylim=(-0.08, 1.03), yticks=(0, 0.25, 0.5, 0.75, 1), ylabel="probability")
    axes.set_xlabel(titled(columns, units, "value", None) if name is None else name)
    axes.set_title(_told(doubtful, doubt), fontsize=9, color=INK, loc="left")
    if shares.shape[1] <= MOST_NAMED:
        made.legend(title="component", loc="outside right upper", frameon=False, fontsize=9, title_fontsize=9)
    tidy(axes)
    return root(axes)


def _means(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over consecutive parts with as many rows each, of sorted rows."""
    parts = int(np.clip(np.sqrt(x.size), 1, MOST_BINS))
    starts = np.unique(np.linspace(0, x.size, parts + 1).round().astype(int))
    counts = np.diff(starts)
    return np.add.reduceat(x, starts[:-1]) / counts, np.add.reduceat(y, starts[:-1]) / counts


__all__ = ["memberships"]
