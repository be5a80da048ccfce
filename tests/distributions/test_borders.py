"""Rows at the end of a support, where densities are nought or have no bound: beside other components, and refused."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, logsumexp

import mcmix as mc
from mcmix.distributions.table import FAMILIES
from tests import runs
from tests.references import assert_mean, chains_of, gridded_pair

ROWS = np.array([0.0, 0.3, 0.5])


sampled = runs.sampler(iterations=600, burn=200, chains=2, seed=1)


def unknown(name):
    return mc.Gamma(name, 2.0, 0.5)


# -------------------------------------------------------------------- densities


@pytest.mark.parametrize(
    ("family", "below", "at", "above", "end"),
    [
        ("Beta", (0.5, 2.0), (1.0, 2.0), (1.5, 2.0), 0.0),
        ("Beta", (2.0, 0.5), (2.0, 1.0), (2.0, 1.5), 1.0),
        ("Gamma", (0.5, 2.0), (1.0, 2.0), (1.5, 2.0), 0.0),
        ("Weibull", (0.5, 2.0), (1.0, 2.0), (1.5, 2.0), 0.0),
        ("Chi2", (1.0,), (2.0,), (3.0,), 0.0),
        ("Dirichlet", ([0.5, 1.0],), ([1.0, 2.0],), ([1.5, 1.0],), [0.0, 1.0]),
    ],
)
def test_a_density_without_bound_counts_as_nought(family, below, at, above, end):
    logpdf = FAMILIES[family].logpdf
    assert logpdf(end, *map(np.asarray, below)) == -np.inf
    assert np.isfinite(logpdf(end, *map(np.asarray, at)))
    assert logpdf(end, *map(np.asarray, above)) == -np.inf


def test_scipys_densities_without_bound_too():
    law = mc.from_scipy(stats.gamma)
    y = law("y", 0.5, value=[0.0, 1.0], observed=True)
    with pytest.raises(mc.ZeroProbability):
        _ = y.logp


# -------------------------------------------------------------------- beside other components


def test_a_row_at_an_end_belongs_to_the_other_component_whatever_the_shapes():
    a, b, w = mc.Gamma("a", 1.0, 0.2), mc.Gamma("b", 1.0, 0.2), mc.Dirichlet("w", [1, 1])
    y = mc.Mixture("y", w, [mc.Uniform.dist(-1e-6, 1e-6), mc.Beta.dist(a, b)], value=ROWS, observed=True)
    m = sampled([y, w, a, b], iterations=6000, burn=1000, chains=4)
    draws = chains_of(m, "a")
    assert (draws < 1).any() and (draws > 1).any()  # on both sides of where the density at 0 turns from none to all
    assert np.isfinite(m.draws().statistics["lp"]).all()
    np.testing.assert_allclose(m.memberships(), [[1, 0], [0, 1], [0, 1]], atol=1e-12)
    assert_mean(chains_of(m, "w")[:, :, 0], 2.0 / 5.0)
    exact, _ = gridded_pair(
        lambda a, b: stats.beta.logpdf(0.3, a, b) + stats.beta.logpdf(0.5, a, b) - 0.2 * (a + b), (0, 60), (0, 60), 600
    )
    assert_mean(draws, exact.mean, exact_error=0.01)


FAMILIES_AT_ZERO = {
    "Beta": lambda: mc.Beta.dist(unknown("a"), unknown("b")),
    "Gamma": lambda: mc.Gamma.dist(unknown("a"), unknown("b")),
    "Gamma of shape 2": lambda: mc.Gamma.dist(2.0, unknown("b")),
    "Gamma of shape 1/2": lambda: mc.Gamma.dist(0.5, unknown("b")),
    "Gamma of shape 1": lambda: mc.Gamma.dist(1.0, unknown("b")),
    "InverseGamma": lambda: mc.InverseGamma.dist(unknown("a"), unknown("b")),
    "Exponential": lambda: mc.Exponential.dist(unknown("a")),
    "Weibull": lambda: mc.Weibull.dist(unknown("a"), unknown("b")),
    "Lognormal": lambda: mc.Lognormal.dist(mc.Normal("a", 0, 1), unknown("b")),
    "Chi2": lambda: mc.Chi2.dist(unknown("a")),
    "HalfNormal": lambda: mc.HalfNormal.dist(sigma=unknown("a")),
    "a distribution of SciPy": lambda: mc.from_scipy(stats.weibull_min).dist(unknown("a")),
}


@pytest.mark.parametrize("name", FAMILIES_AT_ZERO)
@pytest.mark.parametrize("third", [False, True])
def test_rows_at_zero_beside_unlike_components_leave_no_nan(name, third):
    components = [FAMILIES_AT_ZERO[name](), mc.Uniform.dist(-1e-3, 1e-3)]
    components += [mc.Beta.dist(unknown("a3"), unknown("b3"))] if third else []
    x = np.concatenate([[0.0, 0.0], np.random.default_rng(1).uniform(0.2, 0.9, 12)])
    y = mc.Mixture("y", mc.Dirichlet("w", np.ones(len(components))), components, value=x, observed=True)
    m = sampled([y], iterations=60, burn=20)
    assert np.isfinite(m.draws().statistics["lp"]).all() and np.isfinite(m.deviance).all()
    assert np.isfinite(m.memberships()).all()
    logs = m.to_arviz(log_likelihood=True)["log_likelihood"]["y"].values
    assert np.isfinite(logs).all()


TABLES_AT_ZERO = {
    "Gamma of known shapes": (mc.Gamma, np.array([1.0, 2.0])),
    "Weibull of known shapes": (mc.Weibull, np.array([1.0, 0.5])),
    "Exponential": (mc.Exponential,),
}


@pytest.mark.parametrize("name", TABLES_AT_ZERO)
def test_one_component_may_have_a_density_at_zero(name):
    x = np.append(np.random.default_rng(1).uniform(0.2, 0.9, 12), 0.0)
    law, *shapes = TABLES_AT_ZERO[name]
    w, rates = mc.Dirichlet("w", [1, 1]), mc.Gamma("rates", 2.0, 0.5, size=2)
    m = sampled([mc.Mixture("y", w, law, *shapes, rates, value=x, observed=True)], iterations=100, burn=50)
    assert np.isfinite(m.deviance).all() and np.isfinite(m.memberships()).all()
    if "known" in name:
        np.testing.assert_allclose(m.memberships()[-1], [1.0, 0.0], atol=1e-12)


def test_conjugate_draws_count_a_zero_that_is_allowed():
    x = np.array([0.0, 0.4, 1.1])
    rate = mc.Gamma("rate", 2.0, 1.0)
    m = sampled([rate, mc.Gamma("y", 1.0, rate, value=x, observed=True)], iterations=4000, burn=100)
    assert_mean(chains_of(m, "rate", 2), (2.0 + 3) / (1.0 + x.sum()))


def test_a_start_comes_out_of_draws_that_no_row_fits():
    """Ends that the prior draws too short make rows impossible for a moment; nothing that is no number may stay."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 3, 20), rng.uniform(0, 9.9, 10)])
    ends = mc.Uniform("ends", 0.0, 10.0, size=2)
    y = mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Uniform, 0.0, ends, value=x, observed=True)
    m = sampled([y], iterations=300, burn=100)
    assert np.isfinite(m.draws().statistics["lp"]).all()
    assert (m.trace("ends")[:].max(axis=1) >= x.max()).all()


