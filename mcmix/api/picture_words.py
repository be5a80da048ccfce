"""What pictures show, in a sentence with numbers, for whoever cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.api.groups import Groups
from mcmix.api.in_words import figures, parted, percent
from mcmix.report.frames import summary_frame
from mcmix.traces.memory import Draws

LOWEST_PEAK = 0.05  # of the highest, below which a bump is none
MOST_TOLD = 4
MOST_DESCRIBED = 8  # scalar elements whose R-hat is looked at


def peaks(x: np.ndarray, heights: np.ndarray) -> list[float]:
    """Where a curve has its peaks, the highest first.

    Examples
    --------
    >>> peaks(np.arange(7.0), np.array([0.0, 2.0, 1.0, 1.0, 5.0, 0.1, 0.2]))
    [4.0, 1.0]
    """
    around = np.concatenate([[-np.inf], heights, [-np.inf]])
    tops = np.flatnonzero((heights > around[:-2]) & (heights >= around[2:]) & (heights > LOWEST_PEAK * heights.max()))
    return [float(x[i]) for i in tops[np.argsort(-heights[tops])]]


def about_density(figure: Any, name: str, data: np.ndarray, unit: tuple[float, str]) -> str:
    """Of a density over data: how many peaks, and where."""
    line = next(o for o in figure.axes[0].lines if o.get_label() == "posterior mean")
    x, heights = np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)
    factor, word = unit
    known = data[~np.isnan(np.asarray(data, dtype=float))] * factor
    found = [f"{v % 360 if word == 'degrees' else v:.3g}" for v in factor * np.array(peaks(x, heights))]
    ends = f"from {known.min():.4g} to {known.max():.4g}{' ' + word if word else ''}"
    many = f"{len(found)} peak{'s' if len(found) != 1 else ''}, at about {_listed(found)}" if found else "no peak"
    return f"Histogram of {known.size} values of {name} {ends}; the fitted distribution over it has {many}."


def _listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them, four at most."""
    some, more = list(words[:MOST_TOLD]), len(words) - MOST_TOLD
    if more > 0:
        some.append(f"{more} more")
    return some[0] if len(some) == 1 else f"{', '.join(some[:-1])} and {some[-1]}"


def about_columns(groups: Groups | None, rows: int) -> str:
    """Of groups over columns: where each lies in the columns that tell it best."""
    if groups is None:
        return f"{rows} rows and the components of some draws."
    told = [f"group {name} ({percent(groups.shares[:, k].mean())} of the rows) at {_where(groups, k)}"
            for k, name in enumerate(groups.names[:MOST_TOLD])]  # fmt: skip
    return f"{rows} rows in {len(groups.names)} group{'s' if len(groups.names) > 1 else ''}: {'; '.join(told)}."


def _where(groups: Groups, k: int) -> str:
    columns = [c for c in groups.columns if np.isfinite(c.typical[k])]
    columns = sorted(columns, key=lambda c: -c.contrast[k])[:3]
    return ", ".join(f"{parted(c.title)[0]} {figures(c.typical[k], c.spread[k])[0]}" for c in columns)


def about_occupied(numbers: np.ndarray) -> str:
    """Of bars by number of components: the most probable ones."""
    order = [int(k) for k in np.argsort(-numbers)[:3] if numbers[k] > 0.005]
    return "Bars: " + ", ".join(f"{k} components hold rows in {percent(numbers[k])} of the draws" for k in order) + "."


def about_partition(sizes: np.ndarray) -> str:
    """Of a matrix of similarities: its blocks."""
    listed = _listed([str(n) for n in sorted(sizes.tolist(), reverse=True)])
    return f"Square of rows against rows with {len(sizes)} light blocks on the diagonal, clusters of {listed} rows."


def about_posterior(kept: Draws, names: Sequence[str]) -> str:
    """Of posteriors of some variables: their means; without names, of the first scalars: R-hat."""
    if not names:
        scalars = [n for n, x in kept.variables.items() if x[0, 0].size <= MOST_DESCRIBED][:4]
        table = summary_frame(kept, scalars) if scalars else None
        if table is None or not np.isfinite(table["r_hat"]).any():
            return "of variables that hardly move."
        return f"of {_listed(scalars)}; the largest R-hat is {np.nanmax(table['r_hat']):.3f}."
    table = summary_frame(kept, list(names)[:MOST_TOLD])
    told = [f"{row} {figures(m, s)[0]} (sd {figures(m, s)[1]})"
            for row, m, s in zip(table.index[:6], table["mean"], table["sd"], strict=False)]  # fmt: skip
    return f"Histograms of draws with means {', '.join(told)}."


__all__ = ["about_columns", "about_density", "about_occupied", "about_partition", "about_posterior", "peaks"]
