"""Programs that are long: chains of thousands of nodes, discrete unknowns of many values, functions that are called."""

import copy
import gc
import pickle
import re
import time

import numpy as np
import pytest
import scipy.stats

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.model import parents_given
from mcmix.steps.base import Chain
from mcmix.steps.plan import assemble
from mcmix.structure.contributions import structure_of
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import leaf
from mcmix.structure.recording import record
from mcmix.structure.rewrite import chosen_rows, exposed, permuted_rows, substitute

LONG = 4000  # nodes one below the other: Python nests a thousand calls
QUIET = {"progress_bar": False}


def walk(n=LONG):
    """A chain of unknowns, each about the one before."""
    z = [mc.Normal("z0", 0, 1, value=0.5)]
    for i in range(1, n):
        z.append(mc.Normal(f"z{i}", z[-1], 4.0, value=0.5))
    return z


def total(n=LONG):
    """A chain of operators, each on an unknown of its own."""
    x = [mc.Normal(f"x{i}", 0, 1, value=1.0) for i in range(n)]
    s = x[0]
    for v in x[1:]:
        s = s + v
    return x, s


def steps(n=LONG):
    """A chain of functions of one unknown."""
    a = mc.Normal("a", 0, 1, value=0.3)
    s = a
    for _ in range(n):
        s = 0.999 * s + 0.001
    return a, s


# -------------------------------------------------------------------- nodes


@pytest.mark.parametrize("n", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_chain_of_many_thousand_nodes_is_a_model(n):
    first = s = mc.Normal("a", 0, 1, value=0.5)
    for _ in range(n):
        s = s + 1.0
    model = mc.Model([s])
    assert len(model.nodes) == n + 1 and s.value == n + 0.5
    first.value = 1.0
    assert s.value == n + 1.0 and s.extended_parents == {first}


def test_a_long_chain_of_unknowns_has_a_density():
    model = mc.Model([walk()[-1]])
    prior = scipy.stats.norm.logpdf
    assert model.logp == pytest.approx(prior(0.5) + (LONG - 1) * prior(0.0, scale=0.5), rel=1e-9)


def test_models_of_long_chains_are_drawn_shown_and_left():
    model = mc.Model([*walk(), mc.Normal("y", 0, 1, value=1.0, observed=True)])
    values = model.draw_from_prior()
    assert np.std(np.diff([values[f"z{i}"] for i in range(LONG)])) == pytest.approx(0.5, rel=0.06)  # 5 of 1 / sqrt(2n)
    drawn = model.prior_predictive(2, seed=1)
    assert drawn["z3999"].shape == (2,) and len(model.draw_with(np.random.default_rng(1))) == LONG
    assert f"z{LONG - 1} ~ Normal(mean=z{LONG - 2}" in str(model) and "n3999 ->" not in repr(model)
    assert model.graph_source().count("->") == LONG - 1 and model.left_out == []


def test_what_is_computed_along_a_chain_follows_its_unknowns():
    x, s = total()
    assert s.value == LONG and len(s.extended_parents) == LONG
    x[0].value = 3.0
    assert s.value == LONG + 2.0
    x[0].revert()
    assert s.value == LONG
    before = s.version
    x[7].value = 0.0
    assert s.version != before and s.value == LONG - 1.0
    assert x[7].extended_children == set() and x[0].moral_neighbors == set()
    assert parents_given(s, {x[0]: 11.0})["left"] == LONG - 1 + 10.0 - 1.0
    assert drawn_forward([mc.Normal("y", s, 1)], {v: 1.0 for v in x}, np.random.default_rng(1))[s] == LONG
    assert len(s.name) < 300 and len(repr(s)) < 400


def test_only_what_changed_is_computed_again():
    calls = []
    a, b = mc.Normal("a", 0, 1, value=1.0), mc.Normal("b", 0, 1, value=2.0)

    def f(a):
        calls.append("f")
        return 2 * a

    def g(f, b):
        calls.append("g")
        return f + b

    f_node = mc.Deterministic(eval=f, doc="", name="f", parents={"a": a})
    g_node = mc.Deterministic(eval=g, doc="", name="g", parents={"f": f_node, "b": b})
    assert g_node.value == 4.0 and g_node.value == 4.0 and calls == ["f", "g"]
    b.value = 5.0
    assert g_node.value == 7.0 and calls == ["f", "g", "g"]
    a.value = 0.0
    assert g_node.value == 5.0 and calls == ["f", "g", "g", "f", "g"]


def test_first_values_are_drawn_along_a_chain():
    table = mc.Dirichlet("T", [1.0, 1.0], size=2)
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for i in range(1, LONG):
        z.append(mc.Categorical(f"z{i}", table[z[-1]]))
    assert int(z[-1].value) in (0, 1)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_long_chains_are_copied(how):
    z = walk(1500)
    model = mc.Model(z)
    assert how(model).logp == model.logp
    alone = how(z[-1])
    assert len(mc.Model([alone]).stochastics) == 1500 and alone.parents["mean"].name == "z1498"
    _, s = total(1500)
    assert how(s).value == 1500.0
    first, last = how((z[0], z[-1]))
    assert min(n.created for n in mc.Model([last]).nodes) == first.created and first in mc.Model([last]).nodes
    assert [n.name for n in how(z)] == [n.name for n in z]


def test_a_chain_in_which_each_reads_two_before_it_is_copied():
    """Ways up that never meet every stretch of generations at the same place."""
    z = [mc.Normal("z0", 0, 1), mc.Normal("z1", 0, 1)]
    for i in range(2, 1500):
        z.append(mc.Normal(f"z{i}", z[-1] if i % 2 else z[-2], 1))
    assert len(mc.Model([pickle.loads(pickle.dumps(z[-1]))]).nodes) == len(mc.Model([z[-1]]).nodes)


def test_a_copy_that_fails_half_way_does_not_spoil_the_next():
    z = walk(1500)
    z[700].verbose = lambda: None  # no function without a name can be pickled
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(z[-1])
    z[700].verbose = -1
    assert pickle.loads(pickle.dumps(z[-1])).name == "z1499"


def test_a_sampler_of_a_long_chain_is_copied():
    sampler = mc.MCMC([*walk(600)])
    sampler.sample(3, 1, seed=1, **QUIET)
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.trace("z599")[:], sampler.trace("z599")[:])


