"""Linear predictors: every spelling is seen as one, labels are drawn by the pass and coefficients exactly."""

import numpy as np
import pytest

import mcmix as mc
import mcmix.pymc2 as pymc
from mcmix.kernels.base import address_of, run
from mcmix.nodes.model import Model
from mcmix.steps.base import Chain
from mcmix.steps.coefficients import CoefficientGibbs
from mcmix.structure.coefficients import coefficients_of
from mcmix.structure.contributions import structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.linear import linear
from mcmix.structure.recording import record
from mcmix.testing import joint_test
from tests import references as ref
from tests import runs
from tests.references import assert_mean, chains_of, normalised

ROWS = 40
RNG = np.random.default_rng(31)
DESIGN = np.column_stack([np.ones(ROWS), RNG.normal(size=(ROWS, 2))])
GROUP = RNG.integers(0, 2, ROWS)
TRUTH = np.array([[0.0, 1.0, -1.0], [4.0, -1.0, 2.0]])
DATA = (DESIGN * TRUTH[GROUP]).sum(1) + RNG.normal(size=ROWS)
NOTHING = np.zeros(6)


def explained(sampler, capsys):
    print(sampler.explain())
    return capsys.readouterr().out


# -------------------------------------------------------------------- what is seen

BY_LABEL = {
    "sum over axis 1": lambda b, z: np.sum(DESIGN * b[z], axis=1),
    "sum over the last axis": lambda b, z: (DESIGN * b[z]).sum(-1),
    "sum, axis kept": lambda b, z: np.sum(DESIGN * b[z], axis=1, keepdims=True)[:, 0],
    "sum over axis 0": lambda b, z: np.sum(DESIGN.T * b[z].T, axis=0),
    "term by term": lambda b, z: b[z, 0] * DESIGN[:, 0] + b[z, 1] * DESIGN[:, 1] + b[z, 2] * DESIGN[:, 2],
    "einsum": lambda b, z: np.einsum("ij,ij->i", DESIGN, b[z]),
    "entries of a product": lambda b, z: (DESIGN @ b.T)[np.arange(ROWS), z],
    "taken along an axis": lambda b, z: np.take_along_axis(np.dot(DESIGN, b.T), z[:, None], axis=1)[:, 0],
    "product with ones": lambda b, z: np.dot(DESIGN * b[z], np.ones(3)),
    "mean": lambda b, z: 3 * np.mean(DESIGN * b[z], axis=1),
}


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("spelling", BY_LABEL)
def test_spellings_of_coefficients_by_label(spelling, known, capsys):
    z = GROUP if known else mc.Categorical("z", [0.5, 0.5], size=ROWS)
    beta = mc.Normal("beta", 0.0, 0.1, size=(2, 3))
    mean = mc.Lambda("mean", lambda b=beta, z=z: BY_LABEL[spelling](b, z))
    sampler = mc.MCMC([mc.Normal("y", mean, 1.0, value=DATA, observed=True), beta])
    said = explained(sampler, capsys)
    assert "coefficients of a linear predictor of y" in said and "2 exact draws of up to 3" in said
    assert "Metropolis" not in said and "slice" not in said
    assert known or "z: label update" in said and "components are exchangeable" in said


def combination(b):
    return mc.LinearCombination("mean", [DESIGN], [b])


ALONE = {
    "operator": lambda b: mc.Lambda("mean", lambda b=b: DESIGN @ b),
    "dot": lambda b: mc.Lambda("mean", lambda b=b: np.dot(DESIGN, b)),
    "from the left": lambda b: mc.Lambda("mean", lambda b=b: b @ DESIGN.T),
    "sum": lambda b: mc.Lambda("mean", lambda b=b: np.sum(DESIGN * b, axis=1)),
    "einsum": lambda b: mc.Lambda("mean", lambda b=b: np.einsum("ij,j", DESIGN, b)),
    "LinearCombination": combination,
    "of nodes": lambda b: DESIGN @ b,
}


@pytest.mark.parametrize("spelling", ALONE)
def test_spellings_of_one_regression(spelling, capsys):
    beta = mc.Normal("beta", 0.0, 0.1, size=3)
    sampler = mc.MCMC([mc.Normal("y", ALONE[spelling](beta), 1.0, value=DATA, observed=True), beta])
    said = explained(sampler, capsys)
    assert "coefficients of a linear predictor of y" in said and "Metropolis" not in said


