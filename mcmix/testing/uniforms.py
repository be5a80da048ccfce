"""The uniforms that a label update takes, made once more by NumPy's own SFC64 from a copy of its streams."""

from __future__ import annotations

import numpy as np

from mcmix.kernels.labels import BLOCK
from mcmix.kernels.random import LANES


def uniforms_of(states: np.ndarray, units: int) -> np.ndarray:
    """One uniform in (0, 1] for each unit: block by block, the lanes of each in turn.

    Parameters
    ----------
    states : ndarray of uint64, shape (blocks, words)
        Row streams before the pass; they stay as they are.
    units : int

    Returns
    -------
    ndarray, shape (units,)
    """
    counts = [min(BLOCK, units - block * BLOCK) for block in range(len(states))]
    return np.concatenate([_as_uniforms(_words_of(s, n)) for s, n in zip(states, counts, strict=True)])


def _words_of(states: np.ndarray, n: int) -> np.ndarray:
    """The first n words of a block's lanes, interleaved."""
    raw = [_generator(states[lane::LANES]).random_raw(-(-n // LANES)) for lane in range(LANES)]
    return np.stack(raw, 1).ravel()[:n]


def _generator(state: np.ndarray) -> np.random.SFC64:
    made = np.random.SFC64()
    made.state = {"bit_generator": "SFC64", "state": {"state": state.copy()}, "has_uint32": 0, "uinteger": 0}
    return made


def _as_uniforms(raw: np.ndarray) -> np.ndarray:
    """The upper 52 bits as a number in (0, 1]."""
    return np.asarray(1.0 - (raw >> np.uint64(12)).astype(float) * 2.0**-52)


__all__ = ["uniforms_of"]
