"""Mixtures in one line: the same draws as the explicit look-up, several distributions, refusals."""

import itertools

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import runs
from tests.references import assert_law, assert_mean, assert_shares, chains_of

ROWS = np.array([-1.3, 0.2, 0.9, 2.4, 3.1, 4.0, 0.4, 5.2])


sampled = runs.sampler(iterations=3000, burn=500)


def build(kind):
    w = mc.Dirichlet("w", [1.0, 2.0])
    mu, tau = mc.Normal("mu", [0.0, 3.0], 0.2, size=2), mc.Gamma("tau", 2.0, 1.0, size=2)
    if kind == "weights":
        return [w, mu, tau, mc.Mixture("y", w, mc.Normal, mu, tau, value=ROWS, observed=True)]
    z = mc.Categorical("z", w, size=8)
    if kind == "labels":
        return [w, mu, tau, mc.Mixture("y", z, mc.Normal, mu, precision=tau, value=ROWS, observed=True)]
    return [w, mu, tau, mc.Normal("y", mu[z], tau[z], value=ROWS, observed=True)]


def test_labels_weights_and_the_explicit_look_up_are_one():
    explicit, labels, weights = (sampled(build(kind), 1) for kind in ("explicit", "labels", "weights"))
    for name in ("w", "mu", "tau"):
        np.testing.assert_array_equal(explicit.trace(name)[:], labels.trace(name)[:])
        np.testing.assert_array_equal(explicit.trace(name)[:], weights.trace(name)[:])
    np.testing.assert_allclose(explicit.memberships("z"), weights.memberships())
    assert "y label" not in weights.draws().variables


@pytest.mark.parametrize("weights", [[0.3, 0.7], "nodes"])
def test_known_and_listed_weights(weights):
    p = mc.Beta("p", 3.0, 7.0)
    given = [p, 1 - p] if weights == "nodes" else weights
    y = mc.Mixture("y", given, mc.Normal, [0.0, 3.0], 1.0, value=ROWS, observed=True)
    m = sampled([p, y] if weights == "nodes" else [y], 2)
    shares = m.memberships()
    assert shares.shape == (8, 2)
    if weights != "nodes":
        odds = np.array(weights) * np.stack([stats.norm(c, 1.0).pdf(ROWS) for c in (0.0, 3.0)], 1)
        np.testing.assert_allclose(shares, odds / odds.sum(1, keepdims=True), rtol=1e-10)


def test_shared_parameters_and_alternative_names():
    w = mc.Dirichlet("w", [1.0, 1.0, 1.0])
    y = mc.Mixture("y", w, mc.Normal, [0.0, 2.0, 4.0], sigma=0.8, value=ROWS, observed=True)
    z = mc.Categorical("z", w, size=8)
    same = mc.Normal("same", mc.Index("m", np.array([0.0, 2.0, 4.0]), z), sigma=0.8, value=ROWS, observed=True)
    np.testing.assert_array_equal(sampled([y], 3).trace("w")[:], sampled([same], 3).trace("w")[:])


def test_a_normal_with_a_uniform_background():
    """Memberships by Bayes' rule, and the mean by enumeration of which rows it owns."""
    rows = np.array([0.3, -0.6, 1.1, 20.0, -31.0])
    mu = mc.Normal("mu", 0.0, 0.5)
    y = mc.Mixture("y", [0.8, 0.2], [mc.Normal.dist(mu, 1.0), mc.Uniform.dist(-50, 50)], value=rows, observed=True)
    m = sampled([mu, y], 4, 12000)
    owned = (np.arange(32)[:, None] >> np.arange(5)) & 1  # which rows the normal owns
    total = 0.5 + owned.sum(1)
    centre = owned @ rows / total
    logs = owned.sum(1) * np.log(0.8) + (1 - owned).sum(1) * np.log(0.2 / 100)
    logs += -0.5 * owned.sum(1) * np.log(2 * np.pi) + 0.5 * np.log(0.5 / total)
    logs += -0.5 * (owned @ rows**2 - total * centre**2)
    mass = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    assert_mean(chains_of(m, "mu"), mass @ centre)
    np.testing.assert_allclose(m.memberships()[:, 0], mass @ owned, atol=0.02)


def test_counts_of_two_kinds():
    counts = np.array([0, 0, 0, 3, 5, 0, 4])
    rate = mc.Gamma("rate", 4.0, 1.0)
    z = mc.Bernoulli("z", 0.4, size=7)
    y = mc.Mixture("y", z, [mc.DiscreteUniform.dist(0, 0), mc.Poisson.dist(rate)], value=counts, observed=True)
    m = sampled([rate, z, y], 5, 12000)
    zeros = (np.arange(16)[:, None] >> np.arange(4)) & 1  # which of the four zeros are Poisson
    n = 3 + zeros.sum(1)
    logs = n * np.log(0.4) + (4 - zeros.sum(1)) * np.log(0.6) - (16.0) * np.log(1.0 + n)
    mass = np.exp(logs) / np.exp(logs).sum()
    assert_mean(chains_of(m, "rate"), mass @ (16.0 / (1.0 + n)))
    assert_shares(chains_of(m, "z")[..., [0, 1, 2, 5]] == 1, mass @ zeros)
    assert y.dtype.kind == "i"
    assert set(np.asarray(mc.Mixture("new", z, y.components).random()[:3])) <= set(range(40))


