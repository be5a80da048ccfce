"""Steps: how variables move. The classes named here can be asked for: ``m.use_step_method(mc.steps.Slicer, node)``.

Examples
--------
>>> import mcmix as mc
>>> mc.steps.Slicer is mc.Slicer
True
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "AdaptiveMetropolis": "methods",
    "BinaryMetropolis": "methods",
    "ConjugateGibbs": "gibbs",
    "DiscreteMetropolis": "methods",
    "DrawFromPrior": "forward",
    "NonFactorisingLabels": "labels",
    "Enumeration": "density",
    "LabelGibbs": "labels",
    "Metropolis": "methods",
    "NoStepper": "methods",
    "PDMatrixMetropolis": "methods",
    "Slice": "density",
    "Slicer": "methods",
    "StepMethod": "own",
}


def __getattr__(name: str) -> Any:
    """Load a step's home when it is first asked for: ``import mcmix`` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mcmix.steps' has no attribute {name!r}; there are {', '.join(_HOMES)}")
    return getattr(import_module(f"mcmix.steps.{_HOMES[name]}"), name)
