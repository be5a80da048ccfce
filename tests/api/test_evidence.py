"""Log marginal likelihoods against closed forms and sums over all labels."""

from itertools import product
from math import lgamma

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report.evidence.bridge import bridge, importance
from mcmix.sampling import few_rows
from tests import runs

DATA = np.array([-1.9, -1.2, -0.4, 0.3, 1.4, 1.8, 2.2])


sampled = runs.sampler(iterations=6000, burn=1000, chains=None, seed=1)


def log_normal_rows(y, prior_precision, precision=1.0):
    """Rows with one unknown mean, integrated out."""
    if not len(y):
        return 0.0
    cover = np.eye(len(y)) / precision + 1.0 / prior_precision
    return stats.multivariate_normal(np.zeros(len(y)), cover).logpdf(y)


def log_weights(z, concentration):
    counts, a = np.bincount(z, minlength=len(concentration)), np.asarray(concentration, float)
    return (
        lgamma(a.sum())
        - lgamma(a.sum() + len(z))
        + sum(lgamma(x + n) - lgamma(x) for x, n in zip(a, counts, strict=True))
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_mixtures_of_normals_by_enumeration(k):
    exact = logsumexp(
        [
            log_weights(np.array(z), np.full(k, 2.0))
            + sum(log_normal_rows(DATA[np.array(z) == j], 0.5) for j in range(k))
            for z in product(range(k), repeat=len(DATA))
        ]
    )
    mu, w = mc.Normal("mu", 0, 0.5, size=k), mc.Dirichlet("w", np.full(k, 2.0))
    z = mc.Categorical("z", w, size=len(DATA))
    found = mc.evidence(sampled([mc.Normal("y", mu[z], 1.0, value=DATA, observed=True), mu, w]))
    assert abs(found.log - exact) < max(0.05, 5 * found.error)
    assert abs(found.importance.log - exact) < max(0.05, 5 * found.importance.error)
    assert found.error < 0.05
    assert found.agree


def test_the_answer_does_not_depend_on_label_switching():
    """Chains that never exchange names, and chains that always do, say the same."""
    data = np.concatenate([DATA, DATA + 9.0])

    def nodes():
        mu, w = mc.Normal("mu", 4, 0.05, size=2), mc.Dirichlet("w", [2.0, 2.0])
        z = mc.Categorical("z", w, size=len(data))
        return [mc.Normal("y", mu[z], 1.0, value=data, observed=True), mu, w]

    still = sampled(nodes())
    assert len(np.unique(np.sign(np.diff(still.draws().variables["mu"][0])))) == 1
    moved = sampled(nodes())
    draws, rng = moved.draws().variables, np.random.default_rng(3)
    order = np.array([rng.permutation(2) for _ in range(draws["w"].shape[0] * draws["w"].shape[1])])
    for name in ("mu", "w"):
        draws[name] = np.take_along_axis(draws[name], order.reshape(draws[name].shape), axis=2)
    first, second = mc.evidence(still), mc.evidence(moved)
    assert abs(first.log - second.log) < 5 * np.hypot(first.error, second.error)


def test_priors_that_differ_are_no_k_factorial():
    mu = mc.Normal("mu", [-1.0, 2.0], [0.5, 1.0])
    z = mc.Categorical("z", [0.5, 0.5], size=len(DATA))
    found = mc.evidence(sampled([mc.Normal("y", mu[z], 1.0, value=DATA, observed=True), mu]))
    exact = logsumexp(
        [
            -len(DATA) * np.log(2)
            + log_normal_rows(DATA[np.array(z) == 0] + 1.0, 0.5)
            + log_normal_rows(DATA[np.array(z) == 1] - 2.0, 1.0)
            for z in product(range(2), repeat=len(DATA))
        ]
    )
    assert abs(found.log - exact) < 0.05


def test_a_model_without_labels():
    tau = mc.Gamma("tau", 3.0, 2.0)
    found = mc.evidence(sampled([tau, mc.Normal("y", 0.0, tau, value=DATA, observed=True)]))
    n, square = len(DATA), (DATA**2).sum()
    exact = -0.5 * n * np.log(2 * np.pi) + 3 * np.log(2) - lgamma(3) + lgamma(3 + n / 2)
    exact -= (3 + n / 2) * np.log(2 + square / 2)
    assert abs(found.log - exact) < 0.02
    assert "they agree" in repr(found)


def test_vectors():
    rows = np.stack([DATA, DATA[::-1]], axis=1)
    matrix = mc.Wishart("T", 5.0, 2.0 * np.eye(2))
    found = mc.evidence(sampled([matrix, mc.MvNormal("y", np.zeros(2), matrix, value=rows, observed=True)]))
    n, s = len(rows), 2.0 * np.eye(2) + rows.T @ rows
    gamma = [0.5 * np.log(np.pi) + lgamma(v / 2) + lgamma((v - 1) / 2) for v in (5.0, 5.0 + n)]
    exact = -n * np.log(np.pi) + gamma[1] - gamma[0] + 2.5 * np.log(4.0) - 0.5 * (5 + n) * np.log(np.linalg.det(s))
    assert abs(found.log - exact) < 0.05


def test_bridge_and_importance_on_known_integrals():
    rng = np.random.default_rng(5)
    x, proposed = rng.gamma(3.0, size=(4, 2000)), rng.gamma(2.0, size=8000) * 1.6
    law = stats.gamma(2.0, scale=1.6)

    def ratio(at):
        return 2.0 * np.log(at) - at - law.logpdf(at)

    for found in (bridge(ratio(x), ratio(proposed)), importance(ratio(proposed))):
        assert abs(found.log - np.log(2.0)) < 5 * found.error
        assert found.error < 0.02


def test_errors_are_of_the_right_size():
    found = []
    for seed in range(40):
        mu = mc.Normal("mu", 0, 1)
        m = mc.MCMC([mu, mc.StudentT("y", 3.0, mu, 1.0, value=DATA, observed=True)])
        found.append(mc.evidence(m.sample(700, 200, chains=2, seed=seed, progress_bar=False), draws=400, seed=seed))
    spread = np.std([f.log for f in found], ddof=1)
    assert 0.5 < spread / np.mean([f.error for f in found]) < 2.0


def test_bad_input():
    n = mc.Poisson("n", 3.0)
    m = sampled([n, mc.Normal("y", n, 1.0, value=[2.0, 3.0], observed=True)])
    with pytest.raises(ModelError, match="evidence: expected continuous unknowns.*n "):
        mc.evidence(m)
    mu = mc.Normal("mu", 0, 1, trace=False)
    m = sampled([mu, mc.Normal("y", mu, 1.0, value=[2.0, 3.0], observed=True)])
    with pytest.raises(ModelError, match="not kept: mu"):
        mc.evidence(m)
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1.0, value=[2.0], observed=True)]).sample(20, seed=1, progress_bar=False)
    wide = mc.MCMC([mc.Normal("wide", 0, 1, size=30)]).sample(100, chains=2, seed=1)
    with pytest.raises(ModelError, match=r"expected at least 180 draws, got 120 \(30 free parameters\)"):
        mc.evidence(wide, draws=120)
    with pytest.raises(ModelError, match="expected at least 100 draws, got 80"):
        mc.evidence(m)


