"""Annealing of a variational posterior, its files, and what its bound is worth after a start."""

import numpy as np
import pytest

import mcmix as mc

RNG = np.random.default_rng(11)
X = np.concatenate([RNG.normal(c, 1.0, 40) for c in (-6.0, 0.0, 6.0)])


def mixture(n_labels=3):
    w = mc.Dirichlet("w", np.ones(n_labels))
    z = mc.Categorical("z", w, size=len(X))
    mu = mc.Normal("mu", 0.0, 0.01, size=n_labels)
    tau = mc.Gamma("tau", 2.0, 2.0, size=n_labels)
    return mc.Mixture("y", z, mc.Normal, mu, tau, value=X, observed=True)


def test_annealing_ends_where_no_power_is_left():
    q = mc.VB([mixture()]).update(annealing=0.1, seed=1, tol=1e-12, verbose=False)
    assert q.has_converged and (np.diff(q.bound) >= -1e-9 * abs(q.L)).all()
    best = mc.VB([mixture()]).update(seed=1, tol=1e-12, verbose=False)
    assert abs(q.L - best.L) < 1e-6 * abs(best.L)


@pytest.mark.parametrize("power", [0.15, 0.6])
def test_the_tempered_bound_never_falls_at_a_fixed_power(power):
    q = mc.VB([mixture()]).initialize_from_random(seed=3)
    engine = q._engine
    engine.temper(power)
    bounds = []
    for _ in range(40):
        bounds.append(engine.bound([0])[0])
        engine.update()
    assert (np.diff(bounds) >= -1e-9 * abs(bounds[-1])).all()
    assert bounds[-1] > bounds[0]


def test_a_small_power_lets_components_be_alike():
    """At a high temperature all components are one: that is why an annealed run forgets its start."""
    q = mc.VB([mixture()]).initialize_from_random(seed=3)
    q._engine.temper(0.005)
    for _ in range(300):
        q._engine.weigh([0])
        q._engine.update()
    assert np.ptp(q["mu"].mean) < 1e-3


def test_annealing_takes_over_from_a_start():
    q = mc.VB([mixture()]).initialize_from_value({"mu": np.array([-6.0, 0.0, 6.0])})
    q.update(annealing=(0.5, 10), verbose=False)
    assert q.has_converged and q.bound.size == q.iterations


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.2, "slow", (2.0, 10)])
def test_impossible_powers(wrong):
    with pytest.raises(mc.ModelError, match="annealing expected a power between 0 and 1"):
        mc.VB([mixture()]).update(annealing=wrong, verbose=False)


def test_restarts_and_annealing_are_not_mixed():
    with pytest.raises(mc.ModelError, match="restarts and annealing"):
        mc.VB([mixture()]).update(annealing=0.2, restarts=5, verbose=False)


def test_saved_and_loaded(tmp_path):
    q = mc.VB([mixture()]).update(repeat=5, seed=2, restarts=1, verbose=False)
    path = q.save(tmp_path / "ascent")
    assert path.name == "ascent.npz"
    again = mc.VB([mixture()]).load(path)
    assert np.array_equal(again.bound, q.bound) and again.has_converged == q.has_converged
    for name in ("w", "mu", "tau"):
        assert np.array_equal(again[name].mean, q[name].mean)
    assert np.array_equal(again.memberships(), q.memberships())
    q.update(tol=1e-10, verbose=False)
    again.update(tol=1e-10, verbose=False)
    assert np.array_equal(again.bound, q.bound)


def test_a_joint_factor_is_saved_too(tmp_path):
    def model():
        theta = mc.NormalGamma("theta", 0.0, 0.1, 2.0, 2.0, size=3)
        return mc.Mixture("y", [0.3, 0.3, 0.4], mc.Normal, theta, value=X, observed=True)

    q = mc.VB([model()]).update(seed=2, verbose=False)
    again = mc.VB([model()]).load(q.save(tmp_path / "joint.npz"))
    assert np.array_equal(again["theta_mean"].sd, q["theta_mean"].sd)
    with pytest.raises(mc.ModelError, match="belongs to another model"):
        mc.VB([model()], joint=False).load(tmp_path / "joint.npz")


def test_files_that_do_not_fit(tmp_path):
    q = mc.VB([mixture()])
    with pytest.raises(mc.ModelError, match="save: call update"):
        q.save(tmp_path / "early")
    with pytest.raises(mc.ModelError, match="got none"):
        q.load(tmp_path / "nowhere")
    path = mc.VB([mixture()]).update(repeat=2, seed=1, restarts=1, verbose=False).save(tmp_path / "three")
    with pytest.raises(mc.ModelError, match="belongs to another model"):
        mc.VB([mixture(4)]).load(path)


def test_covariances_and_precisions_are_one_model():
    """An inverse Wishart distribution of covariances is a Wishart distribution of precisions: the same bound, the same
    predictions.
    """
    rng = np.random.default_rng(12)
    x = rng.normal([[0.0, 0.0], [4.0, 4.0]], 1.0, (40, 2, 2)).reshape(-1, 2)
    found = []
    for law, prior in ((mc.MvNormalCov, mc.InverseWishart), (mc.MvNormal, mc.Wishart)):
        z = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), size=len(x))
        mu = mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=2)
        matrix = prior("matrix", 6, np.array([[1.0, 0.2], [0.2, 1.5]]), size=2)
        y = mc.Mixture("y", z, law, mu, matrix, value=x, observed=True)
        found.append(mc.VB([y]).update(seed=1, tol=1e-11, verbose=False))
    covariances, precisions = found
    assert np.isclose(covariances.L, precisions.L, rtol=1e-10)
    rows = np.array([[0.0, 1.0], [3.0, 5.0]])
    np.testing.assert_allclose(covariances.predict_logpdf(rows), precisions.predict_logpdf(rows), rtol=1e-6)
    draws = covariances.draws(40000, seed=3)["matrix"]
    q = covariances["matrix"]
    assert (np.abs(draws.mean(0) - q.mean) < 5.0 * q.sd / np.sqrt(40000)).all()
    assert np.allclose(draws.std(0), q.sd, rtol=0.05)


def test_known_covariances_in_vb():
    rng = np.random.default_rng(13)
    x = rng.normal([[0.0, 0.0], [4.0, 4.0]], 1.0, (30, 2, 2)).reshape(-1, 2)
    cover = np.array([[1.0, 0.3], [0.3, 0.9]])

    def bound(law, matrix):
        mu = mc.MvNormal("mu", np.zeros(2), 0.05 * np.eye(2), size=2)
        y = mc.Mixture("y", [0.5, 0.5], law, mu, matrix, value=x, observed=True)
        return mc.VB([y]).update(seed=1, tol=1e-11, verbose=False).L

    assert np.isclose(bound(mc.MvNormalCov, cover), bound(mc.MvNormal, np.linalg.inv(cover)), rtol=1e-10)


def test_a_start_has_a_bound_and_the_first_iteration_says_the_same():
    for start in ("random", "labels", "values"):
        q = mc.VB([mixture()])
        assert np.isnan(q.L)
        if start == "random":
            q.initialize_from_random(seed=1)
        else:
            q.initialize_from_value({"z": np.repeat([0, 1, 2], 40)} if start == "labels" else {"mu": [-6.0, 0.0, 6.0]})
        before = q.L
        assert np.isfinite(before) and q.iterations == 0
        q.update(repeat=1, verbose=False)
        assert q.bound[0] == pytest.approx(before, rel=1e-12)
