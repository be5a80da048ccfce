"""Which step serves which variable: the first row of the table that is competent wins.

A new step is a new class, and a row here. The order of the rows is the rule for ties: exact joint draws before exact
single draws, those before slice sampling, that before Metropolis. A user's own step class goes before a row whose rank
its competence reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from mcmix.errors import ModelError
from mcmix.nodes.distribution import Distribution
from mcmix.nodes.stochastic import Stochastic
from mcmix.steps import (
    coefficients,
    coordinates,
    density,
    gaps,
    gates,
    gibbs,
    joint_gibbs,
    linked,
    pairs,
    targets,
    telescope,
    vector_gibbs,
    windows,
)
from mcmix.steps.base import Step
from mcmix.steps.forward import DrawFromPrior
from mcmix.steps.labels import LabelGibbs, NonFactorisingLabels
from mcmix.steps.own import StepMethod, fittest_own
from mcmix.structure.conjugacy import conjugate
from mcmix.structure.contributions import Structure
from mcmix.structure.expression import Expression
from mcmix.structure.walks import ordered

MOST_SLICED = 256  # terms of a log density up to which slice sampling's many evaluations are worth their price
MOST_TRIED_AS_WRITTEN = 32  # values of a discrete variable that are all tried where that calls a user's function
MOST_ENUMERATED_LABELS = 24  # so few non-factorising labels are enumerated one by one instead of proposed together


@dataclass(frozen=True)
class Row:
    """One row of the competence table."""

    step: type[Step]
    competence: Callable[[Stochastic, Structure], str | None]
    build: Callable[[Stochastic, Structure, str], Step]
    rank: int = 3  # how fit it is, on the scale of StepMethod.competence: 3 exact, 2 iterative


def _label_pass(node: Stochastic, structure: Structure) -> str | None:
    return "label vector" if structure.block_of(node) is not None else None


def _enumeration(node: Stochastic, structure: Structure) -> str | None:
    found = targets.values_of(node)
    size = int(np.prod(node.state_shape, dtype=int))
    if found is None or (size > MOST_ENUMERATED_LABELS and any(c.node is node for c in structure.non_factorising)):
        return None
    return f"{found[1]} possible values" + (f" for each of {size} elements" if size > 1 else "")


def _windows(node: Stochastic, structure: Structure) -> str | None:
    found = _enumeration(node, structure)
    values = targets.values_of(node)
    if found is None or values is None or values[1] <= MOST_TRIED_AS_WRITTEN:
        return None
    if not _has_python(targets.target_of(node, structure).expression):
        return None
    return f"{found}, and a function of the user's is asked about each"


def _non_factorising(node: Stochastic, structure: Structure) -> str | None:
    return "labels" if any(c.node is node for c in structure.non_factorising) else None


def _not_conjugate(node: Stochastic, structure: Structure) -> str:
    found = conjugate(node, structure)
    return found if isinstance(found, str) else ""


def _slice(node: Stochastic, structure: Structure) -> str | None:
    if targets.is_discrete(node) or targets.moves_as_block(node) or node.atoms:
        return None
    target = targets.target_of(node, structure)
    n = int(np.prod(node.state_shape, dtype=int))
    if target.single or n <= density.MOST_ONE_BY_ONE:
        cheap = target.size <= MOST_SLICED
    else:  # scales of many covariances would move little as a block; given the sums of their rows, one by one is cheap
        cheap = n * target.size <= density.MOST_TERMS and targets.on_sums_of_vectors(node, structure)
    if not cheap or _has_python(target.expression):
        return None
    return f"cheap log density; {_not_conjugate(node, structure)}"


def _block(node: Stochastic, structure: Structure) -> str | None:
    if targets.is_discrete(node) or node.atoms:
        return None
    size = int(np.prod(node.state_shape, dtype=int))
    if targets.moves_as_block(node) or (
        size > density.MOST_ONE_BY_ONE and not targets.target_of(node, structure).single
    ):
        return f"{size} elements whose log density is one; {_not_conjugate(node, structure)}"
    return None


def _matrix_slice(node: Stochastic, structure: Structure) -> str | None:
    support = node.family.support if isinstance(node, Distribution) else None
    if support is None or not (support.correlation or support.positive_definite):
        return None
    target, _ = targets.joint_target([node], structure)
    evaluations = targets.piece_of(node).free * max(x.size for x in ordered(target))
    if evaluations > density.MOST_TERMS or not targets.on_sums_of_vectors(node, structure) or _has_python(target):
        return None
    return f"cheap log density of matrices; {_not_conjugate(node, structure)}"


def _transfers(node: Stochastic, structure: Structure) -> str | None:
    return "counts with a given total" if targets.keeps_total(node) else None


def _metropolis(node: Stochastic, structure: Structure) -> str | None:
    if targets.moves_as_block(node) or targets.keeps_total(node) or node.atoms:
        return None
    return f"serves everything else; {_not_conjugate(node, structure)}"


def _has_python(target: Expression) -> bool:
    return any(x.op == "python" for x in ordered(target))


def _idle(node: Stochastic, structure: Structure) -> str | None:
    return "no data depend on it" if structure.is_forward_sampled(node) else None


ITERATIVE = 2

TABLE: list[Row] = [
    Row(DrawFromPrior, _idle, lambda n, s, why: DrawFromPrior([n], s, why)),
    Row(LabelGibbs, _label_pass, lambda n, s, why: LabelGibbs([n], s)),
    Row(telescope.Telescoping, telescope.number_drawn, lambda n, s, why: telescope.Telescoping([n], s, why)),
    Row(telescope.WeightsInUse, telescope.weights_drawn, lambda n, s, why: telescope.WeightsInUse([n], s, why)),
    Row(joint_gibbs.DrawnAlong, gaps.competence, lambda n, s, why: joint_gibbs.DrawnAlong([n], s, why)),
    Row(joint_gibbs.DrawnAlong, joint_gibbs.with_precision, lambda n, s, why: joint_gibbs.DrawnAlong([n], s, why)),
    Row(joint_gibbs.JointGibbs, joint_gibbs.competence, lambda n, s, why: joint_gibbs.JointGibbs([n], s, why)),
    Row(joint_gibbs.DrawnAlong, coefficients.with_others, lambda n, s, why: joint_gibbs.DrawnAlong([n], s, why)),
    Row(
        coefficients.CoefficientGibbs,
        coefficients.competence,
        lambda n, s, why: coefficients.CoefficientGibbs([n], s, why),
    ),
    Row(
        linked.LinkedCoefficients,
        linked.competence,
        lambda n, s, why: linked.LinkedCoefficients([n], s, why),
        ITERATIVE,
    ),
    Row(gates.GateGibbs, gates.competence, lambda n, s, why: gates.GateGibbs([n], s, why)),
    Row(joint_gibbs.DrawnAlong, gates.with_others, lambda n, s, why: joint_gibbs.DrawnAlong([n], s, why)),
    Row(gibbs.ConjugateGibbs, gibbs.competence, lambda n, s, why: gibbs.ConjugateGibbs([n], s)),
    Row(vector_gibbs.VectorGibbs, vector_gibbs.competence, lambda n, s, why: vector_gibbs.VectorGibbs([n], s, why)),
    Row(
        coordinates.MissingCoordinates,
        coordinates.competence,
        lambda n, s, why: coordinates.MissingCoordinates([n], s, why),
    ),
    Row(pairs.PairedLabels, pairs.competence, lambda n, s, why: pairs.PairedLabels([n], s, why)),
    Row(windows.WindowedEnumeration, _windows, lambda n, s, why: windows.WindowedEnumeration([n], s, why)),
    Row(density.Enumeration, _enumeration, lambda n, s, why: density.Enumeration([n], s, why)),
    Row(NonFactorisingLabels, _non_factorising, lambda n, s, why: NonFactorisingLabels([n], s)),
    Row(density.Slice, _slice, lambda n, s, why: density.Slice([n], s, why), ITERATIVE),
    Row(density.BlockSlice, _matrix_slice, lambda n, s, why: density.BlockSlice([n], s, why), ITERATIVE),
    Row(density.BlockMetropolis, _block, lambda n, s, why: density.BlockMetropolis([n], s, why), ITERATIVE),
    Row(
        density.TransferMetropolis,
        _transfers,
        lambda n, s, why: density.TransferMetropolis([n], s, why),
        ITERATIVE,
    ),
    Row(density.ElementMetropolis, _metropolis, lambda n, s, why: density.ElementMetropolis([n], s, why), ITERATIVE),
]


def step_for(node: Stochastic, structure: Structure) -> Step:
    """The step of the first competent row, or a user's own step class that calls itself as fit.

    Raises
    ------
    ModelError
        If no row is competent; the node is named.
    """
    own, fitness = fittest_own(node)
    for row in TABLE:
        why = row.competence(node, structure)
        if why is not None:
            return own(node) if own is not None and fitness >= row.rank else row.build(node, structure, why)
    if own is not None:
        return own(node)
    _refuse_atoms([node])
    kind = "integer" if targets.is_discrete(node) else "real"
    raise ModelError(f"no step method can update {node.name!r} ({kind}): pass one with use_step_method(Step, node)")


def _refuse_atoms(nodes: Sequence[Stochastic]) -> None:
    """Refuse unknowns that have point masses beside a density: no step goes from the ones to the other."""
    for node in nodes:
        if node.atoms:
            points = " and ".join(f"{point:g}" for point in node.atoms)
            raise ModelError(
                f"{node.name}: a distribution with point masses (at {points}) is one of data; expected complete values "
                "(value=..., observed=True), or nothing below it that is data. Leave out rows that are missing; for an "
                "unknown write the label that says whether it is one of these points, and the rest, as two variables"
            )


@dataclass(frozen=True)
class Choice:
    """A step that the user asked for.

    Attributes
    ----------
    step : class
    nodes : tuple of Stochastic
    arguments, keywords : what else goes to its constructor
    """

    step: type[Any]
    nodes: tuple[Stochastic, ...]
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def made(self, structure: Structure) -> Step:
        """The step, or the compiled one that does what it says.

        Raises
        ------
        ModelError
            If it cannot serve the nodes; the reason is given.
        """
        if issubclass(self.step, (density.DensityStep, density.BlockMetropolis)):
            _refuse_atoms(self.nodes)
        try:
            if StepMethod not in self.step.__mro__:  # compiled steps pass for the methods that they serve
                return cast(Step, self.step(list(self.nodes), structure, *self.arguments, **self.keywords))
            return self._own().served_by(structure)
        except TypeError as error:
            names = ", ".join(repr(n.name) for n in self.nodes)
            raise ModelError(f"use_step_method: {self.step.__name__} cannot serve {names}: {error}") from error

    def _own(self) -> StepMethod:
        nodes = list(self.nodes) if len(self.nodes) > 1 or self.step.several else self.nodes[0]
        made = cast(StepMethod, self.step(nodes, *self.arguments, **self.keywords))
        made.again = self._own
        return made
