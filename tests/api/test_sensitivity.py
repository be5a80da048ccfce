"""Sensitivity to priors: power-scaling and refits against closed forms of a normal mean with a normal prior."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report import arviz_bridge
from mcmix.report.sensitivity.power_scaling import CONFLICT, NONE, STRONG, diagnosis, power_scaled
from tests import runs

DATA = np.array([1.9, 2.6, 2.2, 3.1, 2.4])
PRIOR = 4.0  # precision of the prior about 0; the data's is 1


def posterior(prior_power=1.0, likelihood_power=1.0, prior=PRIOR):
    """Precision and mean of the mean's posterior when its factors are raised to powers."""
    precision = prior_power * prior + likelihood_power * len(DATA)
    return precision, likelihood_power * DATA.sum() / precision


def one_mean(prior=PRIOR):
    mu = mc.Normal("mu", 0.0, prior)
    return [mc.Normal("y", mu, 1.0, value=DATA, observed=True), mu]


sampled = runs.sampler(iterations=2500, burn=500, chains=2, seed=1)


@pytest.fixture(scope="module")
def normal():
    m = sampled(one_mean(), iterations=10_500)
    return m, m.sensitivity(draws=20_000)


def distance(first, second, low, high):
    """Cumulative Jensen-Shannon distance of two distributions over a range, by a plain sum: Kallioinen et al., section
    2.3.
    """
    x = np.linspace(low, high, 200_001)
    width = x[1] - x[0]
    found = []
    for p, q in ((first.cdf(x), second.cdf(x)), (first.sf(x), second.sf(x))):
        middle, parts = 0.5 * (p + q), 0.0
        for a, b in ((p, q), (q, p)):
            logs = np.where(a > 0, np.log2(np.where(a > 0, a, 1.0)) - np.log2(np.where(a > 0, middle, 1.0)), 0.0)
            parts += (a * logs + 0.5 / np.log(2) * (b - a)).sum() * width
        found.append(np.sqrt(parts / ((p + q).sum() * width)))
    return max(found)


# -------------------------------------------------------------------- power-scaling


def test_a_power_scaled_normal_mean_moves_as_its_closed_form(normal):
    """Shift: the derivative of the exact mean by log2 of the power, in exact standard deviations."""
    row, step = normal[1].table.loc["mu"], 1e-5
    slope = (posterior(1 + step)[1] - posterior(1 - step)[1]) / (2 * step)
    exact = np.log(2) * slope * np.sqrt(posterior()[0])
    # 20000 independent draws; the product that is averaged varies by about 1.5
    assert row["prior_shift"] == pytest.approx(exact, abs=5 * 1.5 / np.sqrt(20_000))
    assert row["diagnosis"] == CONFLICT
    assert row["origin"] == "as named"
    assert normal[1].priors == ("mu",)
    assert "prior and data pull apart for mu" in normal[1].reading


def test_sensitivities_are_the_derivative_of_the_exact_distance(normal):
    m, found = normal
    draws = m.trace("mu")[:]
    delta = 1.01
    precision, mean = posterior()
    law = stats.norm(mean, 1 / np.sqrt(precision))
    for column, exact in (("prior", lambda a: posterior(prior_power=a)), ("likelihood", lambda a: posterior(1.0, a))):
        each = []
        for power in (delta, 1 / delta):
            precision, mean = exact(power)
            each.append(distance(law, stats.norm(mean, 1 / np.sqrt(precision)), draws.min(), draws.max()))
        expected = np.mean(each) / np.log2(delta)
        assert found.table.loc["mu", column] == pytest.approx(expected, rel=0.05), column


def test_reweighted_means_agree_with_the_exact_posterior(normal):
    """The weights behind it: prior to the power less one moves the plain mean where the closed form says."""
    m, _ = normal
    draws = m.trace("mu")[:]
    for power in (0.8, 1.25):
        weights = np.exp((power - 1.0) * stats.norm.logpdf(draws, 0.0, 1 / np.sqrt(PRIOR)))
        precision, mean = posterior(power)
        reweighted = (weights * draws).sum() / weights.sum()
        assert reweighted == pytest.approx(mean, abs=5 / np.sqrt(precision * 20_000 * 0.5))
    shift = np.log(2) * np.cov(draws, stats.norm.logpdf(draws, 0.0, 0.5))[0, 1] / draws.std()
    assert m.sensitivity(draws=20_000, names="mu").table.loc["mu", "prior_shift"] == pytest.approx(shift, rel=1e-3)


