"""Log density and functions of a model at draws that some sampler, ours or another, has kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.replay import Replay
from mcmix.steps.plan import CompiledModel
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.recording import Recording, record
from mcmix.traces.memory import Draws


def log_joint(compiled: CompiledModel, draws: Draws, positions: np.ndarray) -> np.ndarray | None:
    """Log density of everything unknown and the data at some draws, shape (n,), as a sampler records it.

    Label vectors that were not kept are summed out. None where another unknown was not kept.

    Raises
    ------
    ModelError
        If a draw has probability zero: which node says so.
    """
    replay = Replay(compiled, draws)
    if not replay.absent:
        found = _by_factor(compiled.recording, replay, positions)
    else:
        marginal = Marginal(record(compiled.model, rows=compiled.rows), compiled.model)
        gone = [*marginal.labels, *marginal.left_out]
        if any(n not in gone for n in replay.absent):
            return None
        found = _marginal(marginal, replay, draws, positions)
    return _possible(found, compiled, replay, positions)


def _by_factor(recording: Recording, replay: Replay, positions: np.ndarray) -> np.ndarray:
    totals = [f.total for f in recording.factors]
    found = np.zeros(len(positions))
    for i, leaves in enumerate(replay.at(positions)):
        known: dict[Expression, np.ndarray] = {}
        found[i] = sum(float(evaluate(x, leaves, known)) for x in totals)
    return found


def _marginal(marginal: Marginal, replay: Replay, draws: Draws, positions: np.ndarray) -> np.ndarray:
    gone = [*marginal.labels, *marginal.left_out]
    nodes = [n for n in replay.nodes if n not in gone]
    found = np.zeros(len(positions))
    for i, (chain, draw) in enumerate(positions):
        marginal.put({n: np.asarray(draws.variables[n.name][chain, draw], dtype=float) for n in nodes})
        found[i] = marginal.log_density()
    return found


def _possible(logs: np.ndarray, compiled: CompiledModel, replay: Replay, positions: np.ndarray) -> np.ndarray:
    bad = np.flatnonzero(~np.isfinite(logs))
    if bad.size:
        chain, draw = positions[bad[0]].tolist()
        guilty = _guilty(compiled.recording, next(replay.at(positions[bad[:1]])), set(replay.absent))
        raise ModelError(
            f"draw {draw} of chain {chain} is impossible under the model ({guilty or 'log density'} is not finite), "
            f"and {bad.size - 1} more of {len(logs)}"
        )
    return logs


def _guilty(recording: Recording, leaves: Mapping[Any, np.ndarray], absent: set[Stochastic]) -> str:
    """Nodes whose own log density is not finite."""
    seen = [f for f in recording.factors if not {x.extra for x in f.elements.leaves} & absent]
    names = [f.node.name for f in seen if not np.isfinite(evaluate(f.total, leaves)).all()]
    return " and ".join(dict.fromkeys(names))


def functions_of(compiled: CompiledModel, draws: Draws, nodes: list[Node]) -> dict[str, np.ndarray]:
    """Values of deterministics at all draws; those that need what was not kept are left out."""
    replay = Replay(compiled, draws)
    absent = set(replay.absent)
    values = {n.name: compiled.recording.values[n] for n in nodes}
    values = {name: x for name, x in values.items() if not {leaf.extra for leaf in x.leaves} & absent}
    out = {name: np.zeros((draws.n_chains, draws.n_draws, *x.shape)) for name, x in values.items()}
    positions = draws.thinned(draws.n_chains * draws.n_draws)
    for (chain, draw), leaves in zip(positions, replay.at(positions) if out else (), strict=False):
        known: dict[Expression, np.ndarray] = {}
        for name, x in values.items():
            out[name][chain, draw] = evaluate(x, leaves, known)
    return out


__all__ = ["functions_of", "log_joint"]
