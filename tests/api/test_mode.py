"""The mode of a posterior, labels summed out, and the normal distribution there: against closed forms and SciPy."""

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.special import expit

import mcmix as mc
from mcmix.kernels import transforms as kernels
from mcmix.sampling.curvature import curvature, stencil
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.mode import METHODS, Objective, Search, Starts, find_mode
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.structure.recording import record

CLOSE = 2e-5  # Newton steps end where one gains 1e-10, which is 1.4e-5 standard deviations


def two_normals(seed=1, n=300):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0.0, 1.0, n // 3), rng.normal(5.0, 1.5, n - n // 3)])


def mixture(x, sd=None):
    """Two components whose sds vanish at zero unless another prior is passed."""
    w = mc.Dirichlet("w", [2.0, 3.0])
    z = mc.Categorical("z", w, size=len(x))
    mu = mc.Normal("mu", [0.0, 5.0], 0.1, size=2)
    sd = mc.Gamma("sd", 3.0, 1.0, size=2) if sd is None else sd
    y = mc.Normal("y", mu[z], sd[z] ** -2.0, value=x, observed=True)
    return w, z, mu, sd, y


def log_posterior(x, free):
    """The mixture above by hand, at (logit w[0], mu, log sd), no Jacobian."""
    p, mu, sd = expit(free[0]), free[1:3], np.exp(free[3:5])
    rows = np.log([p, 1.0 - p])[:, None] + stats.norm.logpdf(x, mu[:, None], sd[:, None])
    prior = stats.dirichlet.logpdf([p, 1.0 - p], [2.0, 3.0]) + stats.norm.logpdf(mu, [0.0, 5.0], 0.1**-0.5).sum()
    return np.logaddexp(*rows).sum() + prior + stats.gamma.logpdf(sd, 3.0).sum()


# -------------------------------------------------------------------- the flat view


def test_the_flat_view_is_the_kernels_twin():
    x, y = mc.Normal("x", 0, 1), mc.Gamma("y", 2, 1, size=2)
    u, w = mc.Uniform("u", [-1.0, 2.0], 3.0), mc.Dirichlet("w", [1.0, 2.0, 3.0], size=2)
    view = Unconstrained([x, y, u, w])
    assert view.size == 1 + 2 + 2 + 4
    assert view.names == ["x", "y[0]", "y[1]", "u[0]", "u[1]", "w[0, 0]", "w[0, 1]", "w[1, 0]", "w[1, 1]"]
    free = np.random.default_rng(2).normal(size=view.size)
    values = view.values(free)
    ends = [(kernels.LOG, 0.0, np.inf, i) for i in (1, 2)] + [
        (kernels.LOGIT, -1.0, 3.0, 3),
        (kernels.LOGIT, 2.0, 3.0, 4),
    ]
    flat = np.concatenate([np.zeros(1), values[y], values[u]])
    jacobian = 0.0
    for kind, low, high, i in ends:
        assert kernels.from_free(kind, free[i], low, high) == pytest.approx(flat[i], rel=1e-14)
        assert kernels.to_free(kind, flat[i], low, high) == pytest.approx(free[i], rel=1e-12)
        jacobian += kernels.log_jacobian(kind, free[i], low, high)
    np.testing.assert_allclose(values[w].sum(-1), 1.0, rtol=1e-14)
    assert view.log_jacobian(free) == pytest.approx(jacobian + np.log(values[w]).sum(), rel=1e-13)
    assert view.log_jacobian(free) == pytest.approx(np.linalg.slogdet(view.jacobian(free))[1], rel=1e-12)


