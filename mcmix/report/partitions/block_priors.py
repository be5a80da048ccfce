"""The number of blocks of an exchangeable partition: exact probabilities of Gibbs-type priors, sums over K, quadrature.

A partition of n units into blocks of sizes n_1 .. n_t has probability V(n, t) W(n_1) .. W(n_t), so that the number of
blocks has V(n, t) times a generalised Stirling number (Gnedin and Pitman, 2006, "Exchangeable Gibbs partitions and
Stirling triangles"). With discount sigma and concentration theta, that of all components together,

    P(K+ = t) = prod_(s < t) (theta + sigma s) / (theta + 1)_(n - 1) * S(n, t; sigma).

A Dirichlet process has sigma = 0; K components with symmetric Dirichlet(gamma) weights have sigma = -gamma and
theta = gamma K. The numbers S depend on sigma alone: one table serves every K and every concentration of a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import expit

from mcmix.errors import ModelError
from mcmix.kernels.block_numbers import combined, log_block_numbers

LEAST, LARGEST = 1e-100, 1e100  # concentrations: beyond, nothing changes any more
CHEAP, MANY = 2e8, 200  # steps of the recursion, tables: with more of both, tables are interpolated
MOST_STEPS = 2e10  # half a minute
STEPS_OF_A_TERM = 10  # of the sum over the number of components: it takes as long as so many
CELLS = 100_000  # numbers worked on at once: they fit a cache
FINEST = 6  # halvings of the quadrature's step
CLOSE = 1e-11  # the change of a probability at which halving stops
FIRST_TERMS = 64  # of a rising factorial that are summed one by one


def log_rising(x: Any, n: int) -> np.ndarray:
    """Logarithm of the rising factorial x (x + 1) ... (x + n - 1), for x > 0.

    Differences of ``gammaln`` lose their digits where x is large beside n. Here the first terms are summed, the others
    by the Euler-Maclaurin formula at midpoints, with an error of a few roundings of the result.

    Examples
    --------
    >>> round(float(np.exp(log_rising(0.5, 3))), 12)
    1.875
    """
    x = np.asarray(x, dtype=float)
    first = np.log(x[..., None] + np.arange(min(n, FIRST_TERMS))).sum(-1)
    if n <= FIRST_TERMS:
        return first
    low, count = x + (FIRST_TERMS - 0.5), n - FIRST_TERMS
    high = low + count
    whole = low * np.log1p(count / low) + count * (np.log(high) - 1.0)
    ends = [-1 / 24, 7 / 2880, -31 / 40320]  # of 1/X, 1/X^3, 1/X^5
    return first + whole + sum(c * (high**-p - low**-p) for c, p in zip(ends, (1, 3, 5), strict=True))


def log_numbers(n: int, most: int, discounts: np.ndarray) -> np.ndarray:
    """Logarithms of S(n, t; sigma) / (1 - sigma)_(n - 1), shape (discounts, most).

    Raises
    ------
    ModelError
        If it would take longer than about half a minute.

    Examples
    --------
    >>> np.exp(log_numbers(4, 4, np.zeros(1)) + log_rising(1.0, 3)).round(9).tolist()
    [[6.0, 11.0, 6.0, 1.0]]
    """
    refuse_long(float(n) * most * len(discounts), n, most)
    tables = np.empty((len(discounts), most))
    for discount, row in zip(discounts, tables, strict=True):
        log_block_numbers(n, float(discount), row)
    return tables


def refuse_long(steps: float, n: int, most: int) -> None:
    """Refuse what would take longer than about half a minute."""
    if steps > MOST_STEPS:
        raise ModelError(
            f"prior_components: expected at most {MOST_STEPS:.0g} steps, got {steps:.1g} for {n} units in up to {most} "
            "clusters; pass most= with fewer clusters, or fewer units"
        )


class Interpolated:
    """Tables for discounts -gamma, by polynomials in log(gamma + 1 / log n) on stretches of length 1.

    The logarithms are smooth on this scale: twenty Chebyshev points are enough for 1e-10. Two further tables in each
    stretch say whether they are, or the stretch is cut in two. The first one begins at discounts a little above zero.
    """

    def __init__(self, n: int, most: int) -> None:
        self.n, self.most, self.offset = n, most, 1.0 / np.log(n)
        self.pieces: dict[tuple[float, float], np.ndarray] = {}

    def __call__(self, gammas: np.ndarray) -> np.ndarray:
        """Tables of each, shape (gammas, most)."""
        at = np.log(gammas + self.offset)
        found = np.empty((len(gammas), self.most))
        for low in np.unique(np.floor(at)):
            rows = np.flatnonzero(np.floor(at) == low)
            self._fill(found, rows, at[rows], low, 1.0)
        return found

    def _fill(self, found: np.ndarray, rows: np.ndarray, at: np.ndarray, low: float, length: float) -> None:
        if not rows.size:
            return
        values = self._piece(low, length)
        if values.size:
            combined(_between(2.0 * (at - low) / length - 1.0), values, rows, found)
            return
        left, half = at < low + 0.5 * length, 0.5 * length
        self._fill(found, rows[left], at[left], low, half)
        self._fill(found, rows[~left], at[~left], low + half, half)

    def _piece(self, low: float, length: float) -> np.ndarray:
        """Tables at Chebyshev points, or an empty array where they are not enough."""
        if (low, length) not in self.pieces:
            points = np.concatenate([NODES, [-0.95, 0.03]])
            at = low + 0.5 * length * (1.0 + points)
            refuse_long(float(self.n) * self.most * len(points) * (len(self.pieces) + 1), self.n, self.most)
            tables = log_numbers(self.n, self.most, self.offset - np.exp(at))
            values, seen = tables[: len(NODES)], tables[len(NODES) :]
            apart = np.abs(_between(points[len(NODES) :]) @ values - seen).max()
            near = 1e-10 + 1e-14 * np.abs(values).max()
            self.pieces[low, length] = values if apart < near else np.empty((0, 0))
        return self.pieces[low, length]


POINTS = 20
NODES = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)


def _between(at: np.ndarray) -> np.ndarray:
    """Weights of values at Chebyshev points of the first kind, shape (at, points).

    Berrut and Trefethen (2004), "Barycentric Lagrange interpolation".
    """
    weights = np.where(np.arange(POINTS) % 2, -1.0, 1.0) * np.sqrt(1.0 - NODES**2)
    gaps = at[:, None] - NODES
    met = gaps == 0.0
    terms = weights / np.where(met, 1.0, gaps)
    hit = met.any(1)
    terms[hit] = met[hit]
    return terms / terms.sum(1, keepdims=True)


@dataclass(frozen=True)
class Process:
    """A Dirichlet process, or with a discount a Pitman-Yor process."""

    n: int
    discount: float = 0.0

    @property
    def largest(self) -> int:
        """The largest possible number of blocks."""
        return self.n

    def probabilities(self, concentrations: np.ndarray, most: int) -> np.ndarray:
        """P(K+ = t) for t = 1 .. most under each concentration, shape (concentrations, most)."""
        logs = log_numbers(self.n, most, np.array([self.discount]))[0] + log_rising(1.0 - self.discount, self.n - 1)
        found = np.empty((len(concentrations), most))
        for rows in _stretches(len(concentrations), most):
            theta = concentrations[rows, None]
            new = np.log(theta + self.discount * np.arange(1, most)).cumsum(1)
            new -= log_rising(concentrations[rows] + 1.0, self.n - 1)[:, None]
            found[rows, 0] = np.exp(logs[0] - log_rising(concentrations[rows] + 1.0, self.n - 1))
            found[rows, 1:] = np.exp(new + logs[1:])
        return found


@dataclass(frozen=True)
class Finite:
    """Finite mixtures with symmetric Dirichlet weights: a prior on K, or one K with probability 1.

    Static: Miller and Harrison (2018), "Mixture models with a prior on the number of components".
    Dynamic, where a component's concentration is alpha / K: Fruehwirth-Schnatter, Malsiner-Walli and Gruen (2021),
    "Generalized mixtures of finite mixtures and telescoping sampling".
    """

    n: int
    numbers: np.ndarray  # K, as whole numbers
    weights: np.ndarray  # their probabilities
    dynamic: bool = False

    @property
    def largest(self) -> int:
        """The largest possible number of blocks."""
        return min(self.n, int(self.numbers[-1]))

    def probabilities(self, concentrations: np.ndarray, most: int) -> np.ndarray:
        """P(K+ = t) for t = 1 .. most under each concentration, shape (concentrations, most)."""
        tables = self._tables(len(concentrations), most)
        found = np.zeros((len(concentrations), most))
        for rows in _stretches(len(self.numbers), most):
            numbers = self.numbers[rows]
            falling = _log_falling(numbers, most)
            for i, concentration in enumerate(concentrations):
                gammas = concentration / numbers if self.dynamic else np.array([concentration])
                found[i] += self.weights[rows] @ self._given(numbers, gammas, falling, tables(gammas))
        return found

    def _tables(self, concentrations: int, most: int) -> Callable[[np.ndarray], np.ndarray]:
        """What makes tables for values of gamma: one by one, or between others where it takes many."""
        refuse_long(STEPS_OF_A_TERM * float(concentrations) * len(self.numbers) * most, self.n, most)
        count = concentrations * (len(self.numbers) if self.dynamic else 1)
        if count > MANY and count * float(self.n) * most > CHEAP:
            return _interpolated(self.n, most)
        refuse_long(float(self.n) * most * count, self.n, most)
        return lambda gammas: log_numbers(self.n, most, -gammas)

    def _given(self, numbers: np.ndarray, gammas: np.ndarray, falling: np.ndarray, logs: np.ndarray) -> np.ndarray:
        """P(K+ = t | K) for some K, shape (numbers, most)."""
        n, steps = self.n - 1, np.arange(falling.shape[1])
        scale = log_rising(gammas + 1.0, n) - log_rising(gammas * numbers + 1.0, n)
        found = steps * np.log(gammas)[:, None]
        found += logs
        found = found + falling if len(gammas) < len(numbers) else np.add(found, falling, out=found)
        found += scale[:, None]
        return np.exp(found, out=found)


_interpolated = lru_cache(maxsize=2)(Interpolated)  # kept while a quadrature is refined


def _log_falling(numbers: np.ndarray, most: int) -> np.ndarray:
    """Logarithm of (K - 1) ... (K - t + 1) for t = 1 .. most, minus infinity above K."""
    left = numbers[:, None] - np.arange(1, most)
    logs = np.where(left > 0, np.log(np.maximum(left, 1)), -np.inf).cumsum(1)
    return np.concatenate([np.zeros((len(numbers), 1)), logs], axis=1)


def _stretches(count: int, width: int) -> Iterator[slice]:
    step = max(1, CELLS // width)
    return (slice(first, min(first + step, count)) for first in range(0, count, step))


def averaged(
    probabilities: Callable[[np.ndarray], np.ndarray], quantile: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, float]:
    """The mean of probabilities over a prior on the concentration, and how far the last two answers are apart.

    The integral over quantiles, of u in (0, 1), is by the tanh-sinh rule (Takahasi and Mori, 1974, "Double exponential
    formulas for numerical integration"), whose step is halved until no probability changes by more than 1e-11, six
    times at most. What is integrated lies between 0 and 1, so that leaving out the last 1e-13 on either side costs no
    more than that.

    Parameters
    ----------
    probabilities : callable
        Of an array of concentrations, shape (G,): shape (G, most).
    quantile : callable
        Concentrations by the probability below and above.
    """
    half, last = 12, np.arcsinh(30.0 / np.pi)

    def terms(points: np.ndarray) -> tuple[np.ndarray, float]:
        inner = np.pi * np.sinh(points)
        below, above = expit(inner), expit(-inner)
        weights = np.cosh(points) * below * above
        return weights @ probabilities(np.clip(quantile(below, above), LEAST, LARGEST)), float(weights.sum())

    total, weight = terms(last * np.arange(-half, half + 1) / half)
    change = np.inf
    for _ in range(FINEST):
        more, its_weight = terms(last * (np.arange(-half, half) + 0.5) / half)
        before, half = total / weight, 2 * half
        total, weight = total + more, weight + its_weight
        change = float(np.abs(total / weight - before).max())
        if change < CLOSE:
            break
    return total / weight, change


__all__ = ["Finite", "Process", "averaged", "log_numbers", "log_rising"]
