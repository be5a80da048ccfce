"""The number of components as a node: its prior, its capacity, what takes it as a size, and what is refused."""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats

import mcmix as mc
from mcmix.nodes.number_of_components import ComponentWeights


def test_priors():
    uniform = mc.NumberOfComponents("K", most=4)
    assert uniform.capacity == 4 and uniform.probabilities.tolist() == [0.25] * 4 and uniform.beyond == 0.0
    poisson = mc.NumberOfComponents("K", stats.poisson(3, loc=1))
    expected = stats.poisson(3).pmf(np.arange(poisson.most))
    np.testing.assert_allclose(poisson.probabilities, expected / expected.sum(), rtol=1e-12)
    assert 0.0 < poisson.beyond < 1e-9 and poisson.beyond == pytest.approx(1.0 - expected.sum(), abs=1e-12)
    assert mc.NumberOfComponents("K", stats.randint(2, 6)).probabilities.tolist() == [0.0, 0.25, 0.25, 0.25, 0.25]


def test_a_long_tail_is_cut_where_it_is_said():
    heavy = mc.NumberOfComponents("K", stats.betanbinom(1, 4, 3, loc=1))
    assert heavy.most == 770 and heavy.beyond == pytest.approx(stats.betanbinom(1, 4, 3).sf(769), rel=2e-3)
    longest = mc.NumberOfComponents("K", stats.geom(0.01))
    assert longest.most == 1000 and longest.beyond == pytest.approx(0.99**1000)
    cut = mc.NumberOfComponents("K", stats.geom(0.1), most=20)
    assert cut.capacity == cut.most == 20 and cut.beyond == pytest.approx(0.9**20)
    assert cut.probabilities.sum() == pytest.approx(1.0, abs=1e-12)


def test_log_density_and_draws():
    number = mc.NumberOfComponents("K", [0.2, 0.0, 0.5, 0.3], value=3)
    assert number.logp == pytest.approx(np.log(0.5))
    draws = number.family.draw(np.random.default_rng(1), 10_000, number.probabilities)
    assert np.bincount(draws)[1:] / 10_000 == pytest.approx([0.2, 0.0, 0.5, 0.3], abs=0.02)
    w = mc.Dirichlet("w", 0.7, size=number, value=[0.2, 0.5, 0.3, 0.0])
    assert w.logp == pytest.approx(stats.dirichlet([0.7] * 3).logpdf([0.2, 0.5, 0.3]))
    more = ComponentWeights("v", 0.7, mc.NumberOfComponents("L", [0.5, 0.5], value=1), value=[0.5, 0.5])
    with pytest.raises(mc.ZeroProbability, match="v: its value has probability zero"):
        _ = more.logp


def test_sizes():
    number = mc.NumberOfComponents("K", most=5)
    assert mc.Normal("a", 0, 1, size=number).shape == (5,)
    assert mc.Normal("b", 0, 1, size=(number, 2)).shape == (5, 2)
    assert mc.MvNormal("c", np.zeros(3), np.eye(3), size=number).shape == (5, 3)
    assert mc.Dirichlet("d", np.ones(3), size=number).shape == (5, 3)
    w = mc.Dirichlet("w", mc.Gamma("alpha", 1, 1) / number, size=number)
    assert isinstance(w, ComponentWeights) and w.shape == (5,)
    assert (w.value > 0).sum() == number.value


def test_copies():
    number = mc.NumberOfComponents("K", stats.geom(0.4))
    w = mc.Dirichlet("w", 1.0, size=number)
    for again in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert again.number.capacity == number.capacity and again.family is w.family


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ([0.5, 0.6], "sum to 1, got a sum of 1.1"),
        ([0.0, 0.0], "sum to 1, got a sum of 0; give some number a probability"),
        ([0.5, -0.5, 1.0], "at least 0, got -0.5 for 2"),
        ([np.nan, 1.0], "finite probabilities"),
        ([], "probabilities of 1, 2, .."),
        ("many", "probabilities of 1, 2, .."),
        (0, "whole number of at least 1, got 0"),
        (stats.poisson(3), "at or below 0; shift it with loc=1"),
        (stats.poisson(-1), "parameters that it does not take"),
        (stats.zipf(1.5), "all but 1e-12 of its probability"),
        (mc.Normal("node", 0, 1), "got a node"),
    ],
)
def test_priors_that_are_none(prior, told):
    with pytest.raises(mc.ModelError, match="^K: prior ") as refused:
        mc.NumberOfComponents("K", prior)
    assert told in str(refused.value)


def test_other_refusals():
    with pytest.raises(mc.ModelError, match="K: expected a prior, or most= for a uniform one, got neither"):
        mc.NumberOfComponents("K")
    with pytest.raises(mc.ModelError, match="K: most expected a whole number of at least 1, got 0"):
        mc.NumberOfComponents("K", most=0)
    with pytest.raises(mc.ModelError, match="K: expected most= of at least 3, where its prior begins, got 2"):
        mc.NumberOfComponents("K", [0, 0, 1.0], most=2)
    with pytest.raises(
        mc.SupportError, match="K: expected a number of components with a prior probability, from 2 to 3"
    ):
        mc.NumberOfComponents("K", [0, 0.5, 0.5], value=5)
    number = mc.NumberOfComponents("K", most=3)
    with pytest.raises(mc.ModelError, match="where it is known, write size=2"):
        number.observe(2)
    with pytest.raises(mc.SupportError, match="w: concentration expected a positive number, got -1"):
        mc.Dirichlet("w", -1.0, size=number)
    with pytest.raises(TypeError, match="w: Dirichlet expected one concentration, got 2"):
        mc.Dirichlet("w", 1.0, theta=2.0, size=number)