def test_the_flat_view_goes_there_and_back_for_many_points_at_once():
    w, p, s = mc.Dirichlet("w", [1.0, 2.0, 3.0]), mc.Beta("p", 1, 1), mc.HalfNormal("s", 1.0, size=2)
    view = Unconstrained([w, p, s])
    free = np.random.default_rng(3).normal(size=(4, 6, view.size))
    values = view.values(free)
    assert values[w].shape == (4, 6, 3) and values[p].shape == (4, 6) and values[s].shape == (4, 6, 2)
    np.testing.assert_allclose(view.free(values), free, rtol=1e-12, atol=1e-12)
    again = view.from_own(view.own(values))
    for node in view.nodes:
        np.testing.assert_allclose(again[node], values[node], rtol=1e-12, atol=1e-15)
    assert view.log_jacobian(free).shape == view.inside(view.kept(free)).shape == (4, 6)
    one = view.log_jacobian(free[1, 2])
    assert view.log_jacobian(free)[1, 2] == pytest.approx(float(one), rel=1e-14)
    moved = [
        (view.own(view.values(free[0, 0] + h)) - view.own(view.values(free[0, 0] - h))) / 2e-6 for h in 1e-6 * np.eye(5)
    ]
    np.testing.assert_allclose(view.jacobian(free[0, 0]), np.transpose(moved), rtol=1e-6, atol=1e-9)


