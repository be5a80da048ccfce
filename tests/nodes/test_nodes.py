"""Nodes: how they are written, what they are worth, who depends on whom."""

import operator
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import mcmix as mc


@pytest.fixture
def mu():
    return mc.Normal("mu", 0, 0.1, size=2, value=[1.5, 2.5])


@pytest.fixture
def sd():
    return mc.Uniform("sd", 0, 100, value=2.0)


@pytest.fixture
def count():
    return mc.Poisson("count", 4, size=2, value=[5, 3])


# -------------------------------------------------------------------- operators

ARITHMETIC = [
    *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.ne),
]
BITWISE = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
OTHERS = [2, 2.5, np.float64(2.5), np.array([0.5, 2.5]), [0.5, 2.5], np.array([[0.5], [2.5]])]


def name_of(x):
    return getattr(x, "__name__", repr(x))


@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("operation", ARITHMETIC, ids=name_of)
def test_arithmetic_and_comparisons_on_either_side(mu, operation, other):
    left, right = operation(mu, other), operation(other, mu)
    assert isinstance(left, mc.Deterministic)
    assert isinstance(right, mc.Deterministic)
    np.testing.assert_array_equal(left.value, operation(mu.value, np.asarray(other)))
    np.testing.assert_array_equal(right.value, operation(np.asarray(other), mu.value))


@pytest.mark.parametrize("operation", ARITHMETIC, ids=name_of)
def test_arithmetic_between_nodes(mu, sd, operation):
    made = operation(mu, sd)
    np.testing.assert_array_equal(made.value, operation(mu.value, sd.value))
    sd.value = 3.0
    np.testing.assert_array_equal(made.value, operation(mu.value, 3.0))


@pytest.mark.parametrize("operation", BITWISE, ids=name_of)
def test_bits_of_whole_numbers(count, operation):
    np.testing.assert_array_equal(operation(count, 1).value, operation(np.array([5, 3]), 1))
    np.testing.assert_array_equal(operation(6, count).value, operation(6, np.array([5, 3])))
    np.testing.assert_array_equal(operation(np.array([4, 7]), count).value, operation(np.array([4, 7]), [5, 3]))


def test_matrix_product_on_either_side(mu):
    matrix = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_allclose((matrix @ mu).value, matrix @ mu.value)
    np.testing.assert_allclose((mu @ matrix.T).value, mu.value @ matrix.T)


@pytest.mark.parametrize("operation", [operator.neg, operator.pos, operator.abs], ids=name_of)
def test_signs(operation):
    node = mc.Normal("x", 0, 1, size=2, value=[-1.5, 2.0])
    np.testing.assert_array_equal(operation(node).value, operation(np.array([-1.5, 2.0])))


def test_not():
    flag = mc.Bernoulli("flag", 0.5, size=2, value=[True, False])
    np.testing.assert_array_equal((~flag).value, [False, True])


def test_what_an_operator_makes_knows_its_parents(mu, sd):
    made = mu / sd
    assert mu in made.parents.values()
    assert sd in made.parents.values()
    assert made in mu.children
    assert made in sd.children


def test_an_array_on_the_left_makes_one_node_and_not_an_array_of_nodes(mu):
    made = np.array([10.0, 20.0]) - mu
    assert isinstance(made, mc.Node)
    np.testing.assert_array_equal(made.value, [8.5, 17.5])


def test_chains_of_operators(mu, sd):
    np.testing.assert_allclose((1.0 / sd**2 + 3 * (mu - 1)).value, 1.0 / 2.0**2 + 3 * (mu.value - 1))


def test_equality_is_identity(mu):
    twin = mc.Normal("mu", 0, 0.1, size=2, value=[1.5, 2.5])
    assert (mu == mu) is True
    assert (mu == twin) is False
    with pytest.raises(TypeError, match=r"np\.equal"):  # a comparison of values must not pass for False
        _ = mu == 1.5
    assert (mu == None) is False  # noqa: E711
    assert [twin, mu].index(mu) == 1
    assert {mu: "first", twin: "second"}[mu] == "first"


def test_not_equal_is_a_node(mu):
    np.testing.assert_array_equal((mu != 1.5).value, [False, True])


IN_PLACE = [
    *(operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod),
    *(operator.ipow, operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift),
    operator.imatmul,
]


@pytest.mark.parametrize("operation", IN_PLACE, ids=name_of)
def test_in_place_is_refused(count, operation):
    with pytest.raises(NotImplementedError, match="count"):
        operation(count, 2)
    np.testing.assert_array_equal(count.value, [5, 3])


def test_an_element_cannot_be_set(mu):
    with pytest.raises(TypeError, match="item assignment"):
        mu[0] = 3.0
    np.testing.assert_array_equal(mu.value, [1.5, 2.5])