@pytest.mark.parametrize("call", [mc.evidence, mc.classify, mc.compare, lambda m: mc.compare({1: m})])
@pytest.mark.parametrize("what", [None, [1, 2], {"mu": 1.0}])
def test_what_is_no_sampler_is_refused(call, what):
    with pytest.raises(ModelError, match="expected"):
        call(what)


def test_label_vectors_on_the_same_components_are_refused():
    mu = mc.Normal("mu", 0, 0.1, size=2)
    a, b = mc.Categorical("a", [0.5, 0.5], size=3), mc.Categorical("b", [0.5, 0.5], size=2)
    y = mc.Normal("y", mu[a], 1.0, value=[-3.0, 3.0, 3.5], observed=True)
    u = mc.Normal("u", mu[b], 1.0, value=[-3.0, 3.0], observed=True)
    with pytest.raises(ModelError, match="a and b look up the same components .mu."):
        mc.evidence(sampled([y, u, mu]))


def test_chains_that_disagree_are_told():
    mu = mc.Normal("mu", 0, 1)
    m = mc.MCMC([mu, mc.Normal("y", mu, 1.0, value=DATA, observed=True)])
    m.sample(1_000, 200, chains=2, seed=1, progress_bar=False)
    assert "but of the chains" not in repr(mc.evidence(m))
    kept = m.draws().variables
    kept["mu"] = kept["mu"] + [[0.0], [1.0]]
    assert "but of the chains: chains disagree" in repr(mc.evidence(m))


def test_many_rows_have_the_evidence_of_all_of_them(monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.normal(np.where(rng.random(12_000) < 0.4, 0.0, 3.0), 1.0)
    mu, w = mc.Normal("mu", 0.0, 0.05, size=2), mc.Dirichlet("w", [1.0, 1.0])
    m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])
    m.sample(600, 200, chains=2, seed=1)
    by_few = mc.evidence(m, draws=400)
    monkeypatch.setattr(few_rows, "MANY_UNITS", len(x) + 1)
    assert by_few.log == pytest.approx(mc.evidence(m, draws=400).log, abs=1e-4)


def test_draws_and_proposals_that_have_nothing_in_common_have_no_error():
    found = bridge(np.zeros((2, 50)), np.full(100, -np.inf))
    assert found.error == np.inf


def test_tiny_overlaps_have_an_error_that_is_a_number():
    rng = np.random.default_rng(1)
    found = bridge(rng.normal(0.0, 1.0, (2, 50)), np.where(np.arange(100) < 5, -500.0, -700.0))
    assert found.error > 0.0 and not np.isnan(found.error)