def test_long_chains_are_forgotten():
    gc.collect()
    before = len(gc.get_objects())
    _, s = total(5_000)
    record(mc.Model([s]))
    del s, _
    gc.collect()
    assert len(gc.get_objects()) - before < 2_000


# -------------------------------------------------------------------- recording


def test_chains_are_recorded_and_evaluated():
    x, s = total()
    y = mc.Normal("y", s, 1.0, value=0.5, observed=True)
    recording = record(mc.Model([y]))
    assert not recording.opaque and evaluate(recording.values[s], {v: 2.0 for v in x}) == 2.0 * LONG
    assert len(recording.values[s].leaves) == LONG and len(repr(recording.values[s])) < 5000
    structure = structure_of(recording)
    assert len(structure.about(x[5])) == 2
    a, s = steps()
    recording = record(mc.Model([mc.Normal("y", s, 1.0, value=0.5, observed=True)]))
    expected = 0.3
    for _ in range(LONG):
        expected = 0.999 * expected + 0.001
    assert evaluate(recording.values[s], {a: 0.3}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow
def test_recording_costs_the_same_for_every_node():
    """Eight times as many nodes cost about eight times as long: it was sixty-four times."""

    def seconds(n):
        z = walk(n)
        y = [mc.Normal(f"y{i}", z[i] * 2.0, 1.0, value=0.1, observed=True) for i in range(0, n, 2)]
        model = mc.Model(y)
        begin = time.process_time()
        structure_of(record(model))
        return time.process_time() - begin

    seconds(100)
    assert min(seconds(1000) for _ in range(2)) < 1.5  # 0.3 s where it was written
    assert min(seconds(4000) for _ in range(2)) < 20 * min(seconds(500) for _ in range(2))


def test_chains_of_arrays_are_looked_up_in_permuted_and_replaced():
    """A long chain of functions of rows, through everything that rewrites expressions."""
    n, key = 700, "rows"
    rows = leaf(key, (n,))
    x = rows
    for _ in range(LONG):
        x = x * 0.999 + 0.001
    start = np.linspace(-1.0, 1.0, n)
    whole = start.copy()
    for _ in range(LONG):
        whole = whole * 0.999 + 0.001
    order = np.random.default_rng(1).permutation(n)
    values = {key: start}
    for made, expected in [
        (x[order], whole[order]),
        (x[3], whole[3]),
        (x.reshape(7, 100), whole.reshape(7, 100)),
        (permuted_rows(x, n, order), whole[order]),
        (chosen_rows(x, n, order[:5]), whole[order[:5]]),
        (exposed(x[order], {rows}), whole[order]),
        (substitute(x, {rows: rows + 0.0}), whole),
    ]:
        np.testing.assert_allclose(evaluate(made, values), expected, rtol=1e-11)


def test_chains_are_sampled():
    a, s = steps(1500)
    labels = mc.Categorical("z", [0.5, 0.5], size=8)
    means = mc.Normal("mu", [0.0, 9.0], 1.0, size=2)
    table = means
    for _ in range(1500):
        table = 0.999 * table + 0.001
    data = np.repeat([0.8, 2.8], 4)
    y = mc.Normal("y", table[labels], 25.0, value=data, observed=True)
    sampler = mc.MCMC([a, labels, means, y, mc.Normal("w", s, 100.0, value=0.9, observed=True)])
    sampler.sample(30, 10, seed=1, **QUIET)
    assert np.isfinite(sampler.trace("a")[:]).all()
    np.testing.assert_array_equal(sampler.trace("z")[-1], np.repeat([0, 1], 4))


def test_a_hidden_chain_written_as_nodes_finds_its_means():
    """As old notebooks write them: a label, a look-up and a value for each time."""
    n = 60
    x = np.random.default_rng(0).normal(np.arange(n) // (n // 2) * 3.0, 1)
    table, mu = mc.Dirichlet("T", [1, 1], size=2), mc.Normal("mu", [0, 3], sigma=2, size=2)
    z = [mc.Categorical("z0", [0.5, 0.5])]
    for i in range(1, n):
        z.append(mc.Categorical(f"z{i}", table[z[-1]]))
    y = [mc.Normal(f"y{i}", mu[z[i]], 1.0, value=x[i], observed=True) for i in range(n)]
    sampler = mc.MCMC([*y, table, mu, *z])
    sampler.sample(600, 200, seed=1, chains=2, **QUIET)
    # posterior standard deviations are 1 / sqrt(30), and so are the errors of the data: five of either
    assert np.abs(sampler.trace("mu")[:].mean(0) - [0, 3]).max() < 5 * 2**0.5 / 30**0.5


# -------------------------------------------------------------------- many values


def opaque(weights, shape=()):
    """A discrete unknown whose distribution is a function that cannot be recorded."""
    logs = {i: float(np.log(w)) for i, w in enumerate(weights)}
    k = mc.DiscreteUniform("k", 0, len(weights) - 1, **({"size": shape} if shape else {}))

    def f(k):
        return logs[int(k)] if not shape else sum(logs[int(v)] for v in k)

    return k, mc.Potential(logp=f, doc="", name="f", parents={"k": k})


def two_peaks(n):
    v = np.arange(n)
    weights = np.exp(-0.5 * ((v - 3) / 2.0) ** 2) + 2.0 * np.exp(-0.5 * ((v - 0.8 * n) / 4.0) ** 2) + 0.002
    return np.where(v % 7 == 0, 2.0, 1.0) * weights / weights.sum()


@pytest.mark.parametrize("n", [33, pytest.param(97, marks=pytest.mark.slow)])
def test_windows_of_values_leave_the_law_as_it_is(n):
    """Every tenth draw, nearly independent of the one before, against the distribution that enumeration gives."""
    weights = two_peaks(n)
    k, f = opaque(weights)
    sampler = mc.MCMC([k, f])
    assert [s.name for s in sampler.assembled.steps] == ["windowed enumeration"]
    sampler.sample(20_000, 100, thin=10, seed=n, **QUIET)
    counts = np.bincount(sampler.trace("k")[:], minlength=n).astype(float)
    expected = counts.sum() * weights / weights.sum()
    rare = expected < 8
    counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, expected))
    counts, expected = counts[expected > 0], expected[expected > 0]
    assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3


