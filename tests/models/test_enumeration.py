"""Tiny mixtures against exact enumeration: every label vector, parameters and weights integrated out."""

import numpy as np
import pytest

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import assert_below, assert_masses, assert_mean, assert_shares, chains_of

REALS = np.array([-1.3, 0.2, 0.9, 2.4, 3.1, 4.0, 0.4, 5.2])
COUNTS = np.array([0, 3, 1, 7, 9, 2, 12, 4])
WAITS = np.array([0.1, 0.4, 2.5, 0.2, 3.7, 1.1, 0.05, 6.0])
SUCCESSES = np.array([1, 0, 4, 5, 2, 5, 0, 3])
HITS = np.array([0, 1, 1, 0, 1, 1, 1, 0])
CUTS = np.array([-1.0, 0.5, 1.5, 3.0, 4.0])
RATE_CUTS = np.array([0.3, 1.0, 2.0, 4.0, 8.0])
SHARE_CUTS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


_sampled = runs.sampler(iterations=26_000, burn=1000)
HOW = {"marginal_moves": False}


@pytest.fixture(autouse=True, params=[False, None], ids=["given labels", "as chosen"])
def how(request, monkeypatch):
    """Every posterior by updates given labels, and by what a sampler chooses: labels summed out where it pays."""
    monkeypatch.setitem(HOW, "marginal_moves", request.param)


def sampled(*arguments, **options):
    return _sampled(*arguments, **{**HOW, **options})


def one_hot(labels, n_labels):
    return labels[..., None] == np.arange(n_labels)


def assert_labels(sampler, exact, name="z"):
    """Memberships, and the probability of the most probable label vectors as wholes."""
    labels = chains_of(sampler, name)
    assert_shares(one_hot(labels, len(exact.components)), exact.memberships, "memberships")
    powers = len(exact.components) ** np.arange(labels.shape[-1])
    likely = np.argsort(exact.probabilities)[-6:]
    masses = {int(exact.labels[v] @ powers): exact.probabilities[v] for v in likely}
    assert_masses(labels @ powers, masses, "label vectors")


def assert_components(sampler, exact, name, cuts):
    draws = chains_of(sampler, name)
    assert_below(draws, cuts, exact.expected("below"), name)


def assert_weights(sampler, exact, concentration, name="w"):
    draws = chains_of(sampler, name)
    found = ref.dirichlet_expectations(exact, concentration, SHARE_CUTS)
    assert_mean(draws, found["mean"], name)
    if len(concentration) > 1:
        assert_below(draws, SHARE_CUTS, found["below"], name)


# -------------------------------------------------------------------- families


@pytest.mark.parametrize(("n", "k"), [(8, 2), (6, 3), (3, 3), (4, 1)])
def test_normal_means_with_known_precision(n, k):
    x, prior = REALS[:n], [1.0, 2.0, 1.5][:k]
    w = mc.Dirichlet("w", prior)
    z = mc.Categorical("z", w, size=n)
    mu = mc.Normal("mu", 1.0, 0.2, size=k)
    sampler = sampled([mc.Normal("y", mu[z], 1.5, value=x, observed=True)], seed=21)
    components = [ref.normal_mean(x, 1.0, 0.2, 1.5, CUTS)] * k
    exact = ref.enumerated(components, n, ref.dirichlet_label_prior(prior))
    assert (
        HOW["marginal_moves"] is None
        or runs.step_of(sampler, "mu").name == runs.step_of(sampler, "w").name == "conjugate Gibbs"
    )
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_mean(chains_of(sampler, "mu"), exact.expected("mean"), "mu")
    assert_weights(sampler, exact, prior)


