"""NormalMixture: scikit-learn's own checks, its priors and predictions beside other ways, and data without pity."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import mcmix as mc
from mcmix.api import normal_draws

TYPES = ("full", "tied", "diag", "spherical")
METHODS = ("gibbs", "vb")
QUICK = {"n_draws": 20, "thin": 1, "burn": 20, "n_chains": 1, "max_iter": 50}
SHORT = {"n_draws": 100, "thin": 1, "burn": 100, "n_chains": 2, "random_state": 1}


def clusters(seed=1, n=60):
    """Two round clusters of unequal size in the plane, and their labels."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < n // 3).astype(int)
    return np.array([[0.0, 0.0], [8.0, 5.0]])[labels] + rng.normal(size=(n, 2)), labels


def other_draws(_):
    """Checks of draws that are the same, where only the posterior is (tests/models/test_row_weights.py)."""
    said = "repeated rows have the posterior of rows with weights, and other draws of it"
    return dict.fromkeys([f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")], said)


@parametrize_with_checks([mc.NormalMixture(2, method=m, **QUICK) for m in METHODS], expected_failed_checks=other_draws)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TYPES)
def test_clusters_are_found_whatever_the_covariance(kind, method):
    x, labels = clusters()
    mixture = mc.NormalMixture(3, covariance_type=kind, method=method, **SHORT).fit(x)
    assert adjusted_rand_score(labels, mixture.predict(x)) > 0.95
    assert mixture.predict_proba(x).shape == (60, 3)
    np.testing.assert_allclose(mixture.predict_proba(x).sum(1), 1.0, rtol=1e-9)
    shapes = {"full": (3, 2, 2), "tied": (2, 2), "diag": (3, 2), "spherical": (3,)}
    assert mixture.covariances_.shape == shapes[kind]
    order = np.argsort(-mixture.weights_)[:2]
    np.testing.assert_allclose(mixture.weights_[order], [2 / 3, 1 / 3], atol=0.1)  # a third may take part of one
    np.testing.assert_allclose(mixture.means_[order], [[0.0, 0.0], [8.0, 5.0]], atol=0.8)
    assert mixture.score(x) == pytest.approx(mixture.score_samples(x).mean())


@pytest.mark.parametrize("method", METHODS)
def test_density_integrates_to_one_in_the_units_of_the_data(method):
    x, _ = clusters()
    x = x * [0.01, 100.0] + [5.0, -300.0]
    mixture = mc.NormalMixture(2, method=method, **SHORT).fit(x)
    axes = [np.linspace(c.mean() - 6 * c.std(), c.mean() + 6 * c.std(), 241) for c in x.T]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    cell = np.prod([a[1] - a[0] for a in axes])
    assert np.exp(mixture.score_samples(grid)).sum() * cell == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("method", METHODS)
def test_sampled_rows_follow_the_density(method):
    x, _ = clusters()
    mixture = mc.NormalMixture(2, method=method, **SHORT).fit(x)
    rows, labels = mixture.sample(4000)
    assert rows.shape == (4000, 2) and labels.shape == (4000,)
    assert adjusted_rand_score(labels, mixture.predict(rows)) > 0.9
    np.testing.assert_allclose(np.bincount(labels, minlength=2) / 4000, mixture.weights_, atol=0.04)
    np.testing.assert_allclose(rows.mean(0), x.mean(0), atol=0.5)


def test_the_same_seed_gives_the_same_answer():
    x, _ = clusters()
    first, second = (mc.NormalMixture(2, **SHORT).fit(x) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(x), second.predict_proba(x))
    np.testing.assert_array_equal(first.sample(5)[0], second.sample(5)[0])


def test_priors_are_those_of_the_docstring():
    x = np.random.default_rng(2).normal(size=(50, 3))
    x = (x - x.mean(0)) / x.std(0)
    y = normal_draws.normal_mixture(x, 8, "full", 0.0)
    nodes = {node.name: node for node in mc.Model([y]).stochastics}
    spread = np.cov(x.T)
    np.testing.assert_allclose(nodes["weights"].parents["concentration"], np.full(8, 1 / 8))
    np.testing.assert_allclose(np.linalg.inv(nodes["means"].parents["precision"]), spread)
    assert nodes["precisions"].parents["degrees_of_freedom"] == 5
    scale = nodes["precisions"].parents["inverse_scale"]
    np.testing.assert_allclose(scale, spread / 8 ** (2 / 3))  # the mean covariance at D + 2 degrees of freedom
    volume = 8 * np.sqrt(np.linalg.det(scale))
    assert volume == pytest.approx(np.sqrt(np.linalg.det(spread)))


def test_one_column_has_one_prior_whatever_the_covariance():
    x, _ = clusters()
    scores = [
        mc.NormalMixture(2, covariance_type=kind, **SHORT).fit(x[:, :1]).score(x[:, :1])
        for kind in ("full", "diag", "spherical")
    ]
    assert scores[0] == scores[1] == scores[2]


def test_memberships_and_densities_of_a_draw_against_scipy():
    rng = np.random.default_rng(3)
    roots = rng.normal(size=(2, 3, 3))
    precisions = roots @ np.swapaxes(roots, 1, 2) + np.eye(3)
    draw = normal_draws.Draws(np.log([0.3, 0.7]), rng.normal(size=(2, 3)), precisions)
    rows = rng.normal(size=(7, 3))
    expected = np.stack(
        [
            w * multivariate_normal(m, np.linalg.inv(p)).pdf(rows)
            for w, m, p in zip([0.3, 0.7], draw.means, precisions, strict=True)
        ],
        axis=1,
    )
    shares = expected / expected.sum(1, keepdims=True)
    np.testing.assert_allclose(normal_draws.memberships(rows, draw), shares, rtol=1e-10)


def test_matching_undoes_permutations():
    rng = np.random.default_rng(4)
    means = np.array([[-5.0], [0.0], [5.0]]) + rng.normal(0.0, 0.1, (30, 3, 1))
    weights, precisions = np.full((30, 3), np.log(1 / 3)), np.ones((30, 3, 1, 1))
    orders = np.array([rng.permutation(3) for _ in range(30)])
    shuffled = normal_draws.Draws(weights, means[np.arange(30)[:, None], orders], precisions)
    found = normal_draws.matched(shuffled, 0, np.linspace(-6, 6, 40)[:, None])
    again = shuffled.means[np.arange(30)[:, None], found][..., 0]
    assert np.all(again.argsort(1) == again[0].argsort())


def test_draws_of_the_sampler_are_matched():
    """Chains start with their components in different orders: the kept draws all have one."""
    x, _ = clusters()
    mixture = mc.NormalMixture(2, random_state=1, n_draws=50, thin=1, burn=100, n_chains=4).fit(x)
    first = mixture.inference_.trace("means")[:][:, :, 0]
    assert np.all(first.argsort(1) == first[0].argsort())
    np.testing.assert_allclose(
        mixture.means_, mixture.shift_ + mixture.scale_ * mixture.inference_.trace("means")[:].mean(0)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", TYPES)
def test_data_without_pity(kind, method):
    rng = np.random.default_rng(5)
    base = rng.normal(size=(20, 2))
    cases = {
        "a constant column": np.column_stack([base, np.full(20, 7.0)]),
        "constant rows": np.full((10, 2), 3.0),
        "fewer rows than dimensions": rng.normal(size=(4, 7)),
        "collinear": base[:, [0, 0, 1]],
        "repeated rows": np.repeat(base[:3], 8, 0),
        "far from the origin": 1e8 + 1e-3 * base,
        "columns of very different size": base * [1e-9, 1e9],
        "two rows": base[:2],
    }
    for name, x in cases.items():
        mixture = mc.NormalMixture(3, covariance_type=kind, method=method, **{**SHORT, "n_draws": 20, "burn": 20}).fit(
            x
        )
        found = (mixture.predict_proba(x), mixture.score_samples(x), mixture.sample(3)[0], mixture.covariances_)
        assert all(np.isfinite(part).all() for part in found), name


@pytest.mark.parametrize("method", METHODS)
def test_a_pickle_predicts_the_same(method):
    x, _ = clusters()
    mixture = mc.NormalMixture(2, method=method, **SHORT).fit(x)
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.predict_proba(x), mixture.predict_proba(x))
    np.testing.assert_array_equal(again.score_samples(x), mixture.score_samples(x))
    np.testing.assert_array_equal(again.sample(3)[0], mixture.sample(3)[0])
    assert pickle.loads(pickle.dumps(clone(mixture))).get_params() == mixture.get_params()


def test_inside_a_grid_search():
    x, _ = clusters()
    search = GridSearchCV(mc.NormalMixture(method="vb", random_state=1), {"n_components": [1, 2]}, cv=2).fit(
        np.random.default_rng(6).permutation(x)
    )
    assert search.best_params_ == {"n_components": 2}


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"covariance_type": "round"}, "covariance_type: expected one of full, tied, diag, spherical, got 'round'"),
        ({"method": "em"}, "method: expected one of gibbs, vb, got 'em'"),
        ({"n_components": 0}, "n_components: expected a whole number of at least 1, or 'unknown', got 0"),
        ({"n_draws": 2.5}, "n_draws: expected a whole number of at least 1, got 2.5"),
        ({"burn": -1}, "burn: expected a whole number of at least 0, got -1"),
        ({"tol": float("nan")}, "tol: expected a number of at least 0, got nan"),
    ],
)
def test_impossible_parameters_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        mc.NormalMixture(**{"n_components": 2, **bad}).fit(clusters()[0])


