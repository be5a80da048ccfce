"""``Dirichlet("w", 1.0, size=3)``: one concentration for as many weights as a size says."""

import numpy as np
import pytest

import mcmix as mc

X = np.random.default_rng(1).normal(np.repeat([-4.0, 4.0], 20), 1.0)


def mixture(w):
    return [mc.Mixture("y", w, mc.Normal, mc.Normal("mu", 0, 0.01, size=3), 1.0, value=X, observed=True)]


def drawn(w):
    return mc.MCMC(mixture(w)).sample(300, 50, chains=1, seed=1, progress_bar=False).draws().variables["mu"]


@pytest.mark.parametrize("size", [3, np.int64(3)])
def test_it_is_a_vector_of_concentrations(size):
    w = mc.Dirichlet("w", 2.0, size=size)
    assert w.shape == (3,) and np.array_equal(w.parents["concentration"], [2.0, 2.0, 2.0])


def test_draws_are_those_of_the_vector():
    assert np.array_equal(drawn(mc.Dirichlet("w", 2.0, size=3)), drawn(mc.Dirichlet("w", [2.0, 2.0, 2.0])))


def test_an_unknown_concentration():
    a = mc.Gamma("a", 1.0, 1.0)
    w = mc.Dirichlet("w", a, size=3)
    assert w.shape == (3,)
    m = mc.MCMC(mixture(w)).sample(300, 50, chains=1, seed=1, progress_bar=False)
    assert m.draws().variables["a"].std() > 0.0


@pytest.mark.parametrize("size", [None, True, (2, 3), 0])
def test_what_says_no_number_of_weights(size):
    with pytest.raises(mc.ModelError, match="w: concentration expected a vector, got a single number"):
        mc.Dirichlet("w", 1.0, size=size)


def test_vectors_keep_their_meaning():
    assert mc.Dirichlet("w", [1.0, 1.0], size=3).shape == (3, 2)
