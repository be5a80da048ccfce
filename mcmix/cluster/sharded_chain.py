"""One chain over rows in shards, in the course of a call.

Why draws are those of a run in which no worker dies: a shard's answer is a function of the parameters in the message
and of where the chain's streams stand. Both are known here: words of the streams, noted after every so many draws, and
how many draws were made since, each of which takes a known number of uniforms. A shard that is lost is made again from
its rows, its streams are brought to where the draw begins, and the same message gets the same answer. The other shards
keep theirs: their answers to the message are there, or come. Where labels are counted, what was drawn since counts were
fetched last is told once more, so that a new shard counts the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcmix.cluster.shard import Asked, Begin, Drawn
from mcmix.cluster.shards import Place, Shards, summed
from mcmix.files import temporary_array
from mcmix.kernels.labels import BLOCK, go_on, n_blocks

NOTED = 64  # draws after which the words of streams are noted: a lost shard has fewer to count through
AT_ONCE = 64 * BLOCK  # rows whose labels or counts are in one message


@dataclass
class Last:
    """The last draw: what it was drawn with, where streams were noted before it, and how many draws later it began."""

    drawn: Drawn
    words: np.ndarray
    draws: int


class ShardedChain:
    """One chain's draws of labels: :class:`mcmix.steps.parts.Elsewhere` and :class:`mcmix.steps.parts.RowsApart`.

    Parameters
    ----------
    shards : Shards
    streams : ndarray
        Of the blocks of all rows, as they stand; they are kept where they stood when they were noted last.
    """

    def __init__(self, shards: Shards, streams: np.ndarray):
        self._shards, self._streams = shards, streams
        self._name = uuid.uuid4().hex
        self._draws = self._noted = self._settled = 0
        self._last: Last | None = None
        self._folder: str | None = None  # where labels are wanted
        self._due = False  # whether those of the last draw are to be counted
        self._base: np.ndarray | None = None  # words where counts were fetched last, if labels are counted
        self._since: list[Drawn] = []

    @property
    def n_units(self) -> int:
        """Rows of all shards."""
        return self._shards.n_units

    # ---------------------------------------------------------------- draws

    def draw(self, parameters: np.ndarray, labels: int) -> tuple[int, np.ndarray]:
        """One message to each shard and one back; shards that are lost meanwhile are made again."""
        noted = self._draws + 1 - self._noted >= NOTED
        drawn, begun = Drawn(parameters, labels), self._draws - self._noted
        found = self._shards.answers("draw", lambda p: (self._message(p, drawn, noted),), self._forgotten)
        self._know()
        self._last = Last(drawn, self._streams.copy() if noted else self._streams, begun)
        self._draws += 1
        self._due = False
        if self._base is not None:
            self._since.append(drawn)
        if noted:
            self._take([a.words for a in found])
        return summed(found, self._shards.n)

    def _message(self, place: Place, drawn: Drawn, noted: bool) -> Asked:
        begin = None if self._name in place.knows else self._begin(place)
        kept = self._folder is not None
        return Asked(
            self._name, self._draws, drawn.parameters, drawn.labels, begin, noted, kept, self._due, self._settled
        )

    def _begin(self, place: Place) -> Begin:
        """What a shard must know of where the streams stand."""
        if self._base is not None:
            return Begin(self._base[place.blocks].copy(), 0, tuple(self._since))
        return Begin(self._streams[place.blocks].copy(), self._draws - self._noted)

    def _know(self) -> None:
        for place in self._shards.places:
            place.knows.add(self._name)

    def _forgotten(self, place: Place) -> None:
        """A shard stands elsewhere: it is to be told where to begin."""
        place.knows.discard(self._name)

    def weigh(self, parameters: np.ndarray, labels: int) -> tuple[int, np.ndarray, np.ndarray]:
        """One message to each shard and one back, labels summed out."""
        found = self._shards.answers("weigh", lambda p: (parameters, labels))
        status, total = summed(found, self._shards.n)
        return status, total, np.concatenate([a.found for a in found])

    # ---------------------------------------------------------------- labels

    def follow(self, folder: str) -> None:
        """Let workers keep the labels of every draw from now on, until the next one."""
        self._folder = folder

    def leave(self) -> None:
        """Labels are not wanted any more."""
        self._folder, self._base, self._since = None, None, []

    def current(self) -> Iterator[np.ndarray]:
        """Labels as they were drawn last, fetched some parts at a time; drawn again where a shard is a new one."""
        for place, first, end in self._shards.stretches(AT_ONCE):
            found = self._shards.answer(place, "labels", self._name, self._draws, first, end).found
            yield self._again(place, first, end) if found is None else found

    def last(self, labels: np.ndarray) -> bool:
        """Draw the labels of the last draw again, into an array; whether there was one."""
        if self._last is None:
            return False
        at = 0
        for place, first, end in self._shards.stretches(AT_ONCE):
            labels[at : at + end - first] = self._again(place, first, end)
            at += end - first
        return True

    def _again(self, place: Place, first: int, end: int) -> np.ndarray:
        assert self._last is not None
        blocks = slice(place.blocks.start + first // BLOCK, place.blocks.start + n_blocks(end))
        begin = Begin(self._last.words[blocks].copy(), self._last.draws)
        found: np.ndarray = self._shards.answer(place, "redrawn", begin, self._last.drawn, first, end).found
        return found

    def count(self, counts: np.ndarray) -> None:
        """Let the labels of the last draw be counted, with the next message."""
        if self._base is None:  # nothing was counted before: a new shard is told of this draw alone
            self._base, self._since = self._before_last(), [self._drawn_last]
        self._since[-1] = replace(self._since[-1], counted=True)
        self._due = True

    @property
    def _drawn_last(self) -> Drawn:
        assert self._last is not None
        return self._last.drawn

    def _before_last(self) -> np.ndarray:
        """Words of all streams where the last draw began."""
        assert self._last is not None
        words = self._last.words.copy()
        for place in self._shards.places:
            go_on(words[place.blocks], place.run.n_units, self._last.draws)
        return words

    def settle(self, counts: np.ndarray) -> None:
        """Fetch what workers have counted, all of it before any of it is added."""
        if self._base is None:
            return
        fetched = temporary_array(counts.shape, counts.dtype, self._folder)
        at = 0
        for place, first, end in self._shards.stretches(AT_ONCE):
            found = self._counts_of(place, first, end)
            fetched[at : at + end - first] = 0 if found is None else found
            at += end - first
        self._due = False
        self.bring_home()
        self._base, self._since, self._settled = None, [], self._settled + 1
        for first in range(0, len(counts), BLOCK):
            counts[first : first + BLOCK] += fetched[first : first + BLOCK]

    def _counts_of(self, place: Place, first: int, end: int) -> np.ndarray | None:
        def asked(begin: Begin | None) -> Asked:
            none = np.zeros(0)
            return Asked(self._name, self._draws, none, 0, begin, False, True, self._due, self._settled)

        answer = self._shards.answer(place, "counts", asked(None), first, end)
        if answer.stale:
            answer = self._shards.answer(place, "counts", asked(self._begin(place)), first, end)
        found: np.ndarray | None = answer.found
        return found

    # ---------------------------------------------------------------- streams

    def _take(self, stands: Sequence[np.ndarray | None]) -> None:
        """Streams as they stand after the last draw."""
        for place, found in zip(self._shards.places, stands, strict=True):
            assert found is not None
            self._streams[place.blocks] = found
        self._noted = self._draws

    def bring_home(self) -> None:
        """Let the chain's own streams stand where those on the workers do; counted through here if these are lost."""
        if self._noted == self._draws:
            return
        if self._last is not None and self._last.words is self._streams:
            self._last.words = self._streams.copy()
        self._take([self._words_of(place) for place in self._shards.places])

    def _words_of(self, place: Place) -> np.ndarray:
        try:
            worker, future = place.asked(self._shards.cluster, "words", self._name, self._draws)
            found: np.ndarray | None = self._shards.cluster.answer(future, worker)
        except Exception:  # noqa: BLE001  whatever was lost, the same numbers come of counting
            found = None
        if found is not None:
            return found
        counted = self._streams[place.blocks].copy()
        go_on(counted, place.run.n_units, self._draws - self._noted)
        return counted

    def end(self) -> None:
        """The call has ended."""
        self.bring_home()
        self._forgetting = [p.asked(self._shards.cluster, "forget", self._name) for p in self._shards.places]


__all__ = ["ShardedChain"]