def test_both_generations_of_arviz_agree_with_a_plain_computation():
    """ArviZ's own number, whichever is installed, against weights without smoothing."""
    rng = np.random.default_rng(3)
    values = rng.normal(1.0, 0.5, (4, 1_000, 2))
    logs = -0.5 * values[..., 0] ** 2
    found = arviz_bridge.power_scaling(values, logs)
    assert found[0] == pytest.approx(plain(values[..., 0].ravel(), logs.ravel()), rel=0.01)
    assert found[0] == pytest.approx(0.0906, abs=0.01)
    assert found[1] < 0.02  # independent of the factor: only noise of the weights
    assert arviz_bridge.power_scaling(values, np.ones((4, 1_000))).tolist() == [0.0, 0.0]
    assert np.isnan(arviz_bridge.power_scaling(np.ones((4, 1_000, 1)), logs)).all()


def plain(values, logs, power=1.01):
    order = np.argsort(values)
    gaps, found = np.diff(values[order]), []
    for a in (power, 1 / power):
        weights = np.exp((a - 1) * logs[order])
        q = np.cumsum(weights / weights.sum())[:-1]
        p = np.arange(1, len(values)) / len(values)
        each = []
        for u, v in ((p, q), (1 - p, 1 - q)):
            middle = 0.5 * (u + v)
            parts = sum((gaps * s * np.log2(s / middle)).sum() for s in (u, v))
            each.append(np.sqrt(parts / (gaps * (u + v)).sum()))
        found.append(max(each))
    return np.mean(found) / np.log2(power)


def test_a_strong_prior_and_weak_data_are_told_apart():
    """Where the prior sits on the data nothing pulls; where data say little, the prior alone tells."""
    mu, idle = mc.Normal("mu", DATA.mean(), 0.001), mc.Normal("idle", 0.0, 1.0)
    weak = mc.Normal("weak", 0.0, 1.0)
    y = mc.Normal("y", mu, 1.0, value=DATA, observed=True)
    barely = mc.Normal("barely", weak, 1e-4, value=[0.3], observed=True)
    table = sampled([y, barely, mu, weak, idle]).sensitivity(names=["mu", "weak", "idle"]).table
    assert table.loc["mu", "diagnosis"] == NONE
    assert table.loc["weak", "diagnosis"] == STRONG
    assert table.loc["weak", "likelihood"] < 0.02
    assert table.loc["mu", "likelihood"] > 0.05


def test_priors_by_name_and_what_is_scaled_by_default():
    """A prior that depends on a hyperparameter is left to it; one on a parameter of the same rows is not."""
    center = mc.Normal("center", 0.0, 1.0)
    spread, mu = mc.Gamma("spread", 2.0, 2.0), mc.Normal("mu", center, 1.0, size=3)
    y = mc.Normal("y", mu[np.array([0, 0, 1, 1, 2])], spread, value=DATA, observed=True)
    m = sampled([y, mu, center, spread])
    assert set(m.sensitivity().priors) == {"center", "spread"}
    only = m.sensitivity(priors=["mu", spread])
    assert set(only.priors) == {"mu", "spread"}
    tau = mc.Gamma("tau", 2.0, 2.0)
    joint = mc.Normal("mean", 0.0, 0.1 * tau)
    both = sampled([mc.Normal("y", joint, tau, value=DATA, observed=True), joint, tau]).sensitivity()
    assert set(both.priors) == {"mean", "tau"}


def mixture(concentration=3.0, hidden=False):
    data = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 30)).ravel()
    mu, w = mc.Normal("mu", 4.0, 0.05, size=2), mc.Dirichlet("w", [concentration] * 2)
    if hidden:
        return [mc.Mixture("y", w, mc.Normal, mu, 1.0, value=data, observed=True), mu, w]
    z = mc.Categorical("z", w, size=60)
    return [mc.Normal("y", mu[z], 1.0, value=data, observed=True), mu, w]


