"""Counts, and yes and no, with a predictor below a link: coefficients move along the normal distribution at their
mode.
"""

import numpy as np
import pytest
from scipy import special, stats

import mcmix as mc
from mcmix.kernels import linked as kernels
from mcmix.kernels.base import address_of, run
from mcmix.nodes.model import Model
from mcmix.steps.base import Chain
from mcmix.steps.linked import LINKS, LinkedCoefficients
from mcmix.structure.coefficients import coefficients_of
from mcmix.structure.contributions import structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.linked import LinkedChild
from mcmix.structure.recording import record
from mcmix.testing import joint_test
from tests import references as ref
from tests import runs
from tests.references import assert_mean, chains_of, normalised

ROWS = 8
RNG = np.random.default_rng(41)
X = np.column_stack([np.ones(ROWS), np.linspace(-1.5, 1.5, ROWS)])
EXPOSURE = np.linspace(0.5, 2.0, ROWS)
COUNTS = np.array([0, 1, 0, 2, 1, 4, 3, 7])
ANSWERS = np.array([0, 0, 1, 0, 1, 0, 1, 1])
TRIALS = np.array([3, 1, 4, 2, 3, 5, 2, 6])
SUCCESSES = np.minimum(TRIALS, [0, 1, 1, 0, 2, 3, 2, 5])


def linked_step(sampler):
    return next(s for s in sampler.step_methods if isinstance(s, LinkedCoefficients))


sampled = runs.sampler(iterations=12_000, burn=500)


# -------------------------------------------------------------------- what is seen

LOGITS = {
    "one over": lambda e: 1.0 / (1.0 + np.exp(-e)),
    "odds over": lambda e: np.exp(e) / (1.0 + np.exp(e)),
    "power": lambda e: (1.0 + np.exp(-e)) ** -1.0,
    "expit": special.expit,
    "complement": lambda e: 1.0 - 1.0 / (np.exp(e) + 1.0),
}
MEANS = {
    "product": lambda e: EXPOSURE * np.exp(e),
    "offset": lambda e: np.exp(e + np.log(EXPOSURE)),
    "quotient": lambda e: EXPOSURE / np.exp(-e),
    "two exponentials": lambda e: np.exp(0.5 * e) * EXPOSURE * np.exp(0.5 * e),
}


@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("spelling", [*LOGITS, "InvLogit", "ndtr", *MEANS])
def test_spellings_of_links(spelling, labelled):
    z = mc.Categorical("z", [0.5, 0.5], size=ROWS)
    beta = mc.Normal("beta", 0.0, 1.0, size=(2, 2) if labelled else 2)
    line = mc.Lambda("line", lambda b=beta, z=z: np.sum(X * (b[z] if labelled else b), axis=1))
    link = {**LOGITS, **MEANS, "ndtr": special.ndtr}.get(spelling)
    mean = mc.InvLogit("p", line) if link is None else mc.Lambda("mean", lambda e=line: link(e))
    law, data = (mc.Poisson, COUNTS) if spelling in MEANS else (mc.Bernoulli, ANSWERS)
    sampler = mc.MCMC([law("y", mean, value=data, observed=True), beta, z])
    step = runs.steps_of(sampler)["beta"]
    link = "log" if spelling in MEANS else "probit" if spelling == "ndtr" else "logit"
    assert isinstance(step, LinkedCoefficients) and f"linear predictor of y below a {link} link" in step.reason
    assert step.group.sizes.tolist() == ([2, 2] if labelled else [2])
    assert not labelled or runs.steps_of(sampler)["z"].name == "label update"
    values = {beta: RNG.normal(size=beta.shape), z: RNG.integers(0, 2, ROWS)}
    (child,) = step.group.children
    numbers, predictor = np.ravel(values[beta]), evaluate(child.offset, values)
    for t in child.terms:
        predictor = predictor + evaluate(t.slope, values) * numbers[evaluate(t.index, values).astype(int)]
    function = {"log": np.exp, "logit": special.expit, "probit": special.ndtr}[link]
    parameter = next(iter(child.contribution.parameters.values()))
    np.testing.assert_allclose(function(predictor), evaluate(parameter, values), rtol=1e-12)


