"""The machine that evaluates recorded functions, against its plain twin in NumPy."""

import warnings
from functools import partial

import numpy as np
import pytest
import scipy.special

from mcmix.distributions.table import FAMILIES
from mcmix.kernels.base import run
from mcmix.kernels.driver import run_machine
from mcmix.kernels.machine import BAD_INDEX, MACHINE, OK, PYTHON_FAILED, TILE
from mcmix.steps.base import Chain
from mcmix.steps.layout import Layout
from mcmix.steps.program import Compiler, finished, row_by_row
from mcmix.structure import expression as ex
from mcmix.structure.evaluate import evaluate
from mcmix.structure.expression import BINARY, UNARY, Expression, constant, elementwise, leaf, reduce

ROWS = 700  # more than the length from which sums run over tiles


def leaf_values(seed):
    """A value for every leaf that the expressions below may use."""
    rng = np.random.default_rng(seed)
    return {
        "scalar": rng.normal(),
        "vector": rng.normal(size=3),
        "matrix": rng.normal(size=(3, 4)),
        "four": rng.normal(size=4),
        "table": rng.normal(size=5),
        "rows": rng.normal(size=ROWS),
        "more rows": rng.gamma(2.0, 1.0, ROWS),
        "labels": rng.integers(0, 5, ROWS),
        "groups": rng.integers(0, 3, ROWS),
        "places": rng.integers(0, 5, 3),
    }


KINDS = {"labels": "int", "groups": "int", "places": "int"}
SHAPES = {name: np.shape(value) for name, value in leaf_values(0).items()}
LEAVES = {name: leaf(name, shape, KINDS.get(name, "float")) for name, shape in SHAPES.items()}


def bound(outputs, values, tile_rows=None):
    """(chain, bound program) for a list of expressions with leaf values filled in; outputs go to places 'out i'."""
    layout = Layout()
    for x in outputs:
        for part in x.leaves:
            layout.place(part.extra, max(part.size, 1))
    program = Compiler(layout, tile_rows).program(
        [(x, None if tile_rows else ("out", i)) for i, x in enumerate(outputs)]
    )
    finished(program, layout)
    chain = Chain(layout, np.random.SeedSequence(0))
    for key in layout.places:
        if key in values:
            chain.view(key)[: np.size(values[key])] = np.ravel(values[key])
    return chain, chain.bound(program)


def ran(outputs, values):
    """The machine's answers."""
    chain, program = bound(outputs, values)
    assert run_machine(MACHINE, *program.words) == OK
    return [chain.view(("out", i))[: max(x.size, 1)].reshape(x.shape).copy() for i, x in enumerate(outputs)]


def assert_twins(x, values, tolerance=1e-10):
    with np.errstate(all="ignore"):
        expected = np.asarray(evaluate(x, values), float)
    (found,) = ran([x], values)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)


# -------------------------------------------------------------------- every function on difficult numbers

DIFFICULT = np.array(
    [
        -np.inf,
        -1e300,
        -7.5,
        -2.0,
        -1.0,
        -0.5,
        -1e-9,
        0.0,
        1e-300,
        1e-9,
        0.3,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        7.5,
        40.0,
        1e10,
        1e300,
        np.inf,
        np.nan,
    ]
)


@pytest.mark.parametrize("name", UNARY)
def test_one_argument_functions(name):
    values = DIFFICULT[np.abs(DIFFICULT) < 1e9] if name in ("sin", "cos", "tan", "gammaln") else DIFFICULT
    x = leaf("x", values.shape)
    with np.errstate(all="ignore"):
        expected = np.asarray(UNARY[name](values), float)
    (found,) = ran([ex._make(name, (x,), x.shape, None, "float")], {"x": values})
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=0, err_msg=str(values))


@pytest.mark.parametrize("name", BINARY)
def test_two_argument_functions(name):
    x, y = (leaf(key, (DIFFICULT.size**2,)) for key in "xy")
    first, second = (np.ravel(g) for g in np.meshgrid(DIFFICULT, DIFFICULT, indexing="ij"))
    with np.errstate(all="ignore"):
        expected = np.asarray(BINARY[name](first, second), float)
    (found,) = ran([ex._make(name, (x, y), x.shape, None, "float")], {"x": first, "y": second})
    wrong = ~np.isclose(found, expected, rtol=1e-12, atol=0, equal_nan=True)
    if name in ("remainder", "floor_divide"):  # beyond 2**53 a quotient has no last digit to speak of
        with np.errstate(all="ignore"):
            wrong &= ~(np.abs(first / second) > 1e15)
    assert not wrong.any(), np.column_stack([first, second, found, expected])[wrong][:6]


