"""python -m mcmix fit: a file goes in, a page comes out, and a user's mistake gets a sentence."""

import csv
import shlex
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.api.command import DISTRIBUTIONS, _columns, components, main
from mcmix.api.compare import Comparison
from mcmix.api.fit.families import CHOICES
from mcmix.api.fit.job import DOUBTFUL, REFUSED, STOPPED, WELL, Wish, without_gaps
from mcmix.api.fit.parts import Part, mixture
from mcmix.api.fit.run import best_number, choice
from mcmix.api.groups import Groups
from mcmix.api.in_words import Known, in_words
from mcmix.api.memberships import Memberships
from mcmix.report.frames import read_table

QUICK = ["--chains", "2", "--draws", "300", "--burn", "200", "--thin", "2"]


def two_groups(n=60, seed=1):
    return np.random.default_rng(seed).normal([[0.0], [10.0]], 1.0, (2, n // 2)).ravel()


@pytest.fixture
def table(tmp_path):
    """A file with a column of numbers, one of them missing, one of text, and one of whole numbers."""
    frame = pd.DataFrame({"speed": two_groups(), "name": [f"g{i}" for i in range(60)], "count": np.arange(60) % 7})
    frame.loc[3, "speed"] = np.nan
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


@pytest.fixture(autouse=True)
def few_figures(request, monkeypatch):
    """Figures take most of a page's time; tests/report/test_page.py looks at them, and one test here."""
    if request.node.name != "test_from_file_to_page":
        monkeypatch.setattr("mcmix.api.page_sections._tried", lambda attempts: ([], []))


def run(table, *words, folder="out", distribution="normal"):
    asked = () if distribution is None or {"--distribution", "--law"} & set(words) else ("--distribution", distribution)
    return main(["fit", str(table), "--folder", str(table.parent / folder), *QUICK, *asked, *words])


def test_from_file_to_page(table, capsys):
    assert run(table, "--columns", "speed", "--components", "1..2") in (WELL, DOUBTFUL)
    said = capsys.readouterr().out
    assert "59 rows of speed; missing cells: speed 1; left out 1 row without any value" in said
    assert "the marginal likelihood favours 2" in said and "reported: 2 components" in said
    text = (table.parent / "out" / "report.html").read_text(encoding="utf-8")
    assert "speed: 2 groups" in text and "eft out 1 row" in text and "Models compared" in text
    assert 'href="rows.csv"' in text and "fall into 2 groups" in text and len(text) < 1_500_000
    assert (table.parent / "out" / "draws.nc").exists()
    rows_stand_under_their_places(table.parent / "out" / "rows.csv")


def rows_stand_under_their_places(path):
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == [f"g{i}" for i in range(60)]  # the identifier, and every row of the file
    assert rows[3]["speed"] == rows[3]["group"] == rows[3]["probability"] == rows[3]["doubtful"] == ""
    fitted = [r for i, r in enumerate(rows) if i != 3]
    low, high = {r["group"] for r in fitted[:29]}, {r["group"] for r in fitted[29:]}
    assert low | high == {"A", "B"} and len(low) == len(high) == 1  # ten standard deviations apart
    np.testing.assert_allclose([float(r["probability A"]) + float(r["probability B"]) for r in fitted], 1.0, atol=1e-5)
    assert {r["doubtful"] for r in fitted} == {"no"}


def test_the_command_on_the_page_repeats_it(table, capsys, monkeypatch):
    monkeypatch.chdir(table.parent)
    first = main(["fit", "data.csv", "--columns", "speed", "--components", "2", "--folder", "one", *QUICK])
    text = (table.parent / "one" / "report.html").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if "python -m mcmix fit" in line)
    words = shlex.split(command.replace("<pre>", "").replace("</pre>", ""))[3:]
    rows = (table.parent / "one" / "rows.csv").read_bytes()
    (table.parent / "one" / "rows.csv").unlink()
    assert main(words) == first
    assert (table.parent / "one" / "rows.csv").read_bytes() == rows


def test_parquet_and_counts(tmp_path, capsys):
    pytest.importorskip("pyarrow", reason="Parquet files need pyarrow")
    rng = np.random.default_rng(2)
    pd.DataFrame({"visits": rng.poisson([[1], [30]], (2, 30)).ravel()}).to_parquet(tmp_path / "d.parquet")
    assert run(tmp_path / "d.parquet", "--components", "2", "--law", "poisson") in (WELL, DOUBTFUL)  # its old name
    assert "60 rows of visits; no missing cells" in capsys.readouterr().out


@pytest.mark.parametrize("law", ["student-t", "lognormal", "exponential"])
def test_laws_of_one_column(law):
    rows = pd.DataFrame({"mean": np.exp(two_groups() / 5)})
    m = mc.MCMC(mixture([Part(("mean",), law)], rows, 2))
    m.sample(400, 100, chains=1, seed=1, progress_bar=False)
    assert m.draws().variables["weight"].shape == (1, 300, 2) and "mean (data)" in m.observed_data()


def test_columns_together_keep_cells_as_unknowns(tmp_path, capsys):
    values = np.random.default_rng(3).normal(np.repeat([0.0, 8.0], 30)[:, None], 1.0, (60, 2))
    values[0, 1] = values[5] = np.nan
    frame = pd.DataFrame(values, columns=["a", "b"])
    frame.to_csv(tmp_path / "d.csv", index=False)
    assert run(tmp_path / "d.csv", "--components", "2") in (WELL, DOUBTFUL)
    said = capsys.readouterr().out
    assert "missing cells: a 1, b 2; left out 1 row without any value, 1 kept as unknowns (missing at random)" in said
    kept, said = without_gaps(frame, "drop")
    assert len(kept) == 58 and said == "missing cells: a 1, b 2; left out 2 rows with any"


def test_doubtful_runs_have_an_exit_code_of_their_own(table, capsys):
    words = ["fit", str(table), "--columns", "speed", "--components", "1", "--folder", str(table.parent / "o")]
    assert main([*words, "--chains", "1", "--draws", "100", "--burn", "0", "--thin", "1"]) == DOUBTFUL
    assert (table.parent / "o" / "report.html").exists()


def test_unsure_evidence_is_not_chosen():
    columns = {"log_evidence": [-9.0, -5.0, -1.0], "evidence_error": [0.1, 0.1, np.inf], "bic": [2.0, 3.0, 1.0]}
    comparison = Comparison(pd.DataFrame(columns), "")
    assert best_number(comparison, Wish(Path("f.csv"), None, (1, 2, 3))) == 2
    assert best_number(comparison, Wish(Path("f.csv"), None, (1, 2, 3), choose="bic")) == 3
    all_unsure = Comparison(pd.DataFrame(columns | {"evidence_error": [np.inf] * 3}), "")
    assert best_number(all_unsure, Wish(Path("f.csv"), None, (1, 2, 3))) == 3
    assert (
        best_number(comparison, Wish(Path("f.csv"), None, (1, 2, 3)), [True, False, False]) == 1
    )  # chains disagree in 2


def test_an_evidence_that_takes_more_draws_leaves_the_choice_to_bic():
    columns = {"log_evidence": [-9.0, np.nan], "evidence_error": [0.1, np.inf], "bic": [3.0, 2.0]}
    comparison = Comparison(pd.DataFrame(columns), "")
    found = choice(comparison, Wish(Path("f.csv"), None, (1, 2)), {1: True, 2: True}, (1, 2))
    assert found.number == 2 and found.probability is None and not found.aside
    assert found.told == "2 components (the best by bic, as the evidence of so many unknowns takes more --draws)"


def test_what_was_left_aside_is_told():
    columns = {
        "log_evidence": [-9.0, -5.0],
        "evidence_error": [0.1, 0.1],
        "bic": [3.0, 2.0],
        "probability": [0.02, 0.98],
    }
    comparison = Comparison(pd.DataFrame(columns), "")
    found = choice(comparison, Wish(Path("f.csv"), None, (1, 2)), {1: True, 2: False}, (1, 2))
    assert found.number == 1 and found.aside == "2 has chains that cannot be trusted"
    groups = one_group_of_rows()
    known = Known("speed", 1, found.probability, (1, 2), "the marginal likelihood", aside=found.aside)
    assert in_words(groups, known)[0] == (
        "The 4 rows of speed are best seen as 1 group: the best of 1, 2 groups by the marginal likelihood among those "
        "that count. Left aside until more is drawn: 2 has chains that cannot be trusted."
    )


def one_group_of_rows():
    every = np.ones((4, 1))
    return Groups(np.ones((1, 1)), Memberships(every, 0 * every, "one"), [])


def test_the_paragraph_names_the_file_that_marks_doubtful_rows():
    p = np.repeat([[0.99, 0.01], [0.4, 0.6]], [3, 1], axis=0)
    groups = Groups(np.array([[0.84, 0.16]]), Memberships(p, 0 * p, "ecr"), [])
    assert in_words(groups, Known("speed", 2, rows="rows.csv"))[-1].endswith("below 95 %; rows.csv marks it.")


BAD = {
    "text column": (
        b"speed,name\n1,a\n2,b\n3,c\n",
        ["--columns", "speed,name"],
        "text in column 'name' ('a' in line 2)",
    ),
    "nothing but text": (b"name\na\nb\nb\n", [], "no column to fit: 'name': text, categories, such as 'a'"),
    "dates asked for": (b"day\n2024-01-02\n2024-02-01\n", ["--columns", "day"], "dates in column 'day' (2024-01-02)"),
    "dates": (b"day\n2024-01-02\n2024-02-01\n", [], "no column to fit: 'day': dates"),
    "identifiers": (b"id\n11\n12\n13\n14\n", [], "no column to fit: 'id': identifiers"),
    "nearly empty": (b"a,b\n1,\n1,\n1,7\n" + b"1,\n" * 97 + b"1,8\n", [], "'b': 99 of 101 cells missing"),
    "nearly empty, asked for": (
        b"a,b\n1,\n1,\n1,7\n" + b"1,\n" * 97 + b"1,8\n",
        ["--columns", "b"],
        "b: expected at least 3 rows of data, got 2; missing cells: b 99 of 101",
    ),
    "one item": (b"yes\n1\n0\n1\n0\n", ["--distribution", "auto"], "cannot be told apart by one yes/no item"),
    "one item, named": (b"yes\n1\n0\n1\n0\n", ["--distribution", "bernoulli"], "cannot be told apart by one yes/no"),
    "no angles": (
        b"a\n10\n20\n700\n",
        ["--distribution", "von-mises"],
        "expected angles in degrees, up to 360, got 700",
    ),
    "proportions": (b"a\n0\n0.5\n0.7\n", ["--distribution", "beta"], "neither itself), got 0"),
    "text asked for": (b"speed,name\n1,a\n2,b\n", ["--columns", "name"], "text in column 'name'"),
    "one word among numbers": (b"speed\n1\nfast\n3\n", [], "text in column 'speed'"),
    "no such column": (b"speed\n1\n2\n3\n", ["--columns", "sped"], "no column 'sped'; there are speed"),
    "empty file": (b"", [], "empty file"),
    "header only": (b"speed\n", [], "0 rows"),
    "constant": (b"speed\n2\n2\n2\n2\n", [], "at least two different values"),
    "too few rows": (b"speed\n2\n3\n", [], "at least 3 rows"),
    "all missing": (b"speed,b\n,1\n,2\n,3\n,4\n", ["--columns", "speed"], "at least 3 rows"),
    "infinite": (b"speed\n1\ninf\n3\n4\n", [], "infinite ones in column speed"),
    "counts": (b"speed\n1\n2.5\n3\n", ["--distribution", "poisson"], "expected counts from 0"),
    "positive": (b"speed\n1\n-2.5\n3\n", ["--distribution", "lognormal"], "expected positive numbers"),
    "one of two columns": (
        b"a,b\n1,2\n2,3.5\n4,5\n",
        ["--distribution", "poisson"],
        "column 'b' expected counts from 0",
    ),
    "no names": (b"1.5\n2.5\n3.5\n", [], "expected names of columns in the first line, got numbers (1.5)"),
    "truth values": (b"up\nTrue\nFalse\nTrue\n", ["--distribution", "auto"], "one yes/no item"),
    "decimal commas": (b"speed;b\n1,5;1\n2,5;2\n3,5;3\n", [], "write numbers with a point, as in 3.14"),
    "not UTF-8": ("speed\n1\n2\n3\n\xe9t\xe9".encode("latin-1"), [], "save the file as UTF-8"),
    "huge": (b"speed\n1e200\n2e200\n3e200\n4e200\n", [], "choose another unit"),
    "tiny": (b"speed\n1e-200\n2e-200\n3e-200\n4e-200\n", [], "choose another unit"),
    "no text file": (b"\x89PNG\x00\x00\xff\xfe\x00", [], "bad.csv"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_gets_one_sentence(case, tmp_path, capsys):
    content, words, message = BAD[case]
    (tmp_path / "bad.csv").write_bytes(content)
    assert run(tmp_path / "bad.csv", "--components", "2", *words) == REFUSED
    said = capsys.readouterr().err
    assert message in said and said.startswith("mcmix fit: ") and "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_files_that_are_none(tmp_path, capsys):
    assert run(tmp_path / "absent.csv", "--components", "2") == REFUSED
    assert "no such file" in capsys.readouterr().err
    (tmp_path / "data.xls").write_bytes(b"1")
    assert run(tmp_path / "data.xls", "--components", "2") == REFUSED
    assert "expected a .csv, .tsv, .txt or .parquet file" in capsys.readouterr().err
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    assert run(tmp_path / "bad.parquet", "--components", "2") == REFUSED
    assert "cannot be read as parquet" in capsys.readouterr().err
    assert run(tmp_path, "--components", "2") == REFUSED  # a folder


def test_an_unnamed_first_column_is_an_index(tmp_path):
    frame = pd.DataFrame({"speed ": two_groups(), "a,b": np.arange(60.0)}, index=[f"g{i}" for i in range(60)])
    frame.to_csv(tmp_path / "d.csv")
    found = read_table(tmp_path / "d.csv")
    assert list(found.columns) == ["speed", "a,b"] and found.index[0] == "g0"
    assert _columns('speed,"a,b"') == ("speed", "a,b")


def test_rounded_data_have_a_posterior():
    rows = pd.DataFrame({"v": np.repeat([1.0, 2.0, 3.0], 10)})
    m = mc.MCMC(mixture([Part(("v",), "normal")], rows, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an improper posterior
        m.sample(3_000, 500, chains=2, seed=1, progress_bar=False)
    assert m.draws().variables["precision"].max() < 1e4 and m.draws().variables["label"].shape == (2, 2_500, 30)


@pytest.mark.parametrize("text", ["0", "4..2", "2,2", "two", "", "-1", "1..", "300"])
def test_wrong_numbers_of_components_are_wrong_usage(text, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        run(tmp_path / "d.csv", f"--components={text}")
    assert end.value.code == 2 and "such as 3, 2..8 or 2,4,6" in capsys.readouterr().err


def test_numbers_of_components():
    assert components("3") == (3,) and components("2..4") == (2, 3, 4) and components("2, 6") == (2, 6)


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and "examples:" in said and "--components 2..8" in said and "exit codes:" in said
    assert all(f"\n  {name} " in said for name in DISTRIBUTIONS) and "0 and 1 alone" in said


def test_the_help_knows_the_distributions():
    assert {n: choice.when for n, choice in CHOICES.items()} == {n: w for n, w in DISTRIBUTIONS.items() if n != "auto"}


def test_draws_are_written_as_they_are_made(table, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("mcmix.compare", interrupted)
    assert run(table, "--columns", "speed", "--components", "1..2") == STOPPED
    assert sorted(f.name for f in (table.parent / "out").iterdir()) == ["draws-1.nc", "draws-2.nc"]


def test_what_was_written_on_the_way_is_put_in_its_place(table):
    run(table, "--columns", "speed", "--components", "1..2")
    found = sorted(f.name for f in (table.parent / "out").iterdir())
    assert found == ["comparison.csv", "draws.nc", "report.html", "rows.csv"]
    scores = pd.read_csv(table.parent / "out" / "comparison.csv", index_col="components")
    assert list(scores.index) == [1, 2] and np.isfinite(scores["bic"]).all()
