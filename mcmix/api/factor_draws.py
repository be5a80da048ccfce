"""Draws from the factors of variational Bayes, by name, for ArviZ, and as what came out of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import ItemsView, Iterable
from typing import Any

import numpy as np

from mcmix.api.arguments import at_least_one, sequence_from
from mcmix.api.observed import Observed
from mcmix.api.posterior import Posterior
from mcmix.api.reading import read_draws
from mcmix.nodes.model import Model
from mcmix.nodes.stochastic import Stochastic
from mcmix.notebook import MOST_SHOWN
from mcmix.report.elements import element_labels
from mcmix.traces.memory import Draws
from mcmix.variational.engine import Engine
from mcmix.variational.joint_factors import ConditionalNormal
from mcmix.variational.posteriors import Posterior as Factor


def table_of(factors: Iterable[Factor]) -> dict[str, list[Any]]:
    """Mean and standard deviation of every number of factors that are small, as columns of a table."""
    small = [q for q in factors if q.mean.size <= MOST_SHOWN]
    return {
        "unknown": [label for q in small for label in element_labels(q.node.name, q.node.shape)],
        "mean": [x for q in small for x in q.mean.ravel().tolist()],
        "standard deviation": [x for q in small for x in q.sd.ravel().tolist()],
    }


class FactorDraws(Observed, ABC):
    """What :class:`VB` answers about draws."""

    model: Model
    _engine: Engine

    @property
    @abstractmethod
    def L(self) -> float:  # noqa: N802
        """The last lower bound, in nats."""

    def draws(self, n: int = 1000, seed: Any = None, labels: bool = False) -> dict[str, np.ndarray]:
        """Independent draws from the factors, by name, shape ``(n, *shape of the node)``.

        Parameters
        ----------
        n : int
        seed : int or SeedSequence, optional
        labels : bool
            Draw labels too.

        Returns
        -------
        dict of str to ndarray
        """
        self._done("draws")
        n, rng = at_least_one(n, "n", "draws"), np.random.default_rng(sequence_from(seed, "draws"))
        found: dict[str, np.ndarray] = {}
        for node, q in self._engine.posteriors.items():
            if isinstance(q, ConditionalNormal):
                found[node.name] = q.draw_given(rng, found[q.above.node.name])
            else:
                found[node.name] = q.draw(rng, n)
        for p in self._engine.passes if labels else ():
            node, cumulative = p.label.node, np.cumsum(self.memberships(label=p.label.node), axis=1)
            level = rng.random((n, len(cumulative))) * cumulative[:, -1]
            numbers = np.stack([(cumulative <= row[:, None]).sum(1) for row in level])
            found[node.name] = p.label.values[np.minimum(numbers, p.label.n_labels - 1)]
        return found

    def posterior(self, n: int = 1000, seed: Any = None) -> Posterior:
        """Independent draws from the factors as what came out of a run: it answers whatever is asked of draws.

        Parameters
        ----------
        n : int
            Draws, of labels too.
        seed : int or SeedSequence, optional

        Returns
        -------
        Posterior
            One chain. Spread and correlations are those of the factors: uncertainty within a single mode, and no
            dependence between unknowns of different factors.

        Examples
        --------
        >>> import mcmix as mc
        >>> w, mu = mc.Dirichlet("w", [1, 1]), mc.Normal("mu", 0, 0.1, size=2)
        >>> z = mc.Categorical("z", w, size=4)
        >>> y = mc.Normal("y", mu[z], 1.0, value=[-5.0, -4.0, 4.0, 5.0], observed=True)
        >>> found = mc.VB([y]).update(seed=1, verbose=False).posterior(500, seed=2)
        >>> found.trace("mu")[:].shape, found.memberships().shape
        ((500, 2), (4, 2))
        """
        self._done("posterior")
        sequence = sequence_from(seed, "posterior")
        found = Posterior(self.model, seed_sequence=sequence)
        found._rows = self._rows
        one_chain = {name: x[None] for name, x in self.draws(n, sequence, labels=True).items()}
        draws, _ = read_draws(found, one_chain, None)
        found._calls, found.lengths = [draws], (n, 0, 1)
        return found

    def to_arviz(self, n: int = 1000, seed: Any = None) -> Any:
        """Draws from the factors and the data, for ArviZ: one chain of independent draws.

        Parameters
        ----------
        n : int
            Draws.
        seed : int or SeedSequence, optional

        Returns
        -------
        arviz.InferenceData (ArviZ 0.x) or xarray.DataTree (ArviZ 1.x)
        """
        from mcmix.report.arviz_bridge import to_inference_data

        posterior = Draws({name: x[None] for name, x in self.draws(n, seed).items()}).variables
        rows = self.rows
        data = {n.name: np.asarray(rows[n].known, dtype=float) for n in self.model.data_nodes}
        attributes = {"inference": "variational Bayes", "bound": self.L}
        return to_inference_data({"posterior": posterior, "observed_data": data}, attributes=attributes)

    @abstractmethod
    def memberships(self, new: Any = None, *, label: Any = None) -> np.ndarray:
        """Responsibility (allocation probability) of each component for each unit."""

    def start(self) -> dict[Stochastic, np.ndarray]:
        """Posterior means and most probable labels by node: a start for MCMC.

        Returns
        -------
        dict of node to ndarray
        """
        self._done("start")
        found: dict[Stochastic, np.ndarray] = {n: q.mean for n, q in self._engine.posteriors.items()}
        for p in self._engine.passes:
            if p.label.node.mask is None:
                found[p.label.node] = p.label.values[p.shares().argmax(1)]
        return found

    def items(self) -> ItemsView[Stochastic, np.ndarray]:
        """Those of :meth:`start`, so that ``MCMC(...).sample(..., start=q)`` takes the object itself.

        Returns
        -------
        items view of node and value
        """
        return self.start().items()

    @abstractmethod
    def _done(self, what: str) -> None:
        """Refuse what needs an update before there was one."""


__all__ = ["FactorDraws", "table_of"]
