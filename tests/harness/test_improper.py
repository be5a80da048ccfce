"""Steps under improper priors: no joint distribution to draw from, so their exact conditionals are what draws are held
to.

Each case has a closed conditional distribution. Chains are thinned until what is left of their autocorrelation is far
below the resolution of a Kolmogorov-Smirnov test of DRAWS values (a walk in one dimension forgets within ten sweeps,
and so does a block of two); each of COMPARISONS fails a right step with probability LEVEL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.pymc2 import DiscreteUninformative, OneOverX, Uninformative
from tests.harness import levels

COMPARISONS = 60
LEVEL = levels.each("improper", COMPARISONS)
DRAWS, THIN, BURN = 1500, 60, 2000
Y = np.array([0.4, -0.3, 1.9, 1.1, 0.8, 2.6])
GROUP = np.array([0, 0, 0, 1, 1, 1])
COUNTS = np.array([2, 0, 3, 1, 4, 2])
X = np.column_stack([np.ones(6), np.array([-1.0, -0.4, 0.1, 0.3, 0.7, 1.5])])

Case = tuple[list[Any], dict[str, list[Any]]]  # nodes, and for each unknown the distributions of its entries


def flat_mean() -> Case:
    mu = Uninformative("mu", value=0.0)
    y = mc.Normal("y", mu, 2.0, value=Y, observed=True)
    return [mu, y], {"mu": [stats.norm(Y.mean(), (2.0 * 6) ** -0.5)]}


def flat_means_of_known_groups() -> Case:
    mu = Uninformative("mu", value=np.zeros(2))
    y = mc.Normal("y", mu[GROUP], 2.0, value=Y, observed=True)
    return [mu, y], {"mu": [stats.norm(Y[GROUP == k].mean(), 6.0**-0.5) for k in range(2)]}


def precision_with_density_one_over_x() -> Case:
    tau = OneOverX("tau", value=1.0)
    y = mc.Normal("y", 0.5, tau, value=Y, observed=True)
    return [tau, y], {"tau": [stats.gamma(3.0, scale=2.0 / np.sum((Y - 0.5) ** 2))]}


def standard_deviation_with_density_one_over_x() -> Case:
    """The same prior of the precision: its logarithm is flat, whichever of the two it is."""
    sd = OneOverX("sd", value=1.0)
    precision = mc.Lambda("precision", lambda sd=sd: sd**-2.0, trace=True)
    y = mc.Normal("y", 0.5, precision, value=Y, observed=True)
    return [sd, y, precision], {"precision": [stats.gamma(3.0, scale=2.0 / np.sum((Y - 0.5) ** 2))]}


def rate_of_counts() -> Case:
    rate = OneOverX("rate", value=1.0)
    y = mc.Poisson("y", rate, value=COUNTS, observed=True)
    return [rate, y], {"rate": [stats.gamma(COUNTS.sum(), scale=1.0 / 6)]}


def rate_of_times() -> Case:
    rate = OneOverX("rate", value=1.0)
    y = mc.Exponential("y", rate, value=np.abs(Y), observed=True)
    return [rate, y], {"rate": [stats.gamma(6, scale=1.0 / np.abs(Y).sum())]}


def mean_and_precision() -> Case:
    mu, tau = Uninformative("mu", value=0.0), OneOverX("tau", value=1.0)
    y = mc.Normal("y", mu, tau, value=Y, observed=True)
    squares = np.sum((Y - Y.mean()) ** 2)
    laws = {"mu": [stats.t(5, Y.mean(), (squares / 30.0) ** 0.5)], "tau": [stats.gamma(2.5, scale=2.0 / squares)]}
    return [mu, tau, y], laws


def coefficients() -> Case:
    beta = Uninformative("beta", value=np.zeros(2))
    y = mc.Normal("y", mc.Lambda("line", lambda b=beta: X @ b), 2.0, value=Y, observed=True)
    cover = np.linalg.inv(2.0 * X.T @ X)
    centre = 2.0 * cover @ X.T @ Y
    return [beta, y], {"beta": [stats.norm(centre[j], cover[j, j] ** 0.5) for j in range(2)]}


def probability_at_whose_ends_mass_is_infinite() -> Case:
    """Haldane's prior, from a uniform distribution and a potential."""
    p = mc.Uniform("p", 0.0, 1.0, value=0.5)
    ends = mc.Potential(logp=lambda p: -np.log(p) - np.log(1.0 - p), name="ends", parents={"p": p}, doc="")
    y = mc.Binomial("y", 5, p, value=COUNTS, observed=True)
    return [p, ends, y], {"p": [stats.beta(COUNTS.sum(), 30 - COUNTS.sum())]}


