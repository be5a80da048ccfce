"""Missing entries of data: drawn from the right conditional, started from the prior, kept apart, beside labels too."""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from tests import references as ref
from tests import runs
from tests.references import assert_law, assert_masses, assert_mean, assert_shares, chains_of

GAPS = np.array([0.3, np.nan, 1.9, 2.2, np.nan, 0.7])


sampled = runs.sampler(iterations=12_000, burn=500)


# -------------------------------------------------------------------- what a node says


@pytest.mark.parametrize("value", [GAPS, np.ma.masked_invalid(GAPS), [0.3, None, 1.9, 2.2, None, 0.7]], ids=repr)
def test_a_node_with_gaps_is_partly_unknown(value):
    y = mc.Normal("y", 0, 1, value=value, observed=True)
    assert not y.observed
    assert y.mask.tolist() == [False, True, False, False, True, False]
    assert np.array_equal(np.asarray(y.value)[~y.mask], GAPS[~y.mask])
    assert "2 missing" in repr(y)
    model = mc.Model([y])
    assert model.stochastics == [y]
    assert model.data_nodes == [y]


def test_setting_a_value_cannot_change_the_data():
    y = mc.Normal("y", 0, 1, value=GAPS, observed=True)
    y.value = np.arange(6.0)
    assert np.asarray(y.value).tolist() == [0.3, 1.0, 1.9, 2.2, 4.0, 0.7]
    y.value = [8.0, 9.0]
    assert np.asarray(y.value).tolist() == [0.3, 8.0, 1.9, 2.2, 9.0, 0.7]
    y.random()
    assert np.array_equal(np.asarray(y.value)[~y.mask], GAPS[~y.mask])


def test_nothing_masked_is_plain_data():
    y = mc.Normal("y", 0, 1, value=np.ma.array([1.0, 2.0], mask=False), observed=True)
    assert y.observed
    assert y.mask is None


def test_draws_are_of_the_missing_entries_alone_and_data_stay_as_they_are():
    data = GAPS.copy()
    y = mc.Normal("y", 0, 1, value=data, observed=True)
    m = sampled([y], 1, 200, 0)
    assert m.trace("y")[:].shape == (800, 2)
    assert np.array_equal(data, GAPS, equal_nan=True)
    full = m.completed("y")
    assert full.shape == (6,)
    assert np.array_equal(full[~y.mask], GAPS[~y.mask])
    exported = m.to_arviz()
    assert exported["posterior"]["y"].shape == (4, 200, 2)
    assert exported["posterior"]["y_missing"].values.tolist() == [1, 4]
    assert np.array_equal(exported["observed_data"]["y"].values, GAPS, equal_nan=True)


# -------------------------------------------------------------------- rows that carry no information


def test_normal_rows_without_a_value_change_nothing_and_are_predicted():
    mu = mc.Normal("mu", 0, 0.25)
    y = mc.Normal("y", mu, 4.0, value=GAPS, observed=True)
    m = sampled([mu, y], 2)
    known = GAPS[~np.isnan(GAPS)]
    total = 0.25 + 4 * len(known)
    mean = 4 * known.sum() / total
    assert_law(chains_of(m, "mu"), stats.norm(mean, total**-0.5))
    for i in range(2):
        assert_law(chains_of(m, "y")[..., i], stats.norm(mean, np.sqrt(0.25 + 1 / total)))
    assert "draw from prior" in runs.step_of(m, "y").name


def test_counts():
    rate = mc.Gamma("rate", 2.0, 0.5)
    y = mc.Poisson("y", rate, value=np.ma.masked_equal([3, 5, -1, 2, -1], -1), observed=True)
    m = sampled([rate, y], 3)
    shape, inverse = 2.0 + 10, 0.5 + 3
    assert_law(chains_of(m, "rate"), stats.gamma(shape, scale=1 / inverse))
    predictive = stats.nbinom(shape, inverse / (1 + inverse)).pmf(np.arange(12))
    for i in range(2):
        assert_masses(chains_of(m, "y")[..., i], predictive)
    assert m.trace("y")[:].dtype.kind == "i"


