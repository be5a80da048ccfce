"""Correlation matrices (LKJ) beside scales (half-t): densities, draws, moves, and the covariances made of them."""

import itertools

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from mcmix.kernels import transforms as kernels
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.steps import density
from mcmix.structure.walks import ordered
from tests import references as ref
from tests import runs
from tests.references import assert_law, assert_mean, assert_shares, chains_of

LKJ, HALF_T = FAMILIES["LKJ"], FAMILIES["HalfStudentT"]
ROWS = np.array([[0.1, 0.3], [-0.4, 0.8], [2.2, 1.9], [3.0, 2.4], [1.2, 1.0], [-1.0, -2.1]])
CASES = [(1.0, 2), (3.5, 2), (0.4, 2), (1.0, 3), (2.0, 3), (0.7, 4), (5.0, 6)]


sampled = runs.sampler(iterations=20_000, burn=2000)


def margin(concentration, d):
    """The distribution of each correlation: both shapes concentration + d / 2 - 1, on (-1, 1)."""
    shape = concentration + 0.5 * d - 1.0
    return stats.beta(shape, shape, -1.0, 2.0)


def pairs(correlations):
    """Matrices with two rows from their correlation."""
    found = np.ones((*np.shape(correlations), 2, 2))
    found[..., 0, 1] = found[..., 1, 0] = correlations
    return found


# -------------------------------------------------------------------- densities