def test_matrices_in_the_flat_view():
    matrix = mc.Wishart("matrix", 5.0, np.eye(3))
    view = Unconstrained([mc.Normal("x", 0, 1), matrix])
    assert view.size == 7 and view.names[1:4] == ["matrix[0, 0]", "matrix[1, 0]", "matrix[1, 1]"]
    free = np.random.default_rng(8).normal(size=(5, 7))
    values = view.values(free)
    factor = np.zeros((3, 3))
    factor[np.tril_indices(3)] = free[2, 1:]
    factor[np.arange(3), np.arange(3)] = np.exp(np.diagonal(factor))
    np.testing.assert_allclose(values[matrix][2], factor @ factor.T, rtol=1e-13)
    np.testing.assert_allclose(view.free(values), free, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(view.from_own(view.own(values))[matrix], values[matrix], rtol=1e-14)
    assert view.inside(view.kept(free)).all() and not view.inside(view.kept(np.full(7, -400.0)))
    moves = 1e-6 * np.eye(7)
    moved = [(view.own(view.values(free[0] + h)) - view.own(view.values(free[0] - h))) / 2e-6 for h in moves]
    np.testing.assert_allclose(view.jacobian(free[0]), np.transpose(moved), rtol=1e-6, atol=1e-8)
    assert view.log_jacobian(free)[0] == pytest.approx(np.linalg.slogdet(view.jacobian(free[0]))[1], rel=1e-12)


def test_values_on_an_end_are_outside():
    p = mc.Beta("p", 1, 1)
    view = Unconstrained([p])
    assert not view.inside(view.kept(np.array([800.0]))) and not view.inside(view.kept(np.array([-800.0])))
    assert view.inside(view.kept(np.array([30.0])))
    with pytest.raises(mc.ModelError, match="z: expected a continuous variable"):
        Unconstrained([mc.Poisson("z", 3.0)])


# -------------------------------------------------------------------- labels summed out


def test_the_marginal_density_is_that_by_hand():
    x = two_normals()
    w, z, mu, sd, y = mixture(x)
    marginal = Marginal(record(mc.Model([y])))
    free = np.array([-0.4, 0.3, 4.0, 0.2, 0.7])
    marginal.put({w: [expit(-0.4), expit(0.4)], mu: free[1:3], sd: np.exp(free[3:])})
    assert marginal.labels == [z] and set(marginal.needed) == {w, mu, sd}
    assert marginal.log_density() == pytest.approx(log_posterior(x, free), rel=1e-13)


def test_two_label_vectors_in_one_row_are_summed_over_their_product():
    rng = np.random.default_rng(4)
    x = rng.normal(size=7)
    a = mc.Categorical("a", [0.2, 0.8], size=7)
    weights = rng.dirichlet(np.ones(3), 7)  # of each row its own
    b = mc.Categorical("b", weights)
    mu = mc.Normal("mu", 0, 1, size=3)
    y = mc.Normal("y", mu[b] + 2.0 * a, 1.0, value=x, observed=True)
    marginal = Marginal(record(mc.Model([y])))
    assert set(marginal.labels) == {a, b}
    marginal.put({mu: [0.1, -1.0, 2.0]})
    rows = [
        np.log([0.2, 0.8][i] * weights[:, j]) + stats.norm.logpdf(x, [0.1, -1.0, 2.0][j] + 2.0 * i, 1.0)
        for i in range(2)
        for j in range(3)
    ]
    likelihood = np.logaddexp.reduce(rows, axis=0).sum()
    assert marginal.log_likelihood() == pytest.approx(likelihood, rel=1e-13)
    prior = stats.norm.logpdf([0.1, -1.0, 2.0]).sum()
    assert marginal.log_density() == pytest.approx(likelihood + prior, rel=1e-13)
    best = np.argmax(rows, axis=0)
    found = marginal.most_probable_labels()
    assert found[a].tolist() == (best // 3).tolist() and found[b].tolist() == (best % 3).tolist()


def test_the_likelihood_of_data_beside_an_unknown_on_the_same_labels_is_given_that_unknown():
    data = np.array([0.5, 3.0, 2.0])
    z = mc.Categorical("z", [0.4, 0.6], size=3)
    x = mc.Normal("x", 2.0 * z, 1.0)
    y = mc.Normal("y", x + z, 4.0, value=data, observed=True)
    marginal = Marginal(record(mc.Model([y])))
    at = np.array([0.3, 2.5, 1.0])
    marginal.put({x: at})
    prior = np.log([[0.4], [0.6]]) + stats.norm.logpdf(at, [[0.0], [2.0]], 1.0)
    joint = prior + stats.norm.logpdf(data, at + np.array([[0.0], [1.0]]), 0.5)
    assert marginal.log_density() == pytest.approx(np.logaddexp(*joint).sum(), rel=1e-13)
    assert marginal.log_likelihood() == pytest.approx((np.logaddexp(*joint) - np.logaddexp(*prior)).sum(), rel=1e-13)


# -------------------------------------------------------------------- derivatives


@pytest.mark.parametrize("order", [3, 5, 7])
def test_stencils_are_exact_for_polynomials(order):
    offsets, first, second = stencil(order)
    for power in range(order):
        assert offsets.astype(float) ** power @ first == pytest.approx(float(power == 1), abs=1e-11)
        assert offsets.astype(float) ** power @ second == pytest.approx(2.0 * (power == 2), abs=1e-11)


def test_derivatives_fit_any_scale():
    precision = np.array([[4.0, 1.0], [1.0, 2.0]])
    spread = np.array([1e-4, 1e3])

    def target(x):
        away = (x - 0.5 * spread) / spread
        return -0.5 * away @ precision @ away

    found = curvature(target, np.zeros(2), np.zeros(2, bool), 1e-3, 5)
    scaled = np.outer(found.scales / spread, found.scales / spread)
    np.testing.assert_allclose(found.hessian, -precision * scaled, rtol=1e-8)
    np.testing.assert_allclose(found.gradient, precision @ [0.5, 0.5] * found.scales / spread, rtol=1e-8)


# -------------------------------------------------------------------- closed forms


def test_normal_mean_and_precision():
    x = np.random.default_rng(5).normal(3.0, 2.0, 60)
    tau = mc.Gamma("tau", 2.5, 4.0)
    mu = mc.Normal("mu", 0.5, tau * 0.5)
    y = mc.Normal("y", mu, tau, value=x, observed=True)
    n = mc.NormApprox([y]).fit(seed=1)
    centre = (0.25 + x.sum()) / (0.5 + 60)
    rate = 4.0 + 0.5 * ((x - centre) ** 2).sum() + 0.25 * (centre - 0.5) ** 2
    shape = 2.5 - 1.0 + 0.5 * 61
    assert float(mu.value) == pytest.approx(centre, rel=CLOSE)
    assert float(tau.value) == pytest.approx(shape / rate, rel=CLOSE)
    # at the mode: -d2/dmu2 = 60.5 tau, -d2/dtau2 = shape / tau**2, mixed 0
    assert n.C[mu][0, 0] == pytest.approx(1.0 / (60.5 * shape / rate), rel=1e-6)
    assert n.C[tau][0, 0] == pytest.approx(shape / rate**2, rel=1e-6)
    assert n.C[mu, tau][0, 1] == pytest.approx(0.0, abs=1e-6 * np.sqrt(n.C[mu][0, 0] * n.C[tau][0, 0]))
    assert n.mu[mu, tau] == pytest.approx([centre, shape / rate], rel=CLOSE)
    assert n.mu["tau"] == pytest.approx([shape / rate], rel=CLOSE)


def test_beta_binomial():
    p = mc.Beta("p", 2.0, 3.0)
    x = mc.Binomial("x", 10, p, value=[7, 6, 9], observed=True)
    m = mc.MAP([x]).fit(seed=1)
    assert float(p.value) == pytest.approx((2 - 1 + 22) / (5 - 2 + 30), abs=CLOSE)
    assert m.lnL == pytest.approx(stats.binom.logpmf([7, 6, 9], 10, p.value).sum(), rel=1e-12)
    assert m.logp_at_max == pytest.approx(m.lnL + stats.beta.logpdf(p.value, 2, 3), rel=1e-12)
    assert m.converged and m.unbounded == []


def test_dirichlet():
    counts = np.array([3, 9, 4, 14])
    w = mc.Dirichlet("w", [2.0, 1.5, 3.0, 1.0])
    z = mc.Categorical("z", w, value=np.repeat(np.arange(4), counts), observed=True)
    n = mc.NormApprox([z]).fit(seed=1)
    top = counts + np.array([1.0, 0.5, 2.0, 0.0])
    mode = top / top.sum()
    assert w.value == pytest.approx(mode, abs=CLOSE)
    assert n.len == 3 and n.mu[w] == pytest.approx(mode[:3], abs=CLOSE)
    exact = np.linalg.inv(np.diag(top[:3] / mode[:3] ** 2) + top[3] / mode[3] ** 2)
    np.testing.assert_allclose(n.C[w], exact, rtol=1e-5)


def test_the_precision_of_a_multivariate_normal():
    x = np.random.default_rng(9).multivariate_normal([0.0, 0.0], [[2.0, 0.6], [0.6, 1.0]], 50)
    tau = mc.Wishart("tau", 6.0, np.array([[3.0, 0.5], [0.5, 2.0]]))
    y = mc.MvNormal("y", np.zeros(2), tau, value=x, observed=True)
    m = mc.MAP([y]).fit(seed=1)
    inverse = np.array([[3.0, 0.5], [0.5, 2.0]])
    exact = (50 + 6 - 3) * np.linalg.inv(inverse + x.T @ x)
    assert m.len == 3 and m.data_len == 100
    np.testing.assert_allclose(tau.value, exact, rtol=1e-5)


def test_several_variables_and_data_of_several_kinds():
    rng = np.random.default_rng(6)
    design, truth = rng.normal(size=(80, 3)), np.array([1.0, -2.0, 0.5])
    data = design @ truth + rng.normal(0.0, 0.3, 80)
    beta = mc.Normal("beta", 0, 0.01, size=3)
    y = mc.Normal("y", mc.Lambda("line", lambda b=beta: design @ b, trace=False), 0.3**-2, value=data, observed=True)
    n = mc.NormApprox([y]).fit(seed=1)
    precision = 0.01 * np.eye(3) + design.T @ design / 0.09
    centre = np.linalg.solve(precision, design.T @ data / 0.09)
    assert beta.value == pytest.approx(centre, abs=CLOSE * 0.03)
    np.testing.assert_allclose(n.C[beta], np.linalg.inv(precision), rtol=1e-7)


def test_missing_entries_that_nothing_hangs_on_are_integrated_out():
    mu, tau = mc.Normal("mu", 0, 0.1), mc.Gamma("tau", 2, 1)
    x = np.array([1.0, 2.5, np.nan, 0.3, np.nan])
    y = mc.Normal("y", mu, tau, value=x, observed=True)
    with_gaps = mc.MAP([y]).fit(seed=1)
    other_mu, other_tau = mc.Normal("mu", 0, 0.1), mc.Gamma("tau", 2, 1)
    other_y = mc.Normal("y", other_mu, other_tau, value=x[[0, 1, 3]], observed=True)
    without = mc.MAP([other_y]).fit(seed=1)
    assert with_gaps.len == without.len == 2 and with_gaps.data_len == without.data_len == 3
    assert with_gaps.mu[mu, tau] == pytest.approx(without.mu[other_mu, other_tau], abs=CLOSE)
    assert with_gaps.lnL == pytest.approx(without.lnL, rel=1e-9)


# -------------------------------------------------------------------- mixtures


@pytest.mark.parametrize("method", METHODS)
def test_a_mixtures_mode_is_that_of_scipy(method):
    x = two_normals()
    w, z, mu, sd, y = mixture(x)
    m = mc.MAP([y]).fit(method, starts=2, seed=1)
    start = np.array([-0.7, 0.0, 5.0, 0.0, 0.4])
    best = optimize.minimize(lambda free: -log_posterior(x, free), start, method="BFGS", options={"gtol": 1e-7}).x
    assert m.logp_at_max == pytest.approx(log_posterior(x, best), abs=1e-7)
    assert m.mu[w, mu] == pytest.approx([expit(best[0]), *best[1:3]], abs=1e-4)
    assert m.mu[sd] == pytest.approx(np.exp(best[3:]), abs=1e-4)
    assert m.unbounded == []
    assert np.mean(z.value == (x > 2.2)) > 0.9


def test_criteria_are_those_by_hand():
    x = two_normals()
    w, z, mu, sd, y = mixture(x)
    m = mc.MAP([y]).fit(seed=1)
    rows = np.log(w.value)[:, None] + stats.norm.logpdf(x, mu.value[:, None], sd.value[:, None])
    likelihood = np.logaddexp(*rows).sum()
    assert m.lnL == pytest.approx(likelihood, rel=1e-12)
    assert (m.len, m.data_len) == (5, 300)
    assert m.AIC == pytest.approx(10 - 2 * likelihood, rel=1e-12)
    assert m.AICc == pytest.approx(10 - 2 * likelihood + 60 / 294, rel=1e-12)
    assert m.BIC == pytest.approx(5 * np.log(300) - 2 * likelihood, rel=1e-12)
    mu.value = [100.0, 200.0]
    m.revert_to_max()
    assert mu.value == pytest.approx(m.mu[mu])
    assert "5 parameters, 300 data elements" in repr(m)


def test_a_mixtures_covariance_is_that_of_finite_differences():
    x = two_normals()
    w, _, mu, sd, y = mixture(x)
    n = mc.NormApprox([y]).fit(seed=1)
    centre = n.mu[w, mu, sd]

    def density(own):
        return log_posterior(x, np.concatenate([[np.log(own[0] / (1 - own[0]))], own[1:3], np.log(own[3:])]))

    steps = np.diag(0.03 * np.sqrt(np.diagonal(n.C[w, mu, sd])))
    hessian = np.array([[second(density, centre, a, b) for b in steps] for a in steps])
    np.testing.assert_allclose(n.C[w, mu, sd], np.linalg.inv(-hessian), rtol=0.02, atol=1e-3 * n.C[sd].max())
    assert n.C[w, mu, sd][1:3, 3:] == pytest.approx(n.C[mu, sd][:2, 2:])


def second(f, at, a, b):
    corners = f(at + a + b) - f(at + a - b) - f(at - a + b) + f(at - a - b)
    return corners / (4 * np.linalg.norm(a) * np.linalg.norm(b))


def test_an_unbounded_density_gives_the_mode_inside_and_says_so(capsys):
    x = two_normals(n=120)
    sd = mc.Uniform("sd", 0, 100, size=2)
    w, z, mu, sd, y = mixture(x, sd)
    m = mc.MAP([y]).fit(seed=1)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "no upper bound" in told and "sd[1] to 0 with mu[1] on a value of the data" in told
    assert m.unbounded and "mode inside" in repr(m)
    assert (sd.value > 0.5).all()

    def density(free):
        away = stats.gamma.logpdf(np.exp(free[3:5]), 3.0).sum() + 2 * np.log(100.0)
        return log_posterior(x, free) - away

    start = np.array([-0.7, 0.0, 5.0, 0.0, 0.4])
    best = optimize.minimize(lambda free: -density(free), start, method="BFGS", options={"gtol": 1e-7})
    assert m.logp_at_max == pytest.approx(-best.fun, abs=1e-6)


def test_a_run_that_collapses_is_left_aside():
    x = two_normals(n=60)
    w, _, mu, sd, y = mixture(x, mc.Uniform("sd", 0, 100, size=2))
    view = Unconstrained([w, mu, sd])
    target = Objective(Marginal(record(mc.Model([y]))), view)
    inside = view.free({w: np.array([0.3, 0.7]), mu: np.array([0.0, 5.0]), sd: np.array([1.0, 1.5])})
    collapsed = view.free({w: np.array([0.9, 0.1]), mu: np.array([4.0, x[50]]), sd: np.array([1.5, 1e-6])})
    found = find_mode(target, Starts([collapsed, inside]), Search(), x)
    alone = find_mode(target, Starts([inside]), Search(), x)
    assert found.values[0] > found.values[1] + 100 and found.converged and found.ways
    assert found.end.value == pytest.approx(alone.end.value, abs=1e-9)
    with pytest.raises(mc.ImproperPosterior, match=r"from all 1 starts .* \(sd\[1\] to 0\)"):
        find_mode(target, Starts([collapsed]), Search(), x)


def test_a_refused_normal_law_leaves_nothing_behind():
    p = mc.Beta("p", 1, 1, value=0.5)
    x = mc.Binomial("x", 10, p, value=0, observed=True)
    n = mc.NormApprox([x])
    with pytest.raises(mc.ModelError, match="no curved maximum"):
        n.fit(seed=1)
    assert "not fitted yet" in repr(n) and p.value == 0.5


def test_a_hierarchy_whose_scale_collapses_has_no_mode():
    data, errors = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0]), np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0])
    top, scale = mc.Normal("top", 0, 0.01), mc.Uniform("scale", 0, 50)
    group = mc.Normal("group", top, scale**-2.0, size=6)
    y = mc.Normal("y", group, errors**-2.0, value=data, observed=True)
    with pytest.raises(mc.ImproperPosterior, match="scale to 0"):
        mc.MAP([y]).fit(seed=1)


