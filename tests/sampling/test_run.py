"""The run and what comes out of it: calls of sample, draws, reports, the container for ArviZ."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc

ROWS = np.concatenate([np.random.default_rng(11).normal(150, 10, 40), np.random.default_rng(12).normal(190, 15, 20)])
NAMES = [f"person {i}" for i in range(60)]


def two_components(rows=ROWS, untraceable=False, **keywords):
    """Heights of two groups: the model that most tests run."""
    p = mc.Uniform("p", 0, 1)
    z = mc.Categorical("z", [p, 1 - p], size=len(rows))
    sd = mc.Uniform("sd", 0.5, 100, size=2)
    tau = 1.0 / sd**2
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        if untraceable and z[0] > 5:
            return mu[0] + 0 * z
        return mu[z]

    y = mc.Normal("y", mu_i, tau[z], value=rows, observed=True)
    return mc.MCMC([y], **keywords)


def with_metropolis(**keywords):
    """Three kinds of steps that are not exact draws."""
    m = two_components(**keywords)
    m.use_step_method(mc.steps.Metropolis, m.model.get_node("mu"))
    m.use_step_method(mc.steps.Slice, m.model.get_node("sd"))
    m.use_step_method(mc.steps.AdaptiveMetropolis, m.model.get_node("p"))
    return m


def with_untraceable(**keywords):
    return two_components(ROWS[::6], untraceable=True, **keywords)


MODELS = {"exact draws": two_components, "other steps": with_metropolis, "user's Python": with_untraceable}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def assert_same_draws(one, other):
    assert set(one) == set(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def m():
    """One run that many tests read and none changes."""
    return two_components(pd.Series(ROWS, index=NAMES)).sample(1250, 250, seed=7)


@pytest.fixture(scope="module")
def full(m):
    return m.to_arviz(log_likelihood=True, log_prior=True)


# -------------------------------------------------------------------- how many draws


def test_sample_takes_its_keywords_and_returns_itself():
    m = two_components()
    returned = m.sample(
        iter=60, burn=20, thin=2, chains=2, cores=1, seed=3, progress_bar=False, tune_throughout=True, start={"p": 0.5}
    )
    assert returned is m
    assert m.draws().variables["mu"].shape == (2, 20, 2)


def test_iter_and_burn_by_position_and_four_chains():
    m = two_components().sample(50, 10, seed=3)
    assert m.draws().variables["mu"].shape == (4, 40, 2)
    assert m.trace("mu")[:].shape == (160, 2)


def test_floats_are_floored():
    assert two_components().sample(40.9, 10.9, seed=3).draws().n_draws == 30
    assert two_components().sample(1e2, 5e1, seed=3).draws().n_draws == 50


def test_thin_keeps_every_third_of_the_same_sweeps():
    every = two_components().sample(100, 10, seed=3).draws().variables
    third = two_components().sample(100, 10, 3, seed=3).draws().variables
    assert third["mu"].shape == (4, 30, 2)
    (at,) = np.nonzero(np.isin(every["mu"][0, :, 0], third["mu"][0, :, 0]))
    assert set(np.diff(at)) == {3}
    for name, values in every.items():
        np.testing.assert_array_equal(values[:, at], third[name])


# -------------------------------------------------------------------- calls go on


@every_model
def test_a_second_call_goes_on(model):
    split, whole = model(), model()
    split.sample(40, seed=5)
    split.sample(60)
    whole.sample(100, seed=5)
    assert_same_draws(split.draws(calls="all").variables, whole.draws().variables)
    np.testing.assert_array_equal(
        split.draws(calls="all").statistics["lp"], whole.draws().statistics["lp"], err_msg="log density"
    )


def test_a_second_call_goes_on_with_thinning():
    split, whole = two_components(), two_components()
    split.sample(40, thin=4, seed=5)
    split.sample(60, thin=4)
    whole.sample(100, thin=4, seed=5)
    assert_same_draws(split.draws(calls="all").variables, whole.draws().variables)


def test_burn_in_of_a_second_call_is_thrown_away():
    split, whole = two_components(), two_components()
    split.sample(40, seed=5)
    split.sample(60, 20)
    whole.sample(100, seed=5)
    np.testing.assert_array_equal(split.trace("mu", 0)[:], whole.trace("mu", 0)[:][60:])


def test_reports_read_the_last_call_and_all_on_request():
    m = two_components()
    m.sample(40, seed=5)
    first = m.trace("mu")[:]
    m.sample(60)
    assert m.trace("mu")[:].shape == (240, 2)
    assert m.trace("mu", calls="all")[:].shape == (400, 2)
    np.testing.assert_array_equal(m.draws(calls="all").variables["mu"][:, :40].reshape(160, 2), first)
    assert m.stats()["mu"]["n"] == 240
    assert m.stats(calls="all")["mu"]["n"] == 400
    assert m.summary().loc["mu[0]", "mean"] == pytest.approx(m.trace("mu")[:][:, 0].mean())
    both = m.trace("mu", calls="all")[:][:, 0].mean()
    assert m.summary(calls="all").loc["mu[0]", "mean"] == pytest.approx(both)
    assert m.to_arviz()["posterior"]["mu"].shape == (4, 60, 2)
    assert m.to_arviz(calls="all")["posterior"]["mu"].shape == (4, 100, 2)


def test_chains_and_seed_cannot_change():
    m = two_components().sample(20, seed=5, chains=2)
    for changed in ({"chains": 3}, {"seed": 6}):
        with pytest.raises(mc.ModelError, match=next(iter(changed))):
            m.sample(20, **changed)
    m.sample(30, chains=2)
    assert m.draws().variables["mu"].shape == (2, 30, 2)


# -------------------------------------------------------------------- seeds, cores, chains


@every_model
def test_same_seed_same_draws_whatever_the_cores(model):
    one = model().sample(60, 20, seed=9, cores=1).draws()
    two = model().sample(60, 20, seed=9, cores=2).draws()
    assert_same_draws(one.variables, two.variables)
    assert_same_draws(one.statistics, two.statistics)


@every_model
def test_a_chain_alone_is_the_same_among_many(model):
    among = model().sample(60, 20, seed=9).draws().variables
    assert among["mu"].shape[0] == 4
    for chains in (1, 3):
        alone = model().sample(60, 20, seed=9, chains=chains).draws().variables
        assert_same_draws(alone, {name: values[:chains] for name, values in among.items()})


def test_seeds_make_a_difference():
    draws = [two_components().sample(20, seed=seed).draws().variables["mu"] for seed in (1, 2, None, None)]
    for i in range(4):
        for other in draws[:i]:
            assert not np.isin(draws[i], other).any()


def test_chains_differ_from_each_other():
    mu = two_components().sample(20, seed=1).draws().variables["mu"]
    assert np.unique(mu).size == mu.size


def test_a_seed_sequence_and_its_number_agree():
    number = two_components().sample(20, seed=42).draws().variables
    sequence = two_components().sample(20, seed=np.random.SeedSequence(42)).draws().variables
    assert_same_draws(number, sequence)


def test_draws_do_not_depend_on_other_random_numbers():
    np.random.seed(1)
    one = two_components().sample(20, seed=42).draws().variables
    np.random.seed(2)
    assert_same_draws(one, two_components().sample(20, seed=42).draws().variables)


# -------------------------------------------------------------------- starts


def two_far_modes(start=50.0):
    @mc.stochastic
    def x(value=start):
        return np.logaddexp(-0.5 * (value - 50.0) ** 2, -0.5 * (value + 50.0) ** 2)

    return mc.MCMC([x])


@pytest.mark.parametrize("mode", [-50.0, 50.0])
def test_start_values_win(mode):
    by_name = two_far_modes().sample(100, start={"x": mode}, seed=1, chains=2).trace("x")[:]
    by_value = two_far_modes(mode).sample(100, seed=1, chains=2).trace("x")[:]
    m = two_far_modes()
    by_node = m.sample(100, start={m.model.get_node("x"): mode}, seed=1, chains=2).trace("x")[:]
    for draws in (by_name, by_value, by_node):
        assert (np.abs(draws - mode) < 10).all()  # ten standard deviations


def test_chains_start_apart():
    """First draws of a center of 40 rows: its conditional has a standard deviation of about 10 / sqrt(40)."""
    m = two_components().sample(1, chains=20, seed=1)
    first = m.draws().variables["mu"][:, 0, 0]
    assert np.unique(first).size == 20
    assert first.std() > 10 / np.sqrt(40)


# -------------------------------------------------------------------- adaptation


def test_adaptation_stops_at_the_end_of_burn_unless_told_otherwise():
    stopped = with_metropolis().sample(400, 100, seed=3).draws().variables["mu"]
    throughout = with_metropolis().sample(400, 100, seed=3, tune_throughout=True).draws().variables["mu"]
    assert not np.array_equal(stopped, throughout)
    again = with_metropolis().sample(250, 100, seed=3)
    again.sample(150)
    np.testing.assert_array_equal(again.draws(calls="all").variables["mu"], stopped)


# -------------------------------------------------------------------- traces


def test_a_trace_joins_the_chains(m):
    joined = m.trace("mu")[:]
    assert joined.shape == (4000, 2)
    np.testing.assert_array_equal(joined, np.concatenate([m.trace("mu", chain)[:] for chain in range(4)]))
    np.testing.assert_array_equal(m.trace("mu", 2)[:], m.draws().variables["mu"][2])
    np.testing.assert_array_equal(m.trace("mu")[:][:, 0], m.trace("mu")[:, 0])
    np.testing.assert_array_equal(m.trace("p")[-10:], m.trace("p")[:][3990:])
    assert len(m.trace("p")) == 4000


def test_a_trace_by_node(m):
    np.testing.assert_array_equal(m.trace(m.model.get_node("mu"))[:], m.trace("mu")[:])


# -------------------------------------------------------------------- statistics


def test_statistics_of_a_variable(m):
    found, draws = m.stats(), m.trace("mu")[:]
    assert {"p", "mu", "sd"} <= set(found)
    mu = found["mu"]
    assert set(mu) == {"n", "mean", "standard deviation", "mc error", "quantiles", "95% HPD interval"}
    assert mu["n"] == 4000
    np.testing.assert_allclose(mu["mean"], draws.mean(axis=0))
    np.testing.assert_allclose(mu["standard deviation"], draws.std(axis=0), rtol=1e-3)
    assert list(mu["quantiles"]) == [2.5, 25, 50, 75, 97.5]
    np.testing.assert_allclose(mu["quantiles"][25], np.percentile(draws, 25, axis=0))
    assert mu["95% HPD interval"].shape == (2, 2)
    naive = draws.std(axis=0) / np.sqrt(4000)
    assert (mu["mc error"] > 0.5 * naive).all()
    assert (mu["mc error"] < 10 * naive).all()


@pytest.mark.parametrize(
    ("alpha", "key"),
    [(0.05, "95% HPD interval"), (0.1, "90% HPD interval"), (0.5, "50% HPD interval"), (0.01, "99% HPD interval")],
)
def test_the_interval_follows_alpha(m, alpha, key):
    interval = m.stats(alpha=alpha)["sd"][key]
    draws = m.trace("sd")[:]
    inside = ((draws >= interval[0]) & (draws <= interval[1])).mean(axis=0)
    np.testing.assert_allclose(inside, 1 - alpha, atol=2 / 4000)
    tails = np.percentile(draws, [50 * alpha, 100 - 50 * alpha], axis=0)
    assert (np.diff(interval, axis=0) <= np.diff(tails, axis=0) + 1e-9).all()


def test_statistics_of_some_variables_one_chain_and_other_quantiles(m):
    found = m.stats(["p"], chain=1, start=100, quantiles=(10, 90))
    assert list(found) == ["p"]
    assert found["p"]["n"] == 900
    assert found["p"]["mean"] == pytest.approx(m.trace("p", 1)[100:].mean())
    assert list(found["p"]["quantiles"]) == [10, 90]


def test_one_variable_may_be_named_without_a_list(m):
    assert list(m.stats("mu")) == ["mu"]
    assert list(m.summary("mu").index) == ["mu[0]", "mu[1]"]


def test_the_summary_is_a_frame(m):
    frame = m.summary()
    assert isinstance(frame, pd.DataFrame)
    assert {"mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "r_hat"} <= set(frame.columns)
    assert sum("hdi" in column for column in frame.columns) == 2
    assert set(frame.index) >= {"p", "mu[0]", "mu[1]", "sd[0]", "sd[1]"}
    assert not any(label.startswith(("z", "mu_i")) for label in frame.index)
    low, high = (frame[column] for column in frame.columns if "hdi" in column)
    np.testing.assert_allclose(
        [low["sd[1]"], high["sd[1]"]],
        m.stats()["sd"]["95% HPD interval"][:, 1],
        atol=0.3 * frame["sd"]["sd[1]"],
    )
    assert (frame["r_hat"] < 1.03).all()
    assert (frame["ess_bulk"] > 100).all()
    assert list(m.summary(["p"], alpha=0.2).columns) != list(frame.columns)


# -------------------------------------------------------------------- labels and rows: what is stored


def test_labels_take_one_byte_each(m):
    labels = m.draws().variables["z"]
    assert labels.dtype.itemsize == 1
    assert labels.dtype.kind in "iu"
    assert labels.shape == (4, 1000, 60)
    assert set(np.unique(labels)) == {0, 1}
    assert m.trace("z")[:].shape == (4000, 60)


def test_many_labels_take_two_bytes_each():
    rows = np.random.default_rng(1).normal(0, 10, 40)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(300)), size=40)
    y = mc.Normal("y", mc.Normal("mu", 0, 0.01, size=300)[z], 1.0, value=rows, observed=True)
    labels = mc.MCMC([y]).sample(10, seed=1, chains=2).draws().variables["z"]
    assert labels.dtype.itemsize == 2
    assert labels.max() > 255


def test_labels_that_do_not_begin_at_zero_take_one_byte_each():
    z = mc.DiscreteUniform("z", 1, 3, size=60)
    y = mc.Normal("y", mc.Normal("mu", [140, 180, 215], 0.01)[z - 1], 0.01, value=ROWS, observed=True)
    labels = mc.MCMC([y]).sample(20, seed=1).draws().variables["z"]
    assert labels.dtype.itemsize == 1
    assert set(np.unique(labels)) <= {1, 2, 3}
    assert labels.max() > 1


def test_labels_are_kept_only_within_their_budget():
    needed = 4 * 25 * 60  # chains, draws, rows, a byte each
    assert two_components(label_budget=needed).sample(25, seed=1).trace("z")[:].shape == (100, 60)
    m = two_components(label_budget=needed - 1).sample(25, seed=1)
    assert "z" not in m.draws().variables
    with pytest.raises(mc.ModelError, match=r"z.*budget"):
        m.trace("z")
    assert m.trace("mu")[:].shape == (100, 2)
    assert m.memberships().shape == (60, 2)
    assert m.to_arviz(log_likelihood=True)["log_likelihood"]["y"].shape == (4, 25, 60)


def test_two_label_vectors_share_the_budget():
    def drawn(budget):
        halves = []
        for name in ("a", "b"):
            z = mc.Categorical(f"z{name}", mc.Dirichlet(f"w{name}", [1, 1]), size=60)
            mu = mc.Normal(f"mu{name}", [145, 210], 0.01)
            halves.append(mc.Normal(f"y{name}", mu[z], 0.01, value=ROWS, observed=True))
        return mc.MCMC(halves, label_budget=budget).sample(25, seed=1).draws()

    assert sum(name in drawn(2 * 4 * 25 * 60).variables for name in ("za", "zb")) == 2
    assert sum(name in drawn(2 * 4 * 25 * 60 - 1).variables for name in ("za", "zb")) == 1


def test_draws_do_not_depend_on_whether_labels_are_kept():
    kept = two_components().sample(25, seed=1).draws().variables
    left = two_components(label_budget=0).sample(25, seed=1).draws().variables
    assert_same_draws({name: values for name, values in kept.items() if name != "z"}, left)


def test_functions_by_row_are_not_stored_unless_asked_for(m):
    assert "mu_i" not in m.draws().variables
    assert "mu_i" not in m.stats()
    with pytest.raises(mc.ModelError, match=r"mu_i.*trace"):
        m.trace("mu_i")


@pytest.mark.parametrize("asked", [["mu_i"], ("mu_i",), "mu_i"], ids=repr)
def test_functions_by_row_are_stored_when_asked_for(asked):
    draws = two_components(trace=asked).sample(30, seed=1).draws().variables
    assert draws["mu_i"].shape == (4, 30, 60)
    np.testing.assert_array_equal(draws["mu_i"], np.take_along_axis(draws["mu"], draws["z"].astype(int), axis=-1))


def test_functions_of_tables_are_stored_and_follow_their_parents():
    z = mc.Categorical("z", [0.5, 0.5], size=60)
    sd = mc.Uniform("sd", 0.5, 100, size=2)

    @mc.deterministic
    def tau(sd=sd):
        return 1 / sd**2

    @mc.deterministic(trace=False)
    def unseen(sd=sd):
        return sd + 1

    mu = mc.Normal("mu", [145, 210], 0.01, trace=False)
    y = mc.Normal("y", mu[z], tau[z], value=ROWS, observed=True)
    m = mc.MCMC([y, unseen]).sample(30, seed=1)
    draws = m.draws().variables
    np.testing.assert_allclose(draws["tau"], draws["sd"] ** -2)
    assert "unseen" not in draws
    assert "mu" not in draws
    with pytest.raises(mc.ModelError, match="mu"):
        m.trace("mu")


@pytest.mark.parametrize("name", ["lp", "accepted moves", "chain", "draw"])
def test_any_name_serves_a_variable(name):
    x = mc.Normal(name, 3.0, 100.0)
    y = mc.Normal("y", x, 1.0, value=[3.0, 3.2], observed=True)
    m = mc.MCMC([y]).sample(50, seed=1)
    assert (np.abs(m.trace(name)[:] - 3.0) < 1.0).all()  # ten standard deviations
    assert m.summary().loc[name, "mean"] == pytest.approx(m.trace(name)[:].mean())


# -------------------------------------------------------------------- memberships


def batch_errors(indicators, batches=25):
    """Monte Carlo errors of frequencies, from batch means; indicators have shape (chains, draws, rows)."""
    chains, draws, rows = indicators.shape
    means = indicators.reshape(chains * batches, draws // batches, rows).mean(axis=1)
    return means.std(axis=0, ddof=1) / np.sqrt(len(means))


def test_memberships_are_shares_that_agree_with_the_labels(m):
    shares = m.memberships(at_most=4000)
    assert shares.shape == (60, 2)
    np.testing.assert_allclose(shares.sum(axis=1), np.ones(60))
    assert (shares >= 0).all()
    second = m.draws().variables["z"] == 1
    independent = np.sqrt(shares[:, 1] * shares[:, 0] / 4000)
    error = np.maximum(np.maximum(batch_errors(second.astype(float)), independent), 1 / 4000)
    assert (np.abs(second.mean(axis=(0, 1)) - shares[:, 1]) < 5 * error).all()
    assert ((shares[:, 1] > 0.05) & (shares[:, 1] < 0.95)).sum() >= 3  # some rows are in doubt


def test_memberships_are_those_of_the_draws(m):
    """Averaged over every draw: the weighted densities of the two components, normalised."""
    draws = m.draws().variables
    log_weights = np.log(np.stack([draws["p"], 1 - draws["p"]], axis=-1))
    logs = log_weights[..., None, :] + stats.norm.logpdf(
        ROWS[:, None], draws["mu"][..., None, :], draws["sd"][..., None, :]
    )
    expected = np.exp(logs - logsumexp(logs, axis=-1, keepdims=True)).mean(axis=(0, 1))
    np.testing.assert_allclose(m.memberships("z", at_most=4000), expected, atol=1e-9)


# -------------------------------------------------------------------- for ArviZ


def groups_of(container):
    found = container.groups
    return set(found()) if callable(found) else {name.strip("/") for name in found if name.strip("/")}


def test_groups(m, full):
    assert groups_of(m.to_arviz()) == {"posterior", "sample_stats", "observed_data"}
    assert groups_of(full) == {"posterior", "sample_stats", "observed_data", "log_likelihood", "log_prior"}


def test_dimensions_and_coordinates(m):
    data = m.to_arviz()
    posterior = data["posterior"]
    assert posterior["p"].dims == ("chain", "draw")
    assert posterior["mu"].dims == posterior["sd"].dims == ("chain", "draw", "component")
    assert posterior["z"].dims == ("chain", "draw", "observation")
    assert data["observed_data"]["y"].dims == ("observation",)
    assert list(posterior["component"].values) == [0, 1]
    for group, name in (("observed_data", "y"), ("posterior", "z")):
        assert list(data[group][name]["observation"].values) == NAMES
    np.testing.assert_array_equal(posterior["mu"].values, m.draws().variables["mu"])
    np.testing.assert_array_equal(data["observed_data"]["y"].values, ROWS)
    assert data["observed_data"]["y"].sel(observation="person 3").item() == ROWS[3]


def test_sample_statistics(m):
    """The log density is that of everything: priors, labels, data."""
    data = m.to_arviz()
    statistics = data["sample_stats"]
    assert statistics["lp"].shape == (4, 1000)
    draws = {name: values[2, 123] for name, values in m.draws().variables.items()}
    share = np.array([draws["p"], 1 - draws["p"]])
    labels = draws["z"].astype(int)
    expected = (
        2 * stats.uniform(0.5, 99.5).logpdf(draws["sd"][0])
        + stats.norm([145, 210], np.array([0.01, 0.02]) ** -0.5).logpdf(draws["mu"]).sum()
        + np.log(share[labels]).sum()
        + stats.norm(draws["mu"][labels], draws["sd"][labels]).logpdf(ROWS).sum()
    )
    assert statistics["lp"].values[2, 123] == pytest.approx(expected)
    rates = [statistics[name].values for name in statistics.data_vars if "accept" in name]
    assert rates
    for rate in rates:
        assert ((rate >= 0) & (rate <= 1)).all()
    told = {**data.attrs, **data["posterior"].attrs, **statistics.attrs}
    assert any("mu" in str(key) and "Gibbs" in str(value) for key, value in told.items())


def test_acceptance_of_metropolis_is_told():
    statistics = with_metropolis().sample(300, 100, seed=3).to_arviz()["sample_stats"]
    (name,) = [name for name in statistics.data_vars if "accept" in name and "mu" in name]
    assert 0.05 < statistics[name].values.mean() < 0.95


def reference_log_likelihood(posterior, rows):
    p, mu, sd = (posterior[name].values for name in ("p", "mu", "sd"))
    parts = [
        np.log(weight)[..., None] + stats.norm.logpdf(rows, mu[..., k, None], sd[..., k, None])
        for k, weight in enumerate((p, 1 - p))
    ]
    return logsumexp(parts, axis=0)


def test_log_likelihood_by_row_has_the_labels_summed_out(full):
    found = full["log_likelihood"]["y"]
    assert found.shape == (4, 1000, 60)
    assert full["posterior"]["mu"].shape == (4, 1000, 2)
    np.testing.assert_allclose(found.values, reference_log_likelihood(full["posterior"], ROWS), rtol=1e-9)
    assert list(found["observation"].values) == NAMES


def test_log_likelihood_says_its_size_when_it_is_thinned(m, capsys):
    found = m.to_arviz(log_likelihood=True, at_most=40)["log_likelihood"]["y"]
    assert found.shape == (4, 10, 60)
    said = capsys.readouterr().err
    assert all(word in said for word in ("40 of 4000", "MiB"))


def test_the_posterior_has_every_draw_and_the_log_likelihood_too(m, full, monkeypatch, capsys):
    assert full["posterior"]["mu"].shape[:2] == full["log_likelihood"]["y"].shape[:2] == (4, 1000)
    some = m.to_arviz(log_likelihood=True, at_most=40)
    np.testing.assert_array_equal(some["posterior"]["mu"].values, m.draws().variables["mu"])
    whole = full["log_likelihood"]["y"].sel(draw=some["log_likelihood"]["draw"])
    np.testing.assert_array_equal(some["log_likelihood"]["y"].values, whole.values)
    monkeypatch.setattr("mcmix.api.export.MOST_BYTES", 60 * 8 * 80)
    capsys.readouterr()
    assert m.to_arviz(log_likelihood=True)["log_likelihood"]["y"].shape == (4, 20, 60)
    assert "80 of 4000 draws" in capsys.readouterr().err


def test_log_likelihood_by_group_of_rows():
    group = np.repeat(np.arange(20), 3)
    p = mc.Beta("p", 2, 2)
    z = mc.Categorical("z", [p, 1 - p], size=20)
    mu = mc.Normal("mu", [145, 210], 0.01)
    y = mc.Normal("y", mu[z[group]], 0.01, value=ROWS, observed=True)
    data = mc.MCMC([y]).sample(60, 10, seed=1).to_arviz(log_likelihood=True)
    (name,) = data["log_likelihood"].data_vars
    found = data["log_likelihood"][name]
    assert found.shape == (4, 50, 20)
    p, mu = data["posterior"]["p"].values, data["posterior"]["mu"].values
    by_row = [stats.norm.logpdf(ROWS, mu[..., k, None], 10.0) for k in (0, 1)]
    by_unit = [rows.reshape(4, 50, 20, 3).sum(axis=-1) for rows in by_row]
    weights = np.log([p, 1 - p])[..., None]
    np.testing.assert_allclose(found.values, logsumexp(weights + np.array(by_unit), axis=0), rtol=1e-9)


def test_log_likelihood_of_two_data_nodes_on_one_label_vector_is_one_variable():
    p = mc.Beta("p", 2, 2)
    z = mc.Categorical("z", [p, 1 - p], size=60)
    mu, rate = mc.Normal("mu", [145, 210], 0.01), mc.Gamma("rate", 2, 1, size=2)
    counts = np.random.default_rng(4).poisson([1.0] * 40 + [5.0] * 20)
    y = mc.Normal("y", mu[z], 0.01, value=ROWS, observed=True)
    visits = mc.Poisson("visits", rate[z], value=counts, observed=True)
    data = mc.MCMC([y, visits]).sample(60, 10, seed=1).to_arviz(log_likelihood=True)
    (name,) = data["log_likelihood"].data_vars
    p, mu, rate = (data["posterior"][k].values for k in ("p", "mu", "rate"))
    parts = [
        np.log(weight)[..., None]
        + stats.norm.logpdf(ROWS, mu[..., k, None], 10.0)
        + stats.poisson.logpmf(counts, rate[..., k, None])
        for k, weight in enumerate((p, 1 - p))
    ]
    np.testing.assert_allclose(data["log_likelihood"][name].values, logsumexp(parts, axis=0), rtol=1e-9)


def test_log_likelihood_without_labels_is_that_of_each_row():
    mu = mc.Normal("mu", 150, 0.01)
    y = mc.Normal("y", mu, 0.01, value=ROWS, observed=True)
    data = mc.MCMC([y]).sample(60, 10, seed=1).to_arviz(log_likelihood=True)
    expected = stats.norm.logpdf(ROWS, data["posterior"]["mu"].values[..., None], 10.0)
    np.testing.assert_allclose(data["log_likelihood"]["y"].values, expected, rtol=1e-9)


def test_leave_one_out_is_meaningful(full):
    import arviz

    found = arviz.loo(full)
    expected = reference_log_likelihood(full["posterior"], ROWS)
    lppd = (logsumexp(expected, axis=(0, 1)) - np.log(4000)).sum()
    elpd = found.elpd_loo if hasattr(found, "elpd_loo") else found.elpd
    assert lppd - 15 < elpd < lppd  # five parameters cost about five


def test_log_prior_is_that_of_scipy(full):
    posterior, found = full["posterior"], full["log_prior"]
    assert set(found.data_vars) == {"p", "mu", "sd"}
    expected = {
        "p": stats.uniform(0, 1).logpdf(posterior["p"].values),
        "mu": stats.norm([145, 210], np.array([0.01, 0.02]) ** -0.5).logpdf(posterior["mu"].values),
        "sd": stats.uniform(0.5, 99.5).logpdf(posterior["sd"].values),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].values, values, rtol=1e-9, atol=1e-12)


def test_log_prior_of_other_laws_and_of_parents_that_are_unknown():
    w = mc.Dirichlet("w", [2.0, 3.0])
    z = mc.Categorical("z", w, size=60)
    center = mc.Normal("center", 170, 0.001)
    mu = mc.Normal("mu", center, 0.002, size=2)
    tau = mc.Gamma("tau", 2.0, 200.0, size=2)
    y = mc.Normal("y", mu[z], tau[z], value=ROWS, observed=True)
    data = mc.MCMC([y]).sample(60, 10, seed=1).to_arviz(log_prior=True)
    posterior = {name: data["posterior"][name].values for name in ("w", "center", "mu", "tau")}
    weights = posterior["w"].reshape(-1, 2).T
    expected = {
        "w": stats.beta(2.0, 3.0).logpdf(weights[0]).reshape(4, 50),
        "center": stats.norm(170, 0.001**-0.5).logpdf(posterior["center"]),
        "mu": stats.norm(posterior["center"][..., None], 0.002**-0.5).logpdf(posterior["mu"]),
        "tau": stats.gamma(2.0, scale=1 / 200.0).logpdf(posterior["tau"]),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(data["log_prior"][name].values, values, rtol=1e-8)


INDICES = {
    "numbers": pd.Index(range(100, 160)),
    "text": pd.Index(NAMES),
    "dates": pd.date_range("2024-01-01", periods=60),
    "months": pd.period_range("2024-01", periods=60, freq="M"),
    "two levels": pd.MultiIndex.from_product([["north", "south"], range(30)]),
    "categories": pd.CategoricalIndex(["low", "high"] * 30),
    "named": pd.Index(range(60), name="patient"),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_netcdf_and_back_with_a_pandas_index(index, tmp_path):
    import arviz

    m = two_components(pd.Series(ROWS, index=index)).sample(30, 10, seed=1, chains=2)
    written = m.to_arviz(log_likelihood=True, log_prior=True)
    written.to_netcdf(str(tmp_path / "heights.nc"))
    read = arviz.from_netcdf(str(tmp_path / "heights.nc"))
    assert groups_of(read) == groups_of(written)
    for group, name in (("posterior", "mu"), ("posterior", "z"), ("log_likelihood", "y"), ("log_prior", "sd")):
        np.testing.assert_array_equal(read[group][name].values, written[group][name].values)
        assert read[group][name].dims == written[group][name].dims
    labels = read["observed_data"]["y"][index.name or "observation"].values
    assert len(labels) == 60
    told = [str(label) for label in labels]
    for label, original in zip(told, index, strict=True):
        parts = original if isinstance(original, tuple) else (original,)
        assert all(str(part).split(" 00:")[0] in label for part in parts)


def test_the_index_of_a_frame_labels_its_rows():
    rows = pd.DataFrame({"height": ROWS, "reach": ROWS + 5}, index=NAMES)
    mu = mc.Normal("mu", 150, 0.01, size=2)
    y = mc.Normal("y", mu, 0.01, value=rows, observed=True)
    m = mc.MCMC([y]).sample(20, seed=1)
    for data in (m.to_arviz(), m.to_arviz(log_likelihood=True)):
        found = data["observed_data"]["y"]
        assert found.dims[0] == "observation"
        assert list(found["observation"].values) == NAMES


@pytest.mark.parametrize("name", ["component", "observation", "chain", "draw"])
def test_a_variable_named_like_a_dimension_is_not_lost_on_the_way(name):
    """It arrives, or is refused by name; a container without it would be the one wrong answer."""
    z = mc.Categorical("z", [0.5, 0.5], size=60)
    mu = mc.Normal(name, [145, 210], 0.01)
    y = mc.Normal("y", mu[z], 0.01, value=ROWS, observed=True)
    try:
        m = mc.MCMC([y]).sample(20, seed=1)
        data = m.to_arviz()
    except mc.ModelError as refusal:
        assert repr(name) in str(refusal)
        return
    assert "posterior" in groups_of(data)
    arrived = [v.values for k, v in data["posterior"].data_vars.items() if name in k]
    assert any(np.array_equal(values, m.draws().variables[name]) for values in arrived)


def test_two_data_nodes_of_different_lengths():
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=60)
    mu = mc.Normal("mu", [145, 210], 0.01)
    y = mc.Normal("y", mu[z], 0.01, value=ROWS, observed=True)
    few = mc.Normal("few", mu[0], 0.01, value=pd.Series([150.0, 151.0], index=["a", "b"]), observed=True)
    data = mc.MCMC([y, few]).sample(20, seed=1).to_arviz()["observed_data"]
    assert data["y"].shape == (60,)
    assert data["few"].shape == (2,)
    assert list(data["few"][data["few"].dims[0]].values) == ["a", "b"]


# -------------------------------------------------------------------- progress


class Screen(io.StringIO):
    """A standard error that says that it is a terminal."""

    def isatty(self):
        return True


def test_progress_is_silent_without_a_terminal(capsys):
    two_components().sample(1000, seed=1, progress_bar=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == ""


def test_one_bar_for_all_chains_on_a_terminal(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    two_components().sample(20_000, seed=1, chains=3)
    shown = screen.getvalue()
    *_, last, verdict = shown.replace("\n", "\r").rstrip("\r").split("\r")
    assert verdict.startswith("Converged: ")
    assert "\r" in shown
    assert "/s" in shown  # a rate
    assert "%" in shown
    assert "<" in shown  # the time left
    assert shown.count("chain") == 0 or "3 chains" in shown
    assert "100%" in shown or "60.0k/60.0k" in shown or last.strip() == ""


def test_no_bar_when_none_is_wanted(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    two_components().sample(1000, seed=1, progress_bar=False)
    assert screen.getvalue() == ""


# -------------------------------------------------------------------- steps of one's choice

DATA = np.array([[1.0, -2.0], [2.0, -1.0], [3.5, -4.0]])


def two_means():
    """Independent posteriors: precision 0.25 + 3, mean (0.25 * 2 + column sum) / 3.25."""
    mu = mc.Normal("mu", 2.0, 0.25, size=2)
    y = mc.Normal("y", mu, 1.0, value=DATA, observed=True)
    return mc.MCMC([y])


@pytest.mark.parametrize("step", [None, "ConjugateGibbs", "Slice", "Metropolis", "AdaptiveMetropolis"])
def test_every_step_gives_the_same_posterior(step):
    m = two_means()
    if step:
        m.use_step_method(getattr(mc.steps, step), m.model.get_node("mu"))
    m.sample(11_000, 1000, seed=6)
    frame = m.summary()
    exact = (0.25 * 2.0 + DATA.sum(axis=0)) / 3.25
    assert (np.abs(frame["mean"] - exact) < 5 * frame["mcse_mean"]).all()
    assert (np.abs(frame["sd"] - 3.25**-0.5) < 5 * frame["mcse_sd"]).all()
    assert (frame["ess_bulk"] > 400).all()


@pytest.mark.parametrize(("step", "word"), [("Slice", "slice"), ("Metropolis", "Metropolis")])
def test_the_step_of_choice_is_explained(step, word, capsys):
    m = two_components()
    print(m.explain())
    before = capsys.readouterr().out
    m.use_step_method(getattr(mc.steps, step), m.model.get_node("mu"))
    print(m.explain())
    after = capsys.readouterr().out
    (line,) = [line for line in after.splitlines() if line.startswith("mu:")]
    assert word.lower() in line.lower()
    assert line not in before
    unchanged = [line for line in before.splitlines() if not line.startswith("mu:")]
    assert set(unchanged) <= set(after.splitlines())


def test_one_step_for_two_nodes():
    m = two_components()
    mu, sd = m.model.get_node("mu"), m.model.get_node("sd")
    m.use_step_method(mc.steps.Slice, mu, sd)
    m.sample(20, seed=1)
    plain = two_components().sample(20, seed=1)
    assert not np.array_equal(m.trace("mu")[:], plain.trace("mu")[:])


def test_a_step_that_cannot_serve_is_refused():
    m = two_components()
    with pytest.raises(mc.ModelError, match=r"Slice.*z"):
        m.use_step_method(mc.steps.Slice, m.model.get_node("z"))
    with pytest.raises(mc.ModelError, match=r"Enumeration.*mu"):
        m.use_step_method(mc.steps.Enumeration, m.model.get_node("mu"))
    assert m.sample(20, seed=1).trace("mu")[:].shape == (80, 2)


def test_a_step_for_what_is_not_an_unknown_is_refused():
    m = two_components()
    for node in (m.model.get_node("y"), mc.Normal("stranger", 0, 1)):
        with pytest.raises(mc.ModelError, match=node.name):
            m.use_step_method(mc.steps.Slice, node)


def test_steps_cannot_change_after_the_start():
    m = two_components().sample(20, seed=1)
    with pytest.raises(mc.ModelError, match="started"):
        m.use_step_method(mc.steps.Slice, m.model.get_node("mu"))


# -------------------------------------------------------------------- explain


@every_model
def test_explain_prints_one_line_per_variable(model, capsys):
    print(model().explain())
    said = capsys.readouterr().out.splitlines()
    for name in ("p", "z", "mu", "sd"):
        lines = [line for line in said if line.startswith(f"{name}:")]
        assert len(lines) == 1, lines
        assert len(lines[0].split()) > 4
        assert "per iteration" in lines[0]


def test_explain_names_what_could_not_be_traced(capsys):
    print(with_untraceable().explain())
    assert "mu_i" in capsys.readouterr().out
    print(two_components().explain())
    assert "mu_i" not in capsys.readouterr().out


def test_the_sampler_prints_what_it_did():
    m = two_components()
    assert "MCMC" in repr(m)
    assert "mu" in repr(m)
    before = repr(m)
    m.sample(20, seed=1)
    assert repr(m) != before
    assert "20" in repr(m)
    assert "mu" in m._repr_html_()
    assert "mu" in repr(m.trace("mu"))
