"""Rows of vectors with missing coordinates on labels: integrated out, drawn with the labels, expected in VB."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import mcmix as mc
from mcmix.sampling.marginal import Marginal
from mcmix.steps import gaps
from mcmix.structure.recording import record

MEANS = np.array([[0.0, 0.0, 0.0], [1.5, 1.0, 0.0], [-1.0, 0.5, 2.0]])
COVARIANCES = np.array(
    [
        [[1.0, 0.5, 0.2], [0.5, 1.5, -0.3], [0.2, -0.3, 0.8]],
        [[0.6, -0.2, 0.0], [-0.2, 0.5, 0.1], [0.0, 0.1, 2.0]],
        [[2.0, 0.9, 0.5], [0.9, 1.0, 0.4], [0.5, 0.4, 1.0]],
    ]
)
WEIGHTS = np.array([0.2, 0.3, 0.5])
NAN = np.nan
ROWS = np.array(
    [[0.3, 0.1, 1.0], [NAN, 0.2, 0.5], [0.1, NAN, NAN], [1.0, 0.4, NAN], [NAN, 1.0, NAN], [NAN, NAN, NAN], [2, -1, NAN]]
)
LAWS = {
    "precision": (mc.MvNormal, np.linalg.inv(COVARIANCES)),
    "covariance": (mc.MvNormalCov, COVARIANCES),
    "factor": (mc.MvNormalChol, np.linalg.cholesky(COVARIANCES)),
}


def exact(row):
    """Log joint of label and known coordinates, shape (3,)."""
    known = ~np.isnan(row)
    if not known.any():
        return np.log(WEIGHTS)
    return np.log(WEIGHTS) + [
        multivariate_normal.logpdf(row[known], m[known], c[np.ix_(known, known)])
        for m, c in zip(MEANS, COVARIANCES, strict=True)
    ]


def shares():
    logs = np.array([exact(row) for row in ROWS])
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def expected_entries():
    """Mean of each missing coordinate given the known ones, labels summed out, row after row."""
    found = []
    for row, share in zip(ROWS, shares(), strict=True):
        known, gone = ~np.isnan(row), np.isnan(row)
        each = []
        for mean, cover in zip(MEANS, COVARIANCES, strict=True):
            inside, cross = cover[np.ix_(known, known)], cover[np.ix_(gone, known)]
            each.append(mean[gone] + cross @ np.linalg.solve(inside, row[known] - mean[known]))
        found.append(share @ np.array(each))
    return np.concatenate(found)


def model(law):
    kind, matrices = LAWS[law]
    z = mc.Categorical("z", WEIGHTS, size=len(ROWS))
    return z, mc.Mixture("y", z, kind, MEANS, matrices, value=ROWS, observed=True)


@pytest.mark.parametrize("law", LAWS)
def test_the_soft_pass_integrates_gaps_out(law):
    z, y = model(law)
    m = mc.MCMC([z, y])
    found = Marginal(record(m.model)).log_likelihood()
    assert np.isclose(found, np.logaddexp.reduce([exact(row) for row in ROWS], axis=1).sum(), rtol=1e-12)
    m.sample(2, seed=1, progress_bar=False)
    assert np.allclose(m.memberships(), shares(), rtol=1e-9)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("integrated", [True, False])
def test_labels_and_gaps_are_drawn_from_their_law(law, integrated, monkeypatch):
    monkeypatch.setattr(gaps, "MOST_TIMES", 1e9 if integrated else 0.0)
    z, y = model(law)
    m = mc.MCMC([z, y])
    m.sample(20000, 200, chains=2, seed=3, progress_bar=False)
    labels, entries = m.trace("z")[:], m.trace("y")[:]
    frequencies = (labels[:, :, None] == np.arange(3)).mean(0)
    # independent draws: 4 standard errors of 39,600; given filled rows draws belong together: at most tenfold variance
    wide = 1.0 if integrated else 3.2
    assert np.abs(frequencies - shares()).max() < wide * 4.0 * 0.5 / np.sqrt(39600)
    errors = entries.std(0) / np.sqrt(39600)
    assert (np.abs(entries.mean(0) - expected_entries()) < wide * 4.5 * errors).all()
    if law == "covariance":  # the row without any known coordinate follows the mixture itself
        whole = entries[:, 6:9]
        between = (MEANS - WEIGHTS @ MEANS).T @ np.diag(WEIGHTS) @ (MEANS - WEIGHTS @ MEANS)
        cover = np.tensordot(WEIGHTS, COVARIANCES, 1) + between
        assert np.allclose(np.cov(whole.T), cover, atol=wide * 0.12)


def test_data_stay_as_they_are_and_the_plan_names_the_gaps(capsys):
    before = ROWS.copy()
    z, y = model("precision")
    m = mc.MCMC([z, y])
    m.sample(50, seed=1, progress_bar=False)
    assert np.array_equal(ROWS, before, equal_nan=True)
    print(m.explain())
    assert "missing coordinates drawn with the labels" in capsys.readouterr().out


def test_sums_are_those_of_the_filled_rows():
    """Means and precisions depend on completed rows: their posterior means match a twin that fills rows in NumPy."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0.0, 1.0, (60, 2)), rng.normal(6.0, 1.0, (60, 2))])
    truth = x.copy()
    x[rng.random(x.shape) < 0.25] = NAN
    z = mc.Categorical("z", [0.5, 0.5], size=120)
    mu = mc.MvNormal("mu", [3.0, 3.0], 0.01 * np.eye(2), size=2)
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=x, observed=True)
    m = mc.MCMC([y])
    m.sample(6000, 500, chains=2, seed=2, progress_bar=False)
    known = ~np.isnan(x)
    side = np.where(np.nan_to_num(x, nan=0.0).sum(1) / np.maximum(known.sum(1), 1) > 3.0, 1, 0)
    side[~known.any(1)] = -1  # nothing known of the row: it says nothing of the means
    draws = np.sort(m.trace("mu")[:], axis=1)
    for k in range(2):
        rows = side == k
        # independent coordinates with precision one: n known values a coordinate, each row certain of its side
        n = known[rows].sum(0)
        total = np.where(known[rows], truth[rows], 0.0).sum(0)
        expected = (total + 0.01 * 3.0) / (n + 0.01)
        assert np.abs(draws[:, k].mean(0) - expected).max() < 0.01  # 5 standard errors of 11,000 draws, sd 0.15
        assert np.allclose(draws[:, k].var(0), 1.0 / (n + 0.01), rtol=0.12)


