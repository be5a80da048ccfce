"""What a worker holds of big data: a run of parts of the rows, and each chain's random streams of their blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.files import temporary_array
from mcmix.kernels import tiles
from mcmix.kernels.crew import CREW
from mcmix.kernels.labels import go_on
from mcmix.sampling.batch_means import averaged
from mcmix.steps.from_disk import PartsInWindow, PartsOfFile, PartsOfRows
from mcmix.steps.hand_recipes import Recipe, Window
from mcmix.steps.parts import Node, asked


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

    def only(self, first: int, end: int) -> Between:
        """Some of these."""
        return Between(self.rows, self.first + first, self.first + end)


@dataclass(frozen=True)
class Drawn:
    """What labels were drawn with: parameters, how many labels there are, and whether they were counted."""

    parameters: np.ndarray
    labels: int
    counted: bool = False


@dataclass(frozen=True)
class Begin:
    """Where the streams of a chain stand: words, and how many draws have been made since.

    Where labels are counted, it is what was drawn since, so that all of it can be drawn and counted again.
    """

    words: np.ndarray
    draws: int
    since: tuple[Drawn, ...] = ()


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
    kept : bool
        Whether labels are to be kept until the next draw.
    counted : bool
        Whether those of the draw before are to be counted.
    settled : int
        How often counts were fetched: they begin anew after that.
    """

    chain: str
    number: int
    parameters: np.ndarray
    labels: int
    begin: Begin | None
    noted: bool
    kept: bool = False
    counted: bool = False
    settled: int = 0


@dataclass(frozen=True)
class Answer:
    """What a shard says.

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
    found : object
        What else was asked for.
    """

    status: int = 0
    nodes: list[Node] | None = None
    words: np.ndarray | None = None
    error: Exception | None = None
    stale: bool = False
    found: Any = None


def whole(answer: Answer) -> Answer:
    """The answer; what was found wrong with the rows is raised."""
    if answer.error is not None:
        raise answer.error
    return answer


@dataclass
class Held:
    """What a shard keeps of a chain: words of its streams, draws done, the last answer, and labels where wanted."""

    words: np.ndarray
    stands: int
    last: Answer = field(default_factory=Answer)
    labels: np.ndarray | None = None
    counts: np.ndarray | None = None
    counted: int = -1  # draws done when labels were counted last
    settled: int = 0


