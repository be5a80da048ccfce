"""A pass over the memory of one chain, or over arrays: what its kernels are told, and how they are run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.kernels import independent_labels, tiles
from mcmix.kernels import labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.counted_labels import COUNTED, draw_counts
from mcmix.kernels.driver import run_step
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.records import made, partly, seen, table
from mcmix.kernels.soft import soft_pass
from mcmix.steps.accumulators import UNITS
from mcmix.steps.base import Call, Step
from mcmix.steps.parts import InParts
from mcmix.steps.row_factors import RowFactor

_UNIT_LOGS, _SHARES, _COLLECT, _EVERY, _PARTS = map(
    (tiles.PASS.names or ()).index, ("unit_logs", "memberships", "collect", "every", "parts")
)


class BoundPass:
    """A pass over the memory of one chain, or over arrays: nobody else fills in or reads what its kernels are told.

    Parameters
    ----------
    record : ndarray
        A filled :data:`mcmix.kernels.tiles.PASS`.
    kept : sequence
        What must stay alive with it.
    zeroed : sequence of ndarray
        Counts and sums that stand in arrays of their own: zeroed here, where the kernels zero one stretch of memory.
    stream : int
        Address of a stream of random numbers for what is drawn elsewhere than in blocks of rows.
    """

    def __init__(self, record: np.ndarray, kept: Sequence[Any], zeroed: Sequence[np.ndarray] = (), stream: int = 0):
        self.record = record
        self._kept, self._zeroed = kept, zeroed
        self._reals, self._stream, self.factors = np.zeros(1), stream, list[RowFactor]()  # as they stand in the record
        self._parts: InParts | None = None

    @classmethod
    def made(
        cls,
        factors: Sequence[RowFactor],
        counts: np.ndarray,
        others: Sequence[np.ndarray] = (),
        stream: int = 0,
        **fields: int,
    ) -> BoundPass:
        """A pass of some factors, which also counts units and adds up what else has a record of an accumulator.

        Where the fields name no distribution's kernels, labels are independent.
        """
        rows = table(tiles.FACTOR, [f.record() for f in factors])
        told = [address_of(rows) + rows.strides[0] * j for j in range(len(factors))]
        own = [f.kernels.record(at, f.stretch) for f, at in zip(factors, told, strict=True) if f.kernels is not None]
        added = table(tiles.ACCUMULATOR, [UNITS.record(0, counts), *own, *others])
        independent = {"draw": independent_labels.draw.address, "expect": independent_labels.expect.address}
        record = partly(
            tiles.PASS,
            machine=MACHINE.address,
            factors=address_of(rows),
            n_factors=len(rows),
            accumulators=address_of(added),
            n_accumulators=len(added),
            labels=counts.size,
            counts=address_of(counts),
            collect=True,
            **(independent | fields),
        )
        zeroed = [x for f in factors if f.stretch is None for x in f.adds]
        found = cls(record, [rows, added, counts], zeroed, stream)
        found.factors += factors
        return found

    @classmethod
    def over_arrays(
        cls,
        factors: Sequence[RowFactor],
        labels: np.ndarray,
        log_weights: np.ndarray,
        counts: np.ndarray,
        power: np.ndarray | None = None,
        active: np.ndarray | None = None,
        others: Sequence[np.ndarray] = (),
        **fields: int,
    ) -> BoundPass:
        """A pass that needs no chain: labels are numbers 0 .. K-1 in an array, weights and densities are given.

        Parameters
        ----------
        factors : sequence of RowFactor
        labels : ndarray, shape (units,)
            Read by `collect`.
        log_weights, counts : ndarray, shape (K,)
            Of the labels, and where (expected) numbers of units go.
        power : ndarray, shape (1,), optional
            What log weights and densities are multiplied by.
        active : ndarray, shape (units,), optional
            One for units that count, zero for the others.
        others, fields : as of :meth:`made`, of labels that are not independent
        """
        room = np.zeros(tiles.workspace_size(counts.size))
        found = cls.made(
            factors,
            counts,
            others,
            units=labels.size,
            log_weights=address_of(log_weights),
            out=address_of(labels),
            workspace=address_of(room),
            power=0 if power is None else address_of(power),
            active=0 if active is None else address_of(active),
            **fields,
        )
        found._kept = [*found._kept, *others, room, labels, log_weights, power, active]
        return found

    def call(self, step: Step) -> Call:
        """Drawing all labels, as a call of a sweep."""
        return Call(kernels.hard_pass.address, self.record, self._reals, step, parts=self._parts)

    def counting(self, weights: np.ndarray, step: Step) -> Call:
        """Drawing how many of equal rows get which label, as a call of a sweep; weights: how many rows a value has."""
        own, told = made(COUNTED, stream=self._stream, weights=address_of(weights)), seen(tiles.PASS, self.record)
        self._kept = [*self._kept, own, weights]
        told.expect, told.distribution = draw_counts.address, address_of(own)
        told.active, told.unit_logs, told.memberships, told.collect, told.parts = 0, 0, 0, True, 0
        return Call(soft_pass.address, self.record, self._reals, step)

    def draw(self) -> int:
        """Draw all labels and collect what they add up to; returns the status, 0 where all went well."""
        self._zero()
        return run_step(kernels.hard_pass, self.record, self._reals, self._stream)

    def collect(self) -> int:
        """Collect what the labels add up to as they stand."""
        self._zero()
        return run_step(kernels.count_labels, self.record, self._reals, self._stream)

    def weigh(
        self,
        unit_logs: np.ndarray | None = None,
        shares: np.ndarray | None = None,
        collect: bool = False,
        every: int = 1,
    ) -> int:
        """Weigh all labels of all units; returns the status.

        Parameters
        ----------
        unit_logs : ndarray, shape (units,), optional
            Becomes the log density of each unit, its label summed out.
        shares : ndarray, shape (units, K), optional
            The units' responsibilities are added to it.
        collect : bool
            Whether expected counts and sums take the place of those of the labels.
        every : int
            Look at evenly spaced tiles alone, where labels do not depend on one another.
        """
        self.record[_EVERY] = every
        self.record[_UNIT_LOGS] = 0 if unit_logs is None else address_of(unit_logs)
        self.record[_SHARES] = 0 if shares is None else address_of(shares)
        self.record[_COLLECT] = collect
        if collect:
            self._zero()
        status = run_step(soft_pass, self.record, self._reals, self._stream)
        self.record[_COLLECT] = True  # as a sweep draws labels
        return status

    def weighing(self, logs: np.ndarray) -> np.ndarray:
        """The record of a soft pass that collects, for a kernel that asks for many: :data:`kernels.tiles.PASS`.

        Parameters
        ----------
        logs : ndarray, shape (:attr:`Pass.n_logs`,)
            Become the log densities of units, or of parts of the rows.
        """
        self.record[_UNIT_LOGS], self.record[_SHARES], self.record[_COLLECT] = address_of(logs), 0, True
        if self._parts is not None:
            self._parts.parts.totals = logs
        return self.record

    def divide(self, parts: InParts) -> None:
        """Let the kernels share the rows out."""
        self._parts, self.record[_PARTS] = parts, parts.address

    def _zero(self) -> None:
        for sums in self._zeroed:
            sums[...] = 0.0


__all__ = ["BoundPass"]
