"""``python -m benchmarks.guard`` fails where a ratio has grown by half, or what a first call compiles by a tenth.

Times are beside those of plain compiled loops on the same rows, in the same run, in turns, in CPU time, the smallest of
several, and all code is made for one kind of processor: such ratios hardly depend on the machine or its load. What has
grown is measured once more. What a first call compiles is counted in an empty cache, as functions and as bytes of code.
``--keep`` writes down what is measured now.
"""

from __future__ import annotations

import csv
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

import mcmix as mc
from benchmarks.cases import many_components, many_rows, two_components
from mcmix.kernels import labels
from mcmix.kernels.driver import run_step
from mcmix.kernels.soft import soft_pass
from mcmix.steps.marginal import MarginalMove

KEPT = Path(__file__).parent / "guard.csv"
SLOWER, LARGER = 1.5, 1.1  # a third of the speed lost; a tenth more code
TRIES = 9
PROCESSOR = "haswell"  # that code is counted for

FIRST_CALL = """
import numpy as np, mcmix as mc
from mcmix.api.demo import data, model
mc.MCMC(model(data(1))).sample(300, 150, chains=2, seed=1, progress_bar=False)
"""


@njit
def _shares(x: np.ndarray, logs: np.ndarray, mean: np.ndarray, precision: np.ndarray, sums: np.ndarray) -> None:
    """Expected counts and sums of a normal mixture, as anybody would write it."""
    k, part = len(mean), np.empty(len(mean))
    sums[:] = 0.0
    for i in range(len(x)):
        total = 0.0
        for j in range(k):
            part[j] = math.exp(logs[j] - 0.5 * precision[j] * (x[i] - mean[j]) ** 2)
            total += part[j]
        for j in range(k):
            share = part[j] / total
            sums[0, j] += share
            sums[1, j] += share * x[i]
            sums[2, j] += share * x[i] * x[i]


def _cpu(run: Callable[[], object], repeats: int) -> float:
    before = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - before) / repeats


def _ratio(run: Callable[[], object], beside: Callable[[], object], repeats: int, beside_repeats: int) -> float:
    """Smallest time of one over the smallest of the other, taken in turns."""
    run(), beside()
    pairs = [(_cpu(run, repeats), _cpu(beside, beside_repeats)) for _ in range(TRIES)]
    return min(one for one, _ in pairs) / min(other for _, other in pairs)


def _plain(x: np.ndarray, k: int) -> Callable[[], object]:
    mean, precision, sums = 10.0 * np.arange(k), np.full(k, 1 / 9.0), np.zeros((3, k))
    return lambda: _shares(x, np.log(np.full(k, 1.0 / k)), mean, precision, sums)


def ratios() -> Iterator[tuple[str, Callable[[], float]]]:
    """What is guarded, by name, and how it is measured."""
    for n, k in ((1000, 2), (100_000, 10)):
        x, repeats = many_rows(n, k), max(1, 2_000_000 // (n * k))
        m = many_components(x, k).sample(2, chains=1, seed=1, cores=1, progress_bar=False)
        chain = m._runners[0].chain
        told, plain, room = m.assembled.label_passes[0].bound(chain).record, _plain(x, k), np.zeros(1)
        for name, kernel in (("hard pass", labels.hard_pass), ("soft pass", soft_pass)):

            def one_pass(kernel: Any = kernel, told: Any = told, room: Any = room, chain: Any = chain) -> None:
                run_step(kernel, told, room, chain.stream)

            yield f"{name}, N = {n}, K = {k}", partial(_ratio, one_pass, plain, repeats, repeats)
        m = many_components(x, k).sample(2, chains=1, seed=1, cores=1, progress_bar=False)
        sweeps = 20 * repeats

        def swept(m: Any = m, sweeps: int = sweeps) -> None:
            m.sample(sweeps, thin=sweeps, cores=1, progress_bar=False)

        yield f"{sweeps} sweeps, N = {n}, K = {k}", partial(_ratio, swept, plain, 1, repeats)
    yield "marginal gradient on weighted rows, N = 100000, K = 10", partial(_gradient, many_rows(100_000, 10), 10)
    yield "VB update, N = 20000, K = 5", partial(_update, many_rows(20_000, 5), 5)
    called, beside = partial(_called, two_components()), _plain(many_rows(1000, 2), 2)
    yield "call of 4 x 500 sweeps, N = 1000, K = 2", partial(_ratio, called, beside, 1, 200)


def _gradient(x: np.ndarray, k: int) -> float:
    w, mu, variance = (
        mc.Dirichlet("w", np.ones(k)),
        mc.Normal("mu", 45, 1e-4, size=k),
        mc.InverseGamma("v", 2, 10, size=k),
    )
    m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1 / variance, value=x, observed=True)], marginal_moves=True)
    m.sample(60, 50, chains=1, seed=1, progress_bar=False)
    move = next(s for s in m.step_methods if isinstance(s, MarginalMove))
    bound = move._bound[id(m._runners[0].chain)].density
    here = bound.where()
    return _ratio(lambda: bound(here), _plain(x, k), 200, 1)