@pytest.mark.parametrize(("n", "k"), [(7, 2), (5, 3), (3, 1)])
def test_normal_means_and_precisions(n, k):
    x = REALS[:n]
    w = mc.Dirichlet("w", [1.5] * k)
    z = mc.Categorical("z", w, size=n)
    mu = mc.Normal("mu", [0.0, 3.0, 1.0][:k], [0.5, 0.5, 0.3][:k], size=k)
    tau = mc.Gamma("tau", [2.0, 3.0, 2.5][:k], [1.0, 2.0, 1.5][:k], size=k)
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True)], seed=22)
    components = [
        ref.normal_mean_and_precision(x, *prior, CUTS, RATE_CUTS)
        for prior in [(0.0, 0.5, 2.0, 1.0), (3.0, 0.5, 3.0, 2.0), (1.0, 0.3, 2.5, 1.5)][:k]
    ]
    exact = ref.enumerated(components, n, ref.dirichlet_label_prior([1.5] * k))
    assert (
        HOW["marginal_moves"] is None
        or runs.step_of(sampler, "mu").name == runs.step_of(sampler, "tau").name == "conjugate Gibbs"
    )
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_mean(chains_of(sampler, "mu"), exact.expected("mean"), "mu")
    assert_below(chains_of(sampler, "tau"), RATE_CUTS, exact.expected("precision below"), "tau")
    assert_weights(sampler, exact, [1.5] * k)


@pytest.mark.parametrize(("n", "k"), [(8, 2), (6, 3)])
def test_poisson_rates(n, k):
    x = COUNTS[:n]
    w = mc.Dirichlet("w", [1.0] * k)
    z = mc.Categorical("z", w, size=n)
    rate = mc.Gamma("rate", 2.0, 0.5, size=k)
    sampler = sampled([mc.Poisson("y", rate[z], value=x, observed=True)], seed=23)
    exact = ref.enumerated([ref.poisson_rate(x, 2.0, 0.5, RATE_CUTS)] * k, n, ref.dirichlet_label_prior([1.0] * k))
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "rate").name == "conjugate Gibbs"
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "rate", RATE_CUTS)
    assert_weights(sampler, exact, [1.0] * k)


@pytest.mark.parametrize("k", [2, 3])
def test_exponential_rates(k):
    x = WAITS[:6]
    w = mc.Dirichlet("w", [2.0] * k)
    z = mc.Categorical("z", w, size=6)
    rate = mc.Gamma("rate", 1.5, 1.0, size=k)
    sampler = sampled([mc.Exponential("y", rate[z], value=x, observed=True)], seed=24)
    exact = ref.enumerated([ref.exponential_rate(x, 1.5, 1.0, RATE_CUTS)] * k, 6, ref.dirichlet_label_prior([2.0] * k))
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "rate").name == "conjugate Gibbs"
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "rate", RATE_CUTS)
    assert_weights(sampler, exact, [2.0] * k)


@pytest.mark.parametrize("k", [2, 3])
def test_bernoulli_probabilities(k):
    x = HITS[:7]
    w = mc.Dirichlet("w", [1.0] * k)
    z = mc.Categorical("z", w, size=7)
    q = mc.Beta("q", 1.5, 2.0, size=k)
    sampler = sampled([mc.Bernoulli("y", q[z], value=x, observed=True)], seed=25)
    exact = ref.enumerated(
        [ref.success_probability(x, 1, 1.5, 2.0, SHARE_CUTS)] * k, 7, ref.dirichlet_label_prior([1.0] * k)
    )
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "q").name == "conjugate Gibbs"
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "q", SHARE_CUTS)
    assert_weights(sampler, exact, [1.0] * k)


@pytest.mark.parametrize("prior", ["Beta", "Uniform"])
def test_binomial_probabilities(prior):
    x = SUCCESSES
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=8)
    q = mc.Beta("q", 1.5, 2.0, size=2) if prior == "Beta" else mc.Uniform("q", 0, 1, size=2)
    a, b = (1.5, 2.0) if prior == "Beta" else (1.0, 1.0)
    sampler = sampled([mc.Binomial("y", 5, q[z], value=x, observed=True)], seed=26)
    exact = ref.enumerated(
        [ref.success_probability(x, 5, a, b, SHARE_CUTS)] * 2, 8, ref.dirichlet_label_prior([1.0, 1.0])
    )
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "q").name == "conjugate Gibbs"
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "q", SHARE_CUTS)


