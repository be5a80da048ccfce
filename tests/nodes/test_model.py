"""Models: which nodes belong together, what they are worth together, how they look."""

import re
import sys
import types

import numpy as np
import pytest
from scipy import stats

import mcmix as mc

HEIGHTS = np.array([148.0, 152.0, 155.0, 199.0, 207.0])


def two_components(**written):
    """The nodes of the two-component model, by name."""
    p = mc.Uniform("p", 0, 1, value=0.6)
    z = mc.Categorical("z", [p, 1 - p], size=5, value=[0, 0, 0, 1, 1])
    sd = mc.Uniform("sd", 0, 100, size=2, value=[10.0, 20.0])
    tau = 1.0 / sd**2
    mu = mc.Normal("mu", [145, 210], [0.01, 0.02], size=2, value=[150.0, 200.0])

    @mc.deterministic
    def mu_i(z=z, mu=mu):
        return mu[z]

    @mc.deterministic
    def tau_i(z=z, tau=tau):
        return tau[z]

    y = mc.Normal("y", mu_i, tau_i, value=HEIGHTS, observed=True)
    return {"p": p, "z": z, "sd": sd, "tau": tau, "mu": mu, "mu_i": mu_i, "tau_i": tau_i, "y": y}


def names(nodes):
    return {node.name for node in nodes}


def assert_complete(model):
    assert names(model.stochastics) == {"p", "z", "sd", "mu"}
    assert names(model.observed_stochastics) == {"y"}


# -------------------------------------------------------------------- what a model is made from


@pytest.mark.parametrize("container", [list, tuple, set])
def test_from_a_sequence(container):
    nodes = two_components()
    assert_complete(mc.Model(container(nodes[k] for k in ("p", "z", "y", "tau", "mu"))))


def test_from_a_dict():
    assert_complete(mc.Model(two_components()))


def test_from_nested_containers():
    nodes = two_components()
    assert_complete(mc.Model({"labels": [nodes["z"]], "rest": (nodes["p"], {"mu": nodes["mu"]})}))


def test_from_locals():
    nodes = two_components()
    p, z, mu, sd = (nodes[k] for k in ("p", "z", "mu", "sd"))
    unrelated, text, table = 3, "text", np.zeros(4)
    assert_complete(mc.Model(locals()))
    assert (p, z, mu, sd, unrelated, text, table.size) is not None


def test_from_one_node():
    nodes = two_components()
    assert_complete(mc.Model(nodes["y"]))


def test_from_another_model():
    nodes = two_components()
    assert_complete(mc.Model(mc.Model([nodes["mu"]])))


def test_from_a_class_or_an_object():
    nodes = two_components()
    assert_complete(mc.Model(types.SimpleNamespace(**nodes, other="text")))
    assert_complete(mc.Model(type("Heights", (), {"mu": nodes["mu"], "z": nodes["z"]})))


MODULE = """
from numpy import *
from mcmix import *

heights = array([148.0, 152.0, 155.0, 199.0, 207.0])
p = Uniform("p", 0, 1)
z = Categorical("z", [p, 1 - p], size=len(heights))
sd = Uniform("sd", 0, 100, size=2)
tau = 1.0 / sd**2
mu = Normal("mu", [145, 210], [0.01, 0.02], size=2)

@deterministic
def mu_i(z=z, mu=mu):
    return mu[z]

y = Normal("y", mu_i, tau[z], value=heights, observed=True)
"""


@pytest.fixture
def module():
    made = types.ModuleType("heights")
    exec(MODULE, made.__dict__)
    return made


def test_from_a_module_that_took_everything_from_numpy(module):
    assert_complete(mc.Model(module))


def test_a_module_can_be_sampled(module):
    m = mc.MCMC(module)
    m.sample(20, 5, chains=2, seed=3)
    assert m.trace("sd")[:].shape == (30, 2)


def test_a_namespace_that_holds_itself():
    namespace = dict(two_components())
    namespace["everything"] = namespace
    assert_complete(mc.Model(namespace))


def test_something_without_nodes_is_refused():
    for empty in ([], {}, types.ModuleType("empty"), "text", 3, None):
        with pytest.raises(mc.ModelError, match="node"):
            mc.Model(empty)


# -------------------------------------------------------------------- what is collected


def test_ancestors_are_collected():
    nodes = two_components()
    model = mc.Model([nodes[k] for k in ("p", "z", "y", "tau", "mu")])
    assert nodes["sd"] in model.stochastics
    assert {nodes["mu_i"], nodes["tau_i"], nodes["tau"]} <= set(model.deterministics)


def test_an_ancestor_that_is_not_listed_is_sampled():
    nodes = two_components()
    m = mc.MCMC(mc.Model([nodes[k] for k in ("p", "z", "y", "tau", "mu")]))
    m.sample(50, chains=1, seed=5)
    draws = m.trace("sd")[:]
    assert draws.shape == (50, 2)
    assert len(np.unique(draws[:, 0])) == 50


