"""Posterior predictive densities and memberships of new rows, from kept draws.

Nothing is kept by row and draw: averages over draws are taken as the draws go by. The sum over labels is the soft pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.distributions.markov_chain import MARKOV_CHAIN
from mcmix.errors import ModelError
from mcmix.nodes.covariates import Covariates, covariates_of
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.marginal import Marginal
from mcmix.steps.plan import CompiledModel
from mcmix.structure.cells import row_elements
from mcmix.structure.cumulative import CumulativeRows
from mcmix.structure.evaluate import evaluate
from mcmix.structure.label_vectors import LabelVector, label_candidates
from mcmix.structure.new_rows import new_rows, some_rows
from mcmix.structure.other_rows import WAY_OUT, OtherRows, free_size
from mcmix.structure.recording import is_log_kept
from mcmix.traces.memory import Draws


@dataclass
class Together:
    """Label vectors, and the data nodes whose rows depend on them; where there are no labels, data nodes alone."""

    labels: list[LabelVector]
    data: list[Stochastic]

    @property
    def covariates(self) -> list[Covariates]:
        """Those of which a new row has its own: with a row for each row of the data."""
        nodes = [*self.data, *(x.node for x in self.labels)]
        return list(dict.fromkeys(c for n in self.data if n.shape for c in covariates_of(nodes, n.shape[0])))

    @property
    def names(self) -> list[str]:
        """What new rows are given by: data and covariates."""
        return [n.name for n in (*self.data, *self.covariates)]


def predict_logpdf(
    compiled: CompiledModel, draws: Draws, new: Any, label: Stochastic | None, at_most: int
) -> np.ndarray:
    """Log posterior predictive density of new rows, labels summed out; see :meth:`MCMC.predict_logpdf`.

    Parameters
    ----------
    compiled : CompiledModel
    draws : Draws
    new : array_like or mapping of name to array_like
    label : Stochastic or None
    at_most : int
        Evenly thinned draws that are averaged over.

    Returns
    -------
    ndarray, shape (rows,)
    """
    rows = NewRows(compiled, chosen(compiled, label, labels_needed=False), new)
    total, visited = np.full(rows.size, -np.inf), 0
    for logs in rows.logs(draws, at_most):
        np.logaddexp(total, logs, out=total)
        visited += 1
    return (total - np.log(max(visited, 1)))[: rows.count]


def memberships(compiled: CompiledModel, draws: Draws, new: Any, label: Stochastic | None, at_most: int) -> np.ndarray:
    """Posterior mean of the label probabilities of new rows, shape (rows, K); arguments as above."""
    together = chosen(compiled, label, labels_needed=True)
    node = together.labels[0].node if label is None else label
    rows = NewRows(compiled, together, new)
    return rows.shares(draws, at_most, node)[: rows.count]


def at_rows_of_data(compiled: CompiledModel, draws: Draws, count: int) -> Iterator[tuple[list[str], np.ndarray]]:
    """Log density of some rows of the data at every draw, labels summed out: rows evenly spaced in the first column.

    Yields
    ------
    names : list of str
        What each row is, in words.
    logs : ndarray, shape (chains, draws, rows)

    Raises
    ------
    ModelError
        As for :func:`predict_logpdf`.
    """
    groups = _belonging_together(compiled) or [Together([], list(compiled.model.data_nodes))]
    for together in groups:
        if not all(n.shape for n in together.data):  # single numbers are no rows
            continue
        own = compiled.rows.only(*together.data, *together.covariates)
        first = own[together.data[0]].with_gaps()
        first = first.reshape(len(first), -1)[:, 0]
        order = np.argsort(first)[: int(np.isfinite(first).sum())]
        rows = order[np.unique(np.linspace(0, len(order) - 1, count + 2).round().astype(int))[1:-1]]
        new = NewRows(compiled, together, own.taken(rows))
        logs = np.array([x[: new.count].copy() for x in new.logs(draws, draws.n_chains * draws.n_draws)])
        yield (
            [f"log density of {', '.join(n.name for n in together.data)} at row {row}" for row in rows],
            logs.reshape(draws.n_chains, draws.n_draws, new.count),
        )


# -------------------------------------------------------------------- which nodes


def chosen(compiled: CompiledModel, label: Stochastic | None, labels_needed: bool) -> Together:
    """The data whose new rows are meant.

    Raises
    ------
    ModelError
        If that is not clear.
    """
    groups = _belonging_together(compiled)
    nodes = [x.node for g in groups for x in g.labels]
    if label is not None:
        found = [g for g in groups if any(x.node is label for x in g.labels)]
        if not found:
            raise ModelError(f"{label.name} is no label vector of unknown labels with one label for each row of data")
        return found[0]
    if not nodes and compiled.model.data_nodes and not labels_needed:
        return Together([], list(compiled.model.data_nodes))
    if len(groups) != 1 or (labels_needed and len(nodes) != 1):
        listed = ", ".join(n.name for n in nodes) or "none"
        raise ModelError(f"which label vector? expected one of the model's, there are: {listed}")
    return groups[0]


def of_one(compiled: CompiledModel, node: Stochastic) -> Together:
    """A data node by itself, with the labels that its rows depend on: other data on these labels are left out."""
    group = next((g for g in _belonging_together(compiled) if node in g.data), None)
    return Together([] if group is None else group.labels, [node])


def _belonging_together(compiled: CompiledModel) -> list[Together]:
    """Label vectors that meet in the rows of a data node or in each other's distributions, with these data nodes."""
    labels = label_candidates(compiled.recording)
    groups: list[Together] = []
    for node in dict.fromkeys(f.node for f in compiled.recording.factors):
        is_label = any(x.node is node for x in labels)
        if not isinstance(node, Stochastic) or not (is_label or node in compiled.model.data_nodes):
            continue
        factors = [f for f in compiled.recording.factors if f.node is node]
        met = [x for x in labels if x.node.shape == node.shape[:1] and any(f.touches(x.variable) for f in factors)]
        old = [g for g in groups if set(g.labels) & set(met)]
        joined = list(dict.fromkeys([x for g in old for x in g.labels] + met))
        data = [n for g in old for n in g.data] + ([] if is_label or not met else [node])
        groups = [g for g in groups if g not in old] + ([Together(joined, data)] if joined else [])
    return [g for g in groups if g.data]


