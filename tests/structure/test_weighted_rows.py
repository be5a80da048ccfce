"""Few weighted rows keep what the log likelihood needs of many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mcmix.structure.weighted_rows import ORDER, distinct, quadrature

reals = st.floats(-50.0, 50.0, allow_nan=False, width=32)


@given(arrays(float, st.integers(1, 200), elements=reals), st.floats(0.5, 20.0))
def test_moments_of_every_bin_are_kept(x, width):
    rows = quadrature(x, width)
    assert np.all(rows.weights > 0.0) and rows.n_rows <= len(x)
    bins, own = (np.floor((v - x.min()) / width).astype(int) for v in (x, rows.values))
    centre = x.min() + width * (0.5 + np.arange(bins.max() + 1))
    for power in range(2 * ORDER):
        left = np.bincount(bins, ((x - centre[bins]) / width) ** power, bins.max() + 1)
        # a node may come to lie on a border, and be counted by its neighbour
        at = np.clip(own, 0, bins.max())
        right = np.bincount(at, rows.weights * ((rows.values - centre[at]) / width) ** power, bins.max() + 1)
        if np.array_equal(np.unique(at), np.unique(bins)):
            np.testing.assert_allclose(right.sum(), left.sum(), atol=1e-6 * (1 + len(x)))


@given(arrays(float, st.integers(1, 100), elements=st.integers(-5, 5)))
def test_distinct_values_count_what_is_there(x):
    rows = distinct(x)
    assert rows.exact and rows.weights.sum() == len(x)
    assert np.repeat(rows.values, rows.weights.astype(int)).tolist() == sorted(x.tolist())


def test_sums_of_smooth_functions_are_kept_to_rounding():
    x = np.random.default_rng(1).gamma(2.0, 2.0, 100_000)
    rows = quadrature(x, 0.25)
    assert rows.n_rows < len(x) / 100
    for f in (np.sin, lambda v: np.log1p(v * v), lambda v: np.logaddexp(-((v - 1) ** 2), -((v - 5) ** 2) / 2)):
        assert (rows.weights * f(rows.values)).sum() == pytest.approx(f(x).sum(), abs=1e-6)


def test_the_error_falls_with_the_width_as_twelve_moments_promise():
    x = np.random.default_rng(2).normal(size=50_000)

    def error(width):
        rows = quadrature(x, width)
        own, all_ = (np.logaddexp(-((v - 1) ** 2), -((v + 1) ** 2)) for v in (rows.values, x))
        return abs((rows.weights * own).sum() - all_.sum())

    assert error(1.0) < error(2.0) / 100


@pytest.mark.parametrize("x", [np.zeros(50), np.array([3.0]), np.repeat([1.0, 2.0, 4.0], 20), np.arange(7.0) * 1e-9])
def test_ties_and_few_values_have_as_many_nodes(x):
    rows = quadrature(x, 10.0)
    assert rows.n_rows <= max(len(np.unique(x)), 1)
    assert rows.weights.sum() == pytest.approx(len(x))
    assert (rows.weights * rows.values).sum() == pytest.approx(x.sum(), abs=1e-9)


def test_far_from_zero_digits_are_kept():
    x = 1e8 + np.random.default_rng(3).normal(0.0, 0.1, 10_000)
    rows = quadrature(x, 0.1)
    about = x.mean()
    assert (rows.weights * (rows.values - about) ** 2).sum() == pytest.approx(((x - about) ** 2).sum(), rel=1e-6)