def test_what_meets_in_a_row_is_drawn_together():
    z, common = mc.Categorical("z", [0.5, 0.5], size=ROWS), mc.Normal("common", 0.0, 1.0)
    own, other = mc.Normal("own", 0.0, 0.1, size=2), mc.Normal("other", 0.0, 1.0)
    y = mc.Normal("y", own[z] + common * DESIGN[:, 1], 1.0, value=DATA, observed=True)
    sampler = mc.MCMC([y, mc.Normal("x", other * DESIGN[:, 1] + 1.0, 1.0, value=DATA, observed=True)])
    steps = runs.steps_of(sampler)
    assert {type(steps[n]).__name__ for n in ("own", "common")} == {"CoefficientGibbs", "DrawnAlong"}
    assert type(steps["other"]).__name__ == "ConjugateGibbs"


def test_factors_of_each_other_are_drawn_one_after_another():
    beta, scale = mc.Normal("beta", 0.0, 1.0, size=3), mc.Normal("scale", 1.0, 1.0)
    sampler = mc.MCMC([mc.Normal("y", scale * (DESIGN @ beta), 1.0, value=DATA, observed=True)])
    steps = runs.steps_of(sampler)
    assert type(steps["beta"]).__name__ == "CoefficientGibbs" and type(steps["scale"]).__name__ == "ConjugateGibbs"


def test_too_many_for_one_matrix_are_drawn_one_variable_at_a_time():
    group, effects, centre = (
        np.arange(300) % 150,
        mc.Normal("effects", 0.0, 1.0, size=150),
        mc.Normal("centre", 0.0, 1.0),
    )
    sampler = mc.MCMC([mc.Normal("y", centre + effects[group], 1.0, value=np.zeros(300), observed=True)])
    assert {s.name for s in sampler.step_methods} == {"conjugate Gibbs"}
    assert {type(s).__name__ for s in sampler.step_methods} == {"ConjugateGibbs"}


def test_a_predictor_is_read_as_it_is_written():
    """Offset and terms give back the value, whatever the operations between."""
    a, b, free = mc.Normal("a", 0.0, 1.0, size=(2, 3)), mc.Normal("b", 0.0, 1.0, size=2), mc.Gamma("free", 2.0, 1.0)
    z = mc.Categorical("z", [0.5, 0.5], size=ROWS)

    @mc.deterministic
    def mean(a=a, b=b, free=free, z=z):
        both = np.where(z == 0, b[0], -b[1]) + np.concatenate([b, [1.0]])[z]
        return (free * np.sum(DESIGN * (a - 1.0)[z], axis=1) - both) / 2.0 + free + (DESIGN @ a.T)[:, 1]

    recording = record(Model([mc.Normal("y", mean, 1.0, value=DATA, observed=True)]))
    x, leaves = recording.values[mean], recording.leaves
    starts = {leaves[a]: 0, leaves[b]: 6}
    found = linear(x, starts)
    values = {n: RNG.normal(size=n.shape) for n in (a, b)} | {free: np.array(1.7), z: GROUP}
    numbers = np.concatenate([values[a].ravel(), values[b]])
    total = evaluate(found.offset, values)
    for t in found.terms:
        total = total + evaluate(t.slope, values) * numbers[evaluate(t.index, values).astype(int)]
    np.testing.assert_allclose(total, evaluate(x, values), rtol=1e-12)


def test_products_and_powers_of_coefficients_are_no_linear_predictor():
    a, b = mc.Normal("a", 0.0, 1.0), mc.Normal("b", 0.0, 1.0, size=3)
    recording = record(Model([mc.Normal("y", a * (DESIGN @ b) + a**2, 1.0, value=DATA, observed=True)]))
    x = recording.factors[-1].parameters["mean"]
    x = next(f for f in recording.factors if f.node.name == "y").parameters["mean"]
    leaves = recording.leaves
    assert linear(x, {leaves[a]: 0}) is None and linear(x, {leaves[a]: 0, leaves[b]: 1}) is None
    assert linear(x, {leaves[b]: 0}) is not None


# -------------------------------------------------------------------- the draws


sampled = runs.sampler(iterations=6000, burn=500)


def vector_prior():
    return mc.MvNormal("beta", [0.0, 1.0, 2.0], [[1.0, 0.3, 0.0], [0.3, 2.0, -0.4], [0.0, -0.4, 0.5]])


