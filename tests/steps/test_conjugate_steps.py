"""Which step serves a variable, and whether it draws from the right distribution: closed forms, quadrature, exact
sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

import mcmix as mc
from tests import runs
from tests.references import (
    Gridded,
    assert_below,
    assert_law,
    assert_masses,
    assert_mean,
    chains_of,
    gridded,
    gridded_pair,
    normalised,
)

REALS = np.array([1.2, 2.9, 0.4, 2.2, 3.1, 1.8])
WAITS = np.array([0.3, 1.9, 0.7, 2.8, 0.2])
COUNTS = np.array([2, 0, 5, 3, 1])
HITS = np.array([1, 0, 1, 1, 1, 0, 1])
EXACT, SLICE, METROPOLIS, BLOCK = "conjugate Gibbs", "slice", "adaptive Metropolis", "adaptive Metropolis, block"


sampled = runs.sampler(iterations=11_000, burn=1000)


def step_name(sampler, name):
    return next(s.name for s in sampler.assembled.steps if name in [v.name for v in s.variables])


# -------------------------------------------------------------------- one unknown, by quadrature


@dataclass
class Case:
    """A model of one unknown v: its prior, the data given it, the step it should get, and its log posterior."""

    name: str
    step: str
    prior: Callable[[], Any]
    data: Callable[[Any], Any]
    log_posterior: Callable[[np.ndarray], np.ndarray]
    ends: tuple[float, float]


def observed(family, *parameters, value, **keywords):
    return getattr(mc, family)("y", *parameters, value=value, observed=True, **keywords)


def normal_rows(mean, precision, rows=REALS):
    """Log likelihood of normal rows at arrays of means or precisions."""
    return stats.norm.logpdf(rows[:, None], mean, np.broadcast_to(precision, np.shape(mean)) ** -0.5).sum(0)


def by_mean(prior):
    return lambda v: prior.logpdf(v) + normal_rows(v, 1.5)


def by_precision(prior):
    return lambda v: prior.logpdf(v) + stats.norm.logpdf(REALS[:, None], 2.0, v**-0.5).sum(0)


def by_sd(prior):
    return lambda v: prior.logpdf(v) + stats.norm.logpdf(REALS[:, None], 2.0, v).sum(0)


def by_variance(prior):
    return lambda v: prior.logpdf(v) + stats.norm.logpdf(REALS[:, None], 2.0, np.sqrt(v)).sum(0)


def by_rate(prior, exposure=1.0):
    return lambda v: prior.logpdf(v) + stats.poisson.logpmf(COUNTS[:, None], v * np.reshape(exposure, (-1, 1))).sum(0)


def by_waits(prior):
    return lambda v: prior.logpdf(v) + stats.expon.logpdf(WAITS[:, None], scale=1 / v).sum(0)


def by_hits(prior):
    return lambda v: prior.logpdf(v) + stats.bernoulli.logpmf(HITS[:, None], v).sum(0)


EXPOSURE = np.array([0.5, 1.0, 2.0, 1.5, 0.2])
COVARIATE = np.array([-1.0, 0.5, 0.0, 1.0, 2.0, 1.5])
PRECISIONS = np.array([0.5, 2.0, 1.0, 3.0, 0.2, 1.0])


def mean_data(v):
    return observed("Normal", v, 1.5, value=REALS)


def precision_data(v):
    return observed("Normal", 2.0, v, value=REALS)


def sd_data(v):
    return observed("Normal", 2.0, sigma=v, value=REALS)


def variance_data(v):
    return observed("Normal", 2.0, variance=v, value=REALS)


def rate_data(v):
    return observed("Poisson", v, value=COUNTS)


def wait_data(v):
    return observed("Exponential", v, value=WAITS)


def hit_data(v):
    return observed("Bernoulli", v, value=HITS)


def gamma_scale(shape, rate):
    return stats.gamma(shape, scale=1 / rate)


CASES = [
    Case(
        "normal mean", EXACT, lambda: mc.Normal("v", 1.0, 0.5), mean_data, by_mean(stats.norm(1.0, 0.5**-0.5)), (-3, 6)
    ),
    Case(
        "normal mean, uniform prior",
        EXACT,
        lambda: mc.Uniform("v", 1.5, 2.5),
        mean_data,
        by_mean(stats.uniform(1.5, 1.0)),
        (1.5, 2.5),
    ),
    Case(
        "normal mean, uniform prior far off",
        EXACT,
        lambda: mc.Uniform("v", 4.0, 9.0),
        mean_data,
        by_mean(stats.uniform(4.0, 5.0)),
        (4, 9),
    ),
    Case(
        "normal mean, half-normal prior",
        EXACT,
        lambda: mc.HalfNormal("v", 0.3),
        mean_data,
        by_mean(stats.halfnorm(scale=0.3**-0.5)),
        (0, 7),
    ),
    Case(
        "normal mean, t prior",
        SLICE,
        lambda: mc.StudentT("v", 0.0, 4.0, 3.0),
        mean_data,
        by_mean(stats.t(3, scale=0.5)),
        (-3, 6),
    ),
    Case(
        "normal mean, lognormal prior",
        SLICE,
        lambda: mc.Lognormal("v", 0.0, 1.0),
        mean_data,
        by_mean(stats.lognorm(1.0)),
        (0, 7),
    ),
    Case(
        "normal mean, gamma prior",
        SLICE,
        lambda: mc.Gamma("v", 2.0, 1.0),
        mean_data,
        by_mean(gamma_scale(2.0, 1.0)),
        (0, 7),
    ),
    Case(
        "normal mean, affine link",
        EXACT,
        lambda: mc.Normal("v", 1.0, 0.5),
        lambda v: observed("Normal", 2.0 * v - 3.0, 1.5, value=REALS),
        lambda v: stats.norm.logpdf(v, 1.0, 0.5**-0.5) + normal_rows(2.0 * v - 3.0, 1.5),
        (-1, 6),
    ),
    Case(
        "normal mean, subtracted and divided",
        EXACT,
        lambda: mc.Normal("v", 1.0, 0.5),
        lambda v: observed("Normal", (4.0 - v) / 2.0 + 1.0, 1.5, value=REALS),
        lambda v: stats.norm.logpdf(v, 1.0, 0.5**-0.5) + normal_rows((4.0 - v) / 2.0 + 1.0, 1.5),
        (-3, 8),
    ),
    Case(
        "slope of a covariate",
        EXACT,
        lambda: mc.Normal("v", 1.0, 0.5),
        lambda v: observed("Normal", v * COVARIATE + 1.0, 1.5, value=REALS),
        lambda v: stats.norm.logpdf(v, 1.0, 0.5**-0.5) + normal_rows(v * COVARIATE[:, None] + 1.0, 1.5),
        (-4, 5),
    ),
    Case(
        "known precisions by row",
        EXACT,
        lambda: mc.Normal("v", 1.0, 0.5),
        lambda v: observed("Normal", v, PRECISIONS, value=REALS),
        lambda v: (
            stats.norm.logpdf(v, 1.0, 0.5**-0.5)
            + stats.norm.logpdf(REALS[:, None], v, PRECISIONS[:, None] ** -0.5).sum(0)
        ),
        (-3, 6),
    ),
    Case(
        "lognormal mean",
        EXACT,
        lambda: mc.Normal("v", 0.0, 0.5),
        lambda v: observed("Lognormal", v, 1.5, value=WAITS),
        lambda v: stats.norm.logpdf(v, 0.0, 0.5**-0.5) + normal_rows(v, 1.5, np.log(WAITS)),
        (-4, 4),
    ),
    Case(
        "gamma precision",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        precision_data,
        by_precision(gamma_scale(2.0, 1.0)),
        (0, 8),
    ),
    Case(
        "gamma precision, exponential prior",
        EXACT,
        lambda: mc.Exponential("v", 0.7),
        precision_data,
        by_precision(stats.expon(scale=1 / 0.7)),
        (0, 9),
    ),
    Case(
        "uniform precision",
        EXACT,
        lambda: mc.Uniform("v", 0.2, 2.0),
        precision_data,
        by_precision(stats.uniform(0.2, 1.8)),
        (0.2, 2),
    ),
    Case(
        "precision times known factors",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("Normal", 2.0, v * PRECISIONS, value=REALS),
        lambda v: (
            gamma_scale(2.0, 1.0).logpdf(v)
            + stats.norm.logpdf(REALS[:, None], 2.0, (v * PRECISIONS[:, None]) ** -0.5).sum(0)
        ),
        (0, 9),
    ),
    Case(
        "lognormal precision",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("Lognormal", 0.2, v, value=WAITS),
        lambda v: gamma_scale(2.0, 1.0).logpdf(v) + stats.norm.logpdf(np.log(WAITS)[:, None], 0.2, v**-0.5).sum(0),
        (0, 9),
    ),
    Case(
        "half-normal precision",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("HalfNormal", v, value=WAITS),
        lambda v: gamma_scale(2.0, 1.0).logpdf(v) + stats.norm.logpdf(WAITS[:, None], 0, v**-0.5).sum(0),
        (0, 9),
    ),
    Case("sd, uniform prior", EXACT, lambda: mc.Uniform("v", 0, 100), sd_data, by_sd(stats.uniform(0, 100)), (0, 20)),
    Case(
        "sd, uniform prior with ends that bite",
        EXACT,
        lambda: mc.Uniform("v", 0.9, 1.2),
        sd_data,
        by_sd(stats.uniform(0.9, 0.3)),
        (0.9, 1.2),
    ),
    Case(
        "sd, half-normal prior",
        SLICE,
        lambda: mc.HalfNormal("v", sigma=2.0),
        sd_data,
        by_sd(stats.halfnorm(scale=2.0)),
        (0, 9),
    ),
    Case(
        "sd, half-Cauchy prior",
        SLICE,
        lambda: mc.HalfCauchy("v", 0.0, 2.0),
        sd_data,
        by_sd(stats.halfcauchy(scale=2.0)),
        (0, 20),
    ),
    Case(
        "sd, half-Cauchy prior by keyword",
        SLICE,
        lambda: mc.HalfCauchy("v", scale=2.0),
        sd_data,
        by_sd(stats.halfcauchy(scale=2.0)),
        (0, 20),
    ),
    Case("sd, gamma prior", SLICE, lambda: mc.Gamma("v", 3.0, 2.0), sd_data, by_sd(gamma_scale(3.0, 2.0)), (0, 9)),
    Case("sd, lognormal prior", SLICE, lambda: mc.Lognormal("v", 0.0, 1.0), sd_data, by_sd(stats.lognorm(1.0)), (0, 9)),
    Case(
        "variance, inverse gamma prior",
        EXACT,
        lambda: mc.InverseGamma("v", 3.0, 2.0),
        variance_data,
        by_variance(stats.invgamma(3.0, scale=2.0)),
        (0, 20),
    ),
    Case(
        "variance, uniform prior",
        EXACT,
        lambda: mc.Uniform("v", 0.0, 6.0),
        variance_data,
        by_variance(stats.uniform(0, 6)),
        (0, 6),
    ),
    Case("gamma-Poisson", EXACT, lambda: mc.Gamma("v", 2.0, 1.0), rate_data, by_rate(gamma_scale(2.0, 1.0)), (0, 9)),
    Case(
        "gamma-Poisson, exponential prior",
        EXACT,
        lambda: mc.Exponential("v", 0.7),
        rate_data,
        by_rate(stats.expon(scale=1 / 0.7)),
        (0, 9),
    ),
    Case(
        "gamma-Poisson, uniform prior",
        EXACT,
        lambda: mc.Uniform("v", 0, 3),
        rate_data,
        by_rate(stats.uniform(0, 3)),
        (0, 3),
    ),
    Case(
        "gamma-Poisson with exposures",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("Poisson", v * EXPOSURE, value=COUNTS),
        by_rate(gamma_scale(2.0, 1.0), EXPOSURE),
        (0, 12),
    ),
    Case(
        "Poisson, lognormal prior",
        SLICE,
        lambda: mc.Lognormal("v", 0.5, 2.0),
        rate_data,
        by_rate(stats.lognorm(2**-0.5, scale=np.exp(0.5))),
        (0, 9),
    ),
    Case(
        "gamma-exponential", EXACT, lambda: mc.Gamma("v", 2.0, 1.0), wait_data, by_waits(gamma_scale(2.0, 1.0)), (0, 6)
    ),
    Case(
        "exponential by its mean",
        EXACT,
        lambda: mc.InverseGamma("v", 2.5, 1.5),
        lambda v: observed("Exponential", mean=v, value=WAITS),
        lambda v: stats.invgamma(2.5, scale=1.5).logpdf(v) + stats.expon.logpdf(WAITS[:, None], scale=v).sum(0),
        (0, 20),
    ),
    Case(
        "gamma rate of a gamma",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("Gamma", 1.7, v, value=WAITS),
        lambda v: gamma_scale(2.0, 1.0).logpdf(v) + stats.gamma.logpdf(WAITS[:, None], 1.7, scale=1 / v).sum(0),
        (0, 9),
    ),
    Case(
        "gamma scale of an inverse gamma",
        EXACT,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("InverseGamma", 1.7, v, value=WAITS),
        lambda v: gamma_scale(2.0, 1.0).logpdf(v) + stats.invgamma.logpdf(WAITS[:, None], 1.7, scale=v).sum(0),
        (0, 9),
    ),
    Case(
        "shape of a gamma",
        SLICE,
        lambda: mc.Gamma("v", 2.0, 1.0),
        lambda v: observed("Gamma", v, 1.3, value=WAITS),
        lambda v: gamma_scale(2.0, 1.0).logpdf(v) + stats.gamma.logpdf(WAITS[:, None], v, scale=1 / 1.3).sum(0),
        (0, 9),
    ),
    Case("beta-Bernoulli", EXACT, lambda: mc.Beta("v", 2.0, 3.0), hit_data, by_hits(stats.beta(2.0, 3.0)), (0, 1)),
    Case(
        "beta-Bernoulli, uniform prior",
        EXACT,
        lambda: mc.Uniform("v", 0, 1),
        hit_data,
        by_hits(stats.uniform(0, 1)),
        (0, 1),
    ),
    Case(
        "beta-Bernoulli, ends that bite",
        EXACT,
        lambda: mc.Uniform("v", 0.1, 0.5),
        hit_data,
        by_hits(stats.uniform(0.1, 0.4)),
        (0.1, 0.5),
    ),
    Case(
        "beta-Bernoulli, complement",
        EXACT,
        lambda: mc.Beta("v", 2.0, 3.0),
        lambda v: hit_data(1 - v),
        lambda v: stats.beta(2.0, 3.0).logpdf(v) + stats.bernoulli.logpmf(HITS[:, None], 1 - v).sum(0),
        (0, 1),
    ),
    Case(
        "Bernoulli, half of a probability",
        SLICE,
        lambda: mc.Beta("v", 2.0, 3.0),
        lambda v: hit_data(v / 2),
        lambda v: stats.beta(2.0, 3.0).logpdf(v) + stats.bernoulli.logpmf(HITS[:, None], v / 2).sum(0),
        (0, 1),
    ),
    Case(
        "beta-binomial",
        EXACT,
        lambda: mc.Beta("v", 2.0, 3.0),
        lambda v: observed("Binomial", 7, v, value=COUNTS),
        lambda v: stats.beta(2.0, 3.0).logpdf(v) + stats.binom.logpmf(COUNTS[:, None], 7, v).sum(0),
        (0, 1),
    ),
    Case(
        "beta-binomial, trials by row",
        EXACT,
        lambda: mc.Beta("v", 2.0, 3.0),
        lambda v: observed("Binomial", [5, 3, 6, 9, 4], v, value=COUNTS),
        lambda v: (
            stats.beta(2.0, 3.0).logpdf(v)
            + stats.binom.logpmf(COUNTS[:, None], np.array([[5], [3], [6], [9], [4]]), v).sum(0)
        ),
        (0, 1),
    ),
    Case(
        "degrees of freedom",
        SLICE,
        lambda: mc.Uniform("v", 1, 30),
        lambda v: observed("StudentT", 2.0, 1.0, v, value=REALS),
        lambda v: stats.t.logpdf(REALS[:, None] - 2.0, v).sum(0),
        (1, 30),
    ),
    Case(
        "through an exponential",
        SLICE,
        lambda: mc.Normal("v", 0.0, 1.0),
        lambda v: rate_data(np.exp(v)),
        lambda v: stats.norm.logpdf(v) + stats.poisson.logpmf(COUNTS[:, None], np.exp(v)).sum(0),
        (-4, 4),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_unknown(case):
    v = case.prior()
    sampler = sampled([v, case.data(v)], seed=61)
    assert step_name(sampler, "v") == case.step
    assert_law(chains_of(sampler, "v"), gridded(case.log_posterior, *case.ends), case.name)


# -------------------------------------------------------------------- nothing but a prior


PRIORS = {
    "Normal": (("v", 1.0, 4.0), stats.norm(1.0, 0.5)),
    "Uniform": (("v", -1.0, 3.0), stats.uniform(-1.0, 4.0)),
    "Beta": (("v", 2.0, 0.7), stats.beta(2.0, 0.7)),
    "Gamma": (("v", 0.6, 2.0), gamma_scale(0.6, 2.0)),
    "InverseGamma": (("v", 3.0, 2.0), stats.invgamma(3.0, scale=2.0)),
    "Exponential": (("v", 2.0), stats.expon(scale=0.5)),
    "Lognormal": (("v", 0.5, 4.0), stats.lognorm(0.5, scale=np.exp(0.5))),
    "HalfNormal": (("v", 4.0), stats.halfnorm(scale=0.5)),
    "HalfCauchy": (("v", 0.0, 2.0), stats.halfcauchy(scale=2.0)),
    "StudentT": (("v", 1.0, 4.0, 5.0), stats.t(5, 1.0, 0.5)),
}


@pytest.mark.parametrize("family", PRIORS)
def test_a_variable_that_nothing_depends_on_follows_its_prior(family):
    arguments, law = PRIORS[family]
    sampler = sampled([getattr(mc, family)(*arguments)], seed=62)
    assert_law(chains_of(sampler, "v"), law, family)


@pytest.mark.parametrize(
    ("build", "law"),
    [
        (lambda: mc.Poisson("v", 3.5), stats.poisson(3.5)),
        (lambda: mc.Binomial("v", 6, 0.3), stats.binom(6, 0.3)),
        (lambda: mc.DiscreteUniform("v", -2, 4), stats.randint(-2, 5)),
        (lambda: mc.Bernoulli("v", 0.3), stats.bernoulli(0.3)),
        (lambda: mc.Categorical("v", [0.1, 0.6, 0.3]), stats.rv_discrete(values=([0, 1, 2], [0.1, 0.6, 0.3]))),
        (lambda: mc.NegativeBinomial("v", 4.0, 2.0), stats.nbinom(2.0, 2.0 / 6.0)),
    ],
    ids=["Poisson", "Binomial", "DiscreteUniform", "Bernoulli", "Categorical", "NegativeBinomial"],
)
def test_a_count_that_nothing_depends_on_follows_its_prior(build, law):
    sampler = sampled([build()], seed=63)
    values = np.arange(-3, 12)
    assert_masses(chains_of(sampler, "v"), dict(zip(values, law.pmf(values), strict=True)), "prior")


# -------------------------------------------------------------------- weights


def test_dirichlet_of_observed_labels():
    labels = np.array([0, 2, 2, 1, 2, 0, 2])
    w = mc.Dirichlet("w", [1.0, 0.5, 2.0])
    sampler = sampled([mc.Categorical("y", w, value=labels, observed=True)], seed=64)
    after = np.array([3.0, 1.5, 6.0])
    assert step_name(sampler, "w") == EXACT
    assert_mean(chains_of(sampler, "w"), after / after.sum(), "w")
    for k in range(3):
        assert_law(chains_of(sampler, "w")[..., k], stats.beta(after[k], after.sum() - after[k]), f"w[{k}]")


def test_probability_of_observed_labels():
    labels = np.array([0, 1, 1, 0, 1, 1])
    p = mc.Beta("p", 1.5, 2.5)
    sampler = sampled([mc.Categorical("y", [p, 1 - p], value=labels, observed=True)], seed=65)
    assert step_name(sampler, "p") == EXACT
    assert_law(chains_of(sampler, "p"), stats.beta(3.5, 6.5), "p")


def test_dirichlet_under_a_potential_moves_as_a_block():
    labels = np.array([0, 2, 2, 1, 2, 0, 2])
    w = mc.Dirichlet("w", [1.0, 1.5, 2.0])

    @mc.potential
    def halved(w=w):
        return np.log(w[1])

    sampler = sampled([mc.Categorical("y", w, value=labels, observed=True), halved], seed=66, iterations=41000)
    after = np.array([3.0, 3.5, 6.0])
    assert step_name(sampler, "w") == BLOCK
    for k in range(3):
        assert_law(chains_of(sampler, "w")[..., k], stats.beta(after[k], after.sum() - after[k]), f"w[{k}]")


# -------------------------------------------------------------------- several unknowns


def test_mean_and_precision_together():
    mu, tau = mc.Normal("mu", 1.0, 0.5), mc.Gamma("tau", 2.0, 1.0)
    sampler = sampled([mc.Normal("y", mu, tau, value=REALS, observed=True)], seed=71)
    logs = lambda m, t: (  # noqa: E731
        stats.norm.logpdf(m, 1.0, 0.5**-0.5)
        + gamma_scale(2.0, 1.0).logpdf(t)
        + 3 * np.log(t)
        - 0.5 * t * (np.sum(REALS**2) - 2 * m * REALS.sum() + 6 * m**2)
    )
    mean, precision = gridded_pair(logs, (-3, 6), (0, 8))
    assert step_name(sampler, "mu") == step_name(sampler, "tau") == EXACT
    assert_law(chains_of(sampler, "mu"), mean, "mu")
    assert_law(chains_of(sampler, "tau"), precision, "tau")


@pytest.mark.parametrize("prior", ["Uniform", "HalfNormal", "HalfCauchy"])
def test_mean_and_sd_together(prior):
    sd = {
        "Uniform": lambda: mc.Uniform("sd", 0, 10),
        "HalfNormal": lambda: mc.HalfNormal("sd", sigma=2),
        "HalfCauchy": lambda: mc.HalfCauchy("sd", 0, 2),
    }[prior]()
    law = {
        "Uniform": stats.uniform(0, 10),
        "HalfNormal": stats.halfnorm(scale=2),
        "HalfCauchy": stats.halfcauchy(scale=2),
    }[prior]
    mu = mc.Normal("mu", 1.0, 0.5)
    sampler = sampled([mc.Normal("y", mu, 1 / sd**2, value=REALS, observed=True)], seed=72)
    logs = lambda m, s: (  # noqa: E731
        stats.norm.logpdf(m, 1.0, 0.5**-0.5)
        + law.logpdf(s)
        - 6 * np.log(s)
        - 0.5 * (np.sum(REALS**2) - 2 * m * REALS.sum() + 6 * m**2) / s**2
    )
    mean, scale = gridded_pair(logs, (-4, 7), (0.05, 10))
    assert_law(chains_of(sampler, "mu"), mean, "mu")
    assert_law(chains_of(sampler, "sd"), scale, "sd")


def hierarchical_reference(x, within, top_mean, top_precision, shape, rate):
    """Posterior of the top mean: group means and their precision integrated out, the latter on a grid."""
    tau = gamma_scale(shape, rate).ppf((np.arange(2000) + 0.5) / 2000)
    precision = 1 / (1 / tau + 1 / within)
    top = np.linspace(-6, 8, 2001)
    logs = stats.norm.logpdf(x[:, None, None], top[None, :, None], precision**-0.5).sum(0)
    logs += stats.norm.logpdf(top, top_mean, top_precision**-0.5)[:, None]
    return Gridded(top, normalised(logsumexp(logs, axis=1))), Gridded(tau, normalised(logsumexp(logs, axis=0)))


def test_hierarchical_normal_mean_of_means():
    x = np.array([0.2, 1.9, 2.2, 3.7, 1.1])
    top = mc.Normal("top", 1.0, 0.2)
    tau = mc.Gamma("tau", 3.0, 2.0)
    theta = mc.Normal("theta", top, tau, size=5)
    sampler = sampled([mc.Normal("y", theta, 2.0, value=x, observed=True)], seed=73, iterations=21000)
    exact, precision = hierarchical_reference(x, 2.0, 1.0, 0.2, 3.0, 2.0)
    assert {step_name(sampler, n) for n in ("top", "tau", "theta")} == {EXACT}
    assert_law(chains_of(sampler, "top"), exact, "top")
    assert_mean(chains_of(sampler, "tau") < 1.0, (precision.points < 1.0) @ precision.probabilities, "tau below 1")
    shrunk = (chains_of(sampler, "tau")[..., None] * chains_of(sampler, "top")[..., None] + 2 * x) / (
        chains_of(sampler, "tau")[..., None] + 2
    )
    assert_mean(chains_of(sampler, "theta") - shrunk, 0.0, "theta given the rest")


def test_two_children_send_their_messages_to_one_mean():
    mu = mc.Normal("mu", 0.0, 0.5)
    first = mc.Normal("first", mu, 1.5, value=REALS, observed=True)
    second = mc.Normal("second", 2 * mu + 1, 0.8, value=[3.0, 4.0], observed=True)
    sampler = sampled([first, second], seed=74)
    precision = 0.5 + 6 * 1.5 + 2 * 0.8 * 4
    linear = 1.5 * REALS.sum() + 0.8 * 2 * (2.0 + 3.0)
    assert step_name(sampler, "mu") == EXACT
    assert_law(chains_of(sampler, "mu"), stats.norm(linear / precision, precision**-0.5), "mu")


def test_a_rate_shared_by_counts_and_waits():
    rate = mc.Gamma("rate", 2.0, 1.0)
    nodes = [
        mc.Poisson("n", 3 * rate, value=COUNTS, observed=True),
        mc.Exponential("t", rate, value=WAITS, observed=True),
    ]
    sampler = sampled(nodes, seed=75)
    assert step_name(sampler, "rate") == EXACT
    assert_law(chains_of(sampler, "rate"), gamma_scale(2.0 + COUNTS.sum() + 5, 1.0 + 15 + WAITS.sum()), "rate")


def test_different_powers_of_one_variable_are_no_conjugate_pair():
    """A precision in one child and a variance in the other."""
    v = mc.Gamma("v", 2.0, 1.0)
    nodes = [
        mc.Normal("a", 2.0, v, value=REALS, observed=True),
        mc.Normal("b", 0.0, 1 / v, value=[0.5, 1.2], observed=True),
    ]
    sampler = sampled(nodes, seed=76)

    def logs(v):
        first = stats.norm.logpdf(REALS[:, None], 2.0, v**-0.5).sum(0)
        return gamma_scale(2.0, 1.0).logpdf(v) + first + stats.norm.logpdf([[0.5], [1.2]], 0.0, v**0.5).sum(0)

    assert step_name(sampler, "v") == SLICE
    assert_law(chains_of(sampler, "v"), gridded(logs, 0, 9), "v")


def test_a_mean_that_sets_its_own_precision_is_no_conjugate_pair():
    v = mc.Gamma("v", 3.0, 1.0)
    sampler = sampled([mc.Normal("y", v, 1 / v, value=REALS, observed=True)], seed=77)
    logs = lambda v: gamma_scale(3.0, 1.0).logpdf(v) + stats.norm.logpdf(REALS[:, None], v, np.sqrt(v)).sum(0)  # noqa: E731
    assert step_name(sampler, "v") == SLICE
    assert_law(chains_of(sampler, "v"), gridded(logs, 0, 9), "v")


def test_two_coefficients_of_one_mean():
    """They meet in every row, and are drawn together."""
    a, b = mc.Normal("a", 0.0, 0.5), mc.Normal("b", 0.0, 0.5)
    sampler = sampled([mc.Normal("y", a + b * COVARIATE, 1.5, value=REALS, observed=True)], seed=78, iterations=21000)
    design = np.column_stack([np.ones(6), COVARIATE])
    covariance = np.linalg.inv(0.5 * np.eye(2) + 1.5 * design.T @ design)
    centre = covariance @ (1.5 * design.T @ REALS)
    assert {step_name(sampler, "a"), step_name(sampler, "b")} == {EXACT, "drawn along"}
    for i, name in enumerate("ab"):
        assert_law(chains_of(sampler, name), stats.norm(centre[i], covariance[i, i] ** 0.5), name)


def test_a_vector_of_coefficients_through_a_matrix():
    beta = mc.Normal("beta", 0.0, 0.5, size=2)
    design = np.column_stack([np.ones(6), COVARIATE])

    @mc.deterministic
    def mean(beta=beta):
        return design @ beta

    sampler = sampled([mc.Normal("y", mean, 1.5, value=REALS, observed=True)], seed=79, iterations=21000)
    covariance = np.linalg.inv(0.5 * np.eye(2) + 1.5 * design.T @ design)
    centre = covariance @ (1.5 * design.T @ REALS)
    for i in range(2):
        assert_law(chains_of(sampler, "beta")[..., i], stats.norm(centre[i], covariance[i, i] ** 0.5), f"beta[{i}]")


def test_lists_of_scalar_nodes_make_a_table():
    """Known labels; each scalar is drawn with the rows that look it up."""
    means = [mc.Normal("mu0", 0.0, 0.5), mc.Normal("mu1", 3.0, 0.7)]
    rates = [mc.Gamma("tau0", 2.0, 1.0), mc.Gamma("tau1", 3.0, 2.0)]
    known = np.array([0, 0, 1, 0, 1, 1])
    y = mc.Normal("y", mc.Index("mean", means, known), mc.Index("tau", rates, known), value=REALS, observed=True)
    sampler = sampled([y], seed=80)
    for k, (m, s, r) in enumerate([(0.0, 2.0, 1.0), (3.0, 3.0, 2.0)]):
        rows, precision = REALS[known == k], [0.5, 0.7][k]
        logs = lambda v, t, m=m, s=s, r=r, rows=rows, precision=precision: (  # noqa: E731
            stats.norm.logpdf(v, m, precision**-0.5)
            + gamma_scale(s, r).logpdf(t)
            + 1.5 * np.log(t)
            - 0.5 * t * (np.sum(rows**2) - 2 * v * rows.sum() + 3 * v**2)
        )
        mean, rate = gridded_pair(logs, (-4, 8), (0, 9))
        assert step_name(sampler, f"mu{k}") == step_name(sampler, f"tau{k}") == EXACT
        assert_law(chains_of(sampler, f"mu{k}"), mean, f"mu{k}")
        assert_law(chains_of(sampler, f"tau{k}"), rate, f"tau{k}")


def test_vectors_get_elementwise_draws():
    """Parameters of shape (3,), with one row each and different priors."""
    mu = mc.Normal("mu", [0.0, 1.0, 2.0], [0.5, 1.0, 2.0], size=3)
    sampler = sampled([mc.Normal("y", mu, [1.0, 2.0, 0.5], value=[2.0, -1.0, 4.0], observed=True)], seed=81)
    precision = np.array([1.5, 3.0, 2.5])
    centre = np.array([2.0, 1.0 - 2.0, 4.0 + 2.0]) / precision
    for i in range(3):
        assert_law(chains_of(sampler, "mu")[..., i], stats.norm(centre[i], precision[i] ** -0.5), f"mu[{i}]")


def test_slice_on_a_vector_moves_every_element():
    v = mc.Lognormal("v", 0.0, 1.0, size=3)
    rows = np.array([0.5, 2.0, 4.0])
    sampler = sampled([mc.Normal("y", v, 1.5, value=rows, observed=True)], seed=82)
    assert step_name(sampler, "v") == SLICE
    for i in range(3):
        logs = lambda v, i=i: stats.lognorm.logpdf(v, 1.0) + stats.norm.logpdf(rows[i], v, 1.5**-0.5)  # noqa: E731
        assert_law(chains_of(sampler, "v")[..., i], gridded(logs, 0, 9), f"v[{i}]")


@pytest.mark.parametrize("total", [np.sum, lambda b: np.sum(b**2), lambda b: np.max(np.exp(b)), lambda b: b @ (2 * b)])
def test_elements_that_share_a_sum_over_another_vector(total):
    """The other vector has as many elements and is all but known: a function of all of it enters every row."""
    known, rows = np.array([0.5, -0.5, 1.0]), np.array([2.0, 3.0, 4.0])
    v, b = mc.Lognormal("v", 0.0, 1.0, size=3), mc.Normal("b", known, 1e8, size=3)
    mean = mc.Deterministic(lambda v, b: v + total(b), "", "shifted", {"v": v, "b": b})
    sampler = sampled([mc.Normal("y", mean, 1.5, value=rows, observed=True)], seed=84)
    for i in range(3):
        logs = lambda v, i=i: stats.lognorm.logpdf(v, 1.0) + stats.norm.logpdf(rows[i], v + total(known), 1.5**-0.5)  # noqa: E731
        assert_law(chains_of(sampler, "v")[..., i], gridded(logs, 0, 12), f"v[{i}]")


def test_bounds_that_are_themselves_unknown():
    """v uniform below an unknown end: the end is at least v, and everything stays in range."""
    end = mc.Uniform("end", 1.0, 4.0)
    v = mc.Uniform("v", 0.0, end)
    sampler = sampled([mc.Normal("y", v, 1.5, value=REALS, observed=True)], seed=83, iterations=41000)
    logs = lambda v, e: np.where(v < e, -np.log(e), -np.inf) + 0 * v - 0.75 * (6 * v**2 - 2 * v * REALS.sum())  # noqa: E731
    exact, exact_end = gridded_pair(logs, (0, 4), (1, 4))
    assert_law(chains_of(sampler, "v"), exact, "v")
    assert_law(chains_of(sampler, "end"), exact_end, "end")


# -------------------------------------------------------------------- potentials


def test_an_ordering_constraint_is_respected():
    mu = mc.Normal("mu", 0.0, 0.5, size=2)

    @mc.potential
    def ordered(mu=mu):
        return np.where(mu[0] < mu[1], 0.0, -np.inf)

    y = mc.Normal("y", mu, 1.5, value=[1.0, 0.6], observed=True)
    sampler = sampled([y, ordered], seed=91, iterations=41000)
    logs = lambda a, b: np.where(a < b, 0.0, -np.inf) - (a - 0.75) ** 2 - (b - 0.45) ** 2  # noqa: E731
    first, second = gridded_pair(logs, (-4, 5), (-4, 5), cells=1200)
    draws = chains_of(sampler, "mu")
    assert step_name(sampler, "mu") != EXACT
    assert np.all(draws[..., 0] < draws[..., 1])
    assert_law(draws[..., 0], first, "mu[0]")
    assert_law(draws[..., 1], second, "mu[1]")


def test_a_soft_potential_is_one_more_factor():
    mu, tau = mc.Normal("mu", 0.0, 0.5), mc.Gamma("tau", 2.0, 1.0)
    soft = mc.Potential(lambda mu: -0.5 * 4.0 * (mu - 1.0) ** 2, "", "soft", {"mu": mu})
    sampler = sampled([mc.Normal("y", mu, tau, value=REALS, observed=True), soft], seed=92)
    logs = lambda m, t: (  # noqa: E731
        -0.25 * m**2
        - 2.0 * (m - 1.0) ** 2
        + gamma_scale(2.0, 1.0).logpdf(t)
        + 3 * np.log(t)
        - 0.5 * t * (np.sum(REALS**2) - 2 * m * REALS.sum() + 6 * m**2)
    )
    mean, precision = gridded_pair(logs, (-3, 5), (0, 8))
    assert step_name(sampler, "mu") == SLICE
    assert step_name(sampler, "tau") == EXACT
    assert_law(chains_of(sampler, "mu"), mean, "mu")
    assert_law(chains_of(sampler, "tau"), precision, "tau")


def test_a_potential_written_with_python_control_flow():
    mu = mc.Normal("mu", 0.0, 0.5)

    @mc.potential
    def preference(mu=mu):
        return 0.0 if mu > 1.0 else -2.0

    sampler = sampled([mc.Normal("y", mu, 0.5, value=REALS[:2], observed=True), preference], seed=93, iterations=6000)
    logs = lambda m: np.where(m > 1.0, 0.0, -2.0) - 0.25 * m**2 + normal_rows(m, 0.5, REALS[:2])  # noqa: E731
    assert_law(chains_of(sampler, "mu"), gridded(logs, -5, 7), "mu")


@pytest.mark.slow
def test_an_ordering_in_a_mixture():
    x = np.array([-1.3, 0.2, 0.9, 2.4, 3.1])
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=5)
    mu = mc.Normal("mu", 1.0, 0.2, size=2)

    @mc.potential
    def ordered(mu=mu):
        return np.where(mu[0] < mu[1], 0.0, -np.inf)

    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True), ordered], seed=94, iterations=41000)
    points = np.linspace(-6, 9, 901) + 0.004
    rows = np.exp(stats.norm.logpdf(x[:, None], points))
    share = (np.arange(40) + 0.5) / 40
    likelihood = np.stack([np.log(s * rows[:, :, None] + (1 - s) * rows[:, None, :]).sum(0) for s in share])
    logs = logsumexp(likelihood, axis=0) + np.add.outer(*[-0.1 * (points - 1.0) ** 2] * 2)
    mass = normalised(np.where(points[:, None] < points[None, :], logs, -np.inf))
    draws = chains_of(sampler, "mu")
    assert np.all(draws[..., 0] < draws[..., 1])
    assert_law(draws[..., 0], Gridded(points, mass.sum(1)), "mu[0]")
    assert_law(draws[..., 1], Gridded(points, mass.sum(0)), "mu[1]")


# -------------------------------------------------------------------- distributions of the user's own


def test_a_law_given_by_a_function():
    @mc.stochastic
    def v(value=1.0, scale=0.5):
        return -np.abs(value - 1.0) / scale

    sampler = sampled([mc.Normal("y", v, 1.5, value=REALS, observed=True)], seed=95)
    assert step_name(sampler, "v") == SLICE
    assert_law(chains_of(sampler, "v"), gridded(lambda v: -np.abs(v - 1.0) / 0.5 + normal_rows(v, 1.5), -3, 6), "v")


def test_a_likelihood_given_by_a_function():
    mu = mc.Normal("mu", 0.0, 0.5)

    @mc.stochastic(observed=True)
    def y(value=REALS, mu=mu):
        return np.sum(-np.log(np.cosh(value - mu)))

    sampler = sampled([y], seed=96)
    logs = lambda m: -0.25 * m**2 - np.log(np.cosh(REALS[:, None] - m)).sum(0)  # noqa: E731
    assert step_name(sampler, "mu") == SLICE
    assert_law(chains_of(sampler, "mu"), gridded(logs, -3, 6), "mu")


# -------------------------------------------------------------------- whole numbers


def test_switchpoint_by_enumeration():
    counts = np.array([4, 5, 4, 0, 1, 4, 1, 0, 0, 1])
    switch = mc.DiscreteUniform("switch", 0, 10)
    early, late = mc.Gamma("early", 2.0, 0.5), mc.Gamma("late", 2.0, 0.5)

    @mc.deterministic
    def rate(switch=switch, early=early, late=late):
        return np.where(np.arange(10) < switch, early, late)

    sampler = sampled([mc.Poisson("y", rate, value=counts, observed=True)], seed=97, iterations=21000)

    def evidence(rows):
        return gammaln(2.0 + rows.sum()) - (2.0 + rows.sum()) * np.log(0.5 + len(rows)) + 2 * np.log(0.5) - gammaln(2.0)

    masses = normalised(np.array([evidence(counts[:s]) + evidence(counts[s:]) for s in range(11)]))
    laws = [gamma_scale(2.0 + counts[:s].sum(), 0.5 + s) for s in range(11)]
    assert step_name(sampler, "switch") == "enumeration"
    assert_masses(chains_of(sampler, "switch"), masses, "switch")
    cuts = np.array([1.0, 2.0, 3.0, 4.0])
    assert_below(
        chains_of(sampler, "early"), cuts, sum(m * law.cdf(cuts) for m, law in zip(masses, laws, strict=True)), "early"
    )


def test_a_scalar_indicator_chooses_between_models():
    chosen = mc.Bernoulli("chosen", 0.3)
    means = mc.Normal("means", [0.0, 2.0], [2.0, 1.0], size=2)

    @mc.deterministic
    def mean(chosen=chosen, means=means):
        return np.where(chosen, means[1], means[0])

    x = np.array([0.7, 1.4])
    sampler = sampled([mc.Normal("y", mean, 1.0, value=x, observed=True)], seed=98, iterations=41000)

    def evidence(mean, precision):
        return stats.multivariate_normal.logpdf(x, [mean, mean], np.eye(2) + 1 / precision)

    odds = np.log(0.3) + evidence(2.0, 1.0), np.log(0.7) + evidence(0.0, 2.0)
    assert step_name(sampler, "chosen") == "enumeration"
    assert_mean(chains_of(sampler, "chosen"), normalised(np.array(odds))[0], "chosen")


def test_a_scalar_label_looks_a_table_up():
    kind = mc.Categorical("kind", [0.2, 0.5, 0.3])
    table = np.array([0.0, 1.0, 3.0])

    @mc.deterministic
    def mean(kind=kind, table=table):
        return table[kind]

    sampler = sampled([mc.Normal("y", mean, 1.0, value=[0.8, 1.9], observed=True)], seed=99)
    logs = np.log([0.2, 0.5, 0.3]) + stats.norm.logpdf([[0.8], [1.9]], table).sum(0)
    assert step_name(sampler, "kind") == "enumeration"
    assert_masses(chains_of(sampler, "kind"), normalised(logs), "kind")


def test_a_number_of_trials_by_enumeration():
    trials = mc.DiscreteUniform("trials", 5, 30)
    sampler = sampled([mc.Binomial("y", trials, 0.4, value=[4, 5, 3], observed=True)], seed=100)
    values = np.arange(5, 31)
    masses = normalised(stats.binom.logpmf([[4], [5], [3]], values, 0.4).sum(0))
    assert step_name(sampler, "trials") == "enumeration"
    assert_masses(chains_of(sampler, "trials"), dict(zip(values, masses, strict=True)), "trials")


def test_a_short_vector_of_whole_numbers():
    n = mc.Binomial("n", 4, 0.5, size=3)
    sampler = sampled([mc.Poisson("y", n + 0.5, value=[0, 3, 6], observed=True)], seed=101)
    values = np.arange(5)
    for i, count in enumerate([0, 3, 6]):
        masses = normalised(stats.binom.logpmf(values, 4, 0.5) + stats.poisson.logpmf(count, values + 0.5))
        assert_masses(chains_of(sampler, "n")[..., i], masses, f"n[{i}]")


@pytest.mark.parametrize("family", ["Poisson", "NegativeBinomial"])
def test_unbounded_whole_numbers_by_metropolis(family):
    hidden = mc.Poisson("hidden", 4.0) if family == "Poisson" else mc.NegativeBinomial("hidden", 4.0, 2.0)
    sampler = sampled([mc.Poisson("y", 0.7 * hidden + 0.2, value=[3, 5], observed=True)], seed=102, iterations=41000)
    values = np.arange(60)
    prior = stats.poisson.logpmf(values, 4.0) if family == "Poisson" else stats.nbinom.logpmf(values, 2.0, 2.0 / 6.0)
    masses = normalised(prior + stats.poisson.logpmf([[3], [5]], 0.7 * values + 0.2).sum(0))
    assert step_name(sampler, "hidden") == METROPOLIS
    assert_masses(chains_of(sampler, "hidden"), dict(zip(values[:16], masses, strict=False)), "hidden")


def test_a_vector_of_unbounded_whole_numbers():
    hidden = mc.Poisson("hidden", 4.0, size=2)
    sampler = sampled([mc.Normal("y", hidden, 0.5, value=[2.6, 7.1], observed=True)], seed=103, iterations=41000)
    values = np.arange(40)
    for i, x in enumerate([2.6, 7.1]):
        masses = normalised(stats.poisson.logpmf(values, 4.0) + stats.norm.logpdf(x, values, 0.5**-0.5))
        assert_masses(
            chains_of(sampler, "hidden")[..., i], dict(zip(values[:12], masses, strict=False)), f"hidden[{i}]"
        )


def test_counts_with_their_own_rate():
    """An unknown count between a gamma rate above and binomial data below."""
    rate = mc.Gamma("rate", 3.0, 0.5)
    n = mc.Poisson("n", rate, value=6)
    sampler = sampled([mc.Binomial("y", n, 0.6, value=4, observed=True)], seed=104, iterations=41000)
    values = np.arange(4, 80)
    masses = normalised(stats.nbinom.logpmf(values, 3.0, 0.5 / 1.5) + stats.binom.logpmf(4, values, 0.6))
    assert step_name(sampler, "rate") == EXACT
    assert_masses(chains_of(sampler, "n"), dict(zip(values[:14], masses, strict=False)), "n")
    assert_mean(chains_of(sampler, "rate"), masses @ ((3.0 + values) / 1.5), "rate")


# -------------------------------------------------------------------- steps on request


def test_steps_are_found_under_their_public_name_after_sampling():
    sampled([mc.Normal("mu", 1.0, 0.5)], seed=105, iterations=20, burn=10)
    assert mc.steps.Slice.name == SLICE
    assert mc.steps.Metropolis is mc.Metropolis
    assert mc.steps.AdaptiveMetropolis is mc.AdaptiveMetropolis


@pytest.mark.parametrize("step", ["Slice", "Metropolis", "AdaptiveMetropolis"])
def test_a_step_on_request_has_the_same_posterior(step):
    mu = mc.Normal("mu", 1.0, 0.5)
    made = mc.MCMC([mc.Normal("y", mu, 1.5, value=REALS, observed=True)])
    made.use_step_method(getattr(mc.steps, step), mu)
    sampler = made.sample(41000, 1000, chains=4, seed=105, progress_bar=False)
    assert step_name(sampler, "mu") == {"Slice": SLICE, "Metropolis": METROPOLIS, "AdaptiveMetropolis": BLOCK}[step]
    assert_law(chains_of(sampler, "mu"), gridded(by_mean(stats.norm(1.0, 0.5**-0.5)), -3, 6), "mu")


@pytest.mark.parametrize("step", ["Slice", "Metropolis", "AdaptiveMetropolis"])
@pytest.mark.parametrize(
    ("prior", "law", "ends"),
    [
        (("Uniform", 0.5, 1.5), stats.uniform(0.5, 1.0), (0.5, 1.5)),
        (("Gamma", 2.0, 1.0), gamma_scale(2.0, 1.0), (0, 8)),
    ],
    ids=["two ends", "one end"],
)
def test_steps_on_bounded_ranges(step, prior, law, ends):
    family, *parameters = prior
    tau = getattr(mc, family)("tau", *parameters)
    made = mc.MCMC([mc.Normal("y", 2.0, tau, value=REALS, observed=True)])
    made.use_step_method(getattr(mc.steps, step), tau)
    sampler = made.sample(31000, 1000, chains=4, seed=106, progress_bar=False)
    assert_law(chains_of(sampler, "tau"), gridded(by_precision(law), *ends), "tau")


@pytest.mark.parametrize("step", ["Slice", "Metropolis", "AdaptiveMetropolis"])
@pytest.mark.parametrize("family", ["Normal", "Gamma"])
def test_steps_on_vectors_whose_elements_stand_alone(step, family):
    rows = np.array([2.0, 0.5, 4.0])
    v = (
        mc.Normal("v", [0.0, 1.0, 2.0], 1.0, size=3)
        if family == "Normal"
        else mc.Gamma("v", [2.0, 1.5, 3.0], 1.0, size=3)
    )
    priors = [
        stats.norm(m) if family == "Normal" else gamma_scale(s, 1.0)
        for m, s in zip([0.0, 1.0, 2.0], [2.0, 1.5, 3.0], strict=True)
    ]
    made = mc.MCMC([mc.Normal("y", v, 1.5, value=rows, observed=True)])
    made.use_step_method(getattr(mc.steps, step), v)
    sampler = made.sample(42000, 2000, chains=4, seed=109, progress_bar=False)
    for i in range(3):
        logs = lambda v, i=i: priors[i].logpdf(v) + stats.norm.logpdf(rows[i], v, 1.5**-0.5)  # noqa: E731
        assert_law(chains_of(sampler, "v")[..., i], gridded(logs, -6 if family == "Normal" else 0, 9), f"v[{i}]")


@pytest.mark.parametrize("step", ["Slice", "Metropolis", "AdaptiveMetropolis"])
def test_steps_on_a_matrix(step):
    v = mc.Normal("v", 1.0, 2.0, size=(2, 2))
    made = mc.MCMC([mc.Normal("y", v, 1.5, value=[[0.0, 1.0], [2.0, 3.0]], observed=True)])
    made.use_step_method(getattr(mc.steps, step), v)
    sampler = made.sample(42000, 2000, chains=4, seed=110, progress_bar=False)
    centre = (2.0 + 1.5 * np.arange(4)) / 3.5
    for i in range(4):
        assert_law(chains_of(sampler, "v").reshape(4, -1, 4)[..., i], stats.norm(centre[i], 3.5**-0.5), f"v[{i}]")


@pytest.mark.parametrize("step", ["Metropolis", "Enumeration"])
def test_steps_on_vectors_of_whole_numbers(step):
    n = mc.Binomial("n", 4, 0.5, size=3)
    made = mc.MCMC([mc.Poisson("y", n + 0.5, value=[0, 3, 6], observed=True)])
    made.use_step_method(getattr(mc.steps, step), n)
    sampler = made.sample(42000, 2000, chains=4, seed=111, progress_bar=False)
    values = np.arange(5)
    for i, count in enumerate([0, 3, 6]):
        masses = normalised(stats.binom.logpmf(values, 4, 0.5) + stats.poisson.logpmf(count, values + 0.5))
        assert_masses(chains_of(sampler, "n")[..., i], masses, f"n[{i}]")


@pytest.mark.parametrize(
    "concentration", [[1.0, 2.0, 1.5], [[1.0, 2.0, 1.5], [3.0, 0.7, 1.0]]], ids=["one for all", "one each"]
)
def test_several_simplexes_under_a_potential(concentration):
    """Each row of a (2, 3) node sums to one and keeps its own distribution."""
    w = mc.Dirichlet("w", concentration) if np.ndim(concentration) == 2 else mc.Dirichlet("w", concentration, size=2)
    tilt = mc.Potential(lambda w: np.log(w[0, 0]) + 2.0 * np.log(w[1, 2]), "", "tilt", {"w": w})
    sampler = sampled([w, tilt], seed=112, iterations=61000, burn=5000)
    after = np.broadcast_to(concentration, (2, 3)) + np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    draws = chains_of(sampler, "w")
    assert np.allclose(draws.sum(-1), 1.0)
    for g in range(2):
        for k in range(3):
            assert_law(draws[..., g, k], stats.beta(after[g, k], after[g].sum() - after[g, k]), f"w[{g}, {k}]")


def test_several_simplexes_of_observed_labels():
    w = mc.Dirichlet("w", [1.0, 2.0, 1.5], size=2)
    group, seen = np.array([0, 0, 1, 1, 1]), np.array([2, 0, 1, 1, 2])
    sampler = sampled([mc.Categorical("y", w[group], value=seen, observed=True)], seed=113, iterations=61000, burn=5000)
    after = np.array([[2.0, 2.0, 2.5], [1.0, 4.0, 2.5]])
    for g in range(2):
        for k in range(3):
            assert_law(
                chains_of(sampler, "w")[..., g, k],
                stats.beta(after[g, k], after[g].sum() - after[g, k]),
                f"w[{g}, {k}]",
            )


def test_a_block_of_correlated_elements():
    """Fifteen coefficients that only their sum is told about much: the block step learns their shape."""
    beta = mc.Normal("beta", 0.0, 1.0, size=15)

    @mc.deterministic
    def total(beta=beta):
        return np.exp(0.1 * np.sum(beta)) + beta[0]

    sampler = sampled(
        [mc.Normal("y", total, 4.0, value=[2.0, 2.4], observed=True)], seed=107, iterations=120000, burn=20000
    )
    assert step_name(sampler, "beta") == BLOCK
    rest = stats.norm(0, np.sqrt(14))
    logs = lambda first, others: (  # noqa: E731
        stats.norm.logpdf(first)
        + rest.logpdf(others)
        + stats.norm.logpdf(2.0, np.exp(0.1 * (first + others)) + first, 0.5)
        + stats.norm.logpdf(2.4, np.exp(0.1 * (first + others)) + first, 0.5)
    )
    first, others = gridded_pair(logs, (-5, 6), (-16, 16))
    assert_law(chains_of(sampler, "beta")[..., 0], first, "beta[0]")
    assert_law(chains_of(sampler, "beta")[..., 1:].sum(-1), others, "the others")


def test_the_comparison_can_fail():
    v = mc.Gamma("v", 2.0, 1.0)
    sampler = sampled([precision_data(v)], seed=108)
    with pytest.raises(AssertionError, match="off by"):
        assert_law(chains_of(sampler, "v"), gridded(by_precision(gamma_scale(2.2, 1.0)), 0, 8), "v")


@pytest.mark.parametrize(
    "written", [lambda v: (v**2) ** 0.5, lambda v: np.sqrt(v**2), lambda v: (v**2) ** 1.5, lambda v: 1 / np.sqrt(v**2)]
)
def test_a_power_of_an_absolute_value_keeps_the_negative_half(written):
    """sqrt(v**2) is v only where v cannot be negative; else both halves of the posterior count."""
    for lower, conjugate in ((-3.0, False), (0.0, True)):
        v = mc.Uniform("v", lower, 3.0, value=1.0)
        precision = mc.Lambda("precision", lambda v=v: written(v))
        m = mc.MCMC([mc.Normal("y", 0.0, precision, value=[0.5, -1.0, 0.7], observed=True)])
        assert (step_name(m, "v") == "conjugate Gibbs") is conjugate
    v = mc.Gamma("v", 2.0, 1.0)
    m = mc.MCMC([mc.Normal("y", 0.0, mc.Lambda("t", lambda v=v: written(v)), value=[0.5, -1.0], observed=True)])
    assert step_name(m, "v") in ("conjugate Gibbs", SLICE)
