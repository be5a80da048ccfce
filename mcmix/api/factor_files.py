"""Factors of variational Bayes in files: written whole, and gone on from."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Self

import numpy as np

from mcmix.api.factor_draws import FactorDraws
from mcmix.sampling.interrupts import HeldBack
from mcmix.variational import files


class FactorFiles(FactorDraws):
    """What :class:`VB` keeps in files."""

    _history: list[float]
    _ready: bool
    has_converged: bool
    restart_bounds: np.ndarray

    @property
    @abstractmethod
    def bound(self) -> np.ndarray:
        """The lower bound at each iteration, in nats."""

    @abstractmethod
    def _stands(self) -> None:
        """The factors were put somewhere."""

    def save(self, file: str | Path) -> Path:
        """Write every factor, and the bounds that led to it, to a file (.npz), to go on from with :meth:`load`.

        Parameters
        ----------
        file : str or Path
            ``.npz`` is added where it is missing.

        Returns
        -------
        Path

        Raises
        ------
        ModelError
            Before the first update.
        """
        self._done("save")
        path = _with_ending(file)
        flags = np.array([self.has_converged])
        story = {"bound": self.bound, "restart_bounds": self.restart_bounds, "has_converged": flags}
        files.save(self._engine, story, path)
        return path

    def load(self, file: str | Path) -> Self:
        """Go to where a file stands that :meth:`save` wrote for the same model; `update` goes on from there.

        Parameters
        ----------
        file : str or Path

        Returns
        -------
        VB
            Itself.

        Raises
        ------
        ModelError
            If there is no such file, or it belongs to another model.
        """
        with HeldBack():
            story = files.load(self._engine, _with_ending(file))
            self._history, self.restart_bounds = story["bound"].tolist(), story["restart_bounds"]
            self.has_converged, self._ready = bool(story["has_converged"][0]), True
            self._stands()
        return self


def _with_ending(file: str | Path) -> Path:
    return Path(file) if str(file).endswith(".npz") else Path(f"{file}.npz")


__all__ = ["FactorFiles"]
