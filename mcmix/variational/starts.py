"""Where the ascent starts: every component in use, and never all alike.

A start is a label for every unit, of one of three kinds. In most, units go to the nearest of a random smaller number of
random rows (the logarithm of the number is uniform), and then three units in ten get a random label, so that the other
components stand by: on the example of four overlapping normal distributions and ten components one in three ends at
least as high as the true labels do, and most of these are near their end after 20 iterations. A few are k-means with
all components (:mod:`mcmix.sampling.seeding`; finds many that are far apart), and random labels (all components start
near the mean of the data and grow apart; one in ten ends as high). Starts run side by side, the worse are dropped on
the way, and the best goes on. Where passes are long there are two: moves (:mod:`mcmix.variational.moves`) leave poor
places at less cost than more starts avoid them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.nodes.model import Model
from mcmix.sampling.seeding import FEWEST as FEWEST_ROWS
from mcmix.sampling.seeding import PER_LABEL, features
from mcmix.steps.k_means import k_means, nearest
from mcmix.steps.passes import Pass
from mcmix.structure.contributions import Structure
from mcmix.variational.convergence import NATS, Tolerance
from mcmix.variational.engine import Engine, State, ascend
from mcmix.variational.statements import Counts

CYCLE = ("fewer", "all", "fewer", "random", *["fewer"] * 6)  # kinds of starts, in turn
STAND_BY = 0.3  # of the units of a start with fewer components have a random label
MOST = 20
FEWEST = 2
LONG = 1_000_000  # labels times units of a pass that takes long
THINNED = 250_000  # of a pass that looks at some rows instead
WORK = 4_000_000  # labels times units of all starts beyond which there are fewer starts
TRIALS = ((8, 0.3), (20, 0.1), (40, 0.0))  # after so many iterations this share of the starts goes on, one at least


def default_starts(engine: Engine) -> int:
    """How many starts: fewer where each costs more; one without labels."""
    work = sum(p.label.n_units * p.label.n_labels for p in engine.passes)
    return int(np.clip(WORK // max(work, 1), FEWEST, MOST)) if engine.passes else 1


def best_start(
    model: Model, structure: Structure, starts: int, tolerance: Tolerance, rng: np.random.Generator
) -> tuple[State, np.ndarray, np.ndarray]:
    """Run several starts for some iterations; worse ones are dropped on the way.

    Returns
    -------
    state : State
        Of the best, from which its ascent goes on.
    history : ndarray
        Its bounds, by iteration; none where passes are long, and look at some rows here.
    reached : ndarray, shape (starts,)
        The last bound of each.
    """
    engine = _thinned(Engine(model, structure, starts))
    columns = [columns_of(engine, structure, number) for number in range(len(engine.passes))]
    engine.start_at([labels_of(engine, structure, start, rng, columns) for start in range(starts)])
    reached, places = np.full(starts, np.nan), np.arange(starts)
    told = np.zeros((0, starts))
    for iterations, share in TRIALS:
        if len(places) > 1:
            history = ascend(engine, iterations - len(told), tolerance)
            reached[places] = np.nanmax(history, axis=0)
            told = np.concatenate([told, history])
            kept = _best_first(reached[places])[: max(1, int(share * starts))]
            engine, places, told = _fewer(engine, kept, model, structure), places[kept], told[:, kept]
    best = int(_best_first(reached[places])[0])
    own = told[:0, best] if is_long(engine) else told[:, best]
    return engine.state(best), own[np.isfinite(own)], reached


def _best_first(reached: np.ndarray) -> np.ndarray:
    """An order of starts: of bounds that agree to the tolerance the first is taken, whatever rounding says."""
    return np.argsort(-np.round(reached / NATS), kind="stable")


def is_long(engine: Engine) -> bool:
    """Whether passes take long."""
    return any(p.label.n_units * p.label.n_labels > LONG for p in engine.passes)


def _thinned(engine: Engine) -> Engine:
    if is_long(engine):
        engine.thin(THINNED)
    return engine


def _fewer(engine: Engine, kept: np.ndarray, model: Model, structure: Structure) -> Engine:
    states = [engine.state(int(start)) for start in kept]
    fewer = _thinned(Engine(model, structure, len(kept)))
    fewer.put([tuple(map(np.concatenate, zip(*of_one, strict=True))) for of_one in zip(*states, strict=True)])
    return fewer


def labels_of(
    engine: Engine, structure: Structure, start: int, rng: np.random.Generator, columns: Sequence[Any] | None = None
) -> dict[Any, np.ndarray]:
    """A label (number 0 .. K-1) for every unit of every label vector; `columns` to seed from may be given."""
    found = {}
    kind = CYCLE[start % len(CYCLE)]
    for number, p in enumerate(engine.passes):
        x = columns_of(engine, structure, number) if columns is None else columns[number]
        random = random_labels(p.label.n_units, p.label.n_labels, rng)
        seeded = random if kind == "random" or x is None else _seeding(x, p.label.n_labels, kind == "fewer", rng)
        stand_by = kind == "fewer" and rng.random(len(random)) < STAND_BY
        found[p.label.node] = np.where(stand_by, random, seeded)
    return found


def random_labels(n_units: int, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Random labels, as many of each as can be."""
    return rng.permutation(np.arange(n_units) % n_labels)


def columns_of(engine: Engine, structure: Structure, number: int) -> np.ndarray | None:
    """Numbers that depend on the labels, one row per unit; None where there are none."""
    block = structure.block_of(engine.passes[number].label.node)
    assert block is not None
    counts = [s for s in engine.passes[number].statements if isinstance(s, Counts) and s.s.units is None]
    x = features(Pass(block, number))
    columns = [*([] if x is None else [x[:]]), *[_shares_of(s) for s in counts]]
    return np.column_stack(columns) if columns else None


def _seeding(x: np.ndarray, n_labels: int, fewer: bool, rng: np.random.Generator) -> np.ndarray:
    """Labels by the nearest of some centres: rows at random, or those of k-means on a subsample in all components."""
    if fewer:
        some = round(float(np.exp(rng.uniform(np.log(min(2, n_labels)), np.log(n_labels)))))
        centres = x[rng.choice(len(x), min(some, len(x)), replace=False)]
    else:
        size = min(len(x), max(FEWEST_ROWS, PER_LABEL * n_labels))
        centres = k_means(x[rng.choice(len(x), size, replace=False)], n_labels, rng)
    return rng.permutation(n_labels)[nearest(x, centres)]


def _shares_of(s: Counts) -> np.ndarray:
    """Each row's counts as shares."""
    assert s.s.factor.x is not None
    x = np.asarray(s.s.factor.x.known, dtype=float)
    return x / np.maximum(x.sum(1, keepdims=True), 1.0)


__all__ = ["LONG", "THINNED", "best_start", "default_starts", "is_long", "labels_of", "random_labels"]
