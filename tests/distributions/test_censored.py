"""Values known only to lie beyond a bound, and values between bounds: densities, draws, posteriors, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from family_examples import EXAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import mcmix as mc
from mcmix.distributions.bounds import first_reached, from_order, in_order
from mcmix.distributions.censored import censored
from mcmix.distributions.table import FAMILIES
from mcmix.distributions.truncated import truncated
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from tests import runs
from tests.kernels.test_machine import ran
from tests.references import (
    Component,
    assert_below,
    assert_law,
    assert_mean,
    assert_shares,
    chains_of,
    dirichlet_expectations,
    dirichlet_label_prior,
    enumerated,
    subsets,
)

WITH = [name for name, family in FAMILIES.items() if family.is_cumulative]
CONTINUOUS = [n for n in WITH if not FAMILIES[n].support.discrete and not FAMILIES[n].support.atoms]
COUNTS = [name for name in WITH if FAMILIES[name].support.discrete and name != "Bernoulli"]


def quantiles(name: str, *levels: float) -> list[float]:
    """Points at these levels of a family with its first example parameters."""
    law = EXAMPLES[name].law(*EXAMPLES[name].parameters[0])
    if not hasattr(law, "ppf"):  # the half-Cauchy distribution of the examples
        grid = np.linspace(0.0, 60.0, 6001)
        return [float(np.interp(level, law.cdf(grid), grid)) for level in levels]
    return [float(law.ppf(level)) for level in levels]


sampled = runs.sampler(iterations=3300, burn=300, seed=3)


# ---- densities


@pytest.mark.parametrize("name", WITH)
def test_censored_values_count_with_the_mass_beyond(name: str) -> None:
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    low, middle, high = quantiles(name, 0.2, 0.5, 0.9) if name != "Bernoulli" else (-1.0, 1.0, 2.0)
    law = EXAMPLES[name].law(*parameters)
    x = np.array([low - 3.0, low, middle, high, high + 5.0])
    below_high = high - 1.0 if family.support.discrete else high
    with np.errstate(divide="ignore"):
        expected = np.array(
            [np.log(law.cdf(low))] * 2 + [family.logpdf(middle, *parameters)] + [np.log(1.0 - law.cdf(below_high))] * 2
        )
    found = censored(family).logpdf(x, *parameters, low, high)
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    free = censored(family).logpdf(x, *parameters, -np.inf, np.inf)
    np.testing.assert_array_equal(free, family.logpdf(x, *parameters))


def test_bounds_may_vary_by_row() -> None:
    lower, upper = [-np.inf, 0.5, 0.2], [1.0, np.inf, 3.0]
    node = mc.Censored("y", mc.Weibull, 1.5, 2.0, lower=lower, upper=upper, value=[1.0, 0.5, 2.0])
    law = stats.weibull_min(1.5, scale=2.0)
    np.testing.assert_allclose(node.logp, law.logsf(1.0) + law.logcdf(0.5) + law.logpdf(2.0), rtol=1e-13)


def test_the_bounds_of_counts_belong_to_the_censored() -> None:
    """Bounds between whole numbers: at or above 3.5 is at or above 4."""
    found = censored(FAMILIES["Poisson"]).logpdf([0, 1, 2, 3, 4, 5], 2.5, 0.5, 3.5)
    law = stats.poisson(2.5)
    expected = [law.logcdf(0), law.logpmf(1), law.logpmf(2), law.logpmf(3), law.logsf(3), law.logsf(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


INTERVALS = [(0.1, 0.7), (1e-9, 1e-5), (0.99, 0.99999), (None, 0.3), (0.6, None)]


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("levels", INTERVALS, ids=str)
def test_truncated_densities_integrate_to_one(name: str, levels: tuple[float | None, float | None]) -> None:
    """Gauss-Legendre quadrature over 40 pieces, edges at SciPy's quantiles, ever closer towards the tail."""
    parameters = EXAMPLES[name].parameters[0]
    low, high = levels[0] or 1e-13, levels[1] or 1.0 - 1e-9
    inner = np.geomspace(low, high, 41) if high < 0.5 else 1.0 - np.geomspace(1.0 - low, 1.0 - high, 41)
    edges = np.array(quantiles(name, *inner))
    if name == "HalfCauchy":
        edges = np.linspace(0.3, 40.0, 41) if None not in levels else np.geomspace(1e-9, 40.0, 41)
    bounds = (-np.inf if levels[0] is None else edges[0], np.inf if levels[1] is None else edges[-1])
    nodes, weights = special.roots_legendre(40)
    half = 0.5 * np.diff(edges)[:, None]
    x = edges[:-1, None] + half * (1.0 + nodes)
    total = float(np.sum(half * weights * np.exp(truncated(FAMILIES[name]).logpdf(x, *parameters, *bounds))))
    # one-sided bounds leave a little of the tail outside the grid
    family = FAMILIES[name]
    inside = np.exp(family.cumulative.logpdf(edges[[0, -1]], *parameters))
    whole = np.exp(family.cumulative.logpdf(np.array(bounds), *parameters))
    share = 1.0 if None not in levels else (inside[1] - inside[0]) / (whole[1] - whole[0])
    np.testing.assert_allclose(total, share, rtol=2e-6)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("bounds", [(1.0, 5.0), (1.5, 4.5), (-np.inf, 3.0), (2.0, np.inf)])