def numbers_prior():
    return mc.Normal("beta", [0.0, 1.0, 2.0], [0.5, 1.0, 0.2], size=3)


PRIORS = {
    "numbers": (numbers_prior, np.diag([0.5, 1.0, 0.2])),
    "a vector": (vector_prior, np.array([[1.0, 0.3, 0.0], [0.3, 2.0, -0.4], [0.0, -0.4, 0.5]])),
}


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("spelling", ["operator", "sum", "LinearCombination"])
def test_one_regression_in_closed_form(spelling, prior):
    make, first = PRIORS[prior]
    beta = make()
    weights = np.linspace(0.5, 2.0, ROWS)
    sampler = sampled([mc.Normal("y", ALONE[spelling](beta), weights, value=DATA, observed=True)], seed=301, burn=10)
    precision = first + (DESIGN * weights[:, None]).T @ DESIGN
    cover = np.linalg.inv(precision)
    mean = cover @ (first @ [0.0, 1.0, 2.0] + DESIGN.T @ (weights * DATA))
    draws = chains_of(sampler, "beta")
    assert_mean(draws, mean, "beta")
    away = draws - mean
    assert_mean(away[..., :, None] * away[..., None, :], cover, "products")


def test_single_rows_and_several_responses():
    """Data of one number each, and a table whose columns have regressions of their own."""
    a, b = mc.Normal("a", 0.0, 1.0), mc.Normal("b", 0.0, 1.0)
    single = [mc.Normal("one", a + b, 1.0, value=1.5, observed=True)]
    sampler = sampled([*single, mc.Normal("two", a - 2.0 * b, 1.0, value=0.5, observed=True)], seed=308, burn=10)
    design = np.array([[1.0, 1.0], [1.0, -2.0]])
    mean = np.linalg.solve(np.eye(2) + design.T @ design, design.T @ [1.5, 0.5])
    assert_mean(np.stack([chains_of(sampler, n) for n in "ab"], -1), mean, "a and b")
    table = np.column_stack([DATA, -DATA + DESIGN[:, 1]])
    beta = mc.Normal("beta", 0.0, 1.0, size=(3, 2))
    weights = np.array([0.5, 2.0])
    sampler = sampled([mc.Normal("y", DESIGN @ beta, weights, value=table, observed=True)], seed=309, burn=10)
    assert coefficient_step(sampler).group.sizes.tolist() == [3, 3]
    found = [
        np.linalg.solve(np.eye(3) + w * DESIGN.T @ DESIGN, w * DESIGN.T @ t)
        for w, t in zip(weights, table.T, strict=True)
    ]
    assert_mean(chains_of(sampler, "beta"), np.column_stack(found), "beta")


def test_a_function_that_is_called_as_written_is_part_of_the_offset():
    beta, shift = mc.Normal("beta", 0.0, 1.0, size=3), mc.Normal("shift", 0.0, 1.0)

    def branch(shift=shift):
        return np.full(ROWS, float(shift) if float(shift) > 0.0 else 0.0)

    mean = DESIGN @ beta + mc.Lambda("branch", branch)
    sampler = sampled([mc.Normal("y", mean, 1.0, value=DATA, observed=True)], seed=310, iterations=1500)
    assert coefficient_step(sampler).group.nodes == [beta]
    drawn, above = chains_of(sampler, "beta"), np.maximum(chains_of(sampler, "shift"), 0.0)
    cover = np.linalg.inv(np.eye(3) + DESIGN.T @ DESIGN)
    centre = (DESIGN @ cover).T @ DATA - above[..., None] * (DESIGN @ cover).sum(0)
    assert_mean(drawn - centre, np.zeros(3), "beta about its mean given the shift")


def test_fewer_rows_than_coefficients():
    design, data = RNG.normal(size=(4, 7)), RNG.normal(size=4)
    beta = mc.Normal("beta", 0.0, 1.0, size=7)
    sampler = sampled([mc.Normal("y", design @ beta, 2.0, value=data, observed=True)], seed=302, burn=10)
    mean = np.linalg.solve(np.eye(7) + 2.0 * design.T @ design, 2.0 * design.T @ data)
    assert_mean(chains_of(sampler, "beta"), mean, "beta")


