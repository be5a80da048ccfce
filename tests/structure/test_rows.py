"""The same model on other rows is the model written with these data; columns stay what they were given as."""

import copy
import pickle
import re
import weakref

import numpy as np
import pytest

import mcmix as mc
import mcmix.testing
from mcmix.errors import ModelError, SupportError
from mcmix.kernels.base import address_of
from mcmix.kernels.labels import BLOCK
from mcmix.nodes.numbers import shared_doubles
from mcmix.sampling.pointwise import deviance
from mcmix.steps.labels import LabelGibbs
from mcmix.structure.evaluate import evaluate
from mcmix.structure.new_rows import new_rows, some_rows
from mcmix.structure.on_rows import expression_on_rows, needs_recording, on_rows
from mcmix.structure.recording import record
from mcmix.structure.rows import Rows

RNG = np.random.default_rng(2024)
N = 30
GROUPS = RNG.integers(0, 2, N)


# -------------------------------------------------------------------- models, each with two data sets of one shape


def normal_mixture(y):
    mu, tau = mc.Normal("mu", 0.0, 0.1, size=2), mc.Gamma("tau", 2.0, 1.0)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), size=N)
    return [mc.Normal("y", mu[z], tau, value=y, observed=True)]


def counts(y):
    rate = mc.Gamma("rate", 2.0, 0.5, size=2)
    return [mc.Poisson("y", rate[mc.Categorical("z", [0.4, 0.6], size=N)], value=y, observed=True)]


def categories(y):
    p = mc.Dirichlet("p", np.ones((2, 3)))
    return [mc.Categorical("y", p[mc.Categorical("z", [0.4, 0.6], size=N)], value=y, observed=True)]


def vectors(y):
    mu = mc.MvNormal("mu", np.zeros(2), np.eye(2) * 0.1, size=2)
    z = mc.Categorical("z", [0.5, 0.5], size=N)
    return [mc.MvNormal("y", mu[z], np.eye(2), value=y, observed=True)]


def missing_numbers(y):
    mu = mc.Normal("mu", 0.0, 0.1)
    return [mc.Normal("y", mu, 1.0, value=y, observed=True)]


def known_labels(z):
    mu = mc.Normal("mu", 0.0, 0.1, size=2)
    z = mc.Categorical("z", mc.Dirichlet("w", [1.0, 1.0]), value=z, observed=True)
    return [mc.Normal("y", mu[z], 1.0, value=np.linspace(-2.0, 2.0, N), observed=True)]


def some_known_labels(z):
    return known_labels(z)


def data_in_a_design(x):
    a, b = mc.Normal("a", 0.0, 0.1), mc.Normal("b", 0.0, 0.1)
    x = mc.Normal("x", mc.Normal("centre", 0.0, 0.1), 1.0, value=x, observed=True)
    centred = mc.Lambda("centred", lambda x=x: (x - x.mean()) / 2.0)
    return [mc.Normal("y", a + b * centred[:], 1.0, value=np.linspace(0.0, 1.0, N), observed=True)]


def data_as_positions(g):
    effect = mc.Normal("effect", 0.0, 1.0, size=2)
    g = mc.Bernoulli("g", mc.Beta("p", 1.0, 1.0), value=g, observed=True)
    mean = mc.Lambda("mean", lambda e=effect, g=g: e[1 - g] * (2.0 * g + 1.0))
    return [mc.Normal("y", mean, 1.0, value=np.linspace(0.0, 1.0, N), observed=True)]


def loop(y):
    mu = mc.Normal("mu", 0.0, 0.1)
    means = [mc.Normal(f"m{i}", mu, 1.0) for i in range(N)]
    return [mc.Normal(f"y{i}", means[i], 1.0, value=y[i], observed=True) for i in range(N)]


def opaque(x):
    a = mc.Normal("a", 0.0, 0.1)
    x = mc.Normal("x", 0.0, 1.0, value=x, observed=True)
    mean = mc.Lambda("mean", lambda a=a, x=x: np.array([a * float(v) for v in np.sort(x)]))
    return [mc.Normal("y", mean, 1.0, value=np.linspace(0.0, 1.0, N), observed=True)]


def own_density(y):
    a = mc.Normal("a", 0.0, 0.1)

    @mc.stochastic(observed=True, name="y")
    def data(value=y, a=a):
        return np.sum(-0.5 * (value - a) ** 2 - np.log(1.0 + value**2))

    return [data]


