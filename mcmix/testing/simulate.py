"""Draws of a model from its distributions, and the sampler that is asked for draws of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mcmix.api.mcmc import MCMC
from mcmix.errors import ModelError
from mcmix.nodes.ancestral import drawn_forward
from mcmix.nodes.model import Model
from mcmix.structure.rows import Rows

Prepare = Callable[[MCMC], object]


class Simulator:
    """Draws of a model from its distributions, by name."""

    def __init__(self, model: Model):
        self.model = model
        refuse_model(model)

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Unknowns and data."""
        nodes = [*self.model.stochastics, *self.model.data_nodes]
        values = drawn_forward(nodes, {}, rng)
        return {n.name: values[n] for n in nodes}

    def fresh_data(self, values: Mapping[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        """Data given the unknowns."""
        nodes = self.model.data_nodes
        drawn = drawn_forward(nodes, {n: values[n.name] for n in self.model.stochastics}, rng)
        return {n.name: drawn[n] for n in nodes}


@dataclass
class Sampler:
    """The sampler under test: the same model on other rows each time; no node's data change.

    It is assembled anew, and prepared, where its plan depends on the rows' numbers (:mod:`mcmix.steps.renumbered`).
    """

    model: Model
    prepare: Prepare | None
    before: MCMC | None = None

    def moved(self, values: Mapping[str, Any], sweeps: int, seed: np.random.SeedSequence) -> dict[str, Any]:
        """Unknowns some sweeps after they had these values."""
        m = self.made(values)
        start = {n.name: values[n.name] for n in self.model.stochastics}
        m.sample(sweeps, 0, sweeps, chains=1, seed=seed, start=start, progress_bar=False).or_interrupted()
        return self.present(m)

    def posterior(
        self, values: Mapping[str, Any], burn: int, thin: int, draws: int, seed: np.random.SeedSequence
    ) -> Iterator[dict[str, Any]]:
        """Thinned draws of the unknowns given the data, from the sampler's own start."""
        m = self.made(values)
        m.sample(burn + thin, burn, thin, chains=1, seed=seed, progress_bar=False).or_interrupted()
        yield self.present(m)
        for _ in range(draws - 1):
            yield self.present(m.sample(thin, 0, thin, progress_bar=False).or_interrupted())

    def made(self, values: Mapping[str, Any]) -> MCMC:
        """A sampler for these data, prepared, not yet run."""
        data = {n: values[n.name] for n in self.model.data_nodes if n.name in values}  # else they stay what they are
        rows = Rows.of(self.model).with_values(data)
        m = None if self.before is None else self.before._like_this_on(rows)
        if m is None:
            written = None if self.before is None else self.before.assembled.recording
            m = MCMC(self.model, marginal_moves=False)._on(rows, written)
            if self.prepare is not None:
                self.prepare(m)
        self.before = m
        return m

    def present(self, m: MCMC) -> dict[str, Any]:
        """Where its first chain stands."""
        # from the chain itself: a variable that is not traced may be the one that is wrong
        chain = m._runners[0].chain
        return {n.name: chain.get(n)[()] for n in self.model.stochastics}


def pair(simulated: Any, sampled: Any, prepare: Prepare | None) -> tuple[Simulator, Sampler]:
    """Where draws come from, and what is tested."""
    one = simulated if isinstance(simulated, Model) else Model(simulated)
    other = one if sampled is None else sampled if isinstance(sampled, Model) else Model(sampled)
    refuse_other_shapes(one, other)
    refuse_model(other)
    return Simulator(one), Sampler(other, prepare)


def refuse_other_shapes(one: Model, other: Model) -> None:
    """Refuse a sampled model that has other nodes."""
    shapes = [{n.name: n.shape for n in [*m.stochastics, *m.data_nodes]} for m in (one, other)]
    if shapes[0] != shapes[1]:
        raise ModelError(f"sampled: expected the names and shapes {shapes[0]} of the simulated model, got {shapes[1]}")


def refuse_model(model: Model) -> None:
    """Refuse what has no joint distribution to draw from."""
    if not model.data_nodes:
        raise ModelError("the test expects a model with data nodes, got none")
    if model.potentials:
        names = ", ".join(p.name for p in model.potentials)
        raise ModelError(f"the test expects a model without potentials (they cannot be drawn from), got {names}")
    Rows.of(model).refuse_weighted("the test")
    gaps = [n.name for n in model.data_nodes if n.mask is not None]
    if gaps:
        raise ModelError(f"the test expects data without missing entries, got some in {', '.join(gaps)}")


__all__ = ["Prepare", "Sampler", "Simulator", "pair", "refuse_model", "refuse_other_shapes"]
