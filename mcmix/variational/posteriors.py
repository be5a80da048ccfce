"""Factors of the approximate posterior: one class per kind, n of them at once for the elements of a node.

Every class knows its moments, its divergence from a prior whose own parameters may be uncertain, and how it is drawn.
Closed forms: Bishop (2006), "Pattern recognition and machine learning", chapter 10 and appendix B.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln, multigammaln

from mcmix.distributions.dirichlet import draw as draw_dirichlet
from mcmix.distributions.mv_normal import draw_by_precision
from mcmix.distributions.wishart import draw_by_inverse_scale
from mcmix.nodes.distribution import Distribution

SHAKEN = 0.05  # of a factor's own width: how far annealing moves it
SMALLEST_RATIO = 1e-13  # of a matrix's eigenvalues to its largest
IMPOSSIBLE = -(
    2.0**400
)  # the log of a probability that is known to be zero: a power of two, so that sums cancel exactly


@dataclass(frozen=True)
class Moments:
    """Two expectations of each of n variables; which ones depends on the kind.

    normal: mean, variance. gamma: mean, expected log. beta: expected log of it and of its complement. dirichlet:
    expected logs, nothing. vector: mean, covariance. wishart: mean, expected log determinant; inverse wishart: these of
    the inverse. known: value, nothing.
    """

    first: Any
    second: Any

    def at(self, rows: np.ndarray) -> Moments:
        """Those of some of the variables."""
        return Moments(self.first[rows], None if self.second is None else self.second[rows])


def certain(kind: str, value: Any) -> Moments:
    """Moments of what is known, shape (n, ...)."""
    x = np.asarray(value, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "normal":
            return Moments(x, np.zeros(x.shape))
        if kind == "gamma":
            return Moments(x, np.maximum(np.log(x), IMPOSSIBLE))
        if kind == "beta":
            return Moments(np.maximum(np.log(x), IMPOSSIBLE), np.maximum(np.log1p(-x), IMPOSSIBLE))
        if kind == "dirichlet":
            return Moments(np.log(x), None)
        if kind == "vector":
            return Moments(x, np.zeros((*x.shape, x.shape[-1])))
        if kind == "inverse wishart":
            return Moments(np.linalg.inv(x), -np.linalg.slogdet(x)[1])
        if kind == "wishart":
            return Moments(x, np.linalg.slogdet(x)[1])
    return Moments(x, None)


class Posterior(ABC):
    """The approximate posterior of one node.

    Attributes
    ----------
    node : Distribution
    items : int
        Elements of the node; where several starts run side by side, their factors follow each other.
    parameters : dict of str to ndarray
        The usual parameters of the factors, one entry per element of the node.
    mean, sd : ndarray, shape of the node
        Posterior mean and standard deviation of each number.
    """

    kind = ""

    def __init__(self, node: Distribution):
        self.node = node
        self.items = int(np.prod(node.shape[: len(node.shape) - len(node.event_shape)], dtype=int))
        self._parameters: tuple[np.ndarray, ...] = ()
        self.moments: Moments = Moments(None, None)

    # ---------------------------------------------------------------- what the engine asks

    @abstractmethod
    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Become the prior times the likelihood with these natural parameters (None for no likelihood).

        The natural parameters are those of :class:`mcmix.distributions.family.Message`.
        """

    @abstractmethod
    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """Kullback-Leibler divergence of each factor from its prior, in nats, shape (n,)."""

    def rounding(self) -> np.ndarray:
        """By how much rounding may change each factor's part of the bound, in nats, shape (n,)."""
        return np.zeros(len(self._parameters[0]))

    def put(self, parameters: tuple[np.ndarray, ...]) -> None:
        """Take parameters as :attr:`state` gave them."""
        self._parameters = parameters
        self.moments = self._moments()

    def pin(self, value: Any) -> None:
        """Stand at a value for the next pass, without uncertainty."""
        self.moments = certain(self.kind, np.reshape(value, self._parameters[0].shape[:1] + self._event))

    def shake(self, rng: np.random.Generator) -> None:
        """Move a little at random, so that elements that are alike do not stay so (after a round of annealing)."""
        first, *rest = self._parameters
        self.put((first * np.exp(SHAKEN * rng.standard_normal(first.shape)), *rest))

    @property
    def state(self) -> tuple[np.ndarray, ...]:
        """The parameters, to be put back."""
        return self._parameters

    @abstractmethod
    def _moments(self) -> Moments:
        """Expectations under the present parameters."""

    # ---------------------------------------------------------------- what users see

    names: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()  # of each parameter: free, positive, degrees, or matrix (positive definite)

    @property
    def _event(self) -> tuple[int, ...]:
        return self.node.event_shape

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The usual parameters by name."""
        batch = self.node.shape[: len(self.node.shape) - len(self._event)]
        return {k: v.reshape((*batch, *v.shape[1:])) for k, v in zip(self.names, self._parameters, strict=False)}

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean, shape of the node."""
        return np.asarray(self._mean()).reshape(self.node.shape)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviation, shape of the node."""
        return np.sqrt(np.asarray(self._variance()).reshape(self.node.shape))

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Independent draws, shape (n, *shape of the node)."""
        return np.asarray(self._draw(rng, n)).reshape((n, *self.node.shape))

    @abstractmethod
    def _mean(self) -> np.ndarray: ...

    @abstractmethod
    def _variance(self) -> np.ndarray: ...

    @abstractmethod
    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray: ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.node.name}: {', '.join(self.names)}>"


