"""Draws that leave memory while a run goes on, and what it goes on from: what is done where all chains pause."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling import state
from mcmix.sampling.buffers import Buffers
from mcmix.sampling.labels_by_block import Apart, LabelsByBlock
from mcmix.sampling.run import recorded
from mcmix.sampling.runner import Runner
from mcmix.sampling.running import Running
from mcmix.steps.plan import CompiledModel, recorded_from
from mcmix.traces.disk import Folder
from mcmix.traces.stored import LABELS

SHOWN = 5.0  # seconds after which draws are on disk at the latest, for who looks at them meanwhile
FASTER = 4  # times as far apart as before pauses may be: how long a sweep takes is learned on the way
LOG = logging.getLogger("mcmix")
LOOKED_AT = 2**10  # draws that are summed up together: what is made of them takes memory beside them
COUNTS = "label_counts"


@dataclass(frozen=True)
class Length:
    """A call's iterations, burn-in among them, and how many there are for a draw."""

    iterations: int
    burn: int
    thin: int

    @property
    def rows(self) -> int:
        """Draws of each chain."""
        return self.draws(self.iterations)

    def draws(self, done: int) -> int:
        """Those of so many iterations."""
        return max(0, done - self.burn) // self.thin


@dataclass
class Kept:
    """What is kept of labels, and under which names variables stand in the folder.

    Attributes
    ----------
    every : int
        Of so many draws, one with its labels.
    counted : bool
        How often each unit had each label, in the place of labels.
    names : dict of str to str
        Names in the folder, where these differ.
    apart : sequence of Apart
        Label vectors that are in no chain's memory.
    """

    every: int = 1
    counted: bool = False
    names: Mapping[str, str] = field(default_factory=dict)
    apart: Sequence[Apart] = ()

    def groups(self, compiled: CompiledModel, out: Buffers, n_rows: int, before: int = 0) -> dict[str, Any]:
        """Arrays by group and name as the folder holds them: the first n_rows of each chain, behind so many draws."""
        variables, density, counts = recorded(compiled, out, n_rows)
        of_labels = {n.name for n in out.labels}
        apart = self.every > 1 or self.counted
        named = {self.names.get(n, n): x for n, x in variables.items() if not (apart and n in of_labels)}
        moves = {f"moves {n}": x for n, x in counts.items()}
        found: dict[str, Any] = {"posterior": named, "sample_stats": {**density, **moves}}
        if self.every > 1 and of_labels:
            chosen = np.flatnonzero((before + np.arange(n_rows)) % self.every == 0)
            found[LABELS] = {self.names.get(n, n): variables[n][:, chosen] for n in sorted(of_labels)}
        return found  # mostly views: whoever writes them copies one at a time


@dataclass
class Place:
    """Where a call stands: what it goes on from beside the chains themselves."""

    done: int = 0
    meetings: int | None = None
    seconds: float = 0.0


