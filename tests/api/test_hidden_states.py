"""After the draws of a hidden Markov model: most probable states, forecasts, beside sums over all sequences."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.distributions.markov_chain import MARKOV_CHAIN
from tests import runs
from tests.models.test_markov_chain import INITIAL, TRANSITIONS, K, log_mass, sequences

MEANS = np.array([-1.0, 1.0, 3.0])
X = np.array([-1.2, 0.5, 2.0, 1.0, 3.5, 0.1])
LENGTHS = [2, 4]
sampled = runs.sampler(iterations=600, burn=100, chains=2, seed=1, quiet=True)


@pytest.fixture(scope="module")
def known():
    """All parameters known but one that hardly moves."""
    z = mc.MarkovChain("z", INITIAL, TRANSITIONS, lengths=LENGTHS)
    shift = mc.Normal("shift", 0.0, 1e12)
    mean = mc.Lambda("mean", lambda z=z, shift=shift: MEANS[z] + shift)
    return sampled([mc.Normal("y", mean, 1.0, value=X, observed=True), z])


def joint_logs(x, lengths):
    every = sequences(len(x))
    seen = ~np.isnan(x)
    logs = np.array([log_mass(s, INITIAL, TRANSITIONS, lengths) for s in every])
    return every, logs + stats.norm(MEANS[every[:, seen]], 1.0).logpdf(x[seen]).sum(1)


def test_the_path_is_the_most_probable_of_all(known):
    every, logs = joint_logs(X, LENGTHS)
    assert mc.most_probable_states(known).tolist() == every[logs.argmax()].tolist()


@pytest.mark.parametrize(("sequence", "rows"), [(-1, X[2:]), (1, X[2:]), (0, X[:2])])
def test_states_and_densities_of_what_comes_next(known, sequence, rows):
    found = mc.forecast(known, 2, sequence=sequence, draws=3)
    every, logs = joint_logs(np.r_[rows, np.nan, np.nan], [len(rows) + 2])
    p = np.exp(logs - logsumexp(logs))
    for step in range(2):
        exact = [p[every[:, len(rows) + step] == j].sum() for j in range(K)]
        np.testing.assert_allclose(found.states[step], exact, rtol=1e-5)
    came = np.array([0.3, 2.2])
    first = joint_logs(np.r_[rows, came[0]], [len(rows) + 1])[1]
    second = joint_logs(np.r_[rows, np.nan, came[1]], [len(rows) + 2])[1]
    before = logsumexp(joint_logs(rows, [len(rows)])[1])
    np.testing.assert_allclose(found.logpdf(came), [logsumexp(first) - before, logsumexp(second) - before], rtol=1e-5)
    assert found.logpdf([np.nan, 2.2])[0] == pytest.approx(0.0, abs=1e-9)


def test_simulated_futures_have_these_probabilities(known):
    found = mc.forecast(known, 3, draws=1000)
    for step in range(3):
        seen = np.bincount(found.paths[:, step], minlength=K)
        assert stats.chisquare(seen, found.states[step] * seen.sum()).pvalue > 1e-4
    errors = found.values["y"] - MEANS[found.paths]
    assert stats.kstest(errors.ravel(), "norm").pvalue > 1e-4
    assert found.quantiles([0.1, 0.9]).shape == (2, 3)
    assert np.array_equal(mc.forecast(known, 3, draws=1000).values["y"], found.values["y"])  # same seed, same future


@pytest.fixture(scope="module")
def exchangeable():
    A = np.array([[0.9, 0.1], [0.2, 0.8]])
    z = MARKOV_CHAIN.draw(np.random.default_rng(1), None, np.ones(2) / 2, A, np.array([300.0]))
    x = np.random.default_rng(2).normal(np.array([[0.0, 0.0], [4.0, 4.0]])[z], 1.0)
    s = mc.MarkovChain("z", mc.Dirichlet("start", np.ones(2)), mc.Dirichlet("P", np.ones((2, 2)) + np.eye(2)), size=300)
    mu = mc.MvNormal("mu", np.full(2, 2.0), 0.1 * np.eye(2), size=2)
    tau = mc.Wishart("tau", 4, np.eye(2), size=2)
    return sampled([mc.Mixture("y", s, mc.MvNormal, mu, tau, value=x, observed=True)]), z


def test_vectors_and_states_that_switch_names(exchangeable):
    m, z = exchangeable
    classes, path = mc.classify(m), mc.most_probable_states(m)
    assert np.mean(path == classes.classes) > 0.95  # under the same names
    assert mc.adjusted_rand(path, z) > 0.9
    found = mc.forecast(m, 4, draws=100)
    last = classes.classes[-1]
    assert found.states[0, last] > 0.6 and found.values["y"].shape == (100, 4, 2)
    assert np.isfinite(found.logpdf(np.full((4, 2), 2.0))).all()
    assert "Forecast of 4 steps, 2 states: y from 100 draws" in repr(found) and "state 1" in found._repr_html_()


def test_what_leave_one_out_cannot_ask(exchangeable):
    table = mc.compare({2: exchangeable[0]}).table
    assert table[["loo", "waic"]].isna().all(axis=None) and np.isfinite(table["log_evidence"]).all()


def test_what_is_refused(known, exchangeable):
    z = mc.Categorical("z", [0.5, 0.5], size=6)
    independent = sampled([mc.Normal("y", 2.0 * z, 1.0, value=X, observed=True)])
    for ask in (mc.most_probable_states, lambda m: mc.forecast(m, 2)):
        with pytest.raises(mc.ModelError, match="expected one, there is no label vector that follows a Markov chain"):
            ask(independent)
    with pytest.raises(mc.ModelError, match="forecast: sequence= expected one of 0 to 1, got 2"):
        mc.forecast(known, 2, sequence=2)
    with pytest.raises(mc.ModelError, match="steps expected a whole number of at least 1, got 0"):
        mc.forecast(known, 0)
    with pytest.raises(mc.ModelError, match="forecast: expected values of y, got x"):
        mc.forecast(known, 2, draws=2).logpdf({"x": [1.0]})
    with pytest.raises(mc.ModelError, match="y expected 2 steps at most, got 3"):
        mc.forecast(known, 2, draws=2).logpdf([1.0, 2.0, 3.0])
    with pytest.raises(
        mc.ModelError, match=r"these follow a Markov chain; mc.forecast\(m, steps\) has what comes next"
    ):
        exchangeable[0].predict_logpdf(np.zeros((2, 2)))


def test_regressions_have_no_future_without_their_covariates():
    t = np.linspace(-1, 1, 40)
    x = np.random.default_rng(1).normal(2 * t, 0.3)
    z = mc.MarkovChain("z", [0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], size=40)
    a, b = mc.Normal("a", 0, 1, size=2), mc.Normal("b", 0, 1, size=2)
    m = sampled([mc.Normal("y", a[z] + b[z] * t, 10.0, value=x, observed=True)])
    with pytest.raises(mc.ModelError, match="y: expected parameters that depend on the state alone"):
        mc.forecast(m, 2)
