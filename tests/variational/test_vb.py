"""Variational Bayes: bounds against exact evidence, updates against NumPy, starts, prediction, refusals."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betaln, digamma, gammaln, logsumexp, multigammaln

import mcmix as mc
from mcmix.variational.posteriors import KINDS


def vb(*nodes, **options):
    return mc.VB(list(nodes)).update(repeat=2000, verbose=False, **{"tol": 1e-12, "seed": 1, **options})


def four_normals(seed=0, each=50):
    rng = np.random.default_rng(seed)
    centres = [(0, 0), (0, 0), (2, 2), (-2, -2)]
    covers = [np.diag([2, 0.1]), np.diag([0.1, 2]), np.array([[2, -1.5], [-1.5, 2]]), 0.5 * np.eye(2)]
    return np.concatenate([rng.multivariate_normal(m, c, each) for m, c in zip(centres, covers, strict=True)])


def ten_components(x):
    w = mc.Dirichlet("w", 1e-5 * np.ones(10))
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.MvNormal("mu", np.zeros(2), 1e-5 * np.eye(2), size=10)
    precision = mc.Wishart("Lam", 2, 1e-5 * np.eye(2), size=10)
    return z, mc.Mixture("y", z, mc.MvNormal, mu, precision, value=x, observed=True)


# -------------------------------------------------------------------- one unknown: the bound is the evidence


COUNTS = np.array([3.0, 0.0, 4.0, 2.0])
TIMES = np.array([0.3, 1.7, 0.9])
BITS = np.array([1.0, 0.0, 1.0, 1.0])


def gamma_evidence(a, b, power, rate):
    return a * np.log(b) - gammaln(a) + gammaln(a + power) - (a + power) * np.log(b + rate)


def exact_cases():
    rate = mc.Gamma("rate", 2.0, 3.0)
    logs = gamma_evidence(2.0, 3.0, COUNTS.sum(), 4) - gammaln(COUNTS + 1).sum()
    yield "poisson", mc.Poisson("y", rate, value=COUNTS, observed=True), logs
    scaled = mc.Poisson("y", 2.0 * rate, value=COUNTS, observed=True)
    yield "scaled rate", scaled, gamma_evidence(2, 3, 9, 8) + 9 * np.log(2) - gammaln(COUNTS + 1).sum()
    yield "exponential", mc.Exponential("y", rate, value=TIMES, observed=True), gamma_evidence(2, 3, 3, TIMES.sum())
    shaped = gamma_evidence(2, 3, 4.5, TIMES.sum()) + 0.5 * np.log(TIMES).sum() - 3 * gammaln(1.5)
    yield "gamma", mc.Gamma("y", 1.5, rate, value=TIMES, observed=True), shaped
    p = mc.Beta("p", 2.0, 0.5)
    yield "bernoulli", mc.Bernoulli("y", p, value=BITS, observed=True), betaln(5.0, 1.5) - betaln(2.0, 0.5)
    yield "complement", mc.Bernoulli("y", 1 - p, value=BITS, observed=True), betaln(3.0, 3.5) - betaln(2.0, 0.5)
    ways = np.log([10.0, 1.0, 5.0, 10.0]).sum()
    both = betaln(11.0, 11.5) - betaln(2.0, 0.5) + ways
    yield "binomial", mc.Binomial("y", 5, p, value=COUNTS, observed=True), both
    yield "geometric", mc.Geometric("y", p, value=COUNTS + 1, observed=True), betaln(6.0, 9.5) - betaln(2.0, 0.5)
    flat = mc.Uniform("p", 0, 1)
    yield "flat", mc.Bernoulli("y", flat, value=BITS, observed=True), betaln(4.0, 2.0)
    mean = mc.Normal("mean", 1.0, 0.5)
    cover = np.eye(3) / 2.0 + 2.0
    yield (
        "normal",
        mc.Normal("y", mean, 2.0, value=TIMES, observed=True),
        stats.multivariate_normal(np.ones(3), cover).logpdf(TIMES),
    )
    yield (
        "affine",
        mc.Normal("y", 2 * mean - 1, 2.0, value=TIMES, observed=True),
        stats.multivariate_normal(np.ones(3), np.eye(3) / 2 + 8.0).logpdf(TIMES),
    )
    yield (
        "lognormal",
        mc.Lognormal("y", mean, 2.0, value=TIMES, observed=True),
        stats.multivariate_normal(np.ones(3), cover).logpdf(np.log(TIMES)) - np.log(TIMES).sum(),
    )
    precision = mc.Gamma("precision", 2.0, 3.0)
    about = gamma_evidence(2, 3, 1.5, 0.5 * (TIMES**2).sum()) - 1.5 * np.log(2 * np.pi)
    yield "precision", mc.Normal("y", 0.0, precision, value=TIMES, observed=True), about
    w = mc.Dirichlet("w", [0.5, 1.0, 1.0, 2.0, 1.0])
    after = np.array([0.5, 1, 1, 2, 1]) + np.bincount(COUNTS.astype(int), minlength=5)
    parts = gammaln(after).sum() - gammaln([0.5, 1, 1, 2, 1]).sum() + gammaln(5.5) - gammaln(9.5)
    yield "categorical", mc.Categorical("y", w, value=COUNTS.astype(int), observed=True), parts
    table = np.array([[1, 0, 2, 0, 1], [0, 0, 0, 3, 1]])
    law = stats.dirichlet_multinomial(np.array([0.5, 1, 1, 2, 1]), 4)
    second = stats.dirichlet_multinomial(np.array([0.5, 1, 1, 2, 1]) + table[0], 4)
    exact = law.logpmf(table[0]) + second.logpmf(table[1])
    yield "multinomial", mc.Multinomial("y", 4, w, value=table, observed=True), exact


@pytest.mark.parametrize("case", list(exact_cases()), ids=lambda c: c[0])
def test_the_bound_is_the_evidence_where_one_unknown_is_conjugate(case):
    _, y, evidence = case
    assert vb(y).L == pytest.approx(float(evidence), rel=1e-9)


def test_the_bound_is_the_evidence_for_vectors():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4, 2))
    prior, known = np.array([[0.5, 0.1], [0.1, 0.4]]), np.array([[1.5, 0.4], [0.4, 0.8]])
    mu = mc.MvNormal("mu", [1.0, -1.0], prior)
    cover = np.kron(np.eye(4), np.linalg.inv(known)) + np.kron(np.ones((4, 4)), np.linalg.inv(prior))
    exact = stats.multivariate_normal(np.tile([1.0, -1.0], 4), cover).logpdf(x.ravel())
    assert vb(mc.MvNormal("y", mu, known, value=x, observed=True)).L == pytest.approx(exact, rel=1e-9)
    for law, matrix in (("Wishart", prior), ("WishartCov", np.linalg.inv(prior))):
        precision = getattr(mc, law)("precision", 3.0, matrix)
        after = prior + x.T @ x
        exact = multigammaln(3.5, 2) - multigammaln(1.5, 2) - 4 * np.log(np.pi)
        exact += 1.5 * np.linalg.slogdet(prior)[1] - 3.5 * np.linalg.slogdet(after)[1]
        q = vb(mc.MvNormal("y", np.zeros(2), precision, value=x, observed=True))
        assert pytest.approx(exact, rel=1e-9) == q.L
        np.testing.assert_allclose(q["precision"].mean, 7.0 * np.linalg.inv(after), rtol=1e-9)


def test_divergences_against_numerical_integration():
    def integral(q, p, low, high):
        return integrate.quad(lambda x: np.exp(q(x)) * (q(x) - p(x)), low, high, limit=300)[0]

    def one(kind, node, parameters, prior):
        posterior = KINDS[kind](node)
        posterior.put(tuple(np.array([v]) for v in parameters))
        return float(posterior.divergence(tuple(np.array([v]) for v in prior))[0])

    number, zero = mc.Normal("x", 0, 1), np.zeros(1)[0]
    exact = integral(stats.norm(1.0, 0.7).logpdf, stats.norm(0.3, 1.5).logpdf, -8, 9)
    prior = (0.3, 1.5**-2, np.log(1.5**-2), zero)
    assert one("normal", number, (1.0, 0.7**-2), prior) == pytest.approx(exact, rel=1e-8)
    exact = integral(stats.gamma(3.0, scale=1 / 2.0).logpdf, stats.gamma(1.2, scale=1 / 0.4).logpdf, 0, 40)
    assert one("gamma", number, (3.0, 2.0), (1.2, 0.4, np.log(0.4))) == pytest.approx(exact, rel=1e-8)
    exact = integral(stats.beta(3.0, 2.0).logpdf, stats.beta(1.2, 0.7).logpdf, 0, 1)
    assert one("beta", number, (3.0, 2.0), (1.2, 0.7)) == pytest.approx(exact, rel=1e-6)
    pair = mc.Dirichlet("w", [1.0, 1.0])
    assert one("dirichlet", pair, ([3.0, 2.0],), ([1.2, 0.7],)) == pytest.approx(exact, rel=1e-6)
    matrix = mc.Wishart("m", 3.0, np.eye(1))
    exact = integral(stats.gamma(2.5, scale=2 / 3.0).logpdf, stats.gamma(1.5, scale=2.0).logpdf, 0, 80)
    assert one("wishart", matrix, (5.0, [[3.0]]), (3.0, [[1.0]])) == pytest.approx(exact, rel=1e-8)
    vector = mc.MvNormal("v", [0.0], np.eye(1))
    exact = integral(stats.norm(1.0, 0.7).logpdf, stats.norm(0.3, 1.5).logpdf, -8, 9)
    prior = ([0.3], [[1.5**-2]], np.log(1.5**-2), [[0.0]])
    assert one("vector", vector, ([1.0], [[0.7**-2]]), prior) == pytest.approx(exact, rel=1e-8)


def test_an_uncertain_mean_and_precision_against_numpy():
    """The textbook updates (Bishop 2006, section 10.1.3), to convergence."""
    x = np.array([0.3, 1.9, -0.4, 1.1, 0.2])
    mean, precision = mc.Normal("mean", 0.5, 0.2), mc.Gamma("precision", 1.5, 0.7)
    q = vb(mc.Normal("y", mean, precision, value=x, observed=True))
    centre, total, shape, rate = 0.5, 0.2, 1.5, 0.7
    for _ in range(500):
        tau = shape / rate
        total = 0.2 + 5 * tau
        centre = (0.1 + tau * x.sum()) / total
        shape, rate = 1.5 + 2.5, 0.7 + 0.5 * (((x - centre) ** 2).sum() + 5 / total)
    np.testing.assert_allclose(q["mean"].parameters["mean"], centre, rtol=1e-6)
    np.testing.assert_allclose(q["mean"].sd, total**-0.5, rtol=1e-6)
    np.testing.assert_allclose(q["precision"].parameters["rate"], rate, rtol=1e-6)
    m, t = np.meshgrid(np.linspace(-8, 9, 1200), np.linspace(1e-4, 20, 1200), indexing="ij")
    logs = stats.norm(0.5, 0.2**-0.5).logpdf(m) + stats.gamma(1.5, scale=1 / 0.7).logpdf(t)
    logs += 2.5 * np.log(t / (2 * np.pi)) - 0.5 * t * ((x[:, None, None] - m) ** 2).sum(0)
    exact = np.log(integrate.trapezoid(integrate.trapezoid(np.exp(logs), t[0], axis=1), m[:, 0]))
    assert exact - 0.5 < q.L < exact


# -------------------------------------------------------------------- mixtures


def test_the_bound_is_below_the_evidence_by_enumeration():
    x = np.array([0.0, 4.0, 1.0, 6.0])
    w, rate = mc.Dirichlet("w", [1.0, 2.0]), mc.Gamma("rate", [2.0, 3.0], [1.0, 0.5])
    q = vb(mc.Mixture("y", w, mc.Poisson, rate, value=x, observed=True))
    logs = []
    for labels in itertools.product((0, 1), repeat=4):
        z = np.array(labels)
        n = np.bincount(z, minlength=2)
        total = gammaln(3.0) - gammaln(2.0) - gammaln(7.0) + gammaln(n[0] + 1) + gammaln(n[1] + 2)
        for k, (a, b) in enumerate(((2.0, 1.0), (3.0, 0.5))):
            total += gamma_evidence(a, b, x[z == k].sum(), n[k])
        logs.append(total - gammaln(x + 1).sum())
    evidence = logsumexp(logs)
    assert evidence - 2.0 < q.L <= evidence


def test_normal_mixture_against_a_plain_twin():
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0, 1, 20), rng.normal(4, 0.5, 30)]) + 1e3
    labels = rng.integers(0, 3, 50)
    w = mc.Dirichlet("w", [1.0, 2.0, 0.5])
    z = mc.Categorical("z", w, size=50)
    mu, tau = mc.Normal("mu", 1e3, 0.1, size=3), mc.Gamma("tau", [1.0, 2.0, 3.0], 0.5)
    y = mc.Mixture("y", z, mc.Normal, mu, tau, value=x, observed=True)
    q = mc.VB([y]).initialize_from_value({z: labels})
    q.update(repeat=4, tol=0, verbose=False)
    shares, shape, rate = np.eye(3)[labels], np.array([1.0, 2.0, 3.0]), np.full(3, 0.5)
    order = [n.name for n in q._engine.posteriors]
    bounds = []
    state = {"mu": (np.full(3, 1e3), np.full(3, 0.1)), "tau": (shape, rate), "w": np.array([1.0, 2.0, 0.5])}

    def update():
        n, s = shares.sum(0), shares.T @ x
        for name in order:
            if name == "w":
                state["w"] = np.array([1.0, 2.0, 0.5]) + n
            elif name == "mu":
                precise = state["tau"][0] / state["tau"][1]
                total = 0.1 + n * precise
                state["mu"] = ((0.1 * 1e3 + precise * s) / total, total)
            else:
                m, total = state["mu"]
                squares = (shares * (x[:, None] - m) ** 2).sum(0) + n / total
                state["tau"] = (shape + 0.5 * n, rate + 0.5 * squares)

    update()
    update()
    for _ in range(4):
        (m, total), (a, b), c = state["mu"], state["tau"], state["w"]
        logs = digamma(c) - digamma(c.sum()) + 0.5 * (digamma(a) - np.log(b) - np.log(2 * np.pi))
        logs = logs - 0.5 * a / b * ((x[:, None] - m) ** 2 + 1 / total)
        norm = logsumexp(logs, axis=1)
        shares = np.exp(logs - norm[:, None])
        gone = 0.5 * (np.log(total / 0.1) - 1 + 0.1 * (1 / total + (m - 1e3) ** 2)).sum()
        gone += ((a - shape) * digamma(a) - gammaln(a) + gammaln(shape) + shape * np.log(b / rate)).sum()
        gone += (a * (rate - b) / b).sum()
        c0 = np.array([1.0, 2.0, 0.5])
        gone += gammaln(c.sum()) - gammaln(3.5) - (gammaln(c) - gammaln(c0)).sum()
        gone += ((c - c0) * (digamma(c) - digamma(c.sum()))).sum()
        bounds.append(norm.sum() - gone)
        update()
    np.testing.assert_allclose(q.bound, bounds, rtol=1e-10)
    np.testing.assert_allclose(q["mu"].mean, state["mu"][0], rtol=1e-10)
    np.testing.assert_allclose(q["tau"].parameters["rate"], state["tau"][1], rtol=1e-8)


def test_vector_mixture_against_a_plain_twin():
    rng = np.random.default_rng(6)
    x, labels = four_normals(6, 15), rng.integers(0, 3, 60)
    w, z = None, mc.Categorical("z", [0.2, 0.3, 0.5], size=60)
    del w
    mu = mc.MvNormal("mu", [0.5, 0.0], 0.1 * np.eye(2), size=3)
    precision = mc.Wishart("precision", 4.0, [[1.0, 0.2], [0.2, 2.0]], size=3)
    y = mc.Mixture("y", z, mc.MvNormal, mu, precision, value=x, observed=True)
    q = mc.VB([y]).initialize_from_value({z: labels}).update(repeat=3, tol=0, verbose=False)
    v0 = np.array([[1.0, 0.2], [0.2, 2.0]])
    m, total = np.tile([0.5, 0.0], (3, 1)), np.tile(0.1 * np.eye(2), (3, 1, 1))
    nu, v, shares = np.full(3, 4.0), np.tile(v0, (3, 1, 1)), np.eye(3)[labels]
    order = [n.name for n in q._engine.posteriors]

    def update():
        n = shares.sum(0)
        for name in order:
            for k in range(3):
                if name == "mu":
                    expected = nu[k] * np.linalg.inv(v[k])
                    total[k] = 0.1 * np.eye(2) + n[k] * expected
                    m[k] = np.linalg.solve(total[k], [0.05, 0.0] + expected @ (shares[:, k] @ x))
                else:
                    about = x - m[k]
                    v[k] = v0 + (shares[:, k, None] * about).T @ about + n[k] * np.linalg.inv(total[k])
                    nu[k] = 4.0 + n[k]

    update()
    update()
    for _ in range(3):
        logs = np.zeros((60, 3)) + np.log([0.2, 0.3, 0.5]) - np.log(2 * np.pi)
        for k in range(3):
            expected = nu[k] * np.linalg.inv(v[k])
            logs[:, k] += 0.5 * (digamma((nu[k] - np.arange(2)) / 2).sum() + 2 * np.log(2) - np.linalg.slogdet(v[k])[1])
            logs[:, k] -= 0.5 * np.trace(expected @ np.linalg.inv(total[k]))
            logs[:, k] -= 0.5 * np.einsum("ni,ij,nj->n", x - m[k], expected, x - m[k])
        shares = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        update()
    np.testing.assert_allclose(q["mu"].mean, m, rtol=1e-8)
    np.testing.assert_allclose(q["precision"].parameters["inverse_scale"], v, rtol=1e-8)
    np.testing.assert_allclose(q["precision"].parameters["degrees_of_freedom"], nu, rtol=1e-10)


def random_model(kind, rng):
    """A small model with data that no component explains well."""
    n, k = int(rng.integers(3, 30)), int(rng.integers(2, 5))
    w = mc.Dirichlet("w", rng.choice([1e-5, 0.3, 1.0, 5.0]) * np.ones(k))
    far = rng.choice([0.0, 1e4])
    if kind in ("normal", "lognormal"):
        mu, tau = mc.Normal("mu", far, rng.choice([1e-5, 1.0]), size=k), mc.Gamma("tau", 1e-3, 1e-3, size=k)
        x = far + rng.normal(0, 3, n)
        law, x = (mc.Normal, x) if kind == "normal" else (mc.Lognormal, np.exp(x - far))
        return mc.Mixture("y", w, law, mu, tau, value=x, observed=True)
    if kind == "shared":
        mu, tau = mc.Normal("mu", 0.0, 0.1, size=k), mc.Gamma("tau", 1.0, 1.0)
        return mc.Mixture("y", w, mc.Normal, mu, tau, value=rng.normal(0, 3, n), observed=True)
    if kind == "hyper":
        top, spread = mc.Normal("top", 0.0, 0.1), mc.Gamma("spread", 1.0, 1.0)
        rates = mc.Gamma("rates", 2.0, mc.Gamma("hyper", 1.0, 1.0), size=k)
        mu = mc.Normal("mu", top, spread, size=k)
        return mc.Mixture("y", w, mc.Normal, mu, rates, value=rng.normal(0, 3, n), observed=True)
    if kind in ("vector", "tied"):
        d = int(rng.integers(1, 4))
        mu = mc.MvNormal("mu", far * np.ones(d), 1e-3 * np.eye(d), size=k)
        size = k if kind == "vector" else None
        precision = mc.Wishart("precision", d + rng.random(), 1e-3 * np.eye(d), size=size)
        x = far + rng.normal(0, 3, (n, d))
        return mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True)
    if kind == "means of means":
        top = mc.MvNormal("top", np.zeros(2), 0.1 * np.eye(2))
        spread = mc.Wishart("spread", 3.0, np.eye(2))
        mu = mc.MvNormal("mu", top, spread, size=k)
        x = rng.normal(0, 3, (n, 2))
        return mc.Mixture("y", w, mc.MvNormal, mu, np.eye(2), value=x, observed=True)
    if kind == "diagonal":
        mu, tau = mc.Normal("mu", 0.0, 0.1, size=(k, 2)), mc.Gamma("tau", 1.0, 1.0, size=(k, 2))
        return mc.Mixture("y", mc.Categorical("z", w, size=n), mc.Normal, mu, tau, value=rng.normal(size=(n, 2)),
                          observed=True)  # fmt: skip
    if kind == "poisson":
        rate = mc.Gamma("rate", 1e-5, 1e-5, size=k)
        return mc.Mixture("y", w, mc.Poisson, rate, value=rng.poisson(3, n), observed=True)
    if kind in ("exponential", "gamma"):
        rate, x = mc.Gamma("rate", 0.5, 0.5, size=k), rng.exponential(2.0, n)
        if kind == "exponential":
            return mc.Mixture("y", w, mc.Exponential, rate, value=x, observed=True)
        return mc.Mixture("y", w, mc.Gamma, np.linspace(0.5, 3, k), rate, value=x, observed=True)
    if kind in ("bernoulli", "binomial", "geometric"):
        p = mc.Beta("p", 1e-5, 1e-5, size=k)
        if kind == "bernoulli":
            return mc.Mixture("y", w, mc.Bernoulli, p, value=rng.integers(0, 2, n), observed=True)
        if kind == "binomial":
            return mc.Mixture("y", w, mc.Binomial, 7, p, value=rng.integers(0, 8, n), observed=True)
        return mc.Mixture("y", w, mc.Geometric, p, value=rng.geometric(0.3, n), observed=True)
    table = mc.Dirichlet("table", rng.choice([0.01, 1.0]) * np.ones(4), size=k)
    z = mc.Categorical("z", w, size=n)
    if kind == "categorical":
        return mc.Mixture("y", z, mc.Categorical, table, value=rng.integers(0, 4, n), observed=True)
    x = rng.multinomial(6, [0.4, 0.3, 0.2, 0.1], n)
    return mc.Mixture("y", z, mc.Multinomial, 6, table, value=x, observed=True)


KINDS_OF_MODELS = [
    "normal", "lognormal", "shared", "hyper", "vector", "tied", "means of means", "diagonal", "poisson", "exponential",
    "gamma", "bernoulli", "binomial", "geometric", "categorical", "multinomial",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS_OF_MODELS)
def test_the_bound_never_falls(kind):
    """A fall raises: reaching the end is the test."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        q = mc.VB([random_model(kind, rng)]).initialize_from_random(seed=seed)
        q.update(repeat=60, tol=0, verbose=False)
        assert q.iterations <= 60
        assert (np.diff(q.bound) >= -1e-9 * np.abs(q.bound[1:])).all()
        np.testing.assert_allclose(q.memberships().sum(1), 1.0)


