"""The peers' side of the race: run by the Python of an environment that has them, never imported.

``python peers.py PEER DATA.npz OUT.npz WARMUP DRAWS CHAINS SEED``: two normal components with the priors that DATA
says, labels summed out; PEER is numpyro or nutpie. Writes draws of (w, mu, sd), CPU seconds of sampling alone and of
the whole process so far.
"""

import os
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np


def by_numpyro(given, warmup, draws, chains, seed):
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    jax.config.update("jax_enable_x64", True)
    x = jnp.asarray(given["x"])

    def model():
        w = numpyro.sample("w", dist.Dirichlet(jnp.ones(2)))
        mu = numpyro.sample("mu", dist.Normal(jnp.asarray(given["at"]), float(given["width"])).to_event(1))
        sd = numpyro.sample("sd", dist.Uniform(0.0, float(given["most"])).expand([2]).to_event(1))
        logs = jnp.log(w) + dist.Normal(mu, sd).log_prob(x[:, None])
        numpyro.factor("rows", jax.scipy.special.logsumexp(logs, axis=1).sum())

    def sampled(warmup, draws):
        m = MCMC(NUTS(model), num_warmup=warmup, num_samples=draws, num_chains=chains, chain_method="sequential",
                 progress_bar=False)  # fmt: skip
        m.run(jax.random.PRNGKey(seed))
        return m.get_samples(group_by_chain=True)

    before = time.process_time()
    sampled(1, 1)  # what compiling costs, about
    compiled = time.process_time() - before
    before = time.process_time()
    found = sampled(warmup, draws)
    return {k: np.asarray(found[k]) for k in ("w", "mu", "sd")}, time.process_time() - before - 0.5 * compiled


def by_nutpie(given, warmup, draws, chains, seed):
    import nutpie
    import pymc as pm

    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", given["at"], float(given["width"]), shape=2)
        sd = pm.Uniform("sd", 0.0, float(given["most"]), shape=2)
        pm.NormalMixture("y", w=w, mu=mu, sigma=sd, observed=given["x"])
    compiled = nutpie.compile_pymc_model(model)
    before = time.process_time()
    found = nutpie.sample(compiled, draws=draws, tune=warmup, chains=chains, cores=1, seed=seed, progress_bar=False)
    seconds = time.process_time() - before
    return {k: np.asarray(found.posterior[k]) for k in ("w", "mu", "sd")}, seconds


def main():
    peer, data, out, *numbers = sys.argv[1:]
    warmup, draws, chains, seed = map(int, numbers)
    given = dict(np.load(data))
    found, seconds = {"numpyro": by_numpyro, "nutpie": by_nutpie}[peer](given, warmup, draws, chains, seed)
    np.savez(out, **found, sampling=seconds, whole=time.process_time())


if __name__ == "__main__":
    main()
