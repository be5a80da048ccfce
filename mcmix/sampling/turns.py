"""Whose turn it is: chains on few threads, which meet at times to learn from one another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from mcmix.sampling.runner import Runner, tell_calls


class Pauses(Protocol):
    """When all chains pause, and what is then done.

    All chains then stand after the same iteration, and none runs, so that what is written down is one state of the
    whole run. Which iteration that is may depend on the clock: a chain's draws are one sequence of sweeps, however it
    is cut into stretches, so no draw depends on it.
    """

    def first(self, left: int) -> int:
        """How many iterations are left at the first pause, of `left`, burn-in among them; 0 for none."""

    def at(self, left: int) -> int:
        """Do what is to be done where so many are left; answers how many are left at the next pause, 0 for none."""

    def last(self, whole: bool) -> None:
        """The run ends: `whole` where all chains stand after the same iteration, with nothing wrong."""


class Turns:
    """Chains that wait for a turn on some thread, and meet at times.

    Whoever ends a turn last before a meeting lets the steps learn from all chains: what is learned does not depend on
    the number of threads.
    """

    def __init__(self, runners: Sequence[Runner], pauses: Pauses | None = None):
        self._runners, self._waiting, self._busy = runners, list(runners), 0
        self._pauses: Callable[[int], int] = pauses.at if pauses is not None else lambda left: 0
        self._ready = threading.Condition()

    def take(self) -> None:
        """What a thread does: one turn after another, until no chain needs one."""
        while (r := self._next()) is not None:
            try:
                r.advance()
            finally:
                self._end_turn(r)

    def _next(self) -> Runner | None:
        """The chain that is furthest behind; None when all are done."""
        with self._ready:
            while not self._waiting and self._busy:
                self._ready.wait()
            if not self._waiting:
                return None
            r = max(self._waiting, key=lambda r: r.left)
            self._waiting.remove(r)
            self._busy += 1
            return r

    def _end_turn(self, r: Runner) -> None:
        with self._ready:
            self._busy -= 1
            if r.status > 0 or r.chain.error is not None:
                stop_all(self._runners)
            if not r.finished and not r.meets:
                self._waiting.append(r)
            try:
                if not self._waiting and not self._busy:
                    self._meet([r for r in self._runners if not r.finished])
            finally:  # whatever is raised, no thread waits for ever
                self._ready.notify_all()

    def _meet(self, met: list[Runner]) -> None:
        """Learn from all chains, or write them down; where some have ended early, there is nothing more to learn."""
        if met and met[0].meetings and met[0].burn_left <= met[0].meetings[0]:
            self._learn(met)
        if met and met[0].left <= met[0].pause:
            self._pause(met)
        self._waiting += met

    def _learn(self, met: list[Runner]) -> None:
        for r in met:
            r.meetings.pop(0)
        if len(met) == len(self._runners):
            for step in met[0].compiled.steps:
                if step.meetings:
                    step.meet([r.chain for r in met])
            for r in met:
                tell_calls(r, r.kept[-1])

    def _pause(self, met: list[Runner]) -> None:
        """Where some have ended early, the run ends: nobody pauses again."""
        following = self._pauses(met[0].left) if len(met) == len(self._runners) else 0
        for r in met:
            r.pause = following


def stop_all(runners: Sequence[Runner]) -> None:
    """Let every chain end after the sweep it is in."""
    for r in runners:
        r.stop[0] = 1


__all__ = ["Turns", "stop_all"]
