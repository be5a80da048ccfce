"""The sources of the site: nothing public is left out, and no code stands on a page without being run."""

import re
from pathlib import Path

import pytest

import mcmix as mc
import mcmix.testing
from mcmix.distributions.notation import NOTATION
from mcmix.distributions.table import FAMILIES

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
MADE = {"_build", "generated", "api"}  # what building the site leaves there
PAGES = sorted(p for p in DOCS.rglob("*.md") if not MADE.intersection(p.relative_to(DOCS).parts))
PUBLIC = [
    *(name for name in mc.__all__ if name != "ChiSquared"),  # Chi2 by another name, said on the page of distributions
    "NormalMixture",
    "MixtureModel",
    *(f"plots.{name}" for name in mc.plots.__all__),
    *(f"testing.{name}" for name in mcmix.testing.__all__),
]
TABS = re.compile(r"^::::\{tab-set\}\n.*?^::::$", re.MULTILINE | re.DOTALL)


def listed():
    """Names in the lists of the reference, with their modules behind mcmix."""
    found = set()
    for page in sorted((DOCS / "reference").glob("*.md")):
        module = ""
        for line in page.read_text().splitlines():
            if line.startswith(".. currentmodule:: "):
                module = line.removeprefix(".. currentmodule:: mcmix").strip(".").replace("mcmix", "")
            elif re.fullmatch(r"   [A-Za-z_]\w*", line):
                found.add(f"{module}.{line.strip()}".strip("."))
            elif line.startswith(".. py:data:: "):
                found.add(line.removeprefix(".. py:data:: "))
    return found


def test_the_reference_lists_every_public_name_and_no_other():
    assert listed() == set(PUBLIC)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_has_its_density_and_an_example_on_its_page(name):
    notation, text = NOTATION[name], getattr(mc, name).__doc__
    assert len(notation.symbols) == len(FAMILIES[name].parameters)
    assert notation.density in text and all(f":math:`{symbol}`" in text for symbol in notation.symbols)
    assert f'mc.{name}("x", {notation.example})' in text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(DOCS).as_posix())
def test_code_on_pages_is_run(page):
    """Python stands in cells, or in tabs, behind which docs/extensions/tabs_run.py puts a cell."""
    text = page.read_text()
    runs = "file_format: mystnb" in text[:100]
    assert runs or "{code-cell}" not in text, "cells run on pages that begin with file_format: mystnb"
    assert "```python" not in (TABS.sub("", text) if runs else text)


def test_pictures_say_what_they_show():
    """A cell that ends in a figure has an alternative text."""
    for page in PAGES:
        for cell in re.findall(r"^```\{code-cell\}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
            last = cell.strip().splitlines()[-1]
            if last.startswith("mc.plots.") or "plt.subplots" in cell:
                assert "{image: {alt: " in cell, f"{page.name}: {last}"


def test_the_readme_runs(tmp_path, monkeypatch):
    text = (TOP / "README.md").read_text()
    assert len(text.splitlines()) <= 160
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(code, names)
    assert names["m"].diagnose().ok and names["m"].draws().n_draws == 5000


def test_links_of_the_readme_lead_somewhere():
    for path in re.findall(r"\]\((?!https?:)([^)#]+)", (TOP / "README.md").read_text()):
        assert (TOP / path).exists(), path
