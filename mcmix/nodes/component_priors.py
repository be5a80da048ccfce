"""Priors on the number of components, as users give them: probabilities of 1, 2, .., or distributions of SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.errors import ModelError

TAIL = 1e-12  # of a prior on the number of components, that is left out
MOST_COMPONENTS = 100_000
FIRST_LOOK = 64


def prior_on_number(prior: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of components that have a probability, and these.

    Parameters
    ----------
    prior : int, array_like or frozen discrete scipy.stats distribution
        One number; probabilities of 1, 2, ..; or a distribution, of which the last 1e-12 is left out.
    where : str
        What the prior is of, with which refusals begin.

    Raises
    ------
    ModelError
        If it is no probability distribution on 1, 2, ..

    Examples
    --------
    >>> import scipy.stats
    >>> prior_on_number(scipy.stats.randint(2, 4), "K: prior")
    (array([2, 3]), array([0.5, 0.5]))
    """
    if isinstance(prior, (int, np.integer)) and not isinstance(prior, bool):
        if prior < 1:
            raise ModelError(f"{where} expected a whole number of at least 1, got {prior!r}")
        return np.array([int(prior)]), np.ones(1)
    weights = _of_distribution(prior, where) if hasattr(prior, "pmf") else _of_sequence(prior, where)
    kept = np.flatnonzero(weights)
    return kept + 1, weights[kept]


def _of_sequence(prior: Any, where: str) -> np.ndarray:
    try:
        weights = np.asarray(prior, dtype=float)
    except (TypeError, ValueError):
        weights = np.zeros(())
    if weights.ndim != 1 or not weights.size:
        raise ModelError(
            f"{where} expected a whole number, probabilities of 1, 2, .. components or a frozen discrete "
            f"scipy.stats distribution, got {shown_in_short(prior)}"
        )
    if not (np.isfinite(weights) & (weights >= 0.0)).all():
        bad = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))[0])
        raise ModelError(f"{where} expected finite probabilities of at least 0, got {weights[bad]} for {bad + 1}")
    total = float(weights.sum())
    if abs(total - 1.0) > 1e-9:
        advice = "divide them by their sum" if total > 0.0 else "give some number a probability"
        raise ModelError(f"{where} expected probabilities that sum to 1, got a sum of {total:.6g}; {advice}")
    return weights / total


def _of_distribution(prior: Any, where: str) -> np.ndarray:
    """Probabilities of 1, 2, .. but for the last 1e-12."""
    name = named(prior)
    below = at_or_below_zero(prior, where)
    if not below <= TAIL:
        raise ModelError(
            f"{where} expected a prior on 1, 2, .., got {name} with probability {below:.3g} at or below 0; "
            f"shift it with loc=1, as in scipy.stats.poisson(3, loc=1)"
        )
    last = FIRST_LOOK
    while True:
        weights = np.asarray(prior.pmf(np.arange(1, last + 1)), dtype=float)
        total = float(weights.sum())
        if 1.0 - total < TAIL or prior.sf(last) < TAIL:
            break
        if last >= MOST_COMPONENTS:
            raise ModelError(
                f"{where} expected a prior with all but 1e-12 of its probability on up to {MOST_COMPONENTS} "
                f"components, got {name} with {1.0 - total:.3g} beyond; pass an array of probabilities of 1, 2, .. "
                "that ends where you want, divided by its sum"
            )
        last = min(4 * last, MOST_COMPONENTS)
    if not (weights >= 0.0).all() or abs(total - 1.0) > 1e-6:
        raise ModelError(f"{where} expected probabilities of 1, 2, .. that sum to 1, got {name} with {total:.6g}")
    needed = 1 + int(np.argmax(weights.cumsum() >= total - TAIL))
    return weights[:needed] / weights[:needed].sum()


def at_or_below_zero(distribution: Any, where: str) -> float:
    """The probability of what cannot be, or a refusal of what is not one distribution."""
    below = np.asarray(distribution.cdf(0), dtype=float)
    if below.ndim or np.isnan(below):
        came = "parameters that it does not take" if not below.ndim else f"an array of them, of shape {below.shape}"
        raise ModelError(f"{where} expected one distribution, got {named(distribution)} with {came}")
    return float(below)


def named(distribution: Any) -> str:
    """How a frozen distribution was written, as far as it says."""
    family = getattr(getattr(distribution, "dist", None), "name", None)
    if not isinstance(family, str):
        return type(distribution).__name__
    keywords = [f"{k}={v!r}" for k, v in getattr(distribution, "kwds", {}).items()]
    return f"{family}({', '.join([*map(repr, getattr(distribution, 'args', ())), *keywords])})"


def is_number(value: Any) -> bool:
    """Whether it is one plain number, and no truth value."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def shown_in_short(value: Any) -> str:
    """As Python writes it, or its type where that is long."""
    text = repr(value)
    return text if len(text) <= 60 else type(value).__name__


__all__ = ["at_or_below_zero", "is_number", "named", "prior_on_number", "shown_in_short"]
