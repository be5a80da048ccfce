"""Independent proposals: kernels beside plain NumPy, the order of components, and what is fitted to draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mcmix.kernels import independence as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.random import seeded_streams  # noqa: F401  (registers the samplers)
from mcmix.steps.basins import Components
from mcmix.steps.groups import Groups
from mcmix.steps.learned import sweeps_of_a_draw
from mcmix.steps.proposals import HEAVY, Proposals, fitted, most_parts, one_part, read, table_size


def mixture(d, m, seed=0):
    rng = np.random.default_rng(seed)
    factors = np.stack(
        [np.tril(rng.normal(0.0, 0.3, (d, d)), -1) + np.diag(rng.uniform(0.5, 1.5, d)) for _ in range(m)]
    )
    return Proposals(np.log(rng.dirichlet(np.full(m, 3.0))), rng.normal(0.0, 2.0, (m, d)), factors, 6.0)


def stream(seed):
    rng = np.random.Generator(np.random.SFC64(seed))
    return rng, int(rng.bit_generator.ctypes.bit_generator.value)


@pytest.mark.parametrize(("d", "m"), [(1, 1), (3, 2), (5, 4)])
def test_densities_of_kernel_and_numpy_are_those_of_scipy(d, m):
    these, rng = mixture(d, m), np.random.default_rng(1)
    points, table = rng.normal(0.0, 3.0, (20, d)), these.told()
    by_kernel = [kernels.log_proposal(table, d, p, np.zeros(d)) for p in points]
    parts = zip(these.means, these.factors, strict=True)
    each = np.stack([stats.multivariate_t(mean, f @ f.T, 6.0).logpdf(points) for mean, f in parts])
    expected = np.logaddexp.reduce(each.reshape(m, -1) + these.log_weights[:, None], axis=0)
    np.testing.assert_allclose(by_kernel, expected, rtol=1e-11)
    np.testing.assert_allclose(these.log_density(points), expected, rtol=1e-11)


def test_draws_of_kernel_and_numpy_have_the_mixtures_distribution():
    these, (kept, at) = mixture(3, 3, 2), stream(5)
    out, work, table = np.zeros(3), np.zeros(3), these.told()
    drawn = np.empty((20_000, 3))
    for row in drawn:
        kernels.propose(table, 3, out, work, at)
        row[:] = out
    assert kept is not None
    other = these.draws(20_000, np.random.default_rng(3))
    for j in range(3):
        assert stats.ks_2samp(drawn[:, j], other[:, j]).pvalue > 1e-4
    # the mean of exp(reference - own) over draws is one for any reference density
    wide = one_part(these.means.mean(0), 1.5 * np.eye(3), 20.0)
    ratio = np.exp(wide.log_density(drawn) - these.log_density(drawn))
    assert abs(ratio.mean() - 1.0) < 4.5 * ratio.std() / np.sqrt(len(ratio))


def test_a_table_is_read_as_it_was_told():
    these = mixture(4, 3)
    again = read(np.concatenate([these.told(), np.zeros(7)]), 4)
    np.testing.assert_allclose(again.means, these.means)
    np.testing.assert_allclose(again.factors, these.factors)
    np.testing.assert_allclose(again.log_weights, these.log_weights, rtol=1e-9)
    assert again.freedom == 6.0
    assert read(np.zeros(table_size(4)), 4) is None


# -------------------------------------------------------------------- the order of components


def groups(n):
    """Free coordinates: n locations, n - 1 log ratios of weights, n log scales."""
    lines, simplex = np.arange(n), np.arange(n, 2 * n - 1)
    return Groups(Components(n, [lines], [np.arange(2 * n - 1, 3 * n - 1)], [simplex]))


def unpacked(point, n):
    weights = np.exp(np.append(point[n : 2 * n - 1], 0.0))
    return point[:n], weights / weights.sum(), point[2 * n - 1 :]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_components_are_brought_to_order_and_back(n, seed):
    told, point = groups(n), np.random.default_rng(seed).normal(0.0, 2.0, 3 * n - 1)
    order, out, back = np.zeros(n), np.zeros(point.size), np.zeros(point.size)
    kernels.find_order(address_of(told.told), n, point, order)
    kernels.bring_to_order(address_of(told.told), len(told.told), n, point, order, out, False)
    by = np.argsort(point[:n])
    np.testing.assert_array_equal(order, by)
    for mine, theirs in zip(unpacked(out, n), unpacked(point, n), strict=True):
        np.testing.assert_allclose(mine, theirs[by], rtol=1e-12)
    assert kernels.is_ordered(address_of(told.told), n, out)
    np.testing.assert_allclose(told.order_map(point) @ point, out, rtol=1e-12, atol=1e-12)
    kernels.bring_to_order(address_of(told.told), len(told.told), n, out, order, back, True)
    np.testing.assert_allclose(back, point, rtol=1e-12, atol=1e-12)


def test_components_with_few_units_are_picked_evenly():
    n, told = 4, groups(4)
    point = np.concatenate([np.zeros(n), np.log([0.4, 0.01, 0.001]) - np.log(0.589), np.zeros(n)])
    kept, at = stream(1)
    room = np.zeros(point.size)
    picked = [kernels.picked(address_of(told.told), 3, n, point, 0.02, room, at) for _ in range(4000)]
    assert kept is not None
    assert set(picked) == {1, 2}
    assert abs(np.mean(np.array(picked) == 1) - 0.5) < 4.5 * 0.5 / np.sqrt(4000)
    assert kernels.picked(address_of(told.told), 3, n, point, 1e-4, room, at) == -1


def test_groups_without_components_are_none():
    nothing = Groups(None)
    assert nothing.n_components == 0
    assert not nothing.exchangeable
    assert not nothing.redrawn
    named = Groups(Components(2, [np.arange(2)], [], [np.array([2])], named=True))
    assert named.redrawn
    assert not named.exchangeable


# -------------------------------------------------------------------- what is fitted


def test_a_mixture_is_found_where_one_part_is_not_enough():
    truth = Proposals(np.log([0.7, 0.3]), np.array([[-4.0, 0.0], [4.0, 1.0]]), np.stack([np.eye(2), 0.3 * np.eye(2)]))
    points = truth.draws(1600, np.random.default_rng(2))
    found = fitted(points, [one_part(points.mean(0), 4.0 * np.eye(2))], np.random.default_rng(3))
    fresh = truth.draws(4000, np.random.default_rng(4))
    lost = (truth.log_density(fresh) - found.log_density(fresh)).mean()
    # 11 numbers from 1600 draws lose 11 / 3200 nats; variances are widened by a tenth, and a part or two more are had
    assert 0.0 < lost < 0.06


def test_what_is_known_is_kept_where_draws_say_no_better():
    truth = one_part(np.zeros(12), np.eye(12))
    points = truth.draws(120, np.random.default_rng(2))
    assert fitted(points, [truth], np.random.default_rng(3)) is truth


@pytest.mark.parametrize("d", [1, 2, 30])
def test_few_points_fit_nothing_or_something_that_is_a_density(d):
    points = np.random.default_rng(1).standard_normal((6, d))
    found = fitted(points, [], np.random.default_rng(2))
    assert found is None or np.isfinite(found.log_density(points)).all()
    assert fitted(points[:0], [], np.random.default_rng(2)) is None


def test_points_that_do_not_move_in_a_direction_are_a_density_all_the_same():
    points = np.random.default_rng(1).standard_normal((200, 2)) * [1.0, 0.0]
    found = fitted(points, [], np.random.default_rng(2))
    assert np.isfinite(found.log_density(points)).all()


def test_points_that_are_no_numbers_or_stand_still_end_no_run():
    points = np.random.default_rng(1).standard_normal((200, 2))
    points[3] = np.inf, np.nan
    assert np.isfinite(fitted(points, [], np.random.default_rng(2)).log_density(points[:3])).all()
    known = one_part(np.zeros(2), np.eye(2))
    assert fitted(np.zeros((200, 2)), [known], np.random.default_rng(2)) is not None
    assert fitted(np.full((200, 2), np.nan), [], np.random.default_rng(2)) is None


def test_tables_are_as_large_as_they_may_become():
    for d in (1, 5, 29, 60):
        these = Proposals(
            np.full(most_parts(d), -np.log(most_parts(d))),
            np.zeros((most_parts(d), d)),
            np.repeat(np.eye(d)[None], most_parts(d), 0),
            HEAVY,
        )
        assert these.told().size == table_size(d)


def test_sweeps_of_a_draw_are_those_of_an_autoregression():
    rng, rho = np.random.default_rng(3), 0.9
    chains = []
    for _ in range(64):
        x = np.zeros(3000)
        for t in range(1, x.size):
            x[t] = rho * x[t - 1] + rng.standard_normal()
        chains.append(x[200:, None])
    # (1 + rho) / (1 - rho) = 19; the variance of 64 means has a relative error of sqrt(2 / 63) = 0.18
    assert 19 * (1 - 4 * 0.18) < sweeps_of_a_draw(chains) < 19 * (1 + 4 * 0.18)
    assert sweeps_of_a_draw(chains[:1]) == 1.0
    assert sweeps_of_a_draw([c[:10] for c in chains]) == 1.0
