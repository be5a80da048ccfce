"""A Figure that shows itself in a notebook without pyplot. Importing this module imports matplotlib."""

from __future__ import annotations

from io import BytesIO

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine


class NotebookFigure(Figure):
    """A matplotlib Figure that pyplot does not know, so that nothing stays open.

    A plain Figure is displayed only once pyplot has started its notebook backend; this one needs no such start.
    """

    def _repr_png_(self) -> bytes:
        image = BytesIO()
        self.savefig(image, format="png", bbox_inches="tight")
        return image.getvalue()


def notebook_figure(width: float, height: float) -> NotebookFigure:
    """Make an empty figure of this size in inches, with room between the rows for titles and labels."""
    return NotebookFigure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.08))
