"""Moves with the labels summed out: what an effective draw costs, CPU time, beside label updates and scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

import mcmix as mc
from benchmarks.cases import two_components
from benchmarks.measure import Row, row
from mcmix.report.arviz_measures import ess, rhat


def ten_components(n: int, seed: int) -> tuple[np.ndarray, mc.MCMC]:
    """Ten normal components with centers 0, 10, .., 90, sds 2 to 4; exchangeable priors."""
    rng = np.random.default_rng(seed)
    labels, sds = rng.integers(0, 10, n), rng.uniform(2, 4, 10)
    x = rng.normal(10.0 * labels, sds[labels])
    w, mu = mc.Dirichlet("w", np.ones(10)), mc.Normal("mu", 45.0, 1e-4, size=10)
    variance = mc.InverseGamma("variance", 2.0, 10.0, size=10)
    y = mc.Mixture("y", w, mc.Normal, mu, 1 / variance, value=x, observed=True)
    return x, mc.MCMC([y], marginal_moves=True)


def overlapping(seed: int, marginal_moves: bool = True) -> mc.MCMC:
    """Two normal components 1.5 standard deviations apart, N = 2000, wide priors."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(2000) < 0.6, rng.normal(0.0, 1.0, 2000), rng.normal(1.5, 1.0, 2000))
    w, mu = mc.Dirichlet("w", [1.0, 1.0]), mc.Normal("mu", 0.0, 0.01, size=2)
    sd = mc.Uniform("sd", 0.0, 10.0, size=2)
    y = mc.Mixture("y", w, mc.Normal, mu, 1 / sd**2, value=x, observed=True)
    return mc.MCMC([y], marginal_moves=marginal_moves)


def counts(n: int) -> mc.MCMC:
    """Three Poisson components."""
    rng = np.random.default_rng(1)
    x = rng.poisson(np.array([2.0, 10.0, 25.0])[rng.integers(0, 3, n)])
    w, rate = mc.Dirichlet("w", np.ones(3)), mc.Gamma("rate", 1.0, 0.1, size=3)
    m = mc.MCMC([mc.Mixture("y", w, mc.Poisson, rate, value=x, observed=True)])
    m.use_step_method(mc.MarginalMove, [w, rate])  # alone at every size: no labels are drawn in a sweep
    return m


def _timed(called: Callable[[], Any]) -> float:
    before = time.process_time()
    called()
    return time.process_time() - before


def _judged(m: mc.MCMC, name: str) -> tuple[float, float]:
    """Smallest effective number of draws and largest R-hat of a variable, its entries in order."""
    draws = np.sort(_draws(m, name), axis=-1)
    found = [(float(ess(draws[..., j])), float(rhat(draws[..., j]))) for j in range(draws.shape[-1])]
    return min(e for e, _ in found), max(r for _, r in found)


def _draws(m: mc.MCMC, name: str) -> np.ndarray:
    return np.stack([m.trace(name, chain=c)[:] for c in range(4)])


def _sampled(m: mc.MCMC, iterations: int, burn: int, seed: int = 1) -> mc.MCMC:
    return m.sample(iterations, burn, chains=4, seed=seed, cores=1, progress_bar=False)


def marginal(quick: bool) -> Iterator[Row]:
    """All of it; kernels are compiled before."""
    _sampled(ten_components(2000, 0)[1], 20, 10)
    yield from _pair(3 if quick else 10)
    yield from _by_size([10_000, 100_000] if quick else [10_000, 100_000, 1_000_000, 10_000_000])
    yield from _basins(3 if quick else 20)
    yield from _beside_em(100_000 if quick else 1_000_000)
    few, many = (_sweep(counts(n)) for n in (10_000, 100_000 if quick else 10_000_000))
    yield row("counts: a sweep of most rows / of 10,000", 100_000 if quick else 10_000_000, 3, many / few, "times")
    yield from _two_components()


def _two_components() -> Iterator[Row]:
    for name, moves in (("label updates", False), ("labels summed out", True)):
        m = two_components(1000)
        _sampled(mc.MCMC(m.model, marginal_moves=moves), 20, 10)  # what the first run loads is no sampling
        m = mc.MCMC(m.model, marginal_moves=moves)
        cost = _timed(lambda m=m: _sampled(m, 2000, 1000))
        continuous = [v for v in m.model.stochastics if np.dtype(v.dtype).kind == "f"]
        least = min(
            float(ess(np.atleast_3d(_draws(m, v.name))[..., j])) for v in continuous for j in range(v.value.size)
        )
        yield row(f"two components, 4 x (1000 + 1000), {name}: ESS / CPU s", 1000, 2, least / cost, "a second")


