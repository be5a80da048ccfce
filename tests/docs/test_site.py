"""The built site: pages of all public names, a search for words of the field, links, nothing from elsewhere.

``MCMIX_SITE`` says where it was built; CI builds it (.ci/run), and runs these then.
"""

import json
import os
import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.test_pages import DOCS, PUBLIC

SITE = Path(os.environ.get("MCMIX_SITE", "nowhere"))
pytestmark = pytest.mark.skipif("MCMIX_SITE" not in os.environ, reason="MCMIX_SITE does not say where the site is")

WORDS = {
    "responsibilities": "howto/classify",
    "label switching": "howto/relabel",
    "Dirichlet process": "models/dirichlet-process",
    "stick-breaking": "models/dirichlet-process",
    "hidden Markov": "models/hidden-states",
    "mixture of regressions": "models/mixture-of-regressions",
    "prior predictive": "howto/predict",
    "posterior predictive": "howto/predict",
    "resume": "howto/saving",
    "checkpoint": "howto/saving",
    "credible interval": "explanation/diagnosis",
    "effective sample size": "explanation/diagnosis",
    "data augmentation": "explanation/mixtures",
    "WAIC": "explanation/evidence",
    "marginal likelihood": "explanation/evidence",
    "cite": "citing",
    "licence": "citing",
}  # what a search should find, and where it is told


class Page(HTMLParser):
    """Links, anchors and what a browser would fetch."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.fetched = [], {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[k] for k in ("id", "name") if found.get(k)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("script", "img", "iframe", "source") and found.get("src"):
            self.fetched.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon", "modulepreload"):
            self.fetched.append(found["href"])


@pytest.fixture(scope="module")
def pages():
    return {path.resolve(): Page(path) for path in sorted(SITE.rglob("*.html"))}


def inventory():
    """Pages of documented names."""
    raw = (SITE / "objects.inv").read_bytes()
    lines = zlib.decompress(raw.split(b"\n", 4)[4]).decode().splitlines()
    rows = [re.match(r"(.+?) (\S+) -?\d+ (\S+) ", line) for line in lines]
    return {row[1]: row[3].split("#")[0] for row in rows if row and row[2].startswith("py:")}


def test_every_public_name_has_a_page_with_an_example():
    found = inventory()
    for name in PUBLIC:
        text = (SITE / found[f"mcmix.{name}"]).read_text(encoding="utf-8")
        assert "&gt;&gt;&gt;" in text, name


def searched(words):
    """Pages that the site's own search finds: those with all stems, as Sphinx's searchtools.js does it."""
    from sphinx.search.en import SearchEnglish

    stem = SearchEnglish({}).stem
    index = json.loads(re.search(r"Search\.setIndex\((.*)\)", (SITE / "searchindex.js").read_text(), re.DOTALL)[1])
    found = None
    for word in re.findall(r"\w+", words.lower()):
        pages = {n for terms in (index["terms"], index["titleterms"]) for n in listed(terms.get(stem(word), []))}
        found = pages if found is None else found & pages
    return {index["docnames"][n] for n in found}


def listed(entry):
    return [entry] if isinstance(entry, int) else entry


@pytest.mark.parametrize("words", WORDS)
def test_a_search_finds(words):
    found = searched(words.replace("of ", ""))  # "of" is a stop word
    assert WORDS[words] in found and "glossary" in found


def test_links_within_the_site_lead_somewhere(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link) or link in ("#", ""):
                continue
            target, _, anchor = unquote(link).partition("#")
            there = (path.parent / target).resolve() if target else path
            if not there.exists() or (there in pages and anchor not in pages[there].anchors):
                broken.append(f"{path.relative_to(SITE.resolve())}: {link}")
    assert not broken


def test_nothing_is_fetched_from_elsewhere(pages):
    away = [f for page in pages.values() for f in page.fetched if re.match(r"(https?:)?//", f)]
    styles = [p.read_text(encoding="utf-8") for p in (SITE / "_static").rglob("*.css")]
    assert not away and not any(re.search(r"(@import|url\()\s*['\"]?(https?:)?//", css) for css in styles)


@pytest.mark.parametrize("broken", ["cell", "docstring"])
def test_a_build_with_a_broken_example_fails(broken, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "conf.py").write_text(
        f"import sys\nsys.path[:0] = [{str(DOCS / 'extensions')!r}, {str(tmp_path)!r}]\n"
        "extensions = ['docstring_examples', 'sphinx.ext.autodoc', 'myst_nb']\nnb_execution_show_tb = True\n"
    )
    (tmp_path / "small.py").write_text('"""One that is wrong.\n\n>>> 1 + 1\n3\n"""\n')
    cell = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n\n# A page\n\n```{code-cell}\n1 / 0\n```\n"
    text = "# A page\n\n```{eval-rst}\n.. automodule:: small\n```\n"
    (source / "index.md").write_text(cell if broken == "cell" else text)
    build = [sys.executable, "-m", "sphinx", "-q", "-T", "-W", "-b", "html", str(source), str(tmp_path / "out")]
    answer = subprocess.run(build, capture_output=True, text=True)
    said = answer.stdout + answer.stderr
    assert answer.returncode != 0 and ("ZeroDivisionError" if broken == "cell" else "example of small fails") in said