def test_truncated_masses_sum_to_one(name: str, bounds: tuple[float, float]) -> None:
    x = np.arange(-5.0, 300.0)
    masses = np.exp(truncated(FAMILIES[name]).logpdf(x, *EXAMPLES[name].parameters[0], *bounds))
    np.testing.assert_allclose(masses.sum(), 1.0, rtol=1e-12)
    assert np.all(masses[(x < bounds[0]) | (x > bounds[1])] == 0.0)


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize(("start", "width"), [(30.0, 0.5), (30.0, np.inf), (60.0, 1e-3), (-1.0, 40.0), (300.0, np.inf)])
def test_truncated_normal_far_out(side: float, start: float, width: float) -> None:
    """Thirty standard deviations out and more, where the mass itself is no double: its integral is one."""
    low, high = sorted((side * start, side * (start + width)))
    top = start + min(width, 60.0 / max(start, 1.0)) if start > 0.0 else 12.0
    nodes, weights = special.roots_legendre(200)
    x = start + 0.5 * (top - start) * (1.0 + nodes)
    density = np.exp(FAMILIES["TruncatedNormal"].logpdf(side * x, 0.0, 1.0, low, high))
    np.testing.assert_allclose(0.5 * (top - start) * np.sum(weights * density), 1.0, rtol=1e-10)
    np.testing.assert_array_equal(FAMILIES["TruncatedNormal"].logpdf(-side * (start + 5), 0.0, 1.0, low, high), -np.inf)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(-40.0, 40.0), st.floats(1e-3, 50.0), st.floats(0.0, 1.0))
