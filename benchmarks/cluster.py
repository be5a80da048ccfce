"""A Dask cluster of processes on this machine: what shards and stretches of chains cost, and a model of that cost."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import mcmix as mc
from benchmarks.cases import two_components
from benchmarks.measure import Row, row
from benchmarks.on_disk import _model, _write
from mcmix.cluster.clients import Cluster
from mcmix.cluster.elsewhere import InMemory
from mcmix.cluster.sharded_chain import ShardedChain
from mcmix.cluster.shards import Shards
from mcmix.kernels.labels import BLOCK, n_blocks
from mcmix.kernels.random import seeded_streams
from mcmix.steps.hand_recipes import recipe_of
from mcmix.steps.parts import PART, merged

D, K = 8, 20
LOOKS = 8  # the least of so many: others on the machine only add


def cluster(quick: bool) -> Iterator[Row]:
    """Overheads beside threads, costs of messages, and sweeps beside what the model of their cost says."""
    n = 10**6 if quick else 10**7
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        _write(path, n, D, K)
        yield from _beside_threads(path, n, 5 if quick else 15)
        yield from _model_checked(path, n)
    yield from _workers_of_their_own()
    yield from _chains(10_000 if quick else 1_000_000)
    yield from _pieces()


@contextmanager
def workers(n: int) -> Iterator[Any]:
    """A client of so many processes of one thread."""
    from distributed import Client, LocalCluster

    given = {"n_workers": n, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**given) as made, Client(made) as client:
        yield client


def _sampler(path: Path) -> Any:
    m = mc.MCMC(_model(mc.OnDisk(path), D, K), label_budget=0, marginal_moves=False)
    return m.sample(2, 1, chains=1, seed=1, progress_bar=False)


def _seconds(m: Any, client: Any = None, iterations: int = 2, **options: Any) -> float:
    """Wall time of an iteration, the start of the call and its report left out."""
    m.sample(iterations, progress_bar=False, client=client, **options)
    return m.sampling_seconds / iterations


def _beside_threads(path: Path, n: int, repeats: int) -> Iterator[Row]:
    """One chain, the same file: two workers beside two threads, by turns."""
    one, other = _sampler(path), _sampler(path)
    with workers(2) as client:
        _seconds(other, client)  # shards are made
        walls, busy = [], []
        for _ in range(repeats):
            before = time.process_time()
            here = _seconds(one, cores=2)
            own, theirs = time.process_time() - before, _busy(client)
            there = _seconds(other, client)
            walls.append(there / here)
            busy.append((_busy(client) - theirs) / own)
    yield row(f"an iteration, two workers / two threads, D = {D}", n, K, median(walls), "wall ratio")
    yield row(f"an iteration, two workers / two threads, D = {D}, least", n, K, min(walls), "wall ratio")
    yield row(f"an iteration, two workers / two threads, D = {D}, CPU", n, K, median(busy), "CPU ratio")


def _busy(client: Any) -> float:
    """CPU seconds that this process and the workers have used."""
    return time.process_time() + sum(client.run(time.process_time).values())


# -------------------------------------------------------------------- the model of the cost


@dataclass(frozen=True)
class Cost:
    """Seconds of an iteration of one chain with shards.

    Attributes
    ----------
    a_row : float
        Of one core, for a row under all components.
    a_round : float
        Of the messages of an iteration, however many workers there are.
    a_worker : float
        Of a message to a worker and back, beside that.
    """

    a_row: float
    a_round: float
    a_worker: float

    def of(self, rows: float, n_workers: int, cores: int, latency: float = 0.0) -> float:
        """Of so many rows on workers of one thread, which share so many cores."""
        each = rows / min(n_workers, cores) * self.a_row
        return each + self.a_round + self.a_worker * n_workers + latency


def _model_checked(path: Path, n: int) -> Iterator[Row]:
    """Iterations of 1, 2 and 4 workers and of two that are slow to answer, beside the model, fitted to one worker."""
    rounds, found = {}, {}
    for n_workers in (1, 2, 4):
        with workers(n_workers) as client:
            rounds[n_workers] = _round(client)
            m = _sampler(path)
            _seconds(m, client)
            found[n_workers, 0.0] = min(_seconds(m, client) for _ in range(LOOKS))
            if n_workers == 2:
                for latency in (0.02, 0.1, 0.5):
                    client.run(_late, latency)
                    found[2, latency] = min(_seconds(m, client) for _ in range(LOOKS))
    slope = (rounds[4] - rounds[1]) / 3
    cost = Cost((found[1, 0.0] - rounds[1]) / n, rounds[1] - slope, slope)
    for name, seconds in (("round", cost.a_round), ("worker", cost.a_worker)):
        yield row(f"messages, seconds for a {name}", 0, 0, seconds, "seconds")
    yield row(f"a row of one core, D = {D}", n, K, 1e9 * cost.a_row, "ns")
    for (n_workers, latency), seconds in found.items():
        expected = cost.of(n, n_workers, 2, latency)
        what = f"an iteration, {n_workers} workers" + (f", answers {latency:g} s late" if latency else "")
        yield row(what, n, K, seconds, "seconds")
        yield row(f"{what}: measured / model", n, K, seconds / expected, "ratio")


def _workers_of_their_own() -> Iterator[Row]:
    """Workers as if each had a core, which are here told to wait for as long as one would go over its rows."""
    rows, a_row = 10**7, 150e-9
    rounds, found = {}, {}
    for n_workers in (1, 2, 4, 8):
        with workers(n_workers) as client:
            rounds[n_workers] = _round(client)
            client.run(_late, rows * a_row / n_workers)
            found[n_workers] = _round(client, LOOKS)
    slope = (rounds[8] - rounds[1]) / 7
    cost = Cost(a_row, rounds[1] - slope, slope)
    for n_workers, seconds in found.items():
        yield row(f"messages of an iteration, {n_workers} workers", 0, 0, 1000 * rounds[n_workers], "ms")
        ratio = seconds / cost.of(rows, n_workers, n_workers)
        yield row(f"an iteration, {n_workers} workers that wait: measured / model", rows, K, ratio, "ratio")


def _late(seconds: float) -> None:
    """Let every shard of this process answer late."""
    from mcmix.cluster.shard import Shard

    if not hasattr(Shard, "at_once"):
        Shard.at_once = Shard._draw  # type: ignore[attr-defined]

    def late(self: Any, asked: Any) -> Any:
        time.sleep(seconds)
        return self.at_once(asked)

    Shard._draw = late  # type: ignore[method-assign]


def _round(client: Any, looks: int = 150) -> float:
    """Seconds of an iteration's messages: shards of a block each, which takes a worker some tenths of a millisecond."""
    n = BLOCK * len(client.nthreads())
    y = mc.Mixture("y", [0.5, 0.5], mc.Normal, mc.Normal("mu", [0, 4], 1.0, size=2), 1.0, value=_two(n), observed=True)
    m = mc.MCMC([y], label_budget=0, marginal_moves=False).sample(1, chains=1, seed=1, progress_bar=False)
    p = m.assembled.label_passes[0]
    shards = Shards(Cluster(client), recipe_of(p), InMemory(_two(n)), BLOCK)
    chain = ShardedChain(shards, seeded_streams(np.random.SeedSequence(1), n_blocks(n)))
    parameters = np.concatenate([m._runners[0].chain.view(key) for key in p.told])
    times = []
    for _ in range(looks):
        before = time.perf_counter()
        chain.draw(parameters, 2)
        times.append(time.perf_counter() - before)
    return min(times)


