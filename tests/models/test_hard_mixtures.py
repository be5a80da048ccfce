"""Mixtures that are hard: overlap, a rare component, more components than needed, names that start swapped.

A mode that plain sweeps do not leave is crossed in test_tempering.
"""

import numpy as np
import pytest
from scipy import stats

import mcmix as mc


def effective(draws, batches=40):
    """Mean and Monte Carlo error of draws, shape (chains, draws), from batches."""
    means = draws.reshape(batches, -1).mean(1)
    return means.mean(), means.std(ddof=1) / np.sqrt(batches)


# -------------------------------------------------------------------- overlap


def overlapping():
    """Two unit normals one standard deviation apart: the data hardly show two."""
    data = np.concatenate([np.random.default_rng(1).normal(0, 1, 60), np.random.default_rng(2).normal(1, 1, 60)])
    mu = mc.Normal("mu", 0, 0.25, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=len(data))
    return [mc.Normal("y", mu[z], 1.0, value=data, observed=True), mu], data


def distance_on_a_grid(data):
    """Posterior mean of the distance between the two means, labels summed out."""
    grid = np.linspace(-4, 5, 361)
    density = stats.norm.pdf(data[:, None], grid)
    prior = stats.norm.logpdf(grid, 0, 2)
    total = prior[:, None] + prior + sum(np.log(row[:, None] + row) for row in density)
    weight = np.exp(total - total.max())
    return (np.abs(grid[:, None] - grid) * weight).sum() / weight.sum()


@pytest.mark.parametrize("tempering", [None, 4])
def test_overlapping_components(tempering):
    model, data = overlapping()
    m = mc.MCMC(model, tempering=tempering).sample(22_000, 2_000, seed=3, progress_bar=False)
    mu = m.draws().variables["mu"]
    mean, error = effective(np.abs(mu[..., 0] - mu[..., 1]))
    assert abs(mean - distance_on_a_grid(data)) < 5 * error
    assert error < 0.02


# -------------------------------------------------------------------- a rare component


def test_a_component_of_one_in_a_hundred():
    rng = np.random.default_rng(4)
    data = np.concatenate([rng.normal(0, 1, 1980), rng.normal(6, 0.5, 20)])
    w = mc.Dirichlet("w", [1, 1])
    z = mc.Categorical("z", w, size=len(data))
    mu, tau = mc.Normal("mu", 0, 0.01, size=2), mc.Gamma("tau", 2, 1, size=2)
    m = mc.MCMC([mc.Normal("y", mu[z], tau[z], value=data, observed=True), w, mu, tau])
    m.sample(3_000, 500, seed=5, progress_bar=False)
    rare = m.draws().variables["w"].min(-1)
    # weight given perfectly seen labels: Beta(21, 1981)
    assert stats.beta(21, 1981).ppf([1e-3, 1 - 1e-3]).tolist() == pytest.approx(
        [np.quantile(rare, 1e-3), np.quantile(rare, 1 - 1e-3)], rel=0.2
    )
    assert rare.mean() == pytest.approx(21 / 2002, rel=0.05)


# -------------------------------------------------------------------- ten offered, four needed


def ten_for_four(tempering):
    """Draws of labels where ten components are offered to four well separated clusters of 60 rows."""
    rng = np.random.default_rng(6)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])
    data = np.repeat(centres, 60, axis=0) + rng.normal(0, 1, (240, 2))
    w = mc.Dirichlet("w", np.full(10, 0.1))
    z = mc.Categorical("z", w, size=len(data))
    mu, tau = mc.MvNormal("mu", np.full(2, 4.0), 0.05 * np.eye(2), size=10), mc.Wishart("tau", 4, np.eye(2), size=10)
    m = mc.MCMC([mc.Mixture("y", z, mc.MvNormal, mu, tau, value=data, observed=True), w, mu, tau], tempering=tempering)
    return m.sample(5_000, 1_000, 10, chains=8, seed=7, progress_bar=False).draws().variables["z"]


@pytest.mark.slow
def test_ten_components_of_which_four_are_needed():
    found = []
    for labels in ten_for_four(None), ten_for_four([1.0, 0.9, 0.8, 0.7]):
        counts = np.array([[[np.bincount(q, minlength=10) for q in row.reshape(4, 60)] for row in c] for c in labels])
        strays = (counts.sum(2) - counts.max(2)).sum(-1)  # rows in a component that is mostly another cluster's
        assert strays.max() <= 12
        assert strays.mean() < 1.0
        occupied = (counts.sum(2) > 0).sum(-1)
        assert occupied.min() >= 4
        found.append(occupied.mean(1))
    distance = found[0].mean() - found[1].mean()
    assert abs(distance) < 5 * np.sqrt(sum(f.var(ddof=1) / len(f) for f in found))
    assert 4.0 < found[0].mean() < 6.0


# -------------------------------------------------------------------- names swapped at the start


def test_names_that_start_swapped_are_put_right():
    """Priors that tell components apart: the label permutation move crosses, without tempering."""
    data = np.concatenate([np.random.default_rng(8).normal(-4, 1, 40), np.random.default_rng(9).normal(4, 1, 40)])
    mu = mc.Normal("mu", [-4.0, 4.0], [0.2, 0.2])
    w = mc.Dirichlet("w", [2.0, 2.0])
    z = mc.Categorical("z", w, size=len(data))
    swapped = {"mu": [4.0, -4.0], "z": (data < 0).astype(int)}
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=data, observed=True), w, mu])
    m.sample(1_000, 200, seed=10, progress_bar=False, start=swapped)
    assert (m.draws().variables["mu"][..., 0] < 0).all()
