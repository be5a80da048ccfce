"""Nodes as arrays: their methods, known tables looked up by labels, and variables of yes and no, which are no index."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.errors import ModelError, TraceError
from mcmix.structure.evaluate import evaluate
from mcmix.structure.recording import record
from tests.references import assert_mean

KNOWN = np.array([1.0, 5.0, 9.0])
WHOLE = np.array([2, 0, 1])


def opaque(*nodes):
    return {n.name for n in record(mc.Model(list(nodes))).opaque}


# -------------------------------------------------------------------- methods


METHODS = {
    "sum": lambda x: x.sum(), "sum of an axis": lambda x: x.sum(axis=0), "sum kept": lambda x: x.sum(1, keepdims=True),
    "mean": lambda x: x.mean(axis=1), "prod": lambda x: x.prod(), "max": lambda x: x.max(axis=0),
    "min": lambda x: x.min(), "cumsum": lambda x: x.cumsum(axis=1), "cumsum of all": lambda x: x.cumsum(),
    "dot": lambda x: x.dot(np.arange(3.0)), "T": lambda x: x.T, "transpose": lambda x: x.transpose(),
    "reshape": lambda x: x.reshape(3, 2), "reshape to a tuple": lambda x: x.reshape((3, 2)),
    "reshape to what is left": lambda x: x.reshape(-1), "ravel": lambda x: x.ravel(),
    "astype": lambda x: x.astype(int), "astype float": lambda x: x.astype(float), "clip": lambda x: x.clip(-0.5, 0.5),
    "squeeze": lambda x: x[:1].squeeze(), "chain": lambda x: (2 * x.T).sum(axis=0).max(),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods_of_nodes_are_recorded_nodes(method):
    rng = np.random.default_rng(1)
    value = rng.normal(size=(2, 3))
    node = mc.Normal("x", 0, 1, size=(2, 3), value=value)
    made = method(node)
    assert isinstance(made, mc.Deterministic)
    np.testing.assert_allclose(made.value, method(value))
    recording = record(mc.Model([made]))
    assert not recording.opaque
    other = rng.normal(size=(2, 3))
    np.testing.assert_allclose(evaluate(recording.values[made], {node: other}), method(other))


def test_methods_of_labels():
    z = mc.Categorical("z", [0.2, 0.8], size=4, value=[1, 0, 1, 1])
    b = mc.Bernoulli("b", 0.5, size=3, value=[True, False, True])
    assert (z.sum().value, z.max().value, b.sum().value) == (3, 1, 2) and z.astype(float).value.dtype == float
    assert not opaque(z.sum(), b.sum(), b.astype(int), z.cumsum())


def test_a_method_in_a_model():
    mu = mc.Normal("mu", 0, 1, size=2)
    y = mc.Normal("y", mu.sum(), 1.0, value=[3.0, 5.0], observed=True)
    m = mc.MCMC([mu, y]).sample(3000, 1000, chains=2, seed=1, progress_bar=False)
    total = m.trace("mu")[:].sum(axis=1).reshape(2, -1)
    assert_mean(total, 8 / 2.5, "sum")  # prior N(0, 2), two rows with precision 1


# -------------------------------------------------------------------- known tables


def _by_closure():
    table, inner = KNOWN * 2, WHOLE + 0

    def pair(z, mu):
        return [
            mc.Lambda("closure", lambda z=z: table[z]),
            mc.Lambda("both", lambda z=z, mu=mu: mu[inner[z]]),
            mc.Lambda("inside", lambda z=z: sum([table[i] for i in z])),
        ]

    return pair


def test_known_tables_are_looked_up_in_functions():
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=4, value=[2, 0, 1, 2])
    mu = mc.Normal("mu", 0, 1, size=3, value=[0.1, 0.2, 0.3])
    nodes = [
        mc.Lambda("global", lambda z=z: KNOWN[z]),
        mc.Lambda("mu of known", lambda z=z, mu=mu: mu[WHOLE[z]]),
        mc.Lambda("computed", lambda z=z: np.sqrt(KNOWN)[z] + KNOWN.sum()),
        *_by_closure()(z, mu),
        mc.Index("index", KNOWN, z),
        mu[mc.Index("relabelled", WHOLE, z)],
    ]
    assert opaque(*nodes) == set()
    found = {n.name: n.value for n in nodes}
    np.testing.assert_allclose(found["global"], [9.0, 1.0, 5.0, 9.0])
    np.testing.assert_allclose(found["mu of known"], [0.2, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(found["both"], found["mu of known"])
    np.testing.assert_allclose(found["mu[relabelled]"], found["mu of known"])
    np.testing.assert_allclose(found["closure"], 2 * found["index"])
    other = np.array([0, 0, 1, 1])
    recording = record(mc.Model(nodes))
    kept = {z: other, mu: np.array([7.0, 8.0, 9.0])}
    for node in nodes[:2]:
        np.testing.assert_allclose(
            evaluate(recording.values[node], kept), KNOWN[other] if node is nodes[0] else kept[mu][WHOLE[other]]
        )


def test_known_tables_in_densities_of_ones_own():
    rng = np.random.default_rng(2)
    x = np.r_[rng.normal(1, 1, 60), rng.normal(9, 1, 40)]
    w = mc.Dirichlet("w", [1, 1, 1])
    z = mc.Categorical("z", w, size=100)

    @mc.observed
    def rows(value=x, z=z):
        return np.sum(-0.5 * (value - KNOWN[z]) ** 2)

    m = mc.MCMC([rows])
    assert [s.name for s in m.step_method_dict[z]] == ["label update"]
    near = mc.Potential(lambda z: np.sum(-0.5 * (KNOWN[z] - 5.0) ** 2), "", "near", {"z": z})
    assert not record(mc.Model([z, near])).opaque


def test_an_array_by_a_node_says_how_it_is_written():
    z = mc.Categorical("z", [0.2, 0.3, 0.5], size=4)
    with pytest.raises(IndexError):  # NumPy's own words: nobody else is asked
        KNOWN[z]
    assert "mc.Index" in mc.Index.__doc__


def test_functions_are_not_touched_by_recording():
    z = mc.Categorical("z", [0.5, 0.5, 0.0], size=2, value=[0, 1])
    look_up = lambda z=z: KNOWN[z]  # noqa: E731
    record(mc.Model([mc.Lambda("l", look_up)]))
    assert look_up.__globals__["KNOWN"] is KNOWN and type(KNOWN) is np.ndarray


# -------------------------------------------------------------------- yes and no


def _tables(name):
    b = mc.Bernoulli("b", 0.5, size=3)
    s = mc.Bernoulli("s", 0.5)
    mu, two = mc.Normal("mu", 0, 1, size=3), mc.Normal("two", 0, 1, size=2)
    M = mc.Normal("M", 0, 1, size=(2, 3))
    part = mc.Bernoulli("part", 0.5, value=np.ma.masked_array([1, 0, 1], [0, 1, 0]), observed=True)
    q = mc.Potential
    made = {
        "node": lambda: mu[b],
        "node of another length": lambda: two[b],
        "node by a scalar": lambda: mu[s],
        "entry": lambda: mu[b[0]],
        "tuple": lambda: M[0, b],
        "named": lambda: mc.Index("i", KNOWN, b),
        "data": lambda: mu[mc.Bernoulli("known", 0.5, value=[1, 0, 1], observed=True)],
        "lambda": lambda: record(mc.Model([mc.Lambda("i", lambda mu=mu, b=b: mu[b])])),
        "lambda of another length": lambda: mc.Lambda("i", lambda two=two, b=b: two[b]).value,
        "lambda by a scalar": lambda: record(mc.Model([mc.Lambda("i", lambda mu=mu, s=s: mu[s])])),
        "lambda by an entry": lambda: record(mc.Model([mc.Lambda("i", lambda mu=mu, b=b: mu[b[1]])])),
        "known table": lambda: record(mc.Model([mc.Lambda("i", lambda b=b: KNOWN[b])])),
        "partly known": lambda: record(mc.Model([mc.Lambda("i", lambda mu=mu, b=part: mu[b])])),
        "through a function": lambda: record(mc.Model([mu[mc.Lambda("same", lambda b=b: b)]])),
        "potential": lambda: record(mc.Model([q(lambda mu, b: np.sum(mu[b]), "", "i", {"mu": mu, "b": b})])),
        "potential of another length": lambda: q(lambda two, b: two[b][0], "", "i", {"two": two, "b": b}).logp,
        "law": lambda: mc.Stochastic(lambda value, two, b: two[b][0], "", "i", {"two": two, "b": b}, value=0.0).logp,
    }  # fmt: skip
    return made if name is None else made[name]


@pytest.mark.parametrize("way", list(_tables(None)))
def test_yes_and_no_are_no_index(way):
    with pytest.raises(ModelError, match=r"write table\[1 \* b\] for a look-up, table\[b == 1\] for a mask") as caught:
        _tables(way)()
    assert not isinstance(caught.value, TraceError) and str(caught.value).count("write table") == 1


def test_what_the_advice_says_works():
    b = mc.Bernoulli("b", 0.5, size=3, value=[True, False, True])
    two = mc.Normal("two", 0, 1, size=2, value=[1.0, 2.0])
    mu = mc.Normal("mu", 0, 1, size=3, value=[1.0, 2.0, 3.0])
    outside, inside = two[1 * b], mc.Lambda("inside", lambda two=two, b=b: two[1 * b])
    assert outside.value.tolist() == inside.value.tolist() == [2.0, 1.0, 2.0] and opaque(outside, inside) == set()
    masks = [mu[np.equal(b, 1)], mc.Lambda("mask", lambda mu=mu, b=b: mu[b == 1])]
    assert [m.value.tolist() for m in masks] == [[1.0, 3.0]] * 2
    total = mc.Lambda("total", lambda mu=mu, b=b: np.sum(mu[b == 1]))
    assert total.value == 4.0 and opaque(total) == set()  # a sum over a mask needs no length beforehand


def test_a_mixture_with_labels_of_yes_and_no():
    rng = np.random.default_rng(3)
    x = np.r_[rng.normal(-4, 1, 60), rng.normal(4, 1, 40)]
    b = mc.Bernoulli("b", 0.4, size=100)
    mu = mc.Normal("mu", [-4.0, 4.0], 1.0, size=2)
    written = mc.Normal("x", mu[1 * b], 1.0, value=x, observed=True)
    m = mc.MCMC([written]).sample(600, 200, chains=2, seed=1, progress_bar=False)
    assert [s.name for s in m.step_method_dict[b]] == ["label update"]
    assert ((m.trace("b")[:].mean(axis=0) > 0.5) == (np.arange(100) >= 60)).all()
    c = mc.Bernoulli("c", 0.4, size=100)
    mixed = mc.Mixture("y", c, mc.Normal, mu, 1.0, value=x, observed=True)
    assert [s.name for s in mc.MCMC([mixed]).step_method_dict[c]] == ["label update"]


@pytest.mark.parametrize(
    "inside", [lambda mu, z: mu[z], lambda mu, z: {"all": mu}["all"][z], lambda mu, z: mu[-1] if z is None else mu[z]]
)
def test_a_list_of_nodes_is_looked_up_as_a_table_is(inside):
    """`phi[z]` of a list of nodes at a label: recorded, as it is of an array."""
    mu = [mc.Normal("a", 0, 1), mc.Normal("b", 5, 1)]
    z = mc.Bernoulli("z", 0.5)
    mean = mc.Lambda("mean", lambda mu=mu, z=z: inside(mu, 1 * z))
    m = mc.MCMC([mc.Normal("y", mean, 1.0, value=4.0, observed=True), z, *mu])
    assert not m.assembled.recording.opaque
    m.sample(4000, 500, seed=1, chains=1, progress_bar=False)
    one, other = np.exp(-0.25 * np.array([4.0, 1.0]) ** 2)  # y given z: N(mean of mu_z, 2)
    assert abs(m.trace("z")[:].mean() - other / (one + other)) < 0.03  # 0.98
