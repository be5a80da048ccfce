"""Hidden Markov labels: a sweep beside that of the independent mixture, and peers where there are any, CPU time.

Peers stand in an environment of their own, outside the repository, and are named by a variable:

    python3 -m venv PEERS && PEERS/bin/pip install "jax[cpu]" numpyro hmmlearn
    MCMIX_PEERS=PEERS/bin/python python -m benchmarks chains

The likelihood of hmmlearn at the same parameters; NumPyro's NUTS on the forward algorithm, compiled before, warm-up
included on both sides. States are put in order by their means, draw by draw; the figure is the smallest bulk ESS.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.report.arviz_measures import ess

PEERS = "MCMIX_PEERS"
STAY = np.array([[0.95, 0.05], [0.10, 0.90]])
START, MEANS = np.array([0.5, 0.5]), np.array([0.0, 2.0])


def _data(n: int, apart: float = 2.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    states = MARKOV_CHAIN.draw(rng, None, START, STAY, np.array([float(n)]))
    return rng.normal(apart * states, 1.0)


def _model(x: np.ndarray, chained: bool) -> list[mc.Normal]:
    mu, tau = mc.Normal("mu", 1.0, 0.01, size=2), mc.Gamma("tau", 2.0, 2.0, size=2)
    if chained:
        transitions = mc.Dirichlet("P", np.ones((2, 2)) + 4.0 * np.eye(2))
        z = mc.MarkovChain("z", START, transitions, size=len(x), trace=False)
    else:
        z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=len(x), trace=False)
    return [mc.Normal("y", mu[z], tau[z], value=x, observed=True)]


def chains(quick: bool) -> Iterator[Row]:
    """All of it."""
    n = 10_000 if quick else 100_000
    x, seconds = _data(n), {}
    for chained in (False, True):
        m = mc.MCMC(_model(x, chained), marginal_moves=False)
        m.sample(30, 20, chains=1, seed=1, progress_bar=False)
        before = time.process_time()
        m.sample(200, 0, progress_bar=False)
        seconds[chained] = (time.process_time() - before) / 200
        yield row(
            f"a sweep, two normal {'hidden states' if chained else 'components'}", n, 2, 1e3 * seconds[chained], "ms"
        )
    yield row("hidden states beside independent labels", n, 2, seconds[True] / seconds[False], "times")
    if PEERS in os.environ:
        yield from _beside_peers(300 if quick else 1000)


def _beside_peers(n: int) -> Iterator[Row]:
    x = _data(n)
    for seed in (2, 1):  # the first compiles
        m = mc.MCMC(_model(x, True))
        before = time.process_time()
        m.sample(4000, 1000, chains=4, seed=seed, cores=1, progress_bar=False)
        seconds = time.process_time() - before
    own = _smallest({name: np.stack([m.trace(name, chain=c)[:] for c in range(4)]) for name in ("mu", "tau", "P")})
    own /= seconds
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.npz", Path(folder) / "out.npz"
        np.savez(data, x=x, start=START, stay=STAY, means=MEANS)
        program = Path(__file__).parent / "chains_beside.py"
        subprocess.run([os.environ[PEERS], str(program), str(data), str(out)], check=True)
        with np.load(out) as found:
            theirs = _smallest({k: found[k] for k in ("mu", "tau", "P")}) / float(found["seconds"])
            difference = abs(float(found["log_likelihood"]) - _log_likelihood(x))
    yield row("smallest ESS a CPU second, mcmix", n, 2, own, "a second")
    yield row("smallest ESS a CPU second, NumPyro's NUTS", n, 2, theirs, "a second")
    yield row("mcmix beside NumPyro's NUTS", n, 2, own / theirs, "times")
    yield row("log likelihood, difference from hmmlearn", n, 2, difference, "nats")


def _smallest(draws: dict[str, np.ndarray]) -> float:
    """The smallest ESS of all parameters, states in the order of their means; arrays (chains, draws, ...)."""
    order = np.argsort(draws["mu"], axis=2)
    sorted_by = {name: np.take_along_axis(draws[name], order, axis=2) for name in ("mu", "tau")}
    rows = np.take_along_axis(draws["P"], order[..., None], axis=2)
    sorted_by["P"] = np.take_along_axis(rows, order[:, :, None, :], axis=3)
    flat = [x.reshape(*x.shape[:2], -1) for x in sorted_by.values()]
    return min(float(ess(x[..., j])) for x in flat for j in range(x.shape[2]))


def _log_likelihood(x: np.ndarray) -> float:
    """Of known parameters, by the pass of the package."""
    z = mc.MarkovChain("z", START, STAY, size=len(x))
    shift = mc.Normal("shift", 0.0, 1.0, value=0.0)
    mean = mc.Lambda("mean", lambda z=z, shift=shift: MEANS[z] + shift)
    m = mc.MCMC([mc.Normal("y", mean, 1.0, value=x, observed=True)])
    m.sample(2, chains=1, seed=1, start={"shift": 0.0}, progress_bar=False)
    (label_pass,), chain = m.assembled.label_passes, m._runners[0].chain
    chain.put(shift, 0.0)
    logs = np.zeros(len(x))
    label_pass.bound(chain).weigh(logs, None)
    return float(logs.sum())


__all__ = ["chains"]
