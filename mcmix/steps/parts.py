"""A pass in parts: stretches of the rows with sums of their own, done by several threads and merged in a fixed order.

How rows are cut depends on their number alone, each block of rows has its own random stream, and sums are merged as a
tree over the parts' numbers, so neither labels nor sums depend on who does a part, when, or on which machine. What a
thread needs is a :class:`Hand`: it is told what parameters the rows look at, runs the kernels of the pass over one
part, and hands back counts and sums.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

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
_BEGIN, _UNITS, _UNIT_LOGS, _COLLECT, _LABELS = map(_FIELDS.index, ("begin", "units", "unit_logs", "collect", "labels"))
_NOTHING = np.zeros(0)
_ASKED = list(
    map(_FIELDS.index, ("unit_logs", "memberships", "collect", "every", "labels"))
)  # what differs from call to call

Node = tuple[int, int, np.ndarray]  # of the tree of sums: its level, its place there, what its parts add up to


def asked(labels: int, collect: bool = True) -> np.ndarray:
    """What is asked of rows that have no chain's record, so many labels in question: sums, or nothing but densities."""
    wanted = {"unit_logs": 0, "memberships": 0, "collect": int(collect), "every": 0, "labels": labels}
    return np.array([wanted[_FIELDS[i]] for i in _ASKED], dtype=np.int64)