def test_what_is_no_link_is_left_to_other_steps():
    beta = mc.Normal("beta", 0.0, 1.0, size=2)
    for number, mean in enumerate([lambda b: np.exp(X @ b) + 1.0, lambda b: np.exp(X @ b) + np.exp(b[0])]):
        y = mc.Poisson(f"y{number}", mc.Lambda("mean", lambda b=beta, f=mean: f(b)), value=COUNTS, observed=True)
        assert not isinstance(runs.steps_of(mc.MCMC([y]))["beta"], LinkedCoefficients)
    half = mc.Lambda("half", lambda b=beta: 0.5 / (1.0 + np.exp(X @ b)))
    sampler = mc.MCMC([mc.Bernoulli("y", half, value=ANSWERS, observed=True)])
    assert not isinstance(runs.steps_of(sampler)["beta"], LinkedCoefficients)
    positive = mc.Exponential("positive", 1.0, size=2)
    sampler = mc.MCMC([mc.Poisson("x", mc.Lambda("r", lambda b=positive: np.exp(X @ b)), value=COUNTS, observed=True)])
    assert not isinstance(runs.steps_of(sampler)["positive"], LinkedCoefficients)


def test_a_step_of_the_users_choice_goes_before():
    beta = mc.Normal("beta", 0.0, 1.0, size=2)
    sampler = mc.MCMC([mc.Poisson("y", mc.Lambda("r", lambda b=beta: np.exp(X @ b)), value=COUNTS, observed=True)])
    sampler.use_step_method(mc.Slicer, beta)
    assert runs.steps_of(sampler)["beta"].name == "slice"
    with pytest.raises(TypeError, match="beta: no coefficient with a normal prior"):
        LinkedCoefficients([beta], structure_of(record(Model([mc.Normal("x", X @ beta, 1.0, size=ROWS)]))))


# -------------------------------------------------------------------- posteriors by quadrature


def dispersed(b):
    return mc.NegativeBinomial("y", mc.Lambda("mean", lambda b=b: EXPOSURE * np.exp(X @ b)), 2.5, value=COUNTS,
                               observed=True)  # fmt: skip


ONE = {
    "Poisson, exposure": (
        lambda b: mc.Poisson("y", mc.Lambda("mean", lambda b=b: EXPOSURE * np.exp(X @ b)), value=COUNTS, observed=True),
        lambda e: stats.poisson.logpmf(COUNTS, EXPOSURE * np.exp(e)),
    ),
    "Bernoulli, logit": (
        lambda b: mc.Bernoulli("y", mc.InvLogit("p", X @ b), value=ANSWERS, observed=True),
        lambda e: stats.bernoulli.logpmf(ANSWERS, special.expit(e)),
    ),
    "Binomial, logit": (
        lambda b: mc.Binomial("y", TRIALS, mc.InvLogit("p", X @ b), value=SUCCESSES, observed=True),
        lambda e: stats.binom.logpmf(SUCCESSES, TRIALS, special.expit(e)),
    ),
    "Bernoulli, probit": (
        lambda b: mc.Bernoulli("y", mc.Lambda("p", lambda b=b: special.ndtr(X @ b)), value=ANSWERS, observed=True),
        lambda e: stats.bernoulli.logpmf(ANSWERS, special.ndtr(e)),
    ),
    "Binomial, probit": (
        lambda b: mc.Binomial("y", TRIALS, mc.Lambda("p", lambda b=b: special.ndtr(X @ b)), value=SUCCESSES,
                              observed=True),
        lambda e: stats.binom.logpmf(SUCCESSES, TRIALS, special.ndtr(e)),
    ),
    "negative binomial": (
        dispersed,
        lambda e: stats.nbinom.logpmf(COUNTS, 2.5, 2.5 / (2.5 + EXPOSURE * np.exp(e))),
    ),
}  # fmt: skip
PRIORS = {
    "numbers": (lambda: mc.Normal("beta", [0.5, -0.5], [0.4, 0.8], size=2), np.diag([0.4, 0.8])),
    "a vector": (lambda: mc.MvNormal("beta", [0.5, -0.5], [[0.6, 0.3], [0.3, 0.8]]), [[0.6, 0.3], [0.3, 0.8]]),
}


