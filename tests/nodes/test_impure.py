"""Functions that answer differently at the same values, or change these, are named before anything is sampled."""

import time

import numpy as np
import pytest

import mcmix as mc

RNG = np.random.default_rng(1)
COUNT = {"calls": 0}
TOTAL = 0


class Counter:
    calls = 0

    def __call__(self, mu):
        self.calls += 1
        return mu[0] + self.calls


def by_a_key(mu):
    COUNT["calls"] += 1
    return mu[0] + COUNT["calls"]


def by_a_global(mu):
    global TOTAL
    TOTAL += 1
    return mu[0] + TOTAL


def by_a_closure():
    calls = 0

    def counted(mu):
        nonlocal calls
        calls += 1
        return mu[0] * calls

    return counted


IMPURE = {
    "numpy.random": lambda mu: mu[0] + np.random.normal(),
    "a generator": lambda mu: mu[0] + RNG.normal(),
    "a vector of noise": lambda mu: (mu + np.random.normal(size=2)).sum(),
    "a key": by_a_key,
    "a global": by_a_global,
    "a closure": by_a_closure(),
    "an attribute": Counter(),
    "a clock": lambda mu: mu[0] + time.perf_counter(),
}


def with_deterministic(function):
    mu = mc.Normal("mu", 0, 1, size=2)
    moved = mc.Deterministic(eval=lambda mu: function(mu), doc="", name="moved", parents={"mu": mu})
    return [mu, mc.Normal("y", moved, 1, value=0.3, observed=True)]


def with_potential(function):
    mu = mc.Normal("mu", 0, 1, size=2)
    return [mu, mc.Potential(logp=lambda mu: -(function(mu) ** 2), doc="", name="moved", parents={"mu": mu})]


def with_own_law(function):
    mu = mc.Normal("mu", 0, 1, size=2)

    @mc.stochastic(observed=True)
    def moved(value=0.3, mu=mu):
        return -((value - function(mu)) ** 2)

    return [mu, moved]


MAKERS = [with_deterministic, with_potential, with_own_law]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("function", IMPURE.values(), ids=IMPURE.keys())
def test_other_answers_at_the_same_values_are_named(make, function):
    with pytest.raises(mc.ModelError, match=r"moved: its function answered .* at the same values .* a node"):
        print(mc.MCMC(make(function)).explain())


@pytest.mark.parametrize("make", MAKERS)
def test_a_change_of_an_argument_is_named(make):
    def changes(mu):
        mu[0] = 0.5
        return float(mu.sum())

    with pytest.raises(mc.ModelError, match=r"moved: its function changes an argument in place; .* copy"):
        print(mc.MCMC(make(changes)).explain())


@pytest.mark.parametrize("make", MAKERS)
def test_pure_functions_are_left_alone(make, capsys):
    def pure(mu):
        print("called")
        own = np.array(mu, copy=True)
        own[0] += np.random.default_rng(3).normal()  # a seed of its own: the same each time
        return float(own.sum()) if np.isfinite(own).all() else np.nan

    mc.MCMC(make(pure)).sample(5, chains=1, seed=1, progress_bar=False)


def test_a_function_that_is_not_recorded_is_called_twice_more():
    calls = []

    def opaque(mu):
        calls.append(1)
        return float(mu[0])

    nodes = with_deterministic(opaque)
    m = mc.MCMC(nodes)
    before = len(calls)
    print(m.explain())
    assert len(calls) - before <= 4  # two tries with symbols, and two with numbers


def test_what_is_random_elsewhere_is_not_seen():
    """The limit of a look at two answers: a branch that the present values do not take."""
    print(mc.MCMC(with_deterministic(lambda mu: mu[0] + (np.random.normal() if float(mu[0]) > 1e6 else 0.0))).explain())