def test_windows_serve_each_element():
    weights = two_peaks(40)
    k, f = opaque(weights, (3,))
    sampler = mc.MCMC([k, f])
    sampler.sample(1500, 100, seed=2, **QUIET)
    mean = (np.arange(40) * weights).sum() / weights.sum()
    spread = (((np.arange(40) - mean) ** 2) * weights).sum() / weights.sum()
    # one draw in five is independent at least
    assert np.abs(sampler.trace("k")[:].mean(0) - mean).max() < 5 * (spread / 280) ** 0.5


def test_an_evaluation_buys_more_draws_than_trying_all_values():
    from mcmix.report.diagnosis.mixing import mixing

    n, calls = 400, []
    logs = -0.5 * ((np.arange(n) - 300) / 20.0) ** 2
    k = mc.DiscreteUniform("k", 0, n - 1, value=10)

    def f(k):
        calls.append(1)
        return float(logs[int(k)]) if k >= 0 else 0.0

    sampler = mc.MCMC([k, mc.Potential(logp=f, doc="", name="f", parents={"k": k})])
    sampler.sample(2500, 500, seed=1, chains=1, **QUIET)
    found = mixing(sampler.trace("k")[:].astype(float).reshape(1, 1, -1))
    assert float(found.effective[0]) / len(calls) > 2.0 / n  # all values tried: one independent draw for n calls


def test_few_values_are_all_tried_and_recorded_ones_too():
    k, f = opaque(two_peaks(32))
    assert [s.name for s in mc.MCMC([k, f]).assembled.steps] == ["enumeration"]
    s = mc.DiscreteUniform("s", 0, 400)
    y = mc.Poisson("y", 1.0 + s, value=30, observed=True)
    assert [step.name for step in mc.MCMC([s, y]).assembled.steps] == ["enumeration"]


