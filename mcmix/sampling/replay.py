"""A second look at kept draws: soft passes, predictive densities, log priors. Nothing here changes a chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.kernels import labels as kernels
from mcmix.kernels.base import address_of
from mcmix.kernels.driver import run_step
from mcmix.kernels.soft import soft_pass
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.marginal import is_data, with_labels
from mcmix.steps.base import Chain
from mcmix.steps.gaps import gap_node
from mcmix.steps.labels import LabelGibbs, Pass
from mcmix.steps.plan import Assembled
from mcmix.structure.evaluate import evaluate
from mcmix.structure.evidence import LabelBlock
from mcmix.structure.expression import Expression, gather
from mcmix.structure.labels import LabelVector, parameter_tables
from mcmix.structure.recording import Factor
from mcmix.structure.shown import has_gaps, shown_parts
from mcmix.traces.memory import Draws


class Replay:
    """Puts kept draws back into a chain's memory, one after another.

    Parameters
    ----------
    made : Assembled
    draws : Draws

    Raises
    ------
    ModelError
        If an unknown that is needed was not kept.
    """

    def __init__(self, made: Assembled, draws: Draws):
        self.made, self.draws = made, draws
        self.chain = Chain(made.plan.layout, np.random.SeedSequence(0))
        self.nodes = [n for n in made.model.stochastics if n.name in draws.variables]
        self.absent = [n for n in made.model.stochastics if n.name not in draws.variables]

    def at(self, positions: np.ndarray) -> Iterator[dict[Any, np.ndarray]]:
        """Each draw in turn: it is in memory, and its leaves are yielded by key."""
        for chain, draw in positions:
            leaves: dict[Any, np.ndarray] = {}
            for node in self.nodes:
                value = np.asarray(self.draws.variables[node.name][chain, draw], dtype=float)
                self.chain.put(node, value)
                leaves[node] = self.chain.view(node).reshape(node.state_shape).copy()
            yield leaves

    def require(self, nodes: Sequence[Stochastic], what: str) -> None:
        """Refuse when one of these was not kept."""
        missing = [n.name for n in nodes if n in self.absent]
        if missing:
            raise ModelError(
                f"{what} needs the draws of {', '.join(missing)}, which were not kept; sample with trace=[...]"
            )


def passes_of(made: Assembled) -> list[Pass]:
    """The compiled passes of a model's label blocks."""
    return [s.compiled for s in made.steps if isinstance(s, LabelGibbs)]


