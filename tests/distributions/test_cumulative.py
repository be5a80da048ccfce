"""Cumulative distributions: log P(X <= x) and log P(X > x) of every family that has them, and the functions below
them.
"""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import product
from typing import Any

import numpy as np
import pytest
from family_examples import EXAMPLES, CutCauchy, example_of
from scipy import special, stats

from mcmix.distributions.table import FAMILIES
from mcmix.kernels import special as kernels
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf

WITH = [name for name, family in FAMILIES.items() if family.is_cumulative]
ASKED_FOR = {
    "Normal", "Uniform", "Exponential", "Weibull", "Gamma", "InverseGamma", "Lognormal", "Laplace", "Cauchy",
    "Logistic", "HalfNormal", "HalfCauchy", "HalfStudentT", "StudentT", "Beta", "Chi2", "Poisson", "Binomial",
    "Geometric", "NegativeBinomial", "DiscreteUniform", "Bernoulli", "HurdleGamma", "HurdleLognormal",
    "ZeroOneInflatedBeta",
}  # fmt: skip

EXTREMES = (0.0, -1.0, 1.0, 2.0, 0.5, 1e-300, -1e-300, 1e-9, 7.9, 1e8, 1e17, 1e160, -1e160, 1e300, -1e300)

CASES = [pytest.param(n, p, id=f"{n}-{i}") for n in WITH for i, p in enumerate(EXAMPLES[n].parameters)]