def one_number(x):
    a = mc.Normal("a", 0.0, 0.1)
    x = mc.Normal("x", a, 1.0, value=x, observed=True)
    return [
        mc.Normal("y", mc.Lambda("mean", lambda a=a, x=x: a * x), 1.0, value=np.linspace(0.0, 1.0, N), observed=True)
    ]


def covariates(x):
    b = mc.Normal("b", 0.0, 0.1, size=2)
    return [mc.Normal("y", mc.Covariates("x", x) @ b, 1.0, value=np.linspace(0.0, 1.0, N), observed=True)]


def _some_missing(x):
    return np.where(np.arange(N) % 7 == 3, np.nan, x)


NUMBERS = RNG.normal(size=N), RNG.normal(3.0, 2.0, size=N)
MODELS = {
    normal_mixture: NUMBERS,
    counts: (RNG.poisson(3.0, N), RNG.poisson(6.0, N)),
    categories: (RNG.integers(0, 3, N), RNG.integers(0, 3, N)),
    vectors: (RNG.normal(size=(N, 2)), RNG.normal(2.0, 1.0, size=(N, 2))),
    missing_numbers: tuple(map(_some_missing, NUMBERS)),
    known_labels: (GROUPS, 1 - GROUPS),
    some_known_labels: (np.ma.array(GROUPS, mask=np.arange(N) > 9), np.ma.array(1 - GROUPS, mask=np.arange(N) > 9)),
    data_in_a_design: NUMBERS,
    data_as_positions: (GROUPS, 1 - GROUPS),
    loop: NUMBERS,
    opaque: NUMBERS,
    own_density: NUMBERS,
    one_number: (0.5, 2.5),
    covariates: (RNG.normal(size=(N, 2)), RNG.normal(size=(N, 2))),
}
CHANGED = {known_labels: "z", some_known_labels: "z", data_in_a_design: "x", data_as_positions: "g", opaque: "x"}
CHANGED |= {one_number: "x", covariates: "x"}


def pair(build):
    """A model with its own data, the other rows, and the model that is written with these."""
    first, second = MODELS[build]
    model = mc.Model(build(first))
    other = {f"y{i}": second[i] for i in range(N)} if build is loop else {CHANGED.get(build, "y"): second}
    return model, Rows.of(model).with_values(other), mc.Model(build(second))


def values_at(recording, rng):
    """A point, by name: a number for every float, one for every label."""
    return {
        n.name: rng.uniform(0.2, 0.8, x.shape) if x.kind == "float" else np.ones(x.shape)
        for n, x in recording.leaves.items()
    }


def shown(x):
    """An expression in words, without the addresses of functions."""
    return re.sub("0x[0-9a-f]+", "", repr(x))


def same_elements(one, other):
    """Whether two recordings, perhaps of like models, have the same factors at some point."""
    at = values_at(one, np.random.default_rng(5))
    found = [{n: at[n.name] for n in r.leaves} for r in (one, other)]
    assert [f.node.name for f in one.factors] == [f.node.name for f in other.factors]
    for a, b in zip(one.factors, other.factors, strict=True):
        np.testing.assert_array_equal(evaluate(a.elements, found[0]), evaluate(b.elements, found[1]))
        assert shown(a.elements) == shown(b.elements)
        assert {k: shown(v) for k, v in a.parameters.items()} == {k: shown(v) for k, v in b.parameters.items()}


@pytest.mark.parametrize("build", MODELS)
def test_the_same_model_on_other_rows_has_the_elements_of_the_model_that_is_written_with_them(build):
    model, rows, written = pair(build)
    same_elements(record(model, rows=rows), record(written))
    same_elements(on_rows(record(model), rows, model), record(written))


@pytest.mark.parametrize("build", MODELS)
def test_draws_on_other_rows_are_those_of_the_model_that_is_written_with_them(build):
    model, rows, written = pair(build)
    before = {n.name: np.array(n.held) for n in Rows.of(model)}
    first = record(model)
    runs = [mc.MCMC(model)._on(rows), mc.MCMC(model)._on(rows, first), mc.MCMC(written)]
    for m in runs:
        m.sample(40, 20, chains=2, seed=3, progress_bar=False)
    for name, draws in runs[2].draws().variables.items():
        np.testing.assert_array_equal(runs[0].draws().variables[name], draws)
        np.testing.assert_array_equal(runs[1].draws().variables[name], draws)
    for node, column in Rows.of(model).items():
        np.testing.assert_array_equal(column.values, before[node.name])


