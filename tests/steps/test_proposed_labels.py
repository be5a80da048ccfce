"""Proposed values of discrete unknowns are held to what can be looked up by them, whichever step proposes."""

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

import mcmix as mc
from tests import runs

X = np.array([0.4, 0.5, 1.2])
TABLE = np.array([[0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
STEPS = [mc.DiscreteMetropolis, mc.Metropolis, None]


sampled = runs.sampler(iterations=21_000, burn=1000, chains=2, seed=1)


def compared(draws, exact):
    """Shares of each value against exact ones, within 4.5 errors from batch means."""
    for k in range(exact.shape[1]):
        hits = (draws == k).astype(float)
        errors = hits.reshape(100, -1, *hits.shape[1:]).mean(1).std(0, ddof=1) / 10.0
        assert (np.abs(hits.mean(0) - exact[:, k]) < 4.5 * errors + 1e-9).all(), (k, hits.mean(0), exact[:, k])


def weighted(weights, means):
    p = weights * stats.norm.pdf(X[:, None], means, 1.0)
    return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "own" if s is None else s.__name__)
def test_tables_by_row(step):
    z = mc.Categorical("z", TABLE, size=3)
    at = mc.Lambda("at", lambda z=z: np.where(z == 0, 0.0, 1.0))
    draws = sampled([mc.Normal("y", at, 1.0, value=X, observed=True), z], steps={"z": step}).trace("z")[:]
    assert set(np.unique(draws)) == {0, 1}
    compared(draws, weighted(TABLE, [0.0, 1.0]))


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "own" if s is None else s.__name__)
def test_softmax_weights_of_three(step):
    logits = np.array([[0.0, 0.5, -0.5], [1.0, 0.0, 0.0], [-0.3, 0.2, 0.9]])
    z = mc.Categorical("z", softmax(logits, axis=1), size=3)
    at = mc.Lambda("at", lambda z=z: 0.8 * z)
    draws = sampled([mc.Normal("y", at, 1.0, value=X, observed=True), z], steps={"z": step}).trace("z")[:]
    assert draws.min() == 0 and draws.max() == 2
    compared(draws, weighted(softmax(logits, axis=1), [0.0, 0.8, 1.6]))


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "own" if s is None else s.__name__)
def test_missing_categories(step):
    """Categories of which one is missing: nothing but the table of its own row says what it is."""
    z = mc.Categorical("z", TABLE, value=np.ma.masked_array([0, 1, 0], mask=[0, 0, 1]), observed=True)
    draws = sampled([z], steps={"z": step}).trace("z")[:]
    assert set(np.unique(draws)) == {0, 1}
    compared(draws, TABLE[2:])


@pytest.mark.parametrize("step", [mc.DiscreteMetropolis, None], ids=lambda s: "own" if s is None else s.__name__)
def test_a_count_that_looks_up_the_last_axis_does_not_reach_the_next_row(step):
    """Poisson counts without an end look up the inner axis: beyond it there is nothing, not the next row's entry."""
    rates = np.array([[1.0, 2.0, 3.0], [50.0, 60.0, 70.0]])
    z = mc.Poisson("z", 1.5, value=1)
    rate = mc.Lambda("rate", lambda z=z, rates=rates: rates[0, z])
    draws = sampled([mc.Poisson("y", rate, value=[2, 3], observed=True), z], steps={"z": step}).trace("z")[:]
    p = stats.poisson.pmf([0, 1, 2], 1.5) * stats.poisson.pmf([[2], [3]], rates[0]).prod(axis=0)
    assert set(np.unique(draws)) <= {0, 1, 2}
    compared(draws[:, None], (p / p.sum())[None])


def test_pairs_of_labels_look_up_a_plane():
    """Two label vectors look up a table of two axes; one is moved by Metropolis."""
    means = np.array([[0.0, 1.0], [2.0, -1.0]])
    z, v = mc.Categorical("z", [0.5, 0.5], size=3), mc.Categorical("v", [0.3, 0.7], size=3)
    at = mc.Lambda("at", lambda z=z, v=v: means[v, z])
    y = mc.Normal("y", at, 1.0, value=X, observed=True)
    draws = sampled([y, z, v], steps={"z": mc.DiscreteMetropolis}).trace("z")[:]
    p = np.zeros((3, 2))
    for a, b in itertools.product((0, 1), repeat=2):
        p[:, a] += 0.5 * [0.3, 0.7][b] * stats.norm.pdf(X, means[b, a], 1.0)
    assert set(np.unique(draws)) == {0, 1}
    compared(draws, p / p.sum(1, keepdims=True))
