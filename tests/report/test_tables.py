"""Tables that pandas would bend are refused with the cell and its line, and the command line says one thing."""

import gzip
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.api.command import main
from mcmix.api.fit.job import Wish
from mcmix.api.fit.run import Decided, choice
from mcmix.report.frames import read_table


def read(folder, text, columns=None, name="a.csv"):
    (folder / name).write_text(text)
    return read_table(folder / name, columns)


@pytest.mark.parametrize(
    ("text", "columns", "said"),
    [
        ("x\n1,25\n2,50\n3,75\n", None, "expected 1 fields in each row.*got 2 in line 2 .1,25."),
        ("x,y\n1,2\n\n3,4,5\n", None, "got 3 in line 4"),
        ("x\ty\n1\t2\n3\t4\t5\n", None, "got 3 in line 3"),
        ("x,x\n1,10\n2,20\n", ["x"], "several 'x'"),
        ("x, x\n1,10\n2,20\n", None, "several 'x'"),
        ("x,x\n1,10\n2,20\n", ["x.1"], "several 'x'"),
        ("x,x,x.1\n1,10,3\n2,20,4\n", ["x.1"], "several 'x'"),
        ("x\n0.1257\n10.68\n<5\n7.1\n", ["x"], "column 'x' .'<5' in line 4."),
        ("x,y\n1,2\n\n3,n.d.\n", None, "column 'y' .'n.d.' in line 4.; choose columns of numbers with --columns x"),
        ("x;y\n1;2,5\n2;3\n", None, "column 'y' .'2,5' in line 2.; write numbers with a point"),
        ('x,y\n1,"2,5"\n2,3\n', None, "'2,5' in line 2.; write numbers with a point"),
        ("x\n2020-01-01\n", None, "'2020-01-01' in line 2"),
    ],
)
def test_what_would_be_bent_is_refused(tmp_path, text, columns, said):
    with pytest.raises(mc.ModelError, match=said):
        read(tmp_path, text, columns)


def test_what_is_right_is_read(tmp_path):
    commas = read(tmp_path, "x,y\n1.5,10.0,\n2.5,20.0,\n3.5,30.0,\n")
    assert commas.to_dict("list") == {"x": [1.5, 2.5, 3.5], "y": [10.0, 20.0, 30.0]}
    both = read(tmp_path, "x,y,\n1.5,10.0,\n2.5,20.0,\n")
    assert both.to_dict("list") == {"x": [1.5, 2.5], "y": [10.0, 20.0]}
    short = read(tmp_path, "x,y\n1\n2,3\n")
    assert np.isnan(short["y"].iloc[0])
    index = read(tmp_path, ",x\na,1\nb,2\n")
    assert list(index.index) == ["a", "b"]
    assert read(tmp_path, "\ufeffx,y\n1,2\n3,4\n").columns[0] == "x"
    assert read(tmp_path, 'x,"a,b"\n1,2\n3,4\n').columns[1] == "a,b"


def test_files_of_other_kinds(tmp_path):
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(b"x\n1\n2\n"))
    sheet = tmp_path / "sheet.csv"
    with zipfile.ZipFile(sheet, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    parquet = tmp_path / "p.csv"
    pd.DataFrame({"x": [1.0]}).to_parquet(parquet)
    for path, said in ((packed, "gzip"), (sheet, "spreadsheet"), (folder, "got a folder"), (parquet, "a Parquet file")):
        with pytest.raises(mc.ModelError, match=f"{path.name}.*{said}"):
            read_table(path)
    texts = tmp_path / "t.parquet"
    pd.DataFrame({"x": ["1", "2", "no"]}).to_parquet(texts)
    with pytest.raises(mc.ModelError, match="'no' in row 3"):
        read_table(texts)


# -------------------------------------------------------------------- the command line


NUMBERS = (1, 2, 3)


def compared(**columns):
    return SimpleNamespace(table=pd.DataFrame(columns, index=[1, 2, 3]))


def test_what_is_left_aside_is_named():
    wish = Wish(Path("a.csv"), None, (1, 2, 3))
    every = {1: True, 2: True, 3: True}
    table = compared(log_evidence=[-30.0, -10.0, -20.0], evidence_error=[0.1, 0.1, 0.1])
    assert choice(table, wish, every, NUMBERS) == Decided(2, "the best by evidence")
    found = choice(table, wish, {**every, 2: False}, NUMBERS)
    assert found.number == 3
    assert "left aside: 2 has chains that cannot be trusted" in found.told
    table = compared(log_evidence=[-30.0, np.nan, -20.0], evidence_error=[0.1, np.nan, 5.0])
    found = choice(table, wish, every, NUMBERS)
    assert found.number == 1
    assert "2 has no evidence" in found.told
    assert "3 has evidence known to no better than a nat" in found.told
    loo = Wish(Path("a.csv"), None, (1, 2, 3), choose="loo")
    assert choice(compared(loo=[np.nan, -5.0, -9.0]), loo, every, NUMBERS).number == 2
    with pytest.raises(mc.ModelError, match="no number of components has a score"):
        choice(compared(loo=[np.nan] * 3), loo, every, NUMBERS)


def test_the_folder_is_tried_before_anything_takes_long(tmp_path, capsys):
    table = tmp_path / "a.csv"
    table.write_text("x\n" + "\n".join(str(0.5 * i) for i in range(20)))
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main(["fit", str(table), "--components", "1", "--folder", str(folder)]) == 1
        said = capsys.readouterr()
        assert str(folder) in said.err
        assert "sweeps" not in said.out


def test_screen_exit_code_and_page_are_one_judgement(tmp_path, capsys):
    table = tmp_path / "a.csv"
    x = np.random.default_rng(3).normal(size=40)
    table.write_text("x\n" + "\n".join(map(str, x)))
    options = ["--components", "2", "--draws", "100", "--burn", "20", "--thin", "1", "--chains", "2"]
    code = main(["fit", str(table), *options, "--folder", str(tmp_path / "out")])
    out = capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    headline = out.split(" s; ")[1].splitlines()[0]
    assert code == (0 if headline == "converged" else 3)
    assert headline in page
    assert not [f for f in (tmp_path / "out").iterdir() if f.name.startswith(".")]
