"""Values that are only known to lie between two numbers: densities, derivatives, posteriors, histograms, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import mcmix as mc
from mcmix.distributions.censored import binned
from mcmix.distributions.table import FAMILIES
from mcmix.sampling.marginal import Marginal
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from mcmix.structure.recording import record
from tests import runs
from tests.family_examples import EXAMPLES
from tests.references import assert_below, assert_mean, assert_shares, chains_of

WITH = [n for n, f in FAMILIES.items() if f.is_cumulative and not f.support.discrete and not f.support.atoms]
OWN = [name for name, family in FAMILIES.items() if family.flow is not None]
EXACT = [name for name in WITH if FAMILIES[name].smooth is not None or FAMILIES[name].scalar_log_interval is not None]
SUBTRACTED = [name for name in WITH if name not in EXACT]

sampled = runs.sampler(iterations=3300, burn=300, seed=3)


def middle_and_tails(name: str, parameters: tuple[Any, ...]) -> np.ndarray:
    """Points in the bulk and some way out."""
    x = np.sort(FAMILIES[name].draw(np.random.default_rng(2), 4000, *parameters))
    return x[[4, 40, 400, 2000, 3600, 3960, 3995]]


@pytest.mark.parametrize("name", WITH)
def test_bins_have_the_integral_of_the_density(name: str) -> None:
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    edges = middle_and_tails(name, parameters)
    found = binned(family).logpdf(edges[:-1], *parameters, edges[:-1], edges[1:])
    expected = [
        np.log(integrate.quad(lambda x: np.exp(family.logpdf(x, *parameters)), a, b, epsabs=0.0, epsrel=1e-10)[0])
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("width", [1e-4, 1e-7])
def test_narrow_bins_are_density_times_width(name: str, width: float) -> None:
    """Less a term of second order; the width has the rounding of its ends, 2e-16 of them over it."""
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    x = middle_and_tails(name, parameters)
    most = np.abs(x) if name != "Beta" else np.minimum(x, 1.0 - x)
    low, high = x - width * most, x + width * most
    found = binned(family).logpdf(x, *parameters, low, high)
    np.testing.assert_allclose(found, family.logpdf(x, *parameters) + np.log(high - low), atol=1e-8 + 30.0 * width**2)


@pytest.mark.parametrize("name", SUBTRACTED)
def test_narrow_bins_of_densities_with_kinks(name: str) -> None:
    """Masses are subtracted: the rounding of a mass over that of the bin."""
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    x = middle_and_tails(name, parameters)
    low, high = x - 1e-5 * np.abs(x), x + 1e-5 * np.abs(x)
    found = binned(family).logpdf(x, *parameters, low, high)
    np.testing.assert_allclose(found, family.logpdf(x, *parameters) + np.log(high - low), atol=1e-5)


def test_open_sides_and_known_values() -> None:
    law, least, most = stats.norm(0.5, 2.0), [-np.inf, 1.0, 0.3, -np.inf, 2.0], [0.2, np.inf, 0.3, np.inf, 2.5]
    node = mc.Censored("y", mc.Normal, 0.5, sigma=2.0, between=(least, most))
    expected = law.logcdf(0.2) + law.logsf(1.0) + law.logpdf(0.3) + np.log(law.cdf(2.5) - law.cdf(2.0))
    assert node.logp == pytest.approx(expected, rel=1e-12)


def test_bins_of_counts_hold_both_ends() -> None:
    law = stats.poisson(3.2)
    node = mc.Censored("y", mc.Poisson, 3.2, between=([0, 2, 5, 7.5], [1, 4, 5, np.inf]))
    expected = law.logcdf(1) + np.log(law.pmf([2, 3, 4]).sum()) + law.logpmf(5) + law.logsf(7)
    assert node.logp == pytest.approx(expected, rel=1e-11)
    assert node.value.tolist() == [0, 3, 5, 8]


def test_a_bin_holds_the_point_masses_at_its_ends() -> None:
    found = mc.Censored("y", mc.HurdleGamma, 0.3, 2.0, 1.0, between=([0.0, 0.5, 0.0], [0.5, 2.0, 0.0])).logp
    law = stats.gamma(2.0)
    expected = [0.3 + 0.7 * law.cdf(0.5), 0.7 * (law.cdf(2.0) - law.cdf(0.5)), 0.3]
    assert found == pytest.approx(np.log(expected).sum(), rel=1e-10)


@pytest.mark.parametrize("name", OWN)
def test_derivatives_are_slopes(name: str) -> None:
    """By bounds and parameters, beside central differences; open sides too."""
    family, parameters = FAMILIES[name].bin, EXAMPLES[name].parameters[0]
    edges = middle_and_tails(name, parameters)[1:-1]
    low, high = np.append(edges[:-1], [-np.inf, edges[2]]), np.append(edges[1:], [edges[2], np.inf])
    given = [low, *[np.full_like(low, p) for p in parameters], high]
    with np.errstate(all="ignore"):
        for place, own in enumerate(family.score(*given)):
            step = 1e-5 * np.where(np.isfinite(given[place]), np.abs(given[place]), 1.0)
            more, less = ([*given[:place], given[place] + s, *given[place + 1 :]] for s in (step, -step))
            expected = np.where(
                np.isfinite(given[place]), (family.logpdf(*more) - family.logpdf(*less)) / (2.0 * step), 0.0
            )
            np.testing.assert_allclose(own, expected, rtol=2e-6, atol=1e-8)
    leaves = [leaf(str(i), np.shape(v)) for i, v in enumerate(given)]
    recorded = family.score(*leaves)
    for own, plain in zip(recorded, family.score(*given), strict=True):
        np.testing.assert_allclose(evaluate(own, {str(i): v for i, v in enumerate(given)}), plain, rtol=1e-12)


# ---- posteriors


LOW = np.array([0.1, 0.5, 2.0, 0.0, 1.2, 1.0])
HIGH = np.array([0.4, 1.5, np.inf, 0.3, 1.2, 3.0])


def assert_grid(draws: np.ndarray, grid: np.ndarray, logs: np.ndarray, name: str) -> None:
    """Draws beside a density on a fine grid."""
    masses = np.exp(logs - logs.max())
    masses /= masses.sum()
    cuts = [grid[np.searchsorted(np.cumsum(masses), level)] for level in (0.1, 0.5, 0.9)]
    assert_below(draws, cuts, np.interp(cuts, grid, np.cumsum(masses) - 0.5 * masses), name)


@pytest.mark.parametrize("family", [mc.Exponential, mc.Gamma])
def test_rows_between_bounds_by_quadrature(family: Any) -> None:
    """One unknown rate, an open side and a known value among the rows; Gamma has no derivatives."""
    rate, shape = mc.Gamma("rate", 2.0, 1.0), 1.0 if family is mc.Exponential else 1.7
    own = (rate,) if family is mc.Exponential else (shape, rate)
    sampler = sampled(mc.Censored("y", family, *own, between=(LOW, HIGH)))
    grid = np.linspace(1e-3, 12.0, 6000)
    law = stats.gamma(shape, scale=1.0 / grid[:, None])
    exact = LOW == HIGH
    logs = np.where(exact, law.logpdf(LOW), np.log(np.where(exact, 1.0, law.cdf(HIGH) - law.cdf(LOW)))).sum(1)
    assert_grid(chains_of(sampler, "rate"), grid, logs + stats.gamma.logpdf(grid, 2.0), "rate")


def test_labels_of_bins() -> None:
    """Known components: labels in proportion to weight times mass of the row's bin."""
    weights, mean, sd = np.array([0.4, 0.6]), np.array([-1.0, 1.5]), np.array([1.0, 0.5])
    z = mc.Categorical("z", weights, size=4)
    low, high = np.array([-1.0, 0.2, 0.8, 1.0]), np.array([0.0, 0.4, np.inf, 1.0])
    y = mc.Censored("y", mc.Normal, mc.Index("m", mean, z), mc.Index("t", sd**-2.0, z), between=(low, high))
    sampler = sampled(y)
    law = stats.norm(mean, sd)
    mass = np.where((low == high)[:, None], law.pdf(low[:, None]), law.cdf(high[:, None]) - law.cdf(low[:, None]))
    shares = weights * mass / np.sum(weights * mass, 1, keepdims=True)
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), shares, "labels")


