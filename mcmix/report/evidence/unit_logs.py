"""Log likelihood of the units at draws; of many units, of some alone, and of all together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mcmix.report.evidence import scores
from mcmix.report.evidence.scores import Score
from mcmix.report.statistics import batch_error

MOST_UNITS = 20_000  # that are all kept
SOME_UNITS = 5_000  # of more


@dataclass(frozen=True)
class UnitLogs:
    """Log likelihood by draw and unit, labels summed out.

    A score of all units, where only some are kept, is the log likelihood of all of them plus what the score has beyond
    that in the units that are kept, scaled up: the difference is small in every unit, so little is lost (the difference
    estimator; Magnusson, Vehtari, Jonasson and Andersen 2020, "Leave-one-out cross-validation for Bayesian model
    comparison in large data").

    Attributes
    ----------
    some : ndarray, shape (chains, draws, units kept)
    total : ndarray, shape (chains, draws)
        Of all units together.
    n_units : int
        Of all units.
    """

    some: np.ndarray
    total: np.ndarray
    n_units: int

    @property
    def is_whole(self) -> bool:
        """Whether all units are kept."""
        return self.some.shape[-1] == self.n_units

    @property
    def factor(self) -> float:
        """How many units each one that is kept stands for."""
        return self.n_units / self.some.shape[-1]

    def leave_one_out(self) -> Score:
        """As :func:`mcmix.report.evidence.scores.leave_one_out`, of all units."""
        return self._of_all(scores.leave_one_out(self.some))

    def widely_applicable(self) -> Score:
        """As :func:`mcmix.report.evidence.scores.widely_applicable`, of all units."""
        return self._of_all(scores.widely_applicable(self.some))

    def deviance_information(self) -> Score:
        """As :func:`mcmix.report.evidence.scores.deviance_information`, of all units."""
        if self.is_whole:
            return scores.deviance_information(self.some)
        predictive = scores.log_predictive(self.some)
        beyond = self.factor * (predictive - self.some.mean(axis=(0, 1))).sum()
        with np.errstate(over="ignore"):
            moved = self.factor * (np.exp(self.some - predictive) - self.some).sum(axis=-1)
        error = batch_error(-2.0 * self.total + 2.0 * moved, scores.BATCHES)
        return Score(float(-2.0 * self.total.mean() + 2.0 * beyond), float(error))

    def deviance_at_mode(self, at_mode: float) -> Score:
        """As :func:`mcmix.report.evidence.scores.deviance_at_mode`, of all units."""
        return scores.deviance_at_mode(self.total[:, :, None], at_mode)

    def _of_all(self, score: Score) -> Score:
        """A sum over the units that are kept as one over all."""
        if self.is_whole:
            return score
        beyond = self.factor * (score.each - self.some.mean(axis=(0, 1))).sum()
        return replace(
            score,
            value=float(self.total.mean() + beyond),
            error=float(np.sqrt(self.factor) * score.error),
            trouble=round(self.factor * score.trouble),
            n_units=self.n_units,
        )


def units_looked_at(n_units: int) -> np.ndarray | slice:
    """The same units for every model of the same data, whatever their order says."""
    if n_units <= MOST_UNITS:
        return slice(None)
    return np.sort(np.random.default_rng(n_units).choice(n_units, SOME_UNITS, replace=False))


__all__ = ["UnitLogs", "units_looked_at"]