def _update(x: np.ndarray, k: int) -> float:
    w, mu = mc.Dirichlet("w", np.ones(k)), mc.Normal("mu", 20, 1e-3, size=k)
    tau = mc.Gamma("tau", 2, 10, size=k)
    q = mc.VB([mc.Mixture("y", w, mc.Normal, mu, tau, value=x, observed=True)])
    q.update(3, verbose=False)
    return _ratio(lambda: q.update(1, tol=0, verbose=False), _plain(x, k), 3, 3)


def _called(m: mc.MCMC) -> None:
    again = mc.MCMC(m.model, marginal_moves=False)
    again.sample(500, 50, chains=4, seed=1, cores=1, progress_bar=False)


def compiled() -> Iterator[tuple[str, float]]:
    """Functions and bytes of code of a first call, for one kind of processor."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}  # and the processor that this process was told
        subprocess.run([sys.executable, "-c", FIRST_CALL], env=environment, check=True, capture_output=True)
        code = list(Path(cache).rglob("*.nbc"))
        yield "functions of a first call", float(len(code))
        yield "bytes of code of a first call", float(sum(f.stat().st_size for f in code))


def measured(kept: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    """All of it, as rows of the table; what has grown beside what was kept is measured once more."""
    numba = version("numba").rsplit(".", 1)[0]
    for what, measure in ratios():
        value = measure()
        if what in kept and value > SLOWER * float(kept[what]["value"]):
            value = min(value, measure())
        yield {"what": what, "value": f"{value:.4g}", "most": SLOWER, "numba": numba}
    for what, value in compiled() if platform.machine() == "x86_64" else ():
        yield {"what": what, "value": f"{value:.0f}", "most": LARGER, "numba": numba}


def main() -> int:
    """Measure and compare, or keep."""
    if os.environ.get("NUMBA_CPU_NAME") != PROCESSOR and platform.machine() == "x86_64":
        return _for_one_processor()
    if "--keep" in sys.argv[1:]:
        rows = list(measured({}))
        with KEPT.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return 0
    with KEPT.open(newline="", encoding="utf-8") as file:
        kept = {row["what"]: row for row in csv.DictReader(file)}
    failed = [line for row in measured(kept) if (line := _verdict(row, kept.get(row["what"])))]
    for line in failed:
        print(line, file=sys.stderr)
    return int(bool(failed))


def _for_one_processor() -> int:
    """The same in a process of its own, code made for one kind of processor, kernels kept nowhere."""
    with tempfile.TemporaryDirectory() as cache:
        own = {"NUMBA_CACHE_DIR": cache, "NUMBA_CPU_NAME": PROCESSOR, "NUMBA_CPU_FEATURES": "+avx2,+fma"}
        command = [sys.executable, "-m", "benchmarks.guard", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **own}, check=False).returncode


def _verdict(row: dict[str, Any], before: dict[str, str] | None) -> str:
    """What is wrong with a measurement, if anything is."""
    if before is None:
        return f"{row['what']}: {row['value']} was never kept; python -m benchmarks.guard --keep"
    growth = float(row["value"]) / float(before["value"])
    told = f"{row['what']}: {row['value']} beside {before['value']} ({growth:.2f} times, at most {row['most']})"
    if before["numba"] != row["numba"]:
        print(f"{told}; not compared: numba {row['numba']}, kept with {before['numba']}")
        return ""
    print(told)
    return told if growth > float(row["most"]) else ""


if __name__ == "__main__":
    sys.exit(main())
