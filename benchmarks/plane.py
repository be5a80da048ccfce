"""Rows of vectors: moves with the labels summed out beside label updates and scikit-learn, CPU time."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from scipy.linalg.blas import dgemm
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

import mcmix as mc
from benchmarks.measure import Row, row
from mcmix.report.arviz_measures import ess, rhat


def in_the_plane(n: int, k: int, apart: float, seed: int) -> tuple[np.ndarray, mc.Mixture]:
    """Rows of k normal components whose centers are `apart` standard deviations wide, and their mixture."""
    rng = np.random.default_rng(seed)
    centers, roots = apart * rng.normal(size=(k, 2)), np.eye(2) + 0.3 * rng.normal(size=(k, 2, 2))
    z = rng.integers(0, k, n)
    x = centers[z] + np.einsum("nij,nj->ni", roots[z], rng.normal(size=(n, 2)))
    mu, T = mc.MvNormal("mu", np.zeros(2), 0.01 * np.eye(2), size=k), mc.Wishart("T", 4.0, 4.0 * np.eye(2), size=k)
    return x, mc.Mixture("y", mc.Dirichlet("w", np.ones(k)), mc.MvNormal, mu, T, value=x, observed=True)


def _sampled(m: mc.MCMC, iterations: int, burn: int) -> tuple[float, float, float]:
    """CPU seconds, the smallest effective number of draws and the largest R-hat of means in order."""
    before = time.process_time()
    m.sample(iterations, burn, chains=4, seed=1, cores=1, progress_bar=False)
    cost = time.process_time() - before
    mu = np.stack([m.trace("mu", chain=c)[:] for c in range(4)])
    order = np.argsort(mu[..., 0], axis=-1)[..., None]
    draws = np.take_along_axis(mu, order, axis=2).reshape(*mu.shape[:2], -1)
    found = [(float(ess(draws[..., j])), float(rhat(draws[..., j]))) for j in range(draws.shape[-1])]
    return cost, min(e for e, _ in found), max(r for _, r in found)


def plane(quick: bool) -> Iterator[Row]:
    """All of it; kernels are compiled before."""
    for moves in (True, False):
        _sampled(mc.MCMC([in_the_plane(200, 2, 1.0, 0)[1]], marginal_moves=moves), 120, 100)
    yield from _pair(3 if quick else 10)
    yield from _many(100_000 if quick else 1_000_000)
    yield from _beside_products(10_000 if quick else 100_000)


def _pair(seeds: int) -> Iterator[Row]:
    for name, moves, length in (("labels summed out", True, 2000), ("label updates", False, 20_000)):
        found = np.array(
            [_sampled(mc.MCMC([in_the_plane(1000, 2, 1.0, s)[1]], marginal_moves=moves), 1000 + length, 1000)
             for s in range(seeds)]
        )  # fmt: skip
        told = f"two components in the plane, 4 x (1000 + {length}), {name}"
        yield row(f"{told}: median ESS / CPU s", 1000, 2, float(np.median(found[:, 1] / found[:, 0])), "a second")
        yield row(f"{told}: seeds with R-hat at most 1.01", 1000, 2, float(np.mean(found[:, 2] <= 1.01)), "share")


def _many(n: int) -> Iterator[Row]:
    x, mixture = in_the_plane(n, 5, 2.0, 0)
    m = mc.MCMC([mixture])
    m.label_budget = 0
    with threadpool_limits(1):
        before = time.process_time()
        GaussianMixture(5, max_iter=300, random_state=1).fit(x)
        fit = time.process_time() - before
        cost, least, worst = _sampled(m, 1000, 500)
    yield row("five components in the plane: posterior / one scikit-learn fit, CPU", n, 5, cost / fit, "times")
    yield row("the same: CPU s of the whole call", n, 5, cost, "s")
    yield row("the same: smallest ESS", n, 5, least, "draws")
    yield row("the same: R-hat of ordered means", n, 5, worst, "R-hat")


def _beside_products(n: int, d: int = 32, k: int = 20) -> Iterator[Row]:
    """A label update of vectors beside its matrix products alone, of which half the entries are zero."""
    rng = np.random.default_rng(1)
    x = 3.0 * rng.normal(size=(k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))
    mu, T = mc.MvNormal("mu", np.zeros(d), 0.01 * np.eye(d), size=k), mc.Wishart("T", d + 2.0, np.eye(d), size=k)
    y = mc.Mixture("y", mc.Dirichlet("w", np.ones(k)), mc.MvNormal, mu, T, value=x, observed=True)
    m = mc.MCMC([y], marginal_moves=False)
    m.label_budget = 0
    m.sample(12, 0, chains=1, seed=1, progress_bar=False)
    m.sample(20, 0, progress_bar=False)
    sweep = m._runners[0].sampled_seconds / 20
    left, right = np.asfortranarray(x.T), np.asfortranarray(np.tril(rng.normal(size=(d, d))))
    with threadpool_limits(1):
        dgemm(1.0, right, left)
        before = time.perf_counter()
        for _ in range(k):
            dgemm(1.0, right, left)
        products = time.perf_counter() - before
    yield row("a sweep of 32 coordinates / half its matrix products", n, k, sweep / (0.5 * products), "times")


__all__ = ["plane"]
