"""What recorded numbers say while they come: means, deviations and effective draws in memory that does not grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FEWEST = (
    32  # batches of a chain, half as many as there can be; a chain has at least half of these before anything is said
)
APART = 10.0  # times that means of chains may differ by more than batches do: an F ratio that chance does not reach


class Running:
    """Means, standard deviations and effective draws of some numbers, of which draws come piece by piece.

    A chain's draws are cut into batches of equal length, which is doubled when they grow too many: of n draws with
    variance s2 and batches of b draws whose means have variance v about their chain's, n s2 / (b v) are worth as many
    independent ones (batch means: Flegal and Jones 2010, "Batch means and spectral variance estimators in Markov chain
    Monte Carlo", Annals of Statistics 38(2)). Chains whose means are further apart than that explains have few.

    Parameters
    ----------
    n_chains : int
    names : sequence of str
        Of the numbers.

    Examples
    --------
    >>> draws = np.random.default_rng(1).normal(2.0, 3.0, (4, 3000, 1))
    >>> seen = Running(4, ["mu"])
    >>> for piece in np.split(draws, 30, axis=1):
    ...     seen.take(piece)
    >>> bool(9000 < seen.effective[0] < 16000), bool(abs(seen.means[0] - draws.mean()) < 1e-12)
    (True, True)
    """

    def __init__(self, n_chains: int, names: Sequence[str]):
        self.names = list(names)
        width = len(self.names)
        self.length, self.filled, self.count = 1, 0, 0  # draws of a batch; those of the one that is not full; all
        self.origin = np.zeros(width)  # what sums are taken about: no digits are lost to a mean that is far from 0
        self.batches = np.zeros((n_chains, 0, width))  # sums
        self.part = np.zeros((n_chains, width))
        self.squares = np.zeros((n_chains, width))

    def take(self, numbers: np.ndarray) -> None:
        """Draws that have come, shape (chains, draws, numbers)."""
        if not numbers.shape[1] or not self.names:
            return
        if not self.count:
            self.origin = numbers[:, 0].mean(axis=0)
        values = numbers - self.origin
        self.count += values.shape[1]
        self.squares += np.square(values).sum(axis=1)
        while values.shape[1]:
            room = self.length - self.filled
            if values.shape[1] < room or self.filled:
                values = self._fill(values, min(room, values.shape[1]))
                continue
            values = self._whole(values)

    def _fill(self, values: np.ndarray, n: int) -> np.ndarray:
        """Add draws to the batch that is not full; returns the others."""
        self.part += values[:, :n].sum(axis=1)
        self.filled += n
        if self.filled == self.length:
            self._add(self.part[:, None])
            self.part, self.filled = np.zeros_like(self.part), 0
        return values[:, n:]

    def _whole(self, values: np.ndarray) -> np.ndarray:
        """Take whole batches of draws until batches are to be made longer; returns the others."""
        n = min(values.shape[1] // self.length, 2 * FEWEST - self.batches.shape[1])
        taken, rest = values[:, : n * self.length], values[:, n * self.length :]
        self._add(taken.reshape(len(values), n, self.length, -1).sum(axis=2))  # which may make batches longer
        return rest

    def _add(self, sums: np.ndarray) -> None:
        self.batches = np.concatenate([self.batches, sums], axis=1)
        if self.batches.shape[1] >= 2 * FEWEST:
            self.batches = self.batches[:, ::2] + self.batches[:, 1::2]
            self.length *= 2

    @property
    def _totals(self) -> np.ndarray:
        return np.asarray(self.batches.sum(axis=1) + self.part)

    @property
    def means(self) -> np.ndarray:
        """Of all chains, shape (numbers,)."""
        return np.asarray(self.origin + self._totals.mean(axis=0) / max(self.count, 1))

    @property
    def deviations(self) -> np.ndarray:
        """Standard deviations over all chains, shape (numbers,)."""
        mean = self._totals.mean(axis=0) / max(self.count, 1)
        return np.sqrt(np.maximum(self.squares.mean(axis=0) / max(self.count, 1) - mean**2, 0.0))

    @property
    def effective(self) -> np.ndarray:
        """Effective draws of all chains, shape (numbers,); NaN where draws are too few to say, or nothing moves."""
        n_chains, n = self.batches.shape[:2]
        if n < FEWEST // 2:
            return np.full(len(self.names), np.nan)
        means = self.batches / self.length
        of_chains = means.mean(axis=1)
        within = self.length * np.square(means - of_chains[:, None]).sum(axis=(0, 1)) / (n_chains * (n - 1))
        between = n * self.length * of_chains.var(axis=0, ddof=1) if n_chains > 1 else within
        worst = np.where(between > APART * within, between, within)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = n_chains * self.count * self.deviations**2 / worst
        return np.asarray(np.where(worst > 0, np.minimum(found, n_chains * self.count), np.nan))

    @property
    def fewest(self) -> tuple[str, float] | None:
        """The number with the fewest effective draws, and these; None where nothing can be said yet."""
        found = self.effective
        if np.isnan(found).all():
            return None
        at = int(np.nanargmin(found))
        return self.names[at], float(found[at])

    # ---------------------------------------------------------------- to be put away

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it by name."""
        counts = np.array([self.length, self.filled, self.count])
        named = {"counts": counts, "origin": self.origin, "batches": self.batches, "part": self.part}
        return {f"running {n}": x for n, x in (named | {"squares": self.squares}).items()}

    def put(self, arrays: Mapping[str, Any]) -> None:
        """Take it from arrays by name."""
        self.length, self.filled, self.count = (int(n) for n in arrays["running counts"])
        self.origin, self.batches = arrays["running origin"].copy(), arrays["running batches"].copy()
        self.part, self.squares = arrays["running part"].copy(), arrays["running squares"].copy()


__all__ = ["Running"]
