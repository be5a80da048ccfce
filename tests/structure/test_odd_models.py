"""Models at the edge of what runs: totals by row, labels beside missing rows, laws that wrap another, point masses."""

import numpy as np
import pytest

import mcmix as mc
from tests import runs

sampled = runs.sampler(iterations=400, burn=100, chains=2, seed=1, quiet=True)


TOTALS = np.array([5, 8, 10, 6])


def counts_of_two():
    p, w = mc.Beta("p", 1, 1, size=2), mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=4)
    return sampled([mc.Binomial("y", TOTALS, p[z], value=[1, 6, 9, 2], observed=True), p, w, z])


def counts_of_three():
    p, w = mc.Dirichlet("p", np.ones((2, 3))), mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=4)
    x = [[1, 2, 2], [6, 1, 1], [9, 1, 0], [2, 2, 2]]
    return sampled([mc.Multinomial("y", TOTALS, p[z], value=x, observed=True), p, w, z])


def test_new_rows_of_counts_take_totals_of_the_data():
    binomial = mc.predictive(counts_of_two()).rvs(400, seed=2)
    assert binomial.shape == (400,) and 0 <= binomial.min() and binomial.max() <= 10
    rows = mc.predictive(counts_of_three()).rvs(400, seed=2)
    assert rows.shape == (400, 3)
    share = np.array([(rows.sum(axis=1) == n).mean() for n in TOTALS])
    assert share.sum() == 1.0 and np.abs(share - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 400)


def test_a_density_of_new_counts_without_a_total_is_refused():
    with pytest.raises(mc.ModelError, match="y: new rows expected"):
        mc.predictive(counts_of_two()).logpdf([1.0])


FAMILIES = {
    "von Mises": (lambda a, x: mc.VonMises("y", a, 1.0, value=x, observed=True), [0.1, np.nan, 1.0, -2.0, np.nan]),
    "negative binomial": (
        lambda a, x: mc.NegativeBinomial("y", np.exp(a), 2.0, value=x, observed=True), [1, np.nan, 2, 3, np.nan]),
    "skew normal": (lambda a, x: mc.SkewNormal("y", a, 1.0, 1.0, value=x, observed=True), [1, np.nan, 2, 3, np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_metropolis_on_labels_beside_missing_rows_drawn_in_python(family):
    law, x = FAMILIES[family]
    w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 1, size=2)
    z = mc.Categorical("z", w, size=5)
    m = sampled([law(mu[z], x), w, z, mu], steps={"z": mc.DiscreteMetropolis})
    assert m.trace("z")[:].max() <= 1 and np.isfinite(m.trace("y")[:]).all()
    assert np.isfinite(m.deviance).all()


def test_a_law_that_wraps_another_says_how_it_is_written():
    mu = mc.Normal("mu", 0, 1, size=2)
    with pytest.raises(TypeError, match=r"Censored\('y', mc.Normal, mu\[z\]"):
        mc.Mixture("y", mc.Dirichlet("w", [1, 1]), mc.Censored, mu, 1.0, value=[1.0, 2.0], observed=True)


def test_a_point_mass_beside_a_density_is_refused_with_a_way_out():
    parts = [mc.DiscreteUniform.dist(0, 0), mc.Normal.dist(mc.Normal("mu", 0, 1), 1.0)]
    with pytest.raises(mc.ModelError, match="point mass beside a density model whether the value is that point apart"):
        mc.Mixture("y", mc.Dirichlet("w", [1, 1]), parts, value=[0.0, 1.2], observed=True)