@pytest.mark.parametrize("listed", ["p", "z", "sd", "mu", "tau", "mu_i"])
def test_observed_descendants_are_collected_from_anywhere(listed):
    nodes = two_components()
    assert_complete(mc.Model([nodes[listed]]))


def test_a_potential_below_what_is_collected_counts():
    nodes = two_components()
    ordered = mc.Potential(logp=lambda mu: -1.5, doc="", name="ordered", parents={"mu": nodes["mu"]})
    assert mc.Model([nodes["y"]]).left_out == [ordered]  # neither listed nor below what is listed: told, not taken
    model = mc.Model([nodes["y"], nodes["mu"]])
    assert list(model.potentials) == [ordered]
    assert model.left_out == []
    others = two_components()
    assert model.logp == pytest.approx(mc.Model([others["y"]]).logp - 1.5)


def test_an_unobserved_descendant_that_is_not_listed_stays_outside():
    mu = mc.Normal("mu", 0, 1)
    forecast = mc.Normal("forecast", mu, 1)
    y = mc.Normal("y", mu, 1, value=[0.5], observed=True)
    assert names(mc.Model([mu]).stochastics) == {"mu"}
    assert names(mc.Model([mu, forecast]).stochastics) == {"mu", "forecast"}
    assert y in mc.Model([mu]).observed_stochastics


def test_parents_come_before_children():
    model = mc.Model(two_components())
    place = {node: i for i, node in enumerate(model.stochastics + model.observed_stochastics)}
    by_name = {node.name: i for node, i in place.items()}
    assert by_name["p"] < by_name["z"] < by_name["y"]


# -------------------------------------------------------------------- names


def test_two_random_nodes_of_one_name_are_refused():
    one, other = mc.Normal("twin", 0, 1), mc.Normal("twin", 0, 2)
    with pytest.raises(mc.ModelError, match=r"two.*'twin'"):
        mc.Model([one, other])


def test_a_function_and_a_random_node_of_one_name_are_refused():
    one = mc.Normal("twin", 0, 1)
    other = mc.Lambda("twin", lambda one=one: one + 1)
    with pytest.raises(mc.ModelError, match=r"two.*'twin'"):
        mc.Model([other])
    assert other.value == one.value + 1


def test_data_written_again_replace_the_first():
    """As when a notebook cell runs twice: the first node is out of reach, so it is in nobody's way."""
    mu = mc.Normal("mu", 0, 1, value=0.5)
    y = mc.Normal("y", mu, 1, value=[1.0], observed=True)
    assert y in mu.children
    y = mc.Normal("y", mu, 1, value=[2.0], observed=True)
    assert mc.Model([mu, y]).logp == pytest.approx(stats.norm.logpdf(0.5) + stats.norm.logpdf(1.5))


def test_nodes_that_are_not_traced_may_share_a_name():
    x = mc.Normal("x", 0, 1, value=2.0)
    first, second = x + 1, x + 1
    total = mc.Lambda("total", lambda first=first, second=second: first * second)
    model = mc.Model([total])
    assert names(model.stochastics) == {"x"}
    assert total.value == 9.0


def test_a_node_by_its_name():
    nodes = two_components()
    model = mc.Model(nodes)
    for name in ("p", "z", "sd", "mu", "mu_i", "y"):
        assert model.get_node(name) is nodes[name]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises((KeyError, mc.ModelError)) as refusal:
        mc.Model(two_components()).get_node("sigma")
    assert all(text in str(refusal.value) for text in ("sigma", "mu", "sd", "p", "z", "y"))


# -------------------------------------------------------------------- values


def test_log_density_of_everything():
    expected = (
        stats.uniform(0, 1).logpdf(0.6)
        + np.log([0.6, 0.6, 0.6, 0.4, 0.4]).sum()
        + 2 * stats.uniform(0, 100).logpdf(10.0)
        + stats.norm([145, 210], np.array([0.01, 0.02]) ** -0.5).logpdf([150.0, 200.0]).sum()
        + stats.norm([150.0] * 3 + [200.0] * 2, [10.0] * 3 + [20.0] * 2).logpdf(HEIGHTS).sum()
    )
    assert mc.Model(two_components()).logp == pytest.approx(expected)


def test_log_density_follows_values():
    nodes = two_components()
    model = mc.Model(nodes)
    before = model.logp
    nodes["mu"].value = [150.0, 205.0]
    prior = stats.norm(210, 0.02**-0.5)
    data = stats.norm(0, 20.0)
    change = prior.logpdf(205.0) - prior.logpdf(200.0)
    change += (data.logpdf(HEIGHTS[3:] - 205.0) - data.logpdf(HEIGHTS[3:] - 200.0)).sum()
    assert model.logp - before == pytest.approx(change)


