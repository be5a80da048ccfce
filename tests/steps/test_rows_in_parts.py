"""Passes in parts: the labels of the whole pass, its sums, and the same draws whoever does the parts."""

import os
import signal
import threading

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels.crew import CREW, Crew
from mcmix.kernels.labels import BLOCK
from mcmix.steps import parts

N = 5 * BLOCK + 300  # six parts of a block, the last one short


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART", BLOCK)
    monkeypatch.setattr(parts, "UNDIVIDED", 2 * BLOCK)


def labels_of(n, k=2, seed=1):
    return np.random.default_rng(seed).integers(k, size=n)


def mixture(family, *parameters, value, k=2, **others):
    return mc.Mixture("y", mc.Dirichlet("w", np.ones(k)), family, *parameters, value=value, observed=True, **others)


def normal():
    z = labels_of(N, 3)
    mu = mc.Normal("mu", [0.0, 3.0, 6.0], 1.0, size=3)
    return [mixture(mc.Normal, mu, 1.0, value=np.random.default_rng(2).normal(3.0 * z), k=3)]


def vectors():
    mu = mc.Normal("mu", 0.0, 0.1, size=(2, 2))
    value = np.random.default_rng(3).normal(2.0 * labels_of(N)[:, None], size=(N, 2))
    return [mixture(mc.MvNormal, mu, np.eye(2), value=value)]


def counts():
    rate = mc.Gamma("rate", 2.0, 1.0, size=2)
    return [mixture(mc.Poisson, rate, value=np.random.default_rng(4).poisson(1.0 + 4.0 * labels_of(N)))]


def kinks():  # rows are kept in the order of labels, and with labels summed out all of them are gone over
    mu, sd = mc.Normal("mu", [0.0, 4.0], 1.0, size=2), mc.Gamma("tau", 2.0, 2.0)
    return [mixture(mc.Laplace, mu, sd, value=np.random.default_rng(5).laplace(4.0 * labels_of(N)))]