def test_a_fall_is_an_error(monkeypatch):
    rng = np.random.default_rng(1)
    q = mc.VB([random_model("normal", rng)]).initialize_from_random(seed=1).update(repeat=3, tol=0, verbose=False)
    bounds = iter([np.array([q.L - 1.0])])
    monkeypatch.setattr(q._engine, "bound", lambda running: next(bounds))
    with pytest.raises(mc.McmixError, match="iteration 4: the bound fell"):
        q.update(repeat=1, verbose=False)


# -------------------------------------------------------------------- starts, seeds, priors


def test_well_separated_data_are_recovered():
    rng = np.random.default_rng(2)
    centres = np.array([[-10.0, 0.0], [10.0, 0.0], [0.0, 15.0]])
    labels = rng.integers(0, 3, 300)
    x = centres[labels] + rng.normal(size=(300, 2))
    before = x.copy()
    z, y = ten_components(x)
    q = mc.VB(y, z).update(seed=4, verbose=False)
    assert q.has_converged
    best = q.memberships().argmax(1)
    assert len({(a, b) for a, b in zip(best, labels, strict=True)}) == 3
    for k in range(3):
        np.testing.assert_allclose(q["mu"].mean[best[labels == k][0]], x[labels == k].mean(0), atol=0.01)
    np.testing.assert_array_equal(x, before)
    empty = np.setdiff1d(np.arange(10), best)
    np.testing.assert_allclose(q["w"].parameters["concentration"][empty], 1e-5, rtol=1e-6)
    scales = q["Lam"].parameters["inverse_scale"][empty]
    np.testing.assert_allclose(scales, 1e-5 * np.tile(np.eye(2), (7, 1, 1)), atol=1e-20)
    assert q["z"].probabilities.shape == (300, 10)


