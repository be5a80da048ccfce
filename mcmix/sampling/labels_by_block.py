"""Labels that no chain has in its memory, on their way to a folder: block by block, where all chains pause.

Rows on disk, and rows in shards of a cluster, are as many as nobody wants to hold. Chains pause at each draw of which
labels are wanted, and whoever drew them is asked (:class:`mcmix.steps.parts.RowsApart`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.files import temporary_array
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.runner import Runner
from mcmix.steps.plan import CompiledModel, per_label_bytes, recorded_from
from mcmix.traces.disk import Folder
from mcmix.traces.stored import LABELS


@dataclass(frozen=True)
class Apart:
    """A label vector that chains do not have in memory.

    Attributes
    ----------
    node : Stochastic
    n_units, n_labels, lowest : int
        Rows, labels, and the value of the first label.
    dtype : dtype
        In which values of labels are kept.
    """

    node: Stochastic
    n_units: int
    n_labels: int
    lowest: int
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, node: Stochastic, compiled: CompiledModel, n_units: int) -> Apart:
        """Of a label vector with so many rows."""
        label = compiled.component_tables[node.name].label
        small = np.dtype(np.uint8 if per_label_bytes(node, compiled) == 1 else np.uint16)
        fits = recorded_from(node, compiled) == 0
        return cls(node, n_units, label.n_labels, label.lowest, small if fits else np.dtype(np.int32))

    def like(self, n_chains: int) -> np.ndarray:
        """No draws of them, as a folder begins with."""
        return np.zeros((n_chains, 0, self.n_units), self.dtype)

    def no_counts(self, n_chains: int) -> np.ndarray:
        """Nought for each chain, row and label, in no memory."""
        return np.broadcast_to(np.uint32(0), (n_chains, self.n_units, self.n_labels))

    def values(self, numbers: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Labels as they are kept, from numbers counted from 0."""
        return (block.astype(self.dtype, copy=False) + self.dtype.type(self.lowest) for block in numbers)


class LabelsByBlock:
    """Writes labels to a folder, or counts them, at the draws of which they are wanted.

    Parameters
    ----------
    folder : Folder
    runners : sequence of Runner
    vectors : sequence of Apart
    every : int
        Labels of one draw in so many are kept.
    counted : bool
        All draws are counted, in the place of that.
    names : mapping of str to str
        Of label vectors in the folder.
    counts : str
        The group of counts.
    """

    def __init__(
        self,
        folder: Folder,
        runners: Sequence[Runner],
        vectors: Sequence[Apart],
        every: int,
        counted: bool,
        names: Mapping[str, str],
        counts: str,
    ):
        self._folder, self._runners, self._vectors = folder, runners, vectors
        self._every, self._counted, self._names, self._group = 1 if counted else every, counted, names, counts
        self.next = 0  # draw of which labels are wanted
        self.counts: dict[str, np.ndarray] = {}
        if counted:
            n, where = len(runners), str(folder.path)
            self.counts = {
                self._name(v): temporary_array((n, v.n_units, v.n_labels), np.uint32, where) for v in vectors
            }

    def _name(self, v: Apart) -> str:
        return self._names.get(v.node.name, v.node.name)

    def begin(self, draws: int) -> None:
        """Chains stand ready, and have made so many draws."""
        self.next = -(-draws // self._every) * self._every
        for r in self._runners:
            for v in self._vectors:
                r.chain.rows_apart[v.node].follow(str(self._folder.path))

    def take(self, draws: int) -> None:
        """Chains have just made the last of so many draws: take its labels if they are wanted."""
        if draws != self.next + 1:
            return
        for i, r in enumerate(self._runners):
            for v in self._vectors:
                rows = r.chain.rows_apart[v.node]
                if self._counted:
                    rows.count(self.counts[self._name(v)][i])
                else:
                    self._folder.fill(LABELS, self._name(v), i, v.values(rows.current()), self.next // self._every)
        self.next += self._every

    def settle(self) -> None:
        """Let counts be those of all draws so far, and the folder show them."""
        if not self._counted:
            return
        for i, r in enumerate(self._runners):
            for v in self._vectors:
                counts = self.counts[self._name(v)][i]
                r.chain.rows_apart[v.node].settle(counts)
                self._folder.fill(self._group, self._name(v), i, (counts[a : a + ROWS] for a in _starts(counts)))

    def go_on(self) -> None:
        """Take counts from where the folder's state has them."""
        for name, counts in self.counts.items():
            self._folder.take_beside(f"counts {name}", counts)

    @property
    def beside(self) -> dict[str, np.ndarray]:
        """What goes with the chains' state."""
        return {f"counts {name}": x for name, x in self.counts.items()}


ROWS = 2**18  # of counts that are written together


def _starts(counts: np.ndarray) -> range:
    return range(0, len(counts), ROWS)


__all__ = ["Apart", "LabelsByBlock"]
