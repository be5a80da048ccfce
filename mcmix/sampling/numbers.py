"""With how many components chains start where that is unknown: some with many, some with few."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.number_of_components import NumberOfComponents
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Chain
from mcmix.steps.bound_pass import BoundPass
from mcmix.steps.plan import CompiledModel
from mcmix.structure.unknown_number import UnknownNumber

FEWER = 5  # times as few components in every other chain
APART = (1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64)  # numbers that a search begins with
LOOKED_AT, EM_STEPS = 20_000, 4  # rows of a search, and its steps for each number


def put_numbers(
    compiled: CompiledModel,
    chain: Chain,
    given: Mapping[Stochastic, Any],
    number: int,
    wanted: Mapping[Stochastic, int] = MappingProxyType({}),
) -> None:
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
    wanted : mapping of Stochastic to int
        Numbers of components to start with, where they are known better.

    Raises
    ------
    ModelError
        If weights or labels were given that fit no possible number of components, or not the one that was given, or
        there is no room for so many.
    """
    for unknown in compiled.structure.numbers:
        least = _least(unknown, given)
        k = _number(unknown, given, wanted.get(unknown.node, 0) or _by_chain(unknown, number), least)
        if k < least:
            raise ModelError(
                f"start: {unknown.node.name} expected at least {least}, the components that start values of "
                f"{unknown.weights.name} and {unknown.block.label.node.name} speak of, got {k}"
            )
        if k > unknown.capacity:
            raise ModelError(
                f"start: {unknown.node.name} expected at most {unknown.capacity}, for which there is room at first, "
                f"got {k}; make it with room={k}"
            )
        chain.put(unknown.node, k)
        if unknown.weights not in given:
            chain.put(unknown.weights, np.where(np.arange(unknown.capacity) < k, 1.0 / k, 0.0))


def _least(unknown: UnknownNumber, given: Mapping[Stochastic, Any]) -> int:
    """The components that start values speak of."""
    weights, labels = given.get(unknown.weights), given.get(unknown.block.label.node)
    of_weights = 0 if weights is None else 1 + int(np.flatnonzero(np.asarray(weights)).max(initial=0))
    return max(1, of_weights, 0 if labels is None else 1 + int(np.max(labels)))


def _by_chain(unknown: UnknownNumber, number: int) -> int:
    """Many components, or few."""
    many = unknown.block.n_seeds
    return many if number % 2 == 0 else max(1, many // FEWER)


def _number(unknown: UnknownNumber, given: Mapping[Stochastic, Any], wanted: int, least: int) -> int:
    """The number that was given, that of weights that were given, or a possible one near the one that is wanted."""
    if unknown.node in given:
        return int(given[unknown.node])
    if unknown.weights in given:
        return least
    return nearest_possible(unknown.node, max(least, wanted))


def nearest_possible(node: NumberOfComponents, wanted: int) -> int:
    """The least number with a prior probability from a wanted one on, or the greatest there is."""
    possible = np.flatnonzero(node.probabilities) + 1
    return int(possible[min(int(np.searchsorted(possible, wanted)), len(possible) - 1)])


# -------------------------------------------------------------------- a search, where units are many


def searched(unknown: UnknownNumber, settle: Callable[[int], BoundPass], draw: Callable[[], None]) -> int:
    """The number of components with the best Bayesian information criterion, after a few steps of EM with draws.

    Parameters
    ----------
    unknown : UnknownNumber
    settle : callable
        Puts the chain where a seeding of so many components leads; its pass over the rows.
    draw : callable
        Draws parameters given the sums that the pass has left.

    Notes
    -----
    Some 20,000 rows are looked at. First numbers that are some way apart are tried, then those between the best one's
    neighbours.
    """
    scores: dict[int, float] = {}
    every = max(1, unknown.block.label.n_units // LOOKED_AT)

    def tried(k: int) -> None:
        k = nearest_possible(unknown.node, k)
        if k not in scores:
            scores[k] = _criterion(unknown, k, settle(k), draw, every)

    for k in sorted({min(k, unknown.block.n_seeds) for k in APART}):
        tried(k)
    best = max(scores, key=scores.__getitem__)
    below, above = (
        max((k for k in scores if k < best), default=best),
        min((k for k in scores if k > best), default=best),
    )
    for k in range(below + 1, above):
        tried(k)
    return max(scores, key=scores.__getitem__)


def _criterion(unknown: UnknownNumber, k: int, rows: BoundPass, draw: Callable[[], None], every: int) -> float:
    """Log likelihood of some rows with labels summed out, less the price of the parameters."""
    logs = np.zeros(unknown.block.label.n_units)
    for _ in range(EM_STEPS):
        rows.weigh(collect=True, every=every)
        draw()
    rows.weigh(logs, every=every)
    looked_at = len(logs) // every
    assert unknown.block.tables is not None
    own = len(unknown.block.tables.tables)  # the weight among them
    return float(logs.sum()) - 0.5 * k * own * float(np.log(looked_at))


__all__ = ["nearest_possible", "put_numbers", "searched"]
