"""Normal components of data at given values of the unknowns: weights, means and covariances, for pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.structure.cells import looked_up
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, constant, reshape
from mcmix.structure.label_vectors import LabelVector, label_candidates
from mcmix.structure.recording import Factor, Recording, is_log_kept, record
from mcmix.structure.rewrite import NotSeparable, substitute
from mcmix.structure.rows import Rows


@dataclass
class Components:
    """The components of one draw.

    Attributes
    ----------
    weights : ndarray, shape (K,)
    means : ndarray, shape (K, D)
    covariances : ndarray, shape (K, D, D)
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def shares(self, x: np.ndarray) -> np.ndarray:
        """Probability of each component for complete rows (rows, D), shape (rows, K)."""
        logs = np.empty((len(x), len(self.weights)))
        for k, (mean, covariance) in enumerate(zip(self.means, self.covariances, strict=True)):
            factor = np.linalg.cholesky(covariance)
            about = np.linalg.solve(factor, (x - mean).T)
            logs[:, k] = -0.5 * (about**2).sum(0) - np.log(np.diag(factor)).sum()
        with np.errstate(divide="ignore"):
            logs += np.log(self.weights)
        logs = np.exp(logs - logs.max(1, keepdims=True))
        return np.asarray(logs / logs.sum(1, keepdims=True))


class NormalComponents:
    """Reads the components of a data node off the values of a model's unknowns.

    Parameters
    ----------
    model : Model
    rows : Rows
    node : Stochastic
        Rows of at least two columns: vectors of a multivariate normal distribution, or a table of independent normal
        columns.

    Raises
    ------
    ModelError
        If its distribution is no normal one, or its parameters are no functions of one label.
    """

    def __init__(self, model: Model, rows: Rows, node: Stochastic):
        with np.errstate(divide="ignore"):  # weights that stand at zero have logarithms too
            self.node, self.recording = node, record(model, rows=rows)
        factor = self.recording.factor_of(node)
        if factor.family is None or factor.family.name not in _MOMENTS:
            distribution = "a distribution of its own" if factor.family is None else factor.family.name
            raise ModelError(f"{node.name}: components expected normal (Normal, MvNormal, MvNormalCov, MvNormalChol), "
                             f"got {distribution}")  # fmt: skip
        self._moments = _MOMENTS[factor.family.name]
        self.width = node.shape[-1]
        self.label = _label_of(node, factor, self.recording)
        axes = [max(p.event_ndim, 0 if factor.family.event_ndim else 1) for p in factor.family.parameters]
        self._tables = [self._table(x, n) for x, n in zip(factor.parameters.values(), axes, strict=True)]

    def _table(self, parameter: Expression, axes: int) -> Expression:
        """A parameter over the label's values, or shared."""
        if self.label is None:
            table = parameter
        else:
            whole, values = self.recording.values[self.label.node], constant(self.label.values)
            replaced = {whole: values}
            if self.label.node.mask is not None and whole.op == "take":  # known labels for some rows, looked up in one
                replaced |= {
                    p: reshape(values, (values.size, *[1] * (p.ndim - 1)))
                    for p in looked_up(parameter, whole.arguments[0])
                }
            try:
                table = substitute(parameter, replaced)
            except (NotSeparable, ValueError, TypeError) as reason:
                raise ModelError(
                    f"{self.node.name}: components expected parameters of the label alone ({reason})"
                ) from (reason)
        if table.ndim > axes + 1 or (
            table.ndim == axes + 1 and (self.label is None or len(table) != self.n_components)
        ):
            raise ModelError(
                f"{self.node.name}: components expected parameters of the label alone, got one for each row"
            )
        return table

    @property
    def n_components(self) -> int:
        """Number of components K."""
        return 1 if self.label is None else self.label.n_labels

    @property
    def needed(self) -> list[Stochastic]:
        """Unknowns whose values are needed."""
        used = frozenset[Expression]().union(*[t.leaves for t in [*self._tables, *self._prior()]])
        return [n for n, leaf in self.recording.leaves.items() if leaf in used]

    def _prior(self) -> list[Expression]:
        return [] if self.label is None else list(self.recording.own_factor(self.label.node).parameters.values())

    def at(self, values: Mapping[Stochastic, Any]) -> Components:
        """The components at values as users see them, by unknown."""
        with np.errstate(divide="ignore"):
            leaves = {n: np.log(x) if is_log_kept(n) else np.asarray(x, dtype=float) for n, x in values.items()}
        known: dict[Expression, np.ndarray] = {}
        tables = [evaluate(t, leaves, known) for t in self._tables]
        means, covariances = self._moments(*tables, self.width)
        k, d = self.n_components, self.width
        return Components(
            self._weights([evaluate(p, leaves, known) for p in self._prior()]),
            np.broadcast_to(means, (k, d)),
            np.broadcast_to(covariances, (k, d, d)),
        )

    def _weights(self, parameters: list[np.ndarray]) -> np.ndarray:
        if self.label is None:
            return np.ones(1)
        return np.exp(self.label.node.family.logpdf(self.label.values.astype(float), *parameters))


def _label_of(node: Stochastic, factor: Factor, recording: Recording) -> LabelVector | None:
    found = [x for x in label_candidates(recording) if factor.touches(x.variable) and x.node.shape == node.shape[:1]]
    if len(found) > 1:
        raise ModelError(
            f"{node.name}: components expected one label vector, got {', '.join(x.node.name for x in found)}"
        )
    return found[0] if found else None


def _columns(mean: np.ndarray, precision: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    variances = np.broadcast_to(1.0 / precision, (*np.shape(precision)[:-1], width))
    return mean, variances[..., None] * np.eye(width)


def _by_precision(mean: np.ndarray, precision: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    return mean, np.linalg.inv(precision)


def _by_covariance(mean: np.ndarray, covariance: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    return mean, covariance


def _by_factor(mean: np.ndarray, factor: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    return mean, factor @ np.swapaxes(factor, -1, -2)


_MOMENTS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "Normal": _columns,
    "MvNormal": _by_precision,
    "MvNormalCov": _by_covariance,
    "MvNormalChol": _by_factor,
}


def table_of(model: Model, rows: Rows, name: Any, what: str) -> tuple[Stochastic, np.ndarray]:
    """A data node of rows with at least two columns, and its rows; NaN where an entry is missing.

    Raises
    ------
    ModelError
        If there is no such node, or it is not clear which.
    """
    nodes = {n.name: n for n in model.data_nodes}
    key = getattr(name, "name", name)
    if key is None:
        tables = [n for n, node in nodes.items() if len(node.shape) == 2] if len(nodes) > 1 else list(nodes)
        key = tables[0] if len(tables) == 1 else None  # labels that are known are data too
    if key not in nodes:
        raise ModelError(f"{what}: expected one of the data nodes {', '.join(nodes) or '(none)'}, got {key!r}")
    node = nodes[key]
    if len(node.shape) != 2 or node.shape[1] < 2:
        raise ModelError(f"{what}: {node.name} expected rows of at least two columns, got shape {node.shape}")
    return node, rows[node].with_gaps()


__all__ = ["Components", "NormalComponents", "table_of"]
