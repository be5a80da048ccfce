"""What is computed from draws where data have gaps or labels are known for some units, against plain SciPy."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.sampling.pointwise import deviance
from tests import runs

ROWS = np.random.default_rng(3).multivariate_normal([0.5, -0.5], [[1.0, 0.8], [0.8, 1.0]], 24)
ROWS[[2, 5], 0] = np.nan
ROWS[7, 1] = np.nan
ROWS[9] = np.nan
SHOWN = np.flatnonzero(~np.isnan(ROWS).all(axis=1))


sampled = runs.sampler(iterations=700, burn=200, chains=None, seed=1)


def masked(x):
    return np.ma.masked_invalid(x)


def by_hand(means, covariance):
    """Log density of what each row shows; rows that show nothing are left out."""
    found = []
    for x, mean in zip(ROWS, np.broadcast_to(means, ROWS.shape), strict=True):
        seen = np.flatnonzero(~np.isnan(x))
        if seen.size:
            found.append(stats.multivariate_normal(mean[seen], covariance[np.ix_(seen, seen)]).logpdf(x[seen]))
    return np.array(found)


def scores_by_hand(logs):
    """WAIC and DIC 3 of log densities (draws, units)."""
    each = logsumexp(logs, axis=0) - np.log(len(logs))
    return (each - logs.var(axis=0, ddof=1)).sum(), -4.0 * logs.sum(axis=1).mean() + 2.0 * each.sum()


# -------------------------------------------------------------------- missing coordinates without labels

LAWS = {
    "MvNormal": lambda mean: mc.MvNormal(
        "y", mean, mc.Wishart("scale", 4, np.eye(2)), value=masked(ROWS), observed=True
    ),
    "MvNormalCov": lambda mean: mc.MvNormalCov(
        "y", mean, mc.InverseWishart("scale", 5, np.eye(2)), value=masked(ROWS), observed=True
    ),
    "MvNormalChol": lambda mean: mc.MvNormalChol(
        "y", mean, np.linalg.cholesky([[1.0, 0.8], [0.8, 1.0]]), value=masked(ROWS), observed=True
    ),
}
COVARIANCE = {"MvNormal": np.linalg.inv, "MvNormalCov": np.asarray}


@pytest.mark.parametrize("law", LAWS)
def test_missing_coordinates_are_integrated_out(law):
    m = sampled([LAWS[law](mc.MvNormal("mu", [0, 0], 0.1 * np.eye(2)))], chains=1)
    draws = m.draws()
    some = np.arange(0, draws.n_draws, 25)
    matrices = draws.variables.get("scale")
    expected = np.array([
        by_hand(
            draws.variables["mu"][0, i],
            np.array([[1.0, 0.8], [0.8, 1.0]]) if matrices is None else COVARIANCE[law](matrices[0, i]),
        )
        for i in some
    ])  # fmt: skip
    found = np.asarray(m.to_arviz(log_likelihood=True)["log_likelihood"]["y"])[0, some]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(deviance(m.assembled, draws)[0, some], -2.0 * expected.sum(axis=1), rtol=1e-9)


def test_means_that_differ_by_row():
    x = np.linspace(-1.0, 1.0, len(ROWS))
    slope = mc.Normal("slope", 0, 0.1, size=2)
    mean = mc.Lambda("mean", lambda slope=slope: x[:, None] * slope)
    matrix = np.array([[1.0, 0.8], [0.8, 1.0]])
    m = sampled([mc.MvNormal("y", mean, np.linalg.inv(matrix), value=masked(ROWS), observed=True), slope], chains=1)
    found = np.asarray(m.to_arviz(log_likelihood=True)["log_likelihood"]["y"])[0, -1]
    drawn = m.draws().variables["slope"][0, -1]
    np.testing.assert_allclose(found, by_hand(x[:, None] * drawn, matrix), rtol=1e-9)
    np.testing.assert_allclose(deviance(m.assembled, m.draws())[0, -1], -2.0 * found.sum(), rtol=1e-9)


@pytest.mark.parametrize("shown", [0, 1])
def test_rows_that_all_miss_the_same(shown):
    rows = np.full((12, 2), np.nan)
    rows[:, shown] = np.linspace(-1.0, 1.0, 12)
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    m = sampled(
        [mc.MvNormalCov("y", mc.Normal("mu", 0, 1, size=2), matrix, value=masked(rows), observed=True)], iterations=400
    )
    expected = stats.norm.logpdf(
        rows[:, shown], m.draws().variables["mu"][..., shown, None], np.sqrt(matrix[shown, shown])
    )
    found = np.asarray(m.to_arviz(log_likelihood=True)["log_likelihood"]["y"])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    np.testing.assert_allclose(m.trace("deviance")[:], -2.0 * expected.reshape(-1, 12).sum(axis=1), rtol=1e-9)


@pytest.mark.slow
def test_comparison_is_about_what_rows_show():
    matrix = np.array([[1.0, 0.8], [0.8, 1.0]])
    mu = mc.MvNormal("mu", [0, 0], 0.1 * np.eye(2))
    m = sampled(
        [mc.MvNormal("y", mu, np.linalg.inv(matrix), value=masked(ROWS), observed=True)], iterations=1000, chains=1
    )
    row = mc.compare({"one": m}).table.loc["one"]
    drawn = m.draws().variables["mu"][0]
    waic, dic = scores_by_hand(np.array([by_hand(mean, matrix) for mean in drawn]))
    assert row["waic"] == pytest.approx(waic, abs=1e-6)
    assert row["dic"] == pytest.approx(dic, abs=1e-6)

    seen = ~np.isnan(ROWS.ravel())
    own = np.kron(np.eye(len(ROWS)), matrix)[np.ix_(seen, seen)]
    design = np.tile(np.eye(2), (len(ROWS), 1))[seen]
    data = ROWS.ravel()[seen]
    log_evidence = stats.multivariate_normal(np.zeros(seen.sum()), own + 10.0 * design @ design.T).logpdf(data)
    assert row["log_evidence"] == pytest.approx(log_evidence, abs=max(0.02, 5.0 * row["evidence_error"]))
    precision = design.T @ np.linalg.solve(own, design) + 0.1 * np.eye(2)
    mode = np.linalg.solve(precision, design.T @ np.linalg.solve(own, data))
    bic = -2.0 * by_hand(mode, matrix).sum() + 2.0 * np.log(len(SHOWN))  # two parameters, none for gaps
    assert row["bic"] == pytest.approx(bic, abs=1e-4)


def test_a_law_that_is_not_known_is_refused():
    x = np.array([0.1, np.nan, 0.4, -0.2])

    def log_density(value, mu):
        return -0.5 * float(np.sum((value - mu) ** 2) + (value[0] - value[1]) ** 2)

    mu = mc.Normal("mu", 0, 1.0)
    y = mc.Stochastic(logp=log_density, doc="", name="y", parents={"mu": mu}, value=masked(x), observed=True)
    m = sampled([y, mu], iterations=300, chains=1)
    with pytest.raises(ModelError, match="y has missing entries that cannot be integrated out"):
        m.to_arviz(log_likelihood=True)


# -------------------------------------------------------------------- log priors


def test_data_have_no_log_prior():
    x = np.random.default_rng(1).normal(0, 1, 30)
    x[3] = np.nan
    mu = mc.Normal("mu", 0, 1.0)
    m = sampled([mc.Normal("y", mu, 1.0, value=masked(x), observed=True)], chains=2)
    group = m.to_arviz(log_prior=True)["log_prior"]
    assert list(group.data_vars) == ["mu"]
    np.testing.assert_allclose(np.asarray(group["mu"]), stats.norm.logpdf(m.draws().variables["mu"]), rtol=1e-9)
    left = sampled([mc.Normal("y", mu, 1.0, value=x[~np.isnan(x)], observed=True)], chains=2)
    apart = [float(s.sensitivity().table.loc["mu", "prior"]) for s in (m, left)]
    assert apart[0] == pytest.approx(apart[1], abs=0.02)


def test_labels_known_for_some_units_have_no_log_prior():
    known = np.full(20, np.nan)
    known[[0, 19]] = 0, 1
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), value=masked(known), observed=True)
    x = np.random.default_rng(1).normal(np.repeat([-2.0, 2.0], 10), 1.0)
    m = sampled([mc.Normal("y", mc.Normal("mu", 0, 0.1, size=2)[z], 1.0, value=x, observed=True)], chains=1)
    assert sorted(m.to_arviz(log_prior=True)["log_prior"].data_vars) == ["mu", "w"]


# -------------------------------------------------------------------- components alike within classes


def log_normal_rows(x, mean, precision):
    return stats.multivariate_normal(np.full(len(x), mean), np.eye(len(x)) + 1.0 / precision).logpdf(x)


def test_evidence_of_components_that_are_alike_within_classes():
    x = np.random.default_rng(1).normal(np.repeat([-10.0, -2.0, 5.0, 14.0], 25), 1.0)
    means = [-8.0, -8.0, 10.0, 10.0]
    mu, w = mc.Normal("mu", means, 0.02, size=4), mc.Dirichlet("w", [1, 1, 1, 1])
    m = sampled([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu, w], iterations=3200, chains=4)
    groups = x.reshape(4, 25)  # far apart: other partitions of the rows weigh nothing
    partition = gammaln(4.0) - gammaln(104.0) + 4.0 * gammaln(26.0)
    each = [[log_normal_rows(group, mean, 0.02) for mean in means] for group in groups]
    exact = partition + logsumexp([sum(each[p[k]][k] for k in range(4)) for p in permutations(range(4))])
    found = mc.evidence(m, draws=8000)
    assert found.agree
    assert found.error < 0.1
    assert found.log == pytest.approx(exact, abs=4.0 * found.error)


def test_evidence_where_labels_are_known_for_some_units():
    x = np.random.default_rng(2).normal(np.repeat([-9.0, 0.0, 9.0], 12), 1.0)
    known = np.full(36, np.nan)
    known[0] = 2.0
    w = mc.Dirichlet("w", [1, 1, 1])
    z = mc.Categorical("z", w, value=masked(known), observed=True)
    mu = mc.Normal("mu", 0, 0.02, size=3)
    m = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True), mu, w], iterations=2200, chains=2)
    partition = gammaln(3.0) - gammaln(39.0) + 3.0 * gammaln(13.0)
    exact = partition + sum(log_normal_rows(group, 0.0, 0.02) for group in x.reshape(3, 12)) + np.log(2.0)
    found = mc.evidence(m)
    assert found.error < 0.1
    assert found.log == pytest.approx(exact, abs=max(0.02, 4.0 * found.error))


# -------------------------------------------------------------------- new rows of vectors


def test_new_rows_where_labels_are_known_for_some_units():
    rng = np.random.default_rng(1)
    rows, known = rng.normal(size=(70, 2)), np.full(70, np.nan)
    known[0], known[69] = 0, 1
    z = mc.Categorical("z", mc.Dirichlet("w", [1] * 3), value=masked(known), observed=True)
    mu = mc.Normal("mu", 3, 0.05, size=(3, 2))
    m = sampled([mc.Normal("y", mu[z], 1.0, value=rows, observed=True)], iterations=600, chains=2)
    w, means = (m.draws().variables[n] for n in ("w", "mu"))
    w, means = w.reshape(-1, 3), means.reshape(-1, 3, 2)
    new = rng.normal(size=(5, 2))
    each = stats.norm.logpdf(new[None, :, None], means[:, None]).sum(axis=-1) + np.log(w)[:, None]
    expected = logsumexp(each, axis=(0, 2)) - np.log(len(w))
    np.testing.assert_allclose(m.predict_logpdf(new, draws=len(w)), expected, rtol=1e-9)
    np.testing.assert_allclose(mc.predictive(m, draws=len(w)).logpdf(new), expected, rtol=1e-9)
    assert len(mc.classify(m, new).classes) == 5
