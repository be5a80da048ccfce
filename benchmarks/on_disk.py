"""Data on disk: weighted rows from one pass over a file, and labels drawn from it beside the same rows in memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, em_iteration, row

CHUNK = 10**6


def on_disk(quick: bool) -> Iterator[Row]:
    """Seconds, ratios, and memory of processes of their own."""
    n = 10**7 if quick else 10**8
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        _write(path, n, 1, 10)
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.on_disk", str(path)], capture_output=True, text=True, check=True
        ).stdout.split()
        streamed, sampled, peak, worst = map(float, said)
        some = np.load(path, mmap_mode="r")[:CHUNK].astype(float)
        em = em_iteration(some, 10) * n / CHUNK
        yield row("weighted rows from a file", n, 10, streamed, "seconds")
        yield row("4 chains x 1500 iterations on them", n, 10, sampled, "seconds")
        yield row("both / scaled EM iteration, scikit-learn", n, 10, (streamed + sampled) / em, "ratio")
        yield row("worst R-hat of components, in order", n, 10, worst, "R-hat")
        yield row("peak memory of that process", n, 10, peak, "MiB")
    for d, k in ((1, 10), (8, 20)):
        yield row(f"labels from a file beside memory, D = {d}", 10**6, k, _beside(10**6, d, k, 5), "times")
        if not quick:
            yield row(f"labels from a file beside memory, D = {d}", 10**7, k, _beside(10**7, d, k, 3), "times")


def _write(path: Path, n: int, d: int, k: int) -> None:
    """Rows of k normal components, single precision, made and written a million at a time."""
    rng, shape = np.random.default_rng(1), (n,) if d == 1 else (n, d)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, n, CHUNK):
        some = out[start : start + CHUNK]
        label = rng.integers(0, k, len(some))
        mean, sd = (10.0 * label, 2.0 + 2.0 * label / k) if d == 1 else (3.0 * label[:, None], 1.0)
        some[...] = rng.normal(mean, sd, some.shape)
    out.flush()


def _model(value: Any, d: int, k: int) -> list[Any]:
    w = mc.Dirichlet("w", np.ones(k))
    if d == 1:
        mu, sd = mc.Normal("mu", 45.0, sigma=60.0, size=k), mc.Uniform("sd", 0, 100, size=k)
        return [mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=value, observed=True)]
    mu, tau = mc.Normal("mu", 0.0, sigma=50.0, size=(k, d)), mc.Wishart("tau", d + 2, np.eye(d), size=k)
    return [mc.Mixture("y", w, mc.MvNormal, mu, tau, value=value, observed=True)]


def _beside(n: int, d: int, k: int, repeats: int) -> float:
    """Median over interleaved repeats of seconds of iterations with labels from a file over those in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        _write(path, n, d, k)
        found = [mc.OnDisk(path, weighted=False if d == 1 else None), np.load(path)]
        samplers = [mc.MCMC(_model(v, d, k), label_budget=0, marginal_moves=False) for v in found]
        for m in samplers:
            m.sample(3, 1, chains=1, seed=1, progress_bar=False)
        ratios = []
        for _ in range(repeats):
            seconds = []
            for m in samplers:
                m.sample(3, progress_bar=False)
                seconds.append(m.sampling_seconds)
            ratios.append(seconds[0] / seconds[1])
    return median(ratios)


def _one(path: str) -> None:
    """A run on weighted rows of a file: seconds of both parts, peak memory, worst R-hat."""
    before = time.perf_counter()
    nodes = _model(mc.OnDisk(path), 1, 10)
    streamed = time.perf_counter() - before
    m = mc.MCMC(nodes)
    before = time.perf_counter()
    m.sample(1500, 500, seed=1, progress_bar=False)
    sampled = time.perf_counter() - before
    worst = m.summary(["mu", "sd", "w"])["r_hat"].max()
    print(streamed, sampled, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10, worst)


if __name__ == "__main__":
    _one(sys.argv[1])
