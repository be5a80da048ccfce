"""python -m mcmix fit --components unknown: one model in the place of several, and groups of the likeliest number."""

import argparse
import shlex

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.api.command import components, main
from mcmix.api.fit.job import DOUBTFUL, REFUSED, WELL

QUICK = ["--chains", "2", "--draws", "500", "--burn", "300", "--thin", "2"]
GROUP = np.repeat([0, 1, 2], 20)


@pytest.fixture
def table(tmp_path):
    rows = np.random.default_rng(4).normal(np.array([-8.0, 0.0, 8.0])[GROUP], 1.0)
    pd.DataFrame({"speed": rows, "weight": rows + 3.0}).to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


@pytest.fixture
def few_figures(monkeypatch):
    """Figures take most of a page's time; one test here draws them."""
    monkeypatch.setattr("mcmix.api.page_sections._tried", lambda attempts: ([], []))


def fitted(table, *words, folder="out"):
    asked = [] if "--distribution" in words else ["--distribution", "normal"]
    return main(["fit", str(table), "--components", "unknown", "--folder", str(table.parent / folder), *QUICK, *asked,
                 *words])  # fmt: skip


def test_from_file_to_page(table, capsys):
    assert fitted(table, "--columns", "speed", "--most", "9") in (WELL, DOUBTFUL)
    said = capsys.readouterr()
    assert "unknown number of components, 1 to 9: 2 chains" in said.out and "no names" not in said.err
    assert "The 60 rows of speed fall into 3 groups. How many was left open (1 to 9 components" in said.out
    assert "3 groups have a probability of" in said.out and "mean speed" in said.out
    out = table.parent / "out"
    assert {path.name for path in out.iterdir()} == {"report.html", "rows.csv", "draws.nc", "groups.nc"}
    groups = pd.read_csv(out / "rows.csv")["group"]
    assert sorted(set(groups)) == ["A", "B", "C"] and mc.adjusted_rand(groups.astype("category").cat.codes, GROUP) == 1
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "How many groups" in text and "Left out" not in text and "beta-negative-binomial(1, 4, 3), up to 9" in text
    assert 'href="groups.nc"' in text and "the draws that have 3 groups" in text


def test_draws_by_group_are_named(table, few_figures):
    fitted(table, "--columns", "speed")
    from xarray import open_dataset

    with open_dataset(table.parent / "out" / "groups.nc", group="posterior") as found:
        means = found["mean"].mean(("chain", "draw")).values
        np.testing.assert_allclose(found["weight"].sum(found["weight"].dims[-1]), 1.0, rtol=1e-9)
    np.testing.assert_allclose(np.sort(means), [-8.0, 0.0, 8.0], atol=0.6)
    with open_dataset(table.parent / "out" / "draws.nc", group="posterior") as found:
        assert set(found.data_vars) == {"components", "label"}


def test_the_command_on_the_page_repeats_it(table, few_figures, monkeypatch):
    monkeypatch.chdir(table.parent)
    first = fitted(table, "--columns", "speed", "--most", "7", folder="one")
    text = (table.parent / "one" / "report.html").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if "python -m mcmix fit" in line)
    assert "--components unknown --most 7" in command
    words = shlex.split(command.replace("<pre>", "").replace("</pre>", ""))[3:]
    rows = (table.parent / "one" / "rows.csv").read_bytes()
    (table.parent / "one" / "rows.csv").unlink()
    assert main(words) == first and (table.parent / "one" / "rows.csv").read_bytes() == rows


def test_vectors_with_missing_cells(table, few_figures, capsys):
    frame = pd.read_csv(table)
    frame.loc[[1, 30], "weight"] = np.nan
    frame.to_csv(table, index=False)
    assert fitted(table) in (WELL, DOUBTFUL)
    assert "2 kept as unknowns" in capsys.readouterr().out


def test_one_group(tmp_path, few_figures, capsys):
    rows = np.random.default_rng(5).normal(0.0, 1.0, 60)
    pd.DataFrame({"x": rows}).to_csv(tmp_path / "d.csv", index=False)
    assert fitted(tmp_path / "d.csv") in (WELL, DOUBTFUL)
    assert "The 60 rows of x are best seen as 1 group. How many was left open" in capsys.readouterr().out
    assert not (tmp_path / "out" / "rows.csv").exists()


@pytest.mark.parametrize("text", ["unknown..3", "some", "unknowns"])
def test_words_that_are_no_number(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected unknown, or different numbers from 1 to 200"):
        components(text)


def test_too_few_to_choose_from(table, capsys):
    with pytest.raises(SystemExit):
        fitted(table, "--most", "1")
    assert "expected a whole number of at least 2, got '1'" in capsys.readouterr().err


def test_a_column_that_is_no_data(table, capsys):
    assert fitted(table, "--columns", "sped") == REFUSED
    assert "sped" in capsys.readouterr().err
