"""Rows of vectors whose labels are known for some: exact in Gibbs, and in VB."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

import mcmix as mc

X = np.array([[0.1, -0.3], [0.8, 1.1], [2.6, 2.0], [-0.9, 0.4], [1.9, 2.7], [1.2, 0.9]])
WEIGHTS = np.array([0.4, 0.6])
KNOWN = {1: 0, 4: 1}


def evidence(rows, precision=0.5):
    """Rows of unit precision about a mean ~ N(1, 1 / precision), coordinate by coordinate."""
    n, about = len(rows), rows - 1.0
    total = precision + n
    each = np.log(precision / total) - (about**2).sum(0) + about.sum(0) ** 2 / total - n * np.log(2.0 * np.pi)
    return 0.5 * each.sum()


def masked(labels, known):
    value = np.ma.masked_array(np.zeros(len(labels), int), mask=True)
    for i in known:
        value[i] = labels[i]
    return value


def test_against_enumeration():
    value = masked({i: k for i, k in KNOWN.items()} | dict.fromkeys(set(range(6)) - set(KNOWN), 0), KNOWN)
    z = mc.Categorical("z", WEIGHTS, value=value, observed=True)
    mu = mc.MvNormal("mu", np.ones(2), 0.5 * np.eye(2), size=2)
    y = mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=X, observed=True)
    m = mc.MCMC([z, mu, y])
    steps = {s.variables[0].name: s.name for s in m.assembled.steps}
    assert steps == {"z": "label update", "mu": "conjugate Gibbs"}
    m.sample(20000, 500, chains=2, seed=1, progress_bar=False)
    rest, logs, labels = [i for i in range(6) if i not in KNOWN], [], []
    for free in itertools.product([0, 1], repeat=4):
        full = np.zeros(6, int)
        full[rest], full[list(KNOWN)] = free, list(KNOWN.values())
        logs.append(np.log(WEIGHTS[full]).sum() + sum(evidence(X[full == k]) for k in (0, 1)))
        labels.append(full)
    exact = np.exp(logs - logsumexp(logs)) @ np.array(labels)
    draws = m.trace("z")[:].reshape(-1, 4)
    errors = draws.reshape(100, -1, 4).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(draws.mean(0) - exact[rest]) < 4.5 * errors).all()
    shares = m.memberships()
    assert shares.shape == (6, 2) and np.array_equal(shares[[1, 4]], [[1.0, 0.0], [0.0, 1.0]])
    assert np.abs(shares[:, 1] - exact).max() < 0.04


def test_a_tenth_of_the_labels_names_the_components():
    rng = np.random.default_rng(2)
    truth = rng.permutation(np.repeat([0, 1, 2], 60))
    x = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[truth] + rng.normal(size=(180, 2))
    known = np.concatenate([np.flatnonzero(truth == k)[:6] for k in range(3)])
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), value=masked(truth, known), observed=True)
    mu = mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=3)
    matrices = mc.Wishart("P", 4, np.eye(2), size=3)
    y = mc.Mixture("y", z, mc.MvNormal, mu, matrices, value=x, observed=True)
    q = mc.VB([y]).update(seed=1, verbose=False)
    m = mc.MCMC([y]).sample(600, 200, seed=1, progress_bar=False)
    for shares in (q.memberships(), m.memberships()):
        assert shares.shape == (180, 3) and (shares.argmax(1) == truth).mean() > 0.93
    assert (np.diff(q.bound) >= -1e-9 * abs(q.L)).all()
    assert np.abs(q["mu"].mean - m.trace("mu")[:].mean(0)).max() < 0.1


def test_all_labels_known_need_sums_only():
    """Known groups of vectors: sums once and for all, and exact draws, whatever the number of rows."""
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1], [30, 50])
    x = rng.normal(size=(80, 2)) + 3.0 * groups[:, None]
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2)
    y = mc.Mixture("y", groups, mc.MvNormal, mu, np.eye(2), value=x, observed=True)
    m = mc.MCMC([mu, y])
    assert m.assembled.structure.about(mu)[-1].over == "cells"
    m.sample(4000, 10, chains=2, seed=4, progress_bar=False)
    draws = m.trace("mu")[:]
    for k, n in enumerate([30, 50]):
        exact = x[groups == k].sum(0) / (n + 0.1)
        assert np.abs(draws[:, k].mean(0) - exact).max() < 4.5 / np.sqrt((n + 0.1) * 7980)
        assert np.allclose(draws[:, k].var(0), 1.0 / (n + 0.1), rtol=0.1)


def test_rows_of_categories_and_counts():
    """Known labels beside rows of categories and of counts: both engines, and the exact posterior of the weights."""
    labels = np.ma.masked_array([0, 0, 1, 0], mask=[False, True, False, True])
    x = np.array([0, 1, 2, 1])
    counts = np.eye(3, dtype=int)[x]
    logs, means = [], []
    for free in itertools.product([0, 1], repeat=2):
        full = np.array([0, free[0], 1, free[1]])
        table = np.ones((2, 3))
        np.add.at(table, (full, x), 1.0)
        evidence = gammaln(table).sum() - gammaln(table.sum(1)).sum()
        logs.append(np.log(WEIGHTS[full]).sum() + evidence)
        means.append(table / table.sum(1, keepdims=True))
    share = np.exp(logs - logsumexp(logs))
    exact = np.tensordot(share, np.array(means), 1)
    for law, rows, given in ((mc.Categorical, x, ()), (mc.Multinomial, counts, (1,))):
        z = mc.Categorical("z", WEIGHTS, value=labels, observed=True)
        p = mc.Dirichlet("p", np.ones(3), size=2)
        y = mc.Mixture("y", z, law, *given, p, value=rows, observed=True)
        m = mc.MCMC([y])
        m.sample(20000, 200, chains=2, seed=5, progress_bar=False)
        assert {s.variables[0].name: s.name for s in m.assembled.steps} == {"z": "label update", "p": "conjugate Gibbs"}
        draws = m.trace("p")[:]
        errors = draws.reshape(99, -1, 2, 3).mean(1).std(0, ddof=1) / np.sqrt(99)
        assert (np.abs(draws.mean(0) - exact) < 4.5 * errors).all()
        q = mc.VB([y]).update(seed=1, verbose=False)
        assert np.abs(q["p"].mean - exact).max() < 0.1 and q.memberships().shape == (4, 2)


def test_known_labels_and_missing_coordinates_at_once():
    """Served the exact way: non-factorising labels, coordinates from their conditional; VB says that it cannot."""
    x = X.copy()
    x[0, 1] = x[4, 0] = np.nan
    value = np.ma.masked_array([0, 0, 0, 0, 1, 0], mask=[True, False, True, True, False, True])
    z = mc.Categorical("z", WEIGHTS, value=value, observed=True)
    y = mc.Mixture("y", z, mc.MvNormal, np.array([[0.0, 0.5], [2.0, 2.0]]), np.eye(2), value=x, observed=True)
    m = mc.MCMC([z, y])
    m.sample(20000, 500, chains=2, seed=6, progress_bar=False)
    rows = [0, 2, 3, 5]
    known = ~np.isnan(x[rows])
    about = [np.where(known, x[rows] - c, 0.0) for c in ([0.0, 0.5], [2.0, 2.0])]
    logs = np.log(WEIGHTS) - 0.5 * np.array([(a**2).sum(1) for a in about]).T
    exact = np.exp(logs[:, 1] - logsumexp(logs, axis=1))
    draws = m.trace("z")[:].reshape(-1, 4)
    errors = draws.reshape(100, -1, 4).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(draws.mean(0) - exact) < 4.5 * errors + 1e-3).all()
    entries = m.trace("y")[:]
    # the missing coordinate of row 4, whose label is known, is a standard normal about its component's mean
    assert abs(entries[:, 1].mean() - 2.0) < 4.5 / np.sqrt(len(entries) / 3.0)
    with pytest.raises(mc.ModelError, match="use MCMC"):
        mc.VB([z, mc.MvNormal("mu", np.zeros(2), np.eye(2)), y])
