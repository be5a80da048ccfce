"""Which of many quantities may be the worst of a run, found at a twentieth of the cost of what each is worth.

A draw is looked at as three bits: whether it is at most the 5 %, the 50 % and the 95 % quantile. Shares of ones in
batches of following draws are counts of bits. By how much they vary tells how many effective draws there are (batch
means), by how they differ between halves of chains whether chains agree in place and spread. The order of quantities is
what counts here: who is among the worst gets exact numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcmix.report.diagnosis.mixing import FEWEST, usable

MARKS = (0.05, 0.5, 0.95)
SAMPLE = 100  # draws of each chain from which the quantiles are taken: where they lie exactly is of no importance


@dataclass(frozen=True)
class Screened:
    """Rough numbers, each array of shape (quantities,); NaN for what has no exact ones either.

    Attributes
    ----------
    rhat : ndarray
    effective : ndarray
        0 where bits do not tell: nearly all draws are one value.
    """

    rhat: np.ndarray
    effective: np.ndarray

    def worst(self, by_effective: int, by_rhat: int) -> np.ndarray:
        """Positions of the worst of either kind, and of all of which nothing is told, in ascending order."""
        known = np.flatnonzero(~np.isnan(self.effective))
        least = known[np.argsort(self.effective[known], kind="stable")[:by_effective]]
        largest = known[np.argsort(-self.rhat[known], kind="stable")[:by_rhat]]
        return np.unique(np.concatenate([least, largest, np.flatnonzero(self.effective == 0)]))


def screened(x: np.ndarray) -> Screened:
    """Rough R-hat and effective draws.

    Parameters
    ----------
    x : ndarray, shape (quantities, chains, draws)

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(2, 4, 1000))
    >>> noise[1] = noise[1].cumsum(axis=-1)
    >>> found = screened(noise)
    >>> bool(found.effective[0] > 2000 > 200 > found.effective[1])
    True
    """
    if x.shape[-1] < 4 * FEWEST:
        return Screened(np.full(len(x), np.nan), np.where(usable(x), 0.0, np.nan))
    batch = 8 * max(1, round(x.shape[-1] ** 0.5 / 8))
    told = [_of_shares(_shares(x <= mark[:, None, None], batch), batch) for mark in _marks(x)]
    rhat, effective = np.max([r for r, _ in told], axis=0), np.min([e for _, e in told], axis=0)
    with np.errstate(invalid="ignore"):
        silent = np.isinf(effective) | ~np.isfinite(x.sum(axis=(1, 2)))
    effective[silent] = np.where(usable(x[silent]), 0.0, np.nan)
    return Screened(rhat, effective)


def _marks(x: np.ndarray) -> np.ndarray:
    """Quantiles of some draws of each quantity, shape (marks, quantities)."""
    some = x[..., :: -(-x.shape[-1] // SAMPLE)].reshape(len(x), -1)
    places = [int(mark * (some.shape[1] - 1)) for mark in MARKS]
    return np.sort(some, axis=1)[:, places].T


def _shares(bits: np.ndarray, batch: int) -> np.ndarray:
    """Shares of ones in batches of following draws, shape (quantities, chains, batches)."""
    n = bits.shape[-1] // batch
    counts = np.bitwise_count(np.packbits(bits[..., : n * batch], axis=-1))
    eighths = counts.reshape(*bits.shape[:2], n, batch // 8)
    return np.asarray(eighths @ np.ones(batch // 8, dtype=np.float32)) / batch


def _of_shares(shares: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """R-hat between halves of chains, and effective draws by batch means."""
    _, chains, n = shares.shape
    halves = np.stack([shares[..., : n // 2].mean(axis=-1), shares[..., n - n // 2 :].mean(axis=-1)], axis=-1)
    share = shares.mean(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        effective = share * (1.0 - share) * (chains * n) / shares.var(axis=(1, 2))
        within = (halves * (1.0 - halves)).mean(axis=(1, 2))
        rhat = np.sqrt(1.0 - 1.0 / (n // 2 * batch) + halves.var(axis=(1, 2), ddof=1) / within)
    constant = (share <= 0.0) | (share >= 1.0)
    return np.where(constant, 1.0, rhat), np.where(constant, np.inf, effective)


__all__ = ["Screened", "screened"]