def test_functions_are_not_called_again_where_what_was_recorded_says_it_all():
    calls = []

    def model_of(y):
        x = mc.Normal("x", 0.0, 1.0, value=y, observed=True)
        a = mc.Normal("a", 0.0, 1.0)

        def mean(a=a, x=x):
            calls.append(1)
            return a * np.exp(x / 10.0)

        return mc.Model([mc.Normal("y", mc.Lambda("mean", mean), 1.0, value=np.zeros(N), observed=True)])

    model = model_of(NUMBERS[0])
    recording, rows = record(model), Rows.of(model).with_values({"x": NUMBERS[1]})
    assert calls and not needs_recording(recording, rows)
    del calls[:]
    found = on_rows(recording, rows, model)
    assert not calls
    same_elements(found, record(model_of(NUMBERS[1])))


@pytest.mark.parametrize("own, other", [(np.arange(3), [2, 2, 0]), ([1, 1, 0], np.arange(3))])
def test_what_fell_away_because_of_its_numbers_is_recorded_anew(own, other):
    def model_of(g):
        mu = mc.Normal("mu", 0.0, 1.0, size=3)
        g = mc.Categorical("g", [0.2, 0.3, 0.5], value=g, observed=True)
        return mc.Model([mc.Normal("y", mu[g], 1.0, value=[1.0, 2.0, 3.0], observed=True)])

    model = model_of(own)
    rows, recording = Rows.of(model).with_values({"g": other}), record(model)
    assert needs_recording(recording, rows) is (own is not other and list(own) == [0, 1, 2])
    same_elements(on_rows(recording, rows, model), record(model_of(other)))


def test_labels_recorded_as_if_none_were_known_are_recorded_anew():
    model, rows, written = pair(some_known_labels)
    as_unknown = record(model, whole=[model.get_node("z")])
    same_elements(on_rows(as_unknown, rows, model), record(written))


def test_a_mask_of_data_is_recorded_anew():
    def model_of(g):
        a = mc.Normal("a", 0.0, 1.0)
        g = mc.Bernoulli("g", 0.5, value=g, observed=True)
        total = mc.Lambda("total", lambda a=a, g=g: np.sum((a * np.arange(4.0))[g == 1]))
        return mc.Model([mc.Normal("y", total, 1.0, value=1.0, observed=True)])

    model = model_of([0, 1, 1, 0])
    rows = Rows.of(model).with_values({"g": [1, 1, 1, 0]})
    assert not record(model).opaque and needs_recording(record(model), rows)
    same_elements(on_rows(record(model), rows, model), record(model_of([1, 1, 1, 0])))


def test_objects_are_columns_too():
    def model_of(thing):
        a = mc.Normal("a", 0.0, 1.0)

        @mc.stochastic(observed=True, dtype=object, name="d")
        def data(value=thing, a=a):
            return -0.5 * (a - value["centre"]) ** 2

        return mc.Model([data])

    model = model_of({"centre": 1.0})
    rows = Rows.of(model).with_values({"d": {"centre": 4.0}})
    written = record(model_of({"centre": 4.0}))
    recordings = [record(model, rows=rows), on_rows(record(model), rows, model), written]
    found = [float(evaluate(r.factors[-1].elements, {n: np.array(0.5) for n in r.leaves})) for r in recordings]
    assert found == [-0.5 * 3.5**2] * 3


def test_an_expression_remembers_the_columns_it_was_made_of():
    y = mc.Normal("y", 0.0, 1.0, value=[1.0, 2.0, 3.0], observed=True)
    rows = Rows.of(mc.Model([y]))
    x = record(mc.Model([y])).values[y]
    made = np.cumsum(np.exp(x[::-1] - x.mean()))
    other = rows.with_values({y: [4.0, 4.0, 7.0]})
    np.testing.assert_array_equal(
        expression_on_rows(made, other).known, np.cumsum(np.exp(np.array([7.0, 4.0, 4.0]) - 5.0))
    )
    assert made.source.columns == {rows[y]}


def test_columns_of_equal_numbers_are_kept_apart():
    x, y = (mc.Normal(name, 0.0, 1.0, value=[1.0, 2.0], observed=True) for name in "xy")
    recording = record(mc.Model([x, y]))
    assert recording.values[x] is not recording.values[y]
    assert record(mc.Model([x, y])).values[x] is recording.values[x]


# -------------------------------------------------------------------- rows as such