@pytest.mark.parametrize("concentration", [0.8, 1.0, 2.5])
def test_with_two_rows_it_is_a_beta_law(concentration):
    r = np.linspace(-0.99, 0.99, 41)
    exact = margin(concentration, 2).logpdf(r)
    np.testing.assert_allclose(LKJ.logpdf(pairs(r), concentration, 2), exact, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("concentration", [1.0, 2.0, 3.5])
def test_with_three_rows_the_density_has_mass_one(concentration):
    """Gauss-Legendre in angles under which two correlations of the first row, and the partial one, are sines."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    angle, weight = 0.5 * np.pi * nodes, 0.5 * np.pi * weights
    a, b, c = np.meshgrid(angle, angle, angle, indexing="ij")
    first, second = np.sin(a), np.sin(b)
    third = first * second + np.sin(c) * np.cos(a) * np.cos(b)
    x = np.zeros((*a.shape, 3, 3))
    for i, j, r in ((0, 1, first), (0, 2, second), (1, 2, third)):
        x[..., i, j] = x[..., j, i] = r
    x[..., range(3), range(3)] = 1.0
    volume = np.cos(a) ** 2 * np.cos(b) ** 2 * np.cos(c)  # cos a cos b, and d third / dc = cos a cos b cos c
    mass = np.einsum("ijk,i,j,k", np.exp(LKJ.logpdf(x, concentration, 3)) * volume, weight, weight, weight)
    assert mass == pytest.approx(1.0, rel=1e-9)


def test_of_one_row_there_is_one():
    assert LKJ.logpdf(np.ones((1, 1)), 2.0, 1) == 0.0
    assert mc.LKJ("R", 2.0, 1).value == np.ones((1, 1))


@pytest.mark.parametrize(
    "x", [[[1.0, 1.2], [1.2, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.1], [0.1, 1.0]], [[1.0, 0.1], [0.1, 0.9]]]
)
def test_what_is_no_correlation_matrix_has_density_zero(x):
    assert LKJ.logpdf(x, 2.0, 2) == -np.inf
    assert LKJ.logpdf(np.eye(2), 0.0, 2) == LKJ.logpdf(np.eye(2), -1.0, 2) == -np.inf


@pytest.mark.parametrize(("freedom", "scale"), [(3.0, 2.0), (1.0, 0.1), (40.0, 1e3)])
def test_half_t_is_twice_the_half_of_a_t_law(freedom, scale):
    x = scale * np.array([0.0, 1e-9, 0.2, 1.0, 3.0, 50.0, 1e6])
    exact = np.log(2.0) + stats.t(freedom, scale=scale).logpdf(x)
    np.testing.assert_allclose(HALF_T.logpdf(x, freedom, scale), exact, rtol=1e-12)
    assert HALF_T.logpdf(-1e-9, freedom, scale) == -np.inf
    drawn = HALF_T.draw(np.random.default_rng(1), 20000, freedom, scale)
    distance = stats.kstest(drawn, lambda q: 2.0 * stats.t(freedom, scale=scale).cdf(q) - 1.0).statistic
    assert distance < 2.3 / np.sqrt(20000)  # chance 5e-5 (Dvoretzky, Kiefer, Wolfowitz, Massart)


# -------------------------------------------------------------------- draws


@pytest.mark.parametrize(("concentration", "d"), CASES)
def test_every_correlation_of_a_draw_has_its_beta_law(concentration, d):
    x = LKJ.draw(np.random.default_rng(d), (10000, d, d), concentration, d)
    np.testing.assert_array_equal(x, np.swapaxes(x, -1, -2))
    assert (x[:, range(d), range(d)] == 1.0).all() and np.isfinite(LKJ.logpdf(x, concentration, d)).all()
    for i, j in itertools.combinations(range(d), 2):
        distance = stats.kstest(x[:, i, j], margin(concentration, d).cdf).statistic
        assert distance < 2.6 / np.sqrt(10000)  # chance 3e-6 each


def test_determinants_of_draws_average_as_the_constants_say():
    """E|R|**t is the ratio of two normalising constants, those of concentrations c + t and c."""
    x = LKJ.draw(np.random.default_rng(1), (40000, 4, 4), 1.5, 4)
    powers = np.linalg.det(x) ** 0.8
    exact = np.exp(LKJ.logpdf(np.eye(4), 1.5, 4) - LKJ.logpdf(np.eye(4), 2.3, 4))
    assert abs(powers.mean() - exact) < 5 * powers.std() / np.sqrt(40000)


def test_shapes():
    assert mc.LKJ("R", 2.0, dimension=3).shape == (3, 3)
    assert mc.LKJ("R", 2.0, 3, size=4).value.shape == (4, 3, 3)
    assert mc.LKJ("R", [1.0, 2.0], 3).value.shape == (2, 3, 3)
    assert mc.HalfStudentT("s", 3, 1.0, size=(4, 3)).value.shape == (4, 3)


# -------------------------------------------------------------------- free coordinates


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_the_kernels_and_their_twin_agree_on_free_coordinates(d):
    node = mc.LKJ("R", 1.5, d)
    view = Unconstrained([mc.Normal("x", 0, 1), node])
    assert view.size == 1 + d * (d - 1) // 2
    free = np.random.default_rng(d).normal(0.0, 1.2, size=(6, view.size))
    values = view.values(free)[node]
    np.testing.assert_allclose(view.free(view.values(free)), free, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(view.from_own(view.own(view.values(free)))[node], values, rtol=1e-14)
    assert view.inside(view.kept(free)).all()
    for row, matrix in zip(free, values, strict=True):
        made, back = np.zeros(d * d), np.zeros(max(view.size - 1, 1))
        jacobian = kernels.correlation_from_free(made, row[1:].copy(), d)
        np.testing.assert_allclose(made.reshape(d, d), matrix, rtol=1e-12, atol=1e-14)
        kernels.correlation_to_free(made, back, d)
        np.testing.assert_allclose(back[: view.size - 1], row[1:], rtol=1e-9, atol=1e-9)
        assert view.log_jacobian(row) == pytest.approx(jacobian, abs=1e-11)
        assert view.log_jacobian(row) == pytest.approx(np.linalg.slogdet(view.jacobian(row))[1], abs=1e-10)
    moves = 1e-6 * np.eye(view.size)
    moved = [(view.own(view.values(free[0] + h)) - view.own(view.values(free[0] - h))) / 2e-6 for h in moves]
    np.testing.assert_allclose(view.jacobian(free[0]), np.transpose(moved), rtol=1e-6, atol=1e-8)


def test_names_and_ends_in_the_flat_view():
    node = mc.LKJ("R", 1.5, 3, size=2)
    view = Unconstrained([node])
    assert view.names[:4] == ["R[0, 1, 0]", "R[0, 2, 0]", "R[0, 2, 1]", "R[1, 1, 0]"]
    assert view.bounded.all() and not view.inside(view.kept(np.full(6, 30.0)))


# -------------------------------------------------------------------- moves


@pytest.mark.parametrize(("concentration", "d"), [(1.0, 2), (2.0, 3), (1.0, 4)])
@pytest.mark.parametrize("step", [density.BlockMetropolis, density.BlockSlice])
def test_moves_under_the_prior(step, concentration, d):
    """A potential that says nothing keeps the matrices from being drawn forward: the moves must find the prior."""
    correlation = mc.LKJ("R", concentration, d, size=2)

    @mc.potential
    def nothing(r=correlation):
        return 0.0 * r.sum()

    m = mc.MCMC([correlation, nothing])
    assert runs.step_of(m, "R").name == "adaptive Metropolis, block"  # not over cells
    m.use_step_method(step, correlation)
    m.sample(16000, 1500, chains=4, seed=d, progress_bar=False)
    x = chains_of(m, "R")
    np.testing.assert_array_equal(x[..., range(d), range(d)], 1.0)
    for i, j in itertools.combinations(range(d), 2):
        for k in range(2):
            assert_law(x[:, :, k, i, j], margin(concentration, d))


@pytest.mark.parametrize("step", [density.BlockMetropolis, density.BlockSlice])
def test_other_kinds_of_blocks_under_the_prior(step):
    """Several simplexes and several matrices, each moving on its own: beta distributions, and scaled chi-squares."""
    w, precision = mc.Dirichlet("w", [1.0, 2.0, 3.0], size=2), mc.Wishart("precision", 5.0, np.eye(2), size=2)

    @mc.potential
    def nothing(w=w, x=precision):
        return 0.0 * w.sum() + 0.0 * x.sum()

    m = mc.MCMC([w, precision, nothing])
    m.use_step_method(step, w)
    m.use_step_method(step, precision)
    m.sample(16000, 1500, chains=4, seed=1, progress_bar=False)
    for k in range(2):
        for i in range(2):
            assert_law(chains_of(m, "w")[:, :, k, i], stats.beta(1.0 + i, 5.0 - i))
            assert_law(chains_of(m, "precision")[:, :, k, i, i], stats.chi2(5))


@pytest.mark.parametrize("step", [density.BlockMetropolis, density.BlockSlice])
def test_a_log_density_that_is_no_number_is_told_with_the_matrix_that_was_tried(step):
    correlation = mc.LKJ("R", 1.0, 2, size=3, value=np.tile(np.eye(2), (3, 1, 1)))

    @mc.potential
    def odd(r=correlation):
        return np.log(0.3 - r[1, 0, 1])

    m = mc.MCMC([correlation, odd])
    m.use_step_method(step, correlation)
    with pytest.raises(mc.McmixError, match="the logp of odd returned NaN"):
        m.sample(2000, 100, chains=1, seed=1, progress_bar=False)


def test_matrices_without_data_are_drawn_from_the_prior():
    correlation = mc.LKJ("R", 2.0, 3)
    x = mc.Normal("x", 0.0, 1.0)
    y = mc.Normal("y", x, 1.0, value=0.3, observed=True)
    m = sampled([correlation, x, y], 2, 4000, 100)
    assert runs.step_of(m, "R").name == "draw from prior"
    assert_law(chains_of(m, "R")[..., 2, 1], margin(2.0, 3))


def by_correlation(s, r, x=ROWS, mean=0.0):
    """Log density of rows under scales (..., 2) and correlations (...)."""
    a, b = ((x[:, j] - mean) / s[..., j, None] for j in range(2))
    rest = 1.0 - r[..., None] ** 2
    logs = -0.5 * (a * a - 2.0 * r[..., None] * a * b + b * b) / rest - 0.5 * np.log(rest) - np.log(2 * np.pi)
    return logs - np.log(s).sum(-1)[..., None]


@pytest.mark.parametrize("law", ["MvNormalCov", "MvNormalChol"])
def test_a_correlation_beside_known_scales(law):
    scales = np.array([1.5, 2.0])
    correlation = mc.LKJ("R", 2.0, 2)
    if law == "MvNormalCov":
        matrix = scales[:, None] * correlation * scales[None, :]
    else:

        @mc.deterministic
        def matrix(r=correlation):
            root = np.sqrt(1.0 - r[0, 1] ** 2)
            return np.stack([scales[0] * np.stack([1.0, 0.0 * root]), scales[1] * np.stack([r[0, 1], root])])

    y = getattr(mc, law)("y", np.zeros(2), matrix, value=ROWS, observed=True)
    m = sampled([correlation, y], 3, 8000, 500)
    assert runs.step_of(m, "R").name == "slice, free coordinates"

    def log_density(r):
        return margin(2.0, 2).logpdf(r) + by_correlation(np.broadcast_to(scales, (*r.shape, 2)), r).sum(-1)

    assert_law(chains_of(m, "R")[..., 0, 1], ref.gridded(log_density, -1.0, 1.0))


def test_scales_and_a_correlation_against_quadrature():
    scale = mc.HalfStudentT("scale", 3.0, 1.0, size=2)
    correlation = mc.LKJ("R", 1.5, 2)
    y = mc.MvNormalCov("y", np.zeros(2), scale[:, None] * correlation * scale[None, :], value=ROWS, observed=True)
    m = sampled([scale, correlation, y], 4)
    assert runs.step_of(m, "scale").name == "slice" and runs.step_of(m, "R").name == "slice, free coordinates"
    s, r = 8.0 * ref.midpoints(160), 2.0 * ref.midpoints(160) - 1.0
    a, b, c = np.meshgrid(s, s, r, indexing="ij")
    squares = ROWS.T @ ROWS
    rest = 1.0 - c**2
    logs = -3.0 * np.log(rest) - 6.0 * np.log(a * b)
    logs -= 0.5 * (squares[0, 0] / a**2 - 2.0 * c * squares[0, 1] / (a * b) + squares[1, 1] / b**2) / rest
    logs += margin(1.5, 2).logpdf(c) + stats.t(3).logpdf(a) + stats.t(3).logpdf(b)
    mass = ref.normalised(logs)
    assert_law(chains_of(m, "scale")[..., 0], ref.Gridded(s, mass.sum((1, 2))))
    assert_law(chains_of(m, "scale")[..., 1], ref.Gridded(s, mass.sum((0, 2))))
    assert_law(chains_of(m, "R")[..., 0, 1], ref.Gridded(r, mass.sum((0, 1))))


def test_labels_with_a_correlation_for_each_component_against_enumeration():
    """Known means and scales; each component's correlation is integrated on a grid for every set of rows it may own."""
    means, scales = np.array([0.0, 1.5]), np.array([[1.0, 1.0], [1.5, 1.0]])
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=6)
    correlation = mc.LKJ("R", 1.5, 2, size=2)
    cover = scales[:, :, None] * correlation * scales[:, None, :]
    y = mc.Mixture("y", z, mc.MvNormalCov, means[:, None] * np.ones(2), cover, value=ROWS, observed=True)
    m = sampled([w, z, correlation, y], 5, 30000)
    r = 2.0 * ref.midpoints(400) - 1.0
    inside, components = ref.subsets(6), []
    for k in range(2):
        rows = by_correlation(np.broadcast_to(scales[k], (400, 2)), r, mean=means[k])
        logs = inside @ rows.T + margin(1.5, 2).logpdf(r)
        mass = ref.normalised(logs, 1)
        components.append(ref.Component(np.log(np.exp(logs).mean(1)), {"r": mass @ r, "squared": mass @ r**2}))
    exact = ref.enumerated(components, 6, ref.dirichlet_label_prior([1.0, 1.0]))
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), exact.memberships, "memberships")
    found = chains_of(m, "R")[..., 0, 1]
    assert_mean(found, exact.expected("r"), "correlations")
    assert_mean(found**2, exact.expected("squared"), "their squares")


