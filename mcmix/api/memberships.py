"""Which component rows belong to, under one name for each component throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy

from mcmix.api.arguments import at_least_one, checked_sampler
from mcmix.api.diagnosis import facts_of
from mcmix.api.relabel import components_of, known_method, why_none
from mcmix.errors import ModelError
from mcmix.nodes.stochastic import Stochastic
from mcmix.report.diagnosis.facts import LabelFacts
from mcmix.report.labels.relabelled import named
from mcmix.sampling.predictive_density import NewRows, chosen
from mcmix.sampling.replay import with_known_labels
from mcmix.structure.labels import LabelVector
from mcmix.traces.memory import Draws

BATCHES = 20  # of draws, from whose means errors are read


@dataclass(frozen=True, repr=False)
class Memberships:
    """Probabilities that rows belong to components.

    Attributes
    ----------
    probabilities : ndarray, shape (rows, K)
        Means over draws of each draw's label probabilities (Rao-Blackwellised), under the names of one relabelling.
    errors : ndarray, shape (rows, K)
        Their Monte Carlo standard errors, from batch means.
    method : str
        How components were named; ``"as sampled"`` where every component has a name of its own.
    """

    probabilities: np.ndarray
    errors: np.ndarray
    method: str

    @property
    def classes(self) -> np.ndarray:
        """The most probable component of each row, shape (rows,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def doubt(self) -> np.ndarray:
        """Probability that each row is not in its class, shape (rows,)."""
        return 1.0 - self.probabilities.max(axis=1)

    @property
    def misclassification(self) -> float:
        """Expected share of rows that are not in their class."""
        return float(self.doubt.mean())

    @property
    def entropy(self) -> np.ndarray:
        """Of each row's probabilities, in nats, shape (rows,): 0 where the class is certain."""
        return np.asarray(-xlogy(self.probabilities, self.probabilities).sum(axis=1))

    def __repr__(self) -> str:
        rows, k = self.probabilities.shape
        sizes = ", ".join(map(str, np.bincount(self.classes, minlength=k)))
        return (
            f"<Memberships of {rows} rows in {k} components (named by {self.method}): classes of {sizes}, "
            f"{self.misclassification:.1%} expected in a wrong one>"
        )


def classify(
    m: Any, new: Any = None, *, method: str = "auto", label: str | None = None, draws: int = 1000, calls: str = "last"
) -> Memberships:
    """Membership probabilities and classes, of the data's rows or of new ones.

    Parameters
    ----------
    m : MCMC
        After sampling.
    new : array_like or dict of str to array_like, optional
        Rows as those of the data, by name where several data nodes hang on the labels; NaN for missing coordinates.
    method : str
        How components are named where their names mean nothing, as for :func:`relabel`.
    label : str, optional
        Which label vector; the only one, or the first.
    draws : int
        Kept draws that are averaged over.
    calls : {"last", "all"}

    Returns
    -------
    Memberships

    Raises
    ------
    ModelError
        If there are no labels, rows do not fit, or draws that are needed were not kept.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal([[0.0], [9.0]], 1.0, (2, 50)).ravel()
    >>> mu, w = mc.Normal("mu", 0, 0.01, size=2), mc.Dirichlet("w", [1, 1])
    >>> m = mc.MCMC([mc.Mixture("y", w, mc.Normal, mu, 1.0, value=x, observed=True), mu])
    >>> found = mc.classify(m.sample(1500, 500, seed=1), [0.0, 9.0, 0.5])
    >>> bool(found.classes[0] == found.classes[2] != found.classes[1]), found.misclassification < 0.01
    (True, True)
    """
    known_method(method)
    checked_sampler(m, "classify")
    kept = m.draws(calls)
    vector = _vector(m, label)
    facts = facts_of(m).labels[vector.node.name]
    order, how = _names(m, kept, vector, facts, method)
    positions = kept.thinned(at_least_one(draws, "draws"))
    numbers = positions[:, 0] * kept.n_draws + positions[:, 1]
    shares = _of_data(m, kept, vector, facts, numbers) if new is None else _of_new(m, kept, vector, new, draws)
    return Memberships(*_averaged(shares, order[numbers]), how)


def _vector(m: Any, label: str | None) -> LabelVector:
    vectors = {b.label.node.name: b.label for b in m.assembled.structure.blocks}
    if not vectors:
        raise ModelError(f"classify: expected labels that the label pass draws, got none; {why_none(m, [], None)}")
    if label is not None and label not in vectors:
        raise ModelError(f"classify: label= expected one of {', '.join(map(repr, vectors))}, got {label!r}")
    return vectors[label] if label is not None else next(iter(vectors.values()))


def _names(m: Any, kept: Draws, vector: LabelVector, facts: LabelFacts, method: str) -> tuple[np.ndarray, str]:
    """Which component gets name j in each draw, shape (S, K)."""
    shape = (kept.n_chains, kept.n_draws)
    if not facts.exchangeable:
        return np.tile(np.arange(vector.n_labels), (shape[0] * shape[1], 1)), "as sampled"
    found = named(vector.node.name, components_of(m, kept, vector.node.name, facts), shape, method, None, ())
    return found.order.reshape(-1, vector.n_labels), found.method


def _of_data(m: Any, kept: Draws, vector: LabelVector, facts: LabelFacts, numbers: np.ndarray) -> Iterator[np.ndarray]:
    c = components_of(m, kept, vector.node.name, facts)
    for shares in c.known_probabilities("classify")(numbers):
        yield with_known_labels(vector, shares)


def _of_new(m: Any, kept: Draws, vector: LabelVector, new: Any, draws: int) -> Iterator[np.ndarray]:
    node: Stochastic = vector.node
    rows = NewRows(m.assembled, chosen(m.assembled, node, labels_needed=True), new)
    for shares in rows.shares_by_draw(kept, draws, node):
        yield shares[: rows.count]


def _averaged(shares: Iterator[np.ndarray], order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error, from means of consecutive batches."""
    n = len(order)
    batch = np.arange(n) * min(BATCHES, n) // n
    sums: list[np.ndarray] = []
    for i, (p, names) in enumerate(zip(shares, order, strict=True)):
        if i == 0 or batch[i] != batch[i - 1]:
            sums.append(np.zeros(p.shape))
        sums[-1] += p[:, names]
    means = np.array([s / (batch == b).sum() for b, s in enumerate(sums)])
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.full(means.shape[1:], np.nan)
    return np.asarray(sum(sums) / n), error


__all__ = ["Memberships", "classify"]
