"""Posteriors of one unknown under less usual families against quadrature, and the special functions behind them.

Densities, draws, statistics and messages are held to scipy in test_distributions.py; here the distributions meet the
sampler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import mcmix as mc
from mcmix.distributions.von_mises import log_scaled_bessel
from mcmix.distributions.zero_mass import complement_of_exp, log_complement_of_exp, log_no_count
from mcmix.kernels.elementary import log_normal_mass
from mcmix.report.arviz_measures import mcse
from tests.references import chains_of, normalised

CHAINS = 4
FACTOR = 5.0


def moments(log_posterior: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation by the midpoint rule, with little mass at the ends of the grid."""
    weights = normalised(log_posterior(grid))
    assert max(weights[0], weights[-1]) < 1e-6 * weights.max()
    mean = float(np.sum(weights * grid))
    return mean, float(np.sqrt(np.sum(weights * (grid - mean) ** 2)))


def midpoints(lower: float, upper: float, n: int = 4000) -> np.ndarray:
    """Middles of n equal cells."""
    return lower + (upper - lower) * (np.arange(n) + 0.5) / n


def check(data_node: Any, name: str, log_posterior: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> None:
    """Draws of the unknown have the mean and the standard deviation of quadrature."""
    sampler = mc.MCMC([data_node])
    sampler.sample(3000, 500, chains=CHAINS, seed=7, progress_bar=False)
    draws = chains_of(sampler, name, CHAINS)
    mean, deviation = moments(log_posterior, grid)
    assert abs(draws.mean() - mean) < FACTOR * float(mcse(draws))
    assert abs(draws.std() - deviation) < FACTOR * float(mcse(draws, "sd"))


def test_geometric_with_an_unknown_probability() -> None:
    x = np.random.default_rng(1).geometric(0.3, 30)
    p = mc.Beta("p", 2.0, 3.0)
    grid = midpoints(0.0, 1.0)

    def log_posterior(v: np.ndarray) -> np.ndarray:
        return stats.beta.logpdf(v, 2.0, 3.0) + stats.geom.logpmf(x[:, None], v).sum(0)

    check(mc.Geometric("x", p, value=x, observed=True), "p", log_posterior, grid)


def test_laplace_with_an_unknown_mean() -> None:
    x = np.random.default_rng(2).laplace(1.0, 0.8, 15)
    mean = mc.Normal("mean", 0.0, 0.1)

    def log_posterior(v: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(v, 0.0, 0.1**-0.5) + stats.laplace.logpdf(x[:, None], v, 0.8).sum(0)

    check(mc.Laplace("x", mean, scale=0.8, value=x, observed=True), "mean", log_posterior, midpoints(-3.0, 5.0))


def test_weibull_with_an_unknown_shape() -> None:
    x = 2.0 * np.random.default_rng(3).weibull(1.6, 25)
    shape = mc.Gamma("shape", 2.0, 1.0)

    def log_posterior(v: np.ndarray) -> np.ndarray:
        return stats.gamma.logpdf(v, 2.0) + stats.weibull_min.logpdf(x[:, None], v, scale=2.0).sum(0)

    check(mc.Weibull("x", alpha=shape, beta=2.0, value=x, observed=True), "shape", log_posterior, midpoints(0.0, 6.0))


@pytest.mark.parametrize("unknown", ["zero_probability", "mean"])
def test_zero_inflated_poisson(unknown: str) -> None:
    """Zeros count for both sources; the other parameter is known."""
    rng = np.random.default_rng(4)
    x = np.where(rng.random(60) < 0.6, 0, rng.poisson(1.8, 60))
    zero_probability = mc.Uniform("zero_probability", 0.0, 1.0) if unknown == "zero_probability" else 0.6
    mean = mc.Exponential("mean", 1.0) if unknown == "mean" else 1.8

    def log_posterior(v: np.ndarray) -> np.ndarray:
        share, centre = (v, 1.8) if unknown == "zero_probability" else (0.6, v)
        masses = np.where(x[:, None] == 0, share, 0.0) + (1.0 - share) * stats.poisson.pmf(x[:, None], centre)
        return np.log(masses).sum(0) - (v if unknown == "mean" else 0.0)

    node = mc.ZeroInflatedPoisson("x", zero_probability, mean, value=x, observed=True)
    check(node, unknown, log_posterior, midpoints(0.0, 1.0 if unknown == "zero_probability" else 8.0))


def test_skew_normal_with_an_unknown_skewness() -> None:
    x = stats.skewnorm.rvs(2.0, 0.5, 1.5, size=60, random_state=np.random.default_rng(5))
    skewness = mc.Normal("skewness", 0.0, 0.1)

    def log_posterior(v: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(v, 0.0, 0.1**-0.5) + stats.skewnorm.logpdf(x[:, None], v, 0.5, 1.5).sum(0)

    node = mc.SkewNormal("x", 0.5, sigma=1.5, alpha=skewness, value=x, observed=True)
    check(node, "skewness", log_posterior, midpoints(-4.0, 14.0))


def test_hurdle_poisson_has_a_conjugate_probability_of_zero() -> None:
    """The posterior is Beta(1 + zeros, 1 + others), whatever the mean of the counts."""
    rng = np.random.default_rng(6)
    x = np.where(rng.random(50) < 0.35, 0, 1 + rng.poisson(1.8, 50))
    zero_probability = mc.Beta("zero_probability", 1.0, 1.0)
    node = mc.HurdlePoisson("x", zero_probability, mc.Gamma("mean", 2.0, 1.0), value=x, observed=True)
    zeros = np.sum(x == 0)
    check(node, "zero_probability", stats.beta(1 + zeros, 1 + len(x) - zeros).logpdf, midpoints(0.0, 1.0))


def test_a_mixture_of_two_zero_inflated_poissons() -> None:
    rng = np.random.default_rng(8)
    x = np.where(rng.random(80) < 0.2, 0, rng.poisson(np.where(rng.random(80) < 0.5, 2.0, 15.0)))
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=len(x))
    zero_probability, mean = mc.Beta("zero_probability", 1.0, 1.0, size=2), mc.Gamma("mean", 1.0, 0.1, size=2)
    node = mc.ZeroInflatedPoisson("x", zero_probability[z], mean[z], value=x, observed=True)
    sampler = mc.MCMC([node])
    sampler.sample(600, 200, chains=2, seed=9, progress_bar=False)
    means = np.sort(chains_of(sampler, "mean", 2), axis=-1)
    assert np.all(np.isfinite(means))
    np.testing.assert_allclose(means.mean((0, 1)), [2.0, 15.0], rtol=0.3)


# ---- special functions


def test_log_bessel_is_that_of_scipy() -> None:
    values = np.concatenate([[0.0], np.geomspace(1e-12, 1e15, 400), np.linspace(25.0, 35.0, 400)])
    actual = [log_scaled_bessel(v) for v in values]
    np.testing.assert_allclose(actual, np.log(special.i0e(values)), rtol=1e-14, atol=2e-15)


def test_log_normal_mass_is_that_of_scipy() -> None:
    values = np.concatenate([-np.geomspace(1e-12, 1e10, 400), np.linspace(-40.0, 37.0, 800), [0.0]])
    actual = np.array([log_normal_mass(v) for v in values])
    # far above zero both are exp(-x**2 / 2) times a factor: rounding x**2, up to 1400, moves SciPy's by 2e-13
    np.testing.assert_allclose(actual, special.log_ndtr(values), rtol=4e-13)


def test_complements_of_exp() -> None:
    values = -np.concatenate([np.geomspace(1e-300, 700.0, 600), np.linspace(0.5, 0.9, 200)])
    np.testing.assert_allclose([complement_of_exp(v) for v in values], -np.expm1(values), rtol=1e-15)
    with np.errstate(divide="ignore"):
        logs = np.where(values < -0.7, np.log1p(-np.exp(values)), np.log(-np.expm1(values)))
    np.testing.assert_allclose([log_complement_of_exp(v) for v in values], logs, rtol=2e-15)


@pytest.mark.parametrize("mean", [5e-324, 1e-200, 1e-9, 0.3, 40.0, 1e12])
@pytest.mark.parametrize("dispersion", [1e-200, 1e-3, 2.5, 1e9, 1e200])
def test_log_mass_of_no_count(mean: float, dispersion: float) -> None:
    """The mean times log(1 + ratio) / ratio; never 0, whose complement would have no log."""
    ratio = mean / dispersion
    small = -mean * (1.0 - 0.5 * ratio)
    large = -dispersion * (np.log(mean + dispersion) - np.log(dispersion))
    expected = small if ratio < 1e-9 else (-dispersion * np.log1p(ratio) if ratio < 1e9 else large)
    found = log_no_count(mean, dispersion)
    assert found < 0.0
    np.testing.assert_allclose(found, expected, rtol=1e-14)
