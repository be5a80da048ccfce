"""R-hat and effective draws by plain NumPy, many quantities at once.

The word after every run needs them, and must not wait a second for ArviZ to be imported. A test holds them equal to
ArviZ's, in both its generations. Source of all: Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021),
"Rank-normalization, folding, and localization: an improved R-hat", Bayesian Analysis 16(2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from mcmix.distributions.circle import mean_direction
from mcmix.traces.memory import read_only

FEWEST = 4  # draws of a chain: each half needs two
TAIL = (0.05, 0.95)
BLOCK_VALUES = 32_768  # numbers worked on at a time: their transforms stay in a processor's own memory


@dataclass(frozen=True)
class Mixing:
    """How well chains mix, quantity by quantity; each array has shape (quantities,).

    Attributes
    ----------
    rhat : ndarray
        Rank-normalised split R-hat, the worse of centre and spread; of one chain, between its halves.
    bulk, tail : ndarray
        Effective draws for the centre, and for the worse of the 5 % and 95 % quantiles.

    All are NaN for constants, draws that are not finite and fewer than four draws; R-hat is infinite where every chain
    stands still at a place of its own.
    """

    rhat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray

    @property
    def effective(self) -> np.ndarray:
        """Effective draws, the worse of bulk and tail."""
        return np.minimum(self.bulk, self.tail)


def mixing(x: np.ndarray, circular: bool = False) -> Mixing:
    """R-hat and effective draws of each quantity.

    Parameters
    ----------
    x : ndarray, shape (quantities, chains, draws)
    circular : bool
        Whether these are angles. Of these the worse of the sine and the cosine of the angle from their circular mean
        counts, neither of which knows where a circle is cut open.

    Returns
    -------
    Mixing

    Examples
    --------
    >>> found = mixing(np.random.default_rng(1).normal(size=(1, 4, 1000)))
    >>> bool(found.rhat[0] < 1.01), bool(found.bulk[0] > 3000)
    (True, True)
    """
    if circular:
        return _worse(*[mixing(part) for part in on_two_lines(x)])
    found = np.full((3, len(x)), np.nan)
    still = stands_still(x)
    found[0, still.all(axis=1) & _differs(x)] = np.inf
    sayable = np.flatnonzero(usable(x))
    step = max(1, BLOCK_VALUES // max(1, x[:1].size))
    for start in range(0, len(sayable), step):
        chosen = sayable[start : start + step]
        block = x[chosen].astype(float)
        scores, folded = _normal_scores(_halves(block))
        rhat = np.maximum(_rhat(scores), _rhat(folded))
        found[0, chosen] = np.where(still[chosen].all(axis=1), np.inf, rhat)
        found[1, chosen] = _effective(scores)
        below = [_halves(block <= mark[:, None, None]).astype(float) for mark in _quantiles(block, TAIL)]
        found[2, chosen] = np.minimum(*[_effective(bits) for bits in below])
    return Mixing(*found)


def on_two_lines(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sine and cosine of each angle from the circular mean of all draws of its quantity, in the shape of x."""
    about = np.asarray(x, dtype=float) - mean_direction(x, axis=(1, 2))[:, None, None]
    return np.sin(about), np.cos(about)


def _worse(one: Mixing, other: Mixing) -> Mixing:
    """Of two views of the same quantities; where one of them stands still, the other one says it."""
    return Mixing(np.fmax(one.rhat, other.rhat), np.fmin(one.bulk, other.bulk), np.fmin(one.tail, other.tail))


def effective_for_mean(x: np.ndarray) -> np.ndarray:
    """Effective draws for the plain mean of each quantity, shape (quantities,); NaN as in `Mixing`."""
    found = np.full(len(x), np.nan)
    for i in np.flatnonzero(usable(x)):
        found[i] = _effective(_halves(x[i : i + 1].astype(float)))[0]
    return found


def stands_still(x: np.ndarray) -> np.ndarray:
    """Whether each chain of each quantity has one value only, shape (quantities, chains)."""
    return np.asarray((x == x[..., :1]).all(axis=-1))


def _differs(x: np.ndarray) -> np.ndarray:
    return np.asarray((x != x[:, :1, :1]).any(axis=(1, 2)) & np.isfinite(x).all(axis=(1, 2)))


def usable(x: np.ndarray) -> np.ndarray:
    """Whether anything can be said of each quantity: finite, no constant, draws enough; shape (quantities,)."""
    return _differs(x) if x.shape[-1] >= FEWEST else np.zeros(len(x), dtype=bool)


def _halves(x: np.ndarray) -> np.ndarray:
    """Each chain cut in two (the middle draw of an odd number left out), shape (quantities, 2 chains, half)."""
    half = x.shape[-1] // 2
    return np.concatenate([x[..., :half], x[..., -half:]], axis=1)


def _rhat(x: np.ndarray) -> np.ndarray:
    draws = x.shape[-1]
    # R-hat**2 = ((n - 1) / n W + B / n) / W, with B = n times the variance of the chains' means
    within = x.var(axis=-1, ddof=1).mean(axis=-1)
    between = draws * x.mean(axis=-1).var(axis=-1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((between / within + draws - 1) / draws))


