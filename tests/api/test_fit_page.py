"""A whole page of a mixed table with missing cells: its tables, what its pictures are said to show, its styles."""

import re

import numpy as np
import pandas as pd
import pytest

from mcmix.api.command import main
from mcmix.api.fit.job import DOUBTFUL, WELL

pytestmark = pytest.mark.slow  # the choice for counts and all the pictures, on two cores with others at work


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two measured columns, one with missing cells, counts and an item, in two groups."""
    rng, n = np.random.default_rng(3), 60
    second = np.arange(n) >= n // 2
    frame = pd.DataFrame(
        {
            "height": rng.normal(np.where(second, 9.0, 0.0), 1.0).round(3),
            "weight": rng.normal(np.where(second, 50.0, 70.0), 4.0).round(2),
            "visits": rng.poisson(np.where(second, 7, 1)),
            "member": rng.random(n) < np.where(second, 0.8, 0.2),
        }
    )
    frame.loc[[2, 5, 40], "weight"] = np.nan
    frame.loc[5, "height"] = np.nan
    place = tmp_path_factory.mktemp("page")
    frame.to_csv(place / "d.csv", index=False)
    words = ["--chains", "2", "--draws", "200", "--burn", "200", "--thin", "1"]
    code = main(["fit", str(place / "d.csv"), "--components", "2", "--folder", str(place / "out"), *words])
    assert code in (WELL, DOUBTFUL)
    return place / "out"


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def test_columns_of_three_kinds_share_the_groups(folder, page):
    rows = pd.read_csv(folder / "rows.csv")
    half = rows.groupby(np.arange(60) >= 30)["group"].agg(["nunique", "first"])
    assert list(half["nunique"]) == [1, 1] and half["first"].nunique() == 2
    for words in ("normal vectors", "visits", "member"):
        assert words in page, words


def test_missing_cells_are_summarised_by_column_and_by_row(page):
    section = page[page.index("Missing cells</h2>") :]
    assert "4 of 120 cells are missing, in 3 of 60 rows" in section
    by_column = re.sub(r"<[^>]+>", " ", section[section.index("By column") : section.index("By row")])
    assert re.search(r"height\s+1\s+1\.7 %", by_column) and re.search(r"weight\s+3\s+5\.0 %", by_column)
    by_row = re.sub(r"<[^>]+>", " ", section[section.index("By row") :])
    assert re.search(r"5\s+2\s+height, weight", by_row)
    assert "[5, height]" not in page  # no missing cell is a parameter of its own


def test_every_picture_says_a_number_to_whoever_cannot_see_it(page):
    pictures = re.findall(r"<img[^>]*>", page)
    texts = [re.search(r'alt="([^"]*)"', picture) for picture in pictures]
    assert len(pictures) >= 5 and all(text and re.search(r"\d", text[1]) for text in texts)


@pytest.mark.parametrize("style", ["prefers-color-scheme: dark", "max-width", "@media print"])
def test_the_page_has_styles_for_the_dark_for_phones_and_for_paper(page, style):
    assert style in page


def test_the_page_is_small(page):
    assert len(page) < 1_500_000
