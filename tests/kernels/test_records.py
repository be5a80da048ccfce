"""Records: filled by name in Python, read by name in kernels, compiled and as plain Python, over the same memory."""

import importlib
import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import mcmix.kernels
from mcmix.kernels import base, interpreted
from mcmix.kernels.base import address_of, floats, integers, run, step_kernel, step_of
from mcmix.kernels.records import TUNED, made, partly, record, record_at, record_in, seen, table, width

SUMS = record("count", "values", "out")
POINT = record("x", "y")

KINDS = {
    f"{module.name}.{name}": kind
    for module in pkgutil.iter_modules(mcmix.kernels.__path__)
    for name, kind in vars(importlib.import_module(f"mcmix.kernels.{module.name}")).items()
    if isinstance(kind, np.dtype)
}


@step_of(SUMS)
def add_up(words, reals, stream):
    """Sum the values to where `out` says; count on."""
    task = record_at(words, SUMS)
    values = floats(task.values, task.count)
    total = 0.0
    for i in range(task.count):
        total += values[i]
    floats(task.out, 1)[0] = total
    task.count += 1
    return 7


@step_kernel
def turn(words, reals, stream):
    """Exchange the coordinates of two points of a table, the second one found by number."""
    points = integers(words, 2)
    for j in range(points[1]):
        point = record_in(points[0], j, POINT)
        point.x, point.y = point.y, point.x
    return 0


# -------------------------------------------------------------------- filling


def test_fields_are_filled_by_name_in_the_order_of_the_type():
    words = made(SUMS, out=3, count=1, values=np.int64(2))
    assert words.dtype == np.int64
    assert words.tolist() == [1, 2, 3]


def test_flags_and_large_addresses_are_whole_numbers():
    assert made(POINT, x=True, y=np.False_).tolist() == [1, 0]
    assert made(POINT, x=2**63 - 1, y=-1).tolist() == [2**63 - 1, -1]


def test_a_field_may_be_called_as_an_argument_of_the_function_that_fills_it():
    kind = record("kind", "fields")
    assert made(kind, kind=1, fields=2).tolist() == [1, 2]
    assert partly(kind, kind=1).tolist() == [1, 0]


def test_absent_fields_are_zero_where_that_is_meant():
    assert partly(SUMS, values=5).tolist() == [0, 5, 0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"count": 1, "values": 2}, "expected a value for each field, got none for out"),
        ({}, "got none for count, values, out"),
        ({"count": 1, "values": 2, "out": 3, "outt": 4}, "expected fields among count, values, out; got outt"),
        ({"count": 1.0, "values": 2, "out": 3}, "expected a whole number for count, got 1.0"),
        ({"count": 1, "values": None, "out": 3}, "expected a whole number for values, got None"),
    ],
)
def test_a_mistake_in_filling_names_the_field(fields, told):
    with pytest.raises(TypeError, match=told):
        made(SUMS, **fields)


def test_a_mistake_in_filling_a_part_names_the_field():
    with pytest.raises(TypeError, match="got cuont"):
        partly(SUMS, cuont=1)


@pytest.mark.parametrize("name", ["data", "size", "sum", "mean", "shape", "strides"])
def test_names_that_numpy_has_for_itself_are_refused(name):
    with pytest.raises(ValueError, match=f"got '{name}'; choose another"):
        record("count", name)


def test_a_name_stands_once():
    with pytest.raises(ValueError, match="got 'x'"):
        record("x", "y", "x")


def test_a_record_is_seen_by_name_over_the_same_memory():
    words = made(POINT, x=1, y=2)
    point = seen(POINT, words)
    assert (point.x, point.y) == (1, 2)
    point.y = 5
    assert words.tolist() == [1, 5]
    words[0] = 9
    assert point.x == 9
    with pytest.raises(AttributeError, match="z"):
        point.z = 1


def test_a_table_has_a_record_in_each_row_even_without_rows():
    assert table(POINT, [made(POINT, x=1, y=2), made(POINT, x=3, y=4)]).tolist() == [[1, 2], [3, 4]]
    assert table(POINT, []).shape == (0, 2)


# -------------------------------------------------------------------- reading


def test_a_kernel_reads_what_python_wrote_and_writes_back():
    values, out = np.array([1.0, 2.5, 4.0]), np.zeros(1)
    words = made(SUMS, count=3, values=address_of(values), out=address_of(out))
    assert run(add_up.address, address_of(words), 0, 0) == 7
    assert out[0] == 7.5
    assert seen(SUMS, words).count == 4


def test_a_kernel_reads_records_of_a_table():
    points = table(POINT, [made(POINT, x=i, y=10 * i) for i in range(1, 4)])
    before = points.copy()
    run(turn.address, address_of(np.array([address_of(points), len(points)])), 0, 0)
    assert np.array_equal(points, before[:, ::-1])


def test_kernels_as_python_see_the_same_fields():
    points = table(POINT, [made(POINT, x=1, y=2), made(POINT, x=3, y=4)])
    point = interpreted.record_in(address_of(points), 1, POINT)
    assert (point.x, point.y) == (3, 4)
    point.x += 10
    assert points.tolist() == [[1, 2], [13, 4]]
    assert interpreted.record_at(address_of(points), POINT).y == 2


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_kernels_that_read_records_are_kept_on_disk(tmp_path):
    """A second process compiles nothing."""
    (tmp_path / "planted.py").write_text(PLANTED)
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }
    for hits in ("0", "1"):
        program = "import planted; print(planted.answer(), planted.KERNEL._compiled.cache_hits)"
        found = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert found.stdout.split() == ["5", hits], found.stderr


PLANTED = """
from mcmix.kernels.base import address_of, run, step_of
from mcmix.kernels.records import TUNED, made, record, record_at

POINT = record("x", "y")

def added(words, reals, stream):
    point = record_at(words, POINT)
    return point.x + point.y

KERNEL = step_of(POINT)(added)

def answer():
    return run(KERNEL.address, address_of(made(POINT, x=2, y=3)), 0, 0)
"""

# -------------------------------------------------------------------- the kernels' own


@pytest.mark.parametrize("name", KINDS)
def test_records_of_kernels_are_whole_numbers_side_by_side(name):
    """What lets Python fill them as plain arrays, and kernels be told of them by address alone."""
    kind = KINDS[name]
    assert {kind.fields[f][0] for f in kind.names} == {np.dtype(np.int64)}
    assert [kind.fields[f][1] for f in kind.names] == [8 * i for i in range(len(kind.names))]
    assert width(kind) == len(kind.names)
    if "tuning" in kind.names:
        assert kind.names[0] == TUNED.names[0], "where a run switches adaptation on"


SHORT = record("first", "second")
LONGER = record("first", "second", "third")


@pytest.mark.skipif(not base.COMPILED, reason="nothing is compiled")
def test_a_record_that_begins_as_another_is_read_without_a_word():
    """numba warns that the one may stand for the other; no user should hear of that."""

    @base.inline
    def both(task):
        return task.first + task.second

    def of_short(words):
        return both(record_at(words, SHORT))

    def of_longer(words):
        return both(record_at(words, LONGER)) + record_at(words, LONGER).third

    filled = made(LONGER, first=1, second=2, third=4)
    found = [base.AddressedKernel(f, 1, f"begins {i}").address for i, f in enumerate((of_short, of_longer))]
    assert [base.run(address, base.address_of(filled)) for address in found] == [3, 7]