@pytest.mark.parametrize("fill", [999999, 0, 7])
def test_a_masked_category_starts_from_the_prior_whatever_its_fill_value(fill):
    value = np.ma.array([0, 1, fill, 2, fill], mask=[0, 0, 1, 0, 1])
    p = mc.Dirichlet("p", [1.0, 2.0, 1.0])
    y = mc.Categorical("y", p, value=value, observed=True)
    assert set(np.asarray(y.value)[[2, 4]]) <= {0, 1, 2}
    m = sampled([p, y], 4)
    a = np.array([1.0, 2.0, 1.0]) + 1
    assert_mean(chains_of(m, "p"), a / a.sum())
    for i in range(2):
        assert_masses(chains_of(m, "y")[..., i], a / a.sum())


def test_two_columns_with_gaps():
    value = np.array([[1.0, np.nan], [0.5, 2.0], [np.nan, 2.5], [1.4, 1.7]])
    mu = mc.Normal("mu", 0, 0.1, size=2)
    y = mc.Normal("y", mu, 1.0, value=value, observed=True)
    m = sampled([mu, y], 5)
    for j in range(2):
        known = value[~np.isnan(value[:, j]), j]
        total = 0.1 + len(known)
        assert_law(chains_of(m, "mu")[..., j], stats.norm(known.sum() / total, total**-0.5))
    column, row = value[:, 1][1:], value[[0, 1, 3], 0]
    for i, known in enumerate((column, row)):  # entries in the order of the array: (0, 1), then (2, 0)
        total = 0.1 + len(known)
        assert_law(chains_of(m, "y")[..., i], stats.norm(known.sum() / total, np.sqrt(1 + 1 / total)))


def test_parameters_that_vary_by_row_go_with_their_rows():
    exposure = np.array([1.0, 50.0, 2.0, 0.1])
    rate = mc.Gamma("rate", 3.0, 1.0)
    y = mc.Poisson("y", rate * exposure, value=np.ma.array([2, 0, 3, 0], mask=[0, 1, 0, 1]), observed=True)
    m = sampled([rate, y], 6)
    shape, inverse = 3.0 + 5, 1.0 + 3.0
    assert_law(chains_of(m, "rate"), stats.gamma(shape, scale=1 / inverse))
    assert_mean(chains_of(m, "y"), shape / inverse * exposure[[1, 3]])


def test_an_own_law_without_random_is_sampled_all_the_same():
    mu = mc.Normal("mu", 0, 1)

    data = np.array([0.5, np.nan, 1.5])

    @mc.stochastic(observed=True)
    def y(value=data, mu=mu):
        return -0.5 * np.sum((value - mu) ** 2)

    m = sampled([mu, y], 7, 20000)
    assert_law(chains_of(m, "mu"), stats.norm(2 / 3, 3**-0.5))
    assert_law(chains_of(m, "y")[..., 0], stats.norm(2 / 3, np.sqrt(1 + 1 / 3)))


@pytest.mark.slow
def test_an_opaque_law_gives_the_same():
    def bell(value, mu):
        if mu > 1e9:
            return -np.inf
        return float(-0.5 * np.sum((value - mu) ** 2))

    mu = mc.Normal("mu", 0, 1)
    y = mc.Stochastic(bell, "", "y", {"mu": mu}, value=np.array([0.5, np.nan, 1.5]), observed=True)
    m = sampled([mu, y], 8, 20000)
    assert_law(chains_of(m, "mu"), stats.norm(2 / 3, 3**-0.5))
    assert_law(chains_of(m, "y")[..., 0], stats.norm(2 / 3, np.sqrt(1 + 1 / 3)))


# -------------------------------------------------------------------- entries that other data speak about


def test_a_missing_covariate_learns_from_its_outcome():
    x = mc.Normal("x", 1.0, 4.0, value=[0.0, np.nan, 2.0], observed=True)
    y = mc.Normal("y", 3.0 * x, 1.0, value=[0.1, 6.5, 5.8], observed=True)
    m = sampled([x, y], 9)
    total = 4.0 + 9.0
    assert_law(chains_of(m, "x")[..., 0], stats.norm((4.0 + 3 * 6.5) / total, total**-0.5))


