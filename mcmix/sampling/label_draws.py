"""Labels that were not kept, drawn again from their distribution given each kept draw of everything else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mcmix.kernels import streams
from mcmix.kernels.driver import run_machine
from mcmix.kernels.machine import MACHINE
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.replay import Replay
from mcmix.steps.gaps import gap_node
from mcmix.steps.passes import Pass
from mcmix.steps.plan import CompiledModel
from mcmix.traces.memory import Draws

BUDGET = 256 * 2**20  # bytes


def probabilities_at(
    compiled: CompiledModel, draws: Draws, label_pass: Pass, numbers: np.ndarray
) -> Iterator[np.ndarray]:
    """Label probabilities of the units of unknown label at kept draws: an array (units, K) for each draw.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws
    label_pass : Pass
        Of the label vector.
    numbers : ndarray of int
        Draws, counted through all chains.
    """
    compiled.rows.refuse_weighted("labels of units")
    replay = Replay(
        compiled, Draws({n.name: draws.variables[n.name] for n in _needed(compiled, label_pass.label.node)})
    )
    out = np.zeros((label_pass.label.n_units, label_pass.label.n_labels))
    weighing = label_pass.bound(replay.chain)
    for _ in replay.at(np.column_stack(np.divmod(numbers, draws.n_draws))):
        out[:] = 0.0
        weighing.weigh(shares=out)
        yield out if len(out) == n_unknown(label_pass) else out[np.ravel(label_pass.label.node.mask)]


def parameters_at(compiled: CompiledModel, draws: Draws, label_pass: Pass, numbers: np.ndarray) -> np.ndarray:
    """What rows look at at kept draws, shape (draws, places), for who has the rows and no model.

    Parameters
    ----------
    compiled, draws, label_pass, numbers
        As for :func:`probabilities_at`.

    Raises
    ------
    ModelError
        If an unknown that is needed was not kept.
    """
    needed = _needed(compiled, label_pass.label.node)
    replay = Replay(compiled, Draws({n.name: draws.variables[n.name] for n in needed if n.name in draws.variables}))
    replay.require(needed, "responsibilities")
    chain, found = replay.chain, []
    prelude = chain.bound(label_pass.prelude).words
    for _ in replay.at(np.column_stack(np.divmod(numbers, draws.n_draws))):
        run_machine(MACHINE, *prelude)
        found.append(np.concatenate([chain.view(key) for key in label_pass.told]))
    return np.array(found)


def n_unknown(label_pass: Pass) -> int:
    """Units whose label is drawn: known ones may stand among those of the pass."""
    return int(label_pass.label.node.state_shape[0])


def can_draw_labels(compiled: CompiledModel, draws: Draws, node: Stochastic) -> bool:
    """Whether labels depend on nothing but what was kept."""
    label_pass = next((p for p in compiled.label_passes if p.label.node is node), None)
    if node.row_weights is not None:
        return False
    return label_pass is not None and all(n.name in draws.variables for n in _needed(compiled, node))


def _needed(compiled: CompiledModel, node: Stochastic) -> list[Stochastic]:
    """The unknowns that labels depend on: all others but those that were left out of every conditional."""
    return [n for n in compiled.model.stochastics if n is not node and gap_node(n, compiled.structure) is None]


def label_bytes(compiled: CompiledModel, draws: Draws, node: Stochastic) -> int:
    """Bytes of a label vector's draws, all of them."""
    label_pass = next(p for p in compiled.label_passes if p.label.node is node)
    label = label_pass.label
    return draws.n_chains * draws.n_draws * n_unknown(label_pass) * (1 if label.n_labels <= 256 else 2)


def drawn_labels(
    compiled: CompiledModel, draws: Draws, node: Stochastic, seed: np.random.SeedSequence, at_most: int = BUDGET
) -> np.ndarray:
    """Draws of a label vector that was not kept.

    A draw of the labels given a draw of all else is a draw of both, so these are worth what kept ones are.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws
    node : Stochastic
        For which :func:`can_draw_labels`.
    seed : SeedSequence
        Of the run: the same labels each time.
    at_most : int
        Bytes; beyond them draws are thinned evenly.

    Returns
    -------
    ndarray of uint8 or uint16, shape (draws, units)
        Counted from 0, first chain first; units whose label is known are not among them.
    """
    label_pass = next(p for p in compiled.label_passes if p.label.node is node)
    label = label_pass.label
    dtype = np.dtype(np.uint8 if label.n_labels <= 256 else np.uint16)
    most = max(1, at_most // max(1, label.n_units * dtype.itemsize))
    positions = draws.thinned(most)
    numbers = positions[:, 0] * draws.n_draws + positions[:, 1]
    rng = np.random.default_rng(streams.of_labels_drawn_again(seed))
    found = np.zeros((len(numbers), n_unknown(label_pass)), dtype=dtype)
    for i, shares in enumerate(probabilities_at(compiled, draws, label_pass, numbers)):
        found[i] = _drawn(shares, rng)
    return found


def _drawn(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One label for each row of probabilities, by inverting their sums."""
    ends = np.cumsum(shares, axis=1)
    places = rng.random(len(ends)) * ends[:, -1]
    return (places[:, None] >= ends[:, :-1]).sum(axis=1)


__all__ = ["BUDGET", "can_draw_labels", "drawn_labels", "label_bytes", "parameters_at", "probabilities_at"]