def test_no_mode_inside_is_an_error_that_names_the_variable():
    mu, sd = mc.Normal("mu", 0, 0.01), mc.Uniform("sd", 0, 10)
    y = mc.Normal("y", mu, sd**-2, value=[2.0, 2.0], observed=True)
    with pytest.raises(mc.ImproperPosterior, match=r"sd to 0.*InverseGamma"):
        mc.MAP([y]).fit(seed=1)
    g = mc.Gamma("g", 0.5, 1.0)
    with pytest.raises(mc.ImproperPosterior, match="g to 0"):
        mc.MAP([g]).fit(seed=1)


def test_a_mode_at_an_end_with_a_bounded_density_is_a_mode_but_not_normal():
    p = mc.Beta("p", 1, 1)
    x = mc.Binomial("x", 10, p, value=0, observed=True)
    m = mc.MAP([x]).fit(seed=1)
    assert m.converged and m.unbounded == [] and float(p.value) < 1e-6
    with pytest.raises(mc.ModelError, match="no curved maximum.*along p"):
        mc.NormApprox([x]).fit(seed=1)


# -------------------------------------------------------------------- draws from the normal distribution


def test_draws_follow_the_normal_law():
    x = np.random.default_rng(7).normal(3.0, 2.0, 40)
    mu = mc.Normal("mu", 0, 0.01, size=1)
    tau = mc.Gamma("tau", 3, 1)
    y = mc.Normal("y", mu[0], tau, value=x, observed=True)
    n = mc.NormApprox([y]).fit(seed=1)
    before = (mu.value.copy(), float(tau.value))
    draws = n.sample(4000, seed=2).trace("mu")[:]
    assert draws.shape == (4000, 1) and (mu.value, float(tau.value)) == before
    both = np.column_stack([draws[:, 0], n.trace(tau)[:]])
    error = np.sqrt(np.diagonal(n.C[mu, tau]) / 4000)
    assert (np.abs(both.mean(0) - n.mu[mu, tau]) < 5 * error).all()
    np.testing.assert_allclose(both.std(0), np.sqrt(np.diagonal(n.C[mu, tau])), rtol=5 / np.sqrt(2 * 4000))
    assert n.stats("tau")["tau"]["n"] == 4000 and set(n.stats()) == {"mu", "tau"}
    assert (n.sample(5, seed=9).trace("mu")[:] == n.sample(5, seed=9).trace("mu")[:]).all()
    drawn = n.draw()
    assert drawn["tau"] == tau.value and drawn["mu"] == mu.value
    assert float(tau.value) != before[1]


