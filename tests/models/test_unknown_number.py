"""An unknown number of components: against all partitions of ten units, and by the joint test."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from benchmarks.unknown_number import galaxies
from mcmix.testing import enumerated_partitions, joint_test
from tests import runs
from tests.harness import levels
from tests.references import assert_masses, assert_mean, assert_shares, chains_of

ROWS = np.array([-3.1, -2.6, -2.2, -0.4, 0.1, 0.3, 1.4, 2.5, 2.9, 3.6])
PRECISION, SPREAD = 1.5, 2.5
sampled = runs.sampler(iterations=26_000, burn=1000)


def log_marginal(units):
    """Log density of the rows of one cluster, its mean integrated out."""
    n = len(units)
    return stats.multivariate_normal(np.zeros(n), np.eye(n) / PRECISION + SPREAD**2).logpdf(ROWS[units])


def mixture(prior, concentration, rows=ROWS):
    """Normal rows of a known precision; the concentration is a function of the number of components."""
    number = mc.NumberOfComponents("K", prior)
    z = mc.Categorical("z", mc.Dirichlet("w", concentration(number), size=number), size=len(rows))
    mean = mc.Normal("mean", 0.0, sigma=SPREAD, size=number)
    return [mc.Mixture("y", z, mc.Normal, mean, PRECISION, value=rows, observed=True)]


def clusters_of(labels):
    """How many clusters there are in each draw of the labels."""
    return 1 + (np.diff(np.sort(labels, axis=-1), axis=-1) > 0).sum(-1)


def assert_like(m, numbers, components, occupied, similarity):
    labels = chains_of(m, "z")
    assert_masses(chains_of(m, "K"), dict(zip(numbers.tolist(), components.tolist(), strict=True)), "K")
    assert_masses(clusters_of(labels), dict(enumerate(occupied, 1)), "clusters")
    pairs = np.triu_indices(labels.shape[-1], 1)
    assert_shares(labels[..., pairs[0]] == labels[..., pairs[1]], similarity[pairs], "similarity")


PRIORS = {
    "uniform": (stats.randint(1, 9), 1.0, False),
    "shifted Poisson": (stats.poisson(2, loc=1), 0.5, False),
    "geometric, dynamic": (stats.geom(0.3), 2.0, True),
    "beta-negative-binomial, dynamic": (stats.betanbinom(1, 4, 3, loc=1), 1.0, True),
    "without small numbers": ([0.0, 0.0, 0.5, 0.0, 0.5], 1.0, False),
    "certain": (4, 0.7, False),
}


IN_EVERY_RUN = ("uniform", "geometric, dynamic")  # priors; the others are slow


@pytest.mark.parametrize("name", [n if n in IN_EVERY_RUN else pytest.param(n, marks=pytest.mark.slow) for n in PRIORS])
def test_all_partitions_of_ten_units(name):
    prior, a, dynamic = PRIORS[name]
    exact = enumerated_partitions(10, log_marginal, components=prior, concentration=a, dynamic=dynamic)
    m = sampled(mixture(prior, lambda k: a / k if dynamic else a), seed=11)
    seen = exact.numbers <= m.assembled.structure.numbers[0].most  # the rest of a long tail is cut off
    assert exact.components[~seen].sum() < 1e-7
    assert_like(m, exact.numbers[seen], exact.components[seen], exact.occupied, exact.similarity)
    found = mc.posterior_components(m)
    close = 6.0 * found.errors + 1e-4
    assert (
        np.abs(found.components[exact.numbers[seen] - 1] - exact.components[seen]) < close[exact.numbers[seen] - 1]
    ).all()


@pytest.mark.parametrize("dynamic", [False, True])
def test_an_unknown_concentration(dynamic):
    rows, prior = ROWS[[0, 1, 4, 5, 6, 8, 9]], stats.randint(1, 7)
    points, weights = np.polynomial.laguerre.laggauss(40)
    nodes = points / 2.0  # of the prior Gamma(2, 2), whose density is 4 a exp(-2 a)
    each = [
        enumerated_partitions(
            7, lambda units: log_marginal(np.array([0, 1, 4, 5, 6, 8, 9])[units]), components=prior, concentration=a,
            dynamic=dynamic,
        )
        for a in nodes
    ]  # fmt: skip
    logs = np.array([e.log_evidence for e in each]) + np.log(weights) + np.log(points)
    share = np.exp(logs - logsumexp(logs))
    expected = [np.tensordot(share, [getattr(e, what) for e in each], 1) for what in ("components", "occupied")]
    similarity = np.tensordot(share, [e.similarity for e in each], 1)
    alpha = mc.Gamma("alpha", 2.0, 2.0)
    m = sampled(mixture(prior, lambda k: alpha / k if dynamic else alpha, rows), seed=12)
    assert_like(m, each[0].numbers, *expected, similarity)
    assert_mean(chains_of(m, "alpha"), share @ nodes, "alpha")
    assert_mean(chains_of(m, "alpha") ** 2, share @ nodes**2, "alpha squared")


# -------------------------------------------------------------------- what others found

# Richardson and Green (1997), "On Bayesian analysis of mixtures with an unknown number of components", table 1: the
# galaxies; their reversible jump sampler has errors of some 0.01.
PUBLISHED = {3: 0.061, 4: 0.128, 5: 0.182, 6: 0.199, 7: 0.160, 8: 0.109, 9: 0.071, 10: 0.040, 11: 0.023, 12: 0.013}


def test_the_galaxies():
    m = galaxies().sample(300_000, 10_000, thin=50, seed=15, progress_bar=False)
    found = mc.posterior_components(m)
    for k, published in PUBLISHED.items():
        assert found.components[k - 1] == pytest.approx(published, abs=0.015 + 6 * found.errors[k - 1])
    assert found.components[:2].sum() < 1e-3


# -------------------------------------------------------------------- the joint test

N = 8


def labels(concentration=1.0, prior=(0.3, 0.3, 0.2, 0.2)):
    number = mc.NumberOfComponents("K", prior)
    return number, mc.Categorical("z", mc.Dirichlet("w", concentration, size=number), size=N)


def hierarchy():
    """Hyperparameters that occupied components alone tell of."""
    number, z = labels()
    centre, scale = mc.Normal("centre", 0.0, 1.0), mc.Gamma("scale", 2.0, 2.0)
    mu, s2 = mc.Normal("mu", centre, 0.5, size=number), mc.InverseGamma("s2", 3.0, scale, size=number)
    return mc.Mixture("y", z, mc.Normal, mu, 1.0 / s2, value=np.zeros(N), observed=True)


def slices():
    """Parameters that are not drawn exactly, so that hyperparameters see all of them."""
    number, z = labels(mc.Gamma("a", 2.0, 2.0))
    h = mc.Gamma("h", 3.0, 3.0)
    mu, tau, nu = (
        mc.Normal("mu", 0.0, h, size=number),
        mc.Gamma("tau", 2.0, h, size=number),
        mc.Gamma("nu", 2, 0.5, size=number),
    )
    return mc.Mixture("y", z, mc.StudentT, mu, tau, nu, value=np.zeros(N), observed=True)


def pairs():
    number, z = labels()
    tau = mc.Gamma("tau", 3.0, mc.Gamma("g", 2.0, 2.0), size=number)
    mu = mc.Normal("mu", 0.0, 0.5 * tau, size=number)
    return mc.Mixture("y", z, mc.Normal, mu, tau, value=np.zeros(N), observed=True)


def vectors():
    number, z = labels()
    mean = mc.MvNormal("mean", mc.Normal("b", 0.0, 1.0) * np.ones(2), np.eye(2), size=number)
    tau = mc.Wishart("tau", 4.0, np.eye(2), size=number)
    return mc.Mixture("y", z, mc.MvNormal, mean, tau, value=np.zeros((N, 2)), observed=True)


def regressions():
    number, z = labels()
    slope = mc.Normal("slope", 0.0, mc.Gamma("h", 3.0, 3.0), size=number)
    level = mc.Normal("level", 0.0, 1.0, size=number)
    return mc.Normal(
        "y",
        level[z] + slope[z] * np.linspace(-1.0, 1.0, N),
        mc.Gamma("tau", 3.0, 3.0),
        value=np.zeros(N),
        observed=True,
    )


def categories():
    number, z = labels()
    p = mc.Dirichlet("p", np.ones(3), size=number)
    return mc.Categorical("y", p[z], value=np.zeros(N, int), observed=True)


def mixed_columns():
    number, z = labels()
    mu, rate = mc.Normal("mu", 0.0, 0.5, size=number), mc.Gamma("rate", 2.0, 2.0, size=number)
    y = mc.Normal("y", mu[z], 1.0, value=np.zeros(N), observed=True)
    return [y, mc.Poisson("c", rate[z], value=np.zeros(N, int), observed=True)]


MODELS = [hierarchy, slices, pairs, vectors, regressions, categories, mixed_columns]
LEVEL = levels.each("unknown number", len(MODELS))


SLOW = ("regressions", "slices", "mixed_columns", "vectors")


@pytest.mark.parametrize(
    "model",
    [pytest.param(m, marks=pytest.mark.slow if m.__name__ in SLOW else (), id=m.__name__) for m in MODELS],
)
def test_sweeps_leave_the_joint_distribution_as_it_is(model):
    assert joint_test(model(), sweeps=10, replications=100, false_alarm=LEVEL, seed=13).passed


@pytest.mark.parametrize("fault", ["another prior", pytest.param("another concentration", marks=pytest.mark.slow)])
def test_a_fault_is_seen(fault):
    prior, a = ((0.1, 0.2, 0.3, 0.4), 1.0) if fault == "another prior" else ((0.3, 0.3, 0.2, 0.2), 0.3)

    def model(prior, a):
        number, z = labels(a, prior)
        return mc.Mixture(
            "y", z, mc.Normal, mc.Normal("mu", 0, 0.5, size=number), 1.0, value=np.zeros(N), observed=True
        )

    right = model((0.3, 0.3, 0.2, 0.2), 1.0)
    assert not joint_test(right, model(prior, a), sweeps=10, replications=300, seed=14).passed
