"""Draws from a model's prior, for whatever was drawn from its posterior: unknowns, and functions of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.ancestral import drawable, drawn_forward, generator
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.report import arviz_bridge
from mcmix.report.elements import select
from mcmix.traces.memory import Draws

WHAT = "prior_posterior"  # who asks, in messages


def given_prior(found: Any) -> dict[str, np.ndarray]:
    """An ArviZ object's own prior draws, shape (n, ...)."""
    group = arviz_bridge.group_of(found, "prior")
    return {n: x.reshape(-1, *x.shape[2:]) for n, x in group.items() if x.ndim >= 2 and x.dtype.kind in "fiub"}


def drawn_prior(m: Any, posterior: Draws, names: Any, labels: set[str], n: int, seed: Any) -> dict[str, np.ndarray]:
    """Draws of variables from the prior, and of functions of them; what cannot be drawn is left out and said."""
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ModelError(f"{WHAT}: draws expected a whole number of at least 1, got {n!r}")
    wanted = set(posterior.variables) if names is None else {part.name for part in select(posterior, names)}
    nodes = [v for v in m.model.variables if v.name in wanted - labels and not getattr(v, "holds_data", False)]
    nodes = [v for v in nodes if not _hangs_on_data(v)]
    good = _drawable(nodes)
    out = {v.name: np.full((n, *np.shape(v.value)), np.nan) for v in good}
    rng = generator(seed, WHAT)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wide priors reach where functions overflow
        for i in range(n):
            try:
                values = drawn_forward(good, {}, rng)  # type: ignore[arg-type]
            except (
                ModelError,
                ArithmeticError,
            ):  # a distribution refuses what its own wide prior gave it: nowhere in view
                continue
            for node in good:
                out[node.name][i] = values[node]
    return out


def _hangs_on_data(node: Node) -> bool:
    return isinstance(node, Deterministic) and any(getattr(p, "holds_data", False) for p in _ancestors(node))


def _ancestors(node: Node) -> list[Node]:
    found: dict[Node, None] = {}
    waiting = list(node.parent_nodes)
    while waiting:
        here = waiting.pop()
        if here not in found:
            found[here] = None
            waiting += here.parent_nodes
    return list(found)


def _drawable(nodes: Sequence[Node]) -> list[Node]:
    stuck = [v for v in nodes if any(isinstance(p, Stochastic) and not p.can_draw for p in [v, *_ancestors(v)])]
    good = [v for v in nodes if v not in stuck]
    if nodes and not good:
        drawable([v for v in nodes if isinstance(v, Stochastic)], True, WHAT)  # says who has no random()
    return good


__all__ = ["WHAT", "drawn_prior", "given_prior"]
