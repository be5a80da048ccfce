"""The parts of a pass whose rows are on disk: read into a window, drawn, added up and forgotten, once an iteration.

The model itself holds some of the rows, for starts; of all of them it knows counts and sums. A part is read while
others are drawn, and no label is kept: the next iteration draws all of them anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from mcmix.kernels import tiles
from mcmix.kernels.base import address_of, apart
from mcmix.kernels.labels import BLOCK
from mcmix.kernels.random import STREAM_WORDS
from mcmix.kernels.streams import nobody
from mcmix.steps import parts
from mcmix.steps.base import Chain
from mcmix.steps.parts import Hand, InParts
from mcmix.structure.contributions import LabelBlock, Structure
from mcmix.structure.label_vectors import SeparableFactor

_STREAMS = (tiles.PASS.names or ()).index("streams")


class Window:
    """Rows of one part in memory, as kernels read them.

    Parameters
    ----------
    s : SeparableFactor
        Whose rows are numbers with sufficient statistics, or complete vectors.
    shift : ndarray, shape (d,), or None
        What vectors are taken about.
    rows : int
        At most.

    Attributes
    ----------
    values : ndarray, shape (rows,) or (d, rows)
        Numbers, or the columns of vectors about the shift.
    columns : list of ndarray, shape (rows,)
        Of the statistic; numbers themselves where it has them as they are.
    labels : ndarray, shape (rows,)
    """

    def __init__(self, s: SeparableFactor, shift: np.ndarray | None, rows: int):
        self._shift = shift
        self.values = apart(rows) if shift is None else apart((len(shift), rows))
        self.labels = apart(rows)
        family = s.factor.family
        asked = [] if shift is not None or family is None or family.statistics is None else family.statistics.columns
        self._transforms = [c.transform for c in asked]
        self.columns = [self.values if self._is_same(t) else apart(rows) for t in self._transforms]

    def _is_same(self, transform: Callable[[Any], Any]) -> bool:
        return bool(np.shares_memory(np.asarray(transform(self.values[:1])), self.values[:1]))

    def read(self, block: np.ndarray) -> int:
        """Take rows as they are on disk; returns how many."""
        n = len(block)
        if self._shift is not None:
            np.subtract(block.T, self._shift[:, None], out=self.values[:, :n])
            return n
        self.values[:n] = block
        for column, transform in zip(self.columns, self._transforms, strict=True):
            if column is not self.values:
                column[:n] = transform(self.values[:n])
        return n


class DiskHand(Hand):
    """A hand that reads its rows."""

    def __init__(
        self,
        record: np.ndarray,
        memory: Chain,
        told: Sequence[Hashable],
        sums: Sequence[Hashable],
        window: Window,
    ):
        super().__init__(record, memory, told, sums)
        self.window = window

    def draw(self, kind: int, block: np.ndarray, streams: int, sums: np.ndarray) -> int:
        """Go over a block with the random streams at an address; sums are put into an array. Returns the status."""
        self.record[_STREAMS] = streams
        return self.run(kind, 0, self.window.read(block), sums)


class FromDisk(InParts):
    """The parts of a pass that draws labels of rows on disk.

    Parameters
    ----------
    rows : OnDisk
    streams : ndarray
        Of the blocks of all rows.
    part : int
        Rows of a part.
    record, memory, told, sums, hand
        As for :class:`mcmix.steps.parts.InParts`.
    """

    def __init__(
        self,
        rows: Any,
        streams: np.ndarray,
        part: int,
        record: np.ndarray,
        memory: Chain,
        told: Sequence[Hashable],
        sums: Sequence[Hashable],
        hand: Callable[[], Hand],
    ):
        super().__init__(record, memory, len(rows), told, sums, hand)
        self._rows, self._streams, self._size = rows, streams, part
        self._lock = threading.Lock()

    def _all(self, kind: int) -> int:
        blocks = read_ahead(self._rows.blocks(self._size))
        self._blocks = enumerate(blocks)
        try:
            return super()._all(kind)
        finally:
            blocks.close()

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if any(self._status):
            return
        with self._lock:  # blocks come in their order, to whoever is free
            number, block = next(self._blocks, (number, None))
        if block is None:  # reading has failed on another thread
            return
        assert isinstance(hand, DiskHand)
        first = number * self._size // BLOCK
        streams = address_of(self._streams) + 8 * STREAM_WORDS * first
        self._status[number] = hand.draw(kind, block, streams, self._found[number])


def read_ahead(blocks: Iterator[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """The same blocks, the next one read by another thread while one is worked at."""
    with ThreadPoolExecutor(1, thread_name_prefix="mcmix reads") as reader:
        ahead = reader.submit(next, blocks, None)
        while (block := ahead.result()) is not None:
            ahead = reader.submit(next, blocks, None)
            yield block


def bound_to_disk(label_pass: Any, chain: Chain, rows: Any) -> Any:
    """A pass that draws labels of rows on disk, over one chain's memory: :class:`mcmix.steps.passes.BoundPass`.

    Parameters
    ----------
    label_pass : Pass
        Compiled for some of the rows.
    chain : Chain
    rows : OnDisk
        All of them.
    """
    prelude, length = chain.bound(label_pass.prelude).words
    streams = chain.row_streams((label_pass.label.node, "on disk"), label_pass.number, len(rows))
    found = label_pass.bound_over(chain, label_pass.others, prelude=prelude, prelude_length=length)
    sums, size = list(label_pass.sums.parts()), parts.PART
    hand = partial(_hand, label_pass, chain, size)
    found.divide(FromDisk(rows, streams, size, found.record, chain, label_pass.told, sums, hand))
    chain.kept.append(found)
    return found


def _hand(label_pass: Any, chain: Chain, size: int) -> DiskHand:
    """What a thread goes over parts with."""
    own, (s,) = Chain(chain.layout, nobody(), chain), label_pass.block.factors
    window = Window(s, label_pass.centred[s][1] if s in label_pass.centred else None, size)
    record = label_pass.bound_over(own, label_pass.others, window, out=address_of(window.labels)).record
    return DiskHand(record, own, label_pass.told, list(label_pass.sums.parts()), window)


def on_disk_of(block: LabelBlock) -> Any:
    """The rows on disk whose labels are drawn; None where all rows are in memory."""
    columns = [s.factor.column for s in block.factors if s.factor.column is not None]
    return next((c.on_disk for c in columns if c.on_disk is not None), None)


def why_in_memory(compiled: Any) -> str:
    """Why rows that stay on disk would have to be in memory; nothing where they need not.

    Parameters
    ----------
    compiled : CompiledModel
    """
    served = [s for s in compiled.steps if getattr(s, "on_disk", None) is not None]
    if len(served) < sum(c.on_disk is not None for c in compiled.rows.values()):
        return "their labels are not drawn all at once"
    functions = [compiled.recording.values[f] for f in compiled.kept_functions]
    if any(s.label_vector.variable in x.leaves for s in served for x in functions):
        return "a function that is recorded looks at labels"
    found = [_why_of(s.label_pass.block, compiled.structure, s.label_pass.others) for s in served]
    return next((why for why in found if why), "")


def _why_of(block: LabelBlock, structure: Structure, others: Sequence[Any]) -> str:
    """The same, of the pass that draws the labels of a block and adds up something else."""
    if len(block.factors) != 1 or block.given_others or block.log_weights is None:
        return "labels have weights by row, or belong to several data"
    (s,) = block.factors
    own = [c for c in structure.contributions if c.factor is s.factor]
    if s.units is not None or s.gaps is not None or s.cells is None or any(c.over != "cells" for c in own):
        return "a parameter's step looks at single rows"
    if others or s.cells.groups is not None or list(s.cells.strides) != [block.label]:
        return "more than counts and sums of rows by label is asked for"
    if any(e.factor.touches(block.label.variable) for e in structure.forward_sampled):
        return "something is drawn for each row"
    return ""


__all__ = ["DiskHand", "FromDisk", "Window", "bound_to_disk", "on_disk_of", "read_ahead", "why_in_memory"]