# -------------------------------------------------------------------- cost


def mixture(n, write, shared=False):
    """K = 2 components in the plane with half-t scales and LKJ correlations, in two ways to write the covariance."""
    x = np.random.default_rng(6).normal(size=(n, 2)) + 4.0 * (np.arange(n) % 2)[:, None]
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=n)
    mu = mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=2)
    scale = mc.HalfStudentT("scale", 3, 2.0, size=(2, 2))
    correlation = mc.LKJ("R", 2.0, 2) if shared else mc.LKJ("R", 2.0, 2, size=2)

    @mc.deterministic
    def cover(s=scale, r=correlation):
        return s[:, :, None] * r * s[:, None, :]

    if write == "operators":
        cover = scale[:, :, None] * correlation * scale[:, None, :]
    y = mc.Mixture("y", z, mc.MvNormalCov, mu, cover, value=x, observed=True)
    return mc.MCMC([w, z, mu, scale, correlation, y]), y


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("write", ["operators", "function"])
def test_scales_and_correlations_are_sampled_on_sums_however_many_rows_there_are(write, shared):
    sizes = []
    for n in (40, 4000):
        m, y = mixture(n, write, shared)
        assert runs.step_of(m, "z").name == "label update" and runs.step_of(m, "mu").name == "conjugate Gibbs"
        assert runs.step_of(m, "scale").name == "slice" and runs.step_of(m, "R").name == "slice, free coordinates"
        assert [e.over for e in m.assembled.structure.contributions if e.factor.node is y] == ["cells"]
        targets = [runs.step_of(m, "scale").target.expression, runs.step_of(m, "R").target]
        sizes.append([[p.shape for p in ordered(t)] for t in targets])
        assert max(p.size for t in targets for p in ordered(t)) <= 16
    assert sizes[0] == sizes[1]


