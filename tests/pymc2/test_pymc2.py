"""PyMC 2's names: old programs run as they are, give the right posterior, and say clearly what is not there."""

import csv
import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot
from scipy import stats
from scipy.special import expit, gammaln, logsumexp

import mcmix.pymc2 as mc
from mcmix.errors import ModelError
from tests.references import TwoNormals, assert_mean, assert_shares
from tests.synthetic import two_groups_of_heights

PICTURE = b"\x89PNG"

pytestmark = pytest.mark.usefixtures("no_open_figures")


def drawn(plot, *arguments, **keywords):
    """The figure that was drawn: a notebook that got it back would show it a second time."""
    assert plot(*arguments, **keywords) is None
    return pyplot.gcf()


def explained(sampler):
    return {v.name: s.name for s in sampler.assembled.steps for v in s.variables}


def small_model(**keywords):
    mu = mc.Normal("mu", 0.0, 0.01, size=2)
    y = mc.Normal("y", mu, 1.0, value=[[0.9, 5.1], [1.1, 4.9]], observed=True)
    return mc.MCMC([mu, y], **keywords)


# -------------------------------------------------------------------- three old programs


@pytest.fixture(scope="module")
def two_components():
    return two_groups_of_heights()


def notebook(data):
    """The old notebook's cells, as they stood but for the import."""
    p = mc.Uniform("p", 0, 1)
    assignment = mc.Categorical("assignment", [p, 1 - p], size=data.shape[0])
    taus = 1.0 / mc.Uniform("stds", 0, 100, size=2) ** 2
    centers = mc.Normal("centers", [145, 210], [0.01, 0.02], size=2)

    @mc.deterministic
    def center_i(assignment=assignment, centers=centers):
        return centers[assignment]

    @mc.deterministic
    def tau_i(assignment=assignment, taus=taus):
        return taus[assignment]

    observations = mc.Normal("obs", center_i, tau_i, value=data, observed=True)
    return mc.Model([p, assignment, observations, taus, centers])


def test_the_old_notebook(two_components):
    np.random.seed(3)
    mcmc = mc.MCMC(notebook(two_components))
    mcmc.sample(11000, 1000)
    centers, stds, p = mcmc.trace("centers")[:], mcmc.trace("stds")[:], mcmc.trace("p")[:]
    found = TwoNormals(two_components).importance(20000, seed=1)
    centre, error = found.expected(found.points)
    assert_mean(np.column_stack([p, centers, stds])[None], centre, "means", error)
    assert explained(mcmc)["assignment"] == "label update"
    assert np.mean((mcmc.trace("assignment")[:].mean(0) < 0.5) == (np.arange(1000) < 700)) > 0.95
    figure = drawn(mc.Matplot.plot, mcmc)
    assert pyplot.fignum_exists(figure.number)
    assert len(figure.axes) == 3 * 5


DISASTERS = np.array(
    "4 5 4 0 1 4 3 4 0 6 3 3 4 0 2 6 3 3 5 4 5 3 1 4 4 1 5 5 3 4 2 5 2 2 3 4 2 1 3 2 2 1 1 1 1 3 0 0 1 0"
    " 1 1 0 0 3 1 0 3 2 2 0 1 1 1 0 1 0 1 0 0 0 2 1 0 0 0 1 1 0 2 3 3 1 1 2 1 1 1 1 2 4 2 0 0 1 4 0 0 0 1"
    " 0 0 0 0 0 1 0 0 1 0 1".split(),
    dtype=int,
)

COAL = """
from mcmix.pymc2 import *
from numpy import array, empty

disasters_array = array(COUNTS)
__all__ = ["disasters_array", "switchpoint", "early_mean", "late_mean", "rate", "disasters"]
switchpoint = DiscreteUniform("switchpoint", lower=0, upper=110, doc="Switchpoint[year]")
early_mean = Exponential("early_mean", beta=1.)
late_mean = Exponential("late_mean", beta=1.)

@deterministic(plot=False)
def rate(s=switchpoint, e=early_mean, l=late_mean):
    out = empty(len(disasters_array))
    out[:s] = e
    out[s:] = l
    return out

disasters = Poisson("disasters", mu=rate, value=disasters_array, observed=True)
"""