def _quantiles(x: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Quantiles of all draws of each quantity, shape (shares, quantities): NumPy's own, which orders more slowly."""
    ordered = np.sort(x.reshape(len(x), -1), axis=1)
    places = np.asarray(shares) * (ordered.shape[1] - 1)
    lower, upper = (ordered[:, np.asarray(f(places), dtype=int)].T for f in (np.floor, np.ceil))
    part = (places % 1.0)[:, None]
    return np.asarray(np.where(part < 0.5, lower + (upper - lower) * part, upper - (upper - lower) * (1.0 - part)))


def _normal_scores(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normal quantiles of the ranks of all draws of a quantity, and of their distances from the median.

    Ties share a rank (Blom's offset). Of sorted draws the distances are two runs, which a merge sort puts together in
    one go.
    """
    flat = x.reshape(len(x), -1)
    size = flat.shape[1]
    scores, folded = np.empty_like(flat), np.empty_like(flat)
    for row, own, own_folded in zip(flat, scores, folded, strict=True):
        order = np.argsort(row)
        ordered = row[order]
        own[order] = _of_sorted(ordered)
        distances = np.abs(ordered - (ordered[(size - 1) // 2] + ordered[size // 2]) / 2)
        again = np.argsort(distances, kind="stable")
        own_folded[order[again]] = _of_sorted(distances[again])
    return scores.reshape(x.shape), folded.reshape(x.shape)


def _of_sorted(ordered: np.ndarray) -> np.ndarray:
    new = ordered[1:] != ordered[:-1]
    if new.all():
        return _untied(len(ordered))
    edges = np.flatnonzero(np.concatenate([[True], new, [True]]))
    return np.repeat(_of_ranks((edges[:-1] + edges[1:] + 1) / 2, len(ordered)), np.diff(edges))


@lru_cache(maxsize=2)
def _untied(size: int) -> np.ndarray:
    return read_only(_of_ranks(np.arange(1.0, size + 1), size))


def _of_ranks(ranks: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(ndtri((ranks - 0.375) / (size + 0.25)))


def _effective(x: np.ndarray) -> np.ndarray:
    """Effective draws by Geyer's initial monotone sequence over the chains together (section 3.2 of the paper)."""
    _, chains, draws = x.shape
    total = chains * draws
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = _correlations(x)
        even, odd = correlations[:, 0::2], correlations[:, 1::2]
        # Sums of neighbouring autocorrelations are positive and fall (Geyer 1992): from the first that does not, it is
        # noise.
        pairs = even[:, : odd.shape[1]] + odd
        last = max((draws - 3) // 2, 0)
        ended = np.argmax(np.pad(pairs[:, :last] <= 0, ((0, 0), (0, 1)), constant_values=True), axis=1)
        counted = np.minimum.accumulate(pairs, axis=1) * (np.arange(pairs.shape[1]) < ended[:, None])
        tail = np.maximum(np.take_along_axis(even, ended[:, None], axis=1)[:, 0], 0.0)
        # The floor keeps an antithetic chain at S log10(S) effective draws at most.
        times = np.maximum(-1.0 + 2.0 * counted.sum(axis=1) + tail, 1.0 / np.log10(total))
    constant = np.ptp(x, axis=(1, 2)) < np.finfo(float).resolution
    return np.where(constant, float(total), total / times)


def _correlations(x: np.ndarray) -> np.ndarray:
    """Autocorrelation of a quantity in all chains together, by lag, shape (quantities, lags); lag 0 is 1."""
    draws = x.shape[-1]
    means = x.mean(axis=-1)
    covariances = _covariances(x - means[..., None])
    within = covariances[:, :1] * draws / (draws - 1.0)
    marginal = within * (draws - 1.0) / draws + means.var(axis=1, ddof=1)[:, None]
    # 1 - (W - covariance at the lag) / var+: chains that do not agree have correlations that do not fall to zero.
    correlations = 1.0 - (within - covariances) / marginal
    correlations[:, 0] = 1.0
    return correlations


def _covariances(x: np.ndarray) -> np.ndarray:
    """Mean over chains of a quantity's autocovariances, by lag, shape (quantities, lags); chains have mean zero.

    The spectrum of one quantity at a time is held: of many, fetching memory for them costs more than the transforms.
    """
    quantities, chains, draws = x.shape
    length = _transform_length(2 * draws)  # else the end of a chain would be correlated with its beginning
    power = np.empty((quantities, length // 2 + 1))
    for own, row in zip(power, x, strict=True):
        parts = np.fft.rfft(row, length).view(float)  # real and imaginary ones in turn
        squares = np.einsum("ij,ij->j", parts, parts)
        np.add(squares[0::2], squares[1::2], out=own)
    return np.fft.irfft(power, length)[:, :draws] / (chains * draws)


def _transform_length(least: int) -> int:
    """The smallest convenient length of a Fourier transform."""
    return min(int(factor * 2 ** max(0, int(np.ceil(np.log2(least / factor))))) for factor in (1, 3, 5, 9, 15))