def on_a_grid(log_likelihood, precision, cells=300, width=8.0):
    """Mean and second moments of two coefficients with a normal prior about (0.5, -0.5)."""
    axis = (np.arange(cells) + 0.5) / cells * 2.0 * width - width
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    away = grid - [0.5, -0.5]
    logs = log_likelihood(grid @ X.T).sum(-1) - 0.5 * np.einsum("gi,ij,gj->g", away, precision, away)
    mass = normalised(logs)
    return mass @ grid, np.einsum("g,gi,gj->ij", mass, grid, grid)


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("law", ONE)
def test_one_regression_against_quadrature(law, prior):
    (make, log_likelihood), (coefficients, precision) = ONE[law], PRIORS[prior]
    sampler = sampled([make(coefficients())], seed=401)
    assert linked_step(sampler).ratio > 0.5
    mean, products = on_a_grid(log_likelihood, precision)
    draws = chains_of(sampler, "beta")
    assert_mean(draws, mean, "beta")
    assert_mean(draws[..., :, None] * draws[..., None, :], products, "products")


def test_counts_beside_normal_rows_and_a_power_of_the_likelihood():
    """One variable in the means of normal rows and of counts, with the levels of a tempered run."""
    heights = np.array([0.3, -0.4, 1.2, 0.1, 0.8, 1.9, 1.1, 2.2])
    beta = PRIORS["numbers"][0]()
    nodes = [ONE["Poisson, exposure"][0](beta), mc.Normal("x", X @ beta, 2.0, value=heights, observed=True)]
    both = lambda e: ONE["Poisson, exposure"][1](e) + stats.norm.logpdf(heights, e, 0.5**0.5)  # noqa: E731
    mean, products = on_a_grid(both, np.diag([0.4, 0.8]))
    for options in ({}, {"tempering": [1.0, 0.3]}):
        sampler = sampled(nodes, 402, **options)
        draws = chains_of(sampler, "beta")
        assert_mean(draws, mean, "beta")
        assert_mean(draws[..., :, None] * draws[..., None, :], products, "products")


# -------------------------------------------------------------------- regressions inside components

FEW = 5
HOT = ref.subsets(FEW)


def by_subset(log_rows, cells=200, width=7.0):
    """Log evidence and means of two coefficients for every subset of rows; log_rows maps predictors (grid, rows)."""
    axis = (np.arange(cells) + 0.5) / cells * 2.0 * width - width
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    logs = HOT @ log_rows(grid @ X[:FEW].T).T - 0.25 * (grid**2).sum(-1)  # precision 1/2
    mass = normalised(logs, axis=1)
    return special.logsumexp(logs, axis=1), mass @ grid, mass @ grid**2


MIXED = {
    "counts": (
        lambda line: mc.Poisson("y", np.exp(line), value=[0, 9, 1, 0, 6], observed=True),
        lambda e: stats.poisson.logpmf([0, 9, 1, 0, 6], np.exp(e)),
    ),
    "yes or no": (
        lambda line: mc.Binomial("y", 4, mc.InvLogit("p", line), value=[0, 4, 0, 1, 4], observed=True),
        lambda e: stats.binom.logpmf([0, 4, 0, 1, 4], 4, special.expit(e)),
    ),
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("law", MIXED)
def test_regressions_in_components_against_all_labels(law, known):
    """Components that are empty now and then (their coefficients come from the prior), and labels known for some."""
    make, log_rows = MIXED[law]
    weights = mc.Dirichlet("w", [1.0, 0.6])
    labels = {"value": np.ma.masked_array([0, 0, 1, 0, 0], [0, 1, 0, 1, 1]), "observed": True} if known else {}
    z = mc.Categorical("z", weights, **(labels or {"size": FEW}))
    beta = mc.Normal("beta", 0.0, 0.5, size=(2, 2))
    line = mc.Lambda("line", lambda b=beta, z=z: np.sum(X[:FEW] * b[z], axis=1))
    sampler = sampled([make(line)], seed=403, iterations=20500)
    evidence, mean, square = by_subset(log_rows)
    vectors = ref.label_vectors(FEW, 2)
    owned = np.stack([(vectors == k) @ 2 ** np.arange(FEW) for k in (0, 1)], -1)
    logs = evidence[owned].sum(1) + ref.dirichlet_label_prior([1.0, 0.6])(vectors)
    logs = np.where((vectors[:, 0] == 0) & (vectors[:, 2] == 1) | (not known), logs, -np.inf)
    mass = normalised(logs)
    draws = chains_of(sampler, "beta")
    assert_mean(draws, np.einsum("v,vkc->kc", mass, mean[owned]), "coefficients")
    assert_mean(draws**2, np.einsum("v,vkc->kc", mass, square[owned]), "their squares")
    step = linked_step(sampler)
    assert step.group.sizes.tolist() == [2, 2] and 0.5 < step.ratio < 1.0


def table_of_coefficients():
    """A ridge above the coefficients, and an offset with an unknown of its own."""
    design = np.column_stack([np.ones(6), np.linspace(-1.0, 1.0, 6)])
    ridge, rate = mc.Gamma("ridge", 4.0, 2.0), mc.Gamma("rate", 4.0, 4.0)
    beta = mc.Normal("beta", 0.2, ridge, size=(2, 2))
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 1.5]), size=6)
    mean = mc.Lambda("mean", lambda b=beta, z=z, r=rate: r * np.exp((design * b[z]).sum(-1)))
    return [mc.Poisson("y", mean, value=np.zeros(6, int), observed=True)]


