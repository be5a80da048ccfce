"""From a scalar log density to the kernel that adds it, for many rows at once, into a scratch row.

A family writes one plain scalar function `logpdf(x, a, b, c)` with as many parameters as it has. This file turns it
into an addressed kernel over strided columns. With one column of data and shared parameters the compiler hoists
everything that does not depend on the row (the logarithm of a precision, say) and vectorises the rest.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mcmix.kernels.base import AddressedKernel, address_of, call, floats, inline, kernel, run

MAXIMAL_PARAMETERS = 3


def _padded(scalar: Any, n_parameters: int) -> Any:
    """The same scalar function with three parameters, the missing ones ignored."""
    if n_parameters == 1:
        return inline(lambda x, a, b, c: scalar(x, a))
    if n_parameters == 2:
        return inline(lambda x, a, b, c: scalar(x, a, b))
    return scalar


def density_kernel(name: str, scalar_logpdf: Callable[..., float], n_parameters: int) -> AddressedKernel:
    """Addressed kernel that adds log densities of n values to `out`.

    Parameters
    ----------
    name : str
        Distinguishes the variants in numba's disk cache; unique among all densities.
    scalar_logpdf : callable
        Plain function of numbers, restricted to what numba compiles; minus infinity outside the support.
    n_parameters : int
        One to three.

    Returns
    -------
    AddressedKernel
        Takes (out, n, x, x_step, a, a_step, b, b_step, c, c_step); addresses and steps in doubles. Steps are 0
        (one value for all rows) or more. Unused parameters may point anywhere readable.
    """
    scalar = _padded(inline(scalar_logpdf), n_parameters)

    def add_logpdf(out, n, x, x_step, a, a_step, b, b_step, c, c_step):
        total = floats(out, n)
        value = floats(x, 1 + (n - 1) * x_step)
        first = floats(a, 1 + (n - 1) * a_step)
        second = floats(b, 1 + (n - 1) * b_step)
        third = floats(c, 1 + (n - 1) * c_step)
        if x_step == 1 and a_step == 0 and b_step == 0 and c_step == 0:
            shared_a, shared_b, shared_c = first[0], second[0], third[0]
            for i in range(n):
                total[i] += scalar(value[i], shared_a, shared_b, shared_c)
        else:
            for i in range(n):
                total[i] += scalar(value[i * x_step], first[i * a_step], second[i * b_step], third[i * c_step])
        return 0

    return AddressedKernel(add_logpdf, 10, variant=name)


def shifted_density_kernel(name: str, scalar_logpdf: Callable[..., float], n_parameters: int) -> AddressedKernel:
    """As :func:`density_kernel`, where the first parameter goes by row and the others are shared.

    Such are rows about a linear predictor: what depends on a shared precision alone leaves the loop here, too.
    """
    scalar = _padded(inline(scalar_logpdf), n_parameters)

    def add_shifted_logpdf(out, n, x, x_step, a, a_step, b, b_step, c, c_step):
        total, value, first = floats(out, n), floats(x, n), floats(a, n)
        shared_b, shared_c = floats(b, 1)[0], floats(c, 1)[0]
        for i in range(n):
            total[i] += scalar(value[i], first[i], shared_b, shared_c)
        return 0

    return AddressedKernel(add_shifted_logpdf, 10, variant=name)


@kernel
def _call_once(address, words):
    """Call a density kernel with a tuple of ten words."""
    return call(address, words)


def elementwise(density: AddressedKernel, columns: list[np.ndarray]) -> np.ndarray:
    """Log densities of equally long, contiguous columns (x first, then the parameters), shape (n,)."""
    out = np.zeros(columns[0].size)
    if out.size:
        places = [address_of(column) for column in columns]
        places += places[-1:] * (1 + MAXIMAL_PARAMETERS - len(columns))
        words = [address_of(out), out.size]
        for place in places:
            words += [place, 1]
        _call_once(density.address, tuple(words))
    return out


_Room = ctypes.c_double * (2 + MAXIMAL_PARAMETERS)


def at_one_point(density: AddressedKernel, numbers: Sequence[float]) -> float:
    """Log density at plain numbers (x first, then the parameters): what `elementwise` answers, without its arrays."""
    room = _Room(0.0, *numbers)  # the sum, then a place for each number; places that are not used are readable
    first = ctypes.addressof(room)
    run(density.address, first, 1, first + 8, 1, first + 16, 1, first + 24, 1, first + 32, 1)
    return float(room[0])
