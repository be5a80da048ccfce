"""A new distribution of labels as somebody else would add one: this file alone, its row put into the table.

A sticky chain: a label is that of the unit before it with probability `stay`, else any other with equal probability.
Labels depend on one another, so the pass looks at all units in order first (the forward filter) and draws from the last
to the first (Chib 1996, "Calculating posterior distributions and modal estimates in Markov mixture models", Journal of
Econometrics 75, section 2), or weighs them in that order (the backward recursion of the smoother, the same source).
"""

import itertools
import math

import numpy as np
import pytest
from scipy.special import logsumexp

import mcmix as mc
import mcmix.testing
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.kernels.base import floats, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import made, record, record_at
from mcmix.kernels.tiles import HIGHEST, LABEL, PASS, TOTAL, UNIFORMS, lane, scratch_of
from mcmix.nodes.distribution import node_class
from mcmix.steps.accumulators import Accumulator, Kernels
from mcmix.structure import recognised_labels
from mcmix.structure.expression import constant, elementwise, leaf
from mcmix.structure.label_distributions import LabelDistribution

# -------------------------------------------------------------------- the family, as users write it


def expression(x, stay, states, length):
    same = (x[1:] == x[:-1]).sum()
    return -np.log(states) + same * np.log(stay) + (length - 1 - same) * (np.log1p(-stay) - np.log(states - 1))


def draw(rng, size, stay, states, length):
    found = np.empty(int(length), dtype=int)
    found[0] = rng.integers(states)
    for t in range(1, len(found)):
        moved = (found[t - 1] + 1 + rng.integers(states - 1)) % states
        found[t] = found[t - 1] if rng.random() < stay else moved
    return found


STICKY = Family(
    name="StickyChain",
    parameters=(Parameter("stay", "probability"), Parameter("states", "count"), Parameter("length", "count")),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    expression=expression,
    values=lambda shapes, known: np.arange(int(known["states"][0])),
    dtype=int,
    event_ndim=1,
    dimension="length",
    summary="A chain of labels that stays where it is with a probability.",
)
StickyChain = node_class(STICKY)


# -------------------------------------------------------------------- kernels

# The probability to stay; filtered probabilities of each unit and the log density of its data given those before it;
# smoothed probabilities of the unit behind this one, and of the one behind the tile; how many stayed.
CHAIN = record("stay", "filtered", "logs", "behind", "behind_tile", "stayed")


@tile_of(PASS)
def ahead(told, words, first, m):
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, scratch, stay = task.labels, scratch_of(task), floats(chain.stay, 1)[0]
    filtered, logs = floats(chain.filtered, task.units * k), floats(chain.logs, task.units)
    away, bad = (1.0 - stay) / (k - 1), 0
    for i in range(m):
        own, highest, total = (first + i) * k, -math.inf, 0.0
        for j in range(k):
            highest = max(highest, scratch[j * TILE + i])
        for j in range(k):
            ahead_of = away + (stay - away) * filtered[own - k + j] if first + i > 0 else 1.0 / k
            filtered[own + j] = ahead_of * math.exp(scratch[j * TILE + i] - highest)
            total += filtered[own + j]
        logs[first + i] = highest + math.log(total)
        bad += 0 if total > 0.0 else 1
        for j in range(k):
            filtered[own + j] /= total
    return bad


@tile_of(PASS)
def draw_back(told, words, first, m):
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, stay, uniforms, label = task.labels, floats(chain.stay, 1)[0], lane(task, UNIFORMS), lane(task, LABEL)
    filtered, drawn, away = floats(chain.filtered, task.units * k), floats(task.out, task.units), (1.0 - stay) / (k - 1)
    for back in range(m):
        i = m - 1 - back
        t = first + i
        last = t + 1 == task.units
        behind = 0 if last else int(label[i + 1] if i + 1 < m else drawn[t + 1] - task.lowest)
        total = 0.0
        for j in range(k):
            total += filtered[t * k + j] * (1.0 if last else stay if j == behind else away)
        level, reached, found = uniforms[i] * total, 0.0, 0
        for j in range(k - 1):
            reached += filtered[t * k + j] * (1.0 if last else stay if j == behind else away)
            found += 1 if reached < level else 0
        label[i] = found
    return 0


