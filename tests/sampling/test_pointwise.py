"""One pointwise likelihood: labels summed out, one entry per unit in the rows' order, of what was observed alone."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from tests import runs

N = 9
RNG = np.random.default_rng(11)
TRUTH = np.arange(N) % 2
X = RNG.normal(3.0 * TRUTH, 1.0)
V = RNG.normal(3.0 * TRUTH[:, None], 1.0, (N, 2))
C = RNG.integers(0, 3, N)
ITEMS = RNG.integers(0, 3, (N, 4))
GAPS = np.array([1, 4, 7])


sampled = runs.sampler(iterations=60, burn=20, chains=2, seed=1, quiet=True)


def labels(known=()):
    w = mc.Dirichlet("w", [2, 3])
    if not len(known):
        return w, mc.Categorical("z", w, size=N)
    mask = np.ones(N, dtype=bool)
    mask[list(known)] = False
    return w, mc.Categorical("z", w, value=np.ma.masked_array(TRUTH, mask=mask), observed=True)


def normal(x, mu, k):
    """Log density of rows under component k at draws (S, 2) of the means; nought where a row is missing."""
    return np.nan_to_num(stats.norm.logpdf(x, mu[:, k, None], 1.0))


def missing(x):
    gaps = np.array(x, dtype=float)
    gaps[GAPS] = np.nan
    return gaps


def expected(m, rows, known=()):
    """Log likelihood of units, shape (S, N), from the log densities of units under each label at the draws."""
    logs = np.stack([np.log(m.trace("w")[:])[:, k, None] + rows(k) for k in (0, 1)])
    for i in known:
        logs[1 - TRUTH[i], :, i] = -np.inf
    return logsumexp(logs, axis=0)


def means(m):
    return m.trace("mu")[:]


def scalar_mixture(known=(), x=X):
    w, z = labels(known)
    mu = mc.Normal("mu", [0, 3], 1.0)
    return [mc.Normal("y", mu[z], 1.0, value=x, observed=True), w, z, mu]


def two_nodes(known=()):
    w, z = labels(known)
    mu, q = mc.Normal("mu", [0, 3], 1.0), mc.Dirichlet("q", np.ones((2, 3)))
    return [
        mc.Normal("y", mu[z], 1.0, value=X, observed=True),
        mc.Categorical("c", q[z], value=C, observed=True),
        w, z, mu, q,
    ]  # fmt: skip


def of_two_nodes(m, k):
    return normal(X, means(m), k) + np.log(m.trace("q")[:][:, k][:, C])


def items(known=(), value=ITEMS):
    w, z = labels(known)
    t = mc.Dirichlet("t", np.ones(3), size=(2, 4))
    return [mc.Categorical("y", t[z], value=value, observed=True), w, z, t]


def of_items(m, k):
    t = m.trace("t")[:][:, k]
    return np.log(t[:, np.arange(4), ITEMS]).sum(axis=2)


def columns(known=(), x=V):
    w, z = labels(known)
    mu = mc.Normal("mu", 1, 0.5, size=(2, 2))
    return [mc.Normal("y", mu[z], 1.0, value=x, observed=True), w, z, mu]


def of_columns(m, k, x=V):
    return np.nan_to_num(stats.norm.logpdf(x[None], means(m)[:, k, None], 1.0)).sum(axis=2)


def groups(known=()):
    w, z = labels(known)
    mu, group = mc.Normal("mu", [0, 3], 1.0), np.repeat(np.arange(N), 2)[::-1].copy()
    x = X[group] + 0.1
    return [mc.Normal("y", mu[z[group]], 1.0, value=x, observed=True), w, z, mu]


def of_groups(m, k):
    return 2.0 * normal(X + 0.1, means(m), k)


def row_weights(known=()):
    table = np.column_stack([np.linspace(0.2, 0.7, N), 1 - np.linspace(0.2, 0.7, N)])
    z = mc.Categorical("z", table, size=N)
    mu = mc.Normal("mu", [0, 3], 1.0)
    return [mc.Normal("y", mu[z], 1.0, value=X, observed=True), z, mu]


def vectors(known=(), x=V):
    w, z = labels(known)
    mu = mc.MvNormal("mu", np.ones(2), np.eye(2), size=2)
    return [mc.Mixture("y", z, mc.MvNormal, mu, np.eye(2), value=x, observed=True), w, z, mu]


HOLES = V.copy()
HOLES[2, 0] = HOLES[5, 1] = HOLES[8] = np.nan
CASES = {
    "plain": (lambda known: scalar_mixture(known), lambda m, k: normal(X, means(m), k)),
    "missing rows": (lambda known: scalar_mixture(known, missing(X)), lambda m, k: normal(missing(X), means(m), k)),
    "two data nodes": (two_nodes, of_two_nodes),
    "items in columns": (items, of_items),
    "several columns": (columns, of_columns),
    "several columns with holes": (lambda known: columns(known, HOLES), lambda m, k: of_columns(m, k, HOLES)),
    "several rows a label": (groups, of_groups),
    "vectors": (vectors, of_columns),
    "vectors with holes": (lambda known: vectors(known, HOLES), lambda m, k: of_columns(m, k, HOLES)),
}  # fmt: skip
KNOWN = {"none known": (), "some known": (0, 3, 4), "all of one known": (1, 3, 5, 7)}
NOTHING_SEEN = {"missing rows": GAPS, "several columns with holes": np.array([8]), "vectors with holes": np.array([8])}


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("name", CASES)
def test_every_report_says_the_same(name, known):
    model, rows = CASES[name]
    m = sampled(model(KNOWN[known]))
    logs = expected(m, lambda k: rows(m, k), KNOWN[known])
    unseen = [i for i in NOTHING_SEEN.get(name, ()) if i not in KNOWN[known]]
    shown = [i for i in range(N) if i not in unseen]
    assert np.allclose(logs[:, unseen], 0.0)
    data = m.to_arviz(log_likelihood=True)["log_likelihood"]
    (entry,) = [np.asarray(data[n]).reshape(-1, len(shown)) for n in data]
    assert np.allclose(entry, logs[:, shown], atol=1e-8)
    assert np.allclose(m.deviance, -2.0 * logs.sum(1), atol=1e-7)


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("name", CASES)
def test_memberships_are_those_of_the_same_sum(name, known):
    model, rows = CASES[name]
    m = sampled(model(KNOWN[known]))
    logs = np.stack([np.log(m.trace("w")[:])[:, k, None] + rows(m, k) for k in (0, 1)])
    for i in KNOWN[known]:
        logs[1 - TRUTH[i], :, i] = -np.inf
    shares = np.exp(logs - logsumexp(logs, axis=0)).mean(axis=1).T
    assert np.allclose(m.memberships(), shares, atol=1e-8)


@pytest.mark.parametrize("step", [None, mc.DiscreteMetropolis])
@pytest.mark.parametrize("model", [scalar_mixture, two_nodes, items, columns, groups], ids=lambda f: f.__name__)
def test_the_step_does_not_matter(model, step):
    m = sampled(model(), steps={"z": step})
    rows = {"scalar_mixture": lambda m, k: normal(X, means(m), k), "two_nodes": of_two_nodes, "items": of_items,
            "columns": of_columns, "groups": of_groups}[model.__name__]  # fmt: skip
    logs = expected(m, lambda k: rows(m, k))
    assert np.allclose(m.deviance, -2.0 * logs.sum(1), atol=1e-7)
    assert m.memberships().shape == (N, 2)


def test_weights_by_row():
    m = sampled(row_weights())
    table = np.column_stack([np.linspace(0.2, 0.7, N), 1 - np.linspace(0.2, 0.7, N)])
    logs = logsumexp(np.stack([np.log(table[:, k]) + normal(X, means(m), k) for k in (0, 1)]), axis=0)
    assert np.allclose(m.deviance, -2.0 * logs.sum(1))


def test_everything_known_but_labels():
    """Known weights and means: nothing moves but labels, and every score is a number that one can check."""
    z = mc.Categorical("z", [0.3, 0.7], size=N)
    m = sampled([mc.Normal("y", mc.Index("m", np.array([0.0, 3.0]), z), 1.0, value=X, observed=True), z])
    exact = logsumexp(np.log([0.3, 0.7]) + stats.norm.logpdf(X[:, None], [0.0, 3.0], 1.0), axis=1)
    assert np.allclose(m.deviance, -2.0 * exact.sum())


def test_nested_mixtures():
    w, v = mc.Dirichlet("w", [1, 1]), mc.Dirichlet("v", [1, 1], size=2)
    mu = mc.Normal("mu", [[0.0, 1.0], [2.0, 4.0]], 0.8)
    y = mc.Mixture("y", w, mc.Mixture, v, mc.Normal, mu, 1.0, value=X, observed=True)
    m = sampled([y, w, v, mu])
    W, U, M = np.log(m.trace("w")[:]), np.log(m.trace("v")[:]), m.trace("mu")[:]
    logs = logsumexp(
        [
            W[:, a, None] + U[:, a, b, None] + stats.norm.logpdf(X, M[:, a, b, None], 1.0)
            for a, b in itertools.product((0, 1), repeat=2)
        ],
        axis=0,
    )
    assert np.allclose(m.deviance, -2.0 * logs.sum(1))
    data = m.to_arviz(log_likelihood=True)["log_likelihood"]
    assert np.allclose(np.asarray(data["y"]).reshape(-1, N), logs)


def test_two_label_vectors_are_summed_over_their_product():
    w = mc.Dirichlet("w", [1, 1])
    z, v = mc.Categorical("z", w, size=N), mc.Categorical("v", [0.4, 0.6], size=N)
    mu, tau = mc.Normal("mu", [0, 3], 1.0), mc.Gamma("tau", [2, 4], 2.0)
    m = sampled([mc.Normal("y", mu[z], tau[v], value=X, observed=True), w, z, v, mu, tau])
    W, M, T = np.log(m.trace("w")[:]), means(m), m.trace("tau")[:]
    parts = [
        W[:, a, None] + np.log([0.4, 0.6])[b] + stats.norm.logpdf(X, M[:, a, None], T[:, b, None] ** -0.5)
        for a, b in itertools.product((0, 1), repeat=2)
    ]
    assert np.allclose(m.deviance, -2.0 * logsumexp(np.stack(parts), axis=0).sum(1))


def test_data_without_labels_keep_their_order_and_leave_out_what_is_missing():
    x = np.array([0.5, np.nan, 1.5, np.nan, -1.0])
    mu = mc.Normal("mu", 0, 1)
    m = sampled([mc.Normal("y", mu, 1.0, value=x, observed=True), mu])
    data = m.to_arviz(log_likelihood=True)["log_likelihood"]["y"]
    seen = x[~np.isnan(x)]
    assert np.allclose(np.asarray(data).reshape(-1, 3), stats.norm.logpdf(seen, m.trace("mu")[:][:, None], 1.0))


def test_labels_that_cannot_be_summed_out_are_refused_by_all():
    def at(mu, labels):
        return np.array([float(mu[int(k)]) for k in labels])

    z = mc.Categorical("z", [0.3, 0.7], size=N)
    mean = mc.Lambda("mean", lambda z=z: at([0.0, 3.0], z))
    m = sampled([mc.Normal("y", mean, 1.0, value=X, observed=True), z])
    for asked in (
        lambda: m.deviance,
        lambda: m.to_arviz(log_likelihood=True),
        lambda: m.memberships(),
        lambda: mc.compare({"a": m}),
    ):
        with pytest.raises(mc.ModelError, match="z"):
            asked()


def test_a_discrete_parameter_is_no_label():
    """A switchpoint, or indicators of covariates, belong to all rows: the likelihood is one given them."""
    s = mc.DiscreteUniform("s", 0, N)
    rate = mc.Exponential("rate", 1.0, size=2)
    mean = mc.Lambda("mean", lambda s=s, rate=rate: np.where(np.arange(N) < s, rate[0], rate[1]))
    m = sampled([mc.Poisson("y", mean, value=C, observed=True), s, rate])
    S, R = m.trace("s")[:], m.trace("rate")[:]
    at = np.where(np.arange(N) < S[:, None], R[:, :1], R[:, 1:])
    assert np.allclose(m.deviance, -2.0 * stats.poisson.logpmf(C, at).sum(1))


def test_counts_of_units():
    def n_of(nodes):
        return mc.MAP(nodes).n_units

    assert n_of(scalar_mixture((0, 3))) == N
    assert n_of(scalar_mixture((), missing(X))) == N - len(GAPS)
    assert n_of(columns()) == N
    assert n_of(items()) == N
    assert n_of(groups()) == N
    assert n_of(two_nodes()) == N
    assert n_of(vectors((), HOLES)) == N - 1
    mu = mc.Normal("mu", 0, 1, size=2)
    assert n_of([mc.Normal("y", mu, 1.0, value=V, observed=True), mu]) == 2 * N


def test_a_larger_model_is_never_at_a_smaller_ones_mode():
    x = np.random.default_rng(4).normal(np.repeat([0.0, 4.0, 8.0, 12.0], 15), 0.7)

    def fitted(k):
        w, mu = mc.Dirichlet("w", np.full(k, 2.0)), mc.Normal("mu", 6, 0.02, size=k)
        y = mc.Mixture("y", w, mc.Normal, mu, 2.0, value=x, observed=True)
        return sampled([y, w, mu], iterations=220)

    found = mc.compare({k: fitted(k) for k in (3, 4)}, draws=400)
    n, sizes = len(x), {"3": 5, "4": 7}
    heights = {name: (sizes[name] * np.log(n) - found.table.loc[name, "bic"]) / 2 for name in sizes}
    assert heights["4"] > heights["3"] + 10.0
    assert (found.table["mode_unsure"] == 0.0).all()


def test_one_indicator_is_a_parameter_and_one_for_each_group_labels_them():
    b = mc.Bernoulli("b", 0.4)
    mean = mc.Lambda("mean", lambda b=b: 3.0 * b)
    m = sampled(
        [mc.Normal("y", mean, 1.0, value=X, observed=True), mc.Normal("x", 0.0, 1.0, value=X, observed=True), b]
    )
    logs = stats.norm.logpdf(X, 3.0 * m.trace("b")[:][:, None], 1.0) + stats.norm.logpdf(X, 0.0, 1.0)
    assert np.allclose(m.deviance, -2.0 * logs.sum(1))
    mu = mc.Normal("mu", [0, 3], 1.0)
    z = [mc.Categorical(f"z{i}", [0.5, 0.5]) for i in range(3)]
    y = [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=X[i : i + 2], observed=True) for i in range(3)]
    with pytest.raises(mc.ModelError, match="conditional on the drawn labels of z0.*z1.*z2"):
        _ = sampled([*y, *z, mu]).deviance


def test_missing_categories_stay_one_vector_of_labels():
    """Data that miss categories are no second label vector: nothing else depends on what is missing."""
    from mcmix.sampling.marginal import Marginal
    from mcmix.structure.recording import record

    w, z = labels()
    q = mc.Dirichlet("q", np.ones((2, 3)))
    value = np.ma.masked_array(C, mask=np.arange(N) % 4 == 0)
    model = mc.Model([mc.Categorical("c", q[z], value=value, observed=True), w, z, q])
    assert [n.name for n in Marginal(record(model), model).labels] == ["z"]
