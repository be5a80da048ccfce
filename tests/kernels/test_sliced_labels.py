"""Slices, labels under them, and names of components without end, beside plain NumPy."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels.driver import run_step
from mcmix.kernels.growth import FULL
from mcmix.kernels.sliced_labels import FALL, IN_FRONT
from mcmix.steps.base import Chain
from tests.references import assert_masses, assert_shares

N, ROOM, DRAWS = 40, 24, 4000
LABELS = np.repeat([0, 3, 9], [20, 15, 5])
ROWS = np.random.default_rng(1).normal(size=N)


@pytest.fixture(scope="module")
def compiled():
    w = mc.StickBreaking("w", 1.5, room=ROOM)
    z, mean = mc.Categorical("z", w, size=N), mc.Normal("mean", 0.0, 1.0, size=w)
    return mc.MCMC(
        [mc.Mixture("y", z, mc.Normal, mean, 1.0, value=ROWS, observed=True)], marginal_moves=False
    ).assembled


def started(compiled, seed):
    """A chain with these labels, and the calls of its label update: names, slices, pass."""
    chain = Chain(compiled.plan.layout, np.random.SeedSequence(seed))
    z, sticks, mean = (compiled.model.get_node(n) for n in ("z", "w_sticks", "mean"))
    rng = np.random.default_rng(seed)
    chain.put(z, LABELS)
    chain.put(sticks, rng.beta(1.0, 1.5, ROOM - 1))
    chain.put(mean, np.arange(float(ROOM)) / 10.0)
    step = compiled.steps[0]
    calls = step.bind(chain)
    compiled.label_passes[0].bound(chain).collect()
    return chain, step, calls, (z, sticks, mean)


def called(call, chain):
    return run_step(call.kernel, call.words, call.reals, chain.stream)


def plain_levels():
    return FALL ** np.maximum(0.0, np.arange(ROOM) - IN_FRONT)


def weights_of(v):
    return np.append(v, 1.0) * np.append(1.0, np.cumprod(1.0 - v))


def test_slices_and_labels(compiled):
    chain, _, (_, slices, one_pass), (z, sticks, mean) = started(compiled, 2)
    levels, w = plain_levels(), weights_of(chain.get(sticks))
    density = np.exp(-0.5 * (ROWS[:, None] - chain.get(mean)) ** 2)
    expected, happened, below = np.zeros((DRAWS, ROOM)), np.zeros((DRAWS, ROOM)), np.zeros(DRAWS)
    for i in range(DRAWS):
        chain.put(z, LABELS)
        assert called(slices, chain) == 0
        u = chain.view(("slices", z))[:N].copy()
        assert (u <= levels[LABELS]).all()
        below[i] = (u / levels[LABELS])[17]
        assert called(one_pass, chain) == 0
        drawn = chain.get(z).astype(int)
        reached = (levels >= u[:, None]) & (np.arange(ROOM) < ROOM - 1)
        assert reached[np.arange(N), drawn].all()
        p = reached * density * w / levels
        expected[i] = (p / p.sum(1, keepdims=True)).sum(0)
        happened[i] = np.bincount(drawn, minlength=ROOM)
    away, error = (happened - expected).mean(0), (happened - expected).std(0) / np.sqrt(DRAWS)
    assert (np.abs(away) <= 6.0 * error + 1e-12).all()
    assert_shares((below[None] < 0.25)[..., None], [0.25], "slices are uniform")


def test_names_are_drawn_given_the_weights(compiled):
    """The stationary distribution of which names three components have: that of their labels given the weights."""
    chain, step, (names, *_), (z, sticks, mean) = started(compiled, 3)
    w = weights_of(chain.get(sticks))[:6]
    chain.put(z, np.repeat([0, 1, 2], [20, 15, 5]))
    compiled.label_passes[0].bound(chain).collect()
    places = np.zeros(DRAWS, int)
    inside = np.zeros(DRAWS, bool)
    for i in range(DRAWS):
        for _ in range(5):
            assert called(names, chain) == 0
        labels = chain.get(z).astype(int)
        own = labels[[0, 20, 35]]
        # parameters and numbers of units have gone along
        assert np.allclose(chain.get(mean)[own], [0.0, 0.1, 0.2])
        assert np.array_equal(chain.view(("units", z))[own], [20, 15, 5])
        inside[i] = (own < 6).all()
        places[i] = own[0]
    shares = {}
    for a in range(6):
        for b in range(6):
            for c in range(6):
                if len({a, b, c}) == 3:
                    shares[a] = shares.get(a, 0.0) + w[a] ** 20 * w[b] ** 15 * w[c] ** 5
    total = sum(shares.values())
    assert inside.mean() > 0.9
    assert_masses(places[None, inside], {a: p / total for a, p in shares.items()}, "the name of the largest")


def test_slices_stay_until_there_is_room(compiled):
    chain, step, (_, slices, _), (z, *_) = started(compiled, 4)
    chain.put(z, np.full(N, ROOM - 2))
    growth = chain.view(("growth", step))
    growth[0] = 1.0
    assert called(slices, chain) == FULL  # the level of the component behind is half as high
    kept = chain.view(("slices", z)).copy()
    assert called(slices, chain) == FULL
    np.testing.assert_array_equal(chain.view(("slices", z)), kept)
    growth[0] = 0.0  # before a run nobody gives room
    assert called(slices, chain) == 0 and growth[1] == 0.0