def test_a_missing_count_learns_from_what_is_below_it():
    n = mc.Poisson("n", 4.0, value=np.ma.array([3, 0, 6], mask=[0, 1, 0]), observed=True)
    y = mc.Binomial("y", n, 0.5, value=[1, 3, 4], observed=True)
    m = sampled([n, y], 10, 20000)
    values = np.arange(40)
    masses = stats.poisson(4.0).pmf(values) * stats.binom(values, 0.5).pmf(3)
    assert_masses(chains_of(m, "n")[..., 0], (masses / masses.sum())[:14])


def test_a_missing_value_with_children_and_a_partly_known_label():
    """Everything at once: a missing covariate, a missing outcome, labels known in part; against a grid."""
    z = mc.Categorical("z", [0.3, 0.7], value=np.ma.array([0, 1, 0, 0], mask=[0, 0, 1, 1]), observed=True)
    y = mc.Normal(
        "y", mc.Index("centre", np.array([0.0, 3.0]), z), 1.0, value=[0.2, np.nan, 1.9, np.nan], observed=True
    )
    w = mc.Normal("w", y, 2.0, value=[0.0, 2.0, 2.0, 1.2], observed=True)
    m = sampled([z, y, w], 11, 20000)
    # unit 2: y known; unit 3: y missing, integrated out
    odds = [np.array([0.3, 0.7]) * stats.norm([0.0, 3.0], 1.0).pdf(1.9)]
    odds.append(np.array([0.3, 0.7]) * stats.norm([0.0, 3.0], np.sqrt(1.5)).pdf(1.2))
    for i, o in enumerate(odds):
        assert_masses(chains_of(m, "z")[..., i], o / o.sum())
    assert_law(chains_of(m, "y")[..., 0], stats.norm((3.0 + 2 * 2.0) / 3, 3**-0.5))
    means = (np.array([0.0, 3.0]) + 2 * 1.2) / 3
    assert_mean(chains_of(m, "y")[..., 1], odds[1] @ means / odds[1].sum())


# -------------------------------------------------------------------- mixtures


DATA = np.array([-1.3, 0.2, 0.9, 2.4, 3.1, 4.0, 0.4, 5.2])
CUTS = np.array([-1.0, 0.5, 1.5, 3.0, 4.0])


def known_labels_prior(concentration, known):
    free = ref.dirichlet_label_prior(concentration)

    def log_prior(labels):
        fits = np.all([labels[:, i] == k for i, k in known.items()], axis=0)
        return np.where(fits, free(labels), -np.inf)

    return log_prior


def test_known_labels_of_some_rows():
    known = {0: 0, 5: 1, 7: 1}
    value = np.ma.array(np.zeros(8, int), mask=True)
    for i, k in known.items():
        value[i] = k
    w = mc.Dirichlet("w", [1.0, 2.0])
    z = mc.Categorical("z", w, value=value, observed=True)
    mu = mc.Normal("mu", 1.0, 0.1, size=2)
    y = mc.Normal("y", mu[z], 0.8, value=DATA, observed=True)
    m = sampled([w, z, mu, y], 12, 26000)
    assert runs.step_of(m, "z").name == "label update"
    parts = [ref.normal_mean(DATA, 1.0, 0.1, 0.8, CUTS) for _ in range(2)]
    exact = ref.enumerated(parts, 8, known_labels_prior([1.0, 2.0], known))
    rest = [i for i in range(8) if i not in known]
    assert_shares(chains_of(m, "z")[..., None] == np.arange(2), exact.memberships[rest], "memberships")
    ref.assert_below(chains_of(m, "mu"), CUTS, exact.expected("below"), "mu")
    assert_mean(chains_of(m, "w"), ref.dirichlet_expectations(exact, [1.0, 2.0], CUTS)["mean"], "w")