def test_many_scales_and_matrices_move_one_by_one():
    """Six components in four dimensions, 24 scales and 36 correlations: as blocks they would hardly move."""
    x = np.random.default_rng(8).normal(size=(300, 4))
    scale, correlation = mc.HalfStudentT("scale", 3, 2.0, size=(6, 4)), mc.LKJ("R", 2.0, 4, size=6)
    cover = scale[:, :, None] * correlation * scale[:, None, :]
    y = mc.Mixture("y", np.ones(6) / 6, mc.MvNormalCov, np.zeros(4), cover, value=x, observed=True)
    m = mc.MCMC([scale, correlation, y])
    assert runs.step_of(m, "scale").name == "slice" and runs.step_of(m, "R").name == "slice, free coordinates"


def test_every_way_to_write_a_covariance_draws_the_same():
    draws = []
    for write in ("operators", "function"):
        m, _ = mixture(60, write)
        draws.append(m.sample(300, 100, chains=2, seed=7, progress_bar=False).draws().variables)
    for name in ("mu", "scale", "R", "w"):
        np.testing.assert_array_equal(draws[0][name], draws[1][name])


# -------------------------------------------------------------------- modes


def test_the_mode_of_a_correlation():
    """The density over the correlation itself is highest there: against a grid."""
    correlation = mc.LKJ("R", 2.0, 2)
    y = mc.MvNormalCov("y", np.zeros(2), correlation, value=0.6 * ROWS, observed=True)
    m = mc.MAP([y]).fit(seed=1)
    r = np.linspace(-0.999, 0.999, 200001)
    logs = margin(2.0, 2).logpdf(r) + by_correlation(np.ones((len(r), 2)), r, 0.6 * ROWS).sum(-1)
    assert m.len == 1 and m.converged
    assert correlation.value[0, 1] == pytest.approx(r[logs.argmax()], abs=2e-5)
    assert m.logp_at_max == pytest.approx(logs.max(), rel=1e-9)


