"""Labels that follow a Markov chain, as the pass over the data asks them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.family import Sums
from mcmix.distributions.markov_chain import MARKOV_CHAIN, first_units
from mcmix.kernels import chain_labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.records import made
from mcmix.structure.accumulator import Accumulator, Kernels, Memory
from mcmix.structure.expression import constant, elementwise, leaf, reduce
from mcmix.structure.label_distributions import LabelDistribution, Said
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.recording import Factor


class Pairs(Accumulator):
    """How often each state follows each other one, and begins a sequence."""

    kernels = Kernels(kernels.count_pairs, kernels.expect_pairs)

    def __init__(self, chain: ChainLabels):
        self.chain = chain

    def places(self) -> dict[Hashable, int]:
        """Counts of pairs, then of first states."""
        node, k = self.chain.label.node, self.chain.label.n_labels
        return {("pairs", node): k * k, ("firsts", node): k}

    def told(self, memory: Memory) -> np.ndarray:
        """The chain's own record."""
        return self.chain.record(memory.address)


class ChainLabels(LabelDistribution):
    """Forward filtering, and sampling or smoothing backward.

    Parameters
    ----------
    factor : Factor
        The labels' own.
    label : LabelVector
    """

    ahead, draw, expect = kernels.ahead, kernels.draw, kernels.expect

    def __init__(self, factor: Factor, label: LabelVector):
        self.factor, self.label = factor, label
        k = label.n_labels
        self.pairs, self.firsts = leaf(("pairs", label.node), (k, k)), leaf(("firsts", label.node), (k,))
        self.tables, self.squares = [factor.parameters["initial"]], [factor.parameters["transitions"]]
        self._begins = np.zeros(label.n_units)
        self._begins[first_units(factor.parameters["lengths"])] = 1.0

    def said(self, factor: Factor, counts: Any) -> Said:
        """A multinomial for each row of the transitions, and one for the first states."""
        parts = [
            reduce("sum", elementwise("where", elementwise("greater", n, 0), n * elementwise("log", p), 0.0))
            for n, p in ((self.pairs, factor.parameters["transitions"]), (self.firsts, factor.parameters["initial"]))
        ]
        return parts[0] + parts[1], Sums(self.pairs, (self.firsts,), (None,), (0.0,))

    def prelude(self) -> Sequence[tuple[Any, Hashable]]:
        """Probabilities of the first state and of the next one."""
        own = self.factor.parameters
        return [(elementwise("add", own[name], constant(0.0)), (name, self)) for name in ("initial", "transitions")]

    def places(self) -> Mapping[Hashable, int]:
        """Filtered and smoothed probabilities."""
        n, k = self.label.n_units, self.label.n_labels
        sizes = {"filtered": n * k, "highest": n, "totals": n, "behind": k, "behind_tile": k}
        return {(name, self): size for name, size in sizes.items()}

    def record(self, address: Callable[[Hashable], int]) -> np.ndarray:
        """Addresses by name."""
        own = ("initial", "transitions", "filtered", "highest", "totals", "behind", "behind_tile")
        counts = {name: address((name, self.label.node)) for name in ("pairs", "firsts")}
        places = {name: address((name, self)) for name in own}
        return made(kernels.CHAIN, begins=address_of(self._begins), **places, **counts)

    def accumulators(self) -> Sequence[Any]:
        """Pairs of states."""
        return [Pairs(self)]


def chain_labels(own: Factor, label: LabelVector) -> LabelDistribution | None:
    """The labels of a Markov chain, all of them unknown or recorded so."""
    return ChainLabels(own, label) if own.family is MARKOV_CHAIN and own.x is label.variable else None


__all__ = ["ChainLabels", "chain_labels"]
