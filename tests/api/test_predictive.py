"""Predictive draws, deviance and remembered draws, against distributions that are known in closed form."""

import arviz as az
import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.report import arviz_bridge
from tests import runs

SIGMAS = 5.0  # two-sided chance 6e-7 for each comparison


def assert_moments(draws, mean, variance, what=""):
    """Independent draws (n, ...) have this mean and variance, within Monte Carlo error (kurtosis from the draws)."""
    n = len(draws)
    error = np.sqrt(variance / n)
    assert np.all(np.abs(draws.mean(0) - mean) < SIGMAS * error), f"{what}: {draws.mean(0)} is not {mean}"
    squares = (draws - mean) ** 2
    allowed = SIGMAS * squares.std(0) / np.sqrt(n) + 1e-12
    assert np.all(np.abs(squares.mean(0) - variance) < allowed), f"{what}: variance"


def conjugate(n=20):
    """Normal data with known precision 1 and a normal prior on the mean: its posterior is known."""
    x = np.random.default_rng(1).normal(2.0, 1.0, n)
    mu = mc.Normal("mu", 0.0, 0.25)
    y = mc.Normal("y", mu, 1.0, value=x, observed=True)
    return mu, y, x


def mixture(n=60):
    x = np.concatenate([np.random.default_rng(2).normal(m, 1.0, n // 2) for m in (-4.0, 4.0)])
    p = mc.Beta("p", 5.0, 5.0)
    z = mc.Bernoulli("z", p, size=n)
    mu = mc.Normal("mu", [-4.0, 4.0], 4.0, size=2)
    y = mc.Normal("y", mu[1 * z], 1.0, value=x, observed=True)
    return p, z, mu, y, x


sampled = runs.sampler(iterations=1500, burn=500, chains=2, seed=1)


# -------------------------------------------------------------------- from the prior


def test_prior_predictive_of_a_normal():
    mu, y, x = conjugate(3)
    before = (mu.value, y.value.copy())
    found = mc.Model([y]).prior_predictive(4000, seed=3)
    assert set(found) == {"mu", "y"} and found["mu"].shape == (4000,) and found["y"].shape == (4000, 3)
    assert_moments(found["mu"], 0.0, 4.0, "mu")
    assert_moments(found["y"], 0.0, 5.0, "y")
    both = found["y"][:, 0] * found["y"][:, 1]  # the rows share mu: covariance 4
    assert abs(both.mean() - 4.0) < SIGMAS * both.std() / np.sqrt(4000)
    assert mu.value == before[0] and (y.value == before[1]).all()


def test_prior_predictive_of_a_mixture_with_labels_and_functions():
    p, z, mu, y, x = mixture(6)
    found = mc.Model([y]).prior_predictive(3000, seed=4)
    assert set(found) == {"p", "z", "mu", "y"}
    assert found["z"].shape == (3000, 6) and found["z"].dtype.kind in "iub"
    at = np.where(found["z"], found["mu"][:, 1:], found["mu"][:, :1])
    assert_moments((found["y"] - at).ravel(), 0.0, 1.0, "noise")
    assert_moments(found["z"][:, 0].astype(float), 0.5, 0.25, "z")


def test_seeds_repeat_and_names_choose():
    _, y, _ = conjugate()
    model = mc.Model([y])
    again = [model.prior_predictive(5, seed=7)["y"] for _ in range(2)]
    assert (again[0] == again[1]).all() and (again[0] != model.prior_predictive(5, seed=8)["y"]).all()
    assert set(model.prior_predictive(5, names="mu")) == {"mu"}
    assert set(mc.MCMC([y]).prior_predictive(5, names=["y"])) == {"y"}


def test_untraced_unknowns_are_drawn_but_not_returned():
    mu = mc.Normal("mu", 0, 1, trace=False)
    y = mc.Normal("y", mu, 1e8, value=[0.0, 0.0], observed=True)
    found = mc.Model([y]).prior_predictive(50, seed=1)
    assert set(found) == {"y"} and np.ptp(found["y"], axis=1).max() < 0.01 and np.ptp(found["y"]) > 1


def without_random():
    mu, data = mc.Normal("mu", 0, 1), np.ones(3)

    @mc.observed
    def own(value=data, mu=mu):
        return -0.5 * np.sum((value - mu) ** 2)

    return mu, own


def test_data_that_cannot_be_drawn_are_named(capsys):
    mu, own = without_random()
    y = mc.Normal("y", mu, 1, value=1.0, observed=True)
    model = mc.Model([own, y])
    found = model.prior_predictive(4, seed=1)
    assert set(found) == {"mu", "y"}
    assert "prior_predictive: left out own: no way to draw own; give it a random" in capsys.readouterr().err
    with pytest.raises(mc.ModelError, match="own: no way to draw own"):
        model.prior_predictive(4, names="own")


def test_bad_requests_for_the_prior():
    _, y, _ = conjugate()
    model = mc.Model([y])
    with pytest.raises(mc.ModelError, match="n expected a whole number of at least 1, got 0"):
        model.prior_predictive(0)
    with pytest.raises(mc.ModelError, match="names expected some of mu, y, got nu"):
        model.prior_predictive(3, names=["nu"])
    with pytest.raises(mc.ModelError, match="seed expected"):
        model.prior_predictive(3, seed="a")
    with pytest.raises(mc.ModelError, match=r"100000000 draws would take 15.6 GiB \(most of it y, .* 1 GiB"):
        model.prior_predictive(10**8)


# -------------------------------------------------------------------- at kept draws


def test_posterior_predictive_of_a_normal():
    mu, y, x = conjugate()
    m = sampled([y], iterations=2500)
    before = (mu.value, y.value.copy())
    found = m.posterior_predictive(4000, seed=5)
    assert list(found) == ["y"] and found["y"].shape == (4000, 20)
    precision = 0.25 + 20
    assert_moments(found["y"], x.sum() / precision, 1.0 + 1.0 / precision, "y")  # draws of mu are independent here
    assert mu.value == before[0] and (y.value == before[1]).all()
    few = m.posterior_predictive(10, seed=6, names="y")["y"]
    assert few.shape == (10, 20) and (few == m.posterior_predictive(10, seed=6)["y"]).all()


def test_replicates_of_a_mixture_are_free_of_labels():
    p, z, mu, y, x = mixture()
    m = sampled([y], iterations=2500)
    found = m.posterior_predictive(4000, seed=5)["y"]
    low = (found < 0).mean(1)  # every row may come from either component, whatever its label was
    chance = 1.0 - m.trace("p")[:]
    assert (np.abs((found < 0).mean(0) - chance.mean()) < SIGMAS * 0.5 / np.sqrt(4000) + 0.01).all()
    assert np.corrcoef(low, chance[: len(low)])[0, 1] > 0.3  # the weights are those of the draw
    centre = m.trace("mu")[:]
    mean = (1.0 - chance) @ centre[:, 1] / 4000 + chance @ centre[:, 0] / 4000
    assert abs(found.mean() - mean) < SIGMAS * 4.2 / np.sqrt(found.size)


def test_labels_need_not_be_kept():
    *_, y, x = mixture()
    kept, thrown = sampled([y]), sampled([y], label_budget=0)
    assert "z" in kept.draws().variables and "z" not in thrown.draws().variables
    again = [m.posterior_predictive(50, seed=5)["y"] for m in (kept, thrown)]
    np.testing.assert_array_equal(*again)


def test_an_unknown_of_each_row_keeps_its_value_and_its_label():
    n = 12
    z = mc.Bernoulli("z", 0.5, size=n)
    x = mc.Normal("x", 10.0 * z, 1.0, size=n)
    data = np.where(np.arange(n) < 6, 0.0, 10.0)
    y = mc.Normal("y", x + 0.0 * z, 100.0, value=data, observed=True)
    found = sampled([y]).posterior_predictive(200, seed=1)["y"]
    assert np.abs(found - data).max() < 2.0  # replicates of the same rows
    with pytest.raises(mc.ModelError, match="needs the draws of z, which were not kept"):
        sampled([y], label_budget=0).posterior_predictive(10)


def test_what_was_not_kept_is_drawn_from_its_law_and_named(capsys):
    top = mc.Normal("top", 3.0, 100.0)
    group = mc.Normal("group", top, 100.0, size=4, trace=False)
    y = mc.Normal("y", group, 1.0, value=np.full(4, 3.0), observed=True)
    found = sampled([y]).posterior_predictive(500, seed=1)["y"]
    assert "group not kept; drawn from their distribution" in capsys.readouterr().err
    assert found.shape == (500, 4) and abs(found.mean() - 3.0) < 0.2
    hidden = mc.Normal("hidden", 0, 1, trace=False)
    other = mc.Normal("other", hidden, 1.0, value=[1.0, 2.0], observed=True)
    seen = mc.Normal("seen", hidden, 1.0)
    with pytest.raises(mc.ModelError, match="needs the draws of hidden, which were not kept"):
        sampled([other, seen]).posterior_predictive(10)


def test_data_that_depend_on_data_follow_their_replicates():
    mu = mc.Normal("mu", 0, 1)
    first = mc.Normal("first", mu, 1, value=[5.0], observed=True)
    second = mc.Normal("second", first, 1e8, value=[5.0], observed=True)
    m = sampled([second])
    both = m.posterior_predictive(100, seed=1)
    np.testing.assert_allclose(both["second"], both["first"], atol=1e-2)
    alone = m.posterior_predictive(100, seed=1, names="second")
    assert set(alone) == {"second"} and np.abs(alone["second"] - 5.0).max() < 1e-2


def test_missing_entries_are_replicated_too():
    x = np.array([1.0, np.nan, 3.0, 2.0])
    mu = mc.Normal("mu", 0, 0.01)
    y = mc.Normal("y", mu, 1.0, value=x, observed=True)
    found = sampled([y], iterations=2500).posterior_predictive(4000, seed=2)["y"]
    precision = 3.01
    assert found.shape == (4000, 4)
    assert_moments(found, 6.0 / precision, 1.0 + 1.0 / precision)


def test_bad_requests_at_kept_draws(capsys):
    mu, own = without_random()
    y = mc.Normal("y", mu, 1, value=1.0, observed=True)
    m = mc.MCMC([own, y])
    with pytest.raises(mc.ModelError, match="call sample"):
        m.posterior_predictive()
    m.sample(300, 100, chains=2, seed=1, progress_bar=False)
    assert set(m.posterior_predictive(10)) == {"y"}
    assert "posterior_predictive: left out own" in capsys.readouterr().err
    with pytest.raises(mc.ModelError, match="no way to draw own"):
        m.posterior_predictive(10, names=["own"])
    with pytest.raises(mc.ModelError, match="names expected some of"):
        m.posterior_predictive(10, names=["mu"])
    with pytest.raises(mc.ModelError, match="posterior_predictive: n expected"):
        m.posterior_predictive(0)
    with pytest.raises(mc.ModelError, match="no data to replicate"):
        sampled([mc.Normal("a", 0, 1)], iterations=600).posterior_predictive()


# -------------------------------------------------------------------- ArviZ


def test_groups_for_arviz_and_back_from_a_file(tmp_path):
    *_, y, x = mixture()
    m = sampled([y])
    data = m.to_arviz(posterior_predictive=True, prior=True, log_likelihood=True, at_most=100)
    again = m.to_arviz(posterior_predictive=True, prior=True)
    shapes = {"posterior_predictive": (2, 50, 60), "prior_predictive": (1, 500, 60)}
    for group, shape in shapes.items():
        assert data[group]["y"].shape == shape
        assert data[group]["y"].dims == ("chain", "draw", "observation")
    assert data["posterior"]["p"].shape == (2, 1000)  # every draw, whatever the other groups have
    assert data["log_likelihood"]["y"].shape == (2, 50, 60)
    kept = data["posterior"]["p"].sel(draw=data["log_likelihood"]["draw"])
    assert kept.shape == (2, 50)
    assert again["posterior"]["p"].shape == (2, 1000) and again["posterior_predictive"]["y"].shape == (2, 500, 60)
    assert set(data["prior"].data_vars) == {"p", "mu", "z"}
    assert data["prior"]["mu"].dims == ("chain", "draw", "component")
    np.testing.assert_array_equal(data["prior_predictive"]["y"].values, again["prior_predictive"]["y"].values)
    path = arviz_bridge.to_netcdf(data, tmp_path / "run.nc")
    back = az.from_netcdf(str(path))
    for group in shapes:
        np.testing.assert_array_equal(back[group]["y"].values, data[group]["y"].values)
        assert back[group]["y"].dims == data[group]["y"].dims


# -------------------------------------------------------------------- deviance


def test_deviance_is_minus_twice_the_log_likelihood():
    p, z, mu, y, x = mixture()
    m = sampled([y], calc_deviance=True)
    weights = np.log(np.stack([1 - m.trace("p")[:], m.trace("p")[:]]))
    rows = weights[..., None] + stats.norm.logpdf(x, m.trace("mu")[:].T[..., None], 1.0)
    exact = -2.0 * np.logaddexp(*rows).sum(-1)
    np.testing.assert_allclose(m.deviance, exact, rtol=1e-12)
    np.testing.assert_array_equal(m.trace("deviance")[:], m.deviance)
    np.testing.assert_array_equal(m.trace("deviance", chain=1)[:], m.deviance[1000:])
    assert m._deviance(None) is not None and len(m._deviances) == 1
    m.sample(10, progress_bar=False)
    assert len(m.deviance) == 20 and len(m.trace("deviance", calls="all")[:]) == 2020


def test_deviance_agrees_with_the_pointwise_log_likelihood():
    group = np.array([0, 0, 1, 2, 2, 2])
    w = mc.Dirichlet("w", [1.0, 1.0, 1.0])
    z = mc.Categorical("z", w, size=3)
    rate = mc.Gamma("rate", 2.0, 1.0, size=3)
    y = mc.Poisson("y", rate[z[group]], value=[1, 2, 7, 0, 1, 0], observed=True)
    other = mc.Normal("other", rate[0], 1.0, value=[1.0, 2.0], observed=True)
    m = sampled([y, other], iterations=800)
    found = m.to_arviz(log_likelihood=True, at_most=10**6)["log_likelihood"]
    total = sum(found[name].values.reshape(2, 300, -1).sum(-1) for name in ("y", "other"))
    np.testing.assert_allclose(m.deviance, -2.0 * total.ravel(), rtol=1e-10)


def test_deviance_without_what_it_needs():
    with pytest.raises(mc.ModelError, match="deviance: the model has no data"):
        _ = sampled([mc.Normal("a", 0, 1)], iterations=600).deviance
    hidden = mc.Normal("hidden", 0, 1, trace=False)
    y = mc.Normal("y", hidden, 1.0, value=[1.0, 2.0], observed=True)
    seen = mc.Normal("seen", hidden, 1.0)
    with pytest.raises(mc.ModelError, match="deviance needs the draws of hidden"):
        sampled([y, seen]).trace("deviance")
    with pytest.raises(mc.ModelError, match="call sample"):
        _ = mc.MCMC([y, seen]).deviance


# -------------------------------------------------------------------- remember


def test_remember_sets_values_and_what_depends_on_them():
    p, z, mu, y, x = mixture()
    span = mc.Lambda("span", lambda mu=mu: mu[1] - mu[0])
    m = sampled([y, span])
    m.remember()
    assert (mu.value == m.trace("mu", chain=1)[-1]).all() and p.value == m.trace("p", chain=1)[-1]
    assert (z.value == m.trace("z", chain=1)[-1]).all()
    assert span.value == mu.value[1] - mu.value[0]
    m.remember(0, 17)
    assert (mu.value == m.trace("mu", chain=0)[17]).all() and span.value == m.trace("span", chain=0)[17]
    with pytest.raises(mc.ModelError, match="remember: chain expected a whole number from 0 to 1, got 2"):
        m.remember(2)
    with pytest.raises(mc.ModelError, match="trace_index expected a whole number from 0 to 999, got 1000"):
        m.remember(0, 1000)


def test_remember_leaves_what_was_not_kept():
    p, z, mu, y, x = mixture()
    m = sampled([y], label_budget=0)
    before = z.value.copy()
    m.remember()
    assert (z.value == before).all() and (mu.value == m.trace("mu", chain=1)[-1]).all()


def test_remember_missing_entries():
    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1.0, value=[1.0, np.nan, 3.0], observed=True)
    m = sampled([y], iterations=600)
    m.remember()
    assert y.value[1] == m.trace("y", chain=1)[-1][0] and y.value[[0, 2]].tolist() == [1.0, 3.0]


# -------------------------------------------------------------------- new rows of counts with totals by row

TOTALS = np.array([5, 8, 10, 6])

shortly = runs.sampler(iterations=400, burn=100, chains=2, seed=1, quiet=True)


def counts_of_two():
    p, w = mc.Beta("p", 1, 1, size=2), mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=4)
    return shortly([mc.Binomial("y", TOTALS, p[z], value=[1, 6, 9, 2], observed=True), p, w, z])


def counts_of_three():
    p, w = mc.Dirichlet("p", np.ones((2, 3))), mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=4)
    x = [[1, 2, 2], [6, 1, 1], [9, 1, 0], [2, 2, 2]]
    return shortly([mc.Multinomial("y", TOTALS, p[z], value=x, observed=True), p, w, z])


def test_new_rows_of_counts_take_totals_of_the_data():
    binomial = mc.predictive(counts_of_two()).rvs(400, seed=2)
    assert binomial.shape == (400,) and 0 <= binomial.min() and binomial.max() <= 10
    rows = mc.predictive(counts_of_three()).rvs(400, seed=2)
    assert rows.shape == (400, 3)
    share = np.array([(rows.sum(axis=1) == n).mean() for n in TOTALS])
    assert share.sum() == 1.0 and np.abs(share - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 400)


def test_a_density_of_new_counts_without_a_total_is_refused():
    with pytest.raises(mc.ModelError, match="y: new rows expected"):
        mc.predictive(counts_of_two()).logpdf([1.0])