def _two(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(4.0 * rng.integers(2, size=n))


# -------------------------------------------------------------------- chains, and what else grows


def _chains(iterations: int) -> Iterator[Row]:
    """Four chains of a small model, two workers beside two threads, by turns."""
    ratios, walls, busy = [], [], []
    with workers(2) as client:
        samplers = [two_components(), two_components()]
        for m in samplers:
            m.sample(100, chains=4, seed=1, progress_bar=False, client=client)  # workers have compiled
        for _ in range(3):
            seconds, cpu = [], []
            for m, given in zip(samplers, ({"cores": 2}, {"client": client}), strict=True):
                before = _busy(client)
                m.sample(iterations, thin=50, progress_bar=False, **given)
                seconds.append(m.sampling_wall_seconds)
                cpu.append(_busy(client) - before)
            ratios.append(seconds[1] / seconds[0])
            busy.append(cpu[1] / cpu[0])
            walls.append(seconds[0])
    yield row("4 chains, two threads", 1000, 2, median(walls), "seconds")
    yield row("4 chains, two workers / two threads", 1000, 2, median(ratios), "wall ratio")
    yield row("4 chains, two workers / two threads, least", 1000, 2, min(ratios), "wall ratio")
    yield row("4 chains, two workers / two threads, CPU", 1000, 2, median(busy), "CPU ratio")


def _pieces() -> Iterator[Row]:
    """What grows with the number of rows in the client's process."""
    yield row("streams of a block, seeded", BLOCK, 0, 1e6 * _of_each(256, _seeded), "us")
    yield row("sums of a part, merged", PART, K, 1e6 * _of_each(1024, _merged), "us")


def _of_each(n: int, work: Any) -> float:
    before = time.perf_counter()
    work(n)
    return (time.perf_counter() - before) / n


def _seeded(n: int) -> None:
    seeded_streams(np.random.SeedSequence(1), n)


def _merged(n: int) -> None:
    sums = np.zeros(K * (2 + D + D * D))
    merged(((0, i, sums) for i in range(n)), n)


def predicted(cost: Cost, n_workers: int = 100) -> Iterator[tuple[float, float, float]]:
    """Rows, seconds of an iteration, and what part of these are messages; a core for each worker."""
    for rows in (1e7, 1e8, 1e9, 1e11):
        seconds = cost.of(rows, n_workers, n_workers)
        yield rows, seconds, 1.0 - rows / n_workers * cost.a_row / seconds
