"""Posteriors found without the package: enumeration of labels, quadrature, importance sampling, a plain random walk.

Everything here is NumPy and SciPy. The last section compares a sampler's draws with such a reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats
from scipy.special import betaln, gammaln, logsumexp, xlogy

LOG_TWO_PI = np.log(2 * np.pi)

# -------------------------------------------------------------------- enumeration of labels


def label_vectors(n_units: int, n_labels: int) -> np.ndarray:
    """Every label vector, shape (K**N, N)."""
    return np.stack(np.meshgrid(*[np.arange(n_labels)] * n_units, indexing="ij"), -1).reshape(-1, n_units)


def subsets(n: int) -> np.ndarray:
    """Every subset of n units as a row of zeros and ones, row number = sum of 2**i over its members."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1


def normalised(logs: np.ndarray, axis: Any = None) -> np.ndarray:
    """Probabilities from unnormalised logs."""
    return np.exp(logs - logsumexp(logs, axis=axis, keepdims=True))


@dataclass
class Component:
    """One component's parameters, integrated out for every subset of units that it may own.

    ``expected[name]`` has shape (2**N, ...): posterior expectations given that the component owns the subset.
    """

    log_evidence: np.ndarray
    expected: dict[str, np.ndarray]


@dataclass
class Enumeration:
    """The posterior over all label vectors."""

    labels: np.ndarray
    probabilities: np.ndarray
    counts: np.ndarray
    owned: np.ndarray  # (vectors, K): number of the subset that each component owns
    components: Sequence[Component]

    @property
    def memberships(self) -> np.ndarray:
        """Probability of each label of each unit, shape (N, K)."""
        hot = self.labels[:, :, None] == np.arange(len(self.components))
        return np.einsum("v,vnk->nk", self.probabilities, hot)

    def expected(self, name: str) -> np.ndarray:
        """Posterior expectation of a named function of each component's parameters, shape (K, ...)."""
        return np.stack(
            [self.average(c.expected[name][owned]) for c, owned in zip(self.components, self.owned.T, strict=True)]
        )

    def average(self, values: np.ndarray) -> np.ndarray:
        """Posterior expectation of something known for every label vector (first axis)."""
        return np.tensordot(self.probabilities, values, 1)


def enumerated(
    components: Sequence[Component], n_units: int, log_prior: Callable[[np.ndarray], np.ndarray]
) -> Enumeration:
    """Posterior over labels; `log_prior` maps label vectors (V, N) to log masses (V,)."""
    labels = label_vectors(n_units, len(components))
    hot = labels[:, :, None] == np.arange(len(components))
    owned = np.einsum("vnk,n->vk", hot, 2 ** np.arange(n_units))
    logs = log_prior(labels) + sum(c.log_evidence[owned[:, k]] for k, c in enumerate(components))
    return Enumeration(labels, normalised(logs), hot.sum(1), owned, components)


def dirichlet_label_prior(concentration: Sequence[float]) -> Callable[[np.ndarray], np.ndarray]:
    """Log mass of label vectors with Dirichlet weights integrated out."""
    a = np.asarray(concentration, float)

    def log_prior(labels: np.ndarray) -> np.ndarray:
        counts = (labels[:, :, None] == np.arange(len(a))).sum(1)
        return gammaln(a + counts).sum(1) - gammaln(a).sum() + gammaln(a.sum()) - gammaln(a.sum() + labels.shape[1])

    return log_prior


