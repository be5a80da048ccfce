"""How a call is done on a cluster: with shards of the rows, or with whole chains; and where shards' rows come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mcmix.cluster.chains import ChainsAway
from mcmix.cluster.clients import Cluster
from mcmix.cluster.shard import Between
from mcmix.cluster.shards import ShardedChain, Shards
from mcmix.cluster.stretch import Build
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
    if not steps or compiled.marginal_alone(()) is not None or set(steps) & set(counted):
        return "an iteration does not go over the rows in parts"
    if tempered:
        return "tempered chains go over the rows at several powers"
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
    if tables is None or (s.rows.op != "events" and s.rows.extra is not s.factor.family):
        return "parameters go by row"
    if p.told != [("log weights", p), *(("table", p, s, i) for i in range(len(tables)))]:
        return "rows look at more than their components' parameters"
    return "rows are few distinct values" if p._few(s) is not None else ""


def shards_of(cluster: Cluster, compiled: CompiledModel) -> dict[Step, Shards]:
    """The rows of each label update that goes over many, on workers."""
    return {s: Shards(cluster, recipe_of(s.label_pass), _rows_of(s), parts.PART) for s in _in_parts(compiled)}


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

    def serves(self, client: Any, compiled: CompiledModel) -> bool:
        """Whether this is the same model on the same client's cluster."""
        return client is self._cluster.client and compiled is self._compiled

    @contextmanager
    def serving(self, runners: Sequence[Runner]) -> Iterator[None]:
        """A block in which chains sweep with the cluster's help."""
        if not self.why_whole:
            self._shards = self._shards or shards_of(self._cluster, self._compiled)
            with sharded(runners, self._shards):
                yield
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
def sharded(runners: Sequence[Runner], shards: dict[Step, Shards]) -> Iterator[None]:
    """A block in which labels are drawn on workers; chains' streams are their own again afterwards."""
    asked = [(r, c) for r in runners for c in r.calls if c.parts is not None and c.step in shards]
    away = [(r, c, ShardedChain(shards[c.step], _streams(r, c))) for r, c in asked]
    try:
        for r, call, chain in away:
            call.parts.elsewhere = chain
            r.chain.away.append(chain.bring_home)
        yield
    finally:
        for r, call, chain in away:
            call.parts.elsewhere = None
            chain.end()
            r.chain.away.clear()


def _streams(r: Runner, call: Call) -> np.ndarray:
    """A chain's random streams of all blocks of the rows that a call goes over."""
    step: Any = call.step
    p = step.label_pass
    if step.on_disk is not None:
        return r.chain.row_streams((p.label.node, "on disk"), p.number, len(step.on_disk))
    return r.chain.row_streams(p.label.node, p.number, p.data.n_units)


__all__ = ["Placed", "why_whole"]