def test_components_of_a_family_without_sums():
    """Student t rows: no finite statistics, so the location moves by its density over the rows."""
    x, n, points = REALS[:5], 5, np.linspace(-15.0, 17.0, 4001)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=n)
    mu = mc.Normal("mu", 1.0, 0.2, size=2)
    sampler = sampled([mc.StudentT("y", mu[z], 1.5, 4.0, value=x, observed=True)], seed=27)
    rows = ref.stats.t.logpdf(x[:, None], 4, loc=points, scale=1.5**-0.5)
    logs = ref.subsets(n) @ rows + ref.stats.norm.logpdf(points, 1.0, 0.2**-0.5)
    mass = ref.normalised(logs, 1)
    below = np.stack([(mass * (points < c)).sum(1) for c in CUTS], -1)
    component = ref.Component(ref.logsumexp(logs, 1), {"mean": mass @ points, "below": below})
    exact = ref.enumerated([component] * 2, n, ref.dirichlet_label_prior([1.0, 1.0]))
    assert_labels(sampler, exact)
    assert_mean(chains_of(sampler, "mu"), exact.expected("mean"), "mu")
    assert_components(sampler, exact, "mu", CUTS + 0.004)  # halfway between grid points


def on_a_grid(x, log_density, prior, ends, cuts, cells=3000):
    """A component with one unknown parameter, by the midpoint rule."""
    points = ends[0] + (ends[1] - ends[0]) * ref.midpoints(cells)
    with np.errstate(all="ignore"):
        rows = log_density(x[:, None], points)
        impossible = (ref.subsets(len(x)) @ np.isneginf(rows)) > 0
        logs = np.where(impossible, -np.inf, ref.subsets(len(x)) @ np.where(np.isneginf(rows), 0.0, rows))
    logs = logs + prior.logpdf(points)
    return ref.Component(
        ref.logsumexp(logs, 1) + np.log((ends[1] - ends[0]) / cells),
        {"below": np.stack([(ref.normalised(logs, 1) * (points < c)).sum(1) for c in cuts], -1)},
    )


def gamma_law(shape, rate):
    return ref.stats.gamma(shape, scale=1 / rate)