def fixed_label_prior(weights: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Log mass of label vectors with known weights: shape (K,), or (N, K) for one row a unit."""
    logs = np.log(np.asarray(weights, float))

    def log_prior(labels: np.ndarray) -> np.ndarray:
        rows = np.broadcast_to(logs, (labels.shape[1], logs.shape[-1]))
        return rows[np.arange(labels.shape[1]), labels].sum(1)

    return log_prior


def dirichlet_expectations(
    found: Enumeration, concentration: Sequence[float], cuts: np.ndarray
) -> dict[str, np.ndarray]:
    """Mean of each weight, and the chance that it is below each cut (K, cuts)."""
    a = np.asarray(concentration, float) + found.counts
    rest = a.sum(1, keepdims=True) - a
    below = stats.beta.cdf(np.asarray(cuts)[None, None, :], a[:, :, None], np.maximum(rest, 1e-300)[:, :, None])
    return {"mean": found.average(a / (a + rest)), "below": found.average(below)}


# -------------------------------------------------------------------- components with their parameters integrated out


def law_expectations(law: Any, cuts: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and chance to lie below each cut, for a frozen SciPy distribution with one entry per subset."""
    return {"mean": law.mean(), "below": np.stack([law.cdf(c) for c in cuts], -1)}


def normal_mean(x: np.ndarray, mean: float, precision: float, data_precision: Any, cuts: np.ndarray) -> Component:
    """Normal rows with known precisions (one, or one a row); the mean has a normal prior."""
    known = np.broadcast_to(np.asarray(data_precision, float), np.shape(x))
    inside = subsets(len(x))
    total = precision + inside @ known
    centre = (precision * mean + inside @ (known * x)) / total
    logs = 0.5 * inside @ (np.log(known) - LOG_TWO_PI) + 0.5 * np.log(precision / total)
    logs -= 0.5 * (inside @ (known * x**2) + precision * mean**2 - total * centre**2)
    return Component(logs, law_expectations(stats.norm(centre, total**-0.5), cuts))


def poisson_rate(x: np.ndarray, shape: float, rate: float, cuts: np.ndarray, exposure: Any = 1.0) -> Component:
    """Counts with mean rate * exposure under a gamma prior on the rate."""
    exposed = np.broadcast_to(np.asarray(exposure, float), np.shape(x))
    inside = subsets(len(x))
    a, b = shape + inside @ x, rate + inside @ exposed
    constant = inside @ (xlogy(x, exposed) - gammaln(np.asarray(x) + 1.0))
    logs = constant + shape * np.log(rate) - gammaln(shape) + gammaln(a) - a * np.log(b)
    return Component(logs, law_expectations(stats.gamma(a, scale=1 / b), cuts))


def exponential_rate(x: np.ndarray, shape: float, rate: float, cuts: np.ndarray) -> Component:
    """Exponential rows under a gamma prior on the rate."""
    inside = subsets(len(x))
    a, b = shape + inside.sum(1), rate + inside @ x
    logs = shape * np.log(rate) - gammaln(shape) + gammaln(a) - a * np.log(b)
    return Component(logs, law_expectations(stats.gamma(a, scale=1 / b), cuts))


def success_probability(x: np.ndarray, trials: int, alpha: float, beta: float, cuts: np.ndarray) -> Component:
    """Binomial rows (Bernoulli for one trial) under a beta prior on the probability."""
    inside = subsets(len(x))
    a, b = alpha + inside @ x, beta + inside @ (trials - np.asarray(x))
    ways = gammaln(trials + 1.0) - gammaln(np.asarray(x) + 1.0) - gammaln(trials - np.asarray(x) + 1.0)
    logs = inside @ ways + betaln(a, b) - betaln(alpha, beta)
    return Component(logs, law_expectations(stats.beta(a, b), cuts))


def normal_mean_and_precision(
    x: np.ndarray,
    mean: float,
    precision: float,
    shape: float,
    rate: float,
    cuts: np.ndarray,
    precision_cuts: np.ndarray,
) -> Component:
    """Normal rows; normal prior on the mean, independent gamma prior on the precision, which is put on a grid."""
    tau = stats.gamma(shape, scale=1 / rate).ppf(midpoints(4000))
    inside = subsets(len(x))
    n, s, q = inside.sum(1)[:, None], (inside @ x)[:, None], (inside @ x**2)[:, None]
    total = precision + n * tau
    centre = (precision * mean + tau * s) / total
    logs = 0.5 * n * (np.log(tau) - LOG_TWO_PI) + 0.5 * np.log(precision / total)
    logs = logs - 0.5 * (tau * q + precision * mean**2 - total * centre**2)
    weights = normalised(logs, 1)
    expected = {
        "mean": (weights * centre).sum(1),
        "below": np.stack([(weights * stats.norm.cdf(c, centre, total**-0.5)).sum(1) for c in cuts], -1),
        "precision below": np.stack([(weights * (tau < c)).sum(1) for c in precision_cuts], -1),
    }
    return Component(logsumexp(logs, axis=1) - np.log(len(tau)), expected)


def units_of_rows(component: Component, group: np.ndarray, n_units: int) -> Component:
    """The same for units that own several rows: a subset of units owns all their rows."""
    rows = subsets(n_units)[:, group] @ 2 ** np.arange(len(group))
    return Component(component.log_evidence[rows], {name: e[rows] for name, e in component.expected.items()})


def both(first: Component, second: Component) -> Component:
    """Two data columns on one label vector: evidences multiply, expectations stand side by side under '1' and '2'."""
    named = {f"{name} {i}": e for i, c in ((1, first), (2, second)) for name, e in c.expected.items()}
    return Component(first.log_evidence + second.log_evidence, named)


def linear_normal(
    design: np.ndarray, x: np.ndarray, mean: Any, precision: Any, data_precision: Any
) -> dict[str, np.ndarray]:
    """Normal rows whose means are design @ coefficients, for every design (V, N, P); independent normal priors.

    Returns
    -------
    dict with log_evidence (V,), mean and sd (V, P) of the coefficients.
    """
    mean, precision = (np.broadcast_to(np.asarray(v, float), design.shape[2:]) for v in (mean, precision))
    known = np.broadcast_to(np.asarray(data_precision, float), np.shape(x))
    spread = np.eye(len(x)) / known + np.einsum("vnp,p,vmp->vnm", design, 1 / precision, design)
    away = x - design @ mean
    solved = np.linalg.solve(spread, away[..., None])[..., 0]
    logs = -0.5 * (away * solved).sum(1) - 0.5 * np.linalg.slogdet(spread)[1] - 0.5 * len(x) * LOG_TWO_PI
    covariance = np.linalg.inv(np.diag(precision) + np.einsum("vnp,n,vnq->vpq", design, known, design))
    centre = (covariance @ (precision * mean + np.einsum("vnp,n->vp", design, known * x))[..., None])[..., 0]
    return {"log_evidence": logs, "mean": centre, "sd": np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))}


