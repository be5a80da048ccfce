"""Draws of a sampler against the exact posterior of a small model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.model import Model
from mcmix.structure.component_tables import ComponentTables, component_tables
from mcmix.testing.enumeration import Enumeration, enumerated
from mcmix.testing.places import places_in
from mcmix.testing.result import HarnessResult
from mcmix.testing.rule import Rule, refuse_counts
from mcmix.testing.simulate import Prepare, Sampler, refuse_other_shapes
from mcmix.testing.unknowns import state_of


def enumeration_test(
    model: Any,
    sampled: Any = None,
    *,
    prepare: Prepare | None = None,
    exact: Enumeration | None = None,
    burn: int = 200,
    replications: int = 150,
    stages: int = 3,
    growth: int = 3,
    false_alarm: float = 1e-5,
    seed: Any = None,
) -> HarnessResult:
    """Test that a sampler draws from the posterior of a small model.

    Each replication is the end of a chain of its own, from the sampler's own start, and its place in the exact
    posterior (the probability integral transform, randomised where the distribution is discrete) is uniform if the
    sampler is right.

    Parameters
    ----------
    model : Model, or anything a Model takes
        Small enough for :func:`enumerated`.
    sampled : Model, or anything a Model takes, optional
        What the sampler is made for, where it is another model with the same names, shapes and data (a planted fault).
    prepare : callable of MCMC, optional
        Called with each new sampler before it runs: ``lambda m: m.use_step_method(mc.Slicer, "sd")``.
        Moves with the labels summed out are tested where they are asked for so, as ``mc.MarginalMove``.
    exact : Enumeration, optional
        What :func:`enumerated` says of the model, where it has been asked before.
    burn : int
        Sweeps before the one that counts; steps adapt during them.
    replications : int
        In the first stage.
    stages, growth : int
        A stage that leaves doubt is followed by one with `growth` times as many replications in all.
    false_alarm : float
        Probability, at most, that a sampler that is right and has forgotten its start fails.
    seed : int or SeedSequence, optional
        The same seed gives the same verdict.

    Returns
    -------
    HarnessResult
        Of a vector of discrete unknowns the quantities are each entry, how probable the whole vector is among all, and
        how probable the partition that it makes; of all other unknowns each number.

    Raises
    ------
    ModelError
        As :func:`enumerated` does; if the two models differ in names, shapes or data; if a count or probability is out
        of range.

    Notes
    -----
    Cook, Gelman and Rubin (2006), "Validation of software for Bayesian models using posterior quantiles", JCGS 15, with
    the posterior itself in the place of prior draws. Where components can be exchanged and nothing would change but
    their names, the sampler need not exchange them, and the test gives them names at random: that leaves the exact
    posterior as it is, which the sampler's belief that they can be exchanged is held to in turn.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> def model(rate):
    ...     theta = mc.Gamma("theta", 2, rate, size=2)
    ...     z = mc.Categorical("z", [0.5, 0.5], size=3)
    ...     return mc.Model([theta, mc.Poisson("y", theta[z], value=[0, 2, 5], observed=True)])
    >>> mcmix.testing.enumeration_test(model(3), seed=1).passed
    True
    >>> mcmix.testing.enumeration_test(model(3), model(1 / 3), seed=1).passed
    False
    """
    rule = Rule("enumeration test", replications, stages, growth, false_alarm)
    refuse_counts(burn=burn)
    one = model if isinstance(model, Model) else Model(model)
    other = one if sampled is None else sampled if isinstance(sampled, Model) else Model(sampled)
    refuse_other_shapes(one, other)
    _refuse_other_data(one, other)
    sampler = Sampler(other, prepare)
    found = enumerated(one) if exact is None else exact
    places = places_in(found)

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        child, own = sequence.spawn(2)
        rng = np.random.default_rng(own)
        m = sampler.made({})
        m.sample(burn + 1, burn, chains=1, seed=child, progress_bar=False).or_interrupted()
        values = sampler.present(m)
        draw = {n.name: state_of(n, values[n.name]).copy() for n in other.stochastics}
        for label_pass in m.assembled.label_passes:
            tables = component_tables(label_pass.block, m.assembled.structure)
            if tables.whole:
                draw = _renamed(draw, tables, rng)
        return {name: place(draw, rng) for name, place in places.items()}

    return rule.applied(replicate, seed)


def _refuse_other_data(one: Model, other: Model) -> None:
    data = {n.name: n for n in other.data_nodes}
    for node in one.data_nodes:
        same = node is data[node.name] or np.array_equal(np.asarray(node.value), np.asarray(data[node.name].value))
        if not same:
            raise ModelError(f"sampled: expected the data {node.name} of the model, got others")


def _renamed(
    draw: Mapping[str, np.ndarray], tables: ComponentTables, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The same draw with other names for its components: component k becomes names[k]."""
    label, values, names = tables.label.node, tables.label.values, rng.permutation(tables.capacity)
    renamed = dict(draw)
    renamed[label.name] = values[names[np.searchsorted(values, draw[label.name])]]
    for table in tables.tables:
        for k, (node, place) in enumerate(table):
            to, at = table[names[k]]
            if renamed[to.name] is draw[to.name]:
                renamed[to.name] = draw[to.name].copy()
            renamed[to.name].flat[at] = draw[node.name].flat[place]
    if names[0] != 0:
        renamed |= {node.name: 1 - draw[node.name] for node in tables.complements}
    return renamed


__all__ = ["enumeration_test"]