# -------------------------------------------------------------------- functions that are called as written


def scalars():
    a, k = mc.Normal("a", 0, 1, value=0.3), mc.DiscreteUniform("k", 0, 9, value=3)

    def f(a, k):
        return -0.5 * float(a) ** 2 if int(k) % 2 else -1.0

    return [a, k, mc.Potential(logp=f, doc="", name="f", parents={"a": a, "k": k})], f, (np.float64(0.3), np.int64(3))


def vectors():
    v = mc.Normal("v", 0, 1, size=50, value=np.ones(50))

    def f(v):
        return v * 2.0 if v[0] > 0 else v * 3.0

    mean = mc.Deterministic(eval=f, doc="", name="f", parents={"v": v})
    return [v, mc.Normal("y", mean, 1, value=np.ones(50), observed=True)], f, (np.ones(50),)


def lists():
    r = [mc.Normal(f"r{i}", 0, 1, value=0.5) for i in range(5)]

    def f(r):
        return sum(r) if float(r[0]) > 0 else 0.0

    mean = mc.Deterministic(eval=f, doc="", name="f", parents={"r": r})
    return [*r, mc.Normal("y", mean, 1, value=1.0, observed=True)], f, ([np.float64(0.5)] * 5,)


@pytest.mark.slow
@pytest.mark.parametrize("program", [scalars, vectors, lists])
def test_a_call_costs_the_function_and_little_more(program):
    nodes, function, arguments = program()
    made = assemble(mc.Model(nodes))
    chain = Chain(made.plan.layout, np.random.SeedSequence(1))
    for n in made.model.stochastics:
        chain.put(n, n.value)
    run = next(call for p in made.plan.programs for call in p.python).bound(chain.memory, chain)

    def microseconds(call, *given):
        found = []
        for _ in range(40):
            begin = time.perf_counter()
            for _ in range(250):
                call(*given)
            found.append((time.perf_counter() - begin) / 250 * 1e6)
        return min(found)

    assert run() == 0
    assert microseconds(run) - microseconds(function, *arguments) < 5.0


def test_called_functions_get_values_of_their_own_of_the_right_type():
    seen = []
    a, k = mc.Normal("a", 0, 1, value=0.3), mc.DiscreteUniform("k", 0, 9, value=3)
    b, v = mc.Bernoulli("b", 0.5, value=True), mc.Normal("v", 0, 1, size=(2, 3), value=np.ones((2, 3)))
    w = mc.Categorical("w", [0.5, 0.5], size=2, value=[0, 1])

    def f(a, k, b, v, w, both, fixed):
        seen.append((type(a), type(k), type(b), v.shape, v.dtype.kind, w.dtype.kind, both, fixed.flags.writeable))
        if a > 50.0:
            return 0.0
        return -0.5 * float(a) ** 2

    parents = {"a": a, "k": k, "b": b, "v": v, "w": w, "both": {"x": [a, (k, 1.5)]}, "fixed": np.ones(3)}
    sampler = mc.MCMC([a, k, b, v, w, mc.Potential(logp=f, doc="", name="f", parents=parents)])
    seen.clear()
    sampler.sample(3, 1, seed=1, **QUIET)
    last = seen[-1]
    assert last[:3] == (np.float64, np.int64, np.bool_) and last[3:6] == ((2, 3), "f", "i")
    assert set(last[6]) == {"x"} and isinstance(last[6]["x"][1], tuple) and last[6]["x"][1][1] == 1.5


# -------------------------------------------------------------------- bad input


def test_a_name_that_a_loop_uses_twice_is_told_with_both_places():
    m = mc.Normal("m", 0, 1)
    nodes = [mc.Normal("y", m, 1, value=v, observed=True) for v in (0.1, 0.2)]
    with pytest.raises(ModelError) as caught:
        mc.Model(nodes)
    places = re.findall(r"made at test_long_programs\.py:(\d+)", str(caught.value))
    assert len(places) == 2 and places[0] == places[1] and "put its number into the name" in str(caught.value)


def test_a_name_that_is_used_twice_is_told_with_both_places():
    first = mc.Normal("y", 0, 1, value=0.1, observed=True)
    second = mc.Deterministic(eval=lambda y: y, doc="", name="y", parents={"y": first})
    with pytest.raises(ModelError) as caught:
        mc.Model([first, second])
    places = [int(line) for line in re.findall(r"made at test_long_programs\.py:(\d+)", str(caught.value))]
    assert places[1] == places[0] + 1 and "notebook cell" in str(caught.value)


def test_copies_do_not_tell_where_a_program_stood():
    assert b"test_long_programs" not in pickle.dumps(mc.Normal("a", 0, 1))
