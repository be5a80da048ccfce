"""Labels as chains have drawn them last, wherever the rows are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mcmix.api.configured import Configured
from mcmix.errors import ModelError
from mcmix.files import temporary_array
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.labels_by_block import Apart
from mcmix.sampling.runner import Runner

AT_ONCE = 2**20  # labels that are shifted together


def last_labels(m: Configured, label: str | None, chain: int, folder: str | Path | None) -> np.ndarray:
    """Labels of one chain: see :meth:`mcmix.MCMC.last_labels`."""
    node, r = _node(m, label), _runner(m, chain)
    rows = m.rows.column_of(node)
    stood_for = [c for c in m.rows.values() if c.weights is not None and c.on_disk is None]
    if stood_for:
        m.rows.refuse_weighted("last_labels")
    in_shards = None if m._placed is None else m._placed.last_of(r, node)
    apart = in_shards or r.chain.rows_apart.get(node)
    if apart is None:
        vector = Apart.of(node, m.assembled, r.chain.state(node).size)
        known = r.chain.get(node) if rows is not None else r.chain.state(node)
        return np.asarray(known).astype(vector.dtype)
    vector = Apart.of(node, m.assembled, apart.n_units)
    found = temporary_array((vector.n_units,), vector.dtype, None if folder is None else str(folder))
    if not apart.last(found):
        raise ModelError(
            f"last_labels: {node.name}: no iteration has been made here since the chains were put where they are"
        )
    for first in range(0, vector.n_units if vector.lowest else 0, AT_ONCE):
        found[first : first + AT_ONCE] += vector.lowest
    return found


def _node(m: Configured, label: str | None) -> Stochastic:
    found = {n.name: n for n in m.assembled.labels}
    if len(found) == 1 and label is None:
        return next(iter(found.values()))
    if label is None or label not in found:
        raise ModelError(
            f"last_labels: expected the name of a label vector ({', '.join(found) or 'there is none'}), got {label!r}"
        )
    return found[label]


def _runner(m: Configured, chain: int) -> Runner:
    n = len(m._runners)
    if not n:
        raise ModelError("last_labels: the chains have not started; call sample() first")
    if not (isinstance(chain, (int, np.integer)) and -n <= chain < n):
        raise ModelError(f"last_labels: chain expected a whole number from 0 to {n - 1}, got {chain!r}")
    return m._runners[chain]


__all__ = ["last_labels"]
