"""What is said of draws while they come: beside all draws at once."""

import numpy as np
import pytest

from mcmix.sampling.running import Running


def taken(draws, cuts):
    seen = Running(draws.shape[0], [str(i) for i in range(draws.shape[2])])
    for piece in np.split(draws, cuts, axis=1):
        seen.take(piece)
    return seen


@pytest.mark.parametrize("n", [1, 7, 63, 64, 65, 1000, 4099])
def test_pieces_do_not_matter(n):
    rng = np.random.default_rng(n)
    draws = rng.normal(1e6, 2.0, (3, n, 2))
    one, other = taken(draws, []), taken(draws, np.sort(rng.integers(0, n, 9)))
    assert (one.length, one.filled, one.count) == (other.length, other.filled, other.count)
    np.testing.assert_allclose(one.means, draws.mean(axis=(0, 1)), rtol=1e-14)
    np.testing.assert_allclose(other.means, one.means, rtol=1e-14)
    np.testing.assert_allclose(one.deviations, draws.std(axis=(0, 1)), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.batches, one.batches + one.length * (one.origin - other.origin), atol=1e-5)


def autoregression(phi, n_chains, n):
    noise = np.random.default_rng(3).normal(size=(n_chains, n + 500))
    values = np.zeros_like(noise)
    for i in range(1, noise.shape[1]):
        values[:, i] = phi * values[:, i - 1] + noise[:, i]
    return values[:, 500:, None]


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_effective_draws_of_an_autoregression(phi):
    """Four chains have 128 to 256 batches: a variance from so many is off by 10 % (one standard error)."""
    draws = autoregression(phi, 4, 20_000)
    exact = draws.size * (1 - phi) / (1 + phi)
    found = taken(draws, np.arange(100, 20_000, 100)).effective[0]
    assert 0.6 * exact < found < 1.6 * exact


def test_chains_that_disagree_and_numbers_that_stand_still():
    apart = np.random.default_rng(4).normal(size=(4, 2000, 1)) + np.arange(4)[:, None, None]
    seen = taken(np.concatenate([apart, np.ones((4, 2000, 1))], axis=2), [])
    assert seen.effective[0] < 10 and np.isnan(seen.effective[1])
    assert seen.fewest[0] == "0"


def test_too_few_draws_say_nothing():
    assert taken(np.random.default_rng(5).normal(size=(4, 9, 1)), []).fewest is None
    assert Running(4, []).fewest is None


def test_it_goes_on_from_its_arrays():
    draws = np.random.default_rng(6).normal(size=(2, 900, 3))
    first = taken(draws[:, :500], [])
    second = Running(2, first.names)
    second.put({n: x.copy() for n, x in first.arrays().items()})
    for one in (first, second):
        one.take(draws[:, 500:])
    for name, values in first.arrays().items():
        np.testing.assert_array_equal(second.arrays()[name], values)
