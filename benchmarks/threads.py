"""One chain on two threads beside one: passes over many rows, in turns, and whole iterations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.cases import many_components, many_rows
from benchmarks.measure import Row, row
from mcmix.kernels.crew import CREW


def threads(quick: bool) -> Iterator[Row]:
    """How many times faster two threads are; rows from which on a pass has parts."""
    for n in (300_000, 1_000_000) if quick else (300_000, 1_000_000, 10_000_000):
        for k in (2, 10):
            m = many_components(many_rows(n, k), k)
            m.sample(3, 1, chains=1, seed=1, progress_bar=False)
            one = m.assembled.label_passes[0].bound(m._runners[0].chain)
            told = {"label update": one.draw, "soft pass": lambda one=one: one.weigh(collect=True)}
            for name, run in told.items():
                yield row(f"{name} on two threads: times one", n, k, _faster(run, max(3, 10_000_000 // n)), "times")


def _faster(run: Callable[[], object], repeats: int) -> float:
    """Median over interleaved repeats of seconds on one thread over seconds on two."""
    ratios = []
    for _ in range(repeats):
        seconds = []
        for cores in (1, 2):
            with CREW.at_most(cores):
                before = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - before)
        ratios.append(seconds[0] / seconds[1])
    return median(ratios)
