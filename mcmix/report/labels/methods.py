"""Ways of relabelling: each finds, for every draw, which component gets which name.

A new way is a function here and a row in `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2, vq

from mcmix.errors import ModelError
from mcmix.kernels import cross
from mcmix.report.labels.assignment import names_of, one_by_one, over_blocks
from mcmix.report.labels.components import Components

MOST_ROUNDS = 50
FEW_ROUNDS = 10  # of what is moved by every row: it wanders where clusters overlap
FINEST = 1e-6  # unit of a parameter that hardly varies within a name, in its spread over all names
TINY = 1e-12  # probabilities are kept above this before their logarithm is taken


@dataclass(frozen=True)
class Permutations:
    """What a method found.

    Attributes
    ----------
    order : ndarray of int, shape (S, K)
        Which component gets name j in each draw.
    proper : ndarray of bool, shape (S,)
        False where a method found no clear permutation, and the best one was taken.
    """

    order: np.ndarray
    proper: np.ndarray

    @classmethod
    def of(cls, order: np.ndarray) -> Permutations:
        """All of them clear."""
        return cls(order, np.ones(len(order), dtype=bool))


# -------------------------------------------------------------------- by labels


def ecr(c: Components) -> Permutations:
    """Equivalence classes representatives: as many units as possible keep the label of the most probable draw.

    Papastamoulis and Iliopoulos (2010), "An artificial allocations based solution to the label switching problem".
    """
    labels = c.known_labels("ecr")
    return Permutations.of(_to_pivot(c, labels, labels[c.pivot]))


def ecr_iterative_1(c: Components) -> Permutations:
    """ECR whose pivot is the most frequent label of each unit, found again until no permutation changes."""
    labels = c.known_labels("ecr-iterative-1")
    some, pivot = labels[c.some], labels[c.pivot]
    for _ in range(MOST_ROUNDS):
        before, pivot = pivot, _most_frequent(some, _to_pivot(c, some, pivot), c.n_components)
        if np.array_equal(before, pivot):
            break
    return Permutations.of(_to_pivot(c, labels, pivot))


def ecr_iterative_2(c: Components) -> Permutations:
    """ECR whose pivot is the most probable label of each unit, from averaged label probabilities."""
    labels, probabilities = c.known_labels("ecr-iterative-2"), c.known_probabilities("ecr-iterative-2")
    some, pivot = labels[c.some], labels[c.pivot]
    for _ in range(MOST_ROUNDS):
        mean = _mean_probabilities(c, probabilities, c.some, _to_pivot(c, some, pivot))
        before, pivot = pivot, mean.argmax(axis=1).astype(labels.dtype)
        if np.array_equal(before, pivot):
            break
    return Permutations.of(_to_pivot(c, labels, pivot))


def _to_pivot(c: Components, labels: np.ndarray, pivot: np.ndarray) -> np.ndarray:
    """Permutations under which most units have their pivot's label."""
    k = c.n_components

    def costs(part: slice) -> np.ndarray:
        out = np.zeros((part.stop - part.start, k, k))
        cross.cross_tables(labels[part], pivot, out)
        return -out

    return over_blocks(costs, len(labels), c.forbidden)


def _most_frequent(labels: np.ndarray, order: np.ndarray, n_components: int) -> np.ndarray:
    counts = np.zeros((labels.shape[1], n_components))
    cross.add_relabelled(labels, names_of(order), counts)
    return counts.argmax(axis=1).astype(labels.dtype)


# -------------------------------------------------------------------- by probabilities


def stephens(c: Components) -> Permutations:
    """Least Kullback-Leibler divergence of each draw's label probabilities from their relabelled mean.

    Stephens (2000), "Dealing with label switching in mixture models", algorithm 2. The mean settles on at most 1000
    draws; all draws are then gone through once.
    """
    probabilities = c.known_probabilities("stephens")
    order = np.tile(np.arange(c.n_components), (len(c.some), 1))
    mean = next(probabilities(np.array([c.pivot]))).copy()
    for _ in range(MOST_ROUNDS):
        before, order = order, _by_divergence(c, c.some, mean)
        mean = _mean_probabilities(c, probabilities, c.some, order)
        if np.array_equal(before, order):
            break
    return Permutations.of(_by_divergence(c, np.arange(c.n_draws), mean))


