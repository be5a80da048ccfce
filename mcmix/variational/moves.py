"""Moves between optima: components are emptied, merged and split, and what comes of it is kept if the bound is higher.

What a pass adds up is additive over units, so that a move is arithmetic on its counts and sums; a few updates from
there tell whether it leads higher. The bound that decides is that of the model, so nothing has to be known of how good
a guess a move is (Ueda, Nakano, Ghahramani and Hinton 2000, "SMEM algorithm for mixture models", Neural Computation
12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import combinations, islice

import numpy as np

from mcmix.kernels import streams
from mcmix.steps.k_means import k_means, nearest
from mcmix.structure.component_tables import component_tables
from mcmix.structure.contributions import Structure
from mcmix.variational.ascent import tried
from mcmix.variational.engine import Engine
from mcmix.variational.passes import LabelPass
from mcmix.variational.starts import LONG, columns_of

UPDATES = 10  # in which a move must have led higher
MERGED, EMPTIED, SPLIT = 3, 2, 3  # candidates of each kind, the likeliest first; one less where passes are long
ACCEPTED = 5  # moves per component in one call
EMPTY = 0.5  # units below which a component counts as empty
FEWEST = 4  # units that are split
LOOKED_AT = 2000  # units of a component that say where it is split

Rearrange = Callable[[], None]


class Moves:
    """The moves of an engine with one start.

    Parameters
    ----------
    engine : Engine
    structure : Structure
        Whose component tables say which components may take each other's place.
    """

    def __init__(self, engine: Engine, structure: Structure):
        self.engine = engine
        self.passes = [_Components(engine, p, structure, number) for number, p in enumerate(engine.passes)]
        self.passes = [c for c in self.passes if any(len(members) > 1 for members in c.classes)]
        self.left = ACCEPTED * max([c.p.label.n_labels for c in self.passes], default=0)

    def improve(self, bound: float, gain: float, merges_alone: bool = False) -> float | None:
        """Go to where a move leads that raises the bound by more than `gain`; None where none does.

        Afterwards the factors stand where they stood, or at the end of the accepted move.
        """
        if self.left < 1:
            return None
        rng = np.random.default_rng(streams.of_cuts())
        state, before = self.engine.state(), [c.sums() for c in self.passes]
        for components in self.passes:
            for rearrange in components.candidates(rng, merges_alone):
                found = self._end_of(rearrange, bound, gain)
                if found is not None:
                    self.left -= 1
                    return found
                self.engine.put(state)
                for c, sums in zip(self.passes, before, strict=True):
                    c.put(sums)
        return None

    def _end_of(self, rearrange: Rearrange, bound: float, gain: float) -> float | None:
        """The bound after some updates from a move, as soon as it is higher; None once that is out of reach."""
        rearrange()
        self.engine.update()  # twice: factors that depend on each other see each other once
        last = -np.inf
        for left in range(UPDATES, 0, -1):
            self.engine.update()
            now = tried(self.engine)
            if now > bound + gain:
                return now
            # Gains that do not grow reach no further than this.
            if not np.isfinite(now) or (np.isfinite(last) and now + (left - 1) * (now - last) < bound):
                return None
            last = now
        return None


class _Components:
    """The components of one label vector, as a pass sees them."""

    def __init__(self, engine: Engine, p: LabelPass, structure: Structure, number: int):
        block = structure.block_of(p.label.node)
        assert block is not None
        tables = component_tables(block, structure)
        self.p, self.classes = p, [] if tables.shared_with else tables.classes
        self._where = engine, structure, number

    def sums(self) -> list[np.ndarray]:
        """A copy of what the last pass added up."""
        return [x.copy() for x in self.p.collected]

    def put(self, sums: list[np.ndarray]) -> None:
        """Take sums as :meth:`sums` gave them."""
        for own, x in zip(self.p.collected, sums, strict=True):
            own[:] = x

    def candidates(self, rng: np.random.Generator, merges_alone: bool) -> Iterator[Rearrange]:
        """Moves from the present factors, the likeliest of each kind first."""
        shares = self.p.shares(self.p.every)
        n, overlap = self.p.counts.copy(), shares.T @ shares
        used = [[k for k in members if n[k] > EMPTY] for members in self.classes]
        pairs, fewer = _pairs(used, overlap), int(shares.size > LONG)
        for into, gone in pairs[: MERGED - fewer]:
            yield partial(self._merge, into, gone)
        if merges_alone:
            return
        doubt = 1.0 - np.diagonal(overlap) / np.maximum(n, EMPTY)  # of what a component's units leave to others
        some = [k for members in used if len(members) > 1 for k in members]
        for k in sorted(some, key=lambda k: -doubt[k])[: EMPTIED - fewer]:
            yield partial(self._empty, k)
        labels = (shares if self.p.every == 1 else self.p.shares()).argmax(1)
        yield from islice(self._splits(labels, used, pairs[:1], rng), SPLIT - fewer)

    def _splits(
        self, labels: np.ndarray, used: list[list[int]], pairs: list[tuple[int, int]], rng: np.random.Generator
    ) -> Iterator[Rearrange]:
        """Into a component that is empty, or in whose place the likeliest pair is merged."""
        x = self.columns
        if x is None:
            return
        cuts = [(*_cut(x, np.flatnonzero(labels == k), rng), k, members) for members in used for k in members]
        for share, centres, k, members in sorted(cuts, key=lambda cut: -cut[0]):
            if share == 0.0:
                return
            units = np.flatnonzero(labels == k)
            second = units[nearest(x[units], centres) == 1]
            whole = next(c for c in self.classes if k in c)
            empty = [j for j in whole if j not in members]
            if empty:
                yield partial(self._split, labels, k, empty[0], second)
            elif pairs and k not in pairs[0] and pairs[0][0] in members:
                yield partial(self._exchange, labels, k, pairs[0], second)

    @cached_property
    def columns(self) -> np.ndarray | None:
        """Numbers that depend on the labels, a row per unit."""
        return columns_of(*self._where)

    def _merge(self, into: int, gone: int) -> None:
        for x in self.p.collected:
            x[into] += x[gone]
            x[gone] = 0.0

    def _empty(self, k: int) -> None:
        for x in self.p.collected:
            x[k] = 0.0

    def _split(self, labels: np.ndarray, k: int, empty: int, second: np.ndarray) -> None:
        """What is now known of a component is replaced by what its own units say, in two parts."""
        soft, cut = self.sums(), labels.copy()
        cut[second] = empty
        self.p.collect(cut)
        both = [k, empty]
        times = soft[0][k] / max(self.p.counts[both].sum(), 1.0)  # as many units as it had
        for own, x in zip(self.p.collected, soft, strict=True):
            parts = times * own[both]
            own[:] = x
            own[both] = parts

    def _exchange(self, labels: np.ndarray, k: int, pair: tuple[int, int], second: np.ndarray) -> None:
        self._merge(*pair)
        self._split(labels, k, pair[1], second)


def _pairs(used: list[list[int]], overlap: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of components, those that share their units the most first; the larger of each pair first."""
    length = np.sqrt(np.diagonal(overlap))
    pairs = [pair for members in used for pair in combinations(members, 2)]
    pairs.sort(key=lambda pair: -overlap[pair] / (length[pair[0]] * length[pair[1]]))
    return [(i, j) if length[i] >= length[j] else (j, i) for i, j in pairs]


def _cut(x: np.ndarray, units: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """How far apart two parts of a component's units are, as a share of their variance, and their centres."""
    some = x[units if len(units) <= LOOKED_AT else np.sort(rng.choice(units, LOOKED_AT, replace=False))]
    if len(some) < FEWEST:
        return 0.0, some
    centres = k_means(some, 2, rng)
    second, along = nearest(some, centres) == 1, some @ (centres[1] - centres[0])
    if second.all() or not second.any():
        return 0.0, centres
    gap, share = along[second].mean() - along[~second].mean(), second.mean()
    return float(share * (1.0 - share) * gap**2 / along.var()), centres


__all__ = ["Moves"]
