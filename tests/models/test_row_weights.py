"""Weights of rows: whole ones say what repeated rows say, others are powers of the rows' densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

import mcmix as mc
from mcmix.kernels.driver import run_step
from mcmix.nodes.row_weights import standing_for
from mcmix.sampling.marginal import Marginal
from mcmix.steps.base import Chain
from mcmix.steps.labels import LabelGibbs
from mcmix.structure.recording import record
from tests.runs import sampler

sampled = sampler(iterations=3000, burn=500, chains=2)


def numbers(seed=0, n=90):
    """Rows that repeat, and their distinct values with counts."""
    rng = np.random.default_rng(seed)
    x = np.round(np.where(rng.random(n) < 0.4, rng.normal(-2.0, 1.0, n), rng.normal(2.0, 0.7, n)), 0)
    return x, *np.unique(x, return_counts=True)


def vectors(seed=0, n=90):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, 1)) < 0.4, rng.normal(-2.0, 1.0, (n, 2)), rng.normal(2.0, 0.7, (n, 2)))
    x = np.round(x, 0)
    return x, *np.unique(x, axis=0, return_counts=True)


def of_numbers(x, weights=None):
    w, mu = mc.Dirichlet("w", [2.0, 2.0]), mc.Normal("mu", 0.0, 0.1, size=2)
    tau = mc.Gamma("tau", 3.0, 2.0, size=2)
    return mc.Mixture("y", w, mc.Normal, mu, tau, value=x, observed=True, weights=weights)


def of_vectors(x, weights=None):
    w, mu = mc.Dirichlet("w", [2.0, 2.0]), mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=2)
    precision = mc.Wishart("precision", 5, np.eye(2), size=2)
    return mc.Mixture("y", w, mc.MvNormal, mu, precision, value=x, observed=True, weights=weights)


def of_counts(x, weights=None):
    w, rate = mc.Dirichlet("w", [2.0, 2.0]), mc.Gamma("rate", 2.0, 0.5, size=2)
    return mc.Mixture("y", w, mc.Poisson, rate, value=np.abs(x), observed=True, weights=weights)


def of_two_families(x, weights=None):
    mu = mc.Normal("mu", 0.0, 0.1)
    parts = [mc.Normal.dist(mu, 1.0), mc.Uniform.dist(-20.0, 20.0)]
    return mc.Mixture("y", mc.Dirichlet("w", [2.0, 2.0]), parts, value=x, observed=True, weights=weights)


MODELS = [(of_numbers, numbers), (of_vectors, vectors), (of_counts, numbers), (of_two_families, numbers)]


def at(y, values):
    """Log density and log likelihood of a model at given values."""
    model = mc.Model([y])
    found = Marginal(record(model))
    found.put({n: values[n.name] for n in model.stochastics if n.name in values})
    return found.log_density(), found.log_likelihood()


@pytest.mark.parametrize(("made", "data"), MODELS, ids=lambda f: f.__name__)
def test_whole_weights_have_the_density_of_repeated_rows(made, data):
    x, values, counts = data()
    for seed in range(3):
        draw = mc.Model([made(x)]).draw_with(np.random.default_rng(seed), {})
        point = {n.name: v for n, v in draw.items() if n.name != "y label"}
        np.testing.assert_allclose(at(made(values, counts), point), at(made(x), point), rtol=1e-11)


def test_weights_are_powers_of_densities_with_labels_summed_out():
    _, values, _ = numbers()
    weights = np.linspace(0.0, 3.0, len(values))
    point = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.0]), "tau": np.array([1.0, 4.0])}
    each = stats.norm.logpdf(values[:, None], point["mu"], point["tau"] ** -0.5) + np.log(point["w"])
    assert at(of_numbers(values, weights), point)[1] == pytest.approx(weights @ logsumexp(each, axis=1), rel=1e-12)


def label_step(m):
    return next(s for s in m.assembled.steps if isinstance(s, LabelGibbs))


class Update:
    """Label updates of a model at the chain's present parameters."""

    def __init__(self, y, seed, values=None):
        m = mc.MCMC([y], marginal_moves=False)
        self.step, self.chain = label_step(m), Chain(m.assembled.plan.layout, np.random.SeedSequence(seed))
        for node in m.model.stochastics:
            if node.name in (values or {}):
                self.chain.put(node, values[node.name])
        self.call = self.step.bind(self.chain)[-1]

    def sums(self):
        """Counts, sums and sums of products after another one."""
        assert run_step(self.call.kernel, self.call.words, self.call.reals, self.chain.stream) == 0
        factor = self.step.block.factors[0].factor
        keys = [("units", self.step.block.label.node), ("sum", factor, 0), ("square", factor, 0)]
        return np.concatenate([self.chain.view(key) for key in keys])


