"""The peers' side of `chains`: run by the Python of an environment that has NumPyro and hmmlearn, never imported.

``python chains_beside.py DATA.npz OUT.npz`` samples a two-state normal hidden Markov model by NUTS on the forward
algorithm, and writes draws, the CPU seconds of a second run (the first one compiles), and the log likelihood of
hmmlearn at known parameters.
"""

import os
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from hmmlearn.hmm import GaussianHMM
from jax.scipy.special import logsumexp
from numpyro.infer import MCMC, NUTS, init_to_value

jax.config.update("jax_enable_x64", True)


def model(x, start):
    mu = numpyro.sample("mu", dist.Normal(1.0, 10.0).expand([2]).to_event(1))
    tau = numpyro.sample("tau", dist.Gamma(2.0, 2.0).expand([2]).to_event(1))
    p = numpyro.sample("P", dist.Dirichlet(jnp.ones((2, 2)) + 4.0 * jnp.eye(2)).to_event(1))
    logs = dist.Normal(mu, 1.0 / jnp.sqrt(tau)).log_prob(x[:, None])

    def forward(before, own):
        now = logsumexp(before[:, None] + jnp.log(p), axis=0) + own
        return now, None

    last, _ = jax.lax.scan(forward, jnp.log(start) + logs[0], logs[1:])
    numpyro.factor("likelihood", logsumexp(last))


def sampled(x, start, stay, means, warmup, draws):
    begin = init_to_value(values={"mu": means, "tau": np.ones(2), "P": stay})
    found = MCMC(NUTS(model, init_strategy=begin), num_warmup=warmup, num_samples=draws, num_chains=2,
                 chain_method="sequential", progress_bar=False)  # fmt: skip
    found.run(jax.random.PRNGKey(0), x, start)  # compiles
    before = time.process_time()
    found.run(jax.random.PRNGKey(1), x, start)
    arrays = {k: np.asarray(v) for k, v in found.get_samples(group_by_chain=True).items()}
    return arrays, time.process_time() - before


def main():
    with np.load(sys.argv[1]) as data:
        x, start, stay, means = (data[k] for k in ("x", "start", "stay", "means"))
    draws, seconds = sampled(x, start, stay, means, 500, 1000)
    known = GaussianHMM(2, covariance_type="diag")
    known.startprob_, known.transmat_ = start, stay
    known.means_, known.covars_ = np.asarray(means)[:, None], np.ones((2, 1))
    np.savez(sys.argv[2], seconds=seconds, log_likelihood=known.score(x[:, None]), **draws)


if __name__ == "__main__":
    main()