def test_truncated_normal_is_that_of_scipy(low: float, width: float, share: float) -> None:
    x = low + share * width
    expected = stats.truncnorm.logpdf(x, low, low + width)
    # scipy subtracts logs of masses as we do: near the edge of two logs of size 800, 1e-13 of that over the width
    np.testing.assert_allclose(
        truncated(FAMILIES["Normal"]).logpdf(x, 0.0, 1.0, low, low + width), expected, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("build", [censored, truncated])
@pytest.mark.parametrize("name", ["Normal", "Gamma", "Poisson", "StudentT"])
def test_the_machine_agrees(build: Any, name: str) -> None:
    """Symbolic parameters and bounds, evaluated by NumPy and by the machine, against the plain call."""
    family, parameters = build(FAMILIES[name]), EXAMPLES[name].parameters[0]
    x, rows = np.arange(1.0, 7.0), np.linspace(0.8, 1.1, 6)
    leaves = {"x": x, "first": parameters[0] * rows, "low": 0.5 * rows, "high": 4.5}
    symbols = {key: leaf(key, np.shape(value)) for key, value in leaves.items()}
    recorded = family.expression(symbols["x"], symbols["first"], *parameters[1:], symbols["low"], symbols["high"])
    expected = family.logpdf(x, leaves["first"], *parameters[1:], leaves["low"], 4.5)
    np.testing.assert_array_equal(evaluate(recorded, leaves), expected)
    np.testing.assert_allclose(ran([recorded], leaves)[0], expected, rtol=1e-13)


def test_no_mass_between_the_bounds_is_no_density() -> None:
    family = truncated(FAMILIES["Exponential"])
    np.testing.assert_array_equal(family.logpdf([-3.0, -2.5], 1.0, -3.0, -2.0), [-np.inf, -np.inf])
    np.testing.assert_array_equal(family.logpdf(1.0, -1.0, 0.5, 2.0), -np.inf)
    np.testing.assert_array_equal(truncated(FAMILIES["Normal"]).logpdf(1.0, 0.0, 1.0, 2.0, 0.0), -np.inf)


# ---- draws


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False), min_size=2, max_size=20))
def test_doubles_in_their_order(values: list[float]) -> None:
    array = np.array(values)
    order = in_order(array)
    np.testing.assert_array_equal(from_order(order), array)
    np.testing.assert_array_equal(np.sort(array), from_order(np.sort(order)))


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_bisection_finds_any_double(target: float) -> None:
    found = first_reached(lambda x: x >= target, np.array([-np.inf]), np.array([np.inf]))
    np.testing.assert_array_equal(found, [target])


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("Normal", (30.0, np.inf)),
        ("Normal", (-np.inf, -50.0)),
        ("Normal", (-1.0, 3.0)),
        ("Gamma", (200.0, 230.0)),
        ("Gamma", (-np.inf, 1e-9)),
        ("StudentT", (1e9, np.inf)),
        ("Beta", (0.999, 1.0)),
        ("Weibull", (20.0, 21.0)),
        ("Laplace", (-400.0, -300.0)),
    ],
)
def test_truncated_draws_are_uniform_in_their_mass(name: str, bounds: tuple[float, float]) -> None:
    """A draw's share of the mass between the bounds is uniform; Kolmogorov's distance below 2.3 / sqrt(n) (5e-5)."""
    parameters, n = EXAMPLES[name].parameters[0], 5000
    family = FAMILIES[name]
    x = truncated(family).draw(np.random.default_rng(5), n, *parameters, *bounds)
    assert np.all((x >= bounds[0]) & (x <= bounds[1]))
    assert np.unique(x).size > 0.99 * n
    low, high, here = (family.cumulative.logpdf(v, *parameters) for v in (bounds[0], bounds[1], x))
    above = [family.survival.logpdf(v, *parameters) for v in (bounds[0], bounds[1], x)]
    if high < above[0]:
        share = (np.exp(here - high) - np.exp(low - high)) / -np.expm1(low - high)
    else:
        share = -np.expm1(above[2] - above[0]) / -np.expm1(above[1] - above[0])
    assert stats.kstest(share, "uniform").statistic < 2.3 / np.sqrt(n)


@pytest.mark.parametrize(("bounds", "level"), [((2.0, 6.0), 0), ((30.0, np.inf), 30), ((1.5, 3.5), 2)])
def test_truncated_counts(bounds: tuple[float, float], level: int) -> None:
    n = 20000
    family = truncated(FAMILIES["Poisson"])
    x = family.draw(np.random.default_rng(6), n, 3.2, *bounds)
    assert x.dtype == int and x.min() >= bounds[0] and x.max() <= bounds[1]
    values = np.arange(np.ceil(bounds[0]), min(bounds[1], bounds[0] + 8) + 1)
    masses = np.exp(family.logpdf(values, 3.2, *bounds))
    found = (x[:, None] == values).mean(0)
    assert np.all(np.abs(found - masses) <= 4.5 * np.sqrt(masses * (1.0 - masses) / n) + 1e-4), level