@tile_of(PASS)
def expect_back(told, words, first, m):
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, stay, scratch = task.labels, floats(chain.stay, 1)[0], scratch_of(task)
    filtered, logs = floats(chain.filtered, task.units * k), floats(chain.logs, task.units)
    behind, behind_tile, away = floats(chain.behind, k), floats(chain.behind_tile, k), (1.0 - stay) / (k - 1)
    highest, total = lane(task, HIGHEST), lane(task, TOTAL)
    for j in range(k):
        behind_tile[j] = behind[j]
    for back in range(m):
        i = m - 1 - back
        t = first + i
        highest[i], total[i] = logs[t], 1.0
        for j in range(k):
            follow = 1.0 if t + 1 == task.units else 0.0
            for other in range(k if t + 1 < task.units else 0):
                ahead_of = away + (stay - away) * filtered[t * k + other]
                follow += (stay if other == j else away) * behind[other] / ahead_of
            scratch[j * TILE + i] = filtered[t * k + j] * follow
        for j in range(k):
            behind[j] = scratch[j * TILE + i]
    return 0


@tile_of(PASS)
def add_stayed(told, words, first, m):
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    drawn, stayed = floats(task.out, task.units), floats(chain.stayed, 1)
    for t in range(first, min(first + m, task.units - 1)):
        stayed[0] += 1.0 if drawn[t] == drawn[t + 1] else 0.0
    return 0


@tile_of(PASS)
def expect_stayed(told, words, first, m):
    task, chain = record_at(words, PASS), record_at(told, CHAIN)
    k, stay, scratch = task.labels, floats(chain.stay, 1)[0], scratch_of(task)
    filtered, behind_tile = floats(chain.filtered, task.units * k), floats(chain.behind_tile, k)
    stayed, away = floats(chain.stayed, 1), (1.0 - stay) / (k - 1)
    for i in range(min(m, task.units - 1 - first)):
        t = first + i
        for j in range(k):
            behind = scratch[j * TILE + i + 1] if i + 1 < m else behind_tile[j]
            stayed[0] += filtered[t * k + j] * stay * behind / (away + (stay - away) * filtered[t * k + j])
    return 0


# -------------------------------------------------------------------- the distribution


class Stayed(Accumulator):
    """How many units have the label of the one before."""

    kernels = Kernels(add_stayed, expect_stayed)

    def __init__(self, chain):
        self.chain = chain

    def places(self):
        return {("stayed", self.chain.label.node): 1}

    def told(self, memory):
        return self.chain.record(memory.address)


class Sticky(LabelDistribution):
    """Forward filtering, backward sampling and smoothing."""

    ahead, draw, expect = ahead, draw_back, expect_back
    why_not_exchanged = "labels follow a chain"

    def __init__(self, factor, label):
        self.factor, self.label = factor, label
        self.stay = factor.parameters["stay"]
        self.stayed = leaf(("stayed", label.node), ())

    def said(self, factor, counts):
        moved = elementwise("subtract", float(self.label.n_units - 1), self.stayed)
        away = elementwise("log1p", elementwise("negative", self.stay)) - math.log(self.label.n_labels - 1)
        return self.stayed * elementwise("log", self.stay) + moved * away, None

    def prelude(self):
        return [(elementwise("add", self.stay, constant(0.0)), ("stay", self))]

    def places(self):
        n, k = self.label.n_units, self.label.n_labels
        return {("filtered", self): n * k, ("logs", self): n, ("behind", self): k, ("behind tile", self): k}

    def record(self, address):
        names = {
            "stay": "stay",
            "filtered": "filtered",
            "logs": "logs",
            "behind": "behind",
            "behind tile": "behind_tile",
        }
        places = {field: address((key, self)) for key, field in names.items()}
        return made(CHAIN, **places, stayed=address(("stayed", self.label.node)))

    def accumulators(self):
        return [Stayed(self)]


@pytest.fixture(autouse=True)
def in_the_table(monkeypatch):
    def sticky(own, label):
        return Sticky(own, label) if own.family is STICKY else None

    monkeypatch.setattr(recognised_labels, "RECOGNISED", [sticky])


