"""How a call is done on a cluster: with shards of the rows, or with whole chains; and where shards' rows come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mcmix.cluster.chains import ChainsAway
from mcmix.cluster.clients import Cluster
from mcmix.cluster.shard import Between, Run, Shard
from mcmix.cluster.sharded_chain import ShardedChain
from mcmix.cluster.shards import Shards
from mcmix.cluster.stretch import Build
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.runner import Runner
from mcmix.steps import parts
from mcmix.steps.base import Call, Step
from mcmix.steps.from_disk import why_rows
from mcmix.steps.hand_recipes import recipe_of
from mcmix.steps.plan import CompiledModel
from mcmix.structure.label_vectors import SeparableFactor


class InMemory:
    """Rows that a model holds: sent to a worker once."""

    def __init__(self, rows: np.ndarray):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def blocks(self, rows: int, first: int, end: int) -> Iterator[np.ndarray]:
        """Some of them in their order, so many at a time."""
        return (self._rows[at : min(at + rows, end)] for at in range(first, end, rows))

    def at(self, cluster: Cluster, worker: str, first: int, end: int) -> Any:
        """In a worker's memory."""
        return cluster.sent(np.ascontiguousarray(self._rows[first:end]), worker)


class InFile:
    """Rows on disk: each worker reads its own."""

    def __init__(self, rows: Any):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, cluster: Cluster, worker: str, first: int, end: int) -> Any:
        """As a worker opens them; of a Dask array they are brought together there."""
        lazy = self._rows.lazy
        return Between(self._rows, first, end) if lazy is None else cluster.computed(lazy[first:end], worker)


def why_whole(compiled: CompiledModel, tempered: bool) -> str:
    """Why rows cannot be in shards, and chains are sent to workers as they are; nothing where they can."""
    steps = _in_parts(compiled)
    counted = [s for s in compiled.counted(()) if getattr(s, "by_counts", None) is not None]
    if not steps or set(steps) & set(counted):
        return "an iteration does not go over the rows in parts"
    if tempered:
        return "tempered chains go over the rows at several powers"
    move = compiled.marginal_alone(())
    if move is not None and not move.weighs_all_in_parts:
        return "an iteration goes over few weighted rows that stand for all"
    return why_apart(compiled, steps)


def why_apart(compiled: CompiledModel, steps: Sequence[Step]) -> str:
    """Why nobody but the model can go over the rows of these label updates; nothing where others can."""
    why = why_rows(compiled, steps)
    return why or next((w for s in steps if (w := _why_of(s))), "")


def _in_parts(compiled: CompiledModel) -> list[Step]:
    """Label updates that go over many rows."""
    with_pass = [s for s in compiled.steps if s.label_pass is not None]
    return [s for s in with_pass if getattr(s, "on_disk", None) is not None or s.label_pass.n_parts > 1]


def _why_of(step: Step) -> str:
    p = step.label_pass
    (s,) = p.block.factors
    tables = p.tables[s]
    if p.data.weights is not None and getattr(step, "on_disk", None) is None:
        return "rows have weights"
    if tables is None or (s.rows.op != "events" and s.rows.extra is not s.factor.family):
        return "parameters go by row"
    if p.told != [("log weights", p), *(("table", p, s, i) for i in range(len(tables)))]:
        return "rows look at more than their components' parameters"
    return "rows are few distinct values" if p._few(s) is not None else ""


def shards_of(cluster: Cluster, compiled: CompiledModel) -> dict[Step, Shards]:
    """The rows of each label update that goes over many, on workers."""
    return {s: Shards(cluster, recipe_of(s.label_pass), _rows_of(s), parts.PART) for s in _in_parts(compiled)}