def test_switching_draws_are_relabelled_before_they_are_looked_at():
    """Draws with names exchanged at random give the same sensitivities, up to one exchange of all names."""
    m = sampled(mixture())
    before = m.sensitivity().table
    draws, rng = m.draws().variables, np.random.default_rng(2)
    order = rng.permuted(np.tile([0, 1], (*draws["w"].shape[:2], 1)), axis=-1)
    for name in ("mu", "w"):
        draws[name] = np.take_along_axis(draws[name], order, axis=2)
    names = np.argsort(order, axis=2)
    draws["z"] = (np.take_along_axis(names, draws["z"].astype(int), axis=2)).astype(draws["z"].dtype)
    after = m.sensitivity()
    assert set(after.table.loc[["mu[0]", "mu[1]", "w[0]"], "origin"]) == {"relabelled"}
    assert "components are named by" in after.reading
    for column in ("prior", "likelihood"):
        for name in ("mu", "w"):
            rows = [f"{name}[0]", f"{name}[1]"]
            assert sorted(after.table.loc[rows, column]) == pytest.approx(sorted(before.loc[rows, column]), rel=1e-6)
    free = [n for n in after.table.index if n.startswith("log density of y")]
    assert free
    assert after.table.loc[free, "prior"].tolist() == pytest.approx(before.loc[free, "prior"].tolist(), rel=1e-6)


def test_diagnoses_and_tables_of_plain_numbers():
    assert diagnosis(0.06, 0.04) == STRONG
    assert diagnosis(0.06, 0.06) == CONFLICT
    assert diagnosis(0.04, 0.5) == diagnosis(np.nan, 0.5) == NONE
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 500))
    found = power_scaled({"x": (x, "as named")}, -0.5 * x**2, np.zeros((2, 500)), ["x"], ["a note"])
    assert found.table.loc["x", "diagnosis"] == STRONG
    assert found.reading.endswith("a note")
    assert "<table" in found._repr_html_()
    assert "prior_shift" in repr(found)
    few = power_scaled({"x": (x[:, :20], "as named")}, -0.5 * x[:, :20] ** 2, x[:, :20], ["x"])
    assert "fewer than 400 effective draws of x" in few.reading


def test_bad_input_of_sensitivity(normal):
    m, _ = normal
    with pytest.raises(ModelError, match="priors= expected unknowns among mu, got 'nu'"):
        m.sensitivity(priors="nu")
    with pytest.raises(ModelError, match="names= expected variables among mu, got tau"):
        m.sensitivity(names=["tau"])
    with pytest.raises(ModelError, match="draws expected a whole number"):
        m.sensitivity(draws=0)
    with pytest.raises(ModelError, match="expected an MCMC object, got int"):
        mc.sensitivity(3)
    with pytest.raises(ModelError, match="no data, so its posterior is its prior"):
        sampled([mc.Normal("free", 0.0, 1.0)], iterations=600).sensitivity()
    with pytest.raises(ModelError, match="expected a method among"):
        sampled(mixture(), iterations=600).sensitivity(method="guess")


# -------------------------------------------------------------------- refits


@pytest.fixture(scope="module")
def refitted():
    return mc.refit(one_mean, [0.01, 0.1, 1.0, 10.0], iter=2_500, burn=500, chains=2, seed=2, name="precision of mu")


def test_refits_of_a_normal_mean_by_closed_forms(refitted):
    table = refitted.table.set_index(["precision of mu", "quantity"])
    for prior in refitted.values:
        precision, mean = posterior(prior=prior)
        row, proof = table.loc[(prior, "mu")], table.loc[(prior, "log evidence")]
        law = stats.norm(mean, 1 / np.sqrt(precision))
        assert row["mean"] == pytest.approx(mean, abs=5 * row["error"])
        assert [row["low"], row["high"]] == pytest.approx(law.ppf([0.05, 0.95]), abs=0.05)
        exact = stats.multivariate_normal(np.zeros(5), np.eye(5) + 1 / prior).logpdf(DATA)
        assert proof["mean"] == pytest.approx(exact, abs=max(0.02, 5 * proof["error"]))
        assert proof["low"] < proof["mean"] < proof["high"]
    assert refitted.quantities == ("mu", "log evidence")
    assert "mu by" in refitted.reading
    assert "the evidence is highest at 0.1" in refitted.reading
    assert refitted.verdicts == ("",) * 4
    assert "log evidence" in repr(refitted)
    assert "<table" in refitted._repr_html_()


