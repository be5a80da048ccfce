"""Where the ascent starts: every component in use, and never all alike.

A start is a label for every unit, of one of three kinds that take turns: random labels (all components start near the
mean of the data and grow apart), a k-means++ seeding with all components (:mod:`mcmix.sampling.seeding`; finds what is
far apart), and, most often, a seeding with a random smaller number of components in which every other unit has a random
label, so that the others stand by. The last kind ends highest where more components are offered than the data need: on
the example of four overlapping normal laws and ten components, one in three such starts ends at least as high as the
true labels, one in fifteen of the random ones. Starts run side by side, and the best bound wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.nodes.model import Model
from mcmix.sampling.seeding import features, k_means, nearest, share_of
from mcmix.steps.labels import Pass
from mcmix.structure.evidence import LabelBlock, Structure
from mcmix.variational.engine import Engine, State, ascend
from mcmix.variational.statements import Counts

CYCLE = ("fewer", "random", "fewer", "all", "fewer")  # kinds of starts, in turn
MOST = 20
FEWEST = 4
WORK = 4_000_000  # labels times units of all starts beyond which there are fewer starts
TRIAL = 60  # iterations after which all but the best quarter of the starts are dropped
MOST_ITERATIONS = 1000


def default_starts(engine: Engine) -> int:
    """How many starts: fewer where each costs more; one without labels."""
    work = sum(p.label.n_units * p.label.n_labels for p in engine.passes)
    return int(np.clip(WORK // max(work, 1), FEWEST, MOST)) if engine.passes else 1


def best_start(
    model: Model, structure: Structure, starts: int, tol: float, rng: np.random.Generator
) -> tuple[State, np.ndarray, np.ndarray]:
    """Run several starts; worse ones are dropped on the way.

    Returns
    -------
    state : State
        Of the best.
    history : ndarray
        Its bounds, by iteration.
    reached : ndarray, shape (starts,)
        The last bound of each.
    """
    engine = Engine(model, structure, starts)
    engine.start_at([labels_of(engine, structure, start, rng) for start in range(starts)])
    reached, places = np.full(starts, np.nan), np.arange(starts)
    told = np.zeros((0, starts))
    while True:
        last = len(places) == 1
        history = ascend(engine, MOST_ITERATIONS if last else TRIAL, tol)
        reached[places] = np.nanmax(history, axis=0)
        told = np.concatenate([told, history])
        if last:
            own = told[:, 0]
            return engine.state(), own[np.isfinite(own)], reached
        kept = np.argsort(-reached[places], kind="stable")[: max(1, len(places) // 4)]
        engine, places, told = _fewer(engine, kept, model, structure), places[kept], told[:, kept]


def _fewer(engine: Engine, kept: np.ndarray, model: Model, structure: Structure) -> Engine:
    states = [engine.state(int(start)) for start in kept]
    fewer = Engine(model, structure, len(kept))
    fewer.put([tuple(map(np.concatenate, zip(*of_one, strict=True))) for of_one in zip(*states, strict=True)])
    return fewer


def labels_of(engine: Engine, structure: Structure, start: int, rng: np.random.Generator) -> dict[Any, np.ndarray]:
    """A label (number 0 .. K-1) for every unit of every label vector."""
    found = {}
    for number, p in enumerate(engine.passes):
        block = structure.block_of(p.label.node)
        assert block is not None
        kind = CYCLE[start % len(CYCLE)]
        random = random_labels(p.label.n_units, p.label.n_labels, rng)
        seeded = None if kind == "random" else _seeding(engine, block, number, kind == "fewer", rng)
        if seeded is not None and kind == "fewer":
            seeded = np.where(rng.random(len(random)) < 0.5, random, seeded)
        found[p.label.node] = random if seeded is None else seeded
    return found


def random_labels(n_units: int, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """Random labels, as many of each as can be."""
    return rng.permutation(np.arange(n_units) % n_labels)


def _seeding(
    engine: Engine, block: LabelBlock, number: int, fewer: bool, rng: np.random.Generator
) -> np.ndarray | None:
    """Labels from k-means on a subsample, in all components or fewer; None where no numbers hang on the labels."""
    p = Pass(block, number)
    counts = [s for s in engine.passes[number].statements if isinstance(s, Counts) and s.s.units is None]
    x = features(p)
    if x is None and not counts:
        return None
    if counts:
        shares = [_shares_of(s) for s in counts]
        x = np.column_stack([*([] if x is None else [x]), *shares])
    assert x is not None
    size = max(1, round(share_of(p) * len(x)))
    chosen = x[rng.choice(len(x), size, replace=False)]
    k = block.label.n_labels
    some = int(rng.integers(min(2, k), k + 1)) if fewer else k
    return rng.permutation(k)[nearest(x, k_means(chosen, some, rng))]


def _shares_of(s: Counts) -> np.ndarray:
    """Each row's counts as shares."""
    assert s.s.factor.x is not None
    x = np.asarray(s.s.factor.x.known, dtype=float)
    return x / np.maximum(x.sum(1, keepdims=True), 1.0)


__all__ = ["best_start", "default_starts", "labels_of", "random_labels"]
