"""Weights by row from covariates: recognised, drawn exactly, exchangeable; new rows bring their own covariates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import mcmix as mc
from mcmix.structure.component_tables import component_tables
from mcmix.structure.gates import gate_of
from mcmix.testing import joint_test
from tests.harness import levels
from tests.runs import sampler, step_of

sampled = sampler(iterations=2500, burn=500, chains=2)


def design(n=8, seed=0):
    return np.column_stack([np.ones(n), np.random.default_rng(seed).normal(size=n)])


def labels(weights, n, trace=True):
    return mc.Categorical("z", weights, size=n, trace=trace)


def model(weights, n, k):
    mu = mc.Normal("mu", 0.0, 0.25, size=k)
    return mc.Model([mc.Normal("y", mu[labels(weights, n)], 4.0, value=np.linspace(-1.0, 1.0, n), observed=True)])


def by_hand(x, k, made, precision=0.5):
    """A softmax as users write it; coefficients of shape `made`."""
    g = mc.Normal("g", 0.0, precision, size=made)

    @mc.deterministic(trace=False)
    def weights(g=g):
        predictors = x @ g if made[0] == x.shape[1] else x @ g.T
        if predictors.shape[1] < k:
            predictors = np.concatenate([np.zeros((len(x), 1)), predictors], axis=1)
        odds = np.exp(predictors)
        return odds / np.sum(odds, axis=1)[:, None]

    return weights


def gate(m):
    block = m.assembled.label_blocks[0]
    return gate_of(block, m.assembled.structure)


@pytest.mark.parametrize("made", [(3, 2), (2, 3), (2, 2)], ids=str)
def test_a_softmax_by_hand_is_a_gate(made):
    x = design()
    m = mc.MCMC(model(by_hand(x, 3, made), 8, 3))
    found = gate(m)
    assert step_of(m, "g").name == "Polya-Gamma Gibbs"
    assert found.is_alike == (made != (2, 2))  # two coefficients for each of three classes, or a class of reference
    np.testing.assert_allclose(found.design[:, -2:], x, atol=1e-12)
    assert np.diff(found.starts).tolist() == ([2, 2, 2] if found.is_alike else [0, 2, 2])


def test_components_of_a_gate_are_exchangeable():
    m = mc.MCMC(model(mc.Gate("w", design(), size=3), 8, 3))
    tables = component_tables(m.assembled.label_blocks[0], m.assembled.structure)
    assert tables.whole and len(tables.tables) == 3  # the mean, and a coefficient of each covariate
    held = mc.MCMC(model(mc.Gate("w", design(), size=3, mean=np.array([[0.0], [1.0], [0.0]])), 8, 3))
    told = component_tables(held.assembled.label_blocks[0], held.assembled.structure)
    assert told.classes == [[0, 2], [1]] and "priors differ" in told.told_apart
    assert "class of reference" in str(mc.MCMC(model(by_hand(design(), 3, (2, 2)), 8, 3)).explain())


@pytest.mark.parametrize(
    "weights",
    [
        lambda g: np.exp(design() @ g.T) / (1.0 + np.sum(np.exp(design() @ g.T), axis=1)[:, None]),  # sums below 1
        lambda g: np.exp((design() @ g.T) ** 2) / np.sum(np.exp((design() @ g.T) ** 2), axis=1)[:, None],
    ],
    ids=["improper", "squares"],
)
def test_what_is_no_softmax_is_none(weights):
    g = mc.Normal("g", 0.0, 4.0, size=(3, 2))

    @mc.deterministic(trace=False)
    def w(g=g):
        found = weights(g)
        return found / np.sum(found, axis=1)[:, None]

    made = gate(mc.MCMC(model(w, 8, 3)))
    squared = made is None
    # what sums to less than one is a softmax once it is made whole
    assert squared == (weights(np.eye(3)[:, :2]).sum(1) > 0.999).all()


def test_other_uses_of_coefficients_are_left_alone():
    x = design()
    w = mc.Gate("w", x, size=2)
    beside = mc.Normal("beside", w.coefficients[0, 0], 1.0, value=0.3, observed=True)
    mu = mc.Normal("mu", 0.0, 0.25, size=2)
    y = mc.Normal("y", mu[labels(w, 8)], 4.0, value=np.linspace(-1.0, 1.0, 8), observed=True)
    m = mc.MCMC([y, beside])
    assert gate(m) is None and step_of(m, "w coefficients").name != "Polya-Gamma Gibbs"


@pytest.mark.parametrize("kind", ["gate", "reference", "offset"])
def test_the_joint_distribution_stays(kind):
    x = design(6)
    if kind == "gate":
        w = mc.Gate("w", x, size=3, precision=mc.Gamma("shared", 4.0, 4.0))
    elif kind == "reference":
        w = by_hand(x, 2, (2, 1))
    else:
        g = mc.Normal("g", [[0.3], [-0.2]], 1.0, size=(2, 2))

        @mc.deterministic(trace=False)
        def w(g=g):
            odds = np.exp(x @ g.T + np.array([0.4, -0.4]))
            return odds / np.sum(odds, axis=1)[:, None]

    result = joint_test(
        model(w, 6, 3 if kind == "gate" else 2),
        replications=100, sweeps=10, false_alarm=levels.each("samplers", 100), seed=3,
    )  # fmt: skip
    assert result.passed, result


def test_the_posterior_of_a_logistic_regression():
    """Known labels apart: one coefficient, by quadrature."""
    n = 12
    x = np.linspace(-2.0, 2.0, n)
    z = (x + np.array([0.9, -1.2] * 6) > 0).astype(int)
    w = by_hand(x[:, None], 2, (1, 1), precision=0.5)
    far = mc.Mixture(
        "y", labels(w, n), mc.Normal, np.array([-50.0, 50.0]), 1.0, value=np.where(z, 50.0, -50.0), observed=True
    )
    m = sampled([far], 1, 8000, 500)
    draws = m.trace("g")[:].ravel()
    grid = np.linspace(-4.0, 8.0, 2001)
    logs = stats.norm.logpdf(grid, 0.0, 0.5**-0.5) - np.logaddexp(0.0, -grid[:, None] * x * (2 * z - 1)).sum(1)
    density = np.exp(logs - logs.max())
    density /= integrate.trapezoid(density, grid)
    mean = integrate.trapezoid(grid * density, grid)
    sd = np.sqrt(integrate.trapezoid((grid - mean) ** 2 * density, grid))
    assert abs(draws.mean() - mean) < 5.0 * sd / np.sqrt(len(draws) / 8.0)
    assert draws.std() == pytest.approx(sd, rel=0.06)


def experts(n=300, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2.0, 2.0, n)
    z = (rng.random(n) < 1.0 / (1.0 + np.exp(-3.0 * x))).astype(int)
    return x, np.where(z, 1.0 + 1.5 * x, -1.0 - 0.5 * x) + rng.normal(0.0, 0.3, n), z


def test_a_mixture_of_experts_and_its_new_rows():
    x, y, z = experts()
    w = mc.Gate("w", pd.DataFrame({"one": 1.0, "x": x}), size=2)
    b = mc.Normal("b", 0.0, 0.1, size=(2, 2))
    label = labels(w, len(x), trace=False)
    data = mc.Normal("y", (w.covariates * b[label]).sum(axis=1), mc.Gamma("tau", 2.0, 1.0, size=2)[label],
                     value=y, observed=True)  # fmt: skip
    m = sampled([data], 2)
    assert m.diagnose().ok, m.diagnose()
    slope = np.diff(m.trace("w coefficients")[:][:, :, 1])[:, 0]
    assert 1.5 < np.abs(slope).mean() < 6.0 and np.abs(slope).std() < 1.5
    shares = mc.classify(m).probabilities
    found = shares.argmax(1)
    assert max((found == z).mean(), (found != z).mean()) > 0.93
    new = mc.classify(m, {"y": [2.5, 2.5], "w covariates": [[1.0, 1.0], [1.0, 1.0]]}).probabilities
    np.testing.assert_allclose(new[0], new[1])
    assert new[0].max() > 0.99
    logs = m.predict_logpdf({"y": [2.5, -5.0], "w covariates": [[1.0, 1.0], [1.0, 1.0]]})
    assert logs[0] > -1.5 > logs[1]


def test_vb_refuses_weights_by_row():
    with pytest.raises(mc.ModelError, match="vary by row|no closed form|use MCMC"):
        mc.VB(model(mc.Gate("w", design(), size=2), 8, 2))


@pytest.mark.parametrize(
    ("covariates", "size", "said"),
    [
        ([[1.0, np.nan]], 2, r"w: covariates expected complete and finite numbers, got nan in row 0, column 1"),
        ([1.0, 2.0, np.inf], 2, r"got inf in row 2"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), 2, r"got nan in row 1"),
        ([["a", "b"]], 2, r"w: covariates"),
        (np.ones((2, 2, 2)), 2, r"shape \(rows, P\)"),
        ([1.0, 2.0], 1, r"size expected a whole number of at least 2, got 1"),
        ([1.0, 2.0], 2.5, r"size expected a whole number of at least 2, got 2.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(covariates, size, said):
    with pytest.raises(mc.ModelError, match=said):
        mc.Gate("w", covariates, size=size)


def test_covariates_are_known():
    with pytest.raises(mc.ModelError, match="known numbers or mc.Covariates"):
        mc.Gate("w", mc.Normal("x", 0.0, 1.0, size=(4, 2)), size=2)
