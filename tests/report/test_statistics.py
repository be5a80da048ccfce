"""Statistics of one variable: known distributions, a plain-loop twin, shapes and edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mcmix.report import statistics
from mcmix.report.statistics import batch_error, hpd, node_statistics
from tests.synthetic import autoregressive


def shortest_by_trying_all(values: list[float], alpha: float) -> float:
    """Width of the shortest interval between two draws with a share 1 - alpha strictly above its lower end."""
    ordered = sorted(values)
    steps = min(int((1 - alpha) * len(ordered)), len(ordered) - 1)
    return min(ordered[i + steps] - ordered[i] for i in range(len(ordered) - steps))


def test_keys_are_those_of_pymc_2():
    found = node_statistics(np.zeros((2, 5)))
    assert list(found) == ["n", "mean", "standard deviation", "mc error", "quantiles", "95% HPD interval"]
    assert list(found["quantiles"]) == [2.5, 25, 50, 75, 97.5]


@pytest.mark.parametrize(
    ("alpha", "key"), [(0.1, "90% HPD interval"), (0.32, "68% HPD interval"), (0.001, "99.9% HPD interval")]
)
def test_interval_is_named_after_alpha(alpha, key):
    assert key in node_statistics(np.zeros((1, 9)), alpha=alpha)


def test_normal_draws():
    draws = np.random.default_rng(11).normal([3.0, -1.0], [2.0, 0.5], size=(4, 5000, 2))
    found = node_statistics(draws)
    scale, n = np.array([2.0, 0.5]), 20_000
    assert found["n"] == n
    assert np.all(np.abs(found["mean"] - [3.0, -1.0]) < 4 * scale / np.sqrt(n))
    assert np.all(np.abs(found["standard deviation"] - scale) < 4 * scale / np.sqrt(2 * n))
    assert found["mc error"] == pytest.approx(scale / np.sqrt(n), rel=4 / np.sqrt(2 * 100))
    for percent, value in found["quantiles"].items():
        exact = stats.norm(0, 1).ppf(percent / 100)
        error = np.sqrt(percent / 100 * (1 - percent / 100) / n) / stats.norm.pdf(exact)
        assert np.all(np.abs((value - [3.0, -1.0]) / scale - exact) < 4 * error)


def test_correlated_draws_have_a_larger_error():
    draws = autoregressive(np.random.default_rng(12), 4, 20_000, 0.8)
    exact = np.sqrt((1 + 0.8) / (1 - 0.8) / draws.size)
    assert batch_error(draws) == pytest.approx(exact, rel=4 / np.sqrt(2 * 100))


def test_no_batch_spans_two_chains():
    levels = np.array([[0.0] * 7, [1.0] * 7])
    # three batches of two draws per chain, the first draw left out: means 0, 0, 0, 1, 1, 1
    assert batch_error(levels, batches=6) == pytest.approx(np.std([0, 0, 0, 1, 1, 1], ddof=1) / np.sqrt(6))


def test_left_out_draws_are_the_first():
    assert batch_error(np.array([[99.0, 1.0, 1.0, 3.0, 3.0]]), batches=2) == pytest.approx(1.0)


def test_one_sided_law_has_its_interval_at_the_edge():
    draws = np.random.default_rng(13).exponential(size=(4, 20_000))
    low, high = hpd(draws, 0.05)
    assert low < 0.01
    assert high == pytest.approx(-np.log(0.05), abs=0.1)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_interval_beside_its_twin(values, alpha):
    low, high = hpd(np.array([values]), alpha)
    assert high - low == shortest_by_trying_all(values, alpha)
    inside = np.mean((np.array(values) >= low) & (np.array(values) <= high))
    assert inside >= 1 - alpha - 1e-12


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,)])
def test_shapes(shape):
    found = node_statistics(np.random.default_rng(14).normal(size=(2, 50, *shape)))
    for key in ("mean", "standard deviation", "mc error"):
        assert found[key].shape == shape
    assert found["quantiles"][50].shape == shape
    assert found["95% HPD interval"].shape == (2, *shape)


def test_blocks_change_nothing(monkeypatch):
    draws = np.random.default_rng(15).integers(0, 5, size=(2, 30, 7)).astype(np.uint8)
    whole = node_statistics(draws)
    monkeypatch.setattr(statistics, "BLOCK_VALUES", 150)
    parts = node_statistics(draws)
    for key in ("mean", "mc error", "95% HPD interval"):
        np.testing.assert_allclose(whole[key], parts[key], rtol=1e-12)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int64, np.float32])
def test_types(dtype):
    draws = np.random.default_rng(16).integers(0, 2, size=(2, 100)).astype(dtype)
    found = node_statistics(draws)
    assert found["mean"] == pytest.approx(draws.astype(float).mean())
    np.testing.assert_array_equal(found["95% HPD interval"], [0, 1])


def test_small_integers_far_apart_do_not_wrap_around():
    np.testing.assert_array_equal(hpd(np.array([[-120, -120, 120, 120]], dtype=np.int8), 0.01), [-120, 120])


def test_one_draw():
    found = node_statistics(np.array([[2.5]]))
    assert found["mean"] == 2.5
    assert found["standard deviation"] == 0
    assert np.isnan(found["mc error"])
    np.testing.assert_array_equal(found["95% HPD interval"], [2.5, 2.5])


def test_not_a_number_stays_in_its_element():
    draws = np.random.default_rng(17).normal(size=(2, 50, 2))
    draws[1, 3, 0] = np.nan
    found = node_statistics(draws)
    assert np.isnan(found["95% HPD interval"][:, 0]).all()
    assert np.isfinite(found["95% HPD interval"][:, 1]).all()
    assert np.isfinite(found["mean"][1])


def test_infinite_draws_may_be_an_end():
    low, high = hpd(np.array([[-np.inf, 0.0, 1.0, 2.0]]), 0.4)
    assert (low, high) == (0.0, 2.0)


@pytest.mark.parametrize("draws", [np.zeros(5), np.zeros((0, 5)), np.zeros((2, 0, 3))])
def test_no_draws_are_refused(draws):
    with pytest.raises(ValueError, match="expected draws of shape"):
        node_statistics(draws)


@pytest.mark.parametrize("alpha", [0, 1, 5, -0.1, np.nan])
def test_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha: expected a number between 0 and 1"):
        hpd(np.zeros((1, 5)), alpha)
