"""What it costs to keep draws on disk: the two-component problem with a store beside the same run in memory."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import mcmix as mc
from benchmarks import cases
from benchmarks.measure import Row, row


def stored(quick: bool) -> Iterator[Row]:
    """CPU time with a store over CPU time without, alternating; and memory between the first and the last draws."""
    pairs = 3 if quick else 7
    cases_of = [("no labels", {"label_budget": 0}, 60_000), ("all labels", {"label_budget": 2**30}, 80_000)]
    cases_of.append(("all labels of a short run", {}, 20_000))  # what a folder costs once is seen
    for kept, options, draws in cases_of:
        for moves, name in ((False, "label updates"), (None, "as chosen")):
            ratios = []
            with tempfile.TemporaryDirectory() as folder:
                for i in range(pairs):
                    inside = _seconds(draws, moves, options, None)
                    ratios.append(_seconds(draws, moves, options, Path(folder) / f"{i}.zarr") / inside)
            yield row(f"store, {name}, {kept}: CPU beside memory", 1000, 2, median(ratios), "times")
    yield from _memory(100_000 if quick else 1_000_000)


def _seconds(draws: int, moves: bool | None, options: dict[str, Any], path: Path | None) -> float:
    m = mc.MCMC(cases.two_components().model, marginal_moves=moves, **options)
    before = time.process_time()
    m.sample(draws + 1000, 1000, seed=1, progress_bar=False, store=path)
    return time.process_time() - before


def _memory(draws: int) -> Iterator[Row]:
    """Resident memory of the process where chunks of draws are written."""
    from mcmix.sampling.checkpoints import Keeper

    seen: dict[int, float] = {}
    flush = Keeper._flush

    def watched(self: Keeper, left: int) -> None:
        flush(self, left)
        seen[self.folder.n_draws] = (
            int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
        )

    with tempfile.TemporaryDirectory() as folder:
        Keeper._flush = watched  # type: ignore[method-assign]
        try:
            m = mc.MCMC(cases.two_components().model, label_budget=0)
            m.sample(draws + 1000, 1000, seed=1, progress_bar=False, store=Path(folder) / "run.zarr")
        finally:
            Keeper._flush = flush  # type: ignore[method-assign]
    drawn = sorted(n for n in seen if n)
    middle = next(n for n in drawn if n >= draws // 3)
    yield row(f"store: memory, draw {drawn[0]} to {drawn[-2]}", 1000, 2, seen[drawn[-2]] - seen[drawn[0]], "MiB")
    yield row(f"store: memory, draw {middle} to {drawn[-2]}", 1000, 2, seen[drawn[-2]] - seen[middle], "MiB")
