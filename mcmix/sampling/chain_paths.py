"""What a Markov chain of labels is at kept draws: filtered ends of its sequences, its most probable path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.distributions.markov_chain import first_units
from mcmix.sampling.label_sums import shown_rows, with_labels
from mcmix.structure.chain_labels import ChainLabels
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression


def unit_logs(block: LabelBlock, leaves: Mapping[Any, np.ndarray]) -> np.ndarray:
    """Log density of what was observed of each unit under each label, shape (units, K), at values of all leaves."""
    label, known = block.label, dict[Expression, np.ndarray]()
    found = np.zeros((label.n_units, label.n_labels))
    for k, value in enumerate(label.values):
        for s in block.factors:
            for x, rows in shown_rows(s, with_labels(s, {label: int(value)})):
                logs = np.zeros(s.rows.shape[0])
                logs[rows] = evaluate(x, leaves, known)
                found[:, k] += logs if s.units is None else np.bincount(s.units, logs, label.n_units)
    return found


def chain_probabilities(chain: ChainLabels, leaves: Mapping[Any, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the first state (K,) and of the next one (K, K)."""
    own = chain.factor.parameters
    return evaluate(own["initial"], leaves), evaluate(own["transitions"], leaves)


def filtered(logs: np.ndarray, initial: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """Probabilities of the state of the last unit of one sequence, given all its units.

    Parameters
    ----------
    logs : ndarray, shape (units, K)

    Examples
    --------
    >>> filtered(np.zeros((2, 2)), np.array([1.0, 0.0]), np.array([[0.9, 0.1], [0.5, 0.5]])).round(2).tolist()
    [0.9, 0.1]
    """
    relative = np.exp(logs - logs.max(axis=1, keepdims=True))
    now = initial * relative[0]
    for row in relative[1:]:
        now = (now / now.sum()) @ transitions * row
    return np.asarray(now / now.sum())


def most_probable_path(logs: np.ndarray, initial: np.ndarray, transitions: np.ndarray) -> np.ndarray:
    """The states of one sequence that are most probable together (Viterbi 1967), shape (units,).

    Examples
    --------
    >>> apart = np.array([[0.0, -5.0], [-1.0, 0.0], [0.0, -5.0]])
    >>> most_probable_path(apart, np.array([0.5, 0.5]), np.array([[0.9, 0.1], [0.1, 0.9]])).tolist()
    [0, 0, 0]
    """
    with np.errstate(divide="ignore"):
        begun, moved = np.log(initial), np.log(transitions)
    best, came = begun + logs[0], np.zeros(logs.shape, dtype=np.int64)
    for t in range(1, len(logs)):
        ways = best[:, None] + moved
        came[t] = ways.argmax(axis=0)
        best = ways.max(axis=0) + logs[t]
    path = np.empty(len(logs), dtype=np.int64)
    path[-1] = best.argmax()
    for t in range(len(logs) - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path


def sequences(lengths: np.ndarray) -> list[slice]:
    """Where each sequence stands among the units.

    Examples
    --------
    >>> sequences(np.array([3, 2]))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    return [slice(int(a), int(a + n)) for a, n in zip(first_units(lengths), lengths, strict=True)]


__all__ = ["chain_probabilities", "filtered", "most_probable_path", "sequences", "unit_logs"]