GAMMA_PRIOR = (lambda: mc.Gamma("v", 2.0, 1.0, size=2), gamma_law(2.0, 1.0), (0.0, 25.0))
NORMAL_PRIOR = (lambda: mc.Normal("v", 0.5, 0.5, size=2), ref.stats.norm(0.5, 2**0.5), (-8.0, 9.0))
UNIFORM_PRIOR = (lambda: mc.Uniform("v", 0.0, 8.0, size=2), ref.stats.uniform(0.0, 8.0), (0.0, 8.0))
BETA_PRIOR = (lambda: mc.Beta("v", 1.5, 2.0, size=2), ref.stats.beta(1.5, 2.0), (0.0, 1.0))
SHARES = np.array([0.2, 0.4, 0.55, 0.8, 0.95, 0.6])
law = ref.stats
COMPONENTS = {
    "Normal mean": (NORMAL_PRIOR, REALS, lambda v: ("Normal", v, 0.7), lambda x, v: law.norm.logpdf(x, v, 0.7**-0.5)),
    "Normal sd": (UNIFORM_PRIOR, REALS, lambda v: ("Normal", 1.0, v**-2), lambda x, v: law.norm.logpdf(x, 1.0, v)),
    "Normal precision": (GAMMA_PRIOR, REALS, lambda v: ("Normal", 1.0, v), lambda x, v: law.norm.logpdf(x, 1, v**-0.5)),
    "Lognormal mean": (
        NORMAL_PRIOR,
        WAITS,
        lambda v: ("Lognormal", v, 0.7),
        lambda x, v: law.norm.logpdf(np.log(x), v, 0.7**-0.5) - np.log(x),
    ),
    "StudentT location": (
        NORMAL_PRIOR,
        REALS,
        lambda v: ("StudentT", v, 0.7, 4.0),
        lambda x, v: law.t.logpdf(x, 4, v, 0.7**-0.5),
    ),
    "Exponential rate": (
        GAMMA_PRIOR,
        WAITS,
        lambda v: ("Exponential", v),
        lambda x, v: law.expon.logpdf(x, scale=1 / v),
    ),
    "Gamma rate": (GAMMA_PRIOR, WAITS, lambda v: ("Gamma", 1.5, v), lambda x, v: law.gamma.logpdf(x, 1.5, scale=1 / v)),
    "Gamma shape": (
        GAMMA_PRIOR,
        WAITS,
        lambda v: ("Gamma", v, 1.2),
        lambda x, v: law.gamma.logpdf(x, v, scale=1 / 1.2),
    ),
    "InverseGamma scale": (
        GAMMA_PRIOR,
        WAITS,
        lambda v: ("InverseGamma", 1.5, v),
        lambda x, v: law.invgamma.logpdf(x, 1.5, scale=v),
    ),
    "HalfNormal precision": (
        GAMMA_PRIOR,
        WAITS,
        lambda v: ("HalfNormal", v),
        lambda x, v: law.halfnorm.logpdf(x, scale=v**-0.5),
    ),
    "HalfCauchy scale": (
        GAMMA_PRIOR,
        WAITS,
        lambda v: ("HalfCauchy", 0.0, v),
        lambda x, v: law.halfcauchy.logpdf(x, scale=v),
    ),
    "Uniform upper end": (
        UNIFORM_PRIOR,
        WAITS,
        lambda v: ("Uniform", 0.0, v),
        lambda x, v: law.uniform.logpdf(x, 0, v),
    ),
    "Beta alpha": (GAMMA_PRIOR, SHARES, lambda v: ("Beta", v, 1.2), lambda x, v: law.beta.logpdf(x, v, 1.2)),
    "Poisson mean": (GAMMA_PRIOR, COUNTS, lambda v: ("Poisson", v), lambda x, v: law.poisson.logpmf(x, v)),
    "NegativeBinomial mean": (
        GAMMA_PRIOR,
        COUNTS,
        lambda v: ("NegativeBinomial", v, 1.7),
        lambda x, v: law.nbinom.logpmf(x, 1.7, 1.7 / (1.7 + v)),
    ),
    "Binomial probability": (
        BETA_PRIOR,
        SUCCESSES,
        lambda v: ("Binomial", 5, v),
        lambda x, v: law.binom.logpmf(x, 5, v),
    ),
    "Bernoulli probability": (BETA_PRIOR, HITS, lambda v: ("Bernoulli", v), lambda x, v: law.bernoulli.logpmf(x, v)),
}


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_family_makes_components(name):
    (prior, prior_law, ends), x, arguments, log_density = COMPONENTS[name]
    x = x[:5]
    z = mc.Categorical("z", mc.Dirichlet("w", [1.5, 1.5]), size=5)
    v = prior()
    family, *parameters = arguments(v[z])
    cuts = prior_law.ppf([0.1, 0.3, 0.5, 0.7, 0.9])
    sampler = sampled([getattr(mc, family)("y", *parameters, value=x, observed=True)], seed=28)
    component = on_a_grid(x, log_density, prior_law, ends, cuts)
    exact = ref.enumerated([component] * 2, 5, ref.dirichlet_label_prior([1.5, 1.5]))
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "z").name == "label update"
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "v", cuts)


