"""Model choice: each score against its definition, the table against what was simulated."""

import itertools

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import betaln, digamma, logsumexp

import mcmix as mc
import mcmix.api.compare as compare_module
from mcmix.errors import ModelError
from mcmix.report.evidence import scores

DATA = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 30)).ravel()


def sampler(k, data=DATA, seed=1):
    mu, w = mc.Normal("mu", 3, 0.05, size=k), mc.Dirichlet("w", np.full(k, 2.0))
    z = mc.Categorical("z", w, size=len(data))
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=data, observed=True), mu, w])
    return m.sample(2_000, 500, seed=seed, progress_bar=False)


@pytest.fixture(scope="module")
def found():
    return mc.compare({k: sampler(k) for k in (1, 2, 3)})


def test_two_components_are_found(found):
    table = found.table
    assert table.index.tolist() == ["1", "2", "3"]
    assert table["probability"].sum() == pytest.approx(1.0)
    assert table["log_evidence"].idxmax() == "2"
    assert table["bic"].idxmin() == table["icl"].idxmin() == "2"
    assert table.loc["1", "probability"] < 1e-6
    assert (table["evidence_error"] < 0.2).all()
    assert table.loc["2", "occupied"] == pytest.approx(2.0)
    assert found.reading.startswith("the marginal likelihood favours 2")
    assert "log_evidence" in repr(found)
    assert "<table" in found._repr_html_()


def test_leave_one_out_can_be_left_out(no_open_figures):
    found = mc.compare({k: sampler(k) for k in (1, 2)}, leave_one_out=False)
    assert found.table[["loo", "loo_error", "loo_difference", "loo_difference_error"]].isna().all(axis=None)
    assert found.table["waic"].notna().all() and "leave-one-out" not in found.reading
    titles = [ax.get_title() for ax in mc.plots.comparison(found).axes]
    assert len(titles) == 3 and "leave-one-out score (nats)" not in titles


def test_one_component_by_its_closed_forms(found):
    """A normal mean with known precision: everything is known exactly."""
    n, row = len(DATA), found.table.loc["1"]
    precision = 0.05 + n
    mean = (0.05 * 3 + DATA.sum()) / precision
    cover = np.eye(n) + 1 / 0.05
    assert row["log_evidence"] == pytest.approx(
        stats.multivariate_normal(np.full(n, 3.0), cover).logpdf(DATA), abs=0.03
    )
    at_mode = stats.norm.logpdf(DATA, mean, 1.0).sum()
    assert row["bic"] == pytest.approx(-2 * at_mode + np.log(n), abs=1e-3)
    assert row["icl"] == row["bic"]
    left_out = 0.0
    for i in range(n):
        rest = precision - 1.0
        center = (mean * precision - DATA[i]) / rest
        left_out += stats.norm.logpdf(DATA[i], center, np.sqrt(1 + 1 / rest))
    # 10 effective parameters (the model fits badly), each a variance known to 3 % from 2000 draws: 0.3 in all
    assert row["loo"] == pytest.approx(left_out, abs=1.0)
    assert row["waic"] == pytest.approx(left_out, abs=1.0)
    likelihood = stats.norm.logpdf(DATA, mean, 1.0).sum() - 0.5 * n / precision  # its posterior mean
    predictive = stats.norm.logpdf(DATA, mean, np.sqrt(1 + 1 / precision)).sum()
    assert row["dic"] == pytest.approx(-4 * likelihood + 2 * predictive, abs=1.0)


def few_rows():
    """Five rows, two components of unit variance: every labelling can be counted."""
    data = np.array([-1.2, -0.4, 0.9, 2.1, 2.8])
    mu, w = mc.Normal("mu", 0.5, 0.5, size=2), mc.Dirichlet("w", [2.0, 2.0])
    return data, [mc.Mixture("y", w, mc.Normal, mu, 1.0, value=data, observed=True), mu, w]