def common_slope():
    """Own intercepts and a common slope below a probit."""
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 1.5]), size=6)
    own, slope = mc.Normal("own", 0.3, 0.5, size=2), mc.Normal("slope", 0.0, 1.0)
    line = own[z] + slope * np.linspace(-1.0, 1.0, 6)
    p = mc.Lambda("p", lambda e=line: special.ndtr(e))
    return [mc.Bernoulli("y", p, value=np.zeros(6, int), observed=True)]


def vectors_of_coefficients():
    """Rows of coefficients with a normal distribution of vectors, and counts whose dispersion is unknown."""
    design = np.column_stack([np.ones(6), np.linspace(-1.0, 1.0, 6)])
    centre = mc.MvNormal("centre", np.zeros(2), 2.0 * np.eye(2))
    beta = mc.MvNormal("beta", centre, [[1.5, 0.5], [0.5, 1.0]], size=2)
    dispersion = mc.Gamma("dispersion", 6.0, 2.0)
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.exp(np.einsum("ij,ij->i", design, b[z])))
    return [mc.NegativeBinomial("y", mean, dispersion, value=np.zeros(6, int), observed=True)]


@pytest.mark.parametrize("make", [table_of_coefficients, common_slope, vectors_of_coefficients])
def test_sweeps_leave_the_joint_law_as_it_is(make):
    nodes = make()
    assert "LinkedCoefficients" in {type(s).__name__ for s in mc.MCMC(nodes).step_methods}
    result = joint_test(nodes, sweeps=10, direct=7, replications=40, seed=404)
    assert result.passed, str(result)


# -------------------------------------------------------------------- hard places


def test_missing_counts_are_left_out():
    beta = PRIORS["numbers"][0]()
    gaps = np.arange(ROWS) % 3 == 1
    mean = mc.Lambda("mean", lambda b=beta: EXPOSURE * np.exp(X @ b))
    y = mc.Poisson("y", mean, value=np.ma.masked_array(COUNTS, gaps), observed=True)
    sampler = sampled([y], seed=405)
    log_likelihood = lambda e: np.where(gaps, 0.0, ONE["Poisson, exposure"][1](e))  # noqa: E731
    assert_mean(chains_of(sampler, "beta"), on_a_grid(log_likelihood, np.diag([0.4, 0.8]))[0], "beta")


@pytest.mark.parametrize("start", [[-60.0, 20.0], [25.0, 10.0], [400.0, 0.0]])
def test_a_start_where_weights_underflow_or_overflow(start):
    """Far out no normal distribution is near the density: slices along ellipses bring the coefficients back."""
    beta = mc.Normal("beta", 0.0, 1e-4, value=start)
    y = mc.Poisson("y", mc.Lambda("mean", lambda b=beta: np.exp(X @ b)), value=COUNTS, observed=True)
    sampler = sampled([y], seed=406, iterations=1000, burn=300, chains=2)
    draws = chains_of(sampler, "beta", 2)
    assert np.abs(draws).max() < 10.0 and np.abs(draws[0].mean(0) - draws[1].mean(0)).max() < 0.5


