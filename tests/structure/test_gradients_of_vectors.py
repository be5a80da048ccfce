"""Derivatives of densities of vectors and matrices beside finite differences, along symmetric changes of matrices."""

from __future__ import annotations

import numpy as np
import pytest

from mcmix.distributions.table import FAMILIES
from mcmix.structure import expression as ex
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from mcmix.structure.gradients import gradient

D, K, STEP = 3, 2, 1e-6


def matrices(rng, count=K, d=D):
    root = rng.normal(size=(count, d, d))
    return root @ np.swapaxes(root, -1, -2) + d * np.eye(d)


def correlations(rng):
    found = matrices(rng)
    scale = np.sqrt(np.diagonal(found, axis1=-2, axis2=-1))
    return found / scale[:, :, None] / scale[:, None, :]


def factors(rng):
    return np.linalg.cholesky(matrices(rng))


def directions(rng, kind, like):
    """A change of a variable that keeps it what it is: symmetric, below the diagonal, off it, or any."""
    change = rng.normal(size=like.shape)
    if kind in ("matrix", "correlation"):
        change = change + np.swapaxes(change, -1, -2)
    if kind == "factor":
        change = np.tril(change)
    return change * (1.0 - np.eye(D)) if kind == "correlation" else change


FAMILIES_OF_VECTORS = {
    "MvNormal": ("vector", "vector", "matrix"),
    "MvNormalCov": ("vector", "vector", "matrix"),
    "MvNormalChol": ("vector", "vector", "factor"),
    "Wishart": ("matrix", "degrees", "matrix"),
    "WishartCov": ("matrix", "degrees", "matrix"),
    "InverseWishart": ("matrix", "degrees", "matrix"),
    "LKJ": ("correlation", "degrees", None),
}
MADE = {
    "vector": lambda rng: rng.normal(size=(K, D)),
    "matrix": matrices,
    "factor": factors,
    "correlation": correlations,
    "degrees": lambda rng: rng.uniform(4.0, 7.0, size=K),
}


def along(total, values, key, change):
    ends = [float(evaluate(total, values | {key: values[key] + side * STEP * change})) for side in (-1, 1)]
    return (ends[1] - ends[0]) / (2 * STEP)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", FAMILIES_OF_VECTORS)
def test_every_argument_of_every_family(name, shared):
    rng, kinds, family = np.random.default_rng(11), FAMILIES_OF_VECTORS[name], FAMILIES[name]
    values = {j: MADE[kind](rng) for j, kind in enumerate(kinds) if kind}
    if shared:  # one set of parameters for all events
        values = {j: v if j == 0 else v[0] for j, v in values.items()}
    arguments = [leaf(j, values[j].shape) if kind else float(D) for j, kind in enumerate(kinds)]
    total = (ex.event_density(family, arguments[0], arguments[1:]) * np.array([0.7, -1.3])).sum()
    for j, slope in zip(values, gradient(total, [arguments[j] for j in values]), strict=True):
        change = directions(rng, kinds[j], values[j])
        found = float((evaluate(slope, values) * change).sum())
        assert found == pytest.approx(along(total, values, j, change), rel=3e-7, abs=3e-7), (name, j)


@pytest.mark.parametrize("from_factor", [False, True])
def test_inverses(from_factor):
    rng = np.random.default_rng(5)
    value, weights = factors(rng) if from_factor else matrices(rng), rng.normal(size=(K, D, D))
    x = leaf("x", value.shape)
    total = (ex.inverse(x, from_factor) * weights).sum()
    change = directions(rng, "factor" if from_factor else "matrix", value)
    found = float((evaluate(gradient(total, [x])[0], {"x": value}) * change).sum())
    assert found == pytest.approx(along(total, {"x": value}, "x", change), rel=1e-6)