class Shard:
    """Rows in a worker's memory, an actor; or rows that whoever has it reads.

    It keeps where each chain's streams stand, and forgets labels unless they are wanted. Whatever is asked beside draws
    and what hangs on them is a function of the message alone.

    Parameters
    ----------
    recipe : Recipe
    run : Run
    rows : Between, or ndarray
        Read whenever they are gone over, or held in memory.
    threads : int
        That may go over them.
    """

    def __init__(self, recipe: Recipe, run: Run, rows: Any, threads: int):
        self._recipe, self._run, self._rows, self._threads = recipe, run, rows, threads
        self._lock = threading.Lock()
        self._made: PartsOfFile | PartsInWindow | None = None
        self._window: Window | None = None
        self._chains: dict[str, Held] = {}

    @property
    def n_units(self) -> int:
        """Rows here."""
        return self._run.n_units

    @property
    def _parts(self) -> PartsOfRows:
        """Made by the first message: what goes wrong with rows is an answer."""
        if self._made is None:
            self._made = self._over(0, self._run.n_units)
        return self._made

    def _over(self, first: int, end: int) -> PartsOfFile | PartsInWindow:
        """Some of the rows, which begin with a part."""
        size, none = self._run.size, np.zeros((0, 0), np.uint64)
        if isinstance(self._rows, Between):
            return PartsOfFile(self._recipe, self._rows.only(first, end), size, none)
        if self._window is None:
            n = self._run.n_units
            self._window = Window(self._recipe, n)
            for at in range(0, n, size):
                self._window.read(np.asarray(self._rows[at : at + size]), at)
            self._rows = None
        return PartsInWindow(self._recipe, self._window, end - first, size, none, first)

    def _answered(self, work: Callable[[], Answer]) -> Answer:
        """The way back must not be taken for trouble with the way."""
        try:
            with self._lock, CREW.at_most(self._threads):
                return work()
        except Exception as error:  # noqa: BLE001  it is part of the answer
            return Answer(error=error)

    # ---------------------------------------------------------------- draws

    def draw(self, message: Asked) -> Answer:
        """Draw labels of all rows here, and add up."""
        return self._answered(lambda: self._draw(message))

    def _draw(self, message: Asked) -> Answer:
        held = self._chains.get(message.chain)
        if held is not None and held.stands == message.number + 1:  # the answer was lost on its way
            return held.last
        if message.begin is not None:
            held = self._begun(message, message.begin)
        if held is None or held.stands != message.number:
            return Answer(stale=True)
        if message.counted:
            self._count(held)
        if message.settled != held.settled:
            held.settled, held.counts = message.settled, None
        held.labels = self._room_for_labels(held) if message.kept else None
        status = self._drawn(held, Drawn(message.parameters, message.labels))
        nodes = self._parts.nodes(self._run.first, self._run.n) if status == 0 else None
        held.stands, held.last = message.number + 1, Answer(status, nodes, held.words.copy() if message.noted else None)
        return held.last

    def _drawn(self, held: Held, drawn: Drawn) -> int:
        parts = self._parts
        parts.streams, parts.labels = held.words, held.labels
        return parts.go_over(tiles.DRAW, drawn.parameters, asked(drawn.labels))

    def _begun(self, message: Asked, begin: Begin) -> Held:
        """A chain whose streams stand where a draw begins, its labels counted where they were to be."""
        held = Held(np.array(begin.words), message.number, settled=message.settled)  # what came may be read alone
        go_on(held.words, self._run.n_units, begin.draws)
        for drawn in begin.since:
            held.labels = self._room_for_labels(held)
            self._drawn(held, drawn)
            if drawn.counted:
                self._count(held)
            held.counted = -1
        if begin.since and begin.since[-1].counted:
            held.counted = held.stands
        self._chains[message.chain] = held
        return held

    def _room_for_labels(self, held: Held) -> np.ndarray:
        """Beside rows in memory their labels are small; rows that are not there leave them on a disk."""
        if held.labels is not None:
            return held.labels
        of_file = isinstance(self._parts, PartsOfFile)
        n, dtype = self._run.n_units, self._recipe.label_type
        return temporary_array((n,), dtype) if of_file else np.zeros(n, dtype)

    def _count(self, held: Held) -> None:
        """Count labels as they stand, once."""
        if held.counted == held.stands:
            return
        if held.counts is None:
            held.counts = temporary_array((self._run.n_units, self._recipe.n_labels), np.uint32)
        self._parts.labels, held.counted = held.labels, held.stands
        self._parts.count(held.counts)

    def labels(self, chain: str, number: int, first: int, end: int) -> Answer:
        """Labels of some rows as a chain's `number`-th draw left them; nothing where they are not here."""
        return self._answered(lambda: Answer(found=self._labels(chain, number, first, end)))

    def _labels(self, chain: str, number: int, first: int, end: int) -> np.ndarray | None:
        held = self._chains.get(chain)
        if held is None or held.stands != number or held.labels is None:
            return None
        return np.array(held.labels[first:end])

    def counts(self, message: Asked, first: int, end: int) -> Answer:
        """How often some rows had each label since counts were fetched, those of the draw before among them."""
        return self._answered(lambda: self._counts(message, first, end))

    def _counts(self, message: Asked, first: int, end: int) -> Answer:
        held = self._chains.get(message.chain)
        if held is None or held.stands != message.number:
            if message.begin is None:
                return Answer(stale=True)
            held = self._begun(message, message.begin)
        if message.counted:
            self._count(held)
        none = held.counts is None or held.settled != message.settled
        return Answer(found=None if none or held.counts is None else np.array(held.counts[first:end]))

    def words(self, chain: str, number: int) -> np.ndarray | None:
        """Where a chain's streams stand after so many draws; None where that is not known here."""
        with self._lock:
            held = self._chains.get(chain)
            return held.words.copy() if held is not None and held.stands == number else None

    def forget(self, chain: str) -> None:
        """A chain's call has ended."""
        with self._lock:
            self._chains.pop(chain, None)

    # ---------------------------------------------------------------- functions of the message alone

    def weigh(self, parameters: np.ndarray, labels: int) -> Answer:
        """Sum labels out: expected counts and sums, and the log density of each part."""
        return self._answered(lambda: self._weigh(parameters, labels))

    def _weigh(self, parameters: np.ndarray, labels: int) -> Answer:
        parts = self._parts
        parts.totals = np.zeros(len(parts.found))
        try:
            status = parts.go_over(tiles.WEIGH, parameters, asked(labels))
            nodes = parts.nodes(self._run.first, self._run.n) if status == 0 else None
            return Answer(status, nodes, found=parts.totals)
        finally:
            parts.totals = None

    def redrawn(self, begin: Begin, drawn: Drawn, first: int, end: int) -> Answer:
        """Labels of some rows, from the beginning of a block on, as they are drawn where their streams begin."""
        return self._answered(lambda: self._redrawn(begin, drawn, first, end))

    def _redrawn(self, begin: Begin, drawn: Drawn, first: int, end: int) -> Answer:
        words, found = np.array(begin.words), np.zeros(end - first, self._recipe.label_type)
        go_on(words, end - first, begin.draws)
        status = self._over(first, end).draw_into(found, drawn.parameters, asked(drawn.labels), words)
        return Answer(status, found=found)

    def shares(self, parameters: np.ndarray, names: np.ndarray, first: int, end: int) -> Answer:
        """Responsibilities of some rows, averaged over draws, and their Monte Carlo errors.

        Parameters
        ----------
        parameters : ndarray, shape (draws, places)
        names : ndarray of int, shape (draws, K)
            Which component has which name in each draw.
        first, end : int
            Rows, no more than in a part.
        """
        return self._answered(lambda: Answer(found=averaged(self._shares(parameters, first, end), names)))

    def _shares(self, parameters: np.ndarray, first: int, end: int) -> Iterator[np.ndarray]:
        hand, begin = self._over(first, end).reading()
        out = np.zeros((end - first, self._recipe.n_labels))
        for own in parameters:
            out[:] = 0.0
            hand.hear(own, asked(self._recipe.n_labels, collect=False))
            if hand.weigh(begin, begin + end - first, out) != 0:
                out[:] = np.nan
            yield out


__all__ = ["Answer", "Asked", "Begin", "Between", "Drawn", "Run", "Shard", "whole"]
