"""Effective draws per CPU second beside NumPyro's NUTS: mixtures of families without sums, K = 3, N = 10,000.

NumPyro stands in an environment of its own, outside the repository, and is named by a variable:

    python3 -m venv PEERS && PEERS/bin/pip install "jax[cpu]" numpyro
    MCMIX_PEERS=PEERS/bin/python python -m benchmarks numpyro

Same data and priors on both sides, four chains of mcmix and two of NumPyro one after another, compiled before. Seconds
are CPU seconds of all sampling, warm-up included. Components are put in order by their first parameter, draw by draw;
the figure is the smallest bulk ESS of all parameters. NumPyro starts at the true values, mcmix where it likes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.report.arviz_measures import ess, rhat

PEERS = "MCMIX_PEERS"
K, N = 3, 10_000
LABELS = np.array([0.5, 0.3, 0.2])
CENTRES, MEANS = np.array([0.0, 6.0, 12.0]), np.array([2.0, 15.0, 50.0])

Truth = dict[str, np.ndarray]


def _location() -> Any:
    return mc.Normal("location", 6.0, 0.01, size=K)


def _precision() -> Any:
    return mc.Gamma("precision", 2.0, 2.0, size=K)


# Name: true parameters in the family's order, rows of them, the family, nodes of the parameters.
MODELS: dict[str, tuple[Truth, Callable[..., np.ndarray], Any, Callable[[], list[Any]]]] = {
    "Student t": (
        {"location": CENTRES, "precision": np.ones(3), "freedom": np.full(3, 4.0)},
        lambda rng, at, precision, freedom: at + rng.standard_t(freedom) / np.sqrt(precision),
        mc.StudentT,
        lambda: [_location(), _precision(), mc.Gamma("freedom", 2.0, 0.1, size=K)],
    ),
    "skew normal": (
        {"location": CENTRES, "precision": np.ones(3), "skewness": np.array([3.0, -2.0, 4.0])},
        lambda rng, at, precision, skew: (
            at + (skew * np.abs(rng.normal(size=at.size)) + rng.normal(size=at.size)) / np.hypot(1, skew)
        ),
        mc.SkewNormal,
        lambda: [_location(), _precision(), mc.Normal("skewness", 0.0, 0.04, size=K)],
    ),
    "negative binomial": (
        {"mean": MEANS, "dispersion": np.full(3, 8.0)},
        lambda rng, mean, dispersion: rng.poisson(rng.gamma(dispersion, mean / dispersion)),
        mc.NegativeBinomial,
        lambda: [mc.Gamma("mean", 1.0, 0.1, size=K), mc.Gamma("dispersion", 2.0, 0.2, size=K)],
    ),
    "von Mises": (
        {"location": np.array([-2.0, 0.0, 2.0]), "concentration": np.full(3, 6.0)},
        lambda rng, at, concentration: rng.vonmises(at, concentration),
        mc.VonMises,
        lambda: [
            mc.Uniform("location", -np.pi, np.pi, size=K),
            mc.Gamma("concentration", 2.0, 0.2, size=K),
        ],
    ),
    "Weibull": (
        {"shape": np.full(3, 3.0), "scale": MEANS},
        lambda rng, shape, scale: scale * rng.weibull(shape),
        mc.Weibull,
        lambda: [mc.Gamma("shape", 2.0, 0.5, size=K), mc.Gamma("scale", 2.0, 0.1, size=K)],
    ),
}
ORDERED_BY = {"Weibull": "scale"}  # else by the first parameter


def rows_of(name: str) -> np.ndarray:
    """Data of a family."""
    truth, rows, _, _ = MODELS[name]
    rng = np.random.default_rng(5)
    z = rng.choice(K, N, p=LABELS)
    return np.asarray(rows(rng, *[v[z] for v in truth.values()]), dtype=float)


def sampler(name: str, x: np.ndarray, marginal_moves: bool) -> mc.MCMC:
    """The model in mcmix; labels are not kept."""
    _, _, family, parameters = MODELS[name]
    value = x.astype(int) if name == "negative binomial" else x
    y = mc.Mixture("y", mc.Dirichlet("w", np.ones(K)), family, *parameters(), value=value, observed=True)
    return mc.MCMC([y], marginal_moves=marginal_moves, label_budget=0)


def judged(name: str, draws: dict[str, np.ndarray]) -> tuple[float, float]:
    """Smallest effective number of draws and largest R-hat, components in order."""
    key = ORDERED_BY.get(name, next(iter(MODELS[name][0])))
    order = np.argsort(draws[key], axis=-1)
    found = [np.take_along_axis(draws[v], order, -1) for v in [*MODELS[name][0], "w"]]
    each = [v[..., j] for v in found for j in range(K)]
    return min(float(ess(v)) for v in each), max(float(rhat(v)) for v in each)


def of_mcmix(name: str, x: np.ndarray, marginal_moves: bool, iterations: int, burn: int) -> tuple[float, float, float]:
    """Effective draws, R-hat and CPU seconds."""
    sampler(name, x, marginal_moves).sample(20, 10, chains=1, seed=1, progress_bar=False)
    m = sampler(name, x, marginal_moves)
    before = time.process_time()
    m.sample(iterations, burn, chains=4, seed=2, cores=1, progress_bar=False)
    seconds = time.process_time() - before
    draws = {v: np.stack([m.trace(v, chain=c)[:] for c in range(4)]) for v in [*MODELS[name][0], "w"]}
    return *judged(name, draws), seconds


def of_numpyro(name: str, x: np.ndarray, warmup: int, draws: int, chains: int = 2) -> tuple[float, float, float]:
    """The same of NumPyro, by its own Python."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data.npz", Path(folder) / "draws.npz"
        np.savez(data, x=x, w=LABELS, **MODELS[name][0])
        script = Path(__file__).with_name("numpyro_models.py")
        command = [os.environ[PEERS], str(script), name, str(data), str(out), *map(str, (warmup, draws, chains))]
        subprocess.run(command, check=True, capture_output=True)
        found = dict(np.load(out))
    return *judged(name, found), float(found["seconds"])


def is_there() -> bool:
    """Whether an environment with NumPyro was named."""
    return bool(os.environ.get(PEERS))


def beside_numpyro(quick: bool) -> Iterator[Row]:
    """Effective draws per CPU second of both, and the ratios."""
    warmup, draws = (150, 150) if quick else (300, 300)
    for name in MODELS:
        x = rows_of(name)
        least, worst, seconds = of_numpyro(name, x, warmup, draws)
        theirs = least / seconds
        yield row(f"{name}: NumPyro NUTS, ESS / CPU s", N, K, theirs, "a second")
        yield row(f"{name}: NumPyro NUTS, R-hat", N, K, worst, "R-hat")
        for what, moves, iterations, burn in (
            ("label updates", False, 3000, 500),
            ("marginal moves", True, 1500, 500),
        ):
            least, worst, seconds = of_mcmix(name, x, moves, iterations, burn)
            yield row(f"{name}: {what}, ESS / CPU s", N, K, least / seconds, "a second")
            yield row(f"{name}: {what}, R-hat", N, K, worst, "R-hat")
            yield row(f"{name}: {what} / NumPyro NUTS", N, K, least / seconds / theirs, "times")


__all__ = ["beside_numpyro", "is_there"]
