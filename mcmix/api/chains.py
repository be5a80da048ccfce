"""Hidden Markov models after the draws: the most probable states together, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from mcmix.api.arguments import at_least_one, checked_sampler
from mcmix.api.relabelled_draws import named_draws
from mcmix.errors import ModelError
from mcmix.kernels import streams
from mcmix.nodes.markov_chain import MarkovChain
from mcmix.nodes.numbers import as_numbers
from mcmix.notebook import shown
from mcmix.sampling import chain_paths
from mcmix.sampling.replay import Replay
from mcmix.structure.chain_labels import ChainLabels
from mcmix.structure.contributions import LabelBlock
from mcmix.structure.evaluate import evaluate
from mcmix.structure.label_vectors import SeparableFactor
from mcmix.structure.labels import parameter_tables
from mcmix.traces.memory import Draws

DRAWS = 400  # over which what comes next is averaged


def most_probable_states(m: Any, label: str | None = None, *, calls: str = "last") -> np.ndarray:
    """The states that are most probable together, at the draw with the highest log density.

    Parameters
    ----------
    m : MCMC or Posterior
        Of a model with a :class:`mcmix.MarkovChain`.
    label : str, optional
        Which one, where there are several.
    calls : {"last", "all"}

    Returns
    -------
    ndarray of int, shape (units,)
        Under the names that :func:`mcmix.relabel` gives. The single most probable state of each unit, which averages
        over all draws, is ``mc.classify(m).classes``: these need not be a sequence that the chain can take.

    Raises
    ------
    ModelError
        If no labels follow a Markov chain, or draws of what they depend on were not kept.

    Notes
    -----
    Viterbi (1967), "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm".

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([0.0, 6.0, 0.0], 20), 1.0)
    >>> z = mc.MarkovChain("z", [0.5, 0.5], mc.Dirichlet("P", [[9, 1], [1, 9]]), size=60)
    >>> mu = mc.Normal("mu", [0.0, 6.0], 1.0)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(500, 100, seed=1)
    >>> most_probable_states(m)[[0, 30, 59]].tolist()
    [0, 1, 0]
    """
    what = "most_probable_states"
    block, chain, kept = _chosen(m, label, what, calls)
    best = np.unravel_index(int(np.argmax(kept.statistics["lp"])), kept.statistics["lp"].shape)
    leaves = next(_replayed(m, kept, np.array([best]), what))
    logs, probabilities = chain_paths.unit_logs(block, leaves), chain_paths.chain_probabilities(chain, leaves)
    parts = chain_paths.sequences(_lengths(block))
    path = np.concatenate([chain_paths.most_probable_path(logs[part], *probabilities) for part in parts])
    return np.asarray(block.label.values[path])


@dataclass(frozen=True, repr=False)
class Forecast:
    """What comes after the last unit of a sequence.

    Attributes
    ----------
    states : ndarray, shape (steps, K)
        Probabilities of the state of each of the next units, under the names that :func:`mcmix.relabel` gives.
    values : dict of str to ndarray, shape (draws, steps, ...)
        Simulated futures of each data node: a draw of the parameters, of the states, then of the data.
    paths : ndarray of int, shape (draws, steps)
        The states of these futures.
    """

    states: np.ndarray
    values: dict[str, np.ndarray]
    paths: np.ndarray
    _log_states: np.ndarray
    _nodes: dict[str, tuple[Any, list[list[np.ndarray]]]]

    def logpdf(self, values: Any) -> np.ndarray:
        """Log predictive density of given values, one for each step: the log score of what came.

        Parameters
        ----------
        values : array_like, shape (steps, ...), or mapping of data node to such
            Of the next units, as far as they are known; NaN where nothing was seen.

        Returns
        -------
        ndarray, shape (steps,)
            Each step by itself, given the units before the forecast alone.
        """
        given = dict(values) if isinstance(values, Mapping) else {next(iter(self._nodes)): values}
        if set(given) - set(self._nodes):
            raise ModelError(f"forecast: expected values of {', '.join(self._nodes)}, got {', '.join(map(str, given))}")
        total: Any = self._log_states
        for name, x in given.items():
            family, tables = self._nodes[name]
            rows = np.asarray(as_numbers(f"forecast: {name}", x), dtype=float)
            if len(rows) > self.states.shape[0]:
                raise ModelError(f"forecast: {name} expected {self.states.shape[0]} steps at most, got {len(rows)}")
            total = total[:, : len(rows)] + _emitted(family, tables, rows)
        return np.asarray(logsumexp(logsumexp(total, axis=2), axis=0) - np.log(len(total)))

    def quantiles(self, probabilities: Any = (0.05, 0.5, 0.95), name: str | None = None) -> np.ndarray:
        """Quantiles of the simulated futures of a data node, the first by default, shape (probabilities, steps, ..)."""
        return np.asarray(np.quantile(self.values[name or next(iter(self.values))], probabilities, axis=0))

    def _repr_html_(self) -> str:
        steps, k = self.states.shape
        table = {"step": list(range(1, steps + 1))} | {f"state {j}": self.states[:, j].tolist() for j in range(k)}
        return shown(repr(self).strip("<>"), table)

    def __repr__(self) -> str:
        steps, k = self.states.shape
        return f"<Forecast of {steps} steps, {k} states: {', '.join(self.values)} from {len(self.paths)} draws>"


def forecast(
    m: Any, steps: int, label: str | None = None, *, sequence: int = -1, draws: int = DRAWS, calls: str = "last"
) -> Forecast:
    """What comes after the last unit of a sequence: states, simulated futures, predictive densities.

    Parameters
    ----------
    m : MCMC or Posterior
        Of a model with a :class:`mcmix.MarkovChain`.
    steps : int
        Units after the last one.
    label : str, optional
        Which chain, where there are several.
    sequence : int
        Whose future, of several sequences; the last by default.
    draws : int
        Kept draws, evenly thinned, that are averaged over.
    calls : {"last", "all"}

    Returns
    -------
    Forecast

    Raises
    ------
    ModelError
        If no labels follow a Markov chain, draws were not kept, or parameters of data are not by state alone (a
        regression: nobody knows its covariates).

    Notes
    -----
    At each draw the filtered probabilities of the last state (forward recursion) go through the transitions; parameters
    are uncertain, so that far steps are averages over draws, not one chain's stationary distribution.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([0.0, 6.0, 0.0], 20), 1.0)
    >>> z = mc.MarkovChain("z", [0.5, 0.5], mc.Dirichlet("P", [[9, 1], [1, 9]]), size=60)
    >>> mu = mc.Normal("mu", [0.0, 6.0], 1.0)
    >>> m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]).sample(500, 100, seed=1)
    >>> found = forecast(m, 3)
    >>> bool(found.states[0, 0] > 0.8), found.values["y"].shape, bool(np.diff(found.logpdf([0.0, 6.0])) < 0)
    (True, (400, 3), True)
    """
    what = "forecast"
    steps, draws = at_least_one(steps, "steps", what), at_least_one(draws, "draws", what)
    block, chain, kept = _chosen(m, label, what, calls)
    part = _sequence(_lengths(block), sequence)
    positions = kept.thinned(draws)
    rng = np.random.default_rng((m.seed_sequence or streams.nobody()).entropy)
    tables = {s.factor.node.name: (s, _tables_of(s, block)) for s in block.factors}
    states, paths, nodes = [], [], {name: [] for name in tables}  # type: ignore[var-annotated]
    for leaves in _replayed(m, kept, positions, what):
        initial, transitions = chain_paths.chain_probabilities(chain, leaves)
        ahead = chain_paths.filtered(chain_paths.unit_logs(block, leaves)[part], initial, transitions)
        states.append(_ahead(ahead, transitions, steps))
        paths.append(_path(rng, ahead, transitions, steps))
        for name, (_, own) in tables.items():
            nodes[name].append([evaluate(t, leaves) for t in own])
    families = {name: s.factor.family for name, (s, _) in tables.items()}
    values = {
        n: np.array([_simulated(rng, families[n], at, p) for at, p in zip(own, paths, strict=True)])
        for n, own in nodes.items()
    }
    with np.errstate(divide="ignore"):
        logs = np.log(np.array(states))
    return Forecast(
        np.mean(states, axis=0), values, block.label.values[np.array(paths)], logs,
        {name: (families[name], nodes[name]) for name in nodes},
    )  # fmt: skip


# -------------------------------------------------------------------- which chain


def _chosen(m: Any, label: str | None, what: str, calls: str) -> tuple[LabelBlock, ChainLabels, Draws]:
    """The chain's block, its distribution, and draws under one name for each state."""
    checked_sampler(m, what)
    blocks = {b.label.node.name: b for b in m.assembled.label_blocks if isinstance(b.distribution, ChainLabels)}
    if not blocks or (label is not None and label not in blocks):
        listed = ", ".join(map(repr, blocks)) or "no label vector that follows a Markov chain (mc.MarkovChain)"
        raise ModelError(f"{what}: expected {'label= one of ' if blocks else 'one, there is '}{listed}, got {label!r}")
    block = blocks[label] if label is not None else next(iter(blocks.values()))
    assert isinstance(block.distribution, ChainLabels)
    kept = m.draws(calls)
    named = named_draws(m, kept, calls).kept
    return block, block.distribution, kept.changed({**kept.variables, **named.variables})


