"""The distribution of one new row: closed forms, plain computation from the draws, and freedom from the names of
components.
"""

import numpy as np
import pytest
from scipy import integrate, stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.report.prediction.integrals import Stretch, integrated, summed
from mcmix.report.prediction.means import log_mean
from mcmix.report.prediction.quantiles import quantiles
from tests import runs

ROWS = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 40)).ravel()
POSITIVE = np.abs(ROWS)


sampled = runs.sampler(iterations=1000, burn=200, chains=2, seed=1)


def at_draws(m, *names, draws=1000):
    """Kept draws as predictive uses them, one array for each name."""
    kept = m.draws()
    chain, draw = kept.thinned(draws).T
    return [kept.variables[n][chain, draw] for n in names]


@pytest.fixture(scope="module")
def mixture():
    mu, w = mc.Normal("mu", 3, 0.05, size=2), mc.Dirichlet("w", [1, 1])
    tau = mc.Gamma("tau", 2, 2, size=2)
    return sampled([mc.Mixture("y", w, mc.Normal, mu, tau, value=ROWS, observed=True), mu, w])


def by_hand(m, x, law, draws=1000):
    """Weighted sum of a normal mixture's densities or probabilities, shape (draws, points)."""
    w, mu, tau = (a[:, None, :] for a in at_draws(m, "w", "mu", "tau", draws=draws))
    return (w * law(np.asarray(x)[None, :, None], mu, 1 / np.sqrt(tau))).sum(axis=2)


# -------------------------------------------------------------------- closed forms


@pytest.mark.slow
def test_a_normal_mean_with_known_variance_predicts_by_a_normal_law():
    data = np.array([0.3, 1.2, -0.4, 0.9])
    mu = mc.Normal("mu", 1.0, 0.25)
    m = sampled([mc.Normal("y", mu, 1.0, value=data, observed=True)], iterations=1_200, chains=4)
    law = mc.predictive(m, draws=4_000)
    precision = 0.25 + len(data)
    exact = stats.norm((0.25 + data.sum()) / precision, np.sqrt(1 + 1 / precision))
    x = np.linspace(-3, 4, 15)
    # 4000 independent draws; the density varies by less than 0.1 from draw to draw, probabilities by less than 0.2
    assert law.pdf(x) == pytest.approx(exact.pdf(x), abs=5 * 0.1 / np.sqrt(4_000))
    assert law.cdf(x) == pytest.approx(exact.cdf(x), abs=5 * 0.2 / np.sqrt(4_000))
    q = np.array([0.01, 0.3, 0.5, 0.97])
    assert law.quantile(q) == pytest.approx(exact.ppf(q), abs=0.1)  # far out, where probabilities are steep in the mean
    score = law.log_score(x)
    assert (np.abs(score.rows - exact.logpdf(x)) < 5 * score.errors).all()
    assert abs(score.total - exact.logpdf(x).sum()) < 5 * score.error
    assert stats.kstest(law.rvs(4_000, seed=2), exact.cdf).pvalue > 1e-4


def test_counts_with_a_gamma_rate_predict_by_a_negative_binomial():
    data = np.array([3, 0, 5, 2, 2])
    rate = mc.Gamma("rate", 2.0, 1.0)
    m = sampled([mc.Poisson("y", rate, value=data, observed=True)], iterations=1_200, chains=4)
    law = mc.predictive(m, draws=4_000)
    shape, scale = 2.0 + data.sum(), 1 / (1.0 + len(data))
    exact = stats.nbinom(shape, 1 / (1 + scale))
    x = np.arange(12)
    assert law.is_discrete
    assert law.pdf(x) == pytest.approx(exact.pmf(x), abs=0.005)  # a mass varies by less than 0.06 from draw to draw
    assert law.cdf(x) == pytest.approx(exact.cdf(x), abs=0.015)
    assert law.cdf(2.7) == pytest.approx(law.cdf(2.0), abs=1e-12)
    assert law.cdf([-1.0, -np.inf, np.inf]).tolist() == [0.0, 0.0, 1.0]
    assert law.quantile([0.05, 0.5, 0.99]).tolist() == exact.ppf([0.05, 0.5, 0.99]).tolist()
    assert law.pdf(2.5) == 0.0


