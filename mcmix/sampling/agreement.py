"""Whether chains tell the same story, by numbers that do not depend on the names of exchangeable components."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from mcmix.traces.memory import Draws

FEWEST = 100  # draws per chain below which nothing is said
LARGEST = 1.2  # split R-hat from which chains are said to disagree


def split_rhat(x: np.ndarray) -> np.ndarray:
    """Split R-hat of draws, shape (chains, draws, ...): Gelman et al. (2013), Bayesian Data Analysis, section 11.4.

    Reports take ArviZ's rank-normalised one; this plain one is for the word after every run, which must not wait a
    second for ArviZ to be imported.
    """
    half = x.shape[1] // 2
    parts = np.concatenate([x[:, :half], x[:, -half:]], axis=0)
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = half * parts.mean(axis=1).var(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(((half - 1) / half * within + between / half) / within))


def disagreement(draws: Draws, labels: Collection[str], exchanged: Mapping[str, str]) -> str | None:
    """The worst quantity in words when chains disagree, else None.

    Vectors over exchangeable components are sorted within each draw first, tables column by column.
    """
    if draws.n_chains < 2 or draws.n_draws < FEWEST:
        return None
    worst, name = 1.0, ""
    for key, values in {"log density": draws.statistics.get("lp"), **draws.variables}.items():
        if values is None or key in labels or values.dtype.kind not in "fiu":
            continue
        ordered = np.sort(values, axis=2) if key in exchanged and values.ndim >= 3 else values
        found = np.ravel(split_rhat(ordered.astype(float)))
        found = found[np.isfinite(found)]
        if found.size and found.max() > worst:
            worst, name = float(found.max()), key + (" (sorted)" if key in exchanged else "")
    return f"R-hat of {name} is {worst:.2f}" if worst > LARGEST else None
