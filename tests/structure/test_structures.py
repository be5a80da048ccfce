"""Each structure that is recognised, against enumeration; and what cannot be recorded, against the same."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import assert_below, assert_law, assert_mean, assert_shares, chains_of, normalised

X = np.array([-0.6, 0.3, 0.9, 1.6, 2.1, 2.4, 0.4, 3.0])
COUNTS = np.array([0, 3, 1, 4, 5, 2, 6, 2])
CUTS = np.array([-1.0, 0.5, 1.5, 3.0, 4.0])
RATE_CUTS = np.array([0.3, 1.0, 2.0, 4.0, 8.0])
SHARE_CUTS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
FLAT = ref.dirichlet_label_prior([1.0, 1.0])


sampled = runs.sampler(iterations=21_000, burn=1000)


def name_of_step(sampler, name):
    return runs.step_of(sampler, name).name


def names_of_steps(sampler, *names):
    return {name_of_step(sampler, name) for name in names}


def labels(n, k=2, name="z"):
    return mc.Categorical(name, mc.Dirichlet(f"weights of {name}", [1.0] * k), size=n)


def assert_memberships(sampler, exact, name="z"):
    """Exact memberships (N, K), and how often neighbouring units share a label."""
    drawn = chains_of(sampler, name)
    assert_shares(
        drawn[..., None] == np.arange(exact.memberships.shape[1]), exact.memberships, f"memberships of {name}"
    )
    together = (exact.labels[:, 1:] == exact.labels[:, :-1]).astype(float)
    assert_shares(drawn[..., 1:] == drawn[..., :-1], exact.average(together), f"neighbours in {name}")


def assert_table(sampler, name, exact, cuts=CUTS, expectation="below"):
    assert_below(chains_of(sampler, name), cuts, exact.expected(expectation), name)


def two_normal_means(x=X, **keywords):
    return ref.normal_mean(x, 1.0, 0.2, keywords.get("precision", 1.5), CUTS)


# -------------------------------------------------------------------- tables by label


def test_a_function_of_a_table_by_label():
    """The mean is an affine function of the table, looked up after and before it is computed."""
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)

    @mc.deterministic
    def mean(z=z, mu=mu):
        doubled = 2.0 * mu
        return (doubled[z] - mu[z]) + 0.0

    sampler = sampled([mc.Normal("y", mean, 1.5, value=X[:6], observed=True)], seed=201)
    exact = ref.enumerated([two_normal_means(X[:6])] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "mu") == "conjugate Gibbs"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)


def test_a_row_of_a_matrix_by_label():
    """Column 1 of a (K, 2) table is looked up; column 0 is the same for all rows."""
    z, table = labels(5), mc.Normal("table", 1.0, 0.2, size=(2, 2))

    @mc.deterministic
    def mean(z=z, table=table):
        return table[z, 1]

    sampler = sampled([mc.Normal("y", mean, 1.5, value=X[:5], observed=True)], seed=202)
    exact = ref.enumerated([two_normal_means(X[:5])] * 2, 5, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)
    draws = chains_of(sampler, "table")
    assert_below(draws[..., 1], CUTS, exact.expected("below"), "column 1")
    for k in range(2):
        assert_law(draws[..., k, 0], stats.norm(1.0, 0.2**-0.5), f"table[{k}, 0]")


def test_labels_chosen_by_where():
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)

    @mc.deterministic
    def mean(z=z, mu=mu):
        return np.where(z == 0, mu[0], mu[1])

    sampler = sampled([mc.Normal("y", mean, 1.5, value=X[:6], observed=True)], seed=203)
    exact = ref.enumerated([two_normal_means(X[:6])] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)


def test_a_constant_table_by_label():
    z = labels(6, 3)
    table = np.array([0.0, 2.0, 4.0])
    sampler = sampled([mc.Normal("y", mc.Index("mean", table, z), 1.5, value=X[:6], observed=True)], seed=204)
    inside = ref.subsets(6)
    components = [ref.Component(inside @ stats.norm.logpdf(X[:6], m, 1.5**-0.5), {}) for m in table]
    exact = ref.enumerated(components, 6, ref.dirichlet_label_prior([1.0] * 3))
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)


# -------------------------------------------------------------------- parameters that also vary by row


def noisy_component(x, errors, grid):
    """Means and scales with known errors by row: the mean integrated out, the scale on a grid of its uniform prior."""
    variance = grid[:, None] ** 2 + errors**2
    inside = ref.subsets(len(x))
    per_scale = [ref.normal_mean(x, 1.0, 0.2, 1 / v, CUTS) for v in variance]
    logs = np.stack([c.log_evidence for c in per_scale], 1)
    mass = normalised(logs, 1)
    below = np.einsum("sg,gsc->sc", mass, np.stack([c.expected["below"] for c in per_scale]))
    assert inside.shape[0] == logs.shape[0]
    scale_below = np.stack([(mass * (grid < c)).sum(1) for c in CUTS], -1)
    return ref.Component(ref.logsumexp(logs, 1), {"below": below, "scale below": scale_below})


def test_known_measurement_errors():
    x, errors = X[:6], np.array([0.1, 0.5, 1.0, 0.2, 2.0, 0.7])
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)
    sd = mc.Uniform("sd", 0, 5, size=2)

    @mc.deterministic
    def precision(z=z, sd=sd):
        return 1 / (sd[z] ** 2 + errors**2)

    sampler = sampled([mc.Normal("y", mu[z], precision, value=x, observed=True)], seed=211, iterations=41000)
    exact = ref.enumerated([noisy_component(x, errors, 5 * ref.midpoints(500))] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "mu") == "conjugate Gibbs"
    assert name_of_step(sampler, "sd") == "slice"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    assert_table(sampler, "sd", exact, expectation="scale below")


def test_exposures_keep_conjugacy():
    x, exposure = COUNTS[:6], np.array([0.5, 1.0, 2.0, 1.5, 0.2, 3.0])
    z, rate = labels(6), mc.Gamma("rate", 2.0, 0.5, size=2)
    sampler = sampled([mc.Poisson("y", rate[z] * exposure, value=x, observed=True)], seed=212)
    exact = ref.enumerated([ref.poisson_rate(x, 2.0, 0.5, RATE_CUTS, exposure)] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "rate") == "conjugate Gibbs"
    assert_memberships(sampler, exact)
    assert_table(sampler, "rate", exact, RATE_CUTS)


def regression_designs(vectors, covariate):
    """Intercepts and slopes of two lines: design (V, N, 4)."""
    hot = vectors[:, :, None] == np.arange(2)
    return np.concatenate([hot, hot * covariate[:, None]], -1).astype(float)


def test_a_mixture_of_regressions():
    x, covariate = X[:6], np.array([-1.0, 0.5, 0.0, 1.0, 2.0, 1.5])
    z = labels(6)
    intercept, slope = mc.Normal("intercept", 0.0, 0.3, size=2), mc.Normal("slope", 1.0, 0.5, size=2)
    sampler = sampled(
        [mc.Normal("y", intercept[z] + slope[z] * covariate, 1.5, value=x, observed=True)], seed=213, iterations=41000
    )
    vectors = ref.label_vectors(6, 2)
    found = ref.linear_normal(regression_designs(vectors, covariate), x, [0, 0, 1, 1], [0.3, 0.3, 0.5, 0.5], 1.5)
    mass = normalised(found["log_evidence"] + FLAT(vectors))
    assert name_of_step(sampler, "z") == "label update"
    assert names_of_steps(sampler, "intercept", "slope") == {"conjugate Gibbs", "drawn along"}
    assert_shares(chains_of(sampler, "z") == 0, mass @ (vectors == 0), "labels")
    assert_linear(sampler, mass, found, {"intercept": [0, 1], "slope": [2, 3]})


def assert_linear(sampler, mass, found, places):
    """Coefficients that are mixtures of normals over label vectors."""
    for name, positions in places.items():
        draws = chains_of(sampler, name).reshape(4, -1, len(positions))
        for i, j in enumerate(positions):
            below = mass @ stats.norm.cdf(CUTS, found["mean"][:, [j]], found["sd"][:, [j]])
            assert_below(draws[..., i], CUTS, below, f"{name}[{i}]")


# -------------------------------------------------------------------- several rows per label


@pytest.mark.parametrize(
    "group",
    [[0, 0, 1, 2, 2, 2, 3, 3], [2, 0, 1, 3, 0, 2, 2, 1], [3, 0, 0, 1, 3, 1, 1, 0]],
    ids=["sorted", "unsorted", "a unit without rows"],
)
def test_several_rows_per_label(group):
    group = np.array(group)
    z, mu = labels(4), mc.Normal("mu", 1.0, 0.2, size=2)
    sampler = sampled([mc.Normal("y", mu[z[group]], 1.5, value=X, observed=True)], seed=221)
    exact = ref.enumerated([ref.units_of_rows(two_normal_means(), group, 4)] * 2, 4, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "mu") == "conjugate Gibbs"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)


@pytest.mark.parametrize("group", [[0, 0, 1, 2, 2, 2], [2, 0, 1, 0, 2, 1]], ids=["sorted", "unsorted"])
def test_several_rows_per_label_with_errors_by_row(group):
    group, x, errors = np.array(group), X[:6], np.array([0.1, 0.5, 1.0, 0.2, 2.0, 0.7])
    z, mu, sd = labels(3), mc.Normal("mu", 1.0, 0.2, size=2), mc.Uniform("sd", 0, 5, size=2)

    @mc.deterministic
    def precision(z=z, sd=sd):
        return 1 / (sd[z[group]] ** 2 + errors**2)

    sampler = sampled([mc.Normal("y", mu[z[group]], precision, value=x, observed=True)], seed=222, iterations=41000)
    component = ref.units_of_rows(noisy_component(x, errors, 5 * ref.midpoints(500)), group, 3)
    exact = ref.enumerated([component] * 2, 3, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    assert_table(sampler, "sd", exact, expectation="scale below")


def test_looked_up_by_unit_first():
    """mu[z] is made per unit, and the rows look that up."""
    group = np.array([2, 0, 1, 3, 0, 2, 2, 1])
    z, mu = labels(4), mc.Normal("mu", 1.0, 0.2, size=2)
    unit_mean = mc.Lambda("unit_mean", lambda z=z, mu=mu: mu[z])
    sampler = sampled([mc.Normal("y", unit_mean[group], 1.5, value=X, observed=True)], seed=223)
    exact = ref.enumerated([ref.units_of_rows(two_normal_means(), group, 4)] * 2, 4, FLAT)
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    assert name_of_step(sampler, "z") == "label update"


# -------------------------------------------------------------------- two data nodes, two label vectors


def test_two_data_nodes_on_one_label_vector():
    x, counts = X[:6], COUNTS[:6]
    z, mu, rate = labels(6), mc.Normal("mu", 1.0, 0.2, size=2), mc.Gamma("rate", 2.0, 0.5, size=2)
    first = mc.Normal("first", mu[z], 1.5, value=x, observed=True)
    second = mc.Poisson("second", rate[z], value=counts, observed=True)
    sampler = sampled([first, second], seed=231)
    component = ref.both(two_normal_means(x), ref.poisson_rate(counts, 2.0, 0.5, RATE_CUTS))
    exact = ref.enumerated([component] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "mu") == name_of_step(sampler, "rate") == "conjugate Gibbs"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact, CUTS, "below 1")
    assert_table(sampler, "rate", exact, RATE_CUTS, "below 2")


def test_data_nodes_of_different_grain_on_one_label_vector():
    """One normal row and two counts per unit."""
    x, counts, group = X[:4], COUNTS, np.array([0, 1, 2, 3, 3, 2, 1, 0])
    z, mu, rate = labels(4), mc.Normal("mu", 1.0, 0.2, size=2), mc.Gamma("rate", 2.0, 0.5, size=2)
    first = mc.Normal("first", mu[z], 1.5, value=x, observed=True)
    second = mc.Poisson("second", rate[z[group]], value=counts, observed=True)
    sampler = sampled([first, second], seed=232)
    by_unit = ref.units_of_rows(ref.poisson_rate(counts, 2.0, 0.5, RATE_CUTS), group, 4)
    exact = ref.enumerated([ref.both(two_normal_means(x), by_unit)] * 2, 4, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact, CUTS, "below 1")
    assert_table(sampler, "rate", exact, RATE_CUTS, "below 2")


def test_one_table_for_two_data_sets():
    """Two label vectors of different lengths look up the same means."""
    first, second = labels(3, name="z1"), labels(4, name="z2")
    mu = mc.Normal("mu", 1.0, 0.2, size=2)
    nodes = [
        mc.Normal("y1", mu[first], 1.5, value=X[:3], observed=True),
        mc.Normal("y2", mu[second], 1.5, value=X[3:7], observed=True),
    ]
    sampler = sampled(nodes, seed=233)
    exact = ref.enumerated([two_normal_means(X[:7])] * 2, 7, lambda v: FLAT(v[:, :3]) + FLAT(v[:, 3:]))
    together = np.concatenate([chains_of(sampler, "z1"), chains_of(sampler, "z2")], -1)
    assert_shares(together == 0, exact.memberships[:, 0], "labels")
    assert_shares(
        together[..., 1:] == together[..., :-1],
        exact.average(exact.labels[:, 1:] == exact.labels[:, :-1]),
        "neighbours",
    )
    assert_table(sampler, "mu", exact)


def pairs_of_vectors(n, k1, k2):
    first, second = ref.label_vectors(n, k1), ref.label_vectors(n, k2)
    i, j = np.divmod(np.arange(len(first) * len(second)), len(second))
    return first[i], second[j]


def test_two_label_vectors_that_add_up():
    x = X[:4]
    first, second = labels(4, name="z1"), labels(4, name="z2")
    mu, nu = mc.Normal("mu", [0.0, 2.0], 0.5, size=2), mc.Normal("nu", [0.0, 1.0], 1.0, size=2)
    sampler = sampled([mc.Normal("y", mu[first] + nu[second], 1.5, value=x, observed=True)], seed=234, iterations=41000)
    v1, v2 = pairs_of_vectors(4, 2, 2)
    design = np.concatenate([v1[:, :, None] == np.arange(2), v2[:, :, None] == np.arange(2)], -1).astype(float)
    found = ref.linear_normal(design, x, [0, 2, 0, 1], [0.5, 0.5, 1, 1], 1.5)
    mass = normalised(found["log_evidence"] + FLAT(v1) + FLAT(v2))
    assert name_of_step(sampler, "z1") == name_of_step(sampler, "z2") == "label update"
    assert_shares(chains_of(sampler, "z1") == 0, mass @ (v1 == 0), "z1")
    assert_shares(chains_of(sampler, "z2") == 0, mass @ (v2 == 0), "z2")
    assert_shares(chains_of(sampler, "z1") == chains_of(sampler, "z2"), mass @ (v1 == v2), "both")
    assert_linear(sampler, mass, found, {"mu": [0, 1], "nu": [2, 3]})


def test_a_table_by_two_label_vectors():
    x = X[:4]
    first, second = labels(4, name="z1"), labels(4, 3, name="z2")
    table = mc.Normal("table", np.arange(6.0).reshape(2, 3) / 2, 0.5, size=(2, 3))

    @mc.deterministic
    def mean(first=first, second=second, table=table):
        return table[first, second]

    sampler = sampled([mc.Normal("y", mean, 1.5, value=x, observed=True)], seed=235)
    v1, v2 = pairs_of_vectors(4, 2, 3)
    design = ((3 * v1 + v2)[:, :, None] == np.arange(6)).astype(float)
    found = ref.linear_normal(design, x, np.arange(6) / 2, 0.5, 1.5)
    mass = normalised(found["log_evidence"] + FLAT(v1) + ref.dirichlet_label_prior([1.0] * 3)(v2))
    assert name_of_step(sampler, "z1") == name_of_step(sampler, "z2") == "label update"
    assert name_of_step(sampler, "table") == "conjugate Gibbs"
    assert_shares(chains_of(sampler, "z1") == 0, mass @ (v1 == 0), "z1")
    assert_shares(
        chains_of(sampler, "z2")[..., None] == np.arange(3),
        np.einsum("v,vnk->nk", mass, v2[:, :, None] == np.arange(3)),
        "z2",
    )
    assert_linear(sampler, mass, found, {"table": list(range(6))})


@pytest.mark.parametrize("crossed", [False, True], ids=["the same units", "crossed units"])
def test_two_label_vectors_with_several_rows_per_unit(crossed):
    """Rows belong to a customer and to a product, each with a label of its own."""
    x = X[:6]
    customer = np.array([0, 1, 2, 0, 1, 2])
    product = np.array([0, 0, 1, 2, 1, 2]) if crossed else customer
    first, second = labels(3, name="z1"), labels(3, name="z2")
    mu, nu = mc.Normal("mu", [0.0, 2.0], 0.5, size=2), mc.Normal("nu", [0.0, 1.0], 1.0, size=2)
    y = mc.Normal("y", mu[first[customer]] + nu[second[product]], 1.5, value=x, observed=True)
    sampler = sampled([y], seed=238, iterations=41000)
    v1, v2 = pairs_of_vectors(3, 2, 2)
    one, two = v1[:, customer, None] == np.arange(2), v2[:, product, None] == np.arange(2)
    found = ref.linear_normal(np.concatenate([one, two], -1).astype(float), x, [0, 2, 0, 1], [0.5, 0.5, 1, 1], 1.5)
    mass = normalised(found["log_evidence"] + FLAT(v1) + FLAT(v2))
    assert_shares(chains_of(sampler, "z1") == 0, mass @ (v1 == 0), "z1")
    assert_shares(chains_of(sampler, "z2") == 0, mass @ (v2 == 0), "z2")
    assert_linear(sampler, mass, found, {"mu": [0, 1], "nu": [2, 3]})


def test_mean_by_one_label_vector_and_precision_by_another():
    x, precisions = X[:4], np.array([0.3, 4.0])
    first, second = labels(4, name="z1"), labels(4, name="z2")
    mu = mc.Normal("mu", [0.0, 2.0], 0.5, size=2)
    tau_i = mc.Index("tau_i", precisions, second)
    sampler = sampled([mc.Normal("y", mu[first], tau_i, value=x, observed=True)], seed=236)
    v1, v2 = pairs_of_vectors(4, 2, 2)
    design = (v1[:, :, None] == np.arange(2)).astype(float)
    parts = [ref.linear_normal(design[[i]], x, [0, 2], 0.5, precisions[v2[i]]) for i in range(len(v1))]
    found = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    mass = normalised(found["log_evidence"] + FLAT(v1) + FLAT(v2))
    assert_shares(chains_of(sampler, "z1") == 0, mass @ (v1 == 0), "z1")
    assert_shares(chains_of(sampler, "z2") == 0, mass @ (v2 == 0), "z2")
    assert_linear(sampler, mass, found, {"mu": [0, 1]})


def test_labels_that_choose_the_weights_of_labels():
    """The second vector's weights are a table looked up by the first."""
    x, table = X[:4], np.array([[0.8, 0.2], [0.3, 0.7]])
    first = labels(4, name="z1")
    weights = mc.Index("row_weights", table, first)
    second = mc.Categorical("z2", weights, size=4)
    mu = mc.Normal("mu", [0.0, 2.0], 0.5, size=2)
    marks = mc.Normal("marks", 1.0 * first, 1.0, value=[0.2, 0.9, 0.4, 1.5], observed=True)
    sampler = sampled([marks, mc.Normal("y", mu[second], 1.5, value=x, observed=True)], seed=237)
    v1, v2 = pairs_of_vectors(4, 2, 2)
    found = ref.linear_normal((v2[:, :, None] == np.arange(2)).astype(float), x, [0, 2], 0.5, 1.5)
    prior = FLAT(v1) + np.log(table[v1, v2]).sum(1) + stats.norm.logpdf([0.2, 0.9, 0.4, 1.5], v1).sum(1)
    mass = normalised(found["log_evidence"] + prior)
    assert_shares(chains_of(sampler, "z1") == 0, mass @ (v1 == 0), "z1")
    assert_shares(chains_of(sampler, "z2") == 0, mass @ (v2 == 0), "z2")
    assert_linear(sampler, mass, found, {"mu": [0, 1]})


