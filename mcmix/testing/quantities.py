"""What is ranked by default: functions of unknowns and data that do not see the names of components."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.nodes.model import Model, parents_given
from mcmix.nodes.node import Node
from mcmix.nodes.stochastic import Stochastic
from mcmix.testing.rule import Quantity
from mcmix.testing.simulate import Simulator


def label_invariant(model: Model) -> dict[str, Quantity]:
    """Functions of unknowns and data that stay the same when component labels are exchanged.

    Parameters
    ----------
    model : Model

    Returns
    -------
    dict of str to callable
        Of each continuous unknown the value, or the least, greatest and (of three or more entries) mean one, for
        symmetric matrices the same of their log determinants; of each vector of whole numbers the largest group and
        the number of groups, and every table's mean over the rows as they look it up; the log density of each data
        node given the labels.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> z = mc.Categorical("z", [0.5, 0.5], size=3)
    >>> mu = mc.Normal("mu", 0, 1, size=2)
    >>> y = mc.Normal("y", mu[z], 1, value=[0.0, 1.0, 2.0], observed=True)
    >>> found = mcmix.testing.label_invariant(mc.Model([y]))
    >>> list(found)[:3]
    ['least mu', 'greatest mu', 'largest group of z']
    >>> found["greatest mu"]({"mu": [2.0, 3.0]})
    3.0
    """
    example = Simulator(model).draw(np.random.default_rng(0))
    discrete = [n for n in model.stochastics if np.issubdtype(n.dtype, np.integer) or n.dtype == bool]
    continuous = [n for n in model.stochastics if n not in discrete]
    labels = [n.name for n in discrete if len(n.shape) == 1 and n.shape[0] > 1]
    found: dict[str, Quantity] = {}
    for node in [*continuous, *[n for n in discrete if n.name not in labels]]:
        found |= of_numbers(node.name, np.asarray(example[node.name]))
    for name in labels:
        found |= of_labels(name, [n.name for n in continuous if len(n.shape) > 0])
    for node in model.data_nodes:
        found[f"log density of {node.name}"] = log_density_of(node, model)
    return found


def of_numbers(name: str, example: np.ndarray) -> dict[str, Quantity]:
    """The order of a variable's entries does not matter to what is ranked."""
    if _is_symmetric(example):
        return _extremes(name, f"log det {name}", math.prod(example.shape[:-2]), lambda v: np.linalg.slogdet(v)[1])
    return _extremes(name, name, example.size, np.asarray)


def _is_symmetric(example: np.ndarray) -> bool:
    square = example.ndim >= 2 and example.shape[-1] == example.shape[-2] > 1
    return square and np.allclose(example, example.swapaxes(-1, -2))


def _extremes(name: str, title: str, size: int, function: Callable[[Any], Any]) -> dict[str, Quantity]:
    if size == 1:
        return {title: _summary(name, function, np.sum)}
    summaries: dict[str, Callable[[Any], Any]] = {"least": np.min, "greatest": np.max}
    if size > 2:
        summaries["mean"] = np.mean
    return {f"{word} {title}": _summary(name, function, f) for word, f in summaries.items()}


def _summary(name: str, function: Callable[[Any], Any], summarised: Callable[[Any], Any]) -> Quantity:
    return lambda values: float(summarised(function(np.asarray(values[name]))))


def of_labels(name: str, tables: Sequence[str]) -> dict[str, Quantity]:
    """How a vector of labels parts its units, and what the units look up."""
    return {
        f"largest group of {name}": lambda v: float(np.unique(v[name], return_counts=True)[1].max()),
        f"groups of {name}": lambda v: float(len(np.unique(v[name]))),
        **{f"mean {table} at {name}": _mean_at(table, name) for table in tables},
    }


def _mean_at(table: str, labels: str) -> Quantity:
    return lambda values: float(_looked_up(values[table], values[labels]).mean())


def _looked_up(table: Any, labels: Any) -> np.ndarray:
    # clipped, because not every vector of whole numbers holds labels of every table
    return np.take(np.asarray(table), np.asarray(labels).astype(int), axis=0, mode="clip")


def log_density_of(node: Stochastic, model: Model) -> Quantity:
    """The log density of a node given its parents."""
    members = [n for n in model.ordered() if isinstance(n, Stochastic)]

    def quantity(values: Mapping[str, Any]) -> float:
        known: dict[Node, Any] = {n: values[n.name] for n in members}
        return node.log_density(values[node.name], parents_given(node, known))

    return quantity


__all__ = ["label_invariant", "log_density_of", "of_labels", "of_numbers"]
