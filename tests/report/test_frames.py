"""Frames: the summary and its labels, data that come as pandas objects, and pandas left alone."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mcmix.errors import ModelError
from mcmix.report import arviz_bridge, arviz_measures
from mcmix.report.frames import as_array, index_of, summary_frame
from mcmix.report.statistics import hpd
from mcmix.traces.memory import Draws


@pytest.fixture
def draws():
    rng = np.random.default_rng(31)
    return Draws(
        {
            "mu": rng.normal([150.0, 200.0], [0.5, 2.0], size=(4, 1000, 2)),
            "p": rng.beta(70, 30, size=(4, 1000)),
            "cov": rng.normal(size=(4, 1000, 2, 2)),
            "k": rng.integers(0, 3, size=(4, 1000)).astype(np.int8),
            "above": rng.uniform(size=(4, 1000)) > 0.5,
            "fixed": np.ones((4, 1000)),
        },
        {"lp": rng.normal(size=(4, 1000))},
    )


def test_rows_and_columns(draws):
    frame = summary_frame(draws, ["mu", "p", "cov"])
    assert list(frame.index) == ["mu[0]", "mu[1]", "p", "cov[0, 0]", "cov[0, 1]", "cov[1, 0]", "cov[1, 1]"]
    assert list(frame.columns) == [
        *("mean", "sd", "hdi_2.5%", "hdi_97.5%", "mcse_mean", "mcse_sd", "ess_bulk", "ess_tail", "r_hat")
    ]


def test_everything_by_default(draws):
    assert len(summary_frame(draws)) == 2 + 1 + 4 + 1 + 1 + 1


def test_values(draws):
    frame, mu = summary_frame(draws), draws.variables["mu"]
    assert frame["mean"]["mu[1]"] == pytest.approx(mu[:, :, 1].mean())
    assert frame["sd"]["p"] == pytest.approx(draws.variables["p"].std(ddof=1))
    assert frame["r_hat"]["mu[0]"] == pytest.approx(arviz_measures.rhat(mu)[0])
    assert frame["ess_tail"]["mu[0]"] == pytest.approx(arviz_measures.ess(mu, "tail")[0])
    assert frame["hdi_2.5%"]["mu[0]"] == hpd(mu)[0, 0]
    assert frame["mean"]["above"] == pytest.approx(0.5, abs=0.05)


def test_interval_columns_carry_their_percentages(draws):
    frame = summary_frame(draws, "p", alpha=0.11)
    assert {"hdi_5.5%", "hdi_94.5%"} <= set(frame.columns)
    assert list(frame.loc["p", ["hdi_5.5%", "hdi_94.5%"]]) == list(hpd(draws.variables["p"], 0.11))


def test_single_elements_may_be_named(draws):
    assert list(summary_frame(draws, ["mu[1]", "cov[1,0]"]).index) == ["mu[1]", "cov[1, 0]"]


def test_rounding(draws):
    assert summary_frame(draws, "p", round_to=1)["mean"]["p"] == 0.7


def test_a_constant_has_no_diagnostics(draws):
    row = summary_frame(draws, "fixed").loc["fixed"]
    assert row["mean"] == 1
    assert row["sd"] == 0
    assert row[["mcse_mean", "ess_bulk", "ess_tail", "r_hat"]].isna().all()


def test_one_chain_has_no_rhat(draws):
    one = Draws({"p": draws.variables["p"][:1]})
    row = summary_frame(one).loc["p"]
    assert np.isnan(row["r_hat"])
    assert row["ess_bulk"] > 100


@pytest.mark.parametrize(("name", "message"), [("m", "expected one of mu, p"), ("mu[2]", r"from mu\[0\] to mu\[1\]")])
def test_unknown_names_are_refused(draws, name, message):
    with pytest.raises(ModelError, match=message):
        summary_frame(draws, [name])


def test_a_series_becomes_its_array():
    np.testing.assert_array_equal(as_array(pd.Series([1.5, 2.5], index=["a", "b"])), [1.5, 2.5])
    np.testing.assert_array_equal(as_array(pd.DataFrame({"a": [1, 2], "b": [3.5, 4]})), [[1, 3.5], [2, 4]])


def test_missing_numbers_become_nan():
    array = as_array(pd.Series([1, None, 3], dtype="Int64"))
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, [1, np.nan, 3])
    np.testing.assert_array_equal(as_array(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")})), [[1], [np.nan]])


def test_text_stays_text():
    assert list(as_array(pd.Series(["x", "y"]))) == ["x", "y"]


@pytest.mark.parametrize("values", [[1, 2], (1.0,), 3, "name", None, np.arange(3)])
def test_anything_else_is_left_as_it_is(values):
    assert as_array(values) is values
    assert index_of(values) is None


@pytest.mark.parametrize(
    ("index", "labels"),
    [
        (None, [0, 1]),
        ([7, 3], [7, 3]),
        (["a", "b"], ["a", "b"]),
        ([("a", 1), ("b", 2)], ["a, 1", "b, 2"]),
        (pd.CategoricalIndex(["u", "v"]), ["u", "v"]),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")),
    ],
)
def test_index(index, labels):
    values = pd.Series([1.0, 2.0], index=pd.MultiIndex.from_tuples(index) if str(index).startswith("[(") else index)
    found = index_of(values)
    assert found is not None
    assert found.dtype != object
    np.testing.assert_array_equal(found, labels)


def test_index_fits_into_a_file(tmp_path):
    rows = pd.Series([1.0, 2.0], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    data = arviz_bridge.to_inference_data(
        {"observed_data": {"y": as_array(rows)}}, dims={"y": ["observation"]}, coords={"observation": index_of(rows)}
    )
    assert arviz_bridge.to_netcdf(data, tmp_path / "rows.nc").stat().st_size > 0


def test_pandas_is_not_loaded_to_look_at_an_array():
    code = (
        "import sys, numpy as np; from mcmix.report.frames import as_array, index_of;"
        "as_array(np.arange(3)); index_of([1]); print('pandas' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_thousand_variables_are_summarised_together():
    """As one by one; another kind of number, or an angle, begins a new table."""
    rng = np.random.default_rng(1)
    variables = {f"a{i}": rng.normal(i, 1.0, (2, 40)) for i in range(6)}
    variables |= {"n": rng.integers(0, 5, (2, 40)), "t": rng.normal(0, 1, (2, 40)), "v": rng.normal(0, 1, (2, 40, 3))}
    draws = Draws(variables, angles=frozenset({"t"}))
    together = summary_frame(draws)
    apart = [summary_frame(draws, name) for name in variables]
    assert list(together.index) == [label for one in apart for label in one.index]
    assert np.allclose(
        together.to_numpy(), np.concatenate([one.to_numpy() for one in apart]), rtol=1e-12, equal_nan=True
    )
