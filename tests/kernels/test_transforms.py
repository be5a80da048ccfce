"""Free coordinates: the kernel and the NumPy side of every kind in the table, beside each other."""

import numpy as np
import pytest

import mcmix as mc
from mcmix.kernels import transforms as kernels
from mcmix.kernels.base import kernel
from mcmix.sampling.transforms import TRANSFORMS
from mcmix.sampling.unconstrained import Unconstrained

NAMES = {number: name for name, number in vars(kernels).items() if name.isupper() and isinstance(number, int)}

NODES = {
    "IDENTITY": lambda: mc.Normal("x", 0, 1, size=3),
    "LOG": lambda: mc.HalfNormal("x", 1.0, size=3),
    "LOGIT": lambda: mc.Uniform("x", [-1.0, 2.0], [3.0, 2.5]),
    "UPPER": lambda: mc.TruncatedNormal("x", 0.0, 1.0, -np.inf, [1.0, -3.0]),
    "SIMPLEX": lambda: mc.Dirichlet("x", [1.0, 2.0, 3.0, 0.5], size=2),
    "POSITIVE_DEFINITE": lambda: mc.Wishart("x", 6.0, np.eye(3), size=2),
    "CORRELATION": lambda: mc.LKJ("x", 1.5, 4, size=2),
    "CIRCLE": lambda: mc.VonMises("x", 0.0, 1.0, size=3),
}


@kernel
def to_free(kind, variable, free, lows, highs, n, k):
    kernels.all_to_free(kind, variable, free, lows, highs, n, k)


@kernel
def from_free(kind, variable, free, lows, highs, n, k):
    return kernels.all_from_free(kind, variable, free, lows, highs, n, k)


def test_every_kind_of_the_kernels_is_in_the_table_and_below():
    assert set(TRANSFORMS) == set(NAMES) and set(NODES) == set(NAMES.values())


@pytest.mark.parametrize("kind", TRANSFORMS, ids=NAMES.get)
def test_kernel_and_array_functions_agree(kind):
    node = NODES[NAMES[kind]]()
    view = Unconstrained([node])
    (own,) = view.transforms
    assert own.kind == kind
    shape = node.state_shape
    n, k = int(np.prod(shape, dtype=int)), shape[-1]
    lows, highs = (np.array(np.broadcast_to(np.ravel(end), n), dtype=float) for end in (own.lower, own.upper))
    for free in np.random.default_rng(kind).normal(0.0, 1.3, size=(20, view.size)):
        kept = np.zeros(n)
        jacobian = from_free(kind, kept, free.copy(), lows, highs, n, k)
        assert kept.reshape(shape) == pytest.approx(view.kept(free)[node], rel=1e-11, abs=1e-13)
        assert view.log_jacobian(free) == pytest.approx(jacobian, abs=1e-10)
        back = np.zeros(n)
        to_free(kind, kept, back, lows, highs, n, k)
        again = view.free(view.values(free))
        assert back[: view.size] == pytest.approx(again, rel=1e-8, abs=1e-9)
        assert view.kept(again)[node] == pytest.approx(kept.reshape(shape), rel=1e-9, abs=1e-12)
        if own.kind not in (kernels.IDENTITY, kernels.CIRCLE):
            assert view.log_jacobian(free) == pytest.approx(np.linalg.slogdet(view.jacobian(free))[1], abs=1e-9)


@pytest.mark.parametrize("kind", TRANSFORMS, ids=NAMES.get)
def test_the_jacobian_is_that_of_differences(kind):
    view = Unconstrained([NODES[NAMES[kind]]()])
    free = np.random.default_rng(10 + kind).normal(0.0, 0.8, view.size)
    moves = 1e-6 * np.eye(view.size)
    moved = [(view.own(view.values(free + h)) - view.own(view.values(free - h))) / 2e-6 for h in moves]
    np.testing.assert_allclose(view.jacobian(free), np.transpose(moved), rtol=2e-6, atol=1e-8)
