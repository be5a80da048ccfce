"""What comes after the draws: groups, predictions, the number of components."""

from __future__ import annotations

import numpy as np

import mcmix as mc

x = np.random.default_rng(4).normal(np.repeat([-2.0, 2.0], 60), 1.0)


def mixture(k: int) -> mc.Model:
    """A mixture of k normal components."""
    w = mc.Dirichlet("w", np.ones(k))
    mu = mc.Normal("mu", 0.0, sigma=5.0, size=k)
    return mc.Model([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])


m = mc.MCMC(mixture(2)).sample(1500, 500, chains=2, seed=5, progress_bar=False)
groups = mc.classify(m)
print(groups)
print(mc.partition(m))
ahead = mc.predictive(m)
print(ahead.pdf(np.linspace(-4, 4, 5)), ahead.quantile([0.05, 0.95]))
print(m.diagnose())
mc.plots.trace(m)
