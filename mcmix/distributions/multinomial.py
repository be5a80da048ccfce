"""Multinomial: how often each of K categories came up in a number of trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from mcmix.distributions.family import Family, Parameter, Support


def expression(x: Any, trials: Any, probabilities: Any) -> Any:
    """Log mass of each vector of counts (last axis K).

    Counts that do not sum to the trials have mass zero. Where both are known and only weights are symbolic, the node
    has checked that they do.
    """
    density = gammaln(trials + 1.0) + np.sum(xlogy(x, probabilities) - gammaln(x + 1.0), axis=-1)
    if not all(isinstance(v, np.ndarray) for v in (x, trials, probabilities)):
        known = all(getattr(v, "is_constant", True) for v in (x, trials))
        return density if known else np.where(np.sum(x, axis=-1) == trials, density, -np.inf)
    possible = (np.sum(x, axis=-1) == trials) & np.all((x >= 0) & (x == np.round(x)), axis=-1)
    return np.where(possible, density, -np.inf)


def draw(rng: np.random.Generator, size: Any, trials: Any, probabilities: Any) -> np.ndarray:
    """Draws; `size` includes the axis of the K categories."""
    batch = tuple(size)[:-1]
    p = np.asarray(probabilities, float)
    p = np.broadcast_to(p / p.sum(-1, keepdims=True), (*batch, p.shape[-1]))
    return rng.multinomial(np.broadcast_to(np.asarray(trials).astype(np.int64), batch), p)


def counts_fit(value: np.ndarray, known: Mapping[str, np.ndarray]) -> str | None:
    """The complaint about counts that do not sum to the trials, if these are known."""
    if "trials" not in known:
        return None
    sums, trials = np.broadcast_arrays(value.sum(-1), known["trials"])
    wrong = np.flatnonzero(np.ravel(sums != trials))
    if not wrong.size:
        return None
    row = int(wrong[0])
    return f"expected counts with sum {np.ravel(trials)[row]:g} (trials), got sum {np.ravel(sums)[row]:g} in row {row}"


MULTINOMIAL = Family(
    name="Multinomial",
    parameters=(Parameter("trials", "count", alias="n"), Parameter("probabilities", "simplex", alias="p")),
    support=Support(0.0, "trials", discrete=True),
    draw=draw,
    expression=expression,
    check_value=counts_fit,
    dtype=int,
    event_ndim=1,
    summary="Multinomial distribution of the counts of K categories in n trials.",
)
