"""Responsibilities of rows that are many, in files, or in shards of a cluster: some rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, checked_sampler
from mcmix.api.configured import Configured
from mcmix.api.destinations import placed_on
from mcmix.api.memberships import Memberships, named_components
from mcmix.api.relabel import checked_within, known_method
from mcmix.cluster.elsewhere import shard_here, why_apart
from mcmix.cluster.shard import whole
from mcmix.errors import ModelError
from mcmix.kernels.crew import available_cores
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.label_draws import parameters_at
from mcmix.steps.base import Step
from mcmix.steps.parts import PART

Block = tuple[slice, Memberships]
Found = tuple[slice, tuple[np.ndarray, np.ndarray]]


def classify_blocks(
    m: Any,
    *,
    rows: int = PART,
    draws: int = 100,
    method: str = "auto",
    label: str | None = None,
    calls: str = "last",
    within: str = "classes",
    client: Any = None,
) -> Iterator[Block]:
    """Membership probabilities and classes of all rows of the data, some of them at a time: :func:`classify` of many.

    Rows stay where they are, in memory, in a file, or in shards on the workers of a cluster. What is sent there is what
    a row's density depends on at the draws that are averaged over; what comes back are means and errors.

    Parameters
    ----------
    m : MCMC
        After sampling, of rows whose density depends on their component's parameters alone.
    rows : int
        At most in a block, as many as in a part of a pass at most (131,072).
    draws : int
        Kept draws whose label probabilities are averaged over.
    method, label, calls, within
        As for :func:`classify`.
    client : dask.distributed.Client, optional
        Whose workers have the rows in shards, or get them.

    Returns
    -------
    iterator of (slice, Memberships)
        Which rows, in their order, and what is known of them.

    Raises
    ------
    ModelError
        If there are no labels, draws that are needed were not kept, or a row's density depends on more than the
        parameters of its component; :func:`classify` serves that.
    ClusterError
        If the cluster is lost.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu = mc.Normal("mu", 0, 0.01, size=2)
    >>> y = mc.Mixture("y", [0.5, 0.5], mc.Normal, mu, 1.0, value=x, observed=True)
    >>> m = mc.MCMC([y]).sample(900, 300, seed=1)
    >>> [(rows.stop, found.classes.shape) for rows, found in mc.classify_blocks(m, rows=60)]
    [(60, (60,)), (100, (40,))]
    """
    checked_sampler(m, "classify_blocks")
    known_method(method)
    size = min(at_least_one(rows, "rows", "classify_blocks"), PART)
    most, over_all = at_least_one(draws, "draws", "classify_blocks"), checked_within(within, "classify_blocks")
    kept = m.draws(calls)
    vector, _, order, how = named_components(m, kept, method, label, over_all)
    step = _step(m, vector.node)
    positions = kept.thinned(most)
    numbers = positions[:, 0] * kept.n_draws + positions[:, 1]
    told = parameters_at(m.assembled, kept, step.label_pass, numbers), order[numbers]
    found = _here(step, size, *told) if client is None else _in_shards(m, client, step, size, *told)
    return ((where, Memberships(*means, how)) for where, means in found)


def _step(m: Any, node: Stochastic) -> Step:
    """The label update of these labels.

    Raises
    ------
    ModelError
        If its rows cannot be gone over without the model.
    """
    step = next((s for s in m.assembled.steps if s.label_pass is not None and node in s.variables), None)
    if step is None:
        raise ModelError(
            f"classify_blocks: {node.name}: expected labels that the label update draws; mc.classify serves others"
        )
    if node.row_weights is not None and step.on_disk is None:
        m.rows.refuse_weighted("classify_blocks")
    why = why_apart(m.assembled, [step]) if node.mask is None else "some labels are known"
    if why:
        raise ModelError(
            f"classify_blocks: {node.name}: expected rows whose density depends on the parameters of their component "
            f"alone, but {why}; mc.classify(m), or mc.classify(m, rows) of some rows at a time, serves that"
        )
    return step


def _here(step: Step, size: int, parameters: np.ndarray, names: np.ndarray) -> Iterator[Found]:
    """By this process, which reads rows where they are."""
    shard = shard_here(step, available_cores())
    for first in range(0, shard.n_units, size):
        end = min(first + size, shard.n_units)
        yield slice(first, end), whole(shard.shares(parameters, names, first, end)).found


def _in_shards(
    m: Any, client: Any, step: Step, size: int, parameters: np.ndarray, names: np.ndarray
) -> Iterator[Found]:
    """By the workers that have the rows, one message for each block."""
    placed = placed_on(m, client) if isinstance(m, Configured) else None
    if placed is None or placed.why_whole:
        why = "only draws" if placed is None else placed.why_whole
        raise ModelError(f"classify_blocks: client= expected a sampler whose rows go to workers in shards, got {why}")
    shards, at = placed.shards[step], 0
    for place, first, end in shards.stretches(size):
        answer = shards.answer(place, "shares", parameters, names, first, end)
        yield slice(at, at + end - first), answer.found
        at += end - first


__all__ = ["classify_blocks"]