@pytest.mark.parametrize("together", [False, True])
def test_regressions_in_components_against_all_labels(together):
    """Two lines, in a table or as intercepts and slopes: a mixture of normals over all label vectors."""
    x, covariate = DATA[:6], DESIGN[:6, 1]
    design = np.column_stack([np.ones(6), covariate])
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=6)
    if together:
        beta = mc.Normal("beta", [[0.0, 1.0]] * 2, [[0.3, 0.5]] * 2)
        mean = mc.Lambda("mean", lambda b=beta, z=z: np.sum(design * b[z], axis=1))
    else:
        a, b = mc.Normal("a", 0.0, 0.3, size=2), mc.Normal("b", 1.0, 0.5, size=2)
        mean = a[z] + b[z] * covariate
    sampler = sampled([mc.Normal("y", mean, 1.5, value=x, observed=True)], seed=303, iterations=20500)
    vectors = ref.label_vectors(6, 2)
    hot = vectors[:, :, None] == np.arange(2)
    designs = np.concatenate([hot, hot * covariate[:, None]], -1).astype(float)
    found = ref.linear_normal(designs, x, [0, 0, 1, 1], [0.3, 0.3, 0.5, 0.5], 1.5)
    mass = normalised(found["log_evidence"] + ref.dirichlet_label_prior([1.0, 1.0])(vectors))
    assert_mean((chains_of(sampler, "z") == 0).astype(float), mass @ (vectors == 0), "labels")
    draws = chains_of(sampler, "beta") if together else np.stack([chains_of(sampler, n) for n in "ab"], -1)
    mean, square = (mass @ m for m in (found["mean"], found["sd"] ** 2 + found["mean"] ** 2))
    assert_mean(draws, mean.reshape(2, 2).T, "coefficients")
    assert_mean(draws**2, square.reshape(2, 2).T, "their squares")


def table_of_coefficients():
    """Unknown precisions by component, and a ridge above the coefficients."""
    design = np.column_stack([np.ones(6), np.linspace(-1.0, 1.0, 6)])
    ridge = mc.Gamma("ridge", 3.0, 2.0)
    beta, tau = mc.Normal("beta", 0.0, ridge, size=(2, 2)), mc.Gamma("tau", 3.0, 3.0, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 1.5]), size=6)
    mean = mc.Lambda("mean", lambda b=beta, z=z: (design * b[z]).sum(-1))
    return [mc.Normal("y", mean, tau[z], value=NOTHING, observed=True)]


def common_slope():
    """Own intercepts as multiples of the rows' precision, a common slope, an offset."""
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 1.5]), size=6)
    tau = mc.Gamma("tau", 3.0, 3.0)
    own, slope = mc.Normal("own", 0.3, 0.5 * tau, size=2), mc.Normal("slope", 0.0, 1.0)
    line = mc.LinearCombination("line", [np.linspace(-1.0, 1.0, 6), np.ones(6)], [slope, 0.7])
    return [mc.Normal("y", own[z] + line, tau, value=NOTHING, observed=True)]


def vectors_of_coefficients():
    """Rows of coefficients with a normal distribution of vectors whose mean and precision are unknown, and lognormal
    data.
    """
    design = np.column_stack([np.ones(6), np.linspace(-1.0, 1.0, 6)])
    centre = mc.MvNormal("centre", np.zeros(2), np.eye(2))
    matrix = mc.Wishart("matrix", 4.0, np.eye(2))
    beta = mc.MvNormal("beta", centre, matrix, size=2)
    z = mc.Categorical("z", [0.4, 0.6], size=6)
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.einsum("ij,ij->i", design, b[z]))
    return [mc.Lognormal("y", mean, 1.5, value=NOTHING + 1.0, observed=True)]


@pytest.mark.parametrize("make", [table_of_coefficients, common_slope, vectors_of_coefficients])
def test_sweeps_leave_the_joint_law_as_it_is(make):
    nodes = make()
    assert "CoefficientGibbs" in {type(s).__name__ for s in mc.MCMC(nodes).step_methods}
    result = joint_test(nodes, sweeps=10, direct=7, replications=40, seed=304)
    assert result.passed, str(result)


def test_rows_that_are_missing_and_labels_that_are_known():
    """Known labels and missing values cut the rows into parts: all of them are met."""
    missing = np.arange(ROWS) % 7 == 0
    labels = np.ma.masked_array(GROUP, np.arange(ROWS) > 10)
    z = mc.Categorical("z", [0.5, 0.5], value=labels, observed=True)
    beta = mc.Normal("beta", 0.0, 0.1, size=(2, 3))
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.sum(DESIGN * b[z], axis=1))
    y = mc.Normal("y", mean, 1.0, value=np.ma.masked_array(DATA, missing), observed=True)
    sampler = sampled([y], seed=305, iterations=2000)
    steps = runs.steps_of(sampler)
    assert type(steps["beta"]).__name__ == "CoefficientGibbs" and type(steps["z"]).__name__ == "LabelGibbs"
    assert sum(c.rows for c in steps["beta"].group.children) == (~missing).sum()
    assert np.abs(chains_of(sampler, "beta").mean((0, 1)) - TRUTH).max() < 1.0


