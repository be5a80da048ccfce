"""Distributions written once more for other rows than the data's own: for predictions.

A distribution's parameters are expressions of labels and of what all rows share. With a label vector of another length
in the place of the old one they are parameters of other rows, unless something else in them goes by row: then shapes
collide, and the distribution is refused. For that the new rows must be of a number that is no other axis of the model.
Covariates are handed in anew: the functions below them are recorded once more, with the new ones and the new labels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from mcmix.distributions.mv_normal import MV_NORMAL_COV
from mcmix.errors import ModelError, TraceError
from mcmix.nodes.covariates import Covariates
from mcmix.nodes.deterministic import Deterministic
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import Node, holds_nodes, mapped
from mcmix.nodes.stochastic import Stochastic
from mcmix.nodes.wrapped import Censored
from mcmix.structure import expression as ex
from mcmix.structure.by_label import one_sum
from mcmix.structure.canvas import revealed
from mcmix.structure.cells import constant_rows_as_scalars, row_elements
from mcmix.structure.expression import Expression, as_expression, constant, elementwise, gather, leaf, python, reduce
from mcmix.structure.label_vectors import LabelVector
from mcmix.structure.missing import _at_places, by_category
from mcmix.structure.recording import Factor, Recording, _own_logp, _parameter, recorded_again
from mcmix.structure.rewrite import NotSeparable, substitute
from mcmix.structure.rows import Rows
from mcmix.structure.sources import column_leaf
from mcmix.structure.walks import ordered

MOST_PATTERNS = 64  # of missing coordinates in rows of vectors: each is a factor of its own
WAY_OUT = "take the draws from trace(...) and compute it for the new rows' own parameters"


def _recorded(logp: Callable[..., Any], x: Expression, parents: Mapping[str, Any]) -> Expression:
    """A user's log density of other rows, given as plain numbers where it takes them so."""
    if x.is_constant:
        try:
            return as_expression(revealed(logp(x.known, **parents)))
        except TraceError:  # masks that are not known pick rows of what is recorded only
            pass
    return one_sum(as_expression(revealed(logp(x, **parents))))