def _lengths(block: LabelBlock) -> np.ndarray:
    node = block.label.node
    assert isinstance(node, MarkovChain)
    return node.lengths


def _sequence(lengths: np.ndarray, number: Any) -> slice:
    whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
    if not whole or not -len(lengths) <= number < len(lengths):
        raise ModelError(f"forecast: sequence= expected one of 0 to {len(lengths) - 1}, got {number!r}")
    return chain_paths.sequences(lengths)[int(number)]


def _replayed(m: Any, kept: Draws, positions: np.ndarray, what: str) -> Any:
    """Leaves at draws, in turn."""
    replay = Replay(m.assembled, kept)
    labels = {b.label.node for b in m.assembled.structure.blocks}
    replay.require([n for n in m.model.stochastics if n not in labels and np.dtype(n.dtype).kind == "f"], what)
    return replay.at(positions)


def _tables_of(s: SeparableFactor, block: LabelBlock) -> list[Any]:
    """Parameters of a data node by state."""
    tables = parameter_tables(s, block.label)
    if tables is None or s.units is not None or s.factor.family is None:
        raise ModelError(
            f"forecast: {s.factor.node.name}: expected parameters that depend on the state alone, got some that go by "
            "row; simulate from trace(...) with the covariates that you expect"
        )
    return tables