CASES: dict[str, Callable[[], Case]] = {
    "flat mean": flat_mean,
    "flat means of known groups": flat_means_of_known_groups,
    "precision, one over x": precision_with_density_one_over_x,
    "standard deviation, one over x": standard_deviation_with_density_one_over_x,
    "rate of counts": rate_of_counts,
    "rate of times": rate_of_times,
    "mean and precision": mean_and_precision,
    "coefficients": coefficients,
    "Haldane's prior": probability_at_whose_ends_mass_is_infinite,
}
STEPS = {"assigned": None, "slices": mc.Slicer, "Metropolis": mc.Metropolis, "block": mc.AdaptiveMetropolis}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("case", CASES)
def test_draws_have_the_exact_conditional(case: str, step: str):
    nodes, laws = CASES[case]()
    m = mc.MCMC(nodes)
    if STEPS[step] is not None:
        for node in m.model.stochastics:
            m.use_step_method(STEPS[step], node)
    m.sample(BURN + DRAWS * THIN, BURN, THIN, chains=1, seed=51, progress_bar=False)
    for name, exact in laws.items():
        columns = m.trace(name)[:].reshape(DRAWS, -1).T
        for column, each in zip(columns, exact, strict=True):
            assert stats.kstest(column, each.cdf).pvalue > LEVEL, f"{name} by {m.step_method_dict}"


@pytest.mark.parametrize("step", [None, mc.DiscreteMetropolis])
def test_whole_numbers_under_a_flat_prior(step: Any):
    k = DiscreteUninformative("k", 3)
    y = mc.Normal("y", k, 0.2, value=Y, observed=True)
    m = mc.MCMC([k, y])
    if step is not None:
        m.use_step_method(step, k)
    m.sample(BURN + DRAWS * THIN, BURN, THIN, chains=1, seed=52, progress_bar=False)
    values = np.arange(-4, 7)
    weights = np.exp(-0.1 * np.sum((Y[:, None] - values) ** 2, axis=0))
    draws = m.trace("k")[:]
    expected = DRAWS * weights / weights.sum()
    usual = expected > 5.0
    seen = np.array([np.sum(draws == v) for v in values[usual]])
    observed, wanted = np.append(seen, DRAWS - seen.sum()), np.append(expected[usual], DRAWS - expected[usual].sum())
    assert stats.chisquare(observed, wanted).pvalue > LEVEL


def test_labels_given_means_under_a_flat_prior():
    """Means held where they are: each label has its own two-point conditional, whatever the means' prior."""
    centres, weights = np.array([0.0, 1.5]), np.array([0.3, 0.7])
    mu = Uninformative("mu", value=centres)
    z = mc.Categorical("z", weights, size=6)
    y = mc.Normal("y", mu[z], 1.0, value=Y, observed=True)
    m = mc.MCMC([mu, y])
    m.use_step_method(mc.NoStepper, mu)
    m.sample(DRAWS, 0, chains=1, seed=53, progress_bar=False)
    joint = weights * np.exp(-0.5 * (Y[:, None] - centres) ** 2)
    exact = joint[:, 1] / joint.sum(1)
    found = m.trace("z")[:].sum(0)  # a label does not remember the sweep before
    for count, p in zip(found, exact, strict=True):
        assert stats.binomtest(int(count), DRAWS, p).pvalue > LEVEL
