"""Distributions of single numbers, read off grids over blocks of them."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from mcmix.testing.blocks import masks_of
from mcmix.testing.exact import Block, Joint
from mcmix.testing.grid import Grid

COUNTS = 1e-12  # combinations that are less probable have no part in the distributions of parameters

Piece = tuple[np.ndarray, np.ndarray, np.ndarray]  # values, widths, probabilities of the points of one grid


class Marginal:
    """The distribution of one number, as a mixture of uniform distributions around the points of grids.

    Parameters
    ----------
    centres, widths, masses : ndarray, shape (points,)
        Each point's value, how far it changes from point to point, and its probability.
    """

    def __init__(self, centres: np.ndarray, widths: np.ndarray, masses: np.ndarray):
        some = masses > 1e-16 * masses.max()
        centres, masses = centres[some], masses[some] / masses[some].sum()
        widths = np.maximum(widths[some], 1e-12 * np.abs(centres) + 1e-300)
        self.mean = float(masses @ centres)
        self.sd = float(np.sqrt(masses @ (centres - self.mean) ** 2))
        self.knots = _knots(centres, widths, masses)
        parts = np.array_split(self.knots, max(1, len(self.knots) * len(masses) // 1_000_000))
        below = [np.clip((part[:, None] - centres) / widths + 0.5, 0.0, 1.0) @ masses for part in parts]
        self.shares = np.clip(np.concatenate(below), 0.0, 1.0)

    def cdf(self, values: np.ndarray) -> np.ndarray:
        """Probability of lying below."""
        return np.interp(values, self.knots, self.shares, left=0.0, right=1.0)

    def quantiles(self, shares: np.ndarray) -> np.ndarray:
        """Values below which these shares lie."""
        return np.interp(shares, self.shares, self.knots)


def _knots(centres: np.ndarray, widths: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Values between which the density is taken as uniform: a five hundredth of the mass each, less in the tails."""
    order = np.argsort(centres)
    reached = np.cumsum(masses[order]) - 0.5 * masses[order]
    tails = np.logspace(-12.0, -3.0, 28)
    wanted = np.concatenate([tails, np.linspace(0.002, 0.998, 499), 1.0 - tails])
    ends = [np.min(centres - 0.5 * widths), np.max(centres + 0.5 * widths)]
    return np.unique(np.concatenate([ends, np.interp(wanted, reached, centres[order])]))


def marginals_of(joint: Joint, grids: list[tuple[Block, Grid]], probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """The distribution of each number, mixed over the combinations."""
    masks = masks_of(joint.view)
    pieces: dict[tuple[str, tuple[int, ...]], list[Piece]] = {}
    for block, grid in grids:
        mass = _mass(joint, block, grid, probabilities)
        values = joint.view.values(joint.moved(block, grid.points))
        for node, value in values.items():
            for place in np.argwhere((masks[node][0] & np.uint64(block.mask)) != 0):
                at = tuple(place.tolist())
                column = value[(slice(None), *at)]
                pieces.setdefault((node.name, at), []).append((column, _widths(column, grid), mass))
    found = {n.name: _as_they_are(v) for n, v in joint.view.values(joint.typical).items()}
    for (name, at), parts in pieces.items():
        found[name][at] = Marginal(*(np.concatenate(p) for p in zip(*parts, strict=True)))
    return found


def _as_they_are(values: np.ndarray) -> np.ndarray:
    """Distributions of numbers that cannot be others: the one weight of one component, ones on a diagonal."""
    found = np.empty(np.shape(values), dtype=object)
    for place in np.ndindex(found.shape):
        found[place] = Marginal(np.array([values[place]], dtype=float), np.zeros(1), np.ones(1))
    return found


def _mass(joint: Joint, block: Block, grid: Grid, probabilities: np.ndarray) -> np.ndarray:
    """Probability of each point of a block's grid."""
    rows = block.rows[probabilities[block.rows] > COUNTS]
    total = np.zeros(len(grid.log_weights))
    for some in np.array_split(rows, max(1, len(rows) * len(total) // 1_000_000)):
        logs = joint.logs(block, some, grid.points) + grid.log_weights
        total += probabilities[some] @ np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    return total


def _widths(values: np.ndarray, grid: Grid) -> np.ndarray:
    """How far a value changes within each point's cell."""
    slopes = np.gradient(values.reshape(grid.shape))
    listed = slopes if len(grid.shape) > 1 else [slopes]
    return np.asarray(np.sum(np.abs(listed), axis=0)).ravel()


__all__ = ["Marginal", "marginals_of"]