def test_a_mixture_with_fixed_parameters_is_known_exactly():
    """Only the weights are unknown, and their mean alone enters: p = mean of w[0]."""
    w = mc.Dirichlet("w", [1, 1])
    y = mc.Mixture("y", w, mc.Normal, np.array([0.0, 6.0]), np.array([1.0, 4.0]), value=ROWS, observed=True)
    m = sampled([y, w])
    law, p = mc.predictive(m), at_draws(m, "w")[0].mean(axis=0)
    parts = stats.norm([0.0, 6.0], [1.0, 0.5])
    x = np.array([-2.0, 0.3, 3.0, 5.5, 8.0])
    assert law.pdf(x) == pytest.approx(parts.pdf(x[:, None]) @ p, rel=1e-12)
    assert law.cdf(x) == pytest.approx(parts.cdf(x[:, None]) @ p, rel=1e-12)
    assert law.logpdf(x) == pytest.approx(np.log(law.pdf(x)), rel=1e-12)


# -------------------------------------------------------------------- from the draws, by plain computation


def test_densities_probabilities_and_bands_by_plain_computation(mixture):
    law, x = mc.predictive(mixture), np.linspace(-3, 9, 25)
    for band, each in (
        (law.band(x, 0.8), by_hand(mixture, x, stats.norm.pdf)),
        (law.cdf_band(x, 0.8), by_hand(mixture, x, stats.norm.cdf)),
    ):
        assert band.mean == pytest.approx(each.mean(axis=0), rel=1e-10)
        assert band.low == pytest.approx(np.quantile(each, 0.1, axis=0), rel=1e-9)
        assert band.high == pytest.approx(np.quantile(each, 0.9, axis=0), rel=1e-9)
        share = ((each >= band.low) & (each <= band.high)).mean(axis=0)
        assert share == pytest.approx(0.8, abs=0.005)
    assert law.cdf_band([-np.inf, np.inf]).low.tolist() == [0.0, 1.0]
    few = mc.predictive(mixture, draws=100)
    assert few.pdf(x) == pytest.approx(by_hand(mixture, x, stats.norm.pdf, draws=100).mean(axis=0), rel=1e-10)


def test_the_density_integrates_to_the_probabilities(mixture):
    law = mc.predictive(mixture, draws=50)
    for low, high in ((-4.0, 0.5), (0.5, 6.0)):
        grid = np.linspace(low, high, 4001)
        area = integrate.simpson(law.pdf(grid), x=grid)
        assert law.cdf(high) - law.cdf(low) == pytest.approx(area, abs=1e-9)


def test_quantiles_undo_probabilities(mixture):
    law = mc.predictive(mixture)
    x = np.array([-2.5, 0.1, 3.0, 6.2, 8.8])
    assert law.quantile(law.cdf(x)) == pytest.approx(x, abs=1e-7)
    assert np.ndim(law.quantile(0.5)) == 0
    assert law.quantile([[0.2, 0.4]]).shape == (1, 2)
    assert law.quantile([1e-8]) < -3.0


def test_answers_have_the_shape_of_the_question(mixture):
    law = mc.predictive(mixture, "y")
    assert np.ndim(law.pdf(1.0)) == 0
    assert law.cdf([[0.0, 1.0], [2.0, 3.0]]).shape == (2, 2)
    assert law.band(np.zeros((3, 1))).high.shape == (3, 1)
    assert "y label summed out" in repr(law)


