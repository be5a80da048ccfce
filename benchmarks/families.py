"""One sweep of a plain mixture of each family beside one of normal components, CPU time.

A sweep draws all labels and moves every parameter of every component once. Each family's sweeps alternate with those of
the normal mixture, so that a slow minute hits both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import mcmix as mc
from benchmarks.measure import Row, row

STRETCH = 0.25  # CPU seconds of one stretch of sweeps
CENTRES = np.array([0.0, 6.0, 12.0, 18.0, 24.0])

Rows = Callable[[np.random.Generator, np.ndarray], np.ndarray]  # labels 0 .. 4 -> a value for each
Parameters = Callable[[int], list[Any]]


def _normal(k: int) -> list[Any]:
    return [mc.Normal("mu", 10.0, 0.01, size=k), mc.Gamma("tau", 2.0, 2.0, size=k)]


def _location_and_precision(k: int) -> list[Any]:
    return [mc.Normal("location", 10.0, 0.01, size=k), mc.Gamma("precision", 2.0, 2.0, size=k)]


def _location_and_rate(k: int) -> list[Any]:
    return [mc.Normal("location", 10.0, 0.01, size=k), mc.Gamma("rate", 2.0, 2.0, size=k)]


def _two_shapes(k: int) -> list[Any]:
    return [mc.Gamma("alpha", 2.0, 0.2, size=k), mc.Gamma("beta", 2.0, 0.2, size=k)]


def _counts(means: np.ndarray) -> Rows:
    return lambda rng, z: rng.poisson(means[z])


def _at_centres(noise: Callable[[np.random.Generator, int], np.ndarray]) -> Rows:
    return lambda rng, z: CENTRES[z] + noise(rng, z.size)


def _angles(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    return rng.vonmises(np.linspace(-2.5, 2.5, 5)[z], 8.0)


RATES, MEANS = np.array([20.0, 5.0, 1.0, 0.2, 0.04]), np.array([1.0, 5.0, 15.0, 35.0, 70.0])
SHARES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])

# Name: values given labels, the family, its parameters for K components.
PLAIN: dict[str, tuple[Rows, Any, Parameters]] = {
    "exponential": (
        lambda rng, z: rng.exponential(1.0 / RATES[z]),
        mc.Exponential,
        lambda k: [mc.Gamma("rate", 1.0, 0.1, size=k)],
    ),
    "lognormal": (lambda rng, z: np.exp(_normal_rows(rng, z)), mc.Lognormal, _normal),
    "gamma": (lambda rng, z: rng.gamma(8.0, MEANS[z] / 8.0), mc.Gamma, _two_shapes),
    "inverse gamma": (lambda rng, z: MEANS[z] / rng.gamma(8.0, 1.0, z.size), mc.InverseGamma, _two_shapes),
    "beta": (lambda rng, z: rng.beta(30.0 * SHARES[z], 30.0 * (1.0 - SHARES[z])), mc.Beta, _two_shapes),
    "Laplace": (_at_centres(lambda rng, n: rng.laplace(size=n)), mc.Laplace, _location_and_rate),
    "logistic": (_at_centres(lambda rng, n: rng.logistic(size=n)), mc.Logistic, _location_and_rate),
    "Cauchy": (
        _at_centres(lambda rng, n: 0.3 * rng.standard_cauchy(n)),
        mc.Cauchy,
        lambda k: [mc.Normal("location", 10.0, 0.01, size=k), mc.Gamma("scale", 2.0, 2.0, size=k)],
    ),
    "Weibull": (
        lambda rng, z: MEANS[z] * rng.weibull(3.0, z.size),
        mc.Weibull,
        lambda k: [mc.Gamma("shape", 2.0, 0.5, size=k), mc.Gamma("scale", 2.0, 0.1, size=k)],
    ),
    "Student t, degrees of freedom known": (
        _at_centres(lambda rng, n: rng.standard_t(4.0, n)),
        mc.StudentT,
        lambda k: [*_location_and_precision(k), 4.0],
    ),
    "Student t, degrees of freedom unknown": (
        _at_centres(lambda rng, n: rng.standard_t(4.0, n)),
        mc.StudentT,
        lambda k: [*_location_and_precision(k), mc.Gamma("freedom", 2.0, 0.1, size=k)],
    ),
    "skew normal": (
        _at_centres(lambda rng, n: np.abs(rng.normal(size=n)) + 0.3 * rng.normal(size=n)),
        mc.SkewNormal,
        lambda k: [*_location_and_precision(k), mc.Normal("skewness", 0.0, 0.04, size=k)],
    ),
    "von Mises": (
        _angles,
        mc.VonMises,
        lambda k: [mc.VonMises("location", 0.0, 0.0, size=k), mc.Gamma("concentration", 2.0, 0.2, size=k)],
    ),
    "Poisson": (_counts(MEANS), mc.Poisson, lambda k: [mc.Gamma("rate", 1.0, 0.1, size=k)]),
    "geometric": (
        lambda rng, z: rng.geometric(SHARES[z]),
        mc.Geometric,
        lambda k: [mc.Beta("probability", 1.0, 1.0, size=k)],
    ),
    "binomial": (
        lambda rng, z: rng.binomial(20, SHARES[z]),
        mc.Binomial,
        lambda k: [20, mc.Beta("probability", 1.0, 1.0, size=k)],
    ),
    "negative binomial": (
        lambda rng, z: rng.poisson(rng.gamma(5.0, MEANS[z] / 5.0)),
        mc.NegativeBinomial,
        lambda k: [mc.Gamma("mean", 1.0, 0.1, size=k), mc.Gamma("dispersion", 2.0, 0.2, size=k)],
    ),
    "beta-binomial": (
        lambda rng, z: rng.binomial(20, rng.beta(30.0 * SHARES[z], 30.0 * (1.0 - SHARES[z]))),
        mc.BetaBinomial,
        lambda k: [*_two_shapes(k), 20],
    ),
    "zero-inflated Poisson": (
        lambda rng, z: np.where(rng.random(z.size) < 0.2, 0, rng.poisson(MEANS[z])),
        mc.ZeroInflatedPoisson,
        lambda k: [mc.Beta("present", 1.0, 1.0, size=k), mc.Gamma("rate", 1.0, 0.1, size=k)],
    ),
    "zero-inflated negative binomial": (
        lambda rng, z: np.where(rng.random(z.size) < 0.2, 0, rng.poisson(rng.gamma(5.0, MEANS[z] / 5.0))),
        mc.ZeroInflatedNegativeBinomial,
        lambda k: [
            mc.Beta("present", 1.0, 1.0, size=k),
            mc.Gamma("mean", 1.0, 0.1, size=k),
            mc.Gamma("dispersion", 2.0, 0.2, size=k),
        ],
    ),
    "truncated normal": (
        lambda rng, z: np.abs(CENTRES[z] + rng.normal(size=z.size)),
        mc.TruncatedNormal,
        lambda k: [*_location_and_precision(k), 0.0, np.inf],
    ),
    "half-normal": (
        lambda rng, z: np.abs(rng.normal(0.0, MEANS[z])),
        mc.HalfNormal,
        lambda k: [mc.Gamma("precision", 1.0, 1.0, size=k)],
    ),
}


def plain(name: str, n: int, k: int = 5) -> mc.MCMC:
    """A mixture of k components of a family; labels are not kept."""
    rng = np.random.default_rng(1)
    if name in OTHERS:
        data, w = OTHERS[name](rng, n), mc.Dirichlet("w", np.ones(k))
        return mc.MCMC([data(mc.Categorical("z", w, size=n), k)], label_budget=0)
    values, family, parameters = PLAIN[name] if name != "normal" else (_normal_rows, mc.Normal, _normal)
    x = values(rng, rng.integers(0, k, n))
    w = mc.Dirichlet("w", np.ones(k))
    return mc.MCMC([mc.Mixture("y", w, family, *parameters(k), value=x, observed=True)], label_budget=0)


def _normal_rows(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    return CENTRES[z] + rng.normal(size=z.size)


def _categories(rng: np.random.Generator, n: int, categories: int = 6) -> Callable[[Any, int], Any]:
    shares = rng.dirichlet(np.ones(categories), 5)
    x = (rng.random((n, 1)) > shares.cumsum(1)[rng.integers(0, 5, n)]).sum(1).clip(max=categories - 1)

    def data(z: Any, k: int) -> Any:
        return mc.Categorical("y", mc.Dirichlet("p", np.ones(categories), size=k)[z], value=x, observed=True)

    return data


def _line(rng: np.random.Generator, n: int) -> Callable[[Any, int], Any]:
    x, label = rng.normal(size=n), rng.integers(0, 5, n)
    y = CENTRES[label] + np.linspace(-2.0, 2.0, 5)[label] * x + rng.normal(size=n)

    def data(z: Any, k: int) -> Any:
        a, b = mc.Normal("a", 10.0, 0.01, size=k), mc.Normal("b", 0.0, 0.01, size=k)
        tau = mc.Gamma("tau", 2.0, 2.0, size=k)
        return mc.Normal("y", a[z] + b[z] * x, tau[z], value=y, observed=True)

    return data


OTHERS: dict[str, Callable[[np.random.Generator, int], Callable[[Any, int], Any]]] = {
    "categorical": _categories,
    "linear regression": _line,
}


class Sweeps:
    """Sweeps of one sampler, timed a stretch at a time."""

    def __init__(self, m: mc.MCMC):
        self.m, self.times = m, list[float]()
        # tuned first: chains that still adapt may evaluate more often than later
        m.sample(200, 190, chains=1, seed=1, cores=1, progress_bar=False)
        self.count = 1
        self.count = max(1, int(STRETCH / self._seconds()))

    def _seconds(self) -> float:
        before = time.process_time()
        self.m.sample(self.count, thin=self.count, cores=1, progress_bar=False)
        return (time.process_time() - before) / self.count

    def again(self) -> None:
        """One more stretch."""
        self.times.append(self._seconds())

    @property
    def seconds(self) -> float:
        """CPU seconds of a sweep, the median stretch."""
        return float(np.median(self.times))


def families(n: int = 100_000, k: int = 5, only: str = "") -> Iterator[Row]:
    """Nanoseconds per row and component of a sweep of each family, and how many times the normal one's that is."""
    normal = Sweeps(plain("normal", n, k))
    for name in [*PLAIN, *OTHERS]:
        if only and only not in name:
            continue
        one, of_normal = Sweeps(plain(name, n, k)), len(normal.times)
        for _ in range(5):
            normal.again()
            one.again()
        beside = float(np.median(normal.times[of_normal:]))
        yield row(f"sweep, {name}", n, k, 1e9 * one.seconds / (n * k), "ns per row and component")
        yield row(f"sweep, {name} / normal", n, k, one.seconds / beside, "times")
    yield row("sweep, normal", n, k, 1e9 * normal.seconds / (n * k), "ns per row and component")


__all__ = ["families"]
