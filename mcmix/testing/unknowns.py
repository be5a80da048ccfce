"""The unknowns of a small model: every combination of the discrete ones, and where the continuous ones usually are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.sampling.unconstrained import Unconstrained
from mcmix.structure.recording import is_log_kept
from mcmix.structure.values import values_of

MOST_COMBINATIONS = 20_000
PRIOR_DRAWS = 100


def support_of(node: Stochastic) -> np.ndarray:
    """The values that each entry of a discrete unknown may take, ascending."""
    values = values_of(node) if isinstance(node, Distribution) else None
    if values is None:
        raise ModelError(
            f"{node.name}: expected a discrete unknown with finitely many known values (Categorical, Bernoulli, "
            "DiscreteUniform, Binomial with known ends), got one without; give it an end, or fix its value"
        )
    return values


def combinations_of(supports: Mapping[Stochastic, np.ndarray]) -> dict[Stochastic, np.ndarray]:
    """Every combination of the values of all entries, by variable."""
    sizes = {n: int(np.prod(n.state_shape, dtype=int)) for n in supports}
    count = float(np.prod([float(len(v)) ** sizes[n] for n, v in supports.items()]))
    if count > MOST_COMBINATIONS:
        listed = ", ".join(f"{n.name}: {len(v)} values, {sizes[n]} entries" for n, v in supports.items())
        raise ModelError(
            f"expected at most {MOST_COMBINATIONS} combinations of discrete unknowns, got {count:.3g} ({listed}); take "
            "fewer rows or components"
        )
    axes = [v for n, v in supports.items() for _ in range(sizes[n])]
    table = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes)) if axes else np.zeros((1, 0))
    found, at = {}, 0
    for n in supports:
        found[n] = table[:, at : at + sizes[n]].reshape((-1, *n.state_shape))
        at += sizes[n]
    return found


def typical(model: Model, view: Unconstrained) -> tuple[np.ndarray, np.ndarray]:
    """Where free coordinates usually are before data are seen, and how far apart; else where they stand, and one."""
    if not view.size:
        return np.zeros(0), np.ones(0)
    rng = np.random.default_rng(0)
    try:
        drawn = [drawn_forward([*model.stochastics, *model.data_nodes], {}, rng) for _ in range(PRIOR_DRAWS)]
        free = np.array([view.free({n: state_of(n, d[n]) for n in view.nodes}) for d in drawn])
        low, middle, high = np.quantile(free, [0.25, 0.5, 0.75], axis=0)
        if np.isfinite(low + high).all():
            return middle, np.maximum(high - low, 1e-3)
    except (ModelError, NotImplementedError):  # an improper prior, or a distribution that cannot be drawn from
        pass
    free = view.free({n: state_of(n, n.value) for n in view.nodes})
    return np.where(np.isfinite(free), free, 0.0), np.ones(view.size)


def state_of(node: Stochastic, value: Any) -> np.ndarray:
    """What is sampled of a variable's value: of data, the missing entries."""
    return np.asarray(value if is_log_kept(node) else node.state_of(np.asarray(value)))


__all__ = ["combinations_of", "state_of", "support_of", "typical"]