def test_censored_draws_sit_on_their_bounds() -> None:
    x = censored(FAMILIES["Normal"]).draw(np.random.default_rng(7), 20000, 0.0, 1.0, -1.0, 0.5)
    assert x.min() == -1.0 and x.max() == 0.5
    for share, mass in (((x == -1.0).mean(), stats.norm.cdf(-1.0)), ((x == 0.5).mean(), stats.norm.sf(0.5))):
        assert abs(share - mass) < 4.5 * np.sqrt(mass * (1.0 - mass) / 20000)
    counts = censored(FAMILIES["Poisson"]).draw(np.random.default_rng(8), 50, 3.0, 0.5, 3.5)
    assert counts.dtype == int and counts.min() == 0 and counts.max() == 4


@pytest.mark.parametrize("size", [None, (), 4, (2, 3)])
def test_draws_have_their_size(size: Any) -> None:
    for family in (censored(FAMILIES["Gamma"]), truncated(FAMILIES["Gamma"])):
        shape = (3,) if size is None else np.empty(size).shape
        lower = np.zeros(3) if size is None else 0.1
        assert np.shape(family.draw(np.random.default_rng(0), size, 2.0, 1.0, lower, 4.0)) == shape


# ---- posteriors


TIMES = np.array([0.4, 2.0, 1.1, 3.0, 0.2, 3.0, 0.9, 2.5, 1.0, 0.05])
ENDS = np.array([3.0, 2.0, 3.0, 3.0, 3.0, 3.0, 1.0, 2.5, 1.0, 3.0])


def test_censored_exponential_times() -> None:
    """A gamma prior stays gamma: shape plus events, rate plus all time under observation."""
    rate = mc.Gamma("rate", 2.0, 1.0)
    sampler = sampled(mc.Censored("y", mc.Exponential, rate, upper=ENDS, value=TIMES))
    events = np.sum(TIMES < ENDS)
    assert_law(chains_of(sampler, "rate"), stats.gamma(2.0 + events, scale=1.0 / (1.0 + TIMES.sum())), "rate")


def test_censored_weibull_times() -> None:
    """Two unknowns against quadrature over a grid of both; some values censored on the left too."""
    lower = np.where(TIMES == 0.05, 0.1, -np.inf)
    shape, scale = mc.Gamma("shape", 4.0, 2.0), mc.Gamma("scale", 3.0, 1.0)
    node = mc.Censored("y", mc.Weibull, shape, scale, lower=lower, upper=ENDS, value=TIMES)
    sampler = sampled(node, iterations=4300)
    a, b = np.linspace(0.02, 8.0, 400)[:, None, None], np.linspace(0.02, 20.0, 800)[None, :, None]
    law = stats.weibull_min(a, scale=b)
    logs = np.where(TIMES >= ENDS, law.logsf(TIMES), law.logpdf(TIMES))
    logs = np.where(lower > 0.0, law.logcdf(0.1), logs).sum(-1)
    logs += stats.gamma.logpdf(a[..., 0], 4.0, scale=0.5) + stats.gamma.logpdf(b[..., 0], 3.0)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    for name, grid, axis in (("shape", a.ravel(), 1), ("scale", b.ravel(), 0)):
        masses = weights.sum(axis)
        assert masses[-1] < 1e-7
        cuts = [grid[np.searchsorted(np.cumsum(masses), level)] for level in (0.1, 0.5, 0.9)]
        middles = np.cumsum(masses) - 0.5 * masses
        assert_below(chains_of(sampler, name), cuts, np.interp(cuts, grid, middles), name)


def test_truncated_data_move_the_mean() -> None:
    """Normal data seen only above 1: the likelihood divides by the mass there."""
    y = np.array([1.1, 1.3, 2.0, 1.05, 2.6])
    mean = mc.Normal("mean", 0.0, 0.5)
    sampler = sampled(mc.Truncated("y", mc.Normal, mean, sigma=1.0, lower=1.0, value=y, observed=True))
    grid = np.linspace(-9.0, 7.0, 8001)
    logs = stats.norm.logpdf(grid, 0.0, np.sqrt(2.0)) + np.sum(stats.norm.logpdf(y[:, None], grid), 0)
    logs -= len(y) * stats.norm.logsf(1.0, grid)
    masses = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    cuts = [grid[np.searchsorted(np.cumsum(masses), level)] for level in (0.1, 0.5, 0.9)]
    shares = np.interp(cuts, grid, np.cumsum(masses) - 0.5 * masses)
    assert_below(chains_of(sampler, "mean"), cuts, shares, "mean")