def test_sample_refuses_a_number_of_rows_below_one():
    mixture = mc.NormalMixture(2, method="vb", random_state=1).fit(clusters()[0])
    with pytest.raises(ValueError, match="n_samples: expected a whole number of at least 1, got 0"):
        mixture.sample(0)


def test_without_scikit_learn():
    """mcmix imports without it, and says what to install when the estimator is asked for."""
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import mcmix as mc\n"
        "from mcmix import *\n"
        "try:\n    mc.NormalMixture\nexcept ImportError as error:\n    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'mcmix[sklearn]'" in ran.stdout


# -------------------------------------------------------------------- missing cells, criteria, responsibilities


def with_gaps():
    x, labels = clusters()
    x[[3, 40], [1, 0]] = np.nan
    x[7] = np.nan
    return x, labels


@pytest.mark.parametrize("kind, method", [*((k, "gibbs") for k in TYPES), ("full", "vb"), ("tied", "vb")])
def test_missing_cells_are_unknown(kind, method):
    x, labels = with_gaps()
    mixture = mc.NormalMixture(2, covariance_type=kind, method=method, **SHORT).fit(x)
    there = np.arange(60) != 7
    assert adjusted_rand_score(labels[there], mixture.predict(x)[there]) > 0.95
    assert mixture.score_samples(x)[7] == 0.0  # the density of nothing
    np.testing.assert_allclose(mixture.predict_proba(x)[7], mixture.weights_)
    whole, _ = clusters()
    found = mc.NormalMixture(2, covariance_type=kind, method=method, **SHORT).fit(whole)
    order, other = np.argsort(mixture.weights_), np.argsort(found.weights_)
    np.testing.assert_allclose(mixture.means_[order], found.means_[other], atol=0.35)