def test_the_argument_that_where_does_not_choose_may_be_anything():
    x = leaf("x", (3,))
    assert_twins(
        elementwise("where", elementwise("greater", x, 0.0), elementwise("log", x), -1.0),
        {"x": np.array([-1.0, 0.0, 2.0])},
    )


@pytest.mark.parametrize("name", ["reciprocal", "square", "negative", "absolute", "sqrt", "exp"])
def test_whole_numbers_follow_numpy(name):
    x = leaf("n", (4,), "int")
    assert_twins(elementwise(name, x), {"n": np.array([1, 2, 3, 5])})


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "floor_divide", "remainder", "maximum", "less", "equal"])
def test_pairs_of_whole_numbers_follow_numpy(name):
    x, y = leaf("n", (5,), "int"), leaf("m", (5,), "int")
    assert_twins(elementwise(name, x, y), {"n": np.array([-7, -1, 0, 4, 9]), "m": np.array([2, 3, 4, -3, 3])})


# -------------------------------------------------------------------- random expressions


class Maker:
    """Builds random expressions whose values stay moderate."""

    MILD = ["tanh", "expit", "sin", "cos", "arctan", "negative", "absolute", "erf"]
    PAIRS = ["add", "subtract", "multiply", "maximum", "minimum", "less", "greater_equal", "logaddexp", "arctan2"]
    FAMILIES = [
        "Normal",
        "Uniform",
        "Gamma",
        "StudentT",
        "Exponential",
        "Lognormal",
        "HalfNormal",
        "HalfCauchy",
        "Poisson",
        "Bernoulli",
    ]

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def choose(self, options):
        return options[self.rng.integers(len(options))]

    def made(self, shape, depth):
        if depth == 0 or self.rng.random() < 0.1:
            return self.end(shape)
        makers = [
            self.unary,
            self.binary,
            self.where,
            self.density,
            *[partial(self.of_shape, own) for own in self.OWN[shape]],
        ]
        return self.choose(makers)(shape, depth - 1)

    def of_shape(self, own, shape, depth):
        x = own(self, depth)
        assert x.shape == shape
        return x

    def end(self, shape):
        options = [x for name, x in LEAVES.items() if x.shape == shape and name not in KINDS]
        known = constant(self.rng.normal(size=shape)) if self.rng.random() < 0.3 or not options else None
        return known if known is not None else self.choose(options)

    def unary(self, shape, depth):
        return elementwise(self.choose(self.MILD), self.made(shape, depth))

    def binary(self, shape, depth):
        other = () if self.rng.random() < 0.3 else shape
        pair = [self.made(shape, depth), self.made(other, depth)]
        x = elementwise(self.choose(self.PAIRS), *(pair if self.rng.random() < 0.5 else pair[::-1]))
        return elementwise("where", x, 1.0, 0.0) if x.kind == "bool" else x  # NumPy gives functions of bools 11 bits

    def where(self, shape, depth):
        test = elementwise("less", self.made(shape, depth), self.made((), 0))
        return elementwise("where", test, self.made(shape, depth), self.made(self.choose([shape, ()]), depth))

    def density(self, shape, depth):
        family = FAMILIES[self.choose(self.FAMILIES)]
        x = self.made(shape, depth)
        if family.support.discrete:
            x = elementwise("rint", elementwise("absolute", x))
        elif family.support.lower == 0.0:
            x = elementwise("absolute", x)
        parameters = [self.parameter(p.constraint, self.choose([shape, ()]), depth) for p in family.parameters]
        return elementwise("tanh", elementwise("multiply", 0.1, ex.density(family, x, parameters)))

    def parameter(self, constraint, shape, depth):
        x = self.made(shape, depth)
        if constraint in ("positive", "nonnegative"):
            return elementwise("add", 0.3, elementwise("absolute", x))
        return elementwise("expit", x) if constraint == "probability" else x

    def some_sum(self, depth):
        x = self.made(self.choose([(3,), (3, 4), (4,), (ROWS,)]), depth)
        return elementwise("tanh", reduce(self.choose(["sum", "max", "min"]), elementwise("tanh", x)))

    def some_element(self, depth):
        return self.made((3,), depth)[self.rng.integers(3)]

    def inner_product(self, depth):
        return elementwise("tanh", ex.matmul(self.made((3,), depth), self.made((3,), depth)))

    def long_sum(self, depth):
        return elementwise("tanh", reduce("sum", elementwise("multiply", 0.01, self.made((ROWS,), depth))))

    def by_axis(self, depth):
        return elementwise("tanh", reduce(self.choose(["sum", "prod", "max"]), self.made((3, 4), depth), 1))

    def other_axis(self, depth):
        return elementwise("tanh", reduce(self.choose(["sum", "min"]), self.made((3, 4), depth), 0))

    def matrix_times_vector(self, depth):
        return elementwise("tanh", ex.matmul(self.made((3, 4), depth), self.made((4,), depth)))

    def vector_times_matrix(self, depth):
        return elementwise("tanh", ex.matmul(self.made((3,), depth), self.made((3, 4), depth)))

    def looked_up(self, depth):
        return ex.gather(self.made((5,), depth), LEAVES["places"])

    def scattered(self, depth):
        return elementwise(
            "tanh", ex.scatter(elementwise("multiply", 0.02, self.made((ROWS,), depth)), LEAVES["groups"], 3)
        )

    def short_scatter(self, depth):
        return elementwise("tanh", ex.scatter(self.made((3,), depth), LEAVES["places"], 5))

    def running(self, depth):
        return elementwise("tanh", ex.cumulative_sum(self.made((3,), depth)))

    def joined(self, depth):
        return ex.concatenate([ex.reshape(self.made((), depth), (1,)), self.made((3,), depth)[1:]])

    def stacked(self, depth):
        return ex.stack([self.made((), depth) for _ in range(3)])

    def running_rows(self, depth):
        return elementwise("tanh", ex.cumulative_sum(self.made((3, 4), depth), int(self.rng.integers(2))))

    def outer(self, depth):
        return elementwise("add", ex.reshape(self.made((3,), depth), (3, 1)), self.made((4,), depth))

    def turned(self, depth):
        return ex.transpose(ex.reshape(ex.transpose(self.made((3, 4), depth)), (4, 3)))

    def stacked_rows(self, depth):
        return ex.stack([self.made((4,), depth) for _ in range(3)])

    def by_label(self, depth):
        return ex.gather(self.made((5,), depth), LEAVES["labels"])

    def by_label_and_group(self, depth):
        return self.made((3, 4), depth)[LEAVES["groups"], elementwise("minimum", LEAVES["labels"], 3)]

    def repeated(self, depth):
        return elementwise("add", LEAVES["rows"], self.made((), depth))

    def long_running(self, depth):
        return elementwise("tanh", elementwise("multiply", 0.01, ex.cumulative_sum(self.made((ROWS,), depth))))

    def own_function(self, depth):
        made = self.made((3,), depth)
        return ex.python(
            lambda v: np.asarray(v)[::-1] ** 2 / (1 + np.asarray(v)[::-1] ** 2), [made], (3,), "float", "reversed"
        )

    OWN = {
        (): [some_sum, some_element, inner_product, long_sum],
        (3,): [by_axis, matrix_times_vector, looked_up, scattered, running, joined, stacked, own_function],
        (4,): [other_axis, vector_times_matrix],
        (5,): [short_scatter],
        (3, 4): [running_rows, outer, turned, stacked_rows],
        (ROWS,): [by_label, by_label_and_group, repeated, long_running],
    }


