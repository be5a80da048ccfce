"""Mixtures of multivariate t distributions, fitted to draws of burn-in: what independent proposals are drawn from.

An independence Metropolis move is as good as its proposals are like the posterior, and its tails must not be lighter
(Mengersen and Tweedie 1996, "Rates of convergence of the Hastings and Metropolis algorithms", theorem 2.1). Fitting
them to the chains' own draws is adaptive importance sampling's way (Cappé and others 2008, "Adaptive importance
sampling in general mixture classes"; Hoogerheide and others 2012, "A class of adaptive importance sampling weighted EM
algorithms").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaln

from mcmix.kernels.independence import HEAD, part_width

HEAVY, LIGHT = 5.0, 30.0  # degrees of freedom
ROUNDS = 10  # of expectation and maximisation
MOST_PARTS = 8
POINTS_OF_A_PART = 4.0  # for each direction, that a part must have
WIDER = 1.15  # variance of a part, times that of the draws it is fitted to
WORTH_MORE = 0.02  # nats for each point, for which twice as many parts are tried
STRETCHES = 16  # that draws are cut into: neighbours are alike, so that whole stretches are held back


@dataclass(frozen=True)
class Proposals:
    """A mixture of multivariate t distributions.

    Attributes
    ----------
    log_weights : ndarray, shape (m,)
    means : ndarray, shape (m, d)
    factors : ndarray, shape (m, d, d)
        Lower Cholesky factors of scale matrices.
    freedom : float
        Degrees of freedom.
    """

    log_weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    freedom: float = HEAVY

    def distances(self, points: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distances of points (n, d) from each part (n, m)."""
        inverse = [np.linalg.inv(f) for f in self.factors]
        apart = [((points - m) @ i.T) for m, i in zip(self.means, inverse, strict=True)]
        return np.stack([(x * x).sum(1) for x in apart], axis=1)

    def log_parts(self, distances: np.ndarray) -> np.ndarray:
        """Log densities under each part, weighted (n, m)."""
        nu, d = self.freedom, self.means.shape[1]
        return np.asarray(self._offsets - 0.5 * (nu + d) * np.log1p(distances / nu))

    @property
    def _offsets(self) -> np.ndarray:
        """Log densities of the parts at their means, weighted."""
        nu, d = self.freedom, self.means.shape[1]
        constant = gammaln(0.5 * (nu + d)) - gammaln(0.5 * nu) - 0.5 * d * np.log(nu * np.pi)
        return np.asarray(constant + self.log_weights - np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(1))

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log density of points (n, d)."""
        return np.asarray(np.logaddexp.reduce(self.log_parts(self.distances(points)), axis=1))

    def told(self) -> np.ndarray:
        """The table that kernels read (:mod:`mcmix.kernels.independence`)."""
        shares = np.cumsum(np.exp(self.log_weights))
        parts = zip(shares, self._offsets, self.means, self.factors, strict=True)
        rows = [np.concatenate([[share, offset], mean, factor.ravel()]) for share, offset, mean, factor in parts]
        return np.concatenate([[float(len(rows)), self.freedom], *rows])

    def draws(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """So many draws (n, d)."""
        part = rng.choice(len(self.means), n, p=np.exp(self.log_weights - np.logaddexp.reduce(self.log_weights)))
        noise = np.einsum("nij,nj->ni", self.factors[part], rng.standard_normal((n, self.means.shape[1])))
        size = np.sqrt(self.freedom / rng.chisquare(self.freedom, n))
        return np.asarray(self.means[part] + size[:, None] * noise)


def read(table: np.ndarray, d: int) -> Proposals | None:
    """What a table tells kernels; None where it is empty."""
    m = int(table[0])
    if m == 0:
        return None
    rows = table[HEAD : HEAD + m * part_width(d)].reshape(m, -1)
    weights = np.diff(rows[:, 0], prepend=0.0)
    return Proposals(np.log(weights), rows[:, 2 : 2 + d], rows[:, 2 + d :].reshape(m, d, d), float(table[1]))


def one_part(mean: np.ndarray, factor: np.ndarray, freedom: float = LIGHT) -> Proposals:
    """A single t distribution."""
    return Proposals(np.zeros(1), mean[None], factor[None], freedom)


def most_parts(d: int) -> int:
    """Parts that a mixture in d dimensions may have."""
    return int(np.clip(4000 // (d * d), 1, MOST_PARTS))


def table_size(d: int) -> int:
    """Numbers of a table of proposals in d dimensions at most."""
    return HEAD + most_parts(d) * part_width(d)


def fitted(points: np.ndarray, known: Sequence[Proposals], rng: np.random.Generator) -> Proposals | None:
    """The mixture that says most of draws that it was not fitted to; None where points are too few.

    Parameters
    ----------
    points : ndarray, shape (n, d)
        Draws, those of one chain after one another.
    known : sequence of Proposals
        Others that it may be.
    rng : numpy.random.Generator
        For seedings.
    """
    points = points[np.isfinite(points).all(axis=1)]
    parity = np.arange(len(points)) * STRETCHES // max(len(points), 1) % 2
    train, held, d = points[parity == 0], points[parity == 1], points.shape[1]
    scored = [(float(one.log_density(held).mean()), one, (0, 0.0)) for one in known if len(held)]
    for freedom in (LIGHT, HEAVY):
        m, before = 1, -np.inf
        while m <= most_parts(d) and len(train) >= POINTS_OF_A_PART * d * m:
            one = _tried(train, m, freedom, rng)
            said = float(one.log_density(held).mean()) if one is not None else np.nan
            if one is None or not np.isfinite(said):
                break
            scored.append((said, one, (m, freedom)))
            if said < before + WORTH_MORE:
                break
            m, before = 2 * m, said
    if not scored:
        return None
    _, best, (m, freedom) = max(scored, key=lambda one: one[0])
    return best if m == 0 else _tried(points, m, freedom, rng) or best


def _tried(points: np.ndarray, m: int, freedom: float, rng: np.random.Generator) -> Proposals | None:
    """What is fitted; None where points lie in fewer directions than they have, to rounding."""
    try:
        return _by_expectation(points, m, freedom, rng)
    except np.linalg.LinAlgError:
        return None


def _by_expectation(points: np.ndarray, m: int, freedom: float, rng: np.random.Generator) -> Proposals:
    """Fit m parts by expectation and maximisation, at known degrees of freedom.

    Peel and McLachlan 2000, "Robust mixture modelling using the t distribution", section 4.
    """
    d, whole = points.shape[1], np.atleast_2d(np.cov(points.T))
    whole = whole + 1e-12 * np.trace(whole) * np.eye(d)
    factor, log_weights = np.linalg.cholesky(whole), np.full(m, -np.log(m))
    centres = [points.mean(0)] if m == 1 else points[_spread_out(points @ np.linalg.inv(factor).T, m, rng)]
    found = Proposals(log_weights, np.array(centres), np.repeat(factor[None] * m ** (-1.0 / d), m, 0), freedom)
    for _ in range(ROUNDS):
        distances = found.distances(points)
        logs = found.log_parts(distances)
        shares = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
        near = shares * (freedom + d) / (freedom + distances)
        parts = [_maximised(points, shares[:, j].sum(), near[:, j], whole) for j in range(m)]
        weights = shares.sum(0) + 1.0
        found = Proposals(
            np.log(weights / weights.sum()), np.stack([p[0] for p in parts]), np.stack([p[1] for p in parts]), freedom
        )
    return replace(found, factors=found.factors * np.sqrt(WIDER))


def _maximised(points: np.ndarray, count: float, near: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and factor of a part; where its points are few, the covariance of all helps."""
    few = 0.5 * points.shape[1] + 1.0
    mean = near @ points / near.sum() if near.sum() > 0.0 else points.mean(0)
    gaps = points - mean
    return mean, np.linalg.cholesky(((near[:, None] * gaps).T @ gaps + 0.1 * few * whole) / (count + few))


def _spread_out(points: np.ndarray, m: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of points far from one another (Arthur and Vassilvitskii 2007, "k-means++")."""
    found = [int(rng.integers(len(points)))]
    near = ((points - points[found[0]]) ** 2).sum(1)
    for _ in range(m - 1):
        found.append(int(rng.choice(len(points), p=near / near.sum())) if near.sum() > 0 else found[0])
        near = np.minimum(near, ((points - points[found[-1]]) ** 2).sum(1))
    return np.array(found)


__all__ = ["Proposals", "fitted", "most_parts", "one_part", "read", "table_size"]