def forward_backward(log_prior: np.ndarray, log_pairs: np.ndarray) -> np.ndarray:
    """Marginals (N, K) of a chain: masses of the first label (K,) and of neighbours (N - 1, K, K), as logs."""
    n, k = len(log_pairs) + 1, len(log_prior)
    ahead, back = np.zeros((n, k)), np.zeros((n, k))
    ahead[0] = log_prior
    for i in range(1, n):
        ahead[i] = logsumexp(ahead[i - 1][:, None] + log_pairs[i - 1], axis=0)
    for i in range(n - 2, -1, -1):
        back[i] = logsumexp(log_pairs[i] + back[i + 1][None, :], axis=1)
    return normalised(ahead + back, 1)


# -------------------------------------------------------------------- quadrature


def midpoints(n: int) -> np.ndarray:
    """Centres of n equal cells of (0, 1)."""
    return (np.arange(n) + 0.5) / n


@dataclass
class Gridded:
    """A density on a grid of equal cells: points and their probabilities."""

    points: np.ndarray
    probabilities: np.ndarray

    @property
    def mean(self) -> float:
        """Expectation."""
        return float(self.probabilities @ self.points)

    @property
    def sd(self) -> float:
        """Standard deviation."""
        return float(np.sqrt(self.probabilities @ (self.points - self.mean) ** 2))

    def below(self, cuts: Any) -> np.ndarray:
        """Chance to lie below each cut, interpolated between cells."""
        width = np.diff(self.points).mean()
        return np.interp(cuts, self.points + 0.5 * width, np.cumsum(self.probabilities))

    def quantiles(self, shares: Any) -> np.ndarray:
        """Points below which these shares lie."""
        width = np.diff(self.points).mean()
        return np.interp(shares, np.cumsum(self.probabilities), self.points + 0.5 * width)


def gridded(log_density: Callable[[np.ndarray], np.ndarray], low: float, high: float, cells: int = 20000) -> Gridded:
    """Normalise a log density (vectorised) between two ends by the midpoint rule."""
    points = low + (high - low) * midpoints(cells)
    with np.errstate(all="ignore"):
        logs = log_density(points)
    return Gridded(points, normalised(np.where(np.isnan(logs), -np.inf, logs)))