@pytest.mark.parametrize("shape", Maker.OWN, ids=str)
@pytest.mark.parametrize("block", range(4))
def test_random_expressions(shape, block):
    for seed in range(40 * block, 40 * block + 40):
        x = Maker(seed).made(shape, depth=1 + seed % 4)
        if isinstance(x, Expression) and not x.is_constant:
            assert_twins(x, leaf_values(seed))


def test_several_outputs_share_their_parts():
    values = leaf_values(1)
    common = elementwise("exp", LEAVES["rows"])
    outputs = [reduce("sum", common), ex.scatter(common, LEAVES["groups"], 3), LEAVES["vector"], constant(2.5), common]
    for x, found in zip(outputs, ran(outputs, values), strict=True):
        np.testing.assert_allclose(found, evaluate(x, values), rtol=1e-12)


def test_sums_over_many_rows_use_tiles():
    """A reduction of long rows needs no scratch as long as the rows."""
    x = reduce("sum", elementwise("exp", elementwise("multiply", LEAVES["rows"], LEAVES["scalar"])))
    chain, program = bound([x], leaf_values(2))
    assert chain.layout.scratch < ROWS
    assert run_machine(MACHINE, *program.words) == OK
    np.testing.assert_allclose(chain.view(("out", 0))[0], evaluate(x, leaf_values(2)), rtol=1e-12)


