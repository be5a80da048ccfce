"""Whether components that priors tell apart change places in the draws all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcmix.report.labels.components import Components
from mcmix.report.labels.methods import METHODS

NOTICEABLE = 0.05  # share of draws below which nothing is said
LOOKED_AT = 5000  # draws, evenly thinned


@dataclass(frozen=True)
class Trade:
    """Two components of different classes, and the share of draws in which one stood in the other's place."""

    first: int
    second: int
    share: float

    def __str__(self) -> str:
        return f"components {self.first} and {self.second} traded places in {self.share:.0%} of draws"


def trades(c: Components, classes: Sequence[Sequence[int]]) -> list[Trade]:
    """Pairs of components of different classes that traded places in a noticeable share of draws.

    Components of all draws are matched as if all were alike. A draw counts where both hold units, as far as labels were
    kept: what is said of empty components means nothing.
    """
    if c.labels is None and not c.tables:
        return []
    seen = _thinned(replace(c, classes=[list(range(c.n_components))]))
    order = METHODS["pra" if seen.labels is None else "ecr-iterative-1"](seen).order
    rows, counts = np.unique(order, axis=0, return_counts=True)
    usual = rows[counts.argmax()]
    held = _held(seen)
    moved, both = np.zeros((c.n_components,) * 2), held.T @ held
    for j, k in enumerate(usual):  # the component that usually has name j is k
        np.add.at(moved[k], order[:, j], held[:, k] * np.take_along_axis(held, order[:, j : j + 1], axis=1)[:, 0])
    share = np.maximum(moved, moved.T) / np.maximum(both, 1.0)
    number = {k: i for i, members in enumerate(classes) for k in members}
    apart = [(a, b) for a in range(c.n_components) for b in range(a + 1, c.n_components)]
    found = [Trade(a, b, float(share[a, b])) for a, b in apart if number.get(a, -1 - a) != number.get(b, -1 - b)]
    return sorted((t for t in found if t.share >= NOTICEABLE), key=lambda t: -t.share)


def _held(c: Components) -> np.ndarray:
    """Whether each component holds units, shape (draws, K)."""
    if c.labels is None:
        return np.ones((c.n_draws, c.n_components))
    return np.array([np.bincount(row, minlength=c.n_components) > 0 for row in c.labels], dtype=float)


def _thinned(c: Components) -> Components:
    kept = np.unique(np.linspace(0, c.n_draws - 1, min(c.n_draws, LOOKED_AT)).round().astype(int))
    return replace(
        c,
        tables={name: x[kept] for name, x in c.tables.items()},
        labels=None if c.labels is None else np.ascontiguousarray(c.labels[kept]),
        log_density=None if c.log_density is None else c.log_density[kept],
        probabilities=None,
    )


__all__ = ["Trade", "trades"]