@pytest.mark.parametrize("seed", range(5))
def test_four_normals_and_ten_components(seed):
    """Default starts end at least as high as the true labels do."""
    x = four_normals(seed)
    z, y = ten_components(x)
    truth = mc.VB([y]).initialize_from_value({z: np.repeat(np.arange(4), 50)}).update(verbose=False)
    q = mc.VB([y]).update(seed=1, verbose=False)
    assert q.has_converged
    assert truth.L - 1.0 < q.L
    assert q.restart_bounds.max() <= q.L + 1e-9  # moves lead on from the best start


def test_the_same_seed_gives_the_same_answer():
    x = four_normals(1)
    first, same, other = (mc.VB([ten_components(x)[1]]).update(seed=s, restarts=6, verbose=False) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.bound, same.bound)
    np.testing.assert_array_equal(first["mu"].mean, same["mu"].mean)
    assert not np.array_equal(first.restart_bounds, other.restart_bounds)


def test_far_from_the_origin():
    def at(centre):
        mu = mc.MvNormal("mu", centre * np.ones(2), np.eye(2), size=4)
        precision, w = mc.Wishart("Lam", 3, np.eye(2), size=4), mc.Dirichlet("w", np.ones(4))
        y = mc.Mixture("y", w, mc.MvNormal, mu, precision, value=four_normals(2) + centre, observed=True)
        return mc.VB([y]).update(seed=3, verbose=False).L

    assert at(1e8) == pytest.approx(at(0.0), rel=1e-4)


