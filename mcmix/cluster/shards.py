"""Big data: the rows of one label vector in shards on workers, and messages to them.

A shard that is lost is made again from its rows, and asked the same once more.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from mcmix.cluster.clients import Cluster, WorkerLost
from mcmix.cluster.shard import Answer, Run, Shard, whole
from mcmix.errors import ModelError
from mcmix.kernels.labels import BLOCK, n_blocks
from mcmix.steps.hand_recipes import Recipe
from mcmix.steps.parts import merged


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
        self.n, self.n_units = -(-len(rows) // size), len(rows)
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

    # ---------------------------------------------------------------- messages

    def answers(
        self,
        method: str,
        given: Callable[[Place], tuple[Any, ...]],
        stale: Callable[[Place], None] = lambda place: None,
    ) -> list[Answer]:
        """Answers of all shards, which work side by side; shards that are lost meanwhile are made again.

        Raises
        ------
        McmixError
            What a shard found wrong with its rows.
        """
        found: dict[Place, Answer] = {}
        for times in itertools.count(1):
            if not (waiting := [p for p in self.places if p not in found]):
                break
            turns = {p: p.turn for p in waiting}
            sent = {p: p.asked(self.cluster, method, *given(p)) for p in waiting}
            for place, future in sent.items():
                try:
                    found[place] = self._told(future)
                except WorkerLost as lost:
                    self.cluster.give_up(times, lost)
            for place in waiting:
                if place not in found:
                    self.again(place, turns[place])
                elif found[place].stale:
                    stale(place)
                    del found[place]
        return [whole(found[p]) for p in self.places]

    def answer(self, place: Place, method: str, *given: Any) -> Answer:
        """The answer of one shard to a message that needs nothing but its rows."""
        for times in itertools.count(1):
            turn = place.turn
            try:
                return whole(self._told(place.asked(self.cluster, method, *given)))
            except WorkerLost as lost:
                self.cluster.give_up(times, lost)
                self.again(place, turn)
        raise AssertionError  # counting does not end

    def _told(self, sent: tuple[str, Any]) -> Answer:
        worker, future = sent
        if future is None:
            raise WorkerLost(worker)
        found: Answer = self.cluster.answer(future, worker)
        return found

    def stretches(self, rows: int) -> Iterator[tuple[Place, int, int]]:
        """All rows in their order, so many at a time: whose they are, and from which of its rows to which."""
        for place in self.places:
            for first in range(0, place.run.n_units, rows):
                yield place, first, min(first + rows, place.run.n_units)


def summed(found: Sequence[Answer], n: int) -> tuple[int, np.ndarray]:
    """The status of the first shard that failed, and sums of all rows."""
    status = next((a.status for a in found if a.status != 0), 0)
    if status != 0:
        return status, np.zeros(0)
    ((_, _, total),) = merged((node for a in found for node in a.nodes or ()), n)
    return 0, total


def _runs(n_units: int, size: int, threads: Sequence[int]) -> list[Run]:
    """Runs of parts, as long as workers have threads; none is empty."""
    n = -(-n_units // size)
    ends = np.rint(n * np.cumsum(threads) / np.sum(threads)).astype(int)
    cuts = sorted({0, *map(int, ends), n})
    return [Run(a, b, n, size, min(b * size, n_units) - a * size) for a, b in zip(cuts, cuts[1:], strict=False)]


__all__ = ["Place", "Rows", "Shards", "summed"]