def test_draws_stay_inside_the_support():
    w = mc.Dirichlet("w", [1.0, 1.0, 1.0])
    z = mc.Categorical("z", w, value=[0, 1, 1, 2, 1, 1], observed=True)
    draws = mc.NormApprox([z]).fit(seed=1).sample(300, seed=3).trace("w")[:]
    assert draws.shape == (300, 3) and (draws > 0).all()
    np.testing.assert_allclose(draws.sum(1), 1.0, rtol=1e-12)


# -------------------------------------------------------------------- what is refused


def small():
    mu = mc.Normal("mu", 0, 1)
    return mu, mc.Normal("y", mu, 1, value=[1.0, 2.0], observed=True)


def test_nothing_before_the_fit():
    mu, y = small()
    m = mc.NormApprox([y])
    for name in ("AIC", "AICc", "BIC", "lnL"):
        with pytest.raises(mc.ModelError, match="NormApprox: nothing was fitted yet; call fit"):
            getattr(m, name)
    for call in (m.revert_to_max, m.draw, lambda: m.sample(3)):
        with pytest.raises(mc.ModelError, match="call fit"):
            call()
    with pytest.raises(mc.ModelError, match="call sample"):
        m.fit(seed=1).trace("mu")
    assert "not fitted yet" in repr(mc.MAP([y]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "powell"}, "method expected one of fmin_powell, fmin, fmin_l_bfgs_b"),
        ({"iterlim": 0}, "iterlim expected a whole number"),
        ({"starts": 0}, "starts expected a whole number"),
        ({"seed": "a"}, "seed expected"),
    ],
)
def test_bad_arguments(options, message):
    _, y = small()
    with pytest.raises(mc.ModelError, match=message):
        mc.MAP([y]).fit(**options)


