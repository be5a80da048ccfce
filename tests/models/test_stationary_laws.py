"""Stationary distributions of models that are easily got wrong, each against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

import mcmix as mc
from mcmix.report.arviz_measures import ess


def share_within_error(events, expected):
    """Whether a share of draws (chains, draws) is as expected, within five Monte Carlo errors."""
    found = events.mean()
    error = np.sqrt(max(expected * (1 - expected), 1e-4) / max(float(ess(events.astype(float))), 20.0))
    return abs(found - expected) < 5 * error


def test_rows_made_together_stay_with_their_rows_when_groups_are_not_sorted():
    rng = np.random.default_rng(5)
    group = rng.permutation(np.repeat(np.arange(40), 5))
    labels = rng.integers(0, 2, 40)
    design = rng.normal(size=(200, 2))
    x = 4.0 * labels[group] + design @ [3.0, -2.0] + rng.normal(0, 0.5, 200)
    z = mc.Categorical("z", [0.5, 0.5], size=40)
    mu = mc.Normal("mu", [0, 4], 1.0, size=2)
    b = mc.Normal("b", 0, 0.1, size=2)

    @mc.deterministic
    def mean(z=z, mu=mu, b=b):
        return mu[z[group]] + design @ b

    y = mc.Normal("y", mean, 4.0, value=x, observed=True)
    m = mc.MCMC([y]).sample(1500, 700, seed=1, chains=2)
    agreement = np.mean(m.memberships()[:, 1].round() == labels)
    assert agreement > 0.97
    assert np.abs(m.trace("b")[:].mean(0) - [3.0, -2.0]).max() < 0.3


def test_an_intercept_by_label_beside_a_regression_with_free_weights():
    rng = np.random.default_rng(6)
    design = rng.normal(size=(150, 2))
    x = np.where(rng.random(150) < 0.5, 0.0, 4.0) + design @ [1.0, -1.0] + rng.normal(0, 0.5, 150)
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=150)
    mu, b = mc.Normal("mu", [0, 4], 1.0, size=2), mc.Normal("b", 0, 0.1, size=2)

    @mc.deterministic
    def mean(z=z, mu=mu, b=b):
        return mu[z] + design @ b

    m = mc.MCMC([mc.Normal("y", mean, 4.0, value=x, observed=True)]).sample(1500, 700, seed=1, chains=2)
    assert np.abs(m.trace("b")[:].mean(0) - [1.0, -1.0]).max() < 0.3


def test_a_walk_over_whole_numbers_stays_within_known_bounds():
    x = np.zeros(40)
    tau = mc.DiscreteUniform("tau", 0, 599)
    table = np.linspace(-1, 1, 600)
    y = mc.Normal("y", mc.Lambda("mean", lambda tau=tau: table[tau]), 1.0, value=x[:1], observed=True)
    m = mc.MCMC([y])
    m.use_step_method(mc.steps.Metropolis, tau)
    draws = m.sample(6000, 1000, seed=2).trace("tau")[:]
    assert draws.min() >= 0
    assert draws.max() <= 599


@pytest.mark.parametrize(
    ("law", "rows", "prior"),
    [("Poisson", [0, 0, 0], (0.5, 1.0)), ("Bernoulli", [0, 0, 0], (0.1, 100.0))],
)
def test_parameters_outside_their_range_have_no_probability_even_with_sums_of_zero(law, rows, prior):
    v = mc.Normal("v", *prior)
    y = getattr(mc, law)("y", v, value=rows, observed=True)
    m = mc.MCMC([y]).sample(4000, 1000, seed=3, start={"v": 0.1})
    assert m.trace("v")[:].min() >= 0.0


@pytest.mark.parametrize("scale", [1.0, 1e-10, 1e-16])
def test_the_slice_is_right_at_any_scale(scale):
    mu = mc.Laplace("mu", 0.0, 1.0 / scale)
    y = mc.Normal("y", mu, 100.0 / scale**2, value=scale * np.array([0.3, 0.5]), observed=True)
    m = mc.MCMC([y])
    m.use_step_method(mc.steps.Slice, mu)
    draws = m.sample(6000, 1000, seed=4).trace("mu")[:] / scale
    density = lambda v: np.exp(-abs(v) - 50.0 * ((v - 0.3) ** 2 + (v - 0.5) ** 2))  # noqa: E731
    total, mean, square = (integrate.quad(lambda v, k=k: v**k * density(v), -0.6, 1.4)[0] for k in range(3))
    sd = np.sqrt(square / total - (mean / total) ** 2)
    assert draws.std() == pytest.approx(sd, rel=0.05)
    assert draws.mean() == pytest.approx(mean / total, abs=0.05 * sd)


def test_an_even_power_of_a_variable_of_either_sign_keeps_both_halves():
    v = mc.Uniform("v", -2, 1)
    rows = np.array([0.4, -0.9, 1.3])
    y = mc.Normal("y", 0.0, v**2, value=rows, observed=True)
    m = mc.MCMC([y])
    m.use_step_method(mc.steps.Metropolis, v)
    negative = m.sample(8000, 1000, seed=5).draws().variables["v"] < 0
    density = lambda v: stats.norm.pdf(rows, 0, 1 / abs(v)).prod() if v else 0.0  # noqa: E731
    below, above = integrate.quad(density, -2, 0)[0], integrate.quad(density, 0, 1)[0]
    assert share_within_error(negative, below / (below + above))
    assert all("conjugate" not in s.name for s in mc.MCMC([v]).assembled.steps)


def test_weights_that_single_out_one_entry_are_not_exchanged():
    v = mc.Normal("v", 0, 1, size=2)

    def softmax(v):
        return np.exp(v) / np.sum(np.exp(v))

    symmetric = mc.Lambda("symmetric", lambda v=v: softmax(v))
    lopsided = mc.Lambda("lopsided", lambda v=v: softmax(v * v[0]))
    for weights, exchanged in ((symmetric, True), (lopsided, False)):
        z = mc.Categorical("z", weights, size=4)
        mu = mc.Normal("mu", [0, 3], 1.0, size=2)
        y = mc.Normal("y", mu[z], 1.0, value=[0.0, 0.2, 2.9, 3.1], observed=True)
        assert (mc.MCMC([y]).assembled.steps[0].tables.swaps) is exchanged


def test_beta_draws_reach_both_ends_alike():
    p = mc.Beta("p", 0.001, 0.001)
    draws = mc.MCMC([p]).sample(20000, 10, seed=6).trace("p")[:]
    assert np.mean(draws > 0.5) == pytest.approx(0.5, abs=0.02)


def test_a_users_own_law_may_tell_components_apart():
    @mc.stochastic(value=[0.0, 5.0])
    def mu(value=None):
        return -0.5 * (value[0] ** 2 + (value[1] - 5.0) ** 2)

    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=4)
    y = mc.Normal("y", mu[z], 1.0, value=[0.0, 0.2, 4.9, 5.1], observed=True)
    step = mc.MCMC([y]).assembled.steps[0]
    assert step.tables.swaps
    assert not step.tables.whole


def test_a_logarithm_of_weights_as_a_table_is_no_obstacle():
    w = mc.Dirichlet("w", [2, 2])
    z = mc.Categorical("z", [0.5, 0.5], size=4)
    scale = mc.Lambda("scale", lambda w=w: -np.log(w))
    y = mc.Normal("y", 0.0, scale[z], value=[0.0, 0.2, 4.9, 5.1], observed=True)
    m = mc.MCMC([y]).sample(50, 10, seed=7)
    assert np.isfinite(m.trace("w")[:]).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_recorded_log_density_is_that_of_the_model(seed):
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 2]), size=40)
    p, rate = mc.Beta("p", 1, 1, size=2), mc.Gamma("rate", 2, 1, size=2)
    rng = np.random.default_rng(seed)
    a = mc.Binomial("a", 7, p[z], value=rng.integers(0, 8, 40), observed=True)
    b = mc.Poisson("b", rate[z], value=rng.poisson(3, 40), observed=True)
    m = mc.MCMC([a, b]).sample(20, 5, seed=seed, chains=1)
    draws = m.draws()
    for node in m.model.stochastics:
        node.value = draws.variables[node.name][0, -1]
    assert draws.statistics["lp"][0, -1] == pytest.approx(m.model.logp, abs=1e-8)


def test_data_with_several_columns_are_labelled_row_by_row():
    """Each column is a factor of its own in the label update."""
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 2, 120)
    x = rng.normal(np.array([[0.0, 0.0], [3.0, -3.0]])[labels], 1.0)
    z = mc.Categorical("z", [0.5, 0.5], size=120)
    mu = mc.Normal("mu", np.array([[0.0, 0.0], [3.0, -3.0]]), 1.0, size=(2, 2))
    y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)
    m = mc.MCMC([y]).sample(1500, 500, seed=1, chains=2)
    assert next(s for s in m.assembled.steps if z in s.variables).name == "label update"
    assert np.mean((m.trace("z")[:].mean(0) > 0.5) == labels) > 0.95
    assert np.abs(m.trace("mu")[:].mean(0) - [[0, 0], [3, -3]]).max() < 0.4


def test_memberships_from_kept_labels_where_a_parameter_was_not_kept():
    x = np.array([-2.0, -1.8, 0.1, 2.0, 2.2])
    z = mc.Categorical("z", mc.Dirichlet("w", [3, 3]), size=5)
    mu = mc.Normal("mu", [-2, 2], 4.0, size=2, trace=False)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(3000, 100, seed=1)
    found = m.memberships()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    np.testing.assert_allclose(found[:, 1], (m.trace("z")[:] == 1).mean(0))
    assert found[0, 0] > 0.9
    assert found[-1, 1] > 0.9


def test_a_run_leaves_the_nodes_own_draws_alone():
    """A node's stream is its own: a run must not make it start over."""
    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1, value=[0.5], observed=True)
    before = mu.random()
    mc.MCMC([mu, y]).sample(20, chains=1, seed=1, progress_bar=False)
    assert mu.random() != before
