"""Draws by component, whoever made them: what every way of relabelling reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mcmix.distributions.circle import opened
from mcmix.errors import ModelError

CONSTANT = 1e-12  # relative spread that is rounding
BLOCK = 64  # draws whose tables are made at once
Probabilities = Callable[[np.ndarray], Iterator[np.ndarray]]


@dataclass(frozen=True)
class Components:
    """One label vector's components in all draws, chain after chain.

    Attributes
    ----------
    n_components : int
        K.
    tables : dict of str to ndarray, shape (S, K)
        Every number that belongs to a component.
    labels : ndarray of int, shape (S, N), or None
        From 0 to K - 1.
    log_density : ndarray, shape (S,), or None
    data : ndarray, shape (N, D), or None
        What the labels part.
    probabilities : callable or None
        Given numbers of draws, yields for each the label probabilities, shape (N, K); computed anew each time.
    classes : sequence of sequence of int
        Components that may change places, class by class; those in none keep their names.
    draw_labels : callable or None
        Draws labels that were not kept, from their distribution given each draw.
    missing : sequence of str
        Data with missing values, which `data` does without.
    angles : frozenset of str
        Tables of angles. Wherever numbers are averaged or distances are taken, such a table counts as two, the
        coordinates of its points on the circle.
    """

    n_components: int
    tables: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: np.ndarray | None = None
    log_density: np.ndarray | None = None
    data: np.ndarray | None = None
    probabilities: Probabilities | None = None
    classes: Sequence[Sequence[int]] = ()
    draw_labels: Callable[[], np.ndarray] | None = None
    missing: Sequence[str] = ()
    angles: frozenset[str] = frozenset()

    @property
    def n_draws(self) -> int:
        """S."""
        arrays = [*self.tables.values(), *([] if self.labels is None else [self.labels])]
        return len(arrays[0])

    @property
    def pivot(self) -> int:
        """The draw with the highest log density, or the last one where it is not known."""
        if self.log_density is None or not np.isfinite(self.log_density).any():
            return self.n_draws - 1
        return int(np.nanargmax(self.log_density))

    @property
    def some(self) -> np.ndarray:
        """Evenly spaced draws on which references settle before all draws are gone through."""
        return np.unique(np.linspace(0, self.n_draws - 1, min(self.n_draws, 1000)).round().astype(int))

    @property
    def forbidden(self) -> np.ndarray:
        """Pairs (component, name) that no relabelling may choose, shape (K, K)."""
        found = ~np.eye(self.n_components, dtype=bool)
        for members in self.classes:
            found[np.ix_(members, members)] = False
        return found

    def features(self) -> np.ndarray:
        """All numbers of components side by side, each with mean 0 and variance 1 unless constant, shape (S, K, F)."""
        if not self.tables:
            raise ModelError("relabel: expected draws of parameters by component, got none; name them with vars=")
        stacked = self.stacked(self.tables)
        if not np.isfinite(stacked).all():
            bad = [name for name, x in self.tables.items() if not np.isfinite(x).all()]
            raise ModelError(
                f"relabel: expected finite draws of parameters, got others in {', '.join(bad)}; where the number of "
                "components varies between draws, they have no names in common: use mc.partition on the labels"
            )
        mean, spread = stacked.mean(axis=(0, 1)), stacked.std(axis=(0, 1))
        return (stacked - mean) / np.where(spread > CONSTANT * np.abs(mean), spread, 1.0)

    def stacked(self, tables: Mapping[str, np.ndarray]) -> np.ndarray:
        """Numbers of components side by side, shape (n, K, F), in the order of its own tables."""
        return np.stack([line for name in self.tables for line in self._lines(name, tables[name])], axis=-1)

    def _lines(self, name: str, table: np.ndarray) -> list[np.ndarray]:
        values = np.asarray(table, dtype=float)
        return [np.cos(values), np.sin(values)] if name in self.angles else [values]

    def sortable(self, name: str) -> np.ndarray:
        """One number of each component, such that its order means something; angles where the circle is emptiest."""
        return opened(self.tables[name]) if name in self.angles else self.tables[name]

    def known_labels(self, method: str) -> np.ndarray:
        """The labels, where a method cannot do without."""
        if self.labels is None and self.draw_labels is not None:
            return self.draw_labels()
        if self.labels is None:
            raise ModelError(
                f"relabel: method {method!r} needs the draws of the labels, which were not kept; keep them "
                "(label_budget=) or use 'pra', 'ordering' or 'point-process'"
            )
        return self.labels

    def known_probabilities(self, method: str) -> Probabilities:
        """Label probabilities of each draw, where a method cannot do without."""
        if self.probabilities is None:
            raise ModelError(
                f"relabel: method {method!r} computes label probabilities from the model, and these draws come "
                "without one; use 'ecr', 'ecr-iterative-1' or 'pra', or put the draws into a sampler of their model "
                "with mc.MCMC(model).read(draws)"
            )
        return self.probabilities


__all__ = ["BLOCK", "Components", "Probabilities"]