@dataclass(eq=False)
class OtherRows:
    """New rows of data nodes that depend on the same labels.

    Attributes
    ----------
    old : Recording
        Of the model with its own rows.
    labels : list of LabelVector
        Those of the model; the new rows have labels of their own in their place.
    rows : Rows
        The new rows of data nodes and covariates.
    recording : Recording
        The distributions of new labels and new data, and nothing else.
    totals : dict of str to ndarray, shape (size,)
        Trials of the new rows, by data node whose own rows have different ones.
    covariates : dict of Covariates to Expression, shape (size, ...)
        Those of the new rows.
    placed : list of (Factor, ndarray of int or None)
        Of the data: each factor, and which of the new rows its entries belong to where it is not all of them in turn.
    """

    old: Recording
    labels: list[LabelVector]
    rows: Rows
    totals: dict[str, np.ndarray] = field(default_factory=dict)
    recording: Recording = field(default_factory=Recording)
    placed: list[tuple[Factor, np.ndarray | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = self.rows.n_rows
        own: dict[Node, Expression] = {n: column_leaf(c) for n, c in self.rows.items() if isinstance(n, Covariates)}
        self.covariates = own
        kinds = {label: label.variable.kind for label in self.labels}
        self.fresh = [LabelVector(x.node, leaf(x.node, (self.size,), kinds[x]), x.values) for x in self.labels]
        self._replaced = {self.old.values[x.node]: x.variable for x in self.fresh}
        self._changed = set[Node]()
        self._renewed = replace(self.old, values=dict(self.covariates))
        for label in self.fresh:
            self.recording.leaves[label.node] = self.recording.values[label.node] = label.variable
            self._guarded(label.node, partial(self._add_label, label))

    def add(self, node: Stochastic) -> None:
        """Weigh the new rows of a data node; what is missing in them is integrated out.

        Raises
        ------
        ModelError
            If its distribution cannot be written for other rows than its own.
        """
        if isinstance(node, Censored) and not node.in_bins:
            raise ModelError(
                f"{node.name}: new rows of censored data have no density before it is known which are censored; model "
                "the uncensored distribution, or take the draws from trace(...)"
            )
        self._guarded(node, partial(self._add_data, _all_known(self._weighed(node)), self.rows[node].with_gaps()))

    def _weighed(self, node: Stochastic) -> Stochastic:
        """The node by whose distribution the rows are weighed."""
        return node.of_values if isinstance(node, Censored) else node

    def finished(self) -> Recording:
        """The recording, with every unknown that the distributions depend on."""
        used = frozenset[Expression]().union(*[f.elements.leaves for f in self.recording.factors])
        own = self.recording.leaves
        self.recording.leaves = own | {n: v for n, v in self.old.leaves.items() if v in used and n not in own}
        return self.recording

    # ---------------------------------------------------------------- one distribution

    def _guarded(self, node: Stochastic, write: Callable[[], None]) -> None:
        """Whatever shapes or functions collide is a refusal that names the node."""
        try:
            write()
        except ModelError:
            raise
        except Exception as reason:  # noqa: BLE001  functions of the user's are among what is called
            first = (str(reason).splitlines() or [""])[0]
            raise ModelError(
                f"{node.name}: new rows expected parameters that depend on the label alone; something else in them "
                f"belongs to the data's own rows ({first}); make arrays that go by row nodes, mc.Covariates(name, "
                f"array), whose new rows are handed in by name, or {WAY_OUT}"
            ) from reason

    def value(self, node: Node) -> Expression:
        """What a node is for the new rows: of functions below covariates, once more what they answer."""
        waiting = [node] if self.covariates else []
        while waiting:
            last = waiting[-1]
            parents = [n for n in last.parent_nodes if n not in self._renewed.values and isinstance(n, Deterministic)]
            if last in self._renewed.values:
                waiting.pop()
            elif parents:
                waiting += parents
            else:
                self._renewed.values[last] = self._renewed_value(waiting.pop())
        return self._renewed.values[node] if self.covariates else self.relabelled(self.old.values[node])

    def _renewed_value(self, node: Node) -> Expression:
        """A node's value, those of the functions among its parents being there."""
        if not any(n in self._changed or n in self.covariates for n in node.parent_nodes):
            old = self.old.values[node]
            return self.relabelled(constant_rows_as_scalars(old, old.shape[0]) if old.ndim == 1 else old)
        assert isinstance(node, Deterministic)
        if node in self.old.opaque:
            raise ModelError(
                f"{node.name}: its function depends on covariates and is called as it is written "
                f"({self.old.opaque[node]}), so it is not known for new rows; write it with NumPy functions"
            )
        for n in node.parent_nodes:
            if n not in self._renewed.values and n in self.old.values:  # objects have no expression
                self._renewed.values[n] = self.relabelled(self.old.values[n])
        self._changed.add(node)
        return recorded_again(node, self._renewed)

    def _add_label(self, label: LabelVector) -> None:
        factor = self._distribution(label.node, label.variable)
        self._check(row_elements(factor).shape[:1])
        self.recording.factors.append(factor)

    def _add_data(self, node: Stochastic, x: np.ndarray) -> None:
        gaps = np.isnan(x)
        if not gaps.any():
            factor = self._distribution(node, constant(x))
            whole = factor.elements if factor.elements.ndim == 2 else row_elements(factor)
            self._check(whole.shape[:1])
            self._place(factor, None if whole.ndim == 1 else np.repeat(np.arange(self.size), whole.shape[1]))
        elif isinstance(node, Distribution) and node.family.vectors is not None:
            self._add_patterns(node, x, ~gaps)
        else:
            self._add_columns(node, x, ~gaps)

    def _check(self, shape: tuple[int, ...]) -> None:
        if shape != (self.size,):
            raise NotSeparable(f"{shape[0] if shape else 1} rows where there are {self.size}")

    def _place(self, factor: Factor, rows: np.ndarray | None) -> None:
        self.recording.factors.append(factor)
        self.placed.append((factor, rows))

    def _distribution(self, node: Stochastic, x: Expression) -> Factor:
        """The node's distribution at other values: as recording writes it."""
        if not isinstance(node, Distribution):
            parents = {k: self._argument(p) for k, p in node.parents.items()}
            return Factor(node, reduce("sum", _recorded(_own_logp(node), x, parents)), x=x)
        family, given = node.family, node.canonical_parents
        parameters = [self._moved(self._parameter(p), node) for p in given.values()]
        if node.name in self.totals:
            parameters[list(given).index("trials")] = constant(self.totals[node.name])
        if family.name == "Multinomial":
            elements = _counts(x.known, parameters[1])
        elif family.expression is not None:
            elements = as_expression(family.expression(x.known if x.is_constant else x, *parameters))
        elif family.event is not None:
            elements = ex.event_density(family, x, parameters)
        else:
            elements = ex.density(family, x, parameters)
        return Factor(node, elements, family, x, dict(zip(given, parameters, strict=True)))

    def _parameter(self, parent: Any) -> Expression:
        """A parent as recording writes it; below covariates of new rows, with these."""
        if not self.covariates or not holds_nodes(parent):
            return _parameter(parent, self.old)
        return as_expression(mapped(parent, self.value, as_expression))

    def _argument(self, parent: Any) -> Any:
        return mapped(parent, self.value, as_expression) if holds_nodes(parent) else parent

    def _moved(self, parameter: Expression, node: Stochastic) -> Expression:
        """A parameter with the new labels; what is the same in every row of the data is shared by the new ones."""
        rows = node.shape[:1]
        if parameter.is_constant and parameter.ndim and parameter.shape == node.shape:
            values = parameter.known
            return constant(values[0]) if (values == values[:1]).all() else parameter
        if rows and parameter.shape == rows:
            parameter = constant_rows_as_scalars(parameter, rows[0])
        return self.relabelled(parameter)

    def relabelled(self, x: Expression) -> Expression:
        """An expression with the new labels in the place of the old ones, also of those that are known for some units.

        These are looked up in known and unknown entries; with more axes they are look-ups of their own.
        """
        found = dict(self._replaced)
        for old, new in self._replaced.items():
            for part in ordered(x) if old.op == "take" else ():
                if part.op == "take" and _same_rows(part, old):
                    found[part] = ex.reshape(new, (self.size, *part.shape[1:]))
        return substitute(x, found)

    # ---------------------------------------------------------------- missing coordinates

    def _add_columns(self, node: Stochastic, x: np.ndarray, seen: np.ndarray) -> None:
        """Independent columns, each with the rows in which it is seen."""
        family = getattr(node, "family", None)
        if family is not None and family.expression is not None and x.ndim == 1 and not family.event_ndim:
            self._add_seen(node, x, seen)
            return
        factor = self._distribution(node, constant(x))
        if factor.elements.op != "density":
            raise ModelError(
                f"{node.name}: new rows of this distribution expected complete, got NaN; leave such rows out"
            )
        self._check(factor.elements.shape[:1])
        columns = 1 if x.ndim == 1 else x.shape[1]
        for j in range(columns):
            rows = np.flatnonzero(seen if x.ndim == 1 else seen[:, j])
            if rows.size:
                self._place(_at_places(factor, rows * columns + j), rows)

    def _add_seen(self, node: Stochastic, x: np.ndarray, seen: np.ndarray) -> None:
        """One column of what has an expression in the place of a density (categories): the rows in which it is seen."""
        rows = np.flatnonzero(seen)
        if not rows.size:
            return
        whole = self._distribution(node, constant(np.where(seen, x, x[rows[0]])))
        self._check(row_elements(whole).shape[:1])
        self._place(Factor(node, gather(row_elements(whole), rows)), rows)

    def _add_patterns(self, node: Distribution, x: np.ndarray, seen: np.ndarray) -> None:
        """Rows of vectors by which coordinates they show: the distribution of these alone."""
        (mean, of_mean), (matrix, of_matrix) = (
            self._table(self._moved(self._parameter(p), node)) for p in node.parents.values()
        )
        spread = python(_COVARIANCE[node.family.name], [matrix], matrix.shape, "float", f"covariances of {node.name}")
        if mean.ndim - (of_mean is not None) != 1 or matrix.ndim - (of_matrix is not None) != 2:
            raise NotSeparable("vectors or matrices that differ by row")
        patterns, which = np.unique(seen, axis=0, return_inverse=True)
        if len(patterns) > MOST_PATTERNS:
            raise ModelError(
                f"{node.name}: new rows expected at most {MOST_PATTERNS} patterns of missing coordinates, got "
                f"{len(patterns)}; pass them in parts"
            )
        for i, pattern in enumerate(patterns):
            rows, shown = np.flatnonzero(np.ravel(which) == i), np.flatnonzero(pattern)
            if not shown.size:
                continue
            parameters = [
                _looked_up(mean[..., shown], of_mean, rows),
                _looked_up(spread[..., shown[:, None], shown], of_matrix, rows),
            ]
            known = constant(np.ascontiguousarray(x[np.ix_(rows, shown)]))
            elements = ex.event_density(MV_NORMAL_COV, known, parameters)
            named = dict(zip(("mean", "covariance"), parameters, strict=True))
            self._place(Factor(node, elements, MV_NORMAL_COV, known, named), rows)

    def _table(self, parameter: Expression) -> tuple[Expression, LabelVector | None]:
        """A parameter as a table over the labels, and these; or as it is where it does not depend on them."""
        found = [x for x in self.fresh if x.variable in parameter.leaves]
        if len(found) > 1:
            raise NotSeparable("rows of vectors depend on two label vectors")
        table = substitute(parameter, {x.variable: constant(x.values) for x in found})
        return table, found[0] if found else None


def totals_by_row(node: Stochastic) -> np.ndarray | None:
    """Known trials of a data node's rows, shape (rows,), where they differ; else None."""
    given = node.parents.get("trials") if isinstance(node, Distribution) else None
    if given is None or holds_nodes(given):
        return None
    values = np.asarray(given, dtype=float)
    return values if values.shape == node.shape[:1] and np.unique(values).size > 1 else None


def _same_rows(part: Expression, labels: Expression) -> bool:
    """Whether a look-up is that of completed labels, perhaps with more axes."""
    (table, at), (own, whole) = part.arguments, labels.arguments
    if table is not own or not at.is_constant or part.shape[:1] != labels.shape or part.size != labels.size:
        return False
    return np.array_equal(np.ravel(at.known), np.ravel(whole.known))


def _all_known(node: Stochastic) -> Stochastic:
    """The node as one without missing entries of its own: those are no unknowns of the new rows."""
    same = copy(node)
    same.mask, same.observed = None, True
    return same


def _looked_up(table: Expression, label: LabelVector | None, rows: np.ndarray) -> Expression:
    """What the labels of some rows look up in a table; what is shared stays as it is."""
    if label is None:
        return table
    return as_expression(table[elementwise("subtract", gather(label.variable, rows), label.lowest)])


def _inverse(precision: np.ndarray) -> np.ndarray:
    return np.linalg.inv(precision)


def _covariance(covariance: np.ndarray) -> np.ndarray:
    return np.asarray(covariance)


def _product(factor: np.ndarray) -> np.ndarray:
    return np.asarray(factor @ np.swapaxes(factor, -1, -2))


_COVARIANCE = {"MvNormal": _inverse, "MvNormalCov": _covariance, "MvNormalChol": _product}


def _counts(x: np.ndarray, probabilities: Expression) -> Expression:
    if np.isnan(x).any():
        raise ModelError("new rows of counts expected complete, got NaN; leave such rows out")
    return by_category(x, probabilities)


def free_size(recording: Recording, nodes: Collection[Stochastic], at_least: int) -> int:
    """The smallest number of rows from `at_least` on that is the length of no axis in the model."""
    taken = {n for x in recording.values.values() for n in x.shape} | {n for node in nodes for n in node.shape}
    size = max(at_least, 2)
    while size in taken:
        size += 1
    return size


__all__ = ["OtherRows", "free_size", "totals_by_row"]