def test_the_mode_of_a_larger_matrix_under_the_prior_and_its_normal_law():
    """A likelihood that is an LKJ distribution's density in itself: data whose products are a multiple of the
    identity.
    """
    x = np.sqrt(2.0) * np.vstack([np.eye(3), -np.eye(3)])
    correlation = mc.LKJ("R", 2.0, 3, value=[[1.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.0]])
    y = mc.MvNormalCov("y", np.zeros(3), correlation, value=x, observed=True)
    n = mc.NormApprox([y]).fit(seed=1)
    np.testing.assert_allclose(correlation.value, np.eye(3), atol=1e-4)
    # (2 - 1 - 6 / 2) log|R| - 2 tr R**-1 to second order: -(1 - 3) sum r**2 - 4 sum r**2, curvature 4 in each
    np.testing.assert_allclose(n.C[correlation], np.eye(3) / 4.0, rtol=1e-3, atol=1e-4)


# -------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mc.LKJ("R", 2.0, 0), ("R", "dimension", "at least 1", "got 0")),
        (lambda: mc.LKJ("R", 2.0, 2.5), ("R", "dimension", "whole", "2.5")),
        (lambda: mc.LKJ("R", 2.0, [2, 3]), ("R", "dimension", "whole")),
        (lambda: mc.LKJ("R", 2.0, mc.Poisson("n", 2.0)), ("R", "dimension", "known", "unknown")),
        (lambda: mc.LKJ("R", -1.0, 2), ("R", "concentration", "positive", "-1")),
        (lambda: mc.LKJ("R", 2.0, 2, value=[[1.0, 1.2], [1.2, 1.0]]), ("R", "value", "positive definite", "-0.2")),
        (lambda: mc.LKJ("R", 2.0, 2, value=[[2.0, 0.1], [0.1, 1.0]]), ("R", "correlation", "diagonal", "2")),
        (lambda: mc.LKJ("R", 2.0, 2, value=[[1.0, 0.1], [0.3, 1.0]]), ("R", "symmetric", "0.2")),
        (lambda: mc.LKJ("R", 2.0, 3, value=np.eye(2)), ("R", "(3, 3)", "(2, 2)", "dimension")),
        (lambda: mc.HalfStudentT("s", 0.0, 1.0), ("s", "degrees_of_freedom", "positive", "0")),
        (lambda: mc.HalfStudentT("s", 3.0, -1.0), ("s", "scale", "positive", "-1")),
        (lambda: mc.HalfStudentT("s", 3.0, 1.0, value=-0.5), ("s", "-0.5")),
    ],
)
def test_what_cannot_be_is_refused(build, words):
    with pytest.raises(mc.ModelError) as refusal:
        build()
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_a_missing_dimension_is_named():
    """As every missing parameter of every distribution is."""
    with pytest.raises(TypeError, match="R: LKJ needs dimension; accepted: concentration, dimension"):
        mc.LKJ("R", 2.0)
