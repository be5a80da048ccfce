"""Stochastic block models: two labels look up what a pair of units is drawn with."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.special import betaln, gammaln, logsumexp

import mcmix as mc
from mcmix.steps.pairs import embedding
from mcmix.structure.pairs import pairs_of
from mcmix.testing import joint_test
from tests.harness import levels
from tests.runs import sampler, steps_of

sampled = sampler(iterations=1500, burn=500, chains=2)


def network(n=40, seed=0, k=2):
    """Units of k blocks, the pairs of them (i < j), and whether they are tied."""
    rng = np.random.default_rng(seed)
    z = np.arange(n) % k
    i, j = np.triu_indices(n, 1)
    return z, i, j, (rng.random(len(i)) < np.where(z[i] == z[j], 0.5, 0.08)).astype(int)


def blocks(n, i, j, ties, k=2, table=None):
    z = mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)
    table = mc.Beta("B", 1.0, 1.0, size=(k, k)) if table is None else table
    return mc.Bernoulli("ties", table[z[i], z[j]], value=ties, observed=True)


def test_steps_are_exact_draws():
    z, i, j, ties = network()
    m = mc.MCMC([blocks(40, i, j, ties)])
    assert {k: s.name for k, s in steps_of(m).items()} == {
        "z": "labels of pairs", "B": "conjugate Gibbs", "w": "conjugate Gibbs",
    }  # fmt: skip


@pytest.mark.parametrize("directed", [False, True])
def test_labels_of_few_units_by_enumeration(directed):
    """All 2^5 labels of five units, probabilities of ties and weights summed out."""
    i, j = (np.where(~np.eye(5, dtype=bool))) if directed else np.triu_indices(5, 1)
    ties = np.random.default_rng(3).integers(0, 2, len(i))
    logs, labels = [], list(product(range(2), repeat=5))
    for z in map(np.array, labels):
        cell = 2 * z[i] + z[j]
        yes = np.bincount(cell, ties, minlength=4)
        total = np.bincount(cell, minlength=4)
        logs.append(gammaln(np.bincount(z, minlength=2) + 1.0).sum() + betaln(1.0 + yes, 1.0 + total - yes).sum())
    exact = np.exp(np.array(logs) - logsumexp(logs))
    m = mc.MCMC([blocks(5, i, j, ties)])
    m.sample(60_500, 500, chains=1, seed=3, progress_bar=False)
    drawn = m.trace("z")[:].astype(int) @ (2 ** np.arange(5)[::-1])
    shares = np.bincount(drawn, minlength=32) / len(drawn)
    # labels and probabilities are drawn given one another: an independent draw in 40 or fewer
    assert (np.abs(shares - exact) < 5.0 * np.sqrt(exact * 40.0 / len(drawn))).all()


def counts_of_calls():
    i, j = np.triu_indices(5, 1)
    z = mc.Categorical("z", mc.Dirichlet("w", [2.0, 2.0]), size=5)
    rate = mc.Gamma("rate", 2.0, 1.0, size=(2, 2))
    return mc.Model([mc.Poisson("calls", rate[z[i], z[j]], value=np.arange(10) % 3, observed=True)])


def test_the_joint_distribution_stays():
    result = joint_test(counts_of_calls(), replications=80, sweeps=15, false_alarm=levels.each("samplers", 100), seed=2)
    assert result.passed, result


def test_blocks_are_found_and_named_alike():
    z, i, j, ties = network(60, 1, 3)
    m = sampled([blocks(60, i, j, ties, 3)], 2)
    assert m.diagnose().ok, m.diagnose()
    labels = mc.partition(m).labels
    assert mc.adjusted_rand(labels, z) > 0.95
    found = mc.relabel(m).posterior["B"].mean(("chain", "draw")).to_numpy()
    assert np.diagonal(found).min() > 0.35 and found[~np.eye(3, dtype=bool)].max() < 0.2
    assert m.assembled.component_tables["z"].whole


def test_blocks_with_priors_of_their_own_keep_their_names():
    z, i, j, ties = network(20)
    apart = mc.Beta("B", np.array([[5.0, 1.0], [1.0, 2.0]]), 1.0, size=(2, 2))
    m = mc.MCMC([blocks(20, i, j, ties, table=apart)])
    assert m.assembled.component_tables["z"].told_apart == "the priors differ: B"
    whole = mc.MCMC([blocks(20, i, j, ties)]).assembled.component_tables["z"]
    assert whole.whole and [v.name for v in whole.squares] == ["B"]


def test_a_function_of_the_table_is_followed():
    z, i, j, ties = network(20)
    logits = mc.Normal("logits", 0.0, 0.5, size=(2, 2))
    table = mc.Lambda("table", lambda x=logits: 1.0 / (1.0 + np.exp(-0.5 * (x + x.T))), trace=False)
    m = mc.MCMC([blocks(20, i, j, ties, table=table)])
    assert steps_of(m)["z"].name == "labels of pairs" and m.assembled.component_tables["z"].whole


@pytest.mark.parametrize("kind", ["covariates", "own data", "with themselves", "many values"])
def test_other_models_get_other_steps(kind):
    z, i, j, ties = network(8)
    if kind == "with themselves":
        i, j, ties = np.append(i, 3), np.append(j, 3), np.append(ties, 1)
    label = mc.Categorical("z", mc.Dirichlet("w", np.ones(2)), size=8)
    table = mc.Normal("B", 0.0, 1.0, size=(2, 2))
    mean = table[label[i], label[j]]
    if kind == "covariates":
        mean = mean + np.linspace(-1.0, 1.0, len(i))
    values = np.linspace(-1.0, 1.0, len(i)) * (40.0 if kind == "many values" else 0.0) + ties
    if kind == "many values":
        i, j = np.tile(i, 4), np.tile(j, 4)
        mean, values = table[label[i], label[j]], np.linspace(-1.0, 1.0, len(i))
    data = [mc.Normal("y", mean, 1.0, value=values, observed=True)]
    if kind == "own data":
        data.append(mc.Normal("x", mc.Normal("mu", 0.0, 1.0, size=2)[label], 1.0, value=np.zeros(8), observed=True))
    m = mc.MCMC(data)
    structure = m.assembled.structure
    assert all(pairs_of(c, structure) is None for c in structure.non_factorising)
    assert steps_of(m)["z"].name != "labels of pairs"


@pytest.mark.parametrize("n", [30, 600])
def test_chains_start_where_units_that_are_alike_lie_together(n):
    z, i, j, ties = network(n, 4)
    m = mc.MCMC([blocks(n, i, j, ties)])
    places = embedding(steps_of(m)["z"].pairs, n, 2)
    first, second = places[z == 0].mean(0), places[z == 1].mean(0)
    spread = np.sqrt(places[z == 0].var(0).sum())
    assert np.linalg.norm(first - second) > 2.0 * spread