def test_rows_of_weights_with_a_zero():
    x = np.array([[0.2, 0.3, 0.5], [0.0, 0.4, 0.6], [0.1, 0.1, 0.8]])
    free = mc.Gamma("free", 2.0, 1.0, size=2)
    known = mc.Dirichlet("known", [1.0, 2.0, 3.0], value=x, observed=True)
    assert np.isfinite(known.logp)

    def concentration(free=free):
        return np.array([1.0, free[0], free[1]])

    theta = mc.Deterministic(concentration, "concentration", "theta", {"free": free})
    y = mc.Dirichlet("y", theta, value=x, observed=True)
    m = sampled([y, free], iterations=3000, burn=300)
    grid = np.linspace(0.01, 30, 400)
    b, c = np.meshgrid(grid, grid, indexing="ij")
    logs = np.log(b) - b + np.log(c) - c
    logs = logs + sum(_log_dirichlet(row, b, c) for row in x)
    p = np.exp(logs - logsumexp(logs))
    assert_mean(chains_of(m, "free", 2)[:, :, 0], (p * b).sum(), exact_error=0.01)


def _log_dirichlet(row, b, c):
    return gammaln(1.0 + b + c) - gammaln(b) - gammaln(c) + (b - 1) * np.log(row[1]) + (c - 1) * np.log(row[2])


# -------------------------------------------------------------------- refusals name the row


