"""Variables and their free coordinates, one kind of support each: the NumPy side of the kernels' transforms.

Every kind of :mod:`mcmix.kernels.transforms` has its class in :data:`TRANSFORMS`; a test holds the two sides of all of
them beside each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logsumexp

from mcmix.distributions.circle import from_direction, wrapped
from mcmix.distributions.lkj import factor_from_partial, from_partial
from mcmix.kernels import transforms as kernels
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.targets import bounds_of


class Transform:
    """One variable's place in the flat vector, and the map between it and free coordinates.

    A subclass serves one kind of support, whichever variable has it; its kernel of the same number is in
    :mod:`mcmix.kernels.transforms`. This one serves variables without ends: free coordinates are the elements.

    Parameters
    ----------
    node : Stochastic
    first : int
        Position of its first coordinate.
    """

    kind = kernels.IDENTITY
    alone = True  # whether each free coordinate is a function of one element
    log_kept = False  # whether chains keep logarithms
    ends = False, False  # whether a free coordinate at minus infinity, and at infinity, is an end of the support

    def __init__(self, node: Stochastic, first: int):
        self.node, self.first = node, first
        self.lower, self.upper = bounds_of(node)
        self.last = first + len(self.places())

    def places(self) -> list[tuple[int, ...]]:
        """Where each own coordinate stands in the value."""
        return list(np.ndindex(*self.node.state_shape))

    @property
    def bounded(self) -> list[bool]:
        """Which free coordinates have an end of the support at infinity."""
        return [any(self.ends)] * (self.last - self.first)

    # ---------------------------------------------------------------- each element by itself

    def _free(self, x: np.ndarray) -> np.ndarray:
        return x

    def _own(self, free: np.ndarray) -> np.ndarray:
        return free

    def _log_slopes(self, free: np.ndarray) -> np.ndarray:
        """Log size of the derivative of each element (..., n)."""
        return np.zeros_like(free)

    def _inside(self, x: np.ndarray) -> np.ndarray:
        """Whether elements lie in the known support; those rounded onto an end do not where that is at infinity."""
        return (self.lower <= x) & (x <= self.upper)

    # ---------------------------------------------------------------- the variable

    def to_free(self, values: np.ndarray) -> np.ndarray:
        """Free coordinates (..., n) of values (..., *shape of the node)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._free(self.own(values))

    def to_kept(self, free: np.ndarray) -> np.ndarray:
        """What a chain keeps (..., *shape of the node)."""
        with np.errstate(over="ignore"):
            return self.from_own(self._own(free))

    def kept(self, values: np.ndarray) -> np.ndarray:
        """What a chain keeps, from values."""
        return values

    def values(self, kept: np.ndarray) -> np.ndarray:
        """Values from what a chain keeps."""
        return kept

    def own(self, values: np.ndarray) -> np.ndarray:
        """Own coordinates (..., n) of values (..., *shape of the node)."""
        return np.reshape(values, (*_batch(values, self.node), -1))

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """Values (..., *shape of the node) from own coordinates (..., n)."""
        return np.reshape(own, (*own.shape[:-1], *self.node.state_shape))

    def log_jacobian(self, free: np.ndarray) -> np.ndarray:
        """Log determinant (...) of the derivatives of own by free coordinates."""
        return np.sum(self._log_slopes(free), axis=-1)

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """Derivatives of own by free coordinates at one point, shape (n, n)."""
        return np.diag(np.exp(self._log_slopes(free)))

    def inside(self, kept: np.ndarray) -> np.ndarray:
        """Whether kept values lie in the known support (...)."""
        x = self.own(kept)
        return np.all(np.isfinite(x) & self._inside(x), axis=-1)


class _Bounded(Transform):
    """Elements with an end, that they cannot be at."""

    def _log_slopes(self, free: np.ndarray) -> np.ndarray:
        return free

    def _inside(self, x: np.ndarray) -> np.ndarray:
        return (self.lower < x) & (x < self.upper)


class Above(_Bounded):
    """Elements above an end: free coordinates are logarithms of the distance to it."""

    kind, ends = kernels.LOG, (True, False)

    def _free(self, x: np.ndarray) -> np.ndarray:
        return np.log(x - self.lower)

    def _own(self, free: np.ndarray) -> np.ndarray:
        return self.lower + np.exp(free)


