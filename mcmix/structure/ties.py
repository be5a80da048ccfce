"""Equal data values and a scale prior that does not vanish at zero: a mixture's posterior is then improper.

A component whose location sits on m equal values has a likelihood that grows as scale**-(m - 1) once the location is
integrated out. With a prior density that behaves like scale**s at zero, the posterior can be normalised only if
s > m - 2: a uniform prior (s = 0) fails at the first pair of equal values.
"""

from __future__ import annotations

import warnings

import numpy as np

from mcmix.errors import ImproperPosteriorWarning
from mcmix.nodes.law import Law
from mcmix.structure.evidence import Evidence, Structure
from mcmix.structure.links import Power, power

NEAR = (1e-10, 1e-12)  # scales, relative to the data's spread, at which the prior's slope is read
LOCATION_SCALE = {"Normal": "precision", "Lognormal": "precision"}


def warn_of_ties(structure: Structure) -> None:
    """Warn, before sampling, of every scale that could collapse onto equal values.

    Warns
    -----
    ImproperPosteriorWarning
        Names the data node, the tied value, how often it occurs, the scale, and a prior that cures it.
    """
    for block in structure.blocks:
        for s in block.factors:
            evidence = next(e for e in structure.evidence if e.factor is s.factor)
            if block.label.n_labels > 1 and evidence.factor.family is not None:
                _look_at(evidence, structure)


def _look_at(evidence: Evidence, structure: Structure) -> None:
    name = LOCATION_SCALE.get(evidence.factor.family.name)  # type: ignore[union-attr]
    x = evidence.factor.x
    if name is None or x is None or not x.is_constant:
        return
    values, counts = np.unique(np.asarray(x.value), return_counts=True)
    ties = int(counts.max())
    if ties < 2:
        return
    parameter = evidence.parameters[name]
    for node, leaf in structure.recording.leaves.items():
        link = power(parameter, structure.recording.values[node], leaf)
        if link is not None and isinstance(node, Law) and _diverges(node, link, ties, float(np.std(x.known))):
            _warn(evidence.factor.node.name, node.name, values[counts.argmax()], ties)


def _diverges(node: Law, link: Power, ties: int, spread: float) -> bool:
    """Whether the prior's power at scale zero is too small for so many ties."""
    from mcmix.nodes.node import holds_nodes

    if any(holds_nodes(p) for p in node.parents.values()):
        return False
    scales = np.array(NEAR) * (spread or 1.0)
    values = scales ** (-2.0 / link.exponent)
    parents = [np.ravel(np.asarray(p, float))[:1] for p in node.parents.values()]
    with np.errstate(all="ignore"):
        logs = node.family.logpdf(values, *parents) + (-2.0 / link.exponent - 1.0) * np.log(scales)
    if not np.isfinite(logs).all():
        return False
    slope = (logs[0] - logs[1]) / (np.log(scales[0]) - np.log(scales[1]))
    return bool(slope <= ties - 2 + 1e-6)


def _warn(data: str, scale: str, value: float, ties: int) -> None:
    warnings.warn(
        f"{data}: the value {value:g} occurs {ties} times, and the prior of {scale!r} does not vanish at zero fast "
        "enough: "
        "a component can shrink onto equal values, so the posterior is improper and a chain may collapse. "
        f"Give {scale!r} a prior that keeps scales away from zero, e.g. InverseGamma on the variance, Gamma on the "
        "precision, or a lower bound above the data's rounding",
        ImproperPosteriorWarning,
        stacklevel=5,
    )
