"""Every label update against its twin in plain NumPy: the same uniforms, the same labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from mcmix import testing
from mcmix.testing.simulate import Simulator
from mcmix.testing.twins import drawn
from tests.harness import grammar, structures
from tests.harness.grammar import Small

SWEEPS = 5  # after each of which labels are drawn twice


def assembled(small: Small) -> mc.MCMC:
    """A sampler of a small model whose data come from it."""
    nodes, prepare = small.make()
    model = mc.Model(nodes)
    if not small.has_gaps:
        values = Simulator(model).draw(np.random.default_rng(90))
        for node in model.data_nodes:
            node.observe(values[node.name])
    m = mc.MCMC(model)
    if prepare is not None:
        prepare(m)
    return m


def compared(m: mc.MCMC, sweeps: int = SWEEPS, seed: int = 91) -> Iterator[testing.TwinResult]:
    m.sample(1, chains=2, seed=seed, progress_bar=False)
    for _ in range(sweeps):
        yield testing.label_twin(m)
        m.sample(1, progress_bar=False)


def with_a_pass() -> list[str]:
    return [s.name for s in structures.of_their_own() if not s.has_gaps]


@pytest.mark.parametrize("name", with_a_pass())
def test_models_of_many_structures(name: str):
    m = assembled(next(s for s in structures.of_their_own() if s.name == name))
    if not m.assembled.label_passes:
        with pytest.raises(mc.ModelError, match="expects a sampler with a label update"):
            testing.label_twin(m)
        return
    for found in compared(m):
        assert found.passed, found


def numbers(n: int, k: int) -> tuple[Any, Any]:
    """A label vector and rows for it."""
    rng = np.random.default_rng(92)
    return mc.Categorical("z", mc.Dirichlet("w", np.ones(k)), size=n), rng.normal(rng.normal(0, 3, n), 1.0)


@pytest.mark.parametrize(("n", "k"), [(1, 2), (7, 3), (256, 10), (257, 1), (600, 2), (300, 40)])
def test_tables_of_parameters(n: int, k: int):
    z, x = numbers(n, k)
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=k), mc.Gamma("tau", 2.0, 1.0, size=k)
    for found in compared(mc.MCMC([mc.Normal("y", mu[z], tau[z], value=x, observed=True)]), 2):
        assert found.passed, found
        assert found.labels == 2 * n


def test_rows_with_parameters_and_groups_of_their_own():
    z, x = numbers(300, 3)
    mu, shift = mc.Normal("mu", 0.0, 0.1, size=3), mc.Normal("shift", 0.0, 1.0, size=4)
    group, errors = np.arange(300) % 4, np.linspace(0.5, 2.0, 300)
    grouped = mc.Normal("y", mu[z] + shift[group], 0.7, value=x, observed=True)
    known = mc.Normal("u", mu[z], 1.0 / errors, value=x, observed=True)
    for found in compared(mc.MCMC([grouped, known]), 2):
        assert found.passed, found


def test_rows_of_vectors():
    rng = np.random.default_rng(93)
    mu, tau = mc.MvNormal("mu", np.zeros(3), np.eye(3), size=2), mc.Wishart("tau", 5, np.eye(3), size=2)
    rows = rng.normal(size=(300, 3)) + rng.integers(2, size=(300, 1))
    y = mc.Mixture("y", mc.Dirichlet("w", [1.0, 1.0]), mc.MvNormal, mu, tau, value=rows, observed=True)
    for found in compared(mc.MCMC([y]), 2):
        assert found.passed, found


def test_labels_that_share_rows_out_of_order():
    z, _ = numbers(40, 3)
    mu: Any = mc.Normal("mu", 0.0, 0.1, size=3)
    group = np.random.default_rng(94).integers(0, 40, 90)
    y = mc.Normal("y", mu[z[group]], 0.7, value=np.linspace(-2, 2, 90), observed=True)
    for found in compared(mc.MCMC([y]), 2):
        assert found.passed, found


def test_every_power_of_a_tempered_run():
    z, x = numbers(50, 3)
    mu: Any = mc.Normal("mu", 0.0, 0.1, size=3)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)], tempering=[1.0, 0.8, 0.6])
    for found in compared(m, 3):
        assert found.passed, found
        assert found.labels == 2 * 3 * 50


@pytest.mark.slow
def test_mixtures_of_every_family():
    for small in grammar.mixtures(mc.distributions.table.FAMILIES):
        m = assembled(small)
        if not small.has_gaps and m.assembled.label_passes:
            for found in compared(m, 3):
                assert found.passed, (small.name, found)


# -------------------------------------------------------------------- the twin itself


def test_chains_stay_as_they_are():
    z, x = numbers(20, 2)
    mu: Any = mc.Normal("mu", 0.0, 0.1, size=2)

    def sampler() -> mc.MCMC:
        return mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)])

    watched, left = (m.sample(5, chains=1, seed=95, progress_bar=False) for m in (sampler(), sampler()))
    testing.label_twin(watched)
    for m in (watched, left):
        m.sample(5, progress_bar=False)
    np.testing.assert_array_equal(watched.trace("mu")[:], left.trace("mu")[:])


def test_a_sampler_that_has_not_run_is_asked_where_its_nodes_are():
    z, x = numbers(20, 2)
    mu: Any = mc.Normal("mu", 0.0, 0.1, size=2)
    found = testing.label_twin(mc.MCMC([mc.Normal("y", mu[z], 1.0, value=x, observed=True)]))
    assert (found.passed, found.labels, found.near) == (True, 20, 0)


def test_a_uniform_on_a_boundary_is_seen():
    labels, margins = drawn(np.log([[0.25, 0.75], [0.25, 0.75]]), np.array([0.25 + 1e-12, 0.5]))
    np.testing.assert_array_equal(labels, [1, 1])
    assert margins[0] < 1e-9 < margins[1]


def test_missing_coordinates_are_refused():
    rows = np.ma.masked_invalid([[0.0, np.nan], [1.0, 2.0], [0.5, 0.1]])
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2), size=2)
    m = mc.MCMC([mc.Mixture("y", [0.5, 0.5], mc.MvNormal, mu, np.eye(2), value=rows, observed=True)])
    with pytest.raises(mc.ModelError, match="expected complete rows"):
        testing.label_twin(m)


def test_a_failure_says_what_is_wrong():
    found = testing.TwinResult(10, 3, 0, ["z: counts [1. 2.] are not those of the labels"])
    assert not found.passed
    assert "FAILED, 3 of 10 labels differ" in repr(found)
    assert "z: counts" in repr(found)