@pytest.mark.parametrize("written", ["TruncatedNormal", "Truncated"])
def test_a_truncated_normal_prior_is_conjugate(written: str) -> None:
    y = np.array([0.2, -0.4, 1.0])
    if written == "Truncated":
        mean = mc.Truncated("mean", mc.Normal, 0.5, 2.0, lower=0.3, upper=1.5)
    else:
        mean = mc.TruncatedNormal("mean", mu=0.5, tau=2.0, a=0.3, b=1.5)
    sampler = sampled(mc.Normal("y", mean, 4.0, value=y, observed=True))
    assert sampler.step_method_dict[mean][0].name == "conjugate Gibbs"
    precision = 2.0 + 3 * 4.0
    centre, scale = (2.0 * 0.5 + 4.0 * y.sum()) / precision, precision**-0.5
    law = stats.truncnorm((0.3 - centre) / scale, (1.5 - centre) / scale, centre, scale)
    assert_law(chains_of(sampler, "mean"), law, "mean")


def test_a_truncated_count_is_sampled() -> None:
    """An unknown count with three possible values, and a truncated gamma prior without data."""
    trials = mc.Truncated("trials", mc.Poisson, 4.0, lower=3, upper=5)
    p = mc.Truncated("p", mc.Beta, 2.0, 3.0, lower=0.2)
    sampler = sampled(mc.Binomial("y", trials, p, value=3, observed=True))
    grid = 0.2 + 0.8 * (np.arange(4000) + 0.5) / 4000
    joint = np.array([stats.poisson.pmf(n, 4.0) * stats.binom.pmf(3, n, grid) for n in (3, 4, 5)])
    joint *= stats.beta.pdf(grid, 2.0, 3.0)
    joint /= joint.sum()
    found = chains_of(sampler, "trials")[..., None] == np.arange(3, 6)
    assert_shares(found, joint.sum(1), "trials")
    assert_mean(chains_of(sampler, "p"), np.sum(joint * grid), "p")


def exponential_component(shape: float, rate: float) -> Component:
    """Censored exponential rows with the rate integrated out: only events and total time matter."""
    inside = subsets(len(ROWS))
    events, time = inside @ (ROWS < LIMITS), inside @ ROWS
    a, b = shape + events, rate + time
    log_evidence = special.gammaln(a) - special.gammaln(shape) + shape * np.log(rate) - a * np.log(b)
    return Component(log_evidence, {"mean": a / b})


ROWS = np.array([0.05, 0.11, 0.2, 4.0, 4.0, 2.9, 0.02, 1.0])
LIMITS = np.array([4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 1.0])


def test_a_mixture_with_censored_rows() -> None:
    """Two exponential components, three of eight rows censored, against all 256 label vectors."""
    w = mc.Dirichlet("w", [2.0, 1.0])
    z = mc.Categorical("z", w, size=len(ROWS))
    rate = mc.Gamma("rate", [3.0, 2.0], [1.0, 4.0], size=2)
    y = mc.Censored("y", mc.Exponential, rate[z], upper=LIMITS, value=ROWS)
    sampler = sampled(y, iterations=5300)
    components = [exponential_component(3.0, 1.0), exponential_component(2.0, 4.0)]
    exact = enumerated(components, len(ROWS), dirichlet_label_prior([2.0, 1.0]))
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), exact.memberships, "labels")
    assert_mean(chains_of(sampler, "rate"), exact.expected("mean"), "rates")
    weights = dirichlet_expectations(exact, [2.0, 1.0], np.array([0.5]))
    assert_mean(chains_of(sampler, "w"), weights["mean"], "weights")


