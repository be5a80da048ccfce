"""Where draws lie in an exact posterior: numbers between 0 and 1, uniform for draws from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mcmix.testing.enumeration import Enumeration, parted

Place = Callable[[Mapping[str, np.ndarray], np.random.Generator], float]


def places_in(exact: Enumeration) -> dict[str, Place]:
    """One place for each quantity."""
    found: dict[str, Place] = {}
    for name, marginals in exact.marginals.items():
        for at in np.ndindex(*marginals.shape):
            if exact.sd(name)[at] > 0.0:  # the diagonal of a correlation matrix says nothing
                found[_titled(name, at)] = _place_of_number(name, at, exact)
    for name, labels in exact.labels.items():
        shares = exact.memberships(name)
        for at in np.ndindex(*labels.shape[1:]):
            found[_titled(name, at)] = _place_of_entry(name, at, exact.supports[name], shares[at])
        if labels.ndim == 2 and labels.shape[1] > 1:
            found[f"probability of {name}"] = _place_of_whole(name, *_distinct(labels, exact.probabilities))
            found[f"probability of the partition by {name}"] = _place_of_whole(name, *exact.partitions(name), parted)
    return found


def _titled(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]" if at else name


def _place_of_number(name: str, at: tuple[int, ...], exact: Enumeration) -> Place:
    marginal = exact.marginals[name][at]
    return lambda draw, rng: float(marginal.cdf(draw[name][at]))


def _place_of_entry(name: str, at: tuple[int, ...], support: np.ndarray, shares: np.ndarray) -> Place:
    starts = np.cumsum(shares) - shares

    def place(draw: Mapping[str, np.ndarray], rng: np.random.Generator) -> float:
        k = int(np.searchsorted(support, draw[name][at]))
        return float(starts[k] + rng.random() * shares[k])

    return place


def _distinct(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors and their probabilities, whatever other discrete unknowns are."""
    distinct, which = np.unique(labels, axis=0, return_inverse=True)
    return distinct, np.bincount(np.ravel(which), probabilities, len(distinct))


def _place_of_whole(
    name: str, vectors: np.ndarray, probabilities: np.ndarray, form: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> Place:
    """Vectors in the order of their probabilities: high places are probable ones."""
    order = np.argsort(probabilities, kind="stable")
    ends = np.cumsum(probabilities[order])
    number = {tuple(vectors[v]): i for i, v in enumerate(order)}

    def place(draw: Mapping[str, np.ndarray], rng: np.random.Generator) -> float:
        i = number[tuple(form(draw[name]))]
        return float(ends[i] - rng.random() * probabilities[order[i]])

    return place


__all__ = ["Place", "places_in"]