def every_labelling(data):
    """Each labelling with its posterior probability and the distributions of weights and means given it, in closed
    form.
    """
    for z in itertools.product((0, 1), repeat=len(data)):
        z = np.array(z)
        counts, sums = np.bincount(z, minlength=2), np.bincount(z, data, minlength=2)
        precision = 0.5 + counts
        mean = (0.5 * 0.5 + sums) / precision
        log = betaln(*(2.0 + counts)) - betaln(2.0, 2.0)
        for k in (0, 1):
            rows = data[z == k]
            cover = np.eye(len(rows)) + 1 / 0.5
            log += stats.multivariate_normal(np.full(len(rows), 0.5), cover).logpdf(rows) if len(rows) else 0.0
        yield z, log, 2.0 + counts, mean, 1 / precision


@pytest.fixture(scope="module")
def counted():
    data, nodes = few_rows()
    m = mc.MCMC(nodes).sample(12_000, 1_000, seed=3, progress_bar=False)
    return data, mc.compare({"a": m}, draws=8_000).table.loc["a"]


def test_dic4_and_occupied_components_by_every_labelling(counted):
    data, row = counted
    labellings = list(every_labelling(data))
    share = np.exp([log for _, log, _, _, _ in labellings])
    share /= share.sum()
    joint, at_means, filled = [], [], []
    for z, _, a, mean, variance in labellings:
        distances = (data - mean[z]) ** 2
        constant = -0.5 * len(data) * np.log(2 * np.pi)
        joint.append((digamma(a) - digamma(a.sum()))[z].sum() + constant - 0.5 * (distances + variance[z]).sum())
        at_means.append(np.log(a / a.sum())[z].sum() + constant - 0.5 * distances.sum())
        filled.append(len(set(z.tolist())))
    assert row["dic4"] == pytest.approx(-4 * share @ joint + 2 * share @ at_means, abs=5 * row["dic4_error"])
    assert row["occupied"] == pytest.approx(share @ filled, abs=5 * row["occupied_error"])
    assert 0 < row["dic4_error"] < 1.0
    assert 0 < row["occupied_error"] < 0.02


def test_dic2_and_dic3_by_independent_draws(counted):
    """Draws from the mixture of all labellings' distributions; each answer has a Monte Carlo error of about 0.01."""
    data, row = counted
    labellings, rng = list(every_labelling(data)), np.random.default_rng(5)
    share = np.exp([log for _, log, _, _, _ in labellings])
    which = rng.choice(len(share), 100_000, p=share / share.sum())
    a = np.array([x[2] for x in labellings])[which]
    p = rng.beta(a[:, 0], a[:, 1])
    mu = rng.normal(np.array([x[3] for x in labellings])[which], np.sqrt(np.array([x[4] for x in labellings])[which]))

    def rows(p, mu):
        weights = np.stack([p, 1 - p], axis=-1)
        return np.log((weights[..., None, :] * stats.norm.pdf(data[:, None], mu[..., None, :], 1.0)).sum(axis=-1))

    logs = rows(p, mu)
    predictive = np.log(np.exp(logs).mean(axis=0)).sum()
    expected = logs.sum(axis=1).mean()

    def minus_posterior(x):
        p, mu = x[0], x[1:]
        return -(rows(p, mu).sum() + np.log(p * (1 - p)) - 0.25 * ((mu - 0.5) ** 2).sum())

    ends = [
        optimize.minimize(minus_posterior, [0.5, *s], bounds=[(0.01, 0.99), (-5, 5), (-5, 5)])
        for s in ((-1, 2), (1, 1))
    ]
    p, *mu = min(ends, key=lambda e: e.fun).x
    assert row["dic"] == pytest.approx(-4 * expected + 2 * predictive, abs=0.05 + 5 * row["dic_error"])
    at_mode = rows(np.array(p), np.array(mu)).sum()
    assert row["dic2"] == pytest.approx(-4 * expected + 2 * at_mode, abs=0.05 + 5 * row["dic2_error"])
    assert 0 < row["dic_error"] < 0.5
    assert 0 < row["dic2_error"] < 0.5


def test_errors_of_criteria_by_repetition():
    """Independent draws: reported errors against the spread over 200 repetitions, known to 5 percent."""
    rng = np.random.default_rng(6)
    kinds = {"dic": scores.deviance_information, "dic2": lambda x: scores.deviance_at_mode(x, -4.0)}
    found = {name: [] for name in kinds}
    for _ in range(200):
        logs = -1.0 + rng.normal(0.0, 0.3, (2, 100, 1)) + rng.normal(0.0, 0.1, (2, 100, 5))
        for name, kind in kinds.items():
            found[name].append(kind(logs))
    for name, runs in found.items():
        assert np.mean([r.error for r in runs]) == pytest.approx(np.std([r.value for r in runs]), rel=0.25), name


