"""Modes of a marginal density: the way up, the normal approximation there, and the search for better ones.

Where labels are summed out, the posterior of a mixture has poor modes in which two components share what is one's and
another one covers what is two's. Moves that take a component away and split another one find the way out of these (Ueda
and others 2000, "SMEM algorithm for mixture models"), and cost little on weighted rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mcmix.kernels.transforms import IDENTITY, LOG, SIMPLEX, UPPER
from mcmix.steps.k_means import k_means, nearest
from mcmix.steps.marginal_density import BoundDensity, MarginalDensity
from mcmix.structure.component_tables import ComponentTables, component_tables

WIDEST = 25.0  # variance of a free coordinate that is taken from curvature
MOST_CLIMBING = 300  # evaluations on the way to a mode
DEAR = 2_000_000  # densities of rows for second derivatives, from which on these are not asked for
MANY = 40  # free coordinates, from which on the search does without second derivatives
EVALUATIONS = 12  # in the place of a Newton step there
FEW = 5  # Newton steps of a try, before it is seen whether it leads anywhere
PROMISING = 30.0  # nats below the best from where a try goes on
TRIES, MOST_TRIES = 2, 10  # for each component: one after another without success, and in all
BETTER = 1e-2  # nats with which a climb ends
GAIN = 0.5  # nats that are a success
SEEDINGS = 20
VECTOR_SEEDINGS, GROUPED = 8, 2000  # of vectors, of which so many are grouped
SWAPPED = 0.4  # of the tries, where it matters which component is which
KEPT = 4  # seedings from which the way is climbed to its end
AGREED = 3  # of these, with which the search ends
EMPTIED = 15.0  # nats below the best from where a component is one that can be done without
LLOYD = 20  # rounds of k-means
NEWTON = 30  # steps at most
SHORTEST = 1e-3  # part of a Newton step
CONVERGED = 1e-7  # nats


@dataclass(frozen=True)
class Basin:
    """A mode, and the normal approximation about it.

    Attributes
    ----------
    mode : ndarray, shape (d,)
        Free coordinates.
    height : float
        Log density there.
    factor : ndarray, shape (d, d)
        Lower Cholesky factor of the inverse observed information.
    flat : int
        Number of directions in which the density does not bend down, so that their width there is made up.
    """

    mode: np.ndarray
    height: float
    factor: np.ndarray
    flat: int = 0


Ask = Callable[[np.ndarray], tuple[float, np.ndarray]]


def climbed(
    ask: Ask, start: np.ndarray, scale: np.ndarray, most: int = MOST_CLIMBING, nats: float = BETTER
) -> tuple[np.ndarray, float]:
    """Where quasi-Newton steps lead to from a point, and the log density there.

    Parameters
    ----------
    ask : callable
        Log density and gradient at free coordinates.
    start, scale : ndarray, shape (d,)
        Free coordinates, and by how much of each the density changes.
    most : int
        Evaluations.
    nats : float
        Gain of a step with which it ends.
    """
    from scipy import optimize  # a tenth of a second to load, and few models come here

    def downhill(steps: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = ask(start + scale * steps)
        fine = np.isfinite(value) and np.isfinite(slope).all()
        return (-value, -slope * scale) if fine else (1e300, np.zeros_like(steps))

    height = ask(start)[0]
    options: Any = {"maxfun": most, "maxiter": most, "maxcor": 20, "ftol": nats / (abs(height) + 1.0), "gtol": 0.0}
    if not np.isfinite(height):
        return start, height
    with np.errstate(all="ignore"):
        answer = optimize.minimize(downhill, np.zeros_like(start), jac=True, method="L-BFGS-B", options=options)
    return start + scale * np.asarray(answer.x), -float(answer.fun)


def risen(ask: Ask, start: np.ndarray, most: int = NEWTON, nats: float = BETTER) -> tuple[np.ndarray, float]:
    """Where Newton steps lead to from a point, and the log density there; also out of saddles.

    Where the density bends upwards, the step goes uphill as far as if it bent down as much (Dauphin and others 2014,
    "Identifying and attacking the saddle point problem", section 4).
    """
    here, height = start, ask(start)[0]
    for _ in range(most):
        if not np.isfinite(height):
            return here, height
        slope = ask(here)[1]
        bend = _bend(ask, here, slope)
        if bend is None:
            return here, height
        scale, axes = bend
        step = axes @ ((axes.T @ slope) / np.maximum(np.abs(scale), 1.0 / WIDEST))
        size, gain = 1.0, -np.inf
        while size > SHORTEST and not (gain := ask(here + size * step)[0] - height) > 0.0:
            size *= 0.35
        if not gain > 0.0:
            return here, height
        here, height = here + size * step, height + gain
        if gain < nats:
            break
    return here, height


def _up(ask: Ask, start: np.ndarray, scale: np.ndarray, most: int = NEWTON) -> tuple[np.ndarray, float]:
    """Where so many Newton steps lead to, or what stands for them where free coordinates are many."""
    few = start.size <= MANY
    return risen(ask, start, most) if few else climbed(ask, start, scale, EVALUATIONS * most)


def _climbed_twice(ask: Ask, start: np.ndarray) -> np.ndarray:
    """Where quasi-Newton steps lead to: near the top, scales are others than where the way began."""
    near = climbed(ask, start, scales(ask, start))[0]
    return climbed(ask, near, scales(ask, near))[0]


def basin_of(bound: BoundDensity, near: np.ndarray) -> Basin | None:
    """The mode next to a point, and the normal approximation there; None where there is no finite curvature."""
    ask: Ask = bound
    mode, height = risen(ask, near, 1 if is_dear(bound) else NEWTON, CONVERGED)
    bend = _bend(ask, mode)
    if bend is None or not np.isfinite(height):
        return None
    # Where the density is flat or bends upwards, a metric needs some width all the same.
    variance = 1.0 / np.maximum(bend[0], 1.0 / WIDEST)
    factor = np.linalg.cholesky((bend[1] * variance) @ bend[1].T)
    return Basin(mode, height, factor, int((bend[0] < 1.0 / WIDEST).sum()))


def sweeps_given_labels(bound: BoundDensity, near: np.ndarray) -> float:
    """Sweeps of updates given labels that an effective draw takes near a mode, by the normal approximation there.

    Such a chain keeps of where it is the largest share of the information that labels would add to that of the data
    (Liu, Wong and Kong 1994, "Covariance structure of the Gibbs sampler", section 3), which is also the rate at which
    EM converges (Dempster, Laird and Rubin 1977, section 3). With r that share, draws have an autocorrelation time of
    (1 + r) / (1 - r) sweeps.

    Parameters
    ----------
    bound : BoundDensity
    near : ndarray, shape (d,)
        Free coordinates from where the mode is climbed to.

    Returns
    -------
    float
        Infinite where the density does not bend down.
    """
    from scipy import linalg  # few models come here

    mode = _climbed_twice(bound, near)
    if mode.size <= MANY:
        mode, _ = risen(bound, mode)
    seen = _bend(bound, mode)
    if not np.isfinite(bound(mode)[0]) or seen is None:
        return np.inf
    complete = _bend(bound.given_sums, mode)
    if complete is None or not (complete[0] > 0.0).all():
        return np.inf
    scale, axes = seen
    root = complete[1] / np.sqrt(complete[0])
    kept = float(linalg.eigvalsh(root.T @ (axes * scale) @ axes.T @ root)[0])
    return (2.0 - kept) / kept if kept > 0.0 else np.inf


def is_dear(bound: BoundDensity) -> bool:
    """Whether second derivatives cost too much to be asked for at every step."""
    free = bound.density.free
    return bound.density.evaluations * (free if free <= MANY else EVALUATIONS) > DEAR


def _bend(ask: Ask, at: np.ndarray, slope: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Eigenvalues and eigenvectors of minus the second derivatives, by differences of gradients.

    From the gradient at the point they are one-sided, good enough for a step and at half the price.
    """
    d, size = at.size, 1e-5
    curvature = np.empty((d, d))
    for i in range(d):
        step = np.zeros(d)
        step[i] = size
        if slope is None:
            curvature[i] = (ask(at - step)[1] - ask(at + step)[1]) / (2 * size)
        else:
            curvature[i] = (slope - ask(at + step)[1]) / size
    if not np.isfinite(curvature).all():
        return None
    scale, axes = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return scale, axes


