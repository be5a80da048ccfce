"""What somebody stumbled on who met the package for the first time."""

from __future__ import annotations

import numpy as np
import pytest

import mcmix as mc


def two_groups(seed=3, n=320):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.4, rng.normal(0.0, 1.0, n), rng.normal(5.0, 1.0, n))


def chain_means(m, name):
    return m.draws().variables[name].mean(axis=1)


def assert_no_chain_is_swapped(m, name, capsys):
    """Every chain agrees on which component is which, up to the two modes that every chain visits alike."""
    means = chain_means(m, name)
    assert np.ptp(means, axis=0).max() < 1.0, means
    assert "disagree" not in capsys.readouterr().err


WEIGHTS = {
    "p first": lambda p: [p, 1 - p],
    "p last": lambda p: [1 - p, p],
    "an array in a function": lambda p: mc.Lambda("q", lambda p=p: np.array([1 - p, p])),
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_in_either_order_allow_the_exchange(weights, capsys):
    p = mc.Beta("p", 1, 1)
    z = mc.Categorical("z", weights(p), size=320)
    mu = mc.Normal("mu", [0, 5], 0.3, size=2)
    y = mc.Normal("y", mu[z], sigma=1, value=two_groups(), observed=True)
    m = mc.MCMC([y]).sample(2000, 500, seed=1)
    assert label_update(m).tables.swaps
    assert_no_chain_is_swapped(m, "mu", capsys)


LOOKUPS = {
    "times one": lambda rate, z: rate[1 * z],
    "where": lambda rate, z: np.where(z, rate[1], rate[0]),
    "as whole numbers": lambda rate, z: mc.Lambda("looked", lambda rate=rate, z=z: rate[z.astype(int)]),
}


def label_update(m):
    return next(step for step in m.assembled.steps if step.label_pass is not None)


@pytest.mark.parametrize("look_up", LOOKUPS.values(), ids=LOOKUPS)
def test_yes_or_no_labels_with_something_per_row_allow_the_exchange(look_up, capsys):
    rng = np.random.default_rng(4)
    exposure = rng.uniform(1, 5, 300)
    counts = rng.poisson(np.where(rng.random(300) < 0.4, 1.0, 6.0) * exposure)
    p = mc.Beta("p", 1, 1)
    z = mc.Bernoulli("z", p, size=300)
    rate = mc.Gamma("rate", [1, 6], [1, 1], size=2)
    y = mc.Poisson("y", look_up(rate, z) * exposure, value=counts, observed=True)
    m = mc.MCMC([y]).sample(2000, 500, seed=1)
    assert label_update(m).tables.swaps
    assert_no_chain_is_swapped(m, "rate", capsys)


def test_known_even_odds_allow_the_exchange(capsys):
    z = mc.Bernoulli("z", 0.5, size=320)
    mu = mc.Normal("mu", [0, 5], 0.3, size=2)
    y = mc.Normal("y", mu[1 * z], np.ones(320), value=two_groups(), observed=True)
    m = mc.MCMC([y]).sample(2000, 500, seed=1)
    assert label_update(m).tables.swaps
    assert_no_chain_is_swapped(m, "mu", capsys)


def test_an_ordering_does_not_trap_the_start():
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.normal(c, 1.0, 200) for c in (-4.0, 0.0, 5.0)])
    trapped = 0
    for seed in range(3):
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), size=600)
        mu = mc.Normal("mu", 0, 0.01, size=3)
        y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)

        @mc.potential
        def ordered(mu=mu):
            return np.where((mu[0] < mu[1]) & (mu[1] < mu[2]), 0.0, -np.inf)

        m = mc.MCMC([y, ordered]).sample(1500, 500, seed=seed, progress_bar=False)
        trapped += int((np.abs(chain_means(m, "mu") - [-4.0, 0.0, 5.0]).max(axis=1) > 1.0).sum())
    assert trapped <= 1  # of twelve chains


