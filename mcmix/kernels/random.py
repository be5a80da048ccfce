"""Random numbers in kernels: NumPy's own C samplers by symbol, and SFC64 streams in lanes for the rows.

Parameters of a model are drawn with NumPy's samplers from a chain's bit generator, given by the address of its
`bitgen_t`. Rows take their uniforms from streams of their own, one per fixed block of rows: eight SFC64 generators
side by side, which the compiler turns into vector instructions.

The symbols are registered when this module is imported: machine code from the disk cache finds them by name.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import llvmlite.binding
import numpy as np
import numpy.random._generator as numpy_generator
from numba import types

from mcmix.kernels.base import COMPILED, apart, double_of, inline
from mcmix.kernels.interpreted import sampler
from mcmix.kernels.streams import of_block

_library = ctypes.CDLL(numpy_generator.__file__)


def _external(name: str, n_numbers: int) -> Any:
    """A NumPy sampler that takes a bit generator and `n_numbers` doubles and returns a double."""
    if not COMPILED:
        return sampler(getattr(_library, name), n_numbers)
    symbol = f"mcmix_{name}"
    address = ctypes.cast(getattr(_library, name), ctypes.c_void_p).value
    llvmlite.binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, types.float64(types.int64, *[types.float64] * n_numbers))


standard_normal = _external("random_standard_normal", 0)
standard_exponential = _external("random_standard_exponential", 0)
standard_gamma = _external("random_standard_gamma", 1)
_uniform_between = _external("random_uniform", 2)

LANES = 8
STREAM_WORDS = 4 * LANES  # a, b, c and counter for each lane
WARM_UP = 12


@inline
def uniform(stream):
    """One number in (0, 1]."""
    # Never 0, so that its logarithm is finite.
    return 1.0 - _uniform_between(stream, 0.0, 1.0)


@inline
def log_gamma_draw(stream, shape):
    """Logarithm of a gamma draw, also where the draw itself would be zero.

    A gamma variable of shape a is one of shape a + 1 times a uniform to the power 1/a (Marsaglia and Tsang 2000).
    """
    if shape >= 1.0:
        return math.log(standard_gamma(stream, shape))
    # log(u**(1 / a)) = log(u) / a, and -log(u) is a standard exponential.
    return math.log(standard_gamma(stream, shape + 1.0)) - standard_exponential(stream) / shape


@inline
def beta_draw(stream, first, second):
    """A beta draw from two gamma draws, on the log scale."""
    return 1.0 / (1.0 + math.exp(log_gamma_draw(stream, second) - log_gamma_draw(stream, first)))


@inline
def truncated_standard_normal(stream, low, high):
    """Standard normal within [low, high] (Robert 1995: normal, uniform or exponential proposals by where it lies)."""
    if low > 0.0:
        return _upper_tail(stream, low, high)
    if high < 0.0:
        return -_upper_tail(stream, -high, -low)
    # Both kinds of proposals accept equally often at a width of sqrt(2 pi), about 2.5.
    if high - low > 2.5:
        while True:
            x = standard_normal(stream)
            if low <= x <= high:
                return x
    while True:
        x = low + (high - low) * uniform(stream)
        if standard_exponential(stream) >= 0.5 * x * x:
            return x


@inline
def _upper_tail(stream, low, high):
    """Standard normal within [low, high], low positive."""
    # Exponential proposals beyond `low` are accepted most often at this rate, each with probability exp(-(x - rate)**2
    # / 2).
    rate = 0.5 * (low + math.sqrt(low * low + 4.0))
    # Uniform ones accept more often only on short intervals: at low = 0 up to a width of about 1.65.
    if (high - low) * low < 1.0 and high - low < 1.65:
        while True:
            x = low + (high - low) * uniform(stream)
            if standard_exponential(stream) >= 0.5 * (x * x - low * low):
                return x
    while True:
        x = low + standard_exponential(stream) / rate
        distance = x - rate
        if x <= high and standard_exponential(stream) >= 0.5 * distance * distance:
            return x


@inline
def fill_uniforms(state, out, n):
    """Fill out[:n] with uniforms in (0, 1] from eight SFC64 lanes; n is rounded up to a whole number of lanes.

    `state` holds the four words of each lane, word by word; it is advanced. 52 random bits a number.
    """
    for start in range(0, n, LANES):
        for lane in range(LANES):
            a, b, c, counter = state[lane], state[LANES + lane], state[2 * LANES + lane], state[3 * LANES + lane]
            word = a + b + counter
            state[3 * LANES + lane] = counter + np.uint64(1)
            state[lane] = b ^ (b >> np.uint64(11))
            state[LANES + lane] = c + (c << np.uint64(3))
            state[2 * LANES + lane] = ((c << np.uint64(24)) | (c >> np.uint64(40))) + word
            # 52 random bits under the exponent of 1.0 are a double in [1, 2).
            out[start + lane] = 2.0 - double_of(np.int64((word >> np.uint64(12)) | np.uint64(0x3FF0000000000000)))


def seeded_streams(sequence: np.random.SeedSequence, n_blocks: int) -> np.ndarray:
    """States of the row streams, one per block.

    Parameters
    ----------
    sequence : numpy.random.SeedSequence
        The chain's; the block's number is appended to its spawn key, so that a block's stream does not depend on how
        many blocks there are.
    n_blocks : int

    Returns
    -------
    ndarray of uint64, shape (n_blocks, STREAM_WORDS)
        Seeded and warmed up as NumPy's SFC64 is.
    """
    states = apart((n_blocks, STREAM_WORDS), np.uint64)
    for block in range(n_blocks):
        child = of_block(sequence, block)
        for lane, lane_sequence in enumerate(child.spawn(LANES)):
            state = np.random.SFC64(lane_sequence).state["state"]["state"]
            states[block, lane::LANES] = state
    return states