class Below(_Bounded):
    """Elements below an end: free coordinates are logarithms of the distance to it."""

    kind, ends = kernels.UPPER, (True, False)

    def _free(self, x: np.ndarray) -> np.ndarray:
        return np.log(self.upper - x)

    def _own(self, free: np.ndarray) -> np.ndarray:
        return self.upper - np.exp(free)

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """Elements fall where their free coordinates rise."""
        return -super().jacobian(free)


class Between(_Bounded):
    """Elements between two ends: free coordinates are logits."""

    kind, ends = kernels.LOGIT, (True, True)

    def _free(self, x: np.ndarray) -> np.ndarray:
        return np.log(x - self.lower) - np.log(self.upper - x)

    def _own(self, free: np.ndarray) -> np.ndarray:
        return self.lower + (self.upper - self.lower) * expit(free)

    def _log_slopes(self, free: np.ndarray) -> np.ndarray:
        away = np.abs(free)
        return np.log(self.upper - self.lower) - away - 2.0 * np.log1p(np.exp(-away))


class Circle(Transform):
    """Angles: free coordinates are angles that may go round any number of times."""

    kind = kernels.CIRCLE

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """Angles come back to the circle."""
        return super().from_own(wrapped(own, self.lower, self.upper))


class OpenedCircle(Between):
    """Angles between two ends opposite to a direction each, as logits: each angle has one free coordinate.

    For integrals over free coordinates, which must not count an angle more than once.
    """

    def __init__(self, node: Stochastic, first: int, centre: np.ndarray):
        super().__init__(node, first)
        self.centre = np.broadcast_to(centre, node.state_shape).ravel()

    def _free(self, x: np.ndarray) -> np.ndarray:
        return super()._free(from_direction(x, self.centre))

    def _own(self, free: np.ndarray) -> np.ndarray:
        return self.centre + super()._own(free)

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """Angles come back to the circle."""
        return super().from_own(wrapped(own, self.lower, self.upper))

    def _inside(self, x: np.ndarray) -> np.ndarray:
        return (self.lower <= x) & (x <= self.upper)


