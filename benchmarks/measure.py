"""Measurements, each a list of rows (dicts). Every comparison is taken in the same run, one thread for both sides."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from benchmarks.cases import (
    many_components,
    many_rows,
    opaque_line,
    opaque_mixture,
    own_distribution,
    plane,
    switchpoint,
    ten_components,
    two_components,
    vectors,
)
from mcmix.api.relabel import relabel
from mcmix.kernels import labels as kernels
from mcmix.kernels.crew import CREW
from mcmix.kernels.driver import run_step
from mcmix.kernels.soft import soft_pass
from mcmix.report.arviz_bridge import draws_of
from mcmix.report.arviz_measures import ess, rhat
from mcmix.steps.base import Chain

Row = dict[str, Any]
ROOT = Path(__file__).parent.parent


def median_seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of a few runs."""
    times = []
    for _ in range(repeats):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return float(np.median(times))


def em_iteration(x: np.ndarray, k: int) -> float:
    """Seconds of one EM iteration of scikit-learn's GaussianMixture on one thread: the slope over iterations."""
    columns = x[:, None]

    def fit(iterations: int) -> float:
        start = np.linspace(x.min(), x.max(), k)[:, None]
        mixture = GaussianMixture(
            k, max_iter=iterations, tol=0.0, means_init=start, init_params="random_from_data", random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return median_seconds(lambda: mixture.fit(columns), 3 if len(x) * k < 5e6 else 1)

    with threadpool_limits(1):
        return max(fit(7) - fit(2), 1e-9) / 5


def passes(sizes: list[int], labels: list[int]) -> Iterator[Row]:
    """Hard and soft pass, and one whole sweep, beside one EM iteration on the same data."""
    for n in sizes:
        for k in labels:
            x = many_rows(n, k)
            m = many_components(x, k)
            m.sample(2, chains=1, seed=1, cores=1)
            em = em_iteration(x, k)
            chain = m._runners[0].chain
            descriptor = m.assembled.label_passes[0].bound(chain).record
            repeats = max(3, int(2e6 / (n * k)))

            def repeated(
                kernel: Any, descriptor: np.ndarray = descriptor, chain: Any = chain, repeats: int = repeats
            ) -> float:
                def run() -> None:
                    for _ in range(repeats):
                        run_step(kernel, descriptor, np.zeros(1), chain.stream)

                with CREW.at_most(1):
                    return median_seconds(run) / repeats

            for name, seconds in (
                ("hard pass", repeated(kernels.hard_pass)),
                ("soft pass", repeated(soft_pass)),
                ("sweep", _sweep(many_components(x, k), repeats)),
            ):
                yield {
                    "what": name,
                    "n": n,
                    "k": k,
                    "value": seconds / (n * k) * 1e9,
                    "unit": "ns per row and component",
                }
                yield {"what": f"{name} / EM iteration", "n": n, "k": k, "value": seconds / em, "unit": "ratio"}
            yield {
                "what": "EM iteration, scikit-learn",
                "n": n,
                "k": k,
                "value": em / (n * k) * 1e9,
                "unit": "ns per row and component",
            }


def _sweep(m: Any, sweeps: int) -> float:
    def run() -> None:
        m.sample(sweeps, thin=sweeps, cores=1)

    run()
    times = []
    for _ in range(5):
        run()
        times.append(m.sampling_seconds / sweeps)
    return float(np.median(times))


def whole_model(sweeps: int = 40_000) -> Iterator[Row]:
    """Sweeps per second of the two-component model, N = 1000: one chain, and two chains on two threads."""
    one, two = two_components(), two_components()
    one.sample(2000, 1000, chains=1, seed=1)
    two.sample(2000, 1000, chains=2, seed=1)
    rates: dict[str, list[float]] = {"one": [], "two": []}
    for _ in range(7):  # interleaved, so that a slow minute hits both
        one.sample(sweeps)
        rates["one"].append(sweeps / one.sampling_seconds)
        two.sample(sweeps, cores=2)
        rates["two"].append(2 * sweeps / two.sampling_seconds)
    single, double = float(np.median(rates["one"])), float(np.median(rates["two"]))
    yield {"what": "whole model, one chain", "n": 1000, "k": 2, "value": single, "unit": "sweeps per second"}
    yield {"what": "two chains on two threads beside one", "n": 1000, "k": 2, "value": double / single, "unit": "ratio"}


def effective(seeds: int = 5) -> Iterator[Row]:
    """Smallest bulk ESS per second of sampling (burn-in included), four chains, and the largest R-hat."""
    rates, worst = [], 0.0
    for seed in range(seeds):
        m = two_components()
        m.sample(4500, 500, chains=4, seed=seed)
        values = [m.draws().variables[v] for v in ("p", "mu", "sd")]
        rates.append(min(float(np.min(ess(v))) for v in values) / m.sampling_wall_seconds)
        worst = max([worst, *[float(np.max(rhat(v))) for v in values]])
    yield {
        "what": "smallest bulk ESS, four chains",
        "n": 1000,
        "k": 2,
        "value": float(np.median(rates)),
        "unit": "per second",
    }
    yield {
        "what": f"largest R-hat over {seeds} seeds, 4 x 4000 after 500",
        "n": 1000,
        "k": 2,
        "value": worst,
        "unit": "",
    }


def ten(seeds: int = 10, thin: int = 100) -> Iterator[Row]:
    """Ten components, 4 chains of 1000 + 2000 draws, 100 sweeps each: the worst R-hat after relabelling, seconds."""
    worst, least, sampling, naming = [], [], [], []
    for seed in range(seeds):
        m = ten_components(seed)
        m.sample(3000 * thin, 1000 * thin, thin, chains=4, seed=seed, progress_bar=False)
        before = time.perf_counter()
        named = draws_of(relabel(m))[0]
        naming.append(time.perf_counter() - before)
        sampling.append(m.sampling_wall_seconds)
        worst.append(max(rhat(named[v]).max() for v in ("mu", "tau", "w")))
        least.append(min(ess(named[v]).min() for v in ("mu", "tau", "w")))
    name = f"ten components, 4 x (1000 + 2000), thin {thin}"
    yield row(f"{name}: largest R-hat, {seeds} seeds", 1000, 10, max(worst), "R-hat")
    yield row(f"{name}: least effective draws", 1000, 10, min(least), "draws")
    yield row(f"{name}: sampling", 1000, 10, max(sampling), "seconds, slowest seed")
    yield row(f"{name}: relabelling", 1000, 10, max(naming), "seconds, slowest seed")


def starts() -> Iterator[Row]:
    """Import, and the demo the first time ever and again, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        clean = {
            **os.environ,
            "NUMBA_CACHE_DIR": f"{folder}/cache",
            "MPLCONFIGDIR": f"{folder}/mpl",
            "PYTHONPATH": str(ROOT),
        }
        demo = [sys.executable, "-m", "mcmix", "demo", "--folder", f"{folder}/demo"]
        for what in ("demo, nothing compiled", "demo, second time"):
            yield {"what": what, "n": 1000, "k": 2, "value": _process(demo, clean), "unit": "s"}
        code = "import time; t = time.perf_counter(); import mcmix; print(time.perf_counter() - t)"
        times = [
            float(
                subprocess.run(
                    [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True
                ).stdout
            )
            for _ in range(5)
        ]
        yield {"what": "import mcmix, warm", "n": 0, "k": 0, "value": float(np.median(times)), "unit": "s"}


def _process(command: list[str], environment: dict[str, str]) -> float:
    before = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - before


def memory(n: int = 1_000_000, k: int = 10, draws: int = 500) -> Iterator[Row]:
    """Peak memory of a process that fits n rows with four chains, labels not kept (Linux only)."""
    code = (
        "from benchmarks.cases import *; "
        f"m = many_components(many_rows({n}, {k}), {k}); m.sample({draws} + 100, 100, chains=4, seed=1); "
        # not getrusage: Linux lets a process inherit its parent's peak through exec
        "print([int(line.split()[1]) / 2**20 for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    yield {
        "what": f"peak memory, 4 x {draws} draws, labels not kept",
        "n": n,
        "k": k,
        "value": float(out.stdout.split()[-1]),
        "unit": "GiB",
    }
    yield from vector_memory(n)


def vector_memory(n: int, d: int = 8, k: int = 50) -> Iterator[Row]:
    """Peak memory above what stands when the data and the compiled package are there, one chain and four."""
    code = (
        "import sys; from benchmarks.cases import *; "
        "told = lambda what: [int(s.split()[1]) for s in open('/proc/self/status') if s.startswith(what)][0]; "
        f"vectors(1000, {d}, {k})[0].sample(4, 2, chains=1, seed=1); "
        f"x = np.random.default_rng(1).normal(size=({n}, {d})); x += np.repeat(np.arange({k}.0), {n} // {k})[:, None]; "
        "before = told('VmRSS'); w = mc.Dirichlet('w', np.ones(%d)); "
        % k
        + f"mu = mc.MvNormal('mu', np.zeros({d}), 0.01 * np.eye({d}), size={k}); "
        f"p = mc.Wishart('p', {d} + 2, np.eye({d}), size={k}); "
        "y = mc.Mixture('y', w, mc.MvNormal, mu, p, value=x, observed=True); "
        "mc.MCMC([y], label_budget=0).sample(6, 1, chains=int(sys.argv[1]), seed=1); "
        "print((told('VmHWM') - before) / 2**10)"
    )
    for chains in (1, 4):
        command = [sys.executable, "-c", code, str(chains)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        what = f"peak memory above the data, vectors, D = {d}, {chains} chains"
        yield row(what, n, k, float(out.stdout.split()[-1]), "MiB")


def row(what: str, n: int, k: int, value: float, unit: str) -> Row:
    """One measurement."""
    return {"what": what, "n": n, "k": k, "value": value, "unit": unit}


def _rate(m: Any, iterations: int) -> float:
    """Iterations per second of one chain, after a first call that compiles and adapts; best of three."""
    m.sample(1000, 500, chains=1, seed=1, progress_bar=False)
    return max(iterations / m.sample(iterations, progress_bar=False).sampling_wall_seconds for _ in range(3))


def general() -> Iterator[Row]:
    """Models that are no mixtures of known families: the switchpoint, functions called as written, own densities."""
    rates = "iterations per second"
    yield row("switchpoint, Metropolis throughout", 111, 0, _rate(switchpoint(True), 20000), rates)
    yield row("switchpoint, steps chosen", 111, 0, _rate(switchpoint(False), 5000), rates)
    yield row("nothing recorded: a line", 1000, 0, _rate(opaque_line(), 5000), rates)
    yield row("nothing recorded: two components", 1000, 2, _rate(opaque_mixture(), 2000), rates)
    for n, k in ((1000, 2), (100_000, 10)):
        found = {
            kind: _label_pass(own_distribution(kind, n, k))
            for kind in ("normal", "own normal", "logistic", "own logistic")
        }
        for kind, seconds in found.items():
            yield row(f"label update, {kind}", n, k, 1e9 * seconds / n / k, "ns per row and component")
        for kind in ("normal", "logistic"):
            yield row(f"label update, {kind} / own {kind}", n, k, found[kind] / found[f"own {kind}"], "ratio")


def many_dimensions() -> Iterator[Row]:
    """Full-covariance sweeps beside scikit-learn's EM iterations, one thread each, and a whole small run."""
    for n, d, k in ((100_000, 2, 10), (100_000, 32, 20)):
        m, x, centres = vectors(n, d, k)
        m.sample(6, 1, chains=1, seed=1, progress_bar=False)
        count = 40 if d < 10 else 8
        sweep = min(m.sample(count, progress_bar=False).sampling_wall_seconds / count for _ in range(3))
        em = _full_em_iteration(x, centres)
        yield row(f"sweep of vectors, D = {d}", n, k, 1e9 * sweep / n / k, "ns per row and component")
        yield row(f"sweep of vectors / full EM iteration, D = {d}", n, k, sweep / em, "ratio")
    complete, gaps = (_sweep(vectors(20_000, 32, 20, missing)[0]) for missing in (0.0, 0.1))
    yield row("a tenth of the coordinates missing / complete sweep, D = 32", 20_000, 20, gaps / complete, "ratio")
    small = plane()
    small.sample(50, 20, chains=4, seed=1, progress_bar=False)
    seconds = plane_run()
    yield row("four clusters in the plane, 4 x (1000 + 1000)", 1000, 4, seconds, "s")


def _sweep(m: Any, count: int = 12) -> float:
    """Seconds of one sweep of one chain, the best of three stretches."""
    m.sample(6, 1, chains=1, seed=1, progress_bar=False)
    return min(m.sample(count, progress_bar=False).sampling_wall_seconds / count for _ in range(3))


def plane_run() -> float:
    """Wall seconds of a fresh sampler's first call, everything compiled already."""
    m = plane()
    before = time.perf_counter()
    m.sample(2000, 1000, chains=4, seed=2, progress_bar=False)
    return time.perf_counter() - before


def _full_em_iteration(x: np.ndarray, centres: np.ndarray) -> float:
    """Seconds of one EM iteration of scikit-learn's full-covariance mixture: the slope over iterations."""

    def fit(iterations: int) -> float:
        mixture = GaussianMixture(
            len(centres),
            max_iter=iterations,
            tol=0.0,
            means_init=centres,
            init_params="random_from_data",
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return median_seconds(lambda: mixture.fit(x), 3 if x.shape[1] < 10 else 1)

    with threadpool_limits(1):
        return max(fit(7) - fit(2), 1e-9) / 5


def _label_pass(m: Any) -> float:
    """Seconds of one hard pass at the nodes' own values."""
    made = m.assembled
    step = next(s for s in made.steps if s.name == "label update")
    chain = Chain(made.plan.layout, np.random.SeedSequence(1))
    for node in made.model.stochastics:
        chain.put(node, node.value)
    call = step.bind(chain)[-1]
    return median_seconds(lambda: run_step(call.kernel, call.words, call.reals, chain.stream), 20)
