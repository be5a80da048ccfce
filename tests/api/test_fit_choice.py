"""What the command line takes columns for, which distributions they get, and what is kept when it is stopped."""

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.api.command import main
from mcmix.api.fit.choose import Question, chosen
from mcmix.api.fit.job import STOPPED
from mcmix.api.fit.kinds import is_identifier, kind_of, unit_of
from mcmix.api.fit.table import table_of


def asked(distribution="auto", components=(2,), **others):
    return Question(distribution, components, others.get("unit", "auto"), others.get("covariance", "auto"), 1, print)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("a", [0, 1, 1], "items"),
        ("a", [0, 1, 5], "counts"),
        ("a", [0.1, 0.9], "proportions"),
        ("a", [0.1, 9.0], "positive"),
        ("a", [-0.1, 9.0], "numbers"),
        ("a", [0.0, 9.5], "numbers"),
        ("windDirection", [10, 350], "angles"),
        ("direction", [10, 3500], "counts"),
    ],
)
def test_kinds_of_columns(name, values, kind):
    assert kind_of(name, np.array(values, dtype=float)) == kind


def test_degrees_and_identifiers():
    assert unit_of(np.array([3.0, 6.2]), "auto") == "radians" and unit_of(np.array([3.0, 7.0]), "auto") == "degrees"
    assert is_identifier("x", np.array([3.0, 1.0, 2.0]), 0) and is_identifier("row id", np.array([9.0, 1.0, 4.0]), 0)
    assert not is_identifier("x", np.array([9.0, 1.0, 4.0]), 0) and not is_identifier("x", np.array([1.0, 1.0, 2.0]), 0)


def test_columns_of_several_kinds_are_parts():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=40),
            "b": rng.normal(size=40),
            "angle": rng.uniform(0, 360, 40),
            "yes": rng.integers(0, 2, 40),
        },
        dtype=float,
    )
    parts = chosen(frame, asked()).parts
    assert [(p.columns, p.distribution, p.full, p.unit) for p in parts] == [
        (("a", "b"), "normal", True, ""),
        (("angle",), "von-mises", False, "degrees"),
        (("yes",), "bernoulli", False, ""),
    ]
    assert not chosen(frame[["a", "b"]], asked(covariance="independent")).parts[0].full


def test_skewed_numbers_are_not_taken_for_normal():
    frame = pd.DataFrame({"amount": np.exp(np.random.default_rng(1).normal([[0.0], [3.0]], 0.5, (2, 100))).ravel()})
    found = chosen(frame, asked("auto", (2,)))
    assert found.parts[0].distribution in ("lognormal", "gamma") and "positive numbers" in found.why[0]


def test_columns_that_nobody_asked_for(tmp_path):
    frame = pd.DataFrame(
        {"id": range(40), "day": ["2024-01-02"] * 40, "same": 3, "x": np.arange(40) % 7 + 0.5, "up": True}
    )
    frame.loc[::2, "up"] = False
    frame["rare"] = np.where(np.arange(40) < 2, np.arange(40) + 0.5, np.nan)
    frame.to_csv(tmp_path / "d.csv", index=False)
    found = table_of(tmp_path / "d.csv", None)
    assert list(found.frame.columns) == ["x", "up"] and list(found.aside) == ["id", "day", "same", "rare"]
    assert set(found.frame["up"]) == {0.0, 1.0} and "id (identifiers" in found.said
    assert list(table_of(tmp_path / "d.csv", ["id"]).frame.columns) == ["id"]


def test_a_stopped_run_reports_what_there_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("mcmix.api.page_sections._tried", lambda attempts: ([], []))
    x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 30)).ravel()
    pd.DataFrame({"x": x}).to_csv(tmp_path / "d.csv", index=False)
    whole = mc.MCMC.sample

    def stopped(self, *arguments, **options):
        whole(self, *arguments, **options)
        self.interrupted = True  # as Ctrl-C leaves it
        return self

    monkeypatch.setattr(mc.MCMC, "sample", stopped)
    words = ["--chains", "2", "--draws", "200", "--burn", "100", "--thin", "1", "--distribution", "normal"]
    out = tmp_path / "out"
    assert main(["fit", str(tmp_path / "d.csv"), "--components", "2..3", "--folder", str(out), *words]) == STOPPED
    assert sorted(f.name for f in out.iterdir()) == ["draws.nc", "report.html", "rows.csv"]
    assert "stopped: reporting what there is of 2 components" in capsys.readouterr().out
    assert "The run was stopped before its end." in (out / "report.html").read_text(encoding="utf-8")