@pytest.mark.parametrize("written", ["TruncatedNormal", "Truncated", "Censored"])
def test_labels_of_bounded_components(written: str) -> None:
    """Known components: labels are independent, with probabilities in proportion to weight times density."""
    x, mean, weights = np.array([0.1, 0.5, 0.9, 1.0]), np.array([-1.0, 1.5]), np.array([0.4, 0.6])
    z = mc.Categorical("z", weights, size=len(x))
    if written == "TruncatedNormal":
        y = mc.TruncatedNormal("y", 2.5 * z - 1.0, 1.0, 0.0, 1.0, value=x, observed=True)
    else:
        law = getattr(mc, written)
        y = law("y", mc.Normal, 2.5 * z - 1.0, 1.0, lower=0.0, upper=1.0, value=x, observed=True)
    sampler = sampled(y)
    assert sampler.step_method_dict[z][0].name == "label update"
    if written == "Censored":
        density = np.where(x[:, None] >= 1.0, stats.norm.sf(1.0, mean), stats.norm.pdf(x[:, None], mean))
    else:
        density = stats.truncnorm.pdf(x[:, None], -mean, 1.0 - mean, mean)
    shares = weights * density / np.sum(weights * density, 1, keepdims=True)
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), shares, "labels")


# ---- writing them


def test_parameters_by_keyword_alias_and_alternative() -> None:
    wanted = mc.Censored("a", mc.Normal, 1.0, 0.25, upper=2.0, value=1.5).logp
    for keywords in ({"mu": 1.0, "tau": 0.25}, {"mean": 1.0, "sigma": 2.0}, {"mean": 1.0, "variance": 4.0}):
        assert mc.Censored("a", mc.Normal, upper=2.0, value=1.5, **keywords).logp == pytest.approx(wanted)
    mean = mc.Normal("mean", 0.0, 1.0)
    assert mc.Truncated("b", mc.Normal, mean, sigma=mc.HalfNormal("s", 1.0), upper=2.0, size=3).shape == (3,)


def test_a_uniform_law_has_ends_and_bounds() -> None:
    node = mc.Censored("y", mc.Uniform, 0.0, 4.0, upper=3.0, value=[1.0, 3.0])
    assert node.logp == pytest.approx(2.0 * np.log(0.25))
    cut = mc.Truncated("x", mc.Uniform, 0.0, 4.0, upper=3.0, size=100)
    assert cut.value.max() <= 3.0
    assert cut.logp == pytest.approx(100.0 * np.log(1.0 / 3.0))


def test_bounds_may_be_nodes() -> None:
    """The unknown end of a truncation: the likelihood falls as one over the mass below it."""
    end = mc.Uniform("end", 1.0, 5.0)
    y = np.array([0.3, 0.9, 0.5])
    sampler = sampled(mc.Truncated("y", mc.Exponential, 1.0, upper=end, value=y, observed=True))
    grid = 1.0 + 4.0 * (np.arange(4000) + 0.5) / 4000
    masses = stats.expon.cdf(grid) ** -3.0
    assert_mean(chains_of(sampler, "end"), np.sum(grid * masses) / masses.sum(), "end")


def test_truncation_stays_within_the_law() -> None:
    node = mc.Truncated("x", mc.Exponential, 1.0, lower=-4.0)
    assert node.parents["lower"] == 0.0
    assert node.logp == pytest.approx(-node.value)


