"""Runs at one power of the likelihood, to hold against what is known there."""

import mcmix as mc
from mcmix.kernels import tempering as kernels
from mcmix.structure.tempering import POWER_KEY


def all_at(power, model, sweeps, seed):
    """Draws of a run whose levels all stand at one power: swaps between equals are always accepted."""
    m = mc.MCMC(model, tempering=[1.0, 0.5])
    m.sample(2, 1, chains=4, seed=seed, progress_bar=False)
    for r in m._runners:
        r.ladder.reals[kernels.POWERS : kernels.POWERS + 2] = power
        for chain in (r.chain, *r.hotter):
            chain.view(POWER_KEY)[:] = power
    m.sample(sweeps // 10, progress_bar=False)
    return m.sample(sweeps, progress_bar=False)
