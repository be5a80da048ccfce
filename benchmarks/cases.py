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


def ten_components(seed: int) -> mc.MCMC:
    """Ten normal components with centers 0, 10, .., 90, sds 2 to 4 and equal weights, N = 1000; exchangeable priors."""
    rng = np.random.default_rng(seed)
    x = rng.normal(10.0 * (np.arange(1000) % 10), rng.uniform(2, 4, 10)[np.arange(1000) % 10])
    w = mc.Dirichlet("w", np.ones(10))
    mu = mc.Normal("mu", x.mean(), 1.0 / np.ptp(x) ** 2, size=10)
    tau = mc.Gamma("tau", 2.0, 18.0, size=10)
    return mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, tau, value=x, observed=True)])


DISASTERS = np.array(
    [
        4,
        5,
        4,
        0,
        1,
        4,
        3,
        4,
        0,
        6,
        3,
        3,
        4,
        0,
        2,
        6,
        3,
        3,
        5,
        4,
        5,
        3,
        1,
        4,
        4,
        1,
        5,
        5,
        3,
        4,
        2,
        5,
        2,
        2,
        3,
        4,
        2,
        1,
        3,
        2,
        2,
        1,
        1,
        1,
        1,
        3,
        0,
        0,
        1,
        0,
        1,
        1,
        0,
        0,
        3,
        1,
        0,
        3,
        2,
        2,
        0,
        1,
        1,
        1,
        0,
        1,
        0,
        1,
        0,
        0,
        0,
        2,
        1,
        0,
        0,
        0,
        1,
        1,
        0,
        2,
        3,
        3,
        1,
        1,
        2,
        1,
        1,
        1,
        1,
        2,
        4,
        2,
        0,
        0,
        1,
        4,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        1,
        0,
        0,
        1,
        0,
        1,
    ]
)  # fmt: skip  coal-mining disasters a year, 1851 to 1961


def switchpoint(steps: bool) -> mc.MCMC:
    """The coal-mining model in PyMC 2's style, by Metropolis throughout or with the steps mcmix picks."""
    switch = mc.DiscreteUniform("switch", 0, 110)
    early, late = mc.Exponential("early", 1.0), mc.Exponential("late", 1.0)

    @mc.deterministic
    def rate(s=switch, e=early, l=late):  # type: ignore[no-untyped-def]  # noqa: E741
        out = np.empty(len(DISASTERS))
        out[:s] = e
        out[s:] = l
        return out

    m = mc.MCMC([mc.Poisson("disasters", rate, value=DISASTERS, observed=True)])
    if steps:
        m.use_step_method(mc.DiscreteMetropolis, switch)
        m.use_step_method(mc.Metropolis, early, late)
    return m


def opaque_line(n: int = 1000) -> mc.MCMC:
    """A regression none of whose functions can be recorded: they decide on values."""
    x = np.linspace(0.0, 1.0, n)
    data = np.random.default_rng(1).normal(3.0, 2.0, n)
    a, b = mc.Normal("a", 0, 0.01), mc.Normal("b", 0, 0.01)
    sd = mc.Uniform("sd", 0.1, 20, value=2.0)

    @mc.deterministic
    def line(a=a, b=b):  # type: ignore[no-untyped-def]
        return a + b * x if a < 1e9 else x

    @mc.observed
    def y(value=data, line=line, sd=sd):  # type: ignore[no-untyped-def]
        rest = (value - line) / sd
        return float(-0.5 * np.dot(rest, rest) - n * np.log(sd)) if sd > 0 else -np.inf

    return mc.MCMC([y])


def opaque_mixture(n: int = 1000) -> mc.MCMC:
    """The two-component model with look-ups that cannot be recorded."""
    rng = np.random.default_rng(1)
    data = rng.normal(10.0 * rng.integers(0, 2, n), 2.0)
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=n)
    mu, sd = mc.Normal("mu", [0, 10], 0.01, size=2), mc.Uniform("sd", 0.5, 10, size=2)

    @mc.deterministic
    def centre(z=z, mu=mu):  # type: ignore[no-untyped-def]
        return mu[z] if mu[0] < 1e9 else 0.0 * z

    @mc.deterministic
    def tau(z=z, sd=sd):  # type: ignore[no-untyped-def]
        return 1 / sd[z] ** 2 if sd[0] < 1e9 else 1.0 + z

    return mc.MCMC([mc.Normal("y", centre, tau, value=data, observed=True)])


def own_distribution(kind: str, n: int, k: int) -> mc.MCMC:
    """A mixture of normal or logistic rows: built in, or with a log density written by the user."""
    rng = np.random.default_rng(1)
    data = rng.normal(20.0 * rng.integers(0, k, n), 2.0)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    mu, sd = mc.Normal("mu", 0, 0.01, size=k), mc.Uniform("sd", 0.5, 10, size=k)
    if kind == "normal":
        return mc.MCMC([mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=data, observed=True)])
    if kind == "logistic":
        return mc.MCMC([mc.Logistic("y", mu[z], 1 / sd[z], value=data, observed=True)])
    if kind == "own normal":

        @mc.observed
        def y(value=data, z=z, mu=mu, sd=sd):  # type: ignore[no-untyped-def]
            return np.sum(-0.5 * ((value - mu[z]) / sd[z]) ** 2 - np.log(sd[z]))

    else:

        @mc.observed
        def y(value=data, z=z, mu=mu, sd=sd):  # type: ignore[no-untyped-def]
            rest = (value - mu[z]) / sd[z]
            return np.sum(-rest - 2 * np.log1p(np.exp(-rest)) - np.log(sd[z]))

    return mc.MCMC([y])


def vectors(n: int, d: int, k: int, missing: float = 0.0) -> tuple[mc.MCMC, np.ndarray, np.ndarray]:
    """A mixture of d-dimensional normals with full covariances, its data and its true centres; labels are not kept.

    A share of the coordinates may be missing.
    """
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 6, (k, d))
    x = centres[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    if missing:
        x[rng.random((n, d)) < missing] = np.nan
    w = mc.Dirichlet("w", np.ones(k))
    mu = mc.MvNormal("mu", np.zeros(d), 0.01 * np.eye(d), size=k)
    precision = mc.Wishart("precision", d + 2, np.eye(d), size=k)
    return mc.MCMC([mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True)], label_budget=0), x, centres


def plane() -> mc.MCMC:
    """Four clusters in the plane, 1000 rows, weak priors."""
    rng = np.random.default_rng(1)
    x = rng.normal(0, 4, (4, 2))[rng.integers(0, 4, 1000)] + rng.normal(size=(1000, 2))
    w = mc.Dirichlet("w", np.ones(4))
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=4)
    precision = mc.Wishart("precision", 4, np.eye(2), size=4)
    return mc.MCMC([mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True)])
