"""One chain that runs: its memory, its sweep, its frame, and when its adaptation counts as finished."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from mcmix.kernels import driver
from mcmix.kernels.base import address_of
from mcmix.kernels.growth import FULL
from mcmix.kernels.records import made as filled
from mcmix.kernels.records import seen, table
from mcmix.sampling.buffers import Buffers
from mcmix.sampling.team import Team
from mcmix.steps.base import TUNE_INTERVAL, Call, Chain, Step
from mcmix.steps.density import BlockMetropolis, ElementMetropolis
from mcmix.steps.forward import DrawFromPrior
from mcmix.steps.plan import CompiledModel

STRETCH = 0.05  # seconds that a chain runs before another gets its turn: chains stay abreast on few cores
AWAY = 0.5  # the same in another process: long beside a message, short beside a run, at whose end workers wait
FIRST_STRETCH = 16  # sweeps
TUNED = (0.1, 0.7)  # acceptance rates of a tuned step: targets are 0.44 for one element, 0.23 for a block
MOST_LOOKS = 100  # intervals after which a step that cannot be tuned is taken as it is


class Away(Protocol):
    """Who lets a chain sweep in another process."""

    def sweep(self, r: Runner) -> float:
        """Do the sweeps that its frame asks for, as if they had been done here; returns the seconds that they took."""
        ...


@dataclass(eq=False)
class Runner:
    """One chain, bound and ready: its memory, its sweep, its frame."""

    compiled: CompiledModel
    number: int
    chain: Chain
    calls: list[Call]
    frame: np.ndarray
    stop: np.ndarray
    kept: list[Any] = field(default_factory=list)
    status: int = 0
    sampled_seconds: float = 0.0
    swept: int = 0
    burn_left: int = 0
    left: int = 0
    tuning: Tuning = field(default_factory=lambda: Tuning())
    waiting: bool = False  # for its steps to be tuned, before burn-in begins
    hotter: list[Chain] = field(default_factory=list)  # levels of a tempered run above the chain
    ladder: Call | None = None
    meetings: list[int] = field(default_factory=list)  # sweeps of burn-in that are left when chains meet, falling
    pause: int = 0  # iterations left at which it waits for all, so that the run can be written down
    team: Team | None = None  # the threads of the last call
    swept_calls: list[Call] = field(default_factory=list)  # of the present call's sweeps
    away: Away | None = None
    out: Buffers | None = None  # of the present call, or the last one
    own: Buffers | None = None  # of this chain alone, where it has room for more components than others
    grow: Callable[[Runner, int], int] | None = None  # gives it more of it, where a call asked for that
    tunes: bool = False  # whether its steps adapt now

    @property
    def told(self) -> Any:
        """The frame by the names of its fields, to read and write."""
        return seen(driver.FRAME, self.frame)

    @property
    def rows(self) -> int:
        """Rows recorded in the present call."""
        return int(self.told.row)

    @property
    def sweeps(self) -> int:
        """Sweeps done since the chain began."""
        return int(self.told.sweep)

    def tune(self, on: bool) -> None:
        """Switch adaptation on or off."""
        self.tunes = on
        for call in self.calls:
            call.tune(on)

    @property
    def finished(self) -> bool:
        """Whether the present call has nothing more to do here."""
        return self.status != 0 or self.chain.error is not None or self.left == 0

    @property
    def meets(self) -> bool:
        """Whether it waits for the other chains, to learn from all of them or to be written down with them."""
        if self.waiting:
            return False
        return self.left <= self.pause or (bool(self.meetings) and self.burn_left <= self.meetings[0])

    def advance(self) -> None:
        """Run a stretch of about STRETCH seconds, within burn-in or after it."""
        done = self.sweeps
        sweeps = min(self._stretch(), self.burn_left or self.left, self.left - self.pause)
        if self.meetings and not self.waiting:
            sweeps = min(sweeps, self.burn_left - self.meetings[0])
        if self.waiting or self.tuning.throughout:
            sweeps = min(
                self._stretch(), self.tuning.to_next_look(self.sweeps), sweeps if not self.waiting else sys.maxsize
            )
        self.tune(self.waiting or self.burn_left > 0 or (self.tuning.throughout and not self.tuning.settled))
        self.told.sweeps = sweeps
        if self.waiting:  # burn-in begins after this stretch at the earliest: nothing is recorded in it
            self.told.burn = self.sweeps + sweeps + self.burn_left
        self.sampled_seconds += self._sweep() if self.away is None else self.away.sweep(self)
        done = self.sweeps - done
        self.swept += done
        if not self.waiting:
            self.left -= done
            self.burn_left = max(0, self.burn_left - done)
        if self.waiting or self.tuning.throughout:
            self.tuning.look(self)
            self.waiting = self.waiting and not self.tuning.settled

    def _sweep(self) -> float:
        """Do the sweeps that the frame asks for; returns the seconds that they took."""
        before = time.perf_counter()
        last = self.sweeps + int(self.told.sweeps)
        self.status = driver.run_frame(self.frame)
        while self.status == FULL and self.grow is not None:
            self._get_room(int(self.told.failed))
            self.told.sweeps = last - self.sweeps
            if self.status == 0:
                self.status = driver.run_frame(self.frame)
        return time.perf_counter() - before

    def _get_room(self, at: int) -> None:
        """Get room for more components, and end the sweep that could not go on without, from its call `at`."""
        assert self.grow is not None
        at = self.grow(self, at)
        told, rest = self.told, self.kept[0][at:]
        calls, stop, unasked = (int(told.calls), int(told.n_calls)), int(told.stop), np.zeros(1, np.int64)
        told.calls, told.n_calls, told.sweeps, told.stop = address_of(rest), len(rest), 1, address_of(unasked)
        self.status = driver.run_frame(self.frame)
        (told.calls, told.n_calls), told.stop = calls, stop
        told.failed = int(told.failed) + (at if self.status > 0 and int(told.failed) >= 0 else 0)

    def _stretch(self) -> int:
        """Sweeps that take about so many seconds as chains take turns for; what a stretch is changes no draw."""
        if self.swept == 0:
            return FIRST_STRETCH
        seconds = STRETCH if self.away is None else AWAY
        return max(1, int(seconds * self.swept / max(self.sampled_seconds, 1e-9)))


@dataclass
class Tuning:
    """When adaptation counts as finished: enough intervals in a row with sensible acceptance rates.

    Attributes
    ----------
    interval : int
        Sweeps between two looks.
    enough : int
        Tuned intervals in a row.
    throughout : bool
        Adapt after burn-in too, until finished.
    """

    interval: int = TUNE_INTERVAL
    enough: int = 5
    throughout: bool = False
    good: int = 0
    looks: int = 0
    settled: bool = False
    before: dict[Any, np.ndarray] = field(default_factory=dict)

    def to_next_look(self, sweeps: int) -> int:
        """Sweeps until the next look; looks come at multiples of the interval, whatever a stretch is."""
        return self.interval - sweeps % self.interval

    def look(self, r: Runner) -> None:
        """Compare acceptance since the last look with what a tuned step has."""
        if r.sweeps % self.interval != 0 or self.settled:
            return
        self.looks += 1
        self.good = self.good + 1 if all([self._is_tuned(s, r.chain) for s in r.compiled.steps]) else 0
        self.settled = self.good >= self.enough or self.looks >= MOST_LOOKS

    def _is_tuned(self, step: Step, chain: Chain) -> bool:
        if not (step.in_python or isinstance(step, (ElementMetropolis, BlockMetropolis))):
            return True
        if chain.changed.pop(step, False):  # what its tune() answered last
            return False
        rates = []
        for key in step.counters():
            now = chain.view(key).copy()
            moves, accepted = now - self.before.get(key, np.zeros(2))
            self.before[key] = now
            rates.append(accepted / moves if moves > 0 else 0.5)
        return all(TUNED[0] <= rate <= TUNED[1] for rate in rates)


def tell_calls(r: Runner, out: Buffers) -> None:
    """Point a chain's frame to the calls of a sweep."""
    alone = r.compiled.marginal_alone(out.labels) is not None
    once = [c for c in r.calls if not alone or c.step.label_pass is None]
    counted = r.compiled.counted(out.labels)
    once = [c.by_counts if c.by_counts is not None and c.step in counted else c for c in once]
    again = [c for c in once if not c.step.before_labels and not isinstance(c.step, DrawFromPrior)]
    repeats = max([s.repeats(r.chain) for s in r.compiled.steps], default=1)
    last = [c for c in once if isinstance(c.step, DrawFromPrior)]
    r.swept_calls = [c for c in once if c not in last] + (again * (repeats - 1) if not alone else []) + last
    r.kept[0] = table(driver.CALL, [_called(c) for c in r.swept_calls])
    r.told.calls, r.told.n_calls = address_of(r.kept[0]), len(r.swept_calls)


def _called(c: Call) -> np.ndarray:
    return filled(driver.CALL, kernel=c.kernel, words=address_of(c.words), reals=address_of(c.reals))


__all__ = ["Away", "Runner", "Tuning", "tell_calls"]
