"""Big data: the rows of one label vector in shards on workers, as one chain after another has them gone over.

Why draws are those of a run in which no worker dies: a shard's answer is a function of the parameters in the message
and of where the chain's streams stand. Both are known here: words of the streams, noted after every so many draws, and
how many draws were made since, each of which takes a known number of uniforms. A shard that is lost is made again from
its rows, its streams are brought to where the draw begins, and the same message gets the same answer. The other shards
keep theirs: their answers to the message are there, or come.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from mcmix.cluster.clients import Cluster, WorkerLost
from mcmix.cluster.shard import Answer, Asked, Begin, Run, Shard
from mcmix.errors import ModelError
from mcmix.kernels.labels import BLOCK, go_on, n_blocks
from mcmix.steps.hand_recipes import Recipe
from mcmix.steps.parts import merged

NOTED = 64  # draws after which the words of streams are noted: a lost shard has fewer to count through


class Rows(Protocol):
    """Where the rows of shards come from."""

    def __len__(self) -> int:
        """Of all shards."""
        ...

    def at(self, cluster: Cluster, worker: str, first: int, end: int) -> Any:
        """Rows from one to before another, for a :class:`Shard` on a worker."""
        ...


class Place:
    """Where one shard is now.

    Attributes
    ----------
    run : Run
    blocks : slice
        Its streams among those of all rows.
    turn : int
        How often it was made.
    knows : set of str
        Chains whose streams it was told.
    """

    def __init__(self, run: Run):
        self.run, self.turn, self.knows = run, 0, set[str]()
        first = run.first * run.size // BLOCK
        self.blocks = slice(first, first + n_blocks(run.n_units))
        self.lock = threading.Lock()
        self.worker, self.shard = "", None  # a future, which is never fetched

    def put(self, worker: str, shard: Any) -> None:
        """It is made."""
        self.worker, self.shard, self.knows = worker, shard, set()
        self.turn += 1

    def asked(self, cluster: Cluster, method: str, *given: Any) -> tuple[str, Any]:
        """Call a method of the shard: the worker that has it, and the future of its answer; None where it is lost."""
        worker = self.worker
        try:
            return worker, cluster.ask(worker, self.shard, method, *given)
        except Exception:  # noqa: BLE001  it is asked again, or the scheduler is lost and that is said
            return worker, None


class Shards:
    """The shards of all rows of a label vector.

    Parameters
    ----------
    cluster : Cluster
    recipe : Recipe
    rows : Rows
    size : int
        Rows of a part.
    """

    def __init__(self, cluster: Cluster, recipe: Recipe, rows: Rows, size: int):
        self.cluster, self._recipe, self._rows = cluster, recipe, rows
        workers = cluster.workers()
        self.n = -(-len(rows) // size)
        self.places = [Place(run) for run in _runs(len(rows), size, list(workers.values()))]
        for place, worker in zip(self.places, workers, strict=False):
            try:
                self._make(place, worker, workers[worker])
            except WorkerLost:
                self.again(place, place.turn)

    def _make(self, place: Place, worker: str, threads: int) -> None:
        """Put a shard on a worker.

        Raises
        ------
        ModelError
            If its rows cannot be sent.
        """
        run = place.run
        rows = self._rows.at(self.cluster, worker, run.first * run.size, run.first * run.size + run.n_units)
        try:
            made = self.cluster.placed(worker, Shard, self._recipe, run, rows, threads)
        except (TypeError, AttributeError) as error:  # what pickle says
            raise ModelError(
                f"sample: client= expected rows that workers can open themselves (a path, a Zarr array, a Dask array) "
                f"or in memory, got some that cannot be sent: {error}"
            ) from error
        place.put(worker, made)

    def again(self, place: Place, turn: int) -> None:
        """Make a shard anew where its worker is lost, if nobody has yet."""
        with place.lock:
            for times in itertools.count(1):
                if place.turn != turn:
                    return
                workers = self.cluster.present()
                self.cluster.refuse_others()
                taken = [p.worker for p in self.places]
                chosen = min(workers, key=lambda w: (taken.count(w), w == place.worker, w))
                try:
                    self._make(place, chosen, workers[chosen])
                except WorkerLost as lost:
                    self.cluster.give_up(times, lost)


class ShardedChain:
    """One chain's draws of labels in the course of a call: :class:`mcmix.steps.parts.Elsewhere`.

    Parameters
    ----------
    shards : Shards
    streams : ndarray
        Of the blocks of all rows, as they stand; they are kept where they stood when they were noted last.
    """

    def __init__(self, shards: Shards, streams: np.ndarray):
        self._shards, self._streams = shards, streams
        self._name = uuid.uuid4().hex
        self._draws = self._noted = 0

    def draw(self, parameters: np.ndarray, labels: int) -> tuple[int, np.ndarray]:
        """One message to each shard and one back; shards that are lost meanwhile are made again."""
        noted = self._draws + 1 - self._noted >= NOTED

        def asked(place: Place) -> Asked:
            begin = None if self._name in place.knows else self._begin(place)
            return Asked(self._name, self._draws, parameters, labels, begin, noted)

        found = self._answers(asked)
        for answer in found:
            if answer.error is not None:
                raise answer.error
        self._draws += 1
        if noted:
            self._take([a.words for a in found])
        status = next((a.status for a in found if a.status != 0), 0)
        if status != 0:
            return status, np.zeros(0)
        ((_, _, total),) = merged((node for a in found for node in a.nodes or ()), self._shards.n)
        return 0, total

    def _begin(self, place: Place) -> Begin:
        """What a shard must know of where the streams stand."""
        return Begin(self._streams[place.blocks].copy(), self._draws - self._noted)

    def _answers(self, asked: Callable[[Place], Asked]) -> list[Answer]:
        """Of all shards, which work side by side."""
        found: dict[Place, Answer] = {}
        for times in itertools.count(1):
            if not (waiting := [p for p in self._shards.places if p not in found]):
                break
            turns = {p: p.turn for p in waiting}
            sent = {p: p.asked(self._shards.cluster, "draw", asked(p)) for p in waiting}
            for place, future in sent.items():
                try:
                    found[place] = self._told(place, future)
                except WorkerLost as lost:
                    self._shards.cluster.give_up(times, lost)
            for place in waiting:
                if place not in found:
                    self._shards.again(place, turns[place])
                elif found[place].stale:
                    place.knows.discard(self._name)
                    del found[place]
        return [found[p] for p in self._shards.places]

    def _told(self, place: Place, sent: tuple[str, Any]) -> Answer:
        worker, future = sent
        if future is None:
            raise WorkerLost(worker)
        answer: Answer = self._shards.cluster.answer(future, worker)
        place.knows.add(self._name)
        return answer

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
        for place in self._shards.places:
            self._streams[place.blocks] = self._words_of(place)
        self._noted = self._draws

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


def _runs(n_units: int, size: int, threads: Sequence[int]) -> list[Run]:
    """Runs of parts, as long as workers have threads; none is empty."""
    n = -(-n_units // size)
    ends = np.rint(n * np.cumsum(threads) / np.sum(threads)).astype(int)
    cuts = sorted({0, *map(int, ends), n})
    return [Run(a, b, n, size, min(b * size, n_units) - a * size) for a, b in zip(cuts, cuts[1:], strict=False)]


__all__ = ["Place", "Rows", "ShardedChain", "Shards"]
