"""Mixtures of ten rows under each prior of partitions, whose posterior is known by enumeration; runs on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import stats

import mcmix as mc
from mcmix.testing import enumerated_partitions
from mcmix.testing.partitions import PartitionPosterior
from tests import runs
from tests.references import assert_masses, assert_shares, chains_of

ROWS = np.array([-3.1, -2.6, -2.2, -0.4, 0.1, 0.3, 1.4, 2.5, 2.9, 3.6])
PRECISION, SPREAD = 1.5, 2.5
sampled = runs.sampler(iterations=11_000, burn=1000)


def log_marginal(units: list[int]) -> float:
    """Log density of the rows of one cluster, its mean integrated out."""
    n = len(units)
    return float(stats.multivariate_normal(np.zeros(n), np.eye(n) / PRECISION + SPREAD**2).logpdf(ROWS[units]))


def mixture(weights: Any, size: Any) -> list[Any]:
    """Normal rows of a known precision."""
    z = mc.Categorical("z", weights, size=len(ROWS))
    mean = mc.Normal("mean", 0.0, sigma=SPREAD, size=size)
    return [mc.Mixture("y", z, mc.Normal, mean, PRECISION, value=ROWS, observed=True)]


def _unknown(prior: Any, concentration: Callable[[Any], Any]) -> list[Any]:
    number = mc.NumberOfComponents("K", prior)
    return mixture(mc.Dirichlet("w", concentration(number), size=number), number)


# Each prior as a model, and as the enumeration takes it.
PRIORS: dict[str, tuple[Callable[[], list[Any]], dict[str, Any]]] = {
    "static": (
        lambda: _unknown(stats.randint(1, 9), lambda k: 1.0),
        {"components": stats.randint(1, 9), "concentration": 1.0},
    ),
    "dynamic": (
        lambda: _unknown(stats.randint(1, 6), lambda k: 2.0 / k),
        {"components": stats.randint(1, 6), "concentration": 2.0, "dynamic": True},
    ),
    "known number": (
        lambda: mixture(mc.Dirichlet("w", np.full(5, 0.6)), 5),
        {"components": 5, "concentration": 0.6},
    ),
    "Dirichlet process": (
        lambda: mixture(mc.StickBreaking("w", 0.7, size=20), 20),
        {"components": None, "concentration": 0.7},
    ),
    "Pitman-Yor process": (
        lambda: mixture(mc.StickBreaking("w", 0.4, 0.2, size=40), 40),
        {"components": None, "concentration": 0.4, "discount": 0.2},
    ),
}


def exact(name: str) -> PartitionPosterior:
    """The posterior under a prior."""
    return enumerated_partitions(10, log_marginal, **PRIORS[name][1])


def run(name: str, seed: int, steps: Mapping[Any, Mapping[str, Any]], **options: Any) -> mc.MCMC:
    """A run with steps for the labels beside the label update."""
    m = mc.MCMC(PRIORS[name][0](), marginal_moves=False)
    for step, settings in steps.items():
        m.use_step_method(step, "z", **settings)
    found: mc.MCMC = sampled(m, seed=seed, **options)
    return found


def clusters(labels: np.ndarray) -> np.ndarray:
    """How many clusters there are in each draw of the labels."""
    return np.asarray(1 + (np.diff(np.sort(labels, axis=-1), axis=-1) > 0).sum(-1))


def assert_partitions(m: mc.MCMC, expected: PartitionPosterior) -> None:
    """Numbers of clusters and pairs that are together are as likely as by enumeration."""
    labels = chains_of(m, "z")
    assert_masses(clusters(labels), dict(enumerate(expected.occupied, 1)), "clusters")
    pairs = np.triu_indices(labels.shape[-1], 1)
    assert_shares(labels[..., pairs[0]] == labels[..., pairs[1]], expected.similarity[pairs], "similarity")


__all__ = ["PRIORS", "ROWS", "assert_partitions", "clusters", "exact", "mixture", "run", "sampled"]
