"""A pass in parts: stretches of the rows with sums of their own, done by several threads and merged in order.

How rows are cut depends on their number alone, and each block of rows has its own random stream, so neither labels nor
sums depend on who does a part, or when. What a thread needs is a :class:`Hand`: it is told what parameters the rows
look at, runs the kernels of the pass over one part, and hands back counts and sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np

from mcmix.kernels import tiles
from mcmix.kernels.base import AddressedKernel, address_of, python_callback, ready, run
from mcmix.kernels.crew import CREW
from mcmix.kernels.labels import BLOCK, count_labels, hard_pass
from mcmix.kernels.machine import PYTHON_FAILED
from mcmix.kernels.soft import soft_pass
from mcmix.steps.base import Chain

PART = 8 * BLOCK  # rows of a part
UNDIVIDED = 2 * PART  # rows up to which a pass is one part
KERNELS: dict[int, AddressedKernel] = {tiles.DRAW: hard_pass, tiles.COUNT: count_labels, tiles.WEIGH: soft_pass}

_FIELDS = tiles.PASS.names or ()
_BEGIN, _UNITS, _UNIT_LOGS, _COLLECT, _PARTS = map(_FIELDS.index, ("begin", "units", "unit_logs", "collect", "parts"))
_NOTHING = np.zeros(0)
_ASKED = list(
    map(_FIELDS.index, ("unit_logs", "memberships", "collect", "every", "labels"))
)  # what differs from call to call


def n_parts(n_units: int) -> int:
    """Parts that so many units are cut into."""
    return 1 if n_units <= UNDIVIDED else -(-n_units // PART)


class Hand:
    """What one thread runs parts with: a record of the pass over memory of its own, which it keeps alive.

    Parameters
    ----------
    record : ndarray
        A filled :data:`mcmix.kernels.tiles.PASS`.
    memory : Chain
        Whose parameters it reads and whose sums it adds to.
    told, sums : sequence of keys
        Places of these.
    """

    def __init__(self, record: np.ndarray, memory: Chain, told: Sequence[Hashable], sums: Sequence[Hashable]):
        self.record, self._memory, self._reals = record, memory, np.zeros(1)
        self._told, self._sums = [memory.view(k) for k in told], [memory.view(k) for k in sums]
        addresses = address_of(record), address_of(self._reals), 0
        self._calls = {kind: ready(kernel.address, *addresses) for kind, kernel in KERNELS.items()}
        self._logs = np.zeros(PART)

    def hear(self, parameters: np.ndarray, asked: np.ndarray) -> None:
        """Take what the rows' densities depend on, and what is asked of the rows this time."""
        at = 0
        for view in self._told:
            view[:] = parameters[at : at + view.size]
            at += view.size
        self.record[_ASKED] = asked

    def run(self, kind: int, first: int, end: int, sums: np.ndarray) -> int:
        """Go over units first to end; sums are put into an array. Returns the status."""
        self.record[_BEGIN], self.record[_UNITS] = first, end
        status = self._calls[kind]()
        if status == 0 and self.record[_COLLECT]:
            np.concatenate(self._sums, out=sums)
        return status

    def total(self, kind: int, first: int, end: int, sums: np.ndarray) -> tuple[int, float]:
        """As :meth:`run`, with the sum of the units' log densities."""
        self.record[_UNIT_LOGS] = address_of(self._logs) - 8 * first  # the kernel counts from the first of all units
        status = self.run(kind, first, end, sums)
        with np.errstate(invalid="ignore"):
            return status, float(self._logs[: end - first].sum())


class InParts:
    """The parts of a pass over one chain's memory, as its kernels call them.

    Parameters
    ----------
    record : ndarray
        That of the whole pass: it says what is asked.
    memory : Chain
    n_units : int
    told, sums : sequence of keys
        Places of what the rows look at, and of what a pass adds up.
    hand : callable
        Makes another :class:`Hand`.
    last : sequence of (address of a kernel, of what it is told)
        What is to be called once all labels are there and all sums are merged.
    """

    def __init__(
        self,
        record: np.ndarray,
        memory: Chain,
        n_units: int,
        told: Sequence[Hashable],
        sums: Sequence[Hashable],
        hand: Callable[[], Hand],
        last: Sequence[tuple[int, int]] = (),
    ):
        self._record, self._memory, self._n_units = record, memory, n_units
        self._told, self._sums = [memory.view(k) for k in told], [memory.view(k) for k in sums]
        self._hand, self._hands, self._last = hand, list[Hand](), last
        self._found = np.zeros((n_parts(n_units), sum(view.size for view in self._sums)))
        self._status = [0] * len(self._found)
        self.totals: np.ndarray | None = None  # where sums of log densities go, one for each part
        self._kept, self.address = python_callback(self._answer, 3)

    def _answer(self, kind: int, unused: int, unused_too: int) -> int:
        """What compiled code calls: nothing may be raised through it."""
        if self._memory.error is not None:  # the run is ending
            return PYTHON_FAILED
        try:
            return self._all(kind)
        except BaseException as error:  # noqa: BLE001  whoever runs the chain raises it
            self._memory.report(error)
            return PYTHON_FAILED

    def _all(self, kind: int) -> int:
        """All parts; the status of the first that failed."""
        n = min(CREW.spare + 1, len(self._found))
        self._hands += [self._hand() for _ in range(n - len(self._hands))]
        parameters, asked = np.concatenate([_NOTHING, *self._told]), self._record[_ASKED]
        for hand in self._hands[:n]:
            hand.hear(parameters, asked)
        self._status = [0] * len(self._found)
        CREW.share_out(len(self._found), [partial(self._part, hand, kind) for hand in self._hands[:n]])
        status = next((s for s in self._status if s != 0), 0)
        return status if status != 0 or not self._record[_COLLECT] else self._merged()

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if any(self._status):  # parts are begun in their order: the first that fails is the same, whoever does them
            return
        first, sums = number * PART, self._found[number]
        end = min(first + PART, self._n_units)
        if self.totals is None:
            self._status[number] = hand.run(kind, first, end, sums)
        else:
            self._status[number], self.totals[number] = hand.total(kind, first, end, sums)

    def _merged(self) -> int:
        """Add up what the parts have found, in their order; then what comes last."""
        total = self._found[0].copy()
        for part in self._found[1:]:
            total += part
        at = 0
        for view in self._sums:
            view[:] = total[at : at + view.size]
            at += view.size
        return next((status for kernel, told in self._last if (status := run(kernel, told, 0, 0, 0)) != 0), 0)


__all__ = ["PART", "UNDIVIDED", "Hand", "InParts", "n_parts"]