def test_labels_of_counts_and_of_yes_or_no():
    """A link above the linear predictor leaves the labels to the pass."""
    for number, law in enumerate((mc.Poisson, mc.Bernoulli)):
        z = mc.Categorical(f"z{number}", [0.5, 0.5], size=ROWS)
        beta = mc.Normal(f"beta{number}", 0.0, 1.0, size=(2, 3))
        link = np.exp if law is mc.Poisson else lambda x: 1.0 / (1.0 + np.exp(-x))
        mean = mc.Lambda(f"mean{number}", lambda b=beta, z=z, link=link: link(np.sum(DESIGN * b[z], axis=1)))
        sampler = mc.MCMC([law(f"y{number}", mean, value=GROUP, observed=True)])
        assert runs.steps_of(sampler)[f"z{number}"].name == "label update"


# -------------------------------------------------------------------- the kernel and its twin


def coefficient_step(sampler):
    return next(s for s in sampler.step_methods if isinstance(s, CoefficientGibbs))


def assert_as_twin(step, chain, sampler):
    expected = twin(step, chain, sampler)
    for label_pass in sampler.assembled.label_passes:
        label_pass.bound(chain).collect()
    (call,) = step.bind(chain)
    assert run(call.kernel, address_of(call.words), address_of(call.reals), chain.stream) == 0
    drawn = np.concatenate([np.ravel(chain.get(n)) for n in step.group.nodes])
    np.testing.assert_allclose(drawn, expected, rtol=1e-9)


def twin(step, chain, sampler):
    """Precision, linear part and draw in plain NumPy, with the chain's own normals, block by block."""
    group = step.group
    values = {n: chain.get(n) for n in sampler.model.stochastics}
    precision = np.zeros((group.size, group.size))
    first = np.zeros(group.size)
    for leaf, start in group.starts.items():
        own = sampler.assembled.recording.own_factor(leaf.extra).parameters
        here = slice(start, start + leaf.size)
        scale, centre = (np.broadcast_to(evaluate(own[p], values), leaf.shape).ravel() for p in ("precision", "mean"))
        precision[here, here], first[here] = np.diag(scale), scale * centre
    for child in group.children:
        design = np.zeros((child.rows, group.size))
        for t in child.terms:
            index = np.broadcast_to(evaluate(t.index, values), (child.rows,)).astype(int)
            np.add.at(design, (np.arange(child.rows), index), evaluate(t.slope, values))
        weight, rest = (np.broadcast_to(evaluate(x, values), (child.rows,)) for x in (child.weight, child.rest))
        precision += (design * weight[:, None]).T @ design
        first += design.T @ rest
    factor = np.linalg.cholesky(precision)
    generator = np.random.Generator(np.random.SFC64(1))
    generator.bit_generator.state = chain.rng.bit_generator.state
    normals = np.empty(group.size)
    normals[np.argsort(group.order)] = generator.standard_normal(group.size)
    return np.linalg.solve(factor.T, np.linalg.solve(factor, first) + normals)


def test_the_kernel_against_its_twin():
    """More rows than a tile, one coefficient twice in a row, and a common one beside those of components."""
    n = 700
    rng = np.random.default_rng(5)
    covariates, first, second = rng.normal(size=(n, 2)), rng.integers(0, 3, n), rng.integers(0, 3, n)
    a, b = mc.Normal("a", 0.5, 0.2, size=(3, 2)), mc.Normal("b", -1.0, 0.1)
    tau, z = mc.Gamma("tau", 2.0, 1.0, size=3), mc.Categorical("z", [0.2, 0.3, 0.5], size=n)

    @mc.deterministic
    def mean(a=a, b=b, z=z):
        return np.sum(covariates * a[z], axis=1) + 0.5 * a[first, 0] - a[second, 0] + b * covariates[:, 0] + 3.0

    sampler = mc.MCMC([mc.Normal("y", mean, tau[z], value=rng.normal(size=n), observed=True)])
    made = sampler.assembled
    step = coefficient_step(sampler)
    assert step.group.sizes.tolist() == [7]
    chain = Chain(made.plan.layout, np.random.SeedSequence(7))
    for node in made.model.stochastics:
        chain.put(node, rng.integers(0, 3, n) if node is z else rng.gamma(2.0, size=node.shape))
    assert_as_twin(step, chain, sampler)


