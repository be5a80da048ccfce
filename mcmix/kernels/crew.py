"""Threads of the process that help with parts of a pass, where cores are left beside the chains that run."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

Hand = Callable[[int], None]  # does one part, given by its number


def available_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


class Crew:
    """Helping threads, and how many of them may help.

    A piece of work is offered to as many of them as may help, and whoever offers it works, too: helpers that are busy
    elsewhere are not waited for. Everything they wait with is a queue written in C, which no signal leaves locked.

    """

    def __init__(self) -> None:
        self._limits: list[int] = []
        self._busy: list[int] = []
        self._offers: SimpleQueue[tuple[list[Hand], Iterator[int], SimpleQueue[BaseException | None]]] = SimpleQueue()
        self._threads = 0

    @property
    def spare(self) -> int:
        """Helpers that may work: what is left of the cores, or of fewer or more that were asked for, beside chains."""
        cores = min(self._limits, default=0) or available_cores()
        return max(0, cores - (sum(self._busy) or 1))

    @contextmanager
    def at_most(self, cores: int | None) -> Iterator[None]:
        """A block in which so many threads work at most; None for as many as there are cores."""
        # several samplers may run at once: each takes back what it said itself
        limits = [] if cores is None else [cores]
        self._limits += limits
        try:
            yield
        finally:
            for one in limits:
                self._limits.remove(one)

    @contextmanager
    def beside(self, busy: int) -> Iterator[None]:
        """A block in which so many more threads run chains."""
        self._busy.append(busy)
        try:
            yield
        finally:
            self._busy.remove(busy)

    def share_out(self, n: int, hands: Sequence[Hand]) -> None:
        """Do n parts, in their order, each by whichever hand is free first; the first hand is the calling thread's.

        Raises
        ------
        BaseException
            What a hand raised, or a signal in the calling thread; no part is being worked at any more then.
        """
        parts, done = iter(range(n)), SimpleQueue[BaseException | None]()
        self._have(len(hands) - 1)
        offers = [[hand] for hand in hands[1 : 1 + self._threads]]
        for offer in offers:
            self._offers.put((offer, parts, done))
        raised = _taken(hands[0], parts)
        for offer in offers:
            raised = _ended(offer, done) or raised
        if raised is not None:
            raise raised

    def _have(self, n: int) -> None:
        while self._threads < n:
            thread = threading.Thread(target=self._help, daemon=True, name=f"mcmix helper {self._threads}")
            try:
                thread.start()
            except RuntimeError:  # the system gives no more, or is about to end: fewer do the same work
                return
            self._threads += 1

    def _help(self) -> None:
        while True:
            offer, parts, done = self._offers.get()
            try:
                hand = offer.pop()
            except IndexError:  # it was taken back
                continue
            done.put(_taken(hand, parts))

    def forget(self) -> None:
        """A forked process has none of the threads."""
        self.__init__()  # type: ignore[misc]


def _taken(hand: Hand, parts: Iterator[int]) -> BaseException | None:
    """Do parts as long as there are any; what was raised, if anything."""
    try:
        for part in parts:
            hand(part)
    except BaseException as error:  # noqa: BLE001  raised by who offered the work
        return error
    return None


def _ended(offer: list[Hand], done: SimpleQueue[BaseException | None]) -> BaseException | None:
    """Take an offer back, or wait until its helper is done; what was raised there, or here meanwhile."""
    raised: BaseException | None = None
    while True:
        try:
            offer.pop()
            return raised
        except IndexError:  # a helper has it
            pass
        except BaseException as error:  # noqa: BLE001  a signal
            raised = error
            continue
        try:
            return done.get() or raised
        except BaseException as error:  # noqa: BLE001  a signal: the helper still writes
            raised = error


CREW = Crew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CREW.forget)

__all__ = ["CREW", "Crew", "available_cores"]