def test_a_precision_that_also_scales_the_prior_of_the_mean():
    """The conjugate prior of textbooks: two messages to each precision; swaps of components move both tables."""
    x = REALS[:6]
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 2.0]), size=6)
    tau = mc.Gamma("tau", [2.0, 3.0], [1.0, 2.0], size=2)
    mu = mc.Normal("mu", [0.0, 2.0], 0.5 * tau, size=2)
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True)], seed=29)
    components = [scaled_normal(x, 0.0, 2.0, 1.0), scaled_normal(x, 2.0, 3.0, 2.0)]
    exact = ref.enumerated(components, 6, ref.dirichlet_label_prior([1.0, 2.0]))
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "tau").name == "joint conjugate Gibbs"
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "mu").name == "drawn along"
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "z").tables.swaps
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_below(chains_of(sampler, "tau"), RATE_CUTS, exact.expected("precision below"), "tau")


def scaled_normal(x, mean, shape, rate, strength=0.5):
    """Normal rows under the normal-gamma prior, in closed form."""
    inside = ref.subsets(len(x))
    n, s, q = inside.sum(1), inside @ x, inside @ x**2
    total = strength + n
    centre = (strength * mean + s) / total
    a, b = shape + n / 2, rate + 0.5 * (q + strength * mean**2 - total * centre**2)
    logs = ref.gammaln(a) - a * np.log(b) + 0.5 * np.log(strength / total) - 0.5 * n * ref.LOG_TWO_PI
    logs += shape * np.log(rate) - ref.gammaln(shape)
    margin = ref.stats.t(2 * a, centre, np.sqrt(b / (a * total)))
    precision = ref.stats.gamma(a, scale=1 / b)
    below = {"below": (margin, CUTS), "precision below": (precision, RATE_CUTS)}
    return ref.Component(logs, {key: np.stack([v.cdf(c) for c in cuts], -1) for key, (v, cuts) in below.items()})


# -------------------------------------------------------------------- weights


@pytest.mark.parametrize("prior", [("Uniform", 0, 1), ("Beta", 2.0, 5.0)])
def test_weights_from_one_probability(prior):
    x, (name, *parameters) = REALS[:7], prior
    p = getattr(mc, name)("p", *parameters)
    z = mc.Categorical("z", [p, 1 - p], size=7)
    mu = mc.Normal("mu", [0.0, 3.0], [0.5, 1.0], size=2)
    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], seed=31)
    a = [1.0, 1.0] if name == "Uniform" else parameters
    components = [ref.normal_mean(x, 0.0, 0.5, 1.0, CUTS), ref.normal_mean(x, 3.0, 1.0, 1.0, CUTS)]
    exact = ref.enumerated(components, 7, ref.dirichlet_label_prior(a))
    found = ref.dirichlet_expectations(exact, a, SHARE_CUTS)
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "p").name == "conjugate Gibbs"
    assert_labels(sampler, exact)
    assert_mean(chains_of(sampler, "p"), found["mean"][0], "p")
    assert_below(chains_of(sampler, "p"), SHARE_CUTS, found["below"][0], "p")


def test_known_weights():
    x, weights = REALS[:7], [0.2, 0.5, 0.3]
    z = mc.Categorical("z", weights, size=7)
    mu = mc.Normal("mu", 1.0, 0.3, size=3)
    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], seed=32)
    exact = ref.enumerated([ref.normal_mean(x, 1.0, 0.3, 1.0, CUTS)] * 3, 7, ref.fixed_label_prior(weights))
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)


def test_weights_that_vary_by_row():
    x = REALS[:6]
    weights = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.7, 0.3], [0.05, 0.95], [0.4, 0.6]])
    z = mc.Categorical("z", weights, size=6)
    mu = mc.Normal("mu", 1.0, 0.3, size=2)
    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], seed=33)
    exact = ref.enumerated([ref.normal_mean(x, 1.0, 0.3, 1.0, CUTS)] * 2, 6, ref.fixed_label_prior(weights))
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)


