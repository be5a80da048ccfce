"""A Dask client as the rest of this folder asks it: which workers there are, what they answer, or that they are lost.

Nothing else imports Dask, and nothing does before a client was handed in.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from mcmix._version import __version__
from mcmix.errors import ClusterError, ModelError

POLL = 0.5  # seconds between looks at whether a worker that has not answered is still there
BRIEFLY = 0.01  # seconds between looks at whether an object is there
MOST_TIMES = 20  # that the same work is lost before it is given up
PATIENCE = 60.0  # seconds in which some worker must come up again


class WorkerLost(Exception):
    """A worker that will not answer any more."""


class Cluster:
    """The workers behind a client.

    Parameters
    ----------
    client : dask.distributed.Client

    Raises
    ------
    ModelError
        If it is no client, is closed, has no workers, or if these run another release of this package.
    """

    def __init__(self, client: Any):
        self.client = client
        self._versions: dict[str, str] = {}
        self._refuse_closed()
        if not self.workers():
            raise ModelError("sample: client= expected a cluster with workers, got one that has none yet")
        self.refuse_others()

    def _refuse_closed(self) -> None:
        from distributed import Client

        if not isinstance(self.client, Client):
            raise ModelError(f"sample: client= expected a dask.distributed.Client, got {type(self.client).__name__}")
        if self.client.status != "running":
            raise ModelError(f"sample: client= expected a client that is open, got one that is {self.client.status}")
        if self.client.asynchronous:
            raise ModelError("sample: client= expected a client that waits, got one with asynchronous=True")

    def refuse_others(self) -> None:
        """Refuse workers with another release of this package; each is asked once.

        Raises
        ------
        ModelError
        """
        new = [w for w in self.workers() if w not in self._versions]
        found = self.client.run(_version, workers=new, on_error="return") if new else {}
        found = {w: v for w, v in found.items() if not isinstance(v, OSError)}  # gone already: nobody asks it for more
        for worker, version in found.items():
            if version != __version__:
                has = f"mcmix {version}" if isinstance(version, str) else f"no mcmix that can be imported ({version})"
                raise ModelError(
                    f"sample: client= expected workers that run mcmix {__version__} as this process does, got one at "
                    f"{worker} that has {has}"
                )
        self._versions |= found

    def workers(self) -> dict[str, int]:
        """Threads of each worker, by address.

        Raises
        ------
        ClusterError
            If the scheduler does not answer.
        """
        try:
            if self.client.status != "running":
                raise OSError(f"the client is {self.client.status}")
            return dict(self.client.nthreads())
        except Exception as error:  # whatever stands between us and the scheduler
            raise ClusterError(f"the scheduler of the cluster was lost ({error})") from error

    def present(self) -> dict[str, int]:
        """The same, once there is at least one.

        Raises
        ------
        ClusterError
            If none comes up for a minute.
        """
        end = time.monotonic() + PATIENCE
        while not (found := self.workers()):
            if time.monotonic() > end:
                raise ClusterError(f"all workers of the cluster were lost, and none came up in {PATIENCE:g} seconds")
            time.sleep(POLL)
        return found

    def answer(self, future: Any, worker: str | None = None) -> Any:
        """What a future becomes, of whose worker it is known that it still is there.

        Parameters
        ----------
        future : Future
            Of Dask, or of an actor's answer.
        worker : str, optional
            Address, where no other one can do it.

        Raises
        ------
        WorkerLost
            If the worker is gone, or what is needed there.
        ClusterError
            If the scheduler is.
        """
        while True:
            try:
                return future.result(timeout=POLL)
            except TimeoutError as error:
                if future.done():  # it was the answer
                    raise WorkerLost(str(error)) from error
                if worker not in (None, *self.workers()):
                    raise WorkerLost(f"{worker} is gone") from error
            except Exception as error:  # errors of our own are part of an answer: what is raised here is the way's
                self.workers()
                raise WorkerLost(str(error)) from error

    def placed(self, worker: str, kind: Any, *given: Any) -> Any:
        """An object of a class that lives on a worker, an actor: the future that keeps it alive, and is never fetched.

        Raises
        ------
        WorkerLost
            If the worker is gone.
        """
        made = self.client.submit(kind, *given, workers=[worker], actor=True, pure=False)
        while made.status == "pending":
            if worker not in self.workers():
                raise WorkerLost(f"{worker} is gone")
            time.sleep(BRIEFLY)
        if made.status != "finished":
            raise WorkerLost(f"{worker}: {made.exception() if made.status == 'error' else made.status}")
        return made

    def ask(self, worker: str, actor: Any, method: str, *given: Any) -> Any:
        """Call a method of an actor: the future of its answer.

        By a call of its own and not by Dask's object for actors: what that answers may never come where a connection is
        lost, or where a process has two clients.

        Raises
        ------
        WorkerLost
            If the client is closed.
        """
        from distributed.protocol import to_serialize

        if self.client.status != "running":  # nobody would run what is asked
            raise WorkerLost(f"the client is {self.client.status}")
        told = {"actor": actor.key, "function": method, "args": [to_serialize(x) for x in given], "kwargs": {}}

        async def asked() -> Any:
            if self.client.direct_to_workers:
                found = await self.client.rpc(worker).actor_execute(**told)
            else:
                found = await self.client.scheduler.proxy(worker=worker, msg={"op": "actor_execute", **told})
            if found["status"] != "OK":
                raise found["exception"]
            return found["result"]

        return asyncio.run_coroutine_threadsafe(asked(), self.client.loop.asyncio_loop)

    def give_up(self, times: int, why: WorkerLost) -> None:
        """Refuse to try once more what was lost so many times in a row, with workers there all the time.

        Raises
        ------
        ClusterError
        """
        if times >= MOST_TIMES:
            raise ClusterError(f"the workers of the cluster lost the same work {times} times; the last time: {why}")

    def sent(self, what: Any, worker: str | None = None) -> Any:
        """Something in the memory of one worker, or of all."""
        try:
            places = None if worker is None else [worker]
            return self.client.scatter(what, workers=places, broadcast=worker is None, hash=False)
        except Exception as error:
            self.workers()
            raise WorkerLost(str(error)) from error

    def computed(self, lazy: Any, worker: str) -> Any:
        """A Dask collection's result, in one worker's memory."""
        return self.client.compute(lazy, workers=[worker], allow_other_workers=False)


def _version() -> str:
    from mcmix import _version as there

    return there.__version__


__all__ = ["Cluster", "WorkerLost"]
