"""Draws kept in memory: read-only arrays by name. Knows nothing of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Draws:
    """What one call of ``sample`` kept. Its arrays are read-only views: who changes draws changes a copy.

    Attributes
    ----------
    variables : dict of str to ndarray, shape (chains, draws, *shape of the variable)
        Sampled variables and the deterministics that are traced.
    statistics : dict of str to ndarray, shape (chains, draws, ...)
        What the sampler says of itself per draw: ``lp`` (log density of the joint), acceptance rates, step choices.
    moments : dict of str to (mean, standard deviation)
        Of what is too large to be kept draw by draw.
    angles : frozenset of str
        Variables, and data, on a circle: -pi and pi are one point.
    labels : dict of str to tuple of (sequence or None)
        Of variables whose entries have names: labels along each axis, None where they are only counted.
    """

    variables: dict[str, np.ndarray]
    statistics: dict[str, np.ndarray] = field(default_factory=dict)
    moments: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    angles: frozenset[str] = frozenset()
    labels: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.variables = {name: read_only(x) for name, x in self.variables.items()}
        self.statistics = {name: read_only(x) for name, x in self.statistics.items()}
        self.moments = {name: (read_only(mean), read_only(sd)) for name, (mean, sd) in self.moments.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__.setdefault("labels", {})  # of draws that an earlier release pickled
        self.__post_init__()  # copies of read-only arrays can be written to

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return self._any.shape[0]

    @property
    def n_draws(self) -> int:
        """Number of kept draws in each chain."""
        return self._any.shape[1]

    @property
    def _any(self) -> np.ndarray:
        return next(iter({**self.variables, **self.statistics}.values()))

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take, in bytes."""
        return sum(a.nbytes for a in (*self.variables.values(), *self.statistics.values()))

    def changed(self, variables: dict[str, np.ndarray], statistics: dict[str, np.ndarray] | None = None) -> Draws:
        """The same draws in memory, with these variables, and statistics if they are given, in the place of theirs."""
        told = dict(self.statistics) if statistics is None else statistics
        return Draws(variables, told, dict(self.moments), self.angles, self.labels)

    def glimpse(self, most: int) -> Draws:
        """What is looked at where all draws would be too many: of draws on disk some, of those in memory all."""
        return self

    def thinned(self, at_most: int) -> np.ndarray:
        """Evenly spaced positions in the (chain, draw) grid, at most so many in all.

        Returns
        -------
        ndarray of int, shape (n, 2)
            Pairs (chain, draw); every chain contributes the same number.
        """
        per_chain = max(1, min(self.n_draws, at_most // self.n_chains))
        kept = np.unique(np.linspace(0, self.n_draws - 1, per_chain).round().astype(int))
        chains, draws = np.meshgrid(np.arange(self.n_chains), kept, indexing="ij")
        return np.column_stack([chains.ravel(), draws.ravel()])


def accepted_share(counts: np.ndarray) -> np.ndarray:
    """Accepted share of the moves between one kept draw and the next, from running (proposals, acceptances) last."""
    moves = np.diff(counts, axis=1, prepend=counts[:, :1])
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(moves[..., 0] > 0, moves[..., 1] / np.maximum(moves[..., 0], 1), 0.0)
    if rate.shape[1] > 1:
        rate[:, 0] = rate[:, 1]
    return np.asarray(rate)


def read_only(values: np.ndarray) -> np.ndarray:
    """The same memory, which cannot be written through what is returned.

    Examples
    --------
    >>> read_only(np.zeros(2)).flags.writeable
    False
    """
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def joined(calls: Sequence[Draws]) -> Draws:
    """Several calls as one, draws appended chain by chain; only what every call kept stays."""

    def together(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        names = [name for name in parts[0] if all(name in part for part in parts)]
        return {name: np.concatenate([part[name] for part in parts], axis=1) for name in names}

    variables, statistics = together([c.variables for c in calls]), together([c.statistics for c in calls])
    angles = frozenset[str]().union(*[c.angles for c in calls])
    return Draws(variables, statistics, angles=angles, labels=calls[-1].labels)