# ---- histograms


def mixture(**data: Any) -> Any:
    """Two normal components, told apart by their priors."""
    w, mu = mc.Dirichlet("w", [2.0, 2.0]), mc.Normal("mu", [-2.0, 2.0], 1.0, size=2)
    return mc.Mixture("y", w, mc.Normal, mu, mc.Gamma("tau", 3.0, 2.0, size=2), **data)


def rows(n: int = 1000) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(rng.random(n) < 0.4, rng.normal(-1.5, 1.0, n), rng.normal(2.0, 0.7, n))


def log_likelihood(y: Any, values: dict[str, np.ndarray]) -> float:
    """Of a model at given values, labels summed out."""
    model = mc.Model([y])
    found = Marginal(record(model))
    found.put({n: values[n.name] for n in model.stochastics if n.name in values})
    return float(found.log_likelihood())


POINT = {"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 2.0]), "tau": np.array([1.0, 4.0])}


def test_counts_of_bins_are_that_many_rows() -> None:
    low, high, counts = np.array([-3.0, -1.0, 0.5, 2.0]), np.array([-1.0, 0.5, 2.0, np.inf]), np.array([3, 0, 5, 2])
    by_weight = log_likelihood(mixture(between=(low, high), weights=counts), POINT)
    repeated = mixture(between=(np.repeat(low, counts), np.repeat(high, counts)))
    assert by_weight == pytest.approx(log_likelihood(repeated, POINT), rel=1e-12)
    law = stats.norm(POINT["mu"], POINT["tau"] ** -0.5)
    masses = (law.cdf(high[:, None]) - law.cdf(low[:, None])) @ POINT["w"]
    assert by_weight == pytest.approx(counts @ np.log(masses), rel=1e-11)


@pytest.fixture(scope="module")
def histogram() -> tuple[Any, Any]:
    """The same rows, and 200 narrow bins of them."""
    x, edges = rows(), np.linspace(-6.0, 6.0, 201)
    counts = np.histogram(x, edges)[0]
    assert counts.sum() == x.size
    bins = mixture(between=(edges[:-1], edges[1:]), weights=counts)
    return tuple(sampled(y, iterations=2300, marginal_moves=True) for y in (mixture(value=x, observed=True), bins))  # type: ignore[return-value]


def test_narrow_bins_have_the_posterior_of_the_rows(histogram: tuple[Any, Any]) -> None:
    """Bins of 0.06 where scales are 0.7: rounding adds 0.06**2 / 12 to variances, a thousandth of them."""
    raw, binned_rows = histogram
    for name in ("mu", "w", "tau"):
        a, b = (chains_of(m, name) for m in histogram)
        assert_mean(b, a.mean((0, 1)), name) if name != "tau" else None
        spread = a.std((0, 1)) / b.std((0, 1))
        assert np.all(np.abs(spread - 1.0) < 0.1), name
    assert raw.model is not binned_rows.model


def test_what_is_asked_after_the_run(histogram: tuple[Any, Any]) -> None:
    m = histogram[1]
    new = mc.predictive(m).pdf(np.array([-1.5, 2.0]))
    np.testing.assert_allclose(new, mc.predictive(histogram[0]).pdf(np.array([-1.5, 2.0])), rtol=0.05)


# ---- refusals


@pytest.mark.parametrize(
    ("between", "kind", "words"),
    [
        (([0.0, 2.0], [1.0, 1.0]), mc.SupportError, "a lower bound of at most the upper one, got 2 and 1 in row 1"),
        (([0.0, np.nan], [1.0, 1.0]), mc.ModelError, "between= lower expected numbers, got a missing one in row 1"),
        (([0.0, 1.0, 2.0], [1.0, 1.0]), mc.ModelError, r"one shape, got \(3,\) and \(2,\)"),
        ([0.0, 1.0, 2.0], mc.ModelError, "two arrays"),
        (([-3.0, 1.0], [-1.0, 2.0]), mc.SupportError, "hold some value of Gamma, got .* in row 0"),
    ],
)
def test_bins_that_cannot_be(between: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=f"y: .*{words}"):
        mc.Censored("y", mc.Gamma, 2.0, 1.0, between=between)
    w = mc.Dirichlet("w", [1.0, 1.0])
    with pytest.raises(kind, match=f"y: .*{words}"):
        mc.Mixture("y", w, mc.Gamma, mc.Gamma("a", 2.0, 1.0, size=2), 1.0, between=between)


def test_what_stands_beside_bins() -> None:
    with pytest.raises(mc.SupportError, match="hold some value of Poisson, got 1.2 and 1.8 in row 0"):
        mc.Censored("y", mc.Poisson, 2.0, between=([1.2, 2.0], [1.8, 3.0]))
    with pytest.raises(TypeError, match="y: between= says all that is known of the values; got upper beside it"):
        mc.Censored("y", mc.Normal, 0.0, 1.0, between=([0.0], [1.0]), upper=3.0)
    with pytest.raises(TypeError, match="VonMises does not have here"):
        mc.Censored("y", mc.VonMises, 0.0, 1.0, between=([0.0], [1.0]))
    with pytest.raises(mc.ModelError, match="one distribution class"):
        mc.Mixture("y", [0.5, 0.5], [mc.Normal.dist(0, 1), mc.Normal.dist(1, 1)], between=([0.0], [1.0]))
    with pytest.raises(TypeError, match="got a value or a size beside it"):
        mc.Mixture("y", [0.5, 0.5], mc.Normal, [0.0, 1.0], 1.0, between=([0.0], [1.0]), value=[0.5])


@pytest.mark.parametrize("between", [([0, 5, 10], [5, 10, 20]), ([5, 0], [9, 7])])
def test_bins_of_counts_in_a_histogram_share_no_number(between: Any) -> None:
    weights, rate = np.ones(len(between[0])), mc.Gamma("rate", 2.0, 1.0, size=2)
    with pytest.raises(mc.SupportError, match=r"y: .*share no whole number, .*row 0.*edges\[1:\] - 1"):
        mc.Censored("y", mc.Poisson, 2.0, between=between, weights=weights)
    with pytest.raises(mc.SupportError, match="y: .*share no whole number"):
        mc.Mixture("y", [0.5, 0.5], mc.Poisson, rate, between=between, weights=weights)
    mc.Censored("y", mc.Poisson, 2.0, between=between)  # rows that are known so are another thing


def test_counts_of_bins_ask_for_derivatives() -> None:
    """A gamma distribution's shape has none here; repeated rows are the way."""
    shape = mc.Gamma("shape", 2.0, 1.0, size=2)
    y = mc.Mixture("y", [0.5, 0.5], mc.Gamma, shape, 1.0, between=([0.0, 1.0], [1.0, 4.0]), weights=[3, 2])
    with pytest.raises(mc.ModelError, match="y: weights= expected a model whose labels are summed out; .*np.repeat"):
        mc.MCMC([y]).sample(10, seed=1)