def test_starts_that_are_set():
    x = np.array([0.0, 0.2, 5.0, 5.3])
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.01, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, 4.0, value=x, observed=True)
    q = mc.VB([y]).initialize_from_value({"mu": [5.0, 0.0]}).update(verbose=False)
    np.testing.assert_allclose(q["mu"].mean, [5.15, 0.1], atol=0.1)
    with pytest.raises(mc.ModelError, match="equal under their priors"):
        mc.VB([y]).initialize_from_prior()
    apart = mc.Normal("apart", [0.0, 5.0], 1.0)
    q = mc.VB([mc.Mixture("y", w, mc.Normal, apart, 4.0, value=x, observed=True)]).initialize_from_prior()
    np.testing.assert_allclose(q.update(verbose=False)["apart"].mean, [0.1, 5.15], atol=0.2)
    with pytest.raises(mc.ModelError, match="belong to the first"):
        q.update(seed=1)
    with pytest.raises(mc.ModelError, match="expected shape"):
        mc.VB([y]).initialize_from_value({"mu": [1.0]})


def test_what_is_printed(capsys):
    w, rate = mc.Dirichlet("w", [1.0, 1.0]), mc.Gamma("rate", 1.0, 1.0, size=2)
    q = mc.VB([mc.Mixture("y", w, mc.Poisson, rate, value=[1, 2, 9, 8], observed=True)]).update(seed=1)
    printed = capsys.readouterr().out
    assert f"iteration    1: bound {q.bound[0]:.6f}" in printed
    assert f"converged after {q.iterations} iterations: bound {q.L:.6f}" in printed
    q.update(repeat=None, verbose=False)
    assert capsys.readouterr().out == ""


