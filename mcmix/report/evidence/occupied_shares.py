"""The evidence of numbers of components from how often so many of them hold units, in runs with several numbers.

Of a mixture with K exchangeable components and symmetric Dirichlet weights of concentration c, a partition of n units
into t clusters of sizes n_j has the prior probability V(K, t) prod_j Gamma(n_j + c) / Gamma(c), with

    V(K, t) = K! / (K - t)! Gamma(K c) / Gamma(n + K c).

Summed over all partitions into t clusters, times what the data say of them, p(K+ = t, data | K) = V(K, t) A(t), where
A(t) does not depend on K. Shares of draws with t clusters, in runs with several K (or an unknown one), therefore tell
A(t) up to one factor, and the evidence of every K is the sum of V(K, t) A(t) over t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

STEPS = 200  # of Newton's method, which takes a dozen
CLOSE = 1e-10  # nats that a step moves when it has ended


def log_partition_weights(n: int, k: int, concentration: float, most: int) -> np.ndarray:
    """Log V(K, t) of t = 1 .. most; minus infinity where t exceeds K.

    Examples
    --------
    Two units, two components: apart or together, each with probability 1/2 beside Gamma(c + 1)^2 or Gamma(c + 2).

    >>> np.exp(log_partition_weights(2, 2, 1.0, 3)).round(4).tolist()
    [0.3333, 0.3333, 0.0]
    """
    t = np.arange(1, most + 1)
    whole = gammaln(k + 1.0) + gammaln(k * concentration) - gammaln(n + k * concentration)
    return np.where(t <= k, whole - gammaln(np.maximum(k - t, 0) + 1.0), -np.inf)


@dataclass(frozen=True)
class SharedEvidence:
    """Log evidence of several models up to one constant.

    Attributes
    ----------
    logs : ndarray, shape (models,)
        NaN where no number of clusters is shared, by way of others, with the first model.
    covariance : ndarray, shape (models, models)
        Of the Monte Carlo errors, up to what is common to all: only errors of differences mean something.
    """

    logs: np.ndarray
    covariance: np.ndarray

    def error(self, i: int, j: int) -> float:
        """Monte Carlo standard error of the difference between two models."""
        c = self.covariance
        return float(np.sqrt(max(c[i, i] + c[j, j] - 2.0 * c[i, j], 0.0)))


def from_shares(log_weights: np.ndarray, shares: np.ndarray, effective: Sequence[float]) -> SharedEvidence:
    """Evidence from shares of draws by number of clusters.

    Parameters
    ----------
    log_weights : ndarray, shape (models, numbers)
        Log V(K, t), averaged over a prior on K where that is unknown.
    shares : ndarray, shape (models, numbers)
        Of draws that have t clusters.
    effective : sequence of float
        Effective draws of each run.

    Returns
    -------
    SharedEvidence

    Notes
    -----
    The likeliest A(t) where draws count as multinomial: the estimator of several importance samplers at once (Geyer
    1994, "Estimating normalizing constants and reweighting mixtures"; Meng and Wong 1996, "Simulating ratios of
    normalizing constants via a simple identity"), errors by its Fisher information.
    """
    counts = np.asarray(effective, dtype=float)[:, None] * shares
    together = _connected(counts > 0.0)
    numbers = (counts[together] > 0.0).any(axis=0)
    logs, covariance = np.full(len(counts), np.nan), np.full((len(counts), len(counts)), np.nan)
    z, errors = _likeliest(log_weights[np.ix_(together, numbers)], counts[np.ix_(together, numbers)])
    logs[together], covariance[np.ix_(together, together)] = z, errors
    return SharedEvidence(logs, covariance)


def _connected(seen: np.ndarray) -> np.ndarray:
    """Models that the first one shares numbers of clusters with, directly or by way of others."""
    models = np.arange(len(seen)) == 0
    while True:
        numbers = seen[models].any(axis=0)
        more = seen[:, numbers].any(axis=1)
        if (more == models).all():
            return np.asarray(models)
        models = more


def _likeliest(log_weights: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log evidence of each model and its covariance, by Newton's method on log A(t); the likelihood is concave."""
    total = counts.sum(axis=1)
    a = np.log(counts.sum(axis=0)) - logsumexp(log_weights, axis=0, b=(total / total.sum())[:, None])
    value = _log_likelihood(a, log_weights, counts)
    for _ in range(STEPS):
        p, information = _moments(a, log_weights, total)
        step = np.linalg.pinv(information, rcond=1e-12) @ (counts.sum(axis=0) - total @ p)
        length = 1.0
        while length > 1e-6 and _log_likelihood(a + length * step, log_weights, counts) < value:
            length /= 2.0
        a = a + length * step
        value = _log_likelihood(a, log_weights, counts)
        if np.abs(length * step).max() < CLOSE:
            break
    p, information = _moments(a, log_weights, total)
    return logsumexp(log_weights + a, axis=1), p @ np.linalg.pinv(information, rcond=1e-12) @ p.T


def _moments(a: np.ndarray, log_weights: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the numbers of clusters in each model, and the information of all draws about log A(t)."""
    logs = log_weights + a
    p = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return p, np.diag(total @ p) - (p.T * total) @ p


def _log_likelihood(a: np.ndarray, log_weights: np.ndarray, counts: np.ndarray) -> float:
    logs = log_weights + a
    return float((counts.sum(axis=0) * a).sum() - counts.sum(axis=1) @ logsumexp(logs, axis=1))


__all__ = ["SharedEvidence", "from_shares", "log_partition_weights"]
