"""Where a call's draws go, and how the driver is told of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import driver
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made as filled
from mcmix.kernels.records import table
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.plan import LOG_DENSITY, CompiledModel, Segment, per_label_bytes, recorded_from
from mcmix.traces.memory import Draws


@dataclass
class Buffers:
    """Where a call's draws go.

    Attributes
    ----------
    segments : list of Segment
        What is recorded draw by draw.
    numbers : ndarray, shape (chains, draws, places)
    labels : dict of node to ndarray, shape (chains, draws, units)
        In a small type.
    moments : dict of node to ndarray, shape (chains, 2, entries)
        Missing entries beyond the budget: running means and sums of squared distances from them.
    """

    segments: list[Segment]
    numbers: np.ndarray
    labels: dict[Stochastic, np.ndarray]
    moments: dict[Stochastic, np.ndarray]

    def fits(self, compiled: CompiledModel) -> bool:
        """Whether draws of a model that is laid out so have the same numbers."""
        wanted = _recorded(compiled, self.moments)
        return [(*_named(s), s.shape) for s in self.segments] == [(*_named(s), s.shape) for s in wanted]

    def take(self, number: int, own: Buffers) -> None:
        """Take the draws that a chain has alone, which have the same numbers, as those of one of all chains."""
        self.numbers[number] = own.numbers[0]
        for node in self.labels:
            self.labels[node][number] = own.labels[node][0]
        for node in self.moments:
            self.moments[node][number] = own.moments[node][0]

    @property
    def stretches(self) -> list[slice]:
        """Where each segment's numbers stand in a draw."""
        ends = np.cumsum([0, *(s.size for s in self.segments)])
        return [slice(int(a), int(b)) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _recorded(compiled: CompiledModel, moments: Collection[Stochastic]) -> list[Segment]:
    """What is recorded draw by draw, where running moments stand for some of it."""
    return [s for s in compiled.segments if s.key not in moments]


def _named(s: Segment) -> tuple[str, str]:
    return s.kind, s.name


def own_buffers(compiled: CompiledModel, before: Buffers, number: int) -> Buffers:
    """Room for the draws of one chain whose model has room for more components, with those that there are.

    Parameters
    ----------
    compiled : CompiledModel
        Laid out with at least as much room as that which `before` is of.
    before : Buffers
    number : int
        The chain's place in these.
    """
    segments, n_rows = _recorded(compiled, before.moments), before.numbers.shape[1]
    found = Buffers(segments, seen_as(segments, before, number, slice(None))[None], {}, {})
    for node, drawn in before.labels.items():
        found.labels[node] = room_for_labels(node, compiled, 1, n_rows)
        found.labels[node][0] = drawn[number]
    found.moments.update({node: x[[number]].copy() for node, x in before.moments.items()})
    return found


def seen_as(segments: Sequence[Segment], out: Buffers, number: int, rows: slice) -> np.ndarray:
    """Some draws of a chain, shape (rows, places), as a model has them that is laid out with other room."""
    n_rows = len(range(*rows.indices(out.numbers.shape[1])))
    found, at = _numbers(1, n_rows, sum(s.size for s in segments))[0], 0
    left = list(zip(out.segments, out.stretches, strict=True))
    for s in segments:
        same = next((pair for pair in left if _named(pair[0]) == _named(s)), None)
        if same is not None:
            left.remove(same)
            drawn = out.numbers[number, rows, same[1]].reshape(n_rows, *same[0].shape)
            found[:, at : at + s.size] = with_room(drawn, s.shape, s.beyond).reshape(n_rows, s.size)
        at += s.size
    return found


def with_room(draws: np.ndarray, shape: tuple[int, ...], beyond: float) -> np.ndarray:
    """Draws of values of a shape that may have more components, which get a number that says that they are not there.

    Examples
    --------
    >>> with_room(np.ones((1, 2)), (3,), 0.0).tolist()
    [[1.0, 1.0, 0.0]]
    """
    if draws.shape[1:] == shape:
        return draws
    found = np.full((len(draws), *shape), beyond, draws.dtype)
    least = min(shape[0], draws.shape[1])
    found[:, :least] = draws[:, :least]
    return found


def together(compiled: CompiledModel, of_each: Sequence[tuple[Buffers, int]]) -> Buffers:
    """The draws of all chains in one place, with room for the components of that which has most.

    Parameters
    ----------
    compiled : CompiledModel
        With that room.
    of_each : sequence of (Buffers, int)
        Of each chain, and its place in these.
    """
    wide = [own_buffers(compiled, out, number) for out, number in of_each]
    numbers = np.concatenate([one.numbers for one in wide])
    labels, moments = (
        {node: np.concatenate([getattr(one, what)[node] for one in wide]) for node in getattr(wide[0], what)}
        for what in ("labels", "moments")
    )
    return Buffers(wide[0].segments, numbers, labels, moments)


def with_rooms(draws: Draws, compiled: CompiledModel) -> Draws:
    """Draws of an earlier call, with the room for components that a model is laid out with by now."""
    wanted = {s.name: s for s in compiled.segments if s.kind in ("variable", "statistic") and s.shape}
    known: list[dict[str, np.ndarray]] = [draws.variables, draws.statistics]
    if all(x.shape[2:] == wanted[n].shape for part in known for n, x in part.items() if n in wanted):
        return draws

    def wide(name: str, x: np.ndarray) -> np.ndarray:
        if name not in wanted or x.shape[2:] == wanted[name].shape:
            return x
        flat = with_room(x.reshape(-1, *x.shape[2:]), wanted[name].shape, wanted[name].beyond)
        return flat.reshape(*x.shape[:2], *wanted[name].shape)

    variables, statistics = ({name: wide(name, x) for name, x in part.items()} for part in known)
    return draws.changed(variables, statistics)


def buffers(
    compiled: CompiledModel,
    n_chains: int,
    n_rows: int,
    budget: int,
    held: int | None = None,
    only: Collection[Stochastic] | None = None,
) -> Buffers:
    """Allocate a call's draws; labels only while they fit the budget in bytes.

    Parameters
    ----------
    compiled : CompiledModel
    n_chains, n_rows : int
    budget : int
    held : int, optional
        Draws that are in memory at once, where these leave it while the run goes on: missing entries are then always
        kept, and labels where those of all draws fit the budget.
    only : collection of Stochastic, optional
        The label vectors that are kept, by default those that are traced.
    """
    apart = _on_request(compiled, n_chains * n_rows, budget) if held is None else []
    labels, budget = _labels_within(compiled, n_chains * n_rows, budget, only)
    rows = n_rows if held is None else held
    found = {n: room_for_labels(n, compiled, n_chains, rows) for n in (*labels, *apart)}
    segments, moments = [], dict[Stochastic, np.ndarray]()
    for segment in compiled.segments:
        node = segment.key
        if isinstance(node, Stochastic) and node.mask is not None and held is None:  # they share the labels' budget
            if 8 * segment.size * n_chains * n_rows > budget:
                moments[node] = np.zeros((n_chains, 2, segment.size))
                continue
            budget -= 8 * segment.size * n_chains * n_rows
        segments.append(segment)
    return Buffers(segments, _numbers(n_chains, rows, sum(s.size for s in segments)), found, moments)


def room_for_labels(node: Stochastic, compiled: CompiledModel, n_chains: int, n_rows: int) -> np.ndarray:
    """Where so many draws of a label vector go."""
    dtype = np.uint8 if per_label_bytes(node, compiled) == 1 else np.uint16
    rows = compiled.on_disk(node)
    return np.zeros((n_chains, n_rows, compiled.recording.leaves[node].size if rows is None else len(rows)), dtype)


def _on_request(compiled: CompiledModel, n_draws: int, budget: int) -> list[Stochastic]:
    """Label vectors of rows on disk that are traced because somebody asked.

    Raises
    ------
    ModelError
        If they would take more than the budget.
    """
    found = [n for n in compiled.labels if n.name in compiled.asked and compiled.on_disk(n) is not None]
    needed = sum(per_label_bytes(n, compiled) * n_draws * len(compiled.on_disk(n)) for n in found)
    if needed > budget:
        raise ModelError(
            f"sample: labels of {found[0].name} would take {needed / 2**20:.0f} MiB, label_budget= has "
            f"{budget / 2**20:.0f}; store=mc.Store(path, labels=...) leaves them on disk, last_labels() has the last"
        )
    return found


def _labels_within(
    compiled: CompiledModel, n_draws: int, budget: int, only: Collection[Stochastic] | None = None
) -> tuple[dict[Stochastic, Any], int]:
    """Width and type of the label vectors that are kept, and what is left of the budget."""
    found: dict[Stochastic, Any] = {}
    for node in compiled.labels:
        size, width = per_label_bytes(node, compiled), compiled.recording.leaves[node].size
        needed = size * n_draws * width
        kept = node in only if only is not None else node.trace_by_default or node.name in compiled.asked
        if kept and node.row_weights is None and needed <= budget:  # what stands for many rows has many labels
            budget -= needed
            found[node] = width, np.uint8 if size == 1 else np.uint16
    return found, budget


def bytes_of_a_draw(
    compiled: CompiledModel, n_chains: int, n_rows: int, budget: int, only: Collection[Stochastic] | None = None
) -> int:
    """Memory of one draw of all chains, where so many are kept within a budget of labels and leave memory meanwhile."""
    labels, _ = _labels_within(compiled, n_chains * n_rows, budget, only)
    wide = sum(width * np.dtype(dtype).itemsize for width, dtype in labels.values())
    return n_chains * (8 * sum(s.size for s in compiled.segments) + wide)


def _numbers(n_chains: int, n_rows: int, width: int) -> np.ndarray:
    """Memory for what is recorded draw by draw."""
    try:
        if 8 * n_chains * n_rows * width > _memory():
            raise MemoryError  # what a system that promises more than it has finds out in the middle of a run
        return np.zeros((n_chains, n_rows, width))
    except (MemoryError, ValueError) as error:  # NumPy's words for more bytes than addresses
        gibibytes = 8 * n_chains * n_rows * width / 2**30
        raise ModelError(
            f"sample: the draws would take {gibibytes:.1f} GiB ({n_chains} chains x {n_rows} draws x {width} numbers); "
            "use store=, thin=, fewer iterations, or several calls"
        ) from error


def _memory() -> float:
    """Bytes of the machine's memory, as far as the system says it."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def point(told: Any, out: Buffers, compiled: CompiledModel, chain: Chain, number: int) -> list[np.ndarray]:
    """Point a frame to where the draws of chain `number` go; returns the tables that it refers to, to be kept."""
    move = compiled.marginal_alone(out.labels)
    density = chain.address(LOG_DENSITY) if move is None else move.log_density_at(chain)
    segments = table(driver.SEGMENT, [_segment(s, chain, density) for s in out.segments])
    labels = table(driver.LABELS, [_labels(n, a, compiled, chain, number) for n, a in out.labels.items()])
    moments = table(driver.MOMENTS, [_moments(n, a, chain, number) for n, a in out.moments.items()])
    told.segments, told.n_segments = address_of(segments), len(segments)
    told.labels, told.n_labels = address_of(labels), len(labels)
    told.moments, told.n_moments = address_of(moments), len(moments)
    told.out, told.row_width = address_of(out.numbers[number]), sum(s.size for s in out.segments)
    return [segments, labels, moments]


def _segment(s: Segment, chain: Chain, density: int) -> np.ndarray:
    source = density if s.key == LOG_DENSITY else chain.address(s.key)
    return filled(driver.SEGMENT, source=source, count=s.size, logs=s.log_kept)


def _labels(node: Stochastic, array: np.ndarray, compiled: CompiledModel, chain: Chain, number: int) -> np.ndarray:
    own = {"count": array.shape[2], "out": address_of(array[number]), "width": array.itemsize}
    if compiled.on_disk(node) is None:
        return filled(driver.LABELS, source=chain.address(node), lowest=recorded_from(node, compiled), small=0, **own)
    rows = chain.rows_apart[node]
    rows.follow()
    return filled(driver.LABELS, source=address_of(rows.labels), lowest=0, small=1, **own)


def _moments(node: Stochastic, array: np.ndarray, chain: Chain, number: int) -> np.ndarray:
    means, squares = (address_of(array[number, i]) for i in range(2))
    return filled(driver.MOMENTS, source=chain.address(node), count=array.shape[2], means=means, squares=squares)


__all__ = [
    "Buffers",
    "buffers",
    "bytes_of_a_draw",
    "own_buffers",
    "point",
    "room_for_labels",
    "seen_as",
    "together",
    "with_room",
    "with_rooms",
]
