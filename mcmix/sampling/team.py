"""Threads that do one piece of work together, and end before anybody touches what they write to."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

PATIENCE = 5.0  # seconds that a process which ends waits for threads to stop
_RUNNING: set[Team] = set()


class Team:
    """Threads with one piece of work, which they share out among themselves.

    The calling thread only waits, so that a signal is seen at once. It waits with nothing but a queue written in C:
    whatever a signal raises there, no lock stays taken. A thread that comes up late finds the team closed and touches
    nothing.

    Parameters
    ----------
    work : callable
        What each thread does; it returns once nothing is left.
    stop : callable
        Makes every thread's work return soon. May be called at any time, from any thread.

    Attributes
    ----------
    failed : list of BaseException
        What the work raised.
    """

    def __init__(self, work: Callable[[], None], stop: Callable[[], None]):
        self._work, self._stop = work, stop
        self._lock = threading.Lock()
        self._news: SimpleQueue[None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._active, self._done, self._closed = 0, 0, False
        self.failed: list[BaseException] = []

    def start(self, n: int) -> None:
        """Start n threads, or as many as the system gives; without any, do the work here."""
        _RUNNING.add(self)
        for i in range(n):
            thread = threading.Thread(target=self._run, daemon=True, name=f"mcmix {i}")
            try:
                thread.start()
            except RuntimeError:  # fewer do the same work
                break
            self._threads.append(thread)
        if not self._threads:
            self._run()

    @property
    def busy(self) -> bool:
        """Whether some thread has not done its work yet."""
        return self._done < len(self._threads)

    def wait(self, seconds: float) -> None:
        """Until a thread has done its work, but not longer than so many seconds."""
        try:
            self._news.get(timeout=seconds)
        except Empty:
            pass

    def end(self) -> None:
        """Stop what still runs and return when nothing does; what a signal raises meanwhile is raised then."""
        raised: BaseException | None = None
        while True:
            try:
                self._end()
                break
            except BaseException as error:  # noqa: BLE001  raised again below
                raised = error
        if raised is not None:
            raise raised

    def _end(self, patience: float = float("inf")) -> None:
        with self._lock:
            self._closed = True
        if self._active:
            self._stop()
        while self._active and patience > 0:
            self.wait(0.05)
            patience -= 0.05
        for thread in self._threads if not self._active else ():
            thread.join(1.0)
        _RUNNING.discard(self)

    def _run(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._active += 1
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  the waiting thread raises it
            self.failed.append(error)
            self._stop()
        finally:
            with self._lock:
                self._active -= 1
                self._done += 1
            self._news.put(None)


def _end_all() -> None:
    """Before the interpreter goes: memory that threads still write to must not go first."""
    for team in list(_RUNNING):
        team._end(PATIENCE)


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_RUNNING.clear)  # a forked process has none of the threads

__all__ = ["Team"]
