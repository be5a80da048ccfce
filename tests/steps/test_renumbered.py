"""A compiled model on other rows draws bit for bit what one that is assembled on them draws."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import mcmix as mc
from mcmix.steps.renumbered import renumbered
from mcmix.structure.rows import Rows
from mcmix.testing.simulate import Sampler, Simulator, refuse_model
from tests import golden
from tests.harness import combinations
from tests.harness.grammar import Small

OTHERS = 3  # data sets that a sampler takes after its first


def on(model: mc.Model, **values: Any) -> mc.MCMC:
    return mc.MCMC(model)._on(Rows.of(model).with_values(values))


def drawn(m: mc.MCMC, **options: Any) -> list[np.ndarray]:
    """All draws of a short run, and their log densities."""
    m.sample(8, 2, seed=5, progress_bar=False, **({"chains": 2} | options))
    draws = m.draws()
    return [*draws.variables.values(), draws.statistics["lp"]]


def alike(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(one, other, strict=True))


def differences(small: Small) -> tuple[int, list[str]]:
    """How often a sampler was renumbered, and what it then drew differently from one that was assembled anew."""
    nodes, prepare = small.make()
    model = mc.Model(nodes)
    simulator, sampler, rng = Simulator(model), Sampler(model, prepare), np.random.default_rng(3)
    times, wrong = 0, []
    for number in range(OTHERS + 1):
        values, before = simulator.draw(rng), sampler.before
        start = {n.name: values[n.name] for n in model.stochastics}
        one, other = sampler.made(values), Sampler(model, prepare).made(values)
        if before is not None and before.assembled is one.assembled:
            times += 1
            if not alike(drawn(one, start=start, chains=1), drawn(other, start=start, chains=1)):
                wrong.append(f"{small.name}, data set {number}")
    return times, wrong


def compared(models: Sequence[Small]) -> tuple[float, list[str]]:
    """Which share of the data sets needed no assembling, and what was wrong on them."""
    answers = [differences(s) for s in models if not s.has_gaps]
    return sum(times for times, _ in answers) / (OTHERS * len(answers)), [w for _, wrong in answers for w in wrong]


def test_some_small_models_draw_the_same():
    share, wrong = compared(list(combinations.smalls())[::40])
    assert not wrong
    assert share > 0.7  # the rest depends on the numbers: densities that are written out, single numbers of data


@pytest.mark.slow
def test_every_small_model_draws_the_same():
    share, wrong = compared(list(combinations.smalls()))
    assert not wrong
    assert share > 0.7


def kept() -> list[tuple[str, golden.Make]]:
    """The models of golden draws that can be drawn from."""

    def simulable(make: golden.Make) -> bool:
        try:
            refuse_model(mc.Model(make()[0]))
        except mc.McmixError:
            return False
        return True

    return [(name, make) for name, make in golden.models() if name.startswith("features") and simulable(make)]


def test_models_of_features_draw_the_same_from_starts_of_their_own():
    """Seedings, shrunk sums and what runs say of ties look at the rows as well."""
    times = 0
    for name, make in kept():
        nodes, _, options = make()
        model = mc.Model(nodes)
        sampler, rng = mc.MCMC(model, **options), np.random.default_rng(4)
        data = {n.name: np.asarray(n.value) for n in model.data_nodes}
        sampler._on(Rows.of(model).with_values({k: rng.permutation(v) for k, v in data.items()}))
        rows = Rows.of(model).with_values({k: rng.permutation(v) for k, v in data.items()})
        other = mc.MCMC(model, **options)._on(rows)
        one = sampler._like_this_on(rows)
        if one is not None:
            times += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert alike(drawn(one), drawn(other)), name
    assert times > 5


# -------------------------------------------------------------------- what is refused, and what stays as it is


def normal(**options: Any) -> mc.Model:
    mu, tau = mc.Normal("mu", 0, 0.1), mc.Gamma("tau", 2, 2)
    return mc.Model([mu, tau, mc.Normal("y", mu, tau, value=np.arange(6.0), observed=True, **options)])


def test_the_nodes_own_data_are_never_overwritten():
    model = normal()
    assert not renumbered(mc.MCMC(model).assembled, Rows.of(model).with_values({"y": np.ones(6)}))
    assert np.array_equal(model.data_nodes[0].value, np.arange(6.0))


def test_arrays_that_were_handed_in_stay_as_they_are():
    model, first, second = normal(), np.linspace(0, 1, 6), np.linspace(2, 3, 6)
    m = on(model, y=first)
    assert renumbered(m.assembled, Rows.of(model).with_values({"y": second}))
    assert np.array_equal(first, np.linspace(0, 1, 6)) and np.array_equal(second, np.linspace(2, 3, 6))


def test_a_chain_that_was_bound_before_keeps_its_numbers():
    model = normal()
    runs = [on(model, y=np.linspace(0, 1, 6)) for _ in range(2)]
    for m in runs:
        drawn(m)
    rows = Rows.of(model).with_values({"y": np.linspace(50, 60, 6)})
    assert renumbered(runs[0].assembled, rows)
    later = [m.sample(5, 0, progress_bar=False).draws().variables["mu"] for m in runs]
    assert np.array_equal(*later)


def test_a_column_with_missing_entries_is_assembled_anew():
    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1, value=np.ma.masked_invalid([0.5, np.nan, 1.5]), observed=True)
    model = mc.Model([mu, y])
    assert not renumbered(on(model, y=[1.0, 0.0, 2.0]).assembled, Rows.of(model).with_values({"y": [3.0, 0.0, 4.0]}))


def test_numbers_that_are_all_equal_stand_once_and_so_need_another_plan():
    mu = mc.Laplace("mu", 0, 1)
    model = mc.Model([mu, mc.Laplace("y", mu, 1, value=[0.5, 1.5, 2.0], observed=True)])
    m, rows = on(model, y=[1.0, 2.0, 3.0]), Rows.of(model).with_values({"y": [2.0, 2.0, 2.0]})
    fresh = mc.MCMC(model)._on(rows)
    assert m._like_this_on(rows) is None
    assert alike(drawn(mc.MCMC(model)._on(rows, m.assembled.recording)), drawn(fresh))


def test_a_statistic_without_a_number_needs_another_plan():
    """The sums of a gamma distribution's rows hold their logarithms: none stand for a row at nought."""
    rate = mc.Gamma("rate", 2, 2)
    model = mc.Model([rate, mc.Gamma("y", 1.0, rate, value=[0.5, 1.5, 2.0], observed=True)])
    rows = [Rows.of(model).with_values({"y": y}) for y in ([1.0, 2.0, 3.0], [0.0, 2.0, 3.0], [4.0, 2.0, 3.0])]
    m = mc.MCMC(model)._on(rows[0])
    assert m._like_this_on(rows[1]) is None
    again = m._like_this_on(rows[2])
    assert again is not None and alike(drawn(again), drawn(mc.MCMC(model)._on(rows[2])))
    without = mc.MCMC(model)._on(rows[1])
    assert without._like_this_on(rows[2]) is None  # and the other way round


def test_a_number_that_is_written_into_the_plan_needs_another_one():
    """A single number of data is handed to users' functions as it is."""
    mu, x = mc.Normal("mu", 0, 1), mc.Normal("x", 0, 1, value=2.0, observed=True)

    @mc.deterministic
    def product(mu=mu, x=x):
        return mu * x

    model = mc.Model([mu, x, mc.Normal("y", product, 1, value=[0.5, 1.5], observed=True)])
    assert on(model, x=3.0)._like_this_on(Rows.of(model).with_values({"x": 4.0})) is None


def test_steps_of_the_users_own_are_made_anew():
    class Walk(mc.StepMethod):
        def step(self):
            self.stochastic.value = self.stochastic.value + self.rng.normal()

    model = normal()
    m = on(model, y=np.linspace(0, 1, 6))
    m.use_step_method(Walk, "mu")
    assert m._like_this_on(Rows.of(model).with_values({"y": np.ones(6)})) is None
