"""The observed data that somebody serves a model on."""

from __future__ import annotations

from mcmix.nodes.model import Model
from mcmix.structure.rows import Rows


class Observed:
    """Whoever serves a model: on the rows that its nodes hold, or on others.

    Attributes
    ----------
    model : Model
    """

    model: Model
    _rows: Rows | None = None

    @property
    def rows(self) -> Rows:
        """The observed data, which nobody reads off the nodes."""
        return Rows.of(self.model) if self._rows is None else self._rows


__all__ = ["Observed"]
