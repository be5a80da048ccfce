"""What objects show in a notebook: well-formed HTML with the numbers that they hold, and a link to a page."""

import pickle
import sys
import types
from html.parser import HTMLParser

import numpy as np
import pytest

import mcmix as mc

VOID = {"br", "img"}


class Shown(HTMLParser):
    """The text and the heads of tables; every tag that is opened must be closed, in turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.text, self.heads = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "th":
            self.heads.append(data)

    @property
    def words(self):
        return " ".join(self.text)


@pytest.fixture(scope="module")
def run():
    x = np.random.default_rng(3).normal([[0.0], [6.0]], 1.0, (2, 40)).ravel()
    w, mu = mc.Dirichlet("w", [2.0, 2.0]), mc.Normal("mu <1>", [0.0, 6.0], 1.0)
    z = mc.Categorical("z", w, size=80)
    y = mc.Mixture("y", z, mc.Normal, mu, 1.0, value=x, observed=True)
    return mc.MCMC([y], marginal_moves=False).sample(400, 100, chains=2, seed=1, progress_bar=False)


def test_a_sampler_says_its_verdict_and_how_variables_move(run):
    shown = Shown(run._repr_html_())
    assert {"variables", "step", "why", "per iteration"} <= set(shown.heads)
    assert "mu <1>" in shown.words and "conjugate Gibbs" in shown.words and "max R-hat" in shown.words


def test_an_explanation_prints_lines_and_has_parts(run):
    found = run.explain()
    assert str(found).splitlines() == repr(found).splitlines() and len(found.steps) == 3
    assert {v for s in found.steps for v in s.variables} == {"w", "mu <1>", "z"}
    assert all(s.reason and s.step for s in found.steps) and str(found.steps[0]) in str(found)


def test_notes_of_an_explanation():
    mu = mc.Normal("mu", 0.0, 1.0)
    late = mc.Lambda("late", lambda mu=mu: 1.0 if float(mu) > 1e9 else 0.0)
    y = mc.Normal("y", late + mu, 1.0, value=[0.1, 0.3], observed=True)
    (note,) = mc.MCMC([y]).explain().notes
    assert note.startswith("late: ") and note in Shown(mc.MCMC([y]).explain()._repr_html_()).words


def test_what_came_out_of_a_run_shows_every_quantity_with_its_mixing(run):
    shown = Shown(run.posterior._repr_html_())
    assert "mu <1>[0]" in shown.words and "ess_bulk" in shown.heads
    mean = f"{run.posterior._seen[1].table.loc['mu <1>[1]', 'mean']:.4g}" if run.posterior._seen else None
    assert mean is None or mean in shown.words


def test_before_a_run_there_is_a_line_and_no_table():
    assert "not sampled yet" in Shown(mc.Posterior(mc.Model([mc.Normal("a", 0, 1)]), [])._repr_html_()).words


def test_classes_and_partitions_are_counted(run):
    classes, parts = mc.classify(run), mc.partition(run)
    assert str(np.bincount(classes.classes)[0]) in Shown(classes._repr_html_()).words
    shown = Shown(parts._repr_html_())
    assert str(parts.sizes[0]) in shown.words and "credible ball" in shown.words
    assert Shown(parts.ball._repr_html_()).heads == ["bound", "partitions", "clusters"]


def test_evidence_and_predictions(run):
    found = mc.evidence(run, draws=200)
    shown = Shown(found._repr_html_())
    assert f"{found.log:.3f}" in shown.words and "bridge sampling" in shown.words
    assert "Predictive of y" in Shown(mc.predictive(run)._repr_html_()).words
    score = mc.predictive(run).log_score([0.0, 6.0])
    assert f"{score.total:.4g}" in Shown(score._repr_html_()).words


def test_modes_and_factors(run):
    mode = mc.MAP(run.model)
    assert "not fitted yet" in Shown(mode._repr_html_()).words
    assert "at the mode" in Shown(mode.fit()._repr_html_()).heads
    q = mc.VB(run.model)
    assert "not updated yet" in Shown(q._repr_html_()).words
    q.update(20, verbose=False, seed=1)
    assert f"{q['mu <1>'].mean[0]:.4g}" in Shown(q._repr_html_()).words


def test_a_node_shows_its_parents(run):
    assert "precision" in Shown(run.model.get_node("mu <1>")._repr_html_()).words


def test_a_model_is_drawn_where_something_draws(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    plain = Shown(run.model._repr_html_())
    assert "mu <1>" in plain.words

    class Source:
        def __init__(self, text):
            self.text = text

        def pipe(self, format, encoding):
            return f"<?xml?><svg><title>{len(self.text)}</title></svg>"

    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    assert "<svg>" in run.model._repr_html_() and "<?xml" not in run.model._repr_html_()

    def fails(self, format, encoding):
        raise FileNotFoundError("dot")

    monkeypatch.setattr(Source, "pipe", fails)
    assert Shown(run.model._repr_html_()).words == plain.words


def test_a_report_is_a_path_that_a_notebook_links_to(run, tmp_path, monkeypatch, no_open_figures):
    page = run.report(tmp_path / "a folder")
    assert page.is_file() and page.name == "report.html" and pickle.loads(pickle.dumps(page)) == page
    assert 'href="file://' in page._repr_html_()
    monkeypatch.chdir(tmp_path)
    assert 'href="a%20folder/report.html"' in page._repr_html_()