def test_answers_that_a_line_separates():
    """The likelihood rises for ever in one direction: the prior alone ends it."""
    beta = mc.Normal("beta", 0.0, 0.05, size=2)
    data = (X[:, 1] > 0.0).astype(int)
    y = mc.Bernoulli("y", mc.InvLogit("p", X @ beta), value=data, observed=True)
    sampler = sampled([y], seed=407, iterations=20500)
    axis = (np.arange(600) + 0.5) / 600 * 60.0 - 30.0
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    logs = -special.log1p(np.exp(np.where(data == 1, -1.0, 1.0) * (grid @ X.T))).sum(-1) - 0.025 * (grid**2).sum(-1)
    assert_mean(chains_of(sampler, "beta"), normalised(logs) @ grid, "beta")


def test_an_exposure_of_nought_and_a_trial_that_was_not_made():
    """Rows that can say nothing leave the posterior to the others."""
    gone = np.arange(ROWS) == 3
    beta = PRIORS["numbers"][0]()
    mean = mc.Lambda("mean", lambda b=beta: np.where(gone, 0.0, EXPOSURE) * np.exp(X @ b))
    counts = mc.Poisson("y", mean, value=np.where(gone, 0, COUNTS), observed=True)
    p = mc.InvLogit("p", X @ beta)
    tries = mc.Binomial("t", np.where(gone, 0, TRIALS), p, value=np.where(gone, 0, SUCCESSES), observed=True)
    sampler = sampled([counts, tries], seed=408)
    both = lambda e: np.where(gone, 0.0, ONE["Poisson, exposure"][1](e) + ONE["Binomial, logit"][1](e))  # noqa: E731
    assert_mean(chains_of(sampler, "beta"), on_a_grid(both, np.diag([0.4, 0.8]))[0], "beta")


# -------------------------------------------------------------------- blocks, and the kernel's twin


def test_few_cells_are_left_to_slices_and_several_coefficients_in_a_cell_are_not():
    z = mc.Categorical("z", [0.5, 0.5], size=ROWS)
    a = mc.Normal("a", 0.0, 1.0, size=2)
    y = mc.Poisson("y", mc.Lambda("mean", lambda a=a, z=z: np.exp(a[z])), value=COUNTS, observed=True)
    assert runs.steps_of(mc.MCMC([y]))["a"].name == "slice"
    group, common = np.arange(ROWS) % 4, mc.Normal("common", 0.5, 2.0)
    effects = mc.Normal("effects", 0.0, 1.5, size=4)
    both = mc.Lambda("both", lambda c=common, e=effects: np.exp(c + e[group]))
    sampler = sampled([mc.Poisson("x", both, value=COUNTS, observed=True)], seed=409)
    step = linked_step(sampler)
    assert step.group.sizes.tolist() == [5] and step.group.children[0].contribution.over == "cells"
    apart = mc.Lambda("apart", lambda c=common, e=effects: np.exp(c + e[group] + 0.0 * np.arange(ROWS)))
    slow = mc.MCMC([mc.Poisson("x", apart, value=COUNTS, observed=True)])
    slow.use_step_method(mc.Slicer, common)
    slow.use_step_method(mc.Slicer, effects)
    slow.sample(20000, 500, chains=4, seed=410, progress_bar=False)
    mean, error = ref.mean_and_error(chains_of(slow, "common"))
    assert_mean(chains_of(sampler, "common"), mean, "common", error)


def test_too_many_for_one_proposal_are_proposed_one_variable_at_a_time():
    group = np.arange(200) % 100
    effects, centre = mc.Normal("effects", 0.0, 1.0, size=100), mc.Normal("centre", 0.0, 1.0)
    slope = RNG.normal(size=200)
    mean = mc.Lambda("mean", lambda e=effects, c=centre: np.exp(c * slope + e[group]))
    structure = structure_of(record(Model([mc.Poisson("y", mean, value=np.ones(200, int), observed=True)])))
    assert coefficients_of(effects, structure).sizes.tolist() == [1] * 100
    assert coefficients_of(centre, structure).nodes == [centre]


