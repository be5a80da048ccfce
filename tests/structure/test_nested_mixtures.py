"""Mixtures of mixtures: two labels a row, held to sums over all of them."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

import mcmix as mc

X = np.array([-1.2, 0.3, 0.9, 2.8, 3.6])
OUTER = np.array([0.35, 0.65])
INNER = np.array([[0.2, 0.8], [0.7, 0.3]])
CENTRES = np.array([[-1.0, 1.0], [2.0, 4.0]])


def all_labels(n, shape=(2, 2)):
    return np.array(list(itertools.product(range(np.prod(shape)), repeat=n)))


def normal_evidence(rows, centre, precision=0.8):
    """Log marginal density of normal rows of precision one about a mean ~ N(centre, 1 / precision)."""
    n, about = len(rows), rows - centre
    total = precision + n
    return 0.5 * (np.log(precision / total) - (about @ about) + about.sum() ** 2 / total - n * np.log(2.0 * np.pi))


def exact_shares(log_of_labels, cells):
    logs = np.array([log_of_labels(c) for c in cells])
    p = np.exp(logs - logsumexp(logs))
    return np.array([[p[cells[:, i] == k].sum() for k in range(4)] for i in range(cells.shape[1])])


def frequencies(m, outer, inner):
    cell = 2 * m.trace(outer)[:].reshape(-1, 5) + m.trace(inner)[:].reshape(-1, 5)
    hits = (cell[:, :, None] == np.arange(4)).astype(float)
    errors = hits.reshape(100, -1, 5, 4).mean(1).std(0, ddof=1) / 10.0
    return hits.mean(0), errors


def build(spelling):
    """The same model, written with the nested distribution or by hand."""
    z = mc.Categorical("z", OUTER, size=5)
    t = mc.Categorical("t", mc.Index("inner", INNER, z), size=5)
    mu = mc.Normal("mu", CENTRES, 0.8)
    if spelling == "nested":
        y = mc.Mixture("y", z, mc.Mixture, t, mc.Normal, mu, 1.0, value=X, observed=True)
    else:
        at = mc.Lambda("at", lambda mu=mu, z=z, t=t: mu[z, t])
        y = mc.Normal("y", at, 1.0, value=X, observed=True)
    return [z, t, mu, y]


@pytest.mark.parametrize("spelling", ["nested", "by hand"])
def test_two_levels_against_enumeration(spelling):
    m = mc.MCMC(build(spelling))
    m.sample(30000, 1000, chains=2, seed=3, progress_bar=False)
    assert {s.variables[0].name: s.name for s in m.assembled.steps}["z"] == "label update"

    def logs(c):
        own = np.log(OUTER[c // 2] * INNER[c // 2, c % 2]).sum()
        return own + sum(normal_evidence(X[c == k], CENTRES.ravel()[k]) for k in range(4))

    exact = exact_shares(logs, all_labels(5))
    found, errors = frequencies(m, "z", "t")
    assert (np.abs(found - exact) < 4.5 * errors + 1e-3).all()


def test_spellings_draw_alike():
    first, second = (mc.MCMC(build(s)).sample(200, seed=7, progress_bar=False) for s in ("nested", "by hand"))
    assert np.array_equal(first.trace("mu")[:], second.trace("mu")[:])
    assert np.array_equal(first.trace("t")[:], second.trace("t")[:])


def test_weights_alone_and_their_posteriors():
    """Weights at both levels are updated from counts of pairs of labels: enumeration with Dirichlet evidences."""

    def evidence(counts):
        return gammaln(counts + 1.0).sum() - gammaln(counts.sum() + len(counts))  # Dirichlet(1, ..., 1)

    outer = mc.Dirichlet("outer", [1.0, 1.0])
    inner = mc.Dirichlet("inner", [1.0, 1.0], size=2)
    y = mc.Mixture("y", outer, mc.Mixture, inner, mc.Normal, CENTRES, 1.0, value=X, observed=True)
    m = mc.MCMC([y])
    m.sample(30000, 1000, chains=2, seed=5, progress_bar=False)
    density = -0.5 * (X[:, None] - CENTRES.ravel()) ** 2
    logs, means = [], []
    for c in all_labels(5):
        counts = np.bincount(c, minlength=4).reshape(2, 2).astype(float)
        logs.append(density[np.arange(5), c].sum() + evidence(counts.sum(1)) + sum(evidence(row) for row in counts))
        rows = (counts + 1.0) / (counts.sum(1, keepdims=True) + 2.0)
        means.append(np.append((counts.sum(1) + 1.0) / 7.0, rows.ravel()))
    p = np.exp(logs - logsumexp(logs))
    exact = p @ np.array(means)
    draws = np.column_stack([m.trace("outer")[:].reshape(-1, 2), m.trace("inner")[:].reshape(-1, 4)])
    errors = draws.reshape(100, -1, 6).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(draws.mean(0) - exact) < 4.5 * errors).all()


def test_nested_categories_with_counts_by_hand():
    """One row per pair of known labels: the posterior of each table of categories is its own counts."""
    outer, inner = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 1, 0, 0, 1, 1])
    x = np.array([2, 0, 1, 1, 1, 2, 2])
    p = mc.Dirichlet("p", np.ones(3), size=(2, 2))
    y = mc.Mixture("y", outer, mc.Mixture, inner, mc.Categorical, p, value=x, observed=True)
    m = mc.MCMC([y])
    m.sample(20000, 10, chains=1, seed=2, progress_bar=False)
    counts = np.zeros((2, 2, 3))
    np.add.at(counts, (outer, inner, x), 1.0)
    exact = (counts + 1.0) / (counts + 1.0).sum(-1, keepdims=True)
    draws = m.trace("p")[:]
    assert (np.abs(draws.mean(0) - exact) < 4.5 * draws.std(0) / np.sqrt(len(draws))).all()


def test_axes_in_front():
    """One axis belongs to the inner label, (K, 1) to the outer one."""
    z, t = np.array([0, 1, 1]), np.array([2, 0, 1])
    scale = np.array([[1.0], [4.0]])
    y = mc.Mixture("y", z, mc.Mixture, t, mc.Normal, np.array([1.0, 2.0, 3.0]), scale, size=3)
    assert np.array_equal(y.parents["mean"], [3.0, 1.0, 2.0])
    assert np.array_equal(np.ravel(y.parents["precision"]), [1.0, 4.0, 4.0])


def test_refusals():
    z, t = np.array([0, 1]), np.array([0, 1])
    with pytest.raises(TypeError, match="y: a nested Mixture expected labels or weights, a distribution class"):
        mc.Mixture("y", z, mc.Mixture, t, value=[0.0, 1.0], observed=True)
    with pytest.raises(mc.ModelError, match=r"axes \(2, 2\), \(2,\) or \(2, 1\) in front.*mean \(5,\)"):
        mc.Mixture("y", z, mc.Mixture, t, mc.Normal, np.zeros(5), 1.0, value=[0.0, 1.0], observed=True)
    with pytest.raises(mc.ModelError, match="inner weights with 2 rows"):
        mc.Mixture(
            "y", z, mc.Mixture, np.full((3, 2), 0.5), mc.Normal, np.zeros(2), 1.0, value=[0.0, 1.0], observed=True
        )
