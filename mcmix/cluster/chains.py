"""Chains whose sweeps are done on workers, a stretch at a time; everything else stays in this process."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import numpy as np

from mcmix.cluster.clients import Cluster, WorkerLost
from mcmix.cluster.stretch import Build, Prepared, Stretch, Swept, swept
from mcmix.errors import ModelError
from mcmix.kernels import driver
from mcmix.sampling import state
from mcmix.sampling.buffers import Buffers
from mcmix.sampling.runner import Runner


class ChainsAway:
    """Lets chains sweep on the workers of a cluster: :class:`mcmix.sampling.runner.Away`.

    A stretch is a task of its own: the state goes along, and comes back with the draws. The same state gives the same
    draws wherever it goes, so a stretch whose worker dies is done again.

    Parameters
    ----------
    cluster : Cluster
    build : Build

    Raises
    ------
    ModelError
        If the model cannot be sent.
    """

    def __init__(self, cluster: Cluster, build: Build):
        self._cluster, self._lock = cluster, threading.Lock()
        self._pickled = _pickled(build)
        self._prepared: Any = None
        self._turn = 0

    def sweep(self, r: Runner) -> float:
        """Do the sweeps that a chain's frame asks for on a worker; returns the seconds that they took there."""
        if r.stop[0] != 0:
            r.status = driver.STOPPED
            return 0.0
        out: Buffers = r.kept[-1]
        try:
            found = self._swept(_stretch(r, out))
        except BaseException as error:  # noqa: BLE001  whoever runs the chain raises it, once draws are kept
            r.chain.report(error)
            return 0.0
        if found.error is not None:
            r.chain.report(found.error)
        if found.arrays:
            _take(r, out, found)
        return found.seconds

    def _swept(self, stretch: Stretch) -> Swept:
        for times in itertools.count(1):
            prepared, turn = self._model()
            try:
                return self._asked(prepared, stretch)
            except WorkerLost as lost:
                self._cluster.give_up(times, lost)
                self._cluster.present()
                with self._lock:
                    self._prepared = self._prepared if self._turn != turn else None
        raise AssertionError  # counting does not end

    def _asked(self, prepared: Any, stretch: Stretch) -> Swept:
        """By the worker that has the chain from before, as long as it is there."""
        workers = sorted(self._cluster.workers())
        if not workers:
            raise WorkerLost("all of them")
        own = workers[stretch.number % len(workers)]
        try:
            future = self._cluster.client.submit(
                swept, prepared, stretch, workers=[own], allow_other_workers=True, pure=False
            )
        except Exception as error:
            self._cluster.workers()
            raise WorkerLost(str(error)) from error
        answer: Swept = self._cluster.answer(future)
        return answer

    def _model(self) -> tuple[Any, int]:
        """The model in the workers' memory, sent there where it is not or no more."""
        with self._lock:
            if self._prepared is None:
                self._cluster.refuse_others()
                self._prepared, self._turn = self._cluster.sent(Prepared(self._pickled)), self._turn + 1
            return self._prepared, self._turn


def _pickled(build: Build) -> bytes:
    from cloudpickle import dumps  # Dask brings it

    try:
        return bytes(dumps(build))
    except Exception as error:  # whatever the user's objects raise
        raise ModelError(f"sample: client= expected a model that can be sent to workers, got: {error}") from error


def _stretch(r: Runner, out: Buffers) -> Stretch:
    compiled = r.compiled
    places = {id(s.key): i for i, s in enumerate(compiled.segments)}
    return Stretch(
        r.number,
        int(r.told.sweeps),
        int(r.told.burn),
        int(r.told.thin),
        r.tunes,
        r.chain.tune_interval,
        r.chain.planned,
        [compiled.labels.index(n) for n in out.labels],
        [next(i for i, s in enumerate(compiled.segments) if s is own) for own in out.segments],
        [places[id(n)] for n in out.moments],
        state.arrays_of([r]),
        [x[r.number] for x in out.moments.values()],
    )


def _take(r: Runner, out: Buffers, found: Swept) -> None:
    """Let a chain stand where its stretch has ended."""
    state.Saved({**state.arrays_of([r]), **found.arrays}, 1).move(r)  # streams that starts alone use stay here
    first, last = r.rows, r.rows + found.rows
    out.numbers[r.number, first:last] = found.numbers
    for array, drawn in zip(out.labels.values(), found.labels, strict=True):
        array[r.number, first:last] = drawn
    for array, running in zip(out.moments.values(), found.running, strict=True):
        np.copyto(array[r.number], running)
    r.told.row, r.told.failed, r.status = last, found.failed, found.status


__all__ = ["ChainsAway"]
