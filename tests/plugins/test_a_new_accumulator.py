"""A new accumulator as somebody else would add one: this file alone, handed to a pass.

Sums of cubes by label: what a skewness would be made of.
"""

from dataclasses import replace

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels import streams
from mcmix.kernels.base import address_of, floats, tile_of
from mcmix.kernels.machine import TILE
from mcmix.kernels.records import made, record, record_at
from mcmix.kernels.tiles import LABEL, PASS, lane, scratch_of
from mcmix.steps.accumulators import Accumulator, Kernels
from mcmix.steps.base import Chain, Plan
from mcmix.steps.passes import Pass

CUBES = record("values", "sums")


@tile_of(PASS)
def add_cubes(told, words, first, m):
    task, own = record_at(words, PASS), record_at(told, CUBES)
    x, sums, label = floats(own.values, task.units), floats(own.sums, task.labels), lane(task, LABEL)
    for i in range(m):
        sums[int(label[i])] += x[first + i] ** 3
    return 0


@tile_of(PASS)
def expect_cubes(told, words, first, m):
    task, own = record_at(words, PASS), record_at(told, CUBES)
    x, sums, shares = floats(own.values, task.units), floats(own.sums, task.labels), scratch_of(task)
    for k in range(task.labels):
        for i in range(m):
            sums[k] += shares[k * TILE + i] * x[first + i] ** 3
    return 0


class Cubes(Accumulator):
    """Sums of cubes of an array with one entry for each unit."""

    kernels = Kernels(add_cubes, expect_cubes)

    def __init__(self, label, values):
        self.label, self.values = label, np.ascontiguousarray(values, dtype=float)

    def places(self):
        return {("cubes", self.label.node): self.label.n_labels}

    def told(self, memory):
        return made(CUBES, values=address_of(self.values), sums=memory.address(("cubes", self.label.node)))


def bound(x, labels):
    """A pass over some rows that also adds up their cubes, at a chain with these labels."""
    mu = mc.Normal("mu", [-1.0, 0.0, 2.0], 1.0, size=3)
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=len(x))
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)])
    (block,) = m.assembled.structure.blocks
    plan = Plan(m.assembled.structure)
    for node, variable in m.assembled.structure.recording.leaves.items():
        plan.layout.place(node, variable.size)
    compiled = Pass(block, 0, others=[Cubes(block.label, x)])
    compiled.place_sums(plan)
    compiled.compile(plan)
    plan.finish()
    chain = Chain(plan.layout, streams.nobody())
    chain.put(mu, [-1.0, 0.5, 2.5])
    chain.put(z, labels)
    return compiled, chain, z


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    return rng.normal(1.0, 2.0, 1000), rng.integers(3, size=1000)


def test_it_adds_with_known_labels_and_with_drawn_ones(rows):
    x, labels = rows
    compiled, chain, z = bound(x, labels)
    one = compiled.bound(chain)
    assert one.collect() == 0
    assert chain.view(("cubes", z)) == pytest.approx(np.bincount(labels, x**3, 3), rel=1e-12)
    assert one.draw() == 0
    drawn = chain.get(z)
    assert (drawn != labels).any()
    assert chain.view(("cubes", z)) == pytest.approx(np.bincount(drawn, x**3, 3), rel=1e-12)
    assert chain.view(("units", z)) == pytest.approx(np.bincount(drawn, minlength=3))


def test_it_adds_with_responsibilities(rows):
    x, labels = rows
    compiled, chain, z = bound(x, labels)
    shares = np.zeros((len(x), 3))
    assert compiled.bound(chain).weigh(shares=shares, collect=True) == 0
    assert chain.view(("cubes", z)) == pytest.approx(shares.T @ x**3, rel=1e-12)


def test_its_sums_have_a_zero_a_plus_and_a_minus_and_merge_in_order(rows):
    """Over parts of the rows, one after another, as over all of them."""
    x, labels = rows
    compiled, chain, z = bound(x, labels)
    compiled.bound(chain).collect()
    whole = compiled.sums.of(chain).copy()
    kept = compiled.block.factors[0].cells.sums.shifts[0]
    parts = []
    for part in (slice(0, 300), slice(300, 1000)):
        own, other, _ = bound(x[part], labels[part])
        for s in own.block.factors:  # about the shift of all rows, or they would not add up
            s.cells.sums = replace(s.cells.sums, shifts=(kept,))
        own.bound(other).collect()
        parts.append(own.sums.of(other).copy())
    compiled.sums.merge(chain, parts)
    assert compiled.sums.of(chain) == pytest.approx(whole, rel=1e-11)
    compiled.sums.subtract(chain, parts[1])
    assert compiled.sums.of(chain) == pytest.approx(parts[0], rel=1e-9, abs=1e-9)
    compiled.sums.add(chain, parts[1])
    compiled.sums.zero(chain)
    assert not compiled.sums.of(chain).any()