@pytest.mark.parametrize("rows", [1, 2, TILE - 1, TILE, TILE + 1, 2 * TILE, 2 * TILE + 1, 3 * TILE, 3 * TILE + 17])
def test_lengths_around_the_tile(rows):
    rng = np.random.default_rng(rows)
    values = {"x": rng.normal(size=rows), "k": rng.integers(0, 4, rows), "t": rng.normal(size=4), "s": 1.3}
    x, k, t, s = leaf("x", (rows,)), leaf("k", (rows,), "int"), leaf("t", (4,)), leaf("s", ())
    row = ex.density(FAMILIES["Normal"], x, [ex.gather(t, k), elementwise("exp", s)])
    for expression in (
        reduce("sum", row),
        ex.scatter(row, k, 4),
        ex.scatter(constant(1.0), k, 4),
        ex.scatter(s, k, 4),
        row,
        ex.cumulative_sum(row),
    ):
        assert_twins(expression, values)


@pytest.mark.parametrize("name", ["max", "min", "prod"])
def test_other_reductions_of_many_rows(name):
    assert_twins(reduce(name, elementwise("add", 1.0, elementwise("multiply", 1e-3, LEAVES["rows"]))), leaf_values(3))


def test_a_constant_that_is_the_same_everywhere_can_be_reduced():
    filled = constant(np.full(ROWS, 0.25))
    scaled = elementwise("multiply", filled, LEAVES["scalar"])
    for x in (
        reduce("sum", scaled),
        ex.cumulative_sum(scaled),
        ex.scatter(filled, LEAVES["groups"], 3),
        ex.matmul(filled, LEAVES["rows"]),
    ):
        assert_twins(x, leaf_values(4))


def test_empty_sums():
    x = leaf("nothing", (0,))
    assert_twins(reduce("sum", ex.concatenate([x, LEAVES["vector"]])), {**leaf_values(5), "nothing": np.zeros(0)})


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.scalar_logpdf is not None], ids=lambda f: f.name)
@pytest.mark.parametrize("rows", [1, 3, ROWS])
def test_densities(family, rows):
    rng = np.random.default_rng(6)
    makers = {
        "real": rng.normal,
        "positive": lambda size: rng.gamma(2.0, 1.0, size),
        "nonnegative": lambda size: rng.gamma(2.0, 1.0, size),
        "probability": lambda size: rng.random(size),
        "count": lambda size: rng.integers(3, 12, size).astype(float),
    }
    values = {"x": np.round(rng.gamma(2.0, 1.5, rows)) if family.support.discrete else rng.gamma(2.0, 0.3, rows)}
    parameters = []
    for i, p in enumerate(family.parameters):
        shape = (rows,) if i % 2 else ()
        values[p.name] = makers[p.constraint](size=shape) if shape else makers[p.constraint](size=1)[0]
        parameters.append(leaf(p.name, shape))
    x = ex.density(family, leaf("x", (rows,)), parameters)
    assert_twins(x, values)
    finite = elementwise("where", elementwise("greater", x, -1e300), x, 0.0)
    assert_twins(reduce("sum", finite), values)


# -------------------------------------------------------------------- tiles of rows, and single elements


def run_tile(program, row, tile):
    return run(MACHINE.address, *program.words, row, tile)