# -------------------------------------------------------------------- known groups, latent rows, weights by group


@pytest.mark.parametrize("school", [[0, 0, 1, 1, 1, 2, 2, 2], [2, 0, 1, 1, 0, 2, 2, 1]], ids=["sorted", "unsorted"])
def test_known_groups(school):
    school = np.array(school)
    top = mc.Normal("top", 0.0, 0.1)
    theta = mc.Normal("theta", top, 0.7, size=3)
    sampler = sampled([mc.Normal("y", theta[school], 1.5, value=X, observed=True)], seed=241)
    assert name_of_step(sampler, "theta") == name_of_step(sampler, "top") == "conjugate Gibbs"
    # theta = top + deviation: coefficients (top, three deviations)
    design = np.column_stack([np.ones(8), school[:, None] == np.arange(3)]).astype(float)[None]
    found = ref.linear_normal(design, X, 0.0, [0.1, 0.7, 0.7, 0.7], 1.5)
    covariance = np.linalg.inv(np.diag([0.1, 0.7, 0.7, 0.7]) + 1.5 * design[0].T @ design[0])
    assert_law(chains_of(sampler, "top"), stats.norm(found["mean"][0, 0], found["sd"][0, 0]), "top")
    for j in range(3):
        pick = np.eye(4)[0] + np.eye(4)[j + 1]
        law = stats.norm(pick @ found["mean"][0], np.sqrt(pick @ covariance @ pick))
        assert_law(chains_of(sampler, "theta")[..., j], law, f"theta[{j}]")