def test_bernoulli_labels():
    x = REALS[:7]
    q = mc.Beta("q", 2.0, 3.0)
    z = mc.Bernoulli("z", q, size=7)
    means = [mc.Normal("low", 0.0, 0.5), mc.Normal("high", 3.0, 1.0)]

    @mc.deterministic
    def mu_i(z=z, low=means[0], high=means[1]):
        return np.where(z, high, low)

    sampler = sampled([mc.Normal("y", mu_i, 1.0, value=x, observed=True)], seed=34)
    components = [ref.normal_mean(x, 0.0, 0.5, 1.0, CUTS), ref.normal_mean(x, 3.0, 1.0, 1.0, CUTS)]
    exact = ref.enumerated(components, 7, ref.dirichlet_label_prior([3.0, 2.0]))
    assert_labels(sampler, exact)
    assert_mean(chains_of(sampler, "q"), ref.dirichlet_expectations(exact, [3.0, 2.0], SHARE_CUTS)["mean"][1], "q")
    for name, below in zip(["low", "high"], exact.expected("below"), strict=True):
        assert_below(chains_of(sampler, name), CUTS, below, name)


def test_labels_that_do_not_start_at_zero():
    """A uniform label on 3, 4, 5 that enters the mean as a number."""
    x = REALS[3:8]
    z = mc.DiscreteUniform("z", 3, 5, size=5)
    slope = mc.Normal("slope", 0.5, 2.0)
    sampler = sampled([mc.Normal("y", slope * z, 1.0, value=x, observed=True)], seed=35)
    labels = ref.label_vectors(5, 3) + 3
    points = np.linspace(-3.0, 4.0, 4001)
    rows = ref.stats.norm.logpdf(x[:, None, None], np.arange(3, 6)[:, None] * points, 1.0)
    logs = sum(rows[i, labels[:, i] - 3] for i in range(5)) + ref.stats.norm.logpdf(points, 0.5, 2.0**-0.5)
    mass = ref.normalised(logs)
    memberships = np.stack([[mass[labels[:, i] == v].sum() for v in (3, 4, 5)] for i in range(5)])
    assert_shares(chains_of(sampler, "z")[..., None] == np.array([3, 4, 5]), memberships, "labels")
    assert_mean(chains_of(sampler, "slope"), mass.sum(0) @ points, "slope")


# -------------------------------------------------------------------- the label permutation move


def asymmetric(x, prior):
    p = mc.Beta("p", *prior)
    z = mc.Categorical("z", [p, 1 - p], size=len(x))
    mu = mc.Normal("mu", [0.0, 3.0], [0.5, 1.0], size=2)
    return [mc.Normal("y", mu[z], 1.0, value=x, observed=True)]


def test_label_permutation_move_between_components_whose_priors_differ():
    """Far apart groups: without the label permutation move, chains would stay on one side of a valley of 1e-9."""
    x = np.array([-9.0, -8.6, -9.3, 8.8, 9.1])
    w = mc.Dirichlet("w", [3.0, 1.0])
    z = mc.Categorical("z", w, size=5)
    mu = mc.Normal("mu", [-0.3, 0.3], [0.01, 0.01], size=2)
    tau = mc.Gamma("tau", [2.0, 2.5], [1.0, 1.2], size=2)
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True)], seed=41)
    cuts = np.array([-9.5, -9.0, -8.0, 8.0, 9.0])
    priors = [(-0.3, 0.01, 2.0, 1.0), (0.3, 0.01, 2.5, 1.2)]
    components = [ref.normal_mean_and_precision(x, *prior, cuts, RATE_CUTS) for prior in priors]
    exact = ref.enumerated(components, 5, ref.dirichlet_label_prior([3.0, 1.0]))
    assert 0.2 < exact.memberships[0, 0] < 0.8  # both sides matter
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "z").tables.swaps
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", cuts)
    assert_below(chains_of(sampler, "tau"), RATE_CUTS, exact.expected("precision below"), "tau")
    assert_weights(sampler, exact, [3.0, 1.0])