def test_dic4_of_one_component_is_the_deviance_at_the_mean(found):
    """Nothing to label: -4 mean(log L) + 2 log L(mean), both known for a normal mean."""
    n, row = len(DATA), found.table.loc["1"]
    precision = 0.05 + n
    mean = (0.05 * 3 + DATA.sum()) / precision
    at_mean = stats.norm.logpdf(DATA, mean, 1.0).sum()
    assert row["dic4"] == pytest.approx(-2 * at_mean + 2 * n / precision, abs=5 * row["dic4_error"])
    assert row["dic4_error"] < 0.1


def test_labels_hidden_in_a_mixture_are_counted():
    w, mu = mc.Dirichlet("w", [2.0, 2.0, 2.0]), mc.Normal("mu", 3, 0.05, size=3)
    hidden = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=DATA, observed=True)])
    row = mc.compare({"a": hidden.sample(2_000, 500, seed=1, progress_bar=False)}).table.loc["a"]
    drawn = sampler(3)
    numbers = mc.occupied(drawn)
    by_labels = (np.arange(len(numbers)) * numbers).sum()
    assert row["occupied"] == pytest.approx(by_labels, abs=0.05)  # both chains of 6000 draws: 0.01 each
    assert np.isfinite(row["dic4"])


def test_scores_by_their_definitions():
    logs = np.random.default_rng(3).normal(-1.0, 0.3, (2, 200, 5))
    flat = logs.reshape(-1, 5)
    wide = scores.widely_applicable(logs)
    each = [logsumexp(c) - np.log(400) - c.var(ddof=1) for c in flat.T]
    assert wide.value == pytest.approx(sum(each))
    assert wide.error == pytest.approx(np.sqrt(5) * np.std(each))
    assert scores.classification(10.0, np.array([[0.5, 0.5], [1.0, 0.0]])) == pytest.approx(10 + 2 * np.log(2))
    assert scores.leave_one_out(logs).value == pytest.approx(wide.value, abs=0.05)


def test_units_that_cannot_be_left_out_are_counted():
    logs = np.random.default_rng(4).normal(-1.0, 0.3, (2, 300, 3))
    logs[:, :, 1] *= 12.0
    assert scores.leave_one_out(logs).trouble == 1
    assert scores.widely_applicable(logs).trouble == 1


def test_label_switching_changes_nothing():
    m = sampler(2)
    before = mc.compare({"a": m}).table
    draws, rng = m.draws().variables, np.random.default_rng(2)
    order = np.array([rng.permutation(2) for _ in range(draws["w"].shape[0] * draws["w"].shape[1])])
    for name in ("mu", "w"):
        draws[name] = np.take_along_axis(draws[name], order.reshape(draws[name].shape), axis=2)
    after = mc.compare({"a": m}).table
    for column in ("loo", "waic", "dic", "dic2", "icl", "bic", "occupied"):
        assert after.loc["a", column] == pytest.approx(before.loc["a", column], abs=0.01), column
    assert after.loc["a", "dic4"] == pytest.approx(before.loc["a", "dic4"], abs=4 * before.loc["a", "dic4_error"])
    assert after.loc["a", "log_evidence"] == pytest.approx(before.loc["a", "log_evidence"], abs=0.1)


def test_bad_input():
    with pytest.raises(ModelError, match="expected models by name, got none"):
        mc.compare({})
    with pytest.raises(ModelError, match="'b' has other data than the first"):
        mc.compare({"a": sampler(1), "b": sampler(1, DATA + 1)})
    with pytest.raises(ModelError, match="expected an MCMC object, got int"):
        mc.compare({"a": 3})


def test_differences_of_leave_one_out_are_over_the_same_units(found):
    table = found.table
    best = table["loo"].idxmax()
    assert table.loc[best, "loo_difference"] == table.loc[best, "loo_difference_error"] == 0.0
    np.testing.assert_allclose(table["loo_difference"], table["loo"].max() - table["loo"], atol=1e-9)
    # two and three components give nearly the same rows: their difference is known much better than either
    other = "3" if best == "2" else "2"
    assert table.loc[other, "loo_difference_error"] < 0.2 * table.loc[other, "loo_error"]