def test_names_of_components_change_nothing(mixture):
    law, x = mc.predictive(mixture), np.linspace(-2, 8, 9)
    before = law.pdf(x), law.cdf(x), law.quantile([0.1, 0.6]), law.log_score(x).error
    draws, rng = mixture.draws().variables, np.random.default_rng(3)
    order = rng.permuted(np.tile([0, 1], (*draws["w"].shape[:2], 1)), axis=-1)
    old = {n: draws[n].copy() for n in ("mu", "w", "tau")}
    try:
        for name, values in old.items():
            draws[name] = np.take_along_axis(values, order, axis=2)
        after = law.pdf(x), law.cdf(x), law.quantile([0.1, 0.6]), law.log_score(x).error
    finally:
        for name, values in old.items():
            draws[name] = values
    for a, b in zip(before, after, strict=True):
        assert a == pytest.approx(b, rel=1e-9)


def test_draws_follow_the_probabilities(mixture):
    law = mc.predictive(mixture)
    rows = law.rvs(1_000, seed=5)
    # 1000 rows, each from another draw of two chains that mix well: independent but for what the chains share
    assert stats.kstest(rows, law.cdf).pvalue > 1e-4
    assert np.array_equal(rows, law.rvs(1_000, seed=5))
    assert law.rvs(1, seed=1).shape == (1,)
    assert len(law.rvs(2_500, seed=1)) == 2_500


def test_scores_of_new_rows(mixture):
    new = np.random.default_rng(7).normal(0.0, 1.0, 30)
    found = mc.predictive(mixture).log_score(new)
    assert found.rows == pytest.approx(mixture.predict_logpdf(new), rel=1e-12)
    assert found.total == pytest.approx(found.rows.sum())
    assert found.standard_error == pytest.approx(np.sqrt(30) * found.rows.std(ddof=1))
    assert "30 rows" in repr(found)


def test_errors_of_log_means_by_repetition():
    """Independent draws: the reported errors against the spread over 400 repetitions, known to 4 percent."""
    rng = np.random.default_rng(8)
    runs = []
    for _ in range(400):
        shared = rng.normal(0.0, 0.5, 200)[:, None]
        runs.append(log_mean(iter(shared * [1.0, -0.5, 0.5]), 200))
    logs = np.array([r.log for r in runs])
    assert np.mean([r.errors for r in runs], axis=0) == pytest.approx(logs.std(axis=0), rel=0.15)
    assert np.mean([r.total_error for r in runs]) == pytest.approx(logs.sum(axis=1).std(), rel=0.15)


# -------------------------------------------------------------------- other distributions


def laws():
    rng = np.random.default_rng(11)
    z = lambda n: mc.Categorical("z", [0.4, 0.6], size=n)  # noqa: E731
    positive, counts, angles = rng.gamma(2.0, 1.0, 30), rng.poisson(3.0, 30), rng.vonmises(0.5, 2.0, 30)
    scale = mc.Gamma("scale", 3.0, 2.0, size=2)
    yield "gamma", mc.Gamma("y", 2.0, scale[z(30)], value=positive, observed=True)
    scale = mc.Gamma("scale", 3.0, 2.0, size=2)
    yield (
        "truncated",
        mc.Truncated("y", mc.Gamma, 2.0, scale[z(30)], lower=0.0, upper=12.0, value=positive, observed=True),
    )
    mean = mc.Normal("mean", 0.0, 1.0)
    yield "truncated normal", mc.TruncatedNormal("y", mean, 1.0, 0.0, np.inf, value=positive, observed=True)
    parts = [mc.Exponential.dist(mc.Gamma("rate", 2.0, 2.0)), mc.Gamma.dist(2.0, mc.Gamma("other", 2.0, 2.0))]
    yield "several distributions", mc.Mixture("y", mc.Dirichlet("w", [1, 1]), parts, value=positive, observed=True)
    skew = mc.Normal("skew", 0.0, 1.0, size=2)
    yield "skew normal", mc.SkewNormal("y", 1.0, 1.0, skew[z(30)], value=positive, observed=True)
    kappa = mc.Gamma("kappa", 2.0, 1.0, size=2)
    yield "von Mises", mc.VonMises("y", 0.5, kappa[z(30)], value=angles, observed=True)
    weibull = mc.from_scipy(stats.weibull_min)
    yield "scipy", weibull("y", mc.Gamma("c", 4.0, 2.0), 0.0, 2.0, value=positive, observed=True)
    rate = mc.Gamma("rate", 3.0, 1.0, size=2)
    yield "poisson", mc.Poisson("y", rate[z(30)], value=counts, observed=True)
    rate = mc.Gamma("rate", 3.0, 1.0, size=2)
    yield "zero-inflated", mc.ZeroInflatedPoisson("y", 0.2, rate[z(30)], value=counts, observed=True)
    rate = mc.Gamma("rate", 3.0, 1.0)
    yield (
        "truncated counts",
        mc.Truncated("y", mc.Poisson, rate, lower=0, upper=9, value=np.minimum(counts, 9), observed=True),
    )
    p = mc.Dirichlet("p", np.ones(4))
    yield "categorical", mc.Categorical("y", p, value=np.minimum(counts, 3), observed=True)


