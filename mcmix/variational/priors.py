"""Priors as the engine takes them: expected usual parameters, whatever these depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mcmix.distributions.family import Sums
from mcmix.variational.posteriors import Moments, Posterior

# distribution of an unknown -> kind of its posterior, and kind of each of its own parameters
PRIORS: dict[str, tuple[str, dict[str, str]]] = {
    "Normal": ("normal", {"mean": "normal", "precision": "gamma"}),
    "Gamma": ("gamma", {"shape": "known", "rate": "gamma"}),
    "Exponential": ("gamma", {"rate": "gamma"}),
    "Beta": ("beta", {"alpha": "known", "beta": "known"}),
    "Uniform": ("beta", {"lower": "known", "upper": "known"}),
    "Dirichlet": ("dirichlet", {"concentration": "known"}),
    "MvNormal": ("vector", {"mean": "vector", "precision": "wishart"}),
    "Wishart": ("wishart", {"degrees_of_freedom": "known", "inverse_scale": "known"}),
    "WishartCov": ("wishart", {"degrees_of_freedom": "known", "scale": "known"}),
    "InverseWishart": ("inverse wishart", {"degrees_of_freedom": "known", "scale": "known"}),
}
KNOWN_AXES = {"concentration": 1, "inverse_scale": 2, "scale": 2}

_EXPECTED: dict[str, Callable[[Mapping[str, Moments]], tuple[Any, ...]]] = {
    "Normal": lambda m: (m["mean"].first, m["precision"].first, m["precision"].second, m["mean"].second),
    "Gamma": lambda m: (m["shape"].first, m["rate"].first, m["rate"].second),
    "Exponential": lambda m: (np.ones(m["rate"].first.shape), m["rate"].first, m["rate"].second),
    "Beta": lambda m: (m["alpha"].first, m["beta"].first),
    "Uniform": lambda m: (np.ones(m["lower"].first.shape), np.ones(m["upper"].first.shape)),
    "Dirichlet": lambda m: (m["concentration"].first,),
    "MvNormal": lambda m: (m["mean"].first, m["precision"].first, m["precision"].second, m["mean"].second),
    "Wishart": lambda m: (m["degrees_of_freedom"].first, m["inverse_scale"].first),
    "InverseWishart": lambda m: (m["degrees_of_freedom"].first, m["scale"].first),
    "WishartCov": lambda m: (m["degrees_of_freedom"].first, np.linalg.inv(m["scale"].first)),
}


def prior_of(distribution: str, m: Mapping[str, Moments]) -> tuple[Any, ...]:
    """Expected parameters of a prior, in the order that :meth:`Posterior.divergence` takes."""
    return _EXPECTED[distribution](m)


def sums_of(posterior: Posterior) -> Sums:
    """The expected statistics of an unknown, as if each element were a row: what its own parents hear."""
    m = posterior.moments
    n = np.ones(len(m.first))
    if posterior.kind in ("normal", "vector"):  # about the mean itself: plain squares would drown the variance
        return Sums(n, (np.zeros(m.first.shape),), (m.second,), (m.first,))
    return Sums(n, (m.first, m.second), (None, None), (0.0, 0.0))


__all__ = ["KNOWN_AXES", "PRIORS", "prior_of", "sums_of"]