N = 700
WIDE = np.random.default_rng(6).normal(size=(N, 3))
UNIT = np.random.default_rng(7).integers(0, 150, N)
WRONG = np.random.default_rng(8).uniform(0.5, 2.0, N)


def by_label(z, labels, parts):
    """Rows of a regression for each label; `parts` makes more of the mean, and a precision."""
    beta = mc.Normal("beta", 0.0, 0.3, size=(labels, 3))
    mean, precision = parts(z, beta, (WIDE * beta[z]).sum(-1))
    return mc.Normal("y", mean, precision, value=WIDE[:, 0] + WRONG, observed=True)


def plain(z, beta, mean):
    return mean, mc.Gamma("tau", 2.0, 1.0, size=len(beta.value))[z]


def known_weights(z, beta, mean):
    return mean + 3.0 * WIDE[:, 1] + 2.0, plain(z, beta, mean)[1] / WRONG**2


def known_errors(z, beta, mean):
    return mean, 1.0 / (mc.Uniform("sd", 0.5, 9.0, size=len(beta.value))[z] * WRONG) ** 2


def offset_by_label(z, beta, mean):
    shift = mc.Uniform("shift", -1.0, 1.0, size=len(beta.value))
    return mean + shift[z] * WRONG - shift[z], plain(z, beta, mean)[1]


def shared_beside(z, beta, mean):
    """One coefficient twice in a row, and a common one."""
    common = mc.Normal("common", 1.0, 0.5)
    return mean + common * WRONG + beta[z, 0] * WRONG, mc.Gamma("tau", 2.0, 1.0)


def slopes_by_label(z, beta, mean):
    scale = mc.Uniform("scale", 0.5, 2.0, size=len(beta.value))
    own = mc.Normal("own", 0.0, 1.0, size=len(beta.value))
    return mean + own[z] * scale[z] * WRONG, plain(z, beta, mean)[1]


PARTS = [plain, known_weights, known_errors, offset_by_label, shared_beside, slopes_by_label]


@pytest.mark.parametrize("labels", [3, 20])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("parts", PARTS)
def test_sums_that_the_label_update_makes_against_the_twin(parts, several, labels):
    """With masked and scattered sums, one row and several rows in any order for each label."""
    z = mc.Categorical("z", np.full(labels, 1.0 / labels), size=150 if several else N)
    sampler = mc.MCMC([by_label(z[UNIT] if several else z, labels, parts)])
    step, made, rng = coefficient_step(sampler), sampler.assembled, np.random.default_rng(9)
    assert len(step.group.collected) == 1 and not step.children
    assert "sums of 700 rows that the label update makes" in step.cost
    chain = Chain(made.plan.layout, np.random.SeedSequence(9))
    for node in made.model.stochastics:
        chain.put(node, rng.integers(0, labels, node.shape) if node is z else rng.uniform(0.6, 0.9, node.shape))
    assert_as_twin(step, chain, sampler)


def two_label_vectors(z, beta, mean):
    other = mc.Categorical("other", [0.5, 0.5], size=N)
    return mean + mc.Normal("a", 0.0, 1.0, size=2)[other], 1.0


def unknown_weights(z, beta, mean):
    return mean, mc.Gamma("own", 2.0, 2.0, size=N)


def unknown_values(z, beta, mean):
    """A latent value by row stands between (Albert and Chib)."""
    return mean + mc.Normal("latent", 0.0, 1.0, size=N), 1.0


def known_groups(z, beta, mean):
    return mean + mc.Normal("a", 0.0, 1.0, size=5)[UNIT % 5], 1.0


@pytest.mark.parametrize("parts", [two_label_vectors, unknown_weights, unknown_values, known_groups])
def test_rows_that_change_between_the_label_update_and_the_draw_are_read_anew(parts):
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=N)
    sampler = mc.MCMC([by_label(z, 3, parts)])
    step, made, rng = coefficient_step(sampler), sampler.assembled, np.random.default_rng(9)
    assert "beta" in {n.name for n in step.group.nodes}
    assert not step.group.collected and len(step.children) == 1
    chain = Chain(made.plan.layout, np.random.SeedSequence(9))
    for node in made.model.stochastics:
        whole = {"z": 3, "other": 2}.get(node.name)
        chain.put(node, rng.uniform(0.6, 0.9, node.shape) if whole is None else rng.integers(0, whole, node.shape))
    assert_as_twin(step, chain, sampler)