# -------------------------------------------------------------------- what comes next


def _ahead(last: np.ndarray, transitions: np.ndarray, steps: int) -> np.ndarray:
    """Probabilities of the states of the next units, shape (steps, K)."""
    found = np.empty((steps, len(last)))
    for step in range(steps):
        last = last @ transitions
        found[step] = last / last.sum()
    return found


def _path(rng: np.random.Generator, last: np.ndarray, transitions: np.ndarray, steps: int) -> np.ndarray:
    """States of one future."""
    found, row = np.empty(steps, dtype=np.int64), last @ transitions
    for step in range(steps):
        found[step] = min(int(np.searchsorted(np.cumsum(row) / row.sum(), rng.random(), side="right")), len(row) - 1)
        row = transitions[found[step]]
    return found


def _simulated(rng: np.random.Generator, family: Any, tables: list[np.ndarray], path: np.ndarray) -> np.ndarray:
    """Data of one future, given its states."""
    axes = [p.event_ndim for p in family.parameters]
    own = [
        t[path] if np.ndim(t) > axis else np.broadcast_to(t, (len(path), *np.shape(t)))
        for t, axis in zip(tables, axes, strict=True)
    ]
    if not family.event_ndim:
        return np.asarray(family.draw(rng, (len(path),), *own))
    return np.array([family.draw(rng, own[0].shape[-1:], *[p[i] for p in own]) for i in range(len(path))])


def _emitted(family: Any, tables: list[list[np.ndarray]], rows: np.ndarray) -> np.ndarray:
    """Log densities of rows under each state at each draw, shape (draws, rows, K); 0 where nothing was seen."""
    axes = [p.event_ndim for p in family.parameters]
    seen = ~np.isnan(rows.reshape(len(rows), -1)).any(axis=1)
    found = []
    for own in tables:
        k = max((len(t) for t, axis in zip(own, axes, strict=True) if np.ndim(t) > axis), default=1)
        each = [[t[j] if np.ndim(t) > axis else t for t, axis in zip(own, axes, strict=True)] for j in range(k)]
        logs = np.zeros((len(rows), k))
        for j, parameters in enumerate(each):
            logs[seen, j] = family.logpdf(rows[seen], *[np.asarray(p, dtype=float) for p in parameters])
        found.append(logs)
    return np.array(found)


__all__ = ["Forecast", "forecast", "most_probable_states"]