def row_expressions():
    """Row-wise expressions of random makers, and a few written out."""
    made = [Maker(seed).made((ROWS,), 3) for seed in range(60)]
    rows, labels, table = LEAVES["rows"], LEAVES["labels"], LEAVES["table"]
    own = [
        rows,
        ex.gather(table, labels),
        elementwise("multiply", rows, constant(np.arange(float(ROWS)))),
        ex.density(FAMILIES["Normal"], rows, [ex.gather(elementwise("square", table), labels), LEAVES["scalar"] ** 2]),
        elementwise("add", rows, reduce("sum", table)),
        elementwise("where", elementwise("equal", labels, 2), rows, LEAVES["scalar"]),
    ]
    return own + [x for x in made if not x.is_constant and row_by_row(x)]


def test_programs_over_tiles_of_rows():
    tried = 0
    for x in row_expressions():
        values = leaf_values(7)
        expected = np.asarray(evaluate(x, values), float)
        chain, program = bound([x], values, tile_rows=ROWS)
        for start in range(0, ROWS, TILE):
            n = min(TILE, ROWS - start)
            assert run_tile(program, start, n) == OK
            found = (
                chain.memory[program.outputs[0] :][:n]
                if x.op != "leaf"
                else chain.memory[program.outputs[0] + start :][:n]
            )
            np.testing.assert_allclose(found, expected[start : start + n], rtol=1e-10, atol=1e-12)
        tried += 1
    assert tried > 20


def test_programs_for_single_elements():
    for x in row_expressions():
        if x.op == "leaf":
            continue
        values = leaf_values(8)
        expected = np.asarray(evaluate(x, values), float)
        chain, program = bound([x], values, tile_rows=ROWS)
        for i in (0, 1, TILE, ROWS - 1):
            assert run_tile(program, i, 1) == OK
            np.testing.assert_allclose(chain.memory[program.outputs[0]], expected[i], rtol=1e-10, atol=1e-12)


# -------------------------------------------------------------------- when something is wrong


@pytest.mark.parametrize("position", [-1.0, 5.0, 1e9])
@pytest.mark.parametrize("rows", [3, ROWS])
def test_a_look_up_out_of_range_is_refused(position, rows):
    k = leaf("k", (rows,), "int")
    for x in (
        ex.gather(LEAVES["table"], k),
        reduce("sum", ex.gather(LEAVES["table"], k)),
        ex.scatter(constant(1.0), k, 5),
    ):
        chain, program = bound([x], {**leaf_values(9), "k": np.r_[np.zeros(rows - 1), position]})
        assert run_machine(MACHINE, *program.words) == BAD_INDEX


def test_what_a_users_function_raises_is_kept():
    def broken(v):
        raise KeyError("no such thing")

    x = ex.python(broken, [LEAVES["vector"]], (3,), "float", "broken")
    chain, program = bound([elementwise("add", x, 1.0)], leaf_values(10))
    assert run_machine(MACHINE, *program.words) == PYTHON_FAILED
    assert isinstance(chain.error, KeyError)


def test_a_users_function_sees_shapes_and_whole_numbers():
    seen = []

    def look(*values):
        seen.extend((np.shape(v), np.asarray(v).dtype.kind) for v in values)
        return np.zeros(3)

    arguments = [
        LEAVES["matrix"],
        LEAVES["places"],
        LEAVES["scalar"],
        elementwise("less", LEAVES["vector"], 0.0),
        constant(np.arange(3)),
    ]
    ran([ex.python(look, arguments, (3,), "float", "look") + 1.0], leaf_values(11))
    assert seen == [((3, 4), "f"), ((3,), "i"), ((), "f"), ((3,), "b"), ((3,), "i")]


def test_recording_a_function_gives_its_values():
    """From a plain NumPy function to the machine, end to end."""

    def function(matrix, table, labels, scalar):
        picked = table[labels] * np.exp(-np.abs(scalar))
        return (
            np.log1p(picked**2).mean()
            + np.sum(matrix * matrix, axis=0)[1:3] @ np.array([1.0, 2.0])
            + scipy.special.gammaln(3.0 + scalar**2)
        )

    values = leaf_values(12)
    arguments = ["matrix", "table", "labels", "scalar"]
    x = function(*[LEAVES[a] for a in arguments])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(x, Expression)
        np.testing.assert_allclose(ran([x], values)[0], function(*[values[a] for a in arguments]), rtol=1e-12)
