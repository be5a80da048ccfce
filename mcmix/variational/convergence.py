"""When an ascent is at rest: what it has gained of late, and what it would gain yet, in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NATS = 1e-3
ROUNDING = 8.0 * float(np.finfo(float).eps)  # of the bound's size: gains below it are none
LOOKED_AT = 5  # bounds
SLOWEST = 0.999  # ratio of one gain to the one before beyond which no sum of gains to come is believed


@dataclass(frozen=True)
class Tolerance:
    """What an ascent may leave ungained.

    Attributes
    ----------
    nats : float
        It is at rest where its last gain and the sum of all gains to come are no more than this.
    relative : float, optional
        Instead: where the bound changed by no more than this times its own size, as BayesPy says it.
    """

    nats: float = NATS
    relative: float | None = None

    @property
    def ends(self) -> bool:
        """Whether an ascent is ever to be at rest."""
        return (self.nats if self.relative is None else self.relative) > 0.0

    def reached(self, bounds: np.ndarray) -> np.ndarray:
        """Whether each ascent is at rest; a fall is no rest.

        Parameters
        ----------
        bounds : ndarray, shape (iterations, ascents)
            The last of them, NaN before an ascent began.
        """
        if len(bounds) < 2:
            return np.zeros(bounds.shape[1], dtype=bool)
        before, now = bounds[-2], bounds[-1]
        with np.errstate(invalid="ignore"):
            if self.relative is not None:
                return np.asarray(np.isfinite(before) & (np.abs(now - before) <= self.relative * np.abs(now)))
            most = self.nats if self.nats == 0.0 else np.maximum(self.nats, ROUNDING * np.abs(now))
            return np.asarray((np.abs(now - before) <= most) & (left(bounds[-LOOKED_AT:]) <= most))


def left(bounds: np.ndarray) -> np.ndarray:
    """What is left to gain, if gains go on to shrink as they did: a geometric sum (Aitken's extrapolation).

    Accelerated ascents gain by fits and starts, so that the rate is that of the mean gain of pairs of iterations.
    Infinite where gains do not shrink, or where too few are known.
    """
    gains = np.maximum(np.diff(bounds, axis=0), 0.0)
    if len(gains) < 3:
        return np.where(gains[-1] == 0.0, 0.0, np.inf)
    recent, earlier = gains[-2:].mean(0), gains[:-2].mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = (recent / earlier) ** (2.0 / len(gains))  # the means are half as many iterations apart
        sums = recent * rate / (1.0 - rate)
    sums = np.where(rate < SLOWEST, sums, np.inf)
    return np.where(recent == 0.0, 0.0, np.where(np.isnan(sums), np.inf, sums))


__all__ = ["NATS", "Tolerance", "left"]
