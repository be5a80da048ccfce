"""Pages and tables that are made of other files of the repository when the site is built; git does not keep them.

The changelog, contributing and architecture pages are the repository's own files, the tutorials its notebooks, the
tables of the benchmarks page the measured results. Links between these files become links between pages.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import json
import re
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent.parent
TOP = DOCS.parent
PAGES = {
    "README.md": "/index",
    "README": "/index",
    "ARCHITECTURE.md": "/architecture",
    "CONTRIBUTING.md": "/contributing",
    "CHANGELOG.md": "/changelog",
    "docs/internals.md": "/internals",
    "notebooks/two_components.ipynb": "/tutorials/two_components",
    "notebooks/ten_components.ipynb": "/tutorials/ten_components",
    "notebooks/wines.ipynb": "/tutorials/wines",
    "notebooks/irises.ipynb": "/tutorials/irises",
    "notebooks/unknown_number.ipynb": "/tutorials/unknown_number",
    "notebooks/coming_from_pymc2.ipynb": "/tutorials/coming_from_pymc2",
}  # where a file of the repository is read on the site
FONT = "STIXTwoMath-Regular.ttf"  # with tables for stretching: not every machine has a font for formulas
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def linked(text: str) -> str:
    """Markdown with links to files turned into links to pages; of files without a page, their names."""

    def turned(found: re.Match[str]) -> str:
        words, path, place = found[1], found[2], found[3] or ""
        path = path.removeprefix("../").removeprefix("./")
        page = PAGES.get(path) or (path.removeprefix("docs").removesuffix(".md") if path.startswith("docs/") else None)
        return f"[{words}]({page}.md{place})" if page else f"`{words}`" if "`" not in words else words

    return LINK.sub(turned, text)


def put(path: Path, text: str) -> None:
    """Write a file where it says something new, so that pages that did not change are not built again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def notebook(path: Path) -> str:
    """A notebook whose links lead to pages."""
    found = json.loads(path.read_text())
    for cell in found["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [linked("".join(cell["source"]))]
    return json.dumps(found, indent=1)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def measured(path: Path) -> str:
    """The rows of a file of results, and the versions that all of them share."""
    rows = list(csv.DictReader(path.read_text().splitlines()))
    versions = ", ".join(f"{k} {v}" for k, v in rows[0].items() if k not in ("what", "n", "k", "value", "unit"))
    cells = [[r["what"], r["n"], r["k"], f"{float(r['value']):.4g}", r["unit"]] for r in rows]
    return f"{table(['what', 'rows', 'components', 'value', 'unit'], cells)}\n{len(rows)} rows; {versions}.\n"


def names_of(module: str) -> str:
    """Public names of a module, each with the first sentence of its documentation."""
    home = importlib.import_module(module)
    rows = []
    for name in sorted(home.__all__, key=str.lower):
        said = (inspect.getdoc(getattr(home, name)) or "").strip().split("\n\n")[0].replace("\n", " ")
        rows.append([f"`{name}`", said if callable(getattr(home, name)) and len(said) < 200 else ""])
    return table(["name", "what it is"], rows)


def make(app: Sphinx, *unused: object) -> None:
    """Write everything."""
    made = DOCS / "generated"
    for name in ("CHANGELOG", "CONTRIBUTING", "ARCHITECTURE"):
        put(made / f"{name.lower()}.md", linked((TOP / f"{name}.md").read_text()))
    for path in sorted((TOP / "notebooks").glob("*.ipynb")):
        put(DOCS / "tutorials" / path.name, notebook(path))
    for path in sorted((TOP / "benchmarks" / "results").glob("*.csv")):
        put(made / f"{path.stem}.md", measured(path))
    font = Path(str(find_spec("ziamath").origin)).parent / "fonts" / FONT
    (made / "fonts").mkdir(parents=True, exist_ok=True)
    (made / "fonts" / FONT).write_bytes(font.read_bytes())
    picture = TOP / "notebooks" / "pictures" / "two_components.png"
    (made / picture.name).write_bytes(picture.read_bytes())
    put(made / "pymc2.md", names_of("mcmix.pymc2"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Before anything is looked for."""
    app.connect("config-inited", make, priority=1)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