def n_parts(n_units: int) -> int:
    """Parts that so many units are cut into."""
    return 1 if n_units <= UNDIVIDED else -(-n_units // PART)


def merged(nodes: Iterable[Node], n: int) -> list[Node]:
    """Sums of parts merged as far as they go, in an order that the number of all parts fixes.

    Part i is node i of level 0; nodes 2i and 2i + 1 of a level are added to node i of the next, and one without a
    neighbour becomes that node itself. Whoever holds a run of parts hands on the few nodes that cover it, at most twice
    the levels of the tree; of all parts one is left, the same to the last bit however they were shared out.

    Parameters
    ----------
    nodes : iterable of (level, place, sums)
        In any order.
    n : int
        Parts of all rows.

    Examples
    --------
    >>> parts = [(0, i, np.array([float(i)])) for i in range(5)]
    >>> [(level, place) for level, place, _ in merged(parts[1:], 5)]
    [(0, 1), (1, 1), (2, 1)]
    >>> merged(parts, 5)
    [(3, 0, array([10.]))]
    """
    waiting: dict[tuple[int, int], np.ndarray] = {}
    for level, place, sums in nodes:
        while n > 1 << level:
            if (place ^ 1) << level < n:  # it has a neighbour
                other = waiting.pop((level, place ^ 1), None)
                if other is None:
                    break
                sums = sums + other if place % 2 == 0 else other + sums
            level, place = level + 1, place // 2
        waiting[level, place] = sums
    return [(*key, waiting[key]) for key in sorted(waiting)]


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


class Parts:
    """Rows in parts, gone over by the threads that there are.

    Parameters
    ----------
    n_units, size : int
        Of all rows here, and of a part.
    width : int
        Doubles of the sums of a part.
    hand : callable
        Makes another :class:`Hand`.

    Attributes
    ----------
    found : ndarray, shape (parts, width)
        Sums of each part, after a pass that collects.
    statuses : list of int
        Of the parts.
    totals : ndarray, shape (parts,), or None
        Where sums of log densities go.
    """

    def __init__(self, n_units: int, size: int, width: int, hand: Callable[[], Hand]):
        self.n_units, self.size = n_units, size
        self._hand, self._hands = hand, list[Hand]()
        self.found = np.zeros((-(-n_units // size), width))
        self.statuses = [0] * len(self.found)
        self.totals: np.ndarray | None = None

    def go_over(self, kind: int, parameters: np.ndarray, asked: np.ndarray) -> int:
        """All parts; the status of the first that failed."""
        n = min(CREW.spare + 1, len(self.found))
        self._hands += [self._hand() for _ in range(n - len(self._hands))]
        for hand in self._hands[:n]:
            hand.hear(parameters, asked)
        self.statuses = [0] * len(self.found)
        CREW.share_out(len(self.found), [partial(self._part, hand, kind) for hand in self._hands[:n]])
        return next((s for s in self.statuses if s != 0), 0)

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if any(self.statuses):  # parts are begun in their order: the first that fails is the same, whoever does them
            return
        first, sums = number * self.size, self.found[number]
        end = min(first + self.size, self.n_units)
        if self.totals is None:
            self.statuses[number] = hand.run(kind, first, end, sums)
        else:
            self.statuses[number], self.totals[number] = hand.total(kind, first, end, sums)

    def nodes(self, first: int, n: int) -> list[Node]:
        """What these parts have found, the first of which is number `first` of n, merged as far as that goes."""
        found = merged(((0, first + i, sums) for i, sums in enumerate(self.found)), n)
        return [(level, place, sums.copy()) for level, place, sums in found]  # the next pass writes over a part's own


class Elsewhere(Protocol):
    """Who goes over the rows in the place of threads of this process."""

    def draw(self, parameters: np.ndarray, labels: int) -> tuple[int, np.ndarray]:
        """Draw all labels under so many components; returns the status, and counts and sums of all rows."""
        ...

    def weigh(self, parameters: np.ndarray, labels: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Sum labels out; returns the status, expected counts and sums, and the log density of each part."""
        ...


class RowsApart(Protocol):
    """Who draws labels that are in no chain's memory, asked for the labels themselves."""

    def follow(self, folder: str) -> None:
        """Keep the labels of every draw from now on, on this folder's disk if they need one."""
        ...

    def current(self) -> Iterator[np.ndarray]:
        """Labels as they were drawn last, counted from 0, some rows at a time."""
        ...

    def count(self, counts: np.ndarray) -> None:
        """Count the label of each row once more, in an array (rows, K) of counts that is settled later."""
        ...

    def settle(self, counts: np.ndarray) -> None:
        """Add what is counted and does not stand there yet."""
        ...

    def leave(self) -> None:
        """Labels are not wanted any more."""
        ...


class InParts:
    """The parts of a pass over one chain's memory, as its kernels call them.

    Parameters
    ----------
    record : ndarray
        That of the whole pass: it says what is asked.
    memory : Chain
    told, sums : sequence of keys
        Places of what the rows look at, and of what a pass adds up.
    parts : callable
        Makes the :class:`Parts` of sums of so many doubles.
    last : sequence of (address of a kernel, of what it is told)
        What is to be called once all labels are there and all sums are merged.
    key : hashable, optional
        By which the chain may know somebody :class:`Elsewhere` who goes over these rows, as long as it does.
    """

    def __init__(
        self,
        record: np.ndarray,
        memory: Chain,
        told: Sequence[Hashable],
        sums: Sequence[Hashable],
        parts: Callable[[int], Parts],
        last: Sequence[tuple[int, int]] = (),
        key: Hashable = None,
    ):
        self._record, self._memory, self._last, self._key = record, memory, last, key
        self._told, self._sums = [memory.view(k) for k in told], [memory.view(k) for k in sums]
        self.parts = parts(sum(view.size for view in self._sums))
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
        """All parts, here or elsewhere; the status of the first that failed."""
        parameters = np.concatenate([_NOTHING, *self._told])
        away: Elsewhere | None = self._memory.main.elsewhere.get(self._key)
        if away is not None and kind == tiles.DRAW:
            status, total = away.draw(parameters, int(self._record[_LABELS]))
            return status if status != 0 else self._take(total)
        if away is not None and kind == tiles.WEIGH and self.parts.totals is not None:
            status, total, self.parts.totals[:] = away.weigh(parameters, int(self._record[_LABELS]))
            return status if status != 0 or not self._record[_COLLECT] else self._take(total)
        status = self.parts.go_over(kind, parameters, self._record[_ASKED])
        if status != 0 or not self._record[_COLLECT]:
            return status
        ((_, _, total),) = self.parts.nodes(0, len(self.parts.found))
        return self._take(total)

    def _take(self, total: np.ndarray) -> int:
        """Put merged sums where the chain has them; then what comes last."""
        at = 0
        for view in self._sums:
            view[:] = total[at : at + view.size]
            at += view.size
        return next((status for kernel, told in self._last if (status := run(kernel, told, 0, 0, 0)) != 0), 0)


__all__ = [
    "PART",
    "UNDIVIDED",
    "Elsewhere",
    "Hand",
    "InParts",
    "Node",
    "Parts",
    "RowsApart",
    "asked",
    "merged",
    "n_parts",
]