def shard_here(step: Any, threads: int) -> Shard:
    """All rows of a label update as one shard in this process, which reads them where they are."""
    rows = _rows_of(step)
    n, size = len(rows), parts.PART
    held = step.on_disk if step.on_disk is not None else rows
    return Shard(
        recipe_of(step.label_pass), Run(0, -(-n // size), -(-n // size), size, n), Between(held, 0, n), threads
    )


def _rows_of(step: Any) -> InMemory | InFile:
    if step.on_disk is not None:
        return InFile(step.on_disk)
    (s,) = step.label_pass.block.factors
    return InMemory(_held(s, step))


def _held(s: SeparableFactor, step: Step) -> np.ndarray:
    """Rows as the pass sees them."""
    if s.rows.op == "events":
        return np.asarray(s.rows.arguments[0].value)
    return np.asarray(step.label_pass.data.values(s).known)


class Placed:
    """A call's work on a cluster.

    Parameters
    ----------
    cluster : Cluster
    build : Build
        Of the model.
    compiled : CompiledModel
        The model.

    Attributes
    ----------
    why_whole : str
        Why whole chains are sent, and not rows in shards; nothing where it is shards.
    """

    def __init__(self, cluster: Cluster, build: Build, compiled: CompiledModel):
        self._cluster, self._build, self._compiled = cluster, build, compiled
        self.why_whole = why_whole(compiled, build.tempering is not None)
        self._shards: dict[Step, Shards] | None = None
        self._last: dict[Any, tuple[ShardedChain, int]] = {}

    @property
    def shards(self) -> dict[Step, Shards]:
        """Made when they are first asked for."""
        if self._shards is None:
            self._shards = shards_of(self._cluster, self._compiled)
        return self._shards

    def last_of(self, r: Runner, node: Stochastic) -> ShardedChain | None:
        """Who drew the labels that a chain has now; None where they were drawn elsewhere."""
        chain, sweeps = self._last.get((r.number, node), (None, -1))
        return chain if sweeps == r.sweeps else None

    @property
    def in_shards(self) -> list[Stochastic]:
        """Label vectors whose rows are in shards."""
        return [s.variables[0] for s in _in_parts(self._compiled)]

    def serves(self, client: Any, compiled: CompiledModel) -> bool:
        """Whether this is the same model on the same client's cluster."""
        return client is self._cluster.client and compiled is self._compiled

    @contextmanager
    def serving(self, runners: Sequence[Runner]) -> Iterator[None]:
        """A block in which chains sweep with the cluster's help."""
        if not self.why_whole:
            with sharded(runners, self.shards) as chains:
                yield
            sweeps = {r.number: r.sweeps for r in runners}
            self._last = {key: (chain, sweeps[key[0]]) for key, chain in chains.items()}
            return
        away = ChainsAway(self._cluster, self._build)
        try:
            for r in runners:
                r.away = away
            yield
        finally:
            for r in runners:
                r.away = None


@contextmanager
def sharded(runners: Sequence[Runner], shards: dict[Step, Shards]) -> Iterator[dict[Any, ShardedChain]]:
    """A block in which workers go over the rows; chains' streams are their own again afterwards."""
    asked = [(r, c) for r in runners for c in r.calls if c.parts is not None and c.step in shards]
    away = {(r.number, c.step.variables[0]): ShardedChain(shards[c.step], _streams(r, c)) for r, c in asked}
    before = [dict(r.chain.rows_apart) for r in runners]
    try:
        for r in runners:
            own = {node: chain for (number, node), chain in away.items() if number == r.number}
            r.chain.elsewhere = own
            r.chain.rows_apart = {**r.chain.rows_apart, **own}
            r.chain.away += [chain.bring_home for chain in own.values()]
        yield away
    finally:
        for r, apart in zip(runners, before, strict=True):
            r.chain.elsewhere, r.chain.rows_apart = {}, apart
        for chain in away.values():
            chain.end()
        for r in runners:
            r.chain.away.clear()


def _streams(r: Runner, call: Call) -> np.ndarray:
    """A chain's random streams of all blocks of the rows that a call goes over."""
    step: Any = call.step
    p = step.label_pass
    if step.on_disk is not None:
        return r.chain.row_streams((p.label.node, "on disk"), p.number, len(step.on_disk))
    return r.chain.row_streams(p.label.node, p.number, p.data.n_units)


__all__ = ["Placed", "shard_here", "why_apart", "why_whole"]