def test_vb_integrates_gaps_out():
    """One component: with a known precision the bound is the evidence, and the mean's factor exact."""
    rng = np.random.default_rng(6)
    x = rng.normal(1.0, 1.0, (40, 2))
    x[rng.random(x.shape) < 0.3] = NAN
    z = mc.Categorical("z", [1.0], size=40)
    mu = mc.MvNormal("mu", [0.0, 0.0], np.eye(2), size=1)
    precision = np.linalg.inv([[1.0, 0.6], [0.6, 2.0]])
    y = mc.Mixture("y", z, mc.MvNormal, mu, precision[None], value=x, observed=True)
    q = mc.VB([y]).update(repeat=500, tol=1e-13, verbose=False, seed=1)
    cover = np.linalg.inv(precision)
    first, second = np.eye(2), np.zeros(2)
    for row in x:
        known = ~np.isnan(row)
        if known.any():
            pick = np.eye(2)[known]
            inside = np.linalg.inv(cover[np.ix_(known, known)])
            first = first + pick.T @ inside @ pick
            second = second + pick.T @ inside @ row[known]
    # factorised over the mean and the gaps: the mean is exact at the optimum, the spread is not
    assert np.allclose(q["mu"].mean[0], np.linalg.solve(first, second), atol=1e-4)
    assert (np.diff(q.bound) >= -1e-9 * abs(q.L)).all()


def test_the_cost_decides_between_integrating_out_and_filling_in():
    rng = np.random.default_rng(7)
    assert gaps.is_cheap(rng.random((20000, 32)) < 0.1)
    assert not gaps.is_cheap(rng.random((20000, 32)) < 0.5)
    few = np.zeros((20000, 32), bool)
    few[::2, :8] = True  # one pattern
    assert gaps.is_cheap(few)


def test_new_rows_with_gaps_in_vb():
    rng = np.random.default_rng(8)
    x = rng.normal([[0.0, 0.0, 0.0], [4.0, 3.0, 1.0]], 1.0, (40, 2, 3)).reshape(-1, 3)
    x[rng.random(x.shape) < 0.1] = NAN
    theta = mc.NormalWishart("theta", np.zeros(3), 0.1, 5, np.eye(3), size=2)
    y = mc.Mixture("y", mc.Dirichlet("w", np.ones(2)), mc.MvNormal, theta, value=x, observed=True)
    q = mc.VB([y]).update(seed=1, verbose=False)
    # the data's own rows: new rows are weighed by the rule of the pass
    np.testing.assert_allclose(q.memberships(x), q.memberships(), rtol=1e-9, atol=1e-12)
    row = np.array([[0.5, NAN, NAN]])
    grid = np.linspace(-60.0, 60.0, 601)
    plane = np.array([[0.5, a, b] for a in grid for b in grid])
    total = np.exp(q.predict_logpdf(plane)).sum() * 0.2**2
    assert np.isclose(np.exp(q.predict_logpdf(row))[0], total, rtol=2e-3)  # heavy tails reach beyond the grid
    assert np.allclose(q.predict_logpdf(np.full((1, 3), NAN)), 0.0)


def test_rows_of_which_nothing_is_known_count_for_nothing_in_vb():
    """As for numbers: the factors are those without these rows, and so is the bound."""
    rng = np.random.default_rng(9)
    x = rng.normal([[0.0, 0.0], [5.0, 5.0]], 1.0, (15, 2, 2)).reshape(-1, 2)

    def fitted(rows):
        w = mc.Dirichlet("w", [1.0, 2.0])
        mu = mc.MvNormal("mu", np.array([[0.0, 0.0], [5.0, 5.0]]), 0.5 * np.eye(2))
        y = mc.Mixture("y", w, mc.MvNormal, mu, np.eye(2), value=rows, observed=True)
        return mc.VB([y]).update(seed=1, tol=1e-12, verbose=False)

    whole, more = fitted(x), fitted(np.concatenate([x, np.full((20, 2), NAN)]))
    assert np.isclose(whole.L, more.L, rtol=1e-10)
    assert np.allclose(whole["mu"].sd, more["mu"].sd) and np.allclose(whole["w"].mean, more["w"].mean)
    assert np.allclose(more.memberships()[30:], more.memberships()[30]) and np.allclose(more.memberships().sum(1), 1.0)