def test_equality_with_a_number_is_refused_with_what_to_write():
    z = mc.Categorical("z", [0.5, 0.5], size=3, value=[0, 1, 0])
    with pytest.raises(TypeError, match=r"np\.equal\(z, 0\)"):
        np.where(z == 0, 1.0, 2.0)
    np.testing.assert_array_equal(np.equal(z, 0).value, [True, False, True])


def test_the_truth_of_a_node_is_refused_with_what_to_write():
    mu = mc.Normal("mu", 0, 1)
    with pytest.raises(TypeError, match=r"mu.*np\.where"):
        if mu > 0:
            pass


def test_data_beside_what_is_listed_are_told_and_not_taken(capsys):
    mu = mc.Normal("mu", 0, 0.01)
    y1 = mc.Normal("y1", mu, 1.0, value=np.zeros(20), observed=True)
    y2 = mc.Normal("y2", mu, 1.0, value=np.full(20, 10.0), observed=True)
    m = mc.MCMC([y1]).sample(1000, 100, seed=1)
    assert abs(m.trace("mu")[:].mean()) < 1.0
    assert y2.name in capsys.readouterr().err
    both = mc.MCMC([mu]).sample(1000, 100, seed=1)
    assert abs(both.trace("mu")[:].mean() - 5.0) < 1.0


@pytest.mark.parametrize("answer", [lambda mu: mu > 0, lambda mu: bool(float(mu) > 0)], ids=["recorded", "as written"])
def test_a_potential_that_answers_yes_or_no_is_refused(answer):
    mu = mc.Normal("mu", 0, 1, value=0.5)
    sign = mc.Potential(answer, "", "sign", {"mu": mu})
    with pytest.raises(mc.ModelError, match="sign.*log density"):
        mc.MCMC([mu, sign]).sample(10, seed=1)


def test_zero_probability_may_be_raised_in_a_potential():
    mu = mc.Normal("mu", 0, 1)

    @mc.potential
    def positive(mu=mu):
        if mu < 0:
            raise mc.ZeroProbability
        return 0.0

    m = mc.MCMC([mu, positive]).sample(500, 100, seed=1)
    assert m.trace("mu")[:].min() >= 0.0


def test_a_summary_of_labels_alone_is_refused_with_what_to_look_at():
    z = mc.Categorical("z", [0.5, 0.5], size=4)
    y = mc.Normal("y", np.array([0.0, 3.0])[[0, 1]][0] + 3.0 * z, 1.0, value=[0.1, 3.2, 0.0, 2.9], observed=True)
    m = mc.MCMC([y]).sample(100, 10, seed=1)
    with pytest.raises(mc.ModelError, match="memberships"):
        m.summary()


@pytest.mark.parametrize("step", ["Slice", None, 3])
def test_what_is_no_step_is_refused(step):
    mu = mc.Normal("mu", 0, 1)
    with pytest.raises(mc.ModelError, match="step class"):
        mc.MCMC([mu]).use_step_method(step, mu)


def test_nodes_of_a_step_by_name_or_in_a_list():
    mu, nu = mc.Normal("mu", 0, 1), mc.Normal("nu", 0, 1)
    m = mc.MCMC([mu, nu])
    m.use_step_method(mc.steps.Slice, "mu")
    m.use_step_method(mc.steps.Slice, [nu])
    assert {s.name for s in m.assembled.steps} == {"slice"}


def test_an_error_in_a_users_function_says_which_node():
    mu = mc.Normal("mu", 0, 1, size=2)
    broken = mc.Lambda("broken", lambda mu=mu: mu[7])
    with pytest.raises(IndexError) as caught:
        _ = broken.value
    assert "broken" in " ".join(caught.value.__notes__)


def test_a_function_without_a_return_is_refused():
    nothing = mc.Lambda("nothing", lambda: None)
    with pytest.raises(mc.ModelError, match="nothing.*return"):
        _ = nothing.value
