"""What a worker holds of big data: a run of parts of the rows, and each chain's random streams of their blocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.kernels import tiles
from mcmix.kernels.crew import CREW
from mcmix.kernels.labels import go_on
from mcmix.steps.from_disk import PartsInWindow, PartsOfFile
from mcmix.steps.hand_recipes import Recipe, Window
from mcmix.steps.parts import Node, asked_of_a_draw


@dataclass(frozen=True)
class Run:
    """Which rows: parts `first` to `end` of `n`, each of `size` rows but for the last of all; `n_units` rows here."""

    first: int
    end: int
    n: int
    size: int
    n_units: int


@dataclass(frozen=True)
class Between:
    """Rows of a source on disk from one row to before another, as whoever goes over them asks them."""

    rows: Any
    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """In their order, so many at a time."""
        return self.rows.blocks(rows, self.first, self.end)


@dataclass(frozen=True)
class Begin:
    """Where the streams of a chain stand: words, and how many draws have been made since."""

    words: np.ndarray
    draws: int


@dataclass(frozen=True)
class Asked:
    """A draw of all labels, the `number`-th of a chain in this call: one message to a shard.

    Attributes
    ----------
    chain : str
    number : int
    parameters : ndarray
        What rows look at.
    labels : int
        How many there are.
    begin : Begin or None
        Where the chain's streams stand, for a shard that does not know.
    noted : bool
        Whether their words after the draw are wanted.
    """

    chain: str
    number: int
    parameters: np.ndarray
    labels: int
    begin: Begin | None
    noted: bool


@dataclass(frozen=True)
class Answer:
    """What a shard says of a draw.

    Attributes
    ----------
    status : int
    nodes : list of (level, place, sums)
        Of the tree of sums over all parts.
    words : ndarray or None
    error : Exception or None
        Of our own: of a file that has changed, say.
    stale : bool
        The shard does not stand where the draw begins: it is to be told.
    """

    status: int = 0
    nodes: list[Node] | None = None
    words: np.ndarray | None = None
    error: Exception | None = None
    stale: bool = False


class Shard:
    """Rows in a worker's memory, an actor.

    It keeps where each chain's streams stand, and forgets labels.

    Parameters
    ----------
    recipe : Recipe
    run : Run
    rows : Between, or ndarray
        Read in every draw, or held in memory.
    threads : int
        That may go over them.
    """

    def __init__(self, recipe: Recipe, run: Run, rows: Any, threads: int):
        self._recipe, self._run, self._rows, self._threads = recipe, run, rows, threads
        self._lock = threading.Lock()
        self._held: PartsOfFile | PartsInWindow | None = None
        self._words: dict[str, np.ndarray] = {}
        self._stands: dict[str, int] = {}  # draws done
        self._last: dict[str, Answer] = {}

    @property
    def _parts(self) -> PartsOfFile | PartsInWindow:
        """Made by the first draw: what goes wrong with rows is an answer."""
        if self._held is None:
            self._held, self._rows = self._made(self._rows), None
        return self._held

    def _made(self, rows: Any) -> PartsOfFile | PartsInWindow:
        n, size, none = self._run.n_units, self._run.size, np.zeros((0, 0), np.uint64)
        if isinstance(rows, Between):
            return PartsOfFile(self._recipe, rows, size, none)
        window = Window(self._recipe, n)
        for first in range(0, n, size):
            window.read(np.asarray(rows[first : first + size]), first)
        return PartsInWindow(self._recipe, window, n, size, none)

    def draw(self, asked: Asked) -> Answer:
        """Draw labels of all rows here, and add up."""
        try:
            with self._lock:
                return self._draw(asked)
        except Exception as error:  # noqa: BLE001  the way back must not be taken for trouble with the way
            return Answer(error=error)

    def _draw(self, asked: Asked) -> Answer:
        chain = asked.chain
        if self._stands.get(chain) == asked.number + 1:  # the answer was lost on its way
            return self._last[chain]
        if asked.begin is not None:
            self._begin(chain, asked.number, asked.begin)
        if self._stands.get(chain) != asked.number:
            return Answer(stale=True)
        parts = self._parts
        parts.streams = self._words[chain]
        with CREW.at_most(self._threads):
            status = parts.go_over(tiles.DRAW, asked.parameters, asked_of_a_draw(asked.labels))
        nodes = parts.nodes(self._run.first, self._run.n) if status == 0 else None
        words = self._words[chain].copy() if asked.noted else None
        self._stands[chain], self._last[chain] = asked.number + 1, Answer(status, nodes, words)
        return self._last[chain]

    def _begin(self, chain: str, number: int, begin: Begin) -> None:
        words = np.array(begin.words)  # what came may be read alone
        go_on(words, self._run.n_units, begin.draws)
        self._words[chain], self._stands[chain] = words, number

    def words(self, chain: str, number: int) -> np.ndarray | None:
        """Where a chain's streams stand after so many draws; None where that is not known here."""
        with self._lock:
            return self._words[chain].copy() if self._stands.get(chain) == number else None

    def forget(self, chain: str) -> None:
        """A chain's call has ended."""
        with self._lock:
            for held in (self._words, self._stands, self._last):
                held.pop(chain, None)


__all__ = ["Answer", "Asked", "Begin", "Between", "Run", "Shard"]
