"""The prior of the number of occupied clusters, against enumeration of partitions, simulation and closed forms."""

from fractions import Fraction
from math import log

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad
from scipy.special import gammaln

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.kernels.block_numbers import log_block_numbers
from mcmix.report.partitions.block_priors import Interpolated, log_numbers, log_rising

THREE = [0.2, 0.5, 0.3]
BOUNDED = st.uniform(0.3, 2.0)


def partitions(n):
    """Sizes of the blocks of every partition of n units."""
    found = [[1]]
    for _ in range(n - 1):
        found = [
            [*sizes[:j], sizes[j] + 1, *sizes[j + 1 :]] if j < len(sizes) else [*sizes, 1]
            for sizes in found
            for j in range(len(sizes) + 1)
        ]
    return found


def in_restaurant(sizes, alpha, sigma):
    """Probability of one partition when units come in one after another, block by block."""
    product, seated = 1.0, 0
    for t, size in enumerate(sizes):
        for j in range(size):
            product *= (j - sigma if j else alpha + sigma * t) / (alpha + seated) if seated else 1.0
            seated += 1
    return product


def by_labels(sizes, k, gamma):
    """Probability of one partition as that of its labels, times the ways to name its blocks."""
    n, t = sum(sizes), len(sizes)
    if t > k:
        return 0.0
    named = gammaln(k + 1) - gammaln(k - t + 1)
    blocks = sum(gammaln(gamma + s) - gammaln(gamma) for s in sizes)
    return np.exp(named + blocks + gammaln(gamma * k) - gammaln(gamma * k + n))


def enumerated(n, one):
    """Probabilities of 1 .. n blocks, by the sum over all partitions."""
    every = partitions(n)
    return np.bincount([len(s) - 1 for s in every], [one(s) for s in every], minlength=n)


def reference(n, alpha, components=None, discount=0.0, dynamic=False):
    """The same for any of the priors, with a number for the concentration."""
    if components is None:
        return enumerated(n, lambda s: in_restaurant(s, alpha, discount))
    prior = enumerate(components, 1)
    return sum(p * enumerated(n, lambda s, k=k: by_labels(s, k, alpha / k if dynamic else alpha)) for k, p in prior)


PRIORS = {
    "Dirichlet process": {},
    "Pitman-Yor": {"discount": 0.4},
    "four components": {"components": [0.0, 0.0, 0.0, 1.0]},
    "a tenth": {"components": [0.0, 0.0, 0.0, 1.0], "dynamic": True},
    "static": {"components": THREE},
    "dynamic": {"components": THREE, "dynamic": True},
    "dynamic, many": {"components": st.geom(0.4).pmf(np.arange(1, 61)), "dynamic": True},
}


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
@pytest.mark.parametrize("n, alpha", [(1, 0.7), (2, 0.7), (6, 0.05), (6, 30.0), (8, 1.3)])
def test_sums_over_all_partitions(prior, n, alpha):
    given = dict(prior)
    if "components" in given:
        given["components"] = np.asarray(given["components"]) / np.sum(given["components"])
    exact = reference(n, alpha, **given)
    found = mc.prior_components(n, concentration=alpha, **given)
    assert found.clusters.tolist() == list(range(1, len(found.clusters) + 1))
    padded = np.pad(found.probabilities, (0, n - len(found.clusters)))
    assert found.beyond == 0.0
    np.testing.assert_allclose(padded, exact, rtol=0, atol=1e-13)  # roundings of some tens of terms


def test_a_number_of_components_is_a_prior_with_one_number():
    one = mc.prior_components(7, components=4, concentration=0.3)
    np.testing.assert_array_equal(
        one.probabilities, mc.prior_components(7, components=[0, 0, 0, 1], concentration=0.3).probabilities
    )
    assert one.number.tolist() == [0, 0, 0, 1]


PRIORS_OF_CONCENTRATIONS = [st.gamma(2, scale=0.5), st.f(6, 3), st.lognorm(1.0), BOUNDED]


@pytest.mark.parametrize("name", ["Dirichlet process", "Pitman-Yor", "static", "dynamic"])
@pytest.mark.parametrize("prior", PRIORS_OF_CONCENTRATIONS, ids=lambda p: p.dist.name)
def test_a_prior_on_the_concentration_is_integrated(name, prior):
    n, given = 4, PRIORS[name]

    def integral(t):  # over the logarithm: densities are smooth in it
        low, high = np.log(prior.ppf(1e-12)), np.log(prior.isf(1e-12))
        inside = np.linspace(low, high, 12)[1:-1]
        return quad(
            lambda u: reference(n, np.exp(u), **given)[t] * prior.pdf(np.exp(u)) * np.exp(u), low, high,
            epsabs=1e-11, points=inside, limit=200,
        )[0]  # fmt: skip

    found = mc.prior_components(n, concentration=prior, **given)
    exact = np.array([integral(t) for t in range(len(found.clusters))])
    np.testing.assert_allclose(found.probabilities, exact, rtol=0, atol=1e-10)  # what quad was asked for, ten times
    assert found.error < 1e-11


