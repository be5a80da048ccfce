"""Names that data bring along, and those that a program gives: of rows, columns and axes."""

import numpy as np
import pandas as pd
import pytest

import mcmix as mc
from mcmix.errors import ModelError
from mcmix.nodes.axes import axes_from
from mcmix.nodes.names import in_columns, names_of
from mcmix.nodes.numbers import as_numbers

SPEED, MASS = [1.0, 2.0, 4.0], [3.0, 5.0, 6.0]
ROWS = ["a", "b", "c"]


def table(kind, columns):
    """The same columns as a table of a package."""
    if kind == "pandas":
        return pd.DataFrame(columns)
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    arrow = pytest.importorskip("pyarrow")
    return arrow.table(columns) if kind == "arrow" else arrow.record_batch(columns)


TABLES = ("pandas", "polars", "arrow", "arrow batch")


@pytest.mark.parametrize("kind", TABLES)
def test_tables_bring_numbers_and_names_of_columns(kind):
    two = table(kind, {"speed": SPEED, "mass": [3, None, 6]})
    y = mc.Normal("y", 0.0, 1.0, value=two, observed=True)
    assert y.shape == (3, 2) and y.columns == ("speed", "mass")
    np.testing.assert_array_equal(y.mask, [[False, False], [False, True], [False, False]])


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_of_one_column_is_that_column(kind):
    one = table(kind, {"speed": SPEED})
    mu, z = mc.Normal("mu", 0, 1, size=2), mc.Categorical("z", [0.5, 0.5], size=3)
    for y in (
        mc.Normal("y", mu[z], 1.0, value=one, observed=True),
        mc.Mixture("y", z, mc.Normal, mu, 1.0, value=one, observed=True),
        mc.Mixture("y", [0.5, 0.5], mc.Normal, mu, 1.0, value=one, observed=True),
        mc.Mixture("y", z, [mc.Normal.dist(mu[0], 1.0), mc.Uniform.dist(0, 9)], value=one, observed=True),
        mc.Censored("y", mc.Normal, mu[z], 1.0, upper=4.0, value=one),
    ):
        assert y.shape == (3,) and y.columns == ("speed",)


def test_a_table_of_one_column_stays_a_table_where_two_axes_are_meant():
    one = pd.DataFrame({"speed": SPEED})
    column = mc.Normal("m", 0, 1, size=(3, 1))
    assert mc.Normal("y", column, 1.0, value=one, observed=True).shape == (3, 1)
    assert mc.Normal("y", 0.0, 1.0, size=(3, 1), value=one, observed=True).shape == (3, 1)
    assert mc.MvNormal("y", [0.0], [[1.0]], value=one, observed=True).shape == (3, 1)
    assert mc.Covariates("X", one).shape == (3, 1)
    assert mc.Normal("y", 0.0, 1.0, value=np.ones((3, 1)), observed=True).shape == (3, 1)


def test_series_bring_their_own_name():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for series in (pd.Series(SPEED, name="speed"), polars.Series("speed", SPEED)):
        y = mc.Normal("y", 0.0, 1.0, value=series, observed=True)
        assert y.shape == (3,) and y.columns == ("speed",)
    for bare in (polars.Series(SPEED), arrow.array(SPEED), arrow.chunked_array([SPEED[:1], SPEED[1:]])):
        assert mc.Normal("y", 0.0, 1.0, value=bare, observed=True).columns is None


def test_an_xarray_array_brings_dimensions_and_coordinates():
    xarray = pytest.importorskip("xarray")
    coords = {"car": ROWS, "what": ["speed", "mass"]}
    found = names_of(xarray.DataArray(np.ones((3, 2)), dims=["car", "what"], coords=coords))
    assert found.axes == ("car", "what") and found.columns == ("speed", "mass") and list(found.index) == ROWS
    plain = names_of(xarray.DataArray(np.ones((3, 2))))
    assert plain == (None, None, None, ())


def test_known_arrays_of_other_packages_stand_beside_nodes():
    polars, xarray = pytest.importorskip("polars"), pytest.importorskip("xarray")
    b = mc.Normal("b", 0, 1, value=2.0)
    for given in (pd.Series(SPEED), polars.Series(SPEED), xarray.DataArray(SPEED)):
        np.testing.assert_array_equal((b * given).value, [2.0, 4.0, 8.0])
        np.testing.assert_array_equal(mc.Normal("y", given, 1.0).parents["mean"], SPEED)


def test_a_series_in_front_of_a_node_is_a_node_too():
    b = mc.Normal("b", 0, 1, value=2.0)
    series = pd.Series(SPEED, name="speed")
    for made, expected in (
        (series * b, [2.0, 4.0, 8.0]),
        (series + b, [3.0, 4.0, 6.0]),
        (1 - series / b, [0.5, 0, -1]),
    ):
        assert isinstance(made, mc.Node)
        np.testing.assert_array_equal(made.value, expected)


