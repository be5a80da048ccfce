"""Equal data values and a scale prior that does not vanish at zero: the posterior is then improper.

A component whose location sits on m equal values has a likelihood that grows as scale**-(m - 1) once the location is
integrated out. With a prior density that behaves like scale**s at zero, the posterior can be normalised only if
s > m - 2: a uniform prior (s = 0) fails at the first pair of equal values. Without labels, or with one scale for all
components, the same holds once every row can sit on a location: N rows with d distinct values and at least d components
count as m = N - d + 1 ties.
"""

from __future__ import annotations

import warnings

import numpy as np

from mcmix.errors import ImproperPosteriorWarning
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.node import holds_nodes
from mcmix.structure.contributions import Contribution, Structure
from mcmix.structure.links import Power, power

NEAR = (1e-10, 1e-12)  # scales, relative to the data's spread, at which the prior's slope is read
LOCATION_SCALE = {"Normal": "precision", "Lognormal": "precision", "StudentT": "precision"}
LOCATION = {"Normal": "mean", "Lognormal": "mean", "StudentT": "location"}


def warn_of_ties(structure: Structure) -> None:
    """Warn, before sampling, of every scale that could collapse onto equal values.

    Warns
    -----
    ImproperPosteriorWarning
        Names the data node, the tied value, how often it occurs, the scale, and a prior that cures it.
    """
    in_blocks = {s.factor: b.label.n_labels for b in structure.blocks for s in b.factors}
    for evidence in structure.contributions:
        family, x = evidence.factor.family, evidence.factor.x
        if family is not None and family.name in LOCATION_SCALE and x is not None and x.is_constant and x.size > 1:
            _look_at(evidence, in_blocks.get(evidence.factor, 1), structure)


def _look_at(evidence: Contribution, n_labels: int, structure: Structure) -> None:
    family, x = evidence.factor.family, evidence.factor.x
    assert family is not None and x is not None
    location, parameter = evidence.parameters[LOCATION[family.name]], evidence.parameters[LOCATION_SCALE[family.name]]
    if not location.leaves:  # a known location is met by no value by chance alone
        return
    values, counts = np.unique(x.known, return_counts=True)
    column = evidence.factor.column
    if column is not None and column.weights is not None and column.node.rows_counted:  # type: ignore[attr-defined]
        counts = np.ceil(column.weights[np.argsort(x.known)]).astype(int)
    for node, leaf in structure.recording.leaves.items():
        link = power(parameter, structure.recording.values[node], leaf)
        if link is None or not isinstance(node, Distribution):
            continue
        ties = _ties(counts, n_labels, leaf.size)
        if ties > 1 and _diverges(node, link, ties, float(np.std(x.known))):
            _warn(evidence.factor.node.name, node.name, values[counts.argmax()], int(counts.max()))


def _ties(counts: np.ndarray, n_labels: int, n_scales: int) -> int:
    """How many equal values one scale can shrink onto."""
    if n_labels > 1 and n_scales > 1:
        return int(counts.max())
    return int(counts.sum()) - len(counts) + 1 if len(counts) <= n_labels else 1


def _diverges(node: Distribution, link: Power, ties: int, spread: float) -> bool:
    """Whether the prior's power at scale zero is too small for so many ties."""
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
