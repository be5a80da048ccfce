"""Chains that are swept on the workers of a cluster, a stretch at a time: the draws of threads, bit for bit."""

import json
import os
import signal
import threading

import numpy as np
import pytest

import mcmix as mc
from mcmix.cluster.chains import ChainsAway
from tests.clusters import assert_same, numbers, rows, two_workers, vectors

X = rows(numbers, 300)


@pytest.fixture(scope="module")
def client():
    with two_workers() as found:
        yield found


def many_steps():
    """Labels, conjugate draws, slice, Metropolis that learns, a draw from the prior, and labels kept."""
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=len(X))
    mu, sd = mc.Normal("mu", [0.0, 4.0], 0.1, size=2), mc.HalfCauchy("sd", 0, 1, size=2)
    y = mc.Normal("y", mu[z], 1 / sd[z] ** 2, value=X, observed=True)
    return [y, mc.Poisson("new", np.exp(0.3 * mu))]


def with_a_function():
    """One that is called as it is written, and is pickled with what it closes over."""
    limit = 3.0
    mu = mc.Normal("mu", 0.0, 1.0)

    @mc.deterministic
    def clipped(mu=mu):
        return mu if mu < limit else limit

    return [mc.Normal("y", clipped, 1.0, value=X[:20], observed=True)]


def with_gaps():
    x = np.ma.masked_invalid(np.where(np.arange(len(X)) % 7, X, np.nan))
    mu = mc.Normal("mu", [0.0, 4.0], 1.0, size=2)
    return [mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.Normal, mu, 1.0, value=x, observed=True)]


def both(make, client, burn=150, more=0, sampler=None, **options):
    """The sampler in this process, and that on the cluster."""
    found = []
    for here in (None, client):
        m = mc.MCMC(make(), **(sampler or {}))
        m.sample(400, burn, chains=3, seed=1, progress_bar=False, client=here, **options)
        if more:
            m.sample(more, progress_bar=False, client=here)
        found.append(m)
    return found


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: numbers(X), {"sampler": {"marginal_moves": True}}),
        (lambda: numbers(X), {"sampler": {"tempering": 2}, "more": 50}),
        (lambda: vectors(rows(vectors, 300)), {"more": 60}),
        (many_steps, {"thin": 3, "more": 100}),
        pytest.param(many_steps, {"burn_till_tuned": True}, marks=pytest.mark.slow),
        (with_a_function, {}),
        (with_gaps, {}),
        (with_gaps, {"sampler": {"label_budget": 0}}),
    ],
    ids=["marginal", "tempered", "vectors", "many steps", "till tuned", "a function", "gaps", "moments of gaps"],
)
def test_draws_are_those_of_threads(client, make, options):
    one, other = both(make, client, **options)
    assert_same(one, other)
    kept = [n.name for n in one.assembled.labels if n.name in one.draws().variables]
    for name in kept:
        assert np.array_equal(one.draws().variables[name], other.draws().variables[name])
    for name, (mean, sd) in one.draws().moments.items():
        assert np.array_equal(other.draws().moments[name], (mean, sd))


@pytest.mark.slow
def test_a_stored_run(client, tmp_path):
    one, other = both(many_steps, client)
    m = mc.MCMC(many_steps())
    m.sample(400, 150, chains=3, seed=1, store=tmp_path / "run.zarr", progress_bar=False, client=client)
    assert np.array_equal(one.trace("mu")[:], m.trace("mu")[:])
    longer = mc.resume(tmp_path / "run.zarr", mc.MCMC(many_steps()), more=50, progress_bar=False, client=client)
    one.sample(50, progress_bar=False)
    assert np.array_equal(longer.trace("mu", chain=0)[-50:], one.trace("mu", chain=0)[:])


def test_progress_is_told(client, tmp_path):
    m = mc.MCMC(many_steps())
    m.sample(400, 100, chains=2, seed=1, progress_file=tmp_path / "lines", progress_bar=False, client=client)
    last = json.loads((tmp_path / "lines").read_text().splitlines()[-1])
    assert last["done"] == 400 and last["draws"] == 300


def test_ctrl_c_keeps_what_was_drawn(client):
    m = mc.MCMC(many_steps())
    m.sample(20, chains=2, seed=1, progress_bar=False, client=client)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    m.sample(3_000_000, thin=100, progress_bar=False, client=client)
    timer.join()
    assert m.interrupted and 0 < m.draws().n_draws < 30_000
    m.sample(30, progress_bar=False)
    assert m.draws().n_draws == 30


def test_an_error_in_a_function_names_chain_sweep_and_node(client):
    mu = mc.Normal("mu", 0.0, 1.0)

    @mc.deterministic
    def fragile(mu=mu):
        if mu > 2.5:
            raise ValueError("planted")
        return mu

    m = mc.MCMC([mc.Normal("y", fragile, 1.0, value=[1.9] * 3, observed=True)])
    with pytest.raises(ValueError, match="planted") as raised:
        m.sample(4000, chains=2, seed=1, start={"mu": 1.0}, progress_bar=False, client=client)
    notes = " ".join(raised.value.__notes__)
    assert "fragile" in notes and "chain" in notes and "sweep" in notes


@pytest.mark.slow
def test_a_worker_that_dies_is_done_without(monkeypatch):
    """It is killed while it does the second stretch of a chain, of half a second."""
    x = rows(vectors, 400)
    one, other = (mc.MCMC(vectors(x), marginal_moves=False, label_budget=0) for _ in range(2))
    one.sample(50_000, 100, thin=10, chains=1, seed=1, progress_bar=False)
    asked, killed = ChainsAway._asked, []

    def asks(away, prepared, stretch):
        if stretch.sweeps > 100 and not killed:
            own = sorted(client.nthreads())[stretch.number % 2]
            killed.append(client.run(os.getpid, workers=[own])[own])
            threading.Timer(0.2, os.kill, (killed[0], signal.SIGKILL)).start()
        return asked(away, prepared, stretch)

    monkeypatch.setattr(ChainsAway, "_asked", asks)
    with two_workers() as client:
        other.sample(50_000, 100, thin=10, chains=1, seed=1, progress_bar=False, client=client)
        assert killed and killed[0] not in client.run(os.getpid).values()
    assert_same(one, other)
