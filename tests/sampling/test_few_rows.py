"""Log densities of many rows from few weighted ones: as of all rows, or all rows are looked at."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.sampling.few_rows import FewRows
from mcmix.sampling.marginal import Marginal
from mcmix.sampling.pointwise import deviance
from mcmix.structure.recording import record

ROWS = 12_000


def rows():
    rng = np.random.default_rng(1)
    return rng.normal(np.where(rng.random(ROWS) < 0.4, 0.0, 3.0), 1.0)


def mixture(distribution):
    mu, w = mc.Normal("mu", 0.0, 0.05, size=2), mc.Dirichlet("w", [1.0, 1.0])
    return mc.Model([mc.Mixture("y", w, distribution, mu, 1.0, value=rows(), observed=True)])


def alone(family, *first):
    mu = mc.Normal("mu", 0.0, 0.05)
    return mc.Model([family("y", *first, mu, 1.0, value=rows(), observed=True)])


def both(model):
    recording = record(model)
    return FewRows(recording, model), Marginal(recording, model)


def points(marginal, n=20):
    """Unknowns about sensible values, in the form in which a chain keeps them."""
    rng = np.random.default_rng(2)
    kept = {}
    for node in marginal.needed:
        middle = np.log([0.4, 0.6]) if node.name == "w" else np.array([0.0, 3.0]) if node.shape else np.array(1.8)
        kept[node] = middle + rng.normal(0.0, 0.02, (n, *middle.shape))
    return kept, np.ones(n, dtype=bool)


@pytest.mark.parametrize(
    "model", [lambda: mixture(mc.Normal), lambda: mixture(mc.Logistic), lambda: alone(mc.StudentT, 5.0)]
)
def test_few_rows_say_what_all_say(model):
    few, whole = both(model())
    kept, inside = points(whole)
    np.testing.assert_allclose(few.log_densities(kept, inside), whole.log_densities(kept, inside), rtol=0, atol=1e-6)
    assert few.is_short
    few.put_kept({n: x[3] for n, x in kept.items()})
    whole.put_kept({n: x[3] for n, x in kept.items()})
    assert few.log_density() == pytest.approx(whole.log_density(), abs=1e-6)
    assert few.log_likelihood() == pytest.approx(whole.log_likelihood(), abs=1e-6)


@pytest.mark.parametrize("model", [lambda: mixture(mc.Laplace), lambda: alone(mc.Laplace)])
def test_densities_with_kinks_look_at_all_rows(model):
    few, whole = both(model())
    kept, inside = points(whole)
    np.testing.assert_array_equal(few.log_densities(kept, inside), whole.log_densities(kept, inside))
    assert not few.is_short


def test_sums_serve_where_the_distribution_has_them():
    few, whole = both(alone(mc.Normal))
    kept, inside = points(whole)
    np.testing.assert_array_equal(few.log_densities(kept, inside), whole.log_densities(kept, inside))
    assert few.is_short


def test_a_component_that_is_narrower_than_the_bins_gets_finer_ones_or_all_rows():
    mu, w = mc.Normal("mu", 0.0, 0.05, size=2), mc.Dirichlet("w", [1.0, 1.0])
    tau = np.array([1.0, 4e5])
    model = mc.Model([mc.Mixture("y", w, mc.Normal, mu, tau, value=rows(), observed=True)])
    few, whole = both(model)
    kept, inside = points(whole, 5)
    found = few.log_densities(kept, inside)
    np.testing.assert_allclose(found, whole.log_densities(kept, inside), rtol=0, atol=1e-3)
    assert few.level > FewRows.level


def test_where_no_point_is_inside_nothing_is_asked():
    few, whole = both(mixture(mc.Normal))
    kept, _ = points(whole)
    assert np.isneginf(few.log_densities(kept, np.zeros(20, dtype=bool))).all() and not few.is_short


@pytest.mark.parametrize("model", [lambda: mixture(mc.Normal), lambda: alone(mc.Normal), lambda: alone(mc.Laplace)])
def test_some_units_are_looked_at_alone(model):
    few, whole = both(model())
    kept, _ = points(whole, 1)
    chosen = np.arange(7, ROWS, 50)
    some = few.some_units(chosen)
    for marginal in (some, whole):
        marginal.put_kept({n: x[0] for n, x in kept.items()})
    np.testing.assert_allclose(some.pointwise()["y"], whole.pointwise()["y"][chosen], rtol=1e-12)


def test_units_of_few_rows_are_those_of_all():
    few, whole = both(mixture(mc.Normal))
    kept, inside = points(whole)
    few.log_densities(kept, inside)
    for marginal in (few, whole):
        marginal.put_kept({n: x[0] for n, x in kept.items()})
    np.testing.assert_array_equal(few.pointwise()["y"], whole.pointwise()["y"])


def test_data_that_depend_on_no_unknown_have_a_deviance_of_every_draw():
    mu = mc.Normal("mu", 0.0, 1.0)
    m = mc.MCMC([mu, mc.Normal("y", 0.0, 1.0, value=[0.5, 1.0], observed=True)]).sample(40, 20, chains=2, seed=1)
    found = deviance(m.assembled, m.draws())
    np.testing.assert_allclose(found, 2.0 * np.log(2.0 * np.pi) + 1.25)
    assert found.shape == (2, 20)
