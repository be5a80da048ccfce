"""Weights that are products of probabilities and their complements: sticks that are broken, branches of a tree.

Of w_k = v_k (1 - v_1) ... (1 - v_{k-1}), and of any weights w_k = c_k prod_j v_j**a_kj (1 - v_j)**b_kj that sum to one,
labels tell each v_j how often it came true and how often it did not: with a beta prior it is drawn exactly (the blocked
sampler of Ishwaran and James 2001, "Gibbs sampling methods for stick-breaking priors", JASA 96). How the weights are
written, by products, a list or a loop, does not matter: exponents are read off their values.
"""

from __future__ import annotations

import numpy as np

from mcmix.nodes.distribution import Distribution
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import Expression, reduce

CHECKS = 3  # points at which exponents must say what the weights are
CLOSE = 1e-8  # relative difference of weights that rounding explains
MOST_PROBED = 300  # elements of one variable


def sticks(weights: Expression, v: Expression, leaf: Expression) -> tuple[np.ndarray, np.ndarray] | None:
    """Exponents of each v_j and of its complement in each weight, shapes (K, size of v); None where that is no product.

    Parameters
    ----------
    weights : Expression, shape (K,)
    v, leaf : Expression
        An unknown as its user sees it, and as it stands in memory.

    Examples
    --------
    >>> import mcmix as mc
    >>> v = mc.Beta("v", 1, 2, size=2)
    >>> z = mc.Categorical("z", [v[0], v[1] * (1 - v[0]), (1 - v[0]) * (1 - v[1])], size=3)
    >>> recording = mc.MCMC([z, mc.Normal("y", z, 1, value=[0.0, 1, 2], observed=True)]).assembled.recording
    >>> weights = recording.own_factor(z).parameters["probabilities"]
    >>> a, b = sticks(weights, recording.leaves[v], recording.leaves[v])
    >>> a.tolist(), b.tolist()
    ([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    """
    leaves = [x.extra for x in weights.leaves]
    if v is not leaf or weights.ndim != 1 or v.size > MOST_PROBED or not all(_is_probability(n) for n in leaves):
        return None
    rng = np.random.default_rng(0)
    found = _exponents(weights, leaf, leaves, rng)
    if found is None or not all(_agrees(weights, leaf, leaves, found, rng) for _ in range(CHECKS)):
        return None
    return found


def broken_in_turn(weights: Expression, v: Expression, leaf: Expression) -> bool:
    """Whether weights are those of sticks that are broken one after another, the last one the rest, however many.

    Parameters
    ----------
    weights, v, leaf : Expression
        As for :func:`sticks`.
    """
    if v is not leaf or weights.shape != (v.size + 1,) or weights.leaves != {leaf} or not _is_probability(leaf.extra):
        return False
    rng = np.random.default_rng(0)
    for _ in range(CHECKS):
        at = _anywhere([leaf.extra], rng)
        broken = np.ravel(at[leaf.extra])
        expected = np.append(broken, 1.0) * np.append(1.0, np.cumprod(1.0 - broken))
        if not np.allclose(evaluate(weights, at), expected, rtol=CLOSE, atol=0.0):
            return False
    return True


def behind(counts: Expression) -> Expression:
    """Of sticks that are broken one after another, the numbers of units of labels behind each; one less than labels."""
    return reduce("sum", counts) - np.cumsum(counts)[:-1]


def _is_probability(node: object) -> bool:
    """Whether all numbers between 0 and 1 are values that it can have."""
    return isinstance(node, Distribution) and node.family.name == "Beta" and node.mask is None


def _anywhere(leaves: list[Distribution], rng: np.random.Generator) -> dict[Distribution, np.ndarray]:
    return {n: rng.uniform(0.2, 0.8, n.state_shape) for n in leaves}


def _logs(weights: Expression, at: dict[Distribution, np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.log(evaluate(weights, at))


def _exponents(
    weights: Expression, leaf: Expression, leaves: list[Distribution], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """From each element's values alone: two of them say both exponents, if these are whole numbers."""
    at = _anywhere(leaves, rng)
    before, node = _logs(weights, at), leaf.extra
    a, b = np.zeros((2, weights.size, leaf.size))
    for j in range(leaf.size):
        steps, changes = np.empty((2, 2)), np.empty((2, weights.size))
        for i, other in enumerate((0.35, 0.9)):
            moved = at[node].copy()
            was = moved.flat[j]
            moved.flat[j] = other
            steps[i] = np.log(other / was), np.log((1.0 - other) / (1.0 - was))
            changes[i] = _logs(weights, at | {node: moved}) - before
        a[:, j], b[:, j] = np.linalg.solve(steps, changes)
    whole = np.round(a) + 0.0, np.round(b) + 0.0  # no minus zeros
    close = np.isfinite(a).all() and np.abs(a - whole[0]).max() < 1e-6 and np.abs(b - whole[1]).max() < 1e-6
    return whole if close and min(whole[0].min(), whole[1].min()) >= 0.0 else None


def _agrees(
    weights: Expression,
    leaf: Expression,
    leaves: list[Distribution],
    found: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> bool:
    """Whether weights change as the exponents say between two points that differ in all elements."""
    one, node = _anywhere(leaves, rng), leaf.extra
    other = one | {node: rng.uniform(0.01, 0.99, one[node].shape)}
    told = found[0] @ np.log(np.ravel(other[node]) / np.ravel(one[node]))
    told += found[1] @ np.log((1.0 - np.ravel(other[node])) / (1.0 - np.ravel(one[node])))
    return bool(np.abs(_logs(weights, other) - _logs(weights, one) - told).max() < CLOSE * max(1, leaf.size))


__all__ = ["behind", "broken_in_turn", "sticks"]
