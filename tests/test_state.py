"""A run's whole state in a file: another sampler goes on from it bit for bit."""

import numpy as np
import pytest

import mcmix as mc
import mcmix.pymc2 as pymc

ROWS = np.random.default_rng(1).normal(3.0 * np.repeat([0, 1], 30), 1.0)


def mixture(rows=ROWS):
    """Labels, conjugate draws, slice, Metropolis that has learned, and a draw by NumPy's sampler."""
    w = mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=len(rows))
    mu = mc.Normal("mu", [0.0, 3.0], 0.1, size=2)
    sd = mc.HalfCauchy("sd", 0, 1, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=rows, observed=True)
    new = mc.Poisson("new", np.exp(0.3 * mu))
    m = mc.MCMC([y, new])
    m.use_step_method(mc.Metropolis, mu)
    return m


def test_a_restored_run_goes_on_bit_for_bit(tmp_path):
    first = mixture().sample(300, 200, chains=3, seed=4, progress_bar=False)
    file = first.save_state(tmp_path / "runs" / "state.npz")
    first.sample(200, progress_bar=False)
    second = mixture().restore_state(file)
    second.sample(200, cores=1, progress_bar=False)
    for name, draws in first.draws().variables.items():
        np.testing.assert_array_equal(second.draws().variables[name], draws)
    assert second.draws().n_chains == 3


def test_the_old_names(tmp_path):
    def build():
        mu = pymc.Normal("mu", 0, 1)
        return pymc.MCMC([mu, pymc.Normal("y", mu, 1, value=[0.5, 1.5], observed=True)], name=str(tmp_path / "old"))

    np.random.seed(5)
    first = build()
    first.sample(100)
    first.save_state()
    first.sample(50)
    second = build()
    second.restore_sampler_state()
    second.sample(50)
    np.testing.assert_array_equal(first.trace("mu")[:], second.trace("mu")[:])


def test_what_cannot_be_restored_is_refused(tmp_path):
    m = mixture()
    with pytest.raises(mc.ModelError, match="have not started"):
        m.save_state(tmp_path / "state.npz")
    with pytest.raises(mc.ModelError, match="written by save_state"):
        m.restore_state(tmp_path / "nowhere.npz")
    m.sample(20, 10, chains=1, seed=1, progress_bar=False)
    file = m.save_state(tmp_path / "state.npz")
    with pytest.raises(mc.ModelError, match="have started"):
        m.restore_state(file)
    other = mixture(ROWS[:20])
    with pytest.raises(mc.ModelError, match="another model.*unknowns"):
        other.restore_state(file)
    other.sample(5, chains=1, seed=1, progress_bar=False)  # the refusal leaves it as it was
