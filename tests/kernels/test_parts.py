"""Functions that only kernels call: linked into them, and callable from Python all the same."""

import math

import numpy as np
import pytest
from numba import njit, types
from numba.core.compiler_lock import global_compiler_lock

from mcmix.kernels.base import COMPILED, address_of, floats, helper, inline, run, step_kernel, unrolled

pytestmark = pytest.mark.skipif(not COMPILED, reason="about compiled code")


@unrolled
def series(x):
    """exp(x) for small x, by ten terms."""
    total = 1.0
    for k in range(10, 0, -1):
        total = 1.0 + x * total / k
    return total


@inline
def shifted(x, by):
    return series(x - by) if x < 1.0 else math.inf


@helper()
def fill(out, x):
    """Parts may call one another, to any depth."""
    for i in range(len(x)):
        out[i] = shifted(x[i], 0.25)


@step_kernel
def of_both(words, reals, stream):
    fill(floats(reals, 3), floats(words, 3))
    return 0


def test_a_kernel_links_what_it_calls():
    x, out = np.array([-0.5, 0.75, 2.0]), np.zeros(3)
    assert run(of_both.address, address_of(x), address_of(out), 0) == 0
    np.testing.assert_allclose(out, [math.exp(-0.75), math.exp(0.5), math.inf], rtol=1e-8)


def test_python_calls_them_too():
    out = np.zeros(2)
    fill(out, np.array([0.25, 0.5]))
    np.testing.assert_allclose(out, [1.0, math.exp(0.25)], rtol=1e-8)
    assert series(0.5) == pytest.approx(math.exp(0.5), rel=1e-8)


def test_they_have_no_machine_code_of_their_own():
    usual, kinds = njit(lambda out, x: None), (types.float64[::1], types.float64[::1])
    with global_compiler_lock:
        for function, has_code in ((fill, False), (usual, True)):
            made = function._compiler.compile(kinds, None)
            assert (made.library.get_pointer_to_function(made.fndesc.llvm_func_name) != 0) == has_code