def test_the_density_of_one_column_is_the_other_integrated_out():
    x, _ = clusters()
    mixture = mc.NormalMixture(2, **SHORT).fit(x * [1.0, 50.0])
    along = np.linspace(-1500.0, 2000.0, 7001)
    row = np.column_stack([np.full(along.size, 0.5), along])
    total = np.exp(mixture.score_samples(row)).sum() * (along[1] - along[0])
    assert mixture.score_samples([[0.5, np.nan]])[0] == pytest.approx(np.log(total), abs=1e-3)


@pytest.mark.parametrize("kind", ["diag", "spherical"])
def test_missing_cells_that_variational_bayes_cannot_serve_are_refused(kind):
    with pytest.raises(ValueError, match="X: expected no missing cells with method='vb'.*got 4; take method='gibbs'"):
        mc.NormalMixture(2, covariance_type=kind, method="vb").fit(with_gaps()[0])


@pytest.mark.parametrize("kind, tolerance", [("full", 6.0), ("tied", 3.0), ("diag", 6.0)])
def test_criteria_lie_next_to_those_at_the_maximum_of_the_likelihood(kind, tolerance):
    x, _ = clusters()
    ours = mc.NormalMixture(2, covariance_type=kind, **SHORT).fit(x)
    theirs = GaussianMixture(2, covariance_type=kind, random_state=1).fit(x)
    assert 0.0 < ours.bic(x) - theirs.bic(x) < tolerance  # the prior draws the mode away from the maximum
    assert ours.bic(x) - ours.aic(x) == pytest.approx(theirs.bic(x) - theirs.aic(x))
    by_vb = mc.NormalMixture(2, covariance_type=kind, method="vb", random_state=1).fit(x)
    assert by_vb.bic(x) == pytest.approx(ours.bic(x), abs=1e-3)  # one mode, whatever found it
    assert ours.bic(x[:30]) < ours.bic(x)


