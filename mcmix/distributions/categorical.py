"""Categorical: a label 0 .. K-1 from K probabilities, shared or one row per value.

The support says 0 to infinity, since the number of categories is only known from the length of the probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mcmix.distributions.family import Family, Parameter, Support
from mcmix.distributions.special import on_simplex, plain


def expression(x: Any, probabilities: Any) -> Any:
    """Log mass of each label, looked up in the logs of the probabilities (last axis K; rows, if any, go with x).

    A plain array of labels is checked against 0 .. K-1, and plain probabilities against the simplex; whoever passes
    symbolic values keeps them there.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(probabilities)
    if not isinstance(x, np.ndarray):
        return _looked_up(logs, x)
    inside = _inside(x, probabilities)
    labels = np.where(inside, plain(x), 0.0).astype(np.int64)
    if isinstance(logs, np.ndarray) and logs.ndim > 1:
        logs = np.broadcast_to(logs, (*inside.shape, logs.shape[-1]))
    found = _looked_up(logs, labels)
    return found if np.all(inside) else np.where(inside, found, -np.inf)


def _inside(x: np.ndarray, probabilities: Any) -> np.ndarray:
    """Whether each label is one of 0 .. K-1, and its probabilities, where they are plain, on the simplex."""
    values = plain(x)
    inside = (values >= 0.0) & (values < probabilities.shape[-1]) & (values == np.floor(values))
    return np.asarray(inside & on_simplex(probabilities)) if isinstance(probabilities, np.ndarray) else inside


def _looked_up(logs: Any, labels: Any) -> Any:
    """Look up the entry of the last axis that each label names."""
    if logs.ndim == 1:
        return logs[labels]
    return np.take_along_axis(logs, labels[..., None], axis=-1)[..., 0]


def draw(rng: np.random.Generator, size: Any, probabilities: Any) -> np.ndarray:
    """Draws of the given size (by default one per row of probabilities)."""
    cumulative = np.cumsum(plain(probabilities), axis=-1)
    # scaled by the last sum, rounding included, so that no level falls beyond it
    level = rng.random(cumulative.shape[:-1] if size is None else size) * cumulative[..., -1]
    if cumulative.ndim == 1:
        return np.asarray(np.searchsorted(cumulative, level, side="right"))
    return np.asarray(np.sum(cumulative <= level[..., None], axis=-1))


CATEGORICAL = Family(
    name="Categorical",
    parameters=(Parameter("probabilities", "simplex", alias="p"),),
    support=Support(lower=0.0, discrete=True),
    draw=draw,
    expression=expression,
    values=lambda shapes, known: np.arange(shapes["probabilities"][-1]),
    dtype=int,
    summary="Distribution of a label 0 .. K-1, each with its own probability (last axis, sum 1).",
)