class Keeper:
    """Writes a call's draws to a folder while it goes on, and now and then the whole state of the chains.

    Chains are written down where they all stand after the same iteration, so that a call goes on from there bit for
    bit, whatever ended it.

    Parameters
    ----------
    folder : Folder
    compiled : CompiledModel
    runners : sequence of Runner
    out : Buffers
        Draws between two pauses.
    length : Length
    kept : Kept
    running : Running
        Follows the numbers that `numbers` makes of those that are recorded.
    numbers : callable
    seconds : float
        Between two states that are kept, at most (pauses are between iterations).
    place : Place, optional
        Of a call that goes on.
    """

    def __init__(
        self,
        folder: Folder,
        compiled: CompiledModel,
        runners: Sequence[Runner],
        out: Buffers,
        length: Length,
        kept: Kept,
        running: Running,
        numbers: Callable[[np.ndarray], np.ndarray],
        seconds: float,
        place: Place | None = None,
    ):
        self.folder, self.compiled, self.runners, self.out = folder, compiled, runners, out
        self.length, self.kept, self.running, self.numbers = length, kept, running, numbers
        self.seconds, self.place = seconds, place or Place()
        self._began = self._written = self._kept = self._paused = 0.0
        self._before = self._left = self._from = 0
        self.counts = {
            n: no_counts(n, compiled, len(runners), x.shape[2]) for n, x in out.labels.items() if kept.counted
        }
        self.apart: LabelsByBlock | None = None
        if kept.apart:
            told = kept.every, kept.counted, kept.names
            self.apart = LabelsByBlock(folder, runners, kept.apart, *told, COUNTS)

    # ---------------------------------------------------------------- pauses

    def first(self, left: int) -> int:
        """Chains stand ready: keep where they stand."""
        now = time.monotonic()
        self._began = self._written = self._paused = now
        self._before, self._left = left, left
        self._begin_chunk()
        done, of = self.place.done, self.length.iterations
        LOG.info("draws go to %s: %d of %d iterations done", self.folder.path, done, of)
        if self.apart is not None:
            self.apart.begin(self.length.draws(done))
        self._keep(left)
        return max(left - 1, 0)

    def at(self, left: int) -> int:
        """Write draws where memory is full or somebody may look; keep the state where it is time for it.

        In a thread of its own: what is made on the way stays with the thread that made it, and chains have several.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="mcmix writes") as writer:
            return writer.submit(self._at, left).result()

    def _at(self, left: int) -> int:
        self._look_at_labels(left)
        now = time.monotonic()
        keep = now - self._kept >= self.seconds
        if self._from + self._held >= self._next_full or keep or now - self._written >= SHOWN:
            self._flush(left)
        if keep:
            self._keep(left)
        following = self._following(left, now)
        self._before, self._left, self._paused = left, following, time.monotonic()
        return following

    def last(self, whole: bool) -> None:
        """Write what all chains have drawn; and where they stand, if that is one place."""
        left = self.runners[0].left
        if whole:
            self._look_at_labels(left)
        self._flush(left)
        if whole:
            self._keep(left)
            self.folder.trim()
            self.folder.note(finished=left == 0)

    def _look_at_labels(self, left: int) -> None:
        """Take the labels of a draw that chains have just made."""
        past = self._iterations - left - self.length.burn
        if self.apart is not None and past > 0 and past % self.length.thin == 0:
            self.apart.take(past // self.length.thin)

    @property
    def _iterations(self) -> int:
        return self.length.iterations

    @property
    def _held(self) -> int:
        """Draws in memory, which all chains have."""
        return min(r.rows for r in self.runners)

    @property
    def _next_full(self) -> int:
        """Draws at which a chunk of the folder is full next."""
        return (self.folder.n_draws // self.folder.rows + 1) * self.folder.rows

    @property
    def _next_labels(self) -> int:
        """The draw of which labels are wanted next."""
        return sys.maxsize if self.apart is None else self.apart.next

    def _following(self, left: int, now: float) -> int:
        """Iterations left at the next pause: where memory is full, or when it is time to be seen, as far as known."""
        past = self._iterations - left  # iterations
        whole = min(self._next_full, self._next_labels + 1)
        full = self.length.burn + whole * self.length.thin - past
        pace = (self._before - left) / max(now - self._paused, 1e-9)  # iterations a second
        until = min(self._kept + self.seconds, self._written + SHOWN) - now
        timely = min(pace * max(until, 0.0), FASTER * (self._before - left)) if self._before > left else 1
        return max(0, left - max(1, min(full, int(timely))))

    # ---------------------------------------------------------------- what is written

    def _flush(self, left: int) -> None:
        again = self.folder.n_draws - self._from  # a chunk is written from its first draw on, whole or not
        n = min(self._held, self._next_labels - self._from)  # a draw without its labels is not whole
        new = slice(again, n)
        for first in range(again, n, LOOKED_AT):
            self.running.take(self.numbers(self.out.numbers[:, first : min(first + LOOKED_AT, n)]))
        for node, counts in self.counts.items():
            _count(counts, self.out.labels[node][:, new], lowest_recorded(node, self.compiled))
        if n > again:
            draws = self.kept.groups(self.compiled, self.out, n, self._from)
            self.folder.append(draws, n - again, again, progress=self.progress(left))
        if self.folder.n_draws % self.folder.rows == 0:
            self._begin_chunk()
        self._written = time.monotonic()

    def _begin_chunk(self) -> None:
        """What is drawn from here on stands from the first row of the buffers on."""
        self._from = self.folder.n_draws
        for r in self.runners:
            r.told.row = 0

    def _keep(self, left: int) -> None:
        """The state of the chains, with what goes along with it, at so many draws."""
        place = Place(self._iterations - left, len(self.runners[0].meetings), self.seconds_so_far)
        if self.apart is not None:
            self.apart.settle()
        for node, counts in self.counts.items():
            self.folder.put(COUNTS, self.kept.names.get(node.name, node.name), counts)
        counted = {f"counts {n.name}": x for n, x in self.counts.items()}
        arrays = {**state.arrays_of(self.runners), **self.running.arrays(), **counted, "place": _text(place.__dict__)}
        beside = {} if self.apart is None else self.apart.beside
        self.folder.checkpoint(_packed(arrays), beside, progress=self.progress(left))
        self._kept = time.monotonic()
        LOG.debug("kept the state of the chains at %d draws", self.folder.n_draws)

    @property
    def seconds_so_far(self) -> float:
        """Of sampling, of the call's parts together."""
        return self.place.seconds + time.monotonic() - self._began

    def progress(self, left: int) -> dict[str, Any]:
        """How far the call is, as JSON takes it."""
        fewest = self.running.fewest
        return {
            "iterations": self._iterations,
            "done": self._iterations - left,
            "burn": self.length.burn,
            "chains": len(self.runners),
            "seconds": round(self.seconds_so_far, 3),
            "at": time.time(),
            "fewest": None if fewest is None else {"of": fewest[0], "effective": round(fewest[1], 1)},
        }

    def go_on_from(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take what goes along with the chains' state from a checkpoint."""
        self.running.put(arrays)
        for node, counts in self.counts.items():
            counts[...] = arrays[f"counts {node.name}"]
        if self.apart is not None:
            self.apart.go_on()


def no_counts(node: Stochastic, compiled: CompiledModel, n_chains: int, n_units: int) -> np.ndarray:
    """Nought for each chain, unit and label."""
    label = next(t.label for t in compiled.component_tables.values() if t.label.node is node)
    return np.zeros((n_chains, n_units, label.n_labels), dtype=np.uint32)


def lowest_recorded(node: Stochastic, compiled: CompiledModel) -> int:
    """The number by which the first component is recorded."""
    label = next(t.label for t in compiled.component_tables.values() if t.label.node is node)
    return 0 if recorded_from(node, compiled) else label.lowest


def _count(counts: np.ndarray, labels: np.ndarray, lowest: int) -> None:
    """Add how often each unit had each label."""
    for k in range(counts.shape[2]):
        counts[:, :, k] += (labels == k + lowest).sum(axis=1, dtype=np.uint32)


def _text(value: Any) -> np.ndarray:
    return np.array(json.dumps(value))


def _packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays by name as bytes, without Python objects."""
    held = io.BytesIO()
    np.savez(held, **arrays)  # type: ignore[arg-type]
    return held.getvalue()


def unpacked(held: bytes) -> tuple[dict[str, np.ndarray], Place]:
    """Arrays by name from bytes, and where the call stood.

    Raises
    ------
    ModelError
        If they are not what was packed.
    """
    try:
        with np.load(io.BytesIO(held), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, Place(**json.loads(str(arrays["place"])))
    except Exception as error:  # whatever the readers of archives raise
        raise ModelError(f"what the run goes on from is damaged: {error}") from error


__all__ = ["COUNTS", "Keeper", "Kept", "Length", "Place", "no_counts", "unpacked"]