IMPOSSIBLE = {
    "Beta": (lambda x: mc.Beta("v", unknown("a"), unknown("b"), value=x, observed=True), [0.2, 0.5, 0.0, 1.0]),
    "Beta, a table": (lambda x: mc.Beta("v", unknown("a"), 2.0, value=x, observed=True), [[0.2, 0.3], [0.4, 0.0]]),
    "Gamma": (lambda x: mc.Gamma("v", unknown("a"), unknown("b"), value=x, observed=True), [0.2, 0.5, 0.0]),
    "Gamma of shape 2": (lambda x: mc.Gamma("v", 2.0, unknown("b"), value=x, observed=True), [0.2, 0.5, 0.0]),
    "InverseGamma": (lambda x: mc.InverseGamma("v", 2.0, unknown("b"), value=x, observed=True), [0.2, 0.5, 0.0]),
    "Lognormal": (lambda x: mc.Lognormal("v", mc.Normal("a", 0, 1), 1.0, value=x, observed=True), [0.2, 0.5, 0.0]),
    "Lognormal with a gap": (
        lambda x: mc.Lognormal("v", mc.Normal("a", 0, 1), 1.0, value=x, observed=True),
        [0.2, np.nan, 0.0],
    ),
    "Weibull": (lambda x: mc.Weibull("v", unknown("a"), 1.0, value=x, observed=True), [0.2, 0.5, 0.0]),
    "Chi2": (lambda x: mc.Chi2("v", unknown("a"), value=x, observed=True), [0.2, 0.5, 0.0]),
    "mixture": (
        lambda x: mc.Mixture("v", [0.5, 0.5], mc.Gamma, mc.Gamma("a", 2, 1, size=2), 1.0, value=x, observed=True),
        [0.2, 0.5, 0.0],
    ),
    "mixture of unlike distributions": (
        lambda x: mc.Mixture("v", [0.5, 0.5], [mc.Gamma.dist(unknown("a"), 1.0), mc.Lognormal.dist(0.0, unknown("b"))],
                             value=x, observed=True),
        [0.2, 0.5, 0.0],
    ),
    "known labels": (
        lambda x: mc.Gamma("v", mc.Gamma("a", 2, 1, size=2)[np.array([0, 1, 1])], 1.0, value=x, observed=True),
        [0.2, 0.5, 0.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_row_without_density_is_named(name):
    make, x = IMPOSSIBLE[name]
    place = r"v\[1, 1\]" if np.ndim(x) == 2 else r"v\[2\]"
    with pytest.raises(mc.ZeroProbability, match=rf"{place} = 0"):
        sampled([make(np.array(x))], iterations=10, burn=0)


def test_labels_known_for_some_rows_name_the_row_too():
    z = mc.Categorical("z", [0.5, 0.5], value=np.ma.masked_equal([0, 9, 1, 9], 9), observed=True)
    y = mc.Gamma("y", mc.Gamma("a", 2, 1, size=2)[z], 1.0, value=[0.2, 0.3, 0.0, 0.4], observed=True)
    with pytest.raises(mc.ZeroProbability, match=r"y\[2\] = 0"):
        sampled([y, z], iterations=10, burn=0)


def test_a_row_that_becomes_impossible_in_the_run_is_named():
    class Away(mc.StepMethod):
        def step(self):
            self.stochastic.value = self.stochastic.value + 50.0

    mu = mc.Normal("mu", 0.0, 1.0, size=2, value=[0.0, 0.0])
    y = mc.Mixture("y", [0.5, 0.5], mc.Uniform, mu - 1.0, mu + 1.0, value=[0.1, 0.25], observed=True)
    m = mc.MCMC([y])
    m.use_step_method(Away, mu)
    with pytest.raises(mc.ZeroProbability, match=r"every component \(y\[0\] = 0.1, y\[1\] = 0.25\)"):
        m.sample(10, 0, chains=1, seed=1, progress_bar=False)


@pytest.mark.parametrize("labels", [True, False])
def test_variational_bayes_names_the_row(labels):
    x = [0.2, 0.0, 0.4]
    mu = mc.Normal("mu", 0, 1, size=2) if labels else mc.Normal("mu", 0, 1)
    w = mc.Dirichlet("w", [1, 1])
    y = (
        mc.Mixture("y", w, mc.Lognormal, mu, 1.0, value=x, observed=True)
        if labels
        else mc.Lognormal("y", mu, 1.0, value=x, observed=True)
    )
    with pytest.raises(mc.ModelError, match="y is not conjugate: row 1 is 0"):
        mc.VB([y])
