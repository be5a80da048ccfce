"""Rows in the order of their labels, and values with their counts: against sums over all rows, and as samplers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from mcmix import testing
from mcmix.kernels.base import address_of, run
from mcmix.kernels.machine import MACHINE
from mcmix.kernels.records import made
from mcmix.kernels.rows_by_label import ORDER, order_rows
from mcmix.steps.density import DensityStep
from mcmix.steps.explain import explanation
from mcmix.steps.rows_by_label import OrderedRows, ValueCounts
from mcmix.structure import by_component, weighted_rows
from mcmix.structure.evaluate import evaluate
from tests.harness import levels

N, K = 700, 3
TESTS = 3
FALSE_ALARM = levels.each("rows by label", TESTS)

Nodes = Callable[[np.random.Generator], list[Any]]


def labels(n: int = N, k: int = K) -> Any:
    return mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n)


def student_t(rng: np.random.Generator) -> list[Any]:
    z, x = labels(), 3.0 * rng.integers(0, K, N) + rng.standard_t(3.0, N)
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=K), mc.Gamma("tau", 2.0, 1.0, size=K)
    return [mc.StudentT("y", mu[z], tau[z], mc.Gamma("nu", 2.0, 0.1, size=K)[z], value=x, observed=True)]


def one_freedom_for_all(rng: np.random.Generator) -> list[Any]:
    """A parameter that enters every component, and one through a function."""
    z, x = labels(), 3.0 * rng.integers(0, K, N) + rng.standard_t(3.0, N)
    mu, sd = mc.Normal("mu", 0.0, 0.1, size=K), mc.Uniform("sd", 0.1, 9.0, size=K)
    return [mc.StudentT("y", mu[z], 1.0 / sd[z] ** 2, mc.Gamma("nu", 2.0, 0.1), value=x, observed=True)]


def listed(rng: np.random.Generator) -> list[Any]:
    """Components' parameters as nodes of their own, and labels that start at one."""
    z = mc.DiscreteUniform("z", 1, K, size=N)
    mu = [mc.Normal(f"mu{k}", 3.0 * k, 0.1) for k in range(K)]

    @mc.deterministic
    def centre(z=z, mu=mu):
        return np.stack(mu)[z - 1]

    return [mc.Laplace("y", centre, 1.0, value=3.0 * rng.integers(0, K, N) + rng.laplace(size=N), observed=True)]


def several_rows_of_a_unit(rng: np.random.Generator) -> list[Any]:
    unit, z = np.sort(rng.integers(0, 90, N)), labels(90)
    x = 3.0 * rng.integers(0, K, 90)[unit] + rng.logistic(size=N)
    mu, rate = mc.Normal("mu", 0.0, 0.1, size=K), mc.Gamma("rate", 2.0, 1.0, size=K)
    return [mc.Logistic("y", mu[z][unit], rate[z][unit], value=x, observed=True)]


def with_a_covariate(rng: np.random.Generator) -> list[Any]:
    """Parameters that vary by row within a component."""
    z, t = labels(), rng.normal(size=N)
    x = 3.0 * rng.integers(0, K, N) + t + rng.standard_t(3.0, N)
    a, b = mc.Normal("a", 0.0, 0.1, size=K), mc.Normal("b", 0.0, 0.1, size=K)
    return [mc.StudentT("y", a[z] + b[z] * t, 1.0, 4.0, value=x, observed=True)]


def written_by_the_user(rng: np.random.Generator) -> list[Any]:
    z, mu = labels(), mc.Normal("mu", 0.0, 0.1, size=K)
    x = 3.0 * rng.integers(0, K, N) + rng.logistic(size=N)

    @mc.observed
    def y(value=x, z=z, mu=mu):
        return np.sum(-np.log(np.cosh(value - mu[z])))

    return [y]


def truncated(rng: np.random.Generator) -> list[Any]:
    z, x = labels(), np.abs(3.0 * rng.integers(0, K, N) + rng.normal(size=N))
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=K), mc.Gamma("tau", 2.0, 1.0, size=K)
    return [mc.TruncatedNormal("y", mu[z], tau[z], 0.0, np.inf, value=x, observed=True)]


def counted(rng: np.random.Generator) -> list[Any]:
    z, x = labels(), rng.poisson(rng.gamma(3.0, np.array([1.0, 3.0, 9.0])[rng.integers(0, K, N)]))
    mean, dispersion = mc.Gamma("mean", 1.0, 0.1, size=K), mc.Gamma("dispersion", 2.0, 0.5, size=K)
    return [mc.NegativeBinomial("y", mean[z], dispersion[z], value=x, observed=True)]


def one_dispersion_for_all(rng: np.random.Generator) -> list[Any]:
    z, x = labels(), rng.poisson(rng.gamma(3.0, np.array([1.0, 3.0, 9.0])[rng.integers(0, K, N)]))
    mean, dispersion = mc.Gamma("mean", 1.0, 0.1, size=K), mc.Gamma("dispersion", 2.0, 0.5)
    return [mc.NegativeBinomial("y", mean[z], dispersion, value=x, observed=True)]