class Simplex(Transform):
    """Weights: free coordinates are log ratios to the last (Aitchison 1986)."""

    kind, ends, alone = kernels.SIMPLEX, (True, True), False
    log_kept = True

    def places(self) -> list[tuple[int, ...]]:
        """All weights but the last."""
        *plates, k = self.node.state_shape
        return list(np.ndindex(*plates, k - 1))

    def to_free(self, values: np.ndarray) -> np.ndarray:
        """Log ratios."""
        logs = self.kept(values)
        with np.errstate(invalid="ignore"):
            return np.reshape(logs[..., :-1] - logs[..., -1:], (*_batch(values, self.node), -1))

    def to_kept(self, free: np.ndarray) -> np.ndarray:
        """Logarithms of the weights."""
        ratios = np.pad(self._by_plate(free), [(0, 0)] * (free.ndim - 1 + len(self.node.state_shape) - 1) + [(0, 1)])
        return ratios - logsumexp(ratios, axis=-1, keepdims=True)

    def _by_plate(self, flat: np.ndarray) -> np.ndarray:
        *plates, k = self.node.state_shape
        return np.reshape(flat, (*flat.shape[:-1], *plates, k - 1))

    def kept(self, values: np.ndarray) -> np.ndarray:
        """Logarithms."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values)

    def values(self, kept: np.ndarray) -> np.ndarray:
        """Weights."""
        return np.exp(kept)

    def own(self, values: np.ndarray) -> np.ndarray:
        """All weights but the last."""
        return np.reshape(values[..., :-1], (*_batch(values, self.node), -1))

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """The last weight is what is missing to one."""
        x = self._by_plate(own)
        return np.concatenate([x, 1.0 - x.sum(-1, keepdims=True)], axis=-1)

    def log_jacobian(self, free: np.ndarray) -> np.ndarray:
        """The product of all weights."""
        kept = self.to_kept(free)
        return np.sum(np.reshape(kept, (*_batch(kept, self.node), -1)), axis=-1)

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """A block for each simplex."""
        *plates, k = self.node.state_shape
        weights = np.exp(self.to_kept(free))[..., :-1].reshape(int(np.prod(plates, dtype=int)), k - 1)
        return _blocks([np.diag(w) - np.outer(w, w) for w in weights])

    def inside(self, kept: np.ndarray) -> np.ndarray:
        """No weight is zero."""
        return np.all(np.isfinite(np.reshape(kept, (*_batch(kept, self.node), -1))), axis=-1)


class PositiveDefinite(Transform):
    """Symmetric positive definite matrices: free coordinates are the rows of the lower Cholesky factor.

    Its diagonal stands as logarithms (Pinheiro and Bates 1996).
    """

    kind, ends, alone = kernels.POSITIVE_DEFINITE, (True, False), False

    @property
    def _triangle(self) -> tuple[np.ndarray, np.ndarray]:
        return np.tril_indices(self.node.state_shape[-1])

    def places(self) -> list[tuple[int, ...]]:
        """The lower triangle, row by row."""
        rows, columns = self._triangle
        plates = list(np.ndindex(*self.node.state_shape[:-2]))
        return [(*p, int(i), int(j)) for p in plates for i, j in zip(rows, columns, strict=True)]

    @property
    def bounded(self) -> list[bool]:
        """The diagonal."""
        return [place[-1] == place[-2] for place in self.places()]

    def to_free(self, values: np.ndarray) -> np.ndarray:
        """Rows of the factor."""
        factor = np.linalg.cholesky(values)
        diagonal = np.arange(values.shape[-1])
        factor[..., diagonal, diagonal] = np.log(factor[..., diagonal, diagonal])
        return self.own(factor)

    def _factor(self, free: np.ndarray) -> np.ndarray:
        rows, columns = self._triangle
        factor = np.zeros((*free.shape[:-1], *self.node.state_shape))
        factor[..., rows, columns] = np.reshape(free, (*factor.shape[:-2], -1))
        diagonal = np.arange(factor.shape[-1])
        factor[..., diagonal, diagonal] = np.exp(factor[..., diagonal, diagonal])
        return factor

    def to_kept(self, free: np.ndarray) -> np.ndarray:
        """The matrix."""
        factor = self._factor(free)
        return factor @ np.swapaxes(factor, -1, -2)

    def own(self, values: np.ndarray) -> np.ndarray:
        """The lower triangle."""
        rows, columns = self._triangle
        return np.reshape(values[..., rows, columns], (*_batch(values, self.node), -1))

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """The upper triangle mirrors the lower one."""
        rows, columns = self._triangle
        found = np.zeros((*own.shape[:-1], *self.node.state_shape))
        found[..., rows, columns] = found[..., columns, rows] = np.reshape(own, (*found.shape[:-2], -1))
        return found

    def log_jacobian(self, free: np.ndarray) -> np.ndarray:
        """Of k rows: 2**k prod L_ii**(k + 1 - i), i = 0 .. k - 1."""
        k = self.node.state_shape[-1]
        logs = free[..., self.bounded]
        powers = np.tile(k + 1.0 - np.arange(k), logs.shape[-1] // k)
        return logs @ powers + logs.shape[-1] * np.log(2.0)

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """A block for each matrix: d(L L') = dL L' + L dL'."""
        k = self.node.state_shape[-1]
        rows, columns = self._triangle
        blocks = []
        for factor in self._factor(free).reshape(-1, k, k):
            moves = np.zeros((len(rows), k, k))
            moves[np.arange(len(rows)), rows, columns] = np.where(rows == columns, factor[rows, columns], 1.0)
            changes = moves @ factor.T
            changes = changes + np.swapaxes(changes, 1, 2)
            blocks.append(changes[:, rows, columns].T)
        return _blocks(blocks)

    def inside(self, kept: np.ndarray) -> np.ndarray:
        """All eigenvalues are positive."""
        finite = np.isfinite(kept).all(axis=(-1, -2))
        lowest = np.linalg.eigvalsh(np.where(finite[..., None, None], kept, 0.0))[..., 0]
        return np.all(np.reshape(lowest > 0.0, (*_batch(kept, self.node), -1)), axis=-1)


class Correlation(Transform):
    """Correlation matrices: free coordinates are inverse hyperbolic tangents of the partial correlations of a C-vine.

    Those of i and j < i given 0 .. j - 1, row by row (Lewandowski, Kurowicka and Joe 2009).
    """

    kind, ends, alone = kernels.CORRELATION, (True, True), False

    @property
    def _k(self) -> int:
        return self.node.state_shape[-1]

    @property
    def _below(self) -> tuple[np.ndarray, np.ndarray]:
        return np.tril_indices(self._k, -1)

    def places(self) -> list[tuple[int, ...]]:
        """What is below the diagonal, row by row."""
        rows, columns = self._below
        plates = list(np.ndindex(*self.node.state_shape[:-2]))
        return [(*p, int(i), int(j)) for p in plates for i, j in zip(rows, columns, strict=True)]

    def to_free(self, values: np.ndarray) -> np.ndarray:
        """Row i of the factor, entry j: the partial correlation times the length of the rest of the row from j on."""
        factor = np.linalg.cholesky(values)
        after = np.cumsum(factor[..., ::-1] ** 2, axis=-1)[..., ::-1]
        after = np.concatenate([after[..., 1:], np.zeros_like(after[..., :1])], axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.own(np.arcsinh(factor / np.sqrt(after)))

    def _by_plate(self, flat: np.ndarray) -> np.ndarray:
        shape = (*flat.shape[:-1], *self.node.state_shape[:-2], len(self._below[0]))
        return np.reshape(flat, shape)

    def to_kept(self, free: np.ndarray) -> np.ndarray:
        """The matrix."""
        y = self._by_plate(free)
        return from_partial(np.tanh(y), np.exp(_log_sech(y)), self._k)

    def own(self, values: np.ndarray) -> np.ndarray:
        """What is below the diagonal."""
        rows, columns = self._below
        return np.reshape(values[..., rows, columns], (*_batch(values, self.node), -1))

    def from_own(self, own: np.ndarray) -> np.ndarray:
        """Ones on the diagonal, and mirrored above it."""
        rows, columns = self._below
        found = np.zeros((*own.shape[:-1], *self.node.state_shape))
        found[..., rows, columns] = found[..., columns, rows] = self._by_plate(own)
        diagonal = np.arange(self._k)
        found[..., diagonal, diagonal] = 1.0
        return found

    def log_jacobian(self, free: np.ndarray) -> np.ndarray:
        """The product of sech(y_ij)**(k - j): see `_correlation_from_free` in the kernels."""
        logs = self._by_plate(_log_sech(free)) * (self._k - self._below[1])
        return np.sum(np.reshape(logs, free.shape), axis=-1)

    def jacobian(self, free: np.ndarray) -> np.ndarray:
        """A block for each matrix: d(L L') = dL L' + L dL', where a coordinate moves its own row from its place on."""
        k, (rows, columns) = self._k, self._below
        blocks = []
        for y in free.reshape(-1, len(rows)) if len(rows) else ():
            partial = np.tanh(y)
            factor = factor_from_partial(partial, np.exp(_log_sech(y)), k)
            moves = np.zeros((len(rows), k, k))
            for n, (i, j) in enumerate(zip(rows, columns, strict=True)):
                moves[n, i, j + 1 :] = -partial[n] * factor[i, j + 1 :]
                moves[n, i, j] = np.exp(2.0 * _log_sech(y[n])) * np.sqrt(1.0 - np.sum(factor[i, :j] ** 2))
            changes = moves @ factor.T
            changes = changes + np.swapaxes(changes, 1, 2)
            blocks.append(changes[:, rows, columns].T)
        return _blocks(blocks)

    def inside(self, kept: np.ndarray) -> np.ndarray:
        """All eigenvalues are positive."""
        finite = np.isfinite(kept).all(axis=(-1, -2))
        lowest = np.linalg.eigvalsh(np.where(finite[..., None, None], kept, 0.0))[..., 0]
        return np.all(np.reshape(lowest > 0.0, (*_batch(kept, self.node), -1)), axis=-1)


def _log_sech(y: np.ndarray) -> np.ndarray:
    """Log of 1 / cosh(y), the root of 1 - tanh(y)**2, also where that rounds to zero."""
    return np.log(2.0) - np.abs(y) - np.log1p(np.exp(-2.0 * np.abs(y)))


def _batch(values: np.ndarray, node: Stochastic) -> tuple[int, ...]:
    """Leading axes: points."""
    return values.shape[: values.ndim - len(node.state_shape)]


def _blocks(parts: Sequence[np.ndarray]) -> np.ndarray:
    """A block-diagonal matrix."""
    sizes = [len(p) for p in parts]
    found, at = np.zeros((sum(sizes), sum(sizes))), 0
    for part, n in zip(parts, sizes, strict=True):
        found[at : at + n, at : at + n] = part
        at += n
    return found


TRANSFORMS: dict[int, type[Transform]] = {
    t.kind: t for t in (Transform, Above, Below, Between, Circle, Simplex, PositiveDefinite, Correlation)
}

__all__ = ["TRANSFORMS", "OpenedCircle", "Transform"]
