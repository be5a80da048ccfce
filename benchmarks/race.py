"""The race: two normal components, mcmix beside whichever of NumPyro and nutpie are there, in turns, CPU seconds.

The peers stand in an environment of their own, outside the repository, and are named by a variable:

    python3 -m venv PEERS && PEERS/bin/pip install "jax[cpu]" numpyro nutpie pymc
    MCMIX_PEERS=PEERS/bin/python python -m benchmarks race

Same data and priors, 4 chains of 1000 + 1000 on both sides, each run a process of its own with a warm cache.
Components are put in order by location, draw by draw; the figure is the smallest bulk ESS of all parameters. Means of
the locations are rows too; where a run has not converged, its R-hat tells.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.beside_numpyro import PEERS, is_there
from benchmarks.measure import ROOT, Row, row
from mcmix.report.arviz_measures import ess, rhat

OURS = """
import sys, time, numpy as np, mcmix as mc
given, out = dict(np.load(sys.argv[1])), sys.argv[2]
warmup, draws, chains, seed = map(int, sys.argv[3:])
w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", given["at"], sigma=float(given["width"]), size=2)
sd = mc.Uniform("sd", 0.0, float(given["most"]), size=2)
y = mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=given["x"], observed=True)
m = mc.MCMC([y])
before = time.process_time()
m.sample(warmup + draws, warmup, chains=chains, seed=seed, cores=1, progress_bar=False)
seconds = time.process_time() - before
found = {v: np.stack([m.trace(v, chain=c)[:] for c in range(chains)]) for v in ("w", "mu", "sd")}
np.savez(out, **found, sampling=seconds, whole=time.process_time())
"""


def problems(seeds: int) -> Iterator[tuple[str, int, dict[str, np.ndarray]]]:
    """Name, seed, data with the numbers of the priors."""
    rng = np.random.default_rng(1)
    apart = np.concatenate([rng.normal(150, 10, 700), rng.normal(200, 20, 300)])
    yield (
        "two components",
        1,
        {"x": apart, "at": np.array([145.0, 210.0]), "width": np.array(10.0), "most": np.array(100.0)},
    )
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x = np.where(rng.random(2000) < 0.6, rng.normal(0.0, 1.0, 2000), rng.normal(1.5, 1.0, 2000))
        yield "overlapping pair", seed, {"x": x, "at": np.zeros(2), "width": np.array(10.0), "most": np.array(10.0)}


def run(who: str, given: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Draws and seconds of one process."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.npz", Path(folder) / "out.npz"
        np.savez(data, **given)  # type: ignore[arg-type]
        numbers = [str(data), str(out), "1000", "1000", "4", str(seed)]
        theirs = [os.environ.get(PEERS, ""), str(Path(__file__).with_name("peers.py")), who]
        command = [sys.executable, "-c", OURS] if who == "mcmix" else theirs
        one_thread = {
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
        }
        subprocess.run(
            [*command, *numbers], check=True, capture_output=True, cwd=ROOT, env={**os.environ, **one_thread}
        )
        return dict(np.load(out))


def judged(found: dict[str, np.ndarray]) -> tuple[float, float]:
    """Smallest effective number of draws and largest R-hat, components in order of location."""
    order = np.argsort(found["mu"], axis=-1)
    each = [np.take_along_axis(found[v], order, -1)[..., j] for v in ("w", "mu", "sd") for j in range(2)]
    return min(float(ess(v)) for v in each), max(float(rhat(v)) for v in each)


def race(quick: bool) -> Iterator[Row]:
    """Effective draws per CPU second, of sampling and of the whole process, and R-hat."""
    known = [who for who in ("numpyro", "nutpie") if is_there() and _has(who)]
    for who in ["mcmix", *known]:
        run(who, next(problems(0))[2], 0)  # caches
    for name, seed, given in problems(1 if quick else 3):
        for who in ["mcmix", *known]:
            found = run(who, given, seed)
            least, worst = judged(found)
            n, told = len(given["x"]), f"{name}, data {seed}, {who}"
            yield row(f"{told}: ESS / CPU s of the call", n, 2, least / float(found["sampling"]), "a second")
            yield row(f"{told}: ESS / CPU s of the process", n, 2, least / float(found["whole"]), "a second")
            yield row(f"{told}: R-hat", n, 2, worst, "R-hat")
            for j, mean in enumerate(np.sort(found["mu"], axis=-1).mean((0, 1))):
                yield row(f"{told}: mean of location {j}", n, 2, float(mean), "")


def _has(who: str) -> bool:
    done = subprocess.run([os.environ[PEERS], "-c", f"import {who}"], capture_output=True, check=False)
    return done.returncode == 0


__all__ = ["race"]