class NormalPosterior(Posterior):
    """Independent normal distributions: mean and precision."""

    kind, names = "normal", ("mean", "precision")
    roles = ("free", "positive")

    def shake(self, rng: np.random.Generator) -> None:
        """See the base."""
        mean, precision = self._parameters
        self.put((mean + SHAKEN * rng.standard_normal(mean.shape) / np.sqrt(precision), precision))

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Precisions add, and so do precisions times means."""
        mean, precision = prior[0], prior[1]
        if first is None:
            self.put((mean, precision))
            return
        total = precision + first
        self.put(((precision * mean + second) / total, total))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (mean, precision, expected log precision, variance of the mean)."""
        (mean, precision), (mean0, precision0, logs0, variance0) = self._parameters, prior
        # E (m - m0)**2 when both are uncertain
        squares = 1.0 / precision + variance0 + (mean - mean0) ** 2
        return np.asarray(0.5 * (np.log(precision) - logs0 - 1.0 + precision0 * squares))

    def _moments(self) -> Moments:
        mean, precision = self._parameters
        return Moments(mean, 1.0 / precision)

    def _mean(self) -> np.ndarray:
        return self._parameters[0]

    def _variance(self) -> np.ndarray:
        return np.asarray(1.0 / self._parameters[1])

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        mean, precision = self._parameters
        return rng.normal(mean, precision**-0.5, (n, len(mean)))


class GammaPosterior(Posterior):
    """Independent gamma distributions: shape and rate."""

    kind, names = "gamma", ("shape", "rate")
    roles = ("positive", "positive")

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Shapes and rates add."""
        shape, rate = prior[0], prior[1]
        self.put((shape, rate) if first is None else (shape + first, rate + second))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (shape, rate, expected log rate)."""
        (shape, rate), (shape0, rate0, logs0) = self._parameters, prior
        logs = (shape - shape0) * digamma(shape) - gammaln(shape) + gammaln(shape0)
        return np.asarray(logs + shape0 * (np.log(rate) - logs0) + shape * (rate0 - rate) / rate)

    def _moments(self) -> Moments:
        shape, rate = self._parameters
        # E t and E log t
        return Moments(shape / rate, digamma(shape) - np.log(rate))

    def _mean(self) -> np.ndarray:
        return np.asarray(self._parameters[0] / self._parameters[1])

    def _variance(self) -> np.ndarray:
        return np.asarray(self._parameters[0] / self._parameters[1] ** 2)

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        shape, rate = self._parameters
        return np.maximum(rng.gamma(shape, 1.0 / rate, (n, len(shape))), np.finfo(float).tiny)