def test_known_groups_with_their_own_precisions():
    school = np.array([2, 0, 1, 1, 0, 2, 2, 1])
    theta, tau = mc.Normal("theta", 1.0, 0.2, size=3), mc.Gamma("tau", 2.0, 1.0, size=3)
    sampler = sampled([mc.Normal("y", theta[school], tau[school], value=X, observed=True)], seed=242)
    for j in range(3):
        exact = ref.normal_mean_and_precision(X[school == j], 1.0, 0.2, 2.0, 1.0, CUTS, RATE_CUTS)
        assert_below(chains_of(sampler, "theta")[..., j], CUTS, exact.expected["below"][-1], f"theta[{j}]")
        assert_below(chains_of(sampler, "tau")[..., j], RATE_CUTS, exact.expected["precision below"][-1], f"tau[{j}]")


def test_labels_crossed_with_known_groups():
    """The mean is looked up by label, shifted by a known group's effect."""
    x, group = X[:5], np.array([0, 1, 1, 0, 1])
    z, mu, shift = labels(5), mc.Normal("mu", [0.0, 2.0], 0.5, size=2), mc.Normal("shift", 0.0, 1.0, size=2)
    sampler = sampled([mc.Normal("y", mu[z] + shift[group], 1.5, value=x, observed=True)], seed=243, iterations=41000)
    vectors = ref.label_vectors(5, 2)
    groups = np.broadcast_to(group[:, None] == np.arange(2), (len(vectors), 5, 2))
    design = np.concatenate([vectors[:, :, None] == np.arange(2), groups], -1).astype(float)
    found = ref.linear_normal(design, x, [0, 2, 0, 0], [0.5, 0.5, 1, 1], 1.5)
    mass = normalised(found["log_evidence"] + FLAT(vectors))
    assert name_of_step(sampler, "z") == "label update"
    assert names_of_steps(sampler, "mu", "shift") == {"conjugate Gibbs", "drawn along"}
    assert_shares(chains_of(sampler, "z") == 0, mass @ (vectors == 0), "z")
    assert_linear(sampler, mass, found, {"mu": [0, 1], "shift": [2, 3]})