@pytest.fixture
def long():
    y = mc.Normal("y", 0.0, 1.0, value=np.arange(2.0 * BLOCK + 5), observed=True)
    return Rows.of(mc.Model([y]))


def test_blocks_are_views_of_the_size_of_the_pass(long):
    assert [b.stop - b.start for b in long.blocks] == [BLOCK, BLOCK, 5]
    whole = long["y"].values
    for i, b in enumerate(long.blocks):
        part = long.block(i)["y"].values
        assert np.shares_memory(part, whole)
        np.testing.assert_array_equal(part, whole[b])
    with pytest.raises(ModelError, match="one of 3 blocks, got 3"):
        long.block(3)


def test_taken_rows(long):
    np.testing.assert_array_equal(long.taken(np.array([3, 1]))["y"].values, [3.0, 1.0])
    np.testing.assert_array_equal(long.taken(np.arange(2 * BLOCK + 5) < 2)["y"].values, [0.0, 1.0])
    with pytest.raises(ModelError, match="positions among"):
        long.taken(np.array([10**9]))


def test_columns_of_several_lengths_have_no_rows_in_common():
    x = mc.Normal("x", 0.0, 1.0, value=[1.0, 2.0], observed=True)
    y = mc.Normal("y", 0.0, 1.0, value=[1.0, 2.0, 3.0], observed=True)
    rows = Rows.of(mc.Model([x, y]))
    with pytest.raises(ModelError, match=r"x 2, y 3; choose some with only"):
        rows.blocks  # noqa: B018
    assert rows.only("y").n_rows == 3
    assert repr(rows) == "<Rows: x (2) float64, y (3) float64>"
    with pytest.raises(ModelError, match="a column for y"):
        record(mc.Model([x, y]), rows=rows.only("x"))
    with pytest.raises(ModelError, match=r"y expected shape \(3,\), as the model has it, got \(1,\)"):
        record(mc.Model([y]), rows=rows.only("y").taken(slice(1)))