def test_unknown_rows_of_a_mixture_are_drawn():
    w = [0.25, 0.75]
    x = mc.Mixture("x", w, mc.Normal, [-5.0, 5.0], 1.0, size=3)
    m = sampled([x], 6)
    assert_mean(chains_of(m, "x"), 2.5)
    alone = mc.Mixture("x", [1.0, 0.0], [mc.Normal.dist(0, 1), mc.Cauchy.dist(0, 1)], size=2)
    m = sampled([alone], 7)
    assert_law(chains_of(m, "x")[..., 0], stats.norm())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mc.Mixture("y", [0.5, 0.5], [mc.Normal.dist(0, 1), mc.Poisson.dist(3)], value=[1.0], observed=True),
         ("y", "Normal", "Poisson", "ZeroInflatedPoisson")),
        (lambda: mc.Mixture("y", [0.5, 0.5], mc.Normal, 0.0, 1.0, size=2), ("y", "first axis 2", "mean ()")),
        (lambda: mc.Mixture("y", [0.5, 0.5], mc.Normal, [0.0, 1.0], 1.0), ("y", "rows", "value", "size")),
        (lambda: mc.Mixture("y", [0.2, 0.3, 0.5], [mc.Normal.dist(0, 1)] * 2, size=2), ("y", "3 weights", "2 dist")),
        (lambda: mc.Mixture("y", [0.5, 0.9], mc.Normal, [0.0, 1.0], 1.0, size=2), ("y", "labels", "weights", "0.9")),
    ],
)  # fmt: skip
def test_what_is_no_mixture_is_refused(make, words):
    with pytest.raises(mc.ModelError) as refusal:
        make()
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_what_is_no_law_is_refused():
    with pytest.raises(TypeError, match="y.*distribution class"):
        mc.Mixture("y", [0.5, 0.5], "Normal", [0.0, 1.0], 1.0, size=2)
    with pytest.raises(TypeError, match=r"y.*dist"):
        mc.Mixture("y", [0.5, 0.5], [mc.Normal, mc.Cauchy], size=2)
    with pytest.raises(TypeError, match="y"):
        mc.Mixture("y", [0.5, 0.5], [mc.Normal.dist(0, 1)] * 2, 3.0, size=2)


def test_known_unequal_weights_let_a_chain_out_of_the_swapped_mode():
    """Components change places together with the numbers of their rows; what the weights say of these decides."""
    rng = np.random.default_rng(4)
    x = np.concatenate([rng.normal(0.0, 1.0, 70), rng.normal(6.0, 1.0, 30)])
    mu = mc.Normal("mu", 3.0, 0.05, size=2)
    y = mc.Mixture("y", [0.7, 0.3], mc.Normal, mu, 1.0, value=x, observed=True)
    m = mc.MCMC([y])
    m.sample(300, 100, seed=1, start={"mu": np.array([6.0, 0.0])}, progress_bar=False)
    draws = m.trace("mu")[:]
    assert (draws[:, 0] < 1.0).all() and (draws[:, 1] > 5.0).all()


@pytest.mark.parametrize("weights", [(0.35, 0.65), (0.2, 0.3, 0.5)])
def test_known_unequal_weights_against_enumeration(weights):
    """Few overlapping rows: both orders of the names are probable, and each as probable as it should be."""
    x, weights = np.array([-0.4, 0.3, 0.9, 1.6, 2.2]), np.array(weights)
    k = len(weights)
    z = mc.Categorical("z", weights, size=5)
    mu = mc.Normal("mu", 1.0, 0.5, size=k)
    y = mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)
    m = mc.MCMC([z, mu, y])
    m.sample(30000, 500, chains=2, seed=8, progress_bar=False)
    logs, cells = [], np.array(list(itertools.product(range(k), repeat=5)))
    for c in cells:
        total = np.log(weights[c]).sum()
        for j in range(k):
            about = x[c == j] - 1.0
            precision = 0.5 + len(about)
            total += 0.5 * (np.log(0.5 / precision) - (about**2).sum() + about.sum() ** 2 / precision)
        logs.append(total)
    share = np.exp(logs - np.logaddexp.reduce(logs))
    exact = np.array([[share[cells[:, i] == j].sum() for j in range(k)] for i in range(5)])
    hits = (m.trace("z")[:].reshape(-1, 5)[:, :, None] == np.arange(k)).astype(float)
    errors = hits.reshape(100, -1, 5, k).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(hits.mean(0) - exact) < 4.5 * errors).all()
    moved = next(s for s in m.assembled.steps if s.variables[0].name == "z").ratio
    assert 0.2 < moved < 1.0  # exchanges do happen


def test_a_law_that_wraps_another_says_how_it_is_written():
    mu = mc.Normal("mu", 0, 1, size=2)
    with pytest.raises(TypeError, match=r"Censored\('y', mc.Normal, mu\[z\]"):
        mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Censored, mu, 1.0, value=[1.0, 2.0], observed=True)


def test_a_point_mass_beside_a_density_is_refused_with_a_way_out():
    parts = [mc.DiscreteUniform.dist(0, 0), mc.Normal.dist(mc.Normal("mu", 0, 1), 1.0)]
    with pytest.raises(
        mc.ModelError, match="for a point mass beside a density HurdleGamma, HurdleLognormal or ZeroOneInflatedBeta"
    ):
        mc.Mixture("y", mc.Dirichlet("w", [1, 1]), parts, value=[0.0, 1.2], observed=True)
