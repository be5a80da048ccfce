"""A run's whole state in a file: another sampler goes on from it bit for bit."""

import os
import subprocess
import sys

import numpy as np
import pytest

import mcmix as mc
import mcmix.pymc2 as pymc
from mcmix.steps.base import Plan
from mcmix.structure.expression import elementwise, leaf

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


NESTED = """
import random, sys
import numpy as np
import mcmix as mc

random.seed(int(sys.argv[1]))
kept = [bytearray(random.randint(10, 5000)) for _ in range(random.randint(0, 2000))][::2]  # other addresses


def build():
    x = np.random.default_rng(1).normal(2.0 * (np.arange(30) % 3), 1.0)
    w, v = mc.Dirichlet("w", [1, 1]), mc.Dirichlet("v", [1, 1], size=2)
    mu, tau = mc.Normal("mu", 2.0, 0.1, size=(2, 2)), mc.Gamma("tau", 2, 2, size=(2, 2))
    y = mc.Mixture("y", w, mc.Mixture, v, mc.Normal, mu, tau, value=x, observed=True)
    u, b = mc.Dirichlet("u", [1, 1]), mc.Normal("b", [0, 4], 0.1)
    other = mc.Mixture("other", u, mc.Normal, b, 1.0, value=x, observed=True)
    return mc.MCMC([y, other])


def layout(m):
    def shown(key):
        if isinstance(key, tuple):
            return [shown(k) for k in key]
        return getattr(key, "name", key if isinstance(key, (str, int)) else type(key).__name__)

    return [(shown(key), *place) for key, place in m.assembled.plan.layout.places.items()]
"""

GOING_ON = """
m = build().restore_state(sys.argv[2])
print(layout(m))
print(m.sample(40, progress_bar=False).trace("mu")[:].tolist())
"""


@pytest.mark.slow
def test_the_layout_of_a_nested_mixture_does_not_change_from_build_to_build(tmp_path):
    here = {}
    exec(compile(NESTED.replace("sys.argv[1]", "0"), "nested", "exec"), here)
    layouts = []
    for i in range(8):
        garbage = [bytearray(100 * i) for _ in range(500)]
        layouts.append(here["layout"](here["build"]()))
        del garbage[::2]
    assert all(found == layouts[0] for found in layouts)
    first = here["build"]().sample(60, 20, chains=2, seed=1, progress_bar=False)
    file = first.save_state(tmp_path / "nested.npz")
    draws = first.sample(40, progress_bar=False).trace("mu")[:].tolist()
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "ignore", "-c", NESTED + GOING_ON, seed, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [str(layouts[0]), str(draws)]


def test_programs_with_scratch_of_their_own_never_share_it():
    x = leaf("x", (3,))
    plan = Plan(None)
    plan.layout.place("x", 3)
    for _ in range(20):  # a compiler that is gone gives its address to the next
        doubled = elementwise("exp", elementwise("multiply", x, 2.0))
        plan.compiled([(elementwise("exp", x), None), (doubled, None)], private=True)
    ends = sorted((start, start + n) for start, n in plan.layout.places.values())
    assert len(ends) == 1 + 20 * 3
    assert all(end <= start for (_, end), (start, _) in zip(ends, ends[1:], strict=False))


def test_a_state_with_labels_summed_out_by_the_samplers_own_choice_is_restored(tmp_path):
    """Nobody asked for marginal moves: the first call took them, and the state says so."""
    x = np.random.default_rng(1).normal([[0.0], [6.0]], 1.0, (2, 60)).ravel()

    def build():
        w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 3, sigma=5, size=2)
        return mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True)])

    first = build().sample(400, 200, seed=1, chains=2, progress_bar=False)
    assert any(isinstance(s, mc.MarginalMove) for s in first.step_methods)
    second = build().restore_state(first.save_state(tmp_path / "run.npz"))
    drawn = [m.sample(100, progress_bar=False).trace("mu")[:] for m in (first, second)]
    assert np.array_equal(*drawn)
    other = mc.MCMC([mc.Normal("a", 0, 1)])
    with pytest.raises(mc.ModelError, match="belongs to another model"):
        other.restore_state(tmp_path / "run.npz")
    assert other.sample(200, seed=1, progress_bar=False).draws().n_draws == 200
