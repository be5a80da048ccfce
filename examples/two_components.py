"""Two normal components: write the model, sample, look at it."""

from __future__ import annotations

import numpy as np

import mcmix as mc

rng = np.random.default_rng(1)
x = np.concatenate([rng.normal(0.0, 1.0, 300), rng.normal(4.0, 1.5, 200)])

w = mc.Dirichlet("w", [1, 1])
z = mc.Categorical("z", w, size=len(x))
mu = mc.Normal("mu", 0.0, sigma=10.0, size=2)
sd = mc.HalfNormal("sd", sigma=5.0, size=2)
y = mc.Normal("y", mu[z], sigma=sd[z], value=x, observed=True)

m = mc.MCMC([y]).sample(2000, 500, chains=2, seed=1, progress_bar=False)
named = mc.relabel(m)
print(m.summary())
print(named.posterior.data_vars)
means = m.trace("mu")[:].mean(axis=0)
print(np.sort(means), float(np.mean(mu.value)))
