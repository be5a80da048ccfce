"""Polya-Gamma numbers against their Laplace transform and moments."""

import numpy as np
import pytest

from mcmix.kernels.polya_gamma import polya_gamma

N = 40_000


def draws(psi, seed):
    rng = np.random.default_rng(seed)
    stream = int(rng.bit_generator.ctypes.bit_generator.value)
    return np.array([polya_gamma(stream, psi) for _ in range(N)])


@pytest.mark.parametrize("psi", [0.0, 0.3, -1.0, 2.0, 3.2, 8.0, -40.0])
def test_the_laplace_transform(psi):
    """E exp(-t x) = cosh(psi / 2) / cosh(sqrt(psi^2 / 4 + t / 2)): Polson, Scott and Windle (2013), equation 4."""
    x = draws(psi, 3)
    assert (x > 0.0).all()
    for t in (0.5, 2.0, 10.0):
        half, whole = abs(psi) / 2.0, np.sqrt(psi * psi / 4.0 + t / 2.0)
        expected = np.exp(half - whole) * (1.0 + np.exp(-2.0 * half)) / (1.0 + np.exp(-2.0 * whole))
        values = np.exp(-t * x)
        assert abs(values.mean() - expected) < 4.5 * values.std() / np.sqrt(N)


def test_moments():
    for psi in (0.5, 4.0):
        x = draws(psi, 5)
        mean = np.tanh(psi / 2.0) / (2.0 * psi)
        variance = (np.sinh(psi) - psi) / (4.0 * psi**3 * np.cosh(psi / 2.0) ** 2)
        assert abs(x.mean() - mean) < 4.5 * np.sqrt(variance / N)
        assert x.var() == pytest.approx(variance, rel=0.05)


def test_large_tilts_are_no_overflow():
    x = draws(2000.0, 7)
    assert np.isfinite(x).all()
    assert x.mean() == pytest.approx(1.0 / 4000.0, rel=0.01)