def test_a_density_with_steps_takes_longer_and_says_so():
    steps = st.rv_histogram((np.array([1, 0, 3]), np.array([0.1, 1.0, 2.0, 4.0])), density=False)
    parts = [(0.25, st.uniform(0.1, 0.9)), (0.75, st.uniform(2.0, 2.0))]
    found = mc.prior_components(50, concentration=steps.freeze())
    exact = sum(w * mc.prior_components(50, concentration=p).probabilities[:50] for w, p in parts)
    apart = np.abs(found.probabilities - exact).max()
    assert 1e-11 < found.error < 1e-3 and apart < 3 * found.error


@pytest.mark.parametrize("dynamic", [False, True])
def test_against_simulation(dynamic):
    """Parameters, weights and labels are drawn; five standard errors for eleven probabilities."""
    rng, n, draws = np.random.default_rng(11), 40, 20_000
    alphas, numbers = rng.gamma(2.0, 0.5, draws), rng.poisson(3.0, draws) + 1
    counts = np.empty(draws, dtype=int)
    for i, (alpha, k) in enumerate(zip(alphas, numbers, strict=True)):
        weights = rng.dirichlet(np.full(k, alpha / k if dynamic else alpha))
        counts[i] = np.count_nonzero(rng.multinomial(n, weights))
    found = mc.prior_components(
        n, components=st.poisson(3, loc=1), concentration=st.gamma(2, scale=0.5), dynamic=dynamic
    )
    p = found.probabilities[:11]
    seen = np.bincount(counts, minlength=12)[1:12] / draws
    assert (np.abs(seen - p) < 5.0 * np.sqrt(p * (1 - p) / draws) + 1e-9).all()
    assert abs(counts.mean() - found.mean) < 5.0 * found.sd / np.sqrt(draws)


def test_a_chinese_restaurant():
    rng, n, draws, alpha, sigma = np.random.default_rng(12), 200, 4000, 1.5, 0.3
    tables = np.ones(draws)
    for seated in range(1, n):
        tables += rng.random(draws) < (alpha + sigma * tables) / (alpha + seated)
    found = mc.prior_components(n, concentration=alpha, discount=sigma)
    assert abs(tables.mean() - found.mean) < 5.0 * found.sd / np.sqrt(draws)
    assert abs(tables.std() / found.sd - 1.0) < 5.0 / np.sqrt(draws)  # kurtosis is near that of a normal or below 5


