"""Functions in plain arithmetic against extended precision, over all that doubles hold."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mcmix.kernels.elementary import exp, log, log_normal_mass, scaled_normal_tail, squared_sine

RNG = np.random.default_rng(41)
EPSILON = np.finfo(float).eps


def distance(found: list[float], exact: list[mpmath.mpf]) -> np.ndarray:
    """Relative errors, in units of a double's rounding (half a unit in the last place is 0.5 to 1 of these)."""
    pairs = zip(found, exact, strict=True)
    return np.array([float(abs(mpmath.mpf(f) - e) / abs(e)) / EPSILON if e else abs(f) / EPSILON for f, e in pairs])


@pytest.mark.parametrize(
    "values",
    [RNG.normal(1.0, 1e-3, 300), np.exp(RNG.uniform(-740.0, 709.0, 300)), RNG.uniform(0.4, 2.5, 300)],
    ids=["near one", "all magnitudes", "of size one"],
)
def test_logarithms(values: np.ndarray):
    exact = [mpmath.log(mpmath.mpf(float(v))) for v in values]
    assert distance([log(float(v)) for v in values], exact).max() < 1.0


def test_exponentials():
    values = np.concatenate([RNG.uniform(-707.0, 709.7, 400), RNG.normal(0.0, 1.0, 200), [709.0, 709.5, 709.78]])
    exact = [mpmath.exp(mpmath.mpf(float(v))) for v in values]
    # a unit of the series, one of the product with e beyond 709
    assert distance([exp(float(v)) for v in values], exact).max() < 2.0


def test_ends():
    assert [log(v) for v in (0.0, np.inf, 1.0)] == [-np.inf, np.inf, 0.0]
    assert np.isnan([log(-1.0), log(np.nan), exp(np.nan), log_normal_mass(np.nan)]).all()
    assert [exp(v) for v in (-np.inf, -800.0, 0.0, 709.79, np.inf)] == [0.0, 0.0, 1.0, np.inf, np.inf]
    assert [log_normal_mass(v) for v in (-np.inf, np.inf)] == [-np.inf, 0.0]


def test_the_log_of_the_normal_mass():
    values = np.concatenate([RNG.normal(0.0, 3.0, 300), RNG.uniform(-1e3, 5.0, 200), -(10.0 ** RNG.uniform(0, 6, 50))])
    with mpmath.workdps(60):
        exact = [mpmath.log(mpmath.erfc(-mpmath.mpf(float(v)) / mpmath.sqrt(2)) / 2) for v in values]
    # x**2 / 2 is rounded before it is an exponent: at 14, the farthest of these above zero, by 100 roundings
    allowed = 4.0 + 0.5 * np.where(values > 0.0, values**2, 0.0)
    assert (distance([log_normal_mass(float(v)) for v in values], exact) < allowed).all()


def test_the_scaled_tail():
    values = np.concatenate([[0.0], np.geomspace(1e-10, 25.0, 200)])
    with mpmath.workdps(40):
        exact = [mpmath.exp(mpmath.mpf(float(v)) ** 2) * mpmath.erfc(mpmath.mpf(float(v))) / 2 for v in values]
    assert distance([scaled_normal_tail(float(v)) for v in values], exact).max() < 5.0


def test_squared_sines():
    values = np.concatenate([RNG.uniform(-4.0, 4.0, 300), RNG.uniform(-1e6, 1e6, 100), [0.0, np.pi, -np.pi, 1e-200]])
    with mpmath.workdps(60):
        exact = np.array([float(mpmath.sin(mpmath.mpf(float(v))) ** 2) for v in values])
    found = np.array([squared_sine(float(v)) for v in values])
    np.testing.assert_allclose(found, exact, rtol=1e-15, atol=4 * EPSILON)
    np.testing.assert_allclose(found[:300], exact[:300], rtol=4 * EPSILON)
