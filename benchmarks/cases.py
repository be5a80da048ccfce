"""The models and data that are timed."""

from __future__ import annotations

import numpy as np

import mcmix as mc
from mcmix.api.demo import data, model


def two_components(seed: int = 1) -> mc.MCMC:
    """The two-component model of the README, N = 1000."""
    return mc.MCMC(model(data(seed)))


def many_rows(n: int, k: int, seed: int = 1) -> np.ndarray:
    """Rows from k normal components with centers 0, 10, .. and sds 2 to 4, equal weights."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, k, n)
    return rng.normal(10.0 * label, 2.0 + 2.0 * label / k)


def many_components(x: np.ndarray, k: int) -> mc.MCMC:
    """A k-component normal mixture with a prior on the data's scale; labels are not kept."""
    w = mc.Dirichlet("w", np.ones(k))
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.Normal("mu", x.mean(), 1.0 / x.var(), size=k)
    sd = mc.Uniform("sd", 0, 10 * x.std(), size=k)
    y = mc.Normal("y", mu[z], 1.0 / sd[z] ** 2, value=x, observed=True)
    return mc.MCMC([y], label_budget=0)