def unit_log_likelihood(made: Assembled, draws: Draws, at_most: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Log density of every unit's data with its label summed out, at evenly thinned draws.

    What a unit misses is integrated out; where units without labels miss all, they are left out. Where other data
    depend on missing entries, these are given to them as they were drawn.

    Returns
    -------
    dict of str to ndarray, shape (chains, draws, units)
        By data node; data nodes on one label vector make one entry, whose name joins theirs.
    positions : ndarray, shape (n, 2)
    """
    positions = draws.thinned(at_most)
    replay = Replay(made, draws)
    found: dict[str, np.ndarray] = {}
    n_chains = draws.n_chains
    done: set[Factor] = set()
    for compiled in passes_of(made):
        name, factors = _data_of(compiled.block, made)
        if not factors or done & set(factors):
            continue
        done |= set(factors)
        found[name] = _by_block(compiled, replay, positions, made).reshape(n_chains, -1, compiled.label.n_units)
    for factor in made.recording.factors:
        if is_data(factor, made.recording) and factor not in done:
            rows = _by_row(factor, replay, positions, made)
            rows = rows.reshape(n_chains, len(positions) // n_chains, *rows.shape[1:])
            name = factor.node.name
            found[name] = np.concatenate([rows, found[name]], axis=-1) if name in found else rows
    return found, positions


def _data_of(block: LabelBlock, made: Assembled) -> tuple[str, list[Factor]]:
    factors = [s.factor for s in block.factors if is_data(s.factor, made.recording)]
    return " and ".join(dict.fromkeys(f.node.name for f in factors)), factors


def _by_block(compiled: Pass, replay: Replay, positions: np.ndarray, made: Assembled) -> np.ndarray:
    others = {other for s in compiled.block.factors for other in s.labels if other is not compiled.label}
    replay.require(
        [n for n in made.model.stochastics if n not in [c.node for c in others] and n is not compiled.label.node],
        "log_likelihood",
    )
    if others:
        return _over_products(compiled.block, replay, positions)
    out = np.zeros(compiled.label.n_units)
    descriptor = compiled.descriptor(replay.chain)
    descriptor[kernels.PASS_UNIT_LOG], descriptor[kernels.PASS_COLLECT] = address_of(out), 0
    rows = []
    for _ in replay.at(positions):
        run_step(soft_pass, descriptor, np.zeros(1), replay.chain.stream)
        rows.append(out.copy())
    return np.array(rows)


def _over_products(block: LabelBlock, replay: Replay, positions: np.ndarray) -> np.ndarray:
    """Several label vectors in one likelihood: the sum runs over the product of their values."""
    labels = list(dict.fromkeys(label for s in block.factors for label in s.labels))
    blocks = {b.label: b for b in replay.made.structure.blocks}
    grids = np.meshgrid(*[label.values for label in labels], indexing="ij")
    rows = []
    for leaves in replay.at(positions):
        terms = []
        for values in np.column_stack([g.ravel() for g in grids]):
            total = np.zeros(labels[0].n_units)
            for label, value in zip(labels, values, strict=True):
                weights = blocks[label].log_weights
                if weights is None:
                    raise ModelError(f"log_likelihood: the weights of {label.node.name} vary by row; not supported yet")
                total = total + evaluate(weights, leaves)[int(value) - label.lowest]
            for s in block.factors:
                x = with_labels(s, dict(zip(labels, values, strict=True)))
                logs = evaluate(x, leaves)
                total = total + (logs if s.units is None else np.bincount(s.units, logs, labels[0].n_units))
            terms.append(total)
        rows.append(np.logaddexp.reduce(terms, axis=0))
    return np.array(rows)


def _by_row(factor: Factor, replay: Replay, positions: np.ndarray, made: Assembled) -> np.ndarray:
    """Data without labels that can be summed out: each row's log density, of what it shows."""
    parts, n_rows = _shown(factor), int(np.prod(factor.elements.shape, dtype=int))
    leaves_of = {leaf for elements, _ in parts for leaf in elements.leaves}
    replay.require([n for n in made.model.stochastics if made.recording.leaves[n] in leaves_of], "log_likelihood")
    if len(parts) == 1 and parts[0][0] is factor.elements:
        return np.array([evaluate(factor.elements, leaves) for leaves in replay.at(positions)])
    found = np.zeros((len(positions), n_rows))
    for i, leaves in enumerate(replay.at(positions)):
        known: dict[Expression, np.ndarray] = {}
        for elements, rows in parts:
            found[i, rows] = evaluate(elements, leaves, known)
    return found[:, np.sort(np.concatenate([np.zeros(0, dtype=np.intp), *(rows for _, rows in parts)]))]


def _shown(factor: Factor) -> list[tuple[Expression, np.ndarray]]:
    """Log densities of what rows show, and which rows these are.

    Raises
    ------
    ModelError
        If what a law's rows miss cannot be integrated out.
    """
    if has_gaps(factor):
        return [(part.elements, rows) for part, rows in shown_parts(factor)]
    node, places = factor.node, np.arange(factor.elements.size)
    if isinstance(node, Stochastic) and node.mask is not None and any(x.extra is node for x in factor.elements.leaves):
        if factor.family is None or factor.elements.shape != node.shape:
            raise ModelError(
                f"log_likelihood: {node.name} has missing entries that cannot be integrated out of its law, so its "
                "rows have no density of what is known of them; leave the rows with missing entries out"
            )
        shown = places[~np.asarray(node.mask).ravel()]  # independent entries: each has a density of its own
        return [(gather(factor.elements, shown), shown)]
    return [(factor.elements, places)]


def with_known_labels(label: LabelVector, shares: np.ndarray) -> np.ndarray:
    """Label probabilities of every unit: those whose label is known have it for certain."""
    node = label.node
    if node.mask is None:
        return shares
    full = (np.asarray(node.known).reshape(-1, 1) == label.values).astype(float)
    full[np.asarray(node.mask).ravel()] = shares
    return full


def memberships(made: Assembled, draws: Draws, node: Stochastic, at_most: int) -> np.ndarray:
    """Posterior probability of each label for each unit, averaged over thinned draws (Rao-Blackwellised).

    Where a parameter's draws were not kept but the labels were, the labels' frequencies over all draws.

    Returns
    -------
    ndarray, shape (units, K)
    """
    compiled = next((p for p in passes_of(made) if p.label.node is node), None)
    if compiled is None:
        raise ModelError(f"memberships: {node.name!r} is no label vector that is drawn by the label pass")
    positions = draws.thinned(at_most)
    replay = Replay(made, draws)
    needed = [n for n in made.model.stochastics if n is not node and gap_node(n, made.structure) is None]
    if any(n in replay.absent for n in needed) and node.name in draws.variables:
        kept = draws.variables[node.name]  # without the parameters' draws: how often each label was drawn
        return np.stack([(kept == value).mean(axis=(0, 1)) for value in compiled.label.values], axis=1)
    replay.require(needed, "memberships")
    out = np.zeros((compiled.label.n_units, compiled.label.n_labels))
    descriptor = compiled.descriptor(replay.chain)
    descriptor[kernels.PASS_MEMBERSHIP], descriptor[kernels.PASS_COLLECT] = address_of(out), 0
    for _ in replay.at(positions):
        run_step(soft_pass, descriptor, np.zeros(1), replay.chain.stream)
    return out / len(positions)


def log_prior(made: Assembled, draws: Draws) -> dict[str, np.ndarray]:
    """Log prior density of every kept unknown except labels, per element (one number for a simplex).

    Data have none, not even where entries are missing or labels are known for some units: the law of what is missing is
    part of the data's law.

    Returns
    -------
    dict of str to ndarray, shape (chains, draws, *shape of the log density)
    """
    replay = Replay(made, draws)
    positions = draws.thinned(draws.n_chains * draws.n_draws)
    apart: set[Node] = {b.label.node for b in made.structure.blocks} | {c.node for c in made.structure.entangled}
    apart |= set(made.model.data_nodes)
    factors = [f for f in made.recording.factors if f.node in replay.nodes and f.node not in apart]
    factors = [f for f in factors if not {x.extra for x in f.elements.leaves} & set(replay.absent)]
    at_once = {
        f.node.name: f for f in factors if f.family is not None and all(p.is_constant for p in f.parameters.values())
    }
    one_by_one = {f.node.name: f for f in factors if f.node.name not in at_once}
    answers = {name: _prior_at_once(f, draws.variables[name]) for name, f in at_once.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in one_by_one}
    for leaves in replay.at(positions) if one_by_one else ():
        known: dict[Expression, np.ndarray] = {}
        for name, f in one_by_one.items():
            found[name].append(evaluate(f.elements, leaves, known))
    shape = (draws.n_chains, draws.n_draws)
    return answers | {name: np.reshape(values, (*shape, *np.shape(values[0]))) for name, values in found.items()}


def _prior_at_once(factor: Factor, values: np.ndarray) -> np.ndarray:
    """A prior with known parameters, over all draws in one call."""
    assert factor.family is not None
    return factor.family.logpdf(values, *[p.value for p in factor.parameters.values()])


# -------------------------------------------------------------------- densities of new rows


def component_densities(made: Assembled, draws: Draws, node: Stochastic, grid: np.ndarray, n_draws: int) -> np.ndarray:
    """Weighted density of each component at new values of a data node, at thinned draws.

    Returns
    -------
    ndarray, shape (n_draws, K, grid); K is 1 without labels.

    Raises
    ------
    ModelError
        If the node's parameters vary by row or group: a new row would need its own.
    """
    factor = made.recording.factor_of(node)
    weights, tables = _predictive(made, factor)
    replay = Replay(made, draws)
    assert factor.family is not None
    out = []
    for leaves in replay.at(draws.thinned(n_draws)):
        known: dict[Expression, np.ndarray] = {}
        parameters = [np.atleast_1d(evaluate(t, leaves, known))[:, None] for t in tables]
        mass = np.zeros(1) if weights is None else evaluate(weights, leaves, known)
        logs = factor.family.logpdf(grid[None, :], *parameters)
        out.append(np.exp(np.broadcast_to(logs, (len(mass), len(grid))) + mass[:, None]))
    return np.array(out)


def _predictive(made: Assembled, factor: Factor) -> tuple[Expression | None, list[Expression]]:
    """Log weights over labels (None without) and each parameter as a table over them."""
    for block in made.structure.blocks:
        for s in block.factors:
            tables = parameter_tables(s, block.label) if s.factor is factor else None
            if tables is not None and block.log_weights is not None and s.units is None:
                return block.log_weights, tables
    parameters = list(factor.parameters.values())
    if factor.family is not None and factor.family.scalar_logpdf is not None and all(p.size == 1 for p in parameters):
        return None, parameters
    raise ModelError(
        f"{factor.node.name}: a density for new rows needs parameters that depend on one label alone, "
        "not on the row or its group"
    )