# -------------------------------------------------------------------- known labels, missing rows, several distributions


def test_known_labels_of_some_rows():
    x = np.array([0.1, -0.2, 0.3, 4.0, 4.4, 3.8, 2.05])
    known = np.ma.masked_array([1, 0, 0, 0, 0, 0, 0], mask=[0, 1, 1, 0, 1, 1, 1])
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, value=known, observed=True)
    mu = mc.Normal("mu", 2.0, 0.1, size=2)
    y = mc.Normal("y", mu[z], 4.0, value=x, observed=True)
    q = mc.VB([y]).update(seed=1, verbose=False)
    shares = q.memberships()
    np.testing.assert_array_equal(shares[[0, 3]], [[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(shares.argmax(1)[:6], [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(q["w"].parameters["concentration"].sum(), 9.0)


def test_missing_rows_say_nothing():
    x = np.array([0.1, np.nan, 0.3, 4.0, np.nan, 3.8])
    z = mc.Categorical("z", [0.3, 0.7], size=6)
    mu, tau = mc.Normal("mu", [0.0, 4.0], 1.0), mc.Gamma("tau", 2.0, 1.0, size=2)
    y = mc.Normal("y", mu[z], tau[z], value=x, observed=True)
    q = mc.VB([y]).update(verbose=False, restarts=2, seed=1)
    np.testing.assert_allclose(q.memberships()[[1, 4]], [[0.3, 0.7]] * 2)


def test_a_probability_and_its_complement_as_weights():
    x = np.array([0.0, 0.3, 5.0, 5.2, 4.8])
    p = mc.Beta("p", 2.0, 3.0)
    mu = mc.Normal("mu", [0.0, 5.0], 1.0)
    first = vb(mc.Mixture("y", [p, 1 - p], mc.Normal, mu, 4.0, value=x, observed=True))
    z = mc.Bernoulli("z", 1 - p, size=5)
    second = vb(mc.Normal("y", mc.Lambda("m", lambda mu=mu, z=z: mu[1 * z]), 4.0, value=x, observed=True))
    assert second.L == pytest.approx(first.L, rel=1e-9)
    np.testing.assert_allclose(first["p"].parameters["alpha"], 4.0, atol=1e-3)
    np.testing.assert_allclose(second["p"].mean, first["p"].mean)
    np.testing.assert_allclose(np.exp(first.predict_logpdf(x)), np.exp(second.predict_logpdf(x)))


def test_units_with_several_rows():
    """A label per customer: the constants of expected densities count once per row."""
    rng = np.random.default_rng(9)
    group = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 1])
    x = np.array([[0.0, 0.0], [2.5, 2.5]])[[0, 1, 0, 1, 1, 0]][group] + rng.normal(size=(10, 2))
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=2)
    precision = mc.Wishart("precision", 3.0, np.eye(2), size=2)
    y = mc.MvNormal("y", mu[z[group]], precision[z[group]], value=x, observed=True)
    q = vb(y)
    (m, total), (nu, v) = (q[name].parameters.values() for name in ("mu", "precision"))
    logs = np.zeros((10, 2))
    for k in range(2):
        expected = nu[k] * np.linalg.inv(v[k])
        logs[:, k] = digamma((nu[k] - np.arange(2)) / 2).sum() / 2 - np.linalg.slogdet(v[k])[1] / 2
        logs[:, k] -= 0.5 * np.trace(expected @ np.linalg.inv(total[k]))
        logs[:, k] -= 0.5 * np.einsum("ni,ij,nj->n", x - m[k], expected, x - m[k])
    odds = np.log([0.4, 0.6]) + np.stack([np.bincount(group, logs[:, k]) for k in range(2)], 1)
    np.testing.assert_allclose(q.memberships(), np.exp(odds - logsumexp(odds, axis=1, keepdims=True)), atol=1e-6)


def test_two_data_nodes_on_one_label():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 40)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=40)
    mu, rate = mc.Normal("mu", 0.0, 0.1, size=2), mc.Gamma("rate", 1.0, 0.2, size=2)
    x, counts = 4.0 * truth + rng.normal(size=40), rng.poisson(2 + 8 * truth)
    a = mc.Normal("a", mu[z], 1.0, value=x, observed=True)
    b = mc.Poisson("b", rate[z], value=counts, observed=True)
    q = vb(a, b, tol=1e-10)
    np.testing.assert_allclose(q.memberships({"a": x, "b": counts}), q.memberships(), atol=1e-6)
    assert q.predict_logpdf({"a": x[:3], "b": counts[:3]}).shape == (3,)
    with pytest.raises(mc.ModelError, match="a, b"):
        q.memberships(x)


