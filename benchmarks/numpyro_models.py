"""NumPyro's side of `beside_numpyro`: run by the Python of an environment that has NumPyro, never imported.

``python numpyro_models.py FAMILY DATA.npz DRAWS.npz WARMUP DRAWS CHAINS`` samples by NUTS, labels summed out, from the
true values, and writes draws and CPU seconds, less those of a run of one draw, which are what compiling costs.
"""

import os
import sys
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, init_to_value

jax.config.update("jax_enable_x64", True)


def student_t(x, location, precision, freedom):
    rest = jnp.log1p(precision * (x - location) ** 2 / freedom)
    constant = special.gammaln(0.5 * freedom + 0.5) - special.gammaln(0.5 * freedom)
    return constant + 0.5 * jnp.log(precision / (freedom * jnp.pi)) - 0.5 * (freedom + 1) * rest


def skew_normal(x, location, precision, skewness):
    z = jnp.sqrt(precision) * (x - location)
    return 0.5 * jnp.log(2 * precision / jnp.pi) - 0.5 * z**2 + special.log_ndtr(skewness * z)


def negative_binomial(x, mean, dispersion):
    ways = special.gammaln(x + dispersion) - special.gammaln(dispersion) - special.gammaln(x + 1)
    return ways + x * jnp.log(mean / (mean + dispersion)) + dispersion * jnp.log(dispersion / (mean + dispersion))


def von_mises(x, location, concentration):
    normalised = jnp.log(2 * jnp.pi * special.i0e(concentration))
    return concentration * (jnp.cos(x - location) - 1) - normalised


def weibull(x, shape, scale):
    logs = jnp.log(x) - jnp.log(scale)
    return jnp.log(shape / scale) + (shape - 1) * logs - jnp.exp(shape * logs)


# Log density, and the prior of each parameter: the same as in `beside_numpyro.MODELS`.
LOCATION, PRECISION = dist.Normal(6.0, 10.0), dist.Gamma(2.0, 2.0)
FAMILIES = {
    "Student t": (student_t, {"location": LOCATION, "precision": PRECISION, "freedom": dist.Gamma(2.0, 0.1)}),
    "skew normal": (skew_normal, {"location": LOCATION, "precision": PRECISION, "skewness": dist.Normal(0.0, 5.0)}),
    "negative binomial": (
        negative_binomial,
        {"mean": dist.Gamma(1.0, 0.1), "dispersion": dist.Gamma(2.0, 0.2)},
    ),
    "von Mises": (
        von_mises,
        {"location": dist.Uniform(-jnp.pi, jnp.pi), "concentration": dist.Gamma(2.0, 0.2)},
    ),
    "Weibull": (weibull, {"shape": dist.Gamma(2.0, 0.5), "scale": dist.Gamma(2.0, 0.1)}),
}


def model(x, density, priors, k):
    w = numpyro.sample("w", dist.Dirichlet(jnp.ones(k)))
    own = [numpyro.sample(name, prior.expand([k]).to_event(1)) for name, prior in priors.items()]
    logs = jnp.log(w) + density(x[:, None], *own)
    numpyro.factor("rows", special.logsumexp(logs, axis=1).sum())


def main():
    family, data, out, warmup, draws, chains = sys.argv[1:]
    given = np.load(data)
    density, priors = FAMILIES[family]
    start = {name: jnp.asarray(given[name]) for name in priors} | {"w": jnp.asarray(given["w"])}
    x = jnp.asarray(given["x"], dtype=float)

    def run(n_warmup, n_draws, n_chains):
        before = time.process_time()
        mcmc = MCMC(
            NUTS(model, init_strategy=init_to_value(values=start)),
            num_warmup=n_warmup,
            num_samples=n_draws,
            num_chains=n_chains,
            chain_method="sequential",
            progress_bar=False,
        )
        mcmc.run(jax.random.PRNGKey(1), x, density, priors, 3)
        found = {name: np.asarray(v) for name, v in mcmc.get_samples(group_by_chain=True).items()}
        return found, time.process_time() - before

    _, compiling = run(1, 1, 1)
    found, seconds = run(int(warmup), int(draws), int(chains))
    np.savez(out, seconds=seconds - compiling, version=numpyro.__version__, **found)


if __name__ == "__main__":
    main()