def test_missing_rows_of_a_mixture():
    data = DATA.copy()
    data[[2, 6]] = np.nan
    kept = [0, 1, 3, 4, 5, 7]
    w = mc.Dirichlet("w", [1.0, 1.5])
    z = mc.Categorical("z", w, size=8)
    mu = mc.Normal("mu", [0.0, 3.0], 0.2, size=2)
    y = mc.Normal("y", mu[z], 0.8, value=data, observed=True)
    m = sampled([w, z, mu, y], 13, 26000)
    parts = [ref.normal_mean(DATA[kept], mean, 0.2, 0.8, CUTS) for mean in (0.0, 3.0)]
    exact = ref.enumerated(parts, 6, ref.dirichlet_label_prior([1.0, 1.5]))
    weights = ref.dirichlet_expectations(exact, [1.0, 1.5], CUTS)["mean"]
    labels = chains_of(m, "z")
    assert_shares(labels[..., kept, None] == np.arange(2), exact.memberships, "memberships")
    assert_shares(labels[..., [2, 6], None] == np.arange(2), weights, "memberships of missing rows")
    ref.assert_below(chains_of(m, "mu"), CUTS, exact.expected("below"), "mu")
    means = exact.expected("mean")
    # weights and means belong together through the labels: average their product over label vectors
    a = np.array([1.0, 1.5]) + exact.counts
    each = np.stack([c.expected["mean"][o] for c, o in zip(exact.components, exact.owned.T, strict=True)], 1)
    assert_mean(chains_of(m, "y"), exact.average((a / a.sum(1, keepdims=True) * each).sum(1)), "predicted rows")
    assert means.shape == (2,)


# -------------------------------------------------------------------- coordinates of vectors


SPREAD = np.array([[2.0, 1.0, 0.5], [1.0, 1.5, 0.2], [0.5, 0.2, 1.0]])
CENTRE = np.array([1.0, -1.0, 0.0])


def with_gaps(seed, n=12, share=0.3):
    rng = np.random.default_rng(seed)
    y = rng.multivariate_normal(CENTRE, SPREAD, n)
    return np.where(rng.random(y.shape) < share, np.nan, y)


@pytest.mark.parametrize(
    ("law", "matrix"),
    [("MvNormal", np.linalg.inv(SPREAD)), ("MvNormalCov", SPREAD), ("MvNormalChol", np.linalg.cholesky(SPREAD))],
)
@pytest.mark.parametrize("by_row", [False, True])
def test_coordinates_follow_their_conditional_normal(law, matrix, by_row):
    y = with_gaps(1)
    means = CENTRE + np.arange(12.0)[:, None] * by_row
    y = y + np.arange(12.0)[:, None] * by_row
    node = getattr(mc, law)("y", means if by_row else CENTRE, matrix, value=y, observed=True)
    m = sampled([node], 14, 8000, 0)
    draws, at = chains_of(m, "y"), 0
    for row, mean in zip(y, np.broadcast_to(means, y.shape), strict=True):
        gap = np.isnan(row)
        slope = SPREAD[np.ix_(gap, ~gap)] @ np.linalg.inv(SPREAD[np.ix_(~gap, ~gap)])
        centre = mean[gap] + slope @ (row[~gap] - mean[~gap])
        cover = SPREAD[np.ix_(gap, gap)] - slope @ SPREAD[np.ix_(~gap, gap)]
        here = draws[..., at : at + gap.sum()]
        assert_mean(here, centre)
        away = here - centre
        assert_mean(away[..., :, None] * away[..., None, :], cover)
        at += gap.sum()
    assert at == np.isnan(y).sum()


def test_missing_entries_in_a_multivariate_normal_with_unknown_mean():
    """The mean has a normal posterior whose precision adds up what each row's known coordinates say."""
    y = with_gaps(2, 30)
    mu = mc.MvNormal("mu", np.zeros(3), 0.5 * np.eye(3))
    node = mc.MvNormal("y", mu, np.linalg.inv(SPREAD), value=y, observed=True)
    m = sampled([mu, node], 15, 30000, 2000)
    precision, linear = 0.5 * np.eye(3), np.zeros(3)
    for row in y:
        known = np.flatnonzero(~np.isnan(row))
        block = np.zeros((3, 3))
        block[np.ix_(known, known)] = np.linalg.inv(SPREAD[np.ix_(known, known)])
        precision += block
        linear += block[:, known] @ row[known]
    draws = chains_of(m, "mu")
    centre, cover = np.linalg.solve(precision, linear), np.linalg.inv(precision)
    for j in range(3):
        assert_law(draws[..., j], stats.norm(centre[j], np.sqrt(cover[j, j])))


# -------------------------------------------------------------------- memory, and what is observed