def test_a_known_design_with_one_precision():
    """Cross products are made once; blocks of columns that never meet, one column twice, and two children."""
    hot, tau = np.eye(3)[np.arange(ROWS) % 3] * DESIGN[:, 1:2], mc.Gamma("tau", 2.0, 2.0)
    first, second = mc.Normal("first", 0.5, 0.4, size=3), mc.Normal("second", 0.0, 1.0)
    y = mc.Normal("y", hot @ first + hot[:, 1] * first[1] + 0.5, tau, value=DATA, observed=True)
    x = mc.Normal("x", second * DESIGN[:9, 1] + first[2] * DESIGN[:9, 2], 2.0, value=DATA[:9], observed=True)
    sampler = mc.MCMC([y, x])
    step = coefficient_step(sampler)
    group = step.group
    assert len(group.known) == 2 and sorted(group.sizes.tolist()) == [1, 1, 2]
    made = sampler.assembled
    chain = Chain(made.plan.layout, np.random.SeedSequence(8))
    for node in made.model.stochastics:
        chain.put(node, np.full(node.shape, 1.7))
    assert_as_twin(step, chain, sampler)


@pytest.mark.parametrize("weights", [1.0, WRONG])
def test_known_groups_with_known_weights_have_sums_that_are_made_once(weights):
    """Intercepts by known group beside a slope, one coefficient twice in a row, and an offset by row."""
    group, tau = UNIT % 6, mc.Gamma("tau", 2.0, 2.0)
    a, b = mc.Normal("a", 0.5, 0.4, size=6), mc.Normal("b", 0.0, 1.0)
    mean = a[group] + b * WIDE[:, 0] + 0.5 * a[(UNIT + 1) % 6] - WRONG
    sampler = mc.MCMC([mc.Normal("y", mean, tau / weights, value=WIDE[:, 1] + group, observed=True)])
    step, made = coefficient_step(sampler), sampler.assembled
    assert not step.children and len(step.group.summed) == 1 and step.cost.startswith("sums made once")
    chain = Chain(made.plan.layout, np.random.SeedSequence(8))
    for node in made.model.stochastics:
        chain.put(node, np.full(node.shape, 1.7))
    assert_as_twin(step, chain, sampler)


def test_blocks_are_what_can_meet():
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=ROWS)
    beta = mc.Normal("beta", 0.0, 1.0, size=(3, 3))
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.sum(DESIGN[:, :2] * b[z][:, :2], axis=1))
    model = Model([mc.Normal("y", mean, 1.0, value=DATA, observed=True)])
    group = coefficients_of(beta, structure_of(record(model)))
    assert sorted(group.sizes.tolist()) == [1, 1, 1, 2, 2, 2]


# -------------------------------------------------------------------- what cannot be


def test_a_coefficient_that_does_not_exist():
    beta, k = mc.Normal("beta", 0.0, 1.0, size=3), mc.DiscreteUniform("k", 0, 3, value=1)
    mean = mc.Lambda("mean", lambda b=beta, k=k: b[k] * DESIGN[:, 1] + b[0])
    sampler = mc.MCMC([mc.Normal("y", mean, 1.0, value=DATA, observed=True)])
    assert type(runs.steps_of(sampler)["beta"]).__name__ == "CoefficientGibbs"
    with pytest.raises(mc.McmixError, match="beta: a look-up went out of range|k: a look-up went out of range"):
        sampler.sample(500, 0, seed=307, progress_bar=False)


def test_a_design_with_another_number_of_rows():
    z, beta = mc.Categorical("z", [0.5, 0.5], size=ROWS), mc.Normal("beta", 0.0, 1.0, size=(2, 3))
    with pytest.raises(mc.ModelError, match=r"line: .*\(39,3\) \(40,3\).*z has shape \(40,\).*needs a row for each"):
        mc.Normal("y", mc.Lambda("line", lambda b=beta, z=z: np.sum(DESIGN[1:] * b[z], axis=1)), 1.0, value=DATA)
    with pytest.raises(mc.ModelError, match="y: value has shape"):
        mc.Normal("y", DESIGN[1:] @ mc.Normal("b", 0.0, 1.0, size=3), 1.0, value=DATA, observed=True)


