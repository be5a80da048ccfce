"""Labels that follow a Markov chain: expected logs of first states and transitions in, expected pairs out.

With probabilities replaced by exponentials of expected logs, which sum to less than one, forward filtering and backward
smoothing give the best factor of all states together, and its normaliser takes the place of the log likelihood (Beal
2003, "Variational algorithms for approximate Bayesian inference", section 3.4; MacKay 1997, "Ensemble learning for
hidden Markov models").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.markov_chain import first_units
from mcmix.kernels import chain_labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made
from mcmix.structure.accumulator import Kernels
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recorded import Factor
from mcmix.variational.links import Link
from mcmix.variational.statements import Statement


class ChainWeights(Statement):
    """The distribution of labels that follow a Markov chain; its expected log density is part of the pass.

    Parameters
    ----------
    label : LabelVector
    own : Factor
        The labels' own.
    links : mapping of str to Link
        Of ``transitions`` (a cell for each state) and ``initial`` (one cell).
    starts : int

    Attributes
    ----------
    counts : ndarray, shape (starts * K,)
        Expected numbers of units by state.
    """

    kernels = Kernels(kernels.count_pairs, kernels.expect_pairs)

    def __init__(self, label: LabelVector, own: Factor, links: dict[str, Link], starts: int):
        super().__init__(label.node.name, links)
        n, k = label.n_units, label.n_labels
        self.states, self.starts, self.counts = k, starts, np.zeros(starts * k)
        self._pairs = np.zeros((starts, k * k + k))  # of pairs, then of first states
        self._tables = np.zeros((starts, k * k + k))
        self._begins = np.zeros(n)
        self._begins[first_units(own.parameters["lengths"])] = 1.0
        self._filtered, self._unit, self._behind = np.zeros(n * k), np.zeros((2, n)), np.zeros((2, k))

    def refresh(self, power: float) -> None:
        """Write the tables for the next pass, at the power of the pass."""
        parts = [np.ravel(self.links[name].moments().first) for name in ("transitions", "initial")]
        k = self.states
        self._tables[:, : k * k] = np.exp(power * parts[0].reshape(self.starts, -1))
        self._tables[:, k * k :] = np.exp(power * parts[1].reshape(self.starts, -1))

    def told(self, start: int) -> np.ndarray:
        """The record of the kernels for one start; room for what is filtered is shared by all."""
        k = self.states
        tables, pairs = self._tables[start], self._pairs[start]
        return made(
            kernels.CHAIN,
            initial=address_of(tables[k * k :]),
            transitions=address_of(tables[: k * k]),
            begins=address_of(self._begins),
            filtered=address_of(self._filtered),
            highest=address_of(self._unit[0]),
            totals=address_of(self._unit[1]),
            behind=address_of(self._behind[0]),
            behind_tile=address_of(self._behind[1]),
            pairs=address_of(pairs[: k * k]),
            firsts=address_of(pairs[k * k :]),
        )

    def accumulator(self, start: int, told: np.ndarray) -> np.ndarray:
        """What adds up pairs of states, of one start."""
        return self.kernels.record(address_of(told), self._pairs[start])

    @property
    def fields(self) -> dict[str, int]:
        """The kernels of the labels' distribution, as a pass is told."""
        return {name: getattr(kernels, name).address for name in ("ahead", "draw", "expect")}

    def log_weights(self) -> np.ndarray:
        """Nothing: what is known of a state stands in the tables."""
        return np.zeros(self.starts * self.states)

    def message(self, parameter: str) -> tuple[Any, Any]:
        """Expected numbers of pairs, or of first states."""
        k = self.states
        if parameter == "initial":
            return self._pairs[:, k * k :].reshape(-1, k), None
        return self._pairs[:, : k * k].reshape(-1, k), None


__all__ = ["ChainWeights"]