@pytest.mark.parametrize("n", [1, 10, 1000, 10_000, 100_000])
def test_moments_of_a_dirichlet_process(n):
    """Units open tables independently."""
    alpha = 1.7
    opens = alpha / (alpha + np.arange(n))
    found = mc.prior_components(n, concentration=alpha)
    np.testing.assert_allclose(found.mean, opens.sum(), rtol=1e-9)
    np.testing.assert_allclose(found.sd, np.sqrt((opens * (1 - opens)).sum()), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("n", [10, 1000, 10_000])
def test_mean_of_a_pitman_yor_process(n):
    alpha, sigma = 0.8, 0.25
    exact = alpha / sigma * np.expm1(np.log1p(sigma / (alpha + np.arange(n))).sum())
    np.testing.assert_allclose(mc.prior_components(n, concentration=alpha, discount=sigma).mean, exact, rtol=1e-9)


@pytest.mark.parametrize("k, gamma", [(1, 0.5), (3, 1.0), (10, 0.05), (10, 1e-8), (50, 1e8), (5000, 1e-3)])
@pytest.mark.parametrize("n", [5, 1000, 10_000])
def test_mean_of_a_finite_mixture(n, k, gamma):
    """K times the probability that a component is occupied."""
    i = np.arange(n)
    empty = np.log1p(-gamma / (gamma * k + i)).sum() if k > 1 else -np.inf
    found = mc.prior_components(n, components=k, concentration=gamma)
    np.testing.assert_allclose(found.mean, -k * np.expm1(empty), rtol=1e-9)
    assert 1.0 <= found.mean <= min(n, k) * (1 + 1e-12)


@pytest.mark.parametrize(
    "given", [{"discount": 0.3}, {}, {"components": 7}, {"components": 300, "dynamic": True}], ids=str
)
def test_units_that_come_one_by_one(given):
    """The number of clusters is a Markov chain: its probabilities after 3000 units, forwards."""
    n, alpha, k = 3000, 0.6, given.get("components")
    sigma = given.get("discount", 0.0) if k is None else -(alpha / k if "dynamic" in given else alpha)
    theta = alpha if k is None else -sigma * k
    t, chain = np.arange(1, 401), np.zeros(400)
    chain[0] = 1.0
    for seated in range(1, n):
        new = np.clip(theta + sigma * t, 0.0, None) / (theta + seated) * chain
        chain = chain - new + np.r_[0.0, new[:-1]]
    found = mc.prior_components(n, concentration=alpha, **given).probabilities
    both = min(len(found), len(chain))
    np.testing.assert_allclose(found[:both], chain[:both], rtol=3e-11, atol=1e-15)  # n roundings of both


def test_limits():
    assert mc.prior_components(500, components=1, concentration=2.0).probabilities.tolist() == [1.0]
    assert mc.prior_components(1, concentration=2.0).probabilities.tolist() == [1.0]
    # equal weights: coupons, of which 6 units meet all three with probability 540 / 729
    equal = mc.prior_components(6, components=3, concentration=1e12)
    np.testing.assert_allclose(equal.probabilities, np.array([3, 186, 540]) / 729, rtol=0, atol=1e-10)
    assert mc.prior_components(6, components=3, concentration=1e-300).probabilities[0] == 1.0
    # a small share for each of many components is a Dirichlet process; they differ by some 1 / K
    many = mc.prior_components(50, components=10**7, concentration=1.3, dynamic=True)
    process = mc.prior_components(50, concentration=1.3)
    np.testing.assert_allclose(many.probabilities, process.probabilities, rtol=0, atol=1e-5)
    small = mc.prior_components(50, concentration=1.3, discount=1e-9)
    np.testing.assert_allclose(small.probabilities, process.probabilities, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    "discount", [Fraction(0), Fraction(99, 100), Fraction(-3), Fraction(-1, 10**9), Fraction(-(10**30))]
)
def test_numbers_of_blocks_against_fractions(discount):
    n, most = 40, 45
    row = [Fraction(1), *[Fraction(0)] * (most - 1)]
    for m in range(1, n):
        for t in range(most - 1, -1, -1):
            row[t] = ((m - discount * (t + 1)) * row[t] + (row[t - 1] if t else 0)) / (m - discount)
    found = np.empty(most)
    log_block_numbers(n, float(discount), found)
    assert (found[n:] == -np.inf).all()
    exact = [log(x.numerator) - log(x.denominator) for x in row[:n]]  # of whole numbers that no double holds
    np.testing.assert_allclose(found[:n], exact, rtol=1e-13, atol=1e-13)


def test_rising_factorials():
    for n in (0, 1, 5, 64, 65, 500):
        for x in (1e-6, 0.5, 3.0, 1e6, 1e12):
            exact = float(sum(np.log(np.longdouble(x) + np.arange(n, dtype=np.longdouble))))
            np.testing.assert_allclose(log_rising(x, n), exact, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("n, most", [(500, 500), (3000, 40)])
def test_tables_between_others(n, most):
    gammas = np.exp(np.random.default_rng(5).uniform(np.log(1e-12), np.log(1e6), 60))
    direct, between = log_numbers(n, most, -gammas), Interpolated(n, most)(gammas)
    np.testing.assert_allclose(between, direct, rtol=0, atol=1e-10)


def test_many_tables_give_what_few_give(monkeypatch):
    given = {"components": st.geom(0.3), "concentration": st.f(6, 3), "dynamic": True, "most": 30}
    direct = mc.prior_components(80, **given)
    monkeypatch.setattr("mcmix.report.partitions.block_priors.CHEAP", 0.0)
    np.testing.assert_allclose(mc.prior_components(80, **given).probabilities, direct.probabilities, rtol=0, atol=1e-11)


def test_looking_at_fewer_clusters():
    whole = mc.prior_components(300, concentration=2.0)
    few = mc.prior_components(300, concentration=2.0, most=10)
    np.testing.assert_allclose(few.probabilities, whole.probabilities[:10], rtol=1e-12)
    np.testing.assert_allclose(few.beyond, whole.probabilities[10:].sum(), rtol=1e-9)
    assert np.isnan(few.mean) and np.isnan(few.sd) and "more than 10 clusters with probability 0.492" in repr(few)
    assert few.quantile(0.3) == whole.quantile(0.3)
    with pytest.raises(ModelError, match="that of at most 10 clusters, got 0.9; call prior_components with a larger"):
        few.quantile(0.9)
    assert mc.prior_components(5, concentration=2.0, most=10).clusters.tolist() == [1, 2, 3, 4, 5]


def test_as_many_clusters_as_matter():
    found = mc.prior_components(2000, concentration=200.0)
    assert 64 < len(found.clusters) < 2000 and found.beyond == 0.0
    np.testing.assert_allclose(found.mean, (200.0 / (200.0 + np.arange(2000))).sum(), rtol=1e-10)


def test_what_is_said():
    found = mc.prior_components(100, components=st.geom(0.2), concentration=st.gamma(2, scale=0.5), dynamic=True)
    assert "dynamic mixture of finite mixtures, components geom(0.2), concentration gamma(2, scale=0.5) / K:" in repr(
        found
    )
    np.testing.assert_allclose(found.number[:3], [0.2, 0.16, 0.128], rtol=1e-11)
    low, high = found.interval(0.9)
    inside = found.probabilities[low - 1 : high].sum()
    assert low <= found.quantile(0.5) <= high and inside >= 0.9
    assert found.probabilities[found.mode - 1] == found.probabilities.max()
    frame = found.to_frame()
    assert frame.columns.tolist() == ["clusters", "probability", "at_most"]
    assert frame.at_most.iloc[-1] == pytest.approx(1.0)
    page = found._repr_html_()
    assert "Clusters of 100 units before the data" in page and page.count("<tr>") < 42
    assert "Pitman-Yor process with concentration 1 and discount 0.5" in repr(
        mc.prior_components(1, concentration=1, discount=0.5)
    )


REFUSED = {
    "n expected a whole number of at least 1, got 0": {"n": 0},
    "n expected a whole number of at least 1, got 2.5": {"n": 2.5},
    "most expected a whole number of at least 1, got 0": {"most": 0},
    "concentration expected a positive finite number, got 0": {"concentration": 0},
    "concentration expected a positive finite number, got -1.5": {"concentration": -1.5},
    "concentration expected a positive finite number, got nan": {"concentration": float("nan")},
    "concentration expected a positive number or a frozen continuous .* got 'one'": {"concentration": "one"},
    "frozen continuous .* such as scipy.stats.gamma": {"concentration": st.poisson(3)},
    r"norm\(1, 1\) with probability 0.159 at or below 0": {"concentration": st.norm(1, 1)},
    "parameters that it does not take": {"concentration": st.gamma(-1)},
    "one distribution, got .* an array of them": {"concentration": st.gamma([1.0, 2.0])},
    r"discount expected a number in \[0, 1\), got 1.0": {"discount": 1.0},
    r"discount expected a number in \[0, 1\), got -0.1": {"discount": -0.1},
    "expected discount=0 where components are counted": {"discount": 0.5, "components": 3},
    "dynamic=True expected components=": {"dynamic": True},
    "components expected a whole number of at least 1, got 0": {"components": 0},
    "components expected a whole number of at least 1, got -2": {"components": -2},
    "components expected a whole number, probabilities of 1, 2": {"components": 2.5},
    "components expected a whole number, probabilities of 1, 2, .*got \\[\\]": {"components": []},
    "a sum of 10; divide them by their sum": {"components": np.ones(10)},
    "a sum of 0; give some number a probability": {"components": np.zeros(4)},
    "at least 0, got -0.5 for 2": {"components": [1.5, -0.5]},
    "at least 0, got nan for 1": {"components": [np.nan, 1.0]},
    "with probability 0.0498 at or below 0; shift it with loc=1": {"components": st.poisson(3)},
    "probabilities of 1, 2, .. that sum to 1, got poisson": {"components": st.poisson(3, loc=1.5)},
    "dynamic expected True or False, got 'static'": {"components": 3, "dynamic": "static"},
    "concentration expected a positive number or a frozen continuous .*, got": {"concentration": mc.Gamma("a", 2, 2)},
    "beyond; pass an array": {"components": st.zipf(2.0)},
    "probabilities of 1, 2, .. components or a frozen discrete": {"components": st.gamma(2)},
    "expected at most 2e\\+10 steps, got 1e\\+11 for 1000000 units in up to 100000 clusters; pass most=": {
        "n": 10**6,
        "most": 10**5,
    },
    "expected at most 2e\\+10 steps, got .* in up to 90000 clusters": {
        "n": 10**5,
        "components": np.full(10**5, 1e-5),
        "concentration": st.f(6, 3),
        "most": 90_000,
    },
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    given = {"n": 10, "concentration": 1.0, **REFUSED[message]}
    with pytest.raises(ModelError, match=message):
        mc.prior_components(given.pop("n"), **given)


@pytest.mark.parametrize("probability", [0.0, 1.0, -1, "half", float("nan")])
def test_probabilities_of_quantiles_are_checked(probability):
    found = mc.prior_components(10, concentration=1.0)
    with pytest.raises(ModelError, match="expected a probability in"):
        found.quantile(probability)
    with pytest.raises(ModelError, match="expected a probability in"):
        found.interval(probability)
