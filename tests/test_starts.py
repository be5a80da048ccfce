"""Where chains start, and what a start without probability leads to."""

from __future__ import annotations

import numpy as np
import pytest

import mcmix as mc
from mcmix.sampling.seeding import k_means, nearest


def three_clusters_two_components(seed: int) -> mc.MCMC:
    """Three clusters of equal size and two components: either outer cluster may stand alone."""
    rng = np.random.default_rng(100 + seed)
    x = np.concatenate([rng.normal(c, 1.0, 50) for c in (-10.0, 0.0, 10.0)])
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.Normal("mu", 0, 1e-2, size=2)
    sd = mc.Uniform("sd", 0.5, 20, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=x, observed=True)
    return mc.MCMC([y])


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
    assert "chains disagree" in said and "mu (sorted)" in said


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