def test_drawing_from_the_prior():
    p = mc.Beta("p", 2, 6)
    z = mc.Bernoulli("z", p, size=40)
    y = mc.Normal("y", 0, 1, value=[1.0, 2.0], observed=True)
    model = mc.Model([z, y])
    draws = []
    for _ in range(1000):
        values = model.draw_from_prior()
        draws.append((values["p"], values["z"].mean()))
    share, frequency = np.array(draws).T
    sd = stats.beta(2, 6).std()
    assert abs(share.mean() - 0.25) < 5 * sd / np.sqrt(1000)
    # labels follow the p of the same draw: what is left over has variance p (1 - p) / 40
    left_over = frequency - share
    error = np.sqrt((share * (1 - share)).mean() / 40 / 1000)
    assert abs(left_over.mean()) < 5 * error
    assert left_over.var() == pytest.approx(1000 * error**2, rel=5 * np.sqrt(2 / 1000))
    assert values["p"] == p.value
    np.testing.assert_array_equal(y.value, [1.0, 2.0])


# -------------------------------------------------------------------- looks


def test_a_model_prints_what_it_holds():
    text = repr(mc.Model(two_components()))
    for name in ("p", "z", "sd", "mu", "y"):
        assert re.search(rf"\b{name}\b", text)


def test_a_model_in_a_notebook():
    html = mc.Model([mc.Normal("<height>", 0, 1)])._repr_html_()
    assert "&lt;height&gt;" in html
    assert "<height>" not in html


STATEMENT = re.compile(
    r"""\s*(?:
        (?:\w+|"(?:[^"\\]|\\.)*")                                     # a node,
        (?:\s*->\s*(?:\w+|"(?:[^"\\]|\\.)*"))*                        # or an edge
        (?:\s*\[(?:\s*\w+\s*=\s*(?:[\w.]+|"(?:[^"\\]|\\.)*")\s*,?)*\])?  # with attributes
        |\w+\s*=\s*(?:[\w.]+|"(?:[^"\\]|\\.)*")                       # or an attribute of the graph
    )\s*(?:;|\n|$)""",
    re.VERBOSE,
)


def edges_of(source):
    """Read graphviz source (the part of its grammar without subgraphs); the edges by label."""
    opening = re.match(r'\s*(?:strict\s+)?digraph(?:\s+(?:\w+|"(?:[^"\\]|\\.)*"))?\s*\{(.*)\}\s*$', source, re.DOTALL)
    assert opening, source
    body, at, labels, edges = opening[1], 0, {}, []
    while body[at:].strip():
        statement = STATEMENT.match(body, at)
        assert statement, f"not graphviz: {body[at : at + 80]!r}"
        at = statement.end()
        text = statement[0].strip().rstrip(";")
        ends = re.findall(r'"(?:[^"\\]|\\.)*"|\w+', text.split("[")[0])
        label = re.search(r'label\s*=\s*"((?:[^"\\]|\\.)*)"', text)
        if "->" in text.split("[")[0]:
            edges += zip(ends[:-1], ends[1:], strict=True)
        elif label:
            labels[ends[0]] = re.sub(r'\\(["\\])', r"\1", label[1].split(r"\n")[0])
    assert {end for edge in edges for end in edge} <= set(labels), "an edge ends at a node without a label"
    return {(labels[a], labels[b]) for a, b in edges}


def test_the_graph_is_graphviz_source():
    edges = edges_of(str(mc.Model(two_components()).graph_source()))
    assert {("z", "mu_i"), ("mu", "mu_i"), ("mu_i", "y"), ("tau_i", "y"), ("p", "z")} <= edges
    assert not any(b in ("p", "mu", "sd") for _, b in edges)


def test_any_name_is_valid_in_the_graph():
    awkward = mc.Normal('a "quoted\\ {name}; -> x\nnext', 0, 1)
    child = mc.Normal("child", awkward, 1, value=[1.0], observed=True)
    source = str(mc.Model([child]).graph_source())
    edges = edges_of(source)
    assert len(edges) == 1
    assert next(iter(edges))[1] == "child"
    assert '\\"quoted' in source


def test_data_and_functions_are_told_from_unknowns_in_the_graph():
    looks = {}
    for line in str(mc.Model(two_components()).graph_source()).splitlines():
        label = re.search(r'label="([^"\\]*)[^"]*"', line)
        if label:
            looks[label[1]] = re.sub(r'label="[^"]*"|^\s*\w+', "", line)
    assert looks["mu"] == looks["sd"]
    assert len({looks["mu"], looks["mu_i"], looks["y"]}) == 3


def test_the_graph_is_text_where_graphviz_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    drawn = mc.Model(two_components()).graph()
    assert isinstance(drawn, str)
    lines = drawn.splitlines()
    assert len(lines) >= 6
    for name in ("p", "z", "sd", "mu", "mu_i", "tau_i", "y"):
        assert any(re.match(rf"\s*{name}\b", line) for line in lines)
    (line,) = [line for line in lines if re.match(r"\s*mu_i\b", line)]
    assert "z" in line
    assert "mu" in line


def test_the_graph_is_a_drawing_where_graphviz_is_present(monkeypatch):
    class Source:
        def __init__(self, source):
            self.source = source

    monkeypatch.setitem(sys.modules, "graphviz", types.SimpleNamespace(Source=Source))
    model = mc.Model(two_components())
    assert model.graph().source == str(model.graph_source())
