"""The spellings of PyMC 2: decorators, Lambda, operators and look-ups, a potential, a step of one's choice."""

from __future__ import annotations

import numpy as np

import mcmix as mc

x = np.random.default_rng(2).normal(2.0, 1.0, 100)
p = mc.Beta("p", alpha=1, beta=1)
assignment = mc.Bernoulli("assignment", p, size=len(x))
mu0 = mc.Normal("mu0", mu=0, tau=0.01)
gap = mc.Exponential("gap", beta=1.0)
mu1 = mu0 + gap
sd = mc.Uniform("sd", lower=0, upper=10)


@mc.deterministic
def location(assignment=assignment, mu0=mu0, mu1=mu1):
    """Where each row is expected."""
    return np.where(assignment == 1, mu1, mu0)


@mc.deterministic(trace=False)
def tau(sd=sd):
    """Precision of a row."""
    return 1 / sd**2


@mc.potential
def not_too_far(mu0=mu0):
    """What is known beside the prior."""
    return 0.0 if abs(mu0) < 50 else -np.inf


half = mc.Lambda("half", lambda p=p: p / 2)
y = mc.Normal("y", mu=location, tau=tau, value=x, observed=True)
model = mc.Model([y, not_too_far, half])
sampler = mc.MCMC(model)
sampler.use_step_method(mc.Slicer, sd)
sampler.sample(iter=600, burn=200, chains=2, seed=3, progress_bar=False)
print(sampler.trace("mu0")[:].mean(), sampler.stats()["sd"]["mean"])
