"""Parallel tempering: each chain brings others along that see the likelihood at lower powers, and swaps states.

Only the coldest level (power one) is recorded. Geyer (1991), "Markov chain Monte Carlo maximum likelihood"; the ladder
follows acceptance while burning in, in the manner of Vousden, Farr and Mandel (2016), MNRAS 455.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import tempering as kernels

LOWEST = 0.05  # power of the hottest level unless said otherwise
RARE = 0.05  # share of accepted swaps below which neighbours hardly meet


@dataclass(frozen=True)
class Tempering:
    """How many levels a ladder has, and how hot the hottest is.

    The target at power b is p(unknowns) p(labels | weights) p(data | unknowns, labels)**b: the complete-data
    likelihood is tempered, also in the ratio of a swap; priors and label weights are not.

    Parameters
    ----------
    levels : int
        At least 2. More rows and more components ask for more: watch ``MCMC.ladder``.
    lowest : float
        Power of the likelihood at the hottest level, between 0 and 1.
    follow : bool
        Let the powers between move during burn-in, until swaps are accepted equally often everywhere.

    Examples
    --------
    >>> import mcmix as mc
    >>> mc.Tempering(4, lowest=0.1).powers.round(3).tolist()
    [1.0, 0.464, 0.215, 0.1]
    """

    levels: int = 8
    lowest: float = LOWEST
    follow: bool = True
    fixed: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not (isinstance(self.levels, (int, np.integer)) and self.levels >= 2):
            raise ModelError(f"tempering: expected at least 2 levels, got {self.levels!r}")
        if not (isinstance(self.lowest, (int, float, np.number)) and 0.0 < self.lowest < 1.0):
            raise ModelError(f"tempering: expected a lowest power between 0 and 1, got {self.lowest!r}")

    @property
    def powers(self) -> np.ndarray:
        """Powers at the start, coldest first, shape (levels,)."""
        if self.fixed:
            return np.array(self.fixed)
        return np.geomspace(1.0, self.lowest, self.levels)


def tempering_from(value: Any) -> Tempering | None:
    """What a user may pass as ``tempering=``: nothing, a number of levels, powers, or a Tempering.

    Raises
    ------
    ModelError
        For anything else.
    """
    if value is None or isinstance(value, Tempering):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return Tempering(int(value))
    try:
        powers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        powers = np.zeros(0)
    falling = powers.ndim == 1 and powers.size >= 2 and bool(np.all(np.diff(powers) < 0)) and powers[-1] > 0
    if not falling or powers[0] != 1.0:
        raise ModelError(
            "tempering: expected a number of levels, powers of the likelihood that fall from 1.0 towards 0, or "
            f"mc.Tempering(...), got {value!r}"
        )
    return Tempering(powers.size, float(powers[-1]), False, tuple(powers))


@dataclass(frozen=True, repr=False)
class Ladder:
    """How a tempered run went, counted since the end of burn-in.

    Attributes
    ----------
    powers : ndarray, shape (chains, levels)
        Of the likelihood, coldest first.
    acceptance : ndarray, shape (chains, levels - 1)
        Share of accepted swaps between neighbours.
    trips : ndarray, shape (chains,)
        How often a state came from the hottest level to the coldest.
    """

    powers: np.ndarray
    acceptance: np.ndarray
    trips: np.ndarray

    @property
    def trouble(self) -> str | None:
        """What is wrong with it in words, or None."""
        if np.any(self.acceptance < RARE):
            chain, pair = divmod(int(np.argmin(self.acceptance)), self.acceptance.shape[1])
            high, low = self.powers[chain, pair], self.powers[chain, pair + 1]
            return (
                f"swaps between powers {high:.2g} and {low:.2g} are accepted {self.acceptance[chain, pair]:.1%} of the "
                "time: use more levels, or a higher lowest power"
            )
        if np.any(self.trips == 0):
            chain = int(np.argmin(self.trips))
            return (
                f"in chain {chain} no state came from the hottest level to the coldest: run longer, or use more levels"
            )
        return None

    def __repr__(self) -> str:
        lines = []
        for c, trips in enumerate(self.trips):
            powers = " ".join(f"{p:.3g}" for p in self.powers[c])
            rates = " ".join(f"{a:.2f}" for a in self.acceptance[c])
            lines.append(f"  chain {c}: powers {powers}; swaps {rates}; {int(trips)} trips from the hottest")
        return "\n".join(["<Ladder", *lines, f"  {self.trouble or 'swaps go well'}>"])


def ladder_of(reals: Sequence[np.ndarray]) -> Ladder:
    """Read the numbers of all chains' ladders."""
    n = (len(reals[0]) - kernels.POWERS + 3) // 6
    kept = np.array(reals)
    proposed, accepted = (kept[:, kernels.POWERS + 4 * n - 1 + i * (n - 1) :][:, : n - 1] for i in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.where(proposed > 0, accepted / np.maximum(proposed, 1.0), 0.0)
    return Ladder(kept[:, kernels.POWERS :][:, :n], rates, kept[:, kernels.TRIPS].astype(int))


__all__ = ["Ladder", "Tempering", "ladder_of", "tempering_from"]
