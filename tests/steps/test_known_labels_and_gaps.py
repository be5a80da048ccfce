"""Labels known for some units beside missing coordinates: the label update, and everything after it."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from tests import runs

X = np.array([[0.2, -0.4], [3.9, 0.3], [np.nan, 0.8], [2.1, np.nan], [0.4, 0.1], [np.nan, np.nan]])
KNOWN = {1: 1, 2: 0, 5: 1}
WEIGHTS = np.array([0.4, 0.6])
MEANS = np.array([[0.0, 0.0], [3.0, 0.0]])


def known(n=6, labels=KNOWN):
    mask = np.ones(n, dtype=bool)
    mask[list(labels)] = False
    return np.ma.masked_array([labels.get(i, 0) for i in range(n)], mask=mask)


sampled = runs.sampler(iterations=400, burn=100, chains=2, seed=1)


def density(row, k, mean):
    seen = ~np.isnan(row)
    return stats.norm.logpdf(row[seen], mean[k][seen], 1.0).sum()


def test_against_enumeration():
    """Two unknown means of known precision: posterior of labels by summing over all of them, means integrated out."""
    z = mc.Categorical("z", WEIGHTS, value=known(), observed=True)
    mu = mc.MvNormal("mu", MEANS, 0.5 * np.eye(2))
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=X, observed=True)
    m = mc.MCMC([z, mu, y])
    assert {s.variables[0].name: s.name for s in m.assembled.steps}["z"] == "label update"
    m.sample(20000, 500, chains=2, seed=2, progress_bar=False)
    rest, logs, found = [0, 3, 4], [], []
    for free in itertools.product([0, 1], repeat=3):
        full = np.array([KNOWN.get(i, -1) for i in range(6)])
        full[rest] = free
        logs.append(np.log(WEIGHTS[full]).sum() + sum(_evidence(X[full == k], MEANS[k]) for k in (0, 1)))
        found.append(full[rest])
    exact = np.exp(logs - logsumexp(logs)) @ np.array(found)
    draws = m.trace("z")[:]
    assert draws.shape == (39000, 3)
    errors = draws.reshape(100, -1, 3).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(draws.mean(0) - exact) < 4.5 * errors).all()
    shares = m.memberships()
    assert np.array_equal(shares[[1, 2, 5]], np.eye(2)[[1, 0, 1]])
    assert np.allclose(shares[rest, 1], exact, atol=0.02)


def _evidence(rows, centre, precision=0.5):
    """Log marginal density of what rows show, coordinate by coordinate (all matrices are diagonal)."""
    total = 0.0
    for column, c in zip(rows.T, centre, strict=True):
        about = column[~np.isnan(column)] - c
        n = len(about)
        total += 0.5 * (np.log(precision / (precision + n)) - about @ about - n * np.log(2.0 * np.pi))
        total += 0.5 * about.sum() ** 2 / (precision + n)
    return total


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 60)
    x = np.array([[0.0, 0.0], [6.0, 0.0]])[truth] + rng.normal(0, 1, (60, 2))
    x[[4, 9], [1, 0]] = np.nan
    some = {i: int(truth[i]) for i in range(0, 60, 5)}
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, value=known(60, some), observed=True)
    theta = mc.NormalWishart("th", [1, 1], 0.1, 4, np.eye(2), size=2)
    y = mc.Mixture("y", z, mc.MvNormal, theta, value=x, observed=True)
    return sampled([y]), truth, some


def test_everything_after_the_draws(clusters, tmp_path):
    m, truth, some = clusters
    found = mc.classify(m)
    assert (found.classes == truth).mean() > 0.95
    assert np.array_equal(found.probabilities[list(some)].argmax(1), truth[list(some)])
    assert mc.partition(m).labels.shape == (60,)
    assert m.trace("z")[:].shape[1] == 60 - len(some)
    assert m.posterior_predictive(20)["y"].shape == (20, 60, 2)
    log = m.to_arviz(log_likelihood=True)["log_likelihood"]
    assert np.asarray(log["y"]).shape[-1] == 60
    with pytest.raises(mc.ModelError, match="labels of z are known"):
        mc.relabel(m)
    again = mc.MCMC(m.model).restore_state(m.save_state(tmp_path / "state.npz"))
    assert np.array_equal(
        m.sample(50, progress_bar=False).trace("z")[:], again.sample(50, progress_bar=False).trace("z")[:]
    )
    read = mc.MCMC(m.model).read(m.to_arviz())
    assert np.array_equal(read.trace("z")[:], m.trace("z")[:])


def test_labels_that_were_not_kept_are_drawn_again(clusters):
    m, truth, some = clusters
    other = mc.MCMC(m.model, label_budget=0).sample(400, 100, chains=2, seed=1, progress_bar=False)
    assert "z" not in other.draws().variables
    found = mc.partition(other)
    assert mc.adjusted_rand(found.labels, truth) > 0.9


def test_two_classes_of_three_stay_alike():
    """Known labels pin one of three components; the other two are alike, with gaps as without."""
    rng = np.random.default_rng(5)
    x = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])[np.arange(45) % 3] + rng.normal(0, 1, (45, 2))
    x[7, 1] = np.nan
    w = mc.Dirichlet("w", [1, 1, 1])
    z = mc.Categorical("z", w, value=known(45, {0: 0, 3: 0}), observed=True)
    mu = mc.MvNormal("mu", [1, 1], 0.1 * np.eye(2), size=3)
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=x, observed=True)
    m = sampled([y])
    assert mc.relabel(m).attrs["relabelling within"].startswith("{1, 2}")