class NegativeBinomial:
    """scipy's distribution by its beta distribution: scipy itself rounds 1 - p, where p is near 1."""

    def __init__(self, mean: float, dispersion: float):
        self.mean, self.dispersion = mean, dispersion

    def masses(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Up to x, and above."""
        total = self.mean + self.dispersion
        k, rest = np.maximum(np.floor(x), -1.0) + 1.0, self.dispersion / total
        one = np.maximum(k, 1.0)  # scipy's betainc of the share itself is 0 from 1e-250 on
        if rest < 0.5:
            below, above = special.betainc(self.dispersion, one, rest), special.betaincc(self.dispersion, one, rest)
        else:
            below, above = (f(one, self.dispersion, self.mean / total) for f in (special.betaincc, special.betainc))
        return np.where(k > 0.0, below, 0.0), np.where(k > 0.0, above, 1.0)


def masses(name: str, parameters: tuple[Any, ...], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What scipy says: mass up to x and above x."""
    with np.errstate(all="ignore"):
        if name == "NegativeBinomial":
            return NegativeBinomial(*parameters).masses(x)
        if name == "Uniform":  # scipy subtracts from 1 for the upper tail
            lower, upper = parameters
            return tuple(np.clip(part / (upper - lower), 0.0, 1.0) for part in (x - lower, upper - x))
        law = EXAMPLES[name].law(*parameters)
        if name == "Laplace":
            law = stats.laplace(parameters[0], 1.0 / parameters[1])
        if name == "StudentT" and parameters[2] == 1.0:  # scipy's t takes 1 / (1 + x**2) from 1 near x = 0
            law = stats.cauchy(parameters[0], parameters[1] ** -0.5)
        if isinstance(law, CutCauchy):
            return law.cdf(x), np.where(x > 0.0, law.whole.sf(x) / law.whole.sf(0.0), 1.0)
        return law.cdf(x), law.sf(x)


def grid(name: str, parameters: tuple[Any, ...]) -> np.ndarray:
    """Points over bulk and tails: quantiles from 1e-280 on both sides, the example's points, beyond the support."""
    tails = np.concatenate([np.geomspace(1e-280, 0.4, 40), [0.5]])
    law = EXAMPLES[name].law(*parameters)
    found = [np.array(EXAMPLES[name].points), np.array(EXAMPLES[name].outside), [-np.inf, np.inf]]
    if not isinstance(law, CutCauchy):
        with np.errstate(all="ignore"):
            found += [law.ppf(tails), law.isf(tails)]
    points = np.concatenate(found)
    points = points[~np.isnan(points)]
    return np.concatenate([points, points + 0.25]) if FAMILIES[name].support.discrete else points


def test_the_families_that_have_them() -> None:
    assert set(WITH) == ASKED_FOR


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_logs_are_those_of_scipy(name: str, parameters: tuple[Any, ...]) -> None:
    """Where SciPy's masses are above 1e-290, and 1e-11 away from 1 or its complement's rounding is not in the way."""
    x = grid(name, parameters)
    below, above = masses(name, parameters, x)
    family = FAMILIES[name]
    for found, mass, rest in (
        (family.cumulative.logpdf(x, *parameters), below, above),
        (family.survival.logpdf(x, *parameters), above, below),
    ):
        with np.errstate(divide="ignore"):
            expected = np.where(mass < 0.5, np.log(mass), np.log1p(-rest))
        # rounded parameters (1 / scale), differences from a location and scipy's own roundings move masses by 1e-12, or
        # by the rounding of 1; CutCauchy subtracts masses
        loose = name == "HalfCauchy"
        fair = (mass > (1e-3 if loose else 1e-290)) & (rest > (1e-3 if loose else 0.0))
        np.testing.assert_allclose(found[fair], expected[fair], rtol=1e-8 if loose else 3e-10, atol=4e-16)
        assert loose or np.all(found[mass == 0.0] < -600.0)
        assert np.all(found <= 0.0)


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_ends_of_the_line(name: str, parameters: tuple[Any, ...]) -> None:
    family = FAMILIES[name]
    np.testing.assert_array_equal(family.cumulative.logpdf([-np.inf, np.inf], *parameters), [-np.inf, 0.0])
    np.testing.assert_array_equal(family.survival.logpdf([-np.inf, np.inf], *parameters), [0.0, -np.inf])


@pytest.mark.parametrize(("name", "parameters"), CASES)
def test_the_two_add_to_one_and_grow(name: str, parameters: tuple[Any, ...]) -> None:
    x = np.sort(grid(name, parameters))
    family = FAMILIES[name]
    below, above = family.cumulative.logpdf(x, *parameters), family.survival.logpdf(x, *parameters)
    np.testing.assert_allclose(np.exp(below) + np.exp(above), 1.0, rtol=1e-11)
    for logs in (below[np.isfinite(below)], above[np.isfinite(above)][::-1]):
        assert np.all(np.diff(logs) >= -1e-12 * np.abs(logs[1:]))


@pytest.mark.parametrize("name", WITH)
def test_no_nan_and_no_mass_above_one(name: str) -> None:
    family = FAMILIES[name]
    columns = np.array(list(product((*EXTREMES, np.inf, -np.inf), *[EXTREMES] * len(family.parameters)))).T
    some = columns[:, np.random.default_rng(1).permutation(columns.shape[1])[:20000]]
    for standing_in in (family.cumulative, family.survival):
        found = standing_in.logpdf(*some)
        assert not np.any(np.isnan(found))
        assert np.all(found <= 0.0)


@pytest.mark.parametrize("name", WITH)
def test_minus_infinity_for_broken_parameters(name: str) -> None:
    family = FAMILIES[name]
    for parameters in example_of(name).broken:
        for standing_in in (family.cumulative, family.survival):
            assert np.all(standing_in.logpdf(np.array([-1.0, 0.0, 1.0, 3.0]), *parameters) == -np.inf), parameters


# ---- tails that no double holds


@pytest.mark.parametrize(
    ("name", "parameters", "side", "x"),
    [
        ("Normal", (0.0, 1.0), "survival", 60.0),
        ("Gamma", (2.5, 0.8), "survival", 2000.0),
        ("Gamma", (300.0, 40.0), "cumulative", 0.03),
        ("Gamma", (1e5, 1.0), "cumulative", 8e4),
        ("Gamma", (1e5, 1.0), "survival", 1.2e5),
        ("InverseGamma", (300.0, 40.0), "survival", 30.0),
        ("Beta", (800.0, 1000.0), "survival", 0.875),
        ("Beta", (2.5, 400.0), "survival", 0.95),
        ("StudentT", (0.0, 1.0, 30.0), "survival", 1e12),
        ("StudentT", (0.0, 1.0, 300.0), "survival", 1e3),
        ("Chi2", (3.5,), "survival", 5000.0),
        ("Weibull", (3.0, 1.0), "survival", 20.0),
    ],
)
def test_far_tails_are_integrals_of_the_density(name: str, parameters: tuple[float, ...], side: str, x: float) -> None:
    """Log mass beyond x by Gauss-Laguerre quadrature in the distance over which the density falls by e."""
    family = FAMILIES[name]
    sign = 1.0 if side == "survival" else -1.0
    start = float(family.logpdf(x, *parameters))
    step = 1e-6 * x
    slope = -sign * float(family.logpdf(x + sign * step, *parameters) - start) / (sign * step)
    nodes, weights = special.roots_laguerre(40)
    if name == "StudentT":  # falls as a power: straight in the log of x
        freedom = parameters[-1]
        logs = family.logpdf(x * np.exp(nodes / freedom), *parameters) + nodes / freedom
        expected = special.logsumexp(logs + nodes, b=weights * x / freedom)
    else:
        points = x + sign * nodes / abs(slope)
        logs = family.logpdf(points, *parameters)
        expected = special.logsumexp(logs + nodes, b=weights / abs(slope))
    found = getattr(family, side).logpdf(x, *parameters)
    assert found < -200.0
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize(("name", "parameters"), [("Poisson", (3.2,)), ("NegativeBinomial", (3.2, 1.5))])
def test_far_tails_of_counts_are_sums_of_masses(name: str, parameters: tuple[float, ...]) -> None:
    family = FAMILIES[name]
    for x in (400.0, 20000.0):
        beyond = family.logpdf(np.arange(x + 1.0, x + 2000.0), *parameters)
        np.testing.assert_allclose(family.survival.logpdf(x, *parameters), special.logsumexp(beyond), rtol=1e-11)


def test_masses_next_to_one() -> None:
    """Their logs are minus the mass on the other side, far below the rounding of 1."""
    np.testing.assert_allclose(FAMILIES["Normal"].cumulative.logpdf(20.0, 0.0, 1.0), -stats.norm.sf(20.0), rtol=1e-12)
    np.testing.assert_allclose(FAMILIES["Bernoulli"].cumulative.logpdf(0.0, 1e-20), -1e-20, rtol=1e-15)
    np.testing.assert_allclose(FAMILIES["Poisson"].cumulative.logpdf(2.0, 1e-8), -(1e-24) / 6.0, rtol=1e-7)
    np.testing.assert_allclose(FAMILIES["HalfNormal"].survival.logpdf(1e-12, 1.0), -math.sqrt(2 / math.pi) * 1e-12)
    np.testing.assert_allclose(FAMILIES["Geometric"].cumulative.logpdf(400.0, 0.3), -(0.7**400), rtol=1e-12)


@pytest.mark.parametrize("dispersion", [1e12, 1e28, 1e29, 1e31, 1e200])
def test_a_large_dispersion_is_the_poisson_law(dispersion: float) -> None:
    x = np.array([0.0, 1.0, 5.0, 40.0])
    for side in ("cumulative", "survival"):
        expected = getattr(FAMILIES["Poisson"], side).logpdf(x, 4.0)
        found = getattr(FAMILIES["NegativeBinomial"], side).logpdf(x, 4.0, dispersion)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


# ---- special functions in kernels


def test_special_functions_are_those_of_scipy() -> None:
    shapes, points = np.meshgrid(np.geomspace(0.01, 1e6, 30), np.geomspace(0.1, 8.0, 30))
    for a, x in zip(shapes.ravel(), (shapes * points).ravel(), strict=True):
        below, above = special.gammainc(a, x), special.gammaincc(a, x)
        if min(below, above) > 1e-280:
            np.testing.assert_allclose(
                kernels.log_gamma_below(a, x), np.log1p(-above) if below > 0.5 else np.log(below)
            )
            np.testing.assert_allclose(
                kernels.log_gamma_above(a, x), np.log1p(-below) if above > 0.5 else np.log(above)
            )
    for z in (-1e200, -40.0, -1.0, 0.0, 1.0, 9.0, 40.0):
        np.testing.assert_allclose(kernels.log_normal_cdf(z), special.log_ndtr(z), rtol=1e-15)
        np.testing.assert_allclose(kernels.normal_cdf(z), special.ndtr(z), rtol=1e-15)


def test_series_and_fractions_meet_scipy_at_their_border() -> None:
    """Where SciPy's masses end, near 1e-290, what follows continues them."""
    for a in (0.5, 3.0, 40.0, 2500.0, 3e5):
        low, high = special.gammaincinv(a, 1e-290), special.gammainccinv(a, 1e-290)
        for found, x in ((kernels.log_gamma_below, low), (kernels.log_gamma_above, high)):
            if 0.0 < x < np.inf:
                np.testing.assert_allclose(found(a, x * (1 - 1e-9)), found(a, x * (1 + 1e-9)), rtol=1e-5)
    for a, b in ((2.0, 3.0), (40.0, 0.5), (900.0, 700.0), (5e4, 8e4)):
        x = special.betaincinv(a, b, 1e-290)
        inside, outside = (kernels.log_beta_below(a, b, x * s, 1.0 - x * s) for s in (1 + 1e-9, 1 - 1e-9))
        np.testing.assert_allclose(outside, inside, rtol=1e-5)


COLD = {
    "special.log_gamma_above(2.0, 1.0)": np.log(special.gammaincc(2.0, 1.0)),
    "GAMMA.survival.logpdf(1.0, 2.0, 1.0)": np.log(2.0) - 1.0,
    "NORMAL.cumulative.logpdf(-40.0, 0, 1)": special.log_ndtr(-40),
    "base.run(MACHINE.address, 0, 0, 0, 0)": 0.0,
}
IMPORTS = """
from mcmix.kernels import special
from mcmix.distributions.gamma import GAMMA
from mcmix.distributions.normal import NORMAL
from mcmix.kernels.machine import MACHINE
from mcmix.kernels import base
"""


def test_a_cold_process_finds_the_symbols() -> None:
    """Machine code from the disk cache names SciPy's functions: whoever imports it must have registered them."""
    code = IMPORTS + "".join(f"print({answer})\n" for answer in COLD)
    for _ in range(2):  # the first may compile, the second reads
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        np.testing.assert_allclose([float(line) for line in run.stdout.split()], list(COLD.values()), rtol=1e-14)


# ---- symbolic


@pytest.mark.parametrize("name", ["Normal", "StudentT", "Poisson"])
def test_log_density_of_symbols_is_recorded(name: str) -> None:
    family, parameters = FAMILIES[name], EXAMPLES[name].parameters[0]
    x = np.array([0.0, 1.0, 4.0])
    for one in (family, family.cumulative, family.survival):
        symbolic = one.log_density(leaf("x", (3,)), *parameters[:-1], leaf("last", ()))
        assert symbolic.op == "density"
        values = evaluate(symbolic, {"x": x, "last": parameters[-1]})
        np.testing.assert_array_equal(values, one.log_density(x, *parameters))
        assert isinstance(one.log_density(x, *parameters), np.ndarray)


def test_a_family_without_them_says_so() -> None:
    with pytest.raises(TypeError, match="VonMises has no cumulative function"):
        _ = FAMILIES["VonMises"].cumulative
