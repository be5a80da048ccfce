"""Log densities far into the tails, against the textbook formulas in 50 digits (tests/exact_densities.py)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mcmix.distributions import special
from mcmix.distributions.table import FAMILIES
from tests.exact_densities import SCALAR_LAWS, evaluated, log_beta, log_choose, mp
from tests.exact_events import EVENT_LAWS, many_digits

RELATIVE = 1e-12  # of the sum of the sizes of a formula's terms
EPSILON = 2.0**-52

# Log gamma of arguments near 1 and 2 has an absolute error, since it is a difference of numbers near 10: so little
# of the density itself.
ABSOLUTE = 3e-14


def exact(law: Any, values: list[tuple[Any, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Log densities, and the sums of the sizes of their terms."""
    found = [evaluated(law.terms, v) for v in values]
    return np.array([f[0] for f in found]), np.array([f[1] for f in found])


def worst(found: np.ndarray, expected: np.ndarray, allowed: np.ndarray, values: Any) -> str:
    """What is furthest off, if anything is; NaN is off."""
    with np.errstate(invalid="ignore"):
        off = ~((found == expected) | (np.abs(found - expected) <= allowed))
        far = np.where(off, np.abs(found - expected) / allowed, -1.0)
    if not off.any():
        return ""
    i = int(np.nanargmax(np.where(np.isnan(far), np.inf, far)))
    return f"{off.sum()} off, at {values[i]}: {found[i]!r}, expected {expected[i]!r} within {allowed[i]:.2g}"


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_textbook_formula(name: str) -> None:
    assert name in SCALAR_LAWS or name in EVENT_LAWS, f"add a row for {name} to tests/exact_densities.py"


@pytest.mark.parametrize("name", SCALAR_LAWS)
def test_log_densities_of_numbers(name: str) -> None:
    law = SCALAR_LAWS[name]
    found = FAMILIES[name].logpdf(*np.array(law.values, float).T)
    expected, sizes = exact(law, list(law.values))
    assert not worst(found, expected, RELATIVE * sizes + ABSOLUTE, law.values)


@pytest.mark.parametrize("name", EVENT_LAWS)
def test_log_densities_of_vectors_and_matrices(name: str) -> None:
    """Where the distribution has a Cholesky factor, its rounding is allowed for: see `rounding`."""
    law = EVENT_LAWS[name]
    found = np.array([float(FAMILIES[name].logpdf(*values)) for values in law.values])
    expected, sizes = exact(law, [many_digits(values) for values in law.values])
    dimension = np.array([max(np.shape(v)[0] for v in values if np.ndim(v)) for values in law.values])
    rounding = np.array([law.rounding(*values) for values in law.values])
    allowed = RELATIVE * sizes + ABSOLUTE + EPSILON * dimension**2 * rounding
    assert not worst(found, expected, allowed, law.values)


@pytest.mark.parametrize("name", SCALAR_LAWS)
def test_one_set_of_parameters_for_many_values(name: str) -> None:
    """The other loop of the kernel, of which the compiler moves out what depends on parameters alone."""
    family = FAMILIES[name]
    if family.scalar_logpdf is None:
        return
    for values in np.array(SCALAR_LAWS[name].values, float)[::50]:
        shared = np.array([family.scalar_logpdf(*values.tolist()), *family.logpdf(values[:1], *values[1:])])
        assert not np.isnan(shared).any()
        np.testing.assert_allclose(shared[0], shared[1], rtol=1e-13, atol=ABSOLUTE)


def test_the_comparison_sees_a_rounding_error() -> None:
    """Three log gammas where a beta function is meant: what the package once had."""
    x, n = 2.0, 1e9
    naive = math.lgamma(n + 1.0) - math.lgamma(x + 1.0) - math.lgamma(n - x + 1.0)
    true = float(log_choose(mp.mpf(n), mp.mpf(x)))
    assert worst(np.array([naive]), np.array([true]), np.array([RELATIVE * true + ABSOLUTE]), [x])
    assert worst(np.array([math.nan]), np.array([true]), np.array([1.0]), [x])
    np.testing.assert_allclose(special.log_choose(n, x), true, rtol=1e-15)


@pytest.mark.parametrize("one", [1e-300, 1e-3, 0.5, 1.0, 7.9, 8.0, 1e3, 1e9, 1e15])
@pytest.mark.parametrize("other", [1e-10, 0.3, 8.0, 1e6, 1e12])
def test_log_beta(one: float, other: float) -> None:
    with mp.workdps(60):
        expected = float(log_beta(mp.mpf(one), mp.mpf(other)))
    np.testing.assert_allclose(special.log_beta(one, other), expected, rtol=2e-14, atol=ABSOLUTE)
    assert special.log_beta(one, other) == special.log_beta(other, one)


# -------------------------------------------------------------------- narrow stretches of a normal distribution


@pytest.mark.parametrize("lower", [-1e3, -38.0, -2.0, 0.0, 0.5, 5.0, 40.0])
def test_the_mass_of_a_stretch_of_any_width(lower: float) -> None:
    widths = np.geomspace(1e-12, 1e3, 61)
    upper = lower + widths
    found = FAMILIES["Normal"].interval.logpdf(lower, 0.0, 1.0, upper)
    with mp.workdps(350):  # one less a mass of 1e-316 still shows
        sign = 1 if lower > 0 else -1
        tails = [mp.erfc(sign * mp.mpf(b) / mp.sqrt(2)) / 2 for b in (lower, *upper.tolist())]
        ends = [sign * (tails[0] - tail) for tail in tails[1:]]
        expected = np.array([float(mp.log(mass)) for mass in ends])
    assert not worst(found, expected, RELATIVE * np.abs(expected) + ABSOLUTE, upper)


def test_the_mass_of_stretches_without_width_or_end() -> None:
    interval = FAMILIES["Normal"].interval.logpdf
    assert interval(1.0, 0.0, 1.0, 1.0) == -np.inf
    assert interval(2.0, 0.0, 1.0, 1.0) == -np.inf
    assert interval(-np.inf, 0.0, 1.0, np.inf) == 0.0
    assert interval(0.0, 0.0, -1.0, 1.0) == -np.inf
    np.testing.assert_allclose(interval(-np.inf, 3.0, 4.0, 2.0), stats.norm(3.0, 0.5).logcdf(2.0), rtol=1e-14)
    np.testing.assert_allclose(interval(2.0, 3.0, 4.0, np.inf), stats.norm(3.0, 0.5).logsf(2.0), rtol=1e-13)
