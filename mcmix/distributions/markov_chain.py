"""Markov chain: labels of units in their order, each drawn given the one before it; several sequences side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.bounds import known
from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import on_simplex, plain


def first_units(lengths: Any) -> np.ndarray:
    """The first unit of each sequence.

    Examples
    --------
    >>> first_units([3, 2, 4]).tolist()
    [0, 3, 5]
    """
    whole = np.ravel(np.asarray(known(lengths), dtype=float)).astype(np.int64)
    return np.concatenate([[0], np.cumsum(whole)[:-1]])


def pairs(lengths: Any) -> tuple[np.ndarray, np.ndarray]:
    """Units that follow another one of the same sequence: those before, and themselves.

    Examples
    --------
    >>> [u.tolist() for u in pairs([3, 2])]
    [[0, 1, 3], [1, 2, 4]]
    """
    units = np.arange(int(np.sum(np.asarray(known(lengths), dtype=float))))
    after = np.setdiff1d(units, first_units(lengths))
    return after - 1, after


def expression(x: Any, initial: Any, transitions: Any, lengths: Any) -> Any:
    """Log mass of all labels; plain ones are checked against 0 .. K-1, and plain probabilities against the simplex."""
    if isinstance(x, np.ndarray):
        return _checked(x, initial, transitions, lengths)
    return _looked_up(x, initial, transitions, lengths)


def _looked_up(x: Any, initial: Any, transitions: Any, lengths: Any) -> Any:
    before, after = pairs(lengths)
    with np.errstate(divide="ignore"):
        begun, moved = np.log(initial), np.reshape(np.log(transitions), (-1,))
    total = np.sum(begun[x[first_units(lengths)]])
    if not len(after):
        return total
    return total + np.sum(moved[x[before] * transitions.shape[-1] + x[after]])


def _checked(x: np.ndarray, initial: Any, transitions: Any, lengths: Any) -> Any:
    k = transitions.shape[-1]
    inside = (x >= 0.0) & (x < k) & (x == np.floor(x))
    labels = np.where(inside, plain(x), 0.0).astype(np.int64)
    total = _looked_up(labels, initial, transitions, lengths)
    proper = inside.all() and all(np.all(on_simplex(p)) for p in (initial, transitions) if isinstance(p, np.ndarray))
    return total if proper else -np.inf


def draw(rng: np.random.Generator, size: Any, initial: Any, transitions: Any, lengths: Any) -> np.ndarray:
    """Drawn labels of all units; `size` is known from the lengths."""
    begun, moved = (np.cumsum(plain(p), axis=-1) for p in (initial, transitions))
    whole = np.ravel(plain(lengths)).astype(int)
    levels, found, at = rng.random(whole.sum()), np.empty(whole.sum(), dtype=np.int64), 0
    for length in whole:
        for t in range(at, at + length):
            row = begun if t == at else moved[found[t - 1]]
            found[t] = min(int(np.searchsorted(row, levels[t] * row[-1], side="right")), len(row) - 1)
        at += length
    return found


def _whole_lengths(parameters: Mapping[str, np.ndarray]) -> str | None:
    """The complaint about impossible lengths of sequences."""
    lengths = parameters.get("lengths")
    if lengths is None or (np.all(lengths >= 1) and np.all(lengths == np.floor(lengths))):
        return None
    return f"lengths expected whole numbers of at least 1, got {np.ravel(lengths)[np.ravel(lengths < 1)][:1]}"


MARKOV_CHAIN = Family(
    name="MarkovChain",
    parameters=(Parameter("initial", "simplex"), Parameter("transitions", "simplex"), Parameter("lengths", "count")),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    expression=expression,
    check=_whole_lengths,
    values=lambda shapes, known: np.arange(shapes["transitions"][-1]),
    dtype=int,
    event_ndim=1,
    summary="Labels of units in order, the first of each sequence by `initial`, each other by a row of `transitions`.",
)

__all__ = ["MARKOV_CHAIN", "first_units", "pairs"]