def test_the_criterion_is_that_of_compare():
    x, _ = clusters()
    ours = mc.NormalMixture(1, **SHORT).fit(x)
    scaled = (x - x.mean(0)) / x.std(0)
    other = mc.MAP([normal_draws.normal_mixture(scaled, 1, "full", 1e-6)]).fit(seed=1)
    assert ours.bic(x) == pytest.approx(other.BIC + 2 * len(x) * np.log(x.std(0)).sum(), abs=1e-4)


def test_responsibilities_are_a_frame_under_the_names_of_the_rows():
    x, _ = clusters()
    frame = pd.DataFrame(x, columns=["speed", "mass"], index=[f"car {i}" for i in range(60)])
    mixture = mc.NormalMixture(2, **SHORT).set_output(transform="pandas").fit(frame)
    found = mixture.transform(frame)
    assert list(found.columns) == ["normalmixture0", "normalmixture1"] and list(found.index) == list(frame.index)
    np.testing.assert_array_equal(found.to_numpy(), mixture.predict_proba(frame))
    assert list(mixture.feature_names_in_) == ["speed", "mass"]
    assert "means[1, mass]" in mixture.inference_.summary().index
    with pytest.raises(ValueError, match="feature names"):
        mixture.predict(frame[["mass", "speed"]])


@pytest.mark.parametrize("made", ["polars", "pyarrow", "xarray"])
def test_tables_of_other_packages(made):
    x, _ = clusters()
    package = pytest.importorskip(made)
    table = {
        "polars": lambda: package.DataFrame({"speed": x[:, 0], "mass": x[:, 1]}),
        "pyarrow": lambda: package.table({"speed": x[:, 0], "mass": x[:, 1]}),
        "xarray": lambda: package.DataArray(x, dims=["car", "what"], coords={"what": ["speed", "mass"]}),
    }[made]()
    mixture = mc.NormalMixture(2, method="vb", random_state=1).fit(table)
    plain = mc.NormalMixture(2, method="vb", random_state=1).fit(x)
    np.testing.assert_allclose(mixture.predict_proba(table), plain.predict_proba(x), rtol=1e-9)
    assert mixture.inference_.model.data_nodes[0].columns == ("speed", "mass")