def as_many_values_as_components(rng: np.random.Generator) -> list[Any]:
    z, x = labels(), rng.choice([0.5, 1.0, 4.0], N)
    shape, scale = mc.Gamma("shape", 2.0, 1.0, size=K), mc.Gamma("scale", 2.0, 1.0, size=K)
    return [mc.Weibull("y", shape[z], scale[z], value=x, observed=True)]


def categories(rng: np.random.Generator) -> list[Any]:
    """A component's own probabilities of few categories: conjugate, and looked up by a program."""
    x = rng.integers(0, 6, N)
    return [mc.Categorical("y", mc.Dirichlet("p", np.ones(6), size=K)[labels()], value=x, observed=True)]


ORDERED: list[Nodes] = [
    student_t, one_freedom_for_all, listed, several_rows_of_a_unit, with_a_covariate, written_by_the_user, truncated,
]  # fmt: skip
COUNTED: list[Nodes] = [counted, one_dispersion_for_all, as_many_values_as_components]


def sampled(nodes: Nodes, **options: Any) -> mc.MCMC:
    return mc.MCMC(nodes(np.random.default_rng(1)), **options).sample(12, 8, chains=1, seed=2, progress_bar=False)


def by_label(m: mc.MCMC) -> list[DensityStep]:
    return [s for s in m.assembled.steps if isinstance(s, DensityStep) and s.target.by_label]


def of_all_rows(step: DensityStep, m: mc.MCMC) -> float:
    """The log density of a step's variable at the chain's present point, by NumPy over all rows."""
    chain, structure = m._runners[0].chain, m.assembled.structure
    leaves = {node: chain.view(node).reshape(x.shape) for node, x in structure.recording.leaves.items()}
    leaves |= {key: chain.view(key) for key in chain.layout.places if isinstance(key, tuple)}
    return float(sum(np.sum(evaluate(e.elements, leaves)) for e in structure.about(step.node)))


# -------------------------------------------------------------------- what programs compute


@pytest.mark.parametrize("nodes", [*ORDERED, *COUNTED], ids=lambda f: f.__name__)
def test_programs_follow_the_sum_over_all_rows(nodes: Nodes):
    m = sampled(nodes)
    assert by_label(m)
    for step in by_label(m):
        bound = m._runners[0].chain.bound(step.program)
        variable = m._runners[0].chain.view(step.node)
        for i in range(variable.size):
            before, found = variable[i], []
            for value in (before, 1.01 * before + 0.003):
                variable[i] = value
                assert run(MACHINE.address, *bound.words, i if step.target.single else 0, 1) == 0
                found.append((float(bound.memory[bound.outputs[0]]), of_all_rows(step, m)))
            variable[i] = before
            # both add N terms of size ten at most, in different orders
            assert found[1][0] - found[0][0] == pytest.approx(found[1][1] - found[0][1], abs=1e-9)


@pytest.mark.parametrize("nodes", [*ORDERED, *COUNTED], ids=lambda f: f.__name__)
def test_the_recorded_log_density_is_that_of_all_rows(nodes: Nodes):
    m = sampled(nodes)
    chain, structure = m._runners[0].chain, m.assembled.structure
    leaves = {node: chain.view(node).reshape(x.shape) for node, x in structure.recording.leaves.items()}
    leaves |= {key: chain.view(key) for key in chain.layout.places if isinstance(key, tuple)}
    expected = sum(float(np.sum(evaluate(e.factor.elements, leaves))) for e in structure.contributions)
    assert m.draws().statistics["lp"][0, -1] == pytest.approx(expected, rel=1e-11)


def test_an_element_of_a_vector_is_evaluated_alone():
    m = sampled(student_t)
    assert all(s.target.single for s in by_label(m))
    assert "the rows of y in one component per evaluation" in str(explanation(m.assembled))
    told = str(explanation(sampled(counted).assembled))
    few = len(np.unique(mc.MCMC(counted(np.random.default_rng(1))).model.data_nodes[0].value))
    assert f"{few} distinct values of y per evaluation" in told
    assert f"row by row, {few} distinct values looked up" in told


# -------------------------------------------------------------------- what a pass keeps


@pytest.mark.parametrize("nodes", ORDERED, ids=lambda f: f.__name__)
def test_rows_stand_in_the_order_of_their_labels(nodes: Nodes):
    m = sampled(nodes)
    chain, (label_pass,) = m._runners[0].chain, m.assembled.label_passes
    (kept,) = [one for one in label_pass.others if isinstance(one, OrderedRows)]
    label = chain.view(kept.label.node)
    of_row = label if kept.found.separable.units is None else label[kept.found.separable.units]
    order = np.argsort(of_row, kind="stable")
    for j, column in enumerate(kept.found.columns):
        expected = np.asarray(column.value, dtype=float)[order]
        np.testing.assert_array_equal(chain.view(("rows by label", kept.found.factor, j)), expected)
    edges = np.append(kept.label.values, kept.label.values[-1] + 1)
    starts = np.searchsorted(of_row[order], edges)
    np.testing.assert_array_equal(chain.view(("bounds of labels", kept.found.factor)), starts)