def gridded_pair(
    log_density: Callable[[np.ndarray, np.ndarray], np.ndarray],
    first: tuple[float, float],
    second: tuple[float, float],
    cells: int = 1000,
) -> tuple[Gridded, Gridded]:
    """Both margins of a log density of two variables (vectorised, broadcasting) by the midpoint rule."""
    x, y = (low + (high - low) * midpoints(cells) for low, high in (first, second))
    with np.errstate(all="ignore"):
        logs = log_density(x[:, None], y[None, :])
    mass = normalised(np.where(np.isnan(logs), -np.inf, logs))
    return Gridded(x, mass.sum(1)), Gridded(y, mass.sum(0))


# -------------------------------------------------------------------- two normal components, labels summed out

NAMES = ("p", "mu[0]", "mu[1]", "sd[0]", "sd[1]")


@dataclass
class TwoNormals:
    """Marginal posterior of two normal components: uniform priors on p and on both sds, normal ones on the means."""

    x: np.ndarray
    means: tuple[float, float] = (145.0, 210.0)
    precisions: tuple[float, float] = (0.01, 0.02)
    widest: float = 100.0

    def log_density(self, free: np.ndarray) -> np.ndarray:
        """At points (..., 5) of (logit p, means, logs of sds), Jacobian included."""
        p, mu, sd = 1 / (1 + np.exp(-free[..., 0])), free[..., 1:3], np.exp(free[..., 3:5])
        weights = np.log(np.stack([p, 1 - p], -1))
        standard = (self.x - mu[..., None]) / sd[..., None]
        rows = (weights - np.log(sd) - 0.5 * LOG_TWO_PI)[..., None] - 0.5 * standard**2
        likelihood = np.logaddexp(rows[..., 0, :], rows[..., 1, :]).sum(-1)
        prior = -0.5 * (np.asarray(self.precisions) * (mu - np.asarray(self.means)) ** 2).sum(-1)
        jacobian = np.log(p) + np.log(1 - p) + free[..., 3:5].sum(-1)
        return np.where((sd < self.widest).all(-1), likelihood + prior + jacobian, -np.inf)

    @staticmethod
    def natural(free: np.ndarray) -> np.ndarray:
        """(p, mu, sd) from the free coordinates."""
        return np.concatenate([1 / (1 + np.exp(-free[..., :1])), free[..., 1:3], np.exp(free[..., 3:5])], -1)

    def mode(self) -> tuple[np.ndarray, np.ndarray]:
        """Highest point in the free coordinates, and the inverse of the curvature there."""
        guess = np.array([0.8, *np.quantile(self.x, [0.3, 0.9]), 2.3, 2.8])
        best = optimize.minimize(lambda f: -self.log_density(f), guess, method="BFGS").x
        steps = 1e-3 * np.eye(5)
        curvature = np.array([[self._second_difference(best, steps[i], steps[j]) for j in range(5)] for i in range(5)])
        return best, np.linalg.inv(-curvature)

    def _second_difference(self, at: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
        corners = np.array([at + a + b, at + a - b, at - a + b, at - a - b])
        return float(self.log_density(corners) @ [1, -1, -1, 1]) / (4 * np.linalg.norm(a) * np.linalg.norm(b))

    def importance(self, n: int, seed: int) -> Weighted:
        """Independent points from a t distribution with 10 degrees of freedom around the mode, with weights."""
        rng = np.random.default_rng(seed)
        mode, covariance = self.mode()
        proposal = stats.multivariate_t(mode, 1.2 * covariance, df=10)
        free = proposal.rvs(n, random_state=rng)
        target = np.concatenate([self.log_density(part) for part in np.array_split(free, max(n // 500, 1))])
        return Weighted(self.natural(free), normalised(target - proposal.logpdf(free)))

    def random_walk(self, walkers: int, steps: int, burn: int, seed: int) -> np.ndarray:
        """Plain random-walk Metropolis from around the mode, shape (walkers, steps - burn, 5), natural coordinates."""
        rng = np.random.default_rng(seed)
        mode, covariance = self.mode()
        factor = np.linalg.cholesky(covariance)
        now = mode + rng.standard_normal((walkers, 5)) @ factor.T
        density, kept = self.log_density(now), []
        for step in range(steps):
            tried = now + 2.38 / np.sqrt(5) * rng.standard_normal((walkers, 5)) @ factor.T
            there = self.log_density(tried)
            moved = np.log(rng.random(walkers)) < there - density
            now, density = np.where(moved[:, None], tried, now), np.where(moved, there, density)
            if step >= burn:
                kept.append(self.natural(now))
        return np.stack(kept, 1)


@dataclass
class Weighted:
    """Independent points with importance weights."""

    points: np.ndarray
    weights: np.ndarray

    @property
    def effective(self) -> float:
        """Kish's effective number of points."""
        return float(1 / (self.weights**2).sum())

    def expected(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expectation of something known at every point (first axis), and its standard error."""
        centre = np.tensordot(self.weights, values, 1)
        return centre, np.sqrt(np.tensordot(self.weights**2, (values - centre) ** 2, 1))


# -------------------------------------------------------------------- comparing draws with a reference

SIGMAS = 6.0  # two-sided chance 2e-9 for a normal, 3e-8 for a t with 90 degrees of freedom
BATCHES = 100


def chains_of(sampler: Any, name: str, chains: int = 4) -> np.ndarray:
    """Draws of a variable, shape (chains, draws, ...)."""
    return np.stack([np.asarray(sampler.trace(name, chain=c)[:], dtype=float) for c in range(chains)])


def mean_and_error(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over all draws and its Monte Carlo standard error from batch means within chains.

    Chains that disagree do not widen the error. Batches that still belong together make it too small, so that is
    refused.
    """
    chains, n = draws.shape[:2]
    per_chain = max(BATCHES // chains, 2)
    length = n // per_chain
    batches = draws[:, : per_chain * length].reshape(chains, per_chain, length, *draws.shape[2:]).mean(2)
    away = batches - batches.mean(1, keepdims=True)
    spread = (away**2).sum((0, 1))
    lagged = (away[:, 1:] * away[:, :-1]).sum((0, 1))
    assert np.all(lagged <= 0.6 * spread + 1e-300), "batch means correlate: the chains move too slowly for this test"
    return draws.mean((0, 1)), np.sqrt(spread / (chains * (per_chain - 1)) / (chains * per_chain))


def assert_mean(draws: np.ndarray, exact: Any, what: str = "", exact_error: Any = 0.0) -> None:
    """The mean of draws (chains, draws, ...) is `exact`, within Monte Carlo error."""
    centre, error = mean_and_error(np.asarray(draws, float))
    exact = np.broadcast_to(np.asarray(exact, float), centre.shape)
    allowed = SIGMAS * np.hypot(error, exact_error) + 1e-9 * (1 + np.abs(exact))
    with np.errstate(divide="ignore", invalid="ignore"):
        sigmas = np.abs(centre - exact) / np.hypot(error, exact_error)
    assert np.all(np.abs(centre - exact) <= allowed), f"{what}: {centre} is not {exact}; off by {sigmas} errors"


RARE = 0.005


def assert_shares(happened: np.ndarray, shares: Any, what: str = "") -> None:
    """Events (chains, draws, ...) happen as often as stated; rare ones, where batch means say little, are bounded."""
    shares = np.broadcast_to(np.asarray(shares, float), happened.shape[2:])
    rare = (shares < RARE) | (shares > 1 - RARE)
    found = happened.mean((0, 1))
    assert np.all(np.abs(found - shares)[rare] < RARE), f"{what}: {found} is not {shares}"
    assert_mean(happened[:, :, ~rare], shares[~rare], what)


def assert_below(draws: np.ndarray, cuts: Any, shares: Any, what: str = "") -> None:
    """The share of draws below each cut is as given; draws (chains, draws, ...), shares (..., cuts)."""
    below = np.asarray(draws, float)[..., None] < np.asarray(cuts, float)
    assert_shares(below, shares, f"{what} below {np.asarray(cuts)}")


SHARES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def assert_law(draws: np.ndarray, law: Any, what: str = "") -> None:
    """Draws (chains, draws) follow a distribution: a SciPy one, or a :class:`Gridded`."""
    cuts = law.quantiles(SHARES) if isinstance(law, Gridded) else law.ppf(SHARES)
    assert_below(draws, cuts, SHARES, what)


def assert_masses(draws: np.ndarray, masses: Mapping[int, float] | np.ndarray, what: str = "") -> None:
    """Draws of whole numbers (chains, draws) take each value as often as its mass says."""
    items = masses.items() if isinstance(masses, Mapping) else enumerate(masses)
    values, expected = (np.array(v) for v in zip(*items, strict=True))
    assert_shares(np.asarray(draws)[..., None] == values, expected, what)
