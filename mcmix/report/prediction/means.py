"""Log means over draws, taken as the draws go by, and their Monte Carlo errors from the means of batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

BATCHES = 20  # consecutive draws, from whose means errors are read


@dataclass(frozen=True)
class LogMean:
    """The log of a mean over draws, for each of several rows.

    Attributes
    ----------
    log : ndarray, shape (rows,)
        Natural logarithm of the mean.
    errors : ndarray, shape (rows,)
        Monte Carlo standard errors of these logs; NaN where there are fewer than two batches.
    total_error : float
        Of the sum of the logs: rows share the draws, so their errors do not add up in squares.
    """

    log: np.ndarray
    errors: np.ndarray
    total_error: float


def log_mean(logs: Iterable[np.ndarray], n_draws: int) -> LogMean:
    """Log of the mean of exp(logs), with errors by the delta method on means of consecutive batches.

    Parameters
    ----------
    logs : iterable of ndarray, shape (rows,)
        One for each draw, chain by chain; it may be filled anew each time.
    n_draws : int
    """
    n_batches = min(BATCHES, n_draws)
    batch = np.arange(n_draws) * n_batches // n_draws
    sums: np.ndarray | None = None
    for i, x in enumerate(logs):
        if sums is None:
            sums = np.full((n_batches, len(x)), -np.inf)
        np.logaddexp(sums[batch[i]], x, out=sums[batch[i]])
    assert sums is not None
    total = logsumexp(sums, axis=0) - np.log(n_draws)
    by_batch = sums - np.log(np.bincount(batch))[:, None]
    with np.errstate(invalid="ignore"):
        parts = np.exp(by_batch - total)  # mean of each batch over the whole mean
    parts = np.where(np.isfinite(total), parts, 1.0)
    if n_batches < 2:
        return LogMean(total, np.full(len(total), np.nan), np.nan)
    errors = parts.std(axis=0, ddof=1) / np.sqrt(n_batches)
    return LogMean(total, errors, float(parts.sum(axis=1).std(ddof=1) / np.sqrt(n_batches)))


__all__ = ["LogMean", "log_mean"]