def test_bad_models():
    k = mc.Poisson("k", 3.0)
    q = mc.Normal("q", k, 1, value=[1.0, 2.0], observed=True)
    with pytest.raises(mc.ModelError, match="MAP: expected continuous unknowns.*k .a discrete unknown"):
        mc.MAP([q])
    with pytest.raises(mc.ModelError, match="no unknowns"):
        mc.MAP([mc.Normal("y", 0, 1, value=1.0, observed=True)])
    with pytest.raises(mc.ModelError, match="eps expected"):
        mc.MAP(small()[:1], eps=0.0)
    with pytest.raises(mc.ModelError, match="NormApprox: diff_order expected"):
        mc.NormApprox(small()[:1], diff_order=4)
    with pytest.raises(KeyError, match="expected one of mu"):
        _ = mc.MAP(small()[1:]).fit(seed=1).mu["nu"]


def test_labels_that_cannot_be_summed_out_are_refused():
    z = mc.Bernoulli("z", 0.5, size=4)
    y = mc.Normal(
        "y", mc.Lambda("m", lambda z=z: z.sum() * np.ones(4), trace=False), 1, value=np.zeros(4), observed=True
    )
    with pytest.raises(mc.ModelError, match="labels that can be summed out, got z"):
        mc.MAP([y, mc.Normal("a", z, 1)])