class DirichletPosterior(Posterior):
    """Independent Dirichlet distributions: concentrations."""

    kind, names = "dirichlet", ("concentration",)
    roles = ("positive",)

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Counts add to the concentrations."""
        self.put((prior[0] if first is None else prior[0] + first,))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (concentration,)."""
        (after,), (before,) = self._parameters, prior
        sums = gammaln(after.sum(-1)) - gammaln(before.sum(-1))
        each = gammaln(before) - gammaln(after) + (after - before) * self.moments.first
        return np.asarray(sums + each.sum(-1))

    def _moments(self) -> Moments:
        (concentration,) = self._parameters
        # E log w_k
        return Moments(digamma(concentration) - digamma(concentration.sum(-1, keepdims=True)), None)

    def _mean(self) -> np.ndarray:
        (concentration,) = self._parameters
        return np.asarray(concentration / concentration.sum(-1, keepdims=True))

    def _variance(self) -> np.ndarray:
        mean = self._mean()
        return np.asarray(mean * (1.0 - mean) / (self._parameters[0].sum(-1, keepdims=True) + 1.0))

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        (concentration,) = self._parameters
        return draw_dirichlet(rng, (n, *concentration.shape), concentration)


class BetaPosterior(Posterior):
    """Independent beta distributions: alpha and beta."""

    kind, names = "beta", ("alpha", "beta")
    roles = ("positive", "positive")

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Successes add to alpha, failures to beta."""
        alpha, beta = prior
        self.put((alpha, beta) if first is None else (alpha + first, beta + second))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (alpha, beta)."""
        (alpha, beta), (alpha0, beta0) = self._parameters, prior
        sums = gammaln(alpha + beta) - gammaln(alpha0 + beta0)
        each = gammaln(alpha0) - gammaln(alpha) + gammaln(beta0) - gammaln(beta)
        m = self.moments
        return np.asarray(sums + each + (alpha - alpha0) * m.first + (beta - beta0) * m.second)

    def _moments(self) -> Moments:
        alpha, beta = self._parameters
        total = digamma(alpha + beta)
        return Moments(digamma(alpha) - total, digamma(beta) - total)

    def _mean(self) -> np.ndarray:
        alpha, beta = self._parameters
        return np.asarray(alpha / (alpha + beta))

    def _variance(self) -> np.ndarray:
        alpha, beta = self._parameters
        return np.asarray(alpha * beta / ((alpha + beta) ** 2 * (alpha + beta + 1.0)))

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        alpha, beta = self._parameters
        pairs = np.stack([alpha, beta], -1)
        return draw_dirichlet(rng, (n, *pairs.shape), pairs)[..., 0]  # right for tiny parameters too


class MvNormalPosterior(Posterior):
    """Independent normal distributions of vectors: mean and precision matrix."""

    kind, names = "vector", ("mean", "precision")
    roles = ("free", "matrix")

    def shake(self, rng: np.random.Generator) -> None:
        """See the base."""
        mean, precision = self._parameters
        width = np.sqrt(np.diagonal(self.moments.second, axis1=-2, axis2=-1))
        self.put((mean + SHAKEN * width * rng.standard_normal(mean.shape), precision))

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Precisions add, and so do precisions times means."""
        mean, precision = prior[0], prior[1]
        if first is None:
            self.put((mean, precision))
            return
        total = precision + first
        # Rounding leaves sums of products a little asymmetric; symmetric again before the next factor is taken.
        total = 0.5 * (total + np.swapaxes(total, -1, -2))
        linear = np.einsum("nij,nj->ni", precision, mean) + second
        self.put((np.linalg.solve(total, linear[..., None])[..., 0], total))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (mean, precision, expected log determinant, covariance of the mean)."""
        (mean, precision), (mean0, precision0, logs0, covariance0) = self._parameters, prior
        about = mean - mean0
        squares = self.moments.second + covariance0 + about[:, :, None] * about[:, None, :]
        logs = np.linalg.slogdet(precision)[1] - logs0 - mean.shape[-1]
        return np.asarray(0.5 * (logs + np.sum(precision0 * squares, axis=(-2, -1))))

    def _covariance(self) -> np.ndarray:
        return np.linalg.inv(self._parameters[1])

    def _moments(self) -> Moments:
        return Moments(self._parameters[0], self._covariance())

    def _mean(self) -> np.ndarray:
        return self._parameters[0]

    def _variance(self) -> np.ndarray:
        return np.diagonal(self._covariance(), axis1=-2, axis2=-1)

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        mean, precision = self._parameters
        return draw_by_precision(rng, (n, *mean.shape), mean, precision)