def test_the_kernel_against_its_twin():
    """All links at once, blocks, more rows than a tile, a coefficient twice in a row, rows that meet none."""
    n, rng = 300, np.random.default_rng(6)
    covariates = rng.normal(size=(n, 2)) * (np.arange(n) % 50 != 7)[:, None]
    a, b = mc.Normal("a", 0.5, 2.0, size=(3, 2)), mc.MvNormal("b", [0.1, -0.2], [[2.0, 0.5], [0.5, 1.0]])
    z, first = mc.Categorical("z", [0.2, 0.3, 0.5], size=n), rng.integers(0, 2, n)
    line = mc.Lambda("line", lambda a=a, z=z: 0.4 * np.sum(covariates * a[z], axis=1) - 0.1)
    other = mc.Lambda("other", lambda b=b: 0.5 * b[first] + b[0] * covariates[:, 0] - b[1])
    nodes = [
        mc.Poisson("counts", np.exp(line), value=rng.poisson(1.0, n), observed=True),
        mc.NegativeBinomial("spread", 2.0 * np.exp(line), 1.5, value=rng.poisson(2.0, n), observed=True),
        mc.Bernoulli("yes", mc.InvLogit("p", other), value=rng.integers(0, 2, n), observed=True),
        mc.Binomial("some", 5, mc.Lambda("q", lambda e=other: special.ndtr(e)), value=rng.integers(0, 6, n),
                    observed=True),
        mc.Normal("heights", other, 0.3, value=rng.normal(size=n), observed=True),
    ]  # fmt: skip
    sampler = mc.MCMC(nodes)
    made = sampler.assembled
    found = {s.variables[0].name: s for s in sampler.step_methods if isinstance(s, LinkedCoefficients)}
    assert found["a"].group.sizes.tolist() == [2, 2, 2] and found["b"].group.sizes.tolist() == [2]
    chain = Chain(made.plan.layout, np.random.SeedSequence(7))
    for node in made.model.stochastics:
        chain.put(node, rng.integers(0, 3, n) if node is z else 0.3 * rng.normal(size=node.shape))
    accepted = [assert_as_twin(step, chain, sampler) for step in found.values() for _ in range(8)]
    assert 0.3 < np.mean(np.concatenate(accepted)) < 1.0


def assert_as_twin(step, chain, sampler):
    """Where the twin goes with the chain's own random numbers, the kernel goes; which blocks moved."""
    expected, moved = twin(step, chain, sampler)
    (call,) = step.bind(chain)
    assert run(call.kernel, address_of(call.words), address_of(call.reals), chain.stream) == 0
    drawn = np.concatenate([np.ravel(chain.get(n)) for n in step.group.nodes])
    np.testing.assert_allclose(drawn, expected, rtol=1e-9)
    return moved


def row_terms(link, first, second, e):
    """Log density, slope and curvature by SciPy."""
    if link == "log":
        return first * e - second * np.exp(e), first - second * np.exp(e), second * np.exp(e)
    if link == "logit":
        p = special.expit(e)
        value = first * special.log_expit(e) + second * special.log_expit(-e)
        return value, first - (first + second) * p, (first + second) * p * (1.0 - p)
    if link == "identity":
        return first * e - 0.5 * second * e**2, first - second * e, second
    up, down = (np.exp(stats.norm.logpdf(e) - special.log_ndtr(s)) for s in (e, -e))
    value = first * special.log_ndtr(e) + second * special.log_ndtr(-e)
    return value, first * up - second * down, first * up * (up + e) + second * down * (down - e)