def test_no_data():
    a = mc.Normal("a", 2.0, 4.0)
    m = mc.MAP([a]).fit(seed=1)
    assert float(a.value) == pytest.approx(2.0, abs=CLOSE)
    with pytest.raises(mc.ModelError, match="no data"):
        _ = m.AIC
    assert "no data" in repr(m)


# -------------------------------------------------------------------- one component, one number


ALONE = np.random.default_rng(1).normal(2.0, 1.0, 50)


def one_component(kind):
    w = mc.Dirichlet("w", [1.0])
    mu = mc.Normal("mu", 0.0, 0.01, size=1)
    if kind == "Mixture":
        return mu, w, [mc.Mixture("y", w, mc.Normal, mu, 1.0, value=ALONE, observed=True), w, mu]
    z = mc.Categorical("z", w, size=50)
    return mu, w, [mc.Normal("y", mu[z], 1.0, value=ALONE, observed=True), w, mu, z]


@pytest.mark.parametrize("kind", ["Mixture", "labels"])
def test_a_mixture_of_one_component_has_a_mode_and_a_normal_law(kind):
    mu, w, nodes = one_component(kind)
    found = mc.NormApprox(nodes).fit(seed=1)
    precision = 50.0 + 0.01
    np.testing.assert_allclose(found.mu[mu], [ALONE.sum() / precision], atol=1e-5)
    np.testing.assert_allclose(found.C[mu], [[1.0 / precision]], rtol=1e-4)
    assert found.mu[w].size == 0 and found.C[w].shape == (0, 0) and found.len == 1
    found.sample(20, seed=1)
    np.testing.assert_array_equal(found.trace("w")[:], np.ones((20, 1)))
    assert mc.MAP(nodes).fit(seed=1).logp_at_max == pytest.approx(found.logp_at_max, abs=1e-6)


