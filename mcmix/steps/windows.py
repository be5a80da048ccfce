"""Discrete variables with many values and a log density that is dear: some of the values are tried at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mcmix.kernels import windows as kernels
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain
from mcmix.steps.density import Enumeration
from mcmix.structure.contributions import Structure

WINDOW = 24  # values that are tried in one move


class WindowedEnumeration(Enumeration):
    """Exact draw of each element of a discrete variable among some of its values, others in every sweep."""

    name = "windowed enumeration"

    def __init__(self, variables: Sequence[Stochastic], structure: Structure, reason: str = ""):
        super().__init__(variables, structure, reason)
        # All values in one window is plain enumeration.
        self.size = min(WINDOW, self.n_values)

    @property
    def workspace(self) -> int:
        """One weight per value of a window."""
        return max(WINDOW, 4)

    def bind(self, chain: Chain) -> list[Call]:
        """One call."""
        reals = np.array([float(self.size)])
        return [self.called(chain, kernels.enumerate_windows, reals, choices=self.n_values)]

    @property
    def cost(self) -> str:
        """Cost of one sweep."""
        return f"{self.n} x {self.size} of {self.n_values} values, {self.target.size} terms each"