def test_degenerate_data():
    """Fewer rows than dimensions, repeated and collinear rows, weights of zero, one component."""
    for x in (np.ones((3, 5)), np.outer(np.arange(8.0), np.ones(5)) * 1e6):
        mu, w = mc.MvNormal("mu", np.zeros(5), 1e-5 * np.eye(5), size=3), mc.Dirichlet("w", 1e-5 * np.ones(3))
        precision = mc.Wishart("precision", 5, 1e-5 * np.eye(5), size=3)
        q = mc.VB([mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True)])
        assert np.isfinite(q.update(seed=1, verbose=False).L)
    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    q = vb(mc.Mixture("y", [0.0, 1.0], mc.Normal, mu, 1.0, value=[1.0, 2.0], observed=True))
    np.testing.assert_allclose(q.memberships(), [[0.0, 1.0]] * 2, atol=1e-300)
    np.testing.assert_allclose(q["mu"].mean, [0.0, 1.0], atol=1e-12)
    alone = mc.Normal("alone", 0.0, 1.0, size=1)
    z = mc.Categorical("z", [1.0], size=2)
    one = vb(mc.Normal("y", alone[z], 1.0, value=[1.0, 2.0], observed=True))
    assert pytest.approx(stats.multivariate_normal([0, 0], np.eye(2) + 1).logpdf([1, 2])) == one.L


