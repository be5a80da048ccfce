"""Factors as points of a space without borders, in which steps can be lengthened and combined.

Positive parameters stand as logarithms (degrees of freedom: of what exceeds the least), positive definite matrices as
the logarithms of the diagonal of their Cholesky factor and what is below it; so every point is a factor.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mcmix.variational.posteriors import Posterior

State = list[tuple[np.ndarray, ...]]


def point(posteriors: Iterable[Posterior]) -> np.ndarray:
    """Where factors stand.

    Raises
    ------
    numpy.linalg.LinAlgError
        If rounding left a matrix without a Cholesky factor.
    """
    parts = [_free(role, x - _least(q, role)) for q in posteriors for role, x in zip(q.roles, q.state, strict=True)]
    return np.concatenate([x.ravel() for x in parts])


def state_at(posteriors: Iterable[Posterior], at: np.ndarray) -> State:
    """The factors' parameters at a point."""
    found: State = []
    for q in posteriors:
        own = []
        for role, like in zip(q.roles, q.state, strict=True):
            size = _size(role, like)
            own.append(_bound(role, at[:size], like) + _least(q, role))
            at = at[size:]
        found.append(tuple(own))
    return found


def weights(posteriors: Iterable[Posterior]) -> np.ndarray:
    """By how much each coordinate counts: about the square root of its Fisher information.

    So half the squared length of a step is about its divergence in nats, and components without rows weigh little.
    """
    parts = []
    for q in posteriors:
        for role, like in zip(q.roles, q.state, strict=True):
            own = _weight(q, role)
            parts.append(np.repeat(own, _size(role, like) // own.size))
    return np.concatenate(parts)


def _weight(q: Posterior, role: str) -> np.ndarray:
    if role == "free":
        first, second = q.moments.first, q.moments.second
        variance = second if second.ndim == first.ndim else np.diagonal(second, axis1=-2, axis2=-1)
        return 1.0 / np.sqrt(variance).ravel()
    if "free" in q.roles:  # precision of a mean: of a divergence no more than the logarithm's square
        return np.ones(1)
    return np.sqrt(q.state[0]).ravel()


def _least(q: Posterior, role: str) -> float:
    """What a parameter must be more than: degrees of freedom of a matrix, its dimension less one."""
    return q.node.event_shape[-1] - 1.0 if role == "degrees" else 0.0


def _size(role: str, like: np.ndarray) -> int:
    d = like.shape[-1]
    return like.size // (d * d) * (d * (d + 1) // 2) if role == "matrix" else like.size


def _free(role: str, x: np.ndarray) -> np.ndarray:
    if role == "free":
        return x
    if role in ("positive", "degrees"):
        return np.log(x)
    factor = np.linalg.cholesky(x)
    rows, columns = np.tril_indices(x.shape[-1])
    found = factor[..., rows, columns]
    found[..., rows == columns] = np.log(found[..., rows == columns])
    return found


def _bound(role: str, at: np.ndarray, like: np.ndarray) -> np.ndarray:
    if role == "free":
        return at.reshape(like.shape)
    if role in ("positive", "degrees"):
        return np.exp(at.reshape(like.shape))
    d = like.shape[-1]
    rows, columns = np.tril_indices(d)
    at = at.reshape(-1, len(rows))
    factor = np.zeros((len(at), d, d))
    factor[:, rows, columns] = at
    factor[:, range(d), range(d)] = np.exp(at[:, rows == columns])
    return (factor @ np.swapaxes(factor, -1, -2)).reshape(like.shape)


__all__ = ["point", "state_at", "weights"]
