"""Models written as loops beside the same as vectors, and regressions in components beside scikit-learn's."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import LinearRegression

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.steps.base import Chain
from mcmix.steps.renumbered import renumbered
from mcmix.structure.rows import Rows


def effects(n: int, loop: bool) -> list[Any]:
    """Counts of like units, each with its own rate on the log scale."""
    data = np.random.default_rng(1).poisson(3.0, n)
    scale = mc.Gamma("scale", 3, 2)
    if not loop:
        own = mc.Normal("own", 0, scale, size=n)
        return [mc.Poisson("y", mc.Lambda("rate", lambda own=own: np.exp(own)), value=data, observed=True)]
    own = [mc.Normal(f"own {i}", 0, scale) for i in range(n)]
    return [mc.Poisson(f"y{i}", np.exp(a), value=data[i], observed=True) for i, a in enumerate(own)]


def rows(n: int, loop: bool) -> list[Any]:
    """A mixture of two normals, a node for each row or one for all."""
    data = np.random.default_rng(1).normal(4.0 * (np.arange(n) % 2), 1.0)
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", [0, 3], sigma=5, size=2)
    z = mc.Categorical("z", w, size=n)
    if not loop:
        return [mc.Normal("y", mu[z], 1.0, value=data, observed=True)]
    return [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=data[i], observed=True) for i in range(n)]


def hidden_chain(n: int) -> list[Any]:
    """States of which each depends on the one before, a node each."""
    data = np.random.default_rng(1).normal(3.0 * (np.arange(n) // (n // 2)), 1.0)
    moves, mu = mc.Dirichlet("moves", [1, 1], size=2), mc.Normal("mu", [0, 3], sigma=2, size=2)
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for i in range(1, n):
        z.append(mc.Categorical(f"z{i}", moves[z[-1]]))
    return [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=data[i], observed=True) for i in range(n)]


def _sweep(m: mc.MCMC, sweeps: int) -> float:
    """Seconds of a sweep of one chain, the best of three stretches; one draw is recorded."""
    m.sample(50, 20, chains=1, seed=1, progress_bar=False)
    found = []
    for _ in range(3):
        m.sample(sweeps, thin=sweeps, progress_bar=False)
        found.append(m.sampling_seconds / sweeps)
    return min(found)


def loops() -> Iterator[Row]:
    """Assembling and sweeping what is written as a loop."""
    for name, make in (("effects", effects), ("rows of a mixture", rows)):
        yield from _beside(name, make, 1000)
    chain, seconds = _assembled(hidden_chain(300))
    yield row("hidden chain of 300 nodes, assembled", 300, 2, seconds, "s")
    yield row("hidden chain of 300 nodes, sweep", 300, 2, 1e3 * _sweep(chain, 2000), "ms")
    yield from of_one_model()


def of_one_model() -> Iterator[Row]:
    """What a small mixture costs before its first sweep: assembling, taking other rows, binding a chain."""
    model = mc.Model(rows(200, False))
    data = [np.random.default_rng(seed).normal(size=200) for seed in (2, 3)]
    others = [Rows.of(model).with_values({"y": x}) for x in data]
    m = mc.MCMC(model)._on(others[0])
    compiled, sequence = m.assembled, np.random.SeedSequence(1)

    def bind() -> None:
        chain = Chain(compiled.plan.layout, sequence)
        for step in compiled.steps:
            step.bind(chain)

    turn = itertools.cycle([others[1], Rows.of(model).with_values({"y": data[0]})])
    for what, called in (
        ("assembled", lambda: mc.MCMC(model).assembled),
        ("on other rows", lambda: renumbered(compiled, next(turn))),
        ("a chain bound", bind),
    ):
        yield row(f"two components, 200 rows, {what}", 200, 2, 1e3 * _each(called), "ms")


def _each(called: Callable[[], Any], times: int = 100) -> float:
    """CPU seconds of a call, the best of five stretches."""
    found = []
    for _ in range(5):
        before = time.process_time()
        for _ in range(times):
            called()
        found.append((time.process_time() - before) / times)
    return min(found)


def _beside(name: str, make: Callable[[int, bool], list[Any]], n: int) -> Iterator[Row]:
    loop, seconds = _assembled(make(n, True))
    vector, _ = _assembled(make(n, False))
    yield row(f"{name}: {n} nodes, assembled", n, 0, seconds, "s")
    yield row(f"{name}: sweep of nodes / of a vector", n, 0, _sweep(loop, 1000) / _sweep(vector, 1000), "ratio")


def _assembled(nodes: list[Any]) -> tuple[mc.MCMC, float]:
    """A sampler with its steps chosen, and the CPU seconds that took."""
    before = time.process_time()
    m = mc.MCMC(nodes)
    m.assign_step_methods()
    return m, time.process_time() - before


def regressions(n: int = 100_000, k: int = 3, p: int = 5) -> Iterator[Row]:
    """A sweep of a mixture of regressions beside an EM iteration with scikit-learn's weighted least squares."""
    rng = np.random.default_rng(1)
    x, truth = rng.normal(size=(n, p)), rng.integers(k, size=n)
    data = (x * rng.normal(0, 3, (k, p))[truth]).sum(1) + rng.normal(0, 1, n)
    beta, tau = mc.Normal("beta", 0, sigma=5, size=(k, p)), mc.Gamma("tau", 2, 1, size=k)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    mean = mc.Lambda("mean", lambda beta=beta, z=z: np.sum(x * beta[z], axis=1))
    sweep = _sweep(mc.MCMC([mc.Normal("y", mean, tau[z], value=data, observed=True)]), 20)
    yield row(f"sweep of {k} regressions, {p} covariates", n, k, 1e3 * sweep, "ms")
    yield row("sweep of regressions / EM iteration by LinearRegression", n, k, sweep / _em(x, data, truth, k), "ratio")


def _em(x: np.ndarray, data: np.ndarray, truth: np.ndarray, k: int) -> float:
    """Seconds of one EM iteration, the best of five, from responsibilities near the truth."""
    shares = np.full((len(x), k), 0.1 / max(k - 1, 1))
    shares[np.arange(len(x)), truth] = 0.9
    found = []
    for _ in range(5):
        before = time.perf_counter()
        logs = np.empty_like(shares)
        for j in range(k):
            fit = LinearRegression(fit_intercept=False).fit(x, data, sample_weight=shares[:, j])
            rest = data - fit.predict(x)
            variance = np.average(rest**2, weights=shares[:, j])
            logs[:, j] = np.log(shares[:, j].mean()) - 0.5 * np.log(variance) - 0.5 * rest**2 / variance
        logs -= logs.max(1, keepdims=True)
        shares = np.exp(logs)
        shares /= shares.sum(1, keepdims=True)
        found.append(time.perf_counter() - before)
    return min(found)