def coal_reference():
    """Posterior of the switch point, both means integrated out, and the means given it."""
    n = len(DISASTERS)
    s = np.arange(n)
    early = np.concatenate([[0], np.cumsum(DISASTERS)])[s]
    late = DISASTERS.sum() - early
    logs = sum(gammaln(k + 1) - (k + 1) * np.log(m + 1) for k, m in ((early, s), (late, n - s)))
    masses = np.exp(logs - logsumexp(logs))
    return masses, masses @ ((early + 1) / (s + 1)), masses @ ((late + 1) / (n - s + 1))


@pytest.fixture(scope="module")
def disaster_model(tmp_path_factory):
    """A module with the classic code."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "disaster_model.py").write_text(COAL.replace("COUNTS", str(DISASTERS.tolist())))
    sys.path.insert(0, str(folder))
    import disaster_model

    yield disaster_model
    sys.path.remove(str(folder))


def test_the_coal_mining_disasters(disaster_model):
    np.random.seed(5)
    M = mc.MCMC(disaster_model)
    M.sample(iter=11000, burn=1000)
    masses, early, late = coal_reference()
    assert_shares(M.trace("switchpoint")[:][None, :, None] == np.arange(30, 50), masses[30:50], "switch point")
    assert_mean(M.trace("early_mean")[:][None], early, "early mean")
    assert_mean(M.trace("late_mean")[:][None], late, "late mean")
    assert M.switchpoint is disaster_model.switchpoint and M.get_node("rate") is disaster_model.rate
    assert M.rate.trace().shape == (10000, 111)
    assert "rate" not in M.stats() and M.stats()["rate"]["mean"].shape == (111,)
    np.testing.assert_allclose(M.trace("rate")[:, 0] * 1.0, M.trace("early_mean")[:])
    assert disaster_model.early_mean.value == M.early_mean.value
    assert "rate" not in drawn(mc.Matplot.plot, M).get_supxlabel()


def test_the_dose_response():
    n, dose, died = 5 * np.ones(4, dtype=int), np.array([-0.86, -0.3, -0.05, 0.73]), np.array([0, 1, 3, 5])
    alpha, beta = mc.Normal("alpha", mu=0, tau=0.01), mc.Normal("beta", mu=0, tau=0.01)

    @mc.deterministic
    def theta(a=alpha, b=beta, d=dose):
        """theta = logit^{-1}(a + b)"""
        return mc.invlogit(a + b * d)

    @mc.observed
    @mc.stochastic(dtype=int)
    def deaths(value=died, n=n, p=theta):
        return mc.binomial_like(value, n, p)

    np.random.seed(7)
    M = mc.MCMC({"alpha": alpha, "beta": beta, "theta": theta, "deaths": deaths})
    M.sample(31000, 1000)
    a, b = np.meshgrid(np.linspace(-6, 10, 500), np.linspace(-10, 50, 600), indexing="ij")
    p = expit(a[..., None] + b[..., None] * dose)
    logs = stats.norm.logpdf(a, 0, 10) + stats.norm.logpdf(b, 0, 10) + stats.binom.logpmf(died, n, p).sum(-1)
    masses = np.exp(logs - logsumexp(logs))
    assert_mean(M.trace("alpha")[:][None], (masses * a).sum(), "alpha")
    assert_mean(M.trace("beta")[:][None], (masses * b).sum(), "beta")
    assert_mean(M.trace("theta")[:][None], np.einsum("ab,abd->d", masses, p), "theta")


# -------------------------------------------------------------------- distributions


def test_everything_goes_by_position():
    x = mc.Normal("x", 0.0, 4.0, [1.0, 2.0], True, None, False, True, "words", False, True, 0)
    assert (x.observed, x.trace_by_default, x.__doc__, x.plot) == (True, False, "words", True)
    assert mc.Uniform("u", 0, 1, None, False, (2, 3)).shape == (2, 3)
    assert x.parents["mu"] == 0.0 and x.parents["tau"] == 4.0
    assert x.logp == pytest.approx(stats.norm.logpdf([1, 2], 0, 0.5).sum())


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: mc.Normal("x", 0, 1, None, value=2.0), "value came by position and by keyword"),
        (lambda: mc.Normal("x", 0, 1, sd=3), "unknown keyword 'sd' for Normal; accepted: mean"),
        (lambda: mc.Normal("x", *range(12)), "expected at most 11 values after the name, got 12"),
        (lambda: mc.MvNormal("x", [0, 0], np.eye(2), size=3), "takes no size"),
        (lambda: mc.Dirichlet("x", [1, 1], size=3), "takes no size"),
        (lambda: mc.T("x", 4, location=2.0), "location was given twice"),
        (lambda: mc.normal_like(1.0, 0.0), "normal_like: expected mu, tau, sigma, variance"),
        (lambda: mc.rnormal(0, 1, 2, 3), "rnormal: expected mu, tau and size, got 4 values"),
        (lambda: mc.gamma_like(1.0, 1.0, 1.0, alpha=2), "'alpha' is given twice"),
    ],
)
def test_wrong_arguments_are_named(made, message):
    with pytest.raises(TypeError, match=message):
        made()


POINTS = [
    ("normal", 0.3, (1.0, 4.0), lambda x, m, t: stats.norm.logpdf(x, m, t**-0.5)),
    ("uniform", 0.3, (0.0, 2.0), lambda x, a, b: stats.uniform.logpdf(x, a, b - a)),
    ("categorical", 1, ([0.2, 0.8],), lambda x, p: np.log(p[x])),
    ("bernoulli", 1, (0.3,), lambda x, p: np.log(p)),
    ("beta", 0.3, (2.0, 3.0), stats.beta.logpdf),
    ("gamma", 0.3, (2.0, 3.0), lambda x, a, b: stats.gamma.logpdf(x, a, scale=1 / b)),
    ("inverse_gamma", 0.3, (2.0, 3.0), lambda x, a, b: stats.invgamma.logpdf(x, a, scale=b)),
    ("exponential", 0.3, (2.0,), lambda x, b: stats.expon.logpdf(x, scale=1 / b)),
    ("poisson", 3, (2.0,), stats.poisson.logpmf),
    ("binomial", 3, (5, 0.4), stats.binom.logpmf),
    ("multinomial", [1, 2], (3, [0.4, 0.6]), lambda x, n, p: stats.multinomial.logpmf(x, n, p)),
    ("mv_normal", [1.0, 2.0], ([0.0, 0.0], [[2.0, 0.3], [0.3, 1.0]]),
     lambda x, m, t: stats.multivariate_normal.logpdf(x, m, np.linalg.inv(t))),
    ("mv_normal_cov", [1.0, 2.0], ([0.0, 0.0], [[2.0, 0.3], [0.3, 1.0]]), stats.multivariate_normal.logpdf),
    ("mv_normal_chol", [1.0, 2.0], ([0.0, 0.0], [[2.0, 0.0], [0.3, 1.0]]),
     lambda x, m, s: stats.multivariate_normal.logpdf(x, m, np.array(s) @ np.transpose(s))),
    ("wishart", [[1.0, 0.2], [0.2, 2.0]], (4, [[2.0, 0.3], [0.3, 1.0]]),
     lambda x, n, t: stats.wishart.logpdf(x, n, np.linalg.inv(t))),
    ("wishart_cov", [[1.0, 0.2], [0.2, 2.0]], (4, [[2.0, 0.3], [0.3, 1.0]]), stats.wishart.logpdf),
    ("t", 0.3, (4.0,), stats.t.logpdf),
    ("noncentral_t", 0.3, (1.0, 4.0, 3.0), lambda x, m, lam, nu: stats.t.logpdf(x, nu, m, lam**-0.5)),
    ("half_normal", 0.3, (4.0,), lambda x, t: stats.halfnorm.logpdf(x, scale=t**-0.5)),
    ("half_cauchy", 0.3, (0.0, 2.0), lambda x, a, b: stats.halfcauchy.logpdf(x, a, b)),
    ("lognormal", 0.3, (1.0, 4.0), lambda x, m, t: stats.lognorm.logpdf(x, t**-0.5, scale=np.exp(m))),
    ("laplace", 0.3, (1.0, 4.0), lambda x, m, t: stats.laplace.logpdf(x, m, 1 / t)),
    ("cauchy", 0.3, (1.0, 4.0), stats.cauchy.logpdf),
    ("logistic", 0.3, (1.0, 4.0), lambda x, m, t: stats.logistic.logpdf(x, m, 1 / t)),
    ("truncated_normal", 0.3, (1.0, 4.0, 0.0, 2.0), lambda x, m, t, a, b: stats.truncnorm.logpdf(x, -2, 2, m, 0.5)),
    ("skew_normal", 0.3, (1.0, 4.0, 2.0), lambda x, m, t, a: stats.skewnorm.logpdf(x, a, m, t**-0.5)),
    ("weibull", 0.3, (2.0, 3.0), lambda x, a, b: stats.weibull_min.logpdf(x, a, scale=b)),
    ("negative_binomial", 3, (2.0, 1.5), lambda x, m, a: stats.nbinom.logpmf(x, a, a / (a + m))),
    ("geometric", 3, (0.4,), stats.geom.logpmf),
    ("discrete_uniform", 3, (1, 5), lambda x, a, b: stats.randint.logpmf(x, a, b + 1)),
    ("betabin", 3, (2.0, 3.0, 5), lambda x, a, b, n: stats.betabinom.logpmf(x, n, a, b)),
    ("chi2", 0.3, (4.0,), stats.chi2.logpdf),
    ("von_mises", 0.3, (1.0, 4.0), lambda x, m, k: stats.vonmises.logpdf(x, k, m)),
    ("dirichlet", [0.2, 0.3], ([1.0, 2.0, 3.0],), lambda x, t: stats.dirichlet.logpdf([*x, 1 - sum(x)], t)),
]  # fmt: skip


@pytest.mark.parametrize(("stem", "x", "parameters", "reference"), POINTS, ids=[p[0] for p in POINTS])
def test_log_densities(stem, x, parameters, reference):
    like = getattr(mc, f"{stem}_like")
    assert like(x, *parameters) == pytest.approx(reference(x, *parameters), rel=1e-9)
    assert isinstance(like(x, *parameters), float)
    doubled = np.array([x, x])
    assert like(doubled, *parameters) == pytest.approx(2 * reference(x, *parameters), rel=1e-9)
    nodes = [np.array(p) if isinstance(p, list) else p for p in parameters]
    assert getattr(mc, _class_of(stem))(stem, *nodes, value=x).logp == pytest.approx(like(x, *parameters))


def _class_of(stem):
    return next((r.name for r in mc._functions.ROWS if r.stem == stem), "Dirichlet")


@pytest.mark.parametrize(
    "impossible",
    [
        mc.normal_like(0.0, 0.0, -1.0), mc.uniform_like(3.0, 0, 1), mc.poisson_like(-1, 2.0),
        mc.binomial_like(6, 5, 0.5), mc.categorical_like([0, 2], [0.5, 0.5]), mc.gamma_like([1.0, -1.0], 1, 1),
        mc.dirichlet_like([0.7, 0.7], [1, 1, 1]),
        mc.one_over_x_like(-1.0), mc.wishart_like([[1.0, 2.0], [2.0, 1.0]], 4, np.eye(2)),
    ],
)  # fmt: skip
def test_the_impossible_is_minus_infinity(impossible):
    assert impossible == -np.inf


@pytest.mark.parametrize(("stem", "x", "parameters", "unused"), POINTS, ids=[p[0] for p in POINTS])
def test_draws(stem, x, parameters, unused):
    draw = getattr(mc, f"r{stem}")
    event = np.shape(x)
    np.random.seed(11)
    many = draw(*parameters, size=4000)
    assert draw(*parameters).shape == event and many.shape == (4000, *event)
    np.random.seed(11)
    np.testing.assert_array_equal(draw(*parameters, 4000), many)
    means = {
        "normal": 1.0, "uniform": 1.0, "categorical": 0.8, "bernoulli": 0.3, "beta": 0.4, "gamma": 2 / 3,
        "poisson": 2.0, "exponential": 0.5, "binomial": 2.0, "multinomial": [1.2, 1.8], "mv_normal_cov": [0, 0],
        "negative_binomial": 2.0,
        "wishart_cov": 4 * np.array([[2.0, 0.3], [0.3, 1.0]]), "half_normal": np.sqrt(2 / np.pi) / 2, "geometric": 2.5,
        "lognormal": np.exp(1.125), "discrete_uniform": 3.0, "dirichlet": [1 / 6, 1 / 3], "truncated_normal": 1.0,
    }  # fmt: skip
    if stem in means:
        errors = many.std(0) / np.sqrt(len(many))
        assert np.all(np.abs(many.mean(0) - means[stem]) < 6 * errors)


def test_parameters_of_draws_broadcast():
    np.random.seed(1)
    assert mc.rnormal([0.0, 100.0], 1.0)[1] > 90
    assert mc.rcategorical([[1.0, 0.0], [0.0, 1.0]]).tolist() == [0, 1]
    assert np.ndim(mc.rpoisson(3.0)) == 0


def test_improper_laws():
    x = mc.Uninformative("x", value=[1.0, 2.0])
    scale = mc.OneOverX("scale", value=2.0)
    k = mc.DiscreteUninformative("k", 3)
    assert (x.logp, scale.logp, k.dtype.kind) == (0.0, -np.log(2.0), "i")
    with pytest.raises(ModelError, match="start value"):
        mc.Uninformative("x")


def test_a_flat_prior_gives_the_likelihood():
    mu = mc.Uninformative("mu", value=0.0)
    y = mc.Normal("y", mu, 1.0, value=[1.0, 2.0, 3.0], observed=True)
    np.random.seed(2)
    draws = mc.MCMC([mu, y]).sample(11000, 1000).trace("mu")[:]
    assert_mean(draws[None], 2.0)
    assert_mean((draws[None] - 2.0) ** 2, 1 / 3)


def test_a_law_from_functions():
    def triangle_like(value, top):
        return np.where(value < top, np.log(2 * (top - value) / top**2), -np.inf).sum()

    def random(top, size=None):
        return top * (1 - np.sqrt(np.random.random(size)))

    Triangle = mc.stochastic_from_dist("triangle", triangle_like, random)
    x = Triangle("x", 2.0, size=3)
    assert x.value.shape == (3,) and Triangle.__name__ == "Triangle"
    assert Triangle("y", 2.0, [0.5], True).logp == pytest.approx(np.log(0.75))
    with pytest.raises(TypeError, match="got no top; Triangle accepts top, value"):
        Triangle("z")


# -------------------------------------------------------------------- weights without the last


def test_dirichlet_shows_all_but_the_last():
    D = mc.Dirichlet("D", [1.0, 2.0, 3.0], value=[0.2, 0.3])
    assert D.value.shape == D.shape == (2,)
    np.testing.assert_allclose(mc.CompletedDirichlet("C", D).value, [0.2, 0.3, 0.5])
    assert D.logp == pytest.approx(mc.dirichlet_like([0.2, 0.3], [1, 2, 3]))
    D.value = [0.1, 0.1]
    np.testing.assert_allclose([*D.full.value, D.last_value[1]], [0.1, 0.1, 0.8, 0.3])
    D.revert()
    assert D.value[0] == 0.2 and D.random().shape == (2,)
    assert mc.Dirichlet("seen", [1, 1, 1], [0.2, 0.3], True).observed
    with pytest.raises(ModelError, match=r"expected 2 weights \(or all 3\), got shape \(4,\)"):
        D.value = np.full(4, 0.25)


@pytest.mark.parametrize("weights", ["shown", "completed", "vector", "nodes", "rows"])
def test_categorical_and_multinomial_take_weights(weights):
    D = mc.Dirichlet("D", [1.0, 1.0, 1.0], value=[0.2, 0.3])
    p = mc.Uniform("p", 0, 1, value=0.2)
    given = {
        "shown": D,
        "completed": mc.CompletedDirichlet("C", D),
        "vector": [0.2, 0.3, 0.5],
        "nodes": [p, 0.3, 0.7 - p],
        "rows": np.tile([0.2, 0.3, 0.5], (4, 1)),
    }[weights]
    z = mc.Categorical("z", given, value=[0, 1, 2, 2])
    assert z.logp == pytest.approx(np.log([0.2, 0.3, 0.5, 0.5]).sum())
    counts = mc.Multinomial("counts", 4, given, value=[[1, 1, 2]] * 4)
    assert counts.logp == pytest.approx(4 * stats.multinomial.logpmf([1, 1, 2], 4, [0.2, 0.3, 0.5]))


def mixture_of_three(weights):
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.normal(m, 1, n) for m, n in ((0, 60), (5, 40), (10, 50))])
    D = mc.Dirichlet("D", [1.0, 1.0, 1.0])
    z = mc.Categorical("z", weights(D), size=len(x))
    mu = mc.Normal("mu", [0, 5, 10], 0.1, size=3)
    return x, D, z, mu


@pytest.mark.parametrize("weights", [lambda D: D, lambda D: mc.CompletedDirichlet("C", D)])
def test_weights_of_a_mixture_are_drawn_exactly(weights):
    x, D, z, mu = mixture_of_three(weights)
    y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)
    np.random.seed(9)
    M = mc.MCMC([D, z, mu, y])
    assert explained(M) == {"z": "label update", "D": "conjugate Gibbs", "mu": "conjugate Gibbs"}
    M.sample(5500, 500)
    shares = (M.trace("z")[:][..., None] == np.arange(2)).mean(1)
    assert_mean((M.trace(D)[:] - (150 * shares + 1) / 153)[None], 0.0, "weights given the labels")
    assert D.trace().shape == (5000, 2) and D.stats()["mean"].shape == (2,)
    assert M.get_node("D") is D and M.D is D
    np.testing.assert_allclose(D.value, M.trace("D")[-1])


def test_a_users_law_of_library_densities_is_seen_through():
    x, D, z, mu = mixture_of_three(lambda D: D)
    tau = mc.Gamma("tau", 1.0, 1.0, size=3)

    @mc.observed
    def y(value=x, mu=mu, tau=tau, z=z):
        return mc.normal_like(value, mu[z], tau[z])

    M = mc.MCMC([y])
    assert explained(M)["z"] == "label update" and not M.assembled.structure.recording.opaque


def test_a_function_that_cannot_be_recorded_calls_them_too():
    mu, pair = mc.Normal("mu", 0.0, 1.0), np.array([1.0, 2.0])

    @mc.observed
    def y(value=pair, mu=mu):
        total = 0.0
        for v in value:
            total += mc.normal_like(v, float(mu), 1.0)
        return total

    np.random.seed(4)
    M = mc.MCMC([mu, y])
    assert y in M.assembled.structure.recording.opaque
    assert_mean(M.sample(4500, 500).trace("mu")[:][None], 1.0)


# -------------------------------------------------------------------- chains, traces, values


def test_each_call_is_a_chain():
    np.random.seed(1)
    M = small_model()
    M.sample(500, 100)
    M.sample(200, thin=2)
    M.sample(100)
    mu = M.get_node("mu")
    assert [M.trace("mu", chain=c)[:].shape for c in (0, 1, 2, -1)] == [(400, 2), (100, 2), (100, 2), (100, 2)]
    assert M.trace("mu", chain=None)[:].shape == (600, 2) and M.trace(mu).length(None) == 600
    np.testing.assert_array_equal(M.trace("mu")[-1], mu.value)
    np.testing.assert_array_equal(mu.trace()[-1], M.mu.value)
    np.testing.assert_array_equal(M.trace("mu")(burn=10, thin=3, chain=0), M.trace("mu", chain=0)[10::3])
    np.testing.assert_array_equal(mu.trace.gettrace(slicing=slice(5, 8)), M.trace("mu")[5:8])
    assert M.db.chains == 3 and M.db.trace_names == [["mu"]] * 3
    assert M.draws().variables["mu"].shape == (2, 100, 2)  # chains as long as the last
    assert mu.stats()["n"] == 600 and M.stats(chain=0)["mu"]["n"] == 400 and mu.stats(start=50)["n"] == 450
    assert M.trace("deviance", chain=0)[:].shape == (400,) and M.stats()["deviance"]["mean"].shape == ()
    M.remember(chain=0, trace_index=3)
    np.testing.assert_array_equal(mu.value, M.trace("mu", 1)[3])
    with pytest.raises(ModelError, match="chain expected 0 to 2"):
        M.trace("mu", chain=3)
    with pytest.raises(ModelError, match="no variable named 'nu'"):
        M.trace("nu")
    with pytest.raises(KeyError, match="no variable named 'nu'"):
        M.stats()["nu"]
    with pytest.raises(ModelError, match="each call is one chain"):
        M.sample(100, chains=2)


def test_a_sampler_begins_where_the_nodes_stand():
    mu = mc.Normal("mu", 0.0, 1e-6)
    y = mc.Normal("y", mu, 1.0, value=[100.0, 101.0], observed=True)
    found = mc.MAP([mu, y])
    found.fit()
    assert found.mu is found.mu and found.get_node("mu").value == pytest.approx(100.5, rel=1e-3)
    M = mc.MCMC([mu, y])
    M.use_step_method(mc.NoStepper, mu)
    M.sample(10)
    assert np.all(M.trace("mu")[:] == mu.value) and mu.value == pytest.approx(100.5, rel=1e-3)
    N = mc.NormApprox([mu, y])
    N.fit()
    assert N.C[mu][0, 0] == pytest.approx(0.5, rel=1e-3)
    with pytest.raises(ModelError, match="nothing was drawn yet"):
        mc.Matplot.plot(N)
    N.sample(20)
    assert drawn(mc.Matplot.plot, N).axes


def test_names_of_a_dict_are_attributes():
    mu = mc.Normal("a name", 0.0, 1.0, value=0.5)
    M = mc.MCMC({"mu": mu, "y": mc.Normal("y", mu, 1.0, value=0.2, observed=True)})
    assert M.mu is mu and M.stochastics == [mu] and M.status == "ready"
    with pytest.raises(AttributeError, match="no attribute or node 'nu'"):
        M.nu  # noqa: B018


PROGRAM = """
import numpy as np, mcmix.pymc2 as mc
np.random.seed(3)
x = mc.rnormal(0, 1, 20)
p = mc.Dirichlet("p", [1, 1]); z = mc.Categorical("z", p, size=20); s = mc.Uniform("s", 0, 5)
mu = mc.Normal("mu", 0, .1, size=2); y = mc.Normal("y", mu[z], 1 / s ** 2, value=x, observed=True)
M = mc.MCMC()
M.sample(300, 100)
print(M.trace("mu")[-1].tolist(), M.trace("s")[-1].item(), sum(M.trace("z")[:].ravel()))
"""


def test_numpy_seeds_mean_the_same_in_every_process():
    said = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": s},
        ).stdout
        for s in ("1", "2")
    ]
    assert said[0] == said[1] != ""


# -------------------------------------------------------------------- databases, reports


@pytest.mark.parametrize("db", ["txt", "pickle", "sqlite", "hdf5", "hdf5ea"])
def test_files_are_netcdf(db, tmp_path, capsys):
    from mcmix.pymc2 import database

    database._told.discard(db)
    np.random.seed(1)
    M = small_model(db=db, dbname=str(tmp_path / f"run.{db}"), dbmode="w")
    said = capsys.readouterr().err
    assert "netCDF" in said and "run.nc" in said
    M.sample(50)
    M.sample(50)
    read = getattr(database, db).load(str(tmp_path / f"run.{db}"))
    np.testing.assert_array_equal(read.trace("mu")[:], M.trace("mu")[:])
    M.sample(20)
    M.db.commit()
    M.db.close()
    read = mc.load(tmp_path / "run.nc")
    assert [read.trace("mu").length(c) for c in range(read.chains)] == [50, 50, 20]
    np.testing.assert_array_equal(read.trace("mu", chain=None)[:], M.trace("mu", chain=None)[:])
    assert [f.name for f in tmp_path.iterdir()] == ["run.nc"]


def test_other_databases(tmp_path):
    M = small_model(db="no_trace")
    M.sample(100)
    assert M.mu.value.shape == (2,)
    with pytest.raises(ModelError, match="keeps no draws"):
        M.trace("mu")
    with pytest.raises(AttributeError, match="expected one of ram, no_trace, txt, pickle, sqlite, hdf5, hdf5ea"):
        small_model(db="mysql")
    with pytest.raises(TypeError, match="unknown keyword 'dbhost'"):
        small_model(db="ram", dbhost="x")
    with pytest.raises(ModelError, match="expected a netCDF file"):
        mc.database.pickle.load(tmp_path / "none.pickle")


def test_csv_and_summary(tmp_path, capsys):
    np.random.seed(1)
    M = small_model()
    M.sample(400, 100)
    M.write_csv(tmp_path / "out.csv", variables=["mu"])
    with open(tmp_path / "out.csv", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[:6] == ["Parameter", "Mean", "SD", "MC Error", "Lower 95% HPD", "Upper 95% HPD"]
    assert header[6:] == ["q2.5", "q25", "q50", "q75", "q97.5"]
    assert [r[0] for r in rows] == ["mu[0]", "mu[1]"]
    np.testing.assert_allclose([float(r[1]) for r in rows], M.trace("mu")[:].mean(0), rtol=1e-6)
    capsys.readouterr()
    assert M.summary() is None
    M.mu.summary(alpha=0.1, roundto=1)
    said = capsys.readouterr().out
    assert "95% HPD" in said and "90% HPD" in said and said.count("mu[1]") == 2


def test_diagnostics():
    rng = np.random.default_rng(12)
    independent = rng.normal(size=(4, 1000, 2))
    moving = np.cumsum(rng.normal(size=4000))
    np.testing.assert_allclose(mc.iat(independent[0]), 1.0, atol=0.25)
    assert mc.iat(moving) > 50
    assert (
        np.all(mc.gelman_rubin(independent) < 1.01)
        and mc.gelman_rubin(independent + [[[0]], [[1]], [[2]], [[3]]])[0] > 1.5
    )
    np.testing.assert_allclose(mc.gelman_rubin(independent, return_var=True), 1.0, atol=0.1)
    assert np.all(np.abs(mc.effective_n(independent) / 4000 - 1) < 0.2)
    scores = np.array(mc.geweke(independent[0, :, 0], intervals=10))
    assert scores.shape == (10, 2) and np.all(np.abs(scores[:, 1]) < 4.5) and scores[-1, 0] == 450
    assert abs(mc.geweke(moving)[0][1]) > 2
    low, high = mc.utils.hpd(independent[0, :, 0], 0.05)
    assert low == pytest.approx(-1.96, abs=0.3) and high == pytest.approx(1.96, abs=0.3)
    assert mc.utils.quantiles(np.arange(101.0))[25] == 25.0
    np.random.seed(1)
    M = small_model()
    M.sample(300, 100)
    with pytest.raises(ModelError, match="sample\\(\\) again"):
        mc.gelman_rubin(M)
    M.sample(200)
    assert list(mc.gelman_rubin(M)) == ["mu"] and mc.effective_n(M.mu).shape == (2,)
    assert mc.iat(M.trace("mu")).shape == (2,) and len(mc.geweke(M)["mu"]) == 2


PLOTS = [mc.Matplot.plot, mc.Matplot.histogram, mc.Matplot.trace, mc.Matplot.autocorrelation, mc.Matplot.summary_plot]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.__name__)
def test_plots(plot, tmp_path, capsys):
    np.random.seed(1)
    M = small_model()
    M.sample(200)
    M.sample(200)
    rng = np.random.default_rng(3)
    things = [M, M.mu, M.trace("mu"), {"a": rng.normal(size=(100, 2)), "b": rng.normal(size=100)}]
    for thing in things:
        figure = drawn(plot, thing)
        assert figure.axes and any(axes.get_xlabel() for axes in figure.axes)
    plot(rng.normal(size=50), "alone", path=tmp_path / "pictures", format="png", suffix="-x")
    assert (tmp_path / "pictures" / "alone-x.png").read_bytes().startswith(PICTURE)
    assert "alone-x.png" in capsys.readouterr().err
    before = pyplot.get_fignums()
    plot(M, new=False)
    assert pyplot.get_fignums() == before and not list(tmp_path.glob("*.png"))


# -------------------------------------------------------------------- what else is there, and what is not


def test_nodes_of_old():
    a = mc.Normal("a", 0, 1, value=2.0)
    assert mc.exp(a).value == np.exp(2.0) and mc.sum([a, a]).value == 4.0 and mc.sum([1, 2]) == 3
    assert not mc.any(v for v in (0, 0)) and mc.all([True, True])
    assert mc.equal(a, 2.0).value and mc.Lambda("b", lambda a=a: a + 1).value == 3.0
    assert mc.Container([a, [a]]).value == [2.0, [2.0]] and mc.Variable is mc.Node
    assert mc.robust_init(mc.Uniform, 5, "c", 0, 3, value=1.0).value == 1.0
    assert mc.observed(a).observed and mc.data is mc.observed and mc.dtrm is mc.deterministic
    s = mc.Stochastic(mc.normal_like, "doc", "s", {"mu": 0, "tau": 1}, value=0.0, logp_partial_gradients={})
    assert s.logp == pytest.approx(stats.norm.logpdf(0))


def test_star_brings_every_name():
    scope = {}
    exec("from mcmix.pymc2 import *", scope)  # noqa: S102
    missing = [name for name in mc.__all__ if name not in scope]
    assert missing == [] and scope["Slicer"] is mc.Slicer and scope["rnormal"] is mc.rnormal


@pytest.mark.parametrize("name", sorted(mc.__all__))
def test_public_names_are_documented(name):
    assert isinstance(getattr(mc, name), str) or getattr(mc, name).__doc__


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda M: M.DIC, "labels have no posterior mean.*az.loo on to_arviz"),
        (lambda M: M.BPIC, "az.loo"),
        (lambda M: M.isample(100), "Ctrl-C ends a run"),
        (lambda M: M.get_state(), "save_state"),
        (lambda M: mc.raftery_lewis, "use effective_n"),
        (lambda M: mc.Hypergeometric, "from_scipy"),
        (lambda M: mc.nonsense, "no attribute 'nonsense'"),
    ],
)
def test_what_is_not_there_says_so(asked, message):
    with pytest.raises(AttributeError, match=message):
        asked(small_model())


def test_mcmix_does_not_load_it():
    names = ["mcmix.pymc2", "arviz", "matplotlib", "pandas", "mcmix.api.mcmc"]
    before = "import sys, mcmix; a = 'mcmix.pymc2' in sys.modules; import mcmix.pymc2; "
    code = before + f"print(a, [m for m in {names} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False ['mcmix.pymc2']"
