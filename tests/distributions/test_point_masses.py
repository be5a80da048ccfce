"""Point masses at borders beside continuous distributions: masses, bounds, posteriors, mixtures, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import mcmix as mc
from mcmix.distributions.censored import censored
from mcmix.distributions.table import FAMILIES
from mcmix.distributions.truncated import truncated
from mcmix.steps.density import Slice
from tests import runs
from tests.family_examples import EXAMPLES
from tests.references import assert_law, assert_mean, assert_shares, chains_of

POINTED = [name for name, family in FAMILIES.items() if family.support.atoms]
HIGH = {"HurdleGamma": 40.0, "HurdleLognormal": 400.0, "ZeroOneInflatedBeta": 1.0}

sampled = runs.sampler(iterations=3300, burn=300, seed=3)


def total(family: Any, parameters: tuple[Any, ...], low: float, high: float, points: tuple[float, ...]) -> float:
    """Masses of points and the integral of the density in between."""
    masses = sum(float(np.exp(family.logpdf(point, *parameters))) for point in points)
    edges = np.geomspace(max(low, 1e-12), high, 30)
    return masses + sum(
        integrate.quad(lambda v: np.exp(family.logpdf(v, *parameters)), a, b)[0]
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    )


@pytest.mark.parametrize("name", POINTED)
def test_masses_and_density_make_one(name: str) -> None:
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    assert total(family, parameters, 0.0, HIGH[name], family.support.atoms) == pytest.approx(1.0, abs=2e-6)


@pytest.mark.parametrize("name", POINTED)
@pytest.mark.parametrize("bounds", [(0.0, 0.5), (0.2, np.inf), (-np.inf, 0.6), (0.2, 1.0)])
def test_bounds_hold_the_points_that_lie_on_them(name: str, bounds: tuple[float, float]) -> None:
    family, parameters = truncated(FAMILIES[name]), EXAMPLES[name].parameters[0]
    low, high = max(bounds[0], 0.0), min(bounds[1], HIGH[name])
    points = tuple(p for p in FAMILIES[name].support.atoms if low <= p <= high)
    assert total(family, (*parameters, *bounds), low, high, points) == pytest.approx(1.0, abs=2e-6)


def test_lower_bounds_by_row_hold_the_point() -> None:
    """Where bounds are not all beyond the support, masses are differences: that of zero is in them."""
    law = EXAMPLES["HurdleGamma"].law(0.15, 2.5, 0.8)
    found = truncated(FAMILIES["HurdleGamma"]).logpdf([0.3, 0.3], 0.15, 2.5, 0.8, [0.0, 0.2], [1.0, 1.0])
    expected = law.logpdf(0.3) - np.log([law.cdf(1.0), law.cdf(1.0) - law.cdf(0.2)])
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_draws_between_bounds_have_the_points_share() -> None:
    for name, bounds, point in (("HurdleGamma", (0.0, 1.0), 0.0), ("ZeroOneInflatedBeta", (0.5, 1.0), 1.0)):
        family, parameters = truncated(FAMILIES[name]), EXAMPLES[name].parameters[0]
        x = family.draw(np.random.default_rng(4), 20000, *parameters, *bounds)
        share = float(np.exp(family.logpdf(point, *parameters, *bounds)))
        assert abs((x == point).mean() - share) < 4.5 * np.sqrt(share * (1.0 - share) / 20000)
        assert x.min() >= bounds[0] and x.max() <= bounds[1]


def test_at_or_above_a_point_holds_it() -> None:
    family, parameters = censored(FAMILIES["ZeroOneInflatedBeta"]), (0.3, 0.4, 2.0, 3.0)
    assert family.logpdf(1.0, *parameters, -np.inf, 1.0) == pytest.approx(np.log(0.12))
    assert family.logpdf(0.9, *parameters, -np.inf, 0.5) == pytest.approx(np.log(0.12 + 0.7 * stats.beta(2, 3).sf(0.5)))


# ---- posteriors


AMOUNTS = np.array([0.0, 1.3, 0.4, 0.0, 2.2, 0.9, 0.0, 3.1])


def test_hurdle_gamma_has_two_conjugate_parameters() -> None:
    zero, rate = mc.Beta("zero", 2.0, 3.0), mc.Gamma("rate", 2.0, 1.0)
    sampler = sampled(mc.HurdleGamma("y", zero, 1.5, rate, value=AMOUNTS, observed=True))
    assert {sampler.step_method_dict[n][0].name for n in (zero, rate)} == {"conjugate Gibbs"}
    assert_law(chains_of(sampler, "zero"), stats.beta(5.0, 8.0), "zero")
    assert_law(chains_of(sampler, "rate"), stats.gamma(2.0 + 5 * 1.5, scale=1.0 / (1.0 + AMOUNTS.sum())), "rate")


def test_hurdle_lognormal_hands_its_logs_on() -> None:
    """The mean given a known precision, from the logs above zero alone."""
    zero, mean = mc.Beta("zero", 1.0, 1.0), mc.Normal("mean", 0.5, 0.25)
    sampler = sampled(mc.HurdleLognormal("y", zero, mean, 4.0, value=AMOUNTS, observed=True))
    logs = np.log(AMOUNTS[AMOUNTS > 0.0])
    precision = 0.25 + 4.0 * len(logs)
    law = stats.norm((0.25 * 0.5 + 4.0 * logs.sum()) / precision, precision**-0.5)
    assert_law(chains_of(sampler, "mean"), law, "mean")
    assert_law(chains_of(sampler, "zero"), stats.beta(4.0, 6.0), "zero")


def test_zero_one_inflated_beta_has_two_conjugate_probabilities() -> None:
    border, one, alpha = mc.Beta("border", 1.0, 1.0), mc.Beta("one", 2.0, 1.0), mc.Gamma("alpha", 2.0, 1.0)
    shares = np.array([0.0, 1.0, 0.3, 0.8, 1.0, 0.5, 1.0])
    sampler = sampled(mc.ZeroOneInflatedBeta("y", border, one, alpha, 1.0, value=shares, observed=True))
    assert_law(chains_of(sampler, "border"), stats.beta(5.0, 4.0), "border")
    assert_law(chains_of(sampler, "one"), stats.beta(5.0, 2.0), "one")
    assert_law(
        chains_of(sampler, "alpha"), stats.gamma(5.0, scale=1.0 / (1.0 - np.log([0.3, 0.8, 0.5]).sum())), "alpha"
    )


@pytest.mark.parametrize("written", ["labels", "list"])
def test_labels_of_zeros_and_amounts(written: str) -> None:
    """Known components: each label in proportion to weight times mass, or weight times density."""
    x, weights, zeros, rates = np.array([0.0, 0.3, 2.0, 9.0]), np.array([0.4, 0.6]), np.array([0.5, 0.1]), [2.0, 0.4]
    z = mc.Categorical("z", weights, size=len(x))
    if written == "labels":
        y = mc.Mixture("y", z, mc.HurdleGamma, zeros, 1.5, np.array(rates), value=x, observed=True)
    else:
        parts = [mc.HurdleGamma.dist(p, 1.5, r) for p, r in zip(zeros, rates, strict=True)]
        y = mc.Mixture("y", z, parts, value=x, observed=True)
    sampler = sampled(y)
    laws = [EXAMPLES["HurdleGamma"].law(p, 1.5, r) for p, r in zip(zeros, rates, strict=True)]
    density = weights * np.exp(np.stack([law.logpdf(x) for law in laws], 1))
    assert_shares(chains_of(sampler, "z")[..., None] == np.arange(2), density / density.sum(1, keepdims=True), "labels")


def test_a_plain_component_is_one_without_the_point() -> None:
    """A gamma distribution beside a hurdle: zeros are never its own."""
    x, w = np.array([0.0, 0.0, 0.4, 1.2, 6.0, 8.0]), mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(x))
    parts = [mc.HurdleGamma.dist(0.0, 2.0, 0.3), mc.HurdleGamma.dist(0.5, 2.0, 2.0)]
    sampler = sampled(mc.Mixture("y", z, parts, value=x, observed=True))
    assert np.all(chains_of(sampler, "z")[..., :2] == 1)


def test_new_rows_have_masses_and_a_distribution_function() -> None:
    zero, rate = mc.Beta("zero", 2.0, 3.0), mc.Gamma("rate", 2.0, 1.0)
    sampler = sampled(mc.HurdleGamma("y", zero, 1.5, rate, value=AMOUNTS, observed=True))
    found = mc.predictive(sampler)
    drawn, share = sampler.trace("zero")[:], sampler.trace("zero")[:].mean()
    assert np.exp(found.logpdf(0.0)) == pytest.approx(share, rel=0.02)
    assert found.cdf(0.0) == pytest.approx(share, rel=0.02) and found.cdf(-1e-9) == 0.0
    assert found.quantile(0.5 * share) == 0.0
    rates = sampler.trace("rate")[:]
    expected = np.mean(drawn + (1.0 - drawn) * stats.gamma(1.5, scale=1.0 / rates).cdf(1.0))
    assert found.cdf(1.0) == pytest.approx(expected, rel=0.02)
    assert_mean(chains_of(sampler, "zero"), 5.0 / 13.0, "zero")


def test_the_picture_tells_the_mass_and_draws_the_rest() -> None:
    zero = mc.Beta("zero", 2.0, 3.0)
    sampler = sampled(mc.HurdleGamma("y", zero, 1.5, 1.0, value=AMOUNTS, observed=True))
    axes = mc.plots.density(sampler, "y").axes[0]
    assert sum(bar.get_height() * bar.get_width() for bar in axes.patches) == pytest.approx(5.0 / 8.0)
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "data (n = 8)" in told and any(t.startswith("at 0: data 0.38, predicted 0.3") for t in told)
    assert not np.isin(0.0, axes.lines[0].get_xdata())


# ---- refusals


def test_components_have_the_same_points() -> None:
    for parts in (
        [mc.Gamma.dist(2.0, 1.0), mc.HurdleGamma.dist(0.2, 2.0, 1.0)],
        [mc.HurdleGamma.dist(0.2, 2.0, 1.0), mc.ZeroOneInflatedBeta.dist(0.2, 0.5, 2.0, 1.0)],
    ):
        with pytest.raises(mc.ModelError, match=r"y: .*point masses at the same values, got .*beside"):
            mc.Mixture("y", [0.5, 0.5], parts, value=[0.0, 1.0], observed=True)
    with pytest.raises(mc.ModelError, match=r"y: .*got HurdleGamma \(density\) beside Poisson \(mass\)"):
        parts = [mc.HurdleGamma.dist(0.2, 2.0, 1.0), mc.Poisson.dist(1.0)]
        mc.Mixture("y", [0.5, 0.5], parts, value=[0.0, 1.0], observed=True)


def test_an_unknown_with_point_masses_is_refused_where_data_hang_on_it() -> None:
    x = mc.HurdleGamma("x", 0.3, 2.0, 1.0)
    y = mc.Normal("y", x, 1.0, value=0.4, observed=True)
    with pytest.raises(mc.ModelError, match=r"x: a distribution with point masses \(at 0\) is one of data"):
        mc.MCMC([y]).sample(10, seed=1)
    m = mc.MCMC([y])
    with pytest.raises(mc.ModelError, match="x: a distribution with point masses"):
        m.use_step_method(Slice, x)
        m.sample(10, seed=1)


def test_an_unknown_without_data_is_drawn_as_it_is() -> None:
    zero = mc.Beta("zero", 2.0, 3.0)
    sampler = sampled([zero, mc.HurdleGamma("new", zero, 2.0, 1.0)])
    assert_mean((chains_of(sampler, "new") == 0.0).astype(float), 0.4, "zeros")