@pytest.mark.parametrize("d", [1, 3])
def test_statistics_are_those_of_repeated_rows_bit_for_bit(d):
    """Of numbers with few digits: sums of others differ in the order in which they are added up."""
    rng = np.random.default_rng(2)
    centres = np.where(rng.random((40, 1)) < 0.5, -500.0, 500.0)
    values, counts = centres + rng.integers(-16, 16, (40, d)) / 8.0, rng.integers(0, 9, 40)
    values, counts = np.concatenate([values, -values]), np.tile(counts, 2)  # taken about zero, however often they count

    def made(x, weights=None):
        if d == 1:
            mu = mc.Normal("mu", 0.0, 1e-6, size=2)
            return mc.Mixture("y", [0.5, 0.5], mc.Normal, mu, 1.0, value=x[:, 0], observed=True, weights=weights)
        mu = mc.MvNormal("mu", np.zeros(d), 1e-6 * np.eye(d), size=2)
        return mc.Mixture("y", [0.5, 0.5], mc.MvNormal, mu, np.eye(d), value=x, observed=True, weights=weights)

    means = {"mu": np.squeeze(np.array([[-500.0], [500.0]]) * np.ones(d))}  # labels are certain
    found = Update(made(values, counts), 1, means).sums()
    assert np.array_equal(found, Update(made(np.repeat(values, counts, axis=0)), 2, means).sums())
    assert found[:2].sum() == counts.sum()


def test_sums_given_parameters_have_the_moments_of_multinomial_numbers():
    _, values, counts = vectors()
    point = {
        "w": np.array([0.3, 0.7]),
        "mu": np.array([[-1.0, -1.0], [1.0, 1.0]]),
        "precision": np.array([np.eye(2)] * 2),
    }
    update = Update(of_vectors(values, counts), 5, point)
    drawn = np.array([update.sums()[:6] for _ in range(4000)])
    logs = stats.norm.logpdf(values[:, None], point["mu"]).sum(-1) + np.log(point["w"])
    share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    shift = update.step.label_pass.centred[update.step.block.factors[0]][1]
    columns, mean, spread = np.column_stack([np.ones(len(values)), values - shift]), [], []
    for k, j in [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (1, 2)]:  # numbers by label, then sums label by label
        mean.append(counts * columns[:, j] @ share[:, k])
        spread.append(np.sqrt(counts * columns[:, j] ** 2 @ (share[:, k] * (1.0 - share[:, k]))))
    assert (np.abs(drawn.mean(0) - mean) < 5.0 * np.array(spread) / np.sqrt(4000)).all()
    np.testing.assert_allclose(drawn.std(0), spread, rtol=0.07)


def ordered(m):
    """Summaries of statistics in which names of components do not count: ascending weights."""
    w = np.sort(np.stack([m.trace("w", chain=c)[:] for c in range(2)]), axis=-1)[..., 0]
    lp = np.stack([m.trace("mu", chain=c)[:] for c in range(2)])
    return w, lp.reshape(*lp.shape[:2], -1).sum(-1)


@pytest.mark.parametrize(("made", "data"), MODELS[:2], ids=lambda f: f.__name__)
@pytest.mark.parametrize("options", [{"marginal_moves": False}, {"marginal_moves": True}], ids=["labels", "summed out"])
def test_whole_weights_have_the_posterior_of_repeated_rows(made, data, options):
    x, values, counts = data()
    found = [ordered(sampled([y], 3, **options)) for y in (made(x), made(values, counts))]
    for one, other in zip(*found, strict=True):
        errors = [np.std(a) / np.sqrt(a.size / 20.0) for a in (one, other)]  # every 20th draw is independent, at least
        assert abs(one.mean() - other.mean()) < 4.0 * np.hypot(*errors)


def test_other_weights_are_sampled_with_labels_summed_out():
    _, values, counts = numbers()
    m = sampled([of_numbers(values, 0.5 * counts)], 3, marginal_moves=None)
    assert not label_step(m).is_drawn and "labels are summed out" in str(m.explain())
    full, _ = ordered(sampled([of_numbers(values, counts)], 3, marginal_moves=True))
    half, _ = ordered(m)
    assert half.std() > 1.15 * full.std()  # half of the rows: about the root of two


