"""Distributions of vectors and matrices: densities, draws, shapes, refusals, and posteriors."""

import numpy as np
import pytest
from family_examples import VECTOR_EXAMPLES
from scipy import stats

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from tests import runs
from tests.references import assert_law, assert_mean, assert_shares, chains_of

CASES = [
    pytest.param(name, parameters, id=f"{name}-{i}")
    for name, example in VECTOR_EXAMPLES.items()
    for i, parameters in enumerate(example.parameters)
]


def event_shape(name, parameters):
    if FAMILIES[name].dimension is not None:
        return (parameters[1],) * FAMILIES[name].event_ndim
    return np.shape(parameters[1])[-1:] * FAMILIES[name].event_ndim


def draws_of(name, parameters, n, seed):
    return FAMILIES[name].draw(np.random.default_rng(seed), (n, *event_shape(name, parameters)), *parameters)


def scipy_logs(name, parameters, x):
    law = VECTOR_EXAMPLES[name].law(*parameters)
    return law.logpmf(x) if hasattr(law, "logpmf") else law.logpdf(x)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_log_densities_are_those_of_scipy(name, parameters):
    x = draws_of(name, parameters, 40, 1)
    np.testing.assert_allclose(FAMILIES[name].logpdf(x, *parameters), scipy_logs(name, parameters, x), rtol=1e-11)
    node = getattr(mc, name)("x", *parameters, value=x)
    np.testing.assert_allclose(node.logp, scipy_logs(name, parameters, x).sum(), rtol=1e-11)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_parameters_that_vary_by_event(name, parameters):
    """One set of parameters per event, as against shared ones."""
    x = draws_of(name, parameters, 6, 2)
    wide = [np.broadcast_to(p, (6, *np.shape(p))) for p in parameters]
    np.testing.assert_allclose(FAMILIES[name].logpdf(x, *wide), FAMILIES[name].logpdf(x, *parameters), rtol=1e-13)


@pytest.mark.parametrize("name", [n for n, e in VECTOR_EXAMPLES.items() if e.broken])
def test_broken_parameters_have_density_zero(name):
    for broken in VECTOR_EXAMPLES[name].broken:
        x = np.eye(2) if FAMILIES[name].event_ndim == 2 else np.array([0.3, 0.4])
        assert FAMILIES[name].logpdf(x, *broken) == -np.inf


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_draws_have_the_mean_and_lie_where_the_density_is_positive(name, parameters):
    x = draws_of(name, parameters, 20000, 3)
    error = x.std(0) / np.sqrt(len(x))
    assert np.all(np.abs(x.mean(0) - VECTOR_EXAMPLES[name].mean(*parameters)) <= 5 * error + 1e-12)
    assert np.isfinite(FAMILIES[name].logpdf(x[:100], *parameters)).all()
    assert x.dtype == np.dtype(FAMILIES[name].dtype)


@pytest.mark.parametrize("name", ["MvNormal", "MvNormalCov", "MvNormalChol"])
def test_draws_have_the_covariance(name):
    parameters = VECTOR_EXAMPLES[name].parameters[0]
    exact = VECTOR_EXAMPLES[name].law(*parameters).cov
    x = draws_of(name, parameters, 40000, 4) - parameters[0]
    products = x[:, :, None] * x[:, None]
    assert np.all(np.abs(products.mean(0) - exact) <= 5 * products.std(0) / np.sqrt(len(x)))


def test_each_diagonal_entry_of_a_wishart_is_a_scaled_chi_square():
    n, scale = VECTOR_EXAMPLES["WishartCov"].parameters[0]
    x = draws_of("WishartCov", (n, scale), 20000, 5)
    for i in range(3):
        assert stats.kstest(x[:, i, i] / scale[i, i], stats.chi2(n).cdf).pvalue > 1e-5


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_shapes(name, parameters):
    law, event = getattr(mc, name), event_shape(name, parameters)
    assert law("x", *parameters).shape == event
    assert law("x", *parameters, size=4).shape == (4, *event)
    assert law("x", *parameters, size=(2, 3)).value.shape == (2, 3, *event)
    names = [p.name for p in FAMILIES[name].parameters]
    stacked = [
        p if n == FAMILIES[name].dimension else np.broadcast_to(p, (5, *np.shape(p)))
        for n, p in zip(names, parameters, strict=True)
    ]
    assert law("x", *stacked).shape == (5, *event)


# -------------------------------------------------------------------- refusals


