"""Scores of a fit from the log likelihood of each unit at each draw, labels summed out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp, xlogy

from mcmix.report import arviz_measures
from mcmix.report.statistics import batch_error

BATCHES = 20  # of draws, from whose means Monte Carlo errors are read


@dataclass(frozen=True)
class Score:
    """A sum over units, and the standard error of it.

    Attributes
    ----------
    value, error : float
    trouble : int
        Units for which the score is unreliable.
    each : ndarray, shape (units,)
        The terms of the sum, where it has such; of some units, where the sum is over more.
    n_units : int
        Of the sum; 0 where it is of the terms.
    """

    value: float
    error: float
    trouble: int = 0
    each: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)
    n_units: int = 0


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
    each, error, shapes = arviz_measures.loo(logs)
    return Score(float(each.sum()), error, int((shapes > 0.7).sum()), each)


def behind(scores: Sequence[Score]) -> tuple[np.ndarray, np.ndarray]:
    """By how much each score is less than the best, and the standard error of that over the units they share.

    Units that are hard for one model are hard for another, so differences are known better than scores are. NaN where
    units are not the same.

    Examples
    --------
    >>> first, second = Score(-3.0, 1.0, 0, np.array([-1.0, -2.0])), Score(-5.0, 1.0, 0, np.array([-2.0, -3.0]))
    >>> [x.tolist() for x in behind([first, second])]
    [[0.0, 2.0], [0.0, 0.0]]
    """
    best = max(scores, key=lambda s: s.value)
    found = np.full((2, len(scores)), np.nan)
    for i, score in enumerate(scores):
        if score.each.size == best.each.size:
            gaps = best.each - score.each
            found[0, i] = best.value - score.value if score.n_units else gaps.sum()
            found[1, i] = np.sqrt((score.n_units or gaps.size) * gaps.var())
    return found[0], found[1]


def widely_applicable(logs: np.ndarray) -> Score:
    """Watanabe's criterion (2010): log predictive density less the variance of each unit's log likelihood.

    Units whose variance is above 0.4 are trouble.
    """
    flat = logs.reshape(-1, logs.shape[-1])
    variance = flat.var(axis=0, ddof=1)
    each = log_predictive(logs) - variance
    return Score(float(each.sum()), float(np.sqrt(each.size * each.var())), int((variance > 0.4).sum()), each)


def log_predictive(logs: np.ndarray) -> np.ndarray:
    """Log of each unit's mean likelihood over draws, shape (units,)."""
    flat = logs.reshape(-1, logs.shape[-1])
    return np.asarray(logsumexp(flat, axis=0) - np.log(len(flat)))


def deviance_information(logs: np.ndarray) -> Score:
    """DIC 3: no parameter is averaged or maximised, so labels may switch.

    ``-4 mean(log L) + 2 log(predictive density of the data)``: less is better. The error is Monte Carlo's, by batch
    means.

    Parameters
    ----------
    logs : ndarray, shape (chains, draws, units)

    Notes
    -----
    Celeux, Forbes, Robert and Titterington (2006), "Deviance information criteria for missing data models", Bayesian
    Analysis 1(4), whose numbers the three criteria here bear.
    """
    predictive = log_predictive(logs)
    total = logs.sum(axis=-1)
    with np.errstate(over="ignore"):  # the predictive densities move with the draws too
        moved = np.exp(logs - predictive).sum(axis=-1)
    error = batch_error(-4.0 * total + 2.0 * moved, BATCHES)
    return Score(float(-4.0 * total.mean() + 2.0 * predictive.sum()), float(error))


def deviance_at_mode(logs: np.ndarray, at_mode: float) -> Score:
    """DIC 2: ``-4 mean(log L) + 2 log L`` at the posterior mode, labels summed out; less is better.

    Parameters
    ----------
    logs : ndarray, shape (chains, draws, units)
    at_mode : float
        Log likelihood at the mode; the search for it has no error that could be stated.
    """
    total = logs.sum(axis=-1)
    return Score(float(-4.0 * total.mean() + 2.0 * at_mode), float(4.0 * batch_error(total, BATCHES)))


def complete_deviance_information(joint: np.ndarray, gains: np.ndarray) -> Score:
    """DIC 4: on data and labels together, ``-4 mean(log L) + 2 mean(log L at the parameters' mean given the labels)``.

    Parameters
    ----------
    joint : ndarray, shape (chains, draws)
        Log density of data and labels, in expectation over the labels given each draw's parameters.
    gains : ndarray, shape (labellings,)
        For draws of the labels: log density of data and labels at the parameters' posterior mean given both, less its
        mean over the parameters given both.
    """
    value = -2.0 * joint.mean() + 2.0 * gains.mean()
    of_gains = gains.std(ddof=1) / np.sqrt(len(gains))
    return Score(float(value), float(2.0 * np.hypot(batch_error(joint, BATCHES), of_gains)))


def bayesian_information(log_likelihood: float, n_parameters: int, n_units: int) -> float:
    """BIC of Schwarz (1978): ``-2 log L + p log n`` at the mode; less is better."""
    return float(-2.0 * log_likelihood + n_parameters * np.log(n_units))


def classification(bic: float, shares: np.ndarray) -> float:
    """ICL of Biernacki, Celeux and Govaert (2000): BIC with twice the entropy of the memberships added."""
    return float(bic - 2.0 * xlogy(shares, shares).sum())


__all__ = [
    "Score", "bayesian_information", "classification", "complete_deviance_information", "deviance_at_mode",
    "deviance_information", "leave_one_out", "widely_applicable",
]  # fmt: skip