class WishartPosterior(Posterior):
    """Independent Wishart distributions: degrees of freedom and inverse scale; the mean is degrees times the scale."""

    kind, names = "wishart", ("degrees_of_freedom", "inverse_scale")
    roles = ("degrees", "matrix")

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Half degrees of freedom add, and so do inverse scales."""
        degrees, inverse = prior
        if first is None:
            self.put((degrees, inverse))
            return
        total = inverse + second
        self.put((degrees + 2.0 * first, 0.5 * (total + np.swapaxes(total, -1, -2))))

    def put(self, parameters: tuple[np.ndarray, ...]) -> None:
        """Take parameters; the inverse scale is taken apart once."""
        values, vectors = np.linalg.eigh(parameters[1])
        # collinear rows far apart: rounding must not leave a scale, or its inverse, without a Cholesky factor
        self._condition = values[:, -1] / np.maximum(values[:, 0], values[:, -1] * np.finfo(float).eps)
        values = np.maximum(values, values[:, -1:] * SMALLEST_RATIO)
        self._logs = np.log(values).sum(-1)
        self._scale = (vectors / values[:, None, :]) @ np.swapaxes(vectors, -1, -2)
        super().put(parameters)

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base; the prior is (degrees of freedom, inverse scale)."""
        (degrees, inverse), (degrees0, inverse0) = self._parameters, prior
        d = inverse.shape[-1]
        logs = degrees * self._logs - degrees0 * np.linalg.slogdet(inverse0)[1]
        logs = logs + (degrees - degrees0) * (self.moments.second - d * np.log(2.0)) - degrees * d
        traces = degrees * np.sum(inverse0 * self._scale, axis=(-2, -1))
        constants = multigammaln(degrees0 / 2.0, d) - multigammaln(degrees / 2.0, d)
        return np.asarray(0.5 * (logs + traces) + constants)

    def rounding(self) -> np.ndarray:
        """Sums of products are known to their own rounding: the smallest directions of a scale to no more than that.

        Infinite where a direction is not known at all.
        """
        relative = self._condition * np.finfo(float).eps * 8.0
        relative = np.where(self._condition * SMALLEST_RATIO > 0.01, np.inf, relative)
        return np.asarray(self._parameters[0] * self._scale.shape[-1] * relative)

    def _moments(self) -> Moments:
        degrees = self._parameters[0]
        d = self._scale.shape[-1]
        # E log |X| = sum_i digamma((n - i) / 2) + d log 2 - log |T|, i = 0 .. d - 1 (Bishop 2006, appendix B)
        halves = 0.5 * (degrees[:, None] - np.arange(d))
        return Moments(degrees[:, None, None] * self._scale, digamma(halves).sum(-1) + d * np.log(2.0) - self._logs)

    def _mean(self) -> np.ndarray:
        return np.asarray(self._parameters[0][:, None, None] * self._scale)

    def _variance(self) -> np.ndarray:
        own = np.diagonal(self._scale, axis1=-2, axis2=-1)
        spread = self._scale**2 + own[:, :, None] * own[:, None, :]
        return np.asarray(self._parameters[0][:, None, None] * spread)

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        degrees, inverse = self._parameters
        return draw_by_inverse_scale(rng, (n, *inverse.shape), degrees, inverse)


class InverseWishartPosterior(WishartPosterior):
    """Independent inverse Wishart factors: degrees of freedom and scale; what is expected is told of the inverse."""

    kind, names = "inverse wishart", ("degrees_of_freedom", "scale")

    def _mean(self) -> np.ndarray:
        degrees, scale = self._parameters
        spare = (degrees - scale.shape[-1] - 1.0)[:, None, None]
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(spare > 0.0, scale / spare, np.inf))

    def _variance(self) -> np.ndarray:
        """Infinite with fewer than d + 4 degrees of freedom (Press 1982, "Applied multivariate analysis", p. 119)."""
        degrees, scale = self._parameters
        spare = (degrees - scale.shape[-1])[:, None, None]
        own = np.diagonal(scale, axis1=-2, axis2=-1)
        above = (spare + 1.0) * scale**2 + (spare - 1.0) * own[:, :, None] * own[:, None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = above / (spare * (spare - 1.0) ** 2 * (spare - 3.0))
        return np.asarray(np.where(spare > 3.0, found, np.inf))

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return np.linalg.inv(super()._draw(rng, n))


KINDS: dict[str, type[Posterior]] = {
    c.kind: c
    for c in (
        NormalPosterior, GammaPosterior, BetaPosterior, DirichletPosterior, MvNormalPosterior, WishartPosterior,
        InverseWishartPosterior
    )
}  # fmt: skip

__all__ = ["KINDS", "Moments", "Posterior", "certain"]
