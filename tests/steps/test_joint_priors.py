"""Normal-Wishart and normal-gamma pairs: drawn together, held to closed forms and enumeration."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp, multigammaln

import mcmix as mc

X = np.array([[0.2, -0.4], [1.1, 0.3], [-0.7, 0.5], [2.9, 2.2], [2.3, 3.1], [0.9, 1.6]])
CENTRE, TIMES, DEGREES, INVERSE = np.array([0.5, 0.2]), 0.3, 4.0, np.array([[1.0, 0.3], [0.3, 0.8]])


def updated(x):
    """Parameters of the normal-Wishart posterior (Bishop 2006, exercise 2.45)."""
    n = len(x)
    if n == 0:
        return CENTRE, TIMES, DEGREES, INVERSE
    mean = x.mean(0)
    spread = (x - mean).T @ (x - mean)
    gap = (mean - CENTRE)[:, None] * (mean - CENTRE)
    times = TIMES + n
    inverse = INVERSE + spread + TIMES * n / times * gap
    return (TIMES * CENTRE + n * mean) / times, times, DEGREES + n, inverse


def log_evidence(x):
    """Log marginal density of rows under the normal-Wishart prior."""
    n, d = x.shape
    _, times, degrees, inverse = updated(x)
    logs = 0.5 * (DEGREES * np.linalg.slogdet(INVERSE)[1] - degrees * np.linalg.slogdet(inverse)[1])
    logs += multigammaln(0.5 * degrees, d) - multigammaln(0.5 * DEGREES, d)
    return logs + 0.5 * d * (np.log(TIMES) - np.log(times)) - 0.5 * n * d * np.log(np.pi)


def test_the_pair_is_one_prior():
    theta = mc.NormalWishart("theta", CENTRE, TIMES, DEGREES, INVERSE, size=3)
    assert theta.mean.shape == (3, 2) and theta.precision.shape == (3, 2, 2)
    assert theta.mean.name == "theta_mean" and "joint prior" in repr(theta)


def test_one_component_has_the_closed_posterior():
    z = mc.Categorical("z", [1.0], size=len(X))
    theta = mc.NormalWishart("theta", CENTRE, TIMES, DEGREES, INVERSE, size=1)
    y = mc.Mixture("y", z, mc.MvNormal, theta, value=X, observed=True)
    m = mc.MCMC([y])
    m.sample(20000, 10, chains=2, seed=1, progress_bar=False)
    mean, times, degrees, inverse = updated(X)
    n, precision = 39980, np.linalg.inv(inverse)
    draws, matrices = m.trace("theta_mean")[:, 0], m.trace("theta_precision")[:, 0]
    assert (np.abs(draws.mean(0) - mean) < 4.5 * draws.std(0) / np.sqrt(n)).all()
    expected = degrees * precision
    assert (np.abs(matrices.mean(0) - expected) < 4.5 * matrices.std(0) / np.sqrt(n)).all()
    spread = inverse / (times * (degrees - 3.0))  # of the multivariate Student t that the mean has
    assert np.allclose(np.cov(draws.T), spread, rtol=0.1, atol=0.02 * spread[0, 0])
    # independent draws: neighbours are not correlated, which alternating draws of the two would be
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 4.5 / np.sqrt(n)


@pytest.mark.parametrize("spelling", ["pair", "look-up", "weights"])
def test_labels_against_enumeration(spelling):
    weights = np.array([0.4, 0.6])
    z = mc.Categorical("z", weights, size=len(X))
    theta = mc.NormalWishart("theta", CENTRE, TIMES, DEGREES, INVERSE, size=2)
    if spelling == "pair":
        y = mc.Mixture("y", z, mc.MvNormal, theta, value=X, observed=True)
    elif spelling == "look-up":
        y = mc.MvNormal("y", mc.Index("m", theta.mean, z), mc.Index("p", theta.precision, z), value=X, observed=True)
    else:
        y = mc.Mixture("y", weights, mc.MvNormal, *theta, value=X, observed=True)
    m = mc.MCMC([z, y] if spelling != "weights" else [y])
    m.sample(20000, 500, chains=2, seed=2, progress_bar=False)
    together, logs = [], []
    for labels in itertools.product([0, 1], repeat=len(X)):
        labels = np.array(labels)
        logs.append(np.log(weights[labels]).sum() + sum(log_evidence(X[labels == k]) for k in (0, 1)))
        together.append(labels)
    exact = np.exp(logs - logsumexp(logs)) @ np.array(together)
    if spelling == "weights":
        found = m.memberships()[:, 1]
        assert np.abs(found - exact).max() < 0.05  # a thousand thinned draws, correlated
        return
    draws = m.trace("z")[:].reshape(-1, len(X))
    batches = draws.reshape(100, -1, len(X)).mean(1)
    errors = batches.std(0, ddof=1) / 10.0
    assert (np.abs(draws.mean(0) - exact) < 4.5 * errors).all()


def test_components_of_a_pair_may_swap_names():
    z = mc.Categorical("z", [0.5, 0.5], size=len(X))
    theta = mc.NormalWishart("theta", CENTRE, TIMES, DEGREES, INVERSE, size=2)
    y = mc.Mixture("y", z, mc.MvNormal, theta, value=X, observed=True)
    m = mc.MCMC([z, y])
    kinds = {s.variables[0].name: s for s in m.assembled.steps}
    assert kinds["theta_precision"].name == "joint conjugate Gibbs" and kinds["theta_mean"].name == "drawn along"
    assert kinds["z"].tables.whole


def test_normal_gamma_per_column():
    """Two known groups of rows, two columns: every element has its own closed posterior."""
    rng = np.random.default_rng(3)
    groups = np.repeat([0, 1], [7, 12])
    x = rng.normal([[0.0, 5.0], [3.0, -2.0]], [[1.0, 0.5], [2.0, 1.0]])[groups] + rng.normal(size=(19, 2))
    theta = mc.NormalGamma("theta", 1.0, 0.2, 2.0, 1.5, size=(2, 2))
    y = mc.Mixture("y", groups, mc.Normal, theta, value=x, observed=True)
    m = mc.MCMC([y])
    m.sample(20000, 10, chains=2, seed=4, progress_bar=False)
    assert {s.name for s in m.assembled.steps} <= {"joint conjugate Gibbs", "drawn along", "conjugate Gibbs"}
    for k in (0, 1):
        own = x[groups == k]
        n, mean = len(own), own.mean(0)
        rate = 1.5 + 0.5 * ((own - mean) ** 2).sum(0) + 0.5 * 0.2 * n / (0.2 + n) * (mean - 1.0) ** 2
        centre, shape = (0.2 * 1.0 + n * mean) / (0.2 + n), 2.0 + 0.5 * n
        draws, precisions = m.trace("theta_mean")[:, k], m.trace("theta_precision")[:, k]
        assert (np.abs(draws.mean(0) - centre) < 5.0 * draws.std(0) / np.sqrt(39980)).all()
        assert (np.abs(precisions.mean(0) - shape / rate) < 5.0 * precisions.std(0) / np.sqrt(39980)).all()
        variance = rate / ((0.2 + n) * (shape - 1.0))
        assert np.allclose(draws.var(0), variance, rtol=0.06)


def test_normal_gamma_mixture_against_enumeration():
    x, weights = np.array([-0.6, 0.1, 0.5, 2.4, 3.0]), np.array([0.5, 0.5])

    def evidence(rows):
        n = len(rows)
        if n == 0:
            return 0.0
        mean, times, shape = rows.mean(), 0.2 + n, 2.0 + 0.5 * n
        rate = 1.0 + 0.5 * ((rows - mean) ** 2).sum() + 0.5 * 0.2 * n / times * (mean - 0.0) ** 2
        logs = gammaln(shape) - gammaln(2.0) - shape * np.log(rate)  # the prior's rate is one
        return logs + 0.5 * (np.log(0.2) - np.log(times)) - 0.5 * n * np.log(2.0 * np.pi)

    logs, pairs = [], []
    for labels in itertools.product([0, 1], repeat=5):
        labels = np.array(labels)
        logs.append(sum(evidence(x[labels == k]) for k in (0, 1)))
        pairs.append((labels[:, None] == labels)[np.triu_indices(5, 1)])
    exact = np.exp(logs - logsumexp(logs)) @ np.array(pairs, dtype=float)
    z = mc.Categorical("z", weights, size=5)
    theta = mc.NormalGamma("theta", 0.0, 0.2, 2.0, 1.0, size=2)
    y = mc.Mixture("y", z, mc.Normal, theta, value=x, observed=True)
    m = mc.MCMC([z, y])
    m.sample(20000, 500, chains=2, seed=6, progress_bar=False)
    draws = m.trace("z")[:].reshape(-1, 5)
    same = (draws[:, :, None] == draws[:, None, :])[:, *np.triu_indices(5, 1)]
    errors = same.reshape(100, -1, same.shape[1]).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(same.mean(0) - exact) < 4.5 * errors).all()


def test_a_scale_matrix_with_a_prior_of_its_own():
    """Inverse scale T ~ Wishart above matrices X ~ Wishart(n, T): conjugate; T's own distribution given them in closed
    form.
    """
    rng = np.random.default_rng(8)
    above = mc.Wishart("T", 5.0, np.eye(2))
    matrices = mc.Wishart("X", 6.0, above, size=3)
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2), size=3)
    groups = np.repeat([0, 1, 2], 10)
    y = mc.Mixture("y", groups, mc.MvNormal, mu, matrices, value=rng.normal(size=(30, 2)), observed=True)
    m = mc.MCMC([y])
    m.sample(6000, 200, chains=2, seed=9, progress_bar=False)
    steps = {s.variables[0].name: s.name for s in m.assembled.steps}
    assert steps["T"] == "conjugate Gibbs"
    # the posterior means satisfy E[T] = E[(5 + 3 * 6) (1 + sum X)^-1]
    total = np.eye(2) + m.trace("X")[:].sum(1)
    expected = 23.0 * np.linalg.inv(total)
    gap = m.trace("T")[:] - expected
    errors = gap.reshape(100, -1, 2, 2).mean(1).std(0, ddof=1) / 10.0
    assert (np.abs(gap.mean(0)) < 4.5 * errors + 1e-12).all()


def test_a_step_of_the_users_choice_takes_the_pair_apart():
    theta = mc.NormalGamma("theta", 0.0, 0.5, 2.0, 1.0)
    y = mc.Normal("y", *theta, value=[0.1, 0.9, -0.3], observed=True)
    m = mc.MCMC([y])
    m.use_step_method(mc.Metropolis, theta.mean)
    m.sample(200, seed=1, progress_bar=False)
    assert {s.variables[0].name: s.name for s in m.assembled.steps}["theta_precision"] == "conjugate Gibbs"


def test_sizes_that_do_not_go_together():
    with pytest.raises(mc.ModelError, match="theta: expected as many means as precisions"):
        mc.NormalGamma("theta", np.zeros((2, 3)), 1.0, np.ones(3), 1.0)


# -------------------------------------------------------------------- variational


def test_vb_is_exact_with_one_component():
    z = mc.Categorical("z", [1.0], size=len(X))
    theta = mc.NormalWishart("theta", CENTRE, TIMES, DEGREES, INVERSE, size=1)
    y = mc.Mixture("y", z, mc.MvNormal, theta, value=X, observed=True)
    q = mc.VB([y]).update(verbose=False, seed=1)
    mean, times, degrees, inverse = updated(X)
    assert np.isclose(q.L, log_evidence(X), rtol=1e-12)
    assert np.allclose(q["theta_mean"].mean, mean) and np.allclose(
        q["theta_mean"].parameters["relative_precision"], times
    )
    assert np.allclose(q["theta_precision"].parameters["inverse_scale"], inverse)
    new = np.array([[0.3, 0.1], [4.0, -1.0]])
    exact = [log_evidence(np.vstack([X, row])) - log_evidence(X) for row in new]
    assert q.predicts_exactly() and np.allclose(q.predict_logpdf(new), exact, rtol=1e-10)
    draws = q.draws(40000, seed=2)
    about = draws["theta_mean"][:, 0] - mean
    scaled = np.einsum("ni,nij,nj->n", about, draws["theta_precision"][:, 0], about) * times
    assert abs(scaled.mean() - 2.0) < 5.0 * 2.0 / np.sqrt(40000)  # chi-square with two degrees, whatever the precision
    assert np.allclose(q["theta_mean"].sd[0], draws["theta_mean"][:, 0].std(0), rtol=0.03)


@pytest.mark.parametrize("columns", [False, True])
def test_the_joint_factor_is_never_worse(columns):
    rng = np.random.default_rng(4)
    x = rng.normal([[0.0, 0.0], [4.0, 4.0]], 1.0, (30, 2, 2)).reshape(-1, 2)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(3)), size=len(x))
    if columns:
        theta = mc.NormalGamma("theta", 0.0, 0.1, 2.0, 2.0, size=(3, 2))
        y = mc.Mixture("y", z, mc.Normal, theta, value=x, observed=True)
    else:
        theta = mc.NormalWishart("theta", np.zeros(2), 0.1, 4, np.eye(2), size=3)
        y = mc.Mixture("y", z, mc.MvNormal, theta, value=x, observed=True)
    q, apart = (mc.VB([y], joint=joint).update(verbose=False, seed=1, tol=1e-11) for joint in (True, False))
    assert q.L > apart.L
    for found in (q, apart):
        assert (np.diff(found.bound) >= -1e-9 * abs(found.L)).all()
    start = mc.MCMC([y]).sample(50, seed=1, start=q, progress_bar=False)
    assert start.trace("theta_mean")[:].shape[1:] == ((3, 2))


def test_hyperprior_above_a_pair():
    rng = np.random.default_rng(5)
    x = rng.normal(3.0, 1.0, (40, 2))
    centre = mc.MvNormal("centre", np.zeros(2), 0.01 * np.eye(2))
    theta = mc.NormalWishart("theta", centre, 0.5, 4, np.eye(2), size=2)
    y = mc.Mixture("y", [0.5, 0.5], mc.MvNormal, theta, value=x, observed=True)
    q = mc.VB([y]).update(verbose=False, seed=1, tol=1e-11)
    assert (np.diff(q.bound) >= -1e-9 * abs(q.L)).all()
    assert np.abs(q["centre"].mean - 3.0).max() < 1.5