def test_latent_rows_between_labels_and_data():
    x = X[:6]
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)
    latent = mc.Normal("latent", mu[z], 2.0, size=6)
    sampler = sampled([mc.Normal("y", latent, 3.0, value=x, observed=True)], seed=244, iterations=41000)
    exact = ref.enumerated([two_normal_means(x, precision=1 / (1 / 2 + 1 / 3))] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert name_of_step(sampler, "latent") == name_of_step(sampler, "mu") == "conjugate Gibbs"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    given = (
        2.0 * np.take_along_axis(chains_of(sampler, "mu"), chains_of(sampler, "z").astype(int), -1) + 3.0 * x
    ) / 5.0
    assert_mean(chains_of(sampler, "latent") - given, 0.0, "latent rows")


def test_weights_by_known_group():
    x, group = X[:6], np.array([0, 1, 1, 0, 1, 0])
    w = mc.Dirichlet("w", [1.0, 2.0], size=2)
    z = mc.Categorical("z", w[group], size=6)
    mu = mc.Normal("mu", [0.0, 3.0], 0.5, size=2)
    sampler = sampled([mc.Normal("y", mu[z], 1.5, value=x, observed=True)], seed=245, iterations=61000)
    prior = ref.dirichlet_label_prior([1.0, 2.0])
    components = [ref.normal_mean(x, m, 0.5, 1.5, CUTS) for m in (0.0, 3.0)]
    exact = ref.enumerated(components, 6, lambda v: prior(v[:, group == 0]) + prior(v[:, group == 1]))
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    for g in range(2):
        of_zero = (exact.labels[:, group == g] == 0).sum(1)
        assert_mean(chains_of(sampler, "w")[..., g, 0], exact.average((1.0 + of_zero) / 6.0), f"w[{g}]")


# -------------------------------------------------------------------- dependence across rows


def test_a_running_sum_is_not_separable_and_still_right():
    x = np.array([0.4, 2.1, 2.4, 4.6, 6.3])
    z, jump = labels(5), mc.Normal("jump", [0.3, 1.5], 4.0, size=2)

    @mc.deterministic
    def level(z=z, jump=jump):
        return np.cumsum(jump[z])

    sampler = sampled([mc.Normal("y", level, 1.5, value=x, observed=True)], seed=251, iterations=41000)
    vectors = ref.label_vectors(5, 2)
    design = np.cumsum(vectors[:, :, None] == np.arange(2), axis=1).astype(float)
    found = ref.linear_normal(design, x, [0.3, 1.5], 4.0, 1.5)
    mass = normalised(found["log_evidence"] + FLAT(vectors))
    assert name_of_step(sampler, "z") == "enumeration"
    assert_shares(chains_of(sampler, "z") == 0, mass @ (vectors == 0), "z")
    assert_linear(sampler, mass, found, {"jump": [0, 1]})


def test_a_preference_for_equal_neighbours():
    """A potential on the labels themselves: neighbours like to be alike."""
    x = X[:6]
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)

    @mc.potential
    def alike(z=z):
        return 0.8 * np.sum(np.where(z[1:] == z[:-1], 1.0, 0.0))

    sampler = sampled([mc.Normal("y", mu[z], 1.5, value=x, observed=True), alike], seed=252)
    exact = ref.enumerated([two_normal_means(x)] * 2, 6, lambda v: FLAT(v) + 0.8 * (v[:, 1:] == v[:, :-1]).sum(1))
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)


