"""The page about a run: what is on it, that it asks nobody for anything, and that a browser is content with it."""

import json
import shutil
import subprocess
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest

import mcmix as mc
from mcmix.report.page import Page, Section, written


class Seen(HTMLParser):
    """Tags, text, and every address that the page would ask for."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "hr"):
            self.open.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "srcset", "action", "data", "poster")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag  # whatever opens is closed, in order

    def handle_data(self, data):
        self.text.append(data)


def two_groups(n=40, seed=1):
    x = np.random.default_rng(seed).normal([[0.0], [9.0]], 1.0, (2, n)).ravel()
    w = mc.Dirichlet("w", [1, 1])
    mu = mc.Normal("mu", 4, 0.01, size=2)
    z = mc.Categorical("z", w, size=len(x))
    y = mc.Normal("y", mu[z], 1.0, value=x, observed=True)
    return mc.MCMC([y]).sample(700, 200, chains=2, seed=seed, progress_bar=False)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return two_groups().report(tmp_path_factory.mktemp("page") / "made", notes=["a note <script>alert(1)</script>"])


def test_the_page_holds_what_it_should(page):
    text = page.read_text(encoding="utf-8")
    seen = Seen(text)
    said = " ".join(seen.text)
    assert page.name == "report.html" and seen.open == []
    titles = [t for t in ("Posterior", "Fit", "Chains", "Partition", "Diagnosis", "Model", "Repeat it") if t in said]
    assert len(titles) == 7
    assert "2 chains x 500 draws" in said and "mu ~ Normal" in said and "label update" in said
    assert "MCMC(model).sample(700, burn=200, thin=1, chains=2, seed=1)" in said
    assert mc.__version__ in said and "numba" in said and "Label switching was undone with" in said


def test_pictures_are_in_the_page_itself(page):
    seen = Seen(page.read_text(encoding="utf-8"))
    images = [a for tag, a in seen.tags if tag == "img"]
    assert len(images) >= 5 and all(len(a["alt"]) > 10 for a in images)
    for a in images:
        assert b64decode(a["src"].removeprefix("data:image/png;base64,"))[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_page_asks_no_host(page):
    seen = Seen(page.read_text(encoding="utf-8"))
    assert all(a.startswith(("data:", "#")) for a in seen.addresses)
    anchors = {a["id"] for _, a in seen.tags if "id" in a}
    assert {a[1:] for a in seen.addresses if a.startswith("#")} <= anchors
    assert not [tag for tag, _ in seen.tags if tag in ("script", "iframe", "object", "embed")]


def test_what_users_wrote_is_text_and_no_markup(page, tmp_path):
    assert "&lt;script&gt;" in page.read_text(encoding="utf-8")
    from mcmix.report.frames import table_frame

    table = table_frame({"a<b>": np.array([1.5])}, ["<i>row</i>"])
    made = written(Page("<b>title</b>", "a & b", False, [Section("x", table=table)]), tmp_path / "p.html")
    text = made.read_text(encoding="utf-8")
    assert "<b>title" not in text and "a &amp; b" in text and "<i>row" not in text and "a<b>" not in text


def test_a_run_that_goes_wrong_is_marked(tmp_path):
    rng = np.random.default_rng(1)
    m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 1), 1.0, value=rng.normal(size=20), observed=True)])
    m.sample(50, 0, chains=2, seed=1, progress_bar=False)  # too few draws to judge
    text = m.report(tmp_path).read_text(encoding="utf-8")
    assert '<div class="verdict">' in text and "too few to judge" in text


def test_comparisons_stand_on_the_page(tmp_path):
    m = two_groups(20, 2)
    comparison = mc.compare({"two": m})
    text = m.report(tmp_path, comparison=comparison, title="Two", command="do it again").read_text(encoding="utf-8")
    assert "Models compared" in text and "log_evidence" in text and "do it again" in text and "<h1>Two</h1>" in text


def test_gaps_and_known_labels_have_a_page(tmp_path):
    x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 20)).ravel()
    x[7] = np.nan
    known = np.ma.masked_array(np.repeat([0, 1], 20), np.arange(40) % 4 > 0)
    z = mc.Categorical("z", mc.Dirichlet("w", [1, 1]), value=known, observed=True)
    mu = mc.Normal("mu", 4, 0.01, size=2)
    m = mc.MCMC([mc.Normal("y", mu[z], 1.0, value=np.ma.masked_invalid(x), observed=True)])
    m.sample(500, 100, chains=2, seed=1, progress_bar=False)
    text = m.report(tmp_path).read_text(encoding="utf-8")
    assert "Left out" not in text and text.count("<figure>") >= 6


def test_refusals(tmp_path):
    m = mc.MCMC([mc.Normal("mu", 0, 1)])
    with pytest.raises(mc.ModelError, match="sample"):
        m.report(tmp_path)
    (tmp_path / "file").write_text("x")
    m = two_groups(10)
    with pytest.raises(mc.ModelError, match="expected a folder, got the file"):
        m.report(tmp_path / "file")
    with pytest.raises(mc.ModelError, match="cannot be made"):
        m.report(tmp_path / "file" / "below")
    with pytest.raises(mc.ModelError, match="expected the path of a folder, got 3"):
        m.report(3)


def opened(address, folder):
    """What Chromium's console said, and the addresses that a page asked for beside its own file."""
    log = folder / "net.json"
    # A profile of its own; the browser's own errands are off as far as it lets one.
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        "--disable-extensions", "--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--log-net-log={log}", "--dump-dom", address,
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0 and "<h1>" in found.stdout
    text = log.read_text(encoding="utf-8").rstrip()
    events = json.loads(text if text.endswith("}") else text.rstrip(",") + "]}")["events"]
    requests = [e["params"] for e in events if {"url", "initiator"} <= e.get("params", {}).keys()]
    by_the_page = [r["url"] for r in requests if r["initiator"] != "not an origin"]  # others are errands of its own
    console = [line for line in found.stderr.splitlines() if "CONSOLE" in line]
    return console, [url for url in by_the_page if not url.startswith(("data:", "file:"))]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed; the page is parsed instead")
def test_chromium_opens_it_without_a_complaint(page, tmp_path):
    assert opened(page.as_uri(), tmp_path) == ([], [])


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed; the page is parsed instead")
def test_chromium_would_have_complained(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text('<h1>x</h1><img src="http://example.invalid/a.png"><script>console.error("no")</script>')
    console, asked = opened(bad.as_uri(), tmp_path)
    assert len(console) >= 1 and asked == ["http://example.invalid/a.png"]
