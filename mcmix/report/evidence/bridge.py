"""Normalising constants from draws of a density and draws of a proposal: bridge and importance sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from mcmix.report.diagnosis.mixing import effective_for_mean

SETTLED = 1e-10  # change of the logarithm at which the iteration ends
MOST_ROUNDS = 1000


@dataclass(frozen=True)
class Estimate:
    """The logarithm of a normalising constant.

    Attributes
    ----------
    log : float
    error : float
        Monte Carlo standard error of the logarithm.
    """

    log: float
    error: float

    def __repr__(self) -> str:
        return f"{self.log:.3f} +- {self.error:.3f}"


def bridge(at_draws: np.ndarray, at_proposals: np.ndarray) -> Estimate:
    """Bridge sampling with the optimal bridge.

    Parameters
    ----------
    at_draws : ndarray, shape (chains, draws)
        Log unnormalised density less log proposal, at draws of the density.
    at_proposals : ndarray, shape (n,)
        The same at independent draws of the proposal; minus infinity where the density is zero.

    Notes
    -----
    Meng and Wong (1996), "Simulating ratios of normalizing constants via a simple identity"; the number of draws is
    replaced by the effective one, and the error is that of Fruehwirth-Schnatter (2004), "Estimating marginal
    likelihoods for mixture and Markov switching models using bridge sampling techniques".

    Examples
    --------
    >>> rng = np.random.default_rng(1)  # density exp(-x**2 / 2), proposal its own distribution: the answer is exact
    >>> answer = np.full((2, 100), 0.5 * np.log(2 * np.pi))
    >>> round(bridge(answer, answer[0]).log, 6), round(0.5 * float(np.log(2 * np.pi)), 6)
    (0.918939, 0.918939)
    """
    draws, n = at_draws.ravel(), len(at_proposals)
    if np.isneginf(at_proposals).all():
        return Estimate(-np.inf, np.inf)
    effective = _effective(at_draws)
    # Correlated draws count as fewer: with the plain number the optimal bridge would lean on them too much.
    share = effective / (effective + n)
    log = float(np.median(draws))
    for _ in range(MOST_ROUNDS):
        before, log = log, _step(draws, at_proposals, log, share)
        if abs(log - before) < SETTLED:
            break
    return Estimate(log, float(np.sqrt(_variance(at_draws, at_proposals, log, share))))


def _step(draws: np.ndarray, proposals: np.ndarray, log: float, share: float) -> float:
    first, second = np.log(share), np.log1p(-share)
    # With l = density / proposal: r <- E_q(l / (s1 l / r + s2)) / E_p(1 / (s1 l / r + s2)), means over proposals and
    # over draws. All in logs: densities of many rows underflow.
    above = proposals - np.logaddexp(first + proposals - log, second)
    below = -np.logaddexp(first + draws - log, second)
    return float(logsumexp(above) - np.log(len(proposals)) - logsumexp(below) + np.log(len(draws)))


def _variance(at_draws: np.ndarray, proposals: np.ndarray, log: float, share: float) -> float:
    """Of the logarithm, from the variances of both means."""
    first, second = np.log(share), np.log1p(-share)
    above = np.exp(proposals - log - np.logaddexp(first + proposals - log, second))
    below = np.exp(-np.logaddexp(first + at_draws - log, second))
    if not above.mean() > 0.0 or not below.mean() > 0.0:  # draws and proposals have nothing in common
        return np.inf
    # Delta method: the variance of the log of a mean is that of the mean over its square (which may underflow).
    relative = (above / above.mean()).var() / len(proposals)
    return float(relative + (below / below.mean()).var() / _effective(below))


def _effective(x: np.ndarray) -> float:
    """Effective draws for the mean of draws of shape (chains, draws)."""
    found = float(effective_for_mean(x[None])[0]) if x.shape[1] >= 4 else np.nan
    return min(found, x.size) if np.isfinite(found) else float(x.size)


def importance(at_proposals: np.ndarray) -> Estimate:
    """Importance sampling: the mean of the density over the proposal.

    Parameters
    ----------
    at_proposals : ndarray, shape (n,)
        Log unnormalised density less log proposal at independent draws of the proposal.
    """
    n = len(at_proposals)
    log = float(logsumexp(at_proposals) - np.log(n))
    weights = np.exp(at_proposals - log)
    return Estimate(log, float(np.sqrt(weights.var() / n)))


__all__ = ["Estimate", "bridge", "importance"]
