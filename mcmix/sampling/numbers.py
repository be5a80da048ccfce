"""With how many components chains start where that is unknown: some with many, some with few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.plan import CompiledModel
from mcmix.structure.unknown_number import UnknownNumber

FEWER = 5  # times as few components in every other chain


def put_numbers(compiled: CompiledModel, chain: Chain, given: Mapping[Stochastic, Any], number: int) -> None:
    """Put a chain's unknown numbers of components, and weights of as many, where these were not given.

    Parameters
    ----------
    compiled : CompiledModel
    chain : Chain
        With values of all unknowns.
    given : mapping of Stochastic to array
        Start values that win.
    number : int
        The chain's; those with even numbers start with many components.

    Raises
    ------
    ModelError
        If weights or labels were given that fit no possible number of components, or not the one that was given.
    """
    for unknown in compiled.structure.numbers:
        least = _least(unknown, given)
        k = _number(unknown, given, number, least)
        if k < least:
            raise ModelError(
                f"start: {unknown.node.name} expected at least {least}, the components that start values of "
                f"{unknown.weights.name} and {unknown.block.label.node.name} speak of, got {k}"
            )
        chain.put(unknown.node, k)
        if unknown.weights not in given:
            chain.put(unknown.weights, np.where(np.arange(unknown.capacity) < k, 1.0 / k, 0.0))


def _least(unknown: UnknownNumber, given: Mapping[Stochastic, Any]) -> int:
    """The components that start values speak of."""
    weights, labels = given.get(unknown.weights), given.get(unknown.block.label.node)
    of_weights = 0 if weights is None else 1 + int(np.flatnonzero(np.asarray(weights)).max(initial=0))
    return max(1, of_weights, 0 if labels is None else 1 + int(np.max(labels)))


def _number(unknown: UnknownNumber, given: Mapping[Stochastic, Any], number: int, least: int) -> int:
    """The number that was given, that of weights that were given, or a possible one near the one that is wanted."""
    if unknown.node in given:
        return int(given[unknown.node])
    if unknown.weights in given:
        return least
    many = unknown.block.n_seeds
    return nearest_possible(unknown.node, max(least, many if number % 2 == 0 else max(1, many // FEWER)))


def nearest_possible(node: NumberOfComponents, wanted: int) -> int:
    """The least number with a prior probability from a wanted one on, or the greatest there is."""
    possible = np.flatnonzero(node.probabilities) + 1
    return int(possible[min(int(np.searchsorted(possible, wanted)), len(possible) - 1)])


__all__ = ["nearest_possible", "put_numbers"]
