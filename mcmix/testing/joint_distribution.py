"""The joint-distribution test: sweeps leave the distribution of unknowns and data as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.testing.quantities import label_invariant
from mcmix.testing.result import HarnessResult
from mcmix.testing.rule import Quantity, Rule, ranked, refuse_counts
from mcmix.testing.simulate import Prepare, pair


def joint_test(
    simulated: Any,
    sampled: Any = None,
    *,
    prepare: Prepare | None = None,
    quantities: Mapping[str, Quantity] | None = None,
    steps: int = 1,
    sweeps: int = 20,
    direct: int = 9,
    replications: int = 150,
    stages: int = 3,
    growth: int = 3,
    false_alarm: float = 1e-5,
    seed: Any = None,
) -> HarnessResult:
    """Test that a sampler leaves the joint distribution of unknowns and data as it is.

    Each replication draws unknowns and data from the model and goes `steps` times through sweeps of the sampler given
    the data; between two steps the data are drawn afresh given the unknowns. If the sampler is right, the end is again
    a draw of unknowns and data from the model, and its rank among independent direct draws is uniform.

    Parameters
    ----------
    simulated : Model, or anything a Model takes
        Which to draw from. It has data nodes (their present values do not matter, their shapes do) and no potentials.
        Small is best: 5 to 20 rows, two or three components, proper and moderate priors.
    sampled : Model, or anything a Model takes, optional
        What the sampler is made for, where it is another model with the same names and shapes (a planted fault).
    prepare : callable of MCMC, optional
        Called with each sampler that is assembled, before it runs: ``lambda m: m.use_step_method(mc.Slicer, "sd")``.
        Moves with the labels summed out are tested where they are asked for so, as ``mc.MarginalMove``.
    quantities : mapping of str to callable, optional
        What is ranked: functions of a mapping from names to values; by default :func:`label_invariant`.
    steps : int
        How often sweeps alternate with fresh data. Where the plan of sweeps depends on their numbers each step
        assembles the sampler anew (some milliseconds).
    sweeps : int
        In each step; nothing adapts during them.
    direct : int
        Direct draws that a replication's end is ranked among.
    replications : int
        In the first stage.
    stages, growth : int
        A stage that leaves doubt is followed by one with `growth` times as many replications in all.
    false_alarm : float
        Probability, at most, that a sampler that is right fails.
    seed : int or SeedSequence, optional
        The same seed gives the same verdict.

    Returns
    -------
    HarnessResult

    Raises
    ------
    ModelError
        If the model has no data, missing entries, potentials or a node that cannot be drawn; if the two models differ
        in names or shapes; if a quantity is NaN; if a count or probability is out of range.

    Notes
    -----
    Geweke (2004), "Getting it right: joint distribution tests of posterior simulators", JASA 99, and Gandy and Scott
    (2020), "Unit testing for MCMC and other Monte Carlo methods", for ranks and the sequential rule. Putting the direct
    draw at a random place of the sequence is exact only if the part before it is run by the reversed sampler, and a
    sweep through several steps is not reversible; so sequences start at a direct draw and their ends are ranked among
    others. Replications are then independent, and the false alarm is exact for any sampler.

    The data stay fixed within a step because that costs microseconds a sweep. A sampler that cannot reach some
    values, but leaves the distribution as it is, passes: :func:`rank_calibration` sees that.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> def model(rate):
    ...     theta = mc.Gamma("theta", 2, rate)
    ...     return mc.Model([theta, mc.Poisson("y", theta, value=[0] * 5, observed=True)])
    >>> mcmix.testing.joint_test(model(3), seed=1).passed
    True
    >>> mcmix.testing.joint_test(model(3), model(1 / 3), seed=1).passed
    False
    """
    rule = Rule("joint test", replications, stages, growth, false_alarm)
    refuse_counts(steps=steps, sweeps=sweeps, direct=direct)
    simulator, sampler = pair(simulated, sampled, prepare)
    measured = quantities or label_invariant(simulator.model)

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        *children, own = sequence.spawn(steps + 1)
        rng = np.random.default_rng(own)
        values = simulator.draw(rng)
        for number, child in enumerate(children):
            if number > 0:
                values |= simulator.fresh_data(values, rng)
            values |= sampler.moved(values, sweeps, child)
        return ranked(measured, values, [simulator.draw(rng) for _ in range(direct)], rng)

    return rule.applied(replicate, seed)


__all__ = ["joint_test"]