# -------------------------------------------------------------------- prediction and export


@pytest.mark.parametrize("law", ["Normal", "Lognormal", "Exponential", "Gamma"])
def test_predictive_densities_integrate_to_one(law):
    rng = np.random.default_rng(7)
    w, rate = mc.Dirichlet("w", np.ones(2)), mc.Gamma("rate", 3.0, 2.0, size=2)
    first = {"Exponential": (), "Gamma": (1.5,)}.get(law, (mc.Normal("mu", 0.0, 0.1, size=2),))
    q = vb(mc.Mixture("y", w, getattr(mc, law), *first, rate, value=rng.exponential(2.0, 20), observed=True), tol=1e-6)
    edges = np.sinh(np.linspace(-40, 40, 40001)) if law == "Normal" else np.exp(np.linspace(-80, 40, 40001))
    density = np.exp(q.predict_logpdf(edges))
    assert integrate.trapezoid(density, edges) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(("kind", "grid"), [
    ("poisson", np.arange(200000)), ("bernoulli", np.arange(2)), ("binomial", np.arange(8)),
    ("geometric", np.arange(1, 200000)), ("categorical", np.arange(4)),
])  # fmt: skip
def test_predictive_masses_sum_to_one(kind, grid):
    q = mc.VB([random_model(kind, np.random.default_rng(8))]).update(seed=1, verbose=False)
    assert np.exp(q.predict_logpdf(grid)).sum() == pytest.approx(1.0, abs=1e-2 if len(grid) > 10 else 1e-9)
    assert q.predicts_exactly()


