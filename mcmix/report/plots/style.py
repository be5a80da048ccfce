"""What the figures share: distinct colours, sizes, tidy axes; matplotlib's own settings stay as found."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.report.elements import Elements, select

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito (2008), "Color Universal Design", with the pale yellow last because it fades on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
DATA = "#C8CCD0"  # bars of data and of pooled draws: quiet, so that lines on top stand out
INK = "#333333"
WIDTH = 9.0  # inches; fills a notebook's column
SMALL = (5.8, 3.4)  # inches, of what must be read on a telephone too
MOST_ELEMENTS = 12  # per variable, unless it was asked for by name
MOST_PANELS = 60
SMALLEST = 7.0  # points, of a name
CHARACTER = 0.088  # inches, of ten points


def chain_colour(chain: int) -> str:
    """Colour of a chain; repeats after eight."""
    return PALETTE[chain % len(PALETTE)]


def component_colour(component: int) -> str:
    """Colour of a component, the same in every figure; the first of the palette is kept for what has no component."""
    return PALETTE[1 + component % (len(PALETTE) - 1)]


def canvas(figure: Figure | SubFigure | None, height: float) -> Any:
    """Return the figure that was given (or made, by a function of the height in inches), or a new one that high."""
    if figure is not None:
        return figure(height) if callable(figure) else figure
    from mcmix.report.plots.figures import notebook_figure

    return notebook_figure(WIDTH, height)


def root(axes: Axes) -> Any:
    """Return the figure that the axes stand in, whole also where they stand in a part of it."""
    return axes.get_figure(root=True)


def tidy(axes: Axes, *, baseline_only: bool = False) -> None:
    """Take away what carries no information: the upper and right frame, and for histograms the counts."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9, colors=INK)
    if baseline_only:
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])


def few_ticks(axes: Axes, columns: int) -> None:
    """As many numbers along the x axis as have room where so many panels stand side by side."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=7 if columns < 4 else 4 if columns < 6 else 3))


def fitted_name(text: str, columns: int) -> dict[str, Any]:
    """A name as it fits a panel, one of so many side by side: smaller, then in lines, where it is long.

    Examples
    --------
    >>> fitted_name("mu[0]", 6)
    {'text': 'mu[0]', 'fontsize': 10.0}
    """
    room = WIDTH / columns - 0.1
    size = float(np.clip(10.0 * room / (CHARACTER * max(len(text), 1)), SMALLEST, 10.0))
    lines = wrap(text.replace("_", "_ "), max(8, int(room / (CHARACTER * size / 10.0))))
    return {"text": "\n".join(line.replace("_ ", "_") for line in lines), "fontsize": round(size, 2)}


def name_below(axes: Axes, text: str, columns: int) -> None:
    """Write a name below one of so many panels side by side."""
    fitted = fitted_name(text, columns)
    axes.set_xlabel(fitted["text"], fontsize=fitted["fontsize"])


def shown(draws: Any, names: Any) -> tuple[list[Elements], str]:
    """Choose what to draw, and a line on what was left out for its size. Angles come about their circular mean.

    Raises
    ------
    ModelError
        If what was asked for by name fills more panels than one can read.
    """
    parts = [part._replace(draws=part.on_a_line) for part in select(draws, names)]
    if names is None:
        large = [part for part in parts if len(part.labels) > MOST_ELEMENTS]
        parts = [part for part in parts if len(part.labels) <= MOST_ELEMENTS]
        return _few(parts), ", ".join(f"{part.name} ({len(part.labels)} elements)" for part in large)
    return _few(parts), ""


def _few(parts: list[Elements]) -> list[Elements]:
    panels = sum(len(part.labels) for part in parts)
    if not 0 < panels <= MOST_PANELS:
        raise ModelError(
            f"expected 1 to {MOST_PANELS} elements to draw, got {panels}: name variables ('mu') or elements ('mu[0]')"
        )
    return parts


def footnote(figure: Any, left_out: str) -> None:
    """Say below the panels what is not among them."""
    if left_out:
        figure.supxlabel(f"not shown, name it to see it: {left_out}", fontsize=9, color=INK)
