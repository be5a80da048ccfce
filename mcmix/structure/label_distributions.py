"""The distribution of a label vector given everything else, as the pass over the data asks it.

A pass weighs a tile of units under each label and hands the tile over: the distribution *draws* labels from it, or
turns it into *expected* ones (responsibilities and the units' log totals). What the labels then say about the
distribution's own parameters goes by its sufficient statistics: numbers of units by label where these are independent.

One that is not among those below is a file of its own: a subclass, and a way to recognise it in
:data:`mcmix.structure.recognised_labels.RECOGNISED`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from mcmix.distributions.family import Sums
from mcmix.structure.expression import Expression, constant, elementwise
from mcmix.structure.label_vectors import LabelVector, SeparableFactor
from mcmix.structure.recording import Factor
from mcmix.structure.rewrite import NotSeparable, follow_rows, substitute

Said = tuple[Expression, Sums | None]  # log density as a function of the parameters, and sufficient statistics


class LabelDistribution:
    """What the pass and the structure ask of the labels' distribution.

    Attributes
    ----------
    draw, expect : AddressedKernel or None
        ``(record, pass, first unit, units)``: labels, or responsibilities, of a tile whose log densities stand in the
        scratch (lanes in :mod:`mcmix.kernels.tiles`). ``draw`` returns how many units have no proper total. None where
        labels are independent: the pass has these kernels itself.
    ahead : AddressedKernel or None
        The same arguments, of a distribution whose labels depend on one another: called for every tile in order before
        ``draw`` or ``expect`` is called for every tile in the opposite order. What it needs then it keeps itself: the
        scratch holds another tile's log densities by then.
    log_weights : Expression, shape (K,), or None
        Log prior mass of each label, where that is the same for every unit and part of the tile's log densities.
    by_row : bool
        Whether the prior is a factor like any other that goes by row and is weighed with the rest.
    why_not_exchanged : str or None
        Why no permutation of labels can be seen to leave it as it is, in words.
    tables, squares : sequence of Expression
        What it looks up by label beside weights: with one entry for each, and with one for each pair of them.
    """

    draw: Any = None
    expect: Any = None
    ahead: Any = None
    log_weights: Expression | None = None
    by_row: bool = False
    why_not_exchanged: str | None = None
    tables: Sequence[Expression] = ()
    squares: Sequence[Expression] = ()

    def said(self, factor: Factor, counts: Expression) -> Said | None:
        """What labels say about the parameters, from their sufficient statistics; None where rows say it.

        Parameters
        ----------
        factor : Factor
            The labels' own.
        counts : Expression, shape (K,)
            Leaf with the number of units by label.
        """
        return None

    def prelude(self) -> Sequence[tuple[Expression, Hashable]]:
        """What is computed before each pass, and the keys of its places."""
        return ()

    def places(self) -> Mapping[Hashable, int]:
        """Further places in a chain's memory, and how many doubles each takes."""
        return {}

    def record(self, address: Callable[[Hashable], int]) -> np.ndarray | None:
        """What its kernels are told beside the pass, with addresses of places; None where that is nothing."""
        return None

    def accumulators(self) -> Sequence[Any]:
        """What it adds up beside numbers of units: :class:`mcmix.steps.accumulators.Accumulator`."""
        return ()


class IndependentLabels(LabelDistribution):
    """Labels that are independent of one another given all else, the prior by row among the factors."""

    by_row = True
    why_not_exchanged: str | None = "weights vary by row"


class SharedWeights(IndependentLabels):
    """Independent labels with the same weights for every unit.

    Parameters
    ----------
    label : LabelVector
    log_weights : Expression, shape (K,)
    """

    by_row = False
    why_not_exchanged = None

    def __init__(self, label: LabelVector, log_weights: Expression):
        self.label = label
        self.log_weights = log_weights

    def said(self, factor: Factor, counts: Expression) -> Said:
        """One element for each label, weighted by its count."""
        assert self.log_weights is not None and factor.family is not None
        elements = elementwise("where", elementwise("greater", counts, 0), counts * self.log_weights, 0.0)
        statistics = factor.family.statistics
        if statistics is None:
            return elements, Sums(counts, (), (), ())
        columns = [np.asarray(c.transform(self.label.values.astype(float))) for c in statistics.columns]
        sums = Sums(
            counts,
            tuple(counts * c for c in columns),
            tuple(counts * c * c if s.square else None for c, s in zip(columns, statistics.columns, strict=True)),
            tuple(0.0 for _ in columns),
        )
        return elements, sums


def independent(label: LabelVector, prior: SeparableFactor | None) -> LabelDistribution:
    """The distribution of labels whose own factor separates by row."""
    weights = None if prior is None else shared_weights(prior, label)
    return IndependentLabels() if weights is None else SharedWeights(label, weights)


def shared_weights(prior: SeparableFactor, label: LabelVector) -> Expression | None:
    """Log prior mass of each value, shape (K,), if it is the same for every unit."""
    if prior.labels != [label] or prior.units is not None:
        return None
    rows = prior.rows
    varies = False

    def on_part(part: Expression) -> bool:
        nonlocal varies
        if part is label.variable:
            return False
        if not part.leaves & {label.variable} and part.shape == rows.shape and part.size > 1:
            varies |= not (part.is_constant and np.unique(np.asarray(part.known)).size == 1)
            return False
        return True

    try:
        follow_rows(rows, rows.shape[0], on_part)
        if varies:
            return None
        return substitute(rows, {label.variable: constant(label.values)})
    except NotSeparable:
        return None


__all__ = ["IndependentLabels", "LabelDistribution", "SharedWeights", "independent", "shared_weights"]