def test_what_is_known_of_a_column_and_what_completes_it():
    y = mc.MvNormal("y", np.zeros(2), np.eye(2), value=[[1.0, np.nan], [3.0, 5.0]], observed=True)
    column = Rows.of(mc.Model([y]))["y"]
    np.testing.assert_array_equal(column.seen, [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(column.with_gaps(), column.shown())
    np.testing.assert_array_equal(column.completed([[7.0], [8.0]])[:, 0, 1], [7.0, 8.0])  # of two draws
    np.testing.assert_array_equal(column.completed([7.0]), [[1.0, 7.0], [3.0, 5.0]])


BAD = {
    "a name": ({"w": [1.0, 2.0]}, ModelError, r"names of columns \(y, k, x\), got 'w'"),
    "a node": ({0: [1.0, 2.0]}, ModelError, "nodes with data"),
    "no mapping": ([1.0, 2.0], ModelError, "values by name"),
    "a shape": ({"y": [1.0]}, ModelError, r"rows: y expected shape \(2,\), got shape \(1,\)"),
    "text": ({"y": ["a", "b"]}, ModelError, "rows: y: expected an array of numbers.*text"),
    "missing": ({"y": [1.0, np.nan]}, ModelError, r"rows: y expected numbers where.*missing at \(1,\)"),
    "masked": ({"y": np.ma.array([1.0, 2.0], mask=[True, False])}, ModelError, r"missing at \(0,\)"),
    "infinite": ({"y": [1.0, np.inf]}, ModelError, "infinity in 1 row"),
    "impossible": ({"k": [1, -1]}, SupportError, "k"),
    "not whole": ({"x": [1.0, 0.5]}, ModelError, "rows: x expected whole numbers.*0.5"),
    "missing covariates": ({"x": [1.0, np.nan]}, ModelError, "rows: x: covariates expected finite"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_values_are_refused_with_the_node_and_what_was_expected(what):
    values, error, told = BAD[what]
    y = mc.Normal("y", mc.Covariates("x", [0, 1]) * 1.0, 1.0, value=[1.0, 2.0], observed=True)
    k = mc.Poisson("k", 2.0, value=[1, 2], observed=True)
    rows = Rows.of(mc.Model([y, k]))
    rows = rows.only("y", "k", "x")
    with pytest.raises(error, match=told):
        rows.with_values(values)


def test_entries_stay_missing_and_nobody_looks_at_what_stands_there():
    y = mc.Normal("y", 0.0, 1.0, value=[1.0, np.nan, 3.0], observed=True)
    rows = Rows.of(mc.Model([y])).with_values({"y": [5.0, 1e9, 7.0]})
    np.testing.assert_array_equal(rows["y"].with_gaps(), [5.0, np.nan, 7.0])
    np.testing.assert_array_equal(rows["y"].missing, [False, True, False])
    with pytest.raises(ModelError, match=r"missing at \(2,\)"):
        rows.with_values({"y": [5.0, 6.0, np.nan]})


def test_a_sampler_on_other_rows_can_be_copied_and_pickled():
    model, rows, written = pair(normal_mixture)
    m = mc.MCMC(model)._on(rows).sample(20, 0, chains=1, seed=4, progress_bar=False)
    expected = mc.MCMC(written).sample(40, 0, chains=1, seed=4, progress_bar=False).trace("mu")[20:]
    for twin in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        np.testing.assert_array_equal(twin.sample(20, 0, progress_bar=False).trace("mu")[:], expected)
    with pytest.raises(ModelError, match="the chains have started"):
        m._on(rows)


def test_reports_ask_the_rows_and_not_the_nodes():
    model, rows, written = pair(normal_mixture)
    one, other = mc.MCMC(model)._on(rows), mc.MCMC(written)
    for m in (one, other):
        m.sample(60, 20, chains=2, seed=5, progress_bar=False)
    np.testing.assert_array_equal(one.memberships(), other.memberships())
    np.testing.assert_array_equal(*[deviance(m.assembled, m.draws()) for m in (one, other)])
    a, b = (m.posterior_predictive(seed=1)["y"] for m in (one, other))
    np.testing.assert_array_equal(a, b)


# -------------------------------------------------------------------- single precision, memory maps


def single(data, kind=np.float32):
    return normal_mixture(np.asarray(data, np.float32).astype(kind))


def test_single_precision_stays_and_draws_are_those_of_doubles():
    nodes = single(NUMBERS[0])
    column = Rows.of(mc.Model(nodes))["y"]
    assert column.values.dtype == np.float32
    assert column.known.dtype == np.float64 and nodes[0].value.dtype == np.float64
    runs = [mc.MCMC(single(NUMBERS[0], kind)) for kind in (np.float32, float)]
    for m in runs:
        m.sample(60, 20, seed=6, chains=2, progress_bar=False)
    for name, draws in runs[0].draws().variables.items():
        np.testing.assert_array_equal(draws, runs[1].draws().variables[name])


def test_doubles_of_single_precision_are_shared_and_given_back():
    y = mc.Normal("y", 0.0, 1.0, value=np.zeros(1000, np.float32), observed=True)
    known = y.known
    assert known is y.known is Rows.of(mc.Model([y]))["y"].known is record(mc.Model([y])).values[y].value
    gone = weakref.ref(known)
    del known
    assert gone() is None


def test_data_in_single_precision_cannot_be_written_into_afterwards():
    data = np.zeros(3, np.float32)
    y = mc.Normal("y", 0.0, 1.0, value=data, observed=True)
    data[0] = 5.0
    assert y.value[0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        y.held[0] = 1.0


@pytest.mark.parametrize("kind", ["f8", "f4", ">f8"])
def test_a_memory_map_is_not_copied_by_node_or_rows(tmp_path, kind):
    path = tmp_path / "data"
    np.asarray(NUMBERS[0], kind).tofile(path)
    mapped = np.memmap(path, dtype=kind, mode="r")
    nodes = normal_mixture(mapped)
    rows = Rows.of(mc.Model(nodes))
    assert np.shares_memory(rows["y"].values, mapped) and rows["y"].values.dtype == mapped.dtype
    assert np.shares_memory(rows.block(0)["y"].values, mapped)
    assert "memory map" in repr(rows)
    runs = [mc.MCMC(nodes), mc.MCMC(normal_mixture(np.asarray(NUMBERS[0], kind).astype(float)))]
    passes = [step.block for step in runs[0].assembled.steps if isinstance(step, LabelGibbs)]
    columns = [c for block in passes for s in block.factors for c in s.cells.columns]
    assert columns and all(
        np.shares_memory(c.known, mapped) == (kind == "f8") for c in columns
    )  # the pass reads the file
    for m in runs:
        m.sample(40, 20, seed=6, chains=1, progress_bar=False)
    np.testing.assert_array_equal(runs[0].trace("mu")[:], runs[1].trace("mu")[:])


@pytest.mark.parametrize("kind", ["f8", "f4", "i2"])
def test_covariates_keep_their_type_and_memory_maps(tmp_path, kind):
    path, x = tmp_path / "data", np.arange(2.0 * N).reshape(N, 2)
    x.astype(kind).tofile(path)
    mapped = np.memmap(path, dtype=kind, mode="r", shape=(N, 2))
    node = mc.Covariates("x", mapped)
    assert node.held.dtype == mapped.dtype and np.shares_memory(node.held, mapped)
    assert node.value.dtype == (mapped.dtype if kind == "i2" else float) and node.value is node.known
    rows = Rows.of(mc.Model([mc.Normal("y", node @ mc.Normal("b", 0.0, 1.0, size=2), 1.0, value=x[:, 0])]))
    assert np.shares_memory(rows["x"].values, mapped) and rows["x"].values.dtype == mapped.dtype
    other = rows.with_values({"x": (x + 1.0).astype(kind)})
    assert other["x"].values.dtype == mapped.dtype
    np.testing.assert_array_equal(other["x"].known, x + 1.0)
    own = np.array(x, kind)
    held = mc.Covariates("own", own).held
    own[:] = 7
    np.testing.assert_array_equal(held, x)
    with pytest.raises(ValueError, match="read-only"):
        held[0] = 1


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_missing_entries_leave_the_type_as_it_is(kind):
    column = Rows.of(mc.Model(missing_numbers(MODELS[missing_numbers][0].astype(kind))))["y"]
    assert column.values.dtype == kind and column.known.dtype == float


def test_doubles_of_whole_numbers_are_made_once_for_cells_and_all_chains():
    m = mc.MCMC(counts(MODELS[counts][0]))
    m.sample(10, 0, chains=2, seed=1, progress_bar=False)
    (one,) = [p.block.factors[0] for p in m.assembled.label_passes]
    own = [s.label_pass._column(one.rows.arguments[0], r.chain) for r in m._runners for s in m.step_methods[:1]]
    assert own == [address_of(one.cells.columns[0].value)] * 2


def test_what_may_be_written_into_is_not_shared():
    whole = np.arange(5)
    first = shared_doubles(whole)
    whole[:] = 9
    assert first[1] == 1.0 and shared_doubles(whole)[1] == 9.0


# -------------------------------------------------------------------- who uses them


def test_calibration_changes_no_node():
    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1, value=[0.0, 0.5], observed=True)
    model, held, version = mc.Model([mu, y]), y.held, y.version
    assert mc.testing.rank_calibration(model, seed=1, replications=20, stages=1).name
    assert mc.testing.joint_test(model, seed=1, replications=20, stages=1).name
    assert y.held is held and y.version == version


def test_steps_in_python_see_the_rows():
    class Walk(mc.StepMethod):
        def step(self):
            old, before = self.stochastic.value, self.logp_plus_loglike
            self.stochastic.value = old + self.rng.normal()
            if np.log(self.rng.uniform()) > self.logp_plus_loglike - before:
                self.stochastic.value = old

    def built(data):
        mu = mc.Normal("mu", 0.0, 1.0, value=0.0)
        return mc.Model([mc.Normal("y", mu, 1.0, value=data, observed=True)])

    model, written = built([0.0, 1.0]), built([5.0, 6.0])
    runs = [mc.MCMC(model)._on(Rows.of(model).with_values({"y": [5.0, 6.0]})), mc.MCMC(written)]
    for m in runs:
        m.use_step_method(Walk, "mu")
        m.sample(50, 10, chains=1, seed=2, progress_bar=False)
    np.testing.assert_array_equal(runs[0].trace("mu")[:], runs[1].trace("mu")[:])
    np.testing.assert_array_equal(model.get_node("y").value, [0.0, 1.0])


def test_new_rows_are_rows():
    x = mc.Covariates("x", np.arange(3.0))
    y = mc.Normal("y", x * 1.0, 1.0, value=[1.0, 2.0, 3.0], observed=True)
    rows = new_rows([y], [x], {"y": [4.0, np.nan], x: [1.0, 2.0]})
    assert repr(rows) == "<Rows: y (2) float64, 1 missing, x (2) float64>"
    assert new_rows([y], [x], rows) is rows
    np.testing.assert_array_equal(some_rows(rows, 4)["x"].values, [1.0, 2.0, 2.0, 2.0])
    assert some_rows(new_rows([y], [x], {"y": [], "x": []}), 2).n_rows == 2
    with pytest.raises(ModelError, match="y 2, x 1"):
        new_rows([y], [x], {"y": [4.0, 5.0], "x": [1.0]})