def test_a_column_of_text():
    words = DESIGN.astype(str)
    z, beta = mc.Categorical("z", [0.5, 0.5], size=ROWS), mc.Normal("beta", 0.0, 1.0, size=(2, 3))
    with pytest.raises(mc.ModelError, match="line: .*expected numbers, got text"):
        mc.Normal("y", mc.Lambda("line", lambda b=beta, z=z: np.sum(words * b[z], axis=1)), 1.0, value=DATA)
    with pytest.raises(mc.ModelError, match="line: factor 0 of x: expected an array of numbers.*text"):
        mc.LinearCombination("line", [words], [mc.Normal("b", 0.0, 1.0, size=3)])


def flat(design, labelled=False):
    shape = (2, design.shape[1]) if labelled else (design.shape[1],)
    beta = pymc.Uninformative("beta", value=np.zeros(shape))
    z = mc.Categorical("z", [0.5, 0.5], size=ROWS) if labelled else np.zeros(ROWS, int)
    mean = mc.Lambda("mean", lambda b=beta, z=z: np.sum(design * (b[z] if labelled else b), axis=1))
    return mc.MCMC([mc.Normal("y", mean, 2.0, value=DATA, observed=True), beta])


def test_a_flat_prior_is_least_squares():
    sampler = flat(DESIGN)
    sampler.sample(6000, 10, chains=4, seed=306, progress_bar=False)
    assert_mean(chains_of(sampler, "beta"), np.linalg.lstsq(DESIGN, DATA, rcond=None)[0], "beta")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (2.0 * DESIGN[:, 1] - DESIGN[:, 2], r"beta\[3\] .*collinear with that of beta\[1\] and beta\[2\]"),
        (np.full(ROWS, 5.0), r"beta\[3\] .*collinear with that of beta\[0\]"),
        (np.zeros(ROWS), r"beta\[3\] .*is nought"),
    ],
)
def test_columns_that_no_row_tells_apart_under_a_flat_prior(column, said):
    design = np.column_stack([DESIGN, column])
    with pytest.raises(mc.ModelError, match="beta: its prior is flat.*" + said):
        print(flat(design).explain())
    with pytest.raises(mc.ModelError, match="beta: its prior is flat"):
        print(flat(design, labelled=True).explain())
    proper = mc.Normal("proper", 0.0, 1.0, size=4)
    print(mc.MCMC([mc.Normal("y", design @ proper, 1.0, value=DATA, observed=True)]).explain())


def test_more_coefficients_than_rows_under_a_flat_prior():
    beta = pymc.Uninformative("beta", value=np.zeros(5))
    with pytest.raises(mc.ModelError, match="beta: its prior is flat.*proper prior"):
        mc.MCMC(
            [mc.Normal("y", RNG.normal(size=(3, 5)) @ beta, 1.0, value=[0.1, 0.2, 0.4], observed=True), beta]
        ).explain()


def test_rows_that_look_up_two_labels_of_one_vector_have_both_coefficients():
    """A row's own label and its neighbour's may differ: the coefficients of both meet, and are drawn together."""
    mu = mc.Normal("mu", 0.0, 0.5, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=25)
    both = mc.Lambda("both", lambda mu=mu, z=z: mu[z] + 0.5 * mu[np.concatenate([z[:1], z[:-1]])])
    y = mc.Normal("y", both, 1.0, value=np.zeros(25), observed=True)
    (step,) = [s for s in mc.MCMC([y]).step_methods if s.variables[0] is mu]
    assert "1 exact draws of up to 2" in step.cost
    result = joint_test(mc.Model([y]), replications=60, false_alarm=1e-6, seed=62)
    assert result.passed, result


def test_rows_that_look_up_their_own_label_alone_keep_blocks_by_label():
    mu = mc.Normal("mu", 0.0, 0.5, size=(3, 2))
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0, 1.0]), size=30)
    x = np.column_stack([np.ones(30), np.linspace(-1.0, 1.0, 30)])
    y = mc.Normal("y", np.sum(x * mu[z], axis=1), 1.0, value=np.zeros(30), observed=True)
    (step,) = [s for s in mc.MCMC([y]).step_methods if s.variables[0] is mu]
    assert "3 exact draws of up to 2" in step.cost