def _pair(seeds: int) -> Iterator[Row]:
    rates, worst = [], []
    for seed in range(seeds):
        m = overlapping(seed)
        cost = _timed(lambda m=m, seed=seed: _sampled(m, 2000, 1000, seed))
        found = _judged(m, "mu")
        rates.append(found[0] / cost)
        worst.append(found[1])
    yield row("overlapping pair, 4 x (1000 + 1000): median ESS / CPU s", 2000, 2, float(np.median(rates)), "a second")
    yield row("the same: R-hat of ordered locations, worst seed", 2000, 2, max(worst), "R-hat")
    yield row("the same: seeds with R-hat at most 1.01", 2000, 2, float(np.mean(np.array(worst) <= 1.01)), "share")
    m = overlapping(0, marginal_moves=False)
    cost = _timed(lambda: _sampled(m, 11_000, 1000))
    yield row(
        "overlapping pair, label updates, 4 x 11,000: ESS / CPU s", 2000, 2, _judged(m, "mu")[0] / cost, "a second"
    )


def _by_size(sizes: list[int]) -> Iterator[Row]:
    for n in sizes:
        _, m = ten_components(n, 0)
        before = time.process_time()
        m.label_budget = 0
        _sampled(m, 1500, 500)
        seconds = sum(r.sampled_seconds for r in m._runners)
        whole, (least, worst) = time.process_time() - before, _judged(m, "mu")
        yield row("ten components: wall ms of sampling for an effective draw", n, 10, 1000 * seconds / least, "ms")
        yield row("the same: CPU s of the whole call", n, 10, whole, "s")
        yield row("the same: R-hat of ordered locations", n, 10, worst, "R-hat")


def _basins(seeds: int, n: int = 100_000) -> Iterator[Row]:
    """How many data sets have all chains about the mode above the true parameters."""
    good = 0
    for seed in range(seeds):
        x, m = ten_components(n, seed)
        m.label_budget = 0
        _sampled(m, 400, 200, seed)
        truth = _log_likelihood_of_truth(x, seed)
        reached = [_log_likelihood(x, m, c) for c in range(4)]
        good += all(r > truth - 60.0 for r in reached)
    yield row("ten components: data sets with all chains in the true basin", n, 10, good / seeds, "share")


def _log_likelihood_of_truth(x: np.ndarray, seed: int) -> float:
    rng = np.random.default_rng(seed)
    rng.integers(0, 10, len(x))
    return _summed(x, 10.0 * np.arange(10), rng.uniform(2, 4, 10), np.full(10, 0.1))


def _log_likelihood(x: np.ndarray, m: mc.MCMC, chain: int) -> float:
    at = [m.trace(name, chain=chain)[-1] for name in ("mu", "variance", "w")]
    return _summed(x, at[0], np.sqrt(at[1]), at[2])


def _summed(x: np.ndarray, mu: np.ndarray, sd: np.ndarray, w: np.ndarray) -> float:
    total = sum(b / s * np.exp(-0.5 * ((x - a) / s) ** 2) for a, s, b in zip(mu, sd, w, strict=True))
    return float(np.log(total).sum())


def _beside_em(n: int) -> Iterator[Row]:
    x, m = ten_components(n, 0)
    m.label_budget = 0
    with threadpool_limits(1):
        fit = _timed(lambda: GaussianMixture(10, max_iter=300, random_state=1).fit(x[:, None]))
        cost = _timed(lambda: _sampled(m, 1000, 300))
    least, worst = _judged(m, "mu")
    yield row("ten components: posterior / one scikit-learn fit, CPU", n, 10, cost / fit, "times")
    yield row("the same: smallest ESS", n, 10, least, "draws")
    yield row("the same: R-hat of ordered locations", n, 10, worst, "R-hat")


def _sweep(m: mc.MCMC) -> float:
    """Seconds of a sweep, labels not kept: what is drawn at the end of a call is none of it."""
    m.label_budget = 0
    _sampled(m, 600, 300)
    m.sample(4000, cores=1, progress_bar=False)
    return sum(r.sampled_seconds for r in m._runners) / 16_000


__all__ = ["marginal"]
