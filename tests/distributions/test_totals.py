"""Vectors of counts with a total: unknown ones move by transfers, and an unknown total must fit known counts."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.steps.density import TransferMetropolis

TRIALS, WEIGHTS = 4, np.array([0.2, 0.3, 0.5])
POINTS = np.array([1.4, 0.3, 2.1])


def unknown_counts():
    x = mc.Multinomial("x", TRIALS, WEIGHTS)
    return x, mc.Normal("y", x, 1.5, value=POINTS, observed=True)


def exact():
    """Every vector of counts, and its posterior probability."""
    vectors = np.array([v for v in product(range(TRIALS + 1), repeat=3) if sum(v) == TRIALS])
    logs = stats.multinomial(TRIALS, WEIGHTS).logpmf(vectors) - 0.75 * np.sum((POINTS - vectors) ** 2, axis=1)
    weights = np.exp(logs - logs.max())
    return vectors, weights / weights.sum()


@pytest.mark.parametrize("step", [None, mc.Metropolis, mc.DiscreteMetropolis])
def test_transfers_have_the_enumerated_law(step):
    x, y = unknown_counts()
    m = mc.MCMC([x, y])
    if step is not None:
        m.use_step_method(step, x)
    assert type(m.step_method_dict[x][0]) is TransferMetropolis
    draws = m.sample(61000, 1000, 15, chains=1, seed=1, progress_bar=False).trace("x")[:]
    vectors, probabilities = exact()
    assert (draws.sum(1) == TRIALS).all()
    expected = len(draws) * probabilities
    seen = np.array([np.sum((draws == v).all(1)) for v in vectors])
    usual = expected > 5.0
    observed = np.append(seen[usual], seen[~usual].sum())
    assert stats.chisquare(observed, np.append(expected[usual], expected[~usual].sum())).pvalue > 1e-6


def test_one_category_has_nothing_to_transfer():
    x = mc.Multinomial("x", 3, [1.0])
    y = mc.Normal("y", x, 1.0, value=[2.0], observed=True)
    draws = mc.MCMC([x, y]).sample(50, 10, chains=1, seed=2, progress_bar=False).trace("x")[:]
    assert (draws == 3).all()


def test_an_unknown_number_of_trials_is_the_sum_of_known_counts():
    """The density of one row is zero at any other number, also where it is recorded."""
    n = mc.DiscreteUniform("n", 0, 8, value=5)
    y = mc.Multinomial("y", n, WEIGHTS, value=[[1, 2, 2], [0, 2, 3]], observed=True)
    draws = mc.MCMC([n, y]).sample(200, 0, chains=1, seed=3, progress_bar=False).trace("n")[:]
    assert (draws == 5).all()


def test_a_component_whose_trials_differ_from_a_rows_total_cannot_be_its_own():
    trials, z = mc.DiscreteUniform("trials", 1, 6, size=2, value=[3, 5]), mc.Categorical("z", [0.5, 0.5], size=4)
    rows = [[1, 1, 1], [1, 2, 2], [0, 3, 0], [5, 0, 0]]
    y = mc.Mixture("y", z, mc.Multinomial, trials, WEIGHTS, value=rows, observed=True)
    m = mc.MCMC([y]).sample(300, 0, chains=1, seed=4, progress_bar=False, start={"trials": [3, 5], "z": [0, 1, 0, 1]})
    assert (np.take_along_axis(m.trace("trials")[:], m.trace("z")[:].astype(int), 1) == [3, 5, 3, 5]).all()


def test_a_held_variable_is_not_exchanged():
    """A swap of components would move what the user asked to hold."""
    mu = mc.Normal("mu", 0.0, 1.0, size=2, value=[0.0, 1.0])
    y = mc.Mixture("y", [0.3, 0.7], mc.Normal, mu, 1.0, value=POINTS, observed=True)
    m = mc.MCMC([mu, y])
    m.use_step_method(mc.NoStepper, mu)
    assert (m.sample(200, 0, chains=1, seed=5, progress_bar=False).trace("mu")[:] == [0.0, 1.0]).all()


def test_a_half_cauchy_law_takes_yes_or_no_as_its_location():
    location = mc.Bernoulli("location", 0.5)
    assert mc.HalfCauchy("x", location, 1.0).value >= 0.0