def test_many_missing_entries_have_running_moments():
    rng = np.random.default_rng(3)
    y = np.where(rng.random(400) < 0.4, np.nan, rng.normal(3, 1, 400))

    def build(budget):
        mu = mc.Normal("mu", 0, 0.01)
        node = mc.Normal("y", mu, 1, value=y, observed=True)
        return sampled([mu, node], 16, 400, 100, label_budget=budget)

    kept, running = build(2**28), build(1000)
    for exact, found in zip(kept.moments("y"), running.moments("y"), strict=True):
        np.testing.assert_allclose(found, exact, rtol=1e-10)
    with pytest.raises(mc.ModelError, match="moments"):
        running.trace("y")
    np.testing.assert_array_equal(kept.trace("mu")[:], running.trace("mu")[:])


def test_observe_and_unobserve():
    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1, size=3)
    assert y.observe([1.0, 2.0, 3.0]) is y
    assert y.observed
    m = sampled([mu, y], 17)
    assert_law(chains_of(m, "mu"), stats.norm(6 / 4, 4**-0.5))
    with pytest.raises(mc.ModelError, match="new MCMC"):
        y.observe([1.0, 2.0, 3.0], mask=[True, False, False])
        m.sample(10)
    m = sampled([mu, y], 18)
    assert_law(chains_of(m, "mu"), stats.norm(5 / 3, 3**-0.5))
    assert m.trace("y")[:].shape[1] == 1
    y.unobserve()
    assert (y.observed, y.mask) == (False, None)
    m = sampled([mu, y], 19)
    assert_law(chains_of(m, "mu"), stats.norm(0, 1))


def test_observe_says_what_is_wrong():
    y = mc.Gamma("y", 1, 1, size=3)
    with pytest.raises(mc.ModelError, match=r"y.*\(3,\).*\(2,\)"):
        y.observe([1.0, 2.0])
    with pytest.raises(mc.SupportError, match="y"):
        y.observe([1.0, -2.0, 1.0])
    assert not y.observed


# -------------------------------------------------------------------- variables that no data depend on


def test_what_no_data_hang_on_is_drawn_from_its_law():
    a = mc.Normal("a", 2.0, 1.0)
    y = mc.Normal("y", a, 1.0, value=3.0, observed=True)
    scale = mc.HalfCauchy("scale", 0, 1)
    b = mc.StudentT("b", a, 4.0, 5.0)
    c = mc.Poisson("c", np.exp(0.1 * a), size=2)
    d = mc.Binomial("d", 5, 0.3)
    m = sampled([a, y, scale, b, c, d], 20)
    assert all("draw from prior" in runs.step_of(m, n).name for n in ("scale", "b", "c", "d"))
    assert_law(chains_of(m, "a"), stats.norm(2.5, np.sqrt(0.5)))
    assert_law(chains_of(m, "scale"), stats.halfcauchy())
    assert_masses(chains_of(m, "d"), stats.binom(5, 0.3).pmf(np.arange(6)))
    assert_mean(chains_of(m, "c"), np.exp(0.25 + 0.0025))
    assert_mean(chains_of(m, "b"), 2.5)
    off = mc.MCMC([a, y, b])
    off.assign_step_methods(draw_from_prior_when_possible=False)
    assert "prior" not in runs.step_of(off, "b").name


# -------------------------------------------------------------------- beside labels that a user's choice of step moves

shortly = runs.sampler(iterations=400, burn=100, chains=2, seed=1, quiet=True)

DRAWN_IN_PYTHON = {
    "von Mises": (lambda a, x: mc.VonMises("y", a, 1.0, value=x, observed=True), [0.1, np.nan, 1.0, -2.0, np.nan]),
    "negative binomial": (
        lambda a, x: mc.NegativeBinomial("y", np.exp(a), 2.0, value=x, observed=True), [1, np.nan, 2, 3, np.nan]),
    "skew normal": (lambda a, x: mc.SkewNormal("y", a, 1.0, 1.0, value=x, observed=True), [1, np.nan, 2, 3, np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("family", DRAWN_IN_PYTHON)
def test_metropolis_on_labels_beside_missing_rows_drawn_in_python(family):
    law, x = DRAWN_IN_PYTHON[family]
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 1, size=2)
    z = mc.Categorical("z", w, size=5)
    m = shortly([law(mu[z], x), w, z, mu], steps={"z": mc.DiscreteMetropolis})
    assert m.trace("z")[:].max() <= 1 and np.isfinite(m.trace("y")[:]).all()
    assert np.isfinite(m.deviance).all()