LAWS = dict(laws())


@pytest.mark.parametrize("kind", LAWS)
def test_probabilities_of_other_laws_are_sums_of_their_density(kind):
    """Whichever way the cumulative probability is found, it is the density's own."""
    draws = 20 if kind == "scipy" else 60  # a call of SciPy for each
    law = mc.predictive(sampled([LAWS[kind]], iterations=260), draws=draws)
    points = np.array([0.0, 1.0, 2.0, 3.0]) if law.is_discrete else np.array([0.2, 0.9, 1.7, 2.9])
    if law.is_discrete:
        masses = law.pdf(np.arange(200.0))
        assert masses.sum() == pytest.approx(1.0, abs=1e-9)
        expected = np.cumsum(masses)[points.astype(int)]
    else:
        end = {"von Mises": -np.pi, "skew normal": -12.0}.get(kind, 0.0)
        expected = [integrate.quad(law.pdf, end, x, limit=200, epsabs=1e-9)[0] for x in points]
    assert law.cdf(points) == pytest.approx(expected, abs=1e-7)
    assert law.cdf_band(points).mean == pytest.approx(law.cdf(points), rel=1e-12)
    inner = points[law.cdf(points) < 1.0 - 1e-9]
    assert law.quantile(law.cdf(inner)) == pytest.approx(inner, abs=0.0 if law.is_discrete else 1e-6)
    rows = law.rvs(draws, seed=3)
    assert rows.shape == (draws,)
    levels = law.cdf(rows) - (np.random.default_rng(4).random(draws) * law.pdf(rows) if law.is_discrete else 0.0)
    assert stats.kstest(levels, "uniform").pvalue > 1e-4


def test_a_law_of_the_users_own_is_integrated_and_must_be_normalised():
    def model(factor):
        scale = mc.Gamma("scale", 4.0, 2.0)

        @mc.observed
        def y(value=POSITIVE, s=scale):
            return np.sum(factor + np.log(s) - s * value + np.where(value < 0, -np.inf, 0.0))

        return mc.predictive(sampled([y, scale], iterations=260), draws=40)

    law = model(0.0)
    scales = at_draws_of(law, "scale")
    assert law.pdf([1.0, 2.0]) == pytest.approx((scales * np.exp(np.outer([1.0, 2.0], -scales))).mean(axis=1), rel=1e-9)
    assert law.cdf([1.0, 3.0]) == pytest.approx((1 - np.exp(-np.outer(scales, [1.0, 3.0]))).mean(axis=0), abs=1e-5)
    with pytest.raises(ModelError, match="y: expected a density that integrates to one, got 2"):
        model(np.log(2.0)).cdf(1.0)
    with pytest.raises(ModelError, match="no way to draw|expected a way to draw"):
        law.rvs(3)