def test_a_node_that_another_package_took_apart_is_refused_with_the_way_out():
    xarray = pytest.importorskip("xarray")
    apart = xarray.DataArray(SPEED) * mc.Normal("b", 0, 1, value=2.0)
    with pytest.raises(ModelError, match=r"y: mean: expected .*a node inside of a table; put the node first"):
        mc.Normal("y", apart, 1.0)


@pytest.mark.parametrize(
    "value, message",
    [
        (pd.DataFrame({"speed": SPEED, "name": ROWS}), "y: column 'name': expected an array of numbers, got 'a': text"),
        (pd.Series(ROWS, dtype="category"), "y: expected an array of numbers, got 'a': text"),
    ],
)
def test_text_in_a_table_is_refused_with_its_column(value, message):
    with pytest.raises(ModelError, match=message):
        mc.Normal("y", 0.0, 1.0, value=value, observed=True)


def test_what_holds_arrays_but_is_none_is_refused():
    polars, xarray = pytest.importorskip("polars"), pytest.importorskip("xarray")
    with pytest.raises(ModelError, match="y: expected an array of numbers, got a lazy frame; call its .collect"):
        as_numbers("y", polars.DataFrame({"speed": SPEED}).lazy())
    with pytest.raises(ModelError, match="y: .*got an xarray Dataset; take one of its arrays, 'speed'"):
        as_numbers("y", xarray.Dataset({"speed": ("car", SPEED)}))


@pytest.mark.parametrize("kind", TABLES)
def test_new_rows_are_taken_by_the_names_of_their_columns(kind):
    data = pd.DataFrame({"speed": SPEED, "mass": MASS})
    other = table(kind, {"mass": [5.0], "colour": [7.0], "speed": [1.0]})
    np.testing.assert_array_equal(in_columns("new", names_of(data).columns, other), [[1.0, 5.0]])
    m = mc.MCMC([mc.Normal("y", mc.Normal("mu", 0, 1, size=2), 1.0, value=data, observed=True)])
    m.sample(60, 10, chains=1, seed=1)
    assert m.predict_logpdf(other) == m.predict_logpdf([[1.0, 5.0]])
    with pytest.raises(ModelError, match="new rows: y: expected columns speed, mass, .*got mass, width"):
        m.predict_logpdf(table(kind, {"mass": [5.0], "width": [1.0]}))


@pytest.mark.parametrize("kind", TABLES)
def test_other_data_come_as_tables_too(kind):
    from mcmix.structure.rows import Rows

    mu = mc.Normal("mu", 0, 1)
    y = mc.Normal("y", mu, 1.0, value=SPEED, observed=True)
    both = mc.Normal("both", mu, 1.0, value=pd.DataFrame({"speed": SPEED, "mass": MASS}), observed=True)
    rows = Rows.of(mc.Model([mu]))
    other = rows.with_values({"y": table(kind, {"speed": MASS}), "both": table(kind, {"mass": MASS, "speed": SPEED})})
    np.testing.assert_array_equal(other["y"].known, MASS)
    np.testing.assert_array_equal(other["both"].known, np.column_stack([SPEED, MASS]))
    assert y.observe(table(kind, {"speed": MASS})).columns == ("speed",) and both.observed
    np.testing.assert_array_equal(y.value, MASS)


def test_covariates_of_new_rows_are_taken_by_their_names():
    X = mc.Covariates("X", pd.DataFrame({"one": [1.0, 1.0, 1.0], "age": SPEED}))
    np.testing.assert_array_equal(X.rows_like(pd.DataFrame({"age": [3.0], "one": [1.0]})), [[1.0, 3.0]])
    with pytest.raises(ModelError, match="new rows: X: expected columns one, age"):
        X.rows_like(pd.DataFrame({"age": [3.0], "two": [1.0]}))
    t = mc.Covariates("t", pd.Series(SPEED, name="t"))
    np.testing.assert_array_equal(t.rows_like(pd.DataFrame({"t": [3.0, 4.0]})), [3.0, 4.0])


# -------------------------------------------------------------------- dims= and coords=


def test_labels_say_the_size():
    groups = {"group": ["slow", "fast"]}
    assert mc.Normal("mu", 0, 1, dims="group", coords=groups).shape == (2,)
    both = mc.Normal("b", 0, 1, dims=("group", "part"), coords={**groups, "part": range(3)})
    assert both.shape == (2, 3)
    vectors = mc.MvNormal("v", np.zeros(3), np.eye(3), dims=("group", "column"), coords=groups)
    assert vectors.shape == (2, 3)
    assert mc.Normal("mu", np.zeros(2), 1, dims="group").shape == (2,)  # names alone say no size


