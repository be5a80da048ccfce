"""The parts of a pass whose rows are on disk: read into a window, drawn, added up and forgotten, once an iteration.

The model itself holds some of the rows, for starts; of all of them it knows counts and sums. A part is read while
others are drawn, and no label is kept unless somebody asks: the next iteration draws all of them anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mcmix.files import temporary_array
from mcmix.kernels import tiles
from mcmix.kernels.base import address_of
from mcmix.kernels.labels import BLOCK, go_on
from mcmix.kernels.random import STREAM_WORDS
from mcmix.steps import parts
from mcmix.steps.base import Chain, Step
from mcmix.steps.hand_recipes import Recipe, RowsHand, Window, recipe_of
from mcmix.steps.parts import Hand, InParts, Parts
from mcmix.structure.contributions import LabelBlock, Structure

AT_ONCE = 2**20  # labels that are looked at together


class PartsOfRows(Parts):
    """Rows without a model, whose labels are forgotten unless somebody asks for them.

    Parameters
    ----------
    recipe : Recipe
    n_units, size : int
        Of all rows, and of a part.
    hand : callable
        Makes another hand.
    streams : ndarray
        Of the blocks of these rows.

    Attributes
    ----------
    labels : ndarray, shape (rows,), or None
        Where the labels of every draw go, counted from 0.
    """

    def __init__(self, recipe: Recipe, n_units: int, size: int, hand: Callable[[], RowsHand], streams: np.ndarray):
        super().__init__(n_units, size, recipe.n_sums, hand)
        self.recipe, self.streams = recipe, streams
        self.labels: np.ndarray | None = None
        self._last: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None  # parameters, what is asked, streams

    def go_over(self, kind: int, parameters: np.ndarray, asked: np.ndarray) -> int:
        """All parts; the status of the first that failed."""
        if kind == tiles.DRAW:
            self._last = parameters, asked, self.streams.copy()
        return super().go_over(kind, parameters, asked)

    def last(self, labels: np.ndarray) -> bool:
        """Draw the labels of the last draw again, into an array; whether there was one, and streams stand behind it."""
        if self._last is None:
            return False
        parameters, asked, before = self._last
        after = before.copy()
        go_on(after, self.n_units, 1)
        if not np.array_equal(after, self.streams):
            return False
        return self.draw_into(labels, parameters, asked, before.copy()) == 0

    # ---------------------------------------------------------------- :class:`mcmix.steps.parts.RowsApart`

    def follow(self, folder: str | None = None) -> None:
        """Keep the labels of every draw from now on, those of the one before in their place."""
        self.labels = temporary_array((self.n_units,), self.recipe.label_type, folder)

    def current(self) -> Iterator[np.ndarray]:
        """Labels as they were drawn last, some rows at a time."""
        assert self.labels is not None
        return (self.labels[a : a + AT_ONCE] for a in range(0, self.n_units, AT_ONCE))

    def count(self, counts: np.ndarray) -> None:
        """Count the label of each row once more."""
        for first, labels in zip(range(0, self.n_units, AT_ONCE), self.current(), strict=True):
            counts[np.arange(first, first + len(labels)), labels] += 1

    def settle(self, counts: np.ndarray) -> None:
        """All has been counted."""

    def leave(self) -> None:
        """Forget labels again."""
        self.labels = None

    # ---------------------------------------------------------------- draws

    def draw_into(self, labels: np.ndarray, parameters: np.ndarray, asked: np.ndarray, streams: np.ndarray) -> int:
        """Draw labels from other streams than one's own, which stay where they are; returns the status."""
        own, kept, last = self.streams, self.labels, self._last
        self.streams, self.labels = streams, labels
        try:
            return self.go_over(tiles.DRAW, parameters, asked)
        finally:
            self.streams, self.labels, self._last = own, kept, last

    def _with(self, hand: Hand, kind: int, number: int, first: int, streams: int) -> None:
        """Go over a part that begins at a row of the hand's window."""
        assert isinstance(hand, RowsHand)
        begin = number * self.size
        n, sums = min(self.size, self.n_units - begin), self.found[number]
        if self.totals is not None and kind == tiles.WEIGH:
            self.statuses[number], self.totals[number] = hand.total(kind, first, first + n, sums)
            return
        labels = self.labels[begin : begin + n] if self.labels is not None and kind == tiles.DRAW else None
        self.statuses[number] = hand.draw(kind, first, first + n, streams, sums, labels)


