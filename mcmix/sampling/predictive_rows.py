"""Draws of new rows at kept draws: labels anew from their weights, then the data given these. Free of labels' names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from types import MappingProxyType
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.mixture import MixtureOfDistributions
from mcmix.nodes.node import holds_nodes, mapped
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.predictive_density import Together
from mcmix.steps.plan import CompiledModel
from mcmix.structure.columns import Column
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression
from mcmix.structure.new_rows import some_rows
from mcmix.structure.other_rows import OtherRows, free_size, totals_by_row
from mcmix.structure.recording import Factor, is_log_kept
from mcmix.structure.rows import Rows
from mcmix.traces.memory import Draws


class RowDraws:
    """Ready to draw so many new rows at any kept draw.

    Parameters
    ----------
    compiled : CompiledModel
    together : Together
    count : int
        Rows at each draw. Where the data's rows of counts have totals of their own, each has that of one of these.
    covariates : mapping of Covariates to ndarray, shape (count, ...), optional
        Those of the new rows.

    Raises
    ------
    ModelError
        If a distribution cannot be written for other rows than the data's own, or a node has no way to be drawn.
    """

    def __init__(
        self,
        compiled: CompiledModel,
        together: Together,
        count: int,
        covariates: Mapping[Covariates, np.ndarray] = MappingProxyType({}),
    ):
        self.count, self.together = count, together
        self.size = free_size(compiled.recording, compiled.model.data_nodes, count)
        self._totals = {n.name: x for n in together.data if (x := totals_by_row(n)) is not None}
        examples = {name: np.resize(x, self.size) for name, x in self._totals.items()}
        columns = [Column(n, _placeholder(n, count, compiled)) for n in together.data]
        rows = Rows([*columns, *(Column(c, x) for c, x in covariates.items())])
        self._rows = OtherRows(compiled.recording, together.labels, some_rows(rows, self.size), examples)
        for node in together.data:
            if not node.can_draw:
                raise ModelError(f"{node.name}: expected a way to draw it, got none; give it a random() function")
            self._rows.add(node)
        recording = self._rows.finished()
        self._factors = {f.node.name: f for f in recording.factors}
        fresh = [x.node for x in together.labels]
        self.needed = [n for n in recording.leaves if n not in fresh]

    def at(self, draws: Draws, positions: np.ndarray, rng: np.random.Generator) -> Iterator[dict[str, np.ndarray]]:
        """New rows of each data node at each position in turn, shape (count, ...)."""
        absent = [n.name for n in self.needed if n.name not in draws.variables]
        if absent:
            raise ModelError(f"rvs needs the draws of {', '.join(absent)}, which were not kept; leave trace=False out")
        for chain, draw in positions:
            leaves: dict[Any, np.ndarray] = {
                n: _kept(n, draws.variables[n.name][chain, draw].astype(float)) for n in self.needed
            }
            self._draw_labels(leaves, rng)
            yield {n.name: self._drawn(n, leaves, rng)[: self.count] for n in self.together.data}

    def _draw_labels(self, leaves: dict[Any, np.ndarray], rng: np.random.Generator) -> None:
        """Label vectors whose distribution depends on other labels come after these."""
        waiting = [x.node for x in self.together.labels]
        while waiting:
            ready = [n for n in waiting if not self._leaves_of(n) & (set(waiting) - {n})]
            for node in ready:
                leaves[node] = np.asarray(self._drawn(node, leaves, rng), dtype=float)
            waiting = [n for n in waiting if n not in ready]

    def _leaves_of(self, node: Stochastic) -> set[Any]:
        found = self._factors[node.name].parameters.values()
        return {x.extra for p in found for x in p.leaves}

    def _drawn(self, node: Stochastic, leaves: Mapping[Any, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        distribution = copy(node)
        if isinstance(distribution, Distribution):
            distribution._shape = (self.size, *_columns(node))
            parameters = self._parameters(self._factors[node.name], leaves)
            if node.name in self._totals:
                parameters["trials"] = rng.choice(self._totals[node.name], self.size)
            return distribution._random(rng, **parameters)
        if isinstance(distribution, MixtureOfDistributions):
            distribution._rows = (self.size,)
            distribution.random_function = distribution._drawn
        drawn = np.asarray(distribution.draw_given(rng, self._arguments(node, leaves)))
        if drawn.shape[:1] != (self.size,):
            raise ModelError(
                f"{node.name}: its random() expected to draw one row for each row of its parameters, here "
                f"{self.size}, got shape {drawn.shape}"
            )
        return drawn

    def _parameters(self, factor: Factor, leaves: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
        """Those that differ by row stand with a row axis in front of the columns of a table."""
        known: dict[Expression, np.ndarray] = {}
        return {name: evaluate(p, leaves, known) for name, p in factor.parameters.items()}

    def _arguments(self, node: Stochastic, leaves: Mapping[Any, np.ndarray]) -> dict[str, Any]:
        def value(parent: Any) -> Any:
            return evaluate(self._rows.value(parent), leaves)

        return {k: mapped(p, value) if holds_nodes(p) else p for k, p in node.parents.items()}


def _kept(node: Stochastic, value: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(value) if is_log_kept(node) else value


def _columns(node: Stochastic) -> tuple[int, ...]:
    vectors = isinstance(node, Distribution) and node.family.event_ndim == 1
    return node.shape if vectors and len(node.shape) == 1 else node.shape[1:]


def _placeholder(node: Stochastic, size: int, compiled: CompiledModel) -> np.ndarray:
    """Complete rows in the distribution's support: the first known entry of each column of the data."""
    values = np.asarray(compiled.rows[node].known, dtype=float).reshape(-1, *_columns(node))
    seen = np.ones(values.shape, dtype=bool) if node.mask is None else ~np.reshape(node.mask, values.shape)
    first = np.take_along_axis(values, seen.argmax(axis=0)[None], axis=0)
    whole = values[seen.reshape(len(values), -1).all(axis=1)][:1]
    return np.repeat(whole if len(whole) else first, size, axis=0)


__all__ = ["RowDraws"]