def test_rows_of_two_columns():
    """A (N, 2) data matrix with a (K, 2) table of means."""
    x = np.column_stack([X[:5], X[3:8]])
    z, mu = labels(5), mc.Normal("mu", 1.0, 0.2, size=(2, 2))

    @mc.deterministic
    def mean(z=z, mu=mu):
        return mu[z]

    sampler = sampled([mc.Normal("y", mean, 1.5, value=x, observed=True)], seed=253)
    component = ref.both(two_normal_means(x[:, 0]), two_normal_means(x[:, 1]))
    exact = ref.enumerated([component] * 2, 5, FLAT)
    assert_memberships(sampler, exact)
    for j in range(2):
        assert_below(chains_of(sampler, "mu")[..., j], CUTS, exact.expected(f"below {j + 1}"), f"mu[:, {j}]")


# -------------------------------------------------------------------- functions that cannot be recorded


def by_hand(table, z):
    """What tracing cannot follow: the numbers are taken out one by one."""
    return np.array([float(v) for v in table])[np.asarray(z).astype(int)]


def untraceable_model(x, served=True):
    z, mu = labels(len(x)), mc.Normal("mu", 1.0, 0.2, size=2)

    @mc.deterministic
    def opaque_mean(z=z, mu=mu):
        return by_hand(mu, z)

    return z, [mc.Normal("y", opaque_mean, 1.5, value=x, observed=True)]


