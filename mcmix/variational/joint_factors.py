"""Normal-Wishart and normal-gamma factors: a mean that knows its precision.

The factor of the precision is the usual one with the mean integrated out; the mean's factor is normal given the
precision, with a multiple of it as its own precision (Bishop 2006, "Pattern recognition and machine learning", section
10.2.1). Where rows expect a variance of the mean, they are given the inverse of the expected precision over that
multiple: then all that is expected of a row is right, although mean and precision are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.variational.links import Link
from mcmix.variational.posteriors import SHAKEN, GammaPosterior, Moments, Posterior, WishartPosterior
from mcmix.variational.statements import Hyper, Statement


class ConditionalNormal(Posterior):
    """Normal means given their precisions: centre, and precision as a multiple of that of a row.

    Attributes
    ----------
    above : Posterior
        Of the precision.
    """

    names = ("mean", "relative_precision")
    roles = ("free", "positive")

    def __init__(self, node: Distribution, above: Posterior, relative: np.ndarray):
        super().__init__(node)
        self.above, self.relative = above, relative
        self.kind = "vector" if isinstance(above, WishartPosterior) else "normal"

    def update(self, prior: tuple[Any, ...], first: Any, second: Any) -> None:
        """Become the prior; the data are taken in together with the precision."""
        self.put((prior[0], self.relative))

    def divergence(self, prior: tuple[Any, ...]) -> np.ndarray:
        """See the base: of the mean given the precision, averaged over the precision."""
        mean, times = self._parameters
        mean0, precision0, _, spread0 = prior
        about = mean - mean0
        if self.kind == "vector":
            squares, d = about[:, :, None] * about[:, None, :] + spread0, mean.shape[-1]
            far = np.sum(precision0 * squares, axis=(-2, -1))
        else:
            d, far = 1, precision0 * (about**2 + spread0)
        # The precision is in both normals and cancels in their log ratio: only the multiples of it are left.
        ratio = self.relative / times
        return np.asarray(0.5 * (d * (ratio - 1.0 - np.log(ratio)) + far))

    def _spread(self) -> np.ndarray:
        """Inverse of the mean's expected precision."""
        times, expected = self._parameters[1], self.above.moments.first
        if self.kind == "vector":
            return np.asarray(np.linalg.inv(expected) / times[:, None, None])
        return np.asarray(1.0 / (expected * times))

    def _moments(self) -> Moments:
        return Moments(self._parameters[0], self._spread())

    def shake(self, rng: np.random.Generator) -> None:
        """See the base."""
        mean, times = self._parameters
        self.put((mean + SHAKEN * self._width() * rng.standard_normal(mean.shape), times))

    def _width(self) -> np.ndarray:
        own = self._spread()
        return np.sqrt(np.diagonal(own, axis1=-2, axis2=-1) if self.kind == "vector" else own)

    def _mean(self) -> np.ndarray:
        return self._parameters[0]

    def _variance(self) -> np.ndarray:
        """Of the Student t with the precision averaged out; infinite with too few degrees of freedom."""
        if self.kind == "vector":
            # A normal-Wishart mean is Student t with n - d + 1 degrees of freedom and scale T / (k (n - d + 1)).
            degrees = self.above.state[0] - self._parameters[0].shape[-1] + 1.0
            scale = np.diagonal(self.above.state[1], axis1=-2, axis2=-1) / (degrees * self._parameters[1])[:, None]
            degrees = degrees[:, None]
        else:
            shape, rate = self.above.state
            degrees, scale = 2.0 * shape, rate / (shape * self._parameters[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(degrees > 2.0, scale * degrees / (degrees - 2.0), np.inf))

    def _draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return self.draw_given(rng, self.above.draw(rng, n))

    def draw_given(self, rng: np.random.Generator, precisions: np.ndarray) -> np.ndarray:
        """Draws that go with draws of the precisions, shape (n, *shape of the node)."""
        mean, times = self._parameters
        n = len(precisions)
        if self.kind == "normal":
            own = times * precisions.reshape((n, -1))
            return (mean + rng.standard_normal(own.shape) / np.sqrt(own)).reshape((n, *self.node.shape))
        d = mean.shape[-1]
        factor = np.linalg.cholesky(precisions.reshape((n, -1, d, d)) * times[:, None, None])
        noise = rng.standard_normal((*factor.shape[:-1], 1))
        about = np.linalg.solve(np.swapaxes(factor, -1, -2), noise)[..., 0]
        return np.asarray(mean + about).reshape((n, *self.node.shape))


class ConditionalDistribution(Hyper):
    """The prior of such a mean, speaking to what its own mean depends on: never to the precision."""

    def about(self, posterior: Posterior) -> list[str]:
        """See the base."""
        return [k for k in super().about(posterior) if k == "mean"]


class Pair:
    """A mean and a precision, updated at once from the statistics of all rows that depend on them.

    Parameters
    ----------
    mean : ConditionalNormal
    prior : Link
        Of the mean's own mean.
    children : sequence of Statement
        With `sums` of their own.
    """

    def __init__(self, mean: ConditionalNormal, prior: Link, children: Sequence[Statement]):
        self.mean, self.precision, self.prior, self.children = mean, mean.above, prior, list(children)

    def update(self, prior: tuple[Any, ...], power: float) -> None:
        """Both factors; `prior` is that of the precision, and rows count `power` times."""
        times, above = self.mean.relative, self.prior.moments()
        centre = above.first
        n, total, squares, shift = self._statistics(power)
        average = total / _wide(np.maximum(n, 1e-300), total)
        about = average + shift - centre
        # As with labels known (structure.joint_priors), plus w Cov of the mean's own mean where that is unknown too.
        share = times * n / (times + n)
        if isinstance(self.precision, GammaPosterior):
            spread = np.maximum(squares - total * average, 0.0)
            self.precision.update(prior, 0.5 * n, 0.5 * (spread + share * about**2 + times * above.second))
        else:
            spread = squares - total[:, :, None] * average[:, None, :]
            more = share[:, None, None] * (about[:, :, None] * about[:, None, :])
            self.precision.update(prior, 0.5 * n, spread + more + times[:, None, None] * above.second)
        weight = _wide(n / (times + n), total)
        self.mean.put((centre + weight * about, times + n))

    def _statistics(self, power: float) -> tuple[np.ndarray, ...]:
        """Counts, sums, products and shifts of every element: its rows come from one child."""
        size, tail = len(self.mean.relative), self.mean.node.event_shape
        n, total = np.zeros(size), np.zeros((size, *tail))
        squares, shift = np.zeros((size, *tail, *tail)), np.zeros((size, *tail))
        for child in self.children:
            rows, sums = child.links["mean"].rows, child.sums  # type: ignore[attr-defined]
            n[rows], shift[rows] = power * np.asarray(sums.n), sums.shifts[0]
            total[rows], squares[rows] = power * np.asarray(sums.sums[0]), power * np.asarray(sums.squares[0])
        return n, total, squares, shift


def _wide(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    return x.reshape(x.shape + (1,) * (like.ndim - x.ndim))


__all__ = ["ConditionalDistribution", "ConditionalNormal", "Pair"]
