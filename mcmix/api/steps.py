"""The steps that can be asked for by name: ``m.use_step_method(mc.steps.Slice, node)``."""

from __future__ import annotations

from mcmix.steps.density import AdaptiveMetropolis, Enumeration, Metropolis, Slice
from mcmix.steps.gibbs import ConjugateGibbs
from mcmix.steps.labels import EntangledLabels, LabelGibbs

__all__ = [
    "AdaptiveMetropolis",
    "ConjugateGibbs",
    "EntangledLabels",
    "Enumeration",
    "LabelGibbs",
    "Metropolis",
    "Slice",
]
