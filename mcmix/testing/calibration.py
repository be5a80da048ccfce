"""Simulation-based calibration: true values rank evenly among posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mcmix.testing.quantities import label_invariant
from mcmix.testing.result import HarnessResult
from mcmix.testing.rule import Quantity, Rule, ranked, refuse_counts
from mcmix.testing.simulate import Prepare, pair


def rank_calibration(
    simulated: Any,
    sampled: Any = None,
    *,
    prepare: Prepare | None = None,
    quantities: Mapping[str, Quantity] | None = None,
    burn: int = 200,
    thin: int = 20,
    draws: int = 9,
    replications: int = 150,
    stages: int = 3,
    growth: int = 3,
    false_alarm: float = 1e-5,
    seed: Any = None,
) -> HarnessResult:
    """Test that posterior draws are calibrated: simulation-based calibration of the sampler as users run it.

    Each replication draws unknowns and data from the model, samples the posterior of the unknowns from the sampler's
    own start, and ranks the true values among thinned draws; the rank is uniform if the sampler is right.

    Parameters
    ----------
    simulated, sampled, prepare, quantities, replications, stages, growth, false_alarm, seed
        As for :func:`joint_test`.
    burn : int
        Sweeps before the first kept one's; steps adapt during them.
    thin : int
        Sweeps for each draw that is kept.
    draws : int
        Kept draws that the true values are ranked among.

    Returns
    -------
    HarnessResult

    Raises
    ------
    ModelError
        As :func:`joint_test` does.

    Notes
    -----
    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), "Validating Bayesian inference algorithms with
    simulation-based calibration". The false alarm is as stated only for a sampler that has forgotten its start after
    `burn` sweeps and the draw before after `thin`: a failure may also say that these are too few.

    Examples
    --------
    >>> import mcmix as mc, mcmix.testing
    >>> def model(mean):
    ...     mu = mc.Normal("mu", mean, 1)
    ...     return mc.Model([mu, mc.Normal("y", mu, 1, value=[0.0, 0.0], observed=True)])
    >>> mcmix.testing.rank_calibration(model(0), seed=1).passed
    True
    >>> mcmix.testing.rank_calibration(model(0), model(3), seed=1).passed
    False
    """
    rule = Rule("rank calibration", replications, stages, growth, false_alarm)
    refuse_counts(burn=burn, thin=thin, draws=draws)
    simulator, sampler = pair(simulated, sampled, prepare)
    measured = quantities or label_invariant(simulator.model)

    def replicate(sequence: np.random.SeedSequence) -> dict[str, float]:
        child, own = sequence.spawn(2)
        rng = np.random.default_rng(own)
        truth = simulator.draw(rng)
        found = [truth | values for values in sampler.posterior(truth, burn, thin, draws, child)]
        # one minus the rank of the truth among draws: as in the joint test, high is where the sampler draws too high
        return {q: 1 - rank for q, rank in ranked(measured, truth, found, rng).items()}

    return rule.applied(replicate, seed)


__all__ = ["rank_calibration"]