SQUARE = np.array([[2.0, 0.5], [0.5, 1.0]])
CROOKED = np.array([[1.0, 2.0], [2.0, 1.0]])  # eigenvalues 3 and -1


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: mc.MvNormal("x", np.zeros(2), CROOKED), ("x", "precision", "positive definite", "-1")),
        (lambda: mc.MvNormalCov("x", np.zeros(2), CROOKED), ("x", "covariance", "positive definite", "-1")),
        (lambda: mc.Wishart("x", 4, CROOKED), ("x", "inverse_scale", "-1")),
        (lambda: mc.MvNormal("x", np.zeros(2), [[1.0, 0.2], [0.4, 1.0]]), ("x", "symmetric", "0.2")),
        (lambda: mc.Wishart("x", 1.0, SQUARE), ("x", "degrees_of_freedom", "above 1", "got 1")),
        (lambda: mc.Wishart("x", 4, SQUARE, value=CROOKED), ("x", "value", "-1")),
        (lambda: mc.MvNormal("x", np.zeros(3), SQUARE), ("x", "precision", "(3, 3)", "(2, 2)")),
        (lambda: mc.MvNormal("x", 0.0, SQUARE), ("x", "mean", "vector")),
        (lambda: mc.MvNormal("x", np.zeros(2), 2.0), ("x", "precision", "matrix")),
        (lambda: mc.MvNormal("x", np.zeros(2), SQUARE, size=3, value=np.zeros((4, 2))), ("x", "(3, 2)", "(4, 2)")),
        (lambda: mc.Multinomial("x", 5, [0.5, 0.5], value=[2, 4]), ("x", "sum 5", "6")),
        (lambda: mc.Multinomial("x", 5, [0.5, 0.8]), ("x", "1.3")),
    ],
)
def test_what_cannot_be_is_refused(build, words):
    with pytest.raises(mc.McmixError) as refusal:
        build()
    assert all(word in str(refusal.value) for word in words), refusal.value


# -------------------------------------------------------------------- posteriors


sampled = runs.sampler(iterations=20_000, burn=2000)


def test_a_wishart_precision_has_its_conjugate_posterior():
    x = stats.multivariate_normal(np.zeros(2), [[2.0, 1.0], [1.0, 1.5]]).rvs(40, random_state=1)
    precision = mc.Wishart("precision", 4.0, SQUARE)
    y = mc.MvNormal("y", np.zeros(2), precision, value=x, observed=True)
    m = sampled([precision, y], 1, 40000)
    inverse = SQUARE + x.T @ x
    assert_mean(chains_of(m, "precision"), 44.0 * np.linalg.inv(inverse))
    for i in range(2):
        law = stats.gamma(22.0, scale=2.0 * np.linalg.inv(inverse)[i, i])  # chi-square with 44 degrees, scaled
        assert_law(chains_of(m, "precision")[..., i, i], law)


def test_one_matrix_per_group_and_one_that_no_data_hang_on():
    x = stats.multivariate_normal(np.zeros(2), np.eye(2)).rvs(20, random_state=2).reshape(2, 10, 2)
    precision = mc.WishartCov("precision", 5.0, 0.2 * np.eye(2), size=3)
    data = [mc.MvNormal(f"y{g}", np.zeros(2), precision[g], value=x[g], observed=True) for g in range(2)]
    m = sampled([precision, *data], 2, 60000)
    for g in range(2):
        exact = 15.0 * np.linalg.inv(5.0 * np.eye(2) + x[g].T @ x[g])
        assert_mean(chains_of(m, "precision")[:, :, g], exact)
    assert_mean(chains_of(m, "precision")[:, :, 2], np.eye(2))


def test_weights_of_multinomial_counts():
    w = mc.Dirichlet("w", [1.0, 2.0, 1.0])
    y = mc.Multinomial("y", [10, 6], w, value=[[3, 5, 2], [0, 2, 4]], observed=True)
    m = sampled([w, y], 3, 6000, 100)
    assert "conjugate" in m.step_method_dict[w][0].reason
    a = np.array([4.0, 9.0, 7.0])
    for k in range(3):
        assert_law(chains_of(m, "w")[..., k], stats.beta(a[k], a.sum() - a[k]))


def test_vector_means_looked_up_by_labels():
    """Two clusters in the plane with known centres: each row's membership is Bayes' rule."""
    x = np.array([[0.1, 0.3], [-0.4, 0.8], [2.2, 1.9], [3.0, 2.4], [1.2, 1.0], [2.0, 3.1]])
    means = np.array([[0.0, 0.0], [2.5, 2.5]])
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    y = mc.MvNormal("y", mc.Index("centre", means, z), SQUARE, value=x, observed=True)
    m = sampled([z, y], 4, 8000, 100)
    cover = np.linalg.inv(SQUARE)
    odds = np.array([0.4, 0.6]) * np.stack([stats.multivariate_normal(c, cover).pdf(x) for c in means], 1)
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), odds / odds.sum(1, keepdims=True))
