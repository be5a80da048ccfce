"""Where a variational ascent ends: the rule that stops it, combined steps, and moves between optima."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.variational.ascent import combined
from mcmix.variational.convergence import Tolerance

CENTRES = np.array([0.0, 6.0, 12.0])


def line(x, n=3):
    """Normal components with unknown means, precisions and weights."""
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(n)), size=len(x))
    mu, tau = mc.Normal("mu", 5.0, 0.01, size=n), mc.Gamma("tau", 2.0, 2.0, size=n)
    return mc.Mixture("y", z, mc.Normal, mu, tau, value=x, observed=True)


def crossed(seed, each=30):
    """Four overlapping normal clusters in the plane."""
    rng = np.random.default_rng(seed)
    shapes = [np.diag([2.0, 0.1]), np.diag([0.1, 2.0]), [[2.0, -1.5], [-1.5, 2.0]], 0.5 * np.eye(2)]
    places = [[0.0, 0.0], [0.0, 0.0], [2.0, 2.0], [-2.0, -2.0]]
    return np.concatenate([rng.multivariate_normal(m, c, each) for m, c in zip(places, shapes, strict=True)])


def plane(x, n=6, weight=1.0):
    """Normal components in the plane."""
    z = mc.Categorical("z", mc.Dirichlet("w", np.full(n, weight)), size=len(x))
    mu = mc.MvNormal("mu", np.zeros(2), 0.1 * np.eye(2), size=n)
    precision = mc.Wishart("precision", 4, np.eye(2), size=n)
    return mc.Mixture("y", z, mc.MvNormal, mu, precision, value=x, observed=True)


def ended(y, labels, **options):
    """An ascent from given labels."""
    return mc.VB([y]).initialize_from_value({"z": labels}).update(**{"repeat": 3000, "verbose": False, **options})


def three(rng, each=40):
    """Rows around three centres, and the labels of a poor optimum: two components on one cluster, one over two."""
    x = np.concatenate([rng.normal(m, 1.0, each) for m in CENTRES])
    return x, np.concatenate([np.zeros(2 * each), 1 + (x[2 * each :] > CENTRES[2])]).astype(int)


# -------------------------------------------------------------------- when to stop


def test_slow_gains_are_no_rest():
    """Gains below the tolerance whose sum is not: geometric ones that shrink slowly."""
    gains = 5e-4 * 0.99 ** np.arange(2000)
    bounds = np.concatenate([[0.0], np.cumsum(gains)])[:, None]
    stops = [i for i in range(2, 2001) if Tolerance(1e-3).reached(bounds[:i])[0]]
    left = gains.sum() - bounds[stops[0] - 1, 0]
    assert 0.5e-3 < left <= 1.05e-3


def test_the_rule_of_nats_and_the_relative_one():
    bounds = np.array([-700_000.0, -699_995.0, -699_994.0, -699_993.8])[:, None]
    assert Tolerance(relative=1e-5).reached(bounds)[0] and not Tolerance(1e-3).reached(bounds)[0]
    assert not Tolerance(1e-3).reached(bounds[::-1])[0]  # a fall
    assert not Tolerance(1e-3).reached(np.full((3, 1), np.nan))[0]
    assert Tolerance(0.0).reached(np.ones((5, 1)))[0]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_is_less_than_was_said(seed):
    x, labels = crossed(seed), np.random.default_rng(seed).integers(0, 6, 120)
    for accelerate in (False, True):
        q = ended(plane(x), labels, moves=False, accelerate=accelerate, nats=1e-2)
        assert q.has_converged
        assert q.L <= q.update(repeat=3000, nats=1e-9, moves=False, accelerate=False, verbose=False).L < q.L + 1e-2


def test_the_bound_that_is_told_is_that_of_the_factors():
    x, labels = three(np.random.default_rng(1))
    for options in ({}, {"moves": False}, {"repeat": 12, "nats": 0.0}, {"accelerate": False}):
        q = ended(line(x), labels, **options)
        assert q.L == pytest.approx(q._engine.bound([0])[0], rel=1e-14)
        assert q.L >= q.bound[-1] and (not q.has_converged or q.L == q.bound[-1])


# -------------------------------------------------------------------- combined steps


def test_a_linear_iteration_is_solved_by_as_many_steps_as_it_has_dimensions():
    rng = np.random.default_rng(2)
    matrix = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    matrix = matrix @ np.diag([0.99, 0.9, 0.5, -0.3]) @ matrix.T
    x, points, residuals = np.zeros(4), [], []
    for _ in range(6):
        y = matrix @ x + np.ones(4)
        points, residuals, x = [*points, y], [*residuals, y - x], y
    fixed = np.linalg.solve(np.eye(4) - matrix, np.ones(4))
    np.testing.assert_allclose(combined(points, residuals, np.ones(4)), fixed, rtol=1e-4)


def test_accelerated_ascents_never_fall_and_take_fewer_iterations():
    """From near a rest, so that both ways lead there."""
    taken = np.zeros(2)
    for seed in range(5):
        x = crossed(seed, 100)
        start = ended(plane(x), np.arange(400) % 6, moves=False, accelerate=False, repeat=100, nats=0.0)
        found = []
        for i, accelerate in enumerate((False, True)):
            q = mc.VB([plane(x)]).initialize_from_random(seed=1)
            q._engine.put(start._engine.state())
            q.update(repeat=5000, nats=1e-6, moves=False, accelerate=accelerate, verbose=False)
            assert q.has_converged and (np.diff(q.bound) >= -1e-12 * np.abs(q.L)).all()
            taken[i] += q.iterations
            found.append(q.L)
        assert found[1] == pytest.approx(found[0], abs=1e-4)
    assert taken[1] < 0.7 * taken[0]


def test_a_combined_step_that_leads_lower_is_taken_back(monkeypatch):
    """Whatever is proposed, the bound rises, and the ascent is that of plain steps."""
    rng = np.random.default_rng(3)
    monkeypatch.setattr(
        "mcmix.variational.ascent.combined", lambda points, residuals, w: points[-1] + rng.normal(size=len(points[-1]))
    )
    x, labels = three(np.random.default_rng(3))
    wild = ended(line(x), labels, moves=False)
    plain = ended(line(x), labels, moves=False, accelerate=False)
    assert wild._search.ascent.refused > 0
    assert (np.diff(wild.bound) >= 0.0).all() and wild.L == pytest.approx(plain.L, abs=1e-2)


# -------------------------------------------------------------------- moves


@pytest.mark.parametrize("seed", range(4))
def test_a_poor_optimum_is_left(seed):
    x, labels = three(np.random.default_rng(seed))
    stuck, found = ended(line(x), labels, moves=False), ended(line(x), labels)
    best = ended(line(x), np.repeat(np.arange(3), 40))
    assert np.abs(np.sort(stuck["mu"].mean) - CENTRES).max() > 2.0
    np.testing.assert_allclose(np.sort(found["mu"].mean), CENTRES, atol=0.6)
    assert found.L > stuck.L + 10.0 and found.L == pytest.approx(best.L, abs=0.01)
    assert (np.diff(found.bound) >= 0.0).all()


def test_components_too_many_are_emptied():
    x = np.concatenate([np.random.default_rng(4).normal(m, 0.5, (60, 2)) for m in (-3.0, 3.0)])
    labels = np.random.default_rng(5).integers(0, 6, 120)
    q = ended(plane(x, weight=1e-3), labels)
    assert (q.memberships().sum(0) > 0.5).sum() == 2
    assert q.L == pytest.approx(ended(plane(x, weight=1e-3), np.repeat([0, 1], 60)).L, abs=0.01)


def test_the_same_seed_and_the_same_start_give_the_same_answer():
    x = crossed(1)
    first, same = (mc.VB([plane(x)]).update(seed=7, verbose=False) for _ in range(2))
    np.testing.assert_array_equal(first.bound, same.bound)
    np.testing.assert_array_equal(first["mu"].mean, same["mu"].mean)
    labels = np.random.default_rng(1).integers(0, 6, 120)
    np.testing.assert_array_equal(ended(plane(x), labels).bound, ended(plane(x), labels).bound)


def test_never_below_the_plain_ascent_from_the_same_start():
    for seed in range(10):
        x, labels = crossed(seed), np.random.default_rng(100 + seed).integers(0, 6, 120)
        plain = ended(plane(x), labels, moves=False, accelerate=False)
        assert ended(plane(x), labels).L >= plain.L - 1e-3, seed


@pytest.mark.parametrize("kind", ["poisson", "categorical", "multinomial", "bernoulli labels"])
def test_other_families_move_too(kind):
    """Moves are arithmetic on what a pass adds up, whatever that is."""
    rng = np.random.default_rng(6)
    y = _family(kind, rng, 60)
    q = ended(y, rng.integers(0, 2, 60))
    assert q.has_converged and (np.diff(q.bound) >= -1e-12 * np.abs(q.L)).all()
    again = q.L
    assert q.update(verbose=False).L == pytest.approx(again, abs=2e-3)


def _family(kind, rng, n):
    labels = np.repeat([0, 1], n // 2)
    if kind == "bernoulli labels":
        z = mc.Bernoulli("z", mc.Beta("p", 1.0, 1.0), size=n)
        mu = mc.Normal("mu", 0.0, 0.01, size=2)
        return mc.Mixture("y", z, mc.Normal, mu, 1.0, value=rng.normal(5.0 * labels, 1.0), observed=True)
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(4)), size=n)
    if kind == "poisson":
        rate = mc.Gamma("rate", 1.0, 0.1, size=4)
        return mc.Mixture("y", z, mc.Poisson, rate, value=rng.poisson(2.0 + 9.0 * labels), observed=True)
    table = mc.Dirichlet("table", np.ones(3), size=4)
    shares = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    if kind == "categorical":
        x = np.array([rng.choice(3, p=shares[k]) for k in labels])
        return mc.Mixture("y", z, mc.Categorical, table, value=x, observed=True)
    x = np.array([rng.multinomial(8, shares[k]) for k in labels])
    return mc.Mixture("y", z, mc.Multinomial, 8, table, value=x, observed=True)


def test_components_that_priors_tell_apart_stay_as_they_are():
    """Nothing is exchangeable: moves off or on is the same ascent."""
    x, labels = three(np.random.default_rng(7))
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=len(x))
    mu = mc.Normal("mu", [0.0, 1.0, 2.0], 0.01)
    y = mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)
    np.testing.assert_array_equal(ended(y, labels).bound, ended(y, labels, moves=False).bound)


def test_a_start_from_some_of_the_rows(monkeypatch):
    """Where passes are long: the bound told is that of all rows, and as high as from the true labels."""
    monkeypatch.setattr("mcmix.variational.starts.LONG", 1000)
    for place in ("starts", "search"):
        monkeypatch.setattr(f"mcmix.variational.{place}.THINNED", 6000)
    rng = np.random.default_rng(9)
    x = np.concatenate([rng.normal(m, 1.0, (1500, 2)) for m in (-3.0, 3.0)])
    first, same = (mc.VB([plane(x)]).update(seed=1, verbose=False) for _ in range(2))
    np.testing.assert_array_equal(first.bound, same.bound)
    assert first._engine.passes[0].every == 1 and (np.diff(first.bound) >= -1e-9).all()
    assert first.L == pytest.approx(ended(plane(x), np.repeat([0, 1], 1500)).L, abs=0.01)
    np.testing.assert_allclose(first.memberships().sum(1), 1.0)


def test_what_update_refuses():
    y = line(three(np.random.default_rng(8))[0])
    for name in ("nats", "tol"):
        with pytest.raises(mc.ModelError, match=f"{name} expected a number"):
            mc.VB([y]).update(**{name: -1.0})