def test_an_unknown_that_needs_labels_lets_weights_that_are_whole_be_numbers_alone():
    _, values, counts = numbers()
    w, d = mc.Dirichlet("w", [2.0, 2.0]), mc.Categorical("d", [0.5, 0.5])
    mu = mc.Normal("mu", 0.0, 0.1, size=2) + mc.Lambda("shift", lambda d=d: 0.1 * d)
    y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=values, observed=True, weights=counts)
    assert label_step(mc.MCMC([y])).by_number
    y = mc.Mixture("y", w, mc.Normal, mu, 1.0, value=values, observed=True, weights=counts + 0.5)
    with pytest.raises(mc.ModelError, match="weights= expected a model whose labels are summed out"):
        mc.MCMC([y]).sample(10, progress_bar=False)


def test_variational_bounds_are_those_of_repeated_rows():
    for made, data in MODELS[:2]:
        x, values, counts = data()
        bounds = []
        for y in (made(x), made(values, counts)):
            q = mc.VB([y])
            q.update(2000, 1e-12, restarts=3, seed=1, verbose=False)
            bounds.append(q.bound[-1])
        assert bounds[0] == pytest.approx(bounds[1], rel=1e-8)


def test_responsibilities_are_those_of_the_rows_that_were_given():
    _, values, counts = numbers()
    y = of_numbers(values, counts)
    found = mc.classify(sampled([y], 3, 400, 100, quiet=True))
    assert found.probabilities.shape == (len(values), 2)
    np.testing.assert_allclose(found.probabilities.sum(1), 1.0)
    assert abs(found.probabilities[0] - found.probabilities[-1]).max() > 0.9


def test_evidence_is_that_of_repeated_rows():
    x, values, counts = numbers()
    found = [mc.evidence(sampled([y], 3, marginal_moves=True)) for y in (of_numbers(x), of_numbers(values, counts))]
    assert abs(found[0].log - found[1].log) < 5.0 * np.hypot(found[0].error, found[1].error)


# -------------------------------------------------------------------- powers of nodes without labels, or given these


def test_powers_of_a_node_are_those_of_its_elements():
    x, weights = np.array([0.5, -1.0, 2.0]), np.array([2.0, 0.0, 0.5])
    mu = mc.Normal("mu", 0.0, 1.0)
    y = mc.Normal("y", mu, 4.0, value=x, observed=True, weights=weights)
    expected = weights @ stats.norm.logpdf(x, float(mu.value), 0.5)
    assert float(y.logp) == pytest.approx(expected)
    m = sampled([y], 3, 20_000, 500)
    precision = 1.0 + 4.0 * weights.sum()
    draws = m.trace("mu")[:]
    assert abs(draws.mean() - 4.0 * (weights @ x) / precision) < 5.0 * precision**-0.5 / np.sqrt(len(draws) / 10)
    assert draws.std() == pytest.approx(precision**-0.5, rel=0.05)


def test_powers_of_rows_in_columns_and_given_labels():
    rng = np.random.default_rng(4)
    table, weights = rng.normal(size=(5, 2)), np.arange(5.0)
    y = mc.Normal("y", 0.0, 1.0, value=table, observed=True, weights=weights)
    assert float(y.logp) == pytest.approx((weights[:, None] * stats.norm.logpdf(table)).sum())
    z = mc.Categorical("z", [0.5, 0.5], size=5)
    mu = mc.Normal("mu", 0.0, 1.0, size=2)
    point = {"mu": np.array([-1.0, 1.0])}
    given = mc.Normal("y", mu[z], 1.0, value=table[:, 0], observed=True, weights=weights)
    each = weights[:, None] * stats.norm.logpdf(table[:, :1], point["mu"]) + np.log(0.5)
    assert at(given, point)[1] == pytest.approx(logsumexp(each, axis=1).sum())


def test_variational_inference_refuses_powers():
    y = mc.Normal("y", mc.Normal("mu", 0.0, 1.0), 4.0, value=np.zeros(3), observed=True, weights=np.ones(3))
    with pytest.raises(mc.ModelError, match="VB: y"):
        mc.VB([y])


# -------------------------------------------------------------------- the border


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1.0, -2.0, 1.0], r"y: weights expected finite numbers of at least 0, got -2 in row 1"),
        ([1.0, 1.0, np.nan], r"got nan in row 2|a missing one in row 2"),
        ([np.inf, 1.0, 1.0], r"got inf in row 0"),
        ([0.0, 0.0, 0.0], r"expected some above 0, got zeros alone"),
        ([1.0, 1.0], r"one number for each of 3 rows, got shape \(2,\)"),
        ("ab", r"y: weights"),
    ],
)
def test_bad_weights_are_named(weights, said):
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 1.0, size=2)
    with pytest.raises(mc.ModelError, match=said):
        mc.Mixture("y", w, mc.Normal, mu, 1.0, value=np.zeros(3), observed=True, weights=weights)
    with pytest.raises(mc.ModelError, match=said):
        mc.Normal("y", 0.0, 1.0, value=np.zeros(3), observed=True, weights=weights)