def _by_divergence(c: Components, draws: np.ndarray, mean: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(mean, TINY))
    probabilities = c.known_probabilities("stephens")
    return one_by_one((-(p.T @ logs) for p in probabilities(draws)), c.forbidden)


def _mean_probabilities(c: Components, probabilities: Callable, draws: np.ndarray, order: np.ndarray) -> np.ndarray:
    total = 0.0
    for p, chosen in zip(probabilities(draws), order, strict=True):
        total = total + p[:, chosen]
    return np.asarray(total / len(draws))


# -------------------------------------------------------------------- by parameters


def pra(c: Components) -> Permutations:
    """Pivotal reordering: parameters as close as possible to the most probable draw's, then to the mean of what came.

    Marin, Mengersen and Robert (2005), "Bayesian modelling and inference on mixtures of distributions", section 3.2.
    Each parameter counts in units of its spread within a name, so that those that tell components apart decide.
    """
    features, pivot = settled(c)
    return Permutations.of(to_points(c, features, pivot))


def settled(c: Components) -> tuple[np.ndarray, np.ndarray]:
    """Features in units of their spread within a name, and the mean of each name, settled on some draws.

    The first units are the spreads of sorted values: a parameter that keeps many components apart counts from the
    beginning, and is not lost among those that tell nothing.
    """
    features = c.features()
    some, pivot = features[c.some], features[c.pivot]
    units = np.maximum(np.sort(some, axis=1).std(axis=0).mean(axis=0), FINEST)
    order = to_points(c, some / units, pivot / units)
    for _ in range(MOST_ROUNDS):
        in_order = np.take_along_axis(some, order[:, :, None], axis=1)
        units, pivot = np.maximum(in_order.std(axis=0).mean(axis=0), FINEST), in_order.mean(axis=0)
        before, order = order, to_points(c, some / units, pivot / units)
        if np.array_equal(before, order):
            break
    features /= units
    return features, pivot / units


