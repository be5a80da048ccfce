"""Labels that were not kept, drawn again at kept draws: they are as good as kept ones."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.sampling.label_draws import can_draw_labels, drawn_labels, probabilities_at

DATA = np.random.default_rng(1).normal([[0.0], [2.5]], 1.0, (2, 30)).ravel()  # two groups that overlap


def hidden(**options):
    mu, w = mc.Normal("mu", 1, 0.1, size=2), mc.Dirichlet("w", [2, 2])
    m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=DATA, observed=True)], **options)
    return m.sample(1_500, 500, chains=2, seed=3, progress_bar=False)


def drawn(m, at_most=2**28):
    node = m.assembled.labels[0]
    return drawn_labels(m.assembled, m.draws(), node, m.seed_sequence, at_most)


@pytest.fixture(scope="module")
def m():
    return hidden()


def test_labels_follow_their_probabilities_at_each_draw(m):
    labels, draws = drawn(m), m.draws()
    assert labels.shape == (2_000, 60) and labels.dtype == np.uint8
    mu, w = draws.variables["mu"].reshape(-1, 1, 2), draws.variables["w"].reshape(-1, 1, 2)
    each = w * np.exp(-0.5 * (DATA[:, None] - mu) ** 2)  # plain NumPy, draw by draw
    each /= each.sum(axis=2, keepdims=True)
    compiled = m.assembled.label_passes[0]
    shares = np.array([p.copy() for p in probabilities_at(m.assembled, draws, compiled, np.arange(2_000))])
    np.testing.assert_allclose(shares, each, atol=1e-10)
    together = (labels[:, :, None] == labels[:, None, :]).mean(axis=0)
    expected = np.einsum("sik,sjk->ij", each, each) / len(each)
    apart = ~np.eye(60, dtype=bool)
    # each share of 2000 has a standard error of at most 0.5 / sqrt(2000) = 0.011; 1770 pairs stay within six
    assert np.abs(together - expected)[apart].max() < 6 * 0.5 / np.sqrt(2_000)


def test_the_same_run_gives_the_same_labels(m):
    np.testing.assert_array_equal(drawn(m), drawn(m))
    other = hidden().draws()
    np.testing.assert_array_equal(other.variables["mu"], m.draws().variables["mu"])


def test_a_budget_thins_evenly(m):
    labels = drawn(m, at_most=60 * 100)
    assert labels.shape == (100, 60)


def test_partitions_and_relabelling_have_them_unasked(m):
    assert m.draws().variables.keys() == {"mu", "w"}
    assert mc.occupied(m)[2] > 0.99
    found = mc.partition(m)
    assert found.labels.shape == (60,)
    kept = hidden_with_kept_labels()
    # the same posterior by other draws: similarities of 2000 draws each, worth at least 400 independent ones
    difference = np.abs(mc.similarity(m) - mc.similarity(kept))
    assert difference.max() < 6 * np.sqrt(2) * 0.5 / np.sqrt(400)
    named = mc.relabel(m, "ecr")
    assert named.attrs["relabelling"] == "ecr"


def hidden_with_kept_labels():
    mu, w = mc.Normal("mu", 1, 0.1, size=2), mc.Dirichlet("w", [2, 2])
    z = mc.Categorical("z", w, size=60)
    m = mc.MCMC([mc.Mixture("y", z, mc.Normal, mu, 1.0, value=DATA, observed=True)])
    return m.sample(1_500, 500, chains=2, seed=4, progress_bar=False)


def test_labels_that_are_known_stay_as_they_are():
    mu, w = mc.Normal("mu", 1, 0.1, size=2), mc.Dirichlet("w", [2, 2])
    known = np.ma.masked_array(np.repeat([0, 1], 30), np.arange(60) % 3 > 0)
    z = mc.Categorical("z", w, value=known, observed=True)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=DATA, observed=True)], label_budget=0)
    m.sample(300, 100, chains=1, seed=3, progress_bar=False)
    labels = drawn(m)
    assert labels.shape == (200, 40)  # of the units whose label is unknown
    assert mc.occupied(m)[2] == 1.0
    assert (mc.similarity(m, rows=[0, 30])[0, 1]) == 0.0  # known to be apart


def test_without_their_parameters_there_is_nothing_to_draw_from():
    mu, w = mc.Normal("mu", 1, 0.1, size=2, trace=False), mc.Dirichlet("w", [2, 2])
    m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=DATA, observed=True)])
    m.sample(300, 100, chains=1, seed=3, progress_bar=False)
    assert not can_draw_labels(m.assembled, m.draws(), m.assembled.labels[0])
    with pytest.raises(mc.ModelError, match="were not kept"):
        mc.partition(m)
