"""Draws and data whose truth is known."""

import numpy as np


def autoregressive(rng: np.random.Generator, chains: int, draws: int, correlation: float) -> np.ndarray:
    """Unit normal draws whose neighbours have the given correlation."""
    noise = rng.normal(size=(chains, draws))
    values = noise.copy()
    for t in range(1, draws):
        values[:, t] = correlation * values[:, t - 1] + np.sqrt(1 - correlation**2) * noise[:, t]
    return values


def two_groups_of_heights() -> np.ndarray:
    """The first data of this package: 700 heights about 150 with sd 10, then 300 about 200 with sd 20."""
    rng = np.random.default_rng(20240511)
    return np.concatenate([rng.normal(150, 10, 700), rng.normal(200, 20, 300)])


def apart(n: int, clusters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of the plane about centers that are six standard deviations apart or more, and whose each is."""
    rng, centers = np.random.default_rng(seed), np.zeros((0, 2))
    while len(centers) < clusters:
        new = rng.uniform(-20.0, 20.0, 2)
        if (np.linalg.norm(centers - new, axis=1) > 6.0).all():
            centers = np.vstack([centers, new])
    truth = rng.integers(0, clusters, n)
    return centers[truth] + rng.normal(size=(n, 2)), truth
