"""Samplers of partitions: how soon clusters are found, at what speed, and what each sampler's draws are worth."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.report.diagnosis.mixing import effective_for_mean

FOUND = 0.95  # normalised mutual information with the clusters that made the data
# What a Python that has pyrichlet runs: its collapsed Gibbs sampler on the same rows (standard input), CPU seconds.
PYRICHLET = """
import sys, time, numpy as np
from pyrichlet import mixture_models as mm
x = np.load(sys.argv[1])
m = mm.DirichletProcessMixture(alpha=1.0, rng=1, total_iter=int(sys.argv[2]), burn_in=1, subsample_steps=1)
before = time.process_time()
m.fit_gibbs(x, init_groups=4, show_progress=False)
print(time.process_time() - before)
"""


def clusters_apart(n: int, clusters: int, seed: int, d: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Rows about centers that are six standard deviations apart or more, and which center each has."""
    rng, centers = np.random.default_rng(seed), np.zeros((0, d))
    while len(centers) < clusters:
        new = rng.uniform(-20.0, 20.0, d)
        if (np.linalg.norm(centers - new, axis=1) > 6.0).all():
            centers = np.vstack([centers, new])
    truth = rng.integers(0, clusters, n)
    return centers[truth] + rng.normal(size=(n, d)), truth


def vectors(x: np.ndarray, prior: str, most: int = 20) -> mc.MCMC:
    """Normal rows of an unknown number of components, or of a Dirichlet process, whole or cut."""
    n, d = x.shape
    size: Any = most if prior == "process" else mc.NumberOfComponents("K", most=most)
    w = mc.StickBreaking("w", 1.0, size=most) if prior == "process" else mc.Dirichlet("w", 1.0, size=size)
    if prior == "whole process":
        size = w = mc.StickBreaking("w", 1.0)
    z = mc.Categorical("z", w, size=n)
    tau = mc.Wishart("tau", d + 2.0, np.eye(d), size=size)
    mu = mc.MvNormal("mu", np.zeros(d), 0.02 * tau, size=size)
    return mc.MCMC([mc.Mixture("y", z, mc.MvNormal, mu, tau, value=x, observed=True)], marginal_moves=False)


def asked(m: mc.MCMC, steps: Mapping[Any, Mapping[str, Any]]) -> mc.MCMC:
    """The sampler with steps for its labels beside the label update."""
    for step, settings in steps.items():
        m.use_step_method(step, "z", **settings)
    return m


def together(n: int, most: int, prior: str) -> dict[str, Any]:
    """A start in which all rows are in one component."""
    rest = {"w_sticks": np.full(most - 1, 0.99)} if prior == "process" else {"K": 1}
    return {"z": np.zeros(n, int), **rest}


def partitions(quick: bool) -> Iterator[Row]:
    """All of it; kernels are compiled before."""
    for prior in ("unknown", "process"):
        vectors(clusters_apart(200, 3, 0)[0], prior).sample(50, 20, chains=1, seed=1, progress_bar=False)
    yield from _from_one()
    yield from _ten_clusters()
    yield from _speed(500 if quick else 5000)
    yield from _worth(5_000 if quick else 50_000)
    yield from _one_direction()
    if not quick:
        yield from _many_rows()


def _from_one() -> Iterator[Row]:
    """All rows in one component at first: on how many of 20 seeds clusters are found."""
    for prior in ("unknown", "process"):
        for sweeps in (50, 200):
            found = 0
            for seed in range(20):
                x, truth = clusters_apart(1000, 10, seed)
                m = vectors(x, prior)
                m.sample(sweeps, sweeps - 1, chains=1, seed=seed, progress_bar=False, start=together(1000, 20, prior))
                found += normalized_mutual_info_score(truth, m.trace("z")[-1]) >= FOUND
            told = f"ten clusters from one component, {prior}: found in {sweeps} iterations"
            yield row(told, 1000, 20, found, "of 20 seeds")


def _ten_clusters() -> Iterator[Row]:
    """A Dirichlet process on 10,000 rows: CPU seconds of 100 iterations, the start among them."""
    for seed in range(3):
        x, truth = clusters_apart(10_000, 10, seed)
        m = vectors(x, "process")
        before = time.process_time()
        m.sample(100, 99, chains=1, seed=seed, progress_bar=False)
        seconds = time.process_time() - before
        agreement = normalized_mutual_info_score(truth, m.trace("z")[-1])
        yield row(
            f"10,000 rows, Dirichlet process, 100 iterations with the start, seed {seed}", 10_000, 20, seconds, "CPU s"
        )
        yield row("the same: agreement with the clusters", 10_000, 20, agreement, "NMI")