def test_weights_belong_to_data_without_named_labels():
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 1.0, size=2)
    z = mc.Categorical("z", w, size=3)
    with pytest.raises(mc.ModelError, match="weights of components in the place of labels"):
        mc.Mixture("y", z, mc.Normal, mu, 1.0, value=np.zeros(3), observed=True, weights=np.ones(3))
    with pytest.raises(mc.ModelError, match="entries of it are missing; leave such rows out"):
        mc.Mixture("y", w, mc.Normal, mu, 1.0, value=[0.0, np.nan, 1.0], observed=True, weights=np.ones(3))
    with pytest.raises(mc.ModelError, match="it is no data"):
        mc.Normal("x", 0.0, 1.0, size=3, weights=np.ones(3))


def test_what_needs_rows_that_count_once_says_so():
    _, values, counts = numbers()
    m = sampled([of_numbers(values, counts)], 3, 200, 100, quiet=True)
    for ask in (lambda m: m.to_arviz(log_likelihood=True), mc.MCMC.posterior_predictive, mc.similarity):
        with pytest.raises(mc.ModelError, match=r"rows that count once each.*np\.repeat"):
            ask(m)
    with pytest.raises(mc.ModelError, match="labels are summed out"):
        mc.MCMC([of_numbers(values, counts)], tempering=3).sample(10, progress_bar=False)
    k = mc.NumberOfComponents("K", most=5)
    mu = mc.Normal("mu", 0.0, 0.1, size=k)
    y = mc.Mixture("y", mc.Dirichlet("w", 1.0, size=k), mc.Normal, mu, 1.0, value=values, observed=True, weights=counts)
    with pytest.raises(mc.ModelError, match="take a known number"):
        mc.MCMC([y]).sample(10, progress_bar=False)


def test_rows_that_stand_for_weights():
    x = np.array([1.0, 2.0, 3.0])
    assert standing_for(x, None) is x
    assert standing_for(x, np.array([0.0, 2.0, 1.0])).tolist() == [2.0, 2.0, 3.0]
    found = standing_for(x, np.array([0.25, 0.5, 0.25]))
    assert [int((found == v).sum()) for v in x] == [8, 15, 7] or abs(found.mean() - 2.0) < 0.05


# -------------------------------------------------------------------- estimators


@pytest.mark.parametrize(
    "options", [{"method": "vb", "tol": 1e-12}, {"method": "vb", "covariance_type": "diag", "tol": 1e-12}]
)
def test_estimators_take_sample_weight(options):
    x, values, counts = vectors()
    one = mc.NormalMixture(2, random_state=1, max_iter=5000, **options).fit(x)
    other = mc.NormalMixture(2, random_state=1, max_iter=5000, **options).fit(values, sample_weight=counts)
    np.testing.assert_allclose(one.shift_, other.shift_)
    assert one.inference_.bound[-1] == pytest.approx(other.inference_.bound[-1], rel=1e-8)
    np.testing.assert_allclose(
        np.sort(one.predict_proba(values), 1), np.sort(other.predict_proba(values), 1), atol=0.02
    )


def test_estimators_that_sample_take_sample_weight():
    x, values, counts = vectors()
    fits = [
        mc.NormalMixture(2, random_state=1, n_chains=2).fit(a, sample_weight=b)
        for a, b in ((x, None), (values, counts))
    ]
    assert abs(fits[0].score(values) - fits[1].score(values)) < 0.1
    k, numbers_of = np.unique(np.abs(numbers()[0]), return_counts=True)
    one = mc.MixtureModel(2, distribution="poisson", random_state=1).fit(np.repeat(k, numbers_of)[:, None])
    other = mc.MixtureModel(2, distribution="poisson", random_state=1).fit(k[:, None], sample_weight=numbers_of)
    np.testing.assert_allclose(one.score_samples(k[:, None]), other.score_samples(k[:, None]), atol=0.15)


def test_estimators_refuse_weights_that_cannot_be():
    x = vectors()[1]
    for wrong, said in ((-np.ones(len(x)), "got -1 in row 0"), (np.ones(3), "one number for each of")):
        with pytest.raises(ValueError, match=said):
            mc.NormalMixture(2).fit(x, sample_weight=wrong)
    with pytest.raises(ValueError, match="expected a known number of components"):
        mc.NormalMixture("unknown").fit(x, sample_weight=np.ones(len(x)))
    with pytest.raises(ValueError, match="expected no missing cells"):
        mc.MixtureModel(2).fit(np.array([[1.0], [np.nan], [2.0]]), sample_weight=np.ones(3))
