"""Tables of columns of different kinds: what is seen in a column, the model of all, questions about new rows."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mcmix as mc
from mcmix.api.from_frame import TableColumns
from mcmix.testing import joint_test
from tests.harness import levels
from tests.runs import sampler

sampled = sampler(iterations=600, burn=200, chains=2)
SHORT = {"n_draws": 100, "thin": 1, "burn": 200, "n_chains": 2, "random_state": 1}


def table(n=150, seed=0, gaps=True):
    """Two groups that every kind of column tells apart a little."""
    rng = np.random.default_rng(seed)
    z = np.arange(n) % 2
    steps = rng.binomial(2, np.where(z, 0.8, 0.2))
    frame = pd.DataFrame(
        {
            "height": rng.normal(170.0 + 12.0 * z, 5.0),
            "income": rng.lognormal(10.0 + 2.0 * z, 0.6),
            "visits": rng.poisson(1.0 + 6.0 * z),
            "smokes": rng.random(n) < 0.2 + 0.5 * z,
            "colour": np.where(rng.random(n) < 0.2 + 0.6 * z, "red", np.where(rng.random(n) < 0.5, "blue", "green")),
            "grade": pd.Categorical.from_codes(steps, ["low", "mid", "high"], ordered=True),
            "share": rng.beta(2.0 + 6.0 * z, 4.0),
            "wind": np.degrees(rng.vonmises(2.0 * z, 3.0)),
            "a": rng.normal(z, 1.0),
            "b": rng.normal(z, 1.0),
        }
    )
    if gaps:
        for name in ("height", "visits", "colour", "grade", "a"):
            frame.loc[rng.random(n) < 0.1, name] = None
    frame.attrs["units"] = {"wind": "degrees"}
    return frame, z


def labels(n, k=2):
    return mc.Categorical("z", mc.Dirichlet("w", 1.0, size=k), size=n)


def test_what_columns_hold_is_seen():
    frame, _ = table()
    columns = mc.from_frame(frame, labels(len(frame)), correlated=[("a", "b")])
    assert isinstance(columns, TableColumns)
    told = columns.described()["distribution"].to_dict()
    assert told == {
        "height": "Normal", "income": "Lognormal", "visits": "Poisson", "smokes": "Bernoulli", "colour": "Categorical",
        "grade": "BetaBinomial", "share": "Beta", "wind": "VonMises", "a, b": "MvNormal",
    }  # fmt: skip
    assert "<table" in columns._repr_html_()
    values = {n.name: n.value for n in columns}
    assert len(values["visits"]) == frame["visits"].notna().sum()
    assert set(np.unique(values["grade"])) == {0, 1, 2} and np.abs(values["wind"]).max() <= np.pi


@pytest.mark.parametrize(
    ("column", "distribution"),
    [
        ([0, 1, 1, 0], "Bernoulli"),
        ([1.5, -2.0, 3.0, 4.0], "Normal"),
        ([1.5, 2.0, 3.0, 4.0], "Normal"),  # positive, and within a decade
        ([2, 5, 2, 9], "Poisson"),
        (list(range(1900, 1940)), "Normal"),
        (list(range(1, 41)), "Lognormal"),  # no zero, and many different ones
        ([0, 10, 30, 2], "Poisson"),
        ([0.0, 0.5, 0.2, 1.5], "Normal"),
        ([0.0, 0.5, 0.2, 0.9], "ZeroOneInflatedBeta"),
        ([0.3, 0.5, 0.2, 1.0], "ZeroOneInflatedBeta"),
        ([0.0, 12.5, 0.2, 150.0], "HurdleLognormal"),
        ([0.0, 12.5, None, 150.0], "HurdleLognormal"),
        ([-0.1, 12.5, 0.0, 150.0], "Normal"),
        (["b", "a", None, "b"], "Categorical"),
        ([True, False, None, True], "Bernoulli"),
        (pd.array([1, None, 3, 0], dtype="Int64"), "Poisson"),
        (pd.array([True, None, False, True], dtype="boolean"), "Bernoulli"),
    ],
    ids=str,
)
def test_kinds_of_single_columns(column, distribution):
    found = mc.from_frame({"x": column}, labels(len(column)))
    assert found.described()["distribution"].tolist() == [distribution]


def test_distributions_can_be_said():
    n = 6
    data = {"n": [3, 5, 0, 2, 8, 1], "s": ["a", "b", "c", "a", "b", "c"], "t": [1.0, 2.0, 9.0, 4.0, 5.0, 6.0]}
    asked = {"n": mc.NegativeBinomial, "s": "ordered", "t": "student-t"}
    found = mc.from_frame(data, labels(n), asked).described()["distribution"].tolist()
    assert found == ["NegativeBinomial", "BetaBinomial", "StudentT"]
    hits = mc.from_frame({"n": data["n"]}, labels(n), {"n": mc.Binomial}, fixed={"n": {"trials": 10}})
    assert hits.held[0].known == {"trials": 10}


def test_groups_are_found_and_gaps_left_out():
    frame, z = table(300)
    columns = mc.from_frame(frame, labels(300), correlated=[("a", "b")])
    m = sampled([*columns], 1, quiet=True)
    found = mc.classify(m).classes
    assert max((found == z).mean(), (found != z).mean()) > 0.98
    means = np.sort(m.trace("height mean")[:], axis=1).mean(0)
    assert np.abs(means - [170.0, 182.0]).max() < 2.0


def test_a_table_has_the_joint_distribution_of_its_model():
    """One column of each of five kinds; the sampler and the simulator see the same model."""
    data = {"n": [0, 3, 1, 4, 2, 0], "b": [0, 1, 0, 1, 1, 0], "c": ["a", "b", "c", "a", "b", "a"],
            "x": [-1.0, 1.0, 0.5, 0.0, 2.0, 1.0], "o": ["a", "b", "c", "a", "b", "c"]}  # fmt: skip
    columns = mc.from_frame(data, labels(6), {"o": "ordered"})
    result = joint_test(
        mc.Model([*columns]), replications=60, sweeps=10, false_alarm=levels.each("samplers", 100), seed=5
    )
    assert result.passed, result


def test_weights_stand_for_labels_and_unknown_numbers_are_sizes():
    data = {"x": [0.0, 0.5, 9.0, 9.5, 10.0, 0.2], "b": [0, 0, 1, 1, 1, 0]}
    m = sampled([*mc.from_frame(data, mc.Dirichlet("w", [1.0, 1.0]))], 1, 50, 20, quiet=True)
    assert m.trace("x mean")[:].shape[-1] == 2
    k = mc.NumberOfComponents("K", most=4)
    z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=k), size=6)
    m = sampled([*mc.from_frame(data, z)], 1, 200, 50, quiet=True)
    assert 1 <= m.trace("K")[:].min() <= m.trace("K")[:].max() <= 4


# -------------------------------------------------------------------- the estimator


def test_the_estimator_answers_about_new_rows():
    frame, z = table(200)
    model = mc.MixtureModel(2, distribution="auto", correlated=[("a", "b")], **SHORT).fit(frame)
    assert max((model.predict(frame) == z).mean(), (model.predict(frame) != z).mean()) > 0.97
    new = frame.iloc[:4].astype(object)
    new.loc[new.index[0], :] = None
    logs, shares = model.score_samples(new), model.predict_proba(new)
    assert abs(logs[0]) < 1e-9 and np.isfinite(logs).all()
    np.testing.assert_allclose(shares[0], model.weights_)
    np.testing.assert_allclose(shares.sum(1), 1.0)
    drawn, components = model.sample(50)
    assert list(drawn.columns) == ["height", "income", "visits", "smokes", "colour", "grade", "share", "wind", "a", "b"]
    assert set(drawn["colour"]) <= {"red", "blue", "green"} and set(drawn["grade"]) <= {"low", "mid", "high"}
    assert np.abs(drawn["wind"]).max() <= 180.0 and components.shape == (50,)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(again.score_samples(new), logs)
    assert np.isfinite(model.bic(frame))


def test_scores_of_new_rows_are_those_of_the_columns():
    data = {"c": ["a", "b", "a", "b", "c", "c", "a", "a"], "n": [0, 9, 1, 8, 9, 7, 0, 1]}
    model = mc.MixtureModel(1, distribution="auto", **SHORT).fit(data)
    found = model.score_samples({"c": ["a", None, "b"], "n": [2, 3, np.nan]})
    draws = model.inference_.draws().variables
    p, mean = draws["c probabilities"].reshape(-1, 3), draws["n mean"].reshape(-1)
    expected = [
        np.log((p[:, 0] * stats.poisson.pmf(2, mean)).mean()),
        np.log(stats.poisson.pmf(3, mean).mean()),
        np.log(p[:, 1].mean()),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_weights_of_rows_of_a_table():
    frame, _ = table(60, gaps=False)
    once = mc.MixtureModel(2, distribution="auto", **SHORT).fit(frame)
    twice = mc.MixtureModel(2, distribution="auto", **SHORT).fit(frame, sample_weight=np.full(60, 2.0))
    spread = [m.inference_.draws().variables["height mean"].std() for m in (once, twice)]
    assert spread[1] < spread[0]


# -------------------------------------------------------------------- the border


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        ({"x": [1.0, 1.0, np.nan]}, {}, r"column 'x': expected at least two different entries, got 1 alone"),
        ({"x": ["a", "a", "a"]}, {}, r"column 'x': expected at least two different entries, got 'a' alone"),
        ({"x": [None, None, None]}, {}, r"column 'x': expected some entries, got missing ones alone"),
        ({"x": pd.to_datetime(["2020", "2021", "2022"])}, {}, r"column 'x': .* got dates"),
        ({"x": [1.0, np.inf, 2.0]}, {}, r"column 'x': expected finite numbers, got inf in row 1"),
        ({"x": ["1", "b"]}, {"distributions": {"x": mc.Normal}}, r"column 'x': expected numbers, got 'b' in row 1"),
        ({"x": [-1.0, 2.0, 3.0]}, {"distributions": {"x": mc.Gamma}}, r"column 'x': Gamma: expected numbers above 0"),
        ({"x": [1.0, 2.0, 3.0]}, {"distributions": {"y": mc.Normal}}, r"expected columns of the table \(x\), got 'y'"),
        ({"x": [1.0, 2.0, 3.0]}, {"distributions": {"x": mc.Wishart}}, r"column 'x': expected a distribution that has"),
        ({"x": [1.0, 2.0, 3.0]}, {"correlated": [("x",)]}, r"groups of at least two columns"),
        ({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}, {"correlated": [("x", "y"), ("y", "x")]}, r"got 'x' twice"),
        ({"x": [1, 2, 3]}, {"distributions": {"x": mc.Binomial}}, r"column 'x': fixed: Binomial expected known trials"),
        ({"x": [1.0, 2.0, 3.0], "y": [1.0]}, {}, r"columns of one length"),
        ({}, {}, r"expected columns with rows"),
        (np.zeros((3, 2)), {}, r"expected a data frame, or columns by name, got ndarray"),
        ({"x": [f"name {i}" for i in range(300)]}, {}, r"at most 200 categories, got 300"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(data, options, said):
    n = len(next(iter(data.values()))) if isinstance(data, dict) and data else 3
    with pytest.raises(mc.ModelError, match=said):
        mc.from_frame(data, labels(n), **options)


def test_labels_are_one_for_each_row():
    with pytest.raises(mc.ModelError, match="a label for each of 3 rows"):
        mc.from_frame({"x": [1.0, 2.0, 3.0]}, labels(4))


def test_new_rows_that_cannot_be_are_named():
    data = {"c": ["a", "b", "a", "b"], "n": [0, 9, 1, 8]}
    model = mc.MixtureModel(1, distribution={"n": mc.NegativeBinomial}, **SHORT).fit(data)
    with pytest.raises(ValueError, match=r"column 'c': expected one of a, b, got 'z' in row 1"):
        model.predict({"c": ["a", "z"], "n": [1, 2]})
    with pytest.raises(ValueError, match="n"):
        model.predict({"c": ["a", "b"]})
    with pytest.raises(ValueError, match="correlated: expected distribution='auto'"):
        mc.MixtureModel(2, correlated=[("a", "b")]).fit(np.zeros((4, 2)))