def to_points(c: Components, features: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Permutations that bring components closest to one point for each name, in squared distance."""
    squares = (points**2).sum(-1)
    return over_blocks(lambda part: squares - 2.0 * features[part] @ points.T, len(features), c.forbidden)


def ordering(c: Components, by: str | None = None) -> Permutations:
    """Components in increasing order of one parameter, class by class; by default of that which separates them best.

    Angles come in the order in which they follow from where the circle is emptiest.
    """
    if not c.tables:
        raise ModelError("relabel: method 'ordering' needs draws of parameters by component, got none; use 'ecr'")
    by = max(c.tables, key=lambda name: _separation(c.sortable(name))) if by is None else by
    if not isinstance(by, str) or by not in c.tables:
        raise ModelError(f"relabel: by= expected one of {', '.join(map(repr, c.tables))}, got {by!r}")
    order, table = np.tile(np.arange(c.n_components), (c.n_draws, 1)), c.sortable(by)
    for members in c.classes:
        chosen = np.asarray(members)
        order[:, chosen] = chosen[np.argsort(table[:, chosen], axis=1, kind="stable")]
    return Permutations.of(order)


def _separation(table: np.ndarray) -> float:
    """Smallest gap between neighbours of the sorted components, in units of their spread."""
    ordered = np.sort(table, axis=1)
    gaps, spread = np.diff(ordered.mean(axis=0)), np.maximum(ordered.std(axis=0), TINY)
    return float((gaps / (spread[1:] + spread[:-1])).min(initial=np.inf))


def point_process(c: Components) -> Permutations:
    """All draws of all components clustered by k-means: a draw with one component in each cluster is clear.

    Fruehwirth-Schnatter (2011), "Label switching under model uncertainty". The share of draws that are not clear is
    the non-permutation rate: where it is large, there are too many components, or they overlap.
    """
    features, start = settled(c)
    sample = features[c.some].reshape(-1, features.shape[-1])
    centres, _ = kmeans2(sample, start, minit="matrix", missing="warn") if len(start) > 1 else (start, None)
    names = vq(features.reshape(-1, features.shape[-1]), centres)[0].reshape(c.n_draws, -1)
    proper = (np.sort(names, axis=1) == np.arange(c.n_components)).all(axis=1)
    return Permutations(to_points(c, features, centres), proper)


# -------------------------------------------------------------------- by data


def data_based(c: Components) -> Permutations:
    """Rows of a component as close as possible, in units of spread, to the centre of the cluster of its name.

    Rodriguez and Walker (2014), "Label switching in Bayesian mixture models: deterministic relabeling strategies".
    """
    labels = c.known_labels("data-based")
    if c.data is None:
        came = f"{', '.join(c.missing)} with missing values" if c.missing else "none"
        raise ModelError(f"relabel: method 'data-based' needs numbers that the labels part, got {came}; use 'ecr'")
    k, some = c.n_components, labels[c.some]
    order = _to_pivot(c, some, labels[c.pivot])
    centre, scale = _centres(c.data, some, order, k)
    for _ in range(FEW_ROUNDS):
        before, order = order, _to_centres(c, some, centre, scale)
        if np.array_equal(before, order):
            break
        centre, scale = _centres(c.data, some, order, k)
    return Permutations.of(_to_centres(c, labels, centre, scale))


def _to_centres(c: Components, labels: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    assert c.data is not None
    data, precision = c.data, scale**-2.0
    about = np.column_stack([(precision * centre**2).sum(-1), -2.0 * precision * centre, precision]).T

    def costs(part: slice) -> np.ndarray:
        count, total, square = _sums(labels[part], data, c.n_components)
        return np.concatenate([count[:, :, None], total, square], axis=2) @ about

    return over_blocks(costs, len(labels), c.forbidden, level=True)


def _sums(labels: np.ndarray, data: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (len(labels), k, data.shape[1])
    count, total, square = np.zeros(shape[:2]), np.zeros(shape), np.zeros(shape)
    cross.sums_by_label(labels, data, count, total, square)
    return count, total, square


def _centres(data: np.ndarray, labels: np.ndarray, order: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each name's rows, units weighed by how often they had it."""
    share = np.zeros((labels.shape[1], k))
    cross.add_relabelled(labels, names_of(order), share)
    weight = np.maximum(share.sum(0), TINY)[:, None]
    centre = share.T @ data / weight
    square = share.T @ data**2 / weight - centre**2
    whole = data.std(axis=0)
    return centre, np.sqrt(np.maximum(square, 1e-6 * np.where(whole > 0, whole, 1.0) ** 2))


METHODS: dict[str, Callable[..., Permutations]] = {
    "ecr": ecr,
    "ecr-iterative-1": ecr_iterative_1,
    "ecr-iterative-2": ecr_iterative_2,
    "stephens": stephens,
    "pra": pra,
    "data-based": data_based,
    "ordering": ordering,
    "point-process": point_process,
}


_ECR = "the ECR algorithm (Papastamoulis and Iliopoulos 2010)"
CITED = {
    "ecr": _ECR,
    "ecr-iterative-1": _ECR,
    "ecr-iterative-2": _ECR,
    "stephens": "Stephens' algorithm (Stephens 2000)",
    "pra": "pivotal reordering (Marin, Mengersen and Robert 2005)",
    "data-based": "the data-based algorithm (Rodriguez and Walker 2014)",
    "ordering": "an ordering constraint",
    "point-process": "clustering of the point process representation (Fruehwirth-Schnatter 2011)",
}  # how a sentence calls them


# Rows, draws and components, by whose probabilities components are named without being asked to.
MOST_BY_PROBABILITIES = 10**9


def chosen_for(c: Components) -> tuple[str, str]:
    """Which method serves these draws, and why."""
    if c.labels is not None:
        return "ecr-iterative-1", "labels were kept: it matches the partitions of the draws, whatever the parameters"
    if c.probabilities is None:
        return "pra", "neither labels nor a model: parameters are matched with those of the most probable draw"
    if c.tables and _are_many(c):
        return (
            "pra",
            "labels were not kept and rows are many: parameters are matched with those of the most probable draw",
        )
    return "stephens", "labels were not kept, but the model gives their probabilities"


def _are_many(c: Components) -> bool:
    """Whether label probabilities of all rows in all draws would take minutes."""
    assert c.probabilities is not None
    if c.data is not None:
        return len(c.data) * c.n_components * c.n_draws > MOST_BY_PROBABILITIES
    return next(c.probabilities(np.array([c.pivot]))).size * c.n_draws > MOST_BY_PROBABILITIES


__all__ = ["CITED", "METHODS", "Permutations", "chosen_for", "settled", "to_points"]