def _speed(iterations: int) -> Iterator[Row]:
    """Iterations for each CPU second of a Dirichlet process on 1,000 rows of the plane, beside pyrichlet."""
    x = clusters_apart(1000, 4, 0)[0]
    for name, steps in SAMPLERS.items():
        m = asked(vectors(x, "process"), steps)
        m.label_budget = 0
        m.sample(300, 299, chains=1, seed=1, progress_bar=False)
        before = time.process_time()
        m.sample(iterations, progress_bar=False)
        speed = iterations / (time.process_time() - before)
        yield row(f"Dirichlet process, {name}: iterations", 1000, 20, speed, "per CPU second")
    slow = beside_pyrichlet(x, 50)
    if slow is not None:
        yield row("Dirichlet process, pyrichlet: iterations", 1000, 20, slow, "per CPU second")


def beside_pyrichlet(x: np.ndarray, iterations: int) -> float | None:
    """Iterations for each CPU second of pyrichlet, where the environment variable PYRICHLET names a Python with it."""
    import os
    import tempfile

    python = os.environ.get("PYRICHLET")
    if python is None:
        return None
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        np.save(file, x)
        file.flush()
        told = subprocess.run(
            [python, "-c", PYRICHLET, file.name, str(iterations)], capture_output=True, text=True, check=False
        )
    if told.returncode != 0:
        sys.stderr.write(told.stderr)
        return None
    return iterations / float(told.stdout.split()[-1])


LEFT_OUT: dict[Any, Mapping[str, Any]] = {mc.SplitMerge: {"tries": 0}}
SAMPLERS: dict[str, dict[Any, Mapping[str, Any]]] = {
    "by default": {},
    "label updates alone": LEFT_OUT,
    "collapsed": {mc.CollapsedLabels: {}} | LEFT_OUT,
    "collapsed, parameters given": {mc.CollapsedLabels: {"given": True}} | LEFT_OUT,
}


def _worth(iterations: int) -> Iterator[Row]:
    """Effective draws of the number of clusters for each CPU second, by sampler and prior."""
    x = clusters_apart(1000, 4, 0)[0]
    for prior, name in product(("unknown", "process", "whole process"), SAMPLERS):
        steps, slow = SAMPLERS[name], "collapsed" in name
        if not (prior == "whole process" and slow):
            length = iterations // 5 if slow else iterations
            m = asked(vectors(x, prior), steps)
            m.sample(500, 499, chains=1, seed=1, progress_bar=False)
            before = time.process_time()
            m.sample(length, thin=4, progress_bar=False)
            seconds = time.process_time() - before
            labels = np.sort(m.trace("z")[:], axis=1)
            number = 1.0 + (np.diff(labels, axis=1) > 0).sum(axis=1)
            effective = effective_for_mean(number[None, None])[0]
            told = f"four clusters, {prior}, {name}: effective draws of clusters"
            yield row(told, 1000, 20, effective / seconds, "per CPU second")


def _one_direction() -> Iterator[Row]:
    """Two components that are one: iterations until the larger one has less than three rows of four."""
    x = np.random.default_rng(1).normal(size=1000)
    for name, steps in (("label updates", {}), ("non-reversible", {mc.NonReversibleLabels: {}})):
        taken = []
        for seed in range(20):
            z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=1000)
            mu = mc.Normal("mu", 0.0, 1e12, size=2)
            m = asked(
                mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)], marginal_moves=False), steps
            )
            start = {"z": np.zeros(1000, int), "w": [0.999, 0.001]}
            m.sample(4000, chains=1, seed=seed, progress_bar=False, start=start)
            share = m.trace("z")[:].mean(1)
            even = np.maximum(share, 1.0 - share) < 0.75
            taken.append(1 + int(np.argmax(even)) if even.any() else 4000)
        yield row(
            f"two equal components, {name}: iterations until even", 1000, 2, float(np.median(taken)), "iterations"
        )


def _many_rows() -> Iterator[Row]:
    """100,000 rows of 32 columns in 50 clusters, as many as their mixture of unknown number finds."""
    rng = np.random.default_rng(0)
    centers = 1.5 * rng.normal(size=(50, 32))
    truth = rng.integers(0, 50, 100_000)
    m = vectors(centers[truth] + rng.normal(size=(100_000, 32)), "unknown", 80)
    before, clock, agreement, sweeps = time.process_time(), time.perf_counter(), 0.0, 0
    while agreement < FOUND and sweeps < 300:
        m.sample(10, 9, progress_bar=False, **({"chains": 1, "seed": 1} if sweeps == 0 else {}))
        sweeps += 10
        agreement = float(normalized_mutual_info_score(truth, m.trace("z")[-1]))
    yield row("100,000 rows, 32 columns, 50 clusters: agreement", 100_000, 80, agreement, "NMI")
    yield row("the same: iterations", 100_000, 80, sweeps, "iterations")
    yield row("the same: time with the start", 100_000, 80, time.process_time() - before, "CPU s")
    yield row("the same: wall time", 100_000, 80, time.perf_counter() - clock, "s")


__all__ = ["clusters_apart", "partitions", "vectors"]