def test_explain_names_the_function_that_was_not_understood(capsys):
    _, nodes = untraceable_model(X[:6])
    print(mc.MCMC(nodes).explain())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("opaque_mean:")]
    assert len(lines) == 1
    assert "could not be recorded" in lines[0]


CHOSEN_OR_NON_FACTORISING = [
    pytest.param(None, id="chosen", marks=pytest.mark.slow),
    pytest.param(mc.steps.NonFactorisingLabels, id="non-factorising labels"),
]


@pytest.mark.parametrize("served", CHOSEN_OR_NON_FACTORISING)
def test_an_untraceable_look_up_has_the_same_posterior(served):
    z, nodes = untraceable_model(X[:6])
    sampler = sampled(nodes, seed=261, iterations=6000, steps={"z": served})
    exact = ref.enumerated([two_normal_means(X[:6])] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == ("enumeration" if served is None else "non-factorising labels")
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)


def test_an_untraceable_look_up_of_many_rows():
    """Known table and weights: rows are independent, so memberships are known and the joint proposal always fits."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0, 1, 25), rng.normal(2.5, 1, 15)])
    z = mc.Categorical("z", [0.6, 0.4], size=40)

    @mc.deterministic
    def opaque_mean(z=z):
        return by_hand([0.0, 2.5], z)

    sampler = sampled([mc.Normal("y", opaque_mean, 1.0, value=x, observed=True)], seed=262, iterations=4000)
    exact = normalised(np.log([0.6, 0.4]) + stats.norm.logpdf(x[:, None], [0.0, 2.5]), 1)
    assert name_of_step(sampler, "z") == "non-factorising labels"
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), exact, "memberships")
    assert np.mean(sampler.draws().statistics["acceptance z"]) == 1.0


@pytest.mark.slow
def test_traced_and_untraced_agree_on_many_rows():
    """Unknown means and weights, forty rows: the label update against the table of K evaluations."""
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.normal(0, 1, 24), rng.normal(3.0, 1, 16)])

    def model(opaque):
        w = mc.Dirichlet("w", [2.0, 2.0])
        z = mc.Categorical("z", w, size=40)
        mu = mc.Normal("mu", [0.0, 3.0], 4.0, size=2)  # the label-swapped mode has a weight of 1e-12

        @mc.deterministic
        def mean(z=z, mu=mu):
            return by_hand(mu, z) if opaque else mu[z]

        return [mc.Normal("y", mean, 1.0, value=x, observed=True)]

    traced = sampled(model(False), seed=263, iterations=41000)
    untraced = sampled(model(True), seed=263, iterations=9000)
    assert name_of_step(traced, "z") == "label update"
    assert name_of_step(untraced, "z") == "non-factorising labels"
    for name in ("w", "mu"):
        centre, error = ref.mean_and_error(chains_of(traced, name))
        assert_mean(chains_of(untraced, name), centre, name, error)
        squares, square_error = ref.mean_and_error((chains_of(traced, name) - centre) ** 2)
        assert_mean((chains_of(untraced, name) - centre) ** 2, squares, f"variance of {name}", square_error)
    share, share_error = ref.mean_and_error(chains_of(traced, "z"))
    clear = np.abs(share - 0.5) < 0.45
    assert_mean(chains_of(untraced, "z")[..., clear], share[clear], "labels", share_error[clear])


def neighbours_mean(z, table):
    """Row i depends on labels i and i - 1."""
    labels = [int(v) for v in np.asarray(z)]
    return np.array([table[k] + 0.8 * (i > 0 and labels[i - 1] == 1) for i, k in enumerate(labels)])


@pytest.mark.parametrize("served", CHOSEN_OR_NON_FACTORISING)
def test_untraceable_dependence_across_rows(served):
    x, w = X[:6], [0.55, 0.45]
    z, mu = mc.Categorical("z", w, size=6), mc.Normal("mu", [0.0, 2.5], 0.5, size=2)

    @mc.deterministic
    def carried_over(z=z, mu=mu):
        return neighbours_mean(z, [float(v) for v in mu])

    nodes = [mc.Normal("y", carried_over, 1.5, value=x, observed=True)]
    sampler = sampled(nodes, seed=264, iterations=9000, steps={"z": served})
    vectors = ref.label_vectors(6, 2)
    offset = 0.8 * np.pad(vectors[:, :-1] == 1, ((0, 0), (1, 0)))
    design = (vectors[:, :, None] == np.arange(2)).astype(float)
    parts = [ref.linear_normal(design[[i]], x - offset[i], [0.0, 2.5], 0.5, 1.5) for i in range(len(vectors))]
    found = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
    mass = normalised(found["log_evidence"] + ref.fixed_label_prior(w)(vectors))
    assert_shares(chains_of(sampler, "z") == 0, mass @ (vectors == 0), "z")
    together = chains_of(sampler, "z")[..., 1:] == chains_of(sampler, "z")[..., :-1]
    assert_shares(together, mass @ (vectors[:, 1:] == vectors[:, :-1]), "neighbours")
    assert_linear(sampler, mass, found, {"mu": [0, 1]})


@pytest.mark.slow
def test_untraceable_dependence_across_many_rows():
    """Thirty rows with known parameters: a chain of labels, whose memberships the forward-backward sums give."""
    rng = np.random.default_rng(7)
    x, table, w = rng.normal(1.5, 1.5, 30), np.array([0.0, 2.5]), np.array([0.55, 0.45])
    z = mc.Categorical("z", w, size=30)

    @mc.deterministic
    def carried_over(z=z):
        return neighbours_mean(z, table)

    sampler = sampled([mc.Normal("y", carried_over, 1.5, value=x, observed=True)], seed=265, iterations=9000)
    first = np.log(w) + stats.norm.logpdf(x[0], table, 1.5**-0.5)
    mean = table[None, :] + 0.8 * np.array([0.0, 1.0])[:, None]
    pairs = np.log(w)[None, None, :] + stats.norm.logpdf(x[1:, None, None], mean[None], 1.5**-0.5)
    assert name_of_step(sampler, "z") == "non-factorising labels"
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), ref.forward_backward(first, pairs), "memberships")


def test_an_untraceable_scale():
    """A function of the parameters alone that cannot be recorded; labels still go through the pass."""
    x = X[:6]
    z, mu = labels(6), mc.Normal("mu", 1.0, 0.2, size=2)
    tau = mc.Gamma("tau", 2.0, 1.0, size=2)

    @mc.deterministic
    def copied(tau=tau):
        return np.array([float(v) for v in tau])

    sampler = sampled([mc.Normal("y", mu[z], copied[z], value=x, observed=True)], seed=266, iterations=9000)
    component = ref.normal_mean_and_precision(x, 1.0, 0.2, 2.0, 1.0, CUTS, RATE_CUTS)
    exact = ref.enumerated([component] * 2, 6, FLAT)
    assert name_of_step(sampler, "z") == "label update"
    assert_memberships(sampler, exact)
    assert_table(sampler, "mu", exact)
    assert_table(sampler, "tau", exact, RATE_CUTS, "precision below")


def test_an_untraceable_function_with_hidden_choices():
    """A branch on a value is not recorded as the branch that was taken once."""
    v = mc.Normal("v", 0.0, 1.0)

    @mc.deterministic
    def folded(v=v):
        return v if v > 0 else -2.0 * v

    sampler = sampled([mc.Normal("y", folded, 4.0, value=[1.1, 1.3], observed=True)], seed=267, iterations=12000)
    logs = lambda v: -0.5 * v**2 + stats.norm.logpdf([[1.1], [1.3]], np.where(v > 0, v, -2 * v), 0.5).sum(0)  # noqa: E731
    assert_law(chains_of(sampler, "v"), ref.gridded(logs, -4, 4), "v")


# -------------------------------------------------------------------- functions that fail in the middle of a run


class Fragile(RuntimeError):
    """Raised by a user's function."""