def test_simplexes_of_one_entry_in_the_flat_view():
    for size, shape in ((None, (1,)), (3, (3, 1)), ((2, 2), (2, 2, 1))):
        w = mc.Dirichlet("w", [1.0]) if size is None else mc.Dirichlet("w", [1.0], size=size)
        view = Unconstrained([w])
        free = view.free({w: np.ones(shape)})
        assert free.shape == (0,) and view.jacobian(free).shape == (0, 0) and view.log_jacobian(free) == 0.0
        np.testing.assert_array_equal(view.values(free)[w], np.ones(shape))


def test_a_correlation_matrix_of_one_row_beside_a_number():
    mu, r = mc.Normal("mu", 0.0, 1.0), mc.LKJ("r", 1.0, 1)
    found = mc.NormApprox([mu, r, mc.Normal("y", mu, 1.0, value=[1.0], observed=True)]).fit(seed=1)
    np.testing.assert_allclose(found.C[mu], [[0.5]], rtol=1e-4)
    assert found.C[r].shape == (0, 0)


@pytest.mark.parametrize("size", [None, 1])
def test_one_scalar(size):
    mu = mc.Normal("mu", 0.0, 1.0) if size is None else mc.Normal("mu", 0.0, 1.0, size=size)
    found = mc.NormApprox([mu, mc.Normal("y", mu, 1.0, value=[1.0, 2.0, 3.0], observed=True)]).fit(seed=1)
    np.testing.assert_allclose([found.mu[mu][0], found.C[mu][0, 0]], [1.5, 0.25], rtol=1e-4)
    found.draw()