def regression():
    rng, z = np.random.default_rng(6), labels_of(N)
    x = rng.normal(size=N)
    slope, w = mc.Normal("slope", [-1.0, 1.0], 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    label = mc.Categorical("z", w, size=N)
    value = rng.normal((2.0 * z - 1.0) * x, 0.5)
    return [mc.Normal("y", slope[label] * x, 4.0, value=value, observed=True)]


def several_rows():
    rng, n_units = np.random.default_rng(7), N // 2
    group = np.repeat(np.arange(n_units), 2)
    mu, w = mc.Normal("mu", [0.0, 3.0], 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=n_units)
    value = rng.normal(3.0 * labels_of(n_units)[group])
    return [mc.Normal("y", mu[z[group]], 1.0, value=value, observed=True)]


MODELS = {f.__name__: f for f in (normal, vectors, counts, kinks, regression, several_rows)}


def pass_of(m):
    return next(s.label_pass for s in m.step_methods if s.label_pass is not None)


def drawn(model, cores, start=None, **options):
    m = mc.MCMC(model(), label_budget=0, **options)
    m.sample(24, 12, chains=1, cores=cores, seed=1, start=start, progress_bar=False)
    return m


NO_SEARCH = {"mu": [0.0, 4.0], "tau": 1.0, "w": [0.5, 0.5]}  # all unknowns of `kinks` are given


# -------------------------------------------------------------------- the same draws


@pytest.mark.parametrize("name", MODELS)
def test_draws_do_not_depend_on_the_number_of_threads(name):
    found = [drawn(MODELS[name], cores, marginal_moves=False) for cores in (1, 2, 3)]
    assert pass_of(found[0]).n_parts > 2
    for variable, values in found[0].draws().variables.items():
        assert all(np.array_equal(values, m.draws().variables[variable]) for m in found[1:]), variable
    assert all(np.array_equal(found[0].draws().statistics["lp"], m.draws().statistics["lp"]) for m in found[1:])


def test_nor_do_those_of_a_tempered_chain():
    """Each level tells its hands its own power."""
    found = [drawn(normal, cores, marginal_moves=False, tempering=2) for cores in (1, 2)]
    assert np.array_equal(found[0].trace("mu")[:], found[1].trace("mu")[:])


def test_nor_do_they_with_the_labels_summed_out():
    """All rows are gone over, as densities with kinks have no few rows that stand for them."""
    found = [drawn(kinks, cores, NO_SEARCH, marginal_moves=True) for cores in (1, 2, 3)]
    move = found[0].step_methods[0]
    assert isinstance(move, mc.MarginalMove) and move.levels.why_not
    assert next(iter(move.density.passes.values())).n_parts == 6
    assert all(np.array_equal(found[0].trace("mu")[:], m.trace("mu")[:]) for m in found[1:])


def space():
    """Vectors that no few ones stand for."""
    mu = mc.Normal("mu", [[0.0] * 3, [2.0] * 3], 1.0, size=(2, 3))
    value = np.random.default_rng(10).normal(2.0 * labels_of(N)[:, None], size=(N, 3))
    return [mixture(mc.MvNormal, mu, np.eye(3), value=value)]


def test_nor_do_those_of_vectors():
    found = [drawn(space, cores, marginal_moves=True) for cores in (1, 2)]
    assert isinstance(found[0].step_methods[0], mc.MarginalMove) and pass_of(found[0]).n_parts == 6
    assert np.array_equal(found[0].trace("mu")[:], found[1].trace("mu")[:])


@pytest.mark.parametrize("name", MODELS)
def test_a_pass_in_parts_is_the_whole_pass(name, monkeypatch):
    """From one state: the same labels bit for bit, and sums that differ by rounding alone."""
    m = drawn(MODELS[name], 2, marginal_moves=False)
    chain, own = m._runners[0].chain, pass_of(m)
    streams, memory = chain.row_states()[0], chain.memory.copy()
    before = streams.copy()
    found = {}
    for n in (1, own.n_parts):
        monkeypatch.setattr(own, "n_parts", n)
        chain.memory[:], streams[:] = memory, before
        one = own.bound(chain)
        assert one.draw() == 0
        labels, sums = chain.view(own.label.node).copy(), own.sums.of(chain)
        logs, shares = np.zeros(own.label.n_units), np.zeros((own.label.n_units, own.label.n_labels))
        assert one.weigh(logs, shares, collect=True) == 0
        found[n] = labels, streams.copy(), logs, shares, sums, own.sums.of(chain)
    whole, parted = found.values()
    assert all(np.array_equal(a, b) for a, b in zip(whole[:4], parted[:4], strict=True))
    for a, b in zip(whole[4:], parted[4:], strict=True):
        assert b == pytest.approx(a, rel=1e-10, abs=1e-8)


def test_the_likelihood_with_labels_summed_out_is_that_of_the_whole_pass(monkeypatch):
    """Sums over parts of log densities are the sum over units, up to rounding of N additions."""
    at = np.zeros(4)
    found = []
    for undivided in (N, 2 * BLOCK):
        monkeypatch.setattr(parts, "UNDIVIDED", undivided)
        m = drawn(kinks, 2, NO_SEARCH, marginal_moves=True)
        move, chain = m.step_methods[0], m._runners[0].chain
        found.append(move._over(move.density, chain)(at[: move.density.free]))
    (whole, slope), (parted, other_slope) = found
    assert parted == pytest.approx(whole, rel=1e-12)
    assert other_slope == pytest.approx(slope, rel=1e-9, abs=1e-7)


# -------------------------------------------------------------------- what fails


@pytest.mark.parametrize("cores", [1, 2])
def test_an_impossible_row_in_the_last_part_ends_the_run(cores):
    """No component reaches it: the error is that of a whole pass."""
    value = np.random.default_rng(8).uniform(0.0, 5.0, size=N)
    value[-1] = 20.0
    high = mc.Uniform("high", 5.0, 10.0, size=2)
    m = mc.MCMC([mixture(mc.Uniform, 0.0, high, value=value)], marginal_moves=False)
    with pytest.raises(mc.ZeroProbability, match=rf"y\[{N - 1}\] = 20"):
        m.sample(10, chains=1, cores=cores, seed=1, progress_bar=False)


@pytest.mark.parametrize("when", ["at the start", "in a sweep"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_is_raised_in_a_part_is_raised_by_the_run(monkeypatch, error, when):
    """Ctrl-C in the main thread, or trouble with a file: not lost in compiled code."""
    m = mc.MCMC(normal(), label_budget=0, marginal_moves=False)
    if when == "in a sweep":
        m.sample(5, chains=1, seed=1, progress_bar=False)
    done, run = [], parts.Hand.run

    def fails(hand, kind, first, end, sums):
        done.append(first)
        if len(done) == 9:
            raise error("planted")
        return run(hand, kind, first, end, sums)

    monkeypatch.setattr(parts.Hand, "run", fails)
    with pytest.raises(error, match="planted"):
        m.sample(5, chains=1, seed=None if m._runners else 1, progress_bar=False)


def test_ctrl_c_keeps_what_was_drawn():
    m = mc.MCMC(normal(), label_budget=0, marginal_moves=False)
    m.sample(5, chains=1, seed=1, progress_bar=False)
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    m.sample(1_000_000, chains=1, progress_bar=False)
    timer.join()
    assert m.interrupted and 0 < m.draws().n_draws < 1_000_000


# -------------------------------------------------------------------- which passes have parts


@pytest.mark.parametrize(("n_units", "expected"), [(2 * BLOCK, 1), (2 * BLOCK + 1, 3), (3 * BLOCK, 3), (N, 6)])
def test_parts_depend_on_the_number_of_rows_alone(n_units, expected):
    assert parts.n_parts(n_units) == expected


def test_unknown_values_by_row_keep_the_pass_whole():
    """A part would have to be told all of them."""
    error = mc.Gamma("error", 2.0, 2.0, size=N)
    mu, w = mc.Normal("mu", [0.0, 3.0], 1.0, size=2), mc.Dirichlet("w", [1.0, 1.0])
    z = mc.Categorical("z", w, size=N)
    y = mc.Normal("y", mu[z], error, value=np.random.default_rng(9).normal(size=N), observed=True)
    assert pass_of(mc.MCMC([y], marginal_moves=False)).n_parts == 1


# -------------------------------------------------------------------- the crew


def test_every_part_is_done_once_by_whoever_is_free():
    crew, done = Crew(), []
    crew.share_out(100, [done.append] * 3)
    assert sorted(done) == list(range(100))


def test_a_helper_that_is_busy_is_not_waited_for():
    crew, begun, go = Crew(), threading.Event(), threading.Event()

    def slow(part):
        begun.set()
        go.wait(60)

    waits = threading.Thread(target=crew.share_out, args=(2, [slow, slow]))
    waits.start()
    assert begun.wait(60)
    done = []
    crew.share_out(5, [done.append, done.append])
    assert done == list(range(5)) and waits.is_alive()
    go.set()
    waits.join(60)


def test_what_a_helper_raises_is_raised_once_nobody_works():
    crew, working, both = Crew(), [], threading.Barrier(2, timeout=60)

    def fails(part):
        both.wait()
        raise ValueError("planted")

    def works(part):
        working.append(part)
        both.wait()
        working.remove(part)

    with pytest.raises(ValueError, match="planted"):
        crew.share_out(2, [works, fails])
    assert not working


def test_helpers_are_the_cores_that_chains_leave():
    crew = Crew()
    with crew.at_most(4):
        assert crew.spare == 3
        with crew.beside(3):
            assert crew.spare == 1
            with crew.beside(2):  # another sampler, in another thread
                assert crew.spare == 0
    with crew.at_most(1):
        assert crew.spare == 0


def test_samplers_side_by_side_take_back_their_own_limits():
    crew = Crew()
    before, one, other = crew.spare, crew.at_most(1), crew.at_most(1)
    one.__enter__(), other.__enter__()
    one.__exit__(None, None, None)
    assert crew.spare == 0
    other.__exit__(None, None, None)
    assert crew.spare == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_helpers_of_its_own():
    CREW.share_out(4, [lambda part: None] * 2)
    child = os.fork()
    if child == 0:
        done = []
        CREW.share_out(50, [done.append] * 2)
        os._exit(0 if sorted(done) == list(range(50)) else 1)
    assert os.waitpid(child, 0)[1] == 0
