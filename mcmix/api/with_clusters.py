"""The draws that have k clusters, as the posterior of a mixture of k components: what can be asked by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcmix.api.given_clusters import given_clusters, varying
from mcmix.api.posterior import Posterior
from mcmix.api.posterior_draws import PosteriorDraws
from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.nodes.node import Node
from mcmix.traces.memory import Draws


def with_clusters(m: PosteriorDraws, nodes: Sequence[Node], clusters: int, calls: str = "last") -> Posterior:
    """The posterior given that the units form so many clusters.

    Parameters
    ----------
    m : MCMC or Posterior
        Of a mixture with an unknown number of components.
    nodes : sequence of nodes
        The same mixture with `clusters` components; unknowns are told by their names.
    clusters : int
    calls : {"last", "all"}

    Returns
    -------
    Posterior
        Components that hold no units are left out, and weights are shares of those that are left: what is asked of
        rows then is about units that belong to one of the clusters.

    Raises
    ------
    ModelError
        If the number of components of `m` is known, or no two draws have so many clusters.

    Examples
    --------
    >>> import numpy as np, mcmix as mc
    >>> x = np.random.default_rng(1).normal(np.repeat([-40.0, 40.0], 20), 1.0)
    >>> def mixture(k):
    ...     z = mc.Categorical("z", mc.Dirichlet("w", 1.0, size=k), size=40)
    ...     return [mc.Mixture("y", z, mc.Normal, mc.Normal("mu", 0, sigma=40, size=k), 1.0, value=x, observed=True)]
    >>> K = mc.NumberOfComponents("K", most=8)
    >>> m = mc.MCMC(mixture(K)).sample(2000, 500, seed=1)
    >>> mc.classify(with_clusters(m, mixture(2), 2)).probabilities.shape
    (40, 2)
    """
    roles = varying(m)
    if roles is None:
        raise ModelError(f"expected a mixture with an unknown number of components, got {m.name}, where it is known")
    draws = m.draws(calls)
    found = given_clusters(m, draws, roles, clusters)
    numbers = [n for n in m.assembled.structure.numbers if n.block.label.node.name == roles.name]
    weights = numbers[0].weights.name if numbers else ""
    variables: dict[str, Any] = dict(found.variables)
    if weights in variables:
        variables[weights] = variables[weights] / variables[weights].sum(axis=-1, keepdims=True)
    model = Model(list(nodes))
    names = {n.name for n in model.stochastics}
    chains, at = found.places[..., 0], found.places[..., 1]
    told = {"lp": draws.statistics["lp"][chains, at]} if "lp" in draws.statistics else {}
    kept = Draws({n: x for n, x in variables.items() if n in names}, told, angles=draws.angles)
    return Posterior(model, [kept])


__all__ = ["with_clusters"]