def _refuse_chains(together: Together) -> None:
    """Units that follow one another are no rows by themselves."""
    found = next((x.node.name for x in together.labels if x.node.family is MARKOV_CHAIN), None)
    if found is not None:
        raise ModelError(
            f"{found}: new rows expected labels that are independent of one another, but these follow a Markov chain; "
            "mc.forecast(m, steps) has what comes next, mc.classify(m) the states of the units"
        )


# -------------------------------------------------------------------- new rows at kept draws


class NewRows:
    """New rows, ready to be weighed at kept draws.

    Parameters
    ----------
    compiled : CompiledModel
    together : Together
    new : array_like, mapping of name to array_like, or Rows
        NaN for coordinates that are missing: they are integrated out.
    cumulative : bool
        Weigh rows by the log of P(X <= x) in the place of the log density; every distribution must have a cumulative
        one.

    Attributes
    ----------
    count : int
        New rows.
    size : int
        Rows that are weighed: some more than `count` where that is the length of another axis of the model.

    Raises
    ------
    ModelError
        If the values do not fit, or a distribution cannot be written for other rows than the data's own.
    """

    def __init__(self, compiled: CompiledModel, together: Together, new: Any, *, cumulative: bool = False):
        _refuse_chains(together)
        rows = new_rows(together.data, together.covariates, new)
        self.compiled, self.together = compiled, together
        self.count = rows.n_rows
        self.size = free_size(compiled.recording, compiled.model.data_nodes, self.count)
        kind = CumulativeRows if cumulative else OtherRows
        self._rows = kind(compiled.recording, together.labels, some_rows(rows, self.size))
        for node in together.data:
            self._rows.add(node)
        recording = self._rows.finished()
        self._marginal = Marginal(recording) if together.labels else None
        self.needed = list(recording.leaves) if self._marginal is None else self._marginal.needed
        self._refuse_non_factorising()

    def _refuse_non_factorising(self) -> None:
        non_factorising = {} if self._marginal is None else self._marginal.non_factorising
        for label in self.together.labels:
            if label.node in non_factorising:
                reason = non_factorising[label.node]
                raise ModelError(f"{label.node.name}: labels of new rows cannot be summed out ({reason}); {WAY_OUT}")

    def logs(self, draws: Draws, at_most: int) -> Iterator[np.ndarray]:
        """Log density of every row at each of the thinned draws in turn; the array is filled anew each time."""
        for values in self._visited(draws, at_most, "predict_logpdf"):
            if self._marginal is not None:
                self._marginal.put(values)
                yield self._marginal.unit_logs()
            else:
                yield self._without_labels(values)

    def shares(self, draws: Draws, at_most: int, node: Stochastic) -> np.ndarray:
        """Mean over thinned draws of each row's label probabilities, shape (size, K)."""
        total: Any = 0.0
        visited = 0
        for shares in self.shares_by_draw(draws, at_most, node):
            total, visited = total + shares, visited + 1
        return np.asarray(total / visited)

    def shares_by_draw(self, draws: Draws, at_most: int, node: Stochastic) -> Iterator[np.ndarray]:
        """Each row's label probabilities, shape (size, K), at each of the thinned draws; the array is filled anew."""
        assert self._marginal is not None
        label = next(x for x in self.together.labels if x.node is node)
        out = np.zeros((self.size, label.n_labels))
        for values in self._visited(draws, at_most, "memberships"):
            out[:] = 0.0
            self._marginal.put(values)
            self._marginal.add_shares(node, out)
            yield out

    def _visited(self, draws: Draws, at_most: int, what: str) -> Iterator[dict[Stochastic, np.ndarray]]:
        absent = [n.name for n in self.needed if n.name not in draws.variables]
        if absent:
            raise ModelError(
                f"{what} needs the draws of {', '.join(absent)}, which were not kept; leave trace=False out"
            )
        for chain, draw in draws.thinned(at_most):
            yield {n: np.asarray(draws.variables[n.name][chain, draw], dtype=float) for n in self.needed}

    def _without_labels(self, values: Mapping[Stochastic, np.ndarray]) -> np.ndarray:
        """Log density of every row where no label is summed out; what is missing counts nothing."""
        with np.errstate(divide="ignore"):
            leaves = {n: np.log(x) if is_log_kept(n) else x for n, x in values.items()}
        total = np.zeros(self.size)
        for factor, rows in self._rows.placed:
            whole = factor.elements if factor.elements.ndim == 2 else row_elements(factor)
            logs = np.ravel(evaluate(whole, leaves))
            total += logs if rows is None else np.bincount(rows, logs, self.size)
        return total


__all__ = ["NewRows", "Together", "at_rows_of_data", "chosen", "memberships", "of_one", "predict_logpdf"]