class PartsOfFile(PartsOfRows):
    """Rows that are read part by part, each by the hand that is free.

    Parameters
    ----------
    recipe : Recipe
    rows : OnDisk
        Or whatever else has a length, and blocks of rows in their order.
    size : int
        Rows of a part.
    streams : ndarray
        Of the blocks of these rows.
    """

    def __init__(self, recipe: Recipe, rows: Any, size: int, streams: np.ndarray):
        n = len(rows)
        super().__init__(recipe, n, size, lambda: recipe.hand(Window(recipe, min(size, n))), streams)
        self._rows = rows
        self._lock = threading.Lock()

    def reading(self) -> tuple[RowsHand, int]:
        """A hand that has read all of the rows, which are few, and where the first one is in its window."""
        window = Window(self.recipe, self.n_units)
        first = 0
        for block in self._rows.blocks(self.size):
            first += window.read(block, first)
        return self.recipe.hand(window), 0

    def go_over(self, kind: int, parameters: np.ndarray, asked: np.ndarray) -> int:
        """All parts; the status of the first that failed."""
        blocks = read_ahead(self._rows.blocks(self.size))
        self._blocks = enumerate(blocks)
        try:
            return super().go_over(kind, parameters, asked)
        finally:
            blocks.close()

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if any(self.statuses):
            return
        with self._lock:  # blocks come in their order, to whoever is free
            number, block = next(self._blocks, (number, None))
        if block is None:  # reading has failed on another thread
            return
        assert isinstance(hand, RowsHand)
        hand.window.read(block)
        first = number * self.size // BLOCK
        self._with(hand, kind, number, 0, address_of(self.streams) + 8 * STREAM_WORDS * first)


class PartsInWindow(PartsOfRows):
    """Rows that were read once, for all passes.

    Parameters
    ----------
    recipe : Recipe
    window : Window
    n_units, size : int
        Of these rows, and of a part.
    streams : ndarray
        Of the blocks of these rows.
    begin : int
        Where the first of them is in the window.
    """

    def __init__(self, recipe: Recipe, window: Window, n_units: int, size: int, streams: np.ndarray, begin: int = 0):
        super().__init__(recipe, n_units, size, lambda: recipe.hand(window), streams)
        self._window, self._begin = window, begin

    def reading(self) -> tuple[RowsHand, int]:
        """A hand, and where the first row is in its window."""
        return self.recipe.hand(self._window), self._begin

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if not any(self.statuses):  # kernels count blocks from the first of the window
            streams = address_of(self.streams) - 8 * STREAM_WORDS * (self._begin // BLOCK)
            self._with(hand, kind, number, self._begin + number * self.size, streams)


def read_ahead(blocks: Iterator[np.ndarray]) -> Generator[np.ndarray, None, None]:
    """The same blocks, the next one read by another thread while one is worked at."""
    with ThreadPoolExecutor(1, thread_name_prefix="mcmix reads") as reader:
        ahead = reader.submit(next, blocks, None)
        while (block := ahead.result()) is not None:
            ahead = reader.submit(next, blocks, None)
            yield block


def bound_to_disk(label_pass: Any, chain: Chain, rows: Any) -> Any:
    """A pass that draws labels of rows on disk, over one chain's memory: :class:`mcmix.steps.bound_pass.BoundPass`.

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
    of_file = PartsOfFile(recipe_of(label_pass), rows, parts.PART, streams)
    key, told, sums = label_pass.label.node, label_pass.told, list(label_pass.sums.parts())
    found.divide(InParts(found.record, chain, told, sums, lambda width: of_file, key=key))
    chain.rows_apart[key] = of_file
    chain.kept.append(found)
    return found


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
    return why_rows(compiled, served)


def why_rows(compiled: Any, steps: Sequence[Step]) -> str:
    """Why these label updates need the rows themselves beside counts and sums; nothing where they do not.

    Parameters
    ----------
    compiled : CompiledModel
    steps : sequence of Step
        That draw labels.
    """
    if any(s.in_python for s in compiled.steps):
        return "a step in Python may look at anything"
    looking = [s for s in compiled.steps if s.needs_labels]
    if looking:
        return f"{looking[0].name} looks at the labels of single rows"
    functions = [compiled.recording.values[f] for f in compiled.kept_functions]
    variables = [s.label_vector.variable for s in steps if s.label_vector is not None]
    if any(v in x.leaves for v in variables for x in functions):
        return "a function that is recorded looks at labels"
    found = [_why_of(s.label_pass.block, compiled.structure, s.label_pass.others) for s in steps]
    return next((why for why in found if why), "")


def _why_of(block: LabelBlock, structure: Structure, others: Sequence[Any]) -> str:
    """The same, of the pass that draws the labels of a block and adds up something else."""
    if block.distribution.expect is not None:
        return "labels depend on one another"
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


__all__ = [
    "PartsInWindow",
    "PartsOfFile",
    "PartsOfRows",
    "bound_to_disk",
    "on_disk_of",
    "read_ahead",
    "why_in_memory",
    "why_rows",
]
