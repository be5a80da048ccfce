"""The exact posterior of how units are parted into clusters, and of the number of components, over all partitions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from mcmix.errors import ModelError
from mcmix.nodes.component_priors import prior_on_number

MOST_UNITS = 11  # 678,570 partitions; of ten units there are 115,975
WHAT = "enumerated_partitions"


@dataclass(frozen=True, repr=False, eq=False)
class PartitionPosterior:
    """An exact posterior over all partitions of a few units.

    Attributes
    ----------
    labels : ndarray of int, shape (partitions, units)
        Clusters numbered in the order of their first units.
    log_likelihoods : ndarray, shape (partitions,)
        Log density of the data given each partition.
    kinds : ndarray of int, shape (partitions,)
        Partitions into clusters of the same sizes have the same prior.
    log_prior : ndarray, shape (kinds, numbers)
        Log prior of a partition of each kind and a number of components together; minus infinity where there are too
        few.
    numbers : ndarray of int
        Numbers of components with a prior probability; empty for a Dirichlet process.

    Examples
    --------
    Three units of which the first two are alike:

    >>> import numpy as np
    >>> exact = enumerated_partitions(3, lambda units: 2.0 * (units == [0, 1]), components=[0, 0, 1], concentration=1.0)
    >>> exact.similarity.round(2).tolist()
    [[1.0, 0.78, 0.22], [0.78, 1.0, 0.22], [0.22, 0.22, 1.0]]
    """

    labels: np.ndarray
    log_likelihoods: np.ndarray
    kinds: np.ndarray
    log_prior: np.ndarray
    numbers: np.ndarray

    @property
    def log_evidence(self) -> float:
        """Log density of the data."""
        return float(logsumexp(self._logs))

    @property
    def probabilities(self) -> np.ndarray:
        """Of each partition."""
        return np.asarray(np.exp(self._logs - self.log_evidence))

    @property
    def components(self) -> np.ndarray:
        """Posterior probability of each of :attr:`numbers` components."""
        of_kinds = np.bincount(self.kinds, self.probabilities)
        totals = logsumexp(self.log_prior, axis=1, keepdims=True)
        shares = np.exp(self.log_prior - np.where(np.isfinite(totals), totals, 0.0))
        return np.asarray(of_kinds @ shares)

    @property
    def occupied(self) -> np.ndarray:
        """Posterior probability of 1, 2, .. clusters."""
        return np.bincount(self.labels.max(1), self.probabilities)

    @property
    def similarity(self) -> np.ndarray:
        """Posterior probability that two units are in one cluster, shape (units, units)."""
        same = self.labels[:, :, None] == self.labels[:, None, :]
        return np.asarray(np.tensordot(self.probabilities, same, 1))

    @property
    def _logs(self) -> np.ndarray:
        """Log densities of data and partition together."""
        return np.asarray(self.log_likelihoods + logsumexp(self.log_prior, axis=1)[self.kinds])

    def __repr__(self) -> str:
        return (
            f"<exact posterior of {len(self.labels)} partitions of {self.labels.shape[1]} units, log evidence "
            f"{self.log_evidence:.6g}>"
        )


def enumerated_partitions(
    n: int,
    log_marginal: Callable[[list[int]], float],
    *,
    components: Any,
    concentration: float,
    dynamic: bool = False,
    discount: float = 0.0,
) -> PartitionPosterior:
    """The exact posterior over all partitions of a few units.

    Parameters
    ----------
    n : int
        Units, up to 11.
    log_marginal : callable
        Of a list of units: log density of their data in one cluster, its parameters integrated out. It is called
        for each of the ``2**n - 1`` sets of units.
    components : int, array_like, frozen discrete scipy.stats distribution, or None
        Prior on the number of components, as :func:`mcmix.prior_components` takes it; None for a Dirichlet process.
    concentration : float
        Of each component's weight; of the process.
    dynamic : bool
        Whether a component's concentration is ``concentration / K``.
    discount : float
        Of a Pitman-Yor process, from 0 (a Dirichlet process) to below 1.

    Returns
    -------
    PartitionPosterior

    Raises
    ------
    ModelError
        If there are too many units, or the prior is no probability distribution on 1, 2, ..

    Notes
    -----
    Nothing of what samples is used. Given K, a partition into t clusters of sizes n_1 .. n_t has probability
    K! / (K - t)! Gamma(K a) / Gamma(n + K a) prod_j Gamma(n_j + a) / Gamma(a) (Miller and Harrison 2018); that of a
    process is proportional to prod_{j < t} (a + j d) prod_j Gamma(n_j - d) / Gamma(1 - d) (Pitman 1995).

    Examples
    --------
    Three units about which the data say nothing, in at most two clusters: the prior.

    >>> enumerated_partitions(3, lambda units: 0.0, components=[0.0, 1.0], concentration=1.0).occupied.round(2).tolist()
    [0.5, 0.5, 0.0]
    """
    if not 1 <= n <= MOST_UNITS:
        raise ModelError(f"{WHAT}: n expected from 1 to {MOST_UNITS} units, got {n!r}")
    labels = _all_partitions(n)
    sets, sizes = _blocks(labels)
    marginals = np.array([0.0, *(log_marginal([i for i in range(n) if s >> i & 1]) for s in range(1, 2**n))])
    of_kinds, kinds = np.unique(np.sort(sizes, axis=1), axis=0, return_inverse=True)
    numbers, prior = _prior(of_kinds, components, concentration, dynamic, discount)
    return PartitionPosterior(labels, marginals[sets].sum(1), np.ravel(kinds), prior, numbers)


def _all_partitions(n: int) -> np.ndarray:
    """Every vector of labels of which each is at most one more than all before it (restricted growth strings)."""
    rows = np.zeros((1, 1), dtype=np.int8)
    for _ in range(n - 1):
        choices = rows.max(1) + 2
        more = np.concatenate([np.arange(c, dtype=np.int8) for c in choices])
        rows = np.column_stack([np.repeat(rows, choices, axis=0), more])
    return rows


def _blocks(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which units are in each cluster, as bits, and how many, shape (partitions, units); 0 where there is none."""
    inside = labels[:, None, :] == np.arange(labels.shape[1])[None, :, None]
    return inside @ (1 << np.arange(labels.shape[1])), inside.sum(2)


def _prior(
    sizes: np.ndarray, components: Any, concentration: float, dynamic: bool, discount: float
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of components, and the log prior of a partition into such sizes with each of them."""
    n, t = int(sizes[0].sum()), (sizes > 0).sum(1)
    if components is None:
        clusters = np.concatenate([[0.0], np.cumsum(np.log(concentration + discount * np.arange(sizes.shape[1])))])
        within = np.where(sizes > 0, gammaln(np.maximum(sizes, 1) - discount) - gammaln(1.0 - discount), 0.0)
        logs = clusters[t] + within.sum(1)
        return np.zeros(0, dtype=int), (logs + gammaln(concentration) - gammaln(concentration + n))[:, None]
    numbers, weights = prior_on_number(components, f"{WHAT}: components")
    columns = []
    for k, weight in zip(numbers, weights, strict=True):
        a = concentration / k if dynamic else concentration
        logs = np.where(sizes > 0, gammaln(sizes + a) - gammaln(a), 0.0).sum(1)
        logs += np.log(weight) + gammaln(k * a) - gammaln(n + k * a) + gammaln(k + 1.0)
        columns.append(np.where(t <= k, logs - gammaln(np.maximum(k - t, 0) + 1.0), -np.inf))
    return numbers, np.column_stack(columns)


__all__ = ["PartitionPosterior", "enumerated_partitions"]