@pytest.mark.parametrize("step", [None, mc.steps.Slice, mc.steps.Metropolis, mc.steps.AdaptiveMetropolis])
def test_an_error_in_a_users_function_ends_the_run_at_once(step):
    raised = []

    def fragile(v):
        if float(v) > 2.0:
            raised.append(float(v))
            raise Fragile("not above two")
        return float(v)

    v = mc.Normal("v", 0.0, 0.5, value=0.0)
    mean = mc.Lambda("fragile", lambda v=v: fragile(v))
    made = mc.MCMC([mc.Normal("y", mean, 1.0, value=[1.9, 2.0], observed=True)])
    if step is not None:
        made.use_step_method(step, v)
    with pytest.raises(Fragile, match="not above two"):
        made.sample(2000, 500, chains=2, seed=268, progress_bar=False)
    assert len(raised) <= 2, "a chain went on after the function had failed"


@pytest.mark.parametrize("served", [None, mc.steps.NonFactorisingLabels], ids=["chosen", "non-factorising labels"])
def test_an_error_in_a_users_function_of_labels_ends_the_run_at_once(served):
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=3, value=[0, 0, 0])
    raised = []

    @mc.deterministic
    def mean(z=z):
        if int(np.sum(np.asarray(z))) == 2:
            raised.append(1)
            raise Fragile("two of a kind")
        return np.asarray(z) * 1.0

    made = mc.MCMC([mc.Normal("y", mean, 1.0, value=[0.0, 0.5, 1.0], observed=True)])
    if served is not None:
        made.use_step_method(served, z)
    with pytest.raises(Fragile, match="two of a kind"):
        made.sample(2000, 500, chains=2, seed=269, progress_bar=False)
    assert len(raised) <= 2, "a chain went on after the function had failed"