def test_predictive_of_vectors_is_a_mixture_of_students():
    x = four_normals(3)
    precision = mc.Wishart("precision", 4.0, np.eye(2), size=2)
    y = mc.Mixture("y", [0.4, 0.6], mc.MvNormal, [[0.0, 0.0], [1.0, 1.0]], precision, value=x, observed=True)
    q = vb(y)
    assert q.predicts_exactly()
    degrees, inverse = q["precision"].parameters.values()
    exact = [
        stats.multivariate_t(m, v / (n - 1), n - 1).logpdf(x)
        for m, n, v in zip(([0, 0], [1, 1]), degrees, inverse, strict=True)
    ]
    np.testing.assert_allclose(q.predict_logpdf(x), logsumexp(np.array(exact) + np.log([[0.4], [0.6]]), axis=0))
    np.testing.assert_allclose(q.memberships(x), q.memberships(), atol=1e-9)
    assert not vb(ten_components(x)[1], tol=1e-4).predicts_exactly()


def test_new_rows_of_a_table_and_of_counts():
    for kind, shape in (("diagonal", (5, 2)), ("multinomial", (5, 4))):
        q = mc.VB([random_model(kind, np.random.default_rng(9))]).update(seed=1, verbose=False)
        data = np.asarray(q.model.data_nodes[0].value)[:5]
        assert q.predict_logpdf(data).shape == shape[:1]
        np.testing.assert_allclose(q.memberships(data), q.memberships()[: len(data)], atol=1e-9)
        with pytest.raises(mc.ModelError, match="columns"):
            q.memberships(np.zeros((2, 7)))


def test_draws_start_chains_and_go_to_arviz():
    x = np.concatenate([np.random.default_rng(1).normal(c, 1.0, 40) for c in (0.0, 8.0)])
    w, mu, tau = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 4.0, 0.01, size=2), mc.Gamma("tau", 1.0, 1.0, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, tau, value=x, observed=True)
    q = mc.VB([y]).update(seed=1, verbose=False)
    drawn = q.draws(4000, seed=2, labels=True)
    for name in ("w", "mu", "tau"):
        np.testing.assert_allclose(drawn[name].mean(0), q[name].mean, rtol=0.02, atol=0.02)
        np.testing.assert_allclose(drawn[name].std(0), q[name].sd, rtol=0.06, atol=0.02)
    assert drawn["y label"].shape == (4000, 80)
    vectors = mc.VB([random_model("vector", np.random.default_rng(4))]).update(seed=1, verbose=False)
    for name in ("mu", "precision"):
        many, q_of = vectors.draws(20000, seed=2)[name], vectors[name]
        error = np.abs(many.mean(0) - q_of.mean) / q_of.sd
        assert (error < 0.05).all()
    assert q.to_arviz(50)["posterior"]["mu"].shape == (1, 50, 2)
    m = mc.MCMC([y]).sample(200, 100, chains=2, seed=1, start=q, progress_bar=False)
    assert abs(np.sort(m.trace("mu")[:].mean(0)) - np.sort(q["mu"].mean)).max() < 0.3


# -------------------------------------------------------------------- refusals


def refused():
    x = np.array([0.5, 1.5, 2.5])
    sd = mc.Uniform("sd", 0.0, 5.0)
    yield "sd", mc.Normal("y", 0.0, sigma=sd, value=x, observed=True)
    mean = mc.Exponential("m", 1.0)
    yield "y", mc.Normal("y", mean, 1.0, value=x, observed=True)
    location = mc.Normal("location", 0.0, 1.0)
    yield "y", mc.Laplace("y", location, 1.0, value=x, observed=True)
    shape = mc.Gamma("shape", 1.0, 1.0)
    yield "y", mc.Gamma("y", shape, 1.0, value=x, observed=True)
    both = mc.Normal("both", location, 1.0)
    yield "y", mc.Normal("y", both + location, 1.0, value=x, observed=True)
    count = mc.Poisson("count", 3.0)
    yield "count", mc.Normal("y", count, 1.0, value=x, observed=True)
    cauchy = mc.Cauchy("cauchy", 0.0, 1.0)
    yield "cauchy", mc.Normal("y", cauchy, 1.0, value=x, observed=True)
    heads = mc.Categorical("heads", np.array([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]]), size=3)
    yield "heads", mc.Mixture("y", heads, mc.Normal, [0.0, 1.0], 1.0, value=x, observed=True)


@pytest.mark.parametrize("case", list(refused()), ids=lambda c: c[0])
def test_models_that_are_not_conjugate_are_refused(case):
    name, y = case
    with pytest.raises(mc.ModelError, match=rf"VB: {name} .*MCMC"):
        mc.VB([y])


def test_impossible_arguments_are_refused():
    mu = mc.Normal("mu", 0.0, 1.0)
    y = mc.Normal("y", mu, 1.0, value=[0.5, 1.5], observed=True)
    q = mc.VB(y, mu)
    for options in ({"repeat": 0}, {"tol": -1.0}, {"restarts": 0}):
        with pytest.raises(mc.ModelError, match="expected"):
            q.update(**options)
    with pytest.raises(mc.ModelError, match="call update"):
        _ = q["mu"]
    with pytest.raises(mc.ModelError, match="which label vector"):
        q.update(verbose=False).memberships()
    with pytest.raises(mc.ModelError, match="observed"):
        mc.VB([mc.Normal("fixed", 0.0, 1.0, value=1.0, observed=True)])
