"""``n_components="unknown"``: one fit in the place of a search over numbers of components."""

import pickle

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import poisson

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score

import mcmix as mc

SHORT = {"n_draws": 300, "thin": 2, "burn": 300, "n_chains": 2, "random_state": 1}
GROUP = np.repeat([0, 1, 2], 25)
PLANE = np.array([[-7.0, 0.0], [7.0, 0.0], [0.0, 9.0]])[GROUP] + np.random.default_rng(1).normal(size=(75, 2))
COUNTS = np.random.default_rng(2).poisson(np.array([1.0, 60.0])[GROUP % 2])[:, None]


@pytest.fixture(scope="module")
def normal():
    return mc.NormalMixture("unknown", **SHORT).fit(PLANE)


@pytest.fixture(scope="module")
def counts():
    return mc.MixtureModel("unknown", distribution="poisson", **SHORT).fit(COUNTS)


def test_the_number_is_found(normal, counts):
    assert normal.n_components_ == 3 and normal.n_components_posterior_.clusters[2] > 0.5
    assert counts.n_components_ == 2
    assert normal.n_components == "unknown" and clone(normal).n_components == "unknown"


def test_everything_by_name_is_about_as_many(normal, counts):
    assert adjusted_rand_score(normal.predict(PLANE), GROUP) == 1.0
    assert normal.means_.shape == (3, 2) and normal.covariances_.shape == (3, 2, 2)
    np.testing.assert_allclose(normal.weights_, 1 / 3, atol=0.05)
    np.testing.assert_allclose(normal.transform(PLANE).sum(1), 1.0, rtol=1e-9)
    assert normal.get_feature_names_out().tolist() == [f"normalmixture{k}" for k in range(3)]
    np.testing.assert_allclose(np.sort(counts.parameters_["mean"]), [1.0, 60.0], rtol=0.2)
    assert counts.predict_proba(COUNTS).shape == (75, 2) and counts.weights_.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["tied", "diag", "spherical"])
def test_other_covariances(kind):
    found = mc.NormalMixture("unknown", covariance_type=kind, **SHORT).fit(PLANE)
    assert found.n_components_ == 3 and adjusted_rand_score(found.predict(PLANE), GROUP) == 1.0


def test_densities_are_those_of_all_draws(counts):
    draws = counts.inference_.draws().variables
    weights, means = draws["weights"].reshape(-1, 30), draws["mean"].reshape(-1, 30)
    at = np.array([0, 3, 55, 200])
    with np.errstate(divide="ignore"):
        each = logsumexp(np.log(weights)[..., None] + poisson(means[..., None]).logpmf(at), axis=1)
    expected = logsumexp(each, axis=0) - np.log(len(each))
    np.testing.assert_allclose(counts.score_samples(at[:, None]), expected, rtol=1e-9)
    assert (draws["weights"] > 0).sum(-1).max() > counts.n_components_  # numbers do vary


def test_rows_are_drawn_and_criteria_counted(normal, counts):
    rows, labels = normal.sample(400)
    assert rows.shape == (400, 2) and set(labels) == {0, 1, 2}
    drawn, which = counts.sample(200)
    assert drawn.shape == (200, 1) and set(which) <= {0, 1}
    numbers = {k: mc.NormalMixture(k, **SHORT).fit(PLANE).bic(PLANE) for k in (2, 3)}
    assert abs(normal.bic(PLANE) - numbers[3]) < 0.1 * (numbers[2] - numbers[3])  # priors of covariances differ


def test_a_pickled_one_answers_alike(normal, counts):
    for fitted, rows in ((normal, PLANE), (counts, COUNTS)):
        again = pickle.loads(pickle.dumps(fitted))
        assert np.array_equal(again.predict_proba(rows), fitted.predict_proba(rows))
        assert np.array_equal(again.score_samples(rows), fitted.score_samples(rows))
        assert again.n_components_ == fitted.n_components_


def test_missing_cells():
    rows = PLANE.copy()
    rows[3, 0] = rows[40, 1] = np.nan
    found = mc.NormalMixture("unknown", **SHORT).fit(rows)
    assert found.n_components_ == 3 and np.isfinite(found.score_samples(rows)).all()


def test_one_group():
    found = mc.MixtureModel("unknown", distribution="poisson", **SHORT).fit(COUNTS[GROUP % 2 == 1])
    assert found.n_components_ == 1 and found.predict(COUNTS).tolist() == [0] * 75


@pytest.mark.parametrize("kind", [mc.NormalMixture, mc.MixtureModel])
def test_another_word_is_refused(kind):
    with pytest.raises(ValueError, match="n_components: expected a whole number of at least 1, or 'unknown', got 'som"):
        kind("some", **SHORT).fit(PLANE)


def test_variational_bayes_takes_a_number():
    with pytest.raises(ValueError, match="n_components: expected a whole number with method='vb', got 'unknown'"):
        mc.NormalMixture("unknown", method="vb").fit(PLANE)
