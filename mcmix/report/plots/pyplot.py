"""Figures that pyplot knows, for programs that end in ``pyplot.show()``. Importing this module imports matplotlib."""

from __future__ import annotations

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mcmix.report.plots.style import WIDTH


def pyplot_figure(height: float, new: bool = True) -> Figure:
    """A new figure of the house's width, or pyplot's present one, emptied."""
    if new or not pyplot.get_fignums():
        return pyplot.figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(h_pad=0.08))
    figure = pyplot.gcf()
    figure.clear()
    figure.set_size_inches(WIDTH, height)
    figure.set_layout_engine(ConstrainedLayoutEngine(h_pad=0.08))
    return figure
