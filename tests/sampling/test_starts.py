"""Where chains start, and what a start without probability leads to."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_ndtr

import mcmix as mc
from mcmix.steps.k_means import k_means, nearest


def three_clusters_two_components(seed: int) -> mc.MCMC:
    """Three clusters of equal size and two components: either outer cluster may stand alone."""
    rng = np.random.default_rng(100 + seed)
    x = np.concatenate([rng.normal(c, 1.0, 50) for c in (-10.0, 0.0, 10.0)])
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.Normal("mu", 0, 1e-2, size=2)
    sd = mc.Uniform("sd", 0.5, 20, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=x, observed=True)
    return mc.MCMC([y], marginal_moves=False)


def test_four_chains_reach_both_modes_or_the_run_says_so(capsys):
    both = 0
    for seed in range(20):
        m = three_clusters_two_components(seed).sample(600, 200, seed=seed)
        centers = np.sort(m.draws().variables["mu"], axis=2).mean(axis=1)
        reached = (centers[:, 0] < -8).any() and (centers[:, 1] > 8).any()
        both += bool(reached) or "chains disagree" in capsys.readouterr().err
    assert both >= 18


def test_chains_in_different_modes_are_said_to_disagree(capsys):
    three_clusters_two_components(0).sample(600, 200, seed=0)
    said = capsys.readouterr().err
    assert "chains disagree" in said and "(ordered components)" in said


def test_chains_that_agree_are_silent(capsys):
    mu = mc.Normal("mu", 0, 0.01)
    y = mc.Normal("y", mu, 1, value=[0.5, 0.7], observed=True)
    mc.MCMC([y]).sample(1000, 100, seed=4)
    assert capsys.readouterr().err == ""


def test_start_values_win():
    mu = mc.Normal("mu", 0, 1e-4)
    y = mc.Normal("y", mu, 1, value=[0.0], observed=True)
    m = mc.MCMC([y])
    m.use_step_method(mc.steps.Metropolis, mu)
    m.sample(1, chains=2, seed=1, start={"mu": 50.0})
    assert np.abs(m.trace("mu")[:] - 50.0).max() < 10.0


def test_value_of_an_unknown_is_its_start():
    k = mc.Poisson("k", 5.0, value=400)
    y = mc.Normal("y", k, 1e-6, value=0.0, observed=True)
    m = mc.MCMC([k, y])
    m.sample(1, chains=1, seed=1)
    assert m.trace("k")[0] > 350


def test_a_start_without_probability_is_refused_by_name():
    mu = mc.Normal("mu", 0, 1)
    never = mc.Potential(lambda mu: -np.inf if mu < 1e9 else 0.0, "never", "never", {"mu": mu})
    with pytest.raises(mc.ZeroProbability, match="never"):
        mc.MCMC([mu, never]).sample(10, seed=1)


def test_a_start_without_probability_is_tried_again():
    mu = mc.Normal("mu", 0, 1)
    positive = mc.Potential(lambda mu: np.where(mu > 1.0, 0.0, -np.inf), "rare", "rare", {"mu": mu})
    m = mc.MCMC([mu, positive]).sample(500, 100, seed=1)
    assert m.trace("mu")[:].min() > 1.0


def test_a_start_value_outside_the_support_is_refused():
    sd = mc.Uniform("sd", 0, 1)
    y = mc.Normal("y", 0, 1 / sd**2, value=[0.1, 0.2], observed=True)
    with pytest.raises(mc.SupportError, match="sd"):
        mc.MCMC([y]).sample(10, seed=1, start={"sd": 5.0})


def test_k_means_finds_separated_centers_in_any_order():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(c, 0.1, 40) for c in (0.0, 5.0, 10.0)])[:, None]
    centers = k_means(x, 3, np.random.default_rng(1))
    assert np.sort(centers.ravel()) == pytest.approx([0.0, 5.0, 10.0], abs=0.1)
    assert len(np.unique(nearest(x, centers))) == 3


def test_more_components_than_rows_still_starts():
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(5)), size=2)
    mu = mc.Normal("mu", 0, 0.1, size=5)
    y = mc.Normal("y", mu[z], 1.0, value=[0.0, 3.0], observed=True)
    m = mc.MCMC([y]).sample(200, 50, seed=2)
    assert np.isfinite(m.trace("mu")[:]).all()


# -------------------------------------------------------------------- the nodes' own values


def truncated_mixture(scale=1.0):
    """A mixture of which all is truncated by a potential: where data are shrunk, that runs off."""
    x = np.random.default_rng(2).normal(2.0, scale, 300)
    x = x[x > 0.5]
    w, mu, s = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", [0, 3], sigma=1, size=2), mc.HalfNormal("s", sigma=2)
    y = mc.Mixture("y", w, mc.Normal, mu, sigma=s, value=x, observed=True)

    @mc.potential
    def cut(w=w, mu=mu, s=s):
        return -len(x) * np.log(np.sum(w * np.exp(log_ndtr((mu - 0.5) / s))))

    return [y, w, mu, s, cut]


def test_a_potential_that_counts_all_the_data_finds_a_start():
    m = mc.MCMC(truncated_mixture())
    m.sample(300, 100, chains=4, seed=1, progress_bar=False)
    assert np.isfinite(m.draws().statistics["lp"]).all()
    starts = mc.MCMC(truncated_mixture()).sample(1, 0, chains=4, seed=1, progress_bar=False).trace("s")[:]
    assert len(np.unique(starts)) == 4


def narrow(width, **keywords):
    """A potential that leaves a sliver of the prior: no draw of the latter hits it."""
    mu = mc.Normal("mu", 0.0, 1e-4, size=3, value=[101.0, 102.0, 103.0])

    @mc.potential
    def order(mu=mu):
        return 0.0 if (np.abs(np.diff(mu) - 1.0) < width).all() else -np.inf

    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=4)
    y = mc.Normal("y", mu[z], 1.0, value=[101.0, 102.0, 103.0, 103.0], observed=True)
    return [mu, order, z, y]


@pytest.mark.parametrize("width", [0.5, 1e-4])
def test_chains_begin_at_the_nodes_values_or_around_them(width):
    nodes = narrow(width)
    mu = nodes[0]
    mu.given = None  # a value that was set, not a start that wins
    m = mc.MCMC(nodes)
    m.sample(1, 0, chains=3, seed=1, progress_bar=False)
    starts = m.trace("mu")[:]
    assert (np.abs(np.diff(starts, axis=1) - 1.0) < width).all()
    again = narrow(width)
    again[0].given = None
    other = mc.MCMC(again).sample(1, 0, chains=3, seed=1, progress_bar=False)
    np.testing.assert_array_equal(starts, other.trace("mu")[:])


def test_values_set_by_hand_are_a_start_where_the_prior_finds_none():
    rate = mc.Exponential("rate", 1.0)

    @mc.potential
    def far(rate=rate):
        return 0.0 if rate > 60.0 else -np.inf

    m = mc.MCMC([rate, far])
    rate.value = 70.0
    m.sample(300, 100, chains=2, seed=1, progress_bar=False)
    assert (m.trace("rate")[:] > 60.0).all()
    rate.value = 1.0
    with pytest.raises(mc.ZeroProbability, match="far stayed impossible.*own values"):
        mc.MCMC([rate, far]).sample(10, 0, seed=1, progress_bar=False)


def test_discrete_unknowns_and_weights_begin_at_their_own_values_too():
    count, w = mc.Poisson("count", 2.0), mc.Dirichlet("w", [1.0, 1.0, 1.0])

    @mc.potential
    def rare(count=count, w=w):
        return 0.0 if count > 40 and w[0] > 0.9999999 else -np.inf

    count.value, w.value = 45, [1.0 - 2e-9, 1e-9, 1e-9]
    m = mc.MCMC([count, w, rare])
    m.sample(100, 0, chains=2, seed=1, progress_bar=False)
    assert (m.trace("count")[:] > 40).all() and (m.trace("w")[:][:, 0] > 0.9999999).all()
