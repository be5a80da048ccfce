"""The main job, end to end: data, model, four chains, summary beside EM, figures, netCDF."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

import mcmix as mc
from mcmix.files import written_beside
from mcmix.report.arviz_bridge import to_netcdf
from mcmix.screen import say

BURN = 1000


def data(seed: int) -> np.ndarray:
    """700 draws of Normal(150, sd 10) and 300 of Normal(200, sd 20)."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(150.0, 10.0, 700), rng.normal(200.0, 20.0, 300)])


def model(x: np.ndarray) -> mc.Model:
    """The two-component normal mixture, written with decorators."""
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    sd = mc.Uniform("sd", 0, 100, size=2)
    tau = 1.0 / sd**2
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def mu_i(z: Any = z, mu: Any = mu) -> Any:
        return mu[z]

    @mc.deterministic
    def tau_i(z: Any = z, tau: Any = tau) -> Any:
        return tau[z]

    y = mc.Normal("y", mu_i, tau_i, value=x, observed=True)
    return mc.Model([p, z, y, tau, mu])


def em_estimate(x: np.ndarray, rounds: int = 500) -> dict[str, float]:
    """Maximum likelihood by EM from the quartiles (Dempster, Laird and Rubin 1977), keyed as the summary's rows."""
    weight, mean, sd = np.full(2, 0.5), np.quantile(x, [0.25, 0.75]), np.full(2, x.std())
    for _ in range(rounds):
        logs = np.log(weight) + norm.logpdf(x[:, None], mean, sd)
        shares = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        counts = shares.sum(0)
        weight, mean = counts / len(x), shares.T @ x / counts
        sd = np.sqrt((shares * (x[:, None] - mean) ** 2).sum(0) / counts)
    return {"p": weight[0], "mu[0]": mean[0], "mu[1]": mean[1], "sd[0]": sd[0], "sd[1]": sd[1]}


def demo(folder: Path, seed: int, iterations: int) -> None:
    """Run it; see :mod:`mcmix.api.command`."""
    folder.mkdir(parents=True, exist_ok=True)
    x = data(seed)
    m = mc.MCMC(model(x))
    before = time.perf_counter()
    m.sample(iterations, min(BURN, iterations - 1), seed=seed).or_interrupted()
    say(f"{m!r} in {time.perf_counter() - before:.1f} s\n")
    say(m.explain())
    table = m.summary()
    table.insert(0, "EM", [em_estimate(x)[row] for row in table.index])
    say("\n" + table.to_string(float_format=lambda v: f"{v:.4g}") + "\n")
    for name, figure in {
        "trace": mc.plots.trace(m),
        "facets": mc.plots.facets(m, ["mu", "sd"]),
        "density": mc.plots.density(m),
    }.items():
        with written_beside(folder / f"{name}.png") as beside:
            figure.savefig(beside, dpi=120)
    to_netcdf(m.to_arviz(), folder / "draws.nc")
    say("written: " + ", ".join(str(folder / name) for name in ("trace.png", "facets.png", "density.png", "draws.nc")))