def at_draws_of(law, name):
    chain, draw = law._positions.T
    return law._draws.variables[name][chain, draw]


def test_integrals_and_sums_against_known_laws():
    data = stats.norm.rvs(2.0, 0.1, size=50, random_state=np.random.default_rng(5))
    at = np.array([-40.0, 1.9, 2.0, 2.3, 900.0])
    laws = [stats.cauchy(2.0, 0.1), stats.norm(2.0, 0.01), stats.t(3, 1.0, 5.0)]
    stretch = Stretch(-np.inf, 1.5, 2.5, np.inf)
    for law, found in zip(laws, integrated(lambda x: (f.logpdf(x) for f in laws), at, stretch, data, "y"), strict=True):
        assert found == pytest.approx(law.cdf(at), abs=3e-6)
    counts = [stats.poisson(400.0), stats.nbinom(1.0, 0.01)]
    at = np.array([-1.0, 0.0, 250.0, 420.5, 1e5])
    window = Stretch(0.0, 3.0, 9.0, np.inf)
    for law, found in zip(counts, summed(lambda x: (f.logpmf(x) for f in counts), at, window, "y"), strict=True):
        assert found == pytest.approx(law.cdf(np.floor(at)), abs=2e-9)
    with pytest.raises(ModelError, match="masses that sum to one"):
        summed(lambda x: iter([np.full(len(x), -50.0)]), at, window, "y")


def test_quantiles_of_known_laws_from_a_bad_first_guess():
    q = np.array([1e-6, 0.2, 0.5, 0.999])
    assert quantiles(stats.norm(1e4, 1e-3).cdf, q, 0.0, 1.0, False, (-np.inf, np.inf)) == pytest.approx(
        stats.norm(1e4, 1e-3).ppf(q), abs=1e-6
    )
    assert quantiles(stats.expon.cdf, q, 5.0, 6.0, False, (0.0, np.inf)) == pytest.approx(stats.expon.ppf(q), rel=1e-5)
    law = stats.poisson(3e4)
    assert quantiles(law.cdf, q, 0.0, 3.0, True, (0.0, np.inf)).tolist() == law.ppf(q).tolist()


# -------------------------------------------------------------------- rows of vectors, several data nodes


def vectors(kind):
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(0, 1, (40, 2)), rng.normal(5, 1, (40, 2))])
    w = mc.Dirichlet("w", [1, 1])
    if kind == "table":
        mu, z = mc.Normal("mu", 0, 0.01, size=(2, 2)), mc.Categorical("z", w, size=80)
        return sampled([mc.Normal("y", mu[z], 1.0, value=rows, observed=True), w, mu], iterations=400)
    mu, matrix = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=2), mc.Wishart("P", 4, np.eye(2), size=2)
    return sampled([mc.Mixture("y", w, mc.MvNormal, mu, matrix, value=rows, observed=True), mu, w], iterations=400)


@pytest.mark.parametrize("kind", ["table", "matrix"])
def test_rows_of_vectors_and_one_of_their_columns(kind):
    m = vectors(kind)
    law, one = mc.predictive(m, draws=100), mc.predictive(m, column=1, draws=100)
    w, mu = at_draws(m, "w", "mu", draws=100)
    deviation = np.ones((100, 2))
    if kind == "matrix":
        deviation = np.sqrt(np.linalg.inv(at_draws(m, "P", draws=100)[0])[:, :, 1, 1])
    x = np.array([-2.0, 0.5, 2.5, 6.0])
    for found, each in ((one.pdf(x), stats.norm.pdf), (one.cdf(x), stats.norm.cdf)):
        by_draw = (w[:, None] * each(x[:, None], mu[:, None, :, 1], deviation[:, None])).sum(axis=2)
        assert found == pytest.approx(by_draw.mean(axis=0), rel=1e-9)
    assert law.pdf([[np.nan, v] for v in x]) == pytest.approx(one.pdf(x), rel=1e-9)
    assert one.quantile(one.cdf(x)) == pytest.approx(x, abs=1e-6)
    assert law.rvs(5, seed=1).shape == (5, 2)
    assert one.rvs(300, seed=1).shape == (300,)
    assert law.band([[0.0, 0.0]]).low.shape == (1,)
    with pytest.raises(ModelError, match="y has rows of 2 numbers.*column="):
        law.cdf(0.0)
    with pytest.raises(ModelError, match="expected 2 columns"):
        law.pdf([1.0, 2.0, 3.0])
    with pytest.raises(ModelError, match="column of y expected 0 to 1, got 2"):
        mc.predictive(m, column=2)


