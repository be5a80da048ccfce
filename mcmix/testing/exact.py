"""The joint density of a small model at all values of its discrete unknowns, integrated over the continuous ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.steps.targets import is_discrete
from mcmix.structure.expression import Expression
from mcmix.structure.recording import record
from mcmix.structure.walks import ordered
from mcmix.testing.blocks import MOST_BITS, components, coordinates_of, masks_of, touched
from mcmix.testing.grid import Grid, region
from mcmix.testing.many_points import evaluate_many
from mcmix.testing.unknowns import combinations_of, support_of, typical

MOST_TOGETHER = 3  # coordinates that are integrated over at once
MOST_WORK = 3e9  # numbers computed at the finest grid
CHUNK = 4_000_000  # numbers held at once


@dataclass(frozen=True, eq=False)
class Block:
    """Coordinates that are integrated over together, for some combinations of the discrete unknowns."""

    mask: int
    coordinates: list[int]
    rows: np.ndarray


class Joint:
    """A model's joint density as a function of its discrete unknowns and of free coordinates.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    supports : dict of Stochastic to ndarray
        The values that each entry of a discrete unknown may take.
    combinations : dict of Stochastic to ndarray, shape (combinations, *shape)
    view : Unconstrained
        Of the continuous unknowns.
    """

    def __init__(self, model: Model):
        self.recording = record(model)
        unknowns = list(self.recording.leaves)
        discrete = [n for n in unknowns if is_discrete(n)]
        self.supports = {n: support_of(n) for n in discrete}
        self.combinations = combinations_of(self.supports)
        continuous = [n for n in unknowns if n not in discrete]
        self.view = Unconstrained(continuous, {n: 0.0 for n in continuous if n.is_circular})
        if self.view.size > MOST_BITS:
            raise ModelError(f"expected at most {MOST_BITS} continuous numbers, got {self.view.size}: make it smaller")
        self.elements = [f.elements for f in self.recording.factors]
        self.typical, self.spread = typical(model, self.view)
        self._numbers = sum(p.size for p in {p for x in self.elements for p in ordered(x)})
        self._masks = self._all_masks()

    @property
    def count(self) -> int:
        """Combinations of the discrete unknowns."""
        return next((len(c) for c in self.combinations.values()), 1)

    # ---------------------------------------------------------------- what belongs together

    def _all_masks(self) -> list[np.ndarray]:
        """Per factor, for each combination and element, the coordinates it depends on."""
        masks, free = masks_of(self.view), self.typical[None]
        parts = []
        for rows in self._chunks(np.arange(self.count), 1):
            leaves, known = self._leaves(rows, free), dict[Expression, np.ndarray]()
            found = []
            for x in self.elements:
                evaluate_many(x, leaves, known)
                mask = touched(x, masks, known)
                found.append(np.broadcast_to(mask, (len(rows), *x.shape)).reshape(len(rows), -1))
            parts.append(found)
        return [np.concatenate(p) for p in zip(*parts, strict=True)]

    def blocks(self) -> list[Block]:
        """Every block, with the combinations in which these coordinates belong together.

        Raises
        ------
        ModelError
            If more than MOST_TOGETHER do.
        """
        together = np.concatenate(self._masks, axis=1)
        distinct, which = np.unique(np.sort(together, axis=1), axis=0, return_inverse=True)
        self._refuse_untouched(np.bitwise_or.reduce(together, axis=1))
        rows_of: dict[int, list[np.ndarray]] = {}
        for i, masks in enumerate(distinct):
            for mask in components(masks):
                rows_of.setdefault(mask, []).append(np.flatnonzero(np.ravel(which) == i))
        found = [Block(b, coordinates_of(b), np.sort(np.concatenate(rows))) for b, rows in rows_of.items()]
        for block in found:
            if len(block.coordinates) > MOST_TOGETHER:
                names = ", ".join(self.view.names[i] for i in block.coordinates)
                raise ModelError(
                    f"expected at most {MOST_TOGETHER} continuous numbers that belong together once labels are given, "
                    f"got {len(block.coordinates)} ({names}); fix some of them, or take fewer components or dimensions"
                )
        return found

    def _refuse_untouched(self, touched_by_row: np.ndarray) -> None:
        """A number that no factor depends on has no distribution."""
        for i, name in enumerate(self.view.names):
            if not ((touched_by_row >> np.uint64(i)) & np.uint64(1)).all():
                raise ModelError(f"{name}: no density depends on it, and its prior is improper; give it a proper one")

    # ---------------------------------------------------------------- how much

    def constants(self) -> np.ndarray:
        """Per combination, what depends on no continuous unknown, shape (combinations,)."""
        found = [self._selected(rows, self.typical[None], 0)[:, 0] for rows in self._chunks(np.arange(self.count), 1)]
        return np.concatenate(found) + float(self.view.log_jacobian(self.typical))

    def logs(self, block: Block, rows: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Log density of a block's coordinates at points (points, axes), for some combinations: (rows, points)."""
        out = np.empty((len(rows), len(points)))
        steps = max(1, CHUNK // max(self._numbers, 1))
        for start in range(0, len(points), steps):
            free = self.moved(block, points[start : start + steps])
            jacobian = self.view.log_jacobian(free) - self.view.log_jacobian(self.typical)
            for some in self._chunks(np.arange(len(rows)), len(free)):
                logs = self._selected(rows[some], free, block.mask) + jacobian
                out[some, start : start + steps] = np.where(np.isnan(logs), -np.inf, logs)
        return out

    def moved(self, block: Block, points: np.ndarray) -> np.ndarray:
        """Free coordinates with those of a block at given points and the others where they usually are."""
        free = np.tile(self.typical, (len(points), 1))
        free[:, block.coordinates] = points
        return free

    def region(self, block: Block) -> Grid:
        """Where a block's density is."""
        names = ", ".join(self.view.names[i] for i in block.coordinates)
        at = block.coordinates
        return region(lambda p: self.logs(block, block.rows, p), self.typical[at], self.spread[at], names)

    def affordable(self, block: Block, grid: Grid) -> None:
        """Refuse what would take minutes."""
        work = float(len(block.rows)) * grid.per_axis ** len(block.coordinates) * self._numbers
        if work > MOST_WORK:
            raise ModelError(
                f"expected a model whose integrals take at most {MOST_WORK:.0e} numbers, got {work:.0e} "
                f"({len(block.rows)} combinations of discrete unknowns, {grid.per_axis} points along each of "
                f"{len(block.coordinates)} axes); take fewer rows or components, or less data that pin them down"
            )

    def _selected(self, rows: np.ndarray, free: np.ndarray, mask: int) -> np.ndarray:
        """Sum of the elements that depend on any of these coordinates (0: on none), shape (rows, points)."""
        leaves, known = self._leaves(rows, free), dict[Expression, np.ndarray]()
        total = np.zeros((len(rows), len(free)))
        for x, masks in zip(self.elements, self._masks, strict=True):
            own = masks[rows]
            chosen = (own & np.uint64(mask)) != 0 if mask else own == 0
            if not chosen.any():
                continue
            values = evaluate_many(x, leaves, known)
            wide = np.broadcast_to(values, (len(rows) * len(free), *x.shape)).reshape(len(rows), len(free), -1)
            total += np.where(chosen[:, None, :], wide, 0.0).sum(-1)
        return total

    def _leaves(self, rows: np.ndarray, free: np.ndarray) -> dict[Any, np.ndarray]:
        """Every combination with every point, combinations slowest."""
        kept = {n: np.tile(v, (len(rows), *[1] * (v.ndim - 1))) for n, v in self.view.kept(free).items()}
        return kept | {n: np.repeat(c[rows], len(free), axis=0) for n, c in self.combinations.items()}

    def _chunks(self, rows: np.ndarray, points: int) -> Iterator[np.ndarray]:
        """Rows a few at a time."""
        each = max(1, CHUNK // max(self._numbers * points, 1))
        return (rows[i : i + each] for i in range(0, len(rows), each))


__all__ = ["Block", "Joint"]
