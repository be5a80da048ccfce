"""The likelihood of kept draws, labels summed out: as a deviance, by unit, and as label probabilities.

All of it is asked of :class:`mcmix.sampling.marginal.Marginal`, whichever step drew the labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.few_rows import FewRows
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.replay import with_known_labels
from mcmix.steps.plan import CompiledModel
from mcmix.structure.recording import record
from mcmix.traces.memory import Draws


def deviance(compiled: CompiledModel, draws: Draws) -> np.ndarray:
    """Minus twice the log likelihood of the data at every kept draw, labels summed out.

    Returns
    -------
    ndarray, shape (chains, draws)

    Raises
    ------
    ModelError
        If there are no data, an unknown that the likelihood depends on was not kept, or labels of units cannot be
        summed out.
    """
    if not compiled.model.holds_data:
        raise ModelError("deviance: the model has no data, so there is no likelihood")
    marginal = FewRows(record(compiled.model, rows=compiled.rows), compiled.model)
    marginal.refuse_conditional("deviance")
    _refuse_unkept(marginal.needed, draws, "deviance")
    found = -2.0 * _totals(marginal, draws, draws.thinned(draws.n_chains * draws.n_draws))
    return found.reshape(draws.n_chains, draws.n_draws)


def unit_log_likelihood(
    compiled: CompiledModel, draws: Draws, at_most: int | None, most_bytes: int = 0
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Log likelihood of every unit at evenly thinned draws: :meth:`mcmix.sampling.marginal.Marginal.pointwise`.

    Of so many draws at most; by default of all, or of as many as fit into a number of bytes.

    Returns
    -------
    dict of str to ndarray, shape (chains, draws, units)
        By data node; data nodes on one label vector make one entry, whose name joins theirs.
    positions : ndarray, shape (n, 2)
    """
    marginal = Marginal(record(compiled.model, rows=compiled.rows), compiled.model)
    marginal.refuse_conditional("log_likelihood")
    first = next(marginal.pointwise() for _ in visited(marginal, draws, draws.thinned(1), "log_likelihood"))
    room = most_bytes // max(1, sum(x.nbytes for x in first.values()))
    positions = draws.thinned(room if at_most is None else at_most)
    rows = [marginal.pointwise() for _ in visited(marginal, draws, positions, "log_likelihood")]
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {n: x.reshape(draws.n_chains, -1, *x.shape[1:]) for n, x in found.items()}, positions


def unit_logs(
    compiled: CompiledModel, draws: Draws, at_most: int, chosen: Callable[[int], np.ndarray | slice]
) -> tuple[np.ndarray, np.ndarray, int]:
    """Log likelihood of some units at evenly thinned draws, and of all of them together.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws
    at_most : int
        Draws of all chains that are looked at, of each as many.
    chosen : callable
        From the number of units to those whose own log likelihood is wanted, ascending: what else there is is not held.

    Returns
    -------
    some : ndarray, shape (chains, draws, units chosen)
        All data nodes side by side.
    total : ndarray, shape (chains, draws)
    n_units : int
        Of all.
    """
    marginal = FewRows(record(compiled.model, rows=compiled.rows), compiled.model)
    marginal.refuse_conditional("log_likelihood")
    which, positions = chosen(marginal.n_units), draws.thinned(at_most)
    apart = None if isinstance(which, slice) else marginal.some_units(which)
    if apart is None:
        every = [(x[which], x.sum()) for x in _units_by_draw(marginal, draws, positions)]
        some, total = np.array([x for x, _ in every]), np.array([x for _, x in every])
    else:
        some, total = np.array(list(_units_by_draw(apart, draws, positions))), _totals(marginal, draws, positions)
    return some.reshape(draws.n_chains, -1, some.shape[-1]), total.reshape(draws.n_chains, -1), marginal.n_units


def _units_by_draw(marginal: Marginal, draws: Draws, positions: np.ndarray) -> Iterator[np.ndarray]:
    """Log likelihood of every unit, all data nodes side by side, at one draw after another."""
    for _ in visited(marginal, draws, positions, "log_likelihood"):
        yield np.concatenate([np.ravel(x) for x in marginal.pointwise().values()])