def test_labels_that_were_never_drawn_do_no_harm():
    label, x = np.array([5.0, -3.0, 1.0, 0.0]), np.arange(4.0)
    out, bounds, places, columns = np.zeros(4), np.zeros(4), np.zeros(3), np.array([address_of(x)])
    told = made(
        ORDER,
        labels=address_of(label),
        lowest=0,
        n_labels=3,
        rows=4,
        units=0,
        columns=address_of(columns),
        n_columns=1,
        sorted_columns=address_of(out),
        bounds=address_of(bounds),
        places=address_of(places),
    )
    assert run(order_rows.address, address_of(told), 0, 0, 0) == 0
    assert out.tolist() == [0.0, 1.0, 3.0, 2.0]
    assert bounds.tolist() == [0.0, 3.0, 4.0, 4.0]


@pytest.mark.parametrize("nodes", COUNTED, ids=lambda f: f.__name__)
def test_values_are_counted_by_label_and_by_responsibility(nodes: Nodes):
    m = sampled(nodes)
    chain, (label_pass,) = m._runners[0].chain, m.assembled.label_passes
    (kept,) = [one for one in label_pass.others if isinstance(one, ValueCounts)]
    few = kept.found.few
    assert few is not None
    np.testing.assert_array_equal(few.values[few.numbers], np.asarray(kept.found.columns[0].value))
    found = chain.view(("counts of values", kept.found.factor)).reshape(K, -1)
    expected = np.zeros(found.shape)
    np.add.at(expected, (chain.view(kept.label.node).astype(int), few.numbers), 1.0)
    np.testing.assert_array_equal(found, expected)
    shares, bound = np.zeros((N, K)), label_pass.bound(chain)
    assert bound.weigh(shares=shares, collect=True) == 0
    expected[:] = 0.0
    for k in range(K):
        np.add.at(expected[k], few.numbers, shares[:, k])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("nodes", [*COUNTED, categories, with_a_covariate], ids=lambda f: f.__name__)
def test_labels_of_few_values_are_those_of_their_rows(nodes: Nodes):
    m = sampled(nodes)
    for _ in range(3):
        found = testing.label_twin(m)
        assert found.passed, found
        m.sample(1, progress_bar=False)


def test_other_rows_make_another_plan_where_values_are_counted():
    """Which values there are is part of a plan: a model on other rows is assembled anew, not given other numbers."""
    m = sampled(counted)
    assert {c.node.name for c in m.assembled.decided_by} == {"y"}
    assert not sampled(student_t).assembled.decided_by


# -------------------------------------------------------------------- as samplers


def test_draws_do_not_depend_on_threads():
    one, two = (
        mc.MCMC(nodes(np.random.default_rng(1))).sample(40, 20, chains=2, cores=cores, seed=3, progress_bar=False)
        for cores in (1, 2)
        for nodes in (student_t,)
    )
    np.testing.assert_array_equal(one.trace("nu")[:], two.trace("nu")[:])


def small_t() -> list[Any]:
    z, x = mc.Categorical("z", [0.4, 0.6], size=5), np.array([-1.0, 0.2, 0.5, 2.0, 6.0])
    mu = mc.Normal("mu", 0.0, 0.3, size=2)
    return [mc.StudentT("y", mu[z], 1.5, 3.0, value=x, observed=True)]


def small_list() -> list[Any]:
    z, x = mc.Categorical("z", [0.4, 0.6], size=5), np.array([-1.0, 0.2, 0.5, 2.0, 6.0])
    mu = [mc.Normal("left", -1.0, 0.5), mc.Normal("right", 2.0, 0.5)]
    return [mc.Mixture("y", z, mc.Logistic, mu, 1.5, value=x, observed=True)]


def small_counts() -> list[Any]:
    z, x = mc.Categorical("z", [0.4, 0.6], size=6), np.array([0, 0, 1, 4, 4, 4])
    return [mc.NegativeBinomial("y", mc.Gamma("mean", 2.0, 1.0, size=2)[z], 2.0, value=x, observed=True)]


@pytest.mark.parametrize("nodes", [small_t, small_list, small_counts], ids=lambda f: f.__name__)
def test_the_stationary_law_is_the_posterior(nodes: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(by_component, "FEWEST_COUNTED", 2)
    monkeypatch.setattr(weighted_rows, "ROWS_OF_A_VALUE", 2)
    model = mc.Model(nodes())
    (label_pass,) = mc.MCMC(model).assembled.label_passes
    kept = [one for one in label_pass.others if isinstance(one, (OrderedRows, ValueCounts))]
    assert [type(one) for one in kept] == [ValueCounts if nodes is small_counts else OrderedRows]
    found = testing.enumeration_test(model, burn=60, seed=11, false_alarm=FALSE_ALARM)
    assert found.passed, found
