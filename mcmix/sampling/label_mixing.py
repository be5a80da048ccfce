"""How slowly chains move that draw labels and parameters given one another, before any has run."""

from __future__ import annotations

import numpy as np

from mcmix.errors import ZeroProbability
from mcmix.sampling.start import Seeds, seeds_of, start
from mcmix.steps.base import Chain
from mcmix.steps.marginal import MarginalMove
from mcmix.steps.plan import CompiledModel


def sweeps_given_labels(compiled: CompiledModel, move: MarginalMove) -> float:
    """Sweeps of updates given labels that an effective draw takes, near the mode that one start leads to.

    The start has a seed of its own: what is decided by it is the model's and the data's.

    Parameters
    ----------
    compiled : CompiledModel
    move : MarginalMove
        One of its steps.

    Returns
    -------
    float
        Infinite where that is not to be said; 1 where a chain cannot be started.
    """
    sequence = np.random.SeedSequence(0)
    chain = Chain(compiled.plan.layout, sequence)
    calls = [call for step in compiled.steps for call in step.bind(chain)]
    try:
        start(compiled, chain, calls, {}, Seeds(seeds_of(compiled, sequence), 0))
    except ZeroProbability:
        return 1.0
    finally:
        for step in compiled.steps:
            step.unbind()
    return move.sweeps_given_labels(chain)


__all__ = ["sweeps_given_labels"]
