"""Chains of labels written as a loop: each label's probabilities are the row of one table that the label before names.

``z.append(Categorical(f"z{i}", P[z[-1]]))`` is, from the first label to the last, one Markov chain with the transitions
P. Seen as one, all its labels are drawn at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.errors import TraceError
from mcmix.nodes.distribution import Distribution
from mcmix.structure.expression import Expression, constant
from mcmix.structure.recording import Factor, Recording, distribution_elements
from mcmix.structure.rewrite import substitute


@dataclass(frozen=True)
class ChainLoop:
    """Labels that follow one another.

    Attributes
    ----------
    members : list of Distribution
        One sequence after another, each from its first label on.
    lengths : list of int
        Of the sequences.
    initial : Expression, shape (K,)
    transitions : Expression, shape (K, K)
    """

    members: list[Distribution]
    lengths: list[int]
    initial: Expression
    transitions: Expression

    def factor(self, first: Factor, whole: Expression, moved: Mapping[Expression, Expression]) -> Factor:
        """The distribution of all of them, whose leaf is `whole`; `first` is the factor of the first one.

        `moved` has what expressions have become.
        """
        parameters = {
            "initial": moved[self.initial],
            "transitions": moved[self.transitions],
            "lengths": constant(np.array(self.lengths, dtype=float)),
        }
        elements = distribution_elements(MARKOV_CHAIN, whole, list(parameters.values()), ())
        return Factor(first.node, elements, MARKOV_CHAIN, whole, parameters)


def chain_loops(recording: Recording, members: Mapping[Distribution, Factor], fewest: int) -> list[ChainLoop]:
    """The chains among unknowns that may be gathered.

    Parameters
    ----------
    recording : Recording
    members : mapping
        Unknowns that may be gathered, with their factors.
    fewest : int
        Labels that are worth it.
    """
    labels = {n: f for n, f in members.items() if n.family.name == "Categorical" and not n.shape}
    leaves = {recording.leaves[n]: n for n in labels}
    before: dict[Distribution, tuple[Distribution, Expression]] = {}
    for node, factor in labels.items():
        found = _row_named(factor.parameters["probabilities"], leaves)
        if found is not None:
            before[node] = found
    by_table = defaultdict[Expression, dict[Distribution, Distribution]](dict)
    for node, (previous, table) in before.items():
        by_table[table][node] = previous
    chains = [_chain(own, table, labels, leaves) for table, own in by_table.items()]
    return [c for c in chains if c is not None and len(c.members) >= fewest and _are_seen_alone(c, recording)]


def _row_named(p: Expression, leaves: Mapping[Expression, Distribution]) -> tuple[Distribution, Expression] | None:
    """The label whose row of a square table probabilities are, and the table."""
    if p.op != "take" or p.ndim != 1:
        return None
    table, index = p.arguments
    k = p.size
    named = [x for x in index.leaves if x in leaves]
    if table.shape != (k, k) or len(named) != 1 or len(index.leaves) != 1 or table.leaves & leaves.keys():
        return None
    for j in range(k):
        try:
            at = substitute(index, {named[0]: constant(j)})
        except TraceError:
            return None
        if not at.is_constant or not np.array_equal(np.ravel(at.known), j * k + np.arange(k)):
            return None
    return leaves[named[0]], table


def _chain(
    before: Mapping[Distribution, Distribution],
    table: Expression,
    labels: Mapping[Distribution, Factor],
    leaves: Mapping[Expression, Distribution],
) -> ChainLoop | None:
    """Labels with one table in their order, where none has two that follow it and all first ones are alike."""
    after = {previous: node for node, previous in before.items()}
    heads = [n for n in after if n not in before]
    starts = {labels[n].parameters["probabilities"] for n in heads}
    if len(after) < len(before) or len(starts) != 1:
        return None
    (initial,) = starts
    if initial.shape != table.shape[:1] or initial.leaves & leaves.keys():
        return None
    sequences = [_from(head, after) for head in heads]
    members = [n for sequence in sequences for n in sequence]
    if len({id(n.family) for n in members}) > 1:
        return None
    return ChainLoop(members, [len(s) for s in sequences], initial, table)


def _from(head: Distribution, after: Mapping[Distribution, Distribution]) -> list[Distribution]:
    found = [head]
    while found[-1] in after:
        found.append(after[found[-1]])
    return found


def _are_seen_alone(chain: ChainLoop, recording: Recording) -> bool:
    """Whether nothing else looks at two of the labels: only then are all of them drawn at once."""
    own: Collection[Distribution] = set(chain.members)
    leaves = {recording.leaves[n] for n in chain.members}
    return all(f.node in own or len(f.elements.leaves & leaves) <= 1 for f in recording.factors if f.elements.size == 1)


__all__ = ["ChainLoop", "chain_loops"]