# -------------------------------------------------------------------- is it right?


def model(n=7, k=2, values=None):
    stay = mc.Beta("stay", 4, 2)
    z = StickyChain("z", stay, k, n)
    mu, tau = mc.Normal("mu", [-1.0, 1.0, 3.0][:k], 1.0, size=k), mc.Gamma("tau", 3, 2)
    x = np.random.default_rng(5).normal(size=n) if values is None else values
    return mc.Model([mc.Normal("y", mu[z], tau, value=x, observed=True), z, mu, tau, stay])


def test_labels_get_the_label_update():
    m = mc.MCMC(model())
    assert {s.variables[0].name: s.name for s in m.step_methods}["z"] == "label update"


@pytest.mark.parametrize("k", [2, 3])
def test_it_leaves_the_joint_distribution_alone(k):
    result = mcmix.testing.joint_test(model(k=k), replications=60, false_alarm=1e-6, seed=6)
    assert result.passed, result


@pytest.mark.parametrize("n", [1, 2, 6])
def test_responsibilities_and_likelihood_are_those_of_all_sequences(n):
    """Against the sum over all K^n sequences, at the last draw."""
    k, x = 3, np.random.default_rng(7).normal(1.0, 2.0, n)
    m = mc.MCMC(model(n, k, x)).sample(50, chains=1, seed=8, progress_bar=False)
    runner = m._runners[0]
    (compiled,) = m.assembled.label_passes
    logs, shares = np.zeros(n), np.zeros((n, k))
    bound = compiled.bound(runner.chain)
    assert bound.weigh(logs, shares, collect=True) == 0
    at = {node.name: runner.chain.get(node) for node in m.model.stochastics}
    density = mc.Normal.dist(0, 1).family.logpdf(x[:, None], at["mu"], at["tau"])
    sequences = np.array(list(itertools.product(range(k), repeat=n)))
    prior = np.array([float(expression(s, at["stay"], k, n)) for s in sequences])
    weights = prior + density[np.arange(n), sequences].sum(1)
    total = logsumexp(weights)
    exact = np.array([[np.exp(logsumexp(weights[sequences[:, t] == j]) - total) for j in range(k)] for t in range(n)])
    stayed = np.sum(np.exp(weights - total) * (sequences[:, 1:] == sequences[:, :-1]).sum(1))
    assert logs.sum() == pytest.approx(total, rel=1e-11)
    assert shares == pytest.approx(exact, abs=1e-11)
    assert runner.chain.view(("stayed", compiled.label.node))[0] == pytest.approx(stayed, abs=1e-10)
    assert runner.chain.view(("units", compiled.label.node)) == pytest.approx(exact.sum(0), abs=1e-10)


def test_a_chain_longer_than_tiles_and_blocks_is_found_again():
    """Sums for labels as they stand are those of the pass that drew them, over many tiles and two blocks."""
    rng = np.random.default_rng(9)
    z = STICKY.draw(rng, None, 0.98, 2, 20_000)
    m = mc.MCMC(model(len(z), 2, rng.normal(np.array([-2.0, 2.0])[z], 1.0)))
    # near where it belongs: from a probability to stay below a half, chains go on alternating for long
    m.sample(200, 50, chains=1, seed=10, start={"stay": 0.9, "mu": [-2.0, 2.0]}, progress_bar=False)
    chain, (compiled,) = m._runners[0].chain, m.assembled.label_passes
    drawn = compiled.sums.of(chain).copy()
    assert compiled.bound(chain).collect() == 0
    assert compiled.sums.of(chain) == pytest.approx(drawn, rel=1e-12)
    assert chain.view(("stayed", compiled.label.node))[0] == np.sum(np.diff(chain.view(compiled.label.node)) == 0)
    stays = np.mean(z[1:] == z[:-1])
    assert abs(m.trace("stay")[:].mean() - stays) < 5 * math.sqrt(stays * (1 - stays) / len(z)) + 0.002
    assert np.mean(chain.view(compiled.label.node) == z) > 0.97