def twin(step, chain, sampler):
    """One sweep of the step in plain NumPy; assumes that it proposes, and does not slice."""
    group, values = step.group, {n: chain.get(n) for n in sampler.model.stochastics}
    generator = np.random.Generator(np.random.SFC64(1))
    generator.bit_generator.state = chain.rng.bit_generator.state
    if 1.0 - generator.uniform() < kernels.SLICE_SHARE:
        pytest.fail("choose another seed: the step slices")
    precision, first = prior_of(group, values)
    now = np.concatenate([np.ravel(values[n]) for n in group.nodes])
    blocks = [np.flatnonzero(np.repeat(np.arange(len(group.sizes)), group.sizes)[group.order] == b)
              for b in range(len(group.sizes))]  # fmt: skip
    blocks = [b[np.argsort(group.order[b])] for b in blocks]
    modes = laws_at_modes(group, values, blocks, precision, first)
    here, normal_here = weighed(group, values, now, blocks, precision, first)
    normals = [generator.standard_normal(len(own)) for own in blocks]
    there, momenta = now.copy(), []
    for own, (mode, factor), law, q in zip(blocks, modes, normal_here, normals, strict=True):
        place, kicked = half_kicked(now[own], q, mode, factor, law)
        there[own] = mode + np.linalg.solve(factor.T, kicked)
        momenta.append(-place)
    beyond, normal_there = weighed(group, values, there, blocks, precision, first)
    moved = []
    for b, own in enumerate(blocks):
        _, momentum = half_kicked(there[own], momenta[b], *modes[b], normal_there[b])
        change = beyond[b] - here[b] + 0.5 * (normals[b] @ normals[b] - momentum @ momentum)
        change += prior_log(there[own], own, precision, first) - prior_log(now[own], own, precision, first)
        moved.append(change > -generator.standard_exponential())
        now[own] = there[own] if moved[-1] else now[own]
    return now, moved


def prior_log(v, own, precision, first):
    return first[own] @ v - 0.5 * v @ precision[np.ix_(own, own)] @ v


def half_kicked(v, momentum, mode, factor, law):
    """Standard coordinate of v, and the momentum after half a kick by what is beside the distribution at the mode."""
    matrix, linear = law
    place = factor.T @ (v - mode)
    return place, momentum + 0.25 * np.pi * (np.linalg.solve(factor, linear - matrix @ v) + place)


def laws_at_modes(group, values, blocks, precision, first):
    """Mode and factor of the precision for each block: Newton from the prior's mean, which goes up at once here."""
    point, found, best = np.linalg.solve(precision, first), [None] * len(blocks), np.full(len(blocks), -np.inf)
    while any(f is None for f in found):
        logs, laws = weighed(group, values, point, blocks, precision, first)
        for b, own in enumerate(blocks):
            value, (matrix, linear) = logs[b] + prior_log(point[own], own, precision, first), laws[b]
            assert found[b] is not None or value > best[b], "choose other data: a step is halved"
            mean = np.linalg.solve(matrix, linear)
            step = mean - point[own]
            if found[b] is None and step @ matrix @ step < kernels.NEAR:
                found[b] = mean, np.linalg.cholesky(matrix)
            best[b], point[own] = value, point[own] if found[b] is not None else mean
    return found


def prior_of(group, values):
    precision, first = np.zeros((group.size, group.size)), np.zeros(group.size)
    for node, start in zip(group.nodes, group.starts.values(), strict=True):
        own = slice(start, start + node.value.size)
        matrix = np.diag(np.full(node.value.size, 2.0)) if node.name == "a" else np.array([[2.0, 0.5], [0.5, 1.0]])
        precision[own, own] = matrix
        first[own] = matrix @ (np.full(node.value.size, 0.5) if node.name == "a" else [0.1, -0.2])
    return precision, first


def weighed(group, values, point, blocks, precision, first):
    """Log density of each block's rows at a point, and the block's normal approximation."""
    logs, total, linear = np.zeros(len(blocks)), precision.copy(), first.copy()
    for child in group.children:
        design = np.zeros((child.rows, group.size))
        for t in child.terms:
            index = np.broadcast_to(evaluate(t.index, values), (child.rows,)).astype(int)
            np.add.at(design, (np.arange(child.rows), index), evaluate(t.slope, values))
        one, two = (np.broadcast_to(evaluate(x, values), (child.rows,)) for x in (child.rest, child.weight))
        offset, link = (child.offset, child.link) if isinstance(child, LinkedChild) else (None, "identity")
        assert link in LINKS
        added = 0.0 if offset is None else evaluate(offset, values)
        value, slope, bend = row_terms(link, one, two, added + design @ point)
        for b, own in enumerate(blocks):
            logs[b] += value[(design[:, own] != 0.0).any(1)].sum()
        total += (design * bend[:, None]).T @ design
        linear += design.T @ (slope + bend * (design @ point))
    return logs, [(total[np.ix_(own, own)], linear[own]) for own in blocks]