@pytest.mark.parametrize("prior", [(2.0, 2.0), (4.0, 1.5)])
def test_label_permutation_move_with_one_probability(prior):
    x = REALS[:6]
    sampler = sampled(asymmetric(x, prior), seed=42)
    components = [ref.normal_mean(x, 0.0, 0.5, 1.0, CUTS), ref.normal_mean(x, 3.0, 1.0, 1.0, CUTS)]
    exact = ref.enumerated(components, 6, ref.dirichlet_label_prior(prior))
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "z").tables.swaps
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)


@pytest.mark.parametrize("k", [3, 4])
def test_label_permutation_move_among_many(k):
    x, prior = REALS[:5], [1.0, 2.0, 3.0, 0.5][:k]
    w = mc.Dirichlet("w", prior)
    z = mc.Categorical("z", w, size=5)
    mu = mc.Normal("mu", np.arange(k), 0.7, size=k)
    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], seed=43)
    exact = ref.enumerated(
        [ref.normal_mean(x, float(j), 0.7, 1.0, CUTS) for j in range(k)], 5, ref.dirichlet_label_prior(prior)
    )
    assert HOW["marginal_moves"] is None or runs.step_of(sampler, "z").tables.swaps
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_weights(sampler, exact, prior)


def test_no_label_permutation_move_where_nothing_tells_components_apart():
    x = REALS[:6]
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=6)
    mu = mc.Normal("mu", 1.0, 0.2, size=2)
    made = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)])
    assert not runs.step_of(made, "z").tables.swaps


@pytest.mark.parametrize(
    "mean",
    [
        lambda z, mu: mu[z] + np.array([0.0, 0.7])[z] if isinstance(z, np.ndarray) else mu[z] + 0.7 * z,
        lambda z, mu: mu[z] * (1 + z),
        lambda z, mu: mu[z] + mu[0],
    ],
)
def test_no_label_permutation_move_where_the_label_enters_otherwise(mean):
    x = REALS[:6]
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 2.0]), size=6)
    mu = mc.Normal("mu", [0.0, 3.0], [0.5, 1.0], size=2)
    y = mc.Normal("y", mc.Lambda("mean", lambda z=z, mu=mu: mean(z, mu)), 1.0, value=x, observed=True)
    assert not runs.step_of(mc.MCMC([y]), "z").tables.swaps


def test_one_component_is_never_exchanged_with_itself():
    """A preference on a single component must not be mistaken for a difference between components."""
    x = REALS[:4]
    w = mc.Dirichlet("w", [1.0])
    z = mc.Categorical("z", w, size=4)
    mu = mc.Normal("mu", 1.0, 0.2, size=1)
    tau = mc.Gamma("tau", 2.0, 1.0, size=1)
    preference = mc.Potential(lambda mu: -0.5 * (mu[0] - 1.0) ** 2, "", "preference", {"mu": mu})
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True), preference], seed=44, iterations=11000)
    exact = ref.normal_mean_and_precision(x, 1.0, 1.2, 2.0, 1.0, CUTS, RATE_CUTS)  # a normal preference joins the prior
    assert_mean(chains_of(sampler, "w"), 1.0, "w")
    assert_below(chains_of(sampler, "mu")[..., 0], CUTS, exact.expected["below"][-1], "mu")
    assert_below(chains_of(sampler, "tau")[..., 0], RATE_CUTS, exact.expected["precision below"][-1], "tau")


# -------------------------------------------------------------------- empty and crowded components