def test_several_data_nodes_on_the_same_labels():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 60)
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=60)
    mu, rate = mc.Normal("mu", 0, 0.01, size=2), mc.Gamma("rate", 1.0, 0.2, size=2)
    y = mc.Normal("y", mu[z], 1.0, value=rng.normal(6.0 * truth), observed=True)
    n = mc.Poisson("n", rate[z], value=rng.poisson(1 + 8 * truth), observed=True)
    m = sampled([y, n], iterations=400)
    both, one = mc.predictive(m, draws=100), mc.predictive(m, "n", draws=100)
    w, mu, rate = at_draws(m, "w", "mu", "rate", draws=100)
    joint = (w * stats.norm.pdf(1.0, mu, 1.0) * stats.poisson.pmf(3, rate)).sum(axis=1).mean()
    assert both.pdf({"y": [1.0], "n": [3]}) == pytest.approx(joint, rel=1e-9)
    assert one.cdf(3) == pytest.approx((w * stats.poisson.cdf(3, rate)).sum(axis=1).mean(), rel=1e-9)
    rows = both.rvs(400, seed=1)
    assert set(rows) == {"y", "n"}
    assert np.corrcoef(rows["y"], rows["n"])[0, 1] > 0.7  # the labels are shared
    with pytest.raises(ModelError, match="cdf: expected one data node, got y, n"):
        both.cdf(1.0)
    assert both.log_score({"y": [1.0, 2.0], "n": [3, 4]}).rows.shape == (2,)


def test_data_with_gaps_and_labels_known_for_some_rows():
    data, labels = ROWS.copy(), np.full(80, np.nan)
    data[[3, 50]] = np.nan
    labels[:5], labels[-5:] = 0, 1
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), size=80, value=labels, observed=True)
    mu = mc.Normal("mu", 3, 0.05, size=2)
    m = sampled([mc.Normal("y", mu[z], 1.0, value=data, observed=True)], iterations=400)
    law = mc.predictive(m, "y", draws=100)
    w, mu = at_draws(m, "w", "mu", draws=100)
    assert law.cdf(3.0) == pytest.approx((w * stats.norm.cdf(3.0, mu, 1.0)).sum(axis=1).mean(), rel=1e-9)
    assert law.rvs(20, seed=1).shape == (20,)
    assert 5.0 < law.quantile(0.9) < 8.0


# -------------------------------------------------------------------- datasets and bad input