def _totals(marginal: Marginal, draws: Draws, positions: np.ndarray) -> np.ndarray:
    """Log likelihood of all units together at some kept draws."""
    chains, numbers = positions.T
    values = {n: draws.variables[n.name][chains, numbers] for n in marginal.needed}
    return marginal.log_likelihoods(values, len(positions))


def memberships(compiled: CompiledModel, draws: Draws, node: Stochastic, at_most: int) -> np.ndarray:
    """Posterior probability of each label for each unit, averaged over thinned draws (Rao-Blackwellised).

    Units whose label is known have it for certain. Where a parameter's draws were not kept but the labels were, the
    labels' frequencies over all draws.

    Returns
    -------
    ndarray, shape (units, K)

    Raises
    ------
    ModelError
        If the labels cannot be summed out, or what they depend on was not kept.
    """
    marginal = Marginal(record(compiled.model, rows=compiled.rows), compiled.model)
    if node not in marginal.labels:
        why = marginal.non_factorising.get(node, "it is no vector of labels that rows depend on one by one")
        raise ModelError(f"memberships: {node.name} cannot be summed out: {why}")
    label = marginal.label_of(node)
    needed = marginal.needed_by(node)
    if any(n.name not in draws.variables for n in needed) and node.name in draws.variables:
        own, column = draws.variables[node.name], label.column  # not the parameters: how often each label was drawn
        kept = own if column is None else column.completed(own)
        return np.stack([(kept == value).mean(axis=(0, 1)) for value in label.values], axis=1)
    out, positions = np.zeros((label.n_units, label.n_labels)), draws.thinned(at_most)
    for _ in visited(marginal, draws, positions, "memberships", needed):
        marginal.add_shares(node, out)
    return with_known_labels(label, out / len(positions))


def shares_of(
    compiled: CompiledModel, draws: Draws, node: Stochastic
) -> Callable[[np.ndarray], Iterator[np.ndarray]] | None:
    """Label probabilities of the units of unknown label at kept draws, other labels summed out.

    The model is made ready once, however often draws are asked for.

    Returns
    -------
    callable or None
        From numbers of draws, counted through all chains, to an array (units, K) for each; None where the labels cannot
        be summed out, or depend on something that was not kept.
    """
    marginal = Marginal(record(compiled.model, rows=compiled.rows), compiled.model)
    if node not in marginal.labels or any(n.name not in draws.variables for n in marginal.needed_by(node)):
        return None
    label, needed = marginal.label_of(node), marginal.needed_by(node)
    is_whole = node.mask is not None and np.size(node.mask) == label.n_units
    unknown = np.asarray(node.mask).ravel() if is_whole else np.ones(label.n_units, dtype=bool)

    def shares(numbers: np.ndarray) -> Iterator[np.ndarray]:
        positions = np.column_stack(np.divmod(numbers, draws.n_draws))
        for _ in visited(marginal, draws, positions, "memberships", needed):
            out = np.zeros((label.n_units, label.n_labels))
            marginal.add_shares(node, out)
            yield out[unknown]

    return shares


def visited(
    marginal: Marginal, draws: Draws, positions: np.ndarray, what: str, needed: Sequence[Stochastic] | None = None
) -> Iterator[None]:
    """The marginal at each of some kept draws in turn.

    Raises
    ------
    ModelError
        If an unknown that is needed was not kept.
    """
    nodes = marginal.needed if needed is None else needed
    _refuse_unkept(nodes, draws, what)
    for chain, draw in positions:
        marginal.put({n: np.asarray(draws.variables[n.name][chain, draw], dtype=float) for n in nodes})
        yield


def _refuse_unkept(nodes: Sequence[Stochastic], draws: Draws, what: str) -> None:
    missing = [n.name for n in nodes if n.name not in draws.variables]
    if missing:
        raise ModelError(
            f"{what} needs the draws of {', '.join(missing)}, which were not kept; sample with trace=[...], or raise "
            "label_budget="
        )


__all__ = ["deviance", "memberships", "shares_of", "unit_log_likelihood", "unit_logs", "visited"]
