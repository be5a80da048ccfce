"""MixtureModel: scikit-learn's own checks, every distribution with default priors, missing cells, names, criteria."""

import pickle

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import mcmix as mc
from mcmix.api.default_priors import PRIORS, components

QUICK = {"n_draws": 10, "thin": 1, "burn": 10, "n_chains": 1, "random_state": 1}
SHORT = {"n_draws": 60, "thin": 1, "burn": 140, "n_chains": 2, "random_state": 1}
HALF = np.repeat([0, 1], 50)


def data(kind, d=1, seed=1):
    """Fifty rows of each of two groups that are apart."""
    rng = np.random.default_rng(seed)
    first, second = {
        "line": (lambda s: rng.normal(0, 1, s), lambda s: rng.normal(9, 1, s)),
        "positive": (lambda s: rng.gamma(5, 1, s) + 0.1, lambda s: rng.gamma(60, 0.5, s)),
        "unit": (lambda s: rng.beta(2, 9, s), lambda s: rng.beta(30, 3, s)),
        "angle": (lambda s: rng.vonmises(-1.5, 9, s), lambda s: rng.vonmises(1.5, 9, s)),
        "count": (lambda s: rng.poisson(1.0, s), lambda s: rng.poisson(15, s)),
        "positive and zeros": (
            lambda s: rng.lognormal(0.0, 0.3, s) * rng.binomial(1, 0.6, s),
            lambda s: rng.lognormal(3.0, 0.3, s),
        ),
        "shares and borders": (
            lambda s: rng.choice([0.0, 1.0, 0.2], s) * rng.beta(9.0, 9.0, s) ** rng.binomial(1, 0.7, s),
            lambda s: rng.beta(60.0, 6.0, s),
        ),
        "from one": (lambda s: rng.geometric(0.9, s), lambda s: rng.geometric(0.05, s)),
        "trials": (lambda s: rng.binomial(20, 0.1, s), lambda s: rng.binomial(20, 0.8, s)),
        "yes or no": (lambda s: rng.binomial(1, 0.05, s), lambda s: rng.binomial(1, 0.95, s)),
        "category": (lambda s: rng.choice(3, s, p=[0.9, 0.05, 0.05]), lambda s: rng.choice(3, s, p=[0.05, 0.05, 0.9])),
    }[kind]
    return np.concatenate([first((50, d)), second((50, d))]).astype(float)


KINDS = {
    **dict.fromkeys(
        ("Normal", "StudentT", "SkewNormal", "TruncatedNormal", "Laplace", "Logistic", "Cauchy", "MvNormal"), "line"
    ),
    **dict.fromkeys(
        ("Lognormal", "Gamma", "InverseGamma", "Weibull", "Exponential", "HalfNormal", "HalfCauchy", "HalfStudentT",
         "Chi2"),
        "positive",
    ),
    **dict.fromkeys(("Poisson", "NegativeBinomial", "ZeroInflatedPoisson", "ZeroInflatedNegativeBinomial"), "count"),
    **dict.fromkeys(("HurdlePoisson", "HurdleNegativeBinomial"), "count"),
    **dict.fromkeys(("Binomial", "BetaBinomial", "ZeroInflatedBinomial"), "trials"),
    **dict.fromkeys(("HurdleGamma", "HurdleLognormal"), "positive and zeros"),
    "ZeroOneInflatedBeta": "shares and borders",
    "Beta": "unit", "VonMises": "angle", "Geometric": "from one", "Bernoulli": "yes or no", "Categorical": "category",
}  # fmt: skip


def fixed_of(name):
    return {"trials": 20} if "trials" in getattr(PRIORS.get(name), "fixed", ()) else None