def test_an_empty_component_is_drawn_from_its_prior():
    """Component 2 has weight 1e-12, so no row; its parameters must follow their priors."""
    x = REALS[:5]
    q = mc.Beta("q", 2, 2)
    w = mc.Lambda("w", lambda q=q: np.stack([q, 1 - 1e-12 - q, 1e-12]))
    z = mc.Categorical("z", w, size=5)
    mu = mc.Normal("mu", [0.0, 3.0, -2.0], [0.5, 0.5, 0.3], size=3)
    tau = mc.Gamma("tau", 2.0, 1.0, size=3)
    sd = mc.Uniform("sd", 0, 5, size=3)
    y = mc.Normal("y", mu[z], tau[z] / sd[z] ** 2, value=x, observed=True)
    sampler = sampled([y], seed=51)
    ref.assert_law(chains_of(sampler, "mu")[..., 2], ref.stats.norm(-2.0, 0.3**-0.5), "mu")
    ref.assert_law(chains_of(sampler, "tau")[..., 2], ref.stats.gamma(2.0), "tau")
    ref.assert_law(chains_of(sampler, "sd")[..., 2], ref.stats.uniform(0, 5), "sd")


def test_more_components_than_rows():
    x, k = REALS[:3], 5
    w = mc.Dirichlet("w", [0.7] * k)
    z = mc.Categorical("z", w, size=3)
    mu = mc.Normal("mu", 1.0, 0.3, size=k)
    tau = mc.Gamma("tau", 2.0, 1.0, size=k)
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True)], seed=52)
    component = ref.normal_mean_and_precision(x, 1.0, 0.3, 2.0, 1.0, CUTS, RATE_CUTS)
    exact = ref.enumerated([component] * k, 3, ref.dirichlet_label_prior([0.7] * k))
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_below(chains_of(sampler, "tau"), RATE_CUTS, exact.expected("precision below"), "tau")
    assert_weights(sampler, exact, [0.7] * k)


def test_small_concentrations():
    """Weights that are next to nothing most of the time: labels clump, and their probabilities are still exact."""
    x = REALS[:4]
    w = mc.Dirichlet("w", [0.02] * 3)
    z = mc.Categorical("z", w, size=4)
    mu = mc.Normal("mu", 1.0, 0.1, size=3)
    sampler = sampled([mc.Normal("y", mu[z], 0.4, value=x, observed=True)], seed=53, iterations=200000)
    exact = ref.enumerated([ref.normal_mean(x, 1.0, 0.1, 0.4, CUTS)] * 3, 4, ref.dirichlet_label_prior([0.02] * 3))
    together = (chains_of(sampler, "z") == chains_of(sampler, "z")[..., :1]).all(-1)
    assert_shares(together, exact.average((exact.labels == exact.labels[:, :1]).all(1)), "all rows together")


@pytest.mark.parametrize("x", [np.array([1.7]), np.full(5, 2.0)], ids=["one row", "equal rows"])
def test_degenerate_data_under_proper_priors(x):
    n = len(x)
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=n)
    mu = mc.Normal("mu", 1.0, 0.3, size=2)
    tau = mc.Gamma("tau", 2.0, 1.0, size=2)
    sampler = sampled([mc.Normal("y", mu[z], tau[z], value=x, observed=True)], seed=54)
    exact = ref.enumerated(
        [ref.normal_mean_and_precision(x, 1.0, 0.3, 2.0, 1.0, CUTS, RATE_CUTS)] * 2,
        n,
        ref.dirichlet_label_prior([1.0, 1.0]),
    )
    assert_labels(sampler, exact)
    assert_components(sampler, exact, "mu", CUTS)
    assert_below(chains_of(sampler, "tau"), RATE_CUTS, exact.expected("precision below"), "tau")


def test_the_comparison_can_fail():
    """A wrong prior of the reference is noticed."""
    x = REALS[:6]
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=6)
    mu = mc.Normal("mu", 1.0, 0.2, size=2)
    sampler = sampled([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], seed=55)
    wrong = ref.enumerated([ref.normal_mean(x, 1.0, 0.3, 1.0, CUTS)] * 2, 6, ref.dirichlet_label_prior([1.0, 1.0]))
    with pytest.raises(AssertionError, match="off by"):
        assert_components(sampler, wrong, "mu", CUTS)