# -------------------------------------------------------------------- indexing

TABLE = np.arange(12.0).reshape(3, 4)
INDICES = [
    *(1, -1, slice(None), slice(0, 2), slice(None, None, -1), (1, 2), (slice(None), 1), (Ellipsis, 0)),
    *((slice(None), None), [0, 2, 2], np.array([[0, 1], [2, 2]]), np.array([True, False, True])),
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_is_that_of_numpy(index):
    table = mc.Normal("table", 0, 1, size=(3, 4), value=TABLE)
    made = table[index]
    assert isinstance(made, mc.Deterministic)
    np.testing.assert_array_equal(made.value, TABLE[index])


def test_a_table_looked_up_by_labels(mu):
    z = mc.Categorical("z", [0.5, 0.5], size=4, value=[0, 1, 1, 0])
    centers = mu[z]
    np.testing.assert_array_equal(centers.value, [1.5, 2.5, 2.5, 1.5])
    z.value = [1, 1, 1, 1]
    mu.value = [0.0, 7.0]
    np.testing.assert_array_equal(centers.value, [7.0] * 4)


def test_labels_looked_up_by_group():
    z = mc.Categorical("z", [0.5, 0.5], size=2, value=[1, 0])
    mu = mc.Normal("mu", 0, 1, size=2, value=[3.0, 4.0])
    np.testing.assert_array_equal(mu[z[np.array([0, 0, 1])]].value, [4.0, 4.0, 3.0])


def test_rows_picked_by_a_condition_on_a_node(mu):
    np.testing.assert_array_equal(mu[mu > 2].value, [2.5])


def test_index_class_serves_constants_and_lists_of_nodes(mu, sd):
    z = mc.Categorical("z", [0.5, 0.5], size=3, value=[1, 0, 1])
    np.testing.assert_array_equal(mc.Index("fixed", np.array([10.0, 20.0]), z).value, [20.0, 10.0, 20.0])
    np.testing.assert_array_equal(mc.Index("mixed", [sd, mu[1]], z).value, [2.5, 2.0, 2.5])


def test_a_vector_can_be_taken_apart_and_a_number_cannot(mu, sd):
    first, second = mu
    assert (first.value, second.value) == (1.5, 2.5)
    assert len(mu) == 2
    with pytest.raises(TypeError, match="sd"):
        iter(sd)


# -------------------------------------------------------------------- NumPy functions on nodes

FUNCTIONS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "log1p": np.log1p,
    "square": np.square,
    "maximum": lambda x: np.maximum(x, 2.0),
    "minimum with an array first": lambda x: np.minimum(np.array([2.0, 2.0]), x),
    "add with an array first": lambda x: np.add(np.array([2.0, 3.0]), x),
    "where with a condition": lambda x: np.where(x > 2.0, x, -x),
    "where with a constant condition": lambda x: np.where(np.array([True, False]), x, 0.0),
    "sum": np.sum,
    "sum along an axis": lambda x: np.sum(x, axis=0),
    "mean": np.mean,
    "max": np.max,
    "cumsum": np.cumsum,
    "dot": lambda x: np.dot(np.array([1.0, 10.0]), x),
    "clip": lambda x: np.clip(x, 0.0, 2.0),
    "outer": lambda x: np.outer(x, [1.0, 2.0]),
    "stack of a list": lambda x: np.stack([x, 2 * x]),
    "concatenate": lambda x: np.concatenate([x, [9.0]]),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_numpy_functions_make_nodes(mu, function):
    made = function(mu)
    assert isinstance(made, mc.Deterministic)
    np.testing.assert_allclose(made.value, function(np.array([1.5, 2.5])))
    mu.value = [4.0, 0.5]
    np.testing.assert_allclose(made.value, function(np.array([4.0, 0.5])))


def test_numpy_functions_of_two_nodes(mu, sd):
    np.testing.assert_allclose(np.where(mu > sd, mu, sd).value, [2.0, 2.5])
    np.testing.assert_allclose(np.hypot(sd, mu).value, np.hypot(2.0, [1.5, 2.5]))


# -------------------------------------------------------------------- values


def test_a_given_value_is_the_value(mu, sd):
    np.testing.assert_array_equal(mu.value, [1.5, 2.5])
    assert sd.value == 2.0
    assert np.ndim(sd.value) == 0


def test_without_a_value_one_is_drawn_from_the_law():
    node = mc.Uniform("u", 3, 4, size=50)
    first = node.value.copy()
    assert ((first >= 3) & (first <= 4)).all()
    assert np.unique(first).size == 50
    np.testing.assert_array_equal(node.value, first)


@pytest.mark.parametrize("made", ["random", "function", "operator", "element"])
def test_values_are_read_only(mu, made):
    nodes = {
        "random": mu,
        "function": mc.Lambda("double", lambda mu=mu: 2 * mu),
        "operator": mu + 1,
        "element": mu[:],
    }
    with pytest.raises(ValueError, match="read-only"):
        nodes[made].value[0] = 7.0
    np.testing.assert_array_equal(mu.value, [1.5, 2.5])


def test_data_are_copied():
    data = np.array([1.0, 2.0])
    y = mc.Normal("y", 0, 1, value=data, observed=True)
    data[0] = 99.0
    np.testing.assert_array_equal(y.value, [1.0, 2.0])
    assert data.flags.writeable


def test_what_has_no_freedom_cannot_be_set(mu, sd):
    with pytest.raises(AttributeError):
        (mu + 1).value = [0.0, 0.0]
    y = mc.Normal("y", mu, sd, value=[1.0, 2.0], observed=True)
    with pytest.raises(mc.ModelError, match="y"):
        y.value = [0.0, 0.0]
    np.testing.assert_array_equal(y.value, [1.0, 2.0])


def test_a_value_of_another_shape_is_refused_with_both_shapes(mu):
    with pytest.raises(mc.ModelError, match=r"(?s)mu.*(\(2,\).*\(3,\)|\(3,\).*\(2,\))"):
        mu.value = [1.0, 2.0, 3.0]


def test_types():
    assert mc.Normal("x", 0, 1, value=3).value.dtype == float
    assert mc.Poisson("k", 3, size=2).value.dtype.kind in "iu"
    assert mc.Bernoulli("b", 0.5, size=2).value.dtype == bool
    assert mc.Categorical("z", [0.5, 0.5], size=2).value.dtype.kind in "iu"


# -------------------------------------------------------------------- recompute only what changed


def test_only_what_changed_is_computed_again(mu, sd):
    calls = []

    @mc.deterministic
    def double(mu=mu):
        calls.append("double")
        return 2 * mu

    @mc.deterministic
    def precision(sd=sd):
        calls.append("precision")
        return 1 / sd**2

    @mc.deterministic
    def both(double=double, precision=precision):
        calls.append("both")
        return double * precision

    def called_for(node):
        calls.clear()
        assert np.isfinite(node.value).all()
        return sorted(calls)

    called_for(both)
    assert called_for(both) == []
    assert called_for(double) == []
    mu.value = [3.0, 4.0]
    assert called_for(both) == ["both", "double"]
    sd.value = 4.0
    assert called_for(both) == ["both", "precision"]
    assert called_for(precision) == []
    mu.random()
    assert called_for(both) == ["both", "double"]


def test_values_follow_at_once_through_containers(mu, sd):
    total = mc.Deterministic(
        eval=lambda parts: parts["a"][0] + parts["b"], doc="", name="total", parents={"parts": {"a": (sd,), "b": mu}}
    )
    np.testing.assert_array_equal(total.value, [3.5, 4.5])
    sd.value = 10.0
    np.testing.assert_array_equal(total.value, [11.5, 12.5])


# -------------------------------------------------------------------- densities


def test_log_density_is_that_of_scipy_summed(mu, sd):
    y = mc.Normal("y", mu, sd, value=[0.0, 4.0], observed=True)
    assert y.logp == pytest.approx(stats.norm(mu.value, 2.0**-0.5).logpdf([0.0, 4.0]).sum())
    mu.value = [0.0, 4.0]
    assert y.logp == pytest.approx(2 * stats.norm(0, 2.0**-0.5).logpdf(0.0))


def test_an_impossible_value_says_so():
    node = mc.Uniform("share", 0, 1, value=0.5)
    node.value = 1.5
    with pytest.raises(mc.ZeroProbability, match="share"):
        float(node.logp)


def test_log_density_of_labels_and_of_a_simplex():
    w = mc.Dirichlet("w", [2.0, 3.0, 4.0], value=[0.2, 0.3, 0.5])
    z = mc.Categorical("z", w, size=4, value=[0, 2, 2, 1])
    assert z.logp == pytest.approx(np.log([0.2, 0.5, 0.5, 0.3]).sum())
    assert w.logp == pytest.approx(stats.dirichlet([2.0, 3.0, 4.0]).logpdf([0.2, 0.3, 0.5]))


# -------------------------------------------------------------------- draws of a node


def test_random_draws_sets_and_returns():
    node = mc.Normal("x", 100.0, 4.0, size=4000, value=np.zeros(4000))
    drawn = node.random()
    np.testing.assert_array_equal(node.value, drawn)
    error = 0.5 / np.sqrt(4000)  # standard deviation 1 / sqrt(4)
    assert abs(drawn.mean() - 100.0) < 5 * error
    assert abs(drawn.std() - 0.5) < 5 * error  # its error is smaller than the mean's by sqrt(2)
    assert (node.random() != drawn).all()


def test_random_follows_the_parents(mu):
    child = mc.Normal("child", mu, 1e6, value=[0.0, 0.0])
    mu.value = [-50.0, 50.0]
    np.testing.assert_allclose(child.random(), [-50.0, 50.0], atol=0.01)  # ten standard deviations


def test_random_leaves_data_alone():
    y = mc.Normal("y", 50, 1, value=[1.0, 2.0], observed=True)
    assert np.shape(y.random()) == (2,)
    np.testing.assert_array_equal(y.value, [1.0, 2.0])


def test_random_without_a_recipe_is_refused():
    node = mc.Stochastic(logp=lambda value: -(value**2), doc="", name="bare", parents={}, value=1.0)
    with pytest.raises(mc.ModelError, match="bare"):
        node.random()


# -------------------------------------------------------------------- parents and children


def test_parents_by_parameter_name_and_children(mu, sd):
    y = mc.Normal("y", mu, sd, value=[0.0, 0.0], observed=True)
    assert y.parents["mean"] is mu
    assert y.parents["precision"] is sd
    assert set(mu.children) == {y}
    assert set(sd.children) == {y}
    assert set(y.children) == set()


def test_parents_of_functions_go_by_argument(mu, sd):
    made = mc.Lambda("made", lambda centers=mu, spread=sd, constant=3: centers + spread + constant)
    assert made.parents["centers"] is mu
    assert made.parents["spread"] is sd
    assert made.parents["constant"] == 3
    assert made in mu.children


CONTAINERS = {
    "list": lambda a, b: [a, b, 1.0],
    "tuple": lambda a, b: (a, b, 1.0),
    "array": lambda a, b: np.array([a, b, 1.0], dtype=object),
}


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_sequences_that_hold_nodes_are_parents(sd, count, container):
    one, two = sd, count[0]
    made = mc.Deterministic(eval=lambda parts: sum(parts), doc="", name="made", parents={"parts": container(one, two)})
    assert made.value == 2.0 + 5 + 1.0
    assert made in sd.children
    sd.value = 3.0
    assert made.value == 3.0 + 5 + 1.0


def test_an_array_that_holds_nodes_arrives_as_an_array(sd):
    made = mc.Deterministic(
        eval=lambda parts: 2 * parts, doc="", name="made", parents={"parts": np.array([sd, 1.0], dtype=object)}
    )
    assert np.shape(made.value) == (2,)
    np.testing.assert_array_equal(np.asarray(made.value, dtype=float), [4.0, 2.0])


def test_a_table_of_nodes_keeps_its_shape(sd, count):
    table = np.array([[sd, 1.0], [count[0], count[1]]], dtype=object)
    made = mc.Deterministic(eval=lambda table: np.asarray(table, float), doc="", name="made", parents={"table": table})
    np.testing.assert_array_equal(made.value, [[2.0, 1.0], [5.0, 3.0]])


def test_nested_containers_keep_their_structure(sd, count):
    parts = {"scales": [sd, (count, "text")], "constant": 7}
    made = mc.Deterministic(eval=lambda parts: parts["scales"][1], doc="", name="made", parents={"parts": parts})
    values, text = made.value
    np.testing.assert_array_equal(values, [5, 3])
    assert text == "text"
    assert made in sd.children
    assert made in count.children


def test_a_named_tuple_of_nodes_stays_one(sd):
    Band = namedtuple("Band", "low high")
    made = mc.Deterministic(
        eval=lambda band: band.high - band.low, doc="", name="width", parents={"band": Band(0.5, sd)}
    )
    assert made.value == 1.5


def test_weights_written_as_a_list():
    p = mc.Beta("p", 1, 1, value=0.3)
    z = mc.Categorical("z", [p, 1 - p], size=3, value=[0, 1, 1])
    assert z.logp == pytest.approx(np.log([0.3, 0.7, 0.7]).sum())
    p.value = 0.9
    assert z.logp == pytest.approx(np.log([0.9, 0.1, 0.1]).sum())


# -------------------------------------------------------------------- decorators


def test_deterministic_bare(sd):
    @mc.deterministic
    def precision(sd=sd):
        """One over the variance."""
        return 1 / sd**2

    assert isinstance(precision, mc.Deterministic)
    assert precision.name == precision.__name__ == "precision"
    assert precision.__doc__ == "One over the variance."
    assert precision.parents == {"sd": sd}
    assert precision.value == 0.25


def test_deterministic_with_keywords(sd):
    @mc.deterministic(name="tau", trace=False, doc="said here")
    def precision(sd=sd):
        return 1 / sd**2

    assert precision.name == "tau"
    assert precision.__doc__ == "said here"
    assert precision.value == 0.25


def test_potential_bare_and_with_keywords(mu):
    @mc.potential
    def ordered(mu=mu):
        """The first is the smaller one."""
        return 0.0 if mu[0] < mu[1] else -np.inf

    @mc.potential(name="soft")
    def preference(mu=mu, weight=3):
        return -weight * np.sum(mu**2)

    assert isinstance(ordered, mc.Potential)
    assert ordered.name == "ordered"
    assert ordered.__doc__ == "The first is the smaller one."
    assert ordered.logp == 0.0
    assert preference.name == "soft"
    assert preference.logp == pytest.approx(-3 * (1.5**2 + 2.5**2))
    mu.value = [3.0, 1.0]
    assert ordered.logp == -np.inf
    assert ordered in mu.children
    with pytest.raises(AttributeError):
        float(ordered.value)


def test_stochastic_short_form(sd):
    @mc.stochastic
    def shift(value=1.0, spread=sd, center=0.5):
        """A shifted bell."""
        return -0.5 * ((value - center) / spread) ** 2

    assert isinstance(shift, mc.Stochastic)
    assert shift.name == "shift"
    assert shift.__doc__ == "A shifted bell."
    assert not shift.observed
    assert shift.value == 1.0
    assert shift.parents == {"spread": sd, "center": 0.5}
    assert shift.logp == pytest.approx(-0.5 * 0.25**2)
    sd.value = 1.0
    assert shift.logp == pytest.approx(-0.5 * 0.5**2)


def test_stochastic_with_keywords(sd):
    @mc.stochastic(name="steps", dtype=int, trace=False)
    def walk(value=3, spread=sd):
        return -abs(value) / spread

    assert walk.name == "steps"
    assert walk.value == 3
    assert np.asarray(walk.value).dtype.kind == "i"
    assert walk.logp == -1.5


def test_stochastic_long_form(sd):
    offset = 100.0

    @mc.stochastic
    def shift(value=1.0, spread=sd):
        """With a recipe."""

        def logp(value, spread):
            return -0.5 * ((value - offset) / spread) ** 2

        def random(spread):
            return offset + spread

    assert shift.name == "shift"
    assert shift.__doc__ == "With a recipe."
    assert shift.logp == pytest.approx(-0.5 * (99.0 / 2.0) ** 2)
    sd.value = 3.0
    assert shift.random() == 103.0
    assert shift.value == 103.0
    assert shift.logp == pytest.approx(-0.5)


def test_stochastic_long_form_that_takes_a_generator(sd):
    @mc.stochastic(name="noise")
    def shift(value=0.0, spread=sd):
        def logp(value, spread):
            return -0.5 * (value / spread) ** 2 - np.log(spread)

        def random(spread, rng):
            return rng.normal(0.0, spread)

    draws = np.array([shift.random() for _ in range(2000)])
    assert abs(draws.mean()) < 5 * 2.0 / np.sqrt(2000)
    assert abs(draws.std() - 2.0) < 5 * 2.0 / np.sqrt(2 * 2000)


def test_stochastic_long_form_without_random(sd):
    @mc.stochastic
    def shift(value=1.0, spread=sd):
        def logp(value, spread):
            return -abs(value) / spread

    assert shift.logp == -0.5
    with pytest.raises(mc.ModelError, match="shift"):
        shift.random()


def test_observed_bare_with_keywords_and_stacked(mu):
    @mc.observed
    def first(value=[1.0, 2.0], center=mu):  # noqa: B006
        return -np.sum((value - center) ** 2)

    @mc.observed(name="second")
    def other(value=[1.0, 2.0], center=mu):  # noqa: B006
        return -np.sum((value - center) ** 2)

    @mc.observed
    @mc.stochastic
    def third(value=[1.0, 2.0], center=mu):  # noqa: B006
        return -np.sum((value - center) ** 2)

    @mc.stochastic(observed=True)
    def fourth(value=[1.0, 2.0], center=mu):  # noqa: B006
        return -np.sum((value - center) ** 2)

    assert [n.name for n in (first, other, third, fourth)] == ["first", "second", "third", "fourth"]
    for node in (first, other, third, fourth):
        assert isinstance(node, mc.Stochastic)
        assert node.observed
        np.testing.assert_array_equal(node.value, [1.0, 2.0])
        assert node.logp == pytest.approx(-0.5)
        with pytest.raises(mc.ModelError, match=node.name):
            node.value = [0.0, 0.0]


def test_observed_applied_to_a_node():
    y = mc.observed(mc.Normal("y", 0, 1, value=[0.1, 0.2]))
    assert y.observed
    np.testing.assert_array_equal(y.value, [0.1, 0.2])


DECORATORS = {"deterministic": mc.deterministic, "potential": mc.potential, "stochastic": mc.stochastic}


@pytest.mark.parametrize("decorator", DECORATORS.values(), ids=DECORATORS)
def test_an_argument_without_a_default_is_named(decorator):
    def unfinished(missing, value=1.0):
        return 0.0

    with pytest.raises(mc.ModelError, match=r"unfinished.*missing"):
        decorator(unfinished)


def test_a_stochastic_function_needs_a_value_argument(sd):
    def incomplete(spread=sd):
        return 0.0

    with pytest.raises(mc.ModelError, match=r"incomplete.*value"):
        mc.stochastic(incomplete)


def test_a_stochastic_needs_a_start_or_a_recipe(sd):
    with pytest.raises(mc.ModelError, match="nowhere"):
        mc.Stochastic(logp=lambda value, spread: 0.0, doc="", name="nowhere", parents={"spread": sd})


def test_the_classes_behind_the_decorators(sd):
    tau = mc.Deterministic(eval=lambda sd: 1 / sd**2, doc="precision", name="tau", parents={"sd": sd})
    soft = mc.Potential(logp=lambda sd: -sd, doc="", name="soft", parents={"sd": sd})
    bell = mc.Stochastic(
        logp=lambda value, sd: -0.5 * (value / sd) ** 2,
        doc="",
        name="bell",
        parents={"sd": sd},
        random=lambda sd: 4 * sd,
        value=2.0,
    )
    assert (tau.value, soft.logp, bell.logp, bell.random()) == (0.25, -2.0, -0.5, 8.0)
    assert set(sd.children) == {tau, soft, bell}


# -------------------------------------------------------------------- names of parameters

# distribution: value, positional parameters, canonical names, PyMC 2's names, the same distribution in scipy
LAWS = {
    "Normal": (1.5, (0.5, 4.0), ("mean", "precision"), ("mu", "tau"), stats.norm(0.5, 0.5)),
    "Lognormal": (1.5, (0.5, 4.0), ("mean", "precision"), ("mu", "tau"), stats.lognorm(0.5, scale=np.exp(0.5))),
    "HalfNormal": (1.5, (4.0,), ("precision",), ("tau",), stats.halfnorm(scale=0.5)),
    "Uniform": (1.5, (1.0, 3.0), ("lower", "upper"), ("lower", "upper"), stats.uniform(1.0, 2.0)),
    "Beta": (0.3, (2.0, 3.0), ("alpha", "beta"), ("alpha", "beta"), stats.beta(2.0, 3.0)),
    "Gamma": (1.5, (2.0, 4.0), ("shape", "rate"), ("alpha", "beta"), stats.gamma(2.0, scale=0.25)),
    "InverseGamma": (1.5, (3.0, 4.0), ("shape", "scale"), ("alpha", "beta"), stats.invgamma(3.0, scale=4.0)),
    "Exponential": (1.5, (4.0,), ("rate",), ("beta",), stats.expon(scale=0.25)),
    "StudentT": (1.5, (0.5, 4.0, 3.0), None, ("mu", "lam", "nu"), stats.t(3.0, 0.5, 0.5)),
    "Poisson": (2, (4.0,), ("mean",), ("mu",), stats.poisson(4.0)),
    "Bernoulli": (1, (0.3,), ("probability",), ("p",), stats.bernoulli(0.3)),
    "Binomial": (2, (5, 0.3), ("trials", "probability"), ("n", "p"), stats.binom(5, 0.3)),
    "NegativeBinomial": (2, (4.0, 3.0), None, ("mu", "alpha"), stats.nbinom(3.0, 3.0 / 7.0)),
    "DiscreteUniform": (2, (1, 4), ("lower", "upper"), ("lower", "upper"), stats.randint(1, 5)),
    "HalfCauchy": (1.5, (0.0, 2.0), None, ("alpha", "beta"), stats.halfcauchy(0.0, 2.0)),
}


def scipy_log_density(law, value):
    return law.logpmf(value) if hasattr(law.dist, "pmf") else law.logpdf(value)


@pytest.mark.parametrize("law", LAWS)
def test_parameters_by_position_are_those_of_pymc_2(law):
    value, positional, _, _, reference = LAWS[law]
    node = getattr(mc, law)("x", *positional, value=value)
    assert node.logp == pytest.approx(scipy_log_density(reference, value))


@pytest.mark.parametrize("law", LAWS)
def test_canonical_names_and_those_of_pymc_2(law):
    value, positional, canonical, aliases, reference = LAWS[law]
    made = getattr(mc, law)
    canonical = canonical or tuple(made("x", *positional, value=value).parents)
    for names in (canonical, aliases):
        node = made("x", **dict(zip(names, positional, strict=True)), value=value)
        assert node.logp == pytest.approx(scipy_log_density(reference, value))
        assert tuple(node.parents) == canonical


# distribution, canonical keywords, the same with an alternative, and the two names that exclude each other
ALTERNATIVES = [
    ("Normal", {"mean": 0.5, "precision": 4.0}, {"mean": 0.5, "sigma": 0.5}, ("precision", "sigma")),
    ("Normal", {"mean": 0.5, "precision": 4.0}, {"mu": 0.5, "sigma": 0.5}, ("precision", "sigma")),
    ("Lognormal", {"mean": 0.5, "precision": 4.0}, {"mean": 0.5, "sigma": 0.5}, ("precision", "sigma")),
    ("HalfNormal", {"precision": 4.0}, {"sigma": 0.5}, ("precision", "sigma")),
    ("Gamma", {"shape": 2.0, "rate": 4.0}, {"shape": 2.0, "scale": 0.25}, ("rate", "scale")),
    ("Gamma", {"shape": 2.0, "rate": 4.0}, {"mean": 0.5, "shape": 2.0}, ("rate", "mean")),
    ("Exponential", {"rate": 4.0}, {"scale": 0.25}, ("rate", "scale")),
    ("Exponential", {"rate": 4.0}, {"mean": 0.25}, ("rate", "mean")),
    ("InverseGamma", {"shape": 3.0, "scale": 4.0}, {"shape": 3.0, "mean": 2.0}, ("scale", "mean")),
]


@pytest.mark.parametrize(("law", "canonical", "alternative", "rivals"), ALTERNATIVES)
def test_the_other_usual_parameter(law, canonical, alternative, rivals):
    made = getattr(mc, law)
    node = made("x", **alternative, value=0.7)
    assert node.logp == pytest.approx(made("x", **canonical, value=0.7).logp)
    assert set(node.parents) == set(canonical)


@pytest.mark.parametrize(("law", "canonical", "alternative", "rivals"), ALTERNATIVES)
def test_exactly_one_of_the_two(law, canonical, alternative, rivals):
    made = getattr(mc, law)
    with pytest.raises(TypeError) as both:
        made("one", **alternative, **{rivals[0]: canonical[rivals[0]]})
    assert all(word in str(both.value) for word in ("one", *rivals))
    neither = {k: v for k, v in canonical.items() if k != rivals[0]}
    with pytest.raises(TypeError) as none:
        made("one", **neither)
    assert all(word in str(none.value) for word in ("one", *rivals))


def test_two_alternatives_exclude_each_other():
    with pytest.raises(TypeError, match="one"):
        mc.Gamma("one", 2.0, scale=0.25, mean=0.5)


def test_one_parameter_under_two_names_is_refused():
    with pytest.raises(TypeError, match=r"one.*precision"):
        mc.Normal("one", 0, precision=1, tau=1)
    with pytest.raises(TypeError, match=r"one.*mean"):
        mc.Normal("one", 0, mu=1, tau=1)


def test_an_alternative_may_be_a_node(sd):
    x = mc.Normal("x", 0, sigma=sd, value=3.0)
    assert x.logp == pytest.approx(stats.norm(0, 2.0).logpdf(3.0))
    sd.value = 5.0
    assert x.logp == pytest.approx(stats.norm(0, 5.0).logpdf(3.0))


def test_too_many_positions_are_refused():
    with pytest.raises(TypeError, match=r"x.*mean.*precision"):
        mc.Normal("x", 0, 1, 2)


# -------------------------------------------------------------------- shapes

SHAPES = [
    ({}, (0.0, 1.0), ()),
    ({"size": 3}, (0.0, 1.0), (3,)),
    ({"size": (3, 2)}, (0.0, 1.0), (3, 2)),
    ({"size": (3, 2)}, ([0.0, 1.0], 1.0), (3, 2)),
    ({"size": (3, 2)}, ([0.0, 1.0], [[1.0], [2.0], [3.0]]), (3, 2)),
    ({"size": 2}, ([145, 210], [0.01, 0.02]), (2,)),
    ({}, ([0.0, 1.0], 1.0), (2,)),
    ({}, ([[0.0], [1.0]], [1.0, 2.0, 3.0]), (2, 3)),
    ({"value": [1.0, 2.0, 3.0]}, (0.0, 1.0), (3,)),
    ({"value": np.zeros((4, 2))}, ([0.0, 1.0], 1.0), (4, 2)),
    ({"value": np.zeros((4, 2)), "size": (4, 2)}, ([0.0, 1.0], 1.0), (4, 2)),
]


@pytest.mark.parametrize(("keywords", "parameters", "shape"), SHAPES)
def test_parameters_broadcast_with_size(keywords, parameters, shape):
    node = mc.Normal("x", *parameters, **keywords)
    assert np.shape(node.value) == shape
    expected = stats.norm(parameters[0], np.asarray(parameters[1]) ** -0.5).logpdf(node.value).sum()
    assert node.logp == pytest.approx(expected)
    assert np.shape(node.random()) == shape


def test_parameters_that_are_nodes_broadcast_too(mu):
    node = mc.Normal("x", mu, 1.0, size=(3, 2))
    assert np.shape(node.value) == (3, 2)
    assert np.shape(mc.Normal("y", mu[:, None], 1.0, size=(2, 5)).value) == (2, 5)


def test_vectors_as_elements():
    assert np.shape(mc.Dirichlet("w", [1, 1, 1]).value) == (3,)
    rows = mc.Dirichlet("rows", [1, 1, 1], size=4).value
    np.testing.assert_allclose(rows.sum(axis=-1), np.ones(4))
    by_row = mc.Categorical("z", [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(by_row.value, [0, 1, 0])


MISMATCHES = [
    ((0.0, 1.0), {"size": 3, "value": [1.0, 2.0]}, ("(3,)", "(2,)")),
    (([0.0, 1.0], 1.0), {"size": 3}, ("(3,)", "(2,)")),
    (([0.0, 1.0], [1.0, 2.0, 3.0]), {}, ("(3,)", "(2,)")),
    (([0.0, 1.0], 1.0), {"value": [1.0, 2.0, 3.0]}, ("(3,)", "(2,)")),
    (([0.0, 1.0], 1.0), {"size": (2, 3)}, ("(2, 3)", "(2,)")),
    ((0.0, 1.0), {"size": (2, 3), "value": np.zeros((3, 2))}, ("(2, 3)", "(3, 2)")),
]


@pytest.mark.parametrize(("parameters", "keywords", "shapes"), MISMATCHES)
def test_a_mismatch_shows_both_shapes(parameters, keywords, shapes):
    with pytest.raises(mc.ModelError) as refusal:
        mc.Normal("tall", *parameters, **keywords)
    assert all(text in str(refusal.value) for text in ("tall", *shapes))


# -------------------------------------------------------------------- looks


def test_a_node_prints_its_kind_name_and_shape(mu):
    assert "Normal" in repr(mu)
    assert "mu" in repr(mu)
    assert "(2,)" in repr(mu)
    y = mc.Poisson("counts", 3, value=[1, 2, 3], observed=True)
    assert "Poisson" in repr(y)
    assert "counts" in repr(y)
    assert "(3,)" in repr(y)
    assert "observed" in repr(y)
    assert "observed" not in repr(mu)


def test_what_operators_make_prints_as_it_was_written(mu, sd):
    assert "mu[1]" in repr(mu[1])
    assert "mu + 1" in repr(mu + 1)
    assert "sd ** 2" in repr(1.0 / sd**2)
    assert "exp(mu)" in repr(np.exp(mu))


def test_a_long_constant_does_not_flood_the_screen():
    node = mc.Normal("x", np.arange(10_000.0), 1.0)
    assert len(repr(node)) < 200
    assert len(node._repr_html_()) < 2000


def test_a_node_in_a_notebook(sd):
    html = mc.Normal("<height>", 3.25, sd, value=1.0)._repr_html_()
    assert "&lt;height&gt;" in html
    assert "<height>" not in html
    assert "mean" in html
    assert "3.25" in html
    assert "precision" in html
    assert "sd" in html
    for node in (sd + 1, mc.Potential(logp=lambda sd: 0.0, doc="", name="soft", parents={"sd": sd})):
        assert "sd" in node._repr_html_()


# -------------------------------------------------------------------- pandas


def test_a_series_is_data():
    rows = pd.Series([1.5, 2.5, 3.5], index=["a", "b", "c"], name="height")
    y = mc.Normal("y", 0, 1, value=rows, observed=True)
    assert type(y.value) is np.ndarray
    np.testing.assert_array_equal(y.value, [1.5, 2.5, 3.5])


def test_a_frame_is_data():
    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]})
    y = mc.Normal("y", mc.Normal("mu", 0, 1, size=2), 1, value=rows, observed=True)
    np.testing.assert_array_equal(y.value, [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])


def test_counts_of_a_nullable_type_are_data():
    y = mc.Poisson("y", 3, value=pd.Series([1, 2, 3], dtype="Int64"), observed=True)
    np.testing.assert_array_equal(y.value, [1, 2, 3])
    assert y.logp == pytest.approx(stats.poisson(3).logpmf([1, 2, 3]).sum())


def test_series_as_parameters_go_by_position():
    means = pd.Series([0.0, 10.0], index=[1, 0])
    node = mc.Normal("x", means, pd.Series([1.0, 4.0]), value=[0.0, 10.0])
    assert np.shape(node.value) == (2,)
    assert node.logp == pytest.approx(stats.norm(0, [1.0, 0.5]).logpdf(0.0).sum())