def test_reading_of_one_model_and_of_two_alike():
    columns = {"log_evidence": -10.0, "evidence_error": 0.1, "loo": -9.0, "loo_difference": 0.0,
               "loo_difference_error": 0.0, "loo_unreliable": 0.0, "mode_unsure": 0.0, "bic": 3.0,
               "icl": 4.0}  # fmt: skip
    one, two = ({c: np.full(n, x) for c, x in columns.items()} for n in (1, 2))
    assert compare_module._read(["m"], one) == "one model, m: nothing to compare it with"
    unsure = compare_module._read(["m"], one | {"evidence_error": np.array([np.inf])})
    assert unsure.startswith("one model, m: nothing to compare it with; the evidence of m is unsure")
    assert compare_module._read(["a", "b"], two) == (
        "the marginal likelihood favours a; b is within 3 log units (Bayes factor < 20); leave-one-out favours a, not "
        "distinguished from b (within 2 standard errors); BIC favours a and b, ICL a and b"
    )


def test_reading_leaves_unsure_evidence_aside():
    columns = {
        "log_evidence": np.array([-12.0, -10.0, -5.0]),
        "evidence_error": np.array([0.1, 0.1, np.inf]),
        "loo": np.array([-9.0, -8.0, -8.5]),
        "loo_difference": np.array([1.0, 0.0, 0.5]),
        "loo_difference_error": np.array([0.2, 0.0, 0.4]),
        "loo_unreliable": np.zeros(3),
        "mode_unsure": np.zeros(3),
        "bic": np.array([3.0, 1.0, 2.0]),
        "icl": np.array([1.0, 2.0, 3.0]),
    }
    read = compare_module._read(["1", "2", "3"], columns)
    favours = "the marginal likelihood favours 2; 1 is within 3 log units (Bayes factor < 20)"
    assert read.startswith(f"{favours}; the evidence of 3 is unsure")
    assert "leave-one-out favours 2, not distinguished from 3 (within 2 standard errors); BIC favours 2, ICL 1" in read
    read = compare_module._read(["1", "2", "3"], columns | {"evidence_error": np.full(3, 2.0)})
    assert read.startswith("the evidence of 1, 2, 3 is unsure")


def test_an_evidence_that_takes_more_draws_is_not_known():
    x = np.random.default_rng(1).normal(0.0, 1.0, 30)
    mu = mc.Normal("mu", 0.0, 0.01)
    m = mc.MCMC([mc.Normal("y", mu, 1.0, value=x, observed=True)]).sample(60, 20, chains=2, seed=1)
    table = mc.compare({"one": m}).table
    assert np.isnan(table["log_evidence"]["one"]) and table["evidence_error"]["one"] == np.inf
    assert np.isfinite(table["bic"]["one"])


def test_units_are_the_same_for_every_model_of_the_data():
    rng = np.random.default_rng(2)
    x = rng.normal(np.repeat([0.0, 6.0], 20)[:, None], 1.0, (40, 3))

    def sampler(k):
        mu = mc.Normal("mu", 0.0, 0.01, size=(k, 3))
        if k == 1:
            return mc.MCMC([mc.Normal("y", mu[0], 1.0, value=x, observed=True)])
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=40)
        return mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)])

    samplers = {k: sampler(k).sample(600, 200, chains=2, seed=1) for k in (1, 2)}
    bic = mc.compare(samplers).table["bic"]
    one = mc.NormApprox(samplers[1].model).fit(seed=1)
    assert bic["1"] == pytest.approx(3 * np.log(40) - 2.0 * one.lnL, abs=0.01)  # rows, not numbers


def test_many_unknowns_have_the_mean_of_the_draws_in_the_place_of_a_mode(monkeypatch):
    searched = mc.compare({k: sampler(k) for k in (1, 2)}).table
    monkeypatch.setattr(compare_module, "MOST_WORK", 0)
    at_means = mc.compare({k: sampler(k) for k in (1, 2)}).table
    assert not at_means["mode_unsure"].any()
    np.testing.assert_allclose(at_means["bic"], searched["bic"], atol=1.0)