def other_draws(_):
    """Checks of draws that are the same, where only the posterior is (tests/models/test_row_weights.py)."""
    said = "repeated rows have the posterior of rows with weights, and other draws of it"
    return dict.fromkeys([f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")], said)


@parametrize_with_checks([mc.MixtureModel(2, **QUICK)], expected_failed_checks=other_draws)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_every_prior_is_tried():
    assert set(KINDS) == set(PRIORS) | {"MvNormal"}


@pytest.mark.parametrize("name", KINDS)
def test_every_distribution_is_fitted_and_drawn(name):
    x = data(KINDS[name])
    x[[3, 60]] = np.nan
    mixture = mc.MixtureModel(2, distribution=name, fixed=fixed_of(name), **QUICK).fit(x)
    assert mixture.weights_.shape == (2,) and all(p.shape[0] == 2 for p in mixture.parameters_.values())
    assert np.isfinite(mixture.score_samples(x)).all() and mixture.score_samples(x)[3] == 0.0
    np.testing.assert_allclose(mixture.predict_proba(x).sum(1), 1.0)
    np.testing.assert_allclose(mixture.predict_proba(x)[3], mixture.weights_)
    rows, labels = mixture.sample(200)
    assert rows.shape == (200, 1) and set(labels) <= {0, 1}
    assert np.isfinite(mixture.score_samples(rows)).all()  # what is drawn is possible


@pytest.mark.parametrize("name", ["Normal", "Gamma", "Poisson", "Binomial", "Bernoulli", "VonMises", "MvNormal"])
def test_groups_are_found_in_several_columns_with_missing_cells(name):
    x = data(KINDS[name], 3)
    gaps = np.random.default_rng(2).random(x.shape) < 0.1
    x[gaps] = np.nan
    mixture = mc.MixtureModel(2, distribution=getattr(mc, name), fixed=fixed_of(name), **SHORT).fit(x)
    there = ~gaps.all(1)
    assert adjusted_rand_score(HALF[there], mixture.predict(x)[there]) > 0.75
    assert next(iter(mixture.parameters_.values())).shape[:2] == (2, 3)
    np.testing.assert_allclose(np.sort(mixture.weights_), [0.5, 0.5], atol=0.12)


def test_parameters_are_those_of_the_groups_under_one_name():
    """Chains begin with components in different orders; posterior means would lie between the groups."""
    x = data("count")
    mixture = mc.MixtureModel(2, distribution="poisson", random_state=1, n_draws=100, thin=1, n_chains=4).fit(x)
    np.testing.assert_allclose(np.sort(mixture.parameters_["mean"]), [x[:50].mean(), x[50:].mean()], rtol=0.1)
    drawn = mixture.inference_.trace("mean")[:]
    assert (drawn.argsort(1) == drawn[0].argsort()).all()


def test_a_count_of_the_future_has_the_density_of_its_mixture():
    x = data("count")
    mixture = mc.MixtureModel(2, distribution="poisson", **SHORT).fit(x)
    every = np.arange(200.0)[:, None]
    assert np.exp(mixture.score_samples(every)).sum() == pytest.approx(1.0, abs=1e-6)
    rows, labels = mixture.sample(4000)
    np.testing.assert_allclose(rows.mean(), (np.exp(mixture.score_samples(every)) * every[:, 0]).sum(), rtol=0.05)
    assert adjusted_rand_score(labels, mixture.predict(rows)) > 0.9


def test_criteria_are_those_of_scikit_learn_where_the_prior_says_little():
    x = data("line", 2)
    ours = mc.MixtureModel(2, distribution=mc.MvNormal, **SHORT).fit(x)
    theirs = GaussianMixture(2, random_state=1).fit(x)
    assert ours.bic(x) == pytest.approx(theirs.bic(x), abs=5.0) and ours.bic(x) > theirs.bic(x)
    assert ours.bic(x) - ours.aic(x) == pytest.approx(theirs.bic(x) - theirs.aic(x))  # as many parameters
    alone = mc.MixtureModel(1, distribution=mc.MvNormal, **SHORT).fit(x)
    assert alone.bic(x) > ours.bic(x) + 50.0


def test_names_of_rows_and_columns_travel():
    frame = pd.DataFrame(data("count", 2), columns=["clicks", "visits"], index=[f"user {i}" for i in range(100)])
    mixture = mc.MixtureModel(2, distribution="poisson", **SHORT).set_output(transform="pandas").fit(frame)
    assert list(mixture.feature_names_in_) == ["clicks", "visits"]
    shares = mixture.transform(frame)
    assert list(shares.columns) == list(mixture.get_feature_names_out()) == ["mixturemodel0", "mixturemodel1"]
    assert list(shares.index) == list(frame.index)
    assert "mean[1, visits]" in mixture.inference_.summary().index


def test_inside_a_pipeline():
    x = data("line", 2)
    pipeline = make_pipeline(StandardScaler(), mc.MixtureModel(2, **SHORT))
    assert adjusted_rand_score(HALF, pipeline.fit(x).predict(x)) > 0.9
    assert pipeline.transform(x).shape == (100, 2)


def test_a_pickle_predicts_the_same():
    x = data("yes or no", 3)
    x[4, 1] = np.nan
    mixture = mc.MixtureModel(2, distribution="bernoulli", **SHORT).fit(x)
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.predict_proba(x), mixture.predict_proba(x))
    np.testing.assert_array_equal(again.score_samples(x), mixture.score_samples(x))
    assert again.bic(x) == mixture.bic(x)
    assert clone(mixture).get_params() == mixture.get_params()


@pytest.mark.parametrize(
    "options, x, message",
    [
        ({"distribution": "Wishart"}, "line", "distribution: expected one that has a default prior .*got 'Wishart'"),
        ({"distribution": 3}, "line", "distribution: expected one that has a default prior .*got 3"),
        ({"distribution": "binomial"}, "trials", "fixed: Binomial expected known trials"),
        ({"distribution": "poisson", "fixed": {"rate": 1}}, "count", r"parameters of Poisson \(mean\), got 'rate'"),
        (
            {"distribution": "poisson", "fixed": {"mean": 1}},
            "count",
            "expected some parameter of Poisson to be unknown",
        ),
        ({"fixed": {"mean": "a"}}, "line", "fixed: mean expected a number, got 'a'"),
        ({"fixed": 3}, "line", "fixed: expected numbers by name of parameter"),
        ({"distribution": "gamma"}, "line", "Gamma: expected numbers above 0, got -"),
        ({"distribution": "beta"}, "positive", "Beta: expected numbers between 0 and 1"),
        ({"distribution": "poisson"}, "line", "expected whole numbers in"),
        ({"distribution": "poisson"}, "missing", "X: expected some value in every column, got none in column 0"),
        ({"n_draws": 0}, "line", "n_draws: expected a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_be_is_refused(options, x, message):
    rows = np.full((5, 1), np.nan) if x == "missing" else data(x)
    with pytest.raises(ValueError, match=message):
        mc.MixtureModel(2, **{**QUICK, **options}).fit(rows)


def test_priors_are_in_the_docstring_and_keep_equal_rows_proper():
    assert all(f"- {name}: {prior.words}." in mc.MixtureModel.__doc__ for name, prior in PRIORS.items())
    parameters = components("Normal", np.full((5, 1), 3.0), 2, {})
    assert parameters["precision"].parents["rate"] == pytest.approx(1.0 / 50.0)
    mixture = mc.MixtureModel(2, **SHORT).fit(np.full((20, 1), 3.0))
    assert np.isfinite(mixture.score_samples([[3.0]])).all() and (mixture.parameters_["precision"] < 1e4).all()
