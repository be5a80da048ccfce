"""Where chains start: over-dispersed, but sensible.

Unknowns without labels start from their prior. A mixture is seeded: each chain takes a small random subsample of its own,
places centres in it by the rule of k-means++ (Arthur and Vassilvitskii 2007), moves them a few times (the hard EM of
k-means), and gives every row the label of its nearest centre. A few sweeps over the component parameters follow with
counts and sums shrunk to the size of the subsample, which leaves chains as spread as a posterior from so few rows, and a
few soft passes (expected counts and sums) draw the start towards the data. Values given by the user win.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ZeroProbability
from mcmix.kernels import labels as kernels
from mcmix.kernels.driver import run_machine, run_step
from mcmix.kernels.machine import MACHINE
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps.base import Call, Chain
from mcmix.steps.labels import LabelGibbs, Pass
from mcmix.steps.plan import Assembled
from mcmix.structure.recording import is_log_kept

TRIES = 100
ROUNDS = 5  # sweeps over the parameters at each stage
SOFT_ROUNDS = 3
LLOYD_ROUNDS = 5
PER_LABEL = 25  # rows of the subsample per label
FEWEST = 50


def start(made: Assembled, chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any]) -> None:
    """Put a chain at its start.

    Parameters
    ----------
    made : Assembled
    chain : Chain
    calls : sequence of Call
        The chain's bound sweep.
    given : mapping of Stochastic to array
        Start values that win.

    Raises
    ------
    ZeroProbability
        If no start with positive probability is found; the factor that forbids it is named.
    """
    for _ in range(TRIES):
        for node, value in {**made.model.draw_with(chain.rng), **given}.items():
            put(chain, node, value)
        _seed_labels(made, chain, calls, given)
        if _possible(made, chain):
            return
    raise ZeroProbability(_explained(made, chain))


def put(chain: Chain, node: Stochastic, value: Any) -> None:
    """Write a variable's value into a chain, in the form in which the chain keeps it."""
    array = np.asarray(value, dtype=float)
    with np.errstate(divide="ignore"):
        kept = np.log(array) if is_log_kept(node) else array
    chain.view(node)[:] = np.broadcast_to(kept, node.shape).ravel()


def _possible(made: Assembled, chain: Chain) -> bool:
    return bool(np.isfinite(log_density_now(made, chain)))


def log_density_now(made: Assembled, chain: Chain) -> float:
    """Log density of the chain's present point; counts and sums must be up to date."""
    assert made.record is not None
    bound = chain.bound(made.record)
    status = run_machine(MACHINE, *bound.words)
    chain.kept.pop()
    if chain.error is not None:
        error, chain.error = chain.error, None
        raise error
    return made.log_density_of(chain) if status == 0 else -np.inf


def _explained(made: Assembled, chain: Chain) -> str:
    """Name the factors without probability at the last start tried."""
    from mcmix.structure.evaluate import evaluate

    leaves = {key: chain.view(key).reshape(_shape(key, chain)) for key in chain.layout.places if not _is_scratch(key)}
    bad = []
    for e in made.structure.evidence:
        try:
            value = evaluate(e.elements, leaves)
        except Exception:  # noqa: BLE001  a user's function at a bad point
            value = np.array(np.nan)
        if not np.isfinite(value).all():
            bad.append(e.factor.node.name)
    names = ", ".join(bad) or "the joint density"
    return f"no start with positive probability in {TRIES} tries: {names} stayed impossible; pass start={{name: value}}"


def _shape(key: Any, chain: Chain) -> tuple[int, ...]:
    return key.shape if isinstance(key, Stochastic) else (chain.layout.places[key][1],)


def _is_scratch(key: Any) -> bool:
    return isinstance(key, tuple) and key[0] == "scratch"


# -------------------------------------------------------------------- labels