def test_a_dataset_has_names(mixture):
    law, x = mc.predictive(mixture, draws=200), np.array([0.0, 3.0, 6.0])
    found = law.to_dataset(x, probability=0.5)
    assert found["cdf"].dims == ("point",)
    assert found["point"].values.tolist() == x.tolist()
    assert found["density"].values == pytest.approx(law.pdf(x))
    assert found["cdf_low"].values == pytest.approx(law.cdf_band(x, 0.5).low)
    assert found.attrs["data"] == "y"
    rows = mc.predictive(vectors("table"), draws=50).to_dataset([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert rows["at"].dims == ("point", "coordinate")
    assert "cdf" not in rows


def test_what_cannot_be_is_refused(mixture):
    law = mc.predictive(mixture)
    for q in (0.0, 1.0, -0.1, 1.5, np.nan, [0.5, 1.0]):
        with pytest.raises(ModelError, match="q expected probabilities strictly between 0 and 1"):
            law.quantile(q)
    with pytest.raises(ModelError, match="predictive of y: expected numbers, got NaN"):
        law.pdf([0.0, np.nan])
    with pytest.raises(ModelError, match="expected numbers, got infinity"):
        law.logpdf(np.inf)
    with pytest.raises(ModelError, match="expected an array of numbers, got 'a': text"):
        law.cdf("a")
    with pytest.raises(ModelError, match="probability expected a number strictly between"):
        law.band([0.0], 95)
    with pytest.raises(ModelError, match="more than 1 GiB"):
        law.band(np.zeros(200_000))
    with pytest.raises(ModelError, match="expected a data node among y, got 'x'"):
        mc.predictive(mixture, "x")
    with pytest.raises(ModelError, match="draws expected a whole number"):
        mc.predictive(mixture, draws=0)
    with pytest.raises(ModelError, match="column of y expected rows of numbers, and no columns"):
        mc.predictive(mixture, column=0)
    with pytest.raises(ModelError, match="expected an MCMC object, got int"):
        mc.predictive(3)
    with pytest.raises(ModelError, match="n expected a whole number"):
        law.rvs(0)


def test_rows_that_need_more_than_a_label_are_refused():
    slope = mc.Normal("slope", 0.0, 1.0)
    m = sampled([mc.Normal("y", slope * np.arange(80.0), 1.0, value=ROWS, observed=True)], iterations=300)
    with pytest.raises(ModelError, match="parameters that depend on the label alone"):
        mc.predictive(m)
    mean = mc.Normal("mean", 0.0, 0.1)
    days = mc.Censored("y", mc.Normal, mean, 1.0, upper=5.0, value=np.minimum(ROWS, 5.0))
    with pytest.raises(ModelError, match="new rows of censored data"):
        mc.predictive(sampled([days], iterations=300))


def test_the_figure_shows_the_band_over_the_data(mixture):
    law = mc.predictive(mixture, draws=100)
    axes = mc.plots.cumulative(law).axes[0]
    steps, mean = axes.lines
    assert steps.get_ydata()[-1] == 1.0
    assert mean.get_ydata() == pytest.approx(law.cdf(mean.get_xdata()), rel=1e-9)
    assert axes.get_xlabel() == "y"
    assert len(mc.plots.cumulative(law, grid=[3.0, 0.0]).axes[0].lines[1].get_xdata()) == 2
    with pytest.raises(ModelError, match="expected what mc.predictive returns, got int"):
        mc.plots.cumulative(3)


def test_which_law_is_meant_must_be_clear():
    rng = np.random.default_rng(6)
    mu, nu = mc.Normal("mu", 0.0, 1.0, size=2), mc.Normal("nu", 0.0, 1.0, size=2)
    one = mc.Normal("one", mu[mc.Categorical("z", [0.5, 0.5], size=20)], 1.0, value=rng.normal(size=20), observed=True)
    other = mc.Normal(
        "other", nu[mc.Categorical("v", [0.5, 0.5], size=9)], 1.0, value=rng.normal(size=9), observed=True
    )
    m = sampled([one, other], iterations=300)
    with pytest.raises(ModelError, match="which data node.*name= to be one of one, other"):
        mc.predictive(m)
    assert 0.3 < mc.predictive(m, other).cdf(0.0) < 0.7
    with pytest.raises(ModelError, match="the model has no data"):
        mc.predictive(sampled([mc.Normal("free", 0.0, 1.0)], iterations=300))
    counts = mc.Multinomial(
        "c", 5, mc.Dirichlet("p", np.ones(3)), value=rng.multinomial(5, [0.2, 0.3, 0.5], 9), observed=True
    )
    with pytest.raises(ModelError, match="the distribution of column 0 of c by itself is not known here"):
        mc.predictive(sampled([counts], iterations=300), column=0)