def test_decorated_functions_and_own_densities_take_names():
    mu = mc.Normal("mu", 0, 1, size=2)

    @mc.deterministic(dims="group", coords={"group": ["slow", "fast"]})
    def twice(mu=mu):
        return 2.0 * mu

    @mc.stochastic(dims="group")
    def own(value=(0.0, 0.0)):
        return -np.sum(value**2)

    assert mc.Model([twice, own]).axes["twice"].dims == ("group",)
    assert list(mc.Model([twice, own]).coords["group"]) == ["slow", "fast"]
    assert mc.Lambda("lam", lambda mu=mu: mu + 1, dims="group").axes.dims == ("group",)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: mc.Normal("mu", 0, 1, size=2, dims=("a", "b")), r"mu: dims= expected 1 name for shape \(2,\), got 2"),
        (lambda: mc.Normal("mu", 0, 1, dims="a"), r"mu: dims= expected 0 names for shape \(\), got 1 \(a\)"),
        (
            lambda: mc.Normal("mu", 0, 1, size=3, dims="a", coords={"a": [1, 2]}),
            r"mu: coords= 'a' has 2 labels, but axis 0 of shape \(3,\) expected 3",
        ),
        (
            lambda: mc.Normal("mu", 0, 1, size=2, dims="chain"),
            "mu: dims= got 'chain', which is that of an axis",
        ),
        (lambda: mc.Normal("mu", 0, 1, size=2, dims="mu"), "mu: dims= got 'mu', which is the variable's own"),
        (lambda: mc.Normal("mu", 0, 1, size=2, dims=3), "mu: dims= expected a name or a tuple of names .*got 3"),
        (lambda: mc.Normal("mu", 0, 1, size=(2, 2), dims=("a", "a")), "mu: dims= .*got 'a' twice"),
        (lambda: mc.Normal("mu", 0, 1, size=2, coords={"a": [1, 2]}), "mu: coords= are labels along named axes"),
        (lambda: axes_from("mu", "a", {"b": [1]}), r"mu: coords= expected labels of its dims \(a\), got some of 'b'"),
        (lambda: axes_from("mu", "a", {"a": "slow"}), "mu: coords= 'a' expected a list of labels, got 'slow'"),
        (lambda: axes_from("mu", "a", {"a": ["x", "x"]}), "mu: coords= 'a' expected different labels, got .*x.* twice"),
        (lambda: axes_from("mu", "a", [1]), r"mu: coords= expected labels by name of axis, .*got \[1\]"),
        (lambda: axes_from("mu", "a", {"a": np.ones((2, 2))}), r"mu: coords= 'a' expected one label for each entry"),
        (lambda: mc.Covariates("X", np.ones((3, 2)), dims="a"), r"X: dims= expected 2 names for shape \(3, 2\)"),
    ],
)
def test_names_that_do_not_fit_a_node_are_refused(make, message):
    with pytest.raises(ModelError, match=message):
        make()


def pair():
    return mc.Normal("mu", 0, 1, size=2, dims="group"), mc.Normal("b", 0, 1, size=3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"dims": {"nu": "group"}}, "model: dims= names no node 'nu'; there are b, mu"),
        ({"dims": {"b": "group"}}, "b: dims= 'group' expected 2 entries, as mu has along it, got 3"),
        ({"dims": ["b"]}, r"model: dims= expected a mapping by name, got \['b'\]"),
        ({"coords": {"group": ["x"]}}, "mu: coords= 'group' has 1 label, but axis 0"),
        (
            {"coords": {"part": ["x"]}},
            r"model: coords= has labels of 'part', which no node has .*\(group\)",
        ),
        ({"dims": {"b": "mu"}}, "mu: dims= 'mu' is the name of a variable too"),
    ],
)
def test_names_that_do_not_fit_a_model_are_refused(options, message):
    for make in (mc.Model, mc.MCMC):
        with pytest.raises(ModelError, match=message):
            make(list(pair()), **options)


def test_nodes_with_other_labels_along_one_axis_are_refused():
    nodes = [mc.Normal(n, 0, 1, dims="group", coords={"group": g}) for n, g in (("a", ["x", "y"]), ("b", ["x", "z"]))]
    with pytest.raises(ModelError, match="b: coords= 'group' expected the labels .*, x, y, got x, z"):
        mc.Model(nodes)


def test_a_model_of_a_model_keeps_its_names():
    mu, b = pair()
    first = mc.Model([mu, b], coords={"group": ["slow", "fast"]})
    second = mc.Model(first, dims={b: "part"})
    assert list(second.coords["group"]) == ["slow", "fast"] and second.axes["b"].dims == ("part",)
    assert mc.MCMC(first, dims={"b": "part"}).model.axes["b"].dims == ("part",)
