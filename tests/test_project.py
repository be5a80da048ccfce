"""What stands in several files of the project, and must be one: the version, the lowest versions, what CI runs."""

import re
import tomllib
from pathlib import Path

import pytest

import mcmix

TOP = Path(__file__).parent.parent
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]


def text(name):
    return (TOP / name).read_text()


def changelog():
    """Headings of versions, newest first, with their dates."""
    return re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text("CHANGELOG.md"), re.MULTILINE)


def test_one_version():
    cited = re.search(r'^version: "?([^"\s]+)"?$', text("CITATION.cff"), re.MULTILINE)
    (unreleased, no_date), (version, date), *_ = changelog()
    assert unreleased == "Unreleased" and not no_date
    assert cited.group(1) == version == mcmix.__version__ and "version" in PROJECT["dynamic"]
    assert f'date-released: "{date}"' in text("CITATION.cff")


def test_versions_fall_and_headings_are_those_of_the_form():
    versions = [tuple(map(int, v.split("."))) for v, _ in changelog()[1:]]
    assert versions == sorted(set(versions), reverse=True) and all(date for _, date in changelog()[1:])
    kinds = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_citation_has_what_its_form_asks_for():
    keys = re.findall(r"^([a-z-]+):", text("CITATION.cff"), re.MULTILINE)
    assert {"cff-version", "message", "title", "authors"} <= set(keys) and len(keys) == len(set(keys))
    assert "cff-version: 1.2.0" in text("CITATION.cff") and "license: BSD-3-Clause" in text("CITATION.cff")
    assert "the mcmix developers" in text("CITATION.cff")


def test_licence():
    assert PROJECT["license"] == "BSD-3-Clause" and PROJECT["license-files"] == ["LICENSE"]
    assert "Copyright (c) 2026, the mcmix developers" in text("LICENSE")
    assert PROJECT["authors"] == [{"name": "the mcmix developers"}]


def numbers(version):
    """A version as numbers, without noughts at its end."""
    found = [int(part) for part in version.split(".")]
    while found and found[-1] == 0:
        found.pop()
    return found


def test_lowest_versions_are_those_that_ci_tests():
    stated = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", d).groups() for d in PROJECT["dependencies"])
    lines = [line for line in text(".ci/lowest.txt").splitlines() if line and not line.startswith("#")]
    tested = dict(re.fullmatch(r"([\w-]+)==([\d.]+)", line).groups() for line in lines)
    assert {k: numbers(v) for k, v in tested.items()} == {k: numbers(v) for k, v in stated.items()}
    assert "-c .ci/lowest.txt" in text(".ci/run")


def test_links_of_the_readme_lead_to_what_is_there():
    readme, home = text("README.md"), PROJECT["urls"]["Homepage"]
    pages = re.findall(rf"\]\({home}/(?:blob|tree)/main/([^)#]+)\)", readme)
    raw = home.replace("https://github.com", "https://raw.githubusercontent.com")
    pictures = re.findall(rf"!\[[^\]]+\]\({raw}/main/([^)]+)\)", readme)
    assert len(pages) > 10 and pictures and all((TOP / path).exists() for path in pages + pictures)
    assert len(pages) + len(pictures) == len(re.findall(r"\]\(", readme))  # whole addresses, for an index


def test_workflows_call_what_runs_here():
    for name in ("ci", "release"):
        assert "run: .ci/run\n" in text(f".github/workflows/{name}.yml")


def test_the_sdist_has_what_its_tests_need():
    grafted = set(re.findall(r"^graft (\S+)$", text("MANIFEST.in"), re.MULTILINE))
    assert grafted >= {"tests", "docs", "benchmarks", "notebooks", "examples", ".ci"}


@pytest.mark.parametrize("command", ["python -m ruff check .", "python -m ruff format --check .", "python -m mypy"])
def test_hooks_run_what_ci_runs(command):
    assert f"entry: {command}\n" in text(".pre-commit-config.yaml") and f".venv/bin/{command}\n" in text(".ci/run")
    assert text(".pre-commit-config.yaml").count("language: system") == 3


def test_old_names_stay_for_one_release_and_say_what_they_are_called_now():
    import mcmix as mc

    with pytest.warns(DeprecationWarning, match="mcmix.Law is called mcmix.Distribution now"):
        assert mc.Law is mc.Distribution
    with pytest.warns(DeprecationWarning, match="mcmix.law is called mcmix.node_class now"):
        assert mc.law is mc.node_class
    assert "Law" not in mc.__all__ and "Distribution" in mc.__all__
