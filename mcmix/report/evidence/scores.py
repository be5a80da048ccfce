"""Scores of a fit from the log likelihood of each unit at each draw, labels summed out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, xlogy

from mcmix.report import arviz_bridge


@dataclass(frozen=True)
class Score:
    """A sum over units, and the standard error of it.

    Attributes
    ----------
    value, error : float
    trouble : int
        Units for which the score is unreliable.
    """

    value: float
    error: float
    trouble: int = 0


def leave_one_out(logs: np.ndarray) -> Score:
    """Expected log predictive density of units left out one at a time, by Pareto-smoothed importance sampling.

    Parameters
    ----------
    logs : ndarray, shape (chains, draws, units)

    Notes
    -----
    Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using leave-one-out cross-validation and
    WAIC", as ArviZ computes it; units with a Pareto shape above 0.7 are trouble.
    """
    found, error, shapes = arviz_bridge.loo(logs)
    return Score(found, error, int((shapes > 0.7).sum()))


def widely_applicable(logs: np.ndarray) -> Score:
    """Watanabe's criterion (2010): log predictive density less the variance of each unit's log likelihood.

    Units whose variance is above 0.4 are trouble.
    """
    flat = logs.reshape(-1, logs.shape[-1])
    variance = flat.var(axis=0, ddof=1)
    each = logsumexp(flat, axis=0) - np.log(len(flat)) - variance
    return Score(float(each.sum()), float(np.sqrt(each.size * each.var())), int((variance > 0.4).sum()))


def deviance_information(logs: np.ndarray) -> float:
    """DIC 3 of Celeux, Forbes, Robert and Titterington (2006): no parameter is averaged, so labels may switch.

    ``-4 mean(log L) + 2 log(predictive density of the data)``: less is better.
    """
    flat = logs.reshape(-1, logs.shape[-1])
    predictive = logsumexp(flat, axis=0) - np.log(len(flat))
    return float(-4.0 * flat.sum(axis=1).mean() + 2.0 * predictive.sum())


def bayesian_information(log_likelihood: float, n_parameters: int, n_units: int) -> float:
    """BIC of Schwarz (1978): ``-2 log L + p log n`` at the mode; less is better."""
    return float(-2.0 * log_likelihood + n_parameters * np.log(n_units))


def classification(bic: float, shares: np.ndarray) -> float:
    """ICL of Biernacki, Celeux and Govaert (2000): BIC with twice the entropy of the memberships added."""
    return float(bic - 2.0 * xlogy(shares, shares).sum())


__all__ = [
    "Score", "bayesian_information", "classification", "deviance_information", "leave_one_out", "widely_applicable",
]  # fmt: skip
