"""The parts of a pass whose rows are on disk: read into a window, drawn, added up and forgotten, once an iteration.

The model itself holds some of the rows, for starts; of all of them it knows counts and sums. A part is read while
others are drawn, and no label is kept: the next iteration draws all of them anew.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mcmix.kernels.base import address_of
from mcmix.kernels.labels import BLOCK
from mcmix.kernels.random import STREAM_WORDS
from mcmix.steps import parts
from mcmix.steps.base import Chain, Step
from mcmix.steps.hand_recipes import Recipe, RowsHand, Window, recipe_of
from mcmix.steps.parts import Hand, InParts, Parts
from mcmix.structure.contributions import LabelBlock, Structure


class PartsOfFile(Parts):
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
        super().__init__(len(rows), size, recipe.n_sums, lambda: recipe.hand(Window(recipe, min(size, len(rows)))))
        self._rows, self.streams = rows, streams
        self._lock = threading.Lock()

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
        n, first = hand.window.read(block), number * self.size // BLOCK
        streams = address_of(self.streams) + 8 * STREAM_WORDS * first
        self.statuses[number] = hand.draw(kind, 0, n, streams, self.found[number])


class PartsInWindow(Parts):
    """Rows that were read once, for all passes.

    Parameters
    ----------
    recipe : Recipe
    window : Window
    n_units, size : int
        Of all rows in the window, and of a part.
    streams : ndarray
        Of the blocks of these rows.
    """

    def __init__(self, recipe: Recipe, window: Window, n_units: int, size: int, streams: np.ndarray):
        super().__init__(n_units, size, recipe.n_sums, lambda: recipe.hand(window))
        self.streams = streams

    def _part(self, hand: Hand, kind: int, number: int) -> None:
        if any(self.statuses):
            return
        assert isinstance(hand, RowsHand)
        first = number * self.size
        end = min(first + self.size, self.n_units)
        self.statuses[number] = hand.draw(kind, first, end, address_of(self.streams), self.found[number])


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
    found.divide(InParts(found.record, chain, label_pass.told, list(label_pass.sums.parts()), lambda width: of_file))
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


__all__ = ["PartsInWindow", "PartsOfFile", "bound_to_disk", "on_disk_of", "read_ahead", "why_in_memory", "why_rows"]
