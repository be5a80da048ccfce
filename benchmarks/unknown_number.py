"""An unknown number of components: iterations and effective draws of the number of clusters, for each second of a core.

The galaxy velocities and the hierarchical model of Richardson and Green (1997), "On Bayesian analysis of mixtures with
an unknown number of components", JRSS B 59, on which their Nmix and the R package telescope are timed, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.report.diagnosis.mixing import effective_for_mean

# Velocities of 82 galaxies, in 1000 km/s (Roeder 1990, JASA 85).
GALAXIES = np.array(
    [
        9.172, 9.350, 9.483, 9.558, 9.775, 10.227, 10.406, 16.084, 16.170, 18.419, 18.552, 18.600, 18.927, 19.052,
        19.070, 19.330, 19.343, 19.349, 19.440, 19.473, 19.529, 19.541, 19.547, 19.663, 19.846, 19.856, 19.863, 19.914,
        19.918, 19.973, 19.989, 20.166, 20.175, 20.179, 20.196, 20.215, 20.221, 20.415, 20.629, 20.795, 20.821, 20.846,
        20.875, 20.986, 21.137, 21.492, 21.701, 21.814, 21.921, 21.960, 22.185, 22.209, 22.242, 22.249, 22.314, 22.374,
        22.495, 22.746, 22.747, 22.888, 22.914, 23.206, 23.241, 23.263, 23.484, 23.538, 23.542, 23.666, 23.706, 23.711,
        24.129, 24.285, 24.289, 24.366, 24.717, 24.990, 25.633, 26.960, 26.995, 32.065, 32.789, 34.279,
    ]
)  # fmt: skip


def galaxies() -> mc.MCMC:
    """Their mixture with at most 30 components."""
    x, width = GALAXIES, np.ptp(GALAXIES)
    number = mc.NumberOfComponents("K", most=30)
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=number), size=len(x))
    beta = mc.Gamma("beta", 0.2, 10.0 / width**2)
    mu = mc.Normal("mu", 0.5 * (x.min() + x.max()), 1.0 / width**2, size=number)
    s2 = mc.InverseGamma("s2", 2.0, beta, size=number)
    return mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0 / s2, value=x, observed=True)])


def unknown_number(quick: bool) -> Iterator[Row]:
    """One chain, CPU seconds of the whole process; every 20th draw is kept."""
    iterations, m = 100_000 if quick else 1_000_000, galaxies()
    m.sample(20_000, 19_000, chains=1, seed=1, progress_bar=False)
    before = time.process_time()
    m.sample(iterations, thin=20, progress_bar=False)
    seconds = time.process_time() - before
    labels = np.sort(m.trace("z")[:], axis=1)
    clusters = 1 + (np.diff(labels, axis=1) > 0).sum(axis=1)
    yield row("unknown number, galaxies: iterations", 82, 30, iterations / seconds, "per CPU second")
    effective = effective_for_mean(clusters[None, None].astype(float))[0]
    yield row("unknown number, galaxies: effective draws of clusters", 82, 30, effective / seconds, "per CPU second")


__all__ = ["GALAXIES", "galaxies", "unknown_number"]
