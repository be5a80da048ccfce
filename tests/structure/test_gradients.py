"""Derivatives of recorded expressions beside finite differences of their plain meaning."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from mcmix.structure import expression as ex
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import ELEMENTWISE, leaf
from mcmix.structure.gradients import _RULES, NoDerivative, gradient


def by_differences(total, leaves, key, step=1e-6):
    """Central differences of a scalar expression by one leaf."""
    found = np.zeros(leaves[key].shape)
    for place in np.ndindex(found.shape):
        ends = []
        for side in (-1, 1):
            moved = {k: v.copy() for k, v in leaves.items()}
            moved[key][place] += side * step
            ends.append(float(evaluate(total, moved)))
        found[place] = (ends[1] - ends[0]) / (2 * step)
    return found


def agrees(total, leaves, variables):
    for v, found in zip(variables, gradient(total, variables), strict=True):
        assert found.shape == v.shape
        np.testing.assert_allclose(
            evaluate(found, leaves), by_differences(total, leaves, v.extra), rtol=2e-6, atol=1e-7
        )


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) & set(_RULES)))
def test_every_elementwise_function(name):
    x, y, z = leaf("x", (4,)), leaf("y", ()), leaf("z", (4,))
    values = {"x": np.array([0.31, 0.47, 0.62, 0.83]), "y": np.array(0.55), "z": np.array([1.5, -0.5, 2.0, 0.3])}
    count = 3 if name == "where" else ELEMENTWISE[name].nin
    made = ex.elementwise(name, *([x > 0.5, x, y] if name == "where" else [x, y][:count]))
    agrees((made * z).sum(), values, [x, z] if count == 1 else [x, y, z])


def test_operations_that_move_entries():
    x, m, values = leaf("x", (3,)), leaf("m", (3, 2)), {}
    values = {"x": np.array([0.4, 1.3, -0.7]), "m": np.arange(1.0, 7.0).reshape(3, 2) / 3.0}
    for made in (
        x[np.array([0, 2, 2, 1])],
        np.concatenate([x, m[:, 0]]) * np.arange(6.0),
        ex.cumulative_sum(x) * np.array([1.0, -2.0, 0.5]),
        ex.cumulative_sum(m, 0) * m,
        x @ m,
        m.sum(0) ** 2,
        m.sum(1) * x,
        ex.reduce("prod", m, 1) * x,
        ex.reduce("max", m, 0),
        ex.reduce("min", m),
        ex.scatter(x * x, np.array([1, 0, 1]), 4) * np.arange(4.0),
        ex.transpose(m) @ m,
        x[:, None] * m,
        ex.stack([x, x * x]),
        np.exp(x - special.logsumexp([0.3, 0.1])),
    ):
        agrees((made * made).sum(), values, [x, m])


def test_repeated_operands_and_shared_parts():
    x, y = leaf("x", (5, 1)), leaf("y", (4,))
    shared = np.exp(0.1 * x) + y
    total = (shared * shared).sum() + shared.sum() * (y * y).sum()
    rng = np.random.default_rng(1)
    agrees(total, {"x": rng.normal(size=(5, 1)), "y": rng.normal(size=4)}, [x, y])


def test_a_variable_that_nothing_depends_on_has_slope_zero():
    x, y = leaf("x", (2,)), leaf("y", (3,))
    assert evaluate(gradient(x.sum(), [y])[0], {"x": np.zeros(2)}).tolist() == [0.0, 0.0, 0.0]


def test_a_branch_that_is_not_taken_has_no_say():
    x = leaf("x", (3,))
    total = np.where(x > 0.0, np.log(x), -np.inf).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = evaluate(gradient(total, [x])[0], {"x": np.array([1.0, 2.0, 4.0])})
    np.testing.assert_allclose(found, [1.0, 0.5, 0.25])


def test_what_has_no_derivative_is_named():
    x = leaf("x", (2,))
    called = ex.python(lambda v: v, [x], (2,), "float", "mine")
    with pytest.raises(NoDerivative, match="function mine"):
        gradient(called.sum(), [x])
    assert gradient((called * 2.0).sum() + x.sum(), [called])[0].shape == (2,)


def test_a_long_chain_is_no_recursion():
    x = leaf("x", ())
    made = x
    for _ in range(20_000):
        made = made * 1.0001
    assert float(evaluate(gradient(made, [x])[0], {"x": np.array(1.0)})) == pytest.approx(1.0001**20_000)