def scales(ask: Ask, at: np.ndarray) -> np.ndarray:
    """By how much of each free coordinate the density changes, from its second derivatives."""
    found = np.ones_like(at)
    for i in range(at.size):
        step = np.zeros_like(at)
        step[i] = 1e-4
        bend = (ask(at - step)[1][i] - ask(at + step)[1][i]) / 2e-4
        found[i] = 1.0 / np.sqrt(bend) if np.isfinite(bend) and bend > 1.0 / WIDEST else np.sqrt(WIDEST)
    return found


def searched(bound: BoundDensity, parts: Components | None, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The best mode that seedings and moves of components lead to, from a point or from the weighted rows.

    Parameters
    ----------
    bound : BoundDensity
    parts : Components or None
        Where components are; without, there is only the way up.
    start : ndarray, shape (d,)
    rng : numpy.random.Generator
    """
    if parts is None or is_dear(bound):
        return _climbed_twice(bound, start)
    seeded = _seeded(bound, parts.alike(start), rng)
    scale = scales(bound, start) if start.size > MANY else np.ones_like(start)
    found = sorted((_up(bound, s, scale, FEW) for s in [start, *seeded]), key=lambda one: -one[1])
    ends = [_up(bound, one, scale) for one, _ in found[:KEPT]]
    best, height = max(ends, key=lambda one: one[1])
    if sum(end > height - GAIN for _, end in ends) >= AGREED and not parts.named:
        return best
    failed = 0
    for _ in range(MOST_TRIES * parts.n_components):
        tried, reached = _up(bound, parts.changed(best, rng), scale, FEW)
        if reached > height - PROMISING:
            tried, reached = _up(bound, tried, scale)
        failed += 1
        if reached > height + GAIN:
            best, height, failed = tried, reached, 0
        if failed == TRIES * parts.n_components:
            break
    return best


def emptied(bound: BoundDensity, parts: Components, found: Basin) -> list[tuple[int, np.ndarray]]:
    """Which component can be done without, and the point where the others are then best; none, or the best one.

    The posterior of a mixture that has a component more than data ask for is spread over places where one has hardly
    any units, and its parameters are anywhere. No way up leads there.
    """
    if len(parts.simplexes) != 1 or is_dear(bound):
        return []
    best: list[tuple[int, np.ndarray]] = []
    height = found.height - EMPTIED
    for k, place in enumerate(parts.simplexes[0]):
        held = [place, *(p[k] for p in [*parts.lines, *parts.bounded])]
        moved = np.setdiff1d(np.arange(found.mode.size), held)
        start = found.mode.copy()
        start[place] = np.logaddexp.reduce(np.append(start[parts.simplexes[0]], 0.0)) - np.log(bound.density.units)

        def ask(at: np.ndarray, point: np.ndarray = start, moved: np.ndarray = moved) -> tuple[float, np.ndarray]:
            whole = point.copy()
            whole[moved] = at
            value, slope = bound(whole)
            return value, slope[moved]

        others, reached = _up(ask, start[moved], np.sqrt(np.diagonal(found.factor @ found.factor.T))[moved])
        if reached > height:
            height, best = reached, [(k, start)]
            start[moved] = others
    return best


def _seeded(bound: BoundDensity, start: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Points where parameters fit groups of weighted rows, which k-means made from seedings of its own."""
    data, n_labels = bound.density.fewer, bound.density.block.label.n_labels
    vectors = bound.density.vectors
    if vectors is not None:
        some = vectors[np.linspace(0, len(vectors) - 1, min(len(vectors), GROUPED)).astype(int)]
        for _ in range(VECTOR_SEEDINGS):
            bound.counted_vectors(some, grouped_vectors(some, n_labels, rng))
            fitted = _climbed_twice(bound.given_sums, start)
            if np.isfinite(bound.given_sums(fitted)[0]):
                yield fitted
        return
    if data is None or bound.density.scores[data]:
        return
    for _ in range(SEEDINGS):
        bound.counted(grouped(data.places, data.rows.weights, n_labels, rng))
        fitted, height = risen(bound.given_sums, start)
        if np.isfinite(height):
            yield fitted


def grouped_vectors(x: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Group of each vector (m, d) by k-means, columns on one scale."""
    scaled = (x - x.mean(0)) / np.maximum(x.std(0), 1e-300)
    return nearest(scaled, k_means(scaled, n, rng))


def grouped(x: np.ndarray, weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Group of each weighted number, in the order of their means, by k-means from a seeding.

    The seeding is k-means++ with the better of two candidates (Arthur and Vassilvitskii 2007, "k-means++", section 6).
    """
    centres = [rng.choice(x, p=weights / weights.sum())]
    near = (x - centres[0]) ** 2
    for _ in range(n - 1):
        chance = weights * near
        if not chance.sum() > 0.0:
            centres.append(rng.choice(x))
            continue
        picked = rng.choice(x, 2, p=chance / chance.sum())
        tried = [np.minimum(near, (x - c) ** 2) for c in picked]
        better = int(np.argmin([(weights * t).sum() for t in tried]))
        centres.append(picked[better])
        near = tried[better]
    middle = np.sort(centres)
    for _ in range(LLOYD):
        group = np.searchsorted(0.5 * (middle[1:] + middle[:-1]), x)
        mass = np.bincount(group, weights, n)
        moved = np.where(mass > 0.0, np.bincount(group, weights * x, n) / np.maximum(mass, 1e-300), middle)
        if np.allclose(moved, middle, rtol=1e-6, atol=0.0):
            break
        middle = np.sort(moved)
    return group


@dataclass(frozen=True)
class Components:
    """Where the free coordinates of each component are.

    Attributes
    ----------
    lines : list of ndarray, shape (K,)
        Of each table of numbers without ends.
    bounded : list of ndarray, shape (K,)
        Of each table of numbers with ends, or of angles: their free coordinates have no scale of the data's.
    simplexes : list of ndarray, shape (K - 1,)
        Log ratios of weights to the last one.
    n_components : int
    named : bool
        Whether priors tell components apart, so that it matters which is which.
    """

    n_components: int
    lines: list[np.ndarray] = field(default_factory=list)
    bounded: list[np.ndarray] = field(default_factory=list)
    simplexes: list[np.ndarray] = field(default_factory=list)
    named: bool = False

    def alike(self, free: np.ndarray) -> np.ndarray:
        """A point where all components are what they are on average."""
        found = free.copy()
        for places in [*self.lines, *self.bounded]:
            found[places] = np.mean(free[places])
        for places in self.simplexes:
            found[places] = 0.0
        return found

    def changed(self, free: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A point where one component has been taken away and another one split, or two have changed places."""
        gone, split = self._pair(free, rng)
        found = free.copy()
        if self.named and rng.random() < SWAPPED:
            for places in [*self.lines, *self.bounded]:
                found[places[[gone, split]]] = free[places[[split, gone]]]
            return found
        width = np.exp(rng.uniform(-3.0, 0.0))
        for places in self.lines:
            spread = width * np.std(free[places]) * rng.standard_normal()
            found[places[gone]], found[places[split]] = free[places[split]] + spread, free[places[split]] - spread
        for places in self.bounded:
            found[places[gone]] = free[places[split]] + 0.5 * rng.standard_normal()
        for places in self.simplexes:
            found[places] = _halved(free[places], gone, split)
        return found

    def _pair(self, free: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
        """Whom to take away, rather one with a small weight, and whom to split, rather one with a large one."""
        chance = np.ones(self.n_components)
        for places in self.simplexes:
            logs = np.append(free[places], 0.0)
            chance = chance * np.maximum(np.exp(logs - logs.max()), 1e-3)
        split = rng.choice(self.n_components, p=chance / chance.sum())
        others = np.where(np.arange(self.n_components) == split, 0.0, 1.0 / chance)
        return int(rng.choice(self.n_components, p=others / others.sum())), int(split)


def _halved(ratios: np.ndarray, gone: int, split: int) -> np.ndarray:
    """Log ratios of weights of which two share what one of them had."""
    logs = np.append(ratios, 0.0)
    logs[gone] = logs[split] = logs[split] - np.log(2.0)
    return logs[:-1] - logs[-1]


def components_of(density: MarginalDensity) -> Components | None:
    """Where components are among the free coordinates; None where it is not seen, or there is one."""
    found = component_tables(density.block, density.structure)
    if found.unseen or found.capacity < 2 or found.squares or not _all_moved(found, density):
        return None
    starts = np.cumsum([0, *[p.free for p in density.pieces]])
    first = dict(zip(density.nodes, starts, strict=False))
    kinds = {p.node: p.transform for p in density.pieces}
    parts = Components(found.capacity, named=not found.whole)
    for table in found.tables:
        nodes = {v for v, _ in table}
        transforms = {kinds[v] for v in nodes}
        if transforms == {SIMPLEX}:
            node = next(iter(nodes))
            if density.pieces[density.nodes.index(node)].entries != found.capacity or len(nodes) > 1:
                return None
            parts.simplexes.append(np.arange(first[node], first[node] + found.capacity - 1))
            continue
        if len(transforms) > 1 and not transforms <= {IDENTITY, LOG, UPPER}:
            return None
        known = [density.pieces[density.nodes.index(v)].place(i) for v, i in table]
        if None in known:  # the same number as one below the diagonal, or none
            continue
        places = np.array([first[v] + int(i or 0) for (v, _), i in zip(table, known, strict=True)])
        (parts.lines if transforms == {IDENTITY} else parts.bounded).append(places)
    return parts


def _all_moved(found: ComponentTables, density: MarginalDensity) -> bool:
    return set(found.variables) <= set(density.nodes)


__all__ = [
    "Basin", "Components", "basin_of", "climbed", "components_of", "emptied", "scales", "searched",
    "sweeps_given_labels",
]  # fmt: skip
