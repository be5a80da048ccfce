"""Draws whose truth is known."""

import numpy as np


def autoregressive(rng: np.random.Generator, chains: int, draws: int, correlation: float) -> np.ndarray:
    """Unit normal draws whose neighbours have the given correlation."""
    noise = rng.normal(size=(chains, draws))
    values = noise.copy()
    for t in range(1, draws):
        values[:, t] = correlation * values[:, t - 1] + np.sqrt(1 - correlation**2) * noise[:, t]
    return values