def test_refits_are_reproducible_and_silent(capfd, refitted):
    again = mc.refit(one_mean, np.array([0.01, 0.1]), iter=2_500, burn=500, chains=2, seed=2, name="precision of mu")
    first = refitted.table[refitted.table["precision of mu"] == 0.01]
    assert again.table.iloc[0]["mean"] == first.iloc[0]["mean"]
    assert capfd.readouterr() == ("", "")


def test_refits_of_a_mixture_report_what_has_no_names():
    def model(concentration):
        return mc.MCMC(mixture(concentration, hidden=True))

    found = mc.refit(model, [1.0, 5.0], iter=800, burn=300, chains=2, seed=1, name="concentration")
    assert {"mu (sorted)[0]", "w (sorted)[1]", "occupied components", "log evidence"} <= set(found.quantities)
    rows = found.table.set_index(["concentration", "quantity"])
    assert rows.loc[(1.0, "occupied components"), "mean"] == pytest.approx(2.0)
    assert rows.loc[(1.0, "mu (sorted)[0]"), "mean"] < 1.0
    assert rows.loc[(1.0, "mu (sorted)[1]"), "mean"] > 8.0


def test_a_bad_value_names_itself():
    with pytest.raises(ModelError, match=r"refit: at precision of mu = -1\.0: .*positive"):
        mc.refit(one_mean, [1.0, -1.0], iter=300, burn=100, chains=1, name="precision of mu")
    with pytest.raises(ModelError, match="values expected at least one value"):
        mc.refit(one_mean, [], iter=300, burn=100)
    with pytest.raises(ModelError, match="values expected a sequence, got 3"):
        mc.refit(one_mean, 3, iter=300, burn=100)
    with pytest.raises(ModelError, match="expected a function that makes a model"):
        mc.refit(one_mean(), [1.0], iter=300, burn=100)
    with pytest.raises(ModelError, match="burn expected"):
        mc.refit(one_mean, [1.0], iter=300, burn=300)
    m = sampled(one_mean(), iterations=600)
    with pytest.raises(ModelError, match="expected to return a model that was not sampled yet"):
        mc.refit(lambda value: m, [1.0], iter=300, burn=100)


def test_what_has_no_evidence_says_so():
    def model(rate):
        n = mc.Poisson("n", rate)
        return [n, mc.Normal("y", n, 1.0, value=DATA, observed=True)]

    found = mc.refit(model, [2.0, 3.0], iter=600, burn=100, chains=2, seed=1)
    assert np.isnan(found.table.loc[found.table["quantity"] == "log evidence", "mean"]).all()
    assert "no evidence: " in found.reading
    assert "evidence is highest" not in found.reading
    mc.plots.refits(found)


# -------------------------------------------------------------------- figures


def test_figures_of_refits(refitted):
    figure = mc.plots.refits(refitted)
    panels = [a for a in figure.axes if a.get_title()]
    assert [a.get_title() for a in panels] == ["mu", "log evidence (nats)"]
    assert panels[0].get_xscale() == "log"
    assert panels[0].get_xlabel() == "precision of mu"
    drawn = panels[0].lines[0].get_ydata()
    assert drawn == pytest.approx(refitted.table.loc[refitted.table["quantity"] == "mu", "mean"].to_numpy())
    assert len([a for a in mc.plots.refits(refitted, "mu").axes if a.get_title()]) == 1
    with pytest.raises(ModelError, match="quantities among mu, log evidence, got"):
        mc.plots.refits(refitted, "nu")
    with pytest.raises(ModelError, match="expected what mc.refit returns, got int"):
        mc.plots.refits(3)
    with pytest.raises(ModelError, match="values that are numbers"):
        words = mc.refit(lambda kind: one_mean(), ["a", "b"], iter=300, burn=100, chains=1, seed=1)
        mc.plots.refits(words)
