"""Replicates of data at kept draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.ancestral import buffers, chosen_nodes, drawable, drawn_forward, generator, refuse_size
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.screen import say
from mcmix.steps.plan import CompiledModel
from mcmix.structure.contributions import LabelBlock
from mcmix.traces.memory import Draws

WHAT = "posterior_predictive"


def posterior_predictive(
    compiled: CompiledModel, draws: Draws, positions: np.ndarray, seed: Any, names: Sequence[str] | str | None
) -> dict[str, np.ndarray]:
    """Replicates of data nodes at kept draws; see :meth:`MCMC.posterior_predictive`.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws
    positions : ndarray of int, shape (n, 2)
        Pairs (chain, draw).
    seed : anything NumPy takes
    names : sequence of str, optional

    Returns
    -------
    dict of str to ndarray, shape (n, *shape of the data)
    """
    if not compiled.model.data_nodes:
        raise ModelError(f"{WHAT}: the model has no data to replicate; look at the draws themselves")
    compiled.rows.refuse_weighted(WHAT)
    chosen = compiled.model.data_nodes if names is None else chosen_nodes(compiled.model.data_nodes, names, WHAT)
    kept = _kept(compiled, draws)
    fixed = [n for n in compiled.model.data_nodes if n.observed and n not in chosen]
    chosen = drawable(chosen, names is not None, WHAT, [*kept, *fixed])
    fixed = [n for n in compiled.model.data_nodes if n.observed and n not in chosen]
    _tell_of_fresh(compiled, _needed(chosen, [*kept, *fixed]), kept, fixed)
    refuse_size(len(positions), chosen, WHAT)
    data = {n: compiled.rows.value_of(n) for n in compiled.rows if n in fixed or isinstance(n, Covariates)}
    rng, out = generator(seed, WHAT), buffers(len(positions), chosen)
    for i, (chain, draw) in enumerate(positions):
        given = {n: _full(n, draws.variables[n.name][chain, draw], compiled) for n in kept if n not in chosen}
        values = drawn_forward(chosen, {**data, **given}, rng)
        for node in chosen:
            out[node.name][i] = values[node]
    return out


def _full(node: Stochastic, state: np.ndarray, compiled: CompiledModel) -> Any:
    whole = state if node.mask is None else compiled.rows[node].completed(state)
    value = np.asarray(whole).astype(node.dtype)
    return value if value.ndim else value[()]


def _kept(compiled: CompiledModel, draws: Draws) -> list[Stochastic]:
    """Unknowns whose kept draws are used: all that were kept, but labels that are summed over."""
    fresh = [b.label.node for b in compiled.label_blocks if _is_fresh(b, compiled)]
    return [n for n in compiled.model.stochastics if n.name in draws.variables and n not in fresh]


def _is_fresh(block: LabelBlock, compiled: CompiledModel) -> bool:
    """Whether labels can be drawn anew: not where an unknown of the same rows would keep its old value."""
    labels = [b.label.node for b in compiled.label_blocks]
    return all(s.factor.node in labels or getattr(s.factor.node, "holds_data", False) for s in block.factors)


def _needed(nodes: Sequence[Stochastic], stops: Sequence[Node]) -> list[Node]:
    """Nodes and the ancestors that are drawn with them."""
    found: dict[Node, None] = {}
    waiting: list[Node] = list(nodes)
    while waiting:
        here = waiting.pop()
        if here not in found and (here not in stops or here in nodes):
            found[here] = None
            waiting += here.parent_nodes
    return list(found)


def _tell_of_fresh(
    compiled: CompiledModel, needed: Sequence[Node], kept: Sequence[Node], fixed: Sequence[Node]
) -> None:
    """Say which unknowns are drawn anew because they were not kept; refuse those whose distribution is a prior."""
    labels = [b.label.node for b in compiled.label_blocks] + [c.node for c in compiled.non_factorising_labels]
    data = compiled.model.data_nodes
    absent = [n for n in needed if isinstance(n, Stochastic) and n not in labels and n not in data and n not in kept]
    stuck = [b.label.node for b in compiled.label_blocks if not _is_fresh(b, compiled)]
    priors = [n for n in absent if not n.extended_parents]
    refused = priors + [n for n in needed if n in stuck]
    if refused:
        raise ModelError(
            f"{WHAT} needs the draws of {', '.join(n.name for n in refused)}, which were not kept; leave trace=False "
            "out, or raise label_budget"
        )
    if absent:
        names = ", ".join(n.name for n in absent)
        say(f"{WHAT}: {names} not kept; drawn from their distribution given their parents", error=True)


__all__ = ["posterior_predictive"]