def _seed_labels(made: Assembled, chain: Chain, calls: Sequence[Call], given: Mapping[Stochastic, Any]) -> None:
    passes = [c.step for c in calls if isinstance(c.step, LabelGibbs)]
    steps = {id(s): s for s in passes if isinstance(s, LabelGibbs)}
    if not steps:
        return
    parameters = [c for c in calls if not isinstance(c.step, LabelGibbs) and not set(c.step.variables) & set(given)]
    shares = [_seeded(step.compiled, chain, given) for step in steps.values()]
    descriptors = {step.compiled: step.compiled.descriptor(chain) for step in steps.values()}
    for descriptor in descriptors.values():
        run_step(kernels.count_labels, descriptor, np.zeros(1), chain.stream)
    for p, share in zip(descriptors, shares, strict=True):
        _scale(p, chain, share)
    _rounds(parameters, chain, ROUNDS)
    for _ in range(SOFT_ROUNDS):
        for p, descriptor in descriptors.items():
            run_step(kernels.soft_pass, descriptor, np.zeros(1), chain.stream)
            _scale(p, chain, _share(p))
        _rounds(parameters, chain, 1)
    for step in steps.values():
        if step.variables[0] not in given:
            run_step(kernels.hard_pass, descriptors[step.compiled], np.zeros(1), chain.stream)
    for descriptor in descriptors.values():
        run_step(kernels.count_labels, descriptor, np.zeros(1), chain.stream)


def _rounds(parameters: Sequence[Call], chain: Chain, n: int) -> None:
    """A few sweeps over everything but labels; a step that fails here fails again, and is reported, in the run."""
    for _ in range(n):
        for call in parameters:
            run_step(call.kernel, call.words, call.reals, chain.stream)


def _share(p: Pass) -> float:
    """Fraction of the rows that the subsample has."""
    return min(1.0, max(FEWEST, PER_LABEL * p.label.n_labels) / p.label.n_units)


def _scale(p: Pass, chain: Chain, share: float) -> None:
    """Shrink counts and sums as if only the subsample had been seen."""
    chain.view(("units", p.label.node))[:] *= share
    for s in p.block.factors:
        if s.cells is None:
            continue
        node = s.factor.node
        keys = [("count", node), *[("sum", node, j) for j in range(len(s.cells.squares))]]
        keys += [("square", node, j) for j, squared in enumerate(s.cells.squares) if squared]
        for key in keys:
            chain.view(key)[:] *= share


def _seeded(p: Pass, chain: Chain, given: Mapping[Stochastic, Any]) -> float:
    """Give every unit a label by k-means from the chain's own subsample; return the subsample's share."""
    label = p.label
    features = _features(p)
    if label.node in given or features is None:
        return _share(p)
    rng = chain.rng
    size = max(1, int(round(_share(p) * label.n_units)))
    sample = features[rng.choice(label.n_units, size, replace=False)]
    centres = _centres(sample, label.n_labels, rng)
    chain.view(label.node)[:] = label.values[_nearest(features, centres)]
    return _share(p)


def _features(p: Pass) -> np.ndarray | None:
    """One standardised column per data node that hangs on the label, averaged over a unit's rows; shape (units, columns)."""
    columns = []
    for s in p.block.factors:
        x = s.rows.arguments[0] if s.rows.op == "density" else s.factor.x
        if x is None or not x.is_constant or x.size != s.rows.size:
            continue
        values = np.asarray(x.value, dtype=float).ravel()
        if s.units is not None:
            counts = np.bincount(s.units, minlength=p.label.n_units)
            values = np.bincount(s.units, values, p.label.n_units) / np.maximum(counts, 1)
        spread = float(np.std(values))
        columns.append((values - values.mean()) / (spread if spread > 0.0 else 1.0))
    return np.column_stack(columns) if columns else None


def _centres(sample: np.ndarray, n_labels: int, rng: np.random.Generator) -> np.ndarray:
    """k-means++ seeds, then a few rounds of k-means, in random order."""
    centres = [sample[rng.integers(len(sample))]]
    for _ in range(n_labels - 1):
        distance = np.min([((sample - c) ** 2).sum(1) for c in centres], axis=0)
        total = distance.sum()
        chosen = rng.choice(len(sample), p=distance / total) if total > 0.0 else rng.integers(len(sample))
        centres.append(sample[chosen])
    found = np.array(centres)
    for _ in range(LLOYD_ROUNDS):
        nearest = _nearest(sample, found)
        for k in range(n_labels):
            if (nearest == k).any():
                found[k] = sample[nearest == k].mean(0)
    return found[rng.permutation(n_labels)]


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Number of the nearest centre for each point, one centre at a time."""
    best, nearest = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for k, centre in enumerate(centres):
        distance = ((points - centre) ** 2).sum(1)
        closer = distance < best
        best[closer], nearest[closer] = distance[closer], k
    return nearest


__all__ = ["log_density_now", "put", "start"]