@pytest.mark.parametrize("wrapper", [mc.Censored, mc.Truncated])
@pytest.mark.parametrize(
    ("build", "kind", "words"),
    [
        (lambda w: w("y", mc.VonMises, 0.0, 1.0, upper=1.0, value=0.5), TypeError, ["y", "VonMises", "Weibull"]),
        (lambda w: w("y", mc.Dirichlet, [1.0, 1.0], upper=1.0, value=0.5), TypeError, ["y", "Dirichlet"]),
        (lambda w: w("y", "Normal", 0.0, 1.0, value=0.5), TypeError, ["y", "distribution class", "'Normal'"]),
        (lambda w: w("y", mc.Normal("n", 0, 1), upper=1.0, value=0.5), TypeError, ["y", "distribution class"]),
        (lambda w: w("y", mc.Censored, 0.0, 1.0, value=0.5), TypeError, ["y", "distribution class"]),
        (lambda w: w("y", mc.Normal, 0.0, 1.0, lower=2.0, upper=1.0, value=1.5), mc.SupportError, ["y", "lower", "2"]),
        (lambda w: w("y", mc.Normal, 0.0, 1.0, lower=1.0, upper=1.0, value=1.0), mc.SupportError, ["y", "lower"]),
        (lambda w: w("y", mc.Normal, 0.0, 1.0, lower=np.nan, value=1.0), mc.SupportError, ["y", "lower", "nan"]),
        (lambda w: w("y", mc.Normal, 0.0, 1.0, 2.0, value=1.0), TypeError, ["y", "2 parameters", "got 3"]),
        (lambda w: w("y", mc.Normal, 0.0, scale=1.0, value=1.0), TypeError, ["y", "scale", "sigma"]),
        (lambda w: w("y", mc.Normal, 0.0, sigma=-1.0, value=1.0), mc.SupportError, ["y", "sigma", "-1"]),
        (lambda w: w("y", mc.Normal, 0.0, 1.0, lower=[0, 1, 2], upper=[3, 4], value=1.0), mc.ModelError, ["y", "(3,)"]),
        (lambda w: w("y", mc.Normal, 0, 1, upper=[2, 3, 4], value=[1, 2], observed=True), mc.ModelError, ["y", "(2,)"]),
        (lambda w: w("y", mc.Poisson, 2.0, upper=4, value=[1.5], observed=True), mc.SupportError, ["y", "1.5"]),
    ],
)
def test_refusals(wrapper: Any, build: Any, kind: type[Exception], words: list[str]) -> None:
    with pytest.raises(kind) as refusal:
        build(wrapper)
    assert not [word for word in words if word not in str(refusal.value)], str(refusal.value)


def test_data_outside_the_truncation_are_refused() -> None:
    with pytest.raises(mc.SupportError, match=r"y: expected values in \[1.0, 2.0\] .*got 2.5 in row 1"):
        mc.Truncated("y", mc.Gamma, 2.0, 1.0, lower=1.0, upper=2.0, value=[1.5, 2.5], observed=True)
    with pytest.raises(mc.SupportError, match="y: .*got 0.3 in row 0"):
        mc.Truncated("y", mc.Gamma, 2.0, 1.0, lower=[0.5, 0.1], value=[0.3, 0.3], observed=True)


def test_a_censored_law_is_for_data() -> None:
    with pytest.raises(mc.ModelError, match="y: a censored distribution is a distribution of data"):
        mc.Censored("y", mc.Normal, 0.0, 1.0, upper=1.0, observed=False)
    with pytest.raises(mc.ModelError, match="y: .*expects data"):
        mc.Censored("y", mc.Normal, 0.0, 1.0, upper=1.0)
    with pytest.raises(mc.ModelError, match="y: a censored value cannot be missing"):
        mc.Censored("y", mc.Normal, 0.0, 1.0, upper=1.0, value=np.ma.masked_array([0.5, 0.2], [True, False]))


def test_an_uncensored_value_must_be_possible() -> None:
    """A code beyond the bound may be anything; between the bounds the distribution's own support counts."""
    node = mc.Censored("y", mc.Gamma, 2.0, 1.0, lower=0.5, upper=3.0, value=[-999.0, 1.0, 999.0])
    law = stats.gamma(2.0)
    assert node.logp == pytest.approx(law.logcdf(0.5) + law.logpdf(1.0) + law.logsf(3.0))
    with pytest.raises(mc.SupportError, match="y: .*got -1 in row 1"):
        mc.Censored("y", mc.Gamma, 2.0, 1.0, upper=3.0, value=[1.0, -1.0])
